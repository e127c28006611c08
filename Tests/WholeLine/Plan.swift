import CSimulatedDisk
import Alarms
import Containment
import Line
import PLCLink
import Simulation

/// Something that goes wrong around the units, and for how long.
enum Mischief: Sendable {
  /// What dies, how, and for how long.
  struct Death: Sendable {
    /// Where the process dies.
    enum Boundary: Sendable {
      /// Between two events.
      case now
      /// Before so many operations more have changed the disk: within a commit, a checkpoint, an opening.
      case diskOperation(Int64)
      /// When the next commit has returned, before anything follows from it.
      case afterCommit
    }

    var at: Boundary
    /// Whether the power goes with it.
    var cutsPower: Bool
    /// The start that follows dies before so many operations.
    var nextStart: Int64?
    var lasts: Nanoseconds
  }

  case cableOut(Nanoseconds)
  case linkCut(Nanoseconds)
  case plcSilent(Nanoseconds)
  case lateReplies(by: Nanoseconds, Nanoseconds)
  case lostReplies(Int)
  case lostRequests(Int)
  case plcOff(Nanoseconds)
  /// The PLC starts anew and keeps its connections.
  case plcRestart
  case input(UInt16, Nanoseconds)
  /// The daemon's process stands still: a virtual machine that is moved, a debugger.
  case pause(Nanoseconds)
  /// Only the line loop stands still.
  case stall(Nanoseconds)
  case kill(Death)
  case diskBroken(csd_fault, Nanoseconds)
  case diskFails(csd_fault, after: Int64)
  case diskSlow(latency: Nanoseconds, Nanoseconds)
  case clockBack(milliseconds: Int64)
  case unfed(Nanoseconds)
  /// So many messages and orders find their ring full.
  case ringsFull(messages: Int, orders: Int)
}

/// One station with all that belongs to it: scanner, belt, PLC, link.
struct Machine: Sendable {
  var line = SimulatedLine.Settings()
  var link: VirtualLink.Settings
  var prefix: [UInt8] = []
  var suffix: [UInt8] = Array("\r\n".utf8)
  /// All numbers up to here were used before the run begins; nil: a fresh PLC.
  var age: UInt16?
}

/// What a seed decides before the run begins: how the line is built, what it packs, what goes wrong when.
package struct Plan: Sendable {
  var seed: UInt64
  var batch: PackedBatch
  /// One for each station.
  var machines: [Machine] = []
  var settings: LineSettings
  /// What goes wrong where, in the order of time.
  var mischief: [(at: Nanoseconds, station: Int, what: Mischief)] = []
  /// Until then things go wrong; afterwards all is mended and the line has to come back.
  var end: Nanoseconds
  /// How much the person does that nobody asked for, in a million looks.
  var restlessness: Int
  /// How often the person starts a challenge test that is not due, in a million looks.
  var challenges = 0
  /// How often the person opens a containment case, in a million looks.
  var cases = 0

  static let begin: Nanoseconds = 1_000_000_000
  /// Serials that one station has; more than it can pack in the time.
  private static let share = 400

  /// Everything that follows from a seed; without challenge tests where they would only change what it made up before.
  package init(seed: UInt64, hasChallenges: Bool = true) {
    var random = SeededRandom(seed: seed)
    self.seed = seed
    let count = [1, 1, 1, 2, 2, 3][random.below(6)]
    batch = PackedBatch(poolCount: count * Plan.share)
    settings = LineSettings(
      line: "L01", scanners: [], stations: [],
      limits: LineSettings.Limits(
        consecutiveRejects: random.below(6), consecutiveNoReads: random.below(4)))
    // In print order a second printer's serials would be out of it.
    let isPrinted = count == 1 && random.below(5) == 0
    if isPrinted { settings.orderWindow = 200 }
    for station in 0..<count {
      let (machine, stationSettings, scanner) = Plan.machine(
        station, of: count, isPrinted: isPrinted, &random)
      machines.append(machine)
      settings.stations.append(stationSettings)
      settings.scanners.append(scanner)
    }
    end = Plan.begin + .milliseconds(6000 + Int64(random.below(9000)))
    restlessness = random.below(3) * 60_000
    for _ in 0..<random.below(9) {
      let at = Plan.begin + Nanoseconds(random.below(Int(end - Plan.begin)))
      let station = random.below(count)
      mischief.append((at: at, station: station, what: Plan.mischief(&random)))
      // Misfortunes seldom come alone: the second one falls into the first.
      if random.below(3) == 0 {
        let later = at + .milliseconds(Int64(random.below(400)))
        mischief.append(
          (at: later, station: random.below(count), what: Plan.mischief(&random)))
      }
    }
    mischief = mischief.enumerated().sorted {
      ($0.element.at, $0.offset) < ($1.element.at, $1.offset)
    }
    .map(\.element)
    if hasChallenges {
      challenge()
      contain()
    }
  }

  /// Whether alarms open cases, and which; by a stream of its own, as above.
  private mutating func contain() {
    var random = SeededRandom(seed: seed ^ 0x0C0_47A1)
    guard random.below(3) == 0 else { return }
    cases = random.below(20_000)
    let kinds: [AlarmKind] = [
      .challengeFailed, .trackingInDoubt, .linkLost, .rejectNotConfirmed, .scannerLost,
      .plcRestarted, .consecutiveRejects, .stopNotConfirmed, .outcomeMissing, .acceptLate,
    ]
    settings.containment = LineSettings.Containment(
      opensOn: Set(kinds.filter { _ in random.below(3) == 0 }),
      playbook: Playbook(durationMinutes: 1 + random.below(60), signatures: []))
  }

  /// Packs that a challenge test may ask for, by the verdict that they get.
  ///
  /// No duplicate: after the start of a batch there is no serial yet that could come again.
  static let challengePacks: [(verdict: Verdict, fault: UnitFault)] = [
    (.noRead, .noRead), (.severalCodes, .twoCodes), (.notGS1, .notGS1), (.wrongGTIN, .wrongGTIN),
    (.wrongLot, .wrongLot), (.wrongExpiry, .wrongExpiry), (.notInPool, .unknownSerial),
    (.notDataMatrix, .notDataMatrix),
  ]

  /// Whether and how the line is challenged; by a stream of its own, so that the rest of the seed stays what it is.
  private mutating func challenge() {
    var random = SeededRandom(seed: seed ^ 0xC4A1_1E46)
    guard random.below(3) == 0 else { return }
    challenges = 20_000 + random.below(100_000)
    let first = random.below(Plan.challengePacks.count)
    let packs = (0...random.below(3)).map {
      Plan.challengePacks[(first + 3 * $0) % Plan.challengePacks.count].verdict
    }
    settings.challenge = LineSettings.Challenge(
      packs: packs, afterBatchStart: random.below(2) == 0,
      timeout: .milliseconds(2000 + Int64(random.below(10_000))))
  }

  private static func machine(
    _ station: Int, of count: Int, isPrinted: Bool, _ random: inout SeededRandom
  ) -> (Machine, StationSettings, ScannerSettings) {
    let rate = [120, 240, 300, 400, 600, 600, 700][random.below(7)]
    let pitch = 60_000_000_000 / Nanoseconds(rate)
    let slots = [8, 16, 32][random.below(3)]
    let isSilentDoubt = random.below(5) != 0
    let quiet = 2 * pitch / 1_000_000 + 100 + Int64(random.below(700))
    var machine = Machine(
      link: VirtualLink.Settings(
        station: station,
        blocks: BlockSession.Settings(hostBase: 0, plcBase: 200, slots: slots),
        eventsMax: [128, 4096][random.below(2)]))
    machine.line.plc.plcBase = 200
    machine.line.plc.slots = slots
    machine.line.plc.scanCycle = .milliseconds(1 + Int64(random.below(8)))
    machine.line.plc.tearsOutcomes = random.below(2) == 0
    machine.line.plc.reportsOutcomes = random.below(6) != 0
    machine.line.conveyor.pitch = pitch
    machine.line.conveyor.pitchJitter = min(.milliseconds(5), pitch / 20)
    machine.line.conveyor.gate = .milliseconds(150 + Int64(random.below(700)))
    machine.line.conveyor.coast = .milliseconds(Int64(random.below(400)))
    machine.line.scanner.delay = .milliseconds(10 + Int64(random.below(8)))
    // A message that comes later than the quiet time is beyond what tracking promises (contract, "Tracking").
    machine.line.scanner.lateness = .milliseconds(60 + Int64(random.below(Int(quiet) - 100)))
    machine.line.batch.poolCount = Plan.share
    machine.line.batch.first = station * Plan.share
    if random.below(3) == 0 {
      machine.prefix = [2]
      machine.suffix = [3]
    }
    machine.line.scanner.prefix = machine.prefix
    machine.line.scanner.suffix = machine.suffix
    let hasGrades = random.below(3) == 0
    if hasGrades { machine.line.gradeSeparator = "," }
    machine.line.mix = Plan.mix(
      &random, hasGrades: hasGrades, isSilentDoubt: isSilentDoubt, isPrinted: isPrinted)
    // Near the end of the numbers, so that units, verdicts and outcomes all begin again at 1.
    if random.below(4) == 0 {
      machine.age = Counter.max - UInt16(random.below(40))
    }
    return (
      machine,
      StationSettings(
        name: "unit-\(station + 1)", plc: "plc-\(station + 1)", scanners: [station], slots: slots,
        quiet: .milliseconds(quiet), silentIsDoubt: isSilentDoubt,
        gateOutcomes: machine.line.plc.reportsOutcomes),
      ScannerSettings(
        name: "camera-\(station + 1)", gradeSeparator: Array(machine.line.gradeSeparator.utf8))
    )
  }

  private static func mix(
    _ random: inout SeededRandom, hasGrades: Bool, isSilentDoubt: Bool, isPrinted: Bool
  ) -> [UnitFault: Int] {
    var mix: [UnitFault: Int] = [:]
    let faults = UnitFault.allCases.filter { fault in
      switch fault {
      case .none: false
      case .lowGrade: hasGrades
      // `no_read` is for scanners that stay silent by design, and that hold no message back.
      case .late, .joined: isSilentDoubt
      // Where the order counts, an earlier serial may be out of it as well as a duplicate.
      case .duplicate: !isPrinted
      default: true
      }
    }
    for _ in 0..<random.below(7) {
      mix[faults[random.below(faults.count)]] = 1000 + random.below(60_000)
    }
    return mix
  }

  private static func mischief(_ random: inout SeededRandom) -> Mischief {
    func span(_ from: Int64, _ to: Int64) -> Nanoseconds {
      random.within(from * 1_000_000...to * 1_000_000)
    }
    switch random.below(22) {
    case 0: return .cableOut(span(5, 1500))
    case 1: return .linkCut(span(1, 2500))
    case 2: return .plcSilent(span(5, 1800))
    case 3: return .lateReplies(by: span(5, 900), span(50, 1500))
    case 4, 5: return .lostReplies(1 + random.below(3))
    case 6: return .lostRequests(1 + random.below(3))
    case 7: return .plcOff(span(20, 2000))
    case 8: return .plcRestart
    case 9: return .input([1, 2, 4][random.below(3)], span(20, 1500))
    case 10: return .pause(span(5, 1500))
    case 11: return .stall(span(5, 1500))
    case 12, 13, 14, 15, 16:
      let boundary: Mischief.Death.Boundary =
        switch random.below(6) {
        case 0, 1: .now
        case 2: .afterCommit
        case 3: .diskOperation(Int64(random.below(60)))
        default: .diskOperation(Int64(random.below(6)))
        }
      return .kill(
        Mischief.Death(
          at: boundary, cutsPower: random.below(2) == 0,
          nextStart: random.below(3) == 0 ? Int64(random.below(30)) : nil, lasts: span(20, 1500)))
    case 17: return .diskBroken(Plan.fault(&random), span(5, 3000))
    case 18: return .diskFails(Plan.fault(&random), after: Int64(random.below(8)))
    case 19: return .diskSlow(latency: span(2, 300), span(100, 2000))
    case 20: return .ringsFull(messages: random.below(3), orders: random.below(3))
    default:
      return random.below(2) == 0 ? .clockBack(milliseconds: 3_600_000) : .unfed(span(100, 2000))
    }
  }

  private static func fault(_ random: inout SeededRandom) -> csd_fault {
    [CSD_WRITE_EIO, CSD_WRITE_FULL, CSD_WRITE_SHORT, CSD_SYNC_EIO, CSD_SYNC_EIO, CSD_READ_EIO][
      random.below(6)]
  }
}
