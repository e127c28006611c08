internal import Line

extension Render {
  /// Whom a test of the contacts reached.
  public func alertTest(_ reply: AlertTestReply) -> [String] {
    guard !reply.entries.isEmpty else {
      return ["There are no contacts: write [[contact]] tables into the configuration."]
    }
    return table(
      ["contact", "role", "way", "told"],
      reply.entries.map { [$0.contact, $0.role, $0.way, $0.failure ?? "yes"] })
  }

  /// The units that a case affects.
  public func caseUnits(_ reply: CaseUnitsReply, file: String? = nil) -> [String] {
    var lines = [
      "Case \(plain(reply.caseID)): \(number(reply.units)) units, \(number(reply.serials)) of them with a serial of their own.",
      "Scanned in: \(number(reply.found)). Missing: \(number(reply.missing)).",
    ]
    if reply.others > 0 {
      lines.append("Packs scanned in that no affected unit has: \(number(reply.others)).")
    }
    lines += reply.remarks.map { sentence($0, end: ".") }
    if let file {
      return lines + ["All of them are in \(plain(file))."]
    }
    guard !reply.shown.isEmpty else { return lines }
    lines.append("")
    lines += table(
      ["serial", "unit", "station", "verdict", "outcome", "state", "at", "in"],
      reply.shown.map { unit in
        [
          unit.serial.isEmpty ? "-" : unit.serial, "\(unit.unit)", unit.station,
          "\(unit.verdict) \(Verdict(rawValue: UInt16(clamping: unit.verdict))?.phrase ?? "")",
          unit.outcome == 0
            ? "none"
            : Outcome(rawValue: UInt16(clamping: unit.outcome))?.phrase ?? "\(unit.outcome)",
          unit.state + (unit.hold ? ", hold" : ""), unit.at, unit.scannedIn ? "yes" : "no",
        ]
      }, numeric: [1])
    if reply.shown.count < reply.units {
      lines.append(
        "\(number(reply.units - reply.shown.count)) more; all of them with --to FILE or --csv.")
    }
    return lines
  }

  /// What became of a bundle.
  public func bundled(_ reply: BundleReply, to folder: String, files: Int, archive: String)
    -> [String]
  {
    var lines = [
      "The bundle of case \(plain(reply.caseID)) is in \(plain(folder)): \(number(files)) files, "
        + "\(number(reply.records)) records, \(number(reply.units)) units, "
        + (reply.signed ? "signed." : "not signed: the signing key is not beside the records."),
      "  manifest  sha256 \(plain(reply.manifest)), which is on record", "  \(plain(archive))",
    ]
    lines += reply.leftOut.map { "  not in it: \(plain($0))" }
    return lines
  }
}
