import Alarms
import Line
import Testing

/// Trigger tracking: a message is never taken for a unit that is not its own.
@Suite struct TrackingTests {
  @Test func aMessageMayComeALittleBeforeItsTrigger() {
    var rig = Rig.running()
    rig.message(Rig.scan("S00001"))
    rig.wait(milliseconds: 29)
    rig.trigger()
    #expect(rig.verdict(of: 1) == .accept)
    #expect(rig.permit)
  }

  @Test func aMessageWithoutTriggerIsDoubt() {
    var rig = Rig.running()
    rig.message(Rig.scan("S00001"))
    rig.wait(milliseconds: 31)
    #expect(!rig.permit)
    #expect(rig.reasons.first == .trackingInDoubt)
    #expect(rig.alarm(.trackingInDoubt)?.state == .unacknowledged)
    #expect(rig.records.contains { $0.kind == .strayRead && $0.raw == Rig.scan("S00001") })
    #expect(rig.state(1) == .allocated)
  }

  @Test func aSecondTriggerRejectsBoth() {
    var rig = Rig.running()
    rig.trigger()
    rig.trigger()
    #expect(rig.verdict(of: 1) == .trackingInDoubt)
    #expect(rig.verdict(of: 2) == .trackingInDoubt)
    #expect(!rig.permit)
  }

  @Test func aSecondMessageRejectsWhatFollows() {
    var rig = Rig.running()
    #expect(rig.unit(Rig.scan("S00001")) == .accept)
    rig.message(Rig.scan("S00002"))
    rig.message(Rig.scan("S00003"))
    #expect(!rig.permit)
    #expect(rig.verdict(of: 1) == .trackingInDoubt, "the accept without an end is withdrawn")
    #expect(rig.unit(Rig.scan("S00004")) == .trackingInDoubt)
  }

  @Test func aSilentScannerIsANoReadAndDoubtForAllThatFollow() {
    var rig = Rig.running()
    rig.trigger()
    rig.wait(milliseconds: 41)
    #expect(rig.verdict(of: 1) == .noRead)
    #expect(!rig.permit)
    #expect(rig.unit(Rig.scan("S00002")) == .trackingInDoubt)
  }

  @Test func aScannerSilentByDesignGivesOnlyANoRead() {
    var station = Rig.station
    station.silentIsDoubt = false
    var rig = Rig.running(station: station)
    rig.trigger()
    rig.wait(milliseconds: 41)
    #expect(rig.verdict(of: 1) == .noRead)
    #expect(rig.permit)
    #expect(rig.unit(Rig.scan("S00002")) == .accept)
  }

  @Test(arguments: [2, 3, 15])
  func aStepOfSeveralUnitsRejectsThemAll(steps: UInt16) {
    var rig = Rig.running()
    rig.plc { $0.lastUnit += steps }
    for unit in 1...steps { #expect(rig.verdict(of: unit) == .trackingInDoubt, "unit \(unit)") }
    #expect(rig.counters.units == Int(steps))
    #expect(!rig.permit)
  }

  @Test func aLeapOfTheUnitNumberRejectsTheLast() {
    var rig = Rig.running()
    rig.plc { $0.lastUnit = 40000 }
    #expect(rig.verdict(of: 40000) == .trackingInDoubt)
    #expect(rig.counters.units == 1)
  }

  @Test func unitNumbersWrapWithoutDoubt() {
    var rig = Rig()
    rig.snapshot.lastUnit = Counter.max - 1
    rig.step(.scannerOnline(0))
    rig.link(newEpoch: true)
    rig.openBatch(serials: 10)
    rig.command(.batchStart(id: nil))
    // Nobody knows when that last unit triggered.
    rig.wait(milliseconds: 1001)
    rig.release()
    #expect(rig.unit(Rig.scan("S00001")) == .accept)
    #expect(rig.snapshot.lastUnit == Counter.max)
    #expect(rig.unit(Rig.scan("S00002")) == .accept)
    #expect(rig.snapshot.lastUnit == 1)
    #expect(rig.permit)
  }

  @Test func onlyQuietPutsTheLineInStepAgain() {
    var rig = Rig.running()
    rig.trigger()
    rig.trigger()
    rig.outcome(.noVerdictInTime, unit: 1)
    rig.outcome(.noVerdictInTime, unit: 2)
    rig.plc {
      $0.permitObeyed = false
      $0.inputs = []
    }
    rig.wait(milliseconds: 900)
    rig.message(Rig.scan("S00009"))
    rig.wait(milliseconds: 900)
    rig.command(.release)
    guard case .refused(_, let causes) = rig.replies.last else {
      Issue.record("released in doubt: \(String(describing: rig.replies.last))")
      return
    }
    #expect(causes.contains { $0.contains("tracking in doubt") })
    rig.wait(milliseconds: 150)
    rig.release()
    #expect(rig.permit)
    #expect(rig.unit(Rig.scan("S00001")) == .accept)
  }

  /// Sweeps message delay × pitch × phase: never the neighbour's verdict.
  @Test func noDelayShiftsVerdictsByOne() {
    for pitch in [45, 60, 75, 100] {
      for delay in stride(from: -40, through: 160, by: 5) {
        var rig = Rig.running()
        var moments: [(at: Int, unit: Int?, serial: Int?)] = []
        for number in 1...12 {
          moments.append((at: 100 + number * pitch, unit: number, serial: nil))
          moments.append((at: 100 + number * pitch + delay, unit: nil, serial: number))
        }
        moments.sort { $0.at < $1.at }
        var time = 0
        for moment in moments {
          rig.wait(milliseconds: moment.at - time)
          time = moment.at
          if let unit = moment.unit { rig.plc { $0.lastUnit = UInt16(unit) } }
          if let serial = moment.serial { rig.message(Rig.scan(Rig.serial(serial))) }
        }
        for record in rig.records where record.kind == .verdict && record.code == 1 {
          #expect(
            record.raw == Rig.scan(Rig.serial(Int(record.unit))),
            "pitch \(pitch) ms, delay \(delay) ms, unit \(record.unit)")
        }
      }
    }
  }
}
