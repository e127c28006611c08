import Simulation
import Testing

@Suite struct LineOperatorTests {
  private var person = LineOperator(batch: PackedBatch(), serials: "/s")

  private func status(_ permit: Bool, batch: String = "null") -> String {
    #"{"version":1,"run_permit":\#(permit),"stop_reasons":[],"batch":\#(batch),"stations":[]}"#
  }

  /// Lets the person do things; each answer is matched to the command that is expected before it.
  private func play(
    _ person: inout LineOperator, _ steps: [(words: String, code: Int32, output: String)]
  ) {
    for step in steps {
      let now = person.nextEvent ?? 0
      guard let errand = person.next(now: now) else {
        Issue.record("nothing to do, \(step.words) expected; \(person.stage)")
        return
      }
      #expect(errand.words.joined(separator: " ") == step.words)
      #expect(person.next(now: now + .seconds(100)) == nil, "one command at a time")
      person.came(
        LineOperator.Answer(code: step.code, output: Array(step.output.utf8), errors: "said no"),
        to: errand, now: now)
    }
  }

  private let open =
    "batch open --id DEMO-1 --gtin 09506000134352 --lot LOT-A7 --expiry 280331 --serials /s"

  @Test mutating func opensStartsReleasesAndEnds() {
    play(
      &person,
      [
        ("--json status", 69, ""), ("--json status", 0, status(false)), (open, 0, ""),
        ("batch start --id DEMO-1", 0, ""), ("--json status", 0, status(false)),
        ("--json alarms", 0, "[]"), ("line release", 0, ""), ("--json status", 0, status(true)),
        ("--json status", 0, status(true)),
      ])
    #expect(person.stage == .watching && person.releases == 1)
    person.end()
    play(
      &person,
      [
        ("line stop --reason end of the simulation", 0, ""), ("--json status", 0, status(false)),
      ])
    #expect(person.stage == .done)
    #expect(person.nextEvent == nil)
  }

  @Test mutating func acknowledgesResetsAndTriesAgain() {
    let alarms = #"""
      [{"id":"plc-lost@plc-1","occurrence":3,"state":"unacknowledged"},
       {"id":"bad-pack","occurrence":1,"state":"latched_unacknowledged"},
       {"id":"old","occurrence":2,"state":"acknowledged"},
       {"id":"gone","occurrence":9,"state":"returned"}]
      """#
    play(
      &person,
      [
        ("--json status", 0, status(false)), (open, 0, ""), ("batch start --id DEMO-1", 0, ""),
        ("--json status", 0, status(false)), ("--json alarms", 0, alarms),
        ("ack plc-lost@plc-1 --occurrence 3 --comment seen", 0, ""),
        ("ack bad-pack --occurrence 1 --comment seen", 75, ""), ("reset bad-pack", 0, ""),
        ("ack gone --occurrence 9 --comment seen", 0, ""), ("line release", 75, ""),
        ("--json status", 0, status(false)), ("--json alarms", 0, "[]"), ("line release", 0, ""),
      ])
    #expect(person.acknowledged == 2 && person.releases == 1)
  }

  @Test mutating func aRunningBatchIsNotOpenedAgain() {
    play(
      &person,
      [
        ("--json status", 0, status(false, batch: #"{"id":"DEMO-1"}"#)),
        ("batch start --id DEMO-1", 0, ""),
      ])
    #expect(person.stage == .watching)
  }

  @Test mutating func givesUpInTheEnd() {
    for _ in 0..<120 { play(&person, [("--json status", 69, "")]) }
    #expect(person.stage == .gaveUp("120 tries in a row: no answer from the daemon: said no"))
  }

  @Test mutating func aBatchThatIsRefusedForGoodEndsIt() {
    play(&person, [("--json status", 0, status(false)), (open, 65, "")])
    guard case .gaveUp(let sentence) = person.stage else {
      Issue.record("still \(person.stage)")
      return
    }
    #expect(sentence.contains("batch open") && sentence.contains("said no"))
  }

  @Test(
    arguments: [
      ("null", .null), (" [1, -2.5,true] ", .array([.number(1), .number(-2.5), .bool(true)])),
      (#"{"a":{"b":[]},"c":""}"#, .object(["a": .object(["b": .array([])]), "c": .string("")])),
      (#""a\"\\\/\n\u00e4\ud83d\ude00""#, .string("a\"\\/\nä😀")),
    ] as [(String, JSONValue)])
  func readsJSON(_ text: String, _ value: JSONValue) {
    #expect(JSONValue(text.utf8) == value)
  }

  @Test(arguments: [
    "", "{", "[1,]", "{\"a\" 1}", "{a:1}", "\"", "tru", "1 2", "{}x", #""\ud83d""#, "[1",
    String(repeating: "[", count: 100) + String(repeating: "]", count: 100),
  ])
  func refusesWhatIsNoJSON(_ text: String) {
    #expect(JSONValue(text.utf8) == nil)
  }
}
