import Line
import Records
import Testing

@Suite("Serials of a closed batch, in the records")
struct ClosedBatchTests {
  private func act(
    _ act: SerialAct, _ row: Int32, _ line: PlayedLine, _ reader: RecordReader
  ) throws -> Bool {
    let closed = ClosedSerial(
      batch: 1, changes: line.line.batches[0].changes, row: row, serial: Array("A\(row)".utf8),
      word: try reader.word(batch: 1, row: row))
    try line.command(.closedSerial(act, closed, evidence: [], reason: "recall"))
    if case .done = line.replies.last { return true }
    return false
  }

  @Test(
    "acts after the close verify and replay, also after a restart, and the balances stay as they were"
  )
  func acts() throws {
    try withDirectory { directory in
      let line = try PlayedLine(directory: directory)
      try line.openBatch(serials: ["A0", "A1", "A2"])
      try line.command(.batchStart(id: nil))
      try line.release()
      for row in 0..<2 { try line.unit(PlayedLine.scan("A\(row)"), .passed) }
      try line.command(.stop(reason: "end"))
      try line.command(.batchClose(id: nil))
      let reader = try RecordReader(directory: directory)
      #expect(try act(.hold, 0, line, reader))
      try line.restart()
      #expect(try reader.word(batch: 1, row: 0).hold)
      #expect(try !act(.hold, 0, line, reader), "it is on hold already")
      #expect(try act(.sample, 0, line, reader) && act(.destroy, 0, line, reader))
      #expect(try act(.giveBack, 2, line, reader) && !act(.sample, 2, line, reader))
      #expect(try reader.word(batch: 1, row: 0).state == .destroyed)
      line.close()
      #expect(RecordVerifier.verify(directory: directory).isIntact)
      let replay = RecordReplay.run(directory: directory)
      #expect(replay.agrees, "\(replay)")
      var reconciler = Reconciler(batch: 1, poolCount: 3)
      try RecordReader(directory: directory).replay(batch: 1) { reconciler.take($0) }
      let result = reconciler.finished(pool: nil)
      #expect(result.isBalanced && result.serials[.commissioned] == 2, "\(result.sentence)")
    }
  }

  @Test("verify finds an act on a closed batch's serial that its state does not allow")
  func forged() throws {
    try withDirectory { directory in
      let line = try PlayedLine(directory: directory)
      try line.openBatch(serials: ["A0"])
      try line.command(.batchClose(id: nil))
      for _ in 0..<2 {
        try line.store.append(
          Record(
            .serialChanged, batch: 1, row: 0, code: SerialAct.giveBack.rawValue,
            state: .serialInvalid, actor: "nobody", detail: "twice"), at: instant(0))
      }
      try line.store.commit()
      line.close()
      let report = RecordVerifier.verify(directory: directory)
      #expect(report.firstBad?.message.contains("closed batch") == true, "\(report.summary)")
    }
  }
}
