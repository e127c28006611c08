import Foundation
import Glibc
import Line
import Records
import Testing

/// Everything that a core holds, as text, by reflection: what is forgotten in the saved state shows here, whoever added it.
func wholeText(_ value: Any, depth: Int = 0) -> String {
  if let pool = value as? SerialPool {
    return (0..<Int32(pool.count)).map { row in
      let word = pool.word(at: row)
      let reserved = word.state == .encoded ? " \(word.station)/\(word.unit)" : ""
      return "\(pool.serial(at: row)) \(word.state)\(word.hold ? " hold" : "")\(reserved)"
    }.joined(separator: "\n")
  }
  // A count of zero is no count.
  if let counts = value as? [SerialState: Int] {
    return counts.filter { $0.value != 0 }.map { "\($0.key): \($0.value)" }.sorted().joined(
      separator: ",")
  }
  let mirror = Mirror(reflecting: value)
  if mirror.children.isEmpty { return "\(value)" }
  let lines = mirror.children.map { child in
    "\(child.label ?? "-"): \(wholeText(child.value, depth: depth + 1))"
  }
  let indented =
    (mirror.displayStyle == .dictionary || mirror.displayStyle == .set)
    ? lines.sorted() : lines
  let pad = String(repeating: " ", count: depth + 1)
  return "{\n" + indented.map { pad + $0 }.joined(separator: "\n") + "}"
}

/// The first line in which two texts differ.
private func difference(_ left: String, _ right: String) -> String? {
  let left = left.split(separator: "\n", omittingEmptySubsequences: false)
  let right = right.split(separator: "\n", omittingEmptySubsequences: false)
  for (index, pair) in zip(left, right).enumerated() where pair.0 != pair.1 {
    return "line \(index): \(pair.0) | \(pair.1)"
  }
  return left.count == right.count ? nil : "\(left.count) lines | \(right.count) lines"
}

@Suite struct SavedStateTests {
  private struct Seeded: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
      state &+= 0x9E37_79B9_7F4A_7C15
      var word = state
      word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
      word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
      return word ^ (word >> 31)
    }
  }

  /// The core that a restart gives, as text; with the saved state, or after it was taken away.
  private func recovered(_ directory: String, settings: LineSettings) throws -> (String, Int64) {
    let store = try RecordStore(directory: directory, line: settings.line)
    defer { store.close() }
    let recovery = try LineRecovery.recover(from: store, settings: settings)
    #expect(recovery.remark == nil)
    var core = recovery.core
    core.begin(detail: "test", recorded: [], wall: 0)
    return (wholeText(core), recovery.savedSequence)
  }

  private func save(_ line: PlayedLine) throws {
    var images: [UInt32: SerialImage] = [:]
    for batch in line.line.batches { images[batch.number] = batch.pool?.image() }
    try SavedState(
      line.line, sequence: line.store.lastSequence, hash: line.store.lastHash, images: images,
      begun: line.store.lastSequence, directory: line.directory
    ).write(directory: line.directory)
  }

  /// A step that a line can take, whatever comes of it.
  private func anything(_ line: PlayedLine, _ random: inout Seeded, batches: inout Int) throws {
    let serial = "S\(Int.random(in: 0..<60, using: &random))"
    let outcome = Outcome.allCases.randomElement(using: &random) ?? .passed
    switch Int.random(in: 0..<24, using: &random) {
    case 0..<8: try line.unit(PlayedLine.scan(serial), outcome)
    case 8: try line.unit(PlayedLine.scan(serial))
    case 9: try line.outcome(outcome)
    case 10: try line.unit(Array("NOREAD".utf8), .rejected)
    case 11:
      try line.plc { $0.lastUnit = Counter.next(after: Counter.next(after: $0.lastUnit)) }
    case 12: try line.wait(milliseconds: 1100)
    case 13..<17:
      let act = SerialAct.allCases.randomElement(using: &random) ?? .hold
      try line.command(
        .serial(
          act, Array(serial.utf8), gtin: nil, evidence: PlayedLine.scan(serial), reason: "why"))
    case 17: try line.command(.stop(reason: "lunch"))
    case 18: try line.release()
    case 19: try line.command(.batchPause(id: nil))
    case 20: try line.command(.batchStart(id: nil))
    case 21:
      try line.command(.stop(reason: "end"))
      try line.command(.batchClose(id: nil))
    case 22:
      guard batches < 4 else { return }
      batches += 1
      try line.openBatch(id: "B-\(batches)", serials: (0..<60).map { "S\($0)" })
    default: try line.restart()
    }
  }

  @Test(arguments: 1...12)
  func aRestartFromASavedStateGivesTheCoreThatAllRecordsGive(seed: UInt64) throws {
    var random = Seeded(state: seed)
    try withDirectory { directory in
      let line = try PlayedLine(directory: directory)
      var batches = 1
      try line.openBatch(id: "B-1", serials: (0..<60).map { "S\($0)" })
      try line.command(.batchStart(id: nil))
      try line.release()
      var compared = 0
      for step in 0..<160 {
        try anything(line, &random, batches: &batches)
        guard step % 4 == 3 else { continue }
        try save(line)
        // What comes after the state is replayed on top of it.
        for _ in 0..<Int.random(in: 0..<4, using: &random) {
          try anything(line, &random, batches: &batches)
        }
        line.close()
        let (fromState, sequence) = try recovered(directory, settings: line.settings)
        #expect(sequence > 0)
        let report = RecordVerifier.verify(directory: directory)
        #expect(report.isIntact, "\(report.summary)")
        #expect(unlink(directory + "/state") == 0)
        let (fromRecords, none) = try recovered(directory, settings: line.settings)
        #expect(none == 0)
        #expect(
          difference(fromState, fromRecords) == nil, "seed \(seed), step \(step)")
        compared += 1
        try line.restart()
      }
      #expect(compared == 40)
      line.close()
    }
  }
}
