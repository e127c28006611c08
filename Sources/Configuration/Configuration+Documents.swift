extension Configuration {
  /// A commented sample of the whole configuration, to start from; every key with its fallback.
  public static func sampleFile() -> String {
    var text = """
      # Configuration of Lineward: one scanner, one PLC, one station.
      #
      #   linewardd --check-config --config FILE    says what is wrong, with line and key
      #   systemctl reload lineward                 takes new [roles], [verification], [limits],
      #                                             [[contact]], the times of stations, stall_ms and
      #                                             low_mark of the feed; all else needs a restart
      #
      # Keys marked "Needed" have to be there. The others may be left out, and then have the value shown.
      # Set first: the line's id, the scanner's device, the PLC's host, and, together with the PLC's
      # programmer, the station's two register blocks and its times; docs/configuration.md says how.

      """
    for table in Key.tables {
      text += "\n\n" + comment(table.sentence)
      // A contact of nobody would be told of cases.
      let isCommentTable = table.name == "contact"
      text += (isCommentTable ? "# " : "") + heading(table.name, repeats: table.repeats) + "\n"
      for key in Key.all where key.table == table.name {
        text += "\n" + comment(sampleComment(key))
        if isCommentTable || isComment(key) { text += "# " }
        text += "\(key.name) = \(key.fallbackText ?? key.example)\n"
      }
    }
    return text
  }

  /// Whether the sample shows a key as a comment: a match, which takes the place of the device, and what only another
  /// transport than the sample's takes.
  static func isComment(_ key: Key) -> Bool {
    if case .table = key.kind { return true }
    return key.table == "scanner" && key.fallback.setting == nil
      && !Reader.hasEffect(key.name, with: "serial")
  }

  /// The reference of all keys, in Markdown.
  public static func referenceMarkdown() -> String {
    var text = """
      # Configuration

      TOML, by default in `/etc/lineward/lineward.toml`. `config/lineward.toml` is a sample with every key.

      `linewardd --check-config --config FILE` reads the file as the daemon would, and opens nothing else. Unknown keys, wrong
      types and values out of range are errors that name file, line, column and key, all at once:

      ```
      linewardd: lineward.toml:14:8: plc.port: 70000 is out of range; it has to be a whole number from 1 to 65535
      linewardd: lineward.toml:15:10: plc.pol_ms: there is no such key; did you mean "poll_ms"?
      ```

      With an error the daemon does not start (exit 78). On a reload (`systemctl reload lineward`, SIGHUP) it says so in the
      journal and goes on with what it has. A reload takes new `[roles]`, `[verification]`, `[limits]`, `[[contact]]`, of stations
      `read_timeout_ms`, `early_read_ms`, `quiet_ms`, `silent_is` and `verdict_deadline_ms`, and of the print feed `stall_ms` and `low_mark`; when
      anything else differs, it is refused as a whole and needs a restart, which stops the line.

      What the tables below call "not built yet" is refused too: a setting without effect would be noticed by nobody.

      ## A PLC and its stations

      `host_base` and `plc_base` say where in the PLC's holding registers the two blocks of a station lie; [registers.md](registers.md)
      says what is in them. `slots` and `heartbeat_ms` stand in the PLC's program too and have to be the same there. Several stations may
      share a PLC, each with blocks of its own.

      A poll and a header take one telegram each for all stations of a PLC whose blocks fit into one (125 registers to read, 123 to write)
      with nothing between them but blocks of Lineward. So lay host blocks side by side, and PLC blocks behind them.

      On a serial line every telegram takes its time: 10 registers about 20 ms at 19,200 Bd, 5 ms at 115,200 Bd, beside the PLC's own. `poll_ms` is then only
      the least, and `early_read_ms`, `heartbeat_ms` and `timeout_ms` have to fit. `unit_id` tells PLCs on one `device` apart; a telegram that fails
      gives the bus a rest of `timeout_ms`.

      ## PackML and the second way to stop

      With `packml` a stop is also a command (host registers 4, 5): Abort, Hold or Stop by kind of fault, in the same telegram as permit 0. After a release the
      machine is led to Execute by one command for each state it shows.

      `[second_stop]` is taken once for each stop that not every PLC has confirmed within `limits.stop_confirm_ms`, also when the link to it is lost.
      That it was taken is on record, and when it fails that is an alarm of the highest priority. A program is run without a shell.

      ## Choosing a station's times

      Two numbers come from the line: the shortest time between two triggers (at 600 packs a minute 100 ms, less what packs may
      stand off their place), and how long the scanner takes from trigger to message, at most.

      1. `read_timeout_ms` is a little more than the scanner's longest time.
      2. `early_read_ms` is 0 for a slow scanner. If a message can come before the daemon has seen its trigger, it is the time from
         one poll to the next under load: `poll_ms` and one telegram.
      3. The two together stay below the shortest time between triggers. Where they cannot, a message could belong to either of two
         packs, and the line has to run slower or the scanner faster.
      4. `quiet_ms` is longer than any pause between packs of a running line, so that only a real pause counts as one.

      This page is made from the daemon's own table of keys, and so is the sample: `make docs`.

      """
    for table in Key.tables {
      text += "\n## `\(heading(table.name, repeats: table.repeats))`\n\n\(table.sentence)\n\n"
      text += "| key | value | left out | what it is for |\n|---|---|---|---|\n"
      for key in Key.all where key.table == table.name {
        let missing = key.notBuiltSentence.map { " " + $0 } ?? ""
        text += "| `\(key.name)` | \(key.expectation) | \(leftOut(key)) "
        text += "| \(key.sentence)\(missing) |\n"
      }
    }
    return text
  }

  private static func heading(_ table: String, repeats: Bool) -> String {
    repeats ? "[[\(table)]]" : "[\(table)]"
  }

  private static func leftOut(_ key: Key) -> String {
    if case .required = key.fallback { return "needed" }
    return key.fallbackText.map { "`\($0)`" } ?? ""
  }

  private static func sampleComment(_ key: Key) -> String {
    var parts: [String] = []
    if case .required = key.fallback { parts.append("Needed.") }
    parts.append(key.sentence)
    switch (key.kind, key.notBuilt) {
    case (.word, .words): parts.append("This version has \(key.built).")
    // The sentence says what each word means.
    case (.word, _): break
    case (_, .allButFallback): parts.append("Not built yet: leave it as it is.")
    case (.number(let range, let other), _):
      parts.append("\(range.lowerBound) to \(range.upperBound)\(other.map { ", or \($0)" } ?? "").")
    case (.oneOf, _): parts.append(key.expectation + ".")
    case (.tenths(let range), _):
      parts.append("\(Key.decimal(range.lowerBound)) to \(Key.decimal(range.upperBound)).")
    case (.text, _), (.framing, _), (.framings, _), (.flag, _), (.texts, _), (.textOrTexts, _),
      (.table, _):
      break
    }
    return parts.joined(separator: " ")
  }

  /// A comment of lines that fit a terminal.
  private static func comment(_ text: String) -> String {
    var lines: [String] = []
    var line = "#"
    for word in text.split(separator: " ") {
      if line.count + 1 + word.count > 100 {
        lines.append(line)
        line = "#"
      }
      line += " \(word)"
    }
    return (lines + [line]).joined(separator: "\n") + "\n"
  }
}
