import Glibc
import Logging
import Testing

@testable import Journal

@Suite struct StandardErrorTests {
  @Test func `A message is one line of time, level, sentence and sorted metadata`() {
    #expect(
      StandardErrorHandler.line(
        at: "2026-11-25T08:00:00.123Z", level: .warning, message: "scanner camera-1 went",
        metadata: ["station": "unit-1", "serial": "AB12", "message-id": "8d5f"])
        == "2026-11-25T08:00:00.123Z warning scanner camera-1 went serial=AB12 station=unit-1\n")
  }

  @Test func `What came from outside cannot forge a line`() {
    let line = StandardErrorHandler.line(
      at: "T", level: .info, message: "read\n\u{1B}[2Jforged\u{9F}", metadata: ["a\nb": "c\r\nd"])
    #expect(line == "T info read<0A><1B>[2Jforged<9F> a<0A>b=c<0D><0A>d\n")
  }

  @Test func `A message of any length is cut`() {
    let text = StandardErrorHandler.plain(String(repeating: "ä", count: 100_000))
    #expect(text == String(repeating: "ä", count: 8192))
  }

  @Test func `Without journald a logger writes to standard error, at once`() async throws {
    let result = try #require(
      await #expect(processExitsWith: .success, observing: [\.standardErrorContent]) {
        unsetenv("JOURNAL_STREAM")
        #expect(!ServiceManager.logsToJournal)
        ServiceManager.logger(identifier: "linewardd").notice(
          "on the line", metadata: ["station": "unit-1"])
      })
    let text = String(decoding: result.standardErrorContent, as: UTF8.self)
    let line = try #require(text.split(separator: "\n").first { $0.contains("on the line") })
    #expect(
      line.wholeMatch(
        of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z notice on the line station=unit-1/) != nil)
  }
}
