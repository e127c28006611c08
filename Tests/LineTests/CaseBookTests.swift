import Containment
import Testing

/// Every state of a case against everything that can happen to it.
@Suite("Case book")
struct CaseBookTests {
  /// Where a case can be.
  enum State: String, CaseIterable {
    case absent, opened, answered, worked, signed, changedAfterSigning, closed
  }

  static let playbook = Playbook(
    durationMinutes: 60,
    signatures: ["quality", "supervisor"], contacts: ["quality", "it"])
  static let scope = CaseScope(batches: [1, 2], stations: ["unit-1", "unit-2"], since: 1000)
  static let opening = CaseOpening(
    alarm: 1, place: "unit-1", title: "a bad pack passed", scope: scope, playbook: playbook,
    clock: CaseClock(monotonic: 5000, wall: 1_000_000, boot: "b1"))

  static func signature(_ role: String, _ login: String, revision: UInt32 = 0)
    -> ContainmentCase.Signature
  {
    ContainmentCase.Signature(
      role: role, login: login, name: login, meaning: "reviewed", at: 0, revision: revision)
  }

  static func book(_ state: State) -> CaseBook {
    var book = CaseBook()
    func apply(_ change: CaseBook.Change) { book.apply(1, change, by: "anna", at: 2_000_000) }
    guard state != .absent else { return book }
    apply(.opened(opening))
    guard state != .opened else { return book }
    apply(.answered(role: "quality", text: "in person"))
    apply(.answered(role: "it", text: "Ben by telephone"))
    guard state != .answered else { return book }
    for step in playbook.steps.indices { apply(.stepDone(step, evidence: "done")) }
    guard state != .worked else { return book }
    for (role, login) in [("quality", "anna"), ("supervisor", "ben")] {
      apply(.signed(signature(role, login, revision: book[1]?.revision ?? 0)))
    }
    if state == .changedAfterSigning { apply(.scanned(.init(batch: 1, row: 7))) }
    if state == .closed { apply(.closed(reason: "found and destroyed")) }
    return book
  }

  static let events: [(name: String, change: CaseBook.Change)] = [
    ("step 1", .stepDone(0, evidence: "stands")),
    ("step alert", .stepDone(1, evidence: "all answered")),
    ("no such step", .stepDone(9, evidence: "?")),
    ("answer", .answered(role: "it", text: "in person")),
    ("answer of nobody", .answered(role: "cook", text: "in person")),
    ("evidence", .evidence(step: 3, title: "system state")),
    ("narrower", .scoped(CaseScope(batches: [1], stations: ["unit-1"], since: 2000), reason: "ok")),
    (
      "wider",
      .scoped(CaseScope(batches: [1, 2, 3], stations: ["unit-1"], since: 1000), reason: "ok")
    ),
    ("earlier", .scoped(CaseScope(batches: [1], stations: ["unit-1"], since: nil), reason: "ok")),
    ("scan", .scanned(.init(batch: 1, row: 3))),
    ("clock", .clock(CaseClock(elapsed: 60_000, monotonic: 65_000, wall: 1, boot: "b1"))),
    ("escalated", .escalated(.half)),
    ("overdue", .overdue(2)),
    ("noted", .noted("again")),
    ("sign", .signed(signature("quality", "anna"))),
    ("sign as nobody", .signed(signature("operator", "anna"))),
    ("sign twice", .signed(signature("supervisor", "anna"))),
    ("close", .closed(reason: "done")),
  ]

  /// What each event meets in each state; nil: it is taken.
  static func expected(_ state: State, _ event: String) -> CaseBook.Refusal? {
    let keys = playbook.steps.map(\.key)
    switch state {
    case .absent: return .noSuchCase
    case .closed: return .isClosed
    default: break
    }
    let isWorked = state == .worked || state == .signed || state == .changedAfterSigning
    switch event {
    case "no such step": return .noSuchStep(known: keys)
    case "step 1": return isWorked ? .stepIsDone : nil
    case "step alert":
      return isWorked ? .stepIsDone : state == .opened ? .notAnswered(["quality", "it"]) : nil
    case "answer": return state == .opened ? nil : .answeredAlready
    case "answer of nobody": return .noSuchContact(known: ["quality", "it"])
    case "wider", "earlier": return .notNarrower
    case "sign as nobody": return .noSuchSignature(known: ["quality", "supervisor"])
    case "sign":
      return isWorked ? state == .signed ? .signedAlready : nil : .stepsOpen(keys)
    case "sign twice":
      return isWorked ? state == .signed ? .signedAlready : nil : .stepsOpen(keys)
    case "close":
      return isWorked
        ? state == .signed ? nil : .notSigned(["quality", "supervisor"]) : .stepsOpen(keys)
    default: return nil
    }
  }

  @Test(
    "every event in every state is taken or refused as the table says, and a refused one changes nothing"
  )
  func table() {
    for state in State.allCases {
      for event in Self.events {
        var book = Self.book(state)
        let before = book
        var refusal: CaseBook.Refusal?
        do throws(CaseBook.Refusal) { try book.check(1, event.change) } catch { refusal = error }
        #expect(refusal == Self.expected(state, event.name), "\(state.rawValue) × \(event.name)")
        book.apply(1, event.change, by: "carl", at: 3_000_000)
        #expect((book == before) == (refusal != nil), "\(state.rawValue) × \(event.name)")
      }
    }
  }

  @Test("where nobody can be told, evidence completes the alert without an answer")
  func noContacts() throws {
    var opening = Self.opening
    opening.playbook.needsAnswers = false
    #expect(CaseOpening(text: opening.text, alarm: 1, title: opening.title) == opening)
    var book = CaseBook()
    book.apply(1, .opened(opening), by: "", at: 0)
    try book.check(1, .stepDone(1, evidence: "M. Weber and IT were phoned"))
  }

  @Test("a person signs for one role only; signing again he signs for another one instead")
  func samePerson() {
    var book = Self.book(.worked)
    let revision = book[1]?.revision ?? 0
    func sign(_ role: String, _ login: String) {
      book.apply(1, .signed(Self.signature(role, login, revision: revision)), by: login, at: 0)
    }
    sign("quality", "anna")
    #expect(book[1]?.unsigned == ["supervisor"])
    // Anna has both roles and Ben only quality: without her other signature the case could never be closed.
    sign("supervisor", "anna")
    #expect(book[1]?.unsigned == ["quality"])
    #expect(throws: CaseBook.Refusal.notSigned(["quality"])) {
      try book.check(1, .closed(reason: "done"))
    }
    sign("quality", "ben")
    #expect(book[1]?.unsigned == [])
  }

  @Test("an opening and a scope come back from their text, whatever stands in them")
  func text() {
    var opening = Self.opening
    #expect(CaseOpening(text: opening.text, alarm: 1, title: "a bad pack passed") == opening)
    opening.scope.since = nil
    opening.playbook.contacts = []
    #expect(CaseOpening(text: opening.text, alarm: 1, title: "a bad pack passed") == opening)
    // A text that would end its field becomes one that does not.
    opening.place = "a\tb\nc"
    #expect(CaseOpening(text: opening.text, alarm: 1, title: "")?.place == "a b c")
    for text in ["", "clock\t1\t2", "duration\t60", "\t\t\n\n", "step\tx"] {
      #expect(CaseOpening(text: text, alarm: 1, title: "") == nil, "\(text)")
    }
  }

  @Test(
    "the clock goes on over a restart by the monotonic clock, over a boot by the wall clock, and never back"
  )
  func clock() {
    let clock = CaseClock(elapsed: 60_000, monotonic: 100_000, wall: 5_000_000, boot: "b1")
    #expect(clock.elapsed(at: 130_000) == 90_000)
    // The wall clock may be set as it likes while the machine is up.
    #expect(clock.resumed(monotonic: 130_000, wall: 0, boot: "b1").elapsed == 90_000)
    #expect(clock.resumed(monotonic: 2_000, wall: 5_120_000, boot: "b2").elapsed == 180_000)
    #expect(clock.resumed(monotonic: 2_000, wall: 4_000_000, boot: "b2").elapsed == 60_000)
    #expect(CaseClock(text: clock.text) == clock)
    #expect(CaseClock(text: "1\t2\t3") == nil && CaseClock(text: "1\t2\tx\tb") == nil)
  }

  @Test("closed cases are kept up to a limit, open ones all")
  func limit() {
    var book = CaseBook()
    let quick = Playbook(
      steps: [Playbook.fiveSteps[0]], signatures: [], contacts: [])
    for number in UInt32(1)...250 {
      var opening = Self.opening
      opening.playbook = quick
      book.apply(number, .opened(opening), by: "", at: 0)
      if number > 10 {
        book.apply(number, .stepDone(0, evidence: "x"), by: "", at: 0)
        book.apply(number, .closed(reason: "x"), by: "anna", at: 0)
      }
    }
    #expect(book.open.count == 10)
    #expect(book.cases.count == 10 + CaseBook.closedMax)
    #expect(book.last == 250)
    #expect(book.cases.last?.number == 250)
  }
}
