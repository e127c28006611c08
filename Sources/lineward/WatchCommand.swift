internal import ArgumentParser
internal import CLinux
internal import Control
internal import Glibc

/// `watch`.
struct Watch: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show the line live, full-screen, with keys to acknowledge alarms.",
    discussion: """
      On a terminal it is a full-screen view: the line's state and the next thing to do, batch, stations, \
      alarms, containment. Arrows or j and k select an alarm, a acknowledges it after a question, tab goes to the \
      next part, ? helps, q ends. No key releases or stops the line.

      Otherwise each change is a line, and with --json each is an object. On a terminal that \
      cannot place its cursor (TERM=dumb) each change is a line too. NO_COLOR is obeyed. When the daemon goes away, it is waited for.
      """)

  @OptionGroup var options: GlobalOptions

  /// The longest silence of a daemon that lives: it repeats the status every 5 s.
  private static let silenceMilliseconds = 15_000
  /// How long to wait between two attempts to connect again.
  private static let reconnectMilliseconds = 1000
  /// How long an acknowledgement may take; the view stands meanwhile.
  private static let answerMilliseconds = 5000

  private enum End: Error {
    /// The view was ended by a signal.
    case signal(Int32)
    /// The view was ended by a key, or its terminal is gone.
    case asked
  }

  func run() throws {
    var view: any StatusView =
      if options.json { JSONView() } else if Output.canPlaceCursor { ScreenView() } else {
        LinesView()
      }
    let signals = clinux_terminal_signal_descriptor()
    let inputs = signals < 0 ? signals : clinux_terminal_either(signals, view.keys)
    guard inputs >= 0 else {
      throw Failure.unreachable(
        "Signals and keys cannot be waited for: \(String(cString: strerror(-inputs))).")
    }
    defer {
      close(inputs)
      close(signals)
    }
    let wait = Wait(signals: signals, inputs: inputs)
    var wasConnected = false
    // The first connection has to come about: a wrong path is an error, not something to wait for.
    do {
      while true {
        do {
          try follow(&view, wait, wasConnected: &wasConnected)
        } catch let failure as Failure {
          guard wasConnected, failure.exit == .unreachable || failure.exit == .refused else {
            throw failure
          }
          view.lost(failure)
          try pause(&view, wait)
        }
      }
    } catch End.signal(let number) {
      view.end()
      if number != SIGINT { _ = clinux_terminal_obey_signal(number) }
    } catch End.asked {
      view.end()
    } catch {
      view.end()
      throw error
    }
  }

  /// What is waited for besides the daemon: signals, and keys where the view takes any.
  private struct Wait {
    var signals: Int32
    /// Readable when either has something.
    var inputs: Int32
  }

  /// Shows what one connection gives, until it ends.
  private func follow(
    _ view: inout any StatusView, _ wait: Wait, wasConnected: inout Bool
  ) throws {
    var client = try ControlClient(path: options.socketPath)
    try client.send(.watch(details: view.wantsDetails))
    var heardAt = Now.milliseconds
    while true {
      let left = Self.silenceMilliseconds - Int(Now.milliseconds - heardAt)
      switch try client.hear(
        as: StatusReply.self, milliseconds: max(0, min(left, view.tickMilliseconds)),
        or: wait.inputs)
      {
      case .line(.event(let status)):
        wasConnected = true
        heardAt = Now.milliseconds
        view.show(status)
      case .line(.final(.failure(let failure))): throw failure
      case .line: heardAt = Now.milliseconds
      case .woken: try obey(wait, &view)
      case .silence where left > 0: view.tick()
      case .silence:
        throw Failure.unreachable(
          "The daemon has said nothing for \(Self.silenceMilliseconds / 1000) s.")
      }
    }
  }

  private func pause(_ view: inout any StatusView, _ wait: Wait) throws {
    let end = Now.milliseconds + Int64(Self.reconnectMilliseconds)
    while true {
      let left = end - Now.milliseconds
      guard left > 0, clinux_socket_wait(wait.inputs, -1, 0, Int32(clamping: left)) != 0 else {
        return
      }
      try obey(wait, &view)
    }
  }

  private func obey(_ wait: Wait, _ view: inout any StatusView) throws {
    let number = clinux_terminal_next_signal(wait.signals)
    switch number {
    case ...0: break
    case SIGWINCH, SIGCONT: view.redraw()
    case SIGTSTP:
      view.suspend()
      _ = clinux_terminal_obey_signal(number)
      _ = clinux_terminal_block_signal(number)
      view.redraw()
    default: throw End.signal(number)
    }
    for action in view.takeKeys() {
      switch action {
      case .draw: break
      case .end: throw End.asked
      case .acknowledge(let id, let occurrence):
        view.said("Asking the daemon …")
        view.said(acknowledge(id, occurrence))
      }
    }
  }

  /// Acknowledges on a connection of its own, and gives what came of it, as a sentence.
  private func acknowledge(_ id: String, _ occurrence: UInt32) -> String {
    do throws(Failure) {
      var client = try ControlClient(path: options.socketPath)
      return try client.ask(
        .acknowledge(id: id, occurrence: occurrence, comment: nil), for: DoneReply.self,
        milliseconds: Self.answerMilliseconds
      ).message
    } catch {
      return "NOT acknowledged: " + ([error.message] + error.causes).joined(separator: " ")
    }
  }
}

/// A way to show a status that changes.
protocol StatusView {
  /// Where its keys come from; -1: it takes none.
  var keys: Int32 { get }
  /// Whether it shows alarms and cases too.
  var wantsDetails: Bool { get }
  /// How often it wants to draw anew without anything new.
  var tickMilliseconds: Int { get }
  /// Shows a new status.
  mutating func show(_ status: StatusReply)
  /// Says that the daemon is gone for now.
  mutating func lost(_ failure: Failure)
  /// Draws what goes on by itself.
  mutating func tick()
  /// Takes the keys that came, and gives what they ask for.
  mutating func takeKeys() -> [WatchScreen.Action]
  /// Shows what came of that.
  mutating func said(_ sentence: String)
  /// Draws anew what was last shown.
  mutating func redraw()
  /// Gives the terminal back for a while.
  mutating func suspend()
  /// Gives the terminal back for good.
  mutating func end()
}

/// A view that only writes.
extension StatusView {
  var keys: Int32 { -1 }
  var wantsDetails: Bool { false }
  var tickMilliseconds: Int { .max }
  func tick() {}
  func takeKeys() -> [WatchScreen.Action] { [] }
  func said(_ sentence: String) {}
  func redraw() {}
  func suspend() {}
  func end() {}
}

/// One JSON object for each event, as it comes.
struct JSONView: StatusView {
  private var isLost = false

  mutating func show(_ status: StatusReply) {
    isLost = false
    Output.lines([Wire.json(status)])
  }

  mutating func lost(_ failure: Failure) {
    if !isLost { Output.error([Render.json(failure)]) }
    isLost = true
  }
}

/// One line for each change.
struct LinesView: StatusView {
  private var last: StatusReply?
  private var isLost = false

  mutating func show(_ status: StatusReply) {
    guard status != last || isLost else { return }
    last = status
    isLost = false
    Output.lines(["\(Now.text)  \(Render().statusLine(status))"])
  }

  mutating func lost(_ failure: Failure) {
    if !isLost { Output.lines(["\(Now.text)  no connection: \(failure.message)"]) }
    isLost = true
  }
}

/// A view on the terminal's other screen, drawn over itself; the last status stays when it ends.
struct ScreenView: StatusView {
  /// Standard input, where that is a terminal.
  let keys: Int32 = isatty(STDIN_FILENO) == 1 ? STDIN_FILENO : -1
  let wantsDetails = true
  /// Clocks of cases go on.
  let tickMilliseconds = 1000

  private var screen = WatchScreen()
  private var decoder = KeyDecoder()
  private var last: StatusReply?
  private var lastAt = ""
  private var drawn = ""
  /// How the terminal took keys before; nil while it does as it did.
  private var before: termios?
  private var isOpen = false

  mutating func show(_ status: StatusReply) {
    last = status
    lastAt = Now.text
    screen.show(status, wall: String(lastAt.prefix(19)) + "Z", now: Now.milliseconds / 1000)
    draw()
  }

  mutating func lost(_ failure: Failure) {
    screen.lose(failure.message)
    draw()
  }

  mutating func tick() { draw() }

  mutating func said(_ sentence: String) {
    screen.said(sentence)
    draw()
  }

  mutating func takeKeys() -> [WatchScreen.Action] {
    guard keys >= 0, clinux_socket_wait(keys, -1, 0, 0) != 0 else { return [] }
    var buffer = [UInt8](repeating: 0, count: 256)
    let count = read(keys, &buffer, buffer.count)
    // The terminal is gone.
    guard count > 0 else { return count < 0 && errno == EINTR ? [] : [.end] }
    var pressed = decoder.take(buffer.prefix(count))
    if decoder.waits, clinux_socket_wait(keys, -1, 0, 50) == 0, let key = decoder.rest() {
      pressed.append(key)
    }
    var actions: [WatchScreen.Action] = []
    for key in pressed {
      let wasAsking = screen.question != nil
      actions.append(screen.press(key))
      // What was typed before the question could be read is no answer to it.
      if !wasAsking, screen.question != nil { break }
    }
    draw()
    return actions
  }

  mutating func redraw() {
    // The terminal may have been given to somebody else, or have another size.
    drawn = ""
    isOpen = false
    draw()
  }

  private mutating func draw() {
    var rows: Int32 = 24
    var columns: Int32 = 80
    if clinux_terminal_size(STDOUT_FILENO, &rows, &columns) < 0 || rows < 1 || columns < 1 {
      (rows, columns) = (24, 80)
    }
    var frame = ""
    if !isOpen {
      isOpen = true
      if keys >= 0 {
        var found = termios()
        if clinux_terminal_take_keys(keys, &found) == 0, before == nil { before = found }
      }
      // Other screen, no cursor, and no wrapping at the last column.
      frame = "\u{1B}[?1049h\u{1B}[?25l\u{1B}[?7l\u{1B}[2J"
    }
    let lines = screen.lines(
      rows: Int(rows), columns: Int(columns), colours: Output.hasColours,
      now: Now.milliseconds / 1000)
    let body = lines.map { $0 + "\u{1B}[K" }.joined(separator: "\r\n")
    guard body != drawn || !frame.isEmpty else { return }
    drawn = body
    Output.write(frame + "\u{1B}[H" + body + "\u{1B}[J", to: STDOUT_FILENO)
  }

  mutating func suspend() {
    if isOpen { Output.write("\u{1B}[?7h\u{1B}[?25h\u{1B}[?1049l", to: STDOUT_FILENO) }
    isOpen = false
    if var found = before { _ = clinux_terminal_give_back(keys, &found) }
    before = nil
  }

  mutating func end() {
    guard isOpen || before != nil else { return }
    suspend()
    guard let last else { return }
    Output.lines(Render(colours: Output.hasColours).status(last) + ["", "as of \(lastAt)"])
  }
}

/// The clocks.
enum Now {
  /// One that never goes back.
  static var milliseconds: Int64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
  }

  /// The wall clock, for lines that people read.
  static var text: String {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return WallTime.text(milliseconds: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
  }
}
