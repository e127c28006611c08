import Testing

@testable import Configuration

/// PLCs on serial lines, and the second way to stop.
@Suite struct SerialPLCTests {
  static let rtu: [(path: String, value: String?)] = [
    ("plc.transport", "\"rtu\""), ("plc.host", nil), ("plc.device", "\"/dev/ttyUSB0\""),
  ]

  static func bus(_ second: String) -> File {
    File(rtu, more: "[[plc]]\nname = \"plc-2\"\ntransport = \"rtu\"\n\(second)\n")
  }

  @Test func aSerialPLCLoadsWithTheStandardsSettings() throws {
    let plc = try File(Self.rtu).load().plcs[0]
    #expect(
      plc.transport
        == .rtu(
          .init(
            device: "/dev/ttyUSB0", baud: 19_200, parity: "even", stopBits: 1, rs485: "adapter",
            rtsBefore: .zero, rtsAfter: .zero, byteTimeout: .milliseconds(50), silence: .zero,
            echoes: false)))
    #expect(plc.address == "/dev/ttyUSB0 unit 1")
  }

  @Test(
    arguments: [
      ([("plc.host", nil)], "plc.host: this key is missing"),
      ([("plc.transport", "\"rtu\"")], "plc.device: \"rtu\" needs a serial port"),
      (rtu + [("plc.unit_id", "0")], "plc.unit_id: 0 is no unit on a serial line"),
      (rtu + [("plc.unit_id", "255")], "plc.unit_id: 255 is no unit on a serial line"),
      (
        rtu + [("plc.baud", "9600"), ("plc.timeout_ms", "300")],
        "plc.timeout_ms: the longest telegram alone takes 302 ms at 9600 Bd"
      ),
      (
        rtu + [("scanner.device", "\"/dev/ttyUSB0\"")],
        "plc.device: the scanner in line 3 has this port already"
      ),
      ([("second_stop.way", "\"coil\"")], "second_stop.plc: there is no [[plc]]"),
      (
        [("second_stop.way", "\"command\""), ("second_stop.command", "[\"reboot\"]")],
        "second_stop.command: this has to begin with a program's absolute path"
      ),
      ([("second_stop.way", "\"command\"")], "second_stop.command: this has to begin"),
    ] as [([(path: String, value: String?)], String)])
  func whatCannotWorkIsSaid(changes: [(path: String, value: String?)], problem: String) {
    let problems = File(changes).problems.map(\.description)
    #expect(problems.count == 1 && problems[0].contains(problem), "\(problems)")
  }

  @Test(
    arguments: [
      ("device = \"/dev/ttyUSB0\"\nunit_id = 2", nil),
      ("device = \"/dev/ttyUSB0\"", "unit 1 on this bus is the PLC in line"),
      (
        "device = \"/dev/ttyUSB0\"\nunit_id = 2\nparity = \"none\"", "with another baud, parity"
      ),
      ("device = \"/dev/ttyUSB1\"", nil),
    ] as [(String, String?)])
  func severalPLCsShareABusWithOneSettingAndAUnitEach(second: String, problem: String?) {
    let problems = Self.bus(second).problems.map(\.description)
    if let problem {
      #expect(problems.count == 1 && problems[0].contains(problem), "\(problems)")
    } else {
      #expect(problems.isEmpty, "\(problems)")
    }
  }

  @Test func aSecondWayMayUseAPLCWithoutAStation() throws {
    let file = File(
      [
        ("second_stop.way", "\"coil\""), ("second_stop.plc", "\"safety\""),
        ("second_stop.coil", "12"),
      ], more: "[[plc]]\nname = \"safety\"\nhost = \"192.0.2.11\"\n")
    let configuration = try file.load()
    #expect(
      configuration.secondStop
        == .init(way: .coil(plc: 1, address: 12, value: false), timeout: .milliseconds(3000)))
    #expect(configuration.remarks.isEmpty)
    let without = try File(more: "[[plc]]\nname = \"safety\"\nhost = \"192.0.2.11\"\n").load()
    #expect(configuration.needsRestart(from: without) == ["[second_stop]"])
  }
}
