import Testing

@testable import GS1

/// One scan a line with what it gives: HRI text, or the code and the byte of the fault.
///
/// ␝ in the scan stands for GS.
@Suite struct MessageTests {
  @Test(
    arguments: [
      // Separators.
      ("]d2010950600013435210A␝17271231", "(01)09506000134352(10)A(17)271231"),
      ("]d2010950600013435217271231␝10A", "(01)09506000134352(17)271231(10)A"),  // GS not needed
      ("]d2010950600013435210A␝", "(01)09506000134352(10)A"),  // one at the end
      ("]d2010950600013435210A␝␝", "separator-misplaced@23"),
      ("]d2␝0109506000134352", "separator-misplaced@3"),
      ("]d2010950600013435210A␝␝17271231", "separator-misplaced@23"),
      ("]d20109506000134352", "(01)09506000134352"),
      ("]d201095060001343␝52", "value-too-short@17"),
      ("]d2", "message-empty@3"),
      // GS got lost: the fault is named, no split is guessed.
      ("]d2010950600013435210LOT47112112345678901234", "separator-missing@41"),
      ("]d2010950600013435221ABCDEFGH1234561727123110LOT4711", "separator-missing@41"),
      ("]d2010950600013435210ABCDEFGHIJKLMNOPQRSTUVWXYZ", "value-too-long@41"),
      ("]d201095060001343523000000000000␝10A", "value-too-long@29"),
      // AIs.
      ("]d2990", "(99)0"),
      ("]d2041234567890123", "ai-unknown@3"),
      ("]d2010950600013435223", "ai-unknown@19"),
      ("]d2010950600013435231", "ai-unknown@19"),
      ("]d201095060001343520A", "ai-unknown@19"),
      ("]d20109506000134352310995", "ai-unknown@19"),
      ("]d2(01)09506000134352", "ai-unknown@3"),
      ("]d20109506000134352310500019", "value-too-short@28"),
      // Content.
      ("]d20109506000134353", "check-digit@18"),
      ("]d2010A506000134352", "character-not-digit@6"),
      ("]d2010950600013435217271331", "date-month@23"),
      ("]d2010950600013435217270230", "date-day@25"),
      ("]d2010950600013435217000229", "(01)09506000134352(17)000229"),  // 2000 is a leap year
      ("]d2010950600013435217270200", "(01)09506000134352(17)270200"),
      ("]d2010950600013435210A~B", "character-not-in-set-82@22"),
      ("]d2010950600013435210A^B", "illegal-caret@22"),
      ("]d2010950600013435210 A", "character-not-in-set-82@21"),
      ("]d201095060001343524232761", "value-length@26"),
      ("]d20109506000134352423276040", "(01)09506000134352(423)276040"),
      ("]d2010950600013435210A\r\n", "character-not-in-set-82@22"),
      // AIs beside each other.
      ("]d210A", "ai-requirement-not-met@5"),
      ("]d21727123110A", "ai-requirement-not-met@13"),  // (10) comes before (17) by its digits
      ("]d20109506000134352371", "ai-pair-excluded@5"),
      ("]d20109506000134352250A", "ai-requirement-not-met@22"),
      ("]d20109506000134352250A␝21B", "(01)09506000134352(250)A(21)B"),
      ("]d20109506000134352310012345631012345", "value-too-short@37"),
      ("]d201095060001343523100123456␝3101123456", "ai-pair-excluded@23"),
      ("]d2010950600013435221A␝0109506000134352", "(01)09506000134352(21)A(01)09506000134352"),
      ("]d2010950600013435210A␝10B", "ai-repeat-differs@25"),
      ("]d2010950600013435210A␝10A", "(01)09506000134352(10)A(10)A"),
      ("]d22531234567890128␝8030SIG", "signature-key-without-serial@6"),
      ("]d22531234567890128X␝8030SIG", "(253)1234567890128X(8030)SIG"),
      // Symbology identifiers.
      ("]C10109506000134352", "(01)09506000134352"),
      ("]e00109506000134352", "(01)09506000134352"),
      ("]Q30109506000134352", "(01)09506000134352"),
      ("]J10109506000134352", "(01)09506000134352"),
      ("]D20109506000134352", "symbology-unsupported@1"),
      ("]I109506000134352", "symbology-unsupported@1"),  // not known to the reference engine
      ("0109506000134352", "symbology-missing@0"),
      ("", "symbology-missing@0"),
      ("]d", "symbology-missing@0"),
      ("]d1", ""),
      ("]d10109506000134352", ""),
      ("]J0anything ^ at all", ""),
      // EAN and UPC, with composite component.
      ("]E09506000134352", ""),
      ("]E09506000134353", "primary-check-digit@15"),
      ("]E0950600013435", "primary-too-short@15"),
      ("]E095060001343520", "primary-too-long@16"),
      ("]E0950600013435A", "primary-not-digits@15"),
      ("]E095O6000134352", "primary-not-digits@5"),
      ("]E495200002", ""),
      ("]E09506000134352|]e099A␝98B", "(99)A(98)B"),
      ("]E09506000134352|]e0", "message-empty@20"),
      ("]E09506000134352|]e010A", "ai-requirement-not-met@22"),
    ] as [(String, String)])
  func elementStrings(scan: String, expected: String) {
    #expect(answer(scan) == expected, "\(scan)")
  }

  @Test(
    arguments: [
      ("https://id.gs1.org/01/09506000134352", "(01)09506000134352"),
      ("HTTP://A/01/09506000134352", "(01)09506000134352"),
      ("hTTP://a/01/09506000134352", ""),  // plain data
      ("ftp://a/01/09506000134352", ""),
      ("https://a:8080/01/09506000134352", "(01)09506000134352"),
      ("https://a_b/01/09506000134352", "uri-domain@12"),
      ("https:///01/09506000134352", "uri-path-missing@11"),
      ("https://a", "uri-path-missing@12"),
      ("https://a/", "uri-key-missing@12"),
      ("https://a/b/01/09506000134352/", "uri-key-missing@12"),
      ("https://a/01/", "value-empty@16"),
      ("https://a/01//10/A", "value-empty@16"),
      ("https://a/01/0950600013435", "value-too-short@29"),
      ("https://a/01/095060001343520", "value-too-long@16"),
      ("https://a/01/%309506000134352", "(01)09506000134352"),
      ("https://a/01/0950600013435%33", "check-digit@29"),
      ("https://a/01/09506000134352/10/A%2", "(01)09506000134352(10)A%2"),
      ("https://a/01/09506000134352/10/%", "(01)09506000134352(10)%"),
      ("https://a/01/09506000134352/10/A%00", "uri-null@34"),
      ("https://a/01/09506000134352/10/A%1D21", "character-not-in-set-82@35"),
      ("https://a/01/09506000134352/10/A+B", "(01)09506000134352(10)A+B"),
      ("https://a/01/09506000134352?99=A+B", "character-not-in-set-82@35"),
      ("https://a/01/09506000134352/21/A/10/B", "uri-qualifiers@16"),
      ("https://a/01/09506000134352/235/A/10/B", "uri-qualifiers@16"),
      ("https://a/01/09506000134352/235/A?10=B", "(01)09506000134352(235)A(10)B"),
      ("https://a/01/09506000134352?10=B", "uri-ai-belongs-in-path@34"),
      ("https://a/01/09506000134352?21=B", "uri-ai-not-attribute@34"),
      ("https://a/01/09506000134352?01=09506000134352", "uri-ai-duplicate@34"),
      ("https://a/01/09506000134352?1234=B", "uri-ai-unknown@31"),
      ("https://a/01/09506000134352?1=B", "uri-ai-unknown@31"),
      ("https://a/01/09506000134352?=B", "uri-ai-unknown@31"),
      ("https://a/01/09506000134352?17", "(01)09506000134352"),
      ("https://a/01/09506000134352?17=", "value-empty@34"),
      ("https://a/01/09506000134352?&&x=1&17=271231&", "(01)09506000134352(17)271231"),
      ("https://a/01/09506000134352?99=a#99=b", "(01)09506000134352(99)a"),
      ("https://a/01/09506000134352#?17=271231", "(01)09506000134352"),
      ("https://a/01/bad/414/9520123456788", "(414)9520123456788"),  // the last key is the key
      ("https://a/8006/095060001343520102", "(8006)095060001343520102"),
      ("https://a/01/09506000134352?37=1", "ai-pair-excluded@16"),
      ("https://a/01/09506000134352?17=271301", "date-month@36"),
      ("https://a/01/0950600013435 2", "uri-character@29"),
      ("https://a/253/1234567890128%58?8030=A", "(253)1234567890128X(8030)A"),
      ("https://a/253/123456789012%38?8030=A", "signature-key-without-serial@17"),
    ] as [(String, String)])
  func digitalLinks(uri: String, expected: String) {
    #expect(answer("]d1\(uri)") == expected, "\(uri)")
    #expect(answer("]Q1\(uri)") == expected, "\(uri)")
  }

  @Test func limits() {
    let gtin = "0109506000134352"
    #expect(answer("]d2" + String(repeating: gtin, count: 64)).hasPrefix("(01)"))
    #expect(answer("]d2" + String(repeating: gtin, count: 65)) == "too-many-elements@1027")
    #expect(answer("]d1" + String(repeating: "x", count: 8190)) == "")
    #expect(answer("]d1" + String(repeating: "x", count: 8191)) == "message-too-long@8193")
    let link = "]d1https://a/01/09506000134352?"
    #expect(answer(link + String(repeating: "a&", count: 62)) == "(01)09506000134352")
    // A trailing "&" has an empty parameter behind it, as the reference engine counts.
    #expect(answer(link + String(repeating: "a&", count: 63)) == "too-many-elements@157")
  }

  @Test func valuesAreRangesOfTheScan() throws {
    let scan = Array("]d2010950600013435221ABC\u{1D}1727123110LOT".utf8)
    let message = try Message.parse(scan.span)
    #expect(message.symbology == .gs1DataMatrix)
    #expect(message.count == 4)
    #expect(message.value(of: .gtin) == 5..<19)
    #expect(message.value(of: .serial) == 21..<24)
    #expect(message.value(of: .expiry) == 27..<33)
    #expect(message.value(of: .lot) == 35..<38)
    #expect(message.value(of: .sscc) == nil)
    #expect(message[1].ai == .serial)
  }

  @Test func sentencesNameWhatPeopleCallIt() {
    #expect(
      sentence("]d2010950600013435210LOT47112112345678901234").hasPrefix(
        "separator missing after lot (10)"))
    #expect(sentence("]d210A") == "lot (10) needs (01), (02), (03), (8006) or (8026) beside it")
    #expect(sentence("]d20109506000134352371") == "GTIN (01) must not stand beside COUNT (37)")
    #expect(sentence("]d2990␝8030A").contains("(01) with (21)"))
    #expect(sentence("]d20109506000134353").hasPrefix("GTIN (01) has a wrong check digit"))
  }

  /// The bytes that the scanner sends for a scan written here.
  private func bytes(_ scan: String) -> [UInt8] {
    Array(scan.replacing("␝", with: "\u{1D}").utf8)
  }

  private func answer(_ scan: String) -> String {
    let scan = bytes(scan)
    do throws(GS1Error) {
      return MessageWriter.humanReadable(try Message.parse(scan.span), in: scan.span)
    } catch {
      return "\(error.code.rawValue)@\(error.offset)"
    }
  }

  private func sentence(_ scan: String) -> String {
    do throws(GS1Error) {
      _ = try Message.parse(bytes(scan).span)
      return ""
    } catch {
      return error.message
    }
  }
}
