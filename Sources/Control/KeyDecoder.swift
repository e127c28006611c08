/// Keys out of the bytes of a terminal, however they are cut.
///
/// Sequences that mean nothing here are taken whole, so that no tail of one is read as a letter.
public struct KeyDecoder: Sendable {
  private enum State: Sendable { case ground, escape, sequence(length: Int), tail(Int) }

  /// A sequence longer than this is none (ECMA-48 knows no bound).
  private static let sequenceLengthMax = 32

  private var state = State.ground

  /// Makes a decoder.
  public init() {}

  /// Whether an escape waits for what may follow; ask ``rest()`` when nothing does for a moment.
  public var waits: Bool { if case .escape = state { true } else { false } }

  /// The keys that these bytes complete.
  public mutating func take(_ bytes: some Sequence<UInt8>) -> [WatchScreen.Key] {
    bytes.compactMap { take($0) }
  }

  /// The escape key, when an escape came and nothing after it.
  public mutating func rest() -> WatchScreen.Key? {
    guard waits else { return nil }
    state = .ground
    return .escape
  }

  private mutating func take(_ byte: UInt8) -> WatchScreen.Key? {
    switch state {
    case .ground: return ground(byte)
    case .escape:
      switch byte {
      // CSI, and SS3, which keypads send for the arrows (xterm, application cursor keys).
      case UInt8(ascii: "["), UInt8(ascii: "O"): state = .sequence(length: 0)
      case 0x1B: return .escape
      default:
        // Alt and a key; it means nothing here.
        state = .ground
      }
      return nil
    case .sequence(let length):
      // Another one begins: the first never ended.
      if byte == 0x1B {
        state = .escape
        return nil
      }
      // Parameters and intermediates up to one final byte (ECMA-48, 5.4).
      guard (0x40...0x7E).contains(byte) else {
        state = length < Self.sequenceLengthMax ? .sequence(length: length + 1) : .ground
        return nil
      }
      state = .ground
      switch byte {
      case UInt8(ascii: "A"): return .up
      case UInt8(ascii: "B"): return .down
      default: return nil
      }
    case .tail(let left):
      guard byte & 0xC0 == 0x80 else {
        state = .ground
        return ground(byte)
      }
      state = left > 1 ? .tail(left - 1) : .ground
      return nil
    }
  }

  private mutating func ground(_ byte: UInt8) -> WatchScreen.Key? {
    state = .ground
    switch byte {
    case 0x1B: state = .escape
    case 0x09: return .tab
    case 0x21...0x7E: return .letter(Character(Unicode.Scalar(byte)))
    case 0xC2...0xDF: state = .tail(1)
    case 0xE0...0xEF: state = .tail(2)
    case 0xF0...0xF4: state = .tail(3)
    default: break
    }
    return nil
  }
}
