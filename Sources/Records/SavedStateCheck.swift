internal import Dispatch
internal import Foundation
internal import Line

/// Holds the saved state of a directory against its records, by making it once more from them.
final class SavedStateCheck: @unchecked Sendable {
  // Kept true by: `finding` is written before `done` is signalled and read after it was waited for.

  /// What came of it.
  enum Finding: Equatable {
    /// There is none, or it would be left aside at a start.
    case none
    /// It is what the records up to this one make.
    case agrees(Int64)
    /// It is not: the first thing that differs.
    case differs(Int64, String)
  }

  private let directory: String
  private let done = DispatchSemaphore(value: 0)
  private var finding = Finding.none

  init(directory: String) { self.directory = directory }

  func start() {
    DispatchQueue.global(qos: .utility).async { [self] in
      // Records that cannot be read are what the check of the chain finds.
      finding = (try? check()) ?? .none
      done.signal()
    }
  }

  func finish() -> Finding {
    done.wait()
    return finding
  }

  private func check() throws -> Finding {
    guard let saved = try SavedState.read(directory: directory) else { return .none }
    let reader = try RecordReader(directory: directory)
    let base = try reader.base()
    guard saved.sequence >= base.last else { return .none }
    var line =
      base.description.map { LineController(settings: saved.state.settings, archived: $0.state) }
      ?? LineController(settings: saved.state.settings)
    var images: [UInt32: SerialImage] = [:]
    var after = base.last
    var hash = base.hash
    while after < saved.sequence {
      let slice = try reader.records(
        after: after, limit: Int(min(RecordReader.slice, saved.sequence - after)))
      guard let last = slice.last else { return .none }
      for stored in slice {
        let record = stored.record
        if record.kind == .batchOpened {
          let description = try BatchDescription(encoded: record.raw)
          line.adopt(
            Batch(
              number: record.batch, id: description.id, gtin: description.gtin,
              lot: description.lot, expiry: description.expiry, poolCount: description.count,
              serialsHash: description.sha256, printed: description.printed))
          images[record.batch] = SerialImage(
            bytes: [UInt8](repeating: SerialState.allocated.rawValue, count: description.count),
            reserved: [:])
        }
        line.replay(record, wall: stored.wall)
        images[record.batch]?.take(record, station: line.station(ofRecorded: record.station))
        if record.kind == .batchClosed { images[record.batch] = nil }
      }
      after = last.sequence
      hash = last.hash
    }
    guard hash == saved.hash else { return .none }
    if let difference = try difference(saved, line, images) {
      return .differs(saved.sequence, difference)
    }
    return .agrees(saved.sequence)
  }

  private func difference(
    _ saved: SavedState, _ line: LineController, _ images: [UInt32: SerialImage]
  ) throws -> String? {
    var right = line.recorded
    for index in right.batches.indices {
      let batch = right.batches[index]
      guard let image = images[batch.number] else { continue }
      right.batches[index].counts = image.counts
      guard saved.images[batch.number] != image else { continue }
      guard let other = saved.images[batch.number], other.bytes.count == image.bytes.count else {
        return "the serials of batch \(batch.id) are not in it"
      }
      let rows = image.bytes.indices.filter { other.word(at: $0) != image.word(at: $0) }
      guard let row = rows.first else { continue }
      return
        "serial \(row + 1) of batch \(batch.id) is \(SavedStateCheck.words(other, row)), and by the records "
        + SavedStateCheck.words(image, row)
    }
    for (index, batch) in right.batches.enumerated() {
      guard index < saved.state.batches.count,
        try SavedStateCheck.text(saved.state.batches[index]) == SavedStateCheck.text(batch)
      else { return "batch \(batch.id) is not as the records have it" }
    }
    guard try SavedStateCheck.text(saved.state.alarms) == SavedStateCheck.text(right.alarms) else {
      return "alarms are not as the records have them"
    }
    guard try SavedStateCheck.text(saved.state) == SavedStateCheck.text(right) else {
      return "a station is not as the records have it"
    }
    return nil
  }

  private static func words(_ image: SerialImage, _ row: Int) -> String {
    guard let word = image.word(at: row) else { return "in no state" }
    return word.state.word + (word.hold ? ", on hold" : "")
      + (word.state == .encoded ? " with unit \(word.unit)" : "")
  }

  static func text(_ value: some Encodable) throws -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    return try encoder.encode(value)
  }
}
