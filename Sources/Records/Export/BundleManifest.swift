/// What the bundle of a containment case holds: its `manifest.json`, signed as that of an export is.
struct BundleManifest: Codable {
  /// The version of this format.
  static let version = 1

  /// The case, such as `C3`; an export of a batch has no such field.
  var caseID: String
  var files: [ExportManifest.File]
  var line: String
  var lineward: String
  var madeAt: String
  var madeBy: String
  var recordEncoding: Int
  /// How many records of the case are in `records.jsonl`.
  var records: Int
  var schema: Int
  /// What is not in it, and why, a sentence each.
  var leftOut: [String]
  var version: Int

  enum CodingKeys: String, CodingKey {
    case files, line, lineward, records, schema, version
    case caseID = "case"
    case leftOut = "left_out"
    case madeAt = "made_at"
    case madeBy = "made_by"
    case recordEncoding = "record_encoding"
  }

  /// The bytes of `manifest.json`.
  var encoded: String { RecordJSON.page(self) }
}

/// What the manifests of exports and of bundles have in common: enough to check files by.
struct FileManifest: Decodable {
  var files: [ExportManifest.File]
  var caseID: String?
  var records: Int
  var recordEncoding: Int
  var version: Int

  enum CodingKeys: String, CodingKey {
    case files, records, version
    case caseID = "case"
    case recordEncoding = "record_encoding"
  }
}
