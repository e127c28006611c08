import CSimulatedDisk
import Daemon
import Foundation
import Line
import Records
import Simulation
import Synchronization

/// The disk under the daemon, with the real record store on it, and the model that the store is held against.
///
/// What is simulated, and what is not:
/// * Database and write-ahead log lie on `CSimulatedDisk`: unsynced writes, names, locks, shared memory, faults.
/// * The files that the store handles by system calls lie in a real directory in memory. Of them only `head` is written
///   without a sync; at a power cut the seed decides whether its newest text, an older one or nothing of it is there.
///   The serial files and the signing key are synced before anything names them, and are simply there.
/// * The model is the list of records whose commit returned. After each opening the records on disk have to be exactly
///   those, and perhaps the one transaction whose commit did not return, whole.
final class SimulatedDisk {
  /// A record with the wall time at which it was written, milliseconds since 1970.
  struct Stored: Equatable {
    var record: Record
    var wall: Int64
  }

  /// What was acknowledged, in order.
  private(set) var records: [Stored] = []
  /// How long a sync takes.
  var latency = SimulatedDisk.usualLatency
  static let usualLatency: Nanoseconds = 400_000
  /// Openings after which the whole chain was verified.
  private(set) var verifications = 0

  let directory: String
  private let disk: OpaquePointer
  private let batch: PackedBatch
  private let isPrinted: Bool
  private let serials: [[UInt8]]
  private var random: SeededRandom
  /// The transaction of which nobody knows whether it is on disk.
  private var uncertain: [Stored] = []
  private var imported: SerialImporter.Imported?
  /// What of `head` is surely on the platter.
  private var markOnPlatter: Data?

  /// What the directories of this process's disks begin with; in memory where the machine has such a place.
  private static let root: String = {
    let base =
      access("/dev/shm", W_OK) == 0
      ? "/dev/shm" : ProcessInfo.processInfo.environment["TMPDIR"] ?? "/tmp"
    let code = csd_install()
    precondition(code == 0, "SQLite takes no VFS: \(code)")
    return "\(base)/lineward-wholelines.\(getpid())"
  }()
  private static let count = Atomic<Int>(0)

  /// An empty disk for a line that packs `batch`.
  init(_ batch: PackedBatch, isPrinted: Bool, random: SeededRandom) {
    self.batch = batch
    self.isPrinted = isPrinted
    var random = random
    serials = (0..<batch.poolCount).map { Array(batch.serial($0).utf8) }
    directory = "\(SimulatedDisk.root).\(SimulatedDisk.count.add(1, ordering: .relaxed).newValue)"
    do {
      try FileManager.default.createDirectory(
        atPath: directory, withIntermediateDirectories: true)
      var text: [UInt8] = []
      for serial in serials { text += serial + [0x0A] }
      try Data(text).write(to: URL(fileURLWithPath: directory + "/serials"))
      // A key of the seed's own, so that a run can be repeated to the byte.
      let key = (0..<32).map { _ in UInt8(truncatingIfNeeded: random.next()) }
      try Data(key).write(to: URL(fileURLWithPath: directory + "/head-key"))
    } catch {
      preconditionFailure("no room for a simulated disk: \(error)")
    }
    guard let disk = csd_create(directory, random.next()) else {
      preconditionFailure("no memory for a simulated disk")
    }
    self.disk = disk
    self.random = random
  }

  deinit {
    imported = nil
    csd_destroy(disk)
    try? FileManager.default.removeItem(atPath: directory)
  }

  // MARK: What goes wrong

  /// Whether the process has died on an operation.
  var isDead: Bool { csd_is_dead(disk) }

  /// The process dies now: nothing that is still open reaches the disk any more.
  func kill() { csd_kill(disk) }

  /// The process dies at a boundary: before so many operations more have changed the disk; negative: it lives.
  func die(after operations: Int64) { csd_die(disk, operations) }

  /// What an operation is answered with.
  func fail(_ fault: csd_fault, after operations: Int64 = 0, stays: Bool = false) {
    csd_fail(disk, fault, operations, stays)
  }

  /// Every `every`th sync is forgotten.
  func lie(every: UInt32) { csd_lie(disk, every) }

  /// How often the disk answered with a fault.
  var faults: UInt64 { csd_counts_of(disk).faults }
  /// Syncs that were asked for.
  var syncs: UInt64 { csd_counts_of(disk).syncs }
  /// Power cuts so far.
  var cuts: UInt64 { csd_counts_of(disk).cuts }

  /// All is closed, and another process may begin; with `cut` the power was away.
  func restart(cut: Bool) {
    imported = nil
    csd_restart(disk, cut)
    guard cut else { return }
    let path = directory + "/head"
    switch random.below(4) {
    case 0, 1:
      if let markOnPlatter {
        try? markOnPlatter.write(to: URL(fileURLWithPath: path))
      } else {
        unlink(path)
      }
    case 2: truncate(path, 0)
    default: break
    }
    markOnPlatter = FileManager.default.contents(atPath: path)
  }

  // MARK: Records

  /// A transaction's commit returned.
  func acknowledge(_ records: [Record], wall: Int64) {
    self.records += records.map { Stored(record: $0, wall: wall) }
    if records.contains(where: { $0.kind == .batchOpened }) { imported = nil }
    // Now and then the kernel writes back what nobody synced.
    if random.below(16) == 0 {
      markOnPlatter = FileManager.default.contents(atPath: directory + "/head")
    }
  }

  /// A transaction's commit did not return, or said that it failed.
  func lose(_ records: [Record], wall: Int64) {
    uncertain = records.map { Stored(record: $0, wall: wall) }
  }

  /// Opens the records as the daemon does, and holds them against the model.
  func open(
    _ settings: LineSettings, laws: Laws, now: Nanoseconds
  ) throws(StorageFault) -> LineLoop.Recovery {
    let recovery = try LineLoop.Recovery.replayed(directory: directory, settings: settings)
    csd_sync_directory(disk)
    var found: [Stored] = []
    do {
      try recovery.store.replay { found.append(Stored(record: $0.record, wall: $0.wall)) }
    } catch {
      recovery.store.close()
      throw error as? StorageFault ?? .init(.io, "\(error)", path: directory)
    }
    compare(found, laws: laws, now: now)
    if laws.violations.isEmpty, State(recovery.core) != State(recover(settings)) {
      laws.broken("law 8: the store's core and the model's are not in the same state")
    }
    if random.below(8) == 0 { verify(laws) }
    return recovery
  }

  private func compare(_ found: [Stored], laws: Laws, now: Nanoseconds) {
    let acknowledged = records.count
    if let index = zip(found, records).enumerated().first(where: { $0.element.0 != $0.element.1 }) {
      laws.broken("law 6: record \(index.offset + 1) is not the one that was acknowledged")
      return
    }
    guard found.count >= acknowledged else {
      laws.broken(
        "law 2: \(acknowledged - found.count) of \(acknowledged) acknowledged records are gone")
      return
    }
    let rest = Array(found.dropFirst(acknowledged))
    if rest.isEmpty {
      laws.tell("\(acknowledged) records; of the last transaction nothing is on disk")
    } else if rest == uncertain {
      laws.tell("\(acknowledged) records, and the last transaction is on disk")
      records += rest
      laws.durable(rest.map(\.record), now: now)
    } else {
      laws.broken(
        "law 2, 6: \(rest.count) records nobody acknowledged, of a transaction of \(uncertain.count)"
      )
    }
    uncertain = []
  }

  /// The whole chain by the means of the product, beside the open store or without one.
  func verify(_ laws: Laws) {
    // Another reader's fault would be another story.
    fail(CSD_NOTHING)
    die(after: -1)
    verifications += 1
    let report = RecordVerifier.verify(directory: directory)
    if !report.isIntact || report.records != records.count {
      laws.broken("law 6: records verify: \(report.summary)")
    }
  }

  /// The recorded inputs through a fresh core, by the means of the product.
  func replay(_ laws: Laws) {
    let report = RecordReplay.run(directory: directory)
    if let difference = report.firstDifference {
      laws.broken("law 8: records replay: record \(difference.sequence): \(difference.message)")
    } else if let fault = report.fault {
      laws.broken("law 8: records replay: \(fault.message)")
    }
  }

  /// A bit of the closed database turns: either the check finds it, or every record reads as it was written.
  func rot(_ laws: Laws) {
    let path = directory + "/records.sqlite"
    let length = csd_length(disk, path)
    guard length > 0, csd_flip(disk, path, UInt64(random.below(Int(length) * 8))) else { return }
    guard RecordVerifier.verify(directory: directory).isIntact else { return }
    do throws(StorageFault) {
      let reader = try RecordReader(directory: directory)
      var after: Int64 = 0
      while after < records.count {
        let slice = try reader.records(after: after, limit: 10_000)
        guard let last = slice.last else { break }
        for stored in slice
        where Stored(record: stored.record, wall: stored.wall) != records[Int(stored.sequence) - 1]
        {
          laws.broken("law 6: a bit turned in record \(stored.sequence), and the check passes it")
          return
        }
        after = last.sequence
      }
      if after != records.count { laws.broken("law 6: a bit turned, records are gone unseen") }
    } catch {
      // That it cannot be read is a finding too.
    }
  }

  // MARK: Batches

  /// Imports the serials as `batch open` does, and describes the batch for its record.
  func batchToOpen(number: UInt32) -> (batch: Batch, description: [UInt8])? {
    if let imported { SerialImporter.discard(imported) }
    imported = nil
    let descriptor = Glibc.open(directory + "/serials", O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    guard
      let imported = try? SerialImporter.import(
        descriptor: descriptor, into: directory, number: number, earlier: [])
    else { return nil }
    self.imported = imported
    let description = BatchDescription(
      id: batch.id, gtin: batch.gtin, lot: batch.lot, expiry: batch.expiry, count: imported.count,
      sha256: imported.sha256, file: imported.file, printed: isPrinted ? .file : nil)
    return (
      Batch(
        number: number, id: batch.id, gtin: batch.gtin, lot: batch.lot, expiry: batch.expiry,
        poolCount: imported.count, serialsHash: imported.sha256, printed: isPrinted ? .file : nil,
        pool: imported.pool), description.encoded
    )
  }

  /// The answer to the command that opens the batch, and what the daemon does with the serials then.
  func batchAnswered(_ result: CommandResult) {
    if let imported { SerialImporter.settle(imported, after: result) }
    imported = nil
  }

  /// The batch with a pool that nobody has touched.
  func freshBatch(like other: Batch? = nil, number: UInt32 = 0) -> Batch {
    let pool = SerialPool(capacity: serials.count)
    for serial in serials { _ = pool.add(serial.span) }
    return Batch(
      number: other?.number ?? number, id: batch.id, gtin: batch.gtin, lot: batch.lot,
      expiry: batch.expiry, poolCount: serials.count, serialsHash: other?.serialsHash ?? [],
      printed: isPrinted ? .file : nil, pool: pool)
  }

  // MARK: The model's core

  /// Replays the first `count` records of the model into a core; without verdicts for the mutant that forgets them.
  func recover(
    _ settings: LineSettings, count: Int? = nil, withoutVerdicts: Bool = false
  ) -> LineController {
    var core = LineController(settings: settings)
    for stored in records.prefix(count ?? records.count) {
      if withoutVerdicts, stored.record.kind == .verdict { continue }
      if stored.record.kind == .batchOpened {
        core.adopt(freshBatch(number: stored.record.batch))
      }
      core.replay(stored.record, wall: stored.wall)
    }
    return core
  }
}
