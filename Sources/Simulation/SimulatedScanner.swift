/// The scanner at the read station: says what it reads, as bytes at moments, well or badly.
public struct SimulatedScanner: Sendable {
  /// How it is set up.
  public struct Settings: Sendable {
    /// In front of each message.
    public var prefix: [UInt8] = []
    /// Behind each message.
    public var suffix: [UInt8] = Array("\r\n".utf8)
    /// What it says when it read nothing.
    public var noRead: [UInt8] = Array("NOREAD".utf8)
    /// Time from the trigger to the message.
    public var delay: Nanoseconds = .milliseconds(15)
    /// The message may come so much earlier or later; at most `delay`.
    public var jitter: Nanoseconds = .milliseconds(5)
    /// How late a late message is.
    public var lateness: Nanoseconds = .milliseconds(150)
    /// Time between the bytes of a drip-fed message.
    public var dripPause: Nanoseconds = 200_000

    /// A camera with CR LF framing.
    public init() {}
  }

  /// Bytes that go down the wire at a moment.
  public struct Chunk: Sendable, Hashable {
    /// When.
    public let at: Nanoseconds
    /// What, in one write.
    public let bytes: [UInt8]
  }

  /// How it is set up.
  public let settings: Settings
  private var random: SeededRandom
  private var queue: [Chunk] = []
  private var heldBack: [UInt8] = []

  /// Makes a scanner that has nothing to say.
  public init(_ settings: Settings = Settings(), random: SeededRandom) {
    self.settings = settings
    self.random = random
  }

  /// When the next bytes go out.
  public var nextEvent: Nanoseconds? { queue.first?.at }

  /// The trigger fires before a pack.
  public mutating func trigger(_ pack: Pack, now: Nanoseconds) {
    let moment = now + settings.delay + random.within(-settings.jitter...settings.jitter)
    let message = framed(pack.message)
    switch pack.fault {
    case .silent:
      break
    case .noRead:
      say(framed(settings.noRead), at: moment)
    case .garbage:
      say(framed(noise()), at: moment)
    case .late:
      say(message, at: moment + settings.lateness)
    case .doubleMessage:
      // The second comes while nobody waits for one, as from a scanner that fired twice.
      say(message, at: moment)
      say(message, at: moment + settings.delay / 4)
    case .dripFed:
      for (index, byte) in message.enumerated() {
        say([byte], at: now + Int64(index) * settings.dripPause)
      }
    case .joined:
      heldBack += message
    default:
      say(heldBack + message, at: moment)
      heldBack.removeAll()
    }
  }

  /// The next bytes whose moment has come; call until nil.
  public mutating func next(to now: Nanoseconds) -> Chunk? {
    guard let first = queue.first, first.at <= now else { return nil }
    queue.removeFirst()
    return first
  }

  /// The cable was pulled or the power taken: what was not said yet is never said.
  public mutating func forget() {
    queue.removeAll()
    heldBack.removeAll()
  }

  private func framed(_ message: [UInt8]) -> [UInt8] {
    settings.prefix + message + settings.suffix
  }

  /// Bytes that are no message of ours, nor hold a frame's end.
  private mutating func noise() -> [UInt8] {
    let count = 5 + random.below(40)
    let forbidden = Set(settings.suffix + settings.prefix)
    return (0..<count).map { _ in
      let byte = UInt8(truncatingIfNeeded: random.below(256))
      return forbidden.contains(byte) ? UInt8(ascii: "#") : byte
    }
  }

  private mutating func say(_ bytes: [UInt8], at moment: Nanoseconds) {
    let index = queue.firstIndex { $0.at > moment } ?? queue.count
    queue.insert(Chunk(at: moment, bytes: bytes), at: index)
  }
}
