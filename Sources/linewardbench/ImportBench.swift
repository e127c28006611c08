import Foundation
import Glibc

/// Serials from a file to a batch that can be started, in the daemon: a million alone, ten million beside a running line,
/// and all of it back in memory after a restart.
enum ImportBench {
  static let serialCount = 10_000_000
  /// A pack every 50 ms is 1,200 a minute.
  static let pitchMilliseconds: Int64 = 50
  /// Later than this after its message, a verdict is late: the next pack but one is at the scanner by then.
  static let lateMilliseconds = 100.0

  /// The serials that are imported.
  struct Files {
    let million: URL
    let tenMillion: URL
    let lastSerial: String

    init(folder: URL) throws {
      million = folder.appendingPathComponent("million.txt")
      tenMillion = folder.appendingPathComponent("ten-million.txt")
      try Serials(count: 1_000_000, seed: 4).write(to: million)
      let serials = Serials(count: serialCount, seed: 1)
      try serials.write(to: tenMillion)
      lastSerial = String(decoding: serials.serial(serials.count - 1), as: UTF8.self)
    }
  }

  static func run(_ report: inout Report, bench: inout LatencyBench, files: Files) throws {
    let before = try bench.residentMegabytes()
    let start = monotonicNow()
    guard bench.lineward(open("MILLION", files.million)) else {
      throw BenchError("the million was refused")
    }
    let seconds = Double(monotonicNow() - start) / 1e9
    let resident = try bench.residentMegabytes()
    report.figure(
      "a million serials", "\(rounded(seconds)) s loaded, checked, on disk", aim: "5 s",
      isReached: seconds <= 5)
    report.figure(
      "  resident", "\(rounded(resident, 0)) MB, \(rounded(before, 0)) MB before", aim: "150 MB",
      isReached: resident <= 150)

    // Before it, the same line for as long without an import.
    var alone = Samples()
    for _ in 0..<100 { alone.add(try pacedUnit(&bench)) }
    let begin = monotonicNow()
    // Of the same GTIN, so that every serial of the batches before is looked for in it.
    let importing = try bench.begin(open("TENMILLION", files.tenMillion))
    var beside = Samples()
    while importing.isRunning { beside.add(try pacedUnit(&bench)) }
    let imported = Double(monotonicNow() - begin) / 1e9
    guard importing.terminationStatus == 0 else { throw BenchError("ten million were refused") }
    report.figure(
      "ten million serials", "\(rounded(imported)) s imported beside the running line", aim: "25 s",
      isReached: imported <= 25)
    let late = beside.values.count { Double($0) / 1e6 > lateMilliseconds }
    report.figure(
      "  late verdicts",
      "\(late) of \(beside.values.count) after \(rounded(lateMilliseconds, 0)) ms, "
        + "\(beside.text)  max \(micro(beside.percentile(1)))", aim: "none", isReached: late == 0)
    report.remark(
      "a pack every \(pitchMilliseconds) ms; without the import \(alone.text)  "
        + "max \(micro(alone.percentile(1)))")

    bench.stop()
    let back = monotonicNow()
    try bench.startDaemon()
    let answered = Double(monotonicNow() - back) / 1e9
    guard bench.lineward(["unit", files.lastSerial]) else {
      throw BenchError("after the restart the last of ten million serials is not known")
    }
    report.figure(
      "back after a restart",
      "\(rounded(answered)) s until status is answered, 11,100,000 serials in memory; "
        + "\(rounded(try bench.residentMegabytes(), 0)) MB", aim: "3 s", isReached: answered <= 3)
  }

  private static func open(_ id: String, _ file: URL) -> [String] {
    [
      "batch", "open", "--id", id, "--gtin", "09506000134352", "--lot", "LOT2", "--expiry",
      "281231", "--serials", file.path,
    ]
  }

  /// A unit at its place in the line's pitch.
  private static func pacedUnit(_ bench: inout LatencyBench) throws -> Int64 {
    let next = monotonicNow() + pitchMilliseconds * 1_000_000
    let time = try bench.unitThroughDaemon(accept: true)
    let rest = next - monotonicNow()
    if rest > 0 {
      var pause = timespec(tv_sec: 0, tv_nsec: Int(rest))
      nanosleep(&pause, nil)
    }
    return time
  }
}
