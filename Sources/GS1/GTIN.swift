/// A Global Trade Item Number: 8, 12, 13 or 14 digits, of which the last checks the others.
///
/// Kept as a number, so a GTIN-13 and the same GTIN with a leading zero are equal. A German NTIN
/// is a GTIN too.
public struct GTIN: Sendable, Hashable {
  /// The digits as a number, below 10^14.
  public let number: UInt64

  /// The GTIN with these ASCII digits, nil for another count of digits or a wrong check digit.
  public init?(digits: Span<UInt8>) {
    switch digits.count {
    case 8, 12, 13, 14: break
    default: return nil
    }
    guard Linter.checkDigit(digits) == nil else { return nil }
    var number: UInt64 = 0
    for index in digits.indices { number = number * 10 + UInt64(digits[index] - UInt8(ascii: "0")) }
    self.number = number
  }

  /// The GTIN with these digits, nil for another count of digits or a wrong check digit.
  public init?(_ text: String) {
    let digits = Array(text.utf8)
    self.init(digits: digits.span)
  }

  /// Reads the GTIN of a linear symbol: EAN and UPC behind `]E0` and `]E4`, ITF-14 behind `]I1`.
  ///
  /// The reference engine does not know `]I1`, so ``Message/parse(_:)`` refuses it; this reader is
  /// for stations that read cases.
  ///
  /// - Throws: ``GS1Error`` for other symbols, another count of digits, a wrong check digit.
  public static func linear(_ scan: Span<UInt8>) throws(GS1Error) -> GTIN {
    guard let symbology = SymbologyIdentifier.leading(scan) else {
      throw GS1Error(.symbologyMissing, at: 0)
    }
    let count: Int
    switch symbology {
    case .ean13: count = 13
    case .ean8: count = 8
    case .itf14: count = 14
    default: throw GS1Error(.symbologyUnsupported, at: 1)
    }
    guard scan.count >= 3 + count else {
      throw GS1Error(.primaryTooShort, at: scan.count, count: count)
    }
    guard scan.count == 3 + count else {
      throw GS1Error(.primaryTooLong, at: 3 + count, count: count)
    }
    if let fault = Linter.checkDigit(scan.extracting(3..<3 + count)) {
      throw GS1Error(
        fault.code == .notADigit ? .primaryNotDigits : .primaryCheckDigit, at: 3 + fault.offset)
    }
    guard let gtin = GTIN(digits: scan.extracting(3..<3 + count)) else {
      throw GS1Error(.primaryCheckDigit, at: 3)
    }
    return gtin
  }
}

extension GTIN: CustomStringConvertible {
  /// The fourteen digits, with leading zeros.
  public var description: String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, 14 - digits.count)) + digits
  }
}
