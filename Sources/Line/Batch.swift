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
  public var counts: [SerialState: Int]
  /// Whether its serials are printed in the order of the serial file, so that a row is a place in the print order.
  public var isPrinted: Bool
  /// The row after the furthest that was read; what is still allocated before it was printed and not read.
  public var nextPrinted: Int32 = 0
  /// How many records have named it; a reconciliation is good for as long as this stands.
  public var changes = 0

  /// The serials themselves are files of their own.
  private enum CodingKeys: String, CodingKey {
    case number, id, gtin, lot, expiry, poolCount, serialsHash, state, counts, isPrinted,
      nextPrinted
    case changes
  }

  /// Makes a batch.
  public init(
    number: UInt32, id: String, gtin: String, lot: String, expiry: String, poolCount: Int,
    serialsHash: [UInt8], isPrinted: Bool = false, state: BatchState = .open,
    pool: SerialPool? = nil
  ) {
    self.number = number
    self.id = id
    self.gtin = gtin
    self.lot = lot
    self.expiry = expiry
    self.poolCount = poolCount
    self.serialsHash = serialsHash
    self.isPrinted = isPrinted
    self.state = state
    self.pool = pool
    counts = [.allocated: poolCount]
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
  /// Notes how far reads have come in the print order: a pack that was read and whose serial was free to pass.
  mutating func readInPrintOrder(_ record: Record) {
    guard isPrinted, record.row >= nextPrinted,
      record.code == Verdict.accept.rawValue || record.code == Verdict.gradeTooLow.rawValue
    else { return }
    nextPrinted = record.row + 1
  }

  /// Why the batch may not run under a setting of the print order, nil when it may.
  func obstacle(orderWindow: Int?) -> String? {
    guard orderWindow != nil, !isPrinted else { return nil }
    return "batch \(id) was opened without --print-order, and verification.order is \"printed\""
  }

  /// Why a row may not be read now, nil when it may: behind what was read, or further ahead than `window`.
  func breachOfPrintOrder(_ row: Int32, window: Int) -> String? {
    guard isPrinted else { return nil }
    let ahead = Int(row) - Int(nextPrinted)
    if ahead < 0 { return "printed \(-ahead) places before the next that is due" }
    return ahead < window ? nil : "printed \(ahead) places after the next that is due"
  }
}
