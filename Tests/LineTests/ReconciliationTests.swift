import Alarms
import Line
import Testing

/// The two balances of a batch, made from its records.
@Suite("Reconciliation")
struct ReconciliationTests {
  private func reconcile(_ rig: Rig, pool: SerialPool? = nil) -> Reconciliation {
    var reconciler = Reconciler(
      batch: 1, poolCount: rig.line.batches[0].poolCount)
    reconciler.take(settings: rig.line.settings)
    for record in rig.records { reconciler.take(record) }
    return reconciler.finished(pool: pool ?? rig.line.batches[0].pool)
  }

  /// One unit of each end: passed, rejected, taken by hand, lost, reject not seen, bad pack passed.
  private func dayOfAllEnds() -> Rig {
    var rig = Rig.running(serials: 20)
    func release() {
      rig.plc { $0.permitObeyed = false }
      for alarm in rig.line.status.alarms where alarm.state.isUnacknowledged {
        rig.command(.acknowledge(id: alarm.id, occurrence: alarm.occurrence, comment: ""))
      }
      rig.release()
    }
    func accepted(_ number: Int, _ outcome: Outcome) {
      #expect(rig.unit(Rig.scan(Rig.serial(number))) == .accept)
      rig.outcome(outcome, unit: rig.snapshot.lastUnit)
      if !rig.permit { release() }
    }
    accepted(0, .passed)
    accepted(1, .rejected)
    accepted(2, .takenByHand)
    accepted(3, .lost)
    accepted(4, .rejectNotSeen)
    accepted(5, .noVerdictInTime)
    for outcome in [Outcome.rejected, .passed, .rejectNotSeen] {
      _ = rig.unit(Rig.scan("X1"))
      rig.outcome(outcome, unit: rig.snapshot.lastUnit)
      if !rig.permit { release() }
    }
    return rig
  }

  @Test("each end of a unit is counted once, and both balances hold")
  func allEnds() {
    let result = reconcile(dayOfAllEnds())
    #expect(result.units == 9 && result.passed == 1 && result.rejected == 3)
    #expect(result.takenByHand == 1 && result.lost == 1 && result.inDoubt == 3)
    #expect(result.open == 0)
    #expect(
      result.serials.filter { $0.value > 0 } == [
        .allocated: 14, .commissioned: 1, .inactive: 3, .inDoubt: 2,
      ])
    #expect(result.isBalanced, "\(result.sentence)")
    #expect(result.unexplained.map(\.row) == [3, 4] && result.inDoubtSerials == 2)
  }

  @Test("a found pack is commissioned by a person, a removed one is not in doubt any more")
  func resolved() {
    var rig = dayOfAllEnds()
    rig.command(
      .serial(
        .found, Array(Rig.serial(3).utf8), gtin: nil, evidence: Rig.scan(Rig.serial(3)),
        reason: "lay beside the gate"))
    rig.command(
      .serial(.remove, Array(Rig.serial(4).utf8), gtin: nil, evidence: [], reason: "in the bin"))
    let result = reconcile(rig)
    #expect(result.commissionedByUnits == 1 && result.commissionedByPeople == 1)
    #expect(result.unexplainedCount == 0 && result.isBalanced)
  }

  @Test("a unit on its way is open, and counts as no end")
  func open() {
    var rig = Rig.running(serials: 5)
    _ = rig.unit(Rig.scan(Rig.serial(0)))
    let result = reconcile(rig)
    #expect(result.units == 1 && result.open == 1 && result.isBalanced)
  }

  @Test("units that a new epoch of the PLC forgot are in doubt")
  func newEpoch() {
    var rig = Rig.running(serials: 5)
    _ = rig.unit(Rig.scan(Rig.serial(0)))
    rig.snapshot.epoch = 8
    rig.snapshot.lastUnit = 0
    rig.generation = 2
    rig.link(newEpoch: true)
    let result = reconcile(rig)
    #expect(result.units == 1 && result.inDoubt == 1 && result.open == 0 && result.isBalanced)
    #expect(result.unexplained.map(\.cause) == [.inDoubt])
  }

  @Test("an outcome whose verdict a crash has lost is a unit of the batch that ran")
  func verdictLost() {
    var rig = Rig.running(serials: 5)
    rig.outcome(.rejected, unit: 77)
    #expect(reconcile(rig).units == 1)
    #expect(reconcile(rig).rejected == 1 && reconcile(rig).isBalanced)
    rig.outcome(.passed, unit: 78)
    #expect(reconcile(rig).inDoubt == 1 && reconcile(rig).isBalanced)
  }

  @Test("a state in memory that the records do not know is named")
  func tampered() throws {
    let rig = dayOfAllEnds()
    let pool = try #require(rig.line.batches[0].pool)
    let row: Int32 = 9
    #expect(
      pool.exchange(
        at: row, expected: pool.word(at: row), new: SerialPool.Word(state: .commissioned)))
    let result = reconcile(rig)
    #expect(!result.isBalanced)
    #expect(result.unexplained.contains { $0.row == row && $0.cause == .stateDiffers })
  }

  @Test("records that let two units pass with one serial do not balance")
  func passedTwice() {
    var rig = Rig.running(serials: 5)
    _ = rig.unit(Rig.scan(Rig.serial(0)))
    rig.outcome(.passed, unit: rig.snapshot.lastUnit)
    for record in rig.records.suffix(2) where record.kind == .verdict || record.kind == .outcome {
      var forged = record
      forged.unit = 50
      rig.records.append(forged)
    }
    let result = reconcile(rig)
    #expect(!result.isBalanced && result.unexplained.map(\.cause) == [.passedTwice])
  }

  @Test(
    "a batch that does not balance is closed only with a reason, and one that changed not at all")
  func closing() {
    var rig = dayOfAllEnds()
    rig.command(.stop(reason: "end"))
    let good = reconcile(rig)
    var bad = good
    bad.passed += 1
    func close(_ reconciliation: Reconciliation, changes: Int? = nil, reason: String = "") {
      rig.command(
        .batchClose(
          id: "B1",
          balance: BatchBalance(
            batch: 1, changes: changes ?? rig.line.batches[0].changes,
            reconciliation: reconciliation, reason: reason)))
    }
    func refused(_ words: String) {
      guard case .refused(let sentence, _) = rig.replies.last else {
        Issue.record("it was closed")
        return
      }
      #expect(sentence.contains(words))
    }
    close(bad)
    refused("does not balance")
    close(good, changes: 1)
    refused("changed while")
    #expect(rig.line.batches[0].state == .running)
    close(bad, reason: "counted by hand")
    #expect(rig.line.batches[0].state == .closed)
    let record = rig.records.last { $0.kind == .batchClosed }
    #expect(record?.detail.contains("counted by hand") == true)
    #expect(record?.detail.contains("does not balance") == true)
  }
}
