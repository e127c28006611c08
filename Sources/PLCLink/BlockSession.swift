public import Line

/// What one connection to a PLC has to do for one station's register blocks, without a socket or a clock.
///
/// ```
///              connected                   heartbeat moved, or map unknown
///   down ──────────────────► proving ─────────────────────────────────────► linked ──┐ another epoch, or the
///    ▲                          │                                             │  ▲   │ map became known:
///    └──────────────────────────┴──────────── disconnected ───────────────────┘  └───┘ handshake anew
/// ```
/// *Proving*: the blocks were read; permit 0 goes out, and nothing is told to the line before the PLC's heartbeat has
/// moved, because a gateway may answer for a PLC that is gone. *Linked*: first the handshake's telegrams, then
/// `PLCEvent.linked`, then verdicts, outcomes and the line's header.
///
/// Whoever owns the connection hands in what it read and what the line orders, and pulls telegrams with `nextWrite` and
/// `nextRead` and events with `takeEvents`. A telegram that was pulled counts as done; if it fails, the connection has to
/// end with `disconnected`. `fault` says when the session itself wants that.
public struct BlockSession: Sendable {
  /// Where a station's blocks lie, and their timing.
  public struct Settings: Sendable, Hashable {
    /// First register of the host block.
    public var hostBase: Int
    /// First register of the PLC block.
    public var plcBase: Int
    /// Ring slots in each direction: 8, 16 or 32.
    public var slots: Int
    /// The host header goes out at least this often.
    public var heartbeat: Instant.Span
    /// The PLC's heartbeat unchanged for this long: link lost.
    public var lost: Instant.Span

    /// Makes settings.
    public init(
      hostBase: Int = 0, plcBase: Int = 100, slots: Int = 16,
      heartbeat: Instant.Span = .milliseconds(100), lost: Instant.Span = .milliseconds(1000)
    ) {
      precondition([8, 16, 32].contains(slots), "a ring has 8, 16 or 32 slots")
      self.hostBase = hostBase
      self.plcBase = plcBase
      self.slots = slots
      self.heartbeat = heartbeat
      self.lost = lost
    }

    /// The whole host block.
    public var hostBlock: RegisterRead {
      RegisterRead(
        address: hostBase, count: RegisterMap.ringOffset + RegisterMap.slotCount * slots)
    }

    /// The part of the PLC block that is read at each poll.
    public var plcHeader: RegisterRead {
      RegisterRead(address: plcBase, count: RegisterMap.headerCount)
    }
  }

  /// The last outcome on record, from which reading goes on after a restart.
  public struct OutcomeMark: Sendable, Hashable {
    /// The PLC's epoch at that time; 0 none.
    public var epoch: UInt16
    /// Sequence of the outcome; 0 none.
    public var sequence: UInt16

    /// Makes a mark.
    public init(epoch: UInt16 = 0, sequence: UInt16 = 0) {
      self.epoch = epoch
      self.sequence = sequence
    }
  }

  /// Telegrams in the order in which they may not wait for each other.
  public enum Urgency: Int, Sendable, CaseIterable {
    /// The permit falls.
    case permitFalls
    /// Verdict slots.
    case verdicts
    /// Handshakes, heartbeats, a permit that rises, acknowledged outcomes.
    case rest
  }

  /// A verdict not taken, or an outcome unreadable, for this long is said (contract, "Rings").
  public static let patience = Instant.Span.milliseconds(1000)

  /// An epoch lasts at least so long.
  static let epochShortest = Instant.Span.milliseconds(1000)

  private struct Proving: Sendable {
    var hostBlock: [UInt16]
    var heartbeat: UInt16
    var since: Instant
  }

  private struct Linked: Sendable {
    var epoch: UInt16
    /// Whether the PLC speaks our map; if not, it gets permit 0 and nothing else.
    var mapKnown: Bool
    var newEpoch: Bool
    var steps: [HandshakeStep]
    /// Whether the line was told.
    var told = false
    var snapshot: PLCSnapshot
    var heartbeat: UInt16
    var heartbeatAt: Instant
    var verdicts: VerdictWriter
    /// Taken while nobody watched; told right after `linked`.
    var takenBefore: [RingSlot]
  }

  private enum HandshakeStep: Sendable {
    /// A header with permit 0 and this echo of the epoch.
    case header(echo: UInt16)
    /// Zeroes in so many slots of the verdict ring from this index on.
    case zero(slot: Int, count: Int)
  }

  /// Where the blocks lie, and their timing.
  public let settings: Settings
  /// The number of the present or last link; 0 before the first.
  public private(set) var generation: LinkGeneration = 0
  /// Set when the connection must end; `disconnected` clears it.
  public private(set) var fault: LinkFault?

  // The state: one of the two at most, none when it is down. Not one value of an enumeration, which would be copied with all
  // its arrays for each look at it.
  private var proving: Proving?
  private var linked: Linked?
  private var events: [PLCEvent] = []
  private var toldFault: LinkFault?
  /// Since when there is no link and nothing was said about it; nil: there is, or something was.
  private var untoldSince: Instant?
  /// When the last poll that was answered had been asked; what the next one shows anew has happened since.
  private var askedAt: Instant?
  /// When the epoch changed last under a link.
  private var epochAt: Instant?
  private var ordered = HostHeader()
  /// Outcomes and unsent rejects outlive a connection, but not an epoch.
  private var outcomes: OutcomeReader
  private var verdictsBefore: VerdictWriter?
  private var firstGenerationOfEpoch: LinkGeneration = 1

  // The host header as we last wrote it, or found it.
  private var heartbeat: UInt16 = 0
  private var commandSequence: UInt16 = 0
  private var command: UInt16 = 0
  private var echo: UInt16 = 0
  private var echoedOutcome: UInt16 = 0
  private var lineTurnsSeen: UInt64?
  private var headersSent = 0
  private var headerAt: Instant?
  private var sentHeader: HostHeader?
  private var outcomeDue = false
  /// Our block as the PLC must hold it by now: read back at the connection's beginning, then as written.
  private var mirror: [UInt16] = []
  // PackML: the number of the last command taken from the line, and since when its sequence waits for PLC 7.
  private var commandNumber: UInt16 = 0
  private var commandOpen: (command: PackML.Command, since: Instant)?
  private var saidNotDone = false

  /// Makes a session that is not connected.
  public init(_ settings: Settings, resumingAt mark: OutcomeMark = OutcomeMark()) {
    self.settings = settings
    outcomes = OutcomeReader(slots: settings.slots, epoch: mark.epoch, recorded: mark.sequence)
  }

  // MARK: What the connection says

  /// The connection stands; both arguments as just read: `settings.hostBlock` and `settings.plcHeader`.
  public mutating func connected(hostBlock: [UInt16], plcHeader: [UInt16], now: Instant) {
    precondition(
      hostBlock.count == settings.hostBlock.count
        && plcHeader.count == RegisterMap.headerCount, "a block was read in another length")
    fault = nil
    askedAt = nil
    heartbeat = hostBlock[RegisterMap.Host.heartbeat]
    // Nothing new is commanded: what the PLC has seen there stays there.
    commandSequence = hostBlock[RegisterMap.Host.commandSequence]
    command = hostBlock[RegisterMap.Host.command]
    echo = hostBlock[RegisterMap.Host.epoch]
    echoedOutcome = hostBlock[RegisterMap.Host.outcomeRecorded]
    headersSent = 0
    headerAt = nil
    sentHeader = nil
    lineTurnsSeen = nil
    outcomeDue = false
    mirror = hostBlock
    commandOpen = nil
    // A permit was given for an earlier link; it has to be given anew.
    linked = nil
    proving = Proving(
      hostBlock: hostBlock, heartbeat: plcHeader[RegisterMap.PLC.heartbeat], since: now)
    if plcHeader[RegisterMap.PLC.version] != RegisterMap.version {
      // Of an unknown map no register's meaning is known, the heartbeat's neither.
      begin(plcHeader, hostBlock: hostBlock, now: now)
    }
  }

  /// Our own block was read once more, after the first header went out: `settings.hostBlock`.
  ///
  /// The heartbeat just written has to stand there. Otherwise a gateway answers from its memory, and going on after what
  /// that says would overwrite verdicts that the PLC has not taken.
  public mutating func readBack(_ hostBlock: [UInt16]) {
    precondition(hostBlock.count == settings.hostBlock.count, "a block was read in another length")
    // Of an unknown map nothing is followed.
    guard proving != nil else { return }
    guard hostBlock[RegisterMap.Host.heartbeat] == self.heartbeat else {
      fault = .registersStale
      return
    }
    mirror = hostBlock
    proving?.hostBlock = hostBlock
  }

  /// The PLC block's header was read; the telegram for it went out at `asked`.
  public mutating func polled(_ header: [UInt16], asked: Instant, now: Instant) {
    precondition(header.count == RegisterMap.headerCount, "a header has ten registers")
    defer { askedAt = asked }
    if let proving {
      if header[RegisterMap.PLC.heartbeat] != proving.heartbeat
        || header[RegisterMap.PLC.version] != RegisterMap.version
      {
        begin(header, hostBlock: proving.hostBlock, now: now)
      } else if now - proving.since >= settings.lost {
        fault = .heartbeatStill
      }
    } else if var linked = linked.take() {
      let goesOn = polled(header, &linked, now: now)
      self.linked = linked
      guard !goesOn else { return }
      // Each would be records of its own; a new connection waits longer from time to time.
      if linked.mapKnown, let epochAt, now - epochAt < BlockSession.epochShortest {
        fault = .epochUnsteady
      } else {
        if linked.mapKnown { epochAt = now }
        begin(header, hostBlock: nil, now: now)
      }
    }
  }

  /// A part of our own block was read again: what stands there has to be what we wrote.
  ///
  /// To be called right after a poll, so that a PLC which has just started anew, and may have cleared it, is known as that.
  public mutating func hostBlockSeen(_ words: [UInt16], at address: Int) {
    guard isLinked, isMapKnown else { return }
    let first = address - settings.hostBase
    precondition(first >= 0 && first + words.count <= mirror.count, "that is not our block")
    if !mirror[first..<(first + words.count)].elementsEqual(words) { fault = .registersForeign }
  }

  /// What the PLC must hold at a register of our block; nil where it is not ours, or not known.
  public func written(at address: Int) -> UInt16? {
    if isDown { return nil }
    let offset = address - settings.hostBase
    return mirror.indices.contains(offset) ? mirror[offset] : nil
  }

  /// Outcome slots were read, as `nextRead` asked.
  public mutating func outcomeSlots(_ words: [UInt16], at address: Int, now: Instant) {
    guard isLinked, isMapKnown else { return }
    let first =
      (address - settings.plcBase - RegisterMap.ringOffset) / RegisterMap.slotCount
    for outcome in outcomes.take(words, from: first, now: now) {
      events.append(
        .outcome(sequence: outcome.sequence, unit: outcome.unit, outcome: outcome.word))
    }
  }

  /// Time went on without a telegram that failed: of a link that is late from the start something has to be said.
  public mutating func look(now: Instant) {
    guard !isLinked, toldFault == nil else {
      untoldSince = nil
      return
    }
    guard let since = untoldSince else {
      untoldSince = now
      return
    }
    guard now - since >= settings.lost + settings.lost else { return }
    events.append(.lost(.late))
    toldFault = .late
  }

  /// The connection ended, or could not be made.
  public mutating func disconnected(_ fault: LinkFault, now: Instant) {
    let wasTold = isLinked
    // A link that broke before it was told had no orders: what the one before it left still waits to be told.
    if wasTold { verdictsBefore = linked?.verdicts }
    proving = nil
    linked = nil
    self.fault = nil
    // While it stays down only another cause is news.
    if wasTold || toldFault != fault {
      events.append(.lost(fault))
      toldFault = fault
    }
  }

  // MARK: What the line orders

  /// The line orders something.
  public mutating func order(_ order: PLCOrder, now: Instant) {
    switch order {
    case .header(let header):
      ordered = header
    case .verdict(let generation, let unit, let verdict, let due):
      guard generation == self.generation, unit >= 1, unit <= Counter.max, isLinked, isMapKnown
      else { return }
      // So many verdicts in a PLC's way mean that its registers do not follow ours.
      if linked?.verdicts.add(unit: unit, verdict, due: due) == false {
        fault = .registersImpossible
      }
    case .recorded(let generation, let sequence):
      // True for all links of an epoch: what is on disk stays there, and the PLC waits for hearing of it.
      guard generation >= firstGenerationOfEpoch, generation <= self.generation else { return }
      if outcomes.record(upTo: sequence) { outcomeDue = true }
    case .reconnect:
      if isDown { return }
      fault = .reconnecting
    }
  }

  // MARK: What goes out

  /// Takes what there is to tell the line, oldest first.
  public mutating func takeEvents() -> [PLCEvent] {
    if events.isEmpty { return [] }
    let taken = events
    events.removeAll(keepingCapacity: true)
    return taken
  }

  /// The next telegram to write of this urgency, nil when there is none.
  ///
  /// `lineTurns` is the line loop's turn counter: the heartbeat moves only when it has.
  public mutating func nextWrite(_ urgency: Urgency, now: Instant, lineTurns: UInt64)
    -> RegisterWrite?
  {
    if isDown { return nil }
    switch urgency {
    case .permitFalls:
      guard sentHeader?.permit == true, !permitNow else { return nil }
      return header(now: now, lineTurns: lineTurns)
    case .verdicts:
      guard isLinked, isMapKnown, linked?.verdicts.waiting.isEmpty == false else { return nil }
      for unit in linked?.verdicts.takeLate(now: now) ?? [] {
        events.append(.acceptLate(unit: unit))
      }
      guard let run = linked?.verdicts.nextRun(now: now) else { return nil }
      return ring(slot: run.slot, words: run.words)
    case .rest:
      if let step = nextStep(now: now, lineTurns: lineTurns) { return step }
      return headerIsDue(now: now) ? header(now: now, lineTurns: lineTurns) : nil
    }
  }

  /// The header, to go along with a neighbouring station's in one telegram; nil where another one has gone just now, or
  /// something else comes first.
  public mutating func headerAlong(now: Instant, lineTurns: UInt64) -> RegisterWrite? {
    guard isLinked, fault == nil, let headerAt,
      sentHeader != headerNow
        || now - headerAt >= Instant.Span(nanoseconds: headerInterval.nanoseconds / 2)
    else { return nil }
    return header(now: now, lineTurns: lineTurns)
  }

  /// The outcome slots to read next, nil when none is new.
  public func nextRead() -> RegisterRead? {
    guard isLinked, isMapKnown, let wanted = outcomes.wanted else { return nil }
    return RegisterRead(
      address: settings.plcBase + RegisterMap.ringOffset + RegisterMap.slotCount * wanted.slot,
      count: RegisterMap.slotCount * wanted.count)
  }

  /// The header with permit 0, for the end of a connection that still carries telegrams.
  public mutating func withdrawal(now: Instant, lineTurns: UInt64) -> RegisterWrite? {
    if isDown { return nil }
    ordered.permit = false
    return header(now: now, lineTurns: lineTurns)
  }

  /// When the next header is due at the latest; nil while there is no connection.
  public var deadline: Instant? {
    if isDown { return nil }
    return headerAt.map { $0 + headerInterval }
  }

  /// Whether the line has been told that the link stands.
  public var isLinked: Bool { linked?.told ?? false }

  private var isDown: Bool { proving == nil && linked == nil }
  private var isMapKnown: Bool { linked?.mapKnown ?? false }

  // MARK: Inside: what came in

  /// False when the handshake has to begin anew.
  private mutating func polled(_ header: [UInt16], _ linked: inout Linked, now: Instant) -> Bool {
    let snapshot = PLCSnapshot(header: header)
    let mapKnown = snapshot.speaksOurMap
    if mapKnown, !linked.mapKnown || snapshot.epoch != linked.epoch { return false }
    if header[RegisterMap.PLC.heartbeat] != linked.heartbeat {
      linked.heartbeat = header[RegisterMap.PLC.heartbeat]
      linked.heartbeatAt = now
    } else if mapKnown, now - linked.heartbeatAt >= settings.lost {
      fault = .heartbeatStill
      return true
    }
    guard linked.told else {
      linked.snapshot = snapshot
      return true
    }
    if !mapKnown {
      // The echo goes too: nothing of ours may be obeyed by a program that reads it otherwise.
      if linked.mapKnown { linked.steps = [.header(echo: 0)] }
      linked.mapKnown = false
    }
    if snapshot != linked.snapshot {
      linked.snapshot = snapshot
      events.append(.changed(snapshot, after: askedAt))
    }
    guard mapKnown else { return true }
    guard let taken = linked.verdicts.reached(snapshot.verdictTaken),
      outcomes.wrote(snapshot.outcomeWritten)
    else {
      fault = .registersImpossible
      return true
    }
    for verdict in taken {
      events.append(.taken(unit: verdict.unit, verdict: verdict.word))
    }
    if let late = linked.verdicts.notTaken(for: BlockSession.patience, now: now) {
      events.append(.verdictNotTaken(unit: late.unit))
    }
    if let sequence = outcomes.unreadable(for: BlockSession.patience, now: now) {
      events.append(.outcomeUnreadable(sequence: sequence))
    }
    if let open = commandOpen {
      if snapshot.packMLDone == commandSequence {
        commandOpen = nil
        events.append(.commandDone(open.command))
      } else if !saidNotDone, now - open.since >= BlockSession.patience {
        saidNotDone = true
        events.append(.commandNotDone(open.command))
      }
    }
    if outcomeDue { headerAt = nil }
    return true
  }

  /// Begins a link: in step with what stands in the rings, or at their beginning in a new epoch.
  ///
  /// `hostBlock` is our own block as read back at the connection's beginning; nil when the PLC started anew since.
  private mutating func begin(_ header: [UInt16], hostBlock: [UInt16]?, now: Instant) {
    let snapshot = PLCSnapshot(header: header)
    generation += 1
    let mapKnown = snapshot.speaksOurMap
    let sameEpoch = mapKnown && hostBlock?[RegisterMap.Host.epoch] == snapshot.epoch
    let slots = settings.slots
    var writer = VerdictWriter(
      slots: slots, epoch: snapshot.epoch, taken: snapshot.verdictTaken)
    var steps: [HandshakeStep] = []
    var takenBefore: [RingSlot] = []
    if mapKnown {
      if outcomes.epoch == snapshot.epoch {
        outcomes.resume()
      } else {
        // Without a record of our own, the PLC's memory of what we acknowledged has to do.
        let acknowledged = sameEpoch ? echoedOutcome : 0
        outcomes = OutcomeReader(
          slots: slots, epoch: snapshot.epoch,
          recorded: acknowledged <= Counter.max ? acknowledged : 0)
        firstGenerationOfEpoch = generation
      }
    }
    if let hostBlock, sameEpoch {
      let ring = Array(hostBlock[RegisterMap.ringOffset...])
      writer = VerdictWriter(
        slots: slots, epoch: snapshot.epoch, taken: snapshot.verdictTaken, ring: ring, now: now)
      if var before = verdictsBefore, before.epoch == snapshot.epoch {
        takenBefore = before.reached(snapshot.verdictTaken) ?? []
        for reject in before.rejectsMissing(after: writer) {
          _ = writer.add(unit: reject.unit, reject.verdict)
        }
      } else {
        // The records may lack what a daemon was told just before it died.
        takenBefore = VerdictWriter.takenBefore(
          slots: slots, epoch: snapshot.epoch, taken: snapshot.verdictTaken, ring: ring)
      }
      steps = [.header(echo: snapshot.epoch)]
    } else if mapKnown {
      // Permit 0 first; without the echo the PLC takes nothing from the ring while it is being zeroed.
      steps = [.header(echo: 0)]
      for slot in stride(from: 0, to: slots, by: RegisterMap.slotsPerTelegramMax) {
        steps.append(.zero(slot: slot, count: min(slots - slot, RegisterMap.slotsPerTelegramMax)))
      }
      steps.append(.header(echo: snapshot.epoch))
    } else {
      steps = [.header(echo: 0)]
    }
    outcomeDue = false
    // Nothing could ever follow such a number.
    if mapKnown, snapshot.verdictTaken > Counter.max { fault = .registersImpossible }
    proving = nil
    linked = Linked(
      epoch: snapshot.epoch, mapKnown: mapKnown, newEpoch: mapKnown && !sameEpoch, steps: steps,
      snapshot: snapshot, heartbeat: header[RegisterMap.PLC.heartbeat], heartbeatAt: now,
      verdicts: writer, takenBefore: takenBefore)
  }

  // MARK: Inside: what goes out

  /// The handshake's next telegram.
  ///
  /// After the last one the line is told.
  private mutating func nextStep(now: Instant, lineTurns: UInt64) -> RegisterWrite? {
    if linked?.steps.isEmpty == false, let step = linked?.steps.removeFirst() {
      switch step {
      case .header(let echo):
        self.echo = echo
        return header(now: now, lineTurns: lineTurns)
      case .zero(let slot, let count):
        return ring(
          slot: slot, words: [UInt16](repeating: 0, count: RegisterMap.slotCount * count))
      }
    }
    guard linked?.told == false, var linked else { return nil }
    linked.told = true
    verdictsBefore = nil
    toldFault = nil
    events.append(
      .linked(generation: generation, newEpoch: linked.newEpoch, linked.snapshot))
    for verdict in linked.takenBefore {
      events.append(.taken(unit: verdict.unit, verdict: verdict.word))
    }
    linked.takenBefore = []
    self.linked = linked
    // The rings are looked at right away: the PLC may wait for its outcomes being read.
    if linked.mapKnown, !outcomes.wrote(linked.snapshot.outcomeWritten) {
      fault = .registersImpossible
      return nil
    }
    // Rejects that the last connection lost.
    return nextWrite(.verdicts, now: now, lineTurns: lineTurns)
  }

  /// The permit that may go out now: given for this very link, and never in a connection's first telegram.
  private var permitNow: Bool {
    guard isLinked, isMapKnown, fault == nil else { return false }
    return ordered.permit && ordered.generation == generation && headersSent > 0
  }

  /// A header goes out a quarter earlier than it must, which leaves room for a telegram under way.
  private var headerInterval: Instant.Span {
    Instant.Span(nanoseconds: settings.heartbeat.nanoseconds / 4 * 3)
  }

  private func headerIsDue(now: Instant) -> Bool {
    guard let headerAt, let sentHeader else { return true }
    return now - headerAt >= headerInterval || sentHeader != headerNow
  }

  private var headerNow: HostHeader {
    var header = ordered
    header.generation = generation
    header.permit = permitNow
    return header
  }

  private mutating func header(now: Instant, lineTurns: UInt64) -> RegisterWrite {
    if lineTurnsSeen != lineTurns {
      lineTurnsSeen = lineTurns
      heartbeat &+= 1
    }
    let header = headerNow
    if isMapKnown {
      echoedOutcome = outcomes.recorded
      outcomeDue = false
      takeCommand(header, told: isLinked, now: now)
    }
    headersSent += 1
    headerAt = now
    sentHeader = header
    return write(
      [
        RegisterMap.version, heartbeat, header.permit ? 1 : 0, header.stopReason, commandSequence,
        command, header.stackLight.rawValue, header.alarmsUnacknowledged, echoedOutcome, echo,
      ], at: 0)
  }

  /// A PackML command that was ordered for this very link goes out with the header, under a sequence of its own.
  private mutating func takeCommand(_ header: HostHeader, told: Bool, now: Instant) {
    guard told, ordered.generation == generation, header.commandNumber != commandNumber else {
      return
    }
    commandNumber = header.commandNumber
    guard let wanted = header.command else { return }
    commandSequence = commandSequence == UInt16.max ? 1 : commandSequence + 1
    command = wanted.rawValue
    commandOpen = (wanted, now)
    saidNotDone = false
  }

  private mutating func ring(slot: Int, words: [UInt16]) -> RegisterWrite {
    write(words, at: RegisterMap.ringOffset + RegisterMap.slotCount * slot)
  }

  private mutating func write(_ words: [UInt16], at offset: Int) -> RegisterWrite {
    mirror.replaceSubrange(offset..<(offset + words.count), with: words)
    return RegisterWrite(address: settings.hostBase + offset, words: words)
  }
}

extension PLCSnapshot {
  /// The snapshot that a PLC block's header shows.
  init(header: [UInt16]) {
    self.init(
      mapVersion: header[RegisterMap.PLC.version],
      stateCurrent: header[RegisterMap.PLC.stateCurrent],
      permitObeyed: header[RegisterMap.PLC.permitObeyed] == 1,
      lastUnit: header[RegisterMap.PLC.lastUnit],
      verdictTaken: header[RegisterMap.PLC.verdictTaken],
      inputs: Inputs(rawValue: header[RegisterMap.PLC.inputs]),
      packMLDone: header[RegisterMap.PLC.packMLDone],
      outcomeWritten: header[RegisterMap.PLC.outcomeWritten],
      epoch: header[RegisterMap.PLC.epoch])
  }

  /// Whether the rest of the block means what the contract says; epoch 0 is a PLC that has not started yet.
  var speaksOurMap: Bool { mapVersion == RegisterMap.version && epoch != 0 }
}
