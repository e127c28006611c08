import Testing

@testable import GS1

@Suite struct SyntaxTableTests {
  @Test func holdsTheDictionary() {
    #expect(SyntaxTable.release == "2026-01-27")
    let all = ApplicationIdentifier.all
    #expect(all.count == 541)
    #expect(Set(all).count == 541)
    #expect(all.first == .sscc)
    #expect(all.last?.digits == "99")
    for ai in all { #expect(ApplicationIdentifier(ai.digits) == ai) }
  }

  @Test(arguments: ["", "0", "1", "001", "04", "23", "236", "3106", "310", "31000", "0a", "8888"])
  func othersAreNoAIs(digits: String) {
    #expect(ApplicationIdentifier(digits) == nil)
  }

  /// AI, title, separator needed, shortest and longest value.
  @Test(
    arguments: [
      ("00", "SSCC", false, 18...18),
      ("01", "GTIN", false, 14...14),
      ("10", "BATCH/LOT", true, 1...20),
      ("253", "GDTI", true, 13...30),
      ("3103", "NET WEIGHT (kg)", false, 6...6),
      ("3165", "NET VOLUME (m³)", false, 6...6),
      ("3919", "AMOUNT", true, 4...18),
      ("423", "COUNTRY - INITIAL PROCESS", true, 3...15),
      ("4333", "MIN TEMP C.", true, 6...7),
      ("7040", "UIC+EXT", true, 4...4),
      ("8001", "DIMENSIONS", true, 14...14),
      ("8030", "DIGSIG", true, 1...90),
      ("8110", "", true, 1...70),
      ("99", "INTERNAL", true, 1...90),
    ] as [(String, String, Bool, ClosedRange<Int>)])
  func format(
    digits: String, title: String, needsSeparator: Bool, valueLength: ClosedRange<Int>
  ) throws {
    let ai = try #require(ApplicationIdentifier(digits))
    #expect(ai.title == title)
    #expect(ai.needsSeparator == needsSeparator)
    #expect(ai.valueLength == valueLength)
  }

  /// The dictionary and the list of predefined lengths in GenSpecs figure 7.8.5-2 say the same.
  @Test func predefinedLengthsAreThoseOfTheGenSpecs() {
    let byPrefix: [Int: Int] = [
      0: 18, 1: 14, 2: 14, 3: 14, 4: 16, 11: 6, 12: 6, 13: 6, 14: 6, 15: 6, 16: 6, 17: 6, 18: 6,
      19: 6, 20: 2, 31: 6, 32: 6, 33: 6, 34: 6, 35: 6, 36: 6, 41: 13,
    ]
    for ai in ApplicationIdentifier.all {
      #expect(ai.needsSeparator == (byPrefix[ai.prefix] == nil), "\(ai)")
      if let length = byPrefix[ai.prefix] { #expect(ai.valueLength == length...length, "\(ai)") }
    }
  }

  @Test func everyLinterOfTheTableIsKnown() {
    for word in (0..<SyntaxTable.components.count).map({ SyntaxTable.components[$0] }) {
      var packed = SyntaxTable.Component(word: word).linters
      while packed != 0 {
        #expect(Linter(rawValue: UInt8(packed & 0x3F)) != nil)
        packed >>= 6
      }
    }
  }
}
