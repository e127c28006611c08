public import Line

/// One event of an input device (linux/input.h).
public struct KeyEvent: Sendable, Hashable {
  /// When it happened, by CLOCK_MONOTONIC (EVIOCSCLOCKID).
  public var at: Instant
  /// EV_SYN, EV_KEY, EV_LED.
  public var type: UInt16
  /// Which key or light.
  public var code: UInt16
  /// A key: 0 up, 1 down, 2 repeated by itself; a light: 0 off.
  public var value: Int32

  /// Names an event.
  public init(at: Instant, type: UInt16, code: UInt16, value: Int32) {
    self.at = at
    self.type = type
    self.code = code
    self.value = value
  }
}

/// Takes messages out of the key events of a scanner that types (a keyboard wedge), which is grabbed, so that nobody else
/// sees them.
///
/// The layout says which character a key gives. GS comes as Ctrl+], as Alt and the digits 029, or as F8 where that is
/// configured; Alt+nnn stands for any other ASCII character as well. A key that gives no character here spoils its
/// message: the message is counted and dropped, never guessed. So does a pause longer than `pauseLongest` within a message,
/// whose rest is dropped up to its suffix, and SYN_DROPPED, up to the next suffix. Nothing is allocated after `init`.
public struct KeyboardDecoder: Sendable {
  /// The key that ends a message.
  public enum Suffix: String, Sendable, Hashable, CaseIterable, Codable {
    /// Enter, also that of the keypad.
    case enter
    /// Tab.
    case tab
  }

  /// What went wrong with messages; a message counts once, what came first.
  public struct Faults: Sendable, Hashable {
    /// Messages longer than `Framer.messageLengthMax`.
    public var overlong: UInt64 = 0
    /// Messages with a key, or keys together, that give no character.
    public var unknownKey: UInt64 = 0
    /// Messages typed with Shift or the like still down from before.
    public var stuckModifier: UInt64 = 0
    /// Messages whose suffix did not come in time, because of a pause or an unplug.
    public var cut: UInt64 = 0
    /// What ended with a suffix but may lack its beginning: it came behind a pause within a message, or right after the opening.
    public var tails: UInt64 = 0
    /// Times that the kernel lost events (SYN_DROPPED), each with a message or two.
    public var dropped: UInt64 = 0
    /// Messages that came after SYN_DROPPED before `synchronise` was called.
    public var unsynchronised: UInt64 = 0
    /// Keys that repeated by themselves because they were held; they are passed over.
    public var repeated: UInt64 = 0
  }

  /// A key that gave no character, for telling a person.
  public struct UnknownKey: Sendable, Hashable, CustomStringConvertible {
    /// The key's number.
    public var key: UInt16
    /// What was held: Shift, Ctrl, Alt, AltGr, Meta.
    var held: Modifiers

    /// `Shift+EQUAL`.
    public var description: String {
      held.names.map { $0 + "+" }.joined() + KeyboardLayout.keyName(key)
    }
  }

  /// Keys that are held while others are pressed; left and right ones apart, since each is released for itself.
  struct Modifiers: OptionSet, Sendable, Hashable {
    let rawValue: UInt16
    static let leftShift = Modifiers(rawValue: 1)
    static let rightShift = Modifiers(rawValue: 2)
    static let leftControl = Modifiers(rawValue: 4)
    static let rightControl = Modifiers(rawValue: 8)
    static let leftAlt = Modifiers(rawValue: 16)
    static let rightAlt = Modifiers(rawValue: 32)
    static let leftMeta = Modifiers(rawValue: 64)
    static let rightMeta = Modifiers(rawValue: 128)
    static let shift: Modifiers = [leftShift, rightShift]
    static let control: Modifiers = [leftControl, rightControl]
    static let meta: Modifiers = [leftMeta, rightMeta]

    /// For a person.
    var names: [String] {
      [
        (Modifiers.control, "Ctrl"), (.leftAlt, "Alt"), (.rightAlt, "right Alt"), (.meta, "Meta"),
        (.shift, "Shift"),
      ].filter { !isDisjoint(with: $0.0) }.map(\.1)
    }
  }

  /// Why the message at hand is not handed on.
  private enum Trouble {
    case none, overlong, unknownKey, stuckModifier, dropped, unsynchronised
    /// Nothing came since the opening: a message may be on its way.
    case joined
    /// What comes may be the rest of a message, so nothing is believed up to the suffix.
    case tail
  }

  /// So long a scanner pauses within a message at most; slow ones type a key in 100 ms.
  public static let pauseLongest = Instant.Span.milliseconds(500)

  private static let groupSeparator: UInt8 = 0x1D

  /// What went wrong since the start.
  public private(set) var faults = Faults()
  /// The key that spoiled a message last.
  public private(set) var lastUnknownKey: UnknownKey?
  /// After SYN_DROPPED the lights have to be asked for anew: call `synchronise`; until then every message is dropped.
  public private(set) var needsSynchronising = false
  /// Whether letters come swapped, as the device's light and its caps lock key have it.
  public private(set) var isCapsLockOn: Bool
  /// Whether the keypad gives digits.
  public private(set) var isNumLockOn: Bool

  /// The layout by which keys are read.
  public let layout: KeyboardLayout
  /// The key that ends a message.
  public let suffix: Suffix
  /// Whether F8 stands for GS.
  public let separatorIsF8: Bool
  private let pauseLongest: Instant.Span
  private var buffer = [UInt8](repeating: 0, count: Framer.messageLengthMax)
  private var held = 0
  private var trouble = Trouble.none
  private var modifiers: Modifiers = []
  /// Modifiers that were down before the message at hand began.
  private var stale: Modifiers = []
  /// The number typed while Alt is held, how many digits it has, and whether it begins with 0.
  private var altNumber = 0
  private var altDigits = 0
  private var altBeginsWithZero = false
  /// After SYN_DROPPED all is void up to the next SYN_REPORT (linux/Documentation/input/event-codes.rst).
  private var skipsReport = false
  private var lastAt: Instant?

  /// Makes a decoder.
  ///
  /// - Parameters:
  ///   - layout: What the scanner is set to.
  ///   - suffix: The key that it ends a message with.
  ///   - separatorIsF8: Whether it sends F8 for GS.
  ///   - capsLock: Whether the light of caps lock is on (EVIOCGLED).
  ///   - numLock: Whether the light of num lock is on.
  ///   - pauseLongest: How long the scanner pauses within a message at most.
  public init(
    layout: KeyboardLayout, suffix: Suffix = .enter, separatorIsF8: Bool = false,
    capsLock: Bool = false, numLock: Bool = true,
    pauseLongest: Instant.Span = KeyboardDecoder.pauseLongest
  ) {
    self.layout = layout
    self.suffix = suffix
    self.separatorIsF8 = separatorIsF8
    self.pauseLongest = pauseLongest
    isCapsLockOn = capsLock
    isNumLockOn = numLock
  }

  /// Whether part of a message waits for its suffix, or a suffix is awaited before anything is believed.
  public var hasPart: Bool { held > 0 || trouble != .none || altDigits > 0 }

  /// Forgets a message whose suffix has not come, and every key that is down: after an unplug both belong to nothing.
  public mutating func reset() {
    if hasPart, ![.dropped, .joined, .tail].contains(trouble) { faults.cut &+= 1 }
    held = 0
    altDigits = 0
    trouble = .none
    modifiers = []
    stale = []
    skipsReport = false
    lastAt = nil
  }

  /// The device was opened, perhaps in the middle of a message: nothing is handed on before a suffix, or a pause before the
  /// first character.
  public mutating func opened(at now: Instant) {
    reset()
    trouble = .joined
    lastAt = now
  }

  /// Sets the lights as the device has them, at opening and after SYN_DROPPED.
  public mutating func synchronise(capsLock: Bool, numLock: Bool) {
    isCapsLockOn = capsLock
    isNumLockOn = numLock
    needsSynchronising = false
  }

  /// Looks whether the message at hand has paused for too long, so that a cut one is seen although nothing follows it.
  public mutating func look(now: Instant) {
    guard let lastAt, now - lastAt > pauseLongest else { return }
    self.lastAt = nil
    stale = modifiers
    switch trouble {
    // Nothing was on its way.
    case .joined: trouble = .none
    case .dropped, .tail: break
    default:
      guard hasPart else { return }
      faults.cut &+= 1
      held = 0
      altDigits = 0
      trouble = .tail
    }
  }

  /// Takes one event, and hands a complete message to `body`.
  ///
  /// The bytes given to `body` may not be kept after it returns.
  public mutating func append(_ event: KeyEvent, _ body: (UnsafeRawBufferPointer) -> Void) {
    if skipsReport, !(event.type == 0 && event.code == 3) {
      if event.type == 0, event.code == 0 { skipsReport = false }
      return
    }
    switch (event.type, event.code) {
    case (0x00, 3): lost(at: event.at)
    case (0x01, _):
      look(now: event.at)
      lastAt = event.at
      key(event, body)
    case (0x11, 0): isNumLockOn = event.value != 0
    case (0x11, 1): isCapsLockOn = event.value != 0
    default: break
    }
  }

  /// The kernel lost events.
  ///
  /// Which keys are down is no longer known, and the message at hand has lost its middle or end.
  private mutating func lost(at: Instant) {
    faults.dropped &+= 1
    held = 0
    altDigits = 0
    trouble = .dropped
    modifiers = []
    stale = []
    skipsReport = true
    needsSynchronising = true
    lastAt = at
  }

  private mutating func key(_ event: KeyEvent, _ body: (UnsafeRawBufferPointer) -> Void) {
    if let modifier = Self.modifier(event.code) {
      switch event.value {
      case 0:
        modifiers.remove(modifier)
        stale.remove(modifier)
        if isAlt(modifier) { altEnds() }
      case 1:
        modifiers.insert(modifier)
        stale.remove(modifier)
      // Held long enough to repeat is no fault of a modifier.
      default: break
      }
      return
    }
    switch event.value {
    case 0: return
    case 1: break
    default:
      faults.repeated &+= 1
      return
    }
    switch event.code {
    case 58: isCapsLockOn.toggle()
    case 69: isNumLockOn.toggle()
    case 28 where suffix == .enter, 96 where suffix == .enter, 15 where suffix == .tab:
      end(event.code, body)
    default: character(event.code)
    }
  }

  private mutating func end(_ key: UInt16, _ body: (UnsafeRawBufferPointer) -> Void) {
    // With a modifier down this is another key's meaning, but a message ends here all the same.
    if !stale.isEmpty {
      spoil(.stuckModifier)
    } else if !modifiers.isEmpty {
      unknown(key)
    }
    if needsSynchronising { spoil(.unsynchronised) }
    switch trouble {
    case .none:
      let count = held
      buffer.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
    case .overlong: faults.overlong &+= 1
    case .unknownKey: faults.unknownKey &+= 1
    case .stuckModifier: faults.stuckModifier &+= 1
    case .unsynchronised: faults.unsynchronised &+= 1
    case .joined, .tail: faults.tails &+= 1
    // Counted when it happened.
    case .dropped: break
    }
    held = 0
    altDigits = 0
    trouble = .none
    // Nothing is held over the end of a message; what still is, was not released.
    stale = modifiers
  }

  private mutating func character(_ key: UInt16) {
    if trouble == .joined { trouble = .tail }
    guard stale.isEmpty else { return spoil(.stuckModifier) }
    if isAltDown {
      guard modifiers.isDisjoint(with: [.shift, .control, .meta]), let digit = Self.digit(key),
        altDigits < 4
      else { return unknown(key) }
      if altDigits == 0 {
        altNumber = 0
        altBeginsWithZero = digit == 0
      }
      altNumber = altNumber * 10 + digit
      altDigits += 1
      return
    }
    let byte = byte(key)
    guard byte != 0 else { return unknown(key) }
    hold(byte)
  }

  /// What a key gives with what is held, 0 nothing.
  private func byte(_ key: UInt16) -> UInt8 {
    guard modifiers.isDisjoint(with: .meta) else { return 0 }
    let isShift = !modifiers.isDisjoint(with: .shift)
    let isAltGr = layout.hasAltGr && modifiers.contains(.rightAlt)
    if isShift, isAltGr { return 0 }
    let level: KeyboardLayout.Level = isShift ? .shift : isAltGr ? .altGr : .plain
    if !modifiers.isDisjoint(with: .control) {
      // Scanners type Ctrl and the key that gives ], or the one that gives it on the layout of the US.
      let isBracket =
        level == .plain && key == 27 || layout.character(key, level) == UInt8(ascii: "]")
      return isBracket ? Self.groupSeparator : 0
    }
    if key == 66 { return separatorIsF8 && level == .plain ? Self.groupSeparator : 0 }
    if level == .plain {
      switch key {
      case 55: return UInt8(ascii: "*")
      case 74: return UInt8(ascii: "-")
      case 78: return UInt8(ascii: "+")
      case 98: return UInt8(ascii: "/")
      default: break
      }
    }
    if let digit = Self.keypadDigit(key) {
      return isNumLockOn && level == .plain ? UInt8(ascii: "0") + UInt8(digit) : 0
    }
    if key == KeyboardLayout.keypadDot, !isNumLockOn { return 0 }
    let byte = layout.character(key, level)
    guard isCapsLockOn, level != .altGr else { return byte }
    // Caps lock works on letters only: on keys whose two characters are one letter in both cases.
    let other = layout.character(key, level == .plain ? .shift : .plain)
    return byte ^ other == 0x20 && Self.isLetter(byte) ? other : byte
  }

  private mutating func hold(_ byte: UInt8) {
    guard trouble == .none else { return }
    guard held < buffer.count else { return spoil(.overlong) }
    buffer[held] = byte
    held += 1
  }

  private mutating func spoil(_ trouble: Trouble) {
    if self.trouble == .none { self.trouble = trouble }
  }

  private mutating func unknown(_ key: UInt16) {
    if trouble == .none { lastUnknownKey = UnknownKey(key: key, held: modifiers) }
    spoil(.unknownKey)
  }

  // MARK: Alt and digits

  private func isAlt(_ modifier: Modifiers) -> Bool {
    modifier == .leftAlt || modifier == .rightAlt && !layout.hasAltGr
  }

  private var isAltDown: Bool {
    modifiers.contains(.leftAlt) || modifiers.contains(.rightAlt) && !layout.hasAltGr
  }

  /// Alt was released: what was typed is the number of a character.
  private mutating func altEnds() {
    guard altDigits > 0 else { return }
    let number = altNumber
    let digits = altDigits
    altDigits = 0
    // Without a 0 in front, numbers below 32 are pictures of the OEM code page.
    let isSeparator = number == Int(Self.groupSeparator) && altBeginsWithZero
    guard digits >= 2, isSeparator || (0x20...0x7E).contains(number) else {
      // The key that ended it: left Alt stands for both.
      return unknown(56)
    }
    hold(UInt8(number))
  }

  // MARK: Keys

  private static func modifier(_ key: UInt16) -> Modifiers? {
    switch key {
    case 29: .leftControl
    case 42: .leftShift
    case 54: .rightShift
    case 56: .leftAlt
    case 97: .rightControl
    case 100: .rightAlt
    case 125: .leftMeta
    case 126: .rightMeta
    default: nil
    }
  }

  /// A digit by its key, for Alt and digits: keypad, whatever num lock says, or upper row, whatever the layout says.
  private static func digit(_ key: UInt16) -> Int? {
    switch key {
    case 2...10: Int(key) - 1
    case 11: 0
    default: keypadDigit(key)
    }
  }

  private static func keypadDigit(_ key: UInt16) -> Int? {
    switch key {
    case 71...73: Int(key) - 64
    case 75...77: Int(key) - 71
    case 79...81: Int(key) - 78
    case 82: 0
    default: nil
    }
  }

  private static func isLetter(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
  }
}
