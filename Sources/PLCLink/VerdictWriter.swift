internal import Line

/// The writer's side of a station's verdict ring: verdicts in, neighbouring slots out (contract, "Rings").
///
/// ```
///   add ──► waiting ── nextRun ──► outstanding ── reached ──► taken
///           (memory)               (in the ring, at most slots - 1)
/// ```
struct VerdictWriter: Sendable {
  /// A verdict in the ring that the PLC has not taken.
  struct Outstanding: Sendable, Hashable {
    var slot: RingSlot
    /// When it was sent, or found in the ring.
    var since: Instant
  }

  /// A verdict that has no slot yet.
  struct Waiting: Sendable, Hashable {
    var unit: UInt16
    var verdict: Verdict
    /// When an accept is too late; nil: never.
    var due: Instant?
  }

  /// Verdicts waiting for a slot at most.
  ///
  /// A line keeps at most 1,024 units without an end, and may withdraw all their accepts at once; a link resends the rejects
  /// of the one before. More than twice that without a slot mean a PLC that takes none: then the link gives up rather
  /// than grow.
  static let waitingMax = 2048

  let slots: Int
  let epoch: UInt16
  /// The last sequence that the PLC has taken.
  private(set) var taken: UInt16
  private(set) var outstanding: [Outstanding] = []
  private(set) var waiting: [Waiting] = []
  /// Whether the standstill of the oldest outstanding verdict was said already.
  private var saidNotTaken = false

  /// A writer that begins after what the PLC has taken; the ring holds nothing.
  init(slots: Int, epoch: UInt16, taken: UInt16) {
    self.slots = slots
    self.epoch = epoch
    self.taken = taken
    outstanding.reserveCapacity(slots)
  }

  /// A writer that goes on after the unbroken run of right slots behind `taken` in `ring`, as read back.
  init(slots: Int, epoch: UInt16, taken: UInt16, ring: [UInt16], now: Instant) {
    self.init(slots: slots, epoch: epoch, taken: taken)
    var sequence = Counter.next(after: taken)
    while outstanding.count < slots - 1,
      let slot = RingSlot(
        ring, at: RegisterMap.slotCount * (Int(sequence) % slots), expecting: sequence,
        epoch: epoch)
    {
      outstanding.append(Outstanding(slot: slot, since: now))
      sequence = Counter.next(after: sequence)
    }
  }

  /// The unbroken run of right slots in `ring` that ends at `taken`, oldest first: what the PLC took from a life before.
  static func takenBefore(
    slots: Int, epoch: UInt16, taken: UInt16, ring: [UInt16]
  ) -> [RingSlot] {
    var run: [RingSlot] = []
    var sequence = taken
    while sequence != 0, run.count < slots,
      let slot = RingSlot(
        ring, at: RegisterMap.slotCount * (Int(sequence) % slots), expecting: sequence,
        epoch: epoch)
    {
      run.append(slot)
      sequence = sequence == 1 ? Counter.max : sequence - 1
    }
    return run.reversed()
  }

  private var lastSequence: UInt16 { outstanding.last?.slot.sequence ?? taken }

  /// Queues a verdict after all earlier ones; false when there are too many.
  ///
  /// An accept that has no slot yet when the same unit is rejected never goes out.
  mutating func add(unit: UInt16, _ verdict: Verdict, due: Instant? = nil) -> Bool {
    if verdict != .accept {
      waiting.removeAll { $0.unit == unit && $0.verdict == .accept }
    }
    guard waiting.count < VerdictWriter.waitingMax else { return false }
    waiting.append(Waiting(unit: unit, verdict: verdict, due: due))
    return true
  }

  /// Takes out the accepts that are too late by now and have no slot yet; their units.
  mutating func takeLate(now: Instant) -> [UInt16] {
    func isLate(_ one: Waiting) -> Bool { one.due.map { now >= $0 } ?? false }
    guard waiting.contains(where: isLate) else { return [] }
    let late = waiting.filter(isLate).map(\.unit)
    waiting.removeAll(where: isLate)
    return late
  }

  /// The next neighbouring slots to write: index of the first, and the registers.
  ///
  /// They count as sent from here on.
  mutating func nextRun(now: Instant) -> (slot: Int, words: [UInt16])? {
    let free = slots - 1 - outstanding.count
    guard free > 0, !waiting.isEmpty else { return nil }
    var sequence = Counter.next(after: lastSequence)
    let first = Int(sequence) % slots
    let count = min(waiting.count, free, slots - first, RegisterMap.slotsPerTelegramMax)
    var words: [UInt16] = []
    words.reserveCapacity(RegisterMap.slotCount * count)
    for verdict in waiting.prefix(count) {
      let slot = RingSlot(sequence: sequence, unit: verdict.unit, word: verdict.verdict.rawValue)
      words.append(slot.sequence)
      words.append(slot.unit)
      words.append(slot.word)
      words.append(slot.check(epoch: epoch))
      outstanding.append(Outstanding(slot: slot, since: now))
      sequence = Counter.next(after: sequence)
    }
    waiting.removeFirst(count)
    return (first, words)
  }

  /// The PLC says that it has taken everything up to `sequence`: what that is, oldest first.
  ///
  /// Nil when it cannot be true, because no such verdict stands in the ring.
  mutating func reached(_ sequence: UInt16) -> [RingSlot]? {
    if sequence == taken { return [] }
    guard let steps = Counter.steps(from: taken, to: sequence), steps <= outstanding.count
    else { return nil }
    let slots = outstanding.prefix(steps).map(\.slot)
    outstanding.removeFirst(steps)
    taken = sequence
    saidNotTaken = false
    return slots
  }

  /// The oldest verdict, if the PLC has not taken it for `limit`; once for each standstill.
  mutating func notTaken(for limit: Instant.Span, now: Instant) -> RingSlot? {
    guard !saidNotTaken, let oldest = outstanding.first, now - oldest.since >= limit
    else { return nil }
    saidNotTaken = true
    return oldest.slot
  }

  /// Rejects that were ordered before a connection broke and do not stand in the ring of `after`.
  ///
  /// A telegram that failed may have taken a withdrawal with it, and the PLC still holds the accept: such rejects are
  /// sent again. Accepts are not: a new connection sends none of the time before it.
  func rejectsMissing(after: VerdictWriter) -> [Waiting] {
    let standing = Set(after.outstanding.map(\.slot))
    var missing: [Waiting] = []
    let steps = Counter.steps(from: taken, to: after.taken) ?? 0
    for (index, one) in outstanding.enumerated() where index >= steps {
      guard !standing.contains(one.slot), let verdict = Verdict(rawValue: one.slot.word),
        verdict != .accept
      else { continue }
      missing.append(Waiting(unit: one.slot.unit, verdict: verdict))
    }
    return missing + waiting.filter { $0.verdict != .accept }
  }
}
