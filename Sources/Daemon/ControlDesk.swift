internal import Alarms
internal import Containment
internal import Control
internal import Devices
internal import Dispatch
internal import Foundation
internal import Glibc
internal import Line
internal import PLCLink
internal import Records

/// Where commands from the control socket are answered, away from the line loop.
///
/// What changes the line is handed to the loop as a letter; what only looks asks the loop for a copy of what it needs, or
/// reads the records through a connection of its own.
final class ControlDesk: Sendable {
  private let loop: LineLoop
  let signing: Signing
  private let roles: @Sendable () -> Roles
  private let directory: String
  /// Whether a batch without `--print-order` takes its order from the feed.
  private let hasPrintFeed: Bool
  private let minFree: Int64
  private let scanners: @Sendable () -> [ScannerReply]
  /// The scanners that type, by name.
  private let wedges: [String: Wedge]
  private let bank: ScannerBank
  private let plcs: @Sendable (LineStatus) -> [PLCReply]
  private let registers: @Sendable () -> [RegistersReply]
  private let cases: CaseDesk
  /// Batches are imported one after the other: each needs the number and the serials of those before.
  private let importing = DispatchQueue(label: "lineward.import", qos: .utility)
  /// What the core holds is put into words here.
  private let showing = DispatchQueue(label: "lineward.showing")
  /// Looks at PLCs wait for their links.
  private let looking = DispatchQueue(label: "lineward.looking", qos: .utility)
  /// Long reads of records, one at a time so that they never take the machine from the line.
  private let reading = DispatchQueue(label: "lineward.reading", qos: .utility)

  init(
    loop: LineLoop, signing: Signing, hasPrintFeed: Bool, directory: String, minFree: Int64,
    roles: @escaping @Sendable () -> Roles,
    scanners: @escaping @Sendable () -> [ScannerReply], wedges: [String: Wedge], bank: ScannerBank,
    plcs: @escaping @Sendable (LineStatus) -> [PLCReply],
    registers: @escaping @Sendable () -> [RegistersReply], cases: CaseDesk
  ) {
    self.cases = cases
    self.loop = loop
    self.signing = signing
    self.hasPrintFeed = hasPrintFeed
    self.directory = directory
    self.minFree = minFree
    self.roles = roles
    self.scanners = scanners
    self.wedges = wedges
    self.bank = bank
    self.plcs = plcs
    self.registers = registers
  }

  /// Answers one request: first it is found out who asks.
  func handle(
    _ request: Request, peer: Peer, descriptor: PassedDescriptor?, responder: Responder
  ) {
    let command = request.command
    // A stop that the login may order waits for no password.
    guard let credentials = request.credentials, !command.onlyReads,
      !command.isStop || roles().refusal(of: command, to: peer) != nil
    else {
      handle(command, peer: peer, descriptor: descriptor, responder: responder)
      return
    }
    signing.identify(credentials, at: peer, for: command.words, responder) { [self] person in
      var peer = peer
      peer.person = person
      handle(command, peer: peer, descriptor: descriptor, responder: responder)
    }
  }

  private func handle(
    _ command: Command, peer: Peer, descriptor: PassedDescriptor?, responder: Responder
  ) {
    if let refusal = roles().refusal(of: command, to: peer) {
      responder.finish(.failure(refusal))
      return
    }
    switch command {
    case .status, .watch:
      status { responder.finish(.success(.status($0.withoutDetails))) }
    case .batchOpen(let id, let gtin, let lot, let expiry, let printOrder):
      guard let descriptor else {
        responder.finish(.failure(.usage("The serial file did not come with the command.")))
        return
      }
      openBatch(
        Opening(
          id: id, gtin: gtin, lot: lot, expiry: expiry,
          printed: printOrder ? .file : hasPrintFeed ? .feed : nil),
        descriptor: descriptor, peer: peer,
        responder: responder)
    case .batchStart(let id): order(.batchStart(id: id), peer, responder)
    case .batchPause(let id): order(.batchPause(id: id), peer, responder)
    case .batchClose(let id, let reason):
      reconcile(id, responder) { batch, result in
        let balance = BatchBalance(
          batch: batch.number, changes: batch.changes, reconciliation: result,
          reason: reason ?? "")
        self.order(.batchClose(id: batch.id, balance: balance), peer, responder)
      }
    case .batchReconcile(let id):
      reconcile(id, responder) { [directory] batch, result in
        responder.finish(ControlDesk.reply(batch, result, directory: directory))
      }
    case .batchShow(let id): showBatch(id, responder)
    case .batchList:
      look(responder) { core in
        .success(
          .batches(
            core.batches.map { batch in
              var reply = BatchReply(batch, core.archive(of: batch.number))
              reply.signatures = nil
              return reply
            }))
      }
    case .lineRelease: order(.release, peer, responder)
    case .lineStop(let reason): order(.stop(reason: reason), peer, responder)
    case .serial(let act, let serial, let gtin, let scan, let reason):
      guard !reason.isEmpty else {
        responder.finish(.failure(.usage("\(command.words) needs a reason.")))
        return
      }
      self.serial(
        act, Array(serial.utf8), gtin: gtin, evidence: Array((scan ?? "").utf8), reason: reason,
        peer, responder)
    case .unit(let serial, let gtin): unit(serial: serial, gtin: gtin, responder)
    case .alarms:
      look(responder) { core in .success(.alarms(core.alarms.listed.map(AlarmReply.init))) }
    case .alarmMetrics:
      look(responder) { core in
        .success(.alarmMetrics(AlarmMetricsReply(core.alarms.metrics(wall: Clock.wall))))
      }
    case .shelve(let id, let minutes, let reason):
      guard !reason.isEmpty else {
        responder.finish(.failure(.usage("\(command.words) needs a reason.")))
        return
      }
      order(.shelve(id: id, minutes: minutes, reason: reason), peer, responder)
    case .unshelve(let id): order(.unshelve(id: id), peer, responder)
    case .alarmOutOfService(let id, let reason):
      guard !reason.isEmpty else {
        responder.finish(.failure(.usage("\(command.words) needs a reason.")))
        return
      }
      order(.outOfService(id: id, reason: reason), peer, responder)
    case .alarmInService(let id): order(.inService(id: id), peer, responder)
    case .acknowledge(let id, let occurrence, let comment):
      order(
        .acknowledge(id: id, occurrence: occurrence, comment: comment ?? ""), peer, responder)
    case .reset(let id): order(.reset(id: id), peer, responder)
    case .challengeStart(let station): order(.challengeStart(station: station), peer, responder)
    case .challengeCancel(let station, let reason):
      guard !reason.isEmpty else {
        responder.finish(.failure(.usage("\(command.words) needs a reason.")))
        return
      }
      order(.challengeCancel(station: station, reason: reason), peer, responder)
    case .containment(let request): containment(request, peer, responder)
    case .scannersTeach(let name): teach(name, peer, responder)
    case .scannersTrigger(let name): trigger(name, peer, responder)
    case .scanners: responder.finish(.success(.scanners(scanners())))
    case .plcs:
      let plcs = plcs
      look(responder) { core in .success(.plcs(plcs(core.status))) }
    case .plcRegisters:
      let registers = registers
      looking.async { responder.finish(.success(.registers(registers()))) }
    case .recordsVerify: verify(responder)
    case .recordsExport(let batch):
      guard let descriptor else {
        responder.finish(.failure(.usage("The file for the export did not come with the command.")))
        return
      }
      export(batch, to: descriptor, peer, responder)
    case .recordsRotateKey(let reason): rotateKey(reason: reason, peer, responder)
    case .recordsArchive(let batch): archive(before: batch, peer, responder)
    case .containmentTestAlert: cases.test(peer, responder)
    case .containmentUnits(let id, _): cases.units(id, file: descriptor, on: reading, responder)
    case .containmentBundle(let id):
      guard let descriptor else {
        responder.finish(.failure(.usage("The file for the bundle did not come with the command.")))
        return
      }
      cases.bundle(id, file: descriptor, peer, on: reading, responder)
    }
  }

  /// Gives the status with its details as soon as the loop comes round.
  func status(_ answer: @escaping @Sendable (StatusReply) -> Void) {
    // The loop only hands out what the core holds; it is put into words elsewhere.
    loop.send(
      .look { [showing] core in
        let status = core.status
        showing.async { answer(StatusReply(status)) }
      })
  }

  // MARK: Scanners that type

  /// So long the test symbol is waited for.
  ///
  /// Shorter than a command line waits for an answer.
  private static let teachingLongest = Instant.Span.milliseconds(25_000)

  private func teach(_ name: String, _ peer: Peer, _ responder: Responder) {
    guard let wedge = wedges[name] else {
      let all = scanners().map(\.name)
      responder.finish(
        .failure(
          all.contains(name)
            ? .usage("Scanner \(name) does not type; only transport \"keyboard\" is taught.")
            : .notFound("There is no scanner \(name); there are \(all.joined(separator: ", ")).")))
      return
    }
    look(unlessRefused: responder) { [self] core in
      if core.status.permit {
        responder.finish(
          .failure(
            .refused("The line runs, and the test symbol is no pack: stop the line, then teach.")))
      } else {
        teach(wedge, name, peer, responder)
      }
    }
  }

  private func teach(_ wedge: Wedge, _ name: String, _ peer: Peer, _ responder: Responder) {
    let isTaken = wedge.teach(until: Clock.now + ControlDesk.teachingLongest) { [self] outcome in
      switch outcome {
      case .whole(let proof): taught(wedge, name, proof, peer, responder)
      case .other(let sentence):
        // An earlier proof has fallen with it.
        order(
          .scannerNotTaught(scanner: name, sentence: sentence), peer, responder)
      case .nothing:
        responder.finish(
          .failure(
            .refused(
              "Scanner \(name) is not taught: no scan came within 25 s; see lineward scanners.")
          ))
      }
    }
    // A scanner that is not plugged in looks at no time.
    reading.asyncAfter(deadline: .now() + .seconds(26)) { wedge.isTeaching(now: Clock.now) }
    if !isTaken {
      responder.finish(.failure(.refused("Scanner \(name) is being taught already.")))
    }
  }

  /// First on record, then in force.
  private func taught(
    _ wedge: Wedge, _ name: String, _ proof: WedgeProof, _ peer: Peer, _ responder: Responder
  ) {
    let detail = "\(name): device \(proof.device), layout \(proof.layout)"
    let taken = loop.send(
      .command(.scannerTaught(detail: detail), actor: peer.actor) { result in
        guard case .done = result else {
          responder.finish(result.reply)
          return
        }
        self.reading.async {
          do {
            try wedge.keep(proof)
            responder.finish(.success(.done("scanner \(name) is taught")))
          } catch {
            responder.finish(
              .failure(.storageFault("The proof for scanner \(name) cannot be kept: \(error)")))
          }
        }
      })
    if !taken { responder.finish(.failure(ControlDesk.overrun)) }
  }

  // MARK: Scanners that are triggered

  /// So long a read is waited for; a reader that sees nothing says so in less.
  private static let triggerLongest = Instant.Span.milliseconds(5000)

  /// First on record, then to the scanner.
  private func trigger(_ name: String, _ peer: Peer, _ responder: Responder) {
    let all = scanners().map(\.name)
    guard let scanner = all.firstIndex(of: name) else {
      responder.finish(
        .failure(
          .notFound("There is no scanner \(name); there are \(all.joined(separator: ", ")).")))
      return
    }
    let taken = loop.send(
      .command(.scannerTrigger(scanner: name), actor: peer.actor) { [bank] result in
        guard case .done = result else {
          responder.finish(result.reply)
          return
        }
        bank.trigger(scanner, within: ControlDesk.triggerLongest) { brought in
          responder.finish(ControlDesk.reply(brought, of: name))
        }
      })
    if !taken { responder.finish(.failure(ControlDesk.overrun)) }
  }

  private static func reply(
    _ brought: ScannerBank.Triggered, of name: String
  ) -> Result<CommandReply, Failure> {
    switch brought {
    case .read(let bytes): .success(.done("\(printable(bytes)) was read by scanner \(name)"))
    case .noRead(let bytes):
      .success(
        .done("\(printable(bytes)) came from scanner \(name), its word for no code seen"))
    case .nothing:
      .failure(.refused("Scanner \(name) was triggered, and nothing came within 5 s."))
    case .failed(let sentence): .failure(.refused("Scanner \(name) \(sentence)."))
    }
  }

  // MARK: To the loop

  /// The words of a peer's roles: those of the person who gave a password, otherwise of the login; root has all of them.
  func roleNames(of peer: Peer) -> Set<String> {
    let own =
      peer.person?.roles ?? (peer.uid == 0 ? Set(Role.allCases) : roles().roles(of: peer))
    return Set(own.map(\.rawValue))
  }

  /// Has the loop do something, signed where that is asked for and somebody gave a password.
  func order(_ command: LineCommand, _ peer: Peer, _ responder: Responder) {
    guard peer.person == nil else {
      signing.sign(peer, responder, with: command) { core in
        .success(core.signatureDemand(for: command))
      }
      return
    }
    let taken = loop.send(
      .command(command, actor: peer.actor) { result in
        responder.finish(result.reply)
      })
    if !taken { responder.finish(.failure(ControlDesk.overrun)) }
  }

  private func look(
    unlessRefused responder: Responder, _ body: @escaping @Sendable (LineController) -> Void
  ) {
    if !loop.send(.look(body)) { responder.finish(.failure(ControlDesk.overrun)) }
  }

  func look(
    _ responder: Responder,
    _ body: @escaping @Sendable (LineController) -> Result<CommandReply, Failure>
  ) {
    let taken = loop.send(.look { core in responder.finish(body(core)) })
    if !taken { responder.finish(.failure(ControlDesk.overrun)) }
  }

  static let overrun = Failure.busy(
    "The daemon has too many commands waiting; try again in a moment.")

  // MARK: Batches

  private struct Opening {
    var id: String
    var gtin: String
    var lot: String
    var expiry: String
    var printed: PrintOrder.Source?
  }

  private func showBatch(_ id: String?, _ responder: Responder) {
    look(responder) { core in
      if let id {
        guard let batch = core.batches.first(where: { $0.id == id }) else {
          return .failure(.notFound("There is no batch \(id)."))
        }
        return .success(.batch(BatchReply(batch, core.archive(of: batch.number))))
      }
      guard let current = core.status.batch ?? core.batches.last else {
        return .failure(.notFound("There is no batch yet; open one with lineward batch open."))
      }
      return .success(.batch(BatchReply(current, core.archive(of: current.number))))
    }
  }

  private static func reply(
    _ batch: Batch, _ result: Reconciliation, directory: String
  ) -> Result<CommandReply, Failure> {
    let rows = Set(result.unexplained.prefix(unexplainedMax).map(\.row))
    do {
      let serials = try SerialFile.serials(
        at: rows, in: SerialFile.path(number: batch.number, directory: directory))
      return .success(
        .reconciliation(ReconciliationReply(batch, result) { serials[$0] ?? "" }))
    } catch {
      return .failure(.storageFault("The serial file cannot be read now: \(error)"))
    }
  }

  /// Serials named one by one in a reply, so that it stays one that is read.
  static let unexplainedMax = 1000

  /// Reconciles the batch that a command means, away from the loop, and goes on with the result.
  private func reconcile(
    _ id: String?, _ responder: Responder,
    then: @escaping @Sendable (Batch, Reconciliation) -> Void
  ) {
    let directory = directory
    let reading = reading
    let taken = loop.send(
      .look { core in
        let batch: Batch
        do throws(LineController.Meaning) {
          batch = try core.batchToReconcile(id)
        } catch {
          responder.finish(error.result.reply)
          return
        }
        reading.async {
          do {
            var reconciler = Reconciler(
              batch: batch.number, poolCount: batch.poolCount, printed: batch.order?.source)
            try RecordReader(directory: directory).replay(batch: batch.number) {
              reconciler.take($0)
            }
            then(batch, reconciler.finished(pool: batch.pool))
          } catch {
            responder.finish(.failure(.storageFault("The records cannot be read now: \(error)")))
          }
        }
      })
    if !taken { responder.finish(.failure(ControlDesk.overrun)) }
  }

  private func openBatch(
    _ opening: Opening, descriptor: PassedDescriptor, peer: Peer, responder: Responder
  ) {
    // The client has checked this too, but another program may be at the other end.
    let problems = BatchForm.problems(
      id: opening.id, gtin: opening.gtin, lot: opening.lot, expiry: opening.expiry)
    if let first = problems.first {
      responder.finish(.failure(.badInput(first, causes: Array(problems.dropFirst()))))
      return
    }
    let loop = loop
    let directory = directory
    importing.async {
      // It may have waited behind other imports for minutes.
      guard responder.isOpen else { return }
      let known = DispatchSemaphore(value: 0)
      let snapshot = Box<[Batch]>([])
      let taken = loop.send(
        .look { core in
          snapshot.value = core.batches
          known.signal()
        })
      // The loop turns at least every 20 ms; one that does not is being restarted by its watchdog.
      guard taken, known.wait(timeout: .now() + .seconds(10)) == .success else {
        responder.finish(.failure(ControlDesk.overrun))
        return
      }
      let batches = snapshot.value
      if batches.contains(where: { $0.id == opening.id }) {
        responder.finish(
          .failure(.refused("Batch \(opening.id) exists already; ids are never used again.")))
        return
      }
      let number = (batches.map(\.number).max() ?? 0) + 1
      do {
        let imported = try SerialImporter.import(
          descriptor: descriptor.number, into: directory, number: number,
          earlier: batches.filter { $0.gtin == opening.gtin }.map {
            SerialImporter.EarlierBatch(id: $0.id, number: $0.number)
          },
          isWanted: { responder.isOpen },
          progress: { lines, bytes, total in
            responder.progress(
              ProgressReply(phase: "reading serials (\(lines))", done: bytes, total: total))
          })
        let description = BatchDescription(
          id: opening.id, gtin: opening.gtin, lot: opening.lot, expiry: opening.expiry,
          count: imported.count, sha256: imported.sha256, file: imported.file,
          printed: opening.printed)
        let batch = Batch(
          number: number, id: opening.id, gtin: opening.gtin, lot: opening.lot,
          expiry: opening.expiry, poolCount: imported.count, serialsHash: imported.sha256,
          printed: opening.printed, pool: imported.pool)
        // The next import may only begin when this batch is on disk: it has to know of its serials.
        let done = DispatchSemaphore(value: 0)
        let taken = loop.send(
          .command(
            .batchOpen(batch, description: description.encoded), actor: peer.actor
          ) { result in
            // A batch that was not recorded does not exist, and neither may its file.
            SerialImporter.settle(imported, after: result)
            responder.finish(result.reply)
            done.signal()
          })
        if taken {
          _ = done.wait(timeout: .now() + .seconds(30))
        } else {
          SerialImporter.discard(imported)
          responder.finish(.failure(ControlDesk.overrun))
        }
      } catch let problem as ImportProblem {
        responder.finish(.failure(problem.failure))
      } catch {
        responder.finish(.failure(.storageFault("The serials could not be stored: \(error)")))
      }
    }
  }

  // MARK: One serial

  /// Sends what a person does with a serial to the loop; one of a closed batch is looked up in the records before.
  private func serial(
    _ act: SerialAct, _ serial: [UInt8], gtin: String?, evidence: [UInt8], reason: String,
    _ peer: Peer, _ responder: Responder
  ) {
    let directory = directory
    let taken = loop.send(
      .look { [self] core in
        let batches = core.batches.filter { gtin == nil || $0.gtin == gtin }
        if batches.contains(where: { $0.pool?.row(of: serial.span) != nil }) {
          order(
            .serial(act, serial, gtin: gtin, evidence: evidence, reason: reason), peer, responder)
          return
        }
        let closed = batches.filter { $0.state == .closed }
        let archives = core.archives
        reading.async { [self] in
          do throws(StorageFault) {
            var hits: [(batch: Batch, row: Int32)] = []
            for batch in closed {
              if let row = try SerialFile.row(
                of: serial, in: SerialFile.path(number: batch.number, directory: directory))
              {
                hits.append((batch, row))
              }
            }
            guard let hit = hits.first else {
              responder.finish(.failure(.notFound("No batch has this serial.")))
              return
            }
            guard hits.count == 1 else {
              let gtins = hits.map(\.batch.gtin).joined(separator: ", ")
              responder.finish(
                .failure(
                  .usage(
                    "The serial is known for several GTINs (\(gtins)): say which one with --gtin."))
              )
              return
            }
            let isArchived = archives.contains { hit.batch.number <= $0.lastBatch }
            let word =
              isArchived
              ? nil
              : try RecordReader(directory: directory).word(batch: hit.batch.number, row: hit.row)
            order(
              .closedSerial(
                act,
                ClosedSerial(
                  batch: hit.batch.number, changes: hit.batch.changes, row: hit.row,
                  serial: serial, word: word), evidence: evidence, reason: reason), peer, responder)
          } catch {
            responder.finish(.failure(.storageFault("The records cannot be read now: \(error)")))
          }
        }
      })
    if !taken { responder.finish(.failure(ControlDesk.overrun)) }
  }

  // MARK: One unit

  private func unit(serial: String, gtin: String?, _ responder: Responder) {
    let bytes = Array(serial.utf8)
    let directory = directory
    let reading = reading
    let taken = loop.send(
      .look { core in
        // Serials are unique for their GTIN over all batches, so the first that has it is the one.
        let candidates = core.batches.reversed().filter { gtin == nil || $0.gtin == gtin }
        var found: [(batch: Batch, row: Int32, word: SerialPool.Word?)] = []
        for batch in candidates {
          guard let pool = batch.pool, let row = pool.row(of: bytes.span) else { continue }
          found.append((batch, row, pool.word(at: row)))
        }
        let hits = found
        let closed = candidates.filter { $0.pool == nil }
        let archives = core.archives
        let cases = core.cases.open.map(\.scope)
        reading.async {
          var hits = hits
          // Closed batches are on disk only; they are searched when no open one has the serial.
          if hits.isEmpty {
            for batch in closed {
              if let row = try? SerialFile.row(
                of: bytes, in: SerialFile.path(number: batch.number, directory: directory))
              {
                hits.append((batch, row, nil))
              }
            }
          }
          let archive = hits.first.flatMap { hit in
            archives.first { hit.batch.number <= $0.lastBatch }
          }
          responder.finish(
            ControlDesk.unitReply(
              serial: serial, gtin: gtin, hits: hits, directory, archive: archive, cases: cases))
        }
      })
    if !taken { responder.finish(.failure(ControlDesk.overrun)) }
  }

  private static func unitReply(
    serial: String, gtin: String?, hits: [(batch: Batch, row: Int32, word: SerialPool.Word?)],
    _ directory: String, archive: Archive?, cases: [CaseScope]
  ) -> Result<CommandReply, Failure> {
    guard let hit = hits.first else {
      return .failure(
        .notFound(
          "No batch has the serial \(Plain.text(serial, lengthMax: 40))"
            + (gtin.map { " for GTIN \($0)" } ?? "") + "."))
    }
    if hits.count > 1 {
      let gtins = hits.map(\.batch.gtin).joined(separator: ", ")
      return .failure(
        .usage("The serial is known for several GTINs (\(gtins)): say which one with --gtin."))
    }
    let directory = archive.map { "\(directory)/\($0.folder)" } ?? directory
    if archive != nil, access(directory, F_OK) != 0 {
      return .failure(
        .notFound(
          "The serial belongs to batch \(hit.batch.id) (GTIN \(hit.batch.gtin)), whose records are in an archive that was "
            + "moved away from \(directory)."))
    }
    do {
      let history = try RecordReader(directory: directory).history(
        batch: hit.batch.number, row: hit.row)
      // Of a closed batch the pool is gone, but the records that named a state still tell it.
      let word = hit.word ?? SerialPool.Word.after(history.map(\.record))
      // A case holds what became of its batches since the last moment proven good, besides what a person put on hold.
      let isHeld = cases.contains { scope in
        scope.batches.contains(hit.batch.number)
          && (scope.since.map { since in
            history.isEmpty || history.contains { $0.wall >= since }
          } ?? true)
      }
      return .success(
        .unit(
          UnitReply(
            gtin: hit.batch.gtin, serial: serial, state: word.state.word,
            hold: word.hold || isHeld,
            batch: hit.batch.id, history: history.map { UnitReply.Entry($0) })))
    } catch {
      return .failure(.storageFault("The records cannot be read now: \(error)"))
    }
  }

  // MARK: Records

  private func verify(_ responder: Responder) {
    let directory = directory
    reading.async {
      let report = RecordVerifier.verify(directory: directory) { done, total in
        responder.progress(ProgressReply(phase: "checking records", done: done, total: total))
      }
      responder.finish(.success(.verify(VerifyReply(report))))
    }
  }

  /// Gives the line a new signing key (`KeyRotation`): all but the record itself happens away from the loop.
  private func rotateKey(reason: String, _ peer: Peer, _ responder: Responder) {
    guard !reason.isEmpty else {
      responder.finish(.failure(.usage("records rotate-key needs a reason.")))
      return
    }
    let directory = directory
    let loop = loop
    reading.async {
      do throws(StorageFault) {
        let change = try KeyRotation.prepare(directory: directory)
        let recorded = DispatchSemaphore(value: 0)
        let answer = Box<CommandResult?>(nil)
        let taken = loop.send(
          .command(.rotateKey(change: change, reason: reason), actor: peer.actor) { result in
            answer.value = result
            recorded.signal()
          })
        guard taken else {
          KeyRotation.abandon(directory: directory)
          responder.finish(.failure(ControlDesk.overrun))
          return
        }
        // An answer that does not come, or a fault: the next opening of the records finds out whether it was recorded.
        guard recorded.wait(timeout: .now() + .seconds(30)) == .success, let result = answer.value
        else {
          responder.finish(.failure(ControlDesk.overrun))
          return
        }
        if case .done = result {
          do throws(StorageFault) {
            try KeyRotation.finish(directory: directory)
          } catch {
            responder.finish(
              .failure(
                .storageFault(
                  "The change is on record, and the next start of the daemon puts the files in place: \(error.message)"
                )))
            return
          }
        }
        responder.finish(result.reply)
      } catch {
        responder.finish(.failure(.storageFault(error.message)))
      }
    }
  }

  /// Makes an archive, then has the chain name it: what is in it may leave the records from then on.
  private func archive(before batch: String?, _ peer: Peer, _ responder: Responder) {
    let directory = directory
    let minFree = minFree
    let loop = loop
    reading.async {
      let prepared: RecordArchive.Prepared
      do throws(ArchiveProblem) {
        prepared = try RecordArchive.prepare(
          directory, before: batch, by: peer.actor, version: LinewardDaemon.version,
          minFree: Int(minFree), at: Clock.wall, isWanted: { responder.isOpen },
          progress: { responder.progress(ProgressReply(phase: $0, done: $1, total: $2)) })
      } catch {
        responder.finish(.failure(error.failure))
        return
      }
      let description = prepared.description
      // The next archive may only begin when this one is on record: it would take its folder for a leftover.
      let done = DispatchSemaphore(value: 0)
      let taken = loop.send(
        .command(
          .archive(
            folder: description.folder, lastBatch: description.lastBatch,
            description: description.encoded), actor: peer.actor
        ) { result in
          if case .done = result {
            responder.finish(
              .success(
                .done(
                  "records \(description.first) to \(description.last) are in \(prepared.path), with batches "
                    + "\(prepared.batches.joined(separator: ", ")); they are removed from the line's records little by little"
                )))
          } else {
            // What has no record is no archive.
            RecordArchive.discard(prepared)
            responder.finish(result.reply)
          }
          done.signal()
        })
      if taken {
        _ = done.wait(timeout: .now() + .seconds(60))
      } else {
        RecordArchive.discard(prepared)
        responder.finish(.failure(ControlDesk.overrun))
      }
    }
  }

  /// Writes the export of a batch, once the chain says who asked for it.
  private func export(
    _ batch: String, to descriptor: PassedDescriptor, _ peer: Peer, _ responder: Responder
  ) {
    let directory = directory
    let reading = reading
    let taken = loop.send(
      .command(.export(batch: batch), actor: peer.actor) { result in
        guard case .done = result else {
          responder.finish(result.reply)
          return
        }
        reading.async {
          do throws(ExportProblem) {
            let summary = try BatchExport.write(
              batch: batch, of: directory, by: peer.actor, version: LinewardDaemon.version,
              to: descriptor.number, at: Clock.wall, isWanted: { responder.isOpen },
              progress: { responder.progress(ProgressReply(phase: $0, done: $1, total: $2)) })
            responder.finish(.success(.exported(ExportReply(summary))))
          } catch {
            responder.finish(.failure(error.failure))
          }
        }
      })
    if !taken { responder.finish(.failure(ControlDesk.overrun)) }
  }
}

/// A value that one thread writes before it signals and another reads after it waited.
final class Box<Value>: @unchecked Sendable {
  // Kept true by: a semaphore stands between the write and the read.
  var value: Value
  init(_ value: Value) { self.value = value }
}
