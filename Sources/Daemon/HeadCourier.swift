internal import Alarms
internal import CLinux
internal import Dispatch
internal import Glibc
internal import Journal
internal import Line
internal import Logging
internal import Records
internal import Synchronization

/// Takes each signed head away from the directory of records: to the journal at once, and to a file and a command where the
/// configuration names them.
///
/// A copy elsewhere is what proves later that the end was not cut off.
///
/// Nothing of it is waited for by the line loop. Each destination has a queue of its own and room for one head, the newest:
/// a share that hangs holds that queue and nothing else. What fails is an alarm, and the newest head is tried again.
package final class HeadCourier: @unchecked Sendable {
  // Kept true by: `timer` and `told` are touched on `journal` only.

  /// How often destinations are looked after.
  static let pace = Instant.Span.milliseconds(1000)

  private let logger: Logger
  private let journal = DispatchQueue(label: "lineward.heads", qos: .utility)
  private let destinations: [HeadDestination]
  private let pace: Instant.Span
  private let tell: @Sendable (LineEvent) -> Void
  private var timer: (any DispatchSourceTimer)?
  /// What was told last: nil nothing yet, empty that all is well.
  private var told: String?

  /// Makes a courier; `tell` raises and ends the alarm.
  init(
    logger: Logger, destinations: [HeadDestination], pace: Instant.Span = HeadCourier.pace,
    tell: @escaping @Sendable (LineEvent) -> Void
  ) {
    self.logger = logger
    self.destinations = destinations
    self.pace = pace
    self.tell = tell
  }

  /// Begins to look after the destinations.
  func start() {
    guard !destinations.isEmpty else {
      // An alarm from before a restart has no cause any more.
      tell(.surroundings(.headNotKept, stands: false, message: ""))
      return
    }
    journal.async { [self] in
      let source = DispatchSource.makeTimerSource(queue: journal)
      source.schedule(
        deadline: .now(), repeating: .nanoseconds(Int(pace.nanoseconds)), leeway: .milliseconds(100)
      )
      source.setEventHandler { @Sendable [weak self] in self?.look() }
      source.resume()
      timer = source
    }
  }

  /// Sends a head everywhere; any thread, never waits.
  func send(_ head: SignedHead) {
    for destination in destinations { destination.take(head) }
    journal.async { [logger] in
      logger.info(
        "the records are signed up to record \(head.sequence)",
        metadata: ["message-id": "\(MessageID.headSigned.text)", "head": "\(head.note)"])
    }
  }

  /// Ends, after giving the last head so many seconds to arrive.
  func stop(seconds: Int) {
    journal.sync {
      timer?.cancel()
      timer = nil
    }
    let end = DispatchTime.now() + .seconds(seconds)
    for destination in destinations where !destination.isDone(by: end) {
      logger.error(
        "the last signed head has not reached \(destination.name)",
        metadata: ["message-id": "\(MessageID.headNotKept.text)"])
    }
  }

  private func look() {
    let now = Clock.now
    for destination in destinations { destination.tryAgain(now: now) }
    let found = destinations.compactMap { $0.trouble(now: now) }.joined(separator: "; ")
    // All is well only once everything has arrived: the alarm may be one from before a restart.
    if found.isEmpty && !destinations.allSatisfy(\.isIdle) { return }
    guard found != told else { return }
    told = found
    if found.isEmpty {
      tell(.surroundings(.headNotKept, stands: false, message: ""))
    } else {
      logger.error("\(found)", metadata: ["message-id": "\(MessageID.headNotKept.text)"])
      tell(.surroundings(.headNotKept, stands: true, message: found))
    }
  }
}

/// One place that signed heads go to, with a queue of its own.
final class HeadDestination: Sendable {
  /// After a failure the newest head is tried again at this pace.
  static let retryEvery = Instant.Span.milliseconds(30_000)

  /// What it is, for sentences.
  let name: String
  private let deliver: @Sendable (SignedHead) -> String?
  private let timeout: Instant.Span
  private let retryEvery: Instant.Span
  private let queue: DispatchQueue
  private let work = DispatchGroup()
  private let state = Mutex(State())

  private struct State {
    /// The newest head that has not arrived.
    var waiting: SignedHead?
    var isAtWork = false
    /// Since when one delivery is under way.
    var since: Instant?
    var failure: String?
    var failedAt: Instant?
  }

  /// `deliver` may block, and returns why it failed, or nil; after `timeout` it counts as hanging.
  init(
    name: String, timeout: Instant.Span, retryEvery: Instant.Span = HeadDestination.retryEvery,
    deliver: @escaping @Sendable (SignedHead) -> String?
  ) {
    self.name = name
    self.deliver = deliver
    self.timeout = timeout
    self.retryEvery = retryEvery
    queue = DispatchQueue(label: "lineward.head", qos: .utility)
  }

  /// Takes a head in place of an older one that still waits.
  func take(_ head: SignedHead) {
    let begins = state.withLock { state in
      state.waiting = head
      defer { state.isAtWork = true }
      return !state.isAtWork
    }
    if begins { begin() }
  }

  /// Sends the newest head again, when the last try failed some time ago.
  func tryAgain(now: Instant) {
    let begins = state.withLock { state in
      guard !state.isAtWork, state.waiting != nil, let failedAt = state.failedAt,
        now - failedAt >= retryEvery
      else { return false }
      state.isAtWork = true
      return true
    }
    if begins { begin() }
  }

  private func begin() {
    queue.async(group: work) { [self] in
      while let head = next() {
        let failure = deliver(head)
        ended(head, failure: failure)
        if failure != nil { return }
      }
    }
  }

  private func next() -> SignedHead? {
    state.withLock { state in
      guard let head = state.waiting else {
        state.isAtWork = false
        return nil
      }
      state.waiting = nil
      state.since = Clock.now
      return head
    }
  }

  private func ended(_ head: SignedHead, failure: String?) {
    state.withLock { state in
      state.since = nil
      state.failure = failure
      guard failure != nil else { return }
      state.failedAt = Clock.now
      if state.waiting == nil { state.waiting = head }
      // Not at once again, not even for a newer head: what failed a moment ago fails now.
      state.isAtWork = false
    }
  }

  /// Why heads do not arrive, a sentence; nil when they do.
  func trouble(now: Instant) -> String? {
    state.withLock { state in
      if let since = state.since, now - since > timeout {
        return "signed heads do not reach \(name): it has not answered for more than "
          + "\(timeout.nanoseconds / 1_000_000) ms"
      }
      return state.failure.map { "signed heads do not reach \(name): \($0)" }
    }
  }

  /// Whether nothing is under way nor waiting now.
  var isIdle: Bool { state.withLock { !$0.isAtWork && $0.waiting == nil } }

  /// Whether nothing is under way nor waiting by then.
  func isDone(by end: DispatchTime) -> Bool {
    work.wait(timeout: end) == .success && state.withLock { $0.waiting == nil }
  }
}

extension HeadDestination {
  /// A file that heads are appended to, each synced.
  ///
  /// It is never made here: on a mount that is absent, a new file would lie on the machine's own disk and look like a copy
  /// kept elsewhere.
  static func file(_ path: String, timeout: Instant.Span) -> HeadDestination {
    HeadDestination(name: path, timeout: timeout) { append($0.note, to: path) }
  }

  private static func append(_ note: String, to path: String) -> String? {
    let descriptor = open(path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
    guard descriptor >= 0 else {
      let number = errno
      return number == ENOENT
        ? "there is no such file; mount its disk, or make the file once (touch)" : reason(number)
    }
    defer { close(descriptor) }
    var information = stat()
    guard fstat(descriptor, &information) == 0 else { return reason(errno) }
    guard information.st_mode & S_IFMT == S_IFREG else { return "it is no regular file" }
    // An empty line ends each note.
    let bytes = Array((note + "\n").utf8)
    let written = write(descriptor, bytes, bytes.count)
    guard written == bytes.count else {
      let number = written < 0 ? errno : ENOSPC
      // Half a note would stay for ever.
      if written > 0 { ftruncate(descriptor, information.st_size) }
      return reason(number)
    }
    guard fsync(descriptor) == 0 else { return reason(errno) }
    return nil
  }

  /// A program that gets each head on its standard input; killed, with all that it started, after `timeout`.
  static func command(_ words: [String], timeout: Instant.Span) -> HeadDestination {
    // The queue begins no second one meanwhile; what runs longer is killed here, and the watch on hanging is for what
    // cannot be killed.
    HeadDestination(
      name: words[0], timeout: timeout + .milliseconds(2000)
    ) { run(words, note: $0.note, timeout: timeout) }
  }

  private static func run(_ words: [String], note: String, timeout: Instant.Span) -> String? {
    BoundedProgram(words: words, environment: BoundedProgram.environment, timeout: timeout)
      .report(input: Array(note.utf8)).failure
  }

  private static func reason(_ number: Int32) -> String { String(cString: strerror(number)) }
}
