// The entry point for libFuzzer; compiled into one module with the decoders of Sources/Devices, so they are not imported.
// `make fuzz-devices` builds and runs it.

import Line

/// Gives one input to the decoder that its first byte names; stops the process where a promise of a decoder is broken.
@_cdecl("LLVMFuzzerTestOneInput")
public func readOneInput(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
  guard count > 1 else { return 0 }
  let bytes = Array(UnsafeBufferPointer(start: start + 1, count: count - 1))
  switch start[0] % 4 {
  case 0: frames(bytes)
  case 1: reports(bytes)
  case 2: keys(bytes)
  default: knownReports(bytes)
  }
  return 0
}

/// However the bytes are cut, the messages are the same.
private func frames(_ bytes: [UInt8]) {
  for (prefix, suffix): ([UInt8], [UInt8]) in [([], [13]), ([2], [13, 10]), ([82, 58], [13, 13, 10])] {
    var whole = Framer(prefix: prefix, suffix: suffix)
    var dripped = whole
    var messages: [[UInt8]] = []
    var drops: [[UInt8]] = []
    bytes.withUnsafeBytes { bytes in
      whole.append(bytes) { messages.append(Array($0)) }
      for index in bytes.indices {
        dripped.append(UnsafeRawBufferPointer(rebasing: bytes[index...index])) {
          drops.append(Array($0))
        }
      }
    }
    precondition(messages == drops && whole.faults == dripped.faults, "cut bytes give other messages")
    precondition(messages.allSatisfy { $0.count <= Framer.messageLengthMax })
  }
}

/// Two bytes say how long the descriptor is, the rest are reports, each behind a byte of its length.
private func reports(_ bytes: [UInt8]) {
  guard bytes.count > 2 else { return }
  let length = min(Int(bytes[0]) | Int(bytes[1]) << 8, bytes.count - 2)
  guard let descriptor = try? HIDReportDescriptor(Array(bytes[2..<(2 + length)])) else { return }
  for field in descriptor.fields {
    guard let count = descriptor.byteCount(field.direction, report: field.report) else {
      preconditionFailure("a field without a report")
    }
    precondition(field.bitOffset + field.bits * field.count <= count * 8)
  }
  _ = HIDPOSDecoder.honeywellSwitch(descriptor)
  guard var decoder = try? HIDPOSDecoder(descriptor) else { return }
  feed(&decoder, Array(bytes[(2 + length)...]))
}

/// Reports of a scanner with 64 bytes each.
private func knownReports(_ bytes: [UInt8]) {
  let descriptor: [UInt8] = [
    0x05, 0x8C, 0x09, 0x02, 0xA1, 0x01, 0x85, 0x02, 0x09, 0x12, 0xA1, 0x02, 0x05, 0x01, 0x75, 0x08,
    0x95, 0x01, 0x09, 0x3B, 0x81, 0x02, 0x05, 0x8C, 0x95, 0x03, 0x19, 0xFB, 0x29, 0xFD, 0x81, 0x02,
    0x95, 0x38, 0x09, 0xFE, 0x81, 0x02, 0x95, 0x02, 0x81, 0x03, 0x75, 0x01, 0x95, 0x01, 0x09, 0xFF,
    0x81, 0x02, 0x75, 0x07, 0x81, 0x03, 0xC0, 0xC0,
  ]
  guard let parsed = try? HIDReportDescriptor(descriptor), var decoder = try? HIDPOSDecoder(parsed)
  else { preconditionFailure("a scanner's descriptor is not read") }
  feed(&decoder, bytes)
}

private func feed(_ decoder: inout HIDPOSDecoder, _ bytes: [UInt8]) {
  var rest = bytes[...]
  while let length = rest.popFirst() {
    let report = Array(rest.prefix(Int(length)))
    rest = rest.dropFirst(Int(length))
    report.withUnsafeBytes { report in
      decoder.append(report) { precondition($0.count <= Framer.messageLengthMax) }
    }
  }
  decoder.reset()
  precondition(!decoder.hasPart)
}

/// Each event is four bytes: type and value, code, and two of time.
private func keys(_ bytes: [UInt8]) {
  guard var decoder = bytes[0] & 1 == 0 ? germanDecoder : usDecoder else {
    preconditionFailure("a layout is not read")
  }
  var at = Instant(nanoseconds: 0)
  var messages = 0
  var index = 1
  while index + 4 <= bytes.count {
    defer { index += 4 }
    at = at + .milliseconds(Int64(bytes[index + 2]) | Int64(bytes[index + 3] & 1) << 8)
    let type: UInt16 = [1, 1, 1, 0x11, 0, 0, 4, 1][Int(bytes[index] & 7)]
    let event = KeyEvent(
      at: at, type: type, code: UInt16(bytes[index + 1]), value: Int32(bytes[index] >> 4 & 3))
    decoder.append(event) { message in
      messages += 1
      precondition(message.count <= Framer.messageLengthMax)
      precondition(message.allSatisfy { $0 == 0x1D || (0x20...0x7E).contains($0) })
    }
    if bytes[index] & 8 != 0 { decoder.synchronise(capsLock: false, numLock: true) }
  }
  let faults = decoder.faults
  decoder.reset()
  precondition(!decoder.hasPart && decoder.faults.cut <= faults.cut + 1)
}

private let usDecoder = decoder(altGr: false)
private let germanDecoder = decoder(altGr: true)

/// A layout in the order of ASCII: what is tried here does not depend on where characters lie.
private func decoder(altGr: Bool) -> KeyboardDecoder? {
  var keys: [String: [String]] = [:]
  for (index, byte) in (UInt8(0x20)...0x7E).enumerated() {
    let key = KeyboardLayout.keys[index % 48].name
    keys[key, default: altGr && index == 0 ? ["", "", "@"] : []].append(String(UnicodeScalar(byte)))
  }
  keys["KPDOT"] = altGr ? ["", "", "."] : ["."]
  if altGr { keys[KeyboardLayout.keys[0].name] = [" ", "P", "@"] }
  return (try? KeyboardLayout(name: "ascii", keys: keys)).map { KeyboardDecoder(layout: $0) }
}
