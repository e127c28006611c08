import CLinux
import Glibc
import Simulation
import Testing

@Suite struct ModbusServerTests {
  // Host block at 0, PLC block at 100, epoch 7.
  private func plc() -> SimulatedPLC {
    var plc = SimulatedPLC()
    plc.start(now: 0, epoch: 7)
    return plc
  }

  /// Request and answer, both without the seven bytes in front (MODBUS Application Protocol V1.1b3).
  static let exchanges: [(name: String, request: [UInt8], answer: [UInt8])] = [
    ("read the epoch", [3, 0, 109, 0, 1], [3, 2, 0, 7]),
    ("read two", [3, 0, 99, 0, 2], [3, 4, 0, 0, 0, 1]),
    ("read none", [3, 0, 0, 0, 0], [0x83, 3]),
    ("read 126", [3, 0, 0, 0, 126], [0x83, 3]),
    ("read past the end", [3, 0, 170, 0, 11], [0x83, 2]),
    ("read at 65535", [3, 255, 255, 0, 1], [0x83, 2]),
    ("read, short", [3, 0, 0, 0], [0x83, 3]),
    ("write one", [6, 0, 2, 0, 1], [6, 0, 2, 0, 1]),
    ("write one of the PLC's", [6, 0, 103, 0, 1], [0x86, 2]),
    ("write two", [16, 0, 0, 0, 2, 4, 0, 1, 0, 9], [16, 0, 0, 0, 2]),
    ("write, byte count wrong", [16, 0, 0, 0, 2, 5, 0, 1, 0, 9], [0x90, 3]),
    ("write, bytes missing", [16, 0, 0, 0, 2, 4, 0, 1, 0], [0x90, 3]),
    ("write none", [16, 0, 0, 0, 0, 0], [0x90, 3]),
    ("write over the end of the host block", [16, 0, 79, 0, 2, 4, 0, 1, 0, 9], [0x90, 2]),
    ("write and read", [23, 0, 2, 0, 1, 0, 2, 0, 1, 2, 0, 5], [23, 2, 0, 5]),
    ("write and read, wrong", [23, 0, 2, 0, 1, 0, 2, 0, 1, 3, 0, 5], [0x97, 3]),
    ("write and read past the end", [23, 1, 0, 0, 1, 0, 2, 0, 1, 2, 0, 5], [0x97, 2]),
    ("coils", [1, 0, 0, 0, 1], [0x81, 1]),
    ("input registers", [4, 0, 0, 0, 1], [0x84, 1]),
    ("nothing we know", [43, 14, 1, 0], [0xAB, 1]),
  ]

  @Test(arguments: exchanges.indices)
  func answers(_ index: Int) {
    let exchange = Self.exchanges[index]
    var plc = plc()
    let answer = ModbusStream.answer(
      ModbusStream.Request(transaction: 0x1234, unit: 1, pdu: exchange.request), &plc)
    let length = UInt8(exchange.answer.count + 1)
    #expect(
      answer == [0x12, 0x34, 0, 0, 0, length, 1] + exchange.answer, "\(exchange.name)")
  }

  @Test func aRefusedReadLeavesNoWriteBehind() throws {
    var plc = plc()
    _ = ModbusStream.answer(
      ModbusStream.Request(
        transaction: 1, unit: 1, pdu: [23, 1, 0, 0, 1, 0, 2, 0, 1, 2, 0, 5]), &plc)
    #expect(try plc.read(2, count: 1) == [0])
  }

  @Test func requestsComeOutOfAnyPieces() {
    let first: [UInt8] = [0, 1, 0, 0, 0, 6, 1, 3, 0, 109, 0, 1]
    let second: [UInt8] = [0, 2, 0, 0, 0, 2, 9, 7]
    let expected = [
      ModbusStream.Request(transaction: 1, unit: 1, pdu: [3, 0, 109, 0, 1]),
      ModbusStream.Request(transaction: 2, unit: 9, pdu: [7]),
    ]
    let bytes = first + second
    for size in 1...bytes.count {
      var stream = ModbusStream()
      var requests: [ModbusStream.Request] = []
      var at = 0
      while at < bytes.count {
        stream.receive(bytes[at..<min(at + size, bytes.count)])
        at += size
        while let request = stream.next() { requests.append(request) }
      }
      #expect(requests == expected, "in pieces of \(size)")
    }
  }

  @Test(
    arguments: [
      [0, 1, 0, 1, 0, 6, 1, 3], [0, 1, 0, 0, 0, 1, 1, 3], [0, 1, 0, 0, 0, 255, 1, 3],
      [0, 1, 0, 0, 1, 0, 1, 3],
    ] as [[UInt8]])
  func aHeaderThatIsNotModbusBreaksTheStream(_ bytes: [UInt8]) {
    var stream = ModbusStream()
    stream.receive(bytes)
    #expect(stream.next() == nil)
    #expect(stream.isBroken)
  }

  // MARK: Over the wire

  /// A client that says and hears single bytes; the server turns in between.
  private final class Client {
    let descriptor: Int32
    init(_ port: UInt16) { descriptor = clinux_simulation_connect(port, 1) }
    deinit { close(descriptor) }

    func say(_ bytes: [UInt8]) { _ = write(descriptor, bytes, bytes.count) }

    /// What comes within about two seconds of turns; nil when the connection ended.
    func hear(
      _ count: Int, from server: ModbusServer, _ plc: inout SimulatedPLC, at now: Nanoseconds = 0
    ) -> [UInt8]? {
      var heard: [UInt8] = []
      for _ in 0..<2000 where heard.count < count {
        server.serve(&plc, now: now)
        var buffer = [UInt8](repeating: 0, count: count)
        // Waits for at most a millisecond.
        let got = read(descriptor, &buffer, count - heard.count)
        if got == 0 || (got < 0 && errno == ECONNRESET) { return nil }
        if got > 0 { heard += buffer[0..<got] }
      }
      return heard
    }
  }

  private let readEpoch: [UInt8] = [0, 5, 0, 0, 0, 6, 1, 3, 0, 109, 0, 1]
  private let epochSeven: [UInt8] = [0, 5, 0, 0, 0, 5, 1, 3, 2, 0, 7]

  @Test func answersByteByByteOnSeveralConnections() throws {
    var plc = plc()
    let server = try ModbusServer()
    let clients = (0..<3).map { _ in Client(server.port) }
    for byte in readEpoch {
      for client in clients {
        client.say([byte])
        server.serve(&plc, now: 0)
      }
    }
    for client in clients {
      #expect(client.hear(epochSeven.count, from: server, &plc) == epochSeven)
    }
    #expect(server.connectionCount == 3)
  }

  @Test func severalRequestsAtOnceAreAnsweredInOrder() throws {
    var plc = plc()
    let server = try ModbusServer()
    let client = Client(server.port)
    var other = readEpoch
    other[1] = 6
    client.say(readEpoch + other + readEpoch)
    let answer = client.hear(3 * epochSeven.count, from: server, &plc)
    var second = epochSeven
    second[1] = 6
    #expect(answer == epochSeven + second + epochSeven)
  }

  @Test func lateAnswersComeWhenTheirTimeHasCome() throws {
    var plc = plc()
    let server = try ModbusServer()
    server.answerDelay = .seconds(5)
    let client = Client(server.port)
    // Function 6 to the permit: carried out at once, answered later.
    client.say([0, 5, 0, 0, 0, 6, 1, 6, 0, 2, 0, 1])
    for _ in 0..<2000 where server.nextEvent == nil {
      server.serve(&plc, now: 0)
      Interest.wait(for: server.interests, atMost: .milliseconds(1))
    }
    #expect(server.nextEvent == .seconds(5))
    #expect(try plc.read(2, count: 1) == [1])
    #expect(client.hear(12, from: server, &plc, at: .seconds(5))?.count == 12)
  }

  @Test func refusesAndComesBackOnTheSamePort() throws {
    var plc = plc()
    let server = try ModbusServer()
    let client = Client(server.port)
    client.say(readEpoch)
    #expect(client.hear(epochSeven.count, from: server, &plc) == epochSeven)
    try server.setMood(.refusing)
    #expect(client.hear(1, from: server, &plc) == nil, "reset")
    #expect(Client(server.port).descriptor == -ECONNREFUSED)
    try server.setMood(.well)
    let again = Client(server.port)
    again.say(readEpoch)
    #expect(again.hear(epochSeven.count, from: server, &plc) == epochSeven)
  }

  @Test func silentMeansUnheard() throws {
    var plc = plc()
    let server = try ModbusServer()
    let client = Client(server.port)
    try server.setMood(.silent)
    client.say([0, 5, 0, 0, 0, 6, 1, 6, 0, 2, 0, 1])
    for _ in 0..<20 {
      server.serve(&plc, now: 0)
      Interest.wait(for: server.interests, atMost: .milliseconds(1))
    }
    #expect(try plc.read(2, count: 1) == [0])
    try server.setMood(.well)
    client.say(readEpoch)
    #expect(client.hear(epochSeven.count, from: server, &plc) == epochSeven)
  }

  @Test func aStreamOfNonsenseEndsItsConnectionOnly() throws {
    var plc = plc()
    let server = try ModbusServer()
    let good = Client(server.port)
    let bad = Client(server.port)
    bad.say(Array("GET / HTTP/1.1\r\n\r\n".utf8))
    #expect(bad.hear(1, from: server, &plc) == nil)
    good.say(readEpoch)
    #expect(good.hear(epochSeven.count, from: server, &plc) == epochSeven)
  }
}
