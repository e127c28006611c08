import CUdev
import Glibc
import Testing

@testable import Devices

/// What the finder does with the kernel's answers; with devices it is tried by `Tests/system/discover-test`.
@Suite struct DeviceFinderTests {
  @Test func anOverflowOfTheMonitorEnumeratesAgainOnce() {
    var finder = DeviceFinder()
    #expect(finder.enumerations == 1)
    var answers: [Int32] = [-ENOBUFS, -EINTR, -ENOBUFS, -ENOBUFS]
    finder.receive = { _ in answers.popLast() ?? -EAGAIN }
    let before = finder.devices
    #expect(!finder.drain() && finder.devices == before, "nothing came or went meanwhile")
    #expect(finder.enumerations == 2)
    _ = finder.drain()
    #expect(finder.enumerations == 2, "and nothing is done without an event")
  }

  @Test(arguments: [0, -ENOBUFS, -EINTR, -EIO, -ENOMEM] as [Int32])
  func drainEndsWhateverTheMonitorSays(code: Int32) {
    var finder = DeviceFinder()
    var calls = 0
    finder.receive = { _ in
      calls += 1
      return code
    }
    _ = finder.drain()
    #expect(calls <= DeviceFinder.eventsMax)
    #expect(finder.enumerations <= 2)
  }

  @Test func findersLeaveNoDescriptorBehind() {
    func openDescriptors() -> Int { (0..<4096).count { fcntl(Int32($0), F_GETFD) >= 0 } }
    // Other tests open and close besides; a leak would show a hundred times.
    let before = openDescriptors()
    for _ in 0..<100 { _ = DeviceFinder().descriptor }
    #expect(openDescriptors() < before + 50)
  }

  // MARK: Report descriptors

  /// A bar code scanner with one input report, as in HID Point of Sale Usage Tables 1.02, appendix.
  static let pointOfSale: [UInt8] = [
    0x05, 0x8C, 0x09, 0x02, 0xA1, 0x01, 0x09, 0x12, 0xA1, 0x02, 0x85, 0x02, 0x15, 0x00, 0x26, 0xFF,
    0x00, 0x75, 0x08, 0x95, 0x38, 0x05, 0x8C, 0x09, 0xFE, 0x81, 0x02, 0xC0, 0xC0,
  ]
  static let keyboard: [UInt8] = [
    0x05, 0x01, 0x09, 0x06, 0xA1, 0x01, 0x05, 0x07, 0x19, 0xE0, 0x29, 0xE7, 0x15, 0x00, 0x25, 0x01,
    0x75, 0x01, 0x95, 0x08, 0x81, 0x02, 0xC0,
  ]

  private func isBarCodeScanner(_ bytes: some Sequence<UInt8>) -> Bool {
    (try? HIDReportDescriptor(Array(bytes)))?.isBarCodeScanner ?? false
  }

  @Test func aBarCodeScannerIsKnownByItsUsagePage() {
    #expect(isBarCodeScanner(Self.pointOfSale))
    #expect(!isBarCodeScanner(Self.keyboard))
    #expect(
      isBarCodeScanner(
        Self.keyboard[..<6] + [0x85, 0x01] + Self.keyboard[6...] + Self.pointOfSale),
      "the second one")
    #expect(
      !isBarCodeScanner(Self.keyboard + Self.pointOfSale), "reports with and without numbers")
    #expect(isBarCodeScanner([0x06, 0x8C, 0x00, 0x09, 0x02, 0xA1, 0x01, 0xC0]))
    #expect(isBarCodeScanner([0x0B, 0x02, 0x00, 0x8C, 0x00, 0xA1, 0x01, 0xC0]))
    #expect(
      isBarCodeScanner([0xFE, 0x02, 0x00, 0x05, 0x01] + Self.pointOfSale),
      "behind a long item")
    // Two bytes of data that look like the usage page, and the page inside a collection of another.
    #expect(
      !isBarCodeScanner([0x05, 0x01, 0x26, 0x05, 0x8C, 0x09, 0x02, 0xA1, 0x01]))
    #expect(
      !isBarCodeScanner([
        0x05, 0x01, 0x09, 0x06, 0xA1, 0x01, 0x05, 0x8C, 0xA1, 0x02,
      ]))
  }

  @Test func noBytesEndTheReader() {
    for length in 0...Self.pointOfSale.count {
      _ = isBarCodeScanner(Self.pointOfSale.prefix(length))
    }
    var generator = SplitMix(seed: 7)
    for _ in 0..<20_000 {
      let bytes = (0..<Int.random(in: 0..<64, using: &generator)).map { _ in
        UInt8.random(in: 0...255, using: &generator)
      }
      _ = isBarCodeScanner(bytes)
    }
  }
}

/// The same numbers for the same seed (Steele, Lea, Flood 2014).
private struct SplitMix: RandomNumberGenerator {
  private var state: UInt64
  init(seed: UInt64) { state = seed }
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
