/// The PLC of the simulated line: registers, latches, gate memory and both rings, as the contract has them.
///
/// ```
///            start, any stop                permit 0, no cause stands
///   ───────────────────────► stopped ─────────────────────────────────► armed
///                              ▲  ▲        a cause stands again           │
///                              │  └───────────────────────────────────────┤
///                              │                                          │ permit 1, heartbeat moved
///                              └────────────────── running ◄──────────────┘
///                                  any cause
/// ```
/// It works in cycles like a real one: `scan` reads the host block, decides, and publishes the PLC block. Between two
/// scans the registers stand still, whatever Modbus telegrams come. Nothing here fails on bad input: a master that
/// writes nonsense stops the line. Writes outside the host block are refused and counted.
public struct SimulatedPLC: Sendable {
  /// What the PLC's program was set up with.
  public struct Settings: Sendable {
    /// First register of the host block.
    public var hostBase = 0
    /// First register of the PLC block.
    public var plcBase = 100
    /// Slots of each ring: 8, 16 or 32.
    public var slots = 16
    /// The daemon's `heartbeat_ms`; ten of them without a change are a stop.
    public var heartbeat: Nanoseconds = .milliseconds(100)
    /// Time between two scans.
    public var scanCycle: Nanoseconds = .milliseconds(5)
    /// Publishes each outcome in two halves, one scan apart, its sequence already with the first: what a reader sees
    /// that catches a PLC in the middle of a copy.
    public var tearsOutcomes = false
    /// Whether it reports what happened at the gate (`gate_outcomes`).
    public var reportsOutcomes = true

    /// The contract's defaults.
    public init() {}
  }

  /// Why the line stands.
  public struct Causes: OptionSet, Sendable, Hashable {
    /// The set as bits.
    public var rawValue: UInt16
    /// Makes a set from bits.
    public init(rawValue: UInt16) { self.rawValue = rawValue }
    /// The PLC has just started.
    public static let start = Causes(rawValue: 1)
    /// The host's heartbeat stood still for ten times `heartbeat`.
    public static let watchdog = Causes(rawValue: 2)
    /// The permit is not 1.
    public static let permit = Causes(rawValue: 4)
    /// The host's map version is not 1.
    public static let version = Causes(rawValue: 8)
    /// The host's echo of the epoch is not the epoch.
    public static let epoch = Causes(rawValue: 16)
    /// Bin full, guard open or air pressure low.
    public static let inputs = Causes(rawValue: 32)
    /// Half the outcome ring stands unrecorded.
    public static let outcomesUnrecorded = Causes(rawValue: 64)
    /// A PackML command.
    public static let command = Causes(rawValue: 128)
    /// The machine has a reason of its own.
    public static let machine = Causes(rawValue: 256)
  }

  /// Inputs of the machine, offset 6.
  public struct Inputs: OptionSet, Sendable, Hashable {
    /// The register's value.
    public var rawValue: UInt16
    /// Makes a set from the register's value.
    public init(rawValue: UInt16) { self.rawValue = rawValue }
    /// Reject bin full.
    public static let binFull = Inputs(rawValue: 1)
    /// Guard or emergency stop.
    public static let guardOpen = Inputs(rawValue: 2)
    /// Reject air pressure low.
    public static let airLow = Inputs(rawValue: 4)
    /// Conveyor moving.
    public static let conveyorMoving = Inputs(rawValue: 8)
    /// What stops the line.
    public static let notReady: Inputs = [.binFull, .guardOpen, .airLow]
  }

  /// What a scan did, for whoever keeps the truth.
  public enum Event: Sendable, Hashable {
    /// Began to obey a permit.
    case running
    /// Stopped, for these causes.
    case stopped(Causes)
    /// Took a verdict. `held` is false when no unit between read station and gate has this number.
    case verdictTaken(sequence: UInt16, unit: UInt16, verdict: UInt16, held: Bool)
    /// Wrote an outcome into its ring.
    case outcomeWritten(sequence: UInt16, unit: UInt16, outcome: UInt16)
    /// The host says that outcomes up to this one are on disk.
    case outcomeRecorded(UInt16)
    /// All accepts were forgotten: guard, emergency stop or loss of position.
    case acceptsForgotten
  }

  /// What the PLC knows of one unit between read station and reported outcome.
  public struct HeldUnit: Sendable, Hashable {
    /// Its number in this epoch.
    public let number: UInt16
    /// What it was told of it.
    public internal(set) var standing: Standing = .unjudged
    /// What the gate did, once the unit was there.
    public internal(set) var gate: GateDecision?

    /// What it was told of a unit.
    public enum Standing: Sendable, Hashable {
      /// No verdict yet.
      case unjudged
      /// An accept stands.
      case accepted
      /// Rejected, or its accept withdrawn; no later accept counts.
      case refused(UInt16)
      /// Its place became doubtful before the gate; no accept counts any more.
      case forgotten
    }
  }

  /// What the gate does with a unit; without power and without a decision it rejects.
  public enum GateDecision: Sendable, Hashable {
    /// Driven open.
    case pass
    /// Not driven.
    case reject
  }

  enum Latch: Sendable, Hashable {
    case stopped
    case armed
    case running
  }

  /// How it was set up.
  public let settings: Settings
  /// The holding registers from address 0.
  public internal(set) var registers: [UInt16]
  /// The inputs as wired, taken over by the next scan.
  public var inputs: Inputs = []
  /// Whether the machine itself wants to stand, for a reason that no register tells.
  public var machineHolds = false
  /// The epoch of this start; 0 before the first.
  public private(set) var epoch: UInt16 = 0
  /// Whether it has power; without, it answers nothing, drives nothing and forgets all.
  public private(set) var isPowered = false
  /// Writes that the PLC refused because they lay outside the host block.
  public internal(set) var foreignWrites = 0
  /// Units that triggered and have no outcome in the ring yet, in the order of the belt.
  public internal(set) var held: [HeldUnit] = []

  var latch: Latch = .stopped
  var lastCauses: Causes = .start
  var unitCount: UInt16 = 0
  var verdictTaken: UInt16 = 0
  var outcomeWritten: UInt16 = 0
  var outcomeRecorded: UInt16 = 0
  var unwritten: [(unit: UInt16, outcome: Outcome)] = []
  var halfWritten: UInt16?
  var positionIsLost = false
  private var hostHeartbeat: UInt16 = 0
  private var hostHeartbeatAt: Nanoseconds?
  private var ownHeartbeat: UInt16 = 0
  private var commandDone: UInt16 = 0
  private var nextScan: Nanoseconds = 0

  /// A PLC without power.
  public init(_ settings: Settings = Settings()) {
    self.settings = settings
    let end = max(settings.hostBase, settings.plcBase)
    registers = Array(repeating: 0, count: end + RegisterMap.blockCount(slots: settings.slots))
  }

  /// Whether the drive is on: the PLC obeys a permit.
  public var isRunning: Bool { isPowered && latch == .running }

  /// Why it stands; empty while it runs.
  public var causes: Causes { isRunning ? [] : lastCauses }

  /// The last unit that triggered in this epoch.
  public var lastUnit: UInt16 { unitCount }

  /// Outcomes written that the host has not recorded, and those that wait for room in the ring.
  public var outcomesUnrecorded: Int {
    RegisterMap.steps(from: outcomeRecorded, to: outcomeWritten) + unwritten.count
  }

  /// When `scan` is due; nil without power.
  public var nextEvent: Nanoseconds? { isPowered ? nextScan : nil }

  // MARK: Power

  /// Takes the power away: the drive stops, the gate rejects, accepts and counts are gone.
  public mutating func powerOff() {
    isPowered = false
    latch = .stopped
    held.removeAll()
    unwritten.removeAll()
    halfWritten = nil
    positionIsLost = false
  }

  /// Starts, as after power came back.
  ///
  /// The epoch becomes another one, offsets 4, 5, 8 and the outcome ring are zeroed, and the line stands. What the host
  /// wrote before is still in its block: it lies in retentive memory, and holds another epoch.
  public mutating func start(now: Nanoseconds, random: inout SeededRandom) {
    let old = registers[settings.plcBase + RegisterMap.PLC.epoch]
    var fresh = UInt16(truncatingIfNeeded: 1 + random.below(65535))
    if fresh == old { fresh = fresh == 65535 ? 1 : fresh + 1 }
    start(now: now, epoch: fresh)
  }

  /// Starts with a given epoch, 1…65535; see `start(now:random:)`.
  public mutating func start(now: Nanoseconds, epoch: UInt16) {
    powerOff()
    isPowered = true
    self.epoch = epoch
    unitCount = 0
    verdictTaken = 0
    outcomeWritten = 0
    outcomeRecorded = 0
    lastCauses = .start
    for offset in 0..<RegisterMap.blockCount(slots: settings.slots) {
      registers[settings.plcBase + offset] = 0
    }
    // No command that a host gave to the PLC of before runs now.
    commandDone = host(RegisterMap.Host.commandSequence)
    hostHeartbeat = host(RegisterMap.Host.heartbeat)
    hostHeartbeatAt = nil
    publish()
    nextScan = now + settings.scanCycle
  }

  /// Counts on from `number`, as one that has run for long with a host: all is taken and recorded up to there.
  public mutating func age(to number: UInt16) {
    registers[settings.hostBase + RegisterMap.Host.version] = RegisterMap.version
    registers[settings.hostBase + RegisterMap.Host.epoch] = epoch
    unitCount = number
    verdictTaken = number
    outcomeWritten = settings.reportsOutcomes ? number : 0
    outcomeRecorded = outcomeWritten
    publish()
  }

  // MARK: The scan

  /// One cycle: read the host block, take verdicts, decide, publish the PLC block.
  public mutating func scan(now: Nanoseconds) -> [Event] {
    guard isPowered else { return [] }
    // A late caller does not make the PLC catch up on missed cycles; a real one skips them too.
    nextScan = max(nextScan + settings.scanCycle, now + 1)
    var events: [Event] = []

    let heartbeatMoved = host(RegisterMap.Host.heartbeat) != hostHeartbeat
    if heartbeatMoved {
      hostHeartbeat = host(RegisterMap.Host.heartbeat)
      hostHeartbeatAt = now
    }
    let speaksToUs =
      host(RegisterMap.Host.version) == RegisterMap.version
      && host(RegisterMap.Host.epoch) == epoch
    var causes = standingCauses(now: now)
    if speaksToUs {
      takeRecorded(&events)
      takeVerdicts(&events)
      if takeCommand() { causes.insert(.command) }
    }
    if inputs.contains(.guardOpen) || positionIsLost { forgetAccepts(&events) }
    positionIsLost = false
    writeOutcomes(&events)
    if outcomesUnrecorded >= settings.slots / 2 { causes.insert(.outcomesUnrecorded) }
    if machineHolds { causes.insert(.machine) }
    turnLatch(causes, heartbeatMoved: heartbeatMoved, &events)
    publish()
    return events
  }

  private func standingCauses(now: Nanoseconds) -> Causes {
    var causes: Causes = []
    if let at = hostHeartbeatAt, now - at < 10 * settings.heartbeat {
    } else {
      causes.insert(.watchdog)
    }
    if host(RegisterMap.Host.permit) != 1 { causes.insert(.permit) }
    if host(RegisterMap.Host.version) != RegisterMap.version { causes.insert(.version) }
    if host(RegisterMap.Host.epoch) != epoch { causes.insert(.epoch) }
    if !inputs.isDisjoint(with: .notReady) { causes.insert(.inputs) }
    return causes
  }

  private mutating func turnLatch(_ causes: Causes, heartbeatMoved: Bool, _ events: inout [Event]) {
    switch latch {
    case .running:
      guard !causes.isEmpty else { return }
      latch = .stopped
      lastCauses = causes
      events.append(.stopped(causes))
    case .stopped, .armed:
      // Only a plain 0 while nothing else stands arms the release; a 1 left over from before does not.
      if !causes.subtracting(.permit).isEmpty {
        latch = .stopped
        lastCauses = causes
      } else if host(RegisterMap.Host.permit) == 0 {
        latch = .armed
        lastCauses = causes
      } else if host(RegisterMap.Host.permit) != 1 {
        latch = .stopped
        lastCauses = causes
      } else if latch == .armed && heartbeatMoved {
        latch = .running
        events.append(.running)
      }
    }
  }

  /// Does a PackML command once; true when it stops the line.
  private mutating func takeCommand() -> Bool {
    let sequence = host(RegisterMap.Host.commandSequence)
    guard sequence != commandDone else { return false }
    commandDone = sequence
    // ISA-TR88.00.02 CntrlCmd: 3 Stop, 4 Hold, 6 Suspend, 8 Abort. The others only let a released line go on.
    return [3, 4, 6, 8].contains(host(RegisterMap.Host.command))
  }

  private mutating func publish() {
    ownHeartbeat &+= 1
    // ISA-TR88.00.02 StateCurrent: 6 Execute, 9 Aborted, 2 Stopped.
    let state: UInt16 = isRunning ? 6 : inputs.contains(.guardOpen) ? 9 : 2
    setOwn(RegisterMap.PLC.version, RegisterMap.version)
    setOwn(RegisterMap.PLC.heartbeat, ownHeartbeat)
    setOwn(RegisterMap.PLC.state, state)
    setOwn(RegisterMap.PLC.permitObeyed, isRunning ? 1 : 0)
    setOwn(RegisterMap.PLC.lastUnit, unitCount)
    setOwn(RegisterMap.PLC.verdictTaken, verdictTaken)
    setOwn(RegisterMap.PLC.inputs, inputs.rawValue)
    setOwn(RegisterMap.PLC.commandDone, commandDone)
    setOwn(RegisterMap.PLC.outcomeWritten, halfWritten ?? outcomeWritten)
    setOwn(RegisterMap.PLC.epoch, epoch)
  }

  func host(_ offset: Int) -> UInt16 { registers[settings.hostBase + offset] }

  mutating func setOwn(_ offset: Int, _ value: UInt16) {
    registers[settings.plcBase + offset] = value
  }
}
