internal import CLinux
internal import Glibc
internal import Line
internal import Rings
internal import Synchronization
internal import Threads

/// What runs on a link's thread: it owns the connection and the stations' sessions.
///
/// One turn: take all orders, write what is urgent, poll when it is time, tell the line, sleep. Between any two telegrams
/// the orders are taken again, so that a falling permit waits for one telegram at most.
struct LinkWorker: ~Copyable {
  /// The first pause before a new connection; it doubles with each that fails.
  static let pauseMin = Instant.Span.milliseconds(50)
  /// The longest pause.
  static let pauseMax = Instant.Span.milliseconds(2000)
  /// A connection that held for so long was a good one: the next pause is the shortest again.
  static let steady = Instant.Span.milliseconds(2000)
  /// Sleeping is never longer, so that the watchdog sees the thread alive also while it waits to reconnect.
  static let sleepMax = Instant.Span.milliseconds(100)
  /// libmodbus waits with select, which a descriptor of 1024 would make abort.
  static let descriptorLimit: Int32 = 1024
  /// Room for events that a poll of one station needs at most: changed, taken, outcomes, said lateness, lost.
  static let eventsPerPollMax = 96

  private let settings: PLCLink.Settings
  private let shared: LinkShared
  private var sessions: [BlockSession]
  private var resolver: Resolver
  private var connection: Modbus?
  private var connectedAt: Instant?
  private var connectAt: Instant
  private var pause = LinkWorker.pauseMin
  private var attempts = 0
  private var ordersLostSeen: UInt64 = 0
  private var pollAt: Instant

  init(_ settings: PLCLink.Settings, _ shared: LinkShared) {
    self.settings = settings
    self.shared = shared
    sessions = settings.stations.map { BlockSession($0.blocks, resumingAt: $0.mark) }
    resolver = Resolver(host: settings.host, port: settings.port, bell: shared.bell)
    connectAt = Instant.now
    pollAt = connectAt
  }

  mutating func run() {
    while !shared.isEnding {
      shared.turns.add(1, ordering: .relaxed)
      if connection == nil {
        stayDisconnected()
      } else {
        serve()
      }
    }
    end(withdrawing: true)
  }

  // MARK: Connected

  private mutating func serve() {
    do throws(LinkFailure) {
      try writeAll()
      if Instant.now >= pollAt, hasRoom {
        try poll()
        try writeAll()
        pollAt = max(pollAt + settings.poll, Instant.now)
      }
    } catch {
      lose(error)
      return
    }
    let now = Instant.now
    // While the line takes no events there is no poll; a look at the ring in between is enough.
    var until = max(pollAt, hasRoom ? pollAt : now + .milliseconds(1))
    for session in sessions {
      if let deadline = session.deadline { until = min(until, deadline) }
    }
    shared.bell.wait(min(until - now, LinkWorker.sleepMax)) {
      !shared.orders.isEmpty || shared.isEnding
    }
  }

  /// Whether whatever one poll brings can be told.
  private var hasRoom: Bool {
    shared.events.room >= LinkWorker.eventsPerPollMax * sessions.count
  }

  private mutating func poll() throws(LinkFailure) {
    for index in sessions.indices {
      let header = try read(sessions[index].settings.plcHeader)
      sessions[index].polled(header, now: Instant.now)
      try check(index)
      // A ring that wraps takes two telegrams; what the PLC writes meanwhile waits for the next poll.
      for _ in 0..<2 {
        guard let wanted = sessions[index].nextRead() else { break }
        let words = try read(wanted)
        sessions[index].outcomeSlots(words, at: wanted.address, now: Instant.now)
      }
      publish()
    }
  }

  /// Writes until nothing is left, the most urgent of all stations first.
  private mutating func writeAll() throws(LinkFailure) {
    // A verdict's telegram empties something, and orders are bounded by their ring; the bound here only keeps a line loop
    // that orders without end from keeping the poll from its turn.
    var headers = 0
    for _ in 0..<64 {
      takeOrders()
      try checkOrders()
      for index in sessions.indices { try check(index) }
      // A header is due again as soon as a slow PLC has answered it: once each station had one, a poll that is due comes
      // first. Otherwise such a PLC would never be looked at, and its heartbeat could stand still unnoticed.
      let pollIsFirst = headers >= sessions.count && Instant.now >= pollAt
      guard let (urgency, next) = nextWrite(pollIsFirst: pollIsFirst) else { return publish() }
      if urgency == .rest { headers += 1 }
      try write(next)
    }
    publish()
  }

  private mutating func nextWrite(pollIsFirst: Bool) -> (BlockSession.Urgency, RegisterWrite)? {
    let now = Instant.now
    let lineTurns = shared.loopTurns()
    for urgency in BlockSession.Urgency.allCases where urgency != .rest || !pollIsFirst {
      for index in sessions.indices {
        if let write = sessions[index].nextWrite(urgency, now: now, lineTurns: lineTurns) {
          return (urgency, write)
        }
      }
    }
    return nil
  }

  private mutating func takeOrders() {
    guard !shared.orders.isEmpty else { return }
    let now = Instant.now
    // What comes in meanwhile has its turn after the next telegram.
    for _ in 0..<PLCLink.ordersMax {
      guard let order = shared.orders.pop() else { return }
      if let index = settings.stations.firstIndex(where: { $0.number == order.station }) {
        sessions[index].order(order.order, now: now)
      }
    }
  }

  /// Ends the connection when an order found no room: it may have been the stop, or a withdrawal.
  ///
  /// Permit 0 is then the last telegram of this link and the first of the next, and the line orders anew what still holds.
  private mutating func checkOrders() throws(LinkFailure) {
    let lost = shared.orders.lost
    guard lost != ordersLostSeen else { return }
    ordersLostSeen = lost
    throw LinkFailure(
      fault: .reconnecting, text: "more orders came from the line than the link could take",
      isConnected: true)
  }

  private func check(_ index: Int) throws(LinkFailure) {
    guard let fault = sessions[index].fault else { return }
    throw LinkFailure(
      fault: fault, text: "\(fault.phrase) (block at \(sessions[index].settings.plcBase))",
      isConnected: true)
  }

  private mutating func publish() {
    var told = false
    let at = Instant.now.nanoseconds
    for index in sessions.indices {
      for event in sessions[index].takeEvents() {
        // Room was made sure of before the poll; what is refused all the same is counted by the ring.
        _ = shared.events.push(
          StationEvent(station: settings.stations[index].number, at: at, event: event))
        told = true
      }
    }
    if told { shared.wake() }
  }

  // MARK: Telegrams

  private mutating func read(_ what: RegisterRead) throws(LinkFailure) -> [UInt16] {
    let begun = Instant.now
    guard connection != nil else { throw LinkFailure.closed }
    do throws(ModbusFailure) {
      guard let words = try connection?.read(what) else { throw ModbusFailure(text: "closed") }
      answered(since: begun)
      return words
    } catch {
      throw failed(error)
    }
  }

  private mutating func write(_ what: RegisterWrite) throws(LinkFailure) {
    let begun = Instant.now
    do throws(ModbusFailure) {
      guard try connection?.write(what) != nil else { throw ModbusFailure(text: "closed") }
      answered(since: begun)
    } catch {
      throw failed(error)
    }
  }

  private mutating func answered(since begun: Instant) {
    let now = Instant.now
    let time = now - begun
    for index in sessions.indices { sessions[index].look(now: now) }
    publish()
    shared.turns.add(1, ordering: .relaxed)
    shared.health.withLock { health in
      health.telegrams += 1
      health.responseLast = time
      health.responseMax = max(health.responseMax, time)
    }
  }

  private func failed(_ failure: ModbusFailure) -> LinkFailure {
    shared.health.withLock { $0.errors += 1 }
    return LinkFailure(fault: .telegramFailed, text: failure.text, isConnected: false)
  }

  // MARK: Not connected

  private mutating func stayDisconnected() {
    takeOrders()
    let now = Instant.now
    guard now >= connectAt, hasRoom else {
      let until = max(connectAt - now, .milliseconds(1))
      shared.bell.wait(min(until, LinkWorker.sleepMax)) {
        !shared.orders.isEmpty || shared.isEnding
      }
      return
    }
    switch resolver.answer() {
    case .underway:
      shared.bell.wait(LinkWorker.sleepMax) { !shared.orders.isEmpty || shared.isEnding }
    case .failed(let text):
      lose(LinkFailure(fault: .cannotConnect, text: text, isConnected: false))
    case .addresses(let addresses):
      // One address an attempt, in turn: a host with a dead IPv6 address is reached by the next attempt.
      let address = addresses[attempts % addresses.count]
      attempts += 1
      do throws(LinkFailure) {
        try connect(to: address)
      } catch {
        lose(error)
      }
    }
  }

  private mutating func connect(to address: clinux_tcp_address) throws(LinkFailure) {
    var address = address
    let place = "\(settings.host) port \(settings.port)"
    let descriptor = clinux_tcp_connect(&address, LinkWorker.descriptorLimit)
    guard descriptor >= 0 else {
      throw LinkFailure(
        fault: .cannotConnect, text: "connecting to \(place): \(ModbusFailure.words(descriptor))",
        isConnected: false)
    }
    let end = Instant.now + settings.timeout
    var isReady = false
    while !isReady {
      let left = end - Instant.now
      guard left > .zero, !shared.isEnding else {
        close(descriptor)
        throw LinkFailure(
          fault: .cannotConnect, text: "connecting to \(place): no answer in time",
          isConnected: false)
      }
      shared.turns.add(1, ordering: .relaxed)
      takeOrders()
      let revents = shared.bell.wait(
        min(left, LinkWorker.sleepMax), other: descriptor, events: Int16(POLLOUT)
      ) {
        !shared.orders.isEmpty || shared.isEnding
      }
      isReady = revents != 0
    }
    let code = clinux_tcp_connected(descriptor)
    guard code == 0 else {
      close(descriptor)
      throw LinkFailure(
        fault: .cannotConnect, text: "connecting to \(place): \(ModbusFailure.words(code))",
        isConnected: false)
    }
    do throws(ModbusFailure) {
      connection = try Modbus(
        descriptor: descriptor, unitID: settings.unitID, timeout: settings.timeout)
    } catch {
      throw LinkFailure(fault: .cannotConnect, text: error.text, isConnected: false)
    }
    let now = Instant.now
    connectedAt = now
    // What was lost while there was no link was not meant for this one.
    ordersLostSeen = shared.orders.lost
    for index in sessions.indices { try begin(index) }
    // Only now: a gateway whose PLC is gone, or a server that hangs, takes connections too.
    shared.health.withLock { health in
      health.connectedSince = now
      health.connections += 1
    }
    pollAt = Instant.now
  }

  /// Reads a station's blocks, writes its first header, with permit 0, and reads its own block again to see it there.
  private mutating func begin(_ index: Int) throws(LinkFailure) {
    let hostBlock = try readHostBlock(index)
    let header = try read(sessions[index].settings.plcHeader)
    sessions[index].connected(hostBlock: hostBlock, plcHeader: header, now: Instant.now)
    if let first = sessions[index].nextWrite(
      .rest, now: Instant.now, lineTurns: shared.loopTurns())
    {
      try write(first)
    }
    sessions[index].readBack(try readHostBlock(index))
    try check(index)
  }

  private mutating func readHostBlock(_ index: Int) throws(LinkFailure) -> [UInt16] {
    let block = sessions[index].settings.hostBlock
    var words: [UInt16] = []
    while words.count < block.count {
      words += try read(
        RegisterRead(
          address: block.address + words.count,
          count: min(block.count - words.count, RegisterMap.readMax)))
    }
    return words
  }

  // MARK: The end of a connection

  private mutating func lose(_ failure: LinkFailure) {
    let now = Instant.now
    if let connectedAt, now - connectedAt >= LinkWorker.steady { pause = LinkWorker.pauseMin }
    end(withdrawing: failure.isConnected)
    shared.health.withLock { health in
      health.connectedSince = nil
      health.lastFault = failure.text
      health.lastFaultAt = now
    }
    for index in sessions.indices { sessions[index].disconnected(failure.fault, now: now) }
    publish()
    connectAt = Instant.now + pause
    pause = min(pause + pause, LinkWorker.pauseMax)
  }

  /// Closes the connection; where telegrams still pass, permit 0 goes out first.
  private mutating func end(withdrawing: Bool) {
    if withdrawing, connection != nil {
      for index in sessions.indices {
        guard
          let last = sessions[index].withdrawal(
            now: Instant.now, lineTurns: shared.loopTurns())
        else { continue }
        do throws(LinkFailure) {
          try write(last)
        } catch {
          // It was the last telegram in any case; the PLC's own watchdog stops the line.
          break
        }
      }
    }
    connection = nil
    connectedAt = nil
  }
}

/// Why a connection ends.
struct LinkFailure: Error {
  var fault: LinkFault
  var text: String
  /// Whether telegrams still pass.
  var isConnected: Bool

  static let closed = LinkFailure(
    fault: .telegramFailed, text: "the connection is closed", isConnected: false)
}
