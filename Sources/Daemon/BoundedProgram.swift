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
