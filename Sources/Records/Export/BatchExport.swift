internal import GRDB
internal import Glibc
internal import Line

/// What an export holds.
public struct ExportSummary: Sendable, Hashable {
  /// The batch.
  public var batch: String
  /// The first record, which opened the batch.
  public var first: Int64
  /// The last record, which closed it, or the last there was.
  public var last: Int64
  /// Whether the export is signed.
  public var isSigned: Bool
  /// What the check of all records found before the export.
  public var verification: VerificationReport
}

/// Copies the records of one batch for an inspector: readable by people and by programs (21 CFR 11.10(b)).
///
/// Reads beside a running daemon, in slices, each a read of its own. Memory is bounded by the batch's serials (18 bytes
/// each) and by lists on the page that have an end; files are written as they are made.
public enum BatchExport {
  /// Writes the export of a batch as a stream (`ExportWriter`) into a regular file that is open for writing.
  ///
  /// - Parameters:
  ///   - id: The plant's own name for the batch.
  ///   - directory: Where the records are.
  ///   - actor: Who asked for it.
  ///   - version: The version of this program.
  ///   - descriptor: Where it goes; not closed here.
  ///   - wall: Now, in milliseconds since 1970.
  ///   - isWanted: Asked after each slice; false abandons the export.
  ///   - progress: Gets what is being done, how much of it is, and how much there is.
  /// - Returns: What was written.
  /// - Throws: Why the export is not whole; what was written by then is to be thrown away.
  public static func write(
    batch id: String, of directory: String, by actor: String, version: String,
    to descriptor: Int32, at wall: Int64, isWanted: () -> Bool = { true },
    progress: (String, Int, Int) -> Void = { _, _, _ in }
  ) throws(ExportProblem) -> ExportSummary {
    do {
      let reader = try RecordReader(directory: directory)
      let base = try reader.base()
      if let batch = base.description?.state.batches.first(where: { $0.id == id }) {
        let archives = base.description.map { $0.state.archives + [$0.archive] } ?? []
        throw ExportProblem.archived(
          id, archives.first { batch.number <= $0.lastBatch }?.folder ?? "an archive")
      }
      guard let found = try reader.batch(id) else { throw ExportProblem.noSuchBatch(id) }
      let verification = RecordVerifier.verify(directory: directory) {
        progress("checking records", $0, $1)
      }
      var work = try Work(
        reader: reader, base: base, directory: directory, number: found.number,
        description: found.description,
        first: found.opened, descriptor: descriptor)
      try work.writeRecords(isWanted: isWanted) { progress("copying records", $0, $1) }
      try work.writeSerials(isWanted: isWanted)
      return try work.finish(
        verification: verification, by: actor, version: version, at: wall)
    } catch let problem as ExportProblem {
      throw problem
    } catch let fault as StorageFault {
      throw .records(fault)
    } catch {
      throw .records(.from(error, "read the records", path: StoreDirectory.database(directory)))
    }
  }

  /// An export under way.
  private struct Work {
    let reader: RecordReader
    let directory: String
    let description: BatchDescription
    let number: UInt32
    let first: Int64
    let last: Int64
    let hashBefore: ChainHash
    let writer: ExportWriter
    var names = StationNames()
    var lineID = ""
    var lastHash = ChainHash.zero
    var report: BatchReport
    var ledger: SerialLedger
    var reconciler: Reconciler
    /// Serials that a person did something with, for the page: their names come with the serial file.
    var handled: [Int32: String] = [:]

    init(
      reader: RecordReader, base: ChainBase, directory: String, number: UInt32,
      description: BatchDescription,
      first: Int64, descriptor: Int32
    ) throws {
      self.reader = reader
      self.directory = directory
      self.description = description
      self.number = number
      self.first = first
      last = try reader.closing(of: number) ?? reader.lastSequence()
      hashBefore =
        first > base.last + 1
        ? try reader.records(after: first - 2, limit: 1).first?.hash ?? .zero : base.hash
      writer = try ExportWriter(descriptor: descriptor)
      report = BatchReport(batch: number)
      ledger = SerialLedger(count: description.count)
      reconciler = Reconciler(
        batch: number, poolCount: description.count, printed: description.printed)
      if let start = try reader.newest(.started, before: first, after: base.last) ?? base.start {
        names.take(start.record)
        reconciler.take(start)
      }
      if let settings = try reader.newest(.settings, before: first, after: base.last)
        ?? base.recordedSettings
      {
        reconciler.take(settings)
      }
    }

    mutating func writeRecords(
      isWanted: () -> Bool, progress: (Int, Int) -> Void
    ) throws {
      try collectHandled(isWanted: isWanted)
      let json = writer.add(ExportManifest.recordsName)
      let csv = writer.add("records.csv")
      try writer.write(RecordLines.csvHead, to: csv)
      try walk(isWanted: isWanted) { work, stored in
        let record = stored.record
        if record.kind == .started { work.names.take(record) }
        let name = work.names.name(record.station)
        let lines = RecordLines(stored, stationName: name)
        try work.writer.write(lines.json, to: json)
        try work.writer.write(lines.csv, to: csv)
        work.report.take(stored, place: name, serial: work.handled[record.row] ?? "")
        work.reconciler.take(stored)
        if record.batch == work.number {
          work.ledger.take(stored, place: work.names.place(record.station))
        }
        work.lineID = stored.line
        work.lastHash = stored.hash
        if stored.sequence.isMultiple(of: 20_000) || stored.sequence == work.last {
          progress(Int(stored.sequence - work.first) + 1, Int(work.last - work.first) + 1)
        }
      }
    }

    /// Names the serials that people did something with, before the page needs them.
    private mutating func collectHandled(isWanted: () -> Bool) throws {
      var rows: Set<Int32> = []
      for stored in try reader.records(
        of: .serialChanged, batch: number, after: first - 1,
        limit: BatchReport.Bounded<Int>.countMax)
      {
        rows.insert(stored.record.row)
      }
      guard !rows.isEmpty else { return }
      handled = try SerialFile.serials(at: rows, in: directory + "/" + description.file)
    }

    private mutating func walk(
      isWanted: () -> Bool, _ body: (inout Work, StoredRecord) throws -> Void
    ) throws {
      var after = first - 1
      while after < last {
        guard isWanted() else { throw ExportProblem.abandoned }
        let slice = try reader.records(
          after: after, limit: Int(min(RecordReader.slice, last - after)))
        guard let end = slice.last?.sequence else {
          throw StorageFault.corrupt(
            "Record \(after + 1) is missing in \(StoreDirectory.database(directory))",
            path: StoreDirectory.database(directory))
        }
        for stored in slice { try body(&self, stored) }
        after = end
      }
    }

    func writeSerials(isWanted: () -> Bool) throws {
      let path = directory + "/" + description.file
      let descriptor = try SerialFile.openForReading(path)
      defer { close(descriptor) }
      let file = writer.add("serials.csv")
      try writer.write(SerialLedger.csvHead, to: file)
      var problem: ExportProblem?
      do throws(SerialWalk.Stop) {
        _ = try SerialWalk.lines(of: descriptor) { (line, index) throws(SerialWalk.Stop) in
          guard index < ledger.entries.count, index % 65_536 != 0 || isWanted() else {
            throw .changed
          }
          do throws(ExportProblem) {
            try writer.write(ledger.csv(row: index, serial: line, stations: names.all), to: file)
          } catch {
            problem = error
            throw .found
          }
        }
      } catch {
        if let problem { throw problem }
        guard isWanted() else { throw ExportProblem.abandoned }
        if case .unreadable(let number) = error {
          throw StorageFault.system(number, "read", path: path)
        }
        throw StorageFault.corrupt(
          "The serials in \(path) are not those that the batch was opened with", path: path)
      }
    }

    func finish(
      verification: VerificationReport, by actor: String, version: String, at wall: Int64
    ) throws -> ExportSummary {
      let heads = try reader.heads(from: first - 1, to: last)
      let signer = try HeadSigner(existingIn: directory)
      // The one that signs this export first, then those that signed its heads.
      let key = signer?.key ?? HeadKey.stored(in: directory)
      let keys = [key].compactMap(\.self) + verification.keys.filter { $0 != key }
      let reconciliation = reconciler.finished(pool: nil)
      let unexplained = try SerialFile.serials(
        at: Set(reconciliation.unexplained.map(\.row)), in: directory + "/" + description.file)
      let page = ReportPage(
        report: report, description: description, line: lineID, stations: names.all,
        reconciliation: reconciliation, serials: unexplained, verification: verification,
        head: heads.last, keyText: key?.text ?? "", isSigned: signer != nil, first: first,
        last: last, lastHash: lastHash, madeAt: wall, madeBy: actor, version: version)
      try writer.add("report.html", page.html)
      // Each note ends with its signature; an empty line stands between two.
      try writer.add(ExportManifest.headsName, heads.map(\.note).joined(separator: "\n"))
      if !keys.isEmpty {
        try writer.add(ExportManifest.keyName, keys.map { $0.text + "\n" }.joined())
      }
      let manifest = ExportManifest(
        batch: .init(
          expiry: description.expiry, gtin: description.gtin, id: description.id,
          lot: description.lot, number: number, serials: description.count,
          state: report.state.word),
        files: try writer.flushed().map {
          .init(name: $0.name, sha256: Hexadecimal.text($0.sha256), size: $0.size)
        }, firstSequence: first, hashBefore: hashBefore.description,
        lastHash: lastHash.description, lastSequence: last, line: lineID, lineward: version,
        madeAt: ExportText.time(wall), madeBy: actor,
        recordEncoding: Int(RecordEncoder.version), records: Int(last - first) + 1,
        schema: RecordSchema.version,
        verification: .init(
          finding: verification.isIntact ? nil : verification.summary,
          intact: verification.isIntact, lastHash: verification.lastHash.description,
          records: verification.records), version: ExportManifest.version)
      try writer.add(ExportManifest.name, manifest.encoded)
      if let signer {
        let hash = try writer.flushed().last?.sha256 ?? []
        try writer.add(
          ExportManifest.signatureName,
          signer.signed(ExportManifest.noteLines(sha256: Hexadecimal.text(hash))))
      }
      try writer.end()
      return ExportSummary(
        batch: description.id, first: first, last: last, isSigned: signer != nil,
        verification: verification)
    }
  }
}

// MARK: What an export asks of the records

extension RecordReader {
  /// The batch of an id, with the record that opened it; nil when there is none.
  func batch(
    _ id: String
  ) throws(StorageFault) -> (number: UInt32, description: BatchDescription, opened: Int64)? {
    for stored in try records(of: .batchOpened) {
      guard let description = try? BatchDescription(encoded: stored.record.raw),
        description.id == id
      else { continue }
      return (stored.record.batch, description, stored.sequence)
    }
    return nil
  }

  /// The sequence number of the record that closed a batch, nil while it is not closed.
  func closing(of batch: UInt32) throws(StorageFault) -> Int64? {
    try read { database in
      try Int64.fetchOne(
        database,
        sql:
          "SELECT min(sequence) FROM records WHERE kind BETWEEN 10 AND 13 AND kind = 13 AND batch = ?",
        arguments: [Int64(batch)])
    }
  }

  /// All records that opened a batch, in order.
  private func records(of kind: Line.Record.Kind) throws(StorageFault) -> [StoredRecord] {
    let sequences = try read { database in
      try Int64.fetchAll(
        database,
        sql:
          "SELECT sequence FROM records WHERE kind BETWEEN 10 AND 13 AND kind = ? ORDER BY sequence",
        arguments: [Int64(kind.rawValue)])
    }
    var found: [StoredRecord] = []
    for sequence in sequences { found += try records(after: sequence - 1, limit: 1) }
    return found
  }

  /// The last record of a kind before a sequence number.
  func newest(
    _ kind: Line.Record.Kind, before sequence: Int64, after base: Int64 = 0
  ) throws(StorageFault) -> StoredRecord? {
    var end = sequence
    while end > base + 1 {
      let start = max(base + 1, end - RecordReader.slice)
      let found = try read { database in
        try Int64.fetchOne(
          database,
          sql:
            "SELECT max(sequence) FROM records WHERE sequence >= ? AND sequence < ? AND kind = ?",
          arguments: [start, end, Int64(kind.rawValue)])
      }
      if let found { return try records(after: found - 1, limit: 1).first }
      end = start
    }
    return nil
  }

  /// Records of one kind and batch, looked for in slices, at most `limit`.
  func records(
    of kind: Line.Record.Kind, batch: UInt32, after sequence: Int64, limit: Int
  ) throws(StorageFault) -> [StoredRecord] {
    let last = try lastSequence()
    var found: [StoredRecord] = []
    var after = sequence
    while after < last && found.count < limit {
      let upTo = min(after + RecordReader.slice, last)
      found += try collect(
        after: after, limit: limit - found.count,
        condition: "AND sequence <= ?3 AND kind = ?4 AND batch = ?5",
        arguments: [upTo, Int64(kind.rawValue), Int64(batch)])
      after = upTo
    }
    return found
  }

  /// The signed heads of a range, in order.
  func heads(from first: Int64, to last: Int64) throws(StorageFault) -> [SignedHead] {
    try read { database in
      try String.fetchAll(
        database,
        sql: "SELECT note FROM heads WHERE sequence >= ? AND sequence <= ? ORDER BY sequence",
        arguments: [first, last])
    }.compactMap(SignedHead.init(note:))
  }
}
