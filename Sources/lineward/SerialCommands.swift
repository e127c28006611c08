internal import ArgumentParser
internal import Control
internal import GS1
internal import Line

/// `serial …`.
struct SerialCommands: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "serial", abstract: "Sample, scrap, destroy, hold and resolve single serials.",
    discussion: """
      Each act goes on record with your name and the reason, and is refused (75) where the state of \
      the serial does not allow it. Only serials of batches that are not closed can be changed.
      """,
    subcommands: [
      OnSerial<Sample>.self, OnSerial<Scrap>.self, OnSerial<Destroy>.self,
      OnSerial<Decommission>.self, OnSerial<GiveBack>.self, OnSerial<Hold>.self,
      OnSerial<Unhold>.self, OnSerial<Remove>.self, Found.self,
    ])

  /// `serial sample`.
  enum Sample: ActOnSerial {
    static let act = SerialAct.sample
    static let abstract = "A label, or a pack that had passed, was taken as a sample."
  }

  /// `serial scrap`.
  enum Scrap: ActOnSerial {
    static let act = SerialAct.scrap
    static let abstract = "A label was scrapped before it was on a pack."
  }

  /// `serial destroy`.
  enum Destroy: ActOnSerial {
    static let act = SerialAct.destroy
    static let abstract = "A pack was destroyed; its serial never comes back."
  }

  /// `serial decommission`.
  enum Decommission: ActOnSerial {
    static let act = SerialAct.decommission
    static let abstract = "A pack that had passed left the batch."
  }

  /// `serial return`.
  enum GiveBack: ActOnSerial {
    static let act = SerialAct.giveBack
    static let abstract = "A serial was not used and goes back to where it came from."
  }

  /// `serial hold`.
  enum Hold: ActOnSerial {
    static let act = SerialAct.hold
    static let abstract = "No station passes this serial until the hold is taken off."
  }

  /// `serial unhold`.
  enum Unhold: ActOnSerial {
    static let act = SerialAct.unhold
    static let abstract = "Take a hold off."
  }

  /// `serial remove`.
  enum Remove: ActOnSerial {
    static let act = SerialAct.remove
    static let abstract = "Resolve a pack in doubt: it is out of the batch, or known to be gone."
  }

  /// `serial found`.
  struct Found: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: SerialAct.found.word,
      abstract: "Resolve a pack in doubt: it was found among good packs and scanned again.",
      discussion: """
        The scan proves the pack: GTIN, lot, expiry and serial have to be the batch's. Scan into \
        standard input, or give the scan as an argument with {GS} for each group separator.
        """)

    @Argument(help: "The scan; without it, one line of standard input.") var scan: String?
    @Option(help: "Where it was found, and how it got there; goes on record.") var reason: String
    @OptionGroup var options: GlobalOptions

    func run() throws {
      guard let line = scan ?? readLine(strippingNewline: true), !line.isEmpty else {
        throw Failure.usage("There is no scan: scan the pack, or give the scan as an argument.")
      }
      let text = Found.bare(line)
      let bytes = Array(text.utf8)
      let message: Message
      do throws(GS1Error) {
        message = try Message.parse(bytes.span)
      } catch {
        throw Failure.badInput("The scan is no valid GS1 message: \(error.message).")
      }
      guard let serial = message.value(of: .serial), let gtin = message.value(of: .gtin) else {
        throw Failure.badInput("The scan names no serial (21).")
      }
      try options.order(
        .serial(
          .found, serial: String(decoding: bytes[serial], as: UTF8.self),
          gtin: String(decoding: bytes[gtin], as: UTF8.self), scan: text, reason: reason))
    }

    /// A scan as a scanner sends it: `{GS}` stands for a separator, since braces are in no GS1 character set, and a
    /// message without symbology identifier is taken as GS1 DataMatrix.
    static func bare(_ line: String) -> String {
      let text = line.replacing("{GS}", with: "\u{1D}")
      return text.hasPrefix("]") ? text : "]d2" + text
    }
  }
}

/// One act on one serial.
protocol ActOnSerial {
  static var act: SerialAct { get }
  static var abstract: String { get }
}

/// `serial ACT SERIAL --reason TEXT`.
struct OnSerial<Kind: ActOnSerial>: ParsableCommand {
  static var configuration: CommandConfiguration {
    CommandConfiguration(commandName: Kind.act.word, abstract: Kind.abstract)
  }

  @Argument(help: "The serial, exact to the case.") var serial: String
  @Option(help: "Why; goes on record.") var reason: String
  @Option(help: "Its GTIN, where several have this serial.") var gtin: String?
  @OptionGroup var options: GlobalOptions

  func run() throws {
    try options.order(
      .serial(Kind.act, serial: serial, gtin: gtin, scan: nil, reason: reason))
  }
}
