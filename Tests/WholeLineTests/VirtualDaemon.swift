import Devices
import Line
import PLCLink
import Simulation

/// The daemon in virtual time: the real core, session and framer, joined as `LineLoop` and `Composition` join them.
///
/// A turn has two halves, as the second law wants it: step and send what is safe, then - when the disk has answered - send
/// what is permissive. Between the halves the world goes on, and the daemon may be killed there.
struct VirtualDaemon {
  /// What the core was told, so that it can be told again (law 8).
  enum Input {
    case event(LineEvent, now: Instant, wall: Int64)
    case committed(now: Instant)
    case failed(now: Instant, wall: Int64)
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
  static let failure = "the disk does not answer"

  let settings: LineSettings
  let mutant: Mutant?
  private(set) var core: LineController
  var link: VirtualLink
  private(set) var life: Life
  private(set) var turns: UInt64 = 0
  /// Verdicts other than accept that went out and whose records are not on disk.
  private(set) var rejectsUnrecorded = 0
  /// Answers to commands, oldest first.
  var replies: [(id: UInt64, result: CommandResult)] = []
  /// Messages as the framer gave them to the core, in order.
  private(set) var messages: [[UInt8]] = []
  /// The loop stands still until then, as on a swapped-out machine.
  var stalledUntil: Nanoseconds = 0

  private var framer: Framer
  private var frames: [(at: Nanoseconds, event: LineEvent)] = []
  private var heldMessage: [UInt8]?
  private var commands: [(id: UInt64, LineCommand)] = []
  private var phase: Phase = .asleep
  private var turnAt: Nanoseconds
  private var reopenAt: Nanoseconds?
  private(set) var rejectsInTurn = 0
  private var lastGeneration: LinkGeneration = 0
  private var acceptedUnits: Set<UInt16> = []

  /// Starts as the daemon does: replay, begin, links from where the records end.
  init(
    _ settings: LineSettings, link: VirtualLink.Settings, framer: Framer, disk: VirtualDisk,
    mutant: Mutant?, now: Nanoseconds, wall: Int64, laws: Laws
  ) {
    self.settings = settings
    self.mutant = mutant
    self.framer = framer
    core = VirtualDaemon.recovered(disk, settings, mutant)
    life = Life(
      recordsBefore: disk.records.count, beganAt: Instant(nanoseconds: now), beganWall: wall)
    turnAt = now
    let resume = core.resumePoint(station: 0)
    self.link = VirtualLink(
      link, mark: BlockSession.OutcomeMark(epoch: resume.epoch, sequence: resume.outcome), now: now)
    life.begin(&core)
    laws.daemonStarted()
  }

  /// Whether all that the core decided is on disk, and nothing waits for it.
  var isSettled: Bool {
    phase == .asleep && reopenAt == nil && !hasWork && !life.hasFailed
      && core.outbox.records.isEmpty
  }

  private static func recovered(
    _ disk: VirtualDisk, _ settings: LineSettings, _ mutant: Mutant?
  ) -> LineController {
    guard mutant == .forgetsVerdicts else { return disk.recover(settings) }
    return disk.withoutVerdicts.recover(settings)
  }

  /// When it has something to do.
  var nextEvent: Nanoseconds {
    var next = link.nextEvent ?? Int64.max
    switch phase {
    case .committing(_, let until): next = min(next, max(until, stalledUntil))
    case .asleep:
      let turn = hasWork ? 0 : min(turnAt, core.deadline?.nanoseconds ?? turnAt)
      next = min(next, max(turn, stalledUntil))
    }
    return next
  }

  private var hasWork: Bool { !frames.isEmpty || !link.events.isEmpty || !commands.isEmpty }

  // MARK: What comes in

  /// The scanner's bytes, as one read.
  mutating func hear(_ bytes: [UInt8], now: Nanoseconds) {
    var came: [[UInt8]] = []
    bytes.withUnsafeBytes { framer.append($0) { came.append(Array($0)) } }
    for message in came {
      messages.append(message)
      var given = message
      if mutant == .changesCase {
        given = message.map { (0x61...0x7A).contains($0) ? $0 - 0x20 : $0 }
      }
      if mutant == .oneMessageLate {
        defer { heldMessage = given }
        guard let held = heldMessage else { continue }
        given = held
        heldMessage = message
        frames.append((at: now, event: .message(scanner: 0, bytes: given)))
        continue
      }
      frames.append((at: now, event: .message(scanner: 0, bytes: given)))
    }
  }

  /// The scanner's cable came or went; half a message belongs to nothing.
  mutating func scanner(isThere: Bool, now: Nanoseconds) {
    framer.reset()
    frames.append(
      (
        at: now,
        event: isThere ? .scannerOnline(0) : .scannerOffline(0, reason: "it hung up")
      ))
  }

  /// A person orders something.
  mutating func command(_ id: UInt64, _ command: LineCommand) { commands.append((id, command)) }

  // MARK: The line loop

  /// Everything that the loop does at `now`.
  mutating func turn(
    now: Nanoseconds, wall: Int64, disk: inout VirtualDisk, laws: Laws
  ) {
    guard now >= stalledUntil else { return }
    switch phase {
    case .committing(let records, let until):
      guard now >= until else { return }
      phase = .asleep
      finish(records, now: now, wall: wall, disk: &disk, laws: laws)
    case .asleep:
      guard hasWork || now >= min(turnAt, core.deadline?.nanoseconds ?? turnAt) else { return }
      drain(wall: wall)
      for (id, command) in commands { step(.command(id: id, command, actor: "person"), now, wall) }
      commands.removeAll()
      step(.tick, now, wall)
      rejectsInTurn = 0
      send(laws: laws)
      if let due = reopenAt {
        core.outbox.records.removeAll()
        rejectsUnrecorded += rejectsInTurn
        finishTurn(now)
        if now >= due { reopen(now: now, wall: wall, disk: disk, laws: laws) }
        return
      }
      beginCommit(now: now, wall: wall, disk: &disk, laws: laws)
    }
  }

  private mutating func beginCommit(
    now: Nanoseconds, wall: Int64, disk: inout VirtualDisk, laws: Laws
  ) {
    let records = core.outbox.records
    core.outbox.records.removeAll()
    life.records += records
    laws.emitted(records)
    if mutant != nil { sendTooSoon(records) }
    if records.isEmpty {
      finish([], now: now, wall: wall, disk: &disk, laws: laws)
    } else {
      phase = .committing(records, until: now + disk.latency)
    }
  }

  private mutating func finish(
    _ records: [Record], now: Nanoseconds, wall: Int64, disk: inout VirtualDisk, laws: Laws
  ) {
    let moment = Instant(nanoseconds: now)
    if !records.isEmpty, disk.isBroken || disk.failsOnce {
      // After a sync that failed nobody knows what is on the disk; that one time it is all there.
      if !disk.isBroken {
        disk.append(records, wall: wall)
        laws.durable(records, now: now)
      }
      disk.failsOnce = false
      rejectsUnrecorded += rejectsInTurn
      reopenAt = now + VirtualDaemon.reopenEvery
      life.inputs.append(.failed(now: moment, wall: wall))
      life.hasFailed = true
      core.storageFailed(VirtualDaemon.failure, now: moment, wall: wall)
      rejectsInTurn = 0
      send(laws: laws)
      rejectsUnrecorded += rejectsInTurn
      finishTurn(now)
      return
    }
    disk.append(records, wall: wall)
    laws.durable(records, now: now)
    rejectsInTurn = 0
    life.inputs.append(.committed(now: moment))
    core.committed(now: moment)
    send(laws: laws)
    finishTurn(now)
  }

  private mutating func finishTurn(_ now: Nanoseconds) {
    turns += 1
    turnAt = now + VirtualDaemon.turnLongest
  }

  private mutating func reopen(now: Nanoseconds, wall: Int64, disk: VirtualDisk, laws: Laws) {
    guard !disk.isBroken else {
      reopenAt = now + VirtualDaemon.reopenEvery
      return
    }
    reopenAt = nil
    let old = core
    laws.ended(self, disk: disk)
    life = Life(
      recordsBefore: disk.records.count, beganAt: Instant(nanoseconds: now), beganWall: wall,
      failedBefore: old)
    messages.removeAll()
    core = VirtualDaemon.recovered(disk, settings, mutant)
    life.begin(&core)
    laws.daemonStarted()
    rejectsInTurn = 0
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
  private mutating func drain(wall: Int64) {
    while true {
      let message = frames.first
      if let event = link.events.first, event.at < message?.at ?? Int64.max {
        link.events.removeFirst()
        if case .linked(let generation, let isNewEpoch, _) = event.event {
          linked(generation, isNewEpoch: isNewEpoch)
        }
        step(.plc(station: 0, event.event), event.at, wall)
      } else if let message {
        frames.removeFirst()
        step(message.event, message.at, wall)
      } else {
        return
      }
    }
  }

  private mutating func send(laws: Laws) {
    for action in core.outbox.actions {
      switch action {
      case .order(_, let order): post(order)
      case .reply(let id, let result):
        replies.append((id: id, result: result))
        if mutant == .releasesAlways, case .refused("the line cannot be released", _) = result {
          post(.header(HostHeader(generation: lastGeneration, permit: true)))
        }
      case .notice(let notice): laws.note(notice)
      case .secondStop: break
      }
    }
    core.outbox.actions.removeAll()
  }

  private mutating func post(_ order: PLCOrder) {
    switch order {
    case .verdict(let generation, let unit, .accept):
      acceptedUnits.insert(unit)
      switch mutant {
      case .acceptsNeighbour:
        link.orders.append(
          .verdict(generation: generation, unit: Counter.next(after: unit), .accept))
      default: link.orders.append(order)
      }
    case .verdict(_, let unit, _):
      rejectsInTurn += 1
      if mutant == .skipsWithdrawals, acceptedUnits.contains(unit) { return }
      link.orders.append(order)
    default: link.orders.append(order)
    }
  }

  // MARK: Mutants

  private mutating func linked(_ generation: LinkGeneration, isNewEpoch: Bool) {
    lastGeneration = generation
    guard mutant == .resendsAccepts, !isNewEpoch else { return }
    for unit in acceptedUnits.sorted() {
      link.orders.append(.verdict(generation: generation, unit: unit, .accept))
    }
  }

  private mutating func sendTooSoon(_ records: [Record]) {
    for record in records {
      switch (mutant, record.kind) {
      case (.acceptsBeforeRecord, .verdict) where record.code == Verdict.accept.rawValue:
        post(.verdict(generation: lastGeneration, unit: record.unit, .accept))
      case (.permitBeforeRecord, .permitGiven):
        post(.header(HostHeader(generation: lastGeneration, permit: true)))
      case (.acknowledgesBeforeRecord, .outcome):
        post(
          .recorded(
            generation: lastGeneration, outcome: UInt16(truncatingIfNeeded: record.number)))
      case (_, _): break
      }
    }
  }
}

extension VirtualDaemon.Life {
  /// Begins as `Composition.recover` and, after a storage fault, `LineLoop` do it.
  func begin(_ core: inout LineController) {
    core.begin(detail: "virtual", wall: beganWall)
    if let failedBefore { core.resume(after: failedBefore, now: beganAt, wall: beganWall) }
  }
}
