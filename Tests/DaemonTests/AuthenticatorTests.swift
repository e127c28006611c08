import CLinux
import Control
import Foundation
import Glibc
import Line
import Synchronization
import Testing

@testable import Daemon

/// The daemon's side of the password helper, against helpers that do what none should.
@Suite("Asking for a password", .serialized)
struct AuthenticatorTests {
  /// A helper that does with each connection what a test says; ends with the test.
  private final class FakeHelper: Sendable {
    let path: String
    private let folder: URL
    private let descriptor: Int32

    init(_ body: @escaping @Sendable (Int32) -> Void) throws {
      folder = FileManager.default.temporaryDirectory.appendingPathComponent(
        "lineward-auth-\(UUID().uuidString.prefix(8))")
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      path = folder.path + "/auth.sock"
      let descriptor = clinux_socket_unix()
      self.descriptor = descriptor
      try #require(clinux_socket_bind(descriptor, path) == 0)
      try #require(clinux_socket_listen(descriptor, 16) == 0)
      Thread.detachNewThread {
        // Closed here and nowhere else: its number would be another helper's while this thread still waits on it.
        defer { close(descriptor) }
        var one = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        while poll(&one, 1, 30_000) > 0, one.revents & Int16(POLLNVAL | POLLHUP | POLLERR) == 0 {
          let connection = clinux_socket_accept(descriptor)
          if connection < 0 { return }
          Thread.detachNewThread { body(connection) }
        }
      }
    }

    deinit {
      clinux_socket_shut(descriptor)
      try? FileManager.default.removeItem(at: folder)
    }
  }

  private static func send(_ text: String, _ connection: Int32) {
    let bytes = Array(text.utf8)
    _ = bytes.withUnsafeBytes { clinux_socket_send(connection, $0.baseAddress, $0.count, -1) }
  }

  private func credentials(_ password: String = "secret-7f3a") throws -> Credentials {
    try #require(Credentials(user: "anna", password: password))
  }

  private func outcome(
    _ path: String, milliseconds: Int64 = 20_000
  ) throws -> Authenticator.Outcome {
    let authenticator = Authenticator(path: path, timeout: .milliseconds(milliseconds))
    let came = DispatchSemaphore(value: 0)
    let answer = Mutex<Authenticator.Outcome?>(nil)
    authenticator.ask(try credentials()) { outcome in
      answer.withLock { $0 = outcome }
      came.signal()
    }
    try #require(came.wait(timeout: .now() + .seconds(60)) == .success, "it never ends")
    return try #require(answer.withLock { $0 })
  }

  private func sentence(_ outcome: Authenticator.Outcome) -> String {
    if case .unavailable(let sentence) = outcome { sentence } else { "\(outcome)" }
  }

  @Test(
    "each answer of the helper is understood",
    arguments: [
      (#"{"ok":true,"code":"ok","name":"Anna Example"}"#, .known(printedName: "Anna Example")),
      (#"{"ok":false,"code":"wrong","name":""}"#, .refused(.wrongPassword)),
      (#"{"ok":false,"code":"unknown","name":""}"#, .refused(.unknownLogin)),
      (#"{"ok":false,"code":"expired","name":""}"#, .refused(.expired)),
      (#"{"ok":false,"code":"locked","name":""}"#, .refused(.accountLocked)),
      (#"{"ok":false,"code":"root","name":""}"#, .refused(.root)),
    ] as [(String, Authenticator.Outcome)])
  func answers(line: String, expected: Authenticator.Outcome) throws {
    let helper = try FakeHelper { connection in
      Self.send(line + "\n", connection)
      close(connection)
    }
    #expect(try outcome(helper.path) == expected)
  }

  @Test(
    "an answer that is none, contradicts itself or has no end is no yes",
    arguments: [
      "", "yes\n", "{}\n", "[1]\n", #"{"ok":true,"code":"wrong","name":"x"}"# + "\n",
      #"{"ok":false,"code":"ok","name":"x"}"# + "\n",
      #"{"ok":true,"code":"fine","name":"x"}"# + "\n",
      #"{"ok":true,"code":"ok","name":"x"}"#,
      #"{"ok":true,"code":"ok","name":""# + String(repeating: "x", count: 8192) + "\"}\n",
    ])
  func nonsense(answer: String) throws {
    let helper = try FakeHelper { connection in
      Self.send(answer, connection)
      close(connection)
    }
    let said = sentence(try outcome(helper.path))
    #expect(said.contains("no answer that can be read"), "\(said)")
    #expect(!said.contains("secret-7f3a"))
  }

  @Test("an answer that drips in byte by byte is taken")
  func drip() throws {
    let helper = try FakeHelper { connection in
      for byte in #"{"code":"ok","name":"Anna","ok":true}"# + "\n" {
        Self.send(String(byte), connection)
        sched_yield()
      }
      close(connection)
    }
    #expect(try outcome(helper.path) == .known(printedName: "Anna"))
  }

  @Test("an answer that drips for ever is waited for no longer than one that never comes")
  func slowDrip() throws {
    let helper = try FakeHelper { connection in
      // Without a newline, and slower than the bound: it ends by the other side's closing.
      while clinux_socket_peer_gone(connection) == 0 {
        Self.send("x", connection)
        usleep(20_000)
      }
      close(connection)
    }
    #expect(sentence(try outcome(helper.path, milliseconds: 300)).contains("gave no answer in"))
  }

  @Test("a helper that hangs costs a sentence")
  func hangs() throws {
    let helper = try FakeHelper { _ in }
    #expect(sentence(try outcome(helper.path, milliseconds: 200)).contains("gave no answer in"))
  }

  @Test("a helper that is absent, or whose socket is dead, is named with what to do")
  func absent() throws {
    let said = sentence(try outcome("/nonexistent/auth.sock"))
    #expect(said.contains("cannot be reached at /nonexistent/auth.sock"), "\(said)")
    #expect(said.contains("lineward-auth.socket"))
  }

  @Test("the ninth question at a time is told to wait, and the eight before it are answered")
  func busy() throws {
    let go = DispatchSemaphore(value: 0)
    let helper = try FakeHelper { connection in
      _ = go.wait(timeout: .now() + .seconds(30))
      Self.send(#"{"code":"wrong","name":"","ok":false}"# + "\n", connection)
      close(connection)
    }
    let authenticator = Authenticator(path: helper.path, timeout: .milliseconds(60_000))
    let outcomes = Mutex<[Authenticator.Outcome]>([])
    let came = DispatchSemaphore(value: 0)
    for _ in 0..<9 {
      authenticator.ask(try credentials()) { outcome in
        outcomes.withLock { $0.append(outcome) }
        came.signal()
      }
    }
    try #require(came.wait(timeout: .now() + .seconds(30)) == .success)
    #expect(sentence(outcomes.withLock { $0[0] }).contains("too many passwords"))
    for _ in 0..<8 { go.signal() }
    for _ in 0..<8 { try #require(came.wait(timeout: .now() + .seconds(30)) == .success) }
    #expect(
      outcomes.withLock { $0.dropFirst() }.allSatisfy { $0 == .refused(.wrongPassword) })
    // And there is room again.
    go.signal()
    authenticator.ask(try credentials()) { _ in came.signal() }
    #expect(came.wait(timeout: .now() + .seconds(30)) == .success)
  }
}
