public import Containment

/// The file that `containment.playbook` names: the steps of a case, in the plant's own words.
public enum PlaybookFile {
  /// Bytes of a file at most.
  static let fileLengthMax = 64 << 10

  private static let keys = ["key", "name", "owners", "deadline_minutes", "instruction"]
  private static let roles = ["operator", "supervisor", "quality", "maintenance"]

  /// Reads a file.
  ///
  /// - Throws: Everything that is wrong with it.
  public static func load(
    path: String, durationMinutes: Int
  ) throws(ConfigurationProblems) -> [Playbook.Step] {
    try parse(
      Configuration.read(path: path, atMost: fileLengthMax, "playbook"), file: path,
      durationMinutes: durationMinutes)
  }

  /// Checks the text of a file; `file` is named in problems.
  public static func parse(
    _ text: [UInt8], file: String, durationMinutes: Int
  ) throws(ConfigurationProblems) -> [Playbook.Step] {
    let document = try Document(text, file: file)
    var problems: [ConfigurationProblem] = []
    func fail(_ value: Document.Value, _ sentence: String) {
      guard problems.count < Reader.problemsMax else { return }
      problems.append(
        ConfigurationProblem(
          file: file, line: value.line, column: value.column, key: value.path, sentence: sentence))
    }
    var steps: [Playbook.Step] = []
    var seen: [Set<String>] = []
    for value in document.values {
      let parts = value.path.split(separator: ".")
      if parts == ["step"] { continue }
      guard let head = parts.first, head.hasPrefix("step["), head.hasSuffix("]"),
        let index = Int(head.dropFirst(5).dropLast()), index < 1000
      else {
        fail(value, "this has no place here; a playbook is a list of [[step]] tables")
        continue
      }
      while steps.count <= index {
        steps.append(
          Playbook.Step(key: "", name: "", owners: [], deadlineMinutes: 0, instruction: ""))
        seen.append([])
      }
      guard parts.count == 2 else {
        if parts.count > 2 { fail(value, "this has no place in a step") }
        continue
      }
      // An element of a list has its place in brackets.
      let key = String(parts[1].prefix { $0 != "[" })
      seen[index].insert(key)
      switch (key, value.content) {
      case ("key", .string(let text)):
        let allowed =
          !text.isEmpty && text.utf8.count <= 32
          && text.unicodeScalars.allSatisfy { $0 == "_" || $0 == "-" || ("a"..."z").contains($0) }
        if !allowed { fail(value, "a key is a word of small letters, such as \"stop\"") }
        steps[index].key = text
      case ("name", .string(let text)):
        if text.isEmpty || text.utf8.count > 64 { fail(value, "a name has 1 to 64 bytes") }
        steps[index].name = text
      case ("instruction", .string(let text)):
        if text.isEmpty || text.utf8.count > 1000 {
          fail(value, "an instruction has 1 to 1000 bytes")
        }
        steps[index].instruction = text
      case ("owners", .array): break
      case ("owners", .string(let text)):
        if !roles.contains(text) {
          fail(value, "\(Key.quoted(text)) is no role; there are \(Key.either(roles))")
        }
        steps[index].owners.append(text)
      case ("deadline_minutes", .integer(let minutes)):
        if !(1...Int64(durationMinutes)).contains(minutes) {
          fail(
            value, "a step has from 1 to \(durationMinutes) minutes (containment.duration_minutes)")
        }
        steps[index].deadlineMinutes = Int(clamping: minutes)
      default:
        fail(
          value,
          keys.contains(key)
            ? "this is of the wrong type; see config/playbook.toml"
            : "there is no such key; a step has \(Key.either(keys))")
      }
    }
    for (index, keys) in seen.enumerated() {
      for key in PlaybookFile.keys where !keys.contains(key) {
        problems.append(
          ConfigurationProblem(
            file: file, key: "step[\(index)].\(key)", sentence: "this key is missing"))
      }
    }
    if problems.isEmpty {
      let playbook = Playbook(durationMinutes: durationMinutes, steps: steps)
      problems = playbook.problems.map {
        ConfigurationProblem(file: file, key: "step", sentence: $0)
      }
    }
    guard problems.isEmpty else { throw ConfigurationProblems(problems: problems) }
    return steps
  }
}
