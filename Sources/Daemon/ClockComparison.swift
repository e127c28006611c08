internal import Line

/// Holds the wall clock against the monotonic one, to tell when somebody set it.
///
/// The two are read one after the other, and a machine that stands still in between (a loaded host, a virtual machine
/// moved) would look like a step. So the wall clock is read between two reads of the other, and an answer counts only
/// when these lie close together.
struct ClockComparison {
  /// A smaller difference is none that a person made; a time service slews it away.
  static let stepLeast: Int64 = 100
  /// So close together the two reads around the wall clock are to be.
  static let closeness = Instant.Span.milliseconds(10)
  /// Reads tried before it is left for the next look.
  static let triesMax = 10

  /// Wall time minus monotonic time in milliseconds, as last seen; nil: never yet.
  private var offset: Int64?

  /// How far the wall clock was set since the last look, in milliseconds, negative back; nil: it was not, or the machine
  /// gave no answer and the next look will tell.
  mutating func step(now: () -> Instant, wall: () -> Int64) -> Int64? {
    guard let found = ClockComparison.offset(now: now, wall: wall) else { return nil }
    // A slow drift is no step; the time service makes it, and it is taken into the measure.
    defer { offset = found }
    guard let offset, abs(found - offset) >= ClockComparison.stepLeast else { return nil }
    return found - offset
  }

  /// Wall time minus monotonic time in milliseconds, nil when the machine stood still in every try.
  static func offset(now: () -> Instant, wall: () -> Int64) -> Int64? {
    for _ in 0..<triesMax {
      let before = now()
      let seen = wall()
      let width = now() - before
      guard width <= closeness else { continue }
      return seen - (before.nanoseconds + width.nanoseconds / 2) / 1_000_000
    }
    return nil
  }
}
