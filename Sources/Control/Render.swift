internal import Line

/// Replies as text for people: aligned, terse, in plain words.
///
/// Pure: the same reply and style give the same lines. What came from outside goes through
/// ``Plain/text(_:lengthMax:)``, so that no raw read can play with the terminal.
public struct Render: Sendable {
  /// Whether colours go in; otherwise words alone carry the meaning, as they always do.
  public var colours: Bool

  /// Makes a renderer.
  public init(colours: Bool = false) { self.colours = colours }

  // MARK: Status

  /// Line, batch, stations, alarms, containment at a glance.
  public func status(_ status: StatusReply) -> [String] {
    var lines = [head(status)]
    lines += reasons(status.stopReasons)
    lines.append("")
    if let batch = status.batch {
      lines.append(
        "Batch \(plain(batch.id))  \(batchState(batch.state))  GTIN \(plain(batch.gtin))  "
          + "lot \(plain(batch.lot))  expiry \(expiry(batch.expiry))")
      lines.append(
        "  \(number(batch.commissioned)) of \(number(batch.pool)) serials commissioned"
          + share(batch.commissioned, of: batch.pool))
      if let printed = batch.printed { lines.append("  " + self.printed(printed)) }
    } else {
      lines.append("No batch at work.")
    }
    lines.append("")
    lines += stations(status.stations)
    lines.append("")
    if let feed = status.printFeed { lines.append(printFeed(feed)) }
    lines.append(alarmCounts(status.alarms))
    if status.containment.open > 0 {
      lines.append(colour(.red, "Containment: \(number(status.containment.open)) open"))
    }
    return lines
  }

  /// The same in one line, for logs and pipes.
  public func statusLine(_ status: StatusReply) -> String {
    var parts = [
      "\(plain(status.line)) \(status.runPermit ? "may run" : "stopped")"
        + (status.stopReasons.isEmpty
          ? "" : ": " + status.stopReasons.map(phrase(stopReason:)).joined(separator: ", "))
    ]
    if let batch = status.batch {
      parts.append(
        "batch \(plain(batch.id)) \(plain(batch.state)) \(batch.commissioned)/\(batch.pool)")
    } else {
      parts.append("no batch")
    }
    for station in status.stations {
      var part =
        "\(plain(station.name)) units \(station.units) accepted \(station.accepted) rejected "
        + "\(station.rejected) passed \(station.passed) in doubt \(station.inDoubt)"
      if station.scanner != "online" { part += " scanner \(plain(station.scanner))" }
      if station.plc != "online" { part += " PLC \(plain(station.plc))" }
      parts.append(part)
    }
    if let feed = status.printFeed, feed.state != "online" {
      parts.append("print feed \(plain(feed.state))")
    }
    parts.append("alarms \(status.alarms.active) (\(status.alarms.unacknowledged) to acknowledge)")
    return parts.joined(separator: " | ")
  }

  private func head(_ status: StatusReply) -> String {
    let line = bold("Line \(plain(status.line))")
    return status.runPermit
      ? "\(line)  \(colour(.green, "MAY RUN"))" : "\(line)  \(colour(.red, "STOPPED"))"
  }

  private func reasons(_ numbers: [Int]) -> [String] {
    numbers.flatMap { number in
      let reason = UInt16(exactly: number).flatMap(StopReason.init(rawValue:))
      return [
        "  \(colour(.red, phrase(stopReason: number))) (\(number))",
        reason.map { "    \($0.nextStep)" },
      ].compactMap(\.self)
    }
  }

  private func phrase(stopReason number: Int) -> String {
    UInt16(exactly: number).flatMap(StopReason.init(rawValue:))?.phrase
      ?? "a reason that this lineward does not know"
  }

  private func stations(_ stations: [StationStatus]) -> [String] {
    guard !stations.isEmpty else { return ["No station is configured."] }
    var lines: [String] = []
    let rows = stations.map { station in
      [
        plain(station.name), number(station.units), number(station.accepted),
        number(station.rejected), number(station.passed), number(station.inDoubt),
        device(station.scanner), device(station.plc),
      ]
    }
    let aligned = table(
      ["station", "units", "accepted", "rejected", "passed", "in doubt", "scanner", "PLC"], rows,
      numeric: [1, 2, 3, 4, 5])
    guard let head = aligned.first else { return [] }
    lines.append(head)
    for (row, station) in zip(aligned.dropFirst(), stations) {
      lines.append(row)
      lines += stationNotes(station).map { "  " + $0 }
    }
    return lines
  }

  /// What is to be said of a station besides its counts, a line each.
  func stationNotes(_ station: StationStatus) -> [String] {
    var notes: [String] = []
    let rejects = station.rejectedBy.compactMap { verdict, count in
      UInt16(verdict).map { (verdict: $0, count: count) }
    }.sorted { ($0.count, $1.verdict) > ($1.count, $0.verdict) }
    if !rejects.isEmpty {
      let list = rejects.map { "\(number($0.count)) \(phrase(verdict: $0.verdict))" }
      notes.append("rejected: " + list.joined(separator: ", "))
    }
    if station.inStep == false {
      notes.append(colour(.yellow, "not in step with the PLC: every pack is rejected"))
    }
    if let challenge = station.challenge, let line = challengeLine(challenge) { notes.append(line) }
    if let open = station.openUnits, open > 0 {
      notes.append("\(number(open)) on the way to the gate")
    }
    return notes
  }

  /// One line for a test that runs or is due, nil while there is nothing to do.
  private func challengeLine(_ challenge: ChallengeStatus) -> String? {
    if challenge.running {
      let list = challenge.missing.map { plain($0) }.joined(separator: ", ")
      return colour(.yellow, "challenge test: no pack passes; still to send: \(list)")
    }
    return challenge.due.map { colour(.yellow, "challenge test due: " + plain($0)) }
  }

  /// How each station stands with its challenge test.
  public func challenges(_ status: StatusReply) -> [String] {
    let stations = status.stations.filter { $0.challenge != nil }
    guard !stations.isEmpty else { return ["No station has a gate whose rejects are confirmed."] }
    return stations.flatMap { station -> [String] in
      guard let challenge = station.challenge else { return [] }
      var lines = ["Station \(plain(station.name))"]
      if challenge.running {
        lines.append(colour(.yellow, "  running: no pack passes here until it has ended"))
        lines += challenge.confirmed.map { "  rejected and seen: \(plain($0))" }
        lines += challenge.missing.map { "  still to send:     \(plain($0))" }
      } else if let due = challenge.due {
        lines.append(colour(.yellow, "  due: \(plain(due))"))
      }
      lines.append("  last passed: \(challenge.passedAt.map { plain($0) } ?? "never")")
      return lines
    }
  }

  private func printed(_ printed: PrintedReply) -> String {
    // What a file will have printed one day says nothing of the printer.
    let counts =
      "\(number(printed.read)) read in print order, \(number(printed.skipped)) skipped"
    guard printed.source == "feed" else { return counts }
    return
      "\(number(printed.printed)) printed, \(counts), \(number(printed.waiting)) before the reader"
  }

  private func printFeed(_ feed: PrintFeedReply) -> String {
    var text = "Print feed: " + device(feed.state)
    if !feed.reason.isEmpty { text += ", \(plain(feed.reason))" }
    let faults = [
      (feed.printedTwice, "printed twice"), (feed.unexpected, "not the batch's"),
      (feed.badLines, "bad lines"), (feed.lost, "lost"),
    ].filter { $0.0 > 0 }.map { "\(number($0.0)) \($0.1)" }
    return faults.isEmpty
      ? text : text + "; since the start " + colour(.yellow, faults.joined(separator: ", "))
  }

  private func phrase(verdict number: UInt16) -> String {
    if number == 0 { return "without a verdict" }
    return Verdict(rawValue: number)?.phrase ?? "verdict \(number)"
  }

  private func alarmCounts(_ counts: StatusReply.AlarmCounts) -> String {
    let aside = counts.setAside.map { ", \(number($0)) set aside" } ?? ""
    let flood =
      counts.floodSince.map { colour(.red, "ALARM FLOOD") + " since \(plain($0)). " } ?? ""
    guard counts.active > 0 || counts.unacknowledged > 0 else {
      return flood + (aside.isEmpty ? "No alarms." : "No alarms\(aside) (lineward alarms)")
    }
    let text = "Alarms: \(number(counts.active)) active"
    guard counts.unacknowledged > 0 else { return flood + text + ", all acknowledged" + aside }
    return flood + colour(.yellow, text + ", \(number(counts.unacknowledged)) to acknowledge")
      + aside + " (lineward alarms)"
  }

  // MARK: Alarms

  /// All alarms, the gravest and then the newest first, each with what to do.
  public func alarms(_ alarms: [AlarmReply]) -> [String] {
    guard !alarms.isEmpty else { return ["No alarms."] }
    let rank = ["highest": 0, "high": 1, "medium": 2, "low": 3]
    let sorted = alarms.sorted { left, right in
      let ranks = (rank[left.priority] ?? 4, rank[right.priority] ?? 4)
      return ranks.0 == ranks.1 ? left.raisedAt > right.raisedAt : ranks.0 < ranks.1
    }
    let heads = table(
      ["alarm", "occurrence", "priority", "state", "raised"],
      sorted.map {
        [
          plain($0.id), String($0.occurrence), priority($0.priority),
          plain($0.state.spaced), $0.occurrence == 0 ? "never" : plain($0.raisedAt),
        ]
      }, numeric: [1])
    var lines = Array(heads.prefix(1))
    for (head, alarm) in zip(heads.dropFirst(), sorted) {
      lines.append(head)
      if !alarm.message.isEmpty { lines.append("  " + plain(alarm.message)) }
      if let remedy = alarm.remedy { lines.append("  " + plain(remedy)) }
      if alarm.chattering == true {
        lines.append("  chatters: raised again and again; what repeats it is counted")
      }
      if alarm.stale == true { lines.append("  stale: stands for more than a day") }
      if let by = alarm.by {
        let until = alarm.shelvedUntil.map { " until \(plain($0))" } ?? ""
        lines.append("  by \(plain(by))\(until): \(plain(alarm.reason ?? ""))")
      }
      switch alarm.state {
      case "unacknowledged", "returned", "latched_unacknowledged":
        lines.append("  lineward ack \(shell(alarm.id)) --occurrence \(alarm.occurrence)")
      case "latched_acknowledged": lines.append("  lineward reset \(shell(alarm.id))")
      case "shelved": lines.append("  lineward unshelve \(shell(alarm.id))")
      case "out_of_service": lines.append("  lineward alarms in-service \(shell(alarm.id))")
      case "suppressed": lines.append("  to be expected while the line stands")
      default: break
      }
    }
    return lines
  }

  /// How the alarms were in the last day.
  public func alarmMetrics(_ metrics: AlarmMetricsReply) -> [String] {
    let count = metrics.perHour.reduce(0, +)
    let hours = max(1, metrics.perHour.count)
    var lines = [
      "\(number(count)) alarms in the last \(hours) h, \(decimal(Double(count) / Double(hours))) an hour; "
        + "at most \(number(metrics.tenMinutesMax)) in ten minutes",
      "  an hour, the present one last: "
        + metrics.perHour.map { number($0) }.joined(separator: " "),
    ]
    let priorities = ["highest", "high", "medium", "low"].compactMap { word in
      metrics.byPriority[word].map { "\(number($0)) \(word)" }
    }
    lines.append("  by priority: " + priorities.joined(separator: ", "))
    if let times = metrics.timeToAcknowledge {
      lines.append(
        "  acknowledged after: half within \(decimal(times.median)) s, nine of ten within "
          + "\(decimal(times.ninetieth)) s, all within \(decimal(times.longest)) s")
    }
    if !metrics.top.isEmpty {
      lines.append("Most often")
      lines += table(
        nil, metrics.top.map { ["  " + number($0.count), plain($0.id)] }, numeric: [0])
    }
    lines.append("\(number(metrics.standing)) stand now")
    if !metrics.stale.isEmpty {
      lines.append("  stale: " + metrics.stale.map { plain($0) }.joined(separator: ", "))
    }
    if !metrics.chattering.isEmpty {
      lines.append("  chattering: " + metrics.chattering.map { plain($0) }.joined(separator: ", "))
    }
    if let since = metrics.floodSince {
      lines.append(colour(.red, "ALARM FLOOD") + " since \(plain(since))")
    }
    lines.append("\(decimal(metrics.floodPercent)) % of the time was alarm flood")
    return lines
  }

  /// A number with one digit after the point.
  private func decimal(_ value: Double) -> String {
    let tenths = Int((min(max(value, 0), 1e12) * 10).rounded())
    return "\(number(tenths / 10)).\(tenths % 10)"
  }

  // MARK: Units

  /// State and history of one unit.
  public func unit(_ unit: UnitReply) -> [String] {
    var head =
      "(01)\(plain(unit.gtin)) (21)\(plain(unit.serial))  \(bold(plain(unit.state.spaced)))"
    if unit.hold { head += colour(.yellow, "  ON HOLD") }
    if let batch = unit.batch { head += "  batch \(plain(batch))" }
    guard !unit.history.isEmpty else { return [head, "  Nothing has happened to it yet."] }
    return [head]
      + table(
        nil,
        unit.history.map { entry in
          let by = entry.actor.isEmpty ? "" : "by \(plain(entry.actor))"
          let detail = plain(entry.detail)
          return [
            "  " + plain(entry.at), plain(entry.event),
            [detail, by].filter { !$0.isEmpty }.joined(separator: ", "),
          ]
        })
  }

  // MARK: Devices

  /// Scanners and their health.
  public func scanners(_ scanners: [ScannerReply]) -> [String] {
    guard !scanners.isEmpty else { return ["No scanner is configured."] }
    return table(
      [
        "scanner", "state", "messages", "a minute", "no-reads", "dropped", "last message",
        "heartbeat", "device",
      ],
      scanners.map {
        [
          plain($0.name), device($0.state), number($0.messages), number($0.activity.readsPerMinute),
          $0.noReadPercent.map { "\($0) %" } ?? "-", number($0.faults.dropped),
          plain($0.lastMessageAt ?? "none"), plain($0.activity.lastHeartbeatAt ?? "-"),
          "\(plain($0.transport)) \(plain($0.device))"
            + ($0.profile.isEmpty ? "" : " (\(plain($0.profile)))")
            + ($0.reason.isEmpty ? "" : ": \(plain($0.reason))"),
        ]
      }, numeric: [2, 3, 4, 5])
      + scanners.compactMap { lineFaults($0) }
  }

  /// What went wrong on a scanner's wire, in words; nil nothing.
  private func lineFaults(_ scanner: ScannerReply) -> String? {
    let faults = scanner.faults
    let parts = [
      (faults.overlong, "too long"), (faults.withoutPrefix, "without prefix"),
      (faults.cut, "cut off"), (faults.paused, "with a pause"),
      (faults.spoiled, "with characters in error"),
      (faults.charactersInError, "characters in error"),
      (faults.charactersLost, "characters lost"), (faults.breaks, "breaks"),
      (scanner.activity.refusedConnections, "connections refused"),
    ].filter { $0.0 > 0 }
    guard !parts.isEmpty else { return nil }
    return "\(plain(scanner.name)): "
      + parts.map { "\(number($0.0)) \($0.1)" }.joined(separator: ", ")
  }

  /// What is plugged in, each with the lines that name it in the configuration.
  public func discovered(_ reply: DiscoveredReply) -> [String] {
    var lines: [String] = []
    for device in reply.devices {
      let kind = [device.vendor, device.product].compactMap(\.self).joined(separator: ":")
      let names = [device.maker, device.name].compactMap(\.self).joined(separator: " ")
      // A port of the machine itself has nothing that could have a serial number.
      let serial = device.serial.map { "serial \($0)" }
      let parts = [
        device.transport, kind, names, serial ?? (device.vendor == nil ? "" : "no serial number"),
        device.port.map { "port \($0)" } ?? "",
      ]
      lines.append(
        bold(plain(device.device)) + "  "
          + parts.filter { !$0.isEmpty }.map { plain($0) }.joined(separator: ", "))
      // To be pasted as they are: a device's texts have no control characters, but may be long.
      lines += device.configuration.map { "  " + plain($0, 4096) } + [""]
    }
    if reply.devices.isEmpty { lines += ["Nothing is plugged in that may be a scanner.", ""] }
    if !reply.trouble.isEmpty { lines += [sentence(reply.trouble, end: "."), ""] }
    return Array(lines.dropLast())
  }

  /// PLCs and their health.
  public func plcs(_ plcs: [PLCReply]) -> [String] {
    guard !plcs.isEmpty else { return ["No PLC is configured."] }
    return table(
      [
        "PLC", "state", "permit obeyed", "conveyor", "epoch", "connections", "errors",
        "answers p50/p99/max", "age", "address",
      ],
      plcs.map {
        [
          plain($0.name), device($0.state), $0.permitObeyed.map { $0 ? "yes" : "no" } ?? "-",
          $0.conveyorMoving.map { $0 ? "moving" : "standing" } ?? "-",
          $0.epoch.map { String($0) } ?? "-", number($0.connections), number($0.errors),
          "\(milliseconds($0.responseP50))/\(milliseconds($0.responseP99))/"
            + "\(milliseconds($0.responseMax)) ms",
          $0.dataAge.map { "\(number($0)) ms" } ?? "-",
          "\(plain($0.transport)) \(plain($0.address))"
            + ($0.reason.isEmpty ? "" : ": \(plain($0.reason))"),
        ]
      }, numeric: [4, 5, 6, 7, 8])
  }

  /// Microseconds as milliseconds with one digit more than anybody needs.
  private func milliseconds(_ microseconds: Int) -> String {
    "\(microseconds / 1000).\(microseconds / 100 % 10)"
  }

  /// Both register blocks of every station.
  public func registers(_ stations: [RegistersReply]) -> [String] {
    guard !stations.isEmpty else { return ["No station is configured."] }
    var lines: [String] = []
    for station in stations {
      if !lines.isEmpty { lines.append("") }
      let title = bold("Station \(plain(station.station))") + "  PLC \(plain(station.plc))"
      guard let host = station.hostBlock, let plc = station.plcBlock else {
        lines.append("\(title)  \(colour(.red, "no link")): its registers cannot be read now")
        continue
      }
      lines.append("\(title)  at \(plain(station.at ?? ""))")
      lines += block("host block, written by the daemon", host, word: "verdict")
      lines += block("PLC block", plc, word: "outcome")
    }
    return lines
  }

  private func block(_ title: String, _ block: RegistersReply.Block, word: String) -> [String] {
    var lines = ["  \(title)"]
    lines += table(
      nil, block.registers.map { ["    \($0.address)", plain($0.name), String($0.value)] },
      numeric: [0, 2])
    let used = block.slots.filter { $0.state != "empty" }
    let empty = block.slots.count - used.count
    lines.append("    ring of \(block.slots.count) slots, \(empty) empty")
    guard !used.isEmpty else { return lines }
    return lines
      + table(
        ["    at", "sequence", "unit", word, "check", ""],
        used.map {
          [
            "    \($0.address)", String($0.sequence), String($0.unit), String($0.word),
            String($0.check), $0.state == "ok" ? "ok" : colour(.red, "wrong"),
          ]
        }, numeric: [0, 1, 2, 3, 4])
  }

  // MARK: Batches

  /// One batch with its serials by state.
  public func batch(_ batch: BatchReply) -> [String] {
    var lines = [
      "\(bold("Batch \(plain(batch.id))"))  \(batchState(batch.state))",
      "  GTIN    \(plain(batch.gtin))",
      "  lot     \(plain(batch.lot))",
      "  expiry  \(expiry(batch.expiry))",
      "  pool    \(number(batch.pool)) serials, \(number(batch.commissioned)) commissioned"
        + share(batch.commissioned, of: batch.pool),
    ]
    let states = batch.serials.sorted { ($0.value, $1.key) > ($1.value, $0.key) }
    lines += table(
      nil, states.map { ["    " + plain($0.key.spaced), number($0.value)] }, numeric: [1])
    if batch.printOrder { lines.append("  printed in the order of the serial file") }
    if let printed = batch.printed { lines.append("  " + self.printed(printed)) }
    if !batch.serialsSHA256.isEmpty {
      lines.append("  SHA-256 of the serial file  \(plain(batch.serialsSHA256))")
    }
    if let signatures = batch.signatures, !signatures.isEmpty {
      lines.append("  signed")
      lines += signatures.map { "    " + signature($0) }
    }
    return lines
  }

  /// All batches.
  public func batches(_ batches: [BatchReply]) -> [String] {
    guard !batches.isEmpty else { return ["No batch has been opened yet."] }
    return table(
      ["batch", "state", "GTIN", "lot", "expiry", "pool", "commissioned"],
      batches.map {
        [
          plain($0.id), batchState($0.state) + ($0.archive == nil ? "" : ", archived"),
          plain($0.gtin), plain($0.lot), expiry($0.expiry),
          number($0.pool), number($0.commissioned),
        ]
      }, numeric: [5, 6])
  }

  /// The two balances of a batch.
  public func reconciliation(_ reply: ReconciliationReply) -> [String] {
    let verdict =
      reply.balanced ? colour(.green, "balances") : colour(.red, "DOES NOT BALANCE")
    let states = reply.serials.sorted { ($0.value, $1.key) > ($1.value, $0.key) }
    let ends = ["passed", "rejected", "lost", "taken_by_hand", "in_doubt", "open"].compactMap {
      end in reply.ends[end].map { (end, $0) }
    }
    var lines = ["\(bold("Batch \(plain(reply.batch))"))  \(verdict)", "  serials"]
    lines += table(
      nil,
      states.map { ["    " + plain($0.key.spaced), number($0.value)] }
        + [["    pool", number(reply.pool)]], numeric: [1])
    lines.append("  units")
    lines += table(
      nil,
      ends.map { ["    " + $0.0.spaced, number($0.1)] } + [["    came", number(reply.units)]],
      numeric: [1])
    lines.append(
      "  \(number(reply.commissionedByUnits)) serials commissioned by units that passed"
        + (reply.commissionedByPeople == 0
          ? "" : ", \(number(reply.commissionedByPeople)) found by people"))
    if reply.printedNotRead > 0 {
      lines.append("  \(number(reply.printedNotRead)) serials printed and not read")
    }
    guard reply.unexplainedCount > 0 else { return lines }
    lines.append("  \(number(reply.unexplainedCount)) serials need a person")
    lines += table(nil, reply.unexplained.map { ["    " + plain($0.serial), plain($0.cause)] })
    let more = reply.unexplainedCount - reply.unexplained.count
    if more > 0 { lines.append("    and \(number(more)) more") }
    return lines
  }

  // MARK: Records, progress, failures

  /// What became of a verification.
  public func verify(_ reply: VerifyReply) -> [String] {
    if let bad = reply.firstBad {
      return [
        colour(.red, "The records are NOT intact."),
        "  \(sentence("Record \(number(bad.sequence)): \(bad.message)", end: "."))",
        "  \(number(reply.records)) records before it hold. Keep the directory as it is and call "
          + "quality.",
      ]
    }
    if let fault = reply.fault {
      return [
        colour(.red, "The records could not be checked to the end."),
        "  \(sentence(fault, end: "."))", "  \(number(reply.records)) records hold.",
      ]
    }
    let parts = [
      (reply.records, "record"), (reply.serialFiles, "serial file"),
      (reply.signedHeads, "signed head"), (reply.signatures, "signature"),
    ].compactMap { count, what in count.map { "\(number($0)) \(what)\($0 == 1 ? "" : "s")" } }
    var lines = ["\(colour(.green, "The records are intact:")) \(parts.joined(separator: ", "))."]
    if let hash = reply.lastHash { lines.append("  last hash  \(plain(hash))") }
    if let archived = reply.archived {
      lines.append(
        "  records 1 to \(number(archived)) are in archives and were not checked; give these with --archive."
      )
      if let hash = reply.archivedHash { lines.append("  archives end with hash  \(plain(hash))") }
    }
    lines += (reply.remarks ?? []).map { "  " + plain($0) }
    return lines
  }

  /// What became of an export.
  public func exported(_ reply: ExportReply, to folder: String, files: Int) -> [String] {
    let records =
      "\(number(reply.last - reply.first + 1)) records (\(number(reply.first)) to \(number(reply.last)))"
    var lines = [
      "Batch \(plain(reply.batch)) is exported to \(plain(folder)): \(records), \(number(files)) files, "
        + (reply.signed ? "signed." : "not signed: the signing key is not beside the records.")
    ]
    if !reply.intact {
      lines.append(colour(.red, "The records that were exported are NOT intact."))
      lines.append("  \(sentence(reply.finding ?? "", end: "."))")
    }
    return lines
  }

  /// What the check of an export found.
  public func exportCheck(_ reply: ExportCheckReply) -> [String] {
    if let wrong = reply.firstWrong {
      return [colour(.red, "The export does NOT hold."), "  \(plain(wrong, 4096))"]
    }
    if let id = reply.caseID {
      return [
        "\(colour(.green, "The bundle holds:")) case \(plain(id)), \(number(reply.records)) records, "
          + "\(number(reply.files)) files.",
        reply.signedBy.map { "  signed by  \(plain($0))" } ?? "  It is not signed.",
      ]
    }
    return [
      "\(colour(.green, "The export holds:")) batch \(plain(reply.batch)), \(number(reply.records)) records, "
        + "\(number(reply.files)) files, \(number(reply.signedHeads)) signed heads.",
      reply.signedBy.map { "  signed by  \(plain($0))" } ?? "  It is not signed.",
    ]
  }

  /// What became of a replay.
  public func replay(_ reply: ReplayReply) -> [String] {
    if let different = reply.firstDifference {
      return [
        colour(.red, "The records do NOT follow from their inputs."),
        "  \(sentence("Record \(number(different.sequence)): \(different.message)", end: "."))",
        "  \(number(reply.records)) records before it follow. Check them (lineward records verify) and call quality.",
      ]
    }
    if let fault = reply.fault {
      return [
        colour(.red, "The records could not be replayed to the end."),
        "  \(sentence(fault, end: "."))", "  \(number(reply.records)) records follow.",
      ]
    }
    var lines = [
      "\(colour(.green, "The records follow from their inputs:")) \(number(reply.records)) records, "
        + "\(number(reply.verdicts)) verdicts given again, \(number(reply.outcomes)) outcomes, "
        + "\(number(reply.consequences)) consequences."
    ]
    if reply.unknownSettings > 0 {
      lines.append(
        "  \(number(reply.unknownSettings)) verdicts are from before settings were recorded and were not given again."
      )
    }
    return lines
  }

  /// How far something long has come, in one line.
  public func progress(_ progress: ProgressReply) -> String {
    let done = number(progress.done)
    guard progress.total > 0 else { return "\(plain(progress.phase)): \(done)" }
    let percent = min(100, Int(Double(progress.done) / Double(progress.total) * 100))
    return "\(plain(progress.phase)): \(done) of \(number(progress.total)) (\(percent) %)"
  }

  /// What a command did.
  public func done(_ reply: DoneReply) -> [String] { [sentence(reply.message, end: ".")] }

  /// A command that was not done: the sentence, and every cause on a line of its own.
  public func failure(_ failure: Failure) -> [String] {
    ["lineward: \(sentence(failure.message, end: failure.causes.isEmpty ? "." : ":"))"]
      + failure.causes.map { "  - \(plain($0, 4096))" }
  }

  /// The same for programs: `{"error":{"code","message","causes"},"exit":N}`.
  public static func json(_ failure: Failure) -> String {
    struct Line: Encodable {
      var error: Failure
      var exit: Int32
    }
    return Wire.json(Line(error: failure, exit: failure.exit.rawValue))
  }

  // MARK: Words

  enum Colour: Int { case red = 31, green = 32, yellow = 33 }

  func colour(_ colour: Colour, _ text: String) -> String {
    colours ? "\u{1B}[1;\(colour.rawValue)m\(text)\u{1B}[0m" : text
  }

  func bold(_ text: String) -> String { colours ? "\u{1B}[1m\(text)\u{1B}[0m" : text }

  private func device(_ state: String) -> String {
    state == "online" ? state : colour(.red, plain(state))
  }

  /// Printed name, meaning and time, on one line.
  func signature(_ signature: SignatureReply) -> String {
    "\(plain(signature.name)) (\(plain(signature.login)), \(plain(signature.role))): "
      + "\(plain(signature.meaning)), \(plain(signature.at))"
  }

  private func batchState(_ state: String) -> String {
    state == "running" ? colour(.green, state) : plain(state)
  }

  private func priority(_ word: String) -> String {
    switch word {
    case "highest", "high": colour(.red, word)
    case "medium": colour(.yellow, word)
    default: plain(word)
    }
  }

  func plain(_ text: String, _ lengthMax: Int = 500) -> String {
    Plain.text(text, lengthMax: lengthMax)
  }

  /// A sentence as it begins and ends on screen, whoever worded it.
  func sentence(_ text: String, end: String) -> String {
    var text = plain(text, 4096)
    if text.last == ".", end == ":" { text.removeLast() }
    if let last = text.last, !".:!?…".contains(last) { text += end }
    // A relative path is exact to the case.
    if text.prefix(while: { $0 != " " }).contains("/") { return text }
    return text.prefix(1).uppercased() + text.dropFirst()
  }

  /// An alarm id as a shell takes it.
  func shell(_ text: String) -> String {
    let bare = text.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "@"), UInt8(ascii: "_"),
        UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "/"):
        true
      default: false
      }
    }
    if bare { return text }
    return "'"
      + plain(text).split(separator: "'", omittingEmptySubsequences: false)
      .joined(separator: #"'\''"#) + "'"
  }

  /// Digits in groups of three: 1,000,000.
  func number(_ value: some FixedWidthInteger) -> String {
    let digits = Array(String(value.magnitude))
    var text = value < 0 ? "-" : ""
    for (index, digit) in digits.enumerated() {
      if index > 0, (digits.count - index).isMultiple(of: 3) { text.append(",") }
      text.append(digit)
    }
    return text
  }

  func share(_ part: Int, of whole: Int) -> String {
    guard whole > 0 else { return "" }
    let tenths = Int((Double(part) / Double(whole) * 1000).rounded(.down))
    return " (\(tenths / 10).\(tenths % 10) %)"
  }

  /// YYMMDD as it stands, with the parts set apart.
  func expiry(_ digits: String) -> String {
    let parts = Array(plain(digits))
    guard parts.count == 6 else { return String(parts) }
    return "\(String(parts[0..<2]))-\(String(parts[2..<4]))-\(String(parts[4..<6]))"
  }

  /// Cells in columns, two spaces between them; numbers to the right, all else to the left.
  func table(_ head: [String]?, _ rows: [[String]], numeric: Set<Int> = []) -> [String] {
    let all = (head.map { [$0] } ?? []) + rows
    let columns = all.map(\.count).max() ?? 0
    let widths = (0..<columns).map { column in
      all.map { $0.indices.contains(column) ? width($0[column]) : 0 }.max() ?? 0
    }
    return all.map { row in
      var line = ""
      for (column, cell) in row.enumerated() {
        let gap = String(repeating: " ", count: widths[column] - width(cell))
        let isLast = column == row.count - 1
        line += numeric.contains(column) ? gap + cell : isLast ? cell : cell + gap
        if !isLast { line += "  " }
      }
      while line.last == " " { line.removeLast() }
      return line
    }
  }

  /// How many characters a cell shows; colour sequences show none.
  private func width(_ cell: String) -> Int {
    guard colours else { return cell.count }
    var count = 0
    var inSequence = false
    for character in cell {
      if character == "\u{1B}" {
        inSequence = true
      } else if inSequence {
        inSequence = character != "m"
      } else {
        count += 1
      }
    }
    return count
  }
}

extension String {
  /// A word of the protocol as people write it: `in_doubt` is "in doubt".
  fileprivate var spaced: String { String(map { $0 == "_" ? " " : $0 }) }
}
