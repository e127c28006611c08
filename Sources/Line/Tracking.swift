/// Matches scanner messages to PLC triggers at one station, and knows when it can no longer be sure.
///
/// ```
///            trigger                    message (of each scanner)
///   inStep ───────────► pending ──────────────────────────────► inStep   judge
///     │ ▲ message         │ trigger, second message, silence
///     ▼ │ trigger         ▼
///   early ───────────► doubt ◄──── message without trigger, odd step, late poll
///         too late        │ quiet time without trigger and message
///                         └──────────────────────────────────► inStep
/// ```
/// At most one trigger is pending (contract, "Tracking"). The classic fault it must never make is off-by-one: a late
/// message taken for the next unit. So every irregularity rejects all until the station was quiet.
struct Tracking: Sendable {
  /// A message as it came, with the scanner it came from.
  struct Read: Sendable, Hashable {
    var scanner: Int
    var bytes: [UInt8]
    /// What it says, found out when it came; nil: nobody looked yet.
    var early: Early?

    struct Early: Sendable, Hashable {
      /// The batch that it was held against.
      var batch: UInt32
      var reading: Reading
    }
  }

  enum State: Sendable, Hashable {
    /// Nothing waits.
    case inStep
    /// Messages came and wait for the poll that shows their trigger.
    case early(since: Instant)
    /// A unit triggered and waits for its messages; with `isCut` for a shorter time than `readTimeout`, because the poll
    /// came late.
    case pending(unit: UInt16, since: Instant, until: Instant, isCut: Bool)
    /// Nothing is sure; the last trigger or message came at `activity`.
    case doubt(activity: Instant)
  }

  /// What the caller has to do.
  enum Decision: Sendable, Hashable {
    /// Judge a unit that triggered at `since` by these reads. None: the scanner stayed silent or said nothing in time.
    case judge(unit: UInt16, reads: [Read], since: Instant)
    /// Tracking came into doubt: these units get verdict 15; `reads` belong to none.
    case doubt(units: [UInt16], reads: [Read], cause: Cause)
    /// A unit triggered while in doubt: verdict 15.
    case rejectInDoubt(unit: UInt16)
    /// A message came while in doubt; kept, but it belongs to no unit.
    case stray(Read)
    /// The station was quiet long enough.
    case inStep
  }

  /// Why tracking came into doubt.
  enum Cause: Sendable, Hashable {
    case secondTrigger
    case secondMessage
    case messageWithoutTrigger
    case oddStep(from: UInt16, to: UInt16)
    case silentScanner(unit: UInt16)
    case latePoll(unit: UInt16)
    case outcomeBeforeVerdict(unit: UInt16)
    /// The link or the daemon was away while things moved; no alarm, but not in step.
    case unwatched

    var sentence: String {
      switch self {
      case .secondTrigger: "a unit triggered while the one before still waited for its message"
      case .secondMessage: "a second message came for one trigger"
      case .messageWithoutTrigger: "a message came without a trigger"
      case .oddStep(let from, let to): "the PLC's unit number went from \(from) to \(to)"
      case .silentScanner(let unit): "no message came for unit \(unit)"
      case .latePoll(let unit):
        "the PLC's answer that shows unit \(unit) came so late that the message may be another unit's"
      case .outcomeBeforeVerdict(let unit): "unit \(unit) reached the gate before it was judged"
      case .unwatched: "packs moved while nobody watched"
      }
    }
  }

  private(set) var state: State = .inStep
  private var reads: [Read] = []
  /// The reads that were judged last: their memory serves the next but one.
  private var spare: [Read] = []
  /// When the last message came.
  private var messageAt: Instant?
  let scanners: [Int]
  private var readTimeout: Instant.Span
  private var earlyRead: Instant.Span
  private var quiet: Instant.Span
  private var silentIsDoubt: Bool

  /// Takes new timing; what waits goes on waiting.
  mutating func adopt(_ settings: StationSettings) {
    readTimeout = settings.readTimeout
    earlyRead = settings.earlyRead
    quiet = settings.quiet
    silentIsDoubt = settings.silentIsDoubt
    // Which text is a no-read, and where a grade stands, is a setting too.
    for index in reads.indices { reads[index].early = nil }
  }

  init(_ settings: StationSettings) {
    scanners = settings.scanners
    readTimeout = settings.readTimeout
    earlyRead = settings.earlyRead
    quiet = settings.quiet
    silentIsDoubt = settings.silentIsDoubt
  }

  var isInDoubt: Bool {
    if case .doubt = state { return true }
    return false
  }

  var pendingUnit: UInt16? {
    if case .pending(let unit, _, _, _) = state { return unit }
    return nil
  }

  /// When `advance` has something to do even if nothing comes; nil: never.
  var deadline: Instant? {
    @inline(__always)
    get {
      switch state {
      case .inStep: nil
      case .early(let since): since + earlyRead
      case .pending(_, _, let until, _): until
      case .doubt(let activity): activity + quiet
      }
    }
  }

  /// The PLC showed the next unit at its read station; it triggered after `earliest`, nil where nobody knows.
  ///
  /// Two triggers are further apart than `readTimeout` and `earlyRead` together (contract, `[[station]]`), so until then
  /// a message is this unit's, and later it may be the next one's. What a poll shows after that has lost its message, to a
  /// doubt that has ended meanwhile or to another unit.
  mutating func trigger(unit: UInt16, after earliest: Instant?, now: Instant) -> Decision? {
    switch state {
    case .inStep, .early:
      var until = now + readTimeout
      var isCut = false
      if let earliest {
        let sure = earliest + readTimeout + earlyRead
        if sure <= now { return enterDoubt([unit], .latePoll(unit: unit), now) }
        // Without early reads nothing is promised of the time from one poll to the next.
        isCut = earlyRead > .zero && sure < until
        if isCut { until = sure }
      }
      state = .pending(unit: unit, since: now, until: until, isCut: isCut)
      return judgeWhenComplete()
    case .pending(let earlier, _, _, _):
      return enterDoubt([earlier, unit], .secondTrigger, now)
    case .doubt:
      state = .doubt(activity: now)
      return .rejectInDoubt(unit: unit)
    }
  }

  /// The PLC's unit number stepped by other than 0 or 1; `units` triggered unseen.
  mutating func oddStep(units: [UInt16], from: UInt16, to: UInt16, now: Instant) -> Decision {
    let pending = pendingUnit.map { [$0] } ?? []
    return enterDoubt(pending + units, .oddStep(from: from, to: to), now)
  }

  /// A scanner sent a message.
  mutating func message(_ read: Read, now: Instant) -> Decision? {
    defer { messageAt = now }
    switch state {
    case .inStep:
      reads.removeAll(keepingCapacity: true)
      reads.append(read)
      // Two in one read are no early message of the next unit: the scanner held one back, and the one that was judged may
      // have been another unit's.
      if messageAt == now { return enterDoubt([], .secondMessage, now) }
      state = .early(since: now)
      return nil
    case .early:
      guard !reads.contains(where: { $0.scanner == read.scanner }) else {
        reads.append(read)
        return enterDoubt([], .secondMessage, now)
      }
      reads.append(read)
      return nil
    case .pending(let unit, _, _, _):
      guard !reads.contains(where: { $0.scanner == read.scanner }) else {
        reads.append(read)
        return enterDoubt([unit], .secondMessage, now)
      }
      reads.append(read)
      return judgeWhenComplete()
    case .doubt:
      state = .doubt(activity: now)
      return .stray(read)
    }
  }

  /// Time went on to `now`: what became due by then.
  @inline(__always)
  mutating func advance(now: Instant) -> [Decision] {
    guard let deadline, now >= deadline else { return [] }
    return takeDue(deadline, now: now)
  }

  private mutating func takeDue(_ deadline: Instant, now: Instant) -> [Decision] {
    switch state {
    case .inStep:
      return []
    case .early:
      return [enterDoubt([], .messageWithoutTrigger, now)]
    case .pending(let unit, _, _, true):
      return [enterDoubt([unit], .latePoll(unit: unit), now)]
    case .pending(let unit, let since, _, false):
      let came = reads
      let silent = came.count < scanners.count
      reads = []
      state = .inStep
      guard silent, silentIsDoubt else { return [.judge(unit: unit, reads: came, since: since)] }
      // The unit itself is judged by what came; a missing message makes only those after it doubtful.
      state = .doubt(activity: deadline)
      return [
        .judge(unit: unit, reads: came, since: since),
        .doubt(units: [], reads: [], cause: .silentScanner(unit: unit)),
      ]
    case .doubt:
      state = .inStep
      return [.inStep]
    }
  }

  /// The unit that still waits for its message is at the gate already: whatever comes now is too late.
  mutating func outcomeCame(unit: UInt16, now: Instant) -> Decision? {
    guard pendingUnit == unit else { return nil }
    return enterDoubt([unit], .outcomeBeforeVerdict(unit: unit), now)
  }

  /// The link was away, or a scanner: what waited is void, and things may have moved unseen.
  mutating func interrupted(now: Instant) -> Decision? {
    switch state {
    case .inStep:
      return nil
    case .early, .pending:
      let came = reads
      reads = []
      state = .doubt(activity: now)
      return .doubt(units: [], reads: came, cause: .unwatched)
    case .doubt:
      state = .doubt(activity: now)
      return nil
    }
  }

  /// Units triggered that nobody watched: their messages may still come, and would be taken for those of later units.
  mutating func movedUnwatched(now: Instant) -> Decision? {
    guard !isInDoubt else { return interrupted(now: now) }
    return enterDoubt([], .unwatched, now)
  }

  private mutating func judgeWhenComplete() -> Decision? {
    guard case .pending(let unit, let since, _, _) = state, reads.count == scanners.count else {
      return nil
    }
    swap(&reads, &spare)
    reads.removeAll(keepingCapacity: true)
    state = .inStep
    return .judge(unit: unit, reads: spare, since: since)
  }

  private mutating func enterDoubt(_ units: [UInt16], _ cause: Cause, _ now: Instant) -> Decision {
    let came = reads
    reads = []
    state = .doubt(activity: now)
    return .doubt(units: units, reads: came, cause: cause)
  }
}
