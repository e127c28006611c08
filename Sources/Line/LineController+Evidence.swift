/// A unit without an end yet, for evidence.
public struct UnendedUnit: Sendable, Hashable {
  /// The station that judged it.
  public var station: String
  /// Its number there.
  public var unit: UInt16
  /// The verdict that stands.
  public var verdict: Verdict
  /// Its batch, 0 none.
  public var batch: UInt32
  /// The row of its serial in the batch, -1 none.
  public var row: Int32
}

extension LineController {
  /// The units without an end, at most so many of each station, oldest first.
  public func unendedUnits(atMost count: Int) -> [UnendedUnit] {
    stations.flatMap { station in
      station.openUnits.lazy.filter { !$0.isMissing }.prefix(count).map {
        UnendedUnit(
          station: station.settings.name, unit: $0.unit, verdict: $0.verdict, batch: $0.batch,
          row: $0.row)
      }
    }
  }
}
