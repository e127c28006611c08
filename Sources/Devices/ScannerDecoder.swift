internal import CLinux
internal import Glibc
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

  /// Adds what went wrong elsewhere.
  mutating func add(_ other: ScannerFaults) {
    framing.add(other.framing)
    charactersInError &+= other.charactersInError
    breaks &+= other.breaks
    lost &+= other.lost
  }

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
  /// Why nothing that comes may be believed, a sentence; nil: it may. While it stands no message is handed on.
  var obstacle: String? { get }
  /// What makes the device read, where that is known by the device; nil where it is configured, or there is nothing.
  var trigger: ScannerTrigger? { get }

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

extension ScannerDecoder {
  /// What most devices send may be believed from the start.
  public var obstacle: String? { nil }
  /// Most devices do not say by themselves what triggers them.
  public var trigger: ScannerTrigger? { nil }
}

/// The decoder of HID POS scanners: one read is one report.
struct ReportDecoder: ScannerDecoder {
  private var decoder: HIDPOSDecoder

  init(_ decoder: HIDPOSDecoder) { self.decoder = decoder }

  var trigger: ScannerTrigger? {
    decoder.trigger.map { ScannerTrigger(on: $0, off: decoder.triggerEnd ?? []) }
  }

  var faults: ScannerFaults {
    var faults = ScannerFaults()
    faults.framing.overlong = decoder.faults.overlong
    faults.framing.cut = decoder.faults.cut
    faults.framing.spoiled = decoder.faults.malformed
    return faults
  }

  var hasPart: Bool { decoder.hasPart }
  var deadline: Instant? { nil }

  mutating func append(
    _ bytes: UnsafeRawBufferPointer, now: Instant, _ body: (UnsafeRawBufferPointer) -> Void
  ) {
    decoder.append(bytes, body)
  }

  mutating func advance(now: Instant, _ body: (UnsafeRawBufferPointer) -> Void) {}
  mutating func lost(_ characters: UInt64) { decoder.reset() }
  mutating func reset() { decoder.reset() }
}

/// The decoder of scanners that type: one read is some `input_event`s, whole.
struct KeyDecoder: ScannerDecoder {
  private var decoder: KeyboardDecoder
  private let device: String
  private let wedge: Wedge
  private var teaching: WedgeTeaching?
  /// Which lights are on, as `clinux_evdev_lights` says: asked for when the kernel has lost events.
  private let lights: @Sendable () -> Int32

  /// `device` says which one it is, in the words that a proof keeps.
  init(
    _ decoder: KeyboardDecoder, device: String, wedge: Wedge,
    lights: @escaping @Sendable () -> Int32
  ) {
    self.decoder = decoder
    self.device = device
    self.wedge = wedge
    self.lights = lights
  }

  var obstacle: String? { wedge.obstacle(now: proof) }

  private var proof: WedgeProof { WedgeProof(device: device, decoder: decoder) }

  var faults: ScannerFaults {
    var faults = ScannerFaults()
    let found = decoder.faults
    faults.framing.overlong = found.overlong
    faults.framing.cut = found.cut
    faults.framing.spoiled =
      found.unknownKey &+ found.stuckModifier &+ found.unsynchronised &+ found.tails
    faults.lost = found.dropped
    return faults
  }

  var hasPart: Bool { decoder.hasPart }
  // A pause is looked for with each tick; it only drops what nobody ended.
  var deadline: Instant? { nil }

  mutating func append(
    _ bytes: UnsafeRawBufferPointer, now: Instant, _ body: (UnsafeRawBufferPointer) -> Void
  ) {
    // Pauses are seen by the moments of the events: the kernel may have held them while this thread was late.
    lookAtTeaching(now: now)
    KeyDecoder.events(bytes) { event in
      // The test symbol is no read, and caps lock counts as it is when the message ends.
      let isTaught = teaching == nil
      if let finding = teaching?.append(event) { found(finding) }
      var message: [UInt8]?
      decoder.append(event) { message = Array($0) }
      if let message, isTaught, obstacle == nil { message.withUnsafeBytes(body) }
    }
    guard decoder.needsSynchronising else { return }
    let on = lights()
    guard on >= 0 else { return }
    decoder.synchronise(capsLock: on & 2 != 0, numLock: on & 1 != 0)
    teaching?.synchronise(capsLock: on & 2 != 0, numLock: on & 1 != 0)
  }

  mutating func advance(now: Instant, _ body: (UnsafeRawBufferPointer) -> Void) {
    decoder.look(now: now)
    if let finding = teaching?.look(now: now) { found(finding) }
    lookAtTeaching(now: now)
  }

  private mutating func lookAtTeaching(now: Instant) {
    if !wedge.isTeaching(now: now) {
      teaching = nil
    } else if teaching == nil {
      teaching = WedgeTeaching(decoder, others: wedge.others)
    }
  }

  private mutating func found(_ finding: WedgeTeaching.Finding) {
    teaching = nil
    switch finding {
    case .whole: wedge.end(.whole(proof))
    case .wrong(let sentence): wedge.end(.other(sentence))
    }
  }

  mutating func lost(_ characters: UInt64) { decoder.reset() }
  mutating func reset() { decoder.reset() }

  /// The events of a read (linux/input.h): time, type, code, value; what is not a whole event is none.
  static func events(_ bytes: UnsafeRawBufferPointer, _ body: (KeyEvent) -> Void) {
    let size = MemoryLayout<input_event>.size
    for start in stride(from: 0, through: bytes.count - size, by: size) {
      let event = bytes.loadUnaligned(fromByteOffset: start, as: input_event.self)
      let seconds = Int64(event.time.tv_sec) &* 1_000_000_000
      body(
        KeyEvent(
          at: Instant(nanoseconds: seconds &+ Int64(event.time.tv_usec) &* 1000), type: event.type,
          code: event.code, value: event.value))
    }
  }
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
