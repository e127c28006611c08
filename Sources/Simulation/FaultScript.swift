/// A fault of the line around the units.
///
/// The raw values are the words of the scenario files.
public enum LineFault: String, Sendable, Hashable, CaseIterable {
  /// The scanner's cable is out.
  case cableOut = "cable_out"
  /// The PLC's address refuses connections; those that stand are reset.
  case plcLinkDrop = "plc_link_drop"
  /// The PLC hears nothing and says nothing, connections stand.
  case plcSilent = "plc_silent"
  /// The PLC's answers come late.
  case lateReplies = "late_replies"
  /// The PLC has no power, and begins a new epoch when it is back.
  case plcRestart = "plc_restart"
  /// The daemon is killed with SIGKILL, and started again.
  case killDaemon = "kill_daemon"
  /// The reject bin is full.
  case binFull = "bin_full"
  /// A guard is open.
  case guardOpen = "guard_open"
  /// The reject air pressure is low.
  case airLow = "air_low"
}

/// One fault of a scenario.
public struct ScheduledFault: Sendable, Hashable {
  /// When, in running time of the belt: a standing line makes no progress towards its next fault.
  public var at: Nanoseconds
  /// What.
  public var kind: Kind

  /// What happens.
  public enum Kind: Sendable, Hashable {
    /// So many units, one after the other, get a fault.
    case unit(UnitFault, count: Int)
    /// The line gets a fault that lasts so long, by the clock.
    case line(LineFault, lasting: Nanoseconds)
  }

  /// Makes one.
  public init(at: Nanoseconds, _ kind: Kind) {
    self.at = at
    self.kind = kind
  }
}

/// Says what goes wrong and right again, and when.
public struct FaultScript: Sendable {
  /// What to do now.
  public enum Order: Sendable, Hashable {
    /// The next unit gets this fault.
    case ask(UnitFault)
    /// A fault of the line begins.
    case begin(LineFault)
    /// A fault of the line ends.
    case end(LineFault)
  }

  private var waiting: [ScheduledFault]
  private var active: [(fault: LineFault, until: Nanoseconds)] = []

  /// Takes faults in any order.
  public init(_ faults: [ScheduledFault]) {
    waiting = faults.enumerated()
      .sorted { ($0.element.at, $0.offset) < ($1.element.at, $1.offset) }
      .map(\.element)
  }

  /// Whether all is over.
  public var isDone: Bool { waiting.isEmpty && active.isEmpty }

  /// Faults of the line that stand.
  public var standing: [LineFault] { active.map(\.fault) }

  /// When the next standing fault ends.
  public var nextEvent: Nanoseconds? { active.map(\.until).min() }

  /// What is due.
  ///
  /// - Parameters:
  ///   - travelled: running time of the belt.
  ///   - now: the time by which faults last.
  /// - Returns: the orders, ends before beginnings.
  public mutating func advance(travelled: Nanoseconds, now: Nanoseconds) -> [Order] {
    var orders: [Order] = []
    while let index = active.firstIndex(where: { $0.until <= now }) {
      orders.append(.end(active.remove(at: index).fault))
    }
    while let first = waiting.first, first.at <= travelled {
      switch first.kind {
      case .unit(let fault, let count):
        for _ in 0..<count { orders.append(.ask(fault)) }
      case .line(let fault, let lasting):
        // The same fault twice at once would end twice; the second waits for the first.
        guard !active.contains(where: { $0.fault == fault }) else { return orders }
        active.append((fault: fault, until: now + lasting))
        orders.append(.begin(fault))
      }
      waiting.removeFirst()
    }
    return orders
  }
}
