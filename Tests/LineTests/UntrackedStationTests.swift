import Line
import Testing

/// `tracking = "none"`: each message is a unit, and there is no gate.
@Suite struct UntrackedStationTests {
  static let station = StationSettings(
    name: "unit-1", plc: "plc-1", scanners: [0], tracksTriggers: false, gateOutcomes: false)

  @Test func aGoodMessageCommissionsItsSerialOnce() {
    var rig = Rig.running(station: UntrackedStationTests.station)
    rig.message(Rig.scan("S00001"))
    #expect(rig.state(1) == .commissioned)
    rig.message(Rig.scan("S00001"))
    #expect(rig.records.last { $0.kind == .verdict }?.code == Verdict.duplicate.rawValue)
    #expect(rig.counters.units == 2)
    #expect(rig.counters.passed == 1)
    #expect(rig.state(1) == .commissioned)
  }

  @Test func noVerdictGoesToThePLCAndNothingIsInDoubt() {
    var rig = Rig.running(station: UntrackedStationTests.station)
    for number in 0..<5 {
      rig.message(Rig.scan(Rig.serial(number)))
      rig.trigger()
      rig.wait(milliseconds: 50)
    }
    let verdicts = rig.orders.filter { order in
      if case .verdict = order { return true }
      return false
    }
    #expect(verdicts.isEmpty)
    #expect(rig.permit)
    #expect(rig.counters.inDoubt == 0)
  }

  @Test func aMessageWithoutABatchIsRecordedAndPassesNothing() {
    var rig = Rig(station: UntrackedStationTests.station)
    rig.step(.scannerOnline(0))
    rig.link(newEpoch: true)
    rig.message(Rig.scan("S00001"))
    #expect(rig.records.last?.code == Verdict.notPermitted.rawValue)
    #expect(rig.counters.passed == 0)
  }
}
