internal import Containment
internal import Control
internal import GS1
internal import Line

extension ControlDesk {
  /// Answers what is asked about containment cases.
  func containment(_ request: ContainmentRequest, _ peer: Peer, _ responder: Responder) {
    switch request {
    case .list:
      let now = Clock.now
      look(responder) { core in
        .success(
          .containments(
            core.cases.cases.map { CaseReply($0, now: now, batches: core.batches) }))
      }
    case .show(let id):
      let now = Clock.now
      look(responder) { core in
        let found = id.map { core.cases.find($0) } ?? core.cases.open.first ?? core.cases.cases.last
        guard let found else {
          return .failure(
            .notFound(
              id.map { "There is no case \($0); see lineward containment list." }
                ?? "There is no containment case."))
        }
        return .success(.containment(CaseReply(found, now: now, batches: core.batches)))
      }
    case .open(let reason, let batch, let holdsRelease):
      order(
        .open(reason: reason, batch: batch, holdsRelease: holdsRelease), peer, responder)
    case .complete(let id, let step, let evidence):
      order(.complete(id: id, step: step, evidence: evidence), peer, responder)
    case .answer(let id, let contact, let phoned, let comment):
      order(
        .answer(id: id, contact: contact, phoned: phoned, comment: comment ?? ""), peer, responder)
    case .narrow(let id, let batches, let since, let reason):
      var moment: Int64?
      if let since {
        moment = WallTime.milliseconds(since)
        guard moment != nil else {
          responder.finish(
            .failure(
              .usage("\"\(since)\" is no moment; write it like 2026-03-01T09:00:00.000Z.")))
          return
        }
      }
      order(
        .narrow(id: id, batches: batches, since: moment, reason: reason), peer, responder)
    case .scan(let id, let scan, let gtin):
      let pack = ControlDesk.pack(scan, gtin: gtin)
      order(
        .scan(id: id, serial: pack.serial, gtin: pack.gtin, raw: Array(scan.utf8)), peer,
        responder)
    case .sign(let id, let meaning):
      signing.sign(peer, responder) { core in
        guard let found = core.cases.find(id) else {
          return .failure(.notFound("There is no case \(id); see lineward containment list."))
        }
        guard found.isOpen else { return .failure(.refused("Case \(found.id) is closed.")) }
        guard let demand = core.signatureDemand(for: found, meaning: meaning) else {
          return .failure(.refused("Case \(found.id) asks for no signature now."))
        }
        return .success(demand)
      }
    case .close(let id, let reason): order(.close(id: id, reason: reason), peer, responder)
    }
  }

  private func order(_ command: ContainmentCommand, _ peer: Peer, _ responder: Responder) {
    order(.containment(command, roles: roleNames(of: peer)), peer, responder)
  }

  /// What a scan names: a whole element string, or a bare serial.
  ///
  /// A hand scanner that types often sends no symbology identifier. Its code is known by the GTIN in it: a bare serial may
  /// itself begin like an element.
  static func pack(_ scan: String, gtin: String?) -> (serial: [UInt8], gtin: String?) {
    let bytes = Array(scan.utf8)
    let elements =
      (try? Message.elements(in: bytes)) ?? (try? Message.elements(in: Array("]d2".utf8) + bytes))
    guard let elements, let serial = elements.first(where: { $0.ai.digits == "21" })?.value,
      let coded = elements.first(where: { $0.ai.digits == "01" })?.value
    else { return (bytes, gtin) }
    return (Array(serial.utf8), coded)
  }
}
