import Alarms
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
  // Of what was passed it keeps now more, now less.
  if let order = value as? PrintOrder {
    let places = (Int32(0)..<100).map {
      "\($0): \(order.wasPrinted($0)) \(order.breach($0, window: 0) ?? "due")"
    }
    return
      "\(order.source) \(order.printed) \(order.next) \(order.skipped) \(order.recentSkips) \(order.isComplete)\n"
      + places.joined(separator: "\n")
  }
  let mirror = Mirror(reflecting: value)
  // Likewise.
  if mirror.displayStyle == .struct, let elements = value as? any Collection {
    return elements.map { wholeText($0, depth: depth + 1) }.joined(separator: "\n")
  }
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
func difference(_ left: String, _ right: String) -> String? {
  let left = left.split(separator: "\n", omittingEmptySubsequences: false)
  let right = right.split(separator: "\n", omittingEmptySubsequences: false)
  for (index, pair) in zip(left, right).enumerated() where pair.0 != pair.1 {
    return "line \(index): \(pair.0) | \(pair.1)"
  }
  return left.count == right.count ? nil : "\(left.count) lines | \(right.count) lines"
}

@Suite struct SavedStateTests {
  struct Seeded: RandomNumberGenerator {
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
  fileprivate func recovered(_ directory: String, settings: LineSettings) throws -> (String, Int64)
  {
    let store = try RecordStore(directory: directory, line: settings.line)
    defer { store.close() }
    let recovery = try LineRecovery.recover(from: store, settings: settings)
    #expect(recovery.remark == nil)
    var core = recovery.core
    core.begin(detail: "test", recorded: [], wall: 0)
    return (wholeText(core), recovery.savedSequence)
  }

  fileprivate func save(_ line: PlayedLine) throws {
    var images: [UInt32: SerialImage] = [:]
    for batch in line.line.batches { images[batch.number] = batch.pool?.image() }
    try SavedState(
      line.line, sequence: line.store.lastSequence, hash: line.store.lastHash, images: images,
      begun: line.store.lastSequence, directory: line.directory
    ).write(directory: line.directory)
  }

  /// A step that a line can take, whatever comes of it.
  static func anything(_ line: PlayedLine, _ random: inout Seeded, batches: inout Int) throws {
    let serial = "S\(Int.random(in: 0..<60, using: &random))"
    let outcome = Outcome.allCases.randomElement(using: &random) ?? .passed
    if line.settings.printFeed != nil, Int.random(in: 0..<3, using: &random) == 0 {
      if line.line.status.batch == nil {
        batches += 1
        try line.openBatch(
          id: "B-\(batches)", serials: (0..<60).map { "S\($0)" }, printed: .feed)
      }
      try line.command(.batchStart(id: nil))
      if !line.line.status.permit { try line.release() }
      switch Int.random(in: 0..<8, using: &random) {
      case 0:
        try line.command(.challengeStart(station: "unit-1"))
        if !line.line.status.permit { try line.release() }
        if Bool.random(using: &random) { try line.unit(Array("NOREAD".utf8), .rejected) }
      case 1: try line.command(.challengeCancel(station: "unit-1", reason: "why"))
      default:
        let first = Int.random(in: 0..<60, using: &random)
        try line.printed((first..<first + 5).map { "S\($0)" })
        if !line.line.status.permit { try line.release() }
        try line.unit(
          PlayedLine.scan("S\(first + Int.random(in: 0..<3, using: &random))"), .passed)
      }
      return
    }
    switch Int.random(in: 0..<30, using: &random) {
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
      try line.openBatch(
        id: "B-\(batches)", serials: (0..<60).map { "S\($0)" },
        printed: line.settings.printFeed == nil ? nil : .feed)
    case 23:
      try line.command(.shelve(id: "scanner_drifted@camera-1", minutes: 1, reason: "why"))
    case 24: try line.command(.unshelve(id: "scanner_drifted@camera-1"))
    case 25:
      try line.command(.outOfService(id: "machine_not_ready@unit-1", reason: "why"))
      try line.command(.outOfService(id: "disk_filling", reason: "why"))
    case 26: try line.command(.inService(id: "disk_filling"))
    case 27:
      for _ in 0..<3 {
        try line.step(.scannerTrouble(0, .scannerDrifted, message: "does so"))
        try line.step(.scannerTrouble(0, .scannerDrifted, message: nil))
      }
    case 28:
      try line.step(.surroundings(.diskFilling, stands: true, message: "soon"))
      try line.plc { $0.inputs.formSymmetricDifference(.rejectBinFull) }
    default: try line.restart()
    }
  }

  @Test(arguments: 1...10)
  func aRestartFromASavedStateGivesTheCoreThatAllRecordsGive(seed: UInt64) throws {
    var random = Seeded(state: seed)
    try withDirectory { directory in
      let isFed = seed > 6
      let line = try PlayedLine(
        directory: directory, settings: isFed ? PlayedLine.fed : PlayedLine.settings)
      var batches = 1
      var printed = 0
      var challenged = false
      try line.openBatch(
        id: "B-1", serials: (0..<60).map { "S\($0)" }, printed: isFed ? .feed : nil)
      try line.command(.batchStart(id: nil))
      try line.release()
      if isFed {
        // What chance may leave out: serials read as they were printed, and a challenge test that is passed.
        try line.printed((0..<5).map { "S\($0)" })
        for number in 0..<3 { try line.unit(PlayedLine.scan("S\(number)"), .passed) }
        try line.command(.challengeStart(station: "unit-1"))
        try line.unit(Array("NOREAD".utf8), .rejected)
      }
      var compared = 0
      for step in 0..<160 {
        try Self.anything(line, &random, batches: &batches)
        printed = max(printed, line.line.batches.compactMap(\.order?.next).max() ?? 0)
        if line.line.status.stations[0].challenge?.passedAt != nil { challenged = true }
        guard step % 4 == 3 else { continue }
        try save(line)
        // What comes after the state is replayed on top of it.
        for _ in 0..<Int.random(in: 0..<4, using: &random) {
          try Self.anything(line, &random, batches: &batches)
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
      #expect(!isFed || (printed > 2 && challenged), "\(printed) printed and passed, \(challenged)")
      line.close()
    }
  }
}

// MARK: What must not mislead

extension SavedStateTests {
  /// A line with a day behind it, saved and at rest.
  fileprivate func saved(_ directory: String) throws -> PlayedLine {
    let line = try PlayedLine(directory: directory)
    try line.dayOfEverything()
    try save(line)
    try line.command(.serial(.hold, Array("S30".utf8), gtin: nil, evidence: [], reason: "wet"))
    line.close()
    return line
  }

  private func remark(_ directory: String) throws -> String? {
    let store = try RecordStore(directory: directory, line: "L01")
    defer { store.close() }
    return try LineRecovery.recover(from: store, settings: PlayedLine.settings).remark
  }

  @Test func aTornOrChangedFileIsLeftAside() throws {
    try withDirectory { directory in
      let line = try saved(directory)
      let good = try read(directory + "/state")
      #expect(unlink(directory + "/state") == 0)
      let (right, _) = try recovered(directory, settings: line.settings)
      func expectLeftAside(_ bytes: [UInt8], _ what: String) throws {
        try write(bytes, to: directory + "/state")
        let store = try RecordStore(directory: directory, line: "L01")
        defer { store.close() }
        var recovery = try LineRecovery.recover(from: store, settings: line.settings)
        #expect(recovery.remark?.contains("is left aside") == true, "\(what)")
        #expect(recovery.savedSequence == 0)
        recovery.core.begin(detail: "test", recorded: [], wall: 0)
        #expect(difference(wholeText(recovery.core), right) == nil, "\(what)")
      }
      for length in stride(from: 0, to: good.count, by: good.count / 40 + 1) {
        try expectLeftAside(Array(good[..<length]), "cut to \(length) bytes")
      }
      for offset in stride(from: 0, to: good.count - 1, by: good.count / 60 + 1) {
        var bytes = good
        bytes[offset] ^= 0x01
        try expectLeftAside(bytes, "byte \(offset) changed")
      }
      try write(good, to: directory + "/state")
      #expect(try remark(directory) == nil)
    }
  }

  @Test func aStateThatRunsAheadOfTheRecordsIsLeftAside() throws {
    try withDirectory { directory in
      let line = try PlayedLine(directory: directory)
      try line.dayOfEverything()
      line.close()
      let older = try read(directory + "/records.sqlite")
      try line.restart()
      try line.command(.stop(reason: "end"))
      try save(line)
      line.close()
      // A copy from before, put back with its mark taken away, as the fault for a missing tail says.
      try write(older, to: directory + "/records.sqlite")
      for name in ["records.sqlite-wal", "records.sqlite-shm", "head"] {
        unlink(directory + "/" + name)
      }
      #expect(try remark(directory)?.contains("not in this chain") == true)
    }
  }

  @Test func aStateOfOtherStationsOrAnotherKeyIsLeftAside() throws {
    try withDirectory { directory in
      let line = try saved(directory)
      var settings = line.settings
      settings.stations[0].gateOutcomes = false
      let store = try RecordStore(directory: directory, line: "L01")
      let recovery = try LineRecovery.recover(from: store, settings: settings)
      #expect(recovery.remark?.contains("other stations") == true)
      store.close()
      unlink(directory + "/head-key")
      unlink(directory + "/head-key.pub")
      #expect(try remark(directory)?.contains("signature") == true)
    }
  }

  @Test func verifyNamesTheFirstSerialThatTheSavedStateHasWrong() throws {
    try withDirectory { directory in
      let line = try PlayedLine(directory: directory)
      try line.openBatch(serials: (0..<40).map { "S\($0)" })
      try line.command(.batchStart(id: nil))
      try line.release()
      try line.unit(PlayedLine.scan("S7"), .passed)
      try line.unit(PlayedLine.scan("S9"), .passed)
      try save(line)
      #expect(RecordVerifier.verify(directory: directory).isIntact)
      var state = try #require(try SavedState.read(directory: directory))
      #expect(state.images[1]?.bytes[7] == SerialState.commissioned.rawValue)
      state.images[1]?.bytes[7] = SerialState.allocated.rawValue
      state.images[1]?.bytes[9] = SerialState.allocated.rawValue
      try state.write(directory: directory)
      let bad = try #require(RecordVerifier.verify(directory: directory).firstBad)
      #expect(bad.sequence == state.sequence)
      #expect(
        bad.message.contains(
          "serial 8 of batch B-1 is allocated, and by the records commissioned"))
      line.close()
    }
  }

  @Test(arguments: 1...4)
  func imagesTakenBesideARunningLineAreThoseOfTheRecordInTheEnd(seed: UInt64) throws {
    var random = Seeded(state: seed)
    try withDirectory { directory in
      let line = try PlayedLine(directory: directory)
      var batches = 1
      try line.openBatch(id: "B-1", serials: (0..<60).map { "S\($0)" })
      try line.command(.batchStart(id: nil))
      try line.release()
      for _ in 0..<30 {
        let begun = line.store.lastSequence
        // Each serial is copied at a moment of its own, some of them between a record and the next.
        var images: [UInt32: SerialImage] = [:]
        for batch in line.line.batches { images[batch.number] = batch.pool?.image() }
        for _ in 0..<6 {
          for step in 0..<2 where step == 0 || Bool.random(using: &random) {
            // A restart is no running line.
            var choice = random
            if Int.random(in: 0..<24, using: &choice) != 23 {
              try Self.anything(line, &random, batches: &batches)
            } else {
              _ = random.next()
            }
          }
          for batch in line.line.batches {
            guard let now = batch.pool?.image(), images[batch.number] != nil else { continue }
            for row in now.bytes.indices where Int.random(in: 0..<4, using: &random) == 0 {
              images[batch.number]?.bytes[row] = now.bytes[row]
              images[batch.number]?.reserved[Int32(row)] = now.reserved[Int32(row)]
            }
          }
        }
        let state = try SavedState(
          line.line, sequence: line.store.lastSequence, hash: line.store.lastHash, images: images,
          begun: begun, directory: directory)
        for batch in line.line.batches {
          #expect(state.images[batch.number] == batch.pool?.image(), "seed \(seed)")
        }
      }
      line.close()
    }
  }
}
