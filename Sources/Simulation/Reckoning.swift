/// Truth against the daemon's account: the table at the end of a run, and every difference.
///
/// What the daemon could not know is no difference. A serial whose accept was on its way when the daemon was killed may
/// be `allocated` or `inactive`; a unit whose outcome died with the PLC's memory may be in doubt. What it could know
/// must agree exactly.
public struct Reckoning: Sendable {
  /// What the daemon says of one serial.
  public enum SerialState: Sendable, Hashable {
    /// It has it, in this state.
    case state(String)
    /// It has no such serial.
    case unknown
    /// It gave no usable answer; this is what it said.
    case noAnswer(String)
  }

  /// One line of the table.
  public struct Row: Sendable, Hashable {
    /// What is counted.
    public let name: String
    /// By truth.
    public let truth: Int
    /// By the daemon; nil where it has no such count.
    public let daemon: Int?
    /// Whether they agree, as far as they must.
    public let agrees: Bool
  }

  /// The table.
  public private(set) var rows: [Row] = []
  /// Every difference, in a sentence.
  public private(set) var differences: [String] = []
  /// Serials compared.
  public private(set) var serialsCompared = 0

  /// Compares.
  ///
  /// - Parameters:
  ///   - truth: what happened.
  ///   - status: the daemon's `status`.
  ///   - serials: what the daemon says of the serials that were asked for.
  ///   - kills: how often the daemon was killed; a reject goes out before its record, so each may cost one.
  public init(
    truth: Truth, status: JSONValue, serials: [String: SerialState], kills: Int
  ) {
    let station = status["stations"].elements.first ?? .null
    count(truth, station, kills: kills)
    countCommissioned(truth, status["batch"]["commissioned"].integer)
    compare(truth, serials)
    countFalseNoReads(truth)
    for violation in truth.violations { differences.append("law broken \(violation)") }
    if truth.violationCount > truth.violations.count {
      differences.append("\(truth.violationCount - truth.violations.count) more laws broken")
    }
    let onBelt = truth.units.count { $0.end == nil }
    if onBelt > 0 { differences.append("\(onBelt) units have no end") }
  }

  // MARK: Counts

  /// So many percent of all units may be false no-reads: the field calls 2 % of false rejects good.
  private static let falseNoReadPercentMax = 2

  private mutating func countFalseNoReads(_ truth: Truth) {
    let count = truth.units.count { $0.isFalseNoRead }
    guard count > 0 else { return }
    let agrees = count * 100 <= truth.units.count * Reckoning.falseNoReadPercentMax
    rows.append(Row(name: "false no-reads", truth: 0, daemon: count, agrees: agrees))
    if !agrees {
      differences.append(
        "\(count) of \(truth.units.count) units got verdict 2 though their message was sent in time"
      )
    }
  }

  private mutating func count(_ truth: Truth, _ station: JSONValue, kills: Int) {
    let counted = truth.units.filter { $0.number != nil }
    // Nobody can have told the daemon of these: the PLC's memory was gone before they were judged or recorded.
    let untold = counted.count { $0.isForgotten && $0.firstVerdict == nil && !$0.isRecorded }
    add("units", counted.count, station["units"].integer, downTo: counted.count - untold)

    let passed = counted.filter { $0.end == .passed }
    let doubtful = passed.count { !Reckoning.isSurelyKnown($0) }
    add("passed", passed.count, station["passed"].integer, downTo: passed.count - doubtful)
    add("rejected at the gate", counted.count { $0.end == .rejected }, nil)
    add("lost", counted.count { $0.end == .lost }, nil)
    add("taken by hand", counted.count { $0.end == .takenByHand }, nil)

    // Judged, but the verdict never reached the PLC; or never judged and closed by its outcome as 15.
    let withoutVerdict = counted.count { $0.lastVerdict == nil }
    // A withdrawal goes out before its record too: after a kill either verdict may be what is on disk.
    let withdrawn = kills == 0 ? [] : counted.filter { $0.firstVerdict != $0.lastVerdict }
    // Its withdrawal may have been on its way when the PLC lost its memory.
    let forgotten = counted.filter { $0.isForgotten && $0.firstVerdict == VerdictNumber.accept }
    // So may it have been when telegrams were lost.
    let cutOff = counted.filter { $0.isCutOff && $0.lastVerdict == VerdictNumber.accept }
    for verdict in 1...VerdictNumber.highest {
      let taken = counted.count { $0.lastVerdict == verdict }
      let lost = verdict == VerdictNumber.accept ? 0 : kills
      let low =
        taken - lost - withdrawn.count { $0.lastVerdict == verdict }
        - forgotten.count { $0.lastVerdict == verdict }
        - cutOff.count { $0.lastVerdict == verdict }
      // A unit whose record the kill has cost counts as 15.
      let high =
        taken + withoutVerdict + withdrawn.count { $0.firstVerdict == verdict }
        + (VerdictNumber.ofWithdrawal.contains(verdict) ? forgotten.count + cutOff.count : 0)
        + (verdict == VerdictNumber.inDoubt ? kills : 0)
      let said =
        verdict == VerdictNumber.accept
        ? station["accepted"].integer
        : station["rejected_by"][String(verdict)].integer ?? 0
      guard taken != 0 || said != 0 else { continue }
      let agrees = said.map { $0 >= low && $0 <= high } ?? false
      let name = "verdict \(verdict)" + (verdict == 1 ? ", accept" : "")
      rows.append(Row(name: name, truth: taken, daemon: said, agrees: agrees))
      if !agrees {
        differences.append(
          "verdict \(verdict): \(taken) taken by the PLC, "
            + "\(said.map(String.init) ?? "none") counted by the daemon")
      }
    }
  }

  private mutating func countCommissioned(_ truth: Truth, _ daemon: Int?) {
    let passed = truth.units.filter { $0.end == .passed }
    let doubtful = passed.count { !Reckoning.isSurelyKnown($0) }
    add("commissioned", passed.count, daemon, downTo: passed.count - doubtful)
  }

  /// Whether the daemon must know that a passed unit passed, and on an accept that stood.
  private static func isSurelyKnown(_ unit: Truth.Unit) -> Bool {
    (!unit.isForgotten || unit.isRecorded) && !unit.isWithdrawnTooLate && !unit.isCutOff
  }

  private mutating func add(_ name: String, _ truth: Int, _ daemon: Int?, downTo low: Int) {
    let agrees = daemon.map { $0 >= low && $0 <= truth } ?? false
    rows.append(Row(name: name, truth: truth, daemon: daemon, agrees: agrees))
    if !agrees {
      let range = low == truth ? "\(truth)" : "\(low) to \(truth)"
      differences.append(
        "\(name): \(range) by truth, \(daemon.map(String.init) ?? "nothing") by the daemon")
    }
  }

  private mutating func add(_ name: String, _ truth: Int, _ daemon: Int?) {
    rows.append(Row(name: name, truth: truth, daemon: daemon, agrees: true))
  }

  // MARK: Serials

  private mutating func compare(_ truth: Truth, _ said: [String: SerialState]) {
    var commissioned = 0
    var commissionedByTruth = 0
    var agree = true
    let bearers = Dictionary(grouping: truth.units.filter { $0.pack.serial != nil }) {
      $0.pack.serial ?? ""
    }
    for (serial, state) in said.sorted(by: { $0.key < $1.key }) {
      serialsCompared += 1
      let units = bearers[serial] ?? []
      if units.contains(where: { $0.end == .passed }) { commissionedByTruth += 1 }
      if state == .state("commissioned") { commissioned += 1 }
      guard let difference = Reckoning.difference(of: serial, state, units) else { continue }
      agree = false
      differences.append(difference)
    }
    rows.append(
      Row(
        name: "of the serials asked", truth: commissionedByTruth, daemon: commissioned,
        agrees: agree))
  }

  /// What is wrong with a serial's state after what happened to the units that bore it, nil when nothing is.
  public static func difference(
    of serial: String, _ state: SerialState, _ units: [Truth.Unit]
  ) -> String? {
    let allowed = states(of: units)
    if allowed.contains(state) { return nil }
    let story = units.map(story).joined(separator: "; then ")
    let may = allowed.map(word).sorted().joined(separator: " or ")
    return "serial \(serial): \(word(state)) by the daemon, \(may) by truth (\(story))"
  }

  /// The states that a serial may be in, after what happened to the units that bore it.
  public static func states(of units: [Truth.Unit]) -> Set<SerialState> {
    guard !units.isEmpty else { return [.state("allocated")] }
    if units.contains(where: { $0.pack.fault == .unknownSerial }) { return [.unknown] }
    if let passed = units.first(where: { $0.end == .passed }) {
      return isSurelyKnown(passed)
        ? [.state("commissioned")] : [.state("commissioned"), .state("in_doubt")]
    }
    return Set(units.flatMap(states(ofRejected:)))
  }

  private static func states(ofRejected unit: Truth.Unit) -> [SerialState] {
    let isClear = unit.outcome != nil && (!unit.isForgotten || unit.isRecorded)
    let isSeen = unit.outcome != .lost && unit.outcome != .rejectNotSeen
    // Accepted by the other's serial until the second message came: whose serial it cost, nobody can tell.
    if unit.isMixedUp { return [.state("allocated"), .state("inactive"), .state("in_doubt")] }
    switch (unit.firstVerdict, isClear) {
    case (VerdictNumber.accept, true): return [.state(isSeen ? "inactive" : "in_doubt")]
    case (VerdictNumber.accept, false): return [.state("in_doubt"), .state("inactive")]
    // Judged by what was read, and never accepted.
    case (.some(let verdict), true) where isSeen && VerdictNumber.ofRead.contains(verdict):
      return [.state("allocated")]
    // Not accepted as far as the PLC knows. An accept may still have been recorded, and been overtaken before it was
    // sent: then it is inactive.
    case (_, true) where isSeen: return [.state("allocated"), .state("inactive")]
    case (_, _): return [.state("allocated"), .state("inactive"), .state("in_doubt")]
    }
  }

  private static func word(_ state: SerialState) -> String {
    switch state {
    case .state(let word): word
    case .unknown: "unknown"
    case .noAnswer(let said): "no answer (\(said))"
    }
  }

  /// What happened to a unit, in a phrase.
  public static func story(_ unit: Truth.Unit) -> String {
    var story = "unit \(unit.number.map(String.init) ?? "not counted"), \(unit.pack.fault.rawValue)"
    if let first = unit.firstVerdict { story += ", verdict \(first)" }
    if let last = unit.lastVerdict, last != unit.firstVerdict { story += ", then \(last)" }
    story += ", \(unit.end?.rawValue ?? "no end")"
    if let outcome = unit.outcome { story += ", outcome \(outcome.rawValue)" }
    if unit.isForgotten { story += ", forgotten by the PLC" }
    return story
  }
}
