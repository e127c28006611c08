import CLinux
import Glibc
import Line
import Testing

@testable import Devices

/// Report descriptors, written from the usage tables in the ways in which makers lay their reports out.
enum POSDescriptor {
  private static let head: [UInt8] = [
    0x05, 0x8C, 0x09, 0x02, 0xA1, 0x01,  // scanner, application
    0x85, 0x02, 0x09, 0x12, 0xA1, 0x02,  // report 2, scanned data
    0x15, 0x00, 0x26, 0xFF, 0x00,  // 0 to 255
  ]
  private static let length: [UInt8] = [0x05, 0x01, 0x75, 0x08, 0x95, 0x01, 0x09, 0x3B, 0x81, 0x02]
  private static let continued: [UInt8] = [
    0x25, 0x01, 0x75, 0x01, 0x95, 0x01, 0x09, 0xFF, 0x81, 0x02,
    0x75, 0x07, 0x95, 0x01, 0x81, 0x03,  // padding
  ]
  private static let trigger: [UInt8] = [
    0x85, 0x04, 0x09, 0x14, 0xA1, 0x02, 0x15, 0x00, 0x25, 0x01, 0x75, 0x01, 0x95, 0x08,
    0x09, 0x00, 0x09, 0x5F, 0x09, 0x60, 0x09, 0x00, 0x91, 0x06, 0xC0,
  ]

  /// Length, identifier at 2, data at 5 to 60, two bytes of the maker, continued at 63: 64 bytes.
  static let identifierFirst: [UInt8] =
    head + length + [
      0x05, 0x8C, 0x95, 0x03, 0x09, 0xFB, 0x09, 0xFC, 0x09, 0xFD, 0x81, 0x02,
      0x95, 0x38, 0x09, 0xFE, 0x82, 0x02, 0x01,  // buffered bytes
      0x06, 0x66, 0xFF, 0x95, 0x02, 0x09, 0x04, 0x81, 0x02, 0x05, 0x8C,
    ] + continued + [0xC0] + trigger + [
      0x06, 0x66, 0xFF, 0x85, 0xFE, 0x75, 0x08, 0x95, 0x01, 0x09, 0x01, 0xB1, 0x02, 0xC0,
    ]

  /// Length, data at 2 to 57, identifier at 58 by three items, two bytes of the maker, continued at 63; pages pushed and popped.
  static let identifierLast: [UInt8] =
    head + [0xA4] + length + [
      0xB4, 0x75, 0x08, 0x95, 0x38, 0x09, 0xFE, 0x81, 0x02,
      0x95, 0x01, 0x09, 0xFB, 0x81, 0x02, 0x09, 0xFC, 0x81, 0x02,
      0x0B, 0xFD, 0x00, 0x8C, 0x00, 0x81, 0x02,  // with its own page
      0x95, 0x02, 0x81, 0x03,
    ] + continued + [0xC0, 0xC0]

  /// No report numbers, a length of 16 bits, usages as a range, no continued reports: 256 bytes.
  static let unnumbered: [UInt8] = [
    0x05, 0x8C, 0x09, 0x02, 0xA1, 0x01, 0x09, 0x12, 0xA1, 0x02, 0x15, 0x00, 0x26, 0xFF, 0x00,
    0x05, 0x01, 0x75, 0x10, 0x95, 0x01, 0x09, 0x3B, 0x81, 0x02,
    0x05, 0x8C, 0x75, 0x08, 0x95, 0x03, 0x19, 0xFB, 0x29, 0xFD, 0x81, 0x02,
    0x95, 0xFB, 0x09, 0xFE, 0x81, 0x02, 0xC0, 0xC0,
  ]

  /// A keyboard of the boot protocol (USB HID 1.11, appendix B.1).
  static let keyboard: [UInt8] = [
    0x05, 0x01, 0x09, 0x06, 0xA1, 0x01, 0x05, 0x07, 0x19, 0xE0, 0x29, 0xE7, 0x15, 0x00, 0x25, 0x01,
    0x75, 0x01, 0x95, 0x08, 0x81, 0x02, 0x95, 0x01, 0x75, 0x08, 0x81, 0x01, 0x95, 0x05, 0x75, 0x01,
    0x05, 0x08, 0x19, 0x01, 0x29, 0x05, 0x91, 0x02, 0x95, 0x01, 0x75, 0x03, 0x91, 0x01, 0x95, 0x06,
    0x75, 0x08, 0x15, 0x00, 0x25, 0x65, 0x05, 0x07, 0x19, 0x00, 0x29, 0x65, 0x81, 0x00, 0xC0,
  ]
}

@Suite struct HIDReportDescriptorTests {
  private static func problem(_ bytes: [UInt8]) -> HIDReportDescriptor.Problem? {
    do throws(HIDReportDescriptor.Problem) {
      _ = try HIDReportDescriptor(bytes)
      return nil
    } catch {
      return error
    }
  }

  @Test func theBootKeyboardOfTheStandardIsRead() throws {
    let descriptor = try HIDReportDescriptor(POSDescriptor.keyboard)
    #expect(descriptor.applications == [HIDUsage(1, 6)])
    #expect(!descriptor.hasReportNumbers)
    #expect(descriptor.byteCount(.input, report: 0) == 8)
    #expect(descriptor.byteCount(.output, report: 0) == 1)
    #expect(descriptor.byteCount(.feature, report: 0) == nil)
    let input = descriptor.fields.filter { $0.direction == .input }
    #expect(input.map(\.bitOffset) == [0, 8, 16])
    #expect(input.map(\.isVariable) == [true, false, false])
    #expect(input.map(\.isConstant) == [false, true, false])
    #expect(input[2].logicalMaximum == 0x65)
    var usages = input[0].elementUsages
    for id in UInt16(0xE0)...0xE7 { #expect(usages.next() == HIDUsage(7, id)) }
    #expect(usages.next() == HIDUsage(7, 0xE7))
  }

  @Test func itemsOfEverySizeLongOnesAndDelimitersAreUnderstood() throws {
    let descriptor = try HIDReportDescriptor([
      0xFE, 0x03, 0xF0, 1, 2, 3,  // long
      0x07, 0x8C, 0, 0, 0, 0x16, 0xFF, 0xFF, 0x27, 0xFF, 0xFF, 0xFF, 0x7F,  // to 2^31 - 1
      0x75, 0x08, 0x96, 0x02, 0x00, 0xA9, 0x01, 0x09, 0x05, 0x09, 0x06, 0xA9, 0x00, 0x09, 0x07,
      0x81,
      0x02,
    ])
    let field = try #require(descriptor.fields.first)
    #expect(field.logicalMinimum == -1)
    #expect(field.logicalMaximum == 0x7FFF_FFFF)
    #expect(field.count == 2)
    var usages = field.elementUsages
    // Of those that a delimiter holds, the first stands for all.
    #expect(usages.next() == HIDUsage(0x8C, 5))
    #expect(usages.next() == HIDUsage(0x8C, 7))
  }

  @Test func whatIsWrongIsSaidWithItsPlace() {
    #expect(Self.problem([UInt8](repeating: 0, count: 4097)) == .tooLong(4097))
    #expect(Self.problem([0x05]) == .cutItem(at: 0))
    #expect(Self.problem([0x05, 1, 0xFE, 9, 0]) == .cutItem(at: 2))
    #expect(Self.problem([0xB4]) == .popWithoutPush(at: 0))
    #expect(Self.problem([UInt8](repeating: 0xA4, count: 5)) == .pushedTooDeep(at: 4))
    #expect(Self.problem([0xC0]) == .endWithoutCollection(at: 0))
    #expect(Self.problem([UInt8](repeating: 0xA0, count: 17)) == .collectionTooDeep(at: 16))
    #expect(Self.problem([0xA1, 1]) == .openCollection)
    #expect(Self.problem([0x85, 0]) == .reportNumber(at: 0))
    #expect(Self.problem([0x86, 0, 1]) == .reportNumber(at: 0))
    #expect(
      Self.problem([0x75, 8, 0x95, 1, 0x81, 2, 0x85, 1, 0x81, 2]) == .fieldWithoutNumber)
    #expect(
      Self.problem([0x77, 0xFF, 0xFF, 0xFF, 0xFF, 0x97, 0xFF, 0xFF, 0xFF, 0xFF, 0x81, 2])
        == .reportTooLong(at: 10))
    #expect(Self.problem([0x29, 3]) == .usageRange(at: 0))
    #expect(Self.problem([0x19, 4, 0x29, 3]) == .usageRange(at: 2))
    let usages = (0...256).flatMap { _ in [0x09, 1] as [UInt8] }
    #expect(Self.problem(usages) == .tooManyUsages(at: 512))
    let main: [UInt8] = [0x81, 2]
    let fields: [UInt8] = [0x75, 1, 0x95, 1] + [[UInt8]](repeating: main, count: 513).joined()
    #expect(Self.problem(fields) == .tooManyFields(at: 4 + 1024))
  }

  @Test(arguments: [
    POSDescriptor.identifierFirst, POSDescriptor.identifierLast, POSDescriptor.unnumbered,
    POSDescriptor.keyboard,
  ])
  func everyCutAndEveryChangedByteEndsInAValueOrAProblem(bytes: [UInt8]) throws {
    for count in bytes.indices { _ = try? HIDReportDescriptor(Array(bytes[..<count])) }
    for place in bytes.indices {
      for value in UInt8.min...UInt8.max {
        var changed = bytes
        changed[place] = value
        if let descriptor = try? HIDReportDescriptor(changed) { _ = try? HIDPOSDecoder(descriptor) }
      }
    }
  }
}

@Suite struct HIDPOSTests {
  /// How one maker's report is filled.
  struct Maker: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var descriptor: [UInt8]
    var identifierAt: Int
    var dataAt: Int
    var dataCount: Int
    var size: Int
    var lengthBytes = 1
    var continuedAt: Int?

    static let identifierFirst = Maker(
      testDescription: "identifier first", descriptor: POSDescriptor.identifierFirst,
      identifierAt: 2, dataAt: 5, dataCount: 56, size: 64, continuedAt: 63)
    static let identifierLast = Maker(
      testDescription: "identifier last", descriptor: POSDescriptor.identifierLast,
      identifierAt: 58, dataAt: 2, dataCount: 56, size: 64, continuedAt: 63)
    static let unnumbered = Maker(
      testDescription: "no numbers", descriptor: POSDescriptor.unnumbered, identifierAt: 2,
      dataAt: 5, dataCount: 251, size: 256, lengthBytes: 2)
    static let all = [identifierFirst, identifierLast, unnumbered]

    func report(_ data: [UInt8], identifier: [UInt8] = Array("]d2".utf8), continued: Bool = false)
      -> [UInt8]
    {
      // What is not set is a byte that would be seen if it were taken.
      var report = [UInt8](repeating: 0xEE, count: size)
      if lengthBytes == 2 {
        report[0] = UInt8(data.count & 0xFF)
        report[1] = UInt8(data.count >> 8)
      } else {
        report[0] = 2
        report[1] = UInt8(data.count)
      }
      report.replaceSubrange(identifierAt..<(identifierAt + identifier.count), with: identifier)
      report.replaceSubrange(dataAt..<(dataAt + data.count), with: data)
      // The seven bits of padding may hold anything.
      if let continuedAt { report[continuedAt] = continued ? 0x81 : 0x80 }
      return report
    }

    /// A message over as many reports as it needs.
    func reports(_ data: [UInt8]) -> [[UInt8]] {
      guard !data.isEmpty else { return [report([])] }
      return stride(from: 0, to: data.count, by: dataCount).map { start in
        let end = min(start + dataCount, data.count)
        return report(Array(data[start..<end]), continued: end < data.count)
      }
    }

    func decoder() throws -> HIDPOSDecoder {
      try HIDPOSDecoder(try HIDReportDescriptor(descriptor))
    }
  }

  private static func feed(_ decoder: inout HIDPOSDecoder, _ reports: [[UInt8]]) -> [[UInt8]] {
    var messages: [[UInt8]] = []
    for report in reports {
      report.withUnsafeBytes { decoder.append($0) { messages.append(Array($0)) } }
    }
    return messages
  }

  private static let pack = Array("0109506000134352172712311\u{1D}10A7K2\u{1D}21S0001x".utf8)
  private static let identifier = Array("]d2".utf8)

  @Test(arguments: Maker.all)
  func aMessageComesWithItsIdentifierInFrontCutByItsLength(maker: Maker) throws {
    var decoder = try maker.decoder()
    #expect(decoder.hasSymbologyIdentifier)
    for data in [Self.pack, [], [0x41], [0, 0x1D, 0, 0xFF, 0]] {
      #expect(Self.feed(&decoder, [maker.report(data)]) == [Self.identifier + data])
      #expect(!decoder.hasPart)
    }
    #expect(
      Self.feed(&decoder, [maker.report(Self.pack, identifier: [0, 0, 0])]) == [Self.pack],
      "a scanner without an identifier says so by zeros")
    #expect(decoder.faults == .init())
  }

  @Test(arguments: [Maker.identifierFirst, .identifierLast])
  func continuedReportsAreJoinedUpToTheLongestMessage(maker: Maker) throws {
    var decoder = try maker.decoder()
    for count in [57, 112, 113, 500, Framer.messageLengthMax - 3] {
      let data = (0..<count).map { UInt8($0 & 0xFF) }
      let reports = maker.reports(data)
      for report in reports.dropLast() {
        #expect(Self.feed(&decoder, [report]).isEmpty)
        #expect(decoder.hasPart)
      }
      #expect(Self.feed(&decoder, reports.suffix(1)) == [Self.identifier + data])
    }
    #expect(decoder.faults == .init())
    for count in [Framer.messageLengthMax - 2, 5000] {
      let data = [UInt8](repeating: 0x41, count: count)
      #expect(Self.feed(&decoder, maker.reports(data)).isEmpty)
      #expect(!decoder.hasPart)
    }
    #expect(decoder.faults == .init(overlong: 2))
    #expect(Self.feed(&decoder, [maker.report(Self.pack)]) == [Self.identifier + Self.pack])
  }

  @Test(arguments: [Maker.identifierFirst, .identifierLast])
  func halfAMessageIsNeverJoinedWithWhatComesAfterAnUnplug(maker: Maker) throws {
    var decoder = try maker.decoder()
    let reports = maker.reports([UInt8](repeating: 0x41, count: 150))
    for count in 1..<reports.count {
      #expect(Self.feed(&decoder, Array(reports[..<count])).isEmpty)
      decoder.reset()
      #expect(decoder.faults.cut == UInt64(count))
      #expect(Self.feed(&decoder, [maker.report(Self.pack)]) == [Self.identifier + Self.pack])
    }
    decoder.reset()
    #expect(decoder.faults == .init(cut: UInt64(reports.count - 1)))
  }

  @Test func aBadReportSpoilsItsWholeMessageAndNothingElse() throws {
    let maker = Maker.identifierFirst
    func data(_ count: Int) -> [UInt8] { [UInt8](repeating: 0x42, count: count) }
    var tooLong = maker.report(data(56), continued: true)
    tooLong[1] = 57
    let bad: [(String, [[UInt8]])] = [
      ("a length beyond the data", [tooLong, maker.report(data(3))]),
      ("a short report", [Array(maker.report(data(3)).dropLast())]),
      ("nothing but its number", [[2]]),
      ("no byte at all", [[]]),
      ("an identifier that is none", [maker.report(data(3), identifier: Array("d2]".utf8))]),
      (
        "an identifier that changes",
        [
          maker.report(data(56), continued: true),
          maker.report(data(56), identifier: Array("]C1".utf8), continued: true),
          maker.report(data(1)),
        ]
      ),
    ]
    for (name, reports) in bad {
      var decoder = try maker.decoder()
      #expect(Self.feed(&decoder, reports).isEmpty, "\(name)")
      #expect(decoder.faults == .init(malformed: 1), "\(name)")
      #expect(
        Self.feed(&decoder, [maker.report(Self.pack)]) == [Self.identifier + Self.pack], "\(name)")
    }
  }

  @Test func reportsOfOtherKindsArePassedOverAlsoWithinAMessage() throws {
    var decoder = try Maker.identifierLast.decoder()
    var reports = Maker.identifierLast.reports([UInt8](repeating: 0x41, count: 60))
    reports.insert([7, 1, 2, 3], at: 1)
    #expect(Self.feed(&decoder, reports).count == 1)
    #expect(decoder.otherReports == 1)
    #expect(decoder.faults == .init())
  }

  @Test func aMessageByAnotherReportEndsTheOneAtHand() throws {
    var descriptor: [UInt8] = [0x05, 0x8C, 0x09, 0x02, 0xA1, 0x01]
    for number in [UInt8(2), 3] {
      descriptor += [
        0x85, number, 0x05, 0x01, 0x75, 0x08, 0x95, 0x01, 0x09, 0x3B, 0x81, 0x02, 0x05, 0x8C, 0x95,
        0x04, 0x09, 0xFE, 0x81, 0x02, 0x95, 0x01, 0x09, 0xFF, 0x81, 0x02,
      ]
    }
    var decoder = try HIDPOSDecoder(try HIDReportDescriptor(descriptor + [0xC0]))
    #expect(!decoder.hasSymbologyIdentifier)
    let reports: [[UInt8]] = [
      [2, 4, 0x41, 0x41, 0x41, 0x41, 1], [3, 1, 0x42, 0, 0, 0, 0], [2, 1, 0x43, 0, 0, 0, 0],
    ]
    #expect(Self.feed(&decoder, reports) == [[0x42], [0x43]])
    #expect(decoder.faults == .init(cut: 1))
  }

  @Test func theTriggerAndTheSwitchAreTakenFromTheDescriptor() throws {
    let decoder = try Maker.identifierFirst.decoder()
    #expect(decoder.trigger == [4, 0b100])
    #expect(decoder.triggerEnd == [4, 0])
    #expect(try Maker.identifierLast.decoder().trigger == nil)
    let first = try HIDReportDescriptor(POSDescriptor.identifierFirst)
    #expect(HIDPOSDecoder.honeywellSwitch(first) == [254, 1])
    let last = try HIDReportDescriptor(POSDescriptor.identifierLast)
    #expect(HIDPOSDecoder.honeywellSwitch(last) == nil)
  }

  @Test("a report that was cut off within a message spoils what follows it up to the message's end")
  func aCutReportKeepsItsMessageDropped() throws {
    let maker = Maker.identifierFirst
    var decoder = try maker.decoder()
    func data(_ byte: UInt8) -> [UInt8] { [UInt8](repeating: byte, count: 56) }
    let cut = Array(maker.report(data(0x42), continued: true).prefix(20))
    let messages = Self.feed(
      &decoder,
      [
        maker.report(data(0x41), continued: true), cut, maker.report(data(0x43), continued: true),
        maker.report(data(0x44)), maker.report(data(0x45)),
      ])
    #expect(messages == [Array("]d2".utf8) + data(0x45)])
  }

  @Test("decoded data without any element is no decoded data")
  func decodedDataWithoutElementsIsRefused() throws {
    // A range that begins below decoded data, with one element: none of it is the data.
    let descriptor: [UInt8] = [
      0x05, 0x8C, 0x09, 0x02, 0xA1, 0x01, 0x75, 0x08, 0x95, 0x01, 0x05, 0x01, 0x09, 0x3B, 0x81,
      0x02, 0x05, 0x8C, 0x19, 0x00, 0x29, 0xFE, 0x95, 0x01, 0x81, 0x02, 0xC0,
    ]
    guard let parsed = try? HIDReportDescriptor(descriptor) else { return }
    #expect(throws: HIDPOSDecoder.Problem.self) { try HIDPOSDecoder(parsed) }
  }

  @Test func aDeviceWithoutDecodedDataOrLengthIsRefused() throws {
    let keyboard = try HIDReportDescriptor(POSDescriptor.keyboard)
    #expect(throws: HIDPOSDecoder.Problem.noData) { try HIDPOSDecoder(keyboard) }
    let noLength = try HIDReportDescriptor([0x05, 0x8C, 0x75, 8, 0x95, 8, 0x09, 0xFE, 0x81, 2])
    #expect(throws: HIDPOSDecoder.Problem.noByteCount(report: 0)) { try HIDPOSDecoder(noLength) }
    let bits = try HIDReportDescriptor([0x05, 0x8C, 0x75, 7, 0x95, 8, 0x09, 0xFE, 0x81, 2])
    #expect(throws: HIDPOSDecoder.Problem.dataNotBytes(report: 0)) { try HIDPOSDecoder(bits) }
  }

  @Test func whatIsNoSuchDeviceIsSaid() {
    func problem(_ path: String, keyboard: Bool) -> String? {
      do throws(HIDOpening.Problem) {
        if keyboard {
          let layout = try? KeyboardFiles.layout("us")
          guard let layout else { return nil }
          _ = try HIDOpening.keyboard(
            path, layout: layout, suffix: .enter, separatorIsF8: false, now: .init(nanoseconds: 0))
        } else {
          _ = try HIDOpening.scanner(path)
        }
        return nil
      } catch {
        return error.description
      }
    }
    #expect(
      problem("/dev/null", keyboard: false) == "/dev/null cannot be opened: it is not a HID device")
    #expect(
      problem("/dev/null", keyboard: true) == "/dev/null cannot be opened: it is not a keyboard")
    for keyboard in [false, true] {
      #expect(
        problem("/dev/none", keyboard: keyboard)
          == "/dev/none cannot be opened: there is no such device; is it plugged in?")
    }
  }

  @Test func shimsReturnTheErrorAndNotMinusOne() {
    #expect(clinux_evdev_lights(-1) == -EBADF)
    #expect(clinux_hidraw_set_feature(-1, [0], 1) == -EBADF)
  }
}
