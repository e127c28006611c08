internal import CUdev
internal import Glibc

/// What is plugged in that may be a scanner, and when that changes.
///
/// The monitor listens before anything is enumerated, so that nothing can come between the two unseen. It has no thread:
/// whoever owns the finder polls ``descriptor`` for POLLIN and then calls ``drain()``. Where udevd does not run, as in
/// containers, sysfs says what there is, without ports and without links, nothing tells of a change, and ``trouble`` says
/// so; ``lookAgain()`` still works then. Devices that are named by their path need none of this.
public struct DeviceFinder: ~Copyable {
  /// The most devices that are kept; more are passed over, and ``trouble`` says so.
  public static let devicesMax = 1024
  /// The most events that one call takes in; what is left keeps the descriptor readable.
  ///
  /// Each is looked up in sysfs, about a quarter of a millisecond in a debug build, and scanners that share the thread wait as
  /// long.
  public static let eventsMax = 16
  /// Room for events that nobody has read yet, as far as the kernel grants it (net.core.rmem_max).
  ///
  /// An event is about a kilobyte. What overflows is no loss: all is enumerated again.
  static let receiveBufferLength: Int32 = 4 << 20

  private static let subsystems = ["tty", "hidraw", "input"]

  private let udev: OpaquePointer?
  private let monitor: OpaquePointer?
  /// The next event into `device`, 0 or -errno; a test puts an overflow in its place.
  var receive: (_ device: inout OpaquePointer?) -> Int32
  /// How often all was enumerated.
  private(set) var enumerations = 0
  /// Whether udevd runs, which gives devices their group, links and port after the kernel has made them.
  private let isUdevRunning: Bool
  private let monitorTrouble: String?
  private var isCut = false
  private var known: [String: FoundDevice] = [:]

  /// Listens, then looks what is there.
  public init() {
    let context = udev_new()
    isUdevRunning = access("/run/udev/control", F_OK) == 0
    var made: OpaquePointer?
    var code = context.map { cudev_monitor_new($0, &made) } ?? -ENOMEM
    for subsystem in Self.subsystems where code >= 0 {
      code = udev_monitor_filter_add_match_subsystem_devtype(made, subsystem, nil)
    }
    if code >= 0 {
      // Less than that is granted without CAP_NET_ADMIN, and will do.
      _ = udev_monitor_set_receive_buffer_size(made, Self.receiveBufferLength)
      code = udev_monitor_enable_receiving(made)
    }
    if code < 0 {
      made = udev_monitor_unref(made)
      monitorTrouble =
        "udev's events cannot be heard: \(String(cString: strerror(-code))); what is plugged in later "
        + "is not seen"
    } else if !isUdevRunning {
      monitorTrouble =
        "udev does not run here: ports and links are not known, and what is plugged in later is not seen"
    } else {
      monitorTrouble = nil
    }
    udev = context
    monitor = made
    let source = made
    receive = { device in
      guard let source else { return -EAGAIN }
      return cudev_monitor_receive(source, &device)
    }
    _ = lookAgain()
  }

  deinit {
    udev_monitor_unref(monitor)
    udev_unref(udev)
  }

  /// Readable when something has come or gone; -1 where there is nothing to listen to.
  ///
  /// It stays the finder's, to be closed by it.
  public var descriptor: Int32 { monitor.map { udev_monitor_get_fd($0) } ?? -1 }

  /// What is there, in the order of nodes.
  public var devices: [FoundDevice] { known.values.sorted { $0.node < $1.node } }

  /// Why not everything is seen, for a person on shift; nil while it is.
  public var trouble: String? {
    isCut
      ? "there are more than \(Self.devicesMax) devices; the others are passed over"
      : monitorTrouble
  }

  /// Takes in what has happened, never waits; whether ``devices`` are others now.
  public mutating func drain() -> Bool {
    var hasChanged = false
    var hasOverflowed = false
    events: for _ in 0..<Self.eventsMax {
      var event: OpaquePointer?
      switch receive(&event) {
      case 0:
        if let place = text(udev_device_get_syspath(event), lengthMax: Int(PATH_MAX)), take(place) {
          hasChanged = true
        }
        udev_device_unref(event)
      case -ENOBUFS: hasOverflowed = true
      case -EINTR: continue
      default: break events
      }
    }
    // Nobody knows what was lost.
    if hasOverflowed, lookAgain() { hasChanged = true }
    return hasChanged
  }

  /// Looks at everything anew; whether ``devices`` are others now.
  public mutating func lookAgain() -> Bool {
    enumerations += 1
    isCut = false
    var found: [String: FoundDevice] = [:]
    if let udev, let enumeration = udev_enumerate_new(udev) {
      for subsystem in Self.subsystems {
        udev_enumerate_add_match_subsystem(enumeration, subsystem)
      }
      udev_enumerate_scan_devices(enumeration)
      var entry = udev_enumerate_get_list_entry(enumeration)
      while let current = entry {
        entry = udev_list_entry_get_next(current)
        guard let name = udev_list_entry_get_name(current) else { continue }
        // The 63 virtual consoles, which are most of all terminals.
        if strncmp(name, "/sys/devices/virtual/tty/", 25) == 0 { continue }
        guard let device = udev_device_new_from_syspath(udev, name) else { continue }
        if let one = look(at: device) {
          if found.count < Self.devicesMax { found[one.place] = one } else { isCut = true }
        }
        udev_device_unref(device)
      }
      udev_enumerate_unref(enumeration)
    }
    defer { known = found }
    return found != known
  }

  /// Takes in that something happened at a place.
  ///
  /// What counts is what is there now: behind an overflow, an event may be older than that.
  private mutating func take(_ place: String) -> Bool {
    let before = known[place]
    let device = udev_device_new_from_syspath(udev, place)
    let now = device.flatMap { look(at: $0) }
    udev_device_unref(device)
    if now != nil, before == nil, known.count >= Self.devicesMax {
      isCut = true
      return false
    }
    known[place] = now
    return before != now
  }

  // MARK: One device

  /// What a device is; nil when it can be no scanner, or udev is not done with it: then its event is still to come.
  private func look(at device: OpaquePointer) -> FoundDevice? {
    guard let place = text(udev_device_get_syspath(device), lengthMax: Int(PATH_MAX)),
      let node = text(udev_device_get_devnode(device)),
      !isUdevRunning || udev_device_get_is_initialized(device) != 0
    else { return nil }
    // Parents belong to their child and are not given back.
    let usb = udev_device_get_parent_with_subsystem_devtype(device, "usb", "usb_device")
    let hid = udev_device_get_parent_with_subsystem_devtype(device, "hid", nil)
    let transport: DeviceTransport
    switch text(udev_device_get_subsystem(device)) {
    case "tty":
      guard usb != nil || isSerialPort(device) else { return nil }
      transport = .serial
    case "hidraw":
      guard usb != nil || hid != nil, isBarCodeScanner(place) else { return nil }
      transport = .hid
    case "input":
      guard usb != nil || hid != nil, isKeyboard(device) else { return nil }
      transport = .keyboard
    default: return nil
    }
    var found = FoundDevice(place: place, node: node, transport: transport)
    // Bus, vendor and product of what is on the HID bus, each in hex.
    let numbers =
      hid.flatMap { text(udev_device_get_property_value($0, "HID_ID")) }?.split(separator: ":")
      ?? []
    if let usb, numbers.first ?? "0003" == "0003" {
      found.vendor = number(text(udev_device_get_sysattr_value(usb, "idVendor")))
      found.product = number(text(udev_device_get_sysattr_value(usb, "idProduct")))
      found.serial = text(udev_device_get_sysattr_value(usb, "serial"))
      found.maker = text(udev_device_get_sysattr_value(usb, "manufacturer"))
      found.name = text(udev_device_get_sysattr_value(usb, "product"))
    } else if let hid, numbers.count == 3 {
      // Bluetooth, where the USB device is the adapter, and what programs make of /dev/uhid.
      found.vendor = number(String(numbers[1].suffix(4)))
      found.product = number(String(numbers[2].suffix(4)))
      found.serial = text(udev_device_get_property_value(hid, "HID_UNIQ"))
      found.name = text(udev_device_get_property_value(hid, "HID_NAME"))
    }
    found.port = text(udev_device_get_property_value(device, "ID_PATH"))
    var entry = udev_device_get_devlinks_list_entry(device)
    while let current = entry, found.links.count < FoundDevice.linksMax {
      entry = udev_list_entry_get_next(current)
      if let link = text(udev_list_entry_get_name(current)) { found.links.append(link) }
    }
    found.links.sort()
    return found
  }

  /// Whether there is a UART behind a serial port.
  ///
  /// A driver makes nodes for ports that the machine does not have, and calls their type unknown, 0 (PORT_UNKNOWN of
  /// linux/serial_core.h). Consoles and pseudo-terminals have no type.
  private func isSerialPort(_ device: OpaquePointer) -> Bool {
    guard let type = text(udev_device_get_sysattr_value(device, "type")) else { return false }
    return type != "0"
  }

  /// Whether it has letters and digits, by the same bits as udev's ID_INPUT_KEYBOARD: keys 1 to 31.
  private func isKeyboard(_ device: OpaquePointer) -> Bool {
    guard let name = udev_device_get_sysname(device), strncmp(name, "event", 5) == 0,
      let parent = udev_device_get_parent(device),
      let keys = text(udev_device_get_sysattr_value(parent, "capabilities/key")),
      let lowest = keys.split(separator: " ").last.flatMap({ UInt64($0, radix: 16) })
    else { return false }
    return lowest & 0xFFFF_FFFE == 0xFFFF_FFFE
  }

  /// By its report descriptor, which holds NUL bytes and is therefore no attribute for libudev.
  private func isBarCodeScanner(_ place: String) -> Bool {
    let file = open("\(place)/device/report_descriptor", O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return false }
    defer { close(file) }
    var bytes = [UInt8](repeating: 0, count: HIDReportDescriptor.byteCountMax)
    let count = bytes.withUnsafeMutableBytes { read(file, $0.baseAddress, $0.count) }
    guard count > 0 else { return false }
    // One that cannot be read is no scanner's: it could not be opened either.
    return (try? HIDReportDescriptor(Array(bytes[..<count])))?.isBarCodeScanner ?? false
  }

  /// Four hex digits in lower case.
  private func number(_ text: String?) -> String? {
    guard let text, text.utf8.count == 4, UInt16(text, radix: 16) != nil else { return nil }
    return text.lowercased()
  }

  /// A C text with `_` for control characters, without blanks around it; nil for an empty one.
  private func text(
    _ pointer: UnsafePointer<CChar>?, lengthMax: Int = FoundDevice.textLengthMax
  ) -> String? {
    guard let pointer else { return nil }
    let bytes = UnsafeRawBufferPointer(start: pointer, count: strnlen(pointer, lengthMax))
    var text = String.UnicodeScalarView()
    for scalar in String(decoding: bytes, as: UTF8.self).unicodeScalars {
      let isControl = scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
      text.append(isControl ? "_" : scalar)
    }
    while text.first == " " { text.removeFirst() }
    while text.last == " " { text.removeLast() }
    return text.isEmpty ? nil : String(text)
  }
}
