import Foundation
import Testing

/// Compares lines with their saved copy in `Saved/`; with `LINEWARD_SAVE=1` in the environment the copy is
/// written anew, to be looked at and committed.
func expectSaved(
  _ name: String, _ lines: [String], at location: SourceLocation = #_sourceLocation
) throws {
  let text = lines.map { $0 + "\n" }.joined()
  let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("Saved").appendingPathComponent(name)
  if ProcessInfo.processInfo.environment["LINEWARD_SAVE"] == "1" {
    try Data(text.utf8).write(to: file)
  }
  let saved = try String(contentsOf: file, encoding: .utf8)
  #expect(text == saved, "differs from Saved/\(name)", sourceLocation: location)
}
