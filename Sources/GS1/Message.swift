/// A GS1 message: which AIs a scan carries and where their values stand in its bytes.
///
/// A plain value of fixed size, about half a kilobyte, without heap storage. It holds offsets
/// only; keep the scan's bytes beside it. At most 64 AIs and 8190 bytes behind the symbology
/// identifier, as in the reference engine of GS1.
public struct Message: Sendable {
  /// The largest number of AIs in a message.
  public static let elementCountMax = 64
  /// The largest number of bytes behind the symbology identifier.
  public static let byteCountMax = 8190

  /// One AI with the place of its value.
  public struct Element: Sendable {
    /// The AI.
    public let ai: ApplicationIdentifier
    private let start: UInt16
    private let length: UInt16
    /// The AI's row in the table, and whether a URI's path (bit 14) or query (bit 15) holds it.
    private let rowAndPlace: UInt16

    /// Offset of the value's first byte from the start of the scan.
    public var valueStart: Int { Int(start) }
    /// Number of bytes of the value in the scan.
    public var valueLength: Int { Int(length) }
    /// The value's bytes in the scan; in a Digital Link URI they may be percent-encoded.
    public var valueRange: Range<Int> { valueStart..<valueStart + valueLength }
    /// Whether the value stands in the path of a Digital Link URI.
    public var isInPath: Bool { rowAndPlace & Self.pathFlag != 0 }
    /// Whether the value stands in the query of a Digital Link URI.
    public var isInQuery: Bool { rowAndPlace & Self.queryFlag != 0 }

    static let pathFlag: UInt16 = 0x4000
    static let queryFlag: UInt16 = 0x8000

    init(_ number: Int, row: Int, value: Range<Int>, flag: UInt16 = 0) {
      ai = ApplicationIdentifier(unchecked: UInt16(truncatingIfNeeded: number))
      start = UInt16(truncatingIfNeeded: value.lowerBound)
      length = UInt16(truncatingIfNeeded: value.count)
      rowAndPlace = UInt16(truncatingIfNeeded: row) | flag
    }

    var row: SyntaxTable.Row { SyntaxTable.Row(word: SyntaxTable.rows[Int(rowAndPlace & 0x3FFF)]) }
  }

  /// What the symbol carried.
  public enum Content: Sendable {
    /// Element strings behind a GS1 symbology identifier.
    case elementStrings
    /// A GS1 Digital Link URI.
    case digitalLink
    /// The digits of an EAN or UPC symbol, with or without a composite component.
    case linear
    /// Data that makes no claim to be GS1's: no AIs, nothing checked.
    case plain
  }

  /// The symbology identifier with which the scan began.
  public let symbology: SymbologyIdentifier
  /// What the symbol carried.
  public private(set) var content: Content
  /// Number of elements.
  public private(set) var count = 0

  private(set) var elements: InlineArray<64, Element>
  /// A bit for each first two digits of an AI present.
  private(set) var prefixesPresent: UInt128 = 0
  /// Two AIs present share their first two digits, so one may have come twice.
  private(set) var mayRepeat = false

  init(symbology: SymbologyIdentifier) {
    self.symbology = symbology
    content = .elementStrings
    elements = InlineArray(repeating: Element(0, row: 0, value: 0..<0))
  }

  /// The element at a place, from 0 in the order of the scan.
  public subscript(index: Int) -> Element {
    precondition(index >= 0 && index < count, "element \(index) of a message with \(count)")
    return elements[index]
  }

  /// The place of an AI's first value in the scan, nil if the message does not carry the AI.
  public func value(of ai: ApplicationIdentifier) -> Range<Int>? {
    // By a span: an array of fixed size is copied for each look into it.
    let present = elements.span.extracting(0..<count)
    for index in present.indices where present[index].ai == ai { return present[index].valueRange }
    return nil
  }

  /// Where the values stand that the unique identifier of a medicine pack is made of; each nil if the message does not carry it.
  ///
  /// Delegated Regulation (EU) 2016/161, article 4 (b); 21 U.S.C. 360eee (20), "standardized numerical identifier", with lot and
  /// expiry beside it (14).
  public struct PackIdentifier: Sendable {
    /// The product code, AI 01.
    public fileprivate(set) var gtin: Range<Int>?
    /// The serial number, AI 21.
    public fileprivate(set) var serial: Range<Int>?
    /// The batch number, AI 10.
    public fileprivate(set) var lot: Range<Int>?
    /// The expiry date, AI 17.
    public fileprivate(set) var expiry: Range<Int>?
  }

  /// Reads and fully checks a scan like ``parse(_:)``, and returns what identifies the pack: that alone, because a whole
  /// message is half a kilobyte to hand on.
  ///
  /// - Parameter scan: The bytes as the scanner sent them, without its framing.
  /// - Returns: The places of the four values in the scan.
  /// - Throws: ``GS1Error`` with the first fault found.
  public static func packIdentifier(in scan: Span<UInt8>) throws(GS1Error) -> PackIdentifier {
    guard let symbology = SymbologyIdentifier.leading(scan) else {
      throw GS1Error(.symbologyMissing, at: 0)
    }
    var message = Message(symbology: symbology)
    try message.read(scan)
    var pack = PackIdentifier()
    message.identify(&pack)
    return pack
  }

  /// Finds the four values; changing, because only so the message is looked into where it stands.
  private mutating func identify(_ pack: inout PackIdentifier) {
    for index in 0..<count {
      let element = elements[index]
      switch element.ai {
      case .gtin: pack.gtin = pack.gtin ?? element.valueRange
      case .serial: pack.serial = pack.serial ?? element.valueRange
      case .lot: pack.lot = pack.lot ?? element.valueRange
      case .expiry: pack.expiry = pack.expiry ?? element.valueRange
      default: break
      }
    }
  }

  /// Reads and fully checks a scan, symbology identifier first.
  ///
  /// The verdict is that of the GS1 Barcode Syntax Engine with its default options: unknown AIs
  /// are refused, required and excluded AIs are checked, a repeated AI must repeat its value.
  /// Nothing is allocated on the heap.
  ///
  /// - Parameter scan: The bytes as the scanner sent them, without its framing.
  /// - Returns: The AIs with the places of their values in the scan.
  /// - Throws: ``GS1Error`` with the first fault found.
  public static func parse(_ scan: Span<UInt8>) throws(GS1Error) -> Message {
    guard let symbology = SymbologyIdentifier.leading(scan) else {
      throw GS1Error(.symbologyMissing, at: 0)
    }
    var message = Message(symbology: symbology)
    try message.read(scan)
    return message
  }

  /// Reads and fully checks what stands behind the symbology identifier.
  ///
  /// The elements before a fault stay in the message, for a person to see.
  mutating func read(_ scan: Span<UInt8>) throws(GS1Error) {
    let payload = symbology.payload
    guard payload != .unsupported else { throw GS1Error(.symbologyUnsupported, at: 1) }
    guard scan.count - 3 <= Self.byteCountMax else {
      throw GS1Error(.messageTooLong, at: 3 + Self.byteCountMax, count: scan.count - 3)
    }
    switch payload {
    case .elementString:
      try readElementStrings(scan, from: 3)
    case .linear(let digits):
      content = .linear
      try readLinear(scan, digits: digits)
    case .plain, .unsupported:
      content = DigitalLink.isURI(scan) ? .digitalLink : .plain
      guard content == .digitalLink else { return }
      try readDigitalLink(scan)
    }
    try checkPairings(scan)
  }

  /// Reads and fully checks element strings that stand elsewhere than behind an identifier.
  static func parseElementStrings(
    _ scan: Span<UInt8>, from start: Int, symbology: SymbologyIdentifier
  ) throws(GS1Error) -> Message {
    var message = Message(symbology: symbology)
    try message.readElementStrings(scan, from: start)
    try message.checkPairings(scan)
    return message
  }

  @inline(__always)
  private mutating func checkPairings(_ scan: Span<UInt8>) throws(GS1Error) {
    let pairings = Pairings(prefixes: prefixesPresent, mayRepeat: mayRepeat)
    try pairings.check(elements.span.extracting(0..<count), scan)
  }

  /// Adds an element; refuses the sixty-fifth.
  mutating func append(_ element: Element, at offset: Int) throws(GS1Error) {
    guard count < Self.elementCountMax else {
      throw GS1Error(.tooManyElements, element.ai, at: offset, count: Self.elementCountMax)
    }
    elements[count] = element
    count += 1
    let bit = UInt128(1) << UInt128(element.ai.prefix)
    if prefixesPresent & bit != 0 { mayRepeat = true }
    prefixesPresent |= bit
  }
}

// MARK: - Element strings

extension Message {
  /// Reads the element strings from an offset to the end of the scan (GenSpecs 7.8).
  mutating func readElementStrings(_ scan: Span<UInt8>, from start: Int) throws(GS1Error) {
    do throws(GS1Error) {
      try readElements(scan, from: start)
    } catch {
      // "^" is how GS1 software writes FNC1 in text. It is in no character set, so it always ends
      // here; saying that it is there helps more than saying which AI it broke.
      for index in start..<scan.count where scan[index] == UInt8(ascii: "^") {
        throw GS1Error(.illegalCaret, at: index)
      }
      throw error
    }
  }

  private mutating func readElements(_ scan: Span<UInt8>, from start: Int) throws(GS1Error) {
    guard start < scan.count else { throw GS1Error(.messageEmpty, at: start) }
    var position = start
    while position < scan.count {
      guard let match = SyntaxTable.match(in: scan, at: position) else {
        let isSeparator = scan[position] == .groupSeparator
        throw GS1Error(isSeparator ? .misplacedSeparator : .unknownAI, at: position)
      }
      let row = SyntaxTable.Row(word: SyntaxTable.rows[match.rowIndex])
      let valueStart = position + match.digitCount
      // One byte past the longest value is enough to see that it is too long.
      let limit = min(scan.count, valueStart + row.maximumLength + (row.isPredefined ? 0 : 1))
      var valueEnd = valueStart
      while valueEnd < limit, scan[valueEnd] != .groupSeparator { valueEnd += 1 }

      let ai = ApplicationIdentifier(unchecked: UInt16(truncatingIfNeeded: match.number))
      let checked: Int
      do throws(GS1Error) {
        checked = try Self.check(
          scan.extracting(valueStart..<valueEnd), of: ai, row, at: valueStart)
      } catch {
        throw Self.withLostSeparator(error, scan, valueStart: valueStart, row)
      }
      valueEnd = valueStart + checked
      let isSeparated = valueEnd < scan.count && scan[valueEnd] == .groupSeparator
      if valueEnd < scan.count, !isSeparated, !row.isPredefined {
        throw Self.withLostSeparator(
          GS1Error(.valueTooLong, ai, at: valueEnd, count: row.maximumLength), scan,
          valueStart: valueStart, row)
      }
      try append(
        Element(match.number, row: match.rowIndex, value: valueStart..<valueEnd), at: position)
      position = isSeparated ? valueEnd + 1 : valueEnd
    }
  }

  /// Checks a value against the components of its AI, and says how many bytes they take.
  ///
  /// The offset is that of the value in the scan, for the error.
  static func check(
    _ value: Span<UInt8>, of ai: ApplicationIdentifier, _ row: SyntaxTable.Row, at offset: Int
  ) throws(GS1Error) -> Int {
    guard !value.isEmpty else { throw GS1Error(.valueEmpty, ai, at: offset) }
    var position = 0
    for index in row.firstComponent..<row.firstComponent + row.componentCount {
      let component = SyntaxTable.Component(word: SyntaxTable.components[index])
      let length = min(component.maximumLength, value.count - position)
      if length == 0, component.isOptional { continue }
      guard length >= component.minimumLength else {
        throw GS1Error(
          row.minimumLength == row.maximumLength ? .valueTooShort : .valueLength, ai,
          at: offset + value.count, count: row.minimumLength)
      }
      let part = value.extracting(position..<position + length)
      if let fault = component.characterSet.firstFault(in: part) {
        throw GS1Error(fault.code, ai, at: offset + position + fault.offset)
      }
      var linters = component.linters
      while let linter = Linter(rawValue: UInt8(truncatingIfNeeded: linters & 0x3F)) {
        if let fault = linter.firstFault(in: part) {
          throw GS1Error(fault.code, ai, at: offset + position + fault.offset)
        }
        linters >>= 6
      }
      position += length
    }
    return position
  }
}

// MARK: - EAN and UPC

extension Message {
  /// Reads the digits of an EAN or UPC symbol and the composite component behind "|]e0".
  mutating func readLinear(_ scan: Span<UInt8>, digits: Int) throws(GS1Error) {
    let end = 3 + digits
    guard scan.count >= end else {
      throw GS1Error(.primaryTooShort, at: scan.count, count: digits)
    }
    var component: Int?
    if scan.count >= end + 4, scan[end] == UInt8(ascii: "|"), scan[end + 1] == UInt8(ascii: "]"),
      scan[end + 2] == UInt8(ascii: "e"), scan[end + 3] == UInt8(ascii: "0")
    {
      component = end + 4
    } else if scan.count > end {
      throw GS1Error(.primaryTooLong, at: end, count: digits)
    }
    if let fault = Linter.checkDigit(scan.extracting(3..<end)) {
      throw GS1Error(
        fault.code == .notADigit ? .primaryNotDigits : .primaryCheckDigit, at: 3 + fault.offset)
    }
    if let component { try readElementStrings(scan, from: component) }
  }
}
