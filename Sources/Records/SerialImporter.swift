internal import Crypto
internal import Glibc
public import Line

/// Takes a file of serials into the storage, off the line loop: checks every byte, copies, syncs, and builds the pool.
public enum SerialImporter {
  /// The most serials of a batch.
  public static let serialsMax = 10_000_000
  static let unfinishedSuffix = ".importing"

  /// A batch of the same GTIN whose serials may not come again.
  public struct EarlierBatch: Sendable, Hashable {
    /// The plant's name for it.
    public var id: String
    /// Its number in the records.
    public var number: UInt32

    /// Names a batch.
    public init(id: String, number: UInt32) {
      self.id = id
      self.number = number
    }
  }

  /// Serials that lie in the storage and wait for the record that names them.
  public struct Imported: Sendable {
    /// The serials in memory, row by line.
    public let pool: SerialPool
    /// How many there are.
    public let count: Int
    /// SHA-256 of the file, 32 bytes.
    public let sha256: [UInt8]
    /// The file from the storage directory on, for the batch's description.
    public let file: String
    /// The file's path.
    public let path: String
    /// Keeps the file from being taken for a crash's leftover until the record is written.
    private let hold: ImportedFile

    fileprivate init(
      pool: SerialPool, sha256: [UInt8], file: String, path: String, hold: ImportedFile
    ) {
      self.pool = pool
      count = pool.count
      self.sha256 = sha256
      self.file = file
      self.path = path
      self.hold = hold
    }
  }

  /// Reads one serial a line from a descriptor of a regular file, from its beginning and whatever its position.
  ///
  /// The whole file is refused with the line and the reason when any line is wrong, any serial is repeated or known in an
  /// earlier batch; then nothing of it stays. Lines end with a line feed (the last may do without), serials have 1 to 20
  /// characters of GS1's set 82, and there are at most 10 million. `progress` gets the serials found good so far, and the
  /// bytes gone through of those to go through. When `isWanted` says no, it ends as after any problem.
  public static func `import`(
    descriptor: Int32, into directory: String, number: UInt32, earlier: [EarlierBatch],
    isWanted: @escaping () -> Bool = { true },
    progress: @escaping (Int, Int, Int) -> Void = { _, _, _ in }
  ) throws(ImportProblem) -> Imported {
    var information = stat()
    guard fstat(descriptor, &information) == 0 else { throw ImportProblem(.unreadable(errno)) }
    guard information.st_mode & S_IFMT == S_IFREG else { throw ImportProblem(.notARegularFile) }
    guard information.st_size > 0 else { throw ImportProblem(.noSerials) }
    do throws(StorageFault) {
      try StoreDirectory.create(StoreDirectory.batches(directory))
    } catch {
      throw ImportProblem(.storage(error))
    }
    let path = SerialFile.path(number: number, directory: directory)
    let copy = try ImportedFile(temporary: path + unfinishedSuffix)
    var isDone = false
    defer { if !isDone { unlink(copy.path) } }

    let size = Int(information.st_size)
    var work = Progress(total: 2 * size, isWanted: isWanted, report: progress)
    for batch in earlier {
      var information = stat()
      if stat(SerialFile.path(number: batch.number, directory: directory), &information) == 0 {
        work.total += Int(information.st_size)
      }
    }
    let (count, sha256) = try checkAndCopy(descriptor, to: copy, work: &work)
    guard count > 0 else { throw ImportProblem(.noSerials) }
    let pool = try build(copy, count: count, work: &work)
    for batch in earlier {
      try compare(pool, with: batch, directory: directory, work: &work)
    }
    guard isWanted() else { throw ImportProblem(.abandoned) }
    try copy.finish(as: path, directory: directory)
    isDone = true
    progress(count, work.total, work.total)
    return Imported(
      pool: pool, sha256: sha256, file: SerialFile.name(number: number), path: path, hold: copy)
  }

  /// Does with the serials what the answer to the command that opens their batch asks for.
  ///
  /// After a storage fault nobody knows whether the record that names them is on disk, and if it is, the records are not
  /// opened again without them. The next opening sets them aside where it is not.
  public static func settle(_ imported: Imported, after result: CommandResult) {
    switch result {
    case .done, .storageFault: break
    case .refused, .unknown, .notPermitted: discard(imported)
    }
  }

  /// Removes serials again whose batch was refused after all.
  public static func discard(_ imported: Imported) {
    unlink(imported.path)
  }

  /// Reported once a block, which is about every 50,000 serials.
  private struct Progress {
    var bytes = 0
    var total: Int
    let isWanted: () -> Bool
    let report: (Int, Int, Int) -> Void

    mutating func went(_ count: Int, lines: Int) throws(SerialWalk.Stop) {
      guard isWanted() else { throw .abandoned }
      bytes += count
      report(lines, min(bytes, total), total)
    }
  }

  private static func checkAndCopy(
    _ descriptor: Int32, to copy: ImportedFile, work: inout Progress
  ) throws(ImportProblem) -> (Int, [UInt8]) {
    var digest = SHA256()
    do throws(SerialWalk.Stop) {
      let count = try SerialWalk.lines(
        of: descriptor,
        block: { (bytes) throws(SerialWalk.Stop) in
          digest.update(bufferPointer: bytes)
          try copy.write(bytes)
          try work.went(bytes.count, lines: 0)
        },
        { (_, index) throws(SerialWalk.Stop) in
          guard index < serialsMax else { throw .wrong(.tooMany(max: serialsMax), index: index) }
        })
      return (count, Array(digest.finalize()))
    } catch {
      throw problem(error)
    }
  }

  /// From the copy, which nobody else can change: what was checked is what is used.
  private static func build(
    _ copy: ImportedFile, count: Int, work: inout Progress
  ) throws(ImportProblem) -> SerialPool {
    let pool = SerialPool(capacity: count)
    do throws(SerialWalk.Stop) {
      _ = try SerialWalk.lines(
        of: copy.descriptor,
        block: { (bytes) throws(SerialWalk.Stop) in
          try work.went(bytes.count, lines: pool.count)
        },
        { (line, index) throws(SerialWalk.Stop) in
          guard pool.count < count else { throw .changed }
          if pool.add(line.span) != nil { return }
          let first = pool.row(of: line.span).map { Int($0) + 1 } ?? 0
          throw .wrong(
            .repeated(serial: String(decoding: line, as: UTF8.self), firstLine: first),
            index: index)
        })
      return pool
    } catch {
      throw problem(error)
    }
  }

  private static func compare(
    _ pool: SerialPool, with batch: EarlierBatch, directory: String, work: inout Progress
  ) throws(ImportProblem) {
    let path = SerialFile.path(number: batch.number, directory: directory)
    let descriptor: Int32
    do throws(StorageFault) {
      descriptor = try SerialFile.openForReading(path)
    } catch {
      throw ImportProblem(.earlierUnreadable(batch: batch.id, error.message))
    }
    defer { close(descriptor) }
    do throws(SerialWalk.Stop) {
      _ = try SerialWalk.lines(
        of: descriptor,
        block: { (bytes) throws(SerialWalk.Stop) in
          try work.went(bytes.count, lines: pool.count)
        },
        { (line, _) throws(SerialWalk.Stop) in
          guard let row = pool.row(of: line.span) else { return }
          throw .wrong(
            .known(serial: String(decoding: line, as: UTF8.self), batch: batch.id), index: Int(row))
        })
    } catch {
      switch error {
      case .wrong(.known, _), .abandoned: throw problem(error)
      default: break
      }
      throw ImportProblem(
        .earlierUnreadable(batch: batch.id, "\(path) is damaged; put it back from a copy."))
    }
  }

  private static func problem(_ stop: SerialWalk.Stop) -> ImportProblem {
    switch stop {
    case .unreadable(let number): ImportProblem(.unreadable(number))
    case .wrong(let reason, let index): ImportProblem(reason, line: index + 1)
    case .changed, .found: ImportProblem(.unreadable(EIO))
    case .abandoned: ImportProblem(.abandoned)
    case .storage(let fault): ImportProblem(.storage(fault))
    }
  }
}

/// A serial file on its way into the storage, locked so that nobody takes it for a leftover.
private final class ImportedFile: Sendable {
  let descriptor: Int32
  let path: String

  init(temporary path: String) throws(ImportProblem) {
    self.path = path
    unlink(path)
    descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o440)
    guard descriptor >= 0 else {
      throw ImportProblem(.storage(.system(errno, "create", path: path)))
    }
    flock(descriptor, LOCK_EX | LOCK_NB)
  }

  deinit { close(descriptor) }

  func write(_ bytes: UnsafeRawBufferPointer) throws(SerialWalk.Stop) {
    var rest = bytes
    while !rest.isEmpty {
      let length = Glibc.write(descriptor, rest.baseAddress, rest.count)
      if length < 0 && errno == EINTR { continue }
      guard length > 0 else { throw .storage(.system(errno, "write", path: path)) }
      rest = UnsafeRawBufferPointer(rebasing: rest[length...])
    }
  }

  /// Syncs the file and gives it its name, which it takes from no other.
  func finish(as name: String, directory: String) throws(ImportProblem) {
    guard fsync(descriptor) == 0 else {
      throw ImportProblem(.storage(.system(errno, "sync", path: path)))
    }
    guard link(path, name) == 0 else {
      let number = errno
      if number == EEXIST { throw ImportProblem(.numberTaken) }
      throw ImportProblem(.storage(.system(number, "create", path: name)))
    }
    unlink(path)
    do throws(StorageFault) {
      try StoreDirectory.sync(directory: StoreDirectory.batches(directory))
    } catch {
      unlink(name)
      throw ImportProblem(.storage(error))
    }
  }
}
