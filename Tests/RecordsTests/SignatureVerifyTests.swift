import Glibc
import Line
import Records
import Testing

/// `records verify` holds each person's signature against what it was given over (21 CFR 11.70).
@Suite("Signatures in the chain")
struct SignatureVerifyTests {
  private static func open(_ directory: String, reason: String = "") throws -> RecordStore {
    let store = try RecordStore(directory: directory, line: "L01")
    try write(Array("A\nB\n".utf8), to: directory + "/given")
    let descriptor = Glibc.open(directory + "/given", O_RDONLY)
    defer { close(descriptor) }
    let imported = try SerialImporter.import(
      descriptor: descriptor, into: directory, number: 1, earlier: [])
    let description = BatchDescription(
      id: "B-1", gtin: "09506000134352", lot: "L", expiry: "261231", count: imported.count,
      sha256: imported.sha256, file: imported.file)
    try store.append(Record(.started, raw: Array("unit-1".utf8)), at: instant(1), wall: 1)
    try store.append(
      Record(.batchOpened, batch: 1, raw: description.encoded, detail: "B-1"), at: instant(2),
      wall: 2)
    try store.append(
      Record(.batchStarted, batch: 1, detail: reason), at: instant(3), wall: 3)
    return store
  }

  private static func signature(
    _ subject: SignatureSubject = .batch(1), covers sequence: Int64, _ hash: ChainHash
  ) throws -> Signature {
    try #require(
      Signature(
        login: "quinn", uid: 1005, name: "Quinn Example", meaning: "line released", role: .quality,
        at: 5, subject: subject, coveredSequence: sequence, coveredHash: hash.bytes))
  }

  private static func record(_ signature: Signature, batch: UInt32 = 1) -> Record {
    Record(
      .signed, batch: batch, code: signature.subject.code, number: signature.subject.number,
      raw: signature.encoded, actor: "quinn (1005)", detail: signature.meaning)
  }

  private static func finish(_ store: RecordStore, _ records: [Record]) throws {
    for record in records { try store.append(record, at: instant(9), wall: 9) }
    try store.commit()
    store.close()
  }

  private func expectBad(_ directory: String, _ sequence: Int64, _ words: String) {
    let report = RecordVerifier.verify(directory: directory)
    #expect(report.firstBad?.sequence == sequence, "\(report.summary)")
    #expect(report.firstBad?.message.contains(words) == true, "\(report.summary)")
    #expect(report.records == Int(sequence) - 1)
  }

  @Test("a signature over the record before it holds, and is counted")
  func holds() throws {
    try withDirectory { directory in
      let store = try Self.open(directory)
      let signature = try Self.signature(covers: store.lastSequence, store.lastHash)
      try Self.finish(store, [Self.record(signature), Record(.permitGiven)])
      let report = RecordVerifier.verify(directory: directory)
      #expect(report.isIntact, "\(report.summary)")
      #expect(report.signatures == 1)
    }
  }

  @Test("in a chain that was written anew, the signature tells that what it covers was changed")
  func rewritten() throws {
    try withDirectory { directory in
      let first = try Self.open(directory + "/a")
      let signature = try Self.signature(covers: first.lastSequence, first.lastHash)
      first.close()
      let forged = try Self.open(directory + "/b", reason: "nobody has said this")
      try Self.finish(forged, [Self.record(signature)])
      expectBad(directory + "/b", 4, "given over record 3 with another hash: what was signed was changed")
    }
  }

  @Test("a signature that was copied to a later place fits there no more")
  func moved() throws {
    try withDirectory { directory in
      let store = try Self.open(directory)
      let signature = try Self.signature(covers: store.lastSequence, store.lastHash)
      try Self.finish(
        store, [Self.record(signature), Record(.batchPaused, batch: 1), Self.record(signature)])
      expectBad(directory, 6, "covers record 3, and batch 1 was changed between")
    }
  }

  @Test("a signature is for what its record names, and covers what came before it")
  func otherThings() throws {
    let cases: [(words: String, record: (RecordStore) throws -> Record)] = [
      (
        "given for something else",
        { store in
          Self.record(try Self.signature(.batch(2), covers: store.lastSequence, store.lastHash))
        }
      ),
      (
        "given for something else",
        { store in
          Self.record(
            try Self.signature(covers: store.lastSequence, store.lastHash), batch: 0)
        }
      ),
      (
        "given for something else",
        { store in Self.record(try Self.signature(covers: 4, store.lastHash)) }
      ),
      (
        "given for something else",
        { store in
          var record = Self.record(try Self.signature(covers: 3, store.lastHash))
          record.detail = "line not released"
          return record
        }
      ),
      (
        "cannot be read",
        { store in
          var record = Self.record(try Self.signature(covers: 3, store.lastHash))
          record.raw.removeLast()
          return record
        }
      ),
      ("with another hash", { _ in Self.record(try Self.signature(covers: 3, .zero)) }),
    ]
    for (words, record) in cases {
      try withDirectory { directory in
        let store = try Self.open(directory)
        try Self.finish(store, [try record(store)])
        expectBad(directory, 4, words)
      }
    }
  }
}
