internal import Line

/// What became of each serial of one batch, from its records: 16 bytes a serial, so that the largest batch takes 160 MB.
struct SerialLedger {
  /// What is known of one serial.
  struct Entry {
    /// The state, and 0x80 for a hold.
    var stateAndHold: UInt8 = SerialState.allocated.rawValue
    /// Its last verdict, 0 none: verdict numbers are below 256.
    var verdict: UInt8 = 0
    /// Its last outcome, 0 none.
    var outcome: UInt8 = 0
    /// Kind of the record that gave it its state, 0: none has.
    var causeKind: UInt8 = 0
    /// Code of that record.
    var causeCode: UInt8 = 0
    /// Place of the station of its last verdict in `StationNames.all`.
    var station: UInt8 = 0
    /// Unit of its last verdict.
    var unit: UInt16 = 0
    /// Wall time of its last verdict.
    var judgedAt: Int64 = 0

    var state: SerialState { SerialState(rawValue: stateAndHold & 0x7F) ?? .inDoubt }
    var hold: Bool { stateAndHold & 0x80 != 0 }

    /// Why the serial is in its state, for a person.
    var cause: String {
      let code = UInt16(causeCode)
      switch Record.Kind(rawValue: causeKind) {
      case .verdict: return "accepted"
      case .withdrawn:
        return "accept withdrawn: \(Verdict(rawValue: code)?.phrase ?? "verdict \(code)")"
      case .outcome: return "outcome: \(Outcome(rawValue: code)?.phrase ?? "\(code)")"
      case .outcomeMissing: return "no outcome came"
      case .acceptTaken: return "accept taken by the PLC"
      case .serialChanged: return "by a person: \(SerialAct(rawValue: code)?.word ?? "\(code)")"
      default: return ""
      }
    }
  }

  /// One entry a row.
  private(set) var entries: [Entry]

  init(count: Int) { entries = [Entry](repeating: Entry(), count: count) }

  /// Takes a record of this batch; `place` is its station's in `StationNames.all`.
  mutating func take(_ stored: StoredRecord, place: Int?) {
    let record = stored.record
    let row = Int(record.row)
    guard entries.indices.contains(row) else { return }
    switch record.kind {
    case .verdict:
      // Of a duplicate, the unit that has the serial stays the one that is named.
      if record.state != nil || entries[row].verdict == 0 {
        entries[row].verdict = UInt8(truncatingIfNeeded: record.code)
        entries[row].unit = record.unit
        entries[row].station = UInt8(clamping: place ?? 0)
        entries[row].judgedAt = stored.wall
        entries[row].outcome = 0
      }
    case .outcome where record.unit == entries[row].unit:
      entries[row].outcome = UInt8(truncatingIfNeeded: record.code)
    case .serialChanged:
      switch SerialAct(rawValue: record.code) {
      case .hold: entries[row].stateAndHold |= 0x80
      case .unhold: entries[row].stateAndHold &= 0x7F
      default: break
      }
    default: break
    }
    guard let state = record.state, state != entries[row].state else { return }
    entries[row].stateAndHold = state.rawValue | (entries[row].stateAndHold & 0x80)
    entries[row].causeKind = record.kind.rawValue
    entries[row].causeCode = UInt8(truncatingIfNeeded: record.code)
  }

  /// The first line of `serials.csv`.
  static let csvHead = Array(
    ("row,serial,state,hold,station,unit,verdict,verdict_word,verdict_at,outcome,outcome_word,cause"
      + "\r\n").utf8)

  /// The line of a serial, with CR LF.
  func csv(row: Int, serial: UnsafeBufferPointer<UInt8>, stations: [String]) -> [UInt8] {
    let entry = entries[row]
    var bytes = Array("\(row),".utf8)
    ExportText.csv(String(decoding: serial, as: UTF8.self), to: &bytes)
    func add(_ text: String) {
      bytes.append(UInt8(ascii: ","))
      if !text.isEmpty { ExportText.csv(text, to: &bytes) }
    }
    func add(number: Int) {
      bytes.append(UInt8(ascii: ","))
      if number != 0 { bytes += "\(number)".utf8 }
    }
    add(entry.state.word)
    add(entry.hold ? "yes" : "no")
    let isJudged = entry.verdict != 0
    let station = Int(entry.station)
    add(isJudged && station < stations.count ? stations[station] : "")
    add(number: Int(entry.unit))
    add(number: Int(entry.verdict))
    add(isJudged ? Verdict(rawValue: UInt16(entry.verdict))?.phrase ?? "" : "")
    add(isJudged ? ExportText.time(entry.judgedAt) : "")
    add(number: Int(entry.outcome))
    add(Outcome(rawValue: UInt16(entry.outcome))?.phrase ?? "")
    add(entry.cause)
    bytes += [0x0D, 0x0A]
    return bytes
  }
}
