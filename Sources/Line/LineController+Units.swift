internal import Alarms

/// The way of a unit: trigger, message, verdict, outcome.
extension LineController {
  // MARK: Time

  /// Everything that becomes due by `now`.
  mutating func advance(now: Instant) {
    for index in stations.indices {
      for decision in stations[index].tracking.advance(now: now) {
        carryOut(decision, station: index, now: now)
      }
      guard stations[index].settings.gateOutcomes else { continue }
      while let deadline = stations[index].outcomeDeadline(limit: settings.limits.outcome),
        now >= deadline,
        let open = stations[index].openUnits.first(where: { !$0.isMissing })
      {
        outcomeIsMissing(open, station: index, now: now)
      }
    }
    for scanner in strays.indices {
      if let due = strays[scanner].reportAt, now >= due { reportStrays(scanner, now: now) }
    }
    tellRepeats(now: now)
    checkConfirmation(now: now)
    advanceChallenges(now: now)
    advanceSigners(now: now)
  }

  private mutating func tellRepeats(now: Instant) {
    for what in losses.isEmpty ? [] : losses.keys.sorted() {
      guard let count = losses[what]?.takeDue(now: now), count > 0 else { continue }
      _ = raiseLoss(of: what, count: count)
    }
    for index in stations.indices {
      let count = stations[index].restarts.takeDue(now: now)
      guard count > 0 else { continue }
      raiseRestart(
        station: index, "\(count) times more in 10 s, now with epoch \(stations[index].epoch)")
    }
  }

  private mutating func outcomeIsMissing(_ open: OpenUnit, station: Int, now: Instant) {
    let name = stations[station].settings.name
    let serial = serialText(open)
    endInDoubt(open, station: station, detail: "no outcome came in time")
    challengeUnitMissing(open, station: station, now: now)
    let message = "unit \(open.unit)\(serial.isEmpty ? "" : ", serial \(serial),") has no outcome"
    raise(.outcomeMissing, place: name, message: message, again: true)
    if open.verdict == .accept {
      withdrawPermit(.limitExceeded, station: station, detail: message, now: now)
    } else {
      raiseForPack(
        .rejectNotConfirmed, place: name,
        message: "unit \(open.unit) was to be rejected and nobody saw it leave")
      withdrawPermit(.rejectNotConfirmed, station: station, detail: message, now: now)
    }
  }

  /// A unit whose end nobody saw; its serial is held in doubt when it was the unit's own.
  private mutating func endInDoubt(_ open: OpenUnit, station: Int, detail: String) {
    emit(
      Record(
        .outcomeMissing, station: station, unit: open.unit, batch: open.batch, row: open.row,
        state: holdsSerial(open, station: station) ? .inDoubt : nil, detail: detail))
    notice(
      .unitInDoubt, .warning, "unit \(open.unit) is in doubt: \(detail)", station: station,
      unit: open.unit, serial: serialText(open))
  }

  // MARK: Scanner

  mutating func message(scanner: Int, bytes: [UInt8], now: Instant) {
    guard
      let index = stations.firstIndex(where: { $0.settings.scanners.contains(scanner) })
    else { return }
    var read = Tracking.Read(scanner: scanner, bytes: bytes)
    guard stations[index].settings.tracksTriggers else {
      judge(station: index, unit: 0, reads: [read], triggered: now, now: now)
      return
    }
    lookAhead(&read, station: index)
    if let decision = stations[index].tracking.message(read, now: now) {
      carryOut(decision, station: index, now: now)
    }
  }

  /// Takes a message apart as it comes and announces its serial, so that both are done when its trigger is there.
  ///
  /// Changes nothing of the core, and is `mutating` so that it gets no copy of it.
  private mutating func lookAhead(_ read: inout Tracking.Read, station: Int) {
    // Reads of several scanners are judged together.
    guard permit, let running = runningBatch, stations[station].settings.scanners.count == 1 else {
      return
    }
    let reading = Reading.of(
      read.bytes, scanner: settings.scanners[read.scanner], expected: batches[running].expected)
    if case .serial(let serial, _) = reading { batches[running].pool?.announce(serial.span) }
    read.early = Tracking.Read.Early(batch: batches[running].number, reading: reading)
  }

  mutating func scannerCame(_ scanner: Int) {
    guard !scannersOnline[scanner] else { return }
    scannersOnline[scanner] = true
    let name = settings.scanners[scanner].name
    emit(Record(.scannerOnline, detail: name))
    notice(.scannerOnline, .notice, "scanner \(name) is online")
    endAlarm(.scannerLost, place: name)
    endAlarm(.scannerFlooding, place: name)
    for kind in [AlarmKind.scannerUnframed, .scannerDrifted, .scannerRepeating] {
      endAlarm(kind, place: name)
    }
  }

  mutating func scannerWent(_ scanner: Int, reason: String, now: Instant) {
    let name = settings.scanners[scanner].name
    let message = "scanner \(name) is offline: \(reason)"
    if scannersOnline[scanner] {
      scannersOnline[scanner] = false
      emit(Record(.scannerOffline, detail: "\(name): \(reason)"))
      notice(.scannerLost, .error, message)
      if let index = stations.firstIndex(where: { $0.settings.scanners.contains(scanner) }),
        let decision = stations[index].tracking.interrupted(now: now)
      {
        carryOut(decision, station: index, now: now)
      }
    }
    raise(.scannerLost, place: name, message: message, again: false)
    if permit { withdrawPermit(.scannerLost, detail: message, now: now) }
  }

  mutating func scannerTrouble(_ scanner: Int, _ kind: AlarmKind, message: String?) {
    let name = settings.scanners[scanner].name
    if let message {
      raise(kind, place: name, message: "scanner \(name) \(message)", again: false)
    } else {
      endAlarm(kind, place: name)
    }
  }

  mutating func eventsLost(what: String, count: Int, now: Instant) {
    // While the line runs every loss stops it; one that stands is told now and then.
    let isTold = permit || losses[what, default: Repeats()].isNews(count, now: now)
    let message = isTold ? raiseLoss(of: what, count: count) : ""
    // What was lost may have been a trigger, a message or an outcome.
    for index in stations.indices {
      let wasInDoubt = stations[index].tracking.isInDoubt
      let decision = stations[index].tracking.oddStep(
        units: [], from: stations[index].lastUnit, to: stations[index].lastUnit, now: now)
      // A doubt that lasts on needs no further record.
      if isTold || !wasInDoubt { carryOut(decision, station: index, now: now) }
    }
    if isTold { withdrawPermit(.trackingInDoubt, detail: message, now: now) }
  }

  private mutating func raiseLoss(of what: String, count: Int) -> String {
    let message = "\(count) events of \(what) were lost: more came than could be taken"
    raise(.eventsLost, place: what, message: message, again: true)
    return message
  }

  // MARK: Tracking

  mutating func carryOut(_ decision: Tracking.Decision, station: Int, now: Instant) {
    switch decision {
    case .judge(let unit, let reads, let since):
      judge(station: station, unit: unit, reads: reads, triggered: since, now: now)
    case .doubt(let units, let reads, let cause):
      enterDoubt(station: station, units: units, reads: reads, cause: cause, now: now)
    case .rejectInDoubt(let unit):
      conclude(
        station: station, unit: unit,
        stations[station].doubtWhilePermitted ? .trackingInDoubt : lineVerdict ?? .trackingInDoubt,
        reads: [], now: now)
    case .stray(let read):
      keepStray([read], station: station, now: now)
    case .inStep:
      emit(Record(.trackingInStep, station: station))
      notice(.trackingInStep, .notice, "tracking is in step again", station: station)
      endAlarm(.trackingInDoubt, place: stations[station].settings.name)
    }
  }

  private mutating func enterDoubt(
    station: Int, units: [UInt16], reads: [Tracking.Read], cause: Tracking.Cause, now: Instant
  ) {
    let wasPermitted = permit
    stations[station].doubtWhilePermitted = wasPermitted
    emit(Record(.trackingDoubt, station: station, detail: cause.sentence))
    for unit in units {
      // The line's own reasons come first in the order of verdicts; while it was permitted, 15 is the reason.
      let verdict: Verdict =
        storageFault != nil ? .storageFault : wasPermitted ? .trackingInDoubt : .notPermitted
      conclude(station: station, unit: unit, verdict, reads: [], now: now)
    }
    keepStray(reads, station: station, now: now)
    guard cause != .unwatched else { return }
    guard wasPermitted else {
      // The line may still coast, or be released while they stand before the gate. Without a link nobody watches triggers,
      // and messages without one say nothing.
      if stations[station].link.generation != nil { withdrawAccepts(.trackingInDoubt, now: now) }
      return
    }
    notice(
      .trackingInDoubt, .error, "tracking in doubt: \(cause.sentence)", station: station)
    raise(
      .trackingInDoubt, place: stations[station].settings.name, message: cause.sentence, again: true
    )
    withdrawPermit(.trackingInDoubt, station: station, detail: cause.sentence, now: now)
  }

  private mutating func keepStray(_ reads: [Tracking.Read], station: Int, now: Instant) {
    for read in reads {
      let name = settings.scanners[read.scanner].name
      guard strays[read.scanner].kept.admits(now: now) else {
        guard strays[read.scanner].reportAt == nil else { continue }
        strays[read.scanner].reportAt = now + StrayReads.reportEvery
        strays[read.scanner].station = station
        raise(
          .scannerFlooding, place: name,
          message: "scanner \(name) sends without pause what belongs to no unit; reads beyond "
            + "\(StrayReads.burst) are counted and not kept", again: false)
        continue
      }
      emit(Record(.strayRead, station: station, raw: read.bytes, detail: name))
    }
  }

  /// Records how many stray reads were not kept; a time without any ends the alarm.
  mutating func reportStrays(_ scanner: Int, now: Instant?) {
    let name = settings.scanners[scanner].name
    let skipped = strays[scanner].kept.takeHeldBack()
    strays[scanner].reportAt = nil
    if skipped > 0 {
      emit(
        Record(
          .strayReadsSkipped, station: strays[scanner].station, number: UInt32(clamping: skipped),
          detail: name))
      strays[scanner].reportAt = now.map { $0 + StrayReads.reportEvery }
    } else {
      endAlarm(.scannerFlooding, place: name)
    }
  }

  // MARK: Verdict

  /// The verdict that the line's own state forces on every unit, or nil when it may pass some.
  private var lineVerdict: Verdict? {
    if storageFault != nil { return .storageFault }
    if runningBatch == nil || !permit { return .notPermitted }
    return nil
  }

  mutating func judge(
    station: Int, unit: UInt16, reads: [Tracking.Read], triggered: Instant, now: Instant
  ) {
    if let verdict = lineVerdict {
      conclude(station: station, unit: unit, verdict, reads: reads, now: now)
      return
    }
    guard let running = runningBatch else { return }
    let early = reads.count == 1 ? reads[0].early : nil
    let reading =
      if let early, early.batch == batches[running].number {
        early.reading
      } else {
        LineController.combine(
          reads, scanners: settings.scanners, expected: batches[running].expected)
      }
    switch reading {
    case .refused(let verdict, let detail):
      conclude(station: station, unit: unit, verdict, reads: reads, detail: detail, now: now)
    case .serial(let serial, let grade):
      judge(
        station: station, unit: unit, serial: serial, grade: grade, batch: running, reads: reads,
        triggered: triggered, now: now)
    }
  }

  /// The detail of a no-read whose scanner stayed silent.
  static let noMessage = "no message"

  /// One good read is enough; two different good codes are verdict 3 (contract, `[[station]] scanner`).
  private static func combine(
    _ reads: [Tracking.Read], scanners: [ScannerSettings], expected: Reading.Expected
  ) -> Reading {
    if reads.isEmpty { return .refused(.noRead, detail: noMessage) }
    if reads.count == 1 {
      return Reading.of(reads[0].bytes, scanner: scanners[reads[0].scanner], expected: expected)
    }
    var good: Tracking.Read?
    for read in reads where Reading.isGood(read.bytes, scanner: scanners[read.scanner]) {
      if let first = good {
        if first.bytes != read.bytes { return .refused(.severalCodes, detail: "") }
      } else {
        good = read
      }
    }
    if let good {
      return Reading.of(good.bytes, scanner: scanners[good.scanner], expected: expected)
    }
    // None is good: what was seen at all says more than a no-read.
    for read in reads {
      let reading = Reading.of(read.bytes, scanner: scanners[read.scanner], expected: expected)
      if case .refused(.noRead, _) = reading { continue }
      return reading
    }
    return .refused(.noRead, detail: "")
  }

  private mutating func judge(
    station: Int, unit: UInt16, serial: ArraySlice<UInt8>, grade: Int?, batch index: Int,
    reads: [Tracking.Read], triggered: Instant, now: Instant
  ) {
    guard let pool = batches[index].pool, let hit = pool.find(serial.span) else {
      conclude(station: station, unit: unit, .notInPool, reads: reads, now: now)
      return
    }
    let row = hit.row
    var verdict = hit.word.verdict
    var detail = ""
    if verdict == .accept, let window = settings.orderWindow,
      let breach = batches[index].order?.breach(row, window: window)
    {
      verdict = .outOfPrintOrder
      detail = breach
    }
    if verdict == .accept, let grade, grade < settings.minimumGradeTenths { verdict = .gradeTooLow }
    if stations[station].challenge != nil {
      // What runs through a challenge test touches no serial; a good pack may come again afterwards.
      conclude(
        station: station, unit: unit, verdict == .accept ? .notPermitted : verdict, reads: reads,
        detail: verdict == .accept ? "a good pack during a challenge test" : detail, now: now)
      return
    }
    var state: SerialState?
    if verdict == .accept {
      let taken: SerialState = stations[station].settings.tracksTriggers ? .encoded : .commissioned
      let change = pool.change(at: row) { $0.taken(as: taken, station: station, unit: unit) }
      if change.new != nil { state = taken } else { verdict = change.old.verdict }
    }
    conclude(
      station: station, unit: unit, verdict, reads: reads, batch: batches[index].number, row: row,
      state: state, detail: detail, triggered: triggered, now: now)
  }

  /// Records a verdict and sends it: a reject at once, an accept when its record is on disk.
  private mutating func conclude(
    station: Int, unit: UInt16, _ verdict: Verdict, reads: [Tracking.Read], batch: UInt32? = nil,
    row: Int32 = -1, state: SerialState? = nil, detail: String = "", triggered: Instant? = nil,
    now: Instant
  ) {
    var raw = reads.first?.bytes ?? []
    var detail = detail
    if stations[station].settings.scanners.count > 1 {
      // Reads of several scanners stand one after the other; the lengths tell them apart.
      raw = reads.flatMap(\.bytes)
      let lengths = reads.map { "\(settings.scanners[$0.scanner].name) \($0.bytes.count)" }
      detail = (detail.isEmpty ? "" : detail + "; ") + "reads: " + lengths.joined(separator: ", ")
    }
    let running = runningBatch
    var passed: Int?
    var number: UInt32 = 0
    var challenge: UInt32 = 0
    // Asked for first: to look into what is there copies the whole batch, or station.
    if let running {
      if batches[running].order != nil { passed = batches[running].order?.next }
      number = batches[running].number
    }
    if stations[station].challenge != nil { challenge = stations[station].challenge?.number ?? 0 }
    emit(
      Record(
        .verdict, station: station, unit: unit,
        batch: batch ?? number, row: row,
        code: verdict.rawValue, number: challenge, state: state, raw: raw, detail: detail))
    if stations[station].settings.tracksTriggers {
      stations[station].stampLastUnit(moving: stations[station].moving(at: now))
    }
    if verdict == .accept {
      if unit != 0, let generation = stations[station].link.generation {
        let deadline = stations[station].settings.verdictDeadline
        waitingAccepts.append(
          (
            station: station, unit: unit, generation: generation,
            due: deadline.map { (triggered ?? now) + $0 }
          ))
      }
    } else {
      order(station: station, unit: unit, verdict)
      notice(
        .unitRejected, .information,
        "unit \(unit) rejected: \(verdict.phrase)"
          + (detail.isEmpty ? "" : " (\(detail))"), station: station, unit: unit,
        serial: row >= 0 ? serialText(batch: batch ?? 0, row: row) : serialText(reads))
    }
    checkPrintOrder(passed: passed, batch: running, now: now)
    checkLimits(station: station, now: now)
    if verdict == .duplicate {
      checkDuplicates(station: station, unit: unit, batch: batch ?? 0, row: row, now: now)
    }
    boundOpenUnits(station: station, now: now)
  }

  private mutating func checkLimits(station: Int, now: Instant) {
    guard permit else { return }
    let name = stations[station].settings.name
    let rejects = stations[station].rejectsInARow
    let noReads = stations[station].noReadsInARow
    if settings.limits.consecutiveRejects > 0, rejects >= settings.limits.consecutiveRejects {
      let message = "\(rejects) rejects in a row at station \(name)"
      raise(.consecutiveRejects, place: name, message: message, again: true)
      withdrawPermit(.limitExceeded, station: station, detail: message, now: now)
    }
    if settings.limits.consecutiveNoReads > 0, noReads >= settings.limits.consecutiveNoReads {
      let message = "\(noReads) no-reads in a row at station \(name)"
      raise(.consecutiveNoReads, place: name, message: message, again: true)
      withdrawPermit(.limitExceeded, station: station, detail: message, now: now)
    }
  }

  /// Packs of a challenge test are not counted: one of them is such a pack.
  private mutating func checkDuplicates(
    station: Int, unit: UInt16, batch: UInt32, row: Int32, now: Instant
  ) {
    let limit = settings.limits.duplicates
    guard permit, limit > 0, duplicates >= limit, stations[station].challenge == nil else { return }
    let name = stations[station].settings.name
    let message =
      "serial \(serialText(batch: batch, row: row)) of unit \(unit) at station \(name) belongs to "
      + "another pack" + (duplicates > 1 ? "; \(duplicates) such reads since the release" : "")
    raise(.duplicateFound, place: name, message: message, again: true)
    withdrawPermit(.limitExceeded, station: station, detail: message, now: now)
  }

  private mutating func boundOpenUnits(station: Int, now: Instant) {
    while stations[station].unended > LineController.openUnitsMax,
      let oldest = stations[station].openUnits.first(where: { !$0.isMissing })
    {
      outcomeIsMissing(oldest, station: station, now: now)
    }
  }

  // MARK: PLC

  mutating func plc(station: Int, _ event: PLCEvent, now: Instant) {
    switch event {
    case .linked(let generation, let newEpoch, let snapshot):
      linked(station: station, generation, newEpoch: newEpoch, snapshot, now: now)
    case .lost(let fault):
      lost(station: station, fault, now: now)
    case .changed(let snapshot, let earliest):
      changed(station: station, snapshot, after: earliest, now: now)
    case .taken(let unit, let verdict):
      stations[station].verdictNotTaken = nil
      taken(station: station, unit: unit, verdict: verdict)
    case .outcome(let sequence, let unit, let outcome):
      // A core that took over after a storage fault waits for its own link: the old one has read on without recording.
      guard stations[station].link.generation != nil else { return }
      stations[station].outcomeUnreadable = nil
      self.outcome(station: station, sequence: sequence, unit: unit, code: outcome, now: now)
    case .verdictNotTaken(let unit):
      stations[station].verdictNotTaken = unit
      let message =
        "PLC \(stations[station].settings.plc) has not taken the verdict for unit \(unit)"
      raise(
        .verdictNotTaken, place: stations[station].settings.name, message: message, again: true)
      withdrawPermit(.limitExceeded, station: station, detail: message, now: now)
    case .outcomeUnreadable(let sequence):
      stations[station].outcomeUnreadable = sequence
      let message =
        "PLC \(stations[station].settings.plc) says outcome \(sequence) is written, "
        + "but its slot does not hold it"
      raise(
        .outcomeUnreadable, place: stations[station].settings.name, message: message, again: true)
      withdrawPermit(.limitExceeded, station: station, detail: message, now: now)
    case .commandDone:
      endAlarm(.commandNotDone, place: stations[station].settings.name)
    case .commandNotDone(let command):
      commandNotDone(command, station: station)
    case .acceptLate(let unit):
      guard let open = stations[station].open(unit), open.verdict == .accept, !open.isMissing else {
        return
      }
      acceptIsLate(open, station: station)
    }
  }

  /// An accept that was not sent because its unit may be at the gate by now, or past it: the unit is a reject.
  mutating func acceptIsLate(_ open: OpenUnit, station: Int) {
    let name = stations[station].settings.name
    withdraw(open, station: station, .trackingInDoubt)
    let limit = stations[station].settings.verdictDeadline?.nanoseconds ?? 0
    raise(
      .acceptLate, place: name,
      message:
        "the accept of unit \(open.unit) could not leave within \(limit / 1_000_000) ms after its "
        + "trigger and was not sent; the pack is rejected", again: true)
  }

  private mutating func linked(
    station: Int, _ generation: LinkGeneration, newEpoch: Bool, _ snapshot: PLCSnapshot,
    now: Instant
  ) {
    let name = stations[station].settings.name
    let wasUp = stations[station].link.generation != nil
    if permit || stations[station].everLinked {
      withdrawPermit(
        .linkLost, station: station,
        detail: wasUp ? "the PLC started anew" : "the PLC link was just re-established", now: now)
    }
    let moved =
      stations[station].settings.tracksTriggers && stations[station].movedUnwatched(snapshot)
    stations[station].link = .up(generation, snapshot)
    // A command belongs to the link for which it was given.
    stations[station].command = nil
    stations[station].stopCommanded = nil
    stations[station].verdictNotTaken = nil
    stations[station].outcomeUnreadable = nil
    stations[station].everLinked = true
    stations[station].lastUnit = snapshot.lastUnit
    // The last unit's number belongs to whoever saw it; what waited for a message gets no verdict any more.
    let decision =
      moved
      ? stations[station].tracking.movedUnwatched(now: now)
      : stations[station].tracking.interrupted(now: now)
    if let decision {
      carryOut(decision, station: station, now: now)
    }
    emit(
      Record(
        .linkUp, station: station, code: snapshot.epoch,
        detail: newEpoch ? "new epoch" : "same epoch"))
    notice(
      .linkUp, .notice, "link to PLC \(stations[station].settings.plc) stands", station: station)
    endAlarm(.linkLost, place: name)
    if snapshot.mapVersion == 1 && snapshot.epoch != 0 && snapshot.epoch != stations[station].epoch
    {
      let before = stations[station].epoch
      for open in stations[station].openUnits where !open.isMissing {
        endInDoubt(open, station: station, detail: "the PLC started anew and forgot it")
      }
      emit(Record(.epoch, station: station, code: snapshot.epoch, detail: "before: \(before)"))
      if before != 0 {
        if stations[station].restarts.isNews(now: now) {
          raiseRestart(station: station, "(epoch \(snapshot.epoch))")
        }
      }
    }
    // No outcome will tell of them. What the PLC took, or takes from its ring yet, the link says after this.
    if !stations[station].settings.gateOutcomes {
      for open in stations[station].openUnits where open.verdict == .accept && !open.isMissing {
        endInDoubt(
          open, station: station, detail: "nobody knows whether the PLC has taken its accept")
      }
    }
    // A withdrawal that found no link: within its epoch the PLC still holds the accept.
    for open in stations[station].openUnits where open.isWithdrawn && !open.isMissing {
      order(station: station, unit: open.unit, open.verdict)
    }
    if snapshot.permitObeyed && !permit && stopDeadline == nil {
      // It must have latched a stop while the link was down; hold it to that.
      stopDeadline = now + settings.limits.stopConfirm
      if secondStopDeadline == nil { secondStopDeadline = stopDeadline }
    }
    show(snapshot, station: station, now: now)
  }

  private mutating func raiseRestart(station: Int, _ what: String) {
    let message = "PLC \(stations[station].settings.plc) started anew \(what)"
    raise(.plcRestarted, place: stations[station].settings.name, message: message, again: true)
    notice(.plcRestarted, .warning, message, station: station)
  }

  private mutating func lost(station: Int, _ fault: LinkFault, now: Instant) {
    let name = stations[station].settings.name
    let message = "PLC \(stations[station].settings.plc): \(fault.phrase)"
    if stations[station].link.generation != nil {
      stations[station].link = .down
      stations[station].setMoving(false, now: now)
      emit(Record(.linkDown, station: station, detail: fault.phrase))
      notice(.linkLost, .error, "link lost: \(message)", station: station)
      if let decision = stations[station].tracking.interrupted(now: now) {
        carryOut(decision, station: station, now: now)
      }
      withdrawPermit(.linkLost, station: station, detail: message, now: now)
    }
    if fault != .notConnected && fault != .reconnecting {
      raise(.linkLost, place: name, message: message, again: false)
    }
  }

  private mutating func changed(
    station: Int, _ snapshot: PLCSnapshot, after earliest: Instant?, now: Instant
  ) {
    guard case .up(let generation, let before) = stations[station].link else { return }
    stations[station].link = .up(generation, snapshot)
    if snapshot.mapVersion == 1 && snapshot.epoch != 0 && stations[station].settings.tracksTriggers
    {
      triggers(station: station, snapshot, after: earliest, now: now)
    } else {
      stations[station].lastUnit = snapshot.lastUnit
    }
    if permit, let fault = mapFault(snapshot, station: station),
      mapFault(before, station: station) == nil
    {
      withdrawPermit(.wrongMapVersion, station: station, detail: fault, now: now)
    }
    commandRelease(now: now)
    show(snapshot, station: station, now: now)
  }

  /// What follows from a header besides triggers: conveyor, readiness, version, echo.
  private mutating func show(_ snapshot: PLCSnapshot, station: Int, now: Instant) {
    let name = stations[station].settings.name
    stations[station].setMoving(snapshot.inputs.contains(.conveyorMoving), now: now)
    if let fault = mapFault(snapshot, station: station) {
      let isVersion = snapshot.mapVersion != 1
      endAlarm(isVersion ? .epochMissing : .wrongMapVersion, place: name)
      raise(isVersion ? .wrongMapVersion : .epochMissing, place: name, message: fault, again: false)
    } else {
      endAlarm(.wrongMapVersion, place: name)
      endAlarm(.epochMissing, place: name)
    }
    if snapshot.mapVersion == 1, !snapshot.inputs.isDisjoint(with: .notReady) {
      var causes: [String] = []
      if snapshot.inputs.contains(.rejectBinFull) { causes.append("reject bin full") }
      if snapshot.inputs.contains(.guardOrEmergencyStop) {
        causes.append("guard open or emergency stop")
      }
      if snapshot.inputs.contains(.airPressureLow) { causes.append("reject air pressure low") }
      let message = "station \(name): " + causes.joined(separator: ", ")
      raise(.machineNotReady, place: name, message: message, again: false)
      if permit { withdrawPermit(.machineNotReady, station: station, detail: message, now: now) }
    } else {
      endAlarm(.machineNotReady, place: name)
    }
    checkConfirmation(now: now)
  }

  /// Why a PLC's registers cannot be gone by, nil when they can.
  @inline(__always)
  func mapFault(_ snapshot: PLCSnapshot, station: Int) -> String? {
    let plc = stations[station].settings.plc
    if snapshot.mapVersion != 1 {
      return "PLC \(plc) has register map version \(snapshot.mapVersion), not 1"
    }
    return snapshot.epoch == 0
      ? "PLC \(plc) has epoch 0: its program has not set one since its start" : nil
  }

  private mutating func triggers(
    station: Int, _ snapshot: PLCSnapshot, after earliest: Instant?, now: Instant
  ) {
    let from = stations[station].lastUnit
    let to = snapshot.lastUnit
    guard from != to else { return }
    stations[station].lastUnit = to
    let steps = Counter.steps(from: from, to: to)
    if steps == 1 {
      if let decision = stations[station].tracking.trigger(unit: to, after: earliest, now: now) {
        carryOut(decision, station: station, now: now)
      }
      return
    }
    // Steps that a burst between two polls can explain are units; a leap is not, and names only its last.
    var units: [UInt16] = []
    if let steps, steps < stations[station].settings.slots {
      var unit = from
      for _ in 0..<steps {
        unit = Counter.next(after: unit)
        units.append(unit)
      }
    } else if to >= 1, to <= Counter.max {
      units = [to]
    }
    let decision = stations[station].tracking.oddStep(units: units, from: from, to: to, now: now)
    carryOut(decision, station: station, now: now)
  }

  private mutating func taken(station: Int, unit: UInt16, verdict: UInt16) {
    guard !stations[station].settings.gateOutcomes, verdict == Verdict.accept.rawValue,
      let open = stations[station].open(unit), open.verdict == .accept
    else { return }
    emit(
      Record(
        .acceptTaken, station: station, unit: unit, batch: open.batch, row: open.row,
        state: .commissioned))
  }

  /// Takes what the PLC reports of a unit at the gate.
  mutating func outcome(
    station: Int, sequence: UInt16, unit: UInt16, code: UInt16, now: Instant
  ) {
    if storageFault != nil { return }
    // After a reconnection the link reads again from the last one acknowledged.
    let back = Counter.steps(from: sequence, to: stations[station].outcomeSequence)
    if stations[station].outcomeSequence != 0, let back, back < stations[station].settings.slots {
      // It is on disk; the PLC waits for hearing of it, perhaps because that order found no link.
      waitingOutcomes.insert(station)
      return
    }
    if let decision = stations[station].tracking.outcomeCame(unit: unit, now: now) {
      carryOut(decision, station: station, now: now)
    }
    let name = stations[station].settings.name
    let open = stations[station].open(unit)
    let outcome = Outcome(rawValue: code)
    let accepted = open?.verdict == .accept && !(open?.isMissing ?? false)
    let detail =
      open == nil
      ? "no verdict on record; counts as rejected by 15"
      : outcome == nil ? "the PLC reported the unknown outcome \(code)" : ""
    emit(
      Record(
        .outcome, station: station, unit: unit, batch: open?.batch ?? 0, row: open?.row ?? -1,
        code: code, number: UInt32(sequence),
        state: open.flatMap { stateAfter(outcome, station: station, open: $0, accepted: accepted) },
        detail: detail))
    waitingOutcomes.insert(station)
    defer {
      if let open, open.challenge != 0, !open.isMissing {
        challengeOutcome(
          outcome, of: open, station: station, pack: "unit \(unit)", now: now)
      }
    }
    let serial = open.map { serialText($0) } ?? ""
    let pack = "unit \(unit)" + (serial.isEmpty ? "" : ", serial \(serial)")
    switch outcome {
    case .passed where !accepted:
      let verdict = open.map { "verdict \($0.verdict.rawValue), \($0.verdict.phrase)" }
      let message =
        "\(pack) passed station \(name) without an accept (\(verdict ?? "no verdict on record"))"
      if open?.isMissing == true && open?.verdict == .accept {
        // It was accepted and came late: its serial stays in doubt until a person has looked, but nothing bad passed.
        notice(
          .unitInDoubt, .warning, "\(pack): its outcome came late", station: station, unit: unit)
        return
      }
      raiseForPack(.badPackPassed, place: name, message: message)
      notice(.badPackPassed, .critical, message, station: station, unit: unit, serial: serial)
      withdrawPermit(.badPackPassed, station: station, detail: message, now: now)
    case .rejected where accepted, .noVerdictInTime where accepted:
      raise(
        .acceptNotFollowed, place: name,
        message: "\(pack) was accepted, and the gate rejected it (\(outcome?.phrase ?? ""))",
        again: true)
    case .passed, .rejected, .takenByHand, .noVerdictInTime:
      break
    case .rejectNotSeen, nil:
      rejectUnseen(
        station: station, message: "\(pack): the reject was not seen", unit: unit, now: now)
    case .lost where open?.verdict == .accept:
      raise(.unitLost, place: name, message: "\(pack) was lost before the gate", again: true)
    case .lost:
      rejectUnseen(
        station: station, message: "\(pack) was to be rejected and was lost", unit: unit, now: now)
    }
  }

  private mutating func rejectUnseen(station: Int, message: String, unit: UInt16, now: Instant) {
    let name = stations[station].settings.name
    raiseForPack(.rejectNotConfirmed, place: name, message: message)
    notice(.rejectNotConfirmed, .error, message, station: station, unit: unit)
    withdrawPermit(.rejectNotConfirmed, station: station, detail: message, now: now)
  }

  /// What becomes of a serial, nil when it stays what it is (contract, the table of that name).
  private func stateAfter(
    _ outcome: Outcome?, station: Int, open: OpenUnit, accepted: Bool
  ) -> SerialState? {
    guard open.row >= 0, !open.isMissing else { return nil }
    let isOwn = holdsSerial(open, station: station)
    switch outcome {
    case .passed: return accepted && isOwn ? .commissioned : .inDoubt
    case .rejected, .takenByHand, .noVerdictInTime: return isOwn ? .inactive : nil
    case .rejectNotSeen, .lost, nil: return .inDoubt
    }
  }

  /// Whether this unit is the one that holds the serial it was read with: of a duplicate, another unit does.
  func holdsSerial(_ open: OpenUnit, station: Int) -> Bool {
    guard open.row >= 0, let index = batchIndex(open.batch), let pool = batches[index].pool else {
      return false
    }
    return pool.word(at: open.row).isReserved(station: station, unit: open.unit)
  }

  /// The serial that a read names though no pool has it, or nobody looked.
  private func serialText(_ reads: [Tracking.Read]) -> String {
    for read in reads {
      if let serial = Reading.serial(of: read.bytes, scanner: settings.scanners[read.scanner]) {
        return serial
      }
    }
    return ""
  }

  func serialText(_ open: OpenUnit) -> String { serialText(batch: open.batch, row: open.row) }

  func serialText(batch: UInt32, row: Int32) -> String {
    guard row >= 0, let index = batchIndex(batch), let pool = batches[index].pool,
      Int(row) < pool.count
    else { return "" }
    return pool.serial(at: row)
  }
}
