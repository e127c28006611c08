import Alarms
import Line
import Testing

/// Electronic signatures in the core: what asks for one, what becomes of it, and of wrong passwords.
@Suite("Signatures")
struct SignatureTests {
  private static func signature(
    login: String = "quinn", role: Role = .quality, meaning: String = "line released",
    subject: SignatureSubject = .batch(1), covered: Int64 = 9
  ) throws -> Signature {
    try #require(
      Signature(
        login: login, uid: 1005, name: "Quinn Example", meaning: meaning, role: role, at: 5,
        subject: subject, coveredSequence: covered, coveredHash: [UInt8](repeating: 7, count: 32)))
  }

  /// A line whose batch runs and that stands, with rules for signatures.
  private static func standing(_ rules: LineSettings.Signatures) -> Rig {
    var rig = Rig.running()
    rig.command(.stop(reason: "end"))
    rig.plc {
      $0.permitObeyed = false
      $0.inputs = []
    }
    var settings = rig.line.settings
    settings.signatures = rules
    rig.command(.reload(settings, detail: "test"))
    rig.records = []
    return rig
  }

  private func order(
    _ rig: Rig, _ demand: SignatureDemand, _ signature: Signature, changes: Int? = nil
  ) throws -> SignatureOrder {
    SignatureOrder(
      signature: signature,
      changes: try changes ?? #require(rig.line.changes(of: demand.subject)), demand: demand)
  }

  private func says(_ rig: Rig, _ words: String) -> Bool {
    switch rig.replies.last {
    case .done(let text), .refused(let text, _), .unknown(let text), .notPermitted(let text),
      .storageFault(let text):
      text.contains(words)
    case nil: false
    }
  }

  // MARK: In records

  @Test("a signature comes back from its nine lines, and from nothing else")
  func form() throws {
    let signature = try Self.signature(subject: .narrowing(12))
    let text = String(decoding: signature.encoded, as: UTF8.self)
    #expect(
      text == """
        lineward signature 1
        subject narrowing 12
        login quinn
        uid 1005
        name Quinn Example
        role quality
        meaning line released
        at 5
        covers 9 \(String(repeating: "07", count: 32))

        """)
    #expect(Signature(encoded: signature.encoded) == signature)
    for index in signature.encoded.indices {
      var bytes = signature.encoded
      bytes.remove(at: index)
      if let other = Signature(encoded: bytes) {
        #expect(other != signature && other.encoded == bytes, "without byte \(index)")
      }
      bytes = signature.encoded
      bytes[index] ^= 0x80
      #expect(Signature(encoded: bytes) == nil, "byte \(index) changed")
    }
    #expect(
      Signature(encoded: Array(text.replacing("uid 1005", with: "uid +1005").utf8)) == nil)
    #expect(Signature(encoded: Array(text.replacing("uid 1005", with: "uid 0").utf8)) == nil)
  }

  @Test(
    "a text that would break a line, is empty, too long, or has blanks at its ends is no part of a signature",
    arguments: [
      "", " ", "a\nb", "a\u{0}", "a\u{2028}b", " a", "a ", String(repeating: "a", count: 501),
    ])
  func texts(text: String) {
    #expect(!Signature.isText(text))
    #expect(
      Signature(
        login: "quinn", uid: 1, name: "Q", meaning: text, role: .quality, at: 0, subject: .batch(1),
        coveredSequence: 1, coveredHash: [UInt8](repeating: 0, count: 32)) == nil)
  }

  // MARK: What asks for one

  @Test("without a rule nothing asks for a signature")
  func noRule() {
    var rig = Self.standing(.init())
    #expect(rig.line.signatureDemand(for: .release) == nil)
    rig.command(.release)
    #expect(rig.permit)
  }

  @Test("a release that has to be signed is refused without, and goes on record behind its signature")
  func release() throws {
    var rig = Self.standing(.init(release: [.quality, .supervisor]))
    rig.command(.release)
    #expect(!rig.permit)
    #expect(
      rig.replies.last
        == .notPermitted(
          "it needs the signature of quality or supervisor (line released): give it with --as USER"))
    #expect(rig.records.map(\.kind) == [.commandRefused])
    rig.records = []
    let demand = try #require(rig.line.signatureDemand(for: .release))
    #expect(demand.subject == .batch(1))
    let signature = try Self.signature()
    rig.command(.sign(try order(rig, demand, signature), with: .release))
    #expect(rig.permit)
    #expect(rig.records.map(\.kind) == [.signed, .permitGiven])
    let record = try #require(rig.records.first)
    #expect(Signature(encoded: record.raw) == signature)
    #expect(record.batch == 1 && record.number == 1 && record.code == 1)
    #expect(record.detail == "line released" && record.actor == "tester")
    #expect(rig.line.batches[0].signatures == [signature])
  }

  @Test("a release that is refused leaves no signature behind, and the next one needs its own")
  func refusedRelease() throws {
    var rig = Self.standing(.init(release: [.quality]))
    let demand = try #require(rig.line.signatureDemand(for: .release))
    rig.plc { $0.inputs = .guardOrEmergencyStop }
    rig.command(.sign(try order(rig, demand, Self.signature()), with: .release))
    #expect(!rig.permit && rig.refusals == ["station unit-1: guard open or emergency stop"])
    rig.plc { $0.inputs = [] }
    rig.command(.release)
    #expect(!rig.permit)
    #expect(!rig.records.contains { $0.kind == .signed })
  }

  @Test("a signature whose subject has changed since the look is refused")
  func stale() throws {
    var rig = Self.standing(.init(release: [.quality]))
    let demand = try #require(rig.line.signatureDemand(for: .release))
    let stale = try order(rig, demand, Self.signature())
    rig.command(
      .serial(
        .scrap, Array(Rig.serial(3).utf8), gtin: nil, evidence: [], reason: "torn"))
    rig.command(.sign(stale, with: .release))
    #expect(!rig.permit && says(rig, "has changed since the signature was given; look again"))
    #expect(!rig.records.contains { $0.kind == .signed })
    rig.command(.sign(try order(rig, demand, Self.signature()), with: .release))
    #expect(rig.permit)
  }

  @Test("a signature in another role, for another subject or of another meaning is refused")
  func wrongSignature() throws {
    var rig = Self.standing(.init(release: [.quality]))
    let demand = try #require(rig.line.signatureDemand(for: .release))
    rig.command(.sign(try order(rig, demand, Self.signature(role: .operator)), with: .release))
    #expect(!rig.permit && says(rig, "another signature is asked for by now"))
    var other = demand
    other.meaning = "something else"
    rig.command(.sign(try order(rig, other, Self.signature()), with: .release))
    #expect(!rig.permit && says(rig, "another signature is asked for by now"))
    rig.command(
      .sign(try order(rig, demand, Self.signature(subject: .batch(2)), changes: 0), with: .release))
    #expect(!rig.permit && says(rig, "there is no batch 2 to sign"))
    rig.command(
      .sign(
        SignatureOrder(
          signature: try Self.signature(subject: .containment(1)), changes: 0, demand: demand),
        with: nil))
    #expect(says(rig, "there is no containment 1 to sign"))
    rig.command(.sign(try order(rig, demand, Self.signature()), with: .batchPause(id: nil)))
    #expect(says(rig, "another signature is asked for by now"))
    #expect(rig.line.batches[0].state == .running)
  }

  @Test("where two have to sign, the second is another person")
  func secondPerson() throws {
    var rig = Self.standing(.init())
    let demand = SignatureDemand(
      subject: .batch(1), meaning: "looked at", roles: [.quality], secondPerson: true)
    func sign(_ login: String) throws {
      rig.command(
        .sign(
          try order(rig, demand, Self.signature(login: login, meaning: "looked at")), with: nil))
    }
    try sign("quinn")
    #expect(rig.replies.last == .done("signed by Quinn Example"))
    try sign("quinn")
    #expect(
      rig.replies.last == .notPermitted("quinn has signed already; a second person has to sign"))
    try sign("qadir")
    #expect(rig.line.batches[0].signatures.map(\.login) == ["quinn", "qadir"])
  }

  @Test("closing a batch that does not balance needs a supervisor where the rule says so")
  func close() throws {
    var rig = Self.standing(.init(closeUnbalanced: true))
    func balance(_ isBalanced: Bool) -> BatchBalance {
      var reconciler = Reconciler(batch: 1, poolCount: 100)
      reconciler.take(settings: rig.line.settings)
      var result = reconciler.finished(pool: rig.line.batches[0].pool)
      if !isBalanced { result.passed += 1 }
      return BatchBalance(
        batch: 1, changes: rig.line.batches[0].changes, reconciliation: result, reason: "counted")
    }
    #expect(
      rig.line.signatureDemand(for: .batchClose(id: nil, balance: balance(true))) == nil)
    rig.command(.batchClose(id: nil, balance: balance(false)))
    #expect(rig.line.batches[0].state == .running)
    #expect(says(rig, "it needs the signature of supervisor"))
    let command = LineCommand.batchClose(id: nil, balance: balance(false))
    let demand = try #require(rig.line.signatureDemand(for: command))
    rig.records = []
    rig.command(
      .sign(
        try order(rig, demand, Self.signature(role: .supervisor, meaning: demand.meaning)),
        with: command))
    #expect(rig.line.batches[0].state == .closed)
    #expect(rig.records.map(\.kind) == [.signed, .batchClosed])
  }

  @Test("a batch keeps its last hundred signatures")
  func bounded() throws {
    var rig = Self.standing(.init())
    let demand = SignatureDemand(subject: .batch(1), meaning: "m", roles: [.quality])
    for number in 0..<105 {
      rig.command(
        .sign(
          try order(rig, demand, Self.signature(login: "q\(number)", meaning: "m")), with: nil))
    }
    #expect(rig.line.batches[0].signatures.count == Batch.signaturesMax)
    #expect(rig.line.batches[0].signatures.last?.login == "q104")
  }

  // MARK: Wrong passwords

  private func wrong(_ rig: inout Rig, _ login: String = "quinn") {
    rig.command(.signatureRefused(.wrongPassword, login: login, what: "line release"))
  }

  @Test("five wrong passwords lock a login for fifteen minutes, and an alarm says so")
  func lock() {
    var rig = Self.standing(.init())
    for _ in 0..<4 { wrong(&rig) }
    #expect(rig.replies.last == .notPermitted("user name or password is wrong"))
    #expect(rig.line.signerLock(of: "quinn", now: rig.now) == nil)
    wrong(&rig)
    #expect(says(rig, "quinn is locked now for 15 minutes"))
    #expect(
      rig.records.suffix(3).map(\.kind) == [.signatureRefused, .signerLocked, .alarmRaised])
    #expect(rig.alarm(.signerLocked)?.id == "signer_locked@quinn")
    rig.now = rig.now + .milliseconds(1)
    rig.step(.tick)
    #expect(rig.line.signerLock(of: "quinn", now: rig.now) != nil)
    #expect(rig.line.signerLock(of: "anna", now: rig.now) == nil)
    rig.now = rig.now + .milliseconds(15 * 60_000 - 2)
    rig.step(.tick)
    #expect(rig.line.signerLock(of: "quinn", now: rig.now) != nil)
    #expect(rig.line.deadline.map { $0 <= rig.now + .milliseconds(2) } == true)
    rig.now = rig.now + .milliseconds(2)
    rig.step(.tick)
    #expect(rig.line.signerLock(of: "quinn", now: rig.now) == nil)
    #expect(rig.alarm(.signerLocked)?.state == .returned)
    // And its count begins anew.
    for _ in 0..<4 { wrong(&rig) }
    #expect(rig.line.signerLock(of: "quinn", now: rig.now) == nil)
  }

  @Test("tries that lie further apart lock nobody, and a signature forgives those before it")
  func window() throws {
    var rig = Self.standing(.init())
    for _ in 0..<4 { wrong(&rig) }
    rig.now = rig.now + .milliseconds(15 * 60_000 + 1)
    wrong(&rig)
    #expect(rig.line.signerLock(of: "quinn", now: rig.now) == nil)
    for _ in 0..<3 { wrong(&rig) }
    let demand = SignatureDemand(subject: .batch(1), meaning: "m", roles: [.quality])
    rig.command(.sign(try order(rig, demand, Self.signature(meaning: "m")), with: nil))
    for _ in 0..<4 { wrong(&rig) }
    #expect(rig.line.signerLock(of: "quinn", now: rig.now) == nil)
    wrong(&rig)
    #expect(rig.line.signerLock(of: "quinn", now: rig.now) != nil)
  }

  @Test("a lock outlives a restart, but never its own length, wherever the wall clock went")
  func restart() {
    var rig = Self.standing(.init())
    for _ in 0..<5 { wrong(&rig) }
    let lockedAt = rig.now.nanoseconds / 1_000_000
    for (later, left) in [(0, 15), (10, 5), (14, 1), (16, 0), (-600_000, 15), (600_000, 0)] {
      var core = LineController(settings: rig.line.settings)
      for record in rig.records { core.replay(record, wall: lockedAt) }
      let wall = lockedAt + Int64(later) * 60_000
      core.begin(detail: "again", wall: wall)
      // The machine started anew: its monotonic clock is near zero.
      var now = Instant(nanoseconds: 1)
      #expect(core.signerLock(of: "quinn", now: now) != nil, "before the clocks were looked at")
      core.step(.tick, now: now, wall: wall)
      #expect((core.signerLock(of: "quinn", now: now) != nil) == (left > 0), "\(later) minutes")
      guard left > 0 else { continue }
      now = now + .milliseconds(Int64(left) * 60_000 - 1)
      #expect(core.signerLock(of: "quinn", now: now) != nil, "\(later) minutes")
      now = now + .milliseconds(1)
      #expect(core.signerLock(of: "quinn", now: now) == nil, "\(later) minutes")
    }
  }

  @Test("a saved state keeps tries and locks; one from before signatures is read as well")
  func state() throws {
    var rig = Self.standing(.init())
    for _ in 0..<5 { wrong(&rig) }
    for _ in 0..<4 { wrong(&rig, "anna") }
    let core = try #require(
      LineController(settings: rig.line.settings, state: rig.line.recorded))
    var again = rig
    again.line = core
    #expect(core.signerLock(of: "quinn", now: rig.now) != nil)
    wrong(&again, "anna")
    again.now = again.now + .milliseconds(1)
    #expect(again.line.signerLock(of: "anna", now: again.now) != nil)
  }

  @Test("other refusals are recorded and lock nobody; an unknown name is not written down")
  func otherRefusals() throws {
    var rig = Self.standing(.init(tries: 1))
    for reason in SignatureRefusal.allCases where reason != .wrongPassword {
      rig.command(
        .signatureRefused(
          reason, login: reason == .unknownLogin ? nil : "quinn", what: "line release"))
      let record = try #require(rig.records.last)
      #expect(record.kind == .signatureRefused && record.code == reason.rawValue)
      #expect(record.raw == (reason == .unknownLogin ? [] : Array("quinn".utf8)))
    }
    #expect(rig.line.signerLock(of: "quinn", now: rig.now) == nil)
    #expect(
      says(rig, "shared login"), "\(String(describing: rig.replies.last))")
  }

  @Test("the table of tries has an end, and locked logins are never pushed out of it")
  func table() {
    var rig = Self.standing(.init())
    for _ in 0..<5 { wrong(&rig, "first") }
    for _ in 0..<4 { wrong(&rig, "second") }
    for number in 0..<70 { wrong(&rig, "other\(number)") }
    #expect(rig.line.signerLock(of: "first", now: rig.now) != nil)
    // What was counted for the second is forgotten: 70 others have tried since.
    wrong(&rig, "second")
    #expect(rig.line.signerLock(of: "second", now: rig.now) == nil)
    for number in 0..<70 { for _ in 0..<5 { wrong(&rig, "other\(number)") } }
    // Nothing but locks: whoever comes now could not be counted, and is locked too.
    #expect(rig.line.signerLock(of: "stranger", now: rig.now) != nil)
  }

  @Test("a wrong password is answered only when its record is on disk")
  func recordFirst() {
    var rig = Self.standing(.init())
    rig.commitFails = true
    wrong(&rig)
    guard case .storageFault = rig.replies.last else {
      Issue.record("\(String(describing: rig.replies.last))")
      return
    }
  }
}
