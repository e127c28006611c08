import Foundation
import Line
import Testing

@testable import Devices

/// The layouts of config/keyboards.
///
/// Read here by their own form, a line a key, since the room that reads TOML is another one; `KeyboardFileTests` reads the
/// same files by it.
enum KeyboardFiles {
  static let names = ["us", "de", "fr", "gb"]

  static func layout(_ name: String) throws -> KeyboardLayout {
    let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("../../config/keyboards/\(name).toml")
    var keys: [String: [String]] = [:]
    for line in try String(contentsOf: file, encoding: .utf8).split(separator: "\n")
    where line.hasSuffix("]") && !line.hasPrefix("[") {
      let parts = line.split(separator: " = ", maxSplits: 1)
      // A list of texts is written alike in TOML and JSON.
      keys[String(parts[0])] = try JSONDecoder().decode([String].self, from: Data(parts[1].utf8))
    }
    return try KeyboardLayout(name: name, keys: keys)
  }
}

/// A scanner that types for a layout: messages into events, 1 ms a key.
struct TypingScanner {
  enum Separator: CaseIterable {
    case controlBracket, altKeypad, altDigits, f8
  }

  let layout: KeyboardLayout
  var separator = Separator.controlBracket
  var now = Instant(nanoseconds: 1_000_000_000)

  mutating func event(_ type: UInt16, _ code: UInt16, _ value: Int32) -> KeyEvent {
    KeyEvent(at: now, type: type, code: code, value: value)
  }

  mutating func key(_ code: UInt16, _ value: Int32) -> [KeyEvent] {
    now = now + .milliseconds(1)
    return [event(4, 4, Int32(code)), event(1, code, value), event(0, 0, 0)]
  }

  mutating func press(_ code: UInt16, with modifiers: [UInt16] = []) -> [KeyEvent] {
    var events: [KeyEvent] = []
    for modifier in modifiers { events += key(modifier, 1) }
    events += key(code, 1) + key(code, 0)
    for modifier in modifiers.reversed() { events += key(modifier, 0) }
    return events
  }

  mutating func type(_ bytes: [UInt8], suffix: UInt16 = 28) -> [KeyEvent] {
    var events: [KeyEvent] = []
    for byte in bytes {
      if byte == 0x1D {
        events += typeSeparator()
      } else if let press = layout.press(for: byte) {
        let modifiers: [UInt16] =
          switch press.level {
          case .plain: []
          case .shift: [42]
          case .altGr: [100]
          }
        events += self.press(press.key, with: modifiers)
      }
    }
    return events + press(suffix)
  }

  private mutating func typeSeparator() -> [KeyEvent] {
    switch separator {
    case .controlBracket: return press(27, with: [29])
    case .f8: return press(66)
    case .altKeypad, .altDigits:
      let digits: [UInt16] = separator == .altKeypad ? [82, 80, 73] : [11, 3, 10]
      var events = key(56, 1)
      for digit in digits { events += press(digit) }
      events += key(56, 0)
      return events
    }
  }
}

extension KeyboardDecoder {
  /// Feeds events and gives what came.
  mutating func messages(_ events: [KeyEvent]) -> [[UInt8]] {
    var messages: [[UInt8]] = []
    for event in events { append(event) { messages.append(Array($0)) } }
    return messages
  }
}

@Suite struct KeyboardLayoutTests {
  @Test(arguments: KeyboardFiles.names)
  func everyLayoutTypesWhatItReads(name: String) throws {
    let layout = try KeyboardFiles.layout(name)
    let all = KeyboardLayout.characterSet82 + [UInt8(ascii: "]"), 0x1D]
    for separator in TypingScanner.Separator.allCases {
      for capsLock in [false, true] {
        var scanner = TypingScanner(layout: layout, separator: separator)
        var decoder = KeyboardDecoder(
          layout: layout, separatorIsF8: separator == .f8, capsLock: capsLock)
        let expected = capsLock ? Self.caseSwapped(all) : all
        #expect(decoder.messages(scanner.type(all)) == [expected], "\(separator), \(capsLock)")
        #expect(decoder.faults == .init())
        for byte in all {
          let expected = capsLock ? Self.caseSwapped([byte]) : [byte]
          #expect(decoder.messages(scanner.type([byte])) == [expected])
        }
      }
    }
  }

  static func caseSwapped(_ bytes: [UInt8]) -> [UInt8] {
    bytes.map { UnicodeScalar($0).properties.isAlphabetic ? $0 ^ 0x20 : $0 }
  }

  @Test func layoutsDifferWhereTheyShould() throws {
    func character(_ layout: String, _ key: UInt16, _ level: KeyboardLayout.Level) throws -> String
    {
      let byte = try KeyboardFiles.layout(layout).character(key, level)
      return byte == 0 ? "" : String(UnicodeScalar(byte))
    }
    #expect(try character("us", 21, .plain) == "y")
    #expect(try character("de", 21, .plain) == "z")
    #expect(try character("fr", 16, .plain) == "a")
    #expect(try character("fr", 2, .plain) == "&")
    #expect(try character("us", 3, .shift) == "@")
    #expect(try character("gb", 3, .shift) == "\"")
    #expect(try character("de", 10, .altGr) == "]")
    // Dead keys give nothing.
    #expect(try character("de", 41, .plain) == "")
    #expect(
      try Set(KeyboardFiles.names.map { try KeyboardFiles.layout($0).fingerprint }).count == 4)
  }

  @Test func aLayoutThatCannotBeIsRefused() {
    #expect(throws: KeyboardLayout.Problem.unknownKey("QQ")) {
      try KeyboardLayout(name: "x", keys: ["QQ": ["q"]])
    }
    #expect(throws: KeyboardLayout.Problem.characterCount(key: "Q", 4)) {
      try KeyboardLayout(name: "x", keys: ["Q": ["q", "Q", "@", "x"]])
    }
    #expect(throws: KeyboardLayout.Problem.notASCII(key: "Q", "ä")) {
      try KeyboardLayout(name: "x", keys: ["Q": ["ä"]])
    }
    #expect {
      try KeyboardLayout(name: "x", keys: ["Q": ["q", "Q"]])
    } throws: { error in
      guard case .missing(let characters) = error as? KeyboardLayout.Problem else { return false }
      return characters.contains("a") && characters.hasSuffix("]") && !characters.contains("q")
    }
  }
}

@Suite struct KeyboardDecoderTests {
  private static let pack = Array("]d2010950600013435210A7K2\u{1D}21S0001x".utf8)
  private let layout: KeyboardLayout
  private var scanner: TypingScanner
  private var decoder: KeyboardDecoder

  init() throws {
    layout = try KeyboardFiles.layout("us")
    scanner = TypingScanner(layout: layout)
    decoder = KeyboardDecoder(layout: layout)
  }

  @Test mutating func twoMessagesAreTwoAndTheSuffixIsTheOneConfigured() {
    #expect(decoder.messages(scanner.type(Self.pack) + scanner.type([])) == [Self.pack, []])
    decoder = KeyboardDecoder(layout: layout, suffix: .tab)
    #expect(decoder.messages(scanner.type(Self.pack, suffix: 15)) == [Self.pack])
    // Enter is no suffix then, and no character.
    #expect(decoder.messages(scanner.type(Self.pack, suffix: 28)).isEmpty)
    #expect(decoder.messages(scanner.press(15)).isEmpty)
    #expect(decoder.faults == .init(unknownKey: 1))
  }

  /// A key, and what is held with it.
  private static let withoutCharacter: [(UInt16, [UInt16])] = [
    (30, [29]),  // Ctrl+A
    (30, [125]),  // Meta+A
    (30, [56]),  // Alt+A
    (66, []),  // F8 where it is no GS
    (103, []),  // an arrow
    (79, [42]),  // Shift and a digit of the keypad
    (200, []),
  ]

  @Test(arguments: withoutCharacter)
  mutating func aKeyWithoutACharacterSpoilsItsMessageOnly(key: UInt16, modifiers: [UInt16]) {
    let events = scanner.press(31) + scanner.press(key, with: modifiers) + scanner.type(Self.pack)
    #expect(decoder.messages(events).isEmpty)
    #expect(decoder.lastUnknownKey?.key == key)
    #expect(decoder.messages(scanner.type(Self.pack)) == [Self.pack])
    #expect(decoder.faults == .init(unknownKey: 1))
  }

  @Test mutating func altAndDigitsGiveAnyCharacterOfASCIIAndNothingElse() {
    func alt(_ digits: [UInt16]) -> [KeyEvent] {
      var events = scanner.key(56, 1)
      for digit in digits { events += scanner.press(digit) }
      return events + scanner.key(56, 0) + scanner.press(28)
    }
    #expect(decoder.messages(alt([82, 77, 76])) == [Array("A".utf8)])  // 065
    #expect(decoder.messages(alt([77, 76])) == [Array("A".utf8)])
    #expect(decoder.messages(alt([82, 80, 73])) == [[0x1D]])
    #expect(decoder.messages(alt([])) == [[]])
    let bad: [[UInt16]] = [
      [80, 73], [82, 82, 82, 80], [80], [79, 80, 72], [82, 80, 73, 82, 82], [73, 73, 73, 73],
    ]
    for digits in bad { #expect(decoder.messages(alt(digits)).isEmpty) }
    #expect(decoder.faults == .init(unknownKey: UInt64(bad.count)))
  }

  @Test mutating func locksFollowTheLightsAndTheirKeys() {
    let mixed = Array("aB1".utf8)
    let swapped = Array("Ab1".utf8)
    #expect(decoder.messages(scanner.press(58) + scanner.type(mixed)) == [swapped])
    #expect(decoder.isCapsLockOn)
    #expect(decoder.messages([scanner.event(0x11, 1, 0)] + scanner.type(mixed)) == [mixed])
    #expect(decoder.messages([scanner.event(0x11, 1, 1)] + scanner.type(mixed)) == [swapped])
    decoder.synchronise(capsLock: false, numLock: false)
    // The keypad's 1: a digit with num lock, an arrow without.
    #expect(decoder.messages(scanner.press(79) + scanner.press(28)).isEmpty)
    #expect(decoder.messages(scanner.press(69) + scanner.press(79) + scanner.press(28)) == [[0x31]])
    #expect(decoder.faults == .init(unknownKey: 1))
  }

  @Test mutating func aKeyThatRepeatsItselfIsCountedAndPassedOver() {
    var events = scanner.key(30, 1)
    for _ in 0..<5 { events += scanner.key(30, 2) }
    events += scanner.key(30, 0) + scanner.press(28)
    #expect(decoder.messages(events) == [[0x61]])
    #expect(decoder.faults == .init(repeated: 5))
  }

  @Test mutating func aShiftThatWasNotReleasedSpoilsMessagesUntilItIs() {
    let held = scanner.key(54, 1)
    #expect(decoder.messages(held + scanner.press(30) + scanner.press(28)).isEmpty)
    #expect(decoder.faults == .init(unknownKey: 1))
    for _ in 0..<3 { #expect(decoder.messages(scanner.press(30) + scanner.press(28)).isEmpty) }
    #expect(decoder.faults == .init(unknownKey: 1, stuckModifier: 3))
    #expect(
      decoder.messages(scanner.key(54, 0) + scanner.press(30) + scanner.press(28)) == [[0x61]])
    // Held over a pause it is not believed either.
    let again = scanner.key(54, 1)
    #expect(decoder.messages(again).isEmpty)
    scanner.now = scanner.now + .milliseconds(501)
    #expect(decoder.messages(scanner.press(30) + scanner.press(28)).isEmpty)
    #expect(decoder.faults == .init(unknownKey: 1, stuckModifier: 4))
  }

  @Test mutating func aMessageOfTheGreatestLengthComesAndALongerOneDoesNot() {
    let longest = [UInt8](repeating: 0x61, count: Framer.messageLengthMax)
    #expect(decoder.messages(scanner.type(longest)) == [longest])
    #expect(decoder.messages(scanner.type(longest + [0x61])).isEmpty)
    #expect(decoder.messages(scanner.type(Self.pack)) == [Self.pack])
    #expect(decoder.faults == .init(overlong: 1))
  }

  @Test mutating func halfAMessageIsNeverJoinedWithWhatComesAfterAnUnplug() {
    let events = scanner.type(Self.pack)
    for count in events.indices {
      var decoder = KeyboardDecoder(layout: layout)
      let before = decoder.messages(Array(events[..<count]))
      // The last key's release comes behind the suffix.
      #expect(before == (decoder.hasPart || count == 0 ? [] : before))
      let hadPart = decoder.hasPart
      decoder.reset()
      #expect(!decoder.hasPart)
      #expect(decoder.faults == .init(cut: hadPart ? 1 : 0))
      var after = scanner
      after.now = after.now + .milliseconds(1000)
      #expect(decoder.messages(after.type(Self.pack)) == [Self.pack])
    }
  }

  @Test(
    "a message that pauses is dropped with its rest, whether the pause is seen in time or by the next key",
    arguments: [false, true])
  mutating func pauses(isLookedFor: Bool) {
    let events = scanner.type(Self.pack)
    let suffix = events.firstIndex { $0.type == 1 && $0.code == 28 && $0.value == 1 } ?? 0
    for place in 0...suffix {
      var decoder = KeyboardDecoder(layout: layout)
      #expect(decoder.messages(Array(events[..<place])).isEmpty)
      let hadPart = decoder.hasPart
      let paused = events[place...].map { event in
        KeyEvent(
          at: event.at + .milliseconds(501), type: event.type, code: event.code, value: event.value)
      }
      if isLookedFor { decoder.look(now: events[place].at + .milliseconds(501)) }
      let tail = decoder.messages(paused)
      // Before its first character a message has not begun.
      #expect(tail == (hadPart || decoder.faults.stuckModifier > 0 ? [] : [Self.pack]), "\(place)")
      #expect(
        decoder.faults.cut == (hadPart ? 1 : 0) && decoder.faults.tails == (hadPart ? 1 : 0),
        "\(place)")
      #expect(!decoder.hasPart)
      var after = scanner
      after.now = after.now + .milliseconds(2000)
      #expect(decoder.messages(after.type(Self.pack)) == [Self.pack], "\(place)")
    }
  }

  @Test mutating func aMessageThatPausesOftenIsStillOneMessage() {
    for _ in 0..<5 {
      #expect(decoder.messages(scanner.press(30)).isEmpty)
      scanner.now = scanner.now + .milliseconds(501)
      decoder.look(now: scanner.now)
      #expect(decoder.hasPart)
    }
    #expect(decoder.messages(scanner.press(28)).isEmpty)
    #expect(decoder.faults == .init(cut: 1, tails: 1))
    #expect(decoder.messages(scanner.type(Self.pack)) == [Self.pack])
    // So is one that was on its way at the opening, and one whose events were lost.
    decoder.opened(at: scanner.now)
    #expect(decoder.messages(scanner.press(30)).isEmpty)
    scanner.now = scanner.now + .milliseconds(501)
    #expect(decoder.messages(scanner.type(Self.pack)).isEmpty)
    #expect(decoder.faults == .init(cut: 1, tails: 2))
    let lost = KeyEvent(at: scanner.now, type: 0, code: 3, value: 0)
    #expect(decoder.messages([lost] + scanner.press(30)).isEmpty)
    decoder.synchronise(capsLock: false, numLock: true)
    scanner.now = scanner.now + .milliseconds(501)
    #expect(decoder.messages(scanner.type(Self.pack)).isEmpty)
    #expect(decoder.messages(scanner.type(Self.pack)) == [Self.pack])
    #expect(decoder.faults == .init(cut: 1, tails: 2, dropped: 1))
  }

  @Test mutating func whatWasOnItsWayAtTheOpeningIsNotHandedOn() {
    let events = scanner.type(Self.pack)
    let start = Instant(nanoseconds: 1_000_000_000)
    // Behind the suffix only a pause can say that the next message begins.
    let suffix = events.lastIndex { $0.code == 28 && $0.value == 1 && $0.type == 1 }
    for place in events[...(suffix ?? 0)].indices {
      var decoder = KeyboardDecoder(layout: layout)
      decoder.opened(at: start)
      #expect(decoder.messages(Array(events[place...])).isEmpty)
      var after = scanner
      #expect(decoder.messages(after.type(Self.pack)) == [Self.pack], "opened at \(place)")
      #expect(decoder.faults.cut <= 1)
    }
    decoder.opened(at: start)
    scanner.now = start + .milliseconds(501)
    #expect(decoder.messages(scanner.type(Self.pack)) == [Self.pack])
    #expect(decoder.faults == .init())
  }

  @Test mutating func eventsLostAnywhereLoseWholeMessagesAndJoinNone() {
    let first = scanner.type(Self.pack)
    let second = scanner.type(Self.pack)
    let third = scanner.type(Self.pack)
    let events = first + second
    let lost = KeyEvent(at: first[0].at, type: 0, code: 3, value: 0)
    let report = KeyEvent(at: first[0].at, type: 0, code: 0, value: 0)
    for place in events.indices {
      for count in [0, 1, 2, 7, 40] where place + count <= events.count {
        var decoder = KeyboardDecoder(layout: layout)
        var messages = decoder.messages(Array(events[..<place]))
        messages += decoder.messages([lost, report])
        #expect(decoder.needsSynchronising)
        decoder.synchronise(capsLock: false, numLock: true)
        messages += decoder.messages(Array(events[(place + count)...]) + third)
        #expect(messages.allSatisfy { $0 == Self.pack }, "lost \(count) at \(place)")
        #expect((1...2).contains(messages.count), "lost \(count) at \(place)")
        #expect(decoder.faults.dropped == 1)
        #expect(decoder.messages(scanner.type(Self.pack)) == [Self.pack])
      }
    }
  }

  @Test mutating func afterLostEventsNothingIsBelievedBeforeTheLightsWereAskedFor() {
    let lost = KeyEvent(at: scanner.now, type: 0, code: 3, value: 0)
    #expect(decoder.messages([lost] + scanner.type(Self.pack) + scanner.type(Self.pack)).isEmpty)
    #expect(decoder.faults == .init(dropped: 1, unsynchronised: 1))
    decoder.synchronise(capsLock: true, numLock: true)
    #expect(decoder.messages(scanner.type(Array("aB".utf8))) == [Array("Ab".utf8)])
  }

  /// Events of keys at random, also such as no scanner sends: nothing but characters that were typed comes out.
  @Test func eventsAtRandomEndInMessagesOrFaults() throws {
    for seed in UInt64(1)...20 {
      var state = seed
      func random(_ below: UInt64) -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return (state >> 33) % below
      }
      var decoder = KeyboardDecoder(layout: try KeyboardFiles.layout("de"))
      var at = Instant(nanoseconds: 0)
      for _ in 0..<20_000 {
        at = at + .milliseconds(Int64(random(20)))
        let type: UInt16 = [0, 1, 1, 1, 1, 1, 4, 0x11][Int(random(8))]
        let code = UInt16(random(type == 1 ? 130 : 5))
        decoder.append(KeyEvent(at: at, type: type, code: code, value: Int32(random(3)))) { bytes in
          #expect(bytes.count <= Framer.messageLengthMax, "seed \(seed)")
          #expect(
            bytes.allSatisfy { $0 == 0x1D || (0x20...0x7E).contains($0) }, "seed \(seed)")
        }
        if decoder.needsSynchronising, random(3) == 0 {
          decoder.synchronise(capsLock: false, numLock: true)
        }
      }
    }
  }
}

@Suite struct WedgeTeachingTests {
  /// What a scanner set for `typed` says, where `read` is configured.
  private static func finding(
    typed: String, read: String, content: [UInt8] = WedgeTeaching.content, capsLock: Bool = false,
    separator: TypingScanner.Separator = .controlBracket
  ) throws -> WedgeTeaching.Finding? {
    var scanner = TypingScanner(layout: try KeyboardFiles.layout(typed), separator: separator)
    let decoder = KeyboardDecoder(layout: try KeyboardFiles.layout(read), capsLock: capsLock)
    var teaching = WedgeTeaching(
      decoder, others: try KeyboardFiles.names.map(KeyboardFiles.layout))
    var finding: WedgeTeaching.Finding?
    for event in scanner.type(content) {
      if let found = teaching.append(event) {
        #expect(finding == nil, "one scan, one finding")
        finding = found
      }
    }
    return finding
  }

  @Test func theTestSymbolHasEveryCharacterAndItsTextIsTheOneInTheDocuments() {
    for byte in KeyboardLayout.characterSet82 { #expect(WedgeTeaching.content.contains(byte)) }
    #expect(
      WedgeTeaching.text == """
        ]d2010950600013435210yzYZ0<GS>21Zz-Yy_1<GS>91!"%&'()*+,-./0123456789:;<=>?\
        ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz
        """)
  }

  @Test(arguments: KeyboardFiles.names)
  func aSymbolThatCameWholeProvesTheScanner(name: String) throws {
    for separator in [TypingScanner.Separator.controlBracket, .altDigits, .altKeypad] {
      #expect(try Self.finding(typed: name, read: name, separator: separator) == .whole)
    }
  }

  /// No pair of different layouts may be taken for right, and each is told which is the right one.
  @Test(arguments: KeyboardFiles.names, KeyboardFiles.names)
  func aWrongLayoutIsNamed(typed: String, read: String) throws {
    guard typed != read else { return }
    #expect(
      try Self.finding(typed: typed, read: read)
        == .wrong(
          "the scanner types for the layout \"\(typed)\", but \"\(read)\" is configured"))
  }

  @Test func eachFaultOfTheSettingsIsSaid() throws {
    let content = WedgeTeaching.content
    func wrong(_ content: [UInt8], capsLock: Bool = false) throws -> String? {
      guard
        case .wrong(let sentence) = try Self.finding(
          typed: "us", read: "us", content: content, capsLock: capsLock)
      else { return nil }
      return sentence
    }
    let caps = "upper and lower case are swapped: is caps lock on?"
    let separator =
      "no GS came: set the scanner to send GS as Ctrl+], or as Alt and 029 on the keypad"
    let identifier =
      "no symbology identifier came: set the scanner to send AIM identifiers in front"
    let withoutGS = content.filter { $0 != 0x1D }
    #expect(try wrong(content, capsLock: true) == caps)
    #expect(try wrong(withoutGS) == separator)
    #expect(try wrong(Array(content.dropFirst(3))) == identifier)
    #expect(
      try wrong(Array(withoutGS.dropFirst(3)), capsLock: true)
        == [caps, separator, identifier].joined(separator: "; "))
    #expect(
      try wrong(content.map { "yzYZ".utf8.contains($0) ? $0 ^ 3 : $0 })
        == "Y and Z are swapped: is the layout right?")
    #expect(try wrong(content.map { $0 == 0x1D ? 0x7C : $0 })?.hasPrefix("GS came as |: ") == true)
    #expect(
      try wrong(Array("]d1".utf8) + content.dropFirst(3))?
        .hasPrefix("the symbology identifier came as ]d1, not ]d2") == true)
    #expect(try wrong(Array(content.dropLast()))?.hasPrefix("only the first ") == true)
    #expect(try wrong(content + [0x61])?.hasPrefix("more came than the symbol holds: a") == true)
    var one = content
    one[10] ^= 1
    #expect(try wrong(one)?.hasPrefix("character 11 should be ") == true)
  }

  @Test func aProofEndsWithTheLayoutTheDeviceOrTheLight() throws {
    let us = KeyboardDecoder(layout: try KeyboardFiles.layout("us"))
    let proof = WedgeProof(device: "0c2e:0901 S1", decoder: us)
    #expect(proof.expiry(now: proof) == nil)
    let german = KeyboardDecoder(layout: try KeyboardFiles.layout("de"))
    let caps = KeyboardDecoder(layout: us.layout, capsLock: true)
    let tab = KeyboardDecoder(layout: us.layout, suffix: .tab)
    let others = [
      WedgeProof(device: "0c2e:0901 S2", decoder: us), .init(device: proof.device, decoder: german),
      .init(device: proof.device, decoder: caps), .init(device: proof.device, decoder: tab),
    ]
    #expect(Set(others.compactMap { proof.expiry(now: $0) }).count == others.count)
  }
}
