internal import Alarms

/// What of the alarms is of this life of the daemon alone: causes that have to stand, or to be gone, for a while yet, and the ends of
/// shelvings on the monotonic clock.
///
/// Pure. A restart loses it on purpose: the causes are looked at anew, and shelvings have their ends on record.
struct AlarmDelays: Sendable {
  struct Key: Sendable, Hashable {
    var kind: AlarmKind
    var place: String
  }

  /// A cause that has not stood for long enough.
  private struct Coming: Sendable {
    var message: String
    var due: Instant
  }

  /// An alarm that chatters.
  private struct Chatter: Sendable {
    /// When its cause was told last.
    var last: Instant
    /// How often it was since its last occurrence went on record.
    var untold = 0
  }

  private var coming: [Key: Coming] = [:]
  private var going: [Key: Instant] = [:]
  private var chatters: [Key: Chatter] = [:]
  /// Nil: not yet reckoned from the records.
  private(set) var shelfEnds: [Key: Instant]?

  /// Whether anything waits for its time.
  var isPending: Bool {
    @inline(__always) get { !coming.isEmpty || !going.isEmpty || shelfEnds?.isEmpty == false }
  }

  /// When something becomes due.
  var deadline: Instant? {
    guard isPending else { return nil }
    let all = coming.values.map(\.due) + going.values + (shelfEnds ?? [:]).values
    return all.min()
  }

  /// Whether an alarm chatters that is looked at now and then.
  var hasChatter: Bool { !chatters.isEmpty }

  /// Whether the cause has gone and the return is held back.
  func isGoing(_ key: Key) -> Bool { going[key] != nil }

  // MARK: On and off

  /// The cause has come and the alarm is to be raised at `due`, unless it goes before.
  mutating func come(_ key: Key, message: String, due: Instant) {
    coming[key] = Coming(message: message, due: coming[key]?.due ?? due)
  }

  /// The cause has gone, and the alarm returns at `due`, unless it comes again before.
  mutating func go(_ key: Key, due: Instant) {
    going[key] = going[key] ?? due
  }

  /// The cause is there again before the alarm has returned; whether it had gone.
  mutating func isBack(_ key: Key) -> Bool {
    !going.isEmpty && going.removeValue(forKey: key) != nil
  }

  /// The cause has gone before the alarm was raised; whether there was such a one.
  mutating func isGone(_ key: Key) -> Bool {
    !coming.isEmpty && coming.removeValue(forKey: key) != nil
  }

  /// The alarm was raised or has returned: nothing of it is pending.
  mutating func settle(_ key: Key) {
    coming[key] = nil
    going[key] = nil
  }

  /// Alarms whose cause has stood for long enough by `now`.
  mutating func takeComing(now: Instant) -> [(key: Key, message: String)] {
    guard !coming.isEmpty else { return [] }
    let due = coming.filter { now >= $0.value.due }
    for key in due.keys { coming[key] = nil }
    return due.map { ($0.key, $0.value.message) }.sorted { $0.key.order < $1.key.order }
  }

  /// Alarms whose cause has been gone for long enough by `now`.
  mutating func takeGoing(now: Instant) -> [Key] {
    guard !going.isEmpty else { return [] }
    let due = going.filter { now >= $0.value }.keys
    for key in due { going[key] = nil }
    return due.sorted { $0.order < $1.order }
  }

  // MARK: Chattering

  /// The cause of an alarm that chatters was told, and is not recorded.
  mutating func count(_ key: Key, now: Instant) {
    chatters[key, default: Chatter(last: now)].last = now
    chatters[key]?.untold += 1
  }

  /// How often the cause was told without a record, which begins anew.
  mutating func takeUntold(_ key: Key, now: Instant) -> Int {
    defer { chatters[key] = Chatter(last: now) }
    return chatters[key]?.untold ?? 0
  }

  /// Whether an alarm that chatters was quiet for so long; of one that nothing is known of, the time begins.
  mutating func isQuiet(_ key: Key, for span: Instant.Span, now: Instant) -> Bool {
    let chatter = chatters[key] ?? Chatter(last: now)
    chatters[key] = chatter
    return now - chatter.last >= span
  }

  /// An alarm chatters no more; gives how often its cause was told without a record.
  mutating func endChatter(_ key: Key) -> Int {
    chatters.removeValue(forKey: key)?.untold ?? 0
  }

  // MARK: Shelving

  mutating func shelve(_ key: Key, until end: Instant) { shelfEnds?[key] = end }

  mutating func unshelve(_ key: Key) { shelfEnds?[key] = nil }

  /// Takes the ends of shelvings from the records, as far as they are not known on the monotonic clock.
  mutating func reckon(_ alarms: AlarmList, now: Instant, wall: Int64) {
    var ends: [Key: Instant] = [:]
    for alarm in alarms.listed {
      guard let shelving = alarm.shelving else { continue }
      let key = Key(kind: alarm.kind, place: alarm.place)
      ends[key] = shelfEnds?[key] ?? now + .milliseconds(shelving.remaining(wall: wall))
    }
    shelfEnds = ends
  }

  /// Alarms whose shelving has ended by `now`.
  mutating func takeShelfEnds(now: Instant) -> [Key] {
    guard let ends = shelfEnds, !ends.isEmpty else { return [] }
    let due = ends.filter { now >= $0.value }.keys
    for key in due { shelfEnds?[key] = nil }
    return due.sorted { $0.order < $1.order }
  }
}

extension AlarmDelays.Key {
  /// An order for what becomes due at the same moment: the same inputs give the same records (law 8).
  fileprivate var order: (UInt16, String) { (kind.rawValue, place) }
}
