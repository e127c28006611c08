internal import Foundation
internal import GRDB
public import Line

/// What the record of an archive says (`Record.Kind.archived`): JSON in the record's `raw`, see `docs/records.md`.
public struct ArchiveDescription: Sendable {
  /// The first record in the archive.
  public var first: Int64
  /// The last record in it, which closed a batch when no other was open.
  public var last: Int64
  /// The hash of the last record, from which the chain goes on.
  public var hash: ChainHash
  /// The last batch in it.
  public var lastBatch: UInt32
  /// Where it was made, from the storage directory on.
  public var folder: String
  /// SHA-256 of its `manifest.json`, 32 bytes.
  public var manifest: [UInt8]
  /// What all records up to the last one have made of the line; every batch is closed.
  public var state: LineState
  /// How the settings stood in the records then; empty when they did not.
  public var settings: [UInt8]
  /// What stood then, for a replay of the records that follow.
  public var standing: LineReplay.Standing

  /// Why bytes are no description of an archive.
  public struct Malformed: Error, Sendable, Hashable, CustomStringConvertible {
    /// The reason, for a person.
    public var description: String
  }

  /// As the core knows it.
  var archive: Archive { Archive(folder: folder, lastBatch: lastBatch) }

  private struct Fields: Codable {
    var first: Int64
    var folder: String
    var hash: String
    var last: Int64
    var last_batch: UInt32
    var manifest_sha256: String
    var settings: String
    var standing: LineReplay.Standing
    var state: LineState
    var version: Int
  }

  init(
    first: Int64, last: Int64, hash: ChainHash, lastBatch: UInt32, folder: String,
    manifest: [UInt8], state: LineState, settings: [UInt8], standing: LineReplay.Standing
  ) {
    self.standing = standing
    self.first = first
    self.last = last
    self.hash = hash
    self.lastBatch = lastBatch
    self.folder = folder
    self.manifest = manifest
    self.state = state
    self.settings = settings
  }

  /// Reads a description from a record's `raw`.
  public init(encoded: [UInt8]) throws(Malformed) {
    let fields: Fields
    do {
      fields = try JSONDecoder().decode(Fields.self, from: Data(encoded))
    } catch {
      throw Malformed(
        description: "the description of the archive is no JSON with the fields it needs")
    }
    guard fields.version == 1 else {
      throw Malformed(
        description: "the description of the archive has version \(fields.version); 1 is known")
    }
    guard let hash = ChainHash(hexadecimal: fields.hash),
      let manifest = Hexadecimal.bytes(fields.manifest_sha256), fields.first >= 1,
      fields.last >= fields.first, fields.state.batches.allSatisfy({ $0.state == .closed })
    else {
      throw Malformed(
        description: "the description of the archive has a bad hash or range, or an open batch")
    }
    self.init(
      first: fields.first, last: fields.last, hash: hash, lastBatch: fields.last_batch,
      folder: fields.folder, manifest: manifest, state: fields.state,
      settings: Array(fields.settings.utf8), standing: fields.standing)
  }

  /// The bytes for a record's `raw`: one line of JSON, keys in alphabetical order.
  public var encoded: [UInt8] {
    let fields = Fields(
      first: first, folder: folder, hash: hash.description, last: last, last_batch: lastBatch,
      manifest_sha256: Hexadecimal.text(manifest),
      settings: String(decoding: settings, as: UTF8.self), standing: standing, state: state,
      version: 1)
    return RecordJSON.line(fields)
  }
}

/// Where the chain in a database begins: before its first record, or after those that were put into archives.
struct ChainBase: Sendable {
  /// The last record that is in an archive, 0 when there is none.
  var last: Int64 = 0
  /// Its hash, from which the first record here goes on.
  var hash = ChainHash.zero
  /// The record that says so, itself in the chain; 0 when there is none.
  var record: Int64 = 0
  /// What it says.
  var description: ArchiveDescription?

  init() {}

  init(record: Int64, description: ArchiveDescription) {
    self.record = record
    self.description = description
    last = description.last
    hash = description.hash
  }

  /// The stations as records number them from here on, in place of the start that is in the archive; nil without one.
  var start: StoredRecord? {
    description.map {
      standIn(Line.Record(.started, raw: Array($0.state.stationNames.joined(separator: "\n").utf8)))
    }
  }

  /// The settings in force from here on, in place of their record in the archive; nil when none stood in the records.
  var recordedSettings: StoredRecord? {
    description.flatMap {
      $0.settings.isEmpty ? nil : standIn(Line.Record(.settings, raw: $0.settings))
    }
  }

  private func standIn(_ record: Line.Record) -> StoredRecord {
    StoredRecord(
      sequence: last, wall: 0, monotonic: Instant(nanoseconds: 0), boot: BootID(high: 0, low: 0),
      line: "", record: record, hash: hash)
  }

  /// Reads the base of a database.
  static func read(_ database: Database, path: String) throws -> ChainBase {
    // A copy from before archives, which is only read.
    guard try database.tableExists("archived"),
      let sequence = try Int64.fetchOne(database, sql: "SELECT max(record) FROM archived")
    else { return ChainBase() }
    let slice = try RecordSlice(database, after: sequence - 1, limit: 1, path: path)
    do {
      guard let row = try slice.next(), case let stored = try row.stored(),
        stored.sequence == sequence, stored.record.kind == .archived
      else {
        throw StorageFault.corrupt(
          "Record \(sequence), which names an archive, is missing in \(path)", path: path)
      }
      let description = try ArchiveDescription(encoded: stored.record.raw)
      guard description.last < sequence else {
        throw ArchiveDescription.Malformed(description: "the archive would hold its own record")
      }
      return ChainBase(record: sequence, description: description)
    } catch let fault as StorageFault {
      throw fault
    } catch let error as RecordRow.Malformed {
      throw StorageFault.corrupt(
        "Record \(sequence) in \(path) cannot be read: \(error.what)", path: path)
    } catch {
      throw StorageFault.corrupt("Record \(sequence) in \(path) is damaged: \(error)", path: path)
    }
  }
}
