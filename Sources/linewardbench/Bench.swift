import ArgumentParser
import Foundation
import Glibc

/// `make bench`: release build, medians and percentiles, ratios to a floor measured in the same run.
@main
struct Bench: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "linewardbench", abstract: "Measures Lineward against floors of the same run.")

  @Option(help: "The daemon to measure; lineward and linewardfloor stand beside it.")
  var linewardd: String

  @Option(help: "Verdicts before the latency is measured.")
  var warm = 2000

  @Option(help: "Blocks of 100 for each latency.")
  var blocks = 12

  @Option(help: "Where the records go; the file system matters. Default: a folder below TMPDIR.")
  var directory: String?

  @Option(help: "Only these parts, with commas between: \(Part.names).")
  var only = ""

  mutating func validate() throws {
    guard Part.list(only) != nil else {
      throw ValidationError("--only takes \(Part.names), with commas between; not '\(only)'.")
    }
  }

  mutating func run() throws {
    let parts = Part.list(only) ?? []
    let parent =
      directory.map { URL(fileURLWithPath: $0) } ?? FileManager.default.temporaryDirectory
    let folder = parent.appendingPathComponent("lineward-bench-\(getpid())")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    var report = Report()
    // What a measurement that broke left behind says why it did; its error names the folder.
    try measure(&report, parts, folder: folder)
    try? FileManager.default.removeItem(at: folder)
    guard report.missed.isEmpty else {
      say("missed: \(report.missed.joined(separator: ", "))")
      throw ExitCode(1)
    }
    say("all \(report.figures) aims reached")
  }

  private func measure(_ report: inout Report, _ parts: Set<Part>, folder: URL) throws {
    if parts.contains(.gs1) { GS1Bench().add(to: &report) }
    if parts.contains(.decoders) { DecoderBench.run(&report) }
    if parts.contains(.rings) { try RingBench.run(&report) }
    if parts.contains(.append) { try AppendBench.run(&report, folder: folder) }
    try inProcess(&report, parts, folder: folder)
    if parts.contains(.verify) {
      try VerifyBench.run(&report, folder: folder, beside: linewardd)
    }
    try withDaemon(&report, parts, folder: folder)

    if parts.contains(.latency) { try StopBench.run(&report, stops: 500) }
  }

  /// What takes 10 million serials into this process; they are gone from it before the daemon has its own.
  private func inProcess(_ report: inout Report, _ parts: Set<Part>, folder: URL) throws {
    guard !parts.isDisjoint(with: [.pool, .throughput]) else { return }
    let serials = Serials(count: PoolBench.serialCount, seed: 1)
    let pool =
      parts.contains(.pool)
      ? try PoolBench.run(&report, serials: serials) : try serials.pool()
    if parts.contains(.throughput) {
      try ThroughputBench.run(&report, folder: folder, serials: serials, pool: pool)
    }
  }

  private func withDaemon(_ report: inout Report, _ parts: Set<Part>, folder: URL) throws {
    guard !parts.isDisjoint(with: [.latency, .import]) else { return }
    // Files first: the bench's PLC has a heartbeat only while the bench waits or sends a unit.
    let files = parts.contains(.import) ? try ImportBench.Files(folder: folder) : nil
    var bench = try LatencyBench(linewardd: URL(fileURLWithPath: linewardd), folder: folder)
    defer { bench.stop() }
    try bench.start(serials: 100_000)
    for _ in 0..<warm { _ = try bench.unitThroughDaemon(accept: true) }
    if parts.contains(.latency) {
      try bench.compare(&report, accept: true, blocks: blocks, limit: 1.5)
      try bench.compare(&report, accept: false, blocks: blocks, limit: 2)
      let idle = try bench.idleShare(seconds: 10)
      report.figure(
        "idle with heartbeats", "\(rounded(idle)) % of a core", aim: "below 2",
        isReached: idle < 2)
    }
    if let files { try ImportBench.run(&report, bench: &bench, files: files) }
  }
}

/// Prints a line that is to be seen as it comes, through a pipe too.
func say(_ line: String) {
  print(line)
  fflush(nil)
}
