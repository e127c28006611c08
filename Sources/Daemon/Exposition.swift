/// Metrics in Prometheus's text format 0.0.4.
///
/// Each family stands once, with its help and type before its samples.
struct Exposition {
  private(set) var text = ""
  private var name = ""

  enum Kind: String { case counter, gauge, histogram, summary }

  /// Begins a family; its name follows Prometheus's conventions: base units, `_total` for counters.
  mutating func family(_ name: String, _ kind: Kind, _ help: String) {
    self.name = name
    text += "# HELP \(name) \(Self.escaped(help, quotes: false))\n# TYPE \(name) \(kind.rawValue)\n"
  }

  /// A sample of the family begun.
  mutating func sample(
    _ value: some CustomStringConvertible, _ labels: [(String, String)] = [], suffix: String = ""
  ) {
    text += name + suffix
    if !labels.isEmpty {
      text +=
        "{"
        + labels.map { "\($0.0)=\"\(Self.escaped($0.1, quotes: true))\"" }.joined(separator: ",")
        + "}"
    }
    text += " \(value)\n"
  }

  /// The samples of a histogram of times.
  mutating func times(_ histogram: TimeHistogram, _ labels: [(String, String)] = []) {
    let (counts, sum) = histogram.cumulative
    for (bound, count) in zip(TimeHistogram.bounds, counts) {
      sample(count, labels + [("le", Self.seconds(bound))], suffix: "_bucket")
    }
    let all = counts.last ?? 0
    sample(all, labels + [("le", "+Inf")], suffix: "_bucket")
    sample(Self.seconds(sum), labels, suffix: "_sum")
    sample(all, labels, suffix: "_count")
  }

  /// Nanoseconds as seconds.
  static func seconds(_ nanoseconds: Int64) -> String { "\(Double(nanoseconds) / 1e9)" }

  private static func escaped(_ text: String, quotes: Bool) -> String {
    var escaped = ""
    for character in text.unicodeScalars {
      switch character {
      case "\\": escaped += #"\\"#
      case "\n": escaped += #"\n"#
      case "\"" where quotes: escaped += #"\""#
      default: escaped.unicodeScalars.append(character)
      }
    }
    return escaped
  }
}
