internal import Crypto
internal import Foundation
internal import GRDB
internal import Glibc
internal import Line

/// Why no archive was made, for a person.
public enum ArchiveProblem: Error, Sendable, Hashable {
  /// There is nothing that could be put into one: the reason.
  case nothing(String)
  /// It would leave too little room on the disk: bytes needed and bytes there are.
  case noRoom(needed: Int, free: Int)
  /// What was written is not what the records are.
  case wrong(String)
  /// The records cannot be read, or the archive cannot be written.
  case records(StorageFault)
  /// Nobody waits for it any more.
  case abandoned

  /// One sentence or two.
  public var message: String {
    switch self {
    case .nothing(let reason): reason
    case .noRoom(let needed, let free):
      "The archive takes up to \(needed / 1_000_000) MB, and \(free / 1_000_000) MB are free beside what has to stay free "
        + "(storage.min_free). Free space, or move earlier archives away."
    case .wrong(let what):
      "The archive was made and does not hold: \(what). It was thrown away, and nothing was removed from the records."
    case .records(let fault): fault.message
    case .abandoned: "The archive was abandoned."
    }
  }
}

/// Puts the records of closed batches into a folder that holds all that proves them, so that they may leave the line.
///
/// The folder is whole, checked and synced before the chain names it, and only what the chain names is ever removed: at
/// every moment each record is in one place at least.
public enum RecordArchive {
  /// An archive that waits for the record that names it.
  public struct Prepared: Sendable {
    /// What that record has to say.
    public let description: ArchiveDescription
    /// Its folder.
    public let path: String
    /// The ids of the batches in it.
    public let batches: [String]
  }

  /// The points between which the making may be cut short.
  enum Step: CaseIterable {
    case began, copied, linked, described, checked, named
  }

  /// Writes the archive of everything up to the last moment at which no batch was open.
  ///
  /// The batch with the id `batch` and those after it stay; nil: everything that can go goes. `actor` asked for it, `minFree`
  /// bytes have to stay free on the disk, `wall` is now in milliseconds since 1970. `isWanted` is asked after each slice, and
  /// false abandons it; `progress` gets what is being done, how much of it is, and how much there is. Throws why there is
  /// none: what was written by then has no name that counts, and the next one begins by removing it.
  public static func prepare(
    _ directory: String, before batch: String?, by actor: String, version: String, minFree: Int,
    at wall: Int64, isWanted: () -> Bool = { true },
    progress: (String, Int, Int) -> Void = { _, _, _ in }
  ) throws(ArchiveProblem) -> Prepared {
    try prepare(
      directory, before: batch, by: actor, version: version, minFree: minFree, at: wall,
      isWanted: isWanted, progress: progress, reached: { _ in })
  }

  /// As above; `reached` is told of each step, and what it throws ends the making there as a crash would.
  static func prepare(
    _ directory: String, before batch: String?, by actor: String, version: String, minFree: Int,
    at wall: Int64, isWanted: () -> Bool, progress: (String, Int, Int) -> Void,
    reached: (Step) throws -> Void
  ) throws(ArchiveProblem) -> Prepared {
    do {
      let reader = try RecordReader(directory: directory)
      let base = try reader.base()
      let end = try end(reader, base, before: batch)
      let number = (base.description.map { $0.state.archives.count + 1 } ?? 0) + 1
      let digits = String(number)
      let name = String(repeating: "0", count: max(0, 4 - digits.count)) + digits
      let path = StoreDirectory.archives(directory) + "/" + name
      try checkRoom(directory, minFree: minFree)
      try StoreDirectory.create(StoreDirectory.archives(directory))
      // No record names them: left over from a making that was cut short.
      for left in [path, path + ".new"] { try remove(left) }
      let work = path + ".new"
      try StoreDirectory.create(work + "/batches")
      try reached(.began)
      try copy(
        reader, base, to: work, through: end.sequence, isWanted: isWanted, progress: progress)
      try reached(.copied)
      // Of the copy, so that it is what the archive itself can prove.
      let made = try made(RecordReader(directory: work), after: base)
      let state = made.state
      let hash = made.hash
      let batches = state.batches.filter { $0.number > base.description?.lastBatch ?? 0 }
      for batch in batches {
        let file = SerialFile.name(number: batch.number)
        // The file is never changed, so a second name for it is a copy that takes no room.
        guard link(directory + "/" + file, work + "/" + file) == 0 else {
          throw StorageFault.system(errno, "link", path: directory + "/" + file)
        }
      }
      let key = HeadKey.stored(in: directory)
      if let key { try write(key.text + "\n", to: work + "/head-key.pub") }
      // The key may have been changed since the last record that goes: its predecessors signed the heads.
      for name in KeyFiles.retired(in: directory) {
        guard let key = HeadKey.read(directory + "/" + name) else { continue }
        try write(key.text + "\n", to: work + "/" + name)
      }
      try reached(.linked)
      let manifest = try describe(
        work, directory, base, last: end.sequence, hash: hash, batches: batches, by: actor,
        version: version, at: wall)
      try StoreDirectory.sync(directory: work + "/batches")
      try StoreDirectory.sync(directory: work)
      try reached(.described)
      progress("checking the archive", 0, 1)
      let report = RecordVerifier.verify(directory: work)
      guard report.isIntact, report.lastHash == hash else {
        throw ArchiveProblem.wrong(report.summary)
      }
      try reached(.checked)
      guard rename(work, path) == 0 else { throw StorageFault.system(errno, "rename", path: work) }
      try StoreDirectory.sync(directory: StoreDirectory.archives(directory))
      try reached(.named)
      let description = ArchiveDescription(
        first: base.last + 1, last: end.sequence, hash: hash, lastBatch: end.batch,
        folder: "archive/" + name, manifest: manifest, state: state, settings: made.settings,
        standing: made.standing)
      guard description.encoded.count < RecordEncoder.sizeMax / 2 else {
        throw ArchiveProblem.nothing(
          "The line has had more batches than one record can list; make a new storage directory.")
      }
      return Prepared(description: description, path: path, batches: batches.map(\.id))
    } catch let problem as ArchiveProblem {
      throw problem
    } catch let fault as StorageFault {
      throw .records(fault)
    } catch {
      throw .records(.from(error, "make an archive", path: StoreDirectory.archives(directory)))
    }
  }

  /// Removes an archive whose record was refused.
  public static func discard(_ prepared: Prepared) { try? remove(prepared.path) }

  // MARK: Steps

  /// The last record that can go: it closed a batch, and no batch was open after it.
  private static func end(
    _ reader: RecordReader, _ base: ChainBase, before id: String?
  ) throws -> (sequence: Int64, batch: UInt32) {
    var limit = UInt32.max
    if let id {
      guard let found = try reader.batch(id) else {
        throw ArchiveProblem.nothing("There is no batch \(id) among the records that are here.")
      }
      limit = found.number
    }
    let lives = try reader.read { database in
      try Row.fetchAll(
        database,
        sql: """
          SELECT sequence, kind, batch FROM records
          WHERE kind BETWEEN 10 AND 13 AND kind IN (10, 13) AND sequence > ? ORDER BY sequence
          """, arguments: [base.last]
      ).map { row -> (Int64, Int, UInt32) in (row[0], row[1], UInt32(clamping: row[2] as Int64)) }
    }
    var open: Set<UInt32> = []
    var newest: UInt32 = 0
    var end: (sequence: Int64, batch: UInt32)?
    for (sequence, kind, batch) in lives {
      if kind == Int(Line.Record.Kind.batchOpened.rawValue) {
        open.insert(batch)
        newest = max(newest, batch)
      } else {
        open.remove(batch)
      }
      // The archive before has to be named in this one, so that each says where it begins.
      if open.isEmpty, newest < limit, sequence > base.record { end = (sequence, newest) }
    }
    guard let end else {
      throw ArchiveProblem.nothing(
        "There is no moment at which all batches"
          + (id.map { " before \($0)" } ?? "") + " were closed"
          + (base.last > 0 ? " since the last archive" : "") + "; nothing can be archived yet.")
    }
    return end
  }

  private static func checkRoom(_ directory: String, minFree: Int) throws {
    var information = stat()
    var room = statvfs()
    guard stat(StoreDirectory.database(directory), &information) == 0,
      statvfs(directory, &room) == 0
    else { throw StorageFault.system(errno, "look at", path: directory) }
    let free = Int(
      clamping: UInt64(room.f_bavail).multipliedReportingOverflow(by: UInt64(room.f_frsize))
        .partialValue)
    let needed = Int(information.st_size)
    guard free - minFree >= needed else {
      throw ArchiveProblem.noRoom(needed: needed, free: max(0, free - minFree))
    }
  }

  /// Copies the records as they stand.
  private static func copy(
    _ reader: RecordReader, _ base: ChainBase, to folder: String, through last: Int64,
    isWanted: () -> Bool, progress: (String, Int, Int) -> Void
  ) throws {
    var configuration = Configuration()
    configuration.label = "archive"
    let queue = try DatabaseQueue(
      path: StoreDirectory.database(folder), configuration: configuration)
    defer { try? queue.close() }
    try queue.writeWithoutTransaction { database in
      try RecordSchema.migrate(database)
      try database.execute(sql: "ATTACH DATABASE ? AS line", arguments: [reader.path])
    }
    var after = base.last
    while after < last {
      guard isWanted() else { throw ArchiveProblem.abandoned }
      let upTo = min(after + RecordReader.slice, last)
      try queue.write { database in
        try database.execute(
          sql: """
            INSERT INTO records (\(RecordSchema.columns)) SELECT \(RecordSchema.columns) FROM line.records
            WHERE sequence > ? AND sequence <= ? ORDER BY sequence
            """, arguments: [after, upTo])
      }
      after = upTo
      progress("copying records", Int(after - base.last), Int(last - base.last))
    }
    try queue.write { database in
      try database.execute(
        sql: """
          INSERT INTO heads (sequence, note) SELECT sequence, note FROM line.heads
          WHERE sequence > ? AND sequence <= ?
          """, arguments: [base.last, last])
      try database.execute(
        sql: """
          INSERT INTO archived (record, last) SELECT record, last FROM line.archived
          WHERE record > ? AND record <= ?
          """, arguments: [base.last, last])
    }
  }

  /// What all records of a database have made of a line at their end.
  struct Made {
    var state: LineState
    var settings: [UInt8]
    var standing: LineReplay.Standing
    var hash: ChainHash
  }

  /// What all records of a database make of a line, by the stations and settings that they name themselves.
  static func made(
    _ reader: RecordReader, after base: ChainBase
  ) throws -> Made {
    var line: LineController?
    var settings = base.description?.settings ?? []
    var standing = base.description?.standing ?? LineReplay.Standing()
    if let archived = base.description {
      line = LineController(settings: archived.state.settings, archived: archived.state)
    }
    var hash = base.hash
    var after = base.last
    while case let slice = try reader.records(after: after, limit: Int(RecordReader.slice)),
      let last = slice.last
    {
      for stored in slice {
        try take(stored, into: &line, settings: &settings)
        standing.take(stored.record)
      }
      hash = last.hash
      after = last.sequence
    }
    guard let line else {
      throw StorageFault.corrupt(
        "The records in \(reader.path) begin without a start", path: reader.path)
    }
    return Made(state: line.recorded, settings: settings, standing: standing, hash: hash)
  }

  private static func take(
    _ stored: StoredRecord, into line: inout LineController?, settings: inout [UInt8]
  ) throws {
    let record = stored.record
    switch record.kind {
    case .started:
      let names = String(decoding: record.raw, as: UTF8.self).split(
        separator: "\n", omittingEmptySubsequences: false)
      adopt(
        LineSettings(
          line: stored.line, scanners: [],
          stations: names.map { StationSettings(name: String($0), plc: "", scanners: []) },
          limits: LineSettings.Limits()), into: &line)
    case .settings:
      settings = record.raw
      adopt(try RecordedSettings.decoded(record.raw), into: &line)
    case .batchOpened:
      let description = try BatchDescription(encoded: record.raw)
      line?.adopt(
        Batch(
          number: record.batch, id: description.id, gtin: description.gtin, lot: description.lot,
          expiry: description.expiry, poolCount: description.count,
          serialsHash: description.sha256, printed: description.printed))
    default: break
    }
    line?.replay(record, wall: stored.wall)
  }

  /// Goes on with other stations; what was known of those that stay goes on with them.
  private static func adopt(_ settings: LineSettings, into line: inout LineController?) {
    let before = line?.recorded
    line =
      before.map { LineController(settings: settings, archived: $0) }
      ?? LineController(settings: settings)
  }

  private static func describe(
    _ folder: String, _ directory: String, _ base: ChainBase, last: Int64, hash: ChainHash,
    batches: [Batch], by actor: String, version: String, at wall: Int64
  ) throws -> [UInt8] {
    var files: [ArchiveManifest.File] = []
    for name in ["records.sqlite", "head-key.pub"] + KeyFiles.retired(in: folder)
      + batches.map({ SerialFile.name(number: $0.number) })
    where access(folder + "/" + name, F_OK) == 0 {
      let (size, sha256) = try FileSum.of(folder + "/" + name)
      files.append(.init(name: name, sha256: Hexadecimal.text(sha256), size: size))
    }
    let manifest = ArchiveManifest(
      batches: batches.map { .init(id: $0.id, number: $0.number) }, files: files,
      firstSequence: base.last + 1, hashBefore: base.hash.description, lastHash: hash.description,
      lastSequence: last, lineward: version, madeAt: ExportText.time(wall), madeBy: actor,
      version: ArchiveManifest.version)
    let text = manifest.encoded
    try write(text, to: folder + "/" + ArchiveManifest.name)
    let digest = Array(SHA256.hash(data: Data(text.utf8)))
    if let signer = try HeadSigner(existingIn: directory) {
      try write(
        signer.signed(ArchiveManifest.noteLines(sha256: Hexadecimal.text(digest))),
        to: folder + "/" + ArchiveManifest.signatureName)
    }
    return digest
  }

  private static func write(_ text: String, to path: String) throws {
    let file = try SyncedFile(path)
    try file.write(Array(text.utf8))
    try file.finish(StoreDirectory.parent(of: path))
  }

  private static func remove(_ path: String) throws(StorageFault) {
    do {
      try FileManager.default.removeItem(atPath: path)
    } catch {
      guard access(path, F_OK) == 0 else { return }
      throw StorageFault(
        .io,
        "\(path) was left over from an archive that was cut short, and cannot be removed: \(error).",
        path: path)
    }
  }
}

/// What an archive holds: `manifest.json`, whose SHA-256 the chain names and `manifest.sig` signs.
struct ArchiveManifest: Codable {
  static let version = 1
  static let name = "manifest.json"
  static let signatureName = "manifest.sig"

  struct Batch: Codable {
    var id: String
    var number: UInt32
  }

  struct File: Codable {
    var name: String
    var sha256: String
    var size: Int
  }

  var batches: [Batch]
  var files: [File]
  var firstSequence: Int64
  var hashBefore: String
  var lastHash: String
  var lastSequence: Int64
  var lineward: String
  var madeAt: String
  var madeBy: String
  var version: Int

  enum CodingKeys: String, CodingKey {
    case batches, files, lineward, version
    case firstSequence = "first_sequence"
    case hashBefore = "hash_before"
    case lastHash = "last_hash"
    case lastSequence = "last_sequence"
    case madeAt = "made_at"
    case madeBy = "made_by"
  }

  var encoded: String { RecordJSON.page(self) }

  /// The lines of the signed note after the key's name; no number, so that no such note is taken for a head.
  static func noteLines(sha256: String) -> [String] { ["archive \(version)", "sha256 \(sha256)"] }
}

extension ArchiveManifest {
  /// What the check of a directory's manifest found.
  enum Finding {
    /// There is none: it is no archive.
    case none
    /// Every file in it is as it was, and the key has signed that.
    case holds(by: HeadKey)
    /// Something is not, a sentence.
    case broken(String)
  }

  /// Checks the manifest of a directory and all files that it names.
  static func check(_ directory: String, keys: [HeadKey]) -> Finding {
    let path = directory + "/" + name
    guard let data = FileManager.default.contents(atPath: path) else { return .none }
    guard let manifest = try? JSONDecoder().decode(ArchiveManifest.self, from: data),
      manifest.version == version
    else { return .broken("\(path) cannot be read") }
    let digest = Hexadecimal.text(Array(SHA256.hash(data: data)))
    guard let bytes = FileManager.default.contents(atPath: directory + "/" + signatureName),
      case let note = String(decoding: bytes, as: UTF8.self),
      let key = keys.first(where: { $0.hasSigned(note: note) }),
      note.split(separator: "\n").dropFirst().prefix(2).map(String.init)
        == noteLines(sha256: digest)
    else { return .broken("\(path) has no right signature") }
    for file in manifest.files {
      guard !file.name.hasPrefix("/"), !file.name.split(separator: "/").contains("..") else {
        return .broken("\(path) names a file elsewhere")
      }
      do throws(StorageFault) {
        let (size, sha256) = try FileSum.of(directory + "/" + file.name)
        guard size == file.size, Hexadecimal.text(sha256) == file.sha256 else {
          return .broken("\(directory)/\(file.name) is not the file that the archive was made with")
        }
      } catch {
        return .broken(error.message)
      }
    }
    return .holds(by: key)
  }
}

/// The size and SHA-256 of a file.
enum FileSum {
  static func of(_ path: String) throws(StorageFault) -> (Int, [UInt8]) {
    let descriptor = try SerialFile.openForReading(path)
    defer { close(descriptor) }
    var digest = SHA256()
    var size = 0
    let block = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 64)
    defer { block.deallocate() }
    while true {
      let length = pread(descriptor, block.baseAddress, block.count, off_t(size))
      if length < 0 && errno == EINTR { continue }
      guard length >= 0 else { throw .system(errno, "read", path: path) }
      if length == 0 { return (size, Array(digest.finalize())) }
      digest.update(bufferPointer: UnsafeRawBufferPointer(rebasing: block[..<length]))
      size += length
    }
  }
}
