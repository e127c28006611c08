/// What a scenario file says: how the line is built, what it packs, and what goes wrong when.
public struct Scenario: Sendable {
  // All numbers as the file has them; the table below says what each may be.
  var unitsPerMinute = 600
  var durationSeconds = 30.0
  var gateMilliseconds = 450
  var coastMilliseconds = 200
  var pitchJitterMilliseconds = 5
  var lineID = "L01"
  var slots = 16
  var scanMilliseconds = 5
  var pollMilliseconds = 10
  var heartbeatMilliseconds = 100
  var tearsOutcomes = false
  var lateReplyMilliseconds = 700
  var scannerDelayMilliseconds = 15
  var scannerJitterMilliseconds = 5
  var scannerLateMilliseconds = 150
  var quietMilliseconds = 1000
  var silentIs = "doubt"
  var batch = PackedBatch()
  var namesPrints = false
  var printedAheadCount = 10
  var reactionMilliseconds = 400
  var mixPercent: [UnitFault: Double] = [:]
  var faults: [ScheduledFault] = []

  /// A line of 600 units a minute for half a minute, without faults.
  public init() {}

  /// So many faults may be scheduled in one file.
  public static let faultsMax = 1000

  // MARK: What it means

  /// Units a minute.
  public mutating func setRate(_ rate: Int) { unitsPerMinute = rate }

  /// For how long units come, in running time of the belt.
  public mutating func setDuration(seconds: Double) { durationSeconds = seconds }

  /// Allowed rates.
  public static let rates = 1...3000

  /// For how long units come, in running time of the belt.
  public var duration: Nanoseconds { Nanoseconds(durationSeconds * 1e9) }

  /// The scheduled faults, as far as units come.
  public var script: FaultScript { FaultScript(faults.filter { $0.at < duration }) }

  /// How late an answer is while late replies are on.
  public var lateReply: Nanoseconds { .milliseconds(Int64(lateReplyMilliseconds)) }

  /// How quick the operator is.
  public var person: LineOperator.Settings {
    var settings = LineOperator.Settings()
    settings.reaction = .milliseconds(Int64(reactionMilliseconds))
    return settings
  }

  /// The daemon's `read_timeout_ms` and `early_read_ms` for this rate.
  ///
  /// Together they have to be less than the shortest time between two triggers.
  public var readTimes: (timeout: Nanoseconds, early: Nanoseconds) {
    let pitch = Int64(60_000 / unitsPerMinute)
    return (
      timeout: .milliseconds(max(5, min(40, pitch * 2 / 5))),
      early: .milliseconds(max(5, min(30, pitch * 3 / 10)))
    )
  }

  /// So many serials the printer names ahead of the reader; nil: it names nothing.
  public var printedAhead: Int? { namesPrints ? printedAheadCount : nil }

  /// The daemon's `quiet_ms`.
  public var quiet: Nanoseconds { .milliseconds(Int64(quietMilliseconds)) }

  /// The line that it describes.
  public var line: SimulatedLine.Settings {
    var line = SimulatedLine.Settings()
    let pitch = 60_000_000_000 / Int64(unitsPerMinute)
    // Behind the longest host block.
    line.plc.plcBase = 200
    line.plc.slots = slots
    line.plc.heartbeat = .milliseconds(Int64(heartbeatMilliseconds))
    line.plc.scanCycle = .milliseconds(Int64(scanMilliseconds))
    line.plc.tearsOutcomes = tearsOutcomes
    line.conveyor.pitch = pitch
    line.conveyor.pitchJitter = min(.milliseconds(Int64(pitchJitterMilliseconds)), pitch / 10)
    line.conveyor.gate = .milliseconds(Int64(gateMilliseconds))
    line.conveyor.coast = .milliseconds(Int64(coastMilliseconds))
    // A scanner that is slower than the units come would be the wrong one for the line.
    line.scanner.delay = min(.milliseconds(Int64(scannerDelayMilliseconds)), pitch / 5)
    line.scanner.jitter = min(
      .milliseconds(Int64(scannerJitterMilliseconds)), line.scanner.delay, pitch / 20)
    line.scanner.lateness = .milliseconds(Int64(scannerLateMilliseconds))
    line.batch = batch
    line.mix = mixPercent.mapValues { Int($0 * 10_000) }
    return line
  }

  /// The daemon's configuration for this line.
  ///
  /// - Parameters:
  ///   - directory: where everything lies; absolute.
  ///   - port: the PLC's port on 127.0.0.1.
  ///   - user: the login that plays every role.
  /// - Returns: the file's text.
  public func daemonConfiguration(directory: String, port: UInt16, user: String) -> String {
    """
    # Written by linewardsim for one run.
    [line]
    id = \(quoted(lineID))

    [storage]
    directory = \(quoted(directory + "/records"))

    [control]
    socket = \(quoted(directory + "/control.sock"))

    [roles]
    operator = [\(quoted("user:" + user))]
    supervisor = [\(quoted("user:" + user))]
    quality = [\(quoted("user:" + user))]
    maintenance = [\(quoted("user:" + user))]

    [[scanner]]
    name = "camera-1"
    transport = "serial"
    device = \(quoted(directory + "/camera-1"))
    baud = 115200
    suffix = "\\r\\n"
    no_read = "NOREAD"
    require_symbology = "]d2"

    [[plc]]
    name = "plc-1"
    transport = "tcp"
    host = "127.0.0.1"
    port = \(port)
    unit_id = 1
    poll_ms = \(pollMilliseconds)
    heartbeat_ms = \(heartbeatMilliseconds)

    [[station]]
    name = "unit-1"
    kind = "unit"
    scanner = "camera-1"
    plc = "plc-1"
    host_base = 0
    plc_base = 200
    slots = \(slots)
    read_timeout_ms = \(readTimes.timeout / 1_000_000)
    early_read_ms = \(readTimes.early / 1_000_000)
    quiet_ms = \(quietMilliseconds)
    silent_is = \(quoted(silentIs))

    """ + (namesPrints ? feedConfiguration(directory: directory) : "")
  }

  /// Packs with faults in them count as printed and not read, so the limit on those is out of the way.
  private func feedConfiguration(directory: String) -> String {
    """

    [verification]
    order = "printed"

    [print_feed]
    transport = "unix"
    path = \(quoted(directory + "/print.sock"))
    low_mark = 1

    [limits]
    printed_not_read = 100

    """
  }

  /// A TOML basic string.
  private func quoted(_ text: String) -> String {
    var quoted = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"", "\\": quoted += "\\" + String(scalar)
      case _ where scalar.value < 0x20 || scalar.value == 0x7F:
        let digits = String(scalar.value, radix: 16)
        quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: quoted.unicodeScalars.append(scalar)
      }
    }
    return quoted + "\""
  }
}

/// A scenario file that says something that cannot be, with the place.
public struct ScenarioError: Error, Sendable, Hashable, CustomStringConvertible {
  /// `FILE:LINE: what is wrong and what may stand there`.
  public let description: String

  init(_ file: String, _ line: Int, _ sentence: String) {
    description = line > 0 ? "\(file):\(line): \(sentence)" : "\(file): \(sentence)"
  }
}

extension Scenario {
  /// One value of a file.
  struct Leaf: Sendable, Hashable {
    /// `line.units_per_minute`, or `fault[2].at_s`.
    var path: String
    var value: Value
    var line: Int
  }

  enum Value: Sendable, Hashable {
    case integer(Int64)
    case number(Double)
    case text(String)
    case bool(Bool)
    /// The head of a table or an array; what is in it follows.
    case container
    /// A date or another thing that no key of ours takes.
    case other
  }

  private enum Key {
    case integer(any WritableKeyPath<Scenario, Int> & Sendable, ClosedRange<Int>)
    case number(any WritableKeyPath<Scenario, Double> & Sendable, ClosedRange<Double>)
    case text(any WritableKeyPath<Scenario, String> & Sendable, String, @Sendable (String) -> Bool)
    case bool(any WritableKeyPath<Scenario, Bool> & Sendable)
  }

  private static let keys: [String: Key] = [
    "line.id": .text(\.lineID, "1 to 20 letters and digits", isName),
    "line.units_per_minute": .integer(\.unitsPerMinute, rates),
    "line.duration_s": .number(\.durationSeconds, 1...86_400),
    "line.gate_ms": .integer(\.gateMilliseconds, 50...10_000),
    "line.coast_ms": .integer(\.coastMilliseconds, 0...800),
    "line.jitter_ms": .integer(\.pitchJitterMilliseconds, 0...1000),
    "plc.slots": .integer(\.slots, 8...32),
    "plc.scan_ms": .integer(\.scanMilliseconds, 1...100),
    "plc.poll_ms": .integer(\.pollMilliseconds, 1...1000),
    "plc.heartbeat_ms": .integer(\.heartbeatMilliseconds, 10...1000),
    "plc.tears_outcomes": .bool(\.tearsOutcomes),
    "plc.late_ms": .integer(\.lateReplyMilliseconds, 1...10_000),
    "scanner.delay_ms": .integer(\.scannerDelayMilliseconds, 0...1000),
    "scanner.jitter_ms": .integer(\.scannerJitterMilliseconds, 0...1000),
    "scanner.late_ms": .integer(\.scannerLateMilliseconds, 1...10_000),
    "station.quiet_ms": .integer(\.quietMilliseconds, 100...10_000),
    "station.silent_is": .text(\.silentIs, "\"doubt\" or \"no_read\"") {
      ["doubt", "no_read"].contains($0)
    },
    "batch.id": .text(\.batch.id, "1 to 20 letters and digits", isName),
    "batch.gtin": .text(\.batch.gtin, "14 digits") {
      $0.utf8.count == 14 && $0.utf8.allSatisfy { (0x30...0x39).contains($0) }
    },
    "batch.lot": .text(\.batch.lot, "1 to 19 letters and digits") {
      isName($0) && $0.utf8.count < 20
    },
    "batch.expiry": .text(\.batch.expiry, "YYMMDD") {
      $0.utf8.count == 6 && $0.utf8.allSatisfy { (0x30...0x39).contains($0) }
    },
    "batch.pool": .integer(\.batch.poolCount, 1...10_000_000),
    "printer.feed": .bool(\.namesPrints),
    "printer.ahead": .integer(\.printedAheadCount, 3...1000),
    "operator.reaction_ms": .integer(\.reactionMilliseconds, 0...60_000),
  ]

  private static let sections: Set<String> = [
    "line", "plc", "scanner", "station", "batch", "printer", "operator", "mix", "fault",
  ]

  @Sendable private static func isName(_ text: String) -> Bool {
    (1...20).contains(text.utf8.count)
      && text.utf8.allSatisfy {
        (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0)
          || $0 == UInt8(ascii: "-")
      }
  }

  /// Makes a scenario of a file's values.
  ///
  /// - Throws: at the first unknown key, wrong type, or value out of range.
  init(_ leaves: [Leaf], file: String) throws(ScenarioError) {
    var drafts: [Int: Draft] = [:]
    for leaf in leaves {
      if leaf.value == .container, Scenario.sections.contains(leaf.path) {
        continue
      } else if let (index, name) = Scenario.faultKey(leaf.path) {
        guard index < Scenario.faultsMax else {
          throw ScenarioError(file, leaf.line, "more than \(Scenario.faultsMax) faults")
        }
        if name.isEmpty && leaf.value == .container {
          drafts[index] = Draft(line: leaf.line)
        } else {
          try drafts[index, default: Draft(line: leaf.line)].take(name, leaf, file)
        }
      } else if leaf.path.hasPrefix("mix.") {
        try takeMix(leaf, file)
      } else {
        try take(leaf, file)
      }
    }
    for (_, draft) in drafts.sorted(by: { $0.key < $1.key }) {
      faults.append(try draft.finished(file))
    }
    guard [8, 16, 32].contains(slots) else {
      throw ScenarioError(
        file, leaves.first { $0.path == "plc.slots" }?.line ?? 0,
        "plc.slots is \(slots); it must be 8, 16 or 32")
    }
    guard mixPercent.values.reduce(0, +) <= 100 else {
      throw ScenarioError(
        file, leaves.first { $0.path.hasPrefix("mix.") }?.line ?? 0,
        "the shares of [mix] are more than 100 percent together")
    }
  }

  private mutating func take(_ leaf: Leaf, _ file: String) throws(ScenarioError) {
    guard let key = Scenario.keys[leaf.path] else {
      throw ScenarioError(
        file, leaf.line,
        "unknown key \(leaf.path); known are \(Scenario.keys.keys.sorted().joined(separator: ", ")), "
          + "[mix] and [[fault]]")
    }
    switch (key, leaf.value) {
    case (.integer(let target, let range), .integer(let value)):
      guard let small = Int(exactly: value), range.contains(small) else {
        throw ScenarioError(
          file, leaf.line,
          "\(leaf.path) is \(value); it must be \(range.lowerBound) to \(range.upperBound)")
      }
      self[keyPath: target] = small
    case (.number(let target, let range), .integer), (.number(let target, let range), .number):
      self[keyPath: target] = try leaf.number(in: range, file)
    case (.text(let target, let form, let isAllowed), .text(let value)):
      guard isAllowed(value) else {
        throw ScenarioError(file, leaf.line, "\(leaf.path) is \"\(value)\"; it must be \(form)")
      }
      self[keyPath: target] = value
    case (.bool(let target), .bool(let value)):
      self[keyPath: target] = value
    case (.integer, _):
      throw ScenarioError(file, leaf.line, "\(leaf.path) must be a whole number")
    case (.number, _):
      throw ScenarioError(file, leaf.line, "\(leaf.path) must be a number")
    case (.text, _):
      throw ScenarioError(file, leaf.line, "\(leaf.path) must be text in quotes")
    case (.bool, _):
      throw ScenarioError(file, leaf.line, "\(leaf.path) must be true or false")
    }
  }

  private mutating func takeMix(_ leaf: Leaf, _ file: String) throws(ScenarioError) {
    let name = String(leaf.path.dropFirst(4))
    guard let fault = UnitFault(rawValue: name), fault != .none else {
      throw ScenarioError(
        file, leaf.line, "unknown fault \(name); known are \(Scenario.unitFaultNames)")
    }
    mixPercent[fault] = try leaf.number(in: 0...100, file)
  }

  fileprivate static var unitFaultNames: String {
    UnitFault.allCases.filter { $0 != .none }.map(\.rawValue).joined(separator: ", ")
  }

  /// Index and name of `fault[INDEX].NAME`.
  private static func faultKey(_ path: String) -> (Int, String)? {
    guard path.hasPrefix("fault["), let end = path.firstIndex(of: "]"),
      let index = Int(path[path.index(path.startIndex, offsetBy: 6)..<end])
    else { return nil }
    let rest = path[path.index(after: end)...]
    return (index, rest.hasPrefix(".") ? String(rest.dropFirst()) : String(rest))
  }

  private struct Draft {
    var line: Int
    var at: Double?
    var kind: String?
    var count = 1
    var lasting: Double?

    mutating func take(_ name: String, _ leaf: Leaf, _ file: String) throws(ScenarioError) {
      switch (name, leaf.value) {
      case ("at_s", _): at = try leaf.number(in: 0...86_400, file)
      case ("for_s", _): lasting = try leaf.number(in: 0.01...600, file)
      case ("count", .integer(let value)) where (1...1000).contains(value): count = Int(value)
      case ("count", _):
        throw ScenarioError(file, leaf.line, "\(leaf.path) must be a whole number, 1 to 1000")
      case ("kind", .text(let value)): kind = value
      case ("kind", _): throw ScenarioError(file, leaf.line, "\(leaf.path) must be text in quotes")
      default:
        throw ScenarioError(
          file, leaf.line, "unknown key \(leaf.path); a fault has at_s, kind, count and for_s")
      }
    }

    func finished(_ file: String) throws(ScenarioError) -> ScheduledFault {
      guard let at, let kind else {
        throw ScenarioError(file, line, "a fault needs at_s and kind")
      }
      let moment = Nanoseconds(at * 1e9)
      if let fault = UnitFault(rawValue: kind), fault != .none {
        guard lasting == nil else {
          throw ScenarioError(file, line, "\(kind) is a fault of units: count, not for_s")
        }
        return ScheduledFault(at: moment, .unit(fault, count: count))
      }
      if let fault = LineFault(rawValue: kind) {
        guard count == 1 else {
          throw ScenarioError(file, line, "\(kind) is a fault of the line: for_s, not count")
        }
        return ScheduledFault(
          at: moment, .line(fault, lasting: Nanoseconds((lasting ?? 1) * 1e9)))
      }
      let names = LineFault.allCases.map(\.rawValue).joined(separator: ", ")
      throw ScenarioError(
        file, line, "unknown fault \"\(kind)\"; known are \(Scenario.unitFaultNames), \(names)")
    }
  }
}

extension Scenario.Leaf {
  func number(in range: ClosedRange<Double>, _ file: String) throws(ScenarioError) -> Double {
    let number: Double
    switch value {
    case .integer(let value): number = Double(value)
    case .number(let value): number = value
    default: throw ScenarioError(file, line, "\(path) must be a number")
    }
    guard range.contains(number) else {
      throw ScenarioError(
        file, line, "\(path) is \(number); it must be \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }
}
