import Containment
import Foundation
import Glibc
import Line
import Records
import Testing

/// What a hand scan has to find: every unit that a case affects, and no other.
@Suite("Units that a case affects") struct CaseUnitsTests {
  static func batches(_ line: PlayedLine) -> [CaseUnits.HeldBatch] {
    line.line.batches.map {
      .init(
        number: $0.number, id: $0.id, archive: line.line.archive(of: $0.number)?.folder ?? "")
    }
  }

  private static func list(
    _ line: PlayedLine, _ scope: CaseScope, scanned: Set<ContainmentCase.ScannedPack> = []
  ) throws -> (counts: CaseUnits.Counts, units: [CaseUnit]) {
    var units: [CaseUnit] = []
    let held = batches(line).filter { scope.batches.contains($0.number) }
    let counts = try CaseUnits(scope: scope, batches: held, scanned: scanned).list(
      of: line.directory
    ) { units.append($0) }
    return (counts, units)
  }

  @Test(
    "a day of everything: each unit with its end, those without a serial first, challenge packs never"
  )
  func day() throws {
    try withDirectory { directory in
      let line = try PlayedLine(directory: directory)
      try line.dayOfEverything()
      let scope = CaseScope(batches: [1], stations: ["unit-1"])
      let (counts, units) = try Self.list(line, scope)
      line.close()
      // Every verdict of the batch is a unit, and nothing else is.
      let verdicts = try RecordReader(directory: directory).records(after: 0, limit: 20_000)
        .filter { $0.record.kind == .verdict && $0.record.batch == 1 }
      #expect(counts.units == verdicts.count && units.count == verdicts.count)
      #expect(counts.serials == Set(units.map(\.serial).filter { !$0.isEmpty }).count)
      #expect(counts.missing == counts.serials && counts.found == 0 && counts.unlisted == 0)
      // A no-read that passed would be a pack without a serial on the market: it has to stand here.
      let passed = try #require(units.first { $0.verdict == 8 && $0.outcome == 1 })
      #expect(passed.serial.isEmpty && passed.state == nil && passed.station == "unit-1")
      let good = try #require(units.first { $0.serial == "S0" && $0.verdict == 1 })
      #expect(good.outcome == 1 && good.state == .commissioned && good.gtin == PlayedLine.gtin)
      // The second pack with that serial is a unit of its own.
      #expect(units.contains { $0.serial == "S0" && $0.verdict == 9 && $0.outcome == 2 })
      #expect(units.first { $0.serial == "S20" }?.hold == true)
      #expect(!units.contains { $0.serial == "S39" })
    }
  }

  @Test("scanned in, missing, and packs that no affected unit has are counted")
  func counts() throws {
    try withDirectory { directory in
      let line = try PlayedLine(directory: directory)
      try line.openBatch(serials: (0..<10).map { "A\($0)" })
      try line.command(.batchStart(id: nil))
      try line.release()
      for row in 0..<4 { try line.unit(PlayedLine.scan("A\(row)"), .passed) }
      let scanned: Set<ContainmentCase.ScannedPack> = [
        .init(batch: 1, row: 0), .init(batch: 1, row: 2), .init(batch: 1, row: 9),
      ]
      let (counts, units) = try Self.list(
        line, CaseScope(batches: [1], stations: ["unit-1"]), scanned: scanned)
      #expect(counts.serials == 4 && counts.found == 2 && counts.missing == 2 && counts.others == 1)
      #expect(units.filter(\.isScanned).map(\.serial) == ["A0", "A2"])
      line.close()
    }
  }

  @Test("only the scope's batches, stations and time")
  func scope() throws {
    try withDirectory { directory in
      let line = try PlayedLine(directory: directory)
      try line.openBatch(id: "B-1", serials: ["A0", "A1", "A2"])
      try line.openBatch(id: "B-2", serials: ["T0"])
      try line.command(.batchStart(id: "B-1"))
      try line.release()
      try line.unit(PlayedLine.scan("A0"), .passed)
      try line.wait(milliseconds: 50)
      let middle =
        try #require(
          try RecordReader(directory: directory).records(after: 0, limit: 20_000).last
        ).wall + 20
      try line.wait(milliseconds: 50)
      try line.unit(PlayedLine.scan("A1"), .passed)
      func serials(_ scope: CaseScope) throws -> [String] {
        try Self.list(line, scope).units.map(\.serial)
      }
      #expect(try serials(CaseScope(batches: [1], stations: ["unit-1"])) == ["A0", "A1"])
      #expect(
        try serials(CaseScope(batches: [1], stations: ["unit-1"], since: middle)) == ["A1"])
      #expect(try serials(CaseScope(batches: [1], stations: ["unit-2"])).isEmpty)
      #expect(try serials(CaseScope(batches: [2], stations: ["unit-1"])).isEmpty)
      line.close()
    }
  }

  @Test("the list as CSV is what was handed over, and a formula is none")
  func csv() throws {
    try withDirectory { directory in
      let line = try PlayedLine(directory: directory + "/line")
      try line.openBatch(id: "=B", serials: ["=1+1", "-2"])
      try line.command(.batchStart(id: nil))
      try line.release()
      try line.unit(PlayedLine.scan("=1+1"), .passed)
      try line.unit(Array("NOREAD".utf8), .rejected)
      let path = directory + "/units.csv"
      let descriptor = open(path, O_RDWR | O_CREAT | O_EXCL, 0o600)
      defer { close(descriptor) }
      let search = CaseUnits(
        scope: CaseScope(batches: [1], stations: ["unit-1"]), batches: Self.batches(line),
        scanned: [])
      let (counts, shown) = try search.write(
        of: line.directory, to: descriptor, shownMax: 1)
      #expect(counts.units == 2 && shown.count == 1)
      let rows = ExportTests.csv(String(decoding: try read(path), as: UTF8.self))
      #expect(rows.map { $0["serial"] } == ["", "=1+1"])
      #expect(rows.map { $0["batch"] } == ["=B", "=B"])
      #expect(rows.map { $0["verdict_word"] } == ["no read", "accept"])
      line.close()
    }
  }

  @Test("nobody who waits for it ends it, and a full disk is said")
  func abandoned() throws {
    try withDirectory { directory in
      let line = try PlayedLine(directory: directory)
      try line.dayOfEverything()
      line.close()
      let search = CaseUnits(
        scope: CaseScope(batches: [1], stations: ["unit-1"]), batches: Self.batches(line),
        scanned: [])
      #expect(throws: ExportProblem.abandoned) {
        _ = try search.list(of: directory, isWanted: { false }) { _ in }
      }
      let full = open("/dev/full", O_WRONLY)
      defer { close(full) }
      if full >= 0 {
        #expect(throws: ExportProblem.self) {
          _ = try search.write(of: directory, to: full, shownMax: 1)
        }
      }
    }
  }

  @Test("a large batch goes into the file whole, and a thousand of it into the reply")
  func large() throws {
    let count = ProcessInfo.processInfo.environment["LINEWARD_UNITS"].flatMap(Int.init) ?? 60_000
    try withDirectory { directory in
      let line = try PlayedLine(directory: directory + "/line")
      try line.openBatch(serials: (0..<count).map { "S\($0)" })
      for row in 0..<count {
        try line.store.append(
          Record(
            .verdict, station: 0, unit: UInt16(row % 65_504 + 1), batch: 1, row: Int32(row),
            code: 1, state: .encoded), at: instant(2_000_000_000), wall: 2000)
      }
      try line.store.commit()
      let path = directory + "/units.csv"
      let descriptor = open(path, O_RDWR | O_CREAT | O_EXCL, 0o600)
      defer { close(descriptor) }
      let (counts, shown) = try CaseUnits(
        scope: CaseScope(batches: [1], stations: ["unit-1"]), batches: Self.batches(line),
        scanned: []
      ).write(of: line.directory, to: descriptor, shownMax: 1000)
      line.close()
      #expect(counts.units == count && counts.missing == count && shown.count == 1000)
      let lines = try read(path).count { $0 == 0x0A }
      #expect(lines == count + 1)
    }
  }

  @Test("a batch whose archive was moved away is named, and one that is there is read")
  func archived() throws {
    try withDirectory { directory in
      let line = try PlayedLine(directory: directory)
      try line.openBatch(serials: ["A0"])
      line.close()
      let moved = CaseUnits(
        scope: CaseScope(batches: [1], stations: ["unit-1"]),
        batches: [.init(number: 1, id: "B-1", archive: "archive/0001")], scanned: [])
      let counts = try moved.list(of: directory) { _ in }
      #expect(counts.units == 0 && counts.remarks.count == 1)
      #expect(counts.remarks[0].contains("B-1") && counts.remarks[0].contains("archive/0001"))
    }
  }
}
