internal import ArgumentParser
internal import Control
internal import Glibc

/// `containment …`.
struct ContainmentCommands: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "containment",
    abstract: "Lead a case from the stop to its end: what is done, what is next, who, how long.",
    discussion: """
      A case is opened by the alarms that the plant has named, or by you. It has five steps: stop, alert, isolate, \
      check, gather, each with somebody who has to do it and a deadline. The line is not released while the case is \
      open. Nothing ends by itself: a case is closed by a person when every step is done and signed for.
      """,
    subcommands: [
      List.self, Show.self, Open.self, Complete.self, Answer.self, Narrow.self, Scan.self,
      Sign.self, Close.self, ContainmentUnits.self, ContainmentBundle.self,
      ContainmentTestAlert.self,
    ])

  /// `containment list`.
  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "All cases, open ones first.")

    @OptionGroup var options: GlobalOptions

    func run() throws {
      try options.ask(.containment(.list), for: [CaseReply].self) { $0.cases($1) }
    }
  }

  /// `containment show`.
  struct Show: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "One case: what is next, who does it, how much time is left, what is done.")

    @Argument(help: "The case, e.g. C3; left out, the one that is open.") var id: String?
    @OptionGroup var options: GlobalOptions

    func run() throws {
      try options.ask(.containment(.show(id: id)), for: CaseReply.self) { $0.caseInFull($1) }
    }
  }

  /// `containment open`.
  struct Open: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Open a case: the line stops, and what may be bad goes on hold.")

    @Option(help: "What happened; goes on record with your name.") var reason: String
    @Option(help: "The batch that may be bad; left out, what has run since the last proven moment.")
    var batch: String?
    @Flag(help: "The line may run another batch while this case is open.") var lineMayRun = false
    @OptionGroup var options: GlobalOptions

    func validate() throws { try needsWords(reason, "--reason", "what happened") }

    func run() throws {
      try options.order(
        .containment(.open(reason: reason, batch: batch, holdsRelease: !lineMayRun)))
    }
  }

  /// `containment complete`.
  struct Complete: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Say that a step is done, and what shows it.")

    @Argument(help: "The case, e.g. C3.") var id: String
    @Argument(help: "The step: its word or its number, as \"lineward containment show\" has it.")
    var step: String
    @Option(help: "What shows that it is done; goes on record with your name.") var evidence: String
    @OptionGroup var options: GlobalOptions

    func validate() throws { try needsWords(evidence, "--evidence", "what shows that it is done") }

    func run() throws {
      try options.order(.containment(.complete(id: id, step: step, evidence: evidence)))
    }
  }

  /// `containment answer`.
  struct Answer: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Answer an alert, for yourself or for somebody who phoned.",
      discussion: """
        The step "alert" is done when a person of each role has answered. For yourself you need the role; for somebody \
        who phoned, say who with --phoned.
        """)

    @Argument(help: "The case, e.g. C3.") var id: String
    @Option(
      name: .customLong("role"), help: "For which role of contact: manufacturing, quality, it …")
    var contact: String
    @Option(help: "Who answered by telephone.") var phoned: String?
    @Option(help: "What was said.") var comment: String?
    @OptionGroup var options: GlobalOptions

    func run() throws {
      try options.order(
        .containment(.answer(id: id, contact: contact, phoned: phoned, comment: comment)))
    }
  }

  /// `containment narrow`.
  struct Narrow: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Take off hold what is proven good; for quality.",
      discussion: "A scope only becomes narrower; the records keep what it was.")

    @Argument(help: "The case, e.g. C3.") var id: String
    @Option(help: "A batch that stays on hold; may stand several times.") var batch: [String] = []
    @Option(help: "From this moment on, e.g. 2026-03-01T09:00:00.000Z.") var since: String?
    @Option(help: "What proves it; goes on record with your name.") var reason: String
    @OptionGroup var options: GlobalOptions

    func validate() throws {
      try needsWords(reason, "--reason", "what proves the rest good")
      if batch.isEmpty && since == nil {
        throw ValidationError("Say what stays on hold, with --batch or --since.")
      }
    }

    func run() throws {
      try options.order(
        .containment(.narrow(id: id, batches: batch, since: since, reason: reason)))
    }
  }

  /// `containment scan`.
  struct Scan: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Scan packs in, one a line, from a hand scanner that types or from a file.",
      discussion: """
        Each line of standard input is a pack: the whole scan, or its serial. Every one is answered; what is no pack \
        of the batches on hold is said. ^D ends.
        """)

    @Argument(help: "The case, e.g. C3.") var id: String
    @Option(help: "The GTIN of bare serials, where several batches are on hold.") var gtin: String?
    @OptionGroup var options: GlobalOptions

    func run() throws {
      var refused = 0
      while let line = readLine() {
        let scan = line.trimmed
        if scan.isEmpty { continue }
        do {
          try options.order(.containment(.scan(id: id, scan: scan, gtin: gtin)))
        } catch let failure as Failure {
          guard failure.exit == .refused || failure.exit == .badInput else { throw failure }
          refused += 1
          Output.error(options.json ? [Render.json(failure)] : Render().failure(failure))
        }
      }
      if refused > 0 { throw ExitStatus.no }
    }
  }

  /// `containment sign`.
  struct Sign: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Sign a case whose steps are done, with --as USER and your password.",
      discussion: """
        The signature covers the case as it stands: look at it with "lineward containment show" first. What is changed \
        afterwards has to be signed anew. Each role that is asked for needs a person of its own; root cannot sign.
        """)

    @Argument(help: "The case, e.g. C3.") var id: String
    @Option(help: "What your signature means, e.g. \"reviewed and approved\".") var meaning: String
    @OptionGroup var options: GlobalOptions

    func validate() throws { try needsWords(meaning, "--meaning", "what your signature means") }

    func run() throws { try options.order(.containment(.sign(id: id, meaning: meaning))) }
  }

  /// `containment close`.
  struct Close: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Close a case whose steps are done and signed for.",
      discussion: "Closing does not restart the line: that is \"lineward line release\".")

    @Argument(help: "The case, e.g. C3.") var id: String
    @Option(help: "What was found and decided; goes on record with your name.") var reason: String
    @OptionGroup var options: GlobalOptions

    func validate() throws { try needsWords(reason, "--reason", "what was found and decided") }

    func run() throws { try options.order(.containment(.close(id: id, reason: reason))) }
  }
}

private func needsWords(_ text: String, _ option: String, _ what: String) throws {
  if text.allSatisfy(\.isWhitespace) {
    throw ValidationError("\(option) is empty; say in a few words \(what).")
  }
}

extension String {
  fileprivate var trimmed: String {
    var text = Substring(self)
    while text.last == "\r" || text.last == " " { text.removeLast() }
    return String(text)
  }
}
