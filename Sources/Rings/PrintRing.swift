/// The lock-free ring between the print feed and the line loop: what printer or controller said, in the order of printing.
///
/// The feed's thread is its one producer, the line loop its one consumer. It holds what the loop has not taken yet, for as
/// long as a turn and its commit last; which serials are printed and not yet read is the core's to know, because a restart
/// has to know it too.
public typealias PrintRing = SPSCRing<PrintLine>

/// One thing that the print feed says: 32 bytes, so that a ring of them is one piece of memory.
public struct PrintLine: BitwiseCopyable, Sendable {
  /// What it says.
  public enum Kind: UInt8, Sendable, BitwiseCopyable {
    /// A serial was printed.
    case serial = 1
    /// A line came that is no serial; `code` says why, the bytes are the first of it.
    case bad = 2
    /// The printer connected.
    case online = 3
    /// The printer went, or cannot be reached; `code` is the system's error, 0: it closed.
    case offline = 4
    /// A second connection was turned away.
    case refused = 5
  }

  /// The most bytes that a serial may have.
  public static let bytesMax = 20

  /// When, in nanoseconds of CLOCK_MONOTONIC.
  public var at: Int64
  private var low: UInt64 = 0
  private var middle: UInt64 = 0
  private var high: UInt32 = 0
  private var length: UInt8 = 0
  /// What it says.
  public var kind: Kind
  /// What `kind` makes of it.
  public var code: UInt16

  /// Makes a line; of the bytes the first `bytesMax` are kept.
  public init(_ kind: Kind, at: Int64, code: UInt16 = 0, bytes: some Sequence<UInt8> = []) {
    self.kind = kind
    self.at = at
    self.code = code
    for byte in bytes.prefix(PrintLine.bytesMax) {
      let place = UInt64(length)
      switch place {
      case 0..<8: low |= UInt64(byte) << (place * 8)
      case 8..<16: middle |= UInt64(byte) << ((place - 8) * 8)
      default: high |= UInt32(byte) << UInt32((place - 16) * 8)
      }
      length += 1
    }
  }

  /// The bytes, at most `bytesMax`.
  public var bytes: [UInt8] {
    (0..<UInt64(length)).map { place in
      switch place {
      case 0..<8: UInt8(truncatingIfNeeded: low >> (place * 8))
      case 8..<16: UInt8(truncatingIfNeeded: middle >> ((place - 8) * 8))
      default: UInt8(truncatingIfNeeded: high >> UInt32((place - 16) * 8))
      }
    }
  }
}
