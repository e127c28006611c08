internal import Line

// What a status means for the person before it; `watch` and the web view say the same words.

extension StatusReply {
  /// The gravest stop reason that this version knows.
  var gravestReason: StopReason? {
    stopReasons.lazy.compactMap { UInt16(exactly: $0).flatMap(StopReason.init(rawValue:)) }.first
  }

  /// The line's state in one word, and whether that is good.
  var state: (word: String, isGood: Bool) {
    switch (runPermit, conveyorMoving) {
    case (true, false?): ("READY", true)
    case (true, _): ("RUNNING", true)
    case (false, _): ("STOPPED", false)
    }
  }

  /// What stands beside that word: all reasons, gravest first, or what the conveyor does.
  var stateReason: String {
    guard !runPermit else {
      return conveyorMoving == false ? "it may run; the conveyor stands" : ""
    }
    let reasons = stopReasons.map { number in
      (UInt16(exactly: number).flatMap(StopReason.init(rawValue:))?.phrase
        ?? "a reason that this lineward does not know") + " (\(number))"
    }.joined(separator: ", ")
    // Somebody may be about to reach in.
    return conveyorMoving == true ? "THE CONVEYOR STILL MOVES: \(reasons)" : reasons
  }

  /// The single next thing to do, as a sentence with what to type.
  ///
  /// First what a case asks for, for the line is not released before; then alarms that cannot wait; then what stands
  /// between the line and its release; then the other alarms.
  var next: String {
    let cases = cases ?? []
    // Of several cases the one with the least time left.
    if let one = cases.filter({ !$0.next.isEmpty }).min(by: {
      $0.remainingSeconds < $1.remainingSeconds
    }) {
      return one.next + (one.nextOwner.isEmpty ? "" : " (\(one.nextOwner), case \(one.id))")
    }
    let waiting = (alarmList ?? []).filter(\.waitsForAcknowledgement)
    if let alarm = waiting.first, alarm.priority == "highest" || alarm.priority == "high" {
      return (alarm.remedy ?? alarm.message) + " Then acknowledge \(alarm.id)."
    }
    if !runPermit {
      if let alarm = (alarmList ?? []).first(where: { $0.state == "latched_acknowledged" }),
        stopReasons.first == nil
      {
        return "Reset the alarm: \(alarm.command ?? "")."
      }
      let step = gravestReason?.nextStep ?? "Look at the alarms, then release."
      return "\(step) Type: lineward line release"
    }
    if let alarm = waiting.first {
      return (alarm.remedy ?? alarm.message) + " Then acknowledge \(alarm.id)."
    }
    return "Nothing. The line may run."
  }
}

extension AlarmReply {
  /// Whether a person has still to acknowledge it.
  public var waitsForAcknowledgement: Bool {
    ["unacknowledged", "returned", "latched_unacknowledged"].contains(state)
  }

  /// What to type next for it; nil: nothing.
  var command: String? {
    let name = Render().shell(id)
    if waitsForAcknowledgement { return "lineward ack \(name) --occurrence \(occurrence)" }
    return state == "latched_acknowledged" ? "lineward reset \(name)" : nil
  }

  /// Alarms as a person should read them: what waits for one first, then the gravest, then the newest.
  public static func worstFirst(_ alarms: [AlarmReply]) -> [AlarmReply] {
    let ranks = ["highest": 0, "high": 1, "medium": 2, "low": 3]
    func rank(_ alarm: AlarmReply) -> (Int, Int) {
      (alarm.waitsForAcknowledgement ? 0 : 1, ranks[alarm.priority] ?? 4)
    }
    return alarms.sorted { left, right in
      let pair = (rank(left), rank(right))
      if pair.0 != pair.1 { return pair.0 < pair.1 }
      return left.raisedAt == right.raisedAt ? left.id < right.id : left.raisedAt > right.raisedAt
    }
  }
}

extension CaseSummary {
  /// The case's clock so many seconds after the status that carried it: `23:14 of 60:00, 36:46 left`.
  func clock(after seconds: Int) -> (text: String, isOver: Bool) {
    let elapsed = elapsedSeconds + seconds
    let left = durationSeconds - elapsed
    let text =
      "\(CaseSummary.minutes(elapsed)) of \(CaseSummary.minutes(durationSeconds)), "
      + (left >= 0 ? "\(CaseSummary.minutes(left)) left" : "OVER BY \(CaseSummary.minutes(-left))")
    return (text, left < 0)
  }

  /// Seconds as minutes and seconds: `61:05`.
  static func minutes(_ seconds: Int) -> String {
    let rest = String(seconds.magnitude % 60)
    return (seconds < 0 ? "-" : "") + "\(seconds.magnitude / 60):" + (rest.count < 2 ? "0" : "")
      + rest
  }
}
