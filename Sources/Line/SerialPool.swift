internal import Synchronization

/// All serials of one batch, in memory and exact: open addressing over slots of 32 bytes.
///
/// A slot holds the serial (20 bytes, zero-padded; EU 2016/161 Art. 4 allows at most 20 characters), its
/// row in the batch's serial file, and one atomic word with its state. Slots are written once, while
/// one thread builds the pool; after that only the words change, by compare-and-swap, so that two
/// stations that read one serial at the same moment give one accept and one duplicate.
/// At a load of 0.74, with the four bytes that lead from a row to its slot, a serial costs 47 to 48 bytes.
/// At most 2³¹ - 1 serials.
@safe
public final class SerialPool: @unchecked Sendable {
  // Kept true by: `add` is called by one thread before the pool is shared; from then on serials and rows are
  // only read, and words go through `Atomic`.

  /// The most bytes a serial may have.
  public static let serialLengthMax = 20

  /// How many serials there are.
  public private(set) var count = 0
  /// How many serials there is room for.
  public let capacity: Int

  private let slots: UnsafeMutableRawPointer
  private let slotOfRow: UnsafeMutablePointer<UInt32>
  private let slotCount: Int

  private static let slotSize = 32
  private static let rowOffset = 20
  private static let wordOffset = 24

  /// What one serial is, packed into the atomic word.
  public struct Word: Sendable, Hashable {
    /// The bits: state 0-7, hold 8, station 16-23, unit 32-47.
    public var bits: UInt64

    /// Makes a word from its bits.
    @inlinable
    public init(bits: UInt64) { self.bits = bits }

    /// Makes a word; station and unit say to which unit the serial is reserved.
    @inlinable
    public init(state: SerialState, hold: Bool = false, station: UInt8 = 0, unit: UInt16 = 0) {
      bits =
        UInt64(state.rawValue) | (hold ? 0x100 : 0) | UInt64(station) << 16 | UInt64(unit) << 32
    }

    /// The state.
    @inlinable
    public var state: SerialState {
      SerialState(rawValue: UInt8(truncatingIfNeeded: bits)) ?? .inDoubt
    }
    /// Whether it is on hold, so that no station passes it.
    @inlinable
    public var hold: Bool { bits & 0x100 != 0 }
    /// The station of the unit it is reserved to.
    @inlinable
    public var station: UInt8 { UInt8(truncatingIfNeeded: bits >> 16) }
    /// The unit it is reserved to, 0 none.
    @inlinable
    public var unit: UInt16 { UInt16(truncatingIfNeeded: bits >> 32) }
  }

  /// Makes an empty pool with room for `capacity` serials.
  public init(capacity: Int) {
    precondition(
      capacity >= 0 && capacity <= Int(Int32.max), "a pool holds at most 2^31 - 1 serials")
    self.capacity = capacity
    slotCount = SerialPool.slotCount(capacity: capacity)
    let bytes = slotCount * SerialPool.slotSize
    unsafe slots = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 64)
    unsafe slots.initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
    unsafe slotOfRow = UnsafeMutablePointer<UInt32>.allocate(capacity: max(1, capacity))
  }

  /// Slots for so many serials: a load of 0.74 at most.
  static func slotCount(capacity: Int) -> Int { max(16, (capacity * 100 + 73) / 74) }

  /// Bytes of memory that a pool with room for so many serials takes.
  static func byteCount(capacity: Int) -> Int {
    slotCount(capacity: capacity) * slotSize + max(1, capacity) * MemoryLayout<UInt32>.size
  }

  deinit {
    unsafe slots.deallocate()
    unsafe slotOfRow.deallocate()
  }

  private struct Key {
    var low: UInt64
    var middle: UInt64
    var high: UInt32

    @inline(__always)
    init(_ serial: Swift.Span<UInt8>) {
      low = 0
      middle = 0
      high = 0
      let count = serial.count
      var index = 0
      while index < min(8, count) {
        low |= UInt64(serial[index]) << UInt64(index &* 8)
        index &+= 1
      }
      while index < min(16, count) {
        middle |= UInt64(serial[index]) << UInt64((index &- 8) &* 8)
        index &+= 1
      }
      while index < count {
        high |= UInt32(serial[index]) << UInt32((index &- 16) &* 8)
        index &+= 1
      }
    }

    /// A multiply-and-fold hash; fixed, so that the same inputs take the same way (law 8).
    @inline(__always)
    var hash: UInt64 {
      let first = (low ^ 0x9E37_79B9_7F4A_7C15).multipliedFullWidth(
        by: (middle ^ 0xD1B5_4A32_D192_ED03) | 1)
      let mixed = first.high ^ first.low ^ (low &* 0xA076_1D64_78BD_642F) ^ UInt64(high)
      let second = (mixed ^ 0xE703_7ED1_A0B4_28DB).multipliedFullWidth(by: 0x8EBC_6AF0_9C88_C6E3)
      return second.high ^ second.low
    }
  }

  @inline(__always)
  private func place(_ key: Key) -> Int {
    Int(key.hash.multipliedFullWidth(by: UInt64(slotCount)).high)
  }

  @inline(__always)
  private func word(slot: Int) -> UnsafeMutablePointer<Atomic<UInt64>> {
    unsafe (slots + slot * SerialPool.slotSize + SerialPool.wordOffset)
      .assumingMemoryBound(to: Atomic<UInt64>.self)
  }

  @inline(__always)
  private func rawWord(slot: Int) -> UInt64 {
    unsafe word(slot: slot).pointee.load(ordering: .acquiring)
  }

  @inline(__always)
  private func holds(_ slot: Int, _ key: Key) -> Bool {
    let base = unsafe slots + slot * SerialPool.slotSize
    return unsafe base.load(as: UInt64.self) == key.low
      && base.load(fromByteOffset: 8, as: UInt64.self) == key.middle
      && base.load(fromByteOffset: 16, as: UInt32.self) == key.high
  }

  /// Adds a serial and returns its row, or nil when the same serial is there already.
  ///
  /// Only before the pool is shared, and by one thread. The serial has 1 to 20 bytes, none of them zero.
  public func add(
    _ serial: Swift.Span<UInt8>, as word: Word = Word(state: .allocated)
  ) -> Int32? {
    precondition(serial.count >= 1 && serial.count <= SerialPool.serialLengthMax)
    precondition(count < capacity, "the pool is full")
    let key = Key(serial)
    return insert(key, at: place(key), word)
  }

  @inline(__always)
  private func insert(_ key: Key, at place: Int, _ word: Word) -> Int32? {
    var slot = place
    while rawWord(slot: slot) != 0 {
      if holds(slot, key) { return nil }
      slot = slot &+ 1 == slotCount ? 0 : slot &+ 1
    }
    let base = unsafe slots + slot * SerialPool.slotSize
    unsafe base.storeBytes(of: key.low, as: UInt64.self)
    unsafe base.storeBytes(of: key.middle, toByteOffset: 8, as: UInt64.self)
    unsafe base.storeBytes(of: key.high, toByteOffset: 16, as: UInt32.self)
    unsafe base.storeBytes(
      of: UInt32(count), toByteOffset: SerialPool.rowOffset, as: UInt32.self)
    unsafe self.word(slot: slot).pointee.store(word.bits, ordering: .releasing)
    unsafe slotOfRow[count] = UInt32(slot)
    defer { count += 1 }
    return Int32(count)
  }

  /// Begins to add many serials; only before the pool is shared, and by one thread.
  public func filling() -> Filling { Filling(pool: self) }

  /// Serials on their way into the pool, in the order of their rows.
  ///
  /// A pool of millions is larger than any cache, and a serial's slot is anywhere in it: the slots of a few dozen serials
  /// are looked at together, so that the memory's answers come at the same time and not one after the other.
  public struct Filling {
    private static let width = 32
    private let pool: SerialPool
    private var keys: [Key] = []
    private var places: [Int] = []
    private var words: [Word] = []
    private var isUnique = true

    fileprivate init(pool: SerialPool) {
      self.pool = pool
      keys.reserveCapacity(Filling.width)
      places.reserveCapacity(Filling.width)
      words.reserveCapacity(Filling.width)
    }

    /// Adds the next serial; false when one of the last was there already.
    @inline(__always)
    public mutating func add(_ serial: Swift.Span<UInt8>, as word: Word) -> Bool {
      precondition(serial.count >= 1 && serial.count <= SerialPool.serialLengthMax)
      precondition(pool.count + keys.count < pool.capacity, "the pool is full")
      let key = Key(serial)
      keys.append(key)
      places.append(pool.place(key))
      words.append(word)
      return keys.count < Filling.width || flush()
    }

    /// Adds what is still on its way; false when a serial was there already.
    public mutating func finish() -> Bool { flush() }

    private mutating func flush() -> Bool {
      // What they find is of no use yet; that they look is. An acquiring load is never left out.
      for place in places { _ = pool.rawWord(slot: place) }
      for index in keys.indices
      where pool.insert(keys[index], at: places[index], words[index]) == nil {
        isUnique = false
      }
      keys.removeAll(keepingCapacity: true)
      places.removeAll(keepingCapacity: true)
      words.removeAll(keepingCapacity: true)
      return isUnique
    }
  }

  /// Finds a serial and returns its row, or nil when it is not in the pool.
  public func row(of serial: Swift.Span<UInt8>) -> Int32? {
    // A slot is padded with zeros, so bytes that end in one would find the serial without it.
    guard serial.count >= 1 && serial.count <= SerialPool.serialLengthMax,
      serial[serial.count - 1] != 0
    else { return nil }
    let key = Key(serial)
    var slot = place(key)
    while rawWord(slot: slot) != 0 {
      if holds(slot, key) {
        return unsafe Int32(
          bitPattern: (slots + slot * SerialPool.slotSize).load(
            fromByteOffset: SerialPool.rowOffset, as: UInt32.self))
      }
      slot = slot &+ 1 == slotCount ? 0 : slot &+ 1
    }
    return nil
  }

  /// The word of the serial at `row`.
  public func word(at row: Int32) -> Word {
    precondition(row >= 0 && row < count, "no such row in the pool")
    return Word(bits: rawWord(slot: unsafe Int(slotOfRow[Int(row)])))
  }

  /// Changes the word at `row` from `expected` to `new`; false when it was another one by then.
  public func exchange(at row: Int32, expected: Word, new: Word) -> Bool {
    precondition(row >= 0 && row < count, "no such row in the pool")
    return unsafe word(slot: Int(slotOfRow[Int(row)])).pointee.compareExchange(
      expected: expected.bits, desired: new.bits, ordering: .acquiringAndReleasing
    ).exchanged
  }

  /// What the serials are, one byte each; may be taken beside a running line, and then shows each serial at some moment
  /// of the taking.
  ///
  /// Goes through the slots as they lie in memory, which is ten times faster than in the order of the rows.
  public func image() -> SerialImage {
    var image = SerialImage(bytes: [UInt8](repeating: 0, count: count), reserved: [:])
    for slot in 0..<slotCount {
      let bits = rawWord(slot: slot)
      guard bits != 0 else { continue }
      let row = unsafe (slots + slot * SerialPool.slotSize).load(
        fromByteOffset: SerialPool.rowOffset, as: Int32.self)
      let word = Word(bits: bits)
      image.bytes[Int(row)] = SerialImage.byte(word)
      if word.state == .encoded { image.reserved[row] = word }
    }
    return image
  }

  /// The serial at `row`.
  public func serial(at row: Int32) -> String {
    precondition(row >= 0 && row < count, "no such row in the pool")
    let base = unsafe slots + Int(slotOfRow[Int(row)]) * SerialPool.slotSize
    var text = ""
    for offset in 0..<SerialPool.serialLengthMax {
      let byte = unsafe base.load(fromByteOffset: offset, as: UInt8.self)
      if byte == 0 { break }
      text.unicodeScalars.append(Unicode.Scalar(byte))
    }
    return text
  }
}
