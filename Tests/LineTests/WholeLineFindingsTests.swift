import Alarms
import Line
import Testing

/// What whole lines in virtual time found (`make sim`), each as small as it can be.
@Suite struct WholeLineFindingsTests {
  /// Seed 2770899626: a unit that triggered during a doubt, whose end a late answer of the PLC hid.
  @Test func aTriggerThatALatePollShowsIsNoUnitOfTheTimeAfterTheDoubt() {
    var rig = Rig.running()
    let asked = rig.now
    rig.message(Rig.scan("S00001"))
    rig.wait(milliseconds: 100)
    rig.plc {
      $0.permitObeyed = false
      $0.inputs = []
    }
    rig.wait(milliseconds: 1000)
    rig.release()
    #expect(rig.permit)
    rig.trigger(after: asked)
    #expect(rig.verdict(of: 1) == .trackingInDoubt)
    #expect(!rig.permit)
    // Unit 2 is not judged either, by whatever message.
    #expect(rig.unit(Rig.scan("S00002")) == .trackingInDoubt)
  }

  /// Seed 3728771542: the process stood still, a scanner that is silent by design may have been silent or not, and the
  /// message that was read first belonged to the unit before.
  @Test(arguments: [true, false]) func aLatePollGivesNoUnitTheMessageOfAnother(isEarly: Bool) {
    var station = Rig.station
    station.silentIsDoubt = false
    var rig = Rig.running(station: station)
    rig.trigger()
    rig.wait(milliseconds: 41)
    #expect(rig.verdict(of: 1) == .noRead)
    let asked = rig.now + .milliseconds(-40)
    rig.now = rig.now + .milliseconds(60)
    // Of unit 1, and of unit 2 already: who can tell?
    if isEarly { rig.message(Rig.scan("S00001")) }
    rig.now = rig.now + .milliseconds(4)
    rig.trigger(after: asked)
    if !isEarly { rig.message(Rig.scan("S00001")) }
    #expect(rig.verdict(of: 2) == .trackingInDoubt)
    #expect(rig.state(1) == .allocated)
  }

  @Test(arguments: [(0, 30, true), (20, 39, true), (40, 29, true), (40, 30, false), (69, 0, true)])
  func aMessageIsSurelyAUnitsOwnOnlyBeforeTheNextOneCanTrigger(
    pollTook: Int, messageAfter: Int, isOwn: Bool
  ) {
    // read_timeout 40 and early_read 30 ms: the next trigger comes at least 70 ms after the poll before was asked.
    var rig = Rig.running()
    let asked = rig.now
    rig.now = rig.now + .milliseconds(Int64(pollTook))
    rig.trigger(after: asked)
    rig.now = rig.now + .milliseconds(Int64(messageAfter))
    rig.message(Rig.scan("S00001"))
    #expect(rig.verdict(of: 1) == (isOwn ? .accept : .trackingInDoubt))
    #expect(rig.permit == isOwn)
  }

  @Test func aSlowScannerOnASlowBusIsWaitedForAsLongAsWasPromised() {
    var station = Rig.station
    station.readTimeout = .milliseconds(200)
    station.earlyRead = .zero
    var rig = Rig.running(station: station)
    let asked = rig.now
    rig.now = rig.now + .milliseconds(150)
    rig.trigger(after: asked)
    rig.now = rig.now + .milliseconds(199)
    rig.message(Rig.scan("S00001"))
    #expect(rig.verdict(of: 1) == .accept)
  }

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
