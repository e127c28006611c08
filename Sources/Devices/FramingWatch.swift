internal import Line

/// Notices a scanner whose bytes make no message: its suffix is another one than configured, or it babbles.
///
/// Such a scanner looks like a silent one to everybody else. Pure: what was read is put in, what to say comes out.
struct FramingWatch: Sendable {
  /// So many bytes without a message are too many; a message has at most a quarter of them.
  static let bytesMax = 4 * Framer.messageLengthMax
  /// A message is through within this time after its first byte; at 9,600 bits a second the longest takes one second.
  static let partLongest = Instant.Span.milliseconds(5000)
  /// What is said stands for at least so long, so that a scanner that swings about raises few alarms.
  static let standsLeast = Instant.Span.milliseconds(10_000)

  /// What is to be said.
  enum News: Sendable, Hashable {
    case begins(String)
    case ends
  }

  private let framing: String
  private var bytes = 0
  private var partSince: Instant?
  private var standsSince: Instant?
  private var messageCame = false

  init(prefix: [UInt8], suffix: [UInt8]) {
    framing =
      (prefix.isEmpty ? "" : "begins with its prefix (\(FramingWatch.hex(prefix))) and ")
      + "ends with its suffix (\(FramingWatch.hex(suffix)))"
  }

  /// Takes what one read brought.
  mutating func took(bytes count: Int, messages: Int, hasPart: Bool, now: Instant) {
    if messages > 0 {
      bytes = 0
      messageCame = true
      partSince = nil
    } else {
      bytes += count
    }
    partSince = hasPart ? partSince ?? now : nil
  }

  /// What is to be said now, nil nothing new.
  mutating func look(now: Instant) -> News? {
    let trouble = trouble(now: now)
    if let since = standsSince {
      guard trouble == nil, messageCame, now - since >= FramingWatch.standsLeast else { return nil }
      standsSince = nil
      return .ends
    }
    guard let trouble else { return nil }
    standsSince = now
    messageCame = false
    return .begins(trouble)
  }

  /// The line was opened anew.
  mutating func reset() {
    bytes = 0
    partSince = nil
    standsSince = nil
    messageCame = false
  }

  private func trouble(now: Instant) -> String? {
    if bytes > FramingWatch.bytesMax {
      return "sends, and nothing in its last \(bytes) bytes is a message of at most "
        + "\(Framer.messageLengthMax) bytes that \(framing)"
    }
    if let since = partSince, now - since >= FramingWatch.partLongest {
      return
        "began a message more than \(FramingWatch.partLongest.nanoseconds / 1_000_000_000) s ago "
        + "and did not end it; a message \(framing)"
    }
    return nil
  }

  private static func hex(_ bytes: [UInt8]) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16, uppercase: true) }
      .joined(separator: " ")
  }
}
