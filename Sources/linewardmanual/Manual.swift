internal import FoundationEssentials
internal import Glibc

/// Makes a manual page out of what a program says of itself: `lineward --experimental-dump-help | linewardmanual 1`.
///
/// So page, help texts and completions have one source. The page is in the man macros (man(7)), and the same for the same
/// program: it has no date.
@main
struct LinewardManual {
  static func main() {
    let arguments = CommandLine.arguments
    guard arguments.count == 3, ["1", "8"].contains(arguments[1]) else {
      fail("usage: PROGRAM --experimental-dump-help | linewardmanual SECTION VERSION", status: 64)
    }
    var input = Data()
    while let line = readLine(strippingNewline: false) { input.append(contentsOf: line.utf8) }
    do {
      let tool = try JSONDecoder().decode(Tool.self, from: input)
      print(Page(section: arguments[1], version: arguments[2]).text(tool.command), terminator: "")
    } catch {
      fail("the help on standard input cannot be read: \(error)", status: 65)
    }
  }

  private static func fail(_ sentence: String, status: Int32) -> Never {
    let line = "linewardmanual: \(sentence)\n"
    _ = write(STDERR_FILENO, line, line.utf8.count)
    exit(status)
  }
}

/// What `--experimental-dump-help` gives, as far as a page needs it.
struct Tool: Decodable {
  var command: Command

  struct Command: Decodable {
    var commandName: String
    var abstract: String?
    var discussion: String?
    var subcommands: [Command]?
    var arguments: [Argument]?
    var shouldDisplay: Bool?
  }

  struct Argument: Decodable {
    struct Name: Decodable {
      var kind: String
      var name: String

      var text: String { (kind == "long" ? "--" : "-") + name }
    }

    var kind: String
    var names: [Name]?
    var valueName: String?
    var abstract: String?
    var defaultValue: String?
    var isOptional: Bool
    var isRepeating: Bool
    var shouldDisplay: Bool

    /// As it is typed: `--id <id>`, `<serial>`, `--json`.
    var usage: String {
      let value = "<\(valueName ?? "value")>"
      let name = names?.map(\.text).joined(separator: ", ") ?? ""
      switch kind {
      case "positional": return value
      case "option": return "\(name) \(value)"
      default: return name
      }
    }
  }
}

/// One page.
struct Page {
  var section: String
  var version: String

  /// Every command has them; they stand once.
  private static let everywhere: Set<String> = ["--socket", "--json", "--help", "--version"]

  func text(_ command: Tool.Command) -> String {
    let name = command.commandName
    var lines = [
      ".TH \(name.uppercased()) \(section) \"\" \"Lineward \(escaped(version))\" \"Lineward\"",
      // A command that is cut by a hyphen cannot be pasted.
      ".ad l", ".nh",
      ".SH NAME", "\(escaped(name)) \\- \(escaped(lowered(command.abstract ?? "")))",
      ".SH SYNOPSIS",
    ]
    lines += synopsis([name], command)
    if let discussion = command.discussion {
      lines.append(".SH DESCRIPTION")
      lines += paragraphs(discussion)
    }
    lines.append(".SH OPTIONS")
    lines += options(shown(command.arguments))
    let all = commands(below: [name], command)
    if !all.isEmpty { lines.append(".SH COMMANDS") }
    for (words, command) in all {
      lines.append(".SS \(quoted(words.joined(separator: " ")))")
      if let abstract = command.abstract { lines.append(escaped(abstract)) }
      lines += synopsis(words, command)
      if let discussion = command.discussion {
        lines.append(".PP")
        lines += paragraphs(discussion)
      }
      lines += options(shown(command.arguments).filter { !isEverywhere($0) })
    }
    lines.append(".SH SEE ALSO")
    let pages =
      section == "1"
      ? ["\\fBlinewardd\\fR(8)", "operator.md"]
      : ["\\fBlineward\\fR(1)", "maintenance.md", "configuration.md"]
    let folder = "/usr/share/doc/lineward/"
    lines.append(
      ([pages[0]] + pages.dropFirst().map { "\\fI\(folder)\($0)\\fR" })
        .joined(separator: ", "))
    return lines.joined(separator: "\n") + "\n"
  }

  /// All commands that do something, with all their words, in the order of the help.
  private func commands(
    below words: [String], _ command: Tool.Command
  ) -> [([String], Tool.Command)] {
    (command.subcommands ?? []).filter { $0.commandName != "help" && $0.shouldDisplay ?? true }
      .flatMap { one in
        let own = words + [one.commandName]
        return [(own, one)] + commands(below: own, one)
      }
  }

  private func shown(_ arguments: [Tool.Argument]?) -> [Tool.Argument] {
    (arguments ?? []).filter(\.shouldDisplay)
  }

  private func isEverywhere(_ argument: Tool.Argument) -> Bool {
    argument.names?.contains { Self.everywhere.contains($0.text) } ?? false
  }

  private func synopsis(_ words: [String], _ command: Tool.Command) -> [String] {
    let arguments = shown(command.arguments).filter { words.count == 1 || !isEverywhere($0) }
    var parts = arguments.map { argument in
      let usage = argument.usage + (argument.isRepeating ? " ..." : "")
      return argument.isOptional || argument.defaultValue != nil ? "[\(usage)]" : usage
    }
    if !(command.subcommands ?? []).filter({ $0.commandName != "help" }).isEmpty {
      parts.append("<command>")
    }
    return [
      ".PP",
      "\\fB\(escaped(words.joined(separator: " ")))\\fR "
        + parts.map(escaped).joined(separator: " "),
    ]
  }

  private func options(_ arguments: [Tool.Argument]) -> [String] {
    arguments.flatMap { argument in
      [
        ".TP", "\\fB\(escaped(argument.usage))\\fR",
        escaped(argument.abstract ?? "")
          + (argument.defaultValue.map { " Default: \(escaped($0))." } ?? ""),
      ]
    }
  }

  private func paragraphs(_ text: String) -> [String] {
    var lines: [String] = []
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      lines.append(line.isEmpty ? ".PP" : escaped(String(line)))
    }
    return lines
  }

  private func lowered(_ sentence: String) -> String {
    var text = sentence.prefix(1).lowercased() + sentence.dropFirst()
    if text.last == "." { text.removeLast() }
    return text
  }

  /// Text that roff takes as it stands: a dash is one that can be pasted into a shell, and no line is a request.
  private func escaped(_ text: String) -> String {
    var escaped = ""
    for character in text {
      switch character {
      case "\\": escaped += "\\e"
      case "-": escaped += "\\-"
      case "'": escaped += "\\(aq"
      case "^": escaped += "\\(ha"
      case "~": escaped += "\\(ti"
      case "\n": escaped += " "
      default: escaped.append(character)
      }
    }
    return escaped.first == "." ? "\\&" + escaped : escaped
  }

  /// An argument of a macro.
  private func quoted(_ text: String) -> String {
    "\"" + escaped(text).map { $0 == "\"" ? "\\(dq" : String($0) }.joined() + "\""
  }
}
