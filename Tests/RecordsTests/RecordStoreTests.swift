import Crypto
import GRDB
import Line
import Records
import Testing

@Suite struct RecordStoreTests {
  static let sample: [Line.Record] = [
    Line.Record(.started, raw: Array("unit-1\nunit-2".utf8), detail: "lineward 0.1.0"),
    Line.Record(.batchOpened, batch: 1, raw: [0x7B, 0x7D], actor: "anna (1000)", detail: "B-1"),
    Line.Record(
      .verdict, station: 1, unit: 65504, batch: 1, row: 9_999_999, code: 1, state: .encoded,
      raw: Array("]d20109506000134352\u{1D}21A\0B".utf8)),
    Line.Record(
      .outcome, unit: 3, batch: .max, row: .max, code: .max, number: .max, state: .inDoubt),
    Line.Record(
      .strayRead, raw: [0, 255, 10, 13], detail: "Ünïcode ☃ und ein sehr langer Text darüber"),
  ]

  @Test func whatWasCommittedComesBackAsItWas() throws {
    try withDirectory { directory in
      let store = try RecordStore(directory: directory + "/a/b", line: "L01")
      #expect(store.lastSequence == 0)
      for (index, record) in Self.sample.enumerated() {
        try store.append(record, at: instant(Int64(index) * 1_000_000))
      }
      #expect(store.lastSequence == 5)
      try store.commit()
      let last = store.lastHash
      store.close()

      let again = try RecordStore(directory: directory + "/a/b", line: "L01")
      #expect(again.lastSequence == 5)
      #expect(again.lastHash == last)
      var stored: [StoredRecord] = []
      try again.replay { stored.append($0) }
      #expect(stored.map(\.record) == Self.sample)
      #expect(stored.map(\.sequence) == [1, 2, 3, 4, 5])
      #expect(stored.map(\.monotonic.nanoseconds) == [0, 1, 2, 3, 4].map { $0 * 1_000_000 })
      #expect(Set(stored.map(\.line)) == ["L01"])
      #expect(Set(stored.map(\.boot)).count == 1)
      #expect(stored.last?.hash == last)
      again.close()
    }
  }

  @Test func theNextRunGoesOnAfterTheLast() throws {
    try withDirectory { directory in
      for run in 1...3 {
        let store = try RecordStore(directory: directory, line: "L0\(run)")
        #expect(store.lastSequence == Int64(run - 1) * 2)
        try store.append(Line.Record(.started), at: instant(0))
        try store.append(Line.Record(.stopped), at: instant(1))
        try store.commit()
        store.close()
      }
      let records = try RecordReader(directory: directory).records(after: 0, limit: 100)
      #expect(records.map(\.line) == ["L01", "L01", "L02", "L02", "L03", "L03"])
      #expect(RecordVerifier.verify(directory: directory).isIntact)
    }
  }

  /// The encoding written down once more, by the table in docs/records.md and nothing else.
  @Test func theHashIsWhatTheDocumentSays() throws {
    try withDirectory { directory in
      let store = try RecordStore(directory: directory, line: "L01")
      for record in Self.sample { try store.append(record, at: instant(-7)) }
      try store.commit()
      store.close()
      func big<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] {
        withUnsafeBytes(of: number.bigEndian) { Array($0) }
      }
      func text(_ bytes: [UInt8]) -> [UInt8] { big(UInt32(bytes.count)) + bytes }
      var previous = [UInt8](repeating: 0, count: 32)
      for stored in try RecordReader(directory: directory).records(after: 0, limit: 10) {
        let record = stored.record
        var bytes: [UInt8] = [1] + big(stored.sequence) + big(stored.wall)
        bytes += big(stored.monotonic.nanoseconds) + stored.boot.bytes + [record.kind.rawValue]
        bytes += big(record.station) + big(record.unit) + big(record.batch) + big(record.row)
        bytes += big(record.code) + big(record.number) + [record.state?.rawValue ?? 0]
        bytes += text(Array("L01".utf8)) + text(record.raw)
        bytes += text(Array(record.actor.utf8)) + text(Array(record.detail.utf8))
        previous = Array(SHA256.hash(data: previous + bytes))
        #expect(stored.hash.bytes == previous)
      }
    }
  }

  @Test func whatWasNotCommittedNeverHappened() throws {
    try withDirectory { directory in
      let store = try RecordStore(directory: directory, line: "L01")
      try store.append(Line.Record(.started), at: instant(0))
      try store.commit()
      try store.append(Line.Record(.stopped), at: instant(0))
      #expect(try RecordReader(directory: directory).count() == 1)
      try store.commit()
      #expect(try RecordReader(directory: directory).count() == 2)
      try store.commit()
      store.close()
      #expect(throws: StorageFault.self) { try store.append(Line.Record(.stopped), at: instant(0)) }
      #expect(throws: StorageFault.self) { try store.commit() }
      store.close()
    }
  }

  @Test func recordsAreOnlyAdded() throws {
    try withDirectory { directory in
      let store = try RecordStore(directory: directory, line: "L01")
      try store.append(Line.Record(.started), at: instant(0))
      try store.commit()
      store.close()
      #expect(throws: (any Error).self) {
        try tamper(directory, "DELETE FROM records", dropTriggers: false)
      }
      #expect(throws: (any Error).self) {
        try tamper(directory, "UPDATE records SET code = 2", dropTriggers: false)
      }
    }
  }

  @Test func databaseHasTheFormThatTheDocumentSays() throws {
    try withDirectory { directory in
      let store = try RecordStore(directory: directory, line: "L01")
      try store.append(Line.Record(.started), at: instant(0))
      try store.commit()
      let queue = try DatabaseQueue(path: directory + "/records.sqlite")
      let form = try queue.read { database in
        try ["application_id", "user_version", "journal_mode"].map { name in
          try String.fetchOne(database, sql: "PRAGMA \(name)")
        }
      }
      #expect(form == ["1280791108", "2", "wal"])
      try queue.close()
      store.close()
    }
  }

  /// So many turns of 100 KB each; how large the database was after each, and how large the log is at the end.
  private func fill(turns: Int, isQuiet: Bool) throws -> (sizes: [Int], log: Int) {
    try withDirectory { directory in
      let store = try RecordStore(directory: directory, line: "L01")
      let raw = [UInt8](repeating: 0x41, count: 1000)
      var sizes: [Int] = []
      for _ in 0..<turns {
        for _ in 0..<100 { try store.append(Line.Record(.strayRead, raw: raw), at: instant(0)) }
        try store.commit()
        try store.idle(isQuiet: isQuiet)
        sizes.append(try read(directory + "/records.sqlite").count)
      }
      let log = try read(directory + "/records.sqlite-wal").count
      store.close()
      #expect(RecordVerifier.verify(directory: directory).isIntact)
      return (sizes, log)
    }
  }

  @Test func theLogIsBroughtInWhenIdleAndDoesNotGrow() throws {
    let size = try fill(turns: 40, isQuiet: true).log
    #expect(size < 3_000_000, "the log has \(size) bytes")
  }

  @Test func rightAfterACommitTheLogStaysWhereItIsUntilItIsTooLong() throws {
    let (sizes, log) = try fill(turns: 60, isQuiet: false)
    #expect(sizes[10] == sizes[0], "it was moved though the line was not quiet")
    #expect(sizes[59] > sizes[0], "nothing moves a log that is too long")
    #expect(log < 4_000_000, "the log has \(log) bytes: a commit had to move it")
  }

  /// A line that is never quiet signs all the same, and one sync is enough for records and head.
  @Test func aBusyTurnCarriesItsHead() throws {
    try withDirectory { directory in
      let store = try RecordStore(directory: directory, line: "L01")
      var heads: [Int64] = []
      for turn in 1...30 {
        for _ in 0..<1000 { try store.append(Line.Record(.strayRead), at: instant(0)) }
        #expect(store.lastHead?.sequence ?? 0 < Int64(turn) * 1000, "signed before it is on disk")
        try store.commit()
        if let head = store.lastHead?.sequence, heads.last != head { heads.append(head) }
      }
      #expect(heads == [1000, 11_000, 21_000])
      let other = try DatabaseQueue(path: directory + "/records.sqlite")
      let stored = try other.read {
        try Int64.fetchAll($0, sql: "SELECT sequence FROM heads ORDER BY sequence")
      }
      #expect(stored == heads)
      try other.close()
      store.close()
      let report = RecordVerifier.verify(directory: directory)
      #expect(report.isIntact, "\(report)")
    }
  }

  @Test func aReaderSeesHistoryAndSlicesBesideTheWriter() throws {
    try withDirectory { directory in
      let store = try RecordStore(directory: directory, line: "L01")
      try store.append(Line.Record(.batchOpened, batch: 7, detail: "B-7"), at: instant(0))
      for index in 0..<50_000 {
        try store.append(
          Line.Record(
            .verdict, unit: UInt16(index % 1000 + 1), batch: 7, row: Int32(index % 500), code: 9),
          at: instant(0))
      }
      try store.commit()
      let reader = try RecordReader(directory: directory)
      #expect(try reader.count() == 50_001)
      #expect(try reader.last(3).map(\.sequence) == [49_999, 50_000, 50_001])
      #expect(try reader.records(after: 10, limit: 2).map(\.sequence) == [11, 12])
      #expect(try reader.records(after: 50_001, limit: 5).isEmpty)
      let history = try reader.history(batch: 7, row: 499)
      #expect(history.count == 100)
      #expect(history.first?.sequence == 501)
      #expect(try reader.history(batch: 7, row: 499, limit: 4).count == 4)
      #expect(try reader.history(batch: 8, row: 1).isEmpty)
      try store.append(Line.Record(.stopped), at: instant(0))
      try store.commit()
      #expect(try reader.lastSequence() == 50_002)
      store.close()
    }
  }

  @Test func aDescriptionOfABatchComesBack() throws {
    let description = BatchDescription(
      id: "B-1/ä \"x\"", gtin: "09506000134352", lot: "L/1", expiry: "261231", count: 3,
      sha256: Array(0..<32), file: "batches/0001.serials")
    #expect(try BatchDescription(encoded: description.encoded) == description)
    let text = String(decoding: description.encoded, as: UTF8.self)
    #expect(text.contains("\"file\":\"batches/0001.serials\""))
    for bad in [
      "", "{}", "[]", text.replacing("\"version\":1", with: "\"version\":2"),
      text.replacing("batches/0001", with: "../0001"),
      text.replacing("\"count\":3", with: "\"count\":0"),
    ] {
      #expect(throws: BatchDescription.Malformed.self) {
        try BatchDescription(encoded: Array(bad.utf8))
      }
    }
  }
}
