/// Text from elsewhere, made safe for a terminal and for one line of a journal.
public enum Plain {
  /// `text` with control characters written out: GS as `<GS>`, other ones as `<1B>`; cut at `lengthMax` characters.
  ///
  /// A raw read may hold any byte; a terminal would obey an escape sequence in it.
  public static func text(_ text: String, lengthMax: Int = 500) -> String {
    var plain = ""
    var count = 0
    for scalar in text.unicodeScalars {
      guard count < lengthMax else { return plain + "…" }
      count += 1
      switch scalar.value {
      case 0x1D: plain += "<GS>"
      case 0..<0x20, 0x7F..<0xA0:
        let digits = String(scalar.value, radix: 16, uppercase: true)
        plain += "<" + (digits.count < 2 ? "0" : "") + digits + ">"
      case 0x200B...0x200F, 0x2028...0x202E, 0x2066...0x2069, 0xFEFF:
        plain += "<U+" + String(scalar.value, radix: 16, uppercase: true) + ">"
      default: plain.unicodeScalars.append(scalar)
      }
    }
    return plain
  }
}
