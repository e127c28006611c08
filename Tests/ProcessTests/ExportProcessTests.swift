import Foundation
import Line
import Records
import Testing

/// Export and replay by the real programs: through the daemon, and beside records that it left.
@Suite(.serialized) struct ExportProcessTests {
  private static func openBatch(_ daemon: Daemon, serials: String = "A1\nA2\n") throws {
    let file = try daemon.folder.write("serials.txt", serials)
    let ended = try daemon.ask(
      "batch", "open", "--id", "B-1", "--gtin", "09506000134352", "--lot", "L1", "--expiry",
      "271231", "--serials", file)
    #expect(ended.status == 0, "\(ended.errors)")
  }

  @Test func throughTheDaemonABatchIsExportedAndTheChainSaysWhoDidIt() throws {
    let daemon = try Daemon()
    #expect(try daemon.startAndWait(), "\(daemon.log)")
    try Self.openBatch(daemon)
    let folder = daemon.folder.url.appendingPathComponent("out").path
    let ended = try daemon.ask("records", "export", "--batch", "B-1", "--to", folder)
    #expect(ended.status == 0, "\(ended.errors)")
    #expect(ended.output.contains("8 files, signed."), "\(ended.output)")
    let checked = try Programs.run(
      "lineward",
      ["records", "check-export", folder, "--key", daemon.directory + "/head-key.pub", "--json"])
    #expect(checked.status == 0 && checked.output.contains("\"holds\":true"), "\(checked.output)")
    let records = try String(contentsOfFile: folder + "/records.jsonl", encoding: .utf8)
    #expect(records.contains(#""kind_word":"exported""#))
    let mode = try FileManager.default.attributesOfItem(atPath: folder + "/manifest.json")
    #expect(mode[.posixPermissions] as? Int == 0o440)
    // The line goes on, and its records hold and follow.
    #expect(try daemon.ask("records", "verify").status == 0)
    let replayed = try Programs.run(
      "lineward", ["records", "replay", "--directory", daemon.directory])
    #expect(replayed.status == 0, "\(replayed.output)\(replayed.errors)")
  }

  @Test func whatIsRefusedIsNamedAndLeavesNothing() throws {
    let daemon = try Daemon()
    #expect(try daemon.startAndWait(), "\(daemon.log)")
    try Self.openBatch(daemon)
    let folder = daemon.folder.url.appendingPathComponent("out").path
    let unknown = try daemon.ask("records", "export", "--batch", "B-9", "--to", folder)
    #expect(unknown.status == 1 && unknown.errors.contains("B-9"), "\(unknown.errors)")
    #expect(!FileManager.default.fileExists(atPath: folder))
    let full = try daemon.ask(
      "records", "export", "--batch", "B-1", "--to", daemon.folder.url.path)
    #expect(full.status == 65 && full.errors.contains("not empty"), "\(full.errors)")
    let nowhere = try daemon.ask(
      "records", "export", "--batch", "B-1", "--to", folder + "/deep/down")
    #expect(nowhere.status == 65 && nowhere.errors.contains("No such file"), "\(nowhere.errors)")
    let readOnly = try daemon.ask("records", "export", "--batch", "B-1", "--to", "/proc/out")
    #expect(readOnly.status != 0 && readOnly.errors.contains("/proc/out"), "\(readOnly.errors)")
    let none = try Programs.run(
      "lineward",
      ["records", "export", "--batch", "B-1", "--to", folder, "--directory", "/nonexistent"])
    #expect(none.status == 65 && !FileManager.default.fileExists(atPath: folder))
    let noFolder = try Programs.run("lineward", ["records", "check-export", "/nonexistent"])
    #expect(noFolder.status == 65)
    let noRecords = try Programs.run(
      "lineward", ["records", "replay", "--directory", daemon.folder.url.path])
    #expect(noRecords.status == 65 && noRecords.errors.contains("no records"))
  }

  @Test(
    .enabled(if: BadInputTests.mayMount, "mounting a small file system is not allowed here"),
    arguments: [true, false])
  func aFullOrReadOnlyDiskIsNamedAndLeavesNothing(throughDaemon: Bool) throws {
    let daemon = try Daemon()
    #expect(try daemon.startAndWait(), "\(daemon.log)")
    try Self.openBatch(daemon, serials: (0..<20_000).map { "S\($0)\n" }.joined())
    let disk = daemon.folder.url.appendingPathComponent("disk").path
    try FileManager.default.createDirectory(atPath: disk, withIntermediateDirectories: true)
    try #require(mount("tmpfs", disk, "tmpfs", 0, "size=256k") == 0)
    defer { umount2(disk, Int32(MNT_DETACH)) }
    func export() throws -> Programs.Ended {
      if throughDaemon {
        return try daemon.ask("records", "export", "--batch", "B-1", "--to", disk + "/out")
      }
      return try Programs.run(
        "lineward",
        [
          "records", "export", "--batch", "B-1", "--to", disk + "/out", "--directory",
          daemon.directory,
        ])
    }
    let full = try export()
    #expect(full.status == 75, "\(full.errors)")
    #expect(full.errors.contains(disk + "/out") && full.errors.contains("full"), "\(full.errors)")
    #expect(try FileManager.default.contentsOfDirectory(atPath: disk) == [])
    try #require(mount("tmpfs", disk, "tmpfs", UInt(MS_REMOUNT | MS_RDONLY), "") == 0)
    let readOnly = try export()
    #expect(readOnly.status == 77 && readOnly.errors.contains("Read-only"), "\(readOnly.errors)")
  }

  @Test func aSimulatedLineWithFaultsIsExportedWhileItRunsAndReplays() throws {
    let folder = try Scratch()
    let scenario = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("../../config/scenarios/kill.toml").standardizedFileURL.path
    let line = Process()
    line.executableURL = Programs.path("linewardsim")
    line.arguments = [
      "--scenario", scenario, "--seed", "21", "--directory", folder.url.path, "--linewardd",
      Programs.path("linewardd").path, "--lineward", Programs.path("lineward").path,
    ]
    line.standardOutput = FileHandle.nullDevice
    line.standardError = FileHandle.nullDevice
    try line.run()
    let records = folder.url.appendingPathComponent("records").path
    let socket = folder.url.appendingPathComponent("control.sock").path
    // While packs go by, until one export came through between two kills of the daemon.
    var count = 0
    let exported = Programs.until(seconds: 60) {
      count += 1
      let out = folder.url.appendingPathComponent("out\(count)").path
      guard
        let ended = try? Programs.run(
          "lineward",
          ["--socket", socket, "records", "export", "--batch", "KILL-1", "--to", out]),
        ended.status == 0,
        let text = try? String(contentsOfFile: out + "/records.csv", encoding: .utf8),
        text.contains("\"accept\"")
      else { return false }
      return (try? Programs.run("lineward", ["records", "check-export", out]))?.status == 0
    }
    #expect(exported)
    let ended = Programs.until(seconds: 150) { !line.isRunning }
    if !ended { kill(line.processIdentifier, SIGKILL) }
    line.waitUntilExit()
    #expect(ended && line.terminationStatus == 0)
    let replayed = try Programs.run(
      "lineward", ["--json", "records", "replay", "--directory", records])
    #expect(replayed.status == 0, "\(replayed.output)\(replayed.errors)")
    #expect(replayed.output.contains(#""unknown_settings":0"#), "\(replayed.output)")
  }

  /// What a line that ran so many units leaves behind.
  private static func records(of units: Int, in directory: String) throws {
    let store = try RecordStore(directory: directory, line: "L01")
    let serials = directory + "/given"
    try Data((0..<units).map { "S\($0)\n" }.joined().utf8).write(
      to: URL(fileURLWithPath: serials))
    let given = try FileHandle(forReadingFrom: URL(fileURLWithPath: serials))
    let imported = try SerialImporter.import(
      descriptor: given.fileDescriptor, into: directory, number: 1, earlier: [])
    let description = BatchDescription(
      id: "B-1", gtin: "09506000134352", lot: "L1", expiry: "271231", count: imported.count,
      sha256: imported.sha256, file: imported.file)
    let now = Instant(nanoseconds: 1)
    for record in [
      Record(.started, raw: Array("unit-1".utf8)),
      Record(.batchOpened, batch: 1, raw: description.encoded, actor: "anna"),
      Record(.batchStarted, batch: 1, actor: "anna"), Record(.permitGiven, actor: "anna"),
    ] {
      try store.append(record, at: now)
    }
    for unit in 0..<units {
      let number = UInt16(unit % 65_504 + 1)
      let read = Array("]d2010950600013435221S\(unit)\u{1D}1727123110L1".utf8)
      try store.append(
        Record(
          .verdict, station: 0, unit: number, batch: 1, row: Int32(unit), code: 1,
          state: .encoded, raw: read), at: now)
      try store.append(
        Record(
          .outcome, station: 0, unit: number, batch: 1, row: Int32(unit), code: 1,
          number: UInt32(number), state: .commissioned), at: now)
      if unit.isMultiple(of: 1000) { try store.commit() }
    }
    try store.commit()
    store.close()
  }

  @Test func aHundredThousandRecordsAreExportedInBoundedMemory() throws {
    let folder = try Scratch()
    let directory = folder.url.appendingPathComponent("records").path
    try Self.records(of: 50_000, in: directory)
    let out = folder.url.appendingPathComponent("out").path
    // The export has some 110 MB; the program may have 96 MiB of memory of its own.
    let ended = try Programs.shell(
      "ulimit -d 98304; exec \(Programs.path("lineward").path) records export --batch B-1 "
        + "--directory \(directory) --to \(out)")
    #expect(ended == 0)
    let checked = try Programs.shell(
      "ulimit -d 98304; exec \(Programs.path("lineward").path) records check-export \(out)")
    #expect(checked == 0)
    let size = try FileManager.default.attributesOfItem(atPath: out + "/records.jsonl")[.size]
    #expect((size as? Int ?? 0) > 40_000_000)
  }
}
