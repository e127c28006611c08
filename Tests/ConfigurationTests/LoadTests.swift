import Alarms
import Containment
import Testing

@testable import Configuration

/// What a good file becomes.
@Suite struct LoadTests {
  @Test func leftOutKeysHaveTheDocumentedValues() throws {
    let configuration = try File().load()
    #expect(
      configuration
        == Configuration(
          line: .init(id: "L01"),
          storage: .init(
            directory: "/var/lib/lineward", minFree: 500_000_000, headsCommand: [],
            headsTimeout: .milliseconds(10_000)),
          control: .init(
            socket: "/run/lineward/control.sock", authSocket: "/run/lineward/auth.sock"),
          roles: .init(
            operator: ["group:lineward-operator"], supervisor: ["group:lineward-supervisor"],
            quality: ["group:lineward-quality"], maintenance: ["group:lineward-maintenance"],
            shared: []),
          signatures: .init(closeUnbalanced: false, release: [], tries: 5, lockMinutes: 15),
          scanners: [
            .init(
              name: "camera-1", device: .path("/dev/ttyACM0"), baud: 115_200, prefix: [],
              suffix: [0x0D, 0x0A], noReads: [Array("NOREAD".utf8)],
              requireSymbology: Array("]d2".utf8), gradeSeparator: [])
          ],
          plcs: [
            .init(
              name: "plc-1", transport: .tcp(host: "192.0.2.10", port: 502), unitID: 1,
              poll: .milliseconds(10),
              heartbeat: .milliseconds(100), timeout: .milliseconds(500),
              lost: .milliseconds(1000), packML: "none")
          ],
          stations: [
            .init(
              name: "unit-1", scanners: [0], plc: 0, hostBase: 0, plcBase: 100, slots: 16,
              tracksTriggers: true, readTimeout: .milliseconds(40), earlyRead: .milliseconds(30),
              quiet: .milliseconds(1000), silentIsDoubt: true, gateOutcomes: true)
          ], minimumGradeTenths: 15,
          limits: .init(
            consecutiveRejects: 5, consecutiveNoReads: 3, printedNotRead: 10, duplicates: 0,
            stopConfirm: .milliseconds(1000), outcome: .milliseconds(5000)),
          challenge: .init(
            packs: ["no_read", "duplicate", "wrong_lot", "unknown"], everyHours: 0,
            afterBatchStart: false, timeout: .seconds(600)),
          containment: .init(
            opensOn: [.badPackPassed, .challengeFailed, .duplicateFound],
            playbook: Playbook(needsAnswers: false))))
  }

  @Test func everyKeyReachesItsPlace() throws {
    let configuration = try Configuration.parse(
      Array(
        """
        [line]
        id = "L02"
        [storage]
        directory = "/srv/records"
        heads_file = "/mnt/heads/L02.txt"
        heads_command = ["/usr/bin/send-head", "--line", "L02"]
        heads_timeout_ms = 3000
        [control]
        socket = "/tmp/control.sock"
        auth_socket = "/tmp/auth.sock"
        [roles]
        operator = ["user:anna"]
        supervisor = ["user:bert", "group:leads"]
        quality = []
        maintenance = ["group:domain users@line"]
        shared = ["user:line1"]
        [signatures]
        close_unbalanced = true
        release = ["quality", "supervisor"]
        tries = 3
        lock_minutes = 30
        [[scanner]]
        name = "left"
        device = "/dev/ttyUSB0"
        baud = 9600
        prefix = "\\u0002"
        suffix = "\\u0003"
        no_read = "?"
        require_symbology = ""
        grade_separator = "\\t"
        [[scanner]]
        name = "right"
        device = "/dev/ttyUSB1"
        [[plc]]
        name = "a"
        host = "10.0.0.1"
        [[plc]]
        name = "b"
        host = "plc-b.line"
        port = 1502
        unit_id = 255
        poll_ms = 5
        heartbeat_ms = 50
        timeout_ms = 200
        lost_ms = 400
        [[station]]
        name = "both"
        scanner = ["right", "left"]
        plc = "b"
        host_base = 1000
        plc_base = 2000
        slots = 32
        tracking = "none"
        read_timeout_ms = 20
        early_read_ms = 0
        quiet_ms = 300
        silent_is = "no_read"
        verdict_deadline_ms = 80
        gate_outcomes = false
        [verification]
        minimum_grade = 2
        order = "any"
        order_window = 8
        [limits]
        consecutive_rejects = 10
        consecutive_no_reads = 6
        printed_not_read = 20
        duplicates = 2
        stop_confirm_ms = 700
        outcome_ms = 9000
        """.utf8), file: "lineward.toml")
    #expect(configuration.line.id == "L02")
    #expect(configuration.storage.directory == "/srv/records")
    #expect(configuration.storage.headsFile == "/mnt/heads/L02.txt")
    #expect(configuration.storage.headsCommand == ["/usr/bin/send-head", "--line", "L02"])
    #expect(configuration.storage.headsTimeout == .milliseconds(3000))
    #expect(
      configuration.control == .init(socket: "/tmp/control.sock", authSocket: "/tmp/auth.sock"))
    #expect(
      configuration.signatures
        == .init(
          closeUnbalanced: true, release: ["quality", "supervisor"], tries: 3, lockMinutes: 30))
    #expect(
      configuration.roles
        == .init(
          operator: ["user:anna"], supervisor: ["user:bert", "group:leads"], quality: [],
          maintenance: ["group:domain users@line"], shared: ["user:line1"]))
    #expect(
      configuration.scanners.first
        == .init(
          name: "left", device: .path("/dev/ttyUSB0"), baud: 9600, prefix: [2], suffix: [3],
          noReads: [[0x3F]], requireSymbology: [], gradeSeparator: [9]))
    #expect(
      configuration.plcs.last
        == .init(
          name: "b", transport: .tcp(host: "plc-b.line", port: 1502), unitID: 255,
          poll: .milliseconds(5),
          heartbeat: .milliseconds(50), timeout: .milliseconds(200), lost: .milliseconds(400),
          packML: "none"))
    #expect(
      configuration.stations == [
        .init(
          name: "both", scanners: [1, 0], plc: 1, hostBase: 1000, plcBase: 2000, slots: 32,
          tracksTriggers: false, readTimeout: .milliseconds(20), earlyRead: .zero,
          quiet: .milliseconds(300), silentIsDoubt: false, verdictDeadline: .milliseconds(80),
          gateOutcomes: false)
      ])
    #expect(configuration.minimumGradeTenths == 20)
    #expect(
      configuration.limits
        == .init(
          consecutiveRejects: 10, consecutiveNoReads: 6, printedNotRead: 20, duplicates: 2,
          stopConfirm: .milliseconds(700), outcome: .milliseconds(9000)))
  }

  @Test(arguments: [
    (
      "transport = \"unix\"",
      Configuration.PrintFeed.Transport.unix(path: "/run/lineward-feed/print.sock")
    ),
    ("transport = \"unix\"\npath = \"/tmp/p\"", .unix(path: "/tmp/p")),
    ("transport = \"tcp\"", .tcp(address: "127.0.0.1", port: 7171)),
    ("transport = \"tcp\"\nlisten = \"fe80::1\"\nport = 9", .tcp(address: "fe80::1", port: 9)),
    (
      "transport = \"serial\"\ndevice = \"/dev/ttyS0\"\nbaud = 9600",
      .serial(device: "/dev/ttyS0", baud: 9600)
    ),
  ])
  func aPrintFeedReachesItsPlace(
    text: String, transport: Configuration.PrintFeed.Transport
  ) throws {
    let more = "[verification]\norder = \"printed\"\n[print_feed]\n\(text)\n"
    #expect(
      try File(more: more).load().printFeed
        == .init(transport: transport, stall: .milliseconds(5000), lowMark: 1))
    let tuned = try File(more: more + "stall_ms = 0\nlow_mark = 4\n").load()
    #expect(tuned.printFeed?.stall == .zero && tuned.printFeed?.lowMark == 4)
    #expect(tuned.needsRestart(from: try File(more: more).load()).isEmpty)
    #expect(tuned.needsRestart(from: try File().load()) == ["[print_feed]"])
  }

  /// The sample that the interface was agreed with, to the letter.
  @Test func theAgreedSampleLoads() throws {
    let text = """
      [line]
      id = "L01"                       # goes into every record

      [storage]
      directory = "/var/lib/lineward"  # created 0750 if absent

      [control]
      socket = "/run/lineward/control.sock"

      [roles]
      operator = ["group:lineward-operator"]
      supervisor = ["group:lineward-supervisor"]
      quality = ["group:lineward-quality"]
      maintenance = ["group:lineward-maintenance"]
      shared = []

      [[scanner]]
      name = "camera-1"
      transport = "serial"             # serial | hid | keyboard | tcp
      device = "/dev/serial/by-id/..."
      baud = 115200
      prefix = ""                      # framing, TOML escapes: "\\u0002"
      suffix = "\\r\\n"
      no_read = "NOREAD"               # the scanner's own no-read text
      require_symbology = "]d2"        # "" accepts messages without an AIM identifier

      [[plc]]
      name = "plc-1"
      transport = "tcp"                # tcp | rtu
      host = "127.0.0.1"
      port = 502
      unit_id = 1
      poll_ms = 10
      heartbeat_ms = 100
      timeout_ms = 500                 # one telegram
      lost_ms = 1000

      [[station]]
      name = "unit-1"
      kind = "unit"                    # unit | aggregation | rework
      scanner = "camera-1"
      plc = "plc-1"                    # none for rework
      host_base = 0
      plc_base = 100
      slots = 16
      tracking = "trigger"
      read_timeout_ms = 40
      early_read_ms = 30
      quiet_ms = 1000
      silent_is = "doubt"
      gate_outcomes = true

      [verification]
      minimum_grade = 1.5
      order = "any"                    # any | printed: reads must follow the print feed
      order_window = 64

      [limits]
      consecutive_rejects = 5
      consecutive_no_reads = 3
      stop_confirm_ms = 1000
      outcome_ms = 5000

      [containment]
      duration_minutes = 60
      """
    var expected = try File().load()
    expected.scanners[0].device = .path("/dev/serial/by-id/...")
    expected.plcs[0].transport = .tcp(host: "127.0.0.1", port: 502)
    #expect(try Configuration.parse(Array(text.utf8), file: "lineward.toml") == expected)
  }

  @Test func aLineWithoutAStationLoadsAndIsRemarkedOn() throws {
    let configuration = try Configuration.parse(Array("line.id = 'L01'".utf8), file: "f")
    #expect(
      configuration.remarks == [
        "there is no [[station]]: nothing is read, and the line cannot be released"
      ])
  }

  @Test func signaturesThatNobodyCouldGiveAreRemarkedOn() throws {
    func remarks(_ more: String) throws -> [String] {
      try Configuration.parse(Array("line.id = 'L01'\n\(more)".utf8), file: "f").signatureRemarks
    }
    #expect(try remarks("").isEmpty)
    let quality = try remarks("roles.quality = []\ncontainment.signatures = ['quality']")
    #expect(quality.count == 1 && quality.allSatisfy { $0.contains("roles.quality") })
    #expect(try remarks("roles.quality = []\ncontainment.signatures = []").isEmpty)
    let release = "signatures.release = ['supervisor', 'maintenance']\n"
    #expect(try remarks(release).isEmpty)
    #expect(try remarks(release + "roles.supervisor = []").isEmpty)
    #expect(try remarks(release + "roles.supervisor = []\nroles.maintenance = []").count == 1)
  }

  @Test func scannersAndPLCsThatNobodyUsesAreRemarkedOn() throws {
    #expect(try File().load().remarks.isEmpty)
    let more = """
      [[scanner]]
      name = "spare"
      device = "/dev/ttyACM1"
      [[plc]]
      name = "other"
      host = "192.0.2.11"
      """
    #expect(
      try File(more: more).load().remarks == [
        "no [[station]] uses scanner \"spare\"", "no [[station]] uses PLC \"other\"",
      ])
  }

  @Test func aRegisterNumberOutOfAManualIsRemarkedOn() throws {
    let file = File([("station.host_base", "40001"), ("station.plc_base", "40101")])
    #expect(
      try file.load().remarks == [
        "station \"unit-1\": host_base counts from zero, so what a manual calls 40001 is 0 here",
        "station \"unit-1\": plc_base counts from zero, so what a manual calls 40101 is 100 here",
      ])
  }

  @Test func aDeviceOfAnotherSystemIsRemarkedOn() throws {
    #expect(
      try File([("scanner.device", "\"COM3\"")]).load().remarks == [
        "scanner \"camera-1\": the device \"COM3\" is no path; it would be e.g. /dev/ttyACM0"
      ])
  }

  @Test(arguments: ["192.0.2.10", "plc-1.line", "::1", "fe80::1%eth0"])
  func anAddressOrANameIsAHost(host: String) throws {
    #expect(
      try File([("plc.host", "\"\(host)\"")]).load().plcs[0].transport
        == .tcp(host: host, port: 502))
  }

  @Test func tablesMayBeWrittenInline() throws {
    let text = """
      line = { id = "L01" }
      scanner = [{ name = "camera-1", device = "/dev/ttyACM0" }]
      plc = [{ name = "plc-1", host = "192.0.2.10" }]
      station = [{ name = "unit-1", scanner = ["camera-1"], plc = "plc-1" }]
      """
    #expect(
      try Configuration.parse(Array(text.utf8), file: "lineward.toml") == File().load())
  }

  @Test(
    arguments: [
      ("\"\"", nil), ("\"127.0.0.1:8780\"", .tcp(address: "127.0.0.1", port: 8780)),
      ("\"127.9.0.255:65535\"", .tcp(address: "127.9.0.255", port: 65_535)),
      ("\"[::1]:1\"", .tcp(address: "::1", port: 1)),
      ("\"unix:/run/lineward-web/web.sock\"", .unix(path: "/run/lineward-web/web.sock")),
    ] as [(String, Configuration.Web?)])
  func theWebViewListensWhereItIsTold(value: String, place: Configuration.Web?) throws {
    #expect(try File([("web.listen", value)]).load().web == place)
    #expect(try File().load().web == nil)
  }
}
