import Configuration
import Containment
import Control
import Foundation
import Glibc
import Line
import Records
import Synchronization
import Testing

@testable import Daemon

/// What maintenance reads first in the state of the system.
@Suite("Findings of the system check")
struct SystemFindingsTests {
  /// A state in which all is well.
  static func state() -> SystemState {
    SystemState(
      at: "2026-03-01T09:00:00.000Z", line: "L01", version: "0.1.0", permit: false,
      stopReasons: [.init(number: 3, phrase: "containment open")], batch: "B-1",
      stations: [
        .init(
          name: "unit-1", inStep: true, openUnits: 0, permitObeyed: false, conveyorMoving: false)
      ],
      scanners: [scanner()], plcs: [plc()], printFeed: nil, alarms: [], openUnits: [],
      openUnitsCount: 0,
      disk: .init(
        directory: "/var/lib/lineward", freeBytes: 10_000_000_000, sizeBytes: 20_000_000_000,
        minFreeBytes: 500_000_000, databaseBytes: 1_000_000),
      chain: .init(
        lastRecord: 100, lastHash: "ab", recordsChecked: 100, lastSignedHead: 90, head: "note",
        fault: nil),
      clock: .init(
        wall: "2026-03-01T09:00:00.000Z", monotonicMilliseconds: 1, synchronised: true,
        unknownBecause: nil),
      configuration: .init(path: "/etc/lineward.toml", sha256: "ab", isUnchanged: true),
      recentFaults: [])
  }

  static func scanner(online: Bool = true, cut: Int = 0, inError: Int = 0) -> ScannerReply {
    ScannerReply(
      name: "camera-1", profile: "", transport: "serial", device: "/dev/ttyACM0", online: online,
      reason: online ? "" : "no such device", messages: 5, lastMessageAt: nil,
      activity: .init(),
      faults: .init(
        overlong: 0, withoutPrefix: 0, cut: cut, paused: 0, spoiled: 0,
        charactersInError: inError, charactersLost: 0, breaks: 0))
  }

  static func plc(
    online: Bool = true, errors: Int = 0, p99: Int = 3000, stray: Int = 0
  ) -> PLCReply {
    PLCReply(
      name: "plc-1", transport: "tcp", address: "192.0.2.10:502", online: online,
      reason: online ? "" : "connection refused", epoch: 7, permitObeyed: false,
      conveyorMoving: false, stateCurrent: 2, state: "stopped", connections: 1, telegrams: 1000,
      errors: errors, responseP50: 1000, responseP99: p99, responseMax: 90_000, dataAge: 5,
      strayBytes: stray)
  }

  @Test("where all is well nothing is found")
  func nothing() { #expect(SystemFindings.of(Self.state()).isEmpty) }

  struct Case: Sendable {
    var change: @Sendable (inout SystemState) -> Void
    var finding: String
  }

  static let cases: [Case] = [
    .init(
      change: { $0.chain?.fault = "record 7 is damaged" },
      finding: "the records do not hold: record 7 is damaged"),
    .init(
      change: { $0.chain?.lastSignedHead = nil }, finding: "no head of the records was signed yet"),
    .init(
      change: { $0.disk?.freeBytes = 400_000_000 },
      finding: "the disk of the records is nearly full: 400 MB are free for /var/lib/lineward"),
    .init(
      change: { $0.stations[0].conveyorMoving = true },
      finding: "station unit-1: the conveyor moves though the permit is 0"),
    .init(
      change: { $0.stations[0].permitObeyed = true },
      finding: "station unit-1: its PLC obeys a permit that was withdrawn"),
    .init(
      change: { $0.stations[0].inStep = false }, finding: "station unit-1: tracking is in doubt"),
    .init(
      change: { $0.stations[0].openUnits = 3 }, finding: "station unit-1: units without an end: 3"),
    .init(
      change: { $0.plcs = [plc(online: false)] },
      finding: "PLC plc-1 is offline: connection refused"),
    .init(
      change: { $0.plcs = [plc(errors: 12)] },
      finding: "PLC plc-1: 12 of 1000 telegrams failed"),
    .init(
      change: { $0.plcs = [plc(p99: 50_001)] },
      finding: "PLC plc-1 answers slowly: one in a hundred after 50 ms or more"),
    .init(
      change: { $0.plcs = [plc(stray: 4)] },
      finding: "PLC plc-1: 4 bytes came that nobody asked for"),
    .init(
      change: { $0.scanners = [scanner(online: false)] },
      finding: "scanner camera-1 is offline: no such device"),
    .init(
      change: { $0.scanners = [scanner(cut: 2, inError: 3)] },
      finding: "scanner camera-1: 2 messages cut short, 3 characters in error"),
    .init(change: { $0.clock.synchronised = false }, finding: "the clock is not synchronised"),
    .init(
      change: { $0.configuration?.isUnchanged = false },
      finding: "the configuration file was changed since it was loaded"),
    .init(
      change: { $0.leftOut = ["registers of the PLCs: no answer within 5000 ms"] },
      finding: "not looked at: registers of the PLCs: no answer within 5000 ms"),
    .init(
      change: {
        $0.alarms = [
          AlarmReply(
            id: "scanner_lost@camera-1", occurrence: 1, kind: "scanner_lost", priority: "medium",
            state: "unacknowledged", station: "camera-1", message: "pulled", raisedAt: "",
            remedy: "")
        ]
      }, finding: "alarm scanner_lost@camera-1: pulled"),
  ]

  @Test("each thing that is wrong is one sentence", arguments: 0..<cases.count)
  func one(index: Int) {
    var state = Self.state()
    Self.cases[index].change(&state)
    #expect(SystemFindings.of(state) == [Self.cases[index].finding])
  }

  @Test("a running line with a permit is no finding, and what is not known is none either")
  func unknown() {
    var state = Self.state()
    state.permit = true
    state.stations[0].conveyorMoving = true
    state.stations[0].permitObeyed = true
    state.clock.synchronised = nil
    state.configuration?.isUnchanged = nil
    state.chain = nil
    state.disk = nil
    state.scanners = nil
    state.plcs = nil
    #expect(SystemFindings.of(state).isEmpty)
  }
}

/// The system's state is taken when a case asks, in bounded time and size, without secrets.
@Suite("System check of a case")
struct SystemCheckTests {
  private final class Core: Sendable {
    let line = Mutex(
      LineController(settings: .init(line: "L01", scanners: [], stations: [], limits: .init())))
    let events = Mutex<[(step: String, title: String, text: String)]>([])

    func open() {
      line.withLock { line in
        line.begin(detail: "test", wall: 1_700_000_000_000)
        line.step(
          .command(
            id: 1,
            .containment(.open(reason: "test", batch: nil, holdsRelease: true), roles: []),
            actor: "anna"), now: Instant(nanoseconds: 0), wall: 1_700_000_000_000)
      }
    }

    func take(_ event: ContainmentEvent) -> Bool {
      if case .evidence(_, let step, let title, let bytes) = event {
        events.withLock {
          $0.append((step.rawValue, title, String(decoding: bytes, as: UTF8.self)))
        }
        line.withLock {
          $0.step(.containment(event), now: Instant(nanoseconds: 0), wall: Clock.wall)
        }
      }
      return true
    }

    var titles: [String] { events.withLock { $0.map { "\($0.step): \($0.title)" } } }
    func text(_ title: String) -> String {
      events.withLock { $0.first { $0.title == title }?.text ?? "" }
    }
  }

  private func until(_ condition: () -> Bool) -> Bool {
    let end = DispatchTime.now() + .seconds(20)
    let pause = DispatchSemaphore(value: 0)
    while DispatchTime.now() < end {
      if condition() { return true }
      _ = pause.wait(timeout: .now() + .milliseconds(5))
    }
    return condition()
  }

  private func check(
    _ core: Core, directory: String, configuration: Configuration, longest: Int64 = 5000,
    registers: @escaping @Sendable () -> [RegistersReply] = { [] }
  ) -> SystemCheck {
    SystemCheck(
      .init(
        directory: directory, minFree: 1, path: directory + "/lineward.toml",
        configuration: { configuration },
        scanners: { [SystemFindingsTests.scanner(online: false)] },
        plcs: { _ in [SystemFindingsTests.plc()] }, registers: registers),
      partLongest: .milliseconds(longest),
      look: { body in
        body(core.line.withLock { $0 })
        return true
      }, tell: { core.take($0) })
  }

  private func withStore(_ body: (String) throws -> Void) throws {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent(
      "lineward-check-\(UUID().uuidString.prefix(8))"
    ).path
    defer { try? FileManager.default.removeItem(atPath: path) }
    let store = try RecordStore(directory: path, line: "L01")
    try store.append(Record(.started, detail: "test"), at: Instant(nanoseconds: 0))
    try store.append(
      Record(.scannerOffline, detail: "camera-1: pulled"), at: Instant(nanoseconds: 0))
    try store.commit()
    store.close()
    try body(path)
  }

  private static let text = """
    [line]
    id = "L01"
    [[contact]]
    name = "anna"
    role = "quality"
    webhook = "https://hooks.example.com/T0KEN"
    """

  @Test(
    "three pieces of evidence: state with findings first, registers, configuration without tokens")
  func pieces() throws {
    try withStore { directory in
      try Data(Self.text.utf8).write(to: URL(fileURLWithPath: directory + "/lineward.toml"))
      let configuration = try Configuration.parse(Array(Self.text.utf8), file: "f")
      let core = Core()
      core.open()
      let check = check(core, directory: directory, configuration: configuration) {
        [
          RegistersReply(
            station: "unit-1", plc: "plc-1", at: nil, host: nil, plcBlock: nil)
        ]
      }
      check.take(1)
      #expect(until { core.titles.count == 3 })
      #expect(
        Set(core.titles) == [
          "check: system state", "gather: PLC registers at the moment",
          "gather: configuration as it was",
        ])
      let state = try #require(
        try JSONSerialization.jsonObject(with: Data(core.text("system state").utf8))
          as? [String: Any])
      let findings = try #require(state["findings"] as? [String])
      #expect(findings.contains("scanner camera-1 is offline: no such device"))
      #expect(!findings.contains { $0.contains("configuration") })
      #expect((state["chain"] as? [String: Any])?["records_checked"] as? Int == 2)
      #expect((state["disk"] as? [String: Any])?["free_bytes"] is Int)
      let faults = try #require(state["recent_faults"] as? [[String: Any]])
      #expect(faults.last?["detail"] as? String == "camera-1: pulled")
      // What a person reads first stands first.
      #expect(core.text("system state").hasPrefix("{\n  \"findings\" :"))
      let registers = try #require(
        try JSONSerialization.jsonObject(
          with: Data(core.text("PLC registers at the moment").utf8)) as? [String: Any])
      #expect((registers["left_out"] as? [String])?.first?.contains("plc-1 did not answer") == true)
      #expect(core.text("configuration as it was").contains("webhook = \"…\""))
      #expect(!core.events.withLock { $0.contains { $0.text.contains("T0KEN") } })
    }
  }

  @Test("a PLC that does not answer is left out and named, and is not asked again while it hangs")
  func hangs() throws {
    try withStore { directory in
      let configuration = try Configuration.parse(Array(Self.text.utf8), file: "f")
      let core = Core()
      core.open()
      core.open()
      let gate = DispatchSemaphore(value: 0)
      let asked = Atomic<Int>(0)
      let check = check(core, directory: directory, configuration: configuration, longest: 50) {
        asked.add(1, ordering: .relaxed)
        gate.wait()
        return []
      }
      check.take(1)
      check.take(2)
      #expect(until { core.titles.count == 6 })
      #expect(core.text("PLC registers at the moment").contains("no answer within 50 ms"))
      #expect(asked.load(ordering: .relaxed) == 1)
      #expect(
        core.events.withLock { $0.contains { $0.text.contains("hangs since an earlier look") } })
      gate.signal()
    }
  }

  @Test("a daemon that starts over and over does not fill the disk with its state")
  func again() throws {
    try withStore { directory in
      let configuration = try Configuration.parse(Array(Self.text.utf8), file: "f")
      let core = Core()
      core.open()
      let check = check(core, directory: directory, configuration: configuration)
      check.take(1)
      #expect(until { core.titles.count == 3 })
      for _ in 0..<5 { check.take(1) }
      check.take(7)
      core.open()
      check.take(2)
      #expect(until { core.titles.count == 6 })
      #expect(core.titles.count == 6)
    }
  }

  @Test("registers of as many stations as there is room for, and the others are named")
  func bounded() throws {
    let block = RegistersReply.Block(
      registers: (0..<16).map { .init(address: $0, name: "a name of a register", value: $0) },
      slots: (0..<32).map {
        .init(address: $0, sequence: 1, unit: 1, word: 1, check: 1, state: "ok")
      })
    let stations = (0..<200).map {
      RegistersReply(
        station: "unit-\($0)", plc: "plc-1", at: "2026-03-01T09:00:00.000Z", host: block,
        plcBlock: block)
    }
    let bytes = SystemCheck.bounded(stations, at: 0, leftOut: [])
    #expect(bytes.count <= LineController.caseEvidenceMax)
    let object = try #require(
      try JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any])
    let kept = try #require(object["stations"] as? [Any]).count
    let left = try #require(object["left_out"] as? [String])
    #expect(kept > 20 && kept < 200 && left.count == min(64, 200 - kept))
  }

  @Test("the journal is cut at its bound, and where it cannot be read the file says so")
  func journal() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
      "lineward-journal-\(UUID().uuidString.prefix(8))"
    ).path
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    func take(_ script: String, timeout: Int64 = 10_000) throws -> (String, String, String?) {
      let program = folder + "/journalctl"
      try Data("#!/bin/sh\n\(script)\n".utf8).write(to: URL(fileURLWithPath: program))
      try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: program)
      try awaitNoWriter(program)
      let (file, left) = JournalExtract.take(
        since: 1_700_000_000_000, program: program, timeout: .milliseconds(timeout),
        bytesMax: 100_000)
      return (file.name, String(decoding: file.bytes, as: UTF8.self), left)
    }
    var got = try take("echo \"$@\"")
    #expect(
      got.0 == "journal.export" && got.2 == nil
        && got.1.hasPrefix("--unit=lineward.service --since=@1700000000 --output=export"))
    got = try take("yes MESSAGE=x")
    #expect(got.0 == "journal.export" && got.1.utf8.count == 100_000)
    #expect(got.2?.contains("cut after 100000 bytes") == true)
    got = try take("echo 'No journal files were opened' >&2; exit 1")
    #expect(got.0 == "journal.txt" && got.1.contains("No journal files") && got.2 != nil)
    got = try take("true")
    #expect(got.0 == "journal.txt" && got.1.contains("systemd-journal"))
    got = try take("sleep 300", timeout: 200)
    #expect(got.0 == "journal.txt" && got.1.contains("was killed"))
  }
}
