import Foundation
import Line
import Rings
import Synchronization
import Testing
import Threads

@testable import PLCLink

/// A PLC on another maker's Modbus: pymodbus' server, started by `Tests/system/pymodbus-plc`.
final class PymodbusPLC {
  static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()
  static let python = root.appendingPathComponent(".build/test-venv/bin/python").path
  static var isInstalled: Bool { FileManager.default.isExecutableFile(atPath: python) }

  let port: UInt16
  private let process = Process()
  private let input = Pipe()
  private let output = Pipe()
  private let read = Mutex<String>("")

  init() throws {
    process.executableURL = URL(fileURLWithPath: Self.python)
    process.arguments = [Self.root.appendingPathComponent("Tests/system/pymodbus-plc").path]
    process.standardInput = input
    process.standardOutput = output
    try process.run()
    var line = ""
    while !line.hasSuffix("\n") {
      guard let byte = try output.fileHandleForReading.read(upToCount: 1), !byte.isEmpty else {
        break
      }
      line += String(decoding: byte, as: UTF8.self)
    }
    port = try #require(UInt16(line.trimmingCharacters(in: .whitespacesAndNewlines)))
  }

  func say(_ line: String) { input.fileHandleForWriting.write(Data((line + "\n").utf8)) }

  /// Ends it; all that it has said.
  func end() -> [Substring] {
    try? input.fileHandleForWriting.close()
    let rest = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return String(decoding: rest, as: UTF8.self).split(separator: "\n")
  }
}

@Suite(
  .enabled(
    if: PymodbusPLC.isInstalled,
    "pymodbus is not installed: make test-venv, which needs the network once"))
struct PymodbusTests {
  @Test func aPymodbusServerIsDrivenAsThePLC() throws {
    let plc = try PymodbusPLC()
    let bell = Bell()
    let turns = LinkBench.Counter64()
    let link = PLCLink(
      PLCLink.Settings(
        name: "plc-1", host: "127.0.0.1", port: plc.port, poll: .milliseconds(5),
        stations: [PLCLink.Station(number: 0, blocks: BlockSession.Settings())]),
      loopTurns: { turns.value.add(1, ordering: .relaxed).newValue }, wake: { bell.ring() })
    #expect(link.start())
    var events: [PLCEvent] = []
    func wait(_ done: () -> Bool) -> Bool {
      let limit = Instant.now + .milliseconds(20_000)
      while !done() {
        while let event = link.events.pop() { events.append(event.event) }
        if Instant.now >= limit { return done() }
        bell.wait(.milliseconds(10)) { !link.events.isEmpty }
      }
      return true
    }
    func shows(_ condition: (PLCSnapshot) -> Bool) -> Bool {
      events.contains { event in
        if case .changed(let snapshot, _) = event { return condition(snapshot) }
        return false
      }
    }
    func links() -> Int { events.count { if case .linked = $0 { true } else { false } } }
    #expect(wait { links() == 1 }, "\(link.health.lastFault)")
    _ = link.post(StationOrder(station: 0, order: .header(HostHeader(generation: 1, permit: true))))
    #expect(wait { shows { $0.permitObeyed && $0.stateCurrent == 6 } })
    plc.say("trigger")
    #expect(wait { shows { $0.lastUnit == 1 } })
    // More than one ring of verdicts and outcomes.
    for unit in 1...40 as ClosedRange<UInt16> {
      let verdict: Verdict = unit % 5 == 0 ? .wrongLot : .accept
      _ = link.post(
        StationOrder(station: 0, order: .verdict(generation: 1, unit: unit, verdict)))
      let outcome: UInt16 = verdict == .accept ? 1 : 2
      #expect(wait { events.contains(.outcome(sequence: unit, unit: unit, outcome: outcome)) })
      _ = link.post(StationOrder(station: 0, order: .recorded(generation: 1, outcome: unit)))
    }
    _ = link.post(
      StationOrder(station: 0, order: .header(HostHeader(generation: 1, stopReason: 2))))
    events = []
    #expect(wait { shows { !$0.permitObeyed } })
    plc.say("restart 8")
    #expect(wait { links() == 1 })
    guard
      case .linked(2, true, let snapshot)? = events.last(where: {
        if case .linked = $0 { true } else { false }
      })
    else {
      Issue.record("no link in a new epoch: \(events)")
      return
    }
    #expect(snapshot.epoch == 8)
    #expect(link.health.errors == 0 && link.health.connections == 1)
    link.stop()
    let verdicts = plc.end().filter { $0.hasPrefix("verdict") }
    #expect(
      verdicts.count == 40 && verdicts.first == "verdict 1 1 1"
        && verdicts.last == "verdict 40 40 6")
  }
}
