internal import ArgumentParser
internal import Control

/// `status`.
struct Status: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show line, batch, stations, alarms and containment at a glance.")

  @OptionGroup var options: GlobalOptions

  func run() throws {
    try options.ask(.status, for: StatusReply.self) { $0.status($1) }
  }
}

/// `unit`.
struct UnitCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "unit", abstract: "Show the state and the whole history of one unit.",
    discussion: """
      Exit status 1 when no batch has this serial. A serial that begins with a dash is written \
      behind two of them: lineward unit -- -7QK2
      """)

  @Argument(help: "The serial, exact to the case.") var serial: String
  @Option(help: "Its GTIN, where several have this serial.") var gtin: String?
  @OptionGroup var options: GlobalOptions

  func run() throws {
    try options.ask(.unit(serial: serial, gtin: gtin), for: UnitReply.self) { $0.unit($1) }
  }
}

/// `scanners`.
struct Scanners: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show the scanners and their health.",
    subcommands: [Discover.self, Teach.self, Trigger.self])

  @OptionGroup var options: GlobalOptions

  func run() throws {
    try options.ask(.scanners, for: [ScannerReply].self) { $0.scanners($1) }
  }
}

/// `scanners teach`.
struct Teach: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Prove that a scanner types what it reads, with the test symbol.",
    discussion: """
      A scanner that types like a keyboard is believed only after the test symbol has come through \
      whole: a wrong layout or caps lock would change serials, and nobody could see it. Print the \
      symbol of docs/keyboard-scanners.md, stop the line, give this command, and scan it within \
      25 s. Anything else that comes takes an earlier proof back. The teaching goes on record with your name; it is to be done again after anything of \
      the scanner was set anew.
      """)

  @Argument(help: "The scanner.") var name: String
  @OptionGroup var options: GlobalOptions

  func run() throws { try options.order(.scannersTeach(name: name)) }
}

/// `scanners trigger`.
struct Trigger: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Make a scanner read once, and show what it sent.",
    discussion: """
      For setting a scanner up, while the line stands. Sends trigger_on, or the trigger report of a HID POS scanner, shows \
      the next message within 5 s, and ends the read with trigger_off. It goes on record with your name; what the scanner \
      sent belongs to no pack, and is kept as a stray read.
      """)

  @Argument(help: "The scanner.") var name: String
  @OptionGroup var options: GlobalOptions

  func run() throws { try options.order(.scannersTrigger(name: name)) }
}

/// `plcs`.
struct PLCs: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "plcs", abstract: "Show the PLCs and their health.",
    discussion: """
      Response times are p50, p99 and the longest since the daemon started. With --registers both blocks of every station \
      are read from the PLC for this, between the telegrams of the line.
      """)

  @Flag(help: "Show both register blocks of every station, decoded.") var registers = false
  @OptionGroup var options: GlobalOptions

  func run() throws {
    guard !registers else {
      try options.ask(.plcRegisters, for: [RegistersReply].self) { $0.registers($1) }
      return
    }
    try options.ask(.plcs, for: [PLCReply].self) { $0.plcs($1) }
  }
}
