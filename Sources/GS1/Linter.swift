/// What a linter found wrong: the code, and where, counted from the start of the linter's bytes.
struct LinterFault {
  let code: GS1Error.Code
  let offset: Int

  init(_ code: GS1Error.Code, at offset: Int) {
    self.code = code
    self.offset = offset
  }
}

extension Linter {
  /// Checks the content of a component; nil means nothing found.
  ///
  /// The bytes are one component's, already of the component's character set and length. Each
  /// routine still holds for bytes of any content and length.
  func firstFault(in value: Span<UInt8>) -> LinterFault? {
    switch self {
    case .csum: Self.checkDigit(value)
    case .gcppos1: Self.companyPrefix(value, at: 0)
    case .gcppos2: Self.companyPrefix(value, at: 1)
    case .yymmd0: Self.date(value, yearDigits: 2, dayMayBeZero: true)
    case .yymmdd: Self.date(value, yearDigits: 2, dayMayBeZero: false)
    case .yyyymmd0: Self.date(value, yearDigits: 4, dayMayBeZero: true)
    case .yyyymmdd: Self.date(value, yearDigits: 4, dayMayBeZero: false)
    case .hh: Self.twoDigits(value, at: 0, count: 2, limit: 23, .illegalHour)
    case .mi: Self.twoDigits(value, at: 0, count: 2, limit: 59, .illegalMinute)
    case .ss: Self.twoDigits(value, at: 0, count: 2, limit: 59, .illegalSecond)
    case .hhmi:
      Self.twoDigits(value, at: 0, count: 4, limit: 23, .illegalHour)
        ?? Self.twoDigits(value, at: 2, count: 4, limit: 59, .illegalMinute)
    case .cset39: CharacterSet.set39.firstFault(in: value)
    case .cset64: CharacterSet.base64.firstFault(in: value)
    case .cset82: CharacterSet.set82.firstFault(in: value)
    case .csetnumeric: CharacterSet.numeric.firstFault(in: value)
    case .csumalpha: Self.checkPair(value)
    case .hasnondigit: Self.hasNonDigit(value)
    case .hyphen: Self.only(value, UInt8(ascii: "-"), .notHyphen)
    case .zero: Self.only(value, UInt8(ascii: "0"), .notZero)
    case .nonzero: Self.nonZero(value)
    case .nozeroprefix: Self.noZeroPrefix(value)
    case .iso3166: Self.threeDigitCode(value, SyntaxTable.iso3166, .notACountry)
    case .iso3166999: Self.countryOr999(value)
    case .iso3166alpha2: Self.countryLetters(value)
    case .iso4217: Self.threeDigitCode(value, SyntaxTable.iso4217, .notACurrency)
    case .iso5218: Self.oneOf(value, "0", "1", "2", "9", .notASex)
    case .winding: Self.oneOf(value, "0", "1", "9", "9", .notAWinding)
    case .yesno: Self.oneOf(value, "0", "1", "1", "1", .notYesOrNo)
    case .latitude: Self.degrees(value, limit: 1_800_000_000, .illegalLatitude)
    case .longitude: Self.degrees(value, limit: 3_600_000_000, .illegalLongitude)
    case .mediatype: Self.mediaType(value)
    case .packagetype: Self.packageType(value)
    case .importeridx: Self.importerIndex(value)
    case .pcenc: Self.percentEncoding(value)
    case .pieceoftotal: Self.pieceOfTotal(value)
    case .posinseqslash: Self.positionInSequence(value)
    case .iban: Self.iban(value)
    case .couponcode: CouponReader.couponCode(value)
    case .couponposoffer: CouponReader.positiveOffer(value)
    }
  }
}

// MARK: - Check digits and company prefixes

extension Linter {
  /// Modulo 10 check digit, weights 3 and 1 from the right (GenSpecs 7.9.1).
  static func checkDigit(_ value: Span<UInt8>) -> LinterFault? {
    guard !value.isEmpty else { return LinterFault(.tooShortForCheckDigit, at: 0) }
    var sum = 0
    var weight = value.count % 2 == 0 ? 3 : 1
    for index in value.indices {
      let digit = value[index] &- UInt8(ascii: "0")
      guard digit < 10 else { return LinterFault(.notADigit, at: index) }
      // The check digit itself has weight 1, so that the whole sum is a multiple of ten.
      sum &+= weight &* Int(digit)
      weight = 4 &- weight
    }
    return sum % 10 == 0 ? nil : LinterFault(.checkDigit, at: value.count - 1)
  }

  /// The four digits with which every GS1 Company Prefix begins.
  static func companyPrefix(_ value: Span<UInt8>, at start: Int) -> LinterFault? {
    let digitCountMin = 4
    guard value.count >= start + digitCountMin else {
      return LinterFault(.tooShortForCompanyPrefix, at: 0)
    }
    for index in start..<start + digitCountMin where !value[index].isDigit {
      return LinterFault(.companyPrefix, at: index)
    }
    return nil
  }

  /// The check character pair of the GMN (GenSpecs 7.9.5): primes from the right, modulo 1021.
  static func checkPair(_ value: Span<UInt8>) -> LinterFault? {
    guard value.count >= 2 else { return LinterFault(.tooShortForCheckPair, at: 0) }
    guard value.count <= primes.count + 2 else { return LinterFault(.tooLongForCheckPair, at: 0) }
    let pair = value.count - 2
    var sum = 0
    for index in 0..<pair {
      guard let rank = rankInSet82(value[index]) else {
        return LinterFault(.notInCharacterSet82, at: index)
      }
      sum += rank * Int(primes[pair - 1 - index])
    }
    sum %= 1021
    guard value[pair] == checkCharacters[sum >> 5], value[pair + 1] == checkCharacters[sum & 31]
    else { return LinterFault(.checkPair, at: pair) }
    return nil
  }

  /// Position of a character in character set 82, counted in the order of the ASCII codes.
  private static func rankInSet82(_ byte: UInt8) -> Int? {
    guard CharacterSet.contains(byte, CharacterSet.set82Map) else { return nil }
    let map = CharacterSet.set82Map
    let bit = UInt64(byte & 63)
    let below: UInt64 = (1 << bit) - 1
    return byte < 64
      ? (map.low & below).nonzeroBitCount
      : map.low.nonzeroBitCount + (map.high & below).nonzeroBitCount
  }

  private static let primes: InlineArray<97, UInt16> = [
    2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97,
    101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167, 173, 179, 181, 191, 193,
    197, 199, 211, 223, 227, 229, 233, 239, 241, 251, 257, 263, 269, 271, 277, 281, 283, 293, 307,
    311, 313, 317, 331, 337, 347, 349, 353, 359, 367, 373, 379, 383, 389, 397, 401, 409, 419, 421,
    431, 433, 439, 443, 449, 457, 461, 463, 467, 479, 487, 491, 499, 503, 509,
  ]

  /// `2-9 A-H J-N P-Z`: no character that is easily taken for another.
  private static let checkCharacters: InlineArray<32, UInt8> = [
    50, 51, 52, 53, 54, 55, 56, 57, 65, 66, 67, 68, 69, 70, 71, 72, 74, 75, 76, 77, 78, 80, 81, 82,
    83, 84, 85, 86, 87, 88, 89, 90,
  ]

  /// International Bank Account Number, ISO 13616: country letters, modulo 97 of ISO 7064.
  static func iban(_ value: Span<UInt8>) -> LinterFault? {
    // The shortest national format has 15; 11 is the least that the reference engine asks for.
    guard value.count >= 4 else { return LinterFault(.ibanLength, at: 0) }
    guard countryLetters(value.extracting(0..<2)) == nil else {
      return LinterFault(.ibanCountry, at: 0)
    }
    guard value.count >= 11, value.count <= 34 else { return LinterFault(.ibanLength, at: 0) }
    var remainder = 0
    for step in 4..<value.count + 4 {
      let index = step < value.count ? step : step - value.count
      switch value[index] {
      case let byte where byte.isDigit:
        remainder = (remainder * 10 + Int(byte - UInt8(ascii: "0"))) % 97
      case let byte where byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z"):
        remainder = (remainder * 100 + Int(byte - UInt8(ascii: "A")) + 10) % 97
      default: return LinterFault(.ibanCharacter, at: index)
      }
    }
    return remainder == 1 ? nil : LinterFault(.ibanChecksum, at: 2)
  }
}

// MARK: - Dates and times

extension Linter {
  /// A date of six or eight digits; day 00 stands for the month's end where the AI allows it.
  ///
  /// A two-digit year is a leap year if it divides by four. That takes 00 for 2000, as the
  /// reference engine does; ``CalendarDate`` knows better from 2050 on, when it means 2100.
  static func date(_ value: Span<UInt8>, yearDigits: Int, dayMayBeZero: Bool) -> LinterFault? {
    guard value.count == yearDigits + 4 else { return LinterFault(.dateLength, at: 0) }
    var number = 0
    for index in value.indices {
      let digit = value[index] &- UInt8(ascii: "0")
      guard digit < 10 else { return LinterFault(.notADigit, at: index) }
      number = number &* 10 &+ Int(digit)
    }
    let year = number / 10_000 + (yearDigits == 2 ? 2000 : 0)
    let month = number / 100 % 100
    let day = number % 100
    guard month >= 1, month <= 12 else { return LinterFault(.illegalMonth, at: yearDigits) }
    guard day <= CalendarDate.daysIn(month: month, year: year), day >= 1 || dayMayBeZero else {
      return LinterFault(.illegalDay, at: yearDigits + 2)
    }
    return nil
  }

  static func twoDigits(
    _ value: Span<UInt8>, at start: Int, count: Int, limit: Int, _ code: GS1Error.Code
  ) -> LinterFault? {
    guard value.count == count else { return LinterFault(.timeLength, at: 0) }
    for index in start..<start + 2 where !value[index].isDigit {
      return LinterFault(.notADigit, at: index)
    }
    let number =
      Int(value[start] - UInt8(ascii: "0")) * 10 + Int(value[start + 1] - UInt8(ascii: "0"))
    return number <= limit ? nil : LinterFault(code, at: start)
  }
}

// MARK: - Code lists

extension Linter {
  static func threeDigitCode(
    _ value: Span<UInt8>, _ list: InlineArray<16, UInt64>, _ code: GS1Error.Code
  ) -> LinterFault? {
    guard value.count == 3, let number = unsignedNumber(value), isMember(number, list.span) else {
      return LinterFault(code, at: 0)
    }
    return nil
  }

  static func countryOr999(_ value: Span<UInt8>) -> LinterFault? {
    guard unsignedNumber(value) != 999 || value.count != 3 else { return nil }
    return threeDigitCode(value, SyntaxTable.iso3166, .notACountryOr999)
  }

  static func countryLetters(_ value: Span<UInt8>) -> LinterFault? {
    guard value.count == 2 else { return LinterFault(.notCountryLetters, at: 0) }
    let first = value[0] &- UInt8(ascii: "A")
    let second = value[1] &- UInt8(ascii: "A")
    guard first < 26, second < 26,
      isMember(Int(first) * 26 + Int(second), SyntaxTable.iso3166alpha2.span)
    else { return LinterFault(.notCountryLetters, at: 0) }
    return nil
  }

  static func mediaType(_ value: Span<UInt8>) -> LinterFault? {
    guard value.count == 2, let number = unsignedNumber(value),
      isMember(number, SyntaxTable.mediaTypes.span)
    else { return LinterFault(.notAMediaType, at: 0) }
    return nil
  }

  static func packageType(_ value: Span<UInt8>) -> LinterFault? {
    guard value.count >= 1, value.count <= 3 else { return LinterFault(.notAPackageType, at: 0) }
    var wanted: UInt32 = 0
    for index in value.indices { wanted |= UInt32(value[index]) << UInt32(8 * (3 - index)) }
    var low = 0
    var high = SyntaxTable.packageTypes.count
    while low < high {
      let middle = (low + high) / 2
      if SyntaxTable.packageTypes[middle] == wanted { return nil }
      if SyntaxTable.packageTypes[middle] < wanted { low = middle + 1 } else { high = middle }
    }
    return LinterFault(.notAPackageType, at: 0)
  }

  private static func isMember(_ number: Int, _ bits: Span<UInt64>) -> Bool {
    number / 64 < bits.count && bits[number / 64] >> UInt64(number % 64) & 1 != 0
  }

  /// The digits as a number, nil where another character is among them; at most ten digits.
  private static func unsignedNumber(_ value: Span<UInt8>) -> Int? {
    guard value.count <= 10 else { return nil }
    var number = 0
    for index in value.indices {
      guard value[index].isDigit else { return nil }
      number = number * 10 + Int(value[index] - UInt8(ascii: "0"))
    }
    return number
  }
}

// MARK: - Single values

extension Linter {
  static func hasNonDigit(_ value: Span<UInt8>) -> LinterFault? {
    for index in value.indices where !value[index].isDigit { return nil }
    return LinterFault(.onlyDigits, at: 0)
  }

  static func only(_ value: Span<UInt8>, _ byte: UInt8, _ code: GS1Error.Code) -> LinterFault? {
    guard !value.isEmpty else { return LinterFault(code, at: 0) }
    for index in value.indices where value[index] != byte { return LinterFault(code, at: index) }
    return nil
  }

  static func nonZero(_ value: Span<UInt8>) -> LinterFault? {
    var isZero = true
    for index in value.indices {
      guard value[index].isDigit else { return LinterFault(.notADigit, at: index) }
      if value[index] != UInt8(ascii: "0") { isZero = false }
    }
    return isZero ? LinterFault(.illegalZero, at: 0) : nil
  }

  static func noZeroPrefix(_ value: Span<UInt8>) -> LinterFault? {
    if !value.isEmpty, value[0] == UInt8(ascii: "0") { return LinterFault(.zeroPrefix, at: 0) }
    return CharacterSet.numeric.firstFault(in: value)
  }

  static func oneOf(
    _ value: Span<UInt8>, _ first: Unicode.Scalar, _ second: Unicode.Scalar,
    _ third: Unicode.Scalar, _ fourth: Unicode.Scalar, _ code: GS1Error.Code
  ) -> LinterFault? {
    guard value.count == 1 else { return LinterFault(code, at: 0) }
    let byte = UInt32(value[0])
    guard
      byte == first.value || byte == second.value || byte == third.value || byte == fourth.value
    else { return LinterFault(code, at: 0) }
    return nil
  }

  /// Latitude or longitude: ten digits, in units of 10^-7 degree (GenSpecs 3.8.13).
  static func degrees(_ value: Span<UInt8>, limit: Int, _ code: GS1Error.Code) -> LinterFault? {
    if let fault = CharacterSet.numeric.firstFault(in: value) { return fault }
    guard value.count == 10, let number = unsignedNumber(value), number <= limit else {
      return LinterFault(code, at: 0)
    }
    return nil
  }

  /// The importer index of AI (7040): one character of the URI-safe base64 alphabet.
  static func importerIndex(_ value: Span<UInt8>) -> LinterFault? {
    guard value.count == 1, CharacterSet.contains(value[0], CharacterSet.base64Map) else {
      return LinterFault(.importerIndex, at: 0)
    }
    return nil
  }

  /// Every "%" is followed by two hexadecimal digits.
  static func percentEncoding(_ value: Span<UInt8>) -> LinterFault? {
    var index = 0
    while index < value.count {
      guard value[index] == UInt8(ascii: "%") else {
        index += 1
        continue
      }
      guard index + 2 < value.count, value[index + 1].hexadecimalValue != nil,
        value[index + 2].hexadecimalValue != nil
      else { return LinterFault(.percentSequence, at: index) }
      index += 3
    }
    return nil
  }

  /// Piece number and total, each half of the digits: neither zero, piece not above total.
  static func pieceOfTotal(_ value: Span<UInt8>) -> LinterFault? {
    if let fault = CharacterSet.numeric.firstFault(in: value) { return fault }
    guard !value.isEmpty, value.count % 2 == 0 else { return LinterFault(.pieceLength, at: 0) }
    let half = value.count / 2
    var pieceIsZero = true
    var totalIsZero = true
    // Positive as soon as a digit of the piece number is above the total's, negative below.
    var order = 0
    for index in 0..<half {
      let piece = value[index]
      let total = value[half + index]
      if piece != UInt8(ascii: "0") { pieceIsZero = false }
      if total != UInt8(ascii: "0") { totalIsZero = false }
      if order == 0 { order = Int(piece) - Int(total) }
    }
    if pieceIsZero { return LinterFault(.pieceZero, at: 0) }
    if totalIsZero { return LinterFault(.totalZero, at: half) }
    return order > 0 ? LinterFault(.pieceAboveTotal, at: 0) : nil
  }

  /// "position/end", such as 2/3: no leading zeros, position not above end.
  static func positionInSequence(_ value: Span<UInt8>) -> LinterFault? {
    var slash = 0
    while slash < value.count, value[slash].isDigit { slash += 1 }
    guard slash > 0, slash < value.count - 1, value[slash] == UInt8(ascii: "/") else {
      return LinterFault(.sequenceForm, at: 0)
    }
    for index in slash + 1..<value.count where !value[index].isDigit {
      return LinterFault(.sequenceForm, at: 0)
    }
    if value[0] == UInt8(ascii: "0") { return LinterFault(.zeroPrefix, at: 0) }
    if value[slash + 1] == UInt8(ascii: "0") { return LinterFault(.zeroPrefix, at: slash + 1) }
    // Without leading zeros the longer number is the greater.
    let endDigits = value.count - slash - 1
    if slash > endDigits { return LinterFault(.positionAboveEnd, at: 0) }
    if slash < endDigits { return nil }
    for index in 0..<slash where value[index] != value[slash + 1 + index] {
      return value[index] > value[slash + 1 + index] ? LinterFault(.positionAboveEnd, at: 0) : nil
    }
    return nil
  }
}

extension UInt8 {
  /// The value of a hexadecimal digit in either case, nil for any other byte.
  var hexadecimalValue: UInt8? {
    switch self {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): self - UInt8(ascii: "0")
    case UInt8(ascii: "A")...UInt8(ascii: "F"): self - UInt8(ascii: "A") + 10
    case UInt8(ascii: "a")...UInt8(ascii: "f"): self - UInt8(ascii: "a") + 10
    default: nil
    }
  }
}
