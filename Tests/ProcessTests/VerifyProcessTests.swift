import Foundation
import Line
import Records
import Testing

/// `lineward records verify` with heads and keys that were kept elsewhere, by the real program.
@Suite(.serialized) struct VerifyProcessTests {
  /// Records of a line in a folder of their own, and what was kept elsewhere of them.
  private final class Kept {
    let scratch: Scratch
    let directory: String
    let key: String
    private(set) var heads: [SignedHead] = []

    init(line: String = "L01") throws {
      scratch = try Scratch()
      directory = scratch.url.appendingPathComponent("records").path
      key = scratch.url.appendingPathComponent("kept.pub").path
      for _ in 0..<3 { try add(line: line, records: 10) }
      try FileManager.default.copyItem(atPath: directory + "/head-key.pub", toPath: key)
    }

    func add(line: String, records: Int) throws {
      let store = try RecordStore(directory: directory, line: line)
      for _ in 0..<records {
        try store.append(Record(.strayRead, raw: [0x41]), at: Instant(nanoseconds: 0))
      }
      store.close()
      if let head = store.lastHead { heads.append(head) }
    }

    /// A file of heads as it is kept: notes one after the other.
    func headsFile(_ heads: [SignedHead]) throws -> String {
      try scratch.write("heads.txt", heads.map(\.note).joined(separator: "\n"))
    }

    func sql(_ text: String) throws {
      let status = try Programs.shell(
        """
        sqlite3 '\(directory)/records.sqlite' 'DROP TRIGGER records_stay; DROP TRIGGER records_remain; \(text)'
        """)
      try #require(status == 0, "sqlite3 is needed")
    }

    func verify(heads: String? = nil, key: String? = nil) throws -> Programs.Ended {
      try Programs.run(
        "lineward",
        ["records", "verify", "--directory", directory]
          + (heads.map { ["--heads", $0] } ?? []) + (key.map { ["--key", $0] } ?? []))
    }
  }

  static let hasSQLite = FileManager.default.isExecutableFile(atPath: "/usr/bin/sqlite3")

  @Test func whatProvesTheEndIsSaid() throws {
    let kept = try Kept()
    let byMark = try kept.verify()
    #expect(byMark.status == 0, "\(byMark.output)")
    #expect(byMark.output.contains("nothing but the mark"), "\(byMark.output)")
    let proven = try kept.verify(heads: kept.headsFile(kept.heads), key: kept.key)
    #expect(proven.status == 0, "\(proven.output)")
    #expect(!proven.output.contains("cut off"), "\(proven.output)")
    let older = try kept.verify(heads: kept.headsFile([kept.heads[0]]), key: kept.key)
    #expect(older.output.contains("prove the records up to 10;"), "\(older.output)")
    let keyless = try kept.verify(heads: kept.headsFile(kept.heads))
    #expect(keyless.output.contains("none kept elsewhere was given (--key)"), "\(keyless.output)")
    try FileManager.default.removeItem(atPath: kept.directory + "/head")
    let unproven = try kept.verify()
    #expect(unproven.status == 0)
    #expect(unproven.output.contains("Nothing proves the end"), "\(unproven.output)")
    let json = try Programs.run(
      "lineward", ["--json", "records", "verify", "--directory", kept.directory])
    #expect(json.output.contains(#""remarks":["Nothing proves the end"#), "\(json.output)")
  }

  @Test(.enabled(if: hasSQLite, "sqlite3 is not installed"))
  func aCutTailIsFoundByAHeadKeptElsewhereAndByNothingElse() throws {
    let kept = try Kept()
    let heads = try kept.headsFile(kept.heads)
    try kept.sql("DELETE FROM records WHERE sequence > 20; DELETE FROM heads WHERE sequence > 20;")
    try FileManager.default.removeItem(atPath: kept.directory + "/head")
    #expect(try kept.verify(key: kept.key).status == 0)
    for key in [nil, kept.key] {
      let ended = try kept.verify(heads: heads, key: key)
      #expect(ended.status == 1)
      #expect(ended.output.contains("Record 21: missing"), "\(ended.output)")
      #expect(ended.output.contains("names record 30"), "\(ended.output)")
    }
  }

  @Test(.enabled(if: hasSQLite, "sqlite3 is not installed"))
  func aCutTailWhoseHeadsWereForgottenIsFoundWithoutAnything() throws {
    let kept = try Kept()
    try kept.sql("DELETE FROM records WHERE sequence > 20;")
    try FileManager.default.removeItem(atPath: kept.directory + "/head")
    let ended = try kept.verify()
    #expect(ended.status == 1)
    #expect(ended.output.contains("Record 21: missing: there is a signed head of record 30"))
  }

  @Test(
    .enabled(if: hasSQLite, "sqlite3 is not installed"),
    arguments: [
      ("UPDATE records SET raw = zeroblob(1) WHERE sequence = 14;", 14),
      ("DELETE FROM records WHERE sequence = 14;", 14),
      (
        "UPDATE records SET sequence = -1 WHERE sequence = 14; UPDATE records SET sequence = 14 WHERE sequence = 15; "
          + "UPDATE records SET sequence = 15 WHERE sequence = -1;", 14
      ),
    ])
  func whatWasDoneToARecordIsNamed(_ sql: String, _ sequence: Int) throws {
    let kept = try Kept()
    try kept.sql(sql)
    let ended = try kept.verify()
    #expect(ended.status == 1)
    #expect(ended.output.contains("Record \(sequence): "), "\(ended.output)")
  }

  @Test func aRewrittenDatabaseIsNamedByAHeadKeptElsewhere() throws {
    let kept = try Kept()
    let heads = try kept.headsFile(kept.heads)
    // The forger's own line, whole in itself, in place of the right one.
    let forged = try Kept()
    for name in try FileManager.default.contentsOfDirectory(atPath: kept.directory) {
      try FileManager.default.removeItem(atPath: kept.directory + "/" + name)
    }
    for name in try FileManager.default.contentsOfDirectory(atPath: forged.directory) {
      try FileManager.default.copyItem(
        atPath: forged.directory + "/" + name, toPath: kept.directory + "/" + name)
    }
    #expect(try kept.verify().status == 0)
    let byHeads = try kept.verify(heads: heads, key: kept.key)
    #expect(byHeads.status == 1)
    #expect(byHeads.output.contains("Record 10: "), "\(byHeads.output)")
    #expect(byHeads.output.contains("the chain was rewritten"), "\(byHeads.output)")
    let byKey = try kept.verify(key: kept.key)
    #expect(byKey.status == 1 && byKey.output.contains("Record 10: "), "\(byKey.output)")
  }

  @Test func aWrongKeyAndAHeadOfAnotherLineAreNamed() throws {
    let kept = try Kept()
    let other = try Kept(line: "L02")
    let wrongKey = try kept.verify(heads: kept.headsFile(kept.heads), key: other.key)
    #expect(wrongKey.status == 1)
    #expect(wrongKey.output.contains("none of those that signed"), "\(wrongKey.output)")
    for key in [nil, kept.key] {
      let otherLine = try kept.verify(heads: kept.headsFile([other.heads[1]]), key: key)
      #expect(otherLine.status == 1)
      #expect(
        otherLine.output.contains("is one of lineward/L02, not of lineward/L01"),
        "\(otherLine.output)")
    }
    let forged = SignedHead(
      note: kept.heads[2].note.replacingOccurrences(of: "\n30\n", with: "\n20\n"))
    let ended = try kept.verify(heads: kept.headsFile([try #require(forged)]), key: kept.key)
    #expect(ended.status == 1)
    #expect(ended.output.contains("no right signature"), "\(ended.output)")
  }

  @Test func garbageAndWhatIsNotThereAreBadInput() throws {
    let kept = try Kept()
    let good = try kept.headsFile(kept.heads)
    for text in ["", "garbage\n", "lineward/L01\n30\n", kept.heads[0].note + "and more\n"] {
      let ended = try kept.verify(heads: kept.scratch.write("garbage.txt", text))
      #expect(ended.status == 65, "\(text): \(ended.output)")
      #expect(ended.errors.contains("garbage.txt"), "\(ended.errors)")
      let key = try kept.verify(heads: good, key: kept.scratch.write("garbage.pub", text))
      #expect(key.status == 65 && key.errors.contains("garbage.pub"), "\(key.errors)")
    }
    let absent = try kept.verify(heads: "/nonexistent/heads.txt")
    #expect(absent.status == 65 && absent.errors.contains("/nonexistent/heads.txt"))
    let folder = try kept.verify(heads: kept.directory)
    #expect(folder.status == 65, "\(folder.errors)")
  }

  @Test func anExtractOfTheJournalServesAsHeads() throws {
    let kept = try Kept()
    // As journalctl -o cat --output-fields=LINEWARD_HEAD prints it: each value, and a line feed.
    let extract = kept.heads.map { $0.note + "\n" }.joined()
    let ended = try kept.verify(heads: kept.scratch.write("journal.txt", extract), key: kept.key)
    #expect(ended.status == 0, "\(ended.output)\(ended.errors)")
    #expect(!ended.output.contains("cut off"), "\(ended.output)")
  }
}

/// Heads leave the real daemon, and its key is changed by the real command.
@Suite(.serialized) struct HeadsProcessTests {
  private static func daemon(more: String) throws -> Daemon {
    let daemon = try Daemon()
    let file = daemon.folder.url.appendingPathComponent("lineward.toml").path
    let text = try String(contentsOfFile: file, encoding: .utf8)
    _ = try daemon.folder.write(
      "lineward.toml", text.replacingOccurrences(of: "[control]", with: more + "\n[control]"))
    return daemon
  }

  @Test func headsReachFileAndCommandAndProveTheRecords() throws {
    let folder = try Scratch()
    let kept = try folder.write("heads.txt", "")
    let sent = folder.url.appendingPathComponent("sent.txt").path
    let daemon = try Self.daemon(
      more: """
        heads_file = "\(kept)"
        heads_command = ["/bin/sh", "-c", "cat >> '\(sent)'"]
        """)
    #expect(try daemon.startAndWait(), "\(daemon.log)")
    func text(_ path: String) -> String {
      (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
    }
    #expect(Programs.until(seconds: 20) { !text(kept).isEmpty && !text(sent).isEmpty })
    #expect(daemon.log.contains("the records are signed up to record"), "\(daemon.log)")
    daemon.stop(SIGTERM)
    #expect(daemon.process.terminationStatus == 0, "\(daemon.log)")
    // The last head, signed as the daemon ends, has gone out too.
    for path in [kept, sent] {
      let ended = try Programs.run(
        "lineward",
        [
          "records", "verify", "--directory", daemon.directory, "--heads", path, "--key",
          daemon.directory + "/head-key.pub",
        ])
      #expect(ended.status == 0, "\(ended.output)")
      #expect(!ended.output.contains("cut off"), "\(path): \(ended.output)")
    }
  }

  @Test func anAbsentFileAndAHangingCommandAreAnAlarmAndHoldNothingUp() throws {
    let daemon = try Self.daemon(
      more: """
        heads_file = "/nonexistent/heads.txt"
        heads_command = ["/bin/sleep", "300"]
        heads_timeout_ms = 300
        """)
    #expect(try daemon.startAndWait(), "\(daemon.log)")
    let isRaised = Programs.until(seconds: 20) {
      (try? daemon.ask("alarms"))?.output.contains("head_not_kept") ?? false
    }
    #expect(isRaised, "\(daemon.log)")
    #expect(try daemon.ask("line", "stop", "--reason", "a test").status == 0)
    #expect(
      Programs.until(seconds: 20) {
        daemon.log.contains("was killed") && daemon.log.contains("mount its disk")
      }, "\(daemon.log)")
    daemon.stop(SIGTERM)
    #expect(daemon.process.terminationStatus == 0, "\(daemon.log)")
  }

  @Test func theKeyIsRotatedByCommandAndBothGenerationsProveTheRecords() throws {
    let daemon = try Daemon()
    #expect(try daemon.startAndWait(), "\(daemon.log)")
    let public1 = try String(contentsOfFile: daemon.directory + "/head-key.pub", encoding: .utf8)
    let secret = try Data(contentsOf: URL(fileURLWithPath: daemon.directory + "/head-key"))
    #expect(try daemon.ask("records", "rotate-key").status == 64)
    #expect(try daemon.ask("records", "rotate-key", "--reason", " ").status == 64)
    let ended = try daemon.ask("records", "rotate-key", "--reason", "yearly")
    #expect(ended.status == 0 && ended.output.contains("head-key.pub"), "\(ended.errors)")
    let public2 = try String(contentsOfFile: daemon.directory + "/head-key.pub", encoding: .utf8)
    #expect(public1 != public2)
    #expect(try Data(contentsOf: URL(fileURLWithPath: daemon.directory + "/head-key")) != secret)
    // Beside the running daemon, and after a crash.
    #expect(try daemon.ask("records", "verify").status == 0)
    daemon.stop(SIGKILL)
    #expect(try daemon.startAndWait(), "\(daemon.log)")
    #expect(try daemon.ask("alarms").output.contains("signing_key") == false)
    for text in [public1, public2, public1 + public2] {
      let key = try daemon.folder.write("kept.pub", text)
      let verified = try Programs.run(
        "lineward", ["records", "verify", "--directory", daemon.directory, "--key", key])
      #expect(verified.status == 0, "\(verified.output)")
      #expect(verified.output.contains("The signing key was changed by record"))
    }
    let replayed = try Programs.run(
      "lineward", ["records", "replay", "--directory", daemon.directory])
    #expect(replayed.status == 0, "\(replayed.output)")
  }

  @Test func aKeyThatWasExchangedIsAnAlarmAtTheStart() throws {
    let daemon = try Daemon()
    #expect(try daemon.startAndWait(), "\(daemon.log)")
    daemon.stop(SIGTERM)
    try Data((0..<32).map { UInt8($0) }).write(
      to: URL(fileURLWithPath: daemon.directory + "/head-key"))
    #expect(try daemon.startAndWait(), "\(daemon.log)")
    #expect(try daemon.ask("alarms").output.contains("signing_key_exchanged"), "\(daemon.log)")
    let verified = try daemon.ask("records", "verify")
    #expect(verified.status == 1)
    #expect(verified.output.contains("the signing key was exchanged here"), "\(verified.output)")
  }

  @Test func anExportAfterARotationNamesTheKeyThatSignedItAndHolds() throws {
    let daemon = try Daemon()
    #expect(try daemon.startAndWait(), "\(daemon.log)")
    let file = try daemon.folder.write("serials.txt", "A1\nA2\n")
    let opened = try daemon.ask(
      "batch", "open", "--id", "B-1", "--gtin", "09506000134352", "--lot", "L1", "--expiry",
      "271231", "--serials", file)
    #expect(opened.status == 0, "\(opened.errors)")
    let older = try daemon.folder.write(
      "older.pub",
      String(contentsOfFile: daemon.directory + "/head-key.pub", encoding: .utf8))
    #expect(try daemon.ask("batch", "close", "--id", "B-1").status == 0)
    #expect(try daemon.ask("records", "rotate-key", "--reason", "yearly").status == 0)
    let folder = daemon.folder.url.appendingPathComponent("out").path
    let exported = try daemon.ask("records", "export", "--batch", "B-1", "--to", folder)
    #expect(exported.status == 0, "\(exported.errors)")
    let newer = daemon.directory + "/head-key.pub"
    for key in [nil, newer] {
      let checked = try Programs.run(
        "lineward", ["records", "check-export", folder] + (key.map { ["--key", $0] } ?? []))
      #expect(checked.status == 0, "\(checked.output)")
    }
    let checked = try Programs.run(
      "lineward", ["records", "check-export", folder, "--key", older])
    #expect(checked.status == 1)
    #expect(checked.output.contains("manifest.sig has no right signature"), "\(checked.output)")
  }
}
