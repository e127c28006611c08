/// Wrong passwords by login, and which logins are locked for them (21 CFR 11.300(d)).
///
/// Made by records alone (`signatureRefused`, `signerLocked`, `signed`, the return of the alarm), so a restart forgets
/// nothing. Holds `loginsMax` logins; beyond that the one whose last try is oldest makes room, never a locked one.
struct SignerTries: Sendable, Codable {
  /// So many logins are held.
  static let loginsMax = 64
  /// So many tries of one login are held; no configuration asks for more.
  static let triesMax = 20

  private struct Entry: Sendable, Codable {
    var login: String
    /// Wall times of wrong passwords, the newest last.
    var tries: [Int64] = []
    /// Since when it is locked, by the wall; nil: it is not.
    var lockedAt: Int64?
    /// For how long.
    var minutes: UInt32 = 0

    var lock: Instant.Span { .milliseconds(Int64(minutes) * 60_000) }
  }

  private var entries: [Entry] = []
  /// When locks end by this process's own clock; known from the first look on.
  private var ends: [String: Instant] = [:]

  private enum CodingKeys: String, CodingKey { case entries }

  /// Whether there is nothing to remember.
  var isEmpty: Bool { entries.isEmpty }

  /// How many wrong passwords came for a login since `wall`.
  func count(_ login: String, since wall: Int64) -> Int {
    // One with a later time than now counts too: a clock that was set back forgives nobody.
    entries.first { $0.login == login }?.tries.count { $0 >= wall } ?? 0
  }

  /// How long a login is locked from `now` on; nil: it is not.
  ///
  /// When the table holds nothing but locked logins, every other one is locked as well: nobody could count its tries.
  func lock(of login: String, now: Instant) -> Instant.Span? {
    if let entry = entries.first(where: { $0.login == login }) {
      guard entry.lockedAt != nil else { return nil }
      guard let end = ends[login] else { return entry.lock }
      return now < end ? end - now : nil
    }
    guard entries.count >= SignerTries.loginsMax, entries.allSatisfy({ $0.lockedAt != nil }) else {
      return nil
    }
    return ends.values.min().flatMap { now < $0 ? $0 - now : nil } ?? .milliseconds(60_000)
  }

  /// When the next lock ends.
  var deadline: Instant? { ends.values.min() }

  /// Looks at the clocks: gives the logins whose lock is over.
  ///
  /// What is left of a lock is reckoned once, by the wall, and is never more than the whole lock: after a restart with a
  /// clock that was set back nobody is locked for years.
  mutating func ended(now: Instant, wall: Int64) -> [String] {
    var logins: [String] = []
    for entry in entries {
      guard let lockedAt = entry.lockedAt else { continue }
      let whole = Int64(entry.minutes) * 60_000
      let left = min(whole, max(0, lockedAt &+ whole &- wall))
      let end = ends[entry.login] ?? now + .milliseconds(left)
      ends[entry.login] = end
      if now >= end { logins.append(entry.login) }
    }
    return logins
  }

  // MARK: By records

  mutating func wrongPassword(_ login: String, at wall: Int64) {
    var entry = take(login)
    entry.tries.append(wall)
    if entry.tries.count > SignerTries.triesMax { entry.tries.removeFirst() }
    put(entry)
  }

  mutating func lock(_ login: String, minutes: UInt32, at wall: Int64) {
    var entry = take(login)
    entry.tries = []
    entry.lockedAt = wall
    entry.minutes = minutes
    ends[login] = nil
    put(entry)
  }

  /// A signature was given: the tries before it were slips.
  mutating func forgive(_ login: String) {
    if entries.contains(where: { $0.login == login && $0.lockedAt == nil }) { forget(login) }
  }

  mutating func forget(_ login: String) {
    _ = take(login)
    ends[login] = nil
  }

  private mutating func take(_ login: String) -> Entry {
    guard let index = entries.firstIndex(where: { $0.login == login }) else {
      return Entry(login: login)
    }
    return entries.remove(at: index)
  }

  /// The order of entries is that of their last try.
  private mutating func put(_ entry: Entry) {
    if entries.count >= SignerTries.loginsMax {
      guard let oldest = entries.firstIndex(where: { $0.lockedAt == nil }) else { return }
      entries.remove(at: oldest)
    }
    entries.append(entry)
  }
}
