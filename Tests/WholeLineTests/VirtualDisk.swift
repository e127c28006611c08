import Line
import Simulation

/// The disk under the daemon: what was committed stays, in order; what was not never happened.
///
/// It keeps the records alone. The real store's chain, files and torn writes have their own tests in `RecordsTests`.
struct VirtualDisk {
  /// A record with the wall time at which it was written, milliseconds since 1970.
  struct Stored {
    var record: Record
    var wall: Int64
  }

  /// What is on it.
  private(set) var records: [Stored] = []
  /// Commits fail, and opening it anew fails too: a full or broken disk.
  var isBroken = false
  /// The next commit reports an error, though its data may have reached the disk.
  var failsOnce = false
  /// How long a commit takes.
  var latency: Nanoseconds = 400_000

  private let batch: PackedBatch

  init(_ batch: PackedBatch) { self.batch = batch }

  /// Puts a transaction on disk.
  mutating func append(_ records: [Record], wall: Int64) {
    self.records += records.map { Stored(record: $0, wall: wall) }
  }

  /// The batch as `batch open` brings it, with a pool that nobody has touched.
  func freshBatch(number: UInt32) -> Batch {
    let pool = SerialPool(capacity: batch.poolCount)
    for index in 0..<batch.poolCount { _ = pool.add(Array(batch.serial(index).utf8).span) }
    return Batch(
      number: number, id: batch.id, gtin: batch.gtin, lot: batch.lot, expiry: batch.expiry,
      poolCount: batch.poolCount, serialsHash: [], pool: pool)
  }

  /// The same disk without verdicts, for the mutant that forgets them.
  var withoutVerdicts: VirtualDisk {
    var copy = self
    copy.records.removeAll { $0.record.kind == .verdict }
    return copy
  }

  /// Replays the first `count` records into a core, as the daemon does at every start.
  func recover(_ settings: LineSettings, count: Int? = nil) -> LineController {
    var core = LineController(settings: settings)
    for stored in records.prefix(count ?? records.count) {
      if stored.record.kind == .batchOpened {
        core.adopt(freshBatch(number: stored.record.batch))
      }
      core.replay(stored.record, wall: stored.wall)
    }
    return core
  }
}
