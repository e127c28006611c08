import Foundation
import Testing

/// SIGHUP under a running daemon.
@Suite(.serialized) struct ReloadTests {
  /// Changes the daemon's file, asks for a reload and waits for an answer in the log.
  private func reload(
    _ daemon: Daemon, _ change: (String) -> String, until answer: String
  ) throws {
    let file = daemon.folder.url.appendingPathComponent("lineward.toml")
    let text = try String(contentsOf: file, encoding: .utf8)
    _ = try daemon.folder.write("lineward.toml", change(text))
    kill(daemon.process.processIdentifier, SIGHUP)
    #expect(Programs.until(seconds: 10) { daemon.log.contains(answer) }, "\(daemon.log)")
    #expect(try daemon.ask("status").status == 0, "it goes on")
  }

  @Test func everyMistakeIsLoggedAndWhatRunsStays() throws {
    let daemon = try Daemon()
    #expect(try daemon.startAndWait(), "\(daemon.log)")
    try reload(
      daemon, { $0 + "\n[limits]\nconsecutive_rejects = 0\nspeed = 1\n" },
      until: "the configuration that runs stays")
    let file = daemon.folder.url.appendingPathComponent("lineward.toml")
    let lines = try String(contentsOf: file, encoding: .utf8).components(separatedBy: "\n")
    let wrong = try #require(lines.firstIndex(of: "consecutive_rejects = 0")) + 1
    #expect(
      daemon.log.contains("lineward.toml:\(wrong):23: limits.consecutive_rejects: 0 is out of"))
    #expect(
      daemon.log.contains("lineward.toml:\(wrong + 1):9: limits.speed: there is no such key"))
    #expect(!daemon.log.contains("loaded anew"))
  }

  @Test func whatNeedsARestartIsNamed() throws {
    let daemon = try Daemon()
    #expect(try daemon.startAndWait(), "\(daemon.log)")
    try reload(
      daemon, { $0.replacingOccurrences(of: "plc_base = 100", with: "plc_base = 200") },
      until: "[[station]] \"unit-1\" changed, which needs a restart")
    #expect(!daemon.log.contains("loaded anew"))
  }

  @Test func aGoodFileIsTakenAfterABadOne() throws {
    let daemon = try Daemon()
    #expect(try daemon.startAndWait(), "\(daemon.log)")
    try reload(daemon, { "[lin\n" + $0 }, until: "this is no TOML")
    try reload(
      daemon, { String($0.dropFirst(5)) + "\n[limits]\nconsecutive_rejects = 7\n" },
      until: "configuration loaded anew")
  }

  /// The answer to a key of 20,000 parts once was a stack overflow, and so the end of the daemon.
  @Test func aFileThatIsDamagedDoesNotEndTheDaemon() throws {
    let daemon = try Daemon()
    #expect(try daemon.startAndWait(), "\(daemon.log)")
    let deep = Array(repeating: "a", count: 20_000).joined(separator: ".")
    try reload(daemon, { $0 + "\n[\(deep)]\n" }, until: "a key has too many parts")
    #expect(daemon.process.isRunning)
  }
}
