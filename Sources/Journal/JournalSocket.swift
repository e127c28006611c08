internal import CLinux
internal import Glibc
internal import Synchronization

/// Sends entries to journald's socket, and never lets the sender wait for long.
///
/// libsystemd's own call waits without end when journald stands still with a full queue. Here the first entry that
/// finds no room waits `patienceMilliseconds`, those after it not at all, until one has gone through again; that one
/// is preceded by an entry that says how many are missing. May be used from any thread.
final class JournalSocket: Sendable {
  /// Where journald listens.
  static let path = "/run/systemd/journal/socket"
  /// A journald that is merely busy has made room by then; a person at the line does not notice.
  static let patienceMilliseconds: Int32 = 100

  private let descriptor: Int32
  private let path: String
  private let lost = Atomic<Int>(0)

  /// Makes a sender to the socket at `path`, which need not be there yet.
  init(path: String = JournalSocket.path) {
    self.path = path
    descriptor = clinux_datagram_socket(JournalSocket.patienceMilliseconds)
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  /// Entries that have not reached journald since one last did.
  var lostCount: Int { lost.load(ordering: .relaxed) }

  /// Sends an entry; `loss` makes the one that tells of entries that are missing.
  func send(_ entry: JournalEntry, loss: (_ count: Int) -> JournalEntry) {
    // Taken off the count at once, so that two threads do not tell of the same loss.
    let missing = lost.exchange(0, ordering: .relaxed)
    if missing > 0, !deliver(loss(missing), waits: false) {
      lost.add(missing, ordering: .relaxed)
    }
    if !deliver(entry, waits: missing == 0) { lost.add(1, ordering: .relaxed) }
  }

  private func deliver(_ entry: JournalEntry, waits: Bool) -> Bool {
    guard descriptor >= 0 else { return false }
    return entry.bytes.withUnsafeBytes { bytes in
      clinux_datagram_send(descriptor, path, bytes.baseAddress, bytes.count, waits ? 1 : 0) == 0
    }
  }
}
