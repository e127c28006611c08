import Foundation
import Testing

@testable import Devices

/// Which device each scanner may open, without any device.
@Suite struct DeviceMatchTests {
  /// A device of the tests; its place is made of its port, as in sysfs.
  static func device(
    _ node: String, _ transport: DeviceTransport = .serial, vendor: String? = "05f9",
    product: String? = "2214", serial: String? = nil, socket: String? = "1", links: [String] = []
  ) -> FoundDevice {
    FoundDevice(
      place: "/sys/devices/usb/\(socket ?? "0")/\(node)", node: "/dev/" + node,
      transport: transport, vendor: vendor, product: product, serial: serial,
      port: socket.map { "pci-0-usb-0:\($0):1.0" }, maker: "Datalogic", name: "Matrix",
      links: links)
  }

  static func wanted(
    _ match: DeviceMatch, _ transport: DeviceTransport = .serial, scanner: String = "a"
  ) -> WantedDevice {
    WantedDevice(scanner: scanner, transport: transport, way: .match(match))
  }

  static func wanted(path: String, scanner: String = "p") -> WantedDevice {
    WantedDevice(scanner: scanner, transport: .serial, way: .path(path))
  }

  static let kind = DeviceMatch(vendor: "05f9", product: "2214")

  /// What one match gives, in short: the node, or the refusal's name.
  static func outcome(
    _ match: DeviceMatch, _ found: [FoundDevice], _ transport: DeviceTransport = .serial
  ) -> String {
    switch DeviceChoice.choose(for: [wanted(match, transport)], among: found)[0] {
    case .path(let path): path
    case .device(let device): device.node
    case .refused(let refusal):
      String(String(describing: refusal).prefix { $0 != "(" })
    }
  }

  static let table: [(name: String, match: DeviceMatch, found: [FoundDevice], outcome: String)] = [
    ("one of the kind", kind, [device("ttyACM0")], "/dev/ttyACM0"),
    ("the node has another number", kind, [device("ttyACM1")], "/dev/ttyACM1"),
    ("nothing at all", kind, [], "none"),
    ("another vendor", kind, [device("ttyACM0", vendor: "0c2e")], "none"),
    ("another product", kind, [device("ttyACM0", product: "0001")], "none"),
    ("vendor alone", .init(vendor: "05f9"), [device("ttyACM0", product: "9999")], "/dev/ttyACM0"),
    (
      "a port of the machine has no vendor", kind, [device("ttyS0", vendor: nil, product: nil)],
      "none"
    ),
    (
      "a machine's port by its port", .init(port: "pci-0-usb-0:7:1.0"),
      [device("ttyS0", vendor: nil, product: nil, socket: "7")], "/dev/ttyS0"
    ),
    (
      "serial number", .init(vendor: "05f9", serial: "B"),
      [device("ttyACM0", serial: "A", socket: "1"), device("ttyACM1", serial: "B", socket: "2")],
      "/dev/ttyACM1"
    ),
    (
      "serial numbers are exact to the case", .init(vendor: "05f9", serial: "b"),
      [device("ttyACM0", serial: "B")], "otherSerial"
    ),
    (
      "it was replaced by one of the kind", .init(vendor: "05f9", product: "2214", serial: "A"),
      [device("ttyACM0", serial: "B")], "otherSerial"
    ),
    (
      "a serial number alone says nothing of the kind", .init(serial: "A"),
      [device("ttyACM0", serial: "B")], "none"
    ),
    ("two of a kind", kind, [device("ttyACM0"), device("ttyACM1", socket: "2")], "ambiguous"),
    (
      "two of a kind with one serial number", .init(vendor: "05f9", serial: "0"),
      [device("ttyACM0", serial: "0"), device("ttyACM1", serial: "0", socket: "2")], "ambiguous"
    ),
    (
      "two of a kind, by port", .init(vendor: "05f9", product: "2214", port: "pci-0-usb-0:2:1.0"),
      [device("ttyACM0"), device("ttyACM1", socket: "2")], "/dev/ttyACM1"
    ),
    (
      "a port without its interface", .init(vendor: "05f9", port: "pci-0-usb-0:2"),
      [device("ttyACM0"), device("ttyACM1", socket: "2")], "/dev/ttyACM1"
    ),
    (
      "a port is not the hub behind it", .init(port: "pci-0-usb-0:2"),
      [device("ttyACM1", socket: "2.1")], "none"
    ),
    (
      "a port by its link", .init(port: "/dev/serial/by-path/x"),
      [device("ttyACM1", links: ["/dev/serial/by-path/x"])], "/dev/ttyACM1"
    ),
    (
      "the wrong scanner on the right port",
      .init(vendor: "05f9", product: "2214", port: "pci-0-usb-0:1"),
      [device("ttyACM0", vendor: "0c2e"), device("ttyACM1", socket: "2")], "wrongDevice"
    ),
    (
      "another one of the kind on the right port", .init(serial: "A", port: "pci-0-usb-0:1"),
      [device("ttyACM0", serial: "B")], "wrongDevice"
    ),
    (
      "the right scanner on another port", .init(vendor: "05f9", port: "pci-0-usb-0:1"),
      [device("ttyACM0", socket: "2")], "otherPort"
    ),
    (
      "it is set to another transport", kind,
      [device("input/event3", .keyboard), device("ttyACM0", vendor: "0403")], "otherTransport"
    ),
    (
      "its other nodes are no ambiguity", kind,
      [device("hidraw0", .hid), device("input/event3", .keyboard), device("ttyACM0")],
      "/dev/ttyACM0"
    ),
  ]

  @Test(arguments: table.indices) func oneMatchFindsOneDeviceOrSaysWhyNot(index: Int) {
    let row = Self.table[index]
    #expect(Self.outcome(row.match, row.found) == row.outcome, "\(row.name)")
    #expect(Self.outcome(row.match, row.found.reversed()) == row.outcome, "\(row.name), reversed")
  }

  @Test(arguments: DeviceTransport.allCases) func aMatchFindsItsOwnTransportOnly(
    transport: DeviceTransport
  ) {
    let all = [
      Self.device("ttyACM0"), Self.device("hidraw0", .hid), Self.device("input/event3", .keyboard),
    ]
    let node = all.first { $0.transport == transport }?.node
    #expect(Self.outcome(Self.kind, all, transport) == node)
  }

  // MARK: Several scanners

  @Test func twoOfAKindAreToldApartWhateverTheirNodesAreCalled() {
    let first = DeviceMatch(vendor: "05f9", serial: "A")
    let second = DeviceMatch(vendor: "05f9", serial: "B")
    for nodes in [("ttyACM0", "ttyACM1"), ("ttyACM1", "ttyACM0")] {
      let a = Self.device(nodes.0, serial: "A", socket: "1")
      let b = Self.device(nodes.1, serial: "B", socket: "2")
      #expect(
        DeviceChoice.choose(
          for: [Self.wanted(first), Self.wanted(second, scanner: "b")], among: [a, b])
          == [.device(a), .device(b)])
    }
  }

  @Test func twoMatchesThatFindOneDeviceAreBothRefused() {
    let device = Self.device("ttyACM0", serial: "A")
    #expect(
      DeviceChoice.choose(
        for: [
          Self.wanted(Self.kind), Self.wanted(.init(serial: "A"), scanner: "b"),
        ], among: [device])
        == [.refused(.shared(device, with: "b")), .refused(.shared(device, with: "a"))])
  }

  @Test(arguments: ["/dev/ttyACM0", "/dev/serial/by-id/one", "/dev/camera"])
  func aDeviceThatAnotherScannerNamesByPathIsRefusedToBoth(path: String) {
    let device = Self.device("ttyACM0", links: ["/dev/serial/by-id/one"])
    let choices = DeviceChoice.choose(
      for: [Self.wanted(path: path), Self.wanted(Self.kind)], among: [device],
      real: { $0 == "/dev/camera" ? "/dev/ttyACM0" : nil })
    #expect(
      choices == [.refused(.shared(device, with: "a")), .refused(.shared(device, with: "p"))])
  }

  @Test func twoPathsToOneDeviceAreBothRefused() {
    let device = Self.device("ttyACM0", links: ["/dev/serial/by-id/one"])
    let choices = DeviceChoice.choose(
      for: [Self.wanted(path: "/dev/ttyACM0"), Self.wanted(path: "/dev/serial/by-id/one")],
      among: [device])
    #expect(choices.allSatisfy { $0 == .refused(.shared(device, with: "p")) })
  }

  @Test func aPathIsOpenedWhetherOrNotAnythingIsFound() {
    let choice = [DeviceChoice.path("/dev/pts/3")]
    #expect(DeviceChoice.choose(for: [Self.wanted(path: "/dev/pts/3")], among: []) == choice)
    #expect(
      DeviceChoice.choose(
        for: [Self.wanted(path: "/dev/pts/3")], among: [Self.device("ttyACM0")],
        real: { _ in nil }) == choice)
  }

  @Test func afterAReplugTheScannerHasItsDeviceAgain() {
    let wanted = [Self.wanted(Self.kind)]
    let before = Self.device("ttyACM0")
    let after = Self.device("ttyACM1")
    #expect(DeviceChoice.choose(for: wanted, among: [before]) == [.device(before)])
    #expect(
      DeviceChoice.choose(for: wanted, among: [])
        == [.refused(.none(Self.kind, .serial, there: []))])
    #expect(DeviceChoice.choose(for: wanted, among: [after]) == [.device(after)])
  }

  // MARK: Sentences

  @Test func aRefusalSaysWhatIsThereAndWhatToDo() {
    let a = Self.device("ttyACM0", serial: "A")
    let b = Self.device("ttyACM1", serial: "B", socket: "2")
    let plain = Self.device("ttyACM0")
    let other = Self.device("ttyACM1", socket: "2")
    func said(_ match: DeviceMatch, _ found: [FoundDevice]) -> String {
      guard
        case .refused(let refusal) = DeviceChoice.choose(for: [Self.wanted(match)], among: found)[0]
      else { return "" }
      return refusal.sentence
    }
    #expect(
      said(.init(vendor: "0c2e"), [a])
        == "no serial device with vendor 0c2e is plugged in; there is /dev/ttyACM0 (05f9:2214, "
        + "Datalogic Matrix, serial A, port pci-0-usb-0:1:1.0)")
    #expect(
      said(Self.kind, [])
        == "no serial device with vendor 05f9, product 2214 is plugged in; there is no serial device "
        + "at all")
    #expect(
      said(Self.kind, [a, b])
        == "vendor 05f9, product 2214 fits 2 devices, \(a.phrase) and \(b.phrase); serial tells them "
        + "apart: add serial = \"A\", or the other one, to match")
    #expect(
      said(Self.kind, [plain, other])
        == "vendor 05f9, product 2214 fits 2 devices, \(plain.phrase) and \(other.phrase); they have "
        + "no serial numbers, port tells them apart: add port = \"pci-0-usb-0:1:1.0\", or the other "
        + "one, to match")
    #expect(
      said(Self.kind, [a, other]).contains("serial numbers do not, port tells them apart"))
    #expect(
      said(
        Self.kind, [Self.device("ttyACM0", socket: nil), Self.device("ttyACM1", socket: nil)]
      ).hasSuffix("nothing tells them apart here; unplug one, or name the device by its path"))
    #expect(
      said(.init(vendor: "0c2e", product: "0001", port: "pci-0-usb-0:1"), [a])
        == "the wrong device is in port pci-0-usb-0:1: \(a.phrase), where vendor 0c2e, product 0001 "
        + "belongs; plug the right scanner into it, or correct match")
    let many = (0..<1000).map { Self.device("ttyACM\($0)", socket: "\($0)") }
    #expect(said(Self.kind, many).contains(" and 996 more; "))
    #expect(said(.init(vendor: "0c2e"), many).utf8.count < 1000)
  }

  // MARK: What discover prints

  @Test func theMatchThatIsPrintedFindsItsDeviceAndNoOther() {
    let a = Self.device("ttyACM0", serial: "A")
    let b = Self.device("ttyACM1", serial: "B", socket: "2")
    let plain = Self.device("ttyACM2", product: "0001", socket: "3")
    let twin = Self.device("ttyACM3", product: "0002", socket: "4")
    let twins = [twin, Self.device("ttyACM4", product: "0002", socket: "5")]
    let same = [
      Self.device("ttyACM5", product: "0003", serial: "0", socket: "6"),
      Self.device("ttyACM6", product: "0003", serial: "0", socket: "7"),
    ]
    let keyboard = Self.device("input/event3", .keyboard, serial: "A")
    let hopeless = [
      Self.device("ttyACM7", product: "0004", socket: nil),
      Self.device("ttyACM8", product: "0004", socket: nil),
    ]
    let all = [a, b, plain, keyboard] + twins + same + hopeless
    #expect(
      DeviceMatch(telling: a, from: all)
        == DeviceMatch(vendor: "05f9", product: "2214", serial: "A"))
    #expect(
      DeviceMatch(telling: plain, from: all) == DeviceMatch(vendor: "05f9", product: "0001"))
    #expect(
      DeviceMatch(telling: twin, from: all)
        == DeviceMatch(vendor: "05f9", product: "0002", port: "pci-0-usb-0:4:1.0"))
    #expect(DeviceMatch(telling: hopeless[0], from: all) == nil)
    for device in all where !hopeless.contains(device) {
      let match = DeviceMatch(telling: device, from: all)
      #expect(
        match.map { Self.outcome($0, all, device.transport) } == device.node, "\(device.node)")
    }
  }

  // MARK: Vendors

  /// The rules cannot read our list, so they have one of their own.
  @Test func theUdevRulesNameTheVendorsThatMakeOnlyScanners() throws {
    let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent("systemd/70-lineward.rules")
    let vendors = ScannerMake.all.filter(\.makesOnlyScanners).map(\.vendor).sorted()
    let lists = try String(contentsOf: file, encoding: .utf8).split(separator: "\n")
      .filter { !$0.hasPrefix("#") }
      .compactMap { line in
        line.firstRange(of: "ID_VENDOR_ID}==\"").map { range in
          line[range.upperBound...].prefix { $0 != "\"" }.split(separator: "|").map(String.init)
        }
      }
    #expect(!lists.isEmpty)
    for list in lists { #expect(list.sorted() == vendors) }
  }

  @Test(
    "a port is a socket, with or without the scanner's interface behind it",
    arguments: [
      ("pci-0-usb-0:1", true), ("pci-0-usb-0:1:1.0", true), ("pci-0-usb-0", false),
      ("pci-0", false), ("pci-0-usb-0:", false), ("pci-0-usb-0:1:", false),
      ("pci-0-usb-0:1:1", false),
    ])
  func ports(port: String, fits: Bool) {
    let device = FoundDevice(
      place: "/p", node: "/dev/ttyACM0", transport: .serial, port: "pci-0-usb-0:1:1.0")
    #expect(DeviceMatch(port: port).fits(device) == fits)
  }
}
