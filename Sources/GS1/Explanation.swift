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
  /// Control characters show as their Unicode pictures, such as ␝ for GS; bytes beyond ASCII as
  /// `·`. The last lines name the fault and mark its byte.
  public static func explanation(of scan: [UInt8]) -> String {
    var lines: [String] = []
    var message: Message
    var fault: GS1Error?
    do throws(GS1Error) {
      message = try parse(scan.span)
      lines.append("\(message.symbology) \(message.content.name)")
    } catch {
      fault = error
      message = readableStart(of: scan.span)
    }
    let titles = (0..<message.count).map { message[$0].ai.title }
    let width = titles.map(\.count).max() ?? 0
    for (index, title) in titles.enumerated() {
      let ai = message[index].ai.description
      lines.append(
        padded(ai, 6) + " " + padded(title, width) + "  "
          + visible(Array(message.text(of: message[index], in: scan.span).utf8)))
    }
    lines.append(visible(scan))
    if let fault {
      lines.append(String(repeating: " ", count: min(fault.offset, scan.count)) + "^")
      lines.append("byte \(fault.offset): \(fault.message) [\(fault.code.rawValue)]")
    }
    return lines.joined(separator: "\n")
  }

  /// The elements before the fault, as far as they could be read.
  private static func readableStart(of scan: Span<UInt8>) -> Message {
    var message = Message(symbology: SymbologyIdentifier.leading(scan) ?? .dataMatrix)
    if message.symbology.carriesElementStrings, scan.count <= byteCountMax + 3 {
      // The fault is known already; what was read before it stays in the message.
      try? message.readElementStrings(scan, from: 3)
    }
    return message
  }

  private static func padded(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.count))
  }

  /// Each byte as one character.
  private static func visible(_ bytes: [UInt8]) -> String {
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
