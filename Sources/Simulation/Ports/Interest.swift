internal import CLinux

/// A descriptor that somebody waits for.
public struct Interest: Sendable, Hashable {
  /// The descriptor.
  public var descriptor: Int32
  /// Whether room to write is waited for too, besides bytes to read.
  public var isWriting: Bool

  /// Makes one.
  public init(_ descriptor: Int32, isWriting: Bool = false) {
    self.descriptor = descriptor
    self.isWriting = isWriting
  }

  /// Waits until one of them is ready, at most so long; afterwards ask everybody, nothing of theirs blocks.
  public static func wait(for interests: [Interest], atMost limit: Nanoseconds) {
    var entries = interests.map {
      pollfd(
        fd: $0.descriptor, events: Int16(POLLIN) | ($0.isWriting ? Int16(POLLOUT) : 0), revents: 0)
    }
    // An interrupted wait is only a shorter one.
    _ = clinux_simulation_poll(&entries, UInt(entries.count), max(0, limit))
  }
}
