import Foundation
import Testing

/// `GS1` can be taken out and used elsewhere.
@Suite struct LibraryTests {
  private static let project = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()

  @Test func importsNothing() throws {
    let folder = Self.project.appending(path: "Sources/GS1")
    let files = try FileManager.default.contentsOfDirectory(
      at: folder, includingPropertiesForKeys: nil)
    #expect(files.count > 10)
    for file in files {
      let lines = try String(contentsOf: file, encoding: .utf8).split(separator: "\n")
      let imports = lines.filter {
        $0.contains(/^\s*(@\w+(\(.*\))?\s+)?((public|internal|private)\s+)?import\s/)
      }
      #expect(imports.isEmpty, "\(file.lastPathComponent)")
    }
  }
}
