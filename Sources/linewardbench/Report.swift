/// The parts that can be run by themselves.
enum Part: String, CaseIterable {
  case gs1, decoders, pool, rings, append, throughput, verify, latency, `import`

  static let names = allCases.map(\.rawValue).joined(separator: ",")

  /// Parts by their names, nil when one of them is none.
  static func list(_ text: String) -> Set<Part>? {
    if text.isEmpty { return Set(allCases) }
    var parts: Set<Part> = []
    for name in text.split(separator: ",") {
      guard let part = Part(rawValue: String(name)) else { return nil }
      parts.insert(part)
    }
    return parts
  }
}

/// What was found, figure by figure, and what missed its aim.
struct Report {
  private(set) var missed: [String] = []
  private(set) var figures = 0

  /// Prints a figure as it comes, with its aim and whether it was reached.
  mutating func figure(_ name: String, _ text: String, aim: String, isReached: Bool) {
    figures += 1
    if !isReached { missed.append(name) }
    say(Report.line(name, "\(text); aim \(aim): \(isReached ? "reached" : "MISSED")"))
  }

  /// Prints what explains a figure and has no aim.
  func remark(_ text: String) { say(Report.line("", text)) }

  private static func line(_ name: String, _ text: String) -> String {
    name + String(repeating: " ", count: max(2, 24 - name.count)) + text
  }
}

/// A figure for people, with so many digits after the point.
func rounded(_ value: Double, _ digits: Int = 2) -> String {
  guard value.isFinite else { return "no figure" }
  var factor = 1.0
  for _ in 0..<digits { factor *= 10 }
  let text = String((value * factor).rounded() / factor)
  return digits == 0 && text.hasSuffix(".0") ? String(text.dropLast(2)) : text
}

/// A whole number with its thousands apart: `1,234,567`.
func grouped(_ value: Double) -> String {
  guard value.isFinite, abs(value) < 1e15 else { return "no figure" }
  var text = ""
  for (index, digit) in String(Int(value.rounded())).reversed().enumerated() {
    if index > 0, index % 3 == 0, digit != "-" { text.append(",") }
    text.append(digit)
  }
  return String(text.reversed())
}
