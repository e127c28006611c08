import Daemon
import Devices
import Line
import PLCLink
import Records
import Simulation

/// The daemon in virtual time: the real core, record store, sessions and framers, joined as `LineLoop` and `Composition`
/// join them.
///
/// A turn has two halves, as the second law wants it: step and send what is safe, then - when the disk has answered - send
/// what is permissive. Between the halves the world goes on, and the daemon may be killed there.
struct VirtualDaemon {
  /// What the core was told, so that it can be told again (law 8).
  enum Input {
    case event(LineEvent, now: Instant, wall: Int64)
    case committed(now: Instant)
    case failed(String, now: Instant, wall: Int64)
  }

  /// A core from its replay to its end.
  struct Life {
    /// Records that were on disk when it began.
    var recordsBefore: Int
    var inputs: [Input] = []
    var records: [Record] = []
    /// How it began: from a start, or taking over from a core that saw the storage fail.
    var beganAt: Instant
    var beganWall: Int64
    var failedBefore: LineController?
    /// Saw the storage fail; from then on it records nothing.
    var hasFailed = false
  }

  private enum Phase: Equatable {
    case asleep
    case committing([Record], until: Nanoseconds)
  }

  /// After a storage fault the store is opened again at this pace, as `LineLoop` does it.
  static let reopenEvery: Nanoseconds = .milliseconds(2000)
  static let turnLongest: Nanoseconds = .milliseconds(20)

  let settings: LineSettings
  let mutant: Mutant?
  private(set) var core: LineController
  /// One for each station.
  var links: [VirtualLink]
  private(set) var life: Life
  private(set) var turns: UInt64 = 0
  /// Verdicts other than accept that went out and whose records are not on disk.
  private(set) var rejectsUnrecorded = 0
  /// Answers to commands, oldest first.
  var replies: [(id: UInt64, result: CommandResult)] = []
  /// Messages as the framers gave them to the core, in order, by station.
  private(set) var messages: [[[UInt8]]]
  /// The process died at a boundary of the disk; nothing more is to be asked of it.
  private(set) var isDead = false
  /// It is to die when the next commit has returned and before anything follows from it.
  var diesAfterCommit = false
  /// So many messages and orders more will find their ring full.
  var ringsFull = RingsFull()
  /// The loop stands still until then, as on a swapped-out machine.
  var stalledUntil: Nanoseconds = 0

  private let disk: SimulatedDisk
  private var store: RecordStore?
  private var framers: [Framer]
  private var frames: [(at: Nanoseconds, event: LineEvent)] = []
  private var heldMessages: [[UInt8]?]
  private var commands: [(id: UInt64, LineCommand)] = []
  private var phase: Phase = .asleep
  private var turnAt: Nanoseconds
  private var reopenAt: Nanoseconds?
  /// Verdicts other than accept that went out since the last commit; their records come with the next one.
  private(set) var rejectsSinceCommit = 0
  private var lastGenerations: [LinkGeneration]
  private var acceptedUnits: [Set<UInt16>]
  /// What a mutant has called committed and keeps for the next turn.
  private var notCommitted: (records: [Record], wall: Int64) = ([], 0)
  /// Messages that found no room and that no turn has told of yet.
  private var messagesLost = 0
  /// Whether nothing came in the turn under way.
  private var isQuiet = true

  /// What finds no room, by ring.
  struct RingsFull {
    var scanners = 0
    var orders = 0
  }

  /// Starts as the daemon does, with what was opened and replayed: begin, links from where the records end.
  init(
    _ plan: Plan, recovery: LineLoop.Recovery, disk: SimulatedDisk, mutant: Mutant?,
    now: Nanoseconds, wall: Int64, laws: Laws
  ) {
    settings = plan.settings
    self.mutant = mutant
    self.disk = disk
    store = recovery.store
    core = VirtualDaemon.core(recovery, disk, plan.settings, mutant)
    framers = plan.machines.map { Framer(prefix: $0.prefix, suffix: $0.suffix) }
    heldMessages = plan.machines.map { _ in nil }
    messages = plan.machines.map { _ in [] }
    lastGenerations = plan.machines.map { _ in 0 }
    acceptedUnits = plan.machines.map { _ in [] }
    life = Life(
      recordsBefore: disk.records.count, beganAt: Instant(nanoseconds: now), beganWall: wall)
    turnAt = now
    links = []
    for (station, machine) in plan.machines.enumerated() {
      let resume = core.resumePoint(station: station)
      links.append(
        VirtualLink(
          machine.link,
          mark: BlockSession.OutcomeMark(epoch: resume.epoch, sequence: resume.outcome), now: now))
    }
    life.begin(&core)
    laws.daemonStarted()
  }

  /// Whether all that the core decided is on disk, and nothing waits for it.
  var isSettled: Bool {
    !isDead && phase == .asleep && reopenAt == nil && !hasWork && !life.hasFailed
      && core.outbox.records.isEmpty
      && notCommitted.records.isEmpty
  }

  private static func core(
    _ recovery: LineLoop.Recovery, _ disk: SimulatedDisk, _ settings: LineSettings,
    _ mutant: Mutant?
  ) -> LineController {
    mutant == .forgetsVerdicts ? disk.recover(settings, withoutVerdicts: true) : recovery.core
  }

  /// Lets go of the store; a process that has died writes nothing more.
  mutating func end() {
    store?.close()
    store = nil
  }

  /// When it has something to do, or - stopped - the wire has; mutating only to look at the links in place.
  mutating func nextMoment(isStopped: Bool) -> Nanoseconds {
    var next = Int64.max
    for index in links.indices {
      next = min(next, links[index].nextExecution ?? Int64.max)
      if !isStopped { next = min(next, links[index].nextEvent ?? Int64.max) }
    }
    if isStopped { return next }
    switch phase {
    case .committing(_, let until): next = min(next, max(until, stalledUntil))
    case .asleep:
      let turn = hasWork ? 0 : min(turnAt, core.deadline?.nanoseconds ?? turnAt)
      next = min(next, max(turn, stalledUntil))
    }
    return next
  }

  private var hasWork: Bool {
    !frames.isEmpty || !commands.isEmpty || messagesLost > 0
      || links.contains { !$0.events.isEmpty }
  }

  // MARK: What comes in

  /// A station's scanner's bytes, as one read.
  mutating func hear(_ bytes: [UInt8], station: Int, now: Nanoseconds) {
    var came: [[UInt8]] = []
    bytes.withUnsafeBytes { framers[station].append($0) { came.append(Array($0)) } }
    for message in came {
      if ringsFull.scanners > 0 {
        ringsFull.scanners -= 1
        messagesLost += 1
        continue
      }
      messages[station].append(message)
      var given = message
      if mutant == .changesCase {
        given = message.map { (0x61...0x7A).contains($0) ? $0 - 0x20 : $0 }
      }
      if mutant == .oneMessageLate {
        defer { heldMessages[station] = message }
        guard let held = heldMessages[station] else { continue }
        given = held
      }
      frames.append((at: now, event: .message(scanner: station, bytes: given)))
    }
  }

  /// A scanner's cable came or went; half a message belongs to nothing.
  mutating func scanner(_ station: Int, isThere: Bool, now: Nanoseconds) {
    framers[station].reset()
    frames.append(
      (
        at: now,
        event: isThere
          ? .scannerOnline(station) : .scannerOffline(station, reason: "it hung up")
      ))
  }

  /// A person orders something.
  mutating func command(_ id: UInt64, _ command: LineCommand) { commands.append((id, command)) }

  // MARK: The links

  /// Everything that a station's link does at `now`.
  mutating func advance(
    _ station: Int, _ bench: inout Bench, now: Nanoseconds, turns: UInt64, laws: Laws
  ) {
    links[station].advance(
      now: now, wire: &bench.wire, plc: &bench.line.plc, turns: turns, laws: laws)
  }

  /// A station's connection is reset.
  mutating func reset(_ station: Int, _ bench: inout Bench, now: Nanoseconds, laws: Laws) {
    links[station].reset(now: now, wire: &bench.wire, plc: &bench.line.plc, laws: laws)
  }

  // MARK: The line loop

  /// Everything that the loop does at `now`.
  mutating func turn(now: Nanoseconds, wall: Int64, laws: Laws) {
    guard now >= stalledUntil else { return }
    switch phase {
    case .committing(let records, let until):
      guard now >= until else { return }
      phase = .asleep
      finish(records, now: now, wall: wall, laws: laws)
    case .asleep:
      guard hasWork || now >= min(turnAt, core.deadline?.nanoseconds ?? turnAt) else { return }
      isQuiet = !hasWork
      drain(wall: wall, laws: laws)
      for (id, command) in commands { step(.command(id: id, command, actor: "person"), now, wall) }
      commands.removeAll()
      if messagesLost > 0 {
        step(.eventsLost(what: "scanners", count: messagesLost), now, wall)
        messagesLost = 0
      }
      step(.tick, now, wall)
      send(laws: laws)
      if let due = reopenAt {
        core.outbox.records.removeAll()
        leaveUnrecorded()
        finishTurn(now)
        if now >= due { reopen(now: now, wall: wall, laws: laws) }
        return
      }
      beginCommit(now: now, wall: wall, laws: laws)
    }
  }

  private mutating func beginCommit(now: Nanoseconds, wall: Int64, laws: Laws) {
    let records = core.outbox.records
    core.outbox.records.removeAll()
    life.records += records
    laws.emitted(records)
    if mutant != nil { sendTooSoon(records) }
    if records.isEmpty {
      finish([], now: now, wall: wall, laws: laws)
    } else {
      phase = .committing(records, until: now + disk.latency)
    }
  }

  private mutating func finish(
    _ records: [Record], now: Nanoseconds, wall: Int64, laws: Laws
  ) {
    let moment = Instant(nanoseconds: now)
    do throws(StorageFault) {
      try commit(records, at: moment, wall: wall)
    } catch {
      disk.lose(records, wall: wall)
      if disk.isDead { isDead = true } else { failed(error, now: now, wall: wall, laws: laws) }
      return
    }
    if diesAfterCommit, !records.isEmpty {
      disk.lose(records, wall: wall)
      disk.kill()
      isDead = true
      return
    }
    disk.acknowledge(records, wall: wall)
    laws.durable(records, now: now)
    rejectsSinceCommit = 0
    life.inputs.append(.committed(now: moment))
    core.committed(now: moment)
    send(laws: laws)
    finishTurn(now)
    guard core.outbox.records.isEmpty, !hasWork else { return }
    let syncs = disk.syncs
    do throws(StorageFault) {
      try store?.idle(isQuiet: isQuiet && records.isEmpty)
      // A checkpoint keeps the loop for as long as the disk takes.
      let taken = Nanoseconds(disk.syncs - syncs) * disk.latency
      if taken > 0 { stalledUntil = max(stalledUntil, now + taken) }
    } catch {
      if disk.isDead { isDead = true } else { failed(error, now: now, wall: wall, laws: laws) }
    }
  }

  private mutating func commit(
    _ records: [Record], at moment: Instant, wall: Int64
  ) throws(StorageFault) {
    var (records, wall) = (records, wall)
    if mutant == .commitsLate {
      (records, notCommitted.records) = (notCommitted.records, records)
      (wall, notCommitted.wall) = (notCommitted.wall, wall)
    }
    for record in records { try store?.append(record, at: moment, wall: wall) }
    try store?.commit()
  }

  /// The store is dead from here on, as in `LineLoop`.
  private mutating func failed(
    _ fault: StorageFault, now: Nanoseconds, wall: Int64, laws: Laws
  ) {
    let moment = Instant(nanoseconds: now)
    laws.tell("the storage failed: \(fault.message)")
    end()
    if disk.isDead {
      isDead = true
      return
    }
    leaveUnrecorded()
    reopenAt = now + VirtualDaemon.reopenEvery
    life.inputs.append(.failed(fault.message, now: moment, wall: wall))
    life.hasFailed = true
    core.storageFailed(fault.message, now: moment, wall: wall)
    send(laws: laws)
    leaveUnrecorded()
    finishTurn(now)
  }

  /// What was rejected since the last commit has no record and gets none.
  private mutating func leaveUnrecorded() {
    rejectsUnrecorded += rejectsSinceCommit
    rejectsSinceCommit = 0
  }

  private mutating func finishTurn(_ now: Nanoseconds) {
    turns += 1
    turnAt = now + VirtualDaemon.turnLongest
  }

  private mutating func reopen(now: Nanoseconds, wall: Int64, laws: Laws) {
    let recovery: LineLoop.Recovery
    let faults = disk.faults
    do throws(StorageFault) {
      recovery = try disk.open(settings, laws: laws, now: now)
    } catch {
      if disk.isDead {
        isDead = true
      } else if disk.faults == faults {
        laws.broken("the records do not open although nothing is wrong: \(error.message)")
      }
      reopenAt = now + VirtualDaemon.reopenEvery
      return
    }
    reopenAt = nil
    let old = core
    laws.ended(self, disk: disk)
    life = Life(
      recordsBefore: disk.records.count, beganAt: Instant(nanoseconds: now), beganWall: wall,
      failedBefore: old)
    for station in messages.indices { messages[station].removeAll() }
    store = recovery.store
    core = VirtualDaemon.core(recovery, disk, settings, mutant)
    life.begin(&core)
    laws.daemonStarted()
    send(laws: laws)
    // The next turn commits what taking over has recorded.
    turnAt = now
  }

  private mutating func step(_ event: LineEvent, _ now: Nanoseconds, _ wall: Int64) {
    let moment = Instant(nanoseconds: now)
    life.inputs.append(.event(event, now: moment, wall: wall))
    core.step(event, now: moment, wall: wall)
  }

  /// Oldest first, so that a message and its trigger keep their order.
  private mutating func drain(wall: Int64, laws: Laws) {
    while true {
      var earliest = frames.first?.at ?? Int64.max
      var source: Int?
      for station in links.indices {
        if let event = links[station].events.first, event.at < earliest {
          earliest = event.at
          source = station
        }
      }
      if let source {
        let event = links[source].events.removeFirst()
        laws.loopHears(event.event)
        if case .linked(let generation, let isNewEpoch, _) = event.event {
          linked(generation, isNewEpoch: isNewEpoch, station: source)
        }
        step(.plc(station: source, said(event.event)), event.at, wall)
      } else if let frame = frames.first {
        frames.removeFirst()
        step(frame.event, frame.at, wall)
      } else {
        return
      }
    }
  }

  /// Carries out what the core wants done, in two rounds as `LineLoop` does: an order that finds no room is an event.
  private mutating func send(laws: Laws) {
    for _ in 0..<2 {
      let actions = core.outbox.actions
      core.outbox.actions.removeAll()
      if actions.isEmpty { return }
      var refused = 0
      for action in actions {
        switch action {
        case .order(let station, let order): if !post(order, station) { refused += 1 }
        case .reply(let id, let result): replied(id, result)
        case .notice(let notice): laws.note(notice)
        case .secondStop, .containment: break
        }
      }
      if refused > 0 {
        step(
          .eventsLost(what: "orders to the PLC", count: refused), laws.now, laws.wall)
      }
    }
  }

  private mutating func replied(_ id: UInt64, _ result: CommandResult) {
    replies.append((id: id, result: result))
    if mutant == .releasesAlways, case .refused("the line cannot be released", _) = result {
      for station in links.indices {
        post(.header(HostHeader(generation: lastGenerations[station], permit: true)), station)
      }
    }
  }

  /// Hands an order to a link; false: there was no room.
  @discardableResult
  private mutating func post(_ order: PLCOrder, _ station: Int) -> Bool {
    if ringsFull.orders > 0 {
      ringsFull.orders -= 1
      links[station].hasLostOrders = true
      return false
    }
    switch order {
    case .verdict(let generation, let unit, .accept, _):
      acceptedUnits[station].insert(unit)
      switch mutant {
      case .acceptsNeighbour:
        links[station].orders.append(
          .verdict(generation: generation, unit: Counter.next(after: unit), .accept))
      default: links[station].orders.append(order)
      }
    case .verdict(_, let unit, _, _):
      rejectsSinceCommit += 1
      if mutant == .skipsWithdrawals, acceptedUnits[station].contains(unit) { return true }
      links[station].orders.append(order)
    default: links[station].orders.append(order)
    }
    return true
  }

  // MARK: Mutants

  private func said(_ event: PLCEvent) -> PLCEvent {
    guard mutant == .everyRejectSeen, case .outcome(let sequence, let unit, let code) = event,
      code == Line.Outcome.rejectNotSeen.rawValue
    else { return event }
    return .outcome(sequence: sequence, unit: unit, outcome: Line.Outcome.rejected.rawValue)
  }

  private mutating func linked(
    _ generation: LinkGeneration, isNewEpoch: Bool, station: Int
  ) {
    lastGenerations[station] = generation
    guard mutant == .resendsAccepts, !isNewEpoch else { return }
    for unit in acceptedUnits[station].sorted() {
      links[station].orders.append(.verdict(generation: generation, unit: unit, .accept))
    }
  }

  private mutating func sendTooSoon(_ records: [Record]) {
    for record in records {
      switch (mutant, record.kind) {
      case (.acceptsBeforeRecord, .verdict) where record.code == Verdict.accept.rawValue:
        let station = Int(record.station)
        post(
          .verdict(generation: lastGenerations[station], unit: record.unit, .accept), station)
      case (.permitBeforeRecord, .permitGiven):
        for station in links.indices {
          post(.header(HostHeader(generation: lastGenerations[station], permit: true)), station)
        }
      case (.acknowledgesBeforeRecord, .outcome):
        let station = Int(record.station)
        post(
          .recorded(
            generation: lastGenerations[station],
            outcome: UInt16(truncatingIfNeeded: record.number)), station)
      case (_, _): break
      }
    }
  }
}

extension VirtualDaemon.Life {
  /// Begins as `Composition.recover` and, after a storage fault, `LineLoop` do it.
  func begin(_ core: inout LineController) {
    core.begin(
      detail: "virtual", recorded: RecordedSettings.encoded(core.settings), wall: beganWall,
      now: beganAt, boot: "virtual")
    if let failedBefore { core.resume(after: failedBefore, now: beganAt, wall: beganWall) }
  }
}
