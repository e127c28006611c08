import GS1
import Testing

@Suite struct CalendarDateTests {
  @Test(
    arguments: [
      ("271231", 2026, "2027-12-31"),
      ("270200", 2026, "2027-02-28"),  // day 00 is the month's end
      ("280200", 2026, "2028-02-29"),
      ("270400", 2026, "2027-04-30"),
      ("760101", 2026, "2076-01-01"),  // 50 years ahead
      ("770101", 2026, "1977-01-01"),  // 49 years back
      ("000229", 2026, "2000-02-29"),
      ("490101", 2099, "2149-01-01"),
      ("500101", 2099, "2050-01-01"),
      ("000228", 2075, "2100-02-28"),
      ("000229", 2075, nil),  // 2100 is no leap year
      ("271331", 2026, nil),
      ("270230", 2026, nil),
      ("27123", 2026, nil),
      ("27123A", 2026, nil),
      ("", 2026, nil),
      ("271231", 0, nil),
    ] as [(String, Int, String?)])
  func reads(value: String, currentYear: Int, expected: String?) {
    #expect(CalendarDate(yymmdd: value, currentYear: currentYear)?.description == expected)
  }

  /// Of the years with these last two digits, the one from 49 years back to 50 years ahead.
  @Test func centuryRule() {
    for currentYear in 1990...2110 {
      for twoDigits in 0...99 {
        let year = CalendarDate.year(endingIn: twoDigits, currentYear: currentYear)
        #expect(year % 100 == twoDigits)
        #expect((currentYear - 49...currentYear + 50).contains(year))
      }
    }
  }

  @Test func writesAndCompares() throws {
    let date = try #require(CalendarDate(year: 2027, month: 2, day: 3))
    #expect(date.yymmdd == "270203")
    #expect(CalendarDate(yymmdd: date.yymmdd, currentYear: 2026) == date)
    let later = try #require(CalendarDate(year: 2027, month: 3, day: 1))
    #expect(date < later)
    #expect(CalendarDate(year: 2027, month: 2, day: 29) == nil)
    #expect(CalendarDate(year: 2027, month: 0, day: 1) == nil)
  }
}
