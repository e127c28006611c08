internal import Alarms
internal import Containment
internal import Control
internal import Line

extension CaseReply {
  /// A case as it stands at `now`.
  init(_ found: ContainmentCase, now: Instant, batches: [Batch]) {
    // A closed one's clock stands where it was last written down.
    let elapsed =
      found.isOpen
      ? found.clock.elapsed(at: now.nanoseconds / 1_000_000) : found.clock.elapsed
    let next = found.next
    self.init(
      id: found.id, state: found.isOpen ? "open" : "closed", title: found.opening.title,
      alarm: AlarmKind(rawValue: found.opening.alarm)?.word,
      openedAt: WallTime.text(milliseconds: found.detectedAt), openedBy: found.openedBy,
      elapsedSeconds: Int(elapsed / 1000), durationSeconds: found.playbook.durationMinutes * 60,
      holdsRelease: found.opening.holdsRelease)
    self.batches = found.scope.batches.map { number in
      batches.first { $0.number == number }?.id ?? "\(number)"
    }
    stations = found.scope.stations
    since = found.scope.since.map(WallTime.text(milliseconds:))
    steps = found.playbook.steps.enumerated().map { index, step in
      let deadline = step.deadlineMinutes * 60
      let isLate = found.overdue.contains(index)
      return Step(
        number: index + 1, key: step.key, name: step.name,
        state: found.done[index] != nil ? "done" : isLate ? "overdue" : "open",
        owners: step.owners, deadlineSeconds: deadline, wasLate: isLate,
        instruction: step.instruction, done: found.done[index].map(Ending.init))
    }
    contacts = found.playbook.contacts.map { role in
      Contact(
        role: role,
        answer: found.answers[role].map {
          Ending(at: WallTime.text(milliseconds: $0.at), by: $0.by, evidence: $0.text)
        })
    }
    scanned = found.scanned.count
    evidence = found.evidence.map {
      Evidence(step: $0.step, title: $0.title, at: WallTime.text(milliseconds: $0.at))
    }
    notes = found.notes
    signatures = found.signatures.map {
      SignedBy(
        name: $0.name, login: $0.login, role: $0.role, meaning: $0.meaning,
        at: WallTime.text(milliseconds: $0.at), stands: $0.revision == found.revision)
    }
    unsigned = found.unsigned
    self.next = next.what
    nextOwner = next.who
    closed = found.closed.map(Ending.init)
  }
}

extension CaseReply.Ending {
  init(_ end: ContainmentCase.StepEnd) {
    self.init(at: WallTime.text(milliseconds: end.at), by: end.by, evidence: end.evidence)
  }
}
