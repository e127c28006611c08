public import Line

/// Both blocks of a station as the PLC has them now, raw and as the contract reads them.
public struct StationRegisters: Sendable, Hashable {
  /// One register of a header.
  public struct Value: Sendable, Hashable {
    /// Its zero-based address.
    public var address: Int
    /// What it means, in the words of `docs/registers.md`.
    public var name: String
    /// What it holds.
    public var value: UInt16
  }

  /// One slot of a ring.
  public struct Slot: Sendable, Hashable {
    /// Address of its first register.
    public var address: Int
    /// Sequence, 0 none.
    public var sequence: UInt16
    /// Unit.
    public var unit: UInt16
    /// Verdict, or outcome.
    public var word: UInt16
    /// The check as it stands there.
    public var check: UInt16
    /// Whether that is right for the PLC's present epoch; nil for a slot of zeroes.
    public var isRight: Bool?
  }

  /// One block.
  public struct Block: Sendable, Hashable {
    /// The header's registers that mean something.
    public var header: [Value]
    /// The ring.
    public var slots: [Slot]
  }

  /// Index of the station in the line's list.
  public var station: UInt16
  /// When the blocks were read.
  public var at: Instant
  /// What the daemon writes; nil where the link is down.
  public var host: Block?
  /// What the PLC writes; nil where the link is down.
  public var plc: Block?

  /// The names of the headers' registers, as in `docs/registers.md`.
  static let hostNames = [
    "map version", "heartbeat", "run permit", "stop reason", "PackML command sequence",
    "PackML command", "stack light", "alarms unacknowledged", "last outcome recorded",
    "echo of the epoch",
  ]
  static let plcNames = [
    "map version", "heartbeat", "PackML StateCurrent", "permit obeyed", "last unit triggered",
    "last verdict taken", "input bits", "last PackML command done", "last outcome written", "epoch",
  ]

  init(station: UInt16, at: Instant, host: [UInt16], plc: [UInt16], blocks: BlockSession.Settings) {
    self.station = station
    self.at = at
    let epoch = plc[RegisterMap.PLC.epoch]
    self.host = StationRegisters.block(
      host, base: blocks.hostBase, names: StationRegisters.hostNames, epoch: epoch)
    self.plc = StationRegisters.block(
      plc, base: blocks.plcBase, names: StationRegisters.plcNames, epoch: epoch)
  }

  /// Of a station whose link is down nothing is known.
  init(station: UInt16, at: Instant) {
    self.station = station
    self.at = at
  }

  private static func block(
    _ words: [UInt16], base: Int, names: [String], epoch: UInt16
  ) -> Block {
    let header = names.enumerated().map { index, name in
      Value(address: base + index, name: name, value: words[index])
    }
    let ring = stride(from: RegisterMap.ringOffset, to: words.count, by: RegisterMap.slotCount)
    let slots = ring.map { offset in
      let slot = RingSlot(
        sequence: words[offset], unit: words[offset + 1], word: words[offset + 2])
      let check = words[offset + 3]
      let isEmpty = slot.sequence == 0 && slot.unit == 0 && slot.word == 0 && check == 0
      return Slot(
        address: base + offset, sequence: slot.sequence, unit: slot.unit, word: slot.word,
        check: check, isRight: isEmpty ? nil : check == slot.check(epoch: epoch))
    }
    return Block(header: header, slots: slots)
  }
}
