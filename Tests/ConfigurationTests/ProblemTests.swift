import Testing

@testable import Configuration

/// What a person reads when a file is wrong, word for word.
@Suite struct ProblemTests {
  static let stations = """
    [line]
    id = "L01"
    [[scanner]]
    name = "camera-1"
    device = "/dev/ttyACM0"
    [[scanner]]
    name = "camera-2"
    device = "/dev/ttyACM1"
    [[plc]]
    name = "plc-1"
    host = "plc"
    [[station]]
    name = "unit-1"
    scanner = "camera-1"
    plc = "plc-1"

    """

  @Test func aLineIsNeeded() {
    #expect(
      complaints("") == [
        "lineward.toml: line.id: this key is missing; write e.g. id = \"L01\""
      ])
  }

  @Test func aPrintFeedNeedsItsOrderItsDeviceAndAnAddress() {
    let text =
      "[line]\nid = \"L01\"\n[print_feed]\ntransport = \"serial\"\nlisten = \"printer.line\"\n"
    #expect(
      complaints(text) == [
        "lineward.toml:3:1: print_feed.device: a serial line needs its device; write e.g. "
          + "device = \"/dev/ttyS0\"",
        "lineward.toml:4:1: print_feed.transport: the feed is without effect while verification.order "
          + "is \"any\"; write order = \"printed\" in [verification], or leave this table out",
        "lineward.toml:5:1: print_feed.listen: \"printer.line\" is no address in digits; write e.g. "
          + "\"127.0.0.1\", or \"::\" for all",
      ])
  }

  @Test func theWebViewListensOnThisMachineAlone() {
    let text = "[line]\nid = \"L01\"\n[web]\nlisten = "
    for address in ["0.0.0.0:8780", "[::]:8780", "192.168.1.5:80", "[fe80::1]:80", "128.0.0.1:1"] {
      #expect(complaints(text + "\"\(address)\"\n").count == 1, "\(address)")
      #expect(
        complaints(text + "\"\(address)\"\n").allSatisfy {
          $0.contains("is not this machine alone, and the web view has no password")
        }, "\(address)")
    }
    for address in [
      "localhost:8780", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:99999", "::1:8780", "[127.0.0.1]:1",
      "[::1]", ":8780", "unix:", "unix:web.sock", "/run/web.sock", "127.0.0.1:80 ", "127.1:80",
      "unix:/" + String(repeating: "x", count: 107),
    ] {
      let problems = complaints(text + "\"\(address)\"\n")
      #expect(
        problems.count == 1
          && problems[0].contains(
            address.utf8.count > 112 ? "web.listen" : "names no place to listen"),
        "\(address): \(problems)")
    }
  }

  @Test func allMistakesAreToldAtOnceInTheOrderOfLines() {
    let text = """
      [line]
      id = "L01"
      speed = 600
      [storge]
      directory = "/x"
      [[scanner]]
      name = "camera-1"
      transport = "bluetooth"
      device = "/dev/ttyACM0"
      baud = 115201
      [[plc]]
      name = "plc-1"
      host = "127.0.0.1"
      port = 70000
      pol_ms = 5
      [[station]]
      name = "unit-1"
      scanner = "camera-2"
      plc = "plc-1"
      slots = "16"
      [verification]
      minimum_grade = 4.1
      """
    #expect(
      complaints(text) == [
        "lineward.toml:3:9: line.speed: there is no such key",
        "lineward.toml:4:1: storge: there is no such table; did you mean \"storage\"?",
        "lineward.toml:8:13: scanner.transport: \"bluetooth\" is not known here; it has to be \"serial\", \"hid\", \"keyboard\" or \"tcp\"",
        """
        lineward.toml:10:8: scanner.baud: 115201 is not possible; it has to be 1200, 2400, 4800, 9600, 19200, 38400, \
        57600, 115200, 230400, 460800 or 921600
        """,
        """
        lineward.toml:14:8: plc.port: 70000 is out of range; it has to be a whole number from 1 to 65535
        """,
        "lineward.toml:15:10: plc.pol_ms: there is no such key; did you mean \"poll_ms\"?",
        """
        lineward.toml:18:1: station.scanner: there is no [[scanner]] with the name "camera-2"; there is "camera-1"
        """,
        "lineward.toml:20:9: station.slots: this is a text, but has to be 8, 16 or 32",
        """
        lineward.toml:22:17: verification.minimum_grade: 4.1 is not possible; it has to be a number from 0.0 to 4.0 with \
        at most one digit after the point
        """,
      ])
  }

  @Test func oneMistakeInAScannerIsNotToldAgainByItsStation() {
    let file = File([("scanner.baud", "7"), ("plc.port", "0")])
    #expect(file.problems.map(\.key) == ["scanner.baud", "plc.port"])
  }

  @Test(arguments: [
    (
      "[[station]]\nname = \"unit-2\"\nscanner = \"camera-1\"\nplc = \"plc-1\"\nhost_base = 200\nplc_base = 300",
      """
      lineward.toml:18:11: station.scanner: scanner "camera-1" belongs to the station in line 12 already; two stations \
      cannot share one
      """
    ),
    (
      "[[station]]\nname = \"unit-2\"\nscanner = [\"camera-2\", \"camera-2\"]\nplc = \"plc-1\"\nhost_base = 200\nplc_base = 300",
      "lineward.toml:18:24: station.scanner: scanner \"camera-2\" stands in the list twice"
    ),
    (
      "[[station]]\nname = \"unit-1\"\nscanner = \"camera-2\"\nplc = \"plc-1\"\nhost_base = 200\nplc_base = 300",
      "lineward.toml:17:8: station.name: \"unit-1\" is the name of another station already, in line 13"
    ),
    (
      "[[station]]\nname = \"unit-2\"\nscanner = []\nplc = \"plc-1\"\nhost_base = 200\nplc_base = 300",
      "lineward.toml:18:1: station.scanner: the list is empty; a station has at least one scanner"
    ),
    (
      "[[station]]\nname = \"unit-2\"\nscanner = [\"camera-2\", 3]\nplc = \"plc-1\"\nhost_base = 200\nplc_base = 300",
      """
      lineward.toml:18:24: station.scanner: the list holds a whole number; it has to hold texts only
      """
    ),
    (
      "[[station]]\nname = \"unit-2\"\nscanner = \"camera-2\"\nplc = \"plc-9\"",
      """
      lineward.toml:19:1: station.plc: there is no [[plc]] with the name "plc-9"; there is "plc-1"
      """
    ),
    (
      "[[station]]\nname = \"unit-2\"\nscanner = \"camera-2\"\nplc = \"plc-1\"\nhost_base = 200\nplc_base = 179",
      """
      lineward.toml:21:1: station.plc_base: registers 179 to 258 overlap plc_base of station "unit-1", registers 100 to 179
      """
    ),
    (
      "[[station]]\nname = \"unit-2\"\nscanner = \"camera-2\"\nplc = \"plc-1\"\nhost_base = 200\nplc_base = 250",
      """
      lineward.toml:21:1: station.plc_base: registers 250 to 329 overlap host_base of station "unit-2", registers 200 to 279
      """
    ),
    (
      "[[plc]]\nname = \"plc-2\"\nhost = \"PLC\"\n[[station]]\nname = \"unit-2\"\nscanner = \"camera-2\"\nplc = \"plc-2\"\nplc_base = 300",
      """
      lineward.toml:19:1: station.host_base: registers 0 to 79 overlap host_base of station "unit-1", registers 0 to 79
      """
    ),
    (
      "[[scanner]]\nname = \"camera-2\"\ndevice = \"/dev/ttyACM2\"",
      "lineward.toml:17:8: scanner.name: \"camera-2\" is the name of another scanner already, in line 7"
    ),
    (
      "[[scanner]]\nname = \"camera-3\"\ndevice = \"/dev/ttyACM1\"",
      """
      lineward.toml:18:10: scanner.device: "/dev/ttyACM1" is the device of another scanner already, in line 8
      """
    ),
    (
      "[[plc]]\nname = \"plc-1\"\nhost = \"x\"",
      "lineward.toml:17:8: plc.name: \"plc-1\" is the name of another plc already, in line 10"
    ),
  ])
  func whatDoesNotFitTogetherIsRefused(more: String, says: String) {
    #expect(complaints(ProblemTests.stations + more) == [says])
  }

  @Test func blocksThatOnlyTouchAreGood() {
    let more = """
      [[station]]
      name = "unit-2"
      scanner = "camera-2"
      plc = "plc-1"
      host_base = 180
      plc_base = 260
      """
    #expect(complaints(ProblemTests.stations + more) == [])
  }

  @Test(arguments: [
    (
      [("station.tracking", "\"none\"")],
      "station.tracking: \"none\" is only for stations without a gate; write gate_outcomes = false with it"
    ),
    (
      [("station.quiet_ms", "70")],
      """
      station.quiet_ms: this has to be longer than read_timeout_ms and early_read_ms together, 70.0 ms
      """
    ),
    (
      [("plc.lost_ms", "10")],
      "plc.lost_ms: this has to be longer than poll_ms: the PLC's heartbeat is seen once a poll"
    ),
    (
      [("station.plc_base", "65457")],
      "station.plc_base: the block of 80 registers from 65457 goes beyond register 65535"
    ),
    (
      [("scanner.require_symbology", "\"d2]\"")],
      "scanner.require_symbology: \"d2]\" is no AIM identifier; write e.g. \"]d2\", or \"\" for none"
    ),
    (
      [("scanner.no_read", "\"NOREAD\\r\\n\"")],
      """
      scanner.no_read: "NOREAD\\r\\n" holds the suffix "\\r\\n", which ends each message; write no_read without it
      """
    ),
    (
      [("scanner.suffix", "\"\\r\""), ("scanner.prefix", "\"\\r\"")],
      """
      scanner.prefix: "\\r" holds the suffix "\\r", which ends each message; write prefix without it
      """
    ),
    (
      [("plc.host", "\"192.0.2.10:502\"")],
      """
      plc.host: "192.0.2.10:502" is no address and no name; write it alone, without scheme and port
      """
    ),
    (
      [("plc.host", "\"tcp://plc\"")],
      "plc.host: \"tcp://plc\" is no address and no name; write it alone, without scheme and port"
    ),
    (
      [("roles.operator", "[\"group:ok\", \"anna\"]")],
      "roles.operator: \"anna\" has to be \"group:NAME\" or \"user:NAME\""
    ),
    (
      [("roles.quality", "[\"group:\"]")],
      "roles.quality: \"group:\" has to be \"group:NAME\" or \"user:NAME\""
    ),
    (
      [("roles.quality", "[\"group:a, group:b\"]")],
      "roles.quality: \"group:a, group:b\" has to be \"group:NAME\" or \"user:NAME\""
    ),
    (
      [("line.id", "\"L\\u001B[31m\"")], "line.id: \"L\\u001B[31m\" holds a control character"
    ),
  ])
  func aValueThatCannotWorkIsRefused(changes: [(String, String)], says: String) throws {
    let file = File(changes.map { (path: $0.0, value: $0.1) })
    let problem = try #require(file.problems.first)
    #expect(file.problems.count == 1, "\(file.problems)")
    #expect("\(problem.key): \(problem.sentence)" == says)
    let place = changes.last.map { file.lines[$0.0] ?? 0 }
    #expect(problem.line == place)
  }

  @Test func theLastRegisterMayBeUsed() {
    #expect(File([("station.plc_base", "65456")]).problems == [])
  }

  @Test(arguments: [
    ("line = 5", "lineward.toml:1:8: line: this has to be a table, written as [line]"),
    ("[[line]]\nid = \"L\"", "lineward.toml:1:1: line: this has to be a table, written as [line]"),
    (
      "[scanner]\nname = \"a\"",
      "lineward.toml:1:1: scanner: this has to be a table, written as [[scanner]]"
    ),
    (
      "scanner = [1, 2]",
      "lineward.toml:1:12: scanner: this has to be a table, written as [[scanner]]"
    ),
    (
      "plc = [[{ name = \"a\" }]]",
      "lineward.toml:1:8: plc: this has to be a table, written as [[plc]]"
    ),
    (
      "id = \"L01\"",
      "lineward.toml:1:6: id: this stands in no table; keys come below a heading, e.g. [line]"
    ),
    ("[a.b.c]\nd = 1", "lineward.toml:1:1: a: there is no such table"),
  ])
  func aTableWrittenOtherwiseIsToldOnce(text: String, says: String) {
    let told = complaints(text).filter { !$0.contains("line.id: this key is missing") }
    #expect(told == [says])
  }

  @Test func aListInAListIsNoScanner() {
    #expect(
      File([("station.scanner", "[[\"camera-1\"]]")]).problems.map(\.sentence) == [
        "the list holds a list; it has to hold texts only"
      ])
  }

  @Test func whatAFileHoldsCannotForgeALineOrActOnATerminal() {
    let file = File([
      ("scanner.transport", "\"x\\nlinewardd: all is well\\u001B[2J\\u009B\""),
      ("station.plc", "\"\(String(repeating: "p", count: 32))\""),
    ])
    for problem in file.problems {
      #expect(!problem.description.unicodeScalars.contains { $0.isControl })
    }
  }

  @Test func ofVeryManyMistakesAHundredAreListedAndTheRestIsCounted() {
    let text = "[line]\nid = \"L\"\n" + (0..<5000).map { "key\($0) = 1\n" }.joined()
    let told = complaints(text)
    #expect(told.count == 101)
    #expect(told.last == "lineward.toml: 4900 more problems are not listed")
  }

  @Test func noLineHasHundredsOfScanners() {
    let text =
      "[line]\nid = \"L\"\n"
      + (0..<20_000).map { "[[scanner]]\nname = \"s\($0)\"\ndevice = \"d\($0)\"\n" }.joined()
    #expect(
      complaints(text) == [
        "lineward.toml:195:1: scanner: there are more than 64 of these tables"
      ])
  }
}
