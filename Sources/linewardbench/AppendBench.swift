import CFloors
import Foundation
import Line
import Records

/// One verdict at a time, on disk before the next: the store against a bare append.
///
/// Ours is what an accept waits for: its record appended and committed, the mark of the last record included. The floor
/// writes a header of 24 bytes and a page of 4,096, as SQLite writes one frame of its log, over the same bytes of a file
/// that was written in full before, and calls fdatasync. Both are warm: SQLite's log has been through once, so that it is
/// written over and no longer grows. Blocks of 100 take turns.
enum AppendBench {
  static let blocks = 30
  static let blockLength = 100
  static let warmUp = 4000
  static let limit = 1.3
  /// As many places as SQLite's log has pages before it is written over.
  static let places: Int32 = 1000

  static func run(_ report: inout Report, folder: URL) throws {
    let store = try RecordStore(directory: folder.path + "/append", line: "BENCH")
    defer { store.close() }
    let floor = cfloors_append_open(folder.path + "/append-floor", places)
    guard floor >= 0 else { throw BenchError("the floor's file cannot be written") }
    defer { close(floor) }
    var ours = Samples()
    var theirs = Samples()
    var ratios: [Double] = []
    var number: UInt16 = 0
    func append() throws -> Int64 {
      number = Counter.next(after: number)
      let record = Record(
        .verdict, station: 0, unit: number, batch: 1, row: Int32(number), code: 1, state: .encoded,
        raw: LatencyBench.message(LatencyBench.serialText(Int(number))).dropLast(2))
      let start = monotonicNow()
      try store.append(record, at: Instant(nanoseconds: start))
      try store.commit()
      let time = monotonicNow() - start
      // The loop does so when nothing waits.
      try store.idle(isQuiet: true)
      return time
    }
    for _ in 0..<warmUp { _ = try append() }
    var place: Int32 = 0
    for _ in 0..<blocks {
      var block = Samples()
      var floorBlock = Samples()
      for _ in 0..<blockLength { block.add(try append()) }
      for _ in 0..<blockLength {
        place = (place + 1) % places
        let time = cfloors_append(floor, place)
        guard time >= 0 else { throw BenchError("the floor's file cannot be written") }
        floorBlock.add(time)
      }
      ratios.append(block.median / floorBlock.median)
      ours.values += block.values
      theirs.values += floorBlock.values
    }
    let ratio = medianOf(ratios)
    report.figure(
      "one verdict on disk", "\(ours.text), ratio \(rounded(ratio)) to append + fdatasync",
      aim: "at most \(limit)", isReached: ratio <= limit)
    report.remark("append + fdatasync of 4,120 bytes: \(theirs.text)")
  }
}
