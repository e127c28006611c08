internal import CLinux
internal import Control
internal import Dispatch
internal import Glibc

/// One control connection; lives on its server's queue.
final class ControlConnection {
  let number: UInt64
  let peer: Peer
  /// Whether it gets the status at every change.
  var watches = false
  /// By this the command at work is answered; nil when there is none.
  ///
  /// Weak, so that a handler that drops it unanswered is noticed.
  weak var responder: Responder?

  private let descriptor: Int32
  private unowned let server: ControlServer
  private var source: (any DispatchSourceRead)?
  private var writeSource: (any DispatchSourceWrite)?
  private var assembler = LineAssembler(lengthMax: Wire.requestLengthMax)
  private var passed: PassedDescriptor?
  /// Bytes that wait for the client, from `outputStart` on.
  private var output: [UInt8] = []
  private var outputStart = 0
  /// Whether a command is at work: no other one begins until it is answered.
  private var busy = false
  /// Whether the client has ended its own sending.
  private var inputEnded = false
  /// Whether the connection ends as soon as its output is out.
  private var ending = false
  /// What is written to once reading has stopped; -1 before.
  private var writeOnly: Int32 = -1
  private var closed = false
  /// When the connection last had nothing to do, and when the client last took something.
  private var idleSince = ControlServer.milliseconds
  private var outputMovedAt: UInt64 = 0

  init(number: UInt64, descriptor: Int32, peer: Peer, server: ControlServer) {
    self.number = number
    self.descriptor = descriptor
    self.peer = peer
    self.server = server
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

  deinit {
    source?.cancel()
    writeSource?.cancel()
    if writeOnly >= 0 { close(writeOnly) }
  }

  // MARK: In

  private func receive() {
    // One buffer a turn, then other connections have theirs.
    let bytes = [UInt8](unsafeUninitializedCapacity: 16 * 1024) { buffer, count in
      count = 0
      var one: Int32 = -1
      var surplus: Int32 = 0
      let received = clinux_socket_receive(
        descriptor, buffer.baseAddress, buffer.count, &one, &surplus)
      if one >= 0 { take(PassedDescriptor(one)) }
      if surplus > 0 { fail(.usage("More than one file was passed with a request.")) }
      switch received {
      case 1...: count = received
      case 0: inputDidEnd()
      case Int(-EAGAIN), Int(-EINTR): break
      default: drop()
      }
    }
    guard !bytes.isEmpty, !closed, !ending else { return }
    assembler.append(bytes)
    takeRequests()
  }

  private func take(_ descriptor: PassedDescriptor) {
    guard passed == nil else {
      fail(.usage("More than one file was passed with a request."))
      return
    }
    passed = descriptor
  }

  private func takeRequests() {
    // The next request waits until the answers before it are read, so that answers cannot pile up.
    while !busy, !closed, !ending, waitingCount < server.waitingBytesSoft {
      switch assembler.next() {
      case .whole(let bytes): take(line: bytes)
      case .tooLong:
        fail(
          .badInput(
            "A request has at most \(Wire.requestLengthMax) bytes, ended by a line feed."))
      case nil:
        if inputEnded { endOfInput() }
        return
      }
    }
    if assembler.waitingCount > Wire.requestLengthMax {
      fail(
        .busy(
          "Too many requests came at once; send the next one when the last one is answered."))
    }
  }

  private func take(line: [UInt8]) {
    let descriptor = passed
    passed = nil
    do throws(Failure) {
      let request = try Wire.request(from: line)
      let command = request.command
      if let passed = command.passed {
        guard let descriptor else {
          throw .usage("\"\(command.words)\" needs \(passed) as a passed file descriptor.")
        }
        guard clinux_is_regular_file(descriptor.number) == 1 else {
          throw .badInput(
            "What was passed as \(passed) is no regular file; give one that is.")
        }
        guard clinux_is_open_for(descriptor.number, command.writesDescriptor ? 1 : 0) == 1 else {
          throw .badInput(
            "What was passed as \(passed) is not open for \(command.writesDescriptor ? "writing" : "reading"); "
              + "open it so, and pass it again.")
        }
      }
      busy = true
      server.received(request, command.needsDescriptor ? descriptor : nil, on: self)
    } catch {
      fail(error)
    }
  }

  private func inputDidEnd() {
    inputEnded = true
    // A client that has closed altogether is gone; one that only ended its sending still reads.
    if clinux_socket_peer_gone(descriptor) != 0 {
      drop()
    } else {
      stopReading()
      takeRequests()
    }
  }

  private func endOfInput() {
    if assembler.hasUnfinishedLine {
      fail(.badInput("The request ends without a line feed."))
    } else {
      ending = true
      flush()
    }
  }

  /// Keeps the connection for what is still to be sent, without its read source.
  ///
  /// A descriptor at its end stays readable for good, and its source would wake without end.
  private func stopReading() {
    guard writeOnly < 0, !closed else { return }
    let copy = clinux_duplicate(descriptor)
    guard copy >= 0 else {
      drop()
      return
    }
    writeOnly = copy
    source?.cancel()
    source = nil
  }

  // MARK: Out

  func answer(_ answer: Responder.Answer) {
    switch answer {
    case .progress(let reply):
      guard busy, !ending, waitingCount < server.waitingBytesSoft else { return }
      put(Wire.line(progress: reply))
    case .final(let reply):
      guard busy, !ending else { return }
      busy = false
      responder = nil
      idleSince = ControlServer.milliseconds
      put(Wire.line(final: reply))
      if !closed { takeRequests() }
    }
  }

  /// Sends a watcher the status; one that reads too slowly misses it, and gets the next one.
  func event(_ line: [UInt8]) {
    guard !ending, waitingCount < server.waitingBytesSoft else { return }
    put(line)
  }

  /// Tells the client what is wrong and ends the connection.
  func fail(_ failure: Failure) { end(failing: failure) }

  /// Ends the connection, with a failure where there is one.
  func end(failing failure: Failure?) {
    guard !closed, !ending else { return }
    ending = true
    if let failure {
      put(Wire.line(final: .failure(failure)))
      stopReading()
    } else {
      flush()
      drop()
    }
  }

  /// Drops a client that keeps the connection without using it, or does not take what it asked for.
  func checkTime(_ now: UInt64, _ limits: ControlServer.Limits) {
    if waitingCount > 0 {
      if now - min(now, outputMovedAt) >= UInt64(limits.stalledMilliseconds) { drop() }
    } else if !busy, now - min(now, idleSince) >= UInt64(limits.idleMilliseconds) {
      fail(.usage("No whole request came in time; connect again."))
    }
  }

  private var waitingCount: Int { output.count - outputStart }

  private func put(_ line: [UInt8]) {
    guard !closed else { return }
    if waitingCount == 0 { outputMovedAt = ControlServer.milliseconds }
    output.append(contentsOf: line)
    if writeSource == nil { flush() }
  }

  private func flush() {
    guard !closed else { return }
    let target = writeOnly >= 0 ? writeOnly : descriptor
    while waitingCount > 0 {
      let sent = output.withUnsafeBytes { bytes in
        let rest = UnsafeRawBufferPointer(rebasing: bytes[outputStart...])
        return clinux_socket_send(target, rest.baseAddress, rest.count, -1)
      }
      switch sent {
      case 0...:
        outputStart += sent
        outputMovedAt = ControlServer.milliseconds
      case Int(-EINTR): continue
      case Int(-EAGAIN):
        waitToWrite()
        return
      default:
        drop()
        return
      }
    }
    output.removeAll(keepingCapacity: output.capacity <= 64 * 1024)
    outputStart = 0
    idleSince = ControlServer.milliseconds
    writeSource?.cancel()
    writeSource = nil
    if ending { drop() }
  }

  private func waitToWrite() {
    guard writeSource == nil else { return }
    // A descriptor of its own for each source: libdispatch keeps one registration a descriptor.
    let copy = clinux_duplicate(writeOnly >= 0 ? writeOnly : descriptor)
    guard copy >= 0 else {
      drop()
      return
    }
    let source = DispatchSource.makeWriteSource(fileDescriptor: copy, queue: server.queue)
    nonisolated(unsafe) weak let connection = self
    source.setEventHandler { @Sendable in
      connection?.flush()
      connection?.takeRequests()
    }
    source.setCancelHandler { @Sendable in close(copy) }
    writeSource = source
    source.activate()
  }

  private func drop() {
    guard !closed else { return }
    closed = true
    watches = false
    responder?.peerIsGone()
    passed = nil
    output = []
    outputStart = 0
    if writeOnly >= 0 {
      clinux_socket_shut(writeOnly)
      close(writeOnly)
      writeOnly = -1
    } else {
      clinux_socket_shut(descriptor)
    }
    source?.cancel()
    source = nil
    writeSource?.cancel()
    writeSource = nil
    server.forget(self)
  }
}
