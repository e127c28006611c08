/// What alarms did in the last day, bounded: one count an hour and alarm, the last acknowledgements, the last floods.
///
/// Times are wall times of records. Where the clock was set back, what lies in the future is forgotten.
struct AlarmHistory: Sendable, Hashable, Codable {
  /// What is looked back at, in hours.
  static let hoursMax: Int64 = 24
  /// The times to acknowledge that are kept, the newest: beyond any day that a person could work through.
  static let acknowledgementsMax = 1000
  /// The floods that are kept; one lasts ten minutes at least, so a day has fewer.
  static let floodsMax = 200
  /// A flood begins above so many alarms in ten minutes (ISA-18.2, 16.5.3; EEMUA 191).
  static let floodBegins = 10
  /// And it ends below so many.
  static let floodEnds = 5
  static let tenMinutes: Int64 = 600_000
  static let hour: Int64 = 3_600_000

  /// An hour of the wall clock in which alarms came.
  struct Hour: Sendable, Hashable, Codable {
    /// Hours since 1970.
    var number: Int64
    /// How many came in each ten minutes of it.
    var tens = [Int](repeating: 0, count: 6)
    /// How often each came, by its id.
    var counts: [String: Int] = [:]
  }

  struct Acknowledgement: Sendable, Hashable, Codable {
    var at: Int64
    /// Milliseconds after the raise.
    var after: Int64
  }

  struct Flood: Sendable, Hashable, Codable {
    var from: Int64
    var until: Int64
  }

  private(set) var hours: [Hour] = []
  private(set) var acknowledgements: [Acknowledgement] = []
  private(set) var floods: [Flood] = []
  /// The last raises, as many as tell whether there is a flood.
  private var recent: [Int64] = []

  mutating func raised(_ id: String, at wall: Int64) {
    let number = AlarmHistory.hour(of: wall)
    hours.removeAll { $0.number > number || $0.number <= number - AlarmHistory.hoursMax }
    if hours.last?.number != number { hours.append(Hour(number: number)) }
    let ten = Int((wall - number * AlarmHistory.hour) / AlarmHistory.tenMinutes)
    hours[hours.count - 1].tens[min(max(ten, 0), 5)] += 1
    hours[hours.count - 1].counts[id, default: 0] += 1
    recent.append(wall)
    if recent.count > AlarmHistory.floodBegins + 1 { recent.removeFirst() }
  }

  mutating func acknowledged(after: Int64, at wall: Int64) {
    acknowledgements.append(Acknowledgement(at: wall, after: max(0, after)))
    if acknowledgements.count > AlarmHistory.acknowledgementsMax { acknowledgements.removeFirst() }
  }

  mutating func flooded(from: Int64, until: Int64) {
    floods.append(Flood(from: from, until: max(from, until)))
    if floods.count > AlarmHistory.floodsMax { floods.removeFirst() }
  }

  /// How many of the last raises came in the last ten minutes.
  private func count(wall: Int64) -> Int {
    recent.count { $0 <= wall && wall - $0 < AlarmHistory.tenMinutes }
  }

  func isFlood(wall: Int64) -> Bool { count(wall: wall) > AlarmHistory.floodBegins }

  func isOver(wall: Int64) -> Bool { count(wall: wall) < AlarmHistory.floodEnds }

  static func hour(of wall: Int64) -> Int64 {
    wall >= 0 ? wall / hour : (wall - hour + 1) / hour
  }
}

/// How the alarms of a line were in the last 24 hours, to be held against what a person can take in: about 6 an hour, at most 12
/// (ISA-18.2, 16.4; EEMUA 191).
///
/// Counted is what called somebody: alarms raised while shelved, suppressed or out of service are not. Hours and ten minutes are those of
/// the wall clock.
public struct AlarmMetrics: Sendable, Hashable {
  /// How many came in each hour, the present one last; 24.
  public var perHour: [Int]
  /// How many came in all.
  public var count: Int { perHour.reduce(0, +) }
  /// The most that came in ten minutes.
  public var tenMinutesMax: Int
  /// The ten that came most often, by id, the most frequent first.
  public var top: [Top]
  /// How many came of each priority, the lowest first.
  public var byPriority: [ByPriority]
  /// How long it took until they were acknowledged, in milliseconds; nil: none was.
  public var timeToAcknowledge: Times?
  /// How many stand now.
  public var standing: Int
  /// The ids of those that are stale.
  public var stale: [String]
  /// The ids of those that chatter.
  public var chattering: [String]
  /// Since when there is a flood, wall time in milliseconds; nil: there is none.
  public var floodSince: Int64?
  /// The share of the day that was flood, in per mille.
  public var floodPerMille: Int

  /// How often one alarm came.
  public struct Top: Sendable, Hashable {
    /// Its id.
    public var id: String
    /// How often.
    public var count: Int
  }

  /// How many came of one priority.
  public struct ByPriority: Sendable, Hashable {
    /// The priority.
    public var priority: AlarmKind.Priority
    /// How many.
    public var count: Int
  }

  /// Times, in milliseconds.
  public struct Times: Sendable, Hashable {
    /// Half took no longer.
    public var median: Int64
    /// Nine of ten took no longer.
    public var ninetieth: Int64
    /// None took longer.
    public var longest: Int64
  }

  /// The most that are named as those that came most often.
  public static let topMax = 10

  init(_ alarms: [Alarm], _ history: AlarmHistory, floodSince: Int64?, wall: Int64) {
    let last = AlarmHistory.hour(of: wall)
    let first = last - AlarmHistory.hoursMax + 1
    let hours = history.hours.filter { $0.number >= first && $0.number <= last }
    perHour = (first...last).map { number in
      hours.first { $0.number == number }?.tens.reduce(0, +) ?? 0
    }
    tenMinutesMax = hours.flatMap(\.tens).max() ?? 0
    var counts: [String: Int] = [:]
    for hour in hours { counts.merge(hour.counts, uniquingKeysWith: +) }
    top = counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.prefix(AlarmMetrics.topMax)
      .map { Top(id: $0.key, count: $0.value) }
    byPriority = AlarmKind.Priority.allCases.map { priority in
      ByPriority(
        priority: priority,
        count: counts.reduce(0) { sum, entry in
          let kind = AlarmKind(word: entry.key.prefix { $0 != "@" })
          return kind?.priority == priority ? sum + entry.value : sum
        })
    }
    let day = AlarmHistory.hoursMax * AlarmHistory.hour
    let begin = wall - day
    let times = history.acknowledgements.filter { $0.at > begin && $0.at <= wall }.map(\.after)
      .sorted()
    if let longest = times.last {
      func share(_ tenths: Int) -> Int64 { times[(times.count * tenths + 9) / 10 - 1] }
      timeToAcknowledge = Times(median: share(5), ninetieth: share(9), longest: longest)
    }
    standing = alarms.count { $0.causeStands }
    stale = alarms.filter { $0.isStale && $0.life != .normal }.map(\.id)
    chattering = alarms.filter(\.isChattering).map(\.id)
    self.floodSince = floodSince
    var floods = history.floods.map { ($0.from, $0.until) }
    if let floodSince { floods.append((floodSince, wall)) }
    let flooded = floods.reduce(Int64(0)) { sum, flood in
      sum + max(0, min(flood.1, wall) - max(flood.0, begin))
    }
    floodPerMille = Int(min(1000, flooded * 1000 / day))
  }
}
