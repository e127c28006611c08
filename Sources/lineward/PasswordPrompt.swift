internal import CLinux
internal import Control
internal import Glibc

/// Asks for a password at the terminal without showing it, or takes it from standard input.
enum PasswordPrompt {
  /// The password of a user, typed at the terminal that controls this process.
  ///
  /// Whatever ends the waiting, the terminal shows again what is typed.
  static func ask(user: String) throws(Failure) -> String {
    let terminal = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY)
    guard terminal >= 0 else {
      throw .usage(
        "There is no terminal at which the password of \(Plain.text(user, lengthMax: 64)) could be asked for; give it on "
          + "standard input, with --password-stdin.")
    }
    defer { close(terminal) }
    var mask = sigset_t()
    sigprocmask(SIG_BLOCK, nil, &mask)
    let signals = clinux_terminal_signal_descriptor()
    defer { sigprocmask(SIG_SETMASK, &mask, nil) }
    guard signals >= 0 else {
      throw .usage("The terminal cannot be used: \(String(cString: strerror(-signals))).")
    }
    defer { close(signals) }
    while true {
      switch once(user: user, terminal, signals) {
      case .line(let bytes): return try password(bytes)
      case .end:
        throw .usage("No password was given, so nothing was asked of the daemon.")
      case .signal(let number):
        _ = clinux_terminal_obey_signal(number)
        // Only a stop (Ctrl-Z) comes back from there.
        _ = clinux_terminal_block_signal(number)
      }
    }
  }

  /// The first line of standard input.
  static func standardInput() throws(Failure) -> String {
    var bytes: [UInt8] = []
    while bytes.count <= Credentials.passwordLengthMax {
      var byte: UInt8 = 0
      let count = read(STDIN_FILENO, &byte, 1)
      if count < 0, errno == EINTR { continue }
      if count <= 0 || byte == 0x0A { break }
      bytes.append(byte)
    }
    return try password(bytes)
  }

  private enum Ending {
    case line([UInt8])
    case end
    case signal(Int32)
  }

  private static func once(user: String, _ terminal: Int32, _ signals: Int32) -> Ending {
    var before = termios()
    let isTerminal = tcgetattr(terminal, &before) == 0
    var hidden = before
    hidden.c_lflag &= ~tcflag_t(ECHO | ECHONL)
    if isTerminal { tcsetattr(terminal, TCSAFLUSH, &hidden) }
    defer {
      if isTerminal { tcsetattr(terminal, TCSAFLUSH, &before) }
      Output.write("\n", to: STDERR_FILENO)
    }
    Output.write("Password of \(Plain.text(user, lengthMax: 64)): ", to: STDERR_FILENO)
    var bytes: [UInt8] = []
    while bytes.count <= Credentials.passwordLengthMax {
      let ready = clinux_socket_wait(terminal, signals, 0, -1)
      if ready & 2 != 0 {
        let number = clinux_terminal_next_signal(signals)
        // A resized window is nothing to a prompt.
        if number > 0, number != SIGWINCH { return .signal(number) }
      }
      guard ready & 1 != 0 else { continue }
      var byte: UInt8 = 0
      let count = read(terminal, &byte, 1)
      if count < 0, errno == EINTR || errno == EAGAIN { continue }
      guard count == 1 else { return .end }
      if byte == 0x0A { return .line(bytes) }
      bytes.append(byte)
    }
    return .line(bytes)
  }

  private static func password(_ bytes: [UInt8]) throws(Failure) -> String {
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw .badInput("The password is no UTF-8.")
    }
    return text
  }
}

/// The terminal at which this program runs.
enum TerminalName {
  /// Its path, e.g. `/dev/pts/3`; nil where there is none.
  static var path: String? {
    for descriptor in [STDIN_FILENO, STDERR_FILENO, STDOUT_FILENO] {
      var name = [CChar](repeating: 0, count: 256)
      if ttyname_r(descriptor, &name, name.count) == 0 {
        return String(
          decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      }
    }
    return nil
  }
}
