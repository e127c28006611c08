/// What a plant does when packs may have gone wrong: steps, each with who does it, until when, and what is to be done.
///
/// A case takes its playbook with it when it is opened, so that a configuration loaded anew changes no running case.
public struct Playbook: Sendable, Hashable, Codable {
  /// Minutes from the detection on in which all steps are to be done.
  public var durationMinutes: Int
  /// The steps, in the order in which they are shown; the five of `Meaning` among them, each once.
  public var steps: [Step]
  /// Roles of which each has to sign before a case is closed.
  public var signatures: [String]
  /// Contacts of which each has to answer, by role.
  public var contacts: [String]
  /// Whether the step `alert` waits for all of these; where nobody is configured who could be told, evidence that people were
  /// reached by other means completes it.
  public var needsAnswers: Bool

  /// One step.
  public struct Step: Sendable, Hashable, Codable {
    /// The word by which commands call it.
    public var key: String
    /// What people read.
    public var name: String
    /// Roles that may complete it; the first is the one that has to see to it.
    public var owners: [String]
    /// Minutes from the detection on in which it is to be done.
    public var deadlineMinutes: Int
    /// What to do, in a sentence or two.
    public var instruction: String

    /// Makes a step.
    public init(
      key: String, name: String, owners: [String], deadlineMinutes: Int, instruction: String
    ) {
      self.key = key
      self.name = name
      self.owners = owners
      self.deadlineMinutes = deadlineMinutes
      self.instruction = instruction
    }

    /// What it is among the five; nil: a step of the plant's own.
    public var meaning: Meaning? { Meaning(rawValue: key) }
  }

  /// The five steps that every playbook has.
  public enum Meaning: String, Sendable, CaseIterable {
    /// The line stands, shown by the PLC or by a person.
    case stop
    /// People of each role were told and have answered.
    case alert
    /// What may be bad is on hold and was counted.
    case isolate
    /// Devices, disk, clock and records were looked at.
    case check
    /// All that shows what happened lies in one bundle.
    case gather
  }

  /// Steps of a playbook at most.
  public static let stepsMax = 20

  /// Makes a playbook.
  public init(
    durationMinutes: Int = 60, steps: [Step] = Playbook.fiveSteps,
    signatures: [String] = [],
    contacts: [String] = Playbook.threeContacts, needsAnswers: Bool = true
  ) {
    self.needsAnswers = needsAnswers
    self.durationMinutes = durationMinutes
    self.steps = steps
    self.signatures = signatures
    self.contacts = contacts
  }

  /// The contacts that are always there, whoever is behind them.
  public static let threeContacts = ["manufacturing", "quality", "it"]

  /// The steps of a plant that has said nothing else.
  public static let fiveSteps = [
    Step(
      key: "stop", name: "Stop production", owners: ["operator", "supervisor"], deadlineMinutes: 1,
      instruction: """
        Lineward does this itself. Where the link to a PLC is dead, see that the machine stands, and say so.
        """),
    Step(
      key: "alert", name: "Alert personnel", owners: ["operator", "supervisor"],
      deadlineMinutes: 10,
      instruction:
        "Reach a person of each role; who has heard it answers with lineward containment answer."),
    Step(
      key: "isolate", name: "Isolate affected batches",
      owners: ["supervisor", "operator", "quality"], deadlineMinutes: 30,
      instruction: """
        Take the packs listed off the line and lock them away; scan them in, or count them and give the count.
        """),
    Step(
      key: "check", name: "Check system status", owners: ["maintenance", "supervisor"],
      deadlineMinutes: 45,
      instruction:
        "Look through what Lineward found of devices, disk, records and clock; say what was wrong."),
    Step(
      key: "gather", name: "Gather documentation", owners: ["quality", "supervisor"],
      deadlineMinutes: 60,
      instruction:
        "Take the evidence bundle with lineward containment bundle, and look whether it is whole."),
  ]

  /// Where the step of this key or number from 1 stands, counted from 0; nil: there is none.
  public func index(of key: String) -> Int? {
    if let index = steps.firstIndex(where: { $0.key == key }) { return index }
    guard let number = Int(key), number > 0, number <= steps.count else { return nil }
    return number - 1
  }

  /// What is wrong with it, each a sentence; empty: nothing.
  public var problems: [String] {
    var found: [String] = []
    for meaning in Meaning.allCases where steps.count(where: { $0.key == meaning.rawValue }) != 1 {
      found.append("the step \"\(meaning.rawValue)\" has to be there once")
    }
    if steps.count > Playbook.stepsMax {
      found.append("there are \(steps.count) steps; \(Playbook.stepsMax) are the most")
    }
    if Set(steps.map(\.key)).count < steps.count { found.append("two steps have the same key") }
    for step in steps where step.owners.isEmpty {
      found.append("step \"\(step.key)\" has no owner, so nobody could complete it")
    }
    for step in steps where step.deadlineMinutes > durationMinutes {
      found.append(
        "step \"\(step.key)\" has until minute \(step.deadlineMinutes), and the case has "
          + "\(durationMinutes)")
    }
    return found
  }
}
