import Foundation
import Testing

/// What people and other programs get wrong: each a clear answer, and the daemon lives.
@Suite(.serialized) struct BadInputTests {
  @Test(arguments: [
    ("an unknown key", "[line]\nid = \"L01\"\nspeed = 5\n", "speed"),
    ("a wrong type", "[line]\nid = 7\n", "id"),
    ("no line", "[storage]\ndirectory = \"/tmp\"\n", "line.id"),
    ("no TOML at all", "this is = = not toml", ":1"),
  ])
  func aBadConfigurationEndsWith78(name: String, text: String, mentions: String) throws {
    let folder = try Scratch()
    let file = try folder.write("lineward.toml", text)
    for arguments in [["--config", file, "--check-config"], ["--config", file]] {
      let ended = try Programs.run("linewardd", arguments)
      #expect(ended.status == 78, "\(name): \(ended.errors)")
      #expect(ended.errors.contains(mentions), "\(name): \(ended.errors)")
      #expect(ended.errors.contains(file), "\(name) names its file: \(ended.errors)")
    }
  }

  @Test(
    "a keyboard layout with a key that no keyboard has is refused before the start, with scanner and key"
  )
  func aLayoutThatCannotBeUsedEndsWith78() throws {
    let folder = try Scratch()
    let layout = try folder.write("odd.toml", "name = \"odd\"\n[keys]\nQQ = [\"q\"]\n")
    let file = try folder.write(
      "lineward.toml",
      """
      [line]
      id = "L01"
      [storage]
      directory = "\(folder.url.path)/records"
      [[scanner]]
      name = "hand-1"
      transport = "keyboard"
      device = "/dev/input/event9"
      layout = "\(layout)"
      [[plc]]
      name = "plc-1"
      transport = "tcp"
      host = "127.0.0.1"
      [[station]]
      name = "unit-1"
      scanner = "hand-1"
      plc = "plc-1"
      """)
    for arguments in [["--config", file, "--check-config"], ["--config", file]] {
      let ended = try Programs.run("linewardd", arguments)
      #expect(ended.status == 78, "\(ended.output)\(ended.errors)")
      #expect(
        ended.errors.contains("scanner hand-1 cannot use the layout odd")
          && ended.errors.contains("QQ"),
        "\(ended.errors)")
    }
  }

  @Test func aMissingConfigurationEndsWith78() throws {
    let ended = try Programs.run("linewardd", ["--config", "/nonexistent/lineward.toml"])
    #expect(ended.status == 78 && ended.errors.contains("/nonexistent/lineward.toml"))
  }

  @Test func withoutADaemonTheCommandLineSays69() throws {
    let ended = try Programs.run("lineward", ["--socket", "/nonexistent/socket", "status"])
    #expect(ended.status == 69)
    #expect(ended.errors.contains("/nonexistent/socket"))
  }

  @Test func aWrongCommandSays64() throws {
    #expect(try Programs.run("lineward", ["dance"]).status == 64)
    #expect(try Programs.run("lineward", ["line", "stop"]).status == 64)
  }

  @Test func serialFilesAreRefusedWholeAndByLine() throws {
    let daemon = try Daemon()
    #expect(try daemon.startAndWait(), "\(daemon.log)")
    let long = String(repeating: "A", count: 21)
    let cases: [(name: String, text: String, mentions: String)] = [
      ("a bad character", "A1\nA 2\n", "line 2"), ("over 20 characters", "A1\n\(long)\n", "line 2"),
      ("a repeated serial", "A1\nA2\nA1\n", "line 3"), ("CR LF", "A1\r\nA2\r\n", "line 1"),
      ("an empty line", "A1\n\nA2\n", "line 2"), ("nothing", "", "no serial"),
    ]
    for (name, text, mentions) in cases {
      let file = try daemon.folder.write("serials.txt", text)
      let ended = try daemon.ask(
        "batch", "open", "--id", "B1", "--gtin", "09506000134352", "--lot", "L1", "--expiry",
        "271231", "--serials", file)
      #expect(ended.status == 65, "\(name): \(ended.errors)")
      #expect(ended.errors.lowercased().contains(mentions), "\(name): \(ended.errors)")
    }
    #expect(try daemon.ask("batch", "list", json: true).output.contains("B1") == false)
  }

  @Test func aSerialFileThatIsNotThereIsNamed() throws {
    let daemon = try Daemon()
    #expect(try daemon.startAndWait(), "\(daemon.log)")
    for path in ["/nonexistent/serials.txt", daemon.folder.url.path] {
      let ended = try daemon.ask(
        "batch", "open", "--id", "B1", "--gtin", "09506000134352", "--lot", "L1", "--expiry",
        "271231", "--serials", path)
      #expect(ended.status == 65, "\(ended.errors)")
      #expect(ended.errors.contains(path), "\(ended.errors)")
    }
  }

  @Test func aScannerThatComesLaterIsOnlineByItself() throws {
    let folder = try Scratch()
    let path = folder.url.appendingPathComponent("camera").path
    let daemon = try Daemon(scanner: path)
    #expect(try daemon.startAndWait(), "\(daemon.log)")
    #expect(try daemon.ask("scanners").output.contains(path))
    #expect(try daemon.ask("status", json: true).output.contains("\"scanner\":\"offline\""))
    let socat = Process()
    socat.executableURL = URL(fileURLWithPath: "/usr/bin/socat")
    socat.arguments = ["PTY,link=\(path),raw,echo=0", "PIPE"]
    try socat.run()
    // It inherits blocked signals from the test runner, so only SIGKILL is sure to end it.
    func pull() {
      guard socat.isRunning else { return }
      kill(socat.processIdentifier, SIGKILL)
      socat.waitUntilExit()
    }
    defer { pull() }
    func says(_ word: String) -> Bool {
      (try? daemon.ask("status", json: true))?.output.contains("\"scanner\":\"\(word)\"") ?? false
    }
    #expect(Programs.until(seconds: 20) { says("online") }, "\(daemon.log)")
    pull()
    #expect(Programs.until(seconds: 20) { says("offline") }, "\(daemon.log)")
  }

  static let mayMount: Bool = {
    guard let folder = try? Scratch() else { return false }
    guard mount("tmpfs", folder.url.path, "tmpfs", 0, "size=64k") == 0 else { return false }
    umount2(folder.url.path, Int32(MNT_DETACH))
    return true
  }()

  @Test(.enabled(if: mayMount, "mounting a small file system is not allowed here"))
  func aFullDiskStopsTheLineAndTheDaemonLivesAndComesBack() throws {
    let daemon = try Daemon()
    try FileManager.default.createDirectory(
      atPath: daemon.directory, withIntermediateDirectories: true)
    try #require(mount("tmpfs", daemon.directory, "tmpfs", 0, "size=4m") == 0)
    defer {
      daemon.stop(SIGKILL)
      umount2(daemon.directory, Int32(MNT_DETACH))
    }
    #expect(try daemon.startAndWait(), "\(daemon.log)")
    let filler = daemon.directory + "/filler"
    _ = try Programs.shell("dd if=/dev/zero of=\(filler) bs=4k count=4096")
    func stops() throws -> String { try daemon.ask("status", json: true).output }
    // A warm WAL has room of its own: stops with long reasons use it up.
    let reason = String(repeating: "x", count: 900)
    let isFull = Programs.until(seconds: 60) {
      _ = try? daemon.ask("line", "stop", "--reason", reason)
      return (try? stops())?.contains("\"stop_reason\":6") ?? false
    }
    #expect(isFull, "\(daemon.log)")
    let stop = try daemon.ask("line", "stop", "--reason", "the disk is full")
    #expect(stop.status == 0, "stopping is always possible: \(stop.errors)")
    let release = try daemon.ask("line", "release")
    #expect(release.status == 75)
    #expect(release.errors.contains("space"), "it says what to do: \(release.errors)")
    #expect(daemon.process.isRunning)

    try FileManager.default.removeItem(atPath: filler)
    let isBack = Programs.until(seconds: 30) {
      guard let answer = try? daemon.ask("line", "release") else { return false }
      return answer.status == 75 && !answer.errors.contains("space")
    }
    #expect(isBack, "\(daemon.log)")
    #expect(try stops().contains("\"stop_reason\":6"), "the fault stands until the release")
    daemon.stop(SIGTERM)
    let verify = try Programs.run(
      "lineward", ["records", "verify", "--directory", daemon.directory])
    #expect(verify.status == 0, "\(verify.errors)")
  }

  @Test func aReleaseThatIsRefusedNamesEveryCause() throws {
    let daemon = try Daemon()
    #expect(try daemon.startAndWait(), "\(daemon.log)")
    let ended = try daemon.ask("line", "release")
    #expect(ended.status == 75)
    for cause in ["no batch", "camera-1", "plc-1"] {
      #expect(ended.errors.contains(cause), "\(ended.errors)")
    }
  }

  @Test func aControlSocketFedWithGarbageLives() throws {
    let daemon = try Daemon()
    #expect(try daemon.startAndWait(), "\(daemon.log)")
    for text in [
      "garbage\n", "{\"version\":1", "{\"version\":99,\"command\":\"status\"}\n", "\u{0}\u{1}\n",
    ] {
      let file = try daemon.folder.write("garbage", text)
      _ = try Programs.shell("socat -u -T2 FILE:\(file) UNIX-CONNECT:\(daemon.socket)")
    }
    _ = try Programs.shell(
      "head -c 100000000 /dev/zero | tr '\\0' x | socat -u -T2 - UNIX-CONNECT:\(daemon.socket)")
    #expect(try daemon.ask("status").status == 0)
    #expect(daemon.process.isRunning)
  }

  @Test func fiveHundredConnectionsAtOnce() throws {
    let daemon = try Daemon()
    #expect(try daemon.startAndWait(), "\(daemon.log)")
    _ = try Programs.shell(
      "for i in $(seq 500); do socat -u -T3 PIPE UNIX-CONNECT:\(daemon.socket) 2>/dev/null & done; wait"
    )
    #expect(Programs.until(seconds: 10) { (try? daemon.ask("status"))?.status == 0 })
    #expect(daemon.process.isRunning)
  }

  @Test func aSecondDaemonOnTheSameRecordsIsRefused() throws {
    let daemon = try Daemon()
    #expect(try daemon.startAndWait(), "\(daemon.log)")
    let second = try Programs.run(
      "linewardd", ["--config", daemon.folder.url.appendingPathComponent("lineward.toml").path],
      seconds: 20)
    #expect(second.status > 0, "\(second.errors)")
    #expect(try daemon.ask("status").status == 0)
  }

  @Test func aForeignDatabaseIsNotTouched() throws {
    let daemon = try Daemon()
    try FileManager.default.createDirectory(
      atPath: daemon.directory, withIntermediateDirectories: true)
    let database = daemon.directory + "/records.sqlite"
    try Data("this is no database, but somebody's letter to the inspector\n".utf8).write(
      to: URL(fileURLWithPath: database))
    try daemon.start()
    _ = Programs.until(seconds: 20) { !daemon.process.isRunning }
    #expect(!daemon.process.isRunning)
    #expect(daemon.log.contains(database), "\(daemon.log)")
    #expect(
      try String(contentsOfFile: database, encoding: .utf8).contains("letter to the inspector"))
  }

  @Test func aStopBySignalIsInOrder() throws {
    let daemon = try Daemon()
    #expect(try daemon.startAndWait(), "\(daemon.log)")
    daemon.stop(SIGTERM)
    #expect(daemon.process.terminationStatus == 0)
    #expect(!FileManager.default.fileExists(atPath: daemon.socket))
    let verify = try Programs.run(
      "lineward", ["records", "verify", "--directory", daemon.directory])
    #expect(verify.status == 0, "\(verify.errors)")
  }

  @Test func aReloadWithABadFileKeepsTheRunningConfiguration() throws {
    let daemon = try Daemon()
    #expect(try daemon.startAndWait(), "\(daemon.log)")
    _ = try daemon.folder.write("lineward.toml", "[line]\nid = 5\n")
    kill(daemon.process.processIdentifier, SIGHUP)
    #expect(Programs.until(seconds: 10) { daemon.log.contains("line.id") }, "\(daemon.log)")
    #expect(try daemon.ask("status").status == 0)
  }
}

extension Programs {
  /// Runs a line of shell; for making trouble, not for answers.
  static func shell(_ line: String) throws -> Int32 {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/bash")
    process.arguments = ["-c", line]
    process.standardError = FileHandle.nullDevice
    process.standardOutput = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    return process.terminationStatus
  }
}
