/// What a person does with one serial beside the way of a read: samples, scrap, holds, units in doubt.
///
/// Numbers stand in the records (`Record.Kind.serialChanged`) and are never used again for something else. States are
/// those of OPEN-SCS PSS (OPC 30260).
public enum SerialAct: UInt16, Sendable, CaseIterable {
  /// A label or pack was taken as a sample.
  case sample = 1
  /// A label was scrapped before it was on a pack.
  case scrap = 2
  /// A pack was destroyed; its serial never comes back.
  case destroy = 3
  /// A commissioned pack left the batch: its serial is no longer in trade.
  case decommission = 4
  /// A serial that was never used goes back to where it came from.
  case giveBack = 5
  /// No station passes it until the hold is taken off.
  case hold = 6
  /// The hold is taken off.
  case unhold = 7
  /// A pack in doubt was found and scanned again: it is where good packs are.
  case found = 8
  /// A pack in doubt was found, or is known to be gone, and taken out.
  case remove = 9

  /// The word on the command line.
  public var word: String {
    switch self {
    case .sample: "sample"
    case .scrap: "scrap"
    case .destroy: "destroy"
    case .decommission: "decommission"
    case .giveBack: "return"
    case .hold: "hold"
    case .unhold: "unhold"
    case .found: "found"
    case .remove: "remove"
    }
  }

  /// The act of a word of the command line; nil for any other.
  public init?(word: some StringProtocol) {
    guard let act = SerialAct.allCases.first(where: { $0.word == word }) else { return nil }
    self = act
  }

  /// What the act makes of a serial; nil where the state does not allow it.
  ///
  /// An `encoded` serial belongs to a unit between scanner and gate: only the gate says what becomes of it.
  public func state(after state: SerialState) -> SerialState? {
    switch (self, state) {
    case (.sample, .allocated): .labelSampled
    case (.sample, .commissioned): .sampled
    case (.scrap, .allocated), (.scrap, .labelSampled): .labelScrapped
    case (.destroy, .commissioned), (.destroy, .sampled), (.destroy, .inactive),
      (.destroy, .inDoubt), (.destroy, .labelSampled), (.destroy, .labelScrapped):
      .destroyed
    case (.decommission, .commissioned), (.decommission, .sampled): .inactive
    case (.giveBack, .allocated): .serialInvalid
    case (.found, .inDoubt): .commissioned
    case (.remove, .inDoubt): .inactive
    case (.hold, .destroyed), (.unhold, .destroyed): nil
    case (.hold, _), (.unhold, _): state
    default: nil
    }
  }

  /// What has to be so before the act is allowed, for whoever was refused.
  public var condition: String {
    switch self {
    case .sample: "only an allocated serial (its label) or a commissioned one can be sampled"
    case .scrap: "only the label of an allocated or label-sampled serial can be scrapped"
    case .destroy:
      "only a pack that is commissioned, sampled, inactive or in doubt, or a label out of use, can be destroyed"
    case .decommission: "only a commissioned or sampled pack can be decommissioned"
    case .giveBack: "only a serial that was never used can be returned"
    case .hold, .unhold: "a destroyed serial is on no hold"
    case .found, .remove: "only a pack in doubt is resolved"
    }
  }
}

/// A serial of a closed batch, as the records had it when it was looked up.
public struct ClosedSerial: Sendable, Hashable {
  /// Number of its batch.
  public var batch: UInt32
  /// `Batch.changes` before the look-up began; another number by now makes it stale.
  public var changes: Int
  /// Row in the batch's serial file.
  public var row: Int32
  /// The serial.
  public var serial: [UInt8]
  /// State and hold by the records; nil when they are in an archive, and the line changes nothing of it any more.
  public var word: SerialPool.Word?

  /// Joins a serial and what it is good for.
  public init(batch: UInt32, changes: Int, row: Int32, serial: [UInt8], word: SerialPool.Word?) {
    self.batch = batch
    self.changes = changes
    self.row = row
    self.serial = serial
    self.word = word
  }
}

extension LineController {
  /// Carries out what a person does with a serial; the serial is found in the pools of the open batches.
  ///
  /// For `found`, `evidence` is the new scan as it came, and has to be a good code of this very pack.
  mutating func serial(
    _ id: UInt64, _ act: SerialAct, _ serial: [UInt8], gtin: String?, evidence: [UInt8],
    reason: String, actor: String
  ) {
    let what = "serial \(act.word) \(String(decoding: serial, as: UTF8.self))"
    let hits = batches.indices.compactMap { index -> (batch: Int, row: Int32)? in
      guard gtin == nil || batches[index].gtin == gtin else { return nil }
      return batches[index].pool?.row(of: serial.span).map { (index, $0) }
    }
    guard let hit = hits.first, let pool = batches[hit.batch].pool else {
      answer(id, .unknown("no batch that is open has this serial"))
      return
    }
    guard hits.count == 1 else {
      let gtins = hits.map { batches[$0.batch].gtin }.joined(separator: ", ")
      refuse(
        id, what, "the serial is known for several GTINs (\(gtins)): say which", actor: actor)
      return
    }
    carryOut(
      id, act, batch: hit.batch, row: hit.row, serial: serial, word: pool.word(at: hit.row),
      evidence: evidence, reason: reason, actor: actor)
  }

  /// Carries out what a person does with a serial of a closed batch, whose pool is no longer in memory.
  ///
  /// Counts and balances of the batch stay as of its close; the record tells the rest.
  mutating func serial(
    _ id: UInt64, _ act: SerialAct, of closed: ClosedSerial, evidence: [UInt8], reason: String,
    actor: String
  ) {
    let what = "serial \(act.word) \(String(decoding: closed.serial, as: UTF8.self))"
    if let archive = archive(of: closed.batch) {
      refuse(
        id, what,
        "the records of its batch are in \(archive.folder), and the line changes nothing of an archived batch",
        actor: actor)
      return
    }
    guard let index = batchIndex(closed.batch), batches[index].state == .closed,
      batches[index].changes == closed.changes, let word = closed.word
    else {
      refuse(
        id, what, "its batch changed while the serial was looked up; try again", actor: actor)
      return
    }
    carryOut(
      id, act, batch: index, row: closed.row, serial: closed.serial, word: word,
      evidence: evidence, reason: reason, actor: actor)
  }

  private mutating func carryOut(
    _ id: UInt64, _ act: SerialAct, batch index: Int, row: Int32, serial: [UInt8],
    word: SerialPool.Word, evidence: [UInt8], reason: String, actor: String
  ) {
    let text = String(decoding: serial, as: UTF8.self)
    let what = "serial \(act.word) \(text)"
    let batch = batches[index]
    guard let state = act.state(after: word.state) else {
      refuse(id, what, "it is \(word.state.word); \(act.condition)", actor: actor)
      return
    }
    if act == .hold && word.hold || act == .unhold && !word.hold {
      refuse(id, what, "it is \(word.hold ? "" : "not ")on hold", actor: actor)
      return
    }
    if act == .found {
      guard !word.hold else {
        refuse(id, what, "it is on hold; take the hold off first", actor: actor)
        return
      }
      let reading = Reading.of(
        evidence, scanner: LineController.handScanner, expected: batch.expected)
      guard case .serial(let read, _) = reading, read.elementsEqual(serial) else {
        var why = "it is the code of another pack"
        if case .refused(let verdict, let detail) = reading {
          why = verdict.phrase + (detail.isEmpty ? "" : " (\(detail))")
        }
        refuse(id, what, "the scan does not prove the pack: \(why)", actor: actor)
        return
      }
    }
    let record = Record(
      .serialChanged, batch: batch.number, row: row, code: act.rawValue, state: state,
      raw: evidence, actor: actor, detail: reason)
    emit(record)
    if act == .hold { withdrawAccept(batch: batch.number, row: row) }
    finish(id, "serial \(text) is \(word.after(record, state: state, station: -1).sentence)")
  }

  /// A pack put on hold between scanner and gate is not to pass.
  private mutating func withdrawAccept(batch: UInt32, row: Int32) {
    for index in stations.indices {
      for open in stations[index].openUnits
      where open.batch == batch && open.row == row && open.verdict == .accept && !open.isMissing {
        withdraw(open, station: index, .stateForbids)
      }
    }
  }

  /// A person's scanner: whatever symbology it names, the code must be this pack's.
  private static let handScanner = ScannerSettings(
    name: "by hand", noReads: [], requireSymbology: [], gradeSeparator: [])
}

extension SerialPool.Word {
  /// State and hold, for a sentence.
  fileprivate var sentence: String { state.word + (hold ? ", on hold" : "") }
}
