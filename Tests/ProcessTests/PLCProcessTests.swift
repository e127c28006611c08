import Foundation
import Testing

@testable import Simulation

/// The daemon beside other masters and other makers' PLCs.
@Suite(.serialized) struct PLCProcessTests {
  static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()
  static let python = root.appendingPathComponent(".build/test-venv/bin/python")

  /// The simulated line's PLC and scanner alone, with the port and the path that it prints.
  final class ExternalLine {
    let process = Process()
    let folder: Scratch
    var port = 0
    var scanner = ""

    init() throws {
      folder = try Scratch()
      let log = folder.url.appendingPathComponent("sim.log")
      _ = FileManager.default.createFile(atPath: log.path, contents: nil)
      process.executableURL = Programs.path("linewardsim")
      process.arguments = [
        "--scenario",
        PLCProcessTests.root.appendingPathComponent("config/scenarios/clean.toml").path,
        "--directory", folder.url.path, "--external",
      ]
      process.standardOutput = try FileHandle(forWritingTo: log)
      try process.run()
      _ = Programs.until(seconds: 20) {
        let text = (try? String(contentsOf: log, encoding: .utf8)) ?? ""
        let words = text.split { $0 == " " || $0 == "\n" || $0 == "," }
        for word in words {
          if let number = Int(word.split(separator: ":").last ?? ""), number > 1024 {
            self.port = number
          }
          if word.hasSuffix("/camera-1") { self.scanner = String(word) }
        }
        return self.port != 0 && !self.scanner.isEmpty
      }
    }

    deinit {
      kill(process.processIdentifier, SIGKILL)
      process.waitUntilExit()
    }
  }

  static func mbpoll(_ arguments: [String]) throws -> (status: Int32, output: String) {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/mbpoll")
    process.arguments = arguments
    let output = Pipe()
    process.standardOutput = output
    process.standardError = output
    try process.run()
    let text = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: text, as: UTF8.self))
  }

  static func registers(_ daemon: Daemon) throws -> [[String: Any]] {
    let answer = try daemon.ask("plcs", "--registers", json: true)
    #expect(answer.status == 0, "\(answer.errors)")
    return try JSONSerialization.jsonObject(with: Data(answer.output.utf8)) as? [[String: Any]]
      ?? []
  }

  static func plc(_ daemon: Daemon) throws -> [String: Any] {
    let answer = try daemon.ask("plcs", json: true)
    let all = try JSONSerialization.jsonObject(with: Data(answer.output.utf8)) as? [[String: Any]]
    return all?.first ?? [:]
  }

  @Test func mbpollReadsBesideUsAndWhatItWritesIsNoticedAndUndone() throws {
    let line = try ExternalLine()
    let daemon = try Daemon(scanner: line.scanner, port: line.port, plcBase: 200)
    #expect(try daemon.startAndWait())
    #expect(
      Programs.until(seconds: 20) { (try? Self.plc(daemon))?["state"] as? String == "online" })
    let beside = ["-m", "tcp", "-p", "\(line.port)", "-a", "1", "-0", "-1", "-t", "4"]
    for _ in 0..<10 {
      let read = try Self.mbpoll(beside + ["-r", "200", "-c", "10", "127.0.0.1"])
      #expect(read.status == 0 && read.output.contains("[200]: \t1"), "\(read.output)")
    }
    #expect(try Self.plc(daemon)["connections"] as? Int == 1)
    // A permit that nobody gave, and a slot that nobody sent.
    let permit = try Self.mbpoll(beside + ["-r", "2", "127.0.0.1", "1"])
    #expect(permit.status == 0, "\(permit.output)")
    #expect(
      Programs.until(seconds: 20) {
        let read = try? Self.mbpoll(beside + ["-r", "2", "-c", "1", "127.0.0.1"])
        return read?.output.contains("[2]: \t0") == true
      })
    let slot = try Self.mbpoll(beside + ["-r", "40", "127.0.0.1", "6", "6", "1", "4711"])
    #expect(slot.status == 0, "\(slot.output)")
    #expect(
      Programs.until(seconds: 20) {
        (try? daemon.ask("alarms"))?.output.contains("somebody else writes") == true
      })
    #expect(
      Programs.until(seconds: 20) { (try? Self.plc(daemon))?["state"] as? String == "online" })
    daemon.stop(SIGTERM)
  }

  @Test func registersAreShownDecodedAndInJSON() throws {
    let line = try ExternalLine()
    let daemon = try Daemon(scanner: line.scanner, port: line.port, plcBase: 200)
    #expect(try daemon.startAndWait())
    #expect(
      Programs.until(seconds: 20) { (try? Self.plc(daemon))?["state"] as? String == "online" })
    let text = try daemon.ask("plcs", "--registers")
    #expect(text.status == 0)
    for words in [
      "Station unit-1", "host block", "PLC block", "echo of the epoch", "ring of 16 slots",
    ] {
      #expect(text.output.contains(words), "\(text.output)")
    }
    let json = try Self.registers(daemon)
    #expect(json.count == 1 && json[0]["station"] as? String == "unit-1")
    let block = json[0]["plc_block"] as? [String: Any]
    #expect(
      (block?["registers"] as? [Any])?.count == 10 && (block?["slots"] as? [Any])?.count == 16)
    let health = try Self.plc(daemon)
    #expect((health["response_p50_us"] as? Int ?? 0) > 0 && health["data_age_ms"] is Int)
    kill(line.process.processIdentifier, SIGSTOP)
    let begun = DispatchTime.now()
    let gone = try daemon.ask("plcs", "--registers")
    #expect(gone.output.contains("no link"), "\(gone.output)")
    #expect(DispatchTime.now().uptimeNanoseconds - begun.uptimeNanoseconds < 15_000_000_000)
    kill(line.process.processIdentifier, SIGCONT)
  }

  static func check(_ daemon: Daemon) throws -> Programs.Ended {
    try Programs.run(
      "linewardd",
      ["--check-plc", "--config", daemon.folder.url.appendingPathComponent("lineward.toml").path])
  }

  @Test func checkPLCSaysThatAGoodPLCIsGoodAndWritesNothing() throws {
    let line = try ExternalLine()
    let daemon = try Daemon(scanner: line.scanner, port: line.port, plcBase: 200)
    let checked = try Self.check(daemon)
    #expect(checked.status == 0, "\(checked.output)\(checked.errors)")
    for words in [
      "map version 1", "the heartbeat moves", "no daemon has spoken", "Nothing to mend.",
    ] {
      #expect(checked.output.contains(words), "\(checked.output)")
    }
    let host = try Self.mbpoll([
      "-m", "tcp", "-p", "\(line.port)", "-a", "1", "-0", "-1", "-t", "4", "-r", "0", "-c", "10",
      "127.0.0.1",
    ])
    #expect((0..<10).allSatisfy { host.output.contains("[\($0)]: \t0") }, "\(host.output)")
    // Beside a running daemon it disturbs nothing.
    #expect(try daemon.startAndWait())
    #expect(
      Programs.until(seconds: 20) { (try? Self.plc(daemon))?["state"] as? String == "online" })
    let beside = try Self.check(daemon)
    #expect(beside.status == 0 && beside.output.contains("A daemon answers at"), "\(beside.output)")
    #expect(try Self.plc(daemon)["connections"] as? Int == 1)
    #expect(try Self.plc(daemon)["errors"] as? Int == 0)
  }

  @Test func checkPLCSaysWhatCannotBeReachedAndWhatIsBad() throws {
    let nobody = try Daemon()
    let unreachable = try Self.check(nobody)
    #expect(unreachable.status == 69 && unreachable.output.contains("Connection refused"))
    let bad = try Daemon(more: "poll = 1")
    #expect(try Self.check(bad).status == 78)
  }

  /// A PLC on pymodbus' server.
  final class PythonPLC {
    /// Its port, or the path of its serial line.
    private(set) var place = ""
    private let process = Process()
    private let input = Pipe()
    private let output = Pipe()
    private var printed = ""

    init(isSerial: Bool = false) throws {
      process.executableURL = PLCProcessTests.python
      process.arguments =
        [PLCProcessTests.root.appendingPathComponent("Tests/system/pymodbus-plc").path]
        + (isSerial ? ["--serial"] : [])
      process.standardInput = input
      process.standardOutput = output
      try process.run()
      place = try #require(line())
    }

    deinit {
      kill(process.processIdentifier, SIGKILL)
      process.waitUntilExit()
    }

    func say(_ words: String) { input.fileHandleForWriting.write(Data((words + "\n").utf8)) }

    func end() {
      kill(process.processIdentifier, SIGKILL)
      process.waitUntilExit()
    }

    /// The next line that it prints, nil at its end.
    func line() -> String? {
      while true {
        if let end = printed.firstIndex(of: "\n") {
          defer { printed.removeSubrange(...end) }
          return String(printed[..<end])
        }
        let data = output.fileHandleForReading.availableData
        if data.isEmpty { return nil }
        printed += String(decoding: data, as: UTF8.self)
      }
    }
  }

  /// Opens and starts a batch of these serials and releases the line.
  static func release(_ daemon: Daemon, serials: String) throws {
    let scratch = try Scratch()
    let opened = try daemon.ask(
      "batch", "open", "--id", "B1", "--gtin", "09506000134352", "--lot", "L1", "--expiry",
      "281231", "--serials", try scratch.write("serials", serials))
    #expect(opened.status == 0, "\(opened.errors)")
    #expect(try daemon.ask("batch", "start").status == 0)
    #expect(Programs.until(seconds: 20) { (try? daemon.ask("line", "release"))?.status == 0 })
    #expect(
      Programs.until(seconds: 20) { (try? Self.plc(daemon))?["permit_obeyed"] as? Bool == true })
  }

  static let hasPython: ConditionTrait = .enabled(
    if: FileManager.default.isExecutableFile(atPath: python.path), "make test-venv")

  @Test(
    "another maker's RTU slave is checked, linked, and gets verdicts over its serial line",
    hasPython)
  func anRTUPLCOfAnotherMakerRunsAUnit() throws {
    let plc = try PythonPLC(isSerial: true)
    let scratch = try Scratch()
    let scanner = try ScannerPort(path: scratch.url.appendingPathComponent("camera-1").path)
    let daemon = try Daemon(
      scanner: scanner.path, line: plc.place, more: "read_timeout_ms = 400\nquiet_ms = 1000")
    let checked = try Self.check(daemon)
    #expect(checked.status == 0, "\(checked.output)\(checked.errors)")
    #expect(checked.output.contains("Nothing to mend."), "\(checked.output)")
    #expect(try daemon.startAndWait())
    try Self.release(daemon, serials: "A1\nA2\n")
    for (unit, serial, verdict) in [(1, "A1", 1), (2, "A1", 9)] {
      plc.say("trigger")
      scanner.say(Array("]d2010950600013435221\(serial)\u{1D}1728123110L1\r\n".utf8))
      scanner.serve()
      #expect(plc.line() == "verdict \(unit) \(unit) \(verdict)", "\(daemon.log)")
      #expect(
        Programs.until(seconds: 20) {
          let answer = try? daemon.ask("status", json: true)
          return answer?.output.contains("\"units\":\(unit)") == true
        })
    }
    #expect(try daemon.ask("records", "verify").status == 0)
  }

  @Test(
    "a coil is the second way to stop: it is written when the PLC ignores a stop, and out of reach it is an alarm and keeps the line from being released",
    hasPython)
  func aCoilIsTheSecondWay() throws {
    let plc = try PythonPLC()
    let other = try PythonPLC()
    let scratch = try Scratch()
    let scanner = try ScannerPort(path: scratch.url.appendingPathComponent("camera-1").path)
    let daemon = try Daemon(
      scanner: scanner.path, port: try #require(Int(plc.place)),
      more: """
        [[plc]]
        name = "relay"
        transport = "tcp"
        host = "127.0.0.1"
        port = \(other.place)
        [second_stop]
        way = "coil"
        plc = "relay"
        coil = 5
        coil_value = true
        """)
    #expect(try daemon.startAndWait())
    try Self.release(daemon, serials: "A1\n")
    plc.say("obey off")
    #expect(try daemon.ask("line", "stop", "--reason", "test").status == 0)
    let coil = ["-m", "tcp", "-p", other.place, "-a", "1", "-0", "-1", "-t", "0", "-r", "5"]
    #expect(
      Programs.until(seconds: 20) {
        (try? Self.mbpoll(coil + ["-c", "1", "127.0.0.1"]))?.output.contains("[5]: \t1") == true
      })
    let alarms = try daemon.ask("alarms", json: true)
    #expect(!alarms.output.contains("second_stop_failed"), "\(alarms.output)")
    other.end()
    #expect(
      Programs.until(seconds: 20) {
        (try? daemon.ask("alarms", json: true))?.output.contains("second_stop_unreachable") == true
      })
    plc.say("obey on")
    let refused = try daemon.ask("line", "release")
    #expect(
      refused.status == 75 && refused.errors.contains("coil 5 cannot be reached"),
      "\(refused.output)\(refused.errors)")
  }

  @Test("a PLC that ignores the permit is stopped by the second way", hasPython)
  func aPLCThatIgnoresThePermitIsStoppedByTheSecondWay() throws {
    let plc = try PythonPLC()
    let scratch = try Scratch()
    let scanner = try ScannerPort(path: scratch.url.appendingPathComponent("camera-1").path)
    let mark = scratch.url.appendingPathComponent("stopped")
    let daemon = try Daemon(
      scanner: scanner.path, port: try #require(Int(plc.place)),
      more: """
        [second_stop]
        way = "command"
        command = ["/usr/bin/touch", "\(mark.path)"]
        """)
    #expect(try daemon.startAndWait())
    try Self.release(daemon, serials: "A1\nA2\n")
    #expect(!FileManager.default.fileExists(atPath: mark.path))
    plc.say("obey off")
    #expect(
      Programs.until(seconds: 20) { (try? Self.plc(daemon))?["conveyor_moving"] as? Bool == true })
    #expect(try daemon.ask("line", "stop", "--reason", "test").status == 0)
    #expect(Programs.until(seconds: 20) { FileManager.default.fileExists(atPath: mark.path) })
    #expect(
      Programs.until(seconds: 20) {
        (try? daemon.ask("alarms", json: true))?.output.contains("stop_not_confirmed") == true
      })
    let alarms = try daemon.ask("alarms", json: true)
    #expect(!alarms.output.contains("second_stop_failed"), "\(alarms.output)")
    #expect(try daemon.ask("records", "verify").status == 0)
  }
}
