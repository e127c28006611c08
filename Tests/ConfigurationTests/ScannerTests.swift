import Foundation
import Testing

@testable import Configuration

/// `[[scanner]]`: connections, profiles, what is said beside reads.
@Suite struct ScannerTests {
  private let folder: String

  init() throws {
    folder = NSTemporaryDirectory() + "lineward-profiles.\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
  }

  private func write(_ text: String, _ name: String = "make-1") throws {
    try text.write(toFile: "\(folder)/\(name).toml", atomically: true, encoding: .utf8)
  }

  private func parse(_ text: String) throws -> Configuration.Scanner {
    let file = "line.id = \"L\"\n[[scanner]]\nname = \"c\"\n" + text
    return try Configuration.parse(Array(file.utf8), file: "f", profiles: [folder]).scanners[0]
  }

  private func complaints(_ text: String) -> [String] {
    do {
      _ = try parse(text)
      return []
    } catch let error as ConfigurationProblems {
      return error.problems.map(\.description)
    } catch {
      return ["\(error)"]
    }
  }

  @Test func aProfileGivesWhatTheTableLeavesOut() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try write(
      """
      make = "M"
      source = ["s"]
      not_tried = ["n"]
      port = 9004
      suffix = "\\r"
      prefix = "\\u0002"
      no_read = ["?", "NR"]
      answers = ["OK,"]
      [[example]]
      name = "e"
      sent = "\\u0002?\\r"
      no_reads = ["?"]
      """)
    let scanner = try parse(
      "profile = \"make-1\"\ntransport = \"tcp\"\nhost = \"192.0.2.20\"\nprefix = \"\"\nmessage_max = 99\n"
    )
    #expect(scanner.transport == .client(host: "192.0.2.20", port: 9004))
    #expect(scanner.suffix == [0x0D])
    #expect(scanner.prefix == [], "a key that is written wins")
    #expect(scanner.noReads == [[0x3F], Array("NR".utf8)])
    #expect(scanner.answers == [Array("OK,".utf8)])
    #expect(scanner.messageMax == 99)
    #expect(
      try parse("profile = \"\(folder)/make-1.toml\"\ndevice = \"/dev/x\"\n").suffix == [0x0D])
  }

  @Test func everyKeyReachesItsPlace() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let scanner = try parse(
      """
      device = "/dev/ttyS0"
      baud = 9600
      data_bits = 7
      parity = "even"
      stop_bits = 2
      suffix = ""
      gap_ms = 50
      message_max = 100
      no_read = "-"
      require_symbology = ""
      grade_separator = "#"
      code_separator = "|"
      answers = ["OK"]
      heartbeat = "HB"
      heartbeat_ms = 600
      setup = ["a", "b"]
      setup_answers = ["OKa", ""]
      setup_ms = 300
      trigger_on = "+"
      trigger_off = "~"
      trigger_at_opening = true
      """)
    func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }
    #expect(
      scanner
        == .init(
          name: "c", device: .path("/dev/ttyS0"), baud: 9600, dataBits: 7, parity: "even",
          stopBits: 2,
          prefix: [], suffix: [], gap: .milliseconds(50), messageMax: 100, noReads: [bytes("-")],
          requireSymbology: [], gradeSeparator: bytes("#"), codeSeparator: bytes("|"),
          answers: [bytes("OK")], heartbeat: bytes("HB"), heartbeatWithin: .milliseconds(600),
          setup: [
            .init(send: bytes("a"), answer: bytes("OKa")), .init(send: bytes("b"), answer: []),
          ], setupTimeout: .milliseconds(300), triggerOn: bytes("+"), triggerOff: bytes("~"),
          triggersAtOpening: true))
  }

  @Test func aProfileWithAMistakeNamesItsOwnFileAndLine() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try write("make = \"M\"\nbaud = 7\nsufix = \"x\"\nname = \"n\"\n[[example]]\nsend = \"x\"\n")
    #expect(
      complaints("device = \"/dev/x\"\nprofile = \"make-1\"\n") == [
        """
        \(folder)/make-1.toml:2:8: scanner.baud: 7 is not possible; it has to be 1200, 2400, 4800, 9600, 19200, 38400, \
        57600, 115200, 230400, 460800 or 921600
        """,
        "\(folder)/make-1.toml:3:9: scanner.sufix: there is no such key; did you mean \"suffix\"?",
        "\(folder)/make-1.toml:4:8: scanner.name: a profile is for all scanners of a make; write this key in [[scanner]]",
        "\(folder)/make-1.toml:6:8: example[0].send: this is not what an example has",
      ])
    try write("a = ", "broken")
    #expect(
      complaints("device = \"/dev/x\"\nprofile = \"broken\"\n").first?.contains("no TOML") == true)
  }

  @Test func aProfileThatIsNotThereIsSaidWithTheFolders() {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    #expect(
      complaints("device = \"/dev/x\"\nprofile = \"none\"\n") == [
        "f:5:11: scanner.profile: there is no profile \"none\" in \(folder); `ls` there shows which there are"
      ])
    #expect(
      complaints("device = \"/dev/x\"\nprofile = \"../x\"\n") == [
        "f:5:11: scanner.profile: \"../x\" is no name of a profile, and no whole path; write e.g. \"generic\""
      ])
  }

  @Test(
    arguments: [
      ("host = \"192.0.2.20\"\nport = 23", .client(host: "192.0.2.20", port: 23)),
      ("host = \"fe80::1\"\nport = 23", .client(host: "fe80::1", port: 23)),
      ("listen = \"192.0.2.5:2112\"", .server(address: "192.0.2.5", port: 2112, only: nil)),
      (
        "listen = \"[::]:2112\"\nhost = \"::1\"", .server(address: "::", port: 2112, only: "::1")
      ),
    ] as [(String, Configuration.Scanner.Transport)])
  func connections(text: String, transport: Configuration.Scanner.Transport) throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    #expect(try parse("transport = \"tcp\"\n\(text)\n").transport == transport)
  }

  /// Every key that does nothing with a transport, with a value that is not the one that stands without it.
  private static let withoutEffect: [(transport: String, keys: [String])] = [
    (
      "serial",
      [
        "layout = \"de\"", "gs_is_f8 = true", "host = \"192.0.2.1\"", "port = 1",
        "listen = \"192.0.2.1:1\"",
      ]
    ),
    (
      "tcp",
      [
        "layout = \"de\"", "gs_is_f8 = true", "baud = 9600", "data_bits = 7", "parity = \"even\"",
        "stop_bits = 2",
      ]
    ),
    (
      "hid",
      [
        "layout = \"de\"", "gs_is_f8 = true", "port = 1", "baud = 9600", "data_bits = 7",
        "parity = \"even\"", "stop_bits = 2", "prefix = \"x\"", "suffix = \"\\r\"", "gap_ms = 50",
        "message_max = 99", "setup = [\"a\"]", "setup_answers = [\"\"]", "setup_ms = 300",
        "trigger_on = \"a\"", "trigger_off = \"a\"",
      ]
    ),
    (
      "keyboard",
      [
        "port = 1", "baud = 9600", "data_bits = 7", "parity = \"even\"", "stop_bits = 2",
        "prefix = \"x\"", "gap_ms = 50", "message_max = 99", "setup = [\"a\"]",
        "setup_answers = [\"\"]", "setup_ms = 300", "trigger_on = \"a\"", "trigger_off = \"a\"",
        "trigger_at_opening = true",
      ]
    ),
  ]

  private static func device(_ transport: String) -> String {
    transport == "tcp" ? "host = \"192.0.2.20\"\nport = 23" : "device = \"/d\""
  }

  @Test("a key that does nothing with its transport is refused with file, line and key")
  func keysWithoutEffect() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    for (transport, keys) in Self.withoutEffect {
      let keyboards = transport == "keyboard" ? try Self.layouts(beside: folder) : nil
      defer { if let keyboards { try? FileManager.default.removeItem(atPath: keyboards) } }
      let start = "transport = \"\(transport)\"\n\(Self.device(transport))\n"
      for key in keys {
        let name = key.prefix { $0 != " " }
        let told = complaints(start + key + "\n")
        let line = transport == "tcp" ? 7 : 6
        let about = told.filter {
          $0.hasPrefix("f:\(line):")
            && $0.contains("scanner.\(name): this does nothing with transport")
        }
        #expect(about.count == 1, "\(transport) \(key): \(told)")
        // A profile is for all transports of its make.
        if Reader.ownKeys.contains(String(name)) { continue }
        var file = key + "\n"
        if name == "setup_answers" { file += "setup = [\"b\"]\n" }
        if name == "trigger_at_opening" { file += "trigger_on = \"b\"\n" }
        try write(file, "make-2")
        #expect(complaints(start + "profile = \"make-2\"\n") == [], "\(transport) \(key)")
      }
    }
  }

  /// The layouts of the source where the configuration looks for them; the path of the folder.
  private static func layouts(beside profiles: String) throws -> String {
    let keyboards =
      profiles.split(separator: "/", omittingEmptySubsequences: false).dropLast()
      .joined(separator: "/") + "/keyboards"
    let source = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("../../config/keyboards").standardized
    try? FileManager.default.removeItem(atPath: keyboards)
    try FileManager.default.copyItem(atPath: source.path, toPath: keyboards)
    return keyboards
  }

  @Test("what stands without a key may be written with any transport, as in the sample")
  func valuesThatStandAnyway() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    #expect(
      complaints(
        "transport = \"hid\"\ndevice = \"/d\"\nbaud = 115200\nprefix = \"\"\nsuffix = \"\\r\\n\"\nsetup = []\n"
      )
        == [])
    #expect(
      complaints("transport = \"tcp\"\nlisten = \"192.0.2.5:2112\"\nport = 23\n") == [
        "f:6:8: scanner.port: this does nothing where listen stands, which has a port of its own; leave the key out"
      ])
    let hid = try parse("transport = \"hid\"\ndevice = \"/d\"\ntrigger_at_opening = true\n")
    #expect(hid.triggersAtOpening, "the device has a report for it")
  }

  @Test(arguments: [
    ("", "scanner.device: this key is missing"),
    ("transport = \"tcp\"", "scanner.host: \"tcp\" needs the scanner's address"),
    ("transport = \"tcp\"\nhost = \"192.0.2.1\"", "scanner.port: this key is missing"),
    ("transport = \"tcp\"\nhost = \"camera\"\nport = 1", "scanner.host: \"camera\" is no address"),
    ("transport = \"tcp\"\nlisten = \"2112\"", "scanner.listen: \"2112\" is no address"),
    ("transport = \"tcp\"\nlisten = \"1.2.3.4:0\"", "scanner.listen: \"1.2.3.4:0\" is no address"),
    ("device = \"/d\"\nsuffix = \"\"", "scanner.suffix: without a suffix only a pause"),
    ("device = \"/d\"\nanswers = [\"]d\"]", "scanner.answers: reads or no-reads begin with"),
    ("device = \"/d\"\nanswers = [\"NO\"]", "scanner.answers: reads or no-reads begin with"),
    ("device = \"/d\"\nheartbeat = \"N\"", "scanner.heartbeat: reads or no-reads begin with"),
    (
      "device = \"/d\"\nsetup = [\"a\"]\nsetup_answers = [\"\", \"b\"]",
      "scanner.setup_answers: there are 1 commands in setup, and 2 answers"
    ),
    ("device = \"/d\"\ntrigger_at_opening = true", "scanner.trigger_at_opening: there is no"),
    (
      "device = \"/d\"\ncode_separator = \",\"",
      "scanner.code_separator: \",\" may stand in a serial"
    ),
    ("device = \"/d\"\nno_read = [\"a\", 3]", "scanner.no_read: the list holds a whole number"),
    ("device = \"/d\"\nanswers = [\"\"]", "scanner.answers: this has 0 bytes"),
    ("device = \"/d\"\nanswers = \"OK\"", "scanner.answers: this is a text, but has to be a list"),
  ])
  func whatCannotWorkIsRefused(text: String, says: String) {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let told = complaints(text + "\n")
    #expect(told.count == 1 && told[0].contains(says), "\(told)")
  }
}

extension ScannerTests {
  @Test(
    "HID and keyboard scanners have a device, and a keyboard a layout and one of two suffixes",
    arguments: [
      ([("scanner.transport", "\"hid\"")], ""),
      ([("scanner.transport", "\"keyboard\"")], ""),
      ([("scanner.transport", "\"keyboard\""), ("scanner.layout", "\"fr\"")], ""),
      ([("scanner.transport", "\"keyboard\""), ("scanner.suffix", "\"\\t\"")], ""),
      (
        [("scanner.transport", "\"hid\""), ("scanner.device", nil)],
        "scanner.device: this key is missing"
      ),
      (
        [
          ("scanner.transport", "\"tcp\""), ("scanner.host", "\"192.0.2.20\""),
          ("scanner.port", "23"),
        ],
        "scanner.device: a scanner on the network has no device"
      ),
      (
        [("scanner.transport", "\"keyboard\""), ("scanner.layout", "\"xx\"")],
        "scanner.layout: there is no layout \"xx\""
      ),
      (
        [("scanner.transport", "\"keyboard\""), ("scanner.suffix", "\";\"")],
        "scanner.suffix: a scanner that types ends its messages with Enter"
      ),
    ] as [([(path: String, value: String?)], String)])
  func hidAndKeyboard(changes: [(path: String, value: String?)], problem: String) {
    let problems = File(changes).problems.map(\.description)
    if problem.isEmpty {
      #expect(problems.isEmpty, "\(problems)")
    } else {
      #expect(problems.count == 1 && problems[0].contains(problem), "\(problems)")
    }
  }
}
