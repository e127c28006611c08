/// One thing that is wrong with a configuration file.
public struct ConfigurationProblem: Error, Sendable, Hashable, CustomStringConvertible {
  /// The file.
  public var file: String
  /// Line, from 1; 0 when the file as a whole is meant.
  public var line = 0
  /// Column, from 1.
  public var column = 0
  /// The key, as `table.key`; empty when the file as a whole is meant.
  public var key = ""
  /// What is wrong, and what to write instead.
  public var sentence: String

  /// Names a problem and its place.
  public init(
    file: String, line: Int = 0, column: Int = 0, key: String = "", sentence: String
  ) {
    self.file = file
    self.line = line
    self.column = column
    self.key = key
    self.sentence = sentence
  }

  /// `file:line:column: key: sentence`.
  public var description: String {
    var place = file
    if line > 0 { place += ":\(line):\(column)" }
    return key.isEmpty ? "\(place): \(sentence)" : "\(place): \(key): \(sentence)"
  }
}

/// Everything that is wrong with a configuration file, in the order of its lines.
public struct ConfigurationProblems: Error, Sendable, CustomStringConvertible {
  /// At least one.
  public var problems: [ConfigurationProblem]

  /// Collects them.
  public init(problems: [ConfigurationProblem]) { self.problems = problems }

  /// One line for each.
  public var description: String { problems.map(\.description).joined(separator: "\n") }
}
