extension Render {
  /// All cases, open ones first.
  public func cases(_ cases: [CaseReply]) -> [String] {
    guard !cases.isEmpty else { return ["No containment cases."] }
    let sorted = cases.filter { $0.closed == nil } + cases.filter { $0.closed != nil }.reversed()
    return table(
      ["case", "state", "opened", "time left", "steps done", "what"],
      sorted.map { found in
        let done = found.steps.count { $0.done != nil }
        return [
          plain(found.id),
          found.closed == nil ? colour(.red, "open") : plain(found.state),
          plain(found.openedAt), found.closed == nil ? timeLeft(found) : "",
          "\(done) of \(found.steps.count)", plain(found.title, 60),
        ]
      })
  }

  /// One case: what is next first, then what is done.
  public func caseInFull(_ found: CaseReply) -> [String] {
    let isOpen = found.closed == nil
    var lines = [
      bold("Case \(plain(found.id))") + "  "
        + (isOpen ? colour(.red, "OPEN") : "closed") + "  " + plain(found.title)
    ]
    lines.append(
      "  detected \(plain(found.openedAt))"
        + (found.openedBy.isEmpty ? " by the daemon" : ", opened by \(plain(found.openedBy))"))
    if isOpen {
      lines.append(
        "  \(duration(found.elapsedSeconds)) of \(duration(found.durationSeconds)) are over; \(timeLeft(found))"
      )
      if found.holdsRelease { lines.append("  The line is not released while this case is open.") }
    }
    if let closed = found.closed {
      lines.append("  closed \(plain(closed.at)) by \(plain(closed.by)): \(plain(closed.evidence))")
    }
    lines.append("")
    if !found.next.isEmpty {
      lines.append(bold("Next") + " (\(plain(found.nextOwner))): \(plain(found.next))")
      lines.append("")
    }
    for step in found.steps { lines += self.step(step, of: found) }
    lines.append("")
    lines.append("On hold: " + hold(found))
    if found.scanned > 0 { lines.append("  scanned in: \(number(found.scanned))") }
    if !found.evidence.isEmpty {
      lines.append("On record:")
      lines += found.evidence.map { "  step \($0.step)  \(plain($0.at))  \(plain($0.title))" }
    }
    if !found.notes.isEmpty {
      lines.append("Notes:")
      lines += found.notes.map { "  " + plain($0) }
    }
    for signature in found.signatures {
      lines.append(
        "Signed by \(plain(signature.name)) (\(plain(signature.login))), \(plain(signature.role)), "
          + "\(plain(signature.at)): \(plain(signature.meaning))"
          + (signature.stands ? "" : colour(.yellow, "  (the case has changed since)")))
    }
    if isOpen, !found.unsigned.isEmpty {
      lines.append("Still to sign: \(found.unsigned.map { plain($0) }.joined(separator: ", "))")
    }
    return lines
  }

  private func step(_ step: CaseReply.Step, of found: CaseReply) -> [String] {
    let mark: String
    switch step.state {
    case "done": mark = colour(.green, "done   ")
    case "overdue": mark = colour(.red, "OVERDUE")
    default: mark = "open   "
    }
    var lines = [
      "\(step.number) \(mark)  \(plain(step.name)) (\(plain(step.key)))  by minute "
        + "\(step.deadlineSeconds / 60)  \(step.owners.map { plain($0) }.joined(separator: " or "))"
    ]
    if let done = step.done {
      lines.append(
        "            \(plain(done.at))  \(done.by.isEmpty ? "by the daemon" : "by \(plain(done.by))")"
          + (step.wasLate ? ", late" : "") + ": \(plain(done.evidence))")
    } else {
      lines.append("            \(plain(step.instruction))")
    }
    if step.key == "alert" {
      for contact in found.contacts {
        let answer = contact.answer.map {
          "answered \(plain($0.at)), \(plain($0.evidence)), by \(plain($0.by))"
        }
        lines.append("            \(plain(contact.role)): \(answer ?? "no answer yet")")
      }
    }
    return lines
  }

  private func hold(_ found: CaseReply) -> String {
    guard !found.batches.isEmpty else { return "no batch has run" }
    let batches = found.batches.map { plain($0) }.joined(separator: ", ")
    let stations = found.stations.map { plain($0) }.joined(separator: ", ")
    return "batch \(batches)"
      + (stations.isEmpty ? "" : ", station \(stations)")
      + (found.since.map { ", since \(plain($0)), the last moment proven good" }
        ?? ", all of it: no moment is proven good")
  }

  private func timeLeft(_ found: CaseReply) -> String {
    found.remainingSeconds >= 0
      ? "\(duration(found.remainingSeconds)) left"
      : colour(.red, "\(duration(-found.remainingSeconds)) OVER")
  }

  /// Minutes and seconds, with hours where there are any.
  private func duration(_ seconds: Int) -> String {
    func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
    let minutes = "\(two(seconds / 60 % 60)):\(two(seconds % 60))"
    return seconds >= 3600 ? "\(seconds / 3600):\(minutes)" : minutes
  }
}
