internal import Line

/// What came of running the recorded inputs through the core again.
public struct ReplayReport: Sendable, Hashable {
  /// How many records were taken.
  public var records = 0
  /// Verdicts that were given again, and were the same.
  public var verdicts = 0
  /// Outcomes whose consequences were the same.
  public var outcomes = 0
  /// Further records that followed from others and were the same.
  public var consequences = 0
  /// Verdicts from before settings were recorded, which cannot be given again.
  public var unknownSettings = 0
  /// The first record that does not follow, nil when all do.
  public var firstDifference: VerificationReport.BadRecord?
  /// Why the records could not be read to the end, nil when they could.
  public var fault: StorageFault?

  /// Whether everything was read and followed.
  public var agrees: Bool { firstDifference == nil && fault == nil }
}

/// Runs the records of a directory through a fresh core (law 8), beside a running daemon or without one.
///
/// Reads only, and in slices. The serials of batches that are not closed are in memory meanwhile, as in the daemon; so it
/// is for a process of its own.
public enum RecordReplay {
  /// Replays every record that is not in an archive; `progress` gets the records done and those there are.
  public static func run(
    directory: String, progress: (Int, Int) -> Void = { _, _ in }
  ) -> ReplayReport {
    var report = ReplayReport()
    var replay = LineReplay()
    do throws(StorageFault) {
      let reader = try RecordReader(directory: directory)
      let last = try reader.lastSequence()
      let base = try reader.base()
      if let archived = base.description {
        replay = LineReplay(
          archived: archived.state, settings: try? RecordedSettings.decoded(archived.settings),
          standing: archived.standing)
      }
      var after = base.last
      while after < last, report.firstDifference == nil {
        let slice = try reader.records(after: after, limit: Int(RecordReader.slice))
        guard let end = slice.last?.sequence else { break }
        for stored in slice where stored.sequence <= last {
          if let difference = try take(stored, into: &replay, directory: directory) {
            report.firstDifference = .init(sequence: stored.sequence, message: difference)
            break
          }
          report.records += 1
        }
        after = end
        progress(Int(min(after, last)), Int(last))
      }
      if report.firstDifference == nil, let missing = replay.finish() {
        report.firstDifference = .init(sequence: last + 1, message: missing)
      }
    } catch {
      report.fault = error
    }
    report.verdicts = replay.verdicts
    report.outcomes = replay.outcomes
    report.consequences = replay.consequences
    report.unknownSettings = replay.unknownSettings
    return report
  }

  /// Takes one record; returns what does not follow.
  private static func take(
    _ stored: StoredRecord, into replay: inout LineReplay, directory: String
  ) throws(StorageFault) -> String? {
    let record = stored.record
    switch record.kind {
    case .batchOpened:
      let description: BatchDescription
      do throws(BatchDescription.Malformed) {
        description = try BatchDescription(encoded: record.raw)
      } catch {
        return error.description
      }
      let pool = try SerialFile.load(
        path: directory + "/" + description.file, expectedHash: description.sha256)
      let batch = Batch(
        number: record.batch, id: description.id, gtin: description.gtin, lot: description.lot,
        expiry: description.expiry, poolCount: description.count,
        serialsHash: description.sha256, printed: description.printed, pool: pool)
      if let missing = replay.take(batch: batch) { return missing }
    case .settings:
      do throws(RecordedSettings.Malformed) {
        replay.take(settings: try RecordedSettings.decoded(record.raw))
      } catch {
        return error.description
      }
    default: break
    }
    return replay.take(record, now: stored.monotonic, wall: stored.wall)
  }
}
