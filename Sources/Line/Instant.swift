/// A moment on the monotonic clock, in nanoseconds since the machine booted.
///
/// The core never reads a clock: every `now` is handed in (law 8). Wall time belongs to records, and
/// only the room that writes them adds it.
public struct Instant: Sendable, Hashable, Comparable, BitwiseCopyable {
  /// Nanoseconds of CLOCK_MONOTONIC.
  public var nanoseconds: Int64

  /// Makes a moment from nanoseconds of CLOCK_MONOTONIC.
  public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

  /// Whether `left` is earlier.
  public static func < (left: Instant, right: Instant) -> Bool {
    left.nanoseconds < right.nanoseconds
  }

  /// The moment `right` after `left`.
  public static func + (left: Instant, right: Span) -> Instant {
    Instant(nanoseconds: left.nanoseconds &+ right.nanoseconds)
  }

  /// The time from `right` to `left`.
  public static func - (left: Instant, right: Instant) -> Span {
    Span(nanoseconds: left.nanoseconds &- right.nanoseconds)
  }

  /// A length of time in nanoseconds; plain 64-bit arithmetic, for the hot path.
  public struct Span: Sendable, Hashable, Comparable {
    /// The length in nanoseconds.
    public var nanoseconds: Int64

    /// Makes a length of time from nanoseconds.
    public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    /// Makes a length of time from milliseconds.
    public static func milliseconds(_ count: Int64) -> Span {
      Span(nanoseconds: count &* 1_000_000)
    }

    /// Makes a length of time from a `Duration`.
    public init(_ duration: Duration) {
      let parts = duration.components
      self.init(nanoseconds: parts.seconds &* 1_000_000_000 &+ parts.attoseconds / 1_000_000_000)
    }

    /// No time at all.
    public static let zero = Span(nanoseconds: 0)

    /// Whether `left` is shorter.
    public static func < (left: Span, right: Span) -> Bool { left.nanoseconds < right.nanoseconds }

    /// Both lengths together.
    public static func + (left: Span, right: Span) -> Span {
      Span(nanoseconds: left.nanoseconds &+ right.nanoseconds)
    }

    /// What is left of `left` without `right`.
    public static func - (left: Span, right: Span) -> Span {
      Span(nanoseconds: left.nanoseconds &- right.nanoseconds)
    }
  }
}
