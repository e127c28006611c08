internal import CLinux
internal import Glibc
internal import Line
internal import Rings
internal import Synchronization
internal import Threads

/// What runs on a link's thread: it owns the connection and the stations' sessions.
///
/// One turn: take all orders, write what is urgent, poll where it is time, tell the line, sleep. Between any two telegrams
/// the orders are taken again, so that a falling permit waits for one telegram at most.
///
/// A *peer* is one PLC. Over TCP there is one, and a failed telegram closes the connection. On a bus there may be several: one
/// that fails is down by itself, and the bus rests for its time-out, in which a late answer could still come.
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
  /// A part of each host block is read back so often: nobody else may write there.
  static let hostCheckEvery = Instant.Span.milliseconds(250)
  /// How much of it on a bus, where every register takes its time; over TCP all of it.
  static let hostCheckOnBus = 16
  /// The coil of the second way to stop is read so often.
  static let coilReadEvery = Instant.Span.milliseconds(1000)

  /// One PLC of the link.
  private struct Peer {
    var plc: PLCLink.PLC
    /// Its sessions among all of the link's.
    var sessions: Range<Int>
    var plan: [PollTelegram]
    /// Whether its blocks were read on the present connection; until then there is nothing to serve.
    var isUp = false
    var upSince = Instant(nanoseconds: 0)
    var attemptAt: Instant
    var pause = LinkWorker.pauseMin
    var pollAt: Instant
    var hostCheckAt: Instant
    /// Where in its host blocks the next look begins: which session, and how far in.
    var hostCheckNext = (session: 0, offset: 0)
    var coilReadAt: Instant
  }

  private let settings: PLCLink.Settings
  private let shared: LinkShared
  private let stations: [PLCLink.Station]
  private var sessions: [BlockSession]
  private var peers: [Peer]
  private var resolver: Resolver?
  private var connection: Modbus?
  private var attempts = 0
  /// A bus rests until then, and is flushed before it is spoken on again.
  private var restUntil: Instant?
  /// When the connection was lost, or could not be made.
  private var lostAt: Instant
  private var ordersLostSeen: UInt64 = 0

  init(_ settings: PLCLink.Settings, _ shared: LinkShared) {
    self.settings = settings
    self.shared = shared
    let now = Instant.now
    lostAt = now
    stations = settings.plcs.flatMap(\.stations)
    sessions = stations.map { BlockSession($0.blocks, resumingAt: $0.mark) }
    var isBus = true
    if case .tcp(let host, let port) = settings.transport {
      resolver = Resolver(host: host, port: port, bell: shared.bell)
      isBus = false
    }
    var first = 0
    peers = settings.plcs.map { plc in
      let range = first..<(first + plc.stations.count)
      first = range.upperBound
      return Peer(
        plc: plc, sessions: range,
        plan: PollTelegram.plan(plc.stations.map(\.blocks), wholeBlocks: !isBus),
        attemptAt: now, pollAt: now, hostCheckAt: now, coilReadAt: now)
    }
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
    for peer in peers.indices { withdraw(peer) }
    connection = nil
    coilOrderEnds("the daemon ends", always: true)
  }

  // MARK: Connected

  private mutating func serve() {
    guard rested() else { return }
    for peer in peers.indices where !peers[peer].isUp && Instant.now >= peers[peer].attemptAt {
      attempt(peer) { worker throws(LinkFailure) in try worker.begin(peer) }
      guard connection != nil, restUntil == nil else { return }
    }
    writeAll()
    for peer in peers.indices {
      guard connection != nil, restUntil == nil else { return }
      guard peers[peer].isUp, Instant.now >= peers[peer].pollAt, hasRoom else { continue }
      attempt(peer) { worker throws(LinkFailure) in try worker.poll(peer) }
      writeAll()
      guard connection != nil, restUntil == nil else { return }
      attempt(peer) { worker throws(LinkFailure) in try worker.lookAround(peer) }
      peers[peer].pollAt = max(peers[peer].pollAt + peers[peer].plc.poll, Instant.now)
    }
    guard connection != nil, restUntil == nil else { return }
    showRegisters()
    guard connection != nil, restUntil == nil else { return }
    let now = Instant.now
    var until = now + LinkWorker.sleepMax
    for peer in peers {
      // While the line takes no events there is no poll; a look at the ring in between is enough.
      let next = peer.isUp ? hasRoom ? peer.pollAt : now + .milliseconds(1) : peer.attemptAt
      until = min(until, next)
    }
    for session in sessions {
      if let deadline = session.deadline { until = min(until, deadline) }
    }
    sleep(until - now)
  }

  private func sleep(_ time: Instant.Span) {
    let shown = shared.registers.withLock { $0.ticket }
    shared.bell.wait(min(time, LinkWorker.sleepMax)) {
      !shared.orders.isEmpty || shared.isEnding || shared.coil.withLock { $0 != nil }
        || (connection != nil && shared.registersWanted.load(ordering: .relaxed) != shown)
    }
  }

  /// Whether the bus may be spoken on; sleeps a while when not.
  private mutating func rested() -> Bool {
    guard let until = restUntil else { return true }
    takeOrders()
    let left = until - Instant.now
    guard left <= .zero else {
      shared.bell.wait(min(left, LinkWorker.sleepMax)) {
        !shared.orders.isEmpty || shared.isEnding
      }
      return false
    }
    connection?.flush()
    restUntil = nil
    return true
  }

  /// Whether whatever one poll brings can be told.
  private var hasRoom: Bool {
    shared.events.room >= LinkWorker.eventsPerPollMax * max(1, sessions.count)
  }

  /// Does something with a PLC; when it fails, the link to it ends.
  private mutating func attempt(
    _ peer: Int, _ body: (inout LinkWorker) throws(LinkFailure) -> Void
  ) {
    do throws(LinkFailure) {
      try body(&self)
    } catch {
      lose(peer, error)
    }
  }

  private mutating func poll(_ peer: Int) throws(LinkFailure) {
    for telegram in peers[peer].plan {
      let asked = Instant.now
      let words = try read(telegram.read, peer)
      let now = Instant.now
      for position in telegram.sessions {
        let index = peers[peer].sessions.lowerBound + position
        let header = sessions[index].settings.plcHeader
        sessions[index].polled(telegram.part(header, of: words) ?? [], asked: asked, now: now)
        try check(index)
        // A ring that wraps takes two telegrams; what the PLC writes meanwhile waits for the next poll.
        for _ in 0..<2 {
          guard let wanted = sessions[index].nextRead() else { break }
          let slots: [UInt16]
          if let part = telegram.part(wanted, of: words) {
            slots = part
          } else {
            slots = try read(wanted, peer)
          }
          sessions[index].outcomeSlots(slots, at: wanted.address, now: Instant.now)
        }
      }
      publish()
    }
  }

  /// What is looked at now and then: whether our blocks hold what we wrote, and whether the coil can be reached.
  private mutating func lookAround(_ peer: Int) throws(LinkFailure) {
    guard peers[peer].isUp else { return }
    let now = Instant.now
    if let coil = peers[peer].plc.stopCoil, now >= peers[peer].coilReadAt {
      peers[peer].coilReadAt = now + LinkWorker.coilReadEvery
      let plc = peers[peer].plc
      try telegram(peer) { modbus throws(ModbusFailure) in
        _ = try modbus.readCoil(coil, unitID: plc.unitID, timeout: plc.timeout)
      }
    }
    guard now >= peers[peer].hostCheckAt, !peers[peer].sessions.isEmpty else { return }
    peers[peer].hostCheckAt = now + LinkWorker.hostCheckEvery
    var (session, offset) = peers[peer].hostCheckNext
    let index = peers[peer].sessions.lowerBound + session
    let block = sessions[index].settings.hostBlock
    let most = connection?.isBus == true ? LinkWorker.hostCheckOnBus : RegisterMap.readMax
    let part = RegisterRead(
      address: block.address + offset, count: min(most, block.count - offset))
    let words = try read(part, peer)
    // A PLC that starts anew may clear our block: only what a poll after that does not explain is foreign.
    try poll(peer)
    sessions[index].hostBlockSeen(words, at: part.address)
    try check(index)
    offset += part.count
    if offset >= block.count {
      offset = 0
      session = (session + 1) % peers[peer].sessions.count
    }
    peers[peer].hostCheckNext = (session, offset)
  }

  // MARK: Writing

  /// Writes until nothing is left, the most urgent of all stations first.
  private mutating func writeAll() {
    // A verdict's telegram empties something, and orders are bounded by their ring; the bound here only keeps a line loop
    // that orders without end from keeping the poll from its turn.
    var headers = 0
    for _ in 0..<64 {
      takeOrders()
      checkOrders()
      writeCoilIfOrdered()
      for peer in peers.indices where peers[peer].isUp {
        attempt(peer) { worker throws(LinkFailure) in
          for index in worker.peers[peer].sessions { try worker.check(index) }
        }
      }
      guard connection != nil, restUntil == nil else { return }
      // A header is due again as soon as a slow PLC has answered it: once each station had one, a poll that is due comes
      // first. Otherwise such a PLC would never be looked at, and its heartbeat could stand still unnoticed.
      let now = Instant.now
      let pollIsFirst =
        headers >= sessions.count && peers.contains { $0.isUp && now >= $0.pollAt }
      guard let next = nextWrite(pollIsFirst: pollIsFirst) else { return publish() }
      headers += next.headers
      attempt(next.peer) { worker throws(LinkFailure) in
        try worker.write(next.telegram, next.peer)
      }
    }
    publish()
  }

  private mutating func nextWrite(
    pollIsFirst: Bool
  ) -> (peer: Int, telegram: RegisterWrite, headers: Int)? {
    let now = Instant.now
    let lineTurns = shared.loopTurns()
    for urgency in BlockSession.Urgency.allCases where urgency != .rest || !pollIsFirst {
      for peer in peers.indices where peers[peer].isUp {
        for index in peers[peer].sessions {
          guard let write = sessions[index].nextWrite(urgency, now: now, lineTurns: lineTurns)
          else { continue }
          guard write.address == sessions[index].settings.hostBase else {
            return (peer, write, urgency == .rest ? 1 : 0)
          }
          let (joined, headers) = joinHeaders(peer, index, write, now, lineTurns)
          return (peer, joined, urgency == .rest ? headers : 0)
        }
      }
    }
    return nil
  }

  /// Takes along the headers of the same PLC's other stations that fit into one telegram with this one, and what stands
  /// between them: our own registers, written once more as they are.
  private mutating func joinHeaders(
    _ peer: Int, _ index: Int, _ first: RegisterWrite, _ now: Instant, _ lineTurns: UInt64
  ) -> (RegisterWrite, Int) {
    var joined = first
    var headers = 1
    // The nearest first, so that each leans on what is joined already.
    let others = peers[peer].sessions.filter { $0 != index }.sorted {
      abs(sessions[$0].settings.hostBase - first.address)
        < abs(sessions[$1].settings.hostBase - first.address)
    }
    for other in others {
      let base = sessions[other].settings.hostBase
      let from = min(joined.address, base)
      let end = max(
        joined.address + joined.words.count, base + RegisterMap.headerCount)
      guard end - from <= RegisterMap.writeMax else { continue }
      var words: [UInt16] = []
      for address in from..<end {
        guard let word = written(peer, at: address) else { break }
        words.append(word)
      }
      guard words.count == end - from,
        let along = sessions[other].headerAlong(now: now, lineTurns: lineTurns)
      else { continue }
      words.replaceSubrange(
        (base - from)..<(base - from + along.words.count), with: along.words)
      joined = RegisterWrite(address: from, words: words)
      headers += 1
    }
    return (joined, headers)
  }

  private func written(_ peer: Int, at address: Int) -> UInt16? {
    for index in peers[peer].sessions {
      if let word = sessions[index].written(at: address) { return word }
    }
    return nil
  }

  private mutating func takeOrders() {
    guard !shared.orders.isEmpty else { return }
    let now = Instant.now
    // What comes in meanwhile has its turn after the next telegram.
    for _ in 0..<PLCLink.ordersMax {
      guard let order = shared.orders.pop() else { return }
      if let index = stations.firstIndex(where: { $0.number == order.station }) {
        sessions[index].order(order.order, now: now)
      }
    }
  }

  /// Ends all links when an order found no room: it may have been the stop, or a withdrawal.
  ///
  /// Permit 0 is then the last telegram of this link and the first of the next, and the line orders anew what still holds.
  private mutating func checkOrders() {
    let lost = shared.orders.lost
    guard lost != ordersLostSeen else { return }
    ordersLostSeen = lost
    for peer in peers.indices where peers[peer].isUp {
      lose(
        peer,
        LinkFailure(
          fault: .reconnecting, text: "more orders came from the line than the link could take",
          isConnected: true))
    }
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
          StationEvent(station: stations[index].number, at: at, event: event))
        told = true
      }
    }
    if told { shared.wake() }
  }

  // MARK: The second way to stop

  /// Writes the coil that was ordered, before everything else.
  private mutating func writeCoilIfOrdered() {
    guard let order = shared.coil.withLock({ $0 }), connection != nil, restUntil == nil else {
      return
    }
    let plc = peers[order.plc].plc
    var failed: String?
    do throws(LinkFailure) {
      try telegram(order.plc) { modbus throws(ModbusFailure) in
        try modbus.writeCoil(
          order.address, order.value, unitID: plc.unitID, timeout: plc.timeout)
      }
    } catch {
      failed = error.text
      lose(order.plc, error)
      peers[order.plc].attemptAt = Instant.now
    }
    if failed == nil { coilOrderEnds(nil, always: true) } else { coilOrderEnds(failed) }
  }

  /// Says what became of the coil, where that is settled.
  private func coilOrderEnds(_ failure: String?, always: Bool = false) {
    let now = Instant.now
    let ended = shared.coil.withLock { waiting -> CoilOrder? in
      guard let order = waiting, always || now >= order.until else { return nil }
      waiting = nil
      return order
    }
    ended?.done(failure)
  }

  // MARK: What a person wants to see

  /// Reads all blocks for whoever asked; between any two telegrams the line comes first.
  private mutating func showRegisters() {
    let wanted = shared.registersWanted.load(ordering: .relaxed)
    guard shared.registers.withLock({ $0.ticket }) < wanted else { return }
    var shown: [StationRegisters] = []
    for peer in peers.indices {
      for index in peers[peer].sessions {
        var seen = StationRegisters(station: stations[index].number, at: Instant.now)
        attempt(peer) { worker throws(LinkFailure) in
          guard worker.peers[peer].isUp, worker.restUntil == nil else { return }
          let blocks = worker.sessions[index].settings
          let host = try worker.readSlowly(blocks.hostBlock, peer)
          let plc = try worker.readSlowly(
            RegisterRead(address: blocks.plcBase, count: blocks.hostBlock.count), peer)
          if host.count == blocks.hostBlock.count && plc.count == blocks.hostBlock.count {
            seen = StationRegisters(
              station: worker.stations[index].number, at: Instant.now, host: host, plc: plc,
              blocks: blocks)
          }
        }
        shown.append(seen)
      }
    }
    shared.registers.withLock { $0 = (wanted, shown) }
    shared.registersBell.ring()
  }

  /// Reads a block part by part, and writes what the line has meanwhile.
  private mutating func readSlowly(
    _ block: RegisterRead, _ peer: Int
  ) throws(LinkFailure) -> [UInt16] {
    var words: [UInt16] = []
    while words.count < block.count {
      writeAll()
      guard peers[peer].isUp, restUntil == nil else { return [] }
      words += try read(
        RegisterRead(
          address: block.address + words.count,
          count: min(block.count - words.count, RegisterMap.readMax)), peer)
    }
    return words
  }

  // MARK: Telegrams

  private mutating func read(_ what: RegisterRead, _ peer: Int) throws(LinkFailure) -> [UInt16] {
    let plc = peers[peer].plc
    var words: [UInt16] = []
    try telegram(peer) { modbus throws(ModbusFailure) in
      words = try modbus.read(what, unitID: plc.unitID, timeout: plc.timeout)
    }
    return words
  }

  private mutating func write(_ what: RegisterWrite, _ peer: Int) throws(LinkFailure) {
    let plc = peers[peer].plc
    try telegram(peer) { modbus throws(ModbusFailure) in
      try modbus.write(what, unitID: plc.unitID, timeout: plc.timeout)
    }
  }

  /// One request and its answer.
  private mutating func telegram(
    _ peer: Int, _ body: (inout Modbus) throws(ModbusFailure) -> Void
  ) throws(LinkFailure) {
    let begun = Instant.now
    guard var modbus = connection.take() else { throw LinkFailure.closed }
    var failed: ModbusFailure?
    do throws(ModbusFailure) {
      try body(&modbus)
    } catch {
      failed = error
    }
    let strays = modbus.strays
    connection = consume modbus
    shared.turns.add(1, ordering: .relaxed)
    if let failed {
      shared.health.withLock { $0[peer].health.errors += 1 }
      throw LinkFailure(
        fault: .telegramFailed, text: failed.text, isConnected: false,
        isOfConnection: failed.isOfConnection)
    }
    let now = Instant.now
    let time = now - begun
    for index in peers[peer].sessions { sessions[index].look(now: now) }
    publish()
    shared.health.withLock { all in
      all[peer].times.add(time)
      all[peer].health.telegrams += 1
      all[peer].health.responseLast = time
      all[peer].health.responseMax = max(all[peer].health.responseMax, time)
      all[peer].health.answeredAt = now
      all[peer].health.strayBytes = strays
    }
  }

  // MARK: Not connected

  private mutating func stayDisconnected() {
    takeOrders()
    let now = Instant.now
    // Who wants to see registers is told at once that there are none.
    showRegisters()
    coilOrderEnds("there is no connection to \(settings.transport.place)")
    var attemptAt = peers.map(\.attemptAt).min() ?? now
    if shared.coil.withLock({ $0 != nil }) {
      attemptAt = min(attemptAt, lostAt + LinkWorker.pauseMin)
    }
    guard now >= attemptAt, hasRoom else {
      shared.bell.wait(min(max(attemptAt - now, .milliseconds(1)), LinkWorker.sleepMax)) {
        !shared.orders.isEmpty || shared.isEnding
      }
      return
    }
    guard case .serial(let line) = settings.transport else {
      connectByTCP()
      return
    }
    do throws(ModbusFailure) {
      connection = try Modbus(line, descriptorLimit: LinkWorker.descriptorLimit)
    } catch {
      loseAll(LinkFailure(fault: .cannotConnect, text: error.text, isConnected: false))
      return
    }
    // A slave may still be answering whoever had the port before.
    restUntil = Instant.now + (peers.map(\.plc.timeout).max() ?? .zero)
    ordersLostSeen = shared.orders.lost
  }

  private mutating func connectByTCP() {
    switch resolver?.answer() ?? .failed("no host") {
    case .underway:
      shared.bell.wait(LinkWorker.sleepMax) { !shared.orders.isEmpty || shared.isEnding }
    case .failed(let text):
      loseAll(LinkFailure(fault: .cannotConnect, text: text, isConnected: false))
    case .addresses(let addresses):
      // One address an attempt, in turn: a host with a dead IPv6 address is reached by the next attempt.
      let address = addresses[attempts % addresses.count]
      attempts += 1
      do throws(LinkFailure) {
        try connect(to: address)
        ordersLostSeen = shared.orders.lost
      } catch {
        loseAll(error)
      }
    }
  }

  private mutating func connect(to address: clinux_tcp_address) throws(LinkFailure) {
    var address = address
    let place = settings.transport.place
    let plc = peers[0].plc
    let descriptor = clinux_tcp_connect(&address, LinkWorker.descriptorLimit)
    guard descriptor >= 0 else {
      throw LinkFailure(
        fault: .cannotConnect, text: "connecting to \(place): \(ModbusFailure.words(descriptor))",
        isConnected: false)
    }
    let end = Instant.now + plc.timeout
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
        descriptor: descriptor, unitID: plc.unitID, timeout: plc.timeout)
    } catch {
      throw LinkFailure(fault: .cannotConnect, text: error.text, isConnected: false)
    }
    peers[0].attemptAt = Instant.now
  }

  /// Begins a PLC's link: its stations' blocks are read, and permit 0 is written.
  private mutating func begin(_ peer: Int) throws(LinkFailure) {
    // What was lost while there was no link was not meant for this one.
    if !peers.contains(where: \.isUp) { ordersLostSeen = shared.orders.lost }
    for index in peers[peer].sessions { try begin(index, of: peer) }
    if let coil = peers[peer].plc.stopCoil {
      let plc = peers[peer].plc
      try telegram(peer) { modbus throws(ModbusFailure) in
        _ = try modbus.readCoil(coil, unitID: plc.unitID, timeout: plc.timeout)
      }
    }
    let now = Instant.now
    peers[peer].isUp = true
    peers[peer].upSince = now
    peers[peer].pollAt = now
    peers[peer].hostCheckAt = now + LinkWorker.hostCheckEvery
    peers[peer].coilReadAt = now + LinkWorker.coilReadEvery
    // Only now: a gateway whose PLC is gone, or a server that hangs, takes connections too.
    shared.health.withLock { all in
      all[peer].health.connectedSince = now
      all[peer].health.connections += 1
    }
  }

  /// Reads a station's blocks, writes its first header, with permit 0, and reads its own block again to see it there: on a
  /// bus that shows too that answers belong to their requests.
  private mutating func begin(_ index: Int, of peer: Int) throws(LinkFailure) {
    let hostBlock = try readHostBlock(index, peer)
    let header = try read(sessions[index].settings.plcHeader, peer)
    sessions[index].connected(hostBlock: hostBlock, plcHeader: header, now: Instant.now)
    if let first = sessions[index].nextWrite(
      .rest, now: Instant.now, lineTurns: shared.loopTurns())
    {
      try write(first, peer)
    }
    sessions[index].readBack(try readHostBlock(index, peer))
    try check(index)
  }

  private mutating func readHostBlock(_ index: Int, _ peer: Int) throws(LinkFailure) -> [UInt16] {
    let block = sessions[index].settings.hostBlock
    var words: [UInt16] = []
    while words.count < block.count {
      words += try read(
        RegisterRead(
          address: block.address + words.count,
          count: min(block.count - words.count, RegisterMap.readMax)), peer)
    }
    return words
  }

  // MARK: The end of a link

  /// Ends the link to a PLC; over TCP, or when the port is gone, the connection too.
  private mutating func lose(_ peer: Int, _ failure: LinkFailure) {
    guard let isBus = connection?.isBus else { return }
    if failure.isConnected { withdraw(peer) }
    if !isBus || failure.isOfConnection {
      loseAll(failure)
      return
    }
    down(peer, failure)
    publish()
    if !failure.isConnected {
      // One more than its time-out, that an answer which is sent as late as that has come whole.
      restUntil = Instant.now + peers[peer].plc.timeout
    }
  }

  private mutating func loseAll(_ failure: LinkFailure) {
    connection = nil
    restUntil = nil
    lostAt = Instant.now
    for peer in peers.indices { down(peer, failure) }
    publish()
  }

  private mutating func down(_ peer: Int, _ failure: LinkFailure) {
    let now = Instant.now
    if peers[peer].isUp, now - peers[peer].upSince >= LinkWorker.steady {
      peers[peer].pause = LinkWorker.pauseMin
    }
    peers[peer].isUp = false
    shared.health.withLock { all in
      all[peer].health.connectedSince = nil
      all[peer].health.lastFault = failure.text
      all[peer].health.lastFaultAt = now
    }
    for index in peers[peer].sessions { sessions[index].disconnected(failure.fault, now: now) }
    peers[peer].attemptAt = now + peers[peer].pause
    peers[peer].pause = min(peers[peer].pause + peers[peer].pause, LinkWorker.pauseMax)
  }

  /// Where telegrams still pass, permit 0 is the last.
  private mutating func withdraw(_ peer: Int) {
    guard connection != nil, restUntil == nil, peers[peer].isUp else { return }
    for index in peers[peer].sessions {
      guard
        let last = sessions[index].withdrawal(now: Instant.now, lineTurns: shared.loopTurns())
      else { continue }
      do throws(LinkFailure) {
        try write(last, peer)
      } catch {
        // It was the last telegram in any case; the PLC's own watchdog stops the line.
        return
      }
    }
  }
}

/// Why a connection ends.
struct LinkFailure: Error {
  var fault: LinkFault
  var text: String
  /// Whether telegrams still pass.
  var isConnected: Bool
  /// Whether the connection itself is gone, rather than one PLC on it.
  var isOfConnection = false

  static let closed = LinkFailure(
    fault: .telegramFailed, text: "the connection is closed", isConnected: false,
    isOfConnection: true)
}
