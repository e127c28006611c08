import Alarms
import Testing

@testable import Line

/// `verdict_deadline_ms`: an accept that would come too late is not sent.
@Suite struct VerdictDeadlineTests {
  private static let deadline = Instant.Span.milliseconds(100)

  private static func rig(_ deadline: Instant.Span? = deadline) -> Rig {
    var station = Rig.station
    station.readTimeout = .milliseconds(400)
    station.verdictDeadline = deadline
    return Rig.running(station: station)
  }

  /// A unit whose message comes at once and whose record is on disk so many milliseconds after its trigger.
  private static func unit(_ rig: inout Rig, onDiskAfter milliseconds: Int64) {
    rig.trigger()
    let triggered = rig.now
    rig.line.step(
      .message(scanner: 0, bytes: Rig.scan(Rig.serial(1))), now: rig.now, wall: 0)
    rig.now = triggered + .milliseconds(milliseconds)
    rig.flush()
  }

  @Test("an accept whose record is on disk before its deadline goes out and bears the deadline")
  func inTime() {
    var rig = Self.rig()
    let triggered = rig.now
    Self.unit(&rig, onDiskAfter: 99)
    #expect(
      rig.orders.last
        == .verdict(generation: 1, unit: 1, .accept, due: triggered + Self.deadline))
    #expect(rig.alarm(.acceptLate) == nil)
  }

  @Test(
    "one whose record took longer is never sent: the unit is rejected, and the alarm names it",
    arguments: [100, 101, 3000] as [Int64])
  func tooLate(milliseconds: Int64) {
    var rig = Self.rig()
    Self.unit(&rig, onDiskAfter: milliseconds)
    #expect(rig.verdict(of: 1) == .trackingInDoubt)
    #expect(
      !rig.orders.contains {
        if case .verdict(_, 1, .accept, _) = $0 { return true }
        return false
      })
    #expect(
      rig.alarm(.acceptLate)?.message
        == "the accept of unit 1 could not leave within 100 ms after its trigger and was not sent; "
        + "the pack is rejected")
    #expect(rig.permit, "one slow verdict rejects one pack and stops nothing")
    #expect(rig.records.contains { $0.kind == .withdrawn && $0.unit == 1 && $0.code == 15 })
    #expect(rig.counters.accepted == 0 && rig.counters.rejectedBy[15] == 1)
    rig.outcome(.rejected, unit: 1)
    #expect(rig.state(1) == .inactive)
  }

  @Test("the deadline runs from the trigger, not from the message")
  func fromTheTrigger() {
    var rig = Self.rig()
    rig.trigger()
    rig.now = rig.now + .milliseconds(99)
    rig.message(Rig.scan(Rig.serial(1)))
    #expect(rig.verdict(of: 1) == .accept)
    rig.trigger()
    rig.now = rig.now + .milliseconds(100)
    rig.message(Rig.scan(Rig.serial(2)))
    #expect(rig.verdict(of: 2) == .trackingInDoubt)
  }

  @Test("a message before its trigger does not shorten it")
  func earlyMessage() {
    var rig = Self.rig()
    rig.message(Rig.scan(Rig.serial(1)))
    rig.now = rig.now + .milliseconds(20)
    let triggered = rig.now
    rig.trigger()
    #expect(
      rig.orders.last
        == .verdict(generation: 1, unit: 1, .accept, due: triggered + Self.deadline))
  }

  @Test("without a deadline an accept goes out however late, and a reject always does")
  func withoutDeadline() {
    var rig = Self.rig(nil)
    Self.unit(&rig, onDiskAfter: 5000)
    #expect(rig.orders.last == .verdict(generation: 1, unit: 1, .accept))
    rig = Self.rig()
    rig.trigger()
    rig.now = rig.now + .milliseconds(300)
    rig.message(Rig.scan(Rig.serial(1), lot: "LOT2"))
    #expect(rig.verdict(of: 1) == .wrongLot)
  }

  @Test("what the link could not send in time is withdrawn, once, and only while the accept stands")
  func lateInTheLink() {
    var rig = Self.rig()
    Self.unit(&rig, onDiskAfter: 1)
    rig.step(.plc(station: 0, .acceptLate(unit: 1)))
    rig.step(.plc(station: 0, .acceptLate(unit: 1)))
    rig.step(.plc(station: 0, .acceptLate(unit: 99)))
    #expect(rig.records.count { $0.kind == .withdrawn } == 1)
    #expect(rig.verdict(of: 1) == .trackingInDoubt)
    #expect(rig.alarm(.acceptLate)?.occurrence == 1)
  }

  @Test("a reload changes the deadline of the units to come")
  func reload() {
    var rig = Self.rig()
    var settings = rig.line.settings
    settings.stations[0].verdictDeadline = .milliseconds(10)
    rig.command(.reload(settings, detail: "", recorded: []))
    Self.unit(&rig, onDiskAfter: 11)
    #expect(rig.verdict(of: 1) == .trackingInDoubt)
  }
}
