/// The contract's registers, map version 1: where everything stands in a station's two blocks.
///
/// Holding registers, zero-based PDU addresses. The host block is ours, the PLC block the PLC's; both begin with a
/// header, followed by a ring of four-register slots (contract, "Registers").
enum RegisterMap {
  /// The only map version that this program speaks.
  static let version: UInt16 = 1
  /// Registers of a header that mean something; they travel in one telegram.
  static let headerCount = 10
  /// Where a block's ring begins.
  static let ringOffset = 16
  /// Registers of a ring slot: sequence, unit, word, check.
  static let slotCount = 4
  /// Slots in one telegram at most: FC16 carries 123 registers, FC3 125 (Modbus Application Protocol V1.1b3, 6.3 and 6.12).
  static let slotsPerTelegramMax = 30
  /// Registers read in one telegram at most.
  static let readMax = 125
  /// Registers written in one telegram at most.
  static let writeMax = 123

  /// Offsets in the host block.
  enum Host {
    static let version = 0
    static let heartbeat = 1
    static let permit = 2
    static let stopReason = 3
    static let commandSequence = 4
    static let command = 5
    static let stackLight = 6
    static let alarmsUnacknowledged = 7
    static let outcomeRecorded = 8
    static let epoch = 9
  }

  /// Offsets in the PLC block.
  enum PLC {
    static let version = 0
    static let heartbeat = 1
    static let stateCurrent = 2
    static let permitObeyed = 3
    static let lastUnit = 4
    static let verdictTaken = 5
    static let inputs = 6
    static let packMLDone = 7
    static let outcomeWritten = 8
    static let epoch = 9
  }

  /// What a slot's fourth register must hold; a slot read half old, half new does not pass it (contract, "Rings").
  static func check(sequence: UInt16, unit: UInt16, word: UInt16, epoch: UInt16) -> UInt16 {
    3 &* sequence &+ 5 &* unit &+ 7 &* word &+ epoch &+ 0xA5A5
  }
}

/// One slot of a ring, verdict or outcome.
struct RingSlot: Sendable, Hashable {
  var sequence: UInt16
  var unit: UInt16
  var word: UInt16

  /// Makes a slot.
  init(sequence: UInt16, unit: UInt16, word: UInt16) {
    self.sequence = sequence
    self.unit = unit
    self.word = word
  }

  /// The slot that begins at `offset` of `words`; nil unless it holds `sequence` with the right check.
  ///
  /// Word 0 is neither verdict nor outcome: a zeroed slot whose first half is new already passes the check in one epoch of
  /// 65536.
  init?(_ words: [UInt16], at offset: Int, expecting sequence: UInt16, epoch: UInt16) {
    guard offset >= 0, offset + RegisterMap.slotCount <= words.count, words[offset] == sequence
    else { return nil }
    self.init(sequence: sequence, unit: words[offset + 1], word: words[offset + 2])
    guard word != 0, words[offset + 3] == check(epoch: epoch) else { return nil }
  }

  func check(epoch: UInt16) -> UInt16 {
    RegisterMap.check(sequence: sequence, unit: unit, word: word, epoch: epoch)
  }
}

/// Registers to write in one telegram.
public struct RegisterWrite: Sendable, Hashable {
  /// Zero-based PDU address of the first.
  public var address: Int
  /// 1 to 123 values.
  public var words: [UInt16]

  /// Makes a write.
  public init(address: Int, words: [UInt16]) {
    self.address = address
    self.words = words
  }
}

/// Registers to read in one telegram.
public struct RegisterRead: Sendable, Hashable {
  /// Zero-based PDU address of the first.
  public var address: Int
  /// How many, 1 to 125.
  public var count: Int

  /// Makes a read.
  public init(address: Int, count: Int) {
    self.address = address
    self.count = count
  }
}
