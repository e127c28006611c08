import Foundation
import Line

/// Serials as a packager's system makes them: 14 characters that nobody can guess, none twice.
struct Serials {
  static let length = 14
  private static let letters = Array("0123456789ABCDEFGHJKLMNPQRSTVWXY".utf8)

  /// The bytes of one serial after the other.
  private(set) var bytes: [UInt8]
  let count: Int

  /// Makes so many, the same ones for the same `seed`.
  init(count: Int, seed: UInt64) {
    self.count = count
    var numbers = Numbers(seed: seed)
    bytes = [UInt8](unsafeUninitializedCapacity: count * Serials.length) { buffer, used in
      for serial in 0..<count {
        // Six letters of the running number, which make it unique, and eight that are random.
        var bits = UInt64(serial) | numbers.next() << 30
        for place in 0..<Serials.length {
          buffer[serial * Serials.length + place] = Serials.letters[Int(bits & 31)]
          bits >>= 5
        }
      }
      used = count * Serials.length
    }
  }

  /// The bytes of the serial with this index.
  func serial(_ index: Int) -> ArraySlice<UInt8> {
    bytes[(index * Serials.length)..<((index + 1) * Serials.length)]
  }

  /// All of them in one pool, row by index.
  func pool() throws -> SerialPool {
    let pool = SerialPool(capacity: count)
    let span = bytes.span
    for serial in 0..<count {
      let start = serial * Serials.length
      guard pool.add(span.extracting(start..<(start + Serials.length))) != nil else {
        throw BenchError("two serials of the bench are the same")
      }
    }
    return pool
  }

  /// All of them in a file, one a line.
  func write(to path: URL) throws {
    let lines = [UInt8](unsafeUninitializedCapacity: count * (Serials.length + 1)) { lines, used in
      for serial in 0..<count {
        let line = serial * (Serials.length + 1)
        for place in 0..<Serials.length {
          lines[line + place] = bytes[serial * Serials.length + place]
        }
        lines[line + Serials.length] = 0x0A
      }
      used = count * (Serials.length + 1)
    }
    try Data(lines).write(to: path)
  }
}

/// Random numbers that are the same in each run (SplitMix64).
struct Numbers: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }

  /// The numbers below `count` in random order, or the first `prefix` of them.
  mutating func order(of count: Int, prefix: Int) -> [UInt32] {
    var order = (0..<UInt32(count)).map { $0 }
    for place in 0..<min(prefix, count - 1) {
      let other = place + Int(next() % UInt64(count - place))
      order.swapAt(place, other)
    }
    return Array(order.prefix(prefix))
  }
}
