/// How a scanner that is plugged in is read, in the words of the configuration.
public enum DeviceTransport: String, Sendable, CaseIterable {
  /// A serial line: RS-232, USB CDC-ACM, USB serial adapter.
  case serial
  /// HID with usage page 0x8C, bar code scanner (USB-IF, HID Point of Sale Usage Tables 1.02).
  case hid
  /// A keyboard that types what it reads.
  case keyboard

  /// A device of this transport, for a sentence.
  var words: String {
    switch self {
    case .serial: "serial device"
    case .hid: "HID scanner"
    case .keyboard: "keyboard"
    }
  }
}

/// A device node that may be a scanner, as kernel and udev describe it.
///
/// No text has control characters, and none is longer than ``textLengthMax``: what a plug says of itself is not trusted.
public struct FoundDevice: Sendable, Hashable {
  /// Its place in sysfs; no two devices have the same at a time.
  public var place: String
  /// The node that is opened, as `/dev/ttyACM0`; another device may get the name when this one is gone.
  public var node: String
  /// What it can be read as.
  public var transport: DeviceTransport
  /// USB or Bluetooth vendor, four hex digits in lower case; nil for a serial port of the machine itself.
  public var vendor: String?
  /// The vendor's number of the product, four hex digits in lower case.
  public var product: String?
  /// Serial number, exact to the case; many scanners have none.
  public var serial: String?
  /// The port it is plugged into, udev's ID_PATH, as `pci-0000:00:14.0-usb-0:1:1.0`; nil where udev gives none.
  public var port: String?
  /// Its maker, as the device says.
  public var maker: String?
  /// Its product name, as the device says.
  public var name: String?
  /// Its other names under /dev.
  public var links: [String]

  /// The longest text, in bytes; a USB string has 126 characters at most (USB 2.0, 9.6.7).
  public static let textLengthMax = 512
  /// The most links of a device that are kept; udev makes two or three.
  public static let linksMax = 16

  /// Describes a device.
  public init(
    place: String, node: String, transport: DeviceTransport, vendor: String? = nil,
    product: String? = nil, serial: String? = nil, port: String? = nil, maker: String? = nil,
    name: String? = nil, links: [String] = []
  ) {
    self.place = place
    self.node = node
    self.transport = transport
    self.vendor = vendor
    self.product = product
    self.serial = serial
    self.port = port
    self.maker = maker
    self.name = name
    self.links = links
  }

  /// Its name by maker, model and serial number below `/dev/serial/by-id` or `/dev/input/by-id`, if it has one.
  public var byID: String? { links.first { $0.contains("/by-id/") } }

  /// The device in a sentence: node, numbers, names, serial number, port.
  var phrase: String {
    var parts: [String] = []
    if let vendor, let product { parts.append("\(vendor):\(product)") }
    let names = [maker, name].compactMap(\.self).joined(separator: " ")
    if !names.isEmpty { parts.append(names) }
    if vendor != nil { parts.append(serial.map { "serial \($0)" } ?? "no serial number") }
    if let port { parts.append("port \(port)") }
    return parts.isEmpty ? node : "\(node) (\(parts.joined(separator: ", ")))"
  }
}

/// Makes of scanners by USB vendor number.
public struct ScannerMake: Sendable, Hashable {
  /// Four hex digits in lower case.
  public var vendor: String
  /// The name of its profile.
  public var profile: String
  /// Whether the vendor makes nothing but scanners that could be taken for a keyboard or a serial line: then the udev
  /// rules take its devices away from the desktop.
  public var makesOnlyScanners: Bool

  /// All that are known; numbers by the USB ID Repository, as Debian's hwdb has it.
  public static let all = [
    // Hand Held Products and Metrologic became Honeywell, Symbol became Zebra, PSC became Datalogic, Microscan Omron.
    ScannerMake(vendor: "0536", profile: "honeywell", makesOnlyScanners: true),
    ScannerMake(vendor: "0c2e", profile: "honeywell", makesOnlyScanners: true),
    ScannerMake(vendor: "05e0", profile: "zebra", makesOnlyScanners: true),
    ScannerMake(vendor: "05f9", profile: "datalogic-matrix", makesOnlyScanners: true),
    ScannerMake(vendor: "080c", profile: "datalogic-matrix", makesOnlyScanners: true),
    ScannerMake(vendor: "1777", profile: "omron-microhawk", makesOnlyScanners: true),
    ScannerMake(vendor: "0720", profile: "keyence-sr", makesOnlyScanners: false),
  ]

  /// The make of a vendor, nil for one that is not known.
  public static func of(vendor: String?) -> ScannerMake? { all.first { $0.vendor == vendor } }
}
