internal import CLinux
internal import Glibc
package import Line

extension Instant {
  /// The machine's monotonic clock, for rooms that wait; the core is handed every `now` (law 8).
  package static var now: Instant {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Instant(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
  }
}
