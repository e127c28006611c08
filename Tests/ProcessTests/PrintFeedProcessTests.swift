import CLinux
import Foundation
import Simulation
import Synchronization
import Testing

/// A belt, PLC and scanner on a thread of their own; the test names the serials itself.
private final class Belt: @unchecked Sendable {
  // Kept true by: `live` is touched by the thread only, once `run` has been called.
  private let live: LiveLine
  private let isFed = Atomic<Bool>(false)
  private let isOver = Atomic<Bool>(false)
  private let ended = DispatchSemaphore(value: 0)
  let port: Int
  let scanner: String

  init(directory: String) throws {
    live = try LiveLine(
      SimulatedLine.Settings(), seed: 5, directory: directory, now: MonotonicClock.now)
    live.setFed(false)
    port = Int(live.server.port)
    scanner = live.scanner.path
  }

  func run() {
    Thread.detachNewThread { [self] in
      var fed = false
      while !isOver.load(ordering: .acquiring) {
        if isFed.load(ordering: .acquiring) != fed {
          fed.toggle()
          live.setFed(fed)
        }
        let now = MonotonicClock.now
        live.turn(now: now)
        let next = live.nextEvent ?? now + .milliseconds(10)
        Interest.wait(
          for: live.interests, atMost: min(max(0, next - MonotonicClock.now), .milliseconds(10)))
      }
      ended.signal()
    }
  }

  func feed(_ units: Bool) { isFed.store(units, ordering: .releasing) }

  func end() {
    isOver.store(true, ordering: .releasing)
    _ = ended.wait(timeout: .now() + 10)
  }
}

/// The printer's end: one of the three ways.
final class FeedEnd {
  enum Way: String, CaseIterable, Sendable { case unix, tcp, serial }

  private let way: Way
  private let path: String
  private let port: UInt16
  private let line: ScannerPort?
  private var descriptor: Int32 = -1

  init(_ way: Way, directory: String) throws {
    self.way = way
    path = directory + "/print.sock"
    var port: UInt16 = 0
    let free = clinux_simulation_listen(0, &port)
    try #require(free >= 0)
    close(free)
    self.port = port
    line = way == .serial ? try ScannerPort(path: directory + "/printer") : nil
  }

  deinit { hangUp() }

  var configuration: String {
    let transport =
      switch way {
      case .unix: "path = \"\(path)\""
      case .tcp: "listen = \"127.0.0.1\"\nport = \(port)"
      case .serial: "device = \"\(line?.path ?? "")\""
      }
    return """
      [verification]
      order = "printed"
      [print_feed]
      transport = "\(way.rawValue)"
      \(transport)
      low_mark = 2
      [limits]
      printed_not_read = 100
      """
  }

  func connect() {
    hangUp()
    switch way {
    case .unix:
      descriptor = clinux_socket_unix()
      #expect(clinux_socket_connect_within(descriptor, path, 2000) == 0)
    case .tcp:
      descriptor = clinux_simulation_connect(port, 2000)
      #expect(descriptor >= 0)
    case .serial: break
    }
  }

  func hangUp() {
    if descriptor >= 0 { close(descriptor) }
    descriptor = -1
  }

  func say(_ bytes: [UInt8]) {
    if let line {
      var rest = bytes[...]
      while !rest.isEmpty {
        line.say(Array(rest.prefix(1024)))
        rest = rest.dropFirst(1024)
        #expect(
          Programs.until(seconds: 10) {
            line.serve()
            return line.interests.first?.isWriting != true
          })
      }
      return
    }
    var rest = bytes[...]
    _ = Programs.until(seconds: 10) {
      while !rest.isEmpty {
        let sent = rest.withUnsafeBytes { bytes in
          bytes.baseAddress.map { clinux_socket_send(descriptor, $0, bytes.count, -1) } ?? 0
        }
        guard sent > 0 else { return sent != -Int(EAGAIN) }
        rest = rest.dropFirst(sent)
      }
      return true
    }
  }

  func name(_ batch: PackedBatch, _ numbers: Range<Int>) {
    say(Array(numbers.map { batch.serial($0) + "\r\n" }.joined().utf8))
  }
}

/// The print feed with the real daemon: over each line, stalled, repeated, restarted, fed with rubbish.
@Suite(.serialized) struct PrintFeedProcessTests {
  private static let batch = PackedBatch(poolCount: 400)

  private struct Printed: Equatable {
    var printed: Int
    var read: Int
    var skipped: Int
    var waiting: Int
  }

  private func status(_ daemon: Daemon) -> JSONValue {
    JSONValue(Array(((try? daemon.ask("status", json: true))?.output ?? "").utf8)) ?? .null
  }

  private func printed(_ daemon: Daemon) -> Printed? {
    let printed = status(daemon)["batch"]["printed"]
    guard let count = printed["printed"].integer, let read = printed["read"].integer,
      let skipped = printed["skipped"].integer, let waiting = printed["waiting"].integer
    else { return nil }
    return Printed(printed: count, read: read, skipped: skipped, waiting: waiting)
  }

  private func isOnline(_ daemon: Daemon) -> Bool {
    status(daemon)["print_feed"]["state"].string == "online"
  }

  private func open(_ daemon: Daemon) throws {
    let batch = Self.batch
    let serials = try daemon.folder.write(
      "serials.txt", (0..<batch.poolCount).map { batch.serial($0) + "\n" }.joined())
    let opened = try daemon.ask(
      "batch", "open", "--id", batch.id, "--gtin", batch.gtin, "--lot", batch.lot, "--expiry",
      batch.expiry, "--serials", serials)
    #expect(opened.status == 0, "\(opened.errors)")
    #expect(try daemon.ask("batch", "start").status == 0)
  }

  /// Acknowledges all that stands and releases, until the line runs.
  private func release(_ daemon: Daemon) -> Bool {
    Programs.until(seconds: 20) {
      let alarms = JSONValue(Array(((try? daemon.ask("alarms", json: true))?.output ?? "").utf8))
      for alarm in alarms?.elements ?? [] {
        guard let id = alarm["id"].string, let occurrence = alarm["occurrence"].integer else {
          continue
        }
        _ = try? daemon.ask("ack", id, "--occurrence", "\(occurrence)")
      }
      return (try? daemon.ask("line", "release"))?.status == 0
    }
  }

  private func alarms(_ daemon: Daemon) -> [String] {
    let alarms = JSONValue(Array(((try? daemon.ask("alarms", json: true))?.output ?? "").utf8))
    return (alarms?.elements ?? []).compactMap { $0["kind"].string }
  }

  @Test("a run with the printer on its feed agrees with the truth")
  func simulated() throws {
    let ended = try KillTests.simulate("feed.toml", seed: 21, seconds: 120)
    #expect(ended.status == 0, "\(ended.output)\n\(ended.errors)")
  }

  @Test(
    "a stall stops the line, a restart keeps what is printed, a repeated serial stops it again",
    arguments: FeedEnd.Way.allCases)
  func life(way: FeedEnd.Way) throws {
    let folder = try Scratch()
    let belt = try Belt(directory: folder.url.path)
    let end = try FeedEnd(way, directory: folder.url.path)
    let daemon = try Daemon(
      scanner: belt.scanner, port: belt.port, more: end.configuration)
    belt.run()
    defer { belt.end() }
    #expect(try daemon.startAndWait(), "\(daemon.log)")
    try open(daemon)
    if way != .serial {
      let refused = try daemon.ask("line", "release")
      #expect(refused.status == 75)
      #expect(refused.errors.contains("the print feed is not connected"), "\(refused.errors)")
    }
    end.connect()
    #expect(Programs.until(seconds: 10) { isOnline(daemon) }, "\(daemon.log)")
    end.name(Self.batch, 0..<12)
    #expect(Programs.until(seconds: 10) { printed(daemon)?.printed == 12 }, "\(daemon.log)")

    #expect(release(daemon), "\(daemon.log)")
    belt.feed(true)
    #expect(Programs.until(seconds: 20) { alarms(daemon).contains("print_feed_stalled") })
    belt.feed(false)
    let stalled = status(daemon)
    #expect(stalled["run_permit"].bool == false && stalled["stop_reason"].integer == 8)
    let before = try #require(printed(daemon))
    #expect(before.read >= 1 && before.waiting >= 1, "before the last one was read: \(before)")
    let refused = try daemon.ask("line", "release")
    #expect(refused.errors.contains("the print feed stands still"), "\(refused.errors)")

    daemon.stop(SIGKILL)
    end.hangUp()
    #expect(try daemon.startAndWait(), "\(daemon.log)")
    #expect(printed(daemon) == before)
    end.connect()
    #expect(Programs.until(seconds: 10) { isOnline(daemon) }, "\(daemon.log)")
    end.name(Self.batch, 12..<80)
    #expect(Programs.until(seconds: 10) { printed(daemon)?.printed == 80 }, "\(daemon.log)")
    #expect(release(daemon), "\(daemon.log)")
    belt.feed(true)
    #expect(
      Programs.until(seconds: 20) { (printed(daemon)?.read ?? 0) >= before.read + 10 },
      "\(daemon.log)")
    end.name(Self.batch, 70..<71)
    #expect(Programs.until(seconds: 10) { alarms(daemon).contains("printed_twice") })
    #expect(status(daemon)["run_permit"].bool == false)
    belt.feed(false)

    let shown = try daemon.ask("batch", "show")
    #expect(shown.output.contains("80 printed"), "\(shown.output)")
    #expect(try daemon.ask("records", "verify").status == 0)
    let replayed = try Programs.run(
      "lineward", ["records", "replay", "--directory", daemon.directory])
    #expect(replayed.status == 0, "\(replayed.output)\(replayed.errors)")
    daemon.stop(SIGTERM)
    #expect(daemon.process.terminationStatus == 0)
  }

  @Test(
    "drips, joined lines, rubbish, a megabyte without an end, half a line: each is what it is",
    arguments: FeedEnd.Way.allCases)
  func rubbish(way: FeedEnd.Way) throws {
    let folder = try Scratch()
    let end = try FeedEnd(way, directory: folder.url.path)
    let daemon = try Daemon(more: end.configuration)
    #expect(try daemon.startAndWait(), "\(daemon.log)")
    try open(daemon)
    end.connect()
    #expect(Programs.until(seconds: 10) { isOnline(daemon) }, "\(daemon.log)")
    for byte in Array((Self.batch.serial(0) + "\r\n").utf8) { end.say([byte]) }
    end.name(Self.batch, 1..<300)
    #expect(Programs.until(seconds: 10) { printed(daemon)?.printed == 300 }, "\(daemon.log)")
    end.say([0x00, 0xFF, 0x1B, 0x5B, 0x0A])
    end.say([UInt8](repeating: 0x53, count: way == .serial ? 20_000 : 1 << 20))
    end.say(Array("\nFOREIGN\n".utf8))
    end.name(Self.batch, 300..<301)
    #expect(Programs.until(seconds: 10) { printed(daemon)?.printed == 301 }, "\(daemon.log)")
    let feed = status(daemon)["print_feed"]
    #expect(feed["bad_lines"].integer == 2 && feed["unexpected"].integer == 1, "\(feed)")
    #expect(alarms(daemon).contains("print_unexpected"))
    if way != .serial {
      let serial = Array(Self.batch.serial(301).utf8)
      end.say(Array(serial.prefix(6)))
      end.hangUp()
      #expect(Programs.until(seconds: 10) { !isOnline(daemon) })
      #expect(alarms(daemon).contains("print_feed_lost"))
      end.connect()
      #expect(Programs.until(seconds: 10) { isOnline(daemon) })
      end.say(Array(serial.dropFirst(6)) + [0x0A])
      #expect(
        Programs.until(seconds: 10) { status(daemon)["print_feed"]["unexpected"].integer == 2 })
      #expect(printed(daemon)?.printed == 301, "two halves are no serial")
    }
    #expect(try daemon.ask("records", "verify").status == 0)
  }
}
