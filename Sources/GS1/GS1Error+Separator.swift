extension Message {
  /// Says that a separator got lost where the fault is best explained by that.
  ///
  /// Scanners in keyboard mode and badly set interfaces drop the GS that ends a value of variable
  /// length; then the next AI reads as part of the value. Where the value could end earlier and
  /// the rest up to the next separator begins with a proper element string, the fault is called by
  /// that name. Which of the possible splits is the true one stays open: the message is refused.
  static func withLostSeparator(
    _ error: GS1Error, _ scan: Span<UInt8>, valueStart: Int, _ row: SyntaxTable.Row
  ) -> GS1Error {
    guard !row.isPredefined, let ai = error.ai else { return error }
    switch error.code {
    case .valueTooLong, .valueLength, .notADigit, .notHyphen: break
    default: return error
    }
    var fieldEnd = valueStart
    while fieldEnd < scan.count, scan[fieldEnd] != .groupSeparator { fieldEnd += 1 }
    let field = scan.extracting(valueStart..<fieldEnd)
    guard field.count > row.minimumLength else { return error }
    for length in row.minimumLength...min(row.maximumLength, field.count - 1)
    where isValue(field.extracting(0..<length), of: ai, row)
      && beginsWithElement(field.extracting(length..<field.count))
    {
      var named = error
      named.code = .missingSeparator
      named.count = row.maximumLength
      return named
    }
    return error
  }

  /// Whether bytes are a whole value of an AI.
  private static func isValue(
    _ value: Span<UInt8>, of ai: ApplicationIdentifier, _ row: SyntaxTable.Row
  ) -> Bool {
    guard let length = try? check(value, of: ai, row, at: 0) else { return false }
    return length == value.count
  }

  /// Whether bytes begin with an AI and as much value as the AI needs.
  ///
  /// A value of predefined length must be right to its check digit; of another one only the least
  /// can be asked for, as it may have lost its own separator.
  private static func beginsWithElement(_ bytes: Span<UInt8>) -> Bool {
    guard let match = SyntaxTable.match(in: bytes, at: 0) else { return false }
    let row = SyntaxTable.Row(word: SyntaxTable.rows[match.rowIndex])
    let ai = ApplicationIdentifier(unchecked: UInt16(truncatingIfNeeded: match.number))
    let room = bytes.count - match.digitCount
    guard room >= row.minimumLength else { return false }
    let shortest = bytes.extracting(match.digitCount..<match.digitCount + row.minimumLength)
    return isValue(shortest, of: ai, row)
  }
}
