internal import CModbus
internal import Glibc
internal import Line

/// Why a telegram or a connection failed, in words.
struct ModbusFailure: Error, Sendable, Hashable {
  /// What failed, where and how: "reading 10 registers from 100: Connection timed out".
  var text: String

  /// What a negative error number of a shim means.
  static func words(_ code: Int32) -> String {
    // libmodbus knows its own numbers (112345678 and up) and hands the rest to strerror.
    guard let text = modbus_strerror(code < 0 ? 0 &- code : code) else { return "error \(code)" }
    return String(cString: text)
  }
}

/// One Modbus TCP connection through libmodbus; freed, and its socket closed, when it ends.
///
/// Used by one thread. After any failure it has to be thrown away: an answer that comes late would stand before all
/// later ones. Each call ends within the time-out.
struct Modbus: ~Copyable {
  private let context: OpaquePointer
  private let unitID: UInt8
  /// The number of the last request; its answer bears the same.
  private var transaction: UInt16 = 0

  /// Speaks over `descriptor`, which must be connected and belongs to this value from here on.
  init(descriptor: Int32, unitID: UInt8, timeout: Instant.Span) throws(ModbusFailure) {
    var code: Int32 = 0
    let microseconds = UInt32(clamping: max(1000, timeout.nanoseconds / 1000))
    guard let context = cmodbus_tcp(descriptor, Int32(unitID), microseconds, &code) else {
      close(descriptor)
      throw ModbusFailure(text: "setting up Modbus: \(ModbusFailure.words(code))")
    }
    self.context = context
    self.unitID = unitID
  }

  deinit { cmodbus_end(context) }

  /// Function 3: reads registers.
  mutating func read(_ what: RegisterRead) throws(ModbusFailure) -> [UInt16] {
    transaction &+= 1
    var failed: Int32 = 0
    let words = [UInt16](unsafeUninitializedCapacity: what.count) { buffer, count in
      let done = cmodbus_read(
        context, transaction, unitID, UInt16(what.address), UInt16(what.count), buffer.baseAddress)
      // Exactly as many are filled as it says.
      count = max(0, Int(done))
      if done != what.count { failed = done }
    }
    if words.count != what.count {
      throw ModbusFailure(
        text: "reading \(what.count) registers from \(what.address): "
          + ModbusFailure.words(failed))
    }
    return words
  }

  /// Function 16: writes registers.
  mutating func write(_ what: RegisterWrite) throws(ModbusFailure) {
    transaction &+= 1
    let done = cmodbus_write(
      context, transaction, unitID, UInt16(what.address), UInt16(what.words.count), what.words)
    if done != what.words.count {
      throw ModbusFailure(
        text: "writing \(what.words.count) registers from \(what.address): "
          + ModbusFailure.words(done))
    }
  }
}
