internal import Configuration
internal import Control
internal import Devices
internal import Journal
internal import Line
internal import PLCLink
internal import Records

// What devices and records say of themselves, in the words of the control socket and the journal.

extension Composition {
  static func scannerReplies(_ configuration: Configuration, _ bank: ScannerBank) -> [ScannerReply]
  {
    zip(configuration.scanners, bank.health).map { scanner, health in
      ScannerReply(
        name: scanner.name, transport: "serial", device: scanner.device,
        online: health.onlineSince != nil, reason: health.fault, messages: Int(health.messages),
        lastMessageAt: health.lastMessageAt.map { text(of: $0) })
    }
  }

  static func plcReplies(
    _ configuration: Configuration, _ links: [PLCLink], _ status: LineStatus
  ) -> [PLCReply] {
    zip(configuration.plcs, links).enumerated().map { index, pair in
      let (plc, link) = pair
      let health = link.health
      let station = configuration.stations.firstIndex { $0.plc == index }
      let snapshot = station.flatMap { status.stations[$0].plc }
      return PLCReply(
        name: plc.name, transport: "tcp", address: "\(plc.host):\(plc.port)",
        online: snapshot != nil, reason: snapshot == nil ? reason(health) : "",
        epoch: snapshot.map { Int($0.epoch) }, permitObeyed: snapshot?.permitObeyed,
        conveyorMoving: snapshot?.inputs.contains(.conveyorMoving),
        stateCurrent: snapshot.map { Int($0.stateCurrent) }, connections: Int(health.connections))
    }
  }

  /// Why a link is not in step; never empty, because nobody can mend what says nothing.
  private static func reason(_ health: PLCLink.Health) -> String {
    if !health.lastFault.isEmpty { return health.lastFault }
    guard health.telegrams > 0 else { return "it has not answered yet" }
    return "not in step yet: \(health.telegrams) telegrams were answered, the last in "
      + "\(health.responseLast.nanoseconds / 1_000_000) ms"
  }

  /// Wall time of a monotonic moment, by the clocks as they stand now.
  private static func text(of moment: Instant) -> String {
    let ago = (Clock.now - moment).nanoseconds / 1_000_000
    return WallTime.text(milliseconds: Clock.wall - ago)
  }
}

extension ImportProblem {
  /// For the control socket: exit 65 where the file is wrong, 75 where our own storage is.
  var failure: Failure {
    isOfStorage ? .storageFault(message) : .badInput(message)
  }
}

extension StorageFault {
  /// How the daemon ends when it cannot open its records at the start (sysexits).
  var exitStatus: Int32 {
    switch code {
    case .secondDaemon, .locked: 75
    default: 74
    }
  }
}

extension Notice.Topic {
  /// The journal's id for this topic.
  var messageID: MessageID? {
    switch self {
    case .permitGiven: .permitGiven
    case .permitWithdrawn: .permitWithdrawn
    case .stopConfirmed: .stopConfirmed
    case .batchOpened: .batchOpened
    case .batchStarted: .batchStarted
    case .batchPaused: .batchPaused
    case .batchClosed: .batchClosed
    case .linkUp: .linkUp
    case .linkLost: .linkLost
    case .plcRestarted: .plcRestarted
    case .scannerOnline: .scannerOnline
    case .scannerLost: .scannerLost
    case .printFeedOnline: .printFeedOnline
    case .printFeedLost: .printFeedLost
    case .trackingInDoubt: .trackingInDoubt
    case .trackingInStep: .trackingInStep
    case .unitRejected: .unitRejected
    case .badPackPassed: .badPackPassed
    case .rejectNotConfirmed: .rejectNotConfirmed
    case .unitInDoubt: .unitInDoubt
    case .challenge: .challenge
    case .alarmRaised: .alarmRaised
    case .alarmReturned: .alarmReturned
    case .alarmAcknowledged: .alarmAcknowledged
    case .alarmReset: .alarmReset
    case .commandRefused: .commandRefused
    case .storageFault: .storageFault
    case .reloaded: .reloaded
    case .keyRotated: .keyRotated
    }
  }
}
