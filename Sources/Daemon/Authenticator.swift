internal import CLinux
package import Control
internal import Glibc
package import Line
internal import Synchronization
internal import Threads

/// Asks the helper `lineward-auth` whether a user name and a password are right.
///
/// Each question has a thread of its own for as long as it lasts, since PAM may take its time, and there are few: people
/// type passwords. A helper that hangs, is absent or answers nonsense costs the person a sentence and nobody else anything.
package final class Authenticator: Sendable {
  /// How a question ended.
  package enum Outcome: Sendable, Equatable {
    /// They are right; the printed name of the person.
    case known(printedName: String)
    /// They are not.
    case refused(SignatureRefusal)
    /// It could not be found out: a sentence for the person.
    case unavailable(String)
  }

  /// So many questions at a time; one more is told that there are too many.
  package static let questionsMax = 8
  /// An answer comes within this: the helper gives PAM 10 s.
  package static let longest = Instant.Span.milliseconds(12_000)

  private let path: String
  private let timeout: Instant.Span
  private let questions = Mutex(0)

  /// Makes one that asks the helper at `path`.
  package init(path: String, timeout: Instant.Span = Authenticator.longest) {
    self.path = path
    self.timeout = timeout
  }

  /// Asks; `answer` is called once, on a thread that may block.
  package func ask(
    _ credentials: Credentials, answer: @escaping @Sendable (Outcome) -> Void
  ) {
    let hasRoom = questions.withLock { count in
      guard count < Authenticator.questionsMax else { return false }
      count += 1
      return true
    }
    guard hasRoom else {
      answer(.unavailable("too many passwords are being checked just now; try again in a moment"))
      return
    }
    let thread = NamedThread("signing") { [self] in
      let outcome = exchange(credentials)
      questions.withLock { $0 -= 1 }
      answer(outcome)
    }
    if let thread {
      thread.forget()
    } else {
      questions.withLock { $0 -= 1 }
      answer(.unavailable("the machine is out of threads; try again in a moment"))
    }
  }

  // MARK: One question

  /// The helper's answer, or why there is none; blocks for `timeout` at most.
  private func exchange(_ credentials: Credentials) -> Outcome {
    let end = Clock.now + timeout
    func left() -> Int32 { Int32(clamping: max(0, (end - Clock.now).nanoseconds / 1_000_000)) }
    let descriptor = clinux_socket_unix()
    guard descriptor >= 0 else { return absent(-descriptor) }
    defer { close(descriptor) }
    // Zero would wait for good.
    let code = clinux_socket_connect_within(descriptor, path, max(1, left()))
    guard code == 0 else { return absent(-code) }
    let line = Authentication.line(request: credentials)
    var start = 0
    while start < line.count {
      let sent = line[start...].withUnsafeBytes {
        clinux_socket_send(descriptor, $0.baseAddress, $0.count, -1)
      }
      switch sent {
      case 0...: start += sent
      case Int(-EINTR): continue
      case Int(-EAGAIN):
        guard clinux_socket_wait(descriptor, -1, 1, left()) != 0 else { return silent }
      // It may have refused at once, and then its answer is there.
      case Int(-EPIPE), Int(-ECONNRESET): start = line.count
      default: return absent(Int32(clamping: -sent))
      }
    }
    var answer: [UInt8] = []
    while true {
      if let newline = answer.firstIndex(of: 0x0A) {
        return outcome(of: Array(answer[..<newline]))
      }
      guard answer.count < Authentication.answerLengthMax else { return nonsense }
      let ready = clinux_socket_wait(descriptor, -1, 0, left())
      if ready == 0 { return silent }
      guard ready > 0 else {
        if ready == -EINTR { continue }
        return absent(-ready)
      }
      var count = 0
      answer += [UInt8](unsafeUninitializedCapacity: 1024) { buffer, initialized in
        count = recv(descriptor, buffer.baseAddress, buffer.count, 0)
        if count < 0 { count = -Int(errno) }
        initialized = max(0, count)
      }
      switch count {
      case 1..., Int(-EAGAIN), Int(-EINTR): continue
      default: return nonsense
      }
    }
  }

  private func outcome(of line: [UInt8]) -> Outcome {
    guard let answer = Authentication.answer(from: line) else { return nonsense }
    return switch answer.code {
    case .ok: .known(printedName: answer.name)
    case .wrong: .refused(.wrongPassword)
    case .unknown: .refused(.unknownLogin)
    case .expired: .refused(.expired)
    case .locked: .refused(.accountLocked)
    case .root: .refused(.root)
    case .unavailable:
      .unavailable(
        "the password could not be checked on this machine: see the journal of lineward-auth")
    }
  }

  private func absent(_ code: Int32) -> Outcome {
    code == EAGAIN
      ? silent
      : .unavailable(
        "no password can be checked: lineward-auth cannot be reached at \(Plain.text(path)) "
          + "(\(String(cString: strerror(code)))); start lineward-auth.socket, or see control.auth_socket"
      )
  }

  private var silent: Outcome {
    .unavailable(
      "no password can be checked: lineward-auth gave no answer in \(timeout.nanoseconds / 1_000_000_000) s; "
        + "see its journal")
  }

  private var nonsense: Outcome {
    .unavailable(
      "no password can be checked: lineward-auth gave no answer that can be read; see its journal")
  }
}
