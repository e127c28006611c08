import Foundation
import Testing

/// The real daemon, command line and simulated line, with faults and kills; the simulator holds truth against records.
@Suite(.serialized) struct KillTests {
  static func simulate(_ scenario: String, seed: UInt64, seconds: Int) throws -> Programs.Ended {
    let folder = try Scratch()
    let scenarios = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent("config/scenarios")
    return try Programs.run(
      "linewardsim",
      [
        "--scenario", scenarios.appendingPathComponent(scenario).path, "--seed", "\(seed)",
        "--directory", folder.url.path, "--linewardd", Programs.path("linewardd").path,
        "--lineward", Programs.path("lineward").path,
      ], seconds: seconds)
  }

  @Test func aCleanRunAgreesWithTheTruth() throws {
    let ended = try KillTests.simulate("clean.toml", seed: 11, seconds: 120)
    #expect(ended.status == 0, "\(ended.output)\n\(ended.errors)")
  }

  @Test func killedUnderLoadNothingIsLost() throws {
    let ended = try KillTests.simulate("kill.toml", seed: 12, seconds: 180)
    #expect(ended.status == 0, "\(ended.output)\n\(ended.errors)")
  }

  @Test func faultsOfEveryKindAgreeWithTheTruth() throws {
    let seed = UInt64.random(in: 1...1_000_000)
    print("faults.toml with seed \(seed)")
    let ended = try KillTests.simulate("faults.toml", seed: seed, seconds: 180)
    #expect(ended.status == 0, "seed \(seed)\n\(ended.output)\n\(ended.errors)")
  }
}
