// Besides Glibc: which of the two modules a C type belongs to depends on which was read first.
internal import CLinux
internal import Glibc
public import Logging

/// A swift-log handler that writes one line to standard error for each message.
public struct StandardErrorHandler: LogHandler {
  /// The lowest level that is written.
  public var logLevel: Logger.Level = .info
  /// Fields of every message of this logger.
  public var metadata: Logger.Metadata = [:]
  private let identifier: String

  /// Makes a handler that writes as `identifier`.
  public init(identifier: String) { self.identifier = identifier }

  /// One field of every message.
  public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  /// Writes one message; never throws, and what cannot be written is not tried again.
  public func log(event: LogEvent) {
    var all = metadata
    if let own = event.metadata { all.merge(own) { $1 } }
    var bytes = Array(
      StandardErrorHandler.line(
        at: StandardErrorHandler.now(), level: event.level, message: "\(event.message)",
        metadata: all.mapValues { "\($0)" }
      ).utf8)
    bytes.withUnsafeMutableBytes { buffer in
      guard let base = buffer.baseAddress else { return }
      // One write for one line: lines of several threads do not mix.
      _ = write(STDERR_FILENO, base, buffer.count)
    }
  }

  /// One line; control characters in what came from outside cannot forge another.
  static func line(
    at time: String, level: Logger.Level, message: String, metadata: [String: String]
  ) -> String {
    var text = "\(time) \(level) \(plain(message))"
    for key in metadata.keys.sorted() where key != "message-id" {
      text += " \(plain(key))=\(plain(metadata[key] ?? ""))"
    }
    return text + "\n"
  }

  /// A text whose control characters are spelled out, `<1D>` for FNC1's separator; at most 8192 characters of it.
  static func plain(_ text: String, keepingLineFeeds: Bool = false) -> String {
    var result = ""
    for scalar in text.unicodeScalars.prefix(8192) {
      if keepingLineFeeds, scalar == "\n" {
        result.unicodeScalars.append(scalar)
      } else if scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value) {
        let digits = String(scalar.value, radix: 16, uppercase: true)
        result += "<\(digits.count == 1 ? "0" : "")\(digits)>"
      } else {
        result.unicodeScalars.append(scalar)
      }
    }
    return result
  }

  private static func now() -> String {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    var parts = tm()
    gmtime_r(&time.tv_sec, &parts)
    func padded(_ value: Int, _ width: Int) -> String {
      let digits = String(value)
      return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
    let date =
      "\(padded(Int(parts.tm_year) + 1900, 4))-\(padded(Int(parts.tm_mon) + 1, 2))-\(padded(Int(parts.tm_mday), 2))"
    let clock =
      "\(padded(Int(parts.tm_hour), 2)):\(padded(Int(parts.tm_min), 2)):\(padded(Int(parts.tm_sec), 2))"
    return "\(date)T\(clock).\(padded(time.tv_nsec / 1_000_000, 3))Z"
  }
}
