internal import CMemory
internal import Glibc
internal import Synchronization

/// All serials of one batch, in memory and exact: open addressing over slots of 32 bytes.
///
/// A slot holds the serial (20 bytes, zero-padded; EU 2016/161 Art. 4 allows at most 20 characters), its
/// row in the batch's serial file, and one atomic word with its state. Slots are written once, while
/// one thread builds the pool; after that only the words change, by compare-and-swap, so that two
/// stations that read one serial at the same moment give one accept and one duplicate.
/// At a load of 0.74, with the four bytes that lead from a row to its slot, a serial costs 47 to 48 bytes.
/// At most 2³¹ - 1 serials. Of the machine it knows one thing, that memory comes in pages: a large pool asks for huge ones,
/// which take half a hit's time away and change no answer.
@safe
public final class SerialPool: @unchecked Sendable {
  // Kept true by: `add` is called by one thread before the pool is shared; from then on serials and rows are
  // only read, and words go through `Atomic`.

  /// The most bytes a serial may have.
  public static let serialLengthMax = 20

  /// How many serials there are.
  public var count: Int { filled }
  /// How many serials there is room for.
  public let capacity: Int

  // Not public, so that the compiler sees all accesses and need not check each as it runs.
  private var filled = 0
  private let slots: UnsafeMutableRawPointer
  private let slotOfRow: UnsafeMutablePointer<UInt32>
  private let slotCount: Int
  /// The slots of the rows that were found last, by the lowest bits of the row: the row in the upper half, its slot in the
  /// lower.
  ///
  /// From its find to its unit's end a serial is asked for three times more, and in a large pool `slotOfRow` costs a look
  /// into memory each time. Any thread may write here, since every entry is right for as long as the pool lives.
  private let found: UnsafeMutablePointer<Atomic<UInt64>>
  private let foundMask: Int

  /// Rows remembered in `found`: more than units that are under way, and small beside a large pool.
  private static let foundMax = 4096
  private static let hugePage = 1 << 21
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
    unsafe slots = SerialPool.allocate(bytes)
    unsafe slots.initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
    unsafe slotOfRow = SerialPool.allocate(max(1, capacity) * MemoryLayout<UInt32>.size)
      .bindMemory(to: UInt32.self, capacity: max(1, capacity))
    var remembered = 1
    while remembered < min(capacity, SerialPool.foundMax) { remembered *= 2 }
    foundMask = remembered - 1
    unsafe found = .allocate(capacity: remembered)
    // No row is that high.
    for index in 0..<remembered { unsafe (found + index).initialize(to: Atomic(UInt64.max)) }
  }

  private static func allocate(_ byteCount: Int) -> UnsafeMutableRawPointer {
    guard byteCount >= hugePage else {
      return .allocate(byteCount: byteCount, alignment: 64)
    }
    let memory = UnsafeMutableRawPointer.allocate(
      byteCount: byteCount, alignment: hugePage)
    // A wish; a kernel that has none gives small ones.
    unsafe madvise(memory, byteCount, MADV_HUGEPAGE)
    return unsafe memory
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
    unsafe found.deallocate()
  }

  private struct Key {
    var low: UInt64
    var middle: UInt64
    var high: UInt32

    @inline(__always)
    init(_ serial: Swift.Span<UInt8>) {
      low = Key.part(serial, from: 0)
      middle = Key.part(serial, from: 8)
      high = UInt32(truncatingIfNeeded: Key.part(serial, from: 16))
    }

    /// The eight bytes from `start` on, the first one lowest, zeros after the serial's end.
    @inline(__always)
    private static func part(_ serial: Swift.Span<UInt8>, from start: Int) -> UInt64 {
      let left = serial.count &- start
      if left <= 0 { return 0 }
      if serial.count >= 8 {
        // The eight that end with the serial, where there are no eight more.
        let offset = left >= 8 ? start : serial.count &- 8
        let bytes = unsafe serial.bytes.unsafeLoadUnaligned(
          fromByteOffset: offset, as: UInt64.self)
        return UInt64(littleEndian: bytes) &>> UInt64((start &- offset) &* 8)
      }
      var part: UInt64 = 0
      for index in 0..<serial.count { part |= UInt64(serial[index]) &<< UInt64(index &* 8) }
      return part
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
    defer { filled += 1 }
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

  /// What is known of a serial that was found.
  public struct Hit: Sendable, Hashable {
    /// Its row.
    public var row: Int32
    /// Its word, as it was when it was found.
    public var word: Word
  }

  /// Finds a serial, or nil when it is not in the pool.
  public func find(_ serial: Swift.Span<UInt8>) -> Hit? {
    // A slot is padded with zeros, so bytes that end in one would find the serial without it.
    guard serial.count >= 1 && serial.count <= SerialPool.serialLengthMax,
      serial[serial.count - 1] != 0
    else { return nil }
    let key = Key(serial)
    var slot = place(key)
    while true {
      let bits = rawWord(slot: slot)
      if bits == 0 { return nil }
      if holds(slot, key) {
        let row = unsafe (slots + slot * SerialPool.slotSize).load(
          fromByteOffset: SerialPool.rowOffset, as: UInt32.self)
        unsafe found[Int(row) & foundMask].store(
          UInt64(row) << 32 | UInt64(slot), ordering: .relaxed)
        return Hit(row: Int32(bitPattern: row), word: Word(bits: bits))
      }
      slot = slot &+ 1 == slotCount ? 0 : slot &+ 1
    }
  }

  /// Says that a serial will be asked for soon; harms nothing when it is not.
  ///
  /// In a large pool the slot of a serial is in no cache, and waiting for it is most of what a hit costs.
  func announce(_ serial: Swift.Span<UInt8>) {
    guard serial.count >= 1 && serial.count <= SerialPool.serialLengthMax else { return }
    unsafe cmemory_prefetch(slots + place(Key(serial)) * SerialPool.slotSize)
  }

  /// Says the same of the serial at `row`.
  func announce(row: Int32) {
    guard row >= 0 && row < count else { return }
    unsafe cmemory_prefetch(slots + slot(of: row) * SerialPool.slotSize)
  }

  /// Finds a serial and returns its row, or nil when it is not in the pool.
  public func row(of serial: Swift.Span<UInt8>) -> Int32? { find(serial)?.row }

  @inline(__always)
  private func slot(of row: Int32) -> Int {
    let entry = unsafe found[Int(row) & foundMask].load(ordering: .relaxed)
    if entry >> 32 == UInt64(row) { return Int(UInt32(truncatingIfNeeded: entry)) }
    return unsafe Int(slotOfRow[Int(row)])
  }

  /// The word of the serial at `row`.
  public func word(at row: Int32) -> Word {
    precondition(row >= 0 && row < count, "no such row in the pool")
    return Word(bits: rawWord(slot: slot(of: row)))
  }

  /// Changes the word at `row` from `expected` to `new`; false when it was another one by then.
  public func exchange(at row: Int32, expected: Word, new: Word) -> Bool {
    precondition(row >= 0 && row < count, "no such row in the pool")
    return unsafe word(slot: slot(of: row)).pointee.compareExchange(
      expected: expected.bits, desired: new.bits, ordering: .acquiringAndReleasing
    ).exchanged
  }

  /// Changes the word at `row` to what `decide` makes of it; nil leaves it as it is.
  ///
  /// `decide` is asked again when another change came between, so it must look at nothing else that changes. Returns the
  /// word that was decided by, and what it became.
  @discardableResult
  public func change(at row: Int32, _ decide: (Word) -> Word?) -> (old: Word, new: Word?) {
    var change = Change()
    while true {
      switch change.next {
      case .load: change.loaded(word(at: row), decide)
      case .exchange(let expected, let new):
        change.exchanged(exchange(at: row, expected: expected, new: new))
      case .done(let old, let new): return (old, new)
      }
    }
  }

  /// One change of a word as the single accesses to memory that it is made of.
  ///
  /// ```
  ///   load ──► decide ──► exchange ──► done
  ///    ▲         │ nil       │ another change came between
  ///    │         └──► done   │
  ///    └─────────────────────┘
  /// ```
  /// Apart from the pool, so that a test can put every other access between them.
  struct Change: Sendable, Hashable {
    enum Access: Sendable, Hashable {
      case load
      case exchange(expected: Word, new: Word)
      case done(old: Word, new: Word?)
    }

    private(set) var next = Access.load

    @inline(__always)
    mutating func loaded(_ word: Word, _ decide: (Word) -> Word?) {
      next =
        if let new = decide(word) { .exchange(expected: word, new: new) } else {
          .done(old: word, new: nil)
        }
    }

    @inline(__always)
    mutating func exchanged(_ isDone: Bool) {
      guard case .exchange(let expected, let new) = next else { return }
      next = isDone ? .done(old: expected, new: new) : .load
    }
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
