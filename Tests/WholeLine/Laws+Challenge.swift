import Line

/// What the records on disk say of the challenge tests of a station.
struct StationChallenge {
  /// The one that runs; 0 none.
  var number: UInt32 = 0
  var packs: [UInt16] = []
  var confirmed: [UInt16] = []
  var hasFailed = false
  /// One was passed since the batch was started.
  var isPassed = false
}

/// The laws of the challenge test: while it runs nothing passes and no serial is touched; it passes only on rejects that were
/// seen, one for each of its packs; and where it is due, nothing passes without it.
extension Laws {
  func challenged(_ record: Record, _ station: Int) {
    switch record.kind {
    case .batchStarted:
      for index in stations.indices { stations[index].challenge.isPassed = false }
    case .permitGiven:
      for index in stations.indices where isChallengeDue(index) {
        broken("challenge: a permit was given while the test of station \(index + 1) was due")
      }
    case .verdict: sent(record, station)
    case .challengeStarted:
      if stations[station].challenge.number != 0 {
        broken("challenge: test \(record.number) began while another one ran")
      }
      stations[station].challenge.number = record.number
      stations[station].challenge.packs = record.raw.map { UInt16($0) }
      stations[station].challenge.confirmed = []
    case .challengeConfirmed: confirmed(record, station)
    case .challengeEnded: challengeEnded(record, station)
    default: break
    }
  }

  private func isChallengeDue(_ index: Int) -> Bool {
    let challenge = stations[index].challenge
    guard stations[index].hasOutcomes, challenge.number == 0 else { return false }
    return challenge.hasFailed || isChallengedAtStart && !challenge.isPassed
  }

  private func sent(_ record: Record, _ station: Int) {
    let running = stations[station].challenge.number
    if record.number != running {
      broken("challenge: unit \(record.unit) is of test \(record.number), and \(running) runs")
    }
    if running != 0, record.code == Verdict.accept.rawValue || record.state != nil {
      broken("challenge: unit \(record.unit) was accepted, or took a serial, during a test")
    }
    if record.code == Verdict.accept.rawValue, isChallengeDue(station) {
      broken("challenge: unit \(record.unit) was accepted while a test was due")
    }
  }

  private func confirmed(_ record: Record, _ station: Int) {
    let key = stations[station].key(record.unit)
    let challenge = stations[station].challenge
    guard let known = stations[station].known[key], challenge.number == record.number,
      known.challenge == record.number, known.verdict == record.code,
      known.outcome == Line.Outcome.rejected.rawValue, !known.isMissing,
      challenge.packs.contains(record.code), !challenge.confirmed.contains(record.code)
    else {
      broken(
        "challenge: unit \(record.unit) counts for test \(record.number) without a seen reject")
      return
    }
    stations[station].challenge.confirmed.append(record.code)
    stations[station].known[key]?.isConfirmed = true
  }

  private func challengeEnded(_ record: Record, _ station: Int) {
    let challenge = stations[station].challenge
    if challenge.number != record.number {
      broken("challenge: test \(record.number) ended, and \(challenge.number) runs")
    }
    switch ChallengeResult(rawValue: record.code) {
    case .passed:
      if Set(challenge.packs) != Set(challenge.confirmed) {
        broken("challenge: test \(record.number) passed without all of its packs")
      }
      challengesPassed += 1
      stations[station].challenge.isPassed = true
      stations[station].challenge.hasFailed = false
    case .failed: stations[station].challenge.hasFailed = true
    case .cancelled: break
    case nil: broken("challenge: test \(record.number) has no result")
    }
    stations[station].challenge.number = 0
  }
}
