internal import Alarms
internal import Containment
internal import Line

/// `case.html`: the story of a case, one file without scripts, fonts or pictures, that prints on A4.
struct CasePage {
  var document: CaseDocument
  var story: [StoredRecord]
  var names: StationNames
  var isSigned: Bool
  var keyText: String
  var version: String

  /// Lines of the story on the page; the rest stands in records.jsonl.
  static let storyMax = 2000

  /// The whole page.
  var html: String {
    let title = "Case \(document.id), line \(document.line)"
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
      <h1>Containment case \(ExportText.html(document.id)): \(ExportText.html(document.title))</h1>

      """
    page += facts()
    page += missing()
    page += steps()
    page += people()
    page += signatures()
    page += told()
    page += evidence()
    page += storyTable()
    page += proof()
    return page + "</body>\n</html>\n"
  }

  private func facts() -> String {
    let scope = document.scope
    let rows = [
      ("Line", document.line), ("What opened it", document.alarm ?? "a person"),
      ("Where", document.place), ("Opened by", document.openedBy),
      ("Detected", document.detectedAt), ("Time for it", "\(document.durationMinutes) minutes"),
      ("State", document.state), ("Closed", document.closedAt ?? ""),
      ("Closed by", document.closedBy ?? ""), ("Closed because", document.closedBecause ?? ""),
      ("Batches on hold", scope.batches.joined(separator: ", ")),
      ("Stations", scope.stations.joined(separator: ", ")),
      ("Since", scope.since ?? "the beginning of the batches: nothing later was proven good"),
      (
        "Units affected",
        "\(document.units.units), with a serial \(document.units.serials); scanned in \(document.units.found), missing \(document.units.missing), other packs scanned in \(document.units.others)"
      ),
      ("Bundle made", "\(document.madeAt) by \(document.madeBy)"),
      ("Program", "Lineward \(version)"),
    ]
    return "<table>\n"
      + rows.filter { !$0.1.isEmpty }.map { "<tr><th>\($0.0)</th>\(ExportText.cell($0.1))</tr>\n" }
      .joined()
      + "</table>\n<p>All times are UTC, as the line's clock showed them.</p>\n"
  }

  private func missing() -> String {
    guard !document.leftOut.isEmpty else { return "" }
    return "<h2>Not in this bundle</h2>\n<table>\n"
      + document.leftOut.map { "<tr>\(ExportText.cell($0))</tr>\n" }.joined() + "</table>\n"
  }

  private func steps() -> String {
    "<h2>Steps</h2>\n"
      + ExportText.table(
        ["Step", "What", "For", "Until minute", "State", "Who", "When", "What shows it"],
        document.steps.map {
          [
            ExportText.cell("\($0.number) \($0.key)"),
            ExportText.cell("\($0.name): \($0.instruction)"),
            ExportText.cell($0.owners.joined(separator: ", ")),
            "<td class=\"n\">\($0.deadlineMinutes)</td>",
            ExportText.cell($0.state + ($0.overdue ? ", was overdue" : "")),
            ExportText.cell($0.by ?? ""),
            time($0.at), ExportText.cell($0.evidence ?? ""),
          ]
        })
  }

  private func people() -> String {
    "<h2>Answers of those alerted</h2>\n"
      + ExportText.table(
        ["Role", "By", "When", "How"],
        document.answers.map {
          [
            ExportText.cell($0.role), ExportText.cell($0.by ?? "no answer"), time($0.at),
            ExportText.cell($0.text ?? ""),
          ]
        })
  }

  private func signatures() -> String {
    var page = "<h2>Signatures</h2>\n"
    page += ExportText.table(
      ["Printed name", "Login", "Role", "When", "Meaning", "Stands"],
      document.signatures.map {
        [
          ExportText.cell($0.name), ExportText.cell($0.login), ExportText.cell($0.role),
          time($0.at), ExportText.cell($0.meaning),
          ExportText.cell($0.stands ? "yes" : "no: the case was changed after it"),
        ]
      })
    if !document.unsigned.isEmpty {
      page +=
        "<p class=\"bad\">Not signed as it stands by: \(ExportText.html(document.unsigned.joined(separator: ", "))).</p>\n"
    }
    return page
  }

  private func told() -> String {
    "<h2>Who was told</h2>\n"
      + ExportText.table(
        ["Contact", "Way", "Of", "Attempts", "Told"],
        document.told.map {
          [
            ExportText.cell($0.contact), ExportText.cell($0.way), ExportText.cell($0.of),
            "<td class=\"n\">\($0.attempts)</td>",
            ExportText.cell($0.told ? "yes" : "no"),
          ]
        })
  }

  private func evidence() -> String {
    "<h2>Evidence</h2>\n"
      + ExportText.table(
        ["File", "Step", "What", "When", "Bytes"],
        document.evidence.map {
          [
            ExportText.cell($0.file), "<td class=\"n\">\($0.step)</td>", ExportText.cell($0.title),
            time($0.at),
            "<td class=\"n\">\($0.size)</td>",
          ]
        })
      + ExportText.table(
        ["Further files", "What"],
        ([
          ("case.json", "this case, for programs"), ("records.jsonl", "its records, with hashes"),
          ("reads.csv", "reads and outcomes of its stations, 10 minutes before and after"),
          ("audit.csv", "alarms, stops, commands, refusals and links from then on"),
          ("units.csv", "all units affected"),
        ] + document.attachments.map { ($0, "from the machine") }).map {
          [ExportText.cell($0.0), ExportText.cell($0.1)]
        })
  }

  private func storyTable() -> String {
    var page = "<h2>What happened, in order</h2>\n"
    page += ExportText.table(
      ["Record", "Time", "Who", "What", "Words"],
      story.prefix(CasePage.storyMax).map { stored in
        let record = stored.record
        return [
          "<td class=\"n\">\(stored.sequence)</td>", time(ExportText.time(stored.wall)),
          ExportText.cell(CaseDocument.who(record.actor)), ExportText.cell(CasePage.what(record)),
          ExportText.cell(record.detail),
        ]
      })
    if story.count > CasePage.storyMax {
      page += "<p>\(story.count - CasePage.storyMax) more stand in records.jsonl.</p>\n"
    }
    return page
  }

  private static func what(_ record: Line.Record) -> String {
    let text = String(decoding: record.raw.prefix(300), as: UTF8.self)
    switch record.kind {
    case .caseOpened: return "opened"
    case .caseStepDone: return "step \(record.code) done"
    case .caseAnswered: return "answered for \(text)"
    case .caseNotified:
      return (record.code == 0 ? "told: " : "not told: ")
        + text.split(separator: "\t").joined(separator: ", ")
    case .caseScoped: return "narrowed"
    case .caseClock:
      if record.code == CaseMoment.resumed { return "the time goes on" }
      return record.code > CaseMoment.overdue
        ? "step \(record.code - CaseMoment.overdue) overdue" : "escalated"
    case .caseEvidence: return "evidence for step \(record.code)"
    case .caseScanned: return "pack scanned in"
    case .caseClosed: return "closed"
    case .caseNoted: return "note"
    case .signed: return "signed"
    default: return record.kind.word
    }
  }

  private func proof() -> String {
    var page = "<h2>Proof</h2>\n"
    page +=
      isSigned
      ? "<p>This bundle is signed (manifest.sig) with the key <code>\(ExportText.html(keyText))</code>; the hash of its manifest is on record.</p>\n"
      : "<p class=\"bad\">This bundle is not signed: the signing key was not beside the records.</p>\n"
    return page
      + "<p>Check it with <code>lineward records check-export</code> and a key kept elsewhere.</p>\n"
  }

  private func time(_ text: String?) -> String { "<td class=\"t\">\(text ?? "")</td>" }
}
