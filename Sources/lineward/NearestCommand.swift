internal import ArgumentParser

/// What a person who mistyped a command most likely meant.
enum NearestCommand {
  /// The words typed and those meant, `lin relase` and `line release`; nil when every word is a command, or nothing is near.
  static func meant(by arguments: [String]) -> (typed: String, meant: String)? {
    var typed: [String] = []
    var meant: [String] = []
    var commands = Lineward.configuration.subcommands
    var isValue = false
    for word in arguments where !commands.isEmpty {
      if isValue {
        isValue = false
        continue
      }
      if word.hasPrefix("-") {
        isValue = word == "--socket" || word == "--as"
        continue
      }
      guard let nearest = nearest(to: word, in: commands) else { return nil }
      typed.append(word)
      meant.append(nearest._commandName)
      commands = nearest.configuration.subcommands
    }
    return typed == meant ? nil : (typed.joined(separator: " "), meant.joined(separator: " "))
  }

  private static func nearest(
    to word: String, in commands: [any ParsableCommand.Type]
  ) -> (any ParsableCommand.Type)? {
    var best: (any ParsableCommand.Type)?
    // A third of the letters may be wrong: more is no slip of the finger.
    var least = max(1, word.utf8.count / 3) + 1
    for command in commands {
      let distance = distance(word, command._commandName)
      if distance < least {
        least = distance
        best = command
      }
    }
    return best
  }

  /// How many letters have to be changed, added, left out or exchanged with their neighbour.
  private static func distance(_ left: String, _ right: String) -> Int {
    let left = Array(left.utf8.prefix(40))
    let right = Array(right.utf8)
    var rows = [Array(0...right.count)]
    for i in 1..<(left.count + 1) {
      var row = [i]
      for j in 1..<(right.count + 1) {
        let same = left[i - 1] == right[j - 1]
        var cost = min(rows[i - 1][j] + 1, row[j - 1] + 1, rows[i - 1][j - 1] + (same ? 0 : 1))
        if i > 1, j > 1, left[i - 1] == right[j - 2], left[i - 2] == right[j - 1] {
          cost = min(cost, rows[i - 2][j - 2] + 1)
        }
        row.append(cost)
      }
      rows.append(row)
    }
    return rows[left.count][right.count]
  }
}
