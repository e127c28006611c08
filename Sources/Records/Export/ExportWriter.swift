internal import Crypto
internal import Glibc

/// Writes the files of an export as one stream into one descriptor, because only one can be passed over a socket.
///
/// The stream is a first line, then frames, each a piece of one file: the length of the file's name in one byte, the name,
/// the length of the piece in four bytes (big-endian), the piece. A frame whose name has no length is the end: a stream
/// without it was cut. Pieces of several files may alternate.
final class ExportWriter {
  /// The first line.
  static let magic = Array("lineward export 1\n".utf8)
  /// The longest piece; what is held back for a file before it is written.
  static let pieceMax = 256 << 10

  /// One file as it was written.
  struct Finished {
    var name: String
    var size: Int
    var sha256: [UInt8]
  }

  private struct File {
    var name: String
    var held: [UInt8] = []
    /// Whether a frame names it: an empty file is one, too.
    var isNamed = false
    var size = 0
    var digest = SHA256()
  }

  private let descriptor: Int32
  private var offset: off_t = 0
  private var files: [File] = []

  /// Begins a stream at the start of a regular file.
  init(descriptor: Int32) throws(ExportProblem) {
    self.descriptor = descriptor
    try put(ExportWriter.magic)
  }

  /// Adds a file and returns its number.
  func add(_ name: String) -> Int {
    precondition(name.utf8.count <= UInt8.max, "names of exported files are short")
    files.append(File(name: name))
    return files.count - 1
  }

  /// Adds bytes to a file.
  func write(_ bytes: [UInt8], to file: Int) throws(ExportProblem) {
    files[file].held += bytes
    if files[file].held.count >= ExportWriter.pieceMax { try flush(file) }
  }

  /// Adds a file that is all there.
  func add(_ name: String, _ text: String) throws(ExportProblem) {
    let file = add(name)
    try write(Array(text.utf8), to: file)
  }

  /// Everything held back goes out; returns the files so far.
  func flushed() throws(ExportProblem) -> [Finished] {
    var finished: [Finished] = []
    for index in files.indices {
      try flush(index)
      finished.append(
        Finished(
          name: files[index].name, size: files[index].size,
          sha256: Array(files[index].digest.finalize())))
    }
    return finished
  }

  /// Ends the stream.
  func end() throws(ExportProblem) {
    _ = try flushed()
    try put([0])
  }

  private func flush(_ index: Int) throws(ExportProblem) {
    let held = files[index].held
    guard !held.isEmpty || !files[index].isNamed else { return }
    files[index].isNamed = true
    files[index].held.removeAll(keepingCapacity: true)
    files[index].size += held.count
    files[index].digest.update(data: held)
    let name = Array(files[index].name.utf8)
    let count = UInt32(held.count)
    try put(
      [UInt8(name.count)] + name
        + stride(from: 24, through: 0, by: -8).map { UInt8(truncatingIfNeeded: count >> $0) })
    try put(held)
  }

  private func put(_ bytes: [UInt8]) throws(ExportProblem) {
    var start = 0
    while start < bytes.count {
      let count = bytes[start...].withUnsafeBytes {
        pwrite(descriptor, $0.baseAddress, $0.count, offset)
      }
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { throw .system(count == 0 ? ENOSPC : errno) }
      start += count
      offset += off_t(count)
    }
  }
}
