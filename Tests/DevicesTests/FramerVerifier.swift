import Testing

@testable import Devices

/// Feeds a framer the same bytes in every way in which a line may bring them.
///
/// Each stretch ends with the suffix, so what comes of it does not depend on its neighbours. All are sent whole, joined in
/// one piece, one byte at a time, and cut at every point, short ones at every two points; the messages and the
/// faults counted have to be the same each time.
struct FramerVerifier {
  /// Bytes from just behind a suffix up to another one, and what they have to give.
  struct Stretch {
    var name: String
    var bytes: [UInt8]
    var messages: [[UInt8]]
    var faults = Framer.Faults()
  }

  /// Up to so many bytes a stretch is cut at every two points: their number grows with the square.
  static let cutTwiceMax = 24

  let prefix: [UInt8]
  let suffix: [UInt8]

  /// Checks all stretches in all ways.
  func verify(_ stretches: [Stretch]) {
    for stretch in stretches {
      let bytes = stretch.bytes
      check([bytes], gives: [stretch], "whole")
      for cut in 0...bytes.count {
        check([Array(bytes[..<cut]), Array(bytes[cut...])], gives: [stretch], "cut at \(cut)")
      }
      guard bytes.count <= FramerVerifier.cutTwiceMax else { continue }
      for first in 0...bytes.count {
        for second in first...bytes.count {
          check(
            [Array(bytes[..<first]), Array(bytes[first..<second]), Array(bytes[second...])],
            gives: [stretch], "cut at \(first) and \(second)")
        }
      }
    }
    let all = stretches.flatMap(\.bytes)
    check([all], gives: stretches, "joined")
    check(all.map { [$0] }, gives: stretches, "one byte at a time")
    check(stretches.map(\.bytes), gives: stretches, "one stretch a time")
  }

  /// Sends the pieces and compares; one failure a way, so that a broken framer does not print thousands.
  private func check(_ pieces: [[UInt8]], gives stretches: [Stretch], _ way: String) {
    var framer = Framer(prefix: prefix, suffix: suffix)
    var messages: [[UInt8]] = []
    for piece in pieces {
      piece.withUnsafeBytes { framer.append($0) { messages.append(Array($0)) } }
    }
    var faults = Framer.Faults()
    for stretch in stretches {
      faults.overlong += stretch.faults.overlong
      faults.withoutPrefix += stretch.faults.withoutPrefix
    }
    let isRight =
      messages == stretches.flatMap(\.messages) && framer.faults == faults && !framer.hasPart
    if !isRight {
      Issue.record(
        """
        \(stretches.map(\.name).joined(separator: " + ")), \(way): \(messages.count) messages of \
        \(messages.map(\.count)) bytes, \(framer.faults), part left: \(framer.hasPart)
        """)
    }
  }
}
