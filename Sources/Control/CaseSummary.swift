/// One containment case that is open, as `watch` and the web view show it.
///
/// Times are as of the status that carries it: whoever shows a running clock counts on from there.
public struct CaseSummary: Sendable, Equatable, Codable {
  /// By this name commands call it.
  public var id: String
  /// What happened, in one line.
  public var title: String
  /// When its clock began, RFC 3339: the moment of detection.
  public var openedAt: String
  /// Seconds on its clock; the clock of the case, which steps of the wall clock do not move.
  public var elapsedSeconds: Int
  /// Seconds that the whole playbook may take.
  public var durationSeconds: Int
  /// Seconds until then; negative once it runs over.
  public var remainingSeconds: Int
  /// Whether it runs over.
  public var overrun: Bool
  /// Its steps, in the order of the playbook.
  public var steps: [Step]
  /// The single next thing to do, in one sentence; empty when nothing is left.
  public var next: String
  /// Who has to do that: a role's name; empty when nothing is left.
  public var nextOwner: String

  /// One step of the playbook.
  public struct Step: Sendable, Equatable, Codable {
    /// Its place in the playbook, from 1.
    public var number: Int
    /// What it is called.
    public var name: String
    /// Where it stands.
    public var state: State
    /// The role that has to do it.
    public var owner: String
    /// Seconds on the case's clock at which it has to be done.
    public var deadlineSeconds: Int
    /// What is to be done next in it; empty when it is done.
    public var next: String

    /// Where a step stands.
    public enum State: String, Sendable, CaseIterable, Codable {
      /// To be done, and its deadline has not come.
      case open
      /// Done.
      case done
      /// To be done, and its deadline is over.
      case overdue
    }

    /// Makes a step.
    public init(
      number: Int, name: String, state: State, owner: String, deadlineSeconds: Int, next: String
    ) {
      self.number = number
      self.name = name
      self.state = state
      self.owner = owner
      self.deadlineSeconds = deadlineSeconds
      self.next = next
    }

    private enum CodingKeys: String, CodingKey {
      case number, name, state, owner, next
      case deadlineSeconds = "deadline_seconds"
    }
  }

  /// Makes a summary; what remains and whether it runs over follow from the two clocks.
  public init(
    id: String, title: String, openedAt: String, elapsedSeconds: Int, durationSeconds: Int,
    steps: [Step], next: String, nextOwner: String
  ) {
    self.id = id
    self.title = title
    self.openedAt = openedAt
    self.elapsedSeconds = elapsedSeconds
    self.durationSeconds = durationSeconds
    remainingSeconds = durationSeconds - elapsedSeconds
    overrun = elapsedSeconds > durationSeconds
    self.steps = steps
    self.next = next
    self.nextOwner = nextOwner
  }

  private enum CodingKeys: String, CodingKey {
    case id, title, steps, next, overrun
    case openedAt = "opened_at"
    case elapsedSeconds = "elapsed_seconds"
    case durationSeconds = "duration_seconds"
    case remainingSeconds = "remaining_seconds"
    case nextOwner = "next_owner"
  }
}
