internal import Alarms
internal import Control
internal import Line
internal import Records

// From the core's words to those of the control socket.

extension StatusReply {
  /// With details.
  init(_ status: LineStatus) {
    let moving = status.stations.compactMap { $0.plc?.inputs.contains(.conveyorMoving) }
    self.init(
      line: status.line, runPermit: status.permit,
      stopReasons: status.reasons.map { Int($0.rawValue) },
      batch: status.batch.map { batch in
        BatchStatus(
          id: batch.id, gtin: batch.gtin, lot: batch.lot, expiry: batch.expiry,
          state: batch.state.word, pool: batch.poolCount, commissioned: status.commissioned,
          printed: batch.order.map(PrintedReply.init))
      },
      stations: status.stations.map { station in
        StationStatus(
          name: station.name, units: station.counters.units, accepted: station.counters.accepted,
          rejectedBy: station.counters.rejectedBy, passed: station.counters.passed,
          inDoubt: station.counters.inDoubt, scannerOnline: station.scannerOnline,
          plcOnline: station.plcOnline, openUnits: station.openUnits, inStep: station.inStep,
          challenge: station.challenge.map(ChallengeStatus.init))
      },
      printFeed: status.printFeed.map { feed in
        PrintFeedReply(
          online: feed.isConnected, reason: feed.fault, badLines: feed.badLines,
          printedTwice: feed.printedTwice, unexpected: feed.unexpected, lost: feed.lost)
      },
      alarms: AlarmCounts(
        active: status.activeAlarms, unacknowledged: status.unacknowledged,
        setAside: status.setAside > 0 ? status.setAside : nil,
        floodSince: status.floodSince.map(WallTime.text(milliseconds:))),
      containment: ContainmentCounts(open: status.cases.count),
      alarmList: Array(
        AlarmReply.worstFirst(status.alarms.map(AlarmReply.init)).prefix(StatusReply.alarmsMax)),
      cases: status.cases.map { CaseReply($0, now: Clock.now, batches: []).summary },
      conveyorMoving: moving.isEmpty ? nil : moving.contains(true))
  }
}

extension ChallengeStatus {
  init(_ challenge: LineStatus.Challenge) {
    self.init(
      running: challenge.isRunning, missing: challenge.missing.compactMap(\.challengePack),
      confirmed: challenge.confirmed.compactMap(\.challengePack),
      passedAt: challenge.passedAt.map(WallTime.text(milliseconds:)), due: challenge.due)
  }
}

extension PrintedReply {
  init(_ order: PrintOrder) {
    self.init(
      source: order.source.rawValue, printed: order.printed, read: order.read,
      skipped: order.skipped, waiting: order.waitingCount)
  }
}

extension AlarmReply {
  init(_ alarm: Alarm) {
    self.init(
      id: alarm.id, occurrence: alarm.occurrence, kind: alarm.kind.word,
      priority: alarm.kind.priority.word, state: alarm.state.word, station: alarm.place,
      message: alarm.message, raisedAt: WallTime.text(milliseconds: alarm.raisedAt),
      remedy: alarm.kind.remedy,
      shelvedUntil: alarm.shelving.map { WallTime.text(milliseconds: $0.until) },
      by: alarm.outOfService?.actor ?? alarm.shelving?.actor,
      reason: alarm.outOfService?.reason ?? alarm.shelving?.reason,
      stale: alarm.isStale && alarm.life != .normal, chattering: alarm.isChattering)
  }
}

extension AlarmMetricsReply {
  init(_ metrics: AlarmMetrics) {
    func seconds(_ milliseconds: Int64) -> Double { Double(milliseconds) / 1000 }
    self.init(
      perHour: metrics.perHour, tenMinutesMax: metrics.tenMinutesMax,
      top: metrics.top.map { Top(id: $0.id, count: $0.count) },
      byPriority: Dictionary(
        metrics.byPriority.map { ($0.priority.word, $0.count) }, uniquingKeysWith: +),
      timeToAcknowledge: metrics.timeToAcknowledge.map {
        Times(
          median: seconds($0.median), ninetieth: seconds($0.ninetieth),
          longest: seconds($0.longest))
      }, standing: metrics.standing, stale: metrics.stale, chattering: metrics.chattering,
      floodSince: metrics.floodSince.map(WallTime.text(milliseconds:)),
      floodPercent: Double(metrics.floodPerMille) / 10)
  }
}

extension BatchReply {
  init(_ batch: Batch, _ archive: Archive?) {
    var serials: [String: Int] = [:]
    for (state, count) in batch.counts.present where batch.pool != nil {
      serials[state.word] = count
    }
    self.init(
      id: batch.id, gtin: batch.gtin, lot: batch.lot, expiry: batch.expiry, state: batch.state.word,
      pool: batch.poolCount, commissioned: batch.counts[.commissioned], serials: serials,
      serialsSHA256: batch.serialsHash.map { byte in
        let digits = String(byte, radix: 16)
        return digits.count == 1 ? "0" + digits : digits
      }.joined(), printOrder: batch.order?.source == .file,
      printed: batch.order.map(PrintedReply.init), archive: archive?.folder,
      signatures: batch.signatures.isEmpty ? nil : batch.signatures.map { SignatureReply($0) })
  }
}

extension SignatureReply {
  init(_ signature: Signature) {
    self.init(
      name: signature.name, login: signature.login, role: signature.role.rawValue,
      at: WallTime.text(milliseconds: signature.at), meaning: signature.meaning,
      covers: signature.coveredSequence)
  }
}

extension ReconciliationReply {
  /// `serials` are named by the batch's serial file or pool.
  init(_ batch: Batch, _ result: Reconciliation, serial: (Int32) -> String) {
    var serials: [String: Int] = [:]
    for (state, count) in result.serials where count != 0 { serials[state.word] = count }
    self.init(
      batch: batch.id, balanced: result.isBalanced, pool: result.pool, serials: serials,
      units: result.units,
      ends: [
        "passed": result.passed, "rejected": result.rejected, "lost": result.lost,
        "taken_by_hand": result.takenByHand, "in_doubt": result.inDoubt, "open": result.open,
      ], commissionedByUnits: result.commissionedByUnits,
      commissionedByPeople: result.commissionedByPeople, printedNotRead: result.printedNotRead,
      unexplainedCount: result.unexplainedCount,
      unexplained: result.unexplained.prefix(ControlDesk.unexplainedMax).map {
        Unexplained(serial: serial($0.row), cause: $0.cause.phrase)
      })
  }
}

extension UnitReply.Entry {
  init(_ stored: StoredRecord) {
    let record = stored.record
    var parts: [String] = []
    if record.unit != 0 { parts.append("unit \(record.unit)") }
    switch record.kind {
    case .verdict, .withdrawn:
      if let verdict = Verdict(rawValue: record.code) {
        parts.append("verdict \(verdict.rawValue): \(verdict.phrase)")
      }
    case .outcome:
      if let outcome = Outcome(rawValue: record.code) {
        parts.append("outcome \(outcome.rawValue): \(outcome.phrase)")
      }
    case .printed: parts.append("named by the print feed")
    case .serialChanged:
      if let act = SerialAct(rawValue: record.code) { parts.append(act.word) }
    default: break
    }
    if let state = record.state { parts.append("then \(state.word)") }
    if !record.detail.isEmpty { parts.append(record.detail) }
    self.init(
      at: WallTime.text(milliseconds: stored.wall), event: record.kind.word, actor: record.actor,
      detail: parts.joined(separator: ", "))
  }
}

extension CommandResult {
  /// The answer for the control socket.
  var reply: Result<CommandReply, Failure> {
    switch self {
    case .done(let text): .success(.done(text))
    case .refused(let text, let causes): .failure(.refused(text, causes: causes))
    case .unknown(let text): .failure(.notFound(text))
    case .notPermitted(let text): .failure(.notPermitted(text))
    case .storageFault(let text): .failure(.storageFault("Nothing can be recorded: \(text)"))
    }
  }
}

extension VerifyReply {
  init(_ report: VerificationReport) {
    self.init(
      records: report.records,
      firstBad: report.firstBad.map { BadRecord(sequence: $0.sequence, message: $0.message) },
      fault: report.fault?.message, serialFiles: report.serialFiles, signedHeads: report.heads,
      lastHash: report.lastHash.description, remarks: report.remarks,
      archived: report.archived > 0 ? report.archived : nil,
      archivedHash: report.archived > 0 ? report.archivedHash.description : nil,
      signatures: report.signatures > 0 ? report.signatures : nil)
  }
}

extension ArchiveProblem {
  /// The answer for the control socket.
  var failure: Failure {
    switch self {
    case .nothing, .noRoom: .refused(message)
    case .wrong, .records: .storageFault(message)
    case .abandoned: .busy(message)
    }
  }
}

extension ExportReply {
  init(_ summary: ExportSummary) {
    self.init(
      batch: summary.batch, first: summary.first, last: summary.last, signed: summary.isSigned,
      intact: summary.verification.isIntact,
      finding: summary.verification.isIntact ? nil : summary.verification.summary)
  }
}

extension CaseUnitsReply {
  init(_ id: String, _ counts: CaseUnits.Counts, _ shown: [CaseUnit]) {
    self.init(
      caseID: id, units: counts.units, serials: counts.serials, found: counts.found,
      others: counts.others, unlisted: counts.unlisted, remarks: counts.remarks,
      shown: shown.map {
        Unit(
          batch: $0.batch, gtin: $0.gtin, serial: $0.serial, unit: Int($0.unit),
          station: $0.station, verdict: Int($0.verdict), at: WallTime.text(milliseconds: $0.at),
          outcome: Int($0.outcome), state: $0.state?.word ?? "", hold: $0.hold,
          scannedIn: $0.isScanned)
      })
  }
}

extension BundleReply {
  init(_ summary: BundleSummary) {
    self.init(
      caseID: summary.caseID, records: summary.records, units: summary.units.units,
      manifest: summary.manifest, signed: summary.isSigned, leftOut: summary.leftOut)
  }
}

extension ExportProblem {
  /// The answer for the control socket; the client knows the folder and words what is about it.
  var failure: Failure {
    switch self {
    case .noSuchBatch(let id): .notFound("There is no batch \(id).")
    case .archived(let id, let folder):
      .notFound("The records of batch \(id) are in the archive \(folder).")
    case .records(let fault): .storageFault(fault.message)
    case .full:
      Failure(
        exit: .refused, code: ExportReply.diskFull,
        message: "The disk that the export goes to is full.")
    case .unwritable(let reason): .badInput("The export cannot be written: \(reason).")
    case .abandoned: .busy("The export was abandoned.")
    case .unrecorded:
      .storageFault("That it was made could not be put on record, so nothing was handed over.")
    }
  }
}
