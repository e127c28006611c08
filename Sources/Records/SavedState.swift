internal import Crypto
internal import Foundation
internal import Glibc
public import Line

/// What the records up to one have made of the core, in the file `state` beside them: a restart replays only those after it.
///
/// It only saves time. Records decide: a file that is torn, is not signed, or is true up to a record that the chain does
/// not have, is left aside and everything is replayed. `docs/records.md` has its form.
public struct SavedState: Sendable {
  /// The record up to which it is true.
  public var sequence: Int64
  /// The hash of that record.
  public var hash: ChainHash
  /// Batches, alarms and stations.
  public var state: LineState
  /// The serials of each batch that is not closed, by the batch's number.
  public var images: [UInt32: SerialImage]

  /// Joins what belongs to one record.
  public init(
    sequence: Int64, hash: ChainHash, state: LineState, images: [UInt32: SerialImage]
  ) {
    self.sequence = sequence
    self.hash = hash
    self.state = state
    self.images = images
  }

  /// Makes the state at record `sequence`, at which `core` stands, from images that were taken beside the running line.
  ///
  /// The images show no record before `begun` undone and none after `sequence` done; what the records between them did is
  /// done to the images again, and then they are those of `sequence`.
  public init(
    _ core: LineController, sequence: Int64, hash: ChainHash, images: [UInt32: SerialImage],
    begun: Int64, directory: String
  ) throws(StorageFault) {
    let open = core.batches.filter { $0.pool != nil }
    self.init(
      sequence: sequence, hash: hash, state: core.recorded,
      images: Dictionary(
        open.map { batch in
          // One that was opened meanwhile has all its records still before it.
          let fresh = [UInt8](repeating: SerialState.allocated.rawValue, count: batch.poolCount)
          return (batch.number, images[batch.number] ?? SerialImage(bytes: fresh, reserved: [:]))
        }, uniquingKeysWith: { first, _ in first }))
    guard begun < sequence else { return }
    let reader = try RecordReader(directory: directory)
    var after = begun
    while after < sequence {
      let slice = try reader.records(
        after: after, limit: Int(min(RecordReader.slice, sequence - after)))
      guard let last = slice.last else {
        throw .corrupt("Record \(after + 1) is missing in \(directory)", path: directory)
      }
      for stored in slice {
        self.images[stored.record.batch]?.take(stored.record, station: Int(stored.record.station))
      }
      after = last.sequence
    }
  }

  /// Why a file is left aside.
  public struct Refusal: Error, Sendable, Hashable, CustomStringConvertible {
    /// The reason, for a person: what is wrong with the file.
    public var description: String
  }

  /// The first line, then two lengths in bytes: of the JSON and of all images.
  private static let title = "lineward-state 2"
  /// What the JSON may take: a year of closed batches takes about 100 KB.
  private static let fieldsMax = 256 << 20

  private struct Fields: Codable {
    var sequence: Int64
    var hash: String
    var images: [Image]
    var state: LineState
  }

  private struct Image: Codable {
    var batch: UInt32
    var count: Int
    /// Row and bits of each encoded serial.
    var reserved: [Reserved]
  }

  private struct Reserved: Codable {
    var row: Int32
    var bits: UInt64
  }

  // MARK: Writing

  /// Writes the file, synced, in place of the one before; at every moment there is a whole one.
  public func write(directory: String) throws(StorageFault) {
    let path = StoreDirectory.state(directory)
    guard let signer = try HeadSigner(existingIn: directory) else {
      throw .corrupt("The signing key in \(directory) is not there any more", path: directory)
    }
    let numbers = images.keys.sorted()
    let fields = Fields(
      sequence: sequence, hash: hash.description,
      images: numbers.map { number in
        let image = images[number] ?? SerialImage(bytes: [], reserved: [:])
        return Image(
          batch: number, count: image.bytes.count,
          reserved: image.reserved.sorted { $0.key < $1.key }.map {
            Reserved(row: $0.key, bits: $0.value.bits)
          })
      }, state: state)
    let size = images.values.reduce(0) { $0 + $1.bytes.count }
    let json = RecordJSON.line(fields)
    let file = try SyncedFile(path)
    var digest = SHA256()
    func put(_ bytes: [UInt8]) throws(StorageFault) {
      digest.update(data: bytes)
      try file.write(bytes)
    }
    try put(Array("\(SavedState.title) \(json.count) \(size)\n".utf8))
    try put(json)
    for number in numbers { try put(images[number]?.bytes ?? []) }
    try file.write(Array(signer.signed(SavedState.signed(sequence, digest.finalize())).utf8))
    try file.finish(directory)
  }

  private static func signed(_ sequence: Int64, _ digest: SHA256.Digest) -> [String] {
    ["state", "\(sequence)", Hexadecimal.text(Array(digest))]
  }

  // MARK: Reading

  /// Reads the file of a directory; nil when there is none.
  public static func read(directory: String) throws(Refusal) -> SavedState? {
    let path = StoreDirectory.state(directory)
    guard let bytes = try bytes(of: path) else { return nil }
    guard let end = bytes.prefix(128).firstIndex(of: 0x0A),
      case let words = String(decoding: bytes[..<end], as: UTF8.self).split(separator: " "),
      words.count == 4, words[0] + " " + words[1] == title, let json = Int(words[2]),
      let size = Int(words[3]), json > 0, json <= fieldsMax, size >= 0, size <= bytes.count,
      end + 1 + json + size < bytes.count
    else { throw Refusal(description: "it is cut short, or of another version") }
    let first = end + 1
    let last = first + json + size
    let digest = bytes.withUnsafeBytes { all in
      var digest = SHA256()
      digest.update(bufferPointer: UnsafeRawBufferPointer(rebasing: all[..<last]))
      return digest.finalize()
    }
    let note = String(decoding: bytes[last...], as: UTF8.self)
    guard let key = HeadKey.stored(in: directory), key.hasSigned(note: note) else {
      throw Refusal(description: "it has no right signature by the key of the records")
    }
    let fields: Fields
    do {
      fields = try JSONDecoder().decode(
        Fields.self, from: Data(bytes[first..<(first + json)]))
    } catch {
      throw Refusal(description: "its fields cannot be read: it may be of another version")
    }
    let lines = note.split(separator: "\n", omittingEmptySubsequences: false)
    guard Array(lines.dropFirst().prefix(3)).map(String.init) == signed(fields.sequence, digest),
      let hash = ChainHash(hexadecimal: fields.hash),
      fields.images.allSatisfy({ $0.count >= 0 && $0.count <= SerialImporter.serialsMax }),
      fields.images.reduce(0, { $0 + $1.count }) == size
    else { throw Refusal(description: "it is damaged: its signature is not over what it holds") }
    var images: [UInt32: SerialImage] = [:]
    var offset = first + json
    for image in fields.images {
      images[image.batch] = SerialImage(
        bytes: Array(bytes[offset..<(offset + image.count)]),
        reserved: Dictionary(
          image.reserved.map { ($0.row, SerialPool.Word(bits: $0.bits)) },
          uniquingKeysWith: { first, _ in first }))
      offset += image.count
    }
    return SavedState(
      sequence: fields.sequence, hash: hash, state: fields.state, images: images)
  }

  private static func bytes(of path: String) throws(Refusal) -> [UInt8]? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    if descriptor < 0 {
      if errno == ENOENT { return nil }
      throw Refusal(description: "it cannot be opened: \(String(cString: strerror(errno)))")
    }
    defer { close(descriptor) }
    var information = stat()
    guard fstat(descriptor, &information) == 0, information.st_mode & S_IFMT == S_IFREG else {
      throw Refusal(description: "it is no regular file")
    }
    var failure: Int32 = 0
    let bytes = [UInt8](unsafeUninitializedCapacity: Int(information.st_size)) { buffer, count in
      while count < buffer.count {
        let length = pread(
          descriptor, buffer.baseAddress.map { $0 + count }, buffer.count - count, off_t(count))
        if length < 0 && errno == EINTR { continue }
        if length < 0 { failure = errno }
        if length <= 0 { return }
        count += length
      }
    }
    guard failure == 0 else {
      throw Refusal(description: "it cannot be read: \(String(cString: strerror(failure)))")
    }
    return bytes
  }
}

/// A file that takes its name only when all of it is on disk.
final class SyncedFile {
  /// So much is written between two syncs: the disk is never asked for more at once while the line's records wait.
  private static let slice = 1 << 20

  private let path: String
  private let temporary: String
  private let descriptor: Int32
  private var isFinished = false

  init(_ path: String, mode: mode_t = 0o640) throws(StorageFault) {
    self.path = path
    temporary = path + ".new"
    unlink(temporary)
    descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
    guard descriptor >= 0 else { throw .system(errno, "create", path: temporary) }
  }

  deinit {
    close(descriptor)
    if !isFinished { unlink(temporary) }
  }

  func write(_ bytes: [UInt8]) throws(StorageFault) {
    var start = 0
    while start < bytes.count {
      let end = min(bytes.count, start + SyncedFile.slice)
      let length = bytes[start..<end].withUnsafeBytes {
        Glibc.write(descriptor, $0.baseAddress, $0.count)
      }
      if length < 0 && errno == EINTR { continue }
      guard length > 0 else { throw .system(errno, "write", path: temporary) }
      start += length
      if length == SyncedFile.slice { try sync() }
    }
  }

  private func sync() throws(StorageFault) {
    guard fdatasync(descriptor) == 0 else { throw .system(errno, "sync", path: temporary) }
  }

  func finish(_ directory: String) throws(StorageFault) {
    guard fsync(descriptor) == 0 else { throw .system(errno, "sync", path: temporary) }
    guard rename(temporary, path) == 0 else { throw .system(errno, "rename", path: temporary) }
    isFinished = true
    try StoreDirectory.sync(directory: directory)
  }
}
