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

  private static func floorDivide(_ value: Int64, _ divisor: Int64) -> Int64 {
    value >= 0 ? value / divisor : (value - divisor + 1) / divisor
  }

  private static func padded(_ value: Int64, _ width: Int) -> String {
    let digits = String(value)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
  }
}
