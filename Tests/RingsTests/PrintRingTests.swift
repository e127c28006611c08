import Rings
import Testing

@Suite("Print ring") struct PrintRingTests {
  @Test("a line is 32 bytes, and its bytes come back as they went in")
  func layout() {
    #expect(MemoryLayout<PrintLine>.stride == 32)
    for count in 0...25 {
      let bytes = (0..<count).map { UInt8(0x41 + $0) }
      let line = PrintLine(.bad, at: 7, code: 3, bytes: bytes)
      #expect(line.bytes == Array(bytes.prefix(20)) && line.code == 3 && line.at == 7)
    }
  }

  @Test("what finds no room is refused and counted, and what is in keeps its order")
  func full() {
    let ring = PrintRing(capacity: 4)
    for number in 0..<6 {
      let taken = ring.push(PrintLine(.serial, at: 0, bytes: "\(number)".utf8))
      #expect(taken == (number < 4))
    }
    #expect(ring.lost == 2)
    var seen: [UInt8] = []
    while let line = ring.pop() { seen += line.bytes }
    #expect(seen == Array("0123".utf8))
  }
}
