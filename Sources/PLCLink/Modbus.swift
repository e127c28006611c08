internal import CModbus
internal import Glibc
internal import Line

/// Why a telegram or a connection failed, in words.
struct ModbusFailure: Error, Sendable, Hashable {
  /// What failed, where and how: "reading 10 registers from 100: Connection timed out".
  var text: String
  /// Whether the connection itself is gone, rather than an answer missing or wrong.
  var isOfConnection = false
  /// Whether it is a Modbus exception: the PLC is there, and refuses.
  var isException = false

  /// What a negative error number of a shim means.
  static func words(_ code: Int32) -> String {
    let number = code < 0 ? 0 &- code : code
    switch number {
    case Int32(CMODBUS_EUNASKED): return "a whole answer came that nobody had asked for"
    case Int32(CMODBUS_EBABBLE):
      return "the line is never silent: another master, or noise; check wiring and termination"
    case Int32(CMODBUS_ETORN): return "the answer broke off"
    case Int32(CMODBUS_EECHO):
      return "our own bytes came back: the adapter echoes, so write echo = true"
    case Int32(CMODBUS_ENOECHO):
      return "our own bytes did not come back as sent: another one spoke, or the adapter does not "
        + "echo and echo = true is wrong"
    case Int32(CMODBUS_ETAKEN): return "another process has the port"
    case Int32(CMODBUS_ERS485):
      return "the port's driver cannot switch an RS-485 transceiver; if the adapter does it by "
        + "itself, write rs485 = \"adapter\""
    default:
      // libmodbus knows its own numbers (112345678 and up) and hands the rest to strerror.
      guard let text = modbus_strerror(number) else { return "error \(code)" }
      return String(cString: text)
    }
  }
}

/// One Modbus connection, TCP or a serial port; closed when it ends.
///
/// Used by one thread. After a failure over TCP it has to be thrown away: an answer that comes late would stand before all
/// later ones. A serial port has to be left alone until the slave's worst reply time is over, and then be flushed. Each call
/// ends within its time-out.
struct Modbus: ~Copyable {
  private var line: cmodbus_line
  /// Whether several slaves share it, so that one's failure is not the end of the others.
  let isBus: Bool

  /// Speaks TCP over `descriptor`, which must be connected and belongs to this value from here on.
  init(descriptor: Int32, unitID: UInt8, timeout: Instant.Span) throws(ModbusFailure) {
    var code: Int32 = 0
    let microseconds = UInt32(clamping: max(1000, timeout.nanoseconds / 1000))
    guard let context = cmodbus_tcp(descriptor, Int32(unitID), microseconds, &code) else {
      close(descriptor)
      throw ModbusFailure(text: "setting up Modbus: \(ModbusFailure.words(code))")
    }
    line = cmodbus_line()
    line.tcp = context
    isBus = false
  }

  /// Opens and takes a serial port.
  init(_ serial: PLCLink.SerialLine, descriptorLimit: Int32) throws(ModbusFailure) {
    var port = cmodbus_port()
    port.baud = serial.baud
    port.parity = CChar(bitPattern: serial.parity.letter)
    port.stop_bits = Int32(serial.stopBits)
    switch serial.transceiver {
    case .adapter: port.rs485 = 0
    case .rtsHigh: port.rs485 = 1
    case .rtsLow: port.rs485 = 2
    }
    port.rts_before_ms = serial.rtsBefore
    port.rts_after_ms = serial.rtsAfter
    let descriptor = serial.device.withCString { path in
      port.path = path
      return cmodbus_port_open(&port, descriptorLimit)
    }
    guard descriptor >= 0 else {
      throw ModbusFailure(
        text: "opening \(serial.device): \(ModbusFailure.words(descriptor))", isOfConnection: true)
    }
    line = cmodbus_line()
    line.bus.descriptor = descriptor
    line.bus.silence_ns = serial.silenceBetweenFrames.nanoseconds
    line.bus.byte_timeout_ns = serial.byteTimeout.nanoseconds
    line.bus.echo = serial.echoes ? 1 : 0
    line.bus.active_at = cmodbus_now()
    isBus = true
  }

  deinit {
    var line = line
    cmodbus_end(&line)
  }

  /// Bytes on a serial line that belonged to no answer.
  var strays: UInt64 { line.bus.strays }

  /// Throws away what stands in a serial port; nothing more may be under way.
  mutating func flush() { if isBus { cmodbus_bus_flush(&line.bus) } }

  /// Function 3: reads registers.
  mutating func read(
    _ what: RegisterRead, unitID: UInt8, timeout: Instant.Span
  ) throws(ModbusFailure) -> [UInt16] {
    var failed: Int32 = 0
    let words = [UInt16](unsafeUninitializedCapacity: what.count) { buffer, count in
      let done = cmodbus_read(
        &line, unitID, UInt16(what.address), UInt16(what.count), buffer.baseAddress,
        timeout.nanoseconds)
      // Exactly as many are filled as it says.
      count = max(0, Int(done))
      if done != what.count { failed = done }
    }
    if words.count != what.count {
      throw failure("reading \(what.count) registers from \(what.address)", unitID, failed)
    }
    return words
  }

  /// Function 16: writes registers.
  mutating func write(
    _ what: RegisterWrite, unitID: UInt8, timeout: Instant.Span
  ) throws(ModbusFailure) {
    let done = cmodbus_write(
      &line, unitID, UInt16(what.address), UInt16(what.words.count), what.words,
      timeout.nanoseconds)
    if done != what.words.count {
      throw failure("writing \(what.words.count) registers from \(what.address)", unitID, done)
    }
  }

  /// Function 1: reads one coil.
  mutating func readCoil(
    _ address: UInt16, unitID: UInt8, timeout: Instant.Span
  ) throws(ModbusFailure) -> Bool {
    let done = cmodbus_read_coil(&line, unitID, address, timeout.nanoseconds)
    if done < 0 { throw failure("reading coil \(address)", unitID, done) }
    return done == 1
  }

  /// Function 5: writes one coil.
  mutating func writeCoil(
    _ address: UInt16, _ value: Bool, unitID: UInt8, timeout: Instant.Span
  ) throws(ModbusFailure) {
    let done = cmodbus_write_coil(&line, unitID, address, value ? 1 : 0, timeout.nanoseconds)
    if done < 0 { throw failure("writing coil \(address)", unitID, done) }
  }

  private func failure(_ what: String, _ unitID: UInt8, _ code: Int32) -> ModbusFailure {
    let gone = [EIO, ENXIO, ENODEV, EBADF, EPIPE].contains(0 &- code)
    let whom = isBus ? " of unit \(unitID)" : ""
    return ModbusFailure(
      text: "\(what)\(whom): \(ModbusFailure.words(code))", isOfConnection: !isBus || gone,
      isException: (1...11).contains((0 &- code) - Int32(MODBUS_ENOBASE)))
  }
}
