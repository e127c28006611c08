/// Walks the fields of a North American coupon, AI (8110) and AI (8112).
///
/// GS1 US "North American Coupon Application Guideline Using GS1 DataBar". Variable fields follow
/// their length indicator ("VLI"), one digit, to which most fields add six.
struct CouponReader {
  private var position = 0

  /// Why a walk stops; turned into a `LinterFault` at its end.
  private struct Stop: Error {
    let fault: LinterFault

    init(_ code: GS1Error.Code, at offset: Int) {
      fault = LinterFault(code, at: offset)
    }
  }

  /// AI (8110): coupon code identification for North America.
  static func couponCode(_ value: Span<UInt8>) -> LinterFault? {
    if let fault = CharacterSet.numeric.firstFault(in: value) { return fault }
    var reader = CouponReader()
    do throws(Stop) {
      try reader.readCouponCode(value)
      return nil
    } catch {
      return error.fault
    }
  }

  /// AI (8112): positive offer file coupon code identification for North America.
  static func positiveOffer(_ value: Span<UInt8>) -> LinterFault? {
    if let fault = CharacterSet.numeric.firstFault(in: value) { return fault }
    var reader = CouponReader()
    do throws(Stop) {
      try reader.digit(value, among: 0b11)  // Format: 0 or 1.
      try reader.variable(value, plus: 6, indicators: 0b111_1111)  // Funder.
      try reader.skip(value, 6)  // Offer code.
      try reader.variable(value, plus: 6, indicators: anyDigit)  // Serial number.
      try reader.end(value)
      return nil
    } catch {
      return error.fault
    }
  }

  /// Ten bits, one a permitted digit.
  private static let anyDigit = 0b11_1111_1111
  private static let zeroToFourOrNine = 0b10_0001_1111
  private static let oneToFive = 0b11_1110

  private mutating func readCouponCode(_ value: Span<UInt8>) throws(Stop) {
    try companyPrefix(value, indicators: 0b111_1111)
    try skip(value, 6)  // Offer code.
    try variable(value, plus: 0, indicators: Self.oneToFive)  // Save value.
    try purchase(value)
    if nextField(value, is: 1) {
      try digit(value, among: 0b1111)  // Additional purchase rules.
      try purchase(value)
      try companyPrefix(value, indicators: 0b10_0111_1111)
    }
    if nextField(value, is: 2) {
      try purchase(value)
      try companyPrefix(value, indicators: 0b10_0111_1111)
    }
    var expiry: Int?
    if nextField(value, is: 3) {
      expiry = position
      try date(value)
    }
    if nextField(value, is: 4) {
      let start = position
      try date(value)
      if let expiry, !isAscending(value, start, expiry, count: 6) {
        throw Stop(.couponDates, at: expiry)
      }
    }
    // Serial number, then the retailer's company prefix or GLN.
    if nextField(value, is: 5) { try variable(value, plus: 6, indicators: Self.anyDigit) }
    if nextField(value, is: 6) { try companyPrefix(value, indicators: 0b1111_1110) }
    if nextField(value, is: 9) {
      try digit(value, among: 0b110_0111)  // Save value code.
      try digit(value, among: 0b111)  // Save value applies to item.
      try digit(value, among: Self.anyDigit)  // Store coupon flag.
      try digit(value, among: 0b11)  // Do not multiply flag.
    }
    try end(value)
  }

  /// A purchase: requirement, its code, and the family code of three digits.
  private mutating func purchase(_ value: Span<UInt8>) throws(Stop) {
    try variable(value, plus: 0, indicators: Self.oneToFive)
    try digit(value, among: Self.zeroToFourOrNine)
    try skip(value, 3)
  }

  /// A company prefix behind its indicator; indicator 9 stands for none.
  private mutating func companyPrefix(_ value: Span<UInt8>, indicators: Int) throws(Stop) {
    let indicator = try digit(value, among: indicators)
    guard indicator != 9 else { return }
    try skip(value, indicator + 6)
  }

  private mutating func variable(_ value: Span<UInt8>, plus: Int, indicators: Int) throws(Stop) {
    let indicator = try digit(value, among: indicators)
    try skip(value, indicator + plus)
  }

  /// The next digit, which must be among those whose bit is set.
  @discardableResult
  private mutating func digit(_ value: Span<UInt8>, among digits: Int) throws(Stop) -> Int {
    guard position < value.count else { throw Stop(.couponTruncated, at: value.count) }
    let digit = Int(value[position] - UInt8(ascii: "0"))
    guard digits >> digit & 1 != 0 else { throw Stop(.couponField, at: position) }
    position += 1
    return digit
  }

  private mutating func skip(_ value: Span<UInt8>, _ count: Int) throws(Stop) {
    guard value.count - position >= count else { throw Stop(.couponTruncated, at: position) }
    position += count
  }

  private mutating func date(_ value: Span<UInt8>) throws(Stop) {
    let start = position
    try skip(value, 6)
    let date = value.extracting(start..<start + 6)
    guard Linter.date(date, yearDigits: 2, dayMayBeZero: false) == nil else {
      throw Stop(.couponDates, at: start)
    }
  }

  /// Whether an optional field follows; its number is consumed if so.
  private mutating func nextField(_ value: Span<UInt8>, is number: UInt8) -> Bool {
    guard position < value.count, value[position] == UInt8(ascii: "0") + number else {
      return false
    }
    position += 1
    return true
  }

  /// Whether the digits at `first` are not above those at `second`.
  private func isAscending(_ value: Span<UInt8>, _ first: Int, _ second: Int, count: Int) -> Bool {
    for index in 0..<count where value[first + index] != value[second + index] {
      return value[first + index] < value[second + index]
    }
    return true
  }

  private func end(_ value: Span<UInt8>) throws(Stop) {
    guard position == value.count else { throw Stop(.couponExcess, at: position) }
  }
}
