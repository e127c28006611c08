import CLinux
import Glibc
import Line
import Synchronization
import Threads

@testable import PLCLink

/// A Modbus TCP server on raw sockets that can be told to misbehave; it knows nothing of the contract except that
/// its heartbeat moves whenever its header is read.
final class FakePLC: Sendable {
  /// What it does with the next request.
  enum Trick: Sendable {
    /// Closes with a reset instead of answering; the request is done before if `after`.
    case reset(afterDoing: Bool)
    /// Never answers.
    case silent
    /// Answers after so many milliseconds.
    case late(Int32)
    /// Answers with the transaction number of another request.
    case wrongTransaction
    /// Answers byte by byte with so many milliseconds between them.
    case drip(Int32)
    /// Answers with this Modbus exception.
    case exception(UInt8)
    /// Answers in the name of another unit.
    case wrongUnit
    /// Answers with another function's code.
    case wrongFunction
    /// Answers with one register less than was asked for, or written.
    case oneRegisterLess
    /// Answers with a length in its header that the rest does not have.
    case wrongLength
    /// Sends half of its answer and closes.
    case halfAnAnswer
    /// Answers twice.
    case twice
    /// Does the request, starts anew with this epoch, and then answers.
    case restart(epoch: UInt16)
  }

  struct Memory: Sendable {
    var registers = [UInt16](repeating: 0, count: 400)
    var heartbeatMoves = true
    var tricks: [Trick] = []
    /// Milliseconds that every answer takes, besides what a trick asks for.
    var answerTime: Int32 = 0
    /// What it does with the next FC16 to an address.
    var writeTricks: [Int: Trick] = [:]
    /// Neither takes connections nor reads, though its kernel does: a program that hangs.
    var isHung = false
    /// What a caching gateway in front of it answers for the host block, while there is something.
    var cachedHostBlock: [UInt16]?
    var connections = 0
    /// Address and words of each FC16, with the number of its connection.
    var writes: [(connection: Int, address: Int, words: [UInt16])] = []
    var requests = 0
    /// Address and count of each FC3.
    var reads: [(address: Int, count: Int)] = []
    var coils = [Bool](repeating: true, count: 32)
    /// Where other stations' PLC blocks begin, whose heartbeats move too.
    var otherBases: [Int] = []
    /// The PLC program does PackML commands.
    var doesCommands = true
  }

  let plcBase: Int
  let port: UInt16
  let memory: Guarded<Memory>
  /// Rung at every request.
  let bell: Bell
  private let listener: Int32
  private let stopper: Int32
  private let thread = Mutex<NamedThread?>(nil)

  init(plcBase: Int = 100, epoch: UInt16 = 7, port: UInt16 = 0, bell: Bell) {
    self.plcBase = plcBase
    self.bell = bell
    var memory = Memory()
    memory.registers[plcBase] = 1
    memory.registers[plcBase + 9] = epoch
    self.memory = Guarded(memory)
    listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var on: Int32 = 1
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, 4)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let descriptor = listener
    let bound = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { general in
        bind(descriptor, general, length) == 0 && listen(descriptor, 8) == 0
          && getsockname(descriptor, general, &length) == 0
      }
    }
    precondition(bound, "the test's server has no port")
    self.port = UInt16(bigEndian: address.sin_port)
    stopper = clinux_eventfd()
    let started = NamedThread("test plc") { [self] in run() }
    precondition(started != nil, "no thread for the test's server")
    thread.withLock { $0 = started }
  }

  /// Ends the server and all its connections; returns when it is gone.
  func stop() {
    var one: UInt64 = 1
    _ = write(stopper, &one, 8)
    let ended = thread.withLock { thread in
      let ended = thread
      thread = nil
      return ended
    }
    ended?.join()
    close(listener)
    close(stopper)
  }

  subscript(register: Int) -> UInt16 {
    get { memory.withLock { $0.registers[register] } }
    set { memory.withLock { $0.registers[register] = newValue } }
  }

  func set(_ values: [Int: UInt16]) {
    memory.withLock { memory in
      for (register, value) in values { memory.registers[register] = value }
    }
  }

  func trick(_ trick: Trick) { memory.withLock { $0.tricks.append(trick) } }

  func trick(_ trick: Trick, onWriteTo address: Int) {
    memory.withLock { $0.writeTricks[address] = trick }
  }

  /// A copy, made while the lock is held: an array shared with the server's thread would change owner by its reference
  /// count, which the thread sanitizer does not see.
  var writes: [(connection: Int, address: Int, words: [UInt16])] {
    memory.withLock { $0.writes.map { $0 } }
  }

  // MARK: The server's thread

  private func run() {
    var connections: [(descriptor: Int32, number: Int)] = []
    defer { for one in connections { close(one.descriptor) } }
    while true {
      if memory.withLock({ $0.isHung }) {
        var stopped = pollfd(fd: stopper, events: Int16(POLLIN), revents: 0)
        if poll(&stopped, 1, 5) > 0 { return }
        continue
      }
      var polled = [pollfd(fd: stopper, events: Int16(POLLIN), revents: 0)]
      polled.append(pollfd(fd: listener, events: Int16(POLLIN), revents: 0))
      polled += connections.map { pollfd(fd: $0.descriptor, events: Int16(POLLIN), revents: 0) }
      guard poll(&polled, nfds_t(polled.count), 30_000) > 0, polled[0].revents == 0 else { return }
      if polled[1].revents != 0 {
        let descriptor = accept(listener, nil, nil)
        var on: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, 4)
        let number = memory.withLock { memory in
          memory.connections += 1
          return memory.connections
        }
        if descriptor >= 0 { connections.append((descriptor, number)) }
      }
      for one in polled.dropFirst(2) where one.revents != 0 {
        guard let index = connections.firstIndex(where: { $0.descriptor == one.fd }) else {
          continue
        }
        if !serve(one.fd, connections[index].number) {
          close(one.fd)
          connections.remove(at: index)
        }
      }
      bell.ring()
    }
  }

  /// Waits, unless the server is to end.
  private func pause(_ milliseconds: Int32) {
    var polled = pollfd(fd: stopper, events: Int16(POLLIN), revents: 0)
    poll(&polled, 1, milliseconds)
  }

  /// One request; false when the connection is over.
  private func serve(_ descriptor: Int32, _ connection: Int) -> Bool {
    var request = [UInt8](repeating: 0, count: 300)
    let got = recv(descriptor, &request, 300, 0)
    guard got >= 12 else { return false }
    let trick = memory.withLock { memory -> Trick? in
      memory.requests += 1
      if request[7] == 16,
        let trick = memory.writeTricks.removeValue(forKey: Int(request[8]) << 8 | Int(request[9]))
      {
        return trick
      }
      return memory.tricks.isEmpty ? nil : memory.tricks.removeFirst()
    }
    let answerTime = memory.withLock { $0.answerTime }
    if answerTime > 0 { pause(answerTime) }
    switch trick {
    case .reset(let afterDoing):
      if afterDoing { _ = answer(request, connection) }
      var linger = linger(l_onoff: 1, l_linger: 0)
      setsockopt(
        descriptor, SOL_SOCKET, SO_LINGER, &linger,
        socklen_t(MemoryLayout.size(ofValue: linger)))
      return false
    case .silent:
      return true
    case .late(let milliseconds):
      pause(milliseconds)
      return send(answer(request, connection), descriptor)
    case .wrongTransaction:
      var bytes = answer(request, connection)
      bytes[1] &+= 1
      return send(bytes, descriptor)
    case .drip(let milliseconds):
      for byte in answer(request, connection) {
        guard send([byte], descriptor) else { return false }
        pause(milliseconds)
      }
      return true
    case .exception(let code):
      return send(
        Array(request[0..<4]) + [0, 3, request[6], request[7] | 0x80, code], descriptor)
    case .wrongUnit:
      var bytes = answer(request, connection)
      bytes[6] &+= 1
      return send(bytes, descriptor)
    case .wrongFunction:
      var bytes = answer(request, connection)
      // 4, input registers, has the answer's shape of 3; 15, coils, that of 16.
      bytes[7] = bytes[7] == 3 ? 4 : 15
      return send(bytes, descriptor)
    case .oneRegisterLess:
      var bytes = answer(request, connection)
      if bytes[7] == 3 {
        bytes.removeLast(2)
        bytes[5] -= 2
        bytes[8] -= 2
      } else {
        bytes[11] -= 1
      }
      return send(bytes, descriptor)
    case .wrongLength:
      var bytes = answer(request, connection)
      bytes[5] += 1
      return send(bytes, descriptor)
    case .halfAnAnswer:
      let bytes = answer(request, connection)
      _ = send(Array(bytes.prefix(bytes.count / 2)), descriptor)
      return false
    case .twice:
      let bytes = answer(request, connection)
      return send(bytes + bytes, descriptor)
    case .restart(let epoch):
      let bytes = answer(request, connection)
      memory.withLock { memory in
        for offset in [4, 5, 8] { memory.registers[plcBase + offset] = 0 }
        for offset in 16..<80 { memory.registers[plcBase + offset] = 0 }
        memory.registers[plcBase + 9] = epoch
      }
      return send(bytes, descriptor)
    case nil:
      return send(answer(request, connection), descriptor)
    }
  }

  private func send(_ bytes: [UInt8], _ descriptor: Int32) -> Bool {
    Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count
  }

  /// Does FC3 or FC16 and gives the answer (Modbus Application Protocol V1.1b3, 6.3 and 6.12).
  private func answer(_ request: [UInt8], _ connection: Int) -> [UInt8] {
    func word(_ offset: Int) -> Int { Int(request[offset]) << 8 | Int(request[offset + 1]) }
    let address = word(8)
    let count = word(10)
    let body = memory.withLock { memory -> [UInt8] in
      switch request[7] {
      case 1: return [request[6], 1, 1, memory.coils[address] ? 1 : 0]
      case 5:
        memory.coils[address] = request[10] == 0xFF
        return Array(request[6..<12])
      case 3:
        memory.reads.append((address, count))
        for base in [plcBase] + memory.otherBases
        where memory.heartbeatMoves && address <= base && base < address + count {
          memory.registers[base + 1] &+= 1
        }
        var words = Array(memory.registers[address..<(address + count)])
        if let cached = memory.cachedHostBlock, address + count <= cached.count {
          words = Array(cached[address..<(address + count)])
        }
        return [request[6], 3, UInt8(2 * count)]
          + words.flatMap { [UInt8($0 >> 8), UInt8($0 & 0xFF)] }
      default: break
      }
      let words = (0..<count).map { UInt16(word(13 + 2 * $0)) }
      for (index, value) in words.enumerated() { memory.registers[address + index] = value }
      memory.writes.append((connection, address, words))
      if memory.doesCommands { memory.registers[plcBase + 7] = memory.registers[4] }
      return Array(request[6..<12])
    }
    return Array(request[0..<4]) + [0, UInt8(body.count)] + body
  }
}
