internal import CLinux
internal import Glibc
package import Line
internal import Synchronization

/// The machine's monotonic clock.
func monotonicNow() -> Instant {
  var time = timespec()
  clock_gettime(CLOCK_MONOTONIC, &time)
  return Instant(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
}

/// What one thread sleeps on, and others ring after they have published something.
///
/// Ringing costs a system call only while the sleeper sleeps or is about to.
package final class Bell: Sendable {
  private let descriptor: Int32
  private let sleeping = Atomic<Bool>(false)

  /// Makes a bell; a process without descriptors left cannot start.
  package init() {
    descriptor = clinux_eventfd()
    precondition(descriptor >= 0, "no eventfd: the process has no descriptors left")
  }

  deinit { close(descriptor) }

  /// Wakes the sleeper; what was published before is seen by it.
  package func ring() {
    // Publishing and looking at `sleeping` must not change places here, nor the two in `wait`: else both sides could
    // miss each other, and an order would lie until the next poll.
    atomicMemoryFence(ordering: .sequentiallyConsistent)
    guard sleeping.load(ordering: .relaxed), sleeping.exchange(false, ordering: .relaxed)
    else { return }
    var one: UInt64 = 1
    // Fails only when 2^64 - 2 rings lie unheard, and then the sleeper is awake.
    _ = write(descriptor, &one, 8)
  }

  /// Sleeps until a ring, until `other` is ready for `events`, or until `timeout` is over; not at all when `ready`.
  ///
  /// Returns what `other` is ready for, 0 nothing.
  @discardableResult
  package func wait(
    _ timeout: Instant.Span, other: Int32 = -1, events: Int16 = 0, unless ready: () -> Bool
  ) -> Int16 {
    guard timeout > .zero else { return 0 }
    sleeping.store(true, ordering: .relaxed)
    atomicMemoryFence(ordering: .sequentiallyConsistent)
    defer { sleeping.store(false, ordering: .relaxed) }
    if ready() { return 0 }
    return withUnsafeTemporaryAllocation(of: pollfd.self, capacity: 2) { polled in
      polled[0] = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      // A negative descriptor is passed over by poll(2).
      polled[1] = pollfd(fd: other, events: events, revents: 0)
      guard clinux_wait(polled.baseAddress, 2, timeout.nanoseconds) > 0 else { return 0 }
      if polled[0].revents != 0 {
        var count: UInt64 = 0
        _ = read(descriptor, &count, 8)
      }
      return polled[1].revents
    }
  }
}
