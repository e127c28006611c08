/// Takes messages out of the reports of a HID POS scanner (HID Point of Sale Usage Tables 1.02, usage page 8C).
///
/// Where byte count, symbology identifier, data and the mark of a continued message stand is taken from the report
/// descriptor, because makers differ. Data are cut by their byte count; NUL is a byte like any other. A message comes
/// out as a serial scanner sends it, with its AIM identifier in front. One of more than `Framer.messageLengthMax` bytes is
/// dropped with all its reports and counted. Nothing is allocated after `init`.
public struct HIDPOSDecoder: Sendable {
  /// Why a device is no HID POS scanner that can be read.
  public enum Problem: Error, Sendable, Hashable, CustomStringConvertible {
    /// No input report has decoded data (8C:FE).
    case noData
    /// The report has no byte count (1:3B), so the data's end is not known.
    case noByteCount(report: UInt8)
    /// The data are no bytes side by side.
    case dataNotBytes(report: UInt8)

    /// A sentence, to follow the device's name and a colon.
    public var description: String {
      switch self {
      case .noData:
        "no report of it holds decoded data (usage 8C:FE); it is no HID POS scanner, or is set to another interface"
      case .noByteCount(let report):
        "its report \(report) does not say how many bytes it holds (usage 1:3B); set it to another interface"
      case .dataNotBytes(let report):
        "its report \(report) does not hold its data as bytes side by side; set it to another interface"
      }
    }
  }

  /// What went wrong with reports.
  public struct Faults: Sendable, Hashable {
    /// Messages longer than `Framer.messageLengthMax`.
    public var overlong: UInt64 = 0
    /// Messages whose last report had not come when the device went, or another message began.
    public var cut: UInt64 = 0
    /// Messages with a report that is too short, a byte count beyond its data, or a symbology identifier that is none or
    /// changes on the way.
    public var malformed: UInt64 = 0
  }

  /// Where things stand in one report; bits and bytes count from behind the report number.
  private struct Layout {
    var report: UInt8
    /// Bytes that have to be there.
    var byteCount: Int
    var lengthAt: Int
    var lengthBits: Int
    var dataAt: Int
    var dataCount: Int
    /// Bits of the three symbology identifiers; -1 without them.
    var symbologyAt: (Int, Int, Int)
    /// -1 without continued messages.
    var continuedAt: Int
    var continuedBits: Int
  }

  private static let page: UInt16 = 0x8C
  private static let byteCountUsage = HIDUsage(0x01, 0x3B)
  private static let rawScannedData = HIDUsage(page, 0x13)
  private static let triggerReport = HIDUsage(page, 0x14)
  private static let initiateBarcodeRead = HIDUsage(page, 0x60)
  private static let decodedData = HIDUsage(page, 0xFE)
  private static let decodedDataContinued = HIDUsage(page, 0xFF)

  /// What went wrong since the start.
  public private(set) var faults = Faults()
  /// Reports of other kinds, as of status; they are passed over.
  public private(set) var otherReports: UInt64 = 0
  /// Whether messages can bring their AIM identifier; without it none can be told to be GS1.
  public let hasSymbologyIdentifier: Bool
  /// The output report that starts a read, with its number in front as write(2) wants it; nil without one.
  public let trigger: [UInt8]?
  /// The output report that ends a read; nil without one.
  public let triggerEnd: [UInt8]?
  private let hasReportNumbers: Bool
  private let layouts: [Layout]
  /// A message so far, identifier included; `held` bytes of it.
  private var buffer = [UInt8](repeating: 0, count: Framer.messageLengthMax)
  private var held = 0
  /// Whether the message at hand has an identifier in front.
  private var identified = false
  /// The report by which the message at hand came; nil between messages.
  private var under: UInt8?
  /// The message at hand is lost already.
  private var dropping = false

  /// Finds its way through a device's reports.
  public init(_ descriptor: HIDReportDescriptor) throws(Problem) {
    var layouts: [Layout] = []
    var reports: [UInt8] = []
    for field in descriptor.fields where field.direction == .input && !field.isConstant {
      if Self.isScannedData(field), Self.has(field, Self.decodedData),
        !reports.contains(field.report)
      {
        reports.append(field.report)
      }
    }
    for report in reports { layouts.append(try Self.layout(descriptor, report)) }
    guard !layouts.isEmpty else { throw .noData }
    self.layouts = layouts
    hasReportNumbers = descriptor.hasReportNumbers
    hasSymbologyIdentifier = layouts.allSatisfy { $0.symbologyAt.0 >= 0 }
    trigger = Self.triggerReport(descriptor, 1)
    triggerEnd = Self.triggerReport(descriptor, 0)
  }

  /// Whether part of a message waits for its last report.
  public var hasPart: Bool { under != nil }

  /// Forgets a message whose last report has not come: after an unplug its rest belongs to nothing.
  public mutating func reset() {
    if under != nil, !dropping { faults.cut &+= 1 }
    begin()
  }

  /// Takes one report as read(2) on hidraw brings it, and hands a complete message to `body`.
  ///
  /// The bytes given to `body` may not be kept after it returns.
  public mutating func append(
    _ report: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) -> Void
  ) {
    var number: UInt8 = 0
    var bytes = report
    if hasReportNumbers {
      guard let first = report.first else { return malformed(continues: false) }
      number = first
      bytes = UnsafeRawBufferPointer(rebasing: report[1...])
    }
    guard let layout = layouts.first(where: { $0.report == number }) else {
      otherReports &+= 1
      return
    }
    // A message by another report begins a new one; the old one will not end any more.
    if let under, under != number { reset() }
    under = number
    // Whether a report that was cut off goes on is not known: within a message, what follows may be its rest.
    guard bytes.count >= layout.byteCount else {
      return malformed(continues: held > 0 || dropping)
    }
    let continues =
      layout.continuedAt >= 0 && Self.value(bytes, layout.continuedAt, layout.continuedBits) != 0
    let length = Self.value(bytes, layout.lengthAt, layout.lengthBits)
    guard length <= UInt64(layout.dataCount) else { return malformed(continues: continues) }
    if !dropping {
      guard takeSymbology(bytes, layout) else { return malformed(continues: continues) }
      hold(
        UnsafeRawBufferPointer(
          rebasing: bytes[layout.dataAt..<(layout.dataAt + Int(length))]))
    }
    guard !continues else { return }
    if !dropping {
      let count = held
      buffer.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
    }
    begin()
  }

  /// Makes ready for the next message.
  private mutating func begin() {
    held = 0
    under = nil
    dropping = false
  }

  /// The report at hand spoils its message; the rest of it is dropped too.
  private mutating func malformed(continues: Bool) {
    if !dropping { faults.malformed &+= 1 }
    dropping = true
    if !continues { begin() }
  }

  /// Puts the identifier in front of a message that begins; one that goes on has to have the same one, or none.
  private mutating func takeSymbology(_ bytes: UnsafeRawBufferPointer, _ layout: Layout) -> Bool {
    guard layout.symbologyAt.0 >= 0 else { return true }
    let first = UInt8(truncatingIfNeeded: Self.value(bytes, layout.symbologyAt.0, 8))
    let second = UInt8(truncatingIfNeeded: Self.value(bytes, layout.symbologyAt.1, 8))
    let third = UInt8(truncatingIfNeeded: Self.value(bytes, layout.symbologyAt.2, 8))
    // Three zeros are how a scanner says that it has none.
    if first == 0, second == 0, third == 0 {
      if held == 0 { identified = false }
      return true
    }
    guard first == UInt8(ascii: "]"), second != 0, third != 0 else { return false }
    guard held > 0 else {
      buffer[0] = first
      buffer[1] = second
      buffer[2] = third
      held = 3
      identified = true
      return true
    }
    return identified && buffer[1] == second && buffer[2] == third
  }

  private mutating func hold(_ bytes: UnsafeRawBufferPointer) {
    let place = held
    guard place + bytes.count <= buffer.count else {
      faults.overlong &+= 1
      dropping = true
      return
    }
    buffer.withUnsafeMutableBytes { buffer in
      UnsafeMutableRawBufferPointer(rebasing: buffer[place..<(place + bytes.count)])
        .copyMemory(from: bytes)
    }
    held = place + bytes.count
  }

  /// A value of up to 32 bits, the lowest bit first (6.2.2.5, 8.4); `layout` has checked that the bytes are there.
  private static func value(_ bytes: UnsafeRawBufferPointer, _ bit: Int, _ bits: Int) -> UInt64 {
    if bit & 7 == 0, bits == 8 { return UInt64(bytes[bit >> 3]) }
    var value: UInt64 = 0
    for index in 0..<bits {
      let place = bit + index
      value |= UInt64(bytes[place >> 3] >> UInt8(place & 7) & 1) << UInt64(index)
    }
    return value
  }

  // MARK: From the descriptor

  /// Raw data come beside decoded ones on some devices and are something else.
  private static func isScannedData(_ field: HIDReportDescriptor.Field) -> Bool {
    !field.collections.contains(rawScannedData)
  }

  private static func has(_ field: HIDReportDescriptor.Field, _ usage: HIDUsage) -> Bool {
    field.usages.contains {
      $0.page == usage.page && $0.first <= usage.id && usage.id <= $0.last
    }
  }

  private static func layout(
    _ descriptor: HIDReportDescriptor, _ report: UInt8
  ) throws(Problem) -> Layout {
    var layout = Layout(
      report: report, byteCount: 0, lengthAt: -1, lengthBits: 0, dataAt: -1, dataCount: 0,
      symbologyAt: (-1, -1, -1), continuedAt: -1, continuedBits: 0)
    for field in descriptor.fields
    where field.direction == .input && field.report == report && !field.isConstant
      && isScannedData(field)
    {
      var usages = field.elementUsages
      for index in 0..<field.count {
        let bit = field.bitOffset + index * field.bits
        guard let usage = usages.next() else { break }
        switch usage {
        case byteCountUsage where layout.lengthAt < 0 && field.bits <= 32:
          layout.lengthAt = bit
          layout.lengthBits = field.bits
        case decodedData:
          let isNext = layout.dataAt < 0 || bit == (layout.dataAt + layout.dataCount) * 8
          guard field.bits == 8, bit & 7 == 0, isNext else {
            throw .dataNotBytes(report: report)
          }
          if layout.dataAt < 0 { layout.dataAt = bit >> 3 }
          layout.dataCount += 1
        case decodedDataContinued where layout.continuedAt < 0 && field.bits <= 32:
          layout.continuedAt = bit
          layout.continuedBits = field.bits
        case HIDUsage(page, 0xFB) where field.bits == 8: layout.symbologyAt.0 = bit
        case HIDUsage(page, 0xFC) where field.bits == 8: layout.symbologyAt.1 = bit
        case HIDUsage(page, 0xFD) where field.bits == 8: layout.symbologyAt.2 = bit
        default: continue
        }
        layout.byteCount = max(layout.byteCount, (bit + field.bits + 7) / 8)
      }
    }
    guard layout.lengthAt >= 0 else { throw .noByteCount(report: report) }
    guard layout.dataAt >= 0, layout.dataCount > 0 else { throw .noData }
    let symbology = layout.symbologyAt
    if min(symbology.0, symbology.1, symbology.2) < 0 { layout.symbologyAt = (-1, -1, -1) }
    return layout
  }

  /// The output report of 8C:14 with "initiate barcode read" (8C:60) at `value` and all else 0.
  private static func triggerReport(
    _ descriptor: HIDReportDescriptor, _ value: UInt8
  ) -> [UInt8]? {
    for field in descriptor.fields
    where field.direction == .output && !field.isConstant
      && field.collections.contains(triggerReport)
    {
      var usages = field.elementUsages
      guard
        let index = (0..<field.count).first(where: { _ in usages.next() == initiateBarcodeRead }),
        let count = descriptor.byteCount(.output, report: field.report)
      else { continue }
      // Without numbers write(2) on hidraw still wants a first byte, 0.
      var bytes = [UInt8](repeating: 0, count: count + (descriptor.hasReportNumbers ? 0 : 1))
      bytes[0] = field.report
      let bit = field.bitOffset + index * field.bits
      bytes[1 + bit >> 3] |= value << UInt8(bit & 7)
      return bytes
    }
    return nil
  }

  /// The feature report that sets a Honeywell scanner to HID POS, for HIDIOCSFEATURE.
  ///
  /// Nil where the device has no feature report 254. Afterwards it goes and comes again as another device.
  public static func honeywellSwitch(_ descriptor: HIDReportDescriptor) -> [UInt8]? {
    guard descriptor.hasReportNumbers,
      let count = descriptor.byteCount(.feature, report: 254), count >= 2
    else { return nil }
    var bytes = [UInt8](repeating: 0, count: count)
    bytes[0] = 254
    bytes[1] = 1
    return bytes
  }
}
