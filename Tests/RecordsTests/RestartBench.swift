import Crypto
import Glibc
import Line
import Records
import Testing

/// How long a restart takes with the largest pool; `LINEWARD_RESTART=10000000` runs it.
@Suite(.serialized) struct RestartBench {
  private static let size = getenv("LINEWARD_RESTART").flatMap { Int(String(cString: $0)) }

  private func serials(_ count: Int, to path: String) throws {
    var text: [UInt8] = []
    text.reserveCapacity(count * 17)
    var state: UInt64 = 88_172_645_463_325_252
    for index in 0..<count {
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      // 16 characters: random ones, then the row, so that none is repeated.
      var word = state
      for _ in 0..<8 {
        text.append(0x41 + UInt8(word % 26))
        word /= 26
      }
      var digits = index
      for _ in 0..<8 {
        text.append(0x30 + UInt8(digits % 10))
        digits /= 10
      }
      text.append(0x0A)
    }
    try write(text, to: path)
  }

  private func open(
    _ directory: String, _ store: RecordStore, number: UInt32, count: Int
  ) throws {
    let path = SerialFile.path(number: number, directory: directory)
    try serials(count, to: path)
    let description = BatchDescription(
      id: "B-\(number)", gtin: PlayedLine.gtin, lot: "LOT1", expiry: "271231", count: count,
      sha256: Array(SHA256.hash(data: try read(path))), file: SerialFile.name(number: number))
    try append(Record(.batchOpened, batch: number, raw: description.encoded), store)
    try append(Record(.batchStarted, batch: number), store)
    try append(Record(.permitGiven), store)
  }

  private func append(_ record: Record, _ store: RecordStore) throws {
    try store.append(record, at: Instant(nanoseconds: store.lastSequence), wall: 1_700_000_000_000)
  }

  /// So many records of units that pass, two for each.
  private func units(_ store: RecordStore, records: Int, number: UInt32, from row: Int) throws {
    for index in 0..<(records / 2) {
      let unit = UInt16(index % Int(Counter.max)) + 1
      let row = Int32(row + index)
      try append(
        Record(
          .verdict, station: 0, unit: unit, batch: number, row: row, code: 1, state: .encoded,
          raw: Array("]d2010950600013435221AAAAAAAA00000000\u{1D}1727123110LOT1".utf8)), store)
      try append(
        Record(
          .outcome, station: 0, unit: unit, batch: number, row: row, code: 1,
          number: UInt32(unit), state: .commissioned), store)
      if index % 500 == 0 { try store.commit() }
    }
    try store.commit()
  }

  private func start(_ directory: String, _ what: String) throws -> LineController {
    let clock = ContinuousClock()
    let begun = clock.now
    let store = try RecordStore(directory: directory, line: "L01")
    let recovery = try LineRecovery.recover(from: store, settings: PlayedLine.settings)
    print(
      "\(what), \(store.lastSequence) records, saved up to \(recovery.savedSequence): "
        + "back after \(clock.now - begun)")
    #expect(recovery.remark == nil)
    store.close()
    return recovery.core
  }

  private func save(_ core: LineController, _ store: RecordStore) throws {
    let clock = ContinuousClock()
    var images: [UInt32: SerialImage] = [:]
    let copying = clock.measure {
      for batch in core.batches { images[batch.number] = batch.pool?.image() }
    }
    let writing = try clock.measure {
      try SavedState(
        core, sequence: store.lastSequence, hash: store.lastHash, images: images,
        begun: store.lastSequence, directory: store.directory
      ).write(directory: store.directory)
    }
    print("state copied in \(copying), written and synced in \(writing)")
  }

  @Test(.enabled(if: size != nil)) func aRestartWithALargePoolAndManyRecords() throws {
    try withDirectory { directory in
      let count = Self.size ?? 0
      var store = try RecordStore(directory: directory, line: "L01")
      try append(Record(.started, raw: Array("unit-1".utf8)), store)
      try open(directory, store, number: 1, count: count)
      try units(store, records: 2_000_000, number: 1, from: 0)
      store.close()
      let core = try start(directory, "\(count) serials")
      store = try RecordStore(directory: directory, line: "L01")
      try save(core, store)
      try units(store, records: 100_000, number: 1, from: 1_000_000)
      store.close()
      for _ in 0..<3 { _ = try start(directory, "\(count) serials") }
      let clock = ContinuousClock()
      let took = clock.measure {
        #expect(RecordVerifier.verify(directory: directory).isIntact)
      }
      print("verified with the state in \(took)")
      unlink(directory + "/state")
      print(
        "verified without it in \(clock.measure { _ = RecordVerifier.verify(directory: directory) })"
      )
    }
  }

  @Test(.enabled(if: size != nil)) func aRestartAfterYearsOfClosedBatches() throws {
    try withDirectory { directory in
      var store = try RecordStore(directory: directory, line: "L01")
      try append(Record(.started, raw: Array("unit-1".utf8)), store)
      for number in UInt32(1)...50 {
        try open(directory, store, number: number, count: 50_000)
        try units(store, records: 100_000, number: number, from: 0)
        try append(Record(.permitWithdrawn), store)
        try append(Record(.batchClosed, batch: number, number: 50_000), store)
        try store.commit()
      }
      store.close()
      let core = try start(directory, "50 closed batches")
      store = try RecordStore(directory: directory, line: "L01")
      try save(core, store)
      store.close()
      for _ in 0..<3 { _ = try start(directory, "50 closed batches") }
      let clock = ContinuousClock()
      let took = try clock.measure {
        let prepared = try RecordArchive.prepare(
          directory, before: nil, by: "bench", version: "bench", minFree: 0, at: 0)
        store = try RecordStore(directory: directory, line: "L01")
        try append(
          Record(.archived, number: 50, raw: prepared.description.encoded, detail: "archive/0001"),
          store)
        try store.commit()
      }
      print("50 closed batches archived and checked in \(took)")
      var slices: [Duration] = []
      while slices.count < 50 {
        let slice = try clock.measure { try store.idle(isQuiet: true) }
        // Between two removals there is nothing to do.
        if slice > .microseconds(150) { slices.append(slice) }
      }
      slices.sort()
      print("a slice of archived records removed in \(slices[25]), at most \(slices[49])")
      store.close()
    }
  }
}
