internal import CLinux
internal import Glibc
public import Rings
public import Line
internal import Synchronization
internal import Threads

/// What a frame in the ring between scanners and line loop says.
public enum ScannerEvent: UInt8, Sendable, CaseIterable {
  /// The bytes are a message without its framing.
  case message = 1
  /// The scanner came; no bytes.
  case online = 2
  /// The scanner went; the bytes say why, in UTF-8.
  case offline = 3
  /// What it sends makes no message; the bytes say what, in UTF-8.
  case unframed = 4
  /// It sends messages again; no bytes.
  case framed = 5
}

/// All serial scanners of the daemon, on one thread.
///
/// The thread sleeps in poll(2) on all open lines. A Dispatch source would cost each read two wake-ups more, one of
/// libdispatch's manager and one of its worker: about 50 µs of the 200 from the last byte to a reject (seen in scheduler
/// traces). A path that is not there, or a line that hung up, is tried again every 250 ms for ever: a plug may come back
/// at any time.
public final class ScannerBank: @unchecked Sendable {
  // Kept true by: `ports` and `buffer` are touched by the bank's thread only, once `start` has been called; health stands
  // behind a mutex.

  /// One scanner to be read.
  public struct Scanner: Sendable, Hashable {
    /// Its name.
    public var name: String
    /// Its device path.
    public var device: String
    /// Bits a second.
    public var baud: Int
    /// What stands before each message.
    public var prefix: [UInt8]
    /// What ends each message.
    public var suffix: [UInt8]

    /// Names a scanner.
    public init(name: String, device: String, baud: Int, prefix: [UInt8], suffix: [UInt8]) {
      self.name = name
      self.device = device
      self.baud = baud
      self.prefix = prefix
      self.suffix = suffix
    }
  }

  /// How a scanner does.
  public struct Health: Sendable, Hashable {
    /// Since when it is open; nil while it is not.
    public var onlineSince: Instant?
    /// Why it is not open; while it is, why what it sends makes no message.
    public var fault = "not opened yet"
    /// Messages since the start.
    public var messages: UInt64 = 0
    /// When the last one came.
    public var lastMessageAt: Instant?
    /// What went wrong on the wire.
    public var framing = Framer.Faults()
  }

  /// How long a path that cannot be opened is left alone.
  private let retryEvery: Instant.Span

  private struct Port {
    let scanner: Scanner
    var framer: Framer
    var watch: FramingWatch
    /// The open line, -1 none.
    var descriptor: Int32 = -1
    /// What was told to the loop last, so that it is told once.
    var told: String?
    /// A coming or going that found the ring full; without it the loop would believe in a scanner that is gone.
    var owed: (event: ScannerEvent, reason: String)?
  }

  private let frames: FrameRing
  private let wake: @Sendable () -> Void
  private var ports: [Port]
  private var buffer = [UInt8](repeating: 0, count: 4096)
  private let turnCounter = Atomic<UInt64>(0)
  private let ending = Atomic<Bool>(false)
  /// Ends the thread's sleep.
  private let bell = Bell()
  private let thread = Mutex<NamedThread?>(nil)
  private let states: Mutex<[Health]>

  /// Makes a bank that is not yet running; scanner n of the list is source n in the ring.
  public convenience init(
    _ scanners: [Scanner], frames: FrameRing, wake: @escaping @Sendable () -> Void
  ) {
    self.init(scanners, frames: frames, retryMilliseconds: 250, wake: wake)
  }

  /// As above, with another pause, for tests that plug a thousand times.
  init(
    _ scanners: [Scanner], frames: FrameRing, retryMilliseconds: Int,
    wake: @escaping @Sendable () -> Void
  ) {
    precondition(scanners.count <= 256, "a frame's source is one byte")
    retryEvery = .milliseconds(Int64(retryMilliseconds))
    ports = scanners.map {
      Port(
        scanner: $0, framer: Framer(prefix: $0.prefix, suffix: $0.suffix),
        watch: FramingWatch(prefix: $0.prefix, suffix: $0.suffix))
    }
    self.frames = frames
    self.wake = wake
    states = Mutex(scanners.map { _ in Health() })
  }

  /// How the scanners do, in the order of the list.
  public var health: [Health] { states.withLock { $0 } }

  /// Moves as long as the thread lives, at least at every retry.
  public var turns: UInt64 { turnCounter.load(ordering: .relaxed) }

  /// Begins to open and read; false when the system gives no thread.
  ///
  /// A bank is started once.
  @discardableResult
  public func start() -> Bool {
    thread.withLock { thread in
      precondition(thread == nil, "a scanner bank is started once")
      // The first time here: who starts the bank finds what is there open.
      tryAgain()
      thread = NamedThread("scanners") { [self] in run() }
      return thread != nil
    }
  }

  /// Closes all; returns when the thread has ended and every line is closed.
  public func stop() {
    ending.store(true, ordering: .releasing)
    bell.ring()
    let ended = thread.withLock { thread in
      let ended = thread
      thread = nil
      return ended
    }
    ended?.join()
  }

  private func run() {
    var retryAt = Instant.now + retryEvery
    // The first place is the bell's.
    var polled = [pollfd()]
    polled += ports.map { _ in pollfd(fd: -1, events: Int16(POLLIN), revents: 0) }
    while !ending.load(ordering: .acquiring) {
      turnCounter.add(1, ordering: .relaxed)
      let now = Instant.now
      if now >= retryAt {
        tryAgain()
        retryAt = now + retryEvery
      }
      // A negative descriptor is passed over by poll(2).
      for index in ports.indices { polled[index + 1].fd = ports[index].descriptor }
      let ready = polled.withUnsafeMutableBufferPointer { polled in
        bell.wait(retryAt - now, polled) { ending.load(ordering: .acquiring) }
      }
      guard ready > 0 else { continue }
      for index in ports.indices where polled[index + 1].revents != 0 {
        read(index, polled[index + 1].revents)
      }
    }
    for index in ports.indices where ports[index].descriptor >= 0 { close(ports[index].descriptor) }
  }

  private func tryAgain() {
    for index in ports.indices {
      if let owed = ports[index].owed { tell(owed.event, index, owed.reason) }
      if ports[index].descriptor < 0 { open(index) } else { watchFraming(index) }
    }
  }

  /// Why a path cannot be opened, for a person on shift.
  static func words(_ code: Int32) -> String {
    switch code {
    case ENOENT: "there is no such device; is it plugged in?"
    case EACCES, EPERM: "permission denied; the daemon's user needs the device's group"
    case EBUSY: "another program has it open"
    case EISDIR: "it is a directory, not a serial line"
    case ENOTTY: "it is not a serial line"
    default: String(cString: strerror(code))
    }
  }

  private func open(_ index: Int) {
    let scanner = ports[index].scanner
    let descriptor = clinux_tty_open(scanner.device, UInt32(scanner.baud))
    guard descriptor >= 0 else {
      tellOffline(index, "\(scanner.device) cannot be opened: \(Self.words(-descriptor))")
      return
    }
    ports[index].descriptor = descriptor
    ports[index].told = nil
    ports[index].watch.reset()
    let now = Instant.now
    states.withLock {
      $0[index].onlineSince = now
      $0[index].fault = ""
    }
    tell(.online, index, "")
  }

  private func read(_ index: Int, _ revents: Int16) {
    // One read a turn: what is left is there at the next, and no scanner keeps the others waiting.
    let descriptor = ports[index].descriptor
    let count = buffer.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress, $0.count) }
    let code = errno
    if count > 0 {
      let now = Instant.now
      var messages: UInt64 = 0
      buffer.withUnsafeBytes { bytes in
        ports[index].framer.append(UnsafeRawBufferPointer(rebasing: bytes[..<count])) { message in
          push(.message, index, now, message)
          messages += 1
        }
      }
      if messages > 0 { wake() }
      ports[index].watch.took(
        bytes: count, messages: Int(messages), hasPart: ports[index].framer.hasPart, now: now)
      let faults = ports[index].framer.faults
      states.withLock {
        $0[index].messages += messages
        if messages > 0 { $0[index].lastMessageAt = now }
        $0[index].framing = faults
      }
      return
    }
    let isOver = revents & Int16(POLLHUP | POLLERR | POLLNVAL) != 0
    if count < 0, code == EAGAIN || code == EINTR, !isOver { return }
    let reason = count == 0 || code == EAGAIN ? "it hung up" : String(cString: strerror(code))
    close(descriptor)
    ports[index].descriptor = -1
    ports[index].framer.reset()
    let faults = ports[index].framer.faults
    states.withLock { $0[index].framing = faults }
    tellOffline(index, "\(ports[index].scanner.device) was lost: \(reason)")
  }

  private func tellOffline(_ index: Int, _ reason: String) {
    guard ports[index].told != reason else { return }
    ports[index].told = reason
    states.withLock {
      $0[index].onlineSince = nil
      $0[index].fault = reason
    }
    tell(.offline, index, reason)
  }

  /// Says that what a scanner sends makes no message, or does so again; looked at with every retry.
  private func watchFraming(_ index: Int) {
    // What is owed has to be told first, in the order in which it happened.
    guard ports[index].owed == nil, let news = ports[index].watch.look(now: .now) else { return }
    var sentence = ""
    if case .begins(let trouble) = news { sentence = trouble }
    states.withLock { $0[index].fault = sentence }
    tell(sentence.isEmpty ? .framed : .unframed, index, sentence)
  }

  /// Says that a scanner came or went; if the ring is full, again at the next retry.
  private func tell(_ event: ScannerEvent, _ index: Int, _ reason: String) {
    let bytes = Array(reason.utf8.prefix(512))
    let isTold = bytes.withUnsafeBytes { push(event, index, Instant.now, $0) }
    ports[index].owed = isTold ? nil : (event, reason)
    wake()
  }

  /// False for a frame that finds no room: the ring counts it, and the loop raises the alarm.
  @discardableResult
  private func push(
    _ event: ScannerEvent, _ index: Int, _ now: Instant, _ bytes: UnsafeRawBufferPointer
  ) -> Bool {
    frames.push(kind: event.rawValue, source: UInt8(index), at: now.nanoseconds, bytes: bytes)
  }
}
