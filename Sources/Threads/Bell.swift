package import CLinux
internal import Glibc
package import Line
internal import Synchronization

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
    withUnsafeTemporaryAllocation(of: pollfd.self, capacity: 2) { polled in
      polled[0] = pollfd()
      // A negative descriptor is passed over by poll(2).
      polled[1] = pollfd(fd: other, events: events, revents: 0)
      wait(timeout, polled, unless: ready)
      return polled[1].revents
    }
  }

  /// As above, with any number of others in `polled`, whose first place is the bell's own.
  ///
  /// Returns how many of the others are ready; their `revents` say for what.
  @discardableResult
  package func wait(
    _ timeout: Instant.Span, _ polled: UnsafeMutableBufferPointer<pollfd>, unless ready: () -> Bool
  ) -> Int {
    for index in polled.indices { polled[index].revents = 0 }
    guard timeout > .zero else { return 0 }
    sleeping.store(true, ordering: .relaxed)
    atomicMemoryFence(ordering: .sequentiallyConsistent)
    defer { sleeping.store(false, ordering: .relaxed) }
    if ready() { return 0 }
    polled[0] = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    let found = Int(clinux_wait(polled.baseAddress, Int32(polled.count), timeout.nanoseconds))
    guard found > 0 else { return 0 }
    guard polled[0].revents != 0 else { return found }
    var count: UInt64 = 0
    _ = read(descriptor, &count, 8)
    return found - 1
  }
}
