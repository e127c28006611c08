internal import CLinux
internal import Glibc
public import Rings
internal import Line
internal import Synchronization
internal import Threads

/// The live print feed: printer or controller send each serial when they have printed it, one a line (LF, or CR LF).
///
/// One thread sleeps in poll(2) on the listening socket and the one connection, or on the serial line, and is the one producer
/// of the `PrintRing`. What is no serial (too long, a blank or control character in it, cut off by the end of a connection) is
/// one `bad` entry, and an empty line is nothing: some controllers send it to keep the connection.
///
/// A second connection is refused while one stands: two writers would mix two orders into one, and whoever reaches the socket
/// could throw the printer out. A printer that lost its power is let in again within 10 s, when the dead connection was found
/// by TCP's keep-alive; on a Unix socket at once.
///
/// From a socket nothing is read while the ring has no room for all of it, so the sender waits. A serial line has nobody who
/// waits: there, what finds no room is counted in the ring's `lost`.
public final class PrintFeed: @unchecked Sendable {
  // Kept true by: everything that is no constant and no atomic is touched by the feed's thread only, once `start` has been
  // called, and by `stop` after it has ended.

  /// How serials come.
  public enum Transport: Sendable, Hashable {
    /// A Unix socket of our own at this path, mode 0660.
    case unix(path: String)
    /// A TCP socket of our own on this address in digits.
    case tcp(address: String, port: UInt16)
    /// A serial line.
    case serial(device: String, baud: Int)
  }

  /// Why a line is no serial (`PrintLine.code` of a bad one).
  public enum BadLine: UInt16, Sendable {
    /// Longer than a line may be; up to the next LF it is dropped.
    case overlong = 1
    /// More than 20 bytes, or one that no serial has.
    case noSerial = 2
    /// The connection ended in the middle of it.
    case cut = 3

    /// Completes "a line that …".
    public var phrase: String {
      switch self {
      case .overlong: "had no end"
      case .noSerial: "is no serial"
      case .cut: "was cut off"
      }
    }
  }

  /// One read of the descriptor; a serial and its LF are two bytes at least, so it holds half as many at most.
  private static let readSize = 4096
  private static let retryEvery = Instant.Span.milliseconds(250)
  /// While the ring is too full for another read.
  private static let fullPause = Instant.Span.milliseconds(5)

  private let transport: Transport
  private let ring: PrintRing
  private let wake: @Sendable () -> Void
  private var framer = Framer(prefix: [], suffix: [0x0A])
  /// The listening socket, -1 none; of a serial line always.
  private var listening: Int32 = -1
  /// The connection or the line, -1 none.
  private var descriptor: Int32 = -1
  /// What the loop has to know, and what it was told: a state, so that a full ring only delays it.
  private var state = State(isOnline: false, code: 0)
  private var told: State?
  /// Whether it was told that somebody else wanted in beside the connection that stands.
  private var hasRefused = false
  /// The process has no descriptor left for who wants in: asked again at the next retry, not at once for ever.
  private var cannotAccept = false
  private var buffer = [UInt8](repeating: 0, count: PrintFeed.readSize)
  private let turnCounter = Atomic<UInt64>(0)
  private let ending = Atomic<Bool>(false)
  private let bell = Bell()
  private var thread: NamedThread?

  private struct State: Equatable {
    var isOnline: Bool
    var code: Int32
  }

  /// Makes a feed that is not yet running.
  public init(_ transport: Transport, ring: PrintRing, wake: @escaping @Sendable () -> Void) {
    self.transport = transport
    self.ring = ring
    self.wake = wake
  }

  /// Moves as long as the thread lives, at least at every retry.
  public var turns: UInt64 { turnCounter.load(ordering: .relaxed) }

  /// The system's error of an `offline` entry in words; 0: the printer closed its end.
  public static func words(_ code: UInt16) -> String {
    code == 0 ? "it closed the connection" : ScannerBank.words(Int32(code))
  }

  /// Begins to listen and read; false when the system gives no thread.
  ///
  /// A feed is started once.
  public func start() -> Bool {
    precondition(thread == nil, "a print feed is started once")
    open()
    thread = NamedThread("print feed") { [self] in run() }
    return thread != nil
  }

  /// Closes all; returns when the thread has ended.
  public func stop() {
    ending.store(true, ordering: .releasing)
    bell.ring()
    thread?.join()
    thread = nil
    if descriptor >= 0 { close(descriptor) }
    if listening >= 0 { close(listening) }
    if case .unix(let path) = transport, listening >= 0 { unlink(path) }
    descriptor = -1
    listening = -1
  }

  private func run() {
    var retryAt = Instant.now + PrintFeed.retryEvery
    while !ending.load(ordering: .acquiring) {
      turnCounter.add(1, ordering: .relaxed)
      let now = Instant.now
      if now >= retryAt {
        open()
        cannotAccept = false
        retryAt = now + PrintFeed.retryEvery
      }
      tell()
      let mayRead = hasRoom
      var polled = [
        // The bell's.
        pollfd(),
        pollfd(fd: cannotAccept ? -1 : listening, events: Int16(POLLIN), revents: 0),
        pollfd(fd: mayRead ? descriptor : -1, events: Int16(POLLIN), revents: 0),
      ]
      let pause = mayRead ? max(retryAt - now, .zero) : PrintFeed.fullPause
      let ready = polled.withUnsafeMutableBufferPointer { polled in
        bell.wait(pause, polled) { ending.load(ordering: .acquiring) }
      }
      guard ready > 0 else { continue }
      // What the old connection sent last comes before whoever is next.
      if polled[2].revents != 0 { read(polled[2].revents) }
      if polled[1].revents != 0 { accept() }
    }
  }

  /// Whether another read fits as a whole; a serial line is read in any case, before its own buffer runs over.
  private var hasRoom: Bool {
    if case .serial = transport { return true }
    return ring.room > PrintFeed.readSize / 2 + 2
  }

  // MARK: Opening

  private func open() {
    switch transport {
    case .unix(let path):
      if listening < 0 { opened(listen: PrintFeed.listen(path: path)) }
    case .tcp(let address, let port):
      if listening < 0 { opened(listen: clinux_listen_tcp(address, port)) }
    case .serial(let device, let baud):
      guard descriptor < 0 else { return }
      let line = clinux_tty_open(device, UInt32(baud))
      if line >= 0 { descriptor = line }
      state = State(isOnline: line >= 0, code: min(line, 0))
    }
  }

  private func opened(listen descriptor: Int32) {
    listening = max(descriptor, -1)
    if descriptor < 0 { state = State(isOnline: false, code: descriptor) }
  }

  /// A Unix socket that listens; one that nobody answers on any more is replaced.
  private static func listen(path: String) -> Int32 {
    var device: UInt64 = 0
    var inode: UInt64 = 0
    switch clinux_path_kind(path, &device, &inode) {
    case 0: break
    case 1:
      let probe = clinux_socket_unix()
      guard probe >= 0 else { return probe }
      let code = clinux_socket_connect(probe, path)
      close(probe)
      guard code == -ECONNREFUSED || code == -ENOENT else { return -EADDRINUSE }
      unlink(path)
    case let code where code < 0: return code
    default: return -EEXIST
    }
    let descriptor = clinux_socket_unix()
    guard descriptor >= 0 else { return descriptor }
    // The mode is set between bind and listen: before listen nobody can connect.
    var code = clinux_socket_bind(descriptor, path)
    if code == 0, chmod(path, 0o660) != 0 { code = -errno }
    if code == 0 { code = clinux_socket_listen(descriptor, 8) }
    guard code == 0 else {
      close(descriptor)
      return code
    }
    return descriptor
  }

  private func accept() {
    let connection = clinux_socket_accept(listening)
    guard connection >= 0 else {
      cannotAccept = connection != -EAGAIN
      return
    }
    guard descriptor < 0 else {
      close(connection)
      // Once for each that stands: who tries again and again does not fill the journal.
      if !hasRefused, ring.room > 0 {
        hasRefused = true
        push(PrintLine(.refused, at: Instant.now.nanoseconds))
        wake()
      }
      return
    }
    if case .tcp = transport { _ = clinux_listen_keep_alive(connection) }
    descriptor = connection
    hasRefused = false
    state = State(isOnline: true, code: 0)
  }

  // MARK: Reading

  private func read(_ revents: Int16) {
    let count = buffer.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress, $0.count) }
    let code = errno
    if count > 0 {
      let now = Instant.now.nanoseconds
      let before = framer.faults
      buffer.withUnsafeBytes { bytes in
        framer.append(UnsafeRawBufferPointer(rebasing: bytes[..<count])) { take($0, at: now) }
      }
      for _ in before.overlong..<framer.faults.overlong { bad(.overlong, at: now) }
      wake()
      return
    }
    let isOver = revents & Int16(POLLHUP | POLLERR | POLLNVAL) != 0
    if count < 0, code == EAGAIN || code == EINTR, !isOver { return }
    close(descriptor)
    descriptor = -1
    // Half a line is never joined with what another connection sends.
    let before = framer.faults.cut
    framer.reset()
    if framer.faults.cut != before {
      bad(.cut, at: Instant.now.nanoseconds)
      wake()
    }
    state = State(isOnline: false, code: count == 0 || code == EAGAIN ? 0 : -code)
    tell()
  }

  private func take(_ line: UnsafeRawBufferPointer, at now: Int64) {
    var bytes = line[...]
    if bytes.last == 0x0D { bytes = bytes.dropLast() }
    if bytes.isEmpty { return }
    guard bytes.count <= PrintLine.bytesMax, bytes.allSatisfy({ (0x21...0x7E).contains($0) }) else {
      bad(.noSerial, at: now, bytes)
      return
    }
    push(PrintLine(.serial, at: now, bytes: bytes))
  }

  private func bad(_ why: BadLine, at now: Int64, _ bytes: Slice<UnsafeRawBufferPointer>? = nil) {
    push(
      PrintLine(.bad, at: now, code: why.rawValue, bytes: bytes.map { Array($0.prefix(20)) } ?? []))
  }

  // MARK: Telling

  /// Says that the printer came or went, as soon as there is room.
  private func tell() {
    // Nobody is missed before the first has come: only a fault of our own is told then.
    guard state != (told ?? State(isOnline: false, code: 0)), ring.room > 0 else { return }
    told = state
    push(
      PrintLine(
        state.isOnline ? .online : .offline, at: Instant.now.nanoseconds,
        code: UInt16(clamping: -state.code)))
    wake()
  }

  /// What finds no room is counted by the ring, and the loop raises the alarm.
  private func push(_ line: PrintLine) { _ = ring.push(line) }
}
