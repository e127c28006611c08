/// What a person writes to open a batch, checked before anything is sent.
public enum BatchForm {
  /// The most characters a batch id may have.
  public static let idLengthMax = 64

  /// What is wrong, one sentence each; empty when all is well.
  ///
  /// - Parameters:
  ///   - id: The plant's own name, 1…64 printable characters.
  ///   - gtin: 14 digits, the last checks the others (GS1 General Specifications, 7.9.1).
  ///   - lot: 1…20 characters of GS1 character set 82 (AI 10).
  ///   - expiry: YYMMDD, day 00 for the end of the month (AI 17).
  /// - Returns: The sentences, in the order of the parameters.
  public static func problems(id: String, gtin: String, lot: String, expiry: String) -> [String] {
    [problem(id: id), problem(gtin: gtin), problem(lot: lot), problem(expiry: expiry)]
      .compactMap(\.self)
  }

  private static func problem(id: String) -> String? {
    if id.isEmpty { return "The batch id is empty." }
    if id.count > idLengthMax {
      return "The batch id has \(id.count) characters; at most \(idLengthMax) are allowed."
    }
    if Plain.text(id) != id || id.first == " " || id.last == " " {
      return "The batch id \"\(Plain.text(id))\" has characters that cannot be seen, or a space at "
        + "its end."
    }
    return nil
  }

  private static func problem(gtin: String) -> String? {
    let shown = Plain.text(gtin, lengthMax: 40)
    let digits = gtin.utf8.compactMap { (48...57).contains($0) ? Int($0) - 48 : nil }
    guard digits.count == gtin.utf8.count else {
      return "The GTIN \"\(shown)\" may only have digits."
    }
    guard digits.count == 14 else {
      let hint =
        [8, 12, 13].contains(digits.count) ? " A shorter GTIN gets zeroes in front." : ""
      return "The GTIN \"\(shown)\" has \(digits.count) digits; 14 are needed.\(hint)"
    }
    var sum = 0
    for (index, digit) in digits.dropLast().enumerated() {
      sum += index.isMultiple(of: 2) ? 3 * digit : digit
    }
    let expected = (10 - sum % 10) % 10
    guard digits[13] == expected else {
      return
        "The GTIN \"\(shown)\" has the check digit \(digits[13]), but by its other digits that "
        + "is \(expected): a digit is wrong."
    }
    return nil
  }

  private static func problem(lot: String) -> String? {
    let shown = Plain.text(lot, lengthMax: 40)
    if lot.isEmpty { return "The lot is empty." }
    if let odd = lot.unicodeScalars.first(where: { !isInCharacterSet82($0) }) {
      return
        "The lot \"\(shown)\" has the character \"\(Plain.text(String(odd)))\", which GS1 does "
        + "not allow in AI 10."
    }
    if lot.utf8.count > 20 {
      return "The lot \"\(shown)\" has \(lot.utf8.count) characters; at most 20 are allowed."
    }
    return nil
  }

  /// GS1 AI encodable character set 82 (GS1 General Specifications, figure 7.11-1).
  private static func isInCharacterSet82(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar {
    case "a"..."z", "A"..."Z", "0"..."9", "!", "\"", "%"..."/", ":"..."?", "_": true
    default: false
    }
  }

  private static func problem(expiry: String) -> String? {
    let shown = Plain.text(expiry, lengthMax: 40)
    let digits = expiry.utf8.compactMap { (48...57).contains($0) ? Int($0) - 48 : nil }
    guard digits.count == expiry.utf8.count, digits.count == 6 else {
      return "The expiry \"\(shown)\" must be six digits, YYMMDD."
    }
    let year = digits[0] * 10 + digits[1]
    let month = digits[2] * 10 + digits[3]
    let day = digits[4] * 10 + digits[5]
    guard (1...12).contains(month) else {
      return "The expiry \"\(shown)\" has no such month: it is written YYMMDD."
    }
    // Of the years an expiry can mean, those divisible by four are leap years (2000 included).
    let lengths = [31, year.isMultiple(of: 4) ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    guard day <= lengths[month - 1] else {
      return "The expiry \"\(shown)\" has no such day: it is written YYMMDD, day 00 for the end of "
        + "the month."
    }
    return nil
  }
}
