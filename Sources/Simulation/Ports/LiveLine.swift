internal import Glibc

/// The simulated line in real time: behind a Modbus TCP socket and a pseudo-terminal, moved on by one poll loop.
public final class LiveLine {
  /// The line itself.
  public private(set) var line: SimulatedLine
  /// The PLC's server.
  public let server: ModbusServer
  /// The scanner's terminal.
  public let scanner: ScannerPort
  /// The printer's controller, nil where it names nothing.
  public let printer: PrinterPort?
  /// So many serials are printed ahead of the reader.
  private let printedAhead: Int
  private var hasMoved = false
  /// How late answers are while `lateReplies` stands.
  public var lateReply: Nanoseconds = .milliseconds(700)

  /// Opens a port for the PLC and `DIRECTORY/camera-1` for the scanner.
  ///
  /// With `printedAhead` a printer names its serials on `DIRECTORY/print.sock`, so far ahead of the reader.
  public init(
    _ settings: SimulatedLine.Settings, seed: UInt64, directory: String, port: UInt16 = 0,
    printedAhead: Int? = nil, now: Nanoseconds
  ) throws(SystemFailure) {
    line = SimulatedLine(settings, seed: seed, now: now)
    server = try ModbusServer(port: port)
    scanner = try ScannerPort(path: directory + "/camera-1")
    printer = printedAhead.map { _ in PrinterPort(path: directory + "/print.sock") }
    self.printedAhead = printedAhead ?? 0
  }

  /// What to wait for.
  public var interests: [Interest] {
    server.interests + scanner.interests + (printer?.interests ?? [])
  }

  /// When `turn` has something to do even if nothing comes.
  public var nextEvent: Nanoseconds? {
    [line.nextEvent, server.nextEvent].compactMap { $0 }.min()
  }

  /// Everything that is due: telegrams, belt, scans, messages.
  public func turn(now: Nanoseconds) {
    for chunk in line.step(to: now) { scanner.say(chunk.bytes) }
    server.serve(&line.plc, now: now)
    scanner.serve()
    // The printer begins with the belt: before it no batch runs to which a serial could belong.
    if line.conveyor.isMoving { hasMoved = true }
    printer?.serve(
      line.printer.batch, upTo: hasMoved ? line.printer.printed + printedAhead : 0, now: now)
  }

  /// Whether new units come.
  public func setFed(_ isFed: Bool) { line.setFed(isFed) }

  /// Lets a unit be faulty.
  public func ask(for fault: UnitFault) { line.ask(for: fault) }

  /// Begins or ends a fault of the line; the daemon's own end is not this line's business.
  ///
  /// - Throws: when port or terminal cannot be opened again.
  public func set(_ fault: LineFault, _ stands: Bool, now: Nanoseconds) throws(SystemFailure) {
    switch fault {
    case .cableOut:
      line.setScannerConnected(!stands)
      if stands { scanner.unplug() } else { try scanner.plug() }
    case .plcLinkDrop:
      line.setLinkDisturbed(stands)
      try server.setMood(stands ? .refusing : .well)
    case .plcSilent:
      line.setLinkDisturbed(stands)
      try server.setMood(stands ? .silent : .well)
    case .lateReplies:
      line.setLinkDisturbed(stands)
      server.answerDelay = stands ? lateReply : 0
    case .plcRestart:
      line.setPower(!stands, now: now)
      try server.setMood(stands ? .refusing : .well)
    case .binFull: line.setInput(.binFull, stands)
    case .guardOpen: line.setInput(.guardOpen, stands)
    case .airLow: line.setInput(.airLow, stands)
    case .killDaemon: break
    }
  }
}
