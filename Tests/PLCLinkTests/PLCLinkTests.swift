import Glibc
import Line
import Rings
import Synchronization
import Testing
import Threads

@testable import PLCLink

/// A link, the PLC it speaks to, and a line loop that does nothing but turn.
final class LinkBench {
  let bell = Bell()
  let turns: Counter64
  let plc: FakePLC
  let link: PLCLink
  private(set) var events: [StationEvent] = []

  final class Counter64: Sendable {
    let value = Atomic<UInt64>(1)
  }

  /// A PLC whose stations lie otherwise.
  init(plcBase: Int, stations: [PLCLink.Station]) {
    let turns = Counter64()
    let bell = bell
    self.turns = turns
    plc = FakePLC(plcBase: plcBase, bell: bell)
    link = PLCLink(
      PLCLink.Settings(
        name: "plc-1", host: "127.0.0.1", port: plc.port, poll: .milliseconds(5),
        timeout: .milliseconds(200), stations: stations),
      loopTurns: { turns.value.add(1, ordering: .relaxed).newValue },
      wake: { bell.ring() })
    #expect(link.start())
  }

  /// `words` stand in the PLC's memory before the link asks for the first.
  init(
    words: [Int: UInt16] = [:], host: String = "127.0.0.1",
    timeout: Instant.Span = .milliseconds(200),
    lost: Instant.Span = .milliseconds(1000), poll: Instant.Span = .milliseconds(5),
    stations: Int = 1, eventsMax: Int = PLCLink.eventsMax, answerTime: Int32 = 0
  ) {
    let turns = Counter64()
    let bell = bell
    self.turns = turns
    plc = FakePLC(bell: bell)
    plc.memory.withLock { $0.answerTime = answerTime }
    for (place, word) in words { plc[place] = word }
    link = PLCLink(
      PLCLink.Settings(
        name: "plc-1", host: host, port: plc.port, poll: poll, timeout: timeout,
        stations: (0..<stations).map { index in
          PLCLink.Station(
            number: UInt16(index),
            blocks: BlockSession.Settings(
              hostBase: 200 * index, plcBase: 200 * index + 100, lost: lost))
        }), eventsMax: eventsMax,
      loopTurns: { turns.value.add(1, ordering: .relaxed).newValue },
      wake: { bell.ring() })
    #expect(link.start())
  }

  func end() {
    link.stop()
    plc.stop()
  }

  /// Takes events until `done`, for 10 s at most; false when it never came true.
  func wait(_ done: () -> Bool) -> Bool {
    let limit = Instant.now + .milliseconds(10_000)
    while true {
      while let event = link.events.pop() { events.append(event) }
      if done() { return true }
      let left = limit - Instant.now
      guard left > .zero else { return false }
      // Whatever could make `done` true rings; the bound covers what changes without a ring.
      bell.wait(min(left, .milliseconds(20))) { !link.events.isEmpty }
    }
  }

  func waitForLink(_ generation: LinkGeneration = 1, station: UInt16 = 0) -> Bool {
    wait { self.isLinked(generation, station) }
  }

  func isLinked(_ generation: LinkGeneration, _ station: UInt16 = 0) -> Bool {
    events.contains { event in
      if case .linked(generation, _, _) = event.event { return event.station == station }
      return false
    }
  }

  func isLost(_ fault: LinkFault) -> Bool { events.contains { $0.event == .lost(fault) } }

  func post(_ order: PLCOrder, station: UInt16 = 0) {
    #expect(link.post(StationOrder(station: station, order: order)))
  }

  func permit(_ generation: LinkGeneration, station: UInt16 = 0) {
    post(.header(HostHeader(generation: generation, permit: true)), station: station)
  }

  func forget() { events = [] }
}

@Suite struct PLCLinkTests {
  @Test func connectsLinksAndBringsVerdictsAndOutcomesAcross() {
    let bench = LinkBench()
    defer { bench.end() }
    #expect(bench.waitForLink())
    bench.permit(1)
    bench.post(.verdict(generation: 1, unit: 9, .accept))
    #expect(bench.wait { bench.plc[16 + 4] == 1 && bench.plc[2] == 1 })
    #expect(bench.plc[16 + 5] == 9)
    bench.plc.set([
      100 + 5: 1, 100 + 4: 9, 100 + 16 + 4: 1, 100 + 16 + 5: 9, 100 + 16 + 6: 1,
      100 + 16 + 7: RegisterMap.check(sequence: 1, unit: 9, word: 1, epoch: 7), 100 + 8: 1,
    ])
    #expect(
      bench.wait {
        bench.events.contains { $0.event == .outcome(sequence: 1, unit: 9, outcome: 1) }
      })
    #expect(bench.events.contains { $0.event == .taken(unit: 9, verdict: 1) })
    #expect(bench.plc[8] == 0)
    bench.post(.recorded(generation: 1, outcome: 1))
    #expect(bench.wait { bench.plc[8] == 1 })
    // Both sides' heartbeats moved all the while.
    let before = bench.plc[1]
    #expect(bench.wait { bench.plc[1] != before })
    #expect(bench.link.health.connectedSince != nil)
    #expect(bench.link.health.telegrams > 10)
    #expect(bench.link.health.errors == 0)
  }

  @Test func theFirstTelegramOfEachConnectionHasPermit0() {
    let bench = LinkBench()
    defer { bench.end() }
    #expect(bench.waitForLink())
    bench.permit(1)
    #expect(bench.wait { bench.plc[2] == 1 })
    bench.plc.trick(.reset(afterDoing: false))
    #expect(bench.waitForLink(2))
    // The old permit is still ordered; nothing but 0 went out since.
    #expect(bench.isLost(.telegramFailed))
    let since = bench.plc.writes.filter { $0.connection == 2 && $0.address == 0 }
    #expect(!since.isEmpty)
    #expect(since.allSatisfy { $0.words[2] == 0 })
    bench.permit(2)
    #expect(bench.wait { bench.plc[2] == 1 })
  }

  @Test(arguments: [true, false])
  func aResetBetweenRequestAndAnswerReconnects(afterDoing: Bool) {
    let bench = LinkBench()
    defer { bench.end() }
    #expect(bench.waitForLink())
    bench.plc.trick(.reset(afterDoing: afterDoing))
    #expect(bench.waitForLink(2))
    #expect(bench.link.health.reconnections == 1)
    #expect(bench.link.health.errors == 1)
    #expect(!bench.link.health.lastFault.isEmpty)
  }

  @Test func aSilentServerIsGivenUpAfterTheTimeout() {
    let bench = LinkBench(timeout: .milliseconds(100))
    defer { bench.end() }
    #expect(bench.waitForLink())
    let begun = Instant.now
    bench.plc.trick(.silent)
    #expect(bench.wait { bench.isLost(.telegramFailed) })
    #expect(Instant.now - begun < .milliseconds(2000))
    #expect(bench.waitForLink(2))
  }

  @Test func lateAnswersAreNeverTakenForLaterOnes() {
    let bench = LinkBench(timeout: .milliseconds(50))
    defer { bench.end() }
    #expect(bench.waitForLink())
    for generation in 2...5 as ClosedRange<LinkGeneration> {
      bench.plc.trick(.late(120))
      #expect(bench.waitForLink(generation))
    }
    bench.post(.verdict(generation: 5, unit: 77, .noRead))
    #expect(bench.wait { bench.plc[16 + 5] == 77 })
    #expect(bench.link.health.reconnections == 4)
  }

  @Test func aLateAnswerWithinTheTimeoutIsNoFault() {
    let bench = LinkBench(timeout: .milliseconds(1500))
    defer { bench.end() }
    #expect(bench.waitForLink())
    bench.plc.trick(.late(300))
    #expect(bench.wait { bench.link.health.responseMax > .milliseconds(250) })
    #expect(bench.link.health.errors == 0)
    #expect(bench.link.health.reconnections == 0)
  }

  @Test func aDrippingServerIsGivenUpAfterTheTimeout() {
    let bench = LinkBench(timeout: .milliseconds(100))
    defer { bench.end() }
    #expect(bench.waitForLink())
    let begun = Instant.now
    bench.plc.trick(.drip(30))
    #expect(bench.wait { bench.isLost(.telegramFailed) })
    #expect(Instant.now - begun < .milliseconds(800))
  }

  @Test func wrongAnswersReconnect() {
    let bench = LinkBench(timeout: .milliseconds(100))
    defer { bench.end() }
    #expect(bench.waitForLink())
    bench.plc.trick(.wrongTransaction)
    #expect(bench.waitForLink(2))
    bench.plc.trick(.exception(2))
    #expect(bench.waitForLink(3))
    #expect(bench.link.health.lastFault.contains("Illegal data address"))
  }

  @Test func aStillHeartbeatReconnectsWithPermit0First() {
    let bench = LinkBench(lost: .milliseconds(100))
    defer { bench.end() }
    #expect(bench.waitForLink())
    bench.permit(1)
    #expect(bench.wait { bench.plc[2] == 1 })
    bench.plc.memory.withLock { $0.heartbeatMoves = false }
    #expect(bench.wait { bench.isLost(.heartbeatStill) })
    #expect(bench.plc[2] == 0)
    bench.plc.memory.withLock { $0.heartbeatMoves = true }
    #expect(bench.waitForLink(2))
  }

  @Test func anImpossibleSequenceReconnects() {
    let bench = LinkBench()
    defer { bench.end() }
    #expect(bench.waitForLink())
    bench.plc[105] = 500
    #expect(bench.wait { bench.isLost(.registersImpossible) })
    #expect(bench.waitForLink(2))
  }

  @Test func thePLCsRestartIsANewLinkOnTheSameConnection() {
    let bench = LinkBench()
    defer { bench.end() }
    #expect(bench.waitForLink())
    bench.plc[109] = 8
    #expect(bench.waitForLink(2))
    #expect(bench.wait { bench.plc[9] == 8 })
    #expect(bench.link.health.connections == 1)
  }

  @Test func nobodyThereIsSaidOnceAndConnectedLater() {
    let bell = Bell()
    let first = FakePLC(bell: bell)
    let port = first.port
    first.stop()
    let link = PLCLink(
      PLCLink.Settings(
        name: "plc-1", host: "127.0.0.1", port: port, poll: .milliseconds(5),
        timeout: .milliseconds(200),
        stations: [PLCLink.Station(number: 3, blocks: BlockSession.Settings())]),
      loopTurns: { 1 }, wake: { bell.ring() })
    #expect(link.start())
    var events: [StationEvent] = []
    func wait(_ done: () -> Bool) -> Bool {
      let limit = Instant.now + .milliseconds(10_000)
      while !done() {
        while let event = link.events.pop() { events.append(event) }
        if Instant.now >= limit { return done() }
        bell.wait(.milliseconds(20)) { !link.events.isEmpty }
      }
      return true
    }
    #expect(wait { link.health.lastFault.contains("refused") && events.count == 1 })
    #expect(events.map(\.event) == [.lost(.cannotConnect)])
    #expect(events.map(\.station) == [3])
    let second = FakePLC(port: port, bell: bell)
    #expect(wait { events.count > 1 })
    #expect(
      events.dropFirst().first?.event
        == .linked(generation: 1, newEpoch: true, PLCSnapshot(mapVersion: 1, epoch: 7)))
    link.stop()
    second.stop()
  }

  @Test func namesAreResolved() {
    let bench = LinkBench(host: "localhost")
    defer { bench.end() }
    #expect(bench.waitForLink())
  }

  @Test func aNameWithoutAddressIsSaid() {
    let link = PLCLink(
      PLCLink.Settings(
        name: "plc-1", host: "no-such-host.invalid", timeout: .milliseconds(200),
        stations: [PLCLink.Station(number: 0, blocks: BlockSession.Settings())]),
      loopTurns: { 1 }, wake: {})
    #expect(link.start())
    let bell = Bell()
    let limit = Instant.now + .milliseconds(20_000)
    while link.health.lastFault.isEmpty, Instant.now < limit {
      bell.wait(.milliseconds(10)) { false }
    }
    #expect(link.health.lastFault.contains("no-such-host.invalid"))
    link.stop()
  }

  @Test func severalStationsShareAConnection() {
    let bench = LinkBench(stations: 2)
    defer { bench.end() }
    bench.plc.set([300: 1, 309: 5])
    // The fake moves only its first block's heartbeat by itself.
    #expect(
      bench.wait {
        bench.plc[301] &+= 1
        return bench.isLinked(1, 0) && bench.events.contains { $0.station == 1 }
      })
    bench.post(.verdict(generation: 1, unit: 4, .wrongLot), station: 1)
    #expect(
      bench.wait {
        bench.plc[301] &+= 1
        return bench.plc[200 + 16 + 5] == 4
      })
    #expect(bench.plc[16 + 5] == 0)
    #expect(bench.link.health.connections == 1)
  }

  @Test func stopWritesPermit0AndEndsSoon() {
    let bench = LinkBench()
    #expect(bench.waitForLink())
    bench.permit(1)
    #expect(bench.wait { bench.plc[2] == 1 })
    let begun = Instant.now
    bench.link.stop()
    #expect(Instant.now - begun < .milliseconds(500))
    #expect(bench.plc[2] == 0)
    bench.plc.stop()
  }

  @Test func stopEndsAlsoWithASilentPLC() {
    let bench = LinkBench(timeout: .milliseconds(300))
    #expect(bench.waitForLink())
    for _ in 0..<20 { bench.plc.trick(.silent) }
    let begun = Instant.now
    bench.link.stop()
    #expect(Instant.now - begun < .milliseconds(1500))
    bench.plc.stop()
  }

  @Test func aLineThatTakesNoEventsStopsThePollButLosesNone() {
    let bench = LinkBench(poll: .milliseconds(1), eventsMax: 256)
    defer { bench.end() }
    #expect(bench.waitForLink())
    // Every poll sees another unit, and nobody takes the events.
    let limit = Instant.now + .milliseconds(30_000)
    let waiter = Bell()
    var unit: UInt16 = 0
    var requestsServed = Int.max
    var sameRoom = 0
    while sameRoom < 50, Instant.now < limit {
      unit = unit % 60000 + 1
      bench.plc[104] = unit
      let requests = bench.plc.memory.withLock { $0.requests }
      waiter.wait(.milliseconds(1)) { false }
      let after = bench.plc.memory.withLock { $0.requests }
      sameRoom = after == requests ? sameRoom + 1 : 0
      requestsServed = Int(after)
    }
    #expect(requestsServed > 100)
    #expect(bench.link.events.lost == 0)
    bench.forget()
    #expect(bench.wait { bench.events.count > 256 - LinkWorker.eventsPerPollMax })
    #expect(bench.link.events.lost == 0)
    #expect(!bench.isLost(.heartbeatStill))
  }

  @Test func theThreadsCounterMoves() {
    let bench = LinkBench()
    defer { bench.end() }
    let before = bench.link.turns
    #expect(bench.wait { bench.link.turns > before + 3 })
  }
}
