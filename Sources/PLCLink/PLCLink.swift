public import Line
public import Rings
internal import Synchronization
internal import Threads

/// The connection to one PLC, with a thread of its own that serves all its stations.
///
/// The thread wakes at once for an order and otherwise at each poll. Any failed telegram closes the connection, and a
/// new one is tried after 50 ms, doubled up to 2 s. Nothing waits longer than the time-out of a telegram. Events go into
/// `events`, whose consumer is the line loop; `post` is for the line loop alone too.
///
/// When the line loop does not empty `events`, the link stops polling rather than lose one: the heartbeat then stands,
/// because the line's turns stand, and the PLC stops its line.
public final class PLCLink: Sendable {
  /// How a PLC is reached, and its stations.
  public struct Settings: Sendable {
    /// The PLC's name in the configuration.
    public var name: String
    /// A host name, or an IPv4 or IPv6 address.
    public var host: String
    /// TCP port.
    public var port: UInt16
    /// Modbus unit identifier, 0-247 or 255.
    public var unitID: UInt8
    /// Time between two polls.
    public var poll: Instant.Span
    /// A telegram is answered within this, and a connection made.
    public var timeout: Instant.Span
    /// Its stations.
    public var stations: [Station]

    /// Makes settings.
    public init(
      name: String, host: String, port: UInt16 = 502, unitID: UInt8 = 1,
      poll: Instant.Span = .milliseconds(10), timeout: Instant.Span = .milliseconds(500),
      stations: [Station]
    ) {
      self.name = name
      self.host = host
      self.port = port
      self.unitID = unitID
      self.poll = poll
      self.timeout = timeout
      self.stations = stations
    }
  }

  /// One station's register blocks.
  public struct Station: Sendable {
    /// Index of the station in the line's list.
    public var number: UInt16
    /// Where its blocks lie, and their timing.
    public var blocks: BlockSession.Settings
    /// The last outcome on record.
    public var mark: BlockSession.OutcomeMark

    /// Makes a station.
    public init(
      number: UInt16, blocks: BlockSession.Settings,
      resumingAt mark: BlockSession.OutcomeMark = BlockSession.OutcomeMark()
    ) {
      self.number = number
      self.blocks = blocks
      self.mark = mark
    }
  }

  /// How the link is, for `lineward plcs`.
  public struct Health: Sendable, Hashable {
    /// Since when the connection stands; nil while there is none.
    public var connectedSince: Instant?
    /// What was wrong last, with place and cause; empty when nothing ever was.
    public var lastFault = ""
    /// When that was.
    public var lastFaultAt: Instant?
    /// Connections made since the start.
    public var connections: UInt64 = 0
    /// Telegrams answered since the start.
    public var telegrams: UInt64 = 0
    /// Telegrams failed since the start.
    public var errors: UInt64 = 0
    /// Time from the last request to its answer.
    public var responseLast = Instant.Span.zero
    /// The longest of them since the start.
    public var responseMax = Instant.Span.zero

    /// Connections after the first.
    public var reconnections: UInt64 { connections > 0 ? connections - 1 : 0 }
  }

  /// Events that the line loop has not yet taken, at most.
  ///
  /// A station gives at most 70 a poll (two full rings of 32 and
  /// its header); 4,096 are 58 such polls in one, and half a second of a loop that stands at a normal pace.
  public static let eventsMax = 4096
  /// Orders that the link has not yet taken, at most; it takes all of them between two telegrams.
  public static let ordersMax = 2048

  /// What happened, for the line loop.
  public let events: SPSCRing<StationEvent>
  /// The PLC's settings.
  public let settings: Settings
  private let shared: LinkShared
  private let thread = Mutex<NamedThread?>(nil)

  /// Makes a link that is not yet running.
  ///
  /// `loopTurns` is the line loop's turn counter. `wake` is called on the link's thread after events were published;
  /// both must return at once.
  public convenience init(
    _ settings: Settings, loopTurns: @escaping @Sendable () -> UInt64,
    wake: @escaping @Sendable () -> Void
  ) {
    self.init(settings, eventsMax: PLCLink.eventsMax, loopTurns: loopTurns, wake: wake)
  }

  /// As above, with a ring of another size, for tests that fill it.
  init(
    _ settings: Settings, eventsMax: Int, loopTurns: @escaping @Sendable () -> UInt64,
    wake: @escaping @Sendable () -> Void
  ) {
    self.settings = settings
    events = SPSCRing(capacity: eventsMax)
    shared = LinkShared(events: events, loopTurns: loopTurns, wake: wake)
  }

  /// Hands an order to the link; false when too many wait, and then it is dropped and the link made anew, with permit 0.
  ///
  /// For the line loop's thread only.
  public func post(_ order: StationOrder) -> Bool {
    let taken = shared.orders.push(order)
    shared.bell.ring()
    return taken
  }

  /// A counter that moves while the link's thread lives: at every poll, and at least once a telegram's time-out.
  public var turns: UInt64 { shared.turns.load(ordering: .relaxed) }

  /// How the link is now.
  public var health: Health { shared.health.withLock { $0 } }

  /// Starts the thread; false when the system gives none.
  ///
  /// A link is started once.
  public func start() -> Bool {
    thread.withLock { thread in
      precondition(thread == nil, "a PLC link is started once")
      thread = NamedThread("plc \(settings.name)") { [settings, shared] in
        var worker = LinkWorker(settings, shared)
        worker.run()
      }
      return thread != nil
    }
  }

  /// Writes permit 0, closes the connection and ends the thread; returns when it has ended.
  ///
  /// It takes a telegram under way and one for each station, so at most that many time-outs; one where the PLC does not
  /// answer.
  public func stop() {
    shared.ending.store(true, ordering: .releasing)
    shared.bell.ring()
    let ended = thread.withLock { thread in
      let ended = thread
      thread = nil
      return ended
    }
    ended?.join()
  }
}

/// What the link's thread shares with others.
final class LinkShared: Sendable {
  let events: SPSCRing<StationEvent>
  let orders = SPSCRing<StationOrder>(capacity: PLCLink.ordersMax)
  let bell = Bell()
  let ending = Atomic<Bool>(false)
  let turns = Atomic<UInt64>(0)
  let health = Guarded(PLCLink.Health())
  let loopTurns: @Sendable () -> UInt64
  let wake: @Sendable () -> Void

  init(
    events: SPSCRing<StationEvent>, loopTurns: @escaping @Sendable () -> UInt64,
    wake: @escaping @Sendable () -> Void
  ) {
    self.events = events
    self.loopTurns = loopTurns
    self.wake = wake
  }

  var isEnding: Bool { ending.load(ordering: .acquiring) }
}
