import GS1
import Testing

@Suite struct ExplanationTests {
  @Test func showsAIsWithTitles() {
    let scan = Array("]d2010950600013435221ABC\u{1D}17271231".utf8)
    #expect(
      Message.explanation(of: scan) == """
        ]d2 GS1 element strings
        (01)   GTIN              09506000134352
        (21)   SERIAL            ABC
        (17)   USE BY or EXPIRY  271231
        ]d2010950600013435221ABC␝17271231
        """)
  }

  @Test func marksTheByte() {
    let scan = Array("]d2010950600013435221ABC\u{1D}17271331".utf8)
    #expect(
      Message.explanation(of: scan) == """
        ]d2 refused
        (01)   GTIN    09506000134352
        (21)   SERIAL  ABC
        ]d2010950600013435221ABC␝17271331
                                     ^
        byte 29: expiry (17) has a month that is not 01 to 12 [date-month]
        """)
  }

  @Test func showsWhatCannotBeRead() {
    let scan: [UInt8] = [0x5D, 0x64, 0x32, 0x02, 0xFF, 0x7F]
    #expect(Message.explanation(of: scan).hasPrefix("]d2 refused\n]d2␂·␡\n   ^\nbyte 3: "))
    #expect(Message.explanation(of: []).hasPrefix("refused\n\n^\nbyte 0: symbology identifier"))
  }

  @Test func showsNoSplitWhereASeparatorGotLost() {
    let scan = Array("]d2010950600013435210LOT47112112345678901234".utf8)
    #expect(
      Message.explanation(of: scan).hasPrefix(
        """
        ]d2 refused
        (01)   GTIN  09506000134352
        ]d2010950600013435210LOT47112112345678901234
                                                 ^
        byte 41: separator missing after lot (10)
        """))
  }

  @Test func showsWhatWasReadBeforeAPairThatMustNotBe() {
    let scan = Array("]d20109506000134352371".utf8)
    #expect(
      Message.explanation(of: scan) == """
        ]d2 refused
        (01)   GTIN   09506000134352
        (37)   COUNT  1
        ]d20109506000134352371
             ^
        byte 5: GTIN (01) must not stand beside COUNT (37) [ai-pair-excluded]
        """)
  }

  @Test func showsDigitalLinksAndComposites() {
    #expect(
      Message.explanation(of: Array("]Q1https://a/01/09506000134352/10/A%2F1".utf8)) == """
        ]Q1 GS1 Digital Link URI
        (01)   GTIN       09506000134352
        (10)   BATCH/LOT  A/1
        ]Q1https://a/01/09506000134352/10/A%2F1
        """)
    #expect(
      Message.explanation(of: Array("]E09506000134352|]e010A".utf8)).hasPrefix(
        "]E0 refused\n(10)   BATCH/LOT  A\n]E09506000134352|]e010A\n"))
  }

  @Test func longScansAreShownInRowsWithTheMarkBelowTheRightOne() {
    let row = String(repeating: "9", count: 72)
    let link = "]d1https://a/99/"
    let longest = link + String(repeating: "9", count: 144 - link.utf8.count)
    let lines = Message.explanation(of: Array((longest + "é" + row).utf8)).split(separator: "\n")
    #expect(lines.count == 7)
    #expect(lines[0] == "]d1 refused")
    #expect(lines[2] == row)
    #expect(lines[3] == "··" + row.dropLast(2))
    #expect(lines[4] == "^")
    #expect(lines[5] == "99")
    #expect(lines[6].hasPrefix("byte 144: "))
    // The byte behind the last, where a row has just ended.
    let full = Array("]d2".utf8) + Array(repeating: UInt8(ascii: "1"), count: 69)
    #expect(
      Message.explanation(of: full).contains(
        "\n" + String(repeating: " ", count: 72) + "^\nbyte 72:"))
  }
}
