import Line
import Testing

@testable import Devices

@Suite("Setting a scanner up")
struct ScannerSetupTests {
  private func at(_ milliseconds: Int64) -> Instant {
    Instant(nanoseconds: 1_000_000_000 + milliseconds * 1_000_000)
  }

  private func setup(_ commands: [(String, String)]) -> ScannerSetup {
    var talk = ScannerTalk()
    talk.setup = commands.map { .init(send: Array($0.0.utf8), answer: Array($0.1.utf8)) }
    talk.setupTimeout = .milliseconds(100)
    return ScannerSetup(talk)
  }

  private func answer(_ setup: inout ScannerSetup, _ text: String, isAnswer: Bool) -> Bool {
    Array(text.utf8).withUnsafeBytes { setup.answered($0, isAnswer: isAnswer) }
  }

  @Test("each state meets each event as drawn")
  func table() {
    enum State: CaseIterable { case none, fresh, awaits, unanswered, failed }
    enum Event: CaseIterable { case right, wrong, read, late }
    for state in State.allCases {
      for event in Event.allCases {
        var setup = setup(
          state == .none ? [] : state == .unanswered ? [("A", "")] : [("A", "OK"), ("B", "")])
        if state != .none, state != .fresh { #expect(setup.step(now: at(0)) == .send([0x41])) }
        if state == .failed { _ = answer(&setup, "ER", isAnswer: true) }
        var wasAwaited = false
        switch event {
        case .right: wasAwaited = answer(&setup, "OK,A", isAnswer: true)
        case .wrong: wasAwaited = answer(&setup, "ER,A", isAnswer: true)
        case .read: wasAwaited = answer(&setup, "]d2", isAnswer: false)
        case .late: break
        }
        let step = setup.step(now: at(event == .late ? 100 : 99))
        let name = "\(state) x \(event)"
        switch (state, event) {
        case (.none, _), (.unanswered, _): #expect(step == .done && !wasAwaited, "\(name)")
        case (.fresh, _): #expect(step == .send([0x41]) && !wasAwaited, "\(name)")
        case (.awaits, .right):
          #expect(step == .send([0x42]) && wasAwaited, "\(name)")
          #expect(setup.step(now: at(99)) == .done)
        case (.awaits, .read): #expect(step == .wait && !wasAwaited, "\(name)")
        case (.awaits, .wrong):
          #expect(step == .failed("answered A with ER,A instead of OK"), "\(name)")
        case (.awaits, .late):
          #expect(step == .failed("did not answer A with OK within 100 ms"), "\(name)")
        case (.failed, _):
          guard case .failed = step else {
            Issue.record("\(name): \(step)")
            continue
          }
        }
      }
    }
  }

  @Test("what a message is: heartbeats and answers by how they begin, no-reads as a whole")
  func meanings() {
    var talk = ScannerTalk()
    talk.noReads = [Array("NR".utf8), Array("?".utf8)]
    talk.answers = [Array("OK,".utf8), Array("||".utf8)]
    talk.heartbeat = Array("HB".utf8)
    for (text, meaning) in [
      ("", .noRead), ("NR", .noRead), ("?", .noRead), ("NRX", .read), ("N", .read), ("OK", .read),
      ("OK,LON", .answer), ("||[0]", .answer), ("HB", .heartbeat), ("HB 7", .heartbeat),
      ("H", .read), ("]d2HB", .read),
    ] as [(String, ScannerTalk.Meaning)] {
      Array(text.utf8).withUnsafeBytes { #expect(talk.meaning(of: $0) == meaning, "\(text)") }
    }
  }
}

@Suite("Scanners that change, or repeat themselves")
struct ScannerWatchTests {
  private func at(_ milliseconds: Int64) -> Instant {
    Instant(nanoseconds: 1_000_000_000 + milliseconds * 1_000_000)
  }

  private func take(_ watch: inout HabitWatch, _ text: String, times: Int) {
    for _ in 0..<times { Array(text.utf8).withUnsafeBytes { watch.took($0) } }
  }

  private static let usual = "]d2010950600013435210A\u{1D}21S"

  @Test(
    "a habit that breaks is said",
    arguments: [
      ("010950600013435210A\u{1D}21S", "with no symbology identifier where they began with ]d2"),
      ("]d1010950600013435210A\u{1D}21S", "begin with ]d1 where they began with ]d2"),
      ("]d2010950600013435210A21S", "have no separator GS (1D) any more"),
    ])
  func drift(text: String, says: String) {
    var watch = HabitWatch()
    take(&watch, Self.usual, times: 20)
    take(&watch, text, times: 9)
    #expect(watch.look(now: at(0)) == nil)
    take(&watch, text, times: 1)
    guard case .begins(let sentence) = watch.look(now: at(0)) else {
      Issue.record("nothing was said")
      return
    }
    #expect(sentence.contains(says), "\(sentence)")
    #expect(watch.look(now: at(60_000)) == nil)
    // Two good ones do not end it, ten do.
    take(&watch, Self.usual, times: 2)
    #expect(watch.look(now: at(60_000)) == nil)
    take(&watch, Self.usual, times: 8)
    #expect(watch.look(now: at(60_000)) == .ends)
  }

  @Test("the wrong scanner on the right port is noticed after it was plugged in")
  func exchanged() {
    var watch = HabitWatch()
    take(&watch, Self.usual, times: 20)
    watch.reset()
    take(&watch, "0109", times: 10)
    guard case .begins = watch.look(now: at(0)) else {
      Issue.record("nothing was said")
      return
    }
  }

  @Test(
    "without a habit nothing is missed; what comes new is no loss; a new product is a new habit")
  func noHabit() {
    var watch = HabitWatch()
    for _ in 0..<50 {
      take(&watch, Self.usual, times: 19)
      take(&watch, "01", times: 11)
      #expect(watch.look(now: at(0)) == nil)
    }
    watch = HabitWatch()
    take(&watch, "0109", times: 20)
    take(&watch, Self.usual, times: 500)
    #expect(watch.look(now: at(0)) == nil)
    watch = HabitWatch()
    take(&watch, Self.usual, times: 20)
    take(&watch, "]d201", times: 10)
    #expect(watch.look(now: at(0)) != nil)
    take(&watch, "]d201", times: HabitWatch.newHabitReads - 11)
    #expect(watch.look(now: at(60_000)) == nil)
    take(&watch, "]d201", times: 1)
    #expect(watch.look(now: at(60_000)) == .ends)
  }

  @Test("the same read for ever is said once, another one ends it")
  func repeats() {
    var watch = RepeatWatch()
    func take(_ text: String) { Array(text.utf8).withUnsafeBytes { watch.took($0) } }
    for _ in 1..<RepeatWatch.equalMax { take("]d2A\u{1D}") }
    #expect(watch.look(now: at(0)) == nil)
    take("]d2A\u{1D}")
    guard case .begins(let sentence) = watch.look(now: at(0)) else {
      Issue.record("nothing was said")
      return
    }
    #expect(sentence.contains("]d2A<1D>"), "\(sentence)")
    take("]d2A\u{1D}")
    #expect(watch.look(now: at(20_000)) == nil)
    take("]d2B")
    #expect(watch.look(now: at(20_000)) == .ends)
    for index in 0..<1000 { take("\(index)") }
    #expect(watch.look(now: at(20_000)) == nil)
  }

  @Test("a rate is that of the last minute")
  func rate() {
    var rate = ReadRate()
    for second in 0..<120 { rate.took(now: at(Int64(second) * 1000)) }
    #expect((55...60).contains(rate.perMinute(now: at(119_000))))
    #expect(rate.perMinute(now: at(150_000)) < 35)
    #expect(rate.perMinute(now: at(500_000)) == 0)
  }
}
