/// Takes messages out of a stream of bytes: what stands between prefix and suffix.
///
/// Bytes may come dripped, joined or cut anywhere; the messages are the same. One of more than the longest is dropped up to
/// the next suffix and counted; so are bytes before a prefix. Nothing is allocated after `init`, and a message that lies
/// whole in what was read is handed on from there without a copy. At most 5 ns a byte.
///
/// Without a suffix a message ends with the pause behind it (`pause`).
public struct Framer: Sendable {
  /// The longest message without its framing that can be asked for; a GS1 DataMatrix carries far less.
  public static let messageLengthMax = 1024

  /// What went wrong on the wire.
  public struct Faults: Sendable, Hashable {
    /// Messages longer than the longest.
    public var overlong: UInt64 = 0
    /// Times that bytes came between a suffix and the next prefix.
    public var withoutPrefix: UInt64 = 0
    /// Messages whose end had not come when the line broke.
    public var cut: UInt64 = 0
    /// Messages in which a pause was too long.
    public var paused: UInt64 = 0
    /// Messages dropped because of a character in error, a break, or lost characters.
    public var spoiled: UInt64 = 0

    mutating func add(_ other: Faults) {
      overlong &+= other.overlong
      withoutPrefix &+= other.withoutPrefix
      cut &+= other.cut
      paused &+= other.paused
      spoiled &+= other.spoiled
    }
  }

  /// What went wrong since the start.
  public private(set) var faults = Faults()
  private let prefix: [UInt8]
  private let suffix: [UInt8]
  /// Whether the prefix can only be framing, so that the last one in a message begins it; see `deliver`.
  private let prefixIsControl: Bool
  /// The longest frame: prefix, message, suffix.
  private let frameLengthMax: Int
  /// The beginning of a message whose end has not come: `held` bytes of it.
  private var buffer: [UInt8]
  private var held = 0
  /// The message at hand is too long already; `buffer` then holds only what could be the beginning of its suffix.
  private var dropping = false
  /// What was held when the last error came, nil none; a frame that begins behind it is whole.
  private var spoiledAt: Int?

  /// Makes a framer; the longest message is at most `Framer.messageLengthMax`.
  public init(
    prefix: [UInt8], suffix: [UInt8], messageLengthMax: Int = Framer.messageLengthMax
  ) {
    precondition((1...Framer.messageLengthMax).contains(messageLengthMax), "a message has a bound")
    self.prefix = prefix
    self.suffix = suffix
    prefixIsControl = prefix.first.map { $0 < 0x20 } ?? false
    frameLengthMax = prefix.count + messageLengthMax + suffix.count
    buffer = [UInt8](repeating: 0, count: frameLengthMax)
  }

  /// Forgets a message whose end has not come: after a break on the line its rest belongs to nothing.
  public mutating func reset() {
    if hasPart { faults.cut &+= 1 }
    forget()
  }

  private mutating func forget() {
    held = 0
    dropping = false
    spoiledAt = nil
  }

  /// Something was wrong on the line at this place: the message at hand is dropped, up to the next suffix.
  ///
  /// Where a prefix that can only be framing comes behind this place, what begins with it is whole and stays.
  public mutating func spoil() { spoiledAt = held }

  /// Nothing came for longer than the pause within a message may be.
  ///
  /// Without a suffix that is the end of the message, which goes to `body`; else the message at hand is dropped.
  public mutating func pause(_ body: (UnsafeRawBufferPointer) -> Void) {
    guard hasPart else {
      spoiledAt = nil
      return
    }
    if suffix.isEmpty {
      finish(UnsafeRawBufferPointer(start: nil, count: 0), body)
    } else {
      faults.paused &+= 1
      forget()
    }
  }

  /// Whether part of a message waits for its end.
  public var hasPart: Bool { held > 0 || dropping }

  /// Takes bytes as they came and hands each complete message to `body`, without its framing.
  ///
  /// The bytes given to `body` may not be kept after it returns.
  public mutating func append(
    _ bytes: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) -> Void
  ) {
    guard let last = suffix.last else {
      if bytes.count > 0 { hold(bytes) }
      return
    }
    var start = 0
    var index = 0
    let count = bytes.count
    while index < count {
      if bytes[index] == last, suffixEnds(bytes, start: start, at: index) {
        finish(UnsafeRawBufferPointer(rebasing: bytes[start...index]), body)
        start = index + 1
      }
      index += 1
    }
    if start < count { hold(UnsafeRawBufferPointer(rebasing: bytes[start...])) }
  }

  /// Whether the suffix ends at `end`, where bytes before `start` are what is held.
  private func suffixEnds(_ bytes: UnsafeRawBufferPointer, start: Int, at end: Int) -> Bool {
    for back in 1..<max(1, suffix.count) {
      let place = end - back
      let wanted = suffix[suffix.count - 1 - back]
      if place >= start {
        guard bytes[place] == wanted else { return false }
      } else {
        let heldPlace = held - (start - place)
        guard heldPlace >= 0, buffer[heldPlace] == wanted else { return false }
      }
    }
    return true
  }

  /// The frame at hand ends with `rest`.
  private mutating func finish(
    _ rest: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) -> Void
  ) {
    defer { forget() }
    if dropping { return }
    guard held + rest.count <= frameLengthMax else {
      faults.overlong &+= 1
      return
    }
    if held == 0 {
      deliver(rest, body)
      return
    }
    hold(rest)
    let length = held
    // Lent out for the time of the call, so that no copy is made of it.
    var frame: [UInt8] = []
    swap(&frame, &buffer)
    frame.withUnsafeBytes { deliver(UnsafeRawBufferPointer(rebasing: $0[..<length]), body) }
    swap(&frame, &buffer)
  }

  /// Keeps bytes of a message that goes on.
  private mutating func hold(_ bytes: UnsafeRawBufferPointer) {
    if held + bytes.count > frameLengthMax || dropping {
      if !dropping { faults.overlong &+= 1 }
      dropping = true
      keepTail(bytes)
      return
    }
    let place = held
    buffer.withUnsafeMutableBytes { buffer in
      UnsafeMutableRawBufferPointer(rebasing: buffer[place..<(place + bytes.count)])
        .copyMemory(from: bytes)
    }
    held += bytes.count
  }

  /// Keeps only what could be the beginning of the suffix.
  private mutating func keepTail(_ bytes: UnsafeRawBufferPointer) {
    let wanted = max(0, suffix.count - 1)
    let fromBytes = min(wanted, bytes.count)
    let fromHeld = min(wanted - fromBytes, held)
    for index in 0..<fromHeld { buffer[index] = buffer[held - fromHeld + index] }
    for index in 0..<fromBytes {
      buffer[fromHeld + index] = bytes[bytes.count - fromBytes + index]
    }
    held = fromHeld + fromBytes
  }

  /// Hands on what stands between prefix and suffix of a frame.
  ///
  /// Where the prefix is a control character the message begins behind its last occurrence: what came before belongs to a
  /// frame that was cut off. Where it is text, which data may hold too, the message begins behind the first.
  private mutating func deliver(
    _ frame: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) -> Void
  ) {
    let end = frame.count - suffix.count
    guard !prefix.isEmpty else {
      guard spoiledAt == nil else {
        faults.spoiled &+= 1
        return
      }
      body(UnsafeRawBufferPointer(rebasing: frame[..<end]))
      return
    }
    let candidates = end - prefix.count
    var found: Int?
    if candidates >= 0 {
      if prefixIsControl {
        var place = candidates
        while place >= 0, !hasPrefix(frame, at: place) { place -= 1 }
        if place >= 0 { found = place }
      } else {
        var place = 0
        while place <= candidates, !hasPrefix(frame, at: place) { place += 1 }
        if place <= candidates { found = place }
      }
    }
    if let spoiledAt, found.map({ !prefixIsControl || $0 < spoiledAt }) ?? true {
      faults.spoiled &+= 1
      return
    }
    if found != 0 { faults.withoutPrefix &+= 1 }
    guard let found else { return }
    body(UnsafeRawBufferPointer(rebasing: frame[(found + prefix.count)..<end]))
  }

  private func hasPrefix(_ frame: UnsafeRawBufferPointer, at start: Int) -> Bool {
    for index in prefix.indices where frame[start + index] != prefix[index] { return false }
    return true
  }
}
