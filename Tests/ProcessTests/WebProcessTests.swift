import CLinux
import Foundation
import Testing

/// The web view of a running daemon.
@Suite(.serialized) struct WebProcessTests {
  /// Sends a request and reads until `wanted` has come, or all has.
  private func get(_ socket: String, _ path: String, until wanted: String = "\u{0}") -> String {
    let descriptor = clinux_socket_unix()
    defer { close(descriptor) }
    guard clinux_socket_connect_within(descriptor, socket, 5000) == 0 else { return "" }
    let request = Array("GET \(path) HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8)
    _ = clinux_socket_send(descriptor, request, request.count, -1)
    var all: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while clinux_socket_wait(descriptor, -1, 0, 10_000) == 1 {
      let count = recv(descriptor, &buffer, buffer.count, 0)
      guard count > 0 else { break }
      all += buffer.prefix(count)
      let text = String(decoding: all, as: UTF8.self)
      if text.contains(wanted) { return text }
    }
    return String(decoding: all, as: UTF8.self)
  }

  @Test func thePageItsEventsHealthAndMetricsComeFromTheRunningLine() throws {
    let folder = try Scratch()
    let socket = folder.url.appendingPathComponent("web.sock").path
    let daemon = try Daemon(more: "[web]\nlisten = \"unix:\(socket)\"")
    #expect(try daemon.startAndWait(), "\(daemon.log)")
    #expect(get(socket, "/").hasSuffix("</html>\n"))
    #expect(get(socket, "/health").hasPrefix("HTTP/1.1 200 "))
    // Scanner and PLC are not there: their alarms come by themselves.
    #expect(
      Programs.until(seconds: 10) {
        get(socket, "/metrics").contains("lineward_alarms_raised_total{kind=\"scanner_lost\"} 1\n")
      })
    let metrics = get(socket, "/metrics")
    #expect(metrics.contains("lineward_run_permit 0\n"))
    #expect(metrics.contains("lineward_plc_up{plc=\"plc-1\"} 0\n"))
    #expect(metrics.contains("lineward_scanner_up{scanner=\"camera-1\"} 0\n"))
    #expect(!metrics.contains("lineward_commit_seconds_count 0\n"))
    #expect(!metrics.contains("lineward_records_sequence 0\n"))
    let event = get(socket, "/events", until: "\n\n")
    #expect(event.contains(#""alarm_list":[{"#) && event.contains(#""state":"STOPPED""#))
    // Status keeps its shape for programs.
    let status = try daemon.ask("status", json: true).output
    #expect(!status.contains("alarm_list") && !status.contains("\"cases\""))
    #expect(!status.contains("conveyor_moving"))
    daemon.stop(SIGTERM)
    #expect(!FileManager.default.fileExists(atPath: socket))
  }

  @Test func aPlaceThatIsTakenEndsTheDaemonWithASentence() throws {
    let folder = try Scratch()
    let file = try folder.write("web.sock", "")
    let daemon = try Daemon(more: "[web]\nlisten = \"unix:\(file)\"")
    try daemon.start()
    #expect(Programs.until(seconds: 20) { !daemon.process.isRunning })
    #expect(daemon.process.terminationStatus == 73)
    #expect(daemon.log.contains("Web view \(file): something that is no socket stands there"))
  }
}
