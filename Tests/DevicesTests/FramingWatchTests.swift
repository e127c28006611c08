import Line
import Testing

@testable import Devices

@Suite("A scanner whose bytes make no message")
struct FramingWatchTests {
  private func at(_ milliseconds: Int64) -> Instant {
    Instant(nanoseconds: 1_000_000_000 + milliseconds * 1_000_000)
  }

  @Test("a suffix that never comes is said once, with what was waited for")
  func noSuffix() {
    var watch = FramingWatch(ScannerFraming(prefix: [], suffix: [0x0D, 0x0A]))
    var said: [Standing.News] = []
    for read in 0..<200 {
      watch.took(bytes: 50, messages: 0, hasPart: true, now: at(Int64(read) * 100))
      if let news = watch.look(now: at(Int64(read) * 100)) { said.append(news) }
    }
    #expect(said.count == 1)
    guard case .begins(let sentence) = said.first else { return }
    #expect(sentence.contains("suffix (0D 0A)"), "\(sentence)")
  }

  @Test("half a message is said after five seconds, not before")
  func half() {
    var watch = FramingWatch(ScannerFraming(prefix: [0x02], suffix: [0x03]))
    watch.took(bytes: 9, messages: 0, hasPart: true, now: at(0))
    #expect(watch.look(now: at(4999)) == nil)
    guard case .begins(let sentence) = watch.look(now: at(5000)) else {
      Issue.record("nothing was said")
      return
    }
    #expect(sentence.contains("prefix (02)") && sentence.contains("suffix (03)"), "\(sentence)")
    // Its end comes; what was said stands a while longer, and then ends.
    watch.took(bytes: 9, messages: 1, hasPart: false, now: at(6000))
    #expect(watch.look(now: at(14_999)) == nil)
    #expect(watch.look(now: at(15_000)) == .ends)
    #expect(watch.look(now: at(90_000)) == nil)
  }

  @Test("a scanner that sends good messages, whole or dripped, is never spoken of")
  func good() {
    var watch = FramingWatch(ScannerFraming(prefix: [], suffix: [0x0D]))
    for read in 0..<1000 {
      let now = at(Int64(read) * 1000)
      watch.took(bytes: 20, messages: 0, hasPart: true, now: now)
      #expect(watch.look(now: now) == nil)
      watch.took(bytes: 20, messages: 1, hasPart: read.isMultiple(of: 2), now: now)
      #expect(watch.look(now: now) == nil)
    }
  }

  @Test("silence alone is nothing: a line may stand for a week")
  func silence() {
    var watch = FramingWatch(ScannerFraming(prefix: [], suffix: [0x0D]))
    watch.took(bytes: 20, messages: 1, hasPart: false, now: at(0))
    #expect(watch.look(now: at(600_000_000)) == nil)
  }

  @Test("five messages in a row with errors in their characters are said, and a good one ends it")
  func spoiled() {
    var watch = FramingWatch(ScannerFraming(suffix: [0x0D]))
    for count in 1...4 {
      watch.took(bytes: 9, messages: 0, hasPart: false, spoiled: UInt64(count), now: at(0))
      #expect(watch.look(now: at(0)) == nil)
    }
    watch.took(bytes: 9, messages: 0, hasPart: false, spoiled: 5, now: at(0))
    guard case .begins(let sentence) = watch.look(now: at(0)) else {
      Issue.record("nothing was said")
      return
    }
    #expect(sentence.contains("parity"), "\(sentence)")
    watch.took(bytes: 9, messages: 1, hasPart: false, spoiled: 5, now: at(100))
    #expect(watch.look(now: at(10_000)) == .ends)
  }
}
