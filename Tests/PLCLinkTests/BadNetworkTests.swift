import CLinux
import Glibc
import Line
import Rings
import Synchronization
import Testing
import Threads

@testable import PLCLink

/// What networks, gateways and other people's Modbus stacks do to a link, and what must not come of it.
@Suite struct BadNetworkTests {
  @Test(
    arguments: [
      .wrongTransaction, .wrongUnit, .wrongFunction, .oneRegisterLess, .wrongLength, .halfAnAnswer,
      .twice,
    ] as [FakePLC.Trick])
  func anAnswerThatIsNotOursEndsTheConnection(trick: FakePLC.Trick) {
    let bench = LinkBench()
    defer { bench.end() }
    #expect(bench.waitForLink())
    bench.permit(1)
    #expect(bench.wait { bench.plc[2] == 1 })
    bench.plc.trick(trick)
    #expect(bench.waitForLink(2))
    #expect(bench.isLost(.telegramFailed))
    #expect(bench.plc[2] == 0)
    #expect(bench.link.health.errors == 1)
    // In step again: a verdict arrives, and what is read is what was asked for.
    bench.post(.verdict(generation: 2, unit: 5, .noRead))
    #expect(bench.wait { bench.plc[16 + 5] == 5 })
    bench.plc[104] = 6
    #expect(
      bench.wait {
        bench.events.contains {
          if case .changed(let snapshot, _) = $0.event { return snapshot.lastUnit == 6 }
          return false
        }
      })
  }

  @Test(
    arguments: [.wrongUnit, .wrongFunction, .oneRegisterLess, .wrongLength] as [FakePLC.Trick])
  func anAnswerToAWriteThatIsNotOursEndsTheConnection(trick: FakePLC.Trick) {
    let bench = LinkBench()
    defer { bench.end() }
    #expect(bench.waitForLink())
    bench.plc.trick(trick, onWriteTo: 16 + 4)
    bench.post(.verdict(generation: 1, unit: 9, .noRead))
    #expect(bench.waitForLink(2))
    #expect(bench.isLost(.telegramFailed))
    // It was carried out, so it stands in the ring; the next has the slot behind it.
    bench.post(.verdict(generation: 2, unit: 10, .noRead))
    #expect(bench.wait { bench.plc[16 + 8] == 2 })
    #expect(bench.plc[16 + 5] == 9 && bench.plc[16 + 9] == 10)
  }

  @Test(
    arguments: [
      (1, "Illegal function"), (2, "Illegal data address"), (3, "Illegal data value"),
      (4, "Slave device or server failure"), (5, "Acknowledge"),
      (6, "Slave device or server is busy"), (7, "Negative acknowledge"),
      (8, "Memory parity error"),
      (9, "registers from"), (10, "Gateway path unavailable"),
      (11, "Target device failed to respond"),
    ] as [(UInt8, String)])
  func anExceptionIsSaidInWordsWithThePlace(code: UInt8, words: String) {
    let bench = LinkBench()
    defer { bench.end() }
    #expect(bench.waitForLink())
    bench.plc.trick(.exception(code))
    #expect(bench.wait { bench.isLost(.telegramFailed) })
    let fault = bench.link.health.lastFault
    #expect(fault.contains(words) && fault.contains("registers from"), "\(fault)")
    #expect(bench.waitForLink(2))
  }

  @Test func aPLCThatAnswersSlowerThanTheHeartbeatIsDueIsStillPolled() {
    let bench = LinkBench()
    defer { bench.end() }
    #expect(bench.waitForLink())
    bench.permit(1)
    #expect(bench.wait { bench.plc[2] == 1 })
    // A header is due 75 ms after the last one went out: when it is answered, the next one is due already.
    bench.plc.memory.withLock { $0.answerTime = 90 }
    let first = bench.plc.writes.count
    #expect(bench.wait { bench.plc.writes.count >= first + 4 })
    let before = bench.plc.writes.count
    bench.plc[104] = 6
    #expect(
      bench.wait {
        bench.events.contains {
          if case .changed(let snapshot, _) = $0.event { return snapshot.lastUnit == 6 }
          return false
        }
      })
    let headers = bench.plc.writes.count - before
    #expect(headers < 10, "\(headers) headers went out before one poll")
  }

  @Test func aPLCThatIsSlowFromTheStartIsSaidBeforeItsLinkIsInStep() {
    let bench = LinkBench(lost: .milliseconds(100), answerTime: 90)
    defer { bench.end() }
    #expect(bench.wait { bench.isLost(.late) })
    #expect(!bench.isLinked(1))
    #expect(bench.link.health.telegrams > 0)
    #expect(bench.waitForLink())
    #expect(bench.events.count { $0.event == .lost(.late) } == 1)
  }

  @Test func aPLCWhoseEpochChangesWithoutPauseHasFewLinks() {
    let bench = LinkBench()
    defer { bench.end() }
    #expect(bench.waitForLink())
    var epoch: UInt16 = 100
    // The second epoch is followed at once; then they change within a second, and the connection ends each time.
    #expect(
      bench.wait {
        epoch += 1
        bench.plc[109] = epoch
        return bench.isLost(.epochUnsteady)
      })
    let links = bench.events.count { if case .linked = $0.event { true } else { false } }
    #expect(links <= 2, "\(links)")
    // When it comes to rest it is followed again.
    #expect(
      bench.wait {
        bench.events.contains {
          if case .linked(_, _, let snapshot) = $0.event { return snapshot.epoch == epoch }
          return false
        }
      })
  }

  @Test func aVerdictWhoseAnswerWasLostIsNotSentTwice() {
    let bench = LinkBench()
    defer { bench.end() }
    #expect(bench.waitForLink())
    bench.plc.trick(.reset(afterDoing: true), onWriteTo: 16 + 4)
    bench.post(.verdict(generation: 1, unit: 9, .accept))
    #expect(bench.waitForLink(2))
    #expect(bench.plc[16 + 4] == 1 && bench.plc[16 + 5] == 9)
    bench.post(.verdict(generation: 2, unit: 10, .noRead))
    #expect(bench.wait { bench.plc[16 + 8] == 2 })
    #expect(bench.plc[16 + 9] == 10)
    bench.plc[105] = 2
    #expect(bench.wait { bench.events.contains { $0.event == .taken(unit: 10, verdict: 2) } })
    let taken = bench.events.filter { $0.event == .taken(unit: 9, verdict: 1) }
    #expect(taken.count == 1)
  }

  @Test func anOldHostBlockFromAGatewaysCacheIsNotTakenForOurs() {
    let bench = LinkBench()
    defer { bench.end() }
    #expect(bench.waitForLink())
    // What the gateway keeps: the block after the handshake, before any verdict.
    bench.plc.memory.withLock { $0.cachedHostBlock = Array($0.registers[0..<80]) }
    bench.post(.verdict(generation: 1, unit: 9, .noRead))
    #expect(bench.wait { bench.plc[16 + 5] == 9 })
    bench.plc.trick(.reset(afterDoing: false))
    #expect(bench.wait { bench.isLost(.registersStale) })
    #expect(!bench.isLinked(2))
    bench.plc.memory.withLock { $0.cachedHostBlock = nil }
    #expect(bench.waitForLink(2))
    // Read back as it is, so the next verdict does not overwrite the one that the PLC has not taken.
    bench.post(.verdict(generation: 2, unit: 10, .noRead))
    #expect(bench.wait { bench.plc[16 + 9] == 10 })
    #expect(bench.plc[16 + 5] == 9)
  }

  @Test func anAcceptThatNeverArrivedDiesWithItsConnectionARejectDoesNot() {
    let bench = LinkBench()
    defer { bench.end() }
    #expect(bench.waitForLink())
    // While the link waits for an answer both verdicts come, so that they go out in one telegram, and are lost in one.
    bench.plc.trick(.late(100))
    let requests = bench.plc.memory.withLock { $0.requests }
    #expect(bench.wait { bench.plc.memory.withLock { $0.requests } > requests })
    bench.plc.trick(.reset(afterDoing: false), onWriteTo: 16 + 4)
    bench.post(.verdict(generation: 1, unit: 8, .trackingInDoubt))
    bench.post(.verdict(generation: 1, unit: 9, .accept))
    #expect(bench.waitForLink(2))
    #expect(bench.wait { bench.plc[16 + 4] == 1 })
    #expect(bench.plc[16 + 5] == 8 && bench.plc[16 + 6] == 15)
    bench.post(.verdict(generation: 2, unit: 10, .noRead))
    #expect(bench.wait { bench.plc[16 + 8] == 2 })
    #expect(bench.plc[16 + 9] == 10)
  }

  @Test func aPLCThatStartsAnewDuringAWriteGetsNoVerdictOfBefore() {
    let bench = LinkBench()
    defer { bench.end() }
    #expect(bench.waitForLink())
    bench.permit(1)
    #expect(bench.wait { bench.plc[2] == 1 })
    bench.plc.trick(.restart(epoch: 8), onWriteTo: 16 + 4)
    bench.post(.verdict(generation: 1, unit: 9, .accept))
    #expect(bench.waitForLink(2))
    #expect(
      bench.events.contains {
        if case .linked(2, newEpoch: true, let snapshot) = $0.event { return snapshot.epoch == 8 }
        return false
      })
    // Zeroed, echoed, stopped; and what is ordered for the epoch before dies.
    #expect((16..<80).allSatisfy { bench.plc[$0] == 0 })
    #expect(bench.plc[9] == 8 && bench.plc[2] == 0)
    bench.post(.verdict(generation: 1, unit: 10, .accept))
    bench.post(.verdict(generation: 2, unit: 1, .noRead))
    #expect(bench.wait { bench.plc[16 + 4] == 1 })
    #expect(bench.plc[16 + 5] == 1)
    #expect(!bench.events.contains { $0.event == .taken(unit: 9, verdict: 1) })
    #expect(bench.link.health.connections == 1)
  }

  @Test func aServerThatHangsIsSeenAsLostAndComesBackByItself() {
    let bench = LinkBench(timeout: .milliseconds(100))
    defer { bench.end() }
    #expect(bench.waitForLink())
    bench.permit(1)
    #expect(bench.wait { bench.plc[2] == 1 })
    // Its kernel goes on taking connections and bytes, as a gateway does whose PLC is gone.
    bench.plc.memory.withLock { $0.isHung = true }
    #expect(bench.wait { bench.isLost(.telegramFailed) })
    let errors = bench.link.health.errors
    #expect(bench.wait { bench.link.health.errors > errors })
    // Connected to a kernel that answers nothing is not connected.
    #expect(bench.link.health.connectedSince == nil)
    #expect(bench.link.health.connections == 1)
    bench.plc.memory.withLock { $0.isHung = false }
    #expect(bench.waitForLink(2))
    #expect(bench.link.health.connectedSince != nil)
    #expect(bench.plc[2] == 0)
  }

  @Test func aPLCThatHangsDoesNotHoldUpAnother() {
    let hung = LinkBench(timeout: .milliseconds(5000))
    let other = LinkBench()
    defer {
      hung.plc.memory.withLock { $0.isHung = false }
      hung.end()
      other.end()
    }
    #expect(hung.waitForLink() && other.waitForLink())
    hung.plc.memory.withLock { $0.isHung = true }
    for unit in 1...50 as ClosedRange<UInt16> {
      other.post(.verdict(generation: 1, unit: unit, .noRead))
      #expect(other.wait { other.plc[16 + 4 * Int(unit % 16)] == unit })
      other.plc[105] = unit
      #expect(other.wait { other.events.last?.event == .taken(unit: unit, verdict: 2) })
    }
    #expect(other.link.health.errors == 0 && other.link.health.reconnections == 0)
    // All that while the first waited for one answer.
    #expect(hung.link.health.errors == 0)
  }

  @Test func stopEndsInTimeWhileAServerHangs() {
    let bench = LinkBench(timeout: .milliseconds(200))
    #expect(bench.waitForLink())
    bench.plc.memory.withLock { $0.isHung = true }
    #expect(bench.wait { bench.link.health.errors > 0 })
    let begun = Instant.now
    bench.link.stop()
    #expect(Instant.now - begun < .milliseconds(2000))
    bench.plc.stop()
  }

  @Test func aStopThatFindsTheOrdersFullTakesThePermitAllTheSame() {
    let bench = LinkBench(timeout: .milliseconds(5000))
    defer { bench.end() }
    #expect(bench.waitForLink())
    bench.permit(1)
    #expect(bench.wait { bench.plc[2] == 1 })
    // While the link waits for an answer the line orders more than the ring holds, and the stop is what finds no room.
    bench.plc.trick(.late(500))
    let requests = bench.plc.memory.withLock { $0.requests }
    #expect(bench.wait { bench.plc.memory.withLock { $0.requests } > requests })
    var refused = false
    for _ in 0..<(2 * PLCLink.ordersMax) where !refused {
      refused = !bench.link.post(
        StationOrder(station: 0, order: .recorded(generation: 0, outcome: 1)))
    }
    #expect(refused)
    #expect(
      !bench.link.post(
        StationOrder(station: 0, order: .header(HostHeader(generation: 1, stopReason: 4)))))
    #expect(bench.wait { bench.plc[2] == 0 })
    #expect(bench.waitForLink(2))
    #expect(bench.isLost(.reconnecting))
    #expect(bench.link.health.lastFault.contains("orders"))
  }

  @Test func aHostThatSwallowsConnectionsIsGivenUpAfterTheTimeout() throws {
    let hole = BlackHole()
    let link = PLCLink(
      PLCLink.Settings(
        name: "plc-1", host: "127.0.0.1", port: hole.port, timeout: .milliseconds(100),
        stations: [PLCLink.Station(number: 0, blocks: BlockSession.Settings())]),
      loopTurns: { 1 }, wake: {})
    let begun = Instant.now
    #expect(link.start())
    let waiter = Bell()
    while link.health.lastFault.isEmpty, Instant.now - begun < .milliseconds(10_000) {
      waiter.wait(.milliseconds(5)) { false }
    }
    #expect(
      link.health.lastFault == "connecting to 127.0.0.1 port \(hole.port): no answer in time")
    #expect(link.events.pop()?.event == .lost(.cannotConnect))
    // The thread lives, and ends at once.
    let turns = link.turns
    while link.turns == turns, Instant.now - begun < .milliseconds(10_000) {
      waiter.wait(.milliseconds(5)) { false }
    }
    #expect(link.turns > turns)
    let stopping = Instant.now
    link.stop()
    #expect(Instant.now - stopping < .milliseconds(1000))
  }

  @Test func stopEndsAtOnceWhileANameIsLookedUp() {
    let link = PLCLink(
      PLCLink.Settings(
        name: "plc-1", host: "no-such-host.invalid", timeout: .milliseconds(200),
        stations: [PLCLink.Station(number: 0, blocks: BlockSession.Settings())]),
      loopTurns: { 1 }, wake: {})
    #expect(link.start())
    let begun = Instant.now
    link.stop()
    #expect(Instant.now - begun < .milliseconds(1000))
  }

  @Test func anotherMapVersionIsToldAndGetsNothingButPermit0() {
    let bench = LinkBench()
    defer { bench.end() }
    #expect(bench.waitForLink())
    bench.permit(1)
    #expect(bench.wait { bench.plc[2] == 1 })
    bench.plc[100] = 2
    #expect(
      bench.wait {
        bench.events.contains {
          if case .changed(let snapshot, _) = $0.event { return snapshot.mapVersion == 2 }
          return false
        }
      })
    #expect(bench.wait { bench.plc[2] == 0 && bench.plc[9] == 0 })
    let count = bench.plc.writes.count
    bench.post(.verdict(generation: 1, unit: 9, .accept))
    bench.permit(1)
    // Our heartbeat goes on, so that the PLC's programmer sees a live host; the ring stays untouched.
    #expect(bench.wait { bench.plc.writes.count >= count + 3 })
    #expect(bench.plc.writes.suffix(from: count).allSatisfy { $0.address == 0 && $0.words[2] == 0 })
    bench.plc[100] = 1
    #expect(bench.waitForLink(2))
  }

  @Test func aVerdictNotTakenFor1SecondIsToldOverTheWire() {
    let bench = LinkBench()
    defer { bench.end() }
    #expect(bench.waitForLink())
    let begun = Instant.now
    bench.post(.verdict(generation: 1, unit: 9, .noRead))
    #expect(bench.wait { bench.events.contains { $0.event == .verdictNotTaken(unit: 9) } })
    #expect(Instant.now - begun >= BlockSession.patience)
  }
}

/// A port on the loopback whose listener takes nobody: connections to it are neither accepted nor refused.
private final class BlackHole {
  let port: UInt16
  private let listener: Int32
  private var clients: [Int32] = []

  init() {
    listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let descriptor = listener
    let listens = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { general in
        bind(descriptor, general, length) == 0 && listen(descriptor, 0) == 0
          && getsockname(descriptor, general, &length) == 0
      }
    }
    precondition(listens, "the test's listener has no port")
    port = UInt16(bigEndian: address.sin_port)
    // Fills the queue of connections that wait to be accepted; from then on the kernel drops what comes.
    var isFull = false
    while !isFull, clients.count < 16 {
      let client = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
      withUnsafeMutablePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { general in
          _ = connect(client, general, length)
        }
      }
      clients.append(client)
      var polled = pollfd(fd: client, events: Int16(POLLOUT), revents: 0)
      isFull = poll(&polled, 1, 100) == 0
    }
    precondition(isFull, "the test's listener takes everybody")
  }

  deinit {
    for client in clients { close(client) }
    close(listener)
  }
}
