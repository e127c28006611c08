internal import CLinux
internal import Glibc
internal import Line
internal import Threads

/// One scanner: its line or connection, what makes messages of it, and who watches it.
///
/// ```
///           opened, or somebody connected          set up           a message or heartbeat
///  closed ───────────────────────────► settingUp ────────► silent ─────────────────────► online
///    │  └──► connecting ──── it stands ────▲   │              │ (skipped without heartbeat)  │
///    ▲            │ refused, or too long       │ no answer    │ nothing came                 │ hung up, silent
///    └────────────┴────────────────────────────┴──────────────┴──────────────────────────────┘
/// ```
///
/// Only `online` is told as such. What is sent to a scanner stands in its settings; nothing that it sent ever goes back to it,
/// because to some of them a read is a command. Touched by the bank's thread only.
final class ScannerPort {
  /// Where a port tells what it has.
  struct Outlet {
    /// False when there was no room.
    var push: (ScannerEvent, Instant, UnsafeRawBufferPointer) -> Bool
    var publish: (ScannerBank.Health) -> Void
    var wake: () -> Void
  }

  private enum Stage {
    case closed
    case connecting(Int32, until: Instant)
    case settingUp(Int32)
    case silent(Int32, since: Instant)
    /// Its decoder knows an obstacle.
    case unbelieved(Int32)
    case online(Int32)
  }

  /// A scanner that is there answers a connection at once; one whose plug is out never does.
  private static let connectLongest = Instant.Span.milliseconds(3000)

  private let scanner: ScannerBank.Scanner
  private let outlet: Outlet
  /// Between two connections that we begin; a device path is looked at with every tick.
  private let connectEvery: Instant.Span
  private var decoder: any ScannerDecoder
  /// Of the decoders that earlier openings had.
  private var faultsBefore = ScannerFaults()
  /// Which device is this scanner's, by what is plugged in; nil: it has none.
  private var choice: DeviceChoice?
  /// Why not everything that is plugged in may be known.
  private var missing = ""
  private var openedPath = ""
  private var stage = Stage.closed
  /// The listening socket, -1 none.
  private(set) var listening: Int32 = -1
  /// The process has no descriptor left for who wants in: asked again at the next tick, not at once for ever.
  private(set) var cannotAccept = false
  private var connectAt = Instant(nanoseconds: 0)
  private var setup: ScannerSetup
  /// Who wants to know what a trigger brings, and what it has brought.
  private var triggered:
    (
      until: Instant, brought: ScannerBank.Triggered?,
      ended: @Sendable (ScannerBank.Triggered) -> Void
    )?
  /// Characters that the driver had lost before; nil where it does not count.
  private var lostBefore: Int64?
  /// Messages in a read in which characters were lost: which of them is hurt is not known.
  private var droppedForLoss: UInt64 = 0
  /// Reads that came while it was being set up.
  private var droppedEarly: UInt64 = 0
  private var lastAt = Instant(nanoseconds: 0)
  private var framingWatch: FramingWatch?
  private var habitWatch = HabitWatch()
  private var repeatWatch = RepeatWatch()
  private var rate = ReadRate()
  private var health = ScannerBank.Health()
  /// What was told to the loop last, so that it is told once.
  private var told: String?
  /// News that found the ring full; without it the loop would believe in a scanner that is gone.
  private var owed: (event: ScannerEvent, reason: String)?

  init(_ scanner: ScannerBank.Scanner, connectEvery: Instant.Span, outlet: Outlet) {
    self.scanner = scanner
    self.outlet = outlet
    self.connectEvery = connectEvery
    decoder = scanner.makeDecoder()
    setup = ScannerSetup(scanner.talk)
    framingWatch = scanner.framing.map { FramingWatch($0) }
  }

  // MARK: What the bank waits for

  /// The line or connection, -1 none.
  var descriptor: Int32 {
    switch stage {
    case .closed: -1
    case .connecting(let descriptor, _), .settingUp(let descriptor), .silent(let descriptor, _),
      .unbelieved(let descriptor), .online(let descriptor):
      descriptor
    }
  }

  /// What poll(2) is to wait for on it.
  var events: Int16 {
    if case .connecting = stage { return Int16(POLLOUT) }
    return Int16(POLLIN)
  }

  /// When something is to be done before the next tick.
  var deadline: Instant? { decoder.deadline }

  /// Looks after everything that time brings; called with every retry.
  func tick(now: Instant) {
    if let owed { tell(owed.event, owed.reason) }
    cannotAccept = false
    endTrigger(now: now)
    switch stage {
    case .closed: open(now: now)
    case .connecting(_, let until):
      if now >= until { end("\(place) cannot be reached: nobody answers", now: now) }
    case .settingUp: goOn(now: now)
    case .silent(_, let since):
      if now - since >= scanner.talk.silence { end(silentReason, now: now) }
    case .unbelieved: pause(now: now)
    case .online:
      pause(now: now)
      if !scanner.talk.heartbeat.isEmpty, now - lastAt >= scanner.talk.silence {
        end(silentReason, now: now)
      }
    }
    watch(now: now)
    health.readsPerMinute = rate.perMinute(now: now)
    outlet.publish(health)
  }

  /// The descriptor is ready.
  func ready(_ revents: Int16, now: Instant) {
    switch stage {
    case .closed: break
    case .connecting(let descriptor, _):
      let code = clinux_tcp_connected(descriptor)
      if code == 0, revents & Int16(POLLOUT) != 0 {
        opened(descriptor, now: now)
      } else {
        end("\(place) cannot be reached: \(ScannerBank.words(-code))", now: now)
      }
    case .settingUp(let descriptor), .silent(let descriptor, _), .unbelieved(let descriptor),
      .online(let descriptor):
      read(descriptor, revents)
    }
  }

  /// Time has passed and nothing came: a pause may have ended a message.
  func advance(now: Instant) {
    guard let deadline = decoder.deadline, now >= deadline else { return }
    pause(now: now)
  }

  private func pause(now: Instant) {
    var came = 0
    decoder.advance(now: now) {
      take($0, now: now)
      came += 1
    }
    took(bytes: 0, messages: came, now: now)
  }

  /// Closes all; the scanner is told if it is to be.
  func close() {
    forgetTrigger("the daemon ends")
    if case .online(let descriptor) = stage, scanner.talk.triggersAtOpening,
      let off = trigger?.off, !off.isEmpty
    {
      _ = send(descriptor, off)
    }
    if descriptor >= 0 { Glibc.close(descriptor) }
    if listening >= 0 { Glibc.close(listening) }
    stage = .closed
    listening = -1
  }

  // MARK: Opening

  /// The scanner's path, match or address, as a person would name it.
  var place: String { scanner.way.place }

  private var silentReason: String {
    "nothing has come from \(place) for \(scanner.talk.silence.nanoseconds / 1_000_000) ms, not even its "
      + "heartbeat"
  }

  private func open(now: Instant) {
    switch scanner.way {
    case .device(_, _, let open):
      switch choice {
      case .refused(let refusal): tellOffline(refusal.sentence + missing)
      case .path(let path): openDevice(path, open, now: now)
      case .device(let device): openDevice(device.node, open, now: now)
      case nil: break
      }
    case .client(let host, let port):
      guard now >= connectAt else { return }
      connectAt = now + connectEvery
      var address = clinux_tcp_address()
      guard clinux_tcp_resolve(host, String(port), 1, &address, 1) == 1 else {
        tellOffline("\(host) is no address in digits; a name is not looked up")
        return
      }
      let descriptor = clinux_tcp_connect(&address, 1024)
      guard descriptor >= 0 else {
        tellOffline("\(place) cannot be reached: \(ScannerBank.words(-descriptor))")
        return
      }
      stage = .connecting(descriptor, until: now + ScannerPort.connectLongest)
    case .server(let address, let port, _):
      if listening < 0 {
        listening = clinux_listen_tcp(address, port)
        guard listening >= 0 else {
          tellOffline("nobody can listen on \(place): \(ScannerBank.words(-listening))")
          listening = -1
          return
        }
      }
      if told == nil { tellOffline("no scanner has connected to \(place)") }
    }
  }

  private func openDevice(
    _ path: String, _ open: (String) throws(OpeningProblem) -> OpenedDevice, now: Instant
  ) {
    do throws(OpeningProblem) {
      let device = try open(path)
      openedPath = path
      if let new = device.decoder {
        // What went wrong before stays counted.
        faultsBefore.add(decoder.faults)
        decoder = new
        // It counts what makes no message by itself, and the bytes of reports and key events say nothing.
        framingWatch = nil
      }
      opened(device.descriptor, now: now)
    } catch {
      tellOffline(error.sentence)
    }
  }

  /// What is plugged in has changed, and with it perhaps which device is this scanner's.
  ///
  /// One that is open and no longer the one to be read is closed.
  func take(_ choice: DeviceChoice, trouble: String?, now: Instant) {
    missing = trouble.map { "; \($0)" } ?? ""
    self.choice = choice
    guard descriptor >= 0 else { return }
    switch choice {
    case .path: break
    case .device(let device):
      if device.node != openedPath {
        end("\(openedPath) was left: \(place) is \(device.node) now", now: now)
      }
    case .refused(let refusal): end(refusal.sentence + missing, now: now)
    }
  }

  /// Somebody wants to connect: one scanner at a time, because two would mix their reads.
  func accept(now: Instant) {
    let connection = clinux_socket_accept(listening)
    guard connection >= 0 else {
      cannotAccept = connection != -EAGAIN
      return
    }
    guard case .closed = stage, mayConnect(connection) else {
      Glibc.close(connection)
      health.refused += 1
      outlet.publish(health)
      return
    }
    // A dead peer is found within 10 s, and then the next is let in.
    _ = clinux_listen_keep_alive(connection)
    opened(connection, now: now)
  }

  private func mayConnect(_ connection: Int32) -> Bool {
    guard case .server(_, _, let only?) = scanner.way else { return true }
    var address = clinux_tcp_address()
    return clinux_tcp_resolve(only, "0", 1, &address, 1) == 1
      && clinux_tcp_peer_is(connection, &address) == 1
  }

  private func opened(_ descriptor: Int32, now: Instant) {
    stage = .settingUp(descriptor)
    setup = ScannerSetup(scanner.talk)
    let lost = clinux_tty_lost(descriptor)
    lostBefore = lost < 0 ? nil : lost
    goOn(now: now)
  }

  /// Goes on with setting up, as far as it can now.
  private func goOn(now: Instant) {
    guard case .settingUp(let descriptor) = stage else { return }
    while true {
      switch setup.step(now: now) {
      case .wait: return
      case .failed(let sentence):
        end("\(place) was left: the scanner \(sentence)", now: now)
        return
      case .send(let bytes):
        guard sent(descriptor, bytes, now: now) else { return }
      case .done:
        if scanner.talk.triggersAtOpening {
          guard let trigger else {
            end(
              "\(place) was left: no report of it triggers it; leave trigger_at_opening out",
              now: now)
            return
          }
          guard sent(descriptor, trigger.on, now: now) else { return }
        }
        if let obstacle = decoder.obstacle {
          stage = .unbelieved(descriptor)
          tellOffline("\(place): \(obstacle)")
        } else if scanner.talk.heartbeat.isEmpty {
          cameOnline(descriptor, now: now)
        } else {
          stage = .silent(descriptor, since: now)
          if told == nil {
            tellOffline("nothing has come from \(place) yet; its heartbeat is awaited")
          }
        }
        return
      }
    }
  }

  private func cameOnline(_ descriptor: Int32, now: Instant) {
    stage = .online(descriptor)
    // The loop ends these alarms with the coming.
    framingWatch?.reset()
    habitWatch.reset()
    repeatWatch.reset()
    health.troubles = ScannerBank.Health.Troubles()
    told = nil
    lastAt = now
    health.onlineSince = now
    health.offlineReason = ""
    outlet.publish(health)
    tell(.online, "")
  }

  /// Sends as a whole, or ends the connection: commands are short, and a line that takes none of them is of no use.
  private func sent(_ descriptor: Int32, _ bytes: [UInt8], now: Instant) -> Bool {
    let code = bytes.isEmpty ? 0 : send(descriptor, bytes)
    if code < 0 {
      end("\(place) was lost: it takes no commands (\(ScannerBank.words(-code)))", now: now)
    }
    return code >= 0
  }

  private func send(_ descriptor: Int32, _ bytes: [UInt8]) -> Int32 {
    if case .device = scanner.way {
      let count = write(descriptor, bytes, bytes.count)
      return count < 0 ? -errno : count == bytes.count ? 0 : -EAGAIN
    }
    return clinux_tcp_send(descriptor, bytes, bytes.count)
  }

  // MARK: Triggering

  private var trigger: ScannerTrigger? { decoder.trigger ?? scanner.talk.trigger }

  /// Makes the scanner read once; `ended` is told once what came of it, and must not block.
  func trigger(
    until: Instant, now: Instant, ended: @escaping @Sendable (ScannerBank.Triggered) -> Void
  ) {
    guard triggered == nil else {
      ended(.failed("is being triggered already"))
      return
    }
    guard case .online(let descriptor) = stage else {
      ended(.failed("is not online: \(health.offlineReason)"))
      return
    }
    guard let trigger else {
      ended(.failed("has nothing that triggers it: no trigger_on, and no trigger report"))
      return
    }
    triggered = (until, nil, ended)
    _ = sent(descriptor, trigger.on, now: now)
  }

  /// Ends a trigger that has brought something, or whose time is over.
  private func endTrigger(now: Instant) {
    guard let triggered, triggered.brought != nil || now >= triggered.until else { return }
    self.triggered = nil
    // One that is triggered for as long as it is open goes on.
    if case .online(let descriptor) = stage, !scanner.talk.triggersAtOpening, let trigger {
      _ = sent(descriptor, trigger.off, now: now)
    }
    triggered.ended(triggered.brought ?? .nothing)
  }

  /// Nothing will come of it any more.
  private func forgetTrigger(_ reason: String) {
    guard let triggered else { return }
    self.triggered = nil
    triggered.ended(triggered.brought ?? .failed("was lost while it was triggered: \(reason)"))
  }

  // MARK: Reading

  /// A HID report is read as a whole or cut off: at most 16 KiB (HID_MAX_BUFFER_SIZE).
  private static let readSize = 16 << 10
  private var buffer = [UInt8](repeating: 0, count: ScannerPort.readSize)

  private func read(_ descriptor: Int32, _ revents: Int16) {
    // One read a turn: what is left is there at the next, and no scanner keeps the others waiting.
    let count = buffer.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress, $0.count) }
    let code = errno
    let now = Instant.now
    if count > 0 {
      let hasLost = noticeLoss(descriptor)
      var came = 0
      buffer.withUnsafeBytes { bytes in
        decoder.append(UnsafeRawBufferPointer(rebasing: bytes[..<count]), now: now) { message in
          if hasLost {
            droppedForLoss &+= 1
          } else {
            take(message, now: now)
            came += 1
          }
        }
      }
      if hasLost { decoder.lost(0) }
      took(bytes: count, messages: came, now: now)
      return
    }
    let isOver = revents & Int16(POLLHUP | POLLERR | POLLNVAL) != 0
    if count < 0, code == EAGAIN || code == EINTR, !isOver { return }
    let isClosed = count == 0 || code == EAGAIN
    var reason = isClosed ? "it hung up" : String(cString: strerror(code))
    if case .device = scanner.way {} else if isClosed { reason = "it closed the connection" }
    let node = openedPath.isEmpty || openedPath == place ? "" : " (\(openedPath))"
    end("\(place)\(node) was lost: \(reason)", now: now)
  }

  /// Whether characters were lost up to what was just read.
  private func noticeLoss(_ descriptor: Int32) -> Bool {
    guard let before = lostBefore else { return false }
    let lost = clinux_tty_lost(descriptor)
    guard lost > before else { return false }
    lostBefore = lost
    decoder.lost(UInt64(lost - before))
    return true
  }

  /// Takes a message without its framing.
  private func take(_ message: UnsafeRawBufferPointer, now: Instant) {
    lastAt = now
    let meaning = scanner.talk.meaning(of: message)
    if meaning == .heartbeat { health.heartbeatAt = now }
    if case .silent(let descriptor, _) = stage { cameOnline(descriptor, now: now) }
    if setup.answered(message, isAnswer: meaning == .answer) || meaning == .answer {
      health.answers += 1
      return
    }
    if meaning == .heartbeat { return }
    switch stage {
    case .unbelieved(let descriptor):
      // Its decoder hands on what it believes.
      cameOnline(descriptor, now: now)
    case .online: break
    default:
      // Before the scanner is there a read belongs to no unit.
      droppedEarly &+= 1
      return
    }
    // What finds no room is counted by the ring, and the loop raises the alarm.
    _ = outlet.push(.message, now, message)
    if triggered != nil, triggered?.brought == nil {
      triggered?.brought = meaning == .noRead ? .noRead(Array(message)) : .read(Array(message))
    }
    // The loop judges it while this thread goes on to what only watches.
    outlet.wake()
    health.messages += 1
    health.lastMessageAt = now
    rate.took(now: now)
    if meaning == .noRead {
      health.noReads += 1
    } else {
      habitWatch.took(message)
      repeatWatch.took(message)
    }
  }

  private func took(bytes: Int, messages: Int, now: Instant) {
    noteFaults()
    framingWatch?.took(
      bytes: bytes, messages: messages, hasPart: decoder.hasPart,
      spoiled: health.faults.framing.spoiled, now: now)
    outlet.publish(health)
    if messages > 0 {
      goOn(now: now)
      endTrigger(now: now)
    }
    believe(now: now)
  }

  /// Whether what comes may be believed may change with anything that comes.
  private func believe(now: Instant) {
    switch stage {
    case .unbelieved(let descriptor):
      if let obstacle = decoder.obstacle {
        tellOffline("\(place): \(obstacle)")
      } else {
        cameOnline(descriptor, now: now)
      }
    case .online(let descriptor):
      guard let obstacle = decoder.obstacle else { return }
      stage = .unbelieved(descriptor)
      tellOffline("\(place): \(obstacle)")
    default: break
    }
  }

  private func noteFaults() {
    health.faults = faultsBefore
    health.faults.add(decoder.faults)
    health.faults.framing.spoiled &+= droppedForLoss &+ droppedEarly
  }

  /// The line or connection is over; half a message is never joined with what comes after.
  private func end(_ reason: String, now: Instant) {
    if descriptor >= 0 { Glibc.close(descriptor) }
    stage = .closed
    connectAt = now + connectEvery
    forgetTrigger(reason)
    decoder.reset()
    noteFaults()
    outlet.publish(health)
    tellOffline(reason)
  }

  // MARK: Telling

  private func tellOffline(_ reason: String) {
    guard told != reason else { return }
    told = reason
    health.onlineSince = nil
    health.offlineReason = reason
    outlet.publish(health)
    tell(.offline, reason)
  }

  /// Says what the watchers have to say.
  private func watch(now: Instant) {
    guard case .online = stage else { return }
    // What is owed has to be told first, in the order in which it happened.
    if owed == nil, let news = framingWatch?.look(now: now) {
      report(news, \.unframed, begins: .unframed, ends: .framed)
    }
    if owed == nil, let news = habitWatch.look(now: now) {
      report(news, \.drifted, begins: .drifted, ends: .steady)
    }
    if owed == nil, let news = repeatWatch.look(now: now) {
      report(news, \.repeating, begins: .repeating, ends: .varying)
    }
  }

  private func report(
    _ news: Standing.News, _ trouble: WritableKeyPath<ScannerBank.Health.Troubles, String>,
    begins: ScannerEvent, ends: ScannerEvent
  ) {
    var sentence = ""
    if case .begins(let text) = news { sentence = text }
    health.troubles[keyPath: trouble] = sentence
    outlet.publish(health)
    tell(sentence.isEmpty ? ends : begins, sentence)
  }

  /// Bytes of a sentence in the ring: two devices and what tells them apart have room, a plug's own texts may not.
  private static let reasonLengthMax = 512

  /// Says something beside messages; if the ring is full, again at the next tick.
  private func tell(_ event: ScannerEvent, _ reason: String) {
    let bytes = utf8(of: reason, atMost: ScannerPort.reasonLengthMax)
    let isTold = bytes.withUnsafeBytes { outlet.push(event, Instant.now, $0) }
    owed = isTold ? nil : (event, reason)
    outlet.wake()
  }
}
