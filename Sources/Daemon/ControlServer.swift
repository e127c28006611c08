internal import CLinux
public import Control
internal import Dispatch
internal import Glibc

/// The server of the control socket.
///
/// All its state lives on one serial queue of its own, and nothing on it waits: reading and writing are
/// non-blocking, names are looked up and commands are handled on another queue, since a name service may
/// be slow. What a client can cost is bounded: connections, bytes of a request, bytes not yet read, and
/// time without progress. A client that breaks a bound is told why, where that is possible, and dropped.
public final class ControlServer: @unchecked Sendable {
  // Kept true by: every stored `var`, and every `ControlConnection`, is touched on `queue` only.

  /// What one command is done with; called on a concurrent queue, may answer later from any thread.
  public typealias Handler =
    @Sendable (
      _ request: Request, _ peer: Peer, _ passed: PassedDescriptor?, _ responder: Responder
    ) -> Void
  /// Asks for the status; the answer may come later, from any thread.
  public typealias StatusProvider =
    @Sendable (_ answer: @escaping @Sendable (StatusReply) -> Void) -> Void

  /// What clients may cost.
  public struct Limits: Sendable {
    /// Connections at a time; one more is told that the daemon is busy.
    public var connections = 64
    /// Connections of one user at a time: a login whose watches pile up, whatever its role, must not keep others from
    /// stopping the line.
    public var connectionsOfOneUser = 16
    /// Milliseconds in which a connection that has no command at work must send a whole request.
    public var idleMilliseconds = 30_000
    /// Milliseconds in which a client must take some of what waits for it.
    public var stalledMilliseconds = 10_000
    /// Bytes that may wait for a client before progress and events are left out.
    public var waitingBytesSoft = 64 * 1024
    /// Milliseconds between two looks at the status while somebody watches.
    public var watchMilliseconds = 500
    /// Milliseconds after which watchers get the status even though it is the same, as a sign of life.
    public var watchRepeatMilliseconds = 5_000

    /// Milliseconds after which a status that was asked for is no longer waited for.
    public var statusMilliseconds = 2_000

    /// The limits of the contract and the defaults.
    public init() {}
  }

  /// Why a control socket could not be opened.
  public struct SocketError: Error, Sendable, Equatable, CustomStringConvertible {
    /// One sentence: what, where, what to do.
    public var description: String
  }

  let queue = DispatchQueue(label: "lineward.control")
  private let commands = DispatchQueue(label: "lineward.control.commands", attributes: .concurrent)
  private let limits: Limits
  private let handler: Handler
  private let statusProvider: StatusProvider
  private let nameService: NameService

  private let listening: Int32
  private let ownSocket: OwnSocket?
  private var acceptSource: (any DispatchSourceRead)?
  private var spare: Int32
  private var connections: [UInt64: ControlConnection] = [:]
  private var connectionCount: UInt64 = 0
  private var housekeeping: (any DispatchSourceTimer)?
  private var watchTimer: (any DispatchSourceTimer)?
  /// When the status was asked for; nil when no answer is due.
  private var statusAskedAt: UInt64?
  private var lastStatus: StatusReply?
  private var lastStatusSent: UInt64 = 0
  private var stopped = false

  private struct OwnSocket {
    var path: String
    var device: UInt64
    var inode: UInt64
  }

  /// Makes a server on a socket of its own at `path`, mode 0660; a stale socket there is replaced.
  ///
  /// - Throws: When the path is too long for a socket (107 bytes), something else stands there, a live
  ///   daemon answers on it, or the directory does not allow it.
  public convenience init(
    path: String, limits: Limits = Limits(), nameService: NameService = .system,
    statusProvider: @escaping StatusProvider, handler: @escaping Handler
  ) throws(SocketError) {
    let (descriptor, ownSocket) = try Self.openSocket(path: path)
    self.init(
      listening: descriptor, ownSocket: ownSocket, limits: limits, nameService: nameService,
      statusProvider: statusProvider, handler: handler)
  }

  /// Makes a server on a socket that already listens, as systemd hands it over; owns it from here on.
  public convenience init(
    listening descriptor: Int32, limits: Limits = Limits(), nameService: NameService = .system,
    statusProvider: @escaping StatusProvider, handler: @escaping Handler
  ) {
    let flags = fcntl(descriptor, F_GETFL)
    if flags >= 0 { _ = fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) }
    self.init(
      listening: descriptor, ownSocket: nil, limits: limits, nameService: nameService,
      statusProvider: statusProvider, handler: handler)
  }

  private init(
    listening: Int32, ownSocket: OwnSocket?, limits: Limits, nameService: NameService,
    statusProvider: @escaping StatusProvider, handler: @escaping Handler
  ) {
    self.listening = listening
    self.ownSocket = ownSocket
    self.limits = limits
    self.nameService = nameService
    self.statusProvider = statusProvider
    self.handler = handler
    spare = clinux_spare_descriptor()
  }

  deinit {
    // One that was started lives until it is stopped; this is for one that never was.
    guard !stopped else { return }
    if let ownSocket { Self.remove(ownSocket) }
    close(listening)
    if spare >= 0 { close(spare) }
  }

  /// Begins to take connections.
  ///
  /// A server is started once, and lives on until it is stopped.
  public func start() {
    queue.async { [self] in
      guard acceptSource == nil, !stopped else { return }
      let source = DispatchSource.makeReadSource(fileDescriptor: listening, queue: queue)
      source.setEventHandler { @Sendable [self] in acceptConnections() }
      source.setCancelHandler { @Sendable [listening] in close(listening) }
      acceptSource = source
      source.activate()
    }
  }

  /// Ends, and returns when all is closed and an own socket is removed.
  ///
  /// What has already been answered still goes out where it can at once. Not to be called from a handler.
  public func stop() {
    queue.sync {
      guard !stopped else { return }
      stopped = true
      if let ownSocket { Self.remove(ownSocket) }
      if let acceptSource { acceptSource.cancel() } else { close(listening) }
      acceptSource = nil
      watchTimer?.cancel()
      watchTimer = nil
      for connection in Array(connections.values) { connection.end(failing: nil) }
      housekeeping?.cancel()
      housekeeping = nil
      if spare >= 0 { close(spare) }
      spare = -1
    }
  }

  // MARK: Socket

  private static func openSocket(path: String) throws(SocketError) -> (Int32, OwnSocket) {
    func failed(_ what: String, _ code: Int32) -> SocketError {
      SocketError(
        description: "Control socket \(path): \(what): \(String(cString: strerror(code))).")
    }
    var device: UInt64 = 0
    var inode: UInt64 = 0
    switch clinux_path_kind(path, &device, &inode) {
    case 0: break
    case 1:
      if try answers(path: path) {
        throw SocketError(
          description: "Control socket \(path): another daemon answers there; stop that one first, "
            + "or give this one another [control] socket.")
      }
      guard unlink(path) == 0 || errno == ENOENT else {
        throw failed("the stale socket there cannot be removed", errno)
      }
    case let code where code < 0: throw failed("it cannot be looked at", -code)
    default:
      throw SocketError(
        description: "Control socket \(path): something that is no socket stands there; remove it, "
          + "or give another [control] socket.")
    }
    let descriptor = clinux_socket_unix()
    guard descriptor >= 0 else { throw failed("no socket can be made", -descriptor) }
    // The mode is set between bind and listen: before listen nobody can connect.
    var code = clinux_socket_bind(descriptor, path)
    guard code == 0 else {
      close(descriptor)
      throw failed("it cannot be made", -code)
    }
    code = chmod(path, 0o660) == 0 ? 0 : -errno
    if code == 0 { code = clinux_socket_listen(descriptor, 128) }
    if code == 0 { code = min(0, clinux_path_kind(path, &device, &inode)) }
    guard code == 0 else {
      close(descriptor)
      unlink(path)
      throw failed("it cannot be opened", -code)
    }
    return (descriptor, OwnSocket(path: path, device: device, inode: inode))
  }

  /// Whether a live process listens on the socket at `path`.
  private static func answers(path: String) throws(SocketError) -> Bool {
    let probe = clinux_socket_unix()
    guard probe >= 0 else {
      throw SocketError(
        description:
          "Control socket \(path): no socket can be made to look whether a daemon answers "
          + "there: \(String(cString: strerror(-probe))).")
    }
    defer { close(probe) }
    // A full queue (EAGAIN) and a socket of somebody else's (EACCES) are signs of life, too.
    let code = clinux_socket_connect(probe, path)
    return code != -ECONNREFUSED && code != -ENOENT
  }

  private static func remove(_ socket: OwnSocket) {
    var device: UInt64 = 0
    var inode: UInt64 = 0
    guard clinux_path_kind(socket.path, &device, &inode) == 1, device == socket.device,
      inode == socket.inode
    else { return }
    unlink(socket.path)
  }

  // MARK: Connections

  private func acceptConnections() {
    // So many at a time, then the others on the queue have their turn.
    for _ in 0..<64 where !stopped {
      let descriptor = clinux_socket_accept(listening)
      switch descriptor {
      case 0...: take(descriptor)
      case -EMFILE, -ENFILE:
        guard refuseWithSpare() else { return }
      case -ECONNABORTED, -EINTR: continue
      default: return
      }
    }
  }

  private func take(_ descriptor: Int32) {
    var uid: UInt32 = 0
    var gid: UInt32 = 0
    var pid: Int32 = 0
    guard clinux_socket_peer(descriptor, &uid, &gid, &pid) == 0 else {
      close(descriptor)
      return
    }
    guard connections.count < limits.connections else {
      refuse(descriptor, everybody)
      return
    }
    // Not a count kept beside the connections: at most 64 are looked through, and nothing can drift.
    let own = connections.values.count { $0.peer.uid == uid }
    guard own < limits.connectionsOfOneUser else {
      refuse(descriptor, "\(limits.connectionsOfOneUser) control connections of your login")
      return
    }
    connectionCount += 1
    let connection = ControlConnection(
      number: connectionCount, descriptor: descriptor,
      peer: Peer(uid: uid, gid: gid, pid: pid, name: "uid \(uid)"), server: self)
    connections[connection.number] = connection
    connection.start()
    if housekeeping == nil { startHousekeeping() }
  }

  private var everybody: String { "\(limits.connections) control connections" }

  private func refuse(_ descriptor: Int32, _ what: String) {
    let line = Wire.line(
      final: .failure(
        .busy("The daemon already has \(what); close some watches, or try again.")))
    _ = line.withUnsafeBytes { clinux_socket_send(descriptor, $0.baseAddress, $0.count, -1) }
    close(descriptor)
  }

  /// Takes and refuses one connection with the descriptor kept for that.
  ///
  /// Otherwise the waiting connection would wake the source again and again. Returns whether that could be done.
  private func refuseWithSpare() -> Bool {
    guard spare >= 0 else { return false }
    close(spare)
    let descriptor = clinux_socket_accept(listening)
    if descriptor >= 0 { refuse(descriptor, everybody) }
    spare = clinux_spare_descriptor()
    return descriptor >= 0
  }

  /// A connection is over.
  func forget(_ connection: ControlConnection) {
    connections[connection.number] = nil
    if connections.isEmpty {
      housekeeping?.cancel()
      housekeeping = nil
    }
    if !connections.values.contains(where: \.watches) {
      watchTimer?.cancel()
      watchTimer = nil
      lastStatus = nil
    }
  }

  private func startHousekeeping() {
    let shortest = min(1000, limits.idleMilliseconds, limits.stalledMilliseconds)
    let timer = DispatchSource.makeTimerSource(queue: queue)
    timer.schedule(
      deadline: .now() + .milliseconds(shortest), repeating: .milliseconds(shortest),
      leeway: .milliseconds(shortest / 4))
    timer.setEventHandler { @Sendable [weak self] in
      guard let self else { return }
      let now = Self.milliseconds
      for connection in Array(connections.values) { connection.checkTime(now, limits) }
    }
    housekeeping = timer
    timer.activate()
  }

  /// The monotonic clock, for time limits.
  static var milliseconds: UInt64 {
    DispatchTime.now().uptimeNanoseconds / 1_000_000
  }

  // MARK: Commands

  /// A connection has a request.
  func received(
    _ request: Request, _ passed: PassedDescriptor?, on connection: ControlConnection
  ) {
    if case .watch = request.command {
      connection.watches = true
      startWatching()
      return
    }
    let number = connection.number
    let responder = Responder { [weak self] answer in
      guard let self else { return }
      queue.async { self.connections[number]?.answer(answer) }
    }
    connection.responder = responder
    let peer = connection.peer
    commands.async { [nameService, handler] in
      var peer = peer
      peer.name = nameService.userName(peer.uid) ?? peer.name
      peer.terminal = Peer.terminal(claimed: request.terminal)
      handler(request, peer, passed, responder)
    }
  }

  private func startWatching() {
    // The new watcher, at least, has nothing yet.
    lastStatus = nil
    if watchTimer == nil {
      let timer = DispatchSource.makeTimerSource(queue: queue)
      timer.schedule(
        deadline: .now() + .milliseconds(limits.watchMilliseconds),
        repeating: .milliseconds(limits.watchMilliseconds),
        leeway: .milliseconds(limits.watchMilliseconds / 10))
      timer.setEventHandler { @Sendable [weak self] in self?.askStatus() }
      watchTimer = timer
      timer.activate()
    }
    askStatus()
  }

  private func askStatus() {
    // One question at a time: when the line loop does not answer, watchers see its silence. After a
    // while it is asked again, for a question may have been dropped.
    let now = Self.milliseconds
    if let statusAskedAt, now - statusAskedAt < UInt64(limits.statusMilliseconds) { return }
    statusAskedAt = now
    statusProvider { [weak self] status in
      guard let self else { return }
      queue.async { self.tell(status) }
    }
  }

  private func tell(_ status: StatusReply) {
    statusAskedAt = nil
    let now = Self.milliseconds
    guard status != lastStatus || now - lastStatusSent >= UInt64(limits.watchRepeatMilliseconds)
    else { return }
    lastStatus = status
    lastStatusSent = now
    let line = Wire.line(event: status)
    for connection in Array(connections.values) where connection.watches {
      connection.event(line)
    }
  }

  /// Bytes that may wait for a client before something is left out.
  var waitingBytesSoft: Int { limits.waitingBytesSoft }
}
