/// What `lineward watch` shows on a terminal, and what its keys do.
///
/// Pure: status, size, keys and `now` in; lines and actions out. It shows the line's state first, then the single next thing
/// to do, then batch, stations, alarms and cases; whichever of the last three has the focus gets the room that there is. No
/// key releases or stops the line: the one thing that can be done from here is to acknowledge the alarm that is selected, after a
/// question that names its occurrence.
public struct WatchScreen: Sendable {
  /// A key, as far as it means something here.
  public enum Key: Sendable, Hashable {
    case up
    case down
    case tab
    case escape
    /// A character; what it means hangs on what is asked.
    case letter(Character)
  }

  /// What the program has to do for a key.
  public enum Action: Sendable, Equatable {
    /// Draw anew.
    case draw
    /// Ask the daemon to acknowledge this occurrence, then say with ``said(_:)`` what came of it.
    case acknowledge(id: String, occurrence: UInt32)
    /// Give the terminal back.
    case end
  }

  /// The parts that can have the focus.
  public enum Pane: Int, Sendable, CaseIterable {
    case alarms
    case cases
    case stations
  }

  /// What has the focus.
  public private(set) var focus = Pane.alarms
  /// The alarm and occurrence that a question is about; nil while nothing is asked.
  public private(set) var question: (id: String, occurrence: UInt32)?
  /// Whether the help is shown.
  public private(set) var showsHelp = false

  private var status: StatusReply?
  /// When `status` came, in seconds of a clock that never goes back.
  private var statusAt: Int64 = 0
  /// The wall time that stands beside it.
  private var wall = ""
  /// Why there is no connection; nil while there is one.
  private var lost: String?
  /// What came of the last key, until the next one.
  private var note = ""
  /// The id of the selected alarm: the list may change its order under the cursor, and the cursor stays on its alarm.
  private var selectedAlarm: String?
  private var selectedCase: String?

  /// Makes a screen that waits for the first status.
  public init() {}

  // MARK: Events

  /// A status came; `wall` is the time of day beside it, `now` seconds of a clock that never goes back.
  public mutating func show(_ status: StatusReply, wall: String, now: Int64) {
    self.status = status
    self.wall = wall
    statusAt = now
    lost = nil
    let ids = alarms.map(\.id)
    if selectedAlarm.map({ !ids.contains($0) }) ?? true { selectedAlarm = ids.first }
    let cases = cases.map(\.id)
    if selectedCase.map({ !cases.contains($0) }) ?? true { selectedCase = cases.first }
  }

  /// The connection is gone; what is shown is old from here on.
  public mutating func lose(_ sentence: String) {
    lost = sentence
    // What it was about may be over.
    question = nil
  }

  /// Shows what came of an action.
  public mutating func said(_ sentence: String) { note = sentence }

  /// Takes a key.
  public mutating func press(_ key: Key) -> Action {
    note = ""
    if let asked = question {
      question = nil
      guard key == .letter("y") || key == .letter("Y") else {
        note = "Nothing was acknowledged."
        return .draw
      }
      return .acknowledge(id: asked.id, occurrence: asked.occurrence)
    }
    if showsHelp {
      showsHelp = false
      return key == .letter("q") ? .end : .draw
    }
    switch key {
    case .letter("q"), .letter("Q"): return .end
    case .letter("?"), .letter("h"): showsHelp = true
    case .tab: focus = Pane(rawValue: focus.rawValue + 1) ?? .alarms
    case .up, .letter("k"): move(by: -1)
    case .down, .letter("j"): move(by: 1)
    case .letter("a"): ask()
    case .letter, .escape: note = "That key does nothing here; ? shows those that do."
    }
    return .draw
  }

  private mutating func move(by step: Int) {
    func moved(_ ids: [String], _ selected: String?) -> String? {
      guard let place = ids.firstIndex(where: { $0 == selected }) else { return ids.first }
      return ids[min(max(place + step, 0), ids.count - 1)]
    }
    switch focus {
    case .alarms: selectedAlarm = moved(alarms.map(\.id), selectedAlarm)
    case .cases: selectedCase = moved(cases.map(\.id), selectedCase)
    case .stations: break
    }
  }

  private mutating func ask() {
    guard lost == nil else {
      note = "There is no connection: nothing can be acknowledged now."
      return
    }
    guard focus == .alarms else {
      focus = .alarms
      note = "Select the alarm that you have seen, then press a again."
      return
    }
    guard let alarm = alarms.first(where: { $0.id == selectedAlarm }) else {
      note = "There is no alarm to acknowledge."
      return
    }
    guard alarm.waitsForAcknowledgement else {
      note = "\(plain(alarm.id)) is acknowledged already."
      return
    }
    question = (alarm.id, alarm.occurrence)
  }

  // MARK: What is known

  private var alarms: [AlarmReply] { status?.alarmList ?? [] }
  private var cases: [CaseSummary] { status?.cases ?? [] }

  /// The single next thing to do, as a sentence.
  public var next: String {
    if lost != nil {
      return
        "Find out why the daemon does not answer: systemctl status lineward. The line stands without it."
    }
    guard let status else { return "Wait for the daemon's first answer." }
    return status.next
  }

  // MARK: Lines

  /// The screen: exactly `rows` lines of at most `columns` characters, escape sequences aside.
  ///
  /// With `colours` the state is also told by colour; without, bold and reverse are all that is used.
  public func lines(rows: Int, columns: Int, colours: Bool, now: Int64) -> [String] {
    let rows = max(1, min(rows, 500))
    let columns = max(1, min(columns, 1000))
    var lines = showsHelp ? help(columns) : head(rows: rows, columns: columns)
    if rows < 3 { lines = Array(lines.prefix(rows)) }
    if !showsHelp, let status, rows > lines.count + 1 {
      lines += body(status, rows: rows - lines.count - 1, columns: columns, now: now)
    }
    lines = Array(lines.prefix(rows > 1 ? rows - 1 : 1))
    while lines.count < rows - 1 { lines.append(ScreenLine()) }
    if rows > 1 { lines.append(foot(columns)) }
    return lines.map { $0.text(columns: columns, colours: colours) }
  }

  private func head(rows: Int, columns: Int) -> [ScreenLine] {
    let roomy = rows >= 16
    var lines: [ScreenLine] = []
    let (word, style) = state
    let line = plain(status?.line ?? "")
    if roomy {
      let left = " Lineward" + (line.isEmpty ? "" : "  line \(line)")
      let right = lost == nil ? "\(wall) " : "OLD, from \(wall) "
      lines.append(
        ScreenLine(
          left + blanks(columns - left.unicodeScalars.count - right.unicodeScalars.count) + right,
          lost == nil ? .bold : .reverse))
      let wide = word.map(String.init).joined(separator: " ")
      lines.append(ScreenLine(bar: "", style, columns))
      lines.append(ScreenLine(bar: "   \(wide)   \(reason)", style, columns))
      lines.append(ScreenLine(bar: "", style, columns))
    } else {
      let old = lost == nil ? "" : "OLD "
      lines.append(ScreenLine(bar: "\(old)\(word) \(line) \(reason)", style, columns))
    }
    if let lost {
      lines.append(
        ScreenLine(
          bar: " NO CONNECTION, what stands here is old. \(plain(lost))", .reverse, columns))
    }
    lines += wrapped("NEXT: ", next, columns, linesMax: roomy ? 2 : 1, style: .bold)
    return lines
  }

  private var state: (String, ScreenStyle) {
    if lost != nil { return ("NO CONNECTION", .reverse) }
    guard let status else { return ("WAITING", .reverse) }
    let (word, isGood) = status.state
    return (word, isGood ? .goodBar : .badBar)
  }

  private var reason: String {
    guard let status else { return lost == nil ? "for the daemon" : "" }
    return lost == nil ? status.stateReason : "last seen \(status.state.word)"
  }

  // MARK: Panes

  private func body(
    _ status: StatusReply, rows: Int, columns: Int, now: Int64
  ) -> [ScreenLine] {
    var lines: [ScreenLine] = []
    if rows >= 6 {
      // What to do about the gravest reason stands here where NEXT is about something else.
      if let step = status.gravestReason?.nextStep, !status.next.contains(step), !status.runPermit {
        lines += wrapped("  to run again: ", step, columns, linesMax: 2)
      }
      lines.append(ScreenLine())
    }
    lines += batch(status, columns).prefix(max(0, rows - 3))
    let room = rows - lines.count
    let order: [Pane] = [.stations, .alarms, .cases]
    let full = order.map { pane($0, status, columns, now: now) }
    // Each has its heading, then the focus what it needs, then the others in the order of their weight.
    var heights = full.map { min(1, $0.count) }
    var left = room - heights.reduce(0, +)
    for pane in [focus] + [.cases, .alarms, .stations].filter({ $0 != focus }) {
      guard let index = order.firstIndex(of: pane), left > 0 else { continue }
      let more = min(left, full[index].count - heights[index])
      heights[index] += more
      left -= more
    }
    for (index, pane) in order.enumerated() {
      // Where room is left, an empty line sets the parts apart.
      if left > 0, heights[index] > 0 {
        lines.append(ScreenLine())
        left -= 1
      }
      lines += cut(full[index], to: heights[index], pane)
    }
    return lines
  }

  /// A pane's lines with the selected one in sight, and a word where some are left out.
  private func cut(_ lines: [ScreenLine], to height: Int, _ pane: Pane) -> [ScreenLine] {
    guard lines.count > height, height > 1 else { return Array(lines.prefix(height)) }
    let last = lines.lastIndex(where: \.isSelected) ?? 0
    // All of what is selected where that fits, otherwise its beginning.
    let first = max(1, lines.firstIndex(where: \.isSelected) ?? 1)
    let start = min(max(1, last - (height - 3)), first, lines.count - (height - 1))
    var shown = [lines[0]] + lines[start...].prefix(height - 1)
    let below = lines.count - (start + height - 1)
    if below > 0 {
      shown[shown.count - 1] = ScreenLine(
        "    … \(below + 1) more lines; tab and arrows show them", .normal)
    }
    return shown
  }

  private func batch(_ status: StatusReply, _ columns: Int) -> [ScreenLine] {
    guard let batch = status.batch else { return [ScreenLine("No batch at work.", .normal)] }
    let render = Render()
    let share = batch.pool > 0 ? Double(batch.commissioned) / Double(batch.pool) : 0
    let width = max(0, min(40, columns - 44))
    let filled = Int(min(1, max(0, share)) * Double(width))
    let bar =
      width < 4
      ? ""
      : "[" + String(repeating: "#", count: filled)
        + String(repeating: "-", count: width - filled) + "] "
    return [
      ScreenLine(
        plain(
          "Batch \(batch.id)  \(batch.state)  GTIN \(batch.gtin)  lot \(batch.lot)  "
            + "expiry \(render.expiry(batch.expiry))"), .bold),
      ScreenLine(
        "  \(bar)\(render.number(batch.commissioned)) of \(render.number(batch.pool))"
          + render.share(batch.commissioned, of: batch.pool), .normal),
    ]
  }

  private func heading(_ pane: Pane, _ text: String, _ style: ScreenStyle = .bold) -> ScreenLine {
    ScreenLine((focus == pane ? "> " : "  ") + text, style)
  }

  private func pane(
    _ pane: Pane, _ status: StatusReply, _ columns: Int, now: Int64
  ) -> [ScreenLine] {
    switch pane {
    case .stations: stationLines(status)
    case .alarms: alarmLines(status, columns)
    case .cases: caseLines(columns, now: now)
    }
  }

  private func stationLines(_ status: StatusReply) -> [ScreenLine] {
    let render = Render()
    let rows = status.stations.map { station in
      [
        "  " + plain(station.name), render.number(station.units), render.number(station.accepted),
        render.number(station.rejected), render.number(station.passed),
        render.number(station.inDoubt), plain(station.scanner), plain(station.plc),
      ]
    }
    let head = [
      "STATIONS", "units", "accepted", "rejected", "passed", "in doubt", "scanner", "PLC",
    ]
    let table = render.table(head, rows, numeric: [1, 2, 3, 4, 5])
    var lines = [heading(.stations, table[0])]
    for (line, station) in zip(table.dropFirst(), status.stations) {
      let isWhole = station.scanner == "online" && station.plc == "online"
      lines.append(ScreenLine("  " + line, isWhole ? .normal : .bad))
      lines += render.stationNotes(station).map { ScreenLine("      " + plain($0), .normal) }
    }
    return lines
  }

  private func alarmLines(_ status: StatusReply, _ columns: Int) -> [ScreenLine] {
    let counts = status.alarms
    guard counts.active > 0 || counts.unacknowledged > 0 else {
      return [heading(.alarms, "ALARMS  none")]
    }
    var lines = [
      heading(
        .alarms,
        "ALARMS  \(counts.active) active, \(counts.unacknowledged) to acknowledge",
        counts.unacknowledged > 0 ? .warning : .bold)
    ]
    for alarm in alarms {
      let selected = alarm.id == selectedAlarm
      let waits = alarm.waitsForAcknowledgement
      let grave = alarm.priority == "highest" || alarm.priority == "high"
      var line = ScreenLine(
        "  \(selected ? ">" : " ") \(waits ? "!" : " ") \(plain(alarm.priority))  \(plain(alarm.id)) "
          + "#\(alarm.occurrence)  \(timeOfDay(alarm.raisedAt))  \(plain(alarm.state.spacedOut))",
        selected && focus == .alarms
          ? .reverse : !waits ? .normal : grave ? .bad : .warning)
      line.isSelected = selected
      lines.append(line)
      guard selected else { continue }
      var details = wrapped("      ", plain(alarm.message), columns, linesMax: 3)
      if let remedy = alarm.remedy {
        details += wrapped("      do: ", remedy, columns, linesMax: 3, style: .bold)
      }
      if let command = alarm.command {
        details.append(ScreenLine("      type: \(command)\(waits ? ", or press a" : "")", .normal))
      }
      lines += details.map { line in
        var line = line
        line.isSelected = true
        return line
      }
    }
    let more = counts.active - alarms.count
    if more > 0 { lines.append(ScreenLine("    and \(more) more: lineward alarms", .normal)) }
    return lines
  }

  private func caseLines(_ columns: Int, now: Int64) -> [ScreenLine] {
    let open = max(cases.count, status?.containment.open ?? 0)
    guard open > 0 else { return [heading(.cases, "CONTAINMENT  no case is open")] }
    var lines = [heading(.cases, "CONTAINMENT  \(open) open", .bad)]
    for one in cases {
      // The clock goes on between two statuses, but not when nobody knows whether it does.
      let since = lost == nil ? Int(max(0, now - statusAt)) : 0
      let clock = one.clock(after: since)
      let selected = one.id == selectedCase
      var line = ScreenLine(
        "  \(selected ? ">" : " ") \(plain(one.id))  \(clock.text)  \(plain(one.title))",
        clock.isOver ? .reverse : .bad)
      line.isSelected = selected
      lines.append(line)
      guard selected else { continue }
      let nameWidth = min(32, one.steps.map { plain($0.name).unicodeScalars.count }.max() ?? 0)
      for step in one.steps {
        let isOver = step.state == .open && one.elapsedSeconds + since > step.deadlineSeconds
        let mark =
          switch step.state {
          case .done: "[x]"
          case .overdue: "[!]"
          case .open: isOver ? "[!]" : "[ ]"
          }
        let due =
          step.state == .done
          ? "done"
          : "\(plain(step.owner)), by \(CaseSummary.minutes(step.deadlineSeconds))"
            + (mark == "[!]" ? "  OVERDUE" : "")
        var name = String(plain(step.name).prefix(32))
        name += blanks(nameWidth - name.unicodeScalars.count)
        lines.append(
          ScreenLine(
            "      \(mark) \(step.number) \(name)  \(due)",
            mark == "[!]" ? .bad : step.state == .done ? .good : .normal))
      }
      if !one.next.isEmpty {
        lines += wrapped(
          "      next: ",
          one.next + (one.nextOwner.isEmpty ? "" : " (\(one.nextOwner))"), columns, linesMax: 3,
          style: .bold)
      }
    }
    return lines
  }

  // MARK: Foot and help

  private func foot(_ columns: Int) -> ScreenLine {
    if let question {
      return ScreenLine(
        bar:
          " Acknowledge \(plain(question.id)), occurrence \(question.occurrence)? y yes, any other key no",
        .reverse, columns)
    }
    if !note.isEmpty { return ScreenLine(" \(plain(note))", .bold) }
    return ScreenLine(
      showsHelp
        ? " any key: back   q end"
        : " arrows select   a acknowledge   tab next part   ? help   q end", .normal)
  }

  private func help(_ columns: Int) -> [ScreenLine] {
    [
      ScreenLine(" Keys of lineward watch", .bold), ScreenLine(),
      ScreenLine("  up, down, k, j   select an alarm or a case", .normal),
      ScreenLine("  tab              next part: alarms, containment, stations", .normal),
      ScreenLine("  a                acknowledge the selected alarm: it asks first, and", .normal),
      ScreenLine("                   does not restart the line", .normal),
      ScreenLine("  ?                this page", .normal),
      ScreenLine("  q, ^C            end; the line does not notice", .normal), ScreenLine(),
      ScreenLine("  ! waits for an acknowledgement   [!] a step's deadline is over", .normal),
      ScreenLine(),
      ScreenLine("  No key releases or stops the line. To do that, type in a shell:", .bold),
      ScreenLine("    lineward line release", .normal),
      ScreenLine("    lineward line stop --reason \"what you have seen\"", .normal),
    ]
  }

  // MARK: Words

  /// `text` in one line of characters that each take one place on a terminal.
  private func plain(_ text: String) -> String { ScreenLine.plain(text) }

  private func blanks(_ count: Int) -> String { String(repeating: " ", count: max(0, count)) }

  /// Hours, minutes and seconds out of an RFC 3339 time; as it is when it is none.
  private func timeOfDay(_ time: String) -> String {
    let parts = plain(time).split(separator: "T")
    return parts.count == 2 ? String(parts[1].prefix(8)) : plain(time)
  }

  /// A sentence in lines of the screen's width, the later ones below the first's words.
  private func wrapped(
    _ label: String, _ text: String, _ columns: Int, linesMax: Int, style: ScreenStyle = .normal
  ) -> [ScreenLine] {
    let indent = label.unicodeScalars.count
    let width = max(8, columns - indent)
    var rows: [String] = []
    var row = ""
    for word in plain(text).split(separator: " ") {
      if !row.isEmpty, row.unicodeScalars.count + 1 + word.unicodeScalars.count > width {
        rows.append(row)
        row = ""
      }
      row += (row.isEmpty ? "" : " ") + word
    }
    if !row.isEmpty { rows.append(row) }
    if rows.count > linesMax {
      rows = Array(rows.prefix(linesMax))
      let last = rows.removeLast()
      rows.append(String(last.prefix(max(0, width - 1))) + "…")
    }
    return rows.enumerated().map { index, row in
      ScreenLine((index == 0 ? label : blanks(indent)) + row, style)
    }
  }
}

extension String {
  /// A word of the protocol as people write it: `in_doubt` is "in doubt".
  fileprivate var spacedOut: String { String(map { $0 == "_" ? " " : $0 }) }
}
