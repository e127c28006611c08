import CLinux
import Foundation
import Testing

/// Where libpam-wrapper keeps the modules that play PAM's rules.
private let pamModules = "/usr/lib/x86_64-linux-gnu/pam_wrapper"
private let hasPAMWrapper = FileManager.default.fileExists(atPath: pamModules + "/pam_matrix.so")

/// Signatures as people give them: real daemon, command line and password helper, with PAM's rules played by pam_wrapper.
@Suite(
  "People and passwords", .serialized,
  .enabled(if: hasPAMWrapper, "needs the Debian package libpam-wrapper"))
struct PeopleProcessTests {
  /// The helper with the passwords of three logins that every Debian machine has; killed when the test ends.
  final class Helper {
    let folder: Scratch
    let process = Process()
    var socket: String { folder.url.appendingPathComponent("auth.sock").path }
    var log: String {
      (try? String(contentsOf: folder.url.appendingPathComponent("log"), encoding: .utf8)) ?? ""
    }

    init(
      rules: (String) -> String = Helper.matrix,
      logins: [(name: String, password: String)] = [
        ("bin", "right-4711"), ("sys", "second-4711"), ("games", "shared-4711"),
      ]
    ) throws {
      folder = try Scratch()
      let passwords = try folder.write(
        "passwords", logins.map { "\($0.name):\($0.password):lineward\n" }.joined())
      let services = folder.url.appendingPathComponent("services")
      try FileManager.default.createDirectory(at: services, withIntermediateDirectories: true)
      try Data(rules(passwords).utf8).write(to: services.appendingPathComponent("lineward"))
      try Data().write(to: folder.url.appendingPathComponent("log"))
      process.executableURL = Programs.path("lineward-auth")
      process.arguments = ["--socket", socket]
      process.environment = ProcessInfo.processInfo.environment.merging([
        "LD_PRELOAD": "libpam_wrapper.so", "PAM_WRAPPER": "1",
        "PAM_WRAPPER_SERVICE_DIR": services.path, "PAM_WRAPPER_DEBUGLEVEL": "0",
      ]) { $1 }
      process.standardError = try FileHandle(
        forWritingTo: folder.url.appendingPathComponent("log"))
      try process.run()
      let socket = socket
      #expect(Programs.until(seconds: 20) { FileManager.default.fileExists(atPath: socket) })
    }

    static func matrix(_ passwords: String) -> String {
      """
      auth required \(pamModules)/pam_matrix.so passdb=\(passwords)
      account required \(pamModules)/pam_matrix.so passdb=\(passwords)

      """
    }

    deinit {
      process.terminate()
      process.waitUntilExit()
    }
  }

  /// One question on a connection of its own, as the daemon puts it; nil when the helper closes without an answer.
  private static func ask(_ socket: String, _ line: String) -> String? {
    let descriptor = clinux_socket_unix()
    defer { close(descriptor) }
    guard clinux_socket_connect_within(descriptor, socket, 5000) == 0 else { return nil }
    let bytes = Array(line.utf8)
    guard
      bytes.withUnsafeBytes({ clinux_socket_send(descriptor, $0.baseAddress, $0.count, -1) }) > 0
    else { return nil }
    var answer: [UInt8] = []
    while clinux_socket_wait(descriptor, -1, 0, 30_000) > 0 {
      var block = [UInt8](repeating: 0, count: 1024)
      let count = read(descriptor, &block, block.count)
      guard count > 0 else { break }
      answer += block[..<count]
    }
    return answer.isEmpty ? nil : String(decoding: answer, as: UTF8.self)
  }

  private static func question(_ user: String, _ password: String) -> String {
    #"{"version":1,"user":"\#(user)","password":"\#(password)"}"# + "\n"
  }

  @Test func theHelperAnswersForEachLoginAndNeverForRoot() throws {
    let helper = try Helper()
    func code(_ user: String, _ password: String) -> String {
      Self.ask(helper.socket, Self.question(user, password)) ?? "no answer; \(helper.log)"
    }
    #expect(code("bin", "right-4711") == #"{"code":"ok","name":"bin","ok":true}"# + "\n")
    #expect(code("bin", "second-4711") == #"{"code":"wrong","name":"","ok":false}"# + "\n")
    #expect(code("bin", "") == #"{"code":"wrong","name":"","ok":false}"# + "\n")
    #expect(code("sys", "second-4711").contains(#""ok":true"#))
    #expect(code("root", "right-4711") == #"{"code":"root","name":"","ok":false}"# + "\n")
    #expect(
      code("no-such-login", "right-4711") == #"{"code":"unknown","name":"","ok":false}"# + "\n")
  }

  @Test func theHelperOutlivesBadRequests() throws {
    let helper = try Helper()
    for line in [
      "\n", "{}\n", #"{"version":2,"user":"bin","password":"right-4711"}"# + "\n",
      #"{"version":1,"user":"bin"}"# + "\n", Self.question("", "x"),
      Self.question("bin", String(repeating: "x", count: 512)),
      String(repeating: "x", count: 10_000),
    ] {
      let answer = Self.ask(helper.socket, line)
      // One that sends more than may be read finds the connection reset, perhaps before the answer.
      #expect(
        answer?.contains(#""code":"unavailable""#) ?? (line.count > 4096), "\(line.prefix(60))")
    }
    #expect(Self.ask(helper.socket, Self.question("bin", "right-4711"))?.contains("ok") == true)
    #expect(!helper.log.contains("4711"), "\(helper.log)")
  }

  @Test func manyQuestionsAtOnceAreAllAnsweredAndAHangingOneIsEnded() throws {
    // A module that hangs: pam_exec waits for its program.
    let helper = try Helper { _ in
      "auth required /lib/x86_64-linux-gnu/security/pam_exec.so quiet /bin/sleep 600\n"
    }
    let began = DispatchTime.now()
    let answers = Locked<[String]>([])
    let group = DispatchGroup()
    for _ in 0..<6 {
      group.enter()
      let socket = helper.socket
      Thread.detachNewThread {
        let answer = Self.ask(socket, Self.question("bin", "right-4711")) ?? "none"
        answers.change { $0.append(answer) }
        group.leave()
      }
    }
    #expect(group.wait(timeout: .now() + .seconds(120)) == .success)
    let seconds = (DispatchTime.now().uptimeNanoseconds - began.uptimeNanoseconds) / 1_000_000_000
    #expect(answers.value.allSatisfy { $0.contains(#""code":"unavailable""#) }, "\(answers.value)")
    // Four at a time, 10 s each: the fifth begins when one of them is ended.
    #expect(seconds >= 19)
    #expect(helper.log.contains("PAM gave no answer"), "\(helper.log)")
  }

  /// What several threads write and a test reads.
  private final class Locked<Value>: @unchecked Sendable {
    // Kept true by: every access is under the lock.
    private let lock = NSLock()
    private var held: Value
    init(_ value: Value) { held = value }
    var value: Value { lock.withLock { held } }
    func change(_ body: (inout Value) -> Void) { lock.withLock { body(&held) } }
  }

  // MARK: All together

  private static func daemon(_ helper: String, scanner: String, port: Int) throws -> Daemon {
    try Daemon(
      scanner: scanner, port: port, plcBase: 200, control: "auth_socket = \"\(helper)\"",
      more: """
        [roles]
        operator = ["user:sys", "user:games"]
        quality = ["user:bin"]
        shared = ["user:games"]
        [signatures]
        release = ["quality"]
        """)
  }

  private func ask(
    _ daemon: Daemon, as user: String, _ password: String, _ words: String...
  ) throws -> Programs.Ended {
    try Programs.run(
      "lineward", ["--socket", daemon.socket, "--as", user, "--password-stdin"] + words,
      input: password + "\n")
  }

  @Test func aReleaseIsSignedByQualityAndByNobodyElse() throws {
    let helper = try Helper()
    let line = try ChallengeProcessTests.SimulatedLine()
    let port = try #require(line.said("plc")?.split(separator: ":").last.flatMap { Int($0) })
    let scanner = try #require(line.said("scanner"))
    let serials = try #require(line.said("serials"))
    let daemon = try Self.daemon(helper.socket, scanner: scanner, port: port)
    #expect(try daemon.startAndWait(), "\(daemon.log)")
    let opened = try Programs.run(
      "lineward",
      [
        "--socket", daemon.socket, "batch", "open", "--id", "P-1", "--gtin", "09506000134352",
        "--lot", "LOT-A7", "--expiry", "280331", "--serials", serials,
      ])
    #expect(opened.status == 0, "\(opened.errors)")
    #expect(try daemon.ask("batch", "start").status == 0)
    // Nobody releases without, once nothing else is in the way.
    #expect(
      Programs.until(seconds: 30) {
        let ended = try? daemon.ask("line", "release")
        return ended?.status == 77
          && ended?.errors.contains("needs the signature of quality (line released)") == true
      }, "\(daemon.log)")

    let wrong = try ask(daemon, as: "bin", "wrong-4711", "line", "release")
    #expect(wrong.status == 77 && wrong.errors.contains("User name or password is wrong"))
    let unknown = try ask(daemon, as: "no-such-login", "right-4711", "line", "release")
    #expect(unknown.errors == wrong.errors, "who guesses learns no names")
    let root = try ask(daemon, as: "root", "right-4711", "line", "release")
    #expect(root.status == 77 && root.errors.contains("cannot sign"), "\(root.errors)")
    let shared = try ask(daemon, as: "games", "shared-4711", "line", "release")
    #expect(shared.status == 77 && shared.errors.contains("nobody's name"), "\(shared.errors)")
    let other = try ask(daemon, as: "sys", "second-4711", "line", "release")
    #expect(
      other.status == 77 && other.errors.contains("needs the role quality"), "\(other.errors)")

    #expect(
      Programs.until(seconds: 30) {
        (try? ask(daemon, as: "bin", "right-4711", "line", "release"))?.status == 0
      }, "\(daemon.log)")
    let shown = try daemon.ask("batch", "show", "P-1").output
    #expect(shown.contains("signed\n    bin (bin, quality): line released, 20"), "\(shown)")

    // Five wrong ones, and the right one is not asked for; not after a restart either.
    #expect(try daemon.ask("line", "stop", "--reason", "shift ends").status == 0)
    for _ in 0..<5 { _ = try ask(daemon, as: "bin", "wrong-4711", "line", "release") }
    let locked = try ask(daemon, as: "bin", "right-4711", "line", "release")
    #expect(
      locked.status == 75 && locked.errors.contains("Too many wrong passwords came for bin"),
      "\(locked.errors)")
    #expect(try daemon.ask("alarms", json: true).output.contains("signer_locked@bin"))
    daemon.stop(SIGKILL)
    #expect(try daemon.startAndWait(), "\(daemon.log)")
    #expect(try ask(daemon, as: "bin", "right-4711", "line", "release").status == 75)
    // Somebody else is not locked.
    #expect(try ask(daemon, as: "sys", "second-4711", "batch", "start").status == 75)

    let verified = try daemon.ask("records", "verify")
    #expect(
      verified.status == 0 && verified.output.contains(", 1 signature."), "\(verified.output)")
    let export = daemon.folder.url.appendingPathComponent("export").path
    #expect(try daemon.ask("records", "export", "--batch", "P-1", "--to", export).status == 0)
    let page = try String(contentsOfFile: export + "/report.html", encoding: .utf8)
    #expect(page.contains("<h2>Signatures</h2>") && page.contains("<td>line released</td>"))
    daemon.stop(SIGTERM)
    let replayed = try Programs.run(
      "lineward", ["records", "replay", "--directory", daemon.directory])
    #expect(replayed.status == 0, "\(replayed.output)\(replayed.errors)")
    // No password anywhere.
    let files = try #require(FileManager.default.enumerator(atPath: daemon.folder.url.path))
    for case let file as String in files {
      let data = try? Data(contentsOf: daemon.folder.url.appendingPathComponent(file))
      #expect(data?.range(of: Data("-4711".utf8)) == nil, "\(file)")
    }
    #expect(!helper.log.contains("4711"), "\(helper.log)")
  }

  @Test(.enabled(if: geteuid() == 0, "needs root, to be somebody else"))
  func aSharedLoginSaysWhoItIsAndMayAlwaysStop() throws {
    let helper = try Helper()
    let daemon = try Self.daemon(helper.socket, scanner: "/dev/lineward-none", port: 1)
    #expect(try daemon.startAndWait(), "\(daemon.log)")
    #expect(chmod(daemon.socket, 0o666) == 0 && chmod(daemon.folder.url.path, 0o711) == 0)
    func games(_ words: [String], password: String = "") throws -> Programs.Ended {
      try Programs.run(
        "/usr/bin/setpriv",
        [
          "--reuid=games", "--regid=games", "--clear-groups", Programs.path("lineward").path,
          "--socket", daemon.socket,
        ] + words, input: password + "\n")
    }
    let acknowledge = ["ack", "scanner_lost@camera-1", "--occurrence", "1"]
    #expect(
      Programs.until(seconds: 20) {
        (try? daemon.ask("alarms").output.contains("scanner_lost")) == true
      })
    let refused = try games(acknowledge)
    #expect(refused.status == 77, "\(refused.errors)")
    #expect(refused.errors.contains("The login games is used by several people"))
    #expect(refused.errors.contains("lineward --as USER ack"))
    #expect(try games(["status"]).status == 0)
    #expect(try games(["line", "stop", "--reason", "jam"]).status == 0)
    // With --as a stop asks for nothing: the login may, and its name is on record.
    #expect(try games(["line", "stop", "--as", "sys", "--reason", "jam 2"]).status == 0)
    let given = try games(
      ["--as", "sys", "--password-stdin"] + acknowledge, password: "second-4711")
    #expect(given.status == 0, "\(given.errors)")
    daemon.stop(SIGTERM)
    let sqlite = try Programs.run(
      "/usr/bin/python3",
      [
        "-c",
        """
        import sqlite3,sys
        for kind, actor in sqlite3.connect(sys.argv[1]).execute("SELECT kind, actor FROM records WHERE actor <> ''"):
            print(kind, actor)
        """, daemon.directory + "/records.sqlite",
      ])
    #expect(
      sqlite.output.contains("42 sys (3), by login games (5)\n"), "\(sqlite.output)\(sqlite.errors)"
    )
    #expect(sqlite.output.contains("22 games (5)\n"), "\(sqlite.output)")
  }

  @Test func withoutAHelperASentenceSaysWhatToDo() throws {
    let daemon = try Self.daemon("/nonexistent/auth.sock", scanner: "/dev/lineward-none", port: 1)
    #expect(try daemon.startAndWait(), "\(daemon.log)")
    let ended = try ask(daemon, as: "sys", "second-4711", "batch", "start")
    #expect(ended.status == 75)
    #expect(ended.errors.contains("start lineward-auth.socket"), "\(ended.errors)")
    #expect(try daemon.ask("status").status == 0)
  }

  @Test func thePasswordIsAskedForAtTheTerminalAndNotShown() throws {
    let helper = try Helper()
    let daemon = try Self.daemon(helper.socket, scanner: "/dev/lineward-none", port: 1)
    #expect(try daemon.startAndWait(), "\(daemon.log)")
    var inner: Int32 = -1
    let outer = clinux_terminal_pair(&inner, 24, 80)
    try #require(outer >= 0)
    defer { close(outer) }
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/setsid")
    // A session of its own, whose terminal the pseudo-terminal becomes.
    process.arguments = [
      "--ctty", "--wait", Programs.path("lineward").path, "--socket", daemon.socket, "--as", "sys",
      "batch", "start",
    ]
    let handle = FileHandle(fileDescriptor: inner, closeOnDealloc: false)
    process.standardInput = handle
    process.standardOutput = handle
    process.standardError = handle
    try process.run()
    close(inner)
    let screen = Locked<[UInt8]>([])
    Thread.detachNewThread {
      var block = [UInt8](repeating: 0, count: 1024)
      while true {
        let count = read(outer, &block, block.count)
        guard count > 0 else { return }
        let came = block[..<count]
        screen.change { $0 += came }
      }
    }
    func shown() -> String { String(decoding: screen.value, as: UTF8.self) }
    #expect(Programs.until(seconds: 20) { shown().contains("Password of sys: ") }, "\(shown())")
    let typed = Array("second-4711\n".utf8)
    #expect(write(outer, typed, typed.count) == typed.count)
    #expect(Programs.until(seconds: 20) { !process.isRunning })
    process.waitUntilExit()
    // There is no batch: that it was refused so shows that the password was taken.
    #expect(process.terminationStatus == 75)
    #expect(Programs.until(seconds: 5) { shown().contains("no batch") }, "\(shown())")
    #expect(!shown().contains("4711"), "\(shown())")
  }

  @Test func withoutATerminalThePromptSaysWhatToDo() throws {
    let ended = try Programs.run(
      "/usr/bin/setsid",
      [
        "--wait", Programs.path("lineward").path, "--socket", "/nonexistent", "--as", "sys",
        "batch", "start",
      ])
    #expect(ended.status == 64 && ended.errors.contains("--password-stdin"), "\(ended.errors)")
  }
}
