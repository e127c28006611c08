internal import Glibc

/// How bytes and texts stand in the files of an export.
enum ExportText {
  /// A moment as RFC 3339 in UTC with milliseconds; seconds since 1970 where the calendar has no such year.
  static func time(_ wall: Int64) -> String {
    let seconds = wall >= 0 ? wall / 1000 : (wall - 999) / 1000
    var moment = time_t(seconds)
    var parts = tm()
    guard gmtime_r(&moment, &parts) != nil, (0...9999).contains(Int(parts.tm_year) + 1900) else {
      return "\(seconds)"
    }
    func digits(_ value: Int, _ width: Int) -> String {
      let text = String(value)
      return String(repeating: "0", count: max(0, width - text.count)) + text
    }
    return
      "\(digits(Int(parts.tm_year) + 1900, 4))-\(digits(Int(parts.tm_mon) + 1, 2))-"
      + "\(digits(Int(parts.tm_mday), 2))T\(digits(Int(parts.tm_hour), 2)):"
      + "\(digits(Int(parts.tm_min), 2)):\(digits(Int(parts.tm_sec), 2))."
      + "\(digits(Int(wall - seconds * 1000), 3))Z"
  }

  /// Bytes as people read them: printable ASCII as it is, GS as `<GS>`, every other byte as `<1B>`.
  static func visible(_ bytes: [UInt8]) -> String {
    var text: [UInt8] = []
    for byte in bytes {
      switch byte {
      case 0x20..<0x7F: text.append(byte)
      case 0x1D: text += "<GS>".utf8
      default: text += "<\(Hexadecimal.text([byte]).uppercased())>".utf8
      }
    }
    return String(decoding: text, as: UTF8.self)
  }

  // MARK: HTML

  /// A table of cells that are HTML already; without rows a sentence that says so.
  static func table(_ head: [String], _ rows: [[String]]) -> String {
    if rows.isEmpty { return "<p class=\"none\">\(head[0]): none.</p>\n" }
    return "<table>\n<thead><tr>" + head.map { "<th>\($0)</th>" }.joined()
      + "</tr></thead>\n<tbody>\n"
      + rows.map { "<tr>\($0.joined())</tr>\n" }.joined() + "</tbody>\n</table>\n"
  }

  /// A cell with a text in it.
  static func cell(_ text: String) -> String { "<td>\(html(text))</td>" }

  // MARK: JSON

  /// Adds a JSON string (RFC 8259): quotes, backslashes and control characters escaped.
  static func json(_ text: String, to bytes: inout [UInt8]) {
    bytes.append(UInt8(ascii: "\""))
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes += [UInt8(ascii: "\\"), byte]
      case 0..<0x20, 0x7F: bytes += "\\u00\(Hexadecimal.text([byte]))".utf8
      default: bytes.append(byte)
      }
    }
    bytes.append(UInt8(ascii: "\""))
  }

  // MARK: CSV

  /// Adds a text cell (RFC 4180), always in quotes.
  ///
  /// A spreadsheet takes a cell that begins with one of these for a formula, which a read or a reason could smuggle in.
  /// An apostrophe in front makes it text; one that was there gets another, so that a reader takes off exactly one.
  static func csv(_ text: String, to bytes: inout [UInt8]) {
    bytes.append(UInt8(ascii: "\""))
    if let first = text.unicodeScalars.first, formulaStarts.contains(first) {
      bytes.append(UInt8(ascii: "'"))
    }
    for byte in text.utf8 {
      if byte == UInt8(ascii: "\"") { bytes.append(byte) }
      bytes.append(byte)
    }
    bytes.append(UInt8(ascii: "\""))
  }

  private static let formulaStarts: Set<Unicode.Scalar> = [
    "=", "+", "-", "@", "\t", "\r", "\n", "'", "\u{FF1D}", "\u{FF0B}", "\u{FF0D}", "\u{FF20}",
  ]

  // MARK: HTML

  /// Text for a page: markup escaped, control characters and marks that turn the direction of writing made visible.
  static func html(_ text: String) -> String {
    var escaped = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": escaped += "&amp;"
      case "<": escaped += "&lt;"
      case ">": escaped += "&gt;"
      case "\"": escaped += "&quot;"
      case "'": escaped += "&#39;"
      default:
        switch scalar.value {
        case 0..<0x20, 0x7F..<0xA0, 0x200B...0x200F, 0x2028...0x202E, 0x2066...0x2069, 0xFEFF:
          escaped += "&lt;U+\(String(scalar.value, radix: 16, uppercase: true))&gt;"
        default: escaped.unicodeScalars.append(scalar)
        }
      }
    }
    return escaped
  }
}
