import Control
import Line
import Testing

@Suite("The lines of the control socket")
struct WireTests {
  static let commands: [Command] = [
    .status, .watch(), .watch(details: true),
    .batchOpen(id: "B-1", gtin: "09506000134352", lot: "L\"1\\", expiry: "270131"),
    .batchOpen(
      id: "B-1", gtin: "09506000134352", lot: "L", expiry: "270131", printOrder: true),
    .batchStart(id: "B-1"), .batchStart(id: nil), .batchPause(id: "B-1"), .batchPause(id: nil),
    .batchClose(id: "B-1"), .batchClose(id: nil), .batchShow(id: "B-1"), .batchShow(id: nil),
    .batchClose(id: "B-1", reason: "counted by hand"), .batchReconcile(id: nil),
    .serial(.sample, serial: "A1", gtin: nil, scan: nil, reason: "retained"),
    .serial(.scrap, serial: "A1", gtin: nil, scan: nil, reason: "film change"),
    .serial(.destroy, serial: "A1", gtin: nil, scan: nil, reason: "crushed"),
    .serial(.decommission, serial: "A1", gtin: "09506000134352", scan: nil, reason: "complaint"),
    .serial(.giveBack, serial: "A1", gtin: nil, scan: nil, reason: "batch done"),
    .serial(.hold, serial: "A1", gtin: nil, scan: nil, reason: "looked odd"),
    .serial(.unhold, serial: "A1", gtin: nil, scan: nil, reason: "looked at"),
    .serial(.remove, serial: "A1", gtin: nil, scan: nil, reason: "in the bin"),
    .serial(
      .found, serial: "A1", gtin: nil, scan: "]d2010950600013435221A1\u{1D}10L", reason: "gate"),
    .batchList, .lineRelease, .lineStop(reason: "Stau am Tor – \u{1F6D1}"),
    .unit(serial: "A1\u{1D}B", gtin: nil), .unit(serial: "A1", gtin: "09506000134352"), .alarms,
    .acknowledge(id: "scanner_lost@camera-1", occurrence: 7, comment: nil),
    .acknowledge(id: "scanner_lost@camera-1", occurrence: .max, comment: "plug"),
    .reset(id: "bad_pack_passed"), .alarmMetrics,
    .shelve(id: "scanner_lost@camera-1", minutes: 30, reason: "cable is moved"),
    .unshelve(id: "scanner_lost@camera-1"),
    .alarmOutOfService(id: "scanner_lost@camera-1", reason: "camera is exchanged"),
    .alarmInService(id: "scanner_lost@camera-1"), .scanners, .scannersTeach(name: "hand-1"),
    .scannersTrigger(name: "camera-1"),
    .plcs,
    .plcRegisters,
    .recordsVerify,
    .recordsExport(batch: "B-1"), .challengeStart(station: "unit-1"),
    .containment(.list), .containment(.show(id: "C3")), .containment(.show(id: nil)),
    .containment(.open(reason: "bad seal", batch: "B-1", holdsRelease: false)),
    .containment(.complete(id: "C3", step: "isolate", evidence: "41 of 41")),
    .containment(.answer(id: "C3", contact: "it", phoned: "Ben", comment: "in ten minutes")),
    .containment(
      .narrow(id: "C3", batches: ["B-1"], since: "2026-03-01T09:00:00.000Z", reason: "checked")),
    .containment(.scan(id: "C3", scan: "]d20109506000134352217QK2M9XA", gtin: nil)),
    .containment(.sign(id: "C3", meaning: "reviewed")),
    .containment(.close(id: "C3", reason: "found and destroyed")),
    .containmentTestAlert, .containmentUnits(id: "C3"), .containmentUnits(id: "C3", file: true),
    .containmentBundle(id: "C3"),
    .challengeCancel(station: "unit-1", reason: "wrong packs"),
    .recordsRotateKey(reason: "yearly"), .recordsArchive(before: nil),
    .recordsArchive(before: "B-7"),
  ]

  @Test("every command comes back from its line as it went", arguments: commands)
  func commandRoundTrip(command: Command) throws {
    let line = Wire.line(request: command)
    #expect(line.last == UInt8(ascii: "\n"))
    #expect(!line.dropLast().contains(UInt8(ascii: "\n")))
    #expect(try Wire.request(from: Array(line.dropLast())) == Request(command))
  }

  @Test("a request is one flat object")
  func requestForm() {
    #expect(
      text(Wire.line(request: .lineStop(reason: "jam")))
        == #"{"command":"line stop","reason":"jam","version":1}"# + "\n")
    #expect(
      text(Wire.line(request: .acknowledge(id: "a", occurrence: 2, comment: nil)))
        == #"{"command":"ack","id":"a","occurrence":2,"version":1}"# + "\n")
  }

  @Test(
    "a line that is no request is answered with what is wrong with it",
    arguments: [
      ("", 65, "bad-input", "it is no JSON"),
      ("hello", 65, "bad-input", "it is no JSON"),
      ("[1,2]", 65, "bad-input", "it is no JSON object"),
      ("{}", 65, "bad-input", "\"version\" is missing"),
      (#"{"version":"1"}"#, 65, "bad-input", "\"version\" has the wrong type"),
      (#"{"version":2,"command":"status"}"#, 69, "other-version", "was asked in version 2"),
      (#"{"version":1}"#, 65, "bad-input", "\"command\" is missing"),
      (#"{"version":1,"command":"fly\u001b[31m"}"#, 64, "usage", #"no command "fly<1B>[31m""#),
      (#"{"version":1,"command":"line stop"}"#, 65, "bad-input", "\"reason\" is missing"),
      (
        #"{"version":1,"command":"ack","id":"a","occurrence":-1}"#, 65, "bad-input", "occurrence"
      ),
      (#"{"version":1,"command":"status"}}"#, 65, "bad-input", "it is no JSON"),
    ])
  func badRequest(line: String, exit: Int32, code: String, words: String) {
    #expect {
      try Wire.request(from: Array(line.utf8))
    } throws: { error in
      guard let failure = error as? Failure else { return false }
      return failure.exit.rawValue == exit && failure.code == code
        && failure.message.contains(words)
    }
  }

  @Test("credentials and terminal travel beside the command, and come back")
  func request() throws {
    let credentials = try #require(Credentials(user: "anna", password: "pa\"ss \\ wörd"))
    for command in Self.commands {
      let request = Request(command, credentials: credentials, terminal: "/dev/pts/3")
      #expect(
        try Wire.request(from: Array(Wire.line(request: request).dropLast())) == request)
    }
    #expect(
      text(
        Wire.line(
          request: Request(
            .lineRelease, credentials: Credentials(user: "anna", password: "x"),
            terminal: "/dev/pts/3")))
        == #"{"command":"line release","credentials":{"password":"x","user":"anna"},"#
        + #""terminal":"/dev/pts/3","version":1}"# + "\n")
  }

  @Test("the longest request with a password fits into what the helper takes")
  func longestQuestion() throws {
    let credentials = try #require(
      Credentials(
        user: String(repeating: "\"", count: Credentials.userLengthMax),
        password: String(repeating: "\u{1}", count: Credentials.passwordLengthMax)))
    let line = Authentication.line(request: credentials)
    #expect(line.count <= Authentication.requestLengthMax)
    #expect(Authentication.credentials(from: Array(line.dropLast())) == credentials)
  }

  @Test("whatever prints credentials prints no password")
  func printed() throws {
    let credentials = try #require(Credentials(user: "anna", password: "secret-7f3a"))
    let request = Request(.lineRelease, credentials: credentials)
    var dumped = ""
    dump(request, to: &dumped)
    for text in [
      "\(credentials)", String(reflecting: credentials), "\(request)", String(reflecting: request),
      dumped, String(describing: Optional(credentials)), "\([credentials])",
    ] {
      #expect(!text.contains("secret-7f3a") && text.contains("anna"), "\(text)")
    }
  }

  @Test(
    "a request that is refused names no password, whatever is wrong with it",
    arguments: [
      #"{"version":1,"command":"line release","credentials":{"user":"anna","password":"secret-7f3a\n"}}"#,
      #"{"version":1,"command":"line release","credentials":{"user":7,"password":"secret-7f3a"}}"#,
      #"{"version":1,"command":"line release","credentials":{"password":"secret-7f3a"}}"#,
      #"{"version":1,"command":"line release","credentials":"secret-7f3a"}"#,
      #"{"version":1,"command":"line release","credentials":{"user":"","password":"secret-7f3a"}}"#,
      #"{"version":1,"command":"line release","credentials":{"user":"a","password":["secret-7f3a"]}}"#,
      #"{"version":1,"command":"fly","credentials":{"user":"anna","password":"secret-7f3a"}}"#,
      #"{"version":2,"command":"line release","credentials":{"user":"anna","password":"secret-7f3a"}}"#,
      #"{"version":1,"command":"line release","credentials":{"user":"anna","password":"secret-7f3a"}"#,
    ])
  func refused(line: String) throws {
    let failure = try #require(
      throws: Failure.self, performing: { try Wire.request(from: Array(line.utf8)) })
    #expect(!"\(failure)".contains("secret-7f3a"), "\(failure)")
  }

  @Test("deep nesting is refused, not followed")
  func deepNesting() {
    let line = Array(String(repeating: "[", count: 60_000).utf8)
    #expect(throws: Failure.self) { try Wire.request(from: line) }
  }

  @Test(
    "requests with random damage are read or refused, never more",
    arguments: 1...8 as ClosedRange<UInt64>)
  func damage(seed: UInt64) {
    var random = SplitMix(state: seed)
    let lines = Self.commands.map { Array(Wire.line(request: $0).dropLast()) }
    for _ in 0..<500 {
      var line = lines[Int(random.next() % UInt64(lines.count))]
      for _ in 0..<(1 + random.next() % 4) where !line.isEmpty {
        let place = Int(random.next() % UInt64(line.count))
        switch random.next() % 4 {
        case 0: line[place] = UInt8(truncatingIfNeeded: random.next())
        case 1: line.remove(at: place)
        case 2: line.insert(UInt8(truncatingIfNeeded: random.next()), at: place)
        default: line.removeSubrange(place...)
        }
      }
      do throws(Failure) {
        // What can still be read is a command that comes back from its own line.
        let command = try Wire.request(from: line)
        let again = try Wire.request(from: Array(Wire.line(request: command).dropLast()))
        #expect(again == command)
      } catch {
        #expect([64, 65, 69].contains(error.exit.rawValue), "seed \(seed): \(error)")
      }
    }
  }

  @Test("a failure keeps exit, code, message and causes on its way")
  func failureRoundTrip() throws {
    let failure = Failure.refused("The line stays stopped.", causes: ["scanner lost", "no batch"])
    let line = Wire.line(final: .failure(failure))
    #expect(
      text(line)
        == #"{"error":{"causes":["scanner lost","no batch"],"code":"refused","#
        + #""message":"The line stays stopped."},"exit":75,"ok":false,"version":1}"# + "\n")
    guard
      case .final(.failure(let back)) = try Wire.reply(from: line.dropLast(), as: DoneReply.self)
    else {
      Issue.record("no final line")
      return
    }
    #expect(back == failure)
  }

  @Test("an answer longer than the limit becomes a failure that says so")
  func replyTooLong() throws {
    let history = (0..<20_000).map {
      UnitReply.Entry(at: WallTime.text(milliseconds: $0), event: "verdict", actor: "", detail: "x")
    }
    let unit = UnitReply(
      gtin: "09506000134352", serial: "A", state: "encoded", hold: false, history: history)
    let line = Wire.line(final: .success(.unit(unit)))
    #expect(line.count < 1000)
    #expect(text(line).contains("reply-too-long"))
  }

  @Test("progress, event and result are told apart")
  func replyKinds() throws {
    let progress = ProgressReply(phase: "reading serials", done: 5, total: 10)
    guard
      case .progress(progress) = try Wire.reply(
        from: Wire.line(progress: progress).dropLast(), as: DoneReply.self)
    else {
      Issue.record("no progress")
      return
    }
    guard
      case .event(Samples.status) = try Wire.reply(
        from: Wire.line(event: Samples.status).dropLast(), as: StatusReply.self)
    else {
      Issue.record("no event")
      return
    }
    guard
      case .final(.success(let done)) = try Wire.reply(
        from: Wire.line(final: .success(.done("Released."))).dropLast(), as: DoneReply.self)
    else {
      Issue.record("no result")
      return
    }
    #expect(done.message == "Released.")
  }

  @Test("fields that a newer daemon adds are passed over")
  func newerFields() throws {
    let line = #"{"version":1,"ok":true,"new":[1],"result":{"message":"x","more":{}}}"#
    guard
      case .final(.success(let done)) = try Wire.reply(from: Array(line.utf8), as: DoneReply.self)
    else {
      Issue.record("no result")
      return
    }
    #expect(done.message == "x")
  }

  private func text(_ line: [UInt8]) -> String { String(decoding: line, as: UTF8.self) }
}

@Suite("JSON as the contract has it")
struct ReplyTests {
  @Test("status, with a batch")
  func status() {
    #expect(
      Wire.json(Samples.status)
        == #"{"alarms":{"active":2,"unacknowledged":1},"batch":{"commissioned":11,"expiry":"270131","#
        + #""gtin":"09506000134352","id":"B-1","lot":"LOT/7","pool":1000,"state":"running"},"#
        + #""containment":{"open":0},"line":"L01","run_permit":false,"stations":[{"accepted":12,"#
        + #""in_doubt":1,"name":"unit-1","passed":11,"plc":"offline","rejected":4,"#
        + #""rejected_by":{"15":1,"2":3},"scanner":"online","units":16}],"stop_reason":10,"#
        + #""stop_reasons":[10,2],"version":1}"#)
  }

  @Test("status without a batch has it as null")
  func statusWithoutBatch() {
    let status = StatusReply(
      line: "L01", runPermit: true, stopReasons: [], batch: nil, stations: [])
    #expect(
      Wire.json(status)
        == #"{"alarms":{"active":0,"unacknowledged":0},"batch":null,"containment":{"open":0},"#
        + #""line":"L01","run_permit":true,"stations":[],"stop_reason":0,"stop_reasons":[],"version":1}"#
    )
  }

  @Test("the print feed and how far it is, where there is one")
  func printFeed() {
    var status = StatusReply(
      line: "L01", runPermit: true, stopReasons: [], batch: nil, stations: [])
    status.printFeed = PrintFeedReply(online: true)
    #expect(
      Wire.json(status).contains(
        #""print_feed":{"bad_lines":0,"lost":0,"printed_twice":0,"reason":"","state":"online","#
          + #""unexpected":0}"#))
    #expect(
      Wire.json(PrintedReply(source: "feed", printed: 9, read: 4, skipped: 2, waiting: 3))
        == #"{"printed":9,"read":4,"skipped":2,"source":"feed","waiting":3}"#)
  }

  @Test("an alarm")
  func alarm() {
    #expect(
      Wire.json([Samples.alarm])
        == #"[{"id":"scanner_lost@camera-1","kind":"scanner_lost","message":"Scanner camera-1 is "#
        + #"gone.","occurrence":3,"priority":"medium","raised_at":"2026-03-01T07:05:09.042Z","#
        + #""remedy":"Check the cable.","state":"unacknowledged","station":"camera-1"}]"#)
    #expect(
      Wire.json(Samples.shelved)
        == #"{"by":"sofia (1003)","chattering":true,"id":"scanner_lost@camera-1","kind":"scanner_lost","#
        + #""message":"Scanner camera-1 is gone.","occurrence":3,"priority":"medium","#
        + #""raised_at":"2026-03-01T07:05:09.042Z","reason":"cable is moved","remedy":"Check the cable.","#
        + #""shelved_until":"2026-03-01T07:35:09.042Z","stale":true,"state":"shelved","station":"camera-1"}"#
    )
  }

  @Test("how the alarms were, with null where there is nothing to say")
  func alarmMetrics() {
    #expect(
      Wire.json(
        AlarmMetricsReply(
          perHour: [0, 2], tenMinutesMax: 2, top: [.init(id: "disk_filling", count: 2)],
          byPriority: ["medium": 2], timeToAcknowledge: nil, standing: 1, stale: [],
          chattering: ["disk_filling"], floodSince: nil, floodPercent: 0.5))
        == #"{"by_priority":{"medium":2},"chattering":["disk_filling"],"flood_percent":0.5,"#
        + #""flood_since":null,"per_hour":[0,2],"stale":[],"standing":1,"ten_minutes_max":2,"#
        + #""time_to_acknowledge":null,"top":[{"count":2,"id":"disk_filling"}]}"#)
    #expect(
      Wire.json(StatusReply.AlarmCounts(active: 1, setAside: 2, floodSince: "x"))
        == #"{"active":1,"flood_since":"x","set_aside":2,"unacknowledged":0}"#)
  }

  @Test("a unit")
  func unit() {
    let unit = UnitReply(
      gtin: "09506000134352", serial: "A1", state: "encoded", hold: false,
      history: [
        .init(at: "2026-03-01T07:05:09.042Z", event: "verdict", actor: "", detail: "accept")
      ])
    #expect(
      Wire.json(unit)
        == #"{"gtin":"09506000134352","history":[{"actor":"","at":"2026-03-01T07:05:09.042Z","#
        + #""detail":"accept","event":"verdict"}],"hold":false,"serial":"A1","state":"encoded"}"#)
  }

  @Test("a verification that found nothing bad says null")
  func verify() {
    #expect(
      Wire.json(VerifyReply(records: 7))
        == #"{"fault":null,"first_bad":null,"intact":true,"records":7}"#)
  }
}

@Suite("Lines out of bytes")
struct LineAssemblerTests {
  @Test("lines come out the same however their bytes come in", arguments: 1...40)
  func dripFeed(step: Int) {
    let input = Array("{\"a\":1}\n\n{\"b\":2}\r\n0123456789ABCDEFG\nlast\nunfinished".utf8)
    var assembler = LineAssembler(lengthMax: 16)
    var lines: [LineAssembler.Line] = []
    var start = 0
    while start < input.count {
      let end = min(start + step, input.count)
      assembler.append(input[start..<end])
      while let line = assembler.next() { lines.append(line) }
      start = end
    }
    #expect(
      lines == [
        .whole(Array("{\"a\":1}".utf8)), .whole([]), .whole(Array("{\"b\":2}".utf8)), .tooLong,
        .whole(Array("last".utf8)),
      ])
    #expect(assembler.hasUnfinishedLine)
    #expect(assembler.rest() == .whole(Array("unfinished".utf8)))
    #expect(assembler.rest() == nil)
    #expect(!assembler.hasUnfinishedLine)
  }

  @Test("of a line without an end only the limit is kept")
  func endless() {
    var assembler = LineAssembler(lengthMax: 1000)
    var tooLong = 0
    for _ in 0..<1000 {
      assembler.append(repeatElement(UInt8(ascii: "x"), count: 1024))
      while let line = assembler.next() {
        #expect(line == .tooLong)
        tooLong += 1
      }
      #expect(assembler.waitingCount <= 2024)
    }
    #expect(tooLong == 1)
    assembler.append(Array("\nafter\n".utf8))
    #expect(assembler.next() == .whole(Array("after".utf8)))
  }

  @Test("a line of exactly the limit is taken, one more is not")
  func limit() {
    var assembler = LineAssembler(lengthMax: 4)
    assembler.append(Array("1234\n12345\n".utf8))
    #expect(assembler.next() == .whole(Array("1234".utf8)))
    #expect(assembler.next() == .tooLong)
    #expect(assembler.next() == nil)
    #expect(!assembler.hasUnfinishedLine)
  }
}

@Suite("Wall time")
struct WallTimeTests {
  @Test(
    "a moment is written as RFC 3339 in UTC with milliseconds",
    arguments: [
      (0, "1970-01-01T00:00:00.000Z"), (-1, "1969-12-31T23:59:59.999Z"),
      (951_782_400_000, "2000-02-29T00:00:00.000Z"),
      (951_868_800_000, "2000-03-01T00:00:00.000Z"),
      (1_772_348_709_042, "2026-03-01T07:05:09.042Z"),
      (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
      (Int64.min, "0000-01-01T00:00:00.000Z"), (Int64.max, "9999-12-31T23:59:59.999Z"),
    ] as [(Int64, String)])
  func text(milliseconds: Int64, expected: String) {
    #expect(WallTime.text(milliseconds: milliseconds) == expected)
  }
}

/// Small random numbers from a seed (SplitMix64).
struct SplitMix {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}

/// What several tests show.
enum Samples {
  static let status = StatusReply(
    line: "L01", runPermit: false, stopReasons: [10, 2],
    batch: BatchStatus(
      id: "B-1", gtin: "09506000134352", lot: "LOT/7", expiry: "270131", state: "running",
      pool: 1000, commissioned: 11),
    stations: [
      StationStatus(
        name: "unit-1", units: 16, accepted: 12,
        rejectedBy: [0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0], passed: 11, inDoubt: 1,
        scannerOnline: true, plcOnline: false)
    ], alarms: .init(active: 2, unacknowledged: 1))

  static let alarm = AlarmReply(
    id: "scanner_lost@camera-1", occurrence: 3, kind: "scanner_lost", priority: "medium",
    state: "unacknowledged", station: "camera-1", message: "Scanner camera-1 is gone.",
    raisedAt: "2026-03-01T07:05:09.042Z", remedy: "Check the cable.")

  static let shelved = AlarmReply(
    id: "scanner_lost@camera-1", occurrence: 3, kind: "scanner_lost", priority: "medium",
    state: "shelved", station: "camera-1", message: "Scanner camera-1 is gone.",
    raisedAt: "2026-03-01T07:05:09.042Z", remedy: "Check the cable.",
    shelvedUntil: "2026-03-01T07:35:09.042Z", by: "sofia (1003)", reason: "cable is moved",
    stale: true, chattering: true)
}
