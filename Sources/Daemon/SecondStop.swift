internal import Configuration
internal import Dispatch
internal import Glibc
internal import Line
internal import PLCLink

/// The second way to stop the line: writes a coil, or runs a program, away from the line loop and within a time.
final class SecondStop: Sendable {
  private let settings: Configuration.SecondStop
  private let links: Links
  private let ended: @Sendable (String?) -> Void
  private let queue = DispatchQueue(label: "lineward.second-stop", qos: .userInteractive)

  /// Makes a way that has not been taken.
  ///
  /// `ended` is told once for each time how it went: why it failed, or nil. It must not block.
  init(
    _ settings: Configuration.SecondStop, links: Links,
    ended: @escaping @Sendable (String?) -> Void
  ) {
    self.settings = settings
    self.links = links
    self.ended = ended
  }

  /// What it does, for records and messages.
  static func words(_ configuration: Configuration) -> String? {
    switch configuration.secondStop?.way {
    case .coil(let plc, let address, let value):
      "coil \(address) of PLC \(configuration.plcs[plc].name) to \(value ? 1 : 0)"
    case .command(let command): "program \(command.first ?? "")"
    case nil: nil
    }
  }

  /// Takes the way; returns at once.
  func take() {
    switch settings.way {
    case .coil(let plc, let address, let value):
      let place = links.place(of: plc)
      place.link.writeCoil(
        plc: place.plc, address: address, value, within: Instant.Span(settings.timeout),
        done: ended)
    case .command(let command):
      let timeout = settings.timeout
      let ended = ended
      queue.async { ended(SecondStop.run(command, within: timeout)) }
    }
  }

  /// Runs a program to its end: nil when it ended with 0, otherwise what was wrong.
  ///
  /// When the time is over it is killed with everything that it has started.
  static func run(_ command: [String], within timeout: Duration) -> String? {
    guard !command.isEmpty else { return "no program is configured" }
    let program = BoundedProgram(
      words: command, environment: ["PATH=/usr/bin:/bin"], timeout: Instant.Span(timeout))
    // What it says stands in the journal, as what the daemon says there.
    switch program.run(output: STDERR_FILENO) {
    case .exited(0): return nil
    case .exited(let code): return "it ended with exit code \(code)"
    case .signalled(let signal): return "it ended by signal \(signal)"
    case .killed:
      return "it did not end within \(Int(timeout / .milliseconds(1))) ms and was killed"
    case .notStarted(let number):
      return "it cannot be started: \(String(cString: strerror(number)))"
    }
  }
}
