import Devices
import Line
import PLCLink
import Simulation

/// Something that goes wrong around the units, and for how long.
enum Mischief: Sendable {
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
  case kill(Nanoseconds)
  case diskBroken(Nanoseconds)
  case diskFailsOnce
  case diskSlow(latency: Nanoseconds, Nanoseconds)
  case clockBack(milliseconds: Int64)
  case unfed(Nanoseconds)
}

/// What a seed decides before the run begins: how the line is built, what it packs, what goes wrong when.
struct Plan: Sendable {
  var seed: UInt64
  var line = SimulatedLine.Settings()
  var settings: LineSettings
  var link: VirtualLink.Settings
  var prefix: [UInt8] = []
  var suffix: [UInt8] = Array("\r\n".utf8)
  /// What goes wrong, in the order of time.
  var mischief: [(at: Nanoseconds, what: Mischief)] = []
  /// Until then things go wrong; afterwards all is mended and the line has to come back.
  var end: Nanoseconds
  /// How much the person does that nobody asked for, in a million looks.
  var restlessness: Int

  static let begin: Nanoseconds = 1_000_000_000

  init(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    self.seed = seed
    let rate = [120, 240, 300, 400, 600, 600, 700][random.below(7)]
    let pitch = 60_000_000_000 / Nanoseconds(rate)
    let slots = [8, 16, 32][random.below(3)]
    let isSilentDoubt = random.below(5) != 0
    let quiet = 2 * pitch / 1_000_000 + 100 + Int64(random.below(700))
    line.plc.plcBase = 200
    line.plc.slots = slots
    line.plc.scanCycle = .milliseconds(1 + Int64(random.below(8)))
    line.plc.tearsOutcomes = random.below(2) == 0
    line.conveyor.pitch = pitch
    line.conveyor.pitchJitter = min(.milliseconds(5), pitch / 20)
    line.conveyor.gate = .milliseconds(150 + Int64(random.below(700)))
    line.conveyor.coast = .milliseconds(Int64(random.below(400)))
    line.scanner.delay = .milliseconds(10 + Int64(random.below(8)))
    // A message that comes later than the quiet time is beyond what tracking promises (contract, "Tracking").
    line.scanner.lateness = .milliseconds(60 + Int64(random.below(Int(quiet) - 100)))
    line.batch.poolCount = 400
    if random.below(3) == 0 {
      prefix = [2]
      suffix = [3]
    }
    line.scanner.prefix = prefix
    line.scanner.suffix = suffix
    let hasGrades = random.below(3) == 0
    if hasGrades { line.gradeSeparator = "," }
    line.mix = Plan.mix(&random, hasGrades: hasGrades, isSilentDoubt: isSilentDoubt)
    end = Plan.begin + .milliseconds(6000 + Int64(random.below(9000)))
    restlessness = random.below(3) * 60_000
    let station = StationSettings(
      name: "unit-1", plc: "plc-1", scanners: [0], slots: slots, quiet: .milliseconds(quiet),
      silentIsDoubt: isSilentDoubt)
    settings = LineSettings(
      line: "L01",
      scanners: [
        ScannerSettings(name: "camera-1", gradeSeparator: Array(line.gradeSeparator.utf8))
      ], stations: [station],
      limits: LineSettings.Limits(
        consecutiveRejects: random.below(6), consecutiveNoReads: random.below(4)))
    link = VirtualLink.Settings(
      blocks: BlockSession.Settings(hostBase: 0, plcBase: 200, slots: slots))
    for _ in 0..<random.below(9) {
      let at = Plan.begin + Nanoseconds(random.below(Int(end - Plan.begin)))
      mischief.append((at: at, what: Plan.mischief(&random)))
      // Misfortunes seldom come alone: the second one falls into the first.
      if random.below(3) == 0 {
        mischief.append(
          (
            at: at + .milliseconds(Int64(random.below(400))), what: Plan.mischief(&random)
          ))
      }
    }
    mischief = mischief.enumerated().sorted {
      ($0.element.at, $0.offset) < ($1.element.at, $1.offset)
    }
    .map(\.element)
  }

  private static func mix(
    _ random: inout SeededRandom, hasGrades: Bool, isSilentDoubt: Bool
  ) -> [UnitFault: Int] {
    var mix: [UnitFault: Int] = [:]
    let faults = UnitFault.allCases.filter { fault in
      switch fault {
      case .none: false
      case .lowGrade: hasGrades
      // `no_read` is for scanners that stay silent by design, and that hold no message back.
      case .late, .joined: isSilentDoubt
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
    switch random.below(20) {
    case 0: return .cableOut(span(5, 1500))
    case 1: return .linkCut(span(1, 2500))
    case 2: return .plcSilent(span(5, 1800))
    case 3: return .lateReplies(by: span(5, 900), span(50, 1500))
    case 4, 5: return .lostReplies(1 + random.below(3))
    case 6: return .lostRequests(1 + random.below(3))
    case 7: return .plcOff(span(20, 2000))
    case 8, 9: return .plcRestart
    case 10: return .input([1, 2, 4][random.below(3)], span(20, 1500))
    case 11: return .pause(span(5, 1500))
    case 12: return .stall(span(5, 1500))
    case 13, 14, 15: return .kill(span(20, 1500))
    case 16: return .diskBroken(span(5, 3000))
    case 17: return .diskFailsOnce
    case 18: return .diskSlow(latency: span(2, 300), span(100, 2000))
    default:
      return random.below(2) == 0 ? .clockBack(milliseconds: 3_600_000) : .unfed(span(100, 2000))
    }
  }
}
