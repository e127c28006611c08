import Alarms
import Line
import Testing

/// Alarms in the core: delays, shelving, chattering, floods, and what none of it changes.
@Suite("Alarms of a line, in virtual time")
struct AlarmLifeTests {
  static let minute = Instant.Span.milliseconds(60_000)

  static func guardOpens(_ rig: inout Rig) { rig.plc { $0.inputs.insert(.guardOrEmergencyStop) } }
  static func guardCloses(_ rig: inout Rig) { rig.plc { $0.inputs.remove(.guardOrEmergencyStop) } }

  // MARK: Delays

  @Test("a cause has to stand for its on-delay; one that goes before raises nothing")
  func onDelay() {
    var rig = Rig.running()
    rig.step(.surroundings(.clockNotSynchronised, stands: true, message: "lost"))
    rig.pass(minutes: 4)
    rig.step(.surroundings(.clockNotSynchronised, stands: false, message: ""))
    rig.pass(minutes: 4)
    #expect(rig.records.count { $0.kind == .alarmRaised } == 0)
    rig.step(.surroundings(.clockNotSynchronised, stands: true, message: "lost again"))
    #expect(
      rig.line.deadline == rig.now + Instant.Span(.seconds(300)), "the core wants to be woken")
    rig.now = rig.now + Instant.Span(.seconds(299))
    rig.step(.tick)
    #expect(rig.alarm(.clockNotSynchronised) == nil)
    rig.now = rig.now + Instant.Span(.seconds(1))
    rig.step(.tick)
    #expect(rig.alarm(.clockNotSynchronised)?.message == "lost again")
  }

  @Test("a cause has to be gone for its off-delay; a contact that bounces is one alarm")
  func offDelay() {
    var rig = Rig.running()
    Self.guardOpens(&rig)
    #expect(!rig.permit, "the stop waits for nothing")
    for _ in 0..<50 {
      rig.wait(milliseconds: 10)
      Self.guardCloses(&rig)
      rig.wait(milliseconds: 10)
      Self.guardOpens(&rig)
    }
    Self.guardCloses(&rig)
    rig.wait(milliseconds: 1999)
    #expect(rig.alarm(.machineNotReady)?.causeStands == true)
    rig.wait(milliseconds: 1)
    #expect(rig.alarm(.machineNotReady)?.causeStands == false)
    #expect(rig.count(.alarmRaised, .machineNotReady) == 1)
    #expect(rig.count(.alarmReturned, .machineNotReady) == 1)
  }

  @Test("a line that was released and stopped again within an off-delay has a new occurrence")
  func stopWithinOffDelay() {
    var rig = Rig.running()
    Self.guardOpens(&rig)
    rig.plc {
      $0.permitObeyed = false
      $0.inputs = []
    }
    rig.release()
    #expect(rig.permit, "\(rig.refusals)")
    Self.guardOpens(&rig)
    #expect(!rig.permit)
    #expect(rig.alarm(.machineNotReady)?.occurrence == 2)
  }

  // MARK: Suppressed by design

  @Test("what is to be expected while the line stands calls nobody, and does after a release")
  func suppressed() {
    var rig = Rig.running()
    rig.command(.stop(reason: "break"))
    Self.guardOpens(&rig)
    #expect(rig.alarm(.machineNotReady)?.state == .suppressed)
    #expect(rig.line.status.unacknowledged == 0 && rig.line.status.activeAlarms == 0)
    #expect(rig.line.status.setAside == 1)
    rig.plc { $0.permitObeyed = false }
    rig.command(.release)
    #expect(
      rig.refusals.contains { $0.contains("guard open") },
      "the cause does what it does: \(rig.refusals)")
    Self.guardCloses(&rig)
    rig.wait(milliseconds: 2000)
    #expect(rig.alarm(.machineNotReady) == nil, "nobody was called, so nobody has to acknowledge")
  }

  @Test("the same cause while the line runs is shown, and stays shown when it stands by it")
  func notSuppressed() {
    var rig = Rig.running()
    Self.guardOpens(&rig)
    #expect(!rig.permit)
    #expect(rig.alarm(.machineNotReady)?.state == .unacknowledged)
  }

  @Test("a suppressed alarm whose cause outlasts the release is shown from there on")
  func suppressionEnds() {
    var rig = Rig.running()
    rig.command(.stop(reason: "break"))
    rig.step(.scannerTrouble(0, .scannerRepeating, message: "sends one code for ever"))
    #expect(rig.alarm(.scannerRepeating)?.state == .suppressed)
    rig.plc {
      $0.permitObeyed = false
      $0.inputs = []
    }
    rig.release()
    #expect(rig.permit, "\(rig.refusals)")
    #expect(rig.alarm(.scannerRepeating)?.state == .unacknowledged)
  }

  // MARK: Shelving and service

  @Test("a shelved alarm calls nobody, ends by itself, and shows its state again")
  func shelving() {
    var rig = Rig.running()
    rig.step(.scannerTrouble(0, .scannerDrifted, message: "does so"))
    rig.command(.shelve(id: "scanner_drifted@camera-1", minutes: 30, reason: "known"))
    #expect(rig.alarm(.scannerDrifted)?.state == .shelved)
    #expect(rig.line.status.unacknowledged == 0)
    let record = rig.records.last { $0.kind == .alarmShelved }
    #expect(record?.number == 30 && record?.actor == "tester" && record?.detail == "known")
    #expect(rig.line.deadline == rig.now + .milliseconds(30 * 60_000))
    rig.step(.scannerTrouble(0, .scannerDrifted, message: nil))
    rig.step(.scannerTrouble(0, .scannerDrifted, message: "does so again"))
    rig.pass(minutes: 29)
    #expect(rig.alarm(.scannerDrifted)?.state == .shelved)
    rig.pass(minutes: 1)
    #expect(rig.alarm(.scannerDrifted)?.state == .unacknowledged)
    #expect(rig.alarm(.scannerDrifted)?.occurrence == 2)
    let end = rig.records.last { $0.kind == .alarmUnshelved }
    #expect(end?.actor == "" && end?.detail == "its time is over")
  }

  @Test("shelving changes nothing of what the cause does: the line stops")
  func shelvingStopsNothing() {
    var rig = Rig.running()
    rig.command(.shelve(id: "scanner_lost@camera-1", minutes: 480, reason: "cable is being moved"))
    #expect(rig.alarm(.scannerLost)?.state == .shelved, "for work that is planned")
    rig.step(.scannerOffline(0, reason: "pulled"))
    #expect(!rig.permit && rig.reasons.contains(.scannerLost))
    #expect(rig.alarm(.scannerLost)?.state == .shelved)
    #expect(rig.line.status.unacknowledged == 0)
  }

  @Test("the horn is silent for what was set aside, and sounds when that ends")
  func horn() {
    var rig = Rig.running()
    let light = { (rig: Rig) -> HostHeader.StackLight? in
      for order in rig.orders.reversed() {
        if case .header(let header) = order { return header.stackLight }
      }
      return nil
    }
    rig.step(.plc(station: 0, .lost(.telegramFailed)))
    rig.link(newEpoch: false)
    #expect(light(rig)?.contains(.horn) == true)
    rig.command(.outOfService(id: "plc_link_lost@unit-1", reason: "PLC is being exchanged"))
    #expect(light(rig)?.contains(.horn) == false)
    rig.command(.inService(id: "plc_link_lost@unit-1"))
    #expect(light(rig)?.contains(.horn) == true)
  }

  @Test("out of service has no end but being put back")
  func outOfService() {
    var rig = Rig.running()
    rig.command(.outOfService(id: "disk_filling", reason: "disk is being exchanged"))
    for _ in 0..<30 { rig.pass(minutes: 24 * 60) }
    rig.step(.surroundings(.diskFilling, stands: true, message: "in 3 hours"))
    #expect(rig.alarm(.diskFilling)?.state == .outOfService)
    #expect(rig.alarm(.diskFilling)?.outOfService?.reason == "disk is being exchanged")
    rig.command(.inService(id: "disk_filling"))
    #expect(rig.alarm(.diskFilling)?.state == .unacknowledged)
  }

  @Test(
    "what may not be set aside is refused, with a sentence, and goes on record",
    arguments: [
      AlarmKind.badPackPassed, .rejectNotConfirmed, .stopNotConfirmed, .storageFault,
      .duplicateFound,
    ])
  func never(kind: AlarmKind) {
    var rig = Rig.running()
    let id = kind.definition.location == .line ? kind.word : "\(kind.word)@unit-1"
    for command in [
      LineCommand.shelve(id: id, minutes: 5, reason: "x"), .outOfService(id: id, reason: "x"),
    ] {
      rig.command(command)
      guard case .refused(let sentence, _) = rig.replies.last else {
        Issue.record("\(String(describing: rig.replies.last))")
        return
      }
      #expect(sentence.contains("never shelved"))
      #expect(rig.records.last?.kind == .commandRefused)
    }
  }

  @Test("ids of no alarm, of another line's station, and without their place are told as such")
  func unknown() {
    var rig = Rig.running()
    for id in [
      "", "@", "x", "scanner_lost", "scanner_lost@", "scanner_lost@camera-2", "disk_filling@unit-1",
      "plc_link_lost@camera-1", "events_lost@anything",
    ] {
      rig.command(.shelve(id: id, minutes: 5, reason: "x"))
      guard case .unknown(let sentence) = rig.replies.last else {
        Issue.record("\(id): \(String(describing: rig.replies.last))")
        continue
      }
      #expect(sentence.contains("this line has no alarm \(id)"))
    }
    rig.command(.shelve(id: "disk_filling", minutes: 481, reason: "x"))
    rig.command(.shelve(id: "disk_filling", minutes: 0, reason: "x"))
    for reply in rig.replies.suffix(2) {
      #expect(reply == .refused("an alarm is shelved for 1 to 480 minutes", causes: []))
    }
    rig.command(.unshelve(id: "disk_filling"))
    #expect(rig.replies.last == .refused("it is not shelved", causes: []))
    rig.command(.acknowledge(id: "disk_filling", occurrence: 1, comment: ""))
    #expect(rig.replies.last == .unknown("there is no active alarm disk_filling"))
  }

  // MARK: Restarts

  /// The core that a restart makes of the records so far; `wall` and the monotonic clock begin where they are told to.
  static func restarted(_ rig: Rig, wall: (Int64) -> Int64 = { $0 }, at now: Instant) -> Rig {
    var again = Rig()
    again.line = LineController(settings: rig.line.settings)
    for (record, at) in rig.history { again.line.replay(record, wall: at) }
    again.line.begin(detail: "again", wall: wall(rig.wall))
    again.now = now
    again.wallOffset = wall(rig.wall) - now.nanoseconds / 1_000_000
    again.flush()
    return again
  }

  @Test(
    "a shelving goes on over a restart with what was left of it, and never for longer than it was given for",
    arguments: [(Int64(10), 20), (-5000, 30), (0, 30), (29, 1), (31, 0)])
  func restart(minutesOnTheWall: Int64, minutesLeft: Int) {
    var rig = Rig.running()
    rig.step(.scannerTrouble(0, .scannerDrifted, message: "does so"))
    rig.command(.shelve(id: "scanner_drifted@camera-1", minutes: 30, reason: "known"))
    // The machine starts anew: the monotonic clock begins at nothing, the wall clock shows what it will.
    var again = Self.restarted(
      rig, wall: { $0 + minutesOnTheWall * 60_000 }, at: Instant(nanoseconds: 5_000_000_000))
    #expect(again.alarm(.scannerDrifted)?.state == .shelved)
    again.step(.tick)
    if minutesLeft > 0 {
      again.now = again.now + .milliseconds(Int64(minutesLeft) * 60_000 - 1)
      again.step(.tick)
      #expect(again.alarm(.scannerDrifted)?.state == .shelved)
      again.now = again.now + .milliseconds(1)
      again.step(.tick)
    }
    #expect(again.alarm(.scannerDrifted)?.state == .unacknowledged)
  }

  @Test("a clock that is set back while the daemon runs makes no shelving longer")
  func clockBack() {
    var rig = Rig.running()
    rig.command(.shelve(id: "disk_filling", minutes: 10, reason: "known"))
    rig.wallOffset -= 86_400_000
    rig.pass(minutes: 10)
    #expect(rig.records.contains { $0.kind == .alarmUnshelved })
  }

  @Test(
    "causes that came or went while nothing could be recorded are recorded when it can be again")
  func storageFault() {
    var rig = Rig()
    rig.step(.scannerOnline(0))
    rig.step(.scannerTrouble(0, .scannerDrifted, message: "does so"))
    rig.step(.surroundings(.headNotKept, stands: true, message: "no place"))
    rig.command(.shelve(id: "disk_filling", minutes: 10, reason: "known"))
    rig.pass(minutes: 4)
    let onDisk = rig.history
    rig.commitFails = true
    rig.command(.stop(reason: "x"))
    rig.step(.scannerTrouble(0, .scannerDrifted, message: nil))
    rig.step(.surroundings(.diskSpaceLow, stands: true, message: "7 MB"))
    #expect(rig.history.count == onDisk.count + 1, "nothing more reaches the disk")
    var again = Rig()
    again.line = LineController(settings: rig.line.settings)
    for (record, at) in onDisk { again.line.replay(record, wall: at) }
    again.line.begin(detail: "again", wall: rig.wall)
    again.now = rig.now
    again.line.resume(after: rig.line, now: rig.now, wall: rig.wall)
    again.flush()
    #expect(again.alarm(.scannerDrifted)?.causeStands == false)
    #expect(again.alarm(.diskSpaceLow)?.message == "7 MB")
    #expect(again.alarm(.headNotKept)?.causeStands == true)
    again.pass(minutes: 6)
    #expect(
      again.records.contains { $0.kind == .alarmUnshelved }, "on the clock of the core before")
  }

  @Test("a restart at any moment of a day finds the same alarms, marks and metrics")
  func everyRestart() {
    var rig = Rig.running()
    for round in 0..<4 {
      rig.step(.scannerTrouble(0, .scannerDrifted, message: "round \(round)"))
      rig.step(.scannerTrouble(0, .scannerDrifted, message: nil))
      rig.step(.surroundings(.clockStepped, stands: true, message: "set"))
      rig.pass(seconds: 5)
    }
    rig.command(.acknowledge(id: "clock_stepped", occurrence: 3, comment: ""))
    rig.command(.shelve(id: "scanner_drifted@camera-1", minutes: 2, reason: "x"))
    rig.command(.outOfService(id: "scanner_lost@camera-1", reason: "x"))
    rig.command(.stop(reason: "x"))
    Self.guardOpens(&rig)
    for _ in 0..<12 {
      rig.step(.surroundings(.clockStepped, stands: true, message: "set"))
      rig.pass(seconds: 61)
    }
    rig.pass(minutes: 60 * 25)
    #expect(rig.history.count >= 60)
    for count in rig.history.indices {
      var replayed = LineController(settings: rig.line.settings)
      for (record, at) in rig.history[...count] { replayed.replay(record, wall: at) }
      let (record, at) = rig.history[count]
      guard let live = rig.lists[count] else { continue }
      #expect(replayed.alarms.listed == live.listed, "after \(record.kind)")
      #expect(replayed.alarms.metrics(wall: at) == live.metrics(wall: at), "after \(record.kind)")
      #expect(replayed.alarms.floodSince == live.floodSince)
    }
    #expect(rig.records.contains { $0.kind == .alarmFlood && $0.code == 1 })
    #expect(rig.records.contains { $0.kind == .alarmFlood && $0.code == 2 })
  }

  // MARK: Chattering, stale, flood

  @Test("the third raise within a minute is chattering; its return is held back until it was quiet")
  func chattering() {
    var rig = Rig.running()
    for round in 1...3 {
      rig.step(.scannerTrouble(0, .scannerDrifted, message: "does so"))
      #expect(rig.alarm(.scannerDrifted)?.isChattering == (round == 3))
      if round < 3 { rig.step(.scannerTrouble(0, .scannerDrifted, message: nil)) }
      rig.pass(seconds: 20)
    }
    for _ in 0..<100 {
      rig.step(.scannerTrouble(0, .scannerDrifted, message: nil))
      rig.pass(seconds: 1)
      rig.step(.scannerTrouble(0, .scannerDrifted, message: "does so"))
      rig.pass(seconds: 1)
    }
    #expect(rig.count(.alarmRaised, .scannerDrifted) == 3)
    #expect(rig.count(.alarmReturned, .scannerDrifted) == 2)
    rig.step(.scannerTrouble(0, .scannerDrifted, message: nil))
    rig.pass(seconds: 58)
    #expect(rig.alarm(.scannerDrifted)?.isChattering == true)
    rig.pass(seconds: 4)
    #expect(rig.alarm(.scannerDrifted)?.isChattering == false)
    #expect(rig.alarm(.scannerDrifted)?.causeStands == false)
    let marks = rig.records.filter { $0.kind == .alarmRemarked }
    #expect(marks.map(\.number) == [1, 2])
    #expect(marks.last?.detail.contains("100 times more") == true, "\(marks.last?.detail ?? "")")
  }

  @Test("two raises in a minute, or three in more, are no chattering")
  func noChattering() {
    var rig = Rig.running()
    for _ in 0..<9 {
      rig.step(.scannerTrouble(0, .scannerDrifted, message: "does so"))
      rig.step(.scannerTrouble(0, .scannerDrifted, message: nil))
      rig.pass(seconds: 31)
    }
    #expect(!rig.records.contains { $0.kind == .alarmRemarked })
    #expect(rig.count(.alarmRaised, .scannerDrifted) == 9)
  }

  @Test("an alarm that stands for more than a day is stale, once; the next occurrence is not")
  func stale() {
    var rig = Rig.running()
    rig.step(.surroundings(.diskFilling, stands: true, message: "in 60 hours"))
    rig.command(.acknowledge(id: "disk_filling", occurrence: 1, comment: ""))
    rig.pass(minutes: 24 * 60 - 1)
    #expect(rig.alarm(.diskFilling)?.isStale == false)
    rig.pass(minutes: 2)
    #expect(rig.alarm(.diskFilling)?.isStale == true)
    rig.pass(minutes: 48 * 60)
    #expect(rig.records.count { $0.kind == .alarmRemarked && $0.number == 3 } == 1)
    #expect(rig.line.alarms.metrics(wall: rig.wall).stale == ["disk_filling"])
    rig.step(.surroundings(.diskFilling, stands: false, message: ""))
    rig.step(.surroundings(.diskFilling, stands: true, message: "again"))
    #expect(rig.alarm(.diskFilling)?.isStale == false)
  }

  @Test("a flood begins above ten alarms in ten minutes and ends below five")
  func flood() {
    var rig = Rig.running()
    // One a minute, of two kinds in turn: none of them chatters.
    for number in 0..<10 {
      rig.surrounded(number)
      rig.pass(seconds: 58)
    }
    #expect(rig.line.status.floodSince == nil, "ten in ten minutes are none")
    rig.surrounded(10)
    #expect(rig.line.status.floodSince == rig.wall - 1000)
    rig.surrounded(11)
    #expect(rig.records.count { $0.kind == .alarmFlood } == 1)
    rig.pass(minutes: 9)
    #expect(rig.line.status.floodSince == nil, "two are left")
    #expect(rig.records.filter { $0.kind == .alarmFlood }.map(\.code) == [1, 2])
    let metrics = rig.line.alarms.metrics(wall: rig.wall)
    #expect(metrics.count == 12)
    #expect((4...7).contains(metrics.floodPerMille), "\(metrics.floodPerMille)")
  }

  // MARK: Storms

  @Test("10,000 raises of one alarm in a minute: few records, and the stop goes out")
  func storm() {
    var rig = Rig.running()
    let before = rig.records.count
    for number in 0..<10_000 {
      rig.now = rig.now + Instant.Span(nanoseconds: 3_000_000)
      Self.guardOpens(&rig)
      if number == 0 {
        #expect(!rig.permit, "the first of it stops the line")
        #expect(
          rig.orders.contains { if case .header(let header) = $0 { !header.permit } else { false } }
        )
      }
      rig.now = rig.now + Instant.Span(nanoseconds: 3_000_000)
      Self.guardCloses(&rig)
    }
    #expect(rig.count(.alarmRaised, .machineNotReady) == 1)
    #expect(rig.records.count - before < 20, "\(rig.records.count - before)")
    #expect(rig.alarm(.machineNotReady) != nil)
  }

  @Test(
    "10,000 causes of all kinds in a minute leave a bounded list and few records, and a stop in the middle goes out"
  )
  func stormOfAll() {
    var rig = Rig.running()
    let before = rig.records.count
    let kinds = AlarmKind.allCases.filter {
      $0.definition.chatteringHold > .zero && !$0.definition.stopsLine
        && $0.definition.onDelay == .zero
    }
    for number in 0..<10_000 {
      rig.now = rig.now + Instant.Span(nanoseconds: 6_000_000)
      let kind = kinds[number % kinds.count]
      if kind.definition.location == .scanner {
        rig.step(.scannerTrouble(0, kind, message: "storm"))
        rig.step(.scannerTrouble(0, kind, message: nil))
      } else {
        rig.step(.surroundings(kind, stands: true, message: "storm"))
        rig.step(.surroundings(kind, stands: false, message: ""))
      }
      if number == 5000 {
        #expect(rig.permit)
        rig.outcome(.passed, unit: 9)
        #expect(!rig.permit, "a bad pack in the middle of it stops the line")
        #expect(rig.alarm(.badPackPassed)?.message.contains("unit 9") == true)
      }
    }
    // Three raises and two returns of each, the marks, the flood, the bad pack, and one raise a minute.
    #expect(rig.records.count - before < kinds.count * 9 + 20, "\(rig.records.count - before)")
    #expect(rig.line.status.alarms.count <= kinds.count + 2)
    #expect(rig.line.status.floodSince != nil)
    rig.pass(minutes: 2)
    #expect(rig.line.alarms.chattering.isEmpty)
    let told = rig.records.filter { $0.kind == .alarmRemarked && $0.number == 2 }
    #expect(told.count == kinds.count)
  }

  @Test("10,000 alarms that name packs are each on record, and the list keeps one of each place")
  func packs() {
    var rig = Rig.running()
    for unit in 1...10_000 {
      rig.now = rig.now + .milliseconds(6)
      rig.outcome(.passed, unit: UInt16(unit))
    }
    #expect(rig.count(.alarmRaised, .badPackPassed) == 10_000)
    for unit in [1, 5000, 10_000] {
      #expect(
        rig.records.contains { $0.kind == .alarmRaised && $0.detail.contains("unit \(unit) ") })
    }
    #expect(rig.line.status.alarms.count { $0.kind == .badPackPassed } == 1)
    #expect((rig.alarm(.badPackPassed)?.message.count ?? 0) <= 2000)
  }

  @Test("an alarm that chatters and stops the line has an occurrence for each stop")
  func chatteringStops() {
    var rig = Rig.running()
    for round in 1...8 {
      Self.guardOpens(&rig)
      #expect(!rig.permit)
      #expect(rig.alarm(.machineNotReady)?.occurrence == UInt32(round))
      rig.plc {
        $0.permitObeyed = false
        $0.inputs = []
      }
      rig.pass(seconds: 1)
      rig.release()
      #expect(rig.permit, "round \(round): \(rig.refusals)")
    }
    #expect(rig.alarm(.machineNotReady)?.isChattering == true)
  }

  @Test(
    "one that is raised again and again while it stands has one new occurrence a minute, which says how often"
  )
  func coalesced() {
    var rig = Rig.running()
    for _ in 0..<200 {
      rig.step(.surroundings(.clockStepped, stands: true, message: "set"))
      rig.pass(seconds: 1)
    }
    let raised = rig.records.filter {
      $0.code == AlarmKind.clockStepped.rawValue && $0.kind == .alarmRaised
    }
    #expect((5...7).contains(raised.count), "\(raised.count)")
    #expect(raised.last?.detail.contains("times more") == true)
  }

  // MARK: Duplicates

  @Test(
    "as many packs with a serial of another pack as the limit says stop the line",
    arguments: [1, 3])
  func duplicates(limit: Int) {
    var rig = Rig.running(limits: .init(consecutiveRejects: 100, duplicates: limit))
    #expect(rig.unit(Rig.scan(Rig.serial(1))) == .accept)
    rig.outcome(.passed, unit: rig.snapshot.lastUnit)
    for number in 1...limit {
      #expect(rig.permit)
      rig.now = rig.now + .milliseconds(100)
      #expect(rig.unit(Rig.scan(Rig.serial(1))) == .duplicate)
      #expect(rig.permit == (number < limit))
    }
    #expect(rig.reasons.first == .limitExceeded)
    let alarm = rig.alarm(.duplicateFound)
    #expect(alarm?.place == "unit-1" && alarm?.kind.opensContainment == true)
    #expect(alarm?.message.contains("serial S00001 of unit \(rig.snapshot.lastUnit)") == true)
    rig.outcome(.rejected, unit: rig.snapshot.lastUnit)
    rig.plc {
      $0.permitObeyed = false
      $0.inputs = []
    }
    rig.wait(milliseconds: 1000)
    rig.release()
    #expect(rig.permit, "\(rig.refusals)")
    #expect(rig.unit(Rig.scan(Rig.serial(1))) == .duplicate)
    #expect(rig.permit == (limit > 1), "counted from the release on")
  }

  @Test("without a limit, and in a challenge test, a duplicate stops nothing")
  func noDuplicateLimit() {
    var rig = Rig.running(limits: .init(consecutiveRejects: 100))
    var test = Rig.running(limits: .init(consecutiveRejects: 100, duplicates: 1))
    for number in 0..<2 {
      _ = rig.unit(Rig.scan(Rig.serial(0)))
      if number == 0 { _ = test.unit(Rig.scan(Rig.serial(0))) }
    }
    #expect(rig.permit && rig.alarm(.duplicateFound) == nil)
    test.command(.challengeStart(station: "unit-1"))
    test.now = test.now + .milliseconds(100)
    #expect(test.unit(Rig.scan(Rig.serial(0))) == .duplicate)
    #expect(test.permit && test.alarm(.duplicateFound) == nil)
  }

  // MARK: Metrics

  @Test("metrics count what called somebody in the last day, and how long it took")
  func metrics() {
    var rig = Rig.running()
    rig.now = Instant(nanoseconds: 100 * 3_600_000_000_000)
    rig.step(.surroundings(.diskFilling, stands: true, message: "old"))
    rig.step(.surroundings(.diskFilling, stands: false, message: ""))
    rig.pass(minutes: 25 * 60)
    for number in 1...3 {
      rig.step(.surroundings(.diskFilling, stands: true, message: "\(number)"))
      rig.pass(seconds: Int64(number) * 100)
      rig.command(.acknowledge(id: "disk_filling", occurrence: UInt32(number + 1), comment: ""))
      rig.step(.surroundings(.diskFilling, stands: false, message: ""))
    }
    rig.step(.surroundings(.diskSpaceLow, stands: true, message: "low"))
    rig.command(.shelve(id: "head_not_kept", minutes: 5, reason: "x"))
    rig.step(.surroundings(.headNotKept, stands: true, message: "shelved: calls nobody"))
    let metrics = rig.line.alarms.metrics(wall: rig.wall)
    #expect(metrics.perHour.count == 24 && metrics.count == 4)
    #expect(metrics.top.map(\.id) == ["disk_filling", "disk_space_low"])
    #expect(metrics.top.map(\.count) == [3, 1])
    let times = metrics.timeToAcknowledge
    #expect([times?.median, times?.ninetieth, times?.longest] == [200_000, 300_000, 300_000])
    #expect(metrics.byPriority.map(\.count) == [0, 3, 1, 0])
    #expect(metrics.standing == 2)
    rig.pass(minutes: 25 * 60)
    let later = rig.line.alarms.metrics(wall: rig.wall)
    #expect(later.count == 0 && later.top.isEmpty && later.timeToAcknowledge == nil)
  }

  @Test("a year of alarms keeps the memory of a day, whatever the clock does")
  func bounded() {
    var list = AlarmList()
    list.lineReleased()
    var wall: Int64 = 0
    for number in 0..<4000 {
      wall += 25 * 60_000
      if number % 1000 == 999 { wall -= 40 * 86_400_000 }
      list.raise(
        .linkLost, place: "unit-\(number % 7)", occurrence: UInt32(number), message: "", at: wall)
      list.acknowledge(.linkLost, place: "unit-\(number % 7)", at: wall + 1000)
      list.flood(begins: number.isMultiple(of: 2), at: wall)
      let metrics = list.metrics(wall: wall)
      #expect(metrics.count <= 60 && metrics.floodPerMille <= 1000)
    }
    #expect(String(describing: list).count < 200_000)
  }
}
