/// The whole line outside the daemon in one value: belt, PLC, scanner, printer, and the truth about every unit.
///
/// It has no clock and no port. Whoever owns it calls `step(to:)` at or after `nextEvent`, sends what the scanner says,
/// and reads and writes the PLC's registers (`plc.read`, `plc.write`) as the daemon's telegrams come. The same value
/// runs in virtual time against the daemon's core, and in real time behind a Modbus socket and a pseudo-terminal.
public struct SimulatedLine: Sendable {
  /// How the line is built.
  public struct Settings: Sendable {
    /// The PLC.
    public var plc = SimulatedPLC.Settings()
    /// The belt.
    public var conveyor = Conveyor.Settings()
    /// The scanner.
    public var scanner = SimulatedScanner.Settings()
    /// The batch.
    public var batch = PackedBatch()
    /// What stands between data and grade in the scanner's messages; empty: no grades.
    public var gradeSeparator = ""
    /// How many of a million units have each fault; together at most a million.
    public var mix: [UnitFault: Int] = [:]

    /// A line of 600 units a minute without faults.
    public init() {}
  }

  private struct Item: Sendable {
    var index: Int
    var number: UInt16?
    var epoch: UInt16
    var fault: UnitFault
    var decision: SimulatedPLC.GateDecision?
  }

  /// The PLC; its registers are the daemon's to read and write, its power goes by `setPower`.
  public var plc: SimulatedPLC
  /// The truth about every unit.
  public private(set) var truth = Truth()
  /// The belt.
  public private(set) var conveyor: Conveyor
  /// The scanner.
  public private(set) var scanner: SimulatedScanner
  /// Prints the packs.
  public private(set) var printer: Printer
  /// Whether the scanner's cable is in.
  public private(set) var isScannerConnected = true

  private let mix: [(fault: UnitFault, upTo: Int)]
  private var random: SeededRandom
  private var asked: [UnitFault] = []
  private var items: [Int: Item] = [:]
  private var inputs: SimulatedPLC.Inputs = []
  private var heldBack: [Int] = []

  /// A line with power, standing; the PLC is in its first epoch.
  public init(_ settings: Settings = Settings(), seed: UInt64, now: Nanoseconds = 0) {
    var random = SeededRandom(seed: seed)
    plc = SimulatedPLC(settings.plc)
    conveyor = Conveyor(settings.conveyor, random: random.split())
    scanner = SimulatedScanner(settings.scanner, random: random.split())
    printer = Printer(batch: settings.batch)
    printer.gradeSeparator = settings.gradeSeparator
    var sum = 0
    // A dictionary's order changes from run to run; the seed must decide alone.
    mix = UnitFault.allCases.compactMap { fault in
      guard let share = settings.mix[fault], share > 0 else { return nil }
      sum += share
      return (fault: fault, upTo: sum)
    }
    self.random = random
    plc.start(now: now, random: &self.random)
  }

  /// When `step` has something to do.
  public var nextEvent: Nanoseconds? {
    var next = conveyor.nextEvent ?? Int64.max
    next = min(next, scanner.nextEvent ?? Int64.max)
    next = min(next, plc.nextEvent ?? Int64.max)
    return next == Int64.max ? nil : next
  }

  /// Whether nothing stands between read station and sensors, and no outcome waits in the PLC.
  public var isEmpty: Bool { conveyor.unitsOnBelt == 0 && plc.outcomesUnrecorded == 0 }

  /// Lets everything happen up to `now`, in order.
  ///
  /// - Returns: what the scanner says, in order. With its cable out it says nothing.
  public mutating func step(to now: Nanoseconds) -> [SimulatedScanner.Chunk] {
    var chunks: [SimulatedScanner.Chunk] = []
    while let next = nextEvent, next <= now {
      while let event = conveyor.step(to: next) { happens(event) }
      while let chunk = scanner.next(to: next) {
        if isScannerConnected { chunks.append(chunk) }
      }
      if let scan = plc.nextEvent, scan <= next { scanPLC(now: next) }
    }
    while let event = conveyor.step(to: now) { happens(event) }
    return chunks
  }

  // MARK: Faults

  /// The next unit gets this fault, after those asked for before.
  public mutating func ask(for fault: UnitFault) { asked.append(fault) }

  /// Whether new units come onto the belt.
  public mutating func setFed(_ isFed: Bool) { conveyor.isFed = isFed }

  /// Pulls or plugs the scanner's cable; what it was about to say is lost.
  ///
  /// - Parameters:
  ///   - isConnected: whether it is in from here on.
  ///   - isReadAtOnce: whether the daemon has surely read all that was said; over a real port some of it may be lost too.
  public mutating func setScannerConnected(_ isConnected: Bool, isReadAtOnce: Bool = false) {
    let saidAll = isReadAtOnce && scanner.nextEvent == nil && heldBack.isEmpty
    isScannerConnected = isConnected
    scanner.forget()
    heldBack.removeAll()
    guard !isConnected, !saidAll else { return }
    // The units whose message may still be on its way: those that have no verdict.
    let newest = items.values.map(\.index).max()
    for item in items.values where truth.units[item.index].firstVerdict == nil {
      // A scanner is done with a unit before the next one triggers, unless it is late or holds the message back.
      let isSaid =
        isReadAtOnce && item.index != newest && item.fault != .late && item.fault != .joined
      if !isSaid { truth.messageCut(item.index) }
    }
  }

  /// Says that telegrams are lost or late from here on, or no longer.
  public mutating func setLinkDisturbed(_ isDisturbed: Bool) { truth.linkDisturbed(isDisturbed) }

  /// Switches the PLC; coming back it begins a new epoch.
  public mutating func setPower(_ isOn: Bool, now: Nanoseconds) {
    if isOn {
      plc.start(now: now, random: &random)
    } else {
      plc.powerOff()
      truth.plcStarted()
    }
    conveyor.drive(plc.isRunning, now: now)
  }

  /// Sets one of the machine's inputs: bin full, guard, air.
  public mutating func setInput(_ input: SimulatedPLC.Inputs, _ isSet: Bool) {
    if isSet { inputs.formUnion(input) } else { inputs.subtract(input) }
  }

  // MARK: What happens

  private mutating func scanPLC(now: Nanoseconds) {
    plc.inputs = conveyor.isMoving ? inputs.union(.conveyorMoving) : inputs
    for event in plc.scan(now: now) { truth.plc(event, now: now) }
    conveyor.drive(plc.isRunning, now: now)
  }

  private mutating func happens(_ event: Conveyor.Event) {
    switch event.place {
    case .readStation:
      guard let pack = printer.next(nextFault()) else {
        conveyor.isFed = false
        return
      }
      let number = plc.trigger()
      let index = truth.read(pack, number: number, epoch: plc.epoch, now: event.at)
      items[event.unit] = Item(
        index: index, number: number, epoch: plc.epoch, fault: pack.fault)
      if !isScannerConnected {
        truth.messageCut(index)
      } else if number != nil {
        scanner.trigger(pack, now: event.at)
        noteHeldBack(index, pack)
      }
    case .gate:
      guard let item = items[event.unit] else { return }
      let decision = plc.gate(number(of: item))
      items[event.unit]?.decision = decision
      switch item.fault {
      case .lost: truth.end(item.index, .lost, now: event.at)
      case .takenByHand: truth.end(item.index, .takenByHand, now: event.at)
      default: truth.gate(item.index, decision, now: event.at)
      }
    case .sensors:
      guard let item = items.removeValue(forKey: event.unit) else { return }
      let seen: Outcome =
        switch (item.fault, item.decision) {
        case (.lost, _): .lost
        case (.takenByHand, _): .takenByHand
        case (_, .pass): .passed
        case (.rejectNotSeen, _): .rejectNotSeen
        case (_, _): .rejected
        }
      plc.ended(number(of: item), as: seen)
      if !plc.settings.reportsOutcomes { truth.leftUnreported(item.index) }
    }
  }

  /// A scanner that holds a message back sends it with the next one that it sends whole.
  private mutating func noteHeldBack(_ index: Int, _ pack: Pack) {
    switch pack.fault {
    case .joined: heldBack.append(index)
    case .silent, .noRead, .garbage, .late, .doubleMessage, .dripFed: break
    default:
      guard !heldBack.isEmpty else { return }
      for mixed in heldBack + [index] { truth.messageMixedUp(mixed) }
      heldBack.removeAll()
    }
  }

  /// A unit's number at the PLC; nil when the PLC has restarted since.
  private func number(of item: Item) -> UInt16? {
    item.epoch == plc.epoch ? item.number : nil
  }

  private mutating func nextFault() -> UnitFault {
    if !asked.isEmpty { return asked.removeFirst() }
    guard !mix.isEmpty else { return .none }
    let drawn = random.below(1_000_000)
    return mix.first { drawn < $0.upTo }?.fault ?? .none
  }
}
