public import Alarms
public import Containment

/// What the core has to know of the line; made from the configuration.
public struct LineSettings: Sendable, Hashable {
  /// The line's name; goes into every record.
  public var line: String
  /// All scanners, in the order of the configuration.
  public var scanners: [ScannerSettings]
  /// All stations, in the order of the configuration.
  public var stations: [StationSettings]
  /// `[limits]`.
  public var limits: Limits
  /// ISO/IEC 15415 grade below which a read is verdict 10, in tenths: 15 is 1.5.
  public var minimumGradeTenths: Int
  /// Reads have to follow the print order, at most so far ahead of the last; nil: they come in any order.
  public var orderWindow: Int?
  /// `[challenge]`.
  public var challenge: Challenge
  /// `[containment]`.
  public var containment: Containment
  /// The live print feed; nil: there is none.
  public var printFeed: PrintFeed?
  /// The second way to stop, in words; nil: there is none.
  public var secondStop: String?
  /// `[signatures]`.
  public var signatures: Signatures

  /// Makes settings.
  public init(
    line: String, scanners: [ScannerSettings], stations: [StationSettings], limits: Limits,
    minimumGradeTenths: Int = 15, orderWindow: Int? = nil, challenge: Challenge = Challenge(),
    printFeed: PrintFeed? = nil, secondStop: String? = nil,
    containment: Containment = Containment(), signatures: Signatures = Signatures()
  ) {
    self.signatures = signatures
    self.line = line
    self.scanners = scanners
    self.stations = stations
    self.limits = limits
    self.minimumGradeTenths = minimumGradeTenths
    self.orderWindow = orderWindow
    self.challenge = challenge
    self.printFeed = printFeed
    self.secondStop = secondStop
    self.containment = containment
  }

  /// `[containment]`: what opens a case, and what is done in it.
  public struct Containment: Sendable, Hashable {
    /// Alarms that open a case when they are raised.
    public var opensOn: Set<AlarmKind>
    /// What is done in it.
    public var playbook: Playbook

    /// Makes the rule; as it stands, only people open cases.
    public init(opensOn: Set<AlarmKind> = [], playbook: Playbook = Playbook()) {
      self.opensOn = opensOn
      self.playbook = playbook
    }
  }

  /// `[challenge]`: the test with known bad packs that shows that each is rejected.
  public struct Challenge: Sendable, Hashable {
    /// The verdicts that each test has to show.
    public var packs: [Verdict]
    /// A station may run so many hours after one that it passed; 0: for ever.
    public var everyHours: Int
    /// Whether each start of a batch needs one.
    public var afterBatchStart: Bool
    /// A test whose packs have not all come by then has failed.
    public var timeout: Instant.Span

    /// Makes the rule; as it stands, a test is never due.
    public init(
      packs: [Verdict] = [.noRead, .duplicate, .wrongLot, .notInPool], everyHours: Int = 0,
      afterBatchStart: Bool = false, timeout: Instant.Span = .milliseconds(600_000)
    ) {
      self.packs = packs
      self.everyHours = everyHours
      self.afterBatchStart = afterBatchStart
      self.timeout = timeout
    }
  }

  /// `[signatures]`: what asks for an electronic signature, and how many wrong passwords lock a login.
  public struct Signatures: Sendable, Hashable {
    /// Whether closing a batch that does not balance needs a supervisor's.
    public var closeUnbalanced: Bool
    /// The roles of which one has to sign each release; empty: none.
    public var release: [Role]
    /// So many wrong passwords of one login within `lockMinutes` lock it, 1 to 20.
    public var tries: Int
    /// For so many minutes.
    public var lockMinutes: UInt32

    /// Makes the rules; as they stand, nothing asks for a signature.
    public init(
      closeUnbalanced: Bool = false, release: [Role] = [], tries: Int = 5, lockMinutes: UInt32 = 15
    ) {
      self.closeUnbalanced = closeUnbalanced
      self.release = release
      self.tries = tries
      self.lockMinutes = lockMinutes
    }
  }

  /// `[print_feed]`: when it counts as stalled.
  public struct PrintFeed: Sendable, Hashable {
    /// So long without a serial while packs come; zero: only the low mark counts.
    public var stall: Instant.Span
    /// So few printed serials left before the reader.
    public var lowMark: Int

    /// Makes settings.
    public init(stall: Instant.Span = .milliseconds(5000), lowMark: Int = 1) {
      self.stall = stall
      self.lowMark = lowMark
    }
  }

  /// `[limits]`: each one breached raises an alarm and stops the line.
  public struct Limits: Sendable, Hashable {
    /// So many rejects in a row.
    public var consecutiveRejects: Int
    /// So many no-reads in a row.
    public var consecutiveNoReads: Int
    /// So many serials printed and not read among the last `PrintOrder.skipSpan`; 0: no limit.
    public var printedNotRead: Int
    /// So many reads, since the last release, of a serial that another unit has; 0: no limit.
    public var duplicates: Int
    /// After a stop, or a release: the time in which the PLC follows.
    public var stopConfirm: Instant.Span
    /// Time with the conveyor moving in which every unit has its outcome.
    public var outcome: Instant.Span

    /// Makes limits.
    public init(
      consecutiveRejects: Int = 5, consecutiveNoReads: Int = 3, printedNotRead: Int = 10,
      duplicates: Int = 0, stopConfirm: Instant.Span = .milliseconds(1000),
      outcome: Instant.Span = .milliseconds(5000)
    ) {
      self.consecutiveRejects = consecutiveRejects
      self.consecutiveNoReads = consecutiveNoReads
      self.printedNotRead = printedNotRead
      self.duplicates = duplicates
      self.stopConfirm = stopConfirm
      self.outcome = outcome
    }
  }
}

/// What the core has to know of one scanner.
public struct ScannerSettings: Sendable, Hashable {
  /// Its name.
  public var name: String
  /// The scanner's own no-read texts; an empty message is a no-read in any case.
  public var noReads: [[UInt8]]
  /// The AIM identifier that a read must begin with; empty: messages without one are taken as GS1 DataMatrix.
  public var requireSymbology: [UInt8]
  /// What stands between data and grade (`grade/aperture/light/angle`); empty: the scanner sends none.
  public var gradeSeparator: [UInt8]
  /// What stands between the codes where the scanner saw several; empty: only a further AIM identifier shows that.
  public var codeSeparator: [UInt8]

  /// Makes settings.
  public init(
    name: String, noReads: [[UInt8]] = [Array("NOREAD".utf8)],
    requireSymbology: [UInt8] = Array("]d2".utf8), gradeSeparator: [UInt8] = [],
    codeSeparator: [UInt8] = []
  ) {
    self.name = name
    self.noReads = noReads
    self.requireSymbology = requireSymbology
    self.gradeSeparator = gradeSeparator
    self.codeSeparator = codeSeparator
  }

  /// Whether a message says that the scanner saw no code.
  func isNoRead(_ message: [UInt8]) -> Bool { message.isEmpty || noReads.contains(message) }

  /// Whether a message holds what stands between two codes.
  func holdsSeparator(_ message: [UInt8]) -> Bool {
    guard let first = codeSeparator.first, message.count >= codeSeparator.count else {
      return false
    }
    return message.indices.contains {
      message[$0] == first && message[$0...].starts(with: codeSeparator)
    }
  }
}

/// What the core has to know of one station.
public struct StationSettings: Sendable, Hashable {
  /// Its name.
  public var name: String
  /// Name of its PLC, for messages.
  public var plc: String
  /// Indices of its scanners in `LineSettings.scanners`.
  public var scanners: [Int]
  /// Ring slots in each direction.
  public var slots: Int
  /// Whether messages are matched to PLC triggers; without, every message is a unit of its own and there is no gate.
  public var tracksTriggers: Bool
  /// A trigger's message comes within this.
  public var readTimeout: Instant.Span
  /// A message may come this long before the poll that shows its trigger.
  public var earlyRead: Instant.Span
  /// Without trigger and message for this long, the line is in step again.
  public var quiet: Instant.Span
  /// Whether a trigger without a message puts tracking in doubt, besides being a no-read.
  public var silentIsDoubt: Bool
  /// Whether the PLC reports what happened at the gate.
  public var gateOutcomes: Bool
  /// How its PLC numbers PackML states; nil: it gets no PackML commands.
  public var packML: PackML.Profile?
  /// An accept that does not leave within this after its trigger was seen is not sent; nil: it goes out however late.
  public var verdictDeadline: Instant.Span?

  /// Makes settings.
  public init(
    name: String, plc: String, scanners: [Int], slots: Int = 16, tracksTriggers: Bool = true,
    readTimeout: Instant.Span = .milliseconds(40), earlyRead: Instant.Span = .milliseconds(30),
    quiet: Instant.Span = .milliseconds(1000), silentIsDoubt: Bool = true,
    gateOutcomes: Bool = true,
    packML: PackML.Profile? = nil, verdictDeadline: Instant.Span? = nil
  ) {
    self.name = name
    self.plc = plc
    self.scanners = scanners
    self.slots = slots
    self.tracksTriggers = tracksTriggers
    self.readTimeout = readTimeout
    self.earlyRead = earlyRead
    self.quiet = quiet
    self.silentIsDoubt = silentIsDoubt
    self.gateOutcomes = gateOutcomes
    self.packML = packML
    self.verdictDeadline = verdictDeadline
  }
}
