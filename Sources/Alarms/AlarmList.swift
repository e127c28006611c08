/// All alarms of the line, at most one for each kind and place.
///
/// Pure: it changes by what is recorded and by nothing else, so the same records give the same list; whoever owns it writes them.
/// Names of places come from the configuration, so the list has a bound by nature: kinds × places.
public struct AlarmList: Sendable {
  /// Every alarm that ever was, in the order of their last raises.
  private var alarms: [Alarm] = []
  /// Whether the line stands, by the records: what is to be expected then is raised suppressed.
  private var lineStands = true
  /// What came in the last day; nil in a list that an older version has written, until the next alarm.
  private var history: AlarmHistory?
  /// Since when there are more alarms than a person can take in, wall time in milliseconds since 1970; nil: there are not.
  public private(set) var floodSince: Int64?

  /// Makes a list without alarms.
  public init() { history = AlarmHistory() }

  /// Alarms that are not normal or were set aside by a person, in the order in which they were raised.
  public var listed: [Alarm] { alarms.filter { $0.state != .normal } }

  /// Alarms that are not normal, shelved ones too, in the order in which they were raised.
  public var active: [Alarm] { alarms.filter { $0.life != .normal } }

  /// How many wait for an acknowledgement.
  public var unacknowledgedCount: Int { alarms.count { $0.state.isUnacknowledged } }

  /// How many are shown as alarms: neither normal nor set aside.
  public var activeCount: Int { alarms.count { $0.life != .normal && !$0.state.isSetAside } }

  /// Whether the list comes from a version whose alarms had fewer states, so that records may make another one today.
  public var isOfOlderVersion: Bool { history == nil }

  /// The alarm of a kind at a place, whatever its state; nil: it was never raised nor set aside.
  public func alarm(_ kind: AlarmKind, place: String) -> Alarm? {
    find(kind, place).map { alarms[$0] }
  }

  /// The next occurrence number for a kind at a place.
  public func nextOccurrence(_ kind: AlarmKind, place: String) -> UInt32 {
    (find(kind, place).map { alarms[$0].occurrence } ?? 0) &+ 1
  }

  /// Whether an alarm of this kind and place stands with its cause, so that raising it again says nothing new.
  public func stands(_ kind: AlarmKind, place: String) -> Bool {
    find(kind, place).map { alarms[$0].causeStands } ?? false
  }

  // MARK: The line

  /// The line was released: what was suppressed while it stood is shown from here on.
  public mutating func lineReleased() {
    lineStands = false
    for index in alarms.indices { alarms[index].isSuppressed = false }
  }

  /// The line stands.
  public mutating func lineStopped() { lineStands = true }

  // MARK: Cause

  /// Raises an alarm; its cause stands until `causeEnded`.
  public mutating func raise(
    _ kind: AlarmKind, place: String, occurrence: UInt32, message: String, at wall: Int64
  ) {
    var alarm = Alarm(kind: kind, place: place)
    if let index = find(kind, place) { alarm = alarms.remove(at: index) }
    alarm.occurrence = occurrence
    alarm.life = kind.latches ? .latchedUnacknowledged : .unacknowledged
    alarm.message = message
    alarm.raisedAt = wall
    alarm.causeStands = true
    alarm.isStale = false
    alarm.isSuppressed = lineStands && kind.definition.suppressedWhileStanding
    alarm.raises.append(wall)
    if alarm.raises.count > AlarmDefinition.chatteringRaises { alarm.raises.removeFirst() }
    alarms.append(alarm)
    if !alarm.state.isSetAside { change { $0.raised(alarm.id, at: wall) } }
  }

  /// The cause of an alarm ended; false when it did not stand.
  ///
  /// A suppressed one is over with it: nobody was called.
  @discardableResult
  public mutating func causeEnded(_ kind: AlarmKind, place: String) -> Bool {
    guard let index = find(kind, place), alarms[index].causeStands else { return false }
    alarms[index].causeStands = false
    let wasSuppressed = alarms[index].isSuppressed
    alarms[index].isSuppressed = false
    switch alarms[index].life {
    case .unacknowledged: alarms[index].life = wasSuppressed ? .normal : .returned
    case .acknowledged: alarms[index].life = .normal
    case .normal, .returned, .latchedUnacknowledged, .latchedAcknowledged: break
    }
    return true
  }

  // MARK: What people do

  /// What stopped a command about an alarm.
  public enum Refusal: Error, Sendable, Hashable {
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
    /// Its kind is neither shelved nor taken out of service.
    case neverSetAside
    /// It is shelved already.
    case shelved
    /// It is not shelved.
    case notShelved
    /// It is out of service already.
    case outOfService
    /// It is not out of service.
    case inService
  }

  private func named(_ id: String) throws(Refusal) -> Alarm {
    guard let alarm = alarms.first(where: { $0.id == id }), alarm.life != .normal else {
      throw .noSuchAlarm
    }
    return alarm
  }

  /// Says whether an acknowledgement would be taken, without changing anything.
  public func checkAcknowledge(id: String, occurrence: UInt32) throws(Refusal) -> Alarm {
    let alarm = try named(id)
    guard alarm.occurrence == occurrence else {
      throw .otherOccurrence(current: alarm.occurrence)
    }
    guard alarm.life.isUnacknowledged else { throw .alreadyAcknowledged }
    return alarm
  }

  /// Acknowledges an alarm; without effect when there is nothing to acknowledge.
  public mutating func acknowledge(_ kind: AlarmKind, place: String, at wall: Int64) {
    guard let index = find(kind, place), alarms[index].life.isUnacknowledged else { return }
    switch alarms[index].life {
    case .unacknowledged: alarms[index].life = .acknowledged
    case .returned: alarms[index].life = .normal
    case .latchedUnacknowledged: alarms[index].life = .latchedAcknowledged
    case .normal, .acknowledged, .latchedAcknowledged: break
    }
    let raised = alarms[index].raisedAt
    change { $0.acknowledged(after: wall - raised, at: wall) }
  }

  /// Says whether a reset would be taken, without changing anything.
  public func checkReset(id: String) throws(Refusal) -> Alarm {
    let alarm = try named(id)
    switch alarm.life {
    case .latchedUnacknowledged: throw .notAcknowledged
    case .latchedAcknowledged where alarm.causeStands: throw .causeStands
    case .latchedAcknowledged: return alarm
    case .normal, .unacknowledged, .acknowledged, .returned: throw .notLatched
    }
  }

  /// Resets a latched alarm; without effect when it is not latched.
  public mutating func reset(_ kind: AlarmKind, place: String) {
    guard let index = find(kind, place), alarms[index].life == .latchedAcknowledged else { return }
    alarms[index].life = .normal
  }

  /// Says whether an alarm may be shelved, without changing anything; it need not be active, for work that is planned.
  public func checkShelve(_ kind: AlarmKind, place: String) throws(Refusal) {
    guard kind.definition.mayBeShelved else { throw .neverSetAside }
    let alarm = alarm(kind, place: place)
    if alarm?.outOfService != nil { throw .outOfService }
    if alarm?.shelving != nil { throw .shelved }
  }

  /// Shelves an alarm: nobody is called by it until that has ended.
  ///
  /// What its cause does to the line stays as it is.
  public mutating func shelve(_ kind: AlarmKind, place: String, _ shelving: Alarm.Shelving) {
    alarms[findOrAdd(kind, place)].shelving = shelving
  }

  /// Says whether an alarm is shelved and can be taken back, without changing anything.
  public func checkUnshelve(_ kind: AlarmKind, place: String) throws(Refusal) {
    guard alarm(kind, place: place)?.shelving != nil else { throw .notShelved }
  }

  /// Ends a shelving; the alarm shows its life again.
  public mutating func unshelve(_ kind: AlarmKind, place: String) {
    guard let index = find(kind, place) else { return }
    alarms[index].shelving = nil
  }

  /// Says whether an alarm may be taken out of service, without changing anything; it need not be active.
  public func checkOutOfService(_ kind: AlarmKind, place: String) throws(Refusal) {
    guard kind.definition.mayBeShelved else { throw .neverSetAside }
    if alarm(kind, place: place)?.outOfService != nil { throw .outOfService }
  }

  /// Takes an alarm out of service: nobody is called by it until it is put back.
  public mutating func takeOutOfService(_ kind: AlarmKind, place: String, _ absence: Alarm.Absence)
  {
    alarms[findOrAdd(kind, place)].outOfService = absence
  }

  /// Says whether an alarm is out of service, without changing anything.
  public func checkInService(_ kind: AlarmKind, place: String) throws(Refusal) {
    guard alarm(kind, place: place)?.outOfService != nil else { throw .inService }
  }

  /// Puts an alarm back into service; it shows its life again.
  public mutating func putInService(_ kind: AlarmKind, place: String) {
    guard let index = find(kind, place) else { return }
    alarms[index].outOfService = nil
  }

  // MARK: Chattering, stale, flood

  /// Alarms that were raised so often in a short time that they chatter, and are not yet marked so.
  public var newlyChattering: [Alarm] {
    alarms.filter { alarm in
      guard !alarm.isChattering, alarm.raises.count == AlarmDefinition.chatteringRaises,
        let first = alarm.raises.first, let last = alarm.raises.last
      else { return false }
      return last >= first && last - first <= AlarmDefinition.chatteringSpan
    }
  }

  /// Alarms that chatter.
  public var chattering: [Alarm] { alarms.filter(\.isChattering) }

  /// Alarms that have become stale and are not yet marked so.
  public func newlyStale(wall: Int64) -> [Alarm] {
    alarms.filter {
      $0.life != .normal && !$0.isStale && !$0.state.isSetAside
        && wall - $0.raisedAt >= AlarmDefinition.staleAfter
    }
  }

  /// Takes a mark that was put on record.
  public mutating func mark(_ kind: AlarmKind, place: String, _ mark: AlarmMark) {
    guard let index = find(kind, place) else { return }
    switch mark {
    case .chattering: alarms[index].isChattering = true
    case .quiet:
      alarms[index].isChattering = false
      alarms[index].raises = []
    case .stale: alarms[index].isStale = true
    }
  }

  /// Whether a flood begins or ends at this wall time; nil: nothing changes.
  public func floodChange(wall: Int64) -> Bool? {
    guard let history else { return nil }
    if floodSince == nil { return history.isFlood(wall: wall) ? true : nil }
    return history.isOver(wall: wall) ? false : nil
  }

  /// Takes the begin or the end of a flood that was put on record.
  public mutating func flood(begins: Bool, at wall: Int64) {
    if begins {
      floodSince = wall
    } else {
      if let since = floodSince { change { $0.flooded(from: since, until: wall) } }
      floodSince = nil
    }
  }

  /// How the alarms were in the day that ends at this wall time.
  public func metrics(wall: Int64) -> AlarmMetrics {
    AlarmMetrics(alarms, history ?? AlarmHistory(), floodSince: floodSince, wall: wall)
  }

  private mutating func change(_ body: (inout AlarmHistory) -> Void) {
    var changed = history ?? AlarmHistory()
    history = nil
    body(&changed)
    history = changed
  }

  private func find(_ kind: AlarmKind, _ place: String) -> Int? {
    alarms.firstIndex { $0.kind == kind && $0.place == place }
  }

  private mutating func findOrAdd(_ kind: AlarmKind, _ place: String) -> Int {
    if let index = find(kind, place) { return index }
    alarms.append(Alarm(kind: kind, place: place))
    return alarms.count - 1
  }
}

/// A mark on an alarm, by the numbers in records.
public enum AlarmMark: UInt32, Sendable, CaseIterable {
  /// It was raised too often in a short time.
  case chattering = 1
  /// It was quiet since, for as long as that.
  case quiet = 2
  /// It has stood for more than a day.
  case stale = 3
}

/// As it stands in saved states and archives.
extension AlarmList: Codable {
  private enum CodingKeys: String, CodingKey {
    case alarms, lineStands, history, floodSince
  }

  /// Reads a list; one of an older version has its alarms only.
  public init(from decoder: any Decoder) throws {
    let fields = try decoder.container(keyedBy: CodingKeys.self)
    alarms = try fields.decode([Alarm].self, forKey: .alarms)
    lineStands = try fields.decodeIfPresent(Bool.self, forKey: .lineStands) ?? true
    history = try fields.decodeIfPresent(AlarmHistory.self, forKey: .history)
    floodSince = try fields.decodeIfPresent(Int64.self, forKey: .floodSince)
  }

  /// Writes all of it.
  public func encode(to encoder: any Encoder) throws {
    var fields = encoder.container(keyedBy: CodingKeys.self)
    try fields.encode(alarms, forKey: .alarms)
    try fields.encode(lineStands, forKey: .lineStands)
    try fields.encodeIfPresent(history, forKey: .history)
    try fields.encodeIfPresent(floodSince, forKey: .floodSince)
  }
}
