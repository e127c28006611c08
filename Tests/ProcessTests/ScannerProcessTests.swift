import CLinux
import Foundation
import Testing

/// `lineward scanners trigger`, from the command line to a scanner and back.
@Suite struct ScannerProcessTests {
  private struct Shown: Decodable {
    var name: String
    var state: String
  }

  @Test(
    "a scanner is triggered while the line stands, shows what it read, and the order is on record")
  func trigger() throws {
    var terminal: Int32 = -1
    var other = [CChar](repeating: 0, count: 64)
    #expect(clinux_open_pty(&terminal, &other, other.count) == 0)
    defer { close(terminal) }
    let path = String(
      decoding: other.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    let daemon = try Daemon(
      scanner: path, scannerMore: "trigger_on = \"LON\\r\"\ntrigger_off = \"LOFF\\r\"")
    #expect(try daemon.startAndWait(), "\(daemon.log)")
    #expect(
      Programs.until(seconds: 20) {
        guard let said = try? daemon.ask("scanners", json: true).output,
          let shown = try? JSONDecoder().decode([Shown].self, from: Data(said.utf8))
        else { return false }
        return shown.first?.state == "online"
      }, "\(daemon.log)")
    // The scanner answers its trigger, whenever that comes.
    let line = terminal
    let heard = DispatchQueue(label: "scanner")
    nonisolated(unsafe) var commands: [UInt8] = []
    heard.async {
      _ = Programs.until(seconds: 30) {
        var bytes = [UInt8](repeating: 0, count: 256)
        let count = clinux_pty_read(line, &bytes, bytes.count)
        if count > 0 { commands += bytes[..<Int(count)] }
        if commands == Array("LON\r".utf8) {
          let read = Array("]d20109506000134352\u{1D}10A\r\n".utf8)
          _ = clinux_pty_write(line, read, read.count)
        }
        return commands.count >= 9
      }
    }
    let ended = try daemon.ask("scanners", "trigger", "camera-1")
    #expect(
      ended.status == 0
        && ended.output == "]d20109506000134352<1D>10A was read by scanner camera-1.\n", "\(ended)")
    heard.sync { #expect(commands == Array("LON\rLOFF\r".utf8)) }
    let unknown = try daemon.ask("scanners", "trigger", "camera-2")
    #expect(unknown.status == 1 && unknown.errors.contains("no scanner camera-2"), "\(unknown)")
    daemon.stop(SIGTERM)
    let exported = try Programs.run(
      "lineward", ["records", "verify", "--directory", daemon.directory])
    #expect(exported.status == 0, "\(exported)")
  }
}
