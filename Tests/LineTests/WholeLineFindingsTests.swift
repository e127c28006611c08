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
}
