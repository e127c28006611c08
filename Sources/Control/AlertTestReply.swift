/// The answer to `containment test-alert`: whom the test reached.
public struct AlertTestReply: Sendable, Equatable, Codable {
  /// One for each contact and way.
  public var entries: [Entry]

  /// Whether every contact was reached by every way.
  public var reachedAll: Bool { entries.allSatisfy { $0.failure == nil } }

  /// A contact and one of its ways.
  public struct Entry: Sendable, Equatable, Codable {
    /// The contact's name.
    public var contact: String
    /// Its role.
    public var role: String
    /// `journal`, `command`, `mail` or `webhook`.
    public var way: String
    /// Why it was not told; null when it was.
    public var failure: String?

    /// Makes an entry.
    public init(contact: String, role: String, way: String, failure: String?) {
      self.contact = contact
      self.role = role
      self.way = way
      self.failure = failure
    }
  }

  /// Makes a reply.
  public init(entries: [Entry]) { self.entries = entries }
}
