import CLinux
import Control
import Daemon
import Dispatch
import Glibc
import Synchronization
import Testing

/// A folder of its own that goes away with the test.
final class Folder: Sendable {
  let path: String

  init() throws {
    var template = Array("/tmp/lineward-control-XXXXXX".utf8CString)
    let made = template.withUnsafeMutableBufferPointer { buffer in
      buffer.baseAddress.flatMap { mkdtemp($0) }.map { String(cString: $0) }
    }
    path = try #require(made)
  }

  deinit {
    for name in ["control.sock", "serials.txt", "file", "out", "err", "in"] {
      unlink(path + "/" + name)
    }
    rmdir(path)
  }
}

/// The status that the tested server's line has.
final class PlayedStatus: Sendable {
  let value = Mutex(
    StatusReply(line: "L01", runPermit: false, stopReasons: [1], batch: nil, stations: []))
  /// Whether every look finds another one.
  let changes = Atomic(false)

  func next() -> StatusReply {
    value.withLock { status in
      if changes.load(ordering: .relaxed) { status.alarms.active += 1 }
      return status
    }
  }
}

/// A server with a line behind it that a test plays.
final class TestLine: Sendable {
  let path: String
  let server: ControlServer
  let status = PlayedStatus()
  private let folder: Folder

  init(
    limits: ControlServer.Limits = .init(), pace: StatusFeed.Pace = .init(),
    handler: @escaping ControlServer.Handler
  ) throws {
    folder = try Folder()
    path = folder.path + "/control.sock"
    server = try ControlServer(
      path: path, limits: limits,
      nameService: NameService(
        userName: { _ in "tester" }, groupNumber: { _ in nil }, groups: { _, group in [group] }),
      status: StatusFeed(pace: pace) { [status] answer in
        DispatchQueue.global().async { answer(status.next()) }
      }, handler: handler)
    server.start()
  }

  deinit { server.stop() }

  /// A new client gets an answer.
  func expectAlive() throws {
    var last: Failure?
    // A place that another client has just left is free a moment later.
    for _ in 0..<1000 {
      do {
        var client = try ControlClient(path: path)
        try client.send(.status)
        guard
          case .line(.final(let result)) = try client.hear(as: DoneReply.self, milliseconds: 10_000)
        else {
          Issue.record("no final line")
          return
        }
        if case .failure(let failure) = result, failure.code == "busy",
          failure.message.contains("control connections")
        {
          last = failure
          continue
        }
        return
      } catch { last = error }
    }
    Issue.record("the server does not answer: \(String(describing: last))")
  }

  /// Waits, by round trips through the server, until a condition holds.
  func eventually(_ condition: () -> Bool) throws {
    for _ in 0..<1000 where !condition() { try expectAlive() }
    #expect(condition())
  }
}

/// A client that may send anything.
final class Raw {
  let descriptor: Int32
  private var open = true

  init(path: String) throws {
    descriptor = clinux_socket_unix()
    let code = clinux_socket_connect_within(descriptor, path, 10_000)
    try #require(code == 0)
  }

  /// Takes a descriptor that can be read.
  init(owning descriptor: Int32) { self.descriptor = descriptor }

  deinit { finish() }

  /// Reads one line as text, from a pipe as well as from a socket.
  func readTextLine() -> String {
    var text: [UInt8] = []
    var byte: UInt8 = 0
    while clinux_socket_wait(descriptor, -1, 0, 10_000) == 1, Glibc.read(descriptor, &byte, 1) == 1,
      byte != UInt8(ascii: "\n")
    {
      text.append(byte)
    }
    return String(decoding: text, as: UTF8.self)
  }

  func finish() {
    if open { close(descriptor) }
    open = false
  }

  /// Sends all; false when the other side has hung up.
  func send(_ bytes: [UInt8]) -> Bool {
    var start = 0
    while start < bytes.count {
      let sent = bytes[start...].withUnsafeBytes {
        clinux_socket_send(descriptor, $0.baseAddress, $0.count, -1)
      }
      if sent == Int(-EAGAIN) {
        // Hung up counts as readable; so does an answer, which is not waited for here.
        let ready = clinux_socket_wait(descriptor, -1, 1, 10_000)
        if ready & 4 == 0, clinux_socket_peer_gone(descriptor) != 0 { return false }
        if ready == 0 { return false }
        continue
      }
      guard sent >= 0 else { return false }
      start += sent
    }
    return true
  }

  func readToEnd() -> String {
    String(decoding: read(step: 4096, until: { _ in false }), as: UTF8.self)
  }

  /// Reads up to a line feed, which is left out.
  func readLine(step: Int = 4096) -> [UInt8] {
    Array(read(step: step, until: { $0.last == UInt8(ascii: "\n") }).dropLast())
  }

  private func read(step: Int, until isEnough: ([UInt8]) -> Bool) -> [UInt8] {
    var all: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: step)
    while !isEnough(all), clinux_socket_wait(descriptor, -1, 0, 10_000) == 1 {
      let count = recv(descriptor, &buffer, buffer.count, 0)
      guard count > 0 else { break }
      all += buffer.prefix(count)
    }
    return all
  }
}
