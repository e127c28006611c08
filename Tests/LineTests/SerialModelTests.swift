import Testing

@testable import Line

/// A model check of all that can come between two accesses to one serial's word.
///
/// Stations and a person work on one serial of a real pool. Each step is one access to its word (`SerialPool.Change`) or
/// one record, and every order of all steps is gone through. What an actor decides is decided by the functions that the
/// core uses; only the order in which threads would come is the model's. Accesses are taken to be sequentially consistent:
/// they all go to one atomic.
@Suite("One serial, every order of the steps of those who change it")
struct SerialModelTests {
  @Test(
    "two stations, and a person who holds it: one accepts, nothing is lost",
    arguments: Model.Person.allCases)
  func two(person: Model.Person) {
    var orders = 0.0
    for first in Model.End.allCases {
      for second in Model.End.allCases {
        var model = Model(stations: [first, second], person: person)
        model.explore()
        #expect(model.violations.isEmpty, "\(first), \(second), \(person)")
        orders += model.orders
      }
    }
    #expect(orders > 100, "there are orders to go through")
  }

  @Test(
    "three stations, and a person who holds it: one accepts, nothing is lost",
    arguments: Model.Person.allCases)
  func three(person: Model.Person) {
    var orders = 0.0
    for ends in Model.End.allCases.flatMap({ first in
      Model.End.allCases.flatMap { second in Model.End.allCases.map { [first, second, $0] } }
    }) {
      var model = Model(stations: ends, person: person)
      model.explore()
      #expect(model.violations.isEmpty, "\(ends), \(person)")
      orders += model.orders
    }
    #expect(orders > 100_000, "there are orders to go through")
  }

  @Test("a plain store in place of the compare-and-swap is found: two stations accept")
  func mutantOfStations() {
    var model = Model(stations: [.passed, .passed], person: .absent, comparesBeforeStoring: false)
    model.explore()
    #expect(model.violations["two stations accepted it"] != nil)
  }

  @Test("a plain store in place of the compare-and-swap is found: a hold is lost")
  func mutantOfHold() {
    var model = Model(stations: [.passed], person: .holds, comparesBeforeStoring: false)
    model.explore()
    #expect(model.violations["a hold was lost"] != nil)
  }
}

/// Actors over one serial; `explore` goes through every order of their steps.
struct Model {
  /// What becomes of the unit if its station accepts it.
  enum End: CaseIterable, Hashable {
    case passed, lost, withdrawnAndRejected
  }

  /// What a person does meanwhile.
  enum Person: CaseIterable, Hashable {
    case absent, holds, holdsAndLetsGo

    var acts: [SerialAct] {
      switch self {
      case .absent: []
      case .holds: [.hold]
      case .holdsAndLetsGo: [.hold, .unhold]
      }
    }
  }

  private struct Station: Hashable {
    let number: Int
    let end: End
    var phase = Phase.taking(SerialPool.Change())
    /// Its verdict, and the one that stands after a withdrawal.
    var verdict: Verdict?
    var standing: Verdict?

    enum Phase: Hashable {
      case taking(SerialPool.Change)
      case recording(SerialPool.Change)
      case withdrawing
      case looking
      case ending(SerialState?, SerialPool.Change)
      case over
    }

    var unit: UInt16 { UInt16(number + 1) }
  }

  private struct Human: Hashable {
    var acts: [SerialAct]
    /// The state that the act found allowed, once it has looked.
    var found: SerialState?
    var change = SerialPool.Change()
  }

  /// All that the actors share and are.
  private struct State: Hashable {
    var word = SerialPool.Word(state: .allocated)
    var batch = Counts()
    var held = false
    var stations: [Station]
    var human: Human
  }

  /// A batch of this one serial, for the core's way of counting.
  private struct Counts: Hashable {
    var counts: SerialCounts = [.allocated: 1]

    mutating func count(from old: SerialPool.Word, to new: SerialPool.Word, by record: Record) {
      var batch = Batch(
        number: 1, id: "B1", gtin: "", lot: "", expiry: "", poolCount: 1, serialsHash: [])
      batch.counts = counts
      batch.count(from: old, to: new, by: record)
      counts = batch.counts
    }
  }

  private let pool: SerialPool
  private let comparesBeforeStoring: Bool
  private let start: State
  private var seen: [State: Double] = [:]
  private var order: [Int] = []
  /// How many orders of steps there are.
  private(set) var orders = 0.0
  /// What breaks a law, each with the first order found: whose step came when, by the number of the actor; the person is
  /// the last.
  private(set) var violations: [String: [Int]] = [:]

  init(stations: [End], person: Person, comparesBeforeStoring: Bool = true) {
    pool = SerialPool(capacity: 1)
    _ = pool.add([0x41].span)
    self.comparesBeforeStoring = comparesBeforeStoring
    start = State(
      stations: stations.enumerated().map { Station(number: $0.offset, end: $0.element) },
      human: Human(acts: person.acts))
  }

  mutating func explore() { orders = explore(start) }

  private mutating func explore(_ state: State) -> Double {
    if let known = seen[state] { return known }
    var ways = 0.0
    for actor in 0...state.stations.count {
      var next = state
      put(state.word)
      let moved =
        actor < state.stations.count ? step(station: actor, &next) : stepHuman(&next)
      guard moved else { continue }
      next.word = pool.word(at: 0)
      order.append(actor)
      check(before: state, next)
      ways += explore(next)
      order.removeLast()
    }
    if ways == 0 {
      checkEnd(state)
      ways = 1
    }
    seen[state] = ways
    return ways
  }

  // MARK: Steps

  /// Sets the pool's word to that of the state that is gone on from.
  private func put(_ word: SerialPool.Word) {
    precondition(pool.exchange(at: 0, expected: pool.word(at: 0), new: word))
  }

  /// Carries out one access; true when the change is done.
  private func access(
    _ change: inout SerialPool.Change, _ decide: (SerialPool.Word) -> SerialPool.Word?
  ) -> Bool {
    switch change.next {
    case .load: change.loaded(pool.word(at: 0), decide)
    case .exchange(let expected, let new):
      let compared = comparesBeforeStoring ? expected : pool.word(at: 0)
      change.exchanged(pool.exchange(at: 0, expected: compared, new: new))
    case .done: break
    }
    if case .done = change.next { return true }
    return false
  }

  private func step(station index: Int, _ state: inout State) -> Bool {
    let station = state.stations[index]
    let accept = Record(
      .verdict, station: station.number, unit: station.unit, batch: 1, row: 0,
      code: Verdict.accept.rawValue, state: .encoded)
    switch station.phase {
    case .taking(var change):
      let isDone = access(&change) {
        $0.taken(as: .encoded, station: station.number, unit: station.unit)
      }
      state.stations[index].phase = .taking(change)
      guard isDone, case .done(let old, let new) = change.next else { return true }
      let verdict = new == nil ? old.verdict : .accept
      state.stations[index].verdict = verdict
      state.stations[index].standing = verdict
      state.stations[index].phase = new == nil ? .over : .recording(SerialPool.Change())
    case .recording(var change):
      let isDone = access(&change) { $0.after(accept, state: .encoded, station: station.number) }
      state.stations[index].phase = .recording(change)
      guard isDone, case .done(let old, let new?) = change.next else { return true }
      state.batch.count(from: old, to: new, by: accept)
      state.stations[index].phase = station.end == .withdrawnAndRejected ? .withdrawing : .looking
    case .withdrawing:
      state.stations[index].standing = .trackingInDoubt
      state.stations[index].phase = .looking
    case .looking:
      let isOwn = pool.word(at: 0).isReserved(station: station.number, unit: station.unit)
      let end: SerialState? =
        switch station.end {
        case .passed: station.standing == .accept && isOwn ? .commissioned : .inDoubt
        case .lost: .inDoubt
        case .withdrawnAndRejected: isOwn ? .inactive : nil
        }
      state.stations[index].phase = end == nil ? .over : .ending(end, SerialPool.Change())
    case .ending(let end, var change):
      guard let end else { return false }
      let record = Record(
        .outcome, station: station.number, unit: station.unit, batch: 1, row: 0, state: end)
      let isDone = access(&change) { $0.after(record, state: end, station: station.number) }
      state.stations[index].phase = .ending(end, change)
      guard isDone, case .done(let old, let new?) = change.next else { return true }
      state.batch.count(from: old, to: new, by: record)
      state.stations[index].phase = .over
    case .over: return false
    }
    return true
  }

  private func stepHuman(_ state: inout State) -> Bool {
    guard let act = state.human.acts.first else { return false }
    guard let found = state.human.found else {
      let word = pool.word(at: 0)
      state.human.found = act.state(after: word.state)
      if state.human.found == nil || word.hold == (act == .hold) {
        state.human = Human(acts: Array(state.human.acts.dropFirst()))
      }
      return true
    }
    let record = Record(
      .serialChanged, batch: 1, row: 0, code: act.rawValue, state: found, actor: "tester")
    let isDone = access(&state.human.change) { $0.after(record, state: found, station: -1) }
    guard isDone, case .done(let old, let new?) = state.human.change.next else { return true }
    state.batch.count(from: old, to: new, by: record)
    state.held = act == .hold
    state.human = Human(acts: Array(state.human.acts.dropFirst()))
    return true
  }

  // MARK: Laws

  private mutating func fail(_ what: String) {
    if violations[what] == nil { violations[what] = order }
  }

  private mutating func check(before: State, _ state: State) {
    if state.stations.count(where: { $0.verdict == .accept }) > 1 {
      fail("two stations accepted it")
    }
    if state.held != state.word.hold { fail("a hold was lost") }
    for (old, new) in zip(before.stations, state.stations)
    where old.verdict == nil && new.verdict == .accept && before.held {
      fail("it was accepted while on hold")
    }
    if state.batch.counts.present.map(\.count).reduce(0, +) != 1 {
      fail("it is counted twice, or not at all")
    }
  }

  private mutating func checkEnd(_ state: State) {
    let winner = state.stations.first { $0.verdict == .accept }
    if state.batch.counts != [state.word.state: 1] { fail("it is counted in another state") }
    if winner == nil, !state.stations.allSatisfy({ $0.verdict == .stateForbids }) {
      fail("nobody accepted it, and no hold was why")
    }
    let end: SerialState =
      switch winner?.end {
      case .passed: .commissioned
      case .lost: .inDoubt
      case .withdrawnAndRejected: .inactive
      case nil: .allocated
      }
    if state.word.state != end { fail("it is \(state.word.state) and not \(end)") }
    if let winner, state.word.unit != winner.unit { fail("it lost its unit") }
    for station in state.stations {
      guard let verdict = station.verdict else { return fail("a station gave no verdict") }
      if ![.accept, .duplicate, .stateForbids].contains(verdict) {
        fail("a station gave \(verdict)")
      }
    }
  }
}
