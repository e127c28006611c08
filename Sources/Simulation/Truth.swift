/// What really happened to every unit, and whether the laws of the line held while it did.
///
/// It watches the belt and the PLC from outside and asks nobody else: it keeps its own account of which accepts stand,
/// so that a fault in the simulated PLC's gate memory would show here as well as one in the daemon.
public struct Truth: Sendable {
  /// One unit, from the read station to its end.
  public struct Unit: Sendable, Hashable {
    /// What was printed on it.
    public let pack: Pack
    /// Its number at the PLC; nil when the PLC was without power.
    public let number: UInt16?
    /// The PLC's epoch in which it was counted.
    public let epoch: UInt16
    /// When it was read.
    public let readAt: Nanoseconds
    /// Its message, or a part of it, never left the scanner: cable out.
    public internal(set) var isMessageCut = false
    /// The scanner held a message back and sent it with this unit's: neither's serial can be told for sure.
    public internal(set) var isMixedUp = false
    /// The first verdict that the PLC took for it.
    public internal(set) var firstVerdict: UInt16?
    /// The last one; another than the first is a withdrawal.
    public internal(set) var lastVerdict: UInt16?
    /// A withdrawal came when it was through the gate already.
    public internal(set) var isWithdrawnTooLate = false
    /// It was on the belt while telegrams were lost or late: a withdrawal on its way may never have come.
    public internal(set) var isCutOff = false
    /// The daemon saw no message in time, though one was sent.
    ///
    /// In real time the machine under both may have been late; in virtual time it is a fault.
    public internal(set) var isFalseNoRead = false
    /// An accept for it stands.
    public internal(set) var acceptStands = false
    /// What became of it; nil while it is on the belt.
    public internal(set) var end: End?
    /// What the PLC reported of it.
    public internal(set) var outcome: Outcome?
    /// It left, and its PLC reports no outcomes.
    public internal(set) var isUnreported = false
    /// The host has said that this report is on disk.
    public internal(set) var isRecorded = false
    /// The PLC restarted before the host had recorded its outcome: nobody can tell the daemon any more.
    public internal(set) var isForgotten = false
  }

  /// What became of a unit.
  public enum End: String, Sendable, Hashable {
    /// It went through the gate.
    case passed
    /// It went off at the gate.
    case rejected
    /// It fell off before the gate.
    case lost
    /// Somebody took it.
    case takenByHand
  }

  /// A law that was broken, or an odd thing that the daemon did.
  public struct Violation: Sendable, Hashable, CustomStringConvertible {
    /// When.
    public let at: Nanoseconds
    /// What, in a sentence.
    public let sentence: String
    /// Both.
    public var description: String { "at \(at / 1_000_000) ms: \(sentence)" }
  }

  /// So many violations are kept; the count goes on.
  public static let violationsMax = 100

  /// All units in the order of the belt.
  public private(set) var units: [Unit] = []
  /// The first violations.
  public private(set) var violations: [Violation] = []
  /// How many there were.
  public private(set) var violationCount = 0
  private var indexOfNumber: [UInt16: Int] = [:]
  private var outcomesInFlight: [(sequence: UInt16, index: Int)] = []
  private var passedSerials: Set<String> = []
  private var lastReported = -1
  private var isLinkDisturbed = false

  /// Knows of no unit.
  public init() {}

  // MARK: What happens

  /// A unit passed the read station.
  ///
  /// - Returns: its place in `units`.
  public mutating func read(
    _ pack: Pack, number: UInt16?, epoch: UInt16, now: Nanoseconds
  ) -> Int {
    units.append(Unit(pack: pack, number: number, epoch: epoch, readAt: now))
    units[units.count - 1].isCutOff = isLinkDisturbed
    if let number { indexOfNumber[number] = units.count - 1 }
    return units.count - 1
  }

  /// Bytes of this unit's message were lost between scanner and daemon.
  public mutating func messageCut(_ index: Int) { units[index].isMessageCut = true }

  /// The link lets telegrams through, or does not.
  public mutating func linkDisturbed(_ isDisturbed: Bool) {
    isLinkDisturbed = isDisturbed
    for index in openIndices { units[index].isCutOff = true }
    // One that is past the gate, and whose outcome nobody has recorded yet, can be withdrawn by a daemon that does not hear it.
    for index in units.indices.suffix(from: lastReported + 1) { units[index].isCutOff = true }
    for (_, index) in outcomesInFlight { units[index].isCutOff = true }
  }

  /// A unit is behind the sensors of a PLC that reports no outcomes.
  public mutating func leftUnreported(_ index: Int) {
    units[index].isUnreported = true
    units[index].acceptStands = false
  }

  /// This unit's message and another's came as one.
  public mutating func messageMixedUp(_ index: Int) { units[index].isMixedUp = true }

  /// The gate did its work on a unit.
  public mutating func gate(_ index: Int, _ decision: SimulatedPLC.GateDecision, now: Nanoseconds) {
    end(index, decision == .pass ? .passed : .rejected, now: now)
  }

  /// A unit never came to the gate.
  public mutating func end(_ index: Int, _ end: End, now: Nanoseconds) {
    if let before = units[index].end {
      broken("unit \(name(index)) ended twice: \(before.rawValue), then \(end.rawValue)", now)
    }
    units[index].end = end
    guard end == .passed else { return }
    let unit = units[index]
    if !unit.acceptStands { broken("unit \(name(index)) passed without a standing accept", now) }
    if !unit.pack.fault.mayPass || unit.isMessageCut || unit.isMixedUp {
      broken("bad unit \(name(index)) passed: \(unit.pack.fault.rawValue)", now)
    }
    if let serial = unit.pack.serial, !passedSerials.insert(serial).inserted {
      broken("serial \(serial) passed twice, last on unit \(name(index))", now)
    }
  }

  /// What the PLC did in a scan.
  public mutating func plc(_ event: SimulatedPLC.Event, now: Nanoseconds) {
    switch event {
    case .verdictTaken(_, let number, let verdict, let held):
      takeVerdict(verdict, number: number, held: held, now: now)
    case .outcomeWritten(let sequence, let number, let outcome):
      guard let index = indexOfNumber[number] else {
        broken("the PLC reported unit \(number), which it never counted", now)
        return
      }
      if units[index].outcome != nil { broken("unit \(name(index)) was reported twice", now) }
      if index <= lastReported { broken("unit \(name(index)) was reported out of order", now) }
      lastReported = index
      units[index].outcome = Outcome(rawValue: outcome)
      units[index].acceptStands = false
      outcomesInFlight.append((sequence: sequence, index: index))
    case .outcomeRecorded(let sequence):
      while let first = outcomesInFlight.first,
        RegisterMap.steps(from: first.sequence, to: sequence) < Int(RegisterMap.numberMax) / 2
      {
        units[first.index].isRecorded = true
        outcomesInFlight.removeFirst()
      }
    case .acceptsForgotten:
      for index in openIndices { units[index].acceptStands = false }
    case .running, .stopped:
      break
    }
  }

  /// The PLC lost its memory.
  public mutating func plcStarted() {
    for index in openIndices {
      units[index].isForgotten = true
      units[index].acceptStands = false
    }
    for (_, index) in outcomesInFlight { units[index].isForgotten = true }
    outcomesInFlight.removeAll()
    indexOfNumber.removeAll()
  }

  // MARK: Laws

  private mutating func takeVerdict(
    _ verdict: UInt16, number: UInt16, held: Bool, now: Nanoseconds
  ) {
    guard verdict >= 1, verdict <= VerdictNumber.highest else {
      broken("verdict \(verdict) for unit \(number) is none of the contract's", now)
      return
    }
    guard let index = indexOfNumber[number] else {
      broken("verdict \(verdict) came for unit \(number), which the PLC never counted", now)
      return
    }
    let isFirst = units[index].firstVerdict == nil
    units[index].lastVerdict = verdict
    if !held {
      // It went to the gate without waiting: rejected, or passed on an accept that is now withdrawn.
      if verdict != VerdictNumber.accept { units[index].isWithdrawnTooLate = true }
      return
    }
    if isFirst {
      units[index].firstVerdict = verdict
      units[index].acceptStands = verdict == VerdictNumber.accept
    } else if verdict != VerdictNumber.accept {
      units[index].acceptStands = false
    } else {
      broken("a second accept came for unit \(name(index))", now)
    }
    let fault = units[index].pack.fault
    let ofLine: Set<UInt16> = [12, 15, 16]
    var ofUnit = units[index].isMessageCut ? [2] : fault.verdicts
    // For a moment the first of two messages is all that came; passing on it would break the law above.
    if units[index].isMixedUp { ofUnit.insert(VerdictNumber.accept) }
    if isFirst && !ofLine.contains(verdict) && !ofUnit.contains(verdict) {
      if verdict == VerdictNumber.noRead {
        // No pack was judged by what it does not say; how many of these are too many is for the reckoning.
        units[index].isFalseNoRead = true
        return
      }
      broken("unit \(name(index)) (\(fault.rawValue)) got verdict \(verdict)", now)
    }
  }

  /// Units whose end the PLC has not reported: the last few.
  private var openIndices: [Int] {
    Array(units.indices.reversed().prefix { units[$0].outcome == nil && !units[$0].isUnreported })
  }

  private func name(_ index: Int) -> String {
    let serial = units[index].pack.serial.map { ", serial \($0)" } ?? ""
    return "\(index) (number \(units[index].number.map(String.init) ?? "none")\(serial))"
  }

  private mutating func broken(_ sentence: String, _ now: Nanoseconds) {
    violationCount += 1
    guard violations.count < Truth.violationsMax else { return }
    violations.append(Violation(at: now, sentence: sentence))
  }
}
