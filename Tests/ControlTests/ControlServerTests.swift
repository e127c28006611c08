import CLinux
import Control
import Daemon
import Dispatch
import Glibc
import Synchronization
import Testing

@Suite("The control server")
struct ControlServerTests {
  @Test("a command is handled with the peer's name, and answered from another thread")
  func answer() throws {
    let line = try TestLine { request, peer, passed, responder in
      #expect(request.command == .lineStop(reason: "jam"))
      #expect(peer.uid == getuid())
      #expect(peer.name == "tester")
      #expect(peer.actor == "tester (\(getuid()))")
      #expect(passed == nil)
      DispatchQueue.global().async {
        responder.progress(ProgressReply(phase: "thinking", done: 1, total: 2))
        responder.finish(.success(.done("Stopped.")))
        responder.finish(.success(.done("Stopped twice.")))
      }
    }
    var client = try ControlClient(path: line.path)
    var progress: [ProgressReply] = []
    let done = try client.ask(.lineStop(reason: "jam"), for: DoneReply.self) { progress.append($0) }
    #expect(done.message == "Stopped.")
    #expect(progress == [ProgressReply(phase: "thinking", done: 1, total: 2)])
    // The connection stays for the next command.
    #expect(try client.ask(.lineStop(reason: "jam"), for: DoneReply.self) == done)
  }

  @Test("a refusal comes back as it was given")
  func refusal() throws {
    let refusal = Failure.refused("The line stays stopped.", causes: ["scanner lost"])
    let line = try TestLine { _, _, _, responder in responder.finish(.failure(refusal)) }
    var client = try ControlClient(path: line.path)
    try client.send(.lineRelease)
    #expect(try finalFailure(&client) == refusal)
  }

  @Test("a handler that never answers does not leave its client waiting")
  func droppedResponder() throws {
    let line = try TestLine { _, _, _, _ in }
    var client = try ControlClient(path: line.path)
    try client.send(.status)
    #expect(try finalFailure(&client)?.exit == .refused)
  }

  @Test("the socket is there with mode 0660 and gone after the stop")
  func ownSocket() throws {
    let line = try TestLine { _, _, _, _ in }
    var status = stat()
    #expect(lstat(line.path, &status) == 0)
    #expect(status.st_mode & 0o7777 == 0o660)
    line.server.stop()
    #expect(lstat(line.path, &status) == -1)
    #expect(failure { _ = try ControlClient(path: line.path) }?.exit == .unreachable)
  }

  @Test("a stale socket is replaced, a live one and anything else is not")
  func staleSocket() throws {
    let folder = try Folder()
    let path = folder.path + "/control.sock"
    let stale = clinux_socket_unix()
    #expect(clinux_socket_bind(stale, path) == 0)
    close(stale)
    let server = try ControlServer(
      path: path, statusProvider: { _ in },
      handler: { _, _, _, responder in responder.finish(.success(.done("first"))) })
    server.start()
    defer { server.stop() }

    #expect(throws: ControlServer.SocketError.self) {
      _ = try ControlServer(path: path, statusProvider: { _ in }, handler: { _, _, _, _ in })
    }
    var client = try ControlClient(path: path)
    #expect(try client.ask(.lineRelease, for: DoneReply.self).message == "first")

    let other = folder.path + "/file"
    close(open(other, O_CREAT | O_WRONLY, 0o600))
    #expect {
      _ = try ControlServer(path: other, statusProvider: { _ in }, handler: { _, _, _, _ in })
    } throws: { "\($0)".contains("no socket stands there") }
    #expect(access(other, F_OK) == 0)
    #expect {
      _ = try ControlServer(
        path: folder.path + "/" + String(repeating: "x", count: 120), statusProvider: { _ in },
        handler: { _, _, _, _ in })
    } throws: { "\($0)".contains("File name too long") }
  }

  @Test("a listening descriptor, as systemd passes one, is served and its path left alone")
  func passedListener() throws {
    let folder = try Folder()
    let path = folder.path + "/control.sock"
    let listening = clinux_socket_unix()
    #expect(clinux_socket_bind(listening, path) == 0)
    #expect(clinux_socket_listen(listening, 8) == 0)
    let server = ControlServer(
      listening: listening, statusProvider: { _ in },
      handler: { _, _, _, responder in responder.finish(.success(.done("yes"))) })
    server.start()
    var client = try ControlClient(path: path)
    #expect(try client.ask(.lineRelease, for: DoneReply.self).message == "yes")
    server.stop()
    #expect(access(path, F_OK) == 0)
  }

  @Test(
    "a descriptor that is not open for what it is passed for is refused in words",
    arguments: [0o10000000, O_WRONLY])
  func closedDescriptor(mode: Int32) throws {
    let line = try TestLine { _, _, _, responder in responder.finish(.success(.done("taken"))) }
    let folder = try Folder()
    let path = folder.path + "/serials.txt"
    let made = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
    close(made)
    let file = open(path, mode | O_CLOEXEC)
    try #require(file >= 0)
    defer { close(file) }
    var client = try ControlClient(path: line.path)
    try client.send(
      .batchOpen(id: "B", gtin: "09506000134352", lot: "L", expiry: "270131"), passing: file)
    let refusal = try finalFailure(&client)
    #expect(refusal?.exit == .badInput)
    #expect(refusal?.message.contains("is not open for reading") == true)
  }

  @Test("serials travel as a descriptor and are closed after use")
  func passedDescriptor() throws {
    let folder = try Folder()
    let path = folder.path + "/serials.txt"
    let file = open(path, O_CREAT | O_RDWR, 0o600)
    #expect(write(file, "A1\nA2\n", 6) == 6)
    let number = Mutex<Int32>(-1)
    let line = try TestLine { _, _, passed, responder in
      guard let passed else {
        responder.finish(.failure(.usage("no file")))
        return
      }
      number.withLock { $0 = passed.number }
      var bytes = [UInt8](repeating: 0, count: 16)
      let count = pread(passed.number, &bytes, 16, 0)
      responder.finish(
        .success(.done(String(decoding: bytes.prefix(max(0, count)), as: UTF8.self))))
    }
    let open = Command.batchOpen(id: "B", gtin: "09506000134352", lot: "L", expiry: "270131")
    var client = try ControlClient(path: line.path)
    #expect(try client.ask(open, passing: file, for: DoneReply.self).message == "A1\nA2\n")
    close(file)
    #expect(number.withLock { $0 } >= 0)

    // Without a file, and with something that is none, the handler is not even asked.
    try client.send(open)
    #expect(try finalFailure(&client)?.exit == .usage)
    var second = try ControlClient(path: line.path)
    try second.send(open, passing: STDIN_FILENO)
    if clinux_is_regular_file(STDIN_FILENO) == 0 {
      #expect(try finalFailure(&second)?.exit == .badInput)
    }
  }

  @Test(
    "what is no request gets an error line and the end of its connection",
    arguments: [
      "garbage\n", "\u{0}\u{1}\u{2}\n", "{\"version\":1,\"command\":\"nothing\"}\n", "\n",
      "{\"version\":1,\"comm",
    ])
  func garbage(text: String) throws {
    let line = try TestLine { _, _, _, responder in responder.finish(.success(.done(""))) }
    let raw = try Raw(path: line.path)
    #expect(raw.send(Array(text.utf8)))
    shutdown(raw.descriptor, Int32(SHUT_WR))
    let answer = raw.readToEnd()
    #expect(answer.hasPrefix("{\"error\":{\"causes\":[],\"code\":"))
    #expect(answer.hasSuffix("\"ok\":false,\"version\":1}\n"))
    try line.expectAlive()
  }

  @Test("100 MB without a line feed is cut off at once")
  func endlessLine() throws {
    let line = try TestLine { _, _, _, responder in responder.finish(.success(.done(""))) }
    let raw = try Raw(path: line.path)
    let block = [UInt8](repeating: UInt8(ascii: "x"), count: 1024 * 1024)
    var sent = 0
    while sent < 100, raw.send(block) { sent += 1 }
    #expect(sent < 10)
    #expect(raw.readToEnd().contains("A request has at most 65536 bytes"))
    try line.expectAlive()
  }

  @Test("a flood of requests without reading answers is cut off")
  func requestFlood() throws {
    var limits = ControlServer.Limits()
    limits.stalledMilliseconds = 100
    let line = try TestLine(limits: limits) { _, _, _, responder in
      responder.finish(.success(.done("x")))
    }
    let raw = try Raw(path: line.path)
    let request = Wire.line(request: .status)
    var sent = 0
    while sent < 1_000_000, raw.send(request) { sent += request.count }
    #expect(sent < 1_000_000)
    try line.expectAlive()
  }

  @Test("a login that keeps watches open leaves room for others, and is told so")
  func tooManyConnectionsOfOneUser() throws {
    let line = try TestLine { _, _, _, responder in responder.finish(.success(.done("x"))) }
    var watches: [Raw] = []
    for _ in 0..<ControlServer.Limits().connectionsOfOneUser {
      let raw = try Raw(path: line.path)
      #expect(raw.send(Wire.line(request: .watch())))
      #expect(!raw.readLine().isEmpty)
      watches.append(raw)
    }
    var client = try ControlClient(path: line.path)
    try client.send(.status)
    let failure = try finalFailure(&client)
    #expect(failure?.code == "busy")
    #expect(failure?.message.contains("16 control connections of your login") == true)
    watches.removeLast().finish()
    try line.expectAlive()
  }

  @Test("one connection too many is told that the daemon is busy")
  func tooManyConnections() throws {
    var limits = ControlServer.Limits()
    limits.connectionsOfOneUser = limits.connections
    let line = try TestLine(limits: limits) { _, _, _, responder in
      responder.finish(.success(.done("x")))
    }
    var clients: [Raw] = []
    for _ in 0..<64 {
      let raw = try Raw(path: line.path)
      #expect(raw.send(Wire.line(request: .status)))
      #expect(!raw.readLine().isEmpty)
      clients.append(raw)
    }
    for _ in 0..<436 {
      var client = try ControlClient(path: line.path)
      try client.send(.status)
      #expect(try finalFailure(&client)?.code == "busy")
    }
    clients.removeLast().finish()
    try line.expectAlive()
  }

  @Test("a client that asks for nothing, or for half a request, is dropped in time")
  func idle() throws {
    var limits = ControlServer.Limits()
    limits.idleMilliseconds = 50
    let line = try TestLine(limits: limits) { _, _, _, responder in
      responder.finish(.success(.done("x")))
    }
    let silent = try Raw(path: line.path)
    let half = try Raw(path: line.path)
    #expect(half.send(Array("{\"version\":1".utf8)))
    #expect(silent.readToEnd().contains("No whole request came in time"))
    #expect(half.readToEnd().contains("No whole request came in time"))
    try line.expectAlive()
  }

  @Test("a client that ends its sending still gets its answer")
  func halfClosed() throws {
    let waiting = Mutex<Responder?>(nil)
    let came = DispatchSemaphore(value: 0)
    let line = try TestLine { _, _, _, responder in
      waiting.withLock { $0 = responder }
      came.signal()
    }
    let raw = try Raw(path: line.path)
    #expect(raw.send(Wire.line(request: .lineRelease)))
    shutdown(raw.descriptor, Int32(SHUT_WR))
    #expect(came.wait(timeout: .now() + 10) == .success)
    let responder = waiting.withLock { $0.take() }
    #expect(responder?.isOpen == true)
    responder?.finish(.success(.done("late")))
    #expect(raw.readToEnd().contains("late"))
  }

  @Test("when a client vanishes its responder is closed and the daemon lives")
  func vanished() throws {
    let waiting = Mutex<[Responder]>([])
    let came = DispatchSemaphore(value: 0)
    let line = try TestLine { request, _, _, responder in
      if request.command == .status {
        responder.finish(.success(.done("x")))
      } else {
        waiting.withLock { $0.append(responder) }
        came.signal()
      }
    }
    for _ in 0..<100 {
      let raw = try Raw(path: line.path)
      #expect(raw.send(Wire.line(request: .lineRelease)))
      #expect(came.wait(timeout: .now() + 10) == .success)
      raw.finish()
      try line.expectAlive()
    }
    let responders = waiting.withLock { $0 }
    #expect(responders.count == 100)
    for responder in responders {
      try line.eventually { !responder.isOpen }
      responder.progress(ProgressReply(phase: "nobody", done: 0))
      responder.finish(.success(.done("nobody")))
    }
    try line.expectAlive()
  }

  @Test("a long answer reaches a slow reader whole")
  func slowReader() throws {
    let history = (0..<8_000).map {
      UnitReply.Entry(at: WallTime.text(milliseconds: $0), event: "verdict", actor: "", detail: "x")
    }
    let unit = UnitReply(
      gtin: "09506000134352", serial: "A", state: "encoded", hold: false, history: history)
    let line = try TestLine { _, _, _, responder in responder.finish(.success(.unit(unit))) }
    let raw = try Raw(path: line.path)
    #expect(raw.send(Wire.line(request: .unit(serial: "A", gtin: nil))))
    #expect(raw.readLine(step: 1000) == Wire.line(final: .success(.unit(unit))).dropLast())
  }

  @Test("watchers get the status at once, at each change, and not in between")
  func watch() throws {
    var limits = ControlServer.Limits()
    limits.watchMilliseconds = 5
    limits.watchRepeatMilliseconds = 60_000
    let line = try TestLine(limits: limits) { _, _, _, responder in
      responder.finish(.success(.done("x")))
    }
    var first = try ControlClient(path: line.path)
    try first.send(.watch())
    #expect(try event(&first)?.alarms.active == 0)
    #expect(try first.hear(as: StatusReply.self, milliseconds: 100).isSilence)
    line.status.value.withLock { $0.alarms.active = 1 }
    #expect(try event(&first)?.alarms.active == 1)
    var second = try ControlClient(path: line.path)
    try second.send(.watch())
    #expect(try event(&second)?.alarms.active == 1)
    line.server.stop()
    #expect(failure { _ = try second.hear(as: StatusReply.self, milliseconds: 10_000) } != nil)
  }

  @Test("a watcher hears a sign of life even without a change")
  func watchRepeats() throws {
    var limits = ControlServer.Limits()
    limits.watchMilliseconds = 5
    limits.watchRepeatMilliseconds = 20
    let line = try TestLine(limits: limits) { _, _, _, _ in }
    var client = try ControlClient(path: line.path)
    try client.send(.watch())
    for _ in 0..<3 { #expect(try event(&client) != nil) }
  }

  @Test("a question for the status that is dropped is asked again")
  func statusDropped() throws {
    let folder = try Folder()
    var limits = ControlServer.Limits()
    limits.watchMilliseconds = 5
    limits.statusMilliseconds = 20
    let asked = Mutex(0)
    let status = PlayedStatus()
    let server = try ControlServer(
      path: folder.path + "/control.sock", limits: limits,
      statusProvider: { answer in
        let count = asked.withLock { count in
          count += 1
          return count
        }
        if count > 2 { answer(status.next()) }
      }, handler: { _, _, _, _ in })
    server.start()
    defer { server.stop() }
    var client = try ControlClient(path: folder.path + "/control.sock")
    try client.send(.watch())
    #expect(try event(&client) != nil)
    #expect(asked.withLock { $0 } >= 3)
  }

  @Test("a watcher that does not read is dropped, the others go on")
  func slowWatcher() throws {
    var limits = ControlServer.Limits()
    limits.watchMilliseconds = 1
    limits.stalledMilliseconds = 100
    let line = try TestLine(limits: limits) { _, _, _, responder in
      responder.finish(.success(.done("x")))
    }
    line.status.value.withLock { $0.line = String(repeating: "L", count: 30_000) }
    line.status.changes.store(true, ordering: .relaxed)
    let slow = try Raw(path: line.path)
    #expect(slow.send(Wire.line(request: .watch())))
    var quick = try ControlClient(path: line.path)
    try quick.send(.watch())
    // The slow one's socket is full after a few events; the daemon hangs up on it in time.
    var hungUp = false
    for _ in 0..<10_000 where !hungUp {
      #expect(try event(&quick) != nil)
      hungUp = clinux_socket_peer_gone(slow.descriptor) != 0
    }
    #expect(hungUp)
    try line.expectAlive()
  }

  // MARK: Help

  private func finalFailure(_ client: inout ControlClient) throws -> Failure? {
    guard
      case .line(.final(.failure(let failure))) = try client.hear(
        as: DoneReply.self, milliseconds: 10_000)
    else { return nil }
    return failure
  }

  private func event(_ client: inout ControlClient) throws -> StatusReply? {
    guard
      case .line(.event(let status)) = try client.hear(as: StatusReply.self, milliseconds: 10_000)
    else { return nil }
    return status
  }

  private func failure(_ body: () throws -> Void) -> Failure? {
    do { try body() } catch { return error as? Failure }
    return nil
  }
}

extension ControlClient.Heard {
  fileprivate var isSilence: Bool { if case .silence = self { true } else { false } }
}
