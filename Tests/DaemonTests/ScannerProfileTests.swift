import Foundation
import Line
import Testing

@testable import Configuration
@testable import Daemon
@testable import Devices

/// The one verifier of all profiles: a file in `config/scanners` is checked by being there.
///
/// Its examples are sent whole, joined, byte by byte, and cut at each place, through what the daemon would make of
/// `[[scanner]] profile = NAME`.
@Suite("Profiles of scanners") struct ScannerProfileTests {
  static let folder = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("config/scanners")

  static let names = ((try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? [])
    .filter { $0.hasSuffix(".toml") }.map { String($0.dropLast(5)) }.sorted()

  private struct Heard: Equatable {
    var reads: [[UInt8]] = []
    var noReads: [[UInt8]] = []
    var answers: [[UInt8]] = []
    var heartbeats: [[UInt8]] = []
    var dropped: UInt64 = 0

    init() {}

    init(_ example: ScannerProfile.Example) {
      reads = example.reads
      noReads = example.noReads
      answers = example.answers
      heartbeats = example.heartbeats
      dropped = UInt64(clamping: example.dropped)
    }

    static func + (left: Heard, right: Heard) -> Heard {
      var sum = left
      sum.reads += right.reads
      sum.noReads += right.noReads
      sum.answers += right.answers
      sum.heartbeats += right.heartbeats
      sum.dropped += right.dropped
      return sum
    }
  }

  private func hear(_ pieces: [[UInt8]], _ scanner: ScannerBank.Scanner) -> Heard {
    var decoder = scanner.makeDecoder()
    var heard = Heard()
    for piece in pieces {
      piece.withUnsafeBytes { bytes in
        decoder.append(bytes, now: Instant(nanoseconds: 1)) { message in
          let copy = Array(message)
          switch scanner.talk.meaning(of: message) {
          case .read: heard.reads.append(copy)
          case .noRead: heard.noReads.append(copy)
          case .answer: heard.answers.append(copy)
          case .heartbeat: heard.heartbeats.append(copy)
          }
        }
      }
    }
    heard.dropped = decoder.faults.dropped
    return heard
  }

  private func configuration(_ name: String) throws -> Configuration {
    let text = """
      line.id = "L01"
      [[scanner]]
      name = "camera-1"
      profile = "\(name)"
      device = "/dev/ttyS0"
      """
    return try Configuration.parse(
      Array(text.utf8), file: "lineward.toml", profiles: [Self.folder.path])
  }

  @Test(
    "every makes' file is there",
    arguments: [
      "cognex-dataman", "keyence-sr", "datalogic-matrix", "omron-microhawk", "honeywell", "zebra",
      "generic",
    ])
  func isThere(name: String) {
    #expect(ScannerProfileTests.names.contains(name))
  }

  @Test("its examples come out as it says, however the bytes are cut", arguments: names)
  func examples(name: String) throws {
    let profile = try ScannerProfile.load(Self.folder.appendingPathComponent("\(name).toml").path)
    #expect(!profile.extras.make.isEmpty && !profile.extras.sources.isEmpty)
    #expect(!profile.extras.notTried.isEmpty, "what nobody saw on a device has to be said")
    let examples = profile.extras.examples
    #expect(examples.contains { !$0.reads.isEmpty } && examples.contains { !$0.noReads.isEmpty })
    let scanner = Composition.scannerSettings(try configuration(name).scanners[0])
    for example in examples {
      let expected = Heard(example)
      #expect(!example.sent.isEmpty, "\(example.name)")
      for cut in 0...example.sent.count {
        let heard = hear(
          [Array(example.sent[..<cut]), Array(example.sent[cut...])], scanner)
        #expect(heard == expected, "\(name): \(example.name), cut at \(cut)")
      }
      #expect(hear(example.sent.map { [$0] }, scanner) == expected, "\(name): \(example.name)")
    }
    let all = examples.map { Heard($0) }.reduce(Heard(), +)
    let joined = examples.flatMap(\.sent)
    #expect(hear([joined], scanner) == all, "\(name), joined")
    #expect(hear(joined.map { [$0] }, scanner) == all, "\(name), joined, byte by byte")
    #expect(hear(examples.map(\.sent), scanner) == all, "\(name), one example a time")
  }

  @Test("what a profile says reaches the core, and a key that is written wins")
  func reaches() throws {
    let settings = Composition.lineSettings(try configuration("datalogic-matrix")).scanners[0]
    #expect(settings.noReads == [Array("?".utf8)])
    #expect(settings.codeSeparator == Array(",]".utf8))
  }
}
