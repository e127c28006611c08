import Alarms
import Containment
import Testing

@testable import Line

@Suite("Containment")
struct ContainmentTests {
  static let everyone: Set<String> = ["operator", "supervisor", "quality", "maintenance"]
  static let rule = LineSettings.Containment(
    opensOn: [.badPackPassed, .challengeFailed], playbook: Playbook(signatures: []))

  /// A line that runs, and opens a case on a bad pack.
  private func line(_ rule: LineSettings.Containment = Self.rule) -> Rig {
    var rig = Rig(containment: rule)
    rig.step(.scannerOnline(0))
    rig.link(newEpoch: true)
    rig.openBatch(serials: 100)
    rig.command(.batchStart(id: nil))
    rig.release()
    return rig
  }

  private func badPack(_ rig: inout Rig) {
    #expect(rig.unit(Rig.scan("S99999")) != .accept)
    rig.outcome(.passed, unit: rig.snapshot.lastUnit)
  }

  private func stands(_ rig: inout Rig) {
    rig.plc {
      $0.permitObeyed = false
      $0.inputs = []
    }
  }

  private func order(
    _ rig: inout Rig, _ command: ContainmentCommand, roles: Set<String> = Self.everyone
  ) -> CommandResult? {
    rig.command(.containment(command, roles: roles))
    return rig.replies.last
  }

  private func isDone(_ result: CommandResult?) -> Bool {
    if case .done = result { true } else { false }
  }

  private func sentence(_ result: CommandResult?) -> String {
    switch result {
    case .done(let text), .refused(let text, _), .unknown(let text), .notPermitted(let text),
      .storageFault(let text):
      text
    case nil: ""
    }
  }

  /// What people do from the stop to the end, one after the other.
  private static let play: [ContainmentCommand] = [
    .answer(id: "C1", contact: "manufacturing", phoned: nil, comment: ""),
    .answer(id: "C1", contact: "quality", phoned: nil, comment: "on my way"),
    .answer(id: "C1", contact: "it", phoned: "Ben", comment: ""),
    .complete(id: "C1", step: "isolate", evidence: "41 of 41 counted"),
    .complete(id: "C1", step: "check", evidence: "gate air was low"),
    .complete(id: "C1", step: "5", evidence: "bundle in the safe"),
    .close(id: "C1", reason: "pack found and destroyed"),
  ]

  @Test(
    "a bad pack that passed opens a case, stops the line, and the daemon does the first step itself"
  )
  func opens() {
    var rig = line()
    badPack(&rig)
    #expect(!rig.permit)
    #expect(rig.line.cases.open.map(\.id) == ["C1"])
    #expect(rig.reasons.contains(.containment) && rig.reasons.first == .badPackPassed)
    #expect(rig.containmentOrders == [.snapshot(number: 1), .alert(number: 1, escalation: .none)])
    // The case is in the transaction of what opened it.
    #expect(rig.line.cases[1]?.nextStep == 0)
    rig.now = rig.now + .milliseconds(300)
    stands(&rig)
    let step = rig.line.cases[1]?.done[0]
    #expect(step?.by == "")
    #expect(step?.evidence.hasPrefix("300 ms after the detection") == true)
    #expect(rig.line.cases[1]?.scope.batches == [1])
    #expect(rig.line.cases[1]?.scope.since == nil)
  }

  @Test(
    "the line is not released while the case is open, and runs again after its end and a release")
  func holdsRelease() {
    var rig = line()
    badPack(&rig)
    stands(&rig)
    rig.command(.acknowledge(id: "bad_pack_passed@unit-1", occurrence: 1, comment: ""))
    rig.command(.release)
    #expect(rig.refusals.contains { $0.hasPrefix("case C1 is open: ") })
    for command in Self.play {
      #expect(!rig.permit)
      let result = order(&rig, command)
      #expect(isDone(result), "\(sentence(result))")
    }
    #expect(rig.line.cases.open.isEmpty)
    #expect(!rig.permit)
    rig.release()
    #expect(rig.permit, "\(rig.refusals)")
  }

  @Test("a dead link proves nothing: a person's evidence closes the first step")
  func deadLink() {
    var rig = line()
    badPack(&rig)
    rig.step(.plc(station: 0, .lost(.telegramFailed)))
    rig.wait(milliseconds: 20)
    #expect(rig.line.cases[1]?.nextStep == 0)
    let wrong = order(
      &rig, .complete(id: "C1", step: "stop", evidence: "looked"), roles: ["quality"])
    #expect(sentence(wrong).contains("operator or supervisor"))
    #expect(rig.line.cases[1]?.nextStep == 0)
    #expect(
      isDone(
        order(
          &rig, .complete(id: "c1", step: "1", evidence: "the belt stands"), roles: ["operator"]))
    )
    #expect(rig.line.cases[1]?.done[0]?.by == "tester")
  }

  @Test("who may answer for a contact: the role itself, or somebody who says who phoned")
  func answers() {
    var rig = line()
    badPack(&rig)
    let refused = order(
      &rig, .answer(id: "C1", contact: "quality", phoned: nil, comment: ""), roles: ["operator"])
    #expect(sentence(refused).contains("--phoned"))
    #expect(
      isDone(
        order(
          &rig, .answer(id: "C1", contact: "quality", phoned: "M. Weber", comment: "comes at once"),
          roles: ["operator"])))
    #expect(
      rig.line.cases[1]?.answers["quality"]?.text == "M. Weber by telephone: comes at once")
    #expect(!isDone(order(&rig, .complete(id: "C1", step: "alert", evidence: "all"))))
  }

  @Test("one more alarm of the same kind is noted in the case, another kind opens its own")
  func several() {
    var rig = line()
    badPack(&rig)
    badPack(&rig)
    #expect(rig.line.cases.open.count == 1)
    #expect(rig.line.cases[1]?.notes.contains { $0.contains("bad_pack_passed") } == true)
    #expect(
      isDone(order(&rig, .open(reason: "smell of solvent", batch: nil, holdsRelease: true))))
    #expect(rig.line.cases.open.map(\.id) == ["C1", "C2"])
    // What is done in one does nothing to the other.
    stands(&rig)
    #expect(isDone(order(&rig, .complete(id: "C2", step: "check", evidence: "nothing found"))))
    #expect(rig.line.cases[1]?.openSteps == ["alert", "isolate", "check", "gather"])
    #expect(rig.line.cases[2]?.openSteps == ["alert", "isolate", "gather"])
  }

  @Test(
    "there is a limit of open cases for people; an alarm opens one beyond it and holds the line")
  func limit() {
    var rig = line()
    for _ in 0..<CaseBook.openMax {
      #expect(isDone(order(&rig, .open(reason: "drill", batch: nil, holdsRelease: false))))
    }
    #expect(!isDone(order(&rig, .open(reason: "one more", batch: nil, holdsRelease: false))))
    badPack(&rig)
    #expect(rig.line.cases.open.count == CaseBook.openMax + 1)
    #expect(rig.line.cases.open.last?.holdsRelease == true)
    #expect(rig.line.cases.open.last?.scope.batches == [1])
    badPack(&rig)
    #expect(rig.line.cases.open.count == CaseBook.openMax + 1)
    #expect(rig.line.cases.open.last?.notes.contains { $0.contains("bad_pack_passed") } == true)
    #expect(!isDone(order(&rig, .open(reason: "one more", batch: nil, holdsRelease: true))))
  }

  @Test(
    "a number that no step has completes none, however large it is",
    arguments: ["0", "6", "-1", "", "9223372036854775807", "-9223372036854775808"])
  func noSuchStep(key: String) {
    var rig = line()
    badPack(&rig)
    #expect(
      sentence(order(&rig, .complete(id: "C1", step: key, evidence: "seen")))
        .contains("it has no such step"))
  }

  @Test("blanks are no evidence, no reason, and nobody who phoned")
  func blanks() {
    var rig = line()
    badPack(&rig)
    stands(&rig)
    #expect(!isDone(order(&rig, .open(reason: "", batch: nil, holdsRelease: true))))
    #expect(!isDone(order(&rig, .complete(id: "C1", step: "check", evidence: " \t"))))
    #expect(
      sentence(
        order(
          &rig, .answer(id: "C1", contact: "quality", phoned: " ", comment: ""),
          roles: ["operator"])
      ).contains("--phoned NAME"))
    #expect(rig.line.cases[1]?.answers.isEmpty == true)
    for command in Self.play.dropLast() { #expect(isDone(order(&rig, command))) }
    #expect(!isDone(order(&rig, .close(id: "C1", reason: ""))))
    #expect(rig.line.cases[1]?.isOpen == true)
  }

  @Test("two cases on one batch: the closing of one names the other, which still holds it")
  func twoOnOneBatch() {
    var rig = line()
    badPack(&rig)
    stands(&rig)
    #expect(isDone(order(&rig, .open(reason: "smell", batch: "B1", holdsRelease: false))))
    for command in Self.play.dropLast() { #expect(isDone(order(&rig, command))) }
    #expect(sentence(order(&rig, Self.play[Self.play.count - 1])).contains("still open: C2"))
    rig.command(.release)
    #expect(!isDone(rig.replies.last))
    rig.command(.batchClose(id: "B1"))
    #expect(sentence(rig.replies.last).contains("on hold by case C2"))
  }

  @Test("the same batch named twice is not narrower than once")
  func sameBatchTwice() {
    var rig = line()
    badPack(&rig)
    #expect(
      sentence(
        order(
          &rig, .narrow(id: "C1", batches: ["B1", "B1"], since: nil, reason: "sure"),
          roles: ["quality"])
      ).contains("not narrower than what is on hold"))
  }

  @Test("a bare serial of two GTINs on hold is not taken for either")
  func ambiguousSerial() throws {
    var rig = line()
    rig.command(.stop(reason: "change"))
    stands(&rig)
    rig.openBatch(serials: 10, id: "B2", gtin: "09506000134369")
    #expect(isDone(order(&rig, .open(reason: "complaint", batch: "B1", holdsRelease: false))))
    let opening = try #require(rig.line.cases[1]?.opening)
    // Two batches in one scope come of runs; here both are put into it by hand.
    var both = opening
    both.scope.batches = [1, 2]
    rig.line.cases.apply(2, .opened(both), by: "anna", at: 0)
    func scan(_ gtin: String?) -> CommandResult? {
      let serial = Array(Rig.serial(3).utf8)
      return order(&rig, .scan(id: "C2", serial: serial, gtin: gtin, raw: serial))
    }
    #expect(sentence(scan(nil)).contains("say which one with --gtin"))
    #expect(rig.line.cases[2]?.scanned.isEmpty == true)
    #expect(isDone(scan("09506000134369")))
    #expect(rig.line.cases[2]?.scanned == [.init(batch: 2, row: 3)])
  }

  @Test("a batch on hold is neither started nor closed, and the line may run another one")
  func hold() {
    var rig = line()
    rig.command(.stop(reason: "change"))
    stands(&rig)
    rig.command(.batchPause(id: nil))
    rig.openBatch(serials: 10, id: "B2")
    #expect(
      isDone(order(&rig, .open(reason: "complaint", batch: "B1", holdsRelease: false))))
    rig.command(.batchStart(id: "B1"))
    #expect(sentence(rig.replies.last).contains("on hold by case C1"))
    rig.command(.batchClose(id: "B1"))
    #expect(sentence(rig.replies.last).contains("on hold by case C1"))
    rig.command(.batchStart(id: "B2"))
    #expect(isDone(rig.replies.last))
    rig.release()
    #expect(rig.permit, "\(rig.refusals)")
    #expect(
      !isDone(order(&rig, .open(reason: "x", batch: "B9", holdsRelease: true))))
  }

  @Test("on hold is what ran since the last passed challenge test; without one the whole batch")
  func scope() {
    var rig = line()
    rig.command(.stop(reason: "change"))
    stands(&rig)
    rig.command(.batchPause(id: nil))
    for id in ["B2", "B3"] {
      rig.openBatch(serials: 10, id: id)
      rig.command(.batchStart(id: id))
      if id == "B2" { pass(&rig) }
      rig.command(.stop(reason: "change"))
      stands(&rig)
      rig.command(.batchPause(id: nil))
    }
    _ = order(&rig, .open(reason: "found a bad one", batch: nil, holdsRelease: true))
    #expect(rig.line.cases[1]?.scope.batches == [2, 3])
    #expect(rig.line.cases[1]?.scope.since != nil)
    // Quality narrows it by signature, and nobody widens it again.
    func narrow(to batch: String) -> ContainmentCommand {
      .narrow(id: "C1", batches: [batch], since: nil, reason: "B2 was checked")
    }
    #expect(!isDone(order(&rig, narrow(to: "B3"))))
    #expect(rig.line.cases[1]?.scope.batches == [2, 3])
    #expect(isDone(sign(&rig, "quinn", .quality, with: .containment(narrow(to: "B3"), roles: []))))
    #expect(rig.line.cases[1]?.scope.batches == [3])
    #expect(rig.records.contains { $0.kind == .signed })
    #expect(!isDone(sign(&rig, "quinn", .quality, with: .containment(narrow(to: "B2"), roles: []))))
    rig.command(.batchStart(id: "B2"))
    #expect(isDone(rig.replies.last))
  }

  /// Signs as somebody whose password was right; `changes` other than those of now is a signature over an older state.
  private func sign(
    _ rig: inout Rig, _ login: String, _ role: Role, with command: LineCommand? = nil,
    meaning: String = "reviewed", changes: Int? = nil
  ) -> CommandResult? {
    let found = rig.line.cases.open.first
    guard
      let demand = command.map({ rig.line.signatureDemand(for: $0) })
        ?? found.flatMap({ rig.line.signatureDemand(for: $0, meaning: meaning) }),
      let signature = Signature(
        login: login, uid: 1000, name: "\(login) Printed", meaning: demand.meaning, role: role,
        at: 0, subject: demand.subject, coveredSequence: 1,
        coveredHash: [UInt8](repeating: 7, count: 32))
    else { return nil }
    let order = SignatureOrder(
      signature: signature,
      changes: changes ?? rig.line.changes(of: demand.subject) ?? -1, demand: demand)
    rig.command(.sign(order, with: command))
    return rig.replies.last
  }

  @Test(
    "a case that asks for signatures is closed only with all of them, each over the case as it stands"
  )
  func signed() {
    var rig = line(
      LineSettings.Containment(
        opensOn: [.badPackPassed], playbook: Playbook(signatures: ["quality", "supervisor"])))
    badPack(&rig)
    stands(&rig)
    // Before all is done there is nothing to sign.
    #expect(sentence(sign(&rig, "quinn", .quality)).contains("steps are open"))
    for command in Self.play.dropLast() { _ = order(&rig, command) }
    #expect(!isDone(order(&rig, .close(id: "C1", reason: "done"))))
    #expect(isDone(sign(&rig, "quinn", .quality)))
    // The same person signs for one role, and signing again for another one instead.
    for (role, missing) in [(Role.supervisor, "quality"), (.quality, "supervisor")] {
      #expect(isDone(sign(&rig, "quinn", role)))
      #expect(
        sentence(order(&rig, .close(id: "C1", reason: "done")))
          .contains("not signed as it stands now by \(missing)"))
    }
    #expect(isDone(sign(&rig, "sofia", .supervisor)))
    // What is scanned in afterwards was signed by nobody.
    _ = order(
      &rig,
      .scan(id: "C1", serial: Array(Rig.serial(1).utf8), gtin: nil, raw: []))
    #expect(sentence(order(&rig, .close(id: "C1", reason: "done"))).contains("not signed"))
    let revision = rig.line.cases[1].map { Int($0.revision) } ?? 0
    #expect(!isDone(sign(&rig, "quinn", .quality, changes: revision - 1)))
    #expect(isDone(sign(&rig, "quinn", .quality)))
    #expect(isDone(sign(&rig, "sofia", .supervisor)))
    #expect(isDone(order(&rig, .close(id: "C1", reason: "done"))))
    #expect(rig.line.cases[1]?.signatures.count == 4)
  }

  /// A challenge test that is passed.
  private func pass(_ rig: inout Rig) {
    rig.command(.challengeStart(station: "unit-1"))
    rig.release()
    _ = rig.unit(Rig.scan(Rig.serial(0)))
    rig.outcome(.rejected, unit: rig.snapshot.lastUnit)
    for scan in [
      Array("NOREAD".utf8), Rig.scan(Rig.serial(1), lot: "LOT2"), Rig.scan("S99999"),
    ] {
      _ = rig.unit(scan)
      rig.outcome(.rejected, unit: rig.snapshot.lastUnit)
    }
    // The fourth kind, a duplicate, needs a pack that has passed: there is none yet, so the test ends here as passed.
    rig.line.emit(
      Record(.challengeEnded, station: 0, code: ChallengeResult.passed.rawValue, number: 1))
  }

  @Test("packs are scanned in, each once, and what is none of the batch is said")
  func scanIn() {
    var rig = line()
    badPack(&rig)
    func scan(_ serial: String) -> CommandResult? {
      order(
        &rig, .scan(id: "C1", serial: Array(serial.utf8), gtin: nil, raw: Array(serial.utf8)))
    }
    #expect(isDone(scan(Rig.serial(3))))
    #expect(!isDone(scan(Rig.serial(3))))
    #expect(sentence(scan("S99999")).contains("none of the batches on hold"))
    #expect(rig.line.cases[1]?.scanned.count == 1)
    _ = order(&rig, .complete(id: "C1", step: "isolate", evidence: "1 pack"))
    #expect(rig.line.cases[1]?.done[2]?.evidence == "1 pack; scanned in: 1")
  }

  // MARK: Time

  /// Goes on by so many minutes in steps of the core's own deadlines.
  private func pass(_ rig: inout Rig, minutes: Int64) {
    let end = rig.now + .milliseconds(minutes * 60_000)
    while let next = rig.line.deadline, next < end {
      rig.now = max(next, rig.now + .milliseconds(1))
      rig.step(.tick)
    }
    rig.now = end
    rig.step(.tick)
  }

  @Test(
    "half, four fifths and full time are told to more people with more priority; nothing ends by itself"
  )
  func escalates() {
    var rig = line()
    badPack(&rig)
    stands(&rig)
    rig.containmentOrders = []
    pass(&rig, minutes: 29)
    #expect(rig.containmentOrders.isEmpty)
    pass(&rig, minutes: 2)
    #expect(rig.containmentOrders == [.alert(number: 1, escalation: .half)])
    #expect(rig.alarm(.containmentHalf)?.place == "C1")
    pass(&rig, minutes: 18)
    #expect(rig.containmentOrders.last == .alert(number: 1, escalation: .fourFifths))
    #expect(rig.alarm(.containmentHalf)?.causeStands == false)
    pass(&rig, minutes: 12)
    #expect(rig.containmentOrders.last == .alert(number: 1, escalation: .over))
    #expect(rig.alarm(.containmentOver) != nil)
    // Overdue steps are on record, each once.
    let overdue = rig.records.filter { $0.kind == .caseClock && $0.code > CaseMoment.overdue }
    #expect(overdue.map(\.code) == [102, 103, 104, 105])
    pass(&rig, minutes: 600)
    #expect(rig.line.cases.open.count == 1)
    #expect(!rig.permit)
    rig.command(.release)
    #expect(!rig.permit)
    // A clock that is written down once a minute, and no more.
    let minutes = rig.records.count { $0.kind == .caseClock && $0.code == CaseMoment.minute }
    #expect(minutes > 600 && minutes < 670)
  }

  @Test("a case goes on where it was after a restart and a step of the clock at each point of it")
  func restarts() {
    for point in 0...Self.play.count {
      for (boot, step) in [("b1", 0), ("b1", -7_200_000), ("b2", 0), ("b2", 7_200_000)]
        as [(String, Int64)]
      {
        var rig = line()
        rig.line.boot = "b1"
        badPack(&rig)
        stands(&rig)
        pass(&rig, minutes: 10)
        for command in Self.play.prefix(point) { _ = order(&rig, command) }
        let before = rig.line.cases
        // The records are all that is left.
        var core = LineController(settings: rig.line.settings)
        var opened: Batch? = rig.line.batches.first
        opened?.state = .open
        for record in rig.records {
          if record.kind == .batchOpened, let batch = opened { core.adopt(batch) }
          core.replay(record, wall: rig.now.nanoseconds / 1_000_000)
        }
        let wall = rig.now.nanoseconds / 1_000_000 + step
        core.begin(detail: "again", wall: wall, now: rig.now, boot: boot)
        let name = Comment(rawValue: "after \(point) of the play, boot \(boot), step \(step)")
        #expect(core.cases.open.map(\.id) == before.open.map(\.id), name)
        #expect(core.cases[1]?.done.map { $0 != nil } == before[1]?.done.map { $0 != nil }, name)
        #expect(core.cases[1]?.answers.keys.sorted() == before[1]?.answers.keys.sorted(), name)
        // New evidence for steps that are done would take signatures their meaning.
        let isAtWork = before.open.contains { !$0.isWorked }
        let asksForState = core.outbox.actions.contains {
          if case .containment(.snapshot) = $0 { true } else { false }
        }
        #expect(asksForState == isAtWork, name)
        let elapsed = core.cases[1]?.clock.elapsed(at: rig.now.milliseconds) ?? 0
        if point < Self.play.count {
          // A wall clock that was set forward while the power was off is taken for time that went by.
          let away = boot == "b2" ? max(0, step) : 0
          #expect(abs(elapsed - (600_000 + away)) <= 60_000, name)
          #expect(core.casesHoldRelease, name)
        }
        // And the rest of it can be played from there.
        rig.line = core
        rig.line.outbox = Outbox()
        rig.step(.scannerOnline(0))
        rig.link(newEpoch: false)
        stands(&rig)
        for command in Self.play.dropFirst(point) {
          let result = order(&rig, command)
          #expect(isDone(result), "\(name): \(sentence(result))")
        }
        #expect(rig.line.cases.open.isEmpty, name)
      }
    }
  }

  @Test("a case that a saved state carries is the same as one from records")
  func saved() {
    var rig = line()
    badPack(&rig)
    stands(&rig)
    for command in Self.play.prefix(4) { _ = order(&rig, command) }
    let core = LineController(settings: rig.line.settings, state: rig.line.recorded)
    #expect(core?.cases == rig.line.cases)
    #expect(core?.runs == rig.line.runs)
  }

  @Test("evidence of the daemon has a limit, and being cut is said")
  func evidence() {
    var rig = line()
    badPack(&rig)
    let bytes = [UInt8](repeating: 0x41, count: LineController.caseEvidenceMax + 1)
    rig.step(
      .containment(.evidence(number: 1, step: .check, title: "system state", bytes: bytes)))
    let record = rig.records.last { $0.kind == .caseEvidence }
    #expect(record?.raw.count == LineController.caseEvidenceMax)
    #expect(record?.detail.contains("cut") == true)
    // For a case that is closed, or that there never was, nothing is kept.
    let count = rig.records.count
    rig.step(.containment(.evidence(number: 9, step: .check, title: "x", bytes: [])))
    #expect(rig.records.count == count)
  }

  @Test("a contact that cannot be told is an alarm, which ends when it was")
  func told() {
    var rig = line()
    badPack(&rig)
    func tell(_ failure: String?, isLast: Bool) {
      rig.step(
        .containment(
          .told(
            number: 1, contact: "M. Weber", way: "mail", of: .none, attempt: 1,
            failure: failure, isLast: isLast)))
    }
    tell("no answer", isLast: false)
    #expect(rig.alarm(.contactNotReached) == nil)
    tell("no answer", isLast: true)
    #expect(rig.alarm(.contactNotReached)?.message.contains("M. Weber") == true)
    tell(nil, isLast: false)
    #expect(rig.alarm(.contactNotReached)?.causeStands == false)
  }
}
