import CAllocations
import CLinux
import Glibc
import Line
import Synchronization
import Testing

@testable import Devices

/// A device that hands out whole reports or events, as hidraw and evdev do: a socket that keeps messages apart.
final class FakeDevice: Sendable {
  private struct Ends {
    var reader: Int32 = -1
    var writer: Int32 = -1
  }

  private let ends = Mutex(Ends())

  /// Puts it in; whoever opens it next has the other end.
  func plug() {
    var pair: [Int32] = [0, 0]
    precondition(socketpair(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue), 0, &pair) == 0)
    _ = fcntl(pair[0], F_SETFL, O_NONBLOCK)
    _ = fcntl(pair[1], F_SETFL, O_NONBLOCK)
    ends.withLock { $0 = Ends(reader: pair[0], writer: pair[1]) }
  }

  /// Pulls it.
  func unplug() {
    ends.withLock { ends in
      if ends.writer >= 0 { close(ends.writer) }
      if ends.reader >= 0 { close(ends.reader) }
      ends = Ends()
    }
  }

  /// The reader's end, as an opening has it.
  func open() throws(OpeningProblem) -> Int32 {
    let descriptor = ends.withLock { ends in
      defer { ends.reader = -1 }
      return ends.reader
    }
    guard descriptor >= 0 else { throw OpeningProblem("it is not plugged in") }
    return descriptor
  }

  /// Says one report, or some events.
  @discardableResult
  func say(_ bytes: [UInt8]) -> Bool {
    ends.withLock { write($0.writer, bytes, bytes.count) } == bytes.count
  }

  /// A report that came to it; empty when none.
  func heard() -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 1024)
    let count = ends.withLock { read($0.writer, &bytes, bytes.count) }
    return Array(bytes[..<max(0, count)])
  }

  /// A HID POS scanner with this descriptor behind it.
  func scanner(_ descriptor: [UInt8]) -> ScannerWay {
    .device(.hid, .path("/dev/hidraw0")) { [self] _ throws(OpeningProblem) in
      let reader = try open()
      // As a device is opened: its descriptor is read each time.
      guard let parsed = try? HIDReportDescriptor(descriptor),
        let decoder = try? HIDPOSDecoder(parsed)
      else { throw OpeningProblem("it is no scanner") }
      return OpenedDevice(descriptor: reader, decoder: ReportDecoder(decoder))
    }
  }
}

/// What scanners leave behind that come and go.
@Suite struct ReplugTests {
  /// What this process has.
  private struct Held: CustomStringConvertible {
    var descriptors: Int
    var threads: Int
    var bytes: Int
    var pages: Int

    static func now() -> Held {
      Held(
        descriptors: count("/proc/self/fd"), threads: count("/proc/self/task"),
        bytes: Int(callocations_bytes_in_use()), pages: resident())
    }

    private static func count(_ folder: String) -> Int {
      guard let stream = opendir(folder) else { return -1 }
      defer { closedir(stream) }
      var count = 0
      while readdir(stream) != nil { count += 1 }
      return count
    }

    private static func resident() -> Int {
      guard let file = fopen("/proc/self/statm", "r") else { return -1 }
      defer { fclose(file) }
      var line = [CChar](repeating: 0, count: 128)
      guard fgets(&line, 128, file) != nil else { return -1 }
      let text = String(
        decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      return text.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? -1
    }

    var description: String {
      "\(descriptors) descriptors, \(threads) threads, \(bytes) bytes of heap, \(pages) pages"
    }
  }

  /// Serial, TCP both ways, HID POS and keyboard at once, in one bank.
  private final class Plugs {
    let cable = Cable()
    let hid = FakeDevice()
    let keyboard = FakeDevice()
    let listening = clinux_listen_tcp("127.0.0.1", 0)
    let port = Peer.freePort()
    let bench: BankBench
    private var typist: TypingScanner
    private static let count = 5

    init() throws {
      let framing = ScannerFraming(suffix: [0x0D, 0x0A])
      let layout = try KeyboardFiles.layout("us")
      let wedge = Wedge(
        name: "hand", proof: "/tmp/lineward-replug.\(getpid())", layout: layout, others: [])
      typist = TypingScanner(layout: layout)
      let keyboard = keyboard
      let decoder: @Sendable () -> KeyboardDecoder = {
        KeyboardDecoder(layout: layout, suffix: .enter, capsLock: false, numLock: false)
      }
      try wedge.keep(WedgeProof(device: "d", decoder: decoder()))
      bench = BankBench(scanners: [
        .init(name: "a", way: .serial(cable.path, SerialSettings()), framing: framing),
        .init(
          name: "b", way: .client(host: "127.0.0.1", port: Peer.port(of: listening)),
          framing: framing),
        .init(
          name: "c", way: .server(address: "127.0.0.1", port: port, only: nil), framing: framing),
        .init(
          name: "d", way: hid.scanner(POSDescriptor.identifierFirst), framing: framing),
        .init(
          name: "e",
          way: .device(.keyboard, .path("/dev/input/event0")) { _ throws(OpeningProblem) in
            OpenedDevice(
              descriptor: try keyboard.open(),
              decoder: KeyDecoder(decoder(), device: "d", wedge: wedge, lights: { 0 }))
          }, framing: framing),
      ])
    }

    /// Each comes, says a message and half of another, and goes; false when anything was missed.
    func round(_ number: Int) throws -> Bool {
      cable.plug()
      hid.plug()
      keyboard.plug()
      var client: Int32 = -1
      guard
        bench.wait({
          client = clinux_socket_accept(listening)
          return client >= 0
        }), let server = Peer.connect(port)
      else { return false }
      for source in 0..<Plugs.count where !bench.waitFor(.online, source: source) { return false }
      let text = "]d2\(number)"
      cable.say(text + "\r\nhalf")
      Peer(descriptor: client).say(text + "\r\nhalf")
      server.say(text + "\r\nhalf")
      let maker = HIDPOSTests.Maker.identifierFirst
      hid.say(maker.report(Array("\(number)".utf8)))
      hid.say(maker.report(Array("half".utf8), continued: true))
      typist.now = WedgeTests.now
      keyboard.say(WedgeTests.raw(typist.type(Array(text.utf8))))
      keyboard.say(WedgeTests.raw(typist.press(30)))
      guard bench.wait({ bench.messages.count == Plugs.count }) else { return false }
      guard bench.messages.allSatisfy({ $0 == text }) else { return false }
      // The client is online again as soon as it was offline.
      bench.forget()
      cable.unplug()
      close(client)
      server.hangUp()
      hid.unplug()
      keyboard.unplug()
      for source in 0..<Plugs.count where !bench.waitFor(.offline, source: source) { return false }
      return bench.messages.isEmpty
    }
  }

  @Test(
    "a thousand replugs of serial, TCP, HID and keyboard scanners leave no descriptor, no thread and no memory"
  )
  func thousand() async {
    // In a process of its own: other tests have descriptors, threads and memory too.
    await #expect(processExitsWith: .success) {
      let plugs = try Plugs()
      plugs.bench.bank.start()
      // Buffers, the ring's pages and the system's own have grown to their size by then.
      for number in 0..<200 {
        try #require(try plugs.round(number), "round \(number): \(plugs.bench.told)")
      }
      let before = Held.now()
      for number in 0..<1000 {
        guard try plugs.round(number) else {
          Issue.record("round \(number) missed something: \(plugs.bench.told)")
          break
        }
      }
      let after = Held.now()
      #expect(after.descriptors == before.descriptors, "\(before); then \(after)")
      #expect(after.threads <= before.threads, "\(before); then \(after)")
      // Less than a word for each replug: what is left of each shows, the allocator's own moves do not.
      #expect(after.bytes - before.bytes < 5 * 1000 * 8, "\(before); then \(after)")
      #expect(
        (after.pages - before.pages) * Int(getpagesize()) < 1 << 20, "\(before); then \(after)")
      plugs.bench.bank.stop()
    }
  }
}
