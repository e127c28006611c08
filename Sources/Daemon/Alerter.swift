internal import Configuration
internal import Containment
internal import Control
internal import Dispatch
internal import Journal
internal import Line
internal import Logging

/// Tells the contacts of containment cases, away from the line loop, and has the records say whom it reached.
///
/// A case asks once for each of its moments; what was told already stands in its records, so a restart tells nobody twice.
/// A message is tried again until it went out, somebody of that role has answered, the case is closed, or it was tried
/// `AlertBook.attemptsMax` times.
final class Alerter: @unchecked Sendable {
  // Kept true by: everything below `queue` is touched on it only.

  /// What is known of the line when messages are made.
  struct Basis: Sendable {
    var line: String
    /// The open cases, by number, without the packs that were scanned in: to keep a hold of those would have the loop copy
    /// them with the next one.
    var cases: [UInt32: ContainmentCase]
    /// The batches of open cases, by number.
    var batches: [UInt32: String]

    init(_ core: LineController) {
      line = core.settings.line
      cases = [:]
      for var found in core.cases.open {
        found.scanned = []
        cases[found.number] = found
      }
      let held = Set(core.cases.open.flatMap(\.scope.batches))
      batches = Dictionary(
        core.batches.filter { held.contains($0.number) }.map { ($0.number, $0.id) },
        uniquingKeysWith: { first, _ in first })
    }
  }

  /// How often it is looked what is due.
  static let pace = Instant.Span.milliseconds(1000)
  /// One attempt may take so long; then the program is killed with all that it started.
  static let timeout = Instant.Span.milliseconds(20_000)
  /// Orders that wait for a look, and what waits to be recorded, at most.
  static let backlogMax = 1024

  private let logger: Logger
  private let pace: Instant.Span
  private let timeout: Instant.Span
  private let ask: @Sendable (@escaping @Sendable (Basis) -> Void) -> Bool
  private let tell: @Sendable (ContainmentEvent) -> Bool
  private let queue = DispatchQueue(label: "lineward.alerts", qos: .utility)
  private var contacts: [Configuration.Contact]
  private var alerting: Configuration.Alerting
  private var book: AlertBook
  private var timer: (any DispatchSourceTimer)?
  /// What cases have asked for and nobody has looked at.
  private var orders: [UInt32: ContainmentCase.Escalation] = [:]
  /// Messages that are over, and how often had been asked by then: what is not in the core of a later look was lost with a
  /// disk, and is told to it again.
  private var over: [UInt32: [String: (event: ContainmentEvent, asks: Int)]] = [:]
  /// What the loop had no room for.
  private var untold: [ContainmentEvent] = []
  private var dropped = 0
  private var isAsking = false
  private var asks = 0
  private var test: Test?

  private struct Test {
    var actor: String
    var total: Int
    var entries: [AlertTestReply.Entry] = []
    var progress: @Sendable (Int, Int) -> Void
    var done: @Sendable (AlertTestReply) -> Void
  }

  /// Makes an alerter; `ask` looks at the core, and `tell` sends an event to it, both without blocking: false, there is no
  /// room now.
  init(
    logger: Logger, contacts: [Configuration.Contact], alerting: Configuration.Alerting,
    pace: Instant.Span = Alerter.pace, timeout: Instant.Span = Alerter.timeout,
    pauses: [Instant.Span] = AlertBook.pauses,
    ask: @escaping @Sendable (@escaping @Sendable (Basis) -> Void) -> Bool,
    tell: @escaping @Sendable (ContainmentEvent) -> Bool
  ) {
    self.logger = logger
    self.contacts = contacts
    self.alerting = alerting
    self.pace = pace
    self.timeout = timeout
    self.ask = ask
    self.tell = tell
    book = AlertBook(pauses: pauses)
  }

  /// Begins to look after what is due.
  func start() {
    queue.async { [self] in
      let source = DispatchSource.makeTimerSource(queue: queue)
      source.schedule(
        deadline: .now(), repeating: .nanoseconds(Int(pace.nanoseconds)),
        leeway: .milliseconds(100))
      source.setEventHandler { @Sendable [weak self] in self?.look() }
      source.resume()
      timer = source
    }
  }

  /// Ends; attempts under way come to their own end, unrecorded.
  func stop() {
    queue.sync {
      timer?.cancel()
      timer = nil
    }
  }

  /// Takes other contacts, from the next message on.
  func use(_ configuration: Configuration) {
    queue.async { [self] in
      contacts = configuration.contacts
      alerting = configuration.alerting
      let lanes = Set(contacts.flatMap(Alerter.lanes))
      book.keep { lane, message, _ in lanes.contains(lane) && message.number != 0 }
      endTest()
    }
  }

  /// Takes what a case asks for; any thread, never waits.
  func alert(_ number: UInt32, _ escalation: ContainmentCase.Escalation) {
    queue.async { [self] in
      guard orders[number] != nil || orders.count < Alerter.backlogMax else {
        dropped += 1
        return
      }
      orders[number] = max(escalation, orders[number] ?? escalation)
      look()
    }
  }

  /// Tells all contacts a test, once by each way; `done` gets how it went, nil when another test is under way.
  func test(
    by actor: String, progress: @escaping @Sendable (Int, Int) -> Void,
    done: @escaping @Sendable (AlertTestReply?) -> Void
  ) {
    queue.async { [self] in
      guard test == nil else {
        done(nil)
        return
      }
      let lanes = contacts.flatMap(Alerter.lanes)
      logger.notice(
        "\(actor) tells all contacts of containment cases a test",
        metadata: ["message-id": "\(MessageID.containment.text)"])
      let message = AlertBook.Message(number: 0, escalation: .none)
      var entries: [AlertTestReply.Entry] = []
      for lane in lanes where !book.add(message, to: lane, now: Clock.now) {
        entries.append(entry(lane, failure: "too many messages wait there"))
      }
      guard entries.count < lanes.count else {
        done(AlertTestReply(entries: entries))
        return
      }
      test = Test(
        actor: actor, total: lanes.count, entries: entries, progress: progress, done: { done($0) })
      look()
    }
  }

  private static func lanes(of contact: Configuration.Contact) -> [AlertBook.Lane] {
    var ways: [AlertWay] = [.journal]
    if !contact.command.isEmpty { ways.append(.command) }
    if contact.mail != nil { ways.append(.mail) }
    if contact.webhook != nil { ways.append(.webhook) }
    return ways.map { AlertBook.Lane(contact: contact.name, way: $0) }
  }

  // MARK: Looking

  private func look() {
    dispatchPrecondition(condition: .onQueue(queue))
    sendUntold()
    if dropped > 0 {
      logger.error(
        "\(dropped) messages of containment cases were asked for and left out: there were too many",
        metadata: ["message-id": "\(MessageID.containment.text)"])
      dropped = 0
    }
    guard !orders.isEmpty || !book.isIdle, !isAsking else { return }
    asks += 1
    isAsking = ask { [weak self] basis in
      guard let self else { return }
      self.queue.async { self.take(basis) }
    }
  }

  private func take(_ basis: Basis) {
    isAsking = false
    let now = Clock.now
    for (number, escalation) in orders {
      guard let found = basis.cases[number], found.isOpen else { continue }
      if contacts.isEmpty { note(found) }
      for contact in contacts where Alerter.begin(of: contact) <= escalation {
        for lane in Alerter.lanes(of: contact) { add(found, escalation, lane, now: now) }
      }
    }
    orders = [:]
    over = over.filter { basis.cases[$0.key]?.isOpen == true }
    let roles = Dictionary(
      contacts.map { ($0.name, $0.role) }, uniquingKeysWith: { first, _ in first })
    book.keep { lane, message, attempts in
      if message.number == 0 { return true }
      guard let found = basis.cases[message.number], found.isOpen,
        let role = roles[lane.contact]
      else { return false }
      // Who has answered hears of later moments too, but is not run after.
      return attempts == 0 || found.answers[role] == nil
    }
    begin(basis)
  }

  private static func begin(of contact: Configuration.Contact) -> ContainmentCase.Escalation {
    switch contact.from {
    case .open: .none
    case .half: .half
    case .fourFifths: .fourFifths
    case .over: .over
    }
  }

  private func note(_ found: ContainmentCase) {
    let text =
      "nobody was alerted: the configuration has no [[contact]]; reach people by telephone"
    guard !found.notes.contains(text) else { return }
    send(.noted(number: found.number, text: text))
  }

  private func add(
    _ found: ContainmentCase, _ escalation: ContainmentCase.Escalation, _ lane: AlertBook.Lane,
    now: Instant
  ) {
    let key = ContainmentCase.Telling.key(
      contact: lane.contact, way: lane.way.rawValue, of: escalation)
    let known = found.tellings[key] ?? .init(attempts: 0, isTold: false)
    guard !known.isTold, known.attempts < AlertBook.attemptsMax else { return }
    if let known = over[found.number]?[key] {
      if known.asks < asks { send(known.event) }
      return
    }
    let message = AlertBook.Message(number: found.number, escalation: escalation)
    if !book.add(message, to: lane, attempts: known.attempts, now: now) {
      send(
        .told(
          number: found.number, contact: lane.contact, way: lane.way.rawValue, of: escalation,
          attempt: known.attempts, failure: "too many messages wait there", isLast: true))
    }
  }

  // MARK: Telling

  private func begin(_ basis: Basis) {
    let now = Clock.now
    for attempt in book.begin(now: now) {
      guard let contact = contacts.first(where: { $0.name == attempt.lane.contact }),
        let message = message(of: attempt, to: contact, basis)
      else {
        _ = book.ended(attempt, failed: false, now: now)
        continue
      }
      let job = AlertJob(
        contact: contact, alerting: alerting, way: attempt.lane.way, message: message,
        attempt: attempt, timeout: timeout, logger: logger)
      // A queue for each: the number of attempts under way is bounded, and they block.
      DispatchQueue(label: "lineward.alert", qos: .utility).async { [self] in
        let failure = job.run()
        queue.async { self.ended(attempt, failure: failure) }
      }
    }
  }

  private func message(
    of attempt: AlertBook.Attempt, to contact: Configuration.Contact, _ basis: Basis
  ) -> AlertMessage? {
    if attempt.message.number == 0 {
      return AlertMessage(
        testBy: test?.actor ?? "", line: basis.line, contact: contact.name, role: contact.role,
        at: Clock.wall)
    }
    guard let found = basis.cases[attempt.message.number] else { return nil }
    return AlertMessage(
      found, of: attempt.message.escalation, line: basis.line, contact: contact.name,
      role: contact.role, batches: basis.batches, now: Clock.now.nanoseconds / 1_000_000)
  }

  private func ended(_ attempt: AlertBook.Attempt, failure: String?) {
    let isLast = book.ended(attempt, failed: failure != nil, now: Clock.now)
    defer { look() }
    guard attempt.message.number != 0 else {
      testEnded(attempt.lane, failure: failure)
      return
    }
    let event = ContainmentEvent.told(
      number: attempt.message.number, contact: attempt.lane.contact,
      way: attempt.lane.way.rawValue, of: attempt.message.escalation, attempt: attempt.count,
      failure: failure, isLast: isLast)
    if let failure {
      logger.warning(
        "case C\(attempt.message.number): \(attempt.lane.contact) was not told by \(attempt.lane.way.rawValue), attempt \(attempt.count): \(failure)",
        metadata: [
          "message-id": "\(MessageID.containment.text)", "contact": "\(attempt.lane.contact)",
        ])
    }
    if isLast {
      let key = ContainmentCase.Telling.key(
        contact: attempt.lane.contact, way: attempt.lane.way.rawValue,
        of: attempt.message.escalation)
      over[attempt.message.number, default: [:]][key] = (event, asks)
    }
    send(event)
  }

  private func testEnded(_ lane: AlertBook.Lane, failure: String?) {
    guard test != nil else { return }
    let entry = entry(lane, failure: failure)
    test?.entries.append(entry)
    logger.log(
      level: failure == nil ? .notice : .error,
      "test: \(lane.contact) by \(lane.way.rawValue): \(failure ?? "told")",
      metadata: ["message-id": "\(MessageID.containment.text)", "contact": "\(lane.contact)"])
    finishTestIfOver()
  }

  private func finishTestIfOver() {
    guard let test else { return }
    test.progress(test.entries.count, test.total)
    guard test.entries.count >= test.total else { return }
    endTest()
  }

  private func endTest() {
    guard let test else { return }
    self.test = nil
    let order = Dictionary(
      contacts.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
    test.done(
      AlertTestReply(
        entries: test.entries.sorted {
          (order[$0.contact] ?? 0, $0.way) < (order[$1.contact] ?? 0, $1.way)
        }))
  }

  private func entry(_ lane: AlertBook.Lane, failure: String?) -> AlertTestReply.Entry {
    AlertTestReply.Entry(
      contact: lane.contact, role: contacts.first { $0.name == lane.contact }?.role ?? "",
      way: lane.way.rawValue, failure: failure)
  }

  // MARK: To the records

  private func send(_ event: ContainmentEvent) {
    guard untold.isEmpty, tell(event) else {
      guard untold.count < Alerter.backlogMax else {
        dropped += 1
        return
      }
      untold.append(event)
      return
    }
  }

  private func sendUntold() {
    while let event = untold.first, tell(event) { untold.removeFirst() }
  }
}

/// One attempt to tell a contact, on whatever thread.
struct AlertJob: Sendable {
  var contact: Configuration.Contact
  var alerting: Configuration.Alerting
  var way: AlertWay
  var message: AlertMessage
  var attempt: AlertBook.Attempt
  var timeout: Instant.Span
  var logger: Logger

  /// Makes it; blocks, and returns why it failed.
  func run() -> String? {
    switch way {
    case .journal:
      logger.log(
        // A test is for whoever looks on, and wakes nobody.
        level: attempt.message.number == 0 ? .notice : .critical, "\(message.sentence)",
        metadata: [
          "message-id": "\(MessageID.containment.text)", "contact": "\(contact.name)",
          "role": "\(contact.role)",
        ])
      return nil
    case .command:
      let environment =
        BoundedProgram.environment + [
          "LINEWARD_CONTACT=\(contact.name)", "LINEWARD_ROLE=\(contact.role)",
          "LINEWARD_CASE=\(attempt.message.number == 0 ? "test" : "C\(attempt.message.number)")",
          "LINEWARD_ESCALATION=\(attempt.message.escalation.word)",
        ]
      return program(contact.command, environment: environment, input: Array(message.text.utf8))
        .failure
    case .mail:
      let address = contact.mail ?? ""
      return program(
        [alerting.sendmail, "-i", "--", address], input: message.mail(to: address)
      ).failure
    case .webhook: return post(to: contact.webhook ?? "")
    }
  }

  private func program(
    _ words: [String], environment: [String] = BoundedProgram.environment, input: [UInt8]
  ) -> BoundedProgram.Report {
    BoundedProgram(words: words, environment: environment, timeout: timeout).report(input: input)
  }

  private func post(to url: String) -> String? {
    // A little less than the program has, so that it can say itself what was slow.
    let seconds = max(1, Int(timeout.nanoseconds / 1_000_000_000) - 2)
    // -q: no file of the user's own changes what curl does.
    let report = program(
      [alerting.curl, "-q", "--config", "-"],
      input: message.curlConfig(url: url, seconds: seconds))
    if let failure = report.failure {
      // A token in the URL is for nobody's records.
      return failure.split(separator: url, omittingEmptySubsequences: false).joined(separator: "…")
    }
    let code = String(decoding: report.said.prefix(64), as: UTF8.self)
    guard code.utf8.count == 3, code.first == "2" else {
      return "the server answered with \(Plain.text(code, lengthMax: 20)), not with 200 to 299"
    }
    return nil
  }
}
