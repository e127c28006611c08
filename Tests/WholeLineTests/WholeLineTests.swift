import CSimulatedDisk
import Daemon
import Foundation
import Line
import Records
import Simulation
import Testing

@testable import WholeLine

/// Whole lines in virtual time: the real core, records, link sessions and framers against the simulated machine.
///
/// Everything goes wrong that a seed makes up. A bounded share of them; `make sim` runs as many as one likes.
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

  /// A seed that found something, and what.
  struct Finding: Sendable, CustomTestStringConvertible {
    var seed: UInt64
    var what: String
    /// Whether the seed's plan had challenge tests when it was found; they are younger than the first findings.
    var hasChallenges: Bool
    var testDescription: String { "\(seed): \(what)" }

    init(_ seed: UInt64, _ what: String, hasChallenges: Bool = false) {
      self.hasChallenges = hasChallenges
      self.seed = seed
      self.what = what
    }
  }

  /// Some found the daemon wrong, some the checkers; whichever it was does not come back.
  ///
  /// What a seed makes up may change with the plan, so a finding in the daemon has a small test of its own beside the code.
  static let findings = [
    Finding(803_866_241, "a withdrawal with verdict 12 that a PLC without power never took"),
    Finding(3_214_254_547, "five of them, ordered by a stop at another station"),
    Finding(2_770_899_626, "a late poll showed a trigger from within a doubt as one of after it"),
    Finding(3_728_771_542, "after a standstill a unit got the message of the one before"),
    Finding(537_003_993, "a link sent its permit before the loop had heard of another link's end"),
    Finding(3_356_173_236, "a withdrawal that found no room, for a unit that had passed already"),
    Finding(
      2_499_247_804,
      "rejects that went out right after a commit, and whose records died with the next",
      hasChallenges: true),
  ]

  @Test(arguments: findings) func whatASeedFoundDoesNotComeBack(_ finding: Finding) {
    let result = Tally.run(seed: finding.seed, hasChallenges: finding.hasChallenges)
    if let violation = result.violations.first {
      print(Tally.story(of: result, seed: finding.seed))
      fflush(nil)
      Issue.record("seed \(finding.seed): \(violation)")
    }
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

  /// Found by seed 101352: after a failed sync the log reads as if it were whole, while half of it is on no disk.
  @Test func aLogWhoseSyncFailedIsMadeDurableBeforeTheDatabaseIsBuiltOnIt() throws {
    for seed in UInt64(1)...60 {
      let plan = Plan(seed: seed)
      let laws = Laws(plan.batch, plan)
      let disk = SimulatedDisk(plan.batch, isPrinted: false, random: SeededRandom(seed: seed))
      var records: [Record] = []
      for number in 0..<100 {
        records.append(Record(.scannerOnline, detail: "camera \(number) at a line far away"))
      }
      let store = try disk.open(plan.settings, laws: laws, now: 0).store
      for part in [records[..<30], records[30...]] {
        if part.startIndex > 0 { disk.fail(CSD_SYNC_EIO, stays: true) }
        do {
          for record in part {
            try store.append(record, at: Instant(nanoseconds: 0), wall: 0)
          }
          try store.commit()
          disk.acknowledge(Array(part), wall: 0)
        } catch {
          disk.lose(Array(part), wall: 0)
        }
      }
      store.close()
      disk.fail(CSD_NOTHING)
      disk.die(after: Int64(seed % 30))
      if let recovery = try? disk.open(plan.settings, laws: laws, now: 0) {
        disk.kill()
        recovery.store.close()
      }
      disk.restart(cut: true)
      let recovery = try disk.open(plan.settings, laws: laws, now: 0)
      recovery.store.close()
      #expect(laws.violations.isEmpty, "seed \(seed)")
    }
  }
}
