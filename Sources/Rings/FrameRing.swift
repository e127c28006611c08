public import Synchronization

/// A lock-free ring of byte frames of different lengths, between one producing and one consuming thread.
///
/// A frame is a kind, a source, a moment and up to `frameBytesMax` bytes; it lies in one piece, so that the consumer
/// reads it in place. Where a frame does not fit before the end of the memory, the rest of it is skipped, and counts as
/// used until then. A push that finds no room is refused and counted in `lost`, never waited for.
///
/// ```
///  ┌──────────┬────────┬──────────┬──────────┬───────┬───────────────┐
///  │ length 4 │ kind 1 │ source 1 │ unused 2 │ at 8  │ bytes, to 8·n │   length 0xFFFFFFFF: go on at the start
///  └──────────┴────────┴──────────┴──────────┴───────┴───────────────┘
/// ```
@safe public final class FrameRing: @unchecked Sendable {
  // Kept true by: bytes outside head..<tail belong to the producer, those inside to the consumer; both indices are
  // published with release and read with acquire. `memory` has `capacity` bytes, and every offset is masked.

  /// The longest frame's bytes.
  public let frameBytesMax: Int
  /// Memory in bytes, frame headers included; a power of two.
  public let capacity: Int
  @usableFromInline let mask: Int
  @usableFromInline let memory: UnsafeMutableRawPointer
  @usableFromInline let consumer = RingEnd()
  @usableFromInline let producer = RingEnd()
  @usableFromInline let refused = Atomic<UInt64>(0)

  @usableFromInline static let headerCount = 16
  @usableFromInline static let skipMark = UInt32.max

  /// Makes an empty ring; `capacity` in bytes is rounded up to a power of two and to what four of the longest frames need.
  public init(capacity: Int, frameBytesMax: Int = 1024) {
    precondition(
      frameBytesMax >= 0 && frameBytesMax <= 1 << 20, "a frame has at most 2^20 bytes")
    precondition(
      capacity > 0 && capacity <= 1 << 30, "a frame ring's capacity is 1…2^30 bytes")
    let rounded = RingEnd.powerOfTwo(
      atLeast: max(capacity, 4 * FrameRing.space(for: frameBytesMax)))
    self.frameBytesMax = frameBytesMax
    self.capacity = rounded
    mask = rounded - 1
    unsafe memory = UnsafeMutableRawPointer.allocate(byteCount: rounded, alignment: 128)
  }

  deinit { unsafe memory.deallocate() }

  /// How many frames were refused since the ring was made, for want of room or because they were too long.
  @inlinable
  public var lost: UInt64 { refused.load(ordering: .relaxed) }

  /// Adds a frame; false, and counted in `lost`, when there is no room or it is too long.
  ///
  /// For the producer only.
  ///
  /// `at` is a moment in nanoseconds of CLOCK_MONOTONIC; ring and consumer see it as it is.
  @inlinable
  public func push(kind: UInt8, source: UInt8, at: Int64, bytes: UnsafeRawBufferPointer) -> Bool {
    let count = bytes.count
    let needed = FrameRing.space(for: count)
    var tail = producer.index.load(ordering: .relaxed)
    // Frames are multiples of 8 bytes, so what is left before the end always has room for the mark.
    let untilEnd = capacity &- (tail & mask)
    let skipped = untilEnd < needed ? untilEnd : 0
    guard count <= frameBytesMax, hasRoom(for: skipped &+ needed, tail: tail) else {
      refused.add(1, ordering: .relaxed)
      return false
    }
    if skipped > 0 {
      unsafe memory.storeBytes(
        of: FrameRing.skipMark, toByteOffset: tail & mask, as: UInt32.self)
      tail &+= skipped
    }
    let frame = unsafe memory + (tail & mask)
    unsafe frame.storeBytes(of: UInt32(truncatingIfNeeded: count), as: UInt32.self)
    unsafe frame.storeBytes(of: kind, toByteOffset: 4, as: UInt8.self)
    unsafe frame.storeBytes(of: source, toByteOffset: 5, as: UInt8.self)
    unsafe frame.storeBytes(of: at, toByteOffset: 8, as: Int64.self)
    if let start = bytes.baseAddress, count > 0 {
      unsafe (frame + FrameRing.headerCount).copyMemory(from: start, byteCount: count)
    }
    producer.index.store(tail &+ needed, ordering: .releasing)
    return true
  }

  /// Hands the oldest frame to `body` and then frees its place; false when there is none.
  ///
  /// For the consumer only.
  ///
  /// The bytes are the ring's own memory: they may not be kept after `body` returns.
  @inlinable
  public func pop(
    _ body: (_ kind: UInt8, _ source: UInt8, _ at: Int64, _ bytes: UnsafeRawBufferPointer) -> Void
  ) -> Bool {
    var head = consumer.index.load(ordering: .relaxed)
    if head == consumer.opposite.load(ordering: .relaxed) {
      let tail = producer.index.load(ordering: .acquiring)
      consumer.opposite.store(tail, ordering: .relaxed)
      if head == tail { return false }
    }
    var frame = unsafe UnsafeRawPointer(memory) + (head & mask)
    var length = unsafe frame.load(as: UInt32.self)
    if length == FrameRing.skipMark {
      // The producer publishes the skipped end together with the frame behind it, so there is one.
      head &+= capacity &- (head & mask)
      unsafe frame = UnsafeRawPointer(memory)
      length = unsafe frame.load(as: UInt32.self)
    }
    let count = Int(length)
    unsafe body(
      frame.load(fromByteOffset: 4, as: UInt8.self), frame.load(fromByteOffset: 5, as: UInt8.self),
      frame.load(fromByteOffset: 8, as: Int64.self),
      UnsafeRawBufferPointer(start: frame + FrameRing.headerCount, count: count))
    consumer.index.store(head &+ FrameRing.space(for: count), ordering: .releasing)
    return true
  }

  /// Whether nothing waits.
  ///
  /// For the consumer only; a frame may arrive right after.
  @inlinable
  public var isEmpty: Bool {
    consumer.index.load(ordering: .relaxed) == producer.index.load(ordering: .acquiring)
  }

  @inlinable
  func hasRoom(for needed: Int, tail: Int) -> Bool {
    if tail &+ needed &- producer.opposite.load(ordering: .relaxed) <= capacity { return true }
    let head = consumer.index.load(ordering: .acquiring)
    producer.opposite.store(head, ordering: .relaxed)
    return tail &+ needed &- head <= capacity
  }

  /// Memory that a frame of so many bytes takes.
  @inlinable
  static func space(for count: Int) -> Int { headerCount + ((count + 7) & ~7) }
}
