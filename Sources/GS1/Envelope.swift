/// An ISO/IEC 15434 envelope, as markets use it that have not moved to GS1 element strings.
///
/// `[)>` RS, the format, GS, the data, RS, EOT; Data Matrix encodes the frame as Macro 05 or 06
/// and scanners send it in full. Format 05 holds GS1 element strings, format 06 data identifiers,
/// of which those of the German pharmacy product number (PPN) are read. Opt-in: a station that
/// expects GS1 symbols calls ``Message/parse(_:)`` only, which takes an envelope for plain data
/// or refuses it.
public enum Envelope: Sendable {
  /// Format 05: GS1 element strings, fully checked.
  case elementStrings(Message)
  /// Format 06: the data identifiers of a PPN code.
  case pharmacyProduct(PharmacyProduct)

  private static let recordSeparator: UInt8 = 0x1E
  private static let endOfTransmission: UInt8 = 0x04

  /// Reads an envelope, with or without a symbology identifier before it.
  ///
  /// - Throws: ``GS1Error`` with the first fault found; offsets count from the start of the scan.
  public static func parse(_ scan: Span<UInt8>) throws(GS1Error) -> Envelope {
    let symbology = SymbologyIdentifier.leading(scan)
    let start = symbology == nil ? 0 : 3
    guard scan.count - start <= Message.byteCountMax else {
      throw GS1Error(.messageTooLong, at: start, count: scan.count - start)
    }
    let header: InlineArray<4, UInt8> = [0x5B, 0x29, 0x3E, recordSeparator]
    for index in header.indices
    where start + index >= scan.count || scan[start + index] != header[index] {
      throw GS1Error(.envelopeHeader, at: min(start + index, scan.count))
    }
    let dataStart = start + 7
    guard scan.count >= dataStart, scan[start + 4] == UInt8(ascii: "0"),
      scan[start + 6] == .groupSeparator
    else { throw GS1Error(.envelopeFormat, at: start + 4) }
    let dataEnd = scan.count - 2
    guard dataEnd >= dataStart, scan[dataEnd] == recordSeparator,
      scan[dataEnd + 1] == endOfTransmission
    else { throw GS1Error(.envelopeTrailer, at: scan.count) }

    switch scan[start + 5] {
    case UInt8(ascii: "5"):
      return .elementStrings(
        try Message.parseElementStrings(
          scan.extracting(0..<dataEnd), from: dataStart, symbology: symbology ?? .dataMatrix))
    case UInt8(ascii: "6"):
      return .pharmacyProduct(try PharmacyProduct(scan, dataStart..<dataEnd))
    default:
      throw GS1Error(.envelopeFormat, at: start + 5)
    }
  }
}

/// The data of a German PPN code: ranges of the values in the scan, no heap storage.
///
/// IFA, "PPN-Code Specification for Retail Packaging"; data identifiers of ANSI MH10.8.2.
public struct PharmacyProduct: Sendable {
  /// The data identifiers that a PPN code may carry.
  public enum Identifier: Int, Sendable, CaseIterable {
    /// 9N: the pharmacy product number.
    case productNumber
    /// 1T: the batch.
    case lot
    /// D: the expiry as YYMMDD, day 00 for the month's end.
    case expiry
    /// S: the serial number.
    case serial
    /// 8P: a GTIN or NTIN in place of the PPN or beside it.
    case gtin
    /// 16D: the date of manufacture as YYYYMMDD.
    case productionDate
  }

  private var ranges = InlineArray<6, Range<Int>>(repeating: 0..<0)

  /// The place of a value in the scan, nil where the identifier is absent.
  public func value(of identifier: Identifier) -> Range<Int>? {
    let range = ranges[identifier.rawValue]
    return range.isEmpty ? nil : range
  }

  init(_ scan: Span<UInt8>, _ data: Range<Int>) throws(GS1Error) {
    var position = data.lowerBound
    while position < data.upperBound {
      var end = position
      while end < data.upperBound, scan[end] != .groupSeparator { end += 1 }
      guard let (identifier, length) = Self.identifier(in: scan, position..<end) else {
        throw GS1Error(.unknownDataIdentifier, at: position)
      }
      guard ranges[identifier.rawValue].isEmpty else {
        throw GS1Error(.repeatedDataIdentifier, at: position)
      }
      let value = position + length..<end
      try Self.check(scan.extracting(value), of: identifier, at: value.lowerBound)
      ranges[identifier.rawValue] = value
      // A separator stands between fields only; one at the end has no field behind it.
      guard end < data.upperBound else { break }
      position = end + 1
      guard position < data.upperBound else { throw GS1Error(.unknownDataIdentifier, at: position) }
    }
    guard value(of: .productNumber) != nil || value(of: .gtin) != nil else {
      throw GS1Error(.ppnMissing, at: data.lowerBound)
    }
  }

  /// The identifier that a field begins with: up to two digits, then one letter.
  private static func identifier(
    in scan: Span<UInt8>, _ field: Range<Int>
  ) -> (identifier: Identifier, length: Int)? {
    var number = 0
    var position = field.lowerBound
    while position < field.upperBound, position < field.lowerBound + 2, scan[position].isDigit {
      number = number * 10 + Int(scan[position] - UInt8(ascii: "0"))
      position += 1
    }
    guard position < field.upperBound else { return nil }
    let length = position + 1 - field.lowerBound
    return switch (number, scan[position], length) {
    case (9, UInt8(ascii: "N"), 2): (.productNumber, length)
    case (1, UInt8(ascii: "T"), 2): (.lot, length)
    case (0, UInt8(ascii: "D"), 1): (.expiry, length)
    case (0, UInt8(ascii: "S"), 1): (.serial, length)
    case (8, UInt8(ascii: "P"), 2): (.gtin, length)
    case (16, UInt8(ascii: "D"), 3): (.productionDate, length)
    default: nil
    }
  }

  private static func check(
    _ value: Span<UInt8>, of identifier: Identifier, at offset: Int
  ) throws(GS1Error) {
    let fault: LinterFault?
    switch identifier {
    case .productNumber: fault = productNumberFault(value)
    case .lot, .serial:
      let isLengthAllowed = (1...20).contains(value.count)
      fault =
        isLengthAllowed
        ? CharacterSet.set82.firstFault(in: value) : LinterFault(.dataIdentifierValue, at: 0)
    case .expiry: fault = Linter.yymmd0.firstFault(in: value)
    case .productionDate: fault = Linter.yyyymmdd.firstFault(in: value)
    case .gtin:
      fault =
        value.count == 14
        ? Linter.checkDigit(value) : LinterFault(.dataIdentifierValue, at: value.count)
    }
    guard let fault else { return }
    throw GS1Error(fault.code, at: offset + fault.offset)
  }

  /// Agency code (two digits), the agency's own number, two check digits modulo 97.
  ///
  /// The sum is over the ASCII codes with weights from 2 upward. Agency 11 is IFA: its number is
  /// a PZN of eight digits, the last of which is the sum with weights 1 to 7 modulo 11.
  static func productNumberFault(_ value: Span<UInt8>) -> LinterFault? {
    guard (5...22).contains(value.count), value[0].isDigit, value[1].isDigit else {
      return LinterFault(.ppnForm, at: 0)
    }
    let checkStart = value.count - 2
    var sum = 0
    for index in 0..<checkStart {
      let isLetter = value[index] >= UInt8(ascii: "A") && value[index] <= UInt8(ascii: "Z")
      guard isLetter || value[index].isDigit else { return LinterFault(.ppnForm, at: index) }
      sum += Int(value[index]) * (index + 2)
    }
    guard value[checkStart].isDigit, value[checkStart + 1].isDigit else {
      return LinterFault(.ppnForm, at: checkStart)
    }
    let stated =
      Int(value[checkStart] - UInt8(ascii: "0")) * 10
      + Int(value[checkStart + 1] - UInt8(ascii: "0"))
    guard sum % 97 == stated else { return LinterFault(.ppnCheckDigits, at: checkStart) }
    guard value[0] == UInt8(ascii: "1"), value[1] == UInt8(ascii: "1") else { return nil }

    guard value.count == 12 else { return LinterFault(.ppnForm, at: 2) }
    var weighted = 0
    for index in 2..<10 {
      guard value[index].isDigit else { return LinterFault(.ppnForm, at: index) }
      if index < 9 { weighted += Int(value[index] - UInt8(ascii: "0")) * (index - 1) }
    }
    // A remainder of ten has no digit; such numbers are not given out.
    return weighted % 11 == Int(value[9] - UInt8(ascii: "0"))
      ? nil : LinterFault(.pznCheckDigit, at: 9)
  }
}
