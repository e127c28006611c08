/// One case: something went wrong, and five steps have to be done about it before the line may run again.
///
/// Pure: records change it by `CaseChange`, and `refusal` says what may not be done. Nothing closes by itself.
public struct ContainmentCase: Sendable, Hashable, Codable {
  /// Counts the cases of the line from 1.
  public var number: UInt32
  /// What opened it, with the playbook that it follows.
  public var opening: CaseOpening
  /// Who opened it; empty: the daemon.
  public var openedBy: String
  /// Wall time of the detection, milliseconds since 1970.
  public var detectedAt: Int64
  /// The time since.
  public var clock: CaseClock
  /// What has become of each step; nil: it is open.
  public var done: [StepEnd?]
  /// What is on hold.
  public var scope: CaseScope
  /// Who has answered, by role of the contact.
  public var answers: [String: Answer] = [:]
  /// Packs that were scanned in, by batch and row.
  public var scanned: Set<ScannedPack> = []
  /// Kinds of evidence that are on record, by title.
  public var evidence: [Evidence] = []
  /// What happened besides, newest last; the records have all of it.
  public var notes: [String] = []
  /// Signatures that stand: each over the case as it was at `revision`.
  public var signatures: [Signature] = []
  /// How often the case was changed by something that a signature speaks of.
  public var revision: UInt32 = 0
  /// The last moment that was told: see `Escalation`.
  public var escalation: Escalation = .none
  /// Steps whose deadline has passed while they were open.
  public var overdue: Set<Int> = []
  /// When and by whom it was closed; nil: it is open.
  public var closed: StepEnd?
  /// What became of the messages to contacts; see `Telling.key`.
  public var tellings: [String: Telling] = [:]

  /// The contacts that were told, or were not reached.
  public var contactsTold: Set<String> {
    Set(tellings.keys.map { String($0.prefix { $0 != "\t" }) })
  }

  /// What became of one message to a contact.
  public struct Telling: Sendable, Hashable, Codable {
    /// How often it was tried.
    public var attempts: Int
    /// Whether it went out.
    public var isTold: Bool

    /// Makes one.
    public init(attempts: Int, isTold: Bool) {
      self.attempts = attempts
      self.isTold = isTold
    }

    /// Names a message: who was told, by which way, of which moment; so it stands in the record.
    public static func key(
      contact: String, way: String, of escalation: ContainmentCase.Escalation
    ) -> String {
      "\(contact)\t\(way)\t\(escalation.word)"
    }
  }

  /// How something ended.
  public struct StepEnd: Sendable, Hashable, Codable {
    /// Who did it; empty: the daemon.
    public var by: String
    /// Wall time, milliseconds since 1970.
    public var at: Int64
    /// What shows that it was done.
    public var evidence: String

    /// Makes one.
    public init(by: String, at: Int64, evidence: String) {
      self.by = by
      self.at = at
      self.evidence = evidence
    }
  }

  /// Somebody who was alerted has answered.
  public struct Answer: Sendable, Hashable, Codable {
    /// Who has put it in.
    public var by: String
    /// Wall time, milliseconds since 1970.
    public var at: Int64
    /// What was said, and who phoned.
    public var text: String
  }

  /// A pack that was scanned in.
  public struct ScannedPack: Sendable, Hashable, Codable {
    /// Its batch.
    public var batch: UInt32
    /// Its row there.
    public var row: Int32

    /// Names a pack.
    public init(batch: UInt32, row: Int32) {
      self.batch = batch
      self.row = row
    }
  }

  /// Something that was put on record for a step.
  public struct Evidence: Sendable, Hashable, Codable {
    /// Which step, from 1.
    public var step: Int
    /// What it is.
    public var title: String
    /// Wall time, milliseconds since 1970.
    public var at: Int64
  }

  /// A signature over the case.
  public struct Signature: Sendable, Hashable, Codable {
    /// For which role.
    public var role: String
    /// The login.
    public var login: String
    /// The printed name (21 CFR 11.50).
    public var name: String
    /// What it means.
    public var meaning: String
    /// Wall time, milliseconds since 1970.
    public var at: Int64
    /// The case's revision that it covers.
    public var revision: UInt32

    /// Makes one.
    public init(
      role: String, login: String, name: String, meaning: String, at: Int64, revision: UInt32
    ) {
      self.role = role
      self.login = login
      self.name = name
      self.meaning = meaning
      self.at = at
      self.revision = revision
    }
  }

  /// How far the time has run.
  public enum Escalation: UInt8, Sendable, Comparable, CaseIterable, Codable {
    case none = 0
    case half = 1
    case fourFifths = 2
    case over = 3

    /// Whether `left` is the earlier one.
    public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }

    /// Where it stands after so long.
    public init(elapsed: Int64, durationMinutes: Int) {
      let whole = Int64(durationMinutes) * 60_000
      self =
        elapsed >= whole
        ? .over : elapsed * 5 >= whole * 4 ? .fourFifths : elapsed * 2 >= whole ? .half : .none
    }

    /// After how many milliseconds it is reached.
    public func begin(durationMinutes: Int) -> Int64 {
      let whole = Int64(durationMinutes) * 60_000
      return switch self {
      case .none: 0
      case .half: whole / 2
      case .fourFifths: whole * 4 / 5
      case .over: whole
      }
    }

    /// The word in records and in the configuration.
    public var word: String {
      switch self {
      case .none: "open"
      case .half: "half"
      case .fourFifths: "four_fifths"
      case .over: "over"
      }
    }

    /// For sentences.
    public var phrase: String {
      switch self {
      case .none: "just opened"
      case .half: "half of its time is over"
      case .fourFifths: "four fifths of its time are over"
      case .over: "its time is over"
      }
    }
  }

  /// The name by which commands call it.
  public var id: String { "C\(number)" }

  /// The playbook that it follows.
  public var playbook: Playbook { opening.playbook }

  /// Whether it is open.
  public var isOpen: Bool { closed == nil }

  /// Whether the line is not released while it is open.
  public var holdsRelease: Bool { isOpen && opening.holdsRelease }

  /// Whether all its steps are done.
  public var isWorked: Bool { done.allSatisfy { $0 != nil } }

  /// The contacts that have not answered.
  public var unanswered: [String] { playbook.contacts.filter { answers[$0] == nil } }

  /// The roles whose signature is missing: none was given, or something has changed since.
  public var unsigned: [String] {
    playbook.signatures.filter { role in
      !signatures.contains { $0.role == role && $0.revision == revision }
    }
  }

  /// The first step that is open, from 0.
  public var nextStep: Int? { done.firstIndex { $0 == nil } }

  /// Notes kept beside the records, at most.
  static let notesMax = 50
  /// Messages whose fate is kept, at most: 64 contacts, four ways, four moments, and names that a reload has changed.
  static let tellingsMax = 4096

  /// What happens next, and who has to do it.
  public var next: (what: String, who: String) {
    if let index = nextStep {
      let step = playbook.steps[index]
      if step.meaning == .alert, !unanswered.isEmpty {
        return (
          "\(step.name): waiting for an answer of \(unanswered.joined(separator: ", "))",
          step.owners.first ?? ""
        )
      }
      return ("\(step.name): \(step.instruction)", step.owners.first ?? "")
    }
    if let role = unsigned.first {
      return ("sign with lineward containment sign \(id) --meaning TEXT", role)
    }
    if closed == nil { return ("close it with lineward containment close \(id)", "supervisor") }
    return ("", "")
  }
}

/// What opened a case, and what it takes with it.
public struct CaseOpening: Sendable, Hashable, Codable {
  /// The alarm's kind by its number, 0: a person.
  public var alarm: UInt16
  /// Where that alarm was raised.
  public var place: String
  /// What happened.
  public var title: String
  /// Whether the line is not released while the case is open.
  public var holdsRelease: Bool
  /// What goes on hold.
  public var scope: CaseScope
  /// The steps.
  public var playbook: Playbook
  /// The time at the detection.
  public var clock: CaseClock

  /// Makes an opening.
  public init(
    alarm: UInt16 = 0, place: String = "", title: String, holdsRelease: Bool = true,
    scope: CaseScope, playbook: Playbook, clock: CaseClock
  ) {
    self.alarm = alarm
    self.place = place
    self.title = title
    self.holdsRelease = holdsRelease
    self.scope = scope
    self.playbook = playbook
    self.clock = clock
  }
}

/// What of the line's packs a case puts on hold.
public struct CaseScope: Sendable, Hashable, Codable {
  /// Batches, by number.
  public var batches: [UInt32]
  /// Stations that share the failed part, by name; what others saw is not affected.
  public var stations: [String]
  /// The last moment that is proven good, wall time in milliseconds since 1970; nil: none is known, so all of the batches.
  public var since: Int64?

  /// Makes a scope.
  public init(batches: [UInt32] = [], stations: [String] = [], since: Int64? = nil) {
    self.batches = batches
    self.stations = stations
    self.since = since
  }
}
