import Foundation
import Glibc
import Testing

/// Contacts, evidence, units and bundle of a case, by the real programs.
@Suite(.serialized) struct ContainmentProcessTests {
  /// A daemon with one contact, who is told by a program that keeps what it gets.
  private static func daemon() throws -> (daemon: Daemon, told: () -> String) {
    let programs = try Scratch()
    let told = programs.url.appendingPathComponent("told").path
    // Run by sh: a program of its own could not be run while another test's child still has it open (ETXTBSY).
    let script = try programs.write("tell.sh", "{ cat; echo END; } >> '\(told)'\n")
    let daemon = try Daemon(
      more: """
        [[contact]]
        name = "anna"
        role = "quality"
        command = ["/bin/sh", "\(script)"]
        [[contact]]
        name = "ben"
        role = "it"
        webhook = "https://127.0.0.1:1/T0KEN"
        """)
    return (
      daemon,
      {
        withExtendedLifetime(programs) {
          (try? String(contentsOfFile: told, encoding: .utf8)) ?? ""
        }
      }
    )
  }

  private static func openCase(_ daemon: Daemon) throws {
    let file = try daemon.folder.write("serials.txt", "A1\nA2\n")
    #expect(
      try daemon.ask(
        "batch", "open", "--id", "B-1", "--gtin", "09506000134352", "--lot", "L1", "--expiry",
        "271231", "--serials", file
      ).status == 0)
    #expect(try daemon.ask("batch", "start").status == 0)
    let opened = try daemon.ask("containment", "open", "--reason", "wrong leaflet")
    #expect(opened.status == 0, "\(opened.errors)")
  }

  @Test func aContactIsToldOnceThoughTheDaemonIsKilled() throws {
    let (daemon, told) = try Self.daemon()
    #expect(try daemon.startAndWait(), "\(daemon.log)")
    try Self.openCase(daemon)
    #expect(Programs.until(seconds: 20) { told().contains("END") })
    // On record before the kill, or it would rightly be told again.
    #expect(
      Programs.until(seconds: 20) {
        let verified = (try? daemon.ask("records", "verify", json: true))?.output ?? ""
        return verified.contains("\"intact\":true") && Self.isTold(daemon)
      })
    daemon.stop(SIGKILL)
    #expect(try daemon.startAndWait(), "\(daemon.log)")
    // The other contact is not reached: that it is tried again shows that the case goes on.
    #expect(
      Programs.until(seconds: 30) {
        daemon.log.components(separatedBy: "ben was not told").count > 2
      })
    #expect(told().components(separatedBy: "END").count == 2, "\(told())")
    #expect(!daemon.log.contains("T0KEN"))
    let tried = try daemon.ask("containment", "test-alert")
    #expect(tried.status == 1 && tried.output.contains("ben"), "\(tried.output)\(tried.errors)")
    #expect(Programs.until(seconds: 20) { told().contains("this is a test by") })
  }

  private static func isTold(_ daemon: Daemon) -> Bool {
    let bundle = daemon.folder.url.appendingPathComponent("look-\(UUID().uuidString.prefix(4))")
      .path
    guard (try? daemon.ask("containment", "bundle", "C1", "--to", bundle))?.status == 0 else {
      return false
    }
    let records = (try? String(contentsOfFile: bundle + "/records.jsonl", encoding: .utf8)) ?? ""
    return records.contains("anna<09>command<09>open")
  }

  @Test func aBundleIsWholeCheckedAndOnRecord() throws {
    let (daemon, _) = try Self.daemon()
    #expect(try daemon.startAndWait(), "\(daemon.log)")
    try Self.openCase(daemon)
    let folder = daemon.folder.url.appendingPathComponent("bundle").path
    // The daemon takes its own state beside the line; a bundle has what is there.
    #expect(
      Programs.until(seconds: 20) {
        (try? daemon.ask("containment", "show"))?.output.contains("configuration as it was") == true
      })
    let made = try daemon.ask("containment", "bundle", "C1", "--to", folder)
    #expect(made.status == 0, "\(made.errors)")
    #expect(made.output.contains("signed."), "\(made.output)")
    let key = daemon.directory + "/head-key.pub"
    let checked = try Programs.run("lineward", ["records", "check-export", folder, "--key", key])
    #expect(checked.status == 0 && checked.output.contains("case C1"), "\(checked.output)")
    let names = try FileManager.default.contentsOfDirectory(atPath: folder)
    let state = try #require(names.first { $0.hasSuffix("system-state.json") })
    let text = try String(contentsOfFile: folder + "/" + state, encoding: .utf8)
    #expect(text.contains("scanner camera-1 is offline") && text.contains("PLC plc-1 is offline"))
    for name in names {
      let file = (try? String(contentsOfFile: folder + "/" + name, encoding: .utf8)) ?? ""
      #expect(!file.contains("T0KEN"), "\(name)")
    }
    if FileManager.default.isExecutableFile(atPath: "/usr/bin/zstd") {
      #expect(FileManager.default.fileExists(atPath: folder + ".tar.zst"), "\(made.output)")
      let tar = Process()
      tar.executableURL = URL(fileURLWithPath: "/usr/bin/tar")
      tar.arguments = ["--zstd", "-df", folder + ".tar.zst", "-C", daemon.folder.url.path]
      try tar.run()
      tar.waitUntilExit()
      #expect(tar.terminationStatus == 0)
    }
    // A byte that is another one is found.
    let page = folder + "/case.html"
    let bytes = try String(contentsOfFile: page, encoding: .utf8)
    try FileManager.default.removeItem(atPath: page)
    try bytes.replacingOccurrences(of: "leaflet", with: "leafIet").write(
      toFile: page, atomically: false, encoding: .utf8)
    let wrong = try Programs.run("lineward", ["records", "check-export", folder, "--key", key])
    #expect(wrong.status == 1 && wrong.output.contains("case.html"), "\(wrong.output)")
    let shown = try daemon.ask("containment", "show", "C1")
    #expect(shown.output.contains("evidence bundle made by"), "\(shown.output)")
    let verified = try daemon.ask("records", "verify")
    #expect(verified.status == 0, "\(verified.output)")
    let replayed = try Programs.run(
      "lineward", ["records", "replay", "--directory", daemon.directory])
    #expect(replayed.status == 0, "\(replayed.output)\(replayed.errors)")
  }

  @Test func whatIsRefusedIsNamedAndLeavesNothing() throws {
    let (daemon, _) = try Self.daemon()
    #expect(try daemon.startAndWait(), "\(daemon.log)")
    let folder = daemon.folder.url.appendingPathComponent("bundle").path
    let none = try daemon.ask("containment", "bundle", "C1", "--to", folder)
    #expect(none.status == 1 && none.errors.contains("C1"), "\(none.errors)")
    #expect(!FileManager.default.fileExists(atPath: folder))
    try Self.openCase(daemon)
    let file = daemon.folder.url.appendingPathComponent("units.csv").path
    let units = try daemon.ask("containment", "units", "c1", "--to", file)
    #expect(units.status == 0 && units.output.contains("0 units"), "\(units.errors)")
    let head = try String(contentsOfFile: file, encoding: .utf8)
    #expect(head.hasPrefix("batch,gtin,serial,unit"))
    // A file that is there is nobody's to write over.
    let again = try daemon.ask("containment", "units", "C1", "--to", file)
    #expect(again.status == 65 && again.errors.contains("units.csv"), "\(again.errors)")
    #expect(try String(contentsOfFile: file, encoding: .utf8) == head)
    let unknown = try daemon.ask("containment", "units", "C9", "--csv")
    #expect(unknown.status == 1 && unknown.errors.contains("C1"), "\(unknown.errors)")
    let csv = try daemon.ask("containment", "units", "C1", "--csv")
    #expect(csv.status == 0 && csv.output == head)
    let occupied = try daemon.ask("containment", "bundle", "C1", "--to", daemon.folder.url.path)
    #expect(occupied.status == 65 && occupied.errors.contains("not empty"), "\(occupied.errors)")
  }
}
