internal import Glibc
internal import Line
internal import Threads

/// The machine's clocks; only the outermost room reads them.
enum Clock {
  /// CLOCK_MONOTONIC.
  static var now: Instant { .now }

  /// CLOCK_REALTIME in milliseconds since 1970.
  static var wall: Int64 {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
  }
}
