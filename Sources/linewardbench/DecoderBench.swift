import CAllocations
import Devices
import Line

/// What takes messages out of bytes, reports and key events, in nanoseconds a byte of message.
enum DecoderBench {
  static let blocks = 2000
  static let messages = 64
  /// Nanoseconds a byte at most; a key is four to eight events a byte, and has no aim of its own.
  static let aim = 5.0

  /// A pack's message without its identifier.
  private static let pack = Array(
    "010950600013435221K7F31234567890\u{1D}1727123110LOT4711".utf8)
  private static let message = Array("]d2".utf8) + pack

  static func run(_ report: inout Report) {
    let stream = Array([[UInt8]](repeating: message + [13, 10], count: messages).joined())
    for (name, size) in [("framer, whole", stream.count), ("framer, 8 bytes a read", 8)] {
      var framer = Framer(prefix: [], suffix: [13, 10])
      measure(&report, name) { count in
        stream.withUnsafeBytes { bytes in
          var start = 0
          while start < bytes.count {
            let end = min(start + size, bytes.count)
            framer.append(UnsafeRawBufferPointer(rebasing: bytes[start..<end])) {
              count += $0.count
            }
            start = end
          }
        }
      }
    }
    scanner(&report)
    keyboard(&report)
  }

  private static func scanner(_ report: inout Report) {
    // Length, identifier, 56 bytes of data, padding, continued.
    let descriptor: [UInt8] = [
      0x05, 0x8C, 0x09, 0x02, 0xA1, 0x01, 0x85, 0x02, 0x05, 0x01, 0x75, 0x08, 0x95, 0x01, 0x09,
      0x3B, 0x81, 0x02, 0x05, 0x8C, 0x95, 0x03, 0x19, 0xFB, 0x29, 0xFD, 0x81, 0x02, 0x95, 0x38,
      0x09, 0xFE, 0x81, 0x02, 0x95, 0x02, 0x81, 0x03, 0x75, 0x01, 0x95, 0x01, 0x09, 0xFF, 0x81,
      0x02, 0x75, 0x07, 0x81, 0x03, 0xC0,
    ]
    guard let parsed = try? HIDReportDescriptor(descriptor),
      var decoder = try? HIDPOSDecoder(parsed)
    else { preconditionFailure("the bench's own descriptor is not read") }
    var bytes = [2, UInt8(pack.count)] + Array("]d2".utf8) + pack
    bytes += [UInt8](repeating: 0, count: 64 - bytes.count)
    measure(&report, "HID POS") { count in
      bytes.withUnsafeBytes { bytes in
        for _ in 0..<messages { decoder.append(bytes) { count += $0.count } }
      }
    }
  }

  private static func keyboard(_ report: inout Report) {
    // Where characters lie makes no difference here.
    var keys: [String: [String]] = [:]
    for (index, byte) in (UInt8(0x20)...0x7E).enumerated() {
      let key = KeyboardLayout.keys[index % 48].name
      keys[key, default: []].append(String(UnicodeScalar(byte)))
    }
    guard let layout = try? KeyboardLayout(name: "bench", keys: keys) else {
      preconditionFailure("the bench's own layout is not read")
    }
    var events: [KeyEvent] = []
    func key(_ code: UInt16, _ value: Int32) {
      events.append(KeyEvent(at: Instant(nanoseconds: 1), type: 1, code: code, value: value))
      events.append(KeyEvent(at: Instant(nanoseconds: 1), type: 0, code: 0, value: 0))
    }
    for byte in message {
      let press = layout.press(for: byte)
      let modifier: UInt16? = byte == 0x1D ? 29 : press?.level == .shift ? 42 : nil
      if let modifier { key(modifier, 1) }
      // No key gives GS by itself: Ctrl+].
      let code = press?.key ?? 27
      key(code, 1)
      key(code, 0)
      if let modifier { key(modifier, 0) }
    }
    key(28, 1)
    key(28, 0)
    var decoder = KeyboardDecoder(layout: layout)
    measure(&report, "keyboard", aim: nil) { count in
      for _ in 0..<messages {
        for event in events { decoder.append(event) { count += $0.count } }
      }
    }
  }

  /// Runs blocks of `messages` messages; `body` adds the bytes that came out.
  private static func measure(
    _ report: inout Report, _ name: String, aim: Double? = DecoderBench.aim,
    _ body: (inout Int) -> Void
  ) {
    var times: [Double] = []
    times.reserveCapacity(blocks)
    var allocations: UInt64 = 0
    for _ in 0..<blocks {
      var count = 0
      let before = callocations_of_this_thread()
      let start = monotonicNow()
      body(&count)
      let end = monotonicNow()
      allocations += callocations_of_this_thread() - before
      precondition(count == messages * message.count, "\(name): messages were lost")
      times.append(Double(end - start) / Double(count))
    }
    let time = medianOf(times)
    let isReached = allocations == 0 && (aim.map { time <= $0 } ?? true)
    report.figure(
      name, "\(rounded(time)) ns a byte, \(allocations) allocations",
      aim: "\(aim.map { "\(rounded($0, 0)) ns and " } ?? "")0", isReached: isReached)
  }
}
