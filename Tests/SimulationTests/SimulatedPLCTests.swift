import Simulation
import Testing

@Suite struct SimulatedPLCTests {
  @Test func startsStoppedInANewEpoch() throws {
    var random = SeededRandom(seed: 1)
    var plc = SimulatedPLC()
    plc.start(now: 0, random: &random)
    let first = plc.epoch
    #expect(first != 0)
    #expect(!plc.isRunning)
    plc.start(now: 1, random: &random)
    #expect(plc.epoch != first && plc.epoch != 0)
    let header = Array(try plc.read(100, count: 16))
    #expect(header[0] == 1 && header[3] == 0 && header[4] == 0 && header[5] == 0)
    #expect(header[8] == 0 && header[9] == plc.epoch && header[10...] == [0, 0, 0, 0, 0, 0])
  }

  @Test func heartbeatChangesInEveryScan() throws {
    var bench = try Bench()
    let before = try bench.own(1)
    try bench.turn()
    #expect(try bench.own(1) != before)
  }

  @Test func runsOnlyAfterZeroThenOneWithAMovingHeartbeat() throws {
    var bench = try Bench()
    bench.host.permit = 1
    try bench.turn()
    #expect(!bench.plc.isRunning, "a 1 without a 0 before it")
    bench.host.permit = 0
    try bench.turn()
    bench.host.permit = 1
    try bench.plc.write(2, [1])
    try bench.turn(beat: false)
    #expect(!bench.plc.isRunning, "a 1 whose heartbeat stands")
    try bench.turn()
    #expect(bench.plc.isRunning)
    #expect(try bench.own(3) == 1)
    #expect(try bench.own(2) == 6)
  }

  @Test(arguments: [2, 3, 0x100, 0xFFFF] as [UInt16])
  func everyPermitButOneIsStop(_ permit: UInt16) throws {
    var bench = try Bench()
    try bench.release()
    bench.host.permit = permit
    try bench.turn()
    #expect(!bench.plc.isRunning)
    // Neither zero nor one: it does not arm the release either.
    bench.host.permit = 1
    try bench.turn()
    #expect(!bench.plc.isRunning)
    try bench.release()
    #expect(bench.plc.isRunning)
  }

  @Test(arguments: ["watchdog", "permit", "version", "epoch", "bin", "guard", "air"])
  func latchesEveryStop(_ cause: String) throws {
    var bench = try Bench()
    try bench.release()
    #expect(bench.plc.isRunning)
    switch cause {
    case "watchdog":
      for _ in 0..<200 { try bench.turn(beat: false) }
      #expect(bench.plc.causes == .watchdog)
    case "permit":
      bench.host.permit = 0
      try bench.turn()
      bench.host.permit = 1
      // A 0 in one scan and a 1 in the next is a stop and a release.
      try bench.turn(beat: false)
      #expect(!bench.plc.isRunning)
      try bench.plc.write(2, [2])
      try bench.turn(beat: false)
    case "version":
      try bench.plc.write(0, [2])
      try bench.turn(beat: false)
    case "epoch":
      bench.host.epoch = 8
      try bench.turn()
      bench.host.epoch = 7
    case "bin": bench.plc.inputs = .binFull
    case "guard": bench.plc.inputs = .guardOpen
    default: bench.plc.inputs = .airLow
    }
    if ["bin", "guard", "air"].contains(cause) { try bench.turn() }
    #expect(!bench.plc.isRunning)
    #expect(try bench.own(3) == 0)
    bench.plc.inputs = []
    for _ in 0..<10 { try bench.turn() }
    #expect(!bench.plc.isRunning, "the cause is gone and the permit is 1, but nobody released")
    try bench.release()
    #expect(bench.plc.isRunning)
  }

  @Test func watchdogBitesAfterTenHeartbeats() throws {
    var bench = try Bench()
    try bench.release()
    for _ in 0..<199 { try bench.turn(beat: false) }
    #expect(bench.plc.isRunning)
    try bench.turn(beat: false)
    #expect(!bench.plc.isRunning)
  }

  @Test func aZeroWhileACauseStandsDoesNotArm() throws {
    var bench = try Bench()
    bench.plc.inputs = .airLow
    try bench.release()
    bench.plc.inputs = []
    try bench.turn()
    #expect(!bench.plc.isRunning)
  }

  @Test func stopCommandOfPackMLStops() throws {
    var bench = try Bench()
    try bench.release()
    try bench.plc.write(4, [1, 3])
    try bench.turn(beat: false)
    #expect(!bench.plc.isRunning)
    #expect(try bench.own(7) == 1)
  }

  @Test func noOldCommandRunsAfterAStart() throws {
    var bench = try Bench()
    try bench.plc.write(4, [9, 3])
    bench.plc.start(now: bench.now, epoch: 12)
    #expect(try bench.own(7) == 9)
  }

  // MARK: Verdicts and gate

  @Test(
    arguments: [
      ([], .reject, .noVerdictInTime),
      ([1], .pass, .passed),
      ([6], .reject, .rejected),
      ([1, 15], .reject, .rejected),
      ([6, 1], .reject, .rejected),
      ([1, 1], .pass, .passed),
      ([1, 15, 1], .reject, .rejected),
    ] as [([UInt16], SimulatedPLC.GateDecision, Outcome)])
  func gate(_ verdicts: [UInt16], _ decision: SimulatedPLC.GateDecision, _ end: Outcome) throws {
    var bench = try Bench()
    try bench.release()
    let unit = bench.trigger()
    try bench.turn()
    #expect(try bench.own(4) == unit)
    for verdict in verdicts {
      try bench.host.verdict(verdict, unit: unit, &bench.plc)
      try bench.turn()
    }
    #expect(try bench.own(5) == UInt16(verdicts.count))
    let done = bench.plc.gate(unit)
    #expect(done == decision)
    bench.plc.ended(unit, as: done == .pass ? .passed : .rejected)
    try bench.turn()
    let taken = try bench.host.takeOutcomes(bench.plc)
    #expect(taken.map(\.unit) == [unit] && taken.map(\.outcome) == [end.rawValue])
  }

  @Test func anAcceptOpensForItsUnitOnly() throws {
    var bench = try Bench()
    try bench.release()
    let first = bench.trigger()
    let second = bench.trigger()
    try bench.host.verdict(1, unit: second, &bench.plc)
    try bench.host.verdict(1, unit: 40, &bench.plc)
    try bench.turn()
    let gateFirst = bench.plc.gate(first)
    #expect(gateFirst == .reject)
    let gateSecond = bench.plc.gate(second)
    #expect(gateSecond == .pass)
    for _ in 3...40 { _ = bench.plc.trigger() }
    let gate40 = bench.plc.gate(40)
    #expect(gate40 == .reject, "an accept from before its trigger is not kept")
  }

  @Test func aWrongCheckIsNotTaken() throws {
    var bench = try Bench()
    _ = bench.plc.trigger()
    try bench.host.verdict(1, unit: 1, &bench.plc)
    for register in 20...23 {
      let right = Array(try bench.plc.read(register, count: 1))
      try bench.plc.write(register, [right[0] ^ 1])
      try bench.turn()
      #expect(try bench.own(5) == 0)
      try bench.plc.write(register, right)
    }
    try bench.turn()
    #expect(try bench.own(5) == 1)
  }

  @Test func verdictsAreTakenInSequenceOnly() throws {
    var bench = try Bench()
    _ = bench.plc.trigger()
    bench.host.sequence = 1
    try bench.host.verdict(1, unit: 1, &bench.plc)
    try bench.turn()
    #expect(try bench.own(5) == 0)
    bench.host.sequence = 0
    try bench.host.verdict(6, unit: 1, &bench.plc)
    try bench.turn()
    #expect(try bench.own(5) == 2)
    let gate1 = bench.plc.gate(1)
    #expect(gate1 == .reject, "rejected first, so the accept does not count")
  }

  @Test func verdictsWaitForTheEchoOfTheEpoch() throws {
    var bench = try Bench()
    _ = bench.plc.trigger()
    try bench.host.verdict(1, unit: 1, &bench.plc)
    bench.host.epoch = 6
    try bench.turn()
    #expect(try bench.own(5) == 0)
    bench.host.epoch = 7
    try bench.turn()
    #expect(try bench.own(5) == 1)
  }

  @Test func aGuardMakesItForgetAccepts() throws {
    var bench = try Bench()
    try bench.release()
    _ = bench.plc.trigger()
    _ = bench.plc.trigger()
    try bench.host.verdict(1, unit: 1, &bench.plc)
    try bench.turn()
    bench.plc.inputs = .guardOpen
    try bench.turn()
    #expect(bench.events.contains(.acceptsForgotten))
    bench.plc.inputs = []
    try bench.host.verdict(1, unit: 1, &bench.plc)
    // This accept was on its way when the guard opened: the pack may lie somewhere else since.
    try bench.host.verdict(1, unit: 2, &bench.plc)
    try bench.turn()
    let gate1 = bench.plc.gate(1)
    #expect(gate1 == .reject)
    let gate2 = bench.plc.gate(2)
    #expect(gate2 == .reject)
  }

  @Test func aRestartForgetsAcceptsAndRejectsWhatItDidNotCount() throws {
    var bench = try Bench()
    try bench.release()
    let unit = bench.plc.trigger()
    try bench.host.verdict(1, unit: 1, &bench.plc)
    try bench.turn()
    bench.plc.start(now: bench.now, epoch: 8)
    let gateUnit = bench.plc.gate(unit)
    #expect(gateUnit == .reject)
    bench.plc.ended(unit, as: .rejected)
    try bench.turn()
    #expect(try bench.own(8) == 0)
    #expect(try bench.own(5) == 0, "the old ring's checks hold the old epoch")
  }

  // MARK: Numbers and rings

  @Test(arguments: [(8, 100), (16, 65_600), (32, 200)])
  func ringsWrapWithoutAGap(_ slots: Int, _ units: Int) throws {
    var bench = try Bench(slots: slots)
    try bench.release()
    var expected: UInt16 = 0
    for _ in 0..<units {
      let unit = bench.trigger()
      expected = RegisterMap.next(expected)
      try bench.host.verdict(1, unit: unit, &bench.plc)
      try bench.turn()
      let decision = bench.plc.gate(unit)
      bench.plc.ended(unit, as: .passed)
      try bench.turn()
      let taken = try bench.host.takeOutcomes(bench.plc)
      guard unit == expected, decision == .pass, taken.map(\.unit) == [unit] else {
        Issue.record("unit \(unit): the host took \(taken)")
        return
      }
    }
    #expect(expected == UInt16(units % 65504))
  }

  @Test func stopsWhenHalfTheRingStandsUnrecordedAndNeverOverwrites() throws {
    var bench = try Bench()
    try bench.release()
    var stoppedAt: Int?
    for count in 1...40 {
      let unit = bench.trigger()
      try bench.host.verdict(1, unit: unit, &bench.plc)
      try bench.turn()
      let decision = bench.plc.gate(unit)
      #expect(decision == (count <= 15 ? .pass : .reject), "unit \(count)")
      bench.plc.ended(unit, as: decision == .pass ? .passed : .rejected)
      try bench.turn()
      if stoppedAt == nil && !bench.plc.isRunning { stoppedAt = count }
    }
    #expect(stoppedAt == 8)
    #expect(try bench.own(8) == 15)
    var taken: [UInt16] = []
    for _ in 0..<5 {
      taken += try bench.host.takeOutcomes(bench.plc).map(\.unit)
      try bench.turn()
    }
    #expect(taken == Array(1...40), "each outcome came once, in order")
  }

  @Test(arguments: [16, 5, 65504, 65535] as [UInt16])
  func anAcknowledgementThatCannotBeIsIgnored(_ said: UInt16) throws {
    var bench = try Bench()
    for _ in 1...3 {
      let unit = bench.plc.trigger()
      bench.plc.ended(unit, as: .rejected)
    }
    try bench.turn()
    bench.host.outcome = said
    try bench.turn()
    #expect(bench.plc.outcomesUnrecorded == 3)
    bench.host.outcome = 2
    try bench.turn()
    #expect(bench.plc.outcomesUnrecorded == 1)
  }

  @Test func aTornSlotDoesNotPassItsCheck() throws {
    var bench = try Bench(tears: true)
    for _ in 1...17 {
      let unit = bench.plc.trigger()
      bench.plc.ended(unit, as: .rejected)
    }
    var taken: [UInt16] = []
    var torn = 0
    for _ in 0..<40 {
      try bench.turn()
      let said = try bench.own(8)
      taken += try bench.host.takeOutcomes(bench.plc).map(\.unit)
      if bench.host.outcome != said { torn += 1 }
    }
    #expect(taken == Array(1...17))
    #expect(torn == 17, "each was seen half written once")
  }

  @Test func checkIsTheContractsSum() {
    #expect(RegisterMap.check(sequence: 1, unit: 2, word: 3, epoch: 4) == 3 + 10 + 21 + 4 + 0xA5A5)
    #expect(RegisterMap.check(sequence: 65504, unit: 65504, word: 16, epoch: 65535) == 0xA514)
    #expect(RegisterMap.next(65504) == 1 && RegisterMap.next(0) == 1)
    #expect(RegisterMap.steps(from: 65503, to: 2) == 3 && RegisterMap.steps(from: 0, to: 3) == 3)
  }

  @Test func writesOutsideTheHostBlockAreRefused() throws {
    var plc = try Bench().plc
    #expect(throws: SimulatedPLC.Refusal.illegalAddress) { try plc.write(79, [1, 2]) }
    #expect(throws: SimulatedPLC.Refusal.illegalAddress) { try plc.write(104, [1]) }
    #expect(throws: SimulatedPLC.Refusal.illegalAddress) { try plc.read(170, count: 11) }
    #expect(throws: SimulatedPLC.Refusal.illegalValue) { try plc.read(0, count: 126) }
    #expect(throws: SimulatedPLC.Refusal.illegalValue) { try plc.write(0, []) }
    #expect(plc.foreignWrites == 2)
  }
}
