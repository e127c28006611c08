import Line
import Testing

@testable import Devices

@Suite("Marks of a serial line, pauses, lost characters")
struct FrameDecoderTests {
  private func at(_ milliseconds: Int64) -> Instant {
    Instant(nanoseconds: 1_000_000_000 + milliseconds * 1_000_000)
  }

  private func take(
    _ decoder: inout FrameDecoder, _ bytes: [UInt8], _ milliseconds: Int64 = 0
  ) -> [String] {
    var messages: [String] = []
    bytes.withUnsafeBytes {
      decoder.append($0, now: at(milliseconds)) {
        messages.append(String(decoding: $0, as: UTF8.self))
      }
    }
    return messages
  }

  private static let text = ScannerFraming(suffix: [0x0D])
  private static let control = ScannerFraming(prefix: [0x02], suffix: [0x0D])

  @Test("marks cut anywhere give the same messages and counts")
  func cutMarks() {
    let bytes: [UInt8] =
      Array("a".utf8) + [0xFF, 0xFF] + Array("b\rc".utf8) + [0xFF, 0x00, 0x64]
      + Array("e\rf\r".utf8)
      + [0xFF, 0x00, 0x00] + Array("g\rh\r".utf8) + [0xFF, 0xFF, 0xFF, 0x00, 0x0D]
      + Array("i\rj\r".utf8)
    for first in 0...bytes.count {
      for second in first...bytes.count {
        var decoder = FrameDecoder(Self.text, marks: true)
        var raw: [[UInt8]] = []
        for piece in [bytes[..<first], bytes[first..<second], bytes[second...]] {
          Array(piece).withUnsafeBytes { decoder.append($0, now: at(0)) { raw.append(Array($0)) } }
        }
        #expect(
          raw == [[0x61, 0xFF, 0x62], [0x66], [0x68], [0x6A]], "cut at \(first) and \(second)")
        #expect(decoder.faults.charactersInError == 2 && decoder.faults.breaks == 1)
        #expect(decoder.faults.framing.spoiled == 3 && !decoder.hasPart)
      }
    }
  }

  @Test("without marks FF is data like any other")
  func noMarks() {
    var decoder = FrameDecoder(Self.text, marks: false)
    var raw: [[UInt8]] = []
    let bytes: [UInt8] = [0xFF, 0x00, 0x41, 0xFF, 0xFF, 0x0D]
    bytes.withUnsafeBytes { decoder.append($0, now: at(0)) { raw.append(Array($0)) } }
    #expect(raw == [[0xFF, 0x00, 0x41, 0xFF, 0xFF]])
  }

  @Test("an error before a prefix that is a control character hurts nothing behind it")
  func prefixAfterError() {
    let error: [UInt8] = [0xFF, 0x00, 0x41]
    for (bytes, messages, spoiled) in [
      (error + [0x02] + Array("a\r".utf8), ["a"], 0),
      ([0x02] + error + Array("a\r".utf8), [], 1),
      ([0x02] + Array("x".utf8) + error + [0x02] + Array("a\r".utf8), ["a"], 0),
      ([0x02] + Array("a".utf8) + error + [0x0D, 0x02] + Array("b\r".utf8), ["b"], 1),
    ] as [([UInt8], [String], UInt64)] {
      for cut in 0...bytes.count {
        var decoder = FrameDecoder(Self.control, marks: true)
        let came = take(&decoder, Array(bytes[..<cut])) + take(&decoder, Array(bytes[cut...]))
        #expect(came == messages, "\(bytes) cut at \(cut)")
        #expect(decoder.faults.framing.spoiled == spoiled, "\(bytes) cut at \(cut)")
      }
    }
  }

  @Test("a pause within a message voids it, and one between messages nothing")
  func pauses() {
    var decoder = FrameDecoder(ScannerFraming(suffix: [0x0D], gap: .milliseconds(20)), marks: false)
    #expect(take(&decoder, Array("ab".utf8), 0) == [])
    #expect(decoder.deadline == at(20))
    #expect(take(&decoder, Array("c\r".utf8), 19) == ["abc"])
    #expect(decoder.deadline == nil)
    #expect(take(&decoder, Array("d\re".utf8), 500) == ["d"])
    #expect(take(&decoder, Array("f\rg\r".utf8), 520) == ["f", "g"])
    #expect(decoder.faults.framing == Framer.Faults(paused: 1))
  }

  @Test("without a suffix the pause ends the message, and the longest has a bound")
  func pauseEnds() {
    var decoder = FrameDecoder(
      ScannerFraming(suffix: [], gap: .milliseconds(20), messageLengthMax: 4), marks: false)
    #expect(take(&decoder, Array("ab".utf8), 0) == [])
    #expect(take(&decoder, Array("cd".utf8), 10) == [])
    #expect(take(&decoder, Array("e".utf8), 30) == ["abcd"])
    var ended: [String] = []
    decoder.advance(now: at(49)) { ended.append(String(decoding: $0, as: UTF8.self)) }
    #expect(ended == [])
    decoder.advance(now: at(50)) { ended.append(String(decoding: $0, as: UTF8.self)) }
    decoder.advance(now: at(90)) { ended.append(String(decoding: $0, as: UTF8.self)) }
    #expect(ended == ["e"])
    #expect(take(&decoder, Array("abcde".utf8), 200) == [])
    #expect(take(&decoder, Array("f".utf8), 300) == [])
    #expect(decoder.faults.framing == Framer.Faults(overlong: 1))
  }

  @Test("lost characters drop the message at hand")
  func lost() {
    var decoder = FrameDecoder(Self.text, marks: false)
    #expect(take(&decoder, Array("ab".utf8)) == [])
    decoder.lost(3)
    #expect(take(&decoder, Array("c\rd\r".utf8)) == ["d"])
    #expect(decoder.faults.lost == 3 && decoder.faults.framing.spoiled == 1)
  }

  @Test("random marked lines in random pieces give what one piece gives")
  func random() {
    let letters: [UInt8] = [0xFF, 0x00, 0x0D, 0x02, 0x41]
    for framing in [Self.text, Self.control] {
      for _ in 0..<60 {
        let bytes = (0..<400).map { _ in letters[Int.random(in: letters.indices)] }
        var whole = FrameDecoder(framing, marks: true)
        let expected = take(&whole, bytes)
        var pieces = FrameDecoder(framing, marks: true)
        var came: [String] = []
        var rest = bytes[...]
        while !rest.isEmpty {
          let size = min(rest.count, Int.random(in: 1...9))
          came += take(&pieces, Array(rest.prefix(size)))
          rest = rest.dropFirst(size)
        }
        #expect(came == expected && pieces.faults == whole.faults, "\(bytes)")
      }
    }
  }
}
