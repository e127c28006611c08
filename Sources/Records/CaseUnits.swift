public import Containment
internal import Glibc
public import Line

/// One unit that a containment case affects.
public struct CaseUnit: Sendable, Hashable {
  /// The plant's own name for its batch.
  public var batch: String
  /// The GTIN that its batch has.
  public var gtin: String
  /// Its serial; empty: none of the batch was read on it.
  public var serial: String
  /// Its number at the station.
  public var unit: UInt16
  /// The station that judged it.
  public var station: String
  /// The verdict's number.
  public var verdict: UInt16
  /// Wall time of the verdict, milliseconds since 1970.
  public var at: Int64
  /// The outcome's number, 0: none came.
  public var outcome: UInt16
  /// What its serial is now; nil without one.
  public var state: SerialState?
  /// Whether its serial is on hold by a person.
  public var hold: Bool
  /// Whether it was scanned in for the case.
  public var isScanned: Bool

  /// Columns of the list.
  public static let columns = [
    "batch", "gtin", "serial", "unit", "station", "verdict", "verdict_word", "verdict_at",
    "outcome",
    "outcome_word", "state", "hold", "scanned_in",
  ]

  /// The first line of the list as CSV (RFC 4180), with CR LF.
  public static let csvHead = Array((columns.joined(separator: ",") + "\r\n").utf8)

  /// Its line of the list as CSV, with CR LF.
  public var csv: [UInt8] {
    var bytes: [UInt8] = []
    func add(_ text: String) {
      if !bytes.isEmpty { bytes.append(UInt8(ascii: ",")) }
      ExportText.csv(text, to: &bytes)
    }
    func add(number: UInt16) {
      bytes.append(UInt8(ascii: ","))
      if number != 0 { bytes += "\(number)".utf8 }
    }
    add(batch)
    add(gtin)
    add(serial)
    add(number: unit)
    add(station)
    add(number: verdict)
    add(Verdict(rawValue: verdict)?.phrase ?? "")
    add(ExportText.time(at))
    add(number: outcome)
    add(Outcome(rawValue: outcome)?.phrase ?? "")
    add(state?.word ?? "")
    add(hold ? "yes" : "no")
    add(isScanned ? "yes" : "no")
    return bytes + [0x0D, 0x0A]
  }
}

/// All units that a containment case affects, from the records: what a hand scan has to find.
///
/// These are the units of its batches that its stations judged since the last moment proven good; packs of challenge tests are
/// none. Reads beside a running daemon, in slices; memory is bounded by the serials of the largest batch, 18 bytes each, and
/// by `withoutPlaceMax`.
public struct CaseUnits: Sendable {
  /// A batch on hold, as the core knows it.
  public struct HeldBatch: Sendable, Hashable {
    /// Its number.
    public var number: UInt32
    /// The plant's own name for it.
    public var id: String
    /// Where its records are, from the storage directory on; empty: with the line.
    public var archive: String

    /// Names a batch.
    public init(number: UInt32, id: String, archive: String) {
      self.number = number
      self.id = id
      self.archive = archive
    }
  }

  /// What was counted.
  public struct Counts: Sendable, Hashable {
    /// Units that are affected.
    public var units = 0
    /// Serials among them.
    public var serials = 0
    /// Serials among them that were scanned in.
    public var found = 0
    /// Serials that were scanned in and that no affected unit has.
    public var others = 0
    /// Units that are counted and not listed, because there were too many without a place in the batch.
    public var unlisted = 0
    /// What could not be looked at, a sentence each.
    public var remarks: [String] = []

    /// Serials among them that were not scanned in.
    public var missing: Int { serials - found }
  }

  /// Units without a serial of the batch, and further ones with a serial that another unit has, are listed up to so many.
  public static let withoutPlaceMax = 100_000

  /// What is on hold.
  public let scope: CaseScope
  /// Its batches.
  public let batches: [HeldBatch]
  private let scanned: [UInt32: Set<Int32>]

  /// Makes a search; of the packs that were scanned in there may be any number.
  public init(
    scope: CaseScope, batches: [HeldBatch], scanned: Set<ContainmentCase.ScannedPack>
  ) {
    self.scope = scope
    self.batches = batches
    var rows: [UInt32: Set<Int32>] = [:]
    for pack in scanned { rows[pack.batch, default: []].insert(pack.row) }
    self.scanned = rows
  }

  /// Hands over every unit, batch by batch: first those without a serial of their own, in the order of time, then the rest by the
  /// place of the serial in the batch.
  ///
  /// - Parameters:
  ///   - directory: Where the records are.
  ///   - isWanted: Asked after each slice; false abandons it.
  ///   - progress: Gets what is being done, how much of it is, and how much there is.
  ///   - body: Gets each unit.
  /// - Returns: What was counted.
  /// - Throws: Why it is not whole.
  public func list(
    of directory: String, isWanted: () -> Bool = { true },
    progress: (String, Int, Int) -> Void = { _, _, _ in },
    _ body: (CaseUnit) throws(ExportProblem) -> Void
  ) throws(ExportProblem) -> Counts {
    var counts = Counts()
    for batch in batches {
      let folder = batch.archive.isEmpty ? directory : "\(directory)/\(batch.archive)"
      guard access(StoreDirectory.database(folder), F_OK) == 0 else {
        counts.remarks.append(
          "the records of batch \(batch.id) are in an archive that was moved away from \(folder): its units are not listed"
        )
        continue
      }
      do {
        var work = try Work(self, batch, directory: folder)
        try work.walk(isWanted: isWanted, progress: progress)
        try work.hand(isWanted: isWanted, counts: &counts, body)
      } catch let problem as ExportProblem {
        throw problem
      } catch let fault as StorageFault {
        throw .records(fault)
      } catch {
        throw .records(.from(error, "read the records", path: StoreDirectory.database(folder)))
      }
    }
    return counts
  }

  /// One batch under way.
  private struct Work {
    /// A unit that has no serial for itself.
    private struct Other {
      var row: Int32
      var unit: UInt16
      var station: Int
      var verdict: UInt16
      var at: Int64
      var outcome: UInt16 = 0
    }

    private struct Place: Hashable {
      var station: Int16
      var unit: UInt16
    }

    let search: CaseUnits
    let batch: HeldBatch
    let directory: String
    let reader: RecordReader
    let description: BatchDescription
    let opened: Int64
    let last: Int64
    var names = StationNames()
    var ledger: SerialLedger
    /// Whether the unit in the ledger is affected, by row.
    var affected: [Bool]
    private var others: [Other] = []
    private var unlisted = 0
    /// Others without an end yet.
    private var open: [Place: Int] = [:]

    init(_ search: CaseUnits, _ batch: HeldBatch, directory: String) throws {
      self.search = search
      self.batch = batch
      self.directory = directory
      reader = try RecordReader(directory: directory)
      let base = try reader.base()
      guard let found = try reader.batch(batch.id) else {
        throw ExportProblem.noSuchBatch(batch.id)
      }
      description = found.description
      opened = found.opened
      last = try reader.closing(of: batch.number) ?? reader.lastSequence()
      if let start = try reader.newest(.started, before: opened, after: base.last) ?? base.start {
        names.take(start.record)
      }
      ledger = SerialLedger(count: description.count)
      affected = [Bool](repeating: false, count: description.count)
    }

    private func isAffected(_ stored: StoredRecord) -> Bool {
      // The number of a verdict is that of a challenge test.
      stored.record.number == 0 && search.scope.since.map { stored.wall >= $0 } ?? true
        && search.scope.stations.contains(names.name(stored.record.station))
    }

    mutating func walk(
      isWanted: () -> Bool, progress: (String, Int, Int) -> Void
    ) throws {
      var after = opened - 1
      while after < last {
        guard isWanted() else { throw ExportProblem.abandoned }
        let slice = try reader.records(
          after: after, limit: Int(min(RecordReader.slice, last - after)))
        guard let end = slice.last?.sequence else { return }
        for stored in slice {
          if stored.record.kind == .started { names.take(stored.record) }
          if stored.record.batch == batch.number { take(stored) }
        }
        after = end
        progress("reading units of batch \(batch.id)", Int(after - opened), Int(last - opened))
      }
    }

    private mutating func take(_ stored: StoredRecord) {
      let record = stored.record
      let row = Int(record.row)
      let place = Place(station: record.station, unit: record.unit)
      switch record.kind {
      case .verdict:
        open[place] = nil
        let isOwn =
          affected.indices.contains(row)
          && (record.state != nil || ledger.entries[row].verdict == 0)
        if isOwn {
          affected[row] = isAffected(stored)
        } else if isAffected(stored) {
          if others.count < CaseUnits.withoutPlaceMax {
            open[place] = others.count
            others.append(
              Other(
                row: record.row, unit: record.unit, station: names.place(record.station) ?? 0,
                verdict: record.code, at: stored.wall))
          } else {
            unlisted += 1
          }
        }
      case .outcome:
        if let index = open.removeValue(forKey: place) { others[index].outcome = record.code }
      case .outcomeMissing: open[place] = nil
      default: break
      }
      ledger.take(stored, place: names.place(record.station))
    }

    func hand(
      isWanted: () -> Bool, counts: inout Counts,
      _ body: (CaseUnit) throws(ExportProblem) -> Void
    ) throws {
      let path = directory + "/" + description.file
      let scanned = search.scanned[batch.number] ?? []
      let named = try SerialFile.serials(
        at: Set(others.map(\.row).filter { $0 >= 0 }), in: path)
      for other in others {
        let entry = other.row >= 0 ? ledger.entries[Int(other.row)] : nil
        try body(
          CaseUnit(
            batch: batch.id, gtin: description.gtin, serial: named[other.row] ?? "",
            unit: other.unit, station: names.all[other.station], verdict: other.verdict,
            at: other.at, outcome: other.outcome, state: entry?.state, hold: entry?.hold ?? false,
            // One scan shows one pack, and that is the one that has the serial.
            isScanned: false))
      }
      counts.units += others.count + unlisted
      counts.unlisted += unlisted
      counts.others += scanned.count { !affected.indices.contains(Int($0)) || !affected[Int($0)] }
      let descriptor = try SerialFile.openForReading(path)
      defer { close(descriptor) }
      var problem: ExportProblem?
      var counted = counts
      do throws(SerialWalk.Stop) {
        _ = try SerialWalk.lines(of: descriptor) { (line, row) throws(SerialWalk.Stop) in
          guard affected.indices.contains(row), row % 65_536 != 0 || isWanted() else {
            throw .changed
          }
          guard affected[row] else { return }
          let entry = ledger.entries[row]
          let isScanned = scanned.contains(Int32(row))
          counted.units += 1
          counted.serials += 1
          if isScanned { counted.found += 1 }
          do throws(ExportProblem) {
            try body(
              CaseUnit(
                batch: batch.id, gtin: description.gtin,
                serial: String(decoding: line, as: UTF8.self),
                unit: entry.unit, station: names.all[Int(entry.station)],
                verdict: UInt16(entry.verdict), at: entry.judgedAt,
                outcome: UInt16(entry.outcome), state: entry.state, hold: entry.hold,
                isScanned: isScanned))
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
      counts = counted
    }
  }
}

extension CaseUnits {
  /// Writes the list as CSV into a regular file that is open for writing, from its beginning, and hands over the first
  /// `shownMax` units besides.
  public func write(
    of directory: String, to descriptor: Int32?, shownMax: Int, isWanted: () -> Bool = { true },
    progress: (String, Int, Int) -> Void = { _, _, _ in }
  ) throws(ExportProblem) -> (counts: Counts, shown: [CaseUnit]) {
    var shown: [CaseUnit] = []
    let file = descriptor.map { CSVFile(descriptor: $0) }
    try file?.add(CaseUnit.csvHead)
    let counts = try list(of: directory, isWanted: isWanted, progress: progress) {
      (unit) throws(ExportProblem) in
      if shown.count < shownMax { shown.append(unit) }
      try file?.add(unit.csv)
    }
    try file?.end()
    return (counts, shown)
  }

  /// Lines on their way into a file.
  private final class CSVFile {
    private let descriptor: Int32
    private var held: [UInt8] = []
    private var offset: off_t = 0

    init(descriptor: Int32) { self.descriptor = descriptor }

    func add(_ bytes: [UInt8]) throws(ExportProblem) {
      held += bytes
      if held.count >= ExportWriter.pieceMax { try end() }
    }

    func end() throws(ExportProblem) {
      var start = 0
      while start < held.count {
        let count = held[start...].withUnsafeBytes {
          pwrite(descriptor, $0.baseAddress, $0.count, offset)
        }
        if count < 0 && errno == EINTR { continue }
        guard count > 0 else { throw .system(count == 0 ? ENOSPC : errno) }
        start += count
        offset += off_t(count)
      }
      held.removeAll(keepingCapacity: true)
    }
  }
}
