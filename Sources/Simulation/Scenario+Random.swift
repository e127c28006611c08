extension Scenario {
  /// A scenario that a seed makes up: any rate, any ring, any faults at any time, several at once if it comes so.
  ///
  /// The shipped files show each fault alone; what nobody thought of is found by these.
  ///
  /// - Parameters:
  ///   - seed: decides everything.
  ///   - seconds: for how long units come, in running time of the belt.
  /// - Returns: a scenario that a file could hold as well.
  public static func random(seed: UInt64, seconds: Double) -> Scenario {
    var random = SeededRandom(seed: seed)
    var scenario = Scenario()
    scenario.durationSeconds = seconds
    scenario.unitsPerMinute = 120 + 60 * random.below(14)
    scenario.slots = [8, 16, 32][random.below(3)]
    scenario.gateMilliseconds = 150 + random.below(700)
    scenario.coastMilliseconds = random.below(400)
    scenario.tearsOutcomes = random.below(2) == 0
    // Quiet for less than the way between two units would prove nothing.
    scenario.quietMilliseconds = 120_000 / scenario.unitsPerMinute + 100 + random.below(700)
    scenario.batch.poolCount = Int(seconds * Double(scenario.unitsPerMinute) / 60) + 100
    // Without a grade in the scanner's messages a low one cannot be seen.
    let faults = UnitFault.allCases.filter { $0 != .none && $0 != .lowGrade }
    for _ in 0..<random.below(6) {
      scenario.mixPercent[faults[random.below(faults.count)]] = Double(random.below(300)) / 100
    }
    let moments = Int(seconds * 1000)
    for _ in 0..<(1 + random.below(Int(seconds))) {
      let at = Nanoseconds.milliseconds(Int64(random.below(moments)))
      if random.below(3) == 0 {
        let fault = LineFault.allCases[random.below(LineFault.allCases.count)]
        let lasting = Nanoseconds.milliseconds(random.within(20...2500))
        scenario.faults.append(ScheduledFault(at: at, .line(fault, lasting: lasting)))
      } else {
        let fault = faults[random.below(faults.count)]
        scenario.faults.append(
          ScheduledFault(at: at, .unit(fault, count: 1 + random.below(3))))
      }
    }
    return scenario
  }
}
