import Alarms
import Devices
import Line
import PLCLink
import Simulation

/// One run of a whole line in virtual time: no thread, no socket, no sleep; the seed decides everything.
///
/// ```
///   conveyor, scanner ── bytes ──► Framer ──► LineController ◄──► BlockSession ── telegrams ──► SimulatedPLC
///      (Simulation)                             │     ▲                              (Wire)
///                                     records ──► VirtualDisk              Laws looks at all of it
/// ```
struct WholeLine {
  /// How a run ended.
  struct Result {
    var violations: [String]
    var story: [String]
    var steps: Int
    var units: Int
    var passed: Int
    var mischief: Int
    var kills: Int
    var releases: Int
  }

  private let plan: Plan
  private let mutant: Mutant?
  private let laws: Laws
  private var now = Plan.begin
  private var line: SimulatedLine
  private var disk: VirtualDisk
  private var wire: Wire
  private var person: Person
  private var random: SeededRandom
  private var daemon: VirtualDaemon?
  private var restartAt: Nanoseconds?
  private var resumeAt: Nanoseconds?
  /// Bytes that nobody has read yet, because the process stands still.
  private var unread: [UInt8] = []
  private var waiting: [(at: Nanoseconds, what: Mischief)]
  private var mending: [(at: Nanoseconds, what: Mischief)] = []
  private var orphans: [(at: Nanoseconds, write: RegisterWrite)] = []
  private var wallShift: Int64 = 0
  private var kills = 0
  private var rejectsUnrecorded = 0
  private var isDisturbed = false
  private var stepsAtMoment = 0
  /// The cable came back while the process stood still.
  private var isScannerToOpen = false

  init(_ plan: Plan, mutant: Mutant? = nil) {
    self.plan = plan
    self.mutant = mutant
    random = SeededRandom(seed: plan.seed ^ 0x5DEE_CE66)
    line = SimulatedLine(plan.line, seed: random.next(), now: Plan.begin)
    disk = VirtualDisk(plan.line.batch)
    wire = Wire(random: random.split())
    person = Person(random: random.split(), restlessness: plan.restlessness)
    laws = Laws(plan.line.batch, blocks: plan.link.blocks)
    waiting = plan.mischief
  }

  private var wall: Int64 { 1_795_000_000_000 + now / 1_000_000 + wallShift }

  /// Runs to the end, or to the first broken law.
  mutating func run() -> Result {
    laws.now = now
    start()
    while now < plan.end, laws.violations.isEmpty { step() }
    if laws.violations.isEmpty { comeBack() }
    return Result(
      violations: laws.violations, story: laws.story, steps: laws.steps,
      units: line.truth.units.count, passed: line.truth.units.count { $0.end == .passed },
      mischief: plan.mischief.count, kills: kills, releases: person.releases)
  }

  // MARK: One step

  private mutating func step() {
    var next = line.nextEvent ?? Int64.max
    next = min(next, waiting.first?.at ?? Int64.max)
    next = min(next, mending.map(\.at).min() ?? Int64.max)
    next = min(next, orphans.map(\.at).min() ?? Int64.max)
    next = min(next, restartAt ?? Int64.max)
    next = min(next, resumeAt ?? Int64.max)
    // While the process stands still a command waits in its socket.
    if resumeAt == nil { next = min(next, person.nextLook) }
    if let daemon {
      next = min(next, daemon.link.nextExecution ?? Int64.max)
      if resumeAt == nil { next = min(next, daemon.nextEvent) }
    }
    stepsAtMoment = next > now ? 0 : stepsAtMoment + 1
    if stepsAtMoment > 1000 {
      laws.broken("time stands still: somebody wants a turn and does nothing")
    }
    now = max(now, next)
    laws.now = now
    misfortune()
    for chunk in line.step(to: now) { hear(chunk.bytes) }
    while let index = orphans.firstIndex(where: { $0.at <= now }) {
      let write = orphans.remove(at: index).write
      if line.plc.isPowered { try? line.plc.write(write.address, write.words) }
    }
    daemon?.link.execute(now: now, plc: &line.plc, laws: laws)
    if resumeAt == nil { live() }
    lookAtDisturbance()
    laws.check(line)
  }

  private mutating func live() {
    let turnsBefore = daemon?.turns ?? 0
    daemon?.link.advance(
      now: now, wire: &wire, plc: &line.plc, turns: turnsBefore, laws: laws)
    let wall = wall
    daemon?.turn(now: now, wall: wall, disk: &disk, laws: laws)
    // Orders go out at the same moment.
    let turns = daemon?.turns ?? 0
    daemon?.link.advance(now: now, wire: &wire, plc: &line.plc, turns: turns, laws: laws)
    guard now >= person.nextLook else { return }
    person.look(&daemon, disk: disk, settings: plan.settings, now: now, laws: laws)
  }

  private mutating func hear(_ bytes: [UInt8]) {
    if resumeAt != nil {
      unread += bytes
    } else {
      daemon?.hear(bytes, now: now)
    }
  }

  /// A withdrawal on its way may be lost while telegrams are; the truth has to know.
  private mutating func lookAtDisturbance() {
    let disturbed =
      !laws.isLinked || resumeAt != nil || now < daemon?.stalledUntil ?? 0
      || mending.contains { $0.what.disturbs } || daemon?.link.waits ?? true
    guard disturbed != isDisturbed else { return }
    isDisturbed = disturbed
    line.setLinkDisturbed(disturbed)
    laws.healthy(!disturbed)
  }

  // MARK: Misfortune

  private mutating func misfortune() {
    while let index = mending.firstIndex(where: { $0.at <= now }) {
      mend(mending.remove(at: index).what)
    }
    while let first = waiting.first, first.at <= now {
      waiting.removeFirst()
      happen(first.what)
    }
    if let resumeAt, resumeAt <= now { resume() }
    if let restartAt, restartAt <= now { start() }
  }

  private mutating func happen(_ what: Mischief) {
    laws.tell("misfortune: \(what)")
    switch what {
    case .cableOut(let span):
      guard line.isScannerConnected else { return }
      line.setScannerConnected(false, isReadAtOnce: unread.isEmpty)
      unread.removeAll()
      daemon?.scanner(isThere: false, now: now)
      mending.append((at: now + span, what: what))
    case .linkCut(let span):
      wire.isCut = true
      daemon?.link.reset(now: now, wire: &wire, plc: &line.plc, laws: laws)
      mending.append((at: now + span, what: what))
    case .plcSilent(let span):
      wire.isSilent = true
      mending.append((at: now + span, what: what))
    case .lateReplies(let lateness, let span):
      wire.lateness = lateness
      mending.append((at: now + span, what: what))
    case .lostReplies(let count):
      wire.repliesToLose = count
      mending.append((at: now + .milliseconds(600) * Int64(count), what: what))
    case .lostRequests(let count):
      wire.requestsToLose = count
      mending.append((at: now + .milliseconds(600) * Int64(count), what: what))
    case .plcOff(let span):
      guard line.plc.isPowered else { return }
      line.setPower(false, now: now)
      daemon?.link.reset(now: now, wire: &wire, plc: &line.plc, laws: laws)
      mending.append((at: now + span, what: what))
    case .plcRestart:
      guard line.plc.isPowered else { return }
      line.setPower(false, now: now)
      line.setPower(true, now: now)
    case .input(let bits, let span):
      line.setInput(SimulatedPLC.Inputs(rawValue: bits), true)
      mending.append((at: now + span, what: what))
    case .pause(let span):
      guard daemon != nil else { return }
      resumeAt = max(resumeAt ?? 0, now + span)
    case .stall(let span):
      daemon?.stalledUntil = now + span
    case .kill(let span): kill(for: span)
    case .diskBroken(let span):
      disk.isBroken = true
      mending.append((at: now + span, what: what))
    case .diskFailsOnce: disk.failsOnce = true
    case .diskSlow(let latency, let span):
      disk.latency = latency
      mending.append((at: now + span, what: what))
    case .clockBack(let milliseconds): wallShift -= milliseconds
    case .unfed(let span):
      line.setFed(false)
      mending.append((at: now + span, what: what))
    }
  }

  private mutating func mend(_ what: Mischief) {
    laws.tell("mended: \(what)")
    switch what {
    case .cableOut:
      line.setScannerConnected(true)
      if resumeAt == nil {
        daemon?.scanner(isThere: true, now: now)
      } else {
        isScannerToOpen = true
      }
    case .linkCut: wire.isCut = false
    case .plcSilent: wire.isSilent = false
    case .lateReplies: wire.lateness = 0
    case .lostReplies: wire.repliesToLose = 0
    case .lostRequests: wire.requestsToLose = 0
    case .plcOff: line.setPower(true, now: now)
    case .input(let bits, _): line.setInput(SimulatedPLC.Inputs(rawValue: bits), false)
    case .diskBroken: disk.isBroken = false
    case .diskSlow: disk.latency = 400_000
    case .unfed: line.setFed(true)
    case .plcRestart, .pause, .stall, .kill, .diskFailsOnce, .clockBack: break
    }
  }

  private mutating func kill(for span: Nanoseconds) {
    guard let killed = daemon else { return }
    kills += 1
    rejectsUnrecorded += killed.rejectsUnrecorded + killed.rejectsInTurn
    if let write = killed.link.writeUnderWay, random.below(2) == 0 {
      orphans.append((at: now + Nanoseconds(random.below(2_000_000)), write: write))
    }
    laws.ended(killed, disk: disk)
    laws.daemonEnded()
    daemon = nil
    isScannerToOpen = false
    resumeAt = nil
    unread.removeAll()
    disk.failsOnce = false
    restartAt = now + span
  }

  private mutating func start() {
    // A full disk keeps the daemon from starting; systemd tries again.
    guard !disk.isBroken else {
      restartAt = now + .milliseconds(500)
      return
    }
    restartAt = nil
    daemon = VirtualDaemon(
      plan.settings, link: plan.link, framer: Framer(prefix: plan.prefix, suffix: plan.suffix),
      disk: disk, mutant: mutant, now: now, wall: wall, laws: laws)
    if line.isScannerConnected { daemon?.scanner(isThere: true, now: now) }
  }

  private mutating func resume() {
    resumeAt = nil
    if isScannerToOpen, line.isScannerConnected { daemon?.scanner(isThere: true, now: now) }
    isScannerToOpen = false
    guard !unread.isEmpty else { return }
    daemon?.hear(unread, now: now)
    unread.removeAll()
  }

  // MARK: The end

  /// All is mended: the line has to come back, every unit to its end, and truth and records to agree.
  private mutating func comeBack() {
    laws.tell("all is mended")
    for (_, what) in mending { mend(what) }
    mending.removeAll()
    waiting.removeAll()
    if resumeAt != nil { resumeAt = now }
    daemon?.stalledUntil = 0
    person.restlessness = 0
    person.isMending = true
    line.setFed(false)
    // A minute is a dozen times what the slowest seed needs; a line that is not back by then never will be.
    let patience = now + .seconds(60)
    // Packs of a paused batch that stand before the gate keep it from being started again (contract, "What becomes of a
    // serial"), and without a batch nothing moves them there: somebody clears them and starts the PLC anew.
    let clearing = now + .seconds(20)
    var isCleared = false
    while laws.violations.isEmpty, !isQuiet {
      if !isCleared, now >= clearing, daemon?.core.status.batch?.state == .paused {
        isCleared = true
        happen(.plcRestart)
      }
      guard now < patience else {
        laws.broken("the line did not come back: \(person.lastAnswer)")
        return
      }
      step()
    }
    person.isLeaving = true
    while laws.violations.isEmpty, !person.hasLeft {
      guard now < patience + .seconds(20) else {
        laws.broken("the batch could not be closed: \(person.lastAnswer)")
        return
      }
      // What the serials are is asked before closing lets the pool go.
      if person.isAboutToClose, let daemon, daemon.isSettled { reckon(daemon) }
      step()
    }
    guard laws.violations.isEmpty, let daemon else { return }
    laws.ended(daemon, disk: disk)
  }

  /// Nothing is on the belt, every outcome is recorded, and the core has nothing open.
  private var isQuiet: Bool {
    guard line.isEmpty, let daemon, daemon.isSettled, laws.isLinked else { return false }
    let station = daemon.core.status.stations[0]
    return station.openUnits == 0 && station.inStep
  }

  private var hasPaused: Bool {
    plan.mischief.contains { if case .pause = $0.what { true } else { false } }
  }

  private var hasStalled: Bool {
    plan.mischief.contains { if case .stall = $0.what { true } else { false } }
  }

  private var hasFailedDisk: Bool {
    plan.mischief.contains {
      switch $0.what {
      case .diskBroken, .diskFailsOnce: true
      default: false
      }
    }
  }

  private mutating func reckon(_ daemon: VirtualDaemon) {
    person.isAboutToClose = false
    laws.ended(daemon, disk: disk)
    let status = daemon.core.status
    let counters = status.stations[0].counters
    var rejectedBy: [String: JSONValue] = [:]
    for (verdict, count) in counters.rejectedBy.enumerated() where count > 0 {
      rejectedBy[String(verdict)] = .number(Double(count))
    }
    let said: JSONValue = .object([
      "batch": .object(["commissioned": .number(Double(status.commissioned))]),
      "stations": .array([
        .object([
          "units": .number(Double(counters.units)), "accepted": .number(Double(counters.accepted)),
          "passed": .number(Double(counters.passed)), "rejected_by": .object(rejectedBy),
        ])
      ]),
    ])
    guard let pool = status.batch?.pool else {
      laws.broken("no batch at the end")
      return
    }
    var serials: [String: Reckoning.SerialState] = [:]
    for unit in line.truth.units {
      guard let serial = unit.pack.serial else { continue }
      let row = pool.row(of: Array(serial.utf8).span)
      serials[serial] = row.map { .state(pool.word(at: $0).state.word) } ?? .unknown
    }
    let reckoning = Reckoning(
      truth: line.truth, status: said, serials: serials,
      kills: rejectsUnrecorded + daemon.rejectsUnrecorded)
    // A verdict that no record holds is told by the outcome, and of that a PLC that starts anew knows nothing.
    let unrecorded = rejectsUnrecorded + daemon.rejectsUnrecorded
    let untold = line.truth.units.count { $0.isForgotten && !$0.isRecorded }
    let counted = line.truth.units.count { $0.number != nil }
    let isExplained = unrecorded > 0 && counters.units >= counted - untold
    for difference in reckoning.differences {
      if isExplained, difference.hasPrefix("units:") { continue }
      // The withdrawals of a core that takes over reach only a PLC that still holds the accepts.
      if hasFailedDisk, difference.hasPrefix("verdict ") { continue }
      // A loop that stood still decides on units that are through the gate, or forgotten by the PLC, and counts them so.
      if hasStalled || hasPaused, !difference.hasPrefix("law broken"),
        !difference.hasPrefix("units:")
      {
        continue
      }
      laws.broken("reckoning: \(difference)")
    }
    // A process that stands still between trigger and message cannot know which came first; it rejects.
    if !hasPaused, let unit = line.truth.units.first(where: \.isFalseNoRead) {
      laws.broken("unit \(unit.number ?? 0) got a no-read, and its message was sent in time")
    }
  }
}

extension Mischief {
  /// Whether telegrams may be late or lost while it lasts.
  var disturbs: Bool {
    switch self {
    case .linkCut, .plcSilent, .lateReplies, .lostReplies, .lostRequests, .plcOff, .diskSlow,
      .diskBroken:
      true
    default: false
    }
  }
}
