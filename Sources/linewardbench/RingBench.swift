import CFloors
import Line
import PLCLink
import Rings
import Synchronization

/// Our rings against a ring in C++ of the usual kind, between two threads, by the same race and the same way of waiting.
///
/// Ours and theirs take turns; the ratio is the median over the turns, because the machine drifts.
enum RingBench {
  static let rounds = 15
  static let elements: UInt64 = 2_000_000
  static let echoes: UInt64 = 20_000
  static let capacity = 1024

  static func run(_ report: inout Report) throws {
    try compare(
      &report, "ring of 8 bytes", count: elements, ours: numbers,
      theirs: { cfloors_ring(8, elements, UInt64(capacity)) })
    let size = Int32(MemoryLayout<StationEvent>.stride)
    try compare(
      &report, "ring of PLC events", count: elements, ours: events,
      theirs: { cfloors_ring(size, elements, UInt64(capacity)) })
    try compare(
      &report, "ring of frames", count: elements, ours: frames,
      theirs: { cfloors_ring_of_frames(elements, UInt64(capacity)) })
    try compare(
      &report, "ring to and fro", count: echoes, ours: echo,
      theirs: { cfloors_ring_echo(echoes, UInt64(capacity)) })
  }

  private static func compare(
    _ report: inout Report, _ name: String, count: UInt64, ours: () throws -> Int64,
    theirs: () -> Int64
  ) throws {
    var times: [[Double]] = [[], []]
    var ratios: [Double] = []
    for round in 0...rounds {
      let time = Double(try ours()) / Double(count)
      let floor = Double(theirs()) / Double(count)
      guard time > 0, floor > 0 else { throw BenchError("\(name): no thread, or not in order") }
      // The first round finds memory and processors cold.
      guard round > 0 else { continue }
      times[0].append(time)
      times[1].append(floor)
      ratios.append(time / floor)
    }
    let ratio = medianOf(ratios)
    report.figure(
      name,
      "\(rounded(medianOf(times[0]), 1)) ns, C++ \(rounded(medianOf(times[1]), 1)) ns an element, "
        + "ratio \(rounded(ratio))", aim: "at least as fast (1.05 is the same)",
      isReached: ratio <= 1.05)
  }

  /// What both ends of a race share.
  private final class Race {
    let producer: () -> Void
    let consumer: () -> Void

    init(producer: @escaping () -> Void, consumer: @escaping () -> Void) {
      self.producer = producer
      self.consumer = consumer
    }

    private static func at(_ context: UnsafeMutableRawPointer?) -> Race? {
      context.map { Unmanaged<Race>.fromOpaque($0).takeUnretainedValue() }
    }

    func run() -> Int64 {
      cfloors_race(
        { Race.at($0)?.producer() }, { Race.at($0)?.consumer() },
        Unmanaged.passUnretained(self).toOpaque())
    }
  }

  private static func numbers() throws -> Int64 {
    let ring = SPSCRing<UInt64>(capacity: capacity)
    var inOrder = true
    let race = Race {
      for number in 0..<elements {
        var tries: UInt32 = 0
        while !ring.push(number) { cfloors_relax(&tries) }
      }
    } consumer: {
      for number in 0..<elements {
        var tries: UInt32 = 0
        while true {
          if let element = ring.pop() {
            if element != number { inOrder = false }
            break
          }
          cfloors_relax(&tries)
        }
      }
    }
    let time = race.run()
    return inOrder ? time : -1
  }

  private static func events() throws -> Int64 {
    let ring = SPSCRing<StationEvent>(capacity: capacity)
    var inOrder = true
    let race = Race {
      for number in 0..<elements {
        let event = StationEvent(
          station: 0, at: Int64(number), event: .taken(unit: 1, verdict: 1))
        var tries: UInt32 = 0
        while !ring.push(event) { cfloors_relax(&tries) }
      }
    } consumer: {
      for number in 0..<elements {
        var tries: UInt32 = 0
        while true {
          if let event = ring.pop() {
            if event.at != Int64(number) { inOrder = false }
            break
          }
          cfloors_relax(&tries)
        }
      }
    }
    let time = race.run()
    return inOrder ? time : -1
  }

  private static func frames() throws -> Int64 {
    // As many frames at most as the ring in C++ has places for records.
    let ring = FrameRing(capacity: capacity * 64, frameBytesMax: 64)
    var inOrder = true
    let race = Race {
      let scan = UnsafeMutableRawBufferPointer.allocate(byteCount: 64, alignment: 8)
      defer { scan.deallocate() }
      scan.initializeMemory(as: UInt8.self, repeating: 0)
      for number in 0..<elements {
        scan.storeBytes(of: number, as: UInt64.self)
        let frame = UnsafeRawBufferPointer(
          start: scan.baseAddress, count: Int(cfloors_frame_length(number)))
        var tries: UInt32 = 0
        while !ring.push(kind: 1, source: 0, at: Int64(number), bytes: frame) {
          cfloors_relax(&tries)
        }
      }
    } consumer: {
      for number in 0..<elements {
        var tries: UInt32 = 0
        while !ring.pop({ _, _, at, bytes in
          if bytes.load(as: UInt64.self) != number || at != Int64(number)
            || bytes.count != Int(cfloors_frame_length(number))
          {
            inOrder = false
          }
        }) {
          cfloors_relax(&tries)
        }
      }
    }
    let time = race.run()
    return inOrder ? time : -1
  }

  private static func echo() throws -> Int64 {
    let there = SPSCRing<UInt64>(capacity: capacity)
    let back = SPSCRing<UInt64>(capacity: capacity)
    let race = Race {
      for round in 0..<echoes {
        var tries: UInt32 = 0
        while !there.push(round) { cfloors_relax(&tries) }
        while back.pop() == nil { cfloors_relax(&tries) }
      }
    } consumer: {
      for round in 0..<echoes {
        var tries: UInt32 = 0
        while there.pop() == nil { cfloors_relax(&tries) }
        while !back.push(round) { cfloors_relax(&tries) }
      }
    }
    return race.run()
  }
}
