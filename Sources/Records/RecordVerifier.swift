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
      "\(records) records, \(serialFiles) serial files and \(heads) signed heads hold; last hash \(lastHash)"
  }
}

/// Checks the whole chain of a directory, beside a running daemon or without one; reads only, and in slices.
public enum RecordVerifier {
  /// Checks every record that is here, every serial file and signed head; with `archives` those that are in them as well.
  ///
  /// A record holds when it follows the one before without a gap, its hash is right, and it does to batches and serials
  /// only what the contract lets it ("What becomes of a serial"). `known` are heads that were kept elsewhere: the chain
  /// must contain them, so a cut tail and a rewritten chain are found. `key` is the public key kept elsewhere; without one
  /// the key in the directory is used, which shows accidents but no forger with access to it. `progress` gets the records
  /// done and those there are, of each database.
  public static func verify(
    directory: String, archives: [String] = [], known: [SignedHead] = [], key: HeadKey? = nil,
    progress: (Int, Int) -> Void = { _, _ in }
  ) -> VerificationReport {
    guard archives.isEmpty else {
      return verify(joined: directory, archives, known: known, key: key, progress: progress)
    }
    // Before the records: beside a running daemon the mark may be behind them, but never ahead.
    let mark = HeadMark.read(directory)
    var check: Check
    do throws(StorageFault) {
      check = try Check(directory: directory, key: key ?? HeadKey.stored(in: directory))
    } catch {
      var report = VerificationReport()
      report.fault = error
      return report
    }
    if let mark, mark.sequence > check.report.archived {
      check.known[mark.sequence] = (mark.hash, "the file \(StoreDirectory.mark(directory))")
    }
    for head in known {
      if let key, !head.isSigned(by: key) {
        check.report.firstBad = .init(
          sequence: head.sequence,
          message: "the head given for it has no right signature by \(key.name)")
        return check.report
      }
      check.known[head.sequence] = (head.hash, "the head given")
    }
    check.dropKnown()
    // The saved state is held against the records on a thread of its own: both read everything.
    let state = SavedStateCheck(directory: directory)
    state.start()
    check.run(progress)
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
    private let key: HeadKey?
    private let reader: RecordReader
    private let base: ChainBase
    private let last: Int64
    private var hash: ChainHash
    private var rules: RecordRules
    private var checked: Int64

    init(directory: String, key: HeadKey?) throws(StorageFault) {
      self.directory = directory
      self.key = key
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

    mutating func run(_ progress: (Int, Int) -> Void) {
      switch ArchiveManifest.check(directory, key: key) {
      case .none:
        // The line keeps the serials of archived batches: none of them may come again.
        for batch in base.description?.state.batches ?? [] where report.firstBad == nil {
          checkSerials(
            SerialFile.name(number: batch.number), sha256: batch.serialsHash,
            count: batch.poolCount)
        }
      case .holds: break
      case .broken(let what): bad(base.last + 1, what)
      }
      if report.firstBad != nil || report.fault != nil { return }
      while checked < last {
        let before = checked
        let opened: BatchDescription?
        do throws(StorageFault) {
          opened = try slice()
        } catch {
          report.fault = error
          report.records = Int(checked - base.last)
          if error.code == .corrupt { bad(checked + 1, "the database is damaged there") }
          return
        }
        if checked > before, report.firstBad == nil { checkHeads(after: before) }
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

    private mutating func checkHeads(after start: Int64) {
      let upTo = checked
      do throws(StorageFault) {
        let heads = try reader.read { database in
          try Row.fetchAll(
            database,
            sql: """
              SELECT heads.sequence, heads.note, lower(hex(records.hash)) FROM heads
              LEFT JOIN records ON records.sequence = heads.sequence
              WHERE heads.sequence > ? AND heads.sequence <= ? ORDER BY heads.sequence
              """, arguments: [start, upTo]
          ).map { row -> (Int64, String?, String?) in (row[0], row[1], row[2]) }
        }
        for (sequence, note, hash) in heads {
          guard let note, let head = SignedHead(note: note), head.sequence == sequence,
            head.hash.description == hash
          else { return bad(sequence, "its signed head does not agree with it") }
          guard let key else {
            return bad(
              sequence,
              "its signed head cannot be checked: no key at \(HeadSigner.publicPath(directory))")
          }
          guard head.isSigned(by: key) else {
            return bad(sequence, "its signed head has no right signature by \(key.name)")
          }
          report.heads += 1
        }
      } catch {
        report.fault = error
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
