/// Takes a serial line's marks out of what was read (termios(3), PARMRK).
///
/// The driver writes `FF 00` and the character for one whose parity or stop bit was wrong, `FF 00 00` for a break, and `FF FF`
/// for the data byte FF. Marks may be cut anywhere. A NUL in error cannot be told from a break, and counts as one.
struct LineMarks {
  /// What stands in a stretch of the line.
  enum Piece {
    /// Bytes as they were sent.
    case data(UnsafeRawBufferPointer)
    /// A character that did not come as it was sent.
    case inError
    /// The line was held longer than a character.
    case lineBreak
  }

  private enum State {
    case data
    /// FF came.
    case mark
    /// FF 00 came.
    case characterInError
  }

  private static let mark: UInt8 = 0xFF
  private var state = State.data

  /// Hands on what a read brought, piece by piece, without a copy.
  mutating func take(_ bytes: UnsafeRawBufferPointer, _ body: (Piece) -> Void) {
    var start = 0
    for index in bytes.indices {
      let byte = bytes[index]
      switch state {
      case .data:
        guard byte == LineMarks.mark else { continue }
        if start < index { body(.data(UnsafeRawBufferPointer(rebasing: bytes[start..<index]))) }
        state = .mark
        start = index + 1
      case .mark where byte == 0:
        state = .characterInError
        start = index + 1
      case .mark:
        // FF FF is the byte FF: the second of them is handed on with what follows.
        state = .data
        start = index
      case .characterInError:
        state = .data
        start = index + 1
        body(byte == 0 ? .lineBreak : .inError)
      }
    }
    if state == .data, start < bytes.count {
      body(.data(UnsafeRawBufferPointer(rebasing: bytes[start...])))
    }
  }

  /// The line was opened anew.
  mutating func reset() { state = .data }
}
