internal import Configuration
internal import Control
internal import Devices
internal import Dispatch
internal import Journal
internal import Line
internal import PLCLink
internal import Records
internal import Synchronization

// What devices and records say of themselves, in the words of the control socket and the journal.

extension Composition {
  static func scannerReplies(_ configuration: Configuration, _ bank: ScannerBank) -> [ScannerReply]
  {
    zip(configuration.scanners, zip(bank.places, bank.health)).map { scanner, found in
      let (place, health) = found
      let faults = health.faults
      return ScannerReply(
        name: scanner.name, profile: scanner.profile,
        transport: scanner.transport.word, device: place, online: health.onlineSince != nil,
        reason: health.fault, messages: Int(health.messages),
        lastMessageAt: health.lastMessageAt.map { text(of: $0) },
        activity: ScannerReply.Activity(
          noReads: Int(health.noReads), readsPerMinute: health.readsPerMinute,
          answers: Int(health.answers), lastHeartbeatAt: health.heartbeatAt.map { text(of: $0) },
          refusedConnections: Int(health.refused)),
        faults: ScannerReply.Faults(
          overlong: Int(faults.framing.overlong), withoutPrefix: Int(faults.framing.withoutPrefix),
          cut: Int(faults.framing.cut), paused: Int(faults.framing.paused),
          spoiled: Int(faults.framing.spoiled), charactersInError: Int(faults.charactersInError),
          charactersLost: Int(faults.lost), breaks: Int(faults.breaks)))
    }
  }

  static func plcReplies(
    _ configuration: Configuration, _ links: Links, _ status: LineStatus
  ) -> [PLCReply] {
    configuration.plcs.enumerated().map { index, plc in
      let health = links.health(of: index)
      let station = configuration.stations.firstIndex { $0.plc == index }
      let snapshot = station.flatMap { status.stations[$0].plc }
      // A PLC without a station, for the second way to stop, has nothing but its connection.
      let isOnline = station == nil ? health.connectedSince != nil : snapshot != nil
      let state = snapshot.flatMap { snapshot in
        PackML.Profile.allCases.first { $0.word == plc.packML }?.state(snapshot.stateCurrent)
      }
      var transport = "tcp"
      if case .rtu = plc.transport { transport = "rtu" }
      return PLCReply(
        name: plc.name, transport: transport, address: plc.address,
        online: isOnline, reason: isOnline ? "" : reason(health),
        epoch: snapshot.map { Int($0.epoch) }, permitObeyed: snapshot?.permitObeyed,
        conveyorMoving: snapshot?.inputs.contains(.conveyorMoving),
        stateCurrent: snapshot.map { Int($0.stateCurrent) }, state: state.map { "\($0)" },
        connections: Int(health.connections), telegrams: Int(health.telegrams),
        errors: Int(health.errors), responseP50: microseconds(health.responseMedian),
        responseP99: microseconds(health.responseP99),
        responseMax: microseconds(health.responseMax),
        dataAge: health.answeredAt.map { microseconds(Clock.now - $0) / 1000 },
        strayBytes: Int(health.strayBytes))
    }
  }

  /// Why a link is not in step; never empty, because nobody can mend what says nothing.
  private static func reason(_ health: PLCLink.Health) -> String {
    if !health.lastFault.isEmpty { return health.lastFault }
    guard health.telegrams > 0 else { return "it has not answered yet" }
    return "not in step yet: \(health.telegrams) telegrams were answered, the last in "
      + "\(health.responseLast.nanoseconds / 1_000_000) ms"
  }

  /// Both blocks of every station, as the PLCs have them now; for a queue of its own, since links are waited for.
  static func registersReplies(_ configuration: Configuration, _ links: Links) -> [RegistersReply] {
    // Beside each other: one that does not answer takes its time from no other.
    let gathered = Mutex<[UInt16: StationRegisters]>([:])
    let reads = DispatchGroup()
    for link in links.all {
      DispatchQueue(label: "lineward.registers").async(group: reads) {
        let stations = link.registers(within: registersWait) ?? []
        gathered.withLock { found in
          for station in stations { found[station.station] = station }
        }
      }
    }
    reads.wait()
    let found = gathered.withLock { $0 }
    return configuration.stations.enumerated().map { index, station in
      let seen = found[UInt16(index)]
      return RegistersReply(
        station: station.name, plc: configuration.plcs[station.plc].name,
        at: seen.map { text(of: $0.at) }, host: seen?.host.map { RegistersReply.Block($0) },
        plcBlock: seen?.plc.map { RegistersReply.Block($0) })
    }
  }

  /// So long a link is waited for: many times what it takes, and short enough for a person.
  private static let registersWait = Instant.Span.milliseconds(3000)

  private static func microseconds(_ span: Instant.Span) -> Int { Int(span.nanoseconds / 1000) }

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
    // Each kind of alarm has an id of its own.
    case .alarmRaised: nil
    case .alarmReturned: .alarmReturned
    case .alarmAcknowledged: .alarmAcknowledged
    case .alarmReset: .alarmReset
    case .alarmShelved: .alarmShelved
    case .alarmUnshelved: .alarmUnshelved
    case .alarmOutOfService: .alarmOutOfService
    case .alarmInService: .alarmInService
    case .alarmFlood: .alarmFlood
    case .alarmRemarked: .alarmRemarked
    case .commandRefused: .commandRefused
    case .storageFault: .storageFault
    case .reloaded: .reloaded
    case .keyRotated: .keyRotated
    case .secondStop: .secondStop
    case .packMLCommand: .packMLCommand
    case .containment: .containment
    }
  }
}

extension RegistersReply.Block {
  init(_ block: StationRegisters.Block) {
    self.init(
      registers: block.header.map {
        RegistersReply.Register(address: $0.address, name: $0.name, value: Int($0.value))
      },
      slots: block.slots.map {
        RegistersReply.Slot(
          address: $0.address, sequence: Int($0.sequence), unit: Int($0.unit), word: Int($0.word),
          check: Int($0.check),
          state: $0.isRight.map { $0 ? "ok" : "wrong" } ?? "empty")
      })
  }
}
