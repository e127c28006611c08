import GS1
import Testing

/// ISO 15434 envelopes: ␞ stands for RS, ␝ for GS, ␄ for EOT.
@Suite struct EnvelopeTests {
  @Test(
    arguments: [
      (
        "[)>␞06␝9N110375286414␝1T12345ABCD␝D150617␝S12345ABCDEF98765␞␄",
        "110375286414 12345ABCD 150617 12345ABCDEF98765"
      ),
      ("]d1[)>␞06␝9N110375286414␝1TA␝D150600␝SB␞␄", "110375286414 A 150600 B"),
      (
        "[)>␞06␝8P09506000134352␝1TA␝D150600␝SB␝16D20150617␞␄", "A 150600 B 09506000134352 20150617"
      ),
      ("[)>␞06␝9N110375286415␞␄", "ppn-check-digits@19"),
      ("[)>␞06␝9N110375286525␞␄", "pzn-check-digit@18"),
      ("[)>␞06␝9N11␞␄", "ppn-form@9"),
      ("[)>␞06␝9N110375286a14␞␄", "ppn-form@18"),
      ("[)>␞06␝1TA␞␄", "ppn-missing@7"),
      ("[)>␞06␝9N110375286414␝1TA␝1TB␞␄", "data-identifier-repeated@26"),
      ("[)>␞06␝9N110375286414␝2TA␞␄", "data-identifier-unknown@22"),
      ("[)>␞06␝9N110375286414␝␞␄", "data-identifier-unknown@22"),
      ("[)>␞06␝9N110375286414␝1T␞␄", "data-identifier-value@24"),
      ("[)>␞06␝9N110375286414␝D151317␞␄", "date-month@25"),
      ("[)>␞06␝␞␄", "ppn-missing@7"),
      ("[)>␞06␝9N110375286414␞", "envelope-trailer@22"),
      ("[)>␞07␝9N110375286414␞␄", "envelope-format@5"),
      ("[)>␞", "envelope-format@4"),
      ("[)", "envelope-header@2"),
      ("", "envelope-header@0"),
      ("]d2010950600013435210A", "envelope-header@3"),
      ("[)>␞05␝010950600013435210A␝17271231␞␄", "(01)09506000134352(10)A(17)271231"),
      ("[)>␞05␝010950600013435310A␞␄", "check-digit@22"),
      ("[)>␞05␝10A␞␄", "ai-requirement-not-met@9"),
      ("[)>␞05␝␞␄", "message-empty@7"),
    ] as [(String, String)])
  func reads(scan: String, expected: String) {
    let visible: [Character: Character] = ["␞": "\u{1E}", "␝": "\u{1D}", "␄": "\u{04}"]
    let bytes = Array(String(scan.map { visible[$0] ?? $0 }).utf8)
    #expect(answer(bytes) == expected)
  }

  private func answer(_ scan: [UInt8]) -> String {
    do throws(GS1Error) {
      switch try Envelope.parse(scan.span) {
      case .elementStrings(let message):
        return MessageWriter.humanReadable(message, in: scan.span)
      case .pharmacyProduct(let product):
        return PharmacyProduct.Identifier.allCases
          .compactMap { product.value(of: $0) }
          .map { String(decoding: scan[$0], as: UTF8.self) }
          .joined(separator: " ")
      }
    } catch {
      return "\(error.code.rawValue)@\(error.offset)"
    }
  }
}
