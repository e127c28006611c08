/// One alarm: a kind of fault at one place, through all its occurrences.
public struct Alarm: Sendable, Hashable, Codable {
  /// What went wrong.
  public var kind: AlarmKind
  /// Where: a station's or a device's name, empty for the line as a whole.
  public var place: String
  /// Counts how often it was raised, from 1; an acknowledgement names it, so that a late one cannot clear a new alarm.
  public var occurrence: UInt32
  /// Where it is in its life.
  public var state: State
  /// What happened, for a person on shift.
  public var message: String
  /// Wall time of this occurrence, milliseconds since 1970.
  public var raisedAt: Int64
  /// Whether the cause is there now.
  public var causeStands: Bool

  /// The life of an alarm (ISA-18.2, 5.2; IEC 62682, 5.2).
  public enum State: UInt8, Sendable, CaseIterable, Codable {
    case normal = 0
    case unacknowledged = 1
    case acknowledged = 2
    case returned = 3
    case latchedUnacknowledged = 4
    case latchedAcknowledged = 5

    /// The word in JSON (contract, `alarms --json`).
    public var word: String {
      switch self {
      case .normal: "normal"
      case .unacknowledged: "unacknowledged"
      case .acknowledged: "acknowledged"
      case .returned: "returned"
      case .latchedUnacknowledged: "latched_unacknowledged"
      case .latchedAcknowledged: "latched_acknowledged"
      }
    }

    /// Whether a person has still to acknowledge.
    public var isUnacknowledged: Bool {
      switch self {
      case .unacknowledged, .returned, .latchedUnacknowledged: true
      case .normal, .acknowledged, .latchedAcknowledged: false
      }
    }
  }

  /// The name by which commands call it: `kind` or `kind@place`.
  public var id: String { place.isEmpty ? kind.word : "\(kind.word)@\(place)" }
}

/// All alarms of the line, at most one for each kind and place.
///
/// Pure: it decides what changes; whoever owns it writes the records. Names of places come from the configuration,
/// so the list has a bound by nature: kinds × places.
public struct AlarmList: Sendable, Codable {
  /// Alarms that are not normal, in the order in which they were raised.
  public var active: [Alarm] { alarms.filter { $0.state != .normal } }
  private var alarms: [Alarm] = []

  /// Makes a list without alarms.
  public init() {}

  /// How many wait for an acknowledgement.
  public var unacknowledgedCount: Int { alarms.count { $0.state.isUnacknowledged } }

  /// How many are not normal.
  public var activeCount: Int { alarms.count { $0.state != .normal } }

  /// What stopped a command about an alarm.
  public enum Refusal: Error, Sendable, Equatable {
    /// No alarm of this id is active.
    case noSuchAlarm
    /// The occurrence named is not the one that stands: that one is `current`.
    case otherOccurrence(current: UInt32)
    /// There is nothing to acknowledge any more.
    case alreadyAcknowledged
    /// Only latched alarms are reset.
    case notLatched
    /// It has to be acknowledged before it is reset.
    case notAcknowledged
    /// The cause still stands.
    case causeStands
  }

  /// The next occurrence number for a kind at a place.
  public func nextOccurrence(_ kind: AlarmKind, place: String) -> UInt32 {
    (find(kind, place).map { alarms[$0].occurrence } ?? 0) &+ 1
  }

  /// Whether an alarm of this kind and place stands with its cause, so that raising it again says nothing new.
  public func stands(_ kind: AlarmKind, place: String) -> Bool {
    find(kind, place).map { alarms[$0].causeStands } ?? false
  }

  /// Raises an alarm; its cause stands until `causeEnded`.
  public mutating func raise(
    _ kind: AlarmKind, place: String, occurrence: UInt32, message: String, at wall: Int64
  ) {
    let alarm = Alarm(
      kind: kind, place: place, occurrence: occurrence,
      state: kind.latches ? .latchedUnacknowledged : .unacknowledged, message: message,
      raisedAt: wall, causeStands: true)
    if let index = find(kind, place) { alarms.remove(at: index) }
    alarms.append(alarm)
  }

  /// The cause of an alarm ended; false when it did not stand.
  public mutating func causeEnded(_ kind: AlarmKind, place: String) -> Bool {
    guard let index = find(kind, place), alarms[index].causeStands else { return false }
    alarms[index].causeStands = false
    switch alarms[index].state {
    case .unacknowledged: alarms[index].state = .returned
    case .acknowledged: alarms[index].state = .normal
    case .normal, .returned, .latchedUnacknowledged, .latchedAcknowledged: break
    }
    return true
  }

  /// Says whether an acknowledgement would be taken, without changing anything.
  public func checkAcknowledge(id: String, occurrence: UInt32) throws(Refusal) -> Alarm {
    guard let index = alarms.firstIndex(where: { $0.id == id }), alarms[index].state != .normal
    else { throw .noSuchAlarm }
    guard alarms[index].occurrence == occurrence else {
      throw .otherOccurrence(current: alarms[index].occurrence)
    }
    guard alarms[index].state.isUnacknowledged else { throw .alreadyAcknowledged }
    return alarms[index]
  }

  /// Acknowledges an alarm; without effect when there is nothing to acknowledge.
  public mutating func acknowledge(_ kind: AlarmKind, place: String) {
    guard let index = find(kind, place) else { return }
    switch alarms[index].state {
    case .unacknowledged: alarms[index].state = .acknowledged
    case .returned: alarms[index].state = .normal
    case .latchedUnacknowledged: alarms[index].state = .latchedAcknowledged
    case .normal, .acknowledged, .latchedAcknowledged: break
    }
  }

  /// Says whether a reset would be taken, without changing anything.
  public func checkReset(id: String) throws(Refusal) -> Alarm {
    guard let index = alarms.firstIndex(where: { $0.id == id }), alarms[index].state != .normal
    else { throw .noSuchAlarm }
    switch alarms[index].state {
    case .latchedUnacknowledged: throw .notAcknowledged
    case .latchedAcknowledged where alarms[index].causeStands: throw .causeStands
    case .latchedAcknowledged: return alarms[index]
    case .normal, .unacknowledged, .acknowledged, .returned: throw .notLatched
    }
  }

  /// Resets a latched alarm; without effect when it is not latched.
  public mutating func reset(_ kind: AlarmKind, place: String) {
    guard let index = find(kind, place), alarms[index].state == .latchedAcknowledged else { return }
    alarms[index].state = .normal
  }

  private func find(_ kind: AlarmKind, _ place: String) -> Int? {
    alarms.firstIndex { $0.kind == kind && $0.place == place }
  }
}
