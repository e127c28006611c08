import Containment
import Line
import Testing

@testable import Daemon

/// What is told to whom, and when again: pure, in virtual time.
@Suite("Messages to contacts wait, are tried again, and end")
struct AlertBookTests {
  private static let lane = AlertBook.Lane(contact: "anna", way: .mail)
  private static let case1 = AlertBook.Message(number: 1, escalation: .none)

  private func at(_ seconds: Int64) -> Instant { Instant(nanoseconds: seconds * 1_000_000_000) }

  @Test(
    "a failing way is tried at once, after 5 s, 30 s, 2 min, 5 min, then every 10 min, 12 times in all"
  )
  func pauses() {
    var book = AlertBook()
    #expect(book.add(Self.case1, to: Self.lane, now: at(0)) == true)
    var now: Int64 = 0
    var moments: [Int64] = []
    var isLast = false
    while !isLast && now < 100_000 {
      for attempt in book.begin(now: at(now)) {
        moments.append(now)
        #expect(attempt.count == moments.count)
        isLast = book.ended(attempt, failed: true, now: at(now))
      }
      now += 1
    }
    let pauses = zip(moments, moments.dropFirst()).map { $1 - $0 }
    #expect(pauses == [5, 30, 120, 300] + [Int64](repeating: 600, count: 7))
    #expect(moments.count == AlertBook.attemptsMax && book.isIdle)
  }

  @Test("the third attempt that succeeds is the last")
  func third() {
    var book = AlertBook()
    _ = book.add(Self.case1, to: Self.lane, now: at(0))
    for (moment, failed) in [(0, true), (5, true), (35, false)] as [(Int64, Bool)] {
      let attempts = book.begin(now: at(moment))
      #expect(attempts.count == 1)
      for attempt in attempts {
        #expect(book.ended(attempt, failed: failed, now: at(moment)) == !failed)
      }
    }
    #expect(book.isIdle && book.begin(now: at(100_000)).isEmpty)
  }

  @Test("attempts of before a restart count")
  func restart() {
    var book = AlertBook()
    _ = book.add(Self.case1, to: Self.lane, attempts: 11, now: at(0))
    let attempt = book.begin(now: at(0))
    #expect(attempt.map(\.count) == [12])
    #expect(book.ended(attempt[0], failed: true, now: at(1)) == true)
  }

  @Test(
    "one message at a time in a lane; the same one twice is one; a later moment takes the earlier one's place"
  )
  func lanes() {
    var book = AlertBook()
    _ = book.add(Self.case1, to: Self.lane, now: at(0))
    _ = book.add(Self.case1, to: Self.lane, now: at(0))
    #expect(book.count(in: Self.lane) == 1)
    let half = AlertBook.Message(number: 1, escalation: .half)
    _ = book.add(half, to: Self.lane, now: at(1))
    let first = book.begin(now: at(1))
    #expect(first.map(\.message) == [half])
    let over = AlertBook.Message(number: 1, escalation: .over)
    _ = book.add(over, to: Self.lane, now: at(2))
    #expect(book.begin(now: at(2)).isEmpty)
    // What failed is not tried again when a later moment waits.
    #expect(book.ended(first[0], failed: true, now: at(3)) == true)
    #expect(book.begin(now: at(3)).map(\.message) == [over])
  }

  @Test(
    "at most 16 wait in a lane, and 32 attempts are under way, those first that were tried less")
  func bounds() {
    var book = AlertBook()
    for number in 1...UInt32(AlertBook.waitingMax) {
      #expect(book.add(.init(number: number, escalation: .none), to: Self.lane, now: at(0)) == true)
    }
    #expect(book.add(.init(number: 99, escalation: .none), to: Self.lane, now: at(0)) == false)
    book = AlertBook()
    for number in 0..<100 {
      _ = book.add(
        Self.case1, to: .init(contact: "c\(number)", way: .command),
        attempts: number.isMultiple(of: 2) ? 3 : 0, now: at(0))
    }
    var begun = book.begin(now: at(0))
    #expect(begun.count == AlertBook.atWorkMax && begun.allSatisfy { $0.count == 1 })
    #expect(book.begin(now: at(1)).isEmpty)
    var seen = begun.count
    while !begun.isEmpty {
      for attempt in begun { _ = book.ended(attempt, failed: false, now: at(2)) }
      begun = book.begin(now: at(2))
      seen += begun.count
    }
    #expect(seen == 100 && book.isIdle)
  }

  @Test("what is wanted no more is dropped, and what is under way comes to its end")
  func keep() {
    var book = AlertBook()
    _ = book.add(Self.case1, to: Self.lane, now: at(0))
    let begun = book.begin(now: at(0))
    _ = book.add(.init(number: 2, escalation: .none), to: Self.lane, now: at(0))
    book.keep { _, _, _ in false }
    #expect(book.count(in: Self.lane) == 1)
    #expect(book.ended(begun[0], failed: true, now: at(1)) == false)
    book.keep { _, _, attempts in attempts == 0 }
    #expect(book.isIdle)
  }

  @Test("no order of events loses a message or makes two attempts in one lane", arguments: 0..<50)
  func seeded(seed: UInt64) {
    var random = SeededGenerator(seed)
    var book = AlertBook(pauses: [.milliseconds(1000)])
    var underWay: [AlertBook.Attempt] = []
    var ended = 0
    var wanted: Set<String> = []
    for step in 0..<400 {
      let now = at(Int64(step))
      switch random.next(4) {
      case 0:
        let message = AlertBook.Message(number: UInt32(random.next(5)) + 1, escalation: .none)
        let lane = AlertBook.Lane(contact: "c\(random.next(4))", way: .command)
        if book.add(message, to: lane, now: now) {
          wanted.insert("\(lane.contact) \(message.number)")
        }
      case 1, 2:
        for attempt in book.begin(now: now) {
          #expect(!underWay.contains { $0.lane == attempt.lane }, "seed \(seed)")
          underWay.append(attempt)
        }
      default:
        guard let attempt = underWay.popLast() else { continue }
        if book.ended(attempt, failed: random.next(2) == 0, now: now) { ended += 1 }
      }
    }
    var now: Int64 = 1000
    while !book.isIdle && now < 100_000 {
      for attempt in underWay + book.begin(now: at(now))
      where book.ended(attempt, failed: false, now: at(now)) {
        ended += 1
      }
      underWay = []
      now += 1
    }
    #expect(book.isIdle && ended >= wanted.count, "seed \(seed)")
  }
}

/// splitmix64, so that a seed gives the same run everywhere.
struct SeededGenerator {
  private var state: UInt64

  init(_ seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 }

  mutating func next(_ limit: Int) -> Int {
    state &+= 0x9E37_79B9_7F4A_7C15
    var value = state
    value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
    return Int((value ^ (value >> 31)) % UInt64(limit))
  }
}
