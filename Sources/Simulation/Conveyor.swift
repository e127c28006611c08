/// The belt: units come at a pitch, pass the read station, the gate and the sensors behind it.
///
/// ```
///   feed      read station            gate     sensors
///    ●    ●    ●|    ●    ●    ●    ●   /   ●    |
///              0                       gate     gate + sensors
/// ```
/// Places on the belt are written as running time: a place is where the belt gets to after so many nanoseconds of
/// movement. That keeps everything exact, whatever the speed in metres is. After the drive drops, the belt coasts.
public struct Conveyor: Sendable {
  /// How the belt is built.
  public struct Settings: Sendable {
    /// Running time from one unit to the next.
    public var pitch: Nanoseconds = .milliseconds(100)
    /// A unit may stand so much further back or forward than its pitch; less than half of it.
    public var pitchJitter: Nanoseconds = .milliseconds(5)
    /// Running time from read station to gate.
    public var gate: Nanoseconds = .milliseconds(450)
    /// Running time from the gate to the sensors that see what happened.
    public var sensors: Nanoseconds = .milliseconds(30)
    /// Time from the drive's command to movement.
    public var startDelay: Nanoseconds = .milliseconds(100)
    /// Time for which the belt moves on after the drive dropped.
    public var coast: Nanoseconds = .milliseconds(200)

    /// A line of 600 units a minute.
    public init() {}
  }

  /// What happened at a place on the belt.
  public struct Event: Sendable, Hashable {
    /// When.
    public let at: Nanoseconds
    /// Which unit, counted from 0 in the order of the belt.
    public let unit: Int
    /// Where.
    public let place: Place
  }

  /// A place on the belt.
  public enum Place: Sendable, Hashable {
    /// The read station's photo eye.
    case readStation
    /// The gate.
    case gate
    /// The sensors behind the gate; the unit leaves the belt.
    case sensors
  }

  private enum Motion: Sendable, Hashable {
    case standing
    case starting(at: Nanoseconds)
    case moving
    case coasting(until: Nanoseconds)
  }

  /// How it is built.
  public let settings: Settings
  /// Whether new units come; what is on the belt goes on.
  public var isFed: Bool {
    didSet {
      guard isFed, !oldValue else { return }
      // Whoever did not feed for a while does not catch up: the pitch stays what it is.
      nextFeed = max(nextFeed, travelled + settings.pitch)
      nextPitch = nextFeed
    }
  }
  /// Units that passed the read station.
  public private(set) var unitsRead = 0

  private var motion: Motion = .standing
  /// For how long it has moved.
  public private(set) var travelled: Nanoseconds = 0
  private var at: Nanoseconds = 0
  private var nextFeed: Nanoseconds
  private var nextPitch: Nanoseconds
  private var random: SeededRandom
  // Places of the units between read station and gate, and between gate and sensors.
  private var beforeGate: [(unit: Int, place: Nanoseconds)] = []
  private var behindGate: [(unit: Int, place: Nanoseconds)] = []

  /// A standing, empty belt.
  public init(_ settings: Settings = Settings(), random: SeededRandom, isFed: Bool = true) {
    self.settings = settings
    self.random = random
    self.isFed = isFed
    nextFeed = settings.pitch
    nextPitch = settings.pitch
  }

  /// Whether it moves, coasting included: input bit 3.
  public var isMoving: Bool {
    switch motion {
    case .standing, .starting: false
    case .moving, .coasting: true
    }
  }

  /// Units between read station and sensors.
  public var unitsOnBelt: Int { beforeGate.count + behindGate.count }

  /// Switches the drive, and says when this shows as movement or standstill.
  public mutating func drive(_ isOn: Bool, now: Nanoseconds) {
    switch (motion, isOn) {
    case (.standing, true): motion = .starting(at: now + settings.startDelay)
    case (.starting, false): motion = .standing
    case (.moving, false): motion = .coasting(until: now + settings.coast)
    case (.coasting, true): motion = .moving
    case (_, _): break
    }
  }

  /// When `step` has something to do; nil: not before the drive is switched.
  public var nextEvent: Nanoseconds? {
    switch motion {
    case .standing: nil
    case .starting(let start): start
    case .moving: nextPlace.map { at + max(0, $0 - travelled) }
    case .coasting(let until):
      min(until, nextPlace.map { at + max(0, $0 - travelled) } ?? until)
    }
  }

  /// Moves the belt to the next thing that happens up to `now`.
  ///
  /// Call until nil; between two calls the drive may be switched, so that a stop takes effect where it came.
  public mutating func step(to now: Nanoseconds) -> Event? {
    while let next = nextEvent, next <= now {
      switch motion {
      case .standing:
        return nil
      case .starting(let start):
        at = start
        motion = .moving
      case .moving:
        move(to: next)
        if let event = takeEvent() { return event }
      case .coasting(let until):
        move(to: next)
        if let event = takeEvent() { return event }
        if next >= until { motion = .standing }
      }
    }
    if isMoving { move(to: now) } else { at = max(at, now) }
    return nil
  }

  private mutating func move(to moment: Nanoseconds) {
    guard moment > at else { return }
    travelled += moment - at
    at = moment
  }

  private var nextPlace: Nanoseconds? {
    var place = isFed ? nextFeed : Int64.max
    if let first = beforeGate.first { place = min(place, first.place) }
    if let first = behindGate.first { place = min(place, first.place) }
    return place == Int64.max ? nil : place
  }

  private mutating func takeEvent() -> Event? {
    if let first = behindGate.first, first.place <= travelled {
      behindGate.removeFirst()
      return Event(at: at, unit: first.unit, place: .sensors)
    }
    if let first = beforeGate.first, first.place <= travelled {
      beforeGate.removeFirst()
      behindGate.append((unit: first.unit, place: first.place + settings.sensors))
      return Event(at: at, unit: first.unit, place: .gate)
    }
    if isFed, nextFeed <= travelled {
      let unit = unitsRead
      unitsRead += 1
      beforeGate.append((unit: unit, place: nextFeed + settings.gate))
      let jitter = random.within(-settings.pitchJitter...settings.pitchJitter)
      // Jitter belongs to a unit's own place, not to the pitch: the rate stays what it is.
      nextPitch += settings.pitch
      nextFeed = max(travelled + settings.pitch / 2, nextPitch + jitter)
      return Event(at: at, unit: unit, place: .readStation)
    }
    return nil
  }
}
