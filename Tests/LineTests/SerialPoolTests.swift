import Glibc
import Synchronization
import Testing
import Threads

@testable import Line

/// Runs `body` once on each of `count` threads, all begun before one of them goes on; returns when all have ended.
private func race(_ count: Int, _ body: @escaping @Sendable (_ thread: Int) -> Void) {
  final class Begun: Sendable {
    let missing: Atomic<Int>
    init(_ count: Int) { missing = Atomic(count) }
  }
  let begun = Begun(count)
  let threads = (0..<count).map { number in
    let thread = NamedThread("station \(number)") {
      begun.missing.subtract(1, ordering: .relaxed)
      while begun.missing.load(ordering: .relaxed) > 0 { sched_yield() }
      body(number)
    }
    precondition(thread != nil, "no thread for the test")
    return thread
  }
  for thread in threads { thread?.join() }
}

@Suite struct SerialPoolTests {
  private func pool(_ serials: [String], capacity: Int? = nil) -> SerialPool {
    let pool = SerialPool(capacity: capacity ?? serials.count)
    for serial in serials { _ = pool.add(Array(serial.utf8).span) }
    return pool
  }

  private func row(_ pool: SerialPool, _ serial: String) -> Int32? {
    pool.row(of: Array(serial.utf8).span)
  }

  @Test(arguments: [2, 4])
  func ofStationsThatReadOneSerialAtTheSameMomentOneAcceptsIt(stations: Int) {
    let count = 20_000
    let pool = pool((0..<count).map { "S\($0)" })
    let won = (0..<stations).map { _ in Tally() }
    race(stations) { station in
      // Every station reads every serial, in the same order, as two cameras over one conveyor do.
      for number in 0..<count {
        guard let hit = pool.find(Array("S\(number)".utf8).span) else { continue }
        let change = pool.change(at: hit.row) {
          $0.taken(as: .encoded, station: station, unit: UInt16(number % 65504 + 1))
        }
        if change.new != nil { won[station].add(number) }
      }
    }
    let all = won.map(\.numbers)
    #expect(all.map(\.count).reduce(0, +) == count)
    var accepted = Set<Int>()
    for (station, numbers) in all.enumerated() {
      for number in numbers {
        #expect(accepted.insert(number).inserted, "serial \(number) was accepted twice")
        let word = pool.word(at: Int32(number))
        #expect(word.state == .encoded && word.station == UInt8(station))
        #expect(word.unit == UInt16(number % 65504 + 1))
      }
    }
  }

  /// What one thread counts; read by others after it has ended.
  private final class Tally: @unchecked Sendable {
    // Kept true by: one thread adds, and it is joined before anyone reads.
    private(set) var numbers: [Int] = []
    func add(_ number: Int) { numbers.append(number) }
  }

  @Test func anExchangeThatExpectsAnotherWordChangesNothing() {
    let pool = pool(["A"])
    let expected = SerialPool.Word(state: .allocated)
    let mine = SerialPool.Word(state: .encoded, station: 3, unit: 65504)
    #expect(pool.exchange(at: 0, expected: expected, new: mine))
    #expect(!pool.exchange(at: 0, expected: expected, new: SerialPool.Word(state: .inactive)))
    #expect(pool.word(at: 0) == mine)
    #expect(pool.word(at: 0).unit == 65504 && pool.word(at: 0).station == 3)
    #expect(!pool.word(at: 0).hold)
    // A hold is a flag beside the state, so it makes another word of the same state.
    let held = SerialPool.Word(state: .encoded, hold: true, station: 3, unit: 65504)
    #expect(!pool.exchange(at: 0, expected: held, new: expected))
    #expect(pool.exchange(at: 0, expected: mine, new: held))
    #expect(pool.word(at: 0).hold && pool.word(at: 0).state == .encoded)
  }

  @Test(arguments: [1, 2, 15, 16, 17, 1000, 30_000])
  func itTakesAsManyAsItsCapacityAndFindsEachInItsRow(capacity: Int) {
    let serials = (0..<capacity).map { "9\($0)x" }
    let pool = pool(serials)
    #expect(pool.count == capacity && pool.capacity == capacity)
    for (index, serial) in serials.enumerated() {
      #expect(row(pool, serial) == Int32(index))
    }
    for index in [0, capacity / 2, capacity - 1] {
      #expect(pool.serial(at: Int32(index)) == serials[index])
      #expect(pool.word(at: Int32(index)) == SerialPool.Word(state: .allocated))
    }
    // Not in it, though the slots around are as full as they get.
    for number in 0..<1000 { #expect(row(pool, "8\(number)x") == nil) }
  }

  @Test func aSerialThatIsThereAlreadyIsRefusedAndTakesNoRow() {
    let pool = SerialPool(capacity: 3)
    #expect(pool.add(Array("A".utf8).span) == 0)
    #expect(pool.add(Array("A".utf8).span) == nil)
    #expect(pool.add(Array("a".utf8).span) == 1)
    #expect(pool.count == 2)
  }

  @Test func serialsOfEveryLengthAreExactToTheLastByte() {
    // Each differs from its neighbours in length, in one byte, or in the case of a letter.
    var serials: [String] = []
    for length in 1...20 {
      let base = String(repeating: "A", count: length)
      serials.append(base)
      for place in 0..<length {
        var letters = Array(base)
        letters[place] = "a"
        serials.append(String(letters))
        letters[place] = "%"
        serials.append(String(letters))
      }
    }
    let pool = pool(serials)
    #expect(pool.count == serials.count)
    for (index, serial) in serials.enumerated() {
      #expect(row(pool, serial) == Int32(index))
      #expect(pool.serial(at: Int32(index)) == serial)
    }
    #expect(row(pool, "") == nil)
    #expect(row(pool, String(repeating: "A", count: 21)) == nil)
    #expect(row(pool, "AB") == nil)
    // A zero byte pads the slot, so a read that ends in one is not the serial without it.
    #expect(pool.row(of: [0x41, 0x00].span) == nil)
    #expect(pool.row(of: [0x00].span) == nil)
  }

  @Test func aSerialIsFoundWithItsWordWhereverItLiesInMemory() {
    // Cut out of a message, a serial begins at any address and other bytes stand on both sides.
    let serials = (1...20).map { length in
      String((0..<length).map { Character(UnicodeScalar(UInt8(0x30 + $0 * 3))) })
    }
    let pool = pool(serials)
    #expect(
      pool.exchange(
        at: 4, expected: .init(state: .allocated), new: .init(state: .sampled, hold: true)))
    for (index, serial) in serials.enumerated() {
      for offset in 0..<9 {
        let message =
          [UInt8](repeating: 0xFF, count: offset) + Array(serial.utf8) + [0xFF, 0x1D, 0xFF]
        let hit = pool.find(message.span.extracting(offset..<(offset + serial.utf8.count)))
        #expect(hit?.row == Int32(index), "\(serial) at \(offset)")
        #expect(hit?.word == pool.word(at: Int32(index)))
      }
    }
  }

  @Test func anEmptyPoolFindsNothing() {
    let pool = SerialPool(capacity: 0)
    #expect(pool.count == 0)
    #expect(row(pool, "A") == nil)
  }

  @Test(arguments: [1000, 10_000, 1_000_000, 10_000_000, Int(Int32.max)])
  func aSerialCostsAtMost48BytesAtALoadOfAtMost074(capacity: Int) {
    let slots = SerialPool.slotCount(capacity: capacity)
    #expect(slots * 74 >= capacity * 100)
    #expect(SerialPool.byteCount(capacity: capacity) <= 48 * capacity)
    // A row's slot is kept in 32 bits.
    #expect(slots <= Int(UInt32.max))
  }
}
