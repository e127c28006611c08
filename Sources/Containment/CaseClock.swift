/// How long a case has run since its detection, over restarts and steps of the wall clock.
///
/// While the machine is up its monotonic clock counts, which nobody sets. It ends with the machine, so the time is written
/// down once a minute together with both clocks: after a boot what was written last goes on by the wall clock, which
/// then is the only one that knows of the time without power.
public struct CaseClock: Sendable, Hashable, Codable {
  /// Milliseconds since the detection, when this was marked.
  public var elapsed: Int64
  /// Milliseconds of the monotonic clock then.
  public var monotonic: Int64
  /// Milliseconds since 1970 then.
  public var wall: Int64
  /// Which boot of the machine the monotonic clock counts from.
  public var boot: String

  /// Marks a moment.
  public init(elapsed: Int64 = 0, monotonic: Int64, wall: Int64, boot: String) {
    self.elapsed = elapsed
    self.monotonic = monotonic
    self.wall = wall
    self.boot = boot
  }

  /// Milliseconds since the detection at `now`, milliseconds of the same boot's monotonic clock.
  public func elapsed(at now: Int64) -> Int64 { elapsed + max(0, now - monotonic) }

  /// The same clock marked anew after the daemon's start.
  ///
  /// Never less than what was marked: a wall clock that was set back meanwhile takes nothing away.
  public func resumed(monotonic now: Int64, wall: Int64, boot: String) -> CaseClock {
    let since = boot == self.boot && now >= monotonic ? now - monotonic : max(0, wall - self.wall)
    return CaseClock(elapsed: elapsed + since, monotonic: now, wall: wall, boot: boot)
  }

  /// As it stands in a record.
  public var text: String { "\(elapsed)\t\(monotonic)\t\(wall)\t\(boot)" }

  /// Reads it from a record; nil when it is none.
  public init?(text: String) {
    let parts = text.split(separator: "\t", omittingEmptySubsequences: false)
    guard parts.count == 4, let elapsed = Int64(parts[0]), let monotonic = Int64(parts[1]),
      let wall = Int64(parts[2])
    else { return nil }
    self.init(elapsed: elapsed, monotonic: monotonic, wall: wall, boot: String(parts[3]))
  }
}
