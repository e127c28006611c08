import Line
import Simulation

/// What can keep truth and records from agreeing on one unit although nothing is wrong.
struct Excuses {
  /// Rejects go out before their records: so many did, and the daemon died before the disk had them.
  var unrecordedRejects = 0
  /// Orders found no room, and their withdrawals reached no PLC.
  var ordersWereLost = false
  /// A core took over after a storage fault: what it withdraws reaches only a PLC that still holds the accept.
  var coreTookOver = false
  /// The loop or the whole process stood still, so that outcomes came after their time.
  var stoodStill = false
}

/// The end of a run: every unit by itself, in truth and in the records, then the daemon's counts against the records.
extension Laws {
  /// Holds truth, records and counts of a station against each other.
  func reckon(_ index: Int, _ truth: Truth, _ counters: StationCounters, _ excuses: Excuses) {
    let known = stations[index].known
    var unrecorded = excuses.unrecordedRejects
    var triggered: Set<Key> = []
    for unit in truth.units {
      if unit.end == nil { broken("reckoning: a unit has no end (\(Reckoning.story(unit)))") }
      guard let number = unit.number else { continue }
      let key = Key(epoch: unit.epoch, unit: number)
      triggered.insert(key)
      guard let known = known[key] else {
        untold(unit, &unrecorded)
        continue
      }
      verdicts(unit, known, &unrecorded, excuses)
      ends(unit, known, excuses)
    }
    for key in known.keys where !triggered.contains(key) {
      broken("reckoning: records tell of unit \(key.unit) of epoch \(key.epoch), which never was")
    }
    counts(Array(known.values), counters)
  }

  /// Nobody can have told the daemon of a unit only where the PLC's memory was gone before it was judged or recorded.
  private func untold(_ unit: Truth.Unit, _ unrecorded: inout Int) {
    let isReject = unit.firstVerdict.map { $0 != VerdictNumber.accept } ?? false
    if unit.isForgotten, !unit.isRecorded {
      if unit.firstVerdict == nil { return }
      if isReject, unrecorded > 0 {
        unrecorded -= 1
        return
      }
    }
    broken("reckoning: no record tells of a unit (\(Reckoning.story(unit)))")
  }

  private func verdicts(
    _ unit: Truth.Unit, _ known: Known, _ unrecorded: inout Int, _ excuses: Excuses
  ) {
    if unit.firstVerdict == VerdictNumber.accept, known.verdict != VerdictNumber.accept {
      broken("reckoning: an accept without a record (\(Reckoning.story(unit)))")
    }
    // A verdict on record may never have reached a PLC that had lost the link or its memory: then the unit was rejected.
    guard let taken = unit.lastVerdict, taken != known.last else { return }
    // So may a withdrawal, and then the accept is the last that the PLC knows.
    if known.withdrawnAs != nil, taken == known.verdict,
      unit.isForgotten || unit.isCutOff || excuses.ordersWereLost || excuses.coreTookOver
    {
      return
    }
    if taken != VerdictNumber.accept, unrecorded > 0 {
      unrecorded -= 1
      return
    }
    broken(
      "reckoning: verdict \(known.last) on record, \(taken) taken by the PLC "
        + "(\(Reckoning.story(unit)))")
  }

  private func ends(_ unit: Truth.Unit, _ known: Known, _ excuses: Excuses) {
    if let recorded = known.outcome, let reported = unit.outcome, recorded != reported.rawValue {
      broken("reckoning: outcome \(recorded) on record (\(Reckoning.story(unit)))")
    }
    if known.isConfirmed, unit.end != .rejected || unit.lastVerdict != known.verdict {
      broken("challenge: a unit counts that was not rejected for it (\(Reckoning.story(unit)))")
    }
    if known.isPassed {
      if unit.end == .passed { return }
      broken("reckoning: passed by the records, and not in truth (\(Reckoning.story(unit)))")
    }
    guard unit.end == .passed else { return }
    let nobodyTold = unit.isForgotten && !unit.isRecorded
    let wasLate = known.isMissing && (unit.isCutOff || excuses.stoodStill)
    // A unit that passes while its withdrawal is on the way, or lost, is a bad pack passed.
    if nobodyTold || wasLate || known.withdrawnAs != nil { return }
    broken("reckoning: passed in truth, and not by the records (\(Reckoning.story(unit)))")
  }

  private func counts(_ known: [Known], _ counters: StationCounters) {
    func same(_ what: String, _ records: Int, _ said: Int) {
      if records != said {
        broken("reckoning: \(what): \(records) by the records, \(said) counted")
      }
    }
    same("units", known.count, counters.units)
    same("passed", known.count { $0.isPassed }, counters.passed)
    same("accepted", known.count { $0.last == VerdictNumber.accept }, counters.accepted)
    for verdict in VerdictNumber.accept + 1...VerdictNumber.highest {
      same(
        "verdict \(verdict)", known.count { $0.last == verdict },
        counters.rejectedBy[Int(verdict)])
    }
  }
}
