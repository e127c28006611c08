internal import Alarms
internal import Configuration
internal import Dispatch
internal import Glibc
internal import Line
internal import PLCLink

/// The second way to stop the line: writes a coil, or runs a program, away from the line loop and within a time.
final class SecondStop: Sendable {
  /// The way is looked at so often, whether it could be taken now.
  private static let pace = DispatchTimeInterval.seconds(1)
  /// So many looks in a row have to fail; one falls into a reconnection.
  private static let looks = 3

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

  /// Looks from now on whether the way could be taken, and tells when it cannot, and when it can again.
  ///
  /// What is taken only in need would otherwise be missing just then. The timer lives as long as the daemon.
  func watch(_ tell: @escaping @Sendable (LineEvent) -> Void) -> any DispatchSourceProtocol {
    let timer = DispatchSource.makeTimerSource(
      queue: DispatchQueue(label: "lineward.second-stop.watch"))
    let failures = Counter()
    timer.schedule(deadline: .now(), repeating: SecondStop.pace)
    timer.setEventHandler { @Sendable [self] in
      guard let obstacle else {
        failures.count = 0
        // Told at every look: what stood in the records before this start, or before a storage fault, has an end too.
        tell(.surroundings(.secondStopUnreachable, stands: false, message: ""))
        return
      }
      failures.count += 1
      guard failures.count >= SecondStop.looks else { return }
      tell(.surroundings(.secondStopUnreachable, stands: true, message: obstacle))
    }
    timer.resume()
    return timer
  }

  /// Touched on the watch's queue only.
  private final class Counter: @unchecked Sendable {
    var count = 0
  }

  /// Why the way cannot be taken now, nil: nothing is known against it.
  private var obstacle: String? {
    switch settings.way {
    case .coil(let plc, let address, _):
      let health = links.health(of: plc)
      guard health.connectedSince == nil else { return nil }
      return "the second way to stop cannot be taken: coil \(address) cannot be reached"
        + (health.lastFault.isEmpty ? "" : ", \(health.lastFault)")
    case .command(let command):
      guard let program = command.first, access(program, X_OK) != 0 else { return nil }
      return "the second way to stop cannot be taken: \(program) cannot be run, "
        + String(cString: strerror(errno))
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
