// What the daemon answers, with the field names of the contract. Fields may be added; none changes its
// meaning. Where the contract says that a field is null, it is present and null.

/// The answer to `status`, and each event of `watch`.
public struct StatusReply: Sendable, Equatable, Codable {
  /// Version of these fields, 1.
  public var version: Int
  /// The line's name.
  public var line: String
  /// Whether the line may run.
  public var runPermit: Bool
  /// The gravest stop reason that stands, 0 none.
  public var stopReason: Int
  /// All that stand, gravest first.
  public var stopReasons: [Int]
  /// The batch at work, null when there is none.
  public var batch: BatchStatus?
  /// The stations, in the order of the configuration.
  public var stations: [StationStatus]
  /// The print feed; left out where none is configured.
  public var printFeed: PrintFeedReply?
  /// How many alarms there are.
  public var alarms: AlarmCounts
  /// How many containments there are.
  public var containment: ContainmentCounts
  /// The alarms themselves, at most ``alarmsMax``, the gravest and then the newest first; null unless they were asked for
  /// (`watch` with `details`).
  public var alarmList: [AlarmReply]?
  /// The containments that are open, the one whose clock began first before the others; null unless they were asked for.
  public var cases: [CaseSummary]?
  /// Whether any conveyor moves, as the PLCs say; null when none says it, and unless it was asked for.
  public var conveyorMoving: Bool?

  /// So many alarms go with a status at most; ``alarms`` counts all.
  public static let alarmsMax = 50

  /// The same without what only those get who asked for it.
  public var withoutDetails: StatusReply {
    var brief = self
    brief.alarmList = nil
    brief.cases = nil
    brief.conveyorMoving = nil
    return brief
  }

  /// How many alarms there are.
  public struct AlarmCounts: Sendable, Equatable, Codable {
    /// Alarms that are neither normal nor set aside.
    public var active: Int
    /// Those that wait for an acknowledgement.
    public var unacknowledged: Int
    /// Those that are shelved, suppressed or out of service; left out where there are none.
    public var setAside: Int?
    /// When the flood began that is going on, RFC 3339; left out where there is none.
    public var floodSince: String?

    /// Makes counts.
    public init(
      active: Int = 0, unacknowledged: Int = 0, setAside: Int? = nil, floodSince: String? = nil
    ) {
      self.active = active
      self.unacknowledged = unacknowledged
      self.setAside = setAside
      self.floodSince = floodSince
    }

    private enum CodingKeys: String, CodingKey {
      case active, unacknowledged
      case setAside = "set_aside"
      case floodSince = "flood_since"
    }
  }

  /// How many containments there are.
  public struct ContainmentCounts: Sendable, Equatable, Codable {
    /// Containments not yet signed off.
    public var open: Int

    /// Makes counts.
    public init(open: Int = 0) { self.open = open }
  }

  /// Makes a reply.
  public init(
    line: String, runPermit: Bool, stopReasons: [Int], batch: BatchStatus?,
    stations: [StationStatus], printFeed: PrintFeedReply? = nil,
    alarms: AlarmCounts = AlarmCounts(),
    containment: ContainmentCounts = ContainmentCounts(), alarmList: [AlarmReply]? = nil,
    cases: [CaseSummary]? = nil, conveyorMoving: Bool? = nil
  ) {
    version = 1
    self.line = line
    self.runPermit = runPermit
    stopReason = stopReasons.first ?? 0
    self.stopReasons = stopReasons
    self.batch = batch
    self.stations = stations
    self.printFeed = printFeed
    self.alarms = alarms
    self.containment = containment
    self.alarmList = alarmList
    self.cases = cases
    self.conveyorMoving = conveyorMoving
  }

  private enum CodingKeys: String, CodingKey {
    case version, line, batch, stations, alarms, containment, cases
    case alarmList = "alarm_list"
    case conveyorMoving = "conveyor_moving"
    case runPermit = "run_permit"
    case stopReason = "stop_reason"
    case stopReasons = "stop_reasons"
    case printFeed = "print_feed"
  }

  /// Encodes every field, those of the contract without a value as null.
  public func encode(to encoder: any Encoder) throws {
    var fields = encoder.container(keyedBy: CodingKeys.self)
    try fields.encode(version, forKey: .version)
    try fields.encode(line, forKey: .line)
    try fields.encode(runPermit, forKey: .runPermit)
    try fields.encode(stopReason, forKey: .stopReason)
    try fields.encode(stopReasons, forKey: .stopReasons)
    try fields.encode(batch, forKey: .batch)
    try fields.encode(stations, forKey: .stations)
    try fields.encodeIfPresent(printFeed, forKey: .printFeed)
    try fields.encode(alarms, forKey: .alarms)
    try fields.encode(containment, forKey: .containment)
    try fields.encodeIfPresent(alarmList, forKey: .alarmList)
    try fields.encodeIfPresent(cases, forKey: .cases)
    try fields.encodeIfPresent(conveyorMoving, forKey: .conveyorMoving)
  }
}

/// The live print feed, in `status`; counts are since the daemon's start.
public struct PrintFeedReply: Sendable, Equatable, Codable {
  /// `online` or `offline`.
  public var state: String
  /// Why it is offline, empty when it is online.
  public var reason: String
  /// Lines that were no serial.
  public var badLines: Int
  /// Serials that it named twice.
  public var printedTwice: Int
  /// Serials that are not the batch's to print.
  public var unexpected: Int
  /// Lines that found no room.
  public var lost: Int

  /// Makes a reply.
  public init(
    online: Bool, reason: String = "", badLines: Int = 0, printedTwice: Int = 0,
    unexpected: Int = 0, lost: Int = 0
  ) {
    state = online ? "online" : "offline"
    self.reason = reason
    self.badLines = badLines
    self.printedTwice = printedTwice
    self.unexpected = unexpected
    self.lost = lost
  }

  private enum CodingKeys: String, CodingKey {
    case state, reason, unexpected, lost
    case badLines = "bad_lines"
    case printedTwice = "printed_twice"
  }
}

/// How far a batch is in its print order, in `status`, `batch show` and `batch list`.
public struct PrintedReply: Sendable, Equatable, Codable {
  /// Who says the order: `file` or `feed`.
  public var source: String
  /// Serials that are printed; with a file all of them.
  public var printed: Int
  /// Serials that were read in their place.
  public var read: Int
  /// Serials that reads have gone past.
  public var skipped: Int
  /// Serials that are printed and not passed yet.
  public var waiting: Int

  /// Makes a reply.
  public init(source: String, printed: Int, read: Int, skipped: Int, waiting: Int) {
    self.source = source
    self.printed = printed
    self.read = read
    self.skipped = skipped
    self.waiting = waiting
  }
}

/// The batch at work, in `status`.
public struct BatchStatus: Sendable, Equatable, Codable {
  /// The plant's own name for it.
  public var id: String
  /// GTIN, 14 digits.
  public var gtin: String
  /// Lot.
  public var lot: String
  /// Expiry as YYMMDD.
  public var expiry: String
  /// `open`, `running`, `paused` or `closed`.
  public var state: String
  /// How many serials its pool has.
  public var pool: Int
  /// How many of them are commissioned.
  public var commissioned: Int
  /// How far it is in its print order; null where it has none.
  public var printed: PrintedReply?

  /// Makes a reply.
  public init(
    id: String, gtin: String, lot: String, expiry: String, state: String, pool: Int,
    commissioned: Int, printed: PrintedReply? = nil
  ) {
    self.id = id
    self.gtin = gtin
    self.lot = lot
    self.expiry = expiry
    self.state = state
    self.pool = pool
    self.commissioned = commissioned
    self.printed = printed
  }
}

/// One station, in `status`.
///
/// Counts go on over restarts.
public struct StationStatus: Sendable, Equatable, Codable {
  /// Its name.
  public var name: String
  /// Units judged, or whose outcome came without a verdict.
  public var units: Int
  /// Units accepted.
  public var accepted: Int
  /// Units rejected.
  public var rejected: Int
  /// Units rejected by verdict; the keys are verdict numbers, verdicts that never came are left out.
  public var rejectedBy: [String: Int]
  /// Units that passed the gate with an accept that stood.
  public var passed: Int
  /// Units whose end nobody saw.
  public var inDoubt: Int
  /// `online` or `offline`; offline when one of its scanners is.
  public var scanner: String
  /// `online` or `offline`.
  public var plc: String
  /// Units that have no end yet; null from a daemon that does not say.
  public var openUnits: Int?
  /// Whether it is in step with the PLC; null from a daemon that does not say.
  public var inStep: Bool?
  /// The challenge test; null at a station without a gate, and from a daemon that does not say.
  public var challenge: ChallengeStatus?

  /// Makes a reply.
  ///
  /// `rejectedBy` has the counts by verdict number: index 2 is verdict 2. Zeroes are left out of the reply.
  public init(
    name: String, units: Int, accepted: Int, rejectedBy: [Int], passed: Int, inDoubt: Int,
    scannerOnline: Bool, plcOnline: Bool, openUnits: Int? = nil, inStep: Bool? = nil,
    challenge: ChallengeStatus? = nil
  ) {
    self.name = name
    self.units = units
    self.accepted = accepted
    rejected = rejectedBy.reduce(0, +)
    self.rejectedBy = [:]
    for (verdict, count) in rejectedBy.enumerated() where count != 0 {
      self.rejectedBy[String(verdict)] = count
    }
    self.passed = passed
    self.inDoubt = inDoubt
    scanner = scannerOnline ? "online" : "offline"
    plc = plcOnline ? "online" : "offline"
    self.openUnits = openUnits
    self.inStep = inStep
    self.challenge = challenge
  }

  private enum CodingKeys: String, CodingKey {
    case name, units, accepted, rejected, passed, scanner, plc, challenge
    case rejectedBy = "rejected_by"
    case inDoubt = "in_doubt"
    case openUnits = "open_units"
    case inStep = "in_step"
  }
}

/// How a station stands with its challenge test.
public struct ChallengeStatus: Sendable, Equatable, Codable {
  /// Whether one runs: then no pack passes at this station.
  public var running: Bool
  /// Packs still to be sent, words of the configuration's `challenge.packs`.
  public var missing: [String]
  /// Packs that were rejected and seen so.
  public var confirmed: [String]
  /// When the last one was passed, RFC 3339; null: never.
  public var passedAt: String?
  /// Why no pack may pass before one is passed; null: they may.
  public var due: String?

  /// Makes a reply.
  public init(
    running: Bool = false, missing: [String] = [], confirmed: [String] = [],
    passedAt: String? = nil, due: String? = nil
  ) {
    self.running = running
    self.missing = missing
    self.confirmed = confirmed
    self.passedAt = passedAt
    self.due = due
  }

  private enum CodingKeys: String, CodingKey {
    case running, missing, confirmed, due
    case passedAt = "passed_at"
  }
}

/// One alarm that is not normal.
public struct AlarmReply: Sendable, Equatable, Codable {
  /// By this name commands call it: `kind` or `kind@place`.
  public var id: String
  /// Which occurrence stands; an acknowledgement names it.
  public var occurrence: UInt32
  /// What went wrong, in one word.
  public var kind: String
  /// `low`, `medium`, `high` or `highest`.
  public var priority: String
  /// Where it is in its life (contract, `alarms --json`).
  public var state: String
  /// The station or device, empty for the line as a whole.
  public var station: String
  /// What happened.
  public var message: String
  /// When this occurrence came, RFC 3339.
  public var raisedAt: String
  /// What to do, in one sentence; null from a daemon that does not say.
  public var remedy: String?
  /// Until when it is shelved, RFC 3339; left out where it is not.
  public var shelvedUntil: String?
  /// Who shelved it or took it out of service; left out where nobody did.
  public var by: String?
  /// Why; left out where nobody did.
  public var reason: String?
  /// Whether it has stood for more than a day; left out where it has not.
  public var stale: Bool?
  /// Whether it chatters; left out where it does not.
  public var chattering: Bool?

  /// Makes a reply.
  public init(
    id: String, occurrence: UInt32, kind: String, priority: String, state: String, station: String,
    message: String, raisedAt: String, remedy: String? = nil, shelvedUntil: String? = nil,
    by: String? = nil, reason: String? = nil, stale: Bool = false, chattering: Bool = false
  ) {
    self.shelvedUntil = shelvedUntil
    self.by = by
    self.reason = reason
    self.stale = stale ? true : nil
    self.chattering = chattering ? true : nil
    self.id = id
    self.occurrence = occurrence
    self.kind = kind
    self.priority = priority
    self.state = state
    self.station = station
    self.message = message
    self.raisedAt = raisedAt
    self.remedy = remedy
  }

  private enum CodingKeys: String, CodingKey {
    case id, occurrence, kind, priority, state, station, message, remedy
    case by, reason, stale, chattering
    case raisedAt = "raised_at"
    case shelvedUntil = "shelved_until"
  }
}

/// How the alarms were in the last 24 hours, for `alarms metrics`.
public struct AlarmMetricsReply: Sendable, Equatable, Codable {
  /// How many came in each hour of the wall clock, the present one last.
  public var perHour: [Int]
  /// The most that came in ten minutes.
  public var tenMinutesMax: Int
  /// Those that came most often, the most frequent first.
  public var top: [Top]
  /// How many came of each priority, by its word.
  public var byPriority: [String: Int]
  /// How long it took until they were acknowledged; null where none was.
  public var timeToAcknowledge: Times?
  /// How many stand now.
  public var standing: Int
  /// Those that have stood for more than a day.
  public var stale: [String]
  /// Those that chatter.
  public var chattering: [String]
  /// When the flood began that is going on, RFC 3339; null where there is none.
  public var floodSince: String?
  /// The share of the day that was flood, in per cent.
  public var floodPercent: Double

  /// How often one alarm came.
  public struct Top: Sendable, Equatable, Codable {
    /// Its id.
    public var id: String
    /// How often.
    public var count: Int

    /// Makes one.
    public init(id: String, count: Int) {
      self.id = id
      self.count = count
    }
  }

  /// Times in seconds.
  public struct Times: Sendable, Equatable, Codable {
    /// Half took no longer.
    public var median: Double
    /// Nine of ten took no longer.
    public var ninetieth: Double
    /// None took longer.
    public var longest: Double

    /// Makes them.
    public init(median: Double, ninetieth: Double, longest: Double) {
      self.median = median
      self.ninetieth = ninetieth
      self.longest = longest
    }

    private enum CodingKeys: String, CodingKey {
      case median = "median_s"
      case ninetieth = "p90_s"
      case longest = "max_s"
    }
  }

  /// Makes a reply.
  public init(
    perHour: [Int], tenMinutesMax: Int, top: [Top], byPriority: [String: Int],
    timeToAcknowledge: Times?, standing: Int, stale: [String], chattering: [String],
    floodSince: String?, floodPercent: Double
  ) {
    self.perHour = perHour
    self.tenMinutesMax = tenMinutesMax
    self.top = top
    self.byPriority = byPriority
    self.timeToAcknowledge = timeToAcknowledge
    self.standing = standing
    self.stale = stale
    self.chattering = chattering
    self.floodSince = floodSince
    self.floodPercent = floodPercent
  }

  private enum CodingKeys: String, CodingKey {
    case top, standing, stale, chattering
    case perHour = "per_hour"
    case tenMinutesMax = "ten_minutes_max"
    case byPriority = "by_priority"
    case timeToAcknowledge = "time_to_acknowledge"
    case floodSince = "flood_since"
    case floodPercent = "flood_percent"
  }

  /// Encodes every field, those without a value as null.
  public func encode(to encoder: any Encoder) throws {
    var fields = encoder.container(keyedBy: CodingKeys.self)
    try fields.encode(perHour, forKey: .perHour)
    try fields.encode(tenMinutesMax, forKey: .tenMinutesMax)
    try fields.encode(top, forKey: .top)
    try fields.encode(byPriority, forKey: .byPriority)
    try fields.encode(timeToAcknowledge, forKey: .timeToAcknowledge)
    try fields.encode(standing, forKey: .standing)
    try fields.encode(stale, forKey: .stale)
    try fields.encode(chattering, forKey: .chattering)
    try fields.encode(floodSince, forKey: .floodSince)
    try fields.encode(floodPercent, forKey: .floodPercent)
  }
}

/// One serial: where it is in its life and all that happened to it.
public struct UnitReply: Sendable, Equatable, Codable {
  /// GTIN, 14 digits.
  public var gtin: String
  /// Serial.
  public var serial: String
  /// OPEN-SCS word, or `in_doubt`.
  public var state: String
  /// Whether it is on hold.
  public var hold: Bool
  /// The batch whose pool has it; null from a daemon that does not say.
  public var batch: String?
  /// All that happened, the oldest first.
  public var history: [Entry]

  /// One thing that happened to a serial.
  public struct Entry: Sendable, Equatable, Codable {
    /// When, RFC 3339.
    public var at: String
    /// What, in one word.
    public var event: String
    /// Who ordered it, empty for the daemon itself.
    public var actor: String
    /// What explains it.
    public var detail: String

    /// Makes an entry.
    public init(at: String, event: String, actor: String, detail: String) {
      self.at = at
      self.event = event
      self.actor = actor
      self.detail = detail
    }
  }

  /// Makes a reply.
  public init(
    gtin: String, serial: String, state: String, hold: Bool, batch: String? = nil, history: [Entry]
  ) {
    self.gtin = gtin
    self.serial = serial
    self.state = state
    self.hold = hold
    self.batch = batch
    self.history = history
  }
}

/// One scanner and its health; all counts since the daemon started.
public struct ScannerReply: Sendable, Equatable, Codable {
  /// What came beside and around reads.
  public struct Activity: Sendable, Equatable {
    /// No-reads among the messages.
    public var noReads: Int
    /// Messages in the last minute.
    public var readsPerMinute: Int
    /// Answers to commands.
    public var answers: Int
    /// When the last heartbeat came, RFC 3339; nil when none came.
    public var lastHeartbeatAt: String?
    /// Connections refused beside the one that stood, or by their address.
    public var refusedConnections: Int

    /// Makes it; as it stands, nothing came.
    public init(
      noReads: Int = 0, readsPerMinute: Int = 0, answers: Int = 0, lastHeartbeatAt: String? = nil,
      refusedConnections: Int = 0
    ) {
      self.noReads = noReads
      self.readsPerMinute = readsPerMinute
      self.answers = answers
      self.lastHeartbeatAt = lastHeartbeatAt
      self.refusedConnections = refusedConnections
    }
  }

  /// What went wrong on the wire: messages that were dropped, then characters and breaks.
  public struct Faults: Sendable, Equatable, Codable {
    /// Longer than the longest.
    public var overlong: Int
    /// What came between a suffix and the next prefix.
    public var withoutPrefix: Int
    /// Half of one had come when the line broke.
    public var cut: Int
    /// A pause in it was too long.
    public var paused: Int
    /// Characters in it were wrong or lost.
    public var spoiled: Int
    /// Characters with a wrong parity or stop bit.
    public var charactersInError: Int
    /// Characters that hardware or driver lost.
    public var charactersLost: Int
    /// Breaks.
    public var breaks: Int

    /// Makes counts; as they stand, nothing went wrong.
    public init(
      overlong: Int = 0, withoutPrefix: Int = 0, cut: Int = 0, paused: Int = 0, spoiled: Int = 0,
      charactersInError: Int = 0, charactersLost: Int = 0, breaks: Int = 0
    ) {
      self.overlong = overlong
      self.withoutPrefix = withoutPrefix
      self.cut = cut
      self.paused = paused
      self.spoiled = spoiled
      self.charactersInError = charactersInError
      self.charactersLost = charactersLost
      self.breaks = breaks
    }

    private enum CodingKeys: String, CodingKey {
      case overlong, cut, paused, spoiled, breaks
      case withoutPrefix = "without_prefix"
      case charactersInError = "characters_in_error"
      case charactersLost = "characters_lost"
    }

    /// Messages that were dropped.
    public var dropped: Int { overlong + withoutPrefix + cut + paused + spoiled }
  }

  /// Its name in the configuration.
  public var name: String
  /// Its profile; empty: none.
  public var profile: String
  /// `serial`, `hid`, `keyboard` or `tcp`.
  public var transport: String
  /// Path or address.
  public var device: String
  /// `online` or `offline`.
  public var state: String
  /// Why it is offline, or what is wrong with what it sends; empty when all is well.
  public var reason: String
  /// Reads and no-reads.
  public var messages: Int
  /// When the last message came, RFC 3339; null when none came since the start.
  public var lastMessageAt: String?
  /// What came beside and around reads.
  public var activity: Activity
  /// What went wrong on the wire.
  public var faults: Faults

  /// No-reads among the messages, in percent with one digit after the point; null when no message came.
  public var noReadPercent: Double? {
    messages > 0 ? (Double(activity.noReads) / Double(messages) * 1000).rounded() / 10 : nil
  }

  /// Makes a reply.
  public init(
    name: String, profile: String = "", transport: String, device: String, online: Bool,
    reason: String = "", messages: Int, lastMessageAt: String?, activity: Activity = Activity(),
    faults: Faults = Faults()
  ) {
    self.name = name
    self.profile = profile
    self.transport = transport
    self.device = device
    state = online ? "online" : "offline"
    self.reason = reason
    self.messages = messages
    self.lastMessageAt = lastMessageAt
    self.activity = activity
    self.faults = faults
  }

  private enum CodingKeys: String, CodingKey {
    case name, profile, transport, device, state, reason, messages, answers, faults
    case lastMessageAt = "last_message_at"
    case noReads = "no_reads"
    case noReadPercent = "no_read_percent"
    case readsPerMinute = "reads_per_minute"
    case lastHeartbeatAt = "last_heartbeat_at"
    case refusedConnections = "refused_connections"
  }

  /// Reads a reply; what stands beside the activity is made from it.
  public init(from decoder: any Decoder) throws {
    let fields = try decoder.container(keyedBy: CodingKeys.self)
    name = try fields.decode(String.self, forKey: .name)
    profile = try fields.decode(String.self, forKey: .profile)
    transport = try fields.decode(String.self, forKey: .transport)
    device = try fields.decode(String.self, forKey: .device)
    state = try fields.decode(String.self, forKey: .state)
    reason = try fields.decode(String.self, forKey: .reason)
    messages = try fields.decode(Int.self, forKey: .messages)
    lastMessageAt = try fields.decode(String?.self, forKey: .lastMessageAt)
    activity = Activity(
      noReads: try fields.decode(Int.self, forKey: .noReads),
      readsPerMinute: try fields.decode(Int.self, forKey: .readsPerMinute),
      answers: try fields.decode(Int.self, forKey: .answers),
      lastHeartbeatAt: try fields.decode(String?.self, forKey: .lastHeartbeatAt),
      refusedConnections: try fields.decode(Int.self, forKey: .refusedConnections))
    faults = try fields.decode(Faults.self, forKey: .faults)
  }

  /// Encodes every field, those without a value as null.
  public func encode(to encoder: any Encoder) throws {
    var fields = encoder.container(keyedBy: CodingKeys.self)
    try fields.encode(name, forKey: .name)
    try fields.encode(profile, forKey: .profile)
    try fields.encode(transport, forKey: .transport)
    try fields.encode(device, forKey: .device)
    try fields.encode(state, forKey: .state)
    try fields.encode(reason, forKey: .reason)
    try fields.encode(messages, forKey: .messages)
    try fields.encode(lastMessageAt, forKey: .lastMessageAt)
    try fields.encode(activity.noReads, forKey: .noReads)
    try fields.encode(noReadPercent, forKey: .noReadPercent)
    try fields.encode(activity.readsPerMinute, forKey: .readsPerMinute)
    try fields.encode(activity.answers, forKey: .answers)
    try fields.encode(activity.lastHeartbeatAt, forKey: .lastHeartbeatAt)
    try fields.encode(activity.refusedConnections, forKey: .refusedConnections)
    try fields.encode(faults, forKey: .faults)
  }
}

/// One PLC and its health.
public struct PLCReply: Sendable, Equatable, Codable {
  /// Its name in the configuration.
  public var name: String
  /// `tcp` or `rtu`.
  public var transport: String
  /// Host and port, or device path.
  public var address: String
  /// `online` or `offline`.
  public var state: String
  /// Why it is offline, empty when it is online.
  public var reason: String
  /// The PLC's epoch; null while it is offline.
  public var epoch: Int?
  /// Whether the PLC now obeys a run permit of 1; null while it is offline.
  public var permitObeyed: Bool?
  /// Whether the conveyor moves; null while it is offline.
  public var conveyorMoving: Bool?
  /// PackML StateCurrent as the register holds it; null while it is offline.
  public var stateCurrent: Int?
  /// That state's name, by the profile of the configuration; null without one.
  public var packMLState: String?
  /// Connections since the daemon started.
  public var connections: Int
  /// Telegrams answered since then.
  public var telegrams: Int
  /// Telegrams that failed.
  public var errors: Int
  /// Half of all answers came within so many microseconds.
  public var responseP50: Int
  /// 99 of 100 did.
  public var responseP99: Int
  /// The longest.
  public var responseMax: Int
  /// Milliseconds since the last answer; null when there was none.
  public var dataAge: Int?
  /// Bytes on a serial line that belonged to no answer.
  public var strayBytes: Int

  /// Makes a reply.
  public init(
    name: String, transport: String, address: String, online: Bool, reason: String = "",
    epoch: Int? = nil, permitObeyed: Bool? = nil, conveyorMoving: Bool? = nil,
    stateCurrent: Int? = nil, state packML: String? = nil, connections: Int = 0, telegrams: Int = 0,
    errors: Int = 0, responseP50: Int = 0, responseP99: Int = 0, responseMax: Int = 0,
    dataAge: Int? = nil, strayBytes: Int = 0
  ) {
    self.name = name
    self.transport = transport
    self.address = address
    state = online ? "online" : "offline"
    self.reason = reason
    self.epoch = epoch
    self.permitObeyed = permitObeyed
    self.conveyorMoving = conveyorMoving
    self.stateCurrent = stateCurrent
    packMLState = packML
    self.connections = connections
    self.telegrams = telegrams
    self.errors = errors
    self.responseP50 = responseP50
    self.responseP99 = responseP99
    self.responseMax = responseMax
    self.dataAge = dataAge
    self.strayBytes = strayBytes
  }

  private enum CodingKeys: String, CodingKey {
    case name, transport, address, state, reason, epoch, connections, telegrams, errors
    case packMLState = "packml_state"
    case responseP50 = "response_p50_us"
    case responseP99 = "response_p99_us"
    case responseMax = "response_max_us"
    case dataAge = "data_age_ms"
    case strayBytes = "stray_bytes"
    case permitObeyed = "permit_obeyed"
    case conveyorMoving = "conveyor_moving"
    case stateCurrent = "packMLStatecurrent"
  }

  /// Encodes every field, those without a value as null.
  public func encode(to encoder: any Encoder) throws {
    var fields = encoder.container(keyedBy: CodingKeys.self)
    try fields.encode(name, forKey: .name)
    try fields.encode(transport, forKey: .transport)
    try fields.encode(address, forKey: .address)
    try fields.encode(state, forKey: .state)
    try fields.encode(reason, forKey: .reason)
    try fields.encode(epoch, forKey: .epoch)
    try fields.encode(permitObeyed, forKey: .permitObeyed)
    try fields.encode(conveyorMoving, forKey: .conveyorMoving)
    try fields.encode(stateCurrent, forKey: .stateCurrent)
    try fields.encode(packMLState, forKey: .packMLState)
    try fields.encode(telegrams, forKey: .telegrams)
    try fields.encode(errors, forKey: .errors)
    try fields.encode(responseP50, forKey: .responseP50)
    try fields.encode(responseP99, forKey: .responseP99)
    try fields.encode(responseMax, forKey: .responseMax)
    try fields.encode(dataAge, forKey: .dataAge)
    try fields.encode(strayBytes, forKey: .strayBytes)
    try fields.encode(connections, forKey: .connections)
  }
}

/// One batch, for `batch show`, `batch list` and `batch open`.
public struct BatchReply: Sendable, Equatable, Codable {
  /// The plant's own name for it.
  public var id: String
  /// GTIN, 14 digits.
  public var gtin: String
  /// Lot.
  public var lot: String
  /// Expiry as YYMMDD.
  public var expiry: String
  /// `open`, `running`, `paused` or `closed`.
  public var state: String
  /// How many serials its pool has.
  public var pool: Int
  /// How many of them are commissioned.
  public var commissioned: Int
  /// How many serials are in each state, by the words of `unit`; states without serials are left out.
  public var serials: [String: Int]
  /// SHA-256 of the serial file in hexadecimal digits.
  public var serialsSHA256: String
  /// Whether the serials are printed in the order of the file.
  public var printOrder: Bool
  /// How far it is in its print order; null where it has none.
  public var printed: PrintedReply?
  /// The archive that holds its records, from the storage directory on; left out while they are with the line.
  public var archive: String?
  /// The last signatures over it, at most 100, the newest last; left out while there are none.
  public var signatures: [SignatureReply]?

  /// Makes a reply.
  public init(
    id: String, gtin: String, lot: String, expiry: String, state: String, pool: Int,
    commissioned: Int, serials: [String: Int] = [:], serialsSHA256: String = "",
    printOrder: Bool = false, printed: PrintedReply? = nil, archive: String? = nil,
    signatures: [SignatureReply]? = nil
  ) {
    self.signatures = signatures
    self.archive = archive
    self.id = id
    self.gtin = gtin
    self.lot = lot
    self.expiry = expiry
    self.state = state
    self.pool = pool
    self.commissioned = commissioned
    self.serials = serials
    self.serialsSHA256 = serialsSHA256
    self.printOrder = printOrder
    self.printed = printed
  }

  private enum CodingKeys: String, CodingKey {
    case id, gtin, lot, expiry, state, pool, commissioned, serials, printed, archive, signatures
    case serialsSHA256 = "serials_sha256"
    case printOrder = "print_order"
  }
}

/// An electronic signature as 21 CFR 11.50 wants it shown: printed name, time and meaning.
public struct SignatureReply: Sendable, Equatable, Codable {
  /// The person's printed name.
  public var name: String
  /// The login whose password was given.
  public var login: String
  /// The role in which it was given.
  public var role: String
  /// When, RFC 3339 in UTC with milliseconds.
  public var at: String
  /// What it means.
  public var meaning: String
  /// The last record that it was given over.
  public var covers: Int64

  /// Makes a reply.
  public init(
    name: String, login: String, role: String, at: String, meaning: String, covers: Int64
  ) {
    self.name = name
    self.login = login
    self.role = role
    self.at = at
    self.meaning = meaning
    self.covers = covers
  }
}

/// The two balances of a batch, for `batch reconcile`.
public struct ReconciliationReply: Sendable, Equatable, Codable {
  /// The batch.
  public var batch: String
  /// Whether both balances hold.
  public var balanced: Bool
  /// Serials of the pool.
  public var pool: Int
  /// How many of them are in each state, by the words of `unit`; states without serials are left out.
  public var serials: [String: Int]
  /// Units that came while the batch ran.
  public var units: Int
  /// How many units have each end: `passed`, `rejected`, `lost`, `taken_by_hand`, `in_doubt`, `open`.
  public var ends: [String: Int]
  /// Serials that a passed unit commissioned.
  public var commissionedByUnits: Int
  /// Serials in doubt that a person found.
  public var commissionedByPeople: Int
  /// Serials that the print order has gone past and that nobody read.
  public var printedNotRead: Int
  /// How many serials need a person.
  public var unexplainedCount: Int
  /// The first of them.
  public var unexplained: [Unexplained]

  /// A serial that needs a person.
  public struct Unexplained: Sendable, Equatable, Codable {
    /// The serial.
    public var serial: String
    /// Why.
    public var cause: String

    /// Makes one.
    public init(serial: String, cause: String) {
      self.serial = serial
      self.cause = cause
    }
  }

  /// Makes a reply.
  public init(
    batch: String, balanced: Bool, pool: Int, serials: [String: Int], units: Int,
    ends: [String: Int], commissionedByUnits: Int, commissionedByPeople: Int, printedNotRead: Int,
    unexplainedCount: Int, unexplained: [Unexplained]
  ) {
    self.batch = batch
    self.balanced = balanced
    self.pool = pool
    self.serials = serials
    self.units = units
    self.ends = ends
    self.commissionedByUnits = commissionedByUnits
    self.commissionedByPeople = commissionedByPeople
    self.printedNotRead = printedNotRead
    self.unexplainedCount = unexplainedCount
    self.unexplained = unexplained
  }

  private enum CodingKeys: String, CodingKey {
    case batch, balanced, pool, serials, units, ends, unexplained
    case commissionedByUnits = "commissioned_by_units"
    case commissionedByPeople = "commissioned_by_people"
    case printedNotRead = "printed_not_read"
    case unexplainedCount = "unexplained_count"
  }
}

/// What became of `records verify`.
public struct VerifyReply: Sendable, Equatable, Codable {
  /// Whether everything was read and every record holds.
  public var intact: Bool
  /// How many records hold.
  public var records: Int
  /// The first bad one, null when there is none.
  public var firstBad: BadRecord?
  /// Why the records could not be read to the end, null when they could.
  public var fault: String?
  /// How many serial files are those that were recorded.
  public var serialFiles: Int?
  /// How many signed heads agree with the chain.
  public var signedHeads: Int?
  /// How many people's signatures cover records that are as they were; left out when there are none.
  public var signatures: Int?
  /// The hash of the last record that holds, to be compared with one kept elsewhere.
  public var lastHash: String?
  /// What the check does not prove, and who vouches for a changed key; sentences.
  public var remarks: [String]?
  /// Records 1 to this one are in archives that were not checked; left out when there are none.
  public var archived: Int64?
  /// The hash of that record, from which the check began.
  public var archivedHash: String?

  /// The first record that does not hold.
  public struct BadRecord: Sendable, Equatable, Codable {
    /// Its sequence number.
    public var sequence: Int64
    /// What is wrong with it.
    public var message: String

    /// Makes one.
    public init(sequence: Int64, message: String) {
      self.sequence = sequence
      self.message = message
    }
  }

  /// Makes a reply.
  public init(
    records: Int, firstBad: BadRecord? = nil, fault: String? = nil, serialFiles: Int? = nil,
    signedHeads: Int? = nil, lastHash: String? = nil, remarks: [String]? = nil,
    archived: Int64? = nil, archivedHash: String? = nil, signatures: Int? = nil
  ) {
    self.signatures = signatures
    self.archived = archived
    self.archivedHash = archivedHash
    intact = firstBad == nil && fault == nil
    self.records = records
    self.firstBad = firstBad
    self.fault = fault
    self.serialFiles = serialFiles
    self.signedHeads = signedHeads
    self.lastHash = lastHash
    self.remarks = remarks
  }

  private enum CodingKeys: String, CodingKey {
    case intact, records, fault, remarks, archived, signatures
    case archivedHash = "archived_hash"
    case firstBad = "first_bad"
    case serialFiles = "serial_files"
    case signedHeads = "signed_heads"
    case lastHash = "last_hash"
  }

  /// Encodes every field, `first_bad` and `fault` as null where there is none.
  public func encode(to encoder: any Encoder) throws {
    var fields = encoder.container(keyedBy: CodingKeys.self)
    try fields.encode(intact, forKey: .intact)
    try fields.encode(records, forKey: .records)
    try fields.encode(firstBad, forKey: .firstBad)
    try fields.encode(fault, forKey: .fault)
    try fields.encodeIfPresent(serialFiles, forKey: .serialFiles)
    try fields.encodeIfPresent(signedHeads, forKey: .signedHeads)
    try fields.encodeIfPresent(remarks, forKey: .remarks)
    try fields.encodeIfPresent(lastHash, forKey: .lastHash)
    try fields.encodeIfPresent(archived, forKey: .archived)
    try fields.encodeIfPresent(archivedHash, forKey: .archivedHash)
    try fields.encodeIfPresent(signatures, forKey: .signatures)
  }
}

/// What became of `records export`.
public struct ExportReply: Sendable, Equatable, Codable {
  /// The code of the failure when the disk that the export goes to is full.
  public static let diskFull = "disk-full"

  /// The batch.
  public var batch: String
  /// The first record that was exported.
  public var first: Int64
  /// The last one.
  public var last: Int64
  /// Whether the export is signed.
  public var signed: Bool
  /// Whether all records of the line held before the export.
  public var intact: Bool
  /// What did not hold, null when all did.
  public var finding: String?

  /// Makes a reply.
  public init(
    batch: String, first: Int64, last: Int64, signed: Bool, intact: Bool, finding: String? = nil
  ) {
    self.batch = batch
    self.first = first
    self.last = last
    self.signed = signed
    self.intact = intact
    self.finding = finding
  }
}

/// What became of `records check-export`.
public struct ExportCheckReply: Sendable, Equatable, Codable {
  /// Whether all of it holds.
  public var holds: Bool
  /// The batch, empty where nothing says it.
  public var batch: String
  /// The case of a bundle, null for the export of a batch.
  public var caseID: String?
  /// How many records the chain holds for.
  public var records: Int
  /// How many files are those that were exported.
  public var files: Int
  /// How many signed heads agree with the chain.
  public var signedHeads: Int
  /// The key that it was signed with, null when it is not signed.
  public var signedBy: String?
  /// The first thing that is wrong, null when nothing is.
  public var firstWrong: String?

  /// Makes a reply.
  public init(
    batch: String, caseID: String? = nil, records: Int, files: Int, signedHeads: Int,
    signedBy: String?, firstWrong: String? = nil
  ) {
    self.caseID = caseID
    holds = firstWrong == nil
    self.batch = batch
    self.records = records
    self.files = files
    self.signedHeads = signedHeads
    self.signedBy = signedBy
    self.firstWrong = firstWrong
  }

  private enum CodingKeys: String, CodingKey {
    case holds, batch, records, files
    case caseID = "case"
    case signedHeads = "signed_heads"
    case signedBy = "signed_by"
    case firstWrong = "first_wrong"
  }
}

/// What became of `records replay`.
public struct ReplayReply: Sendable, Equatable, Codable {
  /// Whether everything was read and follows from its inputs.
  public var agrees: Bool
  /// How many records follow, or were taken as they stand.
  public var records: Int
  /// Verdicts that were given again.
  public var verdicts: Int
  /// Outcomes whose consequences were drawn again.
  public var outcomes: Int
  /// Further records that followed from others.
  public var consequences: Int
  /// Verdicts that could not be given again: nobody recorded the settings then.
  public var unknownSettings: Int
  /// The first record that does not follow, null when all do.
  public var firstDifference: VerifyReply.BadRecord?
  /// Why the records could not be read to the end, null when they could.
  public var fault: String?

  /// Makes a reply.
  public init(
    records: Int, verdicts: Int, outcomes: Int, consequences: Int, unknownSettings: Int,
    firstDifference: VerifyReply.BadRecord? = nil, fault: String? = nil
  ) {
    agrees = firstDifference == nil && fault == nil
    self.records = records
    self.verdicts = verdicts
    self.outcomes = outcomes
    self.consequences = consequences
    self.unknownSettings = unknownSettings
    self.firstDifference = firstDifference
    self.fault = fault
  }

  private enum CodingKeys: String, CodingKey {
    case agrees, records, verdicts, outcomes, consequences, fault
    case unknownSettings = "unknown_settings"
    case firstDifference = "first_difference"
  }
}

/// How far something long has come.
public struct ProgressReply: Sendable, Equatable, Codable {
  /// What is being done, for a person: "reading serials".
  public var phase: String
  /// So much of it is done.
  public var done: Int
  /// So much there is in all, 0 when nobody knows.
  public var total: Int

  /// Makes a progress report.
  public init(phase: String, done: Int, total: Int = 0) {
    self.phase = phase
    self.done = done
    self.total = total
  }
}

/// What a command that only does something answers: one sentence.
public struct DoneReply: Sendable, Equatable, Codable {
  /// What was done.
  public var message: String

  /// Makes a reply.
  public init(message: String) { self.message = message }
}

/// The result of a command, as the daemon hands it to the wire.
public enum CommandReply: Sendable, Equatable, Encodable {
  /// What was done, in one sentence.
  case done(String)
  /// To `status`.
  case status(StatusReply)
  /// To `alarms`.
  case alarms([AlarmReply])
  /// To `alarms metrics`.
  case alarmMetrics(AlarmMetricsReply)
  /// To `unit`.
  case unit(UnitReply)
  /// To `scanners`.
  case scanners([ScannerReply])
  /// To `plcs`.
  case plcs([PLCReply])
  /// To `plcs --registers`.
  case registers([RegistersReply])
  /// To `batch show`.
  case batch(BatchReply)
  /// To `batch list`.
  case batches([BatchReply])
  /// To `batch reconcile`.
  case reconciliation(ReconciliationReply)
  /// To `records verify`.
  case verify(VerifyReply)
  /// To `records export`.
  case exported(ExportReply)
  /// To `containment show`.
  case containment(CaseReply)
  /// To `containment list`.
  case containments([CaseReply])
  /// To `containment test-alert`.
  case alertTest(AlertTestReply)
  /// To `containment units`.
  case caseUnits(CaseUnitsReply)
  /// To `containment bundle`.
  case bundled(BundleReply)

  /// Encodes the reply that it holds, without a wrapping of its own.
  public func encode(to encoder: any Encoder) throws {
    switch self {
    case .done(let message): try DoneReply(message: message).encode(to: encoder)
    case .status(let reply): try reply.encode(to: encoder)
    case .alarms(let reply): try reply.encode(to: encoder)
    case .alarmMetrics(let reply): try reply.encode(to: encoder)
    case .unit(let reply): try reply.encode(to: encoder)
    case .scanners(let reply): try reply.encode(to: encoder)
    case .plcs(let reply): try reply.encode(to: encoder)
    case .registers(let reply): try reply.encode(to: encoder)
    case .batch(let reply): try reply.encode(to: encoder)
    case .batches(let reply): try reply.encode(to: encoder)
    case .reconciliation(let reply): try reply.encode(to: encoder)
    case .verify(let reply): try reply.encode(to: encoder)
    case .exported(let reply): try reply.encode(to: encoder)
    case .containment(let reply): try reply.encode(to: encoder)
    case .containments(let reply): try reply.encode(to: encoder)
    case .alertTest(let reply): try reply.encode(to: encoder)
    case .caseUnits(let reply): try reply.encode(to: encoder)
    case .bundled(let reply): try reply.encode(to: encoder)
    }
  }
}
