extension Configuration {
  /// A commented sample of the whole configuration; every key with its fallback.
  public static func sampleFile() -> String {
    var text = """
      # Lineward's configuration. `linewardd --check-config --config FILE` checks it.
      # Keys that are left out have the values shown here, unless the comment says that they are needed.
      # This file is made from the daemon's own table of keys: make docs.

      """
    for table in Key.tables {
      text += "\n# \(table.sentence)\n"
      text += table.repeats ? "[[\(table.name)]]\n" : "[\(table.name)]\n"
      for key in Key.all where key.table == table.name {
        var comment = key.sentence
        if case .required = key.fallback { comment = "Needed. " + comment }
        let value = key.fallbackText ?? key.example
        text += "# \(comment)\n\(key.name) = \(value)\n"
      }
    }
    return text
  }

  /// The reference of all keys, in Markdown.
  public static func referenceMarkdown() -> String {
    var text = """
      # Configuration

      TOML, by default `/etc/lineward/lineward.toml`. Unknown keys, wrong types and values out of range are errors that name file,
      line and key: the daemon does not start (exit 78), and on a reload (`systemctl reload lineward`) it keeps what it has.
      A reload takes new `[limits]`, `[verification]`, `[roles]` and the timing of stations; everything else needs a restart.

      This page is made from the daemon's own table of keys: `make docs`.

      """
    for table in Key.tables {
      let heading = table.repeats ? "[[\(table.name)]]" : "[\(table.name)]"
      text += "\n## `\(heading)`\n\n\(table.sentence)\n\n"
      text += "| key | value | without it | what it is for |\n|---|---|---|---|\n"
      for key in Key.all where key.table == table.name || key.table == table.name + ".match" {
        let name = key.table == table.name ? key.name : "match.\(key.name)"
        let fallback: String
        switch key.fallback {
        case .required: fallback = "needed"
        case .none: fallback = ""
        default: fallback = key.fallbackText.map { "`\($0)`" } ?? ""
        }
        text += "| `\(name)` | \(key.expectation) | \(fallback) | \(key.sentence) |\n"
      }
    }
    return text
  }
}
