internal import Alarms
internal import Containment

/// Containment cases: what opens them, what runs by itself, what people do, and what they keep from running.
extension LineController {
  /// How often the time of an open case is written down, for a restart.
  static let caseClockEvery: Int64 = 60_000
  /// Bytes of one piece of evidence in the records, at most.
  public static let caseEvidenceMax = 256 * 1024

  // MARK: What a case keeps from running

  /// Whether an open case keeps the line from being released; asked for every event.
  var casesHoldRelease: Bool {
    @inline(__always) get { cases.hasOpen && cases.open.contains(where: \.holdsRelease) }
  }

  func caseObstacles() -> [String] {
    guard cases.hasOpen else { return [] }
    var causes = cases.open.filter(\.holdsRelease).map {
      "case \($0.id) is open: \($0.opening.title); next: \($0.next.what) (lineward containment show \($0.id))"
    }
    if let running = runningBatch {
      causes += cases.holding(batch: batches[running].number).filter { !$0.holdsRelease }.map {
        "batch \(batches[running].id) is on hold by case \($0.id)"
      }
    }
    return causes
  }

  /// Why a batch may not be started or closed, nil: no case holds it.
  func caseObstacle(batch: Batch) -> String? {
    cases.holding(batch: batch.number).first.map {
      "batch \(batch.id) is on hold by case \($0.id); work it to its end first (lineward containment show \($0.id))"
    }
  }

  // MARK: Records

  mutating func changeCase(_ record: Record) {
    let text = String(decoding: record.raw, as: UTF8.self)
    let step = Int(record.code) - 1
    let change: CaseBook.Change?
    switch record.kind {
    case .caseOpened:
      change = CaseOpening(text: text, alarm: record.code, title: record.detail)
        .map(CaseBook.Change.opened)
    case .caseStepDone: change = .stepDone(step, evidence: record.detail)
    case .caseAnswered: change = .answered(role: text, text: record.detail)
    case .caseScoped: change = .scoped(CaseScope(text: text), reason: record.detail)
    case .caseEvidence: change = .evidence(step: step, title: record.detail)
    case .caseScanned: change = .scanned(.init(batch: record.batch, row: record.row))
    case .caseClosed: change = .closed(reason: record.detail)
    case .caseNoted: change = .noted(record.detail)
    case .caseNotified:
      change = .told(key: text, attempt: Int(record.unit), failed: record.code != 0)
    case .caseClock:
      if let clock = CaseClock(text: text) {
        cases.apply(record.number, .clock(clock), by: record.actor, at: wall)
      }
      if record.code > CaseMoment.overdue {
        change = .overdue(Int(record.code - CaseMoment.overdue) - 1)
      } else {
        change = UInt8(exactly: record.code)
          .flatMap(ContainmentCase.Escalation.init(rawValue:)).map(CaseBook.Change.escalated)
      }
    default: change = nil
    }
    if let change { cases.apply(record.number, change, by: record.actor, at: wall) }
  }

  mutating func batchRuns(_ batch: UInt32) {
    runEnds()
    runs.append(BatchRun(number: (runs.last?.number ?? 0) + 1, batch: batch, from: wall))
    if runs.count > BatchRun.keptMax { runs.removeFirst() }
  }

  mutating func runEnds(of batch: UInt32? = nil) {
    guard let last = runs.indices.last, runs[last].to == nil,
      batch.map({ $0 == runs[last].batch }) ?? true
    else { return }
    runs[last].to = wall
  }

  // MARK: Opening

  /// What is on hold when a part of the line has failed: every batch that ran since the part was last proven good, at all
  /// stations that share it.
  ///
  /// A passed challenge test proves a station from its scanner to its gate. None known: all of the batch that runs, or
  /// ran last.
  func caseScope(place: String) -> CaseScope {
    var affected = stations.indices.filter { index in
      let station = stations[index].settings
      return place == station.name || place == station.plc
        || station.scanners.contains { settings.scanners[$0].name == place }
    }
    if affected.isEmpty { affected = Array(stations.indices) }
    var scope = CaseScope(stations: affected.map { stations[$0].settings.name })
    let proven = affected.map { stations[$0].provenInRun }
    if !proven.isEmpty, !proven.contains(nil), let first = proven.compactMap(\.self).min(),
      runs.first.map({ $0.number <= max(1, first) }) ?? false
    {
      scope.since = affected.compactMap { stations[$0].challengePassedAt }.min()
      for run in runs where run.number >= first && !scope.batches.contains(run.batch) {
        scope.batches.append(run.batch)
      }
    } else if let last = runs.last {
      scope.batches = [last.batch]
    }
    return scope
  }

  /// Opens the cases that this step has asked for, and does what runs by itself.
  mutating func advanceCases(now: Instant) {
    if !casesToOpen.isEmpty, storageFault == nil {
      let causes = casesToOpen
      casesToOpen = []
      for cause in causes { openCase(cause, now: now) }
    }
    guard cases.hasOpen, storageFault == nil else { return }
    for found in cases.open {
      proveStop(found, now: now)
      runClock(found, now: now)
    }
  }

  private mutating func openCase(_ cause: CaseCause, now: Instant) {
    // One more of the same belongs to the case that is at work on it, and so does what one more case would be too many for.
    let same = cases.open.last {
      $0.opening.alarm == cause.alarm.rawValue && $0.opening.place == cause.place
    }
    let fullest =
      cases.open.count >= CaseBook.openByAlarmMax
      ? cases.open.last { $0.opening.alarm != 0 } : nil
    if let known = same ?? fullest {
      emit(
        Record(
          .caseNoted, code: cause.alarm.rawValue, number: known.number,
          detail: "alarm \(cause.alarm.word): \(cause.title)"))
      return
    }
    openCase(
      alarm: cause.alarm, place: cause.place, title: cause.title, holdsRelease: true,
      scope: caseScope(place: cause.place), actor: "", now: now)
  }

  @discardableResult
  private mutating func openCase(
    alarm: AlarmKind?, place: String, title: String, holdsRelease: Bool, scope: CaseScope,
    actor: String, now: Instant
  ) -> UInt32 {
    let number = cases.last + 1
    let opening = CaseOpening(
      alarm: alarm?.rawValue ?? 0, place: place, title: title, holdsRelease: holdsRelease,
      scope: scope, playbook: settings.containment.playbook,
      clock: CaseClock(monotonic: now.milliseconds, wall: wall, boot: boot))
    let withdrawn = stations.indices.reduce(0) { sum, index in
      sum + stations[index].openUnits.count { $0.verdict == .accept && !$0.isMissing }
    }
    let ran = permit || permittedBefore
    emit(
      Record(
        .caseOpened, code: opening.alarm, number: number, raw: Array(opening.text.utf8),
        actor: actor, detail: title))
    let stops =
      holdsRelease
      || runningBatch.map({ scope.batches.contains(batches[$0].number) }) ?? false
    if stops {
      withdrawPermit(.containment, actor: actor, detail: "case C\(number): \(title)", now: now)
      emit(
        Record(
          .caseNoted, number: number,
          detail:
            "\(ran ? "permit withdrawn" : "the permit was 0 already"); accepts without an outcome "
            + "that were withdrawn: \(withdrawn)"))
    }
    notice(
      .containment, .critical,
      "containment case C\(number) opened: \(title). \(opening.playbook.durationMinutes) minutes; "
        + "lineward containment show C\(number)")
    outbox.actions.append(.containment(.snapshot(number: number)))
    outbox.actions.append(.containment(.alert(number: number, escalation: .none)))
    return number
  }

  // MARK: What runs by itself

  /// The first step is done when every PLC shows that it obeys and the conveyor stands; a dead link shows nothing.
  private mutating func proveStop(_ found: ContainmentCase, now: Instant) {
    guard let step = found.playbook.index(of: Playbook.Meaning.stop.rawValue),
      found.done[step] == nil, !permit
    else { return }
    let stands = stations.allSatisfy { station in
      guard station.settings.tracksTriggers || !station.settings.plc.isEmpty else { return true }
      guard let snapshot = station.link.snapshot else { return false }
      return snapshot.showsStop
    }
    guard stands else { return }
    let elapsed = found.clock.elapsed(at: now.milliseconds)
    emit(
      Record(
        .caseStepDone, code: UInt16(step + 1), number: found.number,
        detail:
          "\(elapsed) ms after the detection every PLC shows permit 0, and the conveyor stands"))
    notice(
      .containment, .notice,
      "case \(found.id): production stands, \(elapsed) ms after the detection")
  }

  private mutating func runClock(_ found: ContainmentCase, now: Instant) {
    let elapsed = found.clock.elapsed(at: now.milliseconds)
    let duration = found.playbook.durationMinutes
    let clock = CaseClock(
      elapsed: elapsed, monotonic: now.milliseconds, wall: wall, boot: boot)
    func record(_ code: UInt16, _ detail: String = "") -> Record {
      Record(
        .caseClock, code: code, number: found.number, raw: Array(clock.text.utf8), detail: detail)
    }
    let reached = ContainmentCase.Escalation(elapsed: elapsed, durationMinutes: duration)
    if reached > found.escalation {
      let message =
        "case \(found.id), \(found.opening.title): \(reached.phrase), \(elapsed / 60_000) of \(duration) minutes; "
        + "open: \(found.openSteps.isEmpty ? "signatures and closing" : found.openSteps.joined(separator: ", "))"
      emit(record(UInt16(reached.rawValue), message))
      if let before = LineController.alarm(of: found.escalation) {
        endAlarm(before, place: found.id)
      }
      if let kind = LineController.alarm(of: reached) {
        raise(kind, place: found.id, message: message, again: false)
      }
      outbox.actions.append(.containment(.alert(number: found.number, escalation: reached)))
    }
    for (index, step) in found.playbook.steps.enumerated()
    where found.done[index] == nil && !found.overdue.contains(index)
      && elapsed >= Int64(step.deadlineMinutes) * 60_000
    {
      let message =
        "case \(found.id): step \"\(step.key)\" is overdue since minute \(step.deadlineMinutes)"
      emit(record(CaseMoment.overdue + UInt16(index + 1), message))
      notice(.containment, .warning, message)
    }
    if elapsed - (cases[found.number]?.clock.elapsed ?? elapsed) >= LineController.caseClockEvery {
      emit(record(CaseMoment.minute))
    }
  }

  /// The alarm that says how far a case's time has run.
  static func alarm(of escalation: ContainmentCase.Escalation) -> AlarmKind? {
    switch escalation {
    case .none: nil
    case .half: .containmentHalf
    case .fourFifths: .containmentLate
    case .over: .containmentOver
    }
  }

  /// When an open case has something to say by itself.
  var caseDeadline: Instant? {
    guard cases.hasOpen, storageFault == nil else { return nil }
    return cases.open.map { found in
      var next = found.clock.elapsed + LineController.caseClockEvery
      for level in ContainmentCase.Escalation.allCases where level > found.escalation {
        next = min(next, level.begin(durationMinutes: found.playbook.durationMinutes))
      }
      for (index, step) in found.playbook.steps.enumerated()
      where found.done[index] == nil && !found.overdue.contains(index) {
        next = min(next, Int64(step.deadlineMinutes) * 60_000)
      }
      return Instant(
        nanoseconds: (found.clock.monotonic + max(0, next - found.clock.elapsed)) * 1_000_000)
    }.min()
  }

  /// After a start the time of each open case goes on, and what was asked of the daemon is asked again.
  mutating func resumeCases(now: Instant) {
    guard cases.hasOpen else { return }
    for found in cases.open {
      let clock = found.clock.resumed(monotonic: now.milliseconds, wall: wall, boot: boot)
      var detail = "the daemon started anew"
      if wall < found.clock.wall, boot != found.clock.boot {
        detail +=
          "; the wall clock shows an earlier time than before, so the time without power is not known"
      }
      emit(
        Record(
          .caseClock, code: CaseMoment.resumed, number: found.number,
          raw: Array(clock.text.utf8), detail: detail))
      // Where all is done, new evidence would only take signatures their meaning.
      if !found.isWorked {
        outbox.actions.append(.containment(.snapshot(number: found.number)))
      }
      outbox.actions.append(
        .containment(.alert(number: found.number, escalation: found.escalation)))
    }
  }

  // MARK: What the daemon tells

  mutating func containment(_ event: ContainmentEvent) {
    switch event {
    case .told(
      let number, let contact, let way, let escalation, let attempt, let failure, let isLast):
      guard cases[number]?.isOpen == true else { return }
      let last = isLast && failure != nil ? "; given up" : ""
      emit(
        Record(
          .caseNotified, unit: UInt16(clamping: attempt), code: failure == nil ? 0 : 1,
          number: number,
          raw: Array(
            ContainmentCase.Telling.key(contact: contact, way: way, of: escalation).utf8),
          detail: failure.map { "attempt \(attempt) failed: \($0)\(last)" } ?? "told"))
      if failure != nil, isLast {
        raise(
          .contactNotReached, place: contact,
          message: "\(contact) could not be told of case C\(number) by \(way): \(failure ?? "")",
          again: false)
      } else if failure == nil {
        endAlarm(.contactNotReached, place: contact)
      }
    case .noted(let number, let text):
      guard cases[number]?.isOpen == true else { return }
      emit(Record(.caseNoted, number: number, detail: text))
    case .evidence(let number, let meaning, let title, let bytes):
      guard let found = cases[number], found.isOpen,
        let step = found.playbook.index(of: meaning.rawValue)
      else { return }
      let isCut = bytes.count > LineController.caseEvidenceMax
      emit(
        Record(
          .caseEvidence, code: UInt16(step + 1), number: number,
          raw: Array(bytes.prefix(LineController.caseEvidenceMax)),
          detail: isCut ? "\(title) (cut: it had \(bytes.count) bytes)" : title))
    }
  }

  // MARK: What people do

  mutating func containment(
    _ id: UInt64, _ command: ContainmentCommand, roles: Set<String>, actor: String, now: Instant
  ) {
    switch command {
    case .open(let reason, let name, let holdsRelease):
      openByHand(
        id, reason: reason, batch: name, holdsRelease: holdsRelease, actor: actor, now: now)
    case .complete(let name, let key, let evidence):
      completeStep(id, name, key, evidence: evidence, roles: roles, actor: actor)
    case .answer(let name, let contact, let phoned, let comment):
      answerAlert(
        id, name, contact, phoned: phoned, comment: comment, roles: roles, actor: actor)
    case .narrow(let name, let batches, let since, let reason):
      narrow(id, name, batches: batches, since: since, reason: reason, actor: actor)
    case .scan(let name, let serial, let gtin, let raw):
      scanIn(id, name, serial: serial, gtin: gtin, raw: raw, actor: actor)
    case .close(let name, let reason): closeCase(id, name, reason: reason, actor: actor)
    case .bundle(let name, let sha256): bundle(id, name, sha256: sha256, actor: actor)
    }
  }

  private mutating func openByHand(
    _ id: UInt64, reason: String, batch name: String?, holdsRelease: Bool, actor: String,
    now: Instant
  ) {
    guard !reason.isBlank else {
      refuse(id, "containment open", "say what happened (--reason)", actor: actor)
      return
    }
    guard cases.open.count < CaseBook.openMax else {
      refuse(
        id, "containment open",
        "\(CaseBook.openMax) cases are open; work one to its end, or note it there", actor: actor)
      return
    }
    var scope = CaseScope(stations: stations.map(\.settings.name))
    if let name {
      guard let batch = batches.first(where: { $0.id == name }) else {
        answer(id, .unknown("there is no batch \(name)"))
        return
      }
      scope.batches = [batch.number]
    } else {
      scope = caseScope(place: "")
    }
    let number = openCase(
      alarm: nil, place: "", title: reason, holdsRelease: holdsRelease, scope: scope, actor: actor,
      now: now)
    finish(id, "case C\(number) is open; see lineward containment show C\(number)")
  }

  /// Finds the case and checks the change; a refusal is recorded and answered here.
  private mutating func withCase(
    _ id: UInt64, _ what: String, _ name: String, actor: String,
    _ change: (ContainmentCase) -> CaseBook.Change?
  ) -> ContainmentCase? {
    guard let found = cases.find(name) else {
      let open = cases.open.map(\.id).joined(separator: ", ")
      answer(
        id,
        .unknown(
          "there is no case \(name); " + (open.isEmpty ? "none is open" : "open are \(open)")))
      return nil
    }
    guard let change = change(found) else { return found }
    do throws(CaseBook.Refusal) {
      try cases.check(found.number, change)
      return found
    } catch {
      refuse(id, "\(what) \(found.id)", error.sentence, actor: actor)
      return nil
    }
  }

  private mutating func completeStep(
    _ id: UInt64, _ name: String, _ key: String, evidence: String, roles: Set<String>,
    actor: String
  ) {
    let what = "containment complete"
    guard
      let found = withCase(
        id, what, name, actor: actor,
        { .stepDone($0.playbook.index(of: key) ?? -1, evidence: evidence) }),
      let index = found.playbook.index(of: key)
    else { return }
    let step = found.playbook.steps[index]
    guard !roles.isDisjoint(with: step.owners) else {
      refuse(
        id, "\(what) \(found.id) \(key)",
        "this step is for \(step.owners.joined(separator: " or ")); you are "
          + (roles.isEmpty ? "none of these" : roles.sorted().joined(separator: ", ")),
        actor: actor)
      return
    }
    guard !evidence.isBlank else {
      refuse(
        id, "\(what) \(found.id) \(key)", "say what shows that it is done (--evidence)",
        actor: actor)
      return
    }
    var detail = evidence
    if step.meaning == .isolate, !found.scanned.isEmpty {
      detail += "; scanned in: \(found.scanned.count)"
    }
    emit(
      Record(
        .caseStepDone, code: UInt16(index + 1), number: found.number, actor: actor, detail: detail)
    )
    notice(.containment, .notice, "case \(found.id): step \(key) done by \(actor): \(detail)")
    finish(id, "step \"\(key)\" of case \(found.id) is done; " + nextSentence(found.number))
  }

  private func nextSentence(_ number: UInt32) -> String {
    guard let found = cases[number], found.isOpen else { return "the case is closed" }
    let next = found.next
    return "next: \(next.what)\(next.who.isEmpty ? "" : " (\(next.who))")"
  }

  /// Who may answer for a contact; nil: whoever has a role.
  private static func roles(answering contact: String) -> Set<String>? {
    switch contact {
    case "manufacturing": ["operator", "supervisor"]
    case "quality": ["quality"]
    case "it": ["maintenance"]
    default: nil
    }
  }

  private mutating func answerAlert(
    _ id: UInt64, _ name: String, _ contact: String, phoned: String?, comment: String,
    roles: Set<String>, actor: String
  ) {
    let what = "containment answer"
    guard
      let found = withCase(
        id, what, name, actor: actor, { _ in .answered(role: contact, text: comment) })
    else { return }
    let phoned = phoned.flatMap { $0.isBlank ? nil : $0 }
    if phoned == nil, let own = LineController.roles(answering: contact),
      own.isDisjoint(with: roles)
    {
      refuse(
        id, "\(what) \(found.id) \(contact)",
        "for \(contact) a person with the role \(own.sorted().joined(separator: " or ")) answers; who did so by "
          + "telephone is named with --phoned NAME", actor: actor)
      return
    }
    var text = phoned.map { "\($0) by telephone" } ?? "in person"
    if !comment.isEmpty { text += ": \(comment)" }
    emit(
      Record(
        .caseAnswered, number: found.number, raw: Array(contact.utf8), actor: actor, detail: text))
    notice(.containment, .notice, "case \(found.id): \(contact) has answered, \(text), by \(actor)")
    if let now = cases[found.number], now.unanswered.isEmpty,
      let step = now.playbook.index(of: Playbook.Meaning.alert.rawValue), now.done[step] == nil
    {
      emit(
        Record(
          .caseStepDone, code: UInt16(step + 1), number: found.number,
          detail: "answered: \(now.playbook.contacts.joined(separator: ", "))"))
    }
    finish(id, "case \(found.id): \(contact) has answered; " + nextSentence(found.number))
  }

  private mutating func narrow(
    _ id: UInt64, _ name: String, batches names: [String], since: Int64?, reason: String,
    actor: String
  ) {
    guard let known = cases.find(name) else {
      _ = withCase(id, "containment narrow", name, actor: actor) { _ in nil }
      return
    }
    var scope = known.scope
    if !names.isEmpty {
      var numbers: [UInt32] = []
      for name in names {
        guard let batch = batches.first(where: { $0.id == name }) else {
          answer(id, .unknown("there is no batch \(name)"))
          return
        }
        if !numbers.contains(batch.number) { numbers.append(batch.number) }
      }
      scope.batches = numbers
    }
    if let since { scope.since = since }
    guard !reason.isBlank else {
      refuse(
        id, "containment narrow \(known.id)", "say what proves the rest good (--reason)",
        actor: actor)
      return
    }
    guard
      withCase(
        id, "containment narrow", name, actor: actor, { _ in .scoped(scope, reason: reason) })
        != nil
    else { return }
    let command = LineCommand.containment(
      .narrow(id: name, batches: names, since: since, reason: reason), roles: [])
    guard isSigned(id, command, "containment narrow \(known.id)", actor: actor) else { return }
    emitSignature()
    emit(
      Record(
        .caseScoped, number: known.number, raw: Array(scope.text.utf8), actor: actor,
        detail: reason))
    notice(.containment, .notice, "case \(known.id): narrowed by \(actor): \(reason)")
    finish(id, "what case \(known.id) holds is narrowed; the records keep what it was")
  }

  private mutating func scanIn(
    _ id: UInt64, _ name: String, serial: [UInt8], gtin: String?, raw: [UInt8], actor: String
  ) {
    guard let found = withCase(id, "containment scan", name, actor: actor, { _ in nil }) else {
      return
    }
    let hits = batches.filter {
      found.scope.batches.contains($0.number) && (gtin == nil || gtin == $0.gtin)
    }
    let known = hits.compactMap { batch in
      batch.pool?.row(of: serial.span).map {
        (gtin: batch.gtin, pack: ContainmentCase.ScannedPack(batch: batch.number, row: $0))
      }
    }
    let text = String(decoding: serial, as: UTF8.self)
    guard known.count < 2 else {
      refuse(
        id, "containment scan \(found.id)",
        "serial \(text) is known for several GTINs (\(known.map(\.gtin).joined(separator: ", "))): scan the whole "
          + "code, or say which one with --gtin", actor: actor)
      return
    }
    guard let pack = known.first?.pack else {
      refuse(
        id, "containment scan \(found.id)", "serial \(text) is none of the batches on hold",
        actor: actor)
      return
    }
    guard withCase(id, "containment scan", name, actor: actor, { _ in .scanned(pack) }) != nil
    else { return }
    emit(
      Record(
        .caseScanned, batch: pack.batch, row: pack.row, number: found.number, raw: raw,
        actor: actor))
    finish(id, "\(text) is in; scanned in: \(cases[found.number]?.scanned.count ?? 0)")
  }

  /// Nothing leaves without a record of who took it.
  ///
  /// While the step is open that gathers documents, the bundle is evidence for it; later it is not, because new evidence
  /// would take signatures their meaning.
  private mutating func bundle(_ id: UInt64, _ name: String, sha256: String?, actor: String) {
    guard let found = cases.find(name) else {
      _ = withCase(id, "containment bundle", name, actor: actor) { _ in nil }
      return
    }
    if let sha256, found.isOpen,
      let step = found.playbook.index(of: Playbook.Meaning.gather.rawValue),
      found.done[step] == nil
    {
      emit(
        Record(
          .caseEvidence, code: UInt16(step + 1), number: found.number,
          raw: Array("manifest sha256 \(sha256)\n".utf8), actor: actor,
          detail: "evidence bundle made by \(actor)"))
    } else {
      let what = sha256.map { "manifest sha256 \($0)" } ?? "begun"
      emit(
        Record(
          .exported, number: found.number, actor: actor,
          detail: "bundle of case \(found.id), \(what)"))
    }
    finish(id, "the bundle of case \(found.id) is on record")
  }

  private mutating func closeCase(_ id: UInt64, _ name: String, reason: String, actor: String) {
    guard
      let found = withCase(
        id, "containment close", name, actor: actor, { _ in .closed(reason: reason) })
    else { return }
    guard !reason.isBlank else {
      refuse(
        id, "containment close \(found.id)", "say what was found and decided (--reason)",
        actor: actor)
      return
    }
    emit(Record(.caseClosed, number: found.number, actor: actor, detail: reason))
    if let kind = LineController.alarm(of: found.escalation) { endAlarm(kind, place: found.id) }
    // Nobody runs any more after a contact whom no other case has told.
    let others = Set(cases.open.flatMap(\.contactsTold))
    for contact in found.contactsTold.subtracting(others).sorted() {
      endAlarm(.contactNotReached, place: contact)
    }
    notice(.containment, .notice, "case \(found.id) closed by \(actor): \(reason)")
    let rest = cases.open.filter { other in
      other.holdsRelease
        || runningBatch.map { other.scope.batches.contains(batches[$0].number) } ?? false
    }.map(\.id)
    finish(
      id,
      "case \(found.id) is closed; "
        + (rest.isEmpty
          ? "the line runs again by lineward line release"
          : "still open: \(rest.joined(separator: ", "))"))
  }
}

extension Instant {
  /// Whole milliseconds.
  var milliseconds: Int64 { nanoseconds / 1_000_000 }
}

extension String {
  /// Whether nothing can be read in it.
  fileprivate var isBlank: Bool { unicodeScalars.allSatisfy(\.properties.isWhitespace) }
}
