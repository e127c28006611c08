import Foundation
import Simulation
import Testing

/// Whole lines in virtual time: the real core, link session and framer against the simulated machine, with everything going
/// wrong that a seed makes up.
@Suite struct WholeLineTests {
  static let environment = ProcessInfo.processInfo.environment
  static let seedAsked = environment["LINEWARD_SEED"].flatMap { UInt64($0) }
  static let runsAsked = environment["LINEWARD_SIM_RUNS"].flatMap { Int($0) }

  static func seeds() -> [UInt64] {
    if let seedAsked { return (0..<UInt64(runsAsked ?? 1)).map { seedAsked &+ $0 } }
    let fresh = UInt64.random(in: 1...UInt64(UInt32.max))
    if let runsAsked { return (0..<UInt64(runsAsked)).map { fresh &+ $0 } }
    print("whole lines: fresh seed \(fresh)")
    return Array(1...40) + [fresh]
  }

  @Test func theLawsHoldWhateverGoesWrong() {
    var steps = 0
    var units = 0
    var passed = 0
    var mischief = 0
    var kills = 0
    let seeds = Self.seeds()
    for seed in seeds {
      var line = WholeLine(Plan(seed: seed))
      let result = line.run()
      steps += result.steps
      units += result.units
      passed += result.passed
      mischief += result.mischief
      kills += result.kills
      guard !result.violations.isEmpty else { continue }
      let story = result.story.joined(separator: "\n  ")
      let broken = result.violations.joined(separator: "\n  ")
      print("seed \(seed): make sim SEED=\(seed)\n  \(broken)\nwhat came before\n  \(story)")
      fflush(nil)
      Issue.record("seed \(seed): \(result.violations[0])")
    }
    print(
      "whole lines: \(seeds.count) seeds, \(steps) steps, \(units) units, \(passed) passed, "
        + "\(mischief) misfortunes, \(kills) kills")
  }

  @Test(arguments: Mutant.allCases) func aBrokenLawIsCaught(_ mutant: Mutant) {
    for seed in UInt64(1)...60 {
      var line = WholeLine(Plan(seed: seed), mutant: mutant)
      let result = line.run()
      guard result.violations.isEmpty else {
        print("mutant \(mutant.rawValue): seed \(seed): \(result.violations[0])")
        return
      }
    }
    Issue.record("nothing noticed \(mutant.rawValue) in 60 seeds")
  }
}
