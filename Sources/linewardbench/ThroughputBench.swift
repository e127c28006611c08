import Alarms
import CFloors
import Daemon
import Devices
import Foundation
import Line
import PLCLink
import Records
import Rings
import Synchronization
import Threads

/// Durable verdicts a second through the real line loop and the real store, with simulated devices, against a plain C
/// loop that writes the same rows.
///
/// The feeder plays scanner and PLC: it publishes a trigger and its message and answers every accept with its
/// taking. It keeps a bounded number of units under way: the line stops when 1,024 have no end. Serials come in random
/// order out of a pool of 10 million.
enum ThroughputBench {
  static let underWayMax = 900
  static let verdicts = 200_000
  static let rounds = 9
  static let rateAim = 100_000.0
  static let shareAim = 0.7

  static func run(_ report: inout Report, folder: URL, serials: Serials, pool: SerialPool) throws {
    var numbers = Numbers(seed: 3)
    let order = numbers.order(of: serials.count, prefix: verdicts * rounds)
    var rates: [Double] = []
    var floors: [Double] = []
    var shares: [Double] = []
    var text = ""
    for round in 0..<rounds {
      let directory = folder.appendingPathComponent("throughput-\(round)")
      defer { try? FileManager.default.removeItem(at: directory) }
      let part = order[(round * verdicts)..<((round + 1) * verdicts)]
      let messages = part.map { row in
        Array("]d2010950600013435221".utf8) + serials.serial(Int(row))
          + Array("\u{1D}1727123110LOT1".utf8)
      }
      let run = try Run(directory: directory.path, pool: pool)
      let seconds = try run.feed(messages)
      let group = max(1, Double(run.records) / Double(run.commits))
      var rows: Int64 = 0
      let time = cfloors_rows(
        directory.path + "/records.sqlite", directory.path + "/floor.sqlite",
        Int32(group.rounded()), &rows)
      guard time > 0, rows == run.records else { throw BenchError("the floor wrote no rows") }
      let rate = Double(verdicts) / seconds
      let floor = Double(verdicts) / (Double(time) / 1e9)
      rates.append(rate)
      floors.append(floor)
      shares.append(rate / floor)
      text = "\(grouped(Double(rows))) rows, \(grouped(group)) in a transaction"
    }
    let rate = medianOf(rates)
    report.figure(
      "durable verdicts", "\(grouped(rate)) a second through the line loop",
      aim: grouped(rateAim), isReached: rate >= rateAim)
    let share = medianOf(shares)
    report.figure(
      "of the same rows in C", "\(rounded(share)) of \(grouped(medianOf(floors))) a second",
      aim: "\(shareAim)", isReached: share >= shareAim)
    report.remark(
      "\(rounds) rounds of \(grouped(Double(verdicts))) verdicts, \(text); C takes no hashes")
  }

  /// One line from its start to its end.
  private final class Run {
    private let loop: LineLoop
    private let frames = FrameRing(capacity: 1 << 22)
    private let events = SPSCRing<StationEvent>(capacity: 1 << 14)
    private let shared: Shared
    private let store: RecordStore
    private let pool: SerialPool
    private var snapshot = PLCSnapshot(mapVersion: 1, inputs: .conveyorMoving, epoch: 1)
    // Units come 100 ms apart by the moments that they bear, which run ahead of the clock: closer ones would be no line
    // that a scanner could follow, and tracking would be in doubt, rightly.
    private var moment = monotonicNow()

    /// What the loop's thread tells the feeder.
    private final class Shared: @unchecked Sendable {
      // Kept true by: `loop` is set before the loop's thread starts, `turn` belongs to that thread.
      let answered = Atomic<Int>(0)
      let commits = Atomic<Int>(0)
      unowned var loop: LineLoop?
      private var turn = UInt64.max

      func posted(_ order: PLCOrder) {
        guard case .verdict(_, _, .accept, _) = order else { return }
        // All accepts of a turn come after its one commit.
        if let now = loop?.turns, now != turn {
          turn = now
          commits.add(1, ordering: .relaxed)
        }
        answered.add(1, ordering: .releasing)
      }
    }

    init(directory: String, pool: SerialPool) throws {
      self.pool = pool
      let settings = LineSettings(
        line: "BENCH", scanners: [ScannerSettings(name: "camera-1")],
        stations: [
          StationSettings(
            name: "unit-1", plc: "plc-1", scanners: [0], slots: 32, gateOutcomes: false)
        ], limits: LineSettings.Limits())
      var core = LineController(settings: settings)
      core.begin(detail: "bench", wall: 0)
      store = try RecordStore(directory: directory, line: "BENCH")
      let shared = Shared()
      self.shared = shared
      loop = LineLoop(
        recovery: LineLoop.Recovery(store: store, core: core), frames: frames, plcRings: [events],
        recover: { () throws(StorageFault) in fatalError("the bench does not recover") },
        post: { _, order in
          shared.posted(order)
          return true
        }, notices: { _ in })
      shared.loop = loop
    }

    /// Commits that had verdicts in them, and all records of the run; after `feed`.
    var commits: Int { shared.commits.load(ordering: .relaxed) }
    var records: Int64 { store.lastSequence }

    private var answered: Int { shared.answered.load(ordering: .acquiring) }

    /// Waits for a condition without end being possible.
    private func wait(until condition: () -> Bool) throws {
      let deadline = monotonicNow() + 10_000_000_000
      while !condition() {
        guard monotonicNow() < deadline else { throw BenchError("the line loop stands still") }
        loop.bell.ring()
        usleepBriefly()
      }
    }

    /// How many nanoseconds later than asked for the feeder may wake; 0: as usual, which is 50,000.
    ///
    /// So much later than a PLC it would answer each commit, with the loop waiting for it. The feeder is the main thread, which
    /// `self` names; the loop's own thread is there already and keeps what it has.
    private static func setTimerSlack(_ nanoseconds: Int) {
      FileHandle(forWritingAtPath: "/proc/self/timerslack_ns")?.write(Data("\(nanoseconds)".utf8))
    }

    private func publish(_ event: PLCEvent) throws {
      let event = StationEvent(station: 0, at: moment, event: event)
      if !events.push(event) { try wait { events.push(event) } }
    }

    private func publish(_ kind: ScannerEvent, _ bytes: [UInt8]) throws {
      try bytes.withUnsafeBytes { bytes in
        if !frames.push(kind: kind.rawValue, source: 0, at: moment, bytes: bytes) {
          try wait { frames.push(kind: kind.rawValue, source: 0, at: moment, bytes: bytes) }
        }
      }
    }

    private func start() throws {
      loop.start()
      try publish(.linked(generation: 1, newEpoch: true, snapshot))
      try publish(.online, [])
      let ready = DispatchSemaphore(value: 0)
      let batch = Batch(
        number: 1, id: "BENCH", gtin: "09506000134352", lot: "LOT1", expiry: "271231",
        poolCount: pool.count, serialsHash: [], pool: pool)
      for command in [
        LineCommand.batchOpen(batch, description: []), .batchStart(id: nil), .release,
      ] {
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
    }

    /// Sends a trigger for each message; the seconds until the last accept has left.
    func feed(_ messages: [[UInt8]]) throws -> Double {
      try start()
      defer { loop.stop() }
      Run.setTimerSlack(1)
      defer { Run.setTimerSlack(0) }
      let start = monotonicNow()
      var taken = 0
      var takenUnit: UInt16 = 0
      for number in messages.indices {
        if number - answered >= underWayMax {
          try wait { number - answered < underWayMax }
        }
        snapshot.lastUnit = Counter.next(after: snapshot.lastUnit)
        // The message first, a little before its trigger: however the loop takes turns at the two rings, it never sees the
        // next unit's trigger before it.
        moment += 95_000_000
        try publish(.message, messages[number])
        moment += 5_000_000
        try publish(.changed(snapshot))
        // The PLC takes what was sent to it, and nothing before.
        while taken < answered {
          takenUnit = Counter.next(after: takenUnit)
          taken += 1
          try publish(.taken(unit: takenUnit, verdict: 1))
        }
        if number % 64 == 0 { loop.bell.ring() }
      }
      try wait { answered == messages.count }
      return Double(monotonicNow() - start) / 1e9
    }
  }
}
