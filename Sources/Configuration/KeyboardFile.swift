internal import Glibc

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

  /// Layouts of a folder that are looked at, at most.
  static let filesMax = 64

  /// The layout of a name, from the first folder that has it; or at a whole path.
  ///
  /// A problem of no file is one of the name.
  static func find(
    _ name: String, in folders: [String]
  ) throws(ConfigurationProblems) -> KeyboardFile {
    if name.hasPrefix("/") { return try load(path: name) }
    if !name.utf8.contains(UInt8(ascii: "/")) {
      for folder in folders where access("\(folder)/\(name).toml", F_OK) == 0 {
        return try load(path: "\(folder)/\(name).toml")
      }
    }
    throw ConfigurationProblems(problems: [
      ConfigurationProblem(
        file: "",
        sentence:
          "there is no layout \(Key.quoted(name)) in \(Key.either(folders)); `ls` there shows "
          + "which there are")
    ])
  }

  /// All layouts of the folders that can be read, each name once.
  static func all(in folders: [String]) -> [KeyboardFile] {
    var found: [KeyboardFile] = []
    for folder in folders {
      guard let entries = opendir(folder) else { continue }
      defer { closedir(entries) }
      while found.count < filesMax, let entry = readdir(entries) {
        let name = withUnsafePointer(to: &entry.pointee.d_name) { name in
          name.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
        }
        guard name.hasSuffix(".toml"), let file = try? load(path: "\(folder)/\(name)"),
          !found.contains(where: { $0.name == file.name })
        else { continue }
        found.append(file)
      }
    }
    return found.sorted { $0.name < $1.name }
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
