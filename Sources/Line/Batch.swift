/// One batch: what every pack of it must carry, and the serials that may.
public struct Batch: Sendable, Codable {
  /// Number in the records, 1 and up; never used again.
  public var number: UInt32
  /// The plant's own name for it, unique.
  public var id: String
  /// GTIN, 14 digits (AI 01).
  public var gtin: String
  /// Lot (AI 10), compared to the case.
  public var lot: String
  /// Expiry as YYMMDD (AI 17), compared by its six digits.
  public var expiry: String
  /// How many serials the pool has.
  public var poolCount: Int
  /// SHA-256 of the serial file, which is immutable from the opening on.
  public var serialsHash: [UInt8]
  /// Where it is in its life.
  public var state: BatchState
  /// The serials in memory; nil once the batch is closed.
  public var pool: SerialPool?
  /// How many serials are in each state.
  public var counts: SerialCounts
  /// The order in which its serials are printed; nil: nobody says.
  public internal(set) var order: PrintOrder?
  /// How many records have named it; a reconciliation is good for as long as this stands.
  public var changes = 0
  /// Nil where nobody has signed, so that states of versions without signatures are read as well.
  private var signed: [Signature]?

  /// The last signatures over it, at most `signaturesMax`, the newest last.
  public var signatures: [Signature] { signed ?? [] }
  /// All of them are in the records.
  public static let signaturesMax = 100

  /// The serials themselves are files of their own.
  private enum CodingKeys: String, CodingKey {
    case number, id, gtin, lot, expiry, poolCount, serialsHash, state, counts, order, changes
    case signed = "signatures"
  }

  /// Makes a batch.
  public init(
    number: UInt32, id: String, gtin: String, lot: String, expiry: String, poolCount: Int,
    serialsHash: [UInt8], printed: PrintOrder.Source? = nil, state: BatchState = .open,
    pool: SerialPool? = nil
  ) {
    self.number = number
    self.id = id
    self.gtin = gtin
    self.lot = lot
    self.expiry = expiry
    self.poolCount = poolCount
    self.serialsHash = serialsHash
    order = printed.map { PrintOrder($0, poolCount: poolCount) }
    self.state = state
    self.pool = pool
    counts = [.allocated: poolCount]
  }

  /// Takes one more signature.
  mutating func sign(_ signature: Signature) {
    signed = (signatures + [signature]).suffix(Batch.signaturesMax)
  }
}

/// Earlier records that were put aside: all batches up to one, from the one after the archive before.
public struct Archive: Sendable, Hashable, Codable {
  /// The folder, from the storage directory on.
  public var folder: String
  /// The last batch in it.
  public var lastBatch: UInt32

  /// Names an archive.
  public init(folder: String, lastBatch: UInt32) {
    self.folder = folder
    self.lastBatch = lastBatch
  }
}

extension Batch {
  /// Counts a serial over from one state to another.
  mutating func count(from old: SerialPool.Word, to new: SerialPool.Word, by record: Record) {
    // A live accept has taken its serial already, by the compare-and-swap that decided it.
    let before: SerialState = old == new && record.kind == .verdict ? .allocated : old.state
    counts[before] -= 1
    counts[new.state] += 1
  }

  /// Follows what a record says of the print order: serials were printed, or a pack was read whose serial was free to pass.
  mutating func followPrintOrder(_ record: Record) {
    switch record.kind {
    case .printed:
      if let rows = PrintOrder.rows(encoded: record.raw) { order?.print(rows) }
    case .verdict
    where record.row >= 0
      && (record.code == Verdict.accept.rawValue || record.code == Verdict.gradeTooLow.rawValue):
      order?.read(record.row)
    default: break
    }
  }

  /// What a read is held against.
  var expected: Reading.Expected {
    @inline(__always) get { Reading.Expected(gtin: gtin, lot: lot, expiry: expiry) }
  }

  /// Why the batch may not run under settings of the print order, nil when it may.
  func obstacle(under settings: LineSettings) -> String? {
    guard settings.orderWindow != nil else { return nil }
    switch order?.source {
    case nil:
      return
        "batch \(id) was opened without --print-order, and verification.order is \"printed\""
    case .feed where settings.printFeed == nil:
      return "batch \(id) takes its order from the print feed, and there is no [print_feed] now"
    case .file, .feed: return nil
    }
  }
}
