import GRDB
import Glibc
import Line
import Records
import Testing

/// A line's signing key gets a successor, is lost, or is exchanged by somebody.
@Suite("Signing keys") struct KeyRotationTests {
  private static func add(_ records: Int, to store: RecordStore) throws {
    for _ in 0..<records {
      try store.append(Line.Record(.strayRead, raw: [1, 2, 3]), at: instant(0))
    }
    try store.commit()
    try store.idle(isQuiet: true)
  }

  private static func fill(_ directory: String, records: Int = 5) throws {
    let store = try RecordStore(directory: directory, line: "L01")
    try add(records, to: store)
    store.close()
  }

  /// The record of a change, as the core makes it.
  private static func record(_ change: [UInt8]) -> Line.Record {
    Line.Record(.keyChanged, code: 1, raw: change, actor: "quinn (1005)", detail: "yearly")
  }

  /// Rotates the key of an open store; `look` sees the directory after each step.
  private static func rotate(
    _ store: RecordStore, look: (String) throws -> Void = { _ in }
  ) throws {
    let directory = store.directory
    let change = try KeyRotation.prepare(directory: directory)
    try look("prepared")
    try store.append(record(change), at: instant(0))
    try store.commit()
    try look("recorded")
    try KeyRotation.finish(directory: directory)
    try look("finished")
  }

  private static func key(_ directory: String) throws -> HeadKey {
    try #require(HeadKey.stored(in: directory))
  }

  private static func heads(_ directory: String) throws -> [SignedHead] {
    let queue = try DatabaseQueue(path: directory + "/records.sqlite")
    defer { try? queue.close() }
    let notes = try queue.read {
      try String.fetchAll($0, sql: "SELECT note FROM heads ORDER BY sequence")
    }
    return try #require(SignedHead.list(in: notes.joined(separator: "\n")))
  }

  /// What a power cut leaves: the files as they are now.
  private static func copyFiles(_ from: String, _ to: String) throws {
    for name in [
      "records.sqlite", "records.sqlite-wal", "head", "head-key", "head-key.pub", "head-key.next",
    ] where exists(from + "/" + name) {
      try copy(from + "/" + name, to + "/" + name)
    }
  }

  private static func verify(_ directory: String, _ keys: HeadKey...) -> VerificationReport {
    RecordVerifier.verify(directory: directory, keys: keys)
  }

  private func expectBad(_ report: VerificationReport, _ sequence: Int64, _ words: String) {
    #expect(report.firstBad?.sequence == sequence, "\(report.summary)")
    #expect(report.firstBad?.message.contains(words) == true, "\(report.summary)")
  }

  @Test("both keys sign the head that covers the change, and each key proves the whole chain")
  func rotation() throws {
    try withDirectory { directory in
      let store = try RecordStore(directory: directory, line: "L01")
      try Self.add(5, to: store)
      let old = try Self.key(directory)
      let secret = try read(directory + "/head-key")
      try Self.rotate(store)
      try Self.add(5, to: store)
      store.close()
      let new = try Self.key(directory)
      #expect(new != old && new.name == old.name)
      #expect(try read(directory + "/head-key") != secret)
      #expect(!exists(directory + "/head-key.next"))
      var information = stat()
      #expect(stat(directory + "/head-key", &information) == 0)
      #expect(information.st_mode & 0o777 == 0o600)
      let retired = directory + "/head-key-\(old.text.split(separator: "+")[1]).pub"
      #expect(try HeadKey(String(decoding: read(retired), as: UTF8.self)) == old)

      let heads = try Self.heads(directory)
      #expect(heads.map(\.sequence) == [5, 6, 11])
      #expect(heads.map { $0.isSigned(by: old) } == [true, true, false])
      #expect(heads.map { $0.isSigned(by: new) } == [false, true, true])
      for keys in [[], [old], [new], [old, new]] {
        let report = RecordVerifier.verify(directory: directory, known: heads, keys: keys)
        #expect(report.isIntact && report.heads == 3, "\(report.summary)")
        #expect(report.keys == [old, new])
        #expect(report.remarks.first?.contains("changed by record 6") == true)
      }
      let byNew = Self.verify(directory, new)
      #expect(byNew.remarks.first?.contains("signed from record 6 on") == true)
    }
  }

  @Test("the middle one of three keys proves what was before it and what comes after")
  func threeKeys() throws {
    try withDirectory { directory in
      let store = try RecordStore(directory: directory, line: "L01")
      var keys = [try Self.key(directory)]
      for _ in 0..<2 {
        try Self.add(3, to: store)
        try Self.rotate(store)
        keys.append(try Self.key(directory))
      }
      store.close()
      #expect(Set(keys).count == 3)
      for key in keys {
        let report = Self.verify(directory, key)
        #expect(report.isIntact && report.keys == keys, "\(report.summary)")
      }
      try withDirectory { other in
        try Self.fill(other)
        self.expectBad(
          Self.verify(directory, try Self.key(other)), 3, "none of those that signed")
      }
    }
  }

  @Test(
    "a power cut after any step leaves a directory that starts and verifies",
    arguments: [
      "prepared", "recorded", "retired key written", "key renamed", "finished",
    ])
  func powerCut(step: String) throws {
    try withDirectory { directory in
      try withDirectory { left in
        let store = try RecordStore(directory: directory, line: "L01")
        try Self.add(5, to: store)
        let old = try Self.key(directory)
        let retired = "/head-key-\(old.text.split(separator: "+")[1]).pub"
        try Self.rotate(store) { done in
          switch (done, step) {
          case ("recorded", "retired key written"), ("recorded", "key renamed"):
            try Self.copyFiles(directory, left)
            try copy(left + "/head-key.pub", left + retired)
            if step == "key renamed" {
              #expect(rename(left + "/head-key.next", left + "/head-key") == 0)
            }
          case (step, step):
            try Self.copyFiles(directory, left)
            if step == "finished" { try copy(directory + retired, left + retired) }
          default: break
          }
        }
        store.close()
        let isRecorded = step != "prepared"
        // Before any start, the copy verifies as it is.
        #expect(Self.verify(left, old).isIntact, "\(Self.verify(left, old).summary)")
        let again = try RecordStore(directory: left, line: "L01")
        #expect(again.keyExchange == nil)
        try Self.add(5, to: again)
        again.close()
        #expect(!exists(left + "/head-key.next"))
        #expect(try (Self.key(left) == old) == !isRecorded)
        let report = Self.verify(left, old)
        #expect(report.isIntact, "\(report.summary)")
        #expect(report.keys.count == (isRecorded ? 2 : 1))
        #expect(report.records == (isRecorded ? 11 : 10))
        #expect(exists(left + retired) == isRecorded)
        // And it can be rotated once more.
        let third = try RecordStore(directory: left, line: "L01")
        try Self.rotate(third)
        third.close()
        #expect(Self.verify(left, old).isIntact, "\(Self.verify(left, old).summary)")
      }
    }
  }

  @Test("one rotation at a time; one that is given up leaves the old key")
  func oneAtATime() throws {
    try withDirectory { directory in
      let store = try RecordStore(directory: directory, line: "L01")
      let old = try Self.key(directory)
      let change = try KeyRotation.prepare(directory: directory)
      let fault = #expect(throws: StorageFault.self) {
        try KeyRotation.prepare(directory: directory)
      }
      #expect(fault?.message.contains("not done yet") == true)
      KeyRotation.abandon(directory: directory)
      #expect(try Self.key(directory) == old && !exists(directory + "/head-key.next"))
      // A record of a key that is not there is not written: the store says so and ends.
      #expect(throws: StorageFault.self) {
        try store.append(Self.record(change), at: instant(0))
      }
      store.close()
      try Self.fill(directory)
      #expect(Self.verify(directory, old).isIntact)
    }
  }

  @Test("a record of a change that names no key, or another key before, is found")
  func badRecords() throws {
    try withDirectory { directory in
      let store = try RecordStore(directory: directory, line: "L01")
      try store.append(Line.Record(.keyChanged, code: 2, raw: [0x41]), at: instant(0))
      try store.commit()
      store.close()
      self.expectBad(Self.verify(directory), 1, "names none")
    }
  }

  // MARK: Exchanged

  @Test(
    "a key that somebody put in place of the right one is named by verify, recorded at the next start, and named again",
    arguments: [true, false])
  func exchanged(withPublicHalf: Bool) throws {
    try withDirectory { directory in
      try withDirectory { other in
        try Self.fill(directory)
        try Self.fill(other)
        let old = try Self.key(directory)
        try copy(other + "/head-key", directory + "/head-key")
        if withPublicHalf { try copy(other + "/head-key.pub", directory + "/head-key.pub") }
        let before = Self.verify(directory)
        #expect(!before.isIntact)
        #expect(before.summary.contains("no record says so"), "\(before.summary)")
        #expect(!Self.verify(directory, old).isIntact)

        let store = try RecordStore(directory: directory, line: "L01")
        #expect(store.keyExchange?.contains("exchanged or lost") == true)
        #expect(store.lastSequence == 6)
        try Self.add(3, to: store)
        store.close()
        let new = try Self.key(directory)
        #expect(new == (try Self.key(other)))
        self.expectBad(Self.verify(directory, old), 6, "exchanged here")
        // Its own later heads vouch for nothing before them, if that key is not trusted by itself.
        if !withPublicHalf { self.expectBad(Self.verify(directory), 6, "exchanged here") }
        #expect(Self.verify(directory, old, new).isIntact)
        // Said once: the next start finds the key that the records name.
        let again = try RecordStore(directory: directory, line: "L01")
        #expect(again.keyExchange == nil)
        again.close()
      }
    }
  }

  @Test("a lost key, as in a restored copy, is replaced on record")
  func lost() throws {
    try withDirectory { directory in
      try Self.fill(directory)
      let old = try Self.key(directory)
      unlink(directory + "/head-key")
      // A copy without the private key verifies.
      #expect(Self.verify(directory, old).isIntact)
      let store = try RecordStore(directory: directory, line: "L01")
      #expect(store.keyExchange?.contains(old.shortName) == true)
      store.close()
      let new = try Self.key(directory)
      #expect(new != old && new.name == old.name)
      expectBad(Self.verify(directory), 6, old.shortName)
      #expect(Self.verify(directory, old, new).isIntact)
    }
  }

  @Test("the old key put back after a rotation is found")
  func putBack() throws {
    try withDirectory { directory in
      let store = try RecordStore(directory: directory, line: "L01")
      try Self.add(5, to: store)
      let secret = try read(directory + "/head-key")
      let old = try Self.key(directory)
      try Self.rotate(store)
      store.close()
      let new = try Self.key(directory)
      try write(secret, to: directory + "/head-key", mode: 0o600)
      let again = try RecordStore(directory: directory, line: "L01")
      #expect(again.keyExchange?.contains(new.shortName) == true)
      again.close()
      #expect(try Self.key(directory) == old)
      expectBad(Self.verify(directory, new), 7, "exchanged here")
    }
  }

  @Test(
    "a public key that was put in place of the right one is named, and mended at the next start")
  func publicHalf() throws {
    try withDirectory { directory in
      try withDirectory { other in
        try Self.fill(directory)
        try Self.fill(other)
        let key = try Self.key(directory)
        try copy(other + "/head-key.pub", directory + "/head-key.pub")
        let report = Self.verify(directory, key)
        #expect(report.summary.contains("head-key.pub holds"), "\(report.summary)")
        #expect(!Self.verify(directory).isIntact)
        let store = try RecordStore(directory: directory, line: "L01")
        #expect(store.keyExchange == nil)
        store.close()
        #expect(try Self.key(directory) == key)
        #expect(Self.verify(directory, key).isIntact)
      }
    }
  }

  @Test("a forger who removes the old key's signature breaks the change")
  func forgedHead() throws {
    try withDirectory { directory in
      let store = try RecordStore(directory: directory, line: "L01")
      try Self.add(5, to: store)
      let old = try Self.key(directory)
      try Self.rotate(store)
      store.close()
      let head = try #require(Self.heads(directory).last)
      let lines = head.note.split(separator: "\n", omittingEmptySubsequences: false)
      let cut = (lines[..<4] + lines[5...]).joined(separator: "\n")
      try tamper(
        directory, "UPDATE heads SET note = '\(cut)' WHERE sequence = \(head.sequence)")
      expectBad(Self.verify(directory, old), 6, "exchanged here")
    }
  }
}
