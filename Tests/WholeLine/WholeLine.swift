import Alarms
import CSimulatedDisk
import Daemon
import Line
import PLCLink
import Records
import Simulation

/// What lies around one station.
struct Bench {
  var line: SimulatedLine
  var wire: Wire
  /// Bytes that nobody has read yet, because the process stands still.
  var unread: [UInt8] = []
  /// The cable came back while the process stood still.
  var isScannerToOpen = false
  var isDisturbed = false
  /// Writes that were on the wire when the daemon died.
  var orphans: [(at: Nanoseconds, write: RegisterWrite)] = []
}

/// One run of a whole line in virtual time: no thread, no socket, no sleep; the seed decides everything.
///
/// ```
///   conveyor, scanner ── bytes ──► Framer ──► LineController ◄──► BlockSession ── telegrams ──► SimulatedPLC
///      (Simulation)                             │     ▲                              (Wire)
///                                     records ──► RecordStore ──► SimulatedDisk      Laws looks at all of it
/// ```
package struct WholeLine {
  /// How a run ended.
  package struct Result: Sendable {
    /// The first laws broken.
    package var violations: [String]
    /// What happened before.
    package var story: [String]
    /// Steps after which the laws were asked.
    package var steps: Int
    /// Virtual time for which the line was watched.
    package var nanoseconds: Int64
    /// Units of all stations.
    package var units: Int
    /// Those of them that passed.
    package var passed: Int
    /// What went wrong.
    package var mischief: Int
    /// Times that the process died.
    package var kills: Int
    /// Times of them that the power went too.
    package var cuts: Int
    /// Times that the disk answered with a fault.
    package var faults: Int
    /// Times that the whole chain was verified by the product's own means.
    package var verifications: Int
    /// Records on disk at the end.
    package var records: Int
    /// Challenge tests that were passed.
    package var challenges: Int
  }

  private let plan: Plan
  private let mutant: Mutant?
  private let laws: Laws
  private var now = Plan.begin
  private var benches: [Bench]
  private let disk: SimulatedDisk
  private var person: Person
  private var random: SeededRandom
  private var daemon: VirtualDaemon?
  private var restartAt: Nanoseconds?
  private var resumeAt: Nanoseconds?
  private var waiting: [(at: Nanoseconds, station: Int, what: Mischief)]
  private var mending: [(at: Nanoseconds, station: Int, what: Mischief)] = []
  private var wallShift: Int64 = 0
  private var kills = 0
  /// What is about to kill the daemon at a boundary.
  private var death: Mischief.Death?
  private var rejectsUnrecorded = 0
  private var stepsAtMoment = 0

  /// A line of this plan that has not begun.
  ///
  /// `storyMax` of the last things that happened are told when a law is broken.
  package init(_ plan: Plan, mutant: Mutant? = nil, storyMax: Int = 200) {
    self.plan = plan
    self.mutant = mutant
    var random = SeededRandom(seed: plan.seed ^ 0x5DEE_CE66)
    benches = plan.machines.map { machine in
      Bench(
        line: SimulatedLine(machine.line, seed: random.next(), now: Plan.begin),
        wire: Wire(random: random.split()))
    }
    disk = SimulatedDisk(
      plan.batch, isPrinted: plan.settings.orderWindow != nil, random: random.split())
    person = Person(
      random: random.split(), restlessness: plan.restlessness, challenges: plan.challenges,
      cases: plan.cases)
    laws = Laws(plan.batch, plan, storyMax: storyMax)
    waiting = plan.mischief
    self.random = random
    switch mutant {
    case .diskLies: disk.lie(every: 1)
    case .diskLiesAtTimes: disk.lie(every: 4)
    default: break
    }
  }

  private var wall: Int64 { 1_795_000_000_000 + now / 1_000_000 + wallShift }

  /// Runs to the end, or to the first broken law.
  package mutating func run() -> Result {
    laws.now = now
    laws.wall = wall
    age()
    start()
    while now < plan.end, laws.violations.isEmpty { step() }
    if laws.violations.isEmpty { comeBack() }
    if laws.violations.isEmpty { inspect() }
    disk.kill()
    daemon?.end()
    let units = benches.flatMap(\.line.truth.units)
    return Result(
      violations: laws.violations, story: laws.violations.isEmpty ? [] : laws.story,
      steps: laws.steps,
      nanoseconds: now - Plan.begin, units: units.count,
      passed: units.count { $0.end == .passed }, mischief: plan.mischief.count, kills: kills,
      cuts: Int(disk.cuts), faults: Int(disk.faults), verifications: disk.verifications,
      records: disk.records.count, challenges: laws.challengesPassed)
  }

  /// Lets the numbers of some stations begin where a long run has brought them.
  private mutating func age() {
    guard plan.machines.contains(where: { $0.age != nil }) else { return }
    let moment = Instant(nanoseconds: now)
    do throws(StorageFault) {
      let recovery = try disk.open(plan.settings, laws: laws, now: now)
      var core = recovery.core
      core.begin(
        detail: "before", recorded: RecordedSettings.encoded(plan.settings), wall: wall)
      for (station, machine) in plan.machines.enumerated() {
        guard let number = machine.age else { continue }
        benches[station].line.plc.age(to: number)
        let epoch = benches[station].line.plc.epoch
        let snapshot = PLCSnapshot(
          mapVersion: 1, lastUnit: number, verdictTaken: number, epoch: epoch)
        for event in [
          PLCEvent.linked(generation: 1, newEpoch: true, snapshot),
          .outcome(sequence: number, unit: number, outcome: Line.Outcome.rejected.rawValue),
          .lost(.reconnecting),
        ] {
          if case .outcome = event, !plan.settings.stations[station].gateOutcomes { continue }
          core.step(.plc(station: station, event), now: moment, wall: wall)
        }
        laws.age(station: station, epoch: epoch, to: number)
      }
      for record in core.outbox.records {
        try recovery.store.append(record, at: moment, wall: wall)
      }
      try recovery.store.commit()
      recovery.store.close()
      disk.acknowledge(core.outbox.records, wall: wall)
    } catch {
      laws.broken("the records of before cannot be written: \(error.message)")
    }
  }

  // MARK: One step

  /// When the next thing happens; mutating only to look at the benches in place.
  private mutating func nextMoment() -> Nanoseconds {
    var next = waiting.first?.at ?? Int64.max
    for index in benches.indices {
      next = min(next, WholeLine.nextEvent(&benches[index].line))
      for orphan in benches[index].orphans { next = min(next, orphan.at) }
    }
    for mend in mending { next = min(next, mend.at) }
    next = min(next, restartAt ?? Int64.max)
    next = min(next, resumeAt ?? Int64.max)
    // While the process stands still a command waits in its socket.
    if resumeAt == nil { next = min(next, person.nextLook) }
    if daemon != nil {
      next = min(next, daemon?.nextMoment(isStopped: resumeAt != nil) ?? Int64.max)
    }
    return next
  }

  private static func nextEvent(_ line: inout SimulatedLine) -> Nanoseconds {
    line.nextEvent ?? Int64.max
  }

  private mutating func step() {
    let next = nextMoment()
    stepsAtMoment = next > now ? 0 : stepsAtMoment + 1
    if stepsAtMoment > 1000 {
      laws.broken("time stands still: somebody wants a turn and does nothing")
    }
    now = max(now, next)
    laws.now = now
    laws.wall = wall
    misfortune()
    for index in benches.indices {
      for chunk in benches[index].line.step(to: now) { hear(chunk.bytes, station: index) }
      while let orphan = benches[index].orphans.firstIndex(where: { $0.at <= now }) {
        let write = benches[index].orphans.remove(at: orphan).write
        if benches[index].line.plc.isPowered {
          try? benches[index].line.plc.write(write.address, write.words)
        }
      }
      daemon?.links[index].execute(now: now, plc: &benches[index].line.plc, laws: laws)
    }
    if resumeAt == nil { live() }
    lookAtDisturbance()
    laws.steps += 1
    for index in benches.indices { laws.check(&benches[index].line, station: index) }
  }

  private mutating func live() {
    advance()
    let wall = wall
    daemon?.turn(now: now, wall: wall, laws: laws)
    if daemon?.isDead ?? false {
      buried()
      return
    }
    // Orders go out at the same moment.
    advance()
    guard now >= person.nextLook else { return }
    person.look(&daemon, disk: disk, settings: plan.settings, now: now, laws: laws)
    for pack in person.packsToSend { benches[pack.station].line.ask(for: pack.fault) }
    person.packsToSend.removeAll()
  }

  private mutating func advance() {
    guard let turns = daemon?.turns else { return }
    for index in benches.indices {
      daemon?.advance(index, &benches[index], now: now, turns: turns, laws: laws)
    }
  }

  private mutating func hear(_ bytes: [UInt8], station: Int) {
    if resumeAt != nil {
      benches[station].unread += bytes
    } else {
      daemon?.hear(bytes, station: station, now: now)
    }
  }

  /// A withdrawal on its way may be lost while telegrams are; the truth has to know.
  private mutating func lookAtDisturbance() {
    for index in benches.indices {
      let disturbed =
        !laws.isLinked(index) || resumeAt != nil || now < daemon?.stalledUntil ?? 0
        || mending.contains { $0.what.disturbs && ($0.station == index || $0.what.isOfDisk) }
        || daemon?.links[index].waits ?? true
      guard disturbed != benches[index].isDisturbed else { continue }
      benches[index].isDisturbed = disturbed
      benches[index].line.setLinkDisturbed(disturbed)
      laws.healthy(!disturbed, station: index)
    }
  }

  // MARK: Misfortune

  private mutating func misfortune() {
    while let index = mending.firstIndex(where: { $0.at <= now }) {
      let mended = mending.remove(at: index)
      mend(mended.what, station: mended.station)
    }
    while let first = waiting.first, first.at <= now {
      waiting.removeFirst()
      happen(first.what, station: first.station)
    }
    if let resumeAt, resumeAt <= now { resume() }
    if let restartAt, restartAt <= now { start() }
  }

  private mutating func reset(_ station: Int) {
    daemon?.reset(station, &benches[station], now: now, laws: laws)
  }

  private mutating func happen(_ what: Mischief, station: Int) {
    laws.tell("misfortune at station \(station + 1): \(what)")
    var lasts: Nanoseconds?
    switch what {
    case .cableOut(let span):
      guard benches[station].line.isScannerConnected else { return }
      benches[station].line.setScannerConnected(
        false, isReadAtOnce: benches[station].unread.isEmpty)
      benches[station].unread.removeAll()
      daemon?.scanner(station, isThere: false, now: now)
      lasts = span
    case .linkCut(let span):
      benches[station].wire.isCut = true
      reset(station)
      lasts = span
    case .plcSilent(let span):
      benches[station].wire.isSilent = true
      lasts = span
    case .lateReplies(let lateness, let span):
      benches[station].wire.lateness = lateness
      lasts = span
    case .lostReplies(let count):
      benches[station].wire.repliesToLose = count
      lasts = .milliseconds(600) * Int64(count)
    case .lostRequests(let count):
      benches[station].wire.requestsToLose = count
      lasts = .milliseconds(600) * Int64(count)
    case .plcOff(let span):
      guard benches[station].line.plc.isPowered else { return }
      benches[station].line.setPower(false, now: now)
      reset(station)
      lasts = span
    case .plcRestart:
      guard benches[station].line.plc.isPowered else { return }
      benches[station].line.setPower(false, now: now)
      benches[station].line.setPower(true, now: now)
    case .input(let bits, let span):
      benches[station].line.setInput(SimulatedPLC.Inputs(rawValue: bits), true)
      lasts = span
    case .pause(let span):
      guard daemon != nil else { return }
      resumeAt = max(resumeAt ?? 0, now + span)
    case .stall(let span):
      daemon?.stalledUntil = now + span
    case .kill(let death): condemn(death)
    case .diskBroken(let fault, let span):
      disk.fail(fault, stays: true)
      lasts = span
    case .diskFails(let fault, let after): disk.fail(fault, after: after)
    case .diskSlow(let latency, let span):
      disk.latency = latency
      lasts = span
    case .clockBack(let milliseconds): wallShift -= milliseconds
    case .unfed(let span):
      benches[station].line.setFed(false)
      lasts = span
    case .ringsFull(let messages, let orders):
      daemon?.ringsFull = VirtualDaemon.RingsFull(scanners: messages, orders: orders)
    }
    if let lasts { mending.append((at: now + lasts, station: station, what: what)) }
  }

  private mutating func mend(_ what: Mischief, station: Int) {
    laws.tell("mended at station \(station + 1): \(what)")
    switch what {
    case .cableOut:
      benches[station].line.setScannerConnected(true)
      if resumeAt == nil {
        daemon?.scanner(station, isThere: true, now: now)
      } else {
        benches[station].isScannerToOpen = true
      }
    case .linkCut: benches[station].wire.isCut = false
    case .plcSilent: benches[station].wire.isSilent = false
    case .lateReplies: benches[station].wire.lateness = 0
    case .lostReplies: benches[station].wire.repliesToLose = 0
    case .lostRequests: benches[station].wire.requestsToLose = 0
    case .plcOff: benches[station].line.setPower(true, now: now)
    case .input(let bits, _):
      benches[station].line.setInput(SimulatedPLC.Inputs(rawValue: bits), false)
    case .diskBroken: disk.fail(CSD_NOTHING)
    case .diskSlow: disk.latency = SimulatedDisk.usualLatency
    case .unfed: benches[station].line.setFed(true)
    case .plcRestart, .pause, .stall, .kill, .diskFails, .clockBack, .ringsFull: break
    }
  }

  // MARK: Death

  private mutating func condemn(_ death: Mischief.Death) {
    guard daemon != nil else { return }
    self.death = death
    switch death.at {
    case .now: buried()
    case .diskOperation(let count): disk.die(after: count)
    case .afterCommit: daemon?.diesAfterCommit = true
    }
  }

  /// The daemon is dead; what it had open is gone, and the next one starts after a while.
  private mutating func buried() {
    let death = death
    self.death = nil
    disk.kill()
    if var killed = daemon {
      rejectsUnrecorded += killed.rejectsUnrecorded + killed.rejectsSinceCommit
      for index in benches.indices {
        guard let write = killed.links[index].writeUnderWay, random.below(2) == 0 else { continue }
        benches[index].orphans.append(
          (at: now + Nanoseconds(random.below(2_000_000)), write: write))
      }
      killed.end()
      laws.ended(killed, disk: disk)
    }
    kills += 1
    laws.daemonEnded()
    person.daemonEnded()
    daemon = nil
    resumeAt = nil
    for index in benches.indices {
      benches[index].isScannerToOpen = false
      benches[index].unread.removeAll()
    }
    disk.restart(cut: death?.cutsPower ?? false)
    let cutsPower = death?.cutsPower ?? false
    laws.tell(cutsPower ? "the power goes" : "the process is killed")
    if let nextStart = death?.nextStart { disk.die(after: nextStart) }
    restartAt = now + (death?.lasts ?? .milliseconds(200))
  }

  private mutating func start() {
    restartAt = nil
    let faults = disk.faults
    do throws(StorageFault) {
      let recovery = try disk.open(plan.settings, laws: laws, now: now)
      daemon = VirtualDaemon(
        plan, recovery: recovery, disk: disk, mutant: mutant, now: now, wall: wall, laws: laws)
      for index in benches.indices where benches[index].line.isScannerConnected {
        daemon?.scanner(index, isThere: true, now: now)
      }
    } catch {
      laws.tell("the start fails: \(error.message)")
      if disk.isDead {
        buried()
      } else if disk.faults == faults {
        laws.broken("the records do not open although nothing is wrong: \(error.message)")
      } else {
        // The daemon says why and ends; systemd tries again.
        restartAt = now + .milliseconds(500)
      }
    }
  }

  private mutating func resume() {
    resumeAt = nil
    for index in benches.indices {
      if benches[index].isScannerToOpen, benches[index].line.isScannerConnected {
        daemon?.scanner(index, isThere: true, now: now)
      }
      benches[index].isScannerToOpen = false
      guard !benches[index].unread.isEmpty else { continue }
      daemon?.hear(benches[index].unread, station: index, now: now)
      benches[index].unread.removeAll()
    }
  }

  // MARK: The end

  /// All is mended: the line has to come back, every unit to its end, and truth and records to agree.
  private mutating func comeBack() {
    laws.tell("all is mended")
    for (_, station, what) in mending { mend(what, station: station) }
    mending.removeAll()
    waiting.removeAll()
    disk.die(after: -1)
    disk.fail(CSD_NOTHING)
    death = nil
    daemon?.diesAfterCommit = false
    daemon?.ringsFull = VirtualDaemon.RingsFull()
    if resumeAt != nil { resumeAt = now }
    daemon?.stalledUntil = 0
    person.restlessness = 0
    person.challenges = 0
    person.cases = 0
    person.isMending = true
    for index in benches.indices { benches[index].line.setFed(false) }
    // A minute is a dozen times what the slowest seed needs; a line that is not back by then never will be.
    let patience = now + .seconds(60)
    // Packs of a paused batch that stand before the gate keep it from being started again (contract, "What becomes of a
    // serial"), and without a batch nothing moves them there: somebody clears them and starts the PLC anew.
    let clearing = now + .seconds(20)
    var isCleared = false
    while laws.violations.isEmpty, !isQuiet {
      if !isCleared, now >= clearing, daemon?.core.status.batch?.state == .paused {
        isCleared = true
        for index in benches.indices { happen(.plcRestart, station: index) }
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

  /// Nothing is on a belt, every outcome is recorded, and the core has nothing open.
  private var isQuiet: Bool {
    guard let daemon, daemon.isSettled else { return false }
    for index in benches.indices {
      guard benches[index].line.isEmpty, laws.isLinked(index) else { return false }
    }
    return daemon.core.status.stations.allSatisfy { $0.openUnits == 0 && $0.inStep }
  }

  /// The daemon ends in order; then the product's own checks go over what it left, before and after a bit has turned.
  private mutating func inspect() {
    daemon?.end()
    disk.verify(laws)
    if laws.violations.isEmpty { disk.replay(laws) }
    if laws.violations.isEmpty { disk.rot(laws) }
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
      case .diskBroken, .diskFails: true
      default: false
      }
    }
  }

  private var hasLostMessages: Bool {
    plan.mischief.contains { if case .ringsFull = $0.what { true } else { false } }
  }

  private mutating func reckon(_ daemon: VirtualDaemon) {
    person.isAboutToClose = false
    laws.ended(daemon, disk: disk)
    guard let pool = daemon.core.status.batch?.pool else {
      laws.broken("no batch at the end")
      return
    }
    for station in benches.indices {
      if plan.settings.stations[station].gateOutcomes {
        reckon(daemon, station: station, pool)
      } else {
        reckonWithoutOutcomes(station, pool)
      }
    }
  }

  /// No outcome tells what became of a unit: commissioned is whatever passed, unless its accept was withdrawn before the
  /// PLC was known to have taken it.
  private func reckonWithoutOutcomes(_ station: Int, _ pool: SerialPool) {
    for unit in benches[station].line.truth.units where unit.end == .passed {
      guard let serial = unit.pack.serial, let row = pool.row(of: Array(serial.utf8).span) else {
        laws.broken("a unit passed whose serial is in no pool")
        continue
      }
      let state = pool.word(at: row).state
      let isExplained =
        unit.isForgotten || unit.isCutOff || unit.isWithdrawnTooLate || hasPaused
        || hasStalled || hasFailedDisk || hasLostMessages
      if state != .commissioned,
        !(isExplained && [.inactive, .inDoubt, .encoded].contains(state))
      {
        laws.broken("reckoning: serial \(serial) passed and is \(state.word)")
      }
    }
  }

  private func reckon(_ daemon: VirtualDaemon, station: Int, _ pool: SerialPool) {
    let truth = benches[station].line.truth
    var counters = daemon.core.status.stations[station].counters
    if plan.machines[station].age != nil {
      // The unit of before, of which no verdict is on record.
      counters.units -= 1
      counters.rejectedBy[Int(Verdict.trackingInDoubt.rawValue)] -= 1
    }
    var excuses = Excuses()
    excuses.unrecordedRejects = rejectsUnrecorded + daemon.rejectsUnrecorded
    excuses.ordersWereLost = hasLostMessages
    excuses.coreTookOver = hasFailedDisk
    excuses.stoodStill = hasPaused || hasStalled
    laws.reckon(station, truth, counters, excuses)
    let bearers = Dictionary(grouping: truth.units.filter { $0.pack.serial != nil }) {
      $0.pack.serial ?? ""
    }
    for (serial, units) in bearers.sorted(by: { $0.key < $1.key }) {
      let state = pool.row(of: Array(serial.utf8).span).map { pool.word(at: $0).state }
      // Withdrawn on record while it went through the gate unseen, and therefore in doubt although it passed: a loop that
      // stood still says so of what it slept through.
      let isWithdrawn = units.contains { unit in
        guard unit.end == .passed, let number = unit.number else { return false }
        return laws.wasWithdrawn(station: station, epoch: unit.epoch, unit: number)
      }
      if isWithdrawn, state == .inDoubt { continue }
      if let difference = Reckoning.difference(
        of: serial, state.map { .state($0.word) } ?? .unknown, units)
      {
        laws.broken("reckoning: \(difference)")
      }
    }
    // A process that stands still between trigger and message cannot know which came first; it rejects.
    if !hasPaused, !hasLostMessages, let unit = truth.units.first(where: \.isFalseNoRead) {
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

  /// Whether it touches all stations.
  var isOfDisk: Bool {
    switch self {
    case .diskSlow, .diskBroken: true
    default: false
    }
  }
}
