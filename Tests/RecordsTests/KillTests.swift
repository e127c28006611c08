import Glibc
import Line
import Records
import Testing

@Suite struct KillTests {
  /// A child appends and commits and is killed in the middle of it; what it has reported as committed has to be there.
  @Test(arguments: 0..<12) func whatWasReportedCommittedOutlivesTheProcess(_ round: Int)
    async throws
  {
    try await withDirectory { directory in
      let milliseconds = Int32(3 + round * round)
      await #expect(processExitsWith: .signal(SIGKILL)) {
        [directory = directory as String, milliseconds = milliseconds as Int32] in
        let store = try RecordStore(directory: directory, line: "L01")
        let report = open(directory + "/reported", O_WRONLY | O_CREAT | O_TRUNC, 0o644)
        var turn = 0
        while true {
          turn += 1
          if turn == 2 { killSelf(after: milliseconds) }
          for index in 0..<(turn % 7 == 0 ? 400 : 3) {
            try store.append(
              Record(.strayRead, raw: [UInt8](repeating: 0x41, count: index)), at: instant(0))
          }
          try store.commit()
          var reported = store.lastSequence
          pwrite(report, &reported, 8, 0)
          try store.idle(isQuiet: true)
        }
      }
      let reported = (try? read(directory + "/reported")) ?? []
      let committed = reported.enumerated().reduce(Int64(0)) { $0 | Int64($1.1) << ($1.0 * 8) }
      let store = try RecordStore(directory: directory, line: "L01")
      #expect(committed > 0)
      #expect(store.lastSequence >= committed)
      var count: Int64 = 0
      try store.replay { _ in count += 1 }
      #expect(count == store.lastSequence)
      try store.append(Record(.started), at: instant(0))
      try store.commit()
      store.close()
      #expect(RecordVerifier.verify(directory: directory).isIntact)
    }
  }
}

/// Kills this process after a while from a thread of its own, so that no process of another's can be hit.
private func killSelf(after milliseconds: Int32) {
  let wait = UnsafeMutablePointer<Int32>.allocate(capacity: 1)
  wait.pointee = milliseconds
  var thread = pthread_t()
  pthread_create(
    &thread, nil,
    { context in
      poll(nil, 0, context?.load(as: Int32.self) ?? 0)
      kill(getpid(), SIGKILL)
      return nil
    }, wait)
}
