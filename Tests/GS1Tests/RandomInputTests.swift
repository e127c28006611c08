import Testing

@testable import GS1

/// No input crashes, hangs or is read out of bounds; what is accepted lies within the scan.
@Suite struct RandomInputTests {
  /// Characters that lead deep into the parser.
  private static let alphabet = Array(
    "0123456789012345678901ABCxyz\u{1D}\u{1D}]d2]d1]E0|]e0%2F?&=/#^ ()[)>\u{1E}\u{4}https://".utf8)

  @Test func mutatedMessagesKeepWithinTheScan() {
    var source = ValidMessages(seed: 7)
    var scans: [[UInt8]] = []
    for ai in ApplicationIdentifier.all {
      guard let message = source.message(with: ai) else { continue }
      if let scan = try? MessageWriter.elementStrings(message) { scans.append(scan) }
      if let uri = try? MessageWriter.digitalLink(message) { scans.append(Array("]d1\(uri)".utf8)) }
    }
    var generator = SeededGenerator(seed: 11)
    for scan in scans {
      for _ in 0..<20 { check(mutated(scan, using: &generator)) }
      for length in 0...scan.count { check(Array(scan.prefix(length))) }
    }
  }

  @Test func randomBytesKeepWithinTheScan() {
    var generator = SeededGenerator(seed: 13)
    for round in 0..<2000 {
      let length = Int.random(in: 0...(round % 50 == 0 ? 10_000 : 120), using: &generator)
      let start = ["]d2", "]d1https://a/01/", "]E0", "]d1[)>\u{1E}06\u{1D}9N", ""]
      let body = (0..<length).map { _ in Self.alphabet.randomElement(using: &generator) ?? 0 }
      check(Array((start.randomElement(using: &generator) ?? "").utf8) + body)
    }
  }

  /// The longest messages that can be, of one kind of byte.
  @Test(arguments: [
    "]d2", "]d210", "]d2010950600013435210", "]d1https://a/01/", "]d1https://a/?", "]E0",
  ])
  func longMessagesEnd(start: String) {
    for byte in Self.alphabet {
      check(Array(start.utf8) + Array(repeating: byte, count: 10_000))
    }
  }

  private func check(_ scan: [UInt8]) {
    do throws(GS1Error) {
      let message = try Message.parse(scan.span)
      #expect(message.count <= Message.elementCountMax)
      for index in 0..<message.count {
        #expect(!message[index].valueRange.isEmpty)
        #expect(message[index].valueRange.upperBound <= scan.count)
      }
      #expect(try Message.elements(in: scan).count == message.count)
      #expect(try Message.packIdentifier(in: scan.span).serial == message.value(of: .serial))
    } catch {
      #expect(throws: error) { try Message.packIdentifier(in: scan.span) }
      #expect(error.offset >= 0 && error.offset <= scan.count, "\(error)")
      #expect(!error.message.isEmpty)
    }
    #expect(!Message.explanation(of: scan).isEmpty)
    _ = try? Envelope.parse(scan.span)
    _ = try? GTIN.linear(scan.span)
  }

  private func mutated(_ scan: [UInt8], using generator: inout SeededGenerator) -> [UInt8] {
    var scan = scan
    for _ in 0..<Int.random(in: 1...4, using: &generator) {
      let place = Int.random(in: 0..<scan.count, using: &generator)
      let byte = Self.alphabet.randomElement(using: &generator) ?? 0
      switch UInt8.random(in: 0...3, using: &generator) {
      case 0: scan[place] = byte
      case 1: scan.insert(byte, at: place)
      case 2 where scan.count > 1: scan.remove(at: place)
      default: scan[place] = UInt8.random(in: 0...255, using: &generator)
      }
    }
    return scan
  }
}
