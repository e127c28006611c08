internal import CLinux
internal import Control
internal import Dispatch
internal import Glibc

/// One connection to the web view; lives on its server's queue.
final class WebConnection {
  /// What a client waits for.
  enum Wants { case request, events, health, metrics, nothing }

  let number: UInt64
  var wants = Wants.request

  private let descriptor: Int32
  private unowned let server: WebServer
  private var source: (any DispatchSourceRead)?
  private var reader: WebRequestReader
  /// What is being sent, from `sent` on.
  private var output: [UInt8] = []
  private var sent = 0
  /// The newest event, which goes out when `output` has: a client that reads slowly misses those between.
  private var nextEvent: [UInt8]?
  /// Whether the connection ends when all is out.
  private var ending = false
  private var closed = false
  /// When the client last did its part, or was last asked for it.
  private var movedAt = ControlServer.milliseconds
  /// Bytes that came behind the request and were thrown away.
  private var surplus = 0

  /// Whether more may have come than a request.
  private var lingers = false

  /// So long a client may take to close that has sent more.
  private static let lingerMilliseconds: UInt64 = 2000
  /// So much more than a request is read before a client is dropped.
  private static let surplusMax = 64 * 1024

  init(number: UInt64, descriptor: Int32, server: WebServer) {
    self.number = number
    self.descriptor = descriptor
    self.server = server
    reader = WebRequestReader(hosts: server.hosts)
  }

  func start() {
    let source = DispatchSource.makeReadSource(fileDescriptor: descriptor, queue: server.queue)
    // Handler and connection live on the same serial queue; the compiler cannot see that.
    nonisolated(unsafe) weak let connection = self
    source.setEventHandler { @Sendable in connection?.receive() }
    source.setCancelHandler { @Sendable [descriptor] in close(descriptor) }
    self.source = source
    source.activate()
  }

  deinit { source?.cancel() }

  private func receive() {
    var code = 0
    let bytes = [UInt8](unsafeUninitializedCapacity: 4096) { buffer, count in
      code = recv(descriptor, buffer.baseAddress, buffer.count, 0)
      count = max(0, code)
      if code < 0 { code = -Int(errno) }
    }
    switch code {
    case 1...: break
    case Int(-EAGAIN), Int(-EINTR): return
    default:
      // Whoever has sent all that it will, and still waits for an answer, does not do so as browsers and Prometheus do.
      drop()
      return
    }
    guard wants == .request else {
      surplus += bytes.count
      if surplus > Self.surplusMax { drop() }
      return
    }
    do throws(WebRefusal) {
      guard let request = try reader.take(bytes) else { return }
      lingers = reader.hasSurplus
      wants = .nothing
      movedAt = ControlServer.milliseconds
      server.received(request, on: self)
    } catch {
      lingers = true
      finish(WebAnswer.refusal(error))
    }
  }

  // MARK: Out

  /// Answers, and ends.
  func finish(_ answer: [UInt8]) {
    guard !closed, !ending else { return }
    wants = .nothing
    ending = true
    put(answer)
  }

  /// Sends the head of a stream.
  func begin(_ head: [UInt8]) { put(head) }

  /// Sends an event, or keeps it until the one before is out.
  func event(_ event: [UInt8]) {
    guard !closed, !ending else { return }
    if sent < output.count { nextEvent = event } else { put(event) }
  }

  private func put(_ bytes: [UInt8]) {
    guard !closed else { return }
    output = bytes
    sent = 0
    movedAt = ControlServer.milliseconds
    flush()
  }

  private func flush() {
    while !closed {
      while sent < output.count {
        let count = output.withUnsafeBytes { bytes in
          let rest = UnsafeRawBufferPointer(rebasing: bytes[sent...])
          return clinux_socket_send(descriptor, rest.baseAddress, rest.count, -1)
        }
        switch count {
        case 0...:
          sent += count
          movedAt = ControlServer.milliseconds
        case Int(-EINTR): continue
        // The timer comes back to it.
        case Int(-EAGAIN): return
        default:
          drop()
          return
        }
      }
      output = []
      sent = 0
      guard let event = nextEvent else { break }
      nextEvent = nil
      output = event
    }
    guard ending, !closed else { return }
    // Closing takes away what the client has not read, where it sent more than was read of it (RFC 9112, 9.6): then its
    // turn comes first, for a while.
    if lingers { shutdown(descriptor, Int32(SHUT_WR)) } else { drop() }
  }

  /// Drops a client that does not do its part in time, and says so where the loop does not do its.
  func checkTime(_ now: UInt64) {
    guard !closed else { return }
    if sent < output.count { flush() }
    let waited = now - min(now, movedAt)
    switch wants {
    case .health, .metrics:
      if waited >= UInt64(server.limits.answerMilliseconds) { server.answerIsLate(on: self) }
    case .request:
      guard waited >= UInt64(server.limits.stalledMilliseconds) else { return }
      if reader.hasBegun {
        finish(
          WebAnswer.refusal(
            WebRefusal(status: 408, sentence: "No whole request came in time.")))
      } else {
        drop()
      }
    case .events:
      // Nothing to send is the loop's silence, which the page sees by itself.
      if sent < output.count, waited >= UInt64(server.limits.stalledMilliseconds) { drop() }
    case .nothing:
      if waited
        >= (sent < output.count
          ? UInt64(server.limits.stalledMilliseconds) : Self.lingerMilliseconds)
      {
        drop()
      }
    }
  }

  func drop() {
    guard !closed else { return }
    closed = true
    output = []
    sent = 0
    nextEvent = nil
    clinux_socket_shut(descriptor)
    source?.cancel()
    source = nil
    server.forget(self)
    wants = .nothing
  }
}
