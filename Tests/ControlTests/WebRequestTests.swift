import Testing

@testable import Daemon

@Suite("Requests to the web view")
struct WebRequestTests {
  static let hosts: Set<String> = ["localhost", "127.0.0.1", "[::1]"]

  /// A request, and what becomes of it: its path, or the status of its refusal, or nothing yet.
  enum Wanted: Equatable { case path(String), status(Int), more }

  static let cases: [(String, Wanted)] = [
    ("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", .path("/")),
    ("GET /events?x=1 HTTP/1.1\r\nhOST:127.0.0.1:8780 \r\nAccept: */*\r\n\r\n", .path("/events")),
    ("GET /metrics HTTP/1.0\r\nHost: [::1]:8780\r\nContent-Length: 0\r\n\r\n", .path("/metrics")),
    ("GET / HTTP/1.1\r\nHost: LOCALHOST:1\r\n\r\nGET /2 HTTP/1.1\r\n", .path("/")),
    // Not yet.
    ("", .more), ("GET / HTTP/1.1\r\nHost: localhost\r\n", .more),
    // Nothing comes in by this way.
    ("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}", .status(405)),
    ("PUT / HTTP/1.1\r\nHost: localhost\r\n\r\n", .status(405)),
    ("DELETE / HTTP/1.1\r\nHost: localhost\r\n\r\n", .status(405)),
    ("HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n", .status(405)),
    ("OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n", .status(405)),
    ("CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n", .status(405)),
    ("get / HTTP/1.1\r\nHost: localhost\r\n\r\n", .status(405)),
    // Bodies, and what two readers could see differently (RFC 9112, 11.2).
    ("GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello", .status(413)),
    (
      "GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n",
      .status(413)
    ),
    ("GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: +0\r\n\r\n", .status(413)),
    (
      "GET / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      .status(413)
    ),
    ("GET / HTTP/1.1\r\nHost: localhost\r\ntransfer-encoding: identity\r\n\r\n", .status(413)),
    ("GET / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding : chunked\r\n\r\n", .status(400)),
    (
      "GET / HTTP/1.1\r\nHost: localhost\r\nX: 1\r\n Transfer-Encoding: chunked\r\n\r\n",
      .status(400)
    ),
    ("GET / HTTP/1.1\nHost: localhost\n\n", .status(400)),
    ("GET / HTTP/1.1\r\nHost: localhost\r\nX: a\rb\r\n\r\n", .status(400)),
    ("GET / HTTP/1.1\r\nHost: localhost\r\nX: a\u{0}b\r\n\r\n", .status(400)),
    ("GET / HTTP/1.1\r\nHost: localhost\r\nX: ä\r\n\r\n", .status(400)),
    ("GET / HTTP/1.1\r\nHost: localhost\r\n: x\r\n\r\n", .status(400)),
    ("GET / HTTP/1.1\r\nHost: localhost\r\nnothing\r\n\r\n", .status(400)),
    ("GET / HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n\r\n", .status(417)),
    // Request lines.
    ("\r\n\r\n", .status(400)), ("hello\r\n\r\n", .status(400)),
    ("GET  / HTTP/1.1\r\nHost: localhost\r\n\r\n", .status(400)),
    ("GET / HTTP/1.1 \r\nHost: localhost\r\n\r\n", .status(400)),
    ("GET\t/ HTTP/1.1\r\nHost: localhost\r\n\r\n", .status(400)),
    ("GET http://localhost/ HTTP/1.1\r\nHost: localhost\r\n\r\n", .status(400)),
    ("GET / HTTP/2.0\r\nHost: localhost\r\n\r\n", .status(505)),
    // Who is meant: a page from elsewhere whose name leads here is not answered.
    ("GET / HTTP/1.1\r\n\r\n", .status(400)),
    ("GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n", .status(400)),
    ("GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", .status(421)),
    ("GET / HTTP/1.1\r\nHost: localhost.evil.example:8780\r\n\r\n", .status(421)),
    ("GET / HTTP/1.1\r\nHost: localhost:8780@evil.example\r\n\r\n", .status(421)),
    ("GET / HTTP/1.1\r\nHost: 127.0.0.1.\r\n\r\n", .status(421)),
    ("GET / HTTP/1.1\r\nHost: \r\n\r\n", .status(421)),
    ("GET / HTTP/1.1\r\nHost: 0.0.0.0\r\n\r\n", .status(421)),
    // Too long.
    (
      "GET / HTTP/1.1\r\nHost: localhost\r\nX: " + String(repeating: "x", count: 9000) + "\r\n\r\n",
      .status(431)
    ),
    ("GET /" + String(repeating: "x", count: 9000), .status(431)),
  ]

  private func outcome(_ pieces: [ArraySlice<UInt8>]) -> Wanted {
    var reader = WebRequestReader(hosts: Self.hosts)
    for piece in pieces {
      do throws(WebRefusal) {
        if let request = try reader.take(piece) { return .path(request.path) }
      } catch {
        return .status(error.status)
      }
    }
    return .more
  }

  @Test("are read the same whole, byte by byte and in two pieces", arguments: cases.indices)
  func dripFeed(index: Int) {
    let (text, wanted) = Self.cases[index]
    let bytes = Array(text.utf8)
    #expect(outcome([bytes[...]]) == wanted, "\(text.prefix(80))")
    #expect(outcome(bytes.indices.map { bytes[$0...$0] }) == wanted, "\(text.prefix(80))")
    for cut in stride(from: 0, through: min(bytes.count, 120), by: 7) {
      #expect(outcome([bytes[..<cut], bytes[cut...]]) == wanted, "\(text.prefix(80))")
    }
  }

  @Test("a head has at most 8 KiB, to the byte")
  func headLength() {
    let frame = "GET / HTTP/1.1\r\nHost: localhost\r\nX: \r\n\r\n".utf8.count
    func head(_ length: Int) -> [UInt8] {
      Array(
        ("GET / HTTP/1.1\r\nHost: localhost\r\nX: "
          + String(repeating: "x", count: length - frame) + "\r\n\r\n").utf8)
    }
    #expect(outcome([head(WebRequestReader.headLengthMax)[...]]) == .path("/"))
    #expect(outcome([head(WebRequestReader.headLengthMax + 1)[...]]) == .status(431))
  }

  @Test("garbage is refused or waits, and never stops anything", arguments: 1...50)
  func garbage(seed: UInt64) {
    var state = seed
    func next() -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return state >> 33
    }
    var bytes = Array("GET / HTTP/1.1\r\nHost: localhost\r\nAccept: text/html\r\n\r\n".utf8)
    for _ in 0...(next() % 6) {
      bytes[Int(next()) % bytes.count] = UInt8(truncatingIfNeeded: next())
    }
    let whole = outcome([bytes[...]])
    #expect(outcome(bytes.indices.map { bytes[$0...$0] }) == whole)
  }
}
