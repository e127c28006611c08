public import Alarms
public import Containment

/// The core of one packaging line: events and `now` in, records and actions out.
///
/// It owns units, batches, serial states, the run permit and the alarms. It reads no clock, file, port or random
/// source (law 8). One thread owns it, the line loop, and treats it so in every turn:
/// 1. `step` for each event, with the moment at which the event happened;
/// 2. send `outbox.actions`, which are all safe: rejects, stops, withdrawals;
/// 3. put `outbox.records` on disk;
/// 4. `committed`, and send what that adds: accepts, the permit, acknowledged outcomes, replies (law 2) - or
///    `storageFailed`, after which nothing permissive leaves any more.
public struct LineController: Sendable {
  /// What the turn left to do; emptied by its reader.
  public var outbox = Outbox()

  /// What the line was told of itself.
  public internal(set) var settings: LineSettings
  /// All batches ever opened, in the order of their opening.
  public internal(set) var batches: [Batch] = []
  /// Archives of earlier records, oldest first.
  public internal(set) var archives: [Archive] = []
  /// All alarms.
  public internal(set) var alarms = AlarmList()
  /// All containment cases.
  public internal(set) var cases = CaseBook()
  /// Which batch ran when, the last `BatchRun.keptMax` times.
  var runs: [BatchRun] = []
  /// What opens a case at the end of this step.
  var casesToOpen: [CaseCause] = []
  /// Whether the line was permitted when this step began: what opens a case has withdrawn the permit before it is opened.
  var permittedBefore = false
  /// Which boot of the machine `now` counts from.
  var boot = ""
  var stations: [StationState]
  var scannersOnline: [Bool]
  /// What each scanner sends that belongs to no unit.
  var strays: [StrayReads]
  /// What is known of the print feed beside the orders of the batches.
  var feed = PrintFeedState()

  /// The permit as decided; it goes out as 1 only when its record is on disk.
  var permit = false
  var permitOnDisk = false
  /// Reasons that stay until `line release`, whatever became of their cause.
  var latched: StopReasons = [StopReasons(.startUp)]
  /// Reasons as last seen, so that a change is noticed once.
  var reported: StopReasons = []
  var storageFault: String?
  /// The number of the last challenge test.
  var challenges: UInt32 = 0

  /// Until when the PLCs have to follow a stop; nil: confirmed, or nothing to confirm.
  var stopDeadline: Instant?
  /// Until when every PLC has to have confirmed a stop before the second way is taken.
  var secondStopDeadline: Instant?
  /// Until when the PLCs have to follow a release.
  var releaseDeadline: Instant?
  /// Since when a PLC that obeyed a release no longer does, without a word from us.
  var echoLostDeadline: Instant?

  /// Wrong passwords, and logins that are locked for them.
  var signers = SignerTries()
  /// The signature that came with the command at work; it goes on record with what the command does.
  var signatureAtHand: (signature: Signature, actor: String)?
  /// What of the alarms is of this life of the daemon alone.
  var delays = AlarmDelays()
  /// Whether an alarm was raised since the list was looked through for marks, and when that is due anyway.
  var alarmsChanged = false
  var alarmLook = Instant(nanoseconds: 0)
  /// How often a serial was read that another unit has, since the last release.
  var duplicates = 0

  /// Losses of events, by what lost them.
  var losses: [String: Repeats] = [:]

  /// What waits for the end of the transaction.
  var waitingAccepts: [(station: Int, unit: UInt16, generation: LinkGeneration, due: Instant?)] = []
  var waitingReplies: [(id: UInt64, result: CommandResult)] = []
  /// Stations whose outcomes of this turn wait to be acknowledged.
  var waitingOutcomes: Set<Int> = []

  /// During replay: which of our stations each recorded index means.
  var stationOfRecord: [Int?]
  var wall: Int64 = 0
  /// The moment of what is being taken.
  var now = Instant(nanoseconds: 0)

  /// So many units without an end are held for a station; beyond it the oldest ends in doubt.
  static let openUnitsMax = 1024

  /// Makes the core of a line that has never run; replay what is on disk, then call `begin`.
  public init(settings: LineSettings) {
    self.settings = settings
    stations = settings.stations.map { StationState($0) }
    scannersOnline = settings.scanners.map { _ in false }
    strays = settings.scanners.map { _ in StrayReads() }
    stationOfRecord = settings.stations.indices.map { $0 }
  }

  /// The daemon starts: the permit is 0, what was open stays open until its outcome comes.
  ///
  /// `detail` names the daemon's version; `recorded` is how the settings stand in the records, so that a replay years
  /// later judges by them (law 8).
  public mutating func begin(
    detail: String, recorded: [UInt8] = [], wall: Int64, now: Instant = Instant(nanoseconds: 0),
    boot: String = ""
  ) {
    self.wall = wall
    self.boot = boot
    permit = false
    permitOnDisk = false
    latched = [StopReasons(.startUp)]
    stationOfRecord = stations.indices.map { $0 }
    for index in stations.indices {
      stations[index].forgetFreshness()
    }
    let names = stations.map(\.settings.name).joined(separator: "\n")
    emit(Record(.started, raw: Array(names.utf8), detail: detail))
    if !recorded.isEmpty { emit(Record(.settings, raw: recorded)) }
    for index in stations.indices where stations[index].challenge != nil {
      endChallenge(
        index, .cancelled, "the daemon started anew", actor: "", now: Instant(nanoseconds: 0))
    }
    resumeCases(now: now)
  }

  // MARK: One event

  /// Takes one event that happened at `now`; `wall` is wall time in milliseconds since 1970, for records and alarms only.
  ///
  /// Events come in the order of their time, as far as the devices can tell.
  public mutating func step(_ event: LineEvent, now: Instant, wall: Int64) {
    self.wall = wall
    self.now = now
    advanceAlarms(now: now)
    permittedBefore = permit
    advance(now: now)
    switch event {
    case .message(let scanner, let bytes): message(scanner: scanner, bytes: bytes, now: now)
    case .scannerOnline(let scanner): scannerCame(scanner)
    case .scannerOffline(let scanner, let reason): scannerWent(scanner, reason: reason, now: now)
    case .scannerTrouble(let scanner, let kind, let message):
      scannerTrouble(scanner, kind, message: message)
    case .plc(let station, let event): plc(station: station, event, now: now)
    case .printFeed(let event): printFeed(event, now: now)
    case .eventsLost(let what, let count): eventsLost(what: what, count: count, now: now)
    case .surroundings(let kind, let stands, let message):
      surroundings(kind, stands: stands, message: message)
    case .secondStopEnded(let failure): secondStopEnded(failure: failure)
    case .containment(let event): containment(event)
    case .command(let id, let command, let actor):
      self.command(id: id, command, actor: actor, now: now)
    case .tick: break
    }
    advanceCases(now: now)
    checkConditions(now: now)
    checkPrintFeed(now: now)
    markAlarms(now: now)
    emitHeaders()
  }

  /// When the core has something to do even if nothing comes.
  public var deadline: Instant? {
    var earliest: Instant?
    func consider(_ moment: Instant?) {
      guard let moment else { return }
      if earliest.map({ moment < $0 }) ?? true { earliest = moment }
    }
    // Without a link there is nobody to confirm a stop: its deadline waits for the link, and the loop must not.
    if stations.indices.contains(where: { stations[$0].link.generation != nil }) {
      consider(stopDeadline)
    }
    consider(secondStopDeadline)
    consider(releaseDeadline)
    consider(echoLostDeadline)
    consider(caseDeadline)
    consider(alarmDeadline)
    for index in strays.indices { consider(strays[index].reportAt) }
    for loss in losses.values { consider(loss.due) }
    consider(signers.deadline)
    for index in stations.indices {
      consider(stations[index].restarts.due)
      consider(stations[index].challenge?.deadline)
      consider(stations[index].tracking.deadline)
      consider(stations[index].outcomeDeadline(limit: settings.limits.outcome))
    }
    return earliest
  }

  /// All records of this turn are on disk: what waited for that goes out now.
  public mutating func committed(now: Instant) {
    guard storageFault == nil else { return }
    self.now = now
    for waiting in waitingAccepts {
      guard stations[waiting.station].link.generation == waiting.generation,
        let open = stations[waiting.station].open(waiting.unit), open.verdict == .accept,
        !open.isMissing
      else { continue }
      if let due = waiting.due, now >= due {
        acceptIsLate(open, station: waiting.station)
        continue
      }
      outbox.actions.append(
        .order(
          station: waiting.station,
          .verdict(
            generation: waiting.generation, unit: waiting.unit, .accept, due: waiting.due)))
      // Its end comes next.
      if let index = batchIndex(open.batch) { batches[index].pool?.announce(row: open.row) }
    }
    waitingAccepts.removeAll(keepingCapacity: true)
    for index in waitingOutcomes.sorted() {
      guard let generation = stations[index].link.generation else { continue }
      outbox.actions.append(
        .order(
          station: index,
          .recorded(generation: generation, outcome: stations[index].outcomeSequence)))
    }
    waitingOutcomes.removeAll(keepingCapacity: true)
    if permit && !permitOnDisk {
      permitOnDisk = true
      releaseDeadline = now + settings.limits.stopConfirm
      commandRelease(now: now)
      emitHeaders()
    }
    for waiting in waitingReplies {
      outbox.actions.append(.reply(id: waiting.id, waiting.result))
    }
    waitingReplies.removeAll(keepingCapacity: true)
  }

  /// The records of this turn could not be put on disk: the line stops and every unit gets 16.
  ///
  /// Nothing of this turn that needed its record goes out. Only a core replayed from the reopened storage ends this.
  public mutating func storageFailed(_ sentence: String, now: Instant, wall: Int64) {
    self.wall = wall
    self.now = now
    outbox.records.removeAll(keepingCapacity: true)
    waitingAccepts.removeAll()
    waitingOutcomes.removeAll()
    for waiting in waitingReplies {
      outbox.actions.append(.reply(id: waiting.id, .storageFault(sentence)))
    }
    waitingReplies.removeAll()
    guard storageFault == nil else { return }
    storageFault = sentence
    raise(.storageFault, place: "", message: sentence, again: false)
    notice(.storageFault, .critical, sentence)
    withdrawPermit(.storageFault, detail: sentence, now: now)
    emitHeaders()
    outbox.records.removeAll(keepingCapacity: true)
  }

  // MARK: Records change the state, in life and in replay alike

  /// Writes a record and changes the state by it.
  mutating func emit(_ record: consuming Record) {
    apply(record)
    if storageFault == nil { outbox.records.append(record) }
  }

  /// Takes a record that is on disk, in the order of the chain, before `begin`.
  ///
  /// Batches come through `adopt` instead, because their serials are files of their own.
  public mutating func replay(_ record: Record, wall: Int64) {
    self.wall = wall
    if record.kind == .started {
      let names = String(decoding: record.raw, as: UTF8.self).split(
        separator: "\n", omittingEmptySubsequences: false)
      stationOfRecord = names.map { name in
        stations.firstIndex { $0.settings.name == name }
      }
    }
    var mapped = record
    if record.station >= 0 {
      let index = Int(record.station)
      guard index < stationOfRecord.count, let station = stationOfRecord[index] else {
        // A station that the configuration no longer has: its serials still keep their states.
        setSerial(record, station: 0)
        if let index = batchIndex(record.batch) { batches[index].followPrintOrder(record) }
        return
      }
      mapped.station = Int16(station)
    }
    apply(mapped)
  }

  /// Which of the core's stations a record's number means, by the last start that was replayed; 0 where it is none any more.
  public func station(ofRecorded number: Int16) -> Int {
    guard number >= 0, Int(number) < stationOfRecord.count else { return 0 }
    return stationOfRecord[Int(number)] ?? 0
  }

  /// Adds a batch that is on disk; its serials' states follow by the records.
  public mutating func adopt(_ batch: Batch) {
    batches.append(batch)
  }

  /// The only place where a record changes the state.
  private mutating func apply(_ record: Record) {
    let station = Int(record.station)
    // A batch that is opened is adopted after its record in life and before it in a replay: its changes count from there.
    if record.batch != 0, record.kind != .exported, record.kind != .batchOpened,
      let index = batchIndex(record.batch)
    {
      batches[index].changes += 1
      batches[index].followPrintOrder(record)
    }
    switch record.kind {
    case .verdict:
      setSerial(record, station: station)
      stations[station].judged(record)
      if record.code == Verdict.duplicate.rawValue && record.number == 0 { duplicates += 1 }
    case .withdrawn:
      setSerial(record, station: station)
      stations[station].withdrawn(record)
    case .outcome:
      setSerial(record, station: station)
      stations[station].ended(record)
    case .outcomeMissing:
      setSerial(record, station: station)
      stations[station].outcomeMissing(record)
    case .acceptTaken:
      setSerial(record, station: station)
      stations[station].taken(record)
    case .serialChanged:
      setSerial(record, station: station)
    case .epoch:
      stations[station].newEpoch(record.code)
    case .trackingDoubt:
      stations[station].doubtOnRecord = true
    case .trackingInStep:
      stations[station].doubtOnRecord = false
    case .batchStarted:
      setBatch(record.batch, .running)
      batchRuns(record.batch)
      for index in stations.indices { stations[index].challengedSinceStart = false }
    case .batchPaused:
      setBatch(record.batch, .paused)
      runEnds()
    case .batchClosed:
      setBatch(record.batch, .closed)
      runEnds(of: record.batch)
      if let index = batchIndex(record.batch) {
        batches[index].pool = nil
        batches[index].order?.end()
        // Without a pool nobody counts the others, in life as little as in a replay.
        batches[index].counts = [.commissioned: Int(record.number)]
      }
    case .challengeStarted, .challengeConfirmed, .challengeEnded:
      challenges = max(challenges, record.number)
      stations[station].challenged(record, wall: wall)
      if record.kind == .challengeEnded, record.code == ChallengeResult.passed.rawValue {
        stations[station].provenInRun = runs.last?.number ?? 0
      }
    case .permitGiven:
      for index in stations.indices { stations[index].resetRows() }
      for index in batches.indices { batches[index].order?.forgetSkips() }
      duplicates = 0
      alarms.lineReleased()
    case .started, .permitWithdrawn: alarms.lineStopped()
    case .alarmRaised, .alarmReturned, .alarmAcknowledged, .alarmReset, .alarmShelved,
      .alarmUnshelved, .alarmOutOfService, .alarmInService, .alarmFlood, .alarmRemarked:
      applyAlarm(record)
    case .caseOpened, .caseStepDone, .caseAnswered, .caseNotified, .caseScoped, .caseClock,
      .caseEvidence, .caseScanned, .caseClosed, .caseNoted:
      changeCase(record)
    case .signed, .signatureRefused, .signerLocked: applySignature(record)
    case .archived:
      archives.append(Archive(folder: record.detail, lastBatch: record.number))
    case .stopped, .strayRead, .batchOpened, .stopReason,
      .stopConfirmed, .linkUp, .linkDown, .scannerOnline, .scannerOffline, .printed,
      .printFeedOnline, .printFeedOffline, .commandRefused, .reloaded, .exported, .settings,
      .strayReadsSkipped, .keyChanged, .secondStop, .secondStopEnded, .scannerTaught,
      .scannerTriggered:
      break
    }
  }

  /// Gives the serial of a record the state that the record names.
  private mutating func setSerial(_ record: Record, station: Int) {
    guard let state = record.state, record.row >= 0, let index = batchIndex(record.batch),
      let pool = batches[index].pool, Int(record.row) < pool.count
    else { return }
    let change = pool.change(at: record.row) { word in
      let after = word.after(record, state: state, station: station)
      return after == word ? nil : after
    }
    batches[index].count(from: change.old, to: change.new ?? change.old, by: record)
  }

  /// The archive in which a batch's records lie, nil while they are with the line.
  public func archive(of batch: UInt32) -> Archive? {
    archives.first { batch <= $0.lastBatch }
  }

  private mutating func setBatch(_ number: UInt32, _ state: BatchState) {
    guard let index = batchIndex(number) else { return }
    batches[index].state = state
  }

  @inline(__always)
  func batchIndex(_ number: UInt32) -> Int? {
    // Numbers rise with the order of opening, and the batch at work is most often the last.
    batches.indices.last { batches[$0].number == number }
  }

  var runningBatch: Int? {
    // Inlined, like the other questions that every unit asks: called as a function, each would get a copy of the core.
    @inline(__always) get { batches.indices.last { batches[$0].state == .running } }
  }

  // MARK: What others see

  /// What `status` shows.
  public var status: LineStatus {
    let current =
      runningBatch ?? batches.lastIndex { $0.state == .paused }
      ?? batches.lastIndex { $0.state == .open }
    return LineStatus(
      line: settings.line, permit: permit && permitOnDisk, reasons: reasons.list,
      batch: current.map { batches[$0] },
      commissioned: current.map { batches[$0].counts[.commissioned] } ?? 0,
      stations: stations.indices.map { index in
        let station = stations[index]
        return LineStatus.Station(
          name: station.settings.name, counters: station.counters,
          scannerOnline: station.settings.scanners.allSatisfy { scannersOnline[$0] },
          plcOnline: station.link.generation != nil, openUnits: station.unended,
          inStep: !station.tracking.isInDoubt, plc: station.link.snapshot,
          challenge: challengeStatus(index))
      }, printFeed: settings.printFeed.map { _ in feed.status }, alarms: alarms.listed,
      unacknowledged: alarms.unacknowledgedCount, cases: cases.open,
      activeAlarms: alarms.activeCount, floodSince: alarms.floodSince)
  }

  /// From where a station's link goes on after a restart: the epoch and outcome sequence that are on disk.
  public func resumePoint(station: Int) -> (epoch: UInt16, outcome: UInt16) {
    (stations[station].epoch, stations[station].outcomeSequence)
  }

  /// Puts something into the journal.
  mutating func notice(
    _ topic: Notice.Topic, _ severity: Notice.Severity, _ text: String, station: Int = -1,
    unit: UInt16 = 0, serial: String = "", alarm: AlarmKind? = nil
  ) {
    outbox.actions.append(
      .notice(
        Notice(
          topic: topic, severity: severity, text: text,
          station: station >= 0 ? stations[station].settings.name : "", unit: unit, serial: serial,
          alarm: alarm))
    )
  }
}

// MARK: After a storage fault

extension LineController {
  /// Takes over from the core that saw the storage fail: scanners are where they were, settings are those that were
  /// loaded last, links connect anew, and the fault stays as stop reason until a release.
  public mutating func resume(after failed: LineController, now: Instant, wall: Int64) {
    self.wall = wall
    self.now = now
    adopt(failed.settings)
    scannersOnline = failed.scannersOnline
    latched.insert(StopReasons(.storageFault))
    raise(
      .storageFault, place: "", message: failed.storageFault ?? "the storage failed", again: true)
    endAlarm(.storageFault, place: "")
    takeAlarms(of: failed)
    takePrinted(of: failed)
    // The failed core withdrew them too, but that is on no disk.
    withdrawAccepts(.storageFault, now: now)
    for index in stations.indices {
      outbox.actions.append(.order(station: index, .reconnect))
    }
    emitHeaders()
  }
}
