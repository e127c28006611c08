/// What there is to know of one kind of alarm: a row of the one table that defines them all (ISA-18.2, 6.2.9; IEC 62682, 6.2.9).
///
/// `docs/alarms.md` and the alarms' entries of the journal's catalogue are made from it.
public struct AlarmDefinition: Sendable, Hashable {
  /// The kind that the row is about; its raw value is the number in records.
  public var kind: AlarmKind
  /// The word in JSON, in alarm ids and in documents.
  public var word: String
  /// How soon a person has to act.
  public var priority: AlarmKind.Priority
  /// What its place is.
  public var location: Location
  /// What has happened when it is raised, a sentence.
  public var cause: String
  /// What that means for packs and line, a sentence or two.
  public var consequence: String
  /// What to do, a sentence.
  public var remedy: String
  /// What ends it.
  public var ends: Ending
  /// Whether it stays when its cause has ended, until a person resets it.
  public var latches: Bool
  /// Whether what raises it takes the run permit.
  public var stopsLine: Bool
  /// Whether it opens a containment.
  public var opensContainment: Bool
  /// Whether each occurrence is recorded, however many there are: it is about single packs, or who tells it counts repeats already.
  public var isAlwaysRecorded: Bool
  /// Whether it may be shelved or taken out of service.
  public var mayBeShelved: Bool
  /// Whether it is suppressed by design when its cause comes while the line stands, because it is to be expected then.
  public var suppressedWhileStanding: Bool
  /// So long the cause has to stand before the alarm is raised.
  ///
  /// A stop never waits for that.
  public var onDelay: Duration
  /// So long the cause has to be gone before the alarm returns.
  public var offDelay: Duration
  /// By how much a measured value has to be better than its limit before the cause counts as ended, in per cent of the limit; nil:
  /// nothing is measured.
  public var deadbandPercent: Int?

  /// What the place of an alarm is.
  public enum Location: String, Sendable, CaseIterable {
    /// It has none: it is about the line as a whole.
    case line
    /// The name of a station.
    case station
    /// The name of a scanner.
    case scanner
    /// What came through the queue.
    case queue
    /// A login.
    case login
    /// A containment case.
    case containmentCase = "case"
    /// The name of a contact.
    case contact
  }

  /// What ends an alarm.
  public enum Ending: String, Sendable, CaseIterable {
    /// Its cause, which is watched.
    case withCause = "its cause"
    /// The next release of the line: it speaks of a moment.
    case withRelease = "the next release"
    /// It is over when it is seen, and waits only for a person.
    case atOnce = "at once"
  }

  /// So many raises of one alarm within `chatteringSpan` make it chattering (ISA-18.2, 16.5).
  public static let chatteringRaises = 3
  /// The time for that, and the time without a raise that ends it, in milliseconds.
  public static let chatteringSpan: Int64 = 60_000
  /// An alarm that stands for so long is stale, in milliseconds: a day.
  public static let staleAfter: Int64 = 86_400_000
  /// No alarm is shelved for longer, in minutes: a shift.
  public static let shelvedMinutesMax: UInt32 = 480

  /// Whether raises of one that chatters are counted instead of recorded one by one.
  public var coalesces: Bool { !latches && !isAlwaysRecorded }

  /// So long the return of one that chatters is held back; one that a release ends comes no more often than people release.
  public var chatteringHold: Duration {
    coalesces && ends != .withRelease ? .milliseconds(AlarmDefinition.chatteringSpan) : .zero
  }

  private init(
    _ kind: AlarmKind, _ word: String, _ priority: AlarmKind.Priority, at location: Location,
    cause: String,
    consequence: String, remedy: String, ends: Ending = .withCause, latches: Bool = false,
    stopsLine: Bool = false, opensContainment: Bool = false, isAlwaysRecorded: Bool = false,
    mayBeShelved: Bool = true, suppressedWhileStanding: Bool = false, onDelay: Duration = .zero,
    offDelay: Duration = .zero, deadbandPercent: Int? = nil
  ) {
    self.kind = kind
    self.word = word
    self.priority = priority
    self.location = location
    self.cause = cause
    self.consequence = consequence
    self.remedy = remedy
    self.ends = ends
    self.latches = latches
    self.stopsLine = stopsLine
    self.opensContainment = opensContainment
    self.isAlwaysRecorded = isAlwaysRecorded
    self.mayBeShelved = mayBeShelved
    self.suppressedWhileStanding = suppressedWhileStanding
    self.onDelay = onDelay
    self.offDelay = offDelay
    self.deadbandPercent = deadbandPercent
  }

  /// Every kind of alarm, once, by number.
  public static let all: [AlarmDefinition] = [
    AlarmDefinition(
      .badPackPassed, "bad_pack_passed", .highest, at: .station,
      cause: "A pack without a standing accept passed the gate, as the PLC reports.",
      consequence:
        "A bad pack may be among the good ones. The line stands, and all accepts are withdrawn.",
      remedy: "Find the pack named and take it off the line; hold what left since.",
      ends: .atOnce, latches: true, stopsLine: true, opensContainment: true, isAlwaysRecorded: true,
      mayBeShelved: false),
    AlarmDefinition(
      .storageFault, "storage_fault", .high, at: .line,
      cause: "A record could not be written to the disk, or not be synced.",
      consequence:
        "Nothing can be recorded, so nothing passes: the line stands, and every unit gets verdict 16.",
      remedy: "Free space or mend the disk; the line can be released once the records are checked.",
      ends: .atOnce, latches: true, stopsLine: true, mayBeShelved: false),
    AlarmDefinition(
      .rejectNotConfirmed, "reject_not_confirmed", .high, at: .station,
      cause:
        "A pack was to be rejected, and nobody saw it leave: the reject sensor did not, or no outcome came.",
      consequence:
        "A bad pack may be among the good ones. The line stands, and all accepts are withdrawn.",
      remedy: "Look for the pack between the gate and the bin; check gate, air and reject sensor.",
      ends: .atOnce, latches: true, stopsLine: true, isAlwaysRecorded: true, mayBeShelved: false),
    AlarmDefinition(
      .stopNotConfirmed, "stop_not_confirmed", .highest, at: .line,
      cause:
        "After a stop the PLC still obeys the permit, or the conveyor still moves, beyond limits.stop_confirm_ms.",
      consequence:
        "The machine may run on. Where it is configured, the second way to stop is taken.",
      remedy: "Stop the machine by hand, then find out why the PLC did not obey.",
      latches: true, stopsLine: true, mayBeShelved: false),
    AlarmDefinition(
      .releaseNotConfirmed, "release_not_confirmed", .medium, at: .line,
      cause:
        "The PLC did not follow a release within limits.stop_confirm_ms, or stopped by itself later.",
      consequence: "The permit is withdrawn: the line stands.",
      remedy: "Look at the PLC: it did not follow the release; mend its cause, then release again.",
      ends: .withRelease, stopsLine: true),
    AlarmDefinition(
      .linkLost, "plc_link_lost", .high, at: .station,
      cause: "The PLC does not answer, or its heartbeat stands still.",
      consequence: "The line stands; no outcome is seen until the link is back.",
      remedy: "See that the machine stands; check cable, switch and PLC.",
      stopsLine: true),
    AlarmDefinition(
      .trackingInDoubt, "tracking_in_doubt", .high, at: .station,
      cause: "Triggers and messages of a station did not match.",
      consequence:
        "No verdict can be sure: the line stands, and all packs are rejected until the station was quiet for quiet_ms.",
      remedy:
        "Clear the packs between scanner and gate, wait until the line is in step, then release.",
      ends: .withRelease, stopsLine: true, mayBeShelved: false),
    AlarmDefinition(
      .scannerLost, "scanner_lost", .medium, at: .scanner,
      cause: "A scanner went, or cannot be opened.",
      consequence: "No pack of its station can be read: the line stands.",
      remedy:
        "Where the reason says what to do, do that; otherwise check cable and power. It comes back by itself.",
      stopsLine: true),
    AlarmDefinition(
      .machineNotReady, "machine_not_ready", .low, at: .station,
      cause:
        "The PLC reports a full reject bin, an open guard or emergency stop, or too little air at the gate.",
      consequence: "The line stands until that is over and somebody releases it.",
      remedy: "Empty the reject bin, close the guards, check the air.",
      stopsLine: true, mayBeShelved: false, suppressedWhileStanding: true, offDelay: .seconds(2)),
    AlarmDefinition(
      .wrongMapVersion, "wrong_map_version", .medium, at: .station,
      cause: "The PLC shows another version of the register map than 1.",
      consequence: "Its registers cannot be gone by: the line stands.",
      remedy: "The PLC program speaks another register map; call the PLC programmer.",
      stopsLine: true),
    AlarmDefinition(
      .consecutiveRejects, "consecutive_rejects", .medium, at: .station,
      cause: "As many rejects in a row as limits.consecutive_rejects.",
      consequence: "The line stands; the packs are in the bin.",
      remedy: "Look at print, lighting and scanner; clear the cause, then release.",
      ends: .withRelease, stopsLine: true),
    AlarmDefinition(
      .consecutiveNoReads, "consecutive_no_reads", .medium, at: .station,
      cause: "As many no-reads in a row as limits.consecutive_no_reads.",
      consequence: "The line stands; the packs are in the bin.",
      remedy: "Look at print, lighting and scanner; clear the cause, then release.",
      ends: .withRelease, stopsLine: true),
    AlarmDefinition(
      .outcomeMissing, "outcome_missing", .high, at: .station,
      cause: "The conveyor moved for limits.outcome_ms and a unit has no outcome.",
      consequence: "Nobody knows where the pack is: it is in doubt, and the line stands.",
      remedy: "Look for the pack named between scanner and gate.",
      ends: .withRelease, stopsLine: true, isAlwaysRecorded: true, mayBeShelved: false),
    AlarmDefinition(
      .verdictNotTaken, "verdict_not_taken", .high, at: .station,
      cause: "The PLC has not taken a verdict within 1 s.",
      consequence: "Verdicts do not reach the gate: the line stands.",
      remedy: "The PLC program does not follow the map; call the PLC programmer.",
      ends: .withRelease, stopsLine: true),
    AlarmDefinition(
      .outcomeUnreadable, "outcome_unreadable", .high, at: .station,
      cause: "The PLC says that an outcome is written, and its slot does not hold it.",
      consequence: "Outcomes cannot be read: the line stands.",
      remedy: "The PLC program does not follow the map; call the PLC programmer.",
      ends: .withRelease, stopsLine: true),
    AlarmDefinition(
      .unitLost, "unit_lost", .medium, at: .station,
      cause: "An accepted pack was lost before the gate, as the PLC reports.",
      consequence: "Its serial is in doubt.",
      remedy: "Look for the pack named between scanner and gate.",
      ends: .withRelease, isAlwaysRecorded: true),
    AlarmDefinition(
      .eventsLost, "events_lost", .high, at: .queue,
      cause: "A queue between devices and line was full.",
      consequence:
        "A trigger, a read or an outcome may be missing: the line stands with tracking in doubt.",
      remedy: "More came in than can be handled; tell maintenance, with the journal.",
      ends: .withRelease, stopsLine: true, isAlwaysRecorded: true, mayBeShelved: false),
    AlarmDefinition(
      .plcRestarted, "plc_restarted", .medium, at: .station,
      cause: "The PLC shows another epoch: it started anew.",
      consequence:
        "It has forgotten the packs on the line: they are in doubt, and the line stands.",
      remedy: "Clear the packs that were on the line; the PLC has forgotten them.",
      ends: .withRelease, stopsLine: true, isAlwaysRecorded: true),
    AlarmDefinition(
      .clockStepped, "clock_stepped", .medium, at: .line,
      cause: "Somebody or something set the machine's clock.",
      consequence: "Times in the records jump here. Their order does not.",
      remedy: "Find out who set the clock; records keep their order, but their times jump here.",
      ends: .atOnce),
    AlarmDefinition(
      .clockNotSynchronised, "clock_not_synchronised", .low, at: .line,
      cause: "The time service has lost its server.",
      consequence: "Times in the records may drift.",
      remedy:
        "Check the time service and its server; records go by the machine's own clock until then.",
      onDelay: .seconds(300)),
    AlarmDefinition(
      .diskSpaceLow, "disk_space_low", .high, at: .line,
      cause: "Less than storage.min_free_mb is free on the disk of the records.",
      consequence: "When the disk is full the line stops with a storage fault.",
      remedy: "Free space on the disk of the records now: when it is full, the line stops.",
      deadbandPercent: 10),
    AlarmDefinition(
      .diskFilling, "disk_filling", .medium, at: .line,
      cause:
        "At its present pace the disk of the records falls below storage.min_free_mb within three days.",
      consequence: "The alarm disk_space_low will follow.",
      remedy:
        "Free space on the disk of the records, or give them a larger one, before the day named.",
      deadbandPercent: 25),
    AlarmDefinition(
      .printFeedLost, "print_feed_lost", .medium, at: .line,
      cause: "The printer, or what speaks for it, is not connected.",
      consequence: "Packs pass as far as serials are known as printed; then the line stops.",
      remedy:
        "Check the printer, its controller and the cable; packs pass only as far as serials are known as printed.",
      suppressedWhileStanding: true),
    AlarmDefinition(
      .printFeedStalled, "print_feed_stalled", .medium, at: .line,
      cause: "Packs come and the printer names no serial, or few named ones are left.",
      consequence: "The line stands before packs come that nobody knows.",
      remedy:
        "Look at the printer and its controller: packs come and no serial is named; acknowledge, then release.",
      ends: .withRelease, stopsLine: true),
    AlarmDefinition(
      .printedTwice, "printed_twice", .medium, at: .line,
      cause: "The printer named a serial again.",
      consequence: "Two packs may have one serial: a line that runs is stopped.",
      remedy:
        "Find out why the printer repeats; take out the packs with the serial named, then release.",
      ends: .withRelease, stopsLine: true, isAlwaysRecorded: true),
    AlarmDefinition(
      .printUnexpected, "print_unexpected", .medium, at: .line,
      cause:
        "The printer named a serial that the batch does not have or has used, or sent a line that is none.",
      consequence: "Its pack will be rejected; a line that runs is stopped for a serial.",
      remedy: "Compare the printer's job with the batch: it prints what the batch does not have.",
      ends: .withRelease, stopsLine: true, suppressedWhileStanding: true),
    AlarmDefinition(
      .printedNotRead, "printed_not_read", .medium, at: .line,
      cause: "Too many of the last 100 printed serials were not read.",
      consequence: "Packs are taken out before the reader, or cannot be read: the line stands.",
      remedy:
        "Look for packs taken out between printer and reader, and at print and scanner; then release.",
      ends: .withRelease, stopsLine: true),
    AlarmDefinition(
      .headNotKept, "head_not_kept", .medium, at: .line,
      cause: "A signed head did not reach storage.heads_file or storage.heads_command.",
      consequence: "Until one arrives, nothing elsewhere proves the end of the records.",
      remedy:
        "See to the file or command that signed heads go to; the newest one is sent again by itself."
    ),
    AlarmDefinition(
      .signingKeyExchanged, "signing_key_exchanged", .high, at: .line,
      cause: "Another signing key was found at the start than the one that signed before.",
      consequence:
        "Nobody vouches for the new key: records verify fails until somebody has looked into it.",
      remedy:
        "Find out who exchanged or removed head-key, tell quality, and keep the new public key elsewhere.",
      ends: .atOnce, latches: true, mayBeShelved: false),
    AlarmDefinition(
      .scannerFlooding, "scanner_flooding", .medium, at: .scanner,
      cause: "A scanner sends without pause what belongs to no unit.",
      consequence: "Reads beyond a bound are counted and not kept.",
      remedy:
        "Look at the scanner: it sends without pause; check its trigger, its cable and what it is set to send."
    ),
    AlarmDefinition(
      .scannerUnframed, "scanner_unframed", .medium, at: .scanner,
      cause: "Much comes from a scanner and no message has an end.",
      consequence: "Its packs are no-reads, and those stop the line.",
      remedy:
        "Hold the scanner's suffix, baud rate and parity against those of its configuration, and look at the cable."
    ),
    AlarmDefinition(
      .epochMissing, "plc_epoch_missing", .medium, at: .station,
      cause: "The PLC shows epoch 0: its program has set none since its start.",
      consequence: "A restart of the PLC could not be seen: the line stands.",
      remedy:
        "The PLC program has not set its epoch (register 9 of its block); call the PLC programmer.",
      stopsLine: true),
    AlarmDefinition(
      .commandNotDone, "packml_command_not_done", .medium, at: .station,
      cause: "The PLC has not done a PackML command within 1 s.",
      consequence:
        "None for the stop: the permit stands beside it. The machine may not follow a release.",
      remedy: "The PLC does not answer PackML commands; call the PLC programmer.",
      ends: .withRelease),
    AlarmDefinition(
      .secondStopFailed, "second_stop_failed", .highest, at: .line,
      cause: "The second way to stop was taken, and failed.",
      consequence: "The machine may run on.",
      remedy: "Stop the machine by hand at once; then mend the second way to stop.",
      ends: .withRelease, latches: true, mayBeShelved: false),
    AlarmDefinition(
      .secondStopUnreachable, "second_stop_unreachable", .high, at: .line,
      cause: "The second way to stop cannot be taken: its PLC, cable or program is not there.",
      consequence: "A release is refused until it is back.",
      remedy:
        "Mend the second way to stop (its PLC, cable or program); the line is not released without it.",
      mayBeShelved: false),
    AlarmDefinition(
      .challengeFailed, "challenge_failed", .high, at: .station,
      cause:
        "A bad pack of a challenge test passed, was not seen in the bin, or did not come in time.",
      consequence: "The station may pass bad packs: the line stands until a test is passed.",
      remedy:
        "A bad pack may pass here: find it, mend reader or gate, then run the challenge test again.",
      stopsLine: true, opensContainment: true, isAlwaysRecorded: true, mayBeShelved: false),
    AlarmDefinition(
      .challengeDue, "challenge_due", .low, at: .station,
      cause: "The next challenge test is due within a quarter of an hour.",
      consequence: "When it is due the line stops with reason 14.",
      remedy: "Run the challenge test at this station before the line stops for it."),
    AlarmDefinition(
      .acceptNotFollowed, "accept_not_followed", .low, at: .station,
      cause: "The gate rejected a pack that was accepted.",
      consequence: "A good pack is in the bin; its serial is inactive.",
      remedy:
        "Good packs went to the bin: the verdict came late, or the PLC forgot it; look at guards and times.",
      ends: .withRelease, isAlwaysRecorded: true),
    AlarmDefinition(
      .acceptLate, "accept_late", .medium, at: .station,
      cause: "An accept could not leave within the station's verdict_deadline_ms.",
      consequence: "A good pack is rejected with 15.",
      remedy:
        "Good packs go to the bin: find what is slow, with lineward plcs, lineward scanners and the disk's times in the journal.",
      ends: .withRelease, isAlwaysRecorded: true),
    AlarmDefinition(
      .duplicateFound, "duplicate_found", .high, at: .station,
      cause: "As many packs as limits.duplicates bore a serial that another pack has already.",
      consequence:
        "A serial is there twice, so one of the two may be a counterfeit or a wrong print: the line stands.",
      remedy:
        "Take out every pack with the serial named, find out why it is there twice, then release.",
      stopsLine: true, opensContainment: true, isAlwaysRecorded: true, mayBeShelved: false),
    AlarmDefinition(
      .signerLocked, "signer_locked", .medium, at: .login,
      cause: "Wrong passwords came for a login, as many as signatures.tries.",
      consequence: "The login signs nothing until its lock ends.",
      remedy:
        "Ask the person named whether it was he who mistyped; if not, somebody tries passwords: tell quality. It opens by itself.",
      isAlwaysRecorded: true, mayBeShelved: false),
    AlarmDefinition(
      .containmentHalf, "containment_half_time", .medium, at: .containmentCase,
      cause: "Half of a case's time is over, and it is open.",
      consequence: "More people are told.",
      remedy: "See what is open with lineward containment show, and get those who have to do it.",
      mayBeShelved: false),
    AlarmDefinition(
      .containmentLate, "containment_late", .high, at: .containmentCase,
      cause: "Four fifths of a case's time are over, and it is open.",
      consequence: "More people are told.",
      remedy: "See what is open with lineward containment show, and get those who have to do it.",
      mayBeShelved: false),
    AlarmDefinition(
      .containmentOver, "containment_overrun", .highest, at: .containmentCase,
      cause: "The time of a case is over, and it is open.",
      consequence: "Running over is on record. Nothing is released or closed by itself.",
      remedy:
        "The case's time is over and nothing ends by itself: get quality and the plant's management, and finish the steps.",
      mayBeShelved: false),
    AlarmDefinition(
      .contactNotReached, "contact_not_reached", .high, at: .contact,
      cause: "A contact of a case could not be told by one of its ways, as often as it was tried.",
      consequence: "Somebody who should know of the case may not.",
      remedy: "Reach them by telephone; mend the way named, with the journal."),
    AlarmDefinition(
      .scannerDrifted, "scanner_drifted", .medium, at: .scanner,
      cause: "A scanner sends otherwise than it did: other identifier, other length, grades gone.",
      consequence: "Somebody may have set it anew: what it reads may not be what was qualified.",
      remedy:
        "Find out who set or exchanged the scanner; hold what it sends against its profile, and reads since against packs."
    ),
    AlarmDefinition(
      .scannerRepeating, "scanner_repeating", .medium, at: .scanner,
      cause: "A scanner sends one code for ever.",
      consequence: "Its reads may not be those of the packs.",
      remedy:
        "Look what lies before the scanner: it sends one code for ever; take it away, or start the scanner anew.",
      suppressedWhileStanding: true),
  ]

  /// The rows by the number of their kind, for the core, which asks at every event.
  static let byNumber: [AlarmDefinition?] = {
    var rows = [AlarmDefinition?](
      repeating: nil, count: Int(all.map(\.kind.rawValue).max() ?? 0) + 1)
    for row in all { rows[Int(row.kind.rawValue)] = row }
    return rows
  }()
}
