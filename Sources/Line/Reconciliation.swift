/// The two balances of a batch: what became of its serials, and what became of the units that came while it ran
/// (21 CFR 211.125(c); contract, "What becomes of a serial").
///
/// It is made from records alone, and then held against the states in memory: what both agree on is what happened.
public struct Reconciliation: Sendable, Hashable {
  /// Why a serial needs a person.
  public enum Cause: Sendable, Hashable, CaseIterable {
    /// Nobody saw the end of its unit.
    case inDoubt
    /// It was accepted and its unit is not on the line any more.
    case encodedWithoutUnit
    /// More than one unit passed with it.
    case passedTwice
    /// A unit passed with it, and it never was commissioned.
    case passedNotCommissioned
    /// It is commissioned, and no unit passed with it.
    case commissionedNotPassed
    /// Memory and records do not agree on it.
    case stateDiffers

    /// One phrase, for a report.
    public var phrase: String {
      switch self {
      case .inDoubt: "in doubt: nobody saw the end of its unit"
      case .encodedWithoutUnit: "encoded, and its unit is not on the line any more"
      case .passedTwice: "more than one unit passed with it"
      case .passedNotCommissioned: "a unit passed with it, and it is not commissioned"
      case .commissionedNotPassed: "commissioned, and no unit passed with it"
      case .stateDiffers: "the records give it another state than the pool"
      }
    }
  }

  /// One serial that needs a person.
  public struct Unexplained: Sendable, Hashable {
    /// Row in the batch's serial file.
    public var row: Int32
    /// Why.
    public var cause: Cause
  }

  /// So many serials are named one by one at most; `unexplainedCount` counts all.
  public static let unexplainedMax = 10_000

  /// Serials of the pool.
  public var pool = 0
  /// How many of them are in each state.
  public var serials: [SerialState: Int] = [:]
  /// Units that triggered, or whose outcome came without a verdict on record.
  public var units = 0
  /// Ends of units: passed with an accept that stood.
  public var passed = 0
  /// Ends: rejected and seen, or rejected for want of a verdict.
  public var rejected = 0
  /// Ends: lost.
  public var lost = 0
  /// Ends: taken out by hand.
  public var takenByHand = 0
  /// Ends that nobody saw.
  public var inDoubt = 0
  /// Units that have no end yet.
  public var open = 0
  /// Serials that a passed unit commissioned.
  public var commissionedByUnits = 0
  /// Serials in doubt that a person found and commissioned.
  public var commissionedByPeople = 0
  /// Serials that are still allocated, and that the print order has gone past or the print feed has named.
  public var printedNotRead = 0
  /// Serials that need a person, the first `unexplainedMax` of them.
  public var unexplained: [Unexplained] = []
  /// How many there are.
  public var unexplainedCount = 0
  /// How many of them are only in doubt, which the balance of units has as an end.
  public var inDoubtSerials = 0

  /// Whether each serial is in exactly one state, each unit has exactly one end, and the serials commissioned are those
  /// of the units that passed.
  public var isBalanced: Bool {
    serials.values.reduce(0, +) == pool
      && units == passed + rejected + lost + takenByHand + inDoubt + open
      && commissionedByUnits == passed && unexplainedCount == inDoubtSerials
  }

  /// The balances in one line, for the record of a closed batch.
  public var sentence: String {
    let states = SerialState.allCases.compactMap { state in
      serials[state].flatMap { $0 == 0 ? nil : "\(state.word) \($0)" }
    }
    return
      "serials \(pool) = \(states.joined(separator: " + ")); units \(units) = passed \(passed) "
      + "+ rejected \(rejected) + lost \(lost) + taken by hand \(takenByHand) + in doubt \(inDoubt)"
      + (open == 0 ? "" : " + open \(open)") + "; commissioned by units \(commissionedByUnits)"
      + (printedNotRead == 0 ? "" : "; printed and not read \(printedNotRead)")
      + (isBalanced ? "" : "; does not balance, \(unexplainedCount) serials unexplained")
  }
}

/// Makes a reconciliation from the records of a batch, taken in order from the opening on.
public struct Reconciler: Sendable {
  private struct Place: Hashable {
    var station: Int
    var unit: UInt16
  }

  private struct Unit {
    var row: Int32
    var accepted: Bool
    var isMissing = false
  }

  private let batch: UInt32
  /// By station name, whether its PLC reports outcomes, as the settings of the time had it.
  private var hasGate: [String: Bool] = [:]
  private var result = Reconciliation()
  private var states: [UInt8]
  /// Units that passed with each serial; saturates.
  private var passes: [UInt8]
  private var byPeople: Set<Int32> = []
  private var units: [Place: Unit] = [:]
  private var isRunning = false
  private var isClosed = false
  /// Where the batch is in its print order; nil: it has none.
  private var order: PrintOrder?
  /// Station numbers are places in the list of the last start; names last.
  private var names: [String] = []
  private var placeOf: [Int] = []

  /// Begins; a station that no settings name is taken to have a gate whose outcomes are reported.
  public init(batch: UInt32, poolCount: Int, printed: PrintOrder.Source? = nil) {
    self.batch = batch
    order = printed.map { PrintOrder($0, poolCount: poolCount) }
    result.pool = poolCount
    states = [UInt8](repeating: SerialState.allocated.rawValue, count: poolCount)
    passes = [UInt8](repeating: 0, count: poolCount)
  }

  /// Takes settings that are in force from here on.
  public mutating func take(settings: LineSettings) {
    for station in settings.stations {
      hasGate[station.name] = station.gateOutcomes && station.tracksTriggers
    }
  }

  /// Takes the start that stood when the batch was opened, or the next record; what comes after its close changes nothing.
  public mutating func take(_ record: Record) {
    guard !isClosed else { return }
    switch record.kind {
    case .started:
      placeOf = String(decoding: record.raw, as: UTF8.self).split(
        separator: "\n", omittingEmptySubsequences: false
      ).map { name in
        if let place = names.firstIndex(of: String(name)) { return place }
        names.append(String(name))
        return names.count - 1
      }
    case .epoch:
      let place = place(record)
      units = units.filter { $0.key.station != place }
    case .outcome where record.batch == 0 && isRunning: outcomeWithoutVerdict(record)
    default:
      guard record.batch == batch else { return }
      takeOwn(record)
    }
  }

  private func place(_ record: Record) -> Int {
    let station = Int(record.station)
    return station >= 0 && station < placeOf.count ? placeOf[station] : -1 - station
  }

  private func hasGate(_ place: Int) -> Bool {
    place >= 0 && place < names.count ? hasGate[names[place]] ?? true : true
  }

  private mutating func takeOwn(_ record: Record) {
    let key = Place(station: place(record), unit: record.unit)
    if let state = record.state, record.row >= 0, Int(record.row) < states.count {
      states[Int(record.row)] = state.rawValue
    }
    switch record.kind {
    case .batchStarted: isRunning = true
    case .batchPaused: isRunning = false
    case .batchClosed: isClosed = true
    case .printed: if let rows = PrintOrder.rows(encoded: record.raw) { order?.print(rows) }
    case .verdict:
      let accepted = record.code == Verdict.accept.rawValue
      result.units += 1
      if accepted || record.code == Verdict.gradeTooLow.rawValue { order?.read(record.row) }
      if record.unit == 0 || (!accepted && !hasGate(key.station)) {
        if accepted { pass(record.row) } else { result.rejected += 1 }
      } else {
        units[key] = Unit(row: record.row, accepted: accepted)
      }
    case .withdrawn:
      units[key]?.accepted = false
      if !hasGate(key.station), units.removeValue(forKey: key) != nil { result.rejected += 1 }
    case .acceptTaken:
      guard let unit = units.removeValue(forKey: key) else { return }
      if unit.isMissing { result.inDoubt -= 1 }
      pass(record.row)
    case .outcomeMissing:
      guard units[key]?.isMissing == false else { return }
      units[key]?.isMissing = true
      result.inDoubt += 1
    case .outcome:
      guard let unit = units.removeValue(forKey: key), !unit.isMissing else { return }
      end(record.code, accepted: unit.accepted, row: unit.row)
    case .serialChanged where record.code == SerialAct.found.rawValue:
      byPeople.insert(record.row)
    default: break
    }
  }

  /// The verdict was lost in a crash: it counts as a reject by 15.
  private mutating func outcomeWithoutVerdict(_ record: Record) {
    result.units += 1
    end(record.code, accepted: false, row: -1)
  }

  private mutating func end(_ code: UInt16, accepted: Bool, row: Int32) {
    switch Outcome(rawValue: code) {
    case .passed: if accepted { pass(row) } else { result.inDoubt += 1 }
    case .rejected, .noVerdictInTime: result.rejected += 1
    case .takenByHand: result.takenByHand += 1
    case .lost: result.lost += 1
    case .rejectNotSeen, nil: result.inDoubt += 1
    }
  }

  private mutating func pass(_ row: Int32) {
    result.passed += 1
    guard row >= 0, Int(row) < passes.count else { return }
    if passes[Int(row)] < .max { passes[Int(row)] += 1 }
    if passes[Int(row)] == 1 { result.commissionedByUnits += 1 }
  }

  /// Holds the records against the pool, nil for a closed batch, and gives the result.
  public func finished(pool: SerialPool?) -> Reconciliation {
    var result = result
    result.open = units.values.count { !$0.isMissing }
    let onTheWay = Set(units.values.filter { $0.row >= 0 && !$0.isMissing }.map(\.row))
    for index in states.indices {
      let row = Int32(index)
      let state = SerialState(rawValue: states[index]) ?? .inDoubt
      result.serials[state, default: 0] += 1
      if state == .allocated && order?.wasPrinted(row) == true { result.printedNotRead += 1 }
      guard let cause = cause(row, state, onTheWay: onTheWay, pool: pool) else { continue }
      result.unexplainedCount += 1
      if cause == .inDoubt { result.inDoubtSerials += 1 }
      if result.unexplained.count < Reconciliation.unexplainedMax {
        result.unexplained.append(Reconciliation.Unexplained(row: row, cause: cause))
      }
    }
    result.commissionedByPeople = byPeople.count
    return result
  }

  private func cause(
    _ row: Int32, _ state: SerialState, onTheWay: Set<Int32>, pool: SerialPool?
  ) -> Reconciliation.Cause? {
    let passes = passes[Int(row)]
    if let pool, Int(row) < pool.count, pool.word(at: row).state != state { return .stateDiffers }
    if passes > 1 { return .passedTwice }
    switch state {
    case .inDoubt: return .inDoubt
    case .encoded: return onTheWay.contains(row) ? nil : .encodedWithoutUnit
    case .commissioned:
      return passes == 1 || byPeople.contains(row) ? nil : .commissionedNotPassed
    case .allocated, .serialInvalid, .labelSampled, .labelScrapped:
      return passes == 0 ? nil : .passedNotCommissioned
    // A person may have taken a commissioned pack out again.
    case .sampled, .inactive, .destroyed, .released: return nil
    }
  }
}
