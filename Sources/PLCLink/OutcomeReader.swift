internal import Line

/// The reader's side of a station's outcome ring (contract, "Rings" and "Outcomes").
///
/// ```
///   recorded (host 8) ≤ last (read and told) ≤ written (PLC 8) ≤ recorded + slots - 1
/// ```
struct OutcomeReader: Sendable {
  let slots: Int
  let epoch: UInt16
  /// The last outcome that the line says is on disk.
  private(set) var recorded: UInt16
  /// The last outcome read in this connection.
  private(set) var last: UInt16
  /// The last outcome that was ever told to the line in this epoch; `recorded` can never be beyond it.
  private var told: UInt16
  private(set) var written: UInt16
  private var unreadableSince: Instant?
  private var saidUnreadable = false

  /// A reader that takes the outcome after `recorded` first.
  init(slots: Int, epoch: UInt16, recorded: UInt16) {
    self.slots = slots
    self.epoch = epoch
    self.recorded = recorded
    last = recorded
    told = recorded
    written = recorded
  }

  /// Begins again after the last recorded one: what was told but not recorded may have been lost with a connection
  /// or a disk.
  mutating func resume() {
    last = recorded
    written = recorded
    unreadableSince = nil
    saidUnreadable = false
  }

  /// The PLC says that it has written everything up to `sequence`; false when that cannot be.
  mutating func wrote(_ sequence: UInt16) -> Bool {
    guard let ahead = Counter.steps(from: recorded, to: sequence), ahead <= slots - 1,
      let known = Counter.steps(from: recorded, to: last), ahead >= known
    else { return false }
    written = sequence
    return true
  }

  /// The neighbouring slots to read next: index of the first, and how many.
  var wanted: (slot: Int, count: Int)? {
    guard let steps = Counter.steps(from: last, to: written), steps > 0 else { return nil }
    let first = Int(Counter.next(after: last)) % slots
    return (first, min(steps, slots - first, RegisterMap.slotsPerTelegramMax))
  }

  /// Takes what is right and next in registers read from slot index `first` on.
  mutating func take(_ words: [UInt16], from first: Int, now: Instant) -> [RingSlot] {
    var outcomes: [RingSlot] = []
    while last != written {
      let sequence = Counter.next(after: last)
      let index = Int(sequence) % slots
      // Beyond what was read: another telegram brings it.
      guard index >= first, (index - first + 1) * RegisterMap.slotCount <= words.count else {
        break
      }
      guard
        let slot = RingSlot(
          words, at: (index - first) * RegisterMap.slotCount, expecting: sequence, epoch: epoch)
      else {
        if unreadableSince == nil { unreadableSince = now }
        return outcomes
      }
      last = sequence
      if isAhead(last) { told = last }
      unreadableSince = nil
      saidUnreadable = false
      outcomes.append(slot)
    }
    return outcomes
  }

  /// The outcome that has not passed its check for `limit`; once for each such time.
  mutating func unreadable(for limit: Instant.Span, now: Instant) -> UInt16? {
    guard let since = unreadableSince, !saidUnreadable, now - since >= limit else { return nil }
    saidUnreadable = true
    return Counter.next(after: last)
  }

  /// The line says that everything up to `sequence` is on disk; false when it was never told of that.
  mutating func record(upTo sequence: UInt16) -> Bool {
    guard let steps = Counter.steps(from: recorded, to: sequence), steps > 0,
      let possible = Counter.steps(from: recorded, to: told), steps <= possible
    else { return false }
    if let read = Counter.steps(from: recorded, to: last), read < steps { last = sequence }
    recorded = sequence
    return true
  }

  private func isAhead(_ sequence: UInt16) -> Bool {
    guard let new = Counter.steps(from: recorded, to: sequence),
      let old = Counter.steps(from: recorded, to: told)
    else { return false }
    return new > old
  }
}
