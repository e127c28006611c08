import Foundation
import Testing

/// Archives and the saved state by the real programs.
@Suite(.serialized) struct ArchiveProcessTests {
  private static func open(_ daemon: Daemon, _ id: String, _ serials: String) throws
    -> Programs.Ended
  {
    let file = try daemon.folder.write("serials-\(id).txt", serials)
    return try daemon.ask(
      "batch", "open", "--id", id, "--gtin", "09506000134352", "--lot", "L1", "--expiry", "271231",
      "--serials", file)
  }

  /// A daemon with one closed and one open batch.
  private static func daemon() throws -> Daemon {
    let daemon = try Daemon(more: "[roles]\nquality = [\"user:root\"]")
    #expect(try daemon.startAndWait(), "\(daemon.log)")
    #expect(try open(daemon, "B-1", "A1\nA2\n").status == 0)
    let closed = try daemon.ask("batch", "close", "--id", "B-1")
    #expect(closed.status == 0, "\(closed.errors)")
    return daemon
  }

  @Test func archivedRecordsAreProvenAndTheirSerialsStayKnown() throws {
    let daemon = try Self.daemon()
    #expect(try Self.open(daemon, "B-2", "A3\n").status == 0)
    let archived = try daemon.ask("records", "archive")
    #expect(archived.status == 0, "\(archived.errors)")
    #expect(archived.output.contains("archive/0001"), "\(archived.output)")
    let folder = daemon.directory + "/archive/0001"
    let again = try daemon.ask("records", "archive")
    #expect(again.status == 75, "\(again.output)\(again.errors)")
    // It is the same before and after a restart, and while records are being removed.
    for isRestarted in [false, true] {
      if isRestarted {
        daemon.stop(SIGTERM)
        #expect(try daemon.startAndWait(), "\(daemon.log)")
      }
      #expect(try daemon.ask("batch", "list").output.contains("closed, archived"))
      let unit = try daemon.ask("unit", "A1")
      #expect(unit.status == 0 && unit.output.contains("B-1"), "\(unit.output)\(unit.errors)")
      let act = try daemon.ask("serial", "hold", "A1", "--reason", "recall")
      #expect(act.status == 75 && act.errors.contains("archive/0001"), "\(act.output)\(act.errors)")
      #expect(daemon.log.contains("serial hold A1 refused to"), "\(daemon.log)")
      let known = try Self.open(daemon, "B-3", "A4\nA1\n")
      #expect(known.status == 65 && known.errors.contains("B-1"), "\(known.errors)")
      let verified = try daemon.ask("records", "verify")
      #expect(
        verified.status == 0 && verified.output.contains("are in archives"), "\(verified.output)")
      let joined = try Programs.run(
        "lineward",
        ["records", "verify", "--directory", daemon.directory, "--archive", folder, "--json"])
      #expect(
        joined.status == 0 && !joined.output.contains("archived"),
        "\(joined.output)\(joined.errors)")
      let exported = try daemon.ask(
        "records", "export", "--batch", "B-1", "--to", daemon.folder.url.path + "/none")
      #expect(exported.status == 75 && exported.errors.contains("archive/0001"))
      let reconciled = try daemon.ask("batch", "reconcile", "--id", "B-1")
      #expect(reconciled.status == 75 && reconciled.errors.contains("archive/0001"))
    }
    let out = daemon.folder.url.path + "/out"
    let exported = try Programs.run(
      "lineward", ["records", "export", "--batch", "B-1", "--to", out, "--directory", folder])
    #expect(exported.status == 0, "\(exported.errors)")
    // Moved away: the line still knows whose the serial was.
    try FileManager.default.moveItem(atPath: folder, toPath: out + "-archive")
    let unit = try daemon.ask("unit", "A1")
    #expect(unit.status == 1 && unit.errors.contains("B-1"), "\(unit.errors)")
    #expect(try daemon.ask("records", "verify").status == 0)
    let replayed = try Programs.run(
      "lineward", ["records", "replay", "--directory", daemon.directory])
    #expect(replayed.status == 0, "\(replayed.output)\(replayed.errors)")
  }

  @Test func killedWhileRecordsAreRemovedNothingIsMissing() throws {
    let daemon = try Self.daemon()
    for number in 2...60 {
      #expect(try Self.open(daemon, "B-\(number)", "S\(number)\n").status == 0)
      #expect(try daemon.ask("batch", "close", "--id", "B-\(number)").status == 0)
    }
    #expect(try daemon.ask("records", "archive", "--before", "B-60").status == 0)
    let folder = daemon.directory + "/archive/0001"
    for _ in 0..<3 {
      daemon.stop(SIGKILL)
      let joined = try Programs.run(
        "lineward", ["records", "verify", "--directory", daemon.directory, "--archive", folder])
      #expect(joined.status == 0, "\(joined.output)\(joined.errors)")
      #expect(try daemon.startAndWait(), "\(daemon.log)")
    }
    #expect(!daemon.log.contains("left aside"), "\(daemon.log)")
  }

  @Test func aDaemonThatEndsInOrderSavesItsStateAndTheNextBeginsFromIt() throws {
    let daemon = try Self.daemon()
    #expect(try Self.open(daemon, "B-2", "A3\nA4\n").status == 0)
    #expect(try daemon.ask("serial", "hold", "A3", "--reason", "wet").status == 0)
    daemon.stop(SIGTERM)
    let state = daemon.directory + "/state"
    #expect(FileManager.default.fileExists(atPath: state))
    #expect(
      try Programs.run("lineward", ["records", "verify", "--directory", daemon.directory]).status
        == 0)
    #expect(try daemon.startAndWait(), "\(daemon.log)")
    #expect(!daemon.log.contains("left aside"), "\(daemon.log)")
    let held = try daemon.ask("unit", "A3", json: true)
    #expect(held.output.contains("\"hold\":true"), "\(held.output)")
    daemon.stop(SIGTERM)
    // Damaged, it is left aside, and nothing is lost.
    var bytes = try Data(contentsOf: URL(fileURLWithPath: state))
    bytes[bytes.count / 2] ^= 1
    try bytes.write(to: URL(fileURLWithPath: state))
    #expect(try daemon.startAndWait(), "\(daemon.log)")
    #expect(daemon.log.contains("left aside"), "\(daemon.log)")
    let again = try daemon.ask("unit", "A3", json: true)
    #expect(again.output.contains("\"hold\":true"), "\(again.output)")
  }
}
