internal import Alarms
internal import Line

/// When a disk will be as good as full, judged by how its free space went down.
///
/// Pure: looks are put in, findings come out. Findings change with a margin, so that a value that swings about a limit
/// raises one alarm and not a hundred.
struct DiskForecast {
  /// What a look found.
  enum Finding: Equatable {
    /// Enough for longer than anybody plans.
    case enough
    /// At this pace `minFree` is reached in so many hours.
    case filling(hours: Int)
    /// Below `minFree`.
    case low
  }

  /// An alarm is raised so long before `minFree` is reached.
  static let warning = Instant.Span.milliseconds(3 * 24 * 3_600_000)
  /// A pace is judged over at most so long, and at least over a twelfth of it.
  static let window = Instant.Span.milliseconds(12 * 3_600_000)
  /// Looks kept; older ones give way evenly.
  static let looksMax = 288

  private let minFree: Int64
  private var looks: [(at: Instant, free: Int64)] = []
  private(set) var finding = Finding.enough

  /// Begins without a look; `minFree` in bytes.
  init(minFree: Int64) { self.minFree = minFree }

  /// Takes a look at the disk: `free` bytes at `now`.
  mutating func look(free: Int64, now: Instant) -> Finding {
    looks.append((now, free))
    while let first = looks.first,
      now - first.at > DiskForecast.window || looks.count > DiskForecast.looksMax
    {
      looks.removeFirst()
    }
    finding = judge(free: free, now: now)
    return finding
  }

  private func judge(free: Int64, now: Instant) -> Finding {
    let deadband = Int64(AlarmKind.diskSpaceLow.definition.deadbandPercent ?? 0)
    if free < minFree || (finding == .low && free < minFree + minFree / 100 * deadband) {
      return .low
    }
    guard let first = looks.first, first.free > free else { return .enough }
    let seen = (now - first.at).nanoseconds
    guard seen >= DiskForecast.window.nanoseconds / 12 else {
      // Too short to judge a pace by; what was found before stands.
      return finding == .low ? .enough : finding
    }
    let left = Double(free - minFree) / Double(first.free - free) * Double(seen)
    let hours = Int(min(left / 3.6e12, 1e6))
    var limit = Double(DiskForecast.warning.nanoseconds)
    if case .filling = finding {
      limit *= 1 + Double(AlarmKind.diskFilling.definition.deadbandPercent ?? 0) / 100
    }
    return left < limit ? .filling(hours: hours) : .enough
  }
}
