public import Line

/// Proves that a scanner that types (a keyboard wedge) brings a GS1 message as it was printed.
///
/// A wrong layout or caps lock changes serials into others that are as good to every check of syntax. So a wedge is
/// refused for GS1 until a test symbol whose content is known has come byte for byte; the proof stands as long as
/// `WedgeProof` says. The symbol has every character of GS1 character set 82, and two GS. While it is taught, the same
/// keys are read by the other layouts too: one that gives the content is the one that the scanner types for.
public struct WedgeTeaching: Sendable {
  /// What one scan of the test symbol said.
  public enum Finding: Sendable, Hashable {
    /// Every byte came as it was printed.
    case whole
    /// What is wrong and what to do; a sentence.
    case wrong(String)
  }

  /// The elements of the test symbol as they are printed below it; to be made as GS1 DataMatrix.
  ///
  /// A GTIN of GS1's own examples, a lot and a serial with Y and Z in both cases, and AI 91 with all of character set 82.
  public static let elements: [(ai: String, value: String)] = [
    ("01", "09506000134352"), ("10", "yzYZ0"), ("21", "Zz-Yy_1"),
    ("91", String(decoding: KeyboardLayout.characterSet82, as: UTF8.self)),
  ]

  /// What a scanner has to send: `]d2`, the elements, GS behind lot and serial.
  public static let content: [UInt8] = {
    var bytes = Array("]d2".utf8)
    for (index, element) in elements.enumerated() {
      bytes += Array((element.ai + element.value).utf8)
      // AI 01 has a fixed length, and the last needs no end (GenSpecs 7.8.3).
      if index > 0, index < elements.count - 1 { bytes.append(groupSeparator) }
    }
    return bytes
  }()

  /// The content in one line, for people: `<GS>` stands for the separator.
  public static let text = readable(content)

  private static let groupSeparator: UInt8 = 0x1D

  private var decoder: KeyboardDecoder
  private var others: [KeyboardDecoder]

  /// Makes ready for one or more scans.
  ///
  /// - Parameters:
  ///   - decoder: As it is configured, the lights as they are.
  ///   - others: The layouts that are known besides.
  public init(_ decoder: KeyboardDecoder, others: [KeyboardLayout]) {
    self.decoder = decoder
    self.others = others.filter { $0 != decoder.layout }.map {
      KeyboardDecoder(
        layout: $0, suffix: decoder.suffix, separatorIsF8: decoder.separatorIsF8,
        capsLock: decoder.isCapsLockOn, numLock: decoder.isNumLockOn)
    }
  }

  /// Whether the lights have to be asked for anew; see `KeyboardDecoder`.
  public var needsSynchronising: Bool { decoder.needsSynchronising }

  /// Whether caps lock is on now.
  public var isCapsLockOn: Bool { decoder.isCapsLockOn }

  /// Sets the lights as the device has them.
  public mutating func synchronise(capsLock: Bool, numLock: Bool) {
    decoder.synchronise(capsLock: capsLock, numLock: numLock)
    for index in others.indices {
      others[index].synchronise(capsLock: capsLock, numLock: numLock)
    }
  }

  /// Takes an event; says something at the end of each message, nil before.
  public mutating func append(_ event: KeyEvent) -> Finding? {
    let before = decoder.faults
    var message: [UInt8]?
    decoder.append(event) { message = Array($0) }
    var readings: [(layout: String, message: [UInt8])] = []
    for index in others.indices {
      let name = others[index].layout.name
      others[index].append(event) { readings.append((name, Array($0))) }
    }
    return judge(message, readings, since: before)
  }

  /// Says that a scan has paused for too long, when nothing follows it.
  public mutating func look(now: Instant) -> Finding? {
    let before = decoder.faults
    decoder.look(now: now)
    for index in others.indices { others[index].look(now: now) }
    return judge(nil, [], since: before)
  }

  private func judge(
    _ message: [UInt8]?, _ readings: [(layout: String, message: [UInt8])],
    since before: KeyboardDecoder.Faults
  ) -> Finding? {
    let faults = decoder.faults
    if message == nil {
      var passedOver = before
      passedOver.repeated = faults.repeated
      if faults == passedOver { return nil }
    }
    if let message, message == Self.content { return .whole }
    let here = message.flatMap(Self.differences)
    // Another layout explains it where this one does not, or with less.
    for (layout, reading) in readings {
      guard let there = Self.differences(reading), here.map({ there.count < $0.count }) ?? true
      else { continue }
      let sentence =
        "the scanner types for the layout \"\(layout)\", but \"\(decoder.layout.name)\" is configured"
      return .wrong(([sentence] + there).joined(separator: "; "))
    }
    if let here { return .wrong(here.joined(separator: "; ")) }
    if let message { return .wrong(Self.firstDifference(message)) }
    if faults.unknownKey > before.unknownKey, let key = decoder.lastUnknownKey {
      return .wrong(
        "key \(key) gives no character on the layout \"\(decoder.layout.name)\": is the layout right?"
      )
    }
    if faults.stuckModifier > before.stuckModifier {
      return .wrong("Shift or another key was still held from before: plug the scanner anew")
    }
    if faults.overlong > before.overlong {
      return .wrong(
        "more than \(Framer.messageLengthMax) bytes came before the suffix: "
          + "was it the test symbol, once?")
    }
    if faults.tails > before.tails {
      return .wrong(
        "the scan before had no end, so this one was taken for its rest: scan the symbol again")
    }
    if faults.cut > before.cut {
      return .wrong(
        "the message did not end with \(decoder.suffix == .enter ? "Enter" : "Tab") within "
          + "\(KeyboardDecoder.pauseLongest.nanoseconds / 1_000_000) ms: set the scanner to send that "
          + "as suffix, and no pause between keys")
    }
    return .wrong("keys were lost on the way; scan the symbol again")
  }

  // MARK: What changed it

  /// What a scanner's settings do to the content.
  private enum Change: CaseIterable {
    case caseSwapped, yzSwapped, noSeparator, noIdentifier

    var sentence: String {
      switch self {
      case .caseSwapped: "upper and lower case are swapped: is caps lock on?"
      case .yzSwapped: "Y and Z are swapped: is the layout right?"
      case .noSeparator:
        "no GS came: set the scanner to send GS as Ctrl+], or as Alt and 029 on the keypad"
      case .noIdentifier:
        "no symbology identifier came: set the scanner to send AIM identifiers in front"
      }
    }

    func apply(_ bytes: [UInt8]) -> [UInt8] {
      switch self {
      case .caseSwapped: bytes.map { isLetter($0) ? $0 ^ 0x20 : $0 }
      case .yzSwapped: bytes.map { "yzYZ".utf8.contains($0) ? $0 ^ 3 : $0 }
      case .noSeparator: bytes.filter { $0 != groupSeparator }
      case .noIdentifier: Array(bytes.dropFirst(3))
      }
    }
  }

  /// The sentences that together explain what came, as few as possible; none for the content itself, nil when they cannot.
  private static func differences(_ message: [UInt8]) -> [String]? {
    let sets = (0..<(1 << Change.allCases.count)).sorted {
      ($0.nonzeroBitCount, $0) < ($1.nonzeroBitCount, $1)
    }
    for set in sets {
      let changes = Change.allCases.enumerated().filter { set >> $0.offset & 1 != 0 }.map(\.element)
      let expected = changes.reduce(content) { $1.apply($0) }
      let sentences = changes.map(\.sentence)
      if message == expected { return sentences }
      guard message.count == expected.count else { continue }
      // Another identifier: the symbol was not read as what it is.
      if !changes.contains(.noIdentifier), message.first == UInt8(ascii: "]"),
        message.dropFirst(3) == expected.dropFirst(3)
      {
        return sentences + [
          "the symbology identifier came as \(readable(Array(message.prefix(3)))), not "
            + "\(readable(Array(expected.prefix(3)))): print the test symbol as GS1 DataMatrix, or "
            + "set the scanner to send AIM identifiers"
        ]
      }
      // Another character wherever GS should be.
      if let place = expected.firstIndex(of: groupSeparator),
        message == expected.map({ $0 == groupSeparator ? message[place] : $0 })
      {
        return sentences + [
          "GS came as \(readable([message[place]])): set the scanner to send GS as Ctrl+], or as Alt "
            + "and 029 on the keypad"
        ]
      }
    }
    return nil
  }

  private static func firstDifference(_ message: [UInt8]) -> String {
    let common = zip(message, content).prefix { $0 == $1 }.count
    if common == message.count {
      return
        "only the first \(common) of \(content.count) characters came: scan the symbol again, and "
        + "set the scanner to type slower if that does not help"
    }
    if common == content.count {
      return
        "more came than the symbol holds: \(readable(Array(message.dropFirst(common).prefix(20)))); "
        + "set the scanner to send no suffix but the one configured"
    }
    return "character \(common + 1) should be \(readable([content[common]])), but came as "
      + "\(readable([message[common]])): is this the test symbol, and is the layout right?"
  }

  private static func isLetter(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
  }

  private static func readable(_ bytes: [UInt8]) -> String {
    bytes.map { byte in
      switch byte {
      case groupSeparator: "<GS>"
      case 0x20...0x7E: String(UnicodeScalar(byte))
      default: "<" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true) + ">"
      }
    }.joined()
  }
}

/// What stood when a wedge was taught; kept until something of it changes.
///
/// The proof is about the scanner's own settings, which nobody sees from here: after setting a scanner anew it has to be
/// taught again.
public struct WedgeProof: Sendable, Hashable, Codable {
  /// Vendor, product, serial number or port of the device, as it was matched.
  public var device: String
  /// The layout's name.
  public var layout: String
  /// The layout's characters.
  public var fingerprint: UInt64
  /// The key that ends a message.
  public var suffix: KeyboardDecoder.Suffix
  /// Whether F8 stands for GS.
  public var separatorIsF8: Bool
  /// Whether the light of caps lock was on.
  public var isCapsLockOn: Bool

  /// Notes what a decoder and its device have now.
  public init(device: String, decoder: KeyboardDecoder) {
    self.device = device
    layout = decoder.layout.name
    fingerprint = decoder.layout.fingerprint
    suffix = decoder.suffix
    separatorIsF8 = decoder.separatorIsF8
    isCapsLockOn = decoder.isCapsLockOn
  }

  /// Why this proof says nothing about what stands `now`; nil while it holds.
  public func expiry(now: WedgeProof) -> String? {
    if device != now.device { return "another scanner is plugged in than was taught" }
    if layout != now.layout || fingerprint != now.fingerprint {
      return "the keyboard layout is another than was taught"
    }
    if suffix != now.suffix || separatorIsF8 != now.separatorIsF8 {
      return "suffix or GS are configured otherwise than was taught"
    }
    if isCapsLockOn != now.isCapsLockOn {
      return
        "caps lock is \(now.isCapsLockOn ? "on" : "off"), and was not when the scanner was taught"
    }
    return nil
  }
}
