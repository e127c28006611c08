import Alarms
import Containment
import Testing

@testable import Line

/// What a case knows of the messages to its contacts: by this a restart tells nobody twice.
@Suite("Messages to contacts in a case")
struct TellingTests {
  private func line() -> Rig {
    var rig = Rig(containment: .init(playbook: Playbook(signatures: [])))
    rig.step(.scannerOnline(0))
    rig.link(newEpoch: true)
    rig.openBatch(serials: 10)
    rig.command(.batchStart(id: nil))
    open(&rig)
    return rig
  }

  private func open(_ rig: inout Rig) {
    rig.command(
      .containment(
        .open(reason: "wrong leaflet", batch: nil, holdsRelease: false),
        roles: ContainmentTests.everyone))
  }

  private func told(
    _ rig: inout Rig, _ number: UInt32 = 1, of: ContainmentCase.Escalation = .none,
    attempt: Int, failure: String?, isLast: Bool = false
  ) {
    rig.step(
      .containment(
        .told(
          number: number, contact: "anna", way: "mail", of: of, attempt: attempt,
          failure: failure, isLast: isLast)))
  }

  private func key(_ of: ContainmentCase.Escalation = .none) -> String {
    ContainmentCase.Telling.key(contact: "anna", way: "mail", of: of)
  }

  @Test("attempts are counted, and what went out once has gone out")
  func counted() {
    var rig = line()
    let revision = rig.line.cases[1]?.revision
    told(&rig, attempt: 1, failure: "busy")
    #expect(rig.line.cases[1]?.tellings[key()] == .init(attempts: 1, isTold: false))
    told(&rig, attempt: 2, failure: nil)
    told(&rig, attempt: 1, failure: "late news")
    #expect(rig.line.cases[1]?.tellings[key()] == .init(attempts: 2, isTold: true))
    told(&rig, of: .half, attempt: 1, failure: "busy")
    #expect(rig.line.cases[1]?.tellings[key(.half)] == .init(attempts: 1, isTold: false))
    #expect(rig.line.cases[1]?.contactsTold == ["anna"])
    // It is no change that a signature speaks of.
    #expect(rig.line.cases[1]?.revision == revision)
  }

  @Test("the records alone give the same")
  func replayed() {
    var rig = line()
    told(&rig, attempt: 1, failure: "busy")
    told(&rig, attempt: 2, failure: nil)
    told(&rig, of: .over, attempt: 12, failure: "busy", isLast: true)
    var core = LineController(settings: rig.line.settings)
    for record in rig.records { core.replay(record, wall: 0) }
    #expect(core.cases[1]?.tellings == rig.line.cases[1]?.tellings)
    #expect(core.cases[1]?.tellings.count == 2)
  }

  @Test("a contact that was given up is an alarm until no case waits for it")
  func alarm() {
    var rig = line()
    open(&rig)
    for number in 1...2 as ClosedRange<UInt32> {
      told(&rig, number, attempt: 12, failure: "busy", isLast: true)
    }
    #expect(rig.alarm(.contactNotReached)?.causeStands == true)
    for number in 1...2 {
      rig.plc {
        $0.permitObeyed = false
        $0.inputs = []
      }
      for contact in Playbook.threeContacts {
        rig.command(
          .containment(
            .answer(id: "C\(number)", contact: contact, phoned: "Ben", comment: ""),
            roles: ContainmentTests.everyone))
      }
      for step in ["isolate", "check", "gather"] {
        rig.command(
          .containment(
            .complete(id: "C\(number)", step: step, evidence: "done"),
            roles: ContainmentTests.everyone))
      }
      rig.command(
        .containment(
          .close(id: "C\(number)", reason: "over"), roles: ContainmentTests.everyone))
      #expect(rig.line.cases[UInt32(number)]?.isOpen == false, "\(rig.replies.suffix(3))")
      #expect((rig.alarm(.contactNotReached)?.causeStands ?? false) == (number == 1))
    }
  }

  @Test("what is told of a case that is closed, or never was, changes nothing")
  func unknown() {
    var rig = line()
    let count = rig.records.count
    told(&rig, 9, attempt: 1, failure: nil)
    rig.step(.containment(.noted(number: 9, text: "x")))
    #expect(rig.records.count == count)
    rig.step(.containment(.noted(number: 1, text: "nobody was alerted")))
    #expect(rig.line.cases[1]?.notes.last == "nobody was alerted")
  }

  @Test("names beyond the bound are in the records and not in the case")
  func bounded() {
    var book = CaseBook()
    book.apply(
      1,
      .opened(
        CaseOpening(
          title: "t", scope: CaseScope(), playbook: Playbook(),
          clock: CaseClock(monotonic: 0, wall: 0, boot: ""))), by: "", at: 0)
    for number in 0..<5000 {
      book.apply(1, .told(key: "c\(number)\tmail\topen", attempt: 1, failed: false), by: "", at: 0)
    }
    #expect(book[1]?.tellings.count == 4096)
  }
}
