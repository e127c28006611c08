internal import Alarms

/// What goes with the permit where it is configured: PackML commands, and the second way to stop.
extension LineController {
  // MARK: PackML

  /// Commands every machine that speaks PackML to stop, unless a command as grave has gone out since the last release.
  ///
  /// It travels with permit 0 in one telegram, and is no more than that says already.
  mutating func commandStop(_ reason: StopReason) {
    let command = PackML.Command(stopping: reason)
    for index in stations.indices where stations[index].settings.packML != nil {
      guard command.gravity > stations[index].stopCommanded?.gravity ?? 0 else { continue }
      stations[index].stopCommanded = command
      order(command, station: index)
    }
  }

  /// Begins to lead machines to Execute, or goes on with it; only a release that is on disk does.
  ///
  /// Each state gets its command once a release, so this ends.
  mutating func commandRelease(now: Instant) {
    guard permit, permitOnDisk, releaseDeadline != nil else { return }
    for index in stations.indices {
      guard let state = packMLState(index), let command = state.commandTowardsExecute,
        stations[index].statesLeft.insert(state).inserted
      else { continue }
      order(command, station: index)
      // The machine goes from state to state, and each step has as much time as a release without them.
      releaseDeadline = now + settings.limits.stopConfirm
    }
  }

  private mutating func order(_ command: PackML.Command, station: Int) {
    stations[station].command = command
    stations[station].commandNumber &+= 1
    notice(
      .packMLCommand, .notice,
      "PackML command \(command.word) to PLC \(stations[station].settings.plc)", station: station)
  }

  private func packMLState(_ station: Int) -> PackML.State? {
    guard let profile = stations[station].settings.packML,
      let snapshot = stations[station].link.snapshot
    else { return nil }
    return profile.state(snapshot.stateCurrent)
  }

  /// Whether a station's PLC follows a release: it obeys, and where it speaks PackML it is in Execute.
  func followsRelease(_ station: Int) -> Bool {
    guard let snapshot = stations[station].link.snapshot, snapshot.permitObeyed else {
      return false
    }
    return stations[station].settings.packML == nil || packMLState(station) == .execute
  }

  mutating func commandNotDone(_ command: PackML.Command, station: Int) {
    let plc = stations[station].settings.plc
    raise(
      .commandNotDone, place: stations[station].settings.name,
      message: "PLC \(plc) has not done the PackML command \(command.word) within 1 s", again: true)
  }

  // MARK: The second way to stop

  /// Takes the second way when not every PLC has confirmed the stop in time; once for each stop.
  ///
  /// A PLC that cannot be reached has not confirmed anything.
  mutating func checkSecondStop(now: Instant) {
    guard let deadline = secondStopDeadline else { return }
    guard !permit, let way = settings.secondStop else {
      secondStopDeadline = nil
      return
    }
    let stands = stations.allSatisfy { station in
      guard let snapshot = station.link.snapshot else { return false }
      return snapshot.showsStop
    }
    if stands {
      secondStopDeadline = nil
    } else if now >= deadline {
      secondStopDeadline = nil
      outbox.actions.append(.secondStop)
      emit(Record(.secondStop, detail: way))
      notice(
        .secondStop, .critical, "the stop is not confirmed: the second way is taken, \(way)")
    }
  }

  mutating func secondStopEnded(failure: String?) {
    let way = settings.secondStop ?? "the second way to stop"
    emit(Record(.secondStopEnded, code: failure == nil ? 0 : 1, detail: failure ?? way))
    if let failure {
      raise(
        .secondStopFailed, place: "", message: "\(way) failed: \(failure)", again: true)
    } else {
      notice(.secondStop, .notice, "the second way to stop is done: \(way)")
    }
  }
}
