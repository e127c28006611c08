/// Wall time as people and programs read it.
public enum WallTime {
  /// A moment as RFC 3339 text in UTC with milliseconds: `2026-03-01T07:05:09.042Z`.
  ///
  /// Years outside 0000…9999, which RFC 3339 cannot write, are shown as its first or last moment.
  ///
  /// - Parameter milliseconds: Milliseconds since 1970-01-01T00:00:00Z, without leap seconds.
  /// - Returns: 24 characters.
  public static func text(milliseconds: Int64) -> String {
    let moment = min(max(milliseconds, -62_167_219_200_000), 253_402_300_799_999)
    let day = floorDivide(moment, 86_400_000)
    let rest = moment - day * 86_400_000
    let date = civil(day: day)
    return
      "\(padded(date.year, 4))-\(padded(date.month, 2))-\(padded(date.day, 2))"
      + "T\(padded(rest / 3_600_000, 2)):\(padded(rest / 60_000 % 60, 2))"
      + ":\(padded(rest / 1000 % 60, 2)).\(padded(rest % 1000, 3))Z"
  }

  /// The date of a day, counted from 1970-01-01, in the Gregorian calendar.
  ///
  /// Years begin in March here, so that the leap day is the last of its year and a month's first day is
  /// a straight line of the month: 153 days in each five months.
  private static func civil(day: Int64) -> (year: Int64, month: Int64, day: Int64) {
    let shifted = day + 719_468
    let era = floorDivide(shifted, 146_097)
    let dayOfEra = shifted - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let monthFromMarch = (5 * dayOfYear + 2) / 153
    let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
    return (
      year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month: month,
      day: dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
    )
  }

  /// The moment that a text names, milliseconds since 1970; nil when it is none.
  ///
  /// As `text(milliseconds:)` writes it; the part behind the seconds may be left out.
  public static func milliseconds(_ text: String) -> Int64? {
    let bytes = Array(text.utf8)
    let form = Array("0000-00-00T00:00:00".utf8)
    guard bytes.count >= 20, bytes.last == UInt8(ascii: "Z") else { return nil }
    func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
    for (byte, shape) in zip(bytes, form) {
      guard shape == UInt8(ascii: "0") ? isDigit(byte) : byte == shape else { return nil }
    }
    func value(_ range: Range<Int>) -> Int64 {
      bytes[range].reduce(0) { $0 * 10 + Int64($1 - UInt8(ascii: "0")) }
    }
    var fraction: Int64 = 0
    switch bytes.count {
    case 20: break
    case 24 where bytes[19] == UInt8(ascii: ".") && bytes[20..<23].allSatisfy(isDigit):
      fraction = value(20..<23)
    default: return nil
    }
    let (year, month, day) = (value(0..<4), value(5..<7), value(8..<10))
    let (hour, minute, second) = (value(11..<13), value(14..<16), value(17..<19))
    guard (1...12).contains(month), (1...31).contains(day), hour < 24, minute < 60, second < 60
    else { return nil }
    // The inverse of `civil`.
    let shifted = month <= 2 ? year - 1 : year
    let era = floorDivide(shifted, 400)
    let yearOfEra = shifted - era * 400
    let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
    let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
    let days = era * 146_097 + dayOfEra - 719_468
    let moment = ((days * 24 + hour) * 60 + minute) * 60_000 + second * 1000 + fraction
    // A day that its month does not have, such as 31 April, comes back as another one.
    guard self.text(milliseconds: moment).prefix(10) == text.prefix(10) else { return nil }
    return moment
  }

  private static func floorDivide(_ value: Int64, _ divisor: Int64) -> Int64 {
    value >= 0 ? value / divisor : (value - divisor + 1) / divisor
  }

  private static func padded(_ value: Int64, _ width: Int) -> String {
    let digits = String(value)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
  }
}
