internal import Alarms
internal import Devices
internal import Glibc
package import Line
package import PLCLink
package import Records
package import Rings
internal import Synchronization
package import Threads

/// The line loop: the one thread that owns the core's state and the record store.
///
/// It sleeps on one eventfd and its timer. A turn drains the rings in the order of time, steps the core, sends what is
/// safe, commits one transaction, then sends what is permissive (law 2). Under load many events share a commit.
package final class LineLoop: @unchecked Sendable {
  // Kept true by: `core`, `store` and everything else that is not a constant or an atomic is touched by the loop's own
  // thread only, once `start` has been called.

  /// What other threads hand to the loop.
  package enum Mail: Sendable {
    /// A command with the person who gave it; `reply` is called once, on the loop's thread, and must not block.
    case command(LineCommand, actor: String, reply: @Sendable (CommandResult) -> Void)
    /// Looks at the core; must be quick.
    case look(@Sendable (LineController) -> Void)
    /// Takes the core when all that made it is on disk; nil when nothing can be put there. Must be quick.
    case settled(@Sendable (Settled?) -> Void)
    /// Something happened to the machine, e.g. lost notices.
    case event(LineEvent)
  }

  /// A core as the records up to one have made it, all of them on disk.
  package struct Settled: Sendable {
    var core: LineController
    var sequence: Int64
    var hash: ChainHash
  }

  /// How the store is opened, at the start and after a storage fault.
  package struct Recovery {
    /// What records go to.
    package var store: RecordStore
    /// What was replayed from it.
    package var core: LineController
    /// Why a saved state was left aside, a sentence for the journal; nil when none was.
    package var remark: String?

    /// Joins a store and the core that was replayed from it.
    package init(store: RecordStore, core: LineController, remark: String? = nil) {
      self.store = store
      self.core = core
      self.remark = remark
    }
  }

  /// Events handled in one turn at most, so that one transaction and one stop stay short:
  /// 4,096 verdicts take about 10 ms to record.
  static let eventsPerTurnMax = 4096
  /// Letters waiting at most; people and importers, not devices, write them.
  static let mailMax = 1024
  /// The loop turns at least this often, so that heartbeats can tell that it lives.
  static let turnLongest = Instant.Span.milliseconds(20)
  /// After a storage fault the store is opened again at this pace.
  static let reopenEvery = Instant.Span.milliseconds(2000)

  package let bell = Bell()
  /// What the loop counts, for anybody to read.
  package let metrics: LineMetrics
  let frames: FrameRing
  private let plcRings: [SPSCRing<StationEvent>]
  private let printRing: PrintRing
  private let mail = Mutex<[Mail]>([])
  private let turnCounter = Atomic<UInt64>(0)
  private let ending = Atomic<Bool>(false)
  private let recover: () throws(StorageFault) -> Recovery
  private let post: (Int, PLCOrder) -> Bool
  private let secondStop: () -> Void
  private let containment: (ContainmentOrder) -> Void
  private let notices: (Notice) -> Void
  private let heads: (SignedHead) -> Void
  /// The sequence of the last head that was handed to `heads`.
  private var headTold: Int64 = 0

  // Touched by one thread and for every event: a check of each access as it runs would cost more than some events.
  @exclusivity(unchecked) private var core: LineController
  /// The actions being carried out; empty between, and its memory serves again.
  @exclusivity(unchecked) private var actions: [LineAction] = []
  /// Whether nothing came and nothing was recorded in this turn.
  @exclusivity(unchecked) private var isQuiet = true
  @exclusivity(unchecked) private var heldFrame: Frame?
  @exclusivity(unchecked) private var heldEvents: [StationEvent?]
  /// Wall time of the turn.
  private var wall = Clock.wall
  private var store: RecordStore?
  private var reopenAt: Instant?
  private var replies: [UInt64: @Sendable (CommandResult) -> Void] = [:]
  private var nextReply: UInt64 = 1
  private var heldPrint: PrintLine?
  private var waitingForRest: [@Sendable (Settled?) -> Void] = []
  /// Where the core stood when the loop ended; nil when its last records did not reach the disk.
  private(set) var end: Settled?
  /// The station that each scanner reads for, -1 none.
  private let stationOfScanner: [Int]
  /// For each station when its oldest read without a verdict came, and whether this turn has sent its verdict.
  @exclusivity(unchecked) private var oldestRead: [(at: Int64, isAnswered: Bool)]
  private var framesLostSeen: UInt64 = 0
  private var plcLostSeen: [UInt64]
  private var printLostSeen: UInt64 = 0
  private var thread: NamedThread?

  /// Makes a loop that is not yet running.
  ///
  /// `post` hands an order to the link of a station and says whether there was room; `secondStop` stops the line by the second
  /// way, `containment` does what a case asks for, `notices` puts something into the journal, and `heads` takes each signed
  /// head away, all four without blocking.
  package init(
    recovery: Recovery, frames: FrameRing, plcRings: [SPSCRing<StationEvent>],
    printRing: PrintRing = PrintRing(capacity: 2),
    recover: @escaping () throws(StorageFault) -> Recovery,
    post: @escaping (Int, PLCOrder) -> Bool, secondStop: @escaping () -> Void = {},
    containment: @escaping (ContainmentOrder) -> Void = { _ in },
    notices: @escaping (Notice) -> Void, heads: @escaping (SignedHead) -> Void = { _ in }
  ) {
    core = recovery.core
    store = recovery.store
    let settings = recovery.core.settings
    metrics = LineMetrics(stations: settings.stations.count)
    metrics.recordSequence.store(recovery.store.lastSequence, ordering: .relaxed)
    stationOfScanner = settings.scanners.indices.map { scanner in
      settings.stations.firstIndex { $0.scanners.contains(scanner) } ?? -1
    }
    oldestRead = settings.stations.map { _ in (0, false) }
    self.frames = frames
    self.plcRings = plcRings
    self.printRing = printRing
    self.recover = recover
    self.post = post
    self.secondStop = secondStop
    self.containment = containment
    self.notices = notices
    self.heads = heads
    heldEvents = plcRings.map { _ in nil }
    plcLostSeen = plcRings.map { _ in 0 }
  }

  /// How many turns the loop has finished; heartbeats and the watchdog live by it.
  package var turns: UInt64 { turnCounter.load(ordering: .relaxed) }

  /// Hands something to the loop; false when too much waits already.
  @discardableResult
  package func send(_ letter: Mail) -> Bool {
    let taken = mail.withLock { letters in
      guard letters.count < LineLoop.mailMax else { return false }
      letters.append(letter)
      return true
    }
    bell.ring()
    return taken
  }

  /// Starts the thread.
  package func start() {
    thread = NamedThread("line") { [self] in run() }
    precondition(thread != nil, "no thread for the line loop")
  }

  /// Ends the loop after its present turn and waits for it.
  package func stop() {
    ending.store(true, ordering: .releasing)
    bell.ring()
    thread?.join()
  }

  private func run() {
    // Whatever replaying left to say: the start record and the first headers.
    turn()
    while !ending.load(ordering: .acquiring) {
      let now = Clock.now
      var wait = LineLoop.turnLongest
      if let deadline = core.deadline { wait = min(wait, deadline - now) }
      bell.wait(wait) { hasWork }
      turn()
    }
    turn()
    if let store, core.outbox.records.isEmpty {
      end = Settled(core: core, sequence: store.lastSequence, hash: store.lastHash)
    }
    store?.close()
    tellHead()
  }

  /// Whether something was published that no turn has taken yet.
  private var hasWork: Bool {
    !frames.isEmpty || plcRings.contains { !$0.isEmpty } || !printRing.isEmpty && store != nil
      || mail.withLock { !$0.isEmpty }
      || ending.load(ordering: .acquiring)
  }

  // MARK: One turn

  private func turn() {
    // Records bear the time that the core had of them; those that the last turn left over have kept theirs.
    if core.outbox.records.isEmpty { wall = Clock.wall }
    drain(wall: wall)
    // Rejects and stops first: nothing that follows in this turn changes them.
    send()
    takeMail(wall: wall)
    reportLosses(wall: wall)
    let now = Clock.now
    core.step(.tick, now: now, wall: wall)
    send()
    if store == nil {
      core.outbox.records.removeAll(keepingCapacity: true)
      settle(nil)
      reopenIfDue(now: now, wall: wall)
    } else {
      commit(wall: wall)
    }
    forgetAnswered()
    turnCounter.add(1, ordering: .relaxed)
  }

  /// Takes what the devices published, oldest first, so that a message and its trigger keep their order.
  private func drain(wall: Int64) {
    isQuiet = true
    for _ in 0..<LineLoop.eventsPerTurnMax {
      if heldFrame == nil { heldFrame = nextFrame() }
      for index in plcRings.indices where heldEvents[index] == nil {
        heldEvents[index] = plcRings[index].pop()
      }
      // Without a store nothing printed could be kept: it waits in the ring, and the sender with it.
      if heldPrint == nil, store != nil { heldPrint = printRing.pop() }
      var earliest = heldFrame?.at ?? Int64.max
      var source = -1
      for index in heldEvents.indices {
        if let event = heldEvents[index], event.at < earliest {
          earliest = event.at
          source = index
        }
      }
      isQuiet = isQuiet && heldPrint == nil && earliest == .max
      if let line = heldPrint, line.at <= earliest {
        heldPrint = nil
        core.step(
          .printFeed(printEvent(line)), now: Instant(nanoseconds: line.at), wall: wall)
      } else if source >= 0, let event = heldEvents[source] {
        heldEvents[source] = nil
        core.step(
          .plc(station: Int(event.station), event.event), now: Instant(nanoseconds: event.at),
          wall: wall)
      } else if let frame = heldFrame {
        heldFrame = nil
        guard let event = ScannerEvent(rawValue: frame.kind) else { continue }
        let scanner = Int(frame.source)
        // A read is bytes and stays bytes; what the bank says of a scanner is a sentence.
        let text = event == .message ? "" : String(decoding: frame.bytes, as: UTF8.self)
        let line: LineEvent =
          switch event {
          case .message: .message(scanner: scanner, bytes: frame.bytes)
          case .online: .scannerOnline(scanner)
          case .offline: .scannerOffline(scanner, reason: text)
          case .unframed, .framed:
            .scannerTrouble(scanner, .scannerUnframed, message: event == .unframed ? text : nil)
          case .drifted, .steady:
            .scannerTrouble(scanner, .scannerDrifted, message: event == .drifted ? text : nil)
          case .repeating, .varying:
            .scannerTrouble(scanner, .scannerRepeating, message: event == .repeating ? text : nil)
          }
        if event == .message { readCame(scanner: scanner, at: frame.at) }
        core.step(line, now: Instant(nanoseconds: frame.at), wall: wall)
      } else {
        return
      }
    }
    // More is waiting: come back at once, after this turn's commit.
    bell.ring()
  }

  /// What a line of the feed says; serials that follow at once come with it, to share a record.
  ///
  /// Taking those before their moment harms nothing: a pack is printed before it is read.
  private func printEvent(_ line: PrintLine) -> PrintFeedEvent {
    switch line.kind {
    case .serial:
      var serials = [line.bytes]
      while serials.count < PrintOrder.rowsPerRecordMax, let next = printRing.pop() {
        guard next.kind == .serial else {
          heldPrint = next
          break
        }
        serials.append(next.bytes)
      }
      return .printed(serials)
    case .bad:
      return .badLine(
        line.bytes, reason: PrintFeed.BadLine(rawValue: line.code)?.phrase ?? "is no serial")
    case .online: return .connected
    case .offline: return .disconnected(reason: PrintFeed.words(line.code))
    case .refused: return .refused
    }
  }

  private typealias Frame = (kind: UInt8, source: UInt8, at: Int64, bytes: [UInt8])

  private func nextFrame() -> Frame? {
    var result: Frame?
    _ = frames.pop { kind, source, at, bytes in
      result = (kind, source, at, Array(bytes))
    }
    return result
  }

  private func takeMail(wall: Int64) {
    let letters = mail.withLock { waiting in
      let taken = waiting
      waiting = []
      return taken
    }
    for letter in letters {
      switch letter {
      case .command(let command, let actor, let reply):
        let id = nextReply
        nextReply += 1
        replies[id] = reply
        core.step(.command(id: id, command, actor: actor), now: Clock.now, wall: wall)
      case .look(let body):
        body(core)
      case .settled(let body):
        waitingForRest.append(body)
      case .event(let event):
        core.step(event, now: Clock.now, wall: wall)
      }
    }
  }

  private func reportLosses(wall: Int64) {
    let lost = frames.lost
    if lost != framesLostSeen {
      let count = Int(lost &- framesLostSeen)
      framesLostSeen = lost
      core.step(.eventsLost(what: "scanners", count: count), now: Clock.now, wall: wall)
    }
    let printLost = printRing.lost
    if printLost != printLostSeen {
      let count = Int(printLost &- printLostSeen)
      printLostSeen = printLost
      core.step(.printFeed(.lost(count)), now: Clock.now, wall: wall)
    }
    for index in plcRings.indices {
      let lost = plcRings[index].lost
      guard lost != plcLostSeen[index] else { continue }
      let count = Int(lost &- plcLostSeen[index])
      plcLostSeen[index] = lost
      core.step(
        .eventsLost(what: "PLC link \(index + 1)", count: count), now: Clock.now, wall: wall)
    }
  }

  /// Carries out what the core wants done.
  private func send() {
    // An order that finds no room is itself an event, whose own orders go out in the next round; two rounds are enough
    // for the stop, the rest waits for the next turn.
    for _ in 0..<2 {
      if core.outbox.actions.isEmpty { return }
      swap(&actions, &core.outbox.actions)
      defer { actions.removeAll(keepingCapacity: true) }
      var posted = 0
      var refused = 0
      for case .order(let station, let order) in actions {
        if post(station, order) { posted += 1 } else { refused += 1 }
      }
      // A link that was woken on this processor would otherwise wait until the loop sleeps, which is in the middle of a
      // commit: 300 µs later (seen in scheduler traces).
      if posted > 0 { sched_yield() }
      takeTimes(of: actions)
      for action in actions {
        switch action {
        case .order: break
        case .secondStop: secondStop()
        case .containment(let order): containment(order)
        case .reply(let id, let result):
          replies.removeValue(forKey: id)?(result)
        case .notice(let notice):
          notices(notice)
        }
      }
      if refused > 0 {
        core.step(
          .eventsLost(what: "orders to the PLC", count: refused), now: Clock.now, wall: wall)
      }
    }
  }

  private func commit(wall: Int64) {
    guard let store else { return }
    let isCommit = !core.outbox.records.isEmpty
    if isCommit { isQuiet = false }
    do throws(StorageFault) {
      // Sending may have added records (an order without room), so take them until none is left.
      let now = Clock.now
      // In place: a loop over the array counts references to all that is in a record, twice.
      try core.outbox.records.withUnsafeBufferPointer { (records) throws(StorageFault) in
        for index in records.indices {
          try store.append(records[index], at: now, wall: wall)
          metrics.count(records[index])
        }
      }
      core.outbox.records.removeAll(keepingCapacity: true)
      try store.commit()
      if isCommit {
        metrics.commits.add((Clock.now - now).nanoseconds)
        metrics.recordSequence.store(store.lastSequence, ordering: .relaxed)
      }
    } catch {
      storageFailed(error, wall: wall)
      return
    }
    core.committed(now: Clock.now)
    send()
    guard core.outbox.records.isEmpty else {
      bell.ring()
      return
    }
    if !waitingForRest.isEmpty {
      settle(Settled(core: core, sequence: store.lastSequence, hash: store.lastHash))
    }
    if heldFrame == nil && heldPrint == nil && heldEvents.allSatisfy({ $0 == nil }) {
      do throws(StorageFault) {
        try store.idle(isQuiet: isQuiet)
      } catch {
        storageFailed(error, wall: wall)
      }
    }
    tellHead()
  }

  // MARK: Times

  /// A read older than this has got no verdict and will get none.
  private static let readForgotten: Int64 = 1_000_000_000
  /// What took longer is no read's time, but that of one which got no verdict.
  private static let verdictLongest: Int64 = 10_000_000_000

  private func readCame(scanner: Int, at moment: Int64) {
    guard stationOfScanner.indices.contains(scanner), stationOfScanner[scanner] >= 0 else { return }
    let station = stationOfScanner[scanner]
    if oldestRead[station].at == 0 || moment - oldestRead[station].at > LineLoop.readForgotten {
      oldestRead[station] = (moment, false)
    }
  }

  /// Where several reads wait in one turn, each verdict counts from the oldest: never too short.
  private func takeTimes(of actions: [LineAction]) {
    var now: Int64 = 0
    for case .order(let station, .verdict) in actions where oldestRead[station].at != 0 {
      if now == 0 { now = Clock.now.nanoseconds }
      let time = now - oldestRead[station].at
      oldestRead[station].isAnswered = true
      if time <= LineLoop.verdictLongest { metrics.scanToVerdict.add(time) }
    }
  }

  private func forgetAnswered() {
    for station in oldestRead.indices where oldestRead[station].isAnswered {
      oldestRead[station] = (0, false)
    }
  }

  /// Hands on a head that was signed since the last look; after a start the last one too, which may not have arrived.
  private func tellHead() {
    guard let head = store?.lastHead, head.sequence > headTold else { return }
    headTold = head.sequence
    heads(head)
  }

  private func settle(_ settled: Settled?) {
    for body in waitingForRest { body(settled) }
    waitingForRest.removeAll(keepingCapacity: true)
  }

  private func storageFailed(_ fault: StorageFault, wall: Int64) {
    // The store is dead from here on: a failed sync is never tried again on the same descriptors.
    let known =
      store.map { " The last record known to be on disk is \($0.lastCommitted)." } ?? ""
    store?.close()
    store = nil
    reopenAt = Clock.now + LineLoop.reopenEvery
    core.storageFailed(fault.message + known, now: Clock.now, wall: wall)
    send()
  }

  /// Opens the storage anew and replays it, as after a restart: what was not on disk never happened.
  private func reopenIfDue(now: Instant, wall: Int64) {
    guard let due = reopenAt, now >= due else { return }
    let recovery: Recovery
    do throws(StorageFault) {
      recovery = try recover()
    } catch {
      reopenAt = Clock.now + LineLoop.reopenEvery
      return
    }
    reopenAt = nil
    let old = core
    store = recovery.store
    core = recovery.core
    core.resume(after: old, now: Clock.now, wall: wall)
    send()
    commit(wall: wall)
  }
}
