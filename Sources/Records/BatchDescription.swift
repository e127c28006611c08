internal import Foundation
public import Line

/// What the record of a batch's opening says of it: JSON in the record's `raw`, see `docs/records.md`.
public struct BatchDescription: Sendable, Hashable {
  /// The plant's own name for the batch.
  public var id: String
  /// GTIN, 14 digits.
  public var gtin: String
  /// Lot.
  public var lot: String
  /// Expiry, YYMMDD.
  public var expiry: String
  /// How many serials it has.
  public var count: Int
  /// SHA-256 of the serial file, 32 bytes.
  public var sha256: [UInt8]
  /// The serial file from the storage directory on, such as `batches/0001.serials`.
  public var file: String
  /// Who says in which order the serials are printed; nil: nobody.
  public var printed: PrintOrder.Source?

  /// Makes a description.
  public init(
    id: String, gtin: String, lot: String, expiry: String, count: Int, sha256: [UInt8],
    file: String, printed: PrintOrder.Source? = nil
  ) {
    self.id = id
    self.gtin = gtin
    self.lot = lot
    self.expiry = expiry
    self.count = count
    self.sha256 = sha256
    self.file = file
    self.printed = printed
  }

  /// Why bytes are no description of a batch.
  public struct Malformed: Error, Sendable, Hashable, CustomStringConvertible {
    /// The reason, for a person.
    public var description: String
  }

  private struct Fields: Codable {
    var count: Int
    var expiry: String
    var file: String
    var gtin: String
    var id: String
    var lot: String
    /// Left out where false.
    var print_feed: Bool?
    var print_order: Bool?
    var sha256: String
    var version: Int
  }

  /// Reads a description from a record's `raw`.
  public init(encoded: [UInt8]) throws(Malformed) {
    let fields: Fields
    do {
      fields = try JSONDecoder().decode(Fields.self, from: Data(encoded))
    } catch {
      throw Malformed(
        description: "the description of the batch is no JSON with the fields it needs")
    }
    guard fields.version == 1 else {
      throw Malformed(
        description: "the description of the batch has version \(fields.version); 1 is known")
    }
    guard let hash = Hexadecimal.bytes(fields.sha256), hash.count == ChainHash.size,
      fields.count >= 1, fields.count <= SerialImporter.serialsMax,
      !fields.file.hasPrefix("/"), !fields.file.split(separator: "/").contains("..")
    else {
      throw Malformed(description: "the description of the batch has a bad hash, count or file")
    }
    self.init(
      id: fields.id, gtin: fields.gtin, lot: fields.lot, expiry: fields.expiry,
      count: fields.count, sha256: hash, file: fields.file,
      printed: fields.print_order == true ? .file : fields.print_feed == true ? .feed : nil)
  }

  /// The bytes for a record's `raw`: one line of JSON, keys in alphabetical order.
  public var encoded: [UInt8] {
    let fields = Fields(
      count: count, expiry: expiry, file: file, gtin: gtin, id: id, lot: lot,
      print_feed: printed == .feed ? true : nil, print_order: printed == .file ? true : nil,
      sha256: Hexadecimal.text(sha256), version: 1)
    return RecordJSON.line(fields)
  }
}
