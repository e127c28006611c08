internal import ArgumentParser
internal import Control

/// `alarms`.
struct Alarms: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "List the alarms, each with what to do.",
    subcommands: [Metrics.self, OutOfService.self, InService.self])

  @OptionGroup var options: GlobalOptions

  func run() throws {
    try options.ask(.alarms, for: [AlarmReply].self) { $0.alarms($1) }
  }

  /// `alarms metrics`.
  struct Metrics: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Show how the alarms were in the last 24 hours.",
      discussion: """
        A person can take in about 6 alarms an hour, at most 12. Counted is what called somebody; alarms \
        that came while shelved, suppressed or out of service are not.
        """)

    @OptionGroup var options: GlobalOptions

    func run() throws {
      try options.ask(.alarmMetrics, for: AlarmMetricsReply.self) { $0.alarmMetrics($1) }
    }
  }

  /// `alarms out-of-service`.
  struct OutOfService: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Take an alarm out of service until it is put back.",
      discussion: """
        It stays listed and calls nobody; what its cause does to the line stays as it is. For work on a \
        device; refused (75) for alarms that need a person each time.
        """)

    @Argument(
      help: "The alarm: its id in \"lineward alarms\", or its kind and its place, kind@place.")
    var id: String
    @Option(help: "Why; goes on record with your name.") var reason: String
    @OptionGroup var options: GlobalOptions

    func validate() throws { try validateReason(reason) }

    func run() throws { try options.order(.alarmOutOfService(id: id, reason: reason)) }
  }

  /// `alarms in-service`.
  struct InService: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Put an alarm back into service.")

    @Argument(help: "The alarm, as \"lineward alarms\" shows it.") var id: String
    @OptionGroup var options: GlobalOptions

    func run() throws { try options.order(.alarmInService(id: id)) }
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

/// `shelve`.
struct Shelve: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Put an alarm aside for a time: it calls nobody until then.",
    discussion: """
      It stays listed, and shows its state again when the time is over. What its cause does to the line \
      stays as it is. Refused (75) for alarms that need a person each time.
      """)

  @Argument(
    help: "The alarm: its id in \"lineward alarms\", or its kind and its place, kind@place.")
  var id: String
  @Option(help: "For how long; 480 at most.") var minutes: UInt32
  @Option(help: "Why; goes on record with your name.") var reason: String
  @OptionGroup var options: GlobalOptions

  func validate() throws {
    guard (1...480).contains(minutes) else {
      throw ValidationError("An alarm is shelved for 1 to 480 minutes.")
    }
    try validateReason(reason)
  }

  func run() throws { try options.order(.shelve(id: id, minutes: minutes, reason: reason)) }
}

/// `unshelve`.
struct Unshelve: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "End the shelving of an alarm before its time.")

  @Argument(help: "The alarm, as \"lineward alarms\" shows it.") var id: String
  @OptionGroup var options: GlobalOptions

  func run() throws { try options.order(.unshelve(id: id)) }
}

private func validateReason(_ reason: String) throws {
  if reason.allSatisfy(\.isWhitespace) {
    throw ValidationError("The reason is empty; say in a few words why.")
  }
}
