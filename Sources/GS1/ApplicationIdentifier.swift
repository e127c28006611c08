/// A GS1 Application Identifier, such as (01) for the GTIN.
///
/// Kept as a number. That is unambiguous: AIs that begin with the same two digits have the same
/// length, two-digit AIs are below 100, three-digit ones from 230, four-digit ones from 3100.
public struct ApplicationIdentifier: Sendable, Hashable {
  /// The AI's digits as a number: 1 for (01), 3103 for (3103).
  public let number: UInt16

  init(unchecked number: UInt16) {
    self.number = number
  }

  /// The AI with these digits, nil where the Syntax Dictionary has none such.
  public init?(_ digits: String) {
    var number: UInt16 = 0
    var count = 0
    for byte in digits.utf8 {
      guard byte.isDigit, count < 4 else { return nil }
      number = number * 10 + UInt16(byte &- UInt8(ascii: "0"))
      count += 1
    }
    guard count >= 2 else { return nil }
    self.init(unchecked: number)
    guard digitCount == count, SyntaxTable.row(of: self) != nil else { return nil }
  }

  /// (00) Serial Shipping Container Code.
  public static let sscc = Self(unchecked: 0)
  /// (01) Global Trade Item Number, fourteen digits.
  public static let gtin = Self(unchecked: 1)
  /// (10) Batch or lot number.
  public static let lot = Self(unchecked: 10)
  /// (11) Production date.
  public static let productionDate = Self(unchecked: 11)
  /// (17) Expiration date, YYMMDD.
  public static let expiry = Self(unchecked: 17)
  /// (21) Serial number.
  public static let serial = Self(unchecked: 21)

  /// Number of digits: 2, 3 or 4.
  public var digitCount: Int { number < 100 ? 2 : number < 1000 ? 3 : 4 }

  /// The AI's digits, such as `01`.
  public var digits: String { number < 10 ? "0\(number)" : "\(number)" }

  /// The data title of the GenSpecs, such as `BATCH/LOT`; empty where there is none.
  public var title: String { SyntaxTable.rowIndex(of: self).map { SyntaxTable.titles[$0] } ?? "" }

  /// Whether a separator (FNC1, sent as GS) must follow the value unless the message ends there.
  public var needsSeparator: Bool { SyntaxTable.row(of: self)?.isPredefined == false }

  /// Shortest and longest value, in characters; nil for an AI that the dictionary does not have.
  public var valueLength: ClosedRange<Int>? {
    SyntaxTable.row(of: self).map { $0.minimumLength...$0.maximumLength }
  }

  /// Every AI of the dictionary, ascending by its digits as text.
  public static var all: [ApplicationIdentifier] {
    (0...9999).map { ApplicationIdentifier(unchecked: UInt16($0)) }
      .filter { SyntaxTable.rowIndex(of: $0) != nil }
      .sorted { $0.lexicalRank < $1.lexicalRank }
  }

  /// The first two digits as a number, 0 to 99.
  var prefix: Int {
    let number = Int(self.number)
    return number < 100 ? number : number < 1000 ? number / 10 : number / 100
  }

  /// Orders AIs as the dictionary does, by their digits as text.
  var lexicalRank: Int {
    let number = Int(self.number)
    return number < 100 ? number * 100 : number < 1000 ? number * 10 : number
  }
}

extension ApplicationIdentifier: CustomStringConvertible {
  /// The AI as people write it, such as `(01)`.
  public var description: String { "(\(digits))" }
}

extension UInt8 {
  /// Whether the byte is an ASCII digit.
  @inline(__always)
  var isDigit: Bool { self &- UInt8(ascii: "0") < 10 }

  /// The group separator, 0x1D: how a scanner sends an FNC1 that is not the leading one.
  static let groupSeparator: UInt8 = 0x1D
}
