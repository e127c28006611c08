internal import CLinux
internal import Dispatch
internal import Glibc
public import Rings
public import Line
internal import Synchronization

/// What a frame in the ring between scanners and line loop says.
public enum ScannerEvent: UInt8, Sendable, CaseIterable {
  /// The bytes are a message without its framing.
  case message = 1
  /// The scanner came; no bytes.
  case online = 2
  /// The scanner went; the bytes say why, in UTF-8.
  case offline = 3
}

/// All serial scanners of the daemon, on one Dispatch queue.
///
/// Each open line has one source of its own; the descriptor is closed in the source's cancel handler only, and a scanner
/// that comes back gets a new source (libdispatch on Linux has faults with descriptors that are used again). A path that is not
/// there, or a line that hung up, is tried again every 250 ms for ever: a plug may come back at any time.
public final class ScannerBank: @unchecked Sendable {
  // Kept true by: `lines` is touched on `queue` only; health stands behind a mutex.

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
    /// Why it is not open.
    public var fault = "not opened yet"
    /// Messages since the start.
    public var messages: UInt64 = 0
    /// When the last one came.
    public var lastMessageAt: Instant?
    /// What went wrong on the wire.
    public var framing = Framer.Faults()
  }

  /// How long a path that cannot be opened is left alone.
  private let retryMilliseconds: Int

  private struct Port {
    let scanner: Scanner
    var framer: Framer
    var source: (any DispatchSourceRead)?
    /// What was told to the loop last, so that it is told once.
    var told: String?
    /// A coming or going that found the ring full; without it the loop would believe in a scanner that is gone.
    var owed: (event: ScannerEvent, reason: String)?
  }

  private let queue = DispatchQueue(label: "lineward.devices", qos: .userInteractive)
  private let frames: FrameRing
  private let wake: @Sendable () -> Void
  private var ports: [Port]
  private var retry: (any DispatchSourceTimer)?
  /// Lines that are not closed yet.
  private let openLines = DispatchGroup()
  private let turns = Atomic<UInt64>(0)
  private let states: Mutex<[Health]>
  private var buffer = [UInt8](repeating: 0, count: 4096)

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
    self.retryMilliseconds = retryMilliseconds
    precondition(scanners.count <= 256, "a frame's source is one byte")
    ports = scanners.map {
      Port(scanner: $0, framer: Framer(prefix: $0.prefix, suffix: $0.suffix))
    }
    self.frames = frames
    self.wake = wake
    states = Mutex(scanners.map { _ in Health() })
  }

  /// How the scanners do, in the order of the list.
  public var health: [Health] { states.withLock { $0 } }

  /// Moves as long as the queue lives.
  public var queueTurns: UInt64 { turns.load(ordering: .relaxed) }

  /// Begins to open and read.
  public func start() {
    queue.sync {
      for index in ports.indices { open(index) }
      let timer = DispatchSource.makeTimerSource(queue: queue)
      timer.schedule(
        deadline: .now() + .milliseconds(retryMilliseconds),
        repeating: .milliseconds(retryMilliseconds))
      timer.setEventHandler { @Sendable [weak self] in
        guard let self else { return }
        self.turns.add(1, ordering: .relaxed)
        for index in self.ports.indices {
          if let owed = self.ports[index].owed { self.tell(owed.event, index, owed.reason) }
          if self.ports[index].source == nil { self.open(index) }
        }
      }
      timer.resume()
      retry = timer
    }
  }

  /// Closes all; returns when no handler runs any more and every line is closed.
  public func stop() {
    queue.sync {
      retry?.cancel()
      retry = nil
      for index in ports.indices {
        ports[index].source?.cancel()
        ports[index].source = nil
      }
    }
    // A cancelled source goes through a thread of libdispatch's own before its cancel handler comes to the queue. The
    // bound is for a driver that does not let go of a line.
    _ = openLines.wait(timeout: .now() + .seconds(5))
  }

  /// Why a path cannot be opened, for a person on shift.
  private static func words(_ code: Int32) -> String {
    switch code {
    case ENOENT: "there is no such device; is it plugged in?"
    case EACCES, EPERM: "permission denied; the daemon's user needs the device's group"
    case EBUSY: "another program has it open"
    case EISDIR: "it is a directory, not a serial line"
    case ENOTTY: "it is not a serial line"
    default: String(cString: strerror(code))
    }
  }

  private static var now: Instant {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Instant(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
  }

  private func open(_ index: Int) {
    dispatchPrecondition(condition: .onQueue(queue))
    let scanner = ports[index].scanner
    let descriptor = clinux_tty_open(scanner.device, UInt32(scanner.baud))
    guard descriptor >= 0 else {
      tellOffline(index, "\(scanner.device) cannot be opened: \(Self.words(-descriptor))")
      return
    }
    openLines.enter()
    let openLines = openLines
    let source = DispatchSource.makeReadSource(fileDescriptor: descriptor, queue: queue)
    source.setEventHandler { @Sendable [weak self] in self?.read(index, descriptor) }
    source.setCancelHandler { @Sendable in
      close(descriptor)
      openLines.leave()
    }
    ports[index].source = source
    ports[index].told = nil
    let now = Self.now
    states.withLock {
      $0[index].onlineSince = now
      $0[index].fault = ""
    }
    tell(.online, index, "")
    source.resume()
  }

  private func read(_ index: Int, _ descriptor: Int32) {
    dispatchPrecondition(condition: .onQueue(queue))
    // An event may still be under way when the line has been given up already.
    guard ports[index].source != nil else { return }
    turns.add(1, ordering: .relaxed)
    // One read an event: what is left wakes the source again, and no scanner keeps the others waiting.
    let count = buffer.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress, $0.count) }
    let code = errno
    if count > 0 {
      let now = Self.now
      var messages: UInt64 = 0
      buffer.withUnsafeBytes { bytes in
        ports[index].framer.append(UnsafeRawBufferPointer(rebasing: bytes[..<count])) { message in
          push(.message, index, now, message)
          messages += 1
        }
      }
      if messages > 0 { wake() }
      let faults = ports[index].framer.faults
      states.withLock {
        $0[index].messages += messages
        if messages > 0 { $0[index].lastMessageAt = now }
        $0[index].framing = faults
      }
      return
    }
    if count < 0, code == EAGAIN || code == EINTR { return }
    let reason = count == 0 ? "it hung up" : String(cString: strerror(code))
    ports[index].source?.cancel()
    ports[index].source = nil
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

  /// Says that a scanner came or went; if the ring is full, again at the next retry.
  private func tell(_ event: ScannerEvent, _ index: Int, _ reason: String) {
    let bytes = Array(reason.utf8.prefix(512))
    let isTold = bytes.withUnsafeBytes { push(event, index, Self.now, $0) }
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
