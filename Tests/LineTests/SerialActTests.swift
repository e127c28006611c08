import Alarms
import Line
import Testing

/// What people do with single serials (OPEN-SCS PSS states).
@Suite("What people do with single serials")
struct SerialActTests {
  /// All that is allowed; every other pair of act and state is refused.
  static let allowed: [SerialAct: [SerialState: SerialState]] = [
    .sample: [.allocated: .labelSampled, .commissioned: .sampled],
    .scrap: [.allocated: .labelScrapped, .labelSampled: .labelScrapped],
    .destroy: [
      .commissioned: .destroyed, .sampled: .destroyed, .inactive: .destroyed,
      .inDoubt: .destroyed, .labelSampled: .destroyed, .labelScrapped: .destroyed,
    ],
    .decommission: [.commissioned: .inactive, .sampled: .inactive],
    .giveBack: [.allocated: .serialInvalid],
    .found: [.inDoubt: .commissioned],
    .remove: [.inDoubt: .inactive],
  ]

  @Test("every act in every state", arguments: SerialAct.allCases)
  func everyActInEveryState(act: SerialAct) {
    for state in SerialState.allCases {
      let expected =
        act == .hold || act == .unhold
        ? (state == .destroyed ? nil : state) : Self.allowed[act]?[state]
      #expect(act.state(after: state) == expected, "\(act.word) on \(state.word)")
    }
  }

  @Test("an act is recorded with its name and reason, and a refused one changes nothing")
  func recordedAndRefused() throws {
    var rig = Rig.running()
    rig.command(act(.giveBack, Rig.serial(5)))
    let record = try #require(rig.records.last { $0.kind == .serialChanged })
    #expect(record.actor == "tester" && record.detail == "because" && record.row == 5)
    #expect(rig.state(5) == .serialInvalid)
    #expect(rig.unit(Rig.scan(Rig.serial(5))) == .stateForbids)
    rig.command(act(.sample, Rig.serial(5)))
    guard case .refused(let sentence, _) = rig.replies.last else {
      Issue.record("a returned serial was sampled")
      return
    }
    #expect(sentence.contains("sn_invalid"), "it says what the serial is: \(sentence)")
    #expect(rig.state(5) == .serialInvalid)
    #expect(rig.records.last { $0.kind == .commandRefused } != nil)
    rig.command(act(.hold, "NOBODY"))
    guard case .unknown = rig.replies.last else {
      Issue.record("an unknown serial was changed")
      return
    }
  }

  @Test("a serial on hold does not pass; off hold it does")
  func hold() {
    var rig = Rig.running()
    rig.command(act(.hold, Rig.serial(1)))
    #expect(rig.unit(Rig.scan(Rig.serial(1))) == .stateForbids)
    rig.command(act(.hold, Rig.serial(1)))
    guard case .refused = rig.replies.last else {
      Issue.record("held twice")
      return
    }
    rig.command(act(.unhold, Rig.serial(1)))
    #expect(rig.unit(Rig.scan(Rig.serial(1))) == .accept)
  }

  @Test("a hold on a pack between scanner and gate takes its accept back, and its unit keeps it")
  func holdOnTheWay() {
    var rig = Rig.running()
    #expect(rig.unit(Rig.scan(Rig.serial(1))) == .accept)
    let unit = rig.snapshot.lastUnit
    rig.command(act(.hold, Rig.serial(1)))
    #expect(rig.verdict(of: unit) == .stateForbids)
    #expect(rig.state(1) == .encoded)
    rig.outcome(.rejected, unit: unit)
    #expect(rig.state(1) == .inactive)
  }

  @Test("a pack in doubt comes back only by a scan of itself")
  func found() {
    var rig = Rig.running()
    #expect(rig.unit(Rig.scan(Rig.serial(1))) == .accept)
    rig.outcome(.lost, unit: rig.snapshot.lastUnit)
    #expect(rig.state(1) == .inDoubt)
    for wrong in [Rig.scan(Rig.serial(2)), Rig.scan(Rig.serial(1), lot: "LOT2"), [], [0xFF]] {
      rig.command(act(.found, Rig.serial(1), evidence: wrong))
      guard case .refused = rig.replies.last else {
        Issue.record("proved by \(wrong)")
        return
      }
      #expect(rig.state(1) == .inDoubt)
    }
    rig.command(act(.found, Rig.serial(1), evidence: Rig.scan(Rig.serial(1))))
    #expect(rig.state(1) == .commissioned)
    #expect(rig.line.batches[0].counts[.commissioned] == 1)
    #expect(rig.unit(Rig.scan(Rig.serial(1))) == .duplicate)
  }

  @Test(
    "serials of a closed batch live on: each act by the state that the records give, counts as of the close"
  )
  func closedBatch() throws {
    var rig = Rig.running()
    for number in 0..<4 {
      #expect(rig.unit(Rig.scan(Rig.serial(number))) == .accept)
      rig.outcome(number == 3 ? .lost : .passed, unit: rig.snapshot.lastUnit)
    }
    rig.command(.stop(reason: "end of the batch"))
    rig.command(.batchClose(id: nil))
    #expect(rig.line.batches[0].state == .closed, "\(rig.replies)")
    let counts = rig.line.batches[0].counts
    func closed(_ act: SerialAct, _ number: Int, evidence: [UInt8] = [], stale: Bool = false)
      -> Bool
    {
      let row = Int32(number)
      let word = SerialPool.Word.after(rig.records.filter { $0.batch == 1 && $0.row == row })
      let serial = ClosedSerial(
        batch: 1, changes: rig.line.batches[0].changes - (stale ? 1 : 0), row: row,
        serial: Array(Rig.serial(number).utf8), word: word)
      rig.command(.closedSerial(act, serial, evidence: evidence, reason: "recall"))
      if case .done = rig.replies.last { return true }
      return false
    }
    #expect(closed(.sample, 0) && !closed(.sample, 0) && closed(.decommission, 0))
    #expect(closed(.hold, 1) && !closed(.hold, 1) && closed(.unhold, 1) && closed(.destroy, 1))
    #expect(!closed(.hold, 1), "a destroyed serial is on no hold")
    #expect(!closed(.found, 3, evidence: Rig.scan(Rig.serial(2))), "the scan of another pack")
    #expect(closed(.found, 3, evidence: Rig.scan(Rig.serial(3))))
    #expect(!closed(.remove, 3), "it is in doubt no longer")
    #expect(!closed(.destroy, 2, stale: true), "the batch changed since")
    let acts = rig.records.filter { $0.kind == .serialChanged }
    #expect(acts.count == 6)
    #expect(acts.allSatisfy { $0.actor == "tester" && $0.detail == "recall" && $0.batch == 1 })
    #expect(acts.last?.state == .commissioned)
    #expect(rig.line.batches[0].counts == counts)
  }

  @Test("replayed records give the same states and holds")
  func replay() throws {
    var rig = Rig.running()
    rig.command(act(.hold, Rig.serial(1)))
    rig.command(act(.hold, Rig.serial(2)))
    rig.command(act(.unhold, Rig.serial(2)))
    rig.command(act(.scrap, Rig.serial(3)))
    var again = Rig()
    again.openBatch(serials: 100)
    for record in rig.records where record.kind == .serialChanged {
      again.line.replay(record, wall: 0)
    }
    let before = try #require(rig.line.batches[0].pool)
    let after = try #require(again.line.batches[0].pool)
    for row in 0..<Int32(100) { #expect(before.word(at: row) == after.word(at: row)) }
    #expect(
      rig.line.batches[0].counts
        == again.line.batches[0].counts)
  }

  private func act(
    _ act: SerialAct, _ serial: String, evidence: [UInt8] = []
  ) -> LineCommand {
    .serial(act, Array(serial.utf8), gtin: nil, evidence: evidence, reason: "because")
  }
}
