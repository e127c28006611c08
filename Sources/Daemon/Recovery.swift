package import Line
package import Records

extension LineLoop.Recovery {
  /// Opens the records of a directory and replays them into a core, which has not begun yet.
  ///
  /// The one way back after a start, a crash and a storage fault; whole lines in virtual time go it too.
  package static func replayed(
    directory: String, settings: LineSettings
  ) throws(StorageFault) -> LineLoop.Recovery {
    let store = try RecordStore(directory: directory, line: settings.line)
    var core = LineController(settings: settings)
    do {
      // Pools of closed batches would only take memory: find out which are closed before loading any.
      var closed: Set<UInt32> = []
      try store.replay { stored in
        if stored.record.kind == .batchClosed { closed.insert(stored.record.batch) }
      }
      try store.replay { stored in
        if stored.record.kind == .batchOpened {
          let description = try BatchDescription(encoded: stored.record.raw)
          let number = stored.record.batch
          let pool =
            closed.contains(number)
            ? nil
            : try SerialFile.load(
              path: SerialFile.path(number: number, directory: directory),
              expectedHash: description.sha256)
          core.adopt(
            Batch(
              number: number, id: description.id, gtin: description.gtin, lot: description.lot,
              expiry: description.expiry, poolCount: description.count,
              serialsHash: description.sha256, printed: description.printed, pool: pool))
        }
        core.replay(stored.record, wall: stored.wall)
      }
    } catch let fault as StorageFault {
      store.close()
      throw fault
    } catch {
      store.close()
      throw StorageFault(
        .corrupt, "The records in \(directory) cannot be replayed: \(error).", path: directory)
    }
    return LineLoop.Recovery(store: store, core: core)
  }
}
