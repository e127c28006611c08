import Alarms
import Glibc
import Line
import Records

/// A real core over a real store, with a scanner and a PLC that a test plays.
final class PlayedLine {
  static let gtin = "09506000134352"

  let directory: String
  let settings: LineSettings
  private(set) var line: LineController
  private(set) var store: RecordStore
  private(set) var replies: [CommandResult] = []
  private var now = Instant(nanoseconds: 1_000_000_000)
  private var snapshot = PLCSnapshot(mapVersion: 1, epoch: 7)
  private var outcomeSequence: UInt16 = 0
  private var generation: LinkGeneration = 1
  private var written = false

  /// Begins a line; `recordsSettings` false is how it was before settings stood in the records.
  init(
    directory: String, settings: LineSettings = PlayedLine.settings, recordsSettings: Bool = true
  ) throws {
    self.directory = directory
    self.settings = settings
    store = try RecordStore(directory: directory, line: settings.line)
    line = LineController(settings: settings)
    line.begin(
      detail: "test", recorded: recordsSettings ? RecordedSettings.encoded(settings) : [],
      wall: 1_700_000_000_000)
    try flush()
    try awake()
  }

  static let settings = LineSettings(
    line: "L01",
    scanners: [ScannerSettings(name: "camera-1", gradeSeparator: Array("|".utf8))],
    stations: [StationSettings(name: "unit-1", plc: "plc-1", scanners: [0])],
    limits: .init(consecutiveRejects: 50, consecutiveNoReads: 3))

  /// The same line with a print feed that says the order, and a challenge test of one pack.
  static var fed: LineSettings {
    var settings = PlayedLine.settings
    settings.orderWindow = 16
    settings.printFeed = .init()
    settings.challenge = .init(packs: [.noRead])
    return settings
  }

  var lastUnit: UInt16 { snapshot.lastUnit }

  private func awake() throws {
    for scanner in settings.scanners.indices { try step(.scannerOnline(scanner)) }
    if settings.printFeed != nil { try step(.printFeed(.connected)) }
    // The station that has a PLC, wherever it stands in the list.
    let station = line.settings.stations.firstIndex { !$0.plc.isEmpty } ?? 0
    try step(.plc(station: station, .linked(generation: generation, newEpoch: false, snapshot)))
  }

  /// Ends the store and takes everything up again from the disk, as the daemon does at its start.
  func restart(settings: LineSettings? = nil) throws {
    store.close()
    let settings = settings ?? self.settings
    store = try RecordStore(directory: directory, line: settings.line)
    line = try LineRecovery.recover(from: store, settings: settings).core
    line.begin(detail: "test", recorded: RecordedSettings.encoded(settings), wall: 0)
    try flush()
    generation += 1
    snapshot.permitObeyed = false
    snapshot.inputs = []
    try awake()
  }

  private func batch(_ number: UInt32, _ description: BatchDescription) throws -> Batch {
    Batch(
      number: number, id: description.id, gtin: description.gtin, lot: description.lot,
      expiry: description.expiry, poolCount: description.count, serialsHash: description.sha256,
      printed: description.printed,
      pool: try SerialFile.load(
        path: SerialFile.path(number: number, directory: directory),
        expectedHash: description.sha256))
  }

  func close() { store.close() }

  // MARK: Events

  func step(_ event: LineEvent) throws {
    line.step(event, now: now, wall: now.nanoseconds / 1_000_000)
    try flush()
  }

  private func flush() throws {
    repeat {
      for action in line.outbox.actions {
        if case .reply(_, let result) = action { replies.append(result) }
      }
      let records = line.outbox.records
      line.outbox.records = []
      line.outbox.actions = []
      for record in records {
        try store.append(record, at: now, wall: now.nanoseconds / 1_000_000)
      }
      try store.commit()
      line.committed(now: now)
    } while !line.outbox.records.isEmpty || !line.outbox.actions.isEmpty
  }

  func wait(milliseconds: Int) throws {
    for _ in 0..<milliseconds {
      now = now + .milliseconds(1)
      try step(.tick)
    }
  }

  func command(_ command: LineCommand, by actor: String = "anna (1001)") throws {
    try step(.command(id: 1, command, actor: actor))
  }

  func plc(_ change: (inout PLCSnapshot) -> Void) throws {
    change(&snapshot)
    try step(.plc(station: 0, .changed(snapshot)))
  }

  func openBatch(
    id: String = "B-1", serials: [String], printed: PrintOrder.Source? = nil,
    by actor: String = "anna (1001)"
  ) throws {
    let given = directory + "/given"
    try RecordsTests.write(Array(serials.map { $0 + "\n" }.joined().utf8), to: given)
    defer { unlink(given) }
    let descriptor = open(given, O_RDONLY)
    defer { Glibc.close(descriptor) }
    let number = UInt32(line.batches.count + 1)
    let imported = try SerialImporter.import(
      descriptor: descriptor, into: directory, number: number, earlier: [])
    let description = BatchDescription(
      id: id, gtin: PlayedLine.gtin, lot: "LOT1", expiry: "271231", count: imported.count,
      sha256: imported.sha256, file: imported.file, printed: printed)
    let batch = try batch(number, description)
    try command(.batchOpen(batch, description: description.encoded), by: actor)
  }

  func release() throws {
    try plc { $0.permitObeyed = false }
    for alarm in line.status.alarms where alarm.state.isUnacknowledged {
      try command(.acknowledge(id: alarm.id, occurrence: alarm.occurrence, comment: "seen"))
    }
    try command(.release)
    try plc {
      $0.permitObeyed = true
      $0.inputs = .conveyorMoving
    }
  }

  static func scan(
    _ serial: String, gtin: String = PlayedLine.gtin, lot: String = "LOT1",
    expiry: String = "271231", symbology: String = "]d2", grade: String = ""
  ) -> [UInt8] {
    Array("\(symbology)01\(gtin)21\(serial)\u{1D}17\(expiry)10\(lot)\(grade)".utf8)
  }

  /// One unit through the read station and, with an outcome, through the gate.
  func unit(_ messages: [(scanner: Int, bytes: [UInt8])], _ outcome: Outcome? = nil) throws {
    try plc { $0.lastUnit = Counter.next(after: $0.lastUnit) }
    now = now + .milliseconds(5)
    for message in messages { try step(.message(scanner: message.scanner, bytes: message.bytes)) }
    if let outcome { try self.outcome(outcome) }
  }

  func unit(_ bytes: [UInt8], _ outcome: Outcome? = nil) throws {
    try unit([(0, bytes)], outcome)
  }

  func outcome(_ outcome: Outcome, unit: UInt16? = nil) throws {
    outcomeSequence = Counter.next(after: outcomeSequence)
    try step(
      .plc(
        station: 0,
        .outcome(
          sequence: outcomeSequence, unit: unit ?? snapshot.lastUnit, outcome: outcome.rawValue)))
    if !line.status.permit { try release() }
  }

  /// The print feed names serials.
  func printed(_ serials: [String]) throws {
    try step(.printFeed(.printed(serials.map { Array($0.utf8) })))
  }

  // MARK: A day

  /// A batch in which every verdict that can come and every outcome comes, people act, and the line stops.
  func dayOfEverything() throws {
    try openBatch(serials: (0..<40).map { "S\($0)" })
    try command(.batchStart(id: nil))
    try unit(PlayedLine.scan("S0"), .rejected)  // 12: not released yet
    try release()
    try unit(PlayedLine.scan("S0"), .passed)
    try unit(PlayedLine.scan("S0"), .rejected)  // 9
    try unit(Array("NOREAD".utf8), .rejected)  // 2
    try unit(PlayedLine.scan("S1") + PlayedLine.scan("S2"), .rejected)  // 3
    try unit(Array("]d2garbage".utf8), .rejected)  // 4
    try unit(PlayedLine.scan("S1", gtin: "04012345678901"), .rejected)  // 5
    try unit(PlayedLine.scan("S1", lot: "lot1"), .rejected)  // 6
    try unit(PlayedLine.scan("S1", expiry: "271230"), .rejected)  // 7
    try unit(PlayedLine.scan("X1"), .rejected)  // 8
    try unit(PlayedLine.scan("S1", grade: "|1.2/06/660"), .rejected)  // 10
    try command(
      .serial(.scrap, Array("S2".utf8), gtin: nil, evidence: [], reason: "film change"))
    try unit(PlayedLine.scan("S2"), .rejected)  // 11
    try unit(PlayedLine.scan("S3", symbology: "]Q3"), .rejected)  // 14
    for (index, outcome) in Outcome.allCases.enumerated() {
      try unit(PlayedLine.scan("S\(10 + index)"), outcome)
    }
    try unit(PlayedLine.scan("X2"), .passed)  // a bad pack passed
    try unit(PlayedLine.scan("S20"))
    try command(.serial(.hold, Array("S20".utf8), gtin: nil, evidence: [], reason: "wet"))
    try outcome(.rejected)
    try unit(PlayedLine.scan("S21"))
    // Two units trigger before a message comes: 15 for both, and the accept before is withdrawn.
    try plc { $0.lastUnit = Counter.next(after: $0.lastUnit) }
    try plc { $0.lastUnit = Counter.next(after: $0.lastUnit) }
    try wait(milliseconds: 1100)
    for back in (0..<3).reversed() { try outcome(.rejected, unit: lastUnit - UInt16(back)) }
    // Three silent units in a row breach a limit.
    for _ in 0..<3 { try unit(Array("NOREAD".utf8), .rejected) }
    try command(
      .serial(
        .found, Array("S13".utf8), gtin: nil, evidence: PlayedLine.scan("S13"), reason: "gate"))
    try command(.serial(.remove, Array("S12".utf8), gtin: nil, evidence: [], reason: "bin"))
    try unit(PlayedLine.scan("S22"), .lost)
  }
}
