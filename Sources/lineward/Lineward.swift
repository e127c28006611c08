internal import ArgumentParser
internal import Control
internal import Glibc

/// The operator's command line.
@main
struct Lineward: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "lineward",
    abstract: "Watch and run a packaging line that linewardd guards.",
    discussion: """
      Every command asks the daemon over its control socket; gs1 check, scanners discover, records \
      check-export and records replay work without it, and records verify and export with a directory.

      Exit status: 0 done; 1 answered "no"; 64 wrong usage; 65 bad input data; 69 daemon not \
      reachable; 75 refused now, try later; 77 not permitted; 78 bad configuration.

      Shell completions: lineward --generate-completion-script bash (or zsh, fish).
      """,
    version: "lineward \(Release.version)",
    subcommands: [
      Status.self, Watch.self, BatchCommands.self, LineCommands.self, UnitCommand.self,
      SerialCommands.self, ChallengeCommands.self, ContainmentCommands.self,
      Alarms.self, Acknowledge.self, Reset.self, Shelve.self, Unshelve.self, Scanners.self,
      PLCs.self, RecordsCommands.self,
      GS1Commands.self,
    ])

  @OptionGroup var options: GlobalOptions

  static func main() {
    // A reader that goes away (lineward watch | head) ends this program as it ends every other one.
    do {
      var command = try parseAsRoot()
      try command.run()
    } catch let failure as Failure {
      let json = CommandLine.arguments.contains("--json")
      Output.error(json ? [Render.json(failure)] : Render(colours: false).failure(failure))
      Glibc.exit(failure.exit.rawValue)
    } catch let status as ExitStatus {
      Glibc.exit(status.rawValue)
    } catch {
      guard exitCode(for: error) == .validationFailure else { exit(withError: error) }
      let nearest = NearestCommand.meant(by: Array(CommandLine.arguments.dropFirst()))
        .map { "There is no command '\($0.typed)'; did you mean '\($0.meant)'?" }
      if CommandLine.arguments.contains("--json") {
        Output.error([Render.json(.usage(nearest ?? message(for: error)))])
      } else if let nearest {
        let usage = fullMessage(for: error).split(separator: "\n", maxSplits: 1).dropFirst()
        Output.error([
          (["Error: \(Plain.text(nearest))"] + usage.map(String.init)).joined(separator: "\n")
        ])
      } else {
        exit(withError: error)
      }
      Glibc.exit(ExitStatus.usage.rawValue)
    }
  }
}

// An answer "no" ends the program by its status alone; what there is to say has been said.
extension ExitStatus: Error {}

/// What this program is.
enum Release {
  /// Version of the whole project.
  static let version = "0.1.0"
}

/// Options that every command takes, before its name or after it.
struct GlobalOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Control socket of the daemon (LINEWARD_SOCKET, otherwise \(ControlClient.defaultPath)).",
      valueName: "path"), completion: .file())
  var socket: String?

  @Flag(help: "Answer in JSON, for programs; errors too, on standard error.")
  var json = false

  @Option(
    name: .customLong("as"),
    help: ArgumentHelp(
      "Do it as this user, whose password is asked for: for signatures, and at a login that several people use.",
      valueName: "user"))
  var user: String?

  @Flag(help: "Read that password from the first line of standard input, not at the terminal.")
  var passwordStdin = false

  func validate() throws {
    if passwordStdin, user == nil {
      throw ValidationError("--password-stdin needs --as USER: whose password is it?")
    }
  }

  /// Where the daemon is: option, environment, default, in this order.
  var socketPath: String {
    if let socket { return socket }
    if let path = getenv("LINEWARD_SOCKET").map({ String(cString: $0) }), !path.isEmpty {
      return path
    }
    return ControlClient.defaultPath
  }

  /// Asks the daemon one thing and shows the answer, as JSON or laid out for people.
  func ask<Value: Codable & Sendable>(
    _ command: Command, for type: Value.Type, passing passed: Int32 = -1,
    show: (Render, Value) -> [String]
  ) throws {
    let value = try answer(command, for: type, passing: passed)
    if json {
      Output.lines([Wire.json(value)])
    } else {
      Output.lines(show(Render(colours: Output.hasColours), value))
    }
  }

  /// Asks the daemon one thing; progress goes to the terminal, if there is one.
  func answer<Value: Codable & Sendable>(
    _ command: Command, for type: Value.Type, passing passed: Int32 = -1
  ) throws -> Value {
    try withRequest(command) { request in
      var client = try ControlClient(path: socketPath)
      var progress = ProgressLine(isShown: !json && isatty(STDERR_FILENO) == 1)
      defer { progress.clear() }
      return try client.ask(request, passing: passed, for: type) { progress.show($0) }
    }
  }

  /// Hands on a command with who gives it and where: asks for the password of `--as` where that counts.
  ///
  /// A stop is not held up by a prompt: it is tried with the login's own name first.
  func withRequest<Value>(_ command: Command, _ ask: (Request) throws -> Value) throws -> Value {
    let terminal = TerminalName.path
    guard let user, !command.onlyReads else {
      return try ask(Request(command, terminal: terminal))
    }
    if command.isStop {
      do {
        return try ask(Request(command, terminal: terminal))
      } catch let failure as Failure where failure.exit == .notPermitted {}
    }
    let password =
      passwordStdin ? try PasswordPrompt.standardInput() : try PasswordPrompt.ask(user: user)
    guard let credentials = Credentials(user: user, password: password) else {
      throw Failure.usage(
        "User name and password have to be on one line each, with at most \(Credentials.userLengthMax) and "
          + "\(Credentials.passwordLengthMax) bytes.")
    }
    return try ask(Request(command, credentials: credentials, terminal: terminal))
  }

  /// Asks the daemon to do something and shows its one sentence.
  func order(_ command: Command, passing passed: Int32 = -1) throws {
    try ask(command, for: DoneReply.self, passing: passed) { $0.done($1) }
  }
}

/// One line of standard error that tells how far a long command has come.
struct ProgressLine {
  /// Whether there is a terminal to show it on.
  let isShown: Bool
  private var isThere = false

  init(isShown: Bool) { self.isShown = isShown }

  mutating func show(_ progress: ProgressReply) {
    guard isShown else { return }
    Output.write("\r\u{1B}[K" + Render().progress(progress), to: STDERR_FILENO)
    isThere = true
  }

  mutating func clear() {
    if isThere { Output.write("\r\u{1B}[K", to: STDERR_FILENO) }
    isThere = false
  }
}

/// Standard output and standard error, written at once and whole.
enum Output {
  /// Whether standard output is a terminal.
  static var isTerminal: Bool { isatty(STDOUT_FILENO) == 1 }

  /// Whether colours are wanted (no-color.org).
  static var hasColours: Bool {
    guard isTerminal else { return false }
    let off = getenv("NO_COLOR").map { $0.pointee != 0 } ?? false
    let dumb = getenv("TERM").map { String(cString: $0) == "dumb" } ?? true
    return !off && !dumb
  }

  /// Writes lines to standard output.
  static func lines(_ lines: [String]) {
    write(lines.map { $0 + "\n" }.joined(), to: STDOUT_FILENO)
  }

  /// Writes lines to standard error.
  static func error(_ lines: [String]) {
    write(lines.map { $0 + "\n" }.joined(), to: STDERR_FILENO)
  }

  static func write(_ text: String, to descriptor: Int32) {
    write(Array(text.utf8), to: descriptor)
  }

  /// Writes all bytes; gives up where nobody takes them any more.
  static func write(_ bytes: [UInt8], to descriptor: Int32) {
    var start = 0
    while start < bytes.count {
      let count = bytes[start...].withUnsafeBytes {
        Glibc.write(descriptor, $0.baseAddress, $0.count)
      }
      if count > 0 {
        start += count
      } else if errno == EAGAIN {
        var one = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        _ = poll(&one, 1, 1000)
      } else if errno != EINTR {
        return
      }
    }
  }
}
