public import Alarms
public import Containment

/// All that records have made of a core, without the serials themselves: with the images of its pools it stands for the
/// records up to one, so that a restart replays only those after it.
///
/// What no record holds is not in it: links, tracking, permit and reasons begin anew at every start.
public struct LineState: Sendable, Codable {
  /// All batches ever opened, without their pools, in the order of their opening.
  public var batches: [Batch]
  /// All alarms.
  public var alarms: AlarmList
  /// Archives of earlier records, oldest first.
  public var archives: [Archive]
  /// The number of the last challenge test.
  var challenges: UInt32
  /// All containment cases; nil in what was written before there were any.
  public var cases: CaseBook?
  var runs: [BatchRun]?
  /// Wrong passwords; left out where there are none, and by versions that knew no signatures.
  var signers: SignerTries?
  /// The stations in the order in which records number them.
  var stations: [Station]

  /// The names of the stations that the state speaks of, in the order in which records number them.
  public var stationNames: [String] { stations.map(\.name) }

  /// Settings with the stations that the state speaks of, enough to replay records by.
  public var settings: LineSettings {
    LineSettings(
      line: "", scanners: [],
      stations: stations.map {
        StationSettings(
          name: $0.name, plc: "", scanners: [], tracksTriggers: $0.tracksTriggers,
          gateOutcomes: $0.gateOutcomes)
      }, limits: LineSettings.Limits())
  }

  /// What records have made of one station.
  struct Station: Sendable, Codable {
    var name: String
    /// What records make of a station hangs on these two.
    var tracksTriggers: Bool
    var gateOutcomes: Bool
    var lastUnitRead: UInt16?
    var doubtOnRecord: Bool
    var counters: StationCounters
    var openUnits: [OpenUnit]
    var challenge: Challenge?
    var challengePassedAt: Int64?
    var provenInRun: UInt32?
    var challengedSinceStart: Bool
    var challengeFailed: Bool
    var rejectsInARow: Int
    var noReadsInARow: Int
    var epoch: UInt16
    var outcomeSequence: UInt16
  }
}

extension LineController {
  /// What the records so far have made of this core; its pools come beside it.
  public var recorded: LineState {
    LineState(
      batches: batches.map { batch in
        var batch = batch
        batch.pool = nil
        return batch
      }, alarms: alarms, archives: archives, challenges: challenges, cases: cases, runs: runs,
      signers: signers.isEmpty ? nil : signers,
      stations: stations.map(\.recorded))
  }

  /// Makes a core that stands where a state was taken; replay what came after it, then call `begin`.
  ///
  /// Batches that are not closed carry their pools, with the words that they had then. Nil when the state speaks of other
  /// stations than the settings: then only the records themselves tell what becomes of whom.
  public init?(settings: LineSettings, state: LineState) {
    self.init(settings: settings)
    guard state.stations.count == stations.count,
      zip(state.stations, settings.stations).allSatisfy({
        $0.name == $1.name && $0.tracksTriggers == $1.tracksTriggers
          && $0.gateOutcomes == $1.gateOutcomes
      })
    else { return nil }
    batches = state.batches
    alarms = state.alarms
    archives = state.archives
    challenges = state.challenges
    cases = state.cases ?? CaseBook()
    runs = state.runs ?? []
    signers = state.signers ?? SignerTries()
    for index in stations.indices { stations[index].take(state.stations[index]) }
  }
}

extension LineController {
  /// Makes a core that begins after records that were put into an archive; all their batches are closed.
  ///
  /// What they made of stations that the settings still have goes on, whatever became of these since.
  public init(settings: LineSettings, archived state: LineState) {
    self.init(settings: settings)
    batches = state.batches
    alarms = state.alarms
    archives = state.archives
    challenges = state.challenges
    cases = state.cases ?? CaseBook()
    runs = state.runs ?? []
    signers = state.signers ?? SignerTries()
    stationOfRecord = state.stations.map { station in
      stations.firstIndex { $0.settings.name == station.name }
    }
    for (station, index) in zip(state.stations, stationOfRecord) {
      if let index { stations[index].take(station) }
    }
  }
}

extension StationState {
  fileprivate var recorded: LineState.Station {
    LineState.Station(
      name: settings.name, tracksTriggers: settings.tracksTriggers,
      gateOutcomes: settings.gateOutcomes, lastUnitRead: lastUnitRead, doubtOnRecord: doubtOnRecord,
      counters: counters, openUnits: Array(openUnits), challenge: challenge,
      challengePassedAt: challengePassedAt, provenInRun: provenInRun,
      challengedSinceStart: challengedSinceStart,
      challengeFailed: challengeFailed, rejectsInARow: rejectsInARow,
      noReadsInARow: noReadsInARow, epoch: epoch, outcomeSequence: outcomeSequence)
  }

  fileprivate mutating func take(_ state: LineState.Station) {
    lastUnitRead = state.lastUnitRead
    doubtOnRecord = state.doubtOnRecord
    counters = state.counters
    openUnits = OpenUnits(state.openUnits)
    challenge = state.challenge
    challengePassedAt = state.challengePassedAt
    provenInRun = state.provenInRun
    challengedSinceStart = state.challengedSinceStart
    challengeFailed = state.challengeFailed
    rejectsInARow = state.rejectsInARow
    noReadsInARow = state.noReadsInARow
    epoch = state.epoch
    outcomeSequence = state.outcomeSequence
  }
}

/// What a pool's serials are, one byte each in the order of their rows: to be written down and read back.
public struct SerialImage: Sendable, Hashable {
  /// State in the lower seven bits, hold in the highest.
  public var bytes: [UInt8]
  /// To which unit an encoded serial is reserved; in any other state nobody asks.
  public var reserved: [Int32: SerialPool.Word]

  private static let holdBit: UInt8 = 0x80

  /// Makes an image from what was written down.
  public init(bytes: [UInt8], reserved: [Int32: SerialPool.Word]) {
    self.bytes = bytes
    self.reserved = reserved
  }

  /// The word of the serial at `row`; nil when the image says nothing that a serial can be.
  public func word(at row: Int) -> SerialPool.Word? {
    let byte = bytes[row]
    guard let state = SerialState(rawValue: byte & ~SerialImage.holdBit) else { return nil }
    let hold = byte & SerialImage.holdBit != 0
    guard state == .encoded else { return SerialPool.Word(state: state, hold: hold) }
    guard let word = reserved[Int32(row)], word.state == .encoded, word.hold == hold else {
      return nil
    }
    return word
  }

  static func byte(_ word: SerialPool.Word) -> UInt8 {
    word.state.rawValue | (word.hold ? holdBit : 0)
  }

  /// Does to the image what a record does to the pool, by the same rule.
  ///
  /// A record makes of a serial the same whatever it was before, hold aside, which only acts change. So it does no harm to
  /// take a record whose work an image taken beside a running line shows already.
  public mutating func take(_ record: Record, station: Int) {
    guard let state = record.state, record.row >= 0, Int(record.row) < bytes.count else { return }
    let old = word(at: Int(record.row)) ?? SerialPool.Word(state: .inDoubt)
    let new = old.after(record, state: state, station: station)
    bytes[Int(record.row)] = SerialImage.byte(new)
    reserved[record.row] = new.state == .encoded ? new : nil
  }

  /// How many serials are in each state.
  public var counts: SerialCounts {
    var numbers = [Int](repeating: 0, count: 256)
    for byte in bytes { numbers[Int(byte & ~SerialImage.holdBit)] += 1 }
    var counts = SerialCounts()
    for state in SerialState.allCases { counts[state] = numbers[Int(state.rawValue)] }
    return counts
  }
}
