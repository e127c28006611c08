import Foundation
import Testing
import WholeLine

/// Whole lines in virtual time: the real core, records, link sessions and framers against the simulated machine, with
/// everything going wrong that a seed makes up. A bounded share of them; `make sim` runs as many as one likes.
@Suite struct WholeLineTests {
  @Test func theLawsHoldWhateverGoesWrong() {
    let fresh = UInt64.random(in: 1...UInt64(UInt32.max))
    print("whole lines: fresh seed \(fresh)")
    var tally = Tally()
    for seed in Array(1...30) + [fresh] {
      let result = Tally.run(seed: seed)
      tally.add(result)
      guard !result.violations.isEmpty else { continue }
      print(Tally.story(of: result, seed: seed))
      fflush(nil)
      Issue.record("seed \(seed): \(result.violations[0])")
    }
    print("whole lines: \(tally.sentence)")
  }

  @Test(arguments: Mutant.allCases) func aBrokenLawIsCaught(_ mutant: Mutant) {
    for seed in UInt64(1)...60 {
      let result = Tally.run(seed: seed, mutant: mutant)
      guard result.violations.isEmpty else {
        print("mutant \(mutant.rawValue): seed \(seed): \(result.violations[0])")
        return
      }
    }
    Issue.record("nothing noticed \(mutant.rawValue) in 60 seeds")
  }
}
