/// The contract's registers, map version 1, written down a second time on purpose: the simulated line shares no
/// code with the daemon, so a slip in either shows as a disagreement.
public enum RegisterMap {
  /// Offset 0 of both blocks.
  public static let version: UInt16 = 1
  /// The highest sequence and unit number; the next one is 1.
  ///
  /// A multiple of 32, so that slots keep their order.
  public static let numberMax: UInt16 = 65504
  /// The header's length in both blocks; the ring begins after it.
  public static let headerCount = 16
  /// Registers of one ring slot: sequence, unit, word, check.
  public static let slotCount = 4

  /// Offsets in the host block, which the daemon writes.
  public enum Host {
    /// Map version.
    public static let version = 0
    /// The daemon's heartbeat.
    public static let heartbeat = 1
    /// Run permit: 1 may run, anything else is stop.
    public static let permit = 2
    /// The gravest stop reason.
    public static let stopReason = 3
    /// PackML command sequence.
    public static let commandSequence = 4
    /// PackML command, ISA-TR88 number.
    public static let command = 5
    /// Stack light bits.
    public static let stackLight = 6
    /// Alarms unacknowledged.
    public static let alarms = 7
    /// Sequence of the last outcome durably recorded.
    public static let outcomeRecorded = 8
    /// Echo of the PLC's epoch.
    public static let epoch = 9
  }

  /// Offsets in the PLC block, which the PLC writes.
  public enum PLC {
    /// Map version.
    public static let version = 0
    /// The PLC's heartbeat.
    public static let heartbeat = 1
    /// PackML StateCurrent.
    public static let state = 2
    /// Run permit as the PLC obeys it.
    public static let permitObeyed = 3
    /// Last unit that triggered.
    public static let lastUnit = 4
    /// Sequence of the last verdict taken.
    public static let verdictTaken = 5
    /// Input bits.
    public static let inputs = 6
    /// Last PackML command sequence done.
    public static let commandDone = 7
    /// Sequence of the last outcome written.
    public static let outcomeWritten = 8
    /// Epoch.
    public static let epoch = 9
  }

  /// The fourth register of a slot; a slot read half old, half new does not pass it.
  public static func check(sequence: UInt16, unit: UInt16, word: UInt16, epoch: UInt16) -> UInt16 {
    3 &* sequence &+ 5 &* unit &+ 7 &* word &+ epoch &+ 0xA5A5
  }

  /// The sequence or unit number after this one; 0, none, goes to 1.
  public static func next(_ number: UInt16) -> UInt16 {
    number >= numberMax ? 1 : number + 1
  }

  /// How many steps of `next` lead from one number to another; 0, none, counts as what stands before 1.
  public static func steps(from start: UInt16, to end: UInt16) -> Int {
    (Int(end) - Int(start) + Int(numberMax)) % Int(numberMax)
  }

  /// Where a sequence's slot begins in its block.
  public static func slotOffset(_ sequence: UInt16, slots: Int) -> Int {
    headerCount + slotCount * (Int(sequence) % slots)
  }

  /// Length of a block with so many slots.
  public static func blockCount(slots: Int) -> Int { headerCount + slotCount * slots }
}

/// The contract's verdict numbers that the line itself has to tell apart.
public enum VerdictNumber {
  /// Accept.
  public static let accept: UInt16 = 1
  /// No read.
  public static let noRead: UInt16 = 2
  /// Tracking in doubt.
  public static let inDoubt: UInt16 = 15
  /// Verdicts on what was read alone: no-read, several codes, not GS1, wrong batch data, unknown, wrong symbology.
  public static let ofRead: Set<UInt16> = [2, 3, 4, 5, 6, 7, 8, 14]
  /// Verdicts that take an accept back: the line not permitted, tracking in doubt, storage fault (contract, "Withdrawing").
  public static let ofWithdrawal: Set<UInt16> = [12, 15, 16]
  /// The highest one in use.
  public static let highest: UInt16 = 16
}

/// The contract's outcomes of a unit at the gate.
public enum Outcome: UInt16, Sendable, Hashable, CaseIterable {
  /// Passed.
  case passed = 1
  /// Rejected and seen by the reject sensor.
  case rejected = 2
  /// Reject not seen.
  case rejectNotSeen = 3
  /// Lost.
  case lost = 4
  /// Taken out by hand.
  case takenByHand = 5
  /// Rejected because no verdict came in time.
  case noVerdictInTime = 6
}
