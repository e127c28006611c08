import Testing

@testable import Devices

/// How a scanner frames its messages, as the manuals of their makers have it.
struct FramingProfile: Sendable, CustomTestStringConvertible {
  var testDescription: String
  var prefix: [UInt8]
  var suffix: [UInt8]
  var noRead: String

  init(_ name: String, prefix: String = "", suffix: String, noRead: String) {
    testDescription = name
    self.prefix = Array(prefix.utf8)
    self.suffix = Array(suffix.utf8)
    self.noRead = noRead
  }

  static let all = [
    FramingProfile("CR LF, Omron Microscan", suffix: "\r\n", noRead: "NOREAD"),
    FramingProfile("CR, Keyence", suffix: "\r", noRead: "ERROR"),
    FramingProfile("LF", suffix: "\n", noRead: "NO READ"),
    FramingProfile(
      "STX ETX, Keyence", prefix: "\u{02}", suffix: "\u{03}", noRead: "ERROR"),
    FramingProfile("STX CR LF, Datalogic", prefix: "\u{02}", suffix: "\r\n", noRead: "?"),
    FramingProfile("SOH STX, ETX CR", prefix: "\u{01}\u{02}", suffix: "\u{03}\r", noRead: "?"),
    FramingProfile("text before and after", prefix: "R:", suffix: ";;\n", noRead: "-"),
    FramingProfile("suffix that begins as it goes on", suffix: "\r\r\n", noRead: ""),
  ]

  func frame(_ message: [UInt8]) -> [UInt8] { prefix + message + suffix }
}

@Suite struct FramerTests {
  /// A GS1 message as it comes: identifier, elements, FNC1 as 0x1D.
  static let pack = Array("]d20109506000134352172712311\u{1D}10A7K2\u{1D}21S0001x".utf8)

  @Test(arguments: FramingProfile.all)
  func theSameMessagesComeHoweverTheBytesAreCut(profile: FramingProfile) {
    let limit = Framer.messageLengthMax
    func letters(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(ascii: "A") + UInt8($0 % 26) } }
    var stretches: [FramerVerifier.Stretch] = [
      .init(name: "pack", bytes: profile.frame(Self.pack), messages: [Self.pack]),
      .init(
        name: "no-read", bytes: profile.frame(Array(profile.noRead.utf8)),
        messages: [Array(profile.noRead.utf8)]),
      .init(name: "empty", bytes: profile.frame([]), messages: [[]]),
      // Two equal messages are two units.
      .init(
        name: "twice the same", bytes: profile.frame([0x41]) + profile.frame([0x41]),
        messages: [[0x41], [0x41]]),
      .init(
        name: "NUL, GS, high bytes", bytes: profile.frame([0, 0x1D, 0, 0x80, 0xFE, 0xFF, 0]),
        messages: [[0, 0x1D, 0, 0x80, 0xFE, 0xFF, 0]]),
      .init(
        name: "the longest", bytes: profile.frame(letters(limit)), messages: [letters(limit)]),
      .init(
        name: "one byte too long", bytes: profile.frame(letters(limit + 1)), messages: [],
        faults: .init(overlong: 1)),
      .init(
        name: "far too long", bytes: profile.frame(letters(2100)), messages: [],
        faults: .init(overlong: 1)),
      .init(name: "pack after it", bytes: profile.frame(Self.pack), messages: [Self.pack]),
    ]
    if profile.suffix.count > 1 {
      // What looks like the suffix and is none belongs to the message.
      let near = [0x42] + profile.suffix.dropLast() + [0x43]
      stretches.append(
        .init(name: "nearly a suffix", bytes: profile.frame(near), messages: [near]))
      let tail = [0x42] + [UInt8](repeating: profile.suffix[0], count: 3)
      stretches.append(
        .init(name: "begins of a suffix", bytes: profile.frame(tail), messages: [tail]))
      let long = [UInt8](repeating: profile.suffix[0], count: limit + 1)
      stretches.append(
        .init(
          name: "too long, of the suffix's first byte", bytes: profile.frame(long), messages: [],
          faults: .init(overlong: 1)))
    }
    if !profile.prefix.isEmpty {
      let noise: [UInt8] = [0x7F, 0x00, 0xFF]
      stretches += [
        .init(
          name: "noise before", bytes: noise + profile.frame([0x41]), messages: [[0x41]],
          faults: .init(withoutPrefix: 1)),
        .init(
          name: "noise alone", bytes: noise + profile.suffix, messages: [],
          faults: .init(withoutPrefix: 1)),
        .init(
          name: "suffix alone", bytes: profile.suffix, messages: [],
          faults: .init(withoutPrefix: 1)),
        .init(name: "good after it", bytes: profile.frame([0x42]), messages: [[0x42]]),
      ]
    }
    FramerVerifier(prefix: profile.prefix, suffix: profile.suffix).verify(stretches)
  }

  @Test(arguments: FramingProfile.all.filter { !$0.prefix.isEmpty })
  func aPrefixThatComesAgainBeginsAnewOnlyIfItIsAControlCharacter(profile: FramingProfile) {
    let bytes = profile.prefix + Array("cut off".utf8) + profile.frame(Array("whole".utf8))
    let isControl = profile.prefix[0] < 0x20
    FramerVerifier(prefix: profile.prefix, suffix: profile.suffix).verify([
      .init(
        name: "prefix again", bytes: bytes,
        messages: isControl
          ? [Array("whole".utf8)]
          : [Array("cut off".utf8) + profile.prefix + Array("whole".utf8)],
        faults: .init(withoutPrefix: isControl ? 1 : 0))
    ])
  }

  @Test(arguments: FramingProfile.all)
  func aHalfFrameIsDroppedWhereverTheLineBreaks(profile: FramingProfile) {
    let bytes = profile.frame(Self.pack)
    for cut in 1..<bytes.count {
      var framer = Framer(prefix: profile.prefix, suffix: profile.suffix)
      var messages: [[UInt8]] = []
      bytes[..<cut].withUnsafeBytes { framer.append($0) { messages.append(Array($0)) } }
      #expect(messages.isEmpty && framer.hasPart)
      framer.reset()
      #expect(framer.faults == Framer.Faults(cut: 1))
      #expect(!framer.hasPart)
      bytes.withUnsafeBytes { framer.append($0) { messages.append(Array($0)) } }
      #expect(messages == [Self.pack])
    }
  }

  @Test func anOverlongMessageThatBreaksOffIsForgotten() {
    var framer = Framer(prefix: [], suffix: [0x0D, 0x0A])
    var messages: [[UInt8]] = []
    let long = [UInt8](repeating: 0x41, count: 3000)
    long.withUnsafeBytes { framer.append($0) { messages.append(Array($0)) } }
    framer.reset()
    #expect(framer.faults == Framer.Faults(overlong: 1, cut: 1))
    ([0x42, 0x0D, 0x0A] as [UInt8]).withUnsafeBytes {
      framer.append($0) { messages.append(Array($0)) }
    }
    // The line broke: these bytes are a message of the new connection, not the rest of the old one's.
    #expect(messages == [[0x42]])
  }

  @Test func aBreakBetweenMessagesCutsNothing() {
    var framer = Framer(prefix: [], suffix: [0x0A])
    framer.reset()
    ([0x41, 0x0A] as [UInt8]).withUnsafeBytes { framer.append($0) { _ in } }
    framer.reset()
    #expect(framer.faults == Framer.Faults())
  }

  @Test func randomBytesInRandomPiecesGiveWhatOnePieceGives() {
    for profile in FramingProfile.all {
      // Few different bytes, so that prefixes and suffixes come often.
      let letters = Array(Set(profile.prefix + profile.suffix + [0x41, 0x00]))
      for _ in 0..<40 {
        let bytes = (0..<3000).map { _ in letters[Int.random(in: letters.indices)] }
        var whole = Framer(prefix: profile.prefix, suffix: profile.suffix)
        var expected: [[UInt8]] = []
        bytes.withUnsafeBytes { whole.append($0) { expected.append(Array($0)) } }
        var pieces = Framer(prefix: profile.prefix, suffix: profile.suffix)
        var messages: [[UInt8]] = []
        var sizes: [Int] = []
        var rest = bytes[...]
        while !rest.isEmpty {
          let size = min(rest.count, Int.random(in: 1...80))
          sizes.append(size)
          Array(rest.prefix(size)).withUnsafeBytes {
            pieces.append($0) { messages.append(Array($0)) }
          }
          rest = rest.dropFirst(size)
        }
        #expect(
          messages == expected && pieces.faults == whole.faults,
          "\(profile.testDescription): \(bytes) in pieces of \(sizes)")
      }
    }
  }
}
