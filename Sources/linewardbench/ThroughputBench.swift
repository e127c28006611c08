import Alarms
import Daemon
import Devices
import Foundation
import Line
import PLCLink
import Records
import Rings
import Synchronization
import Threads

/// Durable verdicts a second through the real line loop and the real store, with simulated devices.
///
/// The feeder plays scanner and PLC: it publishes a trigger and its message and answers every accept with its
/// outcome. It keeps a bounded number of units under way: the line stops when 1,024 have no end.
enum ThroughputBench {
  static let underWayMax = 900

  static func run(folder: URL, verdicts: Int) throws -> Double {
    let directory = folder.appendingPathComponent("throughput").path
    let pool = SerialPool(capacity: verdicts)
    for number in 0..<verdicts {
      _ = pool.add(Array(LatencyBench.serialText(number).utf8).span)
    }
    let settings = LineSettings(
      line: "BENCH", scanners: [ScannerSettings(name: "camera-1")],
      stations: [
        StationSettings(
          name: "unit-1", plc: "plc-1", scanners: [0], slots: 32, gateOutcomes: false)
      ], limits: LineSettings.Limits())
    let answered = Atomic<Int>(0)
    let frames = FrameRing(capacity: 1 << 22)
    let events = SPSCRing<StationEvent>(capacity: 1 << 14)
    var core = LineController(settings: settings)
    core.begin(detail: "bench", wall: 0)
    let store = try RecordStore(directory: directory, line: "BENCH")
    let loop = LineLoop(
      recovery: LineLoop.Recovery(store: store, core: core), frames: frames, plcRings: [events],
      recover: { () throws(StorageFault) in fatalError("the bench does not recover") },
      post: { _, order in
        if case .verdict(_, _, .accept) = order { answered.add(1, ordering: .releasing) }
        return true
      }, notices: { _ in })
    loop.start()
    defer { loop.stop() }

    // Units come 100 ms apart by the moments that they bear, which run ahead of the clock: closer ones would be no line
    // that a scanner could follow, and tracking would be in doubt, rightly.
    var moment = monotonicNow()
    func publish(_ event: PLCEvent) throws {
      let deadline = monotonicNow() + 10_000_000_000
      while !events.push(StationEvent(station: 0, at: moment, event: event)) {
        guard monotonicNow() < deadline else { throw BenchError("the line loop stands still") }
        loop.bell.ring()
        usleepBriefly()
      }
    }
    var snapshot = PLCSnapshot(mapVersion: 1, inputs: .conveyorMoving, epoch: 1)
    try publish(.linked(generation: 1, newEpoch: true, snapshot))
    _ = "".utf8.withContiguousStorageIfAvailable { bytes in
      frames.push(
        kind: ScannerEvent.online.rawValue, source: 0, at: moment,
        bytes: UnsafeRawBufferPointer(bytes))
    }
    let ready = DispatchSemaphore(value: 0)
    let batch = Batch(
      number: 1, id: "BENCH", gtin: "09506000134352", lot: "LOT1", expiry: "271231",
      poolCount: verdicts, serialsHash: [], pool: pool)
    for command in [LineCommand.batchOpen(batch, description: []), .batchStart(id: nil), .release] {
      loop.send(
        .command(command, actor: "bench") { result in
          if case .done = result { ready.signal() } else { say("bench: \(result)") }
        })
      guard ready.wait(timeout: .now() + .seconds(10)) == .success else {
        throw BenchError("the bench's line did not start")
      }
    }
    snapshot.permitObeyed = true
    try publish(.changed(snapshot))

    let start = monotonicNow()
    var unit: UInt16 = 0
    var taken = 0
    var takenUnit: UInt16 = 0
    for number in 0..<verdicts {
      let deadline = monotonicNow() + 10_000_000_000
      while number - answered.load(ordering: .acquiring) >= underWayMax {
        guard monotonicNow() < deadline else { throw BenchError("the line loop stands still") }
        usleepBriefly()
      }
      unit = Counter.next(after: unit)
      snapshot.lastUnit = unit
      // The message first, a little before its trigger: however the loop takes turns at the two rings, it never sees the
      // next unit's trigger before it.
      moment += 95_000_000
      let bytes = LatencyBench.message(LatencyBench.serialText(number)).dropLast(2)
      while !bytes.withUnsafeBytes({
        frames.push(kind: ScannerEvent.message.rawValue, source: 0, at: moment, bytes: $0)
      }) {
        guard monotonicNow() < deadline else { throw BenchError("the line loop stands still") }
        usleepBriefly()
      }
      moment += 5_000_000
      try publish(.changed(snapshot))
      // The PLC takes what was sent to it, and nothing before.
      while taken < answered.load(ordering: .acquiring) {
        takenUnit = Counter.next(after: takenUnit)
        taken += 1
        try publish(.taken(unit: takenUnit, verdict: 1))
      }
      if number % 64 == 0 { loop.bell.ring() }
    }
    loop.bell.ring()
    let deadline = monotonicNow() + 30_000_000_000
    while answered.load(ordering: .acquiring) < verdicts {
      guard monotonicNow() < deadline else { throw BenchError("verdicts are missing at the end") }
      usleepBriefly()
    }
    return Double(verdicts) / (Double(monotonicNow() - start) / 1e9)
  }
}
