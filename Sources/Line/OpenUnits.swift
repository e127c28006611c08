/// The open units of a station in the order in which they were judged.
///
/// Units leave at the gate in the order in which they came, so the place of the first is free far more often than another:
/// it is only passed over, and what was passed over goes when it is half of all. Up to 1,024 stand here while verdicts are
/// made, so that nothing done once a verdict may go through all of them.
struct OpenUnits: Sendable, RandomAccessCollection, MutableCollection, RangeReplaceableCollection {
  private var units: [OpenUnit] = []
  /// How many at the beginning of `units` have left.
  private var passed = 0
  /// How many are missing.
  private(set) var missing = 0

  init() {}

  var startIndex: Int { 0 }
  var endIndex: Int { units.count - passed }

  subscript(index: Int) -> OpenUnit {
    get { units[passed + index] }
    set {
      missing += (newValue.isMissing ? 1 : 0) - (units[passed + index].isMissing ? 1 : 0)
      units[passed + index] = newValue
    }
  }

  mutating func replaceSubrange(_ range: Range<Int>, with new: some Collection<OpenUnit>) {
    for index in range where self[index].isMissing { missing -= 1 }
    for unit in new where unit.isMissing { missing += 1 }
    if range.lowerBound == 0, new.isEmpty {
      passed += range.count
      guard passed * 2 > units.count else { return }
      units.removeFirst(passed)
      passed = 0
      return
    }
    units.replaceSubrange((passed + range.lowerBound)..<(passed + range.upperBound), with: new)
  }

  mutating func append(_ unit: OpenUnit) {
    if unit.isMissing { missing += 1 }
    units.append(unit)
  }

  @discardableResult
  mutating func remove(at index: Int) -> OpenUnit {
    let unit = self[index]
    replaceSubrange(index..<(index + 1), with: EmptyCollection())
    return unit
  }

  /// Where the oldest unit of this number stands, nil when there is none.
  ///
  /// Numbers follow each other, so its distance from the first is its place, if none between has left.
  func index(of unit: UInt16) -> Int? {
    guard let first else { return nil }
    if let place = Counter.steps(from: first.unit, to: unit), place < count,
      self[place].unit == unit
    {
      return place
    }
    return firstIndex { $0.unit == unit }
  }
}
