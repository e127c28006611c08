public import Containment
internal import GRDB
internal import Glibc
internal import Line

/// What a bundle holds.
public struct BundleSummary: Sendable, Hashable {
  /// The case, such as `C3`.
  public var caseID: String
  /// How many records of the case.
  public var records: Int
  /// How many affected units.
  public var units: CaseUnits.Counts
  /// SHA-256 of its manifest in hexadecimal digits.
  public var manifest: String
  /// Whether it is signed.
  public var isSigned: Bool
  /// What is not in it, and why, a sentence each.
  public var leftOut: [String]
}

/// Copies all that shows what happened in a containment case, for a person to read and for a program to check.
///
/// Reads beside a running daemon, in slices; every list has an end, and where one was cut the bundle says so.
public struct CaseBundle: Sendable {
  /// The case as it stands.
  public var found: ContainmentCase
  /// Its batches.
  public var batches: [CaseUnits.HeldBatch]
  /// Files that others have made, such as an extract of the journal.
  public var attachments: [Attachment]
  /// What is not in it already, a sentence each.
  public var leftOut: [String]

  /// A file that somebody else has made.
  public struct Attachment: Sendable, Hashable {
    /// Its name: small letters, digits, dots and dashes.
    public var name: String
    /// What is in it.
    public var bytes: [UInt8]

    /// Makes a file.
    public init(name: String, bytes: [UInt8]) {
      self.name = name
      self.bytes = bytes
    }
  }

  /// Reads so long before and after the detection are in it, in milliseconds.
  public static let around: Int64 = 600_000
  /// Lines of each list at most.
  public static let linesMax = 100_000
  /// Records looked at before the case for the time before the detection.
  static let recordsBefore: Int64 = 500_000
  /// Pieces of evidence at most.
  static let evidenceMax = 500

  /// Joins what a bundle is made of.
  public init(
    found: ContainmentCase, batches: [CaseUnits.HeldBatch], attachments: [Attachment] = [],
    leftOut: [String] = []
  ) {
    self.found = found
    self.batches = batches
    self.attachments = attachments
    self.leftOut = leftOut
  }

  /// Writes the bundle as a stream (`ExportWriter`) into a regular file that is open for writing.
  ///
  /// - Parameters:
  ///   - directory: Where the records are.
  ///   - actor: Who asked for it.
  ///   - version: The version of this program.
  ///   - descriptor: Where it goes; not closed here.
  ///   - wall: Now, in milliseconds since 1970.
  ///   - isWanted: Asked after each slice; false abandons the bundle.
  ///   - progress: Gets what is being done, how much of it is, and how much there is.
  ///   - record: Puts the manifest's hash on record; false: it could not be. Without it the stream has no end and is no bundle.
  /// - Returns: What was written.
  /// - Throws: Why the bundle is not whole; what was written by then is to be thrown away.
  public func write(
    of directory: String, by actor: String, version: String, to descriptor: Int32, at wall: Int64,
    isWanted: () -> Bool = { true }, progress: (String, Int, Int) -> Void = { _, _, _ in },
    record: (_ sha256: String) -> Bool
  ) throws(ExportProblem) -> BundleSummary {
    do {
      var work = try Work(self, directory: directory, descriptor: descriptor)
      try work.writeRecords(isWanted: isWanted) { progress("copying records of the case", $0, $1) }
      try work.writeSurroundings(isWanted: isWanted) {
        progress("copying reads and alarms", $0, $1)
      }
      try work.writeUnits(isWanted: isWanted, progress: progress)
      return try work.finish(by: actor, version: version, at: wall, record: record)
    } catch let problem as ExportProblem {
      throw problem
    } catch let fault as StorageFault {
      throw .records(fault)
    } catch {
      throw .records(.from(error, "read the records", path: StoreDirectory.database(directory)))
    }
  }

  /// A bundle under way.
  struct Work {
    /// A piece of evidence that is a file.
    struct Piece {
      var file: String
      var step: Int
      var title: String
      var at: Int64
      var size: Int
    }

    let bundle: CaseBundle
    let directory: String
    let reader: RecordReader
    let writer: ExportWriter
    let base: ChainBase
    let last: Int64
    /// The record that opened the case, and where the time around it begins.
    let opened: Int64
    let first: Int64
    var names = StationNames()
    var lineID = ""
    var records = 0
    var story: [StoredRecord] = []
    var evidence: [Piece] = []
    var units = CaseUnits.Counts()
    var leftOut: [String]

    init(_ bundle: CaseBundle, directory: String, descriptor: Int32) throws {
      self.bundle = bundle
      self.directory = directory
      leftOut = bundle.leftOut
      reader = try RecordReader(directory: directory)
      base = try reader.base()
      last = try reader.lastSequence()
      let number = bundle.found.number
      guard let opened = try reader.opening(ofCase: number, after: base.last) else {
        throw StorageFault(
          .missing,
          "The record that opened case \(bundle.found.id) is not in these records: it lies in an archive.",
          path: StoreDirectory.database(directory))
      }
      self.opened = opened
      first = try reader.first(
        since: bundle.found.detectedAt - CaseBundle.around, before: opened,
        after: max(base.last, opened - CaseBundle.recordsBefore))
      if first > base.last + 1, first == opened - CaseBundle.recordsBefore + 1 {
        leftOut.append(
          "reads more than \(CaseBundle.recordsBefore) records before the case, though they are of the last 10 minutes"
        )
      }
      writer = try ExportWriter(descriptor: descriptor)
      if let start = try reader.newest(.started, before: first, after: base.last) ?? base.start {
        names.take(start.record)
      }
    }

    /// The records of the case itself, each with the hash before it, so that each can be checked alone.
    mutating func writeRecords(isWanted: () -> Bool, progress: (Int, Int) -> Void) throws {
      let file = writer.add(ExportManifest.recordsName)
      var names = self.names
      try walk(
        from: opened,
        condition: """
          AND ((kind BETWEEN ?4 AND ?5 OR kind = ?6 OR kind = ?7) AND number = ?8 OR kind = 1)
          """,
        arguments: [
          Int64(Line.Record.Kind.caseOpened.rawValue), Int64(Line.Record.Kind.caseNoted.rawValue),
          Int64(Line.Record.Kind.exported.rawValue), Int64(Line.Record.Kind.signed.rawValue),
          Int64(bundle.found.number),
        ], isWanted: isWanted, progress: progress
      ) { work, stored in
        if stored.record.kind == .started {
          names.take(stored.record)
          return
        }
        // A batch's export and its signatures are of that.
        guard
          stored.record.kind != .exported && stored.record.kind != .signed
            || stored.record.batch == 0
        else { return }
        let before = try work.reader.hash(before: stored.sequence, base: work.base)
        try work.writer.write(
          RecordLines(stored, stationName: names.name(stored.record.station)).json(after: before),
          to: file)
        work.records += 1
        work.lineID = stored.line
        try work.keep(stored)
      }
    }

    private mutating func keep(_ stored: StoredRecord) throws {
      if stored.record.kind == .caseEvidence {
        guard evidence.count < CaseBundle.evidenceMax else {
          leftOut.append("evidence of record \(stored.sequence): it stands in records.jsonl only")
          return
        }
        let isJSON = stored.record.raw.first == UInt8(ascii: "{")
        let name =
          "evidence-\(stored.sequence)-\(CaseBundle.plain(stored.record.detail)).\(isJSON ? "json" : "txt")"
        let file = writer.add(name)
        try writer.write(stored.record.raw, to: file)
        evidence.append(
          Piece(
            file: name, step: Int(stored.record.code), title: stored.record.detail,
            at: stored.wall, size: stored.record.raw.count))
      }
      // Packs that were scanned in are many and stand in the list of units.
      guard stored.record.kind != .caseScanned,
        stored.record.kind != .caseClock || stored.record.code != CaseMoment.minute
      else { return }
      if story.count < CaseBundle.linesMax {
        var stored = stored
        if stored.record.kind == .caseEvidence { stored.record.raw = [] }
        story.append(stored)
      }
    }

    /// Reads of the affected stations around the detection, and everything else that happened from then on.
    mutating func writeSurroundings(isWanted: () -> Bool, progress: (Int, Int) -> Void) throws {
      let reads = writer.add("reads.csv")
      let audit = writer.add("audit.csv")
      try writer.write(RecordLines.csvHead, to: reads)
      try writer.write(RecordLines.csvHead, to: audit)
      let detected = bundle.found.detectedAt
      let window = (detected - CaseBundle.around)...(detected + CaseBundle.around)
      var counts = (reads: 0, audit: 0)
      var missed = (reads: 0, audit: 0)
      var names = self.names
      try walk(from: first, isWanted: isWanted, progress: progress) { work, stored in
        let record = stored.record
        if record.kind == .started { names.take(record) }
        let name = names.name(record.station)
        if CaseBundle.isRead(record.kind) {
          guard window.contains(stored.wall), work.bundle.found.scope.stations.contains(name)
          else { return }
          guard counts.reads < CaseBundle.linesMax else {
            missed.reads += 1
            return
          }
          counts.reads += 1
          try work.writer.write(RecordLines(stored, stationName: name).csv, to: reads)
        } else if !CaseBundle.isOfCases(record.kind), record.kind != .printed {
          guard counts.audit < CaseBundle.linesMax else {
            missed.audit += 1
            return
          }
          counts.audit += 1
          try work.writer.write(RecordLines(stored, stationName: name).csv, to: audit)
        }
      }
      if missed.reads > 0 {
        leftOut.append(
          "reads.csv is cut after \(CaseBundle.linesMax) lines; \(missed.reads) more are in the records"
        )
      }
      if missed.audit > 0 {
        leftOut.append(
          "audit.csv is cut after \(CaseBundle.linesMax) lines; \(missed.audit) more are in the records"
        )
      }
    }

    private mutating func walk(
      from first: Int64, condition: String = "", arguments: [Int64] = [], isWanted: () -> Bool,
      progress: (Int, Int) -> Void, _ body: (inout Work, StoredRecord) throws -> Void
    ) throws {
      var after = first - 1
      while after < last {
        guard isWanted() else { throw ExportProblem.abandoned }
        let upTo = min(after + RecordReader.slice, last)
        let slice = try reader.collect(
          after: after, limit: Int(RecordReader.slice),
          condition: "AND sequence <= ?3 \(condition)", arguments: [upTo] + arguments)
        for stored in slice { try body(&self, stored) }
        after = upTo
        progress(Int(after - first) + 1, Int(last - first) + 1)
      }
    }

    mutating func writeUnits(
      isWanted: () -> Bool, progress: (String, Int, Int) -> Void
    ) throws {
      for batch in bundle.batches {
        let folder = batch.archive.isEmpty ? directory : "\(directory)/\(batch.archive)"
        guard access(StoreDirectory.database(folder), F_OK) == 0,
          let found = try RecordReader(directory: folder).batch(batch.id)
        else { continue }
        let file = writer.add("batch-\(batch.number).json")
        try writer.write(found.description.encoded + [0x0A], to: file)
      }
      let file = writer.add("units.csv")
      try writer.write(CaseUnit.csvHead, to: file)
      let writer = writer
      units = try CaseUnits(
        scope: bundle.found.scope, batches: bundle.batches, scanned: bundle.found.scanned
      ).list(of: directory, isWanted: isWanted, progress: progress) {
        (unit) throws(ExportProblem) in try writer.write(unit.csv, to: file)
      }
      leftOut += units.remarks
      if units.unlisted > 0 {
        leftOut.append("units.csv: \(units.unlisted) units without a serial are not listed")
      }
    }

    mutating func finish(
      by actor: String, version: String, at wall: Int64, record: (String) -> Bool
    ) throws -> BundleSummary {
      for attachment in bundle.attachments {
        let file = writer.add(attachment.name)
        try writer.write(attachment.bytes, to: file)
      }
      let signer = try HeadSigner(existingIn: directory)
      let key = signer?.key ?? HeadKey.stored(in: directory)
      let document = CaseDocument(self, madeBy: actor, at: wall)
      try writer.add("case.json", RecordJSON.page(document))
      let page = CasePage(
        document: document, story: story, names: names, isSigned: signer != nil,
        keyText: key?.text ?? "", version: version)
      try writer.add("case.html", page.html)
      if let key { try writer.add(ExportManifest.keyName, key.text + "\n") }
      let manifest = BundleManifest(
        caseID: bundle.found.id,
        files: try writer.flushed().map {
          .init(name: $0.name, sha256: Hexadecimal.text($0.sha256), size: $0.size)
        }, line: lineID, lineward: version, madeAt: ExportText.time(wall), madeBy: actor,
        recordEncoding: Int(RecordEncoder.version), records: records,
        schema: RecordSchema.version, leftOut: leftOut, version: BundleManifest.version)
      try writer.add(ExportManifest.name, manifest.encoded)
      let hash = Hexadecimal.text(try writer.flushed().last?.sha256 ?? [])
      if let signer {
        try writer.add(
          ExportManifest.signatureName, signer.signed(ExportManifest.noteLines(sha256: hash)))
      }
      guard record(hash) else { throw ExportProblem.unrecorded }
      try writer.end()
      return BundleSummary(
        caseID: bundle.found.id, records: records, units: units, manifest: hash,
        isSigned: signer != nil, leftOut: leftOut)
    }
  }

  static func isRead(_ kind: Line.Record.Kind) -> Bool {
    switch kind {
    case .verdict, .withdrawn, .outcome, .outcomeMissing, .acceptTaken, .strayRead: true
    default: false
    }
  }

  private static func isOfCases(_ kind: Line.Record.Kind) -> Bool {
    (Line.Record.Kind.caseOpened.rawValue...Line.Record.Kind.caseNoted.rawValue)
      .contains(kind.rawValue)
  }

  /// A title as part of a file's name.
  static func plain(_ title: String) -> String {
    var name = ""
    for byte in title.lowercased().utf8.prefix(24) {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"):
        name.unicodeScalars.append(Unicode.Scalar(byte))
      default: if name.last != "-" { name += "-" }
      }
    }
    while name.last == "-" { name.removeLast() }
    return name.isEmpty ? "piece" : name
  }
}

// MARK: What a bundle asks of the records

extension RecordReader {
  /// The record that opened a case.
  func opening(ofCase number: UInt32, after base: Int64) throws(StorageFault) -> Int64? {
    var upTo = try lastSequence()
    // A case is younger than most records.
    while upTo > base {
      let from = max(base, upTo - RecordReader.slice)
      let end = upTo
      let found = try read { database in
        try Int64.fetchOne(
          database,
          sql:
            "SELECT max(sequence) FROM records WHERE sequence > ? AND sequence <= ? AND kind = 70 AND number = ?",
          arguments: [from, end, Int64(number)])
      }
      if let found { return found }
      upTo = from
    }
    return nil
  }

  /// The first record from which on all up to `sequence` are of this wall time or later, looked for backwards.
  func first(
    since wall: Int64, before sequence: Int64, after base: Int64
  ) throws(StorageFault) -> Int64 {
    var first = sequence
    while first > base + 1 {
      let from = max(base, first - 1 - RecordReader.slice)
      let end = first
      let earlier = try read { database in
        try Int64.fetchOne(
          database,
          sql:
            "SELECT max(sequence) FROM records WHERE sequence > ? AND sequence < ? AND wall < ?",
          arguments: [from, end, wall])
      }
      if let earlier { return earlier + 1 }
      first = from + 1
    }
    return first
  }

  /// The hash of the record before one.
  func hash(before sequence: Int64, base: ChainBase) throws(StorageFault) -> ChainHash {
    guard sequence > base.last + 1 else { return base.hash }
    return try records(after: sequence - 2, limit: 1).first?.hash ?? .zero
  }
}
