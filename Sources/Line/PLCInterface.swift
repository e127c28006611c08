/// What the line loop and a PLC link say to each other. Both sides are values of fixed size, so that they
/// travel through lock-free rings; the link owns registers, sequences and check words, the line owns units.

/// One connection to a PLC within one epoch of it; another number after every reconnection and epoch.
///
/// An accept or a permit that carries an older number is never sent.
public typealias LinkGeneration = UInt32

/// The header of a station's PLC block as last read (contract, "PLC block", offsets 0-9).
public struct PLCSnapshot: Sendable, Hashable, BitwiseCopyable {
  /// Offset 0.
  public var mapVersion: UInt16
  /// Offset 2, PackML StateCurrent.
  public var stateCurrent: UInt16
  /// Offset 3: whether the PLC now obeys a permit of 1, after its own latches.
  public var permitObeyed: Bool
  /// Offset 4: the last unit that triggered the read station, 0 is none.
  public var lastUnit: UInt16
  /// Offset 5: sequence of the last verdict taken.
  public var verdictTaken: UInt16
  /// Offset 6.
  public var inputs: Inputs
  /// Offset 7.
  public var packMLDone: UInt16
  /// Offset 8: sequence of the last outcome written.
  public var outcomeWritten: UInt16
  /// Offset 9.
  public var epoch: UInt16

  /// Whether it shows a stop: the PLC obeys permit 0, and the conveyor stands (contract, "Permit").
  var showsStop: Bool { !permitObeyed && !inputs.contains(.conveyorMoving) }

  /// The PLC's input bits (contract, offset 6).
  public struct Inputs: OptionSet, Sendable, Hashable, BitwiseCopyable {
    /// The bits as they stand in the register.
    public var rawValue: UInt16
    /// Makes a set from the register.
    public init(rawValue: UInt16) { self.rawValue = rawValue }
    /// Bit 0.
    public static let rejectBinFull = Inputs(rawValue: 1)
    /// Bit 1.
    public static let guardOrEmergencyStop = Inputs(rawValue: 2)
    /// Bit 2.
    public static let airPressureLow = Inputs(rawValue: 4)
    /// Bit 3.
    public static let conveyorMoving = Inputs(rawValue: 8)
    /// Bits 0-2: what keeps the machine from being ready.
    public static let notReady: Inputs = [.rejectBinFull, .guardOrEmergencyStop, .airPressureLow]
  }

  /// Makes a snapshot from the register values.
  public init(
    mapVersion: UInt16, stateCurrent: UInt16 = 0, permitObeyed: Bool = false, lastUnit: UInt16 = 0,
    verdictTaken: UInt16 = 0, inputs: Inputs = [], packMLDone: UInt16 = 0,
    outcomeWritten: UInt16 = 0, epoch: UInt16
  ) {
    self.mapVersion = mapVersion
    self.stateCurrent = stateCurrent
    self.permitObeyed = permitObeyed
    self.lastUnit = lastUnit
    self.verdictTaken = verdictTaken
    self.inputs = inputs
    self.packMLDone = packMLDone
    self.outcomeWritten = outcomeWritten
    self.epoch = epoch
  }
}

/// Why a PLC link is down, for the alarm's text.
public enum LinkFault: UInt8, Sendable, Hashable, BitwiseCopyable {
  /// Not connected yet since the start.
  case notConnected
  /// Refused, unreachable, name not resolved or no answer to connect.
  case cannotConnect
  /// A telegram failed: time-out, reset, wrong answer.
  case telegramFailed
  /// The PLC's heartbeat stood still for `lost_ms`.
  case heartbeatStill
  /// Verdict sequence or outcome registers that cannot be: another master writes, or the PLC program is wrong.
  case registersImpossible
  /// The daemon itself asked for a new connection.
  case reconnecting
  /// Our own registers did not read back as just written: a gateway answers from its memory.
  case registersStale
  /// Since the start it answers, and so late that the link is not in step yet.
  case late
  /// Its epoch changes faster than a PLC can start.
  case epochUnsteady
  /// Our block holds what we did not write: another master writes there.
  case registersForeign

  /// A phrase for a person on shift.
  public var phrase: String {
    switch self {
    case .notConnected: "not connected yet"
    case .cannotConnect: "cannot connect"
    case .telegramFailed: "a telegram failed"
    case .heartbeatStill: "the PLC's heartbeat stands still"
    case .registersImpossible: "the PLC's sequence registers make no sense"
    case .reconnecting: "reconnecting"
    case .late: "it answers late; the link is not in step yet"
    case .epochUnsteady: "its epoch changes again within a second, faster than a PLC can start"
    case .registersStale:
      "our registers do not read back as written; is a gateway between that caches?"
    case .registersForeign:
      "somebody else writes into our registers; find the other master"
    }
  }
}

/// What a link tells the line about one station's register blocks, in the order in which it happened.
public enum PLCEvent: Sendable, Hashable, BitwiseCopyable {
  /// The connection stands, in step: read back, rings resumed (same epoch) or zeroed (`newEpoch`).
  ///
  /// `newEpoch` is true when host register 9 did not hold the PLC's epoch, so the handshake began at
  /// sequence 1. A PLC that restarts while connected also gives this event, with a new generation.
  case linked(generation: LinkGeneration, newEpoch: Bool, PLCSnapshot)
  /// The link is down; no order of its generation will be sent any more.
  case lost(LinkFault)
  /// Map version, last unit, inputs, permit echo or another header value changed (heartbeats alone do not).
  ///
  /// It changed some time after `after`, when the poll before was asked; nil: nobody knows.
  case changed(PLCSnapshot, after: Instant? = nil)
  /// The PLC took this verdict out of the ring (PLC 5 has reached it).
  case taken(unit: UInt16, verdict: UInt16)
  /// The next outcome in sequence, its check right. Not acknowledged until the line orders `recorded`.
  case outcome(sequence: UInt16, unit: UInt16, outcome: UInt16)
  /// A verdict has not been taken for 1 s; said once for each such time.
  case verdictNotTaken(unit: UInt16)
  /// The PLC says that an outcome is written, but its slot has not passed the check for 1 s.
  case outcomeUnreadable(sequence: UInt16)
  /// The PLC did the last PackML command (PLC 7 has reached its sequence).
  case commandDone(PackML.Command)
  /// It has not done it for 1 s; said once.
  case commandNotDone(PackML.Command)
  /// This unit's accept could not leave before it was due, and never will.
  case acceptLate(unit: UInt16)
}

/// What the line orders from a link for one station.
public enum PLCOrder: Sendable, Hashable, BitwiseCopyable {
  /// Offsets 2, 3, 6, 7 of the host block. A permit of another generation than the link's counts as 0.
  case header(HostHeader)
  /// Put a verdict for a unit into the ring after all earlier ones. Dropped when the generation is not the link's.
  ///
  /// An accept that has not left when it is `due` is not sent, and the link says so; nil: it is never too late.
  case verdict(generation: LinkGeneration, unit: UInt16, Verdict, due: Instant? = nil)
  /// All outcomes up to this sequence are on disk: host register 8. Dropped when the generation is not the link's.
  case recorded(generation: LinkGeneration, outcome: UInt16)
  /// Close and connect again, as after any fault.
  case reconnect
}

/// The part of the host block's header that the line decides.
public struct HostHeader: Sendable, Hashable, BitwiseCopyable {
  /// The generation for which the permit was given.
  public var generation: LinkGeneration
  /// Offset 2.
  public var permit: Bool
  /// Offset 3: the gravest stop reason, 0 none.
  public var stopReason: UInt16
  /// Offset 6.
  public var stackLight: StackLight
  /// Offset 7.
  public var alarmsUnacknowledged: UInt16
  /// Offset 5, and with it the next sequence in offset 4, as soon as `commandNumber` is another; nil commands nothing.
  public var command: PackML.Command?
  /// Counts commands, so that the same one can be given twice.
  public var commandNumber: UInt16

  /// The lamps on the line (contract, offset 6).
  public struct StackLight: OptionSet, Sendable, Hashable, BitwiseCopyable {
    /// The bits as they stand in the register.
    public var rawValue: UInt16
    /// Makes a set from the register.
    public init(rawValue: UInt16) { self.rawValue = rawValue }
    /// Bit 0.
    public static let green = StackLight(rawValue: 1)
    /// Bit 1.
    public static let amber = StackLight(rawValue: 2)
    /// Bit 2.
    public static let red = StackLight(rawValue: 4)
    /// Bit 3.
    public static let horn = StackLight(rawValue: 8)
  }

  /// Makes a header.
  public init(
    generation: LinkGeneration = 0, permit: Bool = false, stopReason: UInt16 = 0,
    stackLight: StackLight = [], alarmsUnacknowledged: UInt16 = 0,
    command: PackML.Command? = nil, commandNumber: UInt16 = 0
  ) {
    self.generation = generation
    self.permit = permit
    self.stopReason = stopReason
    self.stackLight = stackLight
    self.alarmsUnacknowledged = alarmsUnacknowledged
    self.command = command
    self.commandNumber = commandNumber
  }
}

extension Verdict: BitwiseCopyable {}
