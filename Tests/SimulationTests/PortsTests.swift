import CLinux
import Glibc
import Simulation
import Testing

@Suite struct PortsTests {
  /// A folder of its own, gone after the test.
  private final class Folder {
    let path: String
    init() {
      var template = Array("/tmp/linewardsim-test.XXXXXX".utf8CString)
      path = mkdtemp(&template).map { String(cString: $0) } ?? "/tmp"
    }
    deinit {
      unlink(path + "/camera-1")
      unlink(path + "/log")
      rmdir(path)
    }
  }

  private func openRaw(_ path: String) -> Int32 {
    let descriptor = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC)
    var settings = termios()
    tcgetattr(descriptor, &settings)
    cfmakeraw(&settings)
    tcsetattr(descriptor, TCSANOW, &settings)
    return descriptor
  }

  /// What comes within a second; empty when nothing does.
  private func hear(_ descriptor: Int32) -> [UInt8] {
    Interest.wait(for: [Interest(descriptor)], atMost: .seconds(1))
    var buffer = [UInt8](repeating: 0, count: 256)
    let got = read(descriptor, &buffer, buffer.count)
    return got > 0 ? Array(buffer[0..<got]) : []
  }

  @Test func bytesGoThroughBothWays() throws {
    let folder = Folder()
    let port = try ScannerPort(path: folder.path + "/camera-1")
    let other = openRaw(port.path)
    defer { close(other) }
    let message: [UInt8] = [0x02, 0x1D, 0x5D, 0x64, 0x32, 0xFF, 0x0D, 0x0A]
    port.say(message)
    #expect(hear(other) == message)
    _ = write(other, [0x16, 0x54, 0x0D], 3)
    Interest.wait(for: port.interests, atMost: .seconds(1))
    port.serve()
    #expect(port.bytesHeard == 3)
  }

  /// Root may open it all the same, so the test looks at what stands behind the path.
  @Test func exclusiveUseEndsWithTheDaemonThatTookIt() throws {
    let folder = Folder()
    let port = try ScannerPort(path: folder.path + "/camera-1")
    func terminal() -> String? { realpath(port.path, nil).map { String(cString: $0) } }
    port.serve()
    let first = terminal()
    let daemon = openRaw(port.path)
    try #require(daemon >= 0 && ioctl(daemon, UInt(TIOCEXCL)) == 0)
    port.serve()
    #expect(terminal() == first)
    close(daemon)
    port.serve()
    #expect(terminal() != first)

    // What is said before the next daemon is there goes nowhere, and it gets what is said after.
    let second = terminal()
    port.say([0x41])
    #expect(port.bytesUnheard == 1)
    port.serve()
    #expect(terminal() == second)
    let next = openRaw(port.path)
    try #require(next >= 0)
    defer { close(next) }
    port.say([0x42])
    #expect(hear(next) == [0x42])
    port.serve()
    #expect(terminal() == second)
  }

  @Test func aPulledCableIsAHangUpAndComesBackUnderTheSamePath() throws {
    let folder = Folder()
    let port = try ScannerPort(path: folder.path + "/camera-1")
    let other = openRaw(port.path)
    defer { close(other) }
    port.unplug()
    #expect(!port.isPlugged && !Surroundings.exists(port.path))
    var byte: UInt8 = 0
    // read(2) on a hung-up terminal: end of file, or EIO.
    #expect(read(other, &byte, 1) <= 0)
    port.say([0x41])
    #expect(port.bytesUnheard == 1)
    try port.plug()
    let again = openRaw(port.path)
    defer { close(again) }
    port.say([0x42])
    #expect(hear(again) == [0x42])
  }

  @Test func whatIsSaidWhileNobodyListensIsGone() throws {
    let folder = Folder()
    let port = try ScannerPort(path: folder.path + "/camera-1")
    close(openRaw(port.path))
    port.say(Array("lost\r\n".utf8))
    #expect(port.bytesUnheard == 6)
    #expect(port.interests.isEmpty, "a hung-up terminal would wake the loop for ever")
    let other = openRaw(port.path)
    defer { close(other) }
    port.say([0x43])
    #expect(hear(other) == [0x43])
  }

  @Test func anUnusablePathIsSaid() {
    #expect(throws: SystemFailure.self) { try ScannerPort(path: "/nowhere/at/all") }
  }

  // MARK: Children

  /// Waits for a child, at most ten seconds.
  private func finish(_ child: ChildProcess) {
    let end = MonotonicClock.now + .seconds(10)
    while child.isRunning && MonotonicClock.now < end {
      Interest.wait(for: child.interests, atMost: .milliseconds(5))
      child.serve()
    }
  }

  @Test func aChildsWordsAndCodeComeBack() throws {
    let child = try ChildProcess("/bin/sh", ["-c", "echo out; echo err >&2; exit 75"])
    finish(child)
    #expect(child.exitCode == 75)
    #expect(child.output == Array("out\n".utf8) && child.errors == Array("err\n".utf8))
  }

  @Test func aKilledChildSaysSo() throws {
    let child = try ChildProcess("/bin/sh", ["-c", "read line < /dev/tty; exec tail -f /dev/null"])
    child.killAtOnce()
    finish(child)
    #expect(child.exitCode == 128 + SIGKILL)
    child.terminate()
  }

  @Test func aLogIsAddedTo() throws {
    let folder = Folder()
    for _ in 0..<2 { finish(try ChildProcess("/bin/echo", ["once"], log: folder.path + "/log")) }
    let log = open(folder.path + "/log", O_RDONLY | O_CLOEXEC)
    defer { close(log) }
    var buffer = [UInt8](repeating: 0, count: 64)
    let got = read(log, &buffer, buffer.count)
    #expect(Array(buffer[0..<max(0, got)]) == Array("once\nonce\n".utf8))
  }

  @Test func aProgramThatIsNotThereIsNamed() {
    do throws(SystemFailure) {
      _ = try ChildProcess("/nowhere/linewardd", [])
      Issue.record("started")
    } catch {
      #expect(error.description.contains("start /nowhere/linewardd: No such file"))
    }
  }
}
