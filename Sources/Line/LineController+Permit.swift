internal import Alarms

/// The run permit: who may give it, what takes it, whether the PLC follows.
extension LineController {
  /// Reasons whose cause is there now; a release is refused while one of them is.
  var conditions: StopReasons {
    @inline(__always)
    get {
      var standing: StopReasons = []
      if storageFault != nil { standing.insert(StopReasons(.storageFault)) }
      if runningBatch == nil { standing.insert(StopReasons(.noBatchRunning)) }
      if challengeIsDue { standing.insert(StopReasons(.challengeDue)) }
      if casesHoldRelease { standing.insert(StopReasons(.containment)) }
      // By index here and in what else runs for every event: a copy of a station counts references to all that is in it.
      for index in stations.indices {
        for scanner in stations[index].settings.scanners where !scannersOnline[scanner] {
          standing.insert(StopReasons(.scannerLost))
        }
        if stations[index].tracking.isInDoubt { standing.insert(StopReasons(.trackingInDoubt)) }
        guard
          stations[index].settings.tracksTriggers || !stations[index].settings.plc.isEmpty
        else { continue }
        guard let snapshot = stations[index].link.snapshot else {
          standing.insert(StopReasons(.linkLost))
          continue
        }
        if snapshot.mapVersion != 1 || snapshot.epoch == 0 {
          standing.insert(StopReasons(.wrongMapVersion))
        } else if !snapshot.inputs.isDisjoint(with: .notReady) {
          standing.insert(StopReasons(.machineNotReady))
        }
      }
      return standing
    }
  }

  /// All reasons that stand: causes that are there, and those that wait for a release.
  var reasons: StopReasons { permit ? [] : conditions.union(latched) }

  /// Every cause for which a release is refused now, each a sentence.
  func releaseObstacles() -> [String] {
    var causes: [String] = []
    if let storageFault { causes.append("storage fault: \(storageFault)") }
    if runningBatch == nil {
      causes.append("no batch is running: open one and start it (lineward batch start)")
    }
    if let running = runningBatch,
      let obstacle = batches[running].obstacle(under: settings)
    {
      causes.append(obstacle)
    }
    causes += caseObstacles()
    causes += printFeedObstacles()
    if stations.isEmpty { causes.append("the configuration has no station") }
    for (index, station) in stations.enumerated() {
      let name = station.settings.name
      for scanner in station.settings.scanners where !scannersOnline[scanner] {
        causes.append("station \(name): scanner \(settings.scanners[scanner].name) is offline")
      }
      switch station.tracking.state {
      case .inStep: break
      case .doubt:
        causes.append(
          "station \(name): tracking in doubt; keep scanner and trigger quiet for "
            + "\(station.settings.quiet.nanoseconds / 1_000_000) ms")
      case .early, .pending:
        causes.append("station \(name): a unit is at the scanner just now")
      }
      guard station.settings.tracksTriggers || !station.settings.plc.isEmpty else { continue }
      guard let snapshot = station.link.snapshot else {
        causes.append("station \(name): no link to PLC \(station.settings.plc)")
        continue
      }
      if let fault = mapFault(snapshot, station: index) {
        causes.append("station \(name): \(fault)")
      } else {
        if snapshot.inputs.contains(.rejectBinFull) {
          causes.append("station \(name): reject bin full")
        }
        if snapshot.inputs.contains(.guardOrEmergencyStop) {
          causes.append("station \(name): guard open or emergency stop")
        }
        if snapshot.inputs.contains(.airPressureLow) {
          causes.append("station \(name): reject air pressure low")
        }
        if snapshot.permitObeyed {
          causes.append(
            "station \(name): PLC \(station.settings.plc) has not followed the stop yet")
        }
        if let unit = station.verdictNotTaken {
          causes.append(
            "station \(name): PLC \(station.settings.plc) has not taken the verdict for unit \(unit)"
          )
        }
        if let sequence = station.outcomeUnreadable {
          causes.append(
            "station \(name): outcome \(sequence) of PLC \(station.settings.plc) cannot be read")
        }
      }
    }
    causes += stations.indices.compactMap(challengeObstacle)
    if causeStands(.secondStopUnreachable, place: ""),
      let alarm = alarms.alarm(.secondStopUnreachable, place: "")
    {
      causes.append(alarm.message)
    }
    for alarm in alarms.active
    where alarm.kind == .badPackPassed && alarm.life.isUnacknowledged {
      causes.append("alarm \(alarm.id) is not acknowledged: \(alarm.message)")
    }
    return causes
  }

  /// Takes the permit from the line, or notes one more reason while it stands already.
  mutating func withdrawPermit(
    _ reason: StopReason, station: Int = -1, actor: String = "", detail: String, now: Instant
  ) {
    let isNew = !latched.contains(StopReasons(reason))
    latched.insert(StopReasons(reason))
    if permit {
      permit = false
      permitOnDisk = false
      releaseDeadline = nil
      echoLostDeadline = nil
      stopDeadline = now + settings.limits.stopConfirm
      secondStopDeadline = stopDeadline
      emit(
        Record(
          .permitWithdrawn, station: station, code: reason.rawValue,
          number: UInt32(reasons.rawValue),
          actor: actor, detail: detail))
      notice(
        .permitWithdrawn, .error, "run permit withdrawn: \(reason.phrase): \(detail)",
        station: station)
    } else if isNew || !actor.isEmpty {
      // What a person ordered is recorded every time.
      emit(
        Record(
          .stopReason, station: station, code: reason.rawValue, number: UInt32(reasons.rawValue),
          actor: actor, detail: detail))
    }
    commandStop(reason)
    switch reason {
    case .badPackPassed: withdrawAccepts(.notPermitted, now: now)
    case .containment: withdrawAccepts(.notPermitted, now: now)
    case .rejectNotConfirmed: withdrawAccepts(.notPermitted, now: now)
    case .trackingInDoubt: withdrawAccepts(.trackingInDoubt, now: now)
    case .storageFault: withdrawAccepts(.storageFault, now: now)
    case .startUp, .operatorStop, .scannerLost, .limitExceeded, .noBatchRunning, .linkLost,
      .machineNotReady, .wrongMapVersion, .challengeDue:
      break
    }
    emitHeaders()
  }

  /// Every accept that has no outcome is taken back (contract, "Withdrawing").
  mutating func withdrawAccepts(_ verdict: Verdict, now: Instant) {
    for index in stations.indices {
      for open in stations[index].openUnits where open.verdict == .accept && !open.isMissing {
        withdraw(open, station: index, verdict)
      }
    }
  }

  /// Takes one accept back; the serial stays reserved until the unit's end is known.
  mutating func withdraw(_ open: OpenUnit, station: Int, _ verdict: Verdict) {
    emit(
      Record(
        .withdrawn, station: station, unit: open.unit, batch: open.batch, row: open.row,
        code: verdict.rawValue, state: stations[station].settings.gateOutcomes ? nil : .inactive))
    order(station: station, unit: open.unit, verdict)
  }

  /// Sends a verdict other than accept at once.
  mutating func order(station: Int, unit: UInt16, _ verdict: Verdict) {
    guard unit != 0, let generation = stations[station].link.generation else { return }
    outbox.actions.append(
      .order(station: station, .verdict(generation: generation, unit: unit, verdict)))
  }

  /// Notices causes that came while the line was permitted.
  mutating func checkConditions(now: Instant) {
    guard permit else { return }
    let standing = conditions
    guard !standing.isEmpty else { return }
    for reason in standing.list {
      withdrawPermit(reason, detail: "the cause came while the line was permitted", now: now)
    }
  }

  /// Holds what the PLCs show against what was ordered.
  mutating func checkConfirmation(now: Instant) {
    checkSecondStop(now: now)
    var linked = 0
    var following = 0
    var standing = 0
    for index in stations.indices {
      guard let snapshot = stations[index].link.snapshot else { continue }
      linked += 1
      if snapshot.permitObeyed {
        if followsRelease(index) { following += 1 }
      } else if snapshot.showsStop {
        standing += 1
      }
    }
    if permit && permitOnDisk {
      let all = linked > 0 && following == linked
      if let deadline = releaseDeadline {
        if all {
          releaseDeadline = nil
          endAlarm(.releaseNotConfirmed, place: "")
        } else if now >= deadline {
          raise(
            .releaseNotConfirmed, place: "",
            message: "the PLC did not follow the release within "
              + "\(settings.limits.stopConfirm.nanoseconds / 1_000_000) ms", again: true)
          withdrawPermit(.limitExceeded, detail: "the PLC did not follow the release", now: now)
        }
      } else if all {
        echoLostDeadline = nil
      } else if let deadline = echoLostDeadline {
        if now >= deadline {
          raise(
            .releaseNotConfirmed, place: "", message: "the PLC stopped the line by itself",
            again: true)
          withdrawPermit(.machineNotReady, detail: "the PLC stopped the line by itself", now: now)
        }
      } else {
        echoLostDeadline = now + settings.limits.stopConfirm
      }
      return
    }
    guard !permit, let deadline = stopDeadline, linked > 0 else { return }
    if standing == linked {
      stopDeadline = nil
      emit(Record(.stopConfirmed))
      notice(.stopConfirmed, .notice, "stop confirmed: the PLC obeys and the conveyor stands")
      endAlarm(.stopNotConfirmed, place: "")
    } else if now >= deadline {
      stopDeadline = Instant(nanoseconds: Int64.max)
      raise(
        .stopNotConfirmed, place: "",
        message: "the stop was not confirmed within "
          + "\(settings.limits.stopConfirm.nanoseconds / 1_000_000) ms: "
          + "the PLC does not obey, or the conveyor still moves", again: true)
      withdrawPermit(.limitExceeded, detail: "stop not confirmed", now: now)
    }
  }

  /// Sends each station's header when something in it changed.
  ///
  /// A permit of 1 waits for its record.
  mutating func emitHeaders() {
    let effective = permit && permitOnDisk
    let reason = permit ? 0 : (reasons.gravest?.rawValue ?? 0)
    let unacknowledged = alarms.unacknowledgedCount
    var light: HostHeader.StackLight = []
    if effective {
      light.insert(.green)
    } else if !reasons.subtracting([
      StopReasons(.startUp), StopReasons(.operatorStop), StopReasons(.noBatchRunning),
    ]).isEmpty {
      light.insert(.red)
    }
    if unacknowledged > 0 {
      light.insert(.amber)
      if alarms.active.contains(where: {
        $0.state.isUnacknowledged && $0.kind.priority.rawValue >= AlarmKind.Priority.high.rawValue
      }) {
        light.insert(.horn)
      }
    }
    for index in stations.indices {
      let header = HostHeader(
        generation: stations[index].link.generation ?? 0, permit: effective, stopReason: reason,
        stackLight: light, alarmsUnacknowledged: UInt16(clamping: unacknowledged),
        command: stations[index].command, commandNumber: stations[index].commandNumber)
      guard header != stations[index].sentHeader else { continue }
      stations[index].sentHeader = header
      outbox.actions.append(.order(station: index, .header(header)))
    }
  }
}
