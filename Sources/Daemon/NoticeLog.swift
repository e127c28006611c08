internal import Alarms
internal import Dispatch
internal import Journal
internal import Line
internal import Logging
internal import Synchronization

/// Takes what the core says to the journal, off the line loop: a journal that hangs must not hold a verdict.
final class NoticeLog: Sendable {
  /// So many notices may wait for the journal; more are counted and told as a number.
  static let waitingMax = 4096

  private let logger: Logger
  private let queue = DispatchQueue(label: "lineward.notices", qos: .utility)
  private let waiting = Atomic<Int>(0)
  private let dropped = Atomic<Int>(0)

  init(_ logger: Logger) { self.logger = logger }

  /// Puts a notice into the journal, soon.
  func write(_ notice: Notice) {
    guard waiting.add(1, ordering: .relaxed).newValue <= NoticeLog.waitingMax else {
      waiting.subtract(1, ordering: .relaxed)
      dropped.add(1, ordering: .relaxed)
      return
    }
    queue.async { [self] in
      waiting.subtract(1, ordering: .relaxed)
      let missed = dropped.exchange(0, ordering: .relaxed)
      if missed > 0 {
        logger.warning("\(missed) notices did not reach the journal: it was too slow")
      }
      var metadata: Logger.Metadata = [:]
      if !notice.station.isEmpty { metadata["station"] = "\(notice.station)" }
      if notice.unit != 0 { metadata["unit"] = "\(notice.unit)" }
      if !notice.serial.isEmpty { metadata["serial"] = "\(notice.serial)" }
      if let id = notice.messageID { metadata["message-id"] = "\(id)" }
      if let alarm = notice.alarm { metadata["alarm"] = "\(alarm.word)" }
      logger.log(level: notice.severity.level, "\(notice.text)", metadata: metadata)
    }
  }

  /// Waits until what was written so far has reached the journal.
  func drain() { queue.sync {} }
}

extension Notice {
  /// The journal's id for it.
  var messageID: String? {
    if topic == .alarmRaised, let alarm { return alarm.messageID }
    return topic.messageID?.text
  }
}

extension Notice.Severity {
  var level: Logger.Level {
    switch self {
    case .information: .info
    case .notice: .notice
    case .warning: .warning
    case .error: .error
    case .critical: .critical
    }
  }
}
