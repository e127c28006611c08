import CLinux
import Glibc
import Line
import Synchronization
import Threads

@testable import PLCLink

/// Modbus RTU slaves on the master of a pseudo-terminal, written against the standard alone, that can be told to misbehave.
///
/// Each unit has registers and coils of its own, and its heartbeat moves whenever its PLC block's header is read.
final class FakeBus: Sendable {
  /// What it does with the next request of a unit.
  enum Trick: Sendable {
    /// Never answers.
    case silent
    /// Answers after so many milliseconds.
    case late(Int32)
    /// Answers at once, and then once more.
    case twice
    /// Answers once more just as the next request has come, before answering that.
    case againWithNext
    /// Answers in two parts with so many milliseconds between.
    case split(Int32)
    /// Sends so many bytes of its answer and no more.
    case truncated(Int)
    /// Answers byte by byte with so many milliseconds between them.
    case drip(Int32)
    /// Answers with this Modbus exception.
    case exception(UInt8)
    /// Answers in the name of another unit.
    case wrongUnit
    /// Answers with another function's code.
    case wrongFunction
    /// Answers with one register less than was asked for.
    case oneRegisterLess
    /// One bit of the answer falls over.
    case wrongCRC
    /// Noise before the answer.
    case noiseBefore
    /// Noise some time after the answer, as transceivers make when they switch.
    case noiseAfter
    /// Speaks without end, for so many milliseconds.
    case babble(Int32)
  }

  struct Slave: Sendable {
    var registers = [UInt16](repeating: 0, count: 400)
    var coils = [Bool](repeating: true, count: 32)
    var isDead = false
    var heartbeatMoves = true
    var tricks: [Trick] = []
    /// What it does with the next FC16 to an address.
    var writeTricks: [Int: Trick] = [:]
    var requests = 0
    var writes: [(address: Int, words: [UInt16])] = []
  }

  struct Memory: Sendable {
    var slaves: [UInt8: Slave] = [:]
    /// Gives back what it hears, as a two-wire adapter does.
    var echoes = false
    /// Bytes to send with the next answer's request, before the answer.
    var held: [UInt8] = []
  }

  static let plcBase = 100
  let path: String
  let memory: Guarded<Memory>
  private let bell: Bell
  private let master: Int32
  /// Kept open, so that the master is no dead end while the link has the port closed.
  private let keeper: Int32
  private let stopper: Int32
  private let thread = Mutex<NamedThread?>(nil)

  init(units: [UInt8] = [1], bell: Bell) {
    self.bell = bell
    var memory = Memory()
    for unit in units {
      var slave = Slave()
      slave.registers[FakeBus.plcBase] = 1
      slave.registers[FakeBus.plcBase + 9] = 7
      memory.slaves[unit] = slave
    }
    self.memory = Guarded(memory)
    var master: Int32 = -1
    var name = [CChar](repeating: 0, count: 64)
    precondition(clinux_open_pty(&master, &name, 64) == 0, "no pseudo-terminal")
    self.master = master
    path = String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    keeper = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC)
    stopper = clinux_eventfd()
    let started = NamedThread("test bus") { [self] in run() }
    precondition(started != nil, "no thread for the test's bus")
    thread.withLock { $0 = started }
  }

  /// Ends the slaves and takes the port away, as an adapter that is unplugged.
  func stop() {
    var one: UInt64 = 1
    _ = write(stopper, &one, 8)
    let ended = thread.withLock { thread in
      let ended = thread
      thread = nil
      return ended
    }
    guard let ended else { return }
    ended.join()
    close(keeper)
    close(master)
    close(stopper)
  }

  subscript(register: Int, unit unit: UInt8 = 1) -> UInt16 {
    get { memory.withLock { $0.slaves[unit]?.registers[register] ?? 0 } }
    set { memory.withLock { $0.slaves[unit]?.registers[register] = newValue } }
  }

  func trick(_ trick: Trick, unit: UInt8 = 1) {
    memory.withLock { $0.slaves[unit]?.tricks.append(trick) }
  }

  func trick(_ trick: Trick, onWriteTo address: Int, unit: UInt8 = 1) {
    memory.withLock { $0.slaves[unit]?.writeTricks[address] = trick }
  }

  var isTricked: Bool { memory.withLock { $0.slaves.values.contains { !$0.tricks.isEmpty } } }

  func requests(_ unit: UInt8 = 1) -> Int { memory.withLock { $0.slaves[unit]?.requests ?? 0 } }

  func writes(_ unit: UInt8 = 1) -> [(address: Int, words: [UInt16])] {
    memory.withLock { ($0.slaves[unit]?.writes ?? []).map { $0 } }
  }

  /// Puts bytes onto the line out of nowhere.
  func send(_ bytes: [UInt8]) { _ = write(master, bytes, bytes.count) }

  // MARK: The slaves' thread

  private func run() {
    var heard: [UInt8] = []
    while true {
      var polled = [
        pollfd(fd: stopper, events: Int16(POLLIN), revents: 0),
        pollfd(fd: master, events: Int16(POLLIN), revents: 0),
      ]
      guard poll(&polled, 2, 60_000) > 0, polled[0].revents == 0 else { return }
      var bytes = [UInt8](repeating: 0, count: 300)
      let got = read(master, &bytes, 300)
      guard got > 0 else { return }
      heard += bytes.prefix(got)
      // A request is whole when its length and its check say so; nobody else speaks here.
      guard let length = FakeBus.length(heard) else { continue }
      if heard.count < length { continue }
      let request = Array(heard.prefix(length))
      heard.removeAll()
      if memory.withLock({ $0.echoes }) { send(request) }
      precondition(FakeBus.crc(request.dropLast(2)) == request.suffix(2).map { $0 }, "bad request")
      serve(request)
      bell.ring()
    }
  }

  private static func length(_ heard: [UInt8]) -> Int? {
    guard heard.count >= 8 else { return nil }
    return heard[1] == 16 ? 9 + Int(heard[6]) : 8
  }

  private func pause(_ milliseconds: Int32) {
    var polled = pollfd(fd: stopper, events: Int16(POLLIN), revents: 0)
    poll(&polled, 1, milliseconds)
  }

  private func serve(_ request: [UInt8]) {
    let unit = request[0]
    let (trick, answers) = memory.withLock { memory -> (Trick?, Bool) in
      guard var slave = memory.slaves[unit] else { return (nil, false) }
      slave.requests += 1
      let address = Int(request[2]) << 8 | Int(request[3])
      let ofWrite = request[1] == 16 ? slave.writeTricks.removeValue(forKey: address) : nil
      let trick = ofWrite ?? (slave.tricks.isEmpty ? nil : slave.tricks.removeFirst())
      memory.slaves[unit] = slave
      return (trick, !slave.isDead)
    }
    guard answers else { return }
    let held = memory.withLock { memory in
      let held = memory.held
      memory.held = []
      return held
    }
    if !held.isEmpty { send(held) }
    if case .exception(let code) = trick {
      return send(FakeBus.framed([unit, request[1] | 0x80, code]))
    }
    if case .silent = trick { return }
    var body = answer(request)
    switch trick {
    case .late(let milliseconds):
      pause(milliseconds)
      send(FakeBus.framed(body))
    case .twice: send(FakeBus.framed(body) + FakeBus.framed(body))
    case .againWithNext:
      send(FakeBus.framed(body))
      memory.withLock { $0.held = FakeBus.framed(body) }
    case .split(let milliseconds):
      let bytes = FakeBus.framed(body)
      send(Array(bytes.prefix(3)))
      pause(milliseconds)
      send(Array(bytes.dropFirst(3)))
    case .truncated(let count): send(Array(FakeBus.framed(body).prefix(count)))
    case .drip(let milliseconds):
      for byte in FakeBus.framed(body) {
        send([byte])
        pause(milliseconds)
      }
    case .wrongUnit:
      body[0] &+= 1
      send(FakeBus.framed(body))
    case .wrongFunction:
      body[1] = body[1] == 3 ? 4 : 15
      send(FakeBus.framed(body))
    case .oneRegisterLess:
      if body[1] == 3 {
        body.removeLast(2)
        body[2] -= 2
      } else {
        body[5] -= 1
      }
      send(FakeBus.framed(body))
    case .wrongCRC:
      var bytes = FakeBus.framed(body)
      bytes[bytes.count - 3] ^= 0x10
      send(bytes)
    case .noiseBefore: send([0x00, 0xFF] + FakeBus.framed(body))
    case .noiseAfter:
      send(FakeBus.framed(body))
      send([0xFF])
    case .babble(let milliseconds):
      let end = Instant.now + .milliseconds(Int64(milliseconds))
      while Instant.now < end {
        send([0x55])
        pause(0)
        bell.ring()
      }
    case .silent, .exception, nil: send(FakeBus.framed(body))
    }
  }

  /// Does FC1, FC3, FC5 or FC16 and gives the answer without its CRC.
  private func answer(_ request: [UInt8]) -> [UInt8] {
    func word(_ offset: Int) -> Int { Int(request[offset]) << 8 | Int(request[offset + 1]) }
    let address = word(2)
    let count = word(4)
    return memory.withLock { memory in
      guard var slave = memory.slaves[request[0]] else { return [] }
      defer { memory.slaves[request[0]] = slave }
      switch request[1] {
      case 1: return [request[0], 1, 1, slave.coils[address] ? 1 : 0]
      case 5:
        slave.coils[address] = request[4] == 0xFF
        return Array(request[0..<6])
      case 3:
        if address <= FakeBus.plcBase, FakeBus.plcBase < address + count, slave.heartbeatMoves {
          slave.registers[FakeBus.plcBase + 1] &+= 1
        }
        return [request[0], 3, UInt8(2 * count)]
          + slave.registers[address..<(address + count)].flatMap {
            [UInt8($0 >> 8), UInt8($0 & 0xFF)]
          }
      default:
        let words = (0..<count).map { UInt16(word(7 + 2 * $0)) }
        for (index, value) in words.enumerated() { slave.registers[address + index] = value }
        slave.writes.append((address, words))
        return Array(request[0..<6])
      }
    }
  }

  /// The standard's CRC by its own words: shift right, and XOR with A001 for every bit that falls out.
  static func crc(_ bytes: some Collection<UInt8>) -> [UInt8] {
    var crc: UInt16 = 0xFFFF
    for byte in bytes {
      crc ^= UInt16(byte)
      for _ in 0..<8 {
        let falls = crc & 1 == 1
        crc >>= 1
        if falls { crc ^= 0xA001 }
      }
    }
    return [UInt8(crc & 0xFF), UInt8(crc >> 8)]
  }

  static func framed(_ body: [UInt8]) -> [UInt8] { body + crc(body) }
}
