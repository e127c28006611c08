import Simulation

/// A daemon's side of the registers, as small as it can be: what the tests need to make the simulated PLC work.
struct StandInHost {
  var heartbeat: UInt16 = 0
  var permit: UInt16 = 0
  var sequence: UInt16 = 0
  var outcome: UInt16 = 0
  var epoch: UInt16 = 0
  var hostBase = 0
  var plcBase = 100
  var slots = 16

  /// Takes over the PLC's epoch, begins both rings anew.
  mutating func join(_ plc: inout SimulatedPLC) throws {
    epoch = plc.epoch
    sequence = 0
    outcome = 0
    permit = 0
    // A ring of 32 slots is longer than one telegram may write.
    for slot in 0..<slots { try plc.write(hostBase + 16 + 4 * slot, [0, 0, 0, 0]) }
    try beat(&plc)
  }

  /// Offsets 0-9 in one telegram, the heartbeat moved.
  mutating func beat(_ plc: inout SimulatedPLC) throws {
    heartbeat &+= 1
    try plc.write(hostBase, [1, heartbeat, permit, 0, 0, 0, 0, 0, outcome, epoch])
  }

  mutating func verdict(_ verdict: UInt16, unit: UInt16, _ plc: inout SimulatedPLC) throws {
    sequence = RegisterMap.next(sequence)
    let check = RegisterMap.check(sequence: sequence, unit: unit, word: verdict, epoch: epoch)
    let offset = RegisterMap.slotOffset(sequence, slots: slots)
    try plc.write(hostBase + offset, [sequence, unit, verdict, check])
  }

  /// Takes all outcomes in sequence; acknowledged with the next beat.
  mutating func takeOutcomes(_ plc: SimulatedPLC) throws -> [(unit: UInt16, outcome: UInt16)] {
    var taken: [(unit: UInt16, outcome: UInt16)] = []
    for _ in 0..<slots {
      let next = RegisterMap.next(outcome)
      let slot = Array(
        try plc.read(plcBase + RegisterMap.slotOffset(next, slots: slots), count: 4))
      guard slot[0] == next,
        slot[3]
          == RegisterMap.check(sequence: slot[0], unit: slot[1], word: slot[2], epoch: epoch)
      else { break }
      outcome = next
      taken.append((unit: slot[1], outcome: slot[2]))
    }
    return taken
  }
}

/// A PLC and a host, moved on scan by scan.
struct Bench {
  var plc: SimulatedPLC
  var host = StandInHost()
  var now: Nanoseconds = 0
  var events: [SimulatedPLC.Event] = []

  init(slots: Int = 16, epoch: UInt16 = 7, tears: Bool = false) throws {
    var settings = SimulatedPLC.Settings()
    settings.slots = slots
    settings.tearsOutcomes = tears
    plc = SimulatedPLC(settings)
    host.slots = slots
    plc.start(now: 0, epoch: epoch)
    try host.join(&plc)
  }

  /// One scan; with a beat of the host before it unless told otherwise.
  mutating func turn(beat: Bool = true) throws {
    if beat { try host.beat(&plc) }
    now += plc.settings.scanCycle
    events += plc.scan(now: now)
  }

  /// A unit at the read station; 0 without power.
  mutating func trigger() -> UInt16 { plc.trigger() ?? 0 }

  mutating func release() throws {
    host.permit = 0
    try turn()
    host.permit = 1
    try turn()
  }

  func own(_ offset: Int) throws -> UInt16 { try plc.read(100 + offset, count: 1).first ?? 0 }
}
