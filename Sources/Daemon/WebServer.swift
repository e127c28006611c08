internal import CLinux
internal import Control
internal import Dispatch
internal import Glibc

/// The web view: one page, its events, metrics and health, read-only, over HTTP/1.1.
///
/// All its state lives on one serial queue of its own, and nothing on it waits. It answers GET and nothing else, takes no
/// body, one request a connection, and only under names of this machine. The status comes from the feed that the control socket
/// has too, so that the line loop is asked once however many look. What a client can cost is bounded: connections, bytes and
/// time of a request, and one event that waits for it.
public final class WebServer: @unchecked Sendable {
  // Kept true by: every stored `var`, and every `WebConnection`, is touched on `queue` only.

  /// Makes the metrics; the answer may come later, from any thread.
  public typealias MetricsProvider =
    @Sendable (_ answer: @escaping @Sendable (String) -> Void) -> Void

  /// What clients may cost.
  public struct Limits: Sendable {
    /// Who gets events at a time; one more is answered 503.
    ///
    /// Each costs a descriptor, and a daemon that speaks Modbus has 1,024 (libmodbus uses select): PLCs, scanners, records and
    /// the control socket need 400 of them at most.
    public var watchers = 500
    /// Connections besides those.
    public var others = 50
    /// Milliseconds in which a whole request has come, and in which a client takes some of what waits for it.
    public var stalledMilliseconds = 10_000
    /// Milliseconds after which watchers get the status even though it is the same.
    public var repeatMilliseconds = 5_000
    /// Milliseconds in which the loop has to answer for `/health` and `/metrics`.
    public var answerMilliseconds = 3_000
    /// Milliseconds for which metrics are not made anew.
    public var metricsMilliseconds = 250

    /// The daemon's.
    public init() {}
  }

  /// Where it listens.
  public enum Place: Sendable, Hashable {
    /// A loopback address in digits, IPv6 without brackets, and a port.
    case tcp(address: String, port: UInt16)
    /// A Unix socket at this path, mode 0660.
    case unix(path: String)
  }

  let queue = DispatchQueue(label: "lineward.web", qos: .utility)
  let limits: Limits
  /// Under these names a browser may call it.
  let hosts: Set<String>
  private let status: StatusFeed
  private let metrics: MetricsProvider

  private let listening: Int32
  private let ownSocket: ControlServer.OwnSocket?
  private var spare: Int32
  private var acceptSource: (any DispatchSourceRead)?
  private var connections: [UInt64: WebConnection] = [:]
  private var watchers = 0
  private var connectionCount: UInt64 = 0
  private var timer: (any DispatchSourceTimer)?
  /// Ours at the feed; nil while nobody waits for a status.
  private var follower: StatusFeed.Follower?
  private var news: StatusNews
  private var metricsAskedAt: UInt64?
  private var lastMetrics: (text: String, at: UInt64)?
  private var stopped = false

  /// Makes a server that does not yet take connections.
  ///
  /// - Throws: When the address is taken, is none of this machine, or the socket cannot be made.
  public init(
    place: Place, limits: Limits = Limits(), status: StatusFeed,
    metrics: @escaping MetricsProvider
  ) throws(ControlServer.SocketError) {
    var hosts: Set<String> = ["localhost", "127.0.0.1", "[::1]"]
    switch place {
    case .unix(let path):
      (listening, ownSocket) = try ControlServer.openSocket(
        path: path, what: "Web view", key: "[web] listen")
    case .tcp(let address, let port):
      hosts.insert(address.contains(":") ? "[\(address)]" : address)
      listening = clinux_listen_tcp(address, port)
      guard listening >= 0 else {
        throw ControlServer.SocketError(
          description: "Web view at \(address), port \(port): it cannot listen there: "
            + "\(String(cString: strerror(-listening))); give another [web] listen.")
      }
      ownSocket = nil
    }
    // A roomful of monitors comes back at once when the daemon has started.
    _ = clinux_socket_listen(listening, 512)
    self.hosts = hosts
    self.limits = limits
    self.status = status
    self.metrics = metrics
    news = StatusNews(repeatMilliseconds: limits.repeatMilliseconds)
    spare = clinux_spare_descriptor()
  }

  deinit {
    // One that was started lives until it is stopped; this is for one that never was.
    guard !stopped else { return }
    if let ownSocket { ControlServer.remove(ownSocket) }
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
  public func stop() {
    queue.sync {
      guard !stopped else { return }
      stopped = true
      if let ownSocket { ControlServer.remove(ownSocket) }
      if let acceptSource { acceptSource.cancel() } else { close(listening) }
      acceptSource = nil
      for connection in Array(connections.values) { connection.drop() }
      timer?.cancel()
      timer = nil
      if spare >= 0 { close(spare) }
      spare = -1
    }
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
    guard connections.count < limits.watchers + limits.others else {
      refuse(descriptor)
      return
    }
    connectionCount += 1
    let connection = WebConnection(number: connectionCount, descriptor: descriptor, server: self)
    connections[connection.number] = connection
    connection.start()
    if timer == nil { startTimer() }
  }

  private func refuse(_ descriptor: Int32) {
    let answer = WebAnswer.refusal(Self.full)
    _ = answer.withUnsafeBytes { clinux_socket_send(descriptor, $0.baseAddress, $0.count, -1) }
    close(descriptor)
  }

  /// Takes and refuses one connection with the descriptor kept for that.
  ///
  /// Otherwise the waiting connection would wake the source again and again. Returns whether that could be done.
  private func refuseWithSpare() -> Bool {
    guard spare >= 0 else { return false }
    close(spare)
    let descriptor = clinux_socket_accept(listening)
    if descriptor >= 0 { refuse(descriptor) }
    spare = clinux_spare_descriptor()
    return descriptor >= 0
  }

  static let full = WebRefusal(
    status: 503, sentence: "The web view has as many watchers as it takes; close some.")
  private static let silent = WebRefusal(
    status: 503, sentence: "The line loop does not answer; see the journal.")

  /// A connection is over.
  func forget(_ connection: WebConnection) {
    guard connections.removeValue(forKey: connection.number) != nil else { return }
    if connection.wants == .events { watchers -= 1 }
    if connections.isEmpty {
      timer?.cancel()
      timer = nil
    }
    followWhileNeeded()
  }

  /// Time limits, and what a full socket left over.
  private func startTimer() {
    let timer = DispatchSource.makeTimerSource(queue: queue)
    let pace = min(200, limits.stalledMilliseconds, limits.answerMilliseconds)
    timer.schedule(
      deadline: .now() + .milliseconds(pace), repeating: .milliseconds(pace),
      leeway: .milliseconds(pace / 4))
    timer.setEventHandler { @Sendable [weak self] in
      guard let self else { return }
      let now = ControlServer.milliseconds
      for connection in Array(connections.values) { connection.checkTime(now) }
    }
    self.timer = timer
    timer.activate()
  }

  // MARK: Answers

  /// A connection has a request.
  func received(_ request: WebRequest, on connection: WebConnection) {
    switch request.path {
    case "/": connection.finish(WebPage.answer())
    case "/events":
      guard watchers < limits.watchers else {
        connection.finish(WebAnswer.refusal(Self.full))
        return
      }
      watchers += 1
      connection.wants = .events
      connection.begin(WebAnswer.head(type: "text/event-stream", length: nil))
      news.forget()
      if follower == nil { followWhileNeeded() } else { status.look() }
    case "/health":
      connection.wants = .health
      if follower == nil { followWhileNeeded() } else { status.look() }
    case "/metrics":
      if let lastMetrics,
        ControlServer.milliseconds - lastMetrics.at < UInt64(limits.metricsMilliseconds)
      {
        connection.finish(Self.metricsAnswer(lastMetrics.text))
      } else {
        connection.wants = .metrics
        askMetrics()
      }
    default:
      connection.finish(
        WebAnswer.refusal(
          WebRefusal(
            status: 404, sentence: "There are /, /events, /health and /metrics here.")))
    }
  }

  /// A connection has waited too long for the loop.
  func answerIsLate(on connection: WebConnection) {
    connection.finish(WebAnswer.refusal(Self.silent))
  }

  private func followWhileNeeded() {
    let isNeeded = connections.values.contains { $0.wants == .events || $0.wants == .health }
    if isNeeded, follower == nil {
      follower = status.follow { [weak self] status in
        guard let self else { return }
        queue.async { self.tell(status) }
      }
    } else if !isNeeded, let follower {
      status.leave(follower)
      self.follower = nil
      news.forget()
    }
  }

  private func tell(_ status: StatusReply) {
    for connection in Array(connections.values) where connection.wants == .health {
      connection.finish(WebAnswer.whole("the line loop answers\n"))
    }
    guard watchers > 0, news.take(status, now: ControlServer.milliseconds) else { return }
    // One copy for all: an array is shared until somebody changes it, and nobody does.
    let event = Array("data: \(Wire.json(WebStatus(status)))\n\n".utf8)
    for connection in Array(connections.values) where connection.wants == .events {
      connection.event(event)
    }
  }

  private func askMetrics() {
    let now = ControlServer.milliseconds
    if let metricsAskedAt, now - metricsAskedAt < UInt64(limits.answerMilliseconds) { return }
    metricsAskedAt = now
    metrics { [weak self] text in
      guard let self else { return }
      queue.async {
        self.metricsAskedAt = nil
        self.lastMetrics = (text, ControlServer.milliseconds)
        let answer = Self.metricsAnswer(text)
        for connection in Array(self.connections.values) where connection.wants == .metrics {
          connection.finish(answer)
        }
      }
    }
  }

  private static func metricsAnswer(_ text: String) -> [UInt8] {
    WebAnswer.whole(type: "text/plain; version=0.0.4; charset=utf-8", text)
  }
}

/// What the page gets: the status with its details, and the words that go with it.
struct WebStatus: Encodable {
  private let status: StatusReply

  init(_ status: StatusReply) { self.status = status }

  private enum Key: String, CodingKey { case words }

  func encode(to encoder: any Encoder) throws {
    try status.encode(to: encoder)
    var fields = encoder.container(keyedBy: Key.self)
    try fields.encode(StatusWords(status), forKey: .words)
  }
}
