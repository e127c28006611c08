import Foundation
import GRDB
import Glibc
import Line
import Testing

@testable import Records

@Suite struct ArchiveTests {
  /// A line with three closed batches and one that runs.
  private func line(_ directory: String, batches: Int = 3, open: Bool = true) throws -> PlayedLine {
    let line = try PlayedLine(directory: directory)
    for number in 1...batches { try batch(line, number) }
    if open {
      try line.openBatch(id: "B-\(batches + 1)", serials: serials(batches + 1))
      try line.command(.batchStart(id: nil))
      try line.release()
      try line.unit(PlayedLine.scan("S\(batches + 1)-0"), .passed)
    }
    return line
  }

  private func serials(_ number: Int) -> [String] { (0..<20).map { "S\(number)-\($0)" } }

  private func batch(_ line: PlayedLine, _ number: Int) throws {
    try line.openBatch(id: "B-\(number)", serials: serials(number))
    try line.command(.batchStart(id: nil))
    try line.release()
    for (index, outcome) in Outcome.allCases.enumerated() {
      try line.unit(PlayedLine.scan("S\(number)-\(index)"), outcome)
    }
    try line.unit(Array("NOREAD".utf8), .rejected)
    try line.command(.stop(reason: "end"))
    try line.command(.batchClose(id: nil))
  }

  private func prepare(
    _ directory: String, before batch: String? = nil,
    reached: (RecordArchive.Step) throws -> Void = { _ in }
  ) throws -> RecordArchive.Prepared {
    try RecordArchive.prepare(
      directory, before: batch, by: "quinn (1003)", version: "test", minFree: 0,
      at: 1_700_000_000_000,
      isWanted: { true }, progress: { _, _, _ in }, reached: reached)
  }

  private func archive(_ line: PlayedLine, before batch: String? = nil) throws -> String {
    let prepared = try prepare(line.directory, before: batch)
    try line.command(
      .archive(
        folder: prepared.description.folder, lastBatch: prepared.description.lastBatch,
        description: prepared.description.encoded), by: "quinn (1003)")
    guard case .done = line.replies.last else { throw TestFault(text: "not archived") }
    return prepared.path
  }

  /// Lets the store remove what is in archives; the removal has a pace, so it is waited for.
  private func remove(_ line: PlayedLine, until first: Int64) throws {
    let end = ContinuousClock.now + .seconds(20)
    let reader = try RecordReader(directory: line.directory)
    while try self.first(reader) < first {
      guard ContinuousClock.now < end else { throw TestFault(text: "nothing is removed") }
      try line.store.idle(isQuiet: true)
      usleep(5000)
    }
  }

  private func first(_ reader: RecordReader) throws -> Int64 {
    try reader.read { try Int64.fetchOne($0, sql: "SELECT min(sequence) FROM records") } ?? 0
  }

  private func recovered(_ directory: String, settings: LineSettings) throws -> String {
    let store = try RecordStore(directory: directory, line: settings.line)
    defer { store.close() }
    var core = try LineRecovery.recover(from: store, settings: settings).core
    core.begin(detail: "test", recorded: [], wall: 0)
    return wholeText(core)
  }

  private func rotate(_ line: PlayedLine) throws {
    let change = try KeyRotation.prepare(directory: line.directory)
    try line.command(.rotateKey(change: change, reason: "yearly"), by: "quinn (1003)")
    guard case .done = line.replies.last else { throw TestFault(text: "not rotated") }
    try KeyRotation.finish(directory: line.directory)
  }

  @Test func theFirstKeyProvesAllRecordsAlthoughItWasChangedBeforeAndAfterAnArchive() throws {
    try withDirectory { directory in
      let line = try line(directory, open: false)
      try line.store.idle(isQuiet: true)
      let first = try #require(HeadKey.stored(in: directory))
      // The archive's own records do not know the key that signs its manifest.
      try rotate(line)
      let paths = [try archive(line)]
      try batch(line, 4)
      try rotate(line)
      try batch(line, 5)
      let all = paths + [try archive(line)]
      try remove(line, until: #require(line.store.base.description).last + 1)
      try line.restart()
      try line.store.idle(isQuiet: true)
      let joined = RecordVerifier.verify(directory: directory, archives: all, keys: [first])
      #expect(joined.isIntact, "\(joined.summary)")
      #expect(joined.keys.count == 3)
      let alone = RecordVerifier.verify(directory: directory)
      #expect(alone.isIntact, "\(alone.summary)")
      for path in all {
        let own = RecordVerifier.verify(directory: path)
        #expect(own.isIntact, "\(own.summary)")
      }
      #expect(
        RecordVerifier.verify(directory: all[0], keys: [first]).remarks.contains {
          $0.contains("signed none of these records")
        })
      // A stranger's key proves nothing of it.
      let strange = try #require(
        HeadKey(HeadSigner(newFor: first.name).key.text))
      #expect(
        !RecordVerifier.verify(directory: directory, archives: all, keys: [strange]).isIntact)
      line.close()
    }
  }

  // MARK: Made

  @Test func whatIsArchivedLeavesAndIsProvenFromTheFirstRecordOn() throws {
    try withDirectory { directory in
      let line = try line(directory)
      let path = try archive(line)
      let archived = try #require(line.store.base.description)
      #expect(archived.first == 1)
      #expect(archived.lastBatch == 3)
      try remove(line, until: archived.last + 1)
      let alone = RecordVerifier.verify(directory: directory)
      #expect(alone.isIntact, "\(alone.summary)")
      #expect(alone.archived == archived.last)
      #expect(alone.archivedHash == archived.hash)
      #expect(Int64(alone.records) == line.store.lastSequence - archived.last)
      #expect(alone.serialFiles == 4)
      let own = RecordVerifier.verify(directory: path)
      #expect(own.isIntact, "\(own.summary)")
      #expect(Int64(own.records) == archived.last)
      let joined = RecordVerifier.verify(directory: directory, archives: [path])
      #expect(joined.isIntact, "\(joined.summary)")
      #expect(Int64(joined.records) == line.store.lastSequence)
      #expect(joined.archived == 0)
      #expect(joined.lastHash == line.store.lastHash)
      line.close()
    }
  }

  @Test func aRestartAfterwardsGivesTheSameCore() throws {
    try withDirectory { directory in
      let line = try line(directory)
      let copy = try temporaryDirectory()
      defer { removeTree(copy) }
      let path = try archive(line)
      line.close()
      try FileManager.default.removeItem(atPath: copy)
      try FileManager.default.copyItem(atPath: directory, toPath: copy)
      // The copy still has every record, and is asked as if there were no archive.
      try tamper(copy, "DROP TRIGGER archived_remains; DELETE FROM archived")
      let before = try recovered(copy, settings: line.settings)
      let base = try RecordReader(directory: directory).base()
      #expect(try recovered(directory, settings: line.settings) == before)
      try line.restart(settings: line.settings)
      try remove(line, until: base.last + 1)
      line.close()
      #expect(exists(path + "/records.sqlite"))
      try tamper(copy, "DELETE FROM records WHERE sequence > \(base.record)")
      #expect(RecordReplay.run(directory: directory).agrees)
    }
  }

  @Test(arguments: 1...3)
  func whateverHappenedARestartFromAnArchiveGivesTheCoreThatAllRecordsGive(seed: UInt64) throws {
    var random = SavedStateTests.Seeded(state: seed &* 77)
    try withDirectory { directory in
      let line = try PlayedLine(directory: directory)
      var batches = 0
      var paths: [String] = []
      for _ in 0..<6 {
        batches += 1
        try line.openBatch(id: "B-\(batches)", serials: (0..<60).map { "S\($0)" })
        try line.command(.batchStart(id: nil))
        try line.release()
        var none = 9
        for _ in 0..<25 { try SavedStateTests.anything(line, &random, batches: &none) }
        // Units whose outcome does not come end in doubt, and then the batch can be closed.
        try line.release()
        try line.wait(milliseconds: 6500)
        try line.command(.stop(reason: "end"))
        for batch in line.line.batches where batch.state != .closed {
          try line.command(.batchClose(id: batch.id))
        }
        if let path = try? archive(line) { paths.append(path) }
        for _ in 0..<10 { try SavedStateTests.anything(line, &random, batches: &none) }
        line.close()
        unlink(directory + "/state")
        let copy = directory + "-copy"
        defer { removeTree(copy) }
        try FileManager.default.copyItem(atPath: directory, toPath: copy)
        try tamper(copy, "DROP TRIGGER archived_remains; DELETE FROM archived")
        #expect(
          difference(
            try recovered(directory, settings: line.settings),
            try recovered(copy, settings: line.settings)) == nil, "seed \(seed)")
        #expect(RecordReplay.run(directory: directory).agrees)
        try line.restart()
      }
      try remove(line, until: line.store.base.last + 1)
      #expect(!paths.isEmpty)
      let joined = RecordVerifier.verify(directory: directory, archives: paths)
      #expect(joined.isIntact, "\(joined.summary)")
      #expect(Int64(joined.records) == line.store.lastSequence)
      line.close()
    }
  }

  @Test func archivesFollowOneAnother() throws {
    try withDirectory { directory in
      let line = try line(directory, open: false)
      let first = try archive(line, before: "B-3")
      #expect(line.store.base.description?.lastBatch == 2)
      #expect(throws: ArchiveProblem.self) { try prepare(directory) }
      try batch(line, 4)
      try batch(line, 5)
      let second = try archive(line)
      #expect(second.hasSuffix("archive/0002"))
      let base = line.store.base
      #expect(base.description?.first == (try RecordReader(directory: first).lastSequence()) + 1)
      try remove(line, until: base.last + 1)
      let joined = RecordVerifier.verify(directory: directory, archives: [second, first])
      #expect(joined.isIntact, "\(joined.summary)")
      #expect(Int64(joined.records) == line.store.lastSequence)
      let gap = RecordVerifier.verify(directory: directory, archives: [second])
      #expect(gap.firstBad?.sequence == 1)
      let end = RecordVerifier.verify(directory: directory, archives: [first])
      #expect(end.firstBad?.message.contains("not given") == true)
      line.close()
      #expect(fault(opening: directory) == nil)
      #expect(exists(directory + "/batches/0001.serials"))
      let settings = line.settings
      let store = try RecordStore(directory: directory, line: "L01")
      let core = try LineRecovery.recover(from: store, settings: settings).core
      store.close()
      #expect(core.batches.count == 5)
      #expect(core.archive(of: 2)?.folder == "archive/0001")
      #expect(core.archive(of: 3)?.folder == "archive/0002")
      #expect(core.archive(of: 6) == nil)
    }
  }

  @Test func nothingIsArchivedWhileABatchIsOpenThatBeganBefore() throws {
    try withDirectory { directory in
      let line = try PlayedLine(directory: directory)
      try line.openBatch(id: "B-1", serials: serials(1))
      try line.openBatch(id: "B-2", serials: serials(2))
      try line.command(.batchStart(id: "B-2"))
      try line.command(.batchClose(id: "B-2"))
      #expect(throws: ArchiveProblem.self) { try prepare(directory) }
      #expect(throws: ArchiveProblem.self) { try prepare(directory, before: "B-9") }
      #expect(throws: ArchiveProblem.self) {
        try RecordArchive.prepare(
          directory, before: nil, by: "", version: "", minFree: .max / 2, at: 0)
      }
      #expect(!exists(directory + "/archive"))
      line.close()
    }
  }

  // MARK: What must not mislead

  @Test func onlyWhatAnArchiveHoldsCanBeRemoved() throws {
    try withDirectory { directory in
      let line = try line(directory)
      _ = try archive(line)
      let last = try #require(line.store.base.description).last
      line.close()
      #expect(throws: (any Error).self) {
        try tamper(
          directory, "DELETE FROM records WHERE sequence = \(last + 1)", dropTriggers: false)
      }
      #expect(throws: (any Error).self) {
        try tamper(
          directory, "INSERT INTO archived VALUES (\(last + 2), \(last + 1))", dropTriggers: false)
      }
      #expect(throws: (any Error).self) {
        try tamper(directory, "UPDATE archived SET last = last + 1", dropTriggers: false)
      }
      #expect(throws: (any Error).self) {
        try tamper(directory, "DELETE FROM archived", dropTriggers: false)
      }
      try tamper(directory, "DELETE FROM records WHERE sequence = \(last)", dropTriggers: false)
      #expect(RecordVerifier.verify(directory: directory).isIntact)
    }
  }

  @Test func aChangedArchiveIsFound() throws {
    try withDirectory { directory in
      let line = try line(directory)
      let path = try archive(line)
      line.close()
      for name in ["records.sqlite", "batches/0002.serials", "manifest.json", "manifest.sig"] {
        let good = try read(path + "/" + name)
        var bytes = good
        bytes[bytes.count / 2] ^= 1
        // Under a name of its own: the line's serials share the file.
        unlink(path + "/" + name)
        try write(bytes, to: path + "/" + name)
        let joined = RecordVerifier.verify(directory: directory, archives: [path])
        #expect(!joined.isIntact, "\(name)")
        unlink(path + "/" + name)
        try write(good, to: path + "/" + name)
      }
      #expect(RecordVerifier.verify(directory: directory, archives: [path]).isIntact)
      // Serials of archived batches that the line keeps, so that none comes again.
      let serials = directory + "/batches/0001.serials"
      let good = try read(serials)
      unlink(serials)
      try write(Array(good.dropFirst(5)), to: serials)
      #expect(!RecordVerifier.verify(directory: directory).isIntact)
    }
  }

  @Test func aDescriptionThatSaysOtherThanTheArchiveIsFound() throws {
    try withDirectory { directory in
      let line = try line(directory)
      let prepared = try prepare(directory)
      var description = prepared.description
      description.state.batches[0].counts = [.commissioned: 77]
      try line.command(
        .archive(
          folder: description.folder, lastBatch: description.lastBatch,
          description: description.encoded))
      let joined = RecordVerifier.verify(directory: directory, archives: [prepared.path])
      #expect(joined.firstBad?.sequence == line.store.base.record)
      line.close()
    }
  }

  // MARK: Cut short

  private struct Cut: Error {}

  @Test(arguments: RecordArchive.Step.allCases)
  func aMakingThatIsCutShortLosesNothing(at step: RecordArchive.Step) throws {
    try withDirectory { directory in
      let line = try line(directory)
      let before = try recoveredCopy(line)
      #expect(throws: (any Error).self) {
        try prepare(directory) { reached in if reached == step { throw Cut() } }
      }
      line.close()
      #expect(try recovered(directory, settings: line.settings) == before)
      #expect(RecordVerifier.verify(directory: directory).archived == 0)
      #expect(RecordVerifier.verify(directory: directory).isIntact)
      try line.restart()
      let path = try archive(line)
      try remove(line, until: line.store.base.last + 1)
      let joined = RecordVerifier.verify(directory: directory, archives: [path])
      #expect(joined.isIntact, "\(joined.summary)")
      line.close()
    }
  }

  private func recoveredCopy(_ line: PlayedLine) throws -> String {
    line.close()
    let text = try recovered(line.directory, settings: line.settings)
    return text
  }

  @Test func aRemovalThatIsCutShortGoesOnAfterTheRestart() throws {
    try withDirectory { directory in
      let line = try line(directory, batches: 24)
      let path = try archive(line)
      let base = line.store.base
      #expect(base.last > RecordStore.removedAtOnce * 2)
      // One slice, then the end of the process.
      try remove(line, until: 2)
      let reader = try RecordReader(directory: directory)
      let first = try first(reader)
      #expect(first > 1 && first <= base.last)
      line.close()
      #expect(RecordVerifier.verify(directory: directory).isIntact)
      #expect(RecordVerifier.verify(directory: directory, archives: [path]).isIntact)
      try line.restart()
      try remove(line, until: base.last + 1)
      #expect(RecordVerifier.verify(directory: directory, archives: [path]).isIntact)
      line.close()
    }
  }

  // MARK: Versions

  @Test func aDatabaseFromBeforeArchivesMigrates() throws {
    try withDirectory { directory in
      let line = try line(directory)
      line.close()
      let hash = line.store.lastHash
      try tamper(
        directory,
        """
        DROP TABLE archived;
        PRAGMA user_version = 1
        """)
      #expect(RecordVerifier.verify(directory: directory).isIntact)
      #expect(fault(opening: directory) == nil)
      let report = RecordVerifier.verify(directory: directory)
      #expect(report.isIntact)
      #expect(report.lastHash == hash)
      try line.restart()
      let path = try archive(line)
      #expect(RecordVerifier.verify(directory: directory, archives: [path]).isIntact)
      line.close()
    }
  }

  @Test func anExportOfAnArchivedBatchComesFromItsFolder() throws {
    try withDirectory { directory in
      let line = try line(directory)
      let path = try archive(line)
      #expect(throws: ExportProblem.archived("B-2", "archive/0001")) {
        try export("B-2", directory)
      }
      try export("B-2", path)
      try export("B-4", directory)
      line.close()
    }
  }

  private func export(_ batch: String, _ directory: String) throws {
    let path = try temporaryDirectory() + "/stream"
    defer { removeTree(StoreDirectory.parent(of: path)) }
    let descriptor = Glibc.open(path, O_RDWR | O_CREAT, 0o600)
    defer { Glibc.close(descriptor) }
    let summary = try BatchExport.write(
      batch: batch, of: directory, by: "quinn", version: "test", to: descriptor, at: 0)
    #expect(summary.verification.isIntact, "\(summary.verification.summary)")
  }
}
