/// What a scanner's device has to be, as `match` of the configuration says.
///
/// What is nil may be anything.
public struct DeviceMatch: Sendable, Hashable {
  /// USB vendor, four hex digits in lower case.
  public var vendor: String?
  /// The vendor's number of the product, four hex digits in lower case.
  public var product: String?
  /// Serial number, exact to the case.
  public var serial: String?
  /// udev's ID_PATH, with or without the interface at its end, or a link below `/dev/serial/by-path`.
  public var port: String?

  /// Names what a device has to be; at least one of the four.
  public init(
    vendor: String? = nil, product: String? = nil, serial: String? = nil, port: String? = nil
  ) {
    precondition([vendor, product, serial, port] != [nil, nil, nil, nil], "this matches anything")
    self.vendor = vendor
    self.product = product
    self.serial = serial
    self.port = port
  }

  /// The fewest words that find `device` and none of the others of its transport; nil where nothing tells it apart.
  ///
  /// A serial number is used even where vendor and product would do: then a second scanner of the kind is no ambiguity.
  public init?(telling device: FoundDevice, from all: [FoundDevice]) {
    let (vendor, product) = (device.vendor, device.product)
    var ways = [(serial: device.serial, port: String?.none)]
    if let port = device.port { ways += [(nil, port), (device.serial, port)] }
    // An adapter with several lines has one ID_PATH for all.
    if let link = device.links.first(where: { $0.contains("/by-path/") }) {
      ways.append((nil, link))
    }
    for (serial, port) in ways where [vendor, product, serial, port] != [nil, nil, nil, nil] {
      let match = DeviceMatch(vendor: vendor, product: product, serial: serial, port: port)
      if all.filter({ $0.transport == device.transport && match.fits($0) }) == [device] {
        self = match
        return
      }
    }
    return nil
  }

  func fits(_ device: FoundDevice) -> Bool {
    fitsKind(device) && fitsSerial(device) && fitsPort(device)
  }

  func fitsKind(_ device: FoundDevice) -> Bool {
    (vendor == nil || vendor == device.vendor) && (product == nil || product == device.product)
  }

  func fitsSerial(_ device: FoundDevice) -> Bool { serial == nil || serial == device.serial }

  func fitsPort(_ device: FoundDevice) -> Bool {
    guard let port else { return true }
    if device.links.contains(port) { return true }
    guard let found = device.port else { return false }
    // ID_PATH ends with configuration and interface, which are the scanner's and not the socket's; a socket behind a hub
    // goes on with a dot.
    if found == port { return true }
    guard found.hasPrefix(port + ":") else { return false }
    let interface = found.dropFirst(port.count + 1).split(
      separator: ".", omittingEmptySubsequences: false)
    return interface.count == 2
      && interface.allSatisfy { !$0.isEmpty && $0.utf8.allSatisfy { (0x30...0x39).contains($0) } }
  }

  /// The match in a sentence.
  var phrase: String {
    [
      vendor.map { "vendor \($0)" }, product.map { "product \($0)" }, serial.map { "serial \($0)" },
      port.map { "port \($0)" },
    ].compactMap(\.self).joined(separator: ", ")
  }
}

/// A scanner of the configuration, and how it names its device.
public struct WantedDevice: Sendable, Hashable {
  /// How a device is named.
  public enum Way: Sendable, Hashable {
    /// A path.
    case path(String)
    /// What it has to be.
    case match(DeviceMatch)
  }

  /// The scanner's name.
  public var scanner: String
  /// How it is read; a match finds devices of this transport only.
  public var transport: DeviceTransport
  /// How its device is named.
  public var way: Way

  /// Names a scanner and its device.
  public init(scanner: String, transport: DeviceTransport, way: Way) {
    self.scanner = scanner
    self.transport = transport
    self.way = way
  }
}

/// Which device a scanner may open.
public enum DeviceChoice: Sendable, Hashable {
  /// Its path, as it was named; whether a device is there shows when it is opened.
  case path(String)
  /// The one device that fits.
  case device(FoundDevice)
  /// None.
  case refused(DeviceRefusal)
}

/// Why a scanner may open no device.
///
/// The line stands until it is settled: a guess could judge packs by another station's scanner.
public enum DeviceRefusal: Error, Sendable, Hashable {
  /// Nothing fits; these are there, of its transport.
  case none(DeviceMatch, DeviceTransport, there: [FoundDevice])
  /// Its port has another device in it.
  case wrongDevice(DeviceMatch, there: FoundDevice)
  /// It is there, in another port.
  case otherPort(DeviceMatch, FoundDevice)
  /// One of its kind is there, with another serial number.
  case otherSerial(DeviceMatch, FoundDevice)
  /// It is there, but set to another transport.
  case otherTransport(DeviceMatch, DeviceTransport, FoundDevice)
  /// Several fit; two at least.
  case ambiguous(DeviceMatch, [FoundDevice])
  /// Another scanner of the configuration has the same device.
  case shared(FoundDevice, with: String)

  /// What is wrong and what to do, for a person on shift.
  public var sentence: String {
    switch self {
    case .none(let match, let transport, let there):
      "no \(transport.words) with \(match.phrase) is plugged in; "
        + (there.isEmpty
          ? "there is no \(transport.words) at all" : "there is \(Self.list(there))")
    case .wrongDevice(let match, let there):
      "the wrong device is in port \(match.port ?? ""): \(there.phrase), where "
        + "\(match.withoutPort.phrase) belongs; plug the right scanner into it, or correct match"
    case .otherPort(let match, let device):
      "the scanner is plugged into another port than \(match.port ?? ""): \(device.phrase); plug it "
        + "back, or correct match"
    case .otherSerial(let match, let device):
      "there is a scanner of this kind, but not with serial \(match.serial ?? ""): \(device.phrase); "
        + "if it replaces the old one, correct match"
    case .otherTransport(let match, let transport, let device):
      "what fits \(match.phrase) is plugged in as \(device.transport.rawValue), not as "
        + "\(transport.rawValue): \(device.phrase); switch the scanner to \(transport.rawValue) with "
        + "its setup code, or correct transport"
    case .ambiguous(let match, let devices):
      "\(match.phrase) fits \(devices.count) devices, \(Self.list(devices)); "
        + Self.whatTells(devices, match)
    case .shared(let device, let other):
      "scanner \(other) has the same device, \(device.phrase); one device serves one scanner, so "
        + "correct device or match of one of them"
    }
  }

  /// More devices than these are counted only.
  private static let listedMax = 4

  private static func list(_ devices: [FoundDevice]) -> String {
    let phrases = devices.prefix(listedMax).map(\.phrase).joined(separator: " and ")
    let more = devices.count - listedMax
    return more > 0 ? phrases + " and \(more) more" : phrases
  }

  /// What to add to a match, so that it fits one of the devices.
  private static func whatTells(_ devices: [FoundDevice], _ match: DeviceMatch) -> String {
    let serials = devices.compactMap(\.serial)
    if match.serial == nil, serials.count == devices.count, Set(serials).count == serials.count {
      return "serial tells them apart: add serial = \"\(serials[0])\", or the other one, to match"
    }
    let ports = devices.compactMap(\.port)
    if ports.count == devices.count, Set(ports).count == ports.count {
      let why = serials.isEmpty ? "they have no serial numbers" : "serial numbers do not"
      return "\(why), port tells them apart: add port = \"\(ports[0])\", or the other one, to match"
    }
    return "nothing tells them apart here; unplug one, or name the device by its path"
  }
}

extension DeviceMatch {
  /// The match, whatever the port; with nothing but a port, itself.
  fileprivate var withoutPort: DeviceMatch {
    guard [vendor, product, serial] != [nil, nil, nil] else { return self }
    return DeviceMatch(vendor: vendor, product: product, serial: serial)
  }
}

extension DeviceChoice {
  /// Which device each scanner may open, in the order of the list; to be asked anew whenever a device came or went.
  ///
  /// A match finds exactly one device of its transport. Two scanners never get one device, however they name it: after
  /// `/dev/ttyACM0` and `/dev/ttyACM1` changed places, a path may point at the device that another scanner's match finds,
  /// and nothing says which of the two is right.
  ///
  /// - Parameters:
  ///   - wanted: The scanners of the configuration.
  ///   - found: What is there, ``DeviceFinder/devices``.
  ///   - real: The node behind a path, for links that udev does not know; nil where there is none.
  /// - Returns: A choice for each of `wanted`.
  public static func choose(
    for wanted: [WantedDevice], among found: [FoundDevice],
    real: (String) -> String? = { _ in nil }
  ) -> [DeviceChoice] {
    let claims: [Result<FoundDevice?, DeviceRefusal>] = wanted.map { wanted in
      switch wanted.way {
      case .path(let path):
        let node = real(path)
        return .success(
          found.first { $0.node == path || $0.links.contains(path) || $0.node == node })
      case .match(let match):
        return match.find(wanted.transport, among: found).map { $0 }
      }
    }
    return wanted.indices.map { index in
      let device: FoundDevice?
      switch claims[index] {
      case .failure(let refusal): return .refused(refusal)
      case .success(let claimed): device = claimed
      }
      if let device {
        let other = claims.indices.first {
          guard $0 != index, case .success(let claimed) = claims[$0] else { return false }
          return claimed?.place == device.place
        }
        if let other { return .refused(.shared(device, with: wanted[other].scanner)) }
      }
      switch (wanted[index].way, device) {
      case (.path(let path), _): return .path(path)
      case (.match, let device?): return .device(device)
      case (.match, nil): preconditionFailure("a match without a device and without a reason")
      }
    }
  }
}

extension DeviceMatch {
  /// The one device that fits, or why there is none.
  fileprivate func find(
    _ transport: DeviceTransport, among found: [FoundDevice]
  ) -> Result<FoundDevice, DeviceRefusal> {
    let candidates = found.filter { $0.transport == transport }
    let fitting = candidates.filter(fits)
    if fitting.count > 1 { return .failure(.ambiguous(self, fitting)) }
    if let device = fitting.first { return .success(device) }
    // The nearest miss says most.
    if port != nil, let there = candidates.first(where: fitsPort) {
      return .failure(.wrongDevice(self, there: there))
    }
    let isNamed = [vendor, product, serial] != [nil, nil, nil]
    if isNamed, let device = candidates.first(where: { fitsKind($0) && fitsSerial($0) }) {
      return .failure(.otherPort(self, device))
    }
    if serial != nil, vendor != nil, let device = candidates.first(where: fitsKind) {
      return .failure(.otherSerial(self, device))
    }
    if isNamed,
      let device = found.first(where: {
        $0.transport != transport && fitsKind($0) && fitsSerial($0)
      })
    {
      return .failure(.otherTransport(self, transport, device))
    }
    return .failure(.none(self, transport, there: candidates))
  }
}
