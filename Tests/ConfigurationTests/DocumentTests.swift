import Foundation
import Testing

@testable import Configuration

/// The sample and the reference: made from the table of keys, and checked in.
@Suite struct DocumentTests {
  static let root = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  @Test(arguments: [
    ("config/lineward.toml", Configuration.sampleFile()),
    ("docs/configuration.md", Configuration.referenceMarkdown()),
  ])
  func theCheckedInFileIsWhatTheCodePrints(path: String, printed: String) throws {
    let file = try String(
      contentsOf: DocumentTests.root.appendingPathComponent(path), encoding: .utf8)
    #expect(file == printed, "\(path) is of yesterday: make docs")
  }

  @Test func theSampleLoadsAndHoldsWhatStandsForLeftOutKeys() throws {
    let sample = try Configuration.parse(Array(Configuration.sampleFile().utf8), file: "sample")
    var expected = try File().load()
    expected.scanners[0].device = .path(
      "/dev/serial/by-id/usb-MAKER_MODEL_SERIAL-if00")
    #expect(sample == expected)
    #expect(sample.remarks.isEmpty)
  }

  @Test func theSampleShowsEveryKeyThatCanBeUsed() throws {
    let paths = try Document(Array(Configuration.sampleFile().utf8)).values.map { value in
      value.path.replacingOccurrences(of: "[0]", with: "")
    }
    for key in Key.all {
      // A match takes the place of the device, and the sample's scanner is not in a network.
      if key.table == "contact" {
        let value = key.fallbackText ?? key.example
        #expect(Configuration.sampleFile().contains("\n# \(key.name) = \(value)\n"))
      } else if Configuration.isComment(key) {
        #expect(Configuration.sampleFile().contains("\n# \(key.name) = \(key.example)\n"))
      } else {
        #expect(paths.contains(key.path), "\(key.path)")
      }
    }
  }

  @Test func theSampleFitsATerminal() {
    for line in Configuration.sampleFile().split(separator: "\n") {
      #expect(line.count <= 100, "\(line)")
    }
  }

  @Test func theReferenceHasARowForEveryKey() {
    let reference = Configuration.referenceMarkdown()
    for key in Key.all { #expect(reference.contains("\n| `\(key.name)` | "), "\(key.path)") }
  }

  /// The reference shows what a wrong file is answered; that has to be what it is answered.
  @Test func theReferenceQuotesRealErrors() {
    let lines = Array(repeating: "#", count: 8)
    let text = (lines + ["[line]", "id = \"L\"", "[[plc]]", "name = \"p\"", "host = \"h\""])
      .joined(separator: "\n")
    let told = complaints(text + "\nport = 70000\npol_ms = 5\n")
    #expect(told.count == 2)
    for line in told { #expect(Configuration.referenceMarkdown().contains("linewardd: \(line)\n")) }
  }
}
