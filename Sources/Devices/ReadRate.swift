internal import Line

/// How many reads came in the last minute, in steps of five seconds.
struct ReadRate: Sendable {
  private static let step = Instant.Span.milliseconds(5000)
  private static let steps = 12

  private var counts = [UInt32](repeating: 0, count: ReadRate.steps)
  /// The step that counts now.
  private var current: Int64 = 0

  /// Counts a read.
  mutating func took(now: Instant) {
    advance(now: now)
    counts[Int(current) % ReadRate.steps] &+= 1
  }

  /// Reads of the last 55 to 60 seconds.
  mutating func perMinute(now: Instant) -> Int {
    advance(now: now)
    return counts.reduce(0) { $0 + Int($1) }
  }

  private mutating func advance(now: Instant) {
    let step = max(0, now.nanoseconds / ReadRate.step.nanoseconds)
    guard step > current else { return }
    for passed in 0..<min(step - current, Int64(ReadRate.steps)) {
      counts[Int(step - passed) % ReadRate.steps] = 0
    }
    current = step
  }
}
