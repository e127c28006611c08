import CLinux
import Foundation
import Glibc

/// Scan to accept and scan to reject, real processes, against the plain C floor.
///
/// Last byte into the pseudo-terminal to the verdict slot in the PLC's memory. Blocks of 100 of the daemon and of the floor
/// take turns, because the machine drifts more than the difference that is looked for.
struct LatencyBench {
  static let hostBase = 0
  static let plcBase = 100
  static let floorBase = 900
  static let slots = 16
  static let blockLength = 100

  let linewardd: URL
  let folder: URL
  let server = ModbusFloorServer()
  private(set) var unit: UInt16 = 0
  private var serial = 0
  private var master: Int32 = -1
  private(set) var daemon = Process()

  init(linewardd: URL, folder: URL) throws {
    self.linewardd = linewardd
    self.folder = folder
  }

  static func serialText(_ number: Int) -> String {
    let digits = String(number)
    return "SN" + String(repeating: "0", count: 12 - digits.count) + digits
  }

  /// The message of a pack as the scanner sends it.
  static func message(_ serial: String) -> [UInt8] {
    Array("]d2010950600013435221\(serial)\u{1D}1727123110LOT1\r\n".utf8)
  }

  /// Writes the configuration, starts the daemon, opens a batch, releases the line.
  ///
  /// One unit comes after the other, so a long time for its message costs nothing, and a bench that was held up between
  /// trigger and message goes on.
  mutating func start(serials: Int) throws {
    var path = [CChar](repeating: 0, count: 64)
    precondition(clinux_open_pty(&master, &path, 64) == 0, "no pseudo-terminal")
    let tty = String(decoding: path.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    let config = folder.appendingPathComponent("lineward.toml")
    try Data(
      """
      [line]
      id = "BENCH"
      [storage]
      directory = "\(folder.path)/records"
      [control]
      socket = "\(folder.path)/control.sock"
      [[scanner]]
      name = "camera-1"
      transport = "serial"
      device = "\(tty)"
      [[plc]]
      name = "plc-1"
      transport = "tcp"
      host = "127.0.0.1"
      port = \(server.port)
      lost_ms = 10000
      [[station]]
      name = "unit-1"
      kind = "unit"
      scanner = "camera-1"
      plc = "plc-1"
      host_base = \(Self.hostBase)
      plc_base = \(Self.plcBase)
      slots = \(Self.slots)
      gate_outcomes = false
      read_timeout_ms = 400
      [limits]
      consecutive_rejects = 1000
      """.utf8
    ).write(to: config)
    startPLC()
    _ = FileManager.default.createFile(
      atPath: folder.appendingPathComponent("log").path, contents: nil)
    try startDaemon()
    var text = ""
    text.reserveCapacity(serials * 15)
    for number in 0..<serials { text += Self.serialText(number) + "\n" }
    let file = folder.appendingPathComponent("serials.txt")
    try Data(text.utf8).write(to: file)
    guard
      lineward([
        "batch", "open", "--id", "BENCH", "--gtin", "09506000134352", "--lot", "LOT1", "--expiry",
        "271231", "--serials", file.path,
      ]), lineward(["batch", "start"])
    else { throw BenchError("the batch could not be opened and started") }
    try release()
  }

  /// Starts the daemon, and again after `stop`; returns when it answers.
  mutating func startDaemon() throws {
    daemon = Process()
    daemon.executableURL = linewardd
    daemon.arguments = ["--config", folder.appendingPathComponent("lineward.toml").path]
    let log = try FileHandle(forWritingTo: folder.appendingPathComponent("log"))
    try log.seekToEnd()
    daemon.standardError = log
    daemon.endWithParent()
    try daemon.run()
    try waitUntil("the daemon answers") { lineward(["status"]) }
  }

  /// The PLC's side: alive, in its epoch, obeying.
  ///
  /// The bench moves its heartbeat with each unit and while it waits.
  private func startPLC() {
    let base = Self.plcBase
    server[base] = 1
    server[base + 2] = 6
    server[base + 6] = 8
    server[base + 9] = 4711
    beat()
  }

  private func beat() { server[Self.plcBase + 1] &+= 1 }

  func release() throws {
    server[Self.plcBase + 3] = 0
    try waitUntil("the line can be released") {
      beat()
      return lineward(["line", "release"])
    }
    try waitUntil("the permit arrives") {
      beat()
      return server[Self.hostBase + 2] == 1
    }
    server[Self.plcBase + 3] = 1
  }

  /// Runs the operator's command line; whether it ended with 0.
  func lineward(_ arguments: [String]) -> Bool {
    guard let process = try? begin(arguments) else { return false }
    process.waitUntilExit()
    return process.terminationStatus == 0
  }

  /// Starts the operator's command line, and does not wait for it.
  func begin(_ arguments: [String]) throws -> Process {
    let process = Process()
    process.executableURL = linewardd.deletingLastPathComponent().appendingPathComponent("lineward")
    process.arguments = ["--socket", folder.path + "/control.sock"] + arguments
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
    return process
  }

  private func waitUntil(_ what: String, _ condition: () -> Bool) throws {
    let deadline = monotonicNow() + 20_000_000_000
    while monotonicNow() < deadline {
      if condition() { return }
      var time = timespec(tv_sec: 0, tv_nsec: 20_000_000)
      nanosleep(&time, nil)
    }
    throw BenchError("waited 20 s in vain until \(what)")
  }

  /// One unit through the daemon; nanoseconds from the last byte in to the slot in memory.
  mutating func unitThroughDaemon(accept: Bool) throws -> Int64 {
    unit = unit >= 65504 ? 1 : unit + 1
    beat()
    // The daemon has to have seen the trigger: two reads after the change prove that one began after it.
    server[Self.plcBase + 4] = unit
    let reads = server.reads
    let end = monotonicNow() + 1_000_000_000
    while server.reads < reads + 2 {
      guard monotonicNow() < end else { throw BenchError("the daemon does not poll the PLC") }
      usleepBriefly()
    }
    serial += 1
    let bytes = Self.message(accept ? Self.serialText(serial) : "X\(serial)")
    let taken = Int(server[Self.plcBase + 5])
    let next = taken >= 65504 ? 1 : taken + 1
    server.watch(Self.hostBase + 16 + 4 * (next % Self.slots))
    let start = monotonicNow()
    _ = write(master, bytes, bytes.count)
    guard let stamp = server.waitForWrite(milliseconds: 1000) else {
      throw BenchError("no verdict for unit \(unit) came; see \(folder.path)/log")
    }
    let verdict = server[Self.hostBase + 16 + 4 * (next % Self.slots) + 2]
    guard (verdict == 1) == accept else {
      throw BenchError("unit \(unit) got verdict \(verdict); see \(folder.path)/log")
    }
    server[Self.plcBase + 5] = UInt16(next)
    return stamp - start
  }

  /// A running floor process.
  final class Floor {
    let process = Process()
    var master: Int32 = -1

    init(_ bench: LatencyBench, sync: Bool, address: Int) throws {
      var path = [CChar](repeating: 0, count: 64)
      precondition(clinux_open_pty(&master, &path, 64) == 0, "no pseudo-terminal")
      let tty = String(
        decoding: path.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      process.executableURL = bench.linewardd.deletingLastPathComponent().appendingPathComponent(
        "linewardfloor")
      process.arguments = [
        tty, bench.folder.path + "/floor-\(sync ? "sync" : "nosync")", "127.0.0.1",
        "\(bench.server.port)", sync ? "sync" : "nosync", "\(address)",
      ]
      let pipe = Pipe()
      process.standardOutput = pipe
      process.endWithParent()
      try process.run()
      _ = pipe.fileHandleForReading.availableData
    }

    deinit {
      process.terminate()
      close(master)
    }
  }

  mutating func unitThroughFloor(_ floor: Floor, address: Int) throws -> Int64 {
    serial += 1
    let bytes = Self.message(Self.serialText(serial))
    // The same pause as the daemon's side has while it waits for two polls.
    let reads = server.reads
    beat()
    let end = monotonicNow() + 1_000_000_000
    while server.reads < reads + 2, monotonicNow() < end { usleepBriefly() }
    server.watch(address)
    let start = monotonicNow()
    _ = write(floor.master, bytes, bytes.count)
    guard let stamp = server.waitForWrite(milliseconds: 1000) else {
      throw BenchError("the floor did not answer")
    }
    return stamp - start
  }

  /// Blocks of daemon and floor in turns; the ratio is the median over the blocks.
  mutating func compare(_ report: inout Report, accept: Bool, blocks: Int, limit: Double) throws {
    let address = Self.floorBase + (accept ? 0 : 8)
    let floor = try Floor(self, sync: accept, address: address)
    var ours = Samples()
    var theirs = Samples()
    var ratios: [Double] = []
    for _ in 0..<blocks {
      var block = Samples()
      var floorBlock = Samples()
      for _ in 0..<Self.blockLength { block.add(try unitThroughDaemon(accept: accept)) }
      // Rejects in a row end here, well below the line's limit.
      if !accept { _ = try unitThroughDaemon(accept: true) }
      for _ in 0..<Self.blockLength {
        floorBlock.add(try unitThroughFloor(floor, address: address))
      }
      ratios.append(block.median / floorBlock.median)
      ours.values += block.values
      theirs.values += floorBlock.values
    }
    let ratio = medianOf(ratios)
    report.figure(
      accept ? "scan to accept" : "scan to reject",
      "\(ours.text), ratio \(rounded(ratio)) to the floor", aim: "at most \(limit)",
      isReached: ratio <= limit)
    report.remark("the floor, linewardfloor: \(theirs.text)")
  }

  /// Share of a core that the daemon takes with heartbeats only, in percent.
  func idleShare(seconds: Int) throws -> Double {
    let before = try processorTicks()
    for _ in 0..<(seconds * 20) {
      beat()
      var time = timespec(tv_sec: 0, tv_nsec: 50_000_000)
      nanosleep(&time, nil)
    }
    let after = try processorTicks()
    return Double(after - before) / Double(sysconf(Int32(_SC_CLK_TCK))) / Double(seconds) * 100
  }

  private func processorTicks() throws -> Int {
    let text = try String(contentsOfFile: "/proc/\(daemon.processIdentifier)/stat", encoding: .utf8)
    let fields = text.split(separator: ")").last?.split(separator: " ") ?? []
    guard fields.count > 13, let user = Int(fields[11]), let system = Int(fields[12]) else {
      throw BenchError("no process statistics")
    }
    return user + system
  }

  /// Resident memory of the daemon in megabytes.
  func residentMegabytes() throws -> Double {
    let text = try String(
      contentsOfFile: "/proc/\(daemon.processIdentifier)/status", encoding: .utf8)
    for line in text.split(separator: "\n") where line.hasPrefix("VmRSS:") {
      let kilobytes = line.split(separator: " ").compactMap { Double($0) }.first ?? .nan
      return kilobytes / 1024
    }
    throw BenchError("no memory statistics")
  }

  func stop() {
    guard daemon.isRunning else { return }
    daemon.terminate()
    daemon.waitUntilExit()
  }
}

/// Something went wrong that makes the figures worthless.
struct BenchError: Error, CustomStringConvertible {
  var description: String
  init(_ description: String) { self.description = description }
}
