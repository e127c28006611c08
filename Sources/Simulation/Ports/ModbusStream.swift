/// One Modbus TCP connection's bytes, seen from the server: requests out of a stream, answers to them.
///
/// ```
///   transaction 2 | protocol 0 | length 2 | unit 1 | function 1 | data
/// ```
/// (MODBUS Messaging on TCP/IP Implementation Guide V1.0b, 3.1.3.) Bytes may come in any pieces. A header that cannot be
/// Modbus makes the stream broken for good: nobody can tell where the next request would begin.
public struct ModbusStream: Sendable {
  /// One request.
  public struct Request: Sendable, Hashable {
    /// Comes back in the answer.
    public var transaction: UInt16
    /// Comes back in the answer; this PLC listens to every one.
    public var unit: UInt8
    /// Function code and data, 1…253 bytes.
    public var pdu: [UInt8]

    /// Makes a request.
    public init(transaction: UInt16, unit: UInt8, pdu: [UInt8]) {
      self.transaction = transaction
      self.unit = unit
      self.pdu = pdu
    }
  }

  /// The stream's header was none of Modbus; close the connection.
  public private(set) var isBroken = false
  private var bytes: [UInt8] = []

  /// An empty stream.
  public init() {}

  /// Takes bytes as they came.
  public mutating func receive(_ more: some Sequence<UInt8>) { bytes += more }

  /// The next whole request; nil when more bytes are needed, or the stream is broken.
  public mutating func next() -> Request? {
    guard !isBroken, bytes.count >= 7 else { return nil }
    let length = Int(bytes[4]) << 8 | Int(bytes[5])
    // Unit id and at least a function; at most a PDU of 253 bytes.
    guard bytes[2] == 0, bytes[3] == 0, (2...254).contains(length) else {
      isBroken = true
      return nil
    }
    guard bytes.count >= 6 + length else { return nil }
    let request = Request(
      transaction: UInt16(bytes[0]) << 8 | UInt16(bytes[1]), unit: bytes[6],
      pdu: Array(bytes[7..<(6 + length)]))
    bytes.removeFirst(6 + length)
    return request
  }

  /// Carries a request out on a PLC.
  ///
  /// - Returns: the answer's bytes, header included; an exception where the PLC refuses.
  public static func answer(_ request: Request, _ plc: inout SimulatedPLC) -> [UInt8] {
    var pdu: [UInt8]
    do throws(SimulatedPLC.Refusal) {
      pdu = try carryOut(request.pdu, &plc)
    } catch {
      pdu = [(request.pdu.first ?? 0) | 0x80, error.rawValue]
    }
    let length = pdu.count + 1
    return [
      UInt8(request.transaction >> 8), UInt8(request.transaction & 0xFF), 0, 0,
      UInt8(length >> 8), UInt8(length & 0xFF), request.unit,
    ] + pdu
  }

  // MODBUS Application Protocol V1.1b3: 6.3, 6.6, 6.12 and 6.17.
  private static func carryOut(
    _ pdu: [UInt8], _ plc: inout SimulatedPLC
  ) throws(SimulatedPLC.Refusal) -> [UInt8] {
    func word(_ offset: Int) -> Int { Int(pdu[offset]) << 8 | Int(pdu[offset + 1]) }
    func words(_ offset: Int, _ count: Int) -> [UInt16] {
      (0..<count).map { UInt16(truncatingIfNeeded: word(offset + 2 * $0)) }
    }
    func reading(_ address: Int, _ count: Int) throws(SimulatedPLC.Refusal) -> [UInt8] {
      let values = try plc.read(address, count: count)
      return [UInt8(2 * values.count)] + values.flatMap { [UInt8($0 >> 8), UInt8($0 & 0xFF)] }
    }
    switch pdu.first {
    case 3:
      guard pdu.count == 5 else { throw .illegalValue }
      return try [3] + reading(word(1), word(3))
    case 6:
      guard pdu.count == 5 else { throw .illegalValue }
      try plc.write(word(1), words(3, 1))
      return pdu
    case 16:
      guard pdu.count >= 6, pdu.count == 6 + 2 * word(3), Int(pdu[5]) == 2 * word(3) else {
        throw .illegalValue
      }
      try plc.write(word(1), words(6, word(3)))
      return Array(pdu[0..<5])
    case 23:
      guard pdu.count >= 10, pdu.count == 10 + 2 * word(7), Int(pdu[9]) == 2 * word(7),
        word(7) <= 121
      else { throw .illegalValue }
      // The write comes before the read; but a read that would be refused must not leave a write behind.
      _ = try plc.read(word(1), count: word(3))
      try plc.write(word(5), words(10, word(7)))
      return try [23] + reading(word(1), word(3))
    default:
      throw .illegalFunction
    }
  }
}
