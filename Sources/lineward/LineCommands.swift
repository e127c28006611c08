internal import ArgumentParser
internal import Control

/// `line …`.
struct LineCommands: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "line", abstract: "Give or take the run permit.",
    subcommands: [Release.self, Stop.self])

  /// `line release`.
  struct Release: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Let the line run.",
      discussion:
        "Refused (75) while a cause stands; every cause is named. Goes on record with your name.")

    @OptionGroup var options: GlobalOptions

    func run() throws { try options.order(.lineRelease) }
  }

  /// `line stop`.
  struct Stop: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Stop the line.",
      discussion: "For people in danger use the emergency stop: this is no safety function.")

    @Option(help: "Why; goes on record with your name.") var reason: String
    @OptionGroup var options: GlobalOptions

    func validate() throws {
      if reason.allSatisfy(\.isWhitespace) {
        throw ValidationError("The reason is empty; say in a few words why the line is stopped.")
      }
    }

    func run() throws { try options.order(.lineStop(reason: reason)) }
  }
}
