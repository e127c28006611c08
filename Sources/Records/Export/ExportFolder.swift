internal import Glibc

/// The folder that an export goes to, on the side of whoever asked for it.
///
/// The daemon may not write there: it gets a temporary file without a name, fills it, and `unpack` makes files of it. On
/// any failure everything made here is removed again, so that no half export can be taken for a whole one.
public final class ExportFolder {
  /// Why a folder cannot be used, or could not be filled; a sentence for a person.
  public struct Problem: Error, Sendable, Hashable, CustomStringConvertible {
    /// The sentence: what, where, what to do.
    public var description: String
    /// What kind of problem it is.
    public var kind = Kind.other

    /// Kinds that a program tells apart.
    public enum Kind: Sendable, Hashable {
      /// The disk is full.
      case full
      /// The caller lacks the right.
      case forbidden
      /// Anything else.
      case other
    }
  }

  /// The temporary file, open for reading and writing; closed with this object.
  public let stream: Int32
  private let path: String
  private let isOwn: Bool
  private var made: [String] = []
  private var isComplete = false

  /// Takes an empty folder, or makes one (0750) with a parent that is there.
  public init(_ path: String) throws(Problem) {
    self.path = path
    var isOwn = false
    if mkdir(path, 0o750) == 0 {
      isOwn = true
    } else if errno != EEXIST {
      throw ExportFolder.problem("The folder \(path) cannot be made", errno)
    }
    self.isOwn = isOwn
    do throws(Problem) {
      stream = try ExportFolder.openStream(in: path)
    } catch {
      if isOwn { rmdir(path) }
      throw error
    }
  }

  deinit {
    close(stream)
    guard !isComplete else { return }
    for name in made { unlink(path + "/" + name) }
    if isOwn { rmdir(path) }
  }

  private static func problem(_ what: String, _ number: Int32) -> Problem {
    let reason = String(cString: strerror(number))
    return switch number {
    case ENOSPC, EDQUOT:
      Problem(
        description: "\(what): the disk is full. Free space there, or export to another disk.",
        kind: .full)
    case EACCES, EPERM, EROFS: Problem(description: "\(what): \(reason).", kind: .forbidden)
    default: Problem(description: "\(what): \(reason).")
    }
  }

  private static func openStream(in path: String) throws(Problem) -> Int32 {
    guard let directory = opendir(path) else {
      throw problem("The folder \(path) cannot be opened", errno)
    }
    closedir(directory)
    guard StoreDirectory.names(in: path).isEmpty else {
      throw Problem(
        description:
          "The folder \(path) is not empty. Name a new one, so that exports are not mixed.")
    }
    // Without a name nothing is left behind, however this program ends.
    let name = "\(path)/.export-\(getpid())"
    let descriptor = open(name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else {
      throw problem("The folder \(path) cannot be written", errno)
    }
    guard unlink(name) == 0 else {
      let number = errno
      close(descriptor)
      throw problem("The folder \(path) cannot be written", number)
    }
    return descriptor
  }

  /// The sentence for an export that could not be written into `stream`.
  public func sentence(for problem: ExportProblem) -> String {
    switch problem {
    case .noSuchBatch(let id): "There is no batch \(id)."
    case .archived(let id, let folder):
      "The records of batch \(id) are in the archive \(folder): name that with --directory."
    case .records(let fault): fault.message
    case .full:
      "The disk of the folder \(path) is full: an export needs twice its size there while it is made. "
        + "Free space, or export to another disk."
    case .unwritable(let reason): "The export cannot be written to the folder \(path): \(reason)."
    case .abandoned: "The export was abandoned."
    case .unrecorded: "That it was made could not be put on record, so nothing was handed over."
    }
  }

  /// Makes the files (0440) from the stream, syncs them, and holds them against the manifest.
  ///
  /// Returns the names of the files. Signals that would end the program wait until all is there or removed.
  public func unpack() throws(Problem) -> [String] {
    var signals = sigset_t()
    sigemptyset(&signals)
    for number in [SIGINT, SIGTERM, SIGHUP] { sigaddset(&signals, number) }
    var before = sigset_t()
    pthread_sigmask(SIG_BLOCK, &signals, &before)
    defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
    do throws(Problem) {
      try split()
      try sync()
      if let wrong = ExportCheck.firstWrongFile(in: path) {
        throw Problem(description: "The export did not arrive whole: \(wrong) Export again.")
      }
    } catch {
      for name in made { unlink(path + "/" + name) }
      made = []
      throw error
    }
    isComplete = true
    return made
  }

  /// Whether the person at the keyboard wants it to end.
  private var isInterrupted: Bool {
    var pending = sigset_t()
    sigemptyset(&pending)
    sigpending(&pending)
    return [SIGINT, SIGTERM, SIGHUP].contains { sigismember(&pending, $0) == 1 }
  }

  private func split() throws(Problem) {
    let cut = Problem(
      description: "The export did not arrive whole: its stream ends too early. Export again.")
    var offset: off_t = 0
    func read(_ count: Int) throws(Problem) -> [UInt8] {
      var failure: Int32 = 0
      let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, done in
        done = 0
        while done < count {
          let length = pread(
            stream, buffer.baseAddress.map { $0 + done }, count - done, offset + off_t(done))
          if length < 0 && errno == EINTR { continue }
          if length < 0 { failure = errno }
          if length <= 0 { break }
          done += length
        }
      }
      guard failure == 0 else {
        throw ExportFolder.problem("The export in \(path) cannot be read back", failure)
      }
      guard bytes.count == count else { throw cut }
      offset += off_t(count)
      return bytes
    }
    guard try read(ExportWriter.magic.count) == ExportWriter.magic else {
      throw Problem(
        description:
          "The daemon exports in another form than this lineward reads; use the lineward of the same release."
      )
    }
    var files: [String: Int32] = [:]
    defer { for descriptor in files.values { close(descriptor) } }
    while true {
      let length = Int(try read(1)[0])
      if length == 0 { break }
      let name = String(decoding: try read(length), as: UTF8.self)
      let count = try read(4).reduce(0) { $0 << 8 | Int($1) }
      guard ExportFolder.isPlain(name),
        count <= ExportFolder.pieceMax
      else { throw cut }
      let piece = try read(count)
      if isInterrupted { throw Problem(description: "The export was interrupted.") }
      let file: Int32
      if let open = files[name] {
        file = open
      } else {
        file = open(path + "/" + name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o440)
        guard file >= 0 else {
          throw ExportFolder.problem("\(path)/\(name) cannot be made", errno)
        }
        files[name] = file
        made.append(name)
        fchmod(file, 0o440)
      }
      try write(piece, to: file, name)
    }
    for (name, file) in files where fsync(file) != 0 {
      throw ExportFolder.problem("\(path)/\(name) cannot be written", errno)
    }
  }

  private func write(_ bytes: [UInt8], to file: Int32, _ name: String) throws(Problem) {
    var start = 0
    while start < bytes.count {
      let count = bytes[start...].withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else {
        throw ExportFolder.problem("\(path)/\(name) cannot be written", count == 0 ? ENOSPC : errno)
      }
      start += count
    }
  }

  private func sync() throws(Problem) {
    do throws(StorageFault) {
      try StoreDirectory.sync(directory: path)
      try StoreDirectory.sync(directory: StoreDirectory.parent(of: path))
    } catch {
      throw Problem(description: error.message)
    }
  }

  /// One line may stand beyond what is held back: that of the largest record, each of its bytes written in six.
  private static let pieceMax = ExportWriter.pieceMax + 8 * RecordEncoder.sizeMax

  /// A name that stays within its folder.
  static func isPlain(_ name: String) -> Bool {
    !name.isEmpty && name.utf8.count <= 64 && name.first != "."
      && name.utf8.allSatisfy {
        ($0 >= 0x61 && $0 <= 0x7A) || ($0 >= 0x30 && $0 <= 0x39) || $0 == UInt8(ascii: "-")
          || $0 == UInt8(ascii: ".")
      }
  }
}
