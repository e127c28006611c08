/// Read station, gate and the two rings.
extension SimulatedPLC {
  // MARK: Read station and gate

  /// The photo eye of the read station sees a unit: it gets its number, which the next scan publishes.
  ///
  /// - Returns: nil without power; then nobody counts it, and the gate rejects it.
  public mutating func trigger() -> UInt16? {
    guard isPowered else { return nil }
    unitCount = RegisterMap.next(unitCount)
    held.append(HeldUnit(number: unitCount))
    return unitCount
  }

  /// A unit stands before the gate: pass only with an accept that stands, and only while an outcome has room.
  ///
  /// - Parameter number: nil for a unit that this start of the PLC has not counted.
  /// - Returns: what the gate does; a reject for every unit that the PLC does not know.
  public mutating func gate(_ number: UInt16?) -> GateDecision {
    guard isPowered, let index = held.firstIndex(where: { $0.number == number }) else {
      return .reject
    }
    let hasRoom = outcomesUnrecorded < settings.slots - 1
    let decision: GateDecision = held[index].standing == .accepted && hasRoom ? .pass : .reject
    held[index].gate = decision
    return decision
  }

  /// The sensors behind the gate tell what became of a unit; the next scan with room in the ring reports it.
  ///
  /// A reject of a unit without any verdict is reported as such (6). Not counted units are nobody's.
  public mutating func ended(_ number: UInt16?, as seen: Outcome) {
    guard isPowered, let index = held.firstIndex(where: { $0.number == number }) else { return }
    let unit = held.remove(at: index)
    guard settings.reportsOutcomes else { return }
    let outcome: Outcome =
      seen == .rejected && unit.standing == .unjudged ? .noVerdictInTime : seen
    unwritten.append((unit: unit.number, outcome: outcome))
  }

  /// The PLC no longer knows which unit is where: the next scan forgets all accepts.
  public mutating func losePosition() { positionIsLost = true }

  /// Also an accept that is still on its way may not count: it names a pack that may lie somewhere else by now.
  mutating func forgetAccepts(_ events: inout [Event]) {
    var any = false
    for index in held.indices where held[index].gate == nil {
      switch held[index].standing {
      case .accepted, .unjudged:
        held[index].standing = .forgotten
        any = true
      case .refused, .forgotten: break
      }
    }
    if any { events.append(.acceptsForgotten) }
  }

  // MARK: Verdicts in

  mutating func takeVerdicts(_ events: inout [Event]) {
    // A ring holds at most slots - 1 that were not taken; the bound also ends a ring of lucky garbage.
    for _ in 1..<settings.slots {
      let sequence = RegisterMap.next(verdictTaken)
      let offset = RegisterMap.slotOffset(sequence, slots: settings.slots)
      let unit = host(offset + 1)
      let verdict = host(offset + 2)
      guard host(offset) == sequence,
        host(offset + 3)
          == RegisterMap.check(sequence: sequence, unit: unit, word: verdict, epoch: epoch)
      else { return }
      verdictTaken = sequence
      let held = obey(verdict, for: unit)
      events.append(
        .verdictTaken(sequence: sequence, unit: unit, verdict: verdict, held: held))
    }
  }

  /// Notes a verdict; false when no unit of this number is between read station and gate.
  private mutating func obey(_ verdict: UInt16, for number: UInt16) -> Bool {
    guard let index = held.firstIndex(where: { $0.number == number }), held[index].gate == nil
    else { return false }
    switch (held[index].standing, verdict) {
    case (.unjudged, VerdictNumber.accept): held[index].standing = .accepted
    case (_, VerdictNumber.accept): break
    case (_, _): held[index].standing = .refused(verdict)
    }
    return true
  }

  // MARK: Outcomes out

  mutating func takeRecorded(_ events: inout [Event]) {
    let said = host(RegisterMap.Host.outcomeRecorded)
    // Only what lies between the last one said and the last one written can be true; 0 stands for none yet.
    let steps = RegisterMap.steps(from: outcomeRecorded, to: said)
    guard said <= RegisterMap.numberMax, said != 0, steps > 0,
      steps <= RegisterMap.steps(from: outcomeRecorded, to: outcomeWritten)
    else { return }
    outcomeRecorded = said
    events.append(.outcomeRecorded(said))
  }

  mutating func writeOutcomes(_ events: inout [Event]) {
    if let sequence = halfWritten {
      // The second half of a torn write.
      halfWritten = nil
      guard let first = unwritten.first else { return }
      unwritten.removeFirst()
      writeSlot(sequence, first.unit, first.outcome, from: 2)
      outcomeWritten = sequence
      events.append(
        .outcomeWritten(sequence: sequence, unit: first.unit, outcome: first.outcome.rawValue))
    }
    while let first = unwritten.first,
      RegisterMap.steps(from: outcomeRecorded, to: outcomeWritten) < settings.slots - 1
    {
      let sequence = RegisterMap.next(outcomeWritten)
      if settings.tearsOutcomes {
        writeSlot(sequence, first.unit, first.outcome, from: 0, to: 2)
        halfWritten = sequence
        break
      }
      unwritten.removeFirst()
      writeSlot(sequence, first.unit, first.outcome, from: 0)
      outcomeWritten = sequence
      events.append(
        .outcomeWritten(sequence: sequence, unit: first.unit, outcome: first.outcome.rawValue))
    }
  }

  private mutating func writeSlot(
    _ sequence: UInt16, _ unit: UInt16, _ outcome: Outcome, from: Int, to: Int = 4
  ) {
    let words = [
      sequence, unit, outcome.rawValue,
      RegisterMap.check(sequence: sequence, unit: unit, word: outcome.rawValue, epoch: epoch),
    ]
    let offset = RegisterMap.slotOffset(sequence, slots: settings.slots)
    for index in from..<to { setOwn(offset + index, words[index]) }
  }

  // MARK: Modbus

  /// Why a request is refused; the raw value is the Modbus exception code.
  public enum Refusal: UInt8, Error, Sendable, Hashable {
    /// The function is not known.
    case illegalFunction = 1
    /// A register that is not there, or not the host's to write.
    case illegalAddress = 2
    /// A count that the protocol forbids.
    case illegalValue = 3
  }

  /// Function 3: so many holding registers from an address.
  public func read(_ address: Int, count: Int) throws(Refusal) -> ArraySlice<UInt16> {
    guard (1...125).contains(count) else { throw .illegalValue }
    guard address >= 0, address + count <= registers.count else { throw .illegalAddress }
    return registers[address..<(address + count)]
  }

  /// Functions 6, 16 and 23: writes host registers, all or none.
  public mutating func write(_ address: Int, _ values: [UInt16]) throws(Refusal) {
    guard (1...123).contains(values.count) else { throw .illegalValue }
    let end = settings.hostBase + RegisterMap.blockCount(slots: settings.slots)
    guard settings.hostBase <= address, address + values.count <= end else {
      foreignWrites += 1
      throw .illegalAddress
    }
    for (index, value) in values.enumerated() { registers[address + index] = value }
  }
}
