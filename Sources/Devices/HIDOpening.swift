internal import CLinux
internal import Glibc
public import Line

/// Opens HID scanners: descriptor and decoder of a device that is ready to be read.
public enum HIDOpening {
  /// Why a device was not opened.
  public struct Problem: Error, Sendable, Hashable, CustomStringConvertible {
    /// A sentence that names the device and says what to do.
    public var description: String
    /// The scanner was switched to HID POS and comes again as another device, so nothing is wrong yet.
    public var isSwitching = false
  }

  /// The vendor whose scanners can be switched to HID POS (Honeywell, formerly HHP).
  static let honeywell: UInt16 = 0x0C2E

  /// Opens a HID POS scanner at `/dev/hidrawN`; the caller closes the descriptor.
  ///
  /// A Honeywell scanner that is set to another interface is switched once its feature report says that it can.
  public static func scanner(
    _ path: String
  ) throws(Problem) -> (descriptor: Int32, decoder: HIDPOSDecoder) {
    let descriptor = clinux_hidraw_open(path, 1)
    guard descriptor >= 0 else { throw cannotOpen(path, -descriptor, not: "a HID device") }
    do throws(Problem) {
      return (descriptor, try decoder(path, descriptor))
    } catch {
      close(descriptor)
      throw error
    }
  }

  private static func decoder(
    _ path: String, _ descriptor: Int32
  ) throws(Problem) -> HIDPOSDecoder {
    var bytes = [UInt8](repeating: 0, count: HIDReportDescriptor.byteCountMax)
    let length = bytes.withUnsafeMutableBufferPointer {
      clinux_hidraw_descriptor(descriptor, $0.baseAddress, $0.count)
    }
    guard length >= 0 else { throw cannotOpen(path, -length, not: "a HID device") }
    let parsed: HIDReportDescriptor
    do throws(HIDReportDescriptor.Problem) {
      parsed = try HIDReportDescriptor(Array(bytes[..<Int(length)]))
    } catch {
      throw Problem(description: "\(path): \(error)")
    }
    do throws(HIDPOSDecoder.Problem) {
      return try HIDPOSDecoder(parsed)
    } catch {
      if try switches(path, descriptor, parsed) {
        throw Problem(
          description: "\(path) was set to another interface and is being switched to HID POS",
          isSwitching: true)
      }
      throw Problem(description: "\(path): \(error)")
    }
  }

  private static func switches(
    _ path: String, _ descriptor: Int32, _ parsed: HIDReportDescriptor
  ) throws(Problem) -> Bool {
    var bus: UInt32 = 0
    var vendor: UInt16 = 0
    var product: UInt16 = 0
    guard let report = HIDPOSDecoder.honeywellSwitch(parsed),
      clinux_hidraw_info(descriptor, &bus, &vendor, &product) == 0, vendor == honeywell
    else { return false }
    let code = clinux_hidraw_set_feature(descriptor, report, report.count)
    guard code >= 0 else {
      throw Problem(
        description: "\(path) cannot be switched to HID POS: \(String(cString: strerror(-code)))")
    }
    return true
  }

  /// Opens and grabs a scanner that types, at `/dev/input/eventN`; the caller closes the descriptor.
  ///
  /// What is typed up to the first suffix or pause is not handed on: a message may be on its way already.
  public static func keyboard(
    _ path: String, layout: KeyboardLayout, suffix: KeyboardDecoder.Suffix, separatorIsF8: Bool,
    now: Instant
  ) throws(Problem) -> (descriptor: Int32, decoder: KeyboardDecoder) {
    let descriptor = clinux_evdev_open(path)
    guard descriptor >= 0 else { throw cannotOpen(path, -descriptor, not: "a keyboard") }
    let lights = clinux_evdev_lights(descriptor)
    guard lights >= 0 else {
      close(descriptor)
      throw cannotOpen(path, -lights, not: "a keyboard")
    }
    var decoder = KeyboardDecoder(
      layout: layout, suffix: suffix, separatorIsF8: separatorIsF8, capsLock: lights & 2 != 0,
      numLock: lights & 1 != 0)
    decoder.opened(at: now)
    return (descriptor, decoder)
  }

  /// Which device stands behind `/dev/input/eventN`, by vendor, product and serial number as sysfs has them; the path where
  /// it says nothing.
  static func identity(ofKeyboard path: String) -> String {
    guard let real = realpath(path, nil) else { return path }
    defer { free(real) }
    let node = String(cString: real)
    let folder = "/sys/class/input/\(node.split(separator: "/").last ?? "")/device/"
    func text(_ name: String) -> String? {
      let descriptor = open(folder + name, O_RDONLY | O_CLOEXEC)
      guard descriptor >= 0 else { return nil }
      defer { close(descriptor) }
      var bytes = [UInt8](repeating: 0, count: 256)
      let count = read(descriptor, &bytes, bytes.count)
      guard count > 0 else { return nil }
      return String(decoding: bytes[..<count].prefix { $0 != 0x0A }, as: UTF8.self)
    }
    guard let vendor = text("id/vendor"), let product = text("id/product") else { return path }
    return "\(vendor):\(product) \(text("uniq") ?? "")"
  }

  private static func cannotOpen(_ path: String, _ code: Int32, not kind: String) -> Problem {
    let reason =
      switch code {
      case ENOTTY, EINVAL, EISDIR: "it is not \(kind)"
      default: ScannerBank.words(code)
      }
    return Problem(description: "\(path) cannot be opened: \(reason)")
  }
}
