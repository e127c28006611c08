/// What a browser or Prometheus asked, out of the head of an HTTP request (RFC 9112), as far as a server that only shows needs it.
struct WebRequest: Equatable {
  /// What is asked for: a path from `/` on, without its query.
  var path: String
}

/// A request that is not answered with what it asked for.
struct WebRefusal: Error, Equatable {
  /// Status code (RFC 9110, 15).
  var status: Int
  /// What is wrong, in one sentence.
  var sentence: String
}

/// Reads one request out of the bytes of a connection, however they are cut.
///
/// Whatever two readers could understand in two ways is refused, and so is every body: nothing comes in by this way.
struct WebRequestReader {
  /// The most bytes of a request's head.
  static let headLengthMax = 8 * 1024

  private var head: [UInt8] = []
  /// Up to here there is no end of the head.
  private var searched = 0
  /// The names under which this machine alone knows itself; what a page from elsewhere could not be called (DNS rebinding).
  private let hosts: Set<String>

  init(hosts: Set<String>) { self.hosts = hosts }

  /// Whether anything has come.
  var hasBegun: Bool { !head.isEmpty }
  /// Whether more came than one request.
  private(set) var hasSurplus = false

  /// Takes bytes; the request once its head is whole, nil before.
  ///
  /// What comes behind the head is not looked at: there is one request a connection.
  mutating func take(_ bytes: some Sequence<UInt8>) throws(WebRefusal) -> WebRequest? {
    head.append(contentsOf: bytes)
    while searched < head.count {
      defer { searched += 1 }
      guard searched < Self.headLengthMax else {
        throw WebRefusal(
          status: 431, sentence: "A request has a head of at most \(Self.headLengthMax) bytes.")
      }
      // Where lines have to end with both, a line feed alone is seen by one reader and not by another.
      if head[searched] == UInt8(ascii: "\n"),
        searched == 0 || head[searched - 1] != UInt8(ascii: "\r")
      {
        throw WebRefusal(status: 400, sentence: "Lines of a request end with CR and LF.")
      }
      guard searched >= 3, head[searched - 3...searched].elementsEqual("\r\n\r\n".utf8) else {
        continue
      }
      hasSurplus = searched + 1 < head.count
      return try request(String(decoding: head[..<(searched - 3)], as: UTF8.self))
    }
    return nil
  }

  private func request(_ head: String) throws(WebRefusal) -> WebRequest {
    guard
      head.utf8.allSatisfy({
        (0x20...0x7E).contains($0) || $0 == 0x0D || $0 == 0x0A || $0 == 0x09
      })
    else { throw bad("A request's head is ASCII without control characters.") }
    var lines: [Substring.UTF8View] = []
    var rest = head[...].utf8
    while let end = rest.firstIndex(of: 0x0D) {
      lines.append(rest[..<end])
      rest = rest[end...].dropFirst()
      guard rest.first == 0x0A else { throw bad("Lines of a request end with CR and LF.") }
      rest = rest.dropFirst()
    }
    lines.append(rest)
    let path = try self.path(Substring(lines[0]))
    var fields: [String: [Substring]] = [:]
    for line in lines.dropFirst() {
      guard let colon = line.firstIndex(of: UInt8(ascii: ":")), colon > line.startIndex,
        line[..<colon].allSatisfy(Self.isTokenByte)
      else { throw bad("A field of the request has no name, or one with a blank.") }
      let name = String(Substring(line[..<colon])).lowercased()
      let value = Substring(line[line.index(after: colon)...])
        .drop { $0 == " " || $0 == "\t" }
      fields[name, default: []].append(value)
    }
    if fields["transfer-encoding"] != nil
      || fields["content-length"].map({ $0.count > 1 || $0[0] != "0" }) ?? false
    {
      throw WebRefusal(status: 413, sentence: "Nothing is taken here: a request has no body.")
    }
    if fields["expect"] != nil {
      throw WebRefusal(status: 417, sentence: "Nothing is taken here: there is nothing to expect.")
    }
    guard let host = fields["host"], host.count == 1 else {
      throw bad("A request names one host.")
    }
    guard isOurs(host[0]) else {
      throw WebRefusal(
        status: 421,
        sentence: "The web view answers to \(hosts.sorted().joined(separator: ", ")) only.")
    }
    return WebRequest(path: path)
  }

  private func path(_ line: Substring) throws(WebRefusal) -> String {
    let parts = line.split(separator: " ", omittingEmptySubsequences: false)
    guard parts.count == 3, !parts[0].isEmpty, parts[0].utf8.allSatisfy(Self.isTokenByte),
      !line.utf8.contains(0x09)
    else { throw bad("A request begins with a method, a path and HTTP/1.1.") }
    guard parts[2] == "HTTP/1.1" || parts[2] == "HTTP/1.0" else {
      throw WebRefusal(status: 505, sentence: "HTTP/1.1 is spoken here.")
    }
    guard parts[0] == "GET" else {
      throw WebRefusal(status: 405, sentence: "The web view only shows: GET is all that it takes.")
    }
    guard parts[1].first == "/" else { throw bad("A request's path begins with /.") }
    return String(parts[1].prefix { $0 != "?" && $0 != "#" })
  }

  /// A name with or without a port; the port may be a tunnel's, and says nothing.
  private func isOurs(_ host: Substring) -> Bool {
    var name = host
    while let last = name.last, last == " " || last == "\t" { name.removeLast() }
    if let colon = name.lastIndex(of: ":"), !name[colon...].contains("]") {
      let port = name[name.index(after: colon)...]
      guard port.utf8.allSatisfy({ (0x30...0x39).contains($0) }), port.utf8.count <= 5 else {
        return false
      }
      name = name[..<colon]
    }
    return hosts.contains(name.lowercased())
  }

  private func bad(_ sentence: String) -> WebRefusal { WebRefusal(status: 400, sentence: sentence) }

  /// RFC 9110, 5.6.2.
  private static func isTokenByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"):
      true
    default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
    }
  }
}

/// An answer with all that it has to say, as bytes.
enum WebAnswer {
  /// The phrases of RFC 9110 for what is answered here.
  private static let phrases = [
    200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed",
    408: "Request Timeout", 413: "Content Too Large", 417: "Expectation Failed",
    421: "Misdirected Request", 431: "Request Header Fields Too Large", 503: "Service Unavailable",
    505: "HTTP Version Not Supported",
  ]

  /// The head of an answer; a stream has no length and ends with the connection.
  static func head(
    status: Int = 200, type: String, length: Int?, fields: [(String, String)] = []
  ) -> [UInt8] {
    var lines = ["HTTP/1.1 \(status) \(phrases[status] ?? "")", "Content-Type: \(type)"]
    if let length { lines.append("Content-Length: \(length)") }
    if status == 405 { lines.append("Allow: GET") }
    if status == 503 { lines.append("Retry-After: 5") }
    lines += [
      "Cache-Control: no-store", "Connection: close", "X-Content-Type-Options: nosniff",
      "Referrer-Policy: no-referrer", "Cross-Origin-Resource-Policy: same-origin",
      "X-Frame-Options: DENY",
    ]
    lines += fields.map { "\($0.0): \($0.1)" }
    return Array((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8)
  }

  /// A whole answer.
  static func whole(
    status: Int = 200, type: String = "text/plain; charset=utf-8", _ body: String,
    fields: [(String, String)] = []
  ) -> [UInt8] {
    let bytes = Array(body.utf8)
    return head(status: status, type: type, length: bytes.count, fields: fields) + bytes
  }

  static func refusal(_ refusal: WebRefusal) -> [UInt8] {
    whole(status: refusal.status, refusal.sentence + "\n")
  }
}
