/// One alarm: a kind of fault at one place, through all its occurrences.
///
/// ```
///            raise            acknowledge
///   normal ────────► unacknowledged ────► acknowledged ──┐ cause ended
///     ▲                   │ cause ended                  │
///     ├── acknowledge ── returned                        │
///     └──────────────────────────────────────────────────┘
///            raise                   acknowledge
///   normal ────────► latched unack. ────────────► latched ack. ── reset, its cause gone ──► normal
/// ```
/// Beside that it may be shelved, out of service, or suppressed: then its life goes on, but nobody is called.
public struct Alarm: Sendable, Hashable {
  /// What went wrong.
  public var kind: AlarmKind
  /// Where: a station's or a device's name, empty for the line as a whole.
  public var place: String
  /// Counts how often it was raised, from 1; an acknowledgement names it, so that a late one cannot clear a new alarm.
  ///
  /// 0: it never was.
  public var occurrence: UInt32 = 0
  /// Where it is in its life, whether or not anybody is called.
  public var life: Life = .normal
  /// What happened, for a person on shift.
  public var message = ""
  /// Wall time of this occurrence, milliseconds since 1970.
  public var raisedAt: Int64 = 0
  /// Whether the cause is there now.
  public var causeStands = false
  /// A person has put it aside for a time; nil: nobody has.
  public var shelving: Shelving?
  /// A person has taken it out of service until it is put back; nil: nobody has.
  public var outOfService: Absence?
  /// Its cause came while the line stood, where that is to be expected; ends with the cause or the next release.
  public var isSuppressed = false
  /// It was raised too often in a short time, and was not quiet since (ISA-18.2, 3.1.24).
  public var isChattering = false
  /// It has stood for more than a day (ISA-18.2, 3.1.101).
  public var isStale = false
  /// Wall times of its last raises, `AlarmDefinition.chatteringRaises` of them at most.
  var raises: [Int64] = []

  /// The name by which commands call it: `kind` or `kind@place`.
  public var id: String { place.isEmpty ? kind.word : "\(kind.word)@\(place)" }

  /// The state that is shown (contract, `alarms --json`): out of service before shelved before suppressed before its life.
  public var state: State {
    if outOfService != nil { return .outOfService }
    if shelving != nil { return .shelved }
    if isSuppressed { return .suppressed }
    switch life {
    case .normal: return .normal
    case .unacknowledged: return .unacknowledged
    case .acknowledged: return .acknowledged
    case .returned: return .returned
    case .latchedUnacknowledged: return .latchedUnacknowledged
    case .latchedAcknowledged: return .latchedAcknowledged
    }
  }

  /// The life of an alarm (ISA-18.2, 5.2; IEC 62682, 5.2).
  public enum Life: UInt8, Sendable, CaseIterable, Codable {
    case normal = 0
    case unacknowledged = 1
    case acknowledged = 2
    case returned = 3
    case latchedUnacknowledged = 4
    case latchedAcknowledged = 5

    /// Whether a person has still to acknowledge.
    public var isUnacknowledged: Bool {
      switch self {
      case .unacknowledged, .returned, .latchedUnacknowledged: true
      case .normal, .acknowledged, .latchedAcknowledged: false
      }
    }
  }

  /// What is shown of an alarm: its life, or why nobody is called.
  public enum State: Sendable, CaseIterable {
    case normal, unacknowledged, acknowledged, returned, latchedUnacknowledged, latchedAcknowledged
    case shelved, suppressed, outOfService

    /// The word in JSON (contract, `alarms --json`).
    public var word: String {
      switch self {
      case .normal: "normal"
      case .unacknowledged: "unacknowledged"
      case .acknowledged: "acknowledged"
      case .returned: "returned"
      case .latchedUnacknowledged: "latched_unacknowledged"
      case .latchedAcknowledged: "latched_acknowledged"
      case .shelved: "shelved"
      case .suppressed: "suppressed"
      case .outOfService: "out_of_service"
      }
    }

    /// Whether a person is called to acknowledge it.
    public var isUnacknowledged: Bool {
      switch self {
      case .unacknowledged, .returned, .latchedUnacknowledged: true
      case .normal, .acknowledged, .latchedAcknowledged, .shelved, .suppressed, .outOfService: false
      }
    }

    /// Whether it is kept from calling anybody.
    public var isSetAside: Bool {
      switch self {
      case .shelved, .suppressed, .outOfService: true
      case .normal, .unacknowledged, .acknowledged, .returned, .latchedUnacknowledged,
        .latchedAcknowledged:
        false
      }
    }
  }

  /// Who put an alarm aside for a time, and why (ISA-18.2, 11.7).
  public struct Shelving: Sendable, Hashable, Codable {
    /// Wall time of its end as it was given, milliseconds since 1970.
    public var until: Int64
    /// So long it was given for.
    public var minutes: UInt32
    /// Login name and uid.
    public var actor: String
    /// What the person wrote.
    public var reason: String

    /// Makes one.
    public init(until: Int64, minutes: UInt32, actor: String, reason: String) {
      self.until = until
      self.minutes = minutes
      self.actor = actor
      self.reason = reason
    }

    /// What is left of it after a restart, in milliseconds: never more than it was given for, whatever became of the clock.
    public func remaining(wall: Int64) -> Int64 {
      max(0, min(Int64(minutes) * 60_000, until - wall))
    }
  }

  /// Who took an alarm out of service, and why (ISA-18.2, 5.2.3.8).
  public struct Absence: Sendable, Hashable, Codable {
    /// Wall time of its beginning, milliseconds since 1970.
    public var since: Int64
    /// Login name and uid.
    public var actor: String
    /// What the person wrote.
    public var reason: String

    /// Makes one.
    public init(since: Int64, actor: String, reason: String) {
      self.since = since
      self.actor = actor
      self.reason = reason
    }
  }

  init(kind: AlarmKind, place: String) {
    self.kind = kind
    self.place = place
  }
}

/// As it stands in saved states and archives; those of before shelving have fewer fields.
extension Alarm: Codable {
  private enum CodingKeys: String, CodingKey {
    case kind, place, occurrence, message, raisedAt, causeStands, shelving, outOfService
    case isSuppressed, isChattering, isStale, raises
    case life = "state"
  }

  /// Reads an alarm; what an older version did not write is as it was for it.
  public init(from decoder: any Decoder) throws {
    let fields = try decoder.container(keyedBy: CodingKeys.self)
    kind = try fields.decode(AlarmKind.self, forKey: .kind)
    place = try fields.decode(String.self, forKey: .place)
    occurrence = try fields.decode(UInt32.self, forKey: .occurrence)
    life = try fields.decode(Life.self, forKey: .life)
    message = try fields.decode(String.self, forKey: .message)
    raisedAt = try fields.decode(Int64.self, forKey: .raisedAt)
    causeStands = try fields.decode(Bool.self, forKey: .causeStands)
    shelving = try fields.decodeIfPresent(Shelving.self, forKey: .shelving)
    outOfService = try fields.decodeIfPresent(Absence.self, forKey: .outOfService)
    isSuppressed = try fields.decodeIfPresent(Bool.self, forKey: .isSuppressed) ?? false
    isChattering = try fields.decodeIfPresent(Bool.self, forKey: .isChattering) ?? false
    isStale = try fields.decodeIfPresent(Bool.self, forKey: .isStale) ?? false
    raises = try fields.decodeIfPresent([Int64].self, forKey: .raises) ?? []
  }

  /// Writes all that is not as it is for an alarm of which nothing is known.
  public func encode(to encoder: any Encoder) throws {
    var fields = encoder.container(keyedBy: CodingKeys.self)
    try fields.encode(kind, forKey: .kind)
    try fields.encode(place, forKey: .place)
    try fields.encode(occurrence, forKey: .occurrence)
    try fields.encode(life, forKey: .life)
    try fields.encode(message, forKey: .message)
    try fields.encode(raisedAt, forKey: .raisedAt)
    try fields.encode(causeStands, forKey: .causeStands)
    try fields.encodeIfPresent(shelving, forKey: .shelving)
    try fields.encodeIfPresent(outOfService, forKey: .outOfService)
    if isSuppressed { try fields.encode(true, forKey: .isSuppressed) }
    if isChattering { try fields.encode(true, forKey: .isChattering) }
    if isStale { try fields.encode(true, forKey: .isStale) }
    if !raises.isEmpty { try fields.encode(raises, forKey: .raises) }
  }
}
