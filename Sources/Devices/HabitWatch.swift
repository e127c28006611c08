internal import Line

/// Notices a scanner that no longer sends as it did: its reads begin with another symbology identifier or with none, or the
/// separator GS (1D) is gone from them.
///
/// It was set otherwise, exchanged, or reset to how it left its maker. A read without GS may still be well-formed, and be
/// taken apart at the wrong places; so this is told although each read is judged by itself. What it sent before counts, also
/// before it was plugged in anew, not what it should send: that is `require_symbology`. No-reads say nothing. Pure.
struct HabitWatch: Sendable {
  /// So many reads alike make a habit.
  static let habitReads = 20
  /// So many reads in a row against it are told.
  static let againstReads = 10
  /// So many in a row are how things are now: the product was changed.
  static let newHabitReads = 1000

  /// Something about a read that does not change by itself.
  private struct Habit {
    /// What most reads had, once there were enough; nil: there is none yet.
    private(set) var usual: UInt32?
    /// What the last one had, and how many in a row.
    private(set) var last: UInt32 = 0
    private(set) var run = 0

    mutating func took(_ value: UInt32) {
      run = value == last ? min(run + 1, HabitWatch.newHabitReads) : 1
      last = value
      let needed = usual == nil ? HabitWatch.habitReads : HabitWatch.newHabitReads
      if run >= needed { usual = value }
    }

    /// What it was, when the last reads all had something else.
    var lost: UInt32? {
      guard let usual, usual != last, run >= HabitWatch.againstReads else { return nil }
      return usual
    }

    /// Whether the last reads are as they were.
    var isKept: Bool { usual == last && run >= HabitWatch.againstReads }
  }

  /// The identifier's three bytes, the first the highest; 0 none.
  private var identifier = Habit()
  /// 1: there was a GS.
  private var separator = Habit()
  private var standing = Standing()

  /// Takes a read.
  mutating func took(_ message: UnsafeRawBufferPointer) {
    var value: UInt32 = 0
    if message.count >= 3, message[0] == UInt8(ascii: "]") {
      value = UInt32(message[0]) << 16 | UInt32(message[1]) << 8 | UInt32(message[2])
    }
    identifier.took(value)
    separator.took(message.contains(0x1D) ? 1 : 0)
  }

  /// What is to be said now, nil nothing new.
  mutating func look(now: Instant) -> Standing.News? {
    standing.look(
      trouble,
      isOver: (identifier.usual ?? 0 == 0 || identifier.isKept)
        && (separator.usual != 1 || separator.isKept), now: now)
  }

  /// The line was opened anew; habits stay, because another scanner may be on it now.
  mutating func reset() { standing.reset() }

  private var trouble: String? {
    var parts: [String] = []
    // Where there was none, one is no loss.
    if let usual = identifier.lost, usual != 0 {
      parts.append(
        "begin with \(words(identifier.last)) where they began with \(words(usual)) before")
    }
    if separator.lost == 1 { parts.append("have no separator GS (1D) any more") }
    guard !parts.isEmpty else { return nil }
    return "does not send as it did: its last reads " + parts.joined(separator: ", and ")
  }

  private func words(_ identifier: UInt32) -> String {
    guard identifier != 0 else { return "no symbology identifier" }
    return printable([16, 8, 0].map { UInt8(truncatingIfNeeded: identifier >> $0) })
  }
}
