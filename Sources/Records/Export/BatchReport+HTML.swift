internal import Alarms
internal import Line

/// The page of an export: one file without scripts, fonts or pictures, that prints on A4.
struct ReportPage {
  var report: BatchReport
  var description: BatchDescription
  var line: String
  var stations: [String]
  var reconciliation: Reconciliation
  /// Serials that need a person, by row.
  var serials: [Int32: String]
  var verification: VerificationReport
  var head: SignedHead?
  var keyText: String
  var isSigned: Bool
  var first: Int64
  var last: Int64
  var lastHash: ChainHash
  var madeAt: Int64
  var madeBy: String
  var version: String

  /// The whole page.
  var html: String {
    let title = "Batch \(description.id), line \(line)"
    var page = """
      <!DOCTYPE html>
      <html lang="en">
      <head>
      <meta charset="utf-8">
      <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
      <title>\(ExportText.html(title))</title>
      <style>
      \(ReportPage.style)
      </style>
      </head>
      <body>
      <h1>Batch record: \(ExportText.html(description.id))</h1>

      """
    page += facts()
    page += verdict()
    page += balances()
    page += counts()
    page += signatures()
    page += serialsThatNeedAPerson()
    page += acts()
    page += stops()
    page += alarms()
    page += proof()
    return page + "</body>\n</html>\n"
  }

  static let style = """
    @page { size: A4; margin: 15mm 12mm; }
    body { font: 10pt/1.35 sans-serif; color: #000; max-width: 186mm; margin: 1em auto; }
    h1 { font-size: 16pt; margin: 0 0 .5em; } h2 { font-size: 12pt; margin: 1.4em 0 .4em; break-after: avoid; }
    table { border-collapse: collapse; width: 100%; } thead { display: table-header-group; }
    th, td { border: .2mm solid #888; padding: .5mm 1.5mm; text-align: left; vertical-align: top; overflow-wrap: anywhere; }
    th { background: #eee; } tr { break-inside: avoid; } td.n { text-align: right; white-space: nowrap; }
    td.t { white-space: nowrap; } pre { white-space: pre-wrap; overflow-wrap: anywhere; font-size: 8.5pt; }
    .bad { border: .6mm solid #000; padding: 2mm; font-weight: bold; } .none { font-style: italic; }
    """

  // MARK: Parts

  private func facts() -> String {
    let rows = [
      ("Batch", description.id), ("GTIN", description.gtin), ("Lot", description.lot),
      ("Expiry (YYMMDD)", description.expiry), ("Serials", "\(description.count)"),
      ("Line", line), ("Stations", stations.joined(separator: ", ")),
      ("State", report.state.word), ("Opened", ExportText.time(report.openedAt)),
      ("Closed", report.closedAt.map(ExportText.time) ?? "not closed"),
      ("Closed with", report.closing), ("Records", "\(first) to \(last)"),
      ("Exported", "\(ExportText.time(madeAt)) by \(madeBy)"), ("Program", "Lineward \(version)"),
    ]
    return "<table>\n"
      + rows.filter { !$0.1.isEmpty }.map { "<tr><th>\($0.0)</th>\(ExportText.cell($0.1))</tr>\n" }
      .joined()
      + "</table>\n<p>All times are UTC, as the line's clock showed them.</p>\n"
  }

  private func verdict() -> String {
    var page = "<h2>Verification</h2>\n"
    if verification.isIntact {
      page +=
        "<p>All records of the line were checked before this export and hold: "
        + "\(ExportText.html(verification.summary)).</p>\n"
    } else {
      page +=
        "<p class=\"bad\">The records do NOT hold: \(ExportText.html(verification.summary)).</p>\n"
    }
    return page
  }

  private func balances() -> String {
    let result = reconciliation
    var page = "<h2>Reconciliation</h2>\n"
    page +=
      result.isBalanced
      ? "<p>Both balances hold.</p>\n" : "<p class=\"bad\">The balances do NOT hold.</p>\n"
    let states = SerialState.allCases.compactMap { state in
      result.serials[state].flatMap { $0 == 0 ? nil : (state.word, $0) }
    }
    page += ExportText.table(
      ["Serials", "Count"],
      states.map { [ExportText.cell($0.0), number($0.1)] }
        + [[ExportText.cell("pool"), number(result.pool)]])
    page += ExportText.table(
      ["Units", "Count"],
      [
        ("passed", result.passed), ("rejected", result.rejected), ("lost", result.lost),
        ("taken by hand", result.takenByHand), ("in doubt", result.inDoubt),
        ("without an end yet", result.open), ("all units", result.units),
        ("serials commissioned by units that passed", result.commissionedByUnits),
        ("serials commissioned by a person who found the pack", result.commissionedByPeople),
        ("serials printed and not read", result.printedNotRead),
      ].map { [ExportText.cell($0.0), number($0.1)] })
    return page
  }

  private func counts() -> String {
    func rows(_ counts: [UInt16: Int], _ phrase: (UInt16) -> String) -> [[String]] {
      counts.sorted { $0.key < $1.key }.map {
        [number(Int($0.key)), ExportText.cell(phrase($0.key)), number($0.value)]
      }
    }
    let verdict: (UInt16) -> String = { Verdict(rawValue: $0)?.phrase ?? "unknown" }
    return "<h2>Verdicts and outcomes</h2>\n"
      + ExportText.table(["Verdict", "Meaning", "Units"], rows(report.verdicts, verdict))
      + (report.withdrawn.isEmpty
        ? ""
        : ExportText.table(["Withdrawn by", "Meaning", "Accepts"], rows(report.withdrawn, verdict)))
      + ExportText.table(
        ["Outcome", "Meaning", "Units"],
        rows(report.outcomes) { Outcome(rawValue: $0)?.phrase ?? "unknown" })
  }

  private func serialsThatNeedAPerson() -> String {
    let shown = reconciliation.unexplained
    var page = "<h2>Serials that need a person: \(reconciliation.unexplainedCount)</h2>\n"
    page += ExportText.table(
      ["Serial", "Row", "Why"],
      shown.map {
        [
          ExportText.cell(serials[$0.row] ?? ""), number(Int($0.row)),
          ExportText.cell($0.cause.phrase),
        ]
      })
    let rest = reconciliation.unexplainedCount - shown.count
    if rest > 0 { page += "<p>\(rest) more stand in serials.csv.</p>\n" }
    return page
  }

  /// 21 CFR 11.50: printed name, date and time, and meaning.
  private func signatures() -> String {
    "<h2>Signatures</h2>\n"
      + ExportText.table(
        ["Signed by", "Login", "Role", "Time", "Meaning", "Record", "Given over record"],
        report.signatures.entries.map {
          [
            ExportText.cell($0.signature.name), ExportText.cell($0.signature.login),
            ExportText.cell($0.signature.role.rawValue),
            time($0.signature.at), ExportText.cell($0.signature.meaning), number(Int($0.sequence)),
            number(Int($0.signature.coveredSequence)),
          ]
        }) + leftOut(report.signatures.leftOut)
  }

  private func acts() -> String {
    "<h2>Who did what</h2>\n"
      + ExportText.table(
        ["Record", "Time", "Who", "What", "Words"],
        report.acts.entries.map {
          [
            number(Int($0.sequence)), time($0.wall), ExportText.cell($0.actor),
            ExportText.cell($0.what),
            ExportText.cell($0.detail),
          ]
        }) + leftOut(report.acts.leftOut)
  }

  private func stops() -> String {
    "<h2>Stops</h2>\n"
      + ExportText.table(
        ["From", "Until", "Seconds", "Reason", "Where", "Words", "Released by"],
        report.stops.entries.map {
          stop in
          let duration = stop.until.map { ReportPage.seconds($0 - stop.from) } ?? ""
          let reason = stop.actor.isEmpty ? stop.reason : "\(stop.reason), by \(stop.actor)"
          return [
            time(stop.from), time(stop.until), "<td class=\"n\">\(duration)</td>",
            ExportText.cell(reason),
            ExportText.cell(stop.place), ExportText.cell(stop.detail),
            ExportText.cell(stop.releasedBy),
          ]
        }) + leftOut(report.stops.leftOut)
  }

  private func alarms() -> String {
    "<h2>Alarms</h2>\n"
      + ExportText.table(
        ["Raised", "Alarm", "Priority", "What", "Cause ended", "Acknowledged", "Reset"],
        report.alarms.entries.map {
          let name = $0.place.isEmpty ? $0.word : "\($0.word)@\($0.place)"
          return [
            time($0.raised), ExportText.cell("\(name), occurrence \($0.number)"),
            ExportText.cell($0.kind?.priority.word ?? ""), ExportText.cell($0.message),
            time($0.returned),
            done($0.acknowledged, $0.acknowledgedBy, $0.comment),
            done($0.reset, $0.resetBy, ""),
          ]
        }) + leftOut(report.alarms.leftOut)
  }

  private func proof() -> String {
    var page = "<h2>Proof</h2>\n<p>Hash of record \(last): <code>\(lastHash)</code></p>\n"
    if let head {
      page += "<p>The last signed head among these records:</p>\n"
      let lines = head.note.split(separator: "\n", omittingEmptySubsequences: false)
        .map { ExportText.html(String($0)) }
      page += "<pre>\(lines.joined(separator: "\n"))</pre>\n"
    } else {
      page += "<p>No head was signed among these records.</p>\n"
    }
    page +=
      isSigned
      ? "<p>This export is signed (manifest.sig) with the key <code>\(ExportText.html(keyText))</code>.</p>\n"
      : "<p class=\"bad\">This export is not signed: the signing key was not beside the records.</p>\n"
    return page
      + "<p>Check it with <code>lineward records check-export</code> and a key kept elsewhere.</p>\n"
  }

  // MARK: Pieces

  private func number(_ number: Int) -> String { "<td class=\"n\">\(number)</td>" }

  private func time(_ wall: Int64?) -> String {
    "<td class=\"t\">\(wall.map(ExportText.time) ?? "")</td>"
  }

  private func done(_ wall: Int64?, _ actor: String, _ comment: String) -> String {
    guard let wall else { return ExportText.cell("") }
    return ExportText.cell(
      "\(ExportText.time(wall)) by \(actor)" + (comment.isEmpty ? "" : ": \(comment)"))
  }

  private func leftOut(_ count: Int) -> String {
    count == 0 ? "" : "<p>\(count) more stand in records.csv.</p>\n"
  }

  private static func seconds(_ milliseconds: Int64) -> String {
    let tenths = milliseconds / 100
    return "\(tenths / 10).\(abs(tenths % 10))"
  }
}
