internal import ArgumentParser
internal import Simulation

/// The simulated line: a PLC, a scanner and a conveyor that know the truth about every unit.
@main
struct LinewardSim: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "linewardsim",
    abstract: "A simulated packaging line for Lineward.",
    discussion: """
      Plays a scenario: a Modbus TCP PLC, a scanner on a pseudo-terminal and a conveyor, with faults. Starts linewardd, \
      opens and starts a batch, plays the operator, and ends with a table of units by truth against units by daemon. \
      Exits 0 only if they agree.

      With --external it only plays PLC and scanner, until it is interrupted; the daemon is yours.
      """)

  @Option(help: "The scenario file (TOML).")
  var scenario: String

  @Option(help: "Decides all that is left to chance; the same seed gives the same line.")
  var seed: UInt64 = 1

  @Option(help: "A folder for everything of this run.")
  var directory: String

  @Option(help: "The daemon's program; default: beside this one.")
  var linewardd: String?

  @Option(help: "The operator's command; default: beside this one.")
  var lineward: String?

  @Flag(help: "Draw the line while it runs, on a terminal.")
  var view = false

  @Option(
    help: "Seconds for which units come, in running time of the belt; default: the scenario's.")
  var duration: Double?

  @Option(help: "Units a minute; default: the scenario's.")
  var rate: Int?

  @Option(help: "So many serials at most are asked for at the end; faulty units first.")
  var serials: Int = 500

  @Flag(help: "Only PLC and scanner; prints their port and path.")
  var external = false

  @Option(help: "The PLC's port on 127.0.0.1; 0 takes a free one.")
  var port: UInt16 = 0

  func validate() throws {
    if let duration, !(duration >= 1 && duration <= 86_400) {
      throw ValidationError("--duration must be 1 to 86400 seconds")
    }
    if let rate, !Scenario.rates.contains(rate) {
      throw ValidationError(
        "--rate must be \(Scenario.rates.lowerBound) to \(Scenario.rates.upperBound) units a minute"
      )
    }
    guard serials >= 0 else { throw ValidationError("--serials must not be negative") }
  }

  func run() throws {
    // First of all, so that every run can be repeated, even one that fails at once.
    Surroundings.show("seed \(seed)\n")
    do {
      var plan = try Scenario(path: scenario)
      if let duration { plan.setDuration(seconds: duration) }
      if let rate { plan.setRate(rate) }
      let folder = Surroundings.programFolder
      let session = try Session(
        plan, seed: seed, directory: try Surroundings.folder(directory), port: port,
        programs: external
          ? nil
          : Session.Programs(
            daemon: linewardd ?? folder + "/linewardd", command: lineward ?? folder + "/lineward"),
        serialsMax: serials, drawsView: view)
      guard try session.run() else { throw ExitCode(1) }
    } catch let error as ScenarioError {
      try fail(error.description, code: 65)
    } catch let error as SystemFailure {
      try fail(error.description, code: 71)
    } catch let error as Session.Refusal {
      try fail(error.sentence, code: 73)
    }
  }

  private func fail(_ sentence: String, code: Int32) throws -> Never {
    Surroundings.complain("linewardsim: \(sentence)\n")
    throw ExitCode(code)
  }
}
