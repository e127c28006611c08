internal import CLinux
internal import Glibc

/// The scanner's end of a pseudo-terminal, reached by a stable path as under /dev/serial/by-id.
///
/// The cable out is the master closed and the link gone, so the daemon sees a hang-up; in again is a new
/// pseudo-terminal behind the old path.
public final class ScannerPort {
  /// The stable path: a symbolic link to the present pseudo-terminal.
  public let path: String
  /// Bytes that the daemon wrote to the scanner, and echoes from before it set the line raw.
  public private(set) var bytesHeard = 0
  /// Bytes that nobody was there to take.
  public private(set) var bytesUnheard = 0
  private var master: Int32 = -1
  private var waiting: [UInt8] = []
  private var wasOpened = false

  /// Plugs the cable in.
  ///
  /// - Throws: when there is no pseudo-terminal to be had, or the link cannot be made.
  public init(path: String) throws(SystemFailure) {
    self.path = path
    try plug()
  }

  deinit { unplug() }

  /// Whether the cable is in.
  public var isPlugged: Bool { master >= 0 }

  /// What to wait for.
  public var interests: [Interest] {
    guard master >= 0, isOpenedByDaemon else { return [] }
    return [Interest(master, isWriting: !waiting.isEmpty)]
  }

  /// Cable in; nothing happens when it is in already.
  public func plug() throws(SystemFailure) {
    guard master < 0 else { return }
    var other = [CChar](repeating: 0, count: 64)
    let result = clinux_open_pty(&master, &other, other.count)
    guard result == 0 else {
      master = -1
      throw SystemFailure("open a pseudo-terminal for the scanner", result)
    }
    unlink(path)
    guard symlink(other, path) == 0 else {
      let code = -errno
      close(master)
      master = -1
      throw SystemFailure("link \(path) to the scanner's pseudo-terminal", code)
    }
  }

  /// Cable out; what was on the way is lost.
  public func unplug() {
    guard master >= 0 else { return }
    unlink(path)
    close(master)
    master = -1
    waiting.removeAll()
  }

  /// Says something.
  ///
  /// While nobody has the other end open, it goes nowhere: a serial line has no memory.
  public func say(_ bytes: [UInt8]) {
    guard master >= 0, isOpenedByDaemon else {
      bytesUnheard += bytes.count
      return
    }
    waiting += bytes
    serve()
  }

  /// Goes on with what is on the way, and takes what the daemon says.
  public func serve() {
    guard master >= 0 else { return }
    var buffer = [UInt8](repeating: 0, count: 256)
    let got = clinux_pty_read(master, &buffer, buffer.count)
    if got > 0 { bytesHeard += got }
    if isOpenedByDaemon {
      wasOpened = true
    } else if wasOpened {
      forgetExclusiveUse()
    }
    guard !waiting.isEmpty else { return }
    let written = clinux_pty_write(master, waiting, waiting.count)
    if written > 0 { waiting.removeFirst(written) }
  }

  /// Puts a new pseudo-terminal behind the path once the daemon has closed the old one.
  ///
  /// A serial line forgets TIOCEXCL when the last one closes it. A pseudo-terminal keeps it as long as its master is
  /// open, and then nobody but root could open it again: not even the next daemon of the same user.
  private func forgetExclusiveUse() {
    wasOpened = false
    let old = master
    master = -1
    // Without a new one the old one stays: a line without a scanner would be another fault than the one played.
    guard (try? plug()) != nil else {
      master = old
      return
    }
    close(old)
    waiting.removeAll()
    // Opened once and closed, so that it reports the hang-up that `isOpenedByDaemon` looks for.
    let other = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC)
    if other >= 0 { close(other) }
  }

  /// A master whose other end nobody has open reports a hang-up.
  ///
  /// That is so only after a first opening; before it, the line discipline keeps the bytes as a driver's buffer would,
  /// and the daemon discards them when it opens.
  private var isOpenedByDaemon: Bool {
    var one = pollfd(fd: master, events: 0, revents: 0)
    return poll(&one, 1, 0) >= 0 && one.revents & Int16(POLLHUP) == 0
  }
}
