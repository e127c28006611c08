internal import Alarms
internal import Line

/// What the page of an export says, gathered record by record; each list has an end, after which it only counts.
struct BatchReport {
  /// A list that keeps its first entries and counts the others.
  struct Bounded<Entry> {
    /// So many rows stand on the page; all of them are in `records.csv`.
    static var countMax: Int { 5000 }
    private(set) var entries: [Entry] = []
    private(set) var leftOut = 0

    /// Adds one, and returns its place where it is kept.
    mutating func add(_ entry: Entry) -> Int? {
      guard entries.count < Self.countMax else {
        leftOut += 1
        return nil
      }
      entries.append(entry)
      return entries.count - 1
    }

    subscript(index: Int) -> Entry {
      get { entries[index] }
      set { entries[index] = newValue }
    }
  }

  /// Something that a person did.
  struct Act {
    var sequence: Int64
    var wall: Int64
    var actor: String
    var what: String
    var detail: String
  }

  /// A time in which the line stood.
  struct Stop {
    var from: Int64
    var until: Int64?
    var place: String
    var reason: String
    var detail: String
    var actor: String
    var releasedBy = ""
  }

  /// One occurrence of an alarm.
  struct Occurrence {
    var raised: Int64
    var kind: AlarmKind?
    var word: String
    var place: String
    var number: UInt32
    var message: String
    var returned: Int64?
    var acknowledged: Int64?
    var acknowledgedBy = ""
    var comment = ""
    var reset: Int64?
    var resetBy = ""
  }

  /// A signature over the batch.
  struct Signed {
    var sequence: Int64
    var signature: Signature
  }

  private struct AlarmName: Hashable {
    var kind: UInt16
    var place: [UInt8]
  }

  let batch: UInt32
  private(set) var acts = Bounded<Act>()
  private(set) var signatures = Bounded<Signed>()
  private(set) var stops = Bounded<Stop>()
  private(set) var alarms = Bounded<Occurrence>()
  private(set) var verdicts: [UInt16: Int] = [:]
  private(set) var withdrawn: [UInt16: Int] = [:]
  private(set) var outcomes: [UInt16: Int] = [:]
  private(set) var openedAt: Int64 = 0
  private(set) var closedAt: Int64?
  private(set) var closing = ""
  private(set) var state: BatchState = .open
  private var standing: Int?
  private var stands = true
  private var newest: [AlarmName: Int] = [:]

  init(batch: UInt32) { self.batch = batch }

  /// Takes the next record of the range; `place` is its station's name.
  mutating func take(_ stored: StoredRecord, place: String, serial: String = "") {
    let record = stored.record
    if !record.actor.isEmpty { take(act: stored, serial: serial) }
    let isOwn = record.batch == batch
    switch record.kind {
    case .verdict where isOwn: verdicts[record.code, default: 0] += 1
    case .withdrawn where isOwn: withdrawn[record.code, default: 0] += 1
    case .outcome where isOwn || (record.batch == 0 && state == .running):
      outcomes[record.code, default: 0] += 1
    case .signed where isOwn:
      if let signature = Signature(encoded: record.raw) {
        _ = signatures.add(Signed(sequence: stored.sequence, signature: signature))
      }
    case .batchOpened where isOwn: openedAt = stored.wall
    case .batchStarted where isOwn: state = .running
    case .batchPaused where isOwn: state = .paused
    case .batchClosed where isOwn:
      state = .closed
      closedAt = stored.wall
      closing = record.detail
    case .permitGiven:
      stands = false
      if let standing {
        stops[standing].until = stored.wall
        stops[standing].releasedBy = record.actor
      }
      standing = nil
    case .permitWithdrawn:
      stands = true
      standing = stops.add(
        Stop(
          from: stored.wall, place: place, reason: record.codeWord, detail: record.detail,
          actor: record.actor))
    // A crash leaves no record of the stop that it was; the start that follows is where it is seen.
    case .started where !stands:
      stands = true
      standing = stops.add(
        Stop(
          from: stored.wall, place: place, reason: StopReason.startUp.phrase,
          detail: record.detail, actor: record.actor))
    case .alarmRaised, .alarmReturned, .alarmAcknowledged, .alarmReset: take(alarm: stored)
    default: break
    }
  }

  private mutating func take(act stored: StoredRecord, serial: String) {
    let record = stored.record
    var what = record.kind.phrase
    if !record.codeWord.isEmpty { what += ": \(record.codeWord)" }
    switch record.kind {
    case .alarmAcknowledged, .alarmReset, .alarmShelved, .alarmUnshelved, .alarmOutOfService,
      .alarmInService:
      if !record.raw.isEmpty { what += " at \(String(decoding: record.raw, as: UTF8.self))" }
    case .serialChanged where record.batch == batch && !serial.isEmpty:
      what += ", serial \(serial)"
    case .serialChanged: what += ", row \(record.row) of batch number \(record.batch)"
    default: break
    }
    _ = acts.add(
      Act(
        sequence: stored.sequence, wall: stored.wall, actor: record.actor, what: what,
        detail: record.detail))
  }

  private mutating func take(alarm stored: StoredRecord) {
    let record = stored.record
    let name = AlarmName(kind: record.code, place: record.raw)
    if record.kind == .alarmRaised {
      newest[name] = alarms.add(
        Occurrence(
          raised: stored.wall, kind: AlarmKind(rawValue: record.code),
          word: record.codeWord.isEmpty ? "\(record.code)" : record.codeWord,
          place: String(decoding: record.raw, as: UTF8.self), number: record.number,
          message: record.detail))
      return
    }
    // Raised before the batch was opened, or beyond the list.
    guard let index = newest[name] else { return }
    switch record.kind {
    case .alarmReturned: alarms[index].returned = stored.wall
    case .alarmAcknowledged:
      alarms[index].acknowledged = stored.wall
      alarms[index].acknowledgedBy = record.actor
      alarms[index].comment = record.detail
    default:
      alarms[index].reset = stored.wall
      alarms[index].resetBy = record.actor
    }
  }
}

extension Line.Record.Kind {
  /// The kind in words, for a page that people read.
  var phrase: String {
    switch self {
    case .started: "daemon started"
    case .stopped: "daemon stopped"
    case .batchOpened: "batch opened"
    case .batchStarted: "batch started"
    case .batchPaused: "batch paused"
    case .batchClosed: "batch closed"
    case .serialChanged: "serial"
    case .permitGiven: "line released"
    case .permitWithdrawn: "line stopped"
    case .stopReason: "stop ordered while the line stood"
    case .alarmAcknowledged: "alarm acknowledged"
    case .alarmReset: "alarm reset"
    case .alarmShelved: "alarm shelved"
    case .alarmUnshelved: "alarm unshelved"
    case .alarmOutOfService: "alarm taken out of service"
    case .alarmInService: "alarm put back into service"
    case .alarmFlood: "alarm flood"
    case .alarmRemarked: "alarm marked"
    case .commandRefused: "command refused"
    case .reloaded: "configuration loaded anew"
    case .exported: "records exported"
    case .keyChanged: "signing key changed"
    case .signed: "signed"
    case .signatureRefused: "signature refused"
    case .signerLocked: "login locked after wrong passwords"
    default: word
    }
  }
}
