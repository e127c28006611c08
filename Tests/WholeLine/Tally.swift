/// What many runs come to.
package struct Tally: Sendable {
  package private(set) var seeds = 0
  package private(set) var nanoseconds: Int64 = 0
  private var steps = 0
  private var units = 0
  private var passed = 0
  private var records = 0
  private var mischief = 0
  private var kills = 0
  private var cuts = 0
  private var faults = 0
  private var verifications = 0
  private var challenges = 0

  /// Nothing was run yet.
  package init() {}

  /// Runs the line of a seed.
  package static func run(
    seed: UInt64, mutant: Mutant? = nil, storyMax: Int = 200, hasChallenges: Bool = true
  ) -> WholeLine.Result {
    let plan = Plan(seed: seed, hasChallenges: hasChallenges)
    var line = WholeLine(plan, mutant: mutant, storyMax: storyMax)
    return line.run()
  }

  /// Counts a run.
  package mutating func add(_ result: WholeLine.Result) {
    seeds += 1
    nanoseconds += result.nanoseconds
    steps += result.steps
    units += result.units
    passed += result.passed
    records += result.records
    mischief += result.mischief
    kills += result.kills
    cuts += result.cuts
    faults += result.faults
    verifications += result.verifications
    challenges += result.challenges
  }

  /// Hours for which lines were watched.
  package var lineHours: Double { Double(nanoseconds) / 3.6e12 }

  /// All of it in a line.
  package var sentence: String {
    """
    \(seeds) seeds, \(steps) steps, \(units) units, \(passed) passed, \(records) records, \(mischief) misfortunes, \
    \(kills) deaths, \(cuts) of them by power cut, \(faults) disk faults, \(verifications) verifications, \
    \(challenges) challenge tests passed
    """
  }

  /// What a person needs to understand a broken law.
  package static func story(of result: WholeLine.Result, seed: UInt64) -> String {
    """
    seed \(seed): make sim SEED=\(seed)
      \(result.violations.joined(separator: "\n  "))
    what came before
      \(result.story.joined(separator: "\n  "))
    """
  }
}
