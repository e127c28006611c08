public import Line

extension StopReason {
  /// What a person on shift does next, in one sentence.
  public var nextStep: String {
    switch self {
    case .startUp: "Look the line over, then release it."
    case .operatorStop: "When the cause is gone, release the line."
    case .containment: "Work through the containment's steps; it ends with a signature."
    case .trackingInDoubt:
      "Clear the packs between scanner and gate, wait until the line is in step, then release."
    case .scannerLost: "Check the scanner's cable and power; when it is online again, release."
    case .storageFault: "Nothing can be recorded: call maintenance; free space or mend the disk."
    case .rejectNotConfirmed:
      "Look for the pack between gate and bin; check gate, air and reject sensor; then release."
    case .limitExceeded:
      "The alarm says whether packs fail or the PLC does not follow; clear the cause, then release."
    case .noBatchRunning: "Start a batch, then release."
    case .linkLost: "See that the machine stands; check cable, switch and PLC; then release."
    case .badPackPassed:
      "Find the pack named in the alarm, hold what left since; acknowledge, then release."
    case .machineNotReady: "Empty the reject bin, close the guards, check the air; then release."
    case .wrongMapVersion:
      "The PLC program speaks another register map or sets no epoch: call the PLC programmer."
    case .challengeDue:
      "Start the challenge test (lineward challenge start STATION), release, and send its packs."
    }
  }
}
