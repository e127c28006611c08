import CLinux
import Dispatch
import Glibc
import Rings
import Testing

@testable import Devices

/// A feed, its ring, and a line loop that only collects.
private final class FeedBench {
  let ring: PrintRing
  let feed: PrintFeed
  private let woken = DispatchSemaphore(value: 0)
  private(set) var told: [PrintLine] = []

  init(_ transport: PrintFeed.Transport, lines: Int = 1 << 14) {
    let woken = woken
    ring = PrintRing(capacity: lines)
    feed = PrintFeed(transport, ring: ring, wake: { woken.signal() })
  }

  /// Takes entries until `done`, for 20 s at most; false when it never came true.
  func wait(_ done: () -> Bool) -> Bool {
    let limit = DispatchTime.now() + .seconds(20)
    while true {
      while let line = ring.pop() { told.append(line) }
      if done() { return true }
      guard DispatchTime.now() < limit else { return false }
      _ = woken.wait(timeout: .now() + .milliseconds(5))
    }
  }

  func waitFor(_ kind: PrintLine.Kind, _ count: Int = 1) -> Bool {
    wait { self.told.count { $0.kind == kind } >= count }
  }

  var serials: [String] { texts(.serial) }
  var bad: [PrintFeed.BadLine] {
    told.filter { $0.kind == .bad }.compactMap { PrintFeed.BadLine(rawValue: $0.code) }
  }
  private func texts(_ kind: PrintLine.Kind) -> [String] {
    told.filter { $0.kind == kind }.map { String(decoding: $0.bytes, as: UTF8.self) }
  }
}

/// A printer's controller at its end of a feed.
private final class Controller {
  private var descriptor: Int32 = -1
  private let cable: Cable?

  init(unix path: String) {
    cable = nil
    descriptor = clinux_socket_unix()
    let code = clinux_socket_connect_within(descriptor, path, 2000)
    precondition(code == 0, "no connection for the test: \(code)")
  }

  init(tcp port: UInt16) {
    cable = nil
    descriptor = clinux_simulation_connect(port, 2000)
    precondition(descriptor >= 0, "no connection for the test: \(descriptor)")
    // So that a sender feels a reader that waits, whatever this machine's kernel would hold for it.
    var room: Int32 = 65_536
    setsockopt(
      descriptor, SOL_SOCKET, SO_SNDBUF, &room, socklen_t(MemoryLayout<Int32>.size))
  }

  init(_ cable: Cable) { self.cable = cable }

  /// Sends all of it, waiting for room where there is none, for 20 s at most.
  func say(_ bytes: [UInt8]) {
    let limit = DispatchTime.now() + .seconds(20)
    if let cable {
      for byte in bytes {
        while !cable.say([byte]) && DispatchTime.now() < limit { sched_yield() }
      }
      return
    }
    var rest = bytes[...]
    while !rest.isEmpty && DispatchTime.now() < limit {
      let sent = rest.withUnsafeBytes { bytes in
        bytes.baseAddress.map { clinux_socket_send(descriptor, $0, bytes.count, -1) } ?? 0
      }
      if sent > 0 {
        rest = rest.dropFirst(sent)
      } else if sent == -Int(EAGAIN) {
        sched_yield()
      } else {
        return
      }
    }
  }

  func say(_ text: String) { say(Array(text.utf8)) }

  /// Whether the daemon has closed the connection.
  var isClosed: Bool {
    var byte: UInt8 = 0
    let got = read(descriptor, &byte, 1)
    return got == 0 || (got < 0 && errno == ECONNRESET)
  }

  func hangUp() {
    if let cable { return cable.unplug() }
    close(descriptor)
    descriptor = -1
  }

  deinit { if descriptor >= 0 { close(descriptor) } }
}

private final class Folder {
  let path: String

  init() {
    var template = Array("/tmp/lineward-feed.XXXXXX".utf8CString)
    guard let made = mkdtemp(&template) else { preconditionFailure("no folder for the test") }
    path = String(cString: made)
  }

  var socket: String { path + "/print.sock" }

  deinit {
    unlink(socket)
    rmdir(path)
  }
}

private func freePort() -> UInt16 {
  var port: UInt16 = 0
  let descriptor = clinux_simulation_listen(0, &port)
  precondition(descriptor >= 0, "no port for the test")
  close(descriptor)
  return port
}

@Suite("Print feed over its lines") struct PrintFeedTests {
  enum Way: CaseIterable { case unix, tcp, serial }

  /// Runs a feed over one of the three ways with a controller that is connected.
  private func connected(
    _ way: Way, _ body: (FeedBench, Controller, _ again: () -> Controller) throws -> Void
  ) rethrows {
    let folder = Folder()
    let cable = Cable()
    let port = freePort()
    let bench: FeedBench
    let connect: () -> Controller
    switch way {
    case .unix:
      bench = FeedBench(.unix(path: folder.socket))
      connect = { Controller(unix: folder.socket) }
    case .tcp:
      bench = FeedBench(.tcp(address: "127.0.0.1", port: port))
      connect = { Controller(tcp: port) }
    case .serial:
      cable.plug()
      bench = FeedBench(.serial(device: cable.path, baud: 115_200))
      connect = { Controller(cable) }
    }
    #expect(bench.feed.start())
    defer { bench.feed.stop() }
    let controller = connect()
    #expect(bench.waitFor(.online))
    try body(bench, controller) {
      if way == .serial { cable.plug() }
      return connect()
    }
  }

  @Test("dripped, joined, with CR LF or LF: the serials are the same", arguments: Way.allCases)
  func pieces(way: Way) {
    connected(way) { bench, controller, _ in
      for byte in Array("S0001\r\nS0002\n".utf8) { controller.say([byte]) }
      controller.say("S0003\nS0004\r\nS0005\n\r\n\nS00")
      controller.say("06\r")
      controller.say("\n12345678901234567890\n")
      let wanted = (1...6).map { "S000\($0)" } + ["12345678901234567890"]
      #expect(bench.wait { bench.serials.count >= wanted.count })
      #expect(bench.serials == wanted && bench.bad.isEmpty && bench.ring.lost == 0)
    }
  }

  @Test(
    "garbage, blanks, what is too long, a megabyte without an end: bad lines, and the next is whole",
    arguments: Way.allCases)
  func garbage(way: Way) {
    connected(way) { bench, controller, _ in
      controller.say([0xFF, 0x00, 0x1B, 0x0A])
      controller.say("S 1\n123456789012345678901\n")
      controller.say([UInt8](repeating: 0x41, count: way == .serial ? 100_000 : 1 << 20))
      controller.say("\nGOOD\n")
      #expect(bench.wait { !bench.serials.isEmpty })
      #expect(bench.serials == ["GOOD"])
      #expect(bench.bad == [.noSerial, .noSerial, .noSerial, .overlong])
    }
  }

  @Test(
    "half a line at the end of a connection is told, and joins nothing", arguments: Way.allCases)
  func halfALine(way: Way) {
    connected(way) { bench, controller, again in
      controller.say("S0001\nS00")
      #expect(bench.wait { bench.serials == ["S0001"] })
      controller.hangUp()
      #expect(bench.waitFor(.offline))
      let next = again()
      #expect(bench.waitFor(.online, 2))
      next.say("02\nS0003\n")
      #expect(bench.wait { bench.serials.count == 3 })
      #expect(bench.serials == ["S0001", "02", "S0003"])
      // What a pseudo-terminal held when it hung up may never have come.
      #expect(bench.bad == [.cut] || (way == .serial && bench.bad.isEmpty))
      let order = bench.told.map(\.kind).filter { $0 == .offline || $0 == .online }
      #expect(order == [.online, .offline, .online])
    }
  }

  @Test(
    "a second connection is refused while one stands, told once, and let in afterwards",
    arguments: [Way.unix, .tcp])
  func second(way: Way) {
    connected(way) { bench, controller, again in
      for _ in 0..<3 {
        let second = again()
        #expect(bench.wait { second.isClosed })
        second.say("EVIL\n")
      }
      controller.say("S0001\n")
      #expect(bench.wait { bench.serials == ["S0001"] })
      #expect(bench.told.count { $0.kind == .refused } == 1)
      controller.hangUp()
      #expect(bench.waitFor(.offline))
      again().say("S0002\n")
      #expect(bench.wait { bench.serials == ["S0001", "S0002"] })
    }
  }

  @Test(
    "a sender that is faster than the loop waits, and nothing is lost", arguments: [Way.unix, .tcp])
  func backPressure(way: Way) {
    connected(way) { bench, controller, _ in
      let count = 200_000
      let sent = DispatchSemaphore(value: 0)
      let lines = Array((0..<count).map { "\($0)\n" }.joined().utf8)
      nonisolated(unsafe) let controller = controller
      DispatchQueue.global().async {
        controller.say(lines)
        sent.signal()
      }
      #expect(sent.wait(timeout: .now() + .milliseconds(200)) == .timedOut, "it waits for the loop")
      #expect(bench.wait { bench.serials.count == count })
      #expect(bench.serials == (0..<count).map(String.init) && bench.ring.lost == 0)
      #expect(sent.wait(timeout: .now() + .seconds(10)) == .success)
    }
  }

  @Test("a serial line has nobody who waits: what finds no room is counted")
  func overflow() {
    let cable = Cable()
    cable.plug()
    let bench = FeedBench(.serial(device: cable.path, baud: 115_200), lines: 2)
    #expect(bench.feed.start())
    defer { bench.feed.stop() }
    #expect(bench.waitFor(.online))
    cable.say("1\n2\n3\n4\n5\n")
    let limit = DispatchTime.now() + .seconds(20)
    while bench.ring.lost < 3 && DispatchTime.now() < limit { sched_yield() }
    #expect(bench.ring.lost == 3)
    #expect(bench.wait { bench.serials == ["1", "2"] })
  }

  @Test("a socket that a dead daemon left is replaced; one of somebody else, or a file, is not")
  func whatStandsThere() {
    let folder = Folder()
    let stale = clinux_socket_unix()
    #expect(clinux_socket_bind(stale, folder.socket) == 0)
    let other = FeedBench(.unix(path: folder.socket))
    #expect(clinux_socket_listen(stale, 1) == 0)
    #expect(other.feed.start())
    #expect(other.waitFor(.offline))
    #expect(PrintFeed.words(other.told[0].code).contains("another program listens there"))
    close(stale)
    #expect(other.wait { self.canConnect(folder.socket) }, "tried again, and taken over")
    #expect(other.waitFor(.online))
    other.feed.stop()
    #expect(access(folder.socket, F_OK) != 0, "removed at the end")
    let file = open(folder.socket, O_CREAT | O_WRONLY, 0o600)
    close(file)
    let third = FeedBench(.unix(path: folder.socket))
    #expect(third.feed.start())
    #expect(third.waitFor(.offline))
    third.feed.stop()
    #expect(access(folder.socket, F_OK) == 0, "a file stays")
  }

  private func canConnect(_ path: String) -> Bool {
    let descriptor = clinux_socket_unix()
    defer { close(descriptor) }
    return clinux_socket_connect(descriptor, path) == 0
  }

  @Test("an address that the machine does not have is told with its reason")
  func noSuchAddress() {
    let bench = FeedBench(.tcp(address: "192.0.2.77", port: 7171))
    #expect(bench.feed.start())
    #expect(bench.waitFor(.offline))
    #expect(PrintFeed.words(bench.told[0].code) == "this machine does not have that address")
    bench.feed.stop()
  }
}
