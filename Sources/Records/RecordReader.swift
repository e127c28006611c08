internal import GRDB
internal import Glibc
public import Line

/// Reads records beside a running daemon, from any thread.
///
/// Each slice of the sequence is a read of its own: a long one would keep the log from being brought into the database.
public final class RecordReader: Sendable {
  /// Rows looked at in one read.
  static let slice: Int64 = 20_000

  private let queue: DatabaseQueue
  let path: String

  /// Opens the records of a directory for reading only.
  public init(directory: String) throws(StorageFault) {
    path = StoreDirectory.database(directory)
    queue = try RecordReader.open(path)
  }

  /// Opens for reading only; checks that the file is ours.
  static func open(_ path: String) throws(StorageFault) -> DatabaseQueue {
    // Asked by name only: to open and close the file beside SQLite would take away the locks of this process's other
    // connections to it (POSIX locks belong to the process).
    var information = stat()
    guard stat(path, &information) == 0 else {
      throw StorageFault(
        .missing,
        "There are no records at \(path). Give the directory that storage.directory names.",
        path: path)
    }
    // SQLite would wait for a FIFO's writer for ever.
    guard information.st_mode & S_IFMT == S_IFREG else { throw StoreDirectory.notRegular(path) }
    var configuration = Configuration()
    configuration.label = "records reader"
    configuration.readonly = true
    configuration.busyMode = .timeout(Double(RecordStore.lockWait) / 1000)
    do {
      let queue = try DatabaseQueue(path: path, configuration: configuration)
      try queue.inDatabase { database in
        try database.execute(sql: "PRAGMA trusted_schema = OFF")
        try RecordSchema.check(database, path: path)
        guard try database.tableExists("records") else {
          throw StorageFault(
            .missing, "\(path) is empty. Give the directory that storage.directory names.",
            path: path)
        }
      }
      return queue
    } catch {
      throw .from(error, "open the records", path: path)
    }
  }

  /// The sequence number of the last record on disk, 0 when there is none.
  public func lastSequence() throws(StorageFault) -> Int64 {
    try read { try Int64.fetchOne($0, sql: "SELECT max(sequence) FROM records") ?? 0 }
  }

  /// How many records there are, those in archives counted.
  public func count() throws(StorageFault) -> Int64 {
    // The sequence has no gap; `verify` is what proves it.
    try lastSequence()
  }

  /// Where the chain begins here.
  func base() throws(StorageFault) -> ChainBase {
    try read { try ChainBase.read($0, path: self.path) }
  }

  /// Records after a sequence number in order, at most `limit` of them and at most 20,000.
  public func records(after sequence: Int64, limit: Int) throws(StorageFault) -> [StoredRecord] {
    let limit = min(max(0, limit), Int(RecordReader.slice))
    return try collect(after: sequence, limit: limit)
  }

  /// The last records in order, at most `count` of them and at most 20,000.
  public func last(_ count: Int) throws(StorageFault) -> [StoredRecord] {
    try records(after: max(0, lastSequence() - Int64(max(0, count))), limit: count)
  }

  /// All records that name a serial, in order: its printing, its verdicts, outcomes, and duplicates of it.
  ///
  /// There is no index on serials: the records since the batch was opened are looked through, about a million in a
  /// third of a second. At most `limit` records.
  public func history(
    batch: UInt32, row: Int32, limit: Int = 10_000
  ) throws(StorageFault) -> [StoredRecord] {
    let last = try lastSequence()
    guard let opened = try opening(of: batch) else { return [] }
    var found: [StoredRecord] = []
    var after = opened - 1
    while after < last && found.count < limit {
      let upTo = min(after + RecordReader.slice, last)
      // What was printed shares records, 4 bytes a serial: 40 MB at most for the largest batch.
      let named = try collect(
        after: after, limit: Int(RecordReader.slice),
        condition: "AND sequence <= ?3 AND batch = ?4 AND (row = ?5 OR kind = ?6)",
        arguments: [upTo, Int64(batch), Int64(row), Int64(Record.Kind.printed.rawValue)]
      ).filter { stored in
        stored.record.kind != .printed
          || PrintOrder.rows(encoded: stored.record.raw)?.contains(row) == true
      }
      found += named.prefix(limit - found.count)
      after = upTo
    }
    return found
  }

  /// State and hold of a serial by all records of it, for a batch whose pool is not in memory.
  public func word(batch: UInt32, row: Int32) throws(StorageFault) -> SerialPool.Word {
    let last = try lastSequence()
    guard let opened = try opening(of: batch) else { return SerialPool.Word(state: .allocated) }
    var found: [Line.Record] = []
    var after = opened - 1
    while after < last {
      let upTo = min(after + RecordReader.slice, last)
      found += try collect(
        after: after, limit: Int(RecordReader.slice),
        condition: "AND sequence <= ?3 AND batch = ?4 AND row = ?5 AND state IS NOT NULL",
        arguments: [upTo, Int64(batch), Int64(row)]
      ).map(\.record)
      after = upTo
    }
    return SerialPool.Word.after(found)
  }

  /// Hands over what a batch's reconciliation needs: the start and the settings that stood when it was opened, then every
  /// record since.
  ///
  /// Nothing when no such batch was opened.
  public func replay(batch: UInt32, _ body: (StoredRecord) -> Void) throws(StorageFault) {
    let last = try lastSequence()
    guard let opened = try opening(of: batch) else { return }
    let base = try base()
    if let start = try newest(.started, before: opened, after: base.last) ?? base.start {
      body(start)
    }
    if let settings = try newest(.settings, before: opened, after: base.last)
      ?? base.recordedSettings
    {
      body(settings)
    }
    var after = opened - 1
    while after < last {
      let slice = try records(after: after, limit: Int(RecordReader.slice))
      guard let end = slice.last?.sequence else { return }
      for stored in slice where stored.sequence <= last { body(stored) }
      after = end
    }
  }

  /// The sequence number of the record that opened a batch.
  private func opening(of batch: UInt32) throws(StorageFault) -> Int64? {
    try read { database in
      try Int64.fetchOne(
        database,
        sql: """
          SELECT min(sequence) FROM records
          WHERE kind BETWEEN 10 AND 13 AND kind = 10 AND batch = ?
          """, arguments: [Int64(batch)])
    }
  }

  func collect(
    after sequence: Int64, limit: Int, condition: String = "", arguments: [Int64] = []
  ) throws(StorageFault) -> [StoredRecord] {
    try read { database in
      let slice = try RecordSlice(
        database, after: sequence, limit: limit, condition: condition, arguments: arguments,
        path: self.path)
      var records: [StoredRecord] = []
      while let row = try slice.next() {
        do throws(RecordRow.Malformed) {
          records.append(try row.stored())
        } catch {
          throw StorageFault.corrupt(
            "Record \(row.sequence) in \(self.path) cannot be read: \(error.what)", path: self.path)
        }
      }
      return records
    }
  }

  /// One read of the database.
  func read<Value>(_ body: (Database) throws -> Value) throws(StorageFault) -> Value {
    do {
      return try queue.read(body)
    } catch {
      throw .from(error, "read the records", path: path)
    }
  }
}
