internal import Alarms

/// What people order, each with a name on it.
extension LineController {
  mutating func command(id: UInt64, _ command: LineCommand, actor: String, now: Instant) {
    if let storageFault, !isSafeWithoutStorage(command) {
      answer(id, .storageFault(storageFault))
      return
    }
    switch command {
    case .batchOpen(let batch, let description):
      openBatch(id, batch, description: description, actor: actor)
    case .batchStart(let name): startBatch(id, name, actor: actor)
    case .batchPause(let name): pauseBatch(id, name, actor: actor)
    case .batchClose(let name): closeBatch(id, name, actor: actor)
    case .release: release(id, actor: actor, now: now)
    case .stop(let reason):
      let stood = !permit
      withdrawPermit(.operatorStop, actor: actor, detail: reason, now: now)
      if storageFault != nil {
        answer(id, .done("stopped; the stop could not be recorded: the storage is broken"))
      } else {
        finish(id, stood ? "the line stands already; the stop is noted" : "stopped")
      }
    case .acknowledge(let alarm, let occurrence, let comment):
      acknowledge(id, alarm, occurrence: occurrence, comment: comment, actor: actor)
    case .reset(let alarm): reset(id, alarm, actor: actor)
    case .reload(let settings, let detail): reload(id, settings, detail: detail, actor: actor)
    case .shutDown:
      withdrawPermit(.startUp, actor: actor, detail: "the daemon ends", now: now)
      emit(Record(.stopped, actor: actor))
      finish(id, "stopped")
    }
  }

  /// Stopping is always possible.
  private func isSafeWithoutStorage(_ command: LineCommand) -> Bool {
    switch command {
    case .stop, .shutDown: true
    default: false
    }
  }

  /// Answers now: nothing was changed.
  private mutating func answer(_ id: UInt64, _ result: CommandResult) {
    outbox.actions.append(.reply(id: id, result))
  }

  /// Answers when the turn's records are on disk.
  private mutating func finish(_ id: UInt64, _ text: String) {
    if storageFault != nil {
      answer(id, .done(text))
    } else {
      waitingReplies.append((id: id, result: .done(text)))
    }
  }

  private mutating func refuse(
    _ id: UInt64, _ what: String, _ sentence: String, causes: [String] = [], actor: String
  ) {
    emit(
      Record(
        .commandRefused, actor: actor,
        detail: "\(what): \(([sentence] + causes).joined(separator: "; "))"))
    notice(.commandRefused, .notice, "\(what) refused to \(actor): \(sentence)")
    answer(id, .refused(sentence, causes: causes))
  }

  // MARK: Permit

  private mutating func release(_ id: UInt64, actor: String, now: Instant) {
    if permit {
      finish(id, "the line is released already")
      return
    }
    let obstacles = releaseObstacles()
    guard obstacles.isEmpty else {
      refuse(id, "line release", "the line cannot be released", causes: obstacles, actor: actor)
      return
    }
    latched = []
    permit = true
    stopDeadline = nil
    endAlarm(.stopNotConfirmed, place: "")
    emit(Record(.permitGiven, actor: actor))
    for kind in LineController.momentary {
      for alarm in alarms.active where alarm.kind == kind && alarm.causeStands {
        endAlarm(kind, place: alarm.place)
      }
    }
    notice(.permitGiven, .notice, "run permit given by \(actor)")
    finish(id, "released")
  }

  // MARK: Batches

  private mutating func openBatch(
    _ id: UInt64, _ batch: Batch, description: [UInt8], actor: String
  ) {
    guard !batches.contains(where: { $0.id == batch.id }) else {
      refuse(
        id, "batch open", "batch \(batch.id) exists already; ids are never used again", actor: actor
      )
      return
    }
    guard !batches.contains(where: { $0.number == batch.number }) else {
      refuse(id, "batch open", "another batch was opened meanwhile; try again", actor: actor)
      return
    }
    emit(
      Record(.batchOpened, batch: batch.number, raw: description, actor: actor, detail: batch.id))
    adopt(batch)
    notice(
      .batchOpened, .notice, "batch \(batch.id) opened with \(batch.poolCount) serials by \(actor)")
    finish(id, "batch \(batch.id) opened with \(batch.poolCount) serials")
  }

  /// The batch that a command means, by id or as the only one in one of these states.
  private func meant(_ name: String?, in states: [BatchState]) -> Result<Int, Meaning> {
    if let name {
      guard let index = batches.firstIndex(where: { $0.id == name }) else {
        return .failure(.unknown("there is no batch \(name)"))
      }
      return .success(index)
    }
    let candidates = batches.indices.filter { states.contains(batches[$0].state) }
    if candidates.count == 1 { return .success(candidates[0]) }
    if candidates.isEmpty { return .failure(.refused("there is no batch to do this with")) }
    let names = candidates.map { batches[$0].id }.joined(separator: ", ")
    return .failure(.refused("several batches can be meant (\(names)): name one with --id"))
  }

  private enum Meaning: Error {
    case unknown(String)
    case refused(String)
  }

  private mutating func startBatch(_ id: UInt64, _ name: String?, actor: String) {
    withMeant(id, "batch start", name, in: [.open, .paused], actor: actor) { line, index in
      let batch = line.batches[index]
      switch batch.state {
      case .open, .paused: break
      case .running: return "batch \(batch.id) is running already"
      case .closed: return "batch \(batch.id) is closed; a closed batch is not started again"
      }
      if let obstacle = line.obstacleToChange(unitsMustEnd: true) { return obstacle }
      if let running = line.runningBatch {
        return "batch \(line.batches[running].id) is running; pause or close it first"
      }
      line.emit(Record(.batchStarted, batch: batch.number, actor: actor, detail: batch.id))
      line.notice(.batchStarted, .notice, "batch \(batch.id) started by \(actor)")
      line.finish(id, "batch \(batch.id) is running; release the line to begin")
      return nil
    }
  }

  private mutating func pauseBatch(_ id: UInt64, _ name: String?, actor: String) {
    withMeant(id, "batch pause", name, in: [.running], actor: actor) { line, index in
      let batch = line.batches[index]
      guard batch.state == .running else { return "batch \(batch.id) is not running" }
      if let obstacle = line.obstacleToChange(unitsMustEnd: false) { return obstacle }
      line.emit(Record(.batchPaused, batch: batch.number, actor: actor, detail: batch.id))
      line.notice(.batchPaused, .notice, "batch \(batch.id) paused by \(actor)")
      line.finish(id, "batch \(batch.id) is paused")
      return nil
    }
  }

  private mutating func closeBatch(_ id: UInt64, _ name: String?, actor: String) {
    withMeant(id, "batch close", name, in: [.running, .paused, .open], actor: actor) {
      line, index in
      let batch = line.batches[index]
      guard batch.state != .closed else { return "batch \(batch.id) is closed already" }
      if let obstacle = line.obstacleToChange(unitsMustEnd: true) { return obstacle }
      let counts = SerialState.allCases.compactMap { state in
        batch.counts[state].flatMap { $0 == 0 ? nil : "\(state.word) \($0)" }
      }
      line.emit(
        Record(
          .batchClosed, batch: batch.number,
          number: UInt32(clamping: batch.counts[.commissioned] ?? 0),
          actor: actor, detail: "\(batch.id): \(counts.joined(separator: ", "))"))
      line.notice(.batchClosed, .notice, "batch \(batch.id) closed by \(actor)")
      line.finish(id, "batch \(batch.id) is closed: \(counts.joined(separator: ", "))")
      return nil
    }
  }

  /// Finds the batch and lets `change` do its work; a sentence from it refuses the command.
  private mutating func withMeant(
    _ id: UInt64, _ what: String, _ name: String?, in states: [BatchState], actor: String,
    change: (inout LineController, Int) -> String?
  ) {
    switch meant(name, in: states) {
    case .failure(.unknown(let sentence)): answer(id, .unknown(sentence))
    case .failure(.refused(let sentence)): refuse(id, what, sentence, actor: actor)
    case .success(let index):
      if let sentence = change(&self, index) { refuse(id, what, sentence, actor: actor) }
    }
  }

  private func obstacleToChange(unitsMustEnd: Bool) -> String? {
    if permit { return "the line is permitted to run; stop it first (lineward line stop)" }
    guard unitsMustEnd else { return nil }
    let open = stations.reduce(0) { $0 + $1.unended }
    return open == 0 ? nil : "\(open) units on the line have no end yet; let them reach the gate"
  }

  // MARK: Alarms and configuration

  private mutating func acknowledge(
    _ id: UInt64, _ name: String, occurrence: UInt32, comment: String, actor: String
  ) {
    let alarm: Alarm
    do throws(AlarmList.Refusal) {
      alarm = try alarms.checkAcknowledge(id: name, occurrence: occurrence)
    } catch {
      refuseAlarm(id, "ack \(name)", error, name: name, actor: actor)
      return
    }
    emit(
      Record(
        .alarmAcknowledged, code: alarm.kind.rawValue, number: occurrence,
        raw: Array(alarm.place.utf8), actor: actor, detail: comment))
    notice(.alarmAcknowledged, .notice, "alarm \(name) acknowledged by \(actor)")
    finish(id, "alarm \(name), occurrence \(occurrence), acknowledged")
  }

  private mutating func reset(_ id: UInt64, _ name: String, actor: String) {
    let alarm: Alarm
    do throws(AlarmList.Refusal) {
      alarm = try alarms.checkReset(id: name)
    } catch {
      refuseAlarm(id, "reset \(name)", error, name: name, actor: actor)
      return
    }
    emit(
      Record(
        .alarmReset, code: alarm.kind.rawValue, number: alarm.occurrence,
        raw: Array(alarm.place.utf8), actor: actor))
    notice(.alarmReset, .notice, "alarm \(name) reset by \(actor)")
    finish(id, "alarm \(name) reset")
  }

  private mutating func refuseAlarm(
    _ id: UInt64, _ what: String, _ refusal: AlarmList.Refusal, name: String, actor: String
  ) {
    switch refusal {
    case .noSuchAlarm: answer(id, .unknown("there is no active alarm \(name)"))
    case .otherOccurrence(let current):
      refuse(
        id, what, "that occurrence is over; occurrence \(current) stands now: look at it first",
        actor: actor)
    case .alreadyAcknowledged: refuse(id, what, "it is acknowledged already", actor: actor)
    case .notLatched: refuse(id, what, "it is not latched; it ends with its cause", actor: actor)
    case .notAcknowledged: refuse(id, what, "acknowledge it first", actor: actor)
    case .causeStands: refuse(id, what, "its cause still stands", actor: actor)
    }
  }

  private mutating func reload(
    _ id: UInt64, _ new: LineSettings, detail: String, actor: String
  ) {
    guard new.line == settings.line, new.scanners.map(\.name) == settings.scanners.map(\.name),
      new.stations.map(\.name) == settings.stations.map(\.name),
      zip(new.stations, settings.stations).allSatisfy({
        $0.scanners == $1.scanners && $0.plc == $1.plc && $0.slots == $1.slots
          && $0.tracksTriggers == $1.tracksTriggers && $0.gateOutcomes == $1.gateOutcomes
      })
    else {
      refuse(
        id, "reload", "line, scanners, PLCs and stations change only with a restart", actor: actor)
      return
    }
    settings = new
    for index in stations.indices {
      stations[index].settings = new.stations[index]
      stations[index].tracking.adopt(new.stations[index])
    }
    emit(Record(.reloaded, actor: actor, detail: detail))
    notice(.reloaded, .notice, "configuration loaded anew")
    finish(id, "configuration loaded anew")
  }
}
