import CLinux
import Glibc
import Line
import PLCLink
import Rings
import Synchronization

/// From the decision to stop to permit 0 in the PLC's memory, against a bare FC16 to the same server.
enum StopBench {
  /// The link may have begun a telegram when the decision falls, so one may go before.
  static let limit = 2.0

  /// Measures so many stops, each beside a bare telegram.
  static func run(_ report: inout Report, stops: Int) throws {
    let server = ModbusFloorServer()
    server[100] = 1
    server[109] = 7
    let turns = Turns()
    let link = PLCLink(
      PLCLink.Settings(
        name: "bench", host: "127.0.0.1", port: server.port,
        stations: [
          PLCLink.Station(number: 0, blocks: BlockSession.Settings(lost: .milliseconds(60_000)))
        ]), loopTurns: { turns.value.add(1, ordering: .relaxed).newValue }, wake: {})
    guard link.start() else { throw BenchError("no thread for the link") }
    defer { link.stop() }
    var generation: LinkGeneration = 0
    let end = monotonicNow() + 10_000_000_000
    while generation == 0, monotonicNow() < end {
      server[101] &+= 1
      while let event = link.events.pop() {
        if case .linked(let number, _, _) = event.event { generation = number }
      }
      usleepBriefly()
    }
    guard generation != 0 else { throw BenchError("the link did not come up") }
    let bare = try BareMaster(port: server.port)
    var ours = Samples()
    var floor = Samples()
    var ratios: [Double] = []
    for round in 0..<stops {
      while link.events.pop() != nil {}
      _ = link.post(
        StationOrder(station: 0, order: .header(HostHeader(generation: generation, permit: true))))
      guard wait(until: { server[2] == 1 }) else { throw BenchError("no permit") }
      // Another place in the poll's period each time.
      pause(microseconds: 1000 + (round * 937) % 10_000)
      server.watch(2)
      let decided = monotonicNow()
      _ = link.post(
        StationOrder(
          station: 0, order: .header(HostHeader(generation: generation, stopReason: 2))))
      var moment = server.waitForWrite(milliseconds: 1000)
      while moment != nil, server[2] != 0 {
        // A heartbeat went out in that very moment.
        server.watch(2)
        moment = server.waitForWrite(milliseconds: 1000)
      }
      guard let moment else { throw BenchError("the permit did not fall") }
      ours.add(moment - decided)
      pause(microseconds: 1000 + (round * 613) % 10_000)
      floor.add(try bare.write(at: LatencyBench.floorBase))
      if ours.values.count % 50 == 0 {
        ratios.append(
          Samples(values: Array(ours.values.suffix(50))).median
            / Samples(values: Array(floor.values.suffix(50))).median)
      }
    }
    let ratio = medianOf(ratios)
    report.figure(
      "decision to permit 0", "\(ours.text), ratio \(rounded(ratio)) to a bare FC16",
      aim: "at most \(limit)", isReached: ratio <= limit)
    report.remark("a bare FC16 and its answer: \(floor.text)")
  }

  private static func wait(until done: () -> Bool) -> Bool {
    let end = monotonicNow() + 5_000_000_000
    while !done() {
      if monotonicNow() >= end { return false }
      usleepBriefly()
    }
    return true
  }

  private static func pause(microseconds: Int) {
    var time = timespec(tv_sec: 0, tv_nsec: microseconds * 1000)
    nanosleep(&time, nil)
  }

  private final class Turns: Sendable {
    let value = Atomic<UInt64>(0)
  }
}

/// A Modbus client that does nothing but one write at a time, over a blocking socket.
private final class BareMaster {
  private let descriptor: Int32
  private var transaction: UInt16 = 0

  init(port: UInt16) throws {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    let descriptor = descriptor
    let connected = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
      }
    }
    guard connected else { throw BenchError("the bench's PLC takes no connection") }
    var one: Int32 = 1
    setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, 4)
  }

  deinit { close(descriptor) }

  /// Writes ten registers, as a header has; the nanoseconds from request to answer.
  func write(at address: Int) throws -> Int64 {
    transaction &+= 1
    var request: [UInt8] = [
      UInt8(transaction >> 8), UInt8(transaction & 0xFF), 0, 0, 0, 27, 1, 16, UInt8(address >> 8),
      UInt8(address & 0xFF), 0, 10, 20,
    ]
    request += [UInt8](repeating: 0, count: 20)
    var answer = [UInt8](repeating: 0, count: 64)
    let begun = monotonicNow()
    guard send(descriptor, request, request.count, Int32(MSG_NOSIGNAL)) == request.count,
      recv(descriptor, &answer, 64, 0) == 12
    else { throw BenchError("the bench's PLC did not answer") }
    return monotonicNow() - begun
  }
}
