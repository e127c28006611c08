import Alarms
import Line
import Testing

@testable import Daemon

@Suite("Message ids of notices")
struct NoticeTests {
  @Test("every topic has one, and of alarms that are raised each kind has its own")
  func messageIDs() {
    for topic in Notice.Topic.allCases {
      #expect((topic.messageID == nil) == (topic == .alarmRaised), "\(topic)")
    }
    var line = LineController(
      settings: LineSettings(line: "L01", scanners: [], stations: [], limits: .init()))
    line.begin(detail: "test", wall: 0)
    for stands in [true, false] {
      line.step(
        .surroundings(.diskFilling, stands: stands, message: "soon"),
        now: Instant(nanoseconds: 1), wall: 0)
    }
    let ids = line.outbox.actions.compactMap { action in
      if case .notice(let notice) = action { notice.messageID } else { nil }
    }
    #expect(ids == [AlarmKind.diskFilling.messageID, "8d5f1c1e6d0b4b5a9f1d0c5a7e3b2a51"])
  }
}
