import Line
import Testing

@testable import Daemon

/// When the disk of the records is as good as full.
@Suite("The disk's forecast")
struct DiskForecastTests {
  private static let gigabyte: Int64 = 1_000_000_000

  private func minute(_ number: Int) -> Instant {
    Instant(nanoseconds: Int64(number) * 60_000_000_000)
  }

  @Test("a disk that stays as it is has enough")
  func steady() {
    var forecast = DiskForecast(minFree: Self.gigabyte)
    for number in 0..<2000 {
      #expect(forecast.look(free: 20 * Self.gigabyte, now: minute(number)) == .enough)
    }
  }

  @Test("a disk that loses a gigabyte an hour tells it days ahead, in hours")
  func filling() {
    var forecast = DiskForecast(minFree: Self.gigabyte)
    var first: DiskForecast.Finding?
    for number in 0..<120 {
      let free = 41 * Self.gigabyte - Int64(number) * Self.gigabyte / 60
      let finding = forecast.look(free: free, now: minute(number))
      if finding != .enough, first == nil {
        first = finding
        #expect(number == 60, "a pace is judged over an hour at least")
      }
    }
    #expect(first == .filling(hours: 39))
  }

  @Test("a pace that leaves more than three days is enough")
  func slow() {
    var forecast = DiskForecast(minFree: Self.gigabyte)
    for number in 0..<600 {
      let free = 101 * Self.gigabyte - Int64(number) * Self.gigabyte / 60
      #expect(forecast.look(free: free, now: minute(number)) == .enough)
    }
  }

  @Test("below the limit it is low, and ends only ten per cent above it")
  func low() {
    var forecast = DiskForecast(minFree: 1000)
    #expect(forecast.look(free: 1000, now: minute(0)) == .enough)
    #expect(forecast.look(free: 999, now: minute(1)) == .low)
    #expect(forecast.look(free: 1050, now: minute(2)) == .low)
    #expect(forecast.look(free: 1100, now: minute(3)) == .enough)
    #expect(forecast.look(free: 1050, now: minute(4)) == .enough)
  }

  @Test("space that was freed ends the warning")
  func freed() {
    var forecast = DiskForecast(minFree: Self.gigabyte)
    for number in 0..<90 {
      _ = forecast.look(
        free: 41 * Self.gigabyte - Int64(number) * Self.gigabyte / 60, now: minute(number))
    }
    guard case .filling = forecast.finding else {
      Issue.record("it was not seen to fill")
      return
    }
    #expect(forecast.look(free: 80 * Self.gigabyte, now: minute(90)) == .enough)
  }

  @Test(
    "a step of the clock in words",
    arguments: [(3_600_000, "forward by 3600.000 s"), (-150, "back by 0.150 s")])
  func step(milliseconds: Int64, text: String) {
    #expect(Surroundings.text(milliseconds) == text)
  }
}
