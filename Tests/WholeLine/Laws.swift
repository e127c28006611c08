import Alarms
import Containment
import Line
import PLCLink
import Simulation

/// Asks after every step whether the laws of the line hold.
///
/// It looks from outside: at the truth about every unit, at what is on disk, and at what goes into the PLC's registers. It
/// trusts nothing that the daemon says of itself.
final class Laws {
  /// What the records on disk say of one unit of one epoch.
  struct Known {
    var verdict: UInt16
    var row: Int32
    var raw: [UInt8]
    /// The verdict that took the accept back.
    var withdrawnAs: UInt16?
    var withdrawnAt: Nanoseconds?
    /// What the PLC said of its end, or 1 for an accept taken where it says nothing.
    var outcome: UInt16?
    var isMissing = false

    /// The challenge test in which it was sent; 0 none.
    var challenge: UInt32 = 0
    /// The test counts it as rejected and seen.
    var isConfirmed = false

    var hasOutcome: Bool { outcome != nil }
    /// The verdict that holds at the end.
    var last: UInt16 { withdrawnAs ?? verdict }
    /// Whether it counts as passed.
    var isPassed: Bool {
      outcome == Line.Outcome.passed.rawValue && last == Verdict.accept.rawValue && !isMissing
    }
  }

  struct Key: Hashable {
    var epoch: UInt16
    var unit: UInt16
  }

  /// The first laws broken, each in a sentence.
  private(set) var violations: [String] = []
  /// The last things that happened, in a ring, each made to words only when somebody asks: most runs tell nobody.
  private var told: [(at: Nanoseconds, words: () -> String)] = []
  private var toldNext = 0
  /// Steps after which the laws were asked.
  var steps = 0
  var now: Nanoseconds = 0
  /// Wall time, milliseconds since 1970.
  var wall: Int64 = 0

  /// What is known of one station.
  struct Station {
    let blocks: BlockSession.Settings
    /// Whether its PLC reports outcomes.
    let hasOutcomes: Bool
    var epochOnDisk: UInt16 = 0
    var known: [Key: Known] = [:]
    var outcomeOnDisk: [UInt16: UInt16] = [:]
    var permitSent = false
    /// A release is on disk since this link stands.
    var mayRise = false
    var unitAtLink: UInt16 = 0
    var healthySince: Nanoseconds?
    var isLinked = false
    var settledUnits = 0
    var challenge = StationChallenge()
    var truthSeen = 0

    func key(_ unit: UInt16) -> Key { Key(epoch: epochOnDisk, unit: unit) }
  }

  private let batch: PackedBatch
  /// Changed by the other laws only.
  var stations: [Station]
  /// Whether each start of a batch needs a challenge test.
  let isChallengedAtStart: Bool
  /// Challenge tests that were passed.
  var challengesPassed = 0
  /// Alarms that open a case.
  let opensOn: Set<AlarmKind>
  /// Containment cases that are open on disk, and how many were opened and closed.
  var openCases: [UInt32: OpenCase] = [:]
  var casesOpened: UInt32 = 0
  var casesClosed = 0
  /// A withdrawal or a stop is with the PLC this long after it was recorded, on a healthy link.
  private let reaction: Nanoseconds = .milliseconds(100)
  private let storyMax: Int

  private var commissioned: Set<Int32> = []
  /// Whether the permit may rise: a release is on disk since the start, and the loop has heard of no lost link since.
  private var mayRise = false
  private var stopRecordedAt: Nanoseconds?

  /// Of what happens the last `storyMax` things are kept.
  init(_ batch: PackedBatch, _ plan: Plan, storyMax: Int = 200) {
    self.batch = batch
    self.storyMax = max(1, storyMax)
    isChallengedAtStart = plan.settings.challenge.afterBatchStart
    opensOn = plan.settings.containment.opensOn
    stations = zip(plan.machines, plan.settings.stations).map {
      Station(blocks: $0.link.blocks, hasOutcomes: $1.gateOutcomes)
    }
  }

  /// Whether a station's link says that it stands.
  func isLinked(_ station: Int) -> Bool { stations[station].isLinked }

  /// Whether a record says that a unit's accept was withdrawn.
  func wasWithdrawn(station: Int, epoch: UInt16, unit: UInt16) -> Bool {
    stations[station].known[Key(epoch: epoch, unit: unit)]?.withdrawnAs != nil
  }

  func broken(_ sentence: String) {
    violations.append("at \(now / 1_000_000) ms: \(sentence)")
    tell("BROKEN: \(sentence)")
  }

  func tell(_ words: @autoclosure @escaping () -> String) {
    if told.count < storyMax {
      told.append((at: now, words: words))
    } else {
      told[toldNext] = (at: now, words: words)
    }
    toldNext = (toldNext + 1) % storyMax
  }

  /// The last things that happened, for whoever has to understand a violation.
  var story: [String] {
    let inOrder = told.count < storyMax ? told[...] : told[toldNext...] + told[..<toldNext]
    return inOrder.map { "\($0.at / 1_000) µs  \($0.words())" }
  }

  func note(_ notice: Notice) { tell("journal: \(notice.text)") }

  // MARK: What happens

  /// Telegrams go their way in time from here on, or - with `false` - not until it is said again.
  func healthy(_ isHealthy: Bool, station: Int) {
    stations[station].healthySince = isHealthy ? now : nil
  }

  func daemonEnded() {
    for station in stations.indices { stations[station].isLinked = false }
    tell("the daemon ends")
  }

  func daemonStarted() {
    mayRise = false
    stopRecordedAt = nil
    tell("the daemon starts")
  }

  func linkSays(_ event: PLCEvent, station: Int) {
    switch event {
    case .linked(_, let isNewEpoch, let snapshot):
      stations[station].mayRise = false
      stations[station].isLinked = true
      stations[station].unitAtLink = snapshot.lastUnit
      tell("link \(station + 1): linked, new epoch \(isNewEpoch), last unit \(snapshot.lastUnit)")
    case .lost(let fault):
      stations[station].mayRise = false
      stations[station].isLinked = false
      tell("link \(station + 1): lost, \(fault.phrase)")
    case .changed: break
    case .taken, .outcome, .verdictNotTaken, .outcomeUnreadable, .commandDone, .commandNotDone,
      .acceptLate:
      tell("link \(station + 1): \(event)")
    }
  }

  /// The line loop takes an event of a link.
  ///
  /// A link that is lost takes the permit from all stations, and can do so only from here on: the other links go on by
  /// themselves, on threads of their own, with what they were ordered before.
  func loopHears(_ event: PLCEvent) {
    switch event {
    case .linked, .lost: mayRise = false
    default: break
    }
  }

  /// The core decided these; they are not on disk yet.
  func emitted(_ records: [Record]) {
    for record in records {
      tell("record: \(Laws.words(record))")
      if record.kind == .permitWithdrawn { mayRise = false }
      if record.kind == .permitGiven, record.actor.isEmpty {
        broken("law 7: a permit was given without a name")
      }
    }
  }

  /// These are on disk now.
  func durable(_ records: [Record], now: Nanoseconds) {
    var withdrawn = false
    contained(records)
    for record in records {
      let station = Int(record.station)
      challenged(record, station)
      switch record.kind {
      case .epoch: stations[station].epochOnDisk = record.code
      case .permitGiven:
        mayRise = true
        for index in stations.indices { stations[index].mayRise = true }
        withdrawn = false
        stopRecordedAt = nil
      case .permitWithdrawn, .started:
        withdrawn = true
        mayRise = false
        stopRecordedAt = now
      case .verdict: judged(record, station)
      case .withdrawn:
        let key = stations[station].key(record.unit)
        if stations[station].known[key].map({ $0.withdrawnAs != nil || $0.hasOutcome }) ?? true {
          broken(
            "law 3: unit \(record.unit) was withdrawn twice, after its end, or without a verdict")
        }
        stations[station].known[key]?.withdrawnAt = now
        stations[station].known[key]?.withdrawnAs = record.code
      case .outcomeMissing:
        let key = stations[station].key(record.unit)
        if stations[station].known[key].map({ $0.hasOutcome || $0.isMissing }) ?? true {
          broken("law 3: unit \(record.unit) ended in doubt after another end")
        }
        stations[station].known[key]?.isMissing = true
      case .outcome: ended(record, station)
      case .acceptTaken: taken(record, station)
      default: break
      }
    }
    if withdrawn { mayRise = false }
  }

  private func judged(_ record: Record, _ station: Int) {
    let key = stations[station].key(record.unit)
    if stations[station].known[key] != nil { broken("law 3: unit \(record.unit) was judged twice") }
    stations[station].known[key] = Known(
      verdict: record.code, row: record.row, raw: record.raw, challenge: record.number)
    guard record.code == Verdict.accept.rawValue else { return }
    let serial = record.row >= 0 ? batch.serial(Int(record.row)) : ""
    if !String(decoding: record.raw, as: UTF8.self).contains("21\(serial)\u{1D}") {
      broken("law 5: unit \(record.unit) accepted as \(serial), which its read does not say")
    }
  }

  private func ended(_ record: Record, _ station: Int) {
    let sequence = UInt16(truncatingIfNeeded: record.number)
    let epoch = stations[station].epochOnDisk
    let before = stations[station].outcomeOnDisk[epoch] ?? 0
    if sequence != Counter.next(after: before) {
      broken("law 3: outcome \(sequence) was recorded after outcome \(before)")
    }
    stations[station].outcomeOnDisk[epoch] = sequence
    let key = stations[station].key(record.unit)
    if stations[station].known[key]?.hasOutcome ?? false {
      broken("law 3: unit \(record.unit) ended twice")
    }
    stations[station].known[key, default: Known(verdict: 15, row: -1, raw: [])].outcome =
      record.code
    if record.state == .commissioned { commission(record.row) }
  }

  private func taken(_ record: Record, _ station: Int) {
    if stations[station].hasOutcomes {
      broken("law 3: unit \(record.unit) ended by its accept although its PLC reports outcomes")
    }
    let key = stations[station].key(record.unit)
    if stations[station].known[key].map({ $0.hasOutcome || $0.withdrawnAt != nil }) ?? true {
      broken("law 3: unit \(record.unit) ended by its accept after another end")
    }
    stations[station].known[key]?.outcome = Line.Outcome.passed.rawValue
    stations[station].known[key]?.isMissing = false
    if record.state == .commissioned { commission(record.row) }
  }

  private func commission(_ row: Int32) {
    if !commissioned.insert(row).inserted {
      broken("law 4: row \(row) was commissioned twice")
    }
  }

  /// Numbers up to here are taken, as after a long run.
  func age(station: Int, epoch: UInt16, to number: UInt16) {
    stations[station].epochOnDisk = epoch
    stations[station].outcomeOnDisk[epoch] = number
  }

  // MARK: The host block

  /// The link of a station sends a telegram.
  func launches(_ write: RegisterWrite, station index: Int, isFirst: Bool) {
    let station = stations[index]
    let offset = write.address - station.blocks.hostBase
    guard offset == 0 else {
      accepts(write, station.blocks) { unit in
        guard let known = station.known[station.key(unit)],
          known.verdict == Verdict.accept.rawValue
        else {
          broken("law 2: an accept for unit \(unit) goes out, and no record of it is on disk")
          return
        }
        let ahead = Counter.steps(from: station.unitAtLink, to: unit) ?? 0
        if ahead == 0 || ahead > 30_000 {
          broken("an accept goes out for unit \(unit), which triggered before the link stood")
        }
      }
      return
    }
    guard write.words.count == 10 else {
      broken("the header went out in parts")
      return
    }
    let permit = write.words[2] == 1
    if permit && isFirst { broken("the first telegram of a connection gives the permit") }
    if permit && !station.permitSent {
      tell("the permit goes out to station \(index + 1)")
      if !mayRise || !station.mayRise {
        broken("law 2, 7: the permit rises without a release on disk since start and link")
      }
    }
    stations[index].permitSent = permit
    let acknowledged = write.words[8]
    let recorded = station.outcomeOnDisk[write.words[9]] ?? 0
    if write.words[9] != 0, write.words[9] == station.epochOnDisk, acknowledged != 0,
      (Counter.steps(from: acknowledged, to: recorded) ?? Int.max) > 30_000
    {
      broken("law 2: outcome \(acknowledged) is acknowledged, and only \(recorded) is on disk")
    }
  }

  /// The PLC carries a telegram out, just now.
  ///
  /// `inout` only to look at it in place: copying a whole PLC or line in each step took half of the time.
  func executes(_ write: RegisterWrite, station index: Int, plc: inout SimulatedPLC) {
    let blocks = stations[index].blocks
    let offset = write.address - blocks.hostBase
    if offset == 0 || offset < 16 { return }
    let echo = plc.registers[blocks.hostBase + 9]
    // Without the echo the PLC takes nothing, and the ring is being zeroed.
    guard echo == plc.epoch else { return }
    let taken = plc.registers[blocks.plcBase + 5]
    for (index, words) in slots(write, blocks) {
      let place = blocks.hostBase + 16 + 4 * index
      let old = Array(plc.registers[place..<(place + 4)])
      let ahead = Counter.steps(from: taken, to: words[0]) ?? 0
      if ahead < 1 || ahead > blocks.slots - 1 || Int(words[0]) % blocks.slots != index {
        broken("ring: sequence \(words[0]) is written while \(taken) is taken")
      }
      let oldAhead = Counter.steps(from: taken, to: old[0]) ?? 0
      if old != words, old[3] == check(old, epoch: plc.epoch), oldAhead >= 1,
        oldAhead <= blocks.slots - 1
      {
        broken("ring: verdict \(old[0]) is overwritten before it was taken")
      }
      tell("register: verdict \(words[0]), unit \(words[1]), \(words[2])")
    }
  }

  private func check(_ slot: [UInt16], epoch: UInt16) -> UInt16 {
    3 &* slot[0] &+ 5 &* slot[1] &+ 7 &* slot[2] &+ epoch &+ 0xA5A5
  }

  private func slots(
    _ write: RegisterWrite, _ blocks: BlockSession.Settings
  ) -> [(Int, [UInt16])] {
    let first = (write.address - blocks.hostBase - 16) / 4
    return stride(from: 0, to: write.words.count, by: 4).map {
      (first + $0 / 4, Array(write.words[$0..<($0 + 4)]))
    }
  }

  private func accepts(
    _ write: RegisterWrite, _ blocks: BlockSession.Settings, _ body: (UInt16) -> Void
  ) {
    for (_, words) in slots(write, blocks)
    where words[2] == Verdict.accept.rawValue && words[0] != 0 {
      body(words[1])
    }
  }

  // MARK: After every step

  /// Holds the truth of a station against the laws; `inout` for the same reason.
  func check(_ line: inout SimulatedLine, station index: Int) {
    if line.truth.violationCount > stations[index].truthSeen {
      for violation in line.truth.violations.dropFirst(stations[index].truthSeen) {
        broken(violation.sentence)
      }
      stations[index].truthSeen = line.truth.violationCount
    }
    while stations[index].settledUnits < line.truth.units.count {
      let unit = line.truth.units[stations[index].settledUnits]
      guard let end = unit.end else { break }
      tell("unit \(unit.number ?? 0) (\(unit.pack.fault.rawValue)): \(end.rawValue)")
      if end == .passed { passed(unit, index) }
      stations[index].settledUnits += 1
    }
    if line.plc.foreignWrites > 0 { broken("a write outside the host block") }
    if let recorded = stopRecordedAt, let healthySince = stations[index].healthySince,
      healthySince < recorded, now - recorded > reaction, line.plc.isRunning
    {
      broken("law 1: the line runs \((now - recorded) / 1_000_000) ms after a recorded stop")
      stopRecordedAt = nil
    }
  }

  private func passed(_ unit: Truth.Unit, _ index: Int) {
    let station = stations[index]
    guard let number = unit.number,
      let known = station.known[Key(epoch: unit.epoch, unit: number)],
      known.verdict == Verdict.accept.rawValue
    else {
      broken("law 1, 2: a unit passed without a record of an accept that names it")
      return
    }
    if known.row < 0 || batch.serial(Int(known.row)) != unit.pack.serial {
      broken("off by one: unit \(number) passed with the serial of another")
    }
    if known.raw != unit.pack.message {
      broken("law 5: unit \(number) passed, and its record does not hold its read")
    }
    if let withdrawnAt = known.withdrawnAt, now - withdrawnAt > reaction,
      let healthySince = station.healthySince, healthySince < withdrawnAt
    {
      broken("law 1: unit \(number) passed after its accept was withdrawn")
    }
  }

  // MARK: The eighth law

  /// A core's life is over: the same inputs give the same records, and the records give the same state.
  func ended(_ daemon: VirtualDaemon, disk: SimulatedDisk) {
    if daemon.mutant == .forgetsVerdicts { return }
    let life = daemon.life
    var again = disk.recover(daemon.settings, count: life.recordsBefore)
    life.begin(&again)
    var records: [Record] = []
    for input in life.inputs {
      switch input {
      case .event(let event, let moment, let wall):
        again.step(fresh(event, disk), now: moment, wall: wall)
        again.outbox.actions.removeAll()
        continue
      case .committed(let moment):
        records += again.outbox.records
        again.outbox.records.removeAll()
        again.committed(now: moment)
      case .failed(let sentence, let moment, let wall):
        records += again.outbox.records
        again.outbox.records.removeAll()
        again.storageFailed(sentence, now: moment, wall: wall)
      }
      again.outbox.actions.removeAll()
    }
    records += again.outbox.records
    let recorded = life.records + daemon.core.outbox.records
    if records != recorded {
      let index = zip(records, recorded).enumerated().first { $0.element.0 != $0.element.1 }
      broken(
        "law 8: the same inputs gave other records, first at \(index?.offset ?? records.count)")
    }
    keptBytes(daemon)
    guard daemon.isSettled else { return }
    let stored = State(disk.recover(daemon.settings))
    let live = State(daemon.core)
    if stored != live {
      broken("law 8: the records give another state: \(live.difference(stored))")
    }
    counted(live)
  }

  private func fresh(_ event: LineEvent, _ disk: SimulatedDisk) -> LineEvent {
    guard case .command(let id, .batchOpen(let batch, let description), let actor) = event else {
      return event
    }
    return .command(
      id: id, .batchOpen(disk.freshBatch(like: batch), description: description), actor: actor)
  }

  /// Law 5: every message is in the records as it came, in its order.
  private func keptBytes(_ daemon: VirtualDaemon) {
    if daemon.life.hasFailed { return }
    var kept = stations.map { _ in [[UInt8]]() }
    for record in daemon.life.records + daemon.core.outbox.records
    where !record.raw.isEmpty && (record.kind == .verdict || record.kind == .strayRead) {
      kept[Int(record.station)].append(record.raw)
    }
    for station in stations.indices {
      let came = daemon.messages[station].filter { !$0.isEmpty }
      if !came.starts(with: kept[station]) { broken("law 5: a record holds other bytes than came") }
      if daemon.isSettled, came.count - kept[station].count > 1 {
        broken("law 5: \(came.count - kept[station].count) messages are in no record")
      }
    }
  }

  /// Both balances (contract, "What becomes of a serial").
  private func counted(_ state: State) {
    var passed = 0
    for station in state.stations {
      let counters = station.counters
      passed += counters.passed
      let ends =
        counters.passed + counters.rejectedAtGate + counters.lost + counters.takenByHand
        + counters.inDoubt + station.openUnits
      if counters.units != ends { broken("\(counters.units) units, \(ends) ends and open units") }
      if counters.units != counters.accepted + counters.rejected {
        broken(
          "\(counters.units) units, \(counters.accepted) accepted, \(counters.rejected) rejected")
      }
    }
    for batch in state.batches where !batch.words.isEmpty {
      var counts = SerialCounts()
      for word in batch.words { counts[SerialPool.Word(bits: word).state] += 1 }
      if counts != batch.counts {
        broken("serials by state: \(batch.counts) counted, \(counts) in the pool")
      }
      if counts[.commissioned] != passed {
        broken("\(counts[.commissioned]) serials commissioned, \(passed) units passed")
      }
    }
  }

  private static func words(_ record: Record) -> String {
    var words = record.kind.word
    if record.unit != 0 { words += " unit \(record.unit)" }
    if record.code != 0 { words += " code \(record.code)" }
    if record.row >= 0 { words += " row \(record.row)" }
    if let state = record.state { words += " \(state.word)" }
    if record.number != 0 { words += " number \(record.number)" }
    return words + (record.detail.isEmpty ? "" : " (\(record.detail))")
  }
}

/// What of a core its records have to give again.
struct State: Equatable {
  struct BatchState: Equatable {
    var id: String
    var state: Line.BatchState
    var counts: SerialCounts
    var words: [UInt64]
  }

  struct StationState: Equatable {
    var counters: StationCounters
    var openUnits: Int
    var epoch: UInt16
    var outcome: UInt16
  }

  var batches: [BatchState]
  var stations: [StationState]
  var alarms: [String]
  var cases: [String]

  init(_ core: LineController) {
    let status = core.status
    batches = core.batches.map { batch in
      let pool = batch.pool
      return BatchState(
        id: batch.id, state: batch.state, counts: batch.counts,
        words: (0..<(pool?.count ?? 0)).map { pool?.word(at: Int32($0)).bits ?? 0 })
    }
    stations = status.stations.enumerated().map { index, station in
      let (epoch, outcome) = core.resumePoint(station: index)
      return StationState(
        counters: station.counters, openUnits: station.openUnits, epoch: epoch, outcome: outcome)
    }
    cases = core.cases.cases.map { found in
      // Without times: a record bears that of its turn.
      let done = found.done.map { $0.map { "\($0.by): \($0.evidence)" } ?? "open" }
      return "\(found.id) \(found.isOpen) \(done) \(found.answers.keys.sorted()) \(found.scope) "
        + "\(found.revision) \(found.escalation) \(found.overdue.sorted()) \(found.notes)"
    }
    alarms = status.alarms.map { "\($0.id) \($0.occurrence) \($0.state.word) \($0.message)" }
  }

  func difference(_ other: State) -> String {
    if batches != other.batches {
      return zip(batches, other.batches).map { "\($0.counts) and \($1.counts)" }.joined()
    }
    if cases != other.cases { return "\(cases) and \(other.cases)" }
    if alarms != other.alarms { return "\(alarms) and \(other.alarms)" }
    return "\(stations) and \(other.stations)"
  }
}
