internal import ArgumentParser
internal import CLinux
internal import Control
internal import Glibc

/// `watch`.
struct Watch: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show the status live, until ^C.",
    discussion: """
      On a terminal the view is redrawn; otherwise each change is a line, and with --json each is an \
      object. When the daemon goes away, it is waited for.
      """)

  @OptionGroup var options: GlobalOptions

  /// The longest silence of a daemon that lives: it repeats the status every 5 s.
  private static let silenceMilliseconds = 15_000
  /// How long to wait between two attempts to connect again.
  private static let reconnectMilliseconds: Int32 = 1000

  private enum End: Error {
    /// The view was ended by a signal; 0 when nothing more is to be done with it.
    case signal(Int32)
  }

  func run() throws {
    var view: any StatusView =
      if options.json { JSONView() } else if Output.isTerminal { ScreenView() } else {
        LinesView()
      }
    let signals = clinux_terminal_signal_descriptor()
    guard signals >= 0 else {
      throw Failure.unreachable(
        "Signals cannot be waited for: \(String(cString: strerror(-signals))).")
    }
    defer { close(signals) }
    var wasConnected = false
    // The first connection has to come about: a wrong path is an error, not something to wait for.
    do {
      while true {
        do {
          try follow(&view, signals: signals, wasConnected: &wasConnected)
        } catch let failure as Failure {
          guard wasConnected, failure.exit == .unreachable || failure.exit == .refused else {
            throw failure
          }
          view.lost(failure)
          try pause(&view, signals: signals)
        }
      }
    } catch End.signal(let number) {
      view.end()
      if number != SIGINT { _ = clinux_terminal_obey_signal(number) }
    } catch {
      view.end()
      throw error
    }
  }

  /// Shows what one connection gives, until it ends.
  private func follow(
    _ view: inout any StatusView, signals: Int32, wasConnected: inout Bool
  ) throws {
    var client = try ControlClient(path: options.socketPath)
    try client.send(.watch(details: true))
    while true {
      switch try client.hear(
        as: StatusReply.self, milliseconds: Self.silenceMilliseconds, or: signals)
      {
      case .line(.event(let status)):
        wasConnected = true
        view.show(status)
      case .line(.final(.failure(let failure))): throw failure
      case .line: continue
      case .woken: try obey(signals, &view)
      case .silence:
        throw Failure.unreachable(
          "The daemon has said nothing for \(Self.silenceMilliseconds / 1000) s.")
      }
    }
  }

  private func pause(_ view: inout any StatusView, signals: Int32) throws {
    if clinux_socket_wait(signals, -1, 0, Self.reconnectMilliseconds) != 0 {
      try obey(signals, &view)
    }
  }

  private func obey(_ signals: Int32, _ view: inout any StatusView) throws {
    let number = clinux_terminal_next_signal(signals)
    switch number {
    case ...0: return
    case SIGWINCH: view.redraw()
    case SIGTSTP:
      view.suspend()
      _ = clinux_terminal_obey_signal(number)
      _ = clinux_terminal_block_signal(number)
      view.redraw()
    default: throw End.signal(number)
    }
  }
}

/// A way to show a status that changes.
protocol StatusView {
  /// Shows a new status.
  mutating func show(_ status: StatusReply)
  /// Says that the daemon is gone for now.
  mutating func lost(_ failure: Failure)
  /// Draws anew what was last shown.
  mutating func redraw()
  /// Gives the terminal back for a while.
  mutating func suspend()
  /// Gives the terminal back for good.
  mutating func end()
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

  func redraw() {}
  func suspend() {}
  func end() {}
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

  func redraw() {}
  func suspend() {}
  func end() {}
}

/// A view on the terminal's other screen, drawn over itself; the last one stays when it ends.
struct ScreenView: StatusView {
  private var lines: [String] = []
  private var foot = ""
  private var isOpen = false

  mutating func show(_ status: StatusReply) {
    lines = Render(colours: Output.hasColours).status(status)
    foot = "\(Now.text)  ^C ends"
    redraw()
  }

  mutating func lost(_ failure: Failure) {
    foot = "\(Now.text)  NO CONNECTION, what stands above is old. \(Plain.text(failure.message))"
    redraw()
  }

  mutating func redraw() {
    var rows: Int32 = 24
    var columns: Int32 = 80
    _ = clinux_terminal_size(STDOUT_FILENO, &rows, &columns)
    // Other screen, no cursor, and no wrapping: what is too wide is cut off by the terminal.
    var frame = isOpen ? "" : "\u{1B}[?1049h\u{1B}[?25l\u{1B}[?7l"
    isOpen = true
    frame += "\u{1B}[H"
    for line in lines.prefix(max(1, Int(rows) - 2)) { frame += line + "\u{1B}[0m\u{1B}[K\r\n" }
    frame += "\u{1B}[K\r\n" + foot + "\u{1B}[K\u{1B}[J"
    Output.write(frame, to: STDOUT_FILENO)
  }

  mutating func suspend() {
    if isOpen { Output.write("\u{1B}[?7h\u{1B}[?25h\u{1B}[?1049l", to: STDOUT_FILENO) }
    isOpen = false
  }

  mutating func end() {
    guard isOpen else { return }
    suspend()
    Output.lines(lines + ["", foot])
  }
}

/// The wall clock, for lines that people read.
enum Now {
  static var text: String {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return WallTime.text(milliseconds: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
  }
}
