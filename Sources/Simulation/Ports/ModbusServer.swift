internal import CLinux
internal import Glibc

/// A Modbus TCP server on the loopback interface, with the faults of a real line's network.
///
/// Own code on purpose: the daemon's side is libmodbus, and a test in which both ends share their idea of the
/// protocol shows nothing. It never blocks; its owner waits for `interests` and calls `serve` and `flush`.
public final class ModbusServer {
  /// How it answers.
  public enum Mood: Sendable, Hashable {
    /// As it should.
    case well
    /// Not reachable: connections are reset, new ones refused.
    case refusing
    /// Reachable, and silent: requests vanish unheard, as behind a pulled cable.
    case silent
  }

  private struct Connection {
    var descriptor: Int32
    var stream = ModbusStream()
    var answers: [(at: Nanoseconds, bytes: [UInt8])] = []
    var isGone = false
  }

  /// So many connections at once; one more is closed at once.
  public static let connectionsMax = 8

  /// The port on 127.0.0.1.
  public let port: UInt16
  /// Answers come so much later; the request is carried out at once.
  public var answerDelay: Nanoseconds = 0
  /// How it answers; set it by `setMood`.
  public private(set) var mood: Mood = .well
  /// Connections taken since the start.
  public private(set) var connectionCount = 0
  private var listener: Int32
  private var connections: [Connection] = []

  /// Listens; port 0 takes a free one.
  public init(port wanted: UInt16 = 0) throws(SystemFailure) {
    var chosen: UInt16 = 0
    listener = clinux_simulation_listen(wanted, &chosen)
    guard listener >= 0 else {
      throw SystemFailure("listen on 127.0.0.1:\(wanted) as the PLC", listener)
    }
    port = chosen
  }

  deinit {
    for connection in connections { close(connection.descriptor) }
    if listener >= 0 { close(listener) }
  }

  /// What to wait for.
  public var interests: [Interest] {
    var all = listener >= 0 ? [Interest(listener)] : []
    for connection in connections where !connection.isGone {
      all.append(Interest(connection.descriptor))
    }
    return all
  }

  /// When a delayed answer is due.
  public var nextEvent: Nanoseconds? { connections.compactMap { $0.answers.first?.at }.min() }

  /// Changes how it answers; `refusing` also ends the connections that stand.
  ///
  /// - Throws: when it cannot listen on its port again.
  public func setMood(_ mood: Mood) throws(SystemFailure) {
    self.mood = mood
    if mood == .refusing {
      dropConnections()
      if listener >= 0 { close(listener) }
      listener = -1
    } else if listener < 0 {
      var chosen: UInt16 = 0
      listener = clinux_simulation_listen(port, &chosen)
      guard listener >= 0 else {
        throw SystemFailure("listen on 127.0.0.1:\(port) again as the PLC", listener)
      }
    }
  }

  /// Resets all connections; new ones are welcome.
  public func dropConnections() {
    for connection in connections where !connection.isGone {
      clinux_simulation_reset(connection.descriptor)
    }
    connections.removeAll()
  }

  /// Accepts, reads, and carries out what came.
  public func serve(_ plc: inout SimulatedPLC, now: Nanoseconds) {
    accept()
    for index in connections.indices where !connections[index].isGone {
      receive(index)
      while let request = connections[index].stream.next() {
        guard mood == .well, plc.isPowered else { continue }
        let bytes = ModbusStream.answer(request, &plc)
        // Answers stay in order even if the delay has just become shorter.
        let at = max(now + answerDelay, connections[index].answers.last?.at ?? 0)
        connections[index].answers.append((at: at, bytes: bytes))
      }
      if connections[index].stream.isBroken { end(index) }
    }
    flush(now: now)
  }

  /// Sends the answers whose time has come.
  public func flush(now: Nanoseconds) {
    for index in connections.indices {
      while !connections[index].isGone, let first = connections[index].answers.first,
        first.at <= now
      {
        let sent = first.bytes.withUnsafeBytes {
          clinux_socket_send(connections[index].descriptor, $0.baseAddress, $0.count, -1)
        }
        connections[index].answers.removeFirst()
        // A client that lets a few hundred bytes fill its socket has stopped reading: it is gone.
        if sent != first.bytes.count { end(index) }
      }
    }
    connections.removeAll { $0.isGone }
  }

  private func accept() {
    guard listener >= 0 else { return }
    while true {
      let descriptor = clinux_socket_accept(listener)
      guard descriptor >= 0 else { return }
      guard connections.count < ModbusServer.connectionsMax else {
        close(descriptor)
        continue
      }
      _ = clinux_simulation_no_delay(descriptor)
      connectionCount += 1
      connections.append(Connection(descriptor: descriptor))
    }
  }

  private func receive(_ index: Int) {
    var buffer = [UInt8](repeating: 0, count: 1024)
    // A bound for one turn: a client that floods must not keep the belt from moving.
    for _ in 0..<8 {
      var passed: Int32 = -1
      var surplus: Int32 = 0
      let got = buffer.withUnsafeMutableBytes {
        clinux_socket_receive(
          connections[index].descriptor, $0.baseAddress, $0.count, &passed, &surplus)
      }
      guard got > 0 else {
        if got == 0 || (got != -Int(EAGAIN) && got != -Int(EINTR)) { end(index) }
        return
      }
      connections[index].stream.receive(buffer[0..<got])
      if got < buffer.count { return }
    }
  }

  private func end(_ index: Int) {
    guard !connections[index].isGone else { return }
    connections[index].isGone = true
    close(connections[index].descriptor)
  }
}
