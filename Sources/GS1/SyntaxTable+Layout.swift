/// How the words of the generated tables are read; `Tools/gs1-table` packs the same fields.
extension SyntaxTable {
  /// One line of the dictionary: the format of an AI or of a range of AIs.
  struct Row {
    let word: UInt64

    /// Predefined length: no separator needed after the value (GenSpecs 7.8.5).
    var isPredefined: Bool { word & 1 != 0 }
    /// May be a query parameter of a Digital Link URI.
    var isDigitalLinkAttribute: Bool { word & 2 != 0 }
    /// May be the primary key of a Digital Link URI.
    var isDigitalLinkKey: Bool { word & 4 != 0 }
    var componentCount: Int { Int(word >> 3 & 0x7) }
    /// Characters of a value with the mandatory components only.
    var minimumLength: Int { Int(word >> 6 & 0x7F) }
    /// Characters of a value with all components.
    var maximumLength: Int { Int(word >> 13 & 0x7F) }
    /// Index of the first component in `components`.
    var firstComponent: Int { Int(word >> 20 & 0x3FF) }
    /// Index of the first rule in `rules`; 0 where the row has none.
    var firstRule: Int { Int(word >> 32 & 0xFFF) }
  }

  /// One component of a value: character set, lengths, up to three linters.
  struct Component {
    let word: UInt64

    var characterSet: CharacterSet { CharacterSet(rawValue: UInt8(word & 0x3)) ?? .numeric }
    var minimumLength: Int { Int(word >> 2 & 0x7F) }
    var maximumLength: Int { Int(word >> 9 & 0x7F) }
    var isOptional: Bool { word >> 16 & 1 != 0 }
    /// The linters in their order, six bits each from the lowest; 0 ends the list.
    var linters: UInt64 { word >> 17 }
  }

  /// A pattern of AIs that must or must not stand beside the row's own.
  struct Rule {
    let word: UInt32

    /// The lowest and the highest AI that the pattern matches.
    var lowest: UInt16 { UInt16(word & 0x3FFF) }
    var highest: UInt16 { UInt16(word >> 14 & 0x3FFF) }
    /// The pattern excludes; otherwise it is part of a requirement.
    var isExclusion: Bool { word >> 28 & 1 != 0 }
    /// All patterns up to here must be met together ("01+21").
    var endsGroup: Bool { word >> 29 & 1 != 0 }
    /// One of the groups up to here must be met ("01+21,02").
    var endsRequirement: Bool { word >> 30 & 1 != 0 }
    var endsRow: Bool { word >> 31 != 0 }
  }

  /// The row of an AI, nil where the dictionary has no such AI.
  static func row(of ai: ApplicationIdentifier) -> Row? {
    rowIndex(of: ai).map { Row(word: rows[$0]) }
  }

  /// The index of an AI's row, nil where the dictionary has no such AI.
  static func rowIndex(of ai: ApplicationIdentifier) -> Int? {
    let number = Int(ai.number)
    guard number <= 9999 else { return nil }
    let entry = Int(prefixes[ai.prefix])
    guard entry >> 12 == ai.digitCount else { return nil }
    let rest = number < 100 ? 0 : number < 1000 ? number % 10 : number % 100
    let index = Int(slots[entry & 0xFFF + rest])
    return index == 0 ? nil : index
  }

  /// An AI found in data: its digits as a number, how many they are, and its row.
  struct Match {
    let number: Int
    let digitCount: Int
    let rowIndex: Int
  }

  /// The AI that the bytes from `position` begin with.
  ///
  /// The first two digits decide how many digits the AI has, so there is nothing to guess.
  @inline(__always)
  static func match(in bytes: Span<UInt8>, at position: Int) -> Match? {
    guard position + 2 <= bytes.count else { return nil }
    let first = bytes[position] &- UInt8(ascii: "0")
    let second = bytes[position + 1] &- UInt8(ascii: "0")
    guard first < 10, second < 10 else { return nil }
    var number = Int(first) * 10 + Int(second)
    let entry = Int(prefixes[number])
    let digitCount = entry >> 12
    guard digitCount != 0, position + digitCount <= bytes.count else { return nil }
    var rest = 0
    var index = 2
    while index < digitCount {
      let digit = bytes[position + index] &- UInt8(ascii: "0")
      guard digit < 10 else { return nil }
      rest = rest * 10 + Int(digit)
      number = number * 10 + Int(digit)
      index += 1
    }
    let rowIndex = Int(slots[entry & 0xFFF + rest])
    guard rowIndex != 0 else { return nil }
    return Match(number: number, digitCount: digitCount, rowIndex: rowIndex)
  }
}
