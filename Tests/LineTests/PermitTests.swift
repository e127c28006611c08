import Alarms
import Line
import Testing

/// The run permit, the stop reasons and what becomes of serials and units.
@Suite struct PermitTests {
  @Test func afterAStartThePermitIsZeroUntilTheRelease() {
    var rig = Rig()
    #expect(!rig.permit)
    #expect(rig.reasons.contains(.startUp) && rig.reasons.contains(.noBatchRunning))
    rig.command(.release)
    guard case .refused(_, let causes) = rig.replies.last else {
      Issue.record("released without batch, scanner and link")
      return
    }
    #expect(causes.count == 3, "every cause is named: \(causes)")
    rig.step(.scannerOnline(0))
    rig.link(newEpoch: true)
    rig.openBatch(serials: 1)
    rig.command(.batchStart(id: nil))
    #expect(rig.reasons == [.startUp])
    rig.release()
    #expect(rig.permit && rig.reasons.isEmpty)
  }

  @Test func aReleaseGoesOutOnlyAfterItsRecord() {
    var rig = Rig.running()
    rig.command(.stop(reason: "test"))
    rig.plc {
      $0.permitObeyed = false
      $0.inputs = []
    }
    rig.line.step(.command(id: 9, .release, actor: "a"), now: rig.now, wall: 0)
    for action in rig.line.outbox.actions {
      if case .order(_, .header(let header)) = action { #expect(!header.permit) }
    }
    rig.flush()
    guard
      case .header(let header) = rig.orders.last(where: {
        if case .header = $0 { true } else { false }
      })
    else { return }
    #expect(header.permit)
  }

  @Test func consecutiveRejectsStopTheLine() {
    var rig = Rig.running()
    for _ in 0..<4 { #expect(rig.unit(Rig.scan("X1")) == .notInPool) }
    #expect(rig.permit)
    _ = rig.unit(Rig.scan("X1"))
    #expect(!rig.permit)
    #expect(rig.reasons.first == .limitExceeded)
    #expect(rig.alarm(.consecutiveRejects) != nil)
    #expect(rig.unit(Rig.scan("S00001")) == .notPermitted)
  }

  @Test func aScannerIsTriggeredByOrderOnlyWhileTheLineStandsAndThatGoesOnRecord() {
    var rig = Rig.running()
    rig.command(.scannerTrigger(scanner: "camera-1"))
    guard case .refused(let sentence, _) = rig.replies.last else {
      Issue.record("\(String(describing: rig.replies.last))")
      return
    }
    #expect(sentence.contains("stop the line first"))
    #expect(!rig.records.contains { $0.kind == .scannerTriggered })
    #expect(rig.records.last?.kind == .commandRefused && rig.permit)
    rig.command(.stop(reason: "set-up"))
    rig.command(.scannerTrigger(scanner: "camera-1"))
    guard case .done? = rig.replies.last else {
      Issue.record("\(String(describing: rig.replies.last))")
      return
    }
    #expect(
      rig.records.contains {
        $0.kind == .scannerTriggered && $0.actor == "tester" && $0.detail == "camera-1"
      })
    // What it brings belongs to no pack.
    rig.message(Rig.scan("S00001"))
    rig.wait(milliseconds: 100)
    #expect(rig.records.contains { $0.kind == .strayRead && $0.raw == Rig.scan("S00001") })
  }

  @Test func anAcceptBreaksTheRow() {
    var rig = Rig.running()
    for round in 0..<3 {
      for _ in 0..<4 { _ = rig.unit(Rig.scan("X1")) }
      #expect(rig.unit(Rig.scan(Rig.serial(round))) == .accept)
    }
    #expect(rig.permit)
  }

  @Test func consecutiveNoReadsStopTheLine() {
    var rig = Rig.running()
    for _ in 0..<3 { _ = rig.unit(Array("NOREAD".utf8)) }
    #expect(!rig.permit)
    #expect(rig.alarm(.consecutiveNoReads) != nil)
  }

  @Test func aPLCThatTakesNoVerdictsKeepsTheLineFromItsRelease() {
    var rig = Rig.running()
    _ = rig.unit(Rig.scan("X1"))
    rig.step(.plc(station: 0, .verdictNotTaken(unit: 1)))
    #expect(!rig.permit)
    rig.plc {
      $0.permitObeyed = false
      $0.inputs = []
    }
    rig.command(.release)
    #expect(rig.refusals == ["station unit-1: PLC plc-1 has not taken the verdict for unit 1"])
    #expect(rig.alarm(.verdictNotTaken)?.state == .unacknowledged, "its cause has not ended")
    rig.step(.plc(station: 0, .taken(unit: 1, verdict: Verdict.notInPool.rawValue)))
    rig.release()
    #expect(rig.permit)
  }

  @Test func anOutcomeThatCannotBeReadKeepsTheLineFromItsRelease() {
    var rig = Rig.running()
    _ = rig.unit(Rig.scan("X1"))
    rig.step(.plc(station: 0, .outcomeUnreadable(sequence: 1)))
    #expect(!rig.permit)
    rig.plc {
      $0.permitObeyed = false
      $0.inputs = []
    }
    rig.command(.release)
    #expect(rig.refusals == ["station unit-1: outcome 1 of PLC plc-1 cannot be read"])
    rig.outcome(.rejected, unit: 1)
    rig.release()
    #expect(rig.permit)

    // A link that came anew begins anew.
    rig.step(.plc(station: 0, .verdictNotTaken(unit: 1)))
    rig.step(.plc(station: 0, .outcomeUnreadable(sequence: 2)))
    rig.step(.plc(station: 0, .lost(.telegramFailed)))
    rig.generation = 2
    rig.plc {
      $0.permitObeyed = false
      $0.inputs = []
    }
    rig.link(newEpoch: false)
    rig.release()
    #expect(rig.permit, "\(rig.refusals)")
  }

  @Test func aScannerThatGoesStopsTheLine() {
    var rig = Rig.running()
    rig.step(.scannerOffline(0, reason: "unplugged"))
    #expect(!rig.permit)
    #expect(rig.reasons.first == .scannerLost)
    rig.step(.scannerOnline(0))
    #expect(!rig.permit, "it comes back without starting the line")
    #expect(rig.alarm(.scannerLost)?.state == .returned)
  }

  @Test func aLostLinkStopsTheLineAndNothingOfItsTimeIsAccepted() {
    var rig = Rig.running()
    rig.trigger()
    rig.step(.plc(station: 0, .lost(.telegramFailed)))
    #expect(!rig.permit)
    #expect(rig.reasons.first == .linkLost)
    rig.generation = 2
    rig.snapshot.permitObeyed = false
    rig.snapshot.inputs = []
    rig.link(newEpoch: false)
    rig.message(Rig.scan("S00001"))
    #expect(rig.verdict(of: 1) == nil)
    #expect(rig.reasons.contains(.linkLost), "just re-established is a reason until the release")
    rig.outcome(.noVerdictInTime, unit: 1)
    #expect(rig.counters.units == 1 && rig.counters.rejectedBy[15] == 1)
  }

  @Test func aWithdrawalThatFoundNoLinkGoesOutWhenTheLinkIsBack() {
    var rig = Rig.running()
    #expect(rig.unit(Rig.scan("S00001")) == .accept)
    #expect(rig.unit(Rig.scan("S00002")) == .accept)
    rig.outcome(.passed, unit: 1)
    // The link dies; then a message without a trigger withdraws what it can no longer reach.
    rig.step(.plc(station: 0, .lost(.telegramFailed)))
    rig.message(Rig.scan("S00003"))
    rig.wait(milliseconds: 31)
    rig.command(.stop(reason: "test"))
    rig.step(.eventsLost(what: "scanners", count: 1))
    #expect(rig.counters.rejectedBy[15] == 1)
    rig.orders = []
    rig.generation = 2
    rig.snapshot.permitObeyed = false
    rig.link(newEpoch: false)
    #expect(
      rig.orders.contains(.verdict(generation: 2, unit: 2, .trackingInDoubt)),
      "the PLC may still hold the accept")
    #expect(!rig.orders.contains(.verdict(generation: 2, unit: 1, .trackingInDoubt)))
  }

  @Test(arguments: [
    (PLCSnapshot.Inputs.rejectBinFull, "bin"), (.guardOrEmergencyStop, "guard"),
    (.airPressureLow, "air"),
  ])
  func aMachineThatIsNotReadyStopsTheLine(input: PLCSnapshot.Inputs, word: String) {
    var rig = Rig.running()
    rig.plc { $0.inputs.insert(input) }
    #expect(!rig.permit)
    #expect(rig.reasons.first == .machineNotReady)
    rig.command(.release)
    guard case .refused(_, let causes) = rig.replies.last else {
      Issue.record("released while not ready")
      return
    }
    #expect(causes.contains { $0.contains(word) })
  }

  @Test func aWrongMapVersionStopsTheLine() {
    var rig = Rig.running()
    rig.plc { $0.mapVersion = 2 }
    #expect(!rig.permit && rig.reasons.first == .wrongMapVersion)
  }

  @Test func aStopThatIsNotConfirmedIsTheHighestAlarm() {
    var rig = Rig.running()
    rig.command(.stop(reason: "test"))
    rig.wait(milliseconds: 999)
    #expect(rig.alarm(.stopNotConfirmed) == nil)
    rig.wait(milliseconds: 2)
    #expect(rig.alarm(.stopNotConfirmed)?.kind.priority == .highest)
    rig.plc {
      $0.permitObeyed = false
      $0.inputs = []
    }
    #expect(rig.alarm(.stopNotConfirmed)?.state == .latchedUnacknowledged)
    #expect(rig.records.contains { $0.kind == .stopConfirmed })
  }

  @Test func aReleaseThatThePLCDoesNotFollowIsTakenBack() {
    var rig = Rig.running()
    rig.command(.stop(reason: "test"))
    rig.plc {
      $0.permitObeyed = false
      $0.inputs = []
    }
    rig.command(.release)
    #expect(rig.permit)
    rig.wait(milliseconds: 1001)
    #expect(!rig.permit)
    #expect(rig.alarm(.releaseNotConfirmed) != nil)
  }

  /// The table "What becomes of a serial", the rows that end with an outcome.
  @Test(arguments: [
    (Outcome.passed, SerialState.commissioned), (.rejected, .inactive), (.rejectNotSeen, .inDoubt),
    (.lost, .inDoubt), (.takenByHand, .inactive), (.noVerdictInTime, .inactive),
  ])
  func anAcceptedUnitsSerialFollowsItsOutcome(outcome: Outcome, expected: SerialState) {
    var rig = Rig.running()
    #expect(rig.unit(Rig.scan("S00001")) == .accept)
    rig.outcome(outcome, unit: 1)
    #expect(rig.state(1) == expected)
    #expect(rig.line.status.stations[0].openUnits == 0)
  }

  @Test func aBadPackThatPassedStopsTheLineAndIsNamed() {
    var rig = Rig.running()
    #expect(rig.unit(Rig.scan("S00001")) == .accept)
    #expect(rig.unit(Rig.scan("S00001")) == .duplicate)
    rig.outcome(.passed, unit: 1)
    rig.outcome(.passed, unit: 2)
    #expect(!rig.permit && rig.reasons.first == .badPackPassed)
    let alarm = rig.alarm(.badPackPassed)
    #expect(alarm?.message.contains("S00001") == true)
    #expect(alarm?.state == .latchedUnacknowledged)
    #expect(rig.state(1) == .inDoubt)
    rig.plc {
      $0.permitObeyed = false
      $0.inputs = []
    }
    rig.command(.release)
    #expect(!rig.permit, "not before somebody has acknowledged it")
    rig.command(.acknowledge(id: "bad_pack_passed@unit-1", occurrence: 1, comment: ""))
    rig.release()
    #expect(rig.permit)
  }

  @Test func anAcceptThatWasWithdrawnAndPassedIsABadPack() {
    var rig = Rig.running()
    #expect(rig.unit(Rig.scan("S00001")) == .accept)
    #expect(rig.unit(Rig.scan("X1")) == .notInPool)
    rig.outcome(.rejectNotSeen, unit: 2)
    #expect(rig.reasons.first == .rejectNotConfirmed)
    #expect(rig.verdict(of: 1) == .notPermitted, "withdrawn")
    rig.outcome(.passed, unit: 1)
    #expect(rig.reasons.first == .badPackPassed)
    #expect(rig.state(1) == .inDoubt)
  }

  @Test func outcomesHaveToComeWhileTheConveyorMoves() {
    var rig = Rig.running()
    #expect(rig.unit(Rig.scan("S00001")) == .accept)
    rig.wait(milliseconds: 3000)
    rig.plc { $0.inputs = [] }
    rig.wait(milliseconds: 20000)
    #expect(rig.permit, "it stands: no time passes for the outcome")
    rig.plc { $0.inputs = .conveyorMoving }
    rig.wait(milliseconds: 2001)
    #expect(!rig.permit)
    #expect(rig.alarm(.outcomeMissing)?.message.contains("S00001") == true)
    #expect(rig.state(1) == .inDoubt)
    #expect(rig.counters.inDoubt == 1)
  }

  @Test func anOutcomeOfAUnitNobodyKnowsCountsAsRejected() {
    var rig = Rig.running()
    rig.outcome(.passed, unit: 77)
    #expect(rig.reasons.first == .badPackPassed)
    #expect(
      rig.counters.units == 1 && rig.counters.rejectedBy[15] == 1 && rig.counters.inDoubt == 1)
  }

  @Test func anOutcomeReadTwiceCountsOnce() {
    var rig = Rig.running()
    _ = rig.unit(Rig.scan("S00001"))
    rig.outcome(.passed, unit: 1)
    rig.step(.plc(station: 0, .outcome(sequence: 1, unit: 1, outcome: 1)))
    #expect(rig.counters.units == 1 && rig.counters.passed == 1 && rig.permit)
  }

  @Test func aNewEpochPutsOpenUnitsInDoubt() {
    var rig = Rig.running()
    _ = rig.unit(Rig.scan("S00001"))
    rig.generation = 2
    rig.snapshot = PLCSnapshot(mapVersion: 1, epoch: 8)
    rig.link(newEpoch: true)
    #expect(rig.state(1) == .inDoubt)
    #expect(!rig.permit && rig.reasons.first == .linkLost)
    #expect(rig.line.resumePoint(station: 0) == (epoch: 8, outcome: 0))
  }

  @Test func batchCommandsWaitForTheStop() {
    var rig = Rig.running()
    for command in [LineCommand.batchStart(id: nil), .batchPause(id: nil), .batchClose(id: nil)] {
      rig.command(command)
      guard case .refused = rig.replies.last else {
        Issue.record("\(command) went through while the permit is 1")
        continue
      }
    }
    _ = rig.unit(Rig.scan("S00001"))
    rig.command(.stop(reason: "end of batch"))
    rig.command(.batchClose(id: nil))
    guard case .refused(let sentence, _) = rig.replies.last else {
      Issue.record("closed with a unit on the line")
      return
    }
    #expect(sentence.contains("no end yet"))
    rig.outcome(.passed, unit: 1)
    rig.command(.batchClose(id: nil))
    #expect(rig.line.batches[0].state == .closed)
  }

  @Test func everyStopThatAPersonOrdersIsRecorded() {
    var rig = Rig.running()
    for reason in ["first", "second", "third"] { rig.command(.stop(reason: reason)) }
    let recorded = rig.records.filter { $0.actor == "tester" && $0.code == 2 }.map(\.detail)
    #expect(recorded == ["first", "second", "third"])
  }

  @Test func afterAStorageFaultTheReplayedCoreKnowsThatAcceptsWereWithdrawn() {
    var rig = Rig.running()
    #expect(rig.unit(Rig.scan("S00001")) == .accept)
    let onDisk = rig.records
    rig.commitFails = true
    #expect(rig.unit(Rig.scan("S00002")) == .storageFault)
    #expect(rig.verdict(of: 1) == .storageFault)

    var again = Rig()
    again.line = LineController(settings: rig.line.settings)
    for record in onDisk where record.kind == .batchOpened {
      let pool = SerialPool(capacity: 100)
      for number in 0..<100 { _ = pool.add(Array(Rig.serial(number).utf8).span) }
      again.line.adopt(
        Batch(
          number: record.batch, id: record.detail, gtin: Rig.gtin, lot: "LOT1", expiry: "271231",
          poolCount: 100, serialsHash: [], pool: pool))
    }
    for record in onDisk { again.line.replay(record, wall: 0) }
    again.line.begin(detail: "test", wall: 0)
    again.line.resume(after: rig.line, now: rig.now, wall: 0)
    again.flush()
    #expect(
      again.records.contains { $0.kind == .withdrawn && $0.unit == 1 && $0.code == 16 })
    again.snapshot = rig.snapshot
    again.generation = 2
    again.link(newEpoch: false)
    #expect(again.verdict(of: 1) == .storageFault)
    again.outcome(.passed, unit: 1)
    #expect(again.alarm(.badPackPassed) != nil, "it passed after its accept was withdrawn")
  }

  /// After a restart the replayed records give the same state, at every point of a day's work.
  @Test func replayGivesTheSameState() {
    var rig = Rig.running()
    for number in 0..<30 {
      let bytes =
        number % 7 == 3 ? Array("NOREAD".utf8) : Rig.scan(Rig.serial(number % 5 == 4 ? 0 : number))
      _ = rig.unit(bytes)
      if number >= 3, let verdict = rig.verdict(of: UInt16(number - 2)) {
        rig.outcome(verdict == .accept ? .passed : .rejected, unit: UInt16(number - 2))
      }
    }
    rig.command(.stop(reason: "end"))
    let live = rig.line
    var again = LineController(settings: live.settings)
    for record in rig.records {
      if record.kind == .batchOpened {
        let pool = SerialPool(capacity: 100)
        for number in 0..<100 { _ = pool.add(Array(Rig.serial(number).utf8).span) }
        again.adopt(
          Batch(
            number: 1, id: "B1", gtin: Rig.gtin, lot: "LOT1", expiry: "271231", poolCount: 100,
            serialsHash: [], pool: pool))
      }
      again.replay(record, wall: 0)
    }
    #expect(again.status.stations[0].counters == live.status.stations[0].counters)
    #expect(again.status.stations[0].openUnits == live.status.stations[0].openUnits)
    #expect(
      again.batches[0].counts
        == live.batches[0].counts)
    #expect(again.status.alarms.map(\.id) == live.status.alarms.map(\.id))
    #expect(again.resumePoint(station: 0) == live.resumePoint(station: 0))
    for number in 0..<100 {
      let row = Int32(number)
      #expect(
        again.batches[0].pool?.word(at: row).state == live.batches[0].pool?.word(at: row).state)
    }
  }
}
