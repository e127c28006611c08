internal import CLinux
internal import Configuration
internal import Containment
internal import Control
internal import Dispatch
internal import Foundation
internal import Glibc
internal import Line
internal import Records
internal import Synchronization

/// Takes the state of the system as evidence when a containment case asks for it, away from the line loop.
///
/// Each part has a bounded time; one that hangs is left out and named, and is not asked again before it has come back.
final class SystemCheck: @unchecked Sendable {
  // Kept true by: everything below `queue` is touched on it only.

  /// Where the parts come from.
  struct Sources: Sendable {
    var directory: String
    var minFree: Int64
    var path: String
    var configuration: @Sendable () -> Configuration
    var scanners: @Sendable () -> [ScannerReply]
    var plcs: @Sendable (LineStatus) -> [PLCReply]
    var registers: @Sendable () -> [RegistersReply]
  }

  /// What the core is asked for.
  private struct Core: Sendable {
    var found: ContainmentCase?
    var status: LineStatus
    var units: [UnendedUnit]
  }

  /// Titles of the evidence.
  static let stateTitle = "system state"
  static let registersTitle = "PLC registers at the moment"
  static let configurationTitle = "configuration as it was"
  /// A part may take so long.
  static let partLongest = Instant.Span.milliseconds(5000)
  /// After a restart the state is not taken again so soon: a daemon that starts over and over would fill the disk with it.
  static let againAfter: Int64 = 300_000
  /// Cases that wait for their turn at most.
  static let waitingMax = 64
  /// Records looked through for faults.
  private static let recordsLookedAt = 2000
  /// Bytes of a piece of evidence that is made of parts; the core cuts what is longer.
  static let bytesMax = LineController.caseEvidenceMax - 4096

  private let sources: Sources
  private let partLongest: Instant.Span
  private let look: @Sendable (@escaping @Sendable (LineController) -> Void) -> Bool
  private let tell: @Sendable (ContainmentEvent) -> Bool
  private let queue = DispatchQueue(label: "lineward.check", qos: .utility)
  private let waiting = Mutex<Set<UInt32>>([])
  private let hanging = Mutex<Set<String>>([])

  init(
    _ sources: Sources, partLongest: Instant.Span = SystemCheck.partLongest,
    look: @escaping @Sendable (@escaping @Sendable (LineController) -> Void) -> Bool,
    tell: @escaping @Sendable (ContainmentEvent) -> Bool
  ) {
    self.sources = sources
    self.partLongest = partLongest
    self.look = look
    self.tell = tell
  }

  /// Takes the state for a case; any thread, never waits.
  func take(_ number: UInt32) {
    let isNew = waiting.withLock { waiting in
      waiting.count < SystemCheck.waitingMax && waiting.insert(number).inserted
    }
    guard isNew else { return }
    queue.async { [self] in
      _ = waiting.withLock { $0.remove(number) }
      check(number)
    }
  }

  private func check(_ number: UInt32) {
    // Registers first: they change soonest. But whether they are wanted the core has to say.
    guard let core = askCore(number), let found = core.found, found.isOpen, isDue(found) else {
      return
    }
    let taken = Clock.wall
    let (registers, left) = part("registers of the PLCs") { [sources] in sources.registers() }
    send(
      number, .gather, SystemCheck.registersTitle,
      SystemCheck.bounded(registers ?? [], at: taken, leftOut: left.map { [$0] } ?? []))
    send(number, .check, SystemCheck.stateTitle, SystemCheck.encoded(state(core)))
    let text = sources.configuration().source.redacted
    send(number, .gather, SystemCheck.configurationTitle, Array(text.utf8))
  }

  private func isDue(_ found: ContainmentCase) -> Bool {
    guard let last = found.evidence.last(where: { $0.title.hasPrefix(SystemCheck.stateTitle) })
    else { return true }
    // A clock that was set back meanwhile does not keep the state from being taken.
    return abs(Clock.wall - last.at) >= SystemCheck.againAfter
  }

  private func send(
    _ number: UInt32, _ step: Playbook.Meaning, _ title: String, _ bytes: [UInt8]
  ) {
    let event = ContainmentEvent.evidence(number: number, step: step, title: title, bytes: bytes)
    // The loop's mail has room again within its turn of 20 ms, or the daemon is being restarted.
    let pause = DispatchSemaphore(value: 0)
    for _ in 0..<100 {
      if tell(event) { return }
      _ = pause.wait(timeout: .now() + .milliseconds(50))
    }
  }

  // MARK: Parts

  private func askCore(_ number: UInt32) -> Core? {
    let answered = DispatchSemaphore(value: 0)
    let box = Mutex<Core?>(nil)
    let taken = look { core in
      var found = core.cases[number]
      found?.scanned = []
      let view = Core(
        found: found, status: core.status,
        units: core.unendedUnits(atMost: SystemState.listMax))
      box.withLock { $0 = view }
      answered.signal()
    }
    guard taken, answered.wait(timeout: .now() + .seconds(10)) == .success else { return nil }
    return box.withLock { $0 }
  }

  /// What a part gave, or why it is left out.
  private func part<Value: Sendable>(
    _ name: String, _ body: @escaping @Sendable () -> Value
  ) -> (value: Value?, leftOut: String?) {
    guard hanging.withLock({ $0.insert(name).inserted }) else {
      return (nil, "\(name): it hangs since an earlier look")
    }
    let result = SharedValue<Value>()
    DispatchQueue(label: "lineward.check.part", qos: .utility).async { [self] in
      let value = body()
      _ = hanging.withLock { $0.remove(name) }
      result.set(value)
    }
    guard let value = result.wait(partLongest) else {
      return (nil, "\(name): no answer within \(partLongest.nanoseconds / 1_000_000) ms")
    }
    return (value, nil)
  }

  private func state(_ core: Core) -> SystemState {
    var leftOut: [String] = []
    func take<Value: Sendable>(_ name: String, _ body: @escaping @Sendable () -> Value) -> Value? {
      let (value, left) = part(name, body)
      if let left { leftOut.append(left) }
      return value
    }
    let sources = sources
    let status = core.status
    let brief = StatusReply(status)
    var state = SystemState(
      at: WallTime.text(milliseconds: Clock.wall), line: status.line,
      version: LinewardDaemon.version, permit: status.permit,
      stopReasons: status.reasons.map { .init(number: Int($0.rawValue), phrase: $0.phrase) },
      batch: status.batch?.id,
      stations: status.stations.map {
        .init(
          name: $0.name, inStep: $0.inStep, openUnits: $0.openUnits,
          permitObeyed: $0.plc?.permitObeyed,
          conveyorMoving: $0.plc?.inputs.contains(.conveyorMoving))
      },
      scanners: take("scanners") { sources.scanners() },
      plcs: take("PLCs") { sources.plcs(status) }, printFeed: brief.printFeed,
      alarms: status.alarms.suffix(SystemState.listMax).map(AlarmReply.init),
      openUnits: core.units.prefix(SystemState.listMax).map {
        .init(
          station: $0.station, unit: Int($0.unit), verdict: Int($0.verdict.rawValue),
          batch: Int($0.batch), row: Int($0.row))
      },
      openUnitsCount: status.stations.reduce(0) { $0 + $1.openUnits },
      disk: take("disk") { SystemCheck.disk(sources) } ?? nil,
      chain: take("records") { SystemCheck.chain(sources.directory) },
      clock: SystemCheck.clock(),
      configuration: take("configuration file") { SystemCheck.file(sources) },
      recentFaults: take("recent faults") { SystemCheck.faults(sources.directory) } ?? nil)
    state.leftOut = leftOut
    state.findings = SystemFindings.of(state)
    return state
  }

  private static func disk(_ sources: Sources) -> SystemState.Disk? {
    var room = statvfs()
    guard statvfs(sources.directory, &room) == 0 else { return nil }
    func bytes(_ blocks: UInt) -> Int64 {
      Int64(
        clamping: UInt64(blocks).multipliedReportingOverflow(by: UInt64(room.f_frsize))
          .partialValue)
    }
    var database: Int64 = 0
    for suffix in ["", "-wal"] {
      var information = stat()
      if stat(sources.directory + "/records.sqlite" + suffix, &information) == 0 {
        database += Int64(information.st_size)
      }
    }
    return SystemState.Disk(
      directory: sources.directory, freeBytes: bytes(room.f_bavail),
      sizeBytes: bytes(room.f_blocks),
      minFreeBytes: sources.minFree, databaseBytes: database)
  }

  private static func chain(_ directory: String) -> SystemState.Chain {
    do throws(StorageFault) {
      let tail = try RecordReader(directory: directory).lookAtTail()
      return SystemState.Chain(
        lastRecord: tail.sequence, lastHash: tail.hash, recordsChecked: tail.checked,
        lastSignedHead: tail.head, head: tail.headNote)
    } catch {
      return SystemState.Chain(
        lastRecord: 0, lastHash: "", recordsChecked: 0, fault: error.message)
    }
  }

  private static func clock() -> SystemState.MachineClock {
    let answer = clinux_clock_is_synchronised()
    return SystemState.MachineClock(
      wall: WallTime.text(milliseconds: Clock.wall),
      monotonicMilliseconds: Clock.now.nanoseconds / 1_000_000,
      synchronised: answer >= 0 ? answer == 1 : nil,
      unknownBecause: answer < 0 ? String(cString: strerror(-answer)) : nil)
  }

  private static func file(_ sources: Sources) -> SystemState.ConfigurationFile {
    let loaded = sources.configuration().source.bytes
    // Whoever changes it now may be the one who is looked for.
    let now = try? Data(contentsOf: URL(fileURLWithPath: sources.path))
    return SystemState.ConfigurationFile(
      path: sources.path, sha256: Fingerprint.sha256(loaded),
      isUnchanged: now.map { Array($0) == loaded })
  }

  private static func faults(_ directory: String) -> [SystemState.Fault]? {
    guard let records = try? RecordReader(directory: directory).last(recordsLookedAt) else {
      return nil
    }
    return records.filter { isFault($0.record.kind) }.suffix(SystemState.listMax).map { stored in
      let place = String(decoding: stored.record.raw.prefix(64), as: UTF8.self)
      return SystemState.Fault(
        record: stored.sequence, at: WallTime.text(milliseconds: stored.wall),
        what: stored.record.kind.word
          + (stored.record.kind == .alarmRaised && !place.isEmpty ? " at \(place)" : ""),
        detail: stored.record.detail)
    }
  }

  private static func isFault(_ kind: Line.Record.Kind) -> Bool {
    switch kind {
    case .alarmRaised, .permitWithdrawn, .linkDown, .epoch, .scannerOffline, .trackingDoubt,
      .printFeedOffline, .strayReadsSkipped, .outcomeMissing, .secondStop, .secondStopEnded,
      .started, .stopped:
      true
    default: false
    }
  }

  // MARK: As JSON

  /// The state with its findings in front, where a person sees them first; all other keys in alphabetical order.
  static func encoded(_ state: SystemState) -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    // Texts, numbers and truth values always encode.
    let findings = (try? encoder.encode(state.findings)).map { Array($0) } ?? []
    let rest = (try? encoder.encode(state)).map { Array($0.dropFirst()) } ?? []
    return Array("{\n  \"findings\" : ".utf8) + findings + Array(",".utf8) + rest + [0x0A]
  }

  /// The registers of as many stations as there is room for; the others are named.
  static func bounded(
    _ stations: [RegistersReply], at wall: Int64, leftOut: [String]
  ) -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    var body: [UInt8] = []
    var missing = leftOut
    for station in stations {
      guard let line = try? encoder.encode(station),
        body.count + line.count < SystemCheck.bytesMax
      else {
        missing.append("station \(station.station): there was no room for its registers")
        continue
      }
      if station.at == nil {
        missing.append("station \(station.station): PLC \(station.plc) did not answer")
      }
      if !body.isEmpty { body += ",\n    ".utf8 }
      body += line
    }
    let rest = (try? encoder.encode(Array(missing.prefix(64)))).map { Array($0) } ?? []
    return Array("{\n  \"at\": \"\(WallTime.text(milliseconds: wall))\",\n  \"left_out\": ".utf8)
      + rest + Array(",\n  \"stations\": [\n    ".utf8) + body + Array("\n  ]\n}\n".utf8)
  }
}

/// A value that one thread sets and another waits for, but not for ever.
private final class SharedValue<Value: Sendable>: Sendable {
  private let value = Mutex<Value?>(nil)
  private let isSet = DispatchSemaphore(value: 0)

  func set(_ value: Value) {
    self.value.withLock { $0 = value }
    isSet.signal()
  }

  func wait(_ longest: Instant.Span) -> Value? {
    _ = isSet.wait(timeout: .now() + .nanoseconds(Int(longest.nanoseconds)))
    return value.withLock { $0 }
  }
}
