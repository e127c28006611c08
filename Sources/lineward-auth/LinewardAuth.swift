internal import ArgumentParser
internal import CLinux
internal import CPAM
internal import CSystemd
internal import Control
internal import Glibc

/// The password helper: says to the daemon, and to nobody else, whether a user name and a password are right.
///
/// It listens, and starts a process of its own for each question (`Question`), so that a PAM module that hangs or leaks is
/// ended with it, and a password's memory is given back to the machine. It knows nothing of the line.
@main
struct LinewardAuth: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "lineward-auth",
    abstract: "Check passwords for linewardd, through PAM.",
    discussion: """
      Started by systemd (lineward-auth.socket) it ends when there is nothing to do; with --socket it makes a socket of its \
      own and stays. Only root, the user lineward and the user that it runs as are answered.
      """)

  @Option(
    help: ArgumentHelp("Make a socket at this path, where no systemd hands one over.", valueName: "path"))
  var socket: String?

  @Flag(help: .hidden) var question = false

  func run() throws {
    signal(SIGPIPE, SIG_IGN)
    guard cpam_keep_private() == 0 else {
      say("the process cannot be kept out of core files; no password is taken")
      throw ExitCode(71)
    }
    if question {
      Question.answer()
      return
    }
    var helper = try Helper(listening: listening(), staysForEver: socket != nil)
    helper.run()
  }

  private func listening() throws -> Int32 {
    if let socket {
      unlink(socket)
      let descriptor = clinux_socket_unix()
      var code = descriptor < 0 ? descriptor : clinux_socket_bind(descriptor, socket)
      if code >= 0, chmod(socket, 0o660) != 0 { code = -errno }
      if code >= 0 { code = clinux_socket_listen(descriptor, 16) }
      guard code >= 0 else {
        say("no socket can be made at \(socket): \(String(cString: strerror(-code)))")
        throw ExitCode(73)
      }
      return descriptor
    }
    guard sd_listen_fds(1) == 1 else {
      say("systemd hands over no socket; give a path with --socket")
      throw ExitCode(64)
    }
    let descriptor: Int32 = 3
    _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
    return descriptor
  }
}

/// One line for the journal.
func say(_ text: String) {
  let line = Array("lineward-auth: \(text)\n".utf8)
  _ = write(STDERR_FILENO, line, line.count)
}
