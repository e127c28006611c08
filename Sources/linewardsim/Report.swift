internal import Simulation

/// The end of a run, on paper.
enum Report {
  /// All that it tells.
  struct Facts {
    var reckoning: Reckoning
    var differences: [String]
    var status: JSONValue
    var alarms: JSONValue
    var verify: String
    var directory: String
    var seed: UInt64
    var kills: Int
    var releases: Int
    var acknowledged: Int
  }

  static func text(_ facts: Facts) -> String {
    var text = "\n" + table(facts.reckoning.rows)
    text +=
      "\nA unit that the daemon did not watch to its end (kill, lost link, PLC restart) is in doubt there, or\n"
    text += "counts as rejected by 15: never as passed.\n"
    text += "\n\(facts.reckoning.serialsCompared) serials compared one by one; "
    text += "the daemon was killed \(facts.kills) times; the operator released the line "
    text += "\(facts.releases) times and acknowledged \(facts.acknowledged) alarms.\n"
    text += "\nWhat the operator sees (lineward status, lineward alarms):\n"
    text += status(facts.status)
    text += alarms(facts.alarms)
    text += "\nRecords: \(facts.directory)/records\n"
    text += "  \(facts.verify.isEmpty ? "not verified" : facts.verify)\n"
    text += "Daemon's log: \(facts.directory)/linewardd.log\n\n"
    if facts.differences.isEmpty {
      text += "Truth and daemon agree.\n"
    } else {
      text += "Truth and daemon DIFFER, seed \(facts.seed):\n"
      for difference in facts.differences { text += "  - \(difference)\n" }
    }
    return text
  }

  /// The truth alone, where the daemon was somebody else's.
  static func truth(_ truth: Truth) -> String {
    var text = "\nunits by truth: \(truth.units.count)\n"
    for end in [Truth.End.passed, .rejected, .lost, .takenByHand] {
      text += "  \(end.rawValue): \(truth.units.count { $0.end == end })\n"
    }
    for violation in truth.violations { text += "  law broken \(violation)\n" }
    return text
  }

  private static func table(_ rows: [Reckoning.Row]) -> String {
    var text = line("", "truth", "daemon", "") + line("", "-----", "------", "")
    for row in rows {
      let daemon = row.daemon.map(String.init) ?? "–"
      text += line(row.name, String(row.truth), daemon, row.agrees ? "" : "  <-- differs")
    }
    return text
  }

  private static func line(_ name: String, _ truth: String, _ daemon: String, _ mark: String)
    -> String
  {
    "  " + name.padded(to: 24) + truth.padded(to: -8) + daemon.padded(to: -8) + mark + "\n"
  }

  private static func status(_ status: JSONValue) -> String {
    let permit = status["run_permit"].bool ?? false
    let reasons = status["stop_reasons"].elements.compactMap(\.integer)
      .map { "\($0) \(View.reasons[$0] ?? "")" }
    var text = "  line \(status["line"].string ?? "?"): "
    text += permit ? "may run\n" : "stopped: \(reasons.joined(separator: ", "))\n"
    let batch = status["batch"]
    if let id = batch["id"].string {
      text += "  batch \(id) \(batch["state"].string ?? "?"), "
      text +=
        "\(batch["commissioned"].integer ?? 0) of \(batch["pool"].integer ?? 0) commissioned\n"
    }
    for station in status["stations"].elements {
      text += "  station \(station["name"].string ?? "?"): "
      text += ["units", "accepted", "rejected", "passed", "in_doubt"]
        .map { "\(station[$0].integer ?? 0) \($0)" }.joined(separator: ", ")
      text += "; scanner \(station["scanner"].string ?? "?"), PLC \(station["plc"].string ?? "?")\n"
    }
    return text
  }

  private static func alarms(_ alarms: JSONValue) -> String {
    guard !alarms.elements.isEmpty else { return "  no alarm stands\n" }
    return alarms.elements.map { alarm in
      let id = alarm["id"].string ?? "?"
      let state = alarm["state"].string ?? "?"
      return "  alarm \(id) (\(state)): \(alarm["message"].string ?? "")\n"
    }.joined()
  }
}

extension String {
  /// Filled with spaces behind (or in front, for a negative width) to a width.
  fileprivate func padded(to width: Int) -> String {
    let filling = String(repeating: " ", count: max(0, abs(width) - count))
    return width < 0 ? filling + self : self + filling
  }
}
