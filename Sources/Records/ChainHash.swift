/// One link of the chain: the SHA-256 of a record together with the hash of the record before it.
public struct ChainHash: Sendable, Hashable, CustomStringConvertible {
  private var words: (UInt64, UInt64, UInt64, UInt64)

  /// How many bytes a hash has.
  public static let size = 32

  /// What stands before the first record: 32 zero bytes.
  public static let zero = ChainHash()

  private init() { words = (0, 0, 0, 0) }

  /// Makes a hash from its bytes, nil unless there are 32.
  public init?(_ bytes: [UInt8]) {
    guard bytes.count == ChainHash.size else { return nil }
    self.init()
    withUnsafeMutableBytes(of: &words) { $0.copyBytes(from: bytes) }
  }

  /// Makes a hash from memory that holds at least 32 bytes.
  init(copying pointer: UnsafeRawPointer) {
    self.init()
    withUnsafeMutableBytes(of: &words) {
      $0.copyMemory(from: UnsafeRawBufferPointer(start: pointer, count: ChainHash.size))
    }
  }

  /// Makes a hash from 64 hexadecimal digits, nil when it is anything else.
  public init?(hexadecimal text: String) {
    guard let bytes = Hexadecimal.bytes(text) else { return nil }
    self.init(bytes)
  }

  /// The 32 bytes.
  public var bytes: [UInt8] { withUnsafeBytes(of: words) { Array($0) } }

  /// 64 hexadecimal digits.
  public var description: String { Hexadecimal.text(bytes) }

  /// Whether both are the same bytes.
  public static func == (left: ChainHash, right: ChainHash) -> Bool { left.words == right.words }

  /// Feeds the bytes to a hasher.
  public func hash(into hasher: inout Hasher) {
    withUnsafeBytes(of: words) { hasher.combine(bytes: $0) }
  }

  func withBytes(_ body: (UnsafeRawBufferPointer) -> Void) { withUnsafeBytes(of: words, body) }

  func copy(to pointer: UnsafeMutableRawPointer) {
    withBytes {
      UnsafeMutableRawBufferPointer(start: pointer, count: ChainHash.size).copyMemory(from: $0)
    }
  }
}

/// The machine's boot id: monotonic times are comparable only within one.
public struct BootID: Sendable, Hashable, CustomStringConvertible {
  /// The 16 bytes of the id, as two words with the first byte highest.
  public var high: UInt64
  /// The last eight bytes.
  public var low: UInt64

  /// Makes an id from its two halves.
  public init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  /// Makes an id from 32 hexadecimal digits, with or without hyphens.
  public init?(_ text: String) {
    guard let bytes = Hexadecimal.bytes(text.filter { $0 != "-" && !$0.isWhitespace }),
      bytes.count == 16
    else { return nil }
    high = bytes[0..<8].reduce(0) { $0 << 8 | UInt64($1) }
    low = bytes[8..<16].reduce(0) { $0 << 8 | UInt64($1) }
  }

  /// The id as Linux writes it: 8-4-4-4-12 hexadecimal digits.
  public var description: String {
    let digits = Array(Hexadecimal.text(bytes))
    return [0..<8, 8..<12, 12..<16, 16..<20, 20..<32].map { String(digits[$0]) }
      .joined(separator: "-")
  }

  /// The 16 bytes.
  public var bytes: [UInt8] {
    [high, low].flatMap { word in
      stride(from: 56, through: 0, by: -8).map { UInt8(truncatingIfNeeded: word >> UInt64($0)) }
    }
  }
}

/// Lower-case hexadecimal digits.
enum Hexadecimal {
  static func text(_ bytes: some Sequence<UInt8>) -> String {
    var text: [UInt8] = []
    for byte in bytes {
      text.append(digit(byte >> 4))
      text.append(digit(byte & 15))
    }
    return String(decoding: text, as: UTF8.self)
  }

  /// Adds the 64 digits of a hash without a copy in between.
  static func append(_ hash: ChainHash, to text: inout [UInt8]) {
    hash.withBytes { bytes in
      for byte in bytes {
        text.append(digit(byte >> 4))
        text.append(digit(byte & 15))
      }
    }
  }

  private static func digit(_ value: UInt8) -> UInt8 {
    value < 10 ? 0x30 + value : 0x61 - 10 + value
  }

  static func bytes(_ text: String) -> [UInt8]? {
    var bytes: [UInt8] = []
    var half: UInt8?
    for character in text.utf8 {
      let digit: UInt8
      switch character {
      case 0x30...0x39: digit = character - 0x30
      case 0x61...0x66: digit = character - 0x61 + 10
      case 0x41...0x46: digit = character - 0x41 + 10
      default: return nil
      }
      if let high = half {
        bytes.append(high << 4 | digit)
        half = nil
      } else {
        half = digit
      }
    }
    return half == nil ? bytes : nil
  }
}
