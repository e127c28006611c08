internal import Simulation

/// What somebody at a terminal sees of a run: a log that scrolls, and below it a small picture that is redrawn.
///
/// Without a terminal only the log is printed, and no control sequence ever.
struct View {
  /// All that the picture shows.
  struct Picture {
    var elapsed: Nanoseconds
    var travelled: Nanoseconds
    var duration: Nanoseconds
    var isMoving: Bool
    var plc: SimulatedPLC
    var truth: Truth
    var onBelt: Int
    var status: JSONValue
    var daemon: String
    var runs: Int
    var faults: [String]
    var `operator`: String
  }

  private let isDrawn: Bool
  private let isColored = Surroundings.allowsColor
  private var linesDrawn = 0
  private var due: Nanoseconds = 0

  init(isDrawn: Bool) { self.isDrawn = isDrawn }

  var nextEvent: Nanoseconds? { isDrawn ? due : nil }

  func isDue(_ now: Nanoseconds) -> Bool { isDrawn && now >= due }

  /// A line of the log; the picture moves down.
  mutating func log(_ line: String) {
    clear()
    Surroundings.show(line + "\n")
    due = 0
  }

  /// Takes the picture away.
  mutating func clear() {
    guard linesDrawn > 0 else { return }
    Surroundings.show("\u{1B}[\(linesDrawn)A\u{1B}[J")
    linesDrawn = 0
  }

  mutating func draw(_ picture: Picture, now: Nanoseconds) {
    let lines = lines(picture)
    clear()
    // Longer lines than the terminal is wide would break the count of lines to go back.
    Surroundings.show(lines.map { "\u{1B}[?7l" + $0 + "\u{1B}[?7h\n" }.joined())
    linesDrawn = lines.count
    due = now + .milliseconds(200)
  }

  private func lines(_ picture: Picture) -> [String] {
    let units = picture.truth.units
    let ended = units.filter { $0.end != nil }
    let passed = ended.count { $0.end == .passed }
    let permit = picture.status["run_permit"].bool ?? false
    let reasons = picture.status["stop_reasons"].elements.compactMap(\.integer)
      .map { View.reasons[$0] ?? "\($0)" }
    let line =
      picture.plc.isRunning
      ? colored("RUNS", 32)
      : colored("STANDS", 31) + (reasons.isEmpty ? "" : "  " + reasons.joined(separator: ", "))
    let recent = units.suffix(48).map(mark).joined()
    return [
      String(repeating: "─", count: 78),
      "Lineward, simulated line   \(View.seconds(picture.elapsed)), "
        + "belt \(View.seconds(picture.travelled)) of \(View.seconds(picture.duration))",
      "line      \(line)",
      "daemon    \(picture.daemon), start \(picture.runs), permit \(permit ? 1 : 0)",
      "PLC       epoch \(picture.plc.epoch), unit \(picture.plc.lastUnit), "
        + "outcomes unrecorded \(picture.plc.outcomesUnrecorded)",
      "units     \(units.count) read, \(passed) passed, \(ended.count - passed) rejected or gone, "
        + "\(picture.onBelt) on the belt",
      "last      \(recent)",
      "faults    \(picture.faults.isEmpty ? "none stands" : colored(picture.faults.joined(separator: ", "), 33))",
      "operator  \(picture.operator)",
    ]
  }

  /// One character a unit: passed, rejected though good, rejected, gone, still on the belt.
  private func mark(_ unit: Truth.Unit) -> String {
    switch unit.end {
    case .passed: colored("●", 32)
    case .rejected: unit.pack.fault == .none ? colored("○", 33) : colored("✗", 31)
    case .lost, .takenByHand: "?"
    case nil: "·"
    }
  }

  private func colored(_ text: String, _ color: Int) -> String {
    isColored ? "\u{1B}[\(color)m\(text)\u{1B}[0m" : text
  }

  /// Seconds with one decimal.
  static func seconds(_ time: Nanoseconds) -> String {
    let tenths = time / 100_000_000
    return "\(tenths / 10).\(tenths % 10) s"
  }

  /// A refusal and its causes on one line.
  static func oneLine(_ bytes: [UInt8]) -> String {
    String(decoding: bytes.prefix(500), as: UTF8.self).split(separator: "\n").map { line in
      String(line.drop { $0 == " " || $0 == "-" })
    }.joined(separator: " ")
  }

  /// The first line of what a command said.
  static func firstLine(_ bytes: [UInt8]) -> String {
    String(decoding: bytes.prefix { $0 != 0x0A }.prefix(500), as: UTF8.self)
  }

  /// The contract's stop reasons.
  static let reasons: [Int: String] = [
    11: "bad pack passed", 6: "storage fault", 7: "reject not confirmed", 10: "PLC link lost",
    4: "tracking in doubt", 5: "scanner lost", 12: "machine not ready", 13: "wrong map version",
    8: "limit exceeded", 3: "containment", 14: "challenge due", 2: "operator",
    9: "no batch running", 1: "start-up",
  ]
}
