import Alarms
import Line
import Testing

/// What a broken device repeats without end is one alarm and few records; nothing of it is left uncounted.
@Suite("Devices that repeat themselves without end")
struct FloodTests {
  @Test(
    "a scanner that sends empty or torn frames without pause: strays are kept up to a bound, the rest counted",
    arguments: [[], Array("]d20109506".utf8)] as [[UInt8]])
  func scanner(frame: [UInt8]) throws {
    var rig = Rig.running()
    let sent = 50_000
    for _ in 0..<sent {
      rig.now = rig.now + Instant.Span(nanoseconds: 1_000_000)
      rig.message(frame)
    }
    rig.wait(milliseconds: 11_000)
    let kept = rig.records.count { $0.kind == .strayRead }
    let skipped = rig.records.filter { $0.kind == .strayReadsSkipped }
    // The burst, and one a second for fifty seconds.
    #expect(kept >= 1000 && kept <= 1052, "\(kept) were kept")
    #expect(kept + skipped.reduce(0) { $0 + Int($1.number) } == sent)
    #expect(skipped.count <= 6, "one record in ten seconds")
    #expect(skipped.allSatisfy { $0.detail == "camera-1" && $0.station == 0 })
    #expect(rig.records.count < 1200)
    let alarms = rig.records.filter {
      $0.kind == .alarmRaised && $0.code == AlarmKind.scannerFlooding.rawValue
    }
    #expect(alarms.count == 1)
    // It ends with the flood, and waits for somebody to have seen it.
    rig.wait(milliseconds: 11_000)
    #expect(rig.alarm(.scannerFlooding)?.state == .returned)
  }

  @Test("reads of units in a line that runs are kept, whatever came before")
  func units() {
    var rig = Rig.running()
    for _ in 0..<5000 { rig.message([0x41]) }
    rig.plc {
      $0.permitObeyed = false
      $0.inputs = []
    }
    rig.wait(milliseconds: 12_000)
    rig.release()
    #expect(rig.permit, "\(rig.refusals)")
    for number in 0..<50 {
      rig.now = rig.now + .milliseconds(100)
      #expect(rig.unit(Rig.scan(Rig.serial(number))) == .accept)
      rig.outcome(.passed, unit: rig.snapshot.lastUnit)
    }
    #expect(rig.records.count { $0.kind == .verdict && !$0.raw.isEmpty } == 50)
  }

  @Test("what was counted and not yet recorded is recorded when the daemon ends")
  func shutDown() {
    var rig = Rig.running()
    for _ in 0..<3000 { rig.message([0x41]) }
    rig.command(.shutDown)
    let kept = rig.records.count { $0.kind == .strayRead }
    let skipped = rig.records.filter { $0.kind == .strayReadsSkipped }
    #expect(kept + skipped.reduce(0) { $0 + Int($1.number) } == 3000)
    #expect(skipped.count == 1)
  }

  @Test("a PLC whose epoch changes without pause is one alarm, counted, with few occurrences")
  func epochs() throws {
    var rig = Rig.running()
    for _ in 0..<2000 {
      rig.now = rig.now + .milliseconds(10)
      rig.generation += 1
      rig.snapshot.epoch = rig.snapshot.epoch % 65_000 + 1
      rig.link(newEpoch: true)
    }
    rig.wait(milliseconds: 11_000)
    let alarms = rig.records.filter {
      $0.kind == .alarmRaised && $0.code == AlarmKind.plcRestarted.rawValue
    }
    #expect(alarms.count <= 4, "\(alarms.count)")
    #expect(rig.line.status.alarms.count { $0.kind == .plcRestarted } == 1)
    let told = alarms.dropFirst().reduce(1) { sum, record in
      sum + (record.detail.split(separator: " ").compactMap { Int($0) }.first ?? 0)
    }
    #expect(told == 2000, "\(alarms.map(\.detail))")
  }

  @Test("events lost without pause are few alarms, and every one is counted")
  func losses() {
    var rig = Rig.running()
    for _ in 0..<2000 {
      rig.now = rig.now + .milliseconds(10)
      rig.step(.eventsLost(what: "scanners", count: 7))
    }
    #expect(!rig.permit)
    rig.wait(milliseconds: 11_000)
    let alarms = rig.records.filter {
      $0.kind == .alarmRaised && $0.code == AlarmKind.eventsLost.rawValue
    }
    #expect(alarms.count <= 4)
    let told = alarms.reduce(0) { sum, record in
      sum + (record.detail.split(separator: " ").first.flatMap { Int($0) } ?? 0)
    }
    #expect(told == 14_000)
    #expect(rig.records.count { $0.kind == .trackingDoubt } <= 4)
  }

  @Test("a loss while the line runs stops it each time")
  func lossWhileRunning() {
    var rig = Rig.running()
    for round in 0..<3 {
      rig.step(.eventsLost(what: "scanners", count: 1))
      #expect(!rig.permit, "round \(round)")
      rig.plc {
        $0.permitObeyed = false
        $0.inputs = []
      }
      rig.wait(milliseconds: 1100)
      rig.release()
      #expect(rig.permit, "round \(round): \(rig.refusals)")
    }
  }

  @Test(
    "a scanner that changes or repeats itself is an alarm, and stops nothing by itself",
    arguments: [AlarmKind.scannerDrifted, .scannerRepeating])
  func odd(kind: AlarmKind) {
    var rig = Rig.running()
    rig.step(.scannerTrouble(0, kind, message: "does so"))
    #expect(rig.alarm(kind)?.message == "scanner camera-1 does so")
    #expect(rig.permit)
    rig.step(.scannerTrouble(0, kind, message: nil))
    #expect(rig.alarm(kind)?.state == .returned)
    rig.step(.scannerTrouble(0, kind, message: "does so"))
    rig.step(.scannerOffline(0, reason: "it hung up"))
    rig.step(.scannerOnline(0))
    #expect(rig.alarm(kind)?.state == .returned)
  }

  @Test("a scanner whose messages have no end is an alarm until they have, or until it comes anew")
  func unframed() {
    var rig = Rig.running()
    rig.step(.scannerTrouble(0, .scannerUnframed, message: "sends no suffix"))
    rig.step(.scannerTrouble(0, .scannerUnframed, message: "sends no suffix"))
    #expect(rig.alarm(.scannerUnframed)?.occurrence == 1)
    #expect(rig.alarm(.scannerUnframed)?.message == "scanner camera-1 sends no suffix")
    #expect(rig.permit, "its units are no-reads, and those stop the line")
    rig.step(.scannerTrouble(0, .scannerUnframed, message: nil))
    #expect(rig.alarm(.scannerUnframed)?.state == .returned)
    rig.step(.scannerTrouble(0, .scannerUnframed, message: "sends no suffix"))
    rig.step(.scannerOffline(0, reason: "it hung up"))
    rig.step(.scannerOnline(0))
    #expect(rig.alarm(.scannerUnframed)?.state == .returned)
  }

  @Test("a PLC with epoch 0 is said in a sentence of its own, before and while the line runs")
  func epochZero() {
    var rig = Rig.running()
    rig.plc { $0.epoch = 0 }
    #expect(!rig.permit)
    #expect(rig.reasons.contains(.wrongMapVersion))
    #expect(rig.alarm(.wrongMapVersion) == nil)
    #expect(rig.alarm(.epochMissing)?.message.contains("epoch 0") == true)
    #expect(
      rig.records.contains { $0.kind == .permitWithdrawn && $0.detail.contains("epoch 0") })
    rig.command(.release)
    #expect(rig.refusals.contains { $0.contains("epoch 0") })
    rig.plc { $0.mapVersion = 2 }
    #expect(rig.alarm(.epochMissing)?.causeStands == false)
    #expect(rig.alarm(.wrongMapVersion)?.message.contains("version 2") == true)
    rig.plc {
      $0.mapVersion = 1
      $0.epoch = 8
    }
    #expect(rig.alarm(.wrongMapVersion)?.causeStands == false)
  }
}
