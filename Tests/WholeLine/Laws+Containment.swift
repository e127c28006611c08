import Alarms
import Containment
import Line

/// The laws of containment: an alarm that opens a case has one in the same transaction; while a case holds the line nobody
/// gives the permit; steps are done once; a case ends by a person, when all is done; and its time never runs back.
extension Laws {
  /// What the records on disk say of one open case.
  struct OpenCase {
    var alarm: UInt16
    var place: String
    var holdsRelease: Bool
    var done: Set<UInt16> = []
    var steps: Int
    var elapsed: Int64
  }

  func contained(_ records: [Record]) {
    for record in records {
      let number = record.number
      switch record.kind {
      case .caseOpened:
        let text = String(decoding: record.raw, as: UTF8.self)
        guard
          let opening = CaseOpening(text: text, alarm: record.code, title: record.detail),
          number == casesOpened + 1
        else {
          broken("containment: case \(number) was opened after \(casesOpened), or says nothing")
          return
        }
        casesOpened = number
        openCases[number] = OpenCase(
          alarm: record.code, place: opening.place, holdsRelease: opening.holdsRelease,
          steps: opening.playbook.steps.count, elapsed: opening.clock.elapsed)
      case .caseStepDone:
        if openCases[number]?.done.insert(record.code).inserted != true {
          broken(
            "containment: step \(record.code) of case \(number) was done twice, or of no open case")
        }
      case .caseClock:
        let clock = CaseClock(text: String(decoding: record.raw, as: UTF8.self))
        if (clock?.elapsed ?? -1) < openCases[number]?.elapsed ?? Int64.max {
          broken("containment: the time of case \(number) ran back")
        }
        openCases[number]?.elapsed = clock?.elapsed ?? 0
      case .caseClosed:
        if openCases[number].map({ $0.done.count != $0.steps }) ?? true || record.actor.isEmpty {
          broken("containment: case \(number) was closed by nobody, or before all was done")
        }
        openCases[number] = nil
        casesClosed += 1
      case .permitGiven:
        if let held = openCases.first(where: { $0.value.holdsRelease }) {
          broken("containment: a permit was given while case \(held.key) was open")
        }
      default: break
      }
    }
    for record in records where record.kind == .alarmRaised {
      guard let kind = AlarmKind(rawValue: record.code), opensOn.contains(kind) else { continue }
      let place = String(decoding: record.raw, as: UTF8.self)
      let isThere = openCases.values.contains { $0.alarm == record.code && $0.place == place }
      if !isThere, openCases.count < CaseBook.openByAlarmMax,
        !records.contains(where: { $0.kind == .caseClosed })
      {
        broken("containment: alarm \(kind.word) at \(place) opened no case")
      }
    }
  }
}
