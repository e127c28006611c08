import Line
import PLCLink
import Simulation

/// What lies between the daemon and the PLC's registers, with its faults.
struct Wire {
  /// Connections are refused and reset.
  var isCut = false
  /// Nobody answers, connections stand.
  var isSilent = false
  /// Every answer comes so much later than usual.
  var lateness: Nanoseconds = 0
  /// So many of the next requests are carried out and never answered.
  var repliesToLose = 0
  /// So many of the next requests never arrive.
  var requestsToLose = 0
  /// Decides how long a telegram takes.
  var random: SeededRandom
}

/// The daemon's link thread in virtual time: the real `BlockSession`, pulled as `LinkWorker` pulls it, with one telegram at
/// a time on a wire that may lose or delay it.
struct VirtualLink {
  enum Telegram {
    case read(RegisterRead)
    case write(RegisterWrite)
  }

  /// A telegram under way.
  private struct Flight {
    var telegram: Telegram
    var askedAt: Nanoseconds
    /// When the PLC carries it out; nil: it has, or never will.
    var executesAt: Nanoseconds?
    var endsAt: Nanoseconds
    /// Whether the answer comes at `endsAt`; otherwise the wait ends there.
    var isAnswered: Bool
    var isLate: Bool
    var words: [UInt16] = []
  }

  private enum Stage {
    case down(connectAt: Nanoseconds)
    case readingHostBlock([UInt16])
    case readingHeader([UInt16])
    case serving
    case polling
    case readingOutcomes(left: Int)
    case ending(LinkFault)
  }

  struct Settings {
    /// The station that it belongs to.
    var station = 0
    var blocks: BlockSession.Settings
    var poll: Nanoseconds = .milliseconds(10)
    var timeout: Nanoseconds = .milliseconds(500)
    /// Room for events; without enough for a poll the link does not poll.
    var eventsMax = 4096
  }

  /// Events that a poll has at most, as `LinkWorker` reckons.
  static let eventsPerPollMax = 96
  /// After so many headers a poll that is due comes first.
  ///
  /// A slow PLC answers so late that a header is due again at once. The worker writes one before it polls and one after.
  static let headersPerPollMax = 2

  let settings: Settings
  private(set) var session: BlockSession
  /// Orders posted by the line loop.
  var orders: [PLCOrder] = []
  /// An order found no room: the connection ends.
  var hasLostOrders = false
  /// Events for the line loop, with their moment.
  var events: [(at: Nanoseconds, event: PLCEvent)] = []
  private var stage: Stage
  private var flight: Flight?
  private var pause: Nanoseconds = .milliseconds(50)
  private var connectedAt: Nanoseconds = 0
  private var pollAt: Nanoseconds = 0
  /// Telegrams written in this connection.
  private var writes = 0
  /// Headers written since the last poll that were not urgent.
  private var headers = 0

  init(_ settings: Settings, mark: BlockSession.OutcomeMark, now: Nanoseconds) {
    self.settings = settings
    session = BlockSession(settings.blocks, resumingAt: mark)
    stage = .down(connectAt: now)
  }

  /// When something is due; nil: not before an order comes.
  var nextEvent: Nanoseconds? {
    if let flight { return min(flight.executesAt ?? flight.endsAt, flight.endsAt) }
    switch stage {
    case .down(let connectAt): return connectAt
    case .serving:
      if !orders.isEmpty { return 0 }
      return min(pollAt, session.deadline?.nanoseconds ?? pollAt)
    case .readingHostBlock, .readingHeader, .polling, .readingOutcomes, .ending: return 0
    }
  }

  /// When the wire has something to do, which it does even while the daemon is stopped.
  var nextExecution: Nanoseconds? { flight?.executesAt }

  /// A telegram is under way whose answer comes late or never.
  var waits: Bool { flight.map { !$0.isAnswered || $0.isLate } ?? false }

  /// The write that is on the wire and not carried out yet; it outlives the daemon.
  var writeUnderWay: RegisterWrite? {
    guard let flight, flight.executesAt != nil, case .write(let write) = flight.telegram else {
      return nil
    }
    return write
  }

  /// Lets the PLC carry out what has arrived.
  mutating func execute(now: Nanoseconds, plc: inout SimulatedPLC, laws: Laws) {
    guard let at = flight?.executesAt, at <= now, let telegram = flight?.telegram else { return }
    flight?.executesAt = nil
    do throws(SimulatedPLC.Refusal) {
      guard plc.isPowered else {
        let end = (flight?.endsAt ?? now) + settings.timeout
        flight?.isAnswered = false
        flight?.endsAt = end
        return
      }
      switch telegram {
      case .read(let read):
        flight?.words = Array(try plc.read(read.address, count: read.count))
      case .write(let write):
        laws.executes(write, station: settings.station, plc: &plc)
        try plc.write(write.address, write.words)
      }
    } catch {
      laws.broken("the PLC refused a telegram: \(telegram)")
      flight?.isAnswered = false
    }
  }

  /// The connection is reset; a request under way is carried out or not.
  mutating func reset(now: Nanoseconds, wire: inout Wire, plc: inout SimulatedPLC, laws: Laws) {
    if case .down = stage { return }
    if flight != nil, wire.random.below(2) == 0 {
      let isToExecute = flight?.executesAt != nil
      flight?.executesAt = isToExecute ? now : nil
      execute(now: now, plc: &plc, laws: laws)
    }
    flight = nil
    end(.telegramFailed, now: now, laws: laws)
  }

  /// Everything that the thread does at `now`.
  mutating func advance(
    now: Nanoseconds, wire: inout Wire, plc: inout SimulatedPLC, turns: UInt64, laws: Laws
  ) {
    let isReachable = !wire.isCut && !wire.isSilent && plc.isPowered
    // A turn of the thread never takes more telegrams than this at one moment: each takes time on the wire.
    for _ in 0..<8 {
      if let flight {
        guard flight.endsAt <= now else { return }
        self.flight = nil
        if flight.isAnswered {
          answered(flight, now: now, laws: laws)
        } else if case .ending(let fault) = stage {
          end(fault, now: now, laws: laws)
        } else {
          end(.telegramFailed, now: now, laws: laws)
        }
      }
      guard let telegram = next(now: now, isReachable: isReachable, turns: turns, laws: laws) else {
        return
      }
      if case .write(let write) = telegram {
        laws.launches(write, station: settings.station, isFirst: writes == 0)
        writes += 1
      }
      launch(telegram, now: now, wire: &wire)
    }
  }

  private mutating func launch(_ telegram: Telegram, now: Nanoseconds, wire: inout Wire) {
    let way = 200_000 + Nanoseconds(wire.random.below(600_000))
    let usual = now + 2 * way + wire.lateness
    var flight = Flight(
      telegram: telegram, askedAt: now, executesAt: now + way, endsAt: usual, isAnswered: true,
      isLate: wire.lateness > 0)
    if wire.isSilent || wire.requestsToLose > 0 {
      flight.executesAt = nil
      flight.isAnswered = false
      wire.requestsToLose = max(0, wire.requestsToLose - 1)
    } else if wire.repliesToLose > 0 || 2 * way + wire.lateness > settings.timeout {
      flight.isAnswered = false
      wire.repliesToLose = max(0, wire.repliesToLose - 1)
    }
    if !flight.isAnswered { flight.endsAt = now + settings.timeout }
    self.flight = flight
  }

  private mutating func answered(_ flight: Flight, now: Nanoseconds, laws: Laws) {
    let moment = Instant(nanoseconds: now)
    switch stage {
    case .down: break
    case .readingHostBlock(let words):
      let all = words + flight.words
      stage =
        all.count < settings.blocks.hostBlock.count ? .readingHostBlock(all) : .readingHeader(all)
    case .readingHeader(let block):
      session.connected(hostBlock: block, plcHeader: flight.words, now: moment)
      stage = .serving
      pollAt = now
    case .serving: break
    case .polling:
      session.polled(
        flight.words, asked: Instant(nanoseconds: flight.askedAt), now: moment)
      stage = .readingOutcomes(left: 2)
    case .readingOutcomes(let left):
      if case .read(let read) = flight.telegram {
        session.outcomeSlots(flight.words, at: read.address, now: moment)
      }
      stage = .readingOutcomes(left: left - 1)
    case .ending(let fault): end(fault, now: now, laws: laws)
    }
  }

  private mutating func next(
    now: Nanoseconds, isReachable: Bool, turns: UInt64, laws: Laws
  ) -> Telegram? {
    let moment = Instant(nanoseconds: now)
    switch stage {
    case .down(let connectAt):
      takeOrders(now: now)
      guard now >= connectAt else { return nil }
      guard isReachable else {
        end(.cannotConnect, now: now, laws: laws)
        return nil
      }
      connectedAt = now
      writes = 0
      // What was lost while there was no link was not meant for this one.
      hasLostOrders = false
      stage = .readingHostBlock([])
      return next(now: now, isReachable: isReachable, turns: turns, laws: laws)
    case .readingHostBlock(let words):
      let block = settings.blocks.hostBlock
      return .read(
        RegisterRead(
          address: block.address + words.count, count: min(block.count - words.count, 125)))
    case .readingHeader:
      return .read(settings.blocks.plcHeader)
    case .serving:
      takeOrders(now: now)
      if let ending = ending(now: now, turns: turns) { return ending }
      let pollIsFirst = headers >= VirtualLink.headersPerPollMax && now >= pollAt
      for urgency in BlockSession.Urgency.allCases where urgency != .rest || !pollIsFirst {
        if let write = session.nextWrite(urgency, now: moment, lineTurns: turns) {
          if urgency == .rest { headers += 1 }
          return .write(write)
        }
      }
      publish(now: now, laws: laws)
      guard now >= pollAt else { return nil }
      guard events.count + VirtualLink.eventsPerPollMax <= settings.eventsMax else {
        pollAt = now + settings.poll
        headers = 0
        return nil
      }
      stage = .polling
      headers = 0
      return .read(settings.blocks.plcHeader)
    case .polling:
      return .read(settings.blocks.plcHeader)
    case .readingOutcomes(let left):
      if let ending = ending(now: now, turns: turns) { return ending }
      if left > 0, let wanted = session.nextRead() { return .read(wanted) }
      publish(now: now, laws: laws)
      pollAt = max(pollAt + settings.poll, now)
      stage = .serving
      return next(now: now, isReachable: isReachable, turns: turns, laws: laws)
    case .ending(let fault):
      end(fault, now: now, laws: laws)
      return nil
    }
  }

  /// The last telegram of a connection that the session itself wants to end.
  private mutating func ending(now: Nanoseconds, turns: UInt64) -> Telegram? {
    guard let fault = hasLostOrders ? .reconnecting : session.fault else { return nil }
    hasLostOrders = false
    stage = .ending(fault)
    return session.withdrawal(now: Instant(nanoseconds: now), lineTurns: turns).map { .write($0) }
  }

  private mutating func takeOrders(now: Nanoseconds) {
    for order in orders { session.order(order, now: Instant(nanoseconds: now)) }
    orders.removeAll()
  }

  private mutating func publish(now: Nanoseconds, laws: Laws) {
    for event in session.takeEvents() {
      laws.linkSays(event, station: settings.station)
      events.append((at: now, event: event))
    }
  }

  private mutating func end(_ fault: LinkFault, now: Nanoseconds, laws: Laws) {
    if now - connectedAt >= .milliseconds(2000) { pause = .milliseconds(50) }
    session.disconnected(fault, now: Instant(nanoseconds: now))
    publish(now: now, laws: laws)
    stage = .down(connectAt: now + pause)
    pause = min(pause + pause, .milliseconds(2000))
  }
}
