internal import CLinux
internal import Glibc

/// The printer's controller: names each serial that it has printed, one a line, on the daemon's Unix socket.
///
/// It is connected as long as somebody listens, tries again when the connection is gone, and goes on with the first line
/// that it has not handed over. What lay in the connection when the daemon died is lost, as with a real one.
public final class PrinterPort {
  private let path: String
  private var descriptor: Int32 = -1
  private var waiting: [UInt8] = []
  private var tryAt: Nanoseconds = 0
  /// How many serials it has named.
  public private(set) var named = 0

  /// A printer that is not connected yet.
  public init(path: String) { self.path = path }

  deinit { if descriptor >= 0 { close(descriptor) } }

  /// What to wait for.
  public var interests: [Interest] {
    descriptor >= 0 ? [Interest(descriptor, isWriting: !waiting.isEmpty)] : []
  }

  /// Names the serials of a batch up to this number, and sends what it can.
  public func serve(_ batch: PackedBatch, upTo count: Int, now: Nanoseconds) {
    connect(now: now)
    guard descriptor >= 0 else { return }
    while named < min(count, batch.poolCount) && waiting.count < 4096 {
      waiting += Array((batch.serial(named) + "\r\n").utf8)
      named += 1
    }
    if waiting.isEmpty {
      var byte: UInt8 = 0
      let got = read(descriptor, &byte, 1)
      if got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR) { disconnect(now: now) }
      return
    }
    let sent = waiting.withUnsafeBytes { bytes in
      bytes.baseAddress.map { clinux_socket_send(descriptor, $0, bytes.count, -1) } ?? 0
    }
    if sent > 0 { waiting.removeFirst(sent) }
    if sent < 0 && sent != -Int(EAGAIN) { disconnect(now: now) }
  }

  private func connect(now: Nanoseconds) {
    guard descriptor < 0, now >= tryAt else { return }
    tryAt = now + .milliseconds(100)
    let socket = clinux_socket_unix()
    guard socket >= 0 else { return }
    if clinux_socket_connect(socket, path) == 0 {
      descriptor = socket
    } else {
      close(socket)
    }
  }

  private func disconnect(now: Nanoseconds) {
    close(descriptor)
    descriptor = -1
    let lines = waiting.count { $0 == 0x0A }
    named -= lines
    waiting.removeAll()
    tryAt = now + .milliseconds(100)
  }
}
