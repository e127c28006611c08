internal import ArgumentParser
internal import Control

/// `alarms`.
struct Alarms: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "List the alarms, each with what to do.")

  @OptionGroup var options: GlobalOptions

  func run() throws {
    try options.ask(.alarms, for: [AlarmReply].self) { $0.alarms($1) }
  }
}

/// `ack`.
struct Acknowledge: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ack", abstract: "Acknowledge one occurrence of an alarm: you have seen it.",
    discussion: """
      The occurrence is the number that "lineward alarms" shows, so that a late acknowledgement \
      cannot hide a new alarm. Acknowledging does not restart the line.
      """)

  @Argument(help: "The alarm, as \"lineward alarms\" shows it.") var id: String
  @Option(help: "Which occurrence you have seen.") var occurrence: UInt32
  @Option(help: "What you found or did; goes on record.") var comment: String?
  @OptionGroup var options: GlobalOptions

  func run() throws {
    try options.order(.acknowledge(id: id, occurrence: occurrence, comment: comment))
  }
}

/// `reset`.
struct Reset: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Reset a latched alarm whose cause is gone.",
    discussion: "Refused (75) while the cause stands, and before somebody has acknowledged it.")

  @Argument(help: "The alarm, as \"lineward alarms\" shows it.") var id: String
  @OptionGroup var options: GlobalOptions

  func run() throws { try options.order(.reset(id: id)) }
}
