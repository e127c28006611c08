import Line
import Testing

@testable import PLCLink

@Suite struct HeaderTests {
  @Test func firstTelegramHasPermit0AndChangesNothingElse() {
    let bench = SessionBench()
    bench.host(1, 41)
    bench.host(2, 1)
    bench.host(4, 12)
    bench.host(5, 2)
    bench.host(8, 3)
    bench.host(9, 7)
    bench.connect()
    // Proving: the heartbeat has not moved, so nothing is told.
    #expect(bench.events().isEmpty)
    #expect(bench.written == [RegisterWrite(address: 10, words: [1, 42, 0, 0, 12, 2, 0, 0, 3, 7])])
  }

  @Test func linkedOnlyAfterThePLCsHeartbeatMoved() {
    let bench = SessionBench()
    bench.connect()
    bench.poll(still: true)
    #expect(bench.events().isEmpty)
    bench.poll()
    #expect(
      bench.events() == [
        .linked(generation: 1, newEpoch: true, PLCSnapshot(mapVersion: 1, epoch: 7))
      ])
    #expect(bench.session.isLinked)
  }

  @Test func aStillHeartbeatNeverLinksAndIsAFault() {
    let bench = SessionBench()
    bench.connect()
    for _ in 0..<99 { bench.poll(still: true) }
    #expect(bench.session.fault == nil)
    bench.poll(still: true)
    #expect(bench.session.fault == .heartbeatStill)
    bench.disconnect(.heartbeatStill)
    #expect(bench.events() == [.lost(.heartbeatStill)])
    #expect(bench.session.fault == nil)
  }

  @Test func aHeartbeatThatStopsIsLostAfterLostMilliseconds() {
    let bench = SessionBench()
    bench.run()
    for _ in 0..<99 { bench.poll(still: true) }
    #expect(bench.session.fault == nil)
    bench.poll(still: true)
    #expect(bench.session.fault == .heartbeatStill)
    // The connection still carries telegrams: the permit goes first.
    #expect(bench.permit == 0)
  }

  @Test func heartbeatMovesOnlyIfTheLineTurned() {
    let bench = SessionBench()
    bench.run()
    let before = bench.host(1)
    let sent = bench.written.count
    for _ in 0..<30 { bench.poll() }
    #expect(bench.host(1) == before)
    #expect(bench.written.count >= sent + 3)
    bench.lineTurns += 1
    for _ in 0..<30 { bench.poll() }
    #expect(bench.host(1) == before + 1)
  }

  @Test func headerGoesOutAtLeastEveryHeartbeatInterval() {
    let bench = SessionBench()
    bench.run()
    var last = bench.now
    for _ in 0..<100 {
      let count = bench.written.count
      bench.poll()
      if bench.written.count > count {
        #expect(bench.now - last <= .milliseconds(100))
        last = bench.now
      }
      if let deadline = bench.session.deadline { #expect(deadline - last <= .milliseconds(100)) }
    }
    #expect(bench.now - last < .milliseconds(100))
  }

  @Test func heartbeatWraps() {
    let bench = SessionBench()
    bench.host(1, 65535)
    bench.connect()
    #expect(bench.host(1) == 0)
  }

  @Test func permitOfAnotherGenerationCountsAs0() {
    let bench = SessionBench()
    bench.connect()
    bench.order(.header(HostHeader(generation: 1, permit: true)))
    bench.flush()
    // Ordered before the link stands: it cannot have been meant for it.
    #expect(bench.permit == 0)
    bench.poll()
    for generation in [0, 2, 99] as [LinkGeneration] {
      bench.order(
        .header(HostHeader(generation: generation, permit: true, stopReason: 9)))
      bench.flush()
      #expect(bench.permit == 0)
      #expect(bench.host(3) == 9)
    }
    bench.order(.header(HostHeader(generation: 1, permit: true)))
    bench.flush()
    #expect(bench.permit == 1)
    bench.disconnect()
    bench.connect()
    bench.poll()
    // A new link: the old order is worth nothing.
    #expect(bench.session.generation == 2)
    #expect(bench.permit == 0)
  }

  @Test func fallingPermitOvertakesVerdictsAndTheRest() throws {
    let bench = SessionBench()
    bench.run()
    #expect(bench.permit == 1)
    bench.order(.verdict(generation: 1, unit: 1, .accept))
    bench.order(.header(HostHeader(generation: 1, permit: false, stopReason: 2)))
    let first = try #require(bench.nextWrite())
    #expect(first.address == 10)
    #expect(first.words[2] == 0)
    #expect(first.words[3] == 2)
    let second = try #require(bench.nextWrite())
    #expect(second.address == 10 + 16 + 4)
    #expect(bench.nextWrite() == nil)
  }

  @Test func verdictsOvertakeARisingPermit() throws {
    let bench = SessionBench()
    bench.connect()
    bench.poll()
    bench.order(.header(HostHeader(generation: 1, permit: true)))
    bench.order(.verdict(generation: 1, unit: 1, .noRead))
    #expect(try #require(bench.nextWrite()).address == 10 + 16 + 4)
    #expect(try #require(bench.nextWrite()).words[2] == 1)
  }

  @Test func withdrawalIsAHeaderWithPermit0() throws {
    let bench = SessionBench()
    #expect(bench.withdrawal() == nil)
    bench.run()
    let last = try #require(bench.withdrawal())
    #expect(last.address == 10)
    #expect(last.words[2] == 0)
  }

  @Test func lightsReasonAndAlarmsGoOut() {
    let bench = SessionBench()
    bench.run()
    bench.order(
      .header(
        HostHeader(
          generation: 1, permit: false, stopReason: 11, stackLight: [.red, .horn],
          alarmsUnacknowledged: 5)))
    bench.flush()
    #expect(bench.host(3) == 11)
    #expect(bench.host(6) == 12)
    #expect(bench.host(7) == 5)
  }

  @Test func changesAreToldHeartbeatsAreNot() {
    let bench = SessionBench()
    bench.run()
    bench.poll()
    #expect(bench.events().isEmpty)
    bench.plc(4, 9)
    bench.plc(6, 8)
    bench.plc(3, 1)
    bench.poll()
    #expect(
      bench.events() == [
        .changed(
          PLCSnapshot(
            mapVersion: 1, permitObeyed: true, lastUnit: 9, inputs: .conveyorMoving, epoch: 7),
          after: bench.unseenSince)
      ])
  }

  /// Found by whole lines in virtual time: a trigger that a late answer shows may be older than a doubt that has ended.
  @Test func aChangeIsToldWithTheMomentSinceWhichItMayHaveCome() {
    let bench = SessionBench()
    bench.run()
    // It is asked at this moment, and 10 ms later answered.
    let last = bench.now
    bench.poll()
    bench.now = bench.now + .milliseconds(600)
    bench.plc(4, 1)
    bench.poll()
    #expect(
      bench.events() == [
        .changed(
          PLCSnapshot(mapVersion: 1, lastUnit: 1, epoch: 7), after: last)
      ])
  }

  @Test func onlyNewsOfADownLinkAreTold() {
    let bench = SessionBench()
    bench.disconnect(.cannotConnect)
    bench.disconnect(.cannotConnect)
    #expect(bench.events() == [.lost(.cannotConnect)])
    bench.disconnect(.telegramFailed)
    #expect(bench.events() == [.lost(.telegramFailed)])
    bench.run()
    bench.disconnect(.telegramFailed)
    bench.disconnect(.cannotConnect)
    #expect(bench.events() == [.lost(.telegramFailed), .lost(.cannotConnect)])
  }

  @Test func reconnectOrderIsAFault() {
    let bench = SessionBench()
    bench.order(.reconnect)
    #expect(bench.session.fault == nil)
    bench.run()
    bench.order(.reconnect)
    #expect(bench.session.fault == .reconnecting)
    bench.flush()
    #expect(bench.permit == 0)
  }
}

@Suite struct MapVersionTests {
  @Test(arguments: [0, 2, 65535] as [UInt16])
  func anotherVersionGetsPermit0AndNoVerdicts(version: UInt16) {
    let bench = SessionBench(version: version)
    bench.host(9, 7)
    bench.connect()
    #expect(
      bench.events() == [
        .linked(generation: 1, newEpoch: false, PLCSnapshot(mapVersion: version, epoch: 7))
      ])
    bench.order(.header(HostHeader(generation: 1, permit: true)))
    bench.order(.verdict(generation: 1, unit: 1, .accept))
    for _ in 0..<200 { bench.poll(still: true) }
    // Its heartbeat need not stand where ours stands.
    #expect(bench.session.fault == nil)
    #expect(bench.permit == 0)
    #expect(bench.host(9) == 0)
    #expect(bench.written.allSatisfy { $0.address == 10 })
    bench.plc(6, 3)
    bench.poll()
    #expect(
      bench.events() == [
        .changed(
          PLCSnapshot(mapVersion: version, inputs: Inputs(rawValue: 3), epoch: 7),
          after: bench.unseenSince)
      ])
  }

  @Test func aVersionThatChangesWithdrawsThePermitAndComesBackAsANewLink() {
    let bench = SessionBench()
    bench.run()
    bench.plc(0, 2)
    bench.poll()
    #expect(
      bench.events() == [
        .changed(PLCSnapshot(mapVersion: 2, epoch: 7), after: bench.unseenSince)
      ])
    #expect(bench.permit == 0)
    #expect(bench.host(9) == 0)
    bench.plc(0, 1)
    bench.poll()
    #expect(
      bench.events() == [
        .linked(generation: 2, newEpoch: true, PLCSnapshot(mapVersion: 1, epoch: 7))
      ])
    #expect(bench.permit == 0)
    #expect(bench.host(9) == 7)
  }

  @Test func epoch0IsAPLCThatHasNotStarted() {
    let bench = SessionBench(epoch: 0)
    bench.connect()
    bench.poll()
    #expect(
      bench.events() == [
        .linked(generation: 1, newEpoch: false, PLCSnapshot(mapVersion: 1, epoch: 0))
      ])
    bench.order(.header(HostHeader(generation: 1, permit: true)))
    bench.poll()
    #expect(bench.permit == 0)
    bench.plc(9, 3)
    bench.poll()
    #expect(
      bench.events() == [
        .linked(generation: 2, newEpoch: true, PLCSnapshot(mapVersion: 1, epoch: 3))
      ])
  }

  typealias Inputs = PLCSnapshot.Inputs
}

@Suite struct VerdictRingTests {
  @Test(arguments: [8, 16, 32])
  func aFullRingHoldsOneSlotFreeAndKeepsTheOrder(slots: Int) {
    let bench = SessionBench(slots: slots)
    bench.run()
    let count = UInt16(3 * slots)
    for unit in 1...count { bench.order(.verdict(generation: 1, unit: unit, .noRead)) }
    bench.flush()
    var taken: UInt16 = 0
    while taken < count {
      // Everything up to slots - 1 after the last taken stands there, and nothing more.
      let last = min(count, taken + UInt16(slots) - 1)
      for sequence in (taken + 1)...last { #expect(bench.verdict(sequence) == [sequence, 2]) }
      #expect(bench.verdict(last + 1) == nil)
      taken = min(count, taken + 5)
      bench.plc(5, taken)
      bench.poll()
    }
    let told = bench.events().compactMap { event -> UInt16? in
      if case .taken(let unit, 2) = event { return unit }
      return nil
    }
    #expect(told == Array(1...count))
  }

  @Test func neighbouringSlotsShareATelegram() {
    let bench = SessionBench()
    bench.run()
    bench.written = []
    for unit in 1...15 as ClosedRange<UInt16> {
      bench.order(.verdict(generation: 1, unit: unit, .accept))
    }
    bench.flush()
    #expect(bench.written.map(\.address) == [10 + 16 + 4])
    #expect(bench.written.map(\.words.count) == [60])
    bench.written = []
    bench.plc(5, 10)
    for unit in 16...20 as ClosedRange<UInt16> {
      bench.order(.verdict(generation: 1, unit: unit, .accept))
    }
    bench.poll()
    // Sequences 16…20 are slots 0…4; sequence 15 was the ring's last.
    #expect(bench.written.map(\.address) == [10 + 16])
  }

  @Test func aTelegramNeverHasMoreThan123Registers() {
    let bench = SessionBench(slots: 32)
    bench.run()
    bench.written = []
    for unit in 1...31 as ClosedRange<UInt16> {
      bench.order(.verdict(generation: 1, unit: unit, .accept))
    }
    bench.flush()
    #expect(bench.written.map(\.words.count) == [120, 4])
    #expect(bench.verdict(31) == [31, 1])
  }

  @Test func sequencesWrapFrom65504To1() {
    let bench = SessionBench()
    bench.host(9, 7)
    bench.plc(5, 65501)
    bench.run()
    for unit in 1...6 as ClosedRange<UInt16> {
      bench.order(.verdict(generation: 1, unit: unit, .accept))
    }
    bench.flush()
    let sequences: [UInt16] = [65502, 65503, 65504, 1, 2, 3]
    for (index, sequence) in sequences.enumerated() {
      #expect(bench.verdict(sequence) == [UInt16(index + 1), 1])
    }
    bench.plc(5, 2)
    bench.poll()
    let taken = bench.events().filter {
      if case .taken = $0 { return true }
      return false
    }
    #expect(taken == (1...5).map { .taken(unit: $0, verdict: 1) })
  }

  @Test(arguments: [1, 16, 65504, 65505, 65535] as [UInt16])
  func aSequenceOutsideTheWindowIsAFault(said: UInt16) {
    let bench = SessionBench()
    bench.run()
    bench.plc(5, said)
    bench.poll()
    #expect(bench.session.fault == .registersImpossible)
    #expect(bench.permit == 0)
  }

  @Test func aSequenceThatGoesBackIsAFault() {
    let bench = SessionBench()
    bench.run()
    for unit in 1...5 as ClosedRange<UInt16> {
      bench.order(.verdict(generation: 1, unit: unit, .accept))
    }
    bench.flush()
    bench.plc(5, 3)
    bench.poll()
    #expect(bench.session.fault == nil)
    bench.plc(5, 2)
    bench.poll()
    #expect(bench.session.fault == .registersImpossible)
  }

  @Test func staleGenerationsAndNoUnitsAreDropped() {
    let bench = SessionBench()
    bench.order(.verdict(generation: 0, unit: 1, .accept))
    bench.order(.verdict(generation: 1, unit: 1, .accept))
    bench.connect()
    bench.order(.verdict(generation: 1, unit: 1, .accept))
    bench.poll()
    for generation in [0, 2] as [LinkGeneration] {
      bench.order(.verdict(generation: generation, unit: 1, .noRead))
    }
    bench.order(.verdict(generation: 1, unit: 0, .accept))
    bench.order(.verdict(generation: 1, unit: 65505, .accept))
    bench.flush()
    #expect(bench.verdict(1) == nil)
  }

  @Test func anAcceptWithdrawnBeforeItWentOutNeverGoesOut() {
    let bench = SessionBench()
    bench.run()
    bench.order(.verdict(generation: 1, unit: 4, .accept))
    bench.order(.verdict(generation: 1, unit: 5, .accept))
    bench.order(.verdict(generation: 1, unit: 4, .trackingInDoubt))
    bench.flush()
    #expect(bench.verdict(1) == [5, 1])
    #expect(bench.verdict(2) == [4, 15])
    // One that is out gets its withdrawal behind it.
    bench.order(.verdict(generation: 1, unit: 5, .storageFault))
    bench.flush()
    #expect(bench.verdict(3) == [5, 16])
  }

  @Test(
    "an accept that is due before it finds a slot never goes out and is said, and what stands behind it goes"
  )
  func anAcceptThatIsDueBeforeItGoesOutIsDroppedAndSaid() {
    let bench = SessionBench()
    bench.run()
    bench.order(.verdict(generation: 1, unit: 4, .accept, due: bench.now))
    bench.order(.verdict(generation: 1, unit: 5, .accept, due: bench.now + .milliseconds(1)))
    bench.order(.verdict(generation: 1, unit: 6, .duplicate))
    bench.order(.verdict(generation: 1, unit: 7, .accept))
    bench.flush()
    #expect(bench.events() == [.acceptLate(unit: 4)])
    #expect(bench.verdict(1) == [5, 1])
    #expect(bench.verdict(2) == [6, 9])
    #expect(bench.verdict(3) == [7, 1])
    // The line's answer to it.
    bench.order(.verdict(generation: 1, unit: 4, .trackingInDoubt))
    bench.flush()
    #expect(bench.verdict(4) == [4, 15])
  }

  @Test(
    "an accept that waits for a slot in a full ring goes when one is free, if it is not too late by then"
  )
  func anAcceptThatWaitsForASlotMayBecomeTooLate() {
    let bench = SessionBench()
    bench.run()
    for unit in 1...15 {
      bench.order(.verdict(generation: 1, unit: UInt16(unit), .noRead))
    }
    bench.flush()
    bench.order(.verdict(generation: 1, unit: 16, .accept, due: bench.now + .milliseconds(5)))
    bench.order(.verdict(generation: 1, unit: 17, .accept, due: bench.now + .milliseconds(5000)))
    bench.flush()
    #expect(bench.events().isEmpty)
    bench.plc(5, 1)
    bench.poll()
    let events = bench.events()
    #expect(events.contains(.acceptLate(unit: 16)))
    #expect(!events.contains(.acceptLate(unit: 17)))
    #expect(bench.verdict(16) == [17, 1])
  }

  @Test func aVerdictNotTakenFor1SecondIsSaidOnce() {
    let bench = SessionBench()
    bench.run()
    bench.order(.verdict(generation: 1, unit: 1, .accept))
    bench.order(.verdict(generation: 1, unit: 2, .accept))
    bench.flush()
    for _ in 0..<99 { bench.poll() }
    #expect(bench.events().isEmpty)
    for _ in 0..<200 { bench.poll() }
    #expect(bench.events() == [.verdictNotTaken(unit: 1)])
    bench.plc(5, 1)
    bench.poll()
    let events = bench.events()
    #expect(events.contains(.taken(unit: 1, verdict: 1)))
    #expect(events.contains(.verdictNotTaken(unit: 2)))
    #expect(bench.session.fault == nil)
  }

  @Test func theWithdrawalsOfAllUnitsALineMayHaveOpenFindRoomAtOnce() {
    let bench = SessionBench()
    bench.run()
    // As after a reconnection, when the line withdraws every accept that has no outcome: 1,024 at most.
    let count: UInt16 = 1024
    for unit in 1...count { bench.order(.verdict(generation: 1, unit: unit, .trackingInDoubt)) }
    #expect(bench.session.fault == nil)
    var told: [UInt16] = []
    for _ in 0..<count where told.count < Int(count) {
      bench.flush()
      var taken = bench.plc(5)
      while bench.verdict(Counter.next(after: taken)) != nil { taken = Counter.next(after: taken) }
      bench.plc(5, taken)
      bench.poll()
      for case .taken(let unit, _) in bench.events() { told.append(unit) }
    }
    #expect(told == Array(1...count))
  }

  @Test func tooManyWaitingVerdictsEndTheLink() {
    let bench = SessionBench()
    bench.run()
    bench.order(.verdict(generation: 1, unit: 1, .noRead))
    for _ in 0..<(VerdictWriter.waitingMax - 1) {
      bench.order(.verdict(generation: 1, unit: 2, .noRead))
    }
    #expect(bench.session.fault == nil)
    bench.order(.verdict(generation: 1, unit: 3, .noRead))
    #expect(bench.session.fault == .registersImpossible)
  }
}

@Suite struct OutcomeRingTests {
  private func outcomes(_ bench: SessionBench) -> [[UInt16]] {
    bench.events().compactMap { event in
      if case .outcome(let sequence, let unit, let outcome) = event {
        return [sequence, unit, outcome]
      }
      return nil
    }
  }

  @Test(arguments: [8, 16, 32])
  func outcomesComeInOrderOverManyLapsAndTheWrap(slots: Int) {
    let bench = SessionBench(slots: slots, mark: .init(epoch: 7, sequence: 65490))
    bench.host(9, 7)
    bench.plc(8, 65490)
    bench.run()
    var sequence: UInt16 = 65490
    for round in 0..<20 {
      let count = 1 + round % (slots - 1)
      var expected: [[UInt16]] = []
      for _ in 0..<count {
        sequence = Counter.next(after: sequence)
        bench.putOutcome(sequence, unit: sequence, 1)
        expected.append([sequence, sequence, 1])
      }
      bench.poll()
      #expect(outcomes(bench) == expected)
      bench.order(.recorded(generation: 1, outcome: sequence))
      bench.poll()
      #expect(bench.host(8) == sequence)
    }
    #expect(bench.session.fault == nil)
  }

  @Test func nothingIsAcknowledgedBeforeItIsRecorded() {
    let bench = SessionBench()
    bench.run()
    bench.putOutcome(1, unit: 5, 1)
    bench.putOutcome(2, unit: 6, 2)
    for _ in 0..<50 { bench.poll() }
    #expect(outcomes(bench) == [[1, 5, 1], [2, 6, 2]])
    #expect(bench.host(8) == 0)
    // Never told, so it cannot be on disk.
    bench.order(.recorded(generation: 1, outcome: 3))
    bench.poll()
    #expect(bench.host(8) == 0)
    bench.order(.recorded(generation: 1, outcome: 1))
    bench.poll()
    #expect(bench.host(8) == 1)
    bench.order(.recorded(generation: 2, outcome: 2))
    bench.poll()
    #expect(bench.host(8) == 1)
  }

  @Test(arguments: 0..<4)
  func aTornSlotWaitsAndIsSaidAfter1Second(register: Int) {
    let bench = SessionBench()
    bench.run()
    bench.putOutcome(1, unit: 5, 1)
    let address = 200 + 16 + 4 + register
    let whole = bench.registers[address]
    bench.registers[address] = 0x5555
    for _ in 0..<100 { bench.poll() }
    #expect(outcomes(bench).isEmpty)
    bench.registers[address] = 0x5556
    for _ in 0..<100 { bench.poll() }
    #expect(bench.events() == [.outcomeUnreadable(sequence: 1)])
    bench.registers[address] = whole
    bench.poll()
    #expect(outcomes(bench) == [[1, 5, 1]])
    #expect(bench.session.fault == nil)
  }

  @Test func aSlotStillZeroInItsSecondHalfIsNotTakenInAnyEpoch() {
    // In this epoch the check of sequence 1, unit 5, word 0 is 0, as a fresh slot holds it.
    let epoch: UInt16 = 23103
    #expect(RegisterMap.check(sequence: 1, unit: 5, word: 0, epoch: epoch) == 0)
    let bench = SessionBench(epoch: epoch)
    bench.run()
    bench.plc(8, 1)
    bench.plc(20, 1)
    bench.plc(21, 5)
    bench.poll()
    #expect(outcomes(bench).isEmpty)
    bench.plc(22, 1)
    bench.plc(23, RegisterMap.check(sequence: 1, unit: 5, word: 1, epoch: epoch))
    bench.poll()
    #expect(outcomes(bench) == [[1, 5, 1]])
  }

  @Test func aSlotOfAnotherEpochIsNotTaken() {
    let bench = SessionBench()
    bench.run()
    bench.putOutcome(1, unit: 5, 1)
    bench.registers[200 + 16 + 4 + 3] &+= 1
    bench.poll()
    #expect(outcomes(bench).isEmpty)
  }

  @Test(arguments: [16, 17, 1000, 65504, 65505] as [UInt16])
  func moreThanARingCanHoldIsAFault(written: UInt16) {
    let bench = SessionBench()
    bench.run()
    bench.plc(8, written)
    bench.poll()
    #expect(bench.session.fault == .registersImpossible)
  }

  @Test func aSequenceThatGoesBackIsAFault() {
    let bench = SessionBench()
    bench.run()
    bench.putOutcome(1, unit: 1, 1)
    bench.putOutcome(2, unit: 2, 1)
    bench.poll()
    bench.plc(8, 1)
    bench.poll()
    #expect(bench.session.fault == .registersImpossible)
  }

  @Test func unrecordedOutcomesAreToldAgainAfterAReconnection() {
    let bench = SessionBench()
    bench.run()
    for sequence in 1...4 as ClosedRange<UInt16> {
      bench.putOutcome(sequence, unit: sequence, 1)
    }
    bench.poll()
    bench.order(.recorded(generation: 1, outcome: 2))
    bench.disconnect()
    _ = bench.events()
    bench.connect()
    bench.poll()
    bench.poll()
    #expect(outcomes(bench) == [[3, 3, 1], [4, 4, 1]])
    #expect(bench.host(8) == 2)
    // Told in the link before, and on disk by now: true for this one too.
    bench.order(.recorded(generation: 1, outcome: 4))
    bench.poll()
    #expect(bench.host(8) == 4)
  }

  @Test func recordedWhileDownIsAcknowledgedAndNotReadAgain() {
    let bench = SessionBench()
    bench.run()
    bench.putOutcome(1, unit: 1, 1)
    bench.putOutcome(2, unit: 2, 1)
    bench.poll()
    bench.disconnect()
    bench.order(.recorded(generation: 1, outcome: 2))
    _ = bench.events()
    bench.connect()
    bench.poll()
    bench.poll()
    #expect(outcomes(bench).isEmpty)
    #expect(bench.host(8) == 2)
  }
}

@Suite struct TakenBeforeTests {
  @Test func verdictsThatThePLCTookFromALifeBeforeAreToldByTheRing() {
    let bench = SessionBench()
    bench.host(9, 7)
    for sequence in UInt16(1)...3 { bench.putVerdict(sequence, unit: 40 + sequence, 1) }
    bench.putVerdict(4, unit: 44, 2)
    bench.putVerdict(5, unit: 45, 1)
    // What a lap before has left of another epoch ends the run.
    bench.putVerdict(1, unit: 41, 1, epoch: 6)
    bench.plc(5, 4)
    bench.connect()
    bench.poll()
    let taken = bench.events().filter { if case .taken = $0 { true } else { false } }
    #expect(
      taken == [
        .taken(unit: 42, verdict: 1), .taken(unit: 43, verdict: 1), .taken(unit: 44, verdict: 2),
      ])
    bench.plc(5, 5)
    bench.poll()
    #expect(bench.events().contains(.taken(unit: 45, verdict: 1)))
  }

  @Test func theyAreToldOverTheWrapAndNoMoreThanTheRingHolds() {
    let bench = SessionBench(slots: 8)
    bench.host(9, 7)
    for sequence in [65500, 65501, 65502, 65503, 65504, 1, 2, 3] as [UInt16] {
      bench.putVerdict(sequence, unit: sequence, 1)
    }
    bench.plc(5, 3)
    bench.connect()
    bench.poll()
    let taken = bench.events().filter { if case .taken = $0 { true } else { false } }
    #expect(taken.first == .taken(unit: 65500, verdict: 1) && taken.count == 8)
  }
}

@Suite struct EpochTests {
  @Test func aNewEpochIsShakenHandsInTheContractsOrder() throws {
    let bench = SessionBench(slots: 32, epoch: 9)
    for offset in 0..<128 { bench.host(16 + offset, 0xFFFF) }
    bench.host(8, 55)
    bench.host(9, 8)
    bench.connect()
    bench.written = []
    bench.poll()
    let addresses = bench.written.map(\.address)
    #expect(addresses == [10, 26, 26 + 120, 10])
    #expect(bench.written.map(\.words.count) == [10, 120, 8, 10])
    // Permit 0 and no echo while the ring is being zeroed; then the echo, with nothing acknowledged.
    #expect(bench.written[0].words[2] == 0)
    #expect(bench.written[0].words[9] == 0)
    #expect(bench.written[3].words[2] == 0)
    #expect(bench.written[3].words[8] == 0)
    #expect(bench.written[3].words[9] == 9)
    #expect((0..<128).allSatisfy { bench.host(16 + $0) == 0 })
    bench.order(.verdict(generation: 1, unit: 3, .accept))
    bench.flush()
    #expect(bench.verdict(1) == [3, 1])
  }

  @Test func outcomesFromBeforeTheHandshakeAreRead() {
    let bench = SessionBench()
    bench.putOutcome(1, unit: 1, 6)
    bench.putOutcome(2, unit: 2, 6)
    bench.connect()
    bench.poll()
    bench.poll()
    #expect(
      bench.events().suffix(2) == [
        .outcome(sequence: 1, unit: 1, outcome: 6), .outcome(sequence: 2, unit: 2, outcome: 6),
      ])
  }

  @Test func aPLCThatRestartsWhileConnectedIsANewLink() {
    let bench = SessionBench()
    bench.run()
    bench.order(.verdict(generation: 1, unit: 1, .accept))
    bench.putOutcome(1, unit: 1, 1)
    bench.poll()
    _ = bench.events()
    bench.plc(9, 8)
    bench.plc(5, 0)
    bench.plc(8, 0)
    bench.written = []
    bench.poll()
    #expect(
      bench.events() == [
        .linked(generation: 2, newEpoch: true, PLCSnapshot(mapVersion: 1, epoch: 8))
      ])
    #expect(bench.written.first?.words[2] == 0)
    #expect(bench.permit == 0)
    #expect(bench.host(8) == 0)
    #expect(bench.host(9) == 8)
    // Orders of the epoch before: accept, permit and acknowledgement are all void.
    bench.order(.verdict(generation: 1, unit: 1, .accept))
    bench.order(.header(HostHeader(generation: 1, permit: true)))
    bench.putOutcome(1, unit: 1, 6)
    bench.poll()
    bench.order(.recorded(generation: 1, outcome: 1))
    bench.poll()
    #expect(bench.verdict(1) == nil)
    #expect(bench.permit == 0)
    #expect(bench.host(8) == 0)
    bench.order(.recorded(generation: 2, outcome: 1))
    bench.poll()
    #expect(bench.host(8) == 1)
  }

  @Test func ownRestartGoesOnAfterTheUnbrokenRun() {
    let bench = SessionBench(mark: .init(epoch: 7, sequence: 30))
    bench.host(8, 28)
    bench.host(9, 7)
    bench.plc(5, 40)
    bench.plc(8, 30)
    bench.putVerdict(41, unit: 100, 1)
    bench.putVerdict(42, unit: 101, 2)
    // 43 is of an older lap: the run ends there, and 44 is not part of it.
    bench.putVerdict(27, unit: 102, 1)
    bench.putVerdict(44, unit: 103, 1)
    bench.connect()
    bench.poll()
    #expect(
      bench.events() == [
        .linked(
          generation: 1, newEpoch: false,
          PLCSnapshot(mapVersion: 1, verdictTaken: 40, outcomeWritten: 30, epoch: 7))
      ])
    #expect(bench.verdict(41) == [100, 1])
    #expect(bench.host(8) == 30)
    bench.order(.verdict(generation: 1, unit: 110, .noRead))
    bench.flush()
    #expect(bench.verdict(43) == [110, 2])
    bench.plc(5, 43)
    bench.poll()
    #expect(
      bench.events().dropFirst() == [
        .taken(unit: 100, verdict: 1), .taken(unit: 101, verdict: 2),
        .taken(unit: 110, verdict: 2),
      ])
  }

  @Test func aRunOfTheWholeRingLeavesNoRoomUntilThePLCTakes() {
    let bench = SessionBench(slots: 8)
    bench.host(9, 7)
    for sequence in 1...7 as ClosedRange<UInt16> {
      bench.putVerdict(sequence, unit: sequence, 2)
    }
    bench.connect()
    bench.poll()
    bench.order(.verdict(generation: 1, unit: 8, .noRead))
    bench.flush()
    #expect(bench.verdict(8) == nil)
    bench.plc(5, 1)
    bench.poll()
    #expect(bench.verdict(8) == [8, 2])
  }

  @Test func slotsOfAnotherEpochAreNoPartOfTheRun() {
    let bench = SessionBench()
    bench.host(9, 7)
    bench.putVerdict(1, unit: 1, 1, epoch: 6)
    bench.connect()
    bench.poll()
    bench.order(.verdict(generation: 1, unit: 2, .noRead))
    bench.flush()
    #expect(bench.verdict(1) == [2, 2])
  }

  @Test func ownRestartWithClearedRegistersBeginsAnew() {
    // The PLC lost our block but not its own: the echo is gone, so the handshake begins anew, after what it has taken,
    // and outcomes go on after what is on record.
    let bench = SessionBench(mark: .init(epoch: 7, sequence: 30))
    bench.plc(5, 40)
    bench.plc(8, 30)
    bench.putOutcome(31, unit: 5, 1)
    bench.connect()
    bench.poll()
    bench.poll()
    #expect(
      bench.events() == [
        .linked(
          generation: 1, newEpoch: true,
          PLCSnapshot(mapVersion: 1, verdictTaken: 40, outcomeWritten: 31, epoch: 7)),
        .outcome(sequence: 31, unit: 5, outcome: 1),
      ])
    #expect(bench.host(8) == 30)
    #expect(bench.host(9) == 7)
    bench.order(.verdict(generation: 1, unit: 6, .noRead))
    bench.flush()
    #expect(bench.verdict(41) == [6, 2])
  }

  @Test func withoutARecordOfThisEpochThePLCsMemoryOfOursCounts() {
    let bench = SessionBench(mark: .init(epoch: 3, sequence: 500))
    bench.host(8, 28)
    bench.host(9, 7)
    bench.plc(8, 28)
    bench.putOutcome(29, unit: 5, 1)
    bench.connect()
    bench.poll()
    bench.poll()
    #expect(bench.events().last == .outcome(sequence: 29, unit: 5, outcome: 1))
    #expect(bench.host(8) == 28)
  }

  @Test func takenWhileDownIsToldAndLostRejectsAreSentAgain() {
    let bench = SessionBench()
    bench.run()
    for unit in 1...2 as ClosedRange<UInt16> {
      bench.order(.verdict(generation: 1, unit: unit, .accept))
    }
    bench.flush()
    // These telegrams are pulled but never arrive: the connection breaks.
    bench.order(.verdict(generation: 1, unit: 3, .accept))
    bench.order(.verdict(generation: 1, unit: 2, .trackingInDoubt))
    #expect(bench.nextWrite() != nil)
    bench.order(.verdict(generation: 1, unit: 4, .accept))
    bench.order(.verdict(generation: 1, unit: 5, .noRead))
    bench.disconnect()
    bench.plc(5, 1)
    _ = bench.events()
    bench.connect()
    bench.poll()
    #expect(
      bench.events() == [
        .linked(
          generation: 2, newEpoch: false, PLCSnapshot(mapVersion: 1, verdictTaken: 1, epoch: 7)),
        .taken(unit: 1, verdict: 1),
      ])
    // The accepts for 3 and 4 belong to the time before; the withdrawal and the reject do not wait for anyone.
    #expect(bench.verdict(2) == [2, 1])
    #expect(bench.verdict(3) == [2, 15])
    #expect(bench.verdict(4) == [5, 2])
    #expect(bench.verdict(5) == nil)
  }

  @Test func aRunThatGoesOverTheWrapIsFollowed() {
    let bench = SessionBench(mark: .init(epoch: 7, sequence: 65504))
    bench.host(9, 7)
    bench.host(8, 65504)
    bench.plc(5, 65503)
    bench.plc(8, 65504)
    bench.putVerdict(65504, unit: 65504, 1)
    bench.putVerdict(1, unit: 1, 2)
    bench.putVerdict(2, unit: 2, 1)
    // Slot 3 still holds what it held a lap ago.
    bench.putVerdict(65491, unit: 9, 1)
    bench.connect()
    bench.poll()
    bench.order(.verdict(generation: 1, unit: 3, .noRead))
    bench.flush()
    #expect(bench.verdict(3) == [3, 2])
    bench.plc(5, 3)
    bench.putOutcome(1, unit: 65504, 1)
    bench.poll()
    #expect(
      bench.events().dropFirst() == [
        .changed(
          PLCSnapshot(mapVersion: 1, verdictTaken: 3, outcomeWritten: 1, epoch: 7),
          after: bench.unseenSince),
        .taken(unit: 65504, verdict: 1), .taken(unit: 1, verdict: 2),
        .taken(unit: 2, verdict: 1), .taken(unit: 3, verdict: 2),
        .outcome(sequence: 1, unit: 65504, outcome: 1),
      ])
    #expect(bench.session.fault == nil)
  }

  @Test func aBlockThatDoesNotReadBackAsWrittenIsAFault() {
    let bench = SessionBench()
    bench.host(9, 7)
    bench.putVerdict(1, unit: 1, 1)
    let old = bench.read(bench.settings.hostBlock)
    bench.connect()
    bench.session.readBack(old)
    #expect(bench.session.fault == .registersStale)
    bench.disconnect(.registersStale)
    #expect(bench.events() == [.lost(.registersStale)])
    // What is followed is what was read last, with our heartbeat in it.
    bench.connect()
    bench.putVerdict(2, unit: 2, 1)
    bench.session.readBack(bench.read(bench.settings.hostBlock))
    #expect(bench.session.fault == nil)
    bench.poll()
    bench.order(.verdict(generation: 1, unit: 3, .noRead))
    bench.flush()
    #expect(bench.verdict(3) == [3, 2])
  }

  @Test func aWrongCheckEndsTheRun() {
    let bench = SessionBench()
    bench.host(9, 7)
    bench.putVerdict(1, unit: 1, 1)
    bench.putVerdict(2, unit: 2, 1)
    bench.putVerdict(3, unit: 3, 1)
    bench.host(16 + 4 * 2 + 1, 77)
    bench.connect()
    bench.poll()
    bench.order(.verdict(generation: 1, unit: 4, .noRead))
    bench.flush()
    // Half of a telegram that broke; what stands behind it was never sent as a whole, so it is written over.
    #expect(bench.verdict(2) == [4, 2])
    bench.plc(5, 3)
    bench.poll()
    #expect(bench.session.fault == .registersImpossible)
  }

  @Test func whatWasTakenWhileDownIsToldAlsoIfTheHandshakeBreaks() {
    let bench = SessionBench()
    bench.run()
    bench.order(.verdict(generation: 1, unit: 1, .accept))
    bench.order(.verdict(generation: 1, unit: 2, .accept))
    bench.flush()
    bench.order(.verdict(generation: 1, unit: 2, .trackingInDoubt))
    bench.disconnect()
    _ = bench.events()
    bench.plc(5, 1)
    // The new connection breaks twice before its last telegram is through.
    for _ in 0..<2 {
      bench.connect()
      bench.plc(1, bench.plc(1) &+ 1)
      bench.session.polled(
        bench.read(bench.settings.plcHeader), asked: bench.now, now: bench.now)
      #expect(bench.nextWrite() != nil)
      bench.disconnect()
    }
    bench.connect()
    bench.poll()
    #expect(bench.events().filter { $0 == .taken(unit: 1, verdict: 1) }.count == 1)
    // The withdrawal that found no link goes out once, too.
    #expect(bench.verdict(3) == [2, 15])
    #expect(bench.verdict(4) == nil)
  }

  @Test func generationsNeverComeBack() {
    let bench = SessionBench()
    var seen: Set<LinkGeneration> = []
    for round in 0..<20 as Range<UInt16> {
      bench.plc(9, 7 + round / 3)
      if round.isMultiple(of: 3) {
        bench.plc(5, 0)
        bench.plc(8, 0)
      }
      bench.connect()
      bench.poll()
      #expect(seen.insert(bench.session.generation).inserted)
      #expect(bench.session.generation == LinkGeneration(round) + 1)
      bench.disconnect()
    }
  }
}

@Suite struct LongRunTests {
  /// Once round the sequence and unit numbers and over the wrap, with a reconnection now and then.
  @Test(arguments: [8, 16, 32])
  func sequencesAndUnitsGoRoundTheWrapWithoutAFault(slots: Int) {
    let bench = SessionBench(slots: slots)
    bench.run()
    var ordered: [UInt16] = []
    var unit: UInt16 = 0
    var sequence: UInt16 = 0
    var taken = 0
    var outcomes = 0
    var sent = 0
    var wrong = 0
    var round = 0
    while sent < 66_000 {
      round += 1
      // As many as the ring holds, or fewer; never in step with the number of slots.
      let count = 1 + round * 7 % (slots - 1)
      for _ in 0..<count {
        unit = Counter.next(after: unit)
        ordered.append(unit)
        bench.order(
          .verdict(
            generation: bench.session.generation, unit: unit, unit % 5 == 0 ? .noRead : .accept))
      }
      bench.flush()
      // The PLC's side: it takes what is next and right, and reports each.
      for expected in ordered {
        sequence = Counter.next(after: sequence)
        if bench.verdict(sequence) != [expected, expected % 5 == 0 ? 2 : 1] { wrong += 1 }
        bench.plc(5, sequence)
        bench.putOutcome(sequence, unit: expected, expected % 5 == 0 ? 2 : 1)
      }
      bench.plc(4, unit)
      sent += count
      if round.isMultiple(of: 997) {
        bench.disconnect()
        bench.connect()
        bench.poll()
      }
      bench.poll()
      for event in bench.events() {
        switch event {
        case .taken(let unit, _):
          if unit != ordered[taken % ordered.count] { wrong += 1 }
          taken += 1
        case .outcome(let number, let unit, _):
          if unit != ordered[outcomes % ordered.count] { wrong += 1 }
          outcomes += 1
          bench.order(.recorded(generation: bench.session.generation, outcome: number))
        default: break
        }
      }
      if taken != ordered.count || outcomes != ordered.count { wrong += 1 }
      ordered = []
      taken = 0
      outcomes = 0
      bench.poll()
      if bench.host(8) != sequence || bench.session.fault != nil { wrong += 1 }
      guard wrong == 0 else { break }
    }
    #expect(
      wrong == 0,
      "after \(sent) verdicts, at sequence \(sequence): \(String(describing: bench.session.fault))")
    #expect(sent >= 66_000)
  }
}
