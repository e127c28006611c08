/// A station's two register blocks, as its PLC has them at this moment.
public struct RegistersReply: Sendable, Equatable, Codable {
  /// One register of a header.
  public struct Register: Sendable, Equatable, Codable {
    /// Zero-based address.
    public var address: Int
    /// What it means, as in `docs/registers.md`.
    public var name: String
    /// What it holds.
    public var value: Int

    /// Makes one.
    public init(address: Int, name: String, value: Int) {
      self.address = address
      self.name = name
      self.value = value
    }
  }

  /// One slot of a ring.
  public struct Slot: Sendable, Equatable, Codable {
    /// Zero-based address of its first register.
    public var address: Int
    /// Sequence.
    public var sequence: Int
    /// Unit.
    public var unit: Int
    /// Verdict in the host block, outcome in the PLC's.
    public var word: Int
    /// The check as it stands there.
    public var check: Int
    /// `ok`, `wrong` or `empty`: whether the check is right for the PLC's present epoch.
    public var state: String

    /// Makes one.
    public init(
      address: Int, sequence: Int, unit: Int, word: Int, check: Int, state: String
    ) {
      self.address = address
      self.sequence = sequence
      self.unit = unit
      self.word = word
      self.check = check
      self.state = state
    }
  }

  /// One block.
  public struct Block: Sendable, Equatable, Codable {
    /// The registers of its header.
    public var registers: [Register]
    /// Its ring.
    public var slots: [Slot]

    /// Makes one.
    public init(registers: [Register], slots: [Slot]) {
      self.registers = registers
      self.slots = slots
    }
  }

  /// The station's name.
  public var station: String
  /// Its PLC's name.
  public var plc: String
  /// When the blocks were read; null where the PLC could not be reached.
  public var at: String?
  /// What the daemon writes; null where the PLC could not be reached.
  public var hostBlock: Block?
  /// What the PLC writes; null where it could not be reached.
  public var plcBlock: Block?

  /// Makes a reply.
  public init(station: String, plc: String, at: String?, host: Block?, plcBlock: Block?) {
    self.station = station
    self.plc = plc
    self.at = host == nil ? nil : at
    hostBlock = host
    self.plcBlock = plcBlock
  }

  private enum CodingKeys: String, CodingKey {
    case station, plc, at
    case hostBlock = "host_block"
    case plcBlock = "plc_block"
  }

  /// Encodes every field, those without a value as null.
  public func encode(to encoder: any Encoder) throws {
    var fields = encoder.container(keyedBy: CodingKeys.self)
    try fields.encode(station, forKey: .station)
    try fields.encode(plc, forKey: .plc)
    try fields.encode(at, forKey: .at)
    try fields.encode(hostBlock, forKey: .hostBlock)
    try fields.encode(plcBlock, forKey: .plcBlock)
  }
}
