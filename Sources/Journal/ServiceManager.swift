// Besides Glibc: which of the two modules a C type belongs to depends on which was read first.
internal import CLinux
internal import CSystemd
internal import Glibc
public import Logging

/// What the daemon and systemd say to each other.
///
/// Without systemd every call is without effect.
public enum ServiceManager {
  /// Whether standard error is connected to the journal, so that the native protocol reaches the same place.
  public static var logsToJournal: Bool {
    guard let stream = getenv("JOURNAL_STREAM") else { return false }
    var information = stat()
    guard fstat(STDERR_FILENO, &information) == 0 else { return false }
    return String(cString: stream) == "\(information.st_dev):\(information.st_ino)"
  }

  /// A logger for wherever this process's messages belong.
  public static func logger(identifier: String) -> Logger {
    let journal = logsToJournal
    return Logger(label: identifier) { _ -> any LogHandler in
      journal
        ? JournalHandler(identifier: identifier) : StandardErrorHandler(identifier: identifier)
    }
  }

  /// The daemon is ready.
  public static func ready(status: String) { notify("READY=1\nSTATUS=\(oneLine(status))") }

  /// The configuration is being loaded anew; followed by `ready`.
  public static func reloading() {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    let microseconds = Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000
    notify("RELOADING=1\nMONOTONIC_USEC=\(microseconds)")
  }

  /// The daemon ends.
  public static func stopping() { notify("STOPPING=1") }

  /// One line for `systemctl status`.
  public static func status(_ text: String) { notify("STATUS=\(oneLine(text))") }

  /// All loops live.
  public static func feedWatchdog() { notify("WATCHDOG=1") }

  /// How long systemd waits for a feeding, in microseconds; nil when it does not.
  public static var watchdogMicroseconds: UInt64? {
    var microseconds: UInt64 = 0
    return sd_watchdog_enabled(0, &microseconds) > 0 ? microseconds : nil
  }

  /// The listening socket that systemd hands over, nil when there is none.
  public static func controlSocket() -> Int32? {
    let count = sd_listen_fds(1)
    guard count > 0 else { return nil }
    // SD_LISTEN_FDS_START; only a listening Unix stream socket is taken.
    for descriptor in 3..<(3 + count)
    where sd_is_socket(descriptor, AF_UNIX, Int32(SOCK_STREAM.rawValue), 1) > 0 {
      return descriptor
    }
    return nil
  }

  private static func notify(_ text: String) { sd_notify(0, text) }

  private static func oneLine(_ text: String) -> String {
    String(text.prefix(200).map { $0.isNewline ? " " : $0 })
  }
}
