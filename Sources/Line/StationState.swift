/// A unit that was judged and has no end yet, or whose end nobody saw.
struct OpenUnit: Sendable, Codable {
  var unit: UInt16
  /// The verdict that stands now; a withdrawal replaces an accept.
  var verdict: Verdict
  /// Whether its verdict replaced an accept, which the PLC may hold until it has taken the withdrawal.
  var isWithdrawn = false
  var batch: UInt32
  var row: Int32
  /// The conveyor's moving time when it was judged; nil for units from before a restart, which count from the first look.
  var movingAt: Int64 = 0
  /// The challenge test that it belongs to, 0 none.
  var challenge: UInt32 = 0
  /// Its outcome did not come in time: it ended in doubt, and a late outcome only adds to its history.
  var isMissing = false

  /// The moving time is of this life of the daemon alone.
  private enum CodingKeys: String, CodingKey {
    case unit, verdict, isWithdrawn, batch, row, challenge, isMissing
  }
}

/// Everything the core knows of one station.
struct StationState: Sendable {
  enum Link: Sendable {
    case down
    case up(LinkGeneration, PLCSnapshot)

    var generation: LinkGeneration? {
      if case .up(let generation, _) = self { return generation }
      return nil
    }

    var snapshot: PLCSnapshot? {
      if case .up(_, let snapshot) = self { return snapshot }
      return nil
    }
  }

  var settings: StationSettings
  var tracking: Tracking
  /// Whether the line was permitted when tracking came into doubt: then what follows is 15, otherwise 12.
  var doubtWhilePermitted = false
  var link: Link = .down
  var everLinked = false
  var lastUnit: UInt16 = 0
  /// By the records: the last unit that was judged by its own message, 0 before the first of an epoch; nil when the last
  /// one was judged without a message, which may then still come.
  var lastUnitRead: UInt16?
  /// By the records: tracking came into doubt and was not in step since.
  var doubtOnRecord = false
  var counters = StationCounters()
  var openUnits = OpenUnits()
  var rejectsInARow = 0
  var noReadsInARow = 0
  /// The PLC's epoch and the last outcome sequence in it, both as recorded; 0: none yet.
  var epoch: UInt16 = 0
  var outcomeSequence: UInt16 = 0
  /// Time for which the conveyor moved while the link stood, and since when it moves now.
  var movingTotal: Int64 = 0
  var movingSince: Instant?
  var sentHeader: HostHeader?
  var restarts = Repeats()
  /// The PackML command that goes with the header, and how many were given.
  var command: PackML.Command?
  var commandNumber: UInt16 = 0
  /// The gravest stop that was commanded since the last release.
  var stopCommanded: PackML.Command?
  /// States that this release has commanded the machine to leave.
  var statesLeft: Set<PackML.State> = []
  /// The unit whose verdict the PLC did not take in time, and the outcome that does not stand in its slot, until the PLC goes
  /// on or the link begins anew: the link says each standstill once.
  var verdictNotTaken: UInt16?
  var outcomeUnreadable: UInt16?
  /// The challenge test that runs here.
  var challenge: Challenge?
  /// Wall time of the last one that was passed, milliseconds since 1970.
  var challengePassedAt: Int64?
  /// In which run of a batch that was, 0 before the first; nil: none was passed.
  var provenInRun: UInt32?
  /// Whether one was passed since the batch was started.
  var challengedSinceStart = false
  /// The last one failed, and none was passed since.
  var challengeFailed = false

  init(_ settings: StationSettings) {
    self.settings = settings
    tracking = Tracking(settings)
  }

  /// Whether units may have triggered that this core did not watch, by what the PLC shows as the link comes up.
  func movedUnwatched(_ snapshot: PLCSnapshot) -> Bool {
    if snapshot.epoch != epoch { return epoch != 0 || snapshot.lastUnit != 0 }
    if everLinked { return snapshot.lastUnit != lastUnit }
    return doubtOnRecord || snapshot.lastUnit != lastUnitRead
  }

  /// A release begins: nothing of the stop before it is commanded any more.
  mutating func forgetCommands() {
    command = nil
    stopCommanded = nil
    statesLeft = []
  }

  func open(_ unit: UInt16) -> OpenUnit? {
    openUnits.index(of: unit).map { openUnits[$0] }
  }

  /// Whether the PLC reports what its gate did, so that a challenge test can show something.
  var hasGate: Bool { settings.tracksTriggers && settings.gateOutcomes }

  /// Units that have no end.
  var unended: Int { @inline(__always) get { openUnits.count - openUnits.missing } }

  mutating func forgetFreshness() {
    movingTotal = 0
    movingSince = nil
    for index in openUnits.indices { openUnits[index].movingAt = 0 }
  }

  // MARK: The conveyor's own clock

  @inline(__always)
  func moving(at now: Instant) -> Int64 {
    movingTotal + (movingSince.map { (now - $0).nanoseconds } ?? 0)
  }

  mutating func setMoving(_ isMoving: Bool, now: Instant) {
    if let since = movingSince, !isMoving {
      movingTotal += (now - since).nanoseconds
      movingSince = nil
    } else if movingSince == nil, isMoving {
      movingSince = now
    }
  }

  /// When the oldest open unit's outcome is overdue, as long as the conveyor moves.
  @inline(__always)
  func outcomeDeadline(limit: Instant.Span) -> Instant? {
    guard settings.gateOutcomes, let since = movingSince,
      let oldest = openUnits.first(where: { !$0.isMissing })
    else { return nil }
    let left = limit.nanoseconds - (movingTotal - oldest.movingAt)
    return since + Instant.Span(nanoseconds: left)
  }

  // MARK: By records

  mutating func judged(_ record: Record) {
    let verdict = Verdict(rawValue: record.code) ?? .trackingInDoubt
    lastUnitRead = record.raw.isEmpty ? nil : record.unit
    counters.units += 1
    if verdict == .accept {
      counters.accepted += 1
    } else {
      counters.rejectedBy[Int(verdict.rawValue)] += 1
    }
    if verdict.countsTowardsLimits && record.number == 0 {
      rejectsInARow = verdict == .accept ? 0 : rejectsInARow + 1
      noReadsInARow = verdict == .noRead ? noReadsInARow + 1 : 0
    }
    guard settings.tracksTriggers else {
      if verdict == .accept { counters.passed += 1 } else { counters.rejectedAtGate += 1 }
      return
    }
    if !settings.gateOutcomes && verdict != .accept {
      counters.rejectedAtGate += 1
      return
    }
    // A number comes again after 65504 units; what is left of its last bearer ended in doubt long ago.
    if openUnits.missing > 0 {
      openUnits.removeAll { $0.unit == record.unit && $0.isMissing }
    }
    openUnits.append(
      OpenUnit(
        unit: record.unit, verdict: verdict, batch: record.batch, row: record.row,
        movingAt: movingTotal, challenge: record.number))
  }

  /// The moving clock of the unit just judged, once the live line knows it.
  mutating func stampLastUnit(moving: Int64) {
    guard let last = openUnits.indices.last else { return }
    openUnits[last].movingAt = moving
  }

  mutating func withdrawn(_ record: Record) {
    guard let index = openUnits.firstIndex(where: { $0.unit == record.unit && !$0.isMissing }),
      openUnits[index].verdict == .accept
    else { return }
    let verdict = Verdict(rawValue: record.code) ?? .trackingInDoubt
    openUnits[index].verdict = verdict
    openUnits[index].isWithdrawn = true
    counters.accepted -= 1
    counters.rejectedBy[Int(verdict.rawValue)] += 1
    if !settings.gateOutcomes {
      counters.rejectedAtGate += 1
      openUnits.remove(at: index)
    }
  }

  mutating func ended(_ record: Record) {
    outcomeSequence = UInt16(truncatingIfNeeded: record.number)
    let index = openUnits.index(of: record.unit)
    if let index, openUnits[index].isMissing {
      openUnits.remove(at: index)
      return
    }
    let accepted = index.map { openUnits[$0].verdict == .accept } ?? false
    if let index {
      openUnits.remove(at: index)
    } else {
      counters.units += 1
      counters.rejectedBy[Int(Verdict.trackingInDoubt.rawValue)] += 1
    }
    switch Outcome(rawValue: record.code) {
    case .passed:
      if accepted { counters.passed += 1 } else { counters.inDoubt += 1 }
    case .rejected, .noVerdictInTime: counters.rejectedAtGate += 1
    case .takenByHand: counters.takenByHand += 1
    case .lost: counters.lost += 1
    case .rejectNotSeen, nil: counters.inDoubt += 1
    }
  }

  mutating func outcomeMissing(_ record: Record) {
    guard let index = openUnits.firstIndex(where: { $0.unit == record.unit && !$0.isMissing })
    else { return }
    openUnits[index].isMissing = true
    counters.inDoubt += 1
    // They wait only for a late outcome; the oldest give way.
    if openUnits.missing > LineController.openUnitsMax,
      let oldest = openUnits.firstIndex(where: { $0.isMissing })
    {
      openUnits.remove(at: oldest)
    }
  }

  mutating func challenged(_ record: Record, wall: Int64) {
    switch record.kind {
    case .challengeStarted:
      challenge = Challenge(
        number: record.number, packs: record.raw.compactMap { Verdict(rawValue: UInt16($0)) },
        actor: record.actor)
    case .challengeConfirmed:
      guard challenge?.number == record.number, let pack = Verdict(rawValue: record.code) else {
        return
      }
      challenge?.confirmed.append(pack)
    default:
      challenge = nil
      switch ChallengeResult(rawValue: record.code) {
      case .passed:
        challengePassedAt = wall
        challengedSinceStart = true
        challengeFailed = false
      case .failed: challengeFailed = true
      case .cancelled, nil: break
      }
    }
  }

  mutating func taken(_ record: Record) {
    if let index = openUnits.index(of: record.unit) {
      if openUnits[index].isMissing { counters.inDoubt -= 1 }
      openUnits.remove(at: index)
    }
    counters.passed += 1
  }

  mutating func newEpoch(_ epoch: UInt16) {
    self.epoch = epoch
    outcomeSequence = 0
    lastUnitRead = 0
    openUnits.removeAll()
  }

  mutating func resetRows() {
    rejectsInARow = 0
    noReadsInARow = 0
  }
}
