import CAllocations
import GS1

/// The message of a medicine pack, parsed and fully checked, pairings included; and refused.
///
/// Its floor is a checksum over the same bytes: every parser has to look at each of them once.
struct GS1Bench {
  /// Medians of the blocks, in nanoseconds a message.
  private(set) var parse = Double.nan
  private(set) var refusal = Double.nan
  private(set) var floor = Double.nan
  /// Heap allocations of all messages together, parsed and refused.
  private(set) var allocations: UInt64 = 0

  /// At most this many nanoseconds a message, at the median.
  static let aim = 400.0

  var isReached: Bool { parse <= Self.aim && refusal <= Self.aim && allocations == 0 }

  func add(to report: inout Report) {
    report.figure(
      "GS1 message",
      "\(rounded(parse, 0)) ns parsed, \(rounded(refusal, 0)) ns refused, \(allocations) allocations, "
        + "\(rounded(parse / floor, 1)) × a checksum over its bytes",
      aim: "\(rounded(Self.aim, 0)) ns and 0", isReached: isReached)
  }

  /// Blocks are short, so that little else on the machine cuts into one; the kinds alternate.
  init(blocks: Int = 4000) {
    let good = Self.scans(lot: "LOT4711")
    // A blank is in no character set, so these break at their last byte but two.
    let bad = Self.scans(lot: "LOT4 11")
    var times: [[Double]] = [[], [], []]
    for kind in times.indices { times[kind].reserveCapacity(blocks) }
    var kept: UInt64 = 0
    for _ in 0..<blocks {
      let before = callocations_of_this_thread()
      let start = monotonicNow()
      for scan in good { kept &+= Self.elementCount(of: scan) }
      let parsed = monotonicNow()
      for scan in bad { kept &+= Self.elementCount(of: scan) }
      let refused = monotonicNow()
      for scan in good { kept &+= Self.checksum(of: scan) }
      let end = monotonicNow()
      allocations += callocations_of_this_thread() - before
      times[0].append(Double(parsed - start) / Double(good.count))
      times[1].append(Double(refused - parsed) / Double(bad.count))
      times[2].append(Double(end - refused) / Double(good.count))
    }
    // So that no part of the work may be left out.
    precondition(kept != 0)
    parse = medianOf(times[0])
    refusal = medianOf(times[1])
    floor = medianOf(times[2])
  }

  /// `]d2` 01 21 GS 17 10 with serials of 14 characters, 64 different ones.
  private static func scans(lot: String) -> [[UInt8]] {
    (0..<64).map { number in
      let serial = "K7F3" + String(1_000_000_000 + number * 7_654_321)
      return Array("]d2010950600013435221\(serial)\u{1D}1727123110\(lot)".utf8)
    }
  }

  /// Four, or none for a message refused.
  @inline(never)
  private static func elementCount(of scan: [UInt8]) -> UInt64 {
    do throws(GS1Error) {
      return UInt64(try Message.parse(scan.span).count)
    } catch {
      return 0
    }
  }

  @inline(never)
  private static func checksum(of scan: [UInt8]) -> UInt64 {
    let bytes = scan.span
    var sum: UInt64 = 0
    for index in bytes.indices { sum = sum &* 31 &+ UInt64(bytes[index]) }
    return sum
  }
}
