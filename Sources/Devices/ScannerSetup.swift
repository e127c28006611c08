internal import Line

/// The commands that set a scanner up after opening, one after the other.
///
/// ```
///            answer is right, or none awaited
///   ┌───────────────────────────────────────┐
///   ▼                                       │
/// send next ──────────────────────────────► awaits ── wrong answer, or none in time ──► failed
///   │ none left
///   ▼
/// done
/// ```
///
/// Pure: answers and time go in, what to do comes out.
struct ScannerSetup: Sendable {
  /// What is to be done.
  enum Step: Sendable, Hashable {
    /// Send this, and ask again at once.
    case send([UInt8])
    /// Nothing until an answer comes, or the deadline.
    case wait
    /// The scanner is as it should be.
    case done
    /// It is not; the sentence completes "the scanner …".
    case failed(String)
  }

  private let commands: [ScannerTalk.Command]
  private let timeout: Instant.Span
  private var next = 0
  private var awaited: (answer: [UInt8], until: Instant)?
  private var failure: String?

  init(_ talk: ScannerTalk) {
    commands = talk.setup
    timeout = talk.setupTimeout
  }

  /// What is to be done now.
  mutating func step(now: Instant) -> Step {
    if let failure { return .failed(failure) }
    if let awaited {
      guard now >= awaited.until else { return .wait }
      let sentence =
        "did not answer \(words(commands[next - 1].send)) with \(words(awaited.answer)) within "
        + "\(timeout.nanoseconds / 1_000_000) ms"
      failure = sentence
      return .failed(sentence)
    }
    guard next < commands.count else { return .done }
    let command = commands[next]
    next += 1
    if !command.answer.isEmpty { awaited = (command.answer, now + timeout) }
    return .send(command.send)
  }

  /// A message came; true when it is the answer awaited, which begins as it should.
  ///
  /// Any other answer is a refusal, and a read in between changes nothing.
  mutating func answered(_ message: UnsafeRawBufferPointer, isAnswer: Bool) -> Bool {
    guard let awaited else { return false }
    if message.count >= awaited.answer.count,
      awaited.answer.indices.allSatisfy({ message[$0] == awaited.answer[$0] })
    {
      self.awaited = nil
      return true
    }
    if isAnswer {
      failure =
        "answered \(words(commands[next - 1].send)) with \(words(Array(message.prefix(64)))) instead of "
        + words(awaited.answer)
    }
    return false
  }

  private func words(_ bytes: [UInt8]) -> String { printable(bytes) }
}

/// A text in UTF-8; one that is longer than `most` bytes is cut behind a character, and ends with `…`.
func utf8(of text: String, atMost most: Int) -> [UInt8] {
  guard text.utf8.count > most else { return Array(text.utf8) }
  let mark = Array("…".utf8)
  var bytes: [UInt8] = []
  for scalar in text.unicodeScalars {
    let next = UTF8.width(scalar)
    guard bytes.count + next + mark.count <= most else { break }
    bytes.append(contentsOf: Array(String(scalar).utf8))
  }
  return bytes + mark
}

/// Bytes for a person: what cannot be printed stands as two digits in angle brackets.
public func printable(_ bytes: some Sequence<UInt8>) -> String {
  var text = ""
  for byte in bytes {
    if (0x20...0x7E).contains(byte) {
      text.unicodeScalars.append(Unicode.Scalar(byte))
    } else {
      text += "<" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true) + ">"
    }
  }
  return text
}
