import Control
import Foundation
import Line
import Testing

@Suite("The operator's page says what the programs say")
struct OperatorPageTests {
  static func page() throws -> String {
    let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("../../docs/operator.md")
    return try String(contentsOf: file, encoding: .utf8)
  }

  @Test("every stop reason, with what to do", arguments: StopReason.allCases)
  func stopReason(reason: StopReason) throws {
    #expect(
      try Self.page().contains("| \(reason.rawValue) | \(reason.phrase) | \(reason.nextStep) |"))
  }

  @Test("every verdict that rejects", arguments: Verdict.allCases.filter { $0 != .accept })
  func verdict(verdict: Verdict) throws {
    #expect(try Self.page().contains("| \(verdict.rawValue) | \(verdict.phrase) |"))
  }

  @Test("every exit status", arguments: Control.ExitStatus.allCases)
  func exitStatus(status: Control.ExitStatus) throws {
    #expect(try Self.page().contains("| \(status.rawValue) | "))
  }

  @Test("every command", arguments: WireTests.commands)
  func command(command: Command) throws {
    #expect(try Self.page().contains("lineward \(command.words)"))
  }

  @Test("the screen of watch is the one that is tested")
  func watch() throws {
    let screen = try #require(WatchScreenTests.saved.first { $0.name == "question" }).screen
    let lines = screen.lines(rows: 24, columns: 80, colours: false, now: 1000).map { line in
      var line = WatchScreenTests.bare(line)
      while line.last == " " { line.removeLast() }
      return line
    }
    #expect(try Self.page().contains(lines.joined(separator: "\n")))
  }

  @Test("status and alarms look as the programs lay them out")
  func samples() throws {
    let page = try Self.page()
    let status = StatusReply(
      line: "L01", runPermit: false, stopReasons: [8],
      batch: BatchStatus(
        id: "B-2026-117", gtin: "09506000134352", lot: "K4711", expiry: "281130", state: "running",
        pool: 25_000, commissioned: 1_204),
      stations: [
        StationStatus(
          name: "unit-1", units: 1_222, accepted: 1_205,
          rejectedBy: [0, 0, 11, 0, 1, 0, 0, 0, 0, 0, 5], passed: 1_204, inDoubt: 0,
          scannerOnline: true, plcOnline: true, openUnits: 1, inStep: true)
      ], alarms: .init(active: 1, unacknowledged: 1))
    let alarm = AlarmReply(
      id: "consecutive_rejects@unit-1", occurrence: 2, kind: "consecutive_rejects",
      priority: "medium", state: "unacknowledged", station: "unit-1",
      message: "5 rejects in a row at station unit-1", raisedAt: "2026-03-01T09:14:22.518Z",
      remedy: "Look at print, lighting and scanner; clear the cause, then release.")
    for lines in [Render().status(status), Render().alarms([alarm])] {
      #expect(page.contains(lines.joined(separator: "\n")))
    }
  }
}
