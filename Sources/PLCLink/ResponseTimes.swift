internal import Line

/// How long answers took: counts in classes that are a quarter of an octave wide, from 1 µs to 71 minutes.
///
/// A quantile is the upper end of its class, so at most a quarter too long and never too short.
struct ResponseTimes: Sendable {
  private static let classes = 128
  private var counts = [UInt64](repeating: 0, count: ResponseTimes.classes)
  private var total: UInt64 = 0
  private var longest = Instant.Span.zero
  /// All times together.
  private(set) var sum = Instant.Span.zero

  mutating func add(_ time: Instant.Span) {
    counts[ResponseTimes.index(of: time)] += 1
    total += 1
    longest = max(longest, time)
    sum = Instant.Span(nanoseconds: sum.nanoseconds &+ time.nanoseconds)
  }

  /// The time within which so many of a thousand answers came; zero while there is none.
  func within(permille: UInt64) -> Instant.Span {
    guard total > 0 else { return .zero }
    let wanted = max(1, (total * permille + 999) / 1000)
    var seen: UInt64 = 0
    for (index, count) in counts.enumerated() {
      seen += count
      if seen >= wanted { return min(ResponseTimes.upperEnd(of: index), longest) }
    }
    return longest
  }

  private static func index(of time: Instant.Span) -> Int {
    let microseconds = UInt64(max(1, time.nanoseconds / 1000))
    let octave = 63 - microseconds.leadingZeroBitCount
    // The two bits behind the highest tell the quarter.
    let quarter = Int((microseconds << 2) >> UInt64(octave)) & 3
    return min(4 * octave + quarter, classes - 1)
  }

  private static func upperEnd(of index: Int) -> Instant.Span {
    let octave = index / 4
    let end = (UInt64(5 + index % 4) << UInt64(octave)) / 4
    return Instant.Span(nanoseconds: Int64(max(1, end)) * 1000)
  }
}
