internal import Alarms

/// A challenge test as it stands: known bad packs are sent through a station, and each has to be rejected and seen so.
///
/// While it runs, no unit of its station is accepted and none touches a serial: a good pack is rejected by 12.
struct Challenge: Sendable, Hashable, Codable {
  /// Counts the challenges of the line; stands in the records of its units.
  var number: UInt32
  /// The verdicts that have to be given, rejected at the gate and confirmed.
  var packs: [Verdict]
  /// Those that were.
  var confirmed: [Verdict] = []
  /// Who started it.
  var actor: String
  /// When it has failed for want of packs; nil until the live line knows.
  var deadline: Instant?

  /// The deadline is of this life of the daemon alone.
  private enum CodingKeys: String, CodingKey {
    case number, packs, confirmed, actor
  }

  /// What is still to be sent.
  var missing: [Verdict] { packs.filter { !confirmed.contains($0) } }
}

/// How a challenge test ended; `code` of its record.
public enum ChallengeResult: UInt16, Sendable, CaseIterable {
  /// Every pack was rejected for its own reason, and the reject was seen.
  case passed = 1
  /// A pack went another way, or did not come in time.
  case failed = 2
  /// A person or a restart ended it.
  case cancelled = 3
}

extension LineController {
  /// The alarm warns so long before a challenge test is due, in milliseconds of wall time.
  static let challengeWarning: Int64 = 15 * 60_000

  // MARK: When it is due

  /// Why a station needs a challenge test.
  private enum ChallengeNeed {
    case failed, batchStart, time
  }

  /// Why a station needs one before units may pass there; nil: it needs none, or one runs, in which none passes anyway.
  private func challengeNeed(_ station: Int) -> ChallengeNeed? {
    guard stations[station].hasGate, stations[station].challenge == nil else { return nil }
    if stations[station].challengeFailed { return .failed }
    if settings.challenge.afterBatchStart, !stations[station].challengedSinceStart {
      return .batchStart
    }
    guard let due = challengeDue(station) else { return nil }
    // A clock that was set back must not give a station days; one that is drawn by milliseconds is no such clock.
    let wasSetBack =
      wall < (stations[station].challengePassedAt ?? 0) - LineController.challengeWarning
    return wall >= due || wasSetBack ? .time : nil
  }

  /// The same as a sentence.
  func challengeObstacle(_ station: Int) -> String? {
    let name = stations[station].settings.name
    let why: String
    switch challengeNeed(station) {
    case nil: return nil
    case .failed: why = "the last challenge test failed"
    case .batchStart: why = "each start of a batch needs a challenge test"
    case .time: why = "the challenge test of every \(settings.challenge.everyHours) hours is due"
    }
    return "station \(name): \(why) (lineward challenge start \(name))"
  }

  /// The wall time at which the next one is due; nil: never, and 1970 where none was passed yet.
  private func challengeDue(_ station: Int) -> Int64? {
    guard settings.challenge.everyHours > 0, stations[station].hasGate else { return nil }
    return (stations[station].challengePassedAt).map {
      $0 + Int64(settings.challenge.everyHours) * 3_600_000
    } ?? 0
  }

  /// What `status` shows of it, nil at a station without a gate.
  func challengeStatus(_ station: Int) -> LineStatus.Challenge? {
    let state = stations[station]
    guard state.hasGate else { return nil }
    return LineStatus.Challenge(
      isRunning: state.challenge != nil, missing: state.challenge?.missing ?? [],
      confirmed: state.challenge?.confirmed ?? [], passedAt: state.challengePassedAt,
      due: challengeObstacle(station))
  }

  /// Whether some station may not go on without one.
  var challengeIsDue: Bool { stations.indices.contains { challengeNeed($0) != nil } }

  /// Warns before one is due, and ends those whose packs did not come.
  mutating func advanceChallenges(now: Instant) {
    for index in stations.indices {
      if let challenge = stations[index].challenge {
        // After a recovery it has none: the time begins anew, but it has an end.
        guard let deadline = challenge.deadline else {
          stations[index].challenge?.deadline = now + settings.challenge.timeout
          continue
        }
        guard now >= deadline else { continue }
        let missing = challenge.missing.map(\.phrase).joined(separator: ", ")
        endChallenge(
          index, .failed,
          "not confirmed within \(settings.challenge.timeout.nanoseconds / 60_000_000_000) minutes: "
            + missing, actor: "", now: now)
        continue
      }
      guard permit, let due = challengeDue(index), wall >= due - LineController.challengeWarning
      else { continue }
      let minutes = max(0, (due - wall) / 60_000)
      let name = stations[index].settings.name
      raise(
        .challengeDue, place: name,
        message:
          "the challenge test at station \(name) is due in \(minutes) minutes; then the line stops",
        again: false)
    }
  }

  // MARK: Its life

  mutating func startChallenge(_ id: UInt64, _ name: String, actor: String, now: Instant) {
    guard let index = stations.firstIndex(where: { $0.settings.name == name }) else {
      let known = stations.map(\.settings.name).joined(separator: ", ")
      answer(id, .unknown("there is no station \(name); the line has \(known)"))
      return
    }
    let what = "challenge start \(name)"
    guard stations[index].hasGate else {
      refuse(
        id, what, "station \(name) has no gate whose rejects the PLC confirms", actor: actor)
      return
    }
    guard stations[index].challenge == nil else {
      refuse(
        id, what, "a challenge test is running there; see lineward challenge show", actor: actor)
      return
    }
    guard runningBatch != nil else {
      refuse(
        id, what, "no batch is running: without one nobody can say what a wrong lot is",
        actor: actor)
      return
    }
    let packs = settings.challenge.packs
    emit(
      Record(
        .challengeStarted, station: index, number: challenges + 1,
        raw: packs.map { UInt8(truncatingIfNeeded: $0.rawValue) }, actor: actor))
    stations[index].challenge?.deadline = now + settings.challenge.timeout
    notice(.challenge, .notice, "challenge test at station \(name) started by \(actor)")
    let list = packs.map(\.phrase).joined(separator: ", ")
    finish(
      id,
      "challenge test \(challenges) at station \(name): send one pack each: \(list). "
        + (permit ? "No pack passes there until it has ended" : "Release the line to begin"))
  }

  mutating func cancelChallenge(
    _ id: UInt64, _ name: String, reason: String, actor: String, now: Instant
  ) {
    guard let index = stations.firstIndex(where: { $0.settings.name == name }) else {
      answer(id, .unknown("there is no station \(name)"))
      return
    }
    guard stations[index].challenge != nil else {
      refuse(id, "challenge cancel \(name)", "no challenge test is running there", actor: actor)
      return
    }
    endChallenge(index, .cancelled, reason, actor: actor, now: now)
    finish(id, "challenge test at station \(name) cancelled")
  }

  /// What the gate did with a unit of a challenge.
  mutating func challengeOutcome(
    _ outcome: Outcome?, of open: OpenUnit, station: Int, pack: String, now: Instant
  ) {
    guard let challenge = stations[station].challenge, challenge.number == open.challenge else {
      return
    }
    switch outcome {
    case .rejected:
      guard challenge.missing.contains(open.verdict) else { return }
      emit(
        Record(
          .challengeConfirmed, station: station, unit: open.unit, code: open.verdict.rawValue,
          number: challenge.number))
      let missing = stations[station].challenge?.missing ?? []
      notice(
        .challenge, .notice,
        "challenge test: \(pack), \(open.verdict.phrase), rejected and seen"
          + (missing.isEmpty ? "" : "; to come: \(missing.map(\.phrase).joined(separator: ", "))"),
        station: station, unit: open.unit)
      if missing.isEmpty { endChallenge(station, .passed, "", actor: "", now: now) }
    case .takenByHand, .noVerdictInTime:
      // Nothing was shown of the verdict's way to the gate; the pack may be sent again.
      notice(
        .challenge, .warning,
        "challenge test: \(pack) shows nothing (\(outcome?.phrase ?? "")); send it again",
        station: station, unit: open.unit)
    case .passed, .rejectNotSeen, .lost, nil:
      endChallenge(
        station, .failed,
        "\(pack), \(open.verdict.phrase): \(outcome?.phrase ?? "unknown outcome")",
        actor: "", now: now)
    }
  }

  /// A unit of a challenge without an end shows that the gate's way is not watched.
  mutating func challengeUnitMissing(_ open: OpenUnit, station: Int, now: Instant) {
    guard open.challenge != 0, stations[station].challenge?.number == open.challenge else { return }
    endChallenge(
      station, .failed, "unit \(open.unit), \(open.verdict.phrase): no outcome came", actor: "",
      now: now)
  }

  mutating func endChallenge(
    _ station: Int, _ result: ChallengeResult, _ detail: String, actor: String, now: Instant
  ) {
    guard let challenge = stations[station].challenge else { return }
    let name = stations[station].settings.name
    emit(
      Record(
        .challengeEnded, station: station, code: result.rawValue, number: challenge.number,
        actor: actor.isEmpty ? challenge.actor : actor, detail: detail))
    switch result {
    case .passed:
      endAlarm(.challengeFailed, place: name)
      endAlarm(.challengeDue, place: name)
      notice(
        .challenge, .notice,
        "challenge test at station \(name) passed, \(challenge.actor)", station: station)
    case .failed:
      let message = "challenge test at station \(name) failed: \(detail)"
      raise(.challengeFailed, place: name, message: message, again: true)
      withdrawPermit(.challengeDue, station: station, detail: message, now: now)
    case .cancelled:
      notice(
        .challenge, .warning, "challenge test at station \(name) cancelled: \(detail)",
        station: station)
    }
  }
}
