/// What can go wrong on a line, each with what an operator needs to know of it.
///
/// Raw values stand in records and are never used again for something else.
public enum AlarmKind: UInt16, Sendable, CaseIterable, Codable {
  case badPackPassed = 1
  case storageFault = 2
  case rejectNotConfirmed = 3
  case stopNotConfirmed = 4
  case releaseNotConfirmed = 5
  case linkLost = 6
  case trackingInDoubt = 7
  case scannerLost = 8
  case machineNotReady = 9
  case wrongMapVersion = 10
  case consecutiveRejects = 11
  case consecutiveNoReads = 12
  case outcomeMissing = 13
  case verdictNotTaken = 14
  case outcomeUnreadable = 15
  case unitLost = 16
  case eventsLost = 17
  case plcRestarted = 18
  case clockStepped = 19
  case clockNotSynchronised = 20
  case diskSpaceLow = 21
  case diskFilling = 22
  case headNotKept = 37
  case signingKeyExchanged = 38
  case challengeFailed = 50
  case challengeDue = 51
  case acceptNotFollowed = 52
  case acceptLate = 53
  case containmentHalf = 56
  case containmentLate = 57
  case containmentOver = 58
  case contactNotReached = 59
  case signerLocked = 55
  case scannerFlooding = 39
  case scannerUnframed = 40
  case epochMissing = 41
  case scannerDrifted = 60
  case scannerRepeating = 61
  case printFeedLost = 30
  case printFeedStalled = 31
  case printedTwice = 32
  case printUnexpected = 33
  case printedNotRead = 34
  case commandNotDone = 46
  case secondStopFailed = 47
  case secondStopUnreachable = 48

  /// How soon a person has to act (IEC 62682, 5.5).
  public enum Priority: UInt8, Sendable, CaseIterable {
    case low = 1
    case medium = 2
    case high = 3
    case highest = 4

    /// The word in JSON and on screen.
    public var word: String {
      switch self {
      case .low: "low"
      case .medium: "medium"
      case .high: "high"
      case .highest: "highest"
      }
    }
  }

  /// The word in JSON, in alarm ids and in documents.
  public var word: String {
    switch self {
    case .badPackPassed: "bad_pack_passed"
    case .storageFault: "storage_fault"
    case .rejectNotConfirmed: "reject_not_confirmed"
    case .stopNotConfirmed: "stop_not_confirmed"
    case .releaseNotConfirmed: "release_not_confirmed"
    case .linkLost: "plc_link_lost"
    case .trackingInDoubt: "tracking_in_doubt"
    case .scannerLost: "scanner_lost"
    case .machineNotReady: "machine_not_ready"
    case .wrongMapVersion: "wrong_map_version"
    case .consecutiveRejects: "consecutive_rejects"
    case .consecutiveNoReads: "consecutive_no_reads"
    case .outcomeMissing: "outcome_missing"
    case .verdictNotTaken: "verdict_not_taken"
    case .outcomeUnreadable: "outcome_unreadable"
    case .unitLost: "unit_lost"
    case .eventsLost: "events_lost"
    case .plcRestarted: "plc_restarted"
    case .clockStepped: "clock_stepped"
    case .clockNotSynchronised: "clock_not_synchronised"
    case .diskSpaceLow: "disk_space_low"
    case .diskFilling: "disk_filling"
    case .challengeFailed: "challenge_failed"
    case .challengeDue: "challenge_due"
    case .acceptNotFollowed: "accept_not_followed"
    case .acceptLate: "accept_late"
    case .containmentHalf: "containment_half_time"
    case .containmentLate: "containment_late"
    case .containmentOver: "containment_overrun"
    case .contactNotReached: "contact_not_reached"
    case .signerLocked: "signer_locked"
    case .scannerFlooding: "scanner_flooding"
    case .scannerUnframed: "scanner_unframed"
    case .scannerDrifted: "scanner_drifted"
    case .scannerRepeating: "scanner_repeating"
    case .epochMissing: "plc_epoch_missing"
    case .headNotKept: "head_not_kept"
    case .signingKeyExchanged: "signing_key_exchanged"
    case .printFeedLost: "print_feed_lost"
    case .printFeedStalled: "print_feed_stalled"
    case .printedTwice: "printed_twice"
    case .printUnexpected: "print_unexpected"
    case .printedNotRead: "printed_not_read"
    case .commandNotDone: "packml_command_not_done"
    case .secondStopFailed: "second_stop_failed"
    case .secondStopUnreachable: "second_stop_unreachable"
    }
  }

  /// How soon a person has to act.
  public var priority: Priority {
    switch self {
    case .badPackPassed, .stopNotConfirmed, .secondStopFailed, .containmentOver: .highest
    case .storageFault, .rejectNotConfirmed, .linkLost, .trackingInDoubt, .outcomeMissing,
      .verdictNotTaken, .outcomeUnreadable, .eventsLost, .diskSpaceLow, .challengeFailed,
      .signingKeyExchanged, .secondStopUnreachable, .containmentLate, .contactNotReached:
      .high
    case .releaseNotConfirmed, .scannerLost, .wrongMapVersion, .consecutiveRejects,
      .consecutiveNoReads, .unitLost, .plcRestarted, .clockStepped, .diskFilling, .scannerFlooding,
      .scannerUnframed, .scannerDrifted, .scannerRepeating, .epochMissing,
      .headNotKept,
      .printFeedLost, .printFeedStalled,
      .printedTwice,
      .printUnexpected, .printedNotRead, .commandNotDone, .acceptLate, .containmentHalf,
      .signerLocked:
      .medium
    case .machineNotReady, .clockNotSynchronised, .challengeDue, .acceptNotFollowed: .low
    }
  }

  /// Whether the alarm stays when its cause has ended, until a person resets it.
  public var latches: Bool {
    switch self {
    case .badPackPassed, .storageFault, .rejectNotConfirmed, .stopNotConfirmed,
      .signingKeyExchanged, .secondStopFailed:
      true
    default: false
    }
  }

  /// What to do, in one sentence.
  public var remedy: String {
    switch self {
    case .badPackPassed:
      "Find the pack named and take it off the line; hold what left since."
    case .storageFault:
      "Free space or mend the disk; the line can be released once the records are checked."
    case .rejectNotConfirmed:
      "Look for the pack between the gate and the bin; check gate, air and reject sensor."
    case .stopNotConfirmed:
      "Stop the machine by hand, then find out why the PLC did not obey."
    case .releaseNotConfirmed:
      "Look at the PLC: it did not follow the release; mend its cause, then release again."
    case .linkLost:
      "See that the machine stands; check cable, switch and PLC."
    case .trackingInDoubt:
      "Clear the packs between scanner and gate, wait until the line is in step, then release."
    case .scannerLost:
      "Where the reason says what to do, do that; otherwise check cable and power. It comes back by itself."
    case .machineNotReady:
      "Empty the reject bin, close the guards, check the air."
    case .wrongMapVersion:
      "The PLC program speaks another register map; call the PLC programmer."
    case .consecutiveRejects, .consecutiveNoReads:
      "Look at print, lighting and scanner; clear the cause, then release."
    case .outcomeMissing:
      "Look for the pack named between scanner and gate."
    case .verdictNotTaken, .outcomeUnreadable:
      "The PLC program does not follow the map; call the PLC programmer."
    case .unitLost:
      "Look for the pack named between scanner and gate."
    case .eventsLost:
      "More came in than can be handled; tell maintenance, with the journal."
    case .plcRestarted:
      "Clear the packs that were on the line; the PLC has forgotten them."
    case .clockStepped:
      "Find out who set the clock; records keep their order, but their times jump here."
    case .clockNotSynchronised:
      "Check the time service and its server; records go by the machine's own clock until then."
    case .challengeFailed:
      "A bad pack may pass here: find it, mend reader or gate, then run the challenge test again."
    case .acceptNotFollowed:
      "Good packs went to the bin: the verdict came late, or the PLC forgot it; look at guards and times."
    case .acceptLate:
      "Good packs go to the bin: find what is slow, with lineward plcs, lineward scanners and the disk's times in the journal."
    case .containmentHalf, .containmentLate:
      "See what is open with lineward containment show, and get those who have to do it."
    case .containmentOver:
      "The case's time is over and nothing ends by itself: get quality and the plant's management, and finish the steps."
    case .contactNotReached:
      "Reach them by telephone; mend the way named, with the journal."
    case .signerLocked:
      "Ask the person named whether it was he who mistyped; if not, somebody tries passwords: tell quality. It opens by itself."
    case .challengeDue:
      "Run the challenge test at this station before the line stops for it."
    case .diskSpaceLow:
      "Free space on the disk of the records now: when it is full, the line stops."
    case .scannerFlooding:
      "Look at the scanner: it sends without pause; check its trigger, its cable and what it is set to send."
    case .scannerUnframed:
      "Hold the scanner's suffix, baud rate and parity against those of its configuration, and look at the cable."
    case .scannerDrifted:
      "Find out who set or exchanged the scanner; hold what it sends against its profile, and reads since against packs."
    case .scannerRepeating:
      "Look what lies before the scanner: it sends one code for ever; take it away, or start the scanner anew."
    case .epochMissing:
      "The PLC program has not set its epoch (register 9 of its block); call the PLC programmer."
    case .diskFilling:
      "Free space on the disk of the records, or give them a larger one, before the day named."
    case .headNotKept:
      "See to the file or command that signed heads go to; the newest one is sent again by itself."
    case .signingKeyExchanged:
      "Find out who exchanged or removed head-key, tell quality, and keep the new public key elsewhere."
    case .printFeedLost:
      "Check the printer, its controller and the cable; packs pass only as far as serials are known as printed."
    case .printFeedStalled:
      "Look at the printer and its controller: packs come and no serial is named; acknowledge, then release."
    case .printedTwice:
      "Find out why the printer repeats; take out the packs with the serial named, then release."
    case .printUnexpected:
      "Compare the printer's job with the batch: it prints what the batch does not have."
    case .printedNotRead:
      "Look for packs taken out between printer and reader, and at print and scanner; then release."
    case .commandNotDone:
      "The PLC does not answer PackML commands; call the PLC programmer."
    case .secondStopFailed:
      "Stop the machine by hand at once; then mend the second way to stop."
    case .secondStopUnreachable:
      "Mend the second way to stop (its PLC, cable or program); the line is not released without it."
    }
  }
}
