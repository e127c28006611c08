internal import ArgumentParser
internal import Control

/// `challenge …`.
struct ChallengeCommands: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "challenge",
    abstract: "Show with known bad packs that a station rejects what it must.",
    discussion: """
      While a test runs, no pack passes at its station and none of its packs touches a serial. \
      Stop the line, start the test, release the line, and send one pack of each kind: each has to \
      be rejected for its own reason and seen by the reject sensor. Passed or failed goes on record \
      with your name. One that failed stops the line until one is passed.
      """,
    subcommands: [Start.self, Show.self, Cancel.self])

  /// `challenge start`.
  struct Start: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Start a test at a station.")

    @Argument(help: "The station.") var station: String
    @OptionGroup var options: GlobalOptions

    func run() throws { try options.order(.challengeStart(station: station)) }
  }

  /// `challenge show`.
  struct Show: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Show what is still to be sent, and when tests are due.")

    @OptionGroup var options: GlobalOptions

    func run() throws {
      try options.ask(.status, for: StatusReply.self) { $0.challenges($1) }
    }
  }

  /// `challenge cancel`.
  struct Cancel: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "End a test without a result.")

    @Argument(help: "The station.") var station: String
    @Option(help: "Why; goes on record with your name.") var reason: String
    @OptionGroup var options: GlobalOptions

    func validate() throws {
      if reason.allSatisfy(\.isWhitespace) {
        throw ValidationError("The reason is empty; say in a few words why the test is ended.")
      }
    }

    func run() throws {
      try options.order(.challengeCancel(station: station, reason: reason))
    }
  }
}
