import CAllocations
import Devices

/// The framer over messages of packs as a scanner sends them: whole, and dripped in pieces of a USB packet.
///
/// Its floor is a look for the suffix's last byte: every framer has to look at each byte once.
struct FramerBench {
  /// At most this many nanoseconds a byte, at the median.
  static let aim = 5.0

  static func run(_ report: inout Report, blocks: Int = 2000) {
    let frame = Array(
      "\u{02}]d20109506000134352172712311\u{1D}10A7K2\u{1D}21K7F31000000000\r\n".utf8)
    let stream = [[UInt8]](repeating: frame, count: 64).flatMap(\.self)
    for (name, piece) in [("whole reads", 4096), ("pieces of 16 bytes", 16)] {
      var framer = Framer(prefix: [0x02], suffix: [0x0D, 0x0A])
      var times: [Double] = []
      var floors: [Double] = []
      times.reserveCapacity(blocks)
      floors.reserveCapacity(blocks)
      var kept: UInt64 = 0
      var allocations: UInt64 = 0
      for _ in 0..<blocks {
        let before = callocations_of_this_thread()
        let start = monotonicNow()
        kept &+= messages(&framer, stream, piece: piece)
        let framed = monotonicNow()
        kept &+= looks(stream)
        let end = monotonicNow()
        allocations += callocations_of_this_thread() - before
        times.append(Double(framed - start) / Double(stream.count))
        floors.append(Double(end - framed) / Double(stream.count))
      }
      precondition(kept == UInt64(2 * 64 * blocks), "messages are missing")
      let time = medianOf(times)
      report.figure(
        "framer, \(name)",
        "\(rounded(time)) ns a byte, \(allocations) allocations, "
          + "\(rounded(time / medianOf(floors), 1)) × a look for the suffix",
        aim: "\(rounded(aim, 0)) ns and 0", isReached: time <= aim && allocations == 0)
    }
  }

  @inline(never)
  private static func messages(_ framer: inout Framer, _ stream: [UInt8], piece: Int) -> UInt64 {
    var count: UInt64 = 0
    stream.withUnsafeBytes { bytes in
      var start = 0
      while start < bytes.count {
        let end = min(start + piece, bytes.count)
        framer.append(UnsafeRawBufferPointer(rebasing: bytes[start..<end])) { _ in count += 1 }
        start = end
      }
    }
    return count
  }

  @inline(never)
  private static func looks(_ stream: [UInt8]) -> UInt64 {
    let bytes = stream.span
    var count: UInt64 = 0
    for index in bytes.indices where bytes[index] == 0x0A { count += 1 }
    return count
  }
}
