/// A JSON value, as the `lineward` command prints them; numbers are kept as doubles.
public enum JSONValue: Sendable, Hashable {
  /// `null`.
  case null
  /// `true` or `false`.
  case bool(Bool)
  /// A number.
  case number(Double)
  /// A string.
  case string(String)
  /// An array.
  case array([JSONValue])
  /// An object; the last of equal names counts.
  case object([String: JSONValue])

  /// How deep arrays and objects may lie in each other.
  public static let depthMax = 32

  /// Reads one value with nothing but white space around it; nil when it is none (RFC 8259).
  public init?(_ bytes: some Sequence<UInt8>) {
    var reader = Reader(bytes: Array(bytes))
    guard let value = reader.value(depth: 0) else { return nil }
    reader.skipSpace()
    guard reader.isAtEnd else { return nil }
    self = value
  }

  /// A member of an object; null for everything else.
  public subscript(_ name: String) -> JSONValue {
    if case .object(let members) = self { members[name] ?? .null } else { .null }
  }

  /// The elements of an array; none for everything else.
  public var elements: [JSONValue] { if case .array(let all) = self { all } else { [] } }
  /// The members of an object; none for everything else.
  public var members: [String: JSONValue] {
    if case .object(let all) = self { all } else { [:] }
  }
  /// The string, if it is one.
  public var string: String? { if case .string(let text) = self { text } else { nil } }
  /// The number, if it is one, without its fraction.
  public var integer: Int? {
    if case .number(let number) = self { Int(exactly: number) } else { nil }
  }
  /// The truth value, if it is one.
  public var bool: Bool? { if case .bool(let value) = self { value } else { nil } }

  private struct Reader {
    var bytes: [UInt8]
    var at = 0

    var isAtEnd: Bool { at == bytes.count }
    var byte: UInt8? { at < bytes.count ? bytes[at] : nil }

    mutating func skipSpace() {
      while let byte, [0x20, 0x09, 0x0A, 0x0D].contains(byte) { at += 1 }
    }

    mutating func take(_ expected: Character) -> Bool {
      guard byte == expected.asciiValue else { return false }
      at += 1
      return true
    }

    mutating func word(_ word: String, _ value: JSONValue) -> JSONValue? {
      guard bytes[at...].starts(with: word.utf8) else { return nil }
      at += word.utf8.count
      return value
    }

    mutating func value(depth: Int) -> JSONValue? {
      guard depth < JSONValue.depthMax else { return nil }
      skipSpace()
      switch byte {
      case UInt8(ascii: "{"): return object(depth: depth)
      case UInt8(ascii: "["): return array(depth: depth)
      case UInt8(ascii: "\""): return string().map(JSONValue.string)
      case UInt8(ascii: "t"): return word("true", .bool(true))
      case UInt8(ascii: "f"): return word("false", .bool(false))
      case UInt8(ascii: "n"): return word("null", .null)
      default: return number()
      }
    }

    mutating func object(depth: Int) -> JSONValue? {
      at += 1
      var members: [String: JSONValue] = [:]
      skipSpace()
      if take("}") { return .object(members) }
      while true {
        skipSpace()
        guard byte == UInt8(ascii: "\""), let name = string() else { return nil }
        skipSpace()
        guard take(":"), let value = value(depth: depth + 1) else { return nil }
        members[name] = value
        skipSpace()
        if take("}") { return .object(members) }
        guard take(",") else { return nil }
      }
    }

    mutating func array(depth: Int) -> JSONValue? {
      at += 1
      var elements: [JSONValue] = []
      skipSpace()
      if take("]") { return .array(elements) }
      while true {
        guard let value = value(depth: depth + 1) else { return nil }
        elements.append(value)
        skipSpace()
        if take("]") { return .array(elements) }
        guard take(",") else { return nil }
      }
    }

    mutating func number() -> JSONValue? {
      let start = at
      while let byte, byte > 0x20, !",]}".utf8.contains(byte) { at += 1 }
      return Double(String(decoding: bytes[start..<at], as: UTF8.self)).map(JSONValue.number)
    }

    mutating func string() -> String? {
      at += 1
      var text: [UInt8] = []
      while let byte {
        at += 1
        switch byte {
        case UInt8(ascii: "\""): return String(decoding: text, as: UTF8.self)
        case UInt8(ascii: "\\"):
          guard let escaped = escape() else { return nil }
          text += String(escaped).utf8
        default: text.append(byte)
        }
      }
      return nil
    }

    mutating func escape() -> Character? {
      guard let byte else { return nil }
      at += 1
      switch byte {
      case UInt8(ascii: "n"): return "\n"
      case UInt8(ascii: "r"): return "\r"
      case UInt8(ascii: "t"): return "\t"
      case UInt8(ascii: "b"): return "\u{8}"
      case UInt8(ascii: "f"): return "\u{C}"
      case UInt8(ascii: "u"):
        guard let first = unit() else { return nil }
        if let scalar = Unicode.Scalar(first) { return Character(scalar) }
        // Two halves of a character outside the first plane.
        guard (0xD800..<0xDC00).contains(first), take("\\"), take("u"), let second = unit(),
          (0xDC00..<0xE000).contains(second)
        else { return nil }
        let code = 0x10000 + (UInt32(first) - 0xD800) << 10 + (UInt32(second) - 0xDC00)
        return Unicode.Scalar(code).map { Character($0) }
      default: return Character(Unicode.Scalar(byte))
      }
    }

    mutating func unit() -> UInt16? {
      guard at + 4 <= bytes.count else { return nil }
      defer { at += 4 }
      return UInt16(String(decoding: bytes[at..<(at + 4)], as: UTF8.self), radix: 16)
    }
  }
}
