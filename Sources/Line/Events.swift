public import Alarms
public import Containment

/// What the core is told.
public enum LineEvent: Sendable {
  /// A scanner sent a message; `bytes` without its framing.
  case message(scanner: Int, bytes: [UInt8])
  /// A scanner came.
  case scannerOnline(Int)
  /// A scanner went, or could not be opened.
  case scannerOffline(Int, reason: String)
  /// Something is wrong with what a scanner sends: an alarm's cause came, or ended (`message` nil).
  case scannerTrouble(Int, AlarmKind, message: String?)
  /// A PLC link says something about a station.
  case plc(station: Int, PLCEvent)
  /// The print feed says something.
  case printFeed(PrintFeedEvent)
  /// A ring between devices and core was full: so many events of `what` are gone.
  case eventsLost(what: String, count: Int)
  /// Something of the machine that the daemon runs on, clock or disk, which stops no line: an alarm's cause came, or ended.
  case surroundings(AlarmKind, stands: Bool, message: String)
  /// The second way to stop was gone, or failed: then why.
  case secondStopEnded(failure: String?)
  /// The daemon says what became of something that a case asked for.
  case containment(ContainmentEvent)
  /// A person ordered something; `id` names the reply.
  ///
  /// Apart in memory, because a command is many times larger than what comes for every pack.
  indirect case command(id: UInt64, LineCommand, actor: String)
  /// Nothing happened but time.
  case tick
}

/// What a person may order from the line.
public enum LineCommand: Sendable {
  /// Adds a batch whose serials are imported; `description` goes into the record as it is.
  case batchOpen(Batch, description: [UInt8])
  /// Starts the batch of this id; nil: the only one that can be meant.
  case batchStart(id: String?)
  /// Pauses the running batch.
  case batchPause(id: String?)
  /// Closes a batch; `balance` is its reconciliation, nil where nobody made one.
  case batchClose(id: String?, balance: BatchBalance? = nil)
  /// Does something with a serial; `gtin` nil: the only one that has it. `evidence` is a new scan, for `found`.
  case serial(SerialAct, [UInt8], gtin: String?, evidence: [UInt8], reason: String)
  /// Does something with a serial of a closed batch, which was looked up in the records.
  case closedSerial(SerialAct, ClosedSerial, evidence: [UInt8], reason: String)
  /// Gives the run permit.
  case release
  /// Takes the run permit.
  case stop(reason: String)
  /// Acknowledges an alarm.
  case acknowledge(id: String, occurrence: UInt32, comment: String)
  /// Resets a latched alarm.
  case reset(id: String)
  /// Puts an alarm aside for so many minutes.
  case shelve(id: String, minutes: UInt32, reason: String)
  /// Ends that before its time.
  case unshelve(id: String)
  /// Takes an alarm out of service, until it is put back.
  case outOfService(id: String, reason: String)
  /// Puts an alarm back into service.
  case inService(id: String)
  /// The configuration was loaded anew: limits and timing; `recorded` is how they stand in the records.
  case reload(LineSettings, detail: String, recorded: [UInt8] = [])
  /// The records of the batch of this id are about to be copied for somebody.
  case export(batch: String)
  /// Starts a challenge test at the station of this name.
  case challengeStart(station: String)
  /// A scanner that types was taught: goes on record, and the reply says that it is there.
  case scannerTaught(detail: String)
  /// It was scanned for the test symbol and something else came: goes on record, and is refused with the sentence.
  case scannerNotTaught(scanner: String, sentence: String)
  /// A scanner is to be triggered: goes on record, and is refused while the line runs.
  case scannerTrigger(scanner: String)
  /// Ends it without a result.
  case challengeCancel(station: String, reason: String)
  /// Heads are signed with a new key from here on; `change` is what the record of it holds.
  case rotateKey(change: [UInt8], reason: String)
  /// Records lie in an archive, whole and synced, and are to be removed here; `description` goes into the record as it is.
  case archive(folder: String, lastBatch: UInt32, description: [UInt8])
  /// Does something about a containment case; `roles` are those of the person.
  case containment(ContainmentCommand, roles: Set<String>)
  /// Puts a signature on record, with the command that asks for it, in one transaction; nil: the signature is all.
  indirect case sign(SignatureOrder, with: LineCommand?)
  /// User name and password were not taken; `login` nil: the machine has no such login. `what` names the command.
  case signatureRefused(SignatureRefusal, login: String?, what: String)
  /// The daemon ends in order.
  case shutDown
}

/// What a reconciliation made off the line loop says when its batch is to be closed.
public struct BatchBalance: Sendable, Hashable {
  /// The batch that was reconciled.
  public var batch: UInt32
  /// `Batch.changes` when it was; another number by now makes it stale.
  public var changes: Int
  /// The balances.
  public var reconciliation: Reconciliation
  /// Why a batch that does not balance is closed all the same; empty: it is not.
  public var reason: String

  /// Joins a reconciliation and what it is good for.
  public init(batch: UInt32, changes: Int, reconciliation: Reconciliation, reason: String) {
    self.batch = batch
    self.changes = changes
    self.reconciliation = reconciliation
    self.reason = reason
  }
}

/// How a command ended.
public enum CommandResult: Sendable, Hashable {
  /// Done and on disk.
  case done(String)
  /// Refused now; every cause that stands.
  case refused(String, causes: [String])
  /// There is no such thing.
  case unknown(String)
  /// This person may not.
  case notPermitted(String)
  /// The line's storage is broken, so nothing can be recorded.
  case storageFault(String)
}

/// What the core wants done.
public enum LineAction: Sendable {
  /// An order for a station's PLC link.
  case order(station: Int, PLCOrder)
  /// Stops the line by the second way that is configured.
  case secondStop
  /// Something for a containment case, away from the line.
  case containment(ContainmentOrder)
  /// The answer to a command.
  case reply(id: UInt64, CommandResult)
  /// Something for the journal.
  case notice(Notice)
}

/// Something that maintenance or an operator reads in the journal.
public struct Notice: Sendable, Hashable {
  /// What it is about; the journal has a message id for each.
  public var topic: Topic
  /// How grave it is.
  public var severity: Severity
  /// The sentence.
  public var text: String
  /// The station's name, empty when it is about the line.
  public var station: String
  /// The unit, 0 none.
  public var unit: UInt16
  /// The serial, empty none.
  public var serial: String
  /// The alarm, nil where it is about none.
  public var alarm: AlarmKind?

  /// What a notice is about.
  public enum Topic: Sendable, Hashable, CaseIterable {
    case permitGiven, permitWithdrawn, stopConfirmed
    case batchOpened, batchStarted, batchPaused, batchClosed
    case linkUp, linkLost, plcRestarted
    case scannerOnline, scannerLost
    case printFeedOnline, printFeedLost
    case trackingInDoubt, trackingInStep
    case unitRejected, badPackPassed, rejectNotConfirmed, unitInDoubt
    case alarmRaised, alarmReturned, alarmAcknowledged, alarmReset, alarmShelved, alarmUnshelved
    case alarmOutOfService, alarmInService, alarmFlood, alarmRemarked
    case commandRefused, storageFault, reloaded, challenge, keyRotated
    case secondStop, packMLCommand
    case containment
  }

  /// How grave a notice is.
  public enum Severity: Sendable, Hashable, CaseIterable {
    case information, notice, warning, error, critical
  }
}

/// What one turn of the core left to do.
public struct Outbox: Sendable {
  /// What has to be on disk before anything of `LineController.committed` goes out.
  public var records: [Record] = []
  /// What goes out at once: rejects, stops, notices.
  public var actions: [LineAction] = []
}

/// What a station did, for `status`; counts go on over restarts.
public struct StationCounters: Sendable, Hashable, Codable {
  /// Units that triggered and were judged, or whose outcome came without a verdict.
  public var units = 0
  /// Units whose accept stands or stood until their end.
  public var accepted = 0
  /// Rejected units by verdict number 0…16.
  public var rejectedBy = [Int](repeating: 0, count: 17)
  /// Ends: passed with an accept that stood.
  public var passed = 0
  /// Ends: rejected and seen, or rejected for want of a verdict.
  public var rejectedAtGate = 0
  /// Ends: lost.
  public var lost = 0
  /// Ends: taken out by hand.
  public var takenByHand = 0
  /// Ends: in doubt.
  public var inDoubt = 0
  /// Rejected units in all.
  public var rejected: Int { rejectedBy.reduce(0, +) }

  /// Nothing yet.
  public init() {}
}

/// What `status` shows.
public struct LineStatus: Sendable {
  /// The line's name.
  public var line: String
  /// Whether the permit goes out as 1.
  public var permit: Bool
  /// The reasons that stand, gravest first.
  public var reasons: [StopReason]
  /// The batch at work, or nil.
  public var batch: Batch?
  /// Serials commissioned in that batch.
  public var commissioned: Int
  /// The stations.
  public var stations: [Station]
  /// The print feed, nil where none is configured.
  public var printFeed: PrintFeedStatus?
  /// Alarms that are not normal, those that were set aside too.
  public var alarms: [Alarm]
  /// Alarms that wait for an acknowledgement.
  public var unacknowledged: Int
  /// Open containment cases, in the order of their opening.
  public var cases: [ContainmentCase]
  /// Alarms that are neither normal nor set aside.
  public var activeAlarms: Int
  /// Alarms that are shelved, suppressed or out of service.
  public var setAside: Int { alarms.count { $0.state.isSetAside } }
  /// Since when there is a flood of alarms, wall time in milliseconds since 1970; nil: there is none.
  public var floodSince: Int64?

  /// One station.
  public struct Station: Sendable {
    /// Its name.
    public var name: String
    /// Its counters.
    public var counters: StationCounters
    /// Whether all its scanners are there.
    public var scannerOnline: Bool
    /// Whether its PLC link stands.
    public var plcOnline: Bool
    /// Units that have no end yet.
    public var openUnits: Int
    /// Whether it is in step.
    public var inStep: Bool
    /// The PLC's header as last read, nil while the link is down.
    public var plc: PLCSnapshot?
    /// The challenge test, nil at a station without a gate.
    public var challenge: Challenge?
  }

  /// How a station stands with its challenge test.
  public struct Challenge: Sendable {
    /// Whether one runs.
    public var isRunning: Bool
    /// What is still to be sent.
    public var missing: [Verdict]
    /// What was rejected and seen so.
    public var confirmed: [Verdict]
    /// Wall time of the last one passed, milliseconds since 1970.
    public var passedAt: Int64?
    /// Why none may pass before one is passed, nil: they may.
    public var due: String?
  }
}
