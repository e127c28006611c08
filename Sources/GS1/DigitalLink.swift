/// GS1 Digital Link URIs, uncompressed (GS1 Digital Link Standard, part "URI Syntax").
///
/// A URI is `scheme://domain/stem/key/value/qualifier/value?attribute=value#fragment`. The primary
/// key is searched from the end of the path, so a stem may hold anything.
enum DigitalLink {
  /// Offset of a scan's payload: behind the symbology identifier.
  static let payloadStart = 3

  /// Whether a scan carries an http or https URI, in the forms that the reference engine knows.
  static func isURI(_ scan: Span<UInt8>) -> Bool { domainStart(scan) != nil }

  /// Offset of the domain, nil without "http://" or "https://" wholly in lower or in upper case.
  ///
  /// RFC 3986 would take mixed case too; the reference engine does not, and reads plain data then.
  static func domainStart(_ scan: Span<UInt8>) -> Int? {
    let start = payloadStart
    guard scan.count >= start + 7 else { return nil }
    // 0x20 is what lower case has over upper case.
    let lowerCaseBit = scan[start] & 0x20
    let scheme: InlineArray<5, UInt8> = [0x48, 0x54, 0x54, 0x50, 0x53]  // HTTPS
    var position = start
    while position < start + 5, scan[position] == scheme[position - start] | lowerCaseBit {
      position += 1
    }
    guard position - start >= 4, position + 3 <= scan.count, scan[position] == UInt8(ascii: ":"),
      scan[position + 1] == UInt8(ascii: "/"), scan[position + 2] == UInt8(ascii: "/")
    else { return nil }
    return position + 3
  }

  /// Characters of a URI, "%" included (RFC 3986, reserved and unreserved).
  static let uriMap: (low: UInt64, high: UInt64) = (0xAFFF_FFFA_0000_0000, 0x47FF_FFFE_AFFF_FFFF)
  /// Characters that need no percent-encoding anywhere: `A-Z a-z 0-9 - . _ ~`.
  static let unreservedMap: (low: UInt64, high: UInt64) = (
    0x03FF_6000_0000_0000, 0x47FF_FFFE_87FF_FFFE
  )
  /// Characters of a URI's domain with its port.
  static let domainMap: (low: UInt64, high: UInt64) = (0x07FF_6000_0000_0000, 0x07FF_FFFE_2FFF_FFFE)
}

/// A value of a Digital Link URI with its percent-encoding undone, on the stack.
struct DecodedValue {
  /// The dictionary's longest value has 90 characters; more are counted but not kept.
  private(set) var bytes = InlineArray<128, UInt8>(repeating: 0)
  /// Number of bytes, also beyond those kept.
  private(set) var count = 0
  /// A decoded byte is zero.
  private(set) var containsNull = false

  /// Decodes the bytes of a range; "%" without two hexadecimal digits stands for itself.
  ///
  /// Without `percentEncoded`, as for the values of element strings, the bytes stand as they are.
  /// With `isQuery` a "+" stands for a blank.
  init(_ scan: Span<UInt8>, _ range: Range<Int>, percentEncoded: Bool = true, isQuery: Bool) {
    var position = range.lowerBound
    while position < range.upperBound {
      var byte = scan[position]
      if percentEncoded, byte == UInt8(ascii: "%"), position + 2 < range.upperBound,
        let high = scan[position + 1].hexadecimalValue,
        let low = scan[position + 2].hexadecimalValue
      {
        byte = high << 4 | low
        if byte == 0 { containsNull = true }
        position += 2
      } else if isQuery, byte == UInt8(ascii: "+") {
        byte = UInt8(ascii: " ")
      }
      if count < bytes.count { bytes[count] = byte }
      count += 1
      position += 1
    }
  }
}

// MARK: - Reading

extension Message {
  /// Whether the AIs of the path are a key with qualifiers of one of its sequences, in their order.
  ///
  /// With `inserting`, that AI is thought of as standing at a place among them.
  private static func isKeySequence(
    _ path: Span<Element>, inserting: (ai: ApplicationIdentifier, at: Int)? = nil
  ) -> Bool {
    let total = path.count + (inserting == nil ? 0 : 1)
    guard total > 0 else { return false }
    // No key has more than five AIs; a longer path cannot be a sequence.
    guard total <= 8 else { return false }
    var numbers = InlineArray<8, UInt16>(repeating: 0)
    for index in 0..<total {
      if let inserting, index >= inserting.at {
        numbers[index] = index == inserting.at ? inserting.ai.number : path[index - 1].ai.number
      } else {
        numbers[index] = path[index].ai.number
      }
    }
    var position = 0
    while position < SyntaxTable.keySequences.count {
      let qualifierStart = position + 2
      let qualifierEnd = qualifierStart + Int(SyntaxTable.keySequences[position + 1])
      if SyntaxTable.keySequences[position] == numbers[0] {
        var matched = 1
        for index in qualifierStart..<qualifierEnd
        where matched < total && SyntaxTable.keySequences[index] == numbers[matched] {
          matched += 1
        }
        if matched == total { return true }
      }
      position = qualifierEnd
    }
    return false
  }

  /// Reads a GS1 Digital Link URI; the scan is known to begin with its scheme.
  mutating func readDigitalLink(_ scan: Span<UInt8>) throws(GS1Error) {
    for index in DigitalLink.payloadStart..<scan.count
    where !CharacterSet.contains(scan[index], DigitalLink.uriMap) {
      throw GS1Error(.uriCharacter, at: index)
    }
    let domainStart = DigitalLink.domainStart(scan) ?? DigitalLink.payloadStart
    var pathStart = domainStart
    while pathStart < scan.count, scan[pathStart] != UInt8(ascii: "/") {
      guard CharacterSet.contains(scan[pathStart], DigitalLink.domainMap) else {
        throw GS1Error(.uriDomain, at: pathStart)
      }
      pathStart += 1
    }
    guard pathStart < scan.count, pathStart > domainStart else {
      throw GS1Error(.uriPathMissing, at: pathStart)
    }
    let fragment = Self.firstIndex(of: "#", in: scan, pathStart..<scan.count) ?? scan.count
    let query = Self.firstIndex(of: "?", in: scan, pathStart..<fragment) ?? fragment

    try readPath(scan, pathStart..<query)
    var ignoredCount = 0
    if query < fragment { try readQuery(scan, query + 1..<fragment, &ignoredCount) }
    try Self.checkPlaces(elements.span.extracting(0..<count))
    try Self.checkValues(elements.span.extracting(0..<count), scan)
  }

  private static func checkValues(
    _ elements: Span<Element>, _ scan: Span<UInt8>
  ) throws(GS1Error) {
    for index in elements.indices {
      let element = elements[index]
      let value = DecodedValue(scan, element.valueRange, isQuery: element.isInQuery)
      // Offsets within a value count decoded characters; the scan's byte is found from that.
      do throws(GS1Error) {
        // No longer than its AI allows, so all of it was kept.
        let bytes = value.bytes.span.extracting(0..<value.count)
        _ = try Self.check(bytes, of: element.ai, element.row, at: 0)
      } catch {
        var located = error
        located.offset = Self.encodedOffset(of: error.offset, scan, element.valueRange)
        throw located
      }
    }
  }

  /// Finds the key from the path's end, then takes the AIs from there on.
  private mutating func readPath(_ scan: Span<UInt8>, _ path: Range<Int>) throws(GS1Error) {
    var keyStart: Int?
    var end = path.upperBound
    search: while end > path.lowerBound {
      repeat { end -= 1 } while end > path.lowerBound && scan[end] != UInt8(ascii: "/")
      guard end > path.lowerBound else { break }
      var slash = end - 1
      while scan[slash] != UInt8(ascii: "/") { slash -= 1 }
      guard let match = Self.exactMatch(scan, slash + 1..<end) else { break search }
      if SyntaxTable.Row(word: SyntaxTable.rows[match.rowIndex]).isDigitalLinkKey {
        keyStart = slash
        break
      }
      end = slash
    }
    guard var position = keyStart else { throw GS1Error(.uriKeyMissing, at: path.lowerBound) }
    while position < path.upperBound {
      let aiStart = position + 1
      guard let aiEnd = Self.firstIndex(of: "/", in: scan, aiStart..<path.upperBound),
        let match = Self.exactMatch(scan, aiStart..<aiEnd)
      else { throw GS1Error(.uriKeyMissing, at: aiStart) }
      let valueEnd =
        Self.firstIndex(of: "/", in: scan, aiEnd + 1..<path.upperBound) ?? path.upperBound
      try appendDecoded(scan, match, aiEnd + 1..<valueEnd, flag: Element.pathFlag, ignoredCount: 0)
      position = valueEnd
    }
  }

  private mutating func readQuery(
    _ scan: Span<UInt8>, _ query: Range<Int>, _ ignoredCount: inout Int
  ) throws(GS1Error) {
    var position = query.lowerBound
    while position < query.upperBound {
      while position < query.upperBound, scan[position] == UInt8(ascii: "&") { position += 1 }
      let end =
        Self.firstIndex(of: "&", in: scan, position..<query.upperBound) ?? query.upperBound
      let start = position
      position = end
      let equals = Self.firstIndex(of: "=", in: scan, start..<end)
      if let equals, Self.areDigits(scan, start..<equals) {
        guard let match = Self.exactMatch(scan, start..<equals) else {
          throw GS1Error(.uriUnknownAI, at: start)
        }
        try appendDecoded(
          scan, match, equals + 1..<end, flag: Element.queryFlag, ignoredCount: ignoredCount)
        continue
      }
      // Parameters that are not AIs are the domain owner's business, but they count.
      ignoredCount += 1
      guard count + ignoredCount <= Self.elementCountMax else {
        throw GS1Error(.tooManyElements, at: start, count: Self.elementCountMax)
      }
    }
  }

  private mutating func appendDecoded(
    _ scan: Span<UInt8>, _ match: SyntaxTable.Match, _ value: Range<Int>, flag: UInt16,
    ignoredCount: Int
  ) throws(GS1Error) {
    let element = Element(match.number, row: match.rowIndex, value: value, flag: flag)
    let row = element.row
    guard !value.isEmpty else { throw GS1Error(.valueEmpty, element.ai, at: value.lowerBound) }
    let decoded = DecodedValue(scan, value, isQuery: element.isInQuery)
    guard !decoded.containsNull else {
      throw GS1Error(.uriNull, element.ai, at: value.lowerBound)
    }
    guard decoded.count >= row.minimumLength else {
      throw GS1Error(.valueTooShort, element.ai, at: value.upperBound, count: row.minimumLength)
    }
    guard decoded.count <= row.maximumLength else {
      throw GS1Error(.valueTooLong, element.ai, at: value.lowerBound, count: row.maximumLength)
    }
    guard count + ignoredCount < Self.elementCountMax else {
      throw GS1Error(
        .tooManyElements, element.ai, at: value.lowerBound, count: Self.elementCountMax)
    }
    try append(element, at: value.lowerBound)
  }

  /// Qualifiers in order; no AI twice; attributes only those that may be, and none that belongs
  /// into the path.
  private static func checkPlaces(_ elements: Span<Element>) throws(GS1Error) {
    var pathCount = 0
    while pathCount < elements.count, elements[pathCount].isInPath { pathCount += 1 }
    let path = elements.extracting(0..<pathCount)
    guard isKeySequence(path) else {
      throw GS1Error(.uriQualifiers, path[0].ai, at: path[0].valueStart)
    }
    for index in elements.indices {
      for earlier in 0..<index where elements[earlier].ai == elements[index].ai {
        throw GS1Error(.uriDuplicate, elements[index].ai, at: elements[index].valueStart)
      }
    }
    for index in pathCount..<elements.count {
      let element = elements[index]
      guard element.row.isDigitalLinkAttribute else {
        throw GS1Error(.uriNotAnAttribute, element.ai, at: element.valueStart)
      }
      for place in 1...pathCount where isKeySequence(path, inserting: (element.ai, place)) {
        throw GS1Error(.uriBelongsInPath, element.ai, at: element.valueStart)
      }
    }
  }

  /// The AI that a range consists of, nil where it is not exactly one.
  private static func exactMatch(_ scan: Span<UInt8>, _ range: Range<Int>) -> SyntaxTable.Match? {
    guard let match = SyntaxTable.match(in: scan, at: range.lowerBound),
      match.digitCount == range.count
    else { return nil }
    return match
  }

  private static func areDigits(_ scan: Span<UInt8>, _ range: Range<Int>) -> Bool {
    for index in range where !scan[index].isDigit { return false }
    return true
  }

  private static func firstIndex(
    of character: Unicode.Scalar, in scan: Span<UInt8>, _ range: Range<Int>
  ) -> Int? {
    let byte = UInt8(ascii: character)
    for index in range where scan[index] == byte { return index }
    return nil
  }

  /// Offset in the scan of a decoded character.
  private static func encodedOffset(
    of decodedOffset: Int, _ scan: Span<UInt8>, _ range: Range<Int>
  ) -> Int {
    var position = range.lowerBound
    for _ in 0..<decodedOffset where position < range.upperBound {
      let isEscape =
        scan[position] == UInt8(ascii: "%") && position + 2 < range.upperBound
        && scan[position + 1].hexadecimalValue != nil && scan[position + 2].hexadecimalValue != nil
      position += isEscape ? 3 : 1
    }
    return position
  }
}

extension Message.Element {
  /// Number of characters of the value once percent-encoding is undone.
  func decodedLength(in scan: Span<UInt8>) -> Int {
    guard isInPath || isInQuery else { return valueLength }
    return DecodedValue(scan, valueRange, isQuery: isInQuery).count
  }
}
