import Foundation
import Testing

/// `lineward scanners discover` beside a machine that `Tests/system/devices-test` plays: plugs that come and go.
@Suite("Scanners that are plugged in")
struct DiscoverTests {
  private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()

  /// How the script ended, and what it said.
  private static func played() throws -> (status: Int32, text: String) {
    let process = Process()
    let output = Pipe()
    process.executableURL = root.appendingPathComponent("Tests/system/devices-test")
    // The build puts it beside the test bundle.
    process.arguments = [
      "--lineward",
      URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
        .deletingLastPathComponent().appendingPathComponent("lineward").path,
    ]
    process.standardOutput = output
    process.standardError = output
    try process.run()
    let text = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: text, as: UTF8.self))
  }

  @Test("plug, unplug, replug, other numbers, two of a kind, an overflow, no udev")
  func plugs() throws {
    let (status, text) = try Self.played()
    guard status != 77 else {
      try Test.cancel("\(text)")
    }
    #expect(status == 0, "\(text)")
  }
}
