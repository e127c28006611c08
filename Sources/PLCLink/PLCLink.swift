public import Line
public import Rings
internal import Synchronization
internal import Threads

/// The connection to one PLC, or to all PLCs on one serial bus, with a thread of its own that serves all their stations.
///
/// The thread wakes at once for an order and otherwise at each poll. Over TCP any failed telegram closes the connection; on a
/// bus it ends the link to that PLC, and the bus is left alone for the time in which a late answer could still come. A new
/// attempt follows after 50 ms, doubled up to 2 s. Nothing waits longer than the time-out of a telegram. Events go into
/// `events`, whose consumer is the line loop; `post` is for the line loop alone too.
///
/// When the line loop does not empty `events`, the link stops polling rather than lose one: the heartbeat then stands,
/// because the line's turns stand, and the PLC stops its line.
public final class PLCLink: Sendable {
  /// A connection, and the PLCs at its other end.
  public struct Settings: Sendable {
    /// How they are reached.
    public var transport: Transport
    /// The PLCs; over TCP one.
    public var plcs: [PLC]

    /// The PLC's name, or the first one's.
    public var name: String { plcs.first?.name ?? "" }

    /// Makes settings.
    public init(transport: Transport, plcs: [PLC]) {
      self.transport = transport
      self.plcs = plcs
    }

    /// Makes settings of one PLC on TCP.
    public init(
      name: String, host: String, port: UInt16 = 502, unitID: UInt8 = 1,
      poll: Instant.Span = .milliseconds(10), timeout: Instant.Span = .milliseconds(500),
      stations: [Station]
    ) {
      self.init(
        transport: .tcp(host: host, port: port),
        plcs: [
          PLC(name: name, unitID: unitID, poll: poll, timeout: timeout, stations: stations)
        ])
    }
  }

  /// What carries the telegrams.
  public enum Transport: Sendable, Hashable {
    /// A host name, or an IPv4 or IPv6 address, and a port.
    case tcp(host: String, port: UInt16)
    /// A serial port.
    case serial(SerialLine)

    /// Where that is, for messages.
    public var place: String {
      switch self {
      case .tcp(let host, let port): "\(host) port \(port)"
      case .serial(let line): line.device
      }
    }
  }

  /// A serial port with Modbus RTU: always 8 data bits (Modbus over Serial Line V1.02, 2.5.1).
  public struct SerialLine: Sendable, Hashable {
    /// The parity bit.
    public enum Parity: Sendable, Hashable {
      case none, even, odd

      var letter: UInt8 {
        switch self {
        case .none: UInt8(ascii: "N")
        case .even: UInt8(ascii: "E")
        case .odd: UInt8(ascii: "O")
        }
      }
    }

    /// Who switches an RS-485 transceiver between sending and receiving.
    public enum Transceiver: Sendable, Hashable {
      /// The adapter by itself, or nobody (RS-232, RS-422).
      case adapter
      /// The kernel, with RTS high while sending.
      case rtsHigh
      /// The kernel, with RTS low while sending.
      case rtsLow
    }

    /// Path of the port.
    public var device: String
    /// Bits a second.
    public var baud: UInt32
    /// The parity bit.
    public var parity: Parity
    /// 1 or 2.
    public var stopBits: Int
    /// Who switches the transceiver.
    public var transceiver: Transceiver
    /// Milliseconds that RTS is given before the first bit.
    public var rtsBefore: UInt32
    /// Milliseconds that RTS is kept after the last bit.
    public var rtsAfter: UInt32
    /// Longest pause within an answer; zero: only the telegram's time-out bounds it.
    public var byteTimeout: Instant.Span
    /// Silence between frames; zero: as the standard has it.
    public var silence: Instant.Span
    /// Whether what is sent comes back, as with two-wire adapters that do not mute their receiver.
    public var echoes: Bool

    /// Makes settings of a port.
    public init(
      device: String, baud: UInt32 = 19_200, parity: Parity = .even, stopBits: Int = 1,
      transceiver: Transceiver = .adapter, rtsBefore: UInt32 = 0, rtsAfter: UInt32 = 0,
      byteTimeout: Instant.Span = .milliseconds(50), silence: Instant.Span = .zero,
      echoes: Bool = false
    ) {
      self.device = device
      self.baud = baud
      self.parity = parity
      self.stopBits = stopBits
      self.transceiver = transceiver
      self.rtsBefore = rtsBefore
      self.rtsAfter = rtsAfter
      self.byteTimeout = byteTimeout
      self.silence = silence
      self.echoes = echoes
    }

    /// t3.5: three and a half characters of 11 bits, and 1.75 ms above 19,200 Bd (2.5.1.1).
    public var silenceBetweenFrames: Instant.Span {
      if silence > .zero { return silence }
      return baud > 19_200
        ? Instant.Span(nanoseconds: 1_750_000)
        : Instant.Span(nanoseconds: 38_500_000_000 / Int64(baud))
    }
  }

  /// One PLC, and its stations.
  public struct PLC: Sendable {
    /// Its name in the configuration.
    public var name: String
    /// Modbus unit identifier: over TCP 0-247 or 255, on a bus 1-247.
    public var unitID: UInt8
    /// Time between two polls.
    public var poll: Instant.Span
    /// A telegram is answered within this, and a connection made.
    public var timeout: Instant.Span
    /// Its stations.
    public var stations: [Station]
    /// The coil that is the second way to stop the line, where it is this PLC's.
    ///
    /// It is read now and then, so that a PLC that is gone is known before it is needed.
    public var stopCoil: UInt16?

    /// Makes settings.
    public init(
      name: String, unitID: UInt8 = 1, poll: Instant.Span = .milliseconds(10),
      timeout: Instant.Span = .milliseconds(500), stations: [Station], stopCoil: UInt16? = nil
    ) {
      self.name = name
      self.unitID = unitID
      self.poll = poll
      self.timeout = timeout
      self.stations = stations
      self.stopCoil = stopCoil
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
    /// Half of all answers since the start came within this.
    public var responseMedian = Instant.Span.zero
    /// 99 of 100 did.
    public var responseP99 = Instant.Span.zero
    /// All answer times since the start together.
    public var responseSum = Instant.Span.zero
    /// When the last answer was complete: what is known of the PLC is from then.
    public var answeredAt: Instant?
    /// Bytes on a serial line that belonged to no answer.
    public var strayBytes: UInt64 = 0

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
    shared = LinkShared(
      plcs: settings.plcs.count, events: events, loopTurns: loopTurns, wake: wake)
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

  /// How the link to its first PLC is now.
  public var health: Health { health(of: 0) }

  /// How the link to one of its PLCs is now.
  public func health(of plc: Int) -> Health {
    shared.health.withLock { health in
      // Only plain values leave: an array shared with the link's thread would be copied by that at its next telegram.
      var one = health[plc].health
      one.responseMedian = health[plc].times.within(permille: 500)
      one.responseP99 = health[plc].times.within(permille: 990)
      one.responseSum = health[plc].times.sum
      return one
    }
  }

  /// Reads both blocks of all stations from the PLCs, between the telegrams of the line; nil for stations whose link is
  /// down, and for all where the link did not come to it within `limit`.
  ///
  /// Blocks, so not for the line loop; one caller at a time.
  public func registers(within limit: Instant.Span) -> [StationRegisters]? {
    shared.reading.withLock { _ in
      let ticket = shared.registersWanted.add(1, ordering: .relaxed).newValue
      shared.bell.ring()
      let end = Instant.now + limit
      while true {
        let found = shared.registers.withLock { $0.ticket >= ticket ? $0.stations.map { $0 } : nil }
        if let found { return found }
        let left = end - Instant.now
        guard left > .zero, !shared.isEnding else { return nil }
        shared.registersBell.wait(min(left, .milliseconds(50))) { false }
      }
    }
  }

  /// Writes a coil of one of its PLCs before all other telegrams, again until it is done or `limit` is over.
  ///
  /// `done` is called once, on the link's thread, with what failed last, or nil. For one caller at a time; a later order takes
  /// the place of one that waits.
  public func writeCoil(
    plc: Int, address: UInt16, _ value: Bool, within limit: Instant.Span,
    done: @escaping @Sendable (String?) -> Void
  ) {
    let order = CoilOrder(
      plc: plc, address: address, value: value, until: Instant.now + limit, done: done)
    let before = shared.coil.withLock { waiting in
      let before = waiting
      waiting = order
      return before
    }
    before?.done("another order took its place")
    shared.bell.ring()
  }

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
  let health: Guarded<[LinkHealth]>
  let coil = Guarded<CoilOrder?>(nil)
  /// Counts who wanted to see the registers; the answer bears the number up to which it is good.
  let registersWanted = Atomic<UInt64>(0)
  let registers = Guarded((ticket: UInt64(0), stations: [StationRegisters]()))
  let registersBell = Bell()
  let reading = Mutex<Void>(())
  let loopTurns: @Sendable () -> UInt64
  let wake: @Sendable () -> Void

  init(
    plcs: Int, events: SPSCRing<StationEvent>, loopTurns: @escaping @Sendable () -> UInt64,
    wake: @escaping @Sendable () -> Void
  ) {
    health = Guarded([LinkHealth](repeating: LinkHealth(), count: plcs))
    self.events = events
    self.loopTurns = loopTurns
    self.wake = wake
  }

  var isEnding: Bool { ending.load(ordering: .acquiring) }
}

/// How the link to one PLC is, with what `PLCLink.Health` is made from.
struct LinkHealth: Sendable {
  var health = PLCLink.Health()
  var times = ResponseTimes()
}

/// A coil to be written.
struct CoilOrder: Sendable {
  var plc: Int
  var address: UInt16
  var value: Bool
  var until: Instant
  var done: @Sendable (String?) -> Void
}
