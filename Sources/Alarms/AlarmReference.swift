/// The table of alarms as people read it: the page `docs/alarms.md` and the alarms' entries of the journal's catalogue.
public enum AlarmReference {
  /// The page, in Markdown.
  public static var markdown: String {
    var text = """
      # Alarms

      Every alarm there is, made from the daemon's own table: `make docs`. `lineward alarms` shows those that stand, `operator.md` says how
      people work with them. The words are those of ISA-18.2 and IEC 62682.

      | column | what it says |
      |---|---|
      | number | `code` in records; never used again for something else |
      | at | what its place is: the line, which has none, a station, a scanner, or a queue between devices and line |
      | priority | how soon a person has to act; *high* and *highest* sound the horn |
      | stops | what raises it takes the run permit. A stop waits for no delay, and nothing that is done to the alarm changes it |
      | latched | it stays when its cause has ended, until somebody resets it |
      | ends with | its cause, which is watched; the next release, for what speaks of a moment; or at once, and then it only waits for a person |
      | each | every occurrence is recorded, however many come: it names packs, or its watcher counts repeats already |
      | containment | it opens a containment |
      | shelving | it may be shelved, for \(AlarmDefinition.shelvedMinutesMax) minutes at most, or taken out of service |
      | standing line | *suppressed*: when its cause comes while the line stands, it is listed and calls nobody, until the next release |
      | on, off | so long the cause has to stand before it is raised, or be gone before it returns |
      | deadband | by how much a measured value has to be better than its limit before the cause has ended |

      An alarm that is raised \(AlarmDefinition.chatteringRaises) times in \(AlarmDefinition.chatteringSpan / 1000) s *chatters*: that is marked and on record. \
      Until it was quiet for \(AlarmDefinition.chatteringSpan / 1000) s its return is held back, and it has one new
      occurrence in that time at most, with the number of raises in between; but each that takes the run permit, each of a latched one, and each
      where the table says so is recorded. One that stands for \(AlarmDefinition.staleAfter / 3_600_000) h is *stale*. More than \(AlarmHistory.floodBegins) in ten minutes are a *flood*, until fewer than
      \(AlarmHistory.floodEnds) come in ten minutes; begin and end are on record. `lineward alarms metrics` shows how the last day was.

      ## All alarms

      | number | alarm | at | priority | stops | latched | ends with | each | containment | shelving | standing line | on | off | deadband |
      |---|---|---|---|---|---|---|---|---|---|---|---|---|---|

      """
    for row in AlarmDefinition.all {
      let cells = [
        "\(row.kind.rawValue)", "[`\(row.word)`](#\(row.word))", row.location.rawValue,
        row.priority.word,
        row.stopsLine ? "stops" : "", row.latches ? "latched" : "", row.ends.rawValue,
        row.isAlwaysRecorded ? "recorded" : "", row.opensContainment ? "opens one" : "",
        row.mayBeShelved ? "" : "never",
        row.suppressedWhileStanding ? "suppressed" : "", seconds(row.onDelay),
        seconds(row.offDelay), row.deadbandPercent.map { "\($0) %" } ?? "",
      ]
      text += "| " + cells.joined(separator: " | ") + " |\n"
    }
    for row in AlarmDefinition.all {
      text += """

        ### \(row.word)

        * Cause: \(row.cause)
        * Consequence: \(row.consequence)
        * What to do: \(row.remedy)
        * In the journal: `journalctl MESSAGE_ID=\(row.kind.messageID)`

        """
    }
    return text
  }

  /// The first line of the generated part of the catalogue; what stands before it is written by hand.
  public static let catalogueMark =
    "# One entry for each kind of alarm, made from the table of alarms: make docs."

  /// The generated part of the catalogue, in the format of journald.
  public static var catalogue: String {
    var text = catalogueMark + "\n"
    for row in AlarmDefinition.all {
      text += """

        -- \(row.kind.messageID)
        Subject: Alarm \(row.word), priority \(row.priority.word)
        Defined-By: Lineward

        \(row.cause)
        \(row.consequence)
        What to do: \(row.remedy)

        """
    }
    return text
  }

  private static func seconds(_ span: Duration) -> String {
    span == .zero ? "" : "\(span.components.seconds) s"
  }
}

extension AlarmKind {
  /// The id of journal entries that say that this alarm was raised: 32 hexadecimal digits, the last four 3000 and the alarm's number.
  public var messageID: String {
    "8d5f1c1e6d0b4b5a9f1d0c5a7e3b" + String(0x3000 + rawValue, radix: 16)
  }
}
