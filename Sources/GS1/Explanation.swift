extension Message.Content {
  /// What people call it.
  var name: String {
    switch self {
    case .elementStrings: "GS1 element strings"
    case .digitalLink: "GS1 Digital Link URI"
    case .linear: "EAN or UPC"
    case .plain: "plain data, not checked"
    }
  }
}

extension Message {
  /// A scan laid out for a person at the line: its AIs with titles, and where it broke.
  ///
  /// First what it is, or that it is refused; then the AIs read, each with title and value; then
  /// the scan byte by byte in rows of ``explanationRowLength``, the byte of the fault marked below
  /// it; last the fault. Control characters show as their Unicode pictures, such as ␝ for GS; bytes
  /// beyond ASCII as `·`.
  public static func explanation(of scan: [UInt8]) -> String {
    let symbology = SymbologyIdentifier.leading(scan.span)
    var message = Message(symbology: symbology ?? .dataMatrix)
    var fault: GS1Error?
    do throws(GS1Error) {
      guard symbology != nil else { throw GS1Error(.symbologyMissing, at: 0) }
      try message.read(scan.span)
    } catch {
      fault = error
    }
    var lines: [String] = []
    switch (fault, symbology) {
    case (nil, _): lines.append("\(message.symbology) \(message.content.name)")
    case (_, nil): lines.append("refused")
    case (_, _?): lines.append("\(visible(scan.prefix(3))) refused")
    }
    let elements = message.elements(in: scan.span)
    let width = elements.map(\.ai.title.count).max() ?? 0
    for (ai, value) in elements {
      lines.append(
        "\(padded(ai.description, 6)) \(padded(ai.title, width))  \(visible(value.utf8))")
    }
    lines += rows(of: scan, marking: fault?.offset)
    if let fault {
      lines.append("byte \(fault.offset): \(fault.message) [\(fault.code.rawValue)]")
    }
    return lines.joined(separator: "\n")
  }

  /// Bytes in a row of ``explanation(of:)``; with them it fits a terminal of eighty columns.
  static let explanationRowLength = 72

  /// The bytes in rows, and a "^" below the one at the offset; that may be the one behind the last.
  private static func rows(of scan: [UInt8], marking offset: Int?) -> [String] {
    var lines: [String] = []
    var start = 0
    repeat {
      let end = min(start + explanationRowLength, scan.count)
      lines.append(visible(scan[start..<end]))
      let isLast = end == scan.count
      if let offset, offset >= start, offset < end || isLast {
        lines.append(String(repeating: " ", count: min(offset, end) - start) + "^")
      }
      start = end
    } while start < scan.count
    return lines
  }

  private static func padded(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.count))
  }

  /// Each byte as one character.
  private static func visible(_ bytes: some Sequence<UInt8>) -> String {
    var text = ""
    for byte in bytes {
      switch byte {
      case 0x20..<0x7F: text.unicodeScalars.append(Unicode.Scalar(byte))
      case 0..<0x20: text.unicodeScalars.append(Unicode.Scalar(0x2400 + UInt32(byte)) ?? "·")
      case 0x7F: text += "␡"
      default: text += "·"
      }
    }
    return text
  }
}
