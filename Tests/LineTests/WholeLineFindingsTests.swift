import Alarms
import Line
import Testing

/// What whole lines in virtual time found (`make sim`), each as small as it can be.
@Suite struct WholeLineFindingsTests {
  @Test func aStopWithoutALinkLeavesNoDeadlineBehindThatTheLoopWouldSpinOn() {
    var rig = Rig.running()
    rig.command(.stop(reason: "test"))
    rig.step(.plc(station: 0, .lost(.telegramFailed)))
    rig.wait(milliseconds: 3000)
    #expect(rig.line.deadline.map { $0 > rig.now } ?? true)
  }

  @Test func aDuplicateWithoutAnEndLeavesTheSerialToItsBearer() {
    var rig = Rig.running()
    let scan = Rig.scan(Rig.serial(1))
    #expect(rig.unit(scan) == .accept)
    rig.outcome(.passed, unit: 1)
    rig.now = rig.now + .milliseconds(100)
    #expect(rig.unit(scan) == .duplicate)
    rig.snapshot = PLCSnapshot(mapVersion: 1, epoch: 8)
    rig.generation = 2
    rig.link(newEpoch: true)
    #expect(rig.counters.inDoubt == 1)
    #expect(rig.state(1) == .commissioned)
  }

  @Test func anOutcomeThatIsReadAgainIsAcknowledgedAgain() {
    var rig = Rig.running()
    #expect(rig.unit(Rig.scan(Rig.serial(1))) == .accept)
    rig.outcome(.passed, unit: 1)
    rig.step(.plc(station: 0, .lost(.telegramFailed)))
    rig.generation = 2
    rig.link(newEpoch: false)
    rig.orders = []
    rig.step(.plc(station: 0, .outcome(sequence: 1, unit: 1, outcome: 1)))
    #expect(rig.orders.contains(.recorded(generation: 2, outcome: 1)))
    #expect(rig.counters.passed == 1)
  }

  @Test func aCoreThatTakesOverRecordsNoOutcomeOfTheLinkBefore() {
    var rig = Rig.running()
    #expect(rig.unit(Rig.scan(Rig.serial(1))) == .accept)
    rig.now = rig.now + .milliseconds(100)
    #expect(rig.unit(Rig.scan(Rig.serial(2))) == .accept)
    rig.commitFails = true
    rig.outcome(.passed, unit: 1)
    // Replayed from an empty disk: which records it has does not matter here.
    var core = LineController(settings: rig.line.settings)
    core.begin(detail: "test", wall: 0)
    core.resume(after: rig.line, now: rig.now, wall: 0)
    core.step(
      .plc(station: 0, .outcome(sequence: 2, unit: 2, outcome: 1)), now: rig.now, wall: 0)
    #expect(!core.outbox.records.contains { $0.kind == .outcome })
    #expect(core.resumePoint(station: 0).outcome == 0)
  }

  @Test func aMessageOfAUnitThatNobodyWatchedIsNotTakenForTheNext() {
    var rig = Rig.running()
    rig.step(.plc(station: 0, .lost(.telegramFailed)))
    // Unit 1 triggers while the link is down; its message is late.
    rig.snapshot.lastUnit = 1
    rig.snapshot.permitObeyed = false
    rig.snapshot.inputs = []
    rig.generation = 2
    rig.link(newEpoch: false)
    rig.release()
    #expect(!rig.permit, "released before the line was proven in step")
    rig.message(Rig.scan(Rig.serial(1)))
    rig.now = rig.now + .milliseconds(5)
    rig.trigger()
    #expect(rig.verdict(of: 2) != .accept)
    rig.plc {
      $0.permitObeyed = false
      $0.inputs = []
    }
    rig.wait(milliseconds: 1001)
    rig.release()
    #expect(rig.permit)
  }

  @Test func doubtThatComesWhileTheLineCoastsWithdrawsAcceptsToo() {
    var rig = Rig.running()
    #expect(rig.unit(Rig.scan(Rig.serial(1))) == .accept)
    rig.command(.stop(reason: "test"))
    rig.now = rig.now + .milliseconds(100)
    rig.message(Rig.scan(Rig.serial(2)))
    rig.wait(milliseconds: 40)
    #expect(rig.verdict(of: 1) == .trackingInDoubt)
  }

  @Test func twoMessagesInOneReadLetNoAcceptGoOut() {
    var rig = Rig.running()
    rig.trigger()
    rig.now = rig.now + .milliseconds(5)
    // A scanner that held a message back sends it in front of the next: both come before anything was committed.
    rig.line.step(
      .message(scanner: 0, bytes: Rig.scan(Rig.serial(1))), now: rig.now, wall: 0)
    rig.message(Rig.scan(Rig.serial(2)))
    #expect(!rig.orders.contains(.verdict(generation: 1, unit: 1, .accept)))
    #expect(rig.verdict(of: 1) == .trackingInDoubt)
    #expect(rig.reasons.contains(.trackingInDoubt))
  }

  @Test func withoutOutcomesALostLinkLeavesNoUnitOpenForEver() {
    var station = Rig.station
    station.gateOutcomes = false
    var rig = Rig.running(station: station)
    #expect(rig.unit(Rig.scan(Rig.serial(1))) == .accept)
    rig.step(.plc(station: 0, .lost(.telegramFailed)))
    rig.generation = 2
    rig.link(newEpoch: false)
    // Nobody knows whether the accept was taken, and no outcome will ever tell.
    #expect(rig.state(1) == .inDoubt)
    #expect(rig.line.status.stations[0].openUnits == 0 && rig.counters.inDoubt == 1)
    // The link read it in its own ring.
    rig.step(.plc(station: 0, .taken(unit: 1, verdict: 1)))
    #expect(rig.state(1) == .commissioned)
    #expect(rig.counters.inDoubt == 0 && rig.counters.passed == 1)
  }
}
