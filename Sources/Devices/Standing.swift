internal import Line

/// Trouble that is said once when it begins and once when it has ended.
///
/// What was said stands for at least ten seconds, so that a scanner that swings about raises few alarms.
struct Standing: Sendable {
  /// What is to be said.
  enum News: Sendable, Hashable {
    case begins(String)
    case ends
  }

  /// What is said stands for at least so long.
  static let least = Instant.Span.milliseconds(10_000)

  private var since: Instant?

  /// Whether it was said and has not ended.
  var stands: Bool { since != nil }

  /// What is to be said now, nil nothing new; `trouble` is what is wrong, `isOver` whether it may end.
  mutating func look(_ trouble: String?, isOver: Bool, now: Instant) -> News? {
    if let since {
      guard trouble == nil, isOver, now - since >= Standing.least else { return nil }
      self.since = nil
      return .ends
    }
    guard let trouble else { return nil }
    since = now
    return .begins(trouble)
  }

  /// Whoever was told has forgotten it too: the scanner was opened anew.
  mutating func reset() { since = nil }
}
