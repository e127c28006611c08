internal import CLinux
internal import Glibc

/// The only clock of the simulated line's process: monotonic, in nanoseconds.
public enum MonotonicClock {
  /// Now.
  public static var now: Nanoseconds { clinux_simulation_now() }
}

/// A call to the operating system that failed.
public struct SystemFailure: Error, Sendable, Hashable, CustomStringConvertible {
  /// What was tried, as the end of "cannot …".
  public var attempt: String
  /// The errno.
  public var code: Int32

  /// Makes a failure of a negative shim result.
  public init(_ attempt: String, _ result: Int32) {
    self.attempt = attempt
    code = -result
  }

  /// A sentence.
  public var description: String { "cannot \(attempt): \(String(cString: strerror(code)))" }
}
