internal import CLinux
internal import Glibc
internal import Line

/// An eventfd on which one thread sleeps and which any thread may ring.
///
/// Ringing twice before the sleeper wakes is the same as once: what there is to do stands in the rings.
final class WakeUp: Sendable {
  private let descriptor: Int32

  /// Makes a bell; `-errno` of the kernel when it refuses, which at start-up is the end of it.
  init() {
    descriptor = clinux_eventfd()
    precondition(descriptor >= 0, "no eventfd: the process has no descriptors left")
  }

  deinit { close(descriptor) }

  /// Wakes the sleeper, or keeps it from falling asleep.
  func ring() {
    var one: UInt64 = 1
    // It can only fail with EAGAIN, when 2^64 - 2 rings are unheard: the sleeper is awake then.
    _ = write(descriptor, &one, 8)
  }

  /// Sleeps until a ring, or for `timeout` at most.
  func wait(timeout: Instant.Span) {
    var poller = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    let nanoseconds = max(0, timeout.nanoseconds)
    var time = timespec(
      tv_sec: Int(nanoseconds / 1_000_000_000), tv_nsec: Int(nanoseconds % 1_000_000_000))
    guard ppoll(&poller, 1, &time, nil) > 0 else { return }
    var count: UInt64 = 0
    _ = read(descriptor, &count, 8)
  }
}
