import Foundation
import Line

/// Hits a second over a pool of 10 million, on one thread, and what a serial takes in memory.
///
/// Each hit is independent of the others, so the processor may have several under way, as a batch that is decided may.
enum PoolBench {
  static let serialCount = 10_000_000
  static let hits = 2_000_000
  static let rounds = 7

  static func run(_ report: inout Report, serials: Serials) throws -> SerialPool {
    let before = try residentBytes()
    let pool = try serials.pool()
    let each = Double(try residentBytes() - before) / Double(serials.count)
    report.figure(
      "pool memory",
      "\(rounded(each, 1)) resident bytes a serial, of \(grouped(Double(pool.count)))",
      aim: "48", isReached: each <= 48)

    // The wanted serials stand one after the other, so that only the pool's own memory is looked up at random.
    var numbers = Numbers(seed: 2)
    var order = numbers.order(of: serials.count, prefix: hits * 2)
    let misses = order.suffix(hits).flatMap { row in
      var serial = Array(serials.serial(Int(row)))
      // A small letter is in no serial of the bench.
      serial[7] = UInt8(ascii: "x")
      return serial
    }
    order.removeLast(hits)
    let wanted = order.flatMap { serials.serial(Int($0)) }
    var found: [Double] = []
    var missed: [Double] = []
    var read: [Double] = []
    var changed: [Double] = []
    for _ in 0..<rounds {
      var sum = 0
      found.append(rate { sum = rowSum(pool, wanted) })
      guard sum == order.reduce(0, { $0 + Int($1) }) else {
        throw BenchError("the pool found the wrong rows")
      }
      missed.append(rate { sum = rowSum(pool, misses) })
      guard sum == -hits else { throw BenchError("the pool found serials that are not there") }
      read.append(rate { sum = stateSum(pool, wanted) })
      guard sum == hits * Int(SerialState.allocated.rawValue) else {
        throw BenchError("the pool has wrong states")
      }
      changed.append(rate { sum = exchanges(pool, wanted, to: SerialPool.Word(state: .encoded)) })
      guard sum == hits else { throw BenchError("a state could not be changed") }
      guard exchanges(pool, wanted, to: SerialPool.Word(state: .allocated)) == hits else {
        throw BenchError("a state could not be changed back")
      }
    }
    let rate = medianOf(found)
    report.figure(
      "pool hits", "\(grouped(rate)) a second on one core, random", aim: "10,000,000",
      isReached: rate >= 10_000_000)
    report.remark(
      "\(grouped(medianOf(missed))) misses; \(grouped(medianOf(read))) hits with their state; "
        + "\(grouped(medianOf(changed))) hits with a state changed, a second")
    return pool
  }

  private static func rate(_ body: () -> Void) -> Double {
    let start = monotonicNow()
    body()
    return Double(hits) / (Double(monotonicNow() - start) / 1e9)
  }

  @inline(never)
  private static func rowSum(_ pool: SerialPool, _ wanted: [UInt8]) -> Int {
    let span = wanted.span
    var sum = 0
    for hit in 0..<hits {
      let start = hit &* Serials.length
      sum &+= Int(pool.row(of: span.extracting(start..<(start &+ Serials.length))) ?? -1)
    }
    return sum
  }

  @inline(never)
  private static func stateSum(_ pool: SerialPool, _ wanted: [UInt8]) -> Int {
    let span = wanted.span
    var sum = 0
    for hit in 0..<hits {
      let start = hit &* Serials.length
      guard let row = pool.row(of: span.extracting(start..<(start &+ Serials.length))) else {
        continue
      }
      sum &+= Int(pool.word(at: row).state.rawValue)
    }
    return sum
  }

  @inline(never)
  private static func exchanges(_ pool: SerialPool, _ wanted: [UInt8], to word: SerialPool.Word)
    -> Int
  {
    let span = wanted.span
    var sum = 0
    for hit in 0..<hits {
      let start = hit &* Serials.length
      guard let row = pool.row(of: span.extracting(start..<(start &+ Serials.length))) else {
        continue
      }
      if pool.exchange(at: row, expected: pool.word(at: row), new: word) { sum &+= 1 }
    }
    return sum
  }

  private static func residentBytes() throws -> Int {
    let text = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8)
    let fields = text.split(separator: " ")
    guard fields.count > 1, let pages = Int(fields[1]) else {
      throw BenchError("no memory statistics")
    }
    return pages * Int(sysconf(Int32(_SC_PAGESIZE)))
  }
}
