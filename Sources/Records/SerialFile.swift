internal import Crypto
internal import Glibc
public import Line

/// The serials of one batch on disk: one a line, in the order of their rows, immutable once the batch is recorded.
public enum SerialFile {
  /// The path of a batch's serials.
  public static func path(number: UInt32, directory: String) -> String {
    directory + "/" + name(number: number)
  }

  /// The file's name from the storage directory on, as batch descriptions hold it.
  public static func name(number: UInt32) -> String {
    let digits = String(number)
    return "batches/" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
      + ".serials"
  }

  /// Reads the serials of a recorded batch back into memory, as `image` has them; without one, all of them are allocated.
  ///
  /// Throws `corrupt` when the file is not the one whose SHA-256 was recorded, and `missing` when it is gone.
  public static func load(
    path: String, expectedHash: [UInt8], image: SerialImage? = nil
  ) throws(StorageFault) -> SerialPool {
    let descriptor = try openForReading(path)
    defer { close(descriptor) }
    let changed = StorageFault.corrupt(
      "The serials in \(path) are not those that the batch was opened with", path: path)
    // Counted and hashed first: the pool is made once and in the right size, and a changed file needs no memory.
    let (count, hash) = try summary(descriptor, path: path)
    guard hash == expectedHash, count >= 1, count <= SerialImporter.serialsMax,
      image.map({ $0.bytes.count == count }) ?? true
    else { throw changed }
    let pool = SerialPool(capacity: count)
    do throws(SerialWalk.Stop) {
      var filling = pool.filling()
      _ = try SerialWalk.lines(of: descriptor) { (line, index) throws(SerialWalk.Stop) in
        let word = image.map { $0.word(at: index) } ?? SerialPool.Word(state: .allocated)
        guard let word, index < count, filling.add(line.span, as: word) else { throw .changed }
      }
      guard filling.finish() else { throw .changed }
    } catch {
      if case .unreadable(let number) = error { throw .system(number, "read", path: path) }
      throw changed
    }
    return pool
  }

  /// The row of a serial in a file, nil when it is not there; for batches whose pool is no longer in memory.
  public static func row(of serial: [UInt8], in path: String) throws(StorageFault) -> Int32? {
    let descriptor = try openForReading(path)
    defer { close(descriptor) }
    var row: Int32?
    do throws(SerialWalk.Stop) {
      _ = try serial.withUnsafeBufferPointer { (wanted) throws(SerialWalk.Stop) in
        try SerialWalk.lines(of: descriptor) { (line, index) throws(SerialWalk.Stop) in
          guard line.count == wanted.count, line.elementsEqual(wanted) else { return }
          row = Int32(clamping: index)
          throw .found
        }
      }
    } catch {
      switch error {
      case .found: return row
      case .unreadable(let number): throw .system(number, "read", path: path)
      default: throw .corrupt("\(path) is no file of serials any more", path: path)
      }
    }
    return nil
  }

  /// The serials at some rows of a file, in one pass; for reports on closed batches.
  ///
  /// Rows that are not there are left out.
  public static func serials(at rows: Set<Int32>, in path: String) throws(StorageFault)
    -> [Int32: String]
  {
    let descriptor = try openForReading(path)
    defer { close(descriptor) }
    var serials: [Int32: String] = [:]
    do throws(SerialWalk.Stop) {
      _ = try SerialWalk.lines(of: descriptor) { (line, index) throws(SerialWalk.Stop) in
        guard let row = Int32(exactly: index), rows.contains(row) else { return }
        serials[row] = String(decoding: line, as: UTF8.self)
      }
    } catch {
      if case .unreadable(let number) = error { throw .system(number, "read", path: path) }
      throw .corrupt("\(path) is no file of serials any more", path: path)
    }
    return serials
  }

  /// How many lines a file has and its SHA-256.
  static func summary(at path: String) throws(StorageFault) -> (Int, [UInt8]) {
    let descriptor = try openForReading(path)
    defer { close(descriptor) }
    return try summary(descriptor, path: path)
  }

  private static func summary(_ descriptor: Int32, path: String) throws(StorageFault) -> (
    Int, [UInt8]
  ) {
    var digest = SHA256()
    var lines = 0
    var last: UInt8 = 0x0A
    var offset = 0
    let block = UnsafeMutableRawBufferPointer.allocate(
      byteCount: SerialWalk.blockSize, alignment: 64)
    defer { block.deallocate() }
    while true {
      let length = pread(descriptor, block.baseAddress, block.count, off_t(offset))
      if length < 0 && errno == EINTR { continue }
      guard length >= 0 else { throw .system(errno, "read", path: path) }
      if length == 0 { break }
      let bytes = UnsafeRawBufferPointer(rebasing: block[..<length])
      digest.update(bufferPointer: bytes)
      for byte in bytes where byte == 0x0A { lines &+= 1 }
      last = bytes[length - 1]
      offset += length
    }
    return (last == 0x0A ? lines : lines + 1, Array(digest.finalize()))
  }

  static func openForReading(_ path: String) throws(StorageFault) -> Int32 {
    // Without O_NONBLOCK a FIFO put in its place would wait for a writer for ever.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else {
      let number = errno
      if number == ENOENT {
        throw StorageFault(
          .missing, "The serials \(path) are gone. Put the file back from a copy.", path: path)
      }
      throw .system(number, "open", path: path)
    }
    do {
      try StoreDirectory.expectRegular(descriptor, path)
    } catch {
      close(descriptor)
      throw error
    }
    return descriptor
  }

  // MARK: What a crash leaves

  /// Removes unfinished imports, and renames finished ones whose batch was never recorded to `….unrecorded`.
  ///
  /// An import that is under way in this process holds its file locked and is left alone.
  static func setAsideUnrecorded(directory: String, newest: UInt32) throws(StorageFault) {
    let folder = StoreDirectory.batches(directory)
    for name in StoreDirectory.names(in: folder) {
      let path = folder + "/" + name
      let isUnfinished = name.hasSuffix(SerialImporter.unfinishedSuffix)
      if !isUnfinished {
        let parts = name.split(separator: ".")
        guard parts.count == 2, parts[1] == "serials", let number = UInt32(parts[0]),
          number > newest
        else { continue }
      }
      let descriptor = open(path, O_RDONLY | O_CLOEXEC)
      guard descriptor >= 0 else { continue }
      defer { close(descriptor) }
      guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else { continue }
      let result = isUnfinished ? unlink(path) : rename(path, path + ".unrecorded")
      guard result == 0 else { throw .system(errno, "set aside", path: path) }
    }
  }
}

/// Walks over the lines of a serial file in big blocks, checking each byte; no copy and no String for a line.
enum SerialWalk {
  static let blockSize = 1 << 20

  /// Why a walk ended before the end of the file.
  enum Stop: Error {
    case unreadable(Int32)
    case wrong(ImportProblem.Reason, index: Int)
    case changed
    case found
    case abandoned
    case storage(StorageFault)
  }

  /// GS1's character set 82 (GS1 General Specifications, table 7.11-1) and the line feed.
  private enum Kind {
    static let good: UInt8 = 0
    static let lineFeed: UInt8 = 1
    static let bad: UInt8 = 2
  }

  private static let kinds: [UInt8] = {
    var kinds = [UInt8](repeating: Kind.bad, count: 256)
    for byte
      in "!\"%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz".utf8
    {
      kinds[Int(byte)] = Kind.good
    }
    kinds[0x0A] = Kind.lineFeed
    return kinds
  }()

  /// Calls `line` for every line with its index from 0, and `block` for every block before its lines; returns the count.
  @inline(__always)
  static func lines(
    of descriptor: Int32,
    block: (UnsafeRawBufferPointer) throws(Stop) -> Void = { (_) throws(Stop) in },
    _ line: (UnsafeBufferPointer<UInt8>, Int) throws(Stop) -> Void
  ) throws(Stop) -> Int {
    let lengthMax = SerialPool.serialLengthMax
    let buffer = UnsafeMutableRawBufferPointer.allocate(
      byteCount: blockSize + lengthMax, alignment: 64)
    defer { buffer.deallocate() }
    guard let base = buffer.baseAddress else { return 0 }
    let bytes = base.assumingMemoryBound(to: UInt8.self)
    var index = 0
    var offset = 0
    // What a block ended with, short of a line feed.
    var carried = 0
    while true {
      let length = pread(descriptor, base + carried, blockSize, off_t(offset))
      if length < 0 && errno == EINTR { continue }
      guard length >= 0 else { throw .unreadable(errno) }
      if length == 0 { break }
      try block(UnsafeRawBufferPointer(start: base + carried, count: length))
      offset += length
      let end = carried + length
      var start = 0
      var position = carried
      try kinds.withUnsafeBufferPointer { (kinds) throws(Stop) in
        while position < end {
          let kind = kinds[Int(bytes[position])]
          if kind == Kind.good {
            position &+= 1
            continue
          }
          guard kind == Kind.lineFeed else {
            throw .wrong(reason(bytes[position]), index: index)
          }
          if position == start { throw .wrong(.emptyLine, index: index) }
          if position - start > lengthMax { throw .wrong(.tooLong, index: index) }
          try line(UnsafeBufferPointer(start: bytes + start, count: position - start), index)
          index &+= 1
          position &+= 1
          start = position
        }
      }
      carried = end - start
      if carried > lengthMax { throw .wrong(.tooLong, index: index) }
      memmove(base, base + start, carried)
    }
    if carried > 0 {
      try line(UnsafeBufferPointer(start: bytes, count: carried), index)
      index += 1
    }
    return index
  }

  private static func reason(_ byte: UInt8) -> ImportProblem.Reason {
    switch byte {
    case 0x0D: .carriageReturn
    case 0: .zeroByte
    default: .badCharacter(byte)
    }
  }
}
