import Simulation
import Testing

@Suite struct ReckoningTests {
  /// Three units: accepted and passed, wrong lot and rejected, good and taken by hand.
  private func truth() -> Truth {
    var truth = Truth()
    let packs = [
      Pack(fault: .none, serial: "A", message: []),
      Pack(fault: .wrongLot, serial: "B", message: []),
      Pack(fault: .takenByHand, serial: "C", message: []),
    ]
    let verdicts: [UInt16] = [1, 6, 1]
    let outcomes: [Outcome] = [.passed, .rejected, .takenByHand]
    for (index, pack) in packs.enumerated() {
      let number = UInt16(index + 1)
      _ = truth.read(pack, number: number, epoch: 7, now: 0)
      truth.plc(
        .verdictTaken(sequence: number, unit: number, verdict: verdicts[index], held: true), now: 1)
      if outcomes[index] == .takenByHand {
        truth.end(index, .takenByHand, now: 2)
      } else {
        truth.gate(index, outcomes[index] == .passed ? .pass : .reject, now: 2)
      }
      truth.plc(
        .outcomeWritten(sequence: number, unit: number, outcome: outcomes[index].rawValue), now: 3)
    }
    truth.plc(.outcomeRecorded(3), now: 4)
    return truth
  }

  private func status(
    units: Int = 3, accepted: Int = 2, passed: Int = 1, rejected: String = #"{"6":1}"#
  ) -> JSONValue {
    JSONValue(
      """
      {"batch":{"commissioned":\(passed)},"stations":[{"units":\(units),"accepted":\(accepted),
       "passed":\(passed),"rejected_by":\(rejected)}]}
      """.utf8) ?? .null
  }

  private let right: [String: Reckoning.SerialState] = [
    "A": .state("commissioned"), "B": .state("allocated"), "C": .state("inactive"),
    "Z": .state("allocated"),
  ]

  @Test func agreesWhenAllIsAsItWas() {
    let reckoning = Reckoning(truth: truth(), status: status(), serials: right, kills: 0)
    #expect(reckoning.differences == [])
    #expect(reckoning.serialsCompared == 4)
    #expect(!reckoning.rows.contains { !$0.agrees })
  }

  @Test(arguments: [
    (4, 2, 1, #"{"6":1}"#), (2, 2, 1, #"{"6":1}"#), (3, 3, 1, #"{"6":1}"#), (3, 1, 1, #"{"6":1}"#),
    (3, 2, 0, #"{"6":1}"#), (3, 2, 2, #"{"6":1}"#), (3, 2, 1, #"{"6":2}"#), (3, 2, 1, #"{"7":1}"#),
    (3, 2, 1, "{}"),
  ])
  func eachCountMatters(_ units: Int, _ accepted: Int, _ passed: Int, _ rejected: String) {
    let reckoning = Reckoning(
      truth: truth(),
      status: status(units: units, accepted: accepted, passed: passed, rejected: rejected),
      serials: right, kills: 0)
    #expect(!reckoning.differences.isEmpty)
    #expect(reckoning.rows.contains { !$0.agrees })
  }

  @Test func noStatusIsADifference() {
    let reckoning = Reckoning(truth: truth(), status: .null, serials: [:], kills: 0)
    #expect(reckoning.differences.count >= 3)
  }

  @Test func aKillMayCostTheRecordOfAReject() {
    let lost = status(rejected: #"{"15":1}"#)
    #expect(
      Reckoning(truth: truth(), status: lost, serials: right, kills: 1).differences == [])
    #expect(
      !Reckoning(truth: truth(), status: lost, serials: right, kills: 0).differences.isEmpty)
  }

  @Test(
    arguments: [
      ("A", .state("in_doubt")), ("A", .state("allocated")), ("A", .unknown),
      ("A", .noAnswer("exit code 69")), ("B", .state("commissioned")), ("B", .state("encoded")),
      ("C", .state("commissioned")), ("C", .state("allocated")), ("Z", .unknown),
      ("Z", .state("encoded")),
    ] as [(String, Reckoning.SerialState)])
  func eachSerialMatters(_ serial: String, _ state: Reckoning.SerialState) {
    var said = right
    said[serial] = state
    let reckoning = Reckoning(truth: truth(), status: status(), serials: said, kills: 0)
    #expect(reckoning.differences.count == 1)
    #expect(reckoning.differences.first?.hasPrefix("serial \(serial):") == true)
  }

  /// Found by seeds 803866241 and 3214254547: a stop at another station withdraws with 12 what this PLC, without power,
  /// never hears of.
  @Test(arguments: [(12, true), (15, true), (16, true), (6, false), (2, false)])
  func anAcceptThatAPLCForgotMayBeWithdrawnByWhateverWithdraws(_ verdict: Int, _ agrees: Bool) {
    var truth = Truth()
    _ = truth.read(
      Pack(fault: .none, serial: "A", message: []), number: 1, epoch: 7, now: 0)
    truth.plc(.verdictTaken(sequence: 1, unit: 1, verdict: 1, held: true), now: 1)
    truth.plcStarted()
    truth.gate(0, .reject, now: 2)
    let reckoning = Reckoning(
      truth: truth,
      status: status(units: 1, accepted: 0, passed: 0, rejected: "{\"\(verdict)\":1}"),
      serials: ["A": .state("in_doubt")], kills: 0)
    #expect(reckoning.differences.isEmpty == agrees, "\(reckoning.differences)")
  }

  @Test func whatPassedWhileTelegramsWereLostMayBeInDoubt() {
    func account(cutOff: Bool) -> [String] {
      var truth = Truth()
      let index = truth.read(
        Pack(fault: .none, serial: "A", message: []), number: 1, epoch: 7, now: 0)
      truth.plc(.verdictTaken(sequence: 1, unit: 1, verdict: 1, held: true), now: 1)
      if cutOff {
        truth.linkDisturbed(true)
        truth.linkDisturbed(false)
      }
      truth.gate(index, .pass, now: 2)
      truth.plc(.outcomeWritten(sequence: 1, unit: 1, outcome: 1), now: 3)
      truth.plc(.outcomeRecorded(1), now: 4)
      let said = status(units: 1, accepted: 0, passed: 0, rejected: #"{"15":1}"#)
      return Reckoning(
        truth: truth, status: said, serials: ["A": .state("in_doubt")], kills: 0
      ).differences
    }
    #expect(account(cutOff: true) == [])
    #expect(account(cutOff: false).count >= 4)
  }

  @Test(arguments: [(1, true), (2, true), (3, false)])
  func aFewFalseNoReadsAreTheMachinesAndMoreAreNot(_ falseOnes: Int, _ agrees: Bool) {
    var truth = Truth()
    for number in 1...100 as ClosedRange<UInt16> {
      let index = truth.read(
        Pack(fault: .none, serial: "S\(number)", message: []), number: number, epoch: 7, now: 0)
      let verdict: UInt16 = Int(number) <= falseOnes ? 2 : 1
      truth.plc(
        .verdictTaken(sequence: number, unit: number, verdict: verdict, held: true), now: 1)
      truth.gate(index, verdict == 1 ? .pass : .reject, now: 2)
      truth.plc(
        .outcomeWritten(sequence: number, unit: number, outcome: verdict == 1 ? 1 : 2), now: 3)
      truth.plc(.outcomeRecorded(number), now: 4)
    }
    #expect(truth.violationCount == 0)
    #expect(truth.units.count { $0.isFalseNoRead } == falseOnes)
    let passed = 100 - falseOnes
    let said = status(
      units: 100, accepted: passed, passed: passed, rejected: #"{"2":\#(falseOnes)}"#)
    let differences = Reckoning(truth: truth, status: said, serials: [:], kills: 0).differences
    #expect(differences.isEmpty == agrees, "\(differences)")
  }

  // MARK: Laws

  @Test func passingWithoutAnAcceptBreaksTheLaw() {
    for verdicts in [[], [6], [1, 15]] as [[UInt16]] {
      var truth = Truth()
      let index = truth.read(
        Pack(fault: .none, serial: "A", message: []), number: 1, epoch: 7, now: 0)
      for verdict in verdicts {
        truth.plc(.verdictTaken(sequence: 1, unit: 1, verdict: verdict, held: true), now: 1)
      }
      truth.gate(index, .pass, now: 2)
      #expect(truth.violations.contains { $0.sentence.contains("without a standing accept") })
    }
  }

  @Test func aForgottenAcceptDoesNotStand() {
    var truth = Truth()
    let index = truth.read(
      Pack(fault: .none, serial: "A", message: []), number: 1, epoch: 7, now: 0)
    truth.plc(.verdictTaken(sequence: 1, unit: 1, verdict: 1, held: true), now: 1)
    truth.plc(.acceptsForgotten, now: 2)
    truth.gate(index, .pass, now: 3)
    #expect(truth.violationCount == 1)
  }

  @Test func oneUnitOneEnd() {
    var truth = truth()
    #expect(truth.violationCount == 0)
    truth.end(1, .rejected, now: 9)
    truth.plc(.outcomeWritten(sequence: 4, unit: 2, outcome: 2), now: 9)
    let sentences = truth.violations.map(\.sentence)
    #expect(sentences.contains { $0.contains("ended twice") })
    #expect(sentences.contains { $0.contains("reported twice") })
    #expect(sentences.contains { $0.contains("out of order") })
  }

  @Test(arguments: [0, 17, 99] as [UInt16])
  func aVerdictThatIsNoneIsNoted(_ verdict: UInt16) {
    var truth = Truth()
    _ = truth.read(Pack(fault: .none, serial: "A", message: []), number: 1, epoch: 7, now: 0)
    truth.plc(.verdictTaken(sequence: 1, unit: 1, verdict: verdict, held: true), now: 1)
    #expect(truth.violationCount == 1)
  }

  @Test func aReadThatNeverCameMustNotBeAccepted() {
    var truth = Truth()
    let index = truth.read(
      Pack(fault: .none, serial: "A", message: []), number: 1, epoch: 7, now: 0)
    truth.messageCut(index)
    truth.plc(.verdictTaken(sequence: 1, unit: 1, verdict: 1, held: true), now: 1)
    #expect(truth.violationCount == 1)
    truth.gate(index, .pass, now: 2)
    #expect(truth.violationCount == 2)
  }
}
