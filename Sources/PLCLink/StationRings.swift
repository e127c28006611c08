public import Line

/// What happened at a station's register blocks, for the line loop.
public struct StationEvent: Sendable, Hashable, BitwiseCopyable {
  /// Index of the station in the line's list.
  public var station: UInt16
  /// When the link saw it, in nanoseconds of CLOCK_MONOTONIC: when the answer of the PLC was complete.
  public var at: Int64
  /// What happened.
  public var event: PLCEvent

  /// Makes an event.
  @inlinable
  public init(station: UInt16, at: Int64, event: PLCEvent) {
    self.station = station
    self.at = at
    self.event = event
  }
}

/// What the line loop orders for a station.
public struct StationOrder: Sendable, Hashable, BitwiseCopyable {
  /// Index of the station in the line's list.
  public var station: UInt16
  /// The order.
  public var order: PLCOrder

  /// Makes an order.
  @inlinable
  public init(station: UInt16, order: PLCOrder) {
    self.station = station
    self.order = order
  }
}
