import Alarms
import Testing

@testable import Line

@Suite("Challenge test")
struct ChallengeTests {
  static let noRead = Array("NOREAD".utf8)

  /// A line whose batch is started and which stands, with one pack commissioned if it may.
  private func line(_ challenge: LineSettings.Challenge = .init(), released: Bool = true) -> Rig {
    var rig = Rig(challenge: challenge)
    rig.step(.scannerOnline(0))
    rig.link(newEpoch: true)
    rig.openBatch(serials: 100)
    rig.command(.batchStart(id: nil))
    if released { rig.release() }
    return rig
  }

  private func commission(_ rig: inout Rig, _ number: Int) {
    #expect(rig.unit(Rig.scan(Rig.serial(number))) == .accept)
    rig.outcome(.passed, unit: rig.snapshot.lastUnit)
  }

  private func start(_ rig: inout Rig) {
    rig.command(.challengeStart(station: "unit-1"))
  }

  private func send(_ rig: inout Rig, _ scan: [UInt8], _ outcome: Outcome = .rejected) -> Verdict? {
    let verdict = rig.unit(scan)
    rig.outcome(outcome, unit: rig.snapshot.lastUnit)
    return verdict
  }

  private func ended(_ rig: Rig) -> ChallengeResult? {
    rig.records.last { $0.kind == .challengeEnded }.flatMap { ChallengeResult(rawValue: $0.code) }
  }

  private static let good: [(verdict: Verdict, scan: [UInt8])] = [
    (.noRead, noRead), (.duplicate, Rig.scan(Rig.serial(0))),
    (.wrongLot, Rig.scan(Rig.serial(1), lot: "LOT2")), (.notInPool, Rig.scan("S99999")),
  ]

  @Test("four bad packs, each rejected and seen, pass the test; serials and limits stay untouched")
  func passes() {
    var rig = line()
    commission(&rig, 0)
    start(&rig)
    #expect(rig.permit)
    for (verdict, scan) in Self.good {
      #expect(ended(rig) == nil)
      #expect(send(&rig, scan) == verdict)
    }
    #expect(ended(rig) == .passed)
    #expect(rig.records.last { $0.kind == .challengeEnded }?.actor == "tester")
    #expect(rig.state(0) == .commissioned && rig.state(1) == .allocated)
    // Four rejects in a row were no reason to stop, and production goes on without a new release.
    #expect(rig.permit)
    commission(&rig, 2)
    #expect(rig.records.filter { $0.kind == .verdict && $0.number == 1 }.count == 4)
  }

  @Test("any number of challenge packs breaks no limit, whatever their order")
  func limits() {
    var rig = line()
    start(&rig)
    for _ in 0..<20 { #expect(send(&rig, Self.noRead) == .noRead) }
    #expect(rig.permit)
    #expect(ended(rig) == nil)
  }

  @Test("no pack passes while a test runs; a good one is rejected by 12 and may come again")
  func goodPack() {
    var rig = line()
    start(&rig)
    #expect(send(&rig, Rig.scan(Rig.serial(5))) == .notPermitted)
    #expect(rig.state(5) == .allocated)
    rig.command(.challengeCancel(station: "unit-1", reason: "enough"))
    #expect(ended(rig) == .cancelled)
    commission(&rig, 5)
  }

  @Test(
    "a challenge pack that is not rejected and seen fails the test and stops the line until one is passed",
    arguments: [Outcome.passed, .rejectNotSeen, .lost])
  func fails(_ outcome: Outcome) {
    var rig = line()
    start(&rig)
    #expect(send(&rig, Self.noRead, outcome) == .noRead)
    #expect(ended(rig) == .failed)
    #expect(!rig.permit)
    #expect(rig.reasons.contains(.challengeDue))
    #expect(rig.alarm(.challengeFailed)?.message.contains("no read") == true)
    #expect((rig.alarm(.badPackPassed) != nil) == (outcome == .passed))

    rig.plc {
      $0.permitObeyed = false; $0.inputs = []
    }
    if let alarm = rig.alarm(.badPackPassed) {
      rig.command(.acknowledge(id: alarm.id, occurrence: alarm.occurrence, comment: ""))
    }
    rig.command(.release)
    #expect(rig.refusals.contains { $0.contains("challenge test failed") })
    start(&rig)
    rig.release()
    #expect(rig.permit)
    for (_, scan) in Self.good where scan != Rig.scan(Rig.serial(0)) { _ = send(&rig, scan) }
    #expect(ended(rig) == .failed)
  }

  @Test(
    "a pack that shows nothing of the gate does not count, and may be sent again",
    arguments: [Outcome.takenByHand, .noVerdictInTime])
  func showsNothing(_ outcome: Outcome) {
    var rig = line(.init(packs: [.noRead]))
    start(&rig)
    _ = send(&rig, Self.noRead, outcome)
    #expect(ended(rig) == nil)
    _ = send(&rig, Self.noRead)
    #expect(ended(rig) == .passed)
  }

  @Test("a unit accepted before the test is no pack of it")
  func before() {
    var rig = line(.init(packs: [.noRead]))
    #expect(rig.unit(Rig.scan(Rig.serial(0))) == .accept)
    start(&rig)
    rig.outcome(.passed, unit: rig.snapshot.lastUnit)
    #expect(rig.state(0) == .commissioned)
    #expect(ended(rig) == nil)
  }

  @Test("what has not come in time fails, and the missing packs are named")
  func timeout() {
    var rig = line(.init(timeout: .milliseconds(60_000)))
    start(&rig)
    _ = send(&rig, Self.noRead)
    rig.now = rig.now + .milliseconds(59_000)
    rig.step(.tick)
    #expect(ended(rig) == nil)
    rig.now = rig.now + .milliseconds(1_000)
    rig.step(.tick)
    #expect(ended(rig) == .failed)
    #expect(rig.alarm(.challengeFailed)?.message.contains("duplicate serial") == true)
    #expect(rig.alarm(.challengeFailed)?.message.contains("no read") == false)
    #expect(!rig.permit)
  }

  @Test("after a batch start no release without a test, and one that is passed lets production run")
  func afterBatchStart() {
    var rig = line(.init(packs: [.noRead], afterBatchStart: true), released: false)
    rig.command(.release)
    #expect(rig.refusals.contains { $0.contains("each start of a batch needs a challenge test") })
    #expect(rig.reasons.contains(.challengeDue))
    start(&rig)
    rig.release()
    #expect(rig.permit)
    _ = send(&rig, Self.noRead)
    #expect(ended(rig) == .passed)
    commission(&rig, 0)
    rig.command(.stop(reason: "break"))
    rig.plc {
      $0.permitObeyed = false; $0.inputs = []
    }
    rig.command(.batchPause(id: nil))
    rig.command(.batchStart(id: nil))
    rig.command(.release)
    #expect(!rig.permit)
  }

  @Test("every N hours: a warning first, then the line stops; a clock set back is no grace")
  func everyHours() {
    var rig = line(.init(packs: [.noRead], everyHours: 8), released: false)
    start(&rig)
    rig.release()
    _ = send(&rig, Self.noRead)
    #expect(ended(rig) == .passed)
    let passed = rig.now
    rig.now = passed + .milliseconds(8 * 3_600_000 - 15 * 60_000 - 1000)
    rig.step(.tick)
    #expect(rig.alarm(.challengeDue) == nil)
    rig.now = rig.now + .milliseconds(1500)
    rig.step(.tick)
    #expect(rig.alarm(.challengeDue)?.message.contains("due in 14 minutes") == true)
    #expect(rig.permit)
    rig.now = passed + .milliseconds(8 * 3_600_000)
    rig.step(.tick)
    #expect(!rig.permit)
    #expect(rig.reasons.contains(.challengeDue))
    start(&rig)
    rig.plc {
      $0.permitObeyed = false; $0.inputs = []
    }
    rig.release()
    _ = send(&rig, Self.noRead)
    #expect(rig.permit && rig.alarm(.challengeDue)?.causeStands == false)
    // The wall clock goes back by a day.
    rig.line.step(.tick, now: rig.now, wall: rig.now.nanoseconds / 1_000_000 - 86_400_000)
    rig.flush()
    #expect(!rig.permit)
  }

  @Test("it is refused where it can show nothing")
  func refusals() {
    var rig = Rig(
      station: StationSettings(name: "unit-1", plc: "plc-1", scanners: [0], gateOutcomes: false))
    start(&rig)
    guard case .refused(let sentence, _) = rig.replies.last else {
      Issue.record("\(String(describing: rig.replies.last))")
      return
    }
    #expect(sentence.contains("no gate"))
    rig.command(.challengeStart(station: "unit-9"))
    guard case .unknown = rig.replies.last else {
      Issue.record("\(String(describing: rig.replies.last))")
      return
    }
    var idle = Rig()
    start(&idle)
    guard case .refused(let noBatch, _) = idle.replies.last else {
      Issue.record("\(String(describing: idle.replies.last))")
      return
    }
    #expect(noBatch.contains("no batch"))
    var twice = line()
    start(&twice)
    start(&twice)
    guard case .refused(let running, _) = twice.replies.last else {
      Issue.record("\(String(describing: twice.replies.last))")
      return
    }
    #expect(running.contains("running there"))
  }

  @Test("a restart ends a test that ran, keeps one that was passed, and keeps one that failed")
  func restart() {
    for (script, expected) in [
      ([Outcome](), ChallengeResult.cancelled), ([.rejected], .passed), ([.passed], .failed),
    ] {
      var rig = line(.init(packs: [.noRead], everyHours: 1), released: false)
      start(&rig)
      rig.release()
      for outcome in script { _ = send(&rig, Self.noRead, outcome) }
      var core = LineController(settings: rig.line.settings)
      for record in rig.records {
        if record.kind == .batchOpened {
          let pool = SerialPool(capacity: 100)
          for number in 0..<100 { _ = pool.add(Array(Rig.serial(number).utf8).span) }
          core.adopt(
            Batch(
              number: 1, id: "B1", gtin: Rig.gtin, lot: "LOT1", expiry: "271231", poolCount: 100,
              serialsHash: [], pool: pool))
        }
        core.replay(record, wall: rig.now.nanoseconds / 1_000_000)
      }
      core.begin(detail: "again", wall: rig.now.nanoseconds / 1_000_000)
      let records = core.outbox.records
      #expect((records.last { $0.kind == .challengeEnded } != nil) == (expected == .cancelled))
      let challenge = core.status.stations[0].challenge
      #expect(challenge?.isRunning == false)
      #expect((challenge?.passedAt != nil) == (expected == .passed))
      #expect((challenge?.due == nil) == (expected == .passed))
    }
  }

  @Test("a replay of the records gives the same verdicts and ends")
  func replay() {
    var rig = line(.init(packs: [.noRead, .duplicate], timeout: .milliseconds(60_000)))
    commission(&rig, 0)
    start(&rig)
    _ = send(&rig, Self.noRead)
    _ = send(&rig, Rig.scan(Rig.serial(7)))
    _ = send(&rig, Rig.scan(Rig.serial(0)))
    #expect(ended(rig) == .passed)
    commission(&rig, 1)
    start(&rig)
    _ = send(&rig, Self.noRead, .rejectNotSeen)
    #expect(ended(rig) == .failed)
    rig.plc {
      $0.permitObeyed = false; $0.inputs = []
    }
    start(&rig)
    rig.release()
    rig.now = rig.now + .milliseconds(60_000)
    rig.step(.tick)
    #expect(ended(rig) == .failed)

    var replay = LineReplay()
    replay.take(settings: rig.line.settings)
    for record in rig.records {
      if record.kind == .batchOpened {
        let pool = SerialPool(capacity: 100)
        for number in 0..<100 { _ = pool.add(Array(Rig.serial(number).utf8).span) }
        let wrong = replay.take(
          batch: Batch(
            number: 1, id: "B1", gtin: Rig.gtin, lot: "LOT1", expiry: "271231", poolCount: 100,
            serialsHash: [], pool: pool))
        #expect(wrong == nil)
      }
      let wrong = replay.take(record, now: rig.now, wall: 0)
      #expect(wrong == nil)
      if record.kind == .started { replay.take(settings: rig.line.settings) }
    }
    #expect(replay.finish() == nil)
    #expect(replay.verdicts == 6)
  }
}
