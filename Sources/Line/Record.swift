/// One thing that happened, as it goes on disk and as it changes the core's state.
///
/// The live line and recovery share one way: an event is decided into records, and `LineController.apply`
/// changes the state by them. After a restart the same records, read back, give the same state.
public struct Record: Sendable, Hashable {
  /// What happened.
  public var kind: Kind
  /// Index of the station in `LineController`'s list, by name; -1 when it is about the line.
  public var station: Int16
  /// Unit number, 0 none.
  public var unit: UInt16
  /// Number of the batch, 0 none.
  public var batch: UInt32
  /// Row of the serial in its batch, -1 none.
  public var row: Int32
  /// Verdict, outcome, stop reason, alarm kind or epoch, as `kind` says.
  public var code: UInt16
  /// Outcome sequence (`outcome`), occurrence (alarm records), reasons standing (`permitWithdrawn`), count (`printed`); else 0.
  public var number: UInt32
  /// The state that the serial at `row` has from here on; nil when it does not change.
  public var state: SerialState?
  /// The raw read as it came, or the batch data; empty when there is none.
  public var raw: [UInt8]
  /// Who ordered it: login name and uid, empty for the daemon itself.
  public var actor: String
  /// What a person wrote, or what explains the record.
  public var detail: String

  /// The kinds of records.
  ///
  /// Numbers are never used again for something else: records outlive versions.
  public enum Kind: UInt8, Sendable, CaseIterable {
    /// The daemon started; detail names version and configuration hash.
    case started = 1
    /// The daemon stopped in order.
    case stopped = 2
    /// A unit was judged: code is the verdict, raw the read.
    case verdict = 3
    /// A verdict other than accept followed an accept: code is the new verdict.
    case withdrawn = 4
    /// The PLC's outcome for a unit: code is the outcome, number its sequence.
    case outcome = 5
    /// A unit's outcome never came: it ended in doubt.
    case outcomeMissing = 6
    /// An accept was taken at a station without gate outcomes.
    case acceptTaken = 7
    /// A read that belongs to no unit, kept as it came.
    case strayRead = 8
    /// A batch was opened: raw holds its description.
    case batchOpened = 10
    /// A batch was started.
    case batchStarted = 11
    /// A batch was paused.
    case batchPaused = 12
    /// A batch was closed.
    case batchClosed = 13
    /// A person did something with a serial: code is the `SerialAct`, raw the scan that proves it, detail the reason.
    case serialChanged = 14
    /// Serials were printed, as the print feed says: raw holds their rows in this order, number how many.
    case printed = 15
    /// The run permit was given, by `actor`.
    case permitGiven = 20
    /// The run permit was withdrawn: code is the reason, number all reasons that stand.
    case permitWithdrawn = 21
    /// A stop was ordered while the line already stood, or another reason joined.
    case stopReason = 22
    /// The PLC echoed the stop and the conveyor stands.
    case stopConfirmed = 23
    /// The PLC's epoch at a station: code is the epoch. Open units before it are in doubt.
    case epoch = 30
    /// The PLC link of a station came up.
    case linkUp = 31
    /// The PLC link of a station went down.
    case linkDown = 32
    /// A scanner came.
    case scannerOnline = 33
    /// A scanner went.
    case scannerOffline = 34
    /// Tracking came into doubt.
    case trackingDoubt = 35
    /// Tracking is in step again.
    case trackingInStep = 36
    /// The print feed came.
    case printFeedOnline = 37
    /// The print feed went.
    case printFeedOffline = 38
    /// An alarm was raised: code is its kind, number its occurrence.
    case alarmRaised = 40
    /// The cause of an alarm ended.
    case alarmReturned = 41
    /// A person acknowledged an alarm.
    case alarmAcknowledged = 42
    /// A person reset a latched alarm.
    case alarmReset = 43
    /// A person put an alarm aside for a time: number is for how many minutes, detail why.
    case alarmShelved = 44
    /// That ended, by `actor`, or by itself.
    case alarmUnshelved = 45
    /// A person took an alarm out of service: detail says why.
    case alarmOutOfService = 46
    /// A person put an alarm back into service.
    case alarmInService = 47
    /// More alarms come than a person can take in: code 1 begins, 2 ends.
    case alarmFlood = 48
    /// An alarm was marked: number is an `AlarmMark`.
    case alarmRemarked = 49
    /// A command was refused; detail says which and why.
    case commandRefused = 50
    /// The configuration was loaded anew.
    case reloaded = 51
    /// A batch's records were exported, by `actor`; it stands before the first byte of the export is written.
    case exported = 52
    /// Stray reads of a scanner that sent without pause were counted and not kept: number is how many, detail the scanner.
    case strayReadsSkipped = 57
    /// The settings that verdicts depend on, in force from here on: raw holds them.
    case settings = 53
    /// Heads are signed with another key from here on: raw names the old one and the new one. Code 1: a person ordered it,
    /// detail says why; code 2: the daemon found it so at its start.
    case keyChanged = 56

    /// A challenge test began: number is its number, raw the verdicts that it has to show, a byte each.
    case challengeStarted = 65
    /// A pack of it was rejected for its own reason, and the reject was seen: code is the verdict.
    case challengeConfirmed = 66
    /// It ended: code is a `ChallengeResult`.
    case challengeEnded = 67
    /// The second way to stop was taken, because a stop was not confirmed; detail names it.
    case secondStop = 60
    /// How that went: code 0 done, 1 failed, and then detail says why.
    case secondStopEnded = 61
    /// A scanner that types was taught by `actor`: from here on what it types is believed; detail names it and its device.
    case scannerTaught = 62

    /// A containment case was opened: number is its number, code the alarm's kind or 0, raw a `CaseOpening`, detail its title.
    case caseOpened = 70
    /// A step of it was done, by `actor` or by the daemon: code is the step from 1, detail what shows it.
    case caseStepDone = 71
    /// A contact that was alerted has answered: raw is the contact's role.
    case caseAnswered = 72
    /// A contact was told, or could not be: code 0 told, 1 failed, raw is who and by which way, unit the attempt.
    case caseNotified = 73
    /// What is on hold was narrowed: raw is a `CaseScope`, detail the reason.
    case caseScoped = 74
    /// The case's time was written down: raw is a `CaseClock`; code says what it came to, see `CaseMoment`.
    case caseClock = 75
    /// Evidence for a step: code is the step from 1, raw the evidence, detail what it is.
    case caseEvidence = 76
    /// A pack that is on hold was scanned in: batch, row, raw is the scan.
    case caseScanned = 77
    /// The case was closed, by `actor`.
    case caseClosed = 78
    /// Something that belongs to the case happened besides; detail says what.
    case caseNoted = 79
    /// A person signed: code and number are the subject's, batch too where it is one, raw the `Signature`, detail what it
    /// means.
    case signed = 80
    /// User name and password were not taken: code is a `SignatureRefusal`, raw the login where the machine has it, actor who
    /// tried, detail for which command. Never the password.
    case signatureRefused = 81
    /// A login was locked after wrong passwords: raw is the login, number for how many minutes.
    case signerLocked = 82

    /// Records were put into an archive, by `actor`: raw describes it and holds what they made of the line, number is the
    /// last batch in it, detail its folder.
    case archived = 54

    /// The word in exports and JSON, for people who read records years later.
    public var word: String { "\(self)" }
  }

  /// Makes a record; what is left out is none.
  public init(
    _ kind: Kind, station: Int = -1, unit: UInt16 = 0, batch: UInt32 = 0, row: Int32 = -1,
    code: UInt16 = 0, number: UInt32 = 0, state: SerialState? = nil, raw: [UInt8] = [],
    actor: String = "", detail: String = ""
  ) {
    self.kind = kind
    self.station = Int16(clamping: station)
    self.unit = unit
    self.batch = batch
    self.row = row
    self.code = code
    self.number = number
    self.state = state
    self.raw = raw
    self.actor = actor
    self.detail = detail
  }
}
