import Alarms
import Line
import Testing

/// Clock and disk are told, and stop nothing.
@Suite("What the machine around the line does")
struct SurroundingsTests {
  @Test(
    "a cause that stands is one alarm, and ends with it",
    arguments: [
      AlarmKind.diskSpaceLow, .diskFilling, .headNotKept,
    ])
  func lasting(kind: AlarmKind) {
    var rig = Rig.running()
    for _ in 0..<3 { rig.step(.surroundings(kind, stands: true, message: "so it is")) }
    #expect(rig.alarm(kind)?.occurrence == 1 && rig.alarm(kind)?.state == .unacknowledged)
    #expect(rig.permit)
    rig.command(.acknowledge(id: kind.word, occurrence: 1, comment: ""))
    rig.step(.surroundings(kind, stands: false, message: ""))
    #expect(rig.alarm(kind) == nil)
    rig.step(.surroundings(kind, stands: false, message: ""))
    #expect(rig.records.count { $0.kind == .alarmReturned } == 1)
  }

  @Test(
    "each step of the clock is an occurrence of its own, on record, and waits for an acknowledgement"
  )
  func steps() {
    var rig = Rig.running()
    for _ in 0..<2 {
      rig.step(.surroundings(.clockStepped, stands: true, message: "set back by 1.000 s"))
    }
    #expect(rig.alarm(.clockStepped)?.occurrence == 2)
    #expect(rig.alarm(.clockStepped)?.state == .returned)
    #expect(rig.records.count { $0.kind == .alarmRaised } == 2)
    #expect(rig.permit)
  }
}
