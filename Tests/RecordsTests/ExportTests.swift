import Foundation
import Glibc
import Line
import Records
import Testing

/// What an inspector gets: whole, readable, and nothing in it can be changed unseen.
@Suite("Export of a batch") struct ExportTests {
  /// Plays a line, exports a batch of it, and hands over the line's directory and the folder.
  private func exported(
    batch: String = "B-1", _ play: (PlayedLine) throws -> Void,
    _ body: (_ directory: String, _ folder: String) throws -> Void
  ) throws {
    try withDirectory { directory in
      let line = try PlayedLine(directory: directory + "/line")
      try play(line)
      line.close()
      try Self.export(batch, of: directory + "/line", to: directory + "/out")
      try body(directory + "/line", directory + "/out")
    }
  }

  @discardableResult
  static func export(
    _ batch: String = "B-1", of directory: String, to folder: String,
    progress: (String, Int, Int) -> Void = { _, _, _ in }
  ) throws -> ExportSummary {
    let target = try ExportFolder(folder)
    let summary = try BatchExport.write(
      batch: batch, of: directory, by: "quinn (1002)", version: "0.1.0", to: target.stream,
      at: 1_700_000_000_000, progress: progress)
    _ = try target.unpack()
    return summary
  }

  @Test("what the print feed named is in the export, the report, and a serial's history")
  func printFeed() throws {
    try exported { line in
      try line.openBatch(serials: ["A1", "A2", "A3", "A4"], printed: .feed)
      try line.command(.batchStart(id: nil))
      try line.printed(["A3", "A2", "A1"])
      try line.release()
      try line.unit(PlayedLine.scan("A2"), .passed)
    } _: { directory, folder in
      #expect(
        try Self.text(folder, "report.html")
          .contains("<td>serials printed and not read</td><td class=\"n\">2</td>"))
      #expect(try Self.text(folder, "records.jsonl").contains(#""kind_word":"printed""#))
      let reader = try RecordReader(directory: directory)
      #expect(
        try reader.history(batch: 1, row: 1).map(\.record.kind) == [.printed, .verdict, .outcome])
      #expect(try reader.history(batch: 1, row: 3).isEmpty)
    }
  }

  private static func text(_ folder: String, _ name: String) throws -> String {
    String(decoding: try read(folder + "/" + name), as: UTF8.self)
  }

  /// RFC 4180, written for this test alone; takes the apostrophe off that keeps formulas from being formulas.
  static func csv(_ text: String) -> [[String: String]] {
    var rows: [[String]] = [[]]
    var cell = ""
    var quoted = false
    var wasQuoted = false
    let scalars = Array(text.unicodeScalars)
    var index = 0
    func ended() -> String { wasQuoted && cell.first == "'" ? String(cell.dropFirst()) : cell }
    while index < scalars.count {
      let scalar = scalars[index]
      index += 1
      if quoted {
        if scalar != "\"" {
          cell.unicodeScalars.append(scalar)
        } else if index < scalars.count, scalars[index] == "\"" {
          cell.unicodeScalars.append(scalar)
          index += 1
        } else {
          quoted = false
        }
      } else if scalar == "\"" {
        quoted = true
        wasQuoted = true
      } else if scalar == "," || scalar == "\r" {
        rows[rows.count - 1].append(ended())
        cell = ""
        wasQuoted = false
        if scalar == "\r" {
          index += 1
          rows.append([])
        }
      } else {
        cell.unicodeScalars.append(scalar)
      }
    }
    let head = rows.removeFirst()
    return rows.dropLast().map { Dictionary(uniqueKeysWithValues: zip(head, $0)) }
  }

  static func jsonLines(_ text: String) throws -> [[String: String]] {
    try text.split(separator: "\n").map { line in
      let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
      return try #require(object).mapValues { $0 is NSNull ? "" : "\($0)" }
    }
  }

  // MARK: Whole

  @Test("every record, verdict and outcome is in it, the same in CSV and JSON")
  func everything() throws {
    try exported { line in
      try line.dayOfEverything()
      try line.command(.stop(reason: "end"))
      try line.command(.batchClose(id: nil))
      try line.openBatch(id: "B-2", serials: ["T1"])
    } _: { directory, folder in
      let report = ExportCheck.check(folder: folder)
      #expect(report.holds && report.batch == "B-1", "\(report)")
      let key = try #require(HeadKey.stored(in: directory))
      #expect(report.signedBy == key.shortName && report.files == 6)
      let reader = try RecordReader(directory: directory)
      let opened = try firstSequence(directory, where: "kind = 10")
      let closed = try firstSequence(directory, where: "kind = 13")
      let stored = try reader.records(after: opened - 1, limit: Int(closed - opened) + 1)
      let csv = Self.csv(try Self.text(folder, "records.csv"))
      let json = try Self.jsonLines(Self.text(folder, "records.jsonl"))
      #expect(csv.count == stored.count && json.count == stored.count)
      #expect(report.records == stored.count)
      for (record, (row, object)) in zip(stored, zip(csv, json)) {
        #expect(row == object)
        #expect(row["sequence"] == "\(record.sequence)" && row["hash"] == "\(record.hash)")
        #expect(row["detail"] == record.record.detail && row["actor"] == record.record.actor)
        #expect(row["kind_word"] == record.record.kind.word)
      }
      let verdicts = Set(csv.filter { $0["kind"] == "3" }.compactMap { $0["code"] })
      #expect(
        verdicts == Set((1...15).filter { $0 != 13 }.map { "\($0)" }), "\(verdicts.sorted())")
      #expect(
        Set(csv.filter { $0["kind"] == "5" }.compactMap { $0["code"] })
          == Set((1...6).map { "\($0)" }))
    }
  }

  @Test("each serial with its state, unit and cause")
  func serials() throws {
    try exported {
      try $0.dayOfEverything()
    } _: { directory, folder in
      let rows = Self.csv(try Self.text(folder, "serials.csv"))
      #expect(rows.map { $0["serial"] } == (0..<40).map { "S\($0)" })
      func row(_ serial: String) -> [String: String] {
        rows.first { $0["serial"] == serial } ?? [:]
      }
      #expect(row("S0")["state"] == "commissioned" && row("S0")["outcome_word"] == "passed")
      #expect(row("S0")["station"] == "unit-1" && row("S0")["verdict_word"] == "accept")
      #expect(row("S2")["state"] == "label_scrapped" && row("S2")["cause"] == "by a person: scrap")
      #expect(row("S13")["state"] == "commissioned" && row("S13")["cause"] == "by a person: found")
      #expect(row("S20")["hold"] == "yes" && row("S20")["state"] == "inactive")
      #expect(row("S39")["state"] == "allocated" && row("S39")["verdict"] == "")
      // What the export says of each serial is what its history says.
      let reader = try RecordReader(directory: directory)
      for (index, serial) in rows.enumerated() {
        let state = try reader.history(batch: 1, row: Int32(index)).last { $0.record.state != nil }
        #expect(serial["state"] == (state?.record.state ?? .allocated).word)
      }
    }
  }

  @Test("the page says who did what, why the line stood, and what needs a person")
  func page() throws {
    try exported {
      try $0.dayOfEverything()
    } _: { _, folder in
      let page = try Self.text(folder, "report.html")
      for words in [
        "Batch record: B-1", "Both balances hold", "anna (1001)", "film change",
        "serial: scrap, serial S2", "bad pack passed", "bad_pack_passed@unit-1, occurrence 1",
        "seen", "limit exceeded", "in doubt: nobody saw the end of its unit", "2023-11-14T22:13:20",
        "quinn (1002)", "lineward/L01",
      ] {
        #expect(page.contains(words), "\(words)")
      }
      #expect(!page.contains("<script") && !page.contains("http://"))
    }
  }

  @Test("a later batch begins with the hash before it, and heads are held to its chain")
  func laterBatch() throws {
    try exported(batch: "B-2") { line in
      try line.openBatch(id: "B-1", serials: ["A1"])
      try line.restart()
      try line.openBatch(id: "B-2", serials: ["T1"])
      try line.command(.batchStart(id: "B-2"))
      try line.restart()
    } _: { _, folder in
      let report = ExportCheck.check(folder: folder)
      #expect(report.holds && report.heads == 2, "\(report)")
    }
  }

  // MARK: Odd characters

  static let odd = [
    "=HYPERLINK(\"http://x\")", "+1", "-1", "@SUM(A1)", "\t=1", "\r\n=1", "'quoted", "a,b;c\"d\"",
    "two\nlines\r\nand a third", "<script>alert(1)</script>", "]]>&amp;</table>", "\u{202E}txt.exe",
    "\u{1B}[2J", "\u{7F}\u{0}", "\u{FF1D}1", "Grüße – 検査",
  ]

  @Test("odd characters come through whole, and no cell is a formula and no text is markup")
  func oddCharacters() throws {
    try exported(batch: "=B,\"1\"<b>") { line in
      try line.openBatch(
        id: "=B,\"1\"<b>", serials: ["=1+1", "-2", "+3,", "\"4\""], by: "=anna (1001)")
      try line.command(.batchStart(id: nil))
      try line.release()
      for (index, text) in Self.odd.enumerated() {
        try line.unit(Array(text.utf8), .rejected)
        try line.unit(PlayedLine.scan("-2"), .rejected)
        try line.command(.stop(reason: text))
        try line.release()
        try line.command(
          .serial(
            index.isMultiple(of: 2) ? .hold : .unhold, Array("=1+1".utf8), gtin: nil,
            evidence: [], reason: text))
      }
    } _: { _, folder in
      let report = ExportCheck.check(folder: folder)
      #expect(report.holds, "\(report)")
      let text = try Self.text(folder, "records.csv")
      let rows = Self.csv(text)
      #expect(rows == (try Self.jsonLines(Self.text(folder, "records.jsonl"))))
      for odd in Self.odd {
        #expect(rows.contains { $0["detail"] == odd && $0["kind"] == "21" }, "\(odd)")
        let digits = odd.utf8.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }
          .joined()
        #expect(rows.contains { $0["raw"] == digits }, "\(odd)")
      }
      // Every text cell is in quotes, and none begins like a formula.
      for name in ["records.csv", "serials.csv"] {
        let text = try Self.text(folder, name)
        for start in ["=", "+", "-", "@", "\t", "\r", "\n", "\u{FF1D}"] {
          #expect(!text.contains(",\"\(start)"), "\(name): \(start)")
        }
      }
      #expect(
        Self.csv(try Self.text(folder, "serials.csv")).map { $0["serial"] }
          == ["=1+1", "-2", "+3,", "\"4\""])
      let page = try Self.text(folder, "report.html")
      let tags = Set(page.matches(of: /<\/?([A-Za-z0-9]+)/).map { String($0.output.1) })
      #expect(
        tags.isSubset(of: [
          "html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "table", "thead",
          "tbody", "tr", "th", "td", "pre", "code",
        ]), "\(tags)")
      #expect(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"))
      #expect(!page.unicodeScalars.contains { $0.value == 0x202E || $0.value == 0x1B })
    }
  }

  // MARK: Tampering

  static let files = [
    "records.jsonl", "records.csv", "serials.csv", "report.html", "heads.txt", "head-key.pub",
    "manifest.json", "manifest.sig",
  ]

  @Test("a changed, shortened or removed file is found and named", arguments: files)
  func tampered(name: String) throws {
    try exported {
      try $0.dayOfEverything()
    } _: { directory, folder in
      let path = folder + "/" + name
      let key = try #require(HeadKey.stored(in: directory))
      let bytes = try read(path)
      var flipped = bytes
      flipped[bytes.count / 2] ^= 1
      for changed in [flipped, Array(bytes.dropLast(2)), bytes + [0x20, 0x0A]] {
        unlink(path)
        try write(changed, to: path)
        let report = ExportCheck.check(folder: folder, keys: [key])
        #expect(report.firstWrong?.contains(name) == true, "\(report)")
      }
      unlink(path)
      #expect(
        ExportCheck.check(folder: folder, keys: [key]).firstWrong?.contains("\(name) is missing")
          == true)
    }
  }

  @Test("a file that was put in, a foreign key, and hashes made to fit are found")
  func forgeries() throws {
    try exported {
      try $0.dayOfEverything()
    } _: { directory, folder in
      try write([1], to: folder + "/more.csv")
      #expect(ExportCheck.check(folder: folder).firstWrong?.contains("more.csv") == true)
      unlink(folder + "/more.csv")
      let other = directory + "-other"
      #expect(fault(opening: other) == nil)
      let foreign = try #require(HeadKey.stored(in: other))
      #expect(
        ExportCheck.check(folder: folder, keys: [foreign]).firstWrong?.contains("manifest.sig")
          == true
      )
      // A record changed, and the manifest made to fit: the signature does not.
      let path = folder + "/records.jsonl"
      let text = try Self.text(folder, "records.jsonl")
        .replacingOccurrences(of: "film change", with: "flim change")
      unlink(path)
      try write(Array(text.utf8), to: path)
      let manifest = folder + "/manifest.json"
      var object = try #require(
        try JSONSerialization.jsonObject(with: Data(read(manifest))) as? [String: Any])
      let files = try #require(object["files"] as? [[String: Any]])
      let hash = try shell("sha256sum < '\(path)'").prefix(64)
      object["files"] = files.map { file in
        var file = file
        if file["name"] as? String == "records.jsonl" { file["sha256"] = String(hash) }
        return file
      }
      unlink(manifest)
      try write(Array(JSONSerialization.data(withJSONObject: object)), to: manifest)
      #expect(
        ExportCheck.check(folder: folder).firstWrong
          == "manifest.json is not the one that was signed.")
      // Without any signature the chain still shows it.
      unlink(folder + "/manifest.sig")
      let unsigned = ExportCheck.check(folder: folder, allowUnsigned: true)
      #expect(unsigned.firstWrong?.contains("the hash of record") == true, "\(unsigned)")
    }
  }

  @Test("a copy without the signing key exports unsigned, and that has to be allowed")
  func unsigned() throws {
    try withDirectory { directory in
      let line = try PlayedLine(directory: directory + "/line")
      try line.dayOfEverything()
      line.close()
      unlink(directory + "/line/head-key")
      let summary = try Self.export(of: directory + "/line", to: directory + "/out")
      #expect(!summary.isSigned && !exists(directory + "/line/head-key"))
      let strict = ExportCheck.check(folder: directory + "/out")
      #expect(strict.firstWrong == "manifest.sig is missing.")
      let allowed = ExportCheck.check(folder: directory + "/out", allowUnsigned: true)
      #expect(allowed.holds && allowed.signedBy == nil)
    }
  }

  @Test("records that do not hold are exported, and page and manifest say so")
  func broken() throws {
    try withDirectory { directory in
      let line = try PlayedLine(directory: directory + "/line")
      try line.dayOfEverything()
      line.close()
      try tamper(directory + "/line", "UPDATE records SET detail = 'x' WHERE sequence = 12")
      let summary = try Self.export(of: directory + "/line", to: directory + "/out")
      #expect(summary.verification.firstBad?.sequence == 12)
      #expect(try Self.text(directory + "/out", "report.html").contains("do NOT hold: record 12"))
      let report = ExportCheck.check(folder: directory + "/out")
      #expect(report.firstWrong?.contains("the hash of record 12 is wrong") == true, "\(report)")
    }
  }

  // MARK: By hand

  @Test("the recipe of docs/records.md recomputes the chain of an export")
  func recipe() throws {
    let page = try String(
      contentsOf: URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("../../docs/records.md"), encoding: .utf8)
    let start = try #require(page.range(of: "```python\n"))
    let end = try #require(page[start.upperBound...].range(of: "```"))
    let script = String(page[start.upperBound..<end.lowerBound])
    try exported { line in
      try line.dayOfEverything()
      try line.command(.stop(reason: Self.odd.joined()))
    } _: { _, folder in
      try write(Array(script.utf8), to: folder + "-script.py")
      func run() throws -> String {
        try shell("cd '\(folder)' && /usr/bin/env python3 '\(folder)-script.py'")
      }
      #expect(try run().hasPrefix("the chain holds"))
      let text = try Self.text(folder, "records.jsonl")
      unlink(folder + "/records.jsonl")
      try write(
        Array(text.replacingOccurrences(of: "film change", with: "flim change").utf8),
        to: folder + "/records.jsonl")
      #expect(try run().hasPrefix("record "))
    }
  }

  // MARK: While the line runs, and what goes wrong

  @Test("while records are added it ends where they ended when it began")
  func besideARunningLine() throws {
    try withDirectory { directory in
      let line = try PlayedLine(directory: directory + "/line")
      try line.dayOfEverything()
      for _ in 0..<25_000 { try line.store.append(Record(.strayRead, raw: [1]), at: instant(0)) }
      try line.store.commit()
      let last = line.store.lastSequence
      var added = 0
      let summary = try Self.export(of: directory + "/line", to: directory + "/out") {
        phase, _, _ in
        guard phase == "copying records" else { return }
        do {
          try line.store.append(Record(.strayRead, raw: [2]), at: instant(0))
          try line.store.commit()
          try line.store.idle(isQuiet: true)
          added += 1
        } catch {
          Issue.record("\(error)")
        }
      }
      #expect(summary.last == last && added > 1)
      let report = ExportCheck.check(folder: directory + "/out")
      #expect(report.holds && report.records == Int(last - summary.first) + 1, "\(report)")
      line.close()
    }
  }

  @Test("an unknown batch, and an export that nobody waits for, leave nothing")
  func nothing() throws {
    try withDirectory { directory in
      let line = try PlayedLine(directory: directory + "/line")
      try line.dayOfEverything()
      line.close()
      #expect(throws: ExportProblem.noSuchBatch("B-9")) {
        try Self.export("B-9", of: directory + "/line", to: directory + "/out")
      }
      #expect(!exists(directory + "/out"))
      let folder = try ExportFolder(directory + "/out")
      #expect(throws: ExportProblem.abandoned) {
        _ = try BatchExport.write(
          batch: "B-1", of: directory + "/line", by: "", version: "", to: folder.stream, at: 0,
          isWanted: { false })
      }
      // A stream without its end is no export.
      #expect(throws: ExportFolder.Problem.self) { _ = try folder.unpack() }
      #expect(try shell("ls -A '\(directory)/out'") == "")
    }
  }

  @Test("a folder that is not empty, is a file, or lies nowhere is refused and left alone")
  func folders() throws {
    try withDirectory { directory in
      try write([1], to: directory + "/file")
      func refusal(_ path: String) -> String {
        do {
          _ = try ExportFolder(path)
          return ""
        } catch {
          return error.description
        }
      }
      #expect(refusal(directory).contains("is not empty"))
      #expect(refusal(directory + "/file").contains("Not a directory"))
      #expect(refusal(directory + "/a/b").contains("No such file"))
      #expect(try shell("ls -A '\(directory)'") == "file\n")
      #expect(mkdir(directory + "/empty", 0o700) == 0)
      #expect(refusal(directory + "/empty") == "")
      #expect(exists(directory + "/empty"))
    }
  }
}

/// What a line of shell writes.
func shell(_ line: String) throws -> String {
  let process = Process()
  process.executableURL = URL(fileURLWithPath: "/bin/bash")
  process.arguments = ["-c", line]
  let pipe = Pipe()
  process.standardOutput = pipe
  try process.run()
  let data = pipe.fileHandleForReading.readDataToEndOfFile()
  process.waitUntilExit()
  return String(decoding: data, as: UTF8.self)
}
