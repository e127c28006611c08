internal import GRDBSQLite
public import Line

/// A record as it stands on disk.
public struct StoredRecord: Sendable, Hashable {
  /// Its place in the chain, 1 and up without a gap.
  public var sequence: Int64
  /// Wall time, milliseconds since 1970 in UTC.
  public var wall: Int64
  /// CLOCK_MONOTONIC, comparable within one boot.
  public var monotonic: Instant
  /// The boot of the machine.
  public var boot: BootID
  /// The line that it was recorded on (`[line] id`).
  public var line: String
  /// What happened.
  public var record: Record
  /// SHA-256 of the hash before and this record.
  public var hash: ChainHash
}

/// The row under a statement that selects `RecordSchema.columns`, read without copying what is not asked for.
struct RecordRow {
  /// Why a row is no record.
  struct Malformed: Error {
    var what: String
  }

  let statement: OpaquePointer

  var sequence: Int64 { sqlite3_column_int64(statement, 0) }

  @inline(__always)
  private func integer<Number: FixedWidthInteger>(
    _ column: Int32, _ name: String, as: Number.Type = Number.self
  ) throws(Malformed) -> Number {
    guard sqlite3_column_type(statement, column) == SQLITE_INTEGER,
      let number = Number(exactly: sqlite3_column_int64(statement, column))
    else { throw Malformed(what: "column \(name) holds no number of its range") }
    return number
  }

  @inline(__always)
  private func bytes(_ column: Int32, _ name: String, type: Int32) throws(Malformed)
    -> UnsafeRawBufferPointer
  {
    guard sqlite3_column_type(statement, column) == type else {
      throw Malformed(what: "column \(name) holds a value of another type")
    }
    // The bytes as they stand: a text that is no UTF-8 any more has to be seen, not mended.
    let pointer = sqlite3_column_blob(statement, column)
    return UnsafeRawBufferPointer(
      start: pointer, count: Int(sqlite3_column_bytes(statement, column)))
  }

  func line() throws(Malformed) -> UnsafeRawBufferPointer {
    try bytes(4, "line", type: SQLITE_TEXT)
  }
  func raw() throws(Malformed) -> UnsafeRawBufferPointer { try bytes(13, "raw", type: SQLITE_BLOB) }
  func actor() throws(Malformed) -> UnsafeRawBufferPointer {
    try bytes(14, "actor", type: SQLITE_TEXT)
  }
  func detail() throws(Malformed) -> UnsafeRawBufferPointer {
    try bytes(15, "detail", type: SQLITE_TEXT)
  }

  func hash() throws(Malformed) -> ChainHash {
    let bytes = try bytes(16, "hash", type: SQLITE_BLOB)
    guard bytes.count == ChainHash.size, let base = bytes.baseAddress else {
      throw Malformed(what: "column hash holds no 32 bytes")
    }
    return ChainHash(copying: base)
  }

  func boot() throws(Malformed) -> BootID {
    let bytes = try bytes(3, "boot", type: SQLITE_BLOB)
    guard bytes.count == 16 else { throw Malformed(what: "column boot holds no 16 bytes") }
    return BootID(
      high: UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)),
      low: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
  }

  func numbers() throws(Malformed) -> RecordEncoder.Numbers {
    RecordEncoder.Numbers(
      sequence: try integer(0, "sequence"), wall: try integer(1, "wall"),
      monotonic: try integer(2, "monotonic"), boot: try boot(), kind: try integer(5, "kind"),
      station: try integer(6, "station"), unit: try integer(7, "unit"),
      batch: try integer(8, "batch"), row: try integer(9, "row"), code: try integer(10, "code"),
      number: try integer(11, "number"), state: try state())
  }

  private func state() throws(Malformed) -> UInt8 {
    if sqlite3_column_type(statement, 12) == SQLITE_NULL { return 0 }
    let state: UInt8 = try integer(12, "state")
    // No change is written as NULL and encoded as 0; a 0 in the column would have the same hash.
    guard state != 0 else { throw Malformed(what: "column state holds 0") }
    return state
  }

  /// The whole record.
  func stored() throws(Malformed) -> StoredRecord {
    let numbers = try numbers()
    return StoredRecord(
      sequence: numbers.sequence, wall: numbers.wall,
      monotonic: Instant(nanoseconds: numbers.monotonic), boot: numbers.boot,
      line: String(decoding: try line(), as: UTF8.self), record: try record(numbers),
      hash: try hash())
  }

  /// What happened.
  func record(_ numbers: RecordEncoder.Numbers) throws(Malformed) -> Record {
    guard let kind = Record.Kind(rawValue: numbers.kind) else {
      throw Malformed(what: "kind \(numbers.kind) is not known")
    }
    var state: SerialState?
    if numbers.state != 0 {
      state = SerialState(rawValue: numbers.state)
      if state == nil { throw Malformed(what: "state \(numbers.state) is not known") }
    }
    let actor = try actor()
    let detail = try detail()
    return Record(
      kind, station: Int(numbers.station), unit: numbers.unit, batch: numbers.batch,
      row: numbers.row, code: numbers.code, number: numbers.number, state: state,
      raw: Array(try raw()), actor: actor.isEmpty ? "" : String(decoding: actor, as: UTF8.self),
      detail: detail.isEmpty ? "" : String(decoding: detail, as: UTF8.self))
  }

  /// Encodes the row as it stands and says whether its hash follows from the one that `encoder` stands at.
  ///
  /// Afterwards the encoder stands at the hash that the row should have.
  func follows(_ encoder: inout RecordEncoder, _ numbers: RecordEncoder.Numbers) throws(Malformed)
    -> Bool
  {
    encoder.begin(numbers)
    guard encoder.add(try line()) != nil, encoder.add(try raw()) != nil,
      encoder.add(try actor()) != nil, encoder.add(try detail()) != nil
    else { throw Malformed(what: "the record is larger than a record may be") }
    encoder.finish()
    return try hash() == encoder.hash
  }
}
