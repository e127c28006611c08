internal import Alarms
internal import CLinux
internal import Configuration
internal import Control
internal import Devices
internal import Glibc
internal import Line
internal import PLCLink
internal import Records
internal import Synchronization

/// All metrics, out of what core, loop, links, scanners and disk say; docs/maintenance.md lists them.
struct Metrics {
  var status: LineStatus
  var counts: LineMetrics
  var links: [(name: String, health: PLCLink.Health)]
  var scanners: [(name: String, health: ScannerBank.Health)]
  /// The folder of records.
  var directory: String

  /// The exposition.
  var text: String {
    var out = Exposition()
    line(&out)
    stations(&out)
    alarms(&out)
    records(&out)
    plcs(&out)
    scanners(&out)
    return out.text
  }

  private func line(_ out: inout Exposition) {
    out.family("lineward_build_info", .gauge, "The version that runs.")
    out.sample(1, [("version", LinewardDaemon.version), ("line", status.line)])
    out.family("lineward_run_permit", .gauge, "Whether the line may run.")
    out.sample(status.permit ? 1 : 0)
    out.family(
      "lineward_stop_reason", .gauge, "Number of the gravest stop reason that stands, 0 none.")
    out.sample(status.reasons.first?.rawValue ?? 0)
    out.family("lineward_batch_serials", .gauge, "Serials of the batch at work.")
    if let batch = status.batch { out.sample(batch.poolCount, [("batch", batch.id)]) }
    out.family(
      "lineward_batch_commissioned_serials", .gauge, "Serials commissioned of the batch at work.")
    if let batch = status.batch { out.sample(status.commissioned, [("batch", batch.id)]) }
  }

  private func stations(_ out: inout Exposition) {
    out.family("lineward_units_total", .counter, "Units that were judged, or whose outcome came.")
    for station in status.stations {
      out.sample(station.counters.units, [("station", station.name)])
    }
    out.family("lineward_verdicts_total", .counter, "Verdicts recorded since the daemon's start.")
    for (index, station) in status.stations.enumerated() {
      for verdict in Verdict.allCases {
        out.sample(
          counts.verdicts(station: index, verdict),
          [
            ("station", station.name), ("verdict", "\(verdict.rawValue)"),
            ("reason", Self.label(verdict.phrase)),
          ])
      }
    }
    out.family(
      "lineward_withdrawals_total", .counter, "Accepts withdrawn since the daemon's start.")
    for (index, station) in status.stations.enumerated() {
      out.sample(counts.withdrawals(station: index), [("station", station.name)])
    }
    out.family("lineward_outcomes_total", .counter, "Ends of units since the daemon's start.")
    for (index, station) in status.stations.enumerated() {
      for outcome in Outcome.allCases {
        out.sample(
          counts.outcomes(station: index, outcome),
          [("station", station.name), ("outcome", Self.word(outcome))])
      }
      out.sample(
        counts.outcomes(station: index, nil), [("station", station.name), ("outcome", "missing")])
    }
    out.family("lineward_open_units", .gauge, "Units without an end.")
    for station in status.stations { out.sample(station.openUnits, [("station", station.name)]) }
    out.family("lineward_station_in_step", .gauge, "Whether the station is in step with its PLC.")
    for station in status.stations {
      out.sample(station.inStep ? 1 : 0, [("station", station.name)])
    }
    out.family(
      "lineward_scan_to_verdict_seconds", .histogram,
      "Time from a read to its verdict at the PLC link.")
    out.times(counts.scanToVerdict)
  }

  /// A phrase as one word of a label.
  private static func label(_ phrase: String) -> String {
    String(phrase.map { $0 == " " ? "_" : $0 })
  }

  private static func word(_ outcome: Outcome) -> String {
    switch outcome {
    case .passed: "passed"
    case .rejected: "rejected"
    case .rejectNotSeen: "reject_not_seen"
    case .lost: "lost"
    case .takenByHand: "taken_by_hand"
    case .noVerdictInTime: "no_verdict_in_time"
    }
  }

  private func alarms(_ out: inout Exposition) {
    out.family("lineward_alarms", .gauge, "Alarms that are not normal.")
    let kinds = Dictionary(grouping: status.alarms) { "\($0.kind.priority.word) \($0.state.word)" }
    for priority in AlarmKind.Priority.allCases {
      for state in Alarm.State.allCases where state != .normal {
        out.sample(
          kinds["\(priority.word) \(state.word)"]?.count ?? 0,
          [("priority", priority.word), ("state", state.word)])
      }
    }
    out.family("lineward_alarms_raised_total", .counter, "Alarms raised since the daemon's start.")
    for kind in AlarmKind.allCases { out.sample(counts.raised(kind), [("kind", kind.word)]) }
  }

  private func records(_ out: inout Exposition) {
    out.family("lineward_commit_seconds", .histogram, "Time in which records went to disk.")
    out.times(counts.commits)
    out.family("lineward_records_sequence", .gauge, "Sequence of the last record on disk.")
    out.sample(counts.recordSequence.load(ordering: .relaxed))
    out.family("lineward_records_size_bytes", .gauge, "Size of the records' database and its log.")
    for (file, name) in [("database", "records.sqlite"), ("log", "records.sqlite-wal")] {
      var found = stat()
      if stat("\(directory)/\(name)", &found) == 0 { out.sample(found.st_size, [("file", file)]) }
    }
    out.family("lineward_disk_free_bytes", .gauge, "Free on the disk of the records.")
    var room = statvfs()
    if statvfs(directory, &room) == 0 {
      out.sample(
        UInt64(room.f_bavail).multipliedReportingOverflow(by: UInt64(room.f_frsize)).partialValue)
    }
  }

  private func plcs(_ out: inout Exposition) {
    func gauge(
      _ name: String, _ kind: Exposition.Kind, _ help: String,
      _ value: (PLCLink.Health) -> some CustomStringConvertible
    ) {
      out.family(name, kind, help)
      for link in links { out.sample(value(link.health), [("plc", link.name)]) }
    }
    gauge("lineward_plc_up", .gauge, "Whether the connection to the PLC stands.") {
      $0.connectedSince == nil ? 0 : 1
    }
    gauge(
      "lineward_plc_connections_total", .counter, "Connections made since the daemon's start."
    ) {
      $0.connections
    }
    gauge(
      "lineward_plc_telegrams_total", .counter, "Telegrams answered since the daemon's start."
    ) {
      $0.telegrams
    }
    gauge("lineward_plc_errors_total", .counter, "Telegrams failed since the daemon's start.") {
      $0.errors
    }
    out.family(
      "lineward_plc_response_seconds", .summary, "Time from a telegram to its answer.")
    for link in links {
      let plc = ("plc", link.name)
      for (quantile, time) in [
        ("0.5", link.health.responseMedian), ("0.99", link.health.responseP99),
      ] {
        out.sample(Exposition.seconds(time.nanoseconds), [plc, ("quantile", quantile)])
      }
      out.sample(Exposition.seconds(link.health.responseSum.nanoseconds), [plc], suffix: "_sum")
      out.sample(link.health.telegrams, [plc], suffix: "_count")
    }
  }

  private func scanners(_ out: inout Exposition) {
    func family(
      _ name: String, _ kind: Exposition.Kind, _ help: String,
      _ value: (ScannerBank.Health) -> some CustomStringConvertible
    ) {
      out.family(name, kind, help)
      for scanner in scanners { out.sample(value(scanner.health), [("scanner", scanner.name)]) }
    }
    family("lineward_scanner_up", .gauge, "Whether the scanner is online.") {
      $0.onlineSince == nil ? 0 : 1
    }
    family(
      "lineward_scanner_messages_total", .counter, "Reads and no-reads since the daemon's start."
    ) {
      $0.messages
    }
    family(
      "lineward_scanner_no_reads_total", .counter, "No-reads since the daemon's start."
    ) {
      $0.noReads
    }
    out.family(
      "lineward_scanner_framing_errors_total", .counter,
      "Messages that were dropped for their framing since the daemon's start.")
    for scanner in scanners {
      let framing = scanner.health.faults.framing
      for (fault, count) in [
        ("overlong", framing.overlong), ("without_prefix", framing.withoutPrefix),
        ("cut", framing.cut), ("paused", framing.paused), ("spoiled", framing.spoiled),
      ] {
        out.sample(count, [("scanner", scanner.name), ("fault", fault)])
      }
    }
  }
}
