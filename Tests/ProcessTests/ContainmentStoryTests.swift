import Foundation
import Testing

/// A duplicate stops the line, its case is worked to the end by four people, and the line runs again: daemon, simulated line,
/// password helper and command line as real processes.
///
/// `docs/operator.md` tells it with what this prints: `LINEWARD_STORY=FILE` writes that, and `LINEWARD_STORY_LOGINS` names four
/// logins of the machine to play it (operator, supervisor, quality, maintenance).
@Suite(.enabled(if: hasWrapper, "needs the Debian package libpam-wrapper"))
struct ContainmentStoryTests {
  private final class Story {
    let directory: Scratch
    let helper: PeopleProcessTests.Helper
    let logins: [String: String]
    let line = Process()
    let daemon = Process()
    var text = ""
    var socket: String { directory.url.appendingPathComponent("control.sock").path }

    init() throws {
      directory = try Scratch()
      let names =
        ProcessInfo.processInfo.environment["LINEWARD_STORY_LOGINS"]?.split(separator: ",")
        .map(String.init) ?? ["games", "sys", "bin", "daemon"]
      logins = Dictionary(
        uniqueKeysWithValues: zip(["operator", "supervisor", "quality", "maintenance"], names))
      helper = try PeopleProcessTests.Helper(
        logins: names.map { ($0, "\($0)-4711") })
      let scenario = try directory.write(
        "scenario.toml",
        """
        [line]
        units_per_minute = 300
        duration_s = 9
        [batch]
        id = "B-2026-117"
        lot = "K4711"
        expiry = "281130"
        pool = 200
        [[fault]]
        at_s = 4.0
        kind = "duplicate"
        """)
      line.executableURL = Programs.path("linewardsim")
      line.arguments = [
        "--scenario", scenario, "--directory", directory.url.path, "--external",
      ]
      let said = directory.url.appendingPathComponent("sim")
      _ = FileManager.default.createFile(atPath: said.path, contents: nil)
      line.standardOutput = try FileHandle(forWritingTo: said)
      try line.run()
      let configuration = directory.url.appendingPathComponent("lineward.toml")
      #expect(
        Programs.until(seconds: 20) {
          (try? String(contentsOf: said, encoding: .utf8))?.contains("serials ") == true
        })
      var toml = try String(contentsOf: configuration, encoding: .utf8)
      let from = try #require(toml.range(of: "[roles]"))
      let to = try #require(toml.range(of: "[[scanner]]"))
      toml.replaceSubrange(
        from.lowerBound..<to.lowerBound,
        with: "[roles]\n"
          + logins.sorted { $0.key < $1.key }.map { "\($0.key) = [\"user:\($0.value)\"]\n" }
          .joined() + "[limits]\nduplicates = 1\n[containment]\nsignatures = [\"quality\"]\n")
      toml = toml.replacingOccurrences(
        of: "control.sock\"\n", with: "control.sock\"\nauth_socket = \"\(helper.socket)\"\n")
      try toml.write(to: configuration, atomically: false, encoding: .utf8)
      daemon.executableURL = Programs.path("linewardd")
      daemon.arguments = ["--config", configuration.path]
      let log = directory.url.appendingPathComponent("log")
      _ = FileManager.default.createFile(atPath: log.path, contents: nil)
      daemon.standardError = try FileHandle(forWritingTo: log)
      daemon.standardOutput = daemon.standardError
      try daemon.run()
      #expect(Programs.until(seconds: 20) { (try? ask(["status"]))?.status == 0 }, "\(self.log)")
    }

    deinit {
      for process in [daemon, line] where process.isRunning {
        process.terminate()
        process.waitUntilExit()
      }
    }

    var log: String {
      (try? String(
        contentsOf: directory.url.appendingPathComponent("log"), encoding: .utf8)) ?? ""
    }

    func ask(_ words: [String], input: String = "") throws -> Programs.Ended {
      try Programs.run("lineward", ["--socket", socket] + words, input: input)
    }

    /// Types a command as somebody of a role, tells it, and says how it ended.
    @discardableResult
    func type(_ words: String..., by role: String? = nil, status: Int32 = 0) throws -> String {
      let login = role.flatMap { logins[$0] }
      let ended = try ask(
        words + (login.map { ["--as", $0, "--password-stdin"] } ?? []),
        input: login.map { "\($0)-4711\n" } ?? "")
      let shown = (words + (login.map { ["--as", $0] } ?? [])).map {
        $0.contains(" ") ? "\"\($0)\"" : $0
      }
      text += "$ lineward \(shown.joined(separator: " "))\n\(ended.output)\(ended.errors)"
      #expect(ended.status == status, "\(words): \(ended.output)\(ended.errors)\(log)")
      return ended.output + ended.errors
    }
  }

  @Test func aDuplicateStopsTheLineAndTheCaseIsWorkedToItsEnd() throws {
    let story = try Story()
    try story.type(
      "batch", "open", "--id", "B-2026-117", "--gtin", "09506000134352", "--lot", "K4711",
      "--expiry", "281130", "--serials",
      story.directory.url.appendingPathComponent("serials.txt").path)
    try story.type("batch", "start")
    #expect(
      Programs.until(seconds: 30) {
        (try? story.ask(["line", "release"]))?.status == 0
      }, "\(story.log)")
    // The duplicate comes after four seconds of belt.
    #expect(
      Programs.until(seconds: 60) {
        (try? story.ask(["--json", "status"]))?.output.contains("\"open\":1") == true
      }, "\(story.log)")
    #expect(
      Programs.until(seconds: 20) {
        (try? story.ask(["containment", "show"]))?.output.contains("1 done") == true
      }, "\(story.log)")
    try story.type("status")
    try story.type("alarms")
    let shown = try story.type("containment", "show")
    #expect(shown.contains("every PLC shows permit 0, and the conveyor stands"))
    let refused = try story.type("line", "release", by: "operator", status: 75)
    #expect(refused.contains("case C1 is open"))
    try story.type(
      "ack", "duplicate_found@unit-1", "--occurrence", "1", "--comment", "both packs are here",
      by: "operator")
    try story.type("containment", "answer", "C1", "--role", "manufacturing", by: "supervisor")
    try story.type(
      "containment", "answer", "C1", "--role", "quality", "--comment", "on my way", by: "quality")
    try story.type(
      "containment", "answer", "C1", "--role", "it", "--phoned", "M. Weber", by: "operator")
    #expect(try story.type("containment", "units", "C1").contains("units"))
    // Who has not the role does not complete a step.
    try story.type(
      "containment", "complete", "C1", "gather", "--evidence", "seen", by: "operator", status: 75)
    try story.type(
      "containment", "complete", "C1", "isolate", "--evidence",
      "19 packs counted and locked away, both with the same serial among them", by: "supervisor")
    try story.type(
      "containment", "complete", "C1", "check", "--evidence",
      "printer had repeated one label after a ribbon change; restarted", by: "maintenance")
    let bundle = story.directory.url.appendingPathComponent("case-C1").path
    try story.type("containment", "bundle", "C1", "--to", bundle, by: "quality")
    try story.type("records", "check-export", bundle)
    let serials = try String(
      contentsOf: story.directory.url.appendingPathComponent("serials.txt"), encoding: .utf8)
    let first = try #require(serials.split(separator: "\n").first.map(String.init))
    func isOnHold() throws -> Bool {
      try story.ask(["--json", "unit", first]).output.contains("\"hold\":true")
    }
    #expect(try isOnHold())
    try story.type(
      "containment", "complete", "C1", "gather", "--evidence", "bundle is in the quality folder",
      by: "quality")
    // Neither is the case closed unsigned, nor does root sign, nor a wrong password.
    try story.type("containment", "close", "C1", "--reason", "solved", by: "supervisor", status: 75)
    #expect(
      try story.ask(["containment", "sign", "C1", "--meaning", "reviewed"]).status == 77)
    let login = try #require(story.logins["quality"])
    #expect(
      try story.ask(
        [
          "containment", "sign", "C1", "--meaning", "reviewed", "--as", login, "--password-stdin",
        ], input: "wrong\n"
      ).status == 77)
    try story.type(
      "containment", "sign", "C1", "--meaning",
      "reviewed: one repeated label, both packs destroyed",
      by: "quality")
    try story.type(
      "containment", "close", "C1", "--reason", "repeated label, both packs destroyed",
      by: "supervisor")
    #expect(try !isOnHold())
    try story.type("line", "release", by: "operator")
    try story.type("containment", "show", "C1")
    #expect(
      Programs.until(seconds: 20) {
        (try? story.ask(["--json", "status"]))?.output.contains("\"run_permit\":true") == true
      })
    let verified = try story.type("records", "verify")
    #expect(verified.contains("signature"))
    let replayed = try Programs.run(
      "lineward",
      [
        "records", "replay", "--directory",
        story.directory.url.appendingPathComponent("records").path,
      ]
    )
    #expect(replayed.status == 0, "\(replayed.output)\(replayed.errors)")
    if let file = ProcessInfo.processInfo.environment["LINEWARD_STORY"] {
      try story.text.replacingOccurrences(of: story.directory.url.path + "/", with: "").write(
        toFile: file, atomically: true, encoding: .utf8)
    }
  }
}

/// Outside of the suite: its own attribute cannot speak of it.
private let hasWrapper = FileManager.default.fileExists(
  atPath: "/usr/lib/x86_64-linux-gnu/pam_wrapper/pam_matrix.so")
