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
    case .batchClose(let name, let balance):
      closeBatch(id, name, balance: balance, actor: actor)
    case .serial(let act, let serial, let gtin, let evidence, let reason):
      self.serial(
        id, act, serial, gtin: gtin, evidence: evidence, reason: reason, actor: actor)
    case .closedSerial(let act, let closed, let evidence, let reason):
      serial(id, act, of: closed, evidence: evidence, reason: reason, actor: actor)
    case .release: release(id, actor: actor, now: now)
    case .stop(let reason):
      let stood = !permit
      withdrawPermit(.operatorStop, actor: actor, detail: reason, now: now)
      if storageFault != nil {
        answer(id, .done("stopped; the stop could not be recorded: the storage is broken"))
      } else {
        finish(id, stood ? "the line stands already; the stop is noted" : "stopped")
      }
    case .acknowledge, .reset, .shelve, .unshelve, .outOfService, .inService:
      alarmCommand(id: id, command, actor: actor)
    case .reload(let settings, let detail, let recorded):
      reload(id, settings, detail: detail, recorded: recorded, actor: actor)
    case .export(let name): export(id, name, actor: actor)
    case .scannerTaught(let detail):
      emit(Record(.scannerTaught, actor: actor, detail: detail))
      finish(id, "taught")
    case .scannerNotTaught(let scanner, let sentence):
      refuse(
        id, "scanners teach \(scanner)", "the scanner is not taught: \(sentence)", actor: actor)
    case .scannerTrigger(let scanner):
      guard !permit else {
        // A message that no pack triggered would put the line in doubt.
        refuse(
          id, "scanners trigger \(scanner)",
          "the line runs, and a read without a pack would stop it: stop the line first",
          actor: actor)
        return
      }
      emit(Record(.scannerTriggered, actor: actor, detail: scanner))
      finish(id, "triggered")
    case .challengeStart(let station): startChallenge(id, station, actor: actor, now: now)
    case .challengeCancel(let station, let reason):
      cancelChallenge(id, station, reason: reason, actor: actor, now: now)
    case .rotateKey(let change, let reason):
      emit(Record(.keyChanged, code: 1, raw: change, actor: actor, detail: reason))
      notice(.keyRotated, .notice, "the signing key was changed by \(actor): \(reason)")
      finish(
        id, "the signing key is changed; keep the new head-key.pub elsewhere, beside the old one")
    case .archive(let folder, let lastBatch, let description):
      archive(id, folder, lastBatch: lastBatch, description: description, actor: actor)
    case .containment(let command, let roles):
      containment(id, command, roles: roles, actor: actor, now: now)
    case .sign(let order, let command): sign(id, order, with: command, actor: actor, now: now)
    case .signatureRefused(let reason, let login, let what):
      refuseSignature(id, reason, login: login, what: what, actor: actor)
    case .shutDown:
      withdrawPermit(.startUp, actor: actor, detail: "the daemon ends", now: now)
      for scanner in strays.indices where strays[scanner].reportAt != nil {
        reportStrays(scanner, now: nil)
      }
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
  mutating func answer(_ id: UInt64, _ result: CommandResult) {
    outbox.actions.append(.reply(id: id, result))
  }

  /// Answers when the turn's records are on disk.
  mutating func finish(_ id: UInt64, _ text: String) {
    if storageFault != nil {
      answer(id, .done(text))
    } else {
      waitingReplies.append((id: id, result: .done(text)))
    }
  }

  mutating func refuse(
    _ id: UInt64, _ what: String, _ sentence: String, causes: [String] = [], actor: String
  ) {
    emit(
      Record(
        .commandRefused, actor: actor,
        detail: "\(what): \(([sentence] + causes).joined(separator: "; "))"))
    notice(.commandRefused, .notice, "\(what) refused to \(actor): \(sentence)")
    answer(id, .refused(sentence, causes: causes))
  }

  /// Refuses a person who may not, whatever becomes of the line.
  mutating func forbid(_ id: UInt64, _ what: String, _ sentence: String, actor: String) {
    emit(Record(.commandRefused, actor: actor, detail: "\(what): \(sentence)"))
    notice(.commandRefused, .notice, "\(what) refused to \(actor): \(sentence)")
    answer(id, .notPermitted(sentence))
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
    guard isSigned(id, .release, "line release", actor: actor) else { return }
    emitSignature()
    latched = []
    permit = true
    stopDeadline = nil
    feed.lineRuns(from: now)
    secondStopDeadline = nil
    for index in stations.indices { stations[index].forgetCommands() }
    endAlarm(.stopNotConfirmed, place: "")
    emit(Record(.permitGiven, actor: actor))
    endMomentaryAlarms()
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
  private func meant(_ name: String?, in states: [BatchState]) throws(Meaning) -> Int {
    if let name {
      guard let index = batches.firstIndex(where: { $0.id == name }) else {
        throw .unknown("there is no batch \(name)")
      }
      return index
    }
    let candidates = batches.indices.filter { states.contains(batches[$0].state) }
    if candidates.count == 1 { return candidates[0] }
    if candidates.isEmpty { throw .refused("there is no batch to do this with") }
    let names = candidates.map { batches[$0].id }.joined(separator: ", ")
    throw .refused("several batches can be meant (\(names)): name one with --id")
  }

  /// Why no batch was meant.
  public enum Meaning: Error {
    /// There is none of this name.
    case unknown(String)
    /// None or several can be meant.
    case refused(String)

    /// The answer to the command.
    public var result: CommandResult {
      switch self {
      case .unknown(let sentence): .unknown(sentence)
      case .refused(let sentence): .refused(sentence, causes: [])
      }
    }
  }

  /// The batch that is reconciled: the one named, or the only one that is not closed.
  public func batchToReconcile(_ name: String?) throws(Meaning) -> Batch {
    let batch = batches[try meant(name, in: [.running, .paused, .open])]
    if let archive = archive(of: batch.number) {
      throw .refused(
        "batch \(batch.id) is in \(archive.folder), and reconciled in its export from there")
    }
    return batch
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
      if let obstacle = batch.obstacle(under: line.settings) { return obstacle }
      if let obstacle = line.caseObstacle(batch: batch) { return obstacle }
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
      let rest = line.unended == 0 ? "" : "; units on the line with no end yet: \(line.unended)"
      line.finish(id, "batch \(batch.id) is paused" + rest)
      return nil
    }
  }

  private mutating func closeBatch(
    _ id: UInt64, _ name: String?, balance: BatchBalance?, actor: String
  ) {
    withMeant(id, "batch close", name, in: [.running, .paused, .open], actor: actor) {
      line, index in
      let batch = line.batches[index]
      guard batch.state != .closed else { return "batch \(batch.id) is closed already" }
      if let obstacle = line.caseObstacle(batch: batch) { return obstacle }
      if let obstacle = line.obstacleToChange(unitsMustEnd: true) { return obstacle }
      let counts = batch.counts.present.map { "\($0.state.word) \($0.count)" }
      var detail = counts.joined(separator: ", ")
      if let balance {
        guard balance.batch == batch.number, balance.changes == batch.changes else {
          return "batch \(batch.id) changed while it was reconciled; try again"
        }
        guard balance.reconciliation.isBalanced || !balance.reason.isEmpty else {
          return
            "batch \(batch.id) does not balance (\(balance.reconciliation.sentence)); see lineward "
            + "batch reconcile, or close it as supervisor with --reason"
        }
        detail = balance.reconciliation.sentence
        if !balance.reason.isEmpty { detail += "; closed because: \(balance.reason)" }
      }
      guard
        line.isSigned(id, .batchClose(id: name, balance: balance), "batch close", actor: actor)
      else { return nil }
      line.emitSignature()
      line.emit(
        Record(
          .batchClosed, batch: batch.number,
          number: UInt32(clamping: batch.counts[.commissioned]),
          actor: actor, detail: "\(batch.id): \(detail)"))
      line.notice(.batchClosed, .notice, "batch \(batch.id) closed by \(actor): \(detail)")
      line.finish(id, "batch \(batch.id) is closed: \(counts.joined(separator: ", "))")
      return nil
    }
  }

  /// Finds the batch and lets `change` do its work; a sentence from it refuses the command.
  private mutating func withMeant(
    _ id: UInt64, _ what: String, _ name: String?, in states: [BatchState], actor: String,
    change: (inout LineController, Int) -> String?
  ) {
    do throws(Meaning) {
      let index = try meant(name, in: states)
      if let sentence = change(&self, index) { refuse(id, what, sentence, actor: actor) }
    } catch {
      switch error {
      case .unknown(let sentence): answer(id, .unknown(sentence))
      case .refused(let sentence): refuse(id, what, sentence, actor: actor)
      }
    }
  }

  private var unended: Int { stations.reduce(0) { $0 + $1.unended } }

  private func obstacleToChange(unitsMustEnd: Bool) -> String? {
    if permit { return "the line is permitted to run; stop it first (lineward line stop)" }
    guard unitsMustEnd else { return nil }
    guard unended > 0 else { return nil }
    return
      "units on the line with no end yet: \(unended); let them reach the gate, or take them out by hand "
      + "at the machine"
  }

  /// Nothing leaves without a record of who took it: the copying begins when this is on disk.
  private mutating func export(_ id: UInt64, _ name: String, actor: String) {
    guard let batch = batches.first(where: { $0.id == name }) else {
      answer(id, .unknown("there is no batch \(name)"))
      return
    }
    if let archive = archive(of: batch.number) {
      refuse(
        id, "records export",
        "batch \(name) is in \(archive.folder): export it from there, with --directory",
        actor: actor)
      return
    }
    emit(Record(.exported, batch: batch.number, actor: actor, detail: name))
    finish(id, "batch \(name) is being exported")
  }

  /// What is in an archive leaves the line only when this is on disk.
  private mutating func archive(
    _ id: UInt64, _ folder: String, lastBatch: UInt32, description: [UInt8], actor: String
  ) {
    guard lastBatch > archives.last?.lastBatch ?? 0 else {
      refuse(
        id, "records archive", "another archive was made meanwhile; try again", actor: actor)
      return
    }
    emit(
      Record(.archived, number: lastBatch, raw: description, actor: actor, detail: folder))
    finish(id, "archived in \(folder)")
  }

  // MARK: Configuration

  /// Takes new settings of the same scanners, PLCs and stations.
  mutating func adopt(_ new: LineSettings) {
    settings = new
    for index in stations.indices {
      stations[index].settings = new.stations[index]
      stations[index].tracking.adopt(new.stations[index])
    }
  }

  private mutating func reload(
    _ id: UInt64, _ new: LineSettings, detail: String, recorded: [UInt8], actor: String
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
    if let running = runningBatch,
      let obstacle = batches[running].obstacle(under: new)
    {
      refuse(id, "reload", obstacle, actor: actor)
      return
    }
    adopt(new)
    emit(Record(.reloaded, actor: actor, detail: detail))
    if !recorded.isEmpty { emit(Record(.settings, raw: recorded)) }
    notice(.reloaded, .notice, "configuration loaded anew")
    finish(id, "configuration loaded anew")
  }
}
