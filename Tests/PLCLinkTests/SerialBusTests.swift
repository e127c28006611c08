import CLinux
import Glibc
import Line
import Rings
import Synchronization
import Testing
import Threads

@testable import PLCLink

/// A link on a serial bus, its slaves, and a line loop that does nothing but turn.
final class BusBench {
  let bell = Bell()
  let turns = LinkBench.Counter64()
  private(set) var bus: FakeBus
  let link: PLCLink
  private(set) var events: [StationEvent] = []

  init(
    units: [UInt8] = [1], timeout: Instant.Span = .milliseconds(60),
    byteTimeout: Instant.Span = .milliseconds(20), echoes: Bool = false, busEchoes: Bool = false,
    transceiver: PLCLink.SerialLine.Transceiver = .adapter, device: String? = nil,
    stopCoil: UInt16? = nil
  ) {
    let bell = bell
    let turns = turns
    bus = FakeBus(units: units, bell: bell)
    bus.memory.withLock { $0.echoes = busEchoes }
    link = PLCLink(
      PLCLink.Settings(
        transport: .serial(
          PLCLink.SerialLine(
            device: device ?? bus.path, baud: 115_200, transceiver: transceiver,
            byteTimeout: byteTimeout, echoes: echoes)),
        plcs: units.enumerated().map { index, unit in
          PLCLink.PLC(
            name: "plc-\(unit)", unitID: unit, poll: .milliseconds(5), timeout: timeout,
            stations: [
              PLCLink.Station(
                number: UInt16(index), blocks: BlockSession.Settings(lost: .milliseconds(2000)))
            ], stopCoil: stopCoil)
        }),
      loopTurns: { turns.value.add(1, ordering: .relaxed).newValue }, wake: { bell.ring() })
    #expect(link.start())
  }

  func end() {
    link.stop()
    bus.stop()
  }

  func wait(_ done: () -> Bool) -> Bool {
    let limit = Instant.now + .milliseconds(10_000)
    while true {
      while let event = link.events.pop() { events.append(event) }
      if done() { return true }
      let left = limit - Instant.now
      guard left > .zero else { return false }
      bell.wait(min(left, .milliseconds(10))) { !link.events.isEmpty }
    }
  }

  func waitForLink(_ generation: LinkGeneration = 1, station: UInt16 = 0) -> Bool {
    wait { self.generation(of: station) >= generation }
  }

  /// The generation of the last link of a station; 0 none.
  func generation(of station: UInt16 = 0) -> LinkGeneration {
    for event in events.reversed() where event.station == station {
      if case .linked(let generation, _, _) = event.event { return generation }
    }
    return 0
  }

  func losses(of station: UInt16 = 0) -> Int {
    events.count { event in
      if case .lost = event.event { return event.station == station }
      return false
    }
  }

  func post(_ order: PLCOrder, station: UInt16 = 0) {
    #expect(link.post(StationOrder(station: station, order: order)))
  }

  func permit(station: UInt16 = 0) {
    post(
      .header(HostHeader(generation: generation(of: station), permit: true)), station: station)
  }

  /// The link is in step: a verdict arrives in its slot, is told as taken once, and what is read is what stands there.
  func expectInStep(unit: UInt16, station: UInt16 = 0, slave: UInt8 = 1) {
    let base = bus[FakeBus.plcBase + 5, unit: slave]
    let sequence = Int(Counter.next(after: base))
    post(
      .verdict(generation: generation(of: station), unit: unit, .noRead), station: station)
    #expect(wait { self.bus[16 + 4 * (sequence % 16) + 1, unit: slave] == unit })
    bus[FakeBus.plcBase + 5, unit: slave] = UInt16(sequence)
    bus[FakeBus.plcBase + 4, unit: slave] = unit
    #expect(wait { self.events.contains { $0.event == .taken(unit: unit, verdict: 2) } })
    #expect(events.count { $0.event == .taken(unit: unit, verdict: 2) } == 1)
    #expect(
      wait {
        self.events.contains { event in
          if case .changed(let snapshot, _) = event.event { return snapshot.lastUnit == unit }
          return false
        }
      })
  }
}

/// Modbus RTU over a pseudo-terminal, and everything that a serial line does to it.
@Suite struct SerialBusTests {
  @Test func connectsLinksAndBringsVerdictsAcross() {
    let bench = BusBench()
    defer { bench.end() }
    #expect(bench.waitForLink())
    bench.permit()
    #expect(bench.wait { bench.bus[2] == 1 })
    bench.expectInStep(unit: 9)
    let health = bench.link.health
    #expect(health.errors == 0 && health.telegrams > 10 && health.connections == 1)
    #expect(health.responseMedian > .zero && health.responseMedian <= health.responseP99)
    #expect(health.responseP99 <= health.responseMax)
  }

  @Test func theFirstTelegramOfEachLinkHasPermit0() {
    let bench = BusBench()
    defer { bench.end() }
    #expect(bench.waitForLink())
    bench.permit()
    #expect(bench.wait { bench.bus[2] == 1 })
    let before = bench.bus.writes().count
    bench.bus.trick(.silent)
    #expect(bench.waitForLink(2))
    let since = bench.bus.writes().dropFirst(before).filter { $0.address == 0 }
    #expect(since.first { $0.words[2] == 0 } != nil)
    #expect(bench.wait { bench.bus[2] == 0 })
  }

  @Test(
    arguments: [
      .silent, .late(100), .twice, .againWithNext, .truncated(1), .truncated(4), .truncated(7),
      .wrongUnit, .wrongFunction, .oneRegisterLess, .wrongCRC, .noiseBefore, .drip(30),
      .split(40), .babble(150),
    ] as [FakeBus.Trick])
  func anAnswerThatIsNotOursEndsTheLinkAndTheNextIsInStep(trick: FakeBus.Trick) {
    let bench = BusBench()
    defer { bench.end() }
    #expect(bench.waitForLink())
    bench.permit()
    #expect(bench.wait { bench.bus[2] == 1 })
    bench.bus.trick(trick)
    #expect(bench.waitForLink(2), "\(bench.link.health.lastFault)")
    #expect(bench.wait { bench.bus[2] == 0 })
    bench.expectInStep(unit: 5)
    bench.expectInStep(unit: 6)
    #expect(bench.generation() == 2, "it broke once more: \(bench.link.health.lastFault)")
  }

  @Test(arguments: [1, 2, 3, 4, 5, 6, 7, 8, 10, 11] as [UInt8])
  func anExceptionIsSaidInWordsWithPlaceAndUnit(code: UInt8) {
    let bench = BusBench()
    defer { bench.end() }
    #expect(bench.waitForLink())
    bench.bus.trick(.exception(code))
    #expect(bench.waitForLink(2))
    let fault = bench.link.health.lastFault
    #expect(fault.contains("of unit 1: ") && fault.contains("registers from"), "\(fault)")
    bench.expectInStep(unit: 7)
  }

  @Test func aVerdictWhoseAnswerIsLateIsNeitherLostNorDoubled() {
    let bench = BusBench()
    defer { bench.end() }
    #expect(bench.waitForLink())
    for round in 1...3 as ClosedRange<UInt16> {
      let generation = bench.generation()
      // The answers of all later telegrams would be one off on a client that goes on.
      bench.bus.trick(.late(100), onWriteTo: 16 + 4 * Int(round))
      bench.post(.verdict(generation: generation, unit: 20 + round, .noRead))
      #expect(bench.waitForLink(generation + 1))
      #expect(bench.wait { bench.bus[16 + 4 * Int(round) + 1] == 20 + round })
      bench.bus[FakeBus.plcBase + 5] = round
      #expect(
        bench.wait { bench.events.contains { $0.event == .taken(unit: 20 + round, verdict: 2) } })
    }
    let slots = (1...3).map { bench.bus[16 + 4 * $0] }
    #expect(slots == [1, 2, 3])
  }

  @Test func noiseBetweenFramesIsCountedAndHarmless() {
    let bench = BusBench()
    defer { bench.end() }
    #expect(bench.waitForLink())
    bench.bus.trick(.noiseAfter)
    #expect(bench.wait { bench.link.health.strayBytes > 0 })
    for _ in 0..<5 { bench.bus.trick(.noiseAfter) }
    #expect(bench.wait { !bench.bus.isTricked })
    bench.expectInStep(unit: 8)
    #expect(bench.link.health.errors == 0 && bench.generation() == 1)
  }

  @Test func anAnswerInTwoPartsWithinTheByteTimeoutIsNoFault() {
    let bench = BusBench(timeout: .milliseconds(1000), byteTimeout: .milliseconds(500))
    defer { bench.end() }
    #expect(bench.waitForLink())
    bench.bus.trick(.split(30))
    #expect(bench.wait { !bench.bus.isTricked })
    bench.expectInStep(unit: 8)
    #expect(bench.link.health.errors == 0)
  }

  // MARK: The adapter

  @Test func anAdapterThatEchoesIsHeardOutWhereTheConfigurationSaysSo() {
    let bench = BusBench(echoes: true, busEchoes: true)
    defer { bench.end() }
    #expect(bench.waitForLink())
    bench.expectInStep(unit: 9)
    #expect(bench.link.health.errors == 0)
  }

  @Test(arguments: [(false, true, "echo = true"), (true, false, "did not come back")])
  func anEchoThatIsConfiguredWrongIsSaid(echoes: Bool, busEchoes: Bool, words: String) {
    let bench = BusBench(echoes: echoes, busEchoes: busEchoes)
    defer { bench.end() }
    #expect(bench.wait { bench.link.health.lastFault.contains(words) })
    #expect(bench.generation() == 0)
  }

  @Test func anUnpluggedAdapterIsLostAndComesBackUnderItsName() throws {
    let folder = "/tmp/lineward-bus-\(getpid())-\(UInt64.random(in: 0 ... .max))"
    mkdir(folder, 0o700)
    defer { rmdir(folder) }
    let name = folder + "/plc"
    let bell = Bell()
    var bus = FakeBus(bell: bell)
    symlink(bus.path, name)
    defer { unlink(name) }
    let turns = LinkBench.Counter64()
    let link = PLCLink(
      PLCLink.Settings(
        transport: .serial(PLCLink.SerialLine(device: name, baud: 19_200)),
        plcs: [
          PLCLink.PLC(
            name: "plc-1", poll: .milliseconds(5), timeout: .milliseconds(60),
            stations: [PLCLink.Station(number: 0, blocks: BlockSession.Settings())])
        ]), loopTurns: { turns.value.add(1, ordering: .relaxed).newValue },
      wake: { bell.ring() })
    #expect(link.start())
    defer { link.stop() }
    var events: [PLCEvent] = []
    func wait(_ done: () -> Bool) -> Bool {
      let limit = Instant.now + .milliseconds(10_000)
      while !done() {
        while let event = link.events.pop() { events.append(event.event) }
        if Instant.now >= limit { return done() }
        bell.wait(.milliseconds(10)) { !link.events.isEmpty }
      }
      return true
    }
    func links() -> Int { events.count { if case .linked = $0 { true } else { false } } }
    for round in 1...5 {
      #expect(wait { links() == round }, "\(link.health.lastFault)")
      bus.stop()
      unlink(name)
      #expect(wait { link.health.connectedSince == nil && events.last != nil })
      #expect(wait { link.health.lastFault.contains("opening \(name): No such file") })
      bus = FakeBus(bell: bell)
      symlink(bus.path, name)
    }
    #expect(wait { links() == 6 })
    bus.stop()
  }

  @Test func aPortThatAnotherProcessHasIsSaidAndTakenWhenItIsFree() {
    let bell = Bell()
    let bus = FakeBus(bell: bell)
    defer { bus.stop() }
    let other = open(bus.path, O_RDWR | O_NOCTTY | O_CLOEXEC)
    #expect(flock(other, LOCK_EX | LOCK_NB) == 0)
    let bench = BusBench(device: bus.path)
    defer { bench.end() }
    #expect(
      bench.wait {
        bench.link.health.lastFault == "opening \(bus.path): another process has the port"
      })
    close(other)
    #expect(bench.wait { bench.generation() == 1 })
    // And it is ours then.
    let late = open(bus.path, O_RDWR | O_NOCTTY | O_CLOEXEC)
    #expect(late < 0 || flock(late, LOCK_EX | LOCK_NB) != 0)
    if late >= 0 { close(late) }
  }

  @Test func aDriverThatCannotSwitchATransceiverIsSaid() {
    let bench = BusBench(transceiver: .rtsHigh)
    defer { bench.end() }
    #expect(bench.wait { bench.link.health.lastFault.contains("rs485 = \"adapter\"") })
  }

  // MARK: Several PLCs on one bus

  @Test func severalPLCsShareABusAndADeadOneDoesNotTakeTheOthersWithIt() {
    let bench = BusBench(units: [1, 2, 3])
    defer { bench.end() }
    for station in 0..<3 as Range<UInt16> { #expect(bench.waitForLink(station: station)) }
    for station in 0..<3 as Range<UInt16> { bench.permit(station: station) }
    #expect(bench.wait { (1...3 as ClosedRange<UInt8>).allSatisfy { bench.bus[2, unit: $0] == 1 } })
    bench.bus.memory.withLock { $0.slaves[2]?.isDead = true }
    #expect(bench.wait { bench.losses(of: 1) > 0 })
    bench.expectInStep(unit: 31, station: 0, slave: 1)
    bench.expectInStep(unit: 33, station: 2, slave: 3)
    #expect(bench.losses(of: 0) == 0 && bench.losses(of: 2) == 0)
    #expect(bench.link.health(of: 1).connectedSince == nil)
    #expect(bench.link.health(of: 1).lastFault.contains("of unit 2"))
    #expect(bench.link.health(of: 0).connectedSince != nil)
    bench.bus.memory.withLock { $0.slaves[2]?.isDead = false }
    #expect(bench.waitForLink(2, station: 1))
    bench.expectInStep(unit: 32, station: 1, slave: 2)
    #expect(bench.generation(of: 0) == 1 && bench.generation(of: 2) == 1)
  }

  @Test func aLateAnswerOfOnePLCIsNoAnswerOfAnother() {
    let bench = BusBench(units: [1, 2])
    defer { bench.end() }
    #expect(bench.waitForLink(station: 0) && bench.waitForLink(station: 1))
    for round in 2...5 as ClosedRange<LinkGeneration> {
      bench.bus.trick(.late(90), unit: 1)
      #expect(bench.waitForLink(round, station: 0))
    }
    #expect(bench.losses(of: 1) == 0)
    bench.expectInStep(unit: 41, station: 0, slave: 1)
    bench.expectInStep(unit: 42, station: 1, slave: 2)
  }

  @Test func theStopCoilIsWrittenOverTheBusWhileOneOfItsPLCsIsDead() {
    let bench = BusBench(units: [1, 2], stopCoil: 5)
    defer { bench.end() }
    #expect(bench.waitForLink(station: 0) && bench.waitForLink(station: 1))
    bench.bus.memory.withLock { $0.slaves[1]?.isDead = true }
    #expect(bench.wait { bench.losses(of: 0) > 0 })
    let ended = Guarded<[String?]>([])
    bench.link.writeCoil(plc: 1, address: 5, false, within: .milliseconds(5000)) { failure in
      ended.withLock { $0.append(failure) }
    }
    #expect(bench.wait { ended.withLock { $0.count } == 1 })
    #expect(ended.withLock { $0[0] } == nil)
    #expect(bench.bus.memory.withLock { $0.slaves[2]?.coils[5] } == false)
    bench.link.writeCoil(plc: 0, address: 5, false, within: .milliseconds(300)) { failure in
      ended.withLock { $0.append(failure) }
    }
    #expect(bench.wait { ended.withLock { $0.count } == 2 })
    #expect(ended.withLock { $0[1] } != nil)
  }
}
