/// One key of the configuration: what it may be, what it is when it is left out, and what it is for.
///
/// `Key.all` is the only list of keys. It drives checking, the sample file and the reference.
struct Key {
  /// What a value may be.
  enum Kind {
    /// A text of so many bytes, without control characters.
    case text(ClosedRange<Int>)
    /// So many bytes as a scanner sends them; control characters are what framing is made of.
    case framing(ClosedRange<Int>)
    /// At most so many texts of so many bytes as a scanner sends or takes them; one alone may stand without brackets where
    /// `orOne` says so.
    case framings(ClosedRange<Int>, atMost: Int, orOne: Bool)
    /// One of these words.
    case word([String])
    /// A whole number in a range, or one beside it.
    case number(ClosedRange<Int64>, or: Int64? = nil)
    /// One of these whole numbers.
    case oneOf([Int64])
    /// A number with at most one digit after the point; the range is in tenths.
    case tenths(ClosedRange<Int64>)
    /// True or false.
    case flag
    /// A list of texts.
    case texts
    /// A text, or a list of texts.
    case textOrTexts
    /// A table of texts; these keys may stand in it.
    case table([String])
  }

  /// A value that a key may have.
  enum Setting: Equatable {
    case text(String)
    /// For `Kind.tenths` in tenths.
    case number(Int64)
    case flag(Bool)
    case texts([String])
  }

  /// What stands when the key is left out.
  enum Fallback {
    case setting(Setting)
    /// It may not be left out.
    case required
    /// Nothing.
    case none

    static func text(_ text: String) -> Fallback { .setting(.text(text)) }
    static func number(_ number: Int64) -> Fallback { .setting(.number(number)) }
    static func flag(_ flag: Bool) -> Fallback { .setting(.flag(flag)) }
    static func texts(_ texts: [String]) -> Fallback { .setting(.texts(texts)) }

    var setting: Setting? {
      if case .setting(let setting) = self { return setting }
      return nil
    }
  }

  /// What the key allows and this version cannot do yet: refused, because nobody would notice that it is without effect.
  enum NotBuilt {
    case nothing
    /// These words; the others work.
    case words([String])
    /// Everything but what stands when the key is left out.
    case allButFallback
  }

  /// The table it stands in: `line`, or `scanner` for `[[scanner]]`.
  var table: String
  /// Its name in that table.
  var name: String
  var kind: Kind
  var fallback: Fallback
  /// What it is for, in one sentence or two; the sample and the reference show it.
  var sentence: String
  /// What the sample file and errors show when the key has no fallback.
  var example = ""
  var notBuilt = NotBuilt.nothing

  /// The path that errors name, without places in lists.
  var path: String { "\(table).\(name)" }
}

extension Key {
  /// What a value may be, for errors and the reference.
  var expectation: String {
    switch kind {
    case .text(let range), .framing(let range):
      "a text of \(range.lowerBound) to \(range.upperBound) bytes"
    case .framings(let range, let most, let orOne):
      orOne
        ? "a text of \(range.lowerBound) to \(range.upperBound) bytes, or a list of at most \(most) of them"
        : "a list of at most \(most) texts of \(range.lowerBound) to \(range.upperBound) bytes"
    case .word(let words): Key.either(words.map(Key.quoted))
    case .number(let range, let other):
      "a whole number from \(range.lowerBound) to \(range.upperBound)"
        + (other.map { ", or \($0)" } ?? "")
    case .oneOf(let numbers): Key.either(numbers.map(String.init))
    case .tenths(let range):
      "a number from \(Key.decimal(range.lowerBound)) to \(Key.decimal(range.upperBound)) "
        + "with at most one digit after the point"
    case .flag: "true or false"
    case .texts: "a list of texts"
    case .textOrTexts: "a text, or a list of texts"
    case .table(let names): "a table of \(Key.either(names))"
    }
  }

  /// The words that this version can do.
  var built: String {
    guard case .word(let words) = kind, case .words(let missing) = notBuilt else { return "" }
    return Key.either(words.filter { !missing.contains($0) }.map(Key.quoted))
  }

  /// What this version cannot do yet, as a sentence; nil when there is nothing.
  var notBuiltSentence: String? {
    switch notBuilt {
    case .nothing: nil
    case .words(let words):
      "Not built yet, and refused: \(words.map(Key.quoted).joined(separator: ", "))."
    case .allButFallback: "Not built yet: anything else than \(fallbackText ?? "") is refused."
    }
  }

  /// The fallback as TOML, or nil.
  var fallbackText: String? {
    switch (fallback.setting, kind) {
    case (.text(let text), _): Key.quoted(text)
    case (.number(let tenths), .tenths): Key.decimal(tenths)
    case (.number(let number), _): String(number)
    case (.flag(let flag), _): String(flag)
    case (.texts(let texts), .framings(_, _, orOne: true)) where texts.count == 1:
      Key.quoted(texts[0])
    case (.texts(let texts), _): "[" + texts.map(Key.quoted).joined(separator: ", ") + "]"
    case (nil, _): nil
    }
  }

  /// Tenths as people write them: 15 is `1.5`.
  static func decimal(_ tenths: Int64) -> String { "\(tenths / 10).\(tenths % 10)" }

  /// `a, b or c`.
  static func either(_ list: [String]) -> String {
    guard let last = list.last, list.count > 1 else { return list.first ?? "" }
    return list.dropLast().joined(separator: ", ") + " or " + last
  }

  /// A text as TOML writes it: what came from a file cannot act on a terminal or forge a line.
  static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars.prefix(quotedLengthMax) {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\r": result += "\\r"
      case "\n": result += "\\n"
      case "\t": result += "\\t"
      case _ where scalar.isControl:
        let digits = String(scalar.value, radix: 16, uppercase: true)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + (text.unicodeScalars.count > quotedLengthMax ? "…" : "") + "\""
  }

  /// Longer texts are cut where they are quoted; no fallback is that long.
  private static let quotedLengthMax = 80
}
