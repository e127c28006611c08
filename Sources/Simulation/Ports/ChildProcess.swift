internal import CLinux
internal import Glibc

/// A program that the simulator started, with what it writes to standard output.
///
/// It gets SIGTERM when the simulator dies. Only processes started here are ever signalled, by their own id.
public final class ChildProcess {
  /// So much of the output is kept; the rest is read and dropped.
  public static let outputMax = 8 << 20

  /// Process id.
  public let id: Int32
  /// What it has written to standard output so far.
  public private(set) var output: [UInt8] = []
  /// What it has written to standard error so far, unless that goes to a file.
  public private(set) var errors: [UInt8] = []
  /// Exit code, or 128 and the signal; nil while it runs.
  public private(set) var exitCode: Int32?
  private var pipes: [Int32]

  /// Starts a program; both outputs are kept here.
  public convenience init(_ path: String, _ arguments: [String]) throws(SystemFailure) {
    var outputs: (Int32, Int32) = (-1, -1)
    var errors: (Int32, Int32) = (-1, -1)
    var result = clinux_simulation_pipe(&outputs.0, &outputs.1)
    guard result == 0 else { throw SystemFailure("make a pipe for \(path)", result) }
    result = clinux_simulation_pipe(&errors.0, &errors.1)
    guard result == 0 else {
      close(outputs.0)
      close(outputs.1)
      throw SystemFailure("make a pipe for \(path)", result)
    }
    defer {
      close(outputs.1)
      close(errors.1)
    }
    do throws(SystemFailure) {
      let id = try ChildProcess.start(path, arguments, outputs.1, errors.1)
      self.init(id: id, pipes: [outputs.0, errors.0])
    } catch {
      close(outputs.0)
      close(errors.0)
      throw error
    }
  }

  /// Starts a program whose outputs are added to a file.
  public convenience init(
    _ path: String, _ arguments: [String], log: String
  ) throws(SystemFailure) {
    let file = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o640)
    guard file >= 0 else { throw SystemFailure("write \(log)", -errno) }
    defer { close(file) }
    self.init(id: try ChildProcess.start(path, arguments, file, file), pipes: [])
  }

  private init(id: Int32, pipes: [Int32]) {
    self.id = id
    self.pipes = pipes
  }

  deinit { for pipe in pipes where pipe >= 0 { close(pipe) } }

  /// Whether it still runs, as far as `serve` knows.
  public var isRunning: Bool { exitCode == nil }

  /// What to wait for.
  public var interests: [Interest] { pipes.filter { $0 >= 0 }.map { Interest($0) } }

  /// Takes what it wrote, and looks whether it has ended.
  public func serve() {
    for index in pipes.indices { drain(index) }
    guard exitCode == nil else { return }
    var status: Int32 = 0
    let ended = clinux_simulation_child_ended(id, &status)
    guard ended != 0 else { return }
    // -ECHILD: somebody else took its status; it is gone all the same.
    exitCode = ended > 0 ? status : 127
    for index in pipes.indices { drain(index) }
  }

  /// Sends it a signal; nothing when it has ended, since its id may be another's by then.
  public func signal(_ signal: Int32) {
    if isRunning { kill(id, signal) }
  }

  /// SIGKILL, the end without a farewell.
  public func killAtOnce() { signal(SIGKILL) }

  /// SIGTERM, the polite end.
  public func terminate() { signal(SIGTERM) }

  private func drain(_ index: Int) {
    var buffer = [UInt8](repeating: 0, count: 16384)
    while pipes[index] >= 0 {
      let got = read(pipes[index], &buffer, buffer.count)
      if got > 0 {
        if index == 0, output.count < ChildProcess.outputMax { output += buffer[0..<got] }
        if index == 1, errors.count < ChildProcess.outputMax { errors += buffer[0..<got] }
      } else if got == 0 {
        close(pipes[index])
        pipes[index] = -1
      } else {
        return
      }
    }
  }

  private static func start(
    _ path: String, _ arguments: [String], _ output: Int32, _ errors: Int32
  ) throws(SystemFailure) -> Int32 {
    guard access(path, X_OK) == 0 else { throw SystemFailure("start \(path)", -errno) }
    var words: [UnsafeMutablePointer<CChar>?] = ([path] + arguments).map { strdup($0) }
    words.append(nil)
    defer { for word in words { free(word) } }
    let id = clinux_simulation_start_child(path, &words, output, errors)
    guard id > 0 else { throw SystemFailure("start \(path)", id) }
    return id
  }
}

/// Tells when somebody wants the program to end.
public struct EndSignals: Sendable {
  /// Readable once SIGINT or SIGTERM came.
  public let interest: Interest

  /// Takes over SIGINT, SIGTERM and SIGPIPE for the whole process; call it once, at its start.
  public init() throws(SystemFailure) {
    let descriptor = clinux_simulation_end_signals()
    guard descriptor >= 0 else { throw SystemFailure("watch for signals", descriptor) }
    interest = Interest(descriptor)
  }

  /// Whether one came since the last look.
  public func came() -> Bool {
    var bytes = [UInt8](repeating: 0, count: 128)
    return read(interest.descriptor, &bytes, bytes.count) > 0
  }
}
