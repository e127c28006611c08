import Testing

@testable import Configuration

/// What a running daemon takes over from a changed file, and what it does not.
@Suite struct ReloadTests {
  @Test(arguments: [
    ("roles.operator", "[\"user:anna\"]"), ("verification.minimum_grade", "2.5"),
    ("limits.consecutive_rejects", "9"), ("limits.consecutive_no_reads", "9"),
    ("limits.printed_not_read", "9"), ("limits.duplicates", "9"), ("limits.stop_confirm_ms", "500"),
    ("limits.outcome_ms", "900"),
    ("station.read_timeout_ms", "41"), ("station.early_read_ms", "31"),
    ("station.quiet_ms", "900"), ("station.silent_is", "\"no_read\""),
    ("station.verdict_deadline_ms", "70"),
  ])
  func limitsRolesGradeAndTimesNeedNoRestart(path: String, value: String) throws {
    let running = try File().load()
    let new = try File([(path, value)]).load()
    #expect(new != running)
    #expect(new.needsRestart(from: running).isEmpty)
  }

  @Test(arguments: [
    ("line.id", "\"L02\"", "[line]"), ("storage.directory", "\"/srv\"", "[storage]"),
    ("control.socket", "\"/tmp/s\"", "[control]"),
    ("scanner.device", "\"/dev/ttyUSB0\"", "[[scanner]] \"camera-1\""),
    ("scanner.baud", "9600", "[[scanner]] \"camera-1\""),
    ("scanner.no_read", "\"?\"", "[[scanner]] \"camera-1\""),
    ("plc.host", "\"10.0.0.1\"", "[[plc]] \"plc-1\""),
    ("plc.poll_ms", "20", "[[plc]] \"plc-1\""),
    ("station.name", "\"unit-9\"", "[[station]] \"unit-9\""),
    ("station.slots", "8", "[[station]] \"unit-1\""),
    ("station.host_base", "400", "[[station]] \"unit-1\""),
    ("station.gate_outcomes", "false", "[[station]] \"unit-1\""),
  ])
  func everythingElseIsNamed(path: String, value: String, table: String) throws {
    let new = try File([(path, value)]).load()
    #expect(new.needsRestart(from: try File().load()) == [table])
  }

  @Test func aTableMoreOrLessNeedsARestart() throws {
    let less = try File().load()
    let more = try File(more: "[[scanner]]\nname = \"spare\"\ndevice = \"/dev/ttyACM1\"\n").load()
    #expect(more.needsRestart(from: less) == ["[[scanner]] \"spare\""])
    #expect(less.needsRestart(from: more) == ["[[scanner]] \"spare\""])
  }
}
