internal import GRDB
internal import Line

/// What the check of a whole chain found.
public struct VerificationReport: Sendable, Hashable {
  /// The first record that does not hold.
  public struct BadRecord: Sendable, Hashable {
    /// Its sequence number; of a missing record, the one that it should have.
    public var sequence: Int64
    /// What is wrong with it, a sentence without its number.
    public var message: String

    /// Names a record.
    public init(sequence: Int64, message: String) {
      self.sequence = sequence
      self.message = message
    }
  }

  /// How many records hold.
  public var records = 0
  /// The hash of the last record that holds; to be compared with one kept elsewhere.
  public var lastHash = ChainHash.zero
  /// The first record that does not hold, nil when all do.
  public var firstBad: BadRecord?
  /// Why the records could not be read to the end, nil when they could.
  public var fault: StorageFault?
  /// How many serial files are those that were recorded.
  public var serialFiles = 0
  /// How many signed heads agree with the chain.
  public var heads = 0
  /// How many people's signatures cover records of this chain that are as they were.
  public var signatures = 0
  /// The keys that signed them, oldest first.
  public var keys: [HeadKey] = []
  /// What this check does not prove, and who vouches for a key; sentences, empty where there is nothing to say.
  public var remarks: [String] = []
  /// Records 1 to this one are in archives that were not looked at; 0: there are none.
  public var archived: Int64 = 0
  /// The hash of that record, from which the check began.
  public var archivedHash = ChainHash.zero

  /// Whether everything was read and everything holds.
  public var isIntact: Bool { firstBad == nil && fault == nil }

  /// One line for a person.
  public var summary: String {
    if let firstBad {
      return
        "record \(firstBad.sequence) is bad: \(firstBad.message); \(records) records before it hold"
    }
    if let fault { return fault.message }
    if archived > 0 {
      return
        "\(records) records after \(archived), \(serialFiles) serial files and \(heads) signed heads hold; last hash "
        + "\(lastHash); records 1 to \(archived) are in archives, which end with hash \(archivedHash)"
    }
    return
      "\(counted(records, "record")), \(counted(serialFiles, "serial file")) and \(counted(heads, "signed head")) "
      + "hold; last hash \(lastHash)"
  }
}

/// A number with its noun: `1 record`, `2 records`.
private func counted(_ count: Int, _ noun: String) -> String {
  "\(count) \(noun)\(count == 1 ? "" : "s")"
}

/// Checks the whole chain of a directory, beside a running daemon or without one; reads only, and in slices.
public enum RecordVerifier {
  /// Checks every record that is here, every serial file and signed head; with `archives` those that are in them as well.
  ///
  /// A record holds when it follows the one before without a gap, its hash is right, and it does to batches and serials
  /// only what the contract lets it ("What becomes of a serial"). `known` are heads that were kept elsewhere: the chain
  /// must contain them, so a cut tail and a rewritten chain are found. `keys` are public keys kept elsewhere, one of any
  /// generation is enough (`KeyRing`); without one the key in the directory is used, which shows accidents but no forger
  /// with access to it. `progress` gets the records done and those there are, of each database.
  public static func verify(
    directory: String, archives: [String] = [], known: [SignedHead] = [], keys: [HeadKey] = [],
    progress: (Int, Int) -> Void = { _, _ in }
  ) -> VerificationReport {
    guard archives.isEmpty else {
      return verify(joined: directory, archives, known: known, keys: keys, progress: progress)
    }
    // Before the records: beside a running daemon mark and key may be behind them, but never ahead.
    let mark = HeadMark.read(directory)
    let present = try? HeadSigner(at: KeyFiles.privatePath(directory), name: "head-key")?.key
    var check: Check
    do throws(StorageFault) {
      check = try Check(directory: directory)
    } catch {
      var report = VerificationReport()
      report.fault = error
      return report
    }
    if let mark, mark.sequence > check.report.archived {
      check.known[mark.sequence] = (mark.hash, "the file \(StoreDirectory.mark(directory))")
    }
    for head in known { check.known[head.sequence] = (head.hash, "the head given") }
    check.dropKnown()
    let manifest = check.checkManifest(given: keys)
    // The saved state is held against the records on a thread of its own: both read everything.
    let state = SavedStateCheck(directory: directory)
    state.start()
    check.run(progress)
    check.checkSignatures()
    check.checkHeads(known: known, given: keys, present: present, isArchive: manifest != nil)
    if let manifest {
      check.remarkOnManifest(signedBy: manifest)
    } else {
      check.remarkOnEnd(known: known, given: keys, hasMark: mark != nil)
    }
    let finding = state.finish()
    if case .differs(let sequence, let what) = finding, check.report.isIntact {
      check.report.firstBad = .init(
        sequence: sequence,
        message: "the state saved for it is wrong: \(what); end the daemon and remove the file "
          + StoreDirectory.state(directory))
    }
    return check.report
  }

  /// A check under way.
  private struct Check {
    var report = VerificationReport()
    var known: [Int64: (hash: ChainHash, source: String)] = [:]
    private let directory: String
    private let path: String
    private let reader: RecordReader
    private let base: ChainBase
    private let last: Int64
    private var hash: ChainHash
    private var rules: RecordRules
    private var checked: Int64

    init(directory: String) throws(StorageFault) {
      self.directory = directory
      path = StoreDirectory.database(directory)
      reader = try RecordReader(directory: directory)
      base = try reader.base()
      last = try reader.lastSequence()
      hash = base.hash
      checked = base.last
      rules = base.description.map { RecordRules(archived: $0.state) } ?? RecordRules()
      report.archived = base.last
      report.archivedHash = base.hash
      report.lastHash = base.hash
    }

    /// Heads of records that are in archives are for the check of those; the one that the chain goes on from is known.
    mutating func dropKnown() {
      if base.last > 0, let head = known[base.last], head.hash != base.hash {
        bad(base.last, "\(head.source) names another hash than the record of the archive")
      }
      known = known.filter { $0.key > base.last }
    }

    /// Checks the manifest of an archive and the files that it names; returns the key that signed it, nil for a line.
    mutating func checkManifest(given: [HeadKey]) -> HeadKey? {
      let keys = given + [HeadKey.stored(in: directory)].compactMap(\.self)
      switch ArchiveManifest.check(directory, keys: keys) {
      case .none:
        // The line keeps the serials of archived batches: none of them may come again.
        for batch in base.description?.state.batches ?? [] where report.firstBad == nil {
          checkSerials(
            SerialFile.name(number: batch.number), sha256: batch.serialsHash,
            count: batch.poolCount)
        }
        return nil
      case .holds(let key): return key
      case .broken(let what):
        bad(base.last + 1, what)
        return nil
      }
    }

    /// An archive may be made after the key was changed, with a key that its own records do not know.
    mutating func remarkOnManifest(signedBy key: HeadKey) {
      guard report.isIntact, !report.keys.isEmpty, !report.keys.contains(key) else { return }
      report.remarks.append(
        "The manifest is signed with \(key.shortName), which signed none of these records; the line's own records name "
          + "that key and this manifest.")
    }

    mutating func run(_ progress: (Int, Int) -> Void) {
      if report.firstBad != nil || report.fault != nil { return }
      while checked < last {
        let opened: BatchDescription?
        do throws(StorageFault) {
          opened = try slice()
        } catch {
          report.fault = error
          report.records = Int(checked - base.last)
          if error.code == .corrupt { bad(checked + 1, "the database is damaged there") }
          return
        }
        if let opened, report.firstBad == nil {
          checkSerials(opened.file, sha256: opened.sha256, count: opened.count)
        }
        report.records = Int((report.firstBad.map { $0.sequence - 1 } ?? checked) - base.last)
        progress(report.records, Int(last - base.last))
        if report.firstBad != nil || report.fault != nil { return }
      }
      if let missing = known.filter({ $0.key > last }).min(by: { $0.key < $1.key }) {
        bad(last + 1, "missing: \(missing.value.source) names record \(missing.key)")
      }
    }

    private mutating func bad(_ sequence: Int64, _ message: String) {
      if let first = report.firstBad, first.sequence <= sequence { return }
      report.firstBad = .init(sequence: sequence, message: message)
    }

    /// Checks the next records in one read, up to one that opens a batch, whose description it returns.
    private mutating func slice() throws(StorageFault) -> BatchDescription? {
      let upTo = min(checked + RecordReader.slice, last)
      let start = checked
      let work = Slice(after: hash, rules: rules, known: known)
      let path = path
      var failure: StorageFault?
      do throws(StorageFault) {
        try reader.read { database in
          // From the very beginning the first time, so that a record before the first is seen.
          let slice = try RecordSlice(
            database, after: start == 0 ? .min : start, limit: Int(upTo - start), path: path)
          while work.next < upTo - start + 1, work.bad == nil, work.opened == nil {
            guard let row = try slice.next() else { break }
            work.check(row, expected: start + work.next)
          }
        }
      } catch {
        failure = error
      }
      hash = work.encoder.hash
      rules = work.rules
      checked = start + work.next - 1
      report.lastHash = hash
      if let failure { throw failure }
      if let bad = work.bad {
        self.bad(bad.sequence, bad.message)
      } else if checked < upTo && work.opened == nil {
        self.bad(checked + 1, "missing")
      }
      return work.opened
    }

    /// Checks that each person's signature covers the very record that it was given over (21 CFR 11.70).
    ///
    /// The chain alone shows that nothing was changed without its hashes; this shows it of a chain that was written anew.
    mutating func checkSignatures() {
      guard report.fault == nil else { return }
      let upTo = report.firstBad.map { $0.sequence - 1 } ?? last
      var elsewhere = 0
      for signature in rules.covered where signature.sequence <= upTo {
        do throws(StorageFault) {
          guard signature.covers >= base.last else {
            elsewhere += 1
            continue
          }
          let hash =
            signature.covers == base.last
            ? base.hash : try reader.records(after: signature.covers - 1, limit: 1).first?.hash
          guard hash == signature.hash else {
            bad(
              signature.sequence,
              "the signature in it was given over record \(signature.covers) with another hash: what was signed was changed"
            )
            report.records = min(report.records, Int(signature.sequence - 1 - base.last))
            return
          }
          report.signatures += 1
        } catch {
          report.fault = error
          return
        }
      }
      if elsewhere > 0 {
        report.remarks.append(
          "\(counted(elsewhere, "signature")) cover records that are in an archive and were not looked at."
        )
      }
    }

    /// Checks the signed heads of the records that hold, and those given, by the keys that the records name.
    mutating func checkHeads(
      known: [SignedHead], given: [HeadKey], present: HeadKey?, isArchive: Bool
    ) {
      guard report.fault == nil else { return }
      let upTo = report.firstBad.map { min($0.sequence - 1, last) } ?? last
      var stored = HeadKey.stored(in: directory)
      // The key beside an archive made it, and may be a later one than its records know.
      if isArchive, let head = try? heads(after: base.last, upTo: upTo).first,
        let signed = SignedHead(note: head.note),
        let key = KeyFiles.signer(of: signed, in: directory)
      {
        stored = key
      }
      var ring = KeyRing(
        changes: rules.keyChanges, given: given, stored: stored, directory: directory)
      var after = base.last
      var isOfHeads = false
      do throws(StorageFault) {
        heads: while true {
          let heads = try heads(after: after, upTo: upTo)
          for (sequence, note, hash) in heads {
            guard let head = SignedHead(note: note), head.sequence == sequence,
              head.hash.description == hash
            else {
              bad(sequence, "its signed head does not agree with it")
              break heads
            }
            if let problem = ring.take(head) {
              bad(problem.sequence, problem.message)
              isOfHeads = true
              break heads
            }
            report.heads += 1
          }
          guard let end = heads.last?.sequence else { break }
          after = end
        }
        if report.firstBad == nil, let head = try headWithoutRecord() {
          bad(last + 1, "missing: there is a signed head of record \(head)")
        }
      } catch {
        report.fault = error
        return
      }
      report.keys = ring.signers
      // Those of records in archives are for the check of these.
      for head in known.sorted(by: { $0.sequence < $1.sequence })
      where head.sequence >= base.last && !ring.all.contains(where: { head.isSigned(by: $0) }) {
        // Of what a head says that nobody signed, nothing follows for the record that it names.
        if let first = report.firstBad, isOfHeads || first.sequence < min(head.sequence, last) {
          break
        }
        report.firstBad = .init(
          sequence: head.sequence,
          message: ring.all.isEmpty || ring.all.contains { $0.name == head.origin }
            ? "the head given for it has no right signature by any key of these records"
            : "the head given for it is one of \(head.origin), not of \(ring.all[0].name)")
        break
      }
      if report.firstBad == nil, !isArchive, let stranger = ring.strangerBeside(present: present) {
        bad(last + 1, stranger)
      }
      if let first = report.firstBad {
        report.records = min(report.records, Int(max(0, first.sequence - 1 - base.last)))
      } else if let remark = ring.remark {
        report.remarks.append(remark)
      }
    }

    /// A head beyond the last record, in one look, so that a running daemon's new ones do not count.
    private func headWithoutRecord() throws(StorageFault) -> Int64? {
      try reader.read { database in
        try Int64.fetchOne(
          database,
          sql:
            "SELECT min(sequence) FROM heads WHERE sequence > (SELECT coalesce(max(sequence), 0) FROM records)"
        )
      }
    }

    /// Cast, because a damaged file may hold a number where a note was, and a column of another type cannot be decoded.
    private func heads(
      after: Int64, upTo: Int64
    ) throws(StorageFault) -> [(sequence: Int64, note: String, hash: String?)] {
      try reader.read { database in
        try Row.fetchAll(
          database,
          sql: """
            SELECT heads.sequence, CAST(heads.note AS TEXT), lower(hex(records.hash)) FROM heads
            LEFT JOIN records ON records.sequence = heads.sequence
            WHERE heads.sequence > ? AND heads.sequence <= ? ORDER BY heads.sequence LIMIT 10000
            """, arguments: [after, upTo]
        ).map { row in (row[0], row[1] ?? "", row[2]) }
      }
    }

    /// Says what nothing proves: that no records were cut off at the end.
    mutating func remarkOnEnd(known: [SignedHead], given: [HeadKey], hasMark: Bool) {
      guard report.isIntact, last > 0 else { return }
      guard let newest = known.map(\.sequence).max() else {
        report.remarks.append(
          hasMark
            ? "No head kept elsewhere was given (--heads), so nothing but the mark beside the records proves that none "
              + "was cut off after record \(last)."
            : "Nothing proves the end: the mark \(StoreDirectory.mark(directory)) is missing and no head kept elsewhere "
              + "was given (--heads), so records may have been cut off after record \(last).")
        return
      }
      if newest < last {
        report.remarks.append(
          "The heads given prove the records up to \(newest); nothing kept elsewhere proves that none was cut off after "
            + "record \(last).")
      }
      if given.isEmpty {
        report.remarks.append(
          "The heads given were checked with the key beside the records, because none kept elsewhere was given (--key)."
        )
      }
    }

    private mutating func checkSerials(_ file: String, sha256: [UInt8], count: Int) {
      let path = directory + "/" + file
      do throws(StorageFault) {
        let (lines, hash) = try SerialFile.summary(at: path)
        guard hash == sha256, lines == count else {
          return bad(checked, "the serials in \(path) are not those that the batch was opened with")
        }
        report.serialFiles += 1
      } catch {
        bad(checked, error.message)
      }
    }
  }

  /// What one read looks at; a class, because it is handed into the database's closure and changed there.
  private final class Slice {
    var encoder: RecordEncoder
    var rules: RecordRules
    let known: [Int64: (hash: ChainHash, source: String)]
    var next: Int64 = 1
    var bad: VerificationReport.BadRecord?
    var opened: BatchDescription?

    init(
      after hash: ChainHash, rules: RecordRules, known: [Int64: (hash: ChainHash, source: String)]
    ) {
      self.encoder = RecordEncoder(after: hash)
      self.rules = rules
      self.known = known
    }

    func check(_ row: RecordRow, expected: Int64) {
      guard row.sequence == expected else {
        bad = .init(
          sequence: expected,
          message: row.sequence > expected
            ? "missing" : "a record with the number \(row.sequence) stands before it")
        return
      }
      let before = encoder.hash
      do throws(RecordRow.Malformed) {
        let numbers = try row.numbers()
        guard try row.follows(&encoder, numbers) else {
          throw .init(what: "its hash is wrong: it, or the record before it, was changed")
        }
        if let other = known[expected], other.hash != encoder.hash {
          throw .init(what: "\(other.source) names another hash: the chain was rewritten")
        }
        opened = try rules.take(numbers, row)
        next += 1
      } catch {
        encoder.hash = before
        bad = .init(sequence: expected, message: error.what)
      }
    }
  }
}
