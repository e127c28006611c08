public import Logging

/// A swift-log handler that writes to journald with structured fields.
///
/// Metadata becomes fields: `station` is `LINEWARD_STATION=`, `message-id` is `MESSAGE_ID=`. journald is no evidence (it drops
/// under load); what has to be kept stands in the records.
public struct JournalHandler: LogHandler {
  /// The lowest level that is written.
  public var logLevel: Logger.Level = .info
  /// Fields of every message of this logger.
  public var metadata: Logger.Metadata = [:]
  private let identifier: String
  private let socket: JournalSocket

  /// Makes a handler that writes as `identifier`.
  public init(identifier: String) { self.init(identifier: identifier, socket: JournalSocket()) }

  init(identifier: String, socket: JournalSocket) {
    self.identifier = identifier
    self.socket = socket
  }

  /// One field of every message.
  public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  /// Writes one message; never throws, and what cannot be written is counted and told later.
  public func log(event: LogEvent) {
    var entry = header(level: event.level, message: "\(event.message)")
    entry.append("CODE_FILE", event.file)
    entry.append("CODE_LINE", "\(event.line)")
    entry.append("CODE_FUNC", event.function)
    var all = metadata
    if let own = event.metadata { all.merge(own) { $1 } }
    for key in all.keys.sorted() {
      entry.append(JournalHandler.field(key), "\(all[key, default: ""])")
    }
    socket.send(entry) { count in
      header(
        level: .warning,
        message: "\(count) messages did not reach the journal: it was away or too slow")
    }
  }

  private func header(level: Logger.Level, message: String) -> JournalEntry {
    var entry = JournalEntry()
    // journalctl hides a message with control characters as "blob data", so they are spelled out here; fields keep them.
    entry.append("MESSAGE", StandardErrorHandler.plain(message, keepingLineFeeds: true))
    entry.append("PRIORITY", "\(level.priority)")
    entry.append("SYSLOG_IDENTIFIER", identifier)
    return entry
  }

  /// The journal's name for a metadata key: upper case, `LINEWARD_` in front, nothing that journald would refuse.
  static func field(_ key: String) -> String {
    if key == "message-id" { return "MESSAGE_ID" }
    var name = "LINEWARD_"
    for scalar in key.unicodeScalars.prefix(48) {
      switch scalar {
      case "a"..."z", "A"..."Z", "0"..."9": name += String(scalar).uppercased()
      default: name += "_"
      }
    }
    return name
  }
}

extension Logger.Level {
  /// syslog's number.
  var priority: Int {
    switch self {
    case .trace, .debug: 7
    case .info: 6
    case .notice: 5
    case .warning: 4
    case .error: 3
    case .critical: 2
    }
  }
}
