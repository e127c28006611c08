internal import Glibc

/// What lies in a storage directory.
enum StoreDirectory {
  static func database(_ directory: String) -> String { directory + "/records.sqlite" }
  static func lock(_ directory: String) -> String { directory + "/lock" }
  static func mark(_ directory: String) -> String { directory + "/head" }
  static func state(_ directory: String) -> String { directory + "/state" }
  static func archives(_ directory: String) -> String { directory + "/archive" }
  static func batches(_ directory: String) -> String { directory + "/batches" }

  /// Creates a directory (0750) and those above it where they are absent.
  static func create(_ path: String) throws(StorageFault) {
    var information = stat()
    if stat(path, &information) == 0 {
      guard information.st_mode & S_IFMT == S_IFDIR else {
        throw StorageFault(
          .io,
          "\(path) is no directory. Move it away, or set storage.directory to the right place.",
          path: path)
      }
      return
    }
    let number = errno
    guard number == ENOENT else { throw .system(number, "open the directory", path: path) }
    let parent = parent(of: path)
    if parent != path { try create(parent) }
    guard mkdir(path, 0o750) == 0 || errno == EEXIST else {
      throw .system(errno, "create the directory", path: path)
    }
    try sync(directory: parent)
  }

  /// Makes names in a directory survive a power cut.
  static func sync(directory path: String) throws(StorageFault) {
    let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw .system(errno, "open the directory", path: path) }
    defer { close(descriptor) }
    guard fsync(descriptor) == 0 else { throw .system(errno, "sync the directory", path: path) }
  }

  /// Refuses a FIFO, a device or a directory where a file has to be.
  static func expectRegular(_ descriptor: Int32, _ path: String) throws(StorageFault) {
    var information = stat()
    guard fstat(descriptor, &information) == 0 else { throw .system(errno, "look at", path: path) }
    if information.st_mode & S_IFMT != S_IFREG { throw notRegular(path) }
  }

  static func notRegular(_ path: String) -> StorageFault {
    StorageFault(.corrupt, "\(path) is no regular file. Put the file back from a copy.", path: path)
  }

  static func parent(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  /// The names in a directory, none when it cannot be read.
  static func names(in path: String) -> [String] {
    guard let stream = opendir(path) else { return [] }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != "." && name != ".." { names.append(name) }
    }
    return names.sorted()
  }
}

/// The lock that keeps a second daemon out of the directory; the kernel takes it back when the process ends, however.
final class DirectoryLock {
  private let descriptor: Int32

  init(_ directory: String) throws(StorageFault) {
    let path = StoreDirectory.lock(directory)
    let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o640)
    guard descriptor >= 0 else { throw .system(errno, "open the lock file", path: path) }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      let number = errno
      var digits = [UInt8](repeating: 0, count: 20)
      let length = pread(descriptor, &digits, digits.count, 0)
      close(descriptor)
      guard number == EWOULDBLOCK else { throw .system(number, "lock", path: path) }
      let process = String(
        decoding: digits.prefix(max(0, length)).prefix { $0 >= 0x30 && $0 <= 0x39 }, as: UTF8.self)
      throw StorageFault(
        .secondDaemon,
        "Another linewardd\(process.isEmpty ? "" : " (process \(process))") works in \(directory). "
          + "End it first, or give this one another storage.directory.", path: path)
    }
    self.descriptor = descriptor
    let text = Array("\(getpid())\n".utf8)
    // Only for the sentence above; the lock itself is the kernel's.
    if ftruncate(descriptor, 0) == 0 { _ = pwrite(descriptor, text, text.count, 0) }
  }

  deinit {
    // Closing alone would leave the lock with a child that was forked and has not yet run its own program.
    flock(descriptor, LOCK_UN)
    close(descriptor)
  }
}

/// A small file beside the database that names the last record known to be on disk, written after each commit and not
/// synced: it never runs ahead of the records, so whatever it names has to be there after a start.
///
/// With it a removed write-ahead log or an older copy of the database put in place is seen. It is no proof against a
/// person who changes both; that is what heads kept elsewhere are for.
final class HeadMark {
  /// What the file says.
  struct Content: Hashable {
    var sequence: Int64
    var hash: ChainHash
  }

  private let descriptor: Int32
  private let path: String
  private var text: [UInt8] = []

  init(_ directory: String) throws(StorageFault) {
    path = StoreDirectory.mark(directory)
    descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o640)
    guard descriptor >= 0 else { throw .system(errno, "open", path: path) }
  }

  deinit { close(descriptor) }

  /// What the mark of a directory says, nil when there is none or a power cut left it unfinished.
  static func read(_ directory: String) -> Content? {
    let descriptor = open(
      StoreDirectory.mark(directory), O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: 128)
    let length = pread(descriptor, &bytes, bytes.count, 0)
    guard length == 85 else { return nil }
    let lines = bytes[..<85].split(separator: 0x0A)
    guard lines.count == 2, let sequence = Int64(String(decoding: lines[0], as: UTF8.self)),
      let hash = ChainHash(hexadecimal: String(decoding: lines[1], as: UTF8.self))
    else { return nil }
    return Content(sequence: sequence, hash: hash)
  }

  /// Names the last record: 19 digits, 64 hexadecimal digits, a line each.
  func write(_ sequence: Int64, _ hash: ChainHash) throws(StorageFault) {
    text.removeAll(keepingCapacity: true)
    var divisor: Int64 = 1_000_000_000_000_000_000
    while divisor > 0 {
      text.append(0x30 + UInt8(truncatingIfNeeded: sequence / divisor % 10))
      divisor /= 10
    }
    text.append(0x0A)
    Hexadecimal.append(hash, to: &text)
    text.append(0x0A)
    guard pwrite(descriptor, text, text.count, 0) == text.count else {
      throw .system(errno, "write", path: path)
    }
  }
}
