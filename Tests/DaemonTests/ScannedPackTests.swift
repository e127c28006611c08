import Testing

@testable import Daemon

@Suite("What a scan for a case names")
struct ScannedPackTests {
  @Test(
    "a whole code names serial and GTIN, a bare serial itself, also where it begins like an element",
    arguments: [
      ("]d20109506000134352" + "21S1\u{1D}1728113010K4711", "S1", "09506000134352"),
      ("0109506000134352" + "1728113010K4711\u{1D}21S1", "S1", "09506000134352"),
      ("]d221S1", "]d221S1", nil), ("21S1", "21S1", nil),
      ("2112345678901234567", "2112345678901234567", nil),
      ("10ABC", "10ABC", nil), ("", "", nil), ("]d2", "]d2", nil),
      ("]d2010950600013435221", "]d2010950600013435221", nil),
    ] as [(String, String, String?)])
  func pack(scan: String, serial: String, gtin: String?) {
    let pack = ControlDesk.pack(scan, gtin: nil)
    #expect(String(decoding: pack.serial, as: UTF8.self) == serial)
    #expect(pack.gtin == gtin)
  }
}
