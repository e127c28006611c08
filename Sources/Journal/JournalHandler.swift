internal import CSystemd
internal import Glibc
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

  /// The most bytes of one field; a journal field is for people.
  static let fieldLengthMax = 16 * 1024

  /// Makes a handler that writes as `identifier`.
  public init(identifier: String) { self.identifier = identifier }

  /// One field of every message.
  public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  /// Writes one message; never throws, and what cannot be written is not tried again.
  public func log(event: LogEvent) {
    var fields = [
      "MESSAGE=\(event.message)", "PRIORITY=\(event.level.priority)",
      "SYSLOG_IDENTIFIER=\(identifier)",
      "CODE_FILE=\(event.file)", "CODE_LINE=\(event.line)", "CODE_FUNC=\(event.function)",
    ]
    var all = metadata
    if let own = event.metadata { all.merge(own) { $1 } }
    for (key, value) in all {
      fields.append("\(JournalHandler.field(key))=\(value)")
    }
    var bytes = fields.map { Array($0.utf8.prefix(JournalHandler.fieldLengthMax)) }
    // One block holds all fields, so that the pointers stay good for the call.
    var block: [UInt8] = []
    var ends: [Int] = []
    for field in bytes {
      block += field
      ends.append(block.count)
    }
    bytes.removeAll()
    block.withUnsafeMutableBytes { buffer in
      guard let base = buffer.baseAddress else { return }
      var start = 0
      var vectors: [iovec] = []
      for end in ends {
        vectors.append(iovec(iov_base: base + start, iov_len: end - start))
        start = end
      }
      _ = sd_journal_sendv(vectors, Int32(vectors.count))
    }
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
