import GRDB
import Glibc
import Line
import Records
import Testing

@Suite struct RecordVerifierTests {
  /// A line with two stations that ran a batch of five serials as it should.
  private static func goodLine(_ directory: String) throws {
    try write(Array("A\nB\nC\nD\nE\n".utf8), to: directory + "/given")
    let descriptor = open(directory + "/given", O_RDONLY)
    defer { close(descriptor) }
    let imported = try SerialImporter.import(
      descriptor: descriptor, into: directory, number: 1, earlier: [])
    let description = BatchDescription(
      id: "B-1", gtin: "09506000134352", lot: "L", expiry: "261231", count: imported.count,
      sha256: imported.sha256, file: imported.file)
    try append(
      to: directory,
      [
        Line.Record(.started, raw: Array("unit-1\nunit-2".utf8), detail: "lineward 0.1.0"),
        Line.Record(.batchOpened, batch: 1, raw: description.encoded, actor: "anna", detail: "B-1"),
        Line.Record(.batchStarted, batch: 1, actor: "anna"),
        Line.Record(.permitGiven, actor: "anna"),
        accept(unit: 1, row: 0),
        accept(unit: 2, row: 1),
        Line.Record(.verdict, station: 0, unit: 3, batch: 1, row: 0, code: 9, raw: [0x41]),
        Line.Record(
          .outcome, station: 0, unit: 1, batch: 1, row: 0, code: 1, number: 1, state: .commissioned),
        Line.Record(
          .outcome, station: 0, unit: 2, batch: 1, row: 1, code: 2, number: 2, state: .inactive),
        Line.Record(.outcome, station: 0, unit: 3, batch: 1, row: 0, code: 2, number: 3),
      ])
  }

  private static func accept(unit: UInt16, row: Int32, station: Int = 0) -> Line.Record {
    Line.Record(
      .verdict, station: station, unit: unit, batch: 1, row: row, code: 1, state: .encoded,
      raw: Array("]d2…".utf8))
  }

  private static func append(to directory: String, _ records: [Line.Record]) throws {
    let store = try RecordStore(directory: directory, line: "L01")
    for record in records { try store.append(record, at: instant(5)) }
    try store.commit()
    store.close()
  }

  private func withGoodLine(_ body: (String) throws -> Void) throws {
    try withDirectory { directory in
      try Self.goodLine(directory)
      try body(directory)
    }
  }

  @Test func aGoodChainHolds() throws {
    try withGoodLine { directory in
      var seen: [(Int, Int)] = []
      let report = RecordVerifier.verify(directory: directory) { seen.append(($0, $1)) }
      #expect(report.isIntact, "\(report.summary)")
      #expect(report.records == 10)
      #expect(report.serialFiles == 1)
      #expect(report.heads == 1)
      #expect(seen.last.map { $0 == (10, 10) } == true)
      #expect(report.summary.contains("10 records"))
    }
  }

  @Test func anEmptyChainHoldsAndAMissingOneDoesNot() throws {
    try withDirectory { directory in
      #expect(RecordVerifier.verify(directory: directory).fault?.code == .missing)
      #expect(fault(opening: directory) == nil)
      #expect(RecordVerifier.verify(directory: directory).isIntact)
    }
  }

  @Test(
    .timeLimit(.minutes(1)),
    arguments: [
      ("batches/0001.serials", "batches/0001.serials is no regular file"),
      ("records.sqlite", "records.sqlite is no regular file"),
      ("head-key.pub", "its signed head cannot be checked"),
    ])
  func aPipeInAFilesPlaceIsNamedAndNotWaitedFor(_ name: String, _ expected: String) throws {
    try withGoodLine { directory in
      let path = directory + "/" + name
      #expect(unlink(path) == 0)
      #expect(mkfifo(path, 0o600) == 0)
      let report = RecordVerifier.verify(directory: directory)
      #expect(!report.isIntact)
      #expect(report.summary.contains(expected), "\(report.summary)")
    }
  }

  @Test func besideARunningStoreItHolds() throws {
    try withGoodLine { directory in
      let store = try RecordStore(directory: directory, line: "L01")
      for _ in 0..<30_000 { try store.append(Line.Record(.strayRead, raw: [1]), at: instant(0)) }
      try store.commit()
      let report = RecordVerifier.verify(directory: directory) { done, _ in
        guard done < 30_010 else { return }
        do {
          try store.append(Line.Record(.strayRead), at: instant(0))
          try store.commit()
          try store.idle(isQuiet: true)
        } catch {
          Issue.record("\(error)")
        }
      }
      #expect(report.isIntact, "\(report.summary)")
      #expect(report.records == 30_010)
      store.close()
    }
  }

  /// A forger with `sqlite3`: every column of a record, changed.
  static let changes: [String] = [
    "wall = wall + 1", "monotonic = monotonic - 1", "boot = zeroblob(16)", "line = 'L02'",
    "kind = 8", "station = 1", "unit = 4", "batch = 0", "row = 2", "code = 2", "number = 7",
    "state = NULL", "state = 7", "raw = x'00'", "raw = CAST(raw || x'00' AS BLOB)", "actor = 'x'",
    "detail = 'x'",
    "hash = zeroblob(32)", "hash = x'00'",
    // The same number modulo the width in the encoding.
    "unit = unit + 65536", "code = code + 65536", "batch = batch + 4294967296", "kind = kind + 256",
    "station = station + 65536", "state = state + 256", "row = row + 4294967296",
  ]

  @Test(arguments: changes) func aChangedColumnIsFoundAndNamed(_ change: String) throws {
    try withGoodLine { directory in
      try tamper(directory, "UPDATE records SET \(change) WHERE sequence = 5")
      let report = RecordVerifier.verify(directory: directory)
      #expect(report.firstBad?.sequence == 5, "\(report.summary)")
      #expect(report.records == 4)
      #expect(!report.isIntact)
    }
  }

  @Test func aStateOfNoneWrittenAsZeroIsFound() throws {
    try withGoodLine { directory in
      // Encoded alike, so only the column itself can tell.
      try tamper(directory, "UPDATE records SET state = 0 WHERE sequence = 7")
      #expect(RecordVerifier.verify(directory: directory).firstBad?.sequence == 7)
    }
  }

  @Test func removedAndSwappedRecordsAreNamed() throws {
    let cases: [(String, Int64)] = [
      ("DELETE FROM records WHERE sequence = 6", 6),
      ("DELETE FROM records WHERE sequence = 1", 1),
      ("DELETE FROM records WHERE sequence BETWEEN 4 AND 8", 4),
      (
        """
        UPDATE records SET sequence = -1 WHERE sequence = 6;
        UPDATE records SET sequence = 6 WHERE sequence = 7;
        UPDATE records SET sequence = 7 WHERE sequence = -1;
        """, 6
      ),
      ("UPDATE records SET sequence = sequence + 1 WHERE sequence = 10", 10),
      (
        "INSERT INTO records SELECT 0, wall, monotonic, boot, line, kind, station, unit, batch, row, code, number, state, raw, actor, detail, hash FROM records WHERE sequence = 1",
        1
      ),
    ]
    for (sql, sequence) in cases {
      try withGoodLine { directory in
        try tamper(directory, sql)
        let report = RecordVerifier.verify(directory: directory)
        #expect(report.firstBad?.sequence == sequence, "\(sql): \(report.summary)")
      }
    }
  }

  @Test func aCutTailIsFoundByTheMarkAndByAHeadKeptElsewhere() throws {
    try withGoodLine { directory in
      let head = try keptHead(directory)
      let key = try #require(HeadKey.stored(in: directory))
      #expect(head.isSigned(by: key))
      #expect(RecordVerifier.verify(directory: directory, known: [head], keys: [key]).isIntact)
      try tamper(directory, "DELETE FROM records WHERE sequence > 8; DELETE FROM heads")
      #expect(RecordVerifier.verify(directory: directory).firstBad?.sequence == 9)
      unlink(directory + "/head")
      #expect(RecordVerifier.verify(directory: directory).isIntact)
      let report = RecordVerifier.verify(directory: directory, known: [head], keys: [key])
      #expect(report.firstBad?.sequence == 9, "\(report.summary)")
    }
  }

  @Test func aRewrittenChainIsFoundByAHeadKeptElsewhere() throws {
    try withDirectory { first in
      try withDirectory { second in
        try Self.goodLine(first)
        try Self.goodLine(second)
        let head = try keptHead(first)
        let key = try #require(HeadKey.stored(in: first))
        #expect(RecordVerifier.verify(directory: second).isIntact)
        let report = RecordVerifier.verify(directory: second, known: [head])
        #expect(report.firstBad?.sequence == 10, "\(report.summary)")
        // With the key kept elsewhere the rewriter's own heads are no use either.
        #expect(RecordVerifier.verify(directory: second, keys: [key]).firstBad != nil)
        let forged = try #require(
          SignedHead(note: head.note.replacing("\n10\n", with: "\n9\n")))
        #expect(!forged.isSigned(by: key))
        #expect(!RecordVerifier.verify(directory: first, known: [forged], keys: [key]).isIntact)
      }
    }
  }

  @Test func aForgedHeadInTheDatabaseIsFound() throws {
    for sql in [
      "UPDATE heads SET note = replace(note, 'lineward/', 'lineward/x')",
      "UPDATE heads SET note = 'x'", "UPDATE heads SET sequence = 9",
      // What bit rot makes of a note: a number, which no query may take for a text.
      "DROP TABLE heads; CREATE TABLE heads (sequence INTEGER PRIMARY KEY, note); "
        + "INSERT INTO heads VALUES (1, 1795000004211)",
    ] {
      try withGoodLine { directory in
        try tamper(directory, sql)
        #expect(!RecordVerifier.verify(directory: directory).isIntact, "\(sql)")
      }
    }
  }

  @Test func theKeyIsReadableByTheDaemonAlone() throws {
    try withGoodLine { directory in
      var information = stat()
      #expect(stat(directory + "/head-key", &information) == 0)
      #expect(information.st_mode & 0o777 == 0o600)
      let key = try #require(HeadKey.stored(in: directory))
      #expect(HeadKey(key.text) == key)
      #expect(HeadKey(key.text.replacing("L01", with: "L02")) == nil)
      #expect(HeadKey("x") == nil)
    }
  }

  private func keptHead(_ directory: String) throws -> SignedHead {
    let queue = try DatabaseQueue(path: directory + "/records.sqlite")
    let note = try queue.read { try String.fetchOne($0, sql: "SELECT max(note) FROM heads") }
    try queue.close()
    let head = SignedHead(note: note ?? "")
    return try #require(head)
  }

  @Test func aChangedSerialFileIsFoundAtItsBatch() throws {
    try withGoodLine { directory in
      let path = directory + "/batches/0001.serials"
      unlink(path)
      #expect(RecordVerifier.verify(directory: directory).firstBad?.sequence == 2)
      try write(Array("A\nB\nC\nD\nF\n".utf8), to: path)
      let report = RecordVerifier.verify(directory: directory)
      #expect(report.firstBad?.sequence == 2)
      #expect(report.firstBad?.message.contains("0001.serials") == true)
    }
  }

  @Test func aDamagedPageIsNamedByTheFirstRecordThatCannotBeRead() throws {
    try withGoodLine { directory in
      try Self.append(
        to: directory, (0..<2000).map { _ in Line.Record(.strayRead, raw: [1, 2, 3]) })
      var bytes = try read(directory + "/records.sqlite")
      let page = bytes.count / 4096 / 2
      for index in 0..<4096 { bytes[page * 4096 + index] = 0xFF }
      try write(bytes, to: directory + "/records.sqlite")
      let report = RecordVerifier.verify(directory: directory)
      #expect(!report.isIntact)
      #expect((report.firstBad?.sequence ?? 0) > 10)
    }
  }

  /// What the line may never write; each is a right chain otherwise.
  static let breaches: [(String, [Line.Record])] = [
    ("may not make serial 0", [accept(unit: 4, row: 0)]),
    ("may not make serial 2", [accept(unit: 4, row: 2), accept(unit: 5, row: 2)]),
    (
      "may not make serial 2",
      [
        accept(unit: 4, row: 2),
        Line.Record(.outcome, station: 0, unit: 5, batch: 1, row: 2, code: 1, state: .commissioned),
      ]
    ),
    (
      "may not make serial 2",
      [
        accept(unit: 4, row: 2),
        Line.Record(.outcome, station: 1, unit: 4, batch: 1, row: 2, code: 1, state: .commissioned),
      ]
    ),
    (
      "may not make serial 2",
      [
        accept(unit: 4, row: 2),
        Line.Record(.outcome, station: 0, unit: 4, batch: 1, row: 2, code: 2, state: .commissioned),
      ]
    ),
    (
      "may not make serial 2",
      [
        Line.Record(
          .serialChanged, batch: 1, row: 2, code: SerialAct.found.rawValue, state: .commissioned)
      ]
    ),
    (
      "may not make serial 2",
      [
        Line.Record(
          .serialChanged, batch: 1, row: 2, code: SerialAct.hold.rawValue, state: .allocated),
        Line.Record(
          .serialChanged, batch: 1, row: 2, code: SerialAct.scrap.rawValue, state: .labelScrapped),
        accept(unit: 4, row: 2),
      ]
    ),
    ("not permitted", [Line.Record(.permitWithdrawn, code: 2), accept(unit: 4, row: 2)]),
    ("not permitted", [Line.Record(.started, raw: Array("unit-1".utf8)), accept(unit: 4, row: 2)]),
    ("was paused", [Line.Record(.batchPaused, batch: 1), accept(unit: 4, row: 2)]),
    ("has no serial 5", [accept(unit: 4, row: 5)]),
    ("without a serial", [Line.Record(.verdict, unit: 4, batch: 1, code: 1)]),
    ("verdict 99", [Line.Record(.verdict, unit: 4, batch: 1, code: 99)]),
    ("batch 2, which was not opened", [Line.Record(.batchStarted, batch: 2)]),
    ("was closed", [Line.Record(.batchClosed, batch: 1), Line.Record(.batchStarted, batch: 1)]),
    ("gives a serial a state", [Line.Record(.strayRead, batch: 1, row: 1, state: .commissioned)]),
    ("used before", [Line.Record(.batchOpened, batch: 1, raw: secondDescription)]),
    ("no JSON", [Line.Record(.batchOpened, batch: 2, raw: [])]),
  ]

  static let secondDescription = BatchDescription(
    id: "B-2", gtin: "09506000134352", lot: "L", expiry: "261231", count: 1,
    sha256: Array(repeating: 0, count: 32), file: "batches/0002.serials"
  ).encoded

  @Test(arguments: breaches.indices) func whatTheContractForbidsIsFound(_ index: Int) throws {
    let (message, records) = Self.breaches[index]
    try withGoodLine { directory in
      try Self.append(to: directory, records)
      let report = RecordVerifier.verify(directory: directory)
      #expect(report.firstBad?.sequence == Int64(10 + records.count), "\(report.summary)")
      #expect(report.firstBad?.message.contains(message) == true, "\(report.summary)")
    }
  }

  @Test func aHoldOnAPackBetweenScannerAndGateLeavesItWithItsUnit() throws {
    try withGoodLine { directory in
      try Self.append(
        to: directory,
        [
          Self.accept(unit: 4, row: 2),
          Line.Record(
            .serialChanged, batch: 1, row: 2, code: SerialAct.hold.rawValue, state: .encoded),
          Line.Record(
            .outcome, station: 0, unit: 4, batch: 1, row: 2, code: 2, state: .inactive),
          Line.Record(
            .serialChanged, batch: 1, row: 2, code: SerialAct.destroy.rawValue, state: .destroyed),
        ])
      let report = RecordVerifier.verify(directory: directory)
      #expect(report.isIntact, "\(report.summary)")
    }
  }

  @Test func aRestartWithStationsInAnotherOrderKeepsUnitsApart() throws {
    try withGoodLine { directory in
      try Self.append(
        to: directory,
        [
          Self.accept(unit: 4, row: 2), Line.Record(.started, raw: Array("unit-2\nunit-1".utf8)),
          Line.Record(
            .outcome, station: 1, unit: 4, batch: 1, row: 2, code: 1, state: .commissioned),
          Line.Record(.batchClosed, batch: 1),
        ])
      let report = RecordVerifier.verify(directory: directory)
      #expect(report.isIntact, "\(report.summary)")
    }
  }
}
