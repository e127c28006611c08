internal import Alarms
public import ArgumentParser
internal import Configuration
internal import Control
internal import Devices
internal import Dispatch
internal import Glibc
internal import Journal
internal import Line
internal import Logging
internal import PLCLink
internal import Records
internal import Rings
internal import Synchronization

/// The program `linewardd`: reads its configuration, builds the rooms, joins them, and ends in order.
public struct LinewardDaemon: ParsableCommand {
  /// The version that `--version`, records and journal show.
  public static let version = "0.1.0"

  /// What `--help` says.
  public static let configuration = CommandConfiguration(
    commandName: "linewardd",
    abstract: "Stands beside one packaging line and verifies every pack.",
    discussion: """
      Runs in the foreground until SIGTERM or SIGINT; SIGHUP loads the configuration anew. Started by systemd it logs to \
      the journal, otherwise to standard error.
      """,
    version: version)

  @Option(name: .long, help: "The configuration file.")
  var config = "/etc/lineward/lineward.toml"

  @Flag(name: .long, help: "Check the configuration and exit: 0 good, 78 bad.")
  var checkConfig = false

  @Flag(
    name: .long,
    help: """
      Look at each configured PLC, reading only, and say what its programmer has to mend: 0 nothing, 1 something, 69 a \
      PLC cannot be reached, 78 bad configuration.
      """)
  var checkPlc = false

  @Flag(name: .long, help: "Print a commented sample of the configuration and exit.")
  var printSampleConfig = false

  @Flag(name: .long, help: "Print the reference of all configuration keys and exit.")
  var printConfigReference = false

  @Flag(name: .long, help: "Print the reference of all alarms and exit.")
  var printAlarmReference = false

  @Flag(name: .long, help: "Print the alarms' part of the journal's catalogue and exit.")
  var printAlarmCatalogue = false

  /// Made by the argument parser.
  public init() {}

  /// Does what the arguments say; returns when a signal has ended the daemon.
  ///
  /// - Throws: An `ExitCode`, after having said why.
  public mutating func run() throws {
    if printSampleConfig {
      print(Configuration.sampleFile(), terminator: "")
      return
    }
    if printConfigReference {
      print(Configuration.referenceMarkdown(), terminator: "")
      return
    }
    if printAlarmReference {
      print(AlarmReference.markdown, terminator: "")
      return
    }
    if printAlarmCatalogue {
      print(AlarmReference.catalogue, terminator: "")
      return
    }
    // A client that goes away must not end the daemon.
    signal(SIGPIPE, SIG_IGN)
    let loaded: Configuration
    let layouts: [String: Composition.Layouts]
    do throws(ConfigurationProblems) {
      loaded = try Configuration.load(path: config)
      layouts = try Composition.layouts(loaded, file: config)
    } catch {
      LinewardDaemon.complain(error.problems)
      throw ExitCode(78)
    }
    if checkConfig {
      for remark in loaded.remarks + loaded.contactRemarks + loaded.signatureRemarks {
        FileHandle.standardError("linewardd: \(config): \(remark)\n")
      }
      print("\(config): the configuration is good")
      return
    }
    if checkPlc {
      let status = CheckPLC.run(loaded)
      if status != 0 { throw ExitCode(status) }
      return
    }
    try Composition(path: config, configuration: loaded, layouts: layouts).run()
  }
}

extension LinewardDaemon {
  /// Says what is wrong with the configuration: into the journal with its message id, otherwise as plain lines.
  private static func complain(_ problems: [ConfigurationProblem]) {
    guard ServiceManager.logsToJournal else {
      for problem in problems { FileHandle.standardError("linewardd: \(problem)\n") }
      return
    }
    let logger = ServiceManager.logger(identifier: "linewardd")
    for problem in problems {
      logger.critical(
        "\(problem)", metadata: ["message-id": "\(MessageID.configurationRefused.text)"])
    }
  }
}

/// Writes to standard error without a logger.
enum FileHandle {
  static func standardError(_ text: String) {
    var bytes = Array(text.utf8)
    bytes.withUnsafeMutableBytes { buffer in
      guard let base = buffer.baseAddress else { return }
      _ = write(STDERR_FILENO, base, buffer.count)
    }
  }
}

extension LinewardDaemon {
  /// Runs the program with the arguments of this process, and ends it.
  public static func start() { main() }
}
