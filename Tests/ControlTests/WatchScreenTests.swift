import Control
import Foundation
import Line
import Testing

@Suite("The screen of watch")
struct WatchScreenTests {
  // MARK: What it is tried on

  static let alarms = AlarmReply.worstFirst([
    AlarmReply(
      id: "bad_pack_passed@unit-1", occurrence: 1, kind: "bad_pack_passed", priority: "highest",
      state: "latched_unacknowledged", station: "unit-1",
      message: "unit 1204, serial 7QK2M4X, passed after its accept was withdrawn",
      raisedAt: "2026-03-01T09:14:22.518Z",
      remedy: "Find the pack named and take it off the line; hold what left since."),
    AlarmReply(
      id: "scanner_lost@camera-1", occurrence: 3, kind: "scanner_lost", priority: "medium",
      state: "acknowledged", station: "camera-1", message: "scanner camera-1 is offline: unplugged",
      raisedAt: "2026-03-01T09:10:00.000Z",
      remedy: "Where the reason says what to do, do that; otherwise check cable and power."),
    AlarmReply(
      id: "clock_stepped", occurrence: 2, kind: "clock_stepped", priority: "medium",
      state: "unacknowledged", station: "",
      message: "the wall clock was set forward by 3600.000 s",
      raisedAt: "2026-03-01T09:12:00.000Z",
      remedy: "Find out who set the clock; records keep their order, but their times jump here."),
  ])

  static let openCase = CaseSummary(
    id: "C-7", title: "bad pack passed at unit-1", openedAt: "2026-03-01T09:14:22.518Z",
    elapsedSeconds: 1394, durationSeconds: 3600,
    steps: [
      .init(
        number: 1, name: "Stop production", state: .done, owner: "daemon", deadlineSeconds: 60,
        next: ""),
      .init(
        number: 2, name: "Alert personnel", state: .overdue, owner: "supervisor",
        deadlineSeconds: 600, next: "Quality has not answered: ring 4711."),
      .init(
        number: 3, name: "Isolate affected batches", state: .open, owner: "quality",
        deadlineSeconds: 1800, next: "Count the packs on hold."),
      .init(
        number: 4, name: "Check system status", state: .open, owner: "maintenance",
        deadlineSeconds: 2400, next: "Review the snapshot."),
      .init(
        number: 5, name: "Gather documentation", state: .open, owner: "quality",
        deadlineSeconds: 3600, next: "Sign the bundle."),
    ], next: "Quality has not answered: ring 4711.", nextOwner: "supervisor")

  static func status(
    permit: Bool = false, reasons: [Int] = [11, 3], alarms: [AlarmReply] = alarms,
    cases: [CaseSummary] = [], moving: Bool? = false
  ) -> StatusReply {
    StatusReply(
      line: "L01", runPermit: permit, stopReasons: reasons,
      batch: BatchStatus(
        id: "B-2026-117", gtin: "09506000134352", lot: "K4711", expiry: "281130", state: "running",
        pool: 25_000, commissioned: 11_204),
      stations: [
        StationStatus(
          name: "unit-1", units: 11_222, accepted: 11_205,
          rejectedBy: [0, 0, 11, 0, 1, 0, 0, 0, 0, 0, 5], passed: 11_204, inDoubt: 1,
          scannerOnline: false, plcOnline: true, openUnits: 1, inStep: true),
        StationStatus(
          name: "carton-2", units: 300, accepted: 300, rejectedBy: [], passed: 299, inDoubt: 0,
          scannerOnline: true, plcOnline: true, openUnits: 0, inStep: true),
      ],
      alarms: .init(
        active: alarms.count, unacknowledged: alarms.count(where: \.waitsForAcknowledgement)),
      containment: .init(open: cases.count), alarmList: alarms, cases: cases,
      conveyorMoving: moving)
  }

  static let running = status(permit: true, reasons: [], alarms: [], moving: true)

  static func screen(_ status: StatusReply, keys: [WatchScreen.Key] = []) -> WatchScreen {
    var screen = WatchScreen()
    screen.show(status, wall: "2026-03-01T09:37:36Z", now: 1000)
    for key in keys { _ = screen.press(key) }
    return screen
  }

  // MARK: Saved screens

  static let saved: [(name: String, screen: WatchScreen)] = {
    var lost = screen(running)
    lost.lose("The daemon at /run/lineward/control.sock ended the connection; see its journal.")
    var refused = screen(status())
    refused.said("NOT acknowledged: occurrence 2 stands now.")
    return [
      ("running", screen(running)),
      ("stopped", screen(status())),
      ("case", screen(status(cases: [openCase]), keys: [.tab])),
      ("alarms", screen(status(cases: [openCase]))),
      ("stations", screen(status(cases: [openCase]), keys: [.tab, .tab])),
      ("question", screen(status(), keys: [.letter("a")])),
      ("refused", refused),
      ("lost", lost), ("help", screen(running, keys: [.letter("?")])),
      ("waiting", WatchScreen()),
    ]
  }()

  @Test("the screens at 80 x 24 are as saved, with colours and without", arguments: saved.indices)
  func savedScreens(index: Int) throws {
    let (name, screen) = Self.saved[index]
    let plain = screen.lines(rows: 24, columns: 80, colours: false, now: 1000)
    try expectSaved("watch-\(name).txt", plain.map(Self.bare))
    try expectSaved(
      "watch-\(name)-colour.txt",
      screen.lines(rows: 24, columns: 80, colours: true, now: 1000).map(Self.marked))
    // What colours say stands in the words too.
    let coloured = screen.lines(rows: 24, columns: 80, colours: true, now: 1000)
    #expect(coloured.map(Self.bare) == plain.map(Self.bare))
    #expect(!plain.joined().contains("\u{1B}[1;31m"))
  }

  /// A line without its escape sequences.
  static func bare(_ line: String) -> String {
    var bare = line
    while let start = bare.range(of: "\u{1B}["),
      let end = bare[start.upperBound...].firstIndex(of: "m")
    {
      bare.removeSubrange(start.lowerBound...end)
    }
    return bare
  }

  /// A line with its escape sequences to be seen.
  private static func marked(_ line: String) -> String {
    line.split(separator: "\u{1B}", omittingEmptySubsequences: false).joined(separator: "␛")
  }

  // MARK: Sizes

  @Test("every size gets exactly its lines, none too wide, and the state first")
  func sizes() {
    for (name, screen) in Self.saved {
      for rows in Array(1...30) + [60, 200] {
        for columns in [1, 2, 5, 10, 20, 39, 40, 79, 80, 100, 250] {
          let lines = screen.lines(rows: rows, columns: columns, colours: false, now: 1005)
          #expect(lines.count == rows, "\(name) at \(columns) x \(rows)")
          for line in lines {
            #expect(
              Self.bare(line).unicodeScalars.count <= columns, "\(name) at \(columns) x \(rows)")
          }
        }
      }
    }
    for rows in [-1, 0, Int.max] {
      #expect(
        !Self.screen(Self.running).lines(rows: rows, columns: rows, colours: true, now: 0).isEmpty)
    }
  }

  @Test("a tiny terminal shows state, the next thing to do, and what is asked")
  func tiny() {
    let lines = Self.screen(Self.status(), keys: [.letter("a")])
      .lines(rows: 5, columns: 20, colours: false, now: 1000).map(Self.bare)
    #expect(lines[0].hasPrefix("STOPPED L01"))
    #expect(lines[1].hasPrefix("NEXT:"))
    #expect(lines[4].contains("Acknowledge"))
  }

  @Test("with fifty alarms the selected one stays in sight, wherever the cursor is")
  func manyAlarms() {
    let alarms = (1...50).map { number in
      AlarmReply(
        id: "scanner_lost@camera-\(number)", occurrence: 1, kind: "scanner_lost",
        priority: "medium", state: "unacknowledged", station: "camera-\(number)",
        message: String(repeating: "x", count: 300), raisedAt: "2026-03-01T09:10:00.000Z",
        remedy: "Check the cable.")
    }
    var screen = Self.screen(Self.status(alarms: alarms))
    for step in 0..<60 {
      let text = screen.lines(rows: 24, columns: 80, colours: false, now: 0).map(Self.bare)
      let cursor = "  > ! medium  scanner_lost@camera-\(min(step, 49) + 1) #1"
      #expect(text.contains { $0.hasPrefix(cursor) }, "\(step)")
      _ = screen.press(.down)
    }
  }

  // MARK: Keys

  /// Where the screen can be when a key comes.
  enum Situation: String, CaseIterable {
    case waiting, running, alarms, acknowledged, cases, stations, question, help, lost

    var screen: WatchScreen {
      switch self {
      case .waiting: WatchScreen()
      case .running: WatchScreenTests.screen(WatchScreenTests.running)
      case .alarms: WatchScreenTests.screen(WatchScreenTests.status())
      case .acknowledged: WatchScreenTests.screen(WatchScreenTests.status(), keys: [.down, .down])
      case .cases: WatchScreenTests.screen(WatchScreenTests.status(), keys: [.tab])
      case .stations: WatchScreenTests.screen(WatchScreenTests.status(), keys: [.tab, .tab])
      case .question: WatchScreenTests.screen(WatchScreenTests.status(), keys: [.letter("a")])
      case .help: WatchScreenTests.screen(WatchScreenTests.status(), keys: [.letter("?")])
      case .lost:
        {
          var screen = WatchScreenTests.screen(WatchScreenTests.status())
          screen.lose("gone")
          return screen
        }()
      }
    }
  }

  static let keys: [WatchScreen.Key] =
    [.up, .down, .tab, .escape] + (0x21...0x7E).map { .letter(Character(Unicode.Scalar($0))) }

  @Test("in every situation, every key does what it may and no more", arguments: Situation.allCases)
  func table(situation: Situation) {
    for key in Self.keys {
      var screen = situation.screen
      let action = screen.press(key)
      switch (situation, key) {
      // The one key that does something to the line, and the one situation in which it does.
      case (.question, .letter("y")), (.question, .letter("Y")):
        #expect(action == .acknowledge(id: "bad_pack_passed@unit-1", occurrence: 1))
        #expect(screen.question == nil)
      case (.question, _):
        #expect(action == .draw, "\(key)")
        #expect(screen.question == nil, "\(key)")
      case (.help, .letter("q")): #expect(action == .end)
      case (.help, _):
        #expect(action == .draw, "\(key)")
        #expect(!screen.showsHelp && screen.question == nil, "\(key)")
      case (_, .letter("q")), (_, .letter("Q")): #expect(action == .end)
      case (.alarms, .letter("a")):
        #expect(action == .draw)
        #expect(screen.question?.id == "bad_pack_passed@unit-1")
      default:
        #expect(action == .draw, "\(key)")
        #expect(screen.question == nil, "\(key)")
      }
    }
  }

  @Test("a question names its occurrence, and goes on naming it when another one comes")
  func questionIsPinned() {
    var screen = Self.screen(Self.status(), keys: [.letter("a")])
    var other = Self.alarms
    other[0].occurrence = 2
    screen.show(Self.status(alarms: other), wall: "", now: 1001)
    let foot = screen.lines(rows: 24, columns: 80, colours: false, now: 1001).last.map(Self.bare)
    #expect(foot?.contains("bad_pack_passed@unit-1, occurrence 1?") == true)
    // The daemon refuses it; acknowledging what nobody has seen would be worse.
    #expect(
      screen.press(.letter("y")) == .acknowledge(id: "bad_pack_passed@unit-1", occurrence: 1))
  }

  @Test("the cursor stays on its alarm when others come and go")
  func cursorStays() {
    var screen = Self.screen(Self.status(), keys: [.down])
    _ = screen.press(.letter("a"))
    #expect(screen.question?.id == "clock_stepped")
    _ = screen.press(.letter("n"))
    screen.show(Self.status(alarms: Array(Self.alarms.reversed())), wall: "", now: 1001)
    _ = screen.press(.letter("a"))
    #expect(screen.question?.id == "clock_stepped")
    _ = screen.press(.escape)
    screen.show(Self.status(alarms: [Self.alarms[0]]), wall: "", now: 1002)
    _ = screen.press(.letter("a"))
    #expect(screen.question?.id == "bad_pack_passed@unit-1")
  }

  // MARK: Next

  @Test("the next thing to do is one, by its weight")
  func next() {
    let calm = Self.alarms.filter { $0.priority == "medium" }
    let cases: [(StatusReply, String)] = [
      (Self.running, "Nothing. The line may run."),
      (
        Self.status(cases: [Self.openCase]),
        "Quality has not answered: ring 4711. (supervisor, case C-7)"
      ),
      (
        Self.status(),
        "Find the pack named and take it off the line; hold what left since. "
          + "Then acknowledge bad_pack_passed@unit-1."
      ),
      (
        Self.status(reasons: [2], alarms: calm),
        "When the cause is gone, release the line. Type: lineward line release"
      ),
      (
        Self.status(permit: true, reasons: [], alarms: calm),
        "Find out who set the clock; records keep their order, but their times jump here. "
          + "Then acknowledge clock_stepped."
      ),
    ]
    for (status, sentence) in cases { #expect(Self.screen(status).next == sentence) }
    var lost = Self.screen(Self.running)
    lost.lose("gone")
    #expect(lost.next.contains("systemctl status lineward"))
  }

  @Test("a conveyor that moves although the line is stopped is said first")
  func stillMoves() {
    let text = Self.screen(Self.status(moving: true))
      .lines(rows: 24, columns: 80, colours: false, now: 0).map(Self.bare)
    #expect(text[2].contains("S T O P P E D   THE CONVEYOR STILL MOVES"))
    let ready = Self.screen(Self.status(permit: true, reasons: [], moving: false))
      .lines(rows: 24, columns: 80, colours: false, now: 0).map(Self.bare)
    #expect(ready[2].contains("R E A D Y"))
  }

  // MARK: Clocks

  @Test(
    "the clock of a case goes on between statuses, runs over visibly, and stands when the daemon is lost"
  )
  func clock() {
    var screen = Self.screen(Self.status(cases: [Self.openCase]), keys: [.tab])
    func shown(_ now: Int64) -> String {
      screen.lines(rows: 24, columns: 100, colours: false, now: now).map(Self.bare)
        .joined(separator: "\n")
    }
    #expect(shown(1000).contains("23:14 of 60:00, 36:46 left"))
    #expect(shown(1006).contains("23:20 of 60:00, 36:40 left"))
    #expect(!shown(1405).contains("[!] 3"))
    #expect(shown(1407).contains("[!] 3"))
    #expect(shown(1000 + 2207).contains("60:01 of 60:00, OVER BY 0:01"))
    #expect(shown(900).contains("23:14 of 60:00"))
    screen.lose("gone")
    #expect(shown(2000).contains("23:14 of 60:00, 36:46 left"))
    #expect(shown(2000).contains("NO CONNECTION, what stands here is old. gone"))
  }

  // MARK: What comes from outside

  @Test("no message can play with the terminal, and none is wider than it says")
  func hostile() {
    let text =
      "\u{1B}[2J\u{1B}]0;x\u{07}\r\n\u{9B}31m 你好 e\u{301} \u{202E}x\u{200D} 🛑 \u{FFFD}\u{0}"
    var alarm = Self.alarms[0]
    alarm.id = text
    alarm.message = text
    alarm.remedy = text
    var one = Self.openCase
    one.title = text
    one.next = text
    one.steps[1].name = text
    var status = Self.status(alarms: [alarm], cases: [one])
    status.line = text
    status.batch?.lot = text
    status.stations[0].name = text
    var screen = Self.screen(status)
    for keys in [[], [.tab], [.tab], [.tab, .letter("a")]] as [[WatchScreen.Key]] {
      for key in keys { _ = screen.press(key) }
      for colours in [false, true] {
        let lines = screen.lines(rows: 40, columns: 60, colours: colours, now: 0)
        for line in lines {
          let bare = Self.bare(line)
          #expect(bare.unicodeScalars.count <= 60)
          #expect(bare.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F })
          #expect(!bare.contains("你") && !bare.contains("🛑") && !bare.contains("\u{301}"))
        }
      }
    }
  }
}

@Suite("Keys out of a terminal's bytes")
struct KeyDecoderTests {
  static let cases: [([UInt8], [WatchScreen.Key])] = [
    (Array("kjq".utf8), [.letter("k"), .letter("j"), .letter("q")]),
    (Array("\u{1B}[A\u{1B}[B\u{1B}OA\u{1B}OB\t".utf8), [.up, .down, .up, .down, .tab]),
    // Sequences that mean nothing here leave no letter behind: not the y of a mouse, not the ~ of Delete.
    (Array("\u{1B}[3~\u{1B}[1;5C\u{1B}[<0;12;24M\u{1B}OPx".utf8), [.letter("x")]),
    (Array("\u{1B}\u{1B}[Aa".utf8), [.escape, .up, .letter("a")]),
    (Array("\u{1B}ay".utf8), [.letter("y")]),
    (Array("ä你🛑y".utf8), [.letter("y")]),
    ([0xFF, 0xC3, 0x79, 0x00, 0x7F, 0x0D, 0x0A, 0x20, 0x71], [.letter("y"), .letter("q")]),
    (
      [0x1B, 0x5B] + [UInt8](repeating: 0x30, count: 40) + [0x71],
      [UInt8](repeating: 0x30, count: 7).map { .letter(Character(Unicode.Scalar($0))) }
        + [.letter("q")]
    ),
  ]

  @Test("keys come out the same, whole and byte by byte", arguments: cases.indices)
  func dripFeed(index: Int) {
    let (bytes, keys) = Self.cases[index]
    var whole = KeyDecoder()
    #expect(whole.take(bytes) == keys)
    #expect(whole.rest() == nil)
    var drip = KeyDecoder()
    #expect(bytes.flatMap { drip.take([$0]) } == keys)
  }

  @Test("an escape with nothing after it is the escape key, and anything may come after")
  func lone() {
    var decoder = KeyDecoder()
    #expect(decoder.take([0x1B]) == [])
    #expect(decoder.waits)
    #expect(decoder.rest() == .escape)
    #expect(decoder.take(Array("[A".utf8)) == [.letter("["), .letter("A")])
  }

  @Test("random bytes never stop it", arguments: 1...20)
  func random(seed: UInt64) {
    var state = seed
    var decoder = KeyDecoder()
    for _ in 0..<5000 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      _ = decoder.take([UInt8(truncatingIfNeeded: state >> 33)])
    }
    _ = decoder.rest()
    #expect(decoder.take(Array("\u{1B}[zq".utf8)).last == .letter("q"))
  }
}
