import CLinux
import Glibc
import Synchronization
import Threads

/// A Modbus TCP server as small as can be, for measuring: registers in memory, FC3 and FC16, and the moment at which a
/// watched register was written.
///
/// One thread serves all connections by `poll`; both the daemon and the C floor write to it, so what it costs is the same
/// on both sides of every ratio.
final class ModbusFloorServer: @unchecked Sendable {
  // Kept true by: registers are atomics; descriptors are touched by the server's thread only.
  let port: UInt16
  private let listener: Int32
  private let registers: UnsafeMutablePointer<Atomic<UInt16>>
  private let stamp = Atomic<Int64>(0)
  private let watched = Atomic<Int>(-1)
  private let polls = Atomic<UInt64>(0)
  static let registerCount = 1024

  init() {
    registers = .allocate(capacity: Self.registerCount)
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    self.listener = listener
    for index in 0..<Self.registerCount { (registers + index).initialize(to: Atomic(0)) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let bound = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { rebound in
        bind(listener, rebound, length) == 0 && listen(listener, 8) == 0
          && getsockname(listener, rebound, &length) == 0
      }
    }
    precondition(bound, "no port for the bench's PLC")
    port = UInt16(bigEndian: address.sin_port)
    // It serves for as long as the process lives.
    let thread = NamedThread("bench plc") { [self] in serve() }
    precondition(thread != nil, "no thread for the bench's PLC")
  }

  subscript(address: Int) -> UInt16 {
    get { registers[address].load(ordering: .acquiring) }
    set { registers[address].store(newValue, ordering: .releasing) }
  }

  /// How many telegrams of function 3 brought the PLC block's header.
  var reads: UInt64 { polls.load(ordering: .acquiring) }

  /// Forgets the last moment and watches the write of a telegram that begins at `address`.
  func watch(_ address: Int) {
    stamp.store(0, ordering: .releasing)
    watched.store(address, ordering: .releasing)
  }

  /// The moment of the watched write in nanoseconds, nil when it did not come within `milliseconds`.
  func waitForWrite(milliseconds: Int64) -> Int64? {
    let end = monotonicNow() + milliseconds * 1_000_000
    while monotonicNow() < end {
      let moment = stamp.load(ordering: .acquiring)
      if moment != 0 { return moment }
      usleepBriefly()
    }
    return nil
  }

  private func serve() {
    var descriptors = [pollfd(fd: listener, events: Int16(POLLIN), revents: 0)]
    var buffer = [UInt8](repeating: 0, count: 300)
    while true {
      guard poll(&descriptors, nfds_t(descriptors.count), -1) > 0 else { continue }
      for index in descriptors.indices.reversed() where descriptors[index].revents != 0 {
        let descriptor = descriptors[index].fd
        if descriptor == listener {
          let client = accept(listener, nil, nil)
          guard client >= 0 else { continue }
          var one: Int32 = 1
          setsockopt(client, Int32(IPPROTO_TCP), TCP_NODELAY, &one, 4)
          descriptors.append(pollfd(fd: client, events: Int16(POLLIN), revents: 0))
        } else if !answer(descriptor, &buffer) {
          close(descriptor)
          descriptors.remove(at: index)
        }
      }
    }
  }

  /// One telegram; on loopback a whole one arrives at a time, and a partial one is a broken client.
  private func answer(_ descriptor: Int32, _ buffer: inout [UInt8]) -> Bool {
    let count = recv(descriptor, &buffer, 300, 0)
    guard count >= 12, buffer[2] == 0, buffer[3] == 0 else { return false }
    let function = buffer[7]
    let address = Int(buffer[8]) << 8 | Int(buffer[9])
    let quantity = Int(buffer[10]) << 8 | Int(buffer[11])
    guard address + quantity <= Self.registerCount else { return false }
    var reply = Array(buffer[0..<8])
    if function == 3 {
      reply.append(UInt8(quantity * 2))
      for offset in 0..<quantity {
        let value = self[address + offset]
        reply.append(UInt8(value >> 8))
        reply.append(UInt8(value & 0xFF))
      }
      // The host block is read back now and then, which is no poll.
      if address <= LatencyBench.plcBase, LatencyBench.plcBase < address + quantity {
        polls.add(1, ordering: .releasing)
      }
    } else if function == 16 {
      for offset in 0..<quantity {
        registers[address + offset].store(
          UInt16(buffer[13 + offset * 2]) << 8 | UInt16(buffer[14 + offset * 2]),
          ordering: .releasing)
      }
      let watch = watched.load(ordering: .acquiring)
      if watch >= address && watch < address + quantity {
        stamp.store(monotonicNow(), ordering: .releasing)
        watched.store(-1, ordering: .releasing)
      }
      reply += buffer[8..<12]
    } else {
      return false
    }
    let length = reply.count - 6
    reply[4] = UInt8(length >> 8)
    reply[5] = UInt8(length & 0xFF)
    return send(descriptor, reply, reply.count, Int32(MSG_NOSIGNAL)) == reply.count
  }
}

/// CLOCK_MONOTONIC in nanoseconds.
func monotonicNow() -> Int64 {
  var time = timespec()
  clock_gettime(CLOCK_MONOTONIC, &time)
  return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
}

/// Gives the other threads the processor for a moment without missing much.
func usleepBriefly() {
  var time = timespec(tv_sec: 0, tv_nsec: 20_000)
  nanosleep(&time, nil)
}
