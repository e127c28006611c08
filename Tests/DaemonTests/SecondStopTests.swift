import Foundation
import Testing

@testable import Daemon

/// The program that is the second way to stop: without a shell, and never longer than its time.
@Suite struct SecondStopTests {
  @Test func aProgramGetsItsArgumentsAsTheyStand() throws {
    let file = FileManager.default.temporaryDirectory.appendingPathComponent(
      "lineward $(touch oops); \(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: file) }
    #expect(SecondStop.run(["/usr/bin/touch", file.path], within: .seconds(20)) == nil)
    #expect(FileManager.default.fileExists(atPath: file.path))
  }

  @Test(
    arguments: [
      (["/bin/sh", "-c", "exit 3"], "it ended with exit code 3"),
      (["/bin/sh", "-c", "kill -9 $$"], "it ended by signal 9"),
      (["/nowhere/stop-line"], "it cannot be started: No such file or directory"),
      (["/etc/passwd"], "it cannot be started: Permission denied"),
      ([], "no program is configured"),
    ] as [([String], String)])
  func whatWentWrongIsSaid(command: [String], words: String) {
    #expect(SecondStop.run(command, within: .seconds(20)) == words)
  }

  @Test func aProgramThatDoesNotEndIsKilledWithWhatItStarted() {
    let begun = ContinuousClock.now
    let failure = SecondStop.run(
      ["/bin/sh", "-c", "trap '' TERM; sleep 600 & sleep 600"], within: .milliseconds(200))
    #expect(failure == "it did not end within 200 ms and was killed")
    #expect(ContinuousClock.now - begun < .seconds(10))
  }

  @Test func aProgramFeelsSignalsThatTheDaemonIgnores() {
    // Were SIGPIPE still ignored, yes(1) would complain and end with 1 instead of by its signal.
    #expect(
      SecondStop.run(
        ["/bin/sh", "-c", "kill -PIPE $$; exit 0"], within: .seconds(20))
        == "it ended by signal 13")
  }
}
