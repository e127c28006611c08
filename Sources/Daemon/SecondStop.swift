internal import Configuration
internal import Dispatch
internal import Glibc
internal import Line
internal import PLCLink

/// The second way to stop the line: writes a coil, or runs a program, away from the line loop and within a time.
final class SecondStop: Sendable {
  /// A program that is still running is looked at so often.
  private static let lookEvery: useconds_t = 10_000

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
    guard let path = command.first else { return "no program is configured" }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    // The daemon ignores signals that the program has to feel, and blocks none.
    var signals = sigset_t()
    sigfillset(&signals)
    posix_spawnattr_setsigdefault(&attributes, &signals)
    sigemptyset(&signals)
    posix_spawnattr_setsigmask(&attributes, &signals)
    posix_spawnattr_setpgroup(&attributes, 0)
    posix_spawnattr_setflags(
      &attributes,
      Int16(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP))
    var arguments: [UnsafeMutablePointer<CChar>?] = command.map { strdup($0) } + [nil]
    var environment: [UnsafeMutablePointer<CChar>?] = [strdup("PATH=/usr/bin:/bin"), nil]
    defer { for text in arguments + environment { free(text) } }
    var id = pid_t()
    let code = posix_spawn(&id, path, &actions, &attributes, &arguments, &environment)
    guard code == 0 else { return "it cannot be started: \(String(cString: strerror(code)))" }
    let end = ContinuousClock.now + timeout
    var status: Int32 = 0
    while waitpid(id, &status, WNOHANG) == 0 {
      guard ContinuousClock.now < end else {
        kill(-id, SIGKILL)
        waitpid(id, &status, 0)
        return "it did not end within \(Int(timeout / .milliseconds(1))) ms and was killed"
      }
      usleep(lookEvery)
    }
    if status & 0x7F != 0 { return "it ended by signal \(status & 0x7F)" }
    let exit = (status >> 8) & 0xFF
    return exit == 0 ? nil : "it ended with exit code \(exit)"
  }
}
