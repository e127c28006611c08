import GRDB
import Glibc
import Line
import Records
import Testing

@Suite struct StorageFaultTests {
  private func filled(_ directory: String, records: Int = 10) throws {
    let store = try RecordStore(directory: directory, line: "L01")
    for _ in 0..<records {
      try store.append(Line.Record(.strayRead, raw: [1, 2, 3]), at: instant(0))
    }
    try store.commit()
    store.close()
  }

  private func expect(_ code: StorageFault.Code, _ fault: StorageFault?, names: String) {
    #expect(fault?.code == code, "\(fault?.message ?? "no fault")")
    #expect(fault?.message.contains(names) == true, "\(fault?.message ?? "no fault")")
  }

  @Test(arguments: ["hello", String(repeating: "text, not a database\n", count: 1000)])
  func aTextFileIsNoDatabase(_ text: String) throws {
    try withDirectory { directory in
      try write(Array(text.utf8), to: directory + "/records.sqlite")
      expect(.notADatabase, fault(opening: directory), names: directory + "/records.sqlite")
      #expect(try read(directory + "/records.sqlite") == Array(text.utf8))
      #expect(throws: StorageFault.self) { try RecordReader(directory: directory) }
    }
  }

  @Test func anotherProgramsDatabaseIsLeftAlone() throws {
    try withDirectory { directory in
      let queue = try DatabaseQueue(path: directory + "/records.sqlite")
      try queue.write { try $0.execute(sql: "CREATE TABLE customers (id INTEGER)") }
      try queue.close()
      let before = try read(directory + "/records.sqlite")
      expect(.foreign, fault(opening: directory), names: directory)
      #expect(try read(directory + "/records.sqlite") == before)
    }
  }

  @Test func aNewerVersionsDatabaseIsLeftAlone() throws {
    try withDirectory { directory in
      try filled(directory)
      try tamper(directory, "PRAGMA user_version = 99", dropTriggers: false)
      expect(.newerVersion, fault(opening: directory), names: "99")
      let fault = #expect(throws: StorageFault.self) { try RecordReader(directory: directory) }
      #expect(fault?.code == .newerVersion)
    }
  }

  @Test func aFileInPlaceOfTheDirectoryIsNamed() throws {
    try withDirectory { directory in
      try write([0x41], to: directory + "/file")
      #expect(fault(opening: directory + "/file")?.message.contains(directory + "/file") == true)
      #expect(fault(opening: directory + "/file/below") != nil)
    }
  }

  @Test func aSecondDaemonIsRefused() throws {
    try withDirectory { directory in
      let store = try RecordStore(directory: directory, line: "L01")
      expect(.secondDaemon, fault(opening: directory), names: "process \(getpid())")
      store.close()
      #expect(fault(opening: directory) == nil)
    }
  }

  @Test func anothersLockEndsTheWaitWithinASecond() throws {
    try withDirectory { directory in
      let store = try RecordStore(directory: directory, line: "L01")
      try store.append(Line.Record(.started), at: instant(0))
      try store.commit()
      let other = try DatabaseQueue(path: directory + "/records.sqlite")
      try other.writeWithoutTransaction { database in
        try database.execute(sql: "BEGIN IMMEDIATE")
        let begun = ContinuousClock.now
        let locked = #expect(throws: StorageFault.self) {
          try store.append(Line.Record(.stopped), at: instant(0))
          try store.commit()
        }
        #expect(ContinuousClock.now - begun < .seconds(5))
        self.expect(.locked, locked, names: "records.sqlite")
        try database.execute(sql: "ROLLBACK")
      }
      try other.close()
      // Dead, although the lock is gone: what the core decided meanwhile was not recorded.
      #expect(throws: StorageFault.self) { try store.append(Line.Record(.stopped), at: instant(0)) }
      #expect(throws: StorageFault.self) { try store.commit() }
      #expect(throws: StorageFault.self) { try store.idle(isQuiet: true) }
      store.close()
      let again = try RecordStore(directory: directory, line: "L01")
      #expect(again.lastSequence == 1)
      again.close()
    }
  }

  @Test func aLogRemovedUnderTheStoreStopsTheNextCommit() throws {
    try withDirectory { directory in
      let store = try RecordStore(directory: directory, line: "L01")
      try store.append(Line.Record(.started), at: instant(0))
      try store.commit()
      unlink(directory + "/records.sqlite-wal")
      try store.append(Line.Record(.stopped), at: instant(0))
      let fault = #expect(throws: StorageFault.self) { try store.commit() }
      expect(.filesRemoved, fault, names: "records.sqlite-wal")
      store.close()
    }
  }

  @Test func aLogRemovedAfterACrashIsSeenAtTheStart() throws {
    try withDirectory { directory in
      try withDirectory { copyOfIt in
        let store = try RecordStore(directory: directory, line: "L01")
        for _ in 0..<20 { try store.append(Line.Record(.strayRead), at: instant(0)) }
        try store.commit()
        // The files as a crash leaves them.
        for name in ["records.sqlite", "records.sqlite-wal", "head", "head-key", "head-key.pub"] {
          try copy(directory + "/" + name, copyOfIt + "/" + name)
        }
        store.close()
        unlink(copyOfIt + "/records.sqlite-wal")
        expect(.tailMissing, fault(opening: copyOfIt), names: "record 20 was on disk")
        // It goes on when a person says so.
        unlink(copyOfIt + "/head")
        #expect(fault(opening: copyOfIt) == nil)
      }
    }
  }

  @Test func anOlderCopyPutInPlaceIsSeenAtTheStart() throws {
    try withDirectory { directory in
      try filled(directory)
      try copy(directory + "/records.sqlite", directory + "/older")
      try filled(directory)
      unlink(directory + "/records.sqlite")
      try copy(directory + "/older", directory + "/records.sqlite")
      expect(.tailMissing, fault(opening: directory), names: "record 20")
    }
  }

  @Test func anUnfinishedMarkIsNoObstacle() throws {
    for bytes in [[], Array("0000".utf8), [UInt8](repeating: 0, count: 85)] {
      try withDirectory { directory in
        try filled(directory)
        try write(bytes, to: directory + "/head")
        #expect(fault(opening: directory) == nil)
      }
    }
  }

  @Test func aDamagedTailIsSeenAtTheStart() throws {
    let changes = [
      "UPDATE records SET code = code + 1 WHERE sequence = 7",
      "DELETE FROM records WHERE sequence = 7",
      "UPDATE records SET hash = zeroblob(32) WHERE sequence = 10",
    ]
    for change in changes {
      try withDirectory { directory in
        try filled(directory)
        try tamper(directory, change)
        let fault = fault(opening: directory)
        #expect(fault?.code == .corrupt, "\(change)")
        #expect(fault?.message.contains("ecord 7") == true || fault?.message.contains("10") == true)
      }
    }
  }

  @Test func aDamagedPageIsAFaultAndNoCrash() throws {
    try withDirectory { directory in
      try filled(directory, records: 2000)
      var bytes = try read(directory + "/records.sqlite")
      for page in 1..<bytes.count / 4096 {
        for index in 0..<64 { bytes[page * 4096 + index] = 0xA5 }
      }
      try write(bytes, to: directory + "/records.sqlite")
      expect(.corrupt, fault(opening: directory), names: directory)
    }
  }

  // MARK: A dying disk

  @Test(arguments: [FailingDisk.Fault.write, .sync])
  func afterAFailedWriteOrSyncNothingIsTriedAgainAndTheLastGoodRecordIsKnown(
    _ fault: FailingDisk.Fault
  ) throws {
    try withDirectory { directory in
      FailingDisk.watch(directory)
      let store = try RecordStore(directory: directory, line: "L01")
      for _ in 0..<3 {
        try store.append(Line.Record(.strayRead), at: instant(0))
        try store.commit()
      }
      #expect(FailingDisk.counts(directory).syncs > 0)
      FailingDisk.fail(fault, in: directory)
      try store.append(Line.Record(.strayRead), at: instant(0))
      let found = #expect(throws: StorageFault.self) { try store.commit() }
      expect(.io, found, names: directory + "/records.sqlite")
      #expect(store.lastCommitted == 3)
      // The disk is well again; the store stays dead.
      FailingDisk.mend(directory)
      let asked = FailingDisk.counts(directory)
      #expect(throws: StorageFault.self) { try store.commit() }
      #expect(throws: StorageFault.self) { try store.append(Line.Record(.stopped), at: instant(0)) }
      #expect(throws: StorageFault.self) { try store.idle(isQuiet: true) }
      #expect(FailingDisk.counts(directory).syncs == asked.syncs)
      #expect(FailingDisk.counts(directory).writes == asked.writes)
      store.close()
      #expect(FailingDisk.counts(directory).afterFailedSync == 0, "\(fault)")

      let again = try RecordStore(directory: directory, line: "L01")
      // What a commit acknowledged is there; the one that failed may be, or not.
      #expect(again.lastSequence == 3 || again.lastSequence == 4)
      #expect(HeadKey.stored(in: directory) != nil)
      again.close()
      let report = RecordVerifier.verify(directory: directory)
      #expect(report.isIntact && report.records >= 3, "\(report.summary)")
    }
  }

  @Test func aFailedCheckpointEndsTheStoreToo() throws {
    try withDirectory { directory in
      FailingDisk.watch(directory)
      let store = try RecordStore(directory: directory, line: "L01")
      let raw = [UInt8](repeating: 0x41, count: 3000)
      for _ in 0..<400 { try store.append(Line.Record(.strayRead, raw: raw), at: instant(0)) }
      try store.commit()
      FailingDisk.fail(.sync, in: directory)
      let found = #expect(throws: StorageFault.self) { try store.idle(isQuiet: true) }
      #expect(found?.code == .io, "\(found?.message ?? "")")
      FailingDisk.mend(directory)
      #expect(throws: StorageFault.self) { try store.append(Line.Record(.stopped), at: instant(0)) }
      store.close()
      #expect(FailingDisk.counts(directory).afterFailedSync == 0)
      let again = try RecordStore(directory: directory, line: "L01")
      #expect(again.lastSequence == 400)
      again.close()
      #expect(RecordVerifier.verify(directory: directory).isIntact)
    }
  }

  @Test func aDiskThatCannotBeReadIsSaidByStartAndVerifyAndIsNoFindingAboutRecords() throws {
    try withDirectory { directory in
      FailingDisk.watch(directory)
      try filled(directory, records: 2000)
      FailingDisk.fail(.read, in: directory)
      let found = fault(opening: directory)
      #expect(found?.code == .io || found?.code == .notADatabase, "\(found?.message ?? "none")")
      let report = RecordVerifier.verify(directory: directory)
      #expect(!report.isIntact && report.firstBad == nil, "\(report.summary)")
      FailingDisk.mend(directory)
      #expect(fault(opening: directory) == nil)
      #expect(RecordVerifier.verify(directory: directory).isIntact)
    }
  }

  // MARK: File systems of their own

  /// Whether this process may mount; where it may not (no root, a container), the tests that need it are skipped and
  /// the report says so.
  static let mayMount: Bool = {
    guard let directory = try? temporaryDirectory() else { return false }
    defer { removeTree(directory) }
    guard mount("tmpfs", directory, "tmpfs", 0, "size=64k") == 0 else { return false }
    umount2(directory, Int32(MNT_DETACH))
    return true
  }()

  private func withFileSystem(size: String, _ body: (String) throws -> Void) throws {
    try withDirectory { directory in
      guard mount("tmpfs", directory, "tmpfs", 0, "size=\(size)") == 0 else {
        throw TestFault(text: "no tmpfs")
      }
      defer { umount2(directory, Int32(MNT_DETACH)) }
      try body(directory)
    }
  }

  @Test(.enabled(if: mayMount, "mounting a small file system is not allowed here"))
  func aFullDiskIsSaidAndWhatWasCommittedStays() throws {
    try withFileSystem(size: "1m") { directory in
      let store = try RecordStore(directory: directory, line: "L01")
      var committed: Int64 = 0
      var found: StorageFault?
      let raw = [UInt8](repeating: 0x41, count: 2000)
      for _ in 0..<2000 {
        do throws(StorageFault) {
          try store.append(Line.Record(.strayRead, raw: raw), at: instant(0))
          try store.commit()
          committed = store.lastSequence
        } catch {
          found = error
          break
        }
      }
      expect(.full, found, names: directory)
      #expect(throws: StorageFault.self) { try store.commit() }
      store.close()
      #expect(committed > 50)
      // Without room the store may not open; when there is some again, it goes on where it was.
      let again = fault(opening: directory)
      #expect(again == nil || again?.code == .full, "\(again?.message ?? "")")
      #expect(mount("tmpfs", directory, "tmpfs", UInt(MS_REMOUNT), "size=8m") == 0)
      let reopened = try RecordStore(directory: directory, line: "L01")
      #expect(reopened.lastSequence >= committed)
      try reopened.append(Line.Record(.started), at: instant(0))
      try reopened.commit()
      reopened.close()
      #expect(RecordVerifier.verify(directory: directory).isIntact)
    }
  }

  @Test(.enabled(if: mayMount, "mounting a small file system is not allowed here"))
  func aFullDiskRefusesSerialsAndKeepsNothingOfThem() throws {
    try withFileSystem(size: "256k") { directory in
      try withDirectory { elsewhere in
        var text: [UInt8] = []
        for index in 0..<40_000 { text += Array("SERIAL\(index)\n".utf8) }
        try write(text, to: elsewhere + "/given")
        let descriptor = open(elsewhere + "/given", O_RDONLY)
        defer { close(descriptor) }
        do throws(ImportProblem) {
          _ = try SerialImporter.import(
            descriptor: descriptor, into: directory, number: 1, earlier: [])
          Issue.record("half a megabyte fits into a quarter")
        } catch {
          #expect(error.isOfStorage)
          #expect(error.message.contains("No space"))
        }
        #expect(!exists(directory + "/batches/0001.serials.importing"))
        #expect(!exists(directory + "/batches/0001.serials"))
      }
    }
  }

  @Test(.enabled(if: mayMount, "mounting a small file system is not allowed here"))
  func aReadOnlyFileSystemIsSaid() throws {
    try withFileSystem(size: "4m") { directory in
      try filled(directory + "/data")
      let flags = UInt(MS_REMOUNT) | UInt(MS_RDONLY)
      #expect(mount("tmpfs", directory, "tmpfs", flags, nil) == 0)
      expect(.readOnly, fault(opening: directory + "/data"), names: directory + "/data")
      expect(.readOnly, fault(opening: directory + "/new"), names: directory + "/new")
    }
  }

  @Test(.enabled(if: geteuid() != 0, "root may write everywhere"))
  func aDirectoryWithoutTheRightToWriteIsSaid() throws {
    try withDirectory { directory in
      try filled(directory + "/data")
      chmod(directory + "/data", 0o550)
      chmod(directory + "/data/records.sqlite", 0o440)
      defer { chmod(directory + "/data", 0o750) }
      #expect(fault(opening: directory + "/data") != nil)
    }
  }
}
