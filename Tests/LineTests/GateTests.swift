import Alarms
import Testing

@testable import Line

/// What was ordered of a unit × what became of it at the gate: record, alarm, stop and serial, complete.
@Suite("The gate")
struct GateTests {
  /// What stood for the unit when its end came.
  enum Ordered: CaseIterable {
    case accept
    /// An accept that a hold took back.
    case withdrawn
    /// A serial that another unit has passed with.
    case duplicate
    /// Nothing was read.
    case noRead
  }

  struct Expected: Equatable {
    var alarm: AlarmKind?
    var stop: StopReason?
    /// Of serial 1, which the unit was read with (but for a no-read).
    var state: SerialState?
  }

  /// Outcomes as the PLC writes them, nil where none comes.
  ///
  /// The outcome 9 is none of the map's.
  private static let ends: [UInt16?] = [1, 2, 3, 4, 5, 6, 9, nil]

  private static func expected(_ ordered: Ordered, _ end: UInt16?) -> Expected {
    // Of a duplicate and a no-read, no serial is the unit's own: serial 1 is commissioned or untouched.
    let other: SerialState = ordered == .duplicate ? .commissioned : .allocated
    switch (ordered, end) {
    case (.accept, 1): return Expected(alarm: nil, stop: nil, state: .commissioned)
    case (.accept, 2), (.accept, 6):
      return Expected(alarm: .acceptNotFollowed, stop: nil, state: .inactive)
    case (.accept, 5), (.withdrawn, 2), (.withdrawn, 5), (.withdrawn, 6):
      return Expected(alarm: nil, stop: nil, state: .inactive)
    case (.accept, 3), (.accept, 9):
      return Expected(alarm: .rejectNotConfirmed, stop: .rejectNotConfirmed, state: .inDoubt)
    case (.accept, 4): return Expected(alarm: .unitLost, stop: nil, state: .inDoubt)
    case (.accept, nil):
      return Expected(alarm: .outcomeMissing, stop: .limitExceeded, state: .inDoubt)
    case (.withdrawn, 1):
      return Expected(alarm: .badPackPassed, stop: .badPackPassed, state: .inDoubt)
    case (.withdrawn, _):
      return Expected(alarm: .rejectNotConfirmed, stop: .rejectNotConfirmed, state: .inDoubt)
    case (_, 1):
      return Expected(
        alarm: .badPackPassed, stop: .badPackPassed,
        state: ordered == .duplicate ? .inDoubt : other)
    case (_, 2), (_, 5), (_, 6): return Expected(alarm: nil, stop: nil, state: other)
    case (.duplicate, 3), (.duplicate, 4), (.duplicate, 9):
      return Expected(alarm: .rejectNotConfirmed, stop: .rejectNotConfirmed, state: .inDoubt)
    case (_, _):
      return Expected(alarm: .rejectNotConfirmed, stop: .rejectNotConfirmed, state: other)
    }
  }

  @Test("every end of every unit", arguments: Ordered.allCases, ends)
  func table(_ ordered: Ordered, _ end: UInt16?) {
    var rig = Rig.running()
    if ordered == .duplicate {
      #expect(rig.unit(Rig.scan(Rig.serial(1))) == .accept)
      rig.outcome(.passed, unit: rig.snapshot.lastUnit)
    }
    switch ordered {
    case .noRead: #expect(rig.unit(Array("NOREAD".utf8)) == .noRead)
    case .duplicate: #expect(rig.unit(Rig.scan(Rig.serial(1))) == .duplicate)
    case .accept, .withdrawn: #expect(rig.unit(Rig.scan(Rig.serial(1))) == .accept)
    }
    let unit = rig.snapshot.lastUnit
    if ordered == .withdrawn {
      rig.command(
        .serial(.hold, Array(Rig.serial(1).utf8), gtin: nil, evidence: [], reason: "wet"))
      #expect(rig.verdict(of: unit) == .stateForbids)
    }
    let before = rig.records.count
    if let end {
      rig.outcomeSequence = Counter.next(after: rig.outcomeSequence)
      rig.step(.plc(station: 0, .outcome(sequence: rig.outcomeSequence, unit: unit, outcome: end)))
    } else {
      rig.wait(milliseconds: 5001)
    }
    let records = rig.records[before...]
    let alarms = records.filter { $0.kind == .alarmRaised }.compactMap {
      AlarmKind(rawValue: $0.code)
    }
    let withdrawn = records.filter { $0.kind == .permitWithdrawn }.compactMap {
      StopReason(rawValue: $0.code)
    }
    let expected = Self.expected(ordered, end)
    #expect(
      records.filter { $0.kind == (end == nil ? .outcomeMissing : .outcome) && $0.unit == unit }
        .count == 1)
    if let alarm = expected.alarm { #expect(alarms.contains(alarm)) } else { #expect(alarms == []) }
    #expect(withdrawn == [expected.stop].compactMap(\.self))
    #expect(rig.permit == (expected.stop == nil))
    #expect(rig.state(1) == expected.state)
    // A pack that passed and should not have is named, and a person has to say that they have seen it.
    if expected.alarm == .badPackPassed {
      #expect(rig.alarm(.badPackPassed)?.message.contains("unit \(unit)") == true)
      #expect(rig.alarm(.badPackPassed)?.state.isUnacknowledged == true)
    }
  }
}
