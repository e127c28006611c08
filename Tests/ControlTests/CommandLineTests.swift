import CLinux
import Control
import Daemon
import Foundation
import Glibc
import Synchronization
import Testing

/// Runs the real `lineward`, against a server that a test plays where one is needed.
@Suite("The command line")
struct CommandLineTests {
  // MARK: Texts

  static let commands: [[String]] = [
    [], ["status"], ["watch"], ["batch"], ["batch", "open"], ["batch", "start"],
    ["batch", "pause"],
    ["batch", "close"], ["batch", "reconcile"], ["serial"], ["serial", "sample"],
    ["serial", "found"], ["batch", "show"], ["batch", "list"], ["line"], ["line", "release"],
    ["line", "stop"], ["unit"], ["alarms"], ["alarms", "metrics"],
    ["alarms", "out-of-service"], ["alarms", "in-service"], ["ack"], ["reset"], ["shelve"],
    ["unshelve"], ["challenge"],
    ["challenge", "start"], ["challenge", "show"], ["challenge", "cancel"], ["containment"],
    ["containment", "list"], ["containment", "show"], ["containment", "open"],
    ["containment", "complete"], ["containment", "answer"], ["containment", "narrow"],
    ["containment", "scan"], ["containment", "sign"], ["containment", "close"],
    ["containment", "units"], ["containment", "bundle"], ["containment", "test-alert"],
    ["scanners"],
    ["scanners", "discover"], ["plcs"],
    ["records"],
    ["records", "verify"], ["records", "export"], ["records", "check-export"],
    ["records", "archive"], ["records", "replay"], ["records", "rotate-key"], ["gs1"],
    ["gs1", "check"],
  ]

  @Test("help texts are as saved", arguments: commands)
  func help(words: [String]) throws {
    let ended = try CommandLineRun(words + ["--help"])
    #expect(ended.status == 0)
    #expect(ended.errors == "")
    try expectSaved("help" + words.map { "-" + $0 }.joined() + ".txt", [ended.output])
  }

  @Test("what is written wrongly ends with 64")
  func usage() throws {
    let cases = [
      ["dance"], ["lin", "relase"], ["batch", "opne"], ["line", "stop"],
      ["line", "stop", "--reason", " "], ["ack", "x"],
      ["ack", "x", "--occurrence", "many"], ["shelve", "x", "--minutes", "481", "--reason", "y"],
      ["shelve", "x", "--minutes", "0", "--reason", "y"],
      ["shelve", "x", "--minutes", "5", "--reason", " "], ["alarms", "out-of-service", "x"],
      ["batch", "start", "a", "--id", "b"],
      ["batch", "open", "--id", "B"],
    ]
    var lines: [String] = []
    for words in cases {
      let ended = try CommandLineRun(words)
      #expect(ended.status == 64, "\(words)")
      #expect(ended.output == "")
      lines += ["$ lineward " + words.joined(separator: " "), ended.errors]
    }
    try expectSaved("errors-usage.txt", lines)
    let json = try CommandLineRun(["--json", "line", "stop"])
    #expect(json.status == 64)
    #expect(
      json.errors
        == #"{"error":{"causes":[],"code":"usage","message":"Missing expected argument '--reason "#
        + #"<reason>'"},"exit":64}"# + "\n")
  }

  @Test("without a daemon it ends with 69, by option, environment and default path")
  func unreachable() throws {
    let byOption = try CommandLineRun(["--socket", "/nonexistent/socket", "status"])
    #expect(byOption.status == 69)
    #expect(
      byOption.errors
        == "lineward: The daemon does not answer: there is no socket at /nonexistent/socket; start "
        + "linewardd, or name its socket with --socket.\n")
    let byEnvironment = try CommandLineRun(
      ["watch"], environment: ["LINEWARD_SOCKET": "/nonexistent/other"])
    #expect(byEnvironment.status == 69)
    #expect(byEnvironment.errors.contains("/nonexistent/other"))
    let stale = try Folder()
    let socket = clinux_socket_unix()
    #expect(clinux_socket_bind(socket, stale.path + "/control.sock") == 0)
    close(socket)
    let byStale = try CommandLineRun(["--socket", stale.path + "/control.sock", "status"])
    #expect(byStale.status == 69)
    #expect(byStale.errors.contains("nobody listens at"))
  }

  @Test("what a batch is opened with is checked before the daemon is asked")
  func batchOpenChecks() throws {
    let folder = try Folder()
    let file = folder.path + "/file"
    try Data().write(to: URL(fileURLWithPath: file))
    func open(_ gtin: String, _ serials: String) throws -> CommandLineRun {
      try CommandLineRun([
        "--socket", "/nonexistent", "batch", "open", "--id", "B", "--gtin", gtin, "--lot", "L",
        "--expiry", "270131", "--serials", serials,
      ])
    }
    for (gtin, serials, words) in [
      ("09506000134353", file, "check digit 3, but by its other digits that is 2"),
      ("09506000134352", "/nonexistent", "No such file or directory"),
      ("09506000134352", folder.path, "no regular file"), ("09506000134352", file, "no serial"),
    ] {
      let ended = try open(gtin, serials)
      #expect(ended.status == 65, "\(words)")
      #expect(ended.errors.contains(words), "\(ended.errors)")
    }
  }

  // MARK: With a daemon

  @Test("answers for people and for programs; options before and after the command")
  func answers() throws {
    let line = try TestLine { request, _, _, responder in
      let command = request.command
      switch command {
      case .status: responder.finish(.success(.status(Samples.status)))
      case .alarms: responder.finish(.success(.alarms([Samples.alarm])))
      case .recordsVerify:
        responder.finish(
          .success(.verify(VerifyReply(records: 7, firstBad: .init(sequence: 8, message: "cut")))))
      default: responder.finish(.success(.done("\(command.words) done.")))
      }
    }
    let json = Wire.json(Samples.status) + "\n"
    #expect(try CommandLineRun(["--socket", line.path, "--json", "status"]).output == json)
    #expect(try CommandLineRun(["status", "--json", "--socket", line.path]).output == json)
    #expect(
      try CommandLineRun(["status", "--json"], environment: ["LINEWARD_SOCKET": line.path]).output
        == json)
    let people = try CommandLineRun(["--socket", line.path, "status"])
    #expect(people.status == 0 && people.errors == "")
    #expect(people.output == Render().status(Samples.status).map { $0 + "\n" }.joined())
    #expect(
      try CommandLineRun(["--socket", line.path, "alarms", "--json"]).output
        == Wire.json([Samples.alarm]) + "\n")
    let released = try CommandLineRun(["--socket", line.path, "line", "release"])
    #expect(released.status == 0 && released.output == "Line release done.\n")
    let verified = try CommandLineRun(["--socket", line.path, "records", "verify"])
    #expect(verified.status == 1)
    #expect(verified.output.hasPrefix("The records are NOT intact."))
  }

  @Test(
    "a refusal is told on standard error, with its exit status",
    arguments: [
      Failure.refused("The line stays stopped.", causes: ["scanner lost", "no batch running"]),
      Failure.notFound("There is no unit A1."), Failure.notPermitted("\"reset\" needs the role x."),
      Failure.badInput("Line 7 of the serial file is repeated."),
    ])
  func refusals(failure: Failure) throws {
    let line = try TestLine { _, _, _, responder in responder.finish(.failure(failure)) }
    let people = try CommandLineRun(["--socket", line.path, "line", "release"])
    #expect(people.status == failure.exit.rawValue)
    #expect(people.output == "")
    #expect(people.errors == Render().failure(failure).map { $0 + "\n" }.joined())
    let json = try CommandLineRun(["--socket", line.path, "--json", "line", "release"])
    #expect(json.status == failure.exit.rawValue)
    #expect(json.output == "")
    #expect(json.errors == Render.json(failure) + "\n")
  }

  @Test("the serial file reaches the daemon as it is")
  func batchOpen() throws {
    let folder = try Folder()
    let file = folder.path + "/serials.txt"
    try Data("A1\nA2\n".utf8).write(to: URL(fileURLWithPath: file))
    let line = try TestLine { request, _, passed, responder in
      let command = request.command
      var bytes = [UInt8](repeating: 0, count: 16)
      let count = passed.map { pread($0.number, &bytes, 16, 0) } ?? 0
      responder.progress(ProgressReply(phase: "reading serials", done: 1, total: 2))
      responder.finish(
        .success(.done("\(command) \(String(decoding: bytes.prefix(count), as: UTF8.self))")))
    }
    let ended = try CommandLineRun([
      "--socket", line.path, "batch", "open", "--id", "B-1", "--gtin", "09506000134352", "--lot",
      "L", "--expiry", "270131", "--serials", file,
    ])
    #expect(ended.status == 0)
    #expect(ended.output.contains("atchOpen(id: \"B-1\""))
    #expect(ended.output.contains("A1<0A>A2<0A>"))
    // Progress is for terminals.
    #expect(ended.errors == "")
  }

  @Test("on a terminal a long loading shows how far it has come, and clears that away")
  func progressOnTerminal() throws {
    let folder = try Folder()
    let file = folder.path + "/serials.txt"
    try Data("A1\n".utf8).write(to: URL(fileURLWithPath: file))
    let line = try TestLine { _, _, _, responder in
      responder.progress(ProgressReply(phase: "reading serials", done: 412_000, total: 1_000_000))
      responder.finish(.success(.done("opened")))
    }
    let terminal = try Terminal(rows: 24, columns: 80)
    let process = try CommandLineRun.started(
      [
        "--socket", line.path, "batch", "open", "--id", "B-1", "--gtin", "09506000134352", "--lot",
        "L", "--expiry", "270131", "--serials", file,
      ], terminal: terminal.inner)
    #expect(terminal.read(until: "\r\u{1B}[Kreading serials: 412,000 of 1,000,000 (41 %)"))
    #expect(terminal.read(until: "\r\u{1B}[KOpened."))
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
  }

  @Test("without the daemon, records are checked in the directory given")
  func verifyOffline() throws {
    let folder = try Folder()
    func verify(_ directory: String) throws -> CommandLineRun {
      try CommandLineRun(["--json", "records", "verify", "--directory", directory])
    }
    for directory in ["/nonexistent/records", folder.path] {
      let ended = try verify(directory)
      #expect(ended.status == 65, "\(ended.errors)")
      #expect(ended.errors.contains(directory))
    }
    let database = folder.path + "/records.sqlite"
    try Data(repeating: UInt8(ascii: "x"), count: 8192).write(to: URL(fileURLWithPath: database))
    defer { unlink(database) }
    let broken = try verify(folder.path)
    #expect(broken.status == 1, "\(broken.errors)")
    #expect(broken.output.contains(#""intact":false"#))
  }

  // MARK: watch

  @Test(
    "watch on a terminal draws, comes back after a restart of the daemon, and restores the terminal"
  )
  func watchOnTerminal() throws {
    let line = try TestLine { _, _, _, _ in }
    let terminal = try Terminal(rows: 24, columns: 100)
    let process = try CommandLineRun.started(
      ["--socket", line.path, "watch"], terminal: terminal.inner)
    #expect(terminal.read(until: "ALARMS  none"))
    #expect(terminal.text.hasPrefix("\u{1B}[?1049h\u{1B}[?25l"))
    line.server.stop()
    #expect(terminal.read(until: "NO CONNECTION"))
    let again = try ControlServer(
      path: line.path, status: StatusFeed { [status = line.status] in $0(status.next()) },
      handler: { _, _, _, _ in })
    line.status.value.withLock { $0.alarms.active = 5 }
    again.start()
    defer { again.stop() }
    #expect(terminal.read(until: "ALARMS  5 active"))
    kill(process.processIdentifier, SIGINT)
    #expect(terminal.read(until: "\u{1B}[?7h\u{1B}[?25h\u{1B}[?1049l"))
    process.waitUntilExit()
    #expect(process.terminationReason == .exit && process.terminationStatus == 0)
  }

  @Test("watch dies of SIGTERM, after giving the terminal back")
  func watchTerminated() throws {
    let line = try TestLine { _, _, _, _ in }
    let terminal = try Terminal(rows: 10, columns: 40)
    let process = try CommandLineRun.started(
      ["--socket", line.path, "watch"], terminal: terminal.inner)
    #expect(terminal.read(until: "NEXT: "))
    kill(process.processIdentifier, SIGTERM)
    #expect(terminal.read(until: "\u{1B}[?1049l"))
    process.waitUntilExit()
    #expect(process.terminationReason == .uncaughtSignal && process.terminationStatus == SIGTERM)
  }

  /// What came to a line that a test plays.
  private final class Came: Sendable {
    let commands = Mutex<[Command]>([])
  }

  /// A line whose alarm waits.
  private func lineWithAlarm(_ came: Came = Came()) throws -> TestLine {
    let line = try TestLine { request, _, _, responder in
      came.commands.withLock { $0.append(request.command) }
      responder.finish(.success(.done("acknowledged as the test wants it")))
    }
    line.status.value.withLock {
      $0.alarmList = [Samples.alarm]
      $0.alarms = .init(active: 1, unacknowledged: 1)
    }
    return line
  }

  @Test(
    "on a terminal, a and y acknowledge the occurrence shown, other keys nothing, and q gives the terminal back"
  )
  func watchAcknowledges() throws {
    let came = Came()
    let line = try lineWithAlarm(came)
    let terminal = try Terminal(rows: 24, columns: 80)
    #expect(terminal.echoes)
    let process = try CommandLineRun.started(
      ["--socket", line.path, "watch"], terminal: terminal.inner)
    #expect(terminal.read(until: "scanner_lost@camera-1 #3"))
    #expect(!terminal.echoes)
    // In one go: the y was typed before anybody could read the question.
    terminal.write("ay")
    #expect(terminal.read(until: "occurrence 3? y yes"))
    terminal.write("n")
    #expect(terminal.read(until: "Nothing was acknowledged."))
    terminal.write("yY\r\n\u{1B}[Bz")
    #expect(terminal.read(until: "That key does nothing here"))
    #expect(came.commands.withLock { $0 } == [])
    terminal.write("a")
    #expect(terminal.read(until: "occurrence 3? y yes"))
    terminal.write("y")
    #expect(terminal.read(until: "acknowledged as the test wants it"))
    #expect(
      came.commands.withLock { $0 } == [
        .acknowledge(id: "scanner_lost@camera-1", occurrence: 3, comment: nil)
      ])
    terminal.write("q")
    #expect(terminal.read(until: "\u{1B}[?7h\u{1B}[?25h\u{1B}[?1049l"))
    process.waitUntilExit()
    #expect(process.terminationReason == .exit && process.terminationStatus == 0)
    #expect(terminal.echoes)
  }

  @Test(
    "watch gives the terminal back while it is suspended, and takes it again; another size is taken at once"
  )
  func watchSuspended() throws {
    let line = try lineWithAlarm()
    let terminal = try Terminal(rows: 24, columns: 80)
    let process = try CommandLineRun.started(
      ["--socket", line.path, "watch"], terminal: terminal.inner)
    #expect(terminal.read(until: "scanner_lost@camera-1 #3"))
    kill(process.processIdentifier, SIGTSTP)
    #expect(terminal.read(until: "\u{1B}[?1049l"))
    let state = "/proc/\(process.processIdentifier)/stat"
    var isStopped = false
    for _ in 0..<10_000 where !isStopped {
      isStopped = try String(contentsOfFile: state, encoding: .utf8).contains(") T ")
      sched_yield()
    }
    #expect(isStopped)
    #expect(terminal.echoes)
    terminal.resize(rows: 5, columns: 20)
    kill(process.processIdentifier, SIGCONT)
    #expect(terminal.read(until: "\u{1B}[?1049h"))
    #expect(terminal.read(until: "STOPPED L01"))
    #expect(!terminal.echoes)
    terminal.resize(rows: 24, columns: 100)
    kill(process.processIdentifier, SIGWINCH)
    #expect(terminal.read(until: "S T O P P E D"))
    kill(process.processIdentifier, SIGINT)
    process.waitUntilExit()
    #expect(process.terminationReason == .exit && process.terminationStatus == 0)
    #expect(terminal.echoes)
  }

  @Test("watch on a terminal without a cursor gives lines, and without colours uses none")
  func watchPlain() throws {
    let line = try lineWithAlarm()
    for (environment, wanted) in [
      (["TERM": "dumb"], "L01 stopped: start-up"), (["TERM": "xterm", "NO_COLOR": "1"], "NEXT: "),
    ] {
      let terminal = try Terminal(rows: 24, columns: 80)
      let process = try CommandLineRun.started(
        ["--socket", line.path, "watch"], terminal: terminal.inner, environment: environment)
      #expect(terminal.read(until: wanted))
      #expect(!terminal.text.contains("\u{1B}[1;3") && !terminal.text.contains("\u{1B}[1;97"))
      #expect(terminal.text.contains("\u{1B}[") == (environment["TERM"] == "xterm"))
      kill(process.processIdentifier, SIGINT)
      process.waitUntilExit()
      #expect(process.terminationStatus == 0)
    }
  }

  @Test("watch into a pipe gives a line a change, with --json an object", arguments: [false, true])
  func watchIntoPipe(json: Bool) throws {
    let line = try TestLine { _, _, _, _ in }
    let pipe = Pipe()
    let process = try CommandLineRun.started(
      ["--socket", line.path, "watch"] + (json ? ["--json"] : []), output: pipe)
    let first = Raw(owning: dup(pipe.fileHandleForReading.fileDescriptor)).readTextLine()
    #expect(json ? first.hasPrefix("{\"alarms\"") : first.contains("L01 stopped: start-up"))
    kill(process.processIdentifier, SIGINT)
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
  }

  // MARK: gs1 check

  @Test("gs1 check answers each line, bad ones too, and ends with 65 when one was no scan")
  func gs1Check() throws {
    let good = try CommandLineRun(
      ["gs1", "check"],
      input: #"{"scan":"]d2010950600013435221A\"\u001d17270131"}"# + "\n"
        + #"{"scan":"]d20109506000134351"}"#)
    #expect(good.status == 0)
    let lines = good.output.split(separator: "\n")
    #expect(lines.count == 2)
    #expect(
      lines.first
        == #"{"ok":true,"elements":[["01","09506000134352"],["21","A\""],["17","270131"]]}"#)
    #expect(
      lines.last?.hasPrefix(#"{"ok":false,"error":{"code":"check-digit","message":""#) == true)
    #expect(lines.last?.hasSuffix(#","offset":18}}"#) == true)

    let long = #"{"scan":""# + String(repeating: "x", count: 70_000) + #""}"#
    let bad = try CommandLineRun(
      ["gs1", "check"],
      input: "\n{\n{\"scan\":5}\n[]\n\(long)\n" + #"{"scan":"]d20109506000134352"}"# + "\n")
    #expect(bad.status == 65)
    let answers = bad.output.split(separator: "\n")
    #expect(answers.count == 6)
    #expect(answers.filter { $0.contains(#""code":"bad-input""#) }.count == 5)
    #expect(answers.last == #"{"ok":true,"elements":[["01","09506000134352"]]}"#)
  }

  @Test("gs1 check takes escapes, other keys and whatever is no text, and keeps line for line")
  func gs1CheckInput() throws {
    /// Lines of input, and whether the answer is a good scan, a refused one, or no scan at all.
    let lines: [(input: [UInt8], answer: String)] = [
      (Array(#"{"scan":"\u005dd2010950600013435210\u0041\u001D17271231"}"#.utf8), "good"),
      (Array(#" { "x" : [1,{"scan":"no"}] , "scan" : "]d20109506000134352" } "#.utf8), "good"),
      (Array(#"{"scan":"]d1\ud83d\ude00"}"#.utf8), "good"),
      (Array(#"{"scan":"]d20109506000134352\r"}"#.utf8), "ai-unknown"),
      (Array(#"{"scan":"]d20109506000134352\u0000"}"#.utf8), "ai-unknown"),
      (Array(#"{"scan":"]d2010950600013435210ä"}"#.utf8), "character-not-in-set-82"),
      (Array(#"{"scan":""}"#.utf8), "symbology-missing"),
      (
        Array((#"{"scan":"]d2"# + String(repeating: #"\u001d"#, count: 8190) + #""}"#).utf8),
        "separator-misplaced"
      ),
      (
        Array((#"{"scan":"]d2"# + String(repeating: #"\u001d"#, count: 8191) + #""}"#).utf8),
        "message-too-long"
      ),
      (Array(#"{"scan":"]d2"#.utf8) + [0xFF, 0xFE] + Array(#""}"#.utf8), "bad-input"),
      (Array(#"{"scan":"\ud83d"}"#.utf8), "bad-input"),
      (Array(#"{"Scan":"]d20109506000134352"}"#.utf8), "bad-input"),
      (Array(#"{"scan":null}"#.utf8), "bad-input"),
      (Array(#"{"scan":"]d20109506000134352"} x"#.utf8), "bad-input"),
      (Array(#""]d20109506000134352""#.utf8), "bad-input"),
      (Array("]d20109506000134352".utf8), "bad-input"),
      (Array(String(repeating: "[", count: 60_000).utf8), "bad-input"),
      ([0], "bad-input"),
      ([], "bad-input"),
    ]
    let run = try CommandLineRun(
      ["gs1", "check"], bytes: lines.flatMap { $0.input + [UInt8(ascii: "\n")] })
    #expect(run.status == 65)
    let answers = run.output.split(separator: "\n")
    #expect(answers.count == lines.count)
    for (answer, line) in zip(answers, lines) {
      let begin =
        line.answer == "good"
        ? #"{"ok":true,"elements":["# : #"{"ok":false,"error":{"code":"\#(line.answer)","#
      #expect(answer.hasPrefix(begin), "\(String(decoding: line.input.prefix(80), as: UTF8.self))")
      #expect(throws: Never.self) { try JSONSerialization.jsonObject(with: Data(answer.utf8)) }
    }
  }

  @Test("gs1 check --explain shows AIs, titles and the byte where it broke, of JSON and bare scans")
  func gs1Explain() throws {
    let run = try CommandLineRun(
      ["gs1", "check", "--explain"],
      input: #"{"scan":"]d2010950600013435221ABC\u001d17271331"}"# + "\n"
        + "]d2010950600013435210A\u{1D}17271231\r\n" + "{\n")
    #expect(run.status == 65)
    #expect(
      run.output == """
        ]d2 refused
        (01)   GTIN    09506000134352
        (21)   SERIAL  ABC
        ]d2010950600013435221ABC␝17271331
                                     ^
        byte 29: expiry (17) has a month that is not 01 to 12 [date-month]

        ]d2 GS1 element strings
        (01)   GTIN              09506000134352
        (10)   BATCH/LOT         A
        (17)   USE BY or EXPIRY  271231
        ]d2010950600013435210A␝17271231

        The line is no JSON object with a text "scan".


        """)
    #expect(try CommandLineRun(["gs1", "check", "--explain", "--json"]).status == 64)
  }
}

/// One run of `lineward`, to its end.
struct CommandLineRun {
  var status: Int32
  var output: String
  var errors: String

  init(
    _ arguments: [String], environment: [String: String] = [:], input: String = "",
    bytes: [UInt8]? = nil
  ) throws {
    let folder = try Folder()
    func file(_ name: String) -> URL { URL(fileURLWithPath: folder.path + "/" + name) }
    try Data(bytes ?? Array(input.utf8)).write(to: file("in"))
    for name in ["out", "err"] { try Data().write(to: file(name)) }
    let process = Self.process(arguments, environment)
    process.standardInput = try FileHandle(forReadingFrom: file("in"))
    process.standardOutput = try FileHandle(forWritingTo: file("out"))
    process.standardError = try FileHandle(forWritingTo: file("err"))
    try process.run()
    process.waitUntilExit()
    status = process.terminationReason == .exit ? process.terminationStatus : -1
    output = String(decoding: try Data(contentsOf: file("out")), as: UTF8.self)
    errors = String(decoding: try Data(contentsOf: file("err")), as: UTF8.self)
  }

  /// Starts `lineward` on a terminal.
  static func started(
    _ arguments: [String], terminal: Int32, environment: [String: String] = ["TERM": "xterm"]
  ) throws -> Process {
    let process = process(arguments, environment)
    let handle = FileHandle(fileDescriptor: terminal, closeOnDealloc: false)
    process.standardInput = handle
    process.standardOutput = handle
    process.standardError = handle
    try process.run()
    return process
  }

  /// Starts `lineward` with its output in a pipe.
  static func started(_ arguments: [String], output: Pipe) throws -> Process {
    let process = process(arguments, [:])
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = output
    try process.run()
    return process
  }

  private static func process(_ arguments: [String], _ environment: [String: String]) -> Process {
    let process = Process()
    // The build puts it beside the test bundle.
    process.executableURL = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
      .deletingLastPathComponent().appendingPathComponent("lineward")
    process.arguments = arguments
    process.environment = environment
    return process
  }
}

/// A pseudo-terminal and what came out of it.
final class Terminal {
  let inner: Int32
  private let outer: Int32
  private(set) var text = ""

  init(rows: Int32, columns: Int32) throws {
    var inner: Int32 = -1
    outer = clinux_terminal_pair(&inner, rows, columns)
    self.inner = inner
    try #require(outer >= 0)
  }

  deinit {
    close(outer)
    close(inner)
  }

  /// Types.
  func write(_ text: String) { _ = Glibc.write(outer, text, text.utf8.count) }

  func resize(rows: Int32, columns: Int32) { _ = clinux_terminal_resize(outer, rows, columns) }

  /// Whether it shows what is typed and hands it over by lines, as a shell wants it.
  var echoes: Bool {
    var found = termios()
    tcgetattr(inner, &found)
    let wanted = tcflag_t(ECHO | ICANON)
    return found.c_lflag & wanted == wanted
  }

  /// Reads until these characters have come after what earlier reads waited for, 10 s at most for each piece.
  func read(until wanted: String) -> Bool {
    var buffer = [UInt8](repeating: 0, count: 4096)
    while !text[seen...].contains(wanted) {
      guard clinux_socket_wait(outer, -1, 0, 10_000) == 1 else { return false }
      let count = Glibc.read(outer, &buffer, buffer.count)
      guard count > 0 else { return false }
      let offset = text.utf8.distance(from: text.startIndex, to: seen)
      text += String(decoding: buffer.prefix(count), as: UTF8.self)
      seen = text.utf8.index(text.startIndex, offsetBy: offset)
    }
    if let range = text[seen...].range(of: wanted) { seen = range.upperBound }
    return true
  }

  private lazy var seen = text.startIndex
}
