/// What can go wrong on a line, each with what an operator needs to know of it.
///
/// Raw values stand in records and are never used again for something else.
public enum AlarmKind: UInt16, Sendable, CaseIterable {
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
  case commandNotDone = 46
  case secondStopFailed = 47

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
    case .commandNotDone: "packml_command_not_done"
    case .secondStopFailed: "second_stop_failed"
    }
  }

  /// How soon a person has to act.
  public var priority: Priority {
    switch self {
    case .badPackPassed, .stopNotConfirmed, .secondStopFailed: .highest
    case .storageFault, .rejectNotConfirmed, .linkLost, .trackingInDoubt, .outcomeMissing,
      .verdictNotTaken, .outcomeUnreadable, .eventsLost, .diskSpaceLow:
      .high
    case .releaseNotConfirmed, .scannerLost, .wrongMapVersion, .consecutiveRejects,
      .consecutiveNoReads, .unitLost, .plcRestarted, .clockStepped, .diskFilling,
      .commandNotDone:
      .medium
    case .machineNotReady, .clockNotSynchronised: .low
    }
  }

  /// Whether the alarm stays when its cause has ended, until a person resets it.
  public var latches: Bool {
    switch self {
    case .badPackPassed, .storageFault, .rejectNotConfirmed, .stopNotConfirmed, .secondStopFailed:
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
      "Check the scanner's cable and power; it comes back by itself."
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
    case .diskSpaceLow:
      "Free space on the disk of the records now: when it is full, the line stops."
    case .diskFilling:
      "Free space on the disk of the records, or give them a larger one, before the day named."
    case .commandNotDone:
      "The PLC does not answer PackML commands; call the PLC programmer."
    case .secondStopFailed:
      "Stop the machine by hand at once; then mend the second way to stop."
    }
  }
}
