/// Lets through what comes now and then, and counts what comes without pause.
///
/// `burst` at once, then one `every` so often. For things that some device can repeat as fast as it likes, and of which
/// each would be a record: a disk is not to be filled by a broken cable.
struct Throttle: Sendable {
  let burst: Int
  let every: Instant.Span
  /// How many were held back since `takeHeldBack` asked last.
  private(set) var heldBack = 0
  private var left: Int
  /// Up to when what is left has been reckoned.
  private var reckoned: Instant?

  init(burst: Int, every: Instant.Span) {
    self.burst = burst
    self.every = every
    left = burst
  }

  /// Whether the next one passes; if not it is counted.
  mutating func admits(now: Instant) -> Bool {
    if let before = reckoned {
      let more = max(0, (now - before).nanoseconds / every.nanoseconds)
      left = Int(min(Int64(burst), Int64(left) + more))
      reckoned = before + Instant.Span(nanoseconds: more * every.nanoseconds)
    }
    // A full burst has nothing to gain: its time begins with the first that is taken from it.
    if left == burst { reckoned = now }
    guard left > 0 else {
      heldBack += 1
      return false
    }
    left -= 1
    return true
  }

  /// How many were held back, and begins to count anew.
  mutating func takeHeldBack() -> Int {
    defer { heldBack = 0 }
    return heldBack
  }
}

/// What one scanner sends that belongs to no unit.
///
/// A line in doubt may run on for a while, and each of its packs is then a stray read that may be wanted later. A scanner
/// that sends empty or torn frames without pause would write 7 MB a second (seen).
struct StrayReads: Sendable {
  /// So many are kept at once: 50 s of packs at 1,200 a minute.
  static let burst = 1000
  /// What was not kept is recorded this often.
  static let reportEvery = Instant.Span.milliseconds(10_000)

  /// Beyond the burst one a second is kept.
  var kept = Throttle(burst: burst, every: .milliseconds(1000))
  /// When what was not kept is recorded; nil: all was kept.
  var reportAt: Instant?
  /// The station that they came to.
  var station = -1
}

/// Something that is an alarm each time it happens, and that a device can repeat as fast as it likes.
///
/// The first time is told at once; what follows within ten seconds is counted, and told as a number when they are over.
struct Repeats: Sendable {
  static let every = Instant.Span.milliseconds(10_000)
  /// When what was counted is told; nil: it has not happened for that long.
  private(set) var due: Instant?
  /// How much happened since it was told last.
  private(set) var untold = 0

  /// Whether it is to be told now; if not it is counted.
  mutating func isNews(_ count: Int = 1, now: Instant) -> Bool {
    guard due != nil else {
      due = now + Repeats.every
      return true
    }
    untold += count
    return false
  }

  /// How much is to be told as it is due, 0 nothing.
  mutating func takeDue(now: Instant) -> Int {
    guard let due, now >= due else { return 0 }
    defer { untold = 0 }
    self.due = untold > 0 ? now + Repeats.every : nil
    return untold
  }
}
