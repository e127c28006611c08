internal import Control
internal import Line

/// The state of the daemon, its devices and its machine at one moment, as evidence of a containment case.
///
/// Lists have an end each (`listMax`), and what could not be asked is nil and named in `leftOut`.
struct SystemState: Encodable, Sendable {
  struct Station: Encodable, Sendable {
    var name: String
    var inStep: Bool
    var openUnits: Int
    var permitObeyed: Bool?
    var conveyorMoving: Bool?

    enum CodingKeys: String, CodingKey {
      case name
      case inStep = "in_step"
      case openUnits = "open_units"
      case permitObeyed = "permit_obeyed"
      case conveyorMoving = "conveyor_moving"
    }
  }

  struct Unit: Encodable, Sendable {
    var station: String
    var unit: Int
    var verdict: Int
    var batch: Int
    var row: Int
  }

  struct StopCause: Encodable, Sendable {
    var number: Int
    var phrase: String
  }

  struct Disk: Encodable, Sendable {
    var directory: String
    var freeBytes: Int64
    var sizeBytes: Int64
    var minFreeBytes: Int64
    var databaseBytes: Int64

    enum CodingKeys: String, CodingKey {
      case directory
      case freeBytes = "free_bytes"
      case sizeBytes = "size_bytes"
      case minFreeBytes = "min_free_bytes"
      case databaseBytes = "database_bytes"
    }
  }

  struct Chain: Encodable, Sendable {
    var lastRecord: Int64
    var lastHash: String
    var recordsChecked: Int64
    var lastSignedHead: Int64?
    var head: String?
    var fault: String?

    enum CodingKeys: String, CodingKey {
      case head, fault
      case lastRecord = "last_record"
      case lastHash = "last_hash"
      case recordsChecked = "records_checked"
      case lastSignedHead = "last_signed_head"
    }
  }

  struct MachineClock: Encodable, Sendable {
    var wall: String
    var monotonicMilliseconds: Int64
    /// Nil where the machine does not say.
    var synchronised: Bool?
    var unknownBecause: String?

    enum CodingKeys: String, CodingKey {
      case wall, synchronised
      case monotonicMilliseconds = "monotonic_ms"
      case unknownBecause = "unknown_because"
    }
  }

  struct ConfigurationFile: Encodable, Sendable {
    var path: String
    var sha256: String
    /// Whether the file is still the one that was loaded; nil: it cannot be read.
    var isUnchanged: Bool?

    enum CodingKeys: String, CodingKey {
      case path, sha256
      case isUnchanged = "is_unchanged"
    }
  }

  struct Fault: Encodable, Sendable {
    var record: Int64
    var at: String
    var what: String
    var detail: String
  }

  /// They stand before all the rest, and are encoded by whoever writes it.
  var findings: [String] = []
  var at: String
  var line: String
  var version: String
  var permit: Bool
  var stopReasons: [StopCause]
  var batch: String?
  var stations: [Station]
  var scanners: [ScannerReply]?
  var plcs: [PLCReply]?
  var printFeed: PrintFeedReply?
  var alarms: [AlarmReply]
  var openUnits: [Unit]
  var openUnitsCount: Int
  var disk: Disk?
  var chain: Chain?
  var clock: MachineClock
  var configuration: ConfigurationFile?
  var recentFaults: [Fault]?
  var leftOut: [String] = []

  /// Entries of each list at most.
  static let listMax = 100

  enum CodingKeys: String, CodingKey {
    case at, line, version, permit, batch, stations, scanners, plcs, alarms, disk, chain,
      clock, configuration
    case stopReasons = "stop_reasons"
    case printFeed = "print_feed"
    case openUnits = "open_units"
    case openUnitsCount = "open_units_count"
    case recentFaults = "recent_faults"
    case leftOut = "left_out"
  }
}

/// What is wrong in a system state, in sentences, gravest first: what maintenance reads before all the rest.
enum SystemFindings {
  /// Answers of a PLC later than this, in microseconds, are worth a look: five times the usual poll.
  static let slowAnswer = 50_000

  /// Everything that is not as it has to be; empty: nothing was found.
  static func of(_ state: SystemState) -> [String] {
    let parts = [
      chain(state.chain), disk(state.disk), stations(state), plcs(state.plcs ?? []),
      scanners(state.scanners ?? []), machine(state), alarms(state.alarms),
      state.leftOut.map { "not looked at: \($0)" },
    ]
    return parts.flatMap(\.self)
  }

  private static func chain(_ chain: SystemState.Chain?) -> [String] {
    guard let chain else { return [] }
    if let fault = chain.fault { return ["the records do not hold: \(fault)"] }
    if chain.lastSignedHead == nil, chain.lastRecord > 0 {
      return ["no head of the records was signed yet"]
    }
    return []
  }

  private static func disk(_ disk: SystemState.Disk?) -> [String] {
    guard let disk, disk.freeBytes < disk.minFreeBytes else { return [] }
    return [
      "the disk of the records is nearly full: \(disk.freeBytes / 1_000_000) MB are free for \(disk.directory)"
    ]
  }

  private static func stations(_ state: SystemState) -> [String] {
    state.stations.flatMap { station in
      var found: [String] = []
      if !state.permit, station.conveyorMoving == true {
        found.append("station \(station.name): the conveyor moves though the permit is 0")
      }
      if !state.permit, station.permitObeyed == true {
        found.append("station \(station.name): its PLC obeys a permit that was withdrawn")
      }
      if !station.inStep { found.append("station \(station.name): tracking is in doubt") }
      if station.openUnits > 0 {
        found.append("station \(station.name): units without an end: \(station.openUnits)")
      }
      return found
    }
  }

  private static func plcs(_ plcs: [PLCReply]) -> [String] {
    plcs.flatMap { plc in
      guard plc.state == "online" else { return ["PLC \(plc.name) is offline: \(plc.reason)"] }
      var found: [String] = []
      if plc.errors > 0 {
        found.append("PLC \(plc.name): \(plc.errors) of \(plc.telegrams) telegrams failed")
      }
      if plc.responseP99 > slowAnswer {
        found.append(
          "PLC \(plc.name) answers slowly: one in a hundred after \(plc.responseP99 / 1000) ms or more"
        )
      }
      if plc.strayBytes > 0 {
        found.append("PLC \(plc.name): \(plc.strayBytes) bytes came that nobody asked for")
      }
      return found
    }
  }

  private static func scanners(_ scanners: [ScannerReply]) -> [String] {
    scanners.flatMap { scanner in
      guard scanner.state == "online" else {
        return ["scanner \(scanner.name) is offline: \(scanner.reason)"]
      }
      let faults = scanner.faults
      let counts = [
        (faults.overlong, "messages too long"), (faults.withoutPrefix, "messages without prefix"),
        (faults.cut, "messages cut short"), (faults.paused, "messages with a pause in them"),
        (faults.spoiled, "messages spoiled on the line"),
        (faults.charactersInError, "characters in error"),
        (faults.charactersLost, "characters lost"), (faults.breaks, "breaks"),
      ].filter { $0.0 > 0 }
      guard !counts.isEmpty else { return [] }
      return [
        "scanner \(scanner.name): "
          + counts.map { "\($0.0) \($0.1)" }.joined(separator: ", ")
      ]
    }
  }

  private static func machine(_ state: SystemState) -> [String] {
    var found: [String] = []
    if let feed = state.printFeed, feed.state != "online" {
      found.append("the print feed is offline: \(feed.reason)")
    }
    if state.clock.synchronised == false { found.append("the clock is not synchronised") }
    if state.configuration?.isUnchanged == false {
      found.append("the configuration file was changed since it was loaded")
    }
    return found
  }

  private static func alarms(_ alarms: [AlarmReply]) -> [String] {
    alarms.prefix(20).map { "alarm \($0.id): \($0.message)" }
      + (alarms.count > 20 ? ["and \(alarms.count - 20) more alarms"] : [])
  }
}
