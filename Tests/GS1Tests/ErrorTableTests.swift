import Foundation
import Testing

@testable import GS1

/// `docs/gs1-errors.md` and the code go together.
@Suite struct ErrorTableTests {
  @Test func everyCodeHasOneRow() throws {
    let document = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appending(path: "docs/gs1-errors.md")
    let text = try String(contentsOf: document, encoding: .utf8)
    let rows = text.split(separator: "\n").filter { $0.hasPrefix("| `") }
      .compactMap { $0.split(separator: "`").dropFirst().first.map(String.init) }
    let codes = GS1Error.Code.allCases.map(\.rawValue)
    #expect(Set(codes).subtracting(rows).isEmpty, "codes without a row")
    #expect(Set(rows).subtracting(codes).isEmpty, "rows without a code")
    #expect(rows.count == codes.count, "a code has two rows")
  }

  /// The sentence is for people: it says more than the code, and names the AI where there is one.
  @Test func everyCodeHasASentence() {
    for code in GS1Error.Code.allCases {
      let error = GS1Error(code, .lot, at: 7, related: .serial, count: 20, rule: 1)
      #expect(error.message != code.rawValue, "\(code.rawValue)")
      #expect(error.message.count > 15, "\(code.rawValue)")
      #expect(error.description.hasSuffix("[\(code.rawValue), byte 7]"))
    }
  }
}
