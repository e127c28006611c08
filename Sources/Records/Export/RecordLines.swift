internal import Alarms
internal import Line

/// One record as a line of `records.jsonl` and of `records.csv`: all that its hash is taken over, with words beside it.
struct RecordLines {
  /// The columns of `records.csv`, which are also the fields of `records.jsonl`.
  static let columns = [
    "sequence", "at", "wall", "monotonic", "boot", "line", "kind", "kind_word", "station",
    "station_name", "unit", "batch", "row", "code", "code_word", "number", "state", "state_word",
    "raw", "raw_text", "actor", "detail", "hash",
  ]

  /// The first line of `records.csv`.
  static let csvHead = Array((columns.joined(separator: ",") + "\r\n").utf8)

  private enum Cell {
    case number(Int64)
    case text(String)
    /// State 0 of the encoding.
    case none
  }

  private let cells: [Cell]

  init(_ stored: StoredRecord, stationName: String) {
    let record = stored.record
    cells = [
      .number(stored.sequence), .text(ExportText.time(stored.wall)), .number(stored.wall),
      .number(stored.monotonic.nanoseconds), .text(Hexadecimal.text(stored.boot.bytes)),
      .text(stored.line), .number(Int64(record.kind.rawValue)), .text(record.kind.word),
      .number(Int64(record.station)), .text(stationName), .number(Int64(record.unit)),
      .number(Int64(record.batch)), .number(Int64(record.row)), .number(Int64(record.code)),
      .text(record.codeWord), .number(Int64(record.number)),
      record.state.map { .number(Int64($0.rawValue)) } ?? .none,
      .text(record.state?.word ?? ""), .text(Hexadecimal.text(record.raw)),
      .text(ExportText.visible(record.raw)), .text(record.actor), .text(record.detail),
      .text(stored.hash.description),
    ]
  }

  /// The line of JSON, with its line feed.
  var json: [UInt8] { json(after: nil) }

  /// The same, with the hash before it where the record before is not in the line above.
  func json(after before: ChainHash?) -> [UInt8] {
    var bytes: [UInt8] = [UInt8(ascii: "{")]
    for (column, cell) in zip(RecordLines.columns, cells) {
      if bytes.count > 1 { bytes.append(UInt8(ascii: ",")) }
      ExportText.json(column, to: &bytes)
      bytes.append(UInt8(ascii: ":"))
      switch cell {
      case .number(let number): bytes += "\(number)".utf8
      case .text(let text): ExportText.json(text, to: &bytes)
      case .none: bytes += "null".utf8
      }
    }
    if let before {
      bytes += ",\"before\":".utf8
      ExportText.json(before.description, to: &bytes)
    }
    bytes += [UInt8(ascii: "}"), 0x0A]
    return bytes
  }

  /// The line of CSV, with CR LF.
  var csv: [UInt8] {
    var bytes: [UInt8] = []
    for (index, cell) in cells.enumerated() {
      if index > 0 { bytes.append(UInt8(ascii: ",")) }
      switch cell {
      case .number(let number): bytes += "\(number)".utf8
      case .text(let text): ExportText.csv(text, to: &bytes)
      case .none: break
      }
    }
    bytes += [0x0D, 0x0A]
    return bytes
  }
}

extension Line.Record {
  /// What `code` says in this kind of record; empty where it says nothing.
  var codeWord: String {
    switch kind {
    case .verdict, .withdrawn: Verdict(rawValue: code)?.phrase ?? ""
    case .outcome: Outcome(rawValue: code)?.phrase ?? ""
    case .permitWithdrawn, .stopReason: StopReason(rawValue: code)?.phrase ?? ""
    case .alarmRaised, .alarmReturned, .alarmAcknowledged, .alarmReset, .alarmShelved,
      .alarmUnshelved, .alarmOutOfService, .alarmInService, .alarmRemarked:
      AlarmKind(rawValue: code)?.word ?? ""
    case .signed: Signature(encoded: raw)?.subject.word ?? ""
    case .signatureRefused: SignatureRefusal(rawValue: code)?.phrase ?? ""
    case .alarmFlood: code == 1 ? "begins" : "ends"
    case .serialChanged: SerialAct(rawValue: code)?.word ?? ""
    case .epoch, .linkUp: "epoch"
    default: ""
    }
  }
}

/// Names of stations by the places in the last start, which is what records mean by a station's number.
struct StationNames {
  /// Every name that came, in the order of coming.
  private(set) var all: [String] = []
  private var places: [Int] = []

  /// Takes a record of a start.
  mutating func take(_ record: Line.Record) {
    places = String(decoding: record.raw, as: UTF8.self).split(
      separator: "\n", omittingEmptySubsequences: false
    ).map { name in
      if let place = all.firstIndex(of: String(name)) { return place }
      all.append(String(name))
      return all.count - 1
    }
  }

  /// Where a station stands in `all`, nil for the line as a whole and for one that no start named.
  func place(_ station: Int16) -> Int? {
    station >= 0 && Int(station) < places.count ? places[Int(station)] : nil
  }

  /// A station's name, empty for the line as a whole.
  func name(_ station: Int16) -> String { place(station).map { all[$0] } ?? "" }
}
