import Glibc
public import Synchronization
import Testing

/// `SPSCRing` with one word of it wrong: the producer publishes its index relaxed instead of releasing.
///
/// It exists for `make tsan`, which has to show that the thread sanitizer would see such a mistake in the real ring. On
/// x86 the processor hides it, so no other test ever fails for it. Generic, public and inlinable as the real one is: in a
/// form that the optimizer does not specialize the sanitizer saw nothing.
public final class SeededFaultRing<Element: BitwiseCopyable & Sendable>: @unchecked Sendable {
  // Not kept true, on purpose: a slot may be read before what was written to it can be seen.
  @usableFromInline let mask: Int
  @usableFromInline let slots: UnsafeMutablePointer<Element>
  @usableFromInline let head = Atomic<Int>(0)
  @usableFromInline let tail = Atomic<Int>(0)

  /// Makes an empty ring; `capacity` is a power of two.
  public init(capacity: Int) {
    precondition(capacity.nonzeroBitCount == 1)
    mask = capacity - 1
    slots = UnsafeMutablePointer<Element>.allocate(capacity: capacity)
  }

  deinit { slots.deallocate() }

  /// Adds an element; false when the ring is full.
  @inlinable
  public func push(_ element: Element) -> Bool {
    let place = tail.load(ordering: .relaxed)
    guard place &- head.load(ordering: .acquiring) <= mask else { return false }
    (slots + (place & mask)).initialize(to: element)
    // The seeded fault.
    tail.store(place &+ 1, ordering: .relaxed)
    return true
  }

  /// Takes the oldest element, nil when there is none.
  @inlinable
  public func pop() -> Element? {
    let place = head.load(ordering: .relaxed)
    guard place != tail.load(ordering: .acquiring) else { return nil }
    let element = slots[place & mask]
    head.store(place &+ 1, ordering: .releasing)
    return element
  }
}

@Suite struct SeededFaultTests {
  static let isWanted = getenv("LINEWARD_SEEDED_FAULT").map { String(cString: $0) } == "1"

  @Test(.enabled(if: isWanted, "only for `make tsan`, which expects a report about it"))
  func aRingThatPublishesRelaxedIsReportedByTheSanitizer() {
    let ring = SeededFaultRing<Wide>(capacity: 1024)
    let count: UInt64 = 100_000
    let join = onThread {
      for number in 0..<count {
        while !ring.push(Wide(number)) { sched_yield() }
      }
    }
    // What is taken has to be used: else the optimizer drops the read that races.
    var wrong = 0
    var taken: UInt64 = 0
    while taken < count {
      guard let element = ring.pop() else {
        sched_yield()
        continue
      }
      if element != Wide(taken) { wrong += 1 }
      taken += 1
    }
    join()
    // The processor hides the fault where it orders stores; the sanitizer's report is the point.
    withKnownIssue("published relaxed", isIntermittent: true) { #expect(wrong == 0) }
  }
}
