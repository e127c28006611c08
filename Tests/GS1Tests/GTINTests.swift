import GS1
import Testing

@Suite struct GTINTests {
  @Test(
    arguments: [
      ("]E09506000134352", "09506000134352"),
      ("]E495200002", "00000095200002"),
      ("]I109506000134352", "09506000134352"),
      ("]I109506000134353", "primary-check-digit@16"),
      ("]I10950600013435", "primary-too-short@16"),
      ("]E0950600013435O", "primary-not-digits@15"),
      ("]E095060001343520", "primary-too-long@16"),
      ("]d20109506000134352", "symbology-unsupported@1"),
      ("9506000134352", "symbology-missing@0"),
    ] as [(String, String)])
  func linearSymbols(scan: String, expected: String) {
    let bytes = Array(scan.utf8)
    do throws(GS1Error) {
      #expect(try GTIN.linear(bytes.span).description == expected)
    } catch {
      #expect("\(error.code.rawValue)@\(error.offset)" == expected)
    }
  }

  @Test func leadingZerosDoNotMatter() {
    #expect(GTIN("9506000134352") == GTIN("09506000134352"))
    #expect(GTIN("9506000134353") == nil)
    #expect(GTIN("950600013435") == nil)
    #expect(GTIN("") == nil)
    #expect(GTIN("950600013435A") == nil)
  }
}
