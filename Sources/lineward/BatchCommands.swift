internal import ArgumentParser
internal import CLinux
internal import Control
internal import Glibc

/// `batch …`.
struct BatchCommands: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "batch", abstract: "Open, start, pause, close and show batches.",
    subcommands: [
      Open.self, Start.self, Pause.self, Close.self, Reconcile.self, Show.self, List.self,
    ])

  /// `batch open`.
  struct Open: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Load a batch and its serials.",
      discussion: """
        The file has one serial a line. It is taken whole or not at all: a bad or repeated serial \
        refuses it, with the line that has it.
        """)

    @Option(help: "The plant's own name for the batch.") var id: String
    @Option(help: "GTIN, 14 digits.") var gtin: String
    @Option(help: "Lot, at most 20 characters.") var lot: String
    @Option(
      help: ArgumentHelp(
        "Expiry as six digits; day 00 is the end of the month.", valueName: "yymmdd"))
    var expiry: String
    @Option(
      help: ArgumentHelp("File with one serial a line.", valueName: "file"), completion: .file())
    var serials: String
    @Flag(
      help:
        "The serials are printed in the order of the file (verification.order); without it the print feed says the order, where there is one."
    )
    var printOrder = false
    @OptionGroup var options: GlobalOptions

    func run() throws {
      let problems = BatchForm.problems(id: id, gtin: gtin, lot: lot, expiry: expiry)
      if let first = problems.first {
        throw problems.count == 1
          ? Failure.badInput(first)
          : Failure.badInput("The batch cannot be opened as written.", causes: problems)
      }
      let file = try openSerials()
      defer { close(file) }
      try options.order(
        .batchOpen(id: id, gtin: gtin, lot: lot, expiry: expiry, printOrder: printOrder),
        passing: file)
    }

    private func openSerials() throws -> Int32 {
      let shown = Plain.text(serials)
      let file = clinux_open_for_reading(serials)
      guard file >= 0 else {
        throw Failure.badInput(
          "The serial file \(shown) cannot be opened: \(String(cString: strerror(-file))).")
      }
      var status = stat()
      guard fstat(file, &status) == 0, clinux_is_regular_file(file) == 1 else {
        close(file)
        throw Failure.badInput(
          "The serial file \(shown) is no regular file; save the serials to one first.")
      }
      guard status.st_size > 0 else {
        close(file)
        throw Failure.badInput("The serial file \(shown) is empty: there is no serial in it.")
      }
      return file
    }
  }

  /// Which batch is meant.
  struct Which: ParsableArguments {
    @Argument(help: "The batch; may be left out when only one can be meant.") var batch: String?
    @Option(name: .customLong("id"), help: "The same as an option.") var optionId: String?

    var id: String? { batch ?? optionId }

    func validate() throws {
      if let batch, let optionId, batch != optionId {
        throw ValidationError("Two batches are named: '\(batch)' and '\(optionId)'.")
      }
    }
  }

  /// `batch start`.
  struct Start: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Start a batch that is open or paused.",
      discussion: "Refused (75) while the line may run, or while a unit is on its way to the gate.")

    @OptionGroup var which: Which
    @OptionGroup var options: GlobalOptions

    func run() throws { try options.order(.batchStart(id: which.id)) }
  }

  /// `batch pause`.
  struct Pause: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Pause the running batch.", discussion: "Refused (75) while the line may run.")

    @OptionGroup var which: Which
    @OptionGroup var options: GlobalOptions

    func run() throws { try options.order(.batchPause(id: which.id)) }
  }

  /// `batch close`.
  struct Close: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Close a batch for good.",
      discussion: """
        The batch is reconciled first. Refused (75) while the line may run, while a unit is on its \
        way to the gate, and when the batch does not balance.
        """)

    @OptionGroup var which: Which
    @Option(help: "Why a batch that does not balance is closed all the same; supervisors only.")
    var reason: String?
    @OptionGroup var options: GlobalOptions

    func run() throws { try options.order(.batchClose(id: which.id, reason: reason)) }
  }

  /// `batch reconcile`.
  struct Reconcile: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Show the two balances of a batch and every serial that needs a person.",
      discussion: "Exit status 1 when the batch does not balance.")

    @OptionGroup var which: Which
    @OptionGroup var options: GlobalOptions

    func run() throws {
      let reply = try options.answer(.batchReconcile(id: which.id), for: ReconciliationReply.self)
      Output.lines(
        options.json
          ? [Wire.json(reply)] : Render(colours: Output.hasColours).reconciliation(reply))
      if !reply.balanced { throw ExitStatus.no }
    }
  }

  /// `batch show`.
  struct Show: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Show one batch with its serials by state.")

    @OptionGroup var which: Which
    @OptionGroup var options: GlobalOptions

    func run() throws {
      try options.ask(.batchShow(id: which.id), for: BatchReply.self) { $0.batch($1) }
    }
  }

  /// `batch list`.
  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "List all batches.")

    @OptionGroup var options: GlobalOptions

    func run() throws {
      try options.ask(.batchList, for: [BatchReply].self) { $0.batches($1) }
    }
  }
}
