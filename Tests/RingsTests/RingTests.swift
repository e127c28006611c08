import Glibc
import Rings
import Synchronization
import Testing
import Threads

/// Runs `body` on a thread of its own and hands back a way to wait for its end.
func onThread(_ body: @escaping @Sendable () -> Void) -> @Sendable () -> Void {
  let thread = NamedThread("test", body)
  precondition(thread != nil, "no thread for the test")
  return { thread?.join() }
}

struct Wide: BitwiseCopyable, Sendable, Equatable {
  var a: UInt64
  var b: UInt64
  var c: UInt64
  init(_ number: UInt64) {
    a = number
    b = ~number
    c = number &* 0x9E37_79B9_7F4A_7C15
  }
}

@Suite struct SPSCRingTests {
  @Test(arguments: [(1, 2), (2, 2), (3, 4), (4, 4), (1000, 1024)])
  func capacityIsAPowerOfTwo(asked: Int, made: Int) {
    #expect(SPSCRing<UInt8>(capacity: asked).capacity == made)
  }

  @Test func fillsCountsLossesAndEmptiesInOrder() {
    let ring = SPSCRing<UInt32>(capacity: 4)
    // Several rounds, so that the indices pass the end of the memory.
    for round in 0..<10 as Range<UInt32> {
      #expect(ring.isEmpty)
      #expect(ring.pop() == nil)
      #expect(ring.room == 4)
      for index in 0..<4 as Range<UInt32> { #expect(ring.push(round * 10 + index)) }
      #expect(ring.room == 0)
      #expect(!ring.push(99))
      #expect(ring.lost == UInt64(round) + 1)
      for index in 0..<4 as Range<UInt32> { #expect(ring.pop() == round * 10 + index) }
    }
  }

  @Test func oneMillionElementsCrossInOrderAndWhole() {
    // Room for a time slice: on a busy machine each full or empty ring costs one, and a small ring would take minutes.
    let ring = SPSCRing<Wide>(capacity: 1024)
    let count: UInt64 = 1_000_000
    let refusals = Atomic<UInt64>(0)
    let join = onThread {
      for number in 0..<count {
        while !ring.push(Wide(number)) {
          refusals.add(1, ordering: .relaxed)
          sched_yield()
        }
      }
    }
    var wrong = 0
    for number in 0..<count {
      var element = ring.pop()
      while element == nil {
        sched_yield()
        element = ring.pop()
      }
      if element != Wide(number) { wrong += 1 }
    }
    join()
    #expect(wrong == 0)
    #expect(ring.isEmpty)
    #expect(ring.lost == refusals.load(ordering: .relaxed))
  }
}

@Suite struct FrameRingTests {
  private func push(_ ring: FrameRing, _ bytes: [UInt8], kind: UInt8 = 1, at: Int64 = 0) -> Bool {
    bytes.withUnsafeBytes { ring.push(kind: kind, source: 7, at: at, bytes: $0) }
  }

  private func pop(_ ring: FrameRing) -> (kind: UInt8, source: UInt8, at: Int64, bytes: [UInt8])? {
    var frame: (kind: UInt8, source: UInt8, at: Int64, bytes: [UInt8])?
    let found = ring.pop { frame = ($0, $1, $2, Array($3)) }
    #expect(found == (frame != nil))
    return frame
  }

  @Test func everyLengthComesBackWholeAcrossTheEndOfTheMemory() throws {
    let ring = FrameRing(capacity: 256, frameBytesMax: 40)
    #expect(pop(ring) == nil)
    for round in 0..<20 {
      for length in 0...40 {
        let bytes = (0..<length).map { UInt8(truncatingIfNeeded: $0 + round + length) }
        #expect(push(ring, bytes, kind: UInt8(length), at: Int64(round) - 5))
        let frame = try #require(pop(ring))
        #expect(frame.kind == UInt8(length))
        #expect(frame.source == 7)
        #expect(frame.at == Int64(round) - 5)
        #expect(frame.bytes == bytes)
        #expect(ring.isEmpty)
      }
    }
    #expect(ring.lost == 0)
  }

  @Test func fullAndTooLongAreRefusedAndCounted() throws {
    let ring = FrameRing(capacity: 256, frameBytesMax: 40)
    #expect(!push(ring, [UInt8](repeating: 0, count: 41)))
    #expect(ring.lost == 1)
    var held = 0
    while push(ring, [UInt8](repeating: UInt8(held), count: 40)) { held += 1 }
    #expect(held == 4)
    #expect(ring.lost == 2)
    for expected in 0..<held {
      #expect(try #require(pop(ring)).bytes == [UInt8](repeating: UInt8(expected), count: 40))
    }
    #expect(pop(ring) == nil)
    #expect(push(ring, [1]))
    #expect(try #require(pop(ring)).bytes == [1])
  }

  @Test func oneMillionFramesCrossInOrderAndWhole() {
    let ring = FrameRing(capacity: 1 << 16, frameBytesMax: 100)
    let count: Int64 = 1_000_000
    let join = onThread {
      var bytes = [UInt8](repeating: 0, count: 100)
      for number in 0..<count {
        let length = Int(number % 101)
        bytes[0] = UInt8(truncatingIfNeeded: number)
        bytes[99] = UInt8(truncatingIfNeeded: number)
        if length > 0 { bytes[length - 1] = UInt8(truncatingIfNeeded: number) }
        while true {
          let taken = bytes.withUnsafeBytes {
            ring.push(
              kind: UInt8(length), source: UInt8(truncatingIfNeeded: number >> 8), at: number,
              bytes: UnsafeRawBufferPointer(rebasing: $0[0..<length]))
          }
          if taken { break }
          sched_yield()
        }
      }
    }
    var wrong = 0
    for number in 0..<count {
      while true {
        let found = ring.pop { kind, source, at, bytes in
          let mark = UInt8(truncatingIfNeeded: number)
          let right =
            at == number && Int(kind) == bytes.count && bytes.count == Int(number % 101)
            && source == UInt8(truncatingIfNeeded: number >> 8)
            && (bytes.isEmpty || (bytes[0] == mark && bytes[bytes.count - 1] == mark))
          if !right { wrong += 1 }
        }
        if found { break }
        sched_yield()
      }
    }
    join()
    #expect(wrong == 0)
    #expect(ring.isEmpty)
  }
}
