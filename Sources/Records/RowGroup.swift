internal import GRDBSQLite

/// Rows on their way into the database: written by one statement for many, because a statement costs SQLite a third of what
/// a row costs.
///
/// It keeps the bytes that a statement is bound to, until the statement has run.
struct RowGroup: ~Copyable {
  /// A row's numbers, and where its texts stand behind the hash that its bytes begin with.
  struct Row {
    var numbers: RecordEncoder.Numbers
    var raw: Int
    var rawCount: Int
    var actor: Int
    var actorCount: Int
    var detail: Int
    var detailCount: Int
    /// Where its bytes stand in the group's.
    fileprivate var start = 0

    init(
      numbers: RecordEncoder.Numbers, raw: Int, rawCount: Int, actor: Int, actorCount: Int,
      detail: Int, detailCount: Int
    ) {
      self.numbers = numbers
      self.raw = raw
      self.rawCount = rawCount
      self.actor = actor
      self.actorCount = actorCount
      self.detail = detail
      self.detailCount = detailCount
    }
  }

  /// Rows that one statement writes.
  static let size = 32
  /// Bytes for rows; a longer one has the group for itself.
  private static let byteCount = 32 << 10

  // Parameters that all rows of a statement have in common, and how many each has of its own.
  static let boot: Int32 = 1
  static let line: Int32 = 2
  private static let common: Int32 = 2
  private static let own: Int32 = 15

  private var rows: [Row] = []
  private var memory: UnsafeMutableRawBufferPointer
  private var used = 0

  init() {
    memory = .allocate(byteCount: RowGroup.byteCount, alignment: 16)
    rows.reserveCapacity(RowGroup.size)
  }

  deinit { memory.deallocate() }

  var isEmpty: Bool { rows.isEmpty }
  var isFull: Bool { rows.count == RowGroup.size }
  var count: Int { rows.count }

  /// Whether a row of so many bytes may be added before the others are written.
  func hasRoom(for bytes: Int) -> Bool {
    !isFull && (isEmpty || used + bytes <= memory.count)
  }

  /// Adds a row whose bytes begin with its hash.
  mutating func add(_ row: Row, _ bytes: UnsafeRawBufferPointer) {
    precondition(hasRoom(for: bytes.count), "rows that wait were not written")
    if bytes.count > memory.count {
      memory.deallocate()
      memory = .allocate(byteCount: bytes.count, alignment: 16)
    }
    var row = row
    row.start = used
    UnsafeMutableRawBufferPointer(rebasing: memory[used...]).copyMemory(from: bytes)
    used += bytes.count
    rows.append(row)
  }

  mutating func removeAll() {
    rows.removeAll(keepingCapacity: true)
    used = 0
  }

  /// The statement for so many rows, in the columns of `RecordSchema.columns`.
  static func insert(rows: Int) -> String {
    let values = (0..<Int32(rows)).map { row in
      // Where no number stands, SQLite counts on from the highest so far, and has fewer to look up.
      let numbers = [row == 0 ? "\(common + 1)" : "", "", "", "\(boot)", "\(line)"]
      return "("
        + (numbers + [String](repeating: "", count: Int(own) - 3))
        .map { "?" + $0 }.joined(separator: ",") + ")"
    }
    return "INSERT INTO records (\(RecordSchema.columns)) VALUES \(values.joined(separator: ","))"
  }

  /// Binds a row as the one at `place` in a statement; valid until the group is emptied.
  func bind(_ index: Int, to statement: OpaquePointer?, place: Int) {
    let row = rows[index]
    let first = RowGroup.common + 1 + Int32(place) * RowGroup.own
    let numbers = row.numbers
    sqlite3_bind_int64(statement, first, numbers.sequence)
    sqlite3_bind_int64(statement, first + 1, numbers.wall)
    sqlite3_bind_int64(statement, first + 2, numbers.monotonic)
    sqlite3_bind_int(statement, first + 3, Int32(numbers.kind))
    sqlite3_bind_int(statement, first + 4, Int32(numbers.station))
    sqlite3_bind_int(statement, first + 5, Int32(numbers.unit))
    sqlite3_bind_int64(statement, first + 6, Int64(numbers.batch))
    sqlite3_bind_int(statement, first + 7, numbers.row)
    sqlite3_bind_int(statement, first + 8, Int32(numbers.code))
    sqlite3_bind_int64(statement, first + 9, Int64(numbers.number))
    if numbers.state == 0 {
      sqlite3_bind_null(statement, first + 10)
    } else {
      sqlite3_bind_int(statement, first + 10, Int32(numbers.state))
    }
    guard let bytes = memory.baseAddress.map({ $0 + row.start }) else { return }
    let text = bytes.assumingMemoryBound(to: CChar.self)
    sqlite3_bind_blob(
      statement, first + 11, bytes + row.raw, Int32(truncatingIfNeeded: row.rawCount), nil)
    sqlite3_bind_text(
      statement, first + 12, text + row.actor, Int32(truncatingIfNeeded: row.actorCount), nil)
    sqlite3_bind_text(
      statement, first + 13, text + row.detail, Int32(truncatingIfNeeded: row.detailCount), nil)
    sqlite3_bind_blob(statement, first + 14, bytes, Int32(ChainHash.size), nil)
  }
}
