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
}
