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
        (01)   GTIN    09506000134352
        (21)   SERIAL  ABC
        ]d2010950600013435221ABC␝17271331
                                     ^
        byte 29: expiry (17) has a month that is not 01 to 12 [date-month]
        """)
  }

  @Test func showsWhatCannotBeRead() {
    let scan: [UInt8] = [0x5D, 0x64, 0x32, 0x02, 0xFF, 0x7F]
    #expect(Message.explanation(of: scan).hasPrefix("]d2␂·␡\n   ^\nbyte 3: "))
  }
}
