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

  mutating func run() throws {
    let parent =
      directory.map { URL(fileURLWithPath: $0) } ?? FileManager.default.temporaryDirectory
    let folder = parent.appendingPathComponent("lineward-bench-\(getpid())")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    var missed: [String] = []

    let parser = GS1Bench()
    say(parser.text)
    if !parser.isReached { missed.append("GS1 message parsed") }

    let rate = try ThroughputBench.run(folder: folder, verdicts: 200_000)
    say("durable verdicts       \(Int(rate)) a second through the line loop, aim 20000")
    if rate < 20_000 { missed.append("durable verdicts") }

    var bench = try LatencyBench(linewardd: URL(fileURLWithPath: linewardd), folder: folder)
    try bench.start(serials: 100_000)
    defer { bench.stop() }
    for _ in 0..<warm { _ = try bench.unitThroughDaemon(accept: true) }
    if try !bench.compare(accept: true, blocks: blocks, limit: 1.5) {
      missed.append("scan to accept")
    }
    if try !bench.compare(accept: false, blocks: blocks, limit: 2) {
      missed.append("scan to reject")
    }
    let idle = try bench.idleShare(seconds: 10)
    say("idle with heartbeats   \((idle * 100).rounded() / 100) % of a core, aim below 2")
    if idle >= 2 { missed.append("idle") }

    let load = try LoadBench.run(bench)
    say(
      "a million serials      \((load.seconds * 100).rounded() / 100) s loaded, checked, on disk; "
        + "resident \(load.megabytes.rounded()) MB, aim 5 s and 150 MB")
    if load.seconds > 5 || load.megabytes > 150 { missed.append("a million serials") }

    if try !StopBench.run(stops: 500) { missed.append("decision to permit 0") }

    guard missed.isEmpty else {
      say("missed: \(missed.joined(separator: ", "))")
      throw ExitCode(1)
    }
    say("all aims reached")
  }
}

/// A million serials from a file to a batch that can be started.
enum LoadBench {
  static func run(_ bench: LatencyBench) throws -> (seconds: Double, megabytes: Double) {
    var text = ""
    text.reserveCapacity(16_000_000)
    var state: UInt64 = 1
    for number in 0..<1_000_000 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      let tail = String(state >> 40, radix: 36, uppercase: true)
      let digits = String(number)
      text += "M" + String(repeating: "0", count: 7 - digits.count) + digits + tail + "\n"
    }
    let file = bench.folder.appendingPathComponent("million.txt")
    try Data(text.utf8).write(to: file)
    let start = monotonicNow()
    guard
      bench.lineward([
        "batch", "open", "--id", "MILLION", "--gtin", "09506000134352", "--lot", "LOT2", "--expiry",
        "281231", "--serials", file.path,
      ])
    else { throw BenchError("the million was refused") }
    return (Double(monotonicNow() - start) / 1e9, try bench.residentMegabytes())
  }
}

/// Prints a line that is to be seen as it comes, through a pipe too.
func say(_ line: String) {
  print(line)
  fflush(nil)
}
