/// A usage of the HID Usage Tables: what a field or a collection means.
public struct HIDUsage: Sendable, Hashable, CustomStringConvertible {
  /// The usage page.
  public var page: UInt16
  /// The usage on its page.
  public var id: UInt16

  /// Names a usage.
  public init(_ page: UInt16, _ id: UInt16) {
    self.page = page
    self.id = id
  }

  /// `8C:12`, both in hexadecimal.
  public var description: String {
    String(page, radix: 16, uppercase: true) + ":" + String(id, radix: 16, uppercase: true)
  }
}

/// What a HID device says of its reports: which field stands where, and what it means (USB HID 1.11, 6.2.2).
///
/// Read from the bytes of HIDIOCGRDESC. Whatever the bytes, the end is a value or a `Problem`, within one pass and
/// within the limits below. Units, physical limits and designators are passed over: no scanner's data need them.
public struct HIDReportDescriptor: Sendable, Hashable {
  /// Bytes of a descriptor; Linux takes no longer one (HID_MAX_DESCRIPTOR_SIZE).
  public static let byteCountMax = 4096
  /// Bytes of a report without its number; Linux keeps no longer one (HID_MAX_BUFFER_SIZE).
  public static let reportByteCountMax = 16384
  /// Fields of all reports.
  public static let fieldsMax = 512
  /// Usages and usage ranges before one main item.
  public static let usagesMax = 256
  /// Collections within each other.
  public static let collectionDepthMax = 16
  /// Global states pushed at once; Linux has room for as many.
  public static let pushDepthMax = 4

  /// What is wrong with a descriptor, and at which of its bytes.
  public enum Problem: Error, Sendable, Hashable, CustomStringConvertible {
    /// It has more bytes than `byteCountMax`.
    case tooLong(Int)
    /// An item reaches beyond the end.
    case cutItem(at: Int)
    /// A pop without a push.
    case popWithoutPush(at: Int)
    /// More than `pushDepthMax` pushes are open.
    case pushedTooDeep(at: Int)
    /// An end of a collection that was not begun.
    case endWithoutCollection(at: Int)
    /// More than `collectionDepthMax` collections are open.
    case collectionTooDeep(at: Int)
    /// A collection has no end.
    case openCollection
    /// A report number that is 0 or more than one byte (6.2.2.7).
    case reportNumber(at: Int)
    /// A field without a report number, where other reports have one (5.6).
    case fieldWithoutNumber
    /// A report is longer than `reportByteCountMax`.
    case reportTooLong(at: Int)
    /// There are more than `fieldsMax` fields.
    case tooManyFields(at: Int)
    /// There are more than `usagesMax` usages before one main item.
    case tooManyUsages(at: Int)
    /// A usage range that ends before it begins, or has no beginning or end.
    case usageRange(at: Int)

    /// A sentence, to follow the device's name and a colon.
    public var description: String {
      let what =
        switch self {
        case .tooLong(let count): "it has \(count) bytes, more than \(byteCountMax)"
        case .cutItem(let at): "the item at byte \(at) is cut off"
        case .popWithoutPush(let at): "byte \(at) pops what was not pushed"
        case .pushedTooDeep(let at): "byte \(at) pushes more than \(pushDepthMax) deep"
        case .endWithoutCollection(let at): "byte \(at) ends a collection that was not begun"
        case .collectionTooDeep(let at):
          "byte \(at) begins a collection more than \(collectionDepthMax) deep"
        case .openCollection: "a collection has no end"
        case .reportNumber(let at): "the report number at byte \(at) is none from 1 to 255"
        case .fieldWithoutNumber: "some fields have a report number and some have none"
        case .reportTooLong(let at):
          "byte \(at) makes a report longer than \(reportByteCountMax) bytes"
        case .tooManyFields(let at): "byte \(at) begins more than \(fieldsMax) fields"
        case .tooManyUsages(let at): "byte \(at) names more than \(usagesMax) usages for one field"
        case .usageRange(let at): "the usage range at byte \(at) has no beginning or no end"
        }
      return "its report descriptor cannot be read: \(what)"
    }
  }

  /// Which way a report goes.
  public enum Direction: UInt8, Sendable, Hashable, CaseIterable {
    /// From the device, by itself.
    case input
    /// To the device.
    case output
    /// Both ways, when asked.
    case feature
  }

  /// One main item: `count` elements of `bits` bits, side by side.
  public struct Field: Sendable, Hashable {
    /// Which way its report goes.
    public var direction: Direction
    /// The number of its report, 0 when reports have none.
    public var report: UInt8
    /// Where it begins in its report, in bits, without the byte of the report number.
    public var bitOffset: Int
    /// Bits of each element.
    public var bits: Int
    /// How many elements there are.
    public var count: Int
    /// Padding that means nothing.
    public var isConstant: Bool
    /// One usage for each element; otherwise each element holds the number of a usage (6.2.2.5).
    public var isVariable: Bool
    /// The least value of an element.
    public var logicalMinimum: Int64
    /// The greatest value of an element.
    public var logicalMaximum: Int64
    /// Its usages in order, as ranges on one page.
    public var usages: [UsageRange]
    /// The collections around it, the outermost first.
    public var collections: [HIDUsage]

    /// What its elements mean, one after the other: the last usage stands for all that follow (6.2.2.8), so this ends only
    /// where there is none at all.
    var elementUsages: ElementUsages { ElementUsages(ranges: usages) }
  }

  /// The usages of a field's elements in order.
  struct ElementUsages: IteratorProtocol {
    let ranges: [UsageRange]
    private var range = 0
    private var offset: UInt16 = 0

    init(ranges: [UsageRange]) { self.ranges = ranges }

    mutating func next() -> HIDUsage? {
      guard range < ranges.count else {
        return ranges.last.map { HIDUsage($0.page, $0.last) }
      }
      let current = ranges[range]
      let usage = HIDUsage(current.page, current.first + offset)
      if usage.id == current.last {
        range += 1
        offset = 0
      } else {
        offset += 1
      }
      return usage
    }
  }

  /// Usages `first` to `last` of a page.
  public struct UsageRange: Sendable, Hashable {
    /// The usage page.
    public var page: UInt16
    /// The first usage.
    public var first: UInt16
    /// The last usage, at least `first`.
    public var last: UInt16
  }

  /// All fields, in the order of the descriptor.
  public private(set) var fields: [Field] = []
  /// The outermost collections: what the device is, as 8C:2 a scanner, 1:6 a keyboard.
  public private(set) var applications: [HIDUsage] = []
  /// Whether each report begins with a byte that is its number.
  public private(set) var hasReportNumbers = false
  /// Bits of each report so far; the key is direction and number.
  private var reportBits: [Int: Int] = [:]

  /// Reads a descriptor.
  public init(_ bytes: [UInt8]) throws(Problem) {
    guard bytes.count <= Self.byteCountMax else { throw .tooLong(bytes.count) }
    var parser = Parser()
    var place = 0
    while place < bytes.count {
      place = try parser.item(bytes, at: place, into: &self)
    }
    guard parser.collections.isEmpty else { throw .openCollection }
    if hasReportNumbers, fields.contains(where: { $0.report == 0 }) { throw .fieldWithoutNumber }
  }

  /// Whether a top-level collection is on usage page 0x8C, bar code scanner (HID Point of Sale Usage Tables 1.02).
  public var isBarCodeScanner: Bool { applications.contains { $0.page == 0x8C } }

  /// Bytes of a report as read(2) and the ioctls have it, its number included where there is one; nil when the
  /// device has no such report.
  public func byteCount(_ direction: Direction, report: UInt8) -> Int? {
    guard let bits = reportBits[Self.key(direction, report)] else { return nil }
    return (bits + 7) / 8 + (hasReportNumbers ? 1 : 0)
  }

  private static func key(_ direction: Direction, _ report: UInt8) -> Int {
    Int(direction.rawValue) << 8 | Int(report)
  }

  /// Adds a field behind those that its report has.
  private mutating func add(_ field: Field, at place: Int) throws(Problem) {
    guard fields.count < Self.fieldsMax else { throw .tooManyFields(at: place) }
    let key = Self.key(field.direction, field.report)
    let offset = reportBits[key] ?? 0
    let bitsMax = Self.reportByteCountMax * 8
    // Each factor for itself first: both have up to 32 bits, and their product would not fit.
    guard field.bits <= bitsMax, field.count <= bitsMax else { throw .reportTooLong(at: place) }
    let bits = offset + field.bits * field.count
    guard bits <= bitsMax else { throw .reportTooLong(at: place) }
    reportBits[key] = bits
    guard field.bits > 0, field.count > 0 else { return }
    var field = field
    field.bitOffset = offset
    fields.append(field)
  }

  /// The item state table of 5.4 and 6.2.2.4 to 6.2.2.8.
  private struct Parser {
    /// What holds until it is said otherwise.
    struct Global {
      var page: UInt16 = 0
      var logicalMinimum: Int64 = 0
      var logicalMaximum: Int64 = 0
      var size = 0
      var count = 0
      var report: UInt8 = 0
    }

    /// A usage as written: on the page that is in force at the main item, unless it brings its own.
    struct Usage {
      var page: UInt16?
      var first: UInt16
      var last: UInt16
    }

    var global = Global()
    var pushed: [Global] = []
    var usages: [Usage] = []
    var rangeBegin: (page: UInt16?, id: UInt16)?
    /// Within a delimiter only the first usage counts, the others say the same in other words.
    var isDelimited = false
    var delimitedHasUsage = false
    var collections: [HIDUsage] = []

    /// Takes the item at `place`; returns where the next one begins.
    mutating func item(
      _ bytes: [UInt8], at place: Int, into descriptor: inout HIDReportDescriptor
    ) throws(Problem) -> Int {
      let prefix = bytes[place]
      // Long items (6.2.2.3) have no meaning defined; they are passed over whole.
      if prefix == 0xFE {
        guard place + 2 < bytes.count else { throw .cutItem(at: place) }
        let end = place + 3 + Int(bytes[place + 1])
        guard end <= bytes.count else { throw .cutItem(at: place) }
        return end
      }
      let size = [0, 1, 2, 4][Int(prefix & 3)]
      let end = place + 1 + size
      guard end <= bytes.count else { throw .cutItem(at: place) }
      var value: UInt32 = 0
      for index in 0..<size { value |= UInt32(bytes[place + 1 + index]) << UInt32(8 * index) }
      switch prefix >> 2 & 3 {
      case 0: try main(prefix >> 4, value, place, &descriptor)
      case 1: try globalItem(prefix >> 4, value, size, place, &descriptor)
      case 2: try local(prefix >> 4, value, size, place)
      // Reserved.
      default: break
      }
      return end
    }

    private mutating func main(
      _ tag: UInt8, _ value: UInt32, _ place: Int, _ descriptor: inout HIDReportDescriptor
    ) throws(Problem) {
      switch tag {
      case 0x8: try field(.input, value, place, &descriptor)
      case 0x9: try field(.output, value, place, &descriptor)
      case 0xB: try field(.feature, value, place, &descriptor)
      case 0xA:
        guard collections.count < collectionDepthMax else { throw .collectionTooDeep(at: place) }
        let usage = usages.first.map { HIDUsage($0.page ?? global.page, $0.first) }
        let collection = usage ?? HIDUsage(global.page, 0)
        if collections.isEmpty { descriptor.applications.append(collection) }
        collections.append(collection)
      case 0xC:
        guard collections.popLast() != nil else { throw .endWithoutCollection(at: place) }
      default: break
      }
      usages.removeAll(keepingCapacity: true)
      rangeBegin = nil
      isDelimited = false
    }

    private func field(
      _ direction: Direction, _ value: UInt32, _ place: Int,
      _ descriptor: inout HIDReportDescriptor
    ) throws(Problem) {
      try descriptor.add(
        Field(
          direction: direction, report: global.report, bitOffset: 0, bits: global.size,
          count: global.count, isConstant: value & 1 != 0, isVariable: value & 2 != 0,
          logicalMinimum: global.logicalMinimum, logicalMaximum: global.logicalMaximum,
          usages: usages.map {
            UsageRange(page: $0.page ?? global.page, first: $0.first, last: $0.last)
          }, collections: collections), at: place)
    }

    private mutating func globalItem(
      _ tag: UInt8, _ value: UInt32, _ size: Int, _ place: Int,
      _ descriptor: inout HIDReportDescriptor
    ) throws(Problem) {
      switch tag {
      case 0x0: global.page = UInt16(truncatingIfNeeded: value)
      case 0x1: global.logicalMinimum = Self.signed(value, size)
      case 0x2: global.logicalMaximum = Self.signed(value, size)
      case 0x7: global.size = Int(value)
      case 0x8:
        guard (1...255).contains(value) else { throw .reportNumber(at: place) }
        global.report = UInt8(value)
        descriptor.hasReportNumbers = true
      case 0x9: global.count = Int(value)
      case 0xA:
        guard pushed.count < pushDepthMax else { throw .pushedTooDeep(at: place) }
        pushed.append(global)
      case 0xB:
        guard let last = pushed.popLast() else { throw .popWithoutPush(at: place) }
        global = last
      default: break
      }
    }

    private mutating func local(
      _ tag: UInt8, _ value: UInt32, _ size: Int, _ place: Int
    ) throws(Problem) {
      // Four bytes bring their own page (6.2.2.8).
      let page = size == 4 ? UInt16(value >> 16) : nil
      let id = UInt16(truncatingIfNeeded: value)
      switch tag {
      case 0x0: try add(Usage(page: page, first: id, last: id), place)
      case 0x1: rangeBegin = (page, id)
      case 0x2:
        guard let begin = rangeBegin, begin.id <= id, begin.page == page else {
          throw .usageRange(at: place)
        }
        rangeBegin = nil
        try add(Usage(page: page, first: begin.id, last: id), place)
      case 0xA:
        isDelimited = value == 1
        delimitedHasUsage = false
      default: break
      }
    }

    private mutating func add(_ usage: Usage, _ place: Int) throws(Problem) {
      if isDelimited, delimitedHasUsage { return }
      delimitedHasUsage = true
      guard usages.count < usagesMax else { throw .tooManyUsages(at: place) }
      usages.append(usage)
    }

    private static func signed(_ value: UInt32, _ size: Int) -> Int64 {
      switch size {
      case 1: Int64(Int8(truncatingIfNeeded: value))
      case 2: Int64(Int16(truncatingIfNeeded: value))
      default: Int64(Int32(bitPattern: value))
      }
    }
  }
}
