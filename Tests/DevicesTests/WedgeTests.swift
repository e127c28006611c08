import CLinux
import Foundation
import Glibc
import Line
import Synchronization
import Testing

@testable import Devices

/// A scanner that types, from its events to the line loop: believed only once it was taught.
@Suite("A scanner that types is taught before it is believed") struct WedgeTests {
  private static let pack = Array("]d2010950600013435221Yz-1\u{1D}1727123110LOT1".utf8)

  /// Events as the kernel hands them out.
  static func raw(_ events: [KeyEvent]) -> [UInt8] {
    events.flatMap { event in
      var raw = input_event()
      raw.time.tv_sec = Int(event.at.nanoseconds / 1_000_000_000)
      raw.time.tv_usec = Int(event.at.nanoseconds % 1_000_000_000 / 1000)
      raw.type = event.type
      raw.code = event.code
      raw.value = event.value
      return withUnsafeBytes(of: raw) { Array($0) }
    }
  }

  /// What a teaching said.
  private final class Outcomes: Sendable {
    private let list = Mutex<[Wedge.Outcome]>([])
    func add(_ outcome: Wedge.Outcome) { list.withLock { $0.append(outcome) } }
    var last: Wedge.Outcome? { list.withLock { $0.last } }
  }

  static var now: Instant {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Instant(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
  }

  private final class Bench {
    let folder: URL
    let wedge: Wedge
    var scanner: TypingScanner
    var decoder: KeyDecoder
    let outcomes = Outcomes()

    init(_ layout: String = "us", in folder: URL? = nil, typing: String? = nil) throws {
      self.folder =
        folder
        ?? FileManager.default.temporaryDirectory.appendingPathComponent(
          "lineward-wedge-\(UUID().uuidString)")
      try FileManager.default.createDirectory(at: self.folder, withIntermediateDirectories: true)
      let configured = try KeyboardFiles.layout(layout)
      wedge = Wedge(
        name: "hand-1", proof: self.folder.appendingPathComponent("proof.json").path,
        layout: configured, others: try KeyboardFiles.names.map(KeyboardFiles.layout))
      scanner = TypingScanner(layout: try typing.map(KeyboardFiles.layout) ?? configured)
      decoder = KeyDecoder(
        KeyboardDecoder(
          layout: configured, suffix: .enter, separatorIsF8: false, capsLock: false, numLock: false),
        device: "05f9:2214 SN", wedge: wedge, lights: { 0 })
    }

    /// Types a message; what the decoder hands on.
    func type(_ message: [UInt8]) -> [[UInt8]] { take(scanner.type(message)) }

    func take(_ events: [KeyEvent]) -> [[UInt8]] {
      var messages: [[UInt8]] = []
      let now = events.last?.at ?? scanner.now
      WedgeTests.raw(events).withUnsafeBytes {
        decoder.append($0, now: now) { messages.append(Array($0)) }
      }
      scanner.now = scanner.now + .milliseconds(600)
      return messages
    }

    func teach() -> Bool {
      wedge.teach(until: scanner.now + .milliseconds(60_000)) { [outcomes] in
        outcomes.add($0)
      }
    }

    var outcome: Wedge.Outcome? { outcomes.last }

    /// Teaches it with the symbol, which has to be handed on to nobody, and keeps the proof.
    func beTaught() throws {
      #expect(teach())
      #expect(type(WedgeTeaching.content).isEmpty)
      let outcome = try #require(outcome)
      guard case .whole(let proof) = outcome else {
        Issue.record("\(outcome)")
        return
      }
      try wedge.keep(proof)
    }
  }

  @Test("nothing that it types is handed on before the symbol came whole, and everything after it")
  func taught() throws {
    let bench = try Bench()
    defer { try? FileManager.default.removeItem(at: bench.folder) }
    #expect(
      bench.decoder.obstacle
        == "it types like a keyboard and was never taught; run lineward scanners teach hand-1 and scan the test symbol"
    )
    #expect(bench.type(Self.pack).isEmpty)
    #expect(bench.type(WedgeTeaching.content).isEmpty, "nobody asked for the symbol")
    #expect(bench.teach())
    #expect(!bench.teach(), "one at a time")
    #expect(bench.type(WedgeTeaching.content).isEmpty)
    guard case .whole(let proof)? = bench.outcome else {
      Issue.record("\(String(describing: bench.outcome))")
      return
    }
    #expect(bench.decoder.obstacle != nil, "it counts once it is on record")
    try bench.wedge.keep(proof)
    #expect(bench.decoder.obstacle == nil)
    #expect(bench.type(Self.pack) == [Self.pack])
    // The next daemon knows it.
    let again = try Bench(in: bench.folder)
    #expect(again.decoder.obstacle == nil)
    #expect(again.type(Self.pack) == [Self.pack])
  }

  @Test("a scanner that types for another layout is refused, and the layout named")
  func wrongLayout() throws {
    let bench = try Bench("us", typing: "de")
    defer { try? FileManager.default.removeItem(at: bench.folder) }
    #expect(bench.teach())
    #expect(bench.type(WedgeTeaching.content).isEmpty)
    guard case .other(let sentence)? = bench.outcome else {
      Issue.record("\(String(describing: bench.outcome))")
      return
    }
    #expect(sentence.contains("de"), "\(sentence)")
    #expect(bench.decoder.obstacle != nil)
    #expect(bench.teach(), "and it may be tried again")
  }

  @Test("taught again with something else, an earlier proof has fallen, also for the next start")
  func refuted() throws {
    let bench = try Bench()
    defer { try? FileManager.default.removeItem(at: bench.folder) }
    try bench.beTaught()
    #expect(bench.teach())
    #expect(bench.type(Self.pack).isEmpty, "what is taken for the symbol is no read")
    #expect(bench.decoder.obstacle != nil)
    #expect(try Bench(in: bench.folder).decoder.obstacle != nil)
  }

  @Test("the symbol itself never becomes a read while it is taught")
  func theSymbolIsNoRead() throws {
    let bench = try Bench()
    defer { try? FileManager.default.removeItem(at: bench.folder) }
    for _ in 0..<2 { try bench.beTaught() }
    #expect(bench.type(Self.pack) == [Self.pack])
  }

  @Test("caps lock that comes on takes the belief away, until it is as it was taught")
  func capsLock() throws {
    let bench = try Bench()
    defer { try? FileManager.default.removeItem(at: bench.folder) }
    try bench.beTaught()
    #expect(bench.take([bench.scanner.event(0x11, 1, 1), bench.scanner.event(0, 0, 0)]).isEmpty)
    #expect(bench.decoder.obstacle?.contains("caps lock is on") == true)
    #expect(bench.type(Self.pack).isEmpty)
    #expect(bench.take([bench.scanner.event(0x11, 1, 0), bench.scanner.event(0, 0, 0)]).isEmpty)
    #expect(bench.type(Self.pack) == [Self.pack])
  }

  @Test("without a scan the teaching ends by itself")
  func nothingCame() throws {
    let bench = try Bench()
    defer { try? FileManager.default.removeItem(at: bench.folder) }
    #expect(bench.teach())
    bench.decoder.advance(now: bench.scanner.now + .milliseconds(59_999)) { _ in }
    #expect(bench.outcome == nil)
    bench.decoder.advance(now: bench.scanner.now + .milliseconds(60_000)) { _ in }
    #expect(bench.outcome == .nothing)
    #expect(bench.teach())
  }

  @Test(
    "a proof that cannot be read proves nothing", arguments: ["", "{}", "[1,2", "\u{0}\u{1}"])
  func damagedProof(text: String) throws {
    let bench = try Bench()
    defer { try? FileManager.default.removeItem(at: bench.folder) }
    try Data(text.utf8).write(to: bench.folder.appendingPathComponent("proof.json"))
    #expect(try Bench(in: bench.folder).decoder.obstacle != nil)
  }

  @Test("bytes that are no events are no harm")
  func garbage() throws {
    let bench = try Bench()
    defer { try? FileManager.default.removeItem(at: bench.folder) }
    for count in 0..<200 {
      let bytes = [UInt8](repeating: UInt8(count), count: count)
      bytes.withUnsafeBytes { bench.decoder.append($0, now: bench.scanner.now) { _ in } }
    }
    #expect(bench.decoder.obstacle != nil)
  }

  @Test("in the bank it is offline with the reason, and online as soon as it is taught")
  func inTheBank() throws {
    let typing = try Bench()
    defer { try? FileManager.default.removeItem(at: typing.folder) }
    // As an event device, it hands out whole events.
    var ends: [Int32] = [0, 0]
    #expect(socketpair(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue), 0, &ends) == 0)
    let (reader, writer) = (ends[0], ends[1])
    defer { close(writer) }
    _ = fcntl(reader, F_SETFL, O_NONBLOCK)
    let decoder = typing.decoder
    let bench = BankBench(
      .device(.keyboard, .path("/dev/input/by-id/hand-1")) { _ in
        OpenedDevice(descriptor: reader, decoder: decoder)
      })
    #expect(bench.bank.start())
    defer { bench.bank.stop() }
    #expect(
      bench.wait {
        bench.told.last?.event == .offline && bench.told.last?.text.contains("taught") == true
      })
    func send(_ message: [UInt8]) {
      let events = typing.scanner.type(message)
      for start in stride(from: 0, to: events.count, by: 64) {
        let bytes = Self.raw(Array(events[start..<min(start + 64, events.count)]))
        #expect(write(writer, bytes, bytes.count) == bytes.count)
      }
    }
    // By the clock of the machine from here on.
    typing.scanner.now = Self.now
    let outcomes = Outcomes()
    #expect(typing.wedge.teach(until: Self.now + .milliseconds(20_000)) { outcomes.add($0) })
    // The bank asks at its next tick; until then a scan is nobody's.
    #expect(
      bench.wait {
        typing.scanner.now = Self.now
        if outcomes.last == nil { send(WedgeTeaching.content) }
        return outcomes.last != nil
      })
    guard case .whole(let proof)? = outcomes.last else {
      Issue.record("\(String(describing: outcomes.last))")
      return
    }
    try typing.wedge.keep(proof)
    #expect(bench.wait { bench.told.contains { $0.event == .online } })
    typing.scanner.now = Self.now + .milliseconds(1000)
    send(Self.pack)
    #expect(bench.wait { bench.told.contains { $0.event == .message && $0.bytes == Self.pack } })
  }
}

/// Which device a port opens, as what is plugged in changes.
@Suite("A scanner named by what it is") struct PortChoiceTests {
  private final class Told {
    var events: [(event: ScannerEvent, text: String)] = []
    var opened: [String] = []
    var descriptors: [Int32] = []
  }

  private static func device(_ node: String) -> FoundDevice {
    FoundDevice(
      place: "/devices/\(node)", node: node, transport: .serial, vendor: "05f9", product: "2214",
      serial: nil, port: "usb-\(node)")
  }

  private static func port(_ told: Told) -> ScannerPort {
    let opened = told
    nonisolated(unsafe) let unsafeTold = opened
    return ScannerPort(
      ScannerBank.Scanner(
        name: "camera-1",
        // One thread runs all of this test.
        way: .device(.serial, .match(DeviceMatch(vendor: "05f9"))) { path in
          unsafeTold.opened.append(path)
          let descriptor = open("/dev/null", O_RDWR)
          unsafeTold.descriptors.append(descriptor)
          return OpenedDevice(descriptor: descriptor)
        }, framing: ScannerFraming(suffix: [13])), connectEvery: .milliseconds(1),
      outlet: ScannerPort.Outlet(
        push: { event, _, bytes in
          opened.events.append((event, String(decoding: bytes, as: UTF8.self)))
          return true
        }, publish: { _ in }, wake: {}))
  }

  @Test(
    "nothing is opened before it is known which, the one is opened, and left when it is another")
  func followsTheChoice() {
    let told = Told()
    let port = Self.port(told)
    let now = Instant(nanoseconds: 1_000_000_000)
    port.tick(now: now)
    #expect(told.opened.isEmpty && told.events.isEmpty)
    let match = DeviceMatch(vendor: "05f9")
    port.take(.refused(.none(match, .serial, there: [])), trouble: "udev does not answer", now: now)
    port.tick(now: now)
    #expect(told.opened.isEmpty)
    #expect(told.events.last?.event == .offline)
    #expect(told.events.last?.text.hasSuffix("; udev does not answer") == true)
    port.take(.device(Self.device("/dev/ttyACM0")), trouble: nil, now: now)
    port.tick(now: now)
    #expect(told.opened == ["/dev/ttyACM0"] && told.events.last?.event == .online)
    // The same again is no news.
    port.take(.device(Self.device("/dev/ttyACM0")), trouble: nil, now: now)
    port.tick(now: now)
    #expect(told.opened.count == 1)
    // Renumbered.
    port.take(.device(Self.device("/dev/ttyACM1")), trouble: nil, now: now)
    #expect(told.events.last?.event == .offline)
    #expect(fcntl(told.descriptors[0], F_GETFD) == -1, "the old one is closed")
    port.tick(now: now)
    #expect(told.opened == ["/dev/ttyACM0", "/dev/ttyACM1"] && told.events.last?.event == .online)
    // A second one of the kind: nobody knows which is meant.
    let both = [Self.device("/dev/ttyACM1"), Self.device("/dev/ttyACM2")]
    port.take(.refused(.ambiguous(match, both)), trouble: nil, now: now)
    #expect(told.events.last?.event == .offline)
    #expect(told.events.last?.text.contains("ttyACM2") == true)
    port.tick(now: now)
    #expect(told.opened.count == 2)
    port.close()
  }
}
