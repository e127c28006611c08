import Control
import Line
import Testing

@Suite("Replies as text for people")
struct RenderTests {
  let render = Render()

  @Test("status of a line that stands")
  func stopped() throws {
    var status = Samples.status
    status.stations[0].openUnits = 2
    status.stations[0].inStep = false
    status.containment.open = 1
    try expectSaved("status-stopped.txt", render.status(status))
  }

  @Test("status of a line that runs well")
  func running() throws {
    let status = StatusReply(
      line: "L01", runPermit: true, stopReasons: [],
      batch: BatchStatus(
        id: "B-1", gtin: "09506000134352", lot: "LOT/7", expiry: "270131", state: "running",
        pool: 1_000_000, commissioned: 123_456),
      stations: [
        StationStatus(
          name: "unit-1", units: 123_460, accepted: 123_458,
          rejectedBy: [0, 0, 2], passed: 123_456, inDoubt: 0, scannerOnline: true, plcOnline: true)
      ])
    try expectSaved("status-running.txt", render.status(status))
  }

  @Test("a case: what is next first, then what is done")
  func containment() throws {
    var found = CaseReply(
      id: "C3", state: "open", title: "unit 1181 passed although it was rejected\u{1B}[2J",
      alarm: "bad_pack_passed",
      openedAt: "2026-03-01T09:14:22.518Z", openedBy: "", elapsedSeconds: 1325,
      durationSeconds: 3600, holdsRelease: true)
    found.batches = ["B-2026-117"]
    found.stations = ["unit-1"]
    found.steps = [
      CaseReply.Step(
        number: 1, key: "stop", name: "Stop production", state: "done",
        owners: ["operator", "supervisor"], deadlineSeconds: 60, wasLate: false, instruction: "",
        done: .init(
          at: "2026-03-01T09:14:22.830Z", by: "", evidence: "312 ms after the detection")),
      CaseReply.Step(
        number: 2, key: "alert", name: "Alert personnel", state: "overdue",
        owners: ["operator", "supervisor"], deadlineSeconds: 600, wasLate: true,
        instruction: "Reach a person of each role.", done: nil),
    ]
    found.contacts = [
      .init(
        role: "quality",
        answer: .init(
          at: "2026-03-01T09:20:00.000Z", by: "anna (1001)", evidence: "M. Weber by telephone")),
      .init(role: "it", answer: nil),
    ]
    found.evidence = [.init(step: 4, title: "system state", at: "2026-03-01T09:14:23.100Z")]
    found.notes = ["the permit was withdrawn"]
    found.unsigned = ["quality"]
    found.next = "Alert personnel: waiting for an answer of it"
    found.nextOwner = "operator"
    var late = found
    late.id = "C4"
    late.elapsedSeconds = 3700
    late.remainingSeconds = -100
    var closed = found
    closed.id = "C1"
    closed.state = "closed"
    closed.next = ""
    closed.since = "2026-03-01T06:00:00.000Z"
    closed.closed = .init(at: "2026-03-01T10:01:00.000Z", by: "anna (1001)", evidence: "destroyed")
    closed.signatures = [
      .init(
        name: "Anna Berg", login: "anna", role: "quality", meaning: "reviewed",
        at: "2026-03-01T10:00:00.000Z", stands: false)
    ]
    try expectSaved(
      "containment.txt",
      render.cases([closed, late, found]) + [""] + render.caseInFull(found) + [""]
        + render.caseInFull(closed) + [""] + render.cases([]))
  }

  @Test("status and batch of a line whose order comes from the print feed")
  func printFeed() throws {
    let printed = PrintedReply(source: "feed", printed: 1_220, read: 1_204, skipped: 6, waiting: 10)
    let status = StatusReply(
      line: "L01", runPermit: false, stopReasons: [8],
      batch: BatchStatus(
        id: "B-1", gtin: "09506000134352", lot: "LOT/7", expiry: "270131", state: "running",
        pool: 25_000, commissioned: 1_203, printed: printed), stations: [],
      printFeed: PrintFeedReply(
        online: false, reason: "it closed the connection", badLines: 2, printedTwice: 1))
    let batch = BatchReply(
      id: "B-1", gtin: "09506000134352", lot: "LOT/7", expiry: "270131", state: "running",
      pool: 25_000, commissioned: 1_203, printed: printed)
    try expectSaved("print-feed.txt", render.status(status) + [""] + render.batch(batch))
    #expect(
      render.statusLine(status).hasSuffix("| print feed offline | alarms 0 (0 to acknowledge)"))
  }

  @Test("status of a line where nothing has happened yet")
  func fresh() throws {
    let status = StatusReply(
      line: "L01", runPermit: false, stopReasons: [9, 1], batch: nil, stations: [])
    try expectSaved("status-fresh.txt", render.status(status))
  }

  @Test("every stop reason has a phrase and a next step, known or not")
  func stopReasons() throws {
    let numbers = StopReason.gravestFirst.map { Int($0.rawValue) } + [99]
    let status = StatusReply(
      line: "L01", runPermit: false, stopReasons: numbers, batch: nil, stations: [])
    try expectSaved("stop-reasons.txt", render.status(status))
  }

  @Test("status in one line")
  func oneLine() {
    #expect(
      render.statusLine(Samples.status)
        == "L01 stopped: PLC link lost or just re-established, stopped by an operator | batch B-1 "
        + "running 11/1000 | unit-1 units 16 accepted 12 rejected 4 passed 11 in doubt 1 PLC offline "
        + "| alarms 2 (1 to acknowledge)")
  }

  @Test("alarms, the gravest first, each with what to do and to type")
  func alarms() throws {
    var latched = Samples.alarm
    latched.id = "bad_pack_passed@unit-1"
    latched.occurrence = 12
    latched.priority = "highest"
    latched.state = "latched_acknowledged"
    latched.message = "Unit 77 passed after its accept was withdrawn."
    latched.remedy = "Find the pack."
    var odd = Samples.alarm
    odd.id = "plc_link_lost@plc 1's"
    odd.state = "returned"
    odd.raisedAt = "2026-03-01T08:00:00.000Z"
    try expectSaved("alarms.txt", render.alarms([Samples.alarm, latched, odd]))
    #expect(render.alarms([]) == ["No alarms."])
  }

  @Test("alarms that call nobody, each with why and how to take it back")
  func alarmsSetAside() throws {
    var out = Samples.shelved
    out.id = "disk_filling"
    out.state = "out_of_service"
    out.shelvedUntil = nil
    out.by = "mika (1002)"
    out.stale = nil
    out.chattering = nil
    var planned = out
    planned.id = "scanner_lost@camera-2"
    planned.occurrence = 0
    planned.message = ""
    var suppressed = Samples.alarm
    suppressed.id = "machine_not_ready@unit-1"
    suppressed.state = "suppressed"
    suppressed.priority = "low"
    try expectSaved(
      "alarms-set-aside.txt", render.alarms([Samples.shelved, out, planned, suppressed]))
  }

  @Test("how the alarms were in the last day")
  func alarmMetrics() throws {
    let metrics = AlarmMetricsReply(
      perHour: [Int](repeating: 0, count: 20) + [3, 1, 0, 14], tenMinutesMax: 12,
      top: [.init(id: "machine_not_ready@unit-1", count: 16), .init(id: "disk_filling", count: 2)],
      byPriority: ["low": 16, "medium": 2, "high": 0, "highest": 0],
      timeToAcknowledge: .init(median: 14.2, ninetieth: 61, longest: 1804.5), standing: 2,
      stale: ["disk_filling"], chattering: ["machine_not_ready@unit-1"],
      floodSince: "2026-03-01T07:05:09.042Z", floodPercent: 0.7)
    try expectSaved("alarm-metrics.txt", render.alarmMetrics(metrics))
    var quiet = metrics
    quiet.perHour = [Int](repeating: 0, count: 24)
    (quiet.top, quiet.stale, quiet.chattering) = ([], [], [])
    (quiet.timeToAcknowledge, quiet.floodSince, quiet.standing) = (nil, nil, 0)
    #expect(render.alarmMetrics(quiet).count == 5)
  }

  @Test("status tells of alarms that were set aside, and of a flood")
  func alarmCounts() {
    var status = Samples.status
    func line() -> String { render.status(status).last { $0.contains("larm") } ?? "" }
    status.alarms = .init()
    #expect(line() == "No alarms.")
    status.alarms = .init(setAside: 2)
    #expect(line() == "No alarms, 2 set aside (lineward alarms)")
    status.alarms = .init(active: 12, unacknowledged: 11, floodSince: "2026-03-01T07:05:09.042Z")
    #expect(
      line() == "ALARM FLOOD since 2026-03-01T07:05:09.042Z. Alarms: 12 active, 11 to acknowledge "
        + "(lineward alarms)")
  }

  @Test("a unit, its raw reads made harmless")
  func unit() throws {
    let unit = UnitReply(
      gtin: "09506000134352", serial: "A1", state: "in_doubt", hold: true, batch: "B-1",
      history: [
        .init(
          at: "2026-03-01T07:05:09.042Z", event: "verdict", actor: "",
          detail: "unit 7, accept, ]d201095\u{1D}\u{1B}[2J\u{9B}31m\u{202E}"),
        .init(
          at: "2026-03-01T07:06:00.000Z", event: "alarmAcknowledged", actor: "mira (1004)",
          detail: ""),
      ])
    try expectSaved("unit.txt", render.unit(unit))
  }

  @Test("what is plugged in")
  func discovered() throws {
    let scanner = DiscoveredReply.Device(
      device: "/dev/ttyACM0", transport: "serial", vendor: "05f9", product: "2214",
      serial: "S1\u{1B}[2J",
      port: "pci-0000:00:14.0-usb-0:1:1.0", maker: "Datalogic", name: "Matrix 210N",
      byID: "/dev/serial/by-id/usb-1", profile: "datalogic",
      configuration: ["[[scanner]]", "name = \"scanner-1\"", "match = { serial = \"S1\" }"])
    let port = DiscoveredReply.Device(
      device: "/dev/ttyS0", transport: "serial", vendor: nil, product: nil, serial: nil, port: nil,
      maker: nil, name: nil, byID: nil, profile: nil,
      configuration: ["[[scanner]]", "device = \"/dev/ttyS0\""])
    try expectSaved(
      "discovered.txt",
      render.discovered(
        DiscoveredReply(devices: [scanner, port], trouble: "udev does not run here")))
    #expect(
      render.discovered(DiscoveredReply(devices: [], trouble: "")) == [
        "Nothing is plugged in that may be a scanner."
      ])
    #expect(
      Wire.json(DiscoveredReply(devices: [port], trouble: ""))
        == #"{"devices":[{"by_id":null,"configuration":["[[scanner]]","device = \"/dev/ttyS0\""],"#
        + #""device":"/dev/ttyS0","maker":null,"name":null,"port":null,"product":null,"#
        + #""profile":null,"serial":null,"transport":"serial","vendor":null}],"trouble":""}"#)
  }

  @Test("devices")
  func devices() throws {
    try expectSaved(
      "devices.txt",
      render.scanners([
        ScannerReply(
          name: "camera-1", transport: "serial", device: "/dev/serial/by-id/usb-1", online: true,
          messages: 1_234, lastMessageAt: "2026-03-01T07:05:09.042Z",
          activity: .init(
            noReads: 5, readsPerMinute: 312, lastHeartbeatAt: "2026-03-01T07:05:08.000Z",
            refusedConnections: 1), faults: .init(spoiled: 2, charactersInError: 3)),
        ScannerReply(
          name: "camera-two", profile: "cognex-dataman", transport: "tcp", device: "10.0.0.7:23",
          online: false,
          reason: "connection refused", messages: 0, lastMessageAt: nil),
      ])
        + render.plcs([
          PLCReply(
            name: "plc-1", transport: "tcp", address: "127.0.0.1:502", online: true, epoch: 12_345,
            permitObeyed: true, conveyorMoving: false, connections: 3, telegrams: 40_000, errors: 2,
            responseP50: 312, responseP99: 1_250, responseMax: 48_000, dataAge: 7),
          PLCReply(
            name: "plc-2", transport: "rtu", address: "/dev/ttyS0", online: false,
            reason: "no answer in 500 ms"),
        ]))
    #expect(render.scanners([]) == ["No scanner is configured."])
    #expect(render.plcs([]) == ["No PLC is configured."])
  }

  @Test(
    "both register blocks are shown with names, values and checks; of a PLC that is gone that it is"
  )
  func registers() throws {
    func slot(_ at: Int, _ number: Int, _ state: String) -> RegistersReply.Slot {
      RegistersReply.Slot(
        address: at, sequence: number, unit: number, word: number == 0 ? 0 : 1,
        check: 42_400 + number,
        state: state)
    }
    func block(_ base: Int, _ slots: [RegistersReply.Slot]) -> RegistersReply.Block {
      RegistersReply.Block(
        registers: [
          .init(address: base, name: "map version", value: 1),
          .init(address: base + 9, name: "epoch", value: 48_213),
        ], slots: slots)
    }
    try expectSaved(
      "registers.txt",
      render.registers([
        RegistersReply(
          station: "unit-1", plc: "plc-1", at: "2026-03-01T07:05:09.042Z",
          host: block(0, [slot(16, 0, "empty"), slot(20, 1, "ok"), slot(24, 2, "wrong")]),
          plcBlock: block(100, [slot(116, 0, "empty"), slot(120, 0, "empty")])),
        RegistersReply(station: "unit-2", plc: "plc-2", at: nil, host: nil, plcBlock: nil),
      ]))
    #expect(render.registers([]) == ["No station is configured."])
  }

  @Test("batches")
  func batches() throws {
    let running = BatchReply(
      id: "B-1", gtin: "09506000134352", lot: "LOT/7", expiry: "270131", state: "running",
      pool: 1000, commissioned: 11, serials: ["allocated": 985, "commissioned": 11, "in_doubt": 4],
      serialsSHA256: String(repeating: "ab", count: 32))
    let closed = BatchReply(
      id: "B-0", gtin: "09506000134352", lot: "LOT/6", expiry: "261200", state: "closed",
      pool: 25_000, commissioned: 24_987)
    try expectSaved("batches.txt", render.batch(running) + render.batches([running, closed]))
    #expect(render.batches([]) == ["No batch has been opened yet."])
  }

  @Test("a verification, intact and broken")
  func verify() throws {
    try expectSaved(
      "verify.txt",
      render.verify(VerifyReply(records: 12_345))
        + render.verify(
          VerifyReply(
            records: 77, firstBad: .init(sequence: 78, message: "its hash does not follow")))
        + render.verify(VerifyReply(records: 5, fault: "the disk cannot be read"))
        + render.verify(
          VerifyReply(
            records: 1_234, serialFiles: 2, signedHeads: 12,
            lastHash: String(repeating: "0f", count: 32)))
        + render.verify(
          VerifyReply(
            records: 1, serialFiles: 1, signedHeads: 1,
            remarks: ["Nothing proves the end."])))
  }

  @Test("exports, their checks and replays")
  func exports() throws {
    let render = Render()
    try expectSaved(
      "exports.txt",
      render.exported(
        ExportReply(batch: "B-1", first: 7, last: 12_351, signed: true, intact: true),
        to: "/mnt/inspector", files: 8)
        + render.exported(
          ExportReply(
            batch: "B-1\u{1B}", first: 7, last: 7, signed: false, intact: false,
            finding: "record 12 is bad: its hash is wrong; 11 records before it hold"),
          to: "out", files: 7)
        + render.exportCheck(
          ExportCheckReply(
            batch: "B-1", records: 12_345, files: 6, signedHeads: 2, signedBy: "lineward/L01"))
        + render.exportCheck(
          ExportCheckReply(batch: "B-1", records: 5, files: 6, signedHeads: 0, signedBy: nil))
        + render.exportCheck(
          ExportCheckReply(
            batch: "B-1", records: 0, files: 0, signedHeads: 0, signedBy: nil,
            firstWrong: "records.csv is missing."))
        + render.replay(
          ReplayReply(
            records: 1_828, verdicts: 757, outcomes: 785, consequences: 109, unknownSettings: 12))
        + render.replay(
          ReplayReply(
            records: 11, verdicts: 1, outcomes: 0, consequences: 0, unknownSettings: 0,
            firstDifference: .init(
              sequence: 12, message: "verdict 1 (accept) is recorded, and verdict 9 follows")))
        + render.replay(
          ReplayReply(
            records: 11, verdicts: 1, outcomes: 0, consequences: 0, unknownSettings: 0,
            fault: "the disk cannot be read")))
  }

  @Test("progress, with and without a known end")
  func progress() {
    #expect(
      render.progress(ProgressReply(phase: "reading serials", done: 412_000, total: 1_000_000))
        == "reading serials: 412,000 of 1,000,000 (41 %)")
    #expect(render.progress(ProgressReply(phase: "checking", done: 5)) == "checking: 5")
  }

  @Test("a path at the beginning of a sentence keeps its case")
  func path() {
    let failure = Failure.badInput("records/records.sqlite is empty.")
    #expect(render.failure(failure) == ["lineward: records/records.sqlite is empty."])
  }

  @Test("what was done is a whole sentence, however the daemon words it")
  func done() {
    #expect(render.done(DoneReply(message: "released")) == ["Released."])
    #expect(render.done(DoneReply(message: "Batch ü\u{1B} is open.")) == ["Batch ü<1B> is open."])
    #expect(render.done(DoneReply(message: "")) == [""])
  }

  @Test("failures, for people and for programs")
  func failures() {
    let failure = Failure.refused(
      "The line stays stopped.", causes: ["scanner lost", "no\u{7} batch"])
    #expect(
      render.failure(failure) == [
        "lineward: The line stays stopped:", "  - scanner lost", "  - no<07> batch",
      ])
    #expect(
      Render.json(.notFound("No unit A1."))
        == #"{"error":{"causes":[],"code":"not-found","message":"No unit A1."},"exit":1}"#)
  }

  @Test("colours change no word and no column")
  func colours() {
    func bare(_ lines: [String]) -> [String] {
      lines.map { line in
        let parts = line.split(separator: "\u{1B}[", omittingEmptySubsequences: false)
        let rest = parts.dropFirst().map { part in
          part.drop { $0 != "m" }.dropFirst()
        }
        return ([parts[0]] + rest).joined()
      }
    }
    let coloured = Render(colours: true)
    #expect(coloured.status(Samples.status) != render.status(Samples.status))
    #expect(bare(coloured.status(Samples.status)) == render.status(Samples.status))
    #expect(bare(coloured.alarms([Samples.alarm])) == render.alarms([Samples.alarm]))
  }
}

@Suite("What a person writes to open a batch")
struct BatchFormTests {
  @Test(
    "what is right",
    arguments: [
      ("B-1", "09506000134352", "LOT/7", "270131"), ("Charge 7 ü", "00000000000000", "a", "280229"),
      ("1", "04012345123456", "12345678901234567890", "991200"),
    ])
  func right(id: String, gtin: String, lot: String, expiry: String) {
    #expect(BatchForm.problems(id: id, gtin: gtin, lot: lot, expiry: expiry) == [])
  }

  @Test("what is wrong has a sentence each")
  func wrong() throws {
    let cases = [
      ("", "", "", ""), (" B", "0950600013435", "A B", "27013"),
      (String(repeating: "B", count: 65), "09506000134351", "123456789012345678901", "271301"),
      ("B\u{1B}", "0950600013435X", "LÖT", "270229"), ("B", "123", "L", "27O131"),
    ]
    try expectSaved(
      "batch-form.txt",
      cases.flatMap { BatchForm.problems(id: $0.0, gtin: $0.1, lot: $0.2, expiry: $0.3) })
  }
}
