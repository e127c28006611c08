import Foundation

/// Starts the programs under test as real processes.
enum Programs {
  /// Where the build put them: beside the test bundle.
  static let folder: URL = {
    let bundle = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
    return bundle.deletingLastPathComponent()
  }()

  /// A program of ours by its name, one of the machine's by its path.
  static func path(_ name: String) -> URL {
    name.hasPrefix("/") ? URL(fileURLWithPath: name) : folder.appendingPathComponent(name)
  }

  struct Ended {
    var status: Int32
    var output: String
    var errors: String
  }

  /// Runs a program to its end, or kills it after `seconds`.
  static func run(
    _ name: String, _ arguments: [String], input: String = "", seconds: Int = 60
  ) throws -> Ended {
    let process = Process()
    process.executableURL = path(name)
    process.arguments = arguments
    let folder = try Scratch()
    let output = folder.url.appendingPathComponent("out")
    let errors = folder.url.appendingPathComponent("err")
    let given = folder.url.appendingPathComponent("in")
    try Data(input.utf8).write(to: given)
    for url in [output, errors] {
      _ = FileManager.default.createFile(atPath: url.path, contents: nil)
    }
    process.standardInput = try FileHandle(forReadingFrom: given)
    process.standardOutput = try FileHandle(forWritingTo: output)
    process.standardError = try FileHandle(forWritingTo: errors)
    try process.run()
    let ended = until(seconds: seconds) { !process.isRunning }
    if !ended { kill(process.processIdentifier, SIGKILL) }
    process.waitUntilExit()
    return Ended(
      status: ended ? process.terminationStatus : -1,
      output: String(decoding: try Data(contentsOf: output), as: UTF8.self),
      errors: String(decoding: try Data(contentsOf: errors), as: UTF8.self))
  }

  /// Waits for a condition, looking at it every 20 ms, for so many seconds at most.
  static func until(seconds: Int, _ condition: () -> Bool) -> Bool {
    let end = DispatchTime.now() + .seconds(seconds)
    let pause = DispatchSemaphore(value: 0)
    while DispatchTime.now() < end {
      if condition() { return true }
      _ = pause.wait(timeout: .now() + .milliseconds(20))
    }
    return condition()
  }
}

/// A folder of its own for one test, removed with it.
final class Scratch {
  let url: URL

  init() throws {
    url = FileManager.default.temporaryDirectory.appendingPathComponent(
      "lineward-test-\(UUID().uuidString.prefix(8))")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(at: url) }

  func write(_ name: String, _ text: String) throws -> String {
    let file = url.appendingPathComponent(name)
    try Data(text.utf8).write(to: file)
    return file.path
  }
}

/// A daemon of its own in a folder of its own; killed when the test ends.
final class Daemon {
  let folder: Scratch
  var process = Process()
  /// What the daemon's environment has besides this process's own.
  var environment: [String: String] = [:]
  var socket: String { folder.url.appendingPathComponent("control.sock").path }
  var directory: String { folder.url.appendingPathComponent("records").path }
  var log: String {
    (try? String(contentsOf: folder.url.appendingPathComponent("log"), encoding: .utf8)) ?? ""
  }

  /// Writes a configuration; the scanner and the PLC need not be there.
  ///
  /// The PLC is on a serial `line`, or else on a port.
  init(
    scanner: String = "/dev/lineward-none", port: Int = 1, line: String? = nil, plcBase: Int = 100,
    control: String = "", more: String = ""
  ) throws {
    folder = try Scratch()
    _ = try folder.write(
      "lineward.toml",
      """
      [line]
      id = "L01"
      [storage]
      directory = "\(directory)"
      [control]
      socket = "\(socket)"
      \(control)
      [[scanner]]
      name = "camera-1"
      transport = "serial"
      device = "\(scanner)"
      [[plc]]
      name = "plc-1"
      \(line.map { "transport = \"rtu\"\ndevice = \"\($0)\"\nbaud = 115200\nparity = \"none\"\nstop_bits = 1" }
        ?? "transport = \"tcp\"\nhost = \"127.0.0.1\"\nport = \(port)")
      [[station]]
      name = "unit-1"
      kind = "unit"
      scanner = "camera-1"
      plc = "plc-1"
      host_base = 0
      plc_base = \(plcBase)
      \(more)
      """)
  }

  deinit { stop(SIGKILL) }

  func start() throws {
    process = Process()
    process.executableURL = Programs.path("linewardd")
    process.arguments = ["--config", folder.url.appendingPathComponent("lineward.toml").path]
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    let log = folder.url.appendingPathComponent("log")
    if !FileManager.default.fileExists(atPath: log.path) {
      _ = FileManager.default.createFile(atPath: log.path, contents: nil)
    }
    let handle = try FileHandle(forWritingTo: log)
    handle.seekToEndOfFile()
    process.standardError = handle
    process.standardOutput = handle
    try process.run()
  }

  /// Starts it and waits until it answers.
  func startAndWait() throws -> Bool {
    try start()
    return Programs.until(seconds: 20) { (try? ask("status"))?.status == 0 }
  }

  func stop(_ signal: Int32) {
    guard process.isRunning else { return }
    kill(process.processIdentifier, signal)
    process.waitUntilExit()
  }

  func ask(_ arguments: String..., json: Bool = false) throws -> Programs.Ended {
    try Programs.run("lineward", ["--socket", socket] + (json ? ["--json"] : []) + arguments)
  }
}
