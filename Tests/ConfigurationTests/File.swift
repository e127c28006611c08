@testable import Configuration

/// A configuration file under test: the least that loads, with changes.
struct File {
  /// The text, a line for each key.
  var text: String
  /// The line of each key and of each table, from 1.
  var lines: [String: Int]

  /// Every key that is needed, and no other.
  static let least: [(table: String, keys: [(String, String)])] = [
    ("line", [("id", "\"L01\"")]),
    ("scanner", [("name", "\"camera-1\""), ("device", "\"/dev/ttyACM0\"")]),
    ("plc", [("name", "\"plc-1\""), ("host", "\"192.0.2.10\"")]),
    ("station", [("name", "\"unit-1\""), ("scanner", "\"camera-1\""), ("plc", "\"plc-1\"")]),
  ]

  /// What a table needs that no file needs.
  static let needed = ["contact": [("name", "\"anna\""), ("role", "\"quality\"")]]

  /// The least file with some keys otherwise: a path and its value as TOML, nil leaves the key out; `more` comes behind.
  init(_ changes: [(path: String, value: String?)] = [], more: String = "") {
    var tables = File.least
    for (path, value) in changes {
      let parts = path.split(separator: ".", maxSplits: 1).map(String.init)
      let table =
        tables.firstIndex { $0.table == parts[0] }
        ?? {
          tables.append((parts[0], File.needed[parts[0]] ?? []))
          return tables.count - 1
        }()
      tables[table].keys.removeAll { $0.0 == parts[1] }
      if let value { tables[table].keys.append((parts[1], value)) }
    }
    var lines: [String] = []
    var places: [String: Int] = [:]
    for (table, keys) in tables {
      let repeats = Key.tables.contains { $0.name == table && $0.repeats }
      lines.append(repeats ? "[[\(table)]]" : "[\(table)]")
      places[table] = lines.count
      for (key, value) in keys {
        lines.append("\(key) = \(value)")
        places["\(table).\(key)"] = lines.count
      }
    }
    text = lines.joined(separator: "\n") + "\n" + more
    self.lines = places
  }

  func load() throws(ConfigurationProblems) -> Configuration {
    try Configuration.parse(Array(text.utf8), file: "lineward.toml")
  }

  /// What is wrong with it.
  var problems: [ConfigurationProblem] { problemsOf(Array(text.utf8)) }
}

/// What is wrong with a text; empty when it loads.
func problemsOf(_ text: [UInt8]) -> [ConfigurationProblem] {
  do throws(ConfigurationProblems) {
    _ = try Configuration.parse(text, file: "lineward.toml")
    return []
  } catch {
    return error.problems
  }
}

/// What is wrong with a text, a line each, as a person sees it.
func complaints(_ text: String) -> [String] { problemsOf(Array(text.utf8)).map(\.description) }
