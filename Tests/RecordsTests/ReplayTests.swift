import Alarms
import Line
import Records
import Testing

/// Law 8: the same inputs give the same verdicts, and records that do not follow from their inputs are found.
@Suite("Replay of records") struct ReplayTests {
  private func played(
    settings: LineSettings = PlayedLine.settings, _ body: (PlayedLine) throws -> Void
  ) throws -> ReplayReport {
    try withDirectory { directory in
      let line = try PlayedLine(directory: directory, settings: settings)
      try body(line)
      line.close()
      return RecordReplay.run(directory: directory)
    }
  }

  @Test("a day with every verdict and outcome follows from its inputs")
  func everything() throws {
    let report = try played { try $0.dayOfEverything() }
    #expect(report.agrees, "\(report.firstDifference?.message ?? "") \(report)")
    #expect(report.verdicts == 28 && report.outcomes == 28, "\(report)")
    #expect(report.consequences > 20 && report.unknownSettings == 0, "\(report)")
  }

  @Test("over a restart with packs on the way, and over another batch")
  func restart() throws {
    let report = try played { line in
      try line.dayOfEverything()
      try line.unit(PlayedLine.scan("S30"))
      try line.restart()
      try line.outcome(.passed)
      try line.release()
      try line.unit(PlayedLine.scan("S31"), .passed)
      try line.command(.stop(reason: "end"))
      try line.command(.batchClose(id: nil))
      try line.openBatch(id: "B-2", serials: ["T1", "T2"])
      try line.command(.batchStart(id: nil))
      try line.release()
      try line.unit(PlayedLine.scan("T1"), .passed)
      try line.unit(PlayedLine.scan("S31"), .rejected)
    }
    #expect(report.agrees, "\(report)")
  }

  @Test(
    "a day with the print feed follows from what it named, over a restart; what was named twice is found"
  )
  func printFeed() throws {
    var settings = PlayedLine.settings
    settings.orderWindow = 8
    settings.limits.printedNotRead = 4
    settings.printFeed = LineSettings.PrintFeed(stall: .milliseconds(500), lowMark: 1)
    let report = try played(settings: settings) { line in
      try line.step(.printFeed(.connected))
      try line.openBatch(serials: (0..<60).map { "S\($0)" }, printed: .feed)
      try line.printed(["S1"])  // no batch runs
      try line.command(.batchStart(id: nil))
      try line.printed((0..<20).reversed().map { "S\($0)" })
      try line.release()
      for number in [19, 18, 15] { try line.unit(PlayedLine.scan("S\(number)"), .passed) }
      try line.unit(PlayedLine.scan("S16"), .rejected)  // 13: behind
      try line.unit(PlayedLine.scan("S50"), .rejected)  // 13: not named
      try line.unit(PlayedLine.scan("S12"), .passed)  // four are skipped: the line stops
      try line.unit(PlayedLine.scan("S11", grade: "|1.0/06/660"), .rejected)  // 10 moves on
      try line.printed(["S40", "S11", "FOREIGN", "S41"])  // twice, and not in the pool
      try line.step(.printFeed(.badLine(Array("?".utf8), reason: "is no serial")))
      try line.release()
      try line.step(.printFeed(.disconnected(reason: "it closed the connection")))
      try line.restart()
      try line.step(.printFeed(.connected))
      try line.release()
      #expect(line.line.batches[0].order?.waitingCount == 13, "known after the restart")
      for number in (3..<11).reversed() { try line.unit(PlayedLine.scan("S\(number)"), .passed) }
      // Packs come and no serial does.
      for number in 0..<3 {
        try line.wait(milliseconds: 200)
        try line.unit(PlayedLine.scan("S\(2 - number)"), .passed)
      }
      try line.printed((42..<50).map { "S\($0)" })
      for number in 40..<50 { try line.unit(PlayedLine.scan("S\(number)"), .passed) }
      let kinds = Set(line.line.alarms.active.map(\.kind))
      #expect(kinds.isEmpty, "each was acknowledged and ended: \(kinds)")
      let directory = line.directory
      let verified = RecordVerifier.verify(directory: directory)
      #expect(verified.isIntact, "\(verified.summary)")
    }
    #expect(report.agrees, "\(report.firstDifference?.message ?? "") \(report)")
    #expect(report.verdicts == 28, "\(report)")
  }

  @Test(
    "alarms that chatter, are shelved and taken out of service, a flood and duplicates follow, over a restart"
  )
  func alarms() throws {
    var settings = PlayedLine.settings
    settings.limits.duplicates = 2
    let report = try played(settings: settings) { line in
      try line.openBatch(serials: (0..<20).map { "S\($0)" })
      try line.command(.batchStart(id: nil))
      try line.release()
      try line.unit(PlayedLine.scan("S0"), .passed)
      for _ in 0..<4 {
        try line.unit(PlayedLine.scan("S0"))
        try line.unit(PlayedLine.scan("S0"), .rejected)
        try line.outcome(.rejected, unit: line.lastUnit - 1)
        for _ in 0..<3 { try line.unit(Array("NOREAD".utf8), .rejected) }
        try line.step(.scannerTrouble(0, .scannerDrifted, message: "does so"))
        try line.step(.scannerTrouble(0, .scannerDrifted, message: nil))
        try line.plc { $0.inputs.insert(.guardOrEmergencyStop) }
        try line.plc { $0.inputs.remove(.guardOrEmergencyStop) }
        try line.release()
      }
      try line.command(
        .shelve(id: "scanner_drifted@camera-1", minutes: 5, reason: "known"))
      try line.command(.outOfService(id: "disk_filling", reason: "exchanged"))
      try line.restart()
      try line.release()
      for _ in 0..<3 { try line.unit(Array("NOREAD".utf8), .rejected) }
      try line.command(.unshelve(id: "scanner_drifted@camera-1"))
      try line.command(.inService(id: "disk_filling"))
      let records = try RecordReader(directory: line.directory).records(after: 0, limit: 1000)
      let kinds = Set(records.map(\.record.kind))
      let all: [Line.Record.Kind] = [
        .alarmShelved, .alarmUnshelved, .alarmOutOfService, .alarmInService, .alarmFlood,
        .alarmRemarked,
      ]
      for kind in all { #expect(kinds.contains(kind), "\(kind) came") }
      let verified = RecordVerifier.verify(directory: line.directory)
      #expect(verified.isIntact, "\(verified.summary)")
    }
    #expect(report.agrees, "\(report.firstDifference?.message ?? "") \(report)")
  }

  @Test("serials recorded as printed that could not be are found", arguments: ["twice", "foreign"])
  func printedWrongly(how: String) throws {
    var settings = PlayedLine.settings
    settings.orderWindow = 8
    settings.printFeed = LineSettings.PrintFeed()
    let (report, verified) = try withDirectory { directory in
      let line = try PlayedLine(directory: directory, settings: settings)
      try line.openBatch(serials: ["A1", "A2", "A3"], printed: .feed)
      try line.command(.batchStart(id: nil))
      try line.printed(["A1", "A2"])
      let rows: [Int32] = how == "twice" ? [1] : [3]
      try line.store.append(
        Record(.printed, batch: 1, number: 1, raw: PrintOrder.encoded(rows)),
        at: Instant(nanoseconds: 2_000_000_000))
      try line.store.commit()
      line.close()
      return (
        RecordReplay.run(directory: directory), RecordVerifier.verify(directory: directory)
      )
    }
    #expect(
      report.firstDifference?.message.contains("recorded as printed that could not be") == true)
    #expect(verified.firstBad?.message.contains("as printed, which") == true)
  }

  @Test("a duplicate that nobody saw leave leaves the serial to its bearer")
  func duplicateWithoutOutcome() throws {
    let report = try played { line in
      try line.openBatch(serials: ["A1"])
      try line.command(.batchStart(id: nil))
      try line.release()
      try line.unit(PlayedLine.scan("A1"), .passed)
      try line.unit(PlayedLine.scan("A1"))
      try line.wait(milliseconds: 5100)
      #expect(line.line.status.stations[0].counters.inDoubt == 1)
    }
    #expect(report.agrees && report.verdicts == 2, "\(report)")
  }

  @Test("each verdict is judged by the settings of its moment")
  func reload() throws {
    let report = try played { line in
      try line.openBatch(serials: ["A1", "A2", "A3"])
      try line.command(.batchStart(id: nil))
      try line.release()
      try line.unit(PlayedLine.scan("A1", grade: "|2.0/06/660"), .passed)
      var strict = line.settings
      strict.minimumGradeTenths = 30
      try line.command(
        .reload(strict, detail: "new", recorded: RecordedSettings.encoded(strict)), by: "SIGHUP")
      try line.unit(PlayedLine.scan("A2", grade: "|2.0/06/660"), .rejected)
      #expect(line.line.status.stations[0].counters.rejectedBy[10] == 1)
    }
    #expect(report.agrees && report.verdicts == 2, "\(report)")
  }

  @Test("reads of several scanners are told apart, whichever came")
  func severalScanners() throws {
    var settings = PlayedLine.settings
    settings.scanners.append(ScannerSettings(name: "camera, 2"))
    settings.stations[0].scanners = [0, 1]
    settings.stations[0].silentIsDoubt = false
    let report = try played(settings: settings) { line in
      try line.openBatch(serials: ["A1", "A2", "A3"])
      try line.command(.batchStart(id: nil))
      try line.release()
      try line.unit([(0, PlayedLine.scan("A1")), (1, Array("NOREAD".utf8))], .passed)
      try line.unit([(1, PlayedLine.scan("A2")), (0, PlayedLine.scan("A3"))], .rejected)
      try line.unit([(1, PlayedLine.scan("A2"))])
      try line.wait(milliseconds: 60)
      try line.outcome(.passed)
    }
    #expect(report.agrees && report.verdicts == 3, "\(report)")
  }

  @Test("a station that goes and comes back keeps what it had")
  func stations() throws {
    var two = PlayedLine.settings
    two.scanners.append(ScannerSettings(name: "camera-2"))
    two.stations.insert(
      StationSettings(name: "unit-0", plc: "", scanners: [1], tracksTriggers: false), at: 0)
    let report = try withDirectory { directory in
      let line = try PlayedLine(directory: directory)
      try line.openBatch(serials: ["A1", "A2", "A3"])
      try line.command(.batchStart(id: nil))
      try line.release()
      try line.unit(PlayedLine.scan("A1"))
      // The accepted unit's station is another place in the list from here on.
      try line.restart(settings: two)
      try line.step(
        .plc(station: 1, .outcome(sequence: 1, unit: line.lastUnit, outcome: 1)))
      line.close()
      return RecordReplay.run(directory: directory)
    }
    #expect(report.agrees && report.outcomes == 1, "\(report)")
  }

  @Test("verdicts from before settings were recorded are counted, not guessed")
  func unknownSettings() throws {
    let report = try withDirectory { directory in
      let line = try PlayedLine(directory: directory, recordsSettings: false)
      try line.openBatch(serials: ["A1"])
      try line.command(.batchStart(id: nil))
      try line.release()
      try line.unit(PlayedLine.scan("A1"), .passed)
      line.close()
      return RecordReplay.run(directory: directory)
    }
    #expect(report.agrees && report.verdicts == 0 && report.unknownSettings == 1, "\(report)")
  }

  /// What a forger, or a wrong version of the core, would have left behind: SQL and where the first difference is.
  static let forgeries: [(name: String, sql: String, kind: Int)] = [
    ("a reject made an accept", "code = 1, state = 4 WHERE kind = 3 AND code = 8", 3),
    ("an accept made a reject", "code = 4, state = NULL WHERE kind = 3 AND code = 1", 3),
    ("another read", "raw = CAST('NOREAD' AS BLOB) WHERE kind = 3 AND code = 1", 3),
    ("another serial", "row = 39 WHERE kind = 3 AND code = 1", 3),
    ("a pass that commissions nothing", "state = NULL WHERE kind = 5 AND code = 1", 5),
    ("a lost pack commissioned", "state = 7 WHERE kind = 5 AND code = 4", 5),
    ("a bad pack's stop hidden", "kind = 8, code = 0 WHERE kind = 21 AND code = 11", 8),
    ("another alarm", "code = 14 WHERE kind = 40 AND code = 1", 40),
    ("a withdrawal hidden", "kind = 8, code = 0, unit = 0 WHERE kind = 4", 8),
    ("an act of another person's", "state = 9 WHERE kind = 14 AND code = 2", 14),
    ("a limit's stop by another reason", "code = 2 WHERE kind = 21 AND code = 8", 21),
  ]

  @Test("tampered records are found, and the first is named", arguments: forgeries)
  func tampered(name: String, sql: String, kind: Int) throws {
    try withDirectory { directory in
      let line = try PlayedLine(directory: directory)
      try line.dayOfEverything()
      line.close()
      let parts = sql.split(separator: "WHERE").map(String.init)
      let sequence = try firstSequence(directory, where: parts[1])
      try tamper(directory, "UPDATE records SET \(parts[0]) WHERE sequence = \(sequence)")
      let report = RecordReplay.run(directory: directory)
      #expect(report.firstDifference?.sequence == sequence, "\(name): \(report)")
      #expect(Int64(report.records) == sequence - 1, "\(name)")
    }
  }

  @Test(
    "a record that should follow is missed at the end, and settings that cannot be read are named")
  func endAndSettings() throws {
    try withDirectory { directory in
      let line = try PlayedLine(directory: directory)
      try line.dayOfEverything()
      line.close()
      let stop = try firstSequence(directory, where: "kind = 21 AND code = 11")
      try tamper(directory, "DELETE FROM records WHERE sequence >= \(stop)")
      let report = RecordReplay.run(directory: directory)
      #expect(report.firstDifference?.sequence == stop, "\(report)")
      #expect(report.firstDifference?.message.contains("missing before the end") == true)
      try tamper(directory, "UPDATE records SET raw = x'7B7D' WHERE sequence = 2")
      #expect(RecordReplay.run(directory: directory).firstDifference?.sequence == 2)
    }
  }

  @Test("settings come back from the records as they were")
  func settings() throws {
    var settings = PlayedLine.settings
    settings.scanners[0].noReads = [[0, 0x1D, 0xFF]]
    settings.limits.outcome = .milliseconds(1234)
    #expect(try RecordedSettings.decoded(RecordedSettings.encoded(settings)) == settings)
    // Versions that knew one no-read text and no code separator wrote and read the same line.
    let old = String(decoding: RecordedSettings.encoded(settings), as: UTF8.self)
    #expect(old.contains("\"no_read_hex\":\"001dff\""), "\(old)")
    #expect(!old.contains("further_no_reads") && !old.contains("code_separator"), "\(old)")
    settings.scanners[0].noReads = [[0x3F], [0x4E, 0x52]]
    settings.scanners[0].codeSeparator = [0x2C, 0x5D]
    #expect(try RecordedSettings.decoded(RecordedSettings.encoded(settings)) == settings)
    settings.scanners[0].noReads = []
    #expect(try RecordedSettings.decoded(RecordedSettings.encoded(settings)) == settings)
  }
}
