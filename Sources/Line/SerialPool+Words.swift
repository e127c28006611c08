/// What is decided about a serial's word, each a function of the word alone.
///
/// Every change of a word in the program is one of these put through `SerialPool.change`.
extension SerialPool.Word {
  /// What a pack with this serial gets, before print order and grade are looked at (contract, "Verdicts").
  var verdict: Verdict {
    switch state {
    case .allocated: hold ? .stateForbids : .accept
    case .encoded, .commissioned, .inDoubt: hold ? .stateForbids : .duplicate
    case .serialInvalid, .labelSampled, .labelScrapped, .sampled, .inactive, .destroyed, .released:
      .stateForbids
    }
  }

  /// The word once a unit has taken the serial, nil when it may not.
  func taken(as state: SerialState, station: Int, unit: UInt16) -> SerialPool.Word? {
    guard verdict == .accept else { return nil }
    return SerialPool.Word(
      state: state, station: UInt8(truncatingIfNeeded: station), unit: unit)
  }

  /// Whether it is reserved to a unit that has no end yet.
  func isReserved(station: Int, unit: UInt16) -> Bool {
    state == .encoded && self.unit == unit && self.station == UInt8(truncatingIfNeeded: station)
  }

  /// What a serial is after all records that name it, in order.
  public static func after(_ records: some Sequence<Record>) -> SerialPool.Word {
    records.reduce(SerialPool.Word(state: .allocated)) { word, record in
      record.state.map { word.after(record, state: $0, station: Int(record.station)) } ?? word
    }
  }

  /// The word after a record that names a state.
  func after(_ record: Record, state: SerialState, station: Int) -> SerialPool.Word {
    guard record.kind == .serialChanged else {
      return SerialPool.Word(
        state: state, hold: hold, station: UInt8(truncatingIfNeeded: station), unit: record.unit)
    }
    // A person changes what a serial is, not which unit it belongs to; a hold not even that.
    let act = SerialAct(rawValue: record.code)
    return SerialPool.Word(
      state: act == .hold || act == .unhold ? self.state : state,
      hold: act == .hold || (hold && act != .unhold), station: self.station, unit: unit)
  }
}
