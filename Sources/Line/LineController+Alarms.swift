internal import Alarms

/// Alarms: raised and ended by what the core decides, acknowledged, reset and set aside by people.
///
/// What is done to an alarm never changes what its cause does to the line: stops are ordered beside it and wait for none of this.
extension LineController {
  // MARK: Cause

  /// Raises an alarm; with `again`, also when it stands already, as a new occurrence.
  ///
  /// While an alarm chatters, what only repeats it is counted; the next occurrence, at most one a minute, says how often it was.
  mutating func raise(_ kind: AlarmKind, place: String, message: String, again: Bool) {
    let key = AlarmDelays.Key(kind: kind, place: place)
    let definition = kind.definition
    let wasGone = delays.isBack(key)
    guard alarms.stands(kind, place: place) else {
      if definition.onDelay > .zero {
        delays.come(key, message: message, due: now + Instant.Span(definition.onDelay))
      } else {
        recordRaised(kind, place: place, message: message)
      }
      return
    }
    guard again || wasGone else { return }
    // Each stop is announced: it was released in between, by a person.
    if !(permit && definition.stopsLine), let alarm = alarms.alarm(kind, place: place) {
      if alarm.isChattering && definition.coalesces {
        let isRecent = (0..<AlarmDefinition.chatteringSpan).contains(wall - alarm.raisedAt)
        if isRecent || !again {
          delays.count(key, now: now)
          return
        }
      } else if !again {
        // Gone for less than its off-delay, it is the same cause.
        return
      }
    }
    recordRaised(kind, place: place, message: message)
  }

  /// Puts a new occurrence on record, whatever its delays are.
  mutating func recordRaised(_ kind: AlarmKind, place: String, message: String) {
    let key = AlarmDelays.Key(kind: kind, place: place)
    delays.settle(key)
    var text = message
    if alarms.alarm(kind, place: place)?.isChattering == true {
      let untold = delays.takeUntold(key, now: now)
      if untold > 0 { text += " (\(untold) times more since the last occurrence)" }
    }
    let occurrence = alarms.nextOccurrence(kind, place: place)
    emit(
      Record(
        .alarmRaised, code: kind.rawValue, number: occurrence, raw: Array(place.utf8),
        detail: text))
    alarmsChanged = true
    // Of a core whose storage has failed nothing is kept: the one that takes over raises what still stands.
    if storageFault == nil, settings.containment.opensOn.contains(kind) {
      casesToOpen.append(CaseCause(alarm: kind, place: place, title: text))
    }
    let isSetAside = alarms.alarm(kind, place: place)?.state.isSetAside == true
    let severity: Notice.Severity =
      isSetAside ? .notice : kind.priority == .highest ? .critical : .error
    notice(.alarmRaised, severity, "alarm \(kind.word): \(text). \(kind.remedy)", alarm: kind)
  }

  /// Raises an alarm about a pack that has passed its moment.
  ///
  /// While the one before is not acknowledged, the new message names its packs too: a person who acknowledges has to see
  /// them all.
  mutating func raiseForPack(_ kind: AlarmKind, place: String, message: String) {
    var text = message
    if let before = alarms.alarm(kind, place: place), before.life.isUnacknowledged {
      // The newest stands first, and the text stays one that fits on a screen; the records have them all.
      text = String((message + "; before: " + before.message).prefix(LineController.packTextMax))
    }
    raise(kind, place: place, message: text, again: true)
    endAlarm(kind, place: place)
  }

  /// The longest text of an alarm that names several packs.
  static let packTextMax = 2000

  /// What the machine around the line does is told, and stops nothing.
  mutating func surroundings(_ kind: AlarmKind, stands: Bool, message: String) {
    guard stands else {
      endAlarm(kind, place: "")
      return
    }
    let isMoment = kind.definition.ends == .atOnce
    raise(kind, place: "", message: message, again: isMoment)
    if isMoment { endAlarm(kind, place: "") }
  }

  /// The cause of an alarm ended.
  mutating func endAlarm(_ kind: AlarmKind, place: String) {
    let key = AlarmDelays.Key(kind: kind, place: place)
    // It went before anybody was called.
    if delays.isGone(key) { return }
    guard alarms.stands(kind, place: place), let alarm = alarms.alarm(kind, place: place) else {
      return
    }
    let definition = kind.definition
    let hold = Instant.Span(
      alarm.isChattering
        ? max(definition.offDelay, definition.chatteringHold) : definition.offDelay)
    if hold > .zero {
      delays.go(key, due: now + hold)
    } else {
      recordReturned(kind, place: place)
    }
  }

  /// Puts the end of a cause on record, whatever its delays are.
  mutating func recordReturned(_ kind: AlarmKind, place: String) {
    delays.settle(AlarmDelays.Key(kind: kind, place: place))
    guard alarms.stands(kind, place: place) else { return }
    emit(Record(.alarmReturned, code: kind.rawValue, raw: Array(place.utf8)))
    notice(
      .alarmReturned, .information, "alarm \(kind.word) \(place): the cause has ended", alarm: kind)
  }

  /// Ends all alarms that speak of a moment before a release.
  mutating func endMomentaryAlarms() {
    for alarm in alarms.active
    where alarm.kind.definition.ends == .withRelease && alarm.causeStands {
      endAlarm(alarm.kind, place: alarm.place)
    }
  }

  /// Whether the cause of an alarm stands, also where its return is only held back.
  func causeStands(_ kind: AlarmKind, place: String) -> Bool {
    alarms.stands(kind, place: place)
      && !delays.isGoing(AlarmDelays.Key(kind: kind, place: place))
  }

  /// After a storage fault: causes that came or went while nothing could be recorded are recorded now.
  ///
  /// Who watches scanners, clock and disk has told it once and does not say it again. What is about a station the links show anew.
  mutating func takeAlarms(of failed: LineController) {
    delays = failed.delays
    delays.reckon(alarms, now: now, wall: wall)
    func isToldOnce(_ alarm: Alarm) -> Bool {
      let definition = alarm.kind.definition
      return alarm.causeStands && definition.ends == .withCause && !definition.latches
        && (definition.location == .scanner || definition.location == .line)
    }
    for alarm in failed.alarms.active where isToldOnce(alarm) {
      raise(alarm.kind, place: alarm.place, message: alarm.message, again: false)
    }
    for alarm in alarms.active
    where isToldOnce(alarm) && !failed.alarms.stands(alarm.kind, place: alarm.place) {
      endAlarm(alarm.kind, place: alarm.place)
    }
  }

  // MARK: Time

  /// So often the list is looked through for marks.
  private static let lookEvery = Instant.Span.milliseconds(1000)

  /// Raises, ends and unshelves what is due by `now`.
  mutating func advanceAlarms(now: Instant) {
    if delays.shelfEnds == nil { delays.reckon(alarms, now: now, wall: wall) }
    guard delays.isPending else { return }
    for due in delays.takeComing(now: now) {
      recordRaised(due.key.kind, place: due.key.place, message: due.message)
    }
    for key in delays.takeGoing(now: now) { recordReturned(key.kind, place: key.place) }
    for key in delays.takeShelfEnds(now: now) {
      recordUnshelved(key.kind, place: key.place, actor: "", detail: "its time is over")
    }
  }

  /// Marks what chatters, what is stale, and a flood; after each event, so that a replay finds the marks where they were made.
  mutating func markAlarms(now: Instant) {
    guard alarmsChanged || now >= alarmLook else { return }
    alarmsChanged = false
    alarmLook = now + LineController.lookEvery
    let span = Instant.Span.milliseconds(AlarmDefinition.chatteringSpan)
    for alarm in alarms.newlyChattering {
      recordMark(
        alarm, .chattering,
        "raised \(AlarmDefinition.chatteringRaises) times within "
          + "\(AlarmDefinition.chatteringSpan / 1000) s")
    }
    for alarm in alarms.chattering {
      let key = AlarmDelays.Key(kind: alarm.kind, place: alarm.place)
      guard delays.isQuiet(key, for: span, now: now) else { continue }
      let untold = delays.endChatter(key)
      recordMark(
        alarm, .quiet,
        "quiet for \(AlarmDefinition.chatteringSpan / 1000) s"
          + (untold > 0 ? "; \(untold) times more since the last occurrence" : ""))
    }
    for alarm in alarms.newlyStale(wall: wall) {
      recordMark(
        alarm, .stale, "stands for more than \(AlarmDefinition.staleAfter / 3_600_000) h")
    }
    if let begins = alarms.floodChange(wall: wall) {
      emit(Record(.alarmFlood, code: begins ? 1 : 2))
      notice(
        .alarmFlood, begins ? .error : .notice,
        begins
          ? "alarm flood: more come than a person can take in; see to the gravest first (lineward alarms)"
          : "the alarm flood is over")
    }
  }

  private mutating func recordMark(_ alarm: Alarm, _ mark: AlarmMark, _ words: String) {
    emit(
      Record(
        .alarmRemarked, code: alarm.kind.rawValue, number: mark.rawValue,
        raw: Array(alarm.place.utf8), detail: words))
    notice(
      .alarmRemarked, mark == .quiet ? .information : .warning, "alarm \(alarm.id): \(words)",
      alarm: alarm.kind)
  }

  /// When alarms have something to do even if nothing comes.
  var alarmDeadline: Instant? {
    let looks = alarms.floodSince != nil || delays.hasChatter
    guard let due = delays.deadline else { return looks ? alarmLook : nil }
    return looks ? min(due, alarmLook) : due
  }

  // MARK: Records

  /// What a record of an alarm makes of the list.
  mutating func applyAlarm(_ record: Record) {
    if record.kind == .alarmFlood {
      alarms.flood(begins: record.code == 1, at: wall)
      return
    }
    // One of a version to come is kept in the records and shown by none before it.
    guard let kind = AlarmKind(rawValue: record.code) else { return }
    let place = String(decoding: record.raw, as: UTF8.self)
    switch record.kind {
    case .alarmRaised:
      alarms.raise(
        kind, place: place, occurrence: record.number, message: record.detail, at: wall)
    case .alarmReturned:
      alarms.causeEnded(kind, place: place)
      if kind == .signerLocked { signers.forget(place) }
    case .alarmAcknowledged: alarms.acknowledge(kind, place: place, at: wall)
    case .alarmReset: alarms.reset(kind, place: place)
    case .alarmShelved:
      alarms.shelve(
        kind, place: place,
        Alarm.Shelving(
          until: wall + Int64(record.number) * 60_000, minutes: record.number,
          actor: record.actor, reason: record.detail))
    case .alarmUnshelved: alarms.unshelve(kind, place: place)
    case .alarmOutOfService:
      alarms.takeOutOfService(
        kind, place: place,
        Alarm.Absence(since: wall, actor: record.actor, reason: record.detail))
    case .alarmInService: alarms.putInService(kind, place: place)
    case .alarmRemarked:
      if let mark = AlarmMark(rawValue: record.number) { alarms.mark(kind, place: place, mark) }
    default: break
    }
  }

  // MARK: What people do

  mutating func alarmCommand(id: UInt64, _ command: LineCommand, actor: String) {
    switch command {
    case .acknowledge(let name, let occurrence, let comment):
      acknowledge(id, name, occurrence: occurrence, comment: comment, actor: actor)
    case .reset(let name): reset(id, name, actor: actor)
    case .shelve(let name, let minutes, let reason):
      shelve(id, name, minutes: minutes, reason: reason, actor: actor)
    case .unshelve(let name):
      setAside(id, "unshelve", name, actor: actor) {
        alarms, kind, place throws(AlarmList.Refusal) in
        try alarms.checkUnshelve(kind, place: place)
      } done: { line, kind, place in
        line.recordUnshelved(kind, place: place, actor: actor, detail: "")
        return "alarm \(name) is shelved no more"
      }
    case .outOfService(let name, let reason):
      setAside(id, "alarms out-of-service", name, actor: actor) {
        alarms, kind, place throws(AlarmList.Refusal) in
        try alarms.checkOutOfService(kind, place: place)
      } done: { line, kind, place in
        line.emit(
          Record(
            .alarmOutOfService, code: kind.rawValue, raw: Array(place.utf8), actor: actor,
            detail: reason))
        line.notice(
          .alarmOutOfService, .warning, "alarm \(name) taken out of service by \(actor): \(reason)",
          alarm: kind)
        return "alarm \(name) is out of service until somebody puts it back (lineward alarms "
          + "in-service)"
      }
    case .inService(let name):
      setAside(id, "alarms in-service", name, actor: actor) {
        alarms, kind, place throws(AlarmList.Refusal) in
        try alarms.checkInService(kind, place: place)
      } done: { line, kind, place in
        line.emit(
          Record(.alarmInService, code: kind.rawValue, raw: Array(place.utf8), actor: actor))
        line.notice(
          .alarmInService, .notice, "alarm \(name) put back into service by \(actor)", alarm: kind)
        return "alarm \(name) is in service"
      }
    default: break
    }
  }

  private mutating func acknowledge(
    _ id: UInt64, _ name: String, occurrence: UInt32, comment: String, actor: String
  ) {
    let alarm: Alarm
    do throws(AlarmList.Refusal) {
      alarm = try alarms.checkAcknowledge(id: name, occurrence: occurrence)
    } catch {
      refuseAlarm(id, "ack \(name)", error, name: name, actor: actor)
      return
    }
    emit(
      Record(
        .alarmAcknowledged, code: alarm.kind.rawValue, number: occurrence,
        raw: Array(alarm.place.utf8), actor: actor, detail: comment))
    notice(
      .alarmAcknowledged, .notice, "alarm \(name) acknowledged by \(actor)", alarm: alarm.kind)
    finish(id, "alarm \(name), occurrence \(occurrence), acknowledged")
  }

  private mutating func reset(_ id: UInt64, _ name: String, actor: String) {
    let alarm: Alarm
    do throws(AlarmList.Refusal) {
      alarm = try alarms.checkReset(id: name)
    } catch {
      refuseAlarm(id, "reset \(name)", error, name: name, actor: actor)
      return
    }
    emit(
      Record(
        .alarmReset, code: alarm.kind.rawValue, number: alarm.occurrence,
        raw: Array(alarm.place.utf8), actor: actor))
    notice(.alarmReset, .notice, "alarm \(name) reset by \(actor)", alarm: alarm.kind)
    finish(id, "alarm \(name) reset")
  }

  private mutating func shelve(
    _ id: UInt64, _ name: String, minutes: UInt32, reason: String, actor: String
  ) {
    guard (1...AlarmDefinition.shelvedMinutesMax).contains(minutes) else {
      refuse(
        id, "shelve \(name)",
        "an alarm is shelved for 1 to \(AlarmDefinition.shelvedMinutesMax) minutes", actor: actor)
      return
    }
    setAside(id, "shelve", name, actor: actor) {
      alarms, kind, place throws(AlarmList.Refusal) in
      try alarms.checkShelve(kind, place: place)
    } done: { line, kind, place in
      line.emit(
        Record(
          .alarmShelved, code: kind.rawValue, number: minutes, raw: Array(place.utf8),
          actor: actor, detail: reason))
      line.delays.shelve(
        AlarmDelays.Key(kind: kind, place: place),
        until: line.now + .milliseconds(Int64(minutes) * 60_000))
      line.notice(
        .alarmShelved, .warning, "alarm \(name) shelved for \(minutes) min by \(actor): \(reason)",
        alarm: kind)
      return "alarm \(name) is shelved for \(minutes) min; what its cause does to the line stays "
        + "as it is"
    }
  }

  private mutating func recordUnshelved(
    _ kind: AlarmKind, place: String, actor: String, detail: String
  ) {
    delays.unshelve(AlarmDelays.Key(kind: kind, place: place))
    emit(
      Record(
        .alarmUnshelved, code: kind.rawValue, raw: Array(place.utf8), actor: actor,
        detail: detail))
    let by = actor.isEmpty ? detail : "by \(actor)"
    notice(
      .alarmUnshelved, .notice, "alarm \(kind.word) \(place) is shelved no more: \(by)",
      alarm: kind)
  }

  /// Finds the alarm that a command names, asks whether it may be done, and has it done.
  private mutating func setAside(
    _ id: UInt64, _ what: String, _ name: String, actor: String,
    check: (AlarmList, AlarmKind, String) throws(AlarmList.Refusal) -> Void,
    done: (inout LineController, AlarmKind, String) -> String
  ) {
    guard let (kind, place) = alarmNamed(name) else {
      answer(
        id,
        .unknown(
          "this line has no alarm \(name); lineward alarms shows ids, docs/alarms.md all kinds"))
      return
    }
    do throws(AlarmList.Refusal) {
      try check(alarms, kind, place)
    } catch {
      refuseAlarm(id, "\(what) \(name)", error, name: name, actor: actor)
      return
    }
    finish(id, done(&self, kind, place))
  }

  /// The kind and place of an id, whether or not it was ever raised; nil where this line has no such alarm.
  private func alarmNamed(_ id: String) -> (AlarmKind, String)? {
    let parts = id.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false)
    guard let word = parts.first, let kind = AlarmKind(word: word) else { return nil }
    let place = parts.count > 1 ? String(parts[1]) : ""
    if alarms.alarm(kind, place: place) != nil { return (kind, place) }
    let isKnown =
      switch kind.definition.location {
      case .line: parts.count == 1
      case .station: stations.contains { $0.settings.name == place }
      case .scanner: settings.scanners.contains { $0.name == place }
      case .queue, .login, .containment, .contact: false
      }
    return isKnown ? (kind, place) : nil
  }

  private mutating func refuseAlarm(
    _ id: UInt64, _ what: String, _ refusal: AlarmList.Refusal, name: String, actor: String
  ) {
    switch refusal {
    case .noSuchAlarm: answer(id, .unknown("there is no active alarm \(name)"))
    case .otherOccurrence(let current):
      refuse(
        id, what, "that occurrence is over; occurrence \(current) stands now: look at it first",
        actor: actor)
    case .alreadyAcknowledged: refuse(id, what, "it is acknowledged already", actor: actor)
    case .notLatched: refuse(id, what, "it is not latched; it ends with its cause", actor: actor)
    case .notAcknowledged: refuse(id, what, "acknowledge it first", actor: actor)
    case .causeStands: refuse(id, what, "its cause still stands", actor: actor)
    case .neverSetAside:
      refuse(
        id, what,
        "this alarm is never shelved nor taken out of service: it needs a person, each time",
        actor: actor)
    case .shelved:
      refuse(id, what, "it is shelved already; end that first (lineward unshelve)", actor: actor)
    case .notShelved: refuse(id, what, "it is not shelved", actor: actor)
    case .outOfService: refuse(id, what, "it is out of service already", actor: actor)
    case .inService: refuse(id, what, "it is in service", actor: actor)
    }
  }
}
