internal import Line

/// Notices a scanner that sends the same read for ever: a code left in its view, or a reader that sends its buffer again.
///
/// Every pack has a serial of its own, so reads are not alike; a challenge test shows one a few times. No-reads are alike by
/// nature and have their own limit. Pure, and without a copy of a read longer than the first bytes: a hash stands for it.
struct RepeatWatch: Sendable {
  /// So many equal reads in a row are told.
  static let equalMax = 12

  private var hash: UInt64 = 0
  private var equal = 0
  private var beginning: [UInt8] = []
  private var standing = Standing()

  init() { beginning.reserveCapacity(64) }

  /// Takes a read.
  mutating func took(_ message: UnsafeRawBufferPointer) {
    // FNV-1a, with the length in it.
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325 ^ UInt64(message.count)
    for byte in message { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
    guard equal > 0, hash == self.hash else {
      self.hash = hash
      equal = 1
      beginning.removeAll(keepingCapacity: true)
      beginning.append(contentsOf: message.prefix(64))
      return
    }
    equal += 1
  }

  /// What is to be said now, nil nothing new.
  mutating func look(now: Instant) -> Standing.News? {
    let trouble =
      equal >= RepeatWatch.equalMax
      ? "sends the same read again and again, \(equal) times so far: \(printable(beginning))" : nil
    return standing.look(trouble, isOver: true, now: now)
  }

  /// The line was opened anew.
  mutating func reset() {
    equal = 0
    standing.reset()
  }
}
