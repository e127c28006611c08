internal import CLinux
internal import Glibc
internal import Line

/// A program that is run to its end within a time, without a shell, and killed with all that it started when that is over.
struct BoundedProgram {
  /// How a run ended.
  enum Ending {
    /// It ended by itself, with this exit code.
    case exited(Int32)
    /// A signal ended it.
    case signalled(Int32)
    /// It was killed, because its time was over.
    case killed
    /// It never began, for this reason of the system.
    case notStarted(Int32)
  }

  /// The program's path and its arguments.
  var words: [String]
  /// All that it finds in its environment.
  var environment: [String]
  var timeout: Instant.Span

  /// Runs it; blocks so long, and a second more where the kernel cannot end it at once.
  ///
  /// `input` is what it reads; both its outputs go to `output`.
  func run(input bytes: [UInt8] = [], output: Int32) -> Ending {
    let input = clinux_memory_file(bytes, bytes.count)
    guard input >= 0 else { return .notStarted(-input) }
    defer { close(input) }
    let process = BoundedProgram.withTexts(words) { arguments in
      BoundedProgram.withTexts(environment) { environment in
        clinux_spawn(arguments[0], arguments, environment, input, output)
      }
    }
    guard process > 0 else { return .notStarted(-process) }
    var status: Int32 = 0
    let milliseconds = Int32(clamping: timeout.nanoseconds / 1_000_000)
    guard clinux_spawn_wait(process, milliseconds, &status) == 1 else {
      clinux_spawn_kill(process)
      return .killed
    }
    return status < 0 ? .signalled(-status) : .exited(status)
  }

  /// What a run came to.
  struct Report {
    /// Why it is no success, a sentence; nil when it ended with 0.
    var failure: String?
    /// What it wrote to both its outputs.
    var said: [UInt8]
    /// Whether it wrote all that was taken, and may have had more to say.
    var isFull: Bool
  }

  /// The environment of programs that the configuration names.
  static let environment = ["PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8"]

  /// The longest piece that a program writes at once; a piece that does not fit whole is not taken at all.
  private static let pieceMax = 1 << 20

  /// Runs it and takes what it writes, at most so many bytes; blocks as `run` does.
  ///
  /// A program that goes on writing gets an error for it, and mostly ends by that.
  func report(input: [UInt8] = [], atMost bytesMax: Int = 65_536) -> Report {
    let output = clinux_bounded_file(bytesMax + BoundedProgram.pieceMax)
    guard output >= 0 else {
      return Report(failure: BoundedProgram.reason(-output), said: [], isFull: false)
    }
    defer { close(output) }
    let status: Int32
    switch run(input: input, output: output) {
    case .exited(let code): status = code
    // As a shell says it.
    case .signalled(let signal): status = 128 + signal
    case .killed:
      return Report(
        failure: "it had not ended after \(timeout.nanoseconds / 1_000_000) ms, and was killed",
        said: [], isFull: false)
    case .notStarted(let number):
      return Report(
        failure: "it cannot be started: \(BoundedProgram.reason(number))", said: [], isFull: false)
    }
    let written = max(0, Int(lseek(output, 0, SEEK_CUR)))
    let length = min(written, bytesMax)
    let said = [UInt8](unsafeUninitializedCapacity: length) { buffer, count in
      count = max(0, pread(output, buffer.baseAddress, length, 0))
    }
    let text = String(decoding: said.prefix(300), as: UTF8.self)
      .split(whereSeparator: \.isNewline).joined(separator: " ")
    return Report(
      failure: status == 0 ? nil : "it ended with \(status)\(text.isEmpty ? "" : ": \(text)")",
      said: said, isFull: written > bytesMax)
  }

  private static func reason(_ number: Int32) -> String { String(cString: strerror(number)) }

  private static func withTexts<Value>(
    _ texts: [String], _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Value
  ) -> Value {
    var pointers = texts.map { strdup($0) } + [nil]
    defer { for pointer in pointers { free(pointer) } }
    return pointers.withUnsafeMutableBufferPointer { buffer in
      guard let base = buffer.baseAddress else { preconditionFailure("the list ends with nil") }
      return body(base)
    }
  }
}
