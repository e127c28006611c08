/// The three characters with which a scanner says what it read, such as `]d2`.
///
/// ISO/IEC 15424: `]`, a code character for the symbology, a modifier character for its options.
public struct SymbologyIdentifier: Sendable, Hashable {
  /// The code character, such as `d` for Data Matrix.
  public let codeCharacter: UInt8
  /// The modifier character, such as `2` for FNC1 in first position.
  public let modifier: UInt8

  /// Makes an identifier of its two ASCII characters.
  public init(codeCharacter: UInt8, modifier: UInt8) {
    self.codeCharacter = codeCharacter
    self.modifier = modifier
  }

  /// `]d2`: GS1 DataMatrix.
  public static let gs1DataMatrix = Self(
    codeCharacter: UInt8(ascii: "d"), modifier: UInt8(ascii: "2"))
  /// `]d1`: Data Matrix without FNC1: plain data or a GS1 Digital Link URI.
  public static let dataMatrix = Self(codeCharacter: UInt8(ascii: "d"), modifier: UInt8(ascii: "1"))
  /// `]C1`: GS1-128.
  public static let gs1128 = Self(codeCharacter: UInt8(ascii: "C"), modifier: UInt8(ascii: "1"))
  /// `]e0`: GS1 DataBar, and the composite component beside a linear symbol.
  public static let gs1DataBar = Self(codeCharacter: UInt8(ascii: "e"), modifier: UInt8(ascii: "0"))
  /// `]Q3`: GS1 QR Code.
  public static let gs1QRCode = Self(codeCharacter: UInt8(ascii: "Q"), modifier: UInt8(ascii: "3"))
  /// `]Q1`: QR Code: plain data or a GS1 Digital Link URI.
  public static let qrCode = Self(codeCharacter: UInt8(ascii: "Q"), modifier: UInt8(ascii: "1"))
  /// `]J1`: GS1 DotCode.
  public static let gs1DotCode = Self(codeCharacter: UInt8(ascii: "J"), modifier: UInt8(ascii: "1"))
  /// `]J0`: DotCode: plain data or a GS1 Digital Link URI.
  public static let dotCode = Self(codeCharacter: UInt8(ascii: "J"), modifier: UInt8(ascii: "0"))
  /// `]E0`: EAN-13, UPC-A and UPC-E, as thirteen digits.
  public static let ean13 = Self(codeCharacter: UInt8(ascii: "E"), modifier: UInt8(ascii: "0"))
  /// `]E4`: EAN-8.
  public static let ean8 = Self(codeCharacter: UInt8(ascii: "E"), modifier: UInt8(ascii: "4"))
  /// `]I1`: Interleaved 2 of 5 with a check digit: ITF-14.
  public static let itf14 = Self(codeCharacter: UInt8(ascii: "I"), modifier: UInt8(ascii: "1"))

  /// The identifier that a scan begins with, nil where it does not begin with one.
  ///
  /// Any code character and modifier are taken; whether the parser reads it is another question.
  public static func leading(_ scan: Span<UInt8>) -> SymbologyIdentifier? {
    guard scan.count >= 3, scan[0] == UInt8(ascii: "]") else { return nil }
    return Self(codeCharacter: scan[1], modifier: scan[2])
  }

  /// Whether element strings follow, that is FNC1 stood first in the symbol.
  public var carriesElementStrings: Bool { payload == .elementString }

  /// What follows the identifier.
  enum Payload: Equatable {
    case elementString
    case linear(digits: Int)
    case plain
    case unsupported
  }

  var payload: Payload {
    switch (codeCharacter, modifier) {
    case (UInt8(ascii: "d"), UInt8(ascii: "2")), (UInt8(ascii: "C"), UInt8(ascii: "1")),
      (UInt8(ascii: "e"), UInt8(ascii: "0")), (UInt8(ascii: "Q"), UInt8(ascii: "3")),
      (UInt8(ascii: "J"), UInt8(ascii: "1")):
      .elementString
    case (UInt8(ascii: "E"), UInt8(ascii: "0")): .linear(digits: 13)
    case (UInt8(ascii: "E"), UInt8(ascii: "4")): .linear(digits: 8)
    case (UInt8(ascii: "d"), UInt8(ascii: "1")), (UInt8(ascii: "Q"), UInt8(ascii: "1")),
      (UInt8(ascii: "J"), UInt8(ascii: "0")):
      .plain
    default: .unsupported
    }
  }
}

extension SymbologyIdentifier: CustomStringConvertible {
  /// The identifier as the scanner sends it, such as `]d2`.
  public var description: String {
    "]" + String(UnicodeScalar(codeCharacter)) + String(UnicodeScalar(modifier))
  }
}
