import Testing

@testable import GS1

/// Each linter with good values, and with bad ones and the offset of the fault.
@Suite struct LinterTests {
  /// Values that a linter lets pass.
  private static let good: [(linter: Linter, values: [String])] = [
    (.couponcode, couponCodes),
    (.couponposoffer, ["001234561234560123456", "161234567890121234569123456789012345"]),
    (.cset39, ["", "#-/0129AMZ"]),
    (.cset64, ["", "AZaz09-_", "ab=", "a=="]),
    (.cset82, ["", "!\"%&'()*+,-./09:;<=>?AZ_az"]),
    (.csetnumeric, ["", "0123456789"]),
    (.csum, ["0", "09506000134352", "95200002", "9506000134352"]),
    (.csumalpha, ["22", "1987654Ad4X4bL5ttr2310c2K", "12345678901234567890123NT"]),
    (.gcppos1, ["0123", "1234A"]),
    (.gcppos2, ["A1234", "01234X"]),
    (.hasnondigit, ["A", "123-"]),
    (.hh, ["00", "23"]),
    (.hhmi, ["0000", "2359"]),
    (.hyphen, ["-", "--"]),
    (.iban, ["DE89370400440532013000", "GB82WEST12345698765432"]),
    (.importeridx, ["A", "z", "0", "-", "_"]),
    (.iso3166, ["004", "276", "894"]),
    (.iso3166999, ["004", "999"]),
    (.iso3166alpha2, ["AD", "DE", "ZW"]),
    (.iso4217, ["008", "978", "999"]),
    (.iso5218, ["0", "1", "2", "9"]),
    (.latitude, ["0000000000", "1800000000"]),
    (.longitude, ["0000000000", "3600000000"]),
    (.mediatype, ["01", "10", "80", "99"]),
    (.mi, ["00", "59"]),
    (.nonzero, ["1", "001"]),
    (.nozeroprefix, ["", "1", "10"]),
    (.packagetype, ["1A", "8", "200", "ZZ", "APE"]),
    (.pcenc, ["", "A", "%20", "A%fFb"]),
    (.pieceoftotal, ["11", "0102", "0202", "009010"]),
    (.posinseqslash, ["1/1", "2/10", "99/100"]),
    (.ss, ["00", "59"]),
    (.winding, ["0", "1", "9"]),
    (.yesno, ["0", "1"]),
    (.yymmd0, ["000229", "210200", "991231"]),
    (.yymmdd, ["000229", "210228"]),
    (.yyyymmd0, ["20000229", "19000200"]),
    (.yyyymmdd, ["20000229", "19991231"]),
    (.zero, ["0", "000"]),
  ]

  /// A coupon with each of its optional fields.
  private static let couponCodes: [String] = {
    let base = "012345612345611110123"
    return [
      base, base + "101101230123456", base + "101101239", base + "21101239",
      base + "3271231", base + "4270101", base + "32712314270101", base + "50123456",
      base + "611234567", base + "90000", base + "3271231" + "50123456" + "96291",
    ]
  }()

  @Test func goodValuesPass() {
    for (linter, values) in Self.good {
      for value in values {
        let fault = linter.firstFault(in: Array(value.utf8).span)
        #expect(fault == nil, "\(linter) \(value): \(fault?.code.rawValue ?? "")")
      }
    }
    #expect(Set(Self.good.map(\.linter)) == Set(Linter.allCases), "every linter has good values")
  }

  @Test(
    arguments: [
      (.couponcode, "", "coupon-truncated@0"),
      (.couponcode, "A", "character-not-digit@0"),
      (.couponcode, "7123456", "coupon-field@0"),
      (.couponcode, "01234561234560111012", "coupon-field@13"),
      (.couponcode, "01234561234561111012", "coupon-truncated@18"),
      (.couponcode, "0123456123456111101239", "coupon-truncated@22"),
      (.couponcode, "0123456123456111101233271301", "coupon-dates@22"),
      (.couponcode, "01234561234561111012332701014270102", "coupon-dates@22"),
      (.couponcode, "0123456123456111101237", "coupon-excess@21"),
      (.couponposoffer, "2", "coupon-field@0"),
      (.couponposoffer, "0012345612345601234567", "coupon-excess@21"),
      (.cset39, "Aa", "character-not-in-set-39@1"),
      (.cset64, "A+", "character-not-in-base64@1"),
      (.cset64, "A=", "base64-padding@1"),
      (.cset64, "AAA===", "base64-padding@3"),
      (.cset82, "A B", "character-not-in-set-82@1"),
      (.cset82, "A\u{7F}", "character-not-in-set-82@1"),
      (.csetnumeric, "1O", "character-not-digit@1"),
      (.csum, "", "check-digit-no-room@0"),
      (.csum, "09506000134353", "check-digit@13"),
      (.csum, "0950600O134352", "character-not-digit@7"),
      (.csumalpha, "2", "check-pair-no-room@0"),
      (.csumalpha, "23", "check-pair@0"),
      (.csumalpha, "1987654Ad4X4bL5ttr2310c2L", "check-pair@23"),
      (.csumalpha, "A B22", "character-not-in-set-82@1"),
      (.gcppos1, "123", "company-prefix-no-room@0"),
      (.gcppos1, "12A4", "company-prefix@2"),
      (.gcppos2, "1234", "company-prefix-no-room@0"),
      (.gcppos2, "123A5", "company-prefix@3"),
      (.hasnondigit, "123", "only-digits@0"),
      (.hh, "24", "time-hour@0"),
      (.hh, "1", "time-length@0"),
      (.hh, "1A", "character-not-digit@1"),
      (.hhmi, "2400", "time-hour@0"),
      (.hhmi, "2360", "time-minute@2"),
      (.hhmi, "236", "time-length@0"),
      (.hyphen, "", "not-hyphen@0"),
      (.hyphen, "-x", "not-hyphen@1"),
      (.iban, "DE8", "iban-length@0"),
      (.iban, "DE89370400", "iban-length@0"),
      (.iban, "XX89370400440532013000", "iban-country@0"),
      (.iban, "DE89370400440532013001", "iban-checksum@2"),
      (.iban, "DE8937040044053201300a", "iban-character@21"),
      (.importeridx, "!", "importer-index@0"),
      (.importeridx, "AB", "importer-index@0"),
      (.iso3166, "000", "country-code@0"),
      (.iso3166, "999", "country-code@0"),
      (.iso3166, "27", "country-code@0"),
      (.iso3166999, "998", "country-code-or-999@0"),
      (.iso3166alpha2, "XX", "country-letters@0"),
      (.iso3166alpha2, "de", "country-letters@0"),
      (.iso4217, "000", "currency-code@0"),
      (.iso5218, "3", "sex-code@0"),
      (.iso5218, "", "sex-code@0"),
      (.latitude, "1800000001", "latitude@0"),
      (.latitude, "180000000", "latitude@0"),
      (.longitude, "3600000001", "longitude@0"),
      (.mediatype, "11", "media-type@0"),
      (.mediatype, "00", "media-type@0"),
      (.mi, "60", "time-minute@0"),
      (.nonzero, "000", "zero-value@0"),
      (.nonzero, "0A1", "character-not-digit@1"),
      (.nozeroprefix, "01", "zero-prefix@0"),
      (.packagetype, "", "package-type@0"),
      (.packagetype, "1", "package-type@0"),
      (.packagetype, "1A ", "package-type@0"),
      (.packagetype, "ZZZZ", "package-type@0"),
      (.pcenc, "A%", "percent-sequence@1"),
      (.pcenc, "A%2", "percent-sequence@1"),
      (.pcenc, "%20%G0", "percent-sequence@3"),
      (.pieceoftotal, "", "piece-length@0"),
      (.pieceoftotal, "010", "piece-length@0"),
      (.pieceoftotal, "0001", "piece-zero@0"),
      (.pieceoftotal, "0100", "piece-total-zero@2"),
      (.pieceoftotal, "0201", "piece-above-total@0"),
      (.posinseqslash, "123", "sequence-form@0"),
      (.posinseqslash, "1/", "sequence-form@0"),
      (.posinseqslash, "/12", "sequence-form@0"),
      (.posinseqslash, "1/A", "sequence-form@0"),
      (.posinseqslash, "0/1", "zero-prefix@0"),
      (.posinseqslash, "1/0", "zero-prefix@2"),
      (.posinseqslash, "2/1", "sequence-position-above-end@0"),
      (.posinseqslash, "10/9", "sequence-position-above-end@0"),
      (.ss, "60", "time-second@0"),
      (.winding, "2", "winding-direction@0"),
      (.yesno, "2", "not-yes-or-no@0"),
      (.yymmd0, "2112", "date-length@0"),
      (.yymmd0, "21A228", "character-not-digit@2"),
      (.yymmd0, "210001", "date-month@2"),
      (.yymmd0, "211301", "date-month@2"),
      (.yymmd0, "210229", "date-day@4"),
      (.yymmd0, "210431", "date-day@4"),
      (.yymmdd, "210200", "date-day@4"),
      (.yyyymmd0, "19000229", "date-day@6"),
      (.yyyymmdd, "20000200", "date-day@6"),
      (.zero, "", "not-zero@0"),
      (.zero, "001", "not-zero@2"),
    ] as [(Linter, String, String)])
  func badValuesAreFound(linter: Linter, value: String, expected: String) {
    let fault = linter.firstFault(in: Array(value.utf8).span)
    #expect(fault.map { "\($0.code.rawValue)@\($0.offset)" } == expected, "\(linter) \(value)")
  }

  /// Whatever the bytes and their number, a linter answers within them.
  @Test func linterHoldsForAnyBytes() {
    var generator = SeededGenerator(seed: 3)
    for linter in Linter.allCases {
      for length in 0..<130 {
        let bytes = (0..<length).map { _ in
          UInt8.random(in: length % 2 == 0 ? 48...57 : 0...255, using: &generator)
        }
        if let fault = linter.firstFault(in: bytes.span) {
          #expect((0...length).contains(fault.offset), "\(linter) of \(length) bytes")
        }
      }
    }
  }
}
