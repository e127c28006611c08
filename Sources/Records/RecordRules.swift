internal import Line

/// What records may do to batches and serials (contract, "What becomes of a serial"), followed record by record.
///
/// The hashes show that records are those that were written; this shows that what was written obeys the laws: no serial
/// accepted twice, no accept without a running batch and a permit.
struct RecordRules {
  /// One batch; a class, because its states are too many to be copied when one of them changes.
  private final class Batch {
    var state: BatchState
    var count: Int
    /// One byte a serial; of closed batches nothing is kept.
    var states: [UInt8]
    /// Which unit holds an encoded serial: station, then unit.
    var holders: [Int32: UInt32] = [:]
    /// What the print feed has named; empty where another one says the order, and of closed batches.
    var printed: [Bool]
    /// Serials that people did something with after the close, as it left them.
    var statesAfterClose: [Int32: SerialState] = [:]
    /// The last record that changed it: a signature over it covers this one, or a later one.
    var changedBy: Int64 = 0

    init(count: Int, isFed: Bool) {
      state = .open
      self.count = count
      states = [UInt8](repeating: SerialState.allocated.rawValue, count: count)
      printed = [Bool](repeating: false, count: isFed ? count : 0)
    }
  }

  private var batches: [UInt32: Batch] = [:]
  private var ids: Set<String> = []
  private var isPermitted = false
  /// Station numbers are places in the list that the last start named; names last.
  private var stationNames: [String] = []
  private var places: [UInt32] = []
  /// Each change of the signing key, by the record of it.
  private(set) var keyChanges: [(sequence: Int64, change: KeyChange)] = []
  /// What each signature covers, by the record of it.
  private(set) var covered: [(sequence: Int64, covers: Int64, hash: ChainHash)] = []

  init() {}

  /// Begins after records that were put into an archive; all their batches are closed, and the line stood.
  init(archived state: LineState) {
    for batch in state.batches {
      let closed = Batch(count: batch.poolCount, isFed: false)
      closed.state = .closed
      closed.states = []
      batches[batch.number] = closed
      ids.insert(batch.id)
    }
    stationNames = state.stationNames
    places = stationNames.indices.map { UInt32($0) }
  }

  /// Takes the next record; returns the description of a batch that it opens, and throws what it breaks.
  mutating func take(
    _ numbers: RecordEncoder.Numbers, _ row: RecordRow
  ) throws(RecordRow.Malformed) -> BatchDescription? {
    guard let kind = Record.Kind(rawValue: numbers.kind) else {
      throw .init(what: "kind \(numbers.kind) is not known")
    }
    var state: SerialState?
    if numbers.state != 0 {
      state = SerialState(rawValue: numbers.state)
      guard state != nil else { throw .init(what: "state \(numbers.state) is not known") }
    }
    switch kind {
    case .started:
      isPermitted = false
      let names = String(decoding: try row.raw(), as: UTF8.self)
        .split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
      places = names.map { name in
        if let place = stationNames.firstIndex(of: name) { return UInt32(place) }
        stationNames.append(name)
        return UInt32(stationNames.count - 1)
      }
    case .permitGiven: isPermitted = true
    case .permitWithdrawn, .stopped: isPermitted = false
    case .batchOpened: return try open(numbers, row)
    case .batchStarted: try move(numbers, from: [.open, .paused], to: .running)
    case .batchPaused: try move(numbers, from: [.running], to: .paused)
    case .batchClosed:
      try move(numbers, from: [.open, .running, .paused], to: .closed)
      batches[numbers.batch]?.states = []
      batches[numbers.batch]?.holders = [:]
      batches[numbers.batch]?.printed = []
    case .printed: try takePrinted(numbers, Array(try row.raw()))
    case .verdict, .withdrawn, .outcome, .outcomeMissing, .acceptTaken, .serialChanged:
      try takeUnit(kind, numbers, state)
      return nil
    case .strayRead, .stopReason, .stopConfirmed, .epoch, .linkUp, .linkDown, .scannerOnline,
      .scannerOffline, .printFeedOnline, .printFeedOffline, .trackingDoubt, .trackingInStep,
      .alarmRaised, .alarmReturned, .alarmAcknowledged, .alarmReset, .alarmShelved,
      .alarmUnshelved, .alarmOutOfService, .alarmInService, .alarmFlood, .alarmRemarked,
      .commandRefused, .reloaded,
      .exported, .settings, .archived, .challengeStarted, .challengeConfirmed, .challengeEnded,
      .strayReadsSkipped, .secondStop, .secondStopEnded, .scannerTaught, .caseOpened, .caseStepDone,
      .caseAnswered, .caseNotified, .caseScoped, .caseClock, .caseEvidence, .caseScanned,
      .caseClosed, .caseNoted, .signatureRefused, .signerLocked:
      break
    case .keyChanged: try takeKey(numbers, row)
    case .signed: try takeSignature(numbers, row)
    }
    guard state == nil else {
      throw .init(what: "a record of kind \(kind.word) gives a serial a state")
    }
    if numbers.batch != 0, kind != .exported {
      batches[numbers.batch]?.changedBy = numbers.sequence
    }
    return nil
  }

  /// A signature stands where it was given: it says what the record says, and nothing became of its subject between the
  /// record that it covers and itself, so that a copy of it fits nowhere else (21 CFR 11.70).
  private mutating func takeSignature(
    _ numbers: RecordEncoder.Numbers, _ row: RecordRow
  ) throws(RecordRow.Malformed) {
    let batch = batches[numbers.batch]
    guard let signature = Signature(encoded: Array(try row.raw())),
      let hash = ChainHash(signature.coveredHash)
    else { throw .init(what: "its signature cannot be read") }
    let meaning = Array(try row.detail())
    var isOwn =
      signature.subject.code == numbers.code && signature.subject.number == numbers.number
      && Array(signature.meaning.utf8) == meaning
    if case .batch(let number) = signature.subject {
      isOwn = isOwn && number == numbers.batch && batch != nil
    } else {
      isOwn = isOwn && numbers.batch == 0
    }
    guard isOwn, signature.coveredSequence < numbers.sequence else {
      throw .init(what: "the signature of \(signature.name) in it was given for something else")
    }
    guard batch.map({ $0.changedBy <= signature.coveredSequence }) ?? true else {
      throw .init(
        what: "the signature of \(signature.name) covers record \(signature.coveredSequence), and "
          + "\(signature.subject.word) \(numbers.number) was changed between that and the signature"
      )
    }
    covered.append((numbers.sequence, signature.coveredSequence, hash))
  }

  private mutating func takeKey(
    _ numbers: RecordEncoder.Numbers, _ row: RecordRow
  ) throws(RecordRow.Malformed) {
    guard let change = KeyChange(encoded: try row.raw()) else {
      throw .init(what: "it changes the signing key and names none")
    }
    if let before = keyChanges.last?.change.new, let old = change.old, old != before {
      throw .init(
        what: "it names another signing key as the one before than \(before.shortName)")
    }
    keyChanges.append((numbers.sequence, change))
  }

  private mutating func open(
    _ numbers: RecordEncoder.Numbers, _ row: RecordRow
  ) throws(RecordRow.Malformed) -> BatchDescription {
    let description: BatchDescription
    let encoded = Array(try row.raw())
    do throws(BatchDescription.Malformed) {
      description = try BatchDescription(encoded: encoded)
    } catch {
      throw .init(what: error.description)
    }
    guard numbers.batch > 0, batches[numbers.batch] == nil, ids.insert(description.id).inserted
    else { throw .init(what: "it opens a batch whose number or id was used before") }
    batches[numbers.batch] = Batch(
      count: description.count, isFed: description.printed == .feed)
    batches[numbers.batch]?.changedBy = numbers.sequence
    return description
  }

  private mutating func move(
    _ numbers: RecordEncoder.Numbers, from states: [BatchState], to state: BatchState
  ) throws(RecordRow.Malformed) {
    guard let batch = batches[numbers.batch] else {
      throw .init(what: "it names batch \(numbers.batch), which was not opened")
    }
    guard states.contains(batch.state) else {
      throw .init(
        what: "batch \(numbers.batch) was \(batch.state.word) and cannot be \(state.word) then")
    }
    if state == .running, batches.values.contains(where: { $0.state == .running }) {
      throw .init(what: "two batches would be running")
    }
    batch.state = state
  }

  /// Serials are printed while their batch runs, once, and before anything becomes of them.
  private mutating func takePrinted(
    _ numbers: RecordEncoder.Numbers, _ raw: [UInt8]
  ) throws(RecordRow.Malformed) {
    guard let batch = batches[numbers.batch], batch.state == .running else {
      throw .init(
        what: "it names serials as printed of batch \(numbers.batch), which is not running")
    }
    guard let rows = PrintOrder.rows(encoded: raw), rows.count == Int(numbers.number) else {
      throw .init(what: "its list of printed serials is damaged")
    }
    for row in rows {
      guard row >= 0, batch.printed.indices.contains(Int(row)) else {
        throw .init(
          what: "it names serial \(row) as printed, which is none of a batch with a print feed")
      }
      guard !batch.printed[Int(row)], batch.states[Int(row)] == SerialState.allocated.rawValue
      else {
        throw .init(what: "it names serial \(row) as printed, which it was already or may not be")
      }
      batch.printed[Int(row)] = true
    }
  }

  /// People go on with the serials of a closed batch; what one of them was at the close is not kept, but what was done to it
  /// since is.
  private func takeAfterClose(
    _ kind: Record.Kind, _ numbers: RecordEncoder.Numbers, _ state: SerialState, _ batch: Batch
  ) throws(RecordRow.Malformed) {
    guard kind == .serialChanged else { return }
    let act = SerialAct(rawValue: numbers.code)
    let before = batch.statesAfterClose[numbers.row].map { [$0] } ?? SerialState.allCases
    guard before.contains(where: { act?.state(after: $0) == state }) else {
      throw .init(
        what: "act \(numbers.code) may not make serial \(numbers.row) of the closed batch "
          + "\(numbers.batch) \(state.word)"
          + (before.count == 1 ? ", which was \(before[0].word)" : ""))
    }
    batch.statesAfterClose[numbers.row] = state
  }

  private mutating func takeUnit(
    _ kind: Record.Kind, _ numbers: RecordEncoder.Numbers, _ state: SerialState?
  ) throws(RecordRow.Malformed) {
    let accepts = kind == .verdict && numbers.code == Verdict.accept.rawValue
    if kind == .verdict || kind == .withdrawn {
      guard Verdict(rawValue: numbers.code) != nil else {
        throw .init(what: "verdict \(numbers.code) is not known")
      }
    }
    if accepts {
      guard isPermitted else {
        throw .init(what: "it accepts a unit while the line was not permitted")
      }
      guard numbers.row >= 0, state != nil else {
        throw .init(what: "it accepts a unit without a serial")
      }
    }
    guard numbers.batch != 0 else {
      guard numbers.row < 0, state == nil else {
        throw .init(what: "it names a serial of no batch")
      }
      return
    }
    guard let batch = batches[numbers.batch] else {
      throw .init(what: "it names batch \(numbers.batch), which was not opened")
    }
    guard Int(numbers.row) < batch.count else {
      throw .init(what: "batch \(numbers.batch) has no serial \(numbers.row)")
    }
    batch.changedBy = numbers.sequence
    if accepts && batch.state != .running {
      throw .init(
        what: "it accepts a unit of batch \(numbers.batch), which was \(batch.state.word)")
    }
    guard let state else { return }
    guard numbers.row >= 0 else { throw .init(what: "it gives a state to no serial") }
    guard batch.state != .closed else {
      try takeAfterClose(kind, numbers, state, batch)
      return
    }
    let index = Int(numbers.row)
    let before = SerialState(rawValue: batch.states[index]) ?? .inDoubt
    let station = numbers.station >= 0 ? Int(numbers.station) : places.count
    let place = station < places.count ? places[station] : UInt32(station) | 0x8000
    let holder = place << 16 | UInt32(numbers.unit)
    let isOwn = before == .encoded && batch.holders[numbers.row] == holder
    let isAllowed: Bool
    switch (kind, state) {
    case (.verdict, .encoded), (.verdict, .commissioned):
      isAllowed = accepts && before == .allocated
    case (.withdrawn, .inactive): isAllowed = isOwn
    case (.outcome, .commissioned):
      isAllowed = isOwn && numbers.code == Outcome.passed.rawValue
    case (.outcome, .inactive):
      let outcome = Outcome(rawValue: numbers.code)
      isAllowed = isOwn && [.rejected, .takenByHand, .noVerdictInTime].contains(outcome)
    case (.outcome, .inDoubt), (.outcomeMissing, .inDoubt): isAllowed = true
    // An accept that a station without outcomes took after the unit had been given up.
    case (.acceptTaken, .commissioned): isAllowed = isOwn || before == .inDoubt
    case (.serialChanged, _):
      isAllowed = SerialAct(rawValue: numbers.code)?.state(after: before) == state
    default: isAllowed = false
    }
    guard isAllowed else {
      throw .init(
        what:
          "a record of kind \(kind.word), code \(numbers.code), may not make serial \(numbers.row) of batch "
          + "\(numbers.batch) \(state.word), which was \(before.word)")
    }
    // A hold leaves an encoded serial with its unit.
    if kind == .serialChanged && state == before { return }
    batch.states[index] = state.rawValue
    batch.holders[numbers.row] = state == .encoded ? holder : nil
  }
}
