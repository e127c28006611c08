/// The order in which the serials of a batch are printed, and how far reads have come in it.
///
/// ```
///        read or skipped           printed, not passed yet
///  ├──────────────────────────┼──────────────────────────────┤
///  0                        next                          printed
/// ```
///
/// Each printed serial has a place, counted from 0. With the serial file as the source all places are known from the start,
/// and the row is the place; with the live print feed they come one after the other, and only those between `next` and
/// `printed` are held: 4 bytes each, and one bit for every serial of the batch that says whether it was printed. At most
/// 41 MB for 10 million serials that are all printed before the first is read.
public struct PrintOrder: Sendable {
  /// Who says in which order serials are printed.
  public enum Source: String, Sendable, Codable, CaseIterable {
    /// The serial file: its serials are printed in its order.
    case file
    /// The print feed: printer or controller say what they printed.
    case feed
  }

  /// Who says it.
  public let source: Source
  /// How many places are known.
  public private(set) var printed: Int
  /// The place after the furthest that was read.
  public private(set) var next = 0
  /// How many places reads have gone past.
  public private(set) var skipped = 0
  /// The places among the last `skipSpan` that reads have gone past, since the last release.
  public private(set) var recentSkips: [Int] = []

  private let poolCount: Int
  /// By row, whether it was printed; of a feed only.
  private var bits: [UInt64] = []
  /// Rows by place, of a feed only; `waiting[first]` is the one at `next`.
  private var waiting: [Int32] = []
  private var first = 0

  /// `recentSkips` looks so many places back: a carton of packs and its neighbours, not the whole shift.
  public static let skipSpan = 100
  /// The largest `verification.order_window`: no search goes further, 20 µs.
  public static let windowMax = 65_536
  /// So many rows go into one record at most, 16 KiB.
  public static let rowsPerRecordMax = 4096

  /// The order of a batch of so many serials, of which none was read.
  public init(_ source: Source, poolCount: Int) {
    self.source = source
    self.poolCount = poolCount
    switch source {
    case .file: printed = poolCount
    case .feed:
      printed = 0
      bits = [UInt64](repeating: 0, count: (poolCount + 63) / 64)
    }
  }

  /// How many serials were read in their place.
  public var read: Int { next - skipped }
  /// How many places are known and not passed.
  public var waitingCount: Int { printed - next }
  /// Whether the whole pool is printed, so that nothing more can come.
  public var isComplete: Bool { printed >= poolCount }

  /// Whether the serial of a row was printed, as far as is known: of a file, what was passed.
  public func wasPrinted(_ row: Int32) -> Bool {
    guard row >= 0, Int(row) < poolCount else { return false }
    switch source {
    case .file: return Int(row) < next
    case .feed: return !bits.isEmpty && bits[Int(row) >> 6] & (1 << UInt64(row & 63)) != 0
    }
  }

  /// How far a row is ahead of the next that is due; nil when it was passed, or not printed, or of a feed further ahead
  /// than any window.
  private func ahead(_ row: Int32) -> Int? {
    switch source {
    case .file: return Int(row) < next ? nil : Int(row) - next
    case .feed:
      guard wasPrinted(row) else { return nil }
      return waiting[first...].prefix(PrintOrder.windowMax).firstIndex(of: row).map { $0 - first }
    }
  }

  /// Why a row may not be read now, nil when it may: not printed, behind what was read, or further ahead than `window`.
  public func breach(_ row: Int32, window: Int) -> String? {
    if let ahead = ahead(row) {
      return ahead < window ? nil : "printed \(ahead) places after the next that is due"
    }
    switch source {
    case .file: return "printed \(next - Int(row)) places before the next that is due"
    case .feed:
      if !wasPrinted(row) { return "the print feed has not named it" }
      return waitingCount > PrintOrder.windowMax
        ? "printed before what was read already, or far after it"
        : "printed before what was read already"
    }
  }

  /// Takes rows that the feed says were printed, in this order; those that were printed before change nothing.
  public mutating func print(_ rows: some Sequence<Int32>) {
    guard source == .feed, !bits.isEmpty else { return }
    for row in rows where row >= 0 && Int(row) < poolCount && !wasPrinted(row) {
      bits[Int(row) >> 6] |= 1 << UInt64(row & 63)
      waiting.append(row)
      printed += 1
    }
  }

  /// Takes a row that was read and whose serial was free to pass: it, and what was due before it, is passed.
  public mutating func read(_ row: Int32) {
    guard let ahead = ahead(row) else { return }
    if ahead > 0 {
      skipped += ahead
      recentSkips += (next..<(next + ahead)).suffix(PrintOrder.skipSpan)
    }
    next += ahead + 1
    if !recentSkips.isEmpty {
      let oldest = next - PrintOrder.skipSpan
      recentSkips.removeAll { $0 < oldest }
    }
    guard source == .feed else { return }
    first += ahead + 1
    // Each row is moved once at most for each time that it was passed over: no reallocation in the way of most reads.
    if first > 4096 && first * 2 > waiting.count {
      waiting.removeFirst(first)
      first = 0
    }
  }

  /// The rows of a feed from a place on that are not passed.
  func rows(from place: Int) -> [Int32] {
    let place = max(place, next)
    guard source == .feed, place < printed, !bits.isEmpty else { return [] }
    return Array(waiting[(first + place - next)...])
  }

  /// The batch is closed: only how far it came is of any use, and of closed batches there are many.
  mutating func end() {
    bits = []
    waiting = []
    first = 0
  }

  /// A person has seen what was skipped, and released the line.
  mutating func forgetSkips() { recentSkips.removeAll(keepingCapacity: true) }
}

extension PrintOrder: Codable {
  private enum CodingKeys: String, CodingKey {
    case source, printed, next, skipped, recentSkips, poolCount, bits, waiting
  }

  /// Writes what records have made of it.
  ///
  /// Of a feed's bits, words that are alike are written once with their number: a serial file is mostly printed from its
  /// beginning on. Rows that were passed are left out. At most 3.4 MB for the bits of 10 million serials, and nine bytes
  /// for each that waits.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(source, forKey: .source)
    try container.encode(printed, forKey: .printed)
    try container.encode(next, forKey: .next)
    try container.encode(skipped, forKey: .skipped)
    try container.encode(recentSkips, forKey: .recentSkips)
    try container.encode(poolCount, forKey: .poolCount)
    guard !bits.isEmpty else { return }
    var runs: [UInt64] = []
    for word in bits {
      if runs.last == word {
        runs[runs.count - 2] += 1
      } else {
        runs += [1, word]
      }
    }
    try container.encode(runs, forKey: .bits)
    try container.encode(Array(waiting[first...]), forKey: .waiting)
  }

  /// Reads what `encode` wrote; throws on anything that an order cannot be.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    source = try container.decode(Source.self, forKey: .source)
    printed = try container.decode(Int.self, forKey: .printed)
    next = try container.decode(Int.self, forKey: .next)
    skipped = try container.decode(Int.self, forKey: .skipped)
    recentSkips = try container.decode([Int].self, forKey: .recentSkips)
    poolCount = try container.decode(Int.self, forKey: .poolCount)
    let words = (0...Int(Int32.max)).contains(poolCount) ? (poolCount + 63) / 64 : -1
    let runs = try container.decodeIfPresent([UInt64].self, forKey: .bits) ?? []
    for index in stride(from: 0, to: runs.count - 1, by: 2) {
      guard runs[index] <= UInt64(max(0, words - bits.count)) else { break }
      bits += repeatElement(runs[index + 1], count: Int(runs[index]))
    }
    waiting = try container.decodeIfPresent([Int32].self, forKey: .waiting) ?? []
    guard bits.isEmpty && runs.isEmpty || bits.count == words && source == .feed,
      (0...max(0, poolCount)).contains(printed), (0...printed).contains(next),
      (0...next).contains(skipped), bits.isEmpty || waiting.count == printed - next
    else {
      throw DecodingError.dataCorrupted(
        .init(codingPath: decoder.codingPath, debugDescription: "no print order"))
    }
  }
}

extension PrintOrder {
  /// Rows as they stand in a record: four bytes each, the most significant first.
  public static func encoded(_ rows: some Collection<Int32>) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(rows.count * 4)
    for row in rows {
      let bits = UInt32(bitPattern: row)
      bytes += [
        UInt8(truncatingIfNeeded: bits >> 24), UInt8(truncatingIfNeeded: bits >> 16),
        UInt8(truncatingIfNeeded: bits >> 8), UInt8(truncatingIfNeeded: bits),
      ]
    }
    return bytes
  }

  /// The rows of a record, nil when it holds none, too many, or a part of one.
  public static func rows(encoded bytes: [UInt8]) -> [Int32]? {
    guard !bytes.isEmpty, bytes.count.isMultiple(of: 4), bytes.count / 4 <= rowsPerRecordMax
    else { return nil }
    return stride(from: 0, to: bytes.count, by: 4).map { place in
      Int32(
        bitPattern: bytes[place..<(place + 4)].reduce(0) { $0 << 8 | UInt32($1) })
    }
  }
}
