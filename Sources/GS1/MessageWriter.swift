/// Writes values as element strings, as text for people and as a Digital Link URI.
///
/// What is written here reads back to the same AIs and values; what could not, is refused.
public enum MessageWriter {
  /// An AI with its value.
  public typealias Element = (ai: ApplicationIdentifier, value: String)

  /// The bytes that a scanner would send for these elements, symbology identifier first.
  ///
  /// The elements keep their order. A separator follows each value that needs one, except the
  /// last. Put AIs of predefined length first to save separators.
  ///
  /// - Parameters:
  ///   - elements: At most 64, with values that are valid for their AIs and beside each other.
  ///   - symbology: An identifier behind which element strings stand.
  /// - Returns: Bytes that ``Message/parse(_:)`` reads back to the same elements.
  /// - Throws: ``GS1Error`` as ``Message/parse(_:)`` would, with offsets in the bytes written.
  public static func elementStrings(
    _ elements: [Element], symbology: SymbologyIdentifier = .gs1DataMatrix
  ) throws(GS1Error) -> [UInt8] {
    guard symbology.carriesElementStrings else { throw GS1Error(.symbologyUnsupported, at: 1) }
    var scan = Array(symbology.description.utf8)
    var needsSeparator = false
    for element in elements {
      if needsSeparator { scan.append(.groupSeparator) }
      scan.append(contentsOf: element.ai.digits.utf8)
      let row = try appendValue(of: element, as: Array(element.value.utf8), to: &scan)
      needsSeparator = !row.isPredefined
    }
    _ = try Message.parse(scan.span)
    return scan
  }

  /// The human readable interpretation: AIs in parentheses, nothing between the elements.
  ///
  /// GenSpecs 4.14. The parentheses are not part of the data, and the text is for reading only: a
  /// value may hold parentheses itself.
  public static func humanReadable(_ elements: [Element]) -> String {
    elements.map { "\($0.ai)\($0.value)" }.joined()
  }

  /// The human readable interpretation of a message that was read from these bytes.
  public static func humanReadable(_ message: Message, in scan: Span<UInt8>) -> String {
    humanReadable(message.elements(in: scan))
  }

  /// The GS1 Digital Link URI of these elements.
  ///
  /// The first AI that can be a key is the key. As many of the others as qualify it stand in the
  /// path, in the order that the dictionary gives; the rest follow as query parameters, those of
  /// predefined length first. An element that comes twice is written once.
  ///
  /// - Parameters:
  ///   - elements: Values that are valid for their AIs and beside each other.
  ///   - stem: Scheme, domain and path that stand before the key.
  /// - Returns: The URI, percent-encoded where needed.
  /// - Throws: ``GS1Error``, such as `uri-key-missing` where no element is a key, or
  ///   `uri-ai-not-attribute` where one may stand neither in the path nor in the query. Offsets
  ///   are in the URI behind a symbology identifier.
  public static func digitalLink(
    _ elements: [Element], stem: String = "https://id.gs1.org"
  ) throws(GS1Error) -> String {
    guard
      let key = elements.first(where: { SyntaxTable.row(of: $0.ai)?.isDigitalLinkKey == true })
    else { throw GS1Error(.uriKeyMissing, at: 0) }
    let path = [key.ai] + longestQualifiers(of: key.ai, among: elements.map(\.ai))

    var scan = Array("]d1\(stem)".utf8)
    if scan.last == UInt8(ascii: "/") { scan.removeLast() }
    for ai in path {
      guard let element = elements.first(where: { $0.ai == ai }) else { continue }
      scan.append(contentsOf: "/\(ai.digits)/".utf8)
      _ = try appendValue(of: element, as: percentEncoded(element.value), to: &scan)
    }
    var written = Set(path)
    var mark = UInt8(ascii: "?")
    for isPredefined in [true, false] {
      for element in elements
      where element.ai.needsSeparator != isPredefined && written.insert(element.ai).inserted {
        scan.append(mark)
        mark = UInt8(ascii: "&")
        scan.append(contentsOf: "\(element.ai.digits)=".utf8)
        _ = try appendValue(of: element, as: percentEncoded(element.value), to: &scan)
      }
    }
    for element in elements
    where elements.contains(where: { $0.ai == element.ai && $0.value != element.value }) {
      throw GS1Error(.repeatDiffers, element.ai, at: 0)
    }
    guard try Message.parse(scan.span).content == .digitalLink else {
      throw GS1Error(.uriKeyMissing, at: DigitalLink.payloadStart)
    }
    return String(decoding: scan.dropFirst(DigitalLink.payloadStart), as: UTF8.self)
  }

  /// Appends a value in the form given, once it is found to be a whole value of its AI.
  private static func appendValue(
    of element: Element, as bytes: [UInt8], to scan: inout [UInt8]
  ) throws(GS1Error) -> SyntaxTable.Row {
    guard let row = SyntaxTable.row(of: element.ai) else {
      throw GS1Error(.unknownAI, element.ai, at: scan.count)
    }
    let value = Array(element.value.utf8)
    let length = try Message.check(value.span, of: element.ai, row, at: scan.count)
    guard length == value.count else {
      throw GS1Error(
        .valueTooLong, element.ai, at: scan.count + length, count: row.maximumLength)
    }
    scan.append(contentsOf: bytes)
    return row
  }

  /// The key's qualifiers that are among the AIs.
  ///
  /// Of two alternatives the one with more AIs that may stand nowhere else, then with more AIs.
  private static func longestQualifiers(
    of key: ApplicationIdentifier, among ais: [ApplicationIdentifier]
  ) -> [ApplicationIdentifier] {
    func rank(_ qualifiers: [ApplicationIdentifier]) -> (Int, Int) {
      let bound = qualifiers.filter { SyntaxTable.row(of: $0)?.isDigitalLinkAttribute == false }
      return (bound.count, qualifiers.count)
    }
    var longest: [ApplicationIdentifier] = []
    var position = 0
    while position < SyntaxTable.keySequences.count {
      let end = position + 2 + Int(SyntaxTable.keySequences[position + 1])
      if SyntaxTable.keySequences[position] == key.number {
        let found = (position + 2..<end)
          .map { ApplicationIdentifier(unchecked: SyntaxTable.keySequences[$0]) }
          .filter(ais.contains)
        if rank(found) > rank(longest) { longest = found }
      }
      position = end
    }
    return longest
  }

  /// The value with all but unreserved characters percent-encoded (RFC 3986, 2.1).
  private static func percentEncoded(_ value: String) -> [UInt8] {
    let hexadecimal = Array("0123456789ABCDEF".utf8)
    var bytes: [UInt8] = []
    for byte in value.utf8 {
      if CharacterSet.contains(byte, DigitalLink.unreservedMap) {
        bytes.append(byte)
      } else {
        bytes += [UInt8(ascii: "%"), hexadecimal[Int(byte >> 4)], hexadecimal[Int(byte & 15)]]
      }
    }
    return bytes
  }
}
