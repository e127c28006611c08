internal import GS1
internal import Glibc

/// What one scanner message says, before the line's state is asked.
///
/// Order of the checks: contract, "Verdicts" (2, 3, 14, 4, 5, 6, 7, then the pool).
enum Reading: Sendable, Hashable {
  /// The message shows by itself that no pack passes with it.
  case refused(Verdict, detail: String)
  /// GTIN, lot and expiry are the batch's; `serial` is yet to be found in the pool.
  case serial(ArraySlice<UInt8>, gradeTenths: Int?)

  /// What every pack of a batch carries.
  struct Expected {
    var gtin: String
    var lot: String
    var expiry: String
  }

  /// Takes a message apart and holds it against the batch.
  static func of(_ message: [UInt8], scanner: ScannerSettings, expected: Expected) -> Reading {
    if scanner.isNoRead(message) { return .refused(.noRead, detail: "") }
    if scanner.holdsSeparator(message) { return .refused(.severalCodes, detail: "") }
    var data = message[...]
    var grade: Int?
    if !scanner.gradeSeparator.isEmpty,
      let cut = lastRange(of: scanner.gradeSeparator, in: message)
    {
      guard let tenths = gradeTenths(message[cut.upperBound...]) else {
        return .refused(.notGS1, detail: "grade not understood")
      }
      grade = tenths
      data = message[..<cut.lowerBound]
    }
    if holdsSecondCode(data) { return .refused(.severalCodes, detail: "") }
    var scan = data.count == message.count ? message : Array(data)
    if scanner.requireSymbology.isEmpty {
      // Without an identifier the message is taken as what the station is for.
      if scan.first != UInt8(ascii: "]") { scan.insert(contentsOf: "]d2".utf8, at: 0) }
    } else if !scan.starts(with: scanner.requireSymbology) {
      return .refused(.notDataMatrix, detail: "")
    }
    let pack: Message.PackIdentifier
    do throws(GS1Error) {
      pack = try Message.packIdentifier(in: scan.span)
    } catch {
      if lacksOnlyGTIN(scan, error, gtin: expected.gtin) {
        return .refused(.wrongGTIN, detail: "the GTIN (01) is missing")
      }
      return .refused(.notGS1, detail: "\(error.message) (byte \(error.offset))")
    }
    guard holds(scan, pack.gtin, expected.gtin) else { return .refused(.wrongGTIN, detail: "") }
    guard holds(scan, pack.lot, expected.lot) else { return .refused(.wrongLot, detail: "") }
    guard holds(scan, pack.expiry, expected.expiry) else {
      return .refused(.wrongExpiry, detail: "")
    }
    return .serial(scan[pack.serial ?? 0..<0], gradeTenths: grade)
  }

  /// Whether a message is a well-formed code, for stations with several scanners: "one good read is enough".
  static func isGood(_ message: [UInt8], scanner: ScannerSettings) -> Bool {
    parsed(message, scanner: scanner) != nil
  }

  /// The serial (AI 21) of a well-formed code, whatever the line makes of it; nil where there is none.
  static func serial(of message: [UInt8], scanner: ScannerSettings) -> String? {
    guard let (scan, elements) = parsed(message, scanner: scanner) else { return nil }
    return elements.value(of: .serial).map { String(decoding: scan[$0], as: UTF8.self) }
  }

  private static func parsed(
    _ message: [UInt8], scanner: ScannerSettings
  ) -> (scan: [UInt8], elements: Message)? {
    if scanner.isNoRead(message) || scanner.holdsSeparator(message) { return nil }
    var data = message[...]
    if !scanner.gradeSeparator.isEmpty,
      let cut = lastRange(of: scanner.gradeSeparator, in: message)
    {
      data = message[..<cut.lowerBound]
    }
    guard !holdsSecondCode(data) else { return nil }
    var scan = Array(data)
    if scanner.requireSymbology.isEmpty {
      if scan.first != UInt8(ascii: "]") { scan.insert(contentsOf: "]d2".utf8, at: 0) }
    } else if !scan.starts(with: scanner.requireSymbology) {
      return nil
    }
    do throws(GS1Error) {
      return (scan, try Message.parse(scan.span))
    } catch {
      return nil
    }
  }

  /// Whether a message is refused only because it names no GTIN.
  ///
  /// Lot, expiry and serial each require AI 01 beside them, so a message without it is no valid GS1 message either. The
  /// contract counts a missing AI as the wrong one, and that says more to whoever looks for the cause.
  private static func lacksOnlyGTIN(_ scan: [UInt8], _ error: GS1Error, gtin: String) -> Bool {
    guard error.code == .requirementNotMet else { return false }
    // Valid once the batch's GTIN stands in front: then nothing else is wrong with it.
    let completed = scan[..<3] + Array("01\(gtin)".utf8) + scan[3...]
    do throws(GS1Error) {
      _ = try Message.parse(Array(completed).span)
      return true
    } catch {
      return false
    }
  }

  /// Whether a value is this text, byte by byte.
  private static func holds(_ scan: [UInt8], _ value: Range<Int>?, _ text: String) -> Bool {
    scan[value ?? 0..<0].elementsEqual(text.utf8)
  }

  /// A `]` is in no GS1 character set, so a further AIM identifier can only begin a further code.
  private static func holdsSecondCode(_ data: ArraySlice<UInt8>) -> Bool {
    var start = data.startIndex + 1
    while start < data.endIndex, let index = bracket(in: data, from: start),
      index + 2 < data.endIndex
    {
      let letter = data[index + 1] | 0x20
      let modifier = data[index + 2] | 0x20
      let isLetter = letter >= UInt8(ascii: "a") && letter <= UInt8(ascii: "z")
      let isModifier =
        (data[index + 2] >= UInt8(ascii: "0") && data[index + 2] <= UInt8(ascii: "9"))
        || (modifier >= UInt8(ascii: "a") && modifier <= UInt8(ascii: "z"))
      if isLetter && isModifier { return true }
      start = index + 1
    }
    return false
  }

  /// Where the first `]` stands from a place on; every message is looked through for one, so by the fastest means.
  private static func bracket(in data: ArraySlice<UInt8>, from start: Int) -> Int? {
    unsafe data[start...].withUnsafeBytes { bytes in
      guard let first = bytes.baseAddress,
        let found = unsafe memchr(first, Int32(UInt8(ascii: "]")), bytes.count)
      else { return nil }
      return unsafe start + (UnsafeRawPointer(found) - first)
    }
  }

  private static func lastRange(of separator: [UInt8], in message: [UInt8]) -> Range<Int>? {
    guard message.count >= separator.count else { return nil }
    var start = message.count - separator.count
    while start >= 0 {
      if message[start..<(start + separator.count)].elementsEqual(separator) {
        return start..<(start + separator.count)
      }
      start -= 1
    }
    return nil
  }

  /// The first field of `grade/aperture/light/angle` (ISO/IEC 15415, 7.3.1), in tenths: `2.5/06/660` is 25.
  static func gradeTenths(_ text: ArraySlice<UInt8>) -> Int? {
    let field = text.prefix { $0 != UInt8(ascii: "/") }
    guard let first = field.first, first >= UInt8(ascii: "0"), first <= UInt8(ascii: "4") else {
      return nil
    }
    let whole = Int(first - UInt8(ascii: "0")) * 10
    switch field.count {
    case 1:
      return whole
    case 3 where field[field.startIndex + 1] == UInt8(ascii: "."):
      let digit = field[field.startIndex + 2]
      guard digit >= UInt8(ascii: "0"), digit <= UInt8(ascii: "9") else { return nil }
      return whole + Int(digit - UInt8(ascii: "0"))
    default:
      return nil
    }
  }
}
