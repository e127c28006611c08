internal import Alarms
internal import ArgumentParser
internal import Configuration
internal import Control
internal import Devices
internal import Dispatch
internal import Glibc
internal import Journal
internal import Line
internal import Logging
internal import PLCLink
internal import Records
internal import Rings
internal import Threads
internal import Synchronization

/// Joins the rooms to one daemon and takes them apart again in order.
final class Composition: Sendable {
  /// Bytes for scanner messages between devices and loop: 1 MiB holds more than a thousand of the longest, which is
  /// longer than the watchdog lets the loop stand still at 1,200 packs a minute.
  static let frameRingBytes = 1 << 20
  /// Lines of the print feed between its thread and the loop: 14 minutes of printing at 1,200 packs a minute, 512 KiB.
  static let printRingLines = 1 << 14

  private let path: String
  private let started: Configuration
  private let layouts: [String: Layouts]
  private let roles: Mutex<Roles>
  /// What was loaded last.
  private let current: Mutex<Configuration>
  private let logger: Logger

  init(path: String, configuration: Configuration, layouts: [String: Layouts]) throws {
    self.path = path
    started = configuration
    self.layouts = layouts
    current = Mutex(configuration)
    logger = ServiceManager.logger(identifier: "linewardd")
    roles = Mutex(try Composition.roles(of: configuration))
  }

  /// Runs until a signal ends it.
  ///
  /// - Throws: An exit status, after having said why.
  func run() throws {
    // Signals are taken by sources, from the first moment on.
    for number in [SIGTERM, SIGINT, SIGHUP] { signal(number, SIG_IGN) }
    let logger = logger
    let notices = NoticeLog(logger)
    let configuration = started

    let recovery: LineLoop.Recovery
    do throws(StorageFault) {
      recovery = try Composition.recover(configuration, logger)
    } catch {
      logger.critical(
        "\(error.message)", metadata: ["message-id": "\(MessageID.storageFault.text)"])
      throw ExitCode(error.exitStatus)
    }

    // Descriptors of Modbus have to stay below 1024 (libmodbus uses select), so links come first.
    let frames = FrameRing(capacity: Composition.frameRingBytes)
    let printRing = PrintRing(capacity: Composition.printRingLines)
    let loopBox = LoopBox()
    let links = Links(
      configuration, core: recovery.core, loopTurns: { loopBox.turns }, wake: { loopBox.ring() })
    let secondStop = configuration.secondStop.map { settings in
      SecondStop(settings, links: links, ended: { loopBox.secondStopEnded($0) })
    }
    let linkOfStation = configuration.stations.map { links.place(of: $0.plc).link }
    let courier = HeadCourier(
      logger: logger, destinations: Composition.headDestinations(configuration),
      tell: { loopBox.send($0) })
    let alerter = Alerter(
      logger: logger, contacts: configuration.contacts, alerting: configuration.alerting,
      ask: { body in loopBox.send(.look { body(Alerter.Basis($0)) }) },
      tell: { loopBox.send(.event(.containment($0))) })
    let checkBox = Mutex<SystemCheck?>(nil)
    let loop = LineLoop(
      recovery: recovery, frames: frames, plcRings: links.all.map(\.events), printRing: printRing,
      recover: { () throws(StorageFault) in try Composition.recover(configuration, logger) },
      post: { station, order in
        linkOfStation[station].post(StationOrder(station: UInt16(station), order: order))
      }, secondStop: { secondStop?.take() },
      containment: { order in
        switch order {
        case .alert(let number, let escalation): alerter.alert(number, escalation)
        case .snapshot(let number): checkBox.withLock { $0 }?.take(number)
        }
      }, notices: { notices.write($0) },
      heads: { courier.send($0) })
    loopBox.set(loop)
    let wedges = Composition.wedges(configuration, layouts)
    let bank = ScannerBank(
      configuration.scanners.map { Composition.scannerSettings($0, wedge: wedges[$0.name]) },
      frames: frames,
      wake: { loop.bell.ring() })

    let check = SystemCheck(
      .init(
        directory: configuration.storage.directory, minFree: configuration.storage.minFree,
        path: path, configuration: { self.current.withLock { $0 } },
        scanners: { Composition.scannerReplies(configuration, bank) },
        plcs: { Composition.plcReplies(configuration, links, $0) },
        registers: { Composition.registersReplies(configuration, links) }),
      look: { loop.send(.look($0)) }, tell: { loop.send(.event(.containment($0))) })
    checkBox.withLock { $0 = check }

    let feed = configuration.printFeed.map {
      PrintFeed(
        Composition.transport($0.transport), ring: printRing, wake: { loop.bell.ring() })
    }

    let signing = Signing(
      loop: loop, authenticator: Authenticator(path: configuration.control.authSocket),
      roles: { self.roles.withLock { $0 } })
    let desk = ControlDesk(
      loop: loop, signing: signing, hasPrintFeed: feed != nil,
      directory: configuration.storage.directory,
      minFree: configuration.storage.minFree,
      roles: { self.roles.withLock { $0 } },
      scanners: { Composition.scannerReplies(configuration, bank) }, wedges: wedges, bank: bank,
      plcs: { Composition.plcReplies(configuration, links, $0) },
      registers: { Composition.registersReplies(configuration, links) },
      cases: CaseDesk(
        loop: loop, directory: configuration.storage.directory, alerter: alerter))
    let status = StatusFeed { desk.status($0) }
    let server: ControlServer
    do throws(ControlServer.SocketError) {
      if let descriptor = ServiceManager.controlSocket() {
        server = ControlServer(
          listening: descriptor, status: status,
          handler: { desk.handle($0, peer: $1, descriptor: $2, responder: $3) })
      } else {
        server = try ControlServer(
          path: configuration.control.socket, status: status,
          handler: { desk.handle($0, peer: $1, descriptor: $2, responder: $3) })
      }
    } catch {
      logger.critical("\(error.description)")
      throw ExitCode(73)
    }

    let metricsQueue = DispatchQueue(label: "lineward.metrics", qos: .utility)
    let web: WebServer?
    do throws(ControlServer.SocketError) {
      web = try configuration.web.map { place throws(ControlServer.SocketError) in
        try WebServer(
          place: WebServer.Place(place), status: status,
          metrics: { answer in
            loop.send(
              .look { core in
                let status = core.status
                // The disk may take its time.
                metricsQueue.async {
                  answer(
                    Metrics(
                      status: status, counts: loop.metrics,
                      links: configuration.plcs.indices.map {
                        (configuration.plcs[$0].name, links.health(of: $0))
                      },
                      scanners: Array(zip(configuration.scanners.map(\.name), bank.health)),
                      directory: configuration.storage.directory
                    ).text)
                }
              })
          })
      }
    } catch {
      logger.critical("\(error.description)")
      throw ExitCode(73)
    }

    for remark in configuration.remarks + configuration.contactRemarks
      + configuration.signatureRemarks
    {
      logger.warning("\(path): \(remark)")
    }
    alerter.start()
    loop.start()
    for link in links.all where !link.start() {
      logger.critical("no thread for a PLC link: the machine is out of resources")
      throw ExitCode(71)
    }
    guard bank.start() else {
      logger.critical("no thread for the scanners: the machine is out of resources")
      throw ExitCode(71)
    }
    if let feed, !feed.start() {
      logger.critical("no thread for the print feed: the machine is out of resources")
      throw ExitCode(71)
    }
    server.start()
    web?.start()
    logger.notice(
      "Lineward \(LinewardDaemon.version) runs line \(configuration.line.id); the permit is 0 until line release",
      metadata: ["message-id": "\(MessageID.started.text)"])
    ServiceManager.ready(status: "line \(configuration.line.id) is watched")

    let surroundings = Surroundings(
      directory: configuration.storage.directory, minFree: configuration.storage.minFree,
      logger: logger, tell: { loop.send(.event($0)) })
    surroundings.start()
    let secondStopWatch = secondStop?.watch { loop.send(.event($0)) }
    if secondStop == nil {
      // One that is no longer configured is missed by nobody.
      loop.send(.event(.surroundings(.secondStopUnreachable, stands: false, message: "")))
    }
    courier.start()
    let keeper = StateKeeper(
      directory: configuration.storage.directory, logger: logger,
      ask: { if !loop.send(.settled($0)) { $0(nil) } })
    keeper.start()
    let watchdog = watchdog(loop: loop, links: links.all, bank: bank, feed: feed)
    watchdog?.start()
    waitForSignals { self.reload(loop: loop, alerter: alerter) }

    ServiceManager.stopping()
    logger.notice("Lineward ends", metadata: ["message-id": "\(MessageID.stopping.text)"])
    surroundings.stop()
    secondStopWatch?.cancel()
    keeper.stop()
    web?.stop()
    server.stop()
    // The permit falls and is recorded first; then the links tell the PLC and go.
    let stopped = DispatchSemaphore(value: 0)
    loop.send(.command(.shutDown, actor: "") { _ in stopped.signal() })
    _ = stopped.wait(timeout: .now() + .seconds(5))
    for link in links.all { link.stop() }
    bank.stop()
    feed?.stop()
    watchdog?.stop()
    loop.stop()
    alerter.stop()
    courier.stop(seconds: 5)
    if let end = loop.end { keeper.saveAtRest(end) }
    notices.drain()
  }

  // MARK: Start

  /// Opens the records and replays them into a core: the one way back after a start, a crash and a storage fault.
  static func recover(
    _ configuration: Configuration, _ logger: Logger
  ) throws(StorageFault) -> LineLoop.Recovery {
    var recovery = try LineLoop.Recovery.replayed(
      directory: configuration.storage.directory, settings: Composition.lineSettings(configuration))
    if let remark = recovery.remark { logger.warning("\(remark)") }
    recovery.core.begin(
      detail: "Lineward \(LinewardDaemon.version)",
      recorded: RecordedSettings.encoded(recovery.core.settings), wall: Clock.wall,
      now: Clock.now, boot: recovery.store.bootName)
    if let exchange = recovery.store.keyExchange {
      recovery.core.step(
        .surroundings(.signingKeyExchanged, stands: true, message: exchange), now: Clock.now,
        wall: Clock.wall)
    }
    return recovery
  }

  static func lineSettings(_ configuration: Configuration) -> LineSettings {
    LineSettings(
      line: configuration.line.id,
      scanners: configuration.scanners.map {
        ScannerSettings(
          name: $0.name, noReads: $0.noReads, requireSymbology: $0.requireSymbology,
          gradeSeparator: $0.gradeSeparator, codeSeparator: $0.codeSeparator)
      },
      stations: configuration.stations.map {
        StationSettings(
          name: $0.name, plc: configuration.plcs[$0.plc].name, scanners: $0.scanners,
          slots: $0.slots, tracksTriggers: $0.tracksTriggers,
          readTimeout: Instant.Span($0.readTimeout), earlyRead: Instant.Span($0.earlyRead),
          quiet: Instant.Span($0.quiet), silentIsDoubt: $0.silentIsDoubt,
          gateOutcomes: $0.gateOutcomes,
          packML: packML(configuration.plcs[$0.plc].packML),
          verdictDeadline: $0.verdictDeadline.map { Instant.Span($0) })
      },
      limits: LineSettings.Limits(
        consecutiveRejects: configuration.limits.consecutiveRejects,
        consecutiveNoReads: configuration.limits.consecutiveNoReads,
        printedNotRead: configuration.limits.printedNotRead,
        duplicates: configuration.limits.duplicates,
        stopConfirm: Instant.Span(configuration.limits.stopConfirm),
        outcome: Instant.Span(configuration.limits.outcome)),
      minimumGradeTenths: configuration.minimumGradeTenths,
      orderWindow: configuration.orderWindow,
      challenge: LineSettings.Challenge(
        packs: configuration.challenge.packs.compactMap(Verdict.init(challengePack:)),
        everyHours: configuration.challenge.everyHours,
        afterBatchStart: configuration.challenge.afterBatchStart,
        timeout: Instant.Span(configuration.challenge.timeout)),
      printFeed: configuration.printFeed.map {
        LineSettings.PrintFeed(stall: Instant.Span($0.stall), lowMark: $0.lowMark)
      }, secondStop: SecondStop.words(configuration),
      containment: LineSettings.Containment(
        opensOn: Set(configuration.containment.opensOn),
        playbook: configuration.containment.playbook),
      signatures: LineSettings.Signatures(
        closeUnbalanced: configuration.signatures.closeUnbalanced,
        release: signingRoles(configuration), tries: configuration.signatures.tries,
        lockMinutes: UInt32(configuration.signatures.lockMinutes)))
  }

  private static func transport(
    _ transport: Configuration.PrintFeed.Transport
  ) -> PrintFeed.Transport {
    switch transport {
    case .unix(let path): .unix(path: path)
    case .tcp(let address, let port): .tcp(address: address, port: port)
    case .serial(let device, let baud): .serial(device: device, baud: baud)
    }
  }

  private static func packML(_ word: String) -> PackML.Profile? {
    PackML.Profile.allCases.first { $0.word == word }
  }

  private static func headDestinations(_ configuration: Configuration) -> [HeadDestination] {
    let storage = configuration.storage
    let timeout = Instant.Span(storage.headsTimeout)
    var destinations = storage.headsFile.map { [HeadDestination.file($0, timeout: timeout)] } ?? []
    if !storage.headsCommand.isEmpty {
      destinations.append(.command(storage.headsCommand, timeout: timeout))
    }
    return destinations
  }

  /// The scanners that type, by name; their proofs lie beside the records.
  static func wedges(
    _ configuration: Configuration, _ layouts: [String: Layouts]
  ) -> [String: Wedge] {
    var wedges: [String: Wedge] = [:]
    for scanner in configuration.scanners {
      guard let layouts = layouts[scanner.name] else { continue }
      let folder = configuration.storage.directory + "/scanners"
      mkdir(folder, 0o750)
      // A name may hold what no file name may.
      let name = scanner.name.utf8.map { String($0, radix: 16) }.joined()
      wedges[scanner.name] = Wedge(
        name: scanner.name, proof: "\(folder)/\(name).json",
        layout: layouts.own, others: layouts.others)
    }
    return wedges
  }

  /// The layouts of one scanner that types: its own, and all that could be meant instead.
  struct Layouts: Sendable {
    var own: KeyboardLayout
    var others: [KeyboardLayout]
  }

  /// The layouts of the scanners that type, by name; the form of their files was read with the configuration.
  ///
  /// - Throws: A problem for each scanner whose own layout cannot be used; another one that cannot is passed over.
  static func layouts(
    _ configuration: Configuration, file: String
  ) throws(ConfigurationProblems) -> [String: Layouts] {
    var layouts: [String: Layouts] = [:]
    var problems: [ConfigurationProblem] = []
    for scanner in configuration.scanners {
      guard case .keyboard(let layout, let others, _) = scanner.transport else { continue }
      do throws(KeyboardLayout.Problem) {
        layouts[scanner.name] = Layouts(
          own: try KeyboardLayout(name: layout.name, keys: layout.keys),
          others: others.compactMap { try? KeyboardLayout(name: $0.name, keys: $0.keys) })
      } catch {
        problems.append(
          ConfigurationProblem(
            file: file, key: "scanner.layout",
            sentence: "scanner \(scanner.name) cannot use the layout \(layout.name): \(error)"))
      }
    }
    guard problems.isEmpty else { throw ConfigurationProblems(problems: problems) }
    return layouts
  }

  static func scannerSettings(
    _ scanner: Configuration.Scanner, wedge: Wedge? = nil
  ) -> ScannerBank.Scanner {
    var talk = ScannerTalk()
    talk.noReads = scanner.noReads
    talk.answers = scanner.answers
    talk.heartbeat = scanner.heartbeat
    talk.silence = Instant.Span(scanner.heartbeatWithin)
    talk.setup = scanner.setup.map { ScannerTalk.Command(send: $0.send, answer: $0.answer) }
    talk.setupTimeout = Instant.Span(scanner.setupTimeout)
    talk.triggersAtOpening = scanner.triggersAtOpening
    if !scanner.triggerOn.isEmpty {
      talk.trigger = ScannerTrigger(on: scanner.triggerOn, off: scanner.triggerOff)
    }
    switch scanner.transport {
    case .hid, .keyboard:
      // A profile's commands are for a line or socket: reports and keys take none.
      talk.setup = []
      talk.trigger = nil
    case .serial, .client, .server: break
    }
    // Keys cannot be triggered, whatever a profile says.
    if case .keyboard = scanner.transport { talk.triggersAtOpening = false }
    return ScannerBank.Scanner(
      name: scanner.name, way: way(of: scanner, wedge),
      framing: ScannerFraming(
        prefix: scanner.prefix, suffix: scanner.suffix, gap: scanner.gap.map { Instant.Span($0) },
        messageLengthMax: scanner.messageMax), talk: talk)
  }

  private static func way(of scanner: Configuration.Scanner, _ wedge: Wedge?) -> ScannerWay {
    let device: WantedDevice.Way =
      switch scanner.device {
      case .path(let path)?: .path(path)
      case .match(let match)?:
        .match(
          DeviceMatch(
            vendor: match.vendor, product: match.product, serial: match.serial, port: match.port))
      case nil: .path("")
      }
    return switch scanner.transport {
    case .hid: .hid(device)
    case .keyboard(_, _, let separatorIsF8):
      if let wedge {
        .keyboard(
          device, suffix: scanner.suffix == [0x09] ? .tab : .enter, separatorIsF8: separatorIsF8,
          wedge: wedge)
      } else {
        preconditionFailure("a scanner that types has what it is taught by")
      }
    case .serial:
      .serial(
        device,
        SerialSettings(
          baud: scanner.baud, dataBits: scanner.dataBits,
          parity: scanner.parity == "even" ? .even : scanner.parity == "odd" ? .odd : .none,
          stopBits: scanner.stopBits))
    case .client(let host, let port): .client(host: host, port: port)
    case .server(let address, let port, let only):
      .server(address: address, port: port, only: only)
    }
  }

  private static func roles(of configuration: Configuration) throws -> Roles {
    try Roles(
      [
        .operator: configuration.roles.operator, .supervisor: configuration.roles.supervisor,
        .quality: configuration.roles.quality, .maintenance: configuration.roles.maintenance,
      ], shared: configuration.roles.shared, release: signingRoles(configuration))
  }

  private static func signingRoles(_ configuration: Configuration) -> [Role] {
    configuration.signatures.release.compactMap { Role(rawValue: $0) }
  }

  // MARK: Running

  /// Sleeps until SIGTERM or SIGINT; `reload` is called for each SIGHUP.
  private func waitForSignals(reload: @escaping @Sendable () -> Void) {
    let queue = DispatchQueue(label: "lineward.signals")
    let ended = DispatchSemaphore(value: 0)
    let sources = [SIGTERM, SIGINT, SIGHUP].map { number in
      let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
      source.setEventHandler { @Sendable in
        if number == SIGHUP { reload() } else { ended.signal() }
      }
      source.resume()
      return source
    }
    ended.wait()
    for source in sources { source.cancel() }
  }

  /// Loads the configuration anew.
  ///
  /// Whatever is wrong with it, the daemon goes on with what it has.
  private func reload(loop: LineLoop, alerter: Alerter) {
    ServiceManager.reloading()
    defer { ServiceManager.ready(status: "line \(started.line.id) is watched") }
    let refused: Logger.Metadata = ["message-id": "\(MessageID.configurationRefused.text)"]
    let new: Configuration
    do throws(ConfigurationProblems) {
      new = try Configuration.load(path: path)
    } catch {
      for problem in error.problems {
        logger.error("reload refused: \(problem.description)", metadata: refused)
      }
      logger.error("the configuration that runs stays", metadata: refused)
      return
    }
    let fixed = new.needsRestart(from: started)
    guard fixed.isEmpty, let newRoles = try? Composition.roles(of: new) else {
      logger.error(
        """
        reload refused: \(path): \(fixed.joined(separator: ", ")) changed, which needs a restart and so stops the \
        line; the configuration that runs stays
        """,
        metadata: refused)
      return
    }
    let logger = logger
    let done = DispatchSemaphore(value: 0)
    let settings = Composition.lineSettings(new)
    loop.send(
      .command(
        .reload(settings, detail: path, recorded: RecordedSettings.encoded(settings)),
        actor: "SIGHUP"
      ) { result in
        switch result {
        // All of a file or nothing of it: roles change only once the rest is on disk.
        case .done:
          self.roles.withLock { $0 = newRoles }
          self.current.withLock { $0 = new }
          alerter.use(new)
        case .refused(let reason, _), .unknown(let reason), .notPermitted(let reason),
          .storageFault(let reason):
          logger.error(
            "reload refused: \(reason); the configuration that runs stays", metadata: refused)
        }
        done.signal()
      })
    _ = done.wait(timeout: .now() + .seconds(5))
  }

  private func watchdog(
    loop: LineLoop, links: [PLCLink], bank: ScannerBank, feed: PrintFeed?
  ) -> Watchdog? {
    guard let microseconds = ServiceManager.watchdogMicroseconds else { return nil }
    var pulses = [Watchdog.Pulse(name: "line loop") { loop.turns }]
    for link in links {
      pulses.append(Watchdog.Pulse(name: "PLC link \(link.settings.name)") { link.turns })
    }
    pulses.append(Watchdog.Pulse(name: "scanner thread") { bank.turns })
    if let feed { pulses.append(Watchdog.Pulse(name: "print feed thread") { feed.turns }) }
    let logger = logger
    // Three looks in each watchdog period: one that comes late does not cost a restart.
    return Watchdog(
      interval: .microseconds(Int(min(microseconds / 3, 60_000_000))), pulses: pulses,
      feed: { ServiceManager.feedWatchdog() },
      still: { name in
        logger.error(
          "the \(name) stands still; the watchdog is not fed",
          metadata: ["message-id": "\(MessageID.loopStandsStill.text)"])
      })
  }
}

extension WebServer.Place {
  init(_ place: Configuration.Web) {
    switch place {
    case .tcp(let address, let port): self = .tcp(address: address, port: port)
    case .unix(let path): self = .unix(path: path)
    }
  }
}

/// Lets links be made before the loop that they wake.
private final class LoopBox: Sendable {
  private let loop = Mutex<LineLoop?>(nil)

  func set(_ loop: LineLoop) { self.loop.withLock { $0 = loop } }

  var turns: UInt64 { loop.withLock { $0 }?.turns ?? 0 }

  func send(_ event: LineEvent) { _ = send(.event(event)) }

  func send(_ letter: LineLoop.Mail) -> Bool { loop.withLock { $0 }?.send(letter) ?? false }

  func ring() { loop.withLock { $0 }?.bell.ring() }

  func secondStopEnded(_ failure: String?) {
    _ = loop.withLock { $0 }?.send(.event(.secondStopEnded(failure: failure)))
  }
}
