public import Synchronization

/// A lock-free ring between one producing and one consuming thread.
///
/// Its capacity is fixed. A push that finds it full is refused and counted in `lost`, never waited for: the
/// producer stands on a path that may not block, and whoever reads `lost` raises the alarm. One thread at a
/// time may push and one at a time may pop; handing either end to another thread needs a happens-before of
/// the caller's own (a join, a lock).
@safe public final class SPSCRing<Element: BitwiseCopyable & Sendable>: @unchecked Sendable {
  // Kept true by: a slot is written by the producer only while it lies outside head..<tail, and read by the
  // consumer only while it lies inside; both indices are published with release and read with acquire.

  /// How many elements fit; a power of two.
  public let capacity: Int
  @usableFromInline let mask: Int
  @usableFromInline let slots: UnsafeMutablePointer<Element>
  @usableFromInline let consumer = RingEnd()
  @usableFromInline let producer = RingEnd()
  @usableFromInline let refused = Atomic<UInt64>(0)

  /// Makes an empty ring; `capacity` is rounded up to a power of two, and is 2 at least.
  public init(capacity: Int) {
    precondition(capacity > 0 && capacity <= 1 << 30, "a ring's capacity is 1…2^30")
    let rounded = RingEnd.powerOfTwo(atLeast: max(2, capacity))
    self.capacity = rounded
    mask = rounded - 1
    unsafe slots = UnsafeMutablePointer<Element>.allocate(capacity: rounded)
  }

  // Elements are bitwise copyable, so there is nothing to deinitialize in the slots.
  deinit { unsafe slots.deallocate() }

  /// How many pushes were refused since the ring was made.
  @inlinable
  public var lost: UInt64 { refused.load(ordering: .relaxed) }

  /// Adds an element; false, and counted in `lost`, when the ring is full.
  ///
  /// For the producer only.
  @inlinable
  public func push(_ element: Element) -> Bool {
    let tail = producer.index.load(ordering: .relaxed)
    if tail &- producer.opposite.load(ordering: .relaxed) >= capacity {
      let head = consumer.index.load(ordering: .acquiring)
      producer.opposite.store(head, ordering: .relaxed)
      if tail &- head >= capacity {
        refused.add(1, ordering: .relaxed)
        return false
      }
    }
    unsafe (slots + (tail & mask)).initialize(to: element)
    producer.index.store(tail &+ 1, ordering: .releasing)
    return true
  }

  /// Takes the oldest element, nil when there is none.
  ///
  /// For the consumer only.
  @inlinable
  public func pop() -> Element? {
    let head = consumer.index.load(ordering: .relaxed)
    if head == consumer.opposite.load(ordering: .relaxed) {
      let tail = producer.index.load(ordering: .acquiring)
      consumer.opposite.store(tail, ordering: .relaxed)
      if head == tail { return nil }
    }
    let element = unsafe slots[head & mask]
    consumer.index.store(head &+ 1, ordering: .releasing)
    return element
  }

  /// How many pushes will succeed at least.
  ///
  /// For the producer only: it lets one hold back what must not be lost.
  @inlinable
  public var room: Int {
    let head = consumer.index.load(ordering: .acquiring)
    producer.opposite.store(head, ordering: .relaxed)
    return capacity &- (producer.index.load(ordering: .relaxed) &- head)
  }

  /// Whether nothing waits.
  ///
  /// For the consumer only; an element may arrive right after.
  @inlinable
  public var isEmpty: Bool {
    consumer.index.load(ordering: .relaxed) == producer.index.load(ordering: .acquiring)
  }
}

/// One end of a ring: its own index, and where it last saw the other end.
///
/// Filled to 128 bytes, two cache lines, because processors fetch lines in pairs: the two threads then never write
/// into one pair. `opposite` is touched by the end's own thread only; it is atomic (relaxed, so free of cost) only
/// to spare the class a checked exclusive access.
@usableFromInline
struct RingEnd: ~Copyable {
  @usableFromInline let index = Atomic<Int>(0)
  @usableFromInline let opposite = Atomic<Int>(0)
  private let padding = InlineArray<14, Int>(repeating: 0)

  @usableFromInline
  init() {}

  /// The smallest power of two that is not below `value`.
  static func powerOfTwo(atLeast value: Int) -> Int {
    1 << (Int.bitWidth - (value - 1).leadingZeroBitCount)
  }
}
