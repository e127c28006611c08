/// Takes a flat document apart by the table of keys, and collects everything that is wrong with it.
struct Reader {
  /// One table of the file: its values, lists and inner tables by key name.
  struct Table {
    var values: [String: Document.Value] = [:]
    var lists: [String: [Document.Value]] = [:]
    /// What stands in a table of this table: by the name of that and its own.
    var fields: [String: [String: Document.Value]] = [:]
    /// The keys whose values are from a profile; the others are written in the table itself.
    var fromProfile: Set<String> = []
    /// Where it begins; 0 when the file does not have it.
    var line = 0

    /// Where a key stands, or the table when the key was left out.
    func line(of key: String) -> Int { values[key]?.line ?? line }

    /// Its name as written, for checks across tables that go on when something else is wrong.
    var name: String? {
      if case .string(let text) = values["name"]?.content { return text }
      return nil
    }
  }

  /// No line has more scanners, PLCs or stations; a file with more was made by a fault in a program.
  static let tablesMax = 64
  /// More problems than a person would read at once are counted only.
  static let problemsMax = 100

  /// Longer texts of an inner table were made by a fault; udev's longest are far below.
  static let fieldLengthMax = 512

  let file: String
  private(set) var problems: [ConfigurationProblem] = []
  private var unlisted = 0
  private var tables: [String: [Table]] = [:]
  /// Where layouts of keyboards are: beside the profiles of scanners.
  private(set) var keyboards: [String] = []
  /// What a profile says beside keys of a scanner.
  private(set) var extras = ScannerProfile.Extras()

  /// Takes a configuration apart; profiles of scanners are looked for in these folders, the first that has one wins.
  init(_ document: Document, file: String, profiles: [String]) {
    self.file = file
    keyboards = profiles.map { folder in
      folder.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(
        separator: "/") + "/keyboards"
    }
    sort(document)
    for index in all("scanner").indices { addProfile(to: index, profiles) }
  }

  /// Takes a profile apart, whose keys stand in no table.
  init(profile document: Document, file: String) {
    self.file = file
    tables["scanner"] = [Table(line: 1)]
    sortProfile(document)
  }

  /// All problems in the order of lines; what was counted only is one more at the end.
  var verdict: ConfigurationProblems? {
    guard !problems.isEmpty else { return nil }
    var sorted = problems.sorted { ($0.line, $0.column) < ($1.line, $1.column) }
    if unlisted > 0 {
      sorted.append(
        ConfigurationProblem(file: file, sentence: "\(unlisted) more problems are not listed"))
    }
    return ConfigurationProblems(problems: sorted)
  }

  /// The tables of a name, in the order of the file.
  func all(_ name: String) -> [Table] { tables[name] ?? [] }

  /// The one table of a name; an empty one when the file does not have it.
  func only(_ name: String) -> Table { tables[name]?.first ?? Table() }

  // MARK: Problems

  mutating func fail(_ key: String, _ value: Document.Value, _ sentence: @autoclosure () -> String)
  {
    fail(key, line: value.line, column: value.column, sentence())
  }

  mutating func fail(
    _ key: String, line: Int, column: Int = 1, _ sentence: @autoclosure () -> String
  ) {
    fail(
      ConfigurationProblem(file: file, line: line, column: column, key: key, sentence: sentence()))
  }

  mutating func fail(_ problem: ConfigurationProblem) {
    guard problems.count < Reader.problemsMax else {
      unlisted += 1
      return
    }
    problems.append(problem)
  }

  // MARK: Into tables

  /// One step of a path: `scanner[0]` is the name `scanner` and the place 0.
  private struct Step {
    var name: String
    var place: Int?

    init(_ text: Substring) {
      let open = text.firstIndex(of: "[")
      name = String(text[..<(open ?? text.endIndex)])
      // A list in a list has two places; the first one says enough, since no key is one.
      place = open.flatMap { Int(text[text.index(after: $0)...].prefix { $0 != "]" }) }
    }
  }

  private mutating func sort(_ document: Document) {
    var refused: Set<String> = []
    for value in document.values {
      let steps = value.path.split(separator: ".").map(Step.init)
      guard let first = steps.first, !refused.contains(first.name) else { continue }
      guard let table = Key.tables.first(where: { $0.name == first.name }) else {
        refused.insert(first.name)
        if steps.count == 1, !value.content.isTableOrArray {
          fail(first.name, value, "this stands in no table; keys come below a heading, e.g. [line]")
          continue
        }
        fail(
          first.name, value,
          "there is no such table" + Reader.nearest(first.name, Key.tables.map(\.name)))
        continue
      }
      guard steps.count == 1 else {
        keep(value, steps, table: table.name)
        continue
      }
      switch (value.content, first.place) {
      case (.table, nil) where !table.repeats:
        tables[table.name] = [Table(line: value.line)]
      case (.array, nil) where table.repeats: break
      case (.table, .some) where table.repeats:
        if all(table.name).count < Reader.tablesMax {
          tables[table.name, default: []].append(Table(line: value.line))
        } else {
          refused.insert(table.name)
          fail(table.name, value, "there are more than \(Reader.tablesMax) of these tables")
        }
      default:
        refused.insert(table.name)
        let brackets = table.repeats ? "[[\(table.name)]]" : "[\(table.name)]"
        fail(table.name, value, "this has to be a table, written as \(brackets)")
      }
    }
  }

  /// What a scanner's table leaves out comes from its profile.
  ///
  /// Errors across keys then name the line of `profile`.
  private mutating func addProfile(to index: Int, _ folders: [String]) {
    guard let place = tables["scanner"]?[index].values["profile"],
      case .string(let name) = place.content, (1...4096).contains(name.utf8.count)
    else { return }
    let profile: ScannerProfile
    do throws(ConfigurationProblems) {
      profile = try ScannerProfile.find(name, in: folders)
    } catch {
      for problem in error.problems {
        if problem.file.isEmpty {
          fail("scanner.profile", place, problem.sentence)
        } else {
          fail(problem)
        }
      }
      return
    }
    var table = all("scanner")[index]
    for (key, value) in profile.table.values where table.values[key] == nil {
      table.values[key] = at(place, value)
      table.fromProfile.insert(key)
      table.lists[key] = profile.table.lists[key]?.map { at(place, $0) }
    }
    tables["scanner"]?[index] = table
  }

  private func at(_ place: Document.Value, _ value: Document.Value) -> Document.Value {
    var value = value
    value.line = place.line
    value.column = place.column
    return value
  }

  /// The keys that a profile cannot have: they belong to one scanner, not to all of a make.
  static let ownKeys = ["name", "profile", "device", "match", "host", "listen"]

  private mutating func sortProfile(_ document: Document) {
    let names = Key.all.filter { $0.table == "scanner" && !Reader.ownKeys.contains($0.name) }
      .map(\.name)
    for value in document.values {
      let steps = value.path.split(separator: ".").map(Step.init)
      guard let first = steps.first else { continue }
      if ScannerProfile.ownKeys.contains(first.name) {
        ScannerProfile.sort(value, steps.map { ($0.name, $0.place) }, &extras)
        continue
      }
      guard names.contains(first.name) else {
        if steps.count == 1, first.place == nil {
          fail(
            "scanner.\(first.name)", value,
            Reader.ownKeys.contains(first.name)
              ? "a profile is for all scanners of a make; write this key in [[scanner]]"
              : "there is no such key" + Reader.nearest(first.name, names))
        }
        continue
      }
      guard steps.count == 1 else { continue }
      if first.place == nil {
        tables["scanner"]?[0].values[first.name] = value
      } else {
        tables["scanner"]?[0].lists[first.name, default: []].append(value)
      }
    }
    let table = only("scanner")
    for name in names where table.values[name] != nil { check(table, "scanner.\(name)") }
  }

  /// Puts a value into its table.
  private mutating func keep(_ value: Document.Value, _ steps: [Step], table: String) {
    let index = steps[0].place ?? 0
    let name = steps[1].name
    guard Key.all.contains(where: { $0.table == table && $0.name == name }) else {
      // What stands in an unknown table or list is not told again.
      guard steps.count == 2, steps[1].place == nil else { return }
      let names = Key.all.filter { $0.table == table }.map(\.name)
      fail("\(table).\(name)", value, "there is no such key" + Reader.nearest(name, names))
      return
    }
    guard steps.count == 2 else {
      keep(value, inner: steps, table: table)
      return
    }
    if steps[1].place == nil {
      tables[table]?[index].values[name] = value
    } else {
      tables[table]?[index].lists[name, default: []].append(value)
    }
  }

  /// Puts a value into a table of its table.
  private mutating func keep(_ value: Document.Value, inner steps: [Step], table: String) {
    let name = steps[1].name
    // What stands in a list, or where there can be no table, is wrong by that already.
    guard steps.count == 3, steps[1].place == nil, steps[2].place == nil,
      let key = Key.all.first(where: { $0.table == table && $0.name == name }),
      case .table(let names) = key.kind
    else { return }
    guard names.contains(steps[2].name) else {
      fail(
        "\(key.path).\(steps[2].name)", value,
        "there is no such key" + Reader.nearest(steps[2].name, names))
      return
    }
    tables[table]?[steps[0].place ?? 0].fields[name, default: [:]][steps[2].name] = value
  }

  /// `; did you mean "…"?` where a name is close.
  private static func nearest(_ name: String, _ names: [String]) -> String {
    let ranked = names.map { ($0, distance(name, $0)) }.min { $0.1 < $1.1 }
    guard let ranked, ranked.1 <= max(1, name.count / 3) else { return "" }
    return "; did you mean \"\(ranked.0)\"?"
  }

  /// Levenshtein distance; names are short.
  private static func distance(_ left: String, _ right: String) -> Int {
    let left = Array(left.unicodeScalars.prefix(64))
    let right = Array(right.unicodeScalars.prefix(64))
    var row = Array(0...right.count)
    for (i, first) in left.enumerated() {
      var diagonal = row[0]
      row[0] = i + 1
      for (j, second) in right.enumerated() {
        let above = row[j + 1]
        row[j + 1] = min(row[j] + 1, above + 1, diagonal + (first == second ? 0 : 1))
        diagonal = above
      }
    }
    return row[right.count]
  }

  // MARK: One value by its key

  private func key(_ path: String) -> Key {
    guard let key = Key.all.first(where: { $0.path == path }) else {
      preconditionFailure("\(path) is not in the table of keys")
    }
    return key
  }

  /// The value of a key, checked, or what stands when it is left out; nil after a problem.
  private mutating func setting(_ table: Table, _ path: String) -> Key.Setting? {
    let key = key(path)
    guard let value = table.values[key.name] else {
      switch key.fallback {
      case .setting(let setting): return setting
      case .none: return nil
      case .required:
        fail(
          key.path, line: table.line,
          "this key is missing; write e.g. \(key.name) = \(key.example)")
        return nil
      }
    }
    guard let setting = checked(value, key, list: table.lists[key.name] ?? []) else { return nil }
    switch (key.notBuilt, setting) {
    case (.words(let words), .text(let word)) where words.contains(word):
      fail(
        key.path, value,
        "\(Key.quoted(word)) is not built yet; this version has \(key.built)")
    case (.allButFallback, _) where setting != key.fallback.setting:
      fail(
        key.path, value,
        "this is not built yet; leave the key out, or write \(key.name) = \(key.fallbackText ?? "")"
      )
    default:
      return setting
    }
    return nil
  }

  /// The value of a key that is written in the table itself, not in a profile, and is another one than stands without it;
  /// nil where there is none.
  func written(_ table: Table, _ path: String) -> Document.Value? {
    let key = key(path)
    guard let value = table.values[key.name], !table.fromProfile.contains(key.name) else {
      return nil
    }
    // Whatever is wrong with it is said where it is read.
    var reader = self
    guard let setting = reader.checked(value, key, list: table.lists[key.name] ?? []) else {
      return nil
    }
    return setting == key.fallback.setting ? nil : value
  }

  /// A value that its key allows; nil after a problem.
  private mutating func checked(
    _ value: Document.Value, _ key: Key, list: [Document.Value]
  ) -> Key.Setting? {
    switch (key.kind, value.content) {
    case (.text(let range), .string(let text)), (.framing(let range), .string(let text)):
      let count = text.utf8.count
      guard range.contains(count) else {
        fail(key.path, value, "this has \(count) bytes, but has to be \(key.expectation)")
        return nil
      }
      if case .text = key.kind, text.unicodeScalars.contains(where: \.isControl) {
        fail(key.path, value, "\(Key.quoted(text)) holds a control character")
        return nil
      }
      return .text(text)
    case (.word(let words), .string(let text)):
      guard words.contains(text) else {
        fail(
          key.path, value,
          "\(Key.quoted(text)) is not known here; it has to be \(key.expectation)")
        return nil
      }
      return .text(text)
    case (.number(let range, let other), .integer(let number)):
      guard range.contains(number) || number == other else {
        fail(key.path, value, "\(number) is out of range; it has to be \(key.expectation)")
        return nil
      }
      return .number(number)
    case (.oneOf(let numbers), .integer(let number)):
      guard numbers.contains(number) else {
        fail(key.path, value, "\(number) is not possible; it has to be \(key.expectation)")
        return nil
      }
      return .number(number)
    case (.tenths(let range), .integer(let number)):
      return tenths(Double(number), range, key, value)
    case (.tenths(let range), .float(let number)):
      return tenths(number, range, key, value)
    case (.flag, .boolean(let flag)): return .flag(flag)
    case (.textOrTexts, .string(let text)): return .texts([text])
    case (.framings(let range, _, orOne: true), .string(let text)):
      return framings([value], range, key) ? .texts([text]) : nil
    case (.framings(let range, let most, _), .array):
      guard list.count <= most else {
        fail(key.path, value, "this has \(list.count) texts, but has to be \(key.expectation)")
        return nil
      }
      guard framings(list, range, key) else { return nil }
      return .texts(
        list.map { if case .string(let text) = $0.content { text } else { "" } })
    case (.texts, .array), (.textOrTexts, .array):
      var texts: [String] = []
      for entry in list {
        guard case .string(let text) = entry.content else {
          fail(key.path, entry, "the list holds \(entry.content.phrase); it has to hold texts only")
          return nil
        }
        texts.append(text)
      }
      return .texts(texts)
    case (.table, .table): return .texts([])
    default:
      fail(
        key.path, value, "this is \(value.content.phrase), but has to be \(key.expectation)")
      return nil
    }
  }

  /// Whether all are texts of so many bytes.
  private mutating func framings(
    _ values: [Document.Value], _ range: ClosedRange<Int>, _ key: Key
  ) -> Bool {
    for value in values {
      guard case .string(let text) = value.content else {
        fail(key.path, value, "the list holds \(value.content.phrase); it has to hold texts only")
        return false
      }
      guard range.contains(text.utf8.count) else {
        fail(
          key.path, value, "this has \(text.utf8.count) bytes, but has to be \(key.expectation)")
        return false
      }
    }
    return true
  }

  private mutating func tenths(
    _ number: Double, _ range: ClosedRange<Int64>, _ key: Key, _ value: Document.Value
  ) -> Key.Setting? {
    let tenths = (number * 10).rounded()
    // NaN is in no range.
    guard (Double(range.lowerBound)...Double(range.upperBound)).contains(number * 10),
      abs(number * 10 - tenths) < 1e-6
    else {
      fail(key.path, value, "\(number) is not possible; it has to be \(key.expectation)")
      return nil
    }
    return .number(Int64(tenths))
  }

  mutating func text(_ table: Table, _ path: String) -> String? {
    if case .text(let text) = setting(table, path) { return text }
    return nil
  }

  mutating func number(_ table: Table, _ path: String) -> Int? {
    if case .number(let number) = setting(table, path) { return Int(number) }
    return nil
  }

  mutating func duration(_ table: Table, _ path: String) -> Duration? {
    number(table, path).map { .milliseconds($0) }
  }

  mutating func flag(_ table: Table, _ path: String) -> Bool? {
    if case .flag(let flag) = setting(table, path) { return flag }
    return nil
  }

  /// The texts of an inner table by name, checked; nil when it is left out or after a problem.
  mutating func fields(_ table: Table, _ path: String) -> [String: String]? {
    guard let value = table.values[key(path).name] else { return nil }
    guard setting(table, path) != nil else { return nil }
    var texts: [String: String] = [:]
    var isWhole = true
    for (name, field) in table.fields[key(path).name] ?? [:] {
      guard case .string(let text) = field.content else {
        fail(
          "\(path).\(name)", field,
          "this is \(field.content.phrase), but has to be a text, in quotes")
        isWhole = false
        continue
      }
      guard (1...Reader.fieldLengthMax).contains(text.utf8.count),
        !text.unicodeScalars.contains(where: \.isControl)
      else {
        fail(
          "\(path).\(name)", field,
          "this has to be a text of 1 to \(Reader.fieldLengthMax) bytes without control characters")
        isWhole = false
        continue
      }
      texts[name] = text
    }
    guard isWhole else { return nil }
    if texts.isEmpty {
      fail(path, value, "this table is empty; it takes one key at least")
      return nil
    }
    return texts
  }

  mutating func texts(_ table: Table, _ path: String) -> [String]? {
    if case .texts(let texts) = setting(table, path) { return texts }
    return nil
  }

  /// Checks a key of which this version uses nothing but that it is right.
  mutating func check(_ table: Table, _ path: String) { _ = setting(table, path) }
}

extension Unicode.Scalar {
  /// Whether it would act on a terminal or break a line instead of being seen.
  var isControl: Bool { value < 0x20 || (0x7F...0x9F).contains(value) }
}
