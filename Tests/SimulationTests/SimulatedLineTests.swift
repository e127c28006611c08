import Simulation
import Testing

/// A daemon's core as small as it can be, in virtual time: reads are matched to the unit that triggered last, and judged
/// by comparing them with what a good pack says.
private struct StandInDaemon {
  var host = StandInHost()
  var batch: PackedBatch
  var lastUnit: UInt16 = 0
  var judged: Set<UInt16> = []
  var accepted: Set<String> = []
  var frame: [UInt8] = []
  var acceptsAll = false
  var ends: [UInt16: UInt16] = [:]

  init(_ batch: PackedBatch) {
    self.batch = batch
    host.plcBase = 100
  }

  mutating func hear(_ bytes: [UInt8], _ plc: inout SimulatedPLC) throws {
    frame += bytes
    while let end = frame.firstIndex(of: 0x0A) {
      let message = Array(frame[..<end].dropLast())
      frame.removeFirst(end + 1)
      let unit = plc.lastUnit
      guard judged.insert(unit).inserted else { continue }
      try host.verdict(verdict(message), unit: unit, &plc)
    }
  }

  private mutating func verdict(_ message: [UInt8]) -> UInt16 {
    if acceptsAll { return 1 }
    if message == Array("NOREAD".utf8) { return 2 }
    guard message.starts(with: "]d2".utf8) else { return 14 }
    guard !message.contains(UInt8(ascii: ",")) else { return 3 }
    let text = String(decoding: message, as: UTF8.self)
    let head = "]d201" + batch.gtin
    guard text.hasPrefix("]d20") else { return text.hasPrefix("]d2HTTP") ? 4 : 5 }
    guard text.hasPrefix(head) else { return 5 }
    let tail = "\u{1D}17" + batch.expiry + "10" + batch.lot
    guard text.hasSuffix(tail) else {
      if text.hasSuffix(batch.expiry + "10" + batch.lot) { return 8 }
      return text.hasSuffix("10" + batch.lot) ? 7 : 6
    }
    let serial = String(text.dropFirst(head.count + 2).dropLast(tail.count))
    guard serial.hasPrefix("S") else { return 8 }
    return accepted.insert(serial).inserted ? 1 : 9
  }

  mutating func poll(_ plc: inout SimulatedPLC) throws {
    for taken in try host.takeOutcomes(plc) { ends[taken.unit] = taken.outcome }
    try host.beat(&plc)
  }
}

@Suite struct SimulatedLineTests {
  /// Runs a line with a stand-in until `units` have gone through.
  private func run(
    _ settings: SimulatedLine.Settings, seed: UInt64, units: Int,
    change: (inout StandInDaemon) -> Void = { _ in }
  ) throws -> (SimulatedLine, StandInDaemon) {
    var line = SimulatedLine(settings, seed: seed)
    var daemon = StandInDaemon(settings.batch)
    change(&daemon)
    try daemon.host.join(&line.plc)
    var now: Nanoseconds = 0
    for tick in 0..<(units * 20 + 2000) {
      now += .milliseconds(10)
      for chunk in line.step(to: now) { try daemon.hear(chunk.bytes, &line.plc) }
      if tick == 10 { daemon.host.permit = 1 }
      try daemon.poll(&line.plc)
      if line.truth.units.count >= units { line.setFed(false) }
      if line.isEmpty && !line.conveyor.isFed { return (line, daemon) }
    }
    Issue.record("the belt did not become empty: \(line.plc.causes)")
    return (line, daemon)
  }

  @Test func aCleanLinePassesAll() throws {
    let (line, daemon) = try run(SimulatedLine.Settings(), seed: 1, units: 100)
    #expect(line.truth.violations == [])
    #expect(line.truth.units.count == 100)
    #expect(line.truth.units.allSatisfy { $0.end == .passed && $0.outcome == .passed })
    #expect(daemon.ends.count == 100)
  }

  @Test(arguments: [1, 2, 3, 4, 5] as [UInt64])
  func badUnitsGoOffAndGoodOnesPass(_ seed: UInt64) throws {
    var settings = SimulatedLine.Settings()
    let faults: [UnitFault] = [
      .notGS1, .twoCodes, .wrongGTIN, .wrongLot, .wrongExpiry, .missingGTIN, .missingLot,
      .missingExpiry, .missingSerial, .unknownSerial, .duplicate, .notDataMatrix, .noRead,
      .dripFed, .takenByHand, .lost, .rejectNotSeen,
    ]
    for fault in faults { settings.mix[fault] = 30_000 }
    let (line, _) = try run(settings, seed: seed, units: 300)
    #expect(line.truth.violations == [])
    for unit in line.truth.units where unit.pack.fault == .none || unit.pack.fault == .dripFed {
      #expect(unit.end == .passed)
    }
    for unit in line.truth.units {
      #expect(unit.outcome != nil && unit.isRecorded)
      if unit.pack.fault == .lost { #expect(unit.end == .lost && unit.outcome == .lost) }
      if unit.pack.fault == .takenByHand { #expect(unit.outcome == .takenByHand) }
      if unit.pack.fault == .rejectNotSeen {
        #expect(unit.end == .rejected && unit.outcome == .rejectNotSeen)
      }
    }
    #expect(Set(line.truth.units.map(\.pack.fault)).count > 14)
  }

  @Test func theSameSeedGivesTheSameLine() throws {
    var settings = SimulatedLine.Settings()
    settings.mix = [.wrongLot: 100_000, .noRead: 50_000]
    let first = try run(settings, seed: 42, units: 150).0.truth.units
    let second = try run(settings, seed: 42, units: 150).0.truth.units
    let other = try run(settings, seed: 43, units: 150).0.truth.units
    #expect(first == second)
    #expect(first != other)
  }

  @Test func theLawsCanBreak() throws {
    // A daemon that accepts whatever is read: the truth must say so.
    var settings = SimulatedLine.Settings()
    settings.mix = [.wrongLot: 100_000, .duplicate: 100_000]
    let (line, _) = try run(settings, seed: 7, units: 100) { $0.acceptsAll = true }
    let sentences = line.truth.violations.map(\.sentence)
    #expect(sentences.contains { $0.contains("got verdict 1") })
    #expect(sentences.contains { $0.hasPrefix("bad unit") })
    #expect(sentences.contains { $0.contains("passed twice") })
  }

  @Test func thePermitsFallStopsTheBeltAfterItsCoast() throws {
    var line = SimulatedLine(seed: 1)
    var daemon = StandInDaemon(PackedBatch())
    try daemon.host.join(&line.plc)
    var now: Nanoseconds = 0
    func moves(_ line: SimulatedLine) -> Bool { line.conveyor.isMoving }
    for tick in 0..<100 {
      now += .milliseconds(10)
      _ = line.step(to: now)
      daemon.host.permit = tick < 10 ? 0 : 1
      try daemon.poll(&line.plc)
    }
    #expect(moves(line))
    #expect(line.plc.inputs.contains(.conveyorMoving))
    daemon.host.permit = 0
    try daemon.poll(&line.plc)
    _ = line.step(to: now + .milliseconds(150))
    #expect(moves(line), "it coasts")
    _ = line.step(to: now + .milliseconds(300))
    #expect(!moves(line))
    #expect(!line.plc.inputs.contains(.conveyorMoving))
  }

  @Test func aPLCRestartForgetsWhatIsOnTheBelt() throws {
    var line = SimulatedLine(seed: 3)
    var daemon = StandInDaemon(PackedBatch())
    try daemon.host.join(&line.plc)
    var now: Nanoseconds = 0
    for tick in 0..<120 {
      now += .milliseconds(10)
      for chunk in line.step(to: now) { try daemon.hear(chunk.bytes, &line.plc) }
      daemon.host.permit = tick < 10 ? 0 : 1
      try daemon.poll(&line.plc)
    }
    let onBelt = line.conveyor.unitsOnBelt
    #expect(onBelt >= 3)
    let epoch = line.plc.epoch
    line.setPower(false, now: now)
    _ = line.step(to: now + .seconds(1))
    line.setPower(true, now: now + .seconds(1))
    #expect(line.plc.epoch != epoch)
    #expect(line.truth.units.count { $0.isForgotten } >= onBelt)
    now += .seconds(1)
    daemon = StandInDaemon(PackedBatch())
    daemon.host.heartbeat = 1000
    try daemon.host.join(&line.plc)
    line.setFed(false)
    for tick in 0..<200 {
      now += .milliseconds(10)
      _ = line.step(to: now)
      daemon.host.permit = tick < 10 ? 0 : 1
      try daemon.poll(&line.plc)
    }
    #expect(line.isEmpty)
    #expect(line.truth.violations == [])
    for unit in line.truth.units where unit.isForgotten && unit.outcome == nil {
      #expect(unit.end == .rejected, "what the PLC does not know does not pass")
    }
  }

  // MARK: Parts

  @Test func theBeltKeepsItsPlacesOverAStop() {
    var settings = Conveyor.Settings()
    settings.pitchJitter = 0
    var conveyor = Conveyor(settings, random: SeededRandom(seed: 1))
    conveyor.drive(true, now: 0)
    var events: [Conveyor.Event] = []
    func run(to now: Nanoseconds) {
      while let event = conveyor.step(to: now) { events.append(event) }
    }
    run(to: .milliseconds(350))
    // 100 ms until it moves, then one unit each 100 ms.
    #expect(events.map(\.at) == [.milliseconds(200), .milliseconds(300)])
    conveyor.drive(false, now: .milliseconds(350))
    run(to: .seconds(5))
    #expect(conveyor.travelled == .milliseconds(450), "250 ms and 200 ms of coasting")
    #expect(!conveyor.isMoving && conveyor.nextEvent == nil)
    conveyor.drive(true, now: .seconds(5))
    run(to: .seconds(6))
    let gates = events.filter { $0.place == .gate && $0.unit == 0 }
    // Unit 0 stands 100 ms before the read station at first, 450 ms from there to the gate.
    #expect(gates.map(\.at) == [.milliseconds(5200)])
    let units = events.filter { $0.place == .readStation }.map(\.unit)
    #expect(units == Array(0..<units.count))
  }

  @Test func theScannerSaysWhatTheFaultIs() {
    var settings = SimulatedScanner.Settings()
    settings.jitter = 0
    settings.prefix = [2]
    func said(_ faults: [UnitFault]) -> [[UInt8]] {
      var scanner = SimulatedScanner(settings, random: SeededRandom(seed: 9))
      for (index, fault) in faults.enumerated() {
        let pack = Pack(fault: fault, serial: nil, message: [0x41, UInt8(0x30 + index)])
        scanner.trigger(pack, now: .milliseconds(100 * Int64(index)))
      }
      var chunks: [[UInt8]] = []
      while let chunk = scanner.next(to: .seconds(10)) { chunks.append(chunk.bytes) }
      return chunks
    }
    let first: [UInt8] = [2, 0x41, 0x30, 13, 10]
    let second: [UInt8] = [2, 0x41, 0x31, 13, 10]
    #expect(said([.none, .none]) == [first, second])
    #expect(said([.silent, .none]) == [second])
    #expect(said([.noRead]) == [[2] + Array("NOREAD".utf8) + [13, 10]])
    #expect(said([.doubleMessage]) == [first, first])
    #expect(said([.dripFed]) == first.map { [$0] })
    #expect(said([.joined, .none]) == [first + second])
    #expect(said([.late, .none]) == [second, first])
    let noise = said([.garbage])[0]
    #expect(noise.count { $0 == 13 || $0 == 10 || $0 == 2 } == 3, "one frame")
  }

  @Test func serialsAreDifferentAndShort() {
    let batch = PackedBatch()
    var seen: Set<String> = []
    for number in 0..<100_000 {
      let serial = batch.serial(number)
      #expect(serial.utf8.count == 9)
      #expect(seen.insert(serial).inserted)
    }
  }

  @Test func chanceIsTheSameEverywhere() {
    // The first numbers of SplitMix64 from 1234567, as its authors' C program prints them.
    var random = SeededRandom(seed: 1_234_567)
    #expect(random.next() == 6_457_827_717_110_365_317)
    #expect(random.next() == 3_203_168_211_198_807_973)
    var bounded = SeededRandom(seed: 5)
    for _ in 0..<1000 {
      #expect((0..<7).contains(bounded.below(7)))
      #expect((-3...3).contains(bounded.within(-3...3)))
    }
  }
}
