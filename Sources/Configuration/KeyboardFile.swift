/// A file of config/keyboards: which character each key of a layout gives.
public struct KeyboardFile: Sendable, Hashable {
  /// The layout's name.
  public var name: String
  /// Characters by key name: alone, with Shift, with AltGr; an empty text is none.
  public var keys: [String: [String]]

  /// Bytes of a file at most.
  static let fileLengthMax = 64 << 10
  /// Keys at most; a keyboard has fewer.
  public static let keysMax = 256

  /// Reads a file.
  ///
  /// - Throws: Everything that is wrong with its form. Whether keys and characters exist is known to who types by it.
  public static func load(path: String) throws(ConfigurationProblems) -> KeyboardFile {
    try parse(
      Configuration.read(path: path, atMost: fileLengthMax, "keyboard layout"), file: path)
  }

  /// Checks the text of a file; `file` is named in problems.
  public static func parse(
    _ text: [UInt8], file: String
  ) throws(ConfigurationProblems) -> KeyboardFile {
    let document: Document
    do throws(Document.SyntaxError) {
      document = try Document(text)
    } catch {
      throw ConfigurationProblems(problems: [
        ConfigurationProblem(
          file: file, line: error.line, column: error.column, key: "",
          sentence: "this is no TOML: \(error.sentence)")
      ])
    }
    var problems: [ConfigurationProblem] = []
    var name: String?
    var keys: [String: [String]] = [:]
    for value in document.values {
      let steps = value.path.split(separator: ".")
      switch (steps.first, steps.count, value.content) {
      case ("name", 1, .string(let text)): name = text
      case ("keys", 1, .table): break
      case ("keys", 2, .array) where !steps[1].contains("["):
        if keys.count < keysMax { keys[String(steps[1]), default: []] = [] }
      case ("keys", 2, .string(let text)):
        // An element of a list; a text alone has no place in brackets.
        guard let bracket = steps[1].firstIndex(of: "[") else { fallthrough }
        keys[String(steps[1][..<bracket])]?.append(text)
      default:
        guard problems.count < Reader.problemsMax else { continue }
        problems.append(
          ConfigurationProblem(
            file: file, line: value.line, column: value.column, key: value.path,
            sentence: "this has no place here; a layout has a name, and below [keys] a list of "
              + "texts for each key, e.g. Q = [\"q\", \"Q\"]"))
      }
    }
    guard problems.isEmpty else { throw ConfigurationProblems(problems: problems) }
    guard let name, !name.isEmpty else {
      throw ConfigurationProblems(problems: [
        ConfigurationProblem(
          file: file, key: "name", sentence: "this key is missing; write e.g. name = \"us\"")
      ])
    }
    return KeyboardFile(name: name, keys: keys)
  }
}
