/// What maintenance can look up in the journal: one fixed id for each kind of message.
///
/// `journalctl MESSAGE_ID=…` finds them, `journalctl -x` shows the explanation from `systemd/lineward.catalog`. An id is
/// never given to something else: …2a50 was once given to every alarm, and each kind of alarm has an id of its own now
/// (`AlarmKind.messageID`).
public enum MessageID: String, Sendable, CaseIterable {
  case started = "8d5f1c1e6d0b4b5a9f1d0c5a7e3b2a01"
  case stopping = "8d5f1c1e6d0b4b5a9f1d0c5a7e3b2a02"
  case configurationRefused = "8d5f1c1e6d0b4b5a9f1d0c5a7e3b2a03"
  case reloaded = "8d5f1c1e6d0b4b5a9f1d0c5a7e3b2a04"
  case permitGiven = "8d5f1c1e6d0b4b5a9f1d0c5a7e3b2a10"
  case permitWithdrawn = "8d5f1c1e6d0b4b5a9f1d0c5a7e3b2a11"
  case stopConfirmed = "8d5f1c1e6d0b4b5a9f1d0c5a7e3b2a12"
  case secondStop = "8d5f1c1e6d0b4b5a9f1d0c5a7e3b2a13"
  case packMLCommand = "8d5f1c1e6d0b4b5a9f1d0c5a7e3b2a14"
  case batchOpened = "8d5f1c1e6d0b4b5a9f1d0c5a7e3b2a20"
  case batchStarted = "8d5f1c1e6d0b4b5a9f1d0c5a7e3b2a21"
  case batchPaused = "8d5f1c1e6d0b4b5a9f1d0c5a7e3b2a22"
  case batchClosed = "8d5f1c1e6d0b4b5a9f1d0c5a7e3b2a23"
  case linkUp = "8d5f1c1e6d0b4b5a9f1d0c5a7e3b2a30"
  case linkLost = "8d5f1c1e6d0b4b5a9f1d0c5a7e3b2a31"
  case plcRestarted = "8d5f1c1e6d0b4b5a9f1d0c5a7e3b2a32"
  case scannerOnline = "8d5f1c1e6d0b4b5a9f1d0c5a7e3b2a33"
  case scannerLost = "8d5f1c1e6d0b4b5a9f1d0c5a7e3b2a34"
  case printFeedOnline = "8d5f1c1e6d0b4b5a9f1d0c5a7e3b2a35"
  case printFeedLost = "8d5f1c1e6d0b4b5a9f1d0c5a7e3b2a36"
  case trackingInDoubt = "8d5f1c1e6d0b4b5a9f1d0c5a7e3b2a40"
  case trackingInStep = "8d5f1c1e6d0b4b5a9f1d0c5a7e3b2a41"
  case unitRejected = "8d5f1c1e6d0b4b5a9f1d0c5a7e3b2a42"
  case badPackPassed = "8d5f1c1e6d0b4b5a9f1d0c5a7e3b2a43"
  case rejectNotConfirmed = "8d5f1c1e6d0b4b5a9f1d0c5a7e3b2a44"
  case unitInDoubt = "8d5f1c1e6d0b4b5a9f1d0c5a7e3b2a45"
  case challenge = "8d5f1c1e6d0b4b5a9f1d0c5a7e3b2a46"
  case alarmReturned = "8d5f1c1e6d0b4b5a9f1d0c5a7e3b2a51"
  case alarmAcknowledged = "8d5f1c1e6d0b4b5a9f1d0c5a7e3b2a52"
  case alarmReset = "8d5f1c1e6d0b4b5a9f1d0c5a7e3b2a53"
  case alarmShelved = "8d5f1c1e6d0b4b5a9f1d0c5a7e3b2a54"
  case alarmUnshelved = "8d5f1c1e6d0b4b5a9f1d0c5a7e3b2a55"
  case alarmOutOfService = "8d5f1c1e6d0b4b5a9f1d0c5a7e3b2a56"
  case alarmInService = "8d5f1c1e6d0b4b5a9f1d0c5a7e3b2a57"
  case alarmFlood = "8d5f1c1e6d0b4b5a9f1d0c5a7e3b2a58"
  case alarmRemarked = "8d5f1c1e6d0b4b5a9f1d0c5a7e3b2a59"
  case commandRefused = "8d5f1c1e6d0b4b5a9f1d0c5a7e3b2a60"
  case storageFault = "8d5f1c1e6d0b4b5a9f1d0c5a7e3b2a61"
  case loopStandsStill = "8d5f1c1e6d0b4b5a9f1d0c5a7e3b2a62"
  case headSigned = "8d5f1c1e6d0b4b5a9f1d0c5a7e3b2a70"
  case headNotKept = "8d5f1c1e6d0b4b5a9f1d0c5a7e3b2a71"
  case keyRotated = "8d5f1c1e6d0b4b5a9f1d0c5a7e3b2a72"
  case containment = "8d5f1c1e6d0b4b5a9f1d0c5a7e3b2a80"

  /// The id as journald writes it: 32 hexadecimal digits.
  public var text: String { rawValue }
}
