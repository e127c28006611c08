internal import GRDBSQLite

/// Rows on their way into the database: written by one statement for many, because a statement costs SQLite a third of what
/// a row costs.
///
/// It keeps the bytes that a statement is bound to, until the statement has run.
struct RowGroup: ~Copyable {
  /// A row's numbers, and where its texts and its hash stand.
  struct Row {
    var numbers: RecordEncoder.Numbers
    var raw: Bytes
    var actor: Bytes
    var detail: Bytes
    fileprivate var hash = 0

    /// Where bytes stand, first behind the beginning of the record's own, then in the group's memory.
    ///
    /// None stand at their record's beginning, so that they stay there whatever stands before them.
    struct Bytes: Equatable {
      var start: Int
      var count: Int

      /// Says where `count` bytes stand.
      init(start: Int, count: Int) {
        self.start = count == 0 ? 0 : start
        self.count = count
      }

      fileprivate func moved(by offset: Int) -> Bytes { Bytes(start: start + offset, count: count) }
    }

    init(numbers: RecordEncoder.Numbers, raw: Bytes, actor: Bytes, detail: Bytes) {
      self.numbers = numbers
      self.raw = raw
      self.actor = actor
      self.detail = detail
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

  private let rows: UnsafeMutablePointer<Row>
  private(set) var count = 0
  /// What each place of the statement for many rows is bound to: from one run to the next most of it stays.
  private let bound: UnsafeMutablePointer<Row>
  private var isBound = false
  private var memory: UnsafeMutableRawBufferPointer
  private var used = 0

  init() {
    memory = .allocate(byteCount: RowGroup.byteCount, alignment: 16)
    rows = .allocate(capacity: RowGroup.size)
    bound = .allocate(capacity: RowGroup.size)
  }

  // Rows are numbers alone, so there is nothing to deinitialize in them.
  deinit {
    memory.deallocate()
    rows.deallocate()
    bound.deallocate()
  }

  var isEmpty: Bool { count == 0 }
  var isFull: Bool { count == RowGroup.size }

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
      isBound = false
    }
    var row = row
    row.hash = used
    row.raw = row.raw.moved(by: used)
    row.actor = row.actor.moved(by: used)
    row.detail = row.detail.moved(by: used)
    UnsafeMutableRawBufferPointer(rebasing: memory[used...]).copyMemory(from: bytes)
    used += bytes.count
    (rows + count).initialize(to: row)
    count += 1
  }

  mutating func removeAll() {
    count = 0
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

  /// Binds a row to the statement for one; valid until the group is emptied.
  func bind(_ index: Int, to statement: OpaquePointer?) {
    precondition(index < count, "no such row waits")
    bind(rows[index], over: rows[index], isNew: true, to: statement, place: 0)
  }

  /// Binds all rows of a full group to the statement for as many; valid until the group is emptied.
  mutating func bindAll(to statement: OpaquePointer?) {
    precondition(isFull, "the group is not full")
    for place in 0..<count {
      bind(
        rows[place], over: isBound ? bound[place] : rows[place], isNew: !isBound, to: statement,
        place: Int32(place))
    }
    bound.update(from: rows, count: count)
    isBound = true
  }

  /// Binds what differs from what the place is bound to; all of it when that is nothing yet (`isNew`; an optional of a row
  /// is copied for each look into it).
  @inline(__always)
  private func bind(
    _ row: Row, over last: Row, isNew: Bool, to statement: OpaquePointer?, place: Int32
  ) {
    let first = RowGroup.common + 1 + place * RowGroup.own
    let numbers = row.numbers
    let before = last.numbers
    func bind<Number: FixedWidthInteger>(_ column: Int32, _ number: Number, over old: Number) {
      if isNew || number != old { sqlite3_bind_int64(statement, first + column, Int64(number)) }
    }
    sqlite3_bind_int64(statement, first, numbers.sequence)
    bind(1, numbers.wall, over: before.wall)
    bind(2, numbers.monotonic, over: before.monotonic)
    bind(3, numbers.kind, over: before.kind)
    bind(4, numbers.station, over: before.station)
    bind(5, numbers.unit, over: before.unit)
    bind(6, numbers.batch, over: before.batch)
    bind(7, numbers.row, over: before.row)
    bind(8, numbers.code, over: before.code)
    bind(9, numbers.number, over: before.number)
    if numbers.state != 0 {
      bind(10, numbers.state, over: before.state)
    } else if isNew || before.state != 0 {
      sqlite3_bind_null(statement, first + 10)
    }
    guard let memory = memory.baseAddress else { return }
    // What is bound is the place in memory: where that stays, the statement finds the new bytes there.
    if isNew || last.raw != row.raw {
      sqlite3_bind_blob(
        statement, first + 11, memory + row.raw.start, Int32(truncatingIfNeeded: row.raw.count), nil
      )
    }
    func bind(text column: Int32, _ text: Row.Bytes, over old: Row.Bytes) {
      guard isNew || text != old else { return }
      sqlite3_bind_text(
        statement, first + column, (memory + text.start).assumingMemoryBound(to: CChar.self),
        Int32(truncatingIfNeeded: text.count), nil)
    }
    bind(text: 12, row.actor, over: last.actor)
    bind(text: 13, row.detail, over: last.detail)
    if isNew || last.hash != row.hash {
      sqlite3_bind_blob(statement, first + 14, memory + row.hash, Int32(ChainHash.size), nil)
    }
  }
}
