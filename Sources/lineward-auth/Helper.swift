internal import CLinux
internal import Control
internal import Glibc

/// Takes connections, and gives each to a process of its own within bounds of number and time.
struct Helper {
  /// So many questions at a time; others wait in the socket's queue, as long as whoever asked does.
  static let questionsMax = 4
  /// A question's process is ended after so many milliseconds: PAM may hang on a name service or a card reader.
  static let longest: Int64 = 10_000
  /// With nothing to do for so many milliseconds it ends, and systemd starts it again when it is needed.
  static let idle: Int64 = 30_000

  private struct Child {
    var process: Int32
    /// Readable when the process has ended.
    var watch: Int32
    var connection: Int32
    var end: Int64
  }

  private let listening: Int32
  private let staysForEver: Bool
  private let daemon: UInt32?
  private var children: [Child] = []

  init(listening: Int32, staysForEver: Bool) {
    self.listening = listening
    self.staysForEver = staysForEver
    daemon = getpwnam("lineward")?.pointee.pw_uid
  }

  /// Answers until there is nothing to do, or until a signal ends it.
  mutating func run() {
    var idleSince = Helper.now
    while true {
      var descriptors = children.map { pollfd(fd: $0.watch, events: Int16(POLLIN), revents: 0) }
      let hasRoom = children.count < Helper.questionsMax
      if hasRoom { descriptors.append(pollfd(fd: listening, events: Int16(POLLIN), revents: 0)) }
      var until = children.map(\.end).min()
      if children.isEmpty, !staysForEver { until = idleSince + Helper.idle }
      let wait = until.map { Int32(clamping: max(0, $0 - Helper.now)) } ?? -1
      guard poll(&descriptors, nfds_t(descriptors.count), wait) >= 0 || errno == EINTR else {
        say("waiting failed: \(String(cString: strerror(errno)))")
        return
      }
      settle()
      if hasRoom, descriptors.last?.revents ?? 0 != 0 { accept() }
      if !children.isEmpty {
        idleSince = Helper.now
      } else if !staysForEver, Helper.now - idleSince >= Helper.idle {
        return
      }
    }
  }

  /// Takes leave of processes that have ended, and ends those whose time is over.
  private mutating func settle() {
    for child in children {
      var status: Int32 = 0
      if clinux_spawn_wait(child.process, 0, &status) != 0 {
        // A crash must not leave the daemon without an answer; one that has answered has closed its end.
        if status != 0 { answer(.unavailable, to: child.connection) }
      } else if Helper.now >= child.end {
        clinux_spawn_kill(child.process)
        say("a question was ended after \(Helper.longest / 1000) s: PAM gave no answer")
        answer(.unavailable, to: child.connection)
      } else {
        continue
      }
      close(child.watch)
      close(child.connection)
      children.removeAll { $0.process == child.process }
    }
  }

  private mutating func accept() {
    let connection = clinux_socket_accept(listening)
    guard connection >= 0 else { return }
    var uid: UInt32 = 0
    var gid: UInt32 = 0
    var pid: Int32 = 0
    guard clinux_socket_peer(connection, &uid, &gid, &pid) == 0,
      uid == 0 || uid == daemon || uid == geteuid()
    else {
      say("user \(uid) may not ask, and was not answered")
      close(connection)
      return
    }
    // Its answers go out at once or not at all.
    _ = fcntl(connection, F_SETFL, fcntl(connection, F_GETFL) & ~O_NONBLOCK)
    let process = start(connection)
    let watch = process > 0 ? clinux_process_descriptor(process) : process
    guard process > 0, watch >= 0 else {
      if process > 0 { clinux_spawn_kill(process) }
      say("no process can be started: \(String(cString: strerror(-watch)))")
      answer(.unavailable, to: connection)
      close(connection)
      return
    }
    children.append(
      Child(
        process: process, watch: watch, connection: connection, end: Helper.now + Helper.longest))
  }

  /// Starts this program again with the connection as its standard input; nothing of the question is in its arguments.
  private func start(_ connection: Int32) -> Int32 {
    let words = ["lineward-auth", "--question"]
    var arguments = words.map { strdup($0) } + [nil]
    defer { for argument in arguments { free(argument) } }
    return clinux_spawn("/proc/self/exe", &arguments, environ, connection, STDERR_FILENO)
  }

  private func answer(_ code: Authentication.Code, to connection: Int32) {
    let line = Authentication.line(answer: Authentication.Answer(code))
    _ = line.withUnsafeBytes { clinux_socket_send(connection, $0.baseAddress, $0.count, -1) }
  }

  /// The monotonic clock in milliseconds.
  static var now: Int64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
  }
}
