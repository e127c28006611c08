import Glibc
import Line
import Rings
import Synchronization
import Testing
import Threads

@testable import PLCLink

/// How many telegrams things take, and what else goes over a link besides verdicts and outcomes.
@Suite struct TelegramTests {
  static func settings(_ bases: [(host: Int, plc: Int)], slots: Int = 16) -> [BlockSession.Settings]
  {
    bases.map { BlockSession.Settings(hostBase: $0.host, plcBase: $0.plc, slots: slots) }
  }

  // MARK: The plan of a poll

  @Test(
    arguments: [
      // Host blocks first, PLC blocks behind them: two headers in 90 registers.
      ([(0, 160), (80, 240)], 16, false, [RegisterRead(address: 160, count: 90)]),
      ([(0, 160), (80, 240)], 16, true, [RegisterRead(address: 160, count: 90)]),
      // One station: with its ring where it fits.
      ([(0, 100)], 16, true, [RegisterRead(address: 100, count: 80)]),
      ([(0, 100)], 16, false, [RegisterRead(address: 100, count: 10)]),
      ([(0, 200)], 32, true, [RegisterRead(address: 200, count: 10)]),
      // Registers 180 to 199 belong to nobody.
      (
        [(0, 100), (200, 300)], 8, false,
        [RegisterRead(address: 100, count: 10), RegisterRead(address: 300, count: 10)]
      ),
      // Small rings: three headers in 106.
      ([(0, 144), (48, 192), (96, 240)], 8, false, [RegisterRead(address: 144, count: 106)]),
      // 32 slots are 144 registers: no second header fits.
      (
        [(0, 288), (144, 432)], 32, false,
        [RegisterRead(address: 288, count: 10), RegisterRead(address: 432, count: 10)]
      ),
    ] as [([(Int, Int)], Int, Bool, [RegisterRead])])
  func headersOfNeighboursComeInTheFewestTelegrams(
    bases: [(Int, Int)], slots: Int, whole: Bool, reads: [RegisterRead]
  ) {
    let plan = PollTelegram.plan(
      Self.settings(bases.map { (host: $0.0, plc: $0.1) }, slots: slots), wholeBlocks: whole)
    #expect(plan.map(\.read) == reads)
    #expect(plan.flatMap(\.sessions).sorted() == Array(bases.indices))
  }

  @Test func responseTimesAreCountedInClasses() {
    var times = ResponseTimes()
    #expect(times.within(permille: 500) == .zero)
    for microseconds in 1...1000 as ClosedRange<Int64> {
      times.add(Instant.Span(nanoseconds: microseconds * 1000))
    }
    let half = times.within(permille: 500).nanoseconds
    #expect(half >= 500_000 && half <= 625_000)
    let most = times.within(permille: 990).nanoseconds
    #expect(most >= 990_000 && most <= 1_000_000)
    #expect(times.within(permille: 1000).nanoseconds == 1_000_000)
    times.add(Instant.Span(nanoseconds: Int64.max))
    #expect(times.within(permille: 1000).nanoseconds > 1_000_000_000)
  }

  // MARK: Several stations on one PLC

  static func stations() -> [PLCLink.Station] {
    settings([(0, 160), (80, 240)]).enumerated().map {
      PLCLink.Station(number: UInt16($0.offset), blocks: $0.element)
    }
  }

  static func neighbours() -> LinkBench {
    let bench = LinkBench(plcBase: 160, stations: stations())
    bench.plc.memory.withLock { $0.otherBases = [240] }
    bench.plc.set([240: 1, 249: 7])
    return bench
  }

  @Test func twoNeighboursArePolledInOneTelegramAndTheirHeadersGoOutInOne() {
    let bench = Self.neighbours()
    defer { bench.end() }
    #expect(bench.wait { bench.isLinked(1, 0) && bench.isLinked(1, 1) })
    bench.permit(1, station: 0)
    bench.permit(1, station: 1)
    #expect(bench.wait { bench.plc[2] == 1 && bench.plc[82] == 1 })
    let (reads, writes) = bench.plc.memory.withLock { ($0.reads.count, $0.writes.count) }
    #expect(bench.wait { bench.plc.memory.withLock { $0.writes.count } >= writes + 8 })
    bench.plc.memory.withLock { memory in
      let polls = memory.reads.dropFirst(reads).filter { $0.address >= 160 }
      #expect(polls.count > 20)
      #expect(polls.allSatisfy { $0.address == 160 && $0.count == 90 })
      let headers = memory.writes.dropFirst(writes)
      #expect(headers.allSatisfy { $0.address == 0 && $0.words.count == 90 }, "\(headers)")
    }
    // Both orders come while a telegram is under way, as the line loop's do: the permit of both falls in the next one.
    bench.plc.trick(.late(100))
    let requests = bench.plc.memory.withLock { $0.requests }
    #expect(bench.wait { bench.plc.memory.withLock { $0.requests } > requests })
    let before = bench.plc.writes.count
    bench.post(.header(HostHeader(generation: 1, permit: false, stopReason: 2)), station: 0)
    bench.post(.header(HostHeader(generation: 1, permit: false, stopReason: 2)), station: 1)
    #expect(bench.wait { bench.plc[2] == 0 && bench.plc[82] == 0 })
    let falls = bench.plc.writes.dropFirst(before).filter { write in
      write.words.count == 90 && write.words[2] == 0 && write.words[82] == 0
    }
    #expect(!falls.isEmpty)
  }

  @Test func whatStandsBetweenTwoHeadersIsWrittenAsItWas() {
    let bench = Self.neighbours()
    defer { bench.end() }
    #expect(bench.wait { bench.isLinked(1, 0) && bench.isLinked(1, 1) })
    for unit in 1...40 as ClosedRange<UInt16> {
      let sequence = Int(unit)
      bench.post(.verdict(generation: 1, unit: unit, .noRead), station: 0)
      #expect(bench.wait { bench.plc[16 + 4 * (sequence % 16) + 1] == unit })
      bench.plc[160 + 5] = unit
      #expect(bench.wait { bench.events.contains { $0.event == .taken(unit: unit, verdict: 2) } })
    }
    // All slots are as the last sixteen verdicts left them, though headers went over them all the while.
    for unit in 25...40 {
      let slot = (0..<4).map { bench.plc[16 + 4 * (unit % 16) + $0] }
      let number = UInt16(unit)
      #expect(
        slot == [
          number, number, 2, RegisterMap.check(sequence: number, unit: number, word: 2, epoch: 7),
        ])
    }
    #expect(bench.link.health.errors == 0 && bench.link.health.reconnections == 0)
  }

  @Test func anOutcomeComesWithThePollThatShowsIt() {
    let bench = LinkBench()
    defer { bench.end() }
    #expect(bench.waitForLink())
    let reads = bench.plc.memory.withLock { $0.reads.count }
    bench.plc.set([
      100 + 16 + 4: 1, 100 + 16 + 5: 9, 100 + 16 + 6: 1,
      100 + 16 + 7: RegisterMap.check(sequence: 1, unit: 9, word: 1, epoch: 7), 100 + 8: 1,
    ])
    #expect(
      bench.wait {
        bench.events.contains { $0.event == .outcome(sequence: 1, unit: 9, outcome: 1) }
      })
    let alone = bench.plc.memory.withLock { memory in
      memory.reads.dropFirst(reads).filter { $0.address > 100 }.count
    }
    #expect(alone == 0)
  }

  // MARK: Another master

  @Test(arguments: [2, 9, 12, 16 + 4 + 2, 79])
  func whatSomebodyElseWritesIntoOurBlockEndsTheLinkWithPermit0(register: Int) {
    let bench = LinkBench()
    defer { bench.end() }
    #expect(bench.waitForLink())
    // A header overwrites what is in its way; nothing of ours goes out while the foreigner writes.
    bench.plc[register] = 4711
    let isHeader = register < 10
    #expect(
      bench.wait {
        if isHeader { bench.plc[register] = 4711 }
        return bench.isLost(.registersForeign)
      })
    #expect(bench.waitForLink(2))
    #expect(bench.plc[2] == 0)
    #expect(bench.link.health.lastFault.contains("somebody else"))
  }

  /// Forty starts in all, on eight links beside each other, because an epoch lasts a second at least.
  @Test(arguments: 0..<8)
  func aPLCThatStartsAnewWithItsHostBlockClearedIsNotAForeigner(link: Int) {
    let bench = LinkBench(poll: .milliseconds(2))
    defer { bench.end() }
    #expect(bench.waitForLink())
    for round in 1...5 as ClosedRange<UInt16> {
      let due = Instant.now + BlockSession.epochShortest + .milliseconds(Int64(20 * link))
      #expect(bench.wait { Instant.now >= due })
      bench.plc.memory.withLock { memory in
        for register in 0..<80 { memory.registers[register] = 0 }
        for offset in [4, 5, 8] { memory.registers[100 + offset] = 0 }
        memory.registers[109] = 100 + round
      }
      #expect(bench.waitForLink(LinkGeneration(round) + 1))
    }
    #expect(!bench.isLost(.registersForeign))
    #expect(bench.link.health.connections == 1)
  }

  // MARK: What a person wants to see

  @Test func bothBlocksAreShownWithNamesValuesAndChecks() throws {
    let bench = LinkBench()
    defer { bench.end() }
    #expect(bench.waitForLink())
    bench.post(.verdict(generation: 1, unit: 9, .accept))
    #expect(bench.wait { bench.plc[16 + 5] == 9 })
    bench.plc.set([100 + 16 + 8: 2, 100 + 16 + 9: 3, 100 + 16 + 10: 1, 100 + 16 + 11: 99])
    let shown = try #require(bench.link.registers(within: .milliseconds(5000)))
    #expect(shown.count == 1)
    let host = try #require(shown[0].host)
    let plc = try #require(shown[0].plc)
    #expect(host.header.count == 10 && plc.header.count == 10)
    #expect(host.header[9].name == "echo of the epoch" && host.header[9].value == 7)
    #expect(plc.header[9].address == 109 && plc.header[9].name == "epoch")
    #expect(host.slots.count == 16 && plc.slots.count == 16)
    #expect(host.slots[1].isRight == true && host.slots[1].unit == 9 && host.slots[1].word == 1)
    #expect(host.slots[0].isRight == nil)
    #expect(plc.slots[2].isRight == false && plc.slots[2].address == 100 + 16 + 8)
    #expect(bench.link.health.reconnections == 0)
  }

  @Test func registersOfAPLCThatIsGoneAreNotWaitedForWithoutEnd() {
    let bench = LinkBench()
    #expect(bench.waitForLink())
    bench.plc.stop()
    #expect(bench.wait { bench.link.health.connectedSince == nil })
    let begun = Instant.now
    let shown = bench.link.registers(within: .milliseconds(2000))
    #expect(Instant.now - begun < .milliseconds(4000))
    #expect(shown?.first?.host == nil)
    bench.link.stop()
  }

  // MARK: The second way to stop

  @Test func theStopCoilIsWrittenBeforeEverythingElse() {
    let bench = LinkBench()
    defer { bench.end() }
    #expect(bench.waitForLink())
    let ended = Guarded<[String?]>([])
    bench.link.writeCoil(plc: 0, address: 7, false, within: .milliseconds(5000)) { failure in
      ended.withLock { $0.append(failure) }
    }
    #expect(bench.wait { ended.withLock { $0.count } == 1 })
    #expect(ended.withLock { $0[0] } == nil)
    #expect(bench.plc.memory.withLock { $0.coils[7] } == false)
  }

  @Test func aStopCoilIsTriedAgainUntilItsTimeIsOver() {
    let bench = LinkBench(timeout: .milliseconds(100))
    defer { bench.end() }
    #expect(bench.waitForLink())
    let ended = Guarded<[String?]>([])
    bench.plc.trick(.silent)
    bench.plc.trick(.exception(4))
    bench.link.writeCoil(plc: 0, address: 7, false, within: .milliseconds(8000)) { failure in
      ended.withLock { $0.append(failure) }
    }
    #expect(bench.wait { ended.withLock { $0.count } == 1 })
    #expect(ended.withLock { $0[0] } == nil)
    #expect(bench.plc.memory.withLock { $0.coils[7] } == false)
    let errors = bench.link.health.errors
    bench.plc.memory.withLock { $0.isHung = true }
    #expect(bench.wait { bench.link.health.errors > errors })
    let begun = Instant.now
    bench.link.writeCoil(plc: 0, address: 8, false, within: .milliseconds(400)) { failure in
      ended.withLock { $0.append(failure) }
    }
    #expect(bench.wait { ended.withLock { $0.count } == 2 })
    #expect(ended.withLock { $0[1] } != nil)
    #expect(Instant.now - begun < .milliseconds(5000))
    bench.plc.memory.withLock { $0.isHung = false }
  }

  // MARK: PackML

  @Test func aPackMLCommandGoesWithPermit0UnderASequenceOfItsOwn() {
    let bench = LinkBench(words: [4: 17])
    defer { bench.end() }
    #expect(bench.waitForLink())
    bench.permit(1)
    #expect(bench.wait { bench.plc[2] == 1 })
    #expect(bench.plc[4] == 17 && bench.plc[5] == 0)
    bench.post(
      .header(HostHeader(generation: 1, stopReason: 5, command: .hold, commandNumber: 1)))
    #expect(bench.wait { bench.events.contains { $0.event == .commandDone(.hold) } })
    let first = bench.plc.writes.first { $0.address == 0 && $0.words[4] == 18 }
    #expect(first?.words[2] == 0 && first?.words[5] == 4)
    // The same number is the same command, however often the header goes out.
    #expect(
      bench.wait { bench.plc.writes.filter { $0.address == 0 }.last?.words[1] != first?.words[1] })
    #expect(bench.plc[4] == 18)
  }

  @Test func aCommandThatIsNotDoneIsToldOnceAndNoneIsSentAgainAfterAReconnection() {
    let bench = LinkBench()
    defer { bench.end() }
    #expect(bench.waitForLink())
    bench.plc.memory.withLock { $0.doesCommands = false }
    bench.post(
      .header(HostHeader(generation: 1, stopReason: 5, command: .abort, commandNumber: 1)))
    #expect(bench.wait { bench.events.contains { $0.event == .commandNotDone(.abort) } })
    let sequence = bench.plc[4]
    bench.plc.trick(.reset(afterDoing: false))
    #expect(bench.waitForLink(2))
    bench.post(.header(HostHeader(generation: 2, command: .abort, commandNumber: 1)))
    bench.post(.verdict(generation: 2, unit: 3, .noRead))
    #expect(bench.wait { bench.plc[16 + 5] == 3 })
    #expect(bench.plc[4] == sequence)
    #expect(bench.events.count { $0.event == .commandNotDone(.abort) } == 1)
  }
}
