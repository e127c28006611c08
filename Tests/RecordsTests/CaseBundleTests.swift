import Containment
import Foundation
import Glibc
import Line
import Records
import Testing

/// The bundle of a case: whole, readable, and nothing in it can be changed unseen.
@Suite("Evidence bundle of a case") struct CaseBundleTests {
  /// A line with a case that was opened, told of, worked and closed.
  static func played(
    _ directory: String, before: (PlayedLine) throws -> Void = { _ in }
  ) throws -> PlayedLine {
    var settings = PlayedLine.settings
    settings.containment.playbook.signatures = ["quality"]
    let line = try PlayedLine(directory: directory, settings: settings)
    try before(line)
    try line.dayOfEverything()
    try line.command(
      .containment(
        .open(reason: "<b>wrong</b> leaflet", batch: nil, holdsRelease: true),
        roles: ["supervisor"]))
    let number = line.line.cases.last
    try line.step(
      .containment(
        .evidence(
          number: number, step: .check, title: "system state",
          bytes: Array("{\"findings\": [\"scanner\"]}\n".utf8))))
    try line.step(
      .containment(
        .evidence(
          number: number, step: .gather, title: "configuration as it was",
          bytes: Array("[line]\nid = \"L01\"\n".utf8))))
    try line.step(
      .containment(
        .told(
          number: number, contact: "anna", way: "mail", of: .none, attempt: 2, failure: nil,
          isLast: true)))
    try line.command(
      .containment(
        .answer(id: "C\(number)", contact: "quality", phoned: "Anna", comment: "on her way"),
        roles: ["supervisor"]))
    try line.command(
      .containment(
        .scan(id: "C\(number)", serial: Array("S0".utf8), gtin: nil, raw: Array("S0".utf8)),
        roles: ["operator"]))
    return line
  }

  @discardableResult
  static func bundle(
    _ line: PlayedLine, to path: String, attachments: [CaseBundle.Attachment] = [],
    isWanted: () -> Bool = { true }, record: (String) -> Bool = { _ in true }
  ) throws -> BundleSummary {
    let folder = try ExportFolder(path)
    let found = try #require(line.line.cases.cases.last)
    let summary = try CaseBundle(
      found: found, batches: CaseUnitsTests.batches(line), attachments: attachments
    ).write(
      of: line.directory, by: "quinn (1002)", version: "0.1.0", to: folder.stream,
      at: 1_700_000_000_000, isWanted: isWanted, record: record)
    _ = try folder.unpack()
    return summary
  }

  private static func text(_ folder: String, _ name: String) throws -> String {
    String(decoding: try read(folder + "/" + name), as: UTF8.self)
  }

  @Test("it holds all that shows what happened, and its check agrees")
  func whole() throws {
    try withDirectory { directory in
      let line = try Self.played(directory + "/line")
      let folder = directory + "/out"
      var recorded = ""
      let summary = try Self.bundle(
        line, to: folder, attachments: [.init(name: "journal.txt", bytes: Array("none\n".utf8))],
        record: {
          recorded = $0
          return true
        })
      line.close()
      #expect(summary.isSigned && summary.manifest == recorded && summary.leftOut.isEmpty)
      let manifest = try shell("sha256sum < '\(folder)/manifest.json'").prefix(64)
      #expect(recorded == manifest)
      let report = ExportCheck.check(
        folder: folder, keys: [try #require(HeadKey.stored(in: line.directory))])
      #expect(
        report.holds && report.caseID == "C1" && report.records == summary.records, "\(report)")
      #expect(report.signedBy?.hasPrefix("lineward/L01, key ") == true)
      let names = Set(try FileManager.default.contentsOfDirectory(atPath: folder))
      for name in [
        "case.html", "case.json", "records.jsonl", "reads.csv", "audit.csv", "units.csv",
        "batch-1.json", "journal.txt", "head-key.pub", "manifest.json", "manifest.sig",
      ] {
        #expect(names.contains(name), "\(name)")
      }
      let state = try #require(names.first { $0.hasSuffix("-system-state.json") })
      #expect(try Self.text(folder, state) == "{\"findings\": [\"scanner\"]}\n")
      let file = try #require(names.first { $0.hasSuffix("-configuration-as-it-was.txt") })
      #expect(try Self.text(folder, file).contains("[line]"))
      // The story, and nothing in it is markup.
      let page = try Self.text(folder, "case.html")
      for words in [
        "Containment case C1: &lt;b&gt;wrong&lt;/b&gt; leaflet", "Stop production", "on her way",
        "told: anna, mail, open", "anna (1001)", "quinn (1002)", state, "B-1", "unit-1",
        "scanned in 1", "Not signed as it stands by: quality",
      ] {
        #expect(page.contains(words), "\(words)")
      }
      #expect(!page.contains("<b>") && !page.contains("<script") && !page.contains("http://"))
      let object = try #require(
        try JSONSerialization.jsonObject(with: Data(read(folder + "/case.json")))
          as? [String: Any])
      #expect(object["id"] as? String == "C1" && (object["steps"] as? [Any])?.count == 5)
      let kinds = try ExportTests.jsonLines(Self.text(folder, "records.jsonl")).compactMap {
        $0["kind_word"]
      }
      #expect(
        kinds.filter { $0 != "caseNoted" && $0 != "caseStepDone" && $0 != "caseClock" } == [
          "caseOpened", "caseEvidence", "caseEvidence", "caseNotified", "caseAnswered",
          "caseScanned",
        ])
      let reads = ExportTests.csv(try Self.text(folder, "reads.csv"))
      #expect(
        Set(reads.compactMap { $0["kind_word"] }).isSubset(of: [
          "verdict", "outcome", "withdrawn", "outcomeMissing", "strayRead",
        ]))
      #expect(reads.count { $0["kind_word"] == "verdict" } > 20)
      let audit = Set(
        ExportTests.csv(try Self.text(folder, "audit.csv")).compactMap { $0["kind_word"] })
      #expect(
        audit.isSuperset(of: ["alarmRaised", "permitGiven", "permitWithdrawn", "serialChanged"]))
      #expect(
        audit.isDisjoint(with: ["verdict", "caseOpened", "caseEvidence"]))
      let units = ExportTests.csv(try Self.text(folder, "units.csv"))
      #expect(units.count == summary.units.units)
      #expect(units.contains { $0["serial"] == "S0" && $0["scanned_in"] == "yes" })
    }
  }

  @Test("a changed, shortened, removed or added file is found and named")
  func tampered() throws {
    try withDirectory { directory in
      let line = try Self.played(directory + "/line")
      let folder = directory + "/out"
      try Self.bundle(line, to: folder)
      line.close()
      let key = try #require(HeadKey.stored(in: line.directory))
      for name in try FileManager.default.contentsOfDirectory(atPath: folder).sorted() {
        let path = folder + "/" + name
        let bytes = try read(path)
        var flipped = bytes
        flipped[bytes.count / 2] ^= 1
        for changed in [flipped, Array(bytes.dropLast(2)), bytes + [0x20]] {
          unlink(path)
          try write(changed, to: path)
          let report = ExportCheck.check(folder: folder, keys: [key])
          #expect(report.firstWrong?.contains(name) == true, "\(name): \(report)")
        }
        unlink(path)
        #expect(
          ExportCheck.check(folder: folder, keys: [key]).firstWrong?.contains("\(name) is missing")
            == true)
        try write(bytes, to: path)
      }
      #expect(ExportCheck.check(folder: folder, keys: [key]).holds)
      try write([1], to: folder + "/more.csv")
      #expect(ExportCheck.check(folder: folder).firstWrong?.contains("more.csv") == true)
    }
  }

  @Test(
    "a record that was changed does not have its hash, even where manifest and signature were left out"
  )
  func forgedRecord() throws {
    try withDirectory { directory in
      let line = try Self.played(directory + "/line")
      let folder = directory + "/out"
      try Self.bundle(line, to: folder)
      line.close()
      let path = folder + "/records.jsonl"
      let text = try Self.text(folder, "records.jsonl")
        .replacingOccurrences(of: "on her way", with: "on his way")
      unlink(path)
      try write(Array(text.utf8), to: path)
      var object = try #require(
        try JSONSerialization.jsonObject(with: Data(read(folder + "/manifest.json")))
          as? [String: Any])
      let hash = try shell("sha256sum < '\(path)'").prefix(64)
      object["files"] = try #require(object["files"] as? [[String: Any]]).map { file in
        var file = file
        if file["name"] as? String == "records.jsonl" { file["sha256"] = String(hash) }
        return file
      }
      for name in ["manifest.json", "manifest.sig"] { unlink(folder + "/" + name) }
      try write(
        Array(JSONSerialization.data(withJSONObject: object)), to: folder + "/manifest.json")
      let report = ExportCheck.check(folder: folder, allowUnsigned: true)
      #expect(report.firstWrong?.contains("the hash of record") == true, "\(report)")
    }
  }

  @Test("what could not be put on record, or nobody waits for, leaves no bundle")
  func nothing() throws {
    try withDirectory { directory in
      let line = try Self.played(directory + "/line")
      #expect(throws: ExportProblem.unrecorded) {
        try Self.bundle(line, to: directory + "/out", record: { _ in false })
      }
      #expect(!exists(directory + "/out"))
      #expect(throws: ExportProblem.abandoned) {
        try Self.bundle(line, to: directory + "/out", isWanted: { false })
      }
      #expect(!exists(directory + "/out"))
      line.close()
    }
  }

  @Test("beside other cases and over a restart only its own records are in it")
  func others() throws {
    try withDirectory { directory in
      let line = try Self.played(directory + "/line")
      try line.restart()
      for reason in ["second", "third"] {
        try line.command(
          .containment(
            .open(reason: reason, batch: nil, holdsRelease: false), roles: ["supervisor"]))
      }
      try line.step(.containment(.noted(number: 2, text: "of the second")))
      let folder = directory + "/out"
      try Self.bundle(line, to: folder)
      line.close()
      let records = try ExportTests.jsonLines(Self.text(folder, "records.jsonl"))
      #expect(!records.isEmpty && records.allSatisfy { $0["number"] == "3" })
      #expect(ExportCheck.check(folder: folder).caseID == "C3")
    }
  }

  @Test("reads beyond the bound are left out, and the bundle says so")
  func bounded() throws {
    try withDirectory { directory in
      let line = try Self.played(directory + "/line") { line in
        for _ in 0..<(CaseBundle.linesMax + 500) {
          try line.store.append(
            Record(.strayRead, station: 0, raw: [1]), at: instant(1_000_000_000), wall: 1000)
        }
        try line.store.commit()
      }
      let folder = directory + "/out"
      let summary = try Self.bundle(line, to: folder)
      line.close()
      #expect(summary.leftOut.contains { $0.hasPrefix("reads.csv is cut after 100000 lines") })
      let lines = try Self.text(folder, "reads.csv").split(separator: "\r\n").count
      #expect(lines == CaseBundle.linesMax + 1)
      #expect(ExportCheck.check(folder: folder).holds)
      #expect(try Self.text(folder, "case.html").contains("reads.csv is cut"))
    }
  }

  @Test(
    "a bundle before and after the step that gathers: evidence first, then a record that takes no signature its meaning"
  )
  func onRecord() throws {
    try withDirectory { directory in
      let line = try Self.played(directory)
      func revision() -> UInt32 { line.line.cases.cases.last?.revision ?? 0 }
      let before = revision()
      try line.command(
        .containment(.bundle(id: "C1", sha256: nil), roles: []), by: "quinn (1002)")
      #expect(revision() == before)
      try line.command(
        .containment(.bundle(id: "C1", sha256: "ab"), roles: []), by: "quinn (1002)")
      #expect(revision() == before + 1)
      #expect(
        line.line.cases.cases.last?.evidence.last?.title == "evidence bundle made by quinn (1002)")
      try line.command(
        .containment(
          .complete(id: "C1", step: "gather", evidence: "bundle"), roles: ["quality"]))
      let after = revision()
      try line.command(
        .containment(.bundle(id: "c1", sha256: "cd"), roles: []), by: "quinn (1002)")
      #expect(revision() == after)
      let last = try #require(try RecordReader(directory: directory).last(1).first)
      #expect(last.record.kind == .exported && last.record.detail.contains("sha256 cd"))
      #expect(last.record.actor == "quinn (1002)" && last.record.number == 1)
      try line.command(.containment(.bundle(id: "C9", sha256: nil), roles: []))
      if case .unknown = line.replies.last {} else { Issue.record("\(line.replies)") }
      line.close()
      #expect(RecordVerifier.verify(directory: directory).isIntact)
    }
  }
}
