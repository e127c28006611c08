/// One containment case: what is done, what is next, who has to do it, how much time is left.
public struct CaseReply: Sendable, Equatable, Codable {
  /// By this name commands call it.
  public var id: String
  /// `open` or `closed`.
  public var state: String
  /// What happened.
  public var title: String
  /// The kind of alarm that opened it; null: a person did.
  public var alarm: String?
  /// When it was detected, RFC 3339.
  public var openedAt: String
  /// Who opened it; empty: the daemon.
  public var openedBy: String
  /// Seconds since the detection, over restarts and steps of the clock; of a closed one when that was last written down.
  public var elapsedSeconds: Int
  /// Seconds in which all is to be done.
  public var durationSeconds: Int
  /// Seconds left; negative: so much over.
  public var remainingSeconds: Int
  /// Whether the line is not released while it is open.
  public var holdsRelease: Bool
  /// Batches on hold.
  public var batches: [String]
  /// Stations that share the failed part.
  public var stations: [String]
  /// The last moment proven good, RFC 3339; null: none is known, so all of the batches.
  public var since: String?
  /// The steps.
  public var steps: [Step]
  /// Who was alerted, by role.
  public var contacts: [Contact]
  /// Packs that were scanned in.
  public var scanned: Int
  /// What is on record as evidence.
  public var evidence: [Evidence]
  /// What happened besides, newest last.
  public var notes: [String]
  /// Signatures, those included that no longer stand.
  public var signatures: [SignedBy]
  /// Roles whose signature is missing.
  public var unsigned: [String]
  /// What to do next; empty when nothing is left.
  public var next: String
  /// Which role has to do it; empty when nothing is left.
  public var nextOwner: String
  /// When, by whom and why it was closed; null: it is open.
  public var closed: Ending?

  /// One step.
  public struct Step: Sendable, Equatable, Codable {
    /// Its place, from 1.
    public var number: Int
    /// Its name in commands.
    public var key: String
    /// Its name for people.
    public var name: String
    /// `open`, `overdue` or `done`.
    public var state: String
    /// Roles that may complete it, the first has to see to it.
    public var owners: [String]
    /// Seconds after the detection until which it is to be done.
    public var deadlineSeconds: Int
    /// Whether it was open at its deadline, done since or not.
    public var wasLate: Bool
    /// What to do.
    public var instruction: String
    /// How it ended; null: it is open.
    public var done: Ending?

    private enum CodingKeys: String, CodingKey {
      case number, key, name, state, owners, instruction, done
      case deadlineSeconds = "deadline_seconds"
      case wasLate = "was_late"
    }

    /// Makes a step.
    public init(
      number: Int, key: String, name: String, state: String, owners: [String],
      deadlineSeconds: Int, wasLate: Bool, instruction: String, done: Ending?
    ) {
      self.number = number
      self.key = key
      self.name = name
      self.state = state
      self.owners = owners
      self.deadlineSeconds = deadlineSeconds
      self.wasLate = wasLate
      self.instruction = instruction
      self.done = done
    }
  }

  /// How a step or a case ended.
  public struct Ending: Sendable, Equatable, Codable {
    /// When, RFC 3339.
    public var at: String
    /// By whom; empty: the daemon.
    public var by: String
    /// What shows it, or why.
    public var evidence: String

    /// Makes one.
    public init(at: String, by: String, evidence: String) {
      self.at = at
      self.by = by
      self.evidence = evidence
    }
  }

  /// Who was alerted.
  public struct Contact: Sendable, Equatable, Codable {
    /// The role.
    public var role: String
    /// The answer; null: none yet.
    public var answer: Ending?

    /// Makes one.
    public init(role: String, answer: Ending?) {
      self.role = role
      self.answer = answer
    }
  }

  /// Something on record as evidence.
  public struct Evidence: Sendable, Equatable, Codable {
    /// For which step, from 1.
    public var step: Int
    /// What it is.
    public var title: String
    /// When, RFC 3339.
    public var at: String

    /// Makes one.
    public init(step: Int, title: String, at: String) {
      self.step = step
      self.title = title
      self.at = at
    }
  }

  /// A signature: name, time and meaning (21 CFR 11.50).
  public struct SignedBy: Sendable, Equatable, Codable {
    /// The printed name.
    public var name: String
    /// The login.
    public var login: String
    /// For which role.
    public var role: String
    /// What it means.
    public var meaning: String
    /// When, RFC 3339.
    public var at: String
    /// Whether it covers the case as it is now.
    public var stands: Bool

    /// Makes one.
    public init(
      name: String, login: String, role: String, meaning: String, at: String, stands: Bool
    ) {
      self.name = name
      self.login = login
      self.role = role
      self.meaning = meaning
      self.at = at
      self.stands = stands
    }
  }

  private enum CodingKeys: String, CodingKey {
    case id, state, title, alarm, batches, stations, since, steps, contacts, scanned, evidence,
      notes, signatures, unsigned, next, closed
    case openedAt = "opened_at"
    case openedBy = "opened_by"
    case elapsedSeconds = "elapsed_seconds"
    case durationSeconds = "duration_seconds"
    case remainingSeconds = "remaining_seconds"
    case holdsRelease = "holds_release"
    case nextOwner = "next_owner"
  }

  /// Makes a reply of a case without steps.
  public init(
    id: String, state: String, title: String, alarm: String?, openedAt: String, openedBy: String,
    elapsedSeconds: Int, durationSeconds: Int, holdsRelease: Bool
  ) {
    self.id = id
    self.state = state
    self.title = title
    self.alarm = alarm
    self.openedAt = openedAt
    self.openedBy = openedBy
    self.elapsedSeconds = elapsedSeconds
    self.durationSeconds = durationSeconds
    remainingSeconds = durationSeconds - elapsedSeconds
    self.holdsRelease = holdsRelease
    batches = []
    stations = []
    steps = []
    contacts = []
    scanned = 0
    evidence = []
    notes = []
    signatures = []
    unsigned = []
    next = ""
    nextOwner = ""
  }

  /// The same as `watch` and the web view show it.
  public var summary: CaseSummary {
    CaseSummary(
      id: id, title: title, openedAt: openedAt, elapsedSeconds: elapsedSeconds,
      durationSeconds: durationSeconds,
      steps: steps.map {
        CaseSummary.Step(
          number: $0.number, name: $0.name, state: .init(rawValue: $0.state) ?? .open,
          owner: $0.owners.first ?? "", deadlineSeconds: $0.deadlineSeconds,
          next: $0.done == nil ? $0.instruction : "")
      }, next: next, nextOwner: nextOwner)
  }
}
