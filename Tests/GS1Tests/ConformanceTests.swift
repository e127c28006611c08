import Foundation
import GS1
import Testing

/// The reference engine's verdicts: same verdict, same AIs, same values.
@Suite struct ConformanceTests {
  struct Case: Decodable {
    let scan: String
    let ok: Bool
    let ais: [[String]]
    let why: String
  }

  @Test(arguments: ["vectors", "carriers"])
  func agreesWithTheReferenceEngine(file: String) throws {
    let url = try #require(
      Bundle.module.url(forResource: file, withExtension: "jsonl", subdirectory: "Fixtures"))
    let lines = try String(contentsOf: url, encoding: .utf8).split(separator: "\n")
    #expect(lines.count == (file == "vectors" ? 663 : 60))
    for (number, line) in lines.enumerated() {
      let expected = try JSONDecoder().decode(Case.self, from: Data(line.utf8))
      let place = "\(file).jsonl:\(number + 1): \(expected.why): \(expected.scan.debugDescription)"
      do throws(GS1Error) {
        let elements = try Message.elements(in: Array(expected.scan.utf8))
        #expect(expected.ok, "accepted, but should not be: \(place)")
        #expect(elements.map { [$0.ai.digits, $0.value] } == expected.ais, "\(place)")
      } catch {
        #expect(!expected.ok, "\(error.code.rawValue) at \(error.offset): \(place)")
      }
    }
  }
}
