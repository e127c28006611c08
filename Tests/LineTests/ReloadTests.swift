import Line
import Testing

/// A configuration loaded anew while the line stands or runs.
@Suite struct ReloadTests {
  static func settings(
    limits: LineSettings.Limits = .init(), station: StationSettings = Rig.station
  ) -> LineSettings {
    LineSettings(
      line: "L01", scanners: [ScannerSettings(name: "camera-1")], stations: [station],
      limits: limits)
  }

  @Test func newLimitsCountFromTheNextUnitOn() {
    var rig = Rig.running()
    rig.command(.reload(ReloadTests.settings(limits: .init(consecutiveRejects: 2)), detail: "f"))
    #expect(rig.replies.last == .done("configuration loaded anew"))
    #expect(rig.permit, "a reload does not stop the line")
    _ = rig.unit(Rig.scan("X1"))
    rig.wait(milliseconds: 100)
    #expect(rig.permit)
    _ = rig.unit(Rig.scan("X2"))
    #expect(rig.reasons.first == .limitExceeded)
  }

  /// A message is taken apart when it comes, and judged when its trigger is there.
  @Test func aReloadBetweenAMessageAndItsTriggerHoldsForIt() {
    var settings = ReloadTests.settings()
    settings.scanners[0].noReads = [Rig.scan("S00001")]
    for isReloaded in [false, true] {
      var rig = Rig.running()
      rig.message(Rig.scan("S00001"))
      if isReloaded { rig.command(.reload(settings, detail: "f")) }
      rig.trigger()
      #expect(rig.verdict(of: rig.snapshot.lastUnit) == (isReloaded ? .noRead : .accept))
    }
  }

  @Test func aCoreMadeAfterAStorageFaultGoesByWhatWasLoadedLast() {
    var rig = Rig.running()
    var station = Rig.station
    station.quiet = .milliseconds(300)
    rig.command(
      .reload(
        ReloadTests.settings(limits: .init(consecutiveRejects: 2), station: station), detail: "f"))
    rig.commitFails = true
    _ = rig.unit(Rig.scan("S00001"))
    var again = Rig()
    again.line.resume(after: rig.line, now: rig.now, wall: 0)
    again.now = rig.now
    again.step(.scannerOnline(0))
    again.link(newEpoch: true)
    again.message(Rig.scan("S00001"))
    again.wait(milliseconds: 40)
    again.command(.release)
    guard case .refused(_, let causes) = again.replies.last else {
      Issue.record("\(again.replies)")
      return
    }
    #expect(causes.contains { $0.contains("quiet for 300 ms") }, "\(causes)")
    again.wait(milliseconds: 301)
    again.openBatch(serials: 10, id: "B2")
    again.command(.batchStart(id: nil))
    again.release()
    #expect(again.permit, "\(again.replies)")
    _ = again.unit(Rig.scan("X1"))
    _ = again.unit(Rig.scan("X2"))
    #expect(again.reasons.first == .limitExceeded)
  }

  @Test func anotherStationIsRefused() {
    var rig = Rig.running()
    var station = Rig.station
    station.slots = 32
    rig.command(.reload(ReloadTests.settings(station: station), detail: "f"))
    guard case .refused = rig.replies.last else {
      Issue.record("\(rig.replies)")
      return
    }
    #expect(rig.line.settings.stations == [Rig.station])
  }
}
