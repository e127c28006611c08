import Configuration
import Containment
import Control
import Foundation
import Glibc
import Line
import Logging
import Synchronization
import Testing

@testable import Daemon

/// Contacts are told by real programs; none of them may hold up another or the line, and nothing may fail in silence.
@Suite("Contacts of a containment case are told")
struct AlerterTests {
  /// A folder of its own, removed at the end, with programs in it.
  private final class Folder {
    let path: String

    init() throws {
      let url = FileManager.default.temporaryDirectory.appendingPathComponent(
        "lineward-alerts-\(UUID().uuidString.prefix(8))")
      try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
      path = url.path
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func text(_ name: String) -> String {
      (try? String(contentsOfFile: path + "/" + name, encoding: .utf8)) ?? ""
    }

    /// A program in shell that knows the folder as `$here`.
    func program(_ name: String, _ script: String) throws -> String {
      let file = path + "/" + name
      try Data("#!/bin/sh\nhere='\(path)'\n\(script)\n".utf8).write(
        to: URL(fileURLWithPath: file))
      try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: file)
      try awaitNoWriter(file)
      return file
    }
  }

  /// A core with cases, as far as the alerter sees one: events change it as the records would.
  private final class Desk: Sendable {
    struct State {
      var cases = CaseBook()
      var events: [ContainmentEvent] = []
      var refuses = 0
    }
    let state = Mutex(State())

    func open(_ number: UInt32, title: String = "duplicate serial at unit-1") {
      state.withLock { state in
        state.cases.apply(
          number,
          .opened(
            CaseOpening(
              title: title, scope: CaseScope(batches: [1], stations: ["unit-1"]),
              playbook: Playbook(),
              clock: CaseClock(monotonic: 0, wall: 1_700_000_000_000, boot: "b"))), by: "",
          at: 1_700_000_000_000)
      }
    }

    func answer(_ number: UInt32, _ role: String) {
      state.withLock {
        $0.cases.apply(number, .answered(role: role, text: ""), by: "q", at: 0)
      }
    }

    func take(_ event: ContainmentEvent) -> Bool {
      state.withLock { state in
        guard state.refuses == 0 else {
          state.refuses -= 1
          return false
        }
        state.events.append(event)
        switch event {
        case .told(let number, let contact, let way, let escalation, let attempt, let failure, _):
          state.cases.apply(
            number,
            .told(
              key: ContainmentCase.Telling.key(contact: contact, way: way, of: escalation),
              attempt: attempt, failed: failure != nil), by: "", at: 0)
        case .noted(let number, let text):
          state.cases.apply(number, .noted(text), by: "", at: 0)
        case .evidence: break
        }
        return true
      }
    }

    var eventCount: Int { state.withLock { $0.events.count } }

    var told: [String] {
      state.withLock { state in
        state.events.compactMap { event in
          guard case .told(_, let contact, let way, let of, let attempt, let failure, _) = event
          else { return nil }
          return "\(contact) \(way) \(of.word) \(attempt) \(failure == nil ? "told" : "failed")"
        }
      }
    }

    func failure(_ way: String) -> String? {
      state.withLock { state in
        state.events.lazy.compactMap { event in
          if case .told(_, _, way, _, _, let failure?, _) = event { return failure }
          return nil
        }.first
      }
    }
  }

  private func contact(
    _ name: String = "anna", role: String = "quality",
    from: Configuration.Contact.From = .open, command: [String] = [], mail: String? = nil,
    webhook: String? = nil
  ) -> Configuration.Contact {
    Configuration.Contact(
      name: name, role: role, from: from, command: command, mail: mail, webhook: webhook)
  }

  private func alerter(
    _ desk: Desk, _ contacts: [Configuration.Contact], alerting: Configuration.Alerting = .init(),
    timeout: Int64 = 10_000, log: CollectingLog = CollectingLog()
  ) -> Alerter {
    let alerter = Alerter(
      logger: Logger(label: "test") { _ in log }, contacts: contacts, alerting: alerting,
      pace: .milliseconds(5), timeout: .milliseconds(timeout), pauses: [.milliseconds(10)],
      ask: { body in
        let cases = desk.state.withLock { $0.cases }
        var basis = Alerter.Basis(LineController(settings: Self.settings))
        for found in cases.open { basis.cases[found.number] = found }
        basis.batches = [1: "B-1"]
        body(basis)
        return true
      }, tell: { desk.take($0) })
    alerter.start()
    return alerter
  }

  private static let settings = LineSettings(
    line: "L01", scanners: [], stations: [], limits: .init())

  /// Waits for a condition, 20 s at most.
  private func until(_ condition: () -> Bool) -> Bool {
    let end = DispatchTime.now() + .seconds(20)
    let pause = DispatchSemaphore(value: 0)
    while DispatchTime.now() < end {
      if condition() { return true }
      _ = pause.wait(timeout: .now() + .milliseconds(5))
    }
    return condition()
  }

  @Test("a program gets the message, with the case in its environment, and the journal a line")
  func command() throws {
    let folder = try Folder()
    let program = try folder.program(
      "tell", "{ cat; echo \"$LINEWARD_CASE $LINEWARD_ROLE $1\"; } > \"$here/got\"")
    let desk = Desk()
    desk.open(1)
    let log = CollectingLog()
    let alerter = alerter(desk, [contact(command: [program, "two words"])], log: log)
    alerter.alert(1, .none)
    #expect(until { desk.told.count == 2 })
    #expect(
      Set(desk.told) == ["anna journal open 1 told", "anna command open 1 told"])
    let got = folder.text("got")
    for words in [
      "Line L01, case C1: duplicate serial at unit-1",
      "lineward containment answer C1 --role quality",
      "batch B-1", "stations unit-1", "C1 quality two words",
    ] {
      #expect(got.contains(words), "\(words)")
    }
    #expect(log.lines.contains { $0.contains("to anna (quality): line L01, case C1") })
    #expect(log.fields.contains("anna"))
    alerter.stop()
  }

  @Test("one that fails is tried again until the third attempt, each on record")
  func thirdAttempt() throws {
    let folder = try Folder()
    let program = try folder.program(
      "tell", "echo x >> \"$here/count\"; echo 'no line' >&2; [ $(wc -l < \"$here/count\") -ge 3 ]")
    let desk = Desk()
    desk.open(1)
    let alerter = alerter(desk, [contact(command: [program])])
    alerter.alert(1, .none)
    #expect(until { desk.told.contains("anna command open 3 told") })
    #expect(
      desk.told.filter { $0.contains("command") } == [
        "anna command open 1 failed", "anna command open 2 failed", "anna command open 3 told",
      ])
    #expect(desk.failure("command")?.contains("it ended with 1: no line") == true)
    alerter.stop()
  }

  @Test("a program that hangs is killed with its children, and the others are told meanwhile")
  func hangs() throws {
    let folder = try Folder()
    let hang = try folder.program("hang", "sleep 300 & echo $! > \"$here/child\"; wait")
    let quick = try folder.program("quick", "cat > \"$here/got\"")
    let desk = Desk()
    desk.open(1)
    let alerter = alerter(
      desk, [contact("slow", command: [hang]), contact("fast", command: [quick])], timeout: 600)
    alerter.alert(1, .none)
    #expect(until { desk.told.contains("fast command open 1 told") })
    #expect(until { desk.told.contains("slow command open 1 failed") })
    #expect(desk.failure("command")?.contains("was killed") == true)
    let child = try #require(
      pid_t(folder.text("child").trimmingCharacters(in: .whitespacesAndNewlines)))
    #expect(until { kill(child, 0) != 0 })
    alerter.stop()
  }

  @Test("a program that is not there, and one that says a megabyte, are failures with a sentence")
  func badPrograms() throws {
    let folder = try Folder()
    let loud = try folder.program("loud", "head -c 1000000 /dev/zero; exit 3")
    let desk = Desk()
    desk.open(1)
    let alerter = alerter(
      desk, [contact("a", command: ["/nowhere/x"]), contact("b", command: [loud])])
    alerter.alert(1, .none)
    #expect(until { desk.told.contains("a command open 1 failed") })
    #expect(until { desk.told.contains { $0.hasPrefix("b command") } })
    #expect(desk.told.contains("b command open 1 failed"))
    alerter.stop()
  }

  @Test("a mail has headers that nothing from outside can add to, and comes through whole")
  func mail() throws {
    let folder = try Folder()
    let sendmail = try folder.program(
      "sendmail", "printf '%s|' \"$@\" > \"$here/args\"; cat > \"$here/mail\"")
    let desk = Desk()
    desk.open(1, title: "Fälschung – 検査\r\nBcc: thief@example.com\n\n.\nover")
    let alerter = alerter(
      desk, [contact(mail: "q@example.com")],
      alerting: .init(sendmail: sendmail, curl: "/usr/bin/curl"))
    alerter.alert(1, .none)
    #expect(until { desk.told.contains("anna mail open 1 told") })
    #expect(folder.text("args") == "-i|--|q@example.com|")
    let mail = folder.text("mail")
    let parts = mail.components(separatedBy: "\n\n")
    let headers = parts[0].components(separatedBy: "\n")
    let names = headers.filter { !$0.hasPrefix(" ") }.map { $0.prefix { $0 != ":" } }
    #expect(
      names == [
        "To", "Subject", "Auto-Submitted", "MIME-Version", "Content-Type",
        "Content-Transfer-Encoding",
      ])
    #expect(mail.utf8.allSatisfy { $0 < 0x80 } && headers.allSatisfy { $0.utf8.count <= 85 })
    let words = parts[0].matches(of: /=\?utf-8\?B\?([A-Za-z0-9+\/=]+)\?=/).map {
      String(decoding: Data(base64Encoded: String($0.output.1)) ?? Data(), as: UTF8.self)
    }
    #expect(
      words.joined()
        .contains("[L01] case C1") && words.joined().contains("Fälschung – 検査<0D><0A>Bcc:"))
    let body = String(
      decoding: Data(base64Encoded: parts[1], options: .ignoreUnknownCharacters) ?? Data(),
      as: UTF8.self)
    #expect(body.contains("case C1: Fälschung – 検査") && body.contains("answer C1 --role quality"))
    alerter.stop()
  }

  @Test("a webhook gets JSON; its address is in no argument, and no failure names it")
  func webhook() throws {
    let folder = try Folder()
    let curl = try folder.program(
      "curl",
      "printf '%s|' \"$@\" > \"$here/args\"; cat > \"$here/config\"; if [ -e \"$here/ok\" ]; then printf 204; else echo 'no route to https://hooks.example.com/T0KEN' >&2; exit 7; fi"
    )
    let url = "https://hooks.example.com/T0KEN"
    let desk = Desk()
    desk.open(1, title: "quote \" backslash \\ tab")
    let alerter = alerter(
      desk, [contact(webhook: url)], alerting: .init(sendmail: "/x", curl: curl))
    alerter.alert(1, .none)
    #expect(until { desk.told.contains("anna webhook open 1 failed") })
    #expect(desk.failure("webhook")?.contains("T0KEN") == false)
    try Data().write(to: URL(fileURLWithPath: folder.path + "/ok"))
    #expect(until { desk.told.contains { $0.hasPrefix("anna webhook") && $0.hasSuffix("told") } })
    #expect(folder.text("args") == "-q|--config|-|")
    let config = folder.text("config")
    #expect(config.contains("url = \"\(url)\"\n") && config.contains("\nfail\n"))
    let data = try #require(
      config.split(separator: "\n").first { $0.hasPrefix("data-binary = ") })
    // curl's quoting is undone as its manual says, and what is left is the JSON.
    var json = ""
    var escaped = false
    for character in data.dropFirst("data-binary = \"".count).dropLast() {
      if escaped {
        json += character == "n" ? "\n" : String(character)
        escaped = false
      } else if character == "\\" {
        escaped = true
      } else {
        json.append(character)
      }
    }
    let object = try #require(
      try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any])
    #expect(object["title"] as? String == "quote \" backslash \\ tab")
    #expect(object["case"] as? String == "C1" && object["event"] as? String == "containment")
    #expect(object["minutes_left"] is Int && object["batches"] as? [String] == ["B-1"])
    alerter.stop()
  }

  @Test("a server that answers with a redirect is no success")
  func redirect() throws {
    let folder = try Folder()
    let curl = try folder.program("curl", "cat > /dev/null; printf 302")
    let desk = Desk()
    desk.open(1)
    let alerter = alerter(
      desk, [contact(webhook: "https://h/x")], alerting: .init(sendmail: "/x", curl: curl))
    alerter.alert(1, .none)
    #expect(until { desk.failure("webhook")?.contains("answered with 302") == true })
    alerter.stop()
  }

  @Test("after a restart nobody is told twice, and attempts go on where they were")
  func restart() throws {
    let folder = try Folder()
    let good = try folder.program("good", "echo x >> \"$here/good-count\"")
    let bad = try folder.program("bad", "exit 1")
    let desk = Desk()
    desk.open(1)
    let contacts = [contact("g", command: [good]), contact("b", command: [bad])]
    let first = alerter(desk, contacts)
    first.alert(1, .none)
    #expect(until { desk.told.contains("b command open 2 failed") })
    #expect(until { desk.told.contains("g command open 1 told") })
    first.stop()
    let before = desk.told.count { $0.hasPrefix("b command") }
    let second = alerter(desk, contacts)
    second.alert(1, .none)
    #expect(until { desk.told.contains("b command open 12 failed") })
    #expect(desk.told.count { $0.hasPrefix("b command open") && $0.contains(" 1 failed") } == 1)
    #expect(before >= 2 && folder.text("good-count") == "x\n")
    // Given up: a third one asks nothing of it any more.
    second.stop()
    let all = desk.told.count
    let third = alerter(desk, contacts)
    third.alert(1, .none)
    third.alert(1, .half)
    #expect(until { desk.told.contains("g command half 1 told") })
    #expect(!desk.told.dropFirst(all).contains { $0.contains(" open ") })
    third.stop()
  }

  @Test("who has answered is not run after, and a closed case asks nobody")
  func answered() throws {
    let folder = try Folder()
    let bad = try folder.program("bad", "echo x >> \"$here/$LINEWARD_ROLE\"; exit 1")
    let desk = Desk()
    desk.open(1)
    desk.answer(1, "quality")
    let alerter = alerter(
      desk, [contact("q", command: [bad]), contact("i", role: "it", command: [bad])])
    alerter.alert(1, .none)
    #expect(until { desk.told.contains("i command open 4 failed") })
    #expect(folder.text("quality") == "x\n")
    alerter.alert(9, .none)
    #expect(until { desk.told.contains("i command open 12 failed") })
    #expect(!desk.told.contains { $0.contains(" 13 ") })
    alerter.stop()
  }

  @Test("more people are told at each moment")
  func escalation() throws {
    let desk = Desk()
    desk.open(1)
    let alerter = alerter(
      desk, [contact("now"), contact("later", from: .half), contact("last", from: .over)])
    alerter.alert(1, .none)
    #expect(until { desk.told == ["now journal open 1 told"] })
    alerter.alert(1, .half)
    #expect(until { desk.told.count == 3 })
    #expect(
      Set(desk.told.dropFirst()) == ["now journal half 1 told", "later journal half 1 told"])
    alerter.alert(1, .over)
    #expect(until { desk.told.count == 6 })
    alerter.stop()
  }

  @Test("10,000 alerts at once are as many messages as there are cases, and nothing stands still")
  func flood() throws {
    let desk = Desk()
    for number in 1...16 as ClosedRange<UInt32> { desk.open(number) }
    let alerter = alerter(desk, [contact("a"), contact("b", role: "it")])
    for number in 0..<10_000 as Range<UInt32> { alerter.alert(number % 2000 + 1, .none) }
    #expect(until { desk.told.count == 32 })
    alerter.alert(1, .half)
    #expect(until { desk.told.count == 34 })
    #expect(Set(desk.told.dropLast(2)).count == 2)
    alerter.stop()
  }

  @Test("what the loop has no room for reaches the records later, in order")
  func fullMail() throws {
    let desk = Desk()
    desk.open(1)
    desk.state.withLock { $0.refuses = 5 }
    let alerter = alerter(desk, [contact("a"), contact("b", role: "it")])
    alerter.alert(1, .none)
    #expect(until { desk.told.count == 2 })
    alerter.stop()
  }

  @Test("without contacts the case says so, once")
  func nobody() throws {
    let desk = Desk()
    desk.open(1)
    let alerter = alerter(desk, [])
    alerter.alert(1, .none)
    #expect(until { desk.state.withLock { $0.cases[1]?.notes.count == 1 } })
    alerter.alert(1, .half)
    alerter.alert(1, .over)
    desk.open(2)
    alerter.alert(2, .none)
    #expect(until { desk.state.withLock { $0.cases[2]?.notes.count == 1 } })
    #expect(desk.eventCount == 2)
    alerter.stop()
  }

  @Test("a test tells every contact once by each way, and says who was not reached")
  func test() throws {
    let folder = try Folder()
    let good = try folder.program("good", "cat > \"$here/got\"")
    let desk = Desk()
    let alerter = alerter(
      desk,
      [contact("g", command: [good]), contact("b", role: "it", command: ["/nowhere/program"])])
    let reply = Mutex<AlertTestReply?>(nil)
    alerter.test(by: "anna (1001)", progress: { _, _ in }) { answer in
      reply.withLock { $0 = answer }
    }
    #expect(until { reply.withLock { $0 } != nil })
    let answer = reply.withLock { $0 }
    let entries = try #require(answer).entries
    #expect(
      entries.map { "\($0.contact) \($0.way) \($0.failure == nil)" } == [
        "g command true", "g journal true", "b command false", "b journal true",
      ])
    #expect(folder.text("got").contains("this is a test by anna (1001)"))
    #expect(desk.told.isEmpty)
    alerter.stop()
  }

  @Test("encoded words are at most 75 characters and split no character")
  func encodedWords() {
    for text in ["", "a", String(repeating: "ü", count: 200), String(repeating: "検", count: 77)] {
      let encoded = AlertMessage.encodedWords(text)
      let words = encoded.components(separatedBy: "\n ")
      #expect(words.allSatisfy { $0.utf8.count <= 75 })
      let decoded = words.map { word in
        let data = Data(base64Encoded: String(word.dropFirst(10).dropLast(2))) ?? Data()
        return String(data: data, encoding: .utf8) ?? "?"
      }
      #expect(decoded.joined() == text)
    }
  }
}

/// Waits until nobody has a file open for writing, which would keep it from being run (ETXTBSY): a process that another test
/// starts has it for a moment, from fork to exec.
func awaitNoWriter(_ path: String) throws {
  let descriptor = open(path, O_RDONLY | O_CLOEXEC)
  defer { close(descriptor) }
  let setLease: Int32 = 1024
  for _ in 0..<10_000 {
    if fcntl(descriptor, setLease, Int32(F_RDLCK)) == 0 {
      _ = fcntl(descriptor, setLease, Int32(F_UNLCK))
      return
    }
    sched_yield()
  }
  Issue.record("somebody writes \(path)")
}

/// Keeps what is logged.
final class CollectingLog: LogHandler, Sendable {
  private let kept = Mutex<[(line: String, fields: [String])]>([])
  var lines: [String] { kept.withLock { $0.map(\.line) } }
  var fields: [String] { kept.withLock { $0.flatMap(\.fields) } }

  var logLevel: Logger.Level {
    get { .trace }
    set {}
  }
  var metadata: Logger.Metadata {
    get { [:] }
    set {}
  }
  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { nil }
    set {}
  }

  func log(event: LogEvent) {
    kept.withLock {
      $0.append(("\(event.message)", event.metadata?.values.map { "\($0)" } ?? []))
    }
  }
}
