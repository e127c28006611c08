/// What a status means, in the words that `watch` and the web view share.
public struct StatusWords: Sendable, Equatable, Codable {
  /// The line's state in one word: `RUNNING`, `READY` or `STOPPED`.
  public var state: String
  /// Whether that is as it should be.
  public var good: Bool
  /// What stands beside that word: all reasons, gravest first, or what the conveyor does; may be empty.
  public var reason: String
  /// What has to be done before the line runs again; empty while it may.
  public var remedy: String
  /// The single next thing to do.
  public var next: String
  /// What is to be said of each station besides its counts, in their order.
  public var stations: [[String]]

  /// The words for a status.
  public init(_ status: StatusReply) {
    (state, good) = status.state
    reason = status.stateReason
    remedy = status.runPermit ? "" : status.gravestReason?.nextStep ?? ""
    next = status.next
    stations = status.stations.map { Render().stationNotes($0) }
  }
}
