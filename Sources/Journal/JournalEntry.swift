/// One entry in journald's native protocol: fields, each a name and a value of any bytes.
///
/// A value of one line is written `NAME=value\n`. One with line feeds is written with its length instead, so nothing
/// that came from outside can end a field and begin another. Sizes are bounded: a field is for people to read, and an
/// entry goes out as one datagram, which the kernel refuses above its socket buffer (208 KiB by default).
struct JournalEntry {
  /// The most bytes of one value; the rest is cut off between two characters.
  static let valueBytesMax = 16 * 1024
  /// The most bytes of an entry; a field that would go beyond is left out.
  static let entryBytesMax = 128 * 1024

  /// What journald receives.
  private(set) var bytes: [UInt8] = []

  /// Adds a field.
  ///
  /// - Parameters:
  ///   - name: Upper case letters, digits and underscores, as `JournalHandler.field` makes them.
  ///   - value: Any text.
  mutating func append(_ name: String, _ value: String) {
    let value = JournalEntry.cut(value)
    let lengthBytes = 8
    guard
      bytes.count + name.utf8.count + value.count + lengthBytes + 2 <= JournalEntry.entryBytesMax
    else { return }
    bytes += name.utf8
    if value.contains(UInt8(ascii: "\n")) {
      bytes.append(UInt8(ascii: "\n"))
      withUnsafeBytes(of: UInt64(value.count).littleEndian) { bytes += $0 }
    } else {
      bytes.append(UInt8(ascii: "="))
    }
    bytes += value
    bytes.append(UInt8(ascii: "\n"))
  }

  private static func cut(_ text: String) -> [UInt8] {
    var value = Array(text.utf8.prefix(valueBytesMax + 1))
    // The first byte beyond is there only to say whether the cut would halve a character: journalctl shows a field
    // with half of one as "blob data".
    guard value.count > valueBytesMax else { return value }
    while let cut = value.popLast(), cut & 0xC0 == 0x80 {}
    return value
  }
}
