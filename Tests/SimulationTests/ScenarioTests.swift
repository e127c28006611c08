import Simulation
import Testing

@Suite struct ScenarioTests {
  private func scenario(_ text: String) throws -> Scenario {
    try Scenario(text: Array(text.utf8), file: "test.toml")
  }

  static let bad: [(text: String, place: String, word: String)] = [
    ("[line]\nspeed = 3\n", "test.toml:2:", "unknown key line.speed"),
    ("[lines]\nid = \"A\"\n", "test.toml:1:", "unknown key lines"),
    ("units_per_minute = 600\n", "test.toml:1:", "unknown key units_per_minute"),
    ("[line]\nunits_per_minute = \"600\"\n", "test.toml:2:", "whole number"),
    ("[line]\nunits_per_minute = 6.5\n", "test.toml:2:", "whole number"),
    ("[line]\nunits_per_minute = 0\n", "test.toml:2:", "1 to 3000"),
    ("[line]\nunits_per_minute = 99999999999999\n", "test.toml:2:", "1 to 3000"),
    ("[line]\nduration_s = true\n", "test.toml:2:", "a number"),
    ("[line]\nduration_s = nan\n", "test.toml:2:", "must be"),
    ("[line]\nid = 7\n", "test.toml:2:", "text in quotes"),
    ("[plc]\nslots = 12\n", "test.toml:2:", "8, 16 or 32"),
    ("[plc]\ntears_outcomes = 1\n", "test.toml:2:", "true or false"),
    ("[batch]\ngtin = \"123\"\n", "test.toml:2:", "14 digits"),
    ("[mix]\nwrong_lott = 1\n", "test.toml:2:", "unknown fault wrong_lott"),
    ("[mix]\nnone = 1\n", "test.toml:2:", "unknown fault none"),
    ("[mix]\nwrong_lot = 60\nno_read = 60\n", "test.toml:2:", "more than 100 percent"),
    ("[[fault]]\nat_s = 1\nkind = \"silent\"\nwho = 1\n", "test.toml:4:", "unknown key"),
    ("\n[[fault]]\nkind = \"silent\"\n", "test.toml:2:", "needs at_s and kind"),
    ("[[fault]]\nat_s = 1\nkind = \"bang\"\n", "test.toml:1:", "unknown fault \"bang\""),
    ("[[fault]]\nat_s = 1\nkind = \"silent\"\nfor_s = 1\n", "test.toml:1:", "count, not for_s"),
    ("[[fault]]\nat_s = 1\nkind = \"cable_out\"\ncount = 2\n", "test.toml:1:", "for_s, not count"),
    ("[[fault]]\nat_s = 1\nkind = \"silent\"\ncount = 0\n", "test.toml:4:", "1 to 1000"),
    ("fault = 3\n", "test.toml:1:", "unknown key fault"),
    ("[line\n", "test.toml:1:", ""),
  ]

  @Test(arguments: bad.indices)
  func badFilesAreRefusedWithTheirPlace(_ index: Int) {
    let (text, place, word) = Self.bad[index]
    do {
      _ = try scenario(text)
      Issue.record("accepted: \(text)")
    } catch {
      let said = "\(error)"
      #expect(said.hasPrefix(place) && said.contains(word), "\(said)")
    }
  }

  @Test func aMissingFileIsNamed() {
    #expect(throws: ScenarioError.self) { try Scenario(path: "/nowhere/at-all.toml") }
  }

  @Test func nothingAtAllIsACleanLine() throws {
    let plan = try scenario("")
    #expect(plan.line.conveyor.pitch == .milliseconds(100))
    #expect(plan.line.mix.isEmpty && plan.script.isDone)
    #expect(plan.duration == .seconds(30))
  }

  @Test(arguments: ["clean", "demo", "faults", "kill"])
  func shippedFilesAreRight(_ name: String) throws {
    // Tests/SimulationTests/ScenarioTests.swift, two folders up.
    let folder = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
    let plan = try Scenario(path: "/\(folder)/config/scenarios/\(name).toml")
    #expect(plan.script.isDone == (name == "clean"))
  }

  @Test func aFastLineGetsTimesThatFit() throws {
    var plan = try scenario("")
    plan.setRate(1200)
    let line = plan.line
    #expect(line.conveyor.pitch == .milliseconds(50))
    #expect(line.scanner.delay <= .milliseconds(10))
    let text = plan.daemonConfiguration(directory: "/tmp/a \"b\"", port: 1502, user: "ann")
    #expect(text.contains("read_timeout_ms = 20") && text.contains("early_read_ms = 15"))
    #expect(text.contains("device = \"/tmp/a \\\"b\\\"/camera-1\"") && text.contains("port = 1502"))
    #expect(text.contains("operator = [\"user:ann\"]"))
  }

  @Test func aScriptGoesByTheBeltAndLastsByTheClock() {
    var script = FaultScript([
      ScheduledFault(at: .seconds(2), .line(.cableOut, lasting: .seconds(1))),
      ScheduledFault(at: .seconds(1), .unit(.silent, count: 2)),
      ScheduledFault(at: .seconds(2), .line(.cableOut, lasting: .seconds(1))),
    ])
    #expect(script.advance(travelled: 0, now: .seconds(50)) == [])
    #expect(
      script.advance(travelled: .seconds(1), now: .seconds(51)) == [.ask(.silent), .ask(.silent)])
    #expect(script.advance(travelled: .seconds(2), now: .seconds(60)) == [.begin(.cableOut)])
    #expect(script.nextEvent == .seconds(61))
    #expect(script.advance(travelled: .seconds(2), now: .seconds(60)) == [])
    // The same fault again begins when the first has ended.
    #expect(
      script.advance(travelled: .seconds(2), now: .seconds(61)) == [
        .end(.cableOut), .begin(.cableOut),
      ])
    #expect(script.advance(travelled: .seconds(2), now: .seconds(62)) == [.end(.cableOut)])
    #expect(script.isDone)
  }
}
