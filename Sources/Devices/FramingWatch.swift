internal import Line

/// Notices a scanner whose bytes make no message: its suffix is another one than configured, it babbles, or what it sends
/// comes with errors.
///
/// Such a scanner looks like a silent one to everybody else. Pure: what was read is put in, what to say comes out.
struct FramingWatch: Sendable {
  /// So many bytes without a message are too many; a message has at most a quarter of them.
  static let bytesMax = 4 * Framer.messageLengthMax
  /// A message is through within this time after its first byte; at 9,600 bits a second the longest takes one second.
  static let partLongest = Instant.Span.milliseconds(5000)
  /// So many messages in a row that were dropped for errors on the line are no accident.
  static let spoiledMax: UInt64 = 5

  private let framing: String
  private let messageLengthMax: Int
  private var bytes = 0
  private var partSince: Instant?
  private var spoiled: UInt64 = 0
  private var spoiledBefore: UInt64 = 0
  private var standing = Standing()
  private var messageCame = false

  init(_ framing: ScannerFraming) {
    messageLengthMax = framing.messageLengthMax
    let end =
      framing.suffix.isEmpty
      ? "is followed by a pause" : "ends with its suffix (\(FramingWatch.hex(framing.suffix)))"
    self.framing =
      (framing.prefix.isEmpty
        ? "" : "begins with its prefix (\(FramingWatch.hex(framing.prefix))) and ") + end
  }

  /// Takes what one read brought; `spoiled` counts messages dropped for errors since the start.
  mutating func took(
    bytes count: Int, messages: Int, hasPart: Bool, spoiled total: UInt64 = 0, now: Instant
  ) {
    spoiled = messages > 0 ? 0 : spoiled &+ (total &- spoiledBefore)
    spoiledBefore = total
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
  mutating func look(now: Instant) -> Standing.News? {
    let news = standing.look(trouble(now: now), isOver: messageCame, now: now)
    if case .begins = news { messageCame = false }
    return news
  }

  /// The line was opened anew.
  mutating func reset() {
    bytes = 0
    partSince = nil
    spoiled = 0
    standing.reset()
    messageCame = false
  }

  private func trouble(now: Instant) -> String? {
    if spoiled >= FramingWatch.spoiledMax {
      return
        "sends, and its last \(spoiled) messages came with errors in their characters and were "
        + "dropped; check cable, baud, data_bits, parity and stop_bits"
    }
    if bytes > FramingWatch.bytesMax {
      return "sends, and nothing in its last \(bytes) bytes is a message of at most "
        + "\(messageLengthMax) bytes that \(framing)"
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
