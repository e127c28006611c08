internal import Alarms
internal import CLinux
internal import Dispatch
internal import Glibc
internal import Line
internal import Logging

/// Watches what the machine around the line does: its clock and the disk of the records.
///
/// Nothing of it stops the line; the line loop is told, and raises or ends alarms.
final class Surroundings: @unchecked Sendable {
  // Kept true by: everything below is touched on `queue` only, once `start` has been called.

  /// Looks at disk and time service come so often.
  static let pace = DispatchTimeInterval.seconds(60)

  private let queue = DispatchQueue(label: "lineward.surroundings", qos: .utility)
  private let directory: String
  private let minFree: Int64
  private let tell: @Sendable (LineEvent) -> Void
  private let logger: Logger
  private var forecast: DiskForecast
  private var found: DiskForecast.Finding?
  private var wasSynchronised: Bool?
  private var clocks = ClockComparison()
  private var clockTimer: Int32 = -1
  private var sources: [any DispatchSourceProtocol] = []

  init(
    directory: String, minFree: Int64, logger: Logger, tell: @escaping @Sendable (LineEvent) -> Void
  ) {
    self.directory = directory
    self.minFree = minFree
    self.logger = logger
    self.tell = tell
    forecast = DiskForecast(minFree: minFree)
    _ = clocks.step(now: { Clock.now }, wall: { Clock.wall })
  }

  func start() {
    queue.async { [self] in
      let timer = DispatchSource.makeTimerSource(queue: queue)
      timer.schedule(deadline: .now(), repeating: Surroundings.pace, leeway: .seconds(1))
      timer.setEventHandler { @Sendable [weak self] in self?.look() }
      timer.resume()
      sources.append(timer)
      watchClock()
    }
  }

  func stop() {
    queue.sync {
      for source in sources { source.cancel() }
      sources = []
    }
  }

  // MARK: Clock

  private func watchClock() {
    let descriptor = clinux_clock_timer()
    guard descriptor >= 0 else {
      logger.warning(
        "steps of the clock are not seen at once: \(String(cString: strerror(-descriptor)))")
      return
    }
    clockTimer = descriptor
    let source = DispatchSource.makeReadSource(fileDescriptor: descriptor, queue: queue)
    source.setEventHandler { @Sendable [weak self] in
      guard let self, clinux_clock_was_set(self.clockTimer) != 0 else { return }
      self.lookAtClock()
    }
    source.setCancelHandler { @Sendable in close(descriptor) }
    source.resume()
    sources.append(source)
  }

  private func lookAtClock() {
    guard let step = clocks.step(now: { Clock.now }, wall: { Clock.wall }) else { return }
    tell(
      .surroundings(
        .clockStepped, stands: true, message: "the wall clock was set \(Surroundings.text(step))"))
  }

  /// A step for a sentence: `forward by 3600.000 s`.
  static func text(_ milliseconds: Int64) -> String {
    let size = milliseconds.magnitude
    let fraction = String(size % 1000)
    return "\(milliseconds < 0 ? "back" : "forward") by \(size / 1000)."
      + String(repeating: "0", count: 3 - fraction.count) + fraction + " s"
  }

  private func lookAtTimeService() {
    let answer = clinux_clock_is_synchronised()
    guard answer >= 0 else {
      if wasSynchronised == nil {
        logger.notice(
          answer == -EPERM
            ? "a time service that loses its server is not seen: the unit keeps the clock closed (ProtectClock)"
            : "a time service that loses its server is not seen: \(String(cString: strerror(-answer)))"
        )
        wasSynchronised = false
      }
      return
    }
    let isSynchronised = answer == 1
    // A machine that never had a time service has lost none.
    if wasSynchronised == true && !isSynchronised {
      tell(
        .surroundings(
          .clockNotSynchronised, stands: true,
          message: "the time service has lost its server: the clock is no longer synchronised"))
    } else if isSynchronised && wasSynchronised != true {
      tell(.surroundings(.clockNotSynchronised, stands: false, message: ""))
    }
    wasSynchronised = isSynchronised
  }

  // MARK: Disk

  private func look() {
    lookAtClock()
    lookAtTimeService()
    var room = statvfs()
    guard statvfs(directory, &room) == 0 else { return }
    let free = Int64(
      clamping: UInt64(room.f_bavail).multipliedReportingOverflow(by: UInt64(room.f_frsize))
        .partialValue)
    let finding = forecast.look(free: free, now: Clock.now)
    defer { found = finding }
    guard finding != found else { return }
    let megabytes = free / 1_000_000
    switch finding {
    case .low:
      tell(
        .surroundings(
          .diskSpaceLow, stands: true,
          message: "\(megabytes) MB are free for \(directory), less than \(minFree / 1_000_000) MB")
      )
      tell(.surroundings(.diskFilling, stands: false, message: ""))
    case .filling(let hours):
      tell(.surroundings(.diskSpaceLow, stands: false, message: ""))
      tell(
        .surroundings(
          .diskFilling, stands: true,
          message:
            "at this pace \(directory) has less than \(minFree / 1_000_000) MB free in \(hours) hours"
        ))
    case .enough:
      tell(.surroundings(.diskSpaceLow, stands: false, message: ""))
      tell(.surroundings(.diskFilling, stands: false, message: ""))
    }
  }
}
