import Foundation
import Glibc
import Line
import Records

/// `lineward records verify` over a million records as a line leaves them: a read judged and its outcome at the gate,
/// half a million times, with the batch's serials.
enum VerifyBench {
  static let secondsMax = 3.0
  static let units = 500_000

  /// Measures and says so.
  static func run(_ report: inout Report, folder: URL, beside daemon: String) throws {
    let lineward = URL(fileURLWithPath: daemon).deletingLastPathComponent()
      .appendingPathComponent("lineward")
    let (records, seconds) = try run(folder: folder, lineward: lineward)
    report.figure(
      "records verify", "\(records) records in \(rounded(seconds)) s", aim: "\(secondsMax) s",
      isReached: seconds <= secondsMax)
  }

  /// Writes the records once and takes the median of three checks, each by a new process.
  static func run(folder: URL, lineward: URL) throws -> (records: Int, seconds: Double) {
    let directory = folder.appendingPathComponent("verify").path
    let records = try fill(directory)
    defer { try? FileManager.default.removeItem(atPath: directory) }
    var seconds: [Double] = []
    for _ in 0..<3 {
      let check = Process()
      check.executableURL = lineward
      check.arguments = ["records", "verify", "--directory", directory]
      check.standardOutput = FileHandle.nullDevice
      let start = monotonicNow()
      try check.run()
      check.waitUntilExit()
      seconds.append(Double(monotonicNow() - start) / 1e9)
      guard check.terminationStatus == 0 else {
        throw BenchError("the bench's own records do not hold")
      }
    }
    return (records, seconds.sorted()[1])
  }

  private static func fill(_ directory: String) throws -> Int {
    let store = try RecordStore(directory: directory, line: "BENCH")
    let serials = (0..<units).map { LatencyBench.serialText($0) }
    let given = directory + "/given"
    try Data(serials.map { $0 + "\n" }.joined().utf8).write(to: URL(fileURLWithPath: given))
    let descriptor = open(given, O_RDONLY)
    defer { close(descriptor) }
    let imported = try SerialImporter.import(
      descriptor: descriptor, into: directory, number: 1, earlier: [])
    unlink(given)
    let description = BatchDescription(
      id: "BENCH", gtin: "09506000134352", lot: "LOT1", expiry: "271231", count: imported.count,
      sha256: imported.sha256, file: imported.file)
    func append(_ record: Record) throws {
      try store.append(record, at: Instant(nanoseconds: monotonicNow()))
    }
    for record in [
      Record(.started, raw: Array("unit-1".utf8), detail: "bench"),
      Record(.batchOpened, batch: 1, raw: description.encoded, actor: "bench", detail: "BENCH"),
      Record(.batchStarted, batch: 1, actor: "bench", detail: "BENCH"),
      Record(.permitGiven, actor: "bench"),
    ] { try append(record) }
    var unit: UInt16 = 0
    var sequence: UInt16 = 0
    for row in 0..<units {
      unit = Counter.next(after: unit)
      sequence = Counter.next(after: sequence)
      try append(
        Record(
          .verdict, station: 0, unit: unit, batch: 1, row: Int32(row),
          code: Verdict.accept.rawValue, state: .encoded,
          raw: Array(LatencyBench.message(serials[row]).dropLast(2))))
      try append(
        Record(
          .outcome, station: 0, unit: unit, batch: 1, row: Int32(row),
          code: Outcome.passed.rawValue, number: UInt32(sequence), state: .commissioned))
      if row % 64 == 63 { try store.commit() }
      if row % 1024 == 1023 { try store.idle(isQuiet: true) }
    }
    try store.commit()
    store.close()
    return Int(store.lastSequence)
  }
}
