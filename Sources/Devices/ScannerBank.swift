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
  /// It no longer sends as it did; the bytes say what, in UTF-8.
  case drifted = 6
  /// It sends as it did again; no bytes.
  case steady = 7
  /// It sends the same read for ever; the bytes say which, in UTF-8.
  case repeating = 8
  /// Its reads differ again; no bytes.
  case varying = 9
}

/// All scanners of the daemon, on one thread.
///
/// The thread sleeps in poll(2) on all lines and sockets. A Dispatch source would cost each read two wake-ups more, one of
/// libdispatch's manager and one of its worker: about 50 µs of the 200 from the last byte to a reject (seen in scheduler
/// traces). A path that is not there, or a line that hung up, is tried again every 250 ms for ever, a connection every
/// second: a plug may come back at any time.
public final class ScannerBank: @unchecked Sendable {
  // Kept true by: `ports` are touched by the bank's thread only, once `start` has been called; health stands behind a mutex.

  /// One scanner to be read.
  public struct Scanner: Sendable {
    /// Its name.
    public var name: String
    /// How it is reached.
    public var way: ScannerWay
    /// How it frames its messages; nil where its decoder knows by itself.
    public var framing: ScannerFraming?
    /// What is said beside reads.
    public var talk: ScannerTalk
    /// Makes what takes its messages out of its bytes.
    public var makeDecoder: @Sendable () -> any ScannerDecoder

    /// A scanner on a line or a socket.
    public init(
      name: String, way: ScannerWay, framing: ScannerFraming, talk: ScannerTalk = ScannerTalk()
    ) {
      self.name = name
      self.way = way
      self.framing = framing
      self.talk = talk
      var marks = false
      if case .device(.serial, _, _) = way { marks = true }
      makeDecoder = { [marks] in FrameDecoder(framing, marks: marks) }
    }

    /// A scanner whose device delivers something else than a stream of frames.
    public init(
      name: String, way: ScannerWay, talk: ScannerTalk = ScannerTalk(),
      makeDecoder: @escaping @Sendable () -> any ScannerDecoder
    ) {
      self.name = name
      self.way = way
      self.talk = talk
      self.makeDecoder = makeDecoder
    }
  }

  /// How a scanner does.
  public struct Health: Sendable, Hashable {
    /// What is wrong with what it sends, each as a sentence that completes "the scanner …"; empty when all is well.
    struct Troubles: Sendable, Hashable {
      var unframed = ""
      var drifted = ""
      var repeating = ""
    }

    /// Since when it is online; nil while it is not.
    public var onlineSince: Instant?
    /// Why it is not online.
    public var offlineReason = "not opened yet"
    /// Reads and no-reads since the start.
    public var messages: UInt64 = 0
    /// The no-reads among them.
    public var noReads: UInt64 = 0
    /// When the last one came.
    public var lastMessageAt: Instant?
    /// Reads and no-reads in the last minute.
    public var readsPerMinute = 0
    /// Answers to commands since the start.
    public var answers: UInt64 = 0
    /// When its last heartbeat came.
    public var heartbeatAt: Instant?
    /// What went wrong on the wire.
    public var faults = ScannerFaults()
    /// Connections refused: because one stood, or by their address.
    public var refused: UInt64 = 0
    var troubles = Troubles()

    /// Why it is not online; while it is, what is wrong with what it sends.
    public var fault: String {
      guard onlineSince != nil else { return offlineReason }
      return [troubles.unframed, troubles.drifted, troubles.repeating].filter { !$0.isEmpty }
        .joined(separator: "; ")
    }
  }

  /// What a trigger brought.
  public enum Triggered: Sendable, Hashable {
    /// A read, without its framing.
    case read([UInt8])
    /// The scanner's word for "no code seen".
    case noRead([UInt8])
    /// No message in time.
    case nothing
    /// It was not triggered, or went while it was: completes "scanner NAME …".
    case failed(String)
  }

  /// A scanner that is to be triggered, as somebody outside the thread wants it.
  private struct TriggerOrder: Sendable {
    var scanner: Int
    var within: Instant.Span
    var ended: @Sendable (Triggered) -> Void
  }

  /// What waits for the thread; nil once it takes no more.
  private let orders = Mutex<[TriggerOrder]?>([])
  /// Orders that wait at once: people give them one by one.
  private static let ordersMax = 16
  /// How long what cannot be opened is left alone.
  private let retryEvery: Instant.Span
  /// What the scanners want of the machine's devices, nil of those on a network.
  private let wanted: [WantedDevice?]
  /// What is plugged in; nil where every scanner has its path, and nobody has to look.
  private var finder: DeviceFinder?
  private let ports: [ScannerPort]
  private let turnCounter = Atomic<UInt64>(0)
  private let ending = Atomic<Bool>(false)
  /// Ends the thread's sleep.
  private let bell = Bell()
  private let thread = Mutex<NamedThread?>(nil)
  private let states: States

  /// The health of all, which the ports write and everybody reads.
  private final class States: Sendable {
    let list: Mutex<[Health]>
    init(count: Int) { list = Mutex([Health](repeating: Health(), count: count)) }
  }

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
    wanted = scanners.map { scanner in
      guard case .device(let transport, let way, _) = scanner.way else { return nil }
      return WantedDevice(scanner: scanner.name, transport: transport, way: way)
    }
    let isLooking = wanted.contains {
      if case .match? = $0?.way { return true }
      return false
    }
    if isLooking { finder = DeviceFinder() }
    let states = States(count: scanners.count)
    self.states = states
    ports = scanners.enumerated().map { index, scanner in
      ScannerPort(
        scanner, connectEvery: .milliseconds(4 * Int64(retryMilliseconds)),
        outlet: ScannerPort.Outlet(
          push: { event, now, bytes in
            frames.push(
              kind: event.rawValue, source: UInt8(index), at: now.nanoseconds, bytes: bytes)
          }, publish: { health in states.list.withLock { $0[index] = health } }, wake: wake))
    }
  }

  /// Where the scanners are, as a person would name it, in the order of the list.
  public var places: [String] { ports.map(\.place) }

  /// How the scanners do, in the order of the list.
  public var health: [Health] { states.list.withLock { $0 } }

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
      choose(now: .now)
      tick(now: .now)
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

  /// Makes a scanner read once, and says what came within a time; what came goes to the line loop as any other message.
  ///
  /// `ended` is called once, on the bank's thread or at once, and must not block.
  public func trigger(
    _ scanner: Int, within: Instant.Span, ended: @escaping @Sendable (Triggered) -> Void
  ) {
    let isTaken = orders.withLock { orders in
      guard let count = orders?.count, count < ScannerBank.ordersMax else { return false }
      orders?.append(TriggerOrder(scanner: scanner, within: within, ended: ended))
      return true
    }
    guard isTaken else {
      ended(.failed("cannot be triggered now: too many wait, or the daemon ends"))
      return
    }
    bell.ring()
  }

  private func takeOrders(now: Instant) {
    let orders = orders.withLock { orders in
      defer { if orders?.isEmpty == false { orders = [] } }
      return orders ?? []
    }
    for order in orders {
      ports[order.scanner].trigger(until: now + order.within, now: now, ended: order.ended)
    }
  }

  private func run() {
    var retryAt = Instant.now + retryEvery
    var lookAgainAt = Instant.now
    // The first place is the bell's; then two for each port, its descriptor and its listening socket; the last the finder's.
    var polled = [pollfd](repeating: pollfd(), count: 2 + 2 * ports.count)
    let last = polled.count - 1
    while !ending.load(ordering: .acquiring) {
      turnCounter.add(1, ordering: .relaxed)
      var now = Instant.now
      if now >= retryAt {
        if finder?.trouble != nil, now >= lookAgainAt {
          lookAgainAt = now + ScannerBank.lookAgainEvery
          if finder?.lookAgain() == true { choose(now: now) }
        }
        tick(now: now)
        retryAt = now + retryEvery
      }
      var wakeAt = retryAt
      polled[last] = pollfd(fd: finder?.descriptor ?? -1, events: Int16(POLLIN), revents: 0)
      // A negative descriptor is passed over by poll(2).
      for (index, port) in ports.enumerated() {
        polled[1 + 2 * index] = pollfd(fd: port.descriptor, events: port.events, revents: 0)
        polled[2 + 2 * index] = pollfd(
          fd: port.cannotAccept ? -1 : port.listening, events: Int16(POLLIN), revents: 0)
        if let deadline = port.deadline, deadline < wakeAt { wakeAt = deadline }
      }
      let ready = polled.withUnsafeMutableBufferPointer { polled in
        bell.wait(wakeAt - now, polled) {
          ending.load(ordering: .acquiring) || orders.withLock { $0?.isEmpty == false }
        }
      }
      now = .now
      takeOrders(now: now)
      if ready > 0, polled[last].revents != 0, finder?.drain() == true { choose(now: now) }
      for (index, port) in ports.enumerated() {
        if ready > 0, polled[1 + 2 * index].revents != 0 {
          port.ready(polled[1 + 2 * index].revents, now: now)
        } else {
          port.advance(now: now)
        }
        // What the old connection sent last comes before whoever is next.
        if ready > 0, polled[2 + 2 * index].revents != 0 { port.accept(now: now) }
      }
    }
    for port in ports { port.close() }
    let late = orders.withLock { orders in
      defer { orders = nil }
      return orders ?? []
    }
    for order in late { order.ended(.failed("is not triggered: the daemon ends")) }
  }

  /// Without udev's word what is plugged in is looked at anew so often, which costs some milliseconds.
  private static let lookAgainEvery = Instant.Span.milliseconds(1000)

  /// Says to each port which device is its own, by what is plugged in now.
  private func choose(now: Instant) {
    let devices = finder?.devices ?? []
    let choices = DeviceChoice.choose(for: wanted.compactMap(\.self), among: devices) { path in
      guard let real = realpath(path, nil) else { return nil }
      defer { free(real) }
      return String(cString: real)
    }
    var next = choices.makeIterator()
    for (port, wanted) in zip(ports, wanted) where wanted != nil {
      if let choice = next.next() { port.take(choice, trouble: finder?.trouble, now: now) }
    }
  }

  private func tick(now: Instant) {
    for port in ports { port.tick(now: now) }
  }

  /// Why a path or connection cannot be opened, for a person on shift.
  static func words(_ code: Int32) -> String {
    switch code {
    case ENOENT: "there is no such device; is it plugged in?"
    case EACCES, EPERM: "permission denied; the daemon's user needs the device's group"
    case EBUSY: "another program has it open"
    case EISDIR: "it is a directory, not a serial line"
    case ENOTTY: "it is not a serial line"
    case ECONNREFUSED: "it refused the connection; is its port right?"
    case EADDRINUSE: "another program listens there"
    case EADDRNOTAVAIL: "this machine does not have that address"
    default: String(cString: strerror(code))
    }
  }
}
