import CLinux
import Glibc
import Line
import Testing

@testable import Devices

/// A scanner in the network, or whoever calls it, by plain sockets.
struct Peer {
  let descriptor: Int32

  func say(_ text: String) {
    let bytes = Array(text.utf8)
    #expect(clinux_tcp_send(descriptor, bytes, bytes.count) == 0)
  }

  /// What came; nil when the other end has closed.
  func heard() -> String? {
    var bytes = [UInt8](repeating: 0, count: 4096)
    let count = read(descriptor, &bytes, bytes.count)
    if count == 0 || (count < 0 && errno != EAGAIN) { return nil }
    return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
  }

  func hangUp() { close(descriptor) }

  /// The port that the system gave a listening socket.
  static func port(of descriptor: Int32) -> UInt16 {
    var address = sockaddr_in()
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let code = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
    }
    precondition(code == 0, "no name of the socket")
    return UInt16(bigEndian: address.sin_port)
  }

  static func connect(_ port: UInt16) -> Peer? {
    var address = clinux_tcp_address()
    guard clinux_tcp_resolve("127.0.0.1", String(port), 1, &address, 1) == 1 else { return nil }
    let descriptor = clinux_tcp_connect(&address, 1 << 20)
    guard descriptor >= 0 else { return nil }
    var polled = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
    guard poll(&polled, 1, 5000) == 1, clinux_tcp_connected(descriptor) == 0 else {
      close(descriptor)
      return nil
    }
    return Peer(descriptor: descriptor)
  }

  /// A port that nobody listens on just now.
  static func freePort() -> UInt16 {
    let descriptor = clinux_listen_tcp("127.0.0.1", 0)
    defer { close(descriptor) }
    return port(of: descriptor)
  }
}

@Suite("Scanners over TCP", .serialized) struct ScannerTCPTests {
  private func accept(_ bench: BankBench, _ listening: Int32) -> Peer? {
    var connection: Int32 = -1
    let came = bench.wait {
      connection = clinux_socket_accept(listening)
      return connection >= 0
    }
    return came ? Peer(descriptor: connection) : nil
  }

  @Test(
    "the daemon connects, reads, and comes again after the connection ended; half a message is never joined"
  )
  func client() throws {
    let listening = clinux_listen_tcp("127.0.0.1", 0)
    defer { close(listening) }
    let port = Peer.port(of: listening)
    let bench = BankBench(.client(host: "127.0.0.1", port: port))
    bench.bank.start()
    defer { bench.bank.stop() }
    let first = try #require(accept(bench, listening))
    #expect(bench.waitFor(.online))
    first.say("one\r\n<K1>\r\nhal")
    #expect(bench.wait { bench.messages == ["one", "<K1>"] })
    // Nothing that it read goes back.
    #expect(first.heard() == "")
    first.hangUp()
    #expect(bench.waitFor(.offline))
    #expect(
      bench.told.last { $0.event == .offline }?.text
        == "127.0.0.1:\(port) was lost: it closed the connection")
    bench.forget()
    let second = try #require(accept(bench, listening))
    #expect(bench.waitFor(.online))
    second.say("f\r\n")
    #expect(bench.wait { bench.messages == ["f"] })
    #expect(bench.bank.health[0].faults.framing.cut == 1)
    second.hangUp()
  }

  @Test("a refused connection is said once, with what to look at")
  func refused() {
    let port = Peer.freePort()
    let bench = BankBench(.client(host: "127.0.0.1", port: port))
    bench.bank.start()
    defer { bench.bank.stop() }
    #expect(bench.waitFor(.offline))
    let turns = bench.bank.turns
    #expect(bench.wait { bench.bank.turns > turns + 20 })
    #expect(
      bench.told.map(\.text) == [
        "127.0.0.1:\(port) cannot be reached: it refused the connection; is its port right?"
      ])
  }

  @Test("a name is not looked up")
  func name() {
    let bench = BankBench(.client(host: "scanner.line", port: 23))
    bench.bank.start()
    defer { bench.bank.stop() }
    #expect(bench.waitFor(.offline))
    #expect(
      bench.told.first?.text == "scanner.line is no address in digits; a name is not looked up")
  }

  @Test("one scanner at a time connects to the daemon, and the next when it has gone")
  func server() throws {
    let port = Peer.freePort()
    let bench = BankBench(.server(address: "127.0.0.1", port: port, only: nil))
    bench.bank.start()
    defer { bench.bank.stop() }
    #expect(bench.waitFor(.offline))
    #expect(bench.told.first?.text == "no scanner has connected to 127.0.0.1:\(port)")
    let first = try #require(Peer.connect(port))
    #expect(bench.waitFor(.online))
    let second = try #require(Peer.connect(port))
    #expect(bench.wait { second.heard() == nil })
    #expect(bench.wait { bench.bank.health[0].refused == 1 })
    second.hangUp()
    first.say("one\r\n")
    #expect(bench.wait { bench.messages == ["one"] })
    first.hangUp()
    bench.forget()
    #expect(bench.waitFor(.offline))
    let third = try #require(Peer.connect(port))
    #expect(bench.waitFor(.online))
    third.hangUp()
  }

  @Test("who has another address than the one named is refused")
  func onlyOne() throws {
    let port = Peer.freePort()
    let bench = BankBench(.server(address: "127.0.0.1", port: port, only: "127.0.0.2"))
    bench.bank.start()
    defer { bench.bank.stop() }
    let peer = try #require(Peer.connect(port))
    #expect(bench.wait { peer.heard() == nil })
    #expect(bench.wait { bench.bank.health[0].refused == 1 })
    #expect(!bench.told.contains { $0.event == .online })
    peer.hangUp()
  }

  @Test("a thousand connections each way miss nothing, and leave no descriptor and no thread")
  func thousand() throws {
    let listening = clinux_listen_tcp("127.0.0.1", 0)
    defer { close(listening) }
    let port = Peer.freePort()
    let framing = ScannerFraming(suffix: [0x0D, 0x0A])
    let bench = BankBench(scanners: [
      .init(
        name: "a", way: .client(host: "127.0.0.1", port: Peer.port(of: listening)),
        framing: framing),
      .init(
        name: "b", way: .server(address: "127.0.0.1", port: port, only: nil), framing: framing),
    ])
    bench.bank.start()
    for round in 0..<1000 {
      let a = try #require(accept(bench, listening), "round \(round)")
      let b = try #require(Peer.connect(port), "round \(round)")
      guard bench.waitFor(.online, source: 0), bench.waitFor(.online, source: 1) else {
        Issue.record("not online in round \(round)")
        return
      }
      a.say("a\(round)\r\n")
      b.say("b\(round)\r\n")
      guard bench.wait({ Set(bench.messages) == ["a\(round)", "b\(round)"] }) else {
        Issue.record("round \(round) brought \(bench.messages)")
        return
      }
      // Not later: the client is online again as soon as it was offline.
      bench.forget()
      a.hangUp()
      b.hangUp()
      guard bench.waitFor(.offline, source: 0), bench.waitFor(.offline, source: 1) else {
        Issue.record("the end of round \(round) was missed")
        return
      }
    }
    bench.bank.stop()
    // Descriptors of sockets that lead to one of the two ports; other tests have others.
    #expect(socketsOn([port, Peer.port(of: listening)]) == 1, "the listening socket of the test")
  }

  /// How many descriptors of this process are sockets whose own or other end is one of these ports.
  private func socketsOn(_ ports: Set<UInt16>) -> Int {
    (0..<4096).count { descriptor in
      func port(
        _ ask: (Int32, UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Int32
      )
        -> UInt16?
      {
        var address = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let code = withUnsafeMutablePointer(to: &address) {
          $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            ask(Int32(descriptor), $0, &length)
          }
        }
        guard code == 0, address.sin_family == sa_family_t(AF_INET) else { return nil }
        return UInt16(bigEndian: address.sin_port)
      }
      let own = port { getsockname($0, $1, $2) }
      let other = port { getpeername($0, $1, $2) }
      return own.map(ports.contains) ?? false || other.map(ports.contains) ?? false
    }
  }
}
