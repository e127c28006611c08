/// Makes lines out of bytes as they come: dripped one at a time, several lines at once, cut anywhere.
///
/// Holds at most `lengthMax` bytes of an unfinished line, besides the lines not yet taken. Of a line
/// that is longer, nothing is kept: it is told once, and its bytes are dropped up to its line feed.
public struct LineAssembler: Sendable {
  /// The most bytes a line may have, without its line feed.
  public let lengthMax: Int

  /// What `next` gives.
  public enum Line: Sendable, Equatable {
    /// A line, without its line feed and without a carriage return before that.
    case whole([UInt8])
    /// A line longer than `lengthMax`; its bytes are dropped.
    case tooLong
  }

  private var bytes: [UInt8] = []
  /// Where the first line that was not taken yet begins.
  private var start = 0
  /// Up to here there is no line feed after `start`.
  private var searched = 0
  /// Whether bytes are being dropped up to the next line feed.
  private var dropping = false

  /// Makes an assembler that holds nothing.
  public init(lengthMax: Int) { self.lengthMax = max(1, lengthMax) }

  /// How many bytes wait, in lines not taken and in the unfinished one.
  public var waitingCount: Int { bytes.count - start }

  /// Whether part of a line came whose end has not.
  public var hasUnfinishedLine: Bool { dropping || waitingCount > 0 }

  /// Takes bytes as they came.
  public mutating func append(_ part: some Sequence<UInt8>) {
    if start > 0, start == bytes.count || start > 64 * 1024 {
      bytes.removeSubrange(..<start)
      searched -= start
      start = 0
    }
    bytes.append(contentsOf: part)
  }

  /// Gives the next line, or nil when more bytes have to come first.
  public mutating func next() -> Line? {
    while true {
      let lineFeed = bytes[searched...].firstIndex(of: UInt8(ascii: "\n"))
      searched = lineFeed ?? bytes.count
      if dropping {
        start = searched
        guard let lineFeed else { return nil }
        start = lineFeed + 1
        searched = start
        dropping = false
        continue
      }
      let length = searched - start
      guard length <= lengthMax else {
        dropping = true
        return .tooLong
      }
      guard let lineFeed else { return nil }
      var end = lineFeed
      if end > start, bytes[end - 1] == UInt8(ascii: "\r") { end -= 1 }
      let line = Array(bytes[start..<end])
      start = lineFeed + 1
      searched = start
      return .whole(line)
    }
  }

  /// Gives what came after the last line feed, when no more bytes will come; nil when that is nothing.
  public mutating func rest() -> Line? {
    defer {
      bytes = []
      start = 0
      searched = 0
      dropping = false
    }
    guard !dropping, waitingCount > 0 else { return nil }
    return waitingCount > lengthMax ? .tooLong : .whole(Array(bytes[start...]))
  }
}
