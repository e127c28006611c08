import Foundation
import Line
import Logging
import Records
import Synchronization
import Testing

@testable import Daemon

/// A line that goes on whenever it is asked for its core: one more serial is put on hold each time.
private final class GoingOn: @unchecked Sendable {
  // Kept true by: only the keeper's queue asks, until it is stopped; the count is a mutex's.
  let store: RecordStore
  var core: LineController
  private let count = Mutex(0)
  var asked: Int { count.withLock { $0 } }
  /// The storage fails and is opened anew before every other ask is answered.
  var fails = false

  static let settings = LineSettings(
    line: "L01", scanners: [ScannerSettings(name: "camera-1")],
    stations: [StationSettings(name: "unit-1", plc: "plc-1", scanners: [0])], limits: .init())

  init(_ directory: String, serials: Int) throws {
    store = try RecordStore(directory: directory, line: "L01")
    core = LineController(settings: GoingOn.settings)
    core.begin(detail: "test", wall: 0)
    try flush()
    let given = directory + "/given"
    try Data((0..<serials).map { "S\($0)\n" }.joined().utf8).write(
      to: URL(fileURLWithPath: given))
    let handle = try FileHandle(forReadingFrom: URL(fileURLWithPath: given))
    let imported = try SerialImporter.import(
      descriptor: handle.fileDescriptor, into: directory, number: 1, earlier: [])
    let description = BatchDescription(
      id: "B-1", gtin: "09506000134352", lot: "L", expiry: "271231", count: imported.count,
      sha256: imported.sha256, file: imported.file)
    let batch = Batch(
      number: 1, id: "B-1", gtin: "09506000134352", lot: "L", expiry: "271231",
      poolCount: imported.count, serialsHash: imported.sha256, pool: imported.pool)
    try order(.batchOpen(batch, description: description.encoded))
  }

  private func order(_ command: LineCommand) throws {
    core.step(
      .command(id: 1, command, actor: "anna"), now: Instant(nanoseconds: 1_000_000), wall: 1000)
    try flush()
  }

  private func flush() throws {
    let records = core.outbox.records
    core.outbox.records = []
    for record in records {
      try store.append(record, at: Instant(nanoseconds: 1_000_000), wall: 1000)
    }
    try store.commit()
    core.committed(now: Instant(nanoseconds: 1_000_000))
    core.outbox.actions = []
  }

  func settled() throws -> LineLoop.Settled {
    let asked = count.withLock { count in
      count += 1
      return count
    }
    try order(
      .serial(.hold, Array("S\(asked)".utf8), gtin: nil, evidence: [], reason: "wet"))
    if fails && asked.isMultiple(of: 2) {
      core = try LineRecovery.recover(from: store, settings: GoingOn.settings).core
    }
    return LineLoop.Settled(core: core, sequence: store.lastSequence, hash: store.lastHash)
  }
}

@Suite struct StateKeeperTests {
  private func withKeeper(
    recordsBetween: Int64, fails: Bool = false,
    _ body: (String, GoingOn, StateKeeper) throws -> Void
  ) throws {
    let directory = FileManager.default.temporaryDirectory.path + "/lineward-\(UUID().uuidString)"
    try FileManager.default.createDirectory(
      atPath: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let line = try GoingOn(directory, serials: 5000)
    line.fails = fails
    let keeper = StateKeeper(
      directory: directory, logger: Logger(label: "test"), pace: .milliseconds(5),
      recordsBetween: recordsBetween
    ) { answer in answer(try? line.settled()) }
    try body(directory, line, keeper)
    line.store.close()
  }

  private func wait(_ condition: () -> Bool) -> Bool {
    let end = DispatchTime.now() + .seconds(20)
    let pause = DispatchSemaphore(value: 0)
    while DispatchTime.now() < end {
      if condition() { return true }
      _ = pause.wait(timeout: .now() + .milliseconds(5))
    }
    return condition()
  }

  @Test func aStateSavedBesideALineThatGoesOnIsTrueUpToItsRecord() throws {
    try withKeeper(recordsBetween: 1) { directory, line, keeper in
      keeper.start()
      #expect(wait { FileManager.default.fileExists(atPath: directory + "/state") })
      keeper.stop()
      let saved = try #require(try SavedState.read(directory: directory))
      #expect(saved.sequence > 3)
      // What was recorded between the two asks is in it, although its serials may have been copied before.
      #expect(saved.images[1]?.word(at: 2)?.hold == true)
      #expect(RecordVerifier.verify(directory: directory).isIntact)
    }
  }

  @Test func noStateIsSavedOfALineWhoseStorageFailedMeanwhile() throws {
    try withKeeper(recordsBetween: 1, fails: true) { directory, line, keeper in
      keeper.start()
      #expect(wait { line.asked >= 6 })
      keeper.stop()
      // Each second ask was answered by another core: what was copied of the first is thrown away.
      #expect(!FileManager.default.fileExists(atPath: directory + "/state"))
    }
  }

  @Test func noStateIsSavedBeforeItIsDue() throws {
    try withKeeper(recordsBetween: 1_000_000) { directory, line, keeper in
      keeper.start()
      #expect(wait { line.asked >= 5 })
      keeper.stop()
      #expect(!FileManager.default.fileExists(atPath: directory + "/state"))
      let end = try line.settled()
      keeper.saveAtRest(end)
      let saved = try SavedState.read(directory: directory)
      #expect(saved?.sequence == end.sequence)
    }
  }
}
