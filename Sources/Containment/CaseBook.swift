/// All cases of the line: the open ones, and the closed ones of late.
///
/// Pure, and without a clock of its own: whoever owns it writes the records and says what time it is.
public struct CaseBook: Sendable, Hashable, Codable {
  /// The cases, in the order of their opening.
  public private(set) var cases: [ContainmentCase] = []
  /// The number of the last case.
  public private(set) var last: UInt32 = 0

  /// Open cases at a time beyond which people open no more.
  public static let openMax = 16
  /// Open cases at a time; what would open one more is noted in the newest that an alarm has opened.
  ///
  /// Above `openMax`, so that cases of people never stand in the way of one that has to hold the line.
  public static let openByAlarmMax = 32
  /// Closed cases that are listed; older ones are in the records.
  public static let closedMax = 100

  /// Makes a book without cases.
  public init() {}

  /// The open cases, in the order of their opening.
  public var open: [ContainmentCase] { cases.filter(\.isOpen) }

  /// Whether a case is open; asked for every event.
  public private(set) var hasOpen = false

  /// The case of an id, such as `C3`; a small letter will do.
  public func find(_ id: String) -> ContainmentCase? {
    guard id.first == "C" || id.first == "c", let number = UInt32(id.dropFirst()) else {
      return nil
    }
    return self[number]
  }

  /// The case of a number.
  public subscript(number: UInt32) -> ContainmentCase? { cases.last { $0.number == number } }

  /// Something that happened to a case.
  public enum Change: Sendable, Hashable {
    /// It was opened.
    case opened(CaseOpening)
    /// A step was done, from 0.
    case stepDone(Int, evidence: String)
    /// A contact has answered.
    case answered(role: String, text: String)
    /// Something was put on record for a step, from 0.
    case evidence(step: Int, title: String)
    /// What is on hold was narrowed.
    case scoped(CaseScope, reason: String)
    /// A pack was scanned in.
    case scanned(ContainmentCase.ScannedPack)
    /// The time was written down.
    case clock(CaseClock)
    /// The time has come so far.
    case escalated(ContainmentCase.Escalation)
    /// A step, from 0, is overdue.
    case overdue(Int)
    /// Something that belongs to it happened.
    case noted(String)
    /// A contact was told, or an attempt failed; `key` names the message.
    case told(key: String, attempt: Int, failed: Bool)
    /// A role has signed.
    case signed(ContainmentCase.Signature)
    /// It was closed.
    case closed(reason: String)
  }

  /// Why something cannot be done to a case.
  public enum Refusal: Error, Sendable, Hashable {
    /// There is no such case.
    case noSuchCase
    /// It is closed already.
    case isClosed
    /// It has no such step.
    case noSuchStep(known: [String])
    /// The step is done already.
    case stepIsDone
    /// Contacts have not answered.
    case notAnswered([String])
    /// There is no such contact.
    case noSuchContact(known: [String])
    /// It was answered already.
    case answeredAlready
    /// The pack was scanned in already.
    case scannedAlready
    /// The scope is wider than the one that stands.
    case notNarrower
    /// Steps are open.
    case stepsOpen([String])
    /// These roles have not signed what stands now.
    case notSigned([String])
    /// The case asks for no signature of this role.
    case noSuchSignature(known: [String])
    /// The role has signed already, and nothing changed since.
    case signedAlready

    /// A sentence for the person who tried.
    public var sentence: String {
      switch self {
      case .noSuchCase: "there is no such case"
      case .isClosed: "the case is closed"
      case .noSuchStep(let known): "it has no such step; there are \(known.joined(separator: ", "))"
      case .stepIsDone: "the step is done already"
      case .notAnswered(let roles):
        "no answer yet of \(roles.joined(separator: ", ")); who was reached answers with lineward containment answer"
      case .noSuchContact(let known):
        "it waits for no such contact; there are \(known.joined(separator: ", "))"
      case .answeredAlready: "that contact has answered already"
      case .scannedAlready: "this pack was scanned in already"
      case .notNarrower:
        "that is not narrower than what is on hold now; a scope only becomes narrower"
      case .stepsOpen(let steps): "steps are open: \(steps.joined(separator: ", "))"
      case .notSigned(let roles):
        "not signed as it stands now by \(roles.joined(separator: ", ")) (lineward containment sign)"
      case .noSuchSignature(let known):
        known.isEmpty
          ? "the case asks for no signature"
          : "the case asks for no signature of yours; it asks for \(known.joined(separator: ", "))"
      case .signedAlready: "it is signed for this role, and nothing has changed since"
      }
    }
  }

  /// Says whether a change may be made, without making it.
  ///
  /// - Throws: Why not.
  public func check(_ number: UInt32, _ change: Change) throws(Refusal) {
    if case .opened = change { return }
    guard let found = self[number] else { throw .noSuchCase }
    guard found.isOpen else { throw .isClosed }
    switch change {
    case .opened, .clock, .escalated, .noted, .told: break
    case .stepDone(let step, _):
      try check(step: step, of: found)
      guard found.done[step] == nil else { throw .stepIsDone }
      if found.playbook.steps[step].meaning == .alert, found.playbook.needsAnswers,
        !found.unanswered.isEmpty
      {
        throw .notAnswered(found.unanswered)
      }
    case .evidence(let step, _), .overdue(let step): try check(step: step, of: found)
    case .answered(let role, _):
      guard found.playbook.contacts.contains(role) else {
        throw .noSuchContact(known: found.playbook.contacts)
      }
      guard found.answers[role] == nil else { throw .answeredAlready }
    case .scanned(let pack):
      guard !found.scanned.contains(pack) else { throw .scannedAlready }
    case .scoped(let scope, _):
      let isNarrower =
        Set(scope.batches).isSubset(of: found.scope.batches)
        && Set(scope.stations).isSubset(of: found.scope.stations)
        && (found.scope.since.map { (scope.since ?? Int64.min) >= $0 } ?? true)
      guard isNarrower, scope != found.scope else { throw .notNarrower }
    case .signed(let signature):
      guard found.playbook.signatures.contains(signature.role) else {
        throw .noSuchSignature(known: found.playbook.signatures)
      }
      guard found.isWorked else { throw .stepsOpen(found.openSteps) }
      guard found.unsigned.contains(signature.role) else { throw .signedAlready }
    case .closed:
      guard found.isWorked else { throw .stepsOpen(found.openSteps) }
      guard found.unsigned.isEmpty else { throw .notSigned(found.unsigned) }
    }
  }

  private func check(step: Int, of found: ContainmentCase) throws(Refusal) {
    guard found.done.indices.contains(step) else {
      throw .noSuchStep(known: found.playbook.steps.map(\.key))
    }
  }

  /// Makes a change that is on record; without effect where `check` refuses it.
  public mutating func apply(_ number: UInt32, _ change: Change, by actor: String, at wall: Int64) {
    if case .opened(let opening) = change {
      guard self[number] == nil else { return }
      last = max(last, number)
      cases.append(
        ContainmentCase(
          number: number, opening: opening, openedBy: actor, detectedAt: wall,
          clock: opening.clock, done: opening.playbook.steps.map { _ in nil },
          scope: opening.scope))
      hasOpen = true
      return
    }
    do throws(Refusal) { try check(number, change) } catch { return }
    guard let index = cases.lastIndex(where: { $0.number == number }) else { return }
    switch change {
    case .opened: break
    case .stepDone(let step, let evidence):
      cases[index].done[step] = ContainmentCase.StepEnd(by: actor, at: wall, evidence: evidence)
      cases[index].revision += 1
    case .answered(let role, let text):
      cases[index].answers[role] = ContainmentCase.Answer(by: actor, at: wall, text: text)
      cases[index].revision += 1
    case .evidence(let step, let title):
      cases[index].evidence.append(
        ContainmentCase.Evidence(step: step + 1, title: title, at: wall))
      if cases[index].evidence.count > ContainmentCase.notesMax {
        cases[index].evidence.removeFirst()
      }
      cases[index].revision += 1
    case .scoped(let scope, _):
      cases[index].scope = scope
      cases[index].revision += 1
    case .scanned(let pack):
      cases[index].scanned.insert(pack)
      cases[index].revision += 1
    case .clock(let clock): cases[index].clock = clock
    case .escalated(let escalation):
      cases[index].escalation = max(cases[index].escalation, escalation)
    case .overdue(let step): cases[index].overdue.insert(step)
    case .noted(let text):
      cases[index].notes.append(text)
      if cases[index].notes.count > ContainmentCase.notesMax { cases[index].notes.removeFirst() }
    case .told(let key, let attempt, let failed):
      let known = cases[index].tellings[key]
      guard known != nil || cases[index].tellings.count < ContainmentCase.tellingsMax else {
        return
      }
      cases[index].tellings[key] = ContainmentCase.Telling(
        attempts: max(attempt, known?.attempts ?? 0), isTold: !failed || known?.isTold == true)
    case .signed(let signature):
      // Each signature needs a person of its own. Who has several roles may have signed for the one that another person
      // could give: signing again moves him to a role that is missing, so that the case can be closed.
      cases[index].signatures.removeAll {
        $0.login == signature.login && $0.revision == signature.revision
      }
      cases[index].signatures.append(signature)
    case .closed(let reason):
      cases[index].closed = ContainmentCase.StepEnd(by: actor, at: wall, evidence: reason)
      hasOpen = cases.contains(where: \.isOpen)
      let surplus = cases.count(where: { !$0.isOpen }) - CaseBook.closedMax
      if surplus > 0, let oldest = cases.firstIndex(where: { !$0.isOpen }) {
        cases.remove(at: oldest)
      }
    }
  }

  /// The open cases that hold a batch.
  public func holding(batch: UInt32) -> [ContainmentCase] {
    guard hasOpen else { return [] }
    return cases.filter { $0.isOpen && $0.scope.batches.contains(batch) }
  }
}

extension ContainmentCase {
  /// The keys of its open steps.
  public var openSteps: [String] {
    zip(playbook.steps, done).filter { $0.1 == nil }.map(\.0.key)
  }
}
