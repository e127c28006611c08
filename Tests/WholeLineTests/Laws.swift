import Alarms
import Line
import PLCLink
import Simulation

/// Asks after every step whether the laws of the line hold.
///
/// It looks from outside: at the truth about every unit, at what is on disk, and at what goes into the PLC's registers. It
/// trusts nothing that the daemon says of itself.
final class Laws {
  /// What the records on disk say of one unit of one epoch.
  private struct Known {
    var verdict: UInt16
    var row: Int32
    var raw: [UInt8]
    var withdrawnAt: Nanoseconds?
    var hasOutcome = false
    var isMissing = false
  }

  private struct Key: Hashable {
    var epoch: UInt16
    var unit: UInt16
  }

  /// The first laws broken, each in a sentence.
  private(set) var violations: [String] = []
  /// The last things that happened, for whoever has to understand a violation.
  private(set) var story: [String] = []
  /// Steps after which the laws were asked.
  private(set) var steps = 0
  var now: Nanoseconds = 0

  private let batch: PackedBatch
  private let blocks: BlockSession.Settings
  /// A withdrawal or a stop is with the PLC this long after it was recorded, on a healthy link.
  private let reaction: Nanoseconds = .milliseconds(100)
  private static let storyMax = 200

  private var epochOnDisk: UInt16 = 0
  private var known: [Key: Known] = [:]
  private var outcomeOnDisk: [UInt16: UInt16] = [:]
  private var commissioned: Set<Int32> = []
  private var mayRise = false
  private var permitSent = false
  private var stopRecordedAt: Nanoseconds?
  private var unitAtLink: UInt16 = 0
  private var healthySince: Nanoseconds?
  /// Whether the link says that it stands.
  private(set) var isLinked = false
  private var settledUnits = 0
  private var truthSeen = 0
  private var releases = 0

  init(_ batch: PackedBatch, blocks: BlockSession.Settings) {
    self.batch = batch
    self.blocks = blocks
  }

  func broken(_ sentence: String) {
    violations.append("at \(now / 1_000_000) ms: \(sentence)")
    tell("BROKEN: \(sentence)")
  }

  func tell(_ sentence: String) {
    if story.count == Laws.storyMax { story.removeFirst() }
    story.append("\(now / 1_000) µs  \(sentence)")
  }

  func note(_ notice: Notice) { tell("journal: \(notice.text)") }

  // MARK: What happens

  /// Telegrams go their way in time from here on, or - with `false` - not until it is said again.
  func healthy(_ isHealthy: Bool) { healthySince = isHealthy ? now : nil }

  func daemonEnded() {
    isLinked = false
    tell("the daemon ends")
  }

  func daemonStarted() {
    mayRise = false
    stopRecordedAt = nil
    tell("the daemon starts")
  }

  func linkSays(_ event: PLCEvent) {
    switch event {
    case .linked(_, let isNewEpoch, let snapshot):
      mayRise = false
      isLinked = true
      unitAtLink = snapshot.lastUnit
      tell("link: linked, new epoch \(isNewEpoch), last unit \(snapshot.lastUnit)")
    case .lost(let fault):
      mayRise = false
      isLinked = false
      tell("link: lost, \(fault.phrase)")
    case .changed: break
    case .taken, .outcome, .verdictNotTaken, .outcomeUnreadable, .commandDone, .commandNotDone:
      tell("link: \(event)")
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
    for record in records {
      switch record.kind {
      case .epoch: epochOnDisk = record.code
      case .permitGiven:
        mayRise = true
        withdrawn = false
        releases += 1
        stopRecordedAt = nil
      case .permitWithdrawn, .started:
        withdrawn = true
        mayRise = false
        stopRecordedAt = now
      case .verdict: judged(record)
      case .withdrawn:
        let key = Key(epoch: epochOnDisk, unit: record.unit)
        if known[key] == nil || known[key]?.withdrawnAt != nil {
          broken("law 3: unit \(record.unit) was withdrawn twice, or without a verdict")
        }
        known[key]?.withdrawnAt = now
      case .outcomeMissing:
        let key = Key(epoch: epochOnDisk, unit: record.unit)
        if known[key].map({ $0.hasOutcome || $0.isMissing }) ?? true {
          broken("law 3: unit \(record.unit) ended in doubt after another end")
        }
        known[key]?.isMissing = true
      case .outcome: ended(record)
      default: break
      }
    }
    if withdrawn { mayRise = false }
  }

  private func judged(_ record: Record) {
    let key = Key(epoch: epochOnDisk, unit: record.unit)
    if known[key] != nil { broken("law 3: unit \(record.unit) was judged twice") }
    known[key] = Known(verdict: record.code, row: record.row, raw: record.raw)
    guard record.code == Verdict.accept.rawValue else { return }
    let serial = record.row >= 0 ? batch.serial(Int(record.row)) : ""
    if !String(decoding: record.raw, as: UTF8.self).contains("21\(serial)\u{1D}") {
      broken("law 5: unit \(record.unit) accepted as \(serial), which its read does not say")
    }
  }

  private func ended(_ record: Record) {
    let sequence = UInt16(truncatingIfNeeded: record.number)
    let before = outcomeOnDisk[epochOnDisk] ?? 0
    if sequence != Counter.next(after: before) {
      broken("law 3: outcome \(sequence) was recorded after outcome \(before)")
    }
    outcomeOnDisk[epochOnDisk] = sequence
    let key = Key(epoch: epochOnDisk, unit: record.unit)
    if known[key]?.hasOutcome ?? false { broken("law 3: unit \(record.unit) ended twice") }
    known[key, default: Known(verdict: 15, row: -1, raw: [])].hasOutcome = true
    if record.state == .commissioned, !commissioned.insert(record.row).inserted {
      broken("law 4: row \(record.row) was commissioned twice")
    }
  }

  // MARK: The host block

  /// The link sends a telegram.
  func launches(_ write: RegisterWrite, isFirst: Bool, now: Nanoseconds) {
    let offset = write.address - blocks.hostBase
    guard offset == 0 else {
      accepts(write) { unit in
        guard let known = known[Key(epoch: epochOnDisk, unit: unit)],
          known.verdict == Verdict.accept.rawValue
        else {
          broken("law 2: an accept for unit \(unit) goes out, and no record of it is on disk")
          return
        }
        let ahead = Counter.steps(from: unitAtLink, to: unit) ?? 0
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
    if permit && !permitSent {
      tell("the permit goes out")
      if !mayRise {
        broken("law 2, 7: the permit rises without a release on disk since start and link")
      }
    }
    permitSent = permit
    let acknowledged = write.words[8]
    let recorded = outcomeOnDisk[write.words[9]] ?? 0
    if write.words[9] != 0, write.words[9] == epochOnDisk, acknowledged != 0,
      (Counter.steps(from: acknowledged, to: recorded) ?? Int.max) > 30_000
    {
      broken("law 2: outcome \(acknowledged) is acknowledged, and only \(recorded) is on disk")
    }
  }

  /// The PLC carries a telegram out, just now.
  func executes(_ write: RegisterWrite, plc: SimulatedPLC, now: Nanoseconds) {
    let offset = write.address - blocks.hostBase
    if offset == 0 || offset < 16 { return }
    let echo = plc.registers[blocks.hostBase + 9]
    // Without the echo the PLC takes nothing, and the ring is being zeroed.
    guard echo == plc.epoch else { return }
    let taken = plc.registers[blocks.plcBase + 5]
    for (index, words) in slots(write) {
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

  private func slots(_ write: RegisterWrite) -> [(Int, [UInt16])] {
    let first = (write.address - blocks.hostBase - 16) / 4
    return stride(from: 0, to: write.words.count, by: 4).map {
      (first + $0 / 4, Array(write.words[$0..<($0 + 4)]))
    }
  }

  private func accepts(_ write: RegisterWrite, _ body: (UInt16) -> Void) {
    for (_, words) in slots(write) where words[2] == Verdict.accept.rawValue && words[0] != 0 {
      body(words[1])
    }
  }

  // MARK: After every step

  /// Holds the truth against the laws.
  func check(_ line: SimulatedLine) {
    steps += 1
    let truth = line.truth
    if truth.violationCount > truthSeen {
      for violation in truth.violations.dropFirst(truthSeen) { broken(violation.sentence) }
      truthSeen = truth.violationCount
    }
    while settledUnits < truth.units.count, truth.units[settledUnits].end != nil {
      let unit = truth.units[settledUnits]
      tell("unit \(unit.number ?? 0) (\(unit.pack.fault.rawValue)): \(unit.end?.rawValue ?? "")")
      if unit.end == .passed { passed(unit) }
      settledUnits += 1
    }
    if line.plc.foreignWrites > 0 { broken("a write outside the host block") }
    if let recorded = stopRecordedAt, let healthySince, healthySince < recorded,
      now - recorded > reaction, line.plc.isRunning
    {
      broken("law 1: the line runs \((now - recorded) / 1_000_000) ms after a recorded stop")
      stopRecordedAt = nil
    }
  }

  private func passed(_ unit: Truth.Unit) {
    guard let number = unit.number,
      let known = known[Key(epoch: unit.epoch, unit: number)],
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
      let healthySince, healthySince < withdrawnAt
    {
      broken("law 1: unit \(number) passed after its accept was withdrawn")
    }
  }

  // MARK: The eighth law

  /// A core's life is over: the same inputs give the same records, and the records give the same state.
  func ended(_ daemon: VirtualDaemon, disk: VirtualDisk) {
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
      case .failed(let moment, let wall):
        records += again.outbox.records
        again.outbox.records.removeAll()
        again.storageFailed(VirtualDaemon.failure, now: moment, wall: wall)
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

  private func fresh(_ event: LineEvent, _ disk: VirtualDisk) -> LineEvent {
    guard case .command(let id, .batchOpen(let batch, let description), let actor) = event else {
      return event
    }
    return .command(
      id: id, .batchOpen(disk.freshBatch(number: batch.number), description: description),
      actor: actor)
  }

  /// Law 5: every message is in the records as it came, in its order.
  private func keptBytes(_ daemon: VirtualDaemon) {
    if daemon.life.hasFailed { return }
    let kept = daemon.life.records.filter { $0.kind == .verdict || $0.kind == .strayRead }
      .map(\.raw).filter { !$0.isEmpty }
    let came = daemon.messages.filter { !$0.isEmpty }
    if !came.starts(with: kept) { broken("law 5: a record holds other bytes than came") }
    if daemon.isSettled, came.count - kept.count > 1 {
      broken("law 5: \(came.count - kept.count) messages are in no record")
    }
  }

  /// Both balances (contract, "What becomes of a serial").
  private func counted(_ state: State) {
    let counters = state.counters
    let ends =
      counters.passed + counters.rejectedAtGate + counters.lost + counters.takenByHand
      + counters.inDoubt + state.openUnits
    if counters.units != ends { broken("\(counters.units) units, \(ends) ends and open units") }
    if counters.units != counters.accepted + counters.rejected {
      broken(
        "\(counters.units) units, \(counters.accepted) accepted, \(counters.rejected) rejected")
    }
    for batch in state.batches where !batch.words.isEmpty {
      var counts: [SerialState: Int] = [:]
      for word in batch.words { counts[SerialPool.Word(bits: word).state, default: 0] += 1 }
      if counts != batch.counts {
        broken("serials by state: \(batch.counts) counted, \(counts) in the pool")
      }
      let passed = counters.passed
      if counts[.commissioned, default: 0] != passed {
        broken("\(counts[.commissioned, default: 0]) serials commissioned, \(passed) units passed")
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
    var counts: [SerialState: Int]
    var words: [UInt64]
  }

  var batches: [BatchState]
  var counters: StationCounters
  var openUnits: Int
  var epoch: UInt16
  var outcome: UInt16
  var alarms: [String]

  init(_ core: LineController) {
    let status = core.status
    batches = core.batches.map { batch in
      let pool = batch.pool
      return BatchState(
        id: batch.id, state: batch.state, counts: batch.counts.filter { $0.value != 0 },
        words: (0..<(pool?.count ?? 0)).map { pool?.word(at: Int32($0)).bits ?? 0 })
    }
    counters = status.stations[0].counters
    openUnits = status.stations[0].openUnits
    (epoch, outcome) = core.resumePoint(station: 0)
    alarms = status.alarms.map { "\($0.id) \($0.occurrence) \($0.state.word) \($0.message)" }
  }

  func difference(_ other: State) -> String {
    if batches != other.batches {
      return zip(batches, other.batches).map { "\($0.counts) and \($1.counts)" }.joined()
    }
    if counters != other.counters { return "\(counters) and \(other.counters)" }
    if alarms != other.alarms { return "\(alarms) and \(other.alarms)" }
    return
      "\(openUnits), \(epoch), \(outcome) and \(other.openUnits), \(other.epoch), \(other.outcome)"
  }
}
