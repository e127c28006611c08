import Line
import Records
import Testing

@Suite("Reconciliation from the records on disk")
struct ReconcilerRecordsTests {
  private func reconciled(_ directory: String, count: Int) throws -> Reconciliation {
    var reconciler = Reconciler(batch: 1, poolCount: count)
    try RecordReader(directory: directory).replay(batch: 1) { reconciler.take($0) }
    return reconciler.finished(pool: nil)
  }

  @Test("a unit is judged by the gate that its station had at the time, whatever it has now")
  func gateOfTheTime() throws {
    var gateless = PlayedLine.settings
    gateless.stations[0].gateOutcomes = false
    try withDirectory { directory in
      let line = try PlayedLine(directory: directory, settings: gateless)
      try line.openBatch(serials: ["A1", "A2", "A3", "A4"])
      try line.command(.batchStart(id: nil))
      try line.release()
      try line.unit(PlayedLine.scan("A1"))
      try line.step(
        .plc(station: 0, .taken(unit: line.lastUnit, verdict: Verdict.accept.rawValue)))
      try line.unit(PlayedLine.scan("X1"))
      // From here on the PLC reports what happened at the gate; the same batch goes on.
      try line.restart(settings: PlayedLine.settings)
      try line.release()
      try line.unit(PlayedLine.scan("A2"), .passed)
      try line.unit(PlayedLine.scan("X2"), .rejected)
      try line.unit(PlayedLine.scan("A3"))
      line.close()
      let result = try reconciled(directory, count: 4)
      #expect(result.units == 5 && result.passed == 2 && result.rejected == 2 && result.open == 1)
      #expect(result.isBalanced, "\(result.sentence)")
    }
  }
}
