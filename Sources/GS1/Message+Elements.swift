extension Message {
  /// Reads and checks a scan, and returns its AIs with their values as text.
  ///
  /// The convenient form of ``parse(_:)`` for tools and tests, and the inverse of
  /// ``MessageWriter/elementStrings(_:symbology:)``; it allocates. Percent-encoding is undone. A scan
  /// that makes no claim to carry AIs, such as plain data or a lone EAN, gives none.
  ///
  /// - Parameter scan: The bytes as the scanner sent them, without its framing.
  /// - Returns: The AIs and their values in the order of the scan.
  /// - Throws: ``GS1Error`` with the first fault found.
  public static func elements(in scan: [UInt8]) throws(GS1Error) -> [MessageWriter.Element] {
    let message = try parse(scan.span)
    return message.elements(in: scan.span)
  }

  /// The AIs with their values as text, in the order of the scan that this message was read from.
  public func elements(in scan: Span<UInt8>) -> [MessageWriter.Element] {
    (0..<count).map { (self[$0].ai, text(of: self[$0], in: scan)) }
  }

  /// The value of an element as text, with percent-encoding undone.
  ///
  /// The scan is the bytes that this message was read from.
  public func text(of element: Element, in scan: Span<UInt8>) -> String {
    let value = DecodedValue(
      scan, element.valueRange, percentEncoded: element.isInPath || element.isInQuery,
      isQuery: element.isInQuery)
    var text = ""
    text.reserveCapacity(value.count)
    // Every character set of AI values is within ASCII.
    for index in 0..<value.count { text.unicodeScalars.append(Unicode.Scalar(value.bytes[index])) }
    return text
  }
}
