import Crypto
import Glibc
import Line
import Records
import Testing

/// How long a restart takes with the largest pool; `LINEWARD_RESTART=10000000` runs it.
@Suite struct RestartBench {
  private static let size = getenv("LINEWARD_RESTART").flatMap { Int(String(cString: $0)) }

  private func serials(_ count: Int, to path: String) throws {
    var text: [UInt8] = []
    text.reserveCapacity(count * 17)
    var state: UInt64 = 88_172_645_463_325_252
    for index in 0..<count {
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      // 16 characters: random ones, then the row, so that none is repeated.
      var word = state
      for _ in 0..<8 {
        text.append(0x41 + UInt8(word % 26))
        word /= 26
      }
      var digits = index
      for _ in 0..<8 {
        text.append(0x30 + UInt8(digits % 10))
        digits /= 10
      }
      text.append(0x0A)
    }
    try write(text, to: path)
  }

  @Test(.enabled(if: size != nil)) func aPoolIsBackInMemory() throws {
    try withDirectory { directory in
      let path = directory + "/serials"
      let count = Self.size ?? 0
      try serials(count, to: path)
      let hash = Array(SHA256.hash(data: try read(path)))
      let clock = ContinuousClock()
      for _ in 0..<3 {
        let took = try clock.measure {
          let pool = try SerialFile.load(path: path, expectedHash: hash)
          #expect(pool.count == count)
        }
        print("\(count) serials loaded in \(took)")
      }
    }
  }
}
