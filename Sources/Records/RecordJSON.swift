internal import Foundation

/// JSON as it stands in records, archives and exports: keys in alphabetical order, so that the same value gives the same
/// bytes.
enum RecordJSON {
  /// One line without its end, for a record's `raw` or a file that a hash covers.
  ///
  /// Texts, numbers and truth values always encode.
  static func line(_ value: some Encodable) -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return (try? encoder.encode(value)).map { Array($0) } ?? []
  }

  /// A file that people read too: a manifest.
  static func page(_ value: some Encodable) -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes, .prettyPrinted]
    return String(decoding: (try? encoder.encode(value)) ?? Data(), as: UTF8.self) + "\n"
  }
}
