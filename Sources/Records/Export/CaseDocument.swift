internal import Alarms
internal import Containment
internal import Line

/// `case.json`: a case as it stood when the bundle was made.
struct CaseDocument: Encodable {
  struct Step: Encodable {
    var number: Int
    var key: String
    var name: String
    var instruction: String
    var owners: [String]
    var deadlineMinutes: Int
    var state: String
    var overdue: Bool
    var by: String?
    var at: String?
    var evidence: String?

    enum CodingKeys: String, CodingKey {
      case number, key, name, instruction, owners, state, overdue, by, at, evidence
      case deadlineMinutes = "deadline_minutes"
    }
  }

  struct Answer: Encodable {
    var role: String
    var by: String?
    var at: String?
    var text: String?
  }

  struct Told: Encodable {
    var contact: String
    var way: String
    var of: String
    var attempts: Int
    var told: Bool
  }

  struct Signature: Encodable {
    var role: String
    var login: String
    var name: String
    var meaning: String
    var at: String
    var stands: Bool
  }

  struct Evidence: Encodable {
    var file: String
    var step: Int
    var title: String
    var at: String
    var size: Int
  }

  struct Scope: Encodable {
    var batches: [String]
    var stations: [String]
    var since: String?
  }

  struct Units: Encodable {
    var units: Int
    var serials: Int
    var found: Int
    var missing: Int
    var others: Int
    var unlisted: Int
  }

  var id: String
  var line: String
  var title: String
  var alarm: String?
  var place: String
  var openedBy: String
  var detectedAt: String
  var durationMinutes: Int
  var holdsRelease: Bool
  var state: String
  var closedBy: String?
  var closedAt: String?
  var closedBecause: String?
  var scope: Scope
  var steps: [Step]
  var answers: [Answer]
  var told: [Told]
  var signatures: [Signature]
  var unsigned: [String]
  var evidence: [Evidence]
  var notes: [String]
  var units: Units
  var attachments: [String]
  var leftOut: [String]
  var madeBy: String
  var madeAt: String

  enum CodingKeys: String, CodingKey {
    case id, line, title, alarm, place, state, scope, steps, answers, told, signatures, unsigned,
      evidence, notes, units, attachments
    case openedBy = "opened_by"
    case detectedAt = "detected_at"
    case durationMinutes = "duration_minutes"
    case holdsRelease = "holds_release"
    case closedBy = "closed_by"
    case closedAt = "closed_at"
    case closedBecause = "closed_because"
    case leftOut = "left_out"
    case madeBy = "made_by"
    case madeAt = "made_at"
  }

  init(_ work: CaseBundle.Work, madeBy: String, at wall: Int64) {
    let found = work.bundle.found
    id = found.id
    line = work.lineID
    title = found.opening.title
    alarm = AlarmKind(rawValue: found.opening.alarm)?.word
    place = found.opening.place
    openedBy = CaseDocument.who(found.openedBy)
    detectedAt = ExportText.time(found.detectedAt)
    durationMinutes = found.playbook.durationMinutes
    holdsRelease = found.opening.holdsRelease
    state = found.isOpen ? "open" : "closed"
    closedBy = found.closed.map { CaseDocument.who($0.by) }
    closedAt = found.closed.map { ExportText.time($0.at) }
    closedBecause = found.closed?.evidence
    let ids = Dictionary(
      work.bundle.batches.map { ($0.number, $0.id) }, uniquingKeysWith: { first, _ in first })
    scope = Scope(
      batches: found.scope.batches.map { ids[$0] ?? "number \($0)" },
      stations: found.scope.stations, since: found.scope.since.map(ExportText.time))
    steps = found.playbook.steps.enumerated().map { index, step in
      let done = found.done.indices.contains(index) ? found.done[index] : nil
      return Step(
        number: index + 1, key: step.key, name: step.name, instruction: step.instruction,
        owners: step.owners, deadlineMinutes: step.deadlineMinutes,
        state: done == nil ? "open" : "done", overdue: found.overdue.contains(index),
        by: done.map { CaseDocument.who($0.by) }, at: done.map { ExportText.time($0.at) },
        evidence: done?.evidence)
    }
    let roles =
      found.playbook.contacts
      + found.answers.keys.filter { !found.playbook.contacts.contains($0) }.sorted()
    answers = roles.map { role in
      let answer = found.answers[role]
      return Answer(
        role: role, by: answer?.by, at: answer.map { ExportText.time($0.at) }, text: answer?.text)
    }
    told = found.tellings.sorted { $0.key < $1.key }.map { key, telling in
      let words = key.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
      return Told(
        contact: words.first ?? "", way: words.dropFirst().first ?? "",
        of: words.dropFirst(2).first ?? "", attempts: telling.attempts, told: telling.isTold)
    }
    signatures = found.signatures.map {
      Signature(
        role: $0.role, login: $0.login, name: $0.name, meaning: $0.meaning,
        at: ExportText.time($0.at), stands: $0.revision == found.revision)
    }
    unsigned = found.unsigned
    evidence = work.evidence.map {
      Evidence(
        file: $0.file, step: $0.step, title: $0.title, at: ExportText.time($0.at), size: $0.size)
    }
    notes = found.notes
    units = Units(
      units: work.units.units, serials: work.units.serials, found: work.units.found,
      missing: work.units.missing, others: work.units.others, unlisted: work.units.unlisted)
    attachments = work.bundle.attachments.map(\.name)
    leftOut = work.leftOut
    self.madeBy = madeBy
    madeAt = ExportText.time(wall)
  }

  static func who(_ actor: String) -> String { actor.isEmpty ? "Lineward" : actor }
}
