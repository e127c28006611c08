public import Line

/// The way back to a core from what is on disk: the one way after a start, a crash and a storage fault.
public struct LineRecovery: Sendable {
  /// The core, before `begin`.
  public var core: LineController
  /// The record up to which the saved state was true, 0 when all were replayed.
  public var savedSequence: Int64
  /// Why a saved state was left aside, a sentence for the journal; nil when none was.
  public var remark: String?

  /// Begins from the saved state where it belongs to these records, else from what archived records have made, and replays
  /// what came after it.
  ///
  /// The same core comes out without it, later.
  public static func recover(
    from store: RecordStore, settings: LineSettings
  ) throws(StorageFault) -> LineRecovery {
    let directory = store.directory
    var recovery = LineRecovery(
      core: LineController(settings: settings), savedSequence: 0, remark: nil)
    do {
      do throws(SavedState.Refusal) {
        // One from before what is in archives was true, and is of no use any more.
        if let saved = try SavedState.read(directory: directory), saved.sequence >= store.base.last
        {
          recovery.core = try begin(saved, store, settings)
          recovery.savedSequence = saved.sequence
        }
      } catch {
        recovery.remark =
          "\(StoreDirectory.state(directory)) is left aside, and all records are replayed: \(error.description)"
      }
      if recovery.savedSequence == 0, let archived = store.base.description {
        recovery.core = LineController(settings: settings, archived: archived.state)
      }
      // Pools of closed batches would only take memory.
      let closed = try store.batchesClosed(after: recovery.savedSequence)
      try store.replay(after: recovery.savedSequence) { stored in
        if stored.record.kind == .batchOpened {
          recovery.core.adopt(try batch(stored.record, closed: closed, directory))
        }
        recovery.core.replay(stored.record, wall: stored.wall)
      }
    } catch let fault as StorageFault {
      throw fault
    } catch {
      throw StorageFault(
        .corrupt, "The records in \(directory) cannot be replayed: \(error).", path: directory)
    }
    return recovery
  }

  private static func begin(
    _ saved: SavedState, _ store: RecordStore, _ settings: LineSettings
  ) throws(SavedState.Refusal) -> LineController {
    let closed: Set<UInt32>
    let isInChain: Bool
    do throws(StorageFault) {
      isInChain = try store.hash(of: saved.sequence) == saved.hash
      closed = try store.batchesClosed(after: saved.sequence)
    } catch {
      throw SavedState.Refusal(description: error.message)
    }
    guard isInChain else {
      throw SavedState.Refusal(
        description: "it is true up to record \(saved.sequence), which is not in this chain")
    }
    var state = saved.state
    for index in state.batches.indices where state.batches[index].state != .closed {
      let batch = state.batches[index]
      if closed.contains(batch.number) { continue }
      guard let image = saved.images[batch.number], image.bytes.count == batch.poolCount else {
        throw SavedState.Refusal(description: "the serials of batch \(batch.id) are not in it")
      }
      do throws(StorageFault) {
        state.batches[index].pool = try SerialFile.load(
          path: SerialFile.path(number: batch.number, directory: store.directory),
          expectedHash: batch.serialsHash, image: image)
      } catch {
        throw SavedState.Refusal(description: error.message)
      }
    }
    guard let core = LineController(settings: settings, state: state) else {
      throw SavedState.Refusal(description: "it was saved with other stations")
    }
    return core
  }

  private static func batch(
    _ record: Record, closed: Set<UInt32>, _ directory: String
  ) throws -> Batch {
    let description = try BatchDescription(encoded: record.raw)
    return Batch(
      number: record.batch, id: description.id, gtin: description.gtin, lot: description.lot,
      expiry: description.expiry, poolCount: description.count,
      serialsHash: description.sha256, printed: description.printed,
      pool: closed.contains(record.batch)
        ? nil
        : try SerialFile.load(
          path: SerialFile.path(number: record.batch, directory: directory),
          expectedHash: description.sha256))
  }
}
