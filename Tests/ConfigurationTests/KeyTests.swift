import Testing

@testable import Configuration

/// Every key of the table, held against what it says of itself.
@Suite struct KeyTests {
  /// TOML for values of each type, by what an error calls them.
  static let samples: [(phrase: String, value: String)] = [
    ("a text", "\"text\""), ("a whole number", "7"), ("a number with a fraction", "7.5"),
    ("true or false", "true"), ("a date or time", "2026-11-25"), ("a list", "[]"),
    ("a table", "{ a = 1 }"),
  ]

  @Test func theTableIsInOrder() {
    #expect(Set(Key.all.map(\.path)).count == Key.all.count, "no key twice")
    for key in Key.all {
      #expect(Key.tables.contains { $0.name == key.table }, "\(key.path) has a table")
      #expect(key.sentence.hasSuffix("."), "\(key.path) has a sentence")
      #expect(!key.sentence.contains("|"), "\(key.path) would break the reference's table")
      if case .required = key.fallback { #expect(!key.example.isEmpty, "\(key.path)") }
      if case .word(let words) = key.kind, case .nothing = key.notBuilt {
        for word in words { #expect(key.sentence.contains("\"\(word)\""), "\(key.path)") }
      }
    }
  }

  @Test(arguments: Key.all.indices) func aValueOfAnotherTypeNamesFileLineKeyAndBoth(index: Int) {
    let key = Key.all[index]
    let allowed: Set<String> =
      switch key.kind {
      case .text, .framing, .word: ["a text"]
      case .number, .oneOf: ["a whole number"]
      case .tenths: ["a whole number", "a number with a fraction"]
      case .flag: ["true or false"]
      case .texts, .framings(_, _, orOne: false): ["a list"]
      case .framings(_, _, orOne: true): ["a text", "a list"]
      case .textOrTexts: ["a text", "a list"]
      case .table: ["a table"]
      }
    for (phrase, value) in KeyTests.samples where !allowed.contains(phrase) {
      let file = File([(key.path, value)])
      let problem = file.problems.first { $0.key == key.path }
      #expect(problem?.line == file.lines[key.path], "\(key.path) = \(value)")
      #expect(
        problem?.sentence == "this is \(phrase), but has to be \(key.expectation)",
        "\(key.path) = \(value)")
      #expect(
        problem?.description.hasPrefix("lineward.toml:\(file.lines[key.path] ?? 0):") == true)
    }
  }

  /// Values just outside what a key allows, and the outermost that it allows, as TOML.
  static func edges(_ key: Key) -> (outside: [String], inside: [String]) {
    func text(_ count: Int) -> String { "\"" + String(repeating: "x", count: count) + "\"" }
    switch key.kind {
    case .text(let range), .framing(let range):
      let outside = [range.lowerBound - 1, range.upperBound + 1].filter { $0 >= 0 }
      return (outside.map(text), [range.lowerBound, range.upperBound].map(text))
    case .word(let words):
      return (["\"\"", "\"other\"", Key.quoted(words[0].uppercased())], words.map(Key.quoted))
    case .number(let range, let other):
      let outside = [range.lowerBound - 1, range.upperBound + 1, Int64.min, Int64.max]
      return (
        outside.map(String.init),
        ([range.lowerBound, range.upperBound] + (other.map { [$0] } ?? [])).map(String.init)
      )
    case .oneOf(let numbers):
      let outside = numbers.flatMap { [$0 - 1, $0 + 1] }.filter { !numbers.contains($0) }
      return ((outside + [0, -1]).map(String.init), numbers.map(String.init))
    case .tenths(let range):
      return (
        [
          Key.decimal(range.upperBound + 1), "-0.1", "-1", "nan", "inf", "-inf", "1.55", "1e300",
        ],
        [Key.decimal(range.lowerBound), Key.decimal(range.upperBound), "2", "0.3"]
      )
    case .framings(let range, let most, _):
      func list(_ count: Int, of bytes: Int) -> String {
        "[" + Array(repeating: text(bytes), count: count).joined(separator: ", ") + "]"
      }
      let outside = [range.lowerBound - 1, range.upperBound + 1].filter { $0 >= 0 }
      return (
        outside.map { list(1, of: $0) } + [list(most + 1, of: range.upperBound)],
        [list(0, of: 0), list(most, of: range.lowerBound), list(1, of: range.upperBound)]
      )
    case .flag, .texts, .textOrTexts, .table: return ([], [])
    }
  }

  @Test(arguments: Key.all.indices) func aValueOutsideItsRangeIsRefusedAndTheEdgeIsNot(index: Int) {
    let key = Key.all[index]
    let (outside, inside) = KeyTests.edges(key)
    for value in outside {
      let file = File([(key.path, value)])
      let own = file.problems.filter { $0.key == key.path }
      #expect(own.count == 1, "\(key.path) = \(value): \(file.problems)")
      #expect(own.first?.line == file.lines[key.path], "\(key.path) = \(value)")
      #expect(
        own.first?.sentence.contains(key.expectation) == true, "\(key.path) = \(value): \(own)")
    }
    for value in inside {
      let own = File([(key.path, value)]).problems.filter {
        $0.key == key.path && $0.sentence.contains(key.expectation)
      }
      #expect(own.isEmpty, "\(key.path) = \(value)")
    }
  }

  @Test(arguments: Key.all.indices) func aKeySpeltWrongIsNamedWithTheOneThatWasMeant(index: Int) {
    let key = Key.all[index]
    let file = File([("\(key.table).\(key.name)x", "1")])
    let problem = file.problems.first { $0.key == "\(key.path)x" }
    #expect(problem?.line == file.lines["\(key.path)x"])
    #expect(problem?.sentence == "there is no such key; did you mean \"\(key.name)\"?")
  }

  @Test(arguments: Key.all.indices) func aNeededKeyThatIsMissingIsShownWithAnExample(index: Int) {
    let key = Key.all[index]
    guard case .required = key.fallback else { return }
    let file = File([(key.path, nil)])
    let problem = file.problems.first { $0.key == key.path }
    #expect(problem?.line == file.lines[key.table])
    #expect(
      problem?.sentence == "this key is missing; write e.g. \(key.name) = \(key.example)")
    #expect(file.problems.count == 1, "and nothing else is called wrong: \(file.problems)")
  }

  @Test(arguments: Key.all.indices) func whatStandsForALeftOutKeyMayAlsoBeWritten(index: Int) throws
  {
    let key = Key.all[index]
    guard let fallback = key.fallbackText else { return }
    #expect(
      try File([(key.path, fallback)]).load() == File([(key.path, nil)]).load(), "\(key.path)")
  }

  @Test(arguments: [
    (
      "station.kind", "\"aggregation\"",
      "\"aggregation\" is not built yet; this version has \"unit\""
    ),
    ("station.kind", "\"rework\"", "\"rework\" is not built yet; this version has \"unit\""),
  ])
  func whatIsNotBuiltIsRefusedAndNeverWithoutEffect(path: String, value: String, says: String) {
    let file = File([(path, value)])
    #expect(file.problems.map(\.sentence) == [says])
    #expect(file.problems.first?.line == file.lines[path])
    #expect(file.problems.first?.key == path)
  }
}
