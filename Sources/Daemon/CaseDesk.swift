internal import Containment
internal import Control
internal import Dispatch
internal import Line
internal import Records

/// What people ask about containment cases that takes long: units, bundles, and a test of the contacts.
final class CaseDesk: Sendable {
  private let loop: LineLoop
  private let directory: String
  private let alerter: Alerter

  /// Units that go with a reply at most; all of them go into a file.
  static let unitsShownMax = 1000

  init(loop: LineLoop, directory: String, alerter: Alerter) {
    self.loop = loop
    self.directory = directory
    self.alerter = alerter
  }

  /// A case with what its batches are called.
  private struct View: Sendable {
    var found: ContainmentCase
    var batches: [CaseUnits.HeldBatch]

    init?(_ core: LineController, _ id: String) {
      guard let found = core.cases.find(id) else { return nil }
      self.found = found
      batches = found.scope.batches.compactMap { number in
        core.batches.first { $0.number == number }.map {
          CaseUnits.HeldBatch(
            number: number, id: $0.id, archive: core.archive(of: number)?.folder ?? "")
        }
      }
    }
  }

  private static func unknown(_ id: String, _ core: LineController) -> Failure {
    let known = core.cases.cases.suffix(10).map(\.id).joined(separator: ", ")
    return .notFound(
      "There is no case \(Plain.text(id, lengthMax: 20)); "
        + (known.isEmpty ? "there was none yet." : "the last ones are \(known)."))
  }

  private static let overrun = Failure.busy(
    "The daemon has too many commands waiting; try again in a moment.")

  /// Tells all contacts a test.
  func test(_ peer: Peer, _ responder: Responder) {
    alerter.test(
      by: peer.actor,
      progress: {
        responder.progress(ProgressReply(phase: "telling contacts", done: $0, total: $1))
      }
    ) { reply in
      guard let reply else {
        responder.finish(
          .failure(.busy("A test of the contacts is under way; its result is in the journal.")))
        return
      }
      responder.finish(.success(.alertTest(reply)))
    }
  }

  /// Lists the units that a case affects; with `file` all of them go there as CSV.
  func units(
    _ id: String, file: PassedDescriptor?, on reading: DispatchQueue, _ responder: Responder
  ) {
    let directory = directory
    let taken = loop.send(
      .look { core in
        guard let view = View(core, id) else {
          responder.finish(.failure(CaseDesk.unknown(id, core)))
          return
        }
        reading.async {
          let search = CaseUnits(
            scope: view.found.scope, batches: view.batches, scanned: view.found.scanned)
          do throws(ExportProblem) {
            let (counts, shown) = try search.write(
              of: directory, to: file?.number, shownMax: CaseDesk.unitsShownMax,
              isWanted: { responder.isOpen },
              progress: { responder.progress(ProgressReply(phase: $0, done: $1, total: $2)) })
            responder.finish(
              .success(.caseUnits(CaseUnitsReply(view.found.id, counts, shown))))
          } catch {
            responder.finish(.failure(error.failure))
          }
        }
      })
    if !taken { responder.finish(.failure(CaseDesk.overrun)) }
  }

  /// Makes the bundle of a case, once the chain says who asked for it; its end leaves only when its hash is on record too.
  func bundle(
    _ id: String, file: PassedDescriptor, _ peer: Peer, on reading: DispatchQueue,
    _ responder: Responder
  ) {
    let loop = loop
    let taken = loop.send(
      .command(
        .containment(.bundle(id: id, sha256: nil), roles: []), actor: peer.actor
      ) { [self] result in
        guard case .done = result else {
          responder.finish(result.reply)
          return
        }
        let taken = loop.send(
          .look { [self] core in
            guard let view = View(core, id) else {
              responder.finish(.failure(CaseDesk.unknown(id, core)))
              return
            }
            reading.async { [self] in make(view, file, peer, responder) }
          })
        if !taken { responder.finish(.failure(CaseDesk.overrun)) }
      })
    if !taken { responder.finish(.failure(CaseDesk.overrun)) }
  }

  private func make(
    _ view: View, _ file: PassedDescriptor, _ peer: Peer, _ responder: Responder
  ) {
    guard responder.isOpen else { return }
    responder.progress(ProgressReply(phase: "reading the journal", done: 0))
    let journal = JournalExtract.take(since: view.found.detectedAt - CaseBundle.around)
    let bundle = CaseBundle(
      found: view.found, batches: view.batches, attachments: [journal.file],
      leftOut: journal.leftOut.map { [$0] } ?? [])
    do throws(ExportProblem) {
      let summary = try bundle.write(
        of: directory, by: peer.actor, version: LinewardDaemon.version, to: file.number,
        at: Clock.wall, isWanted: { responder.isOpen },
        progress: { responder.progress(ProgressReply(phase: $0, done: $1, total: $2)) },
        record: { record(view.found.id, sha256: $0, peer) })
      responder.finish(.success(.bundled(BundleReply(summary))))
    } catch {
      responder.finish(.failure(error.failure))
    }
  }

  /// Whether the bundle's hash is on disk.
  private func record(_ id: String, sha256: String, _ peer: Peer) -> Bool {
    let done = DispatchSemaphore(value: 0)
    let box = Box(false)
    let taken = loop.send(
      .command(
        .containment(.bundle(id: id, sha256: sha256), roles: []), actor: peer.actor
      ) { result in
        if case .done = result { box.value = true }
        done.signal()
      })
    return taken && done.wait(timeout: .now() + .seconds(30)) == .success && box.value
  }
}

/// What the journal has of the daemon, for a bundle.
enum JournalExtract {
  /// Bytes at most.
  static let bytesMax = 8 << 20
  static let timeout = Instant.Span.milliseconds(10_000)
  static let program = "/usr/bin/journalctl"

  /// Takes it; blocks for the time-out at most.
  ///
  /// Where it cannot be read, the file says why.
  static func take(
    since wall: Int64, program: String = JournalExtract.program,
    timeout: Instant.Span = JournalExtract.timeout, bytesMax: Int = JournalExtract.bytesMax
  ) -> (file: CaseBundle.Attachment, leftOut: String?) {
    let report = BoundedProgram(
      words: [
        program, "--unit=lineward.service", "--since=@\(wall / 1000)", "--output=export",
        "--no-pager", "--quiet",
      ], environment: BoundedProgram.environment, timeout: timeout
    ).report(atMost: bytesMax)
    if report.isFull {
      return (
        CaseBundle.Attachment(name: "journal.export", bytes: report.said),
        "the journal is cut after \(bytesMax) bytes"
      )
    }
    let advice =
      "the daemon needs the group systemd-journal to read it (SupplementaryGroups= in lineward.service)"
    var reason: String?
    if let failure = report.failure {
      reason = "the journal could not be read: \(failure); \(advice)"
    } else if report.said.isEmpty {
      reason = "the journal has nothing of lineward.service from then on, or \(advice)"
    }
    guard let reason else {
      return (CaseBundle.Attachment(name: "journal.export", bytes: report.said), nil)
    }
    return (CaseBundle.Attachment(name: "journal.txt", bytes: Array("\(reason)\n".utf8)), reason)
  }
}
