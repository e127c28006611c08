/// How a line of the screen looks; what colour says is always said in words too.
enum ScreenStyle: Sendable {
  case normal, bold, reverse
  case good, warning, bad
  case goodBar, badBar

  /// The parameters of SGR (ECMA-48, 8.3.117), empty for none.
  func parameters(colours: Bool) -> String {
    switch self {
    case .normal: ""
    case .bold: "1"
    case .reverse: "1;7"
    case .good: colours ? "32" : ""
    case .warning: colours ? "1;33" : "1"
    case .bad: colours ? "1;31" : "1"
    case .goodBar: colours ? "1;30;42" : "1;7"
    case .badBar: colours ? "1;97;41" : "1;7"
    }
  }
}

/// One line of the screen in one style.
struct ScreenLine: Sendable {
  private var content: String
  private var style: ScreenStyle
  /// Whether it belongs to what the cursor is on, and so has to stay in sight.
  var isSelected = false

  /// An empty line.
  init() { self.init("", .normal) }

  init(_ content: String, _ style: ScreenStyle) {
    self.content = content
    self.style = style
  }

  /// A line whose style goes over the whole width.
  init(bar content: String, _ style: ScreenStyle, _ columns: Int) {
    let text = ScreenLine.plain(content)
    self.init(
      text + String(repeating: " ", count: max(0, columns - text.unicodeScalars.count)), style)
  }

  /// The line for a terminal, cut to its width.
  func text(columns: Int, colours: Bool) -> String {
    var shown = String.UnicodeScalarView(content.unicodeScalars.prefix(columns))
    if content.unicodeScalars.count > columns, columns > 1, content.last != " " {
      shown.removeLast()
      shown.append("…")
    }
    let parameters = style.parameters(colours: colours)
    let text = String(shown)
    return parameters.isEmpty ? text : "\u{1B}[\(parameters)m\(text)\u{1B}[0m"
  }

  /// `text` in characters that each take exactly one place on every terminal: control characters are written out, and for
  /// wide and combining ones stands a question mark, since terminals do not agree on their width.
  static func plain(_ text: String) -> String {
    var plain = String.UnicodeScalarView()
    for scalar in Plain.text(text).unicodeScalars {
      plain.append(takesOnePlace(scalar) ? scalar : "?")
    }
    return String(plain)
  }

  private static func takesOnePlace(_ scalar: Unicode.Scalar) -> Bool {
    if scalar.isASCII { return true }
    switch scalar.properties.generalCategory {
    case .nonspacingMark, .enclosingMark, .spacingMark, .format, .control, .unassigned, .privateUse,
      .surrogate, .lineSeparator, .paragraphSeparator:
      return false
    default: break
    }
    // East Asian wide and full-width characters, and emoji (Unicode Standard Annex 11).
    switch scalar.value {
    case 0x1100...0x115F, 0x2300...0x23FF, 0x2600...0x27BF, 0x2B00...0x2BFF, 0x2E80...0xA4CF,
      0xA960...0xA97F, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE10...0xFE6F, 0xFF00...0xFF60,
      0xFFE0...0xFFE6, 0x16FE0...0x18FFF, 0x1AFF0...0x1B2FF, 0x1F000...0x3FFFD:
      return false
    default: return true
    }
  }
}
