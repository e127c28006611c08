internal import Crypto
internal import Foundation
internal import Glibc

/// Signs heads and exports with one key.
struct HeadSigner {
  private let privateKey: Curve25519.Signing.PrivateKey
  /// The public half.
  let key: HeadKey

  private init(_ privateKey: Curve25519.Signing.PrivateKey, name: String) {
    self.privateKey = privateKey
    key = HeadKey(name: name, bytes: Array(privateKey.publicKey.rawRepresentation))
  }

  /// Makes a key that no file holds yet.
  init(newFor name: String) { self.init(Curve25519.Signing.PrivateKey(), name: name) }

  /// The key in a file; nil where there is no file.
  init?(at path: String, name: String) throws(StorageFault) {
    guard let bytes = try KeyFiles.read(path) else { return nil }
    guard let key = try? Curve25519.Signing.PrivateKey(rawRepresentation: bytes) else {
      throw .corrupt("The signing key \(path) is no Ed25519 key of 32 bytes", path: path)
    }
    self.init(key, name: name)
  }

  /// The key that is in a directory; nil where it is not, as in a copy, or its public half is not beside it.
  init?(existingIn directory: String) throws(StorageFault) {
    guard let stored = HeadKey.stored(in: directory) else { return nil }
    try self.init(at: KeyFiles.privatePath(directory), name: stored.name)
    guard key == stored else { return nil }
  }

  /// The bytes that a key file holds.
  var secret: [UInt8] { Array(privateKey.rawRepresentation) }

  /// Signs the end of the chain; with `next` the note bears the signatures of both keys.
  func sign(sequence: Int64, hash: ChainHash, with next: HeadSigner? = nil) -> SignedHead {
    let lines = ["\(sequence)", Data(hash.bytes).base64EncodedString()]
    var note = signed(lines)
    if let next { note += next.signatureLine(over: text(lines)) }
    return SignedHead(sequence: sequence, hash: hash, note: note)
  }

  /// A signed note: the key's name and these lines, then the signature over them.
  func signed(_ lines: [String]) -> String {
    let text = text(lines)
    return "\(text)\n\(signatureLine(over: text))"
  }

  private func text(_ lines: [String]) -> String {
    ([key.name] + lines).map { $0 + "\n" }.joined()
  }

  private func signatureLine(over text: String) -> String {
    // Ed25519 with a key that was read or made cannot fail; an empty signature would be found by `verify`.
    let signature = (try? privateKey.signature(for: Data(text.utf8))) ?? Data()
    return "\u{2014} \(key.name) \((Data(key.identifier) + signature).base64EncodedString())\n"
  }
}

/// The files that hold signing keys, in a directory of records.
enum KeyFiles {
  /// The key that signs.
  static func privatePath(_ directory: String) -> String { directory + "/head-key" }
  /// Its public half.
  static func publicPath(_ directory: String) -> String { directory + "/head-key.pub" }
  /// The key that will sign next, while a rotation is under way.
  static func nextPath(_ directory: String) -> String { directory + "/head-key.next" }
  /// The public half of a key that signs no more.
  static func retiredPath(_ directory: String, _ key: HeadKey) -> String {
    directory + "/head-key-\(Hexadecimal.text(key.identifier)).pub"
  }

  /// The bytes of a small file, nil when it is absent.
  static func read(_ path: String) throws(StorageFault) -> [UInt8]? {
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

  /// Writes a small file, synced, in place of the one that was there.
  static func write(
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

  static func write(_ signer: HeadSigner, _ path: String, _ directory: String) throws(StorageFault)
  {
    try write(signer.secret, path, mode: 0o600, directory)
  }

  static func write(_ key: HeadKey, _ path: String, _ directory: String) throws(StorageFault) {
    try write(Array((key.text + "\n").utf8), path, mode: 0o644, directory)
  }

  /// The names of the public halves that signed before.
  static func retired(in directory: String) -> [String] {
    StoreDirectory.names(in: directory)
      .filter { $0.hasPrefix("head-key-") && $0.hasSuffix(".pub") }.sorted()
  }

  /// The public key that signed a head last, of those whose halves lie in the directory.
  static func signer(of head: SignedHead, in directory: String) -> HeadKey? {
    (["head-key.pub"] + retired(in: directory)).lazy.compactMap {
      HeadKey.read(directory + "/" + $0)
    }
    .first { head.endsWithSignature(by: $0) && head.isSigned(by: $0) }
  }
}
