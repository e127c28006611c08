/// A moment or a length of time in nanoseconds; the simulation never reads a clock, `now` comes in as an argument.
public typealias Nanoseconds = Int64

extension Nanoseconds {
  /// So many milliseconds.
  public static func milliseconds(_ count: Int64) -> Nanoseconds { count * 1_000_000 }
  /// So many seconds.
  public static func seconds(_ count: Int64) -> Nanoseconds { count * 1_000_000_000 }
}
