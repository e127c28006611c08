/// A day of the calendar, without a time or a zone.
public struct CalendarDate: Sendable, Hashable, Comparable {
  /// The year, four digits.
  public let year: Int
  /// The month, 1 to 12.
  public let month: Int
  /// The day of the month, 1 to 31.
  public let day: Int

  /// The day of the Gregorian calendar with these numbers, nil where there is none.
  public init?(year: Int, month: Int, day: Int) {
    guard (1...9999).contains(year), (1...12).contains(month),
      day >= 1, day <= Self.daysIn(month: month, year: year)
    else { return nil }
    self.init(uncheckedYear: year, month: month, day: day)
  }

  private init(uncheckedYear year: Int, month: Int, day: Int) {
    self.year = year
    self.month = month
    self.day = day
  }

  /// The date of a six-digit value such as AI (17): YYMMDD, day 00 for the month's last day.
  ///
  /// The century is found by the rule of GenSpecs 7.12: of the years that end in YY, the one from
  /// 49 years before to 50 years after the current year. Values that are no date give nil.
  ///
  /// - Parameters:
  ///   - value: Six ASCII digits.
  ///   - currentYear: The year, four digits, in which the rule is applied.
  public init?(yymmdd value: Span<UInt8>, currentYear: Int) {
    guard (100...9899).contains(currentYear), Linter.yymmd0.firstFault(in: value) == nil else {
      return nil
    }
    func number(at index: Int) -> Int {
      Int(value[index] - UInt8(ascii: "0")) * 10 + Int(value[index + 1] - UInt8(ascii: "0"))
    }
    let year = Self.year(endingIn: number(at: 0), currentYear: currentYear)
    let month = number(at: 2)
    let monthEnd = Self.daysIn(month: month, year: year)
    let day = number(at: 4) == 0 ? monthEnd : number(at: 4)
    // 29 February of a year ending in 00 is a date in 2000 but not in 2100.
    guard day <= monthEnd else { return nil }
    self.init(uncheckedYear: year, month: month, day: day)
  }

  /// The date of a six-digit value given as text; see ``init(yymmdd:currentYear:)-(Span<UInt8>,_)``.
  public init?(yymmdd text: String, currentYear: Int) {
    let bytes = Array(text.utf8)
    self.init(yymmdd: bytes.span, currentYear: currentYear)
  }

  /// The year that ends in these two digits, by the century rule of GenSpecs 7.12.
  public static func year(endingIn twoDigits: Int, currentYear: Int) -> Int {
    let century = currentYear - currentYear % 100
    return switch twoDigits - currentYear % 100 {
    case 51...: century - 100 + twoDigits
    case ...(-50): century + 100 + twoDigits
    default: century + twoDigits
    }
  }

  /// The six digits YYMMDD of the date.
  public var yymmdd: String {
    func twoDigits(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
    return twoDigits(year % 100) + twoDigits(month) + twoDigits(day)
  }

  /// Earlier days are less.
  public static func < (left: CalendarDate, right: CalendarDate) -> Bool {
    (left.year, left.month, left.day) < (right.year, right.month, right.day)
  }

  /// Days of a month, 1 to 12, in the Gregorian calendar.
  static func daysIn(month: Int, year: Int) -> Int {
    switch month {
    case 2: (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 ? 29 : 28
    case 4, 6, 9, 11: 30
    default: 31
    }
  }
}

extension CalendarDate: CustomStringConvertible {
  /// The date as ISO 8601 writes it, such as 2027-05-31.
  public var description: String {
    func padded(_ number: Int, _ width: Int) -> String {
      let digits = String(number)
      return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
    return "\(padded(year, 4))-\(padded(month, 2))-\(padded(day, 2))"
  }
}
