internal import CLinux
internal import Glibc

/// The client's end of a control connection.
///
/// Waits, but never without an end; for programs that have nothing else to do meanwhile.
public struct ControlClient: ~Copyable {
  private let descriptor: Int32
  private let path: String
  private var assembler = LineAssembler(lengthMax: Wire.replyLengthMax)

  /// Where the daemon listens unless the configuration says otherwise.
  public static let defaultPath = "/run/lineward/control.sock"

  /// What a wait for the daemon's next line gave.
  public enum Heard<Value: Decodable & Sendable>: Sendable {
    /// A line.
    case line(Wire.Reply<Value>)
    /// The other descriptor became readable.
    case woken
    /// Nothing came in time.
    case silence
  }

  /// Connects to the daemon.
  ///
  /// - Throws: Exit 69 when nobody answers at `path`, 77 when its permissions keep the caller out.
  public init(path: String) throws(Failure) {
    self.path = path
    descriptor = clinux_socket_unix()
    guard descriptor >= 0 else {
      throw .unreachable(
        "No socket can be made on this machine: \(String(cString: strerror(-descriptor))).")
    }
    let code = clinux_socket_connect_within(descriptor, path, Self.connectMilliseconds)
    guard code < 0 else { return }
    let shown = Plain.text(path)
    switch -code {
    case ENOENT:
      throw .unreachable(
        "The daemon does not answer: there is no socket at \(shown); start linewardd, or name its "
          + "socket with --socket.")
    case ECONNREFUSED:
      throw .unreachable(
        "The daemon does not answer: nobody listens at \(shown); start linewardd.")
    case EACCES, EPERM:
      throw .notPermitted(
        "You may not use the control socket \(shown); ask for membership of its group.")
    case EAGAIN:
      throw .busy(
        "The daemon at \(shown) does not take connections now; try again.")
    default:
      throw .unreachable(
        "The daemon at \(shown) cannot be reached: \(String(cString: strerror(-code))).")
    }
  }

  deinit { close(descriptor) }

  /// Sends a command alone.
  public func send(_ command: Command, passing passed: Int32 = -1) throws(Failure) {
    try send(Request(command), passing: passed)
  }

  /// Sends a request, with a file beside it where the command needs one.
  public func send(_ request: Request, passing passed: Int32 = -1) throws(Failure) {
    let line = Wire.line(request: request)
    guard line.count <= Wire.requestLengthMax else {
      throw .usage(
        "The command has \(line.count) bytes, more than the \(Wire.requestLengthMax) that the daemon "
          + "takes; shorten it.")
    }
    var start = 0
    while start < line.count {
      let sent = line[start...].withUnsafeBytes {
        clinux_socket_send(descriptor, $0.baseAddress, $0.count, start == 0 ? passed : -1)
      }
      switch sent {
      case 0...: start += sent
      case Int(-EINTR): continue
      case Int(-EAGAIN):
        guard clinux_socket_wait(descriptor, -1, 1, Int32(Self.sendMilliseconds)) != 0 else {
          throw .unreachable(
            "The daemon at \(Plain.text(path)) does not take the command; see its journal.")
        }
      // The daemon refused at once and closed; why stands in what it sent before.
      case Int(-EPIPE), Int(-ECONNRESET): return
      default:
        throw .unreachable(
          "The command cannot be sent to \(Plain.text(path)): "
            + "\(String(cString: strerror(Int32(-sent)))).")
      }
    }
  }

  /// Waits for the daemon's next line.
  ///
  /// - Parameters:
  ///   - type: What the command's result is.
  ///   - milliseconds: The longest wait.
  ///   - other: A descriptor that ends the wait as well when it becomes readable; -1 none.
  /// - Returns: The line, or why there is none.
  /// - Throws: Exit 69 when the daemon ends the connection or sends what cannot be read.
  public mutating func hear<Value: Decodable & Sendable>(
    as type: Value.Type, milliseconds: Int, or other: Int32 = -1
  ) throws(Failure) -> Heard<Value> {
    let end = Self.now + UInt64(max(0, milliseconds))
    while true {
      if let line = assembler.next() {
        guard case .whole(let bytes) = line else {
          throw .otherVersion("The daemon's answer is longer than the protocol allows.")
        }
        return .line(try Wire.reply(from: bytes, as: type))
      }
      let now = Self.now
      let ready = clinux_socket_wait(
        descriptor, other, 0, Int32(clamping: end > now ? end - now : 0))
      if ready == 0 { return .silence }
      if ready > 0, ready & 2 != 0 { return .woken }
      if ready > 0 { try receive() }
    }
  }

  /// Sends a command alone and waits for its end.
  public mutating func ask<Value: Decodable & Sendable>(
    _ command: Command, passing passed: Int32 = -1, for type: Value.Type,
    milliseconds: Int = 30_000,
    progress: (ProgressReply) -> Void = { _ in }
  ) throws(Failure) -> Value {
    try ask(
      Request(command), passing: passed, for: type, milliseconds: milliseconds, progress: progress)
  }

  /// Sends a request and waits for its end.
  ///
  /// - Parameters:
  ///   - request: What is asked.
  ///   - passed: A file that goes beside it; -1 none.
  ///   - type: What the command's result is.
  ///   - milliseconds: The longest wait for the next sign of life.
  ///   - progress: Called for every progress line.
  /// - Returns: The command's result.
  /// - Throws: The daemon's refusal, or exit 69 when no answer came.
  public mutating func ask<Value: Decodable & Sendable>(
    _ request: Request, passing passed: Int32 = -1, for type: Value.Type,
    milliseconds: Int = 30_000,
    progress: (ProgressReply) -> Void = { _ in }
  ) throws(Failure) -> Value {
    try send(request, passing: passed)
    while true {
      switch try hear(as: type, milliseconds: milliseconds) {
      case .line(.progress(let report)): progress(report)
      case .line(.event), .woken: continue
      case .line(.final(let result)): return try result.get()
      case .silence:
        throw .unreachable(
          "The daemon at \(Plain.text(path)) gave no answer to \"\(request.command.words)\" in "
            + "\(milliseconds / 1000) s; whether it was done, `lineward status` says.")
      }
    }
  }

  private mutating func receive() throws(Failure) {
    var code = 0
    let bytes = [UInt8](unsafeUninitializedCapacity: 64 * 1024) { buffer, count in
      code = recv(descriptor, buffer.baseAddress, buffer.count, 0)
      count = max(0, code)
      if code < 0 { code = -Int(errno) }
    }
    switch code {
    case 1...: assembler.append(bytes)
    case Int(-EAGAIN), Int(-EINTR): return
    default:
      throw .unreachable(
        "The daemon at \(Plain.text(path)) ended the connection; see its journal.")
    }
  }

  private static let connectMilliseconds: Int32 = 5000
  private static let sendMilliseconds = 5000

  private static var now: UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1000 + UInt64(time.tv_nsec) / 1_000_000
  }
}
