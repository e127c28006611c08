internal import Alarms
internal import Line
internal import Synchronization

/// What the line loop counts for `/metrics`, since the daemon's start.
///
/// The loop alone writes, anybody reads: each number is an atomic of its own, so the loop neither waits nor allocates. A
/// scrape may see one number a verdict ahead of another.
package final class LineMetrics: Sendable {
  /// Times from a read's last byte to its verdict at the link.
  let scanToVerdict = TimeHistogram()
  /// Times that commits took.
  let commits = TimeHistogram()
  /// Sequence of the last record on disk.
  let recordSequence = Atomic<Int64>(0)
  private let stations: Int
  private let verdicts: CounterRow
  private let withdrawals: CounterRow
  private let outcomes: CounterRow
  private let alarms: CounterRow

  /// Verdict numbers, and 0 for none.
  private static let verdictNumbers = Int(Verdict.allCases.map(\.rawValue).max() ?? 0) + 1
  /// Outcome numbers, and 0 for one that never came.
  private static let outcomeNumbers = Int(Outcome.allCases.map(\.rawValue).max() ?? 0) + 1

  /// Makes counters that stand at zero.
  init(stations: Int) {
    self.stations = stations
    verdicts = CounterRow(stations * Self.verdictNumbers)
    withdrawals = CounterRow(stations)
    outcomes = CounterRow(stations * Self.outcomeNumbers)
    alarms = CounterRow(Int(AlarmKind.allCases.map(\.rawValue).max() ?? 0) + 1)
  }

  /// Counts a record; for the line loop only.
  @inline(__always)
  func count(_ record: Record) {
    let station = Int(record.station)
    switch record.kind {
    case .verdict: verdicts.add(station * Self.verdictNumbers + Int(record.code))
    case .withdrawn: withdrawals.add(station)
    case .outcome: outcomes.add(station * Self.outcomeNumbers + Int(record.code))
    case .outcomeMissing: outcomes.add(station * Self.outcomeNumbers)
    case .alarmRaised: alarms.add(Int(record.code))
    default: break
    }
  }

  func verdicts(station: Int, _ verdict: Verdict) -> UInt64 {
    verdicts[station * Self.verdictNumbers + Int(verdict.rawValue)]
  }

  func withdrawals(station: Int) -> UInt64 { withdrawals[station] }

  /// Outcomes of a station; nil: those that never came.
  func outcomes(station: Int, _ outcome: Outcome?) -> UInt64 {
    outcomes[station * Self.outcomeNumbers + Int(outcome?.rawValue ?? 0)]
  }

  func raised(_ kind: AlarmKind) -> UInt64 { alarms[Int(kind.rawValue)] }
}

/// Counters side by side; one thread adds, anybody reads.
final class CounterRow: @unchecked Sendable {
  // Kept true by: the cells are atomics, and the pointer never changes.
  private let cells: UnsafeMutableBufferPointer<Atomic<UInt64>>

  init(_ count: Int) {
    cells = .allocate(capacity: max(0, count))
    for index in cells.indices { cells.initializeElement(at: index, to: Atomic(0)) }
  }

  deinit {
    cells.deinitialize()
    cells.deallocate()
  }

  /// Adds one; a place that there is not is passed over.
  @inline(__always)
  func add(_ index: Int) {
    guard cells.indices.contains(index) else { return }
    // One thread writes: a load and a store cost less than a locked addition.
    cells[index].store(cells[index].load(ordering: .relaxed) &+ 1, ordering: .relaxed)
  }

  subscript(index: Int) -> UInt64 {
    cells.indices.contains(index) ? cells[index].load(ordering: .relaxed) : 0
  }
}

/// How long something took, in fixed classes; one thread adds, anybody reads.
final class TimeHistogram: Sendable {
  /// Upper ends of the classes in nanoseconds; a last class without one follows.
  static let bounds: [Int64] = [
    100_000, 200_000, 500_000, 1_000_000, 2_000_000, 5_000_000, 10_000_000, 20_000_000, 50_000_000,
    100_000_000, 200_000_000, 500_000_000, 1_000_000_000, 5_000_000_000,
  ]
  private static let boundsCount = bounds.count
  private let classes = CounterRow(TimeHistogram.bounds.count + 1)
  private let sum = Atomic<Int64>(0)

  /// Adds a time in nanoseconds.
  func add(_ nanoseconds: Int64) {
    let time = max(0, nanoseconds)
    var index = 0
    while index < Self.boundsCount, time > Self.bounds[index] { index += 1 }
    classes.add(index)
    sum.store(sum.load(ordering: .relaxed) &+ time, ordering: .relaxed)
  }

  /// How many took at most so long as each bound, then all of them; and their sum in nanoseconds.
  var cumulative: (counts: [UInt64], sum: Int64) {
    var total: UInt64 = 0
    let counts = (0...Self.boundsCount).map { index in
      total += classes[index]
      return total
    }
    return (counts, sum.load(ordering: .relaxed))
  }
}
