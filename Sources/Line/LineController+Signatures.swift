internal import Alarms
public import Containment

/// Electronic signatures: what asks for one, how it goes on record, and what becomes of wrong passwords.
///
/// Who the signer is, and that his password was right, the daemon has found out before; here stands what it is good for.
extension LineController {
  /// The signature that a command asks for as things stand, nil when it asks for none.
  public func signatureDemand(for command: LineCommand) -> SignatureDemand? {
    switch command {
    case .release:
      guard !settings.signatures.release.isEmpty, let running = runningBatch else { return nil }
      return SignatureDemand(
        subject: .batch(batches[running].number), meaning: "line released",
        roles: settings.signatures.release)
    case .batchClose(_, let balance?):
      guard settings.signatures.closeUnbalanced, !balance.reconciliation.isBalanced else {
        return nil
      }
      return SignatureDemand(
        subject: .batch(balance.batch), meaning: "closed although it does not balance",
        roles: [.supervisor])
    case .containment(.narrow(let id, _, _, let reason), _):
      guard let found = cases.find(id), found.isOpen else { return nil }
      return SignatureDemand(
        subject: .narrowing(found.number), meaning: "hold narrowed: \(reason)", roles: [.quality])
    default: return nil
    }
  }

  /// The signature that a case asks for, nil: it asks for none now.
  public func signatureDemand(for found: ContainmentCase, meaning: String) -> SignatureDemand? {
    let roles = found.unsigned.compactMap(Role.init(rawValue:))
    guard found.isOpen, !roles.isEmpty else { return nil }
    return SignatureDemand(subject: .containment(found.number), meaning: meaning, roles: roles)
  }

  /// How many records have changed what is signed; nil when there is no such thing.
  ///
  /// A signature is good only for as long as this stands.
  public func changes(of subject: SignatureSubject) -> Int? {
    switch subject {
    case .batch(let number): batchIndex(number).map { batches[$0].changes }
    case .containment(let number), .narrowing(let number):
      cases[number].flatMap { $0.isOpen ? Int($0.revision) : nil }
    }
  }

  /// The signatures over a subject, the newest last.
  public func signatures(over subject: SignatureSubject) -> [Signature] {
    switch subject {
    case .batch(let number): batchIndex(number).map { batches[$0].signatures } ?? []
    case .containment, .narrowing: []
    }
  }

  /// How long the password of a login is not asked for, because wrong ones came; nil: it is.
  public func signerLock(of login: String, now: Instant) -> Instant.Span? {
    signers.lock(of: login, now: now)
  }

  // MARK: Signing

  mutating func sign(
    _ id: UInt64, _ order: SignatureOrder, with command: LineCommand?, actor: String, now: Instant
  ) {
    let signature = order.signature
    let what = "signature over \(signature.subject.word) \(signature.subject.number)"
    guard let changes = changes(of: signature.subject) else {
      answer(
        id, .unknown("there is no \(signature.subject.word) \(signature.subject.number) to sign"))
      return
    }
    guard changes == order.changes else {
      refuse(id, what, "it has changed since the signature was given; look again", actor: actor)
      return
    }
    guard order.demand.subject == signature.subject, order.demand.roles.contains(signature.role),
      command.map({ signatureDemand(for: $0) == order.demand }) ?? true
    else {
      refuse(id, what, "another signature is asked for by now; look again", actor: actor)
      return
    }
    if order.demand.secondPerson,
      signatures(over: signature.subject).contains(where: { $0.login == signature.login })
    {
      forbid(
        id, what, "\(signature.login) has signed already; a second person has to sign",
        actor: actor)
      return
    }
    if case .containment(let number) = signature.subject {
      do throws(CaseBook.Refusal) {
        try cases.check(
          number,
          .signed(ContainmentCase.Signature(signature, revision: cases[number]?.revision ?? 0)))
      } catch {
        refuse(id, what, error.sentence, actor: actor)
        return
      }
    }
    signatureAtHand = (signature, actor)
    if let command {
      self.command(id: id, command, actor: actor, now: now)
    } else {
      emitSignature()
      finish(id, "signed by \(signature.name)")
    }
    signatureAtHand = nil
  }

  /// Whether the signature that a command asks for came with it; otherwise the command is refused.
  mutating func isSigned(
    _ id: UInt64, _ command: LineCommand, _ what: String, actor: String
  ) -> Bool {
    guard let demand = signatureDemand(for: command), signatureAtHand == nil else { return true }
    let roles = demand.roles.map(\.rawValue)
    forbid(
      id, what,
      "it needs the signature of \(roles.joined(separator: " or ")) (\(demand.meaning)): give it with --as USER",
      actor: actor)
    return false
  }

  /// Puts the signature at hand on record, before what it is given for.
  mutating func emitSignature() {
    guard let (signature, actor) = signatureAtHand else { return }
    var batch: UInt32 = 0
    if case .batch(let number) = signature.subject { batch = number }
    emit(
      Record(
        .signed, batch: batch, code: signature.subject.code, number: signature.subject.number,
        raw: signature.encoded, actor: actor, detail: signature.meaning))
  }

  // MARK: Wrong passwords

  mutating func refuseSignature(
    _ id: UInt64, _ reason: SignatureRefusal, login: String?, what: String, actor: String
  ) {
    emit(
      Record(
        .signatureRefused, code: reason.rawValue, raw: Array((login ?? "").utf8), actor: actor,
        detail: what))
    notice(
      .commandRefused, .warning,
      "\(what) refused to \(actor): \(reason.phrase)" + (login.map { " (\($0))" } ?? ""))
    var sentence = reason.sentence(login ?? "")
    let rule = settings.signatures
    let window = Int64(rule.lockMinutes) * 60_000
    if reason == .wrongPassword, let login,
      signers.count(login, since: wall - window) >= rule.tries
    {
      let lock =
        "\(rule.tries) wrong passwords came for \(login) within \(rule.lockMinutes) minutes"
      emit(
        Record(
          .signerLocked, number: rule.lockMinutes, raw: Array(login.utf8), actor: actor,
          detail: lock))
      raise(
        .signerLocked, place: login,
        message: "\(lock), the last from \(actor); it is locked for \(rule.lockMinutes) minutes",
        again: true)
      sentence += "; \(login) is locked now for \(rule.lockMinutes) minutes"
    }
    // A guess is told wrong only when it is counted for good.
    waitingReplies.append(
      (
        id: id,
        result: reason == .signerLocked ? .refused(sentence, causes: []) : .notPermitted(sentence)
      ))
  }

  /// Locks end by themselves.
  mutating func advanceSigners(now: Instant) {
    guard !signers.isEmpty else { return }
    for login in signers.ended(now: now, wall: wall) {
      endAlarm(.signerLocked, place: login)
    }
  }

  // MARK: By records

  mutating func applySignature(_ record: Record) {
    let login = String(decoding: record.raw, as: UTF8.self)
    switch record.kind {
    case .signed:
      guard let signature = Signature(encoded: record.raw) else { return }
      signers.forgive(signature.login)
      switch signature.subject {
      case .batch(let number):
        if let index = batchIndex(number) { batches[index].sign(signature) }
      case .containment(let number):
        cases.apply(
          number,
          .signed(
            ContainmentCase.Signature(signature, revision: cases[number]?.revision ?? 0)),
          by: record.actor, at: wall)
      case .narrowing: break
      }
    case .signatureRefused where record.code == SignatureRefusal.wrongPassword.rawValue:
      signers.wrongPassword(login, at: wall)
    case .signerLocked: signers.lock(login, minutes: record.number, at: wall)
    default: break
    }
  }
}

extension SignatureRefusal {
  /// What the person is told.
  func sentence(_ login: String) -> String {
    switch self {
    // The same for both: who guesses learns no names.
    case .wrongPassword, .unknownLogin: "user name or password is wrong"
    case .expired:
      "the password of \(login) has expired: log in as \(login) once and give a new one"
    case .accountLocked: "the account \(login) is locked on this machine: ask its administrator"
    case .signerLocked:
      "too many wrong passwords came for \(login): it is locked for some minutes"
    case .root: "root cannot sign, and is nobody's name: give the login of a person with --as USER"
    case .sharedLogin:
      "\(login) is a shared login and nobody's name: give the login of a person with --as USER"
    }
  }
}

extension ContainmentCase.Signature {
  /// What a case keeps of a signature; the record has all of it.
  init(_ signature: Signature, revision: UInt32) {
    self.init(
      role: signature.role.rawValue, login: signature.login, name: signature.name,
      meaning: signature.meaning, at: signature.at, revision: revision)
  }
}
