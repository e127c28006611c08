import Alarms
import Containment
import Line

/// A line with one station under test: events in, what went out collected by kind.
struct Rig {
  var line: LineController
  var now = Instant(nanoseconds: 1_000_000_000)
  var orders: [PLCOrder] = []
  var replies: [CommandResult] = []
  var records: [Record] = []
  var notices: [Notice] = []
  var secondStops = 0
  var containmentOrders: [ContainmentOrder] = []
  var snapshot = PLCSnapshot(mapVersion: 1, epoch: 7)
  var generation: LinkGeneration = 1
  var outcomeSequence: UInt16 = 0
  var commitFails = false
  /// What the wall clock shows beside the monotonic one, in milliseconds.
  var wallOffset: Int64 = 0
  /// All records with their wall time, and after each step what the alarms were.
  var history: [(Record, Int64)] = []
  var lists: [Int: AlarmList] = [:]

  static let gtin = "09506000134352"
  static let station = StationSettings(name: "unit-1", plc: "plc-1", scanners: [0])

  init(
    station: StationSettings = Rig.station,
    scanners: [ScannerSettings] = [ScannerSettings(name: "camera-1")],
    limits: LineSettings.Limits = .init(), orderWindow: Int? = nil,
    challenge: LineSettings.Challenge = .init(), printFeed: LineSettings.PrintFeed? = nil,
    secondStop: String? = nil, containment: LineSettings.Containment = .init()
  ) {
    line = LineController(
      settings: LineSettings(
        line: "L01", scanners: scanners, stations: [station], limits: limits,
        orderWindow: orderWindow, challenge: challenge, printFeed: printFeed,
        secondStop: secondStop, containment: containment))
    line.begin(detail: "test", wall: 0)
  }

  var wall: Int64 { now.nanoseconds / 1_000_000 + wallOffset }

  /// A line with a running batch of serials S0001…, released and moving.
  static func running(
    serials: Int = 100, station: StationSettings = Rig.station,
    scanners: [ScannerSettings] = [ScannerSettings(name: "camera-1")],
    limits: LineSettings.Limits = .init(), orderWindow: Int? = nil,
    printFeed: LineSettings.PrintFeed? = nil, secondStop: String? = nil
  ) -> Rig {
    var rig = Rig(
      station: station, scanners: scanners, limits: limits, orderWindow: orderWindow,
      printFeed: printFeed, secondStop: secondStop)
    for scanner in scanners.indices { rig.step(.scannerOnline(scanner)) }
    rig.link(newEpoch: true)
    if printFeed != nil { rig.step(.printFeed(.connected)) }
    rig.openBatch(
      serials: serials, printed: printFeed != nil ? .feed : orderWindow != nil ? .file : nil)
    rig.command(.batchStart(id: nil))
    rig.release()
    return rig
  }

  mutating func openBatch(
    serials: Int, id: String = "B1", gtin: String = Rig.gtin, printed: PrintOrder.Source? = nil
  ) {
    let pool = SerialPool(capacity: serials)
    for number in 0..<serials {
      _ = pool.add(Array(Rig.serial(number).utf8).span)
    }
    let batch = Batch(
      number: UInt32(line.batches.count + 1), id: id, gtin: gtin, lot: "LOT1", expiry: "271231",
      poolCount: serials, serialsHash: [], printed: printed, pool: pool)
    command(.batchOpen(batch, description: []))
  }

  static func serial(_ number: Int) -> String {
    let digits = String(number)
    return "S" + String(repeating: "0", count: 5 - digits.count) + digits
  }

  static func scan(
    _ serial: String, gtin: String = Rig.gtin, lot: String = "LOT1", expiry: String = "271231",
    symbology: String = "]d2"
  ) -> [UInt8] {
    Array("\(symbology)01\(gtin)21\(serial)\u{1D}17\(expiry)10\(lot)".utf8)
  }

  mutating func step(_ event: LineEvent) {
    line.step(event, now: now, wall: wall)
    flush()
  }

  mutating func flush() {
    take()
    records += line.outbox.records
    history += line.outbox.records.map { ($0, wall) }
    if commitFails && !line.outbox.records.isEmpty {
      line.outbox.records = []
      line.storageFailed("disk full", now: now, wall: 0)
    } else {
      line.outbox.records = []
      line.committed(now: now)
    }
    take()
    records += line.outbox.records
    history += line.outbox.records.map { ($0, wall) }
    line.outbox.records = []
    lists[history.count - 1] = line.alarms
  }

  private mutating func take() {
    for action in line.outbox.actions {
      switch action {
      case .order(_, let order): orders.append(order)
      case .reply(_, let result): replies.append(result)
      case .notice(let notice): notices.append(notice)
      case .secondStop: secondStops += 1
      case .containment(let order): containmentOrders.append(order)
      }
    }
    line.outbox.actions = []
  }

  /// Lets time pass in steps of a millisecond.
  mutating func wait(milliseconds: Int) {
    for _ in 0..<milliseconds {
      now = now + .milliseconds(1)
      step(.tick)
    }
  }

  /// Lets time pass a second at a time, or in one leap where that is long.
  mutating func pass(seconds: Int64) {
    let step = max(1, seconds / 600)
    var left = seconds
    while left > 0 {
      now = now + .milliseconds(min(step, left) * 1000)
      left -= step
      self.step(.tick)
    }
  }

  mutating func pass(minutes: Int64) { pass(seconds: minutes * 60) }

  /// Raises and ends an alarm of clock or disk, another one each time.
  mutating func surrounded(_ number: Int) {
    let kinds = [AlarmKind.clockStepped, .diskFilling, .diskSpaceLow, .headNotKept]
    step(.surroundings(kinds[number % kinds.count], stands: true, message: "\(number)"))
    step(.surroundings(kinds[number % kinds.count], stands: false, message: ""))
    now = now + .milliseconds(1000)
    step(.tick)
  }

  /// How many records of a kind there are about an alarm.
  func count(_ kind: Record.Kind, _ alarm: AlarmKind) -> Int {
    records.count { $0.kind == kind && $0.code == alarm.rawValue }
  }

  mutating func command(_ command: LineCommand) {
    step(.command(id: 1, command, actor: "tester"))
  }

  mutating func link(newEpoch: Bool) {
    step(.plc(station: 0, .linked(generation: generation, newEpoch: newEpoch, snapshot)))
  }

  /// Changes the PLC's header and lets the line see it.
  ///
  /// The poll before was asked at `earliest`.
  mutating func plc(after earliest: Instant? = nil, _ change: (inout PLCSnapshot) -> Void) {
    change(&snapshot)
    step(.plc(station: 0, .changed(snapshot, after: earliest)))
  }

  mutating func release() {
    command(.release)
    plc {
      $0.permitObeyed = true
      $0.inputs = .conveyorMoving
    }
  }

  mutating func trigger(after earliest: Instant? = nil) {
    plc(after: earliest) { $0.lastUnit = Counter.next(after: $0.lastUnit) }
  }

  mutating func message(_ bytes: [UInt8], scanner: Int = 0) {
    step(.message(scanner: scanner, bytes: bytes))
  }

  /// One unit through the read station; gives its verdict.
  mutating func unit(_ bytes: [UInt8]) -> Verdict? {
    trigger()
    now = now + .milliseconds(5)
    message(bytes)
    return verdict(of: snapshot.lastUnit)
  }

  mutating func outcome(_ outcome: Outcome, unit: UInt16) {
    outcomeSequence = Counter.next(after: outcomeSequence)
    step(
      .plc(
        station: 0, .outcome(sequence: outcomeSequence, unit: unit, outcome: outcome.rawValue)))
  }

  /// The last verdict that was ordered for a unit.
  func verdict(of unit: UInt16) -> Verdict? {
    for order in orders.reversed() {
      if case .verdict(_, unit, let verdict, _) = order { return verdict }
    }
    return nil
  }

  var permit: Bool { line.status.permit }
  /// The causes for which the last command was refused.
  var refusals: [String] {
    if case .refused(_, let causes) = replies.last { return causes }
    return []
  }
  var reasons: [StopReason] { line.status.reasons }
  func alarm(_ kind: AlarmKind) -> Alarm? { line.status.alarms.first { $0.kind == kind } }
  func state(_ number: Int) -> SerialState? {
    line.batches.last?.pool.flatMap { pool in
      pool.row(of: Array(Rig.serial(number).utf8).span).map { pool.word(at: $0).state }
    }
  }
  var counters: StationCounters { line.status.stations[0].counters }
}
