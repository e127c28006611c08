import Foundation
import GRDB
import Line
import Records
import Testing

@Suite struct RowGroupTests {
  /// One record is a statement by itself, up to 31 go one by one, 32 by one statement, and long ones come between.
  @Test(arguments: [1, 2, 31, 32, 33, 64, 95])
  func aTurnOfAnyLengthIsInTheDatabaseAsItWasAppended(_ count: Int) throws {
    try withDirectory { directory in
      let store = try RecordStore(directory: directory, line: "L01")
      var records: [Line.Record] = []
      for turn in 0..<3 {
        for number in 0..<count {
          let record = Line.Record(
            .verdict, station: number % 3 - 1, unit: UInt16(number), batch: UInt32(turn),
            row: Int32(number) - 1, code: UInt16(number), number: UInt32.max - UInt32(number),
            state: number % 2 == 0 ? nil : .encoded,
            raw: [UInt8](repeating: UInt8(number), count: number % 23 * number % 23 * 200),
            actor: number == 3 ? "" : "ana (1000)",
            detail: String(repeating: "ü", count: number))
          records.append(record)
          try store.append(record, at: Instant(nanoseconds: Int64(turn)))
        }
        try store.commit()
      }
      store.close()
      // Opening checks the hashes of all of these.
      let again = try RecordStore(directory: directory, line: "L01")
      var read: [Line.Record] = []
      try again.replay { read.append($0.record) }
      again.close()
      #expect(read == records)
    }
  }

  /// A full group binds what differs from the group before: every column changes and stays, by itself and with others, texts
  /// move and stay where they are, and a record larger than the group's memory comes between.
  @Test func everyColumnIsAsItWasAppendedWhateverStoodInTheGroupBefore() throws {
    try withDirectory { directory in
      var store = try RecordStore(directory: directory, line: "L01")
      var records: [Line.Record] = []
      var walls: [Int64] = []
      for round in 0..<600 {
        // Of the twelve that may change, all patterns of the lowest bits of the round.
        func changes(_ bit: Int) -> Bool { (round / 2) >> (bit % 8) & 1 != 0 }
        for number in 0..<32 {
          var record = Line.Record(
            changes(0) ? .commandRefused : .strayRead, station: changes(1) ? 1 : 0,
            unit: changes(2) ? 9 : 8, batch: changes(3) ? 2 : 1, row: changes(4) ? 70_000 : -1,
            code: changes(5) ? 65_535 : 1, number: changes(6) ? .max : 0,
            state: changes(7) ? .commissioned : nil,
            raw: [UInt8](repeating: UInt8(truncatingIfNeeded: round), count: changes(8) ? 60 : 61),
            actor: changes(9) ? "ana (\(1000 + round % 7))" : "",
            detail: changes(10) ? "detail \(round % 10)" : "")
          if round % 97 == 96, number == 5 { record.raw = [UInt8](repeating: 7, count: 40_000) }
          records.append(record)
          walls.append(Int64(changes(11) ? 5 : 6))
          try store.append(
            record, at: Instant(nanoseconds: Int64(round / 3)), wall: walls[walls.count - 1])
        }
        if round % 5 == 4 { try store.commit() }
        if round % 30 == 29 {
          // Opening checks the hashes of the last 1,000, which are all that came since.
          store.close()
          store = try RecordStore(directory: directory, line: "L01")
        }
      }
      try store.commit()
      var read: [StoredRecord] = []
      try store.replay { read.append($0) }
      store.close()
      #expect(read.map(\.record) == records)
      #expect(read.map(\.wall) == walls)
      #expect(
        read.map(\.monotonic.nanoseconds)
          == (0..<600).flatMap { round in
            [Int64](repeating: Int64(round / 3), count: 32)
          })
    }
  }

  @Test func whatWasAppendedAndNotCommittedIsNotThere() throws {
    try withDirectory { directory in
      let store = try RecordStore(directory: directory, line: "L01")
      for _ in 0..<10 { try store.append(Line.Record(.started), at: Instant(nanoseconds: 0)) }
      let other = try DatabaseQueue(path: directory + "/records.sqlite")
      let count = try other.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM records") }
      #expect(count == 0)
      try other.close()
      store.close()
    }
  }
}
