import Foundation
import GRDB
import Line
import Records
import Testing

@Suite struct RowGroupTests {
  /// One record is a statement by itself, up to seven go one by one, eight by one statement, and long ones come between.
  @Test(arguments: [1, 2, 7, 8, 9, 16, 23])
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
            raw: [UInt8](repeating: UInt8(number), count: number * number * 200),
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
