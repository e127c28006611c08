/// The person at the simulated line: opens and starts the batch, and brings a stopped line back, by the commands alone.
///
/// Like a person it looks at the line now and then, reads the alarms, acknowledges what wants it, and tries the release
/// until the causes have ended; and like a person it gives up in the end. It decides; somebody else runs the commands.
public struct LineOperator: Sendable {
  /// A command to run, without `lineward --socket …`.
  public struct Errand: Sendable, Hashable {
    /// The words.
    public let words: [String]
    let purpose: Purpose
  }

  enum Purpose: Sendable, Hashable {
    case look, open, start, alarms, acknowledge, reset, cases, workCase, release, stop,
      lookAfterStop
  }

  /// What a command answered.
  public struct Answer: Sendable, Hashable {
    /// Exit code.
    public var code: Int32
    /// Standard output.
    public var output: [UInt8]
    /// Standard error, as text.
    public var errors: String

    /// Makes an answer.
    public init(code: Int32, output: [UInt8], errors: String = "") {
      self.code = code
      self.output = output
      self.errors = errors
    }
  }

  /// How far it is.
  public enum Stage: Sendable, Hashable {
    /// Waits for a daemon that answers, then opens and starts the batch.
    case settingUp
    /// Watches the line.
    case watching
    /// Stops the line for good.
    case ending
    /// The line stands, all is said.
    case done
    /// Could not go on; the sentence says why.
    case gaveUp(String)
  }

  /// Times and bounds.
  public struct Settings: Sendable {
    /// Between two looks.
    public var look: Nanoseconds = .milliseconds(250)
    /// From seeing a stop to doing something about it; and between two tries.
    public var reaction: Nanoseconds = .milliseconds(400)
    /// So many looks without an answer, or releases without effect, in a row are enough.
    public var triesMax = 120

    /// A quick person.
    public init() {}
  }

  /// How far it is.
  public private(set) var stage: Stage = .settingUp
  /// The last thing it did, in words.
  public private(set) var lastDone = "waits for the daemon"
  /// How often it released the line.
  public private(set) var releases = 0
  /// Alarms that it acknowledged.
  public private(set) var acknowledged = 0
  /// The daemon's last `status`.
  public private(set) var status: JSONValue = .null

  private let settings: Settings
  private let opening: [String]
  private let starting: [String]
  private var errands: [Errand]
  private var notBefore: Nanoseconds = 0
  private var isOut = false
  private var tries = 0
  private var isAskedToEnd = false

  /// Somebody who will pack this batch, its serials in a file.
  public init(batch: PackedBatch, serials: String, settings: Settings = Settings()) {
    self.settings = settings
    opening = [
      "batch", "open", "--id", batch.id, "--gtin", batch.gtin, "--lot", batch.lot, "--expiry",
      batch.expiry, "--serials", serials,
    ]
    starting = ["batch", "start", "--id", batch.id]
    errands = [LineOperator.look]
  }

  private static let look = Errand(words: ["--json", "status"], purpose: .look)

  /// Whether the line may run, as far as the last look showed.
  public var seesPermit: Bool { status["run_permit"].bool ?? false }

  /// When `next` has something to do; nil while a command runs, or when all is done.
  public var nextEvent: Nanoseconds? {
    guard !isOut else { return nil }
    switch stage {
    case .done, .gaveUp: return nil
    case .settingUp, .watching, .ending: return notBefore
    }
  }

  /// From now on: stop the line and go home.
  public mutating func end() {
    isAskedToEnd = true
  }

  /// The next command, if one is due; its answer goes to `came`.
  public mutating func next(now: Nanoseconds) -> Errand? {
    guard let due = nextEvent, due <= now else { return nil }
    if isAskedToEnd && stage == .watching {
      stage = .ending
      tries = 0
      errands = [
        Errand(words: ["line", "stop", "--reason", "end of the simulation"], purpose: .stop)
      ]
    }
    let errand = errands.isEmpty ? LineOperator.look : errands.removeFirst()
    isOut = true
    return errand
  }

  /// What a command answered.
  public mutating func came(_ answer: Answer, to errand: Errand, now: Nanoseconds) {
    isOut = false
    notBefore = now
    if answer.code == 0 {
      succeeded(errand, answer, now: now)
    } else {
      failed(errand, answer, now: now)
    }
  }

  private mutating func succeeded(_ errand: Errand, _ answer: Answer, now: Nanoseconds) {
    switch errand.purpose {
    case .look, .lookAfterStop:
      guard let seen = JSONValue(answer.output), seen["version"].integer == 1 else {
        stage = .gaveUp("`lineward --json status` printed no status of version 1")
        return
      }
      status = seen
      looked(now: now)
    case .open:
      lastDone = "opened the batch"
      errands = [Errand(words: starting, purpose: .start)]
    case .start:
      lastDone = "started the batch"
      stage = .watching
      tries = 0
      errands = [LineOperator.look]
    case .alarms:
      readAlarms(JSONValue(answer.output) ?? .null)
    case .acknowledge:
      acknowledged += 1
      lastDone = "acknowledged \(errand.words[1])"
    case .reset:
      lastDone = "reset \(errand.words[1])"
    case .cases:
      readCases(JSONValue(answer.output) ?? .null)
    case .workCase:
      lastDone = errand.words.prefix(3).joined(separator: " ")
    case .release:
      releases += 1
      tries = 0
      lastDone = "released the line"
      errands = [LineOperator.look]
      notBefore = now + settings.look
    case .stop:
      lastDone = "stopped the line"
      errands = [LineOperator.look]
    }
  }

  private mutating func looked(now: Nanoseconds) {
    switch stage {
    case .settingUp:
      tries = 0
      // After a restart of the simulator on an old directory the batch is there already.
      let isThere = status["batch"]["id"].string != nil
      errands = [
        isThere
          ? Errand(words: starting, purpose: .start) : Errand(words: opening, purpose: .open)
      ]
    case .watching:
      if seesPermit {
        tries = 0
        notBefore = now + settings.look
      } else {
        errands = [Errand(words: ["--json", "alarms"], purpose: .alarms)]
        notBefore = now + settings.reaction
      }
    case .ending:
      if seesPermit { tried("the line does not stop", now: now) } else { stage = .done }
    case .done, .gaveUp:
      break
    }
  }

  private mutating func readAlarms(_ alarms: JSONValue) {
    errands = []
    for alarm in alarms.elements {
      guard let id = alarm["id"].string, let occurrence = alarm["occurrence"].integer,
        let state = alarm["state"].string
      else { continue }
      if ["unacknowledged", "returned", "latched_unacknowledged"].contains(state) {
        errands.append(
          Errand(
            words: ["ack", id, "--occurrence", String(occurrence), "--comment", "seen"],
            purpose: .acknowledge))
      }
      if state.hasPrefix("latched") {
        errands.append(Errand(words: ["reset", id], purpose: .reset))
      }
    }
    if status["containment"]["open"].integer ?? 0 > 0 {
      errands.append(Errand(words: ["--json", "containment", "list"], purpose: .cases))
    } else {
      errands.append(Errand(words: ["line", "release"], purpose: .release))
    }
  }

  /// Works each open case to its end: on a simulated line nobody else does.
  private mutating func readCases(_ cases: JSONValue) {
    for found in cases.elements where found["state"].string == "open" {
      guard let id = found["id"].string else { continue }
      for step in found["steps"].elements where step["state"].string != "done" {
        guard let key = step["key"].string else { continue }
        errands.append(
          Errand(
            words: ["containment", "complete", id, key, "--evidence", "seen"], purpose: .workCase))
      }
      errands.append(
        Errand(words: ["containment", "close", id, "--reason", "simulated"], purpose: .workCase))
    }
    errands.append(Errand(words: ["line", "release"], purpose: .release))
  }

  private mutating func failed(_ errand: Errand, _ answer: Answer, now: Nanoseconds) {
    let said = answer.errors.isEmpty ? "exit code \(answer.code)" : answer.errors
    switch errand.purpose {
    case .look, .lookAfterStop, .alarms, .cases:
      // 69: the daemon is not there (yet, or just now).
      errands = [LineOperator.look]
      tried("no answer from the daemon: \(said)", now: now)
    case .open, .start:
      if answer.code == 75 || answer.code == 69 {
        errands = [LineOperator.look]
        tried("\(errand.words.prefix(2).joined(separator: " ")): \(said)", now: now)
      } else {
        stage = .gaveUp("\(errand.words.joined(separator: " ")): \(said)")
      }
    case .acknowledge, .reset, .workCase:
      // It may have gone by itself, or come again since; the release will tell.
      lastDone = "\(errand.words.prefix(2).joined(separator: " ")): \(said)"
    case .release:
      errands = [LineOperator.look]
      tried("release refused: \(said)", now: now)
    case .stop:
      errands = [
        Errand(words: ["line", "stop", "--reason", "end of the simulation"], purpose: .stop)
      ]
      tried("stop refused: \(said)", now: now)
    }
  }

  private mutating func tried(_ sentence: String, now: Nanoseconds) {
    tries += 1
    lastDone = sentence
    notBefore = now + settings.reaction
    if tries >= settings.triesMax { stage = .gaveUp("\(tries) tries in a row: \(sentence)") }
  }
}
