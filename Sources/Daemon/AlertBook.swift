internal import Containment
internal import Line

/// How a contact is told.
enum AlertWay: String, Sendable, CaseIterable {
  /// A line in the journal, which everybody has.
  case journal
  /// A program of the plant's own.
  case command
  /// A mail.
  case mail
  /// A message posted to a web server.
  case webhook
}

/// What has to be told to whom, what is under way, and when it is tried again.
///
/// Pure: what happens is put in with the time, and attempts come out. A contact and a way of it are a lane, in which one
/// attempt is made at a time, so that one that hangs keeps back nothing else.
struct AlertBook {
  /// A contact, by name, and one of its ways.
  struct Lane: Sendable, Hashable {
    var contact: String
    var way: AlertWay
  }

  /// What is told: of which case, and of which of its moments; number 0 is a test.
  struct Message: Sendable, Hashable {
    var number: UInt32
    var escalation: ContainmentCase.Escalation
  }

  /// One attempt to be made.
  struct Attempt: Sendable, Hashable {
    var lane: Lane
    var message: Message
    /// Which attempt it is, from 1.
    var count: Int
  }

  /// Messages that wait in one lane at most.
  static let waitingMax = 16
  /// A message is tried so often.
  static let attemptsMax = 12
  /// Attempts under way at a time, each of which keeps a thread.
  static let atWorkMax = 32
  /// The time from one attempt to the next; the last one goes on.
  static let pauses: [Instant.Span] = [5, 30, 120, 300, 600].map { .milliseconds($0 * 1000) }

  private struct Delivery {
    var message: Message
    var attempts: Int
    var due: Instant
  }

  private struct Queue {
    var waiting: [Delivery] = []
    var atWork: Delivery?
  }

  private let pauses: [Instant.Span]
  private var lanes: [Lane: Queue] = [:]
  private var atWork = 0

  init(pauses: [Instant.Span] = AlertBook.pauses) { self.pauses = pauses }

  /// Whether nothing waits and nothing is under way.
  var isIdle: Bool { lanes.isEmpty }

  /// How many wait in a lane, or are under way there.
  func count(in lane: Lane) -> Int {
    lanes[lane].map { $0.waiting.count + ($0.atWork == nil ? 0 : 1) } ?? 0
  }

  /// Adds a message that was tried so often before; false: too many wait there.
  ///
  /// The same one twice is one, and a later moment of a case takes the place of an earlier one that waits.
  mutating func add(_ message: Message, to lane: Lane, attempts: Int = 0, now: Instant) -> Bool {
    var queue = lanes[lane] ?? Queue()
    if queue.atWork?.message == message { return true }
    if let known = queue.waiting.firstIndex(where: { $0.message.number == message.number }) {
      guard queue.waiting[known].message.escalation < message.escalation else { return true }
      queue.waiting[known] = Delivery(message: message, attempts: attempts, due: now)
    } else {
      guard queue.waiting.count < AlertBook.waitingMax else { return false }
      queue.waiting.append(Delivery(message: message, attempts: attempts, due: now))
    }
    lanes[lane] = queue
    return true
  }

  /// Drops what waits and is wanted no more.
  mutating func keep(where isWanted: (Lane, Message, _ attempts: Int) -> Bool) {
    for (lane, queue) in lanes {
      var queue = queue
      queue.waiting.removeAll { !isWanted(lane, $0.message, $0.attempts) }
      lanes[lane] = queue.waiting.isEmpty && queue.atWork == nil ? nil : queue
    }
  }

  /// The attempts that are due, those before others that were tried less often.
  mutating func begin(now: Instant) -> [Attempt] {
    var due: [(lane: Lane, index: Int, delivery: Delivery)] = []
    for (lane, queue) in lanes where queue.atWork == nil {
      let ready = queue.waiting.indices.filter { queue.waiting[$0].due <= now }
      guard
        let index = ready.min(by: {
          AlertBook.isFirst(queue.waiting[$0], queue.waiting[$1])
        })
      else { continue }
      due.append((lane, index, queue.waiting[index]))
    }
    due.sort { AlertBook.isFirst($0.delivery, $1.delivery) }
    var attempts: [Attempt] = []
    for (lane, index, delivery) in due.prefix(AlertBook.atWorkMax - atWork) {
      lanes[lane]?.waiting.remove(at: index)
      lanes[lane]?.atWork = delivery
      attempts.append(
        Attempt(lane: lane, message: delivery.message, count: delivery.attempts + 1))
    }
    atWork += attempts.count
    return attempts
  }

  private static func isFirst(_ left: Delivery, _ right: Delivery) -> Bool {
    (left.attempts, left.due.nanoseconds) < (right.attempts, right.due.nanoseconds)
  }

  /// Takes how an attempt ended; true when no other one follows.
  mutating func ended(_ attempt: Attempt, failed: Bool, now: Instant) -> Bool {
    guard var queue = lanes[attempt.lane], queue.atWork?.message == attempt.message else {
      return true
    }
    queue.atWork = nil
    atWork -= 1
    // A test tells whether the way works now; a later moment that waits says more than this one.
    let isLast =
      !failed || attempt.count >= AlertBook.attemptsMax || attempt.message.number == 0
      || queue.waiting.contains { $0.message.number == attempt.message.number }
    if !isLast {
      let pause = pauses[min(attempt.count - 1, pauses.count - 1)]
      queue.waiting.append(
        Delivery(message: attempt.message, attempts: attempt.count, due: now + pause))
    }
    lanes[attempt.lane] = queue.waiting.isEmpty && queue.atWork == nil ? nil : queue
    return isLast
  }
}
