/// Which character a key gives: plain, with Shift, with AltGr.
///
/// ASCII only; whatever else a key gives, a scan that holds it is refused. Keys are numbered as in
/// linux/input-event-codes.h. Layouts are files in config/keyboards; each has all of GS1 character set 82.
public struct KeyboardLayout: Sendable, Hashable {
  /// What is held down besides a key.
  public enum Level: Int, Sendable, Hashable, CaseIterable {
    /// Nothing.
    case plain = 0
    /// Shift.
    case shift = 1
    /// AltGr, the right Alt key.
    case altGr = 2
  }

  /// A key and what is held with it.
  public struct Press: Sendable, Hashable {
    /// The key's number.
    public var key: UInt16
    /// What is held with it.
    public var level: Level
  }

  /// Why keys make no layout.
  public enum Problem: Error, Sendable, Hashable, CustomStringConvertible {
    /// There is no key of this name, or it gives no character on any layout.
    case unknownKey(String)
    /// The key has no character, or more than plain, Shift and AltGr.
    case characterCount(key: String, Int)
    /// This is not one printing ASCII character.
    case notASCII(key: String, String)
    /// No key gives these characters, which GS1 messages may hold.
    case missing(String)

    /// A sentence.
    public var description: String {
      switch self {
      case .unknownKey(let key):
        "there is no key \"\(key)\"; keys are named as in linux/input-event-codes.h without KEY_, e.g. Q, 1 or 102ND"
      case .characterCount(let key, let count):
        "key \(key) has \(count) characters; write one to three: alone, with Shift, with AltGr"
      case .notASCII(let key, let text):
        "key \(key): \"\(text)\" is not one printing ASCII character; leave others out, or write \"\""
      case .missing(let characters):
        "no key gives \(characters), which GS1 messages may hold"
      }
    }
  }

  /// Keys that give characters, in the order of the keyboard, by their kernel names.
  public static let keys: [(name: String, code: UInt16)] = [
    ("GRAVE", 41), ("1", 2), ("2", 3), ("3", 4), ("4", 5), ("5", 6), ("6", 7), ("7", 8), ("8", 9),
    ("9", 10), ("0", 11), ("MINUS", 12), ("EQUAL", 13), ("Q", 16), ("W", 17), ("E", 18), ("R", 19),
    ("T", 20), ("Y", 21), ("U", 22), ("I", 23), ("O", 24), ("P", 25), ("LEFTBRACE", 26),
    ("RIGHTBRACE", 27), ("A", 30), ("S", 31), ("D", 32), ("F", 33), ("G", 34), ("H", 35),
    ("J", 36), ("K", 37), ("L", 38), ("SEMICOLON", 39), ("APOSTROPHE", 40), ("BACKSLASH", 43),
    ("102ND", 86), ("Z", 44), ("X", 45), ("C", 46), ("V", 47), ("B", 48), ("N", 49), ("M", 50),
    ("COMMA", 51), ("DOT", 52), ("SLASH", 53), ("SPACE", 57), ("KPDOT", 83),
  ]

  /// Keys are numbered below this.
  private static let codesMax = 128
  /// Plain, Shift, AltGr.
  private static let levels = 3

  /// Its name, as in the configuration.
  public let name: String
  /// Whether the right Alt key is AltGr; otherwise it is Alt.
  public let hasAltGr: Bool
  /// Three characters for each key number, 0 none.
  private let characters: [UInt8]

  /// Makes a layout from its keys' characters by kernel names; an empty text stands for none.
  public init(name: String, keys: [String: [String]]) throws(Problem) {
    var characters = [UInt8](repeating: 0, count: Self.codesMax * Self.levels)
    // In order of names, so that of several problems the same one is told each time.
    for (key, texts) in keys.sorted(by: { $0.key < $1.key }) {
      guard let code = Self.keys.first(where: { $0.name == key })?.code else {
        throw .unknownKey(key)
      }
      guard (1...Self.levels).contains(texts.count) else {
        throw .characterCount(key: key, texts.count)
      }
      for (level, text) in texts.enumerated() where !text.isEmpty {
        let bytes = Array(text.utf8)
        guard bytes.count == 1, (0x20...0x7E).contains(bytes[0]) else {
          throw .notASCII(key: key, text)
        }
        characters[Int(code) * Self.levels + level] = bytes[0]
      }
    }
    let missing = Self.needed.filter { !characters.contains($0) }
    guard missing.isEmpty else { throw .missing(String(decoding: missing, as: UTF8.self)) }
    self.name = name
    self.characters = characters
    hasAltGr = (0..<Self.codesMax).contains {
      characters[$0 * Self.levels + Level.altGr.rawValue] != 0
    }
  }

  /// GS1 AI encodable character set 82 (GenSpecs figure 7.11-1).
  public static let characterSet82 = Array(
    "!\"%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz".utf8)

  /// And what a symbology identifier begins with.
  private static let needed = characterSet82 + [UInt8(ascii: "]")]

  /// The character of a key, 0 for none.
  public func character(_ key: UInt16, _ level: Level) -> UInt8 {
    guard key < Self.codesMax else { return 0 }
    return characters[Int(key) * Self.levels + level.rawValue]
  }

  /// The first key that gives a character, nil when none does; keypad keys depend on num lock and are left out.
  public func press(for character: UInt8) -> Press? {
    for (_, code) in Self.keys where code != Self.keypadDot {
      for level in Level.allCases where self.character(code, level) == character {
        return Press(key: code, level: level)
      }
    }
    return nil
  }

  /// The keypad's dot or comma.
  static let keypadDot: UInt16 = 83

  /// What a key is called, for a person.
  static func keyName(_ code: UInt16) -> String {
    keys.first { $0.code == code }?.name ?? "number \(code)"
  }

  /// A number that differs when any character does (FNV-1a), for telling whether a layout is still the one that was taught.
  public var fingerprint: UInt64 {
    characters.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
  }
}
