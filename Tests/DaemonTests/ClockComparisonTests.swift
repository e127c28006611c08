import Line
import Testing

@testable import Daemon

/// Wall clock against monotonic clock, on a machine that takes the processor away between the two.
@Suite("The two clocks compared")
struct ClockComparisonTests {
  /// Two clocks that run together, and what the machine does before the reads of the wall clock.
  private final class Machine {
    var nanoseconds: Int64 = 5_000_000_000
    var stalls: [Int64]

    init(stalls: [Int64]) { self.stalls = stalls }

    func now() -> Instant {
      nanoseconds += 1000
      return Instant(nanoseconds: nanoseconds)
    }

    /// Wall time is 1,700,000 s ahead.
    func wall() -> Int64 {
      if !stalls.isEmpty { nanoseconds += stalls.removeFirst() * 1_000_000 }
      return 1_700_000_000 + nanoseconds / 1_000_000
    }
  }

  @Test("a stall between the reads is no step of the clock")
  func stalled() {
    for stall: Int64 in [0, 9, 100, 150, 30_000] {
      let machine = Machine(stalls: [stall])
      let offset = ClockComparison.offset(now: machine.now, wall: machine.wall)
      #expect(abs((offset ?? 0) - 1_700_000_000) <= 5, "a stall of \(stall) ms: \(offset ?? -1)")
    }
  }

  @Test("a machine that stalls at every read gives no answer, after a bounded number of reads")
  func alwaysStalled() {
    let machine = Machine(stalls: Array(repeating: 120, count: 1000))
    #expect(ClockComparison.offset(now: machine.now, wall: machine.wall) == nil)
    #expect(1000 - machine.stalls.count == ClockComparison.triesMax)
  }

  @Test("a clock that was set is seen, though a read before it found no answer")
  func set() {
    var clocks = ClockComparison()
    let machine = Machine(stalls: [])
    #expect(clocks.step(now: machine.now, wall: machine.wall) == nil)
    machine.stalls = Array(repeating: 200, count: ClockComparison.triesMax)
    #expect(clocks.step(now: machine.now, wall: { machine.wall() + 3_600_000 }) == nil)
    let step = clocks.step(now: machine.now, wall: { machine.wall() + 3_600_000 })
    #expect(abs((step ?? 0) - 3_600_000) <= 5)
    #expect(clocks.step(now: machine.now, wall: { machine.wall() + 3_600_000 }) == nil)
  }
}
