import CLinux
import Glibc

/// A scanner's cable: a pseudo-terminal behind a stable path, as under /dev/serial/by-id.
final class Cable {
  /// The stable path; there while the cable is in.
  let path: String
  private let folder: String
  private var master: Int32 = -1

  /// A cable that is not in yet.
  init() {
    var template = Array("/tmp/lineward-cable.XXXXXX".utf8CString)
    guard let made = mkdtemp(&template) else { preconditionFailure("no folder for the test") }
    folder = String(cString: made)
    path = folder + "/camera-1"
  }

  deinit {
    unplug()
    unlink(path)
    rmdir(folder)
  }

  /// Puts the cable in: a new pseudo-terminal.
  func plug() {
    var other = [CChar](repeating: 0, count: 64)
    let code = clinux_open_pty(&master, &other, other.count)
    precondition(code == 0, "no pseudo-terminal for the test: \(code)")
    precondition(symlink(other, path) == 0, "no link for the test: \(errno)")
  }

  /// Pulls it.
  func unplug() {
    guard master >= 0 else { return }
    unlink(path)
    close(master)
    master = -1
  }

  /// The scanner says something; false when the line takes no more at the moment.
  @discardableResult
  func say(_ bytes: [UInt8]) -> Bool { clinux_pty_write(master, bytes, bytes.count) == bytes.count }

  /// The scanner says a text.
  @discardableResult
  func say(_ text: String) -> Bool { say(Array(text.utf8)) }

  /// What came to the scanner, echoes too; empty when nothing.
  func heard() -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 4096)
    let count = clinux_pty_read(master, &bytes, bytes.count)
    return count > 0 ? Array(bytes[..<count]) : []
  }

  /// Whether anybody has the other end open; true also before the first opening.
  var isOpened: Bool {
    var polled = pollfd(fd: master, events: 0, revents: 0)
    return poll(&polled, 1, 0) >= 0 && polled.revents & Int16(POLLHUP) == 0
  }

  /// The other end, opened by somebody else than the daemon.
  func openOtherEnd() -> Int32 {
    let descriptor = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC)
    precondition(descriptor >= 0, "no other end for the test: \(errno)")
    return descriptor
  }
}

/// Descriptors of this process whose pseudo-terminal is gone: what a scanner bank that forgets to close leaves behind.
func descriptorsOfGoneTerminals() -> Int {
  var count = 0
  // Beyond what a process has open here; a descriptor that is none is passed over.
  for descriptor in 0..<4096 {
    var target = [CChar](repeating: 0, count: 256)
    let length = readlink("/proc/self/fd/\(descriptor)", &target, target.count - 1)
    guard length > 0 else { continue }
    let name = String(decoding: target[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    if name.hasPrefix("/dev/pts/"), name.hasSuffix("(deleted)") { count += 1 }
  }
  return count
}
