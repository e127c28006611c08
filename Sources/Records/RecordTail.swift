internal import GRDB
internal import GRDBSQLite

/// The end of the chain, as found when the store is opened.
struct RecordTail {
  var sequence: Int64
  var hash: ChainHash
  var head: SignedHead?
  var base: ChainBase

  /// Checks the last records' sequence and hashes.
  static func verified(_ database: Database, path: String) throws -> RecordTail {
    let last = try Int64.fetchOne(database, sql: "SELECT max(sequence) FROM records") ?? 0
    let base = try ChainBase.read(database, path: path)
    let head = try String.fetchOne(
      database, sql: "SELECT note FROM heads ORDER BY sequence DESC LIMIT 1"
    ).flatMap(SignedHead.init(note:))
    guard last > 0 else { return RecordTail(sequence: 0, hash: .zero, head: head, base: base) }
    let first = max(base.last + 1, last - RecordStore.tailChecked + 1)
    let slice = try RecordSlice(database, after: max(base.last, first - 2), path: path)
    var encoder = RecordEncoder(after: base.hash)
    if first > base.last + 1 {
      guard let row = try slice.next(), row.sequence == first - 1 else {
        throw StorageFault.corrupt("Record \(first - 1) is missing in \(path)", path: path)
      }
      do throws(RecordRow.Malformed) {
        encoder.hash = try row.hash()
      } catch {
        throw StorageFault.corrupt(
          "Record \(row.sequence) in \(path) is damaged: \(error.what)", path: path)
      }
    }
    for sequence in first...last {
      guard let row = try slice.next(), row.sequence == sequence else {
        throw StorageFault.corrupt("Record \(sequence) is missing in \(path)", path: path)
      }
      do throws(RecordRow.Malformed) {
        guard try row.follows(&encoder, row.numbers()) else {
          throw .init(what: "its hash is wrong")
        }
      } catch {
        throw StorageFault.corrupt(
          "Record \(sequence) in \(path) is damaged: \(error.what)", path: path)
      }
    }
    return RecordTail(sequence: last, hash: encoder.hash, head: head, base: base)
  }

  /// The highest number that a recorded batch has.
  func newestBatch(_ database: Database) throws -> UInt32 {
    let number = try Int64.fetchOne(
      database,
      sql: "SELECT max(batch) FROM records WHERE kind BETWEEN 10 AND 13 AND kind = 10")
    return max(UInt32(clamping: number ?? 0), base.description?.lastBatch ?? 0)
  }

  /// Holds the end against the last record that was known to be on disk.
  func hold(against mark: HeadMark.Content?, directory: String) throws(StorageFault) {
    guard let mark else { return }
    let path = StoreDirectory.database(directory)
    if mark.sequence > sequence {
      throw StorageFault(
        .tailMissing,
        "\(path) ends at record \(sequence), but record \(mark.sequence) was on disk: its log (\(path)-wal) was removed, "
          + "or an older copy was put in place. Put the right files back; only if they are lost for good, remove "
          + "\(StoreDirectory.mark(directory)) to go on without those records.", path: path)
    }
    if mark.sequence == sequence && mark.hash != hash {
      throw .corrupt("The last record in \(path) is not the one that was written", path: path)
    }
  }
}

/// A held statement over the records after a sequence number, within one read of the database.
final class RecordSlice {
  private let statement: OpaquePointer
  private let connection: OpaquePointer?
  private let path: String

  init(
    _ database: Database, after sequence: Int64, limit: Int = -1, condition: String = "",
    arguments: [Int64] = [], path: String
  ) throws {
    connection = database.sqliteConnection
    self.path = path
    var statement: OpaquePointer?
    let code = sqlite3_prepare_v2(
      connection,
      "SELECT \(RecordSchema.columns) FROM records WHERE sequence > ?1 \(condition) ORDER BY sequence LIMIT ?2",
      -1, &statement, nil)
    guard code == SQLITE_OK, let statement else {
      throw StorageFault.sqlite(
        code, systemError: sqlite3_system_errno(connection),
        text: String(cString: sqlite3_errmsg(connection)), "read the records", path: path)
    }
    self.statement = statement
    sqlite3_bind_int64(statement, 1, sequence)
    sqlite3_bind_int64(statement, 2, Int64(limit))
    for (index, argument) in arguments.enumerated() {
      sqlite3_bind_int64(statement, Int32(index + 3), argument)
    }
  }

  deinit { sqlite3_finalize(statement) }

  /// The next row, valid until the next call; nil at the end.
  func next() throws -> RecordRow? {
    let code = sqlite3_step(statement)
    if code == SQLITE_DONE { return nil }
    guard code == SQLITE_ROW else {
      throw StorageFault.sqlite(
        code, systemError: sqlite3_system_errno(connection),
        text: String(cString: sqlite3_errmsg(connection)), "read the records", path: path)
    }
    return RecordRow(statement: statement)
  }
}
