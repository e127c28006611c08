/// What the daemon says of one unit; the numbers stand in the PLC's registers (contract, "Verdicts").
public enum Verdict: UInt16, Sendable, CaseIterable, Codable {
  case accept = 1
  case noRead = 2
  case severalCodes = 3
  case notGS1 = 4
  case wrongGTIN = 5
  case wrongLot = 6
  case wrongExpiry = 7
  case notInPool = 8
  case duplicate = 9
  case gradeTooLow = 10
  case stateForbids = 11
  case notPermitted = 12
  case outOfPrintOrder = 13
  case notDataMatrix = 14
  case trackingInDoubt = 15
  case storageFault = 16

  /// A short phrase for a person on shift.
  public var phrase: String {
    switch self {
    case .accept: "accept"
    case .noRead: "no read"
    case .severalCodes: "more than one code"
    case .notGS1: "not valid GS1"
    case .wrongGTIN: "wrong GTIN"
    case .wrongLot: "wrong lot"
    case .wrongExpiry: "wrong expiry"
    case .notInPool: "serial not in the pool"
    case .duplicate: "duplicate serial"
    case .gradeTooLow: "grade too low"
    case .stateForbids: "serial may not pass in its state"
    case .notPermitted: "no batch running or line not permitted"
    case .outOfPrintOrder: "out of print order"
    case .notDataMatrix: "not GS1 DataMatrix"
    case .trackingInDoubt: "tracking in doubt"
    case .storageFault: "storage fault"
    }
  }

  /// The word for a pack of a challenge test that gets this verdict, nil where there is none.
  public var challengePack: String? {
    switch self {
    case .noRead: "no_read"
    case .notGS1: "not_gs1"
    case .wrongGTIN: "wrong_gtin"
    case .wrongLot: "wrong_lot"
    case .wrongExpiry: "wrong_expiry"
    case .notInPool: "unknown"
    case .duplicate: "duplicate"
    case .gradeTooLow: "low_grade"
    case .accept, .severalCodes, .stateForbids, .notPermitted, .outOfPrintOrder, .notDataMatrix,
      .trackingInDoubt, .storageFault:
      nil
    }
  }

  /// The verdict that a pack of a challenge test has to get; nil for an unknown word.
  public init?(challengePack word: String) {
    guard let verdict = Verdict.allCases.first(where: { $0.challengePack == word }) else {
      return nil
    }
    self = verdict
  }

  /// Whether this verdict says something of the pack, and so counts towards the limits: 12, 15 and 16
  /// speak of the line and do not (contract, `[limits]`).
  public var countsTowardsLimits: Bool {
    switch self {
    case .notPermitted, .trackingInDoubt, .storageFault: false
    default: true
    }
  }
}

/// What the PLC saw of a unit at the reject gate (contract, "Outcomes").
public enum Outcome: UInt16, Sendable, CaseIterable {
  case passed = 1
  case rejected = 2
  case rejectNotSeen = 3
  case lost = 4
  case takenByHand = 5
  case noVerdictInTime = 6

  /// A short phrase for a person on shift.
  public var phrase: String {
    switch self {
    case .passed: "passed"
    case .rejected: "rejected, seen by the reject sensor"
    case .rejectNotSeen: "reject not seen"
    case .lost: "lost"
    case .takenByHand: "taken out by hand"
    case .noVerdictInTime: "rejected, no verdict came in time"
    }
  }
}

/// Why the line stands, with the numbers of host register 3 (contract, "Stop reasons").
public enum StopReason: UInt16, Sendable, CaseIterable {
  case startUp = 1
  case operatorStop = 2
  case containment = 3
  case trackingInDoubt = 4
  case scannerLost = 5
  case storageFault = 6
  case rejectNotConfirmed = 7
  case limitExceeded = 8
  case noBatchRunning = 9
  case linkLost = 10
  case badPackPassed = 11
  case machineNotReady = 12
  case wrongMapVersion = 13
  case challengeDue = 14

  /// All reasons, the gravest first; the order decides which one stands in host register 3.
  public static let gravestFirst: [StopReason] = [
    .badPackPassed, .storageFault, .rejectNotConfirmed, .linkLost, .trackingInDoubt, .scannerLost,
    .machineNotReady, .wrongMapVersion, .limitExceeded, .containment, .challengeDue, .operatorStop,
    .noBatchRunning, .startUp,
  ]

  /// A short phrase for a person on shift.
  public var phrase: String {
    switch self {
    case .startUp: "start-up: not yet released"
    case .operatorStop: "stopped by an operator"
    case .containment: "containment open"
    case .trackingInDoubt: "tracking in doubt"
    case .scannerLost: "scanner lost"
    case .storageFault: "storage fault"
    case .rejectNotConfirmed: "reject not confirmed"
    case .limitExceeded: "limit exceeded"
    case .noBatchRunning: "no batch running"
    case .linkLost: "PLC link lost or just re-established"
    case .badPackPassed: "bad pack passed"
    case .machineNotReady: "machine not ready"
    case .wrongMapVersion: "PLC has the wrong map version or no epoch"
    case .challengeDue: "challenge test due"
    }
  }
}

/// A set of stop reasons, one bit a reason.
public struct StopReasons: OptionSet, Sendable, Hashable, Codable {
  /// One bit a reason, bit n for the reason with number n.
  public var rawValue: UInt16

  /// Makes a set from its bits.
  public init(rawValue: UInt16) { self.rawValue = rawValue }

  /// Makes a set of one reason.
  public init(_ reason: StopReason) { rawValue = 1 << reason.rawValue }

  /// The reasons in this set, the gravest first.
  public var list: [StopReason] { StopReason.gravestFirst.filter { contains(StopReasons($0)) } }

  /// The gravest reason, or nil when the set is empty.
  public var gravest: StopReason? {
    StopReason.gravestFirst.first { contains(StopReasons($0)) }
  }
}

/// The state of a serial: OPEN-SCS PSS (OPC 30260) numbers, and `inDoubt` for a unit whose end nobody saw.
public enum SerialState: UInt8, Sendable, CaseIterable, Codable {
  case allocated = 2
  case serialInvalid = 3
  case encoded = 4
  case labelSampled = 5
  case labelScrapped = 6
  case commissioned = 7
  case sampled = 8
  case inactive = 9
  case destroyed = 10
  case released = 11
  case inDoubt = 64

  /// The word that JSON replies and exports use (contract, `unit --json`).
  public var word: String {
    switch self {
    case .allocated: "allocated"
    case .serialInvalid: "sn_invalid"
    case .encoded: "encoded"
    case .labelSampled: "label_sampled"
    case .labelScrapped: "label_scrapped"
    case .commissioned: "commissioned"
    case .sampled: "sampled"
    case .inactive: "inactive"
    case .destroyed: "destroyed"
    case .released: "released"
    case .inDoubt: "in_doubt"
    }
  }
}

/// How many serials are in each state.
public struct SerialCounts: Sendable, Hashable, Codable, ExpressibleByDictionaryLiteral {
  // In its own batch, since each verdict counts: by the state's number, in doubt at 0.
  private var counts = InlineArray<12, Int>(repeating: 0)

  /// No serials.
  public init() {}

  /// Those named, 0 of all others.
  public init(dictionaryLiteral elements: (SerialState, Int)...) {
    for (state, count) in elements { self[state] += count }
  }

  /// From an object of counts by the states' words.
  public init(from decoder: any Decoder) throws {
    for (state, count) in try [SerialState: Int](from: decoder) { self[state] = count }
  }

  /// As an object of counts by the states' words, without those that are 0.
  public func encode(to encoder: any Encoder) throws {
    try Dictionary(uniqueKeysWithValues: present.map { ($0.state, $0.count) }).encode(to: encoder)
  }

  @inline(__always)
  private static func place(_ state: SerialState) -> Int {
    state == .inDoubt ? 0 : Int(state.rawValue)
  }

  /// How many are in one state.
  public subscript(state: SerialState) -> Int {
    @inline(__always) get { counts[SerialCounts.place(state)] }
    @inline(__always) set { counts[SerialCounts.place(state)] = newValue }
  }

  /// The states that any serial is in, in the order of their numbers.
  public var present: [(state: SerialState, count: Int)] {
    SerialState.allCases.compactMap { self[$0] == 0 ? nil : ($0, self[$0]) }
  }

  /// Whether as many are in each state.
  public static func == (one: SerialCounts, other: SerialCounts) -> Bool {
    SerialState.allCases.allSatisfy { one[$0] == other[$0] }
  }

  /// By what is counted.
  public func hash(into hasher: inout Hasher) {
    for state in SerialState.allCases { hasher.combine(self[state]) }
  }
}

/// In JSON the states are the keys of counts, by their words.
extension SerialState: CodingKeyRepresentable {
  private struct Key: CodingKey {
    var stringValue: String
    var intValue: Int? { nil }
    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { return nil }
  }

  /// The word.
  public var codingKey: any CodingKey { Key(stringValue: word) }

  /// The state of a word, nil for any other.
  public init?<T: CodingKey>(codingKey: T) {
    guard let state = SerialState.allCases.first(where: { $0.word == codingKey.stringValue }) else {
      return nil
    }
    self = state
  }
}

/// The state of a batch.
public enum BatchState: UInt8, Sendable, CaseIterable, Codable {
  case open = 1
  case running = 2
  case paused = 3
  case closed = 4

  /// The word that JSON replies and exports use.
  public var word: String {
    switch self {
    case .open: "open"
    case .running: "running"
    case .paused: "paused"
    case .closed: "closed"
    }
  }
}

/// A sequence or unit number: 1…65504, wrapping to 1; 0 is none (contract, "Rings").
///
/// 65504 is a multiple of 8, 16 and 32, so the order of slots never breaks at the wrap.
public enum Counter {
  /// The greatest number before the wrap to 1.
  public static let max: UInt16 = 65504

  /// The number after `value`; 1 after none.
  @inlinable
  public static func next(after value: UInt16) -> UInt16 {
    value >= max ? 1 : value &+ 1
  }

  /// How many steps lead from `start` to `end`, going forward: 0…65503.
  ///
  /// Nil where one of them is no number of this range. `start` may be 0, none: then 1 is one step away.
  @inlinable
  public static func steps(from start: UInt16, to end: UInt16) -> Int? {
    guard start <= max, end <= max else { return nil }
    if start == end { return 0 }
    guard end > 0 else { return nil }
    return end > start ? Int(end - start) : Int(end) + Int(max) - Int(start)
  }
}
