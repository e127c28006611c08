import Foundation
import Testing

/// The challenge test as an operator runs it: real daemon, command line and simulated line.
@Suite(.serialized) struct ChallengeProcessTests {
  private static let scenario = """
    [line]
    units_per_minute = 600
    duration_s = 600

    [batch]
    id = "C-1"
    pool = 20000

    [mix]
    no_read = 15
    duplicate = 15
    wrong_lot = 15
    unknown_serial = 15
    """

  /// The simulated line alone; killed when the test ends.
  final class SimulatedLine {
    let folder: Scratch
    let process = Process()
    private let output: URL

    init() throws {
      folder = try Scratch()
      let file = try folder.write("scenario.toml", scenario)
      output = folder.url.appendingPathComponent("out")
      _ = FileManager.default.createFile(atPath: output.path, contents: nil)
      process.executableURL = Programs.path("linewardsim")
      process.arguments = [
        "--external", "--scenario", file, "--seed", "5",
        "--directory", folder.url.appendingPathComponent("sim").path,
      ]
      process.standardOutput = try FileHandle(forWritingTo: output)
      try process.run()
    }

    deinit {
      if process.isRunning {
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
      }
    }

    private var text: String { (try? String(contentsOf: output, encoding: .utf8)) ?? "" }

    /// What it says of itself behind a word, once it has said all.
    func said(_ word: String) -> String? {
      guard Programs.until(seconds: 20, { text.contains("\nserials ") }) else { return nil }
      return text.split(separator: "\n").first { $0.hasPrefix(word + " ") }.map {
        String($0.dropFirst(word.count + 1))
      }
    }
  }

  private struct Status: Decodable {
    struct Station: Decodable {
      struct Challenge: Decodable {
        var running: Bool
        var missing: [String]
        var passed_at: String?
        var due: String?
      }
      var accepted: Int
      var passed: Int
      var challenge: Challenge?
    }
    var run_permit: Bool
    var stop_reasons: [Int]
    var stations: [Station]
  }

  private static func status(_ daemon: Daemon) throws -> Status {
    let ended = try daemon.ask("status", json: true)
    return try JSONDecoder().decode(Status.self, from: Data(ended.output.utf8))
  }

  @Test func knownBadPacksAreRejectedAndProductionGoesOn() throws {
    let line = try SimulatedLine()
    let port = try #require(line.said("plc")?.split(separator: ":").last.flatMap { Int($0) })
    let scanner = try #require(line.said("scanner"))
    let serials = try #require(line.said("serials"))
    let daemon = try Daemon(
      scanner: scanner, port: port, plcBase: 200,
      more: """
        [limits]
        consecutive_rejects = 10000
        consecutive_no_reads = 10000
        [challenge]
        after_batch_start = true
        """)
    #expect(try daemon.startAndWait(), "\(daemon.log)")
    func shown() -> String { (try? daemon.ask("challenge", "show").output) ?? "" }
    func done(_ words: String...) throws -> Bool {
      try Programs.run("lineward", ["--socket", daemon.socket] + words).status == 0
    }
    #expect(
      try done(
        "batch", "open", "--id", "C-1", "--gtin", "09506000134352", "--lot", "LOT-A7", "--expiry",
        "280331", "--serials", serials))
    #expect(try done("batch", "start"))
    // Without a test no release; the refusal says what to type.
    #expect(
      Programs.until(seconds: 20) {
        let ended = try? daemon.ask("line", "release")
        return ended?.status == 75 && ended?.errors.contains("no link") == false
          && ended?.errors.contains("lineward challenge start unit-1") == true
      }, "\(daemon.log)")
    #expect(try Self.status(daemon).stop_reasons.contains(14))

    // No pack passes in a test, so nothing is there yet that could be duplicated: that one cannot be passed here.
    #expect(try done("challenge", "start", "unit-1"))
    #expect(Programs.until(seconds: 20) { (try? done("line", "release")) == true }, "\(daemon.log)")
    #expect(
      Programs.until(seconds: 60) {
        guard let status = try? Self.status(daemon) else { return false }
        // A machine that stands still for a moment puts tracking in doubt, rightly: then the line is released again.
        if !status.run_permit { _ = try? done("line", "release") }
        return status.stations[0].challenge?.missing == ["duplicate"]
      }, "\(shown())")
    #expect(try Self.status(daemon).stations[0].passed == 0)
    #expect(try daemon.ask("challenge", "show").output.contains("still to send:     duplicate"))
    #expect(try done("challenge", "cancel", "unit-1", "--reason", "no duplicate at hand"))
    // Not passed, and due: the line stops.
    #expect(Programs.until(seconds: 10) { (try? Self.status(daemon).run_permit) == false })
    #expect(try daemon.ask("records", "verify").status == 0)
    daemon.stop(SIGTERM)
    let replayed = try Programs.run(
      "lineward", ["records", "replay", "--directory", daemon.directory])
    #expect(replayed.status == 0, "\(replayed.output)\(replayed.errors)")

    // The same records go on under a rule that asks for no test; one by hand is passed while production runs.
    let file = daemon.folder.url.appendingPathComponent("lineward.toml")
    let text = try String(contentsOf: file, encoding: .utf8)
    try Data(text.replacingOccurrences(of: "after_batch_start = true", with: "").utf8).write(
      to: file)
    #expect(try daemon.startAndWait(), "\(daemon.log)")
    #expect(Programs.until(seconds: 20) { (try? done("line", "release")) == true }, "\(daemon.log)")
    #expect(
      Programs.until(seconds: 60) {
        guard let status = try? Self.status(daemon) else { return false }
        if !status.run_permit { _ = try? done("line", "release") }
        return status.stations[0].passed > 5
      }, "\(daemon.log)")
    #expect(try done("challenge", "start", "unit-1"))
    #expect(
      Programs.until(seconds: 60) {
        guard let status = try? Self.status(daemon) else { return false }
        if !status.run_permit { _ = try? done("line", "release") }
        return status.stations[0].challenge?.passed_at != nil
      }, "\(shown())")
    let passed = try Self.status(daemon)
    #expect(passed.stations[0].challenge?.running == false)
    #expect(
      Programs.until(seconds: 30) {
        guard let status = try? Self.status(daemon) else { return false }
        if !status.run_permit { _ = try? done("line", "release") }
        return status.stations[0].passed > passed.stations[0].passed + 3
      }, "\(daemon.log)")
    #expect(try daemon.ask("records", "verify").status == 0)
    daemon.stop(SIGTERM)
    let again = try Programs.run(
      "lineward", ["records", "replay", "--directory", daemon.directory])
    #expect(again.status == 0, "\(again.output)\(again.errors)")
  }
}
