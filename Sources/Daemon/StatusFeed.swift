public import Control
internal import Dispatch
internal import Synchronization

/// The status for all who watch, asked of the line loop once for all of them.
///
/// While anybody follows, the loop is asked at a steady pace, one question at a time; each answer goes to every follower, on
/// a queue of this feed's own, so a follower hands it on to its own queue and returns.
public final class StatusFeed: @unchecked Sendable {
  // Kept true by: every stored `var` is touched on `queue` only.

  /// Asks for the status with its details; the answer may come later, from any thread, or not at all.
  public typealias Provider =
    @Sendable (_ answer: @escaping @Sendable (StatusReply) -> Void) -> Void

  /// How often the status is asked for.
  public struct Pace: Sendable {
    /// Milliseconds between two looks at the status while somebody follows.
    public var lookMilliseconds = 500
    /// Milliseconds after which a status that was asked for is no longer waited for.
    public var answerMilliseconds = 2_000

    /// The pace of the daemon.
    public init() {}
  }

  /// One who follows; ends with ``StatusFeed/leave(_:)``.
  public struct Follower: Sendable, Hashable {
    fileprivate var number: UInt64
  }

  private let queue = DispatchQueue(label: "lineward.status")
  private let pace: Pace
  private let provider: Provider
  private let numbers = Atomic<UInt64>(0)
  private var followers: [Follower: @Sendable (StatusReply) -> Void] = [:]
  private var timer: (any DispatchSourceTimer)?
  /// When the status was asked for; nil when no answer is due.
  private var askedAt: UInt64?

  /// Makes a feed that asks nobody yet.
  public init(pace: Pace = Pace(), provider: @escaping Provider) {
    self.pace = pace
    self.provider = provider
  }

  /// Gives each status to `body` from now on, the first as soon as the loop comes round.
  public func follow(_ body: @escaping @Sendable (StatusReply) -> Void) -> Follower {
    let follower = Follower(number: numbers.add(1, ordering: .relaxed).newValue)
    queue.async { [self] in
      followers[follower] = body
      if timer == nil {
        let timer = DispatchSource.makeTimerSource(queue: queue)
        timer.schedule(
          deadline: .now() + .milliseconds(pace.lookMilliseconds),
          repeating: .milliseconds(pace.lookMilliseconds),
          leeway: .milliseconds(pace.lookMilliseconds / 10))
        timer.setEventHandler { @Sendable [weak self] in self?.ask() }
        self.timer = timer
        timer.activate()
      }
      ask()
    }
    return follower
  }

  /// Asks at once, besides the pace.
  public func look() { queue.async { self.ask() } }

  /// Ends a follower; a status that is under way may still come to it.
  public func leave(_ follower: Follower) {
    queue.async { [self] in
      followers[follower] = nil
      guard followers.isEmpty else { return }
      timer?.cancel()
      timer = nil
    }
  }

  private func ask() {
    // One question at a time: when the line loop does not answer, watchers see its silence. After a
    // while it is asked again, for a question may have been dropped.
    let now = ControlServer.milliseconds
    if let askedAt, now - askedAt < UInt64(pace.answerMilliseconds) { return }
    askedAt = now
    provider { [weak self] status in
      guard let self else { return }
      queue.async {
        self.askedAt = nil
        for body in self.followers.values { body(status) }
      }
    }
  }
}

/// Whether a status is news for those who watch: when it differs from the last, and every few seconds as a sign of life.
struct StatusNews {
  /// Milliseconds after which the same status is told again.
  var repeatMilliseconds: Int
  private var last: StatusReply?
  private var toldAt: UInt64 = 0

  init(repeatMilliseconds: Int) { self.repeatMilliseconds = repeatMilliseconds }

  /// Takes a status at `now`, in milliseconds; true: tell it.
  mutating func take(_ status: StatusReply, now: UInt64) -> Bool {
    guard status != last || now - toldAt >= UInt64(repeatMilliseconds) else { return false }
    last = status
    toldAt = now
    return true
  }

  /// Somebody new watches: the next one is news.
  mutating func forget() { last = nil }
}
