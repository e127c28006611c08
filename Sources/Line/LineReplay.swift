internal import Alarms

/// Runs recorded inputs through a core again and holds what follows against what was recorded (law 8).
///
/// The core is the one that runs the line; records are its inputs where they hold one (a read with its unit, an outcome,
/// what a person did), and its state changes by them exactly as in a recovery. What follows from an input in the same
/// turn (the verdict, the serial's state, limits, alarms, stops, withdrawals) has to be the records that come next.
///
/// What no record holds cannot be judged again and is taken as it stands: which trigger a read was matched to, timers,
/// links, and what a release looked at. `docs/records.md` has the list.
public struct LineReplay: Sendable {
  /// Verdicts that were given again, and were the same.
  public private(set) var verdicts = 0
  /// Outcomes whose consequences were the same.
  public private(set) var outcomes = 0
  /// Further records that followed from others and were the same.
  public private(set) var consequences = 0
  /// Verdicts from before settings were recorded: nobody knows any more by what they were judged.
  public private(set) var unknownSettings = 0

  private var line = LineController(
    settings: LineSettings(line: "", scanners: [], stations: [], limits: .init()))
  private var knowsSettings = false
  /// What the last input led to and the next records have to be.
  private var expected: ArraySlice<Record> = []
  /// Stations whose tracking is in doubt, by place.
  private var inDoubt: Set<Int> = []
  /// Stations that the settings do not have at present; they may come back.
  private var retired: [String: StationState] = [:]

  /// Begins before the first record.
  public init() {}

  /// Begins after records that were put into an archive; `settings` and `standing` were at its end.
  public init(archived state: LineState, settings: LineSettings?, standing: Standing) {
    line = LineController(settings: settings ?? state.settings, archived: state)
    knowsSettings = settings != nil
    line.latched = standing.reasons
    inDoubt = Set(line.stations.indices.filter { line.stations[$0].doubtOnRecord })
    for station in standing.doubtWhilePermitted where line.stations.indices.contains(station) {
      line.stations[station].doubtWhilePermitted = true
    }
  }

  /// What a replay has to know of a line that stands, beside what a restart goes on with.
  public struct Standing: Sendable, Hashable, Codable {
    /// Reasons that stay until a release.
    public private(set) var reasons: StopReasons = [StopReasons(.startUp)]
    /// Stations that came into doubt while the line was permitted.
    public private(set) var doubtWhilePermitted: Set<Int> = []
    private var permit = false

    /// Before the first record.
    public init() {}

    /// Takes the next record.
    public mutating func take(_ record: Record) {
      switch record.kind {
      case .started:
        self = Standing()
      case .permitGiven:
        permit = true
        reasons = []
      case .permitWithdrawn, .stopReason:
        permit = false
        if let reason = StopReason(rawValue: record.code) { reasons.insert(StopReasons(reason)) }
      case .trackingDoubt:
        if permit {
          doubtWhilePermitted.insert(Int(record.station))
        } else {
          doubtWhilePermitted.remove(Int(record.station))
        }
      default: break
      }
    }
  }

  /// Takes settings that stand in the records from here on.
  public mutating func take(settings: LineSettings) {
    adopt(settings)
    knowsSettings = true
  }

  /// Takes a batch that is opened; its serials are all allocated.
  public mutating func take(batch: Batch) -> String? {
    if let missing = missing(before: "the opening of batch \(batch.id)") { return missing }
    line.adopt(batch)
    return nil
  }

  /// Takes the next record; returns what is wrong with it, a sentence, when it does not follow.
  ///
  /// After a difference nothing more is to be taken. Settings and opened batches come by the two methods above.
  public mutating func take(_ record: Record, now: Instant, wall: Int64) -> String? {
    if let next = expected.popFirst() {
      if let difference = LineReplay.difference(derived: next, recorded: record) {
        return difference
      }
      if record.kind == .verdict { verdicts += 1 } else { consequences += 1 }
      return nil
    }
    line.wall = wall
    line.now = now
    line.outbox = Outbox()
    line.waitingAccepts.removeAll(keepingCapacity: true)
    line.waitingReplies.removeAll(keepingCapacity: true)
    line.waitingOutcomes.removeAll(keepingCapacity: true)
    if record.kind == .started { start(record) }
    guard knowsSettings, record.station < line.stations.count else {
      if record.kind == .verdict { unknownSettings += 1 }
      follow(record, wall: wall)
      return nil
    }
    do throws(Impossible) {
      guard try derive(record, now: now) else {
        follow(record, wall: wall)
        return nil
      }
    } catch {
      return error.sentence
    }
    guard let first = line.outbox.records.first else {
      return "\(LineReplay.words(record)) is recorded, and nothing follows from it"
    }
    if let difference = LineReplay.difference(derived: first, recorded: record) {
      return difference
    }
    expected = line.outbox.records.dropFirst()
    switch record.kind {
    case .verdict: verdicts += 1
    case .outcome: outcomes += 1
    default: consequences += 1
    }
    return nil
  }

  /// Whether the last record was to be followed by another one.
  public func finish() -> String? { missing(before: "the end of the records") }

  private func missing(before what: String) -> String? {
    expected.first.map { "\(LineReplay.words($0)) is missing before \(what)" }
  }

  private struct Impossible: Error {
    var sentence: String
  }

  // MARK: Inputs

  /// Steps the core with the input that a record holds; false when it holds none that can be judged again.
  private mutating func derive(_ record: Record, now: Instant) throws(Impossible) -> Bool {
    let station = Int(record.station)
    switch record.kind {
    case .verdict:
      guard station >= 0 else { throw Impossible(sentence: "a verdict is recorded for no station") }
      if inDoubt.contains(station), line.stations[station].settings.tracksTriggers {
        line.carryOut(.rejectInDoubt(unit: record.unit), station: station, now: now)
      } else {
        let reads = try reads(of: record, station: station)
        line.judge(station: station, unit: record.unit, reads: reads, triggered: now, now: now)
      }
    case .outcome where station >= 0:
      line.outcome(
        station: station, sequence: UInt16(truncatingIfNeeded: record.number), unit: record.unit,
        code: record.code, now: now)
    case .acceptTaken where station >= 0:
      line.plc(
        station: station, .taken(unit: record.unit, verdict: Verdict.accept.rawValue), now: now)
    case .withdrawn where station >= 0:
      guard let verdict = Verdict(rawValue: record.code),
        let open = line.stations[station].openUnits.first(where: {
          $0.unit == record.unit && !$0.isMissing
        }), open.verdict == .accept
      else {
        throw Impossible(
          sentence: "an accept of unit \(record.unit) is withdrawn that does not stand")
      }
      line.withdraw(open, station: station, verdict)
    case .outcomeMissing where station >= 0:
      let open = line.stations[station].openUnits.first {
        $0.unit == record.unit && !$0.isMissing
      }
      guard let open, open.batch == record.batch, open.row == record.row,
        record.state == (line.holdsSerial(open, station: station) ? .inDoubt : nil)
      else {
        throw Impossible(
          sentence: "unit \(record.unit) is recorded without an outcome, and it is no such unit")
      }
      return false
    case .serialChanged:
      guard let act = SerialAct(rawValue: record.code), let index = line.batchIndex(record.batch),
        let pool = line.batches[index].pool, record.row >= 0, Int(record.row) < pool.count
      else { return false }
      line.serial(
        0, act, Array(pool.serial(at: record.row).utf8), gtin: line.batches[index].gtin,
        evidence: record.raw, reason: record.detail, actor: record.actor)
    case .permitWithdrawn, .stopReason:
      guard let reason = StopReason(rawValue: record.code) else { return false }
      line.withdrawPermit(
        reason, station: station, actor: record.actor, detail: record.detail, now: now)
    case .printed:
      guard let index = line.batchIndex(record.batch), index == line.runningBatch,
        let pool = line.batches[index].pool, let rows = PrintOrder.rows(encoded: record.raw),
        Set(rows).count == rows.count,
        rows.allSatisfy({ row in
          row >= 0 && Int(row) < pool.count && pool.word(at: row).state == .allocated
            && line.batches[index].order?.wasPrinted(row) == false
        })
      else {
        throw Impossible(
          sentence: "serials of batch \(record.batch) are recorded as printed that could not be")
      }
      line.take(printed: rows, batch: index)
    case .permitGiven:
      guard !line.permit, line.runningBatch != nil else {
        throw Impossible(
          sentence: line.permit
            ? "the permit is given while it stands"
            : "the permit is given while no batch is running"
        )
      }
      return false
    case .alarmRaised:
      guard let kind = AlarmKind(rawValue: record.code) else { return false }
      line.recordRaised(
        kind, place: String(decoding: record.raw, as: UTF8.self), message: record.detail)
      // Only a core that was replayed after a storage fault has this on disk, and it latches the reason.
      if kind == .storageFault { line.latched.insert(StopReasons(.storageFault)) }
    case .alarmReturned:
      guard let kind = AlarmKind(rawValue: record.code) else { return false }
      line.recordReturned(kind, place: String(decoding: record.raw, as: UTF8.self))
    default: return false
    }
    return true
  }

  /// The reads that a verdict was judged by.
  ///
  /// At a station with several scanners they stand one after the other, and the detail ends with their lengths.
  private func reads(
    of record: Record, station: Int
  ) throws(Impossible) -> [Tracking.Read] {
    let scanners = line.stations[station].settings.scanners
    if scanners.count == 1 {
      if record.raw.isEmpty && record.detail == LineController.noMessage { return [] }
      return [Tracking.Read(scanner: scanners[0], bytes: record.raw)]
    }
    let unreadable = Impossible(
      sentence: "the verdict for unit \(record.unit) does not say which scanner read what")
    let mark = Array("reads: ".utf8)
    let detail = Array(record.detail.utf8)
    guard
      let start = detail.indices.last(where: { detail[$0...].starts(with: mark) })
    else { throw unreadable }
    var rest = record.raw[...]
    var list = detail[(start + mark.count)...]
    var reads: [Tracking.Read] = []
    while !list.isEmpty {
      // A scanner's name may hold blanks and commas, so it is looked for as a whole.
      guard
        let scanner = scanners.first(where: {
          list.starts(with: "\(line.settings.scanners[$0].name) ".utf8)
        })
      else { throw unreadable }
      list = list.dropFirst(line.settings.scanners[scanner].name.utf8.count + 1)
      let digits = list.prefix { $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }
      list = list.dropFirst(digits.count)
      if list.starts(with: ", ".utf8) { list = list.dropFirst(2) }
      guard let count = Int(String(decoding: digits, as: UTF8.self)), count <= rest.count else {
        throw unreadable
      }
      reads.append(Tracking.Read(scanner: scanner, bytes: Array(rest.prefix(count))))
      rest = rest.dropFirst(count)
    }
    guard rest.isEmpty else { throw unreadable }
    return reads
  }

  // MARK: State

  /// Takes a record as it stands.
  private mutating func follow(_ record: Record, wall: Int64) {
    let station = Int(record.station)
    switch record.kind {
    case .permitGiven:
      line.permit = true
      line.permitOnDisk = true
      line.latched = []
    case .permitWithdrawn, .stopReason:
      line.permit = false
      line.permitOnDisk = false
      if let reason = StopReason(rawValue: record.code) {
        line.latched.insert(StopReasons(reason))
      }
    case .trackingDoubt where line.stations.indices.contains(station):
      inDoubt.insert(station)
      line.stations[station].doubtWhilePermitted = line.permit
    case .trackingInStep: inDoubt.remove(station)
    default: break
    }
    line.replay(record, wall: wall)
  }

  /// The daemon started: its stations come with the record, what they are follows with the settings.
  private mutating func start(_ record: Record) {
    let names = String(decoding: record.raw, as: UTF8.self)
      .split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    adopt(
      LineSettings(
        line: line.settings.line, scanners: [],
        stations: names.map { StationSettings(name: $0, plc: "", scanners: []) }, limits: .init()))
    knowsSettings = false
    inDoubt = []
    line.permit = false
    line.permitOnDisk = false
    line.latched = [StopReasons(.startUp)]
  }

  private mutating func adopt(_ settings: LineSettings) {
    let before = line.stations.map(\.settings.name)
    let after = settings.stations.map(\.name)
    for station in line.stations { retired[station.settings.name] = station }
    line.settings = settings
    line.scannersOnline = settings.scanners.map { _ in false }
    line.strays = settings.scanners.map { _ in StrayReads() }
    line.stations = settings.stations.map { settings in
      guard var station = retired.removeValue(forKey: settings.name) else {
        return StationState(settings)
      }
      station.settings = settings
      return station
    }
    line.stationOfRecord = Array(settings.stations.indices)
    if before != after && !before.isEmpty { move(from: before, to: after) }
  }

  /// Reserved serials name their unit's station by its place; a recovery gives them the new one, 0 for a station that is gone.
  private mutating func move(from before: [String], to after: [String]) {
    let places = before.map { UInt8(truncatingIfNeeded: after.firstIndex(of: $0) ?? 0) }
    for batch in line.batches {
      guard let pool = batch.pool else { continue }
      for row in 0..<Int32(pool.count) {
        pool.change(at: row) { word in
          guard word.unit != 0, Int(word.station) < places.count else { return nil }
          return SerialPool.Word(
            state: word.state, hold: word.hold, station: places[Int(word.station)],
            unit: word.unit)
        }
      }
    }
  }

  // MARK: Comparing

  /// What two records differ in, nil when they are the same.
  ///
  /// Not compared are `detail`, whose words may change from version to version, and the reasons that stood at a stop,
  /// some of which came from a PLC's inputs.
  private static func difference(derived: Record, recorded: Record) -> String? {
    let isStop = derived.kind == .permitWithdrawn || derived.kind == .stopReason
    guard
      derived.kind != recorded.kind || derived.station != recorded.station
        || derived.unit != recorded.unit || derived.batch != recorded.batch
        || derived.row != recorded.row || derived.code != recorded.code
        || derived.state != recorded.state || derived.raw != recorded.raw
        || derived.actor != recorded.actor || (!isStop && derived.number != recorded.number)
    else { return nil }
    return "\(words(recorded)) is recorded, and \(words(derived)) follows"
  }

  private static func words(_ record: Record) -> String {
    var words = record.kind.word
    switch record.kind {
    case .verdict, .withdrawn:
      words += " \(record.code)"
      if let verdict = Verdict(rawValue: record.code) { words += " (\(verdict.phrase))" }
    case .outcome:
      words += " \(record.code)"
      if let outcome = Outcome(rawValue: record.code) { words += " (\(outcome.phrase))" }
    case .permitWithdrawn, .stopReason:
      words += " \(record.code)"
      if let reason = StopReason(rawValue: record.code) { words += " (\(reason.phrase))" }
    case .alarmRaised, .alarmReturned:
      words += " \(AlarmKind(rawValue: record.code)?.word ?? "\(record.code)")"
      if record.number != 0 { words += ", occurrence \(record.number)" }
    default: if record.code != 0 { words += " \(record.code)" }
    }
    if record.unit != 0 { words += " for unit \(record.unit)" }
    if record.row >= 0 { words += ", serial in row \(record.row) of batch \(record.batch)" }
    if let state = record.state { words += ", then \(state.word)" }
    return words
  }
}
