internal import Control
internal import Line
internal import Records
internal import Synchronization

/// Finds out who gave user name and password, and has what is signed go on record.
///
/// All of it away from the line loop, which only takes the letters: a look at what is signed, then the signature.
final class Signing: Sendable {
  private let loop: LineLoop
  private let authenticator: Authenticator
  private let roles: @Sendable () -> Roles
  private let nameService: NameService
  /// Logins whose password is being checked: one try at a time, so that a lock cannot be overrun.
  private let atWork = Mutex<Set<String>>([])

  init(
    loop: LineLoop, authenticator: Authenticator, roles: @escaping @Sendable () -> Roles,
    nameService: NameService = .system
  ) {
    self.loop = loop
    self.authenticator = authenticator
    self.roles = roles
    self.nameService = nameService
  }

  // MARK: Who it is

  /// Goes on with the person whose credentials these are; otherwise answers why not, once that is on record.
  ///
  /// Asks the name service, so it is not for the line loop. `what` are the words of the command.
  func identify(
    _ credentials: Credentials, at peer: Peer, for what: String, _ responder: Responder,
    then: @escaping @Sendable (Person) -> Void
  ) {
    guard let login = nameService.login(credentials.user) else {
      // What was typed may be a password in the wrong place: it stays unrecorded.
      refuse(.unknownLogin, nil, what, peer, responder)
      return
    }
    let roles = roles()
    guard login.uid != 0 else {
      refuse(.root, login.name, what, peer, responder)
      return
    }
    guard !roles.isShared(uid: login.uid, gid: login.gid) else {
      refuse(.sharedLogin, login.name, what, peer, responder)
      return
    }
    guard atWork.withLock({ $0.insert(login.name).inserted }) else {
      responder.finish(
        .failure(.busy("A password of \(login.name) is being checked just now; wait for that.")))
      return
    }
    let taken = loop.send(
      .look { [self] core in
        if core.signerLock(of: login.name, now: Clock.now) != nil {
          refuse(.signerLocked, login.name, what, peer, responder)
          return
        }
        authenticator.ask(credentials) { [self] outcome in
          switch outcome {
          case .known(let printedName):
            done(login.name)
            // Nobody waits any more: what was typed is not carried out behind his back.
            guard responder.isOpen else { return }
            then(
              Person(
                login: login.name, uid: login.uid, gid: login.gid, printedName: printedName,
                roles: roles.roles(uid: login.uid, gid: login.gid)))
          case .refused(let reason): refuse(reason, login.name, what, peer, responder)
          case .unavailable(let sentence):
            done(login.name)
            responder.finish(.failure(.busy(sentence)))
          }
        }
      })
    if !taken {
      done(login.name)
      responder.finish(.failure(ControlDesk.overrun))
    }
  }

  private func done(_ login: String) { _ = atWork.withLock { $0.remove(login) } }

  private func refuse(
    _ reason: SignatureRefusal, _ login: String?, _ what: String, _ peer: Peer,
    _ responder: Responder
  ) {
    let taken = loop.send(
      .command(
        .signatureRefused(reason, login: login, what: what), actor: peer.actor
      ) { [self] result in
        if let login { done(login) }
        responder.finish(result.reply)
      })
    if !taken {
      if let login { done(login) }
      responder.finish(.failure(ControlDesk.overrun))
    }
  }

  // MARK: What is signed

  /// Signs what `demand` finds in the core, together with the command that asks for it; nil: nothing asks, and the command
  /// goes on alone.
  ///
  /// `peer.person` is the signer. The signature covers the last record at this look, and is refused (75) when its subject
  /// has changed until it is recorded. `demand` runs on the line loop's thread and has to be quick.
  func sign(
    _ peer: Peer, _ responder: Responder, with command: LineCommand? = nil,
    demand: @escaping @Sendable (LineController) -> Result<SignatureDemand?, Failure>
  ) {
    let taken = loop.send(
      .settled { [self] settled in
        guard let settled else {
          responder.finish(
            .failure(.storageFault("Nothing can be recorded now, so nothing is signed.")))
          return
        }
        switch demand(settled.core) {
        case .failure(let failure): responder.finish(.failure(failure))
        case .success(nil):
          if let command {
            send(command, peer, responder)
          } else {
            responder.finish(.failure(.refused("Nothing asks for a signature there.")))
          }
        case .success(let demand?):
          switch order(demand, settled, peer) {
          case .success(let order): send(.sign(order, with: command), peer, responder)
          case .failure(let failure): responder.finish(.failure(failure))
          }
        }
      })
    if !taken { responder.finish(.failure(ControlDesk.overrun)) }
  }

  private func order(
    _ demand: SignatureDemand, _ settled: LineLoop.Settled, _ peer: Peer
  ) -> Result<SignatureOrder, Failure> {
    guard let person = peer.person else {
      return .failure(
        .notPermitted(
          "A signature needs the name and the password of a person: give it with --as USER."))
    }
    guard let role = demand.roles.first(where: { person.roles.contains($0) }) else {
      let needed = demand.roles.map(\.rawValue).joined(separator: " or ")
      return .failure(
        .notPermitted(
          "\(Plain.text(person.login, lengthMax: 64)) cannot sign this: it needs the role \(needed)."
        ))
    }
    guard let changes = settled.core.changes(of: demand.subject) else {
      return .failure(
        .notFound("There is no \(demand.subject.word) \(demand.subject.number) to sign."))
    }
    guard
      let signature = Signature(
        login: person.login, uid: person.uid,
        name: Signature.isText(person.printedName) ? person.printedName : person.login,
        meaning: demand.meaning, role: role, at: Clock.wall, subject: demand.subject,
        coveredSequence: settled.sequence, coveredHash: settled.hash.bytes)
    else {
      return .failure(
        .usage(
          "What the signature means has to be 1 to \(Signature.textLengthMax) bytes on one line."))
    }
    return .success(SignatureOrder(signature: signature, changes: changes, demand: demand))
  }

  private func send(_ command: LineCommand, _ peer: Peer, _ responder: Responder) {
    let taken = loop.send(
      .command(command, actor: peer.actor) { result in responder.finish(result.reply) })
    if !taken { responder.finish(.failure(ControlDesk.overrun)) }
  }
}
