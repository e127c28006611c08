import ArgumentParser
import Dispatch
import Foundation
import Synchronization
import WholeLine

/// Runs whole lines in virtual time, on all processors, and says how much was simulated.
@main struct WholeLines: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "wholelines",
    abstract:
      "Whole lines in virtual time: real core, records, links; a seed decides what goes wrong.")

  @Option(help: "The first seed; a fresh one where none is given.") var seed: UInt64?
  @Option(help: "How many seeds; 0: as many as the time allows.") var runs = 0
  @Option(help: "For so many seconds, where no number of seeds is given.") var seconds = 60.0
  @Option(help: "Seeds at one time; 0: one a processor.") var jobs = 0
  @Option(help: "So many of the last things that happened are told of a broken law.")
  var story = 200
  @Option(help: "Breaks a law on purpose, which has to be found.") var mutant: String?

  func run() throws {
    var broken: Mutant?
    if let mutant {
      broken = Mutant(rawValue: mutant)
      if broken == nil {
        throw ValidationError(
          "mutants: \(Mutant.allCases.map(\.rawValue).joined(separator: ", "))")
      }
    }
    let first = seed ?? UInt64.random(in: 1...UInt64(UInt32.max))
    let runs = seed != nil && runs == 0 ? 1 : runs
    let jobs = jobs > 0 ? jobs : ProcessInfo.processInfo.activeProcessorCount
    let begun = ContinuousClock.now
    let end = begun + .seconds(seconds)
    print("whole lines from seed \(first), \(jobs) at a time")
    let work = Mutex((next: UInt64(0), tally: Tally(), failures: [String]()))
    let mutantAsked = broken
    let storyMax = story
    DispatchQueue.concurrentPerform(iterations: jobs) { _ in
      while true {
        let index = work.withLock { state -> UInt64? in
          guard state.failures.isEmpty,
            runs > 0 ? state.next < UInt64(runs) : ContinuousClock.now < end
          else { return nil }
          defer { state.next += 1 }
          return state.next
        }
        guard let index else { return }
        let result = Tally.run(seed: first &+ index, mutant: mutantAsked, storyMax: storyMax)
        work.withLock { state in
          state.tally.add(result)
          guard !result.violations.isEmpty else { return }
          state.failures.append(Tally.story(of: result, seed: first &+ index))
        }
      }
    }
    let (tally, failures) = work.withLock { ($0.tally, $0.failures) }
    let took = (ContinuousClock.now - begun) / .seconds(1)
    let hours = tally.lineHours
    print(tally.sentence)
    print(
      String(
        format:
          "%.2f line-hours in %.0f s: %.0f times real time, %.0f line-hours in a night of 8 hours",
        hours, took, hours * 3600 / took, hours / took * 28_800))
    guard failures.isEmpty else {
      for failure in failures { print(failure) }
      throw ExitCode(1)
    }
  }
}
