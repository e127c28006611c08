import CLinux
import Control
import Foundation
import Synchronization
import Testing

@testable import Daemon

/// A web view on a Unix socket, with a line behind it that a test plays.
final class TestWeb: Sendable {
  let path: String
  let server: WebServer
  let status = PlayedStatus()
  /// Whether the loop answers.
  let answers = Atomic(true)
  private let folder: Folder

  init(
    limits: WebServer.Limits = .init(), pace: Int = 5,
    metrics: @escaping WebServer.MetricsProvider = { $0("lineward_run_permit 0\n") }
  ) throws {
    folder = try Folder()
    path = folder.path + "/control.sock"
    var feedPace = StatusFeed.Pace()
    feedPace.lookMilliseconds = pace
    feedPace.answerMilliseconds = 20
    let status = status
    nonisolated(unsafe) weak var web: TestWeb?
    server = try WebServer(
      place: .unix(path: path), limits: limits,
      status: StatusFeed(pace: feedPace) { answer in
        if web?.answers.load(ordering: .relaxed) ?? true { answer(status.next()) }
      }, metrics: metrics)
    web = self
    server.start()
  }

  deinit { server.stop() }

  /// Sends a request and gives all that comes back.
  func exchange(_ text: String) throws -> String {
    let raw = try Raw(path: path)
    #expect(raw.send(Array(text.utf8)))
    return raw.readToEnd()
  }

  func get(_ path: String) throws -> String {
    try exchange("GET \(path) HTTP/1.1\r\nHost: localhost\r\n\r\n")
  }

  /// Opens a stream of events and reads up to the first one.
  func watch() throws -> Raw {
    let raw = try Raw(path: path)
    #expect(raw.send(Array("GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8)))
    return raw
  }
}

@Suite("The web view")
struct WebServerTests {
  /// Reads lines up to one that begins so.
  private func line(_ raw: Raw, _ prefix: String) -> String? {
    for _ in 0..<100 {
      let text = raw.readTextLine()
      if text.hasPrefix(prefix) { return text }
    }
    return nil
  }

  @Test("gives one page that loads nothing from elsewhere, under a strict policy")
  func page() throws {
    let web = try TestWeb()
    let answer = try web.get("/")
    #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n"))
    #expect(answer.contains("Content-Security-Policy: default-src 'none';"))
    #expect(answer.contains("frame-ancestors 'none'"))
    #expect(answer.contains("X-Content-Type-Options: nosniff"))
    #expect(!answer.contains("Access-Control-Allow"))
    #expect(!answer.contains("unsafe-inline") && !answer.contains("innerHTML"))
    #expect(!answer.contains("http://") && !answer.contains("https://"))
    #expect(answer.hasSuffix("</html>\n"))
    let other = try web.get("/")
    #expect(answer != other, "the number used once is used twice")
  }

  @Test(
    "gives each watcher the status with its details and words, at each change and as a sign of life"
  )
  func events() throws {
    var limits = WebServer.Limits()
    limits.repeatMilliseconds = 20
    let web = try TestWeb(limits: limits)
    let raw = try web.watch()
    #expect(line(raw, "HTTP/1.1 ") == "HTTP/1.1 200 OK\r")
    let first = try #require(line(raw, "data: "))
    let fields = try #require(
      try JSONSerialization.jsonObject(with: Data(first.dropFirst(6).utf8)) as? [String: Any])
    #expect(fields["line"] as? String == "L01")
    #expect((fields["words"] as? [String: Any])?["state"] as? String == "STOPPED")
    #expect(line(raw, "data: ") == first)
    web.status.value.withLock { $0.alarms.active = 7 }
    var changed = false
    for _ in 0..<100 where !changed {
      changed = line(raw, "data: ")?.contains(#""active":7"#) == true
    }
    #expect(changed)
  }

  @Test(
    "takes nothing in, and says so",
    arguments: [
      ("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}", 405),
      ("GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421),
      ("GET /etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n", 404),
      ("GET /../ HTTP/1.1\r\nHost: localhost\r\n\r\n", 404),
      ("GET / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 413),
      ("\u{0}\u{1}\u{2}\r\n\r\n", 400),
    ])
  func refused(request: String, status: Int) throws {
    let web = try TestWeb()
    let answer = try web.exchange(request)
    #expect(answer.hasPrefix("HTTP/1.1 \(status) "), "\(answer)")
    #expect(status != 405 || answer.contains("\r\nAllow: GET\r\n"))
  }

  @Test("of requests in a row only the first is answered")
  func pipelined() throws {
    let web = try TestWeb()
    let one = "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
    let answer = try web.exchange(one + one + String(repeating: "x", count: 3000))
    #expect(answer.components(separatedBy: "HTTP/1.1 200").count == 2)
  }

  @Test("one watcher more than it takes gets 503, and a place that is left is free again")
  func full() throws {
    var limits = WebServer.Limits()
    limits.watchers = 50
    let web = try TestWeb(limits: limits)
    var raws = try (0..<50).map { _ in try web.watch() }
    for raw in raws { #expect(line(raw, "HTTP/1.1 ") == "HTTP/1.1 200 OK\r") }
    #expect(try web.get("/events").hasPrefix("HTTP/1.1 503 "))
    #expect(try web.get("/health").hasPrefix("HTTP/1.1 200 "))
    raws.removeLast().finish()
    var isTaken = false
    for _ in 0..<1000 where !isTaken {
      let raw = try web.watch()
      isTaken = line(raw, "HTTP/1.1 ") == "HTTP/1.1 200 OK\r"
    }
    #expect(isTaken)
  }

  @Test("a watcher that never reads is dropped, the others go on")
  func slow() throws {
    var limits = WebServer.Limits()
    limits.stalledMilliseconds = 100
    let web = try TestWeb(limits: limits, pace: 1)
    web.status.value.withLock { $0.line = String(repeating: "L", count: 30_000) }
    web.status.changes.store(true, ordering: .relaxed)
    let slow = try web.watch()
    let quick = try web.watch()
    var hungUp = false
    for _ in 0..<10_000 where !hungUp {
      #expect(line(quick, "data: ") != nil)
      hungUp = clinux_socket_peer_gone(slow.descriptor) != 0
    }
    #expect(hungUp)
  }

  @Test("a request that does not come to its end is ended")
  func drip() throws {
    var limits = WebServer.Limits()
    limits.stalledMilliseconds = 50
    let web = try TestWeb(limits: limits)
    #expect(try web.exchange("GET / HTTP/1.1\r\nHost: loc").hasPrefix("HTTP/1.1 408 "))
    // One that says nothing gets nothing.
    #expect(try web.exchange("") == "")
  }

  @Test("health and metrics say so when the loop does not answer, and answer again when it does")
  func silentLoop() throws {
    var limits = WebServer.Limits()
    limits.answerMilliseconds = 50
    let isSilent = Atomic(true)
    let web = try TestWeb(limits: limits) { answer in
      if !isSilent.load(ordering: .relaxed) { answer("x 1\n") }
    }
    web.answers.store(false, ordering: .relaxed)
    #expect(try web.get("/health").hasPrefix("HTTP/1.1 503 "))
    #expect(try web.get("/metrics").hasPrefix("HTTP/1.1 503 "))
    web.answers.store(true, ordering: .relaxed)
    isSilent.store(false, ordering: .relaxed)
    #expect(try web.get("/health").hasPrefix("HTTP/1.1 200 "))
    #expect(try web.get("/metrics").hasSuffix("\r\n\r\nx 1\n"))
  }

  @Test("however many ask for metrics at once, the loop is asked once")
  func manyScrapes() throws {
    let asked = Atomic(0)
    let web = try TestWeb { answer in
      asked.add(1, ordering: .relaxed)
      DispatchQueue.global().asyncAfter(deadline: .now() + .milliseconds(50)) { answer("x 1\n") }
    }
    let raws = try (0..<40).map { _ in
      let raw = try Raw(path: web.path)
      #expect(raw.send(Array("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8)))
      return raw
    }
    for raw in raws { #expect(raw.readToEnd().hasSuffix("x 1\n")) }
    #expect(asked.load(ordering: .relaxed) <= 3)
  }

  @Test("the end of the daemon ends every stream and removes the socket")
  func end() throws {
    let web = try TestWeb()
    let raw = try web.watch()
    #expect(line(raw, "data: ") != nil)
    web.server.stop()
    _ = raw.readToEnd()
    #expect(access(web.path, F_OK) != 0)
  }
}
