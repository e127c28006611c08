internal import CLinux
internal import CSQLite
internal import GRDB
internal import GRDBSQLite
internal import Glibc
public import Line

/// The record chain of one line, for writing: SQLite in WAL mode with `synchronous=FULL`.
///
/// Owned by the line loop's thread alone. A turn's records go into one transaction: `append` adds to it, `commit` ends it,
/// and when `commit` returns they are on disk. After any fault the store is dead: every later call throws the same fault
/// and nothing is tried again, because after a failed sync the kernel may call lost pages clean. The daemon then closes
/// it and makes a new store, which begins by bringing all that is left into the database file itself.
public final class RecordStore {
  /// Records whose hashes are checked when the store is opened.
  public static let tailChecked: Int64 = 1000
  /// How long another process's lock is waited for, in milliseconds; below the second after which a PLC stops.
  static let lockWait: Int32 = 500
  /// Pages in the write-ahead log from which quiet moments are used to bring them into the database.
  static let checkpointPages: Int32 = 250
  /// Pages from which any moment is used in which nothing waits.
  static let checkpointPagesBusy: Int32 = 900
  /// Pages at which a commit does it at once; SQLite's own default for `wal_autocheckpoint`.
  static let checkpointPagesMax: Int32 = 1000
  /// A head is signed when this many records have come since the last one that was signed.
  static let headEvery: Int64 = 10_000
  /// A head is signed when this much time has passed since the last one, if any record came.
  static let headInterval = Instant.Span.milliseconds(60_000)

  /// So many archived records are removed at a time, which is one commit of about the size of a busy turn's.
  static let removedAtOnce = 64
  /// Between two removals the line has the disk to itself.
  static let removeEvery = Instant.Span.milliseconds(100)

  /// Where everything lies.
  public let directory: String
  /// The line's id, which goes into every record.
  public let line: String
  /// Sequence number of the last record appended, 0 when there is none.
  @exclusivity(unchecked) public private(set) var lastSequence: Int64
  /// Sequence number of the last record that is on disk for certain: of a turn whose commit failed, the one before it.
  public private(set) var lastCommitted: Int64
  /// The last signed head of the chain, nil when none was signed yet: to be kept elsewhere.
  public private(set) var lastHead: SignedHead?
  /// What is wrong with the signing key, a sentence for an alarm: another one was found than the one that signed before.
  ///
  /// Nil when all is as it should be. The chain has a record of it by then.
  public private(set) var keyExchange: String?

  /// Where the chain begins here: after the records that are in archives.
  private(set) var base: ChainBase
  private var newBase: ChainBase?
  private var removedAt: Instant?
  private var isRemoved = false

  private let path: String
  private var lock: DirectoryLock?
  private let mark: HeadMark
  private let queue: DatabaseQueue
  private var signer: HeadSigner
  /// The key that the transaction under way gives the line; it signs from its end on.
  private var nextSigner: HeadSigner?
  private let log: LogPages
  private let boot: BootID
  private var connection: OpaquePointer?
  private var begin: OpaquePointer?
  private var insert: OpaquePointer?
  private var insertGroup: OpaquePointer?
  private var end: OpaquePointer?
  // The store belongs to one thread, so nothing is gained by having each of these accesses checked as it runs.
  @exclusivity(unchecked) private var encoder: RecordEncoder
  @exclusivity(unchecked) private var inTransaction = false
  @exclusivity(unchecked) private var waiting = RowGroup()
  private var checkpointTried: Int32 = 0
  @exclusivity(unchecked) private var appendedAt = Instant(nanoseconds: 0)
  private var headAt: Instant?
  @exclusivity(unchecked) private var dead: StorageFault?

  // Bound once and for all rows; both must outlive the statement.
  private let bootBytes: UnsafeMutableRawBufferPointer
  private let lineBytes: UnsafeMutableRawBufferPointer

  /// Opens the records in `directory`, creating directory (0750), database, key and lock where they are absent.
  ///
  /// Refuses a second daemon, another program's file, a newer version's database, a damaged one, one that cannot be
  /// written, and one that lacks records that were on disk before. Checks the hashes of the last 1,000 records.
  public init(directory: String, line: String) throws(StorageFault) {
    self.directory = directory
    self.line = line
    path = StoreDirectory.database(directory)
    log = LogPages(path)
    try StoreDirectory.create(directory)
    lock = try DirectoryLock(directory)
    try StoreDirectory.create(StoreDirectory.batches(directory))
    queue = try RecordStore.open(path)
    let keys: KeyRotation.Found
    do {
      try StoreDirectory.sync(directory: directory)
      let tail = try queue.read { try RecordTail.verified($0, path: RecordStore.path(directory)) }
      try tail.hold(against: HeadMark.read(directory), directory: directory)
      keys = try KeyRotation.keys(in: directory, line: line, lastHead: tail.head)
      signer = keys.signer
      lastSequence = tail.sequence
      lastCommitted = tail.sequence
      lastHead = tail.head
      base = tail.base
      encoder = RecordEncoder(after: tail.hash)
      try SerialFile.setAsideUnrecorded(
        directory: directory, newest: queue.read { try tail.newestBatch($0) })
    } catch {
      throw .from(error, "open the records", path: path)
    }
    mark = try HeadMark(directory)
    boot = RecordStore.bootID()
    bootBytes = .allocate(byteCount: 16, alignment: 8)
    bootBytes.copyBytes(from: boot.bytes)
    lineBytes = .allocate(byteCount: max(1, line.utf8.count), alignment: 1)
    lineBytes.copyBytes(from: line.utf8)
    // From here on the connection is used by this thread alone, without GRDB's queue between.
    connection = queue.inDatabase { $0.sqliteConnection }
    // GRDB's own hooks expect to run on its queue and stop the program elsewhere; nobody observes this connection.
    sqlite3_commit_hook(connection, nil, nil)
    sqlite3_rollback_hook(connection, nil, nil)
    begin = try prepare("BEGIN IMMEDIATE")
    insert = try prepare(RowGroup.insert(rows: 1))
    insertGroup = try prepare(RowGroup.insert(rows: RowGroup.size))
    end = try prepare("COMMIT")
    for statement in [insert, insertGroup] {
      sqlite3_bind_blob(statement, RowGroup.boot, bootBytes.baseAddress, 16, nil)
      sqlite3_bind_text(
        statement, RowGroup.line, lineBytes.baseAddress?.assumingMemoryBound(to: CChar.self),
        Int32(line.utf8.count), nil)
    }
    log.watch(connection)
    if let exchange = keys.exchange { try record(exchange) }
  }

  deinit {
    close()
    bootBytes.deallocate()
    lineBytes.deallocate()
  }

  private static func path(_ directory: String) -> String { StoreDirectory.database(directory) }

  private static func open(_ path: String) throws(StorageFault) -> DatabaseQueue {
    var configuration = Configuration()
    configuration.label = "records"
    configuration.busyMode = .timeout(Double(lockWait) / 1000)
    do {
      let queue = try DatabaseQueue(path: path, configuration: configuration)
      try queue.inDatabase { database in
        // Until `close` finds that all went well: SQLite would sync again what failed to.
        if let connection = database.sqliteConnection {
          _ = csqlite_checkpoint_on_close(UnsafeMutableRawPointer(connection), 0)
        }
        try RecordSchema.check(database, path: path)
        if sqlite3_db_readonly(database.sqliteConnection, nil) == 1 {
          throw StorageFault.system(EACCES, "write", path: path)
        }
        let mode = try String.fetchOne(database, sql: "PRAGMA journal_mode = WAL")
        guard mode == "wal" else {
          throw StorageFault(
            .io, "The file system of \(path) cannot hold a write-ahead log. Use a local disk.",
            path: path)
        }
        try database.execute(sql: "PRAGMA synchronous = FULL")
        try database.execute(sql: "PRAGMA trusted_schema = OFF")
        try RecordSchema.migrate(database)
        // What a fault or a crash left in the log comes into the database and is synced there, before anything is
        // built on it.
        try LogPages.writeAgain(database.sqliteConnection, path)
        var pages: Int32 = 0
        var moved: Int32 = 0
        let code = sqlite3_wal_checkpoint_v2(
          database.sqliteConnection, nil, SQLITE_CHECKPOINT_FULL, &pages, &moved)
        guard code == SQLITE_OK else {
          throw fault(code, database.sqliteConnection, "bring the log into the records", path)
        }
      }
      return queue
    } catch {
      throw .from(error, "open the records", path: path)
    }
  }

  /// Which boot of the machine this is, as records carry it.
  public var bootName: String { boot.description }

  private static func bootID() -> BootID {
    let descriptor = Glibc.open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return BootID(high: 0, low: 0) }
    defer { Glibc.close(descriptor) }
    var text = [UInt8](repeating: 0, count: 64)
    let length = max(0, Glibc.read(descriptor, &text, text.count))
    return BootID(String(decoding: text[..<length], as: UTF8.self)) ?? BootID(high: 0, low: 0)
  }

  private func prepare(_ sql: String) throws(StorageFault) -> OpaquePointer? {
    var statement: OpaquePointer?
    let code = sqlite3_prepare_v3(
      connection, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &statement, nil)
    guard code == SQLITE_OK else { throw failed(code, "prepare the records") }
    return statement
  }

  private static func fault(
    _ code: Int32, _ connection: OpaquePointer?, _ doing: String, _ path: String
  ) -> StorageFault {
    .sqlite(
      sqlite3_extended_errcode(connection) & 0xFF == code & 0xFF
        ? sqlite3_extended_errcode(connection) : code,
      systemError: code & 0xFF == SQLITE_CORRUPT ? 0 : sqlite3_system_errno(connection),
      text: String(cString: sqlite3_errmsg(connection)), doing, path: path)
  }

  /// The store is dead from here on.
  private func failed(_ code: Int32, _ doing: String) -> StorageFault {
    died(RecordStore.fault(code, connection, doing, path))
  }

  private func died(_ fault: StorageFault) -> StorageFault {
    if dead == nil { dead = fault }
    return fault
  }

  // MARK: Writing

  /// The hash of the last record appended.
  public var lastHash: ChainHash { encoder.hash }

  /// Adds a record to this turn's transaction, with wall time, boot id, sequence and hash.
  ///
  /// `now` is CLOCK_MONOTONIC; `wall` is milliseconds since 1970 in UTC, nil for what the clock says. The record is on disk
  /// only when `commit` has returned. Rows are written some at a time, so that a fault may show with a later `append` or with
  /// `commit`.
  public func append(
    _ record: Line.Record, at now: Instant, wall: Int64? = nil
  ) throws(StorageFault) {
    if let dead { throw dead }
    let wall = wall ?? RecordStore.wallNow
    let sequence = lastSequence + 1
    let numbers = RecordEncoder.Numbers(
      sequence: sequence, wall: wall, monotonic: now.nanoseconds, boot: boot,
      kind: record.kind.rawValue, station: record.station, unit: record.unit,
      batch: record.batch, row: record.row, code: record.code, number: record.number,
      state: record.state?.rawValue ?? 0)
    encoder.begin(numbers)
    guard encoder.add(UnsafeRawBufferPointer(rebasing: lineBytes[..<line.utf8.count])) != nil,
      let raw = record.raw.withUnsafeBytes({ encoder.add($0) }), let actor = add(record.actor),
      let detail = add(record.detail)
    else {
      throw died(
        StorageFault(
          .recordTooLarge,
          "A record of kind \(record.kind.word) is larger than \(RecordEncoder.sizeMax) bytes and cannot be stored "
            + "in \(path). Report this with the journal.", path: path))
    }
    encoder.finish()
    if !waiting.hasRoom(for: encoder.bytes.count) { try writeWaiting() }
    waiting.add(
      RowGroup.Row(
        numbers: numbers, raw: .init(start: raw, count: record.raw.count),
        actor: .init(start: actor, count: record.actor.utf8.count),
        detail: .init(start: detail, count: record.detail.utf8.count)),
      encoder.bytes)
    lastSequence = sequence
    appendedAt = now
    if record.kind == .keyChanged { try takeNextSigner(record) }
    if record.kind == .archived { try noteArchive(record) }
  }

  /// Puts the rows that wait into the turn's transaction.
  private func writeWaiting() throws(StorageFault) {
    guard !waiting.isEmpty else { return }
    if !inTransaction {
      try run(begin, "begin a transaction")
      inTransaction = true
    }
    if waiting.isFull {
      waiting.bindAll(to: insertGroup)
      try run(insertGroup, "write a record")
    } else {
      for row in 0..<waiting.count {
        waiting.bind(row, to: insert)
        try run(insert, "write a record")
      }
    }
    waiting.removeAll()
  }

  private static var wallNow: Int64 {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
  }

  private func add(_ text: String) -> Int? {
    if text.isEmpty { return encoder.add(UnsafeRawBufferPointer(start: nil, count: 0)) }
    var text = text
    return text.withUTF8 { encoder.add(UnsafeRawBufferPointer($0)) }
  }

  private func run(_ statement: OpaquePointer?, _ doing: String) throws(StorageFault) {
    let code = sqlite3_step(statement)
    guard code == SQLITE_DONE else {
      let fault = failed(code, doing)
      sqlite3_reset(statement)
      throw fault
    }
    sqlite3_reset(statement)
  }

  /// Ends this turn's transaction; durable on return.
  ///
  /// Does nothing when nothing was appended.
  public func commit() throws(StorageFault) {
    if let dead { throw dead }
    guard inTransaction || !waiting.isEmpty else { return }
    // Before the commit: written into a file that has no name any more, it would be gone with the process.
    do throws(StorageFault) {
      try log.checkFiles()
    } catch {
      throw died(error)
    }
    if !inTransaction && waiting.count == 1 && nextSigner == nil {
      // One statement is a transaction by itself, and for one record two statements less.
      waiting.bind(0, to: insert)
      try run(insert, "write the records to disk")
      waiting.removeAll()
    } else {
      // So many records that rows were written before: nobody knows when a moment comes in which nothing waits, and a head
      // that goes with its records costs no sync of its own.
      let isBusy = inTransaction
      try writeWaiting()
      var head = try insertKeyChangeHead()
      if head == nil, isBusy, headIsDue { head = try insertHead() }
      try run(end, "write the records to disk")
      inTransaction = false
      if let head { signed(head) }
    }
    lastCommitted = lastSequence
    if let newBase {
      base = newBase
      self.newBase = nil
      isRemoved = false
    }
    do throws(StorageFault) {
      try mark.write(lastSequence, lastHash)
    } catch {
      throw died(error)
    }
  }

  /// Uses a moment in which nothing waits: signs a head when one is due, and brings the log into the database when it is
  /// long.
  ///
  /// The latter costs two syncs, and where something just came the next is near: then it is put off to a quiet moment
  /// (`isQuiet`), but not for ever.
  public func idle(isQuiet: Bool) throws(StorageFault) {
    if let dead { throw dead }
    guard !inTransaction && waiting.isEmpty else { return }
    if headIsDue { try signHead() }
    if base.last > 0 && !isRemoved { try removeArchived() }
    let pages = log.pages
    // A log that went back to its beginning is counted anew. One that a reader holds is tried again only when it grew.
    if pages < checkpointTried { checkpointTried = 0 }
    guard isQuiet || pages >= RecordStore.checkpointPagesBusy else { return }
    guard pages - checkpointTried >= RecordStore.checkpointPages else { return }
    checkpointTried = pages
    let code = sqlite3_wal_checkpoint_v2(connection, nil, SQLITE_CHECKPOINT_PASSIVE, nil, nil)
    guard code == SQLITE_OK || code == SQLITE_BUSY else {
      throw failed(code, "bring the log into the records")
    }
  }

  /// Commits what was appended, signs a last head, and closes.
  ///
  /// A store that has failed is only closed.
  public func close() {
    guard connection != nil else { return }
    if dead == nil {
      do throws(StorageFault) {
        try commit()
        if lastSequence > lastHead?.sequence ?? 0 { try signHead() }
      } catch {
        // What did not reach the disk was never acknowledged, and the next start says what is wrong.
      }
    }
    for statement in [begin, insert, insertGroup, end] { sqlite3_finalize(statement) }
    begin = nil
    insert = nil
    insertGroup = nil
    end = nil
    log.forget(connection)
    if dead == nil, let connection {
      _ = csqlite_checkpoint_on_close(UnsafeMutableRawPointer(connection), 1)
    }
    connection = nil
    try? queue.close()
    lock = nil
    if dead == nil { dead = .closed(path: path) }
  }

  // MARK: Heads

  private var headIsDue: Bool {
    let signed = lastHead?.sequence ?? 0
    guard lastSequence > signed else { return false }
    guard let headAt else { return true }
    return lastSequence - signed >= RecordStore.headEvery
      || appendedAt - headAt >= RecordStore.headInterval
  }

  private func signHead() throws(StorageFault) {
    try run(begin, "begin a transaction")
    let head = try insertHead()
    try run(end, "write a signed head to disk")
    signed(head)
  }

  private func insertHead() throws(StorageFault) -> SignedHead {
    let head = signer.sign(sequence: lastSequence, hash: lastHash)
    try insert(head)
    return head
  }

  private func signed(_ head: SignedHead) {
    lastHead = head
    headAt = appendedAt
  }

  private func insert(_ head: SignedHead) throws(StorageFault) {
    let statement = try prepare("INSERT INTO heads (sequence, note) VALUES (?, ?)")
    defer { sqlite3_finalize(statement) }
    sqlite3_bind_int64(statement, 1, head.sequence)
    var note = head.note
    let code = note.withUTF8 { bytes in
      bytes.withMemoryRebound(to: CChar.self) { text in
        sqlite3_bind_text(statement, 2, text.baseAddress, Int32(text.count), nil)
        return sqlite3_step(statement)
      }
    }
    guard code == SQLITE_DONE else { throw failed(code, "write a signed head") }
  }

  // MARK: Keys

  /// A key was found that nobody was told of: the chain says so before that key signs anything.
  private func record(_ exchange: KeyChange) throws(StorageFault) {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    keyExchange = exchange.foundSentence
    try append(
      Line.Record(
        .keyChanged, code: KeyChange.Cause.found.rawValue, raw: exchange.encoded,
        detail: exchange.foundSentence),
      at: Instant(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)))
    nextSigner = signer
    try commit()
  }

  /// The record says that another key signs from here on: it has to be there.
  private func takeNextSigner(_ record: Line.Record) throws(StorageFault) {
    guard record.code == KeyChange.Cause.ordered.rawValue else { return }
    let path = KeyFiles.nextPath(directory)
    do throws(StorageFault) {
      guard let change = KeyChange(encoded: record.raw), change.old == signer.key,
        let next = try HeadSigner(at: path, name: signer.key.name), next.key == change.new
      else {
        throw StorageFault(
          .io, "The new signing key \(path) is not the one that was to be recorded. Rotate anew.",
          path: path)
      }
      nextSigner = next
    } catch {
      throw died(error)
    }
  }

  /// The old key's last head, with the signature of both, in the transaction of the record that it covers: so a crash
  /// leaves both or neither.
  ///
  /// Of a key that was found, its first head.
  private func insertKeyChangeHead() throws(StorageFault) -> SignedHead? {
    guard let next = nextSigner else { return nil }
    let head = signer.sign(
      sequence: lastSequence, hash: lastHash, with: next.key == signer.key ? nil : next)
    try insert(head)
    signer = next
    nextSigner = nil
    return head
  }

  // MARK: Reading back

  /// Hands over all records after one in order, as they are on disk, those in archives left out; before the first `append`.
  ///
  /// Stops at a gap in the sequence or a record that cannot be read, with a fault that names it.
  public func replay(after sequence: Int64 = 0, _ body: (StoredRecord) throws -> Void) throws {
    if let dead { throw dead }
    var statement: OpaquePointer?
    let code = sqlite3_prepare_v2(
      connection,
      "SELECT \(RecordSchema.columns) FROM records WHERE sequence > ?1 ORDER BY sequence", -1,
      &statement, nil)
    guard code == SQLITE_OK, let statement else { throw failed(code, "read the records") }
    defer { sqlite3_finalize(statement) }
    let sequence = max(sequence, base.last)
    sqlite3_bind_int64(statement, 1, sequence)
    let row = RecordRow(statement: statement)
    var expected = sequence + 1
    while true {
      let code = sqlite3_step(statement)
      if code == SQLITE_DONE { break }
      guard code == SQLITE_ROW else { throw failed(code, "read the records") }
      let stored: StoredRecord
      do throws(RecordRow.Malformed) {
        stored = try row.stored()
      } catch {
        throw died(
          .corrupt("Record \(row.sequence) in \(path) cannot be read: \(error.what)", path: path))
      }
      guard stored.sequence == expected else {
        throw died(
          .corrupt("Record \(expected) is missing in \(path)", path: path))
      }
      expected += 1
      try body(stored)
    }
  }
}

extension RecordStore {
  /// The hash of a record, nil when there is no such record.
  func hash(of sequence: Int64) throws(StorageFault) -> ChainHash? {
    guard sequence > base.last else { return sequence == base.last ? base.hash : nil }
    var hash: ChainHash?
    try read("SELECT hash FROM records WHERE sequence = ?1", sequence) { statement in
      guard sqlite3_column_bytes(statement, 0) == ChainHash.size,
        let bytes = sqlite3_column_blob(statement, 0)
      else { return }
      hash = ChainHash(copying: bytes)
    }
    return hash
  }

  /// The numbers of the batches that a record after `sequence` closed.
  func batchesClosed(after sequence: Int64) throws(StorageFault) -> Set<UInt32> {
    var numbers: Set<UInt32> = []
    try read(
      "SELECT batch FROM records WHERE kind BETWEEN 10 AND 13 AND kind = 13 AND sequence > ?1",
      sequence
    ) { statement in
      numbers.insert(UInt32(clamping: sqlite3_column_int64(statement, 0)))
    }
    return numbers
  }

  /// In the transaction of the record itself: from its commit on the records that it names may be removed.
  private func noteArchive(_ record: Line.Record) throws(StorageFault) {
    let description: ArchiveDescription
    do throws(ArchiveDescription.Malformed) {
      description = try ArchiveDescription(encoded: record.raw)
    } catch {
      throw died(.corrupt("An archive is described wrongly: \(error.description)", path: path))
    }
    // Its own row still waits, and with it the transaction.
    try writeWaiting()
    try read("INSERT INTO archived (record, last) VALUES (\(lastSequence), ?1)", description.last) {
      _ in
    }
    newBase = ChainBase(record: lastSequence, description: description)
  }

  /// Removes a few of the records that are in an archive, as long as there are any.
  private func removeArchived() throws(StorageFault) {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    let now = Instant(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
    if let removedAt, now - removedAt < RecordStore.removeEvery { return }
    removedAt = now
    // One bound: of two SQLite may take the farther one, and look at every archived record each time.
    try read(
      """
      DELETE FROM records
      WHERE sequence <= min(?1, (SELECT min(sequence) FROM records) + \(RecordStore.removedAtOnce - 1))
      """, base.last
    ) { _ in }
    if sqlite3_changes(connection) == 0 { isRemoved = true }
  }

  private func read(
    _ sql: String, _ argument: Int64, _ row: (OpaquePointer) -> Void
  ) throws(StorageFault) {
    if let dead { throw dead }
    guard let statement = try prepare(sql) else { return }
    defer { sqlite3_finalize(statement) }
    sqlite3_bind_int64(statement, 1, argument)
    while true {
      let code = sqlite3_step(statement)
      if code == SQLITE_DONE { return }
      guard code == SQLITE_ROW else { throw failed(code, "read the records") }
      row(statement)
    }
  }
}

/// The log's length, told by SQLite after each commit, and whether the files are still those that were opened.
private final class LogPages {
  private let count = UnsafeMutablePointer<Int32>.allocate(capacity: 1)
  private let path: String
  private let logPath: String
  private var files: (UInt64, UInt64)?

  init(_ path: String) {
    self.path = path
    logPath = path + "-wal"
    count.initialize(to: 0)
  }

  deinit { count.deallocate() }

  var pages: Int32 { count.pointee }

  /// Takes the place of SQLite's `wal_autocheckpoint`, which uses the same hook: it too moves a log that grew too long.
  func watch(_ connection: OpaquePointer?) {
    sqlite3_wal_hook(
      connection,
      { context, connection, _, pages in
        context?.assumingMemoryBound(to: Int32.self).pointee = pages
        guard pages >= RecordStore.checkpointPagesMax else { return SQLITE_OK }
        let code = sqlite3_wal_checkpoint_v2(
          connection, nil, SQLITE_CHECKPOINT_PASSIVE, nil, nil)
        return code == SQLITE_BUSY ? SQLITE_OK : code
      }, count)
  }

  /// Writes the log's bytes in place once more and syncs them.
  ///
  /// After a failed sync the kernel calls pages clean that are on no disk: the log reads as if it were whole, a later sync
  /// has nothing to write, and a power cut while the database is being built on it would leave both in pieces.
  static func writeAgain(_ connection: OpaquePointer?, _ path: String) throws(StorageFault) {
    var log: UnsafeMutablePointer<sqlite3_file>?
    guard
      sqlite3_file_control(connection, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log) == SQLITE_OK,
      let log, let calls = log.pointee.pMethods?.pointee
    else { return }
    // SQLite's own calls take less than 128 KiB at a time.
    let block = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 4096)
    defer { block.deallocate() }
    var size: Int64 = 0
    var code = calls.xFileSize(log, &size)
    var offset: Int64 = 0
    while code == SQLITE_OK && offset < size {
      let count = Int32(min(Int64(block.count), size - offset))
      code = calls.xRead(log, block.baseAddress, count, offset)
      if code == SQLITE_OK { code = calls.xWrite(log, block.baseAddress, count, offset) }
      offset += Int64(count)
    }
    if code == SQLITE_OK && size > 0 { code = calls.xSync(log, SQLITE_SYNC_NORMAL) }
    guard code == SQLITE_OK else {
      throw .sqlite(
        code, systemError: sqlite3_system_errno(connection),
        text: String(cString: sqlite3_errstr(code)), "make the log durable", path: path)
    }
  }

  func forget(_ connection: OpaquePointer?) { sqlite3_wal_hook(connection, nil, nil) }

  /// Finds a database or log that was removed or replaced under the open store.
  func checkFiles() throws(StorageFault) {
    let found = (try number(of: path), try number(of: logPath))
    guard let files else {
      self.files = found
      return
    }
    guard files == found else {
      throw StorageFault(
        .filesRemoved,
        "\(path) or its log was replaced while records were written. Stop the daemon and find out who did it.",
        path: path)
    }
  }

  private func number(of name: String) throws(StorageFault) -> UInt64 {
    var number: UInt64 = 0
    guard clinux_inode(name, &number) == 0 else {
      throw StorageFault(
        .filesRemoved,
        "\(name) was removed while records were written. Stop the daemon, find out who removed it, and put it back "
          + "or restore the directory from a copy.", path: name)
    }
    return number
  }
}
