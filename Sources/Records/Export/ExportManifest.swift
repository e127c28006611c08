internal import Foundation

/// What an export holds: `manifest.json`, whose SHA-256 `manifest.sig` signs.
struct ExportManifest: Codable {
  /// The version of this format.
  static let version = 1
  static let name = "manifest.json"
  static let signatureName = "manifest.sig"
  static let recordsName = "records.jsonl"
  static let headsName = "heads.txt"
  static let keyName = "head-key.pub"

  struct Batch: Codable {
    var expiry: String
    var gtin: String
    var id: String
    var lot: String
    var number: UInt32
    var serials: Int
    var state: String
  }

  struct File: Codable {
    var name: String
    var sha256: String
    var size: Int
  }

  struct Verification: Codable {
    var finding: String?
    var intact: Bool
    var lastHash: String
    var records: Int

    enum CodingKeys: String, CodingKey {
      case finding, intact, records
      case lastHash = "last_hash"
    }
  }

  var batch: Batch
  var files: [File]
  var firstSequence: Int64
  /// The hash of the record before the first one.
  var hashBefore: String
  var lastHash: String
  var lastSequence: Int64
  var line: String
  var lineward: String
  var madeAt: String
  var madeBy: String
  var recordEncoding: Int
  var records: Int
  var schema: Int
  var verification: Verification
  var version: Int

  enum CodingKeys: String, CodingKey {
    case batch, files, line, lineward, records, schema, verification, version
    case firstSequence = "first_sequence"
    case hashBefore = "hash_before"
    case lastHash = "last_hash"
    case lastSequence = "last_sequence"
    case madeAt = "made_at"
    case madeBy = "made_by"
    case recordEncoding = "record_encoding"
  }

  /// The bytes of `manifest.json`.
  var encoded: String { RecordJSON.page(self) }

  /// The lines of the signed note after the key's name.
  ///
  /// The first one is no number, so no such note can be taken for a head, nor a head for one.
  static func noteLines(sha256: String) -> [String] { ["export \(version)", "sha256 \(sha256)"] }
}
