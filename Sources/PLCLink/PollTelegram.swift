/// One telegram of a poll: the PLC headers of as many stations as it can bring.
struct PollTelegram: Sendable, Hashable {
  var read: RegisterRead
  /// Positions of the stations among those of the PLC.
  var sessions: [Int]

  /// The part of what was read that another read would bring; nil when it is not all there.
  func part(_ wanted: RegisterRead, of words: [UInt16]) -> [UInt16]? {
    let first = wanted.address - read.address
    guard first >= 0, first + wanted.count <= words.count else { return nil }
    return Array(words[first..<(first + wanted.count)])
  }

  /// The fewest telegrams that bring all stations' headers.
  ///
  /// A telegram reads across a gap only where every register in it belongs to a block of ours: a PLC may refuse others. With
  /// `wholeBlocks` a ring that fits in comes along, and its outcomes need no telegram of their own; on a serial line its
  /// registers would cost more than that.
  static func plan(_ blocks: [BlockSession.Settings], wholeBlocks: Bool) -> [PollTelegram] {
    let owned = blocks.flatMap {
      [
        $0.hostBase..<($0.hostBase + $0.hostBlock.count),
        $0.plcBase..<($0.plcBase + $0.hostBlock.count),
      ]
    }
    var telegrams: [PollTelegram] = []
    for (position, block) in blocks.enumerated().sorted(by: {
      $0.element.plcBase < $1.element.plcBase
    }) {
      let end = block.plcBase + RegisterMap.headerCount
      if let last = telegrams.indices.last {
        let begin = telegrams[last].read.address
        let isOurs = (begin..<end).allSatisfy { register in
          owned.contains { $0.contains(register) }
        }
        if end - begin <= RegisterMap.readMax, isOurs {
          telegrams[last].read.count = end - begin
          telegrams[last].sessions.append(position)
          continue
        }
      }
      telegrams.append(
        PollTelegram(
          read: RegisterRead(address: block.plcBase, count: RegisterMap.headerCount),
          sessions: [position]))
    }
    guard wholeBlocks else { return telegrams }
    return telegrams.map { telegram in
      var whole = telegram
      for position in telegram.sessions {
        let end = blocks[position].plcBase + blocks[position].hostBlock.count
        let count = end - telegram.read.address
        if count <= RegisterMap.readMax { whole.read.count = max(whole.read.count, count) }
      }
      return whole
    }
  }
}
