internal import Crypto
internal import Foundation
internal import Glibc

/// The end of the chain at a moment, signed: kept elsewhere it proves that the tail was not cut nor the chain rewritten.
///
/// A note in the form of C2SP tlog-checkpoint and signed-note with Ed25519. The size is the sequence of the last record
/// and the hash is that record's hash in the chain (not the root of a tree).
public struct SignedHead: Sendable, Hashable {
  /// The sequence of the last record.
  public var sequence: Int64
  /// The hash of the last record.
  public var hash: ChainHash
  /// The whole note: three lines, an empty one, and the signatures' lines.
  public var note: String

  /// What the first line begins with; the line's id follows.
  static let originPrefix = "lineward/"

  /// Reads a note; nil when it is no head of a chain of ours.
  ///
  /// The signature is not checked.
  public init?(note: String) {
    let lines = note.split(separator: "\n", omittingEmptySubsequences: false)
    guard lines.count >= 6, lines[0].hasPrefix(SignedHead.originPrefix), let size = Int64(lines[1]),
      size >= 0, let data = Data(base64Encoded: String(lines[2])),
      let hash = ChainHash(Array(data)),
      lines[3].isEmpty, lines[4].hasPrefix("\u{2014} ")
    else { return nil }
    sequence = size
    self.hash = hash
    self.note = note
  }

  /// Reads notes that stand one after the other, with empty lines between them; nil when anything else is there.
  public static func list(in text: String) -> [SignedHead]? {
    var heads: [SignedHead] = []
    var note = ""
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      if note.isEmpty && line.isEmpty { continue }
      note += line + "\n"
      guard line.hasPrefix("\u{2014} ") else { continue }
      guard let head = SignedHead(note: note) else { return nil }
      heads.append(head)
      note = ""
    }
    return note.isEmpty ? heads : nil
  }

  init(sequence: Int64, hash: ChainHash, note: String) {
    self.sequence = sequence
    self.hash = hash
    self.note = note
  }

  /// Whether the note carries a right signature by this key.
  public func isSigned(by key: HeadKey) -> Bool { key.hasSigned(note: note) }
}

/// The public key that heads are signed with, in the form of a C2SP signed-note verifier key.
public struct HeadKey: Sendable, Hashable {
  /// The key's name, the same as the heads' first line.
  public var name: String
  /// The 32 bytes of the Ed25519 public key.
  public var bytes: [UInt8]

  init(name: String, bytes: [UInt8]) {
    self.name = name
    self.bytes = bytes
  }

  /// Reads `name+hexadecimal id+base64`; nil when it is anything else or the id does not belong to the key.
  public init?(_ text: String) {
    let parts = text.split(separator: "+", maxSplits: 2)
    guard parts.count == 3,
      let data = Data(base64Encoded: parts[2].trimmingCharacters(in: .whitespacesAndNewlines)),
      data.count == 33, data.first == 1
    else { return nil }
    name = String(parts[0])
    bytes = Array(data.dropFirst())
    guard Hexadecimal.bytes(String(parts[1])) == identifier else { return nil }
  }

  /// The text that `init(_:)` reads.
  public var text: String {
    "\(name)+\(Hexadecimal.text(identifier))+\(Data([1] + bytes).base64EncodedString())"
  }

  /// The first four bytes of SHA-256 over name, line feed, algorithm and key.
  var identifier: [UInt8] {
    Array(SHA256.hash(data: Data(name.utf8) + Data([0x0A, 1]) + Data(bytes)).prefix(4))
  }

  /// Whether a C2SP signed note carries a right signature by this key.
  func hasSigned(note: String) -> Bool {
    guard let split = note.range(of: "\n\n") else { return false }
    let text = Data(note[..<split.lowerBound].utf8) + Data("\n".utf8)
    for line in note[split.upperBound...].split(separator: "\n") {
      let parts = line.split(separator: " ")
      guard parts.count == 3, parts[0] == "\u{2014}", String(parts[1]) == name,
        let data = Data(base64Encoded: String(parts[2])), data.count == 4 + 64,
        Array(data.prefix(4)) == identifier
      else { continue }
      if isValid(signature: Array(data.dropFirst(4)), of: Array(text)) { return true }
    }
    return false
  }

  private func isValid(signature: [UInt8], of text: [UInt8]) -> Bool {
    guard let key = try? Curve25519.Signing.PublicKey(rawRepresentation: bytes) else {
      return false
    }
    return key.isValidSignature(signature, for: text)
  }

  /// The key beside the records, which `verify` uses when none that was kept elsewhere is given; nil when there is none.
  public static func stored(in directory: String) -> HeadKey? {
    guard let text = try? String(contentsOfFile: HeadSigner.publicPath(directory), encoding: .utf8)
    else { return nil }
    return HeadKey(text)
  }
}

/// Signs heads and exports; the key is made at the first start and readable by the daemon alone.
struct HeadSigner {
  private let key: Curve25519.Signing.PrivateKey
  private let origin: String
  private let identifier: [UInt8]

  static func privatePath(_ directory: String) -> String { directory + "/head-key" }
  static func publicPath(_ directory: String) -> String { directory + "/head-key.pub" }

  init(directory: String, line: String) throws(StorageFault) {
    let path = HeadSigner.privatePath(directory)
    if let bytes = try HeadSigner.read(path) {
      guard let key = try? Curve25519.Signing.PrivateKey(rawRepresentation: bytes) else {
        throw .corrupt("The signing key \(path) is no Ed25519 key of 32 bytes", path: path)
      }
      self.key = key
    } else {
      key = Curve25519.Signing.PrivateKey()
      try HeadSigner.write(Array(key.rawRepresentation), path, mode: 0o600, directory)
    }
    let bytes = Array(key.publicKey.rawRepresentation)
    if let stored = HeadKey.stored(in: directory), stored.bytes == bytes {
      // The key keeps its name although the line may have got another.
      origin = stored.name
      identifier = stored.identifier
      return
    }
    // A key's name has neither blanks nor plus signs (C2SP signed-note).
    origin = SignedHead.originPrefix + line.map { $0 == "+" || $0.isWhitespace ? "_" : $0 }
    let verifier = HeadKey(name: origin, bytes: bytes)
    identifier = verifier.identifier
    try HeadSigner.write(
      Array((verifier.text + "\n").utf8), HeadSigner.publicPath(directory), mode: 0o644, directory)
  }

  /// The key that is in a directory; nil where it is not, as in a copy, or its public half is not beside it.
  init?(existingIn directory: String) throws(StorageFault) {
    guard let bytes = try HeadSigner.read(HeadSigner.privatePath(directory)),
      let key = try? Curve25519.Signing.PrivateKey(rawRepresentation: bytes),
      let stored = HeadKey.stored(in: directory),
      stored.bytes == Array(key.publicKey.rawRepresentation)
    else { return nil }
    self.key = key
    origin = stored.name
    identifier = stored.identifier
  }

  func sign(sequence: Int64, hash: ChainHash) -> SignedHead {
    SignedHead(
      sequence: sequence, hash: hash,
      note: signed(["\(sequence)", Data(hash.bytes).base64EncodedString()]))
  }

  /// A signed note: the key's name and these lines, then the signature over them.
  func signed(_ lines: [String]) -> String {
    let text = ([origin] + lines).map { $0 + "\n" }.joined()
    // Ed25519 with a key that was read or made cannot fail; an empty signature would be found by `verify`.
    let signature = (try? key.signature(for: Data(text.utf8))) ?? Data()
    let line = (Data(identifier) + signature).base64EncodedString()
    return "\(text)\n\u{2014} \(origin) \(line)\n"
  }

  private static func read(_ path: String) throws(StorageFault) -> [UInt8]? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    if descriptor < 0 {
      let number = errno
      if number == ENOENT { return nil }
      throw .system(number, "open", path: path)
    }
    defer { close(descriptor) }
    try StoreDirectory.expectRegular(descriptor, path)
    var bytes = [UInt8](repeating: 0, count: 1024)
    let length = Glibc.read(descriptor, &bytes, bytes.count)
    guard length >= 0 else { throw .system(errno, "read", path: path) }
    return Array(bytes[..<length])
  }

  private static func write(
    _ bytes: [UInt8], _ path: String, mode: mode_t, _ directory: String
  ) throws(StorageFault) {
    let temporary = path + ".new"
    unlink(temporary)
    let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
    guard descriptor >= 0 else { throw .system(errno, "create", path: temporary) }
    defer { close(descriptor) }
    guard Glibc.write(descriptor, bytes, bytes.count) == bytes.count, fsync(descriptor) == 0,
      rename(temporary, path) == 0
    else { throw .system(errno, "write", path: path) }
    try StoreDirectory.sync(directory: directory)
  }
}
