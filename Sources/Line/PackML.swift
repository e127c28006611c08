/// PackML as far as a line needs it: commands, and what a machine's states mean (ISA-TR88.00.02).
public enum PackML {
  /// How a PLC numbers its states in offset 2.
  public enum Profile: UInt8, Sendable, Hashable, CaseIterable, BitwiseCopyable {
    /// ISA-TR88.00.02.
    case isaTR88 = 1
    /// OPC's companion specification for tobacco machinery, which numbers them otherwise (OPC 30060, 11.9).
    case opcTMC = 2

    /// The word in the configuration.
    public var word: String {
      switch self {
      case .isaTR88: "isa-tr88"
      case .opcTMC: "opc-tmc"
      }
    }

    /// The state that a register's value means; nil for a number that the profile does not have.
    public func state(_ number: UInt16) -> State? {
      switch self {
      case .isaTR88: State(rawValue: number)
      case .opcTMC: Int(number) < Profile.tmc.count ? Profile.tmc[Int(number)] : nil
      }
    }

    private static let tmc: [State] = [
      .stopped, .resetting, .idle, .starting, .execute, .completing, .complete, .aborting, .aborted,
      .stopping, .clearing, .suspending, .suspended, .unsuspending, .holding, .held, .unholding,
    ]
  }

  /// StateCurrent, with the numbers of ISA-TR88.00.02.
  public enum State: UInt16, Sendable, Hashable, CaseIterable, BitwiseCopyable {
    case clearing = 1
    case stopped = 2
    case starting = 3
    case idle = 4
    case suspended = 5
    case execute = 6
    case stopping = 7
    case aborting = 8
    case aborted = 9
    case holding = 10
    case held = 11
    case unholding = 12
    case suspending = 13
    case unsuspending = 14
    case resetting = 15
    case completing = 16
    case complete = 17

    /// The command that leads on towards Execute; nil where the machine goes on by itself, or is there.
    public var commandTowardsExecute: Command? {
      switch self {
      case .aborted: .clear
      case .stopped, .complete: .reset
      case .idle: .start
      case .held: .unhold
      case .suspended: .unsuspend
      case .clearing, .starting, .execute, .stopping, .aborting, .holding, .unholding, .suspending,
        .unsuspending, .resetting, .completing:
        nil
      }
    }
  }

  /// CntrlCmd, with the numbers of ISA-TR88.00.02 in every profile (contract, host 5).
  public enum Command: UInt16, Sendable, Hashable, CaseIterable, BitwiseCopyable {
    case reset = 1
    case start = 2
    case stop = 3
    case hold = 4
    case unhold = 5
    case suspend = 6
    case unsuspend = 7
    case abort = 8
    case clear = 9

    /// The command that goes with a stop for this reason.
    ///
    /// Abort where a bad pack may be beyond the gate or nothing can be recorded; Hold where the line goes on as soon as a
    /// cause is mended; Stop where a person, or the end of a batch, ends the run.
    public init(stopping reason: StopReason) {
      self =
        switch reason {
        case .badPackPassed, .rejectNotConfirmed, .storageFault: .abort
        case .trackingInDoubt, .scannerLost, .machineNotReady, .limitExceeded, .containment,
          .challengeDue:
          .hold
        case .operatorStop, .noBatchRunning, .startUp, .linkLost, .wrongMapVersion: .stop
        }
    }

    /// How grave a stop is, so that a graver one follows a lighter one and not the other way round; 0: none.
    var gravity: Int {
      switch self {
      case .hold, .suspend: 1
      case .stop: 2
      case .abort: 3
      case .reset, .start, .unhold, .unsuspend, .clear: 0
      }
    }

    /// The word for people.
    public var word: String {
      switch self {
      case .reset: "Reset"
      case .start: "Start"
      case .stop: "Stop"
      case .hold: "Hold"
      case .unhold: "Unhold"
      case .suspend: "Suspend"
      case .unsuspend: "Unsuspend"
      case .abort: "Abort"
      case .clear: "Clear"
      }
    }
  }
}
