/// The character sets of AI values (GenSpecs figures 7.11-1 to 7.11-3), as bit maps over ASCII.
enum CharacterSet: UInt8 {
  /// Digits: "N" in the dictionary.
  case numeric = 0
  /// GS1 AI encodable character set 82: "X".
  case set82 = 1
  /// GS1 AI encodable character set 39: "Y".
  case set39 = 2
  /// File-safe, URI-safe base64: "Z".
  case base64 = 3

  /// The first byte outside the set and what is wrong there, nil where all are in it.
  func firstFault(in value: Span<UInt8>) -> LinterFault? {
    switch self {
    case .numeric:
      for index in value.indices where !value[index].isDigit {
        return LinterFault(.notADigit, at: index)
      }
      return nil
    case .set82: return Self.firstOutside(value, Self.set82Map, .notInCharacterSet82)
    case .set39: return Self.firstOutside(value, Self.set39Map, .notInCharacterSet39)
    case .base64:
      var length = value.count
      while length > 0, value[length - 1] == UInt8(ascii: "=") { length -= 1 }
      let padding = value.count - length
      guard padding <= 2, padding == 0 || value.count % 3 == 0 else {
        return LinterFault(.base64Padding, at: length)
      }
      return Self.firstOutside(
        value.extracting(0..<length), Self.base64Map, .notInBase64)
    }
  }

  @inline(__always)
  static func firstOutside(
    _ value: Span<UInt8>, _ map: (low: UInt64, high: UInt64), _ code: GS1Error.Code
  ) -> LinterFault? {
    for index in value.indices where !contains(value[index], map) {
      return LinterFault(code, at: index)
    }
    return nil
  }

  /// Whether the map over ASCII 0 to 63 and 64 to 127 has the byte's bit set.
  @inline(__always)
  static func contains(_ byte: UInt8, _ map: (low: UInt64, high: UInt64)) -> Bool {
    let word = byte < 64 ? map.low : map.high
    return byte < 128 && word >> UInt64(byte & 63) & 1 != 0
  }

  /// Set 82: `! " % & ' ( ) * + , - . / 0-9 : ; < = > ? A-Z _ a-z`.
  static let set82Map: (low: UInt64, high: UInt64) = (0xFFFF_FFE6_0000_0000, 0x07FF_FFFE_87FF_FFFE)
  /// Set 39: `# - / 0-9 A-Z`.
  static let set39Map: (low: UInt64, high: UInt64) = (0x03FF_A008_0000_0000, 0x0000_0000_07FF_FFFE)
  /// URI-safe base64: `- 0-9 A-Z _ a-z`.
  static let base64Map: (low: UInt64, high: UInt64) = (0x03FF_2000_0000_0000, 0x07FF_FFFE_87FF_FFFE)
}
