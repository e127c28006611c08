import Foundation
import Testing

/// Alarms of the real daemon, through the real command line: set aside by people, over a crash.
@Suite(.serialized) struct AlarmProcessTests {
  private struct Alarm: Decodable {
    var id: String
    var occurrence: Int
    var state: String
    var shelved_until: String?
    var by: String?
    var reason: String?
  }

  private func alarm(_ id: String, _ daemon: Daemon) throws -> Alarm? {
    let ended = try daemon.ask("alarms", json: true)
    return try JSONDecoder().decode([Alarm].self, from: Data(ended.output.utf8)).first {
      $0.id == id
    }
  }

  @Test("what was put aside is so after a crash; what needs a person is never put aside")
  func shelved() throws {
    let daemon = try Daemon()
    #expect(try daemon.startAndWait())
    let link = "plc_link_lost@unit-1"
    #expect(
      Programs.until(seconds: 20) { (try? alarm(link, daemon))?.state == "unacknowledged" })
    #expect(
      try daemon.ask("shelve", link, "--minutes", "30", "--reason", "cabinet is open").status == 0)
    #expect(
      try daemon.ask("alarms", "out-of-service", "disk_filling", "--reason", "new disk").status
        == 0)
    let before = try #require(try alarm(link, daemon))
    #expect(before.state == "shelved" && before.reason == "cabinet is open" && before.by != nil)
    daemon.stop(SIGKILL)
    #expect(try daemon.startAndWait())
    let after = try #require(try alarm(link, daemon))
    #expect(after.state == "shelved" && after.shelved_until == before.shelved_until)
    #expect(try alarm("disk_filling", daemon)?.state == "out_of_service")
    // Asked of the wrong one, of none, twice, and of one that is never put aside.
    for (words, status) in [
      (["ack", link, "--occurrence", "\(after.occurrence + 1)"], Int32(75)),
      (["ack", "nothing@nowhere", "--occurrence", "1"], 1), (["reset", link], 75),
      (["shelve", link, "--minutes", "5", "--reason", "x"], 75),
      (["shelve", "nothing@nowhere", "--minutes", "5", "--reason", "x"], 1),
      (["shelve", "stop_not_confirmed", "--minutes", "5", "--reason", "x"], 75),
      (["shelve", link, "--minutes", "481", "--reason", "x"], 64),
      (["alarms", "in-service", link], 75), (["unshelve", link], 0),
      (["alarms", "in-service", "disk_filling"], 0),
    ] {
      let ended = try Programs.run("lineward", ["--socket", daemon.socket] + words)
      #expect(ended.status == status, "\(words): \(ended.errors)")
      #expect(status == 0 || !ended.errors.isEmpty)
    }
    #expect(try alarm(link, daemon)?.state == "unacknowledged")
    #expect(try alarm("disk_filling", daemon) == nil)
    let metrics = try daemon.ask("alarms", "metrics")
    #expect(metrics.status == 0 && metrics.output.contains(link))
    daemon.stop(SIGTERM)
    let verified = try Programs.run(
      "lineward", ["records", "verify", "--directory", daemon.directory])
    #expect(verified.status == 0, "\(verified.output)")
    let replayed = try Programs.run(
      "lineward", ["records", "replay", "--directory", daemon.directory])
    #expect(replayed.status == 0, "\(replayed.output)")
  }
}
