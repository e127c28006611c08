/// What can go wrong on a line; `AlarmDefinition` says what there is to know of each.
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
  case printFeedLost = 30
  case printFeedStalled = 31
  case printedTwice = 32
  case printUnexpected = 33
  case printedNotRead = 34
  case headNotKept = 37
  case signingKeyExchanged = 38
  case scannerFlooding = 39
  case scannerUnframed = 40
  case epochMissing = 41
  case commandNotDone = 46
  case secondStopFailed = 47
  case secondStopUnreachable = 48
  case challengeFailed = 50
  case challengeDue = 51
  case acceptNotFollowed = 52
  case acceptLate = 53
  case duplicateFound = 54
  case signerLocked = 55
  case containmentHalf = 56
  case containmentLate = 57
  case containmentOver = 58
  case contactNotReached = 59
  case scannerDrifted = 60
  case scannerRepeating = 61

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

  /// The kind's row in the table of alarms.
  public var definition: AlarmDefinition {
    let rows = AlarmDefinition.byNumber
    guard Int(rawValue) < rows.count, let row = rows[Int(rawValue)] else {
      preconditionFailure("alarm \(rawValue) is not in the table of alarms")
    }
    return row
  }

  /// The kind of this word, nil where there is none.
  public init?(word: some StringProtocol) {
    guard let row = AlarmDefinition.all.first(where: { $0.word == word }) else { return nil }
    self = row.kind
  }

  /// The word in JSON, in alarm ids and in documents.
  public var word: String { definition.word }

  /// How soon a person has to act.
  public var priority: Priority { definition.priority }

  /// Whether the alarm stays when its cause has ended, until a person resets it.
  public var latches: Bool { definition.latches }

  /// Whether the alarm opens a containment.
  public var opensContainment: Bool { definition.opensContainment }

  /// What to do, in one sentence.
  public var remedy: String { definition.remedy }
}
