public import Line

/// What went wrong between a scanner and its messages, since the start.
public struct ScannerFaults: Sendable, Hashable {
  /// What made no message of its bytes.
  public var framing = Framer.Faults()
  /// Characters whose parity or stop bit was wrong.
  public var charactersInError: UInt64 = 0
  /// Times that the line was held longer than a character.
  public var breaks: UInt64 = 0
  /// Characters that hardware or driver lost.
  public var lost: UInt64 = 0

  /// Nothing went wrong yet.
  public init() {}

  /// Messages that came and were not handed on.
  public var dropped: UInt64 {
    framing.overlong &+ framing.withoutPrefix &+ framing.cut &+ framing.paused &+ framing.spoiled
  }
}

/// Makes messages of what one device sends: bytes of a line or socket, reports, or key strokes.
///
/// Pure: what one read brought and when goes in, messages come out. What is half a message is kept from read to read, and
/// forgotten with `reset`.
public protocol ScannerDecoder: Sendable {
  /// What went wrong since the start.
  var faults: ScannerFaults { get }
  /// Whether part of a message waits for its end.
  var hasPart: Bool { get }
  /// When something is to be done even if nothing comes: `advance` then.
  var deadline: Instant? { get }

  /// Takes what one read brought, and hands each complete message to `body`, which may not keep its bytes.
  mutating func append(
    _ bytes: UnsafeRawBufferPointer, now: Instant, _ body: (UnsafeRawBufferPointer) -> Void)

  /// Time has passed; a pause may have ended a message.
  mutating func advance(now: Instant, _ body: (UnsafeRawBufferPointer) -> Void)

  /// So many characters were lost, nobody knows where: what is at hand is no message.
  mutating func lost(_ characters: UInt64)

  /// The device is gone, or was opened anew: what was half a message belongs to nothing.
  mutating func reset()
}

/// The decoder of serial lines and sockets: marks, pauses, and then `Framer`.
struct FrameDecoder: ScannerDecoder {
  private(set) var framer: Framer
  private let gap: Instant.Span?
  private var marks: LineMarks?
  private var lastAt: Instant?
  private var charactersInError: UInt64 = 0
  private var breaks: UInt64 = 0
  private var charactersLost: UInt64 = 0

  /// With `marks` what is read holds the marks of a serial line, see `LineMarks`.
  init(_ framing: ScannerFraming, marks: Bool) {
    framer = Framer(
      prefix: framing.prefix, suffix: framing.suffix, messageLengthMax: framing.messageLengthMax)
    gap = framing.gap
    self.marks = marks ? LineMarks() : nil
  }

  var faults: ScannerFaults {
    var faults = ScannerFaults()
    faults.framing = framer.faults
    faults.charactersInError = charactersInError
    faults.breaks = breaks
    faults.lost = charactersLost
    return faults
  }

  var hasPart: Bool { framer.hasPart }

  var deadline: Instant? {
    guard let gap, let lastAt, framer.hasPart else { return nil }
    return lastAt + gap
  }

  mutating func append(
    _ bytes: UnsafeRawBufferPointer, now: Instant, _ body: (UnsafeRawBufferPointer) -> Void
  ) {
    advance(now: now, body)
    lastAt = now
    guard marks != nil else {
      framer.append(bytes, body)
      return
    }
    marks?.take(bytes) { piece in
      switch piece {
      case .data(let data): framer.append(data, body)
      case .inError:
        charactersInError &+= 1
        framer.spoil()
      case .lineBreak:
        breaks &+= 1
        framer.spoil()
      }
    }
  }

  mutating func advance(now: Instant, _ body: (UnsafeRawBufferPointer) -> Void) {
    guard let gap, let lastAt, now - lastAt >= gap else { return }
    framer.pause(body)
  }

  mutating func lost(_ characters: UInt64) {
    charactersLost &+= characters
    framer.spoil()
  }

  mutating func reset() {
    framer.reset()
    marks?.reset()
    lastAt = nil
  }
}
