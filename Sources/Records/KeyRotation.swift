internal import Foundation
internal import Glibc

/// What a record of kind 56 says: the key that signs from here on, and the one before it.
struct KeyChange: Sendable, Hashable {
  /// How it came about, the record's code.
  enum Cause: UInt16 {
    /// A person ordered it; the head that covers the record is signed by both keys.
    case ordered = 1
    /// The daemon found another key at its start; nothing vouches for it.
    case found = 2
  }

  /// The key that signed until then; nil when its public half is lost.
  var old: HeadKey?
  /// The key that signs from the record on.
  var new: HeadKey

  /// What a start says of a key that nobody was told of.
  var foundSentence: String {
    let before =
      old.map { "not with \($0.shortName), which signed until now" } ?? "with another one until now"
    return
      "the signing key head-key was exchanged or lost: heads are signed with \(new.shortName), \(before), and "
      + "nothing vouches for the new key"
  }

  init(old: HeadKey?, new: HeadKey) {
    self.old = old
    self.new = new
  }

  /// The record's `raw`: two lines, the old key and the new one.
  var encoded: [UInt8] { Array("\(old?.text ?? "")\n\(new.text)".utf8) }

  /// Reads a record's `raw`; nil when it is anything else.
  init?(encoded bytes: some Collection<UInt8>) {
    let lines = String(decoding: bytes, as: UTF8.self)
      .split(separator: "\n", omittingEmptySubsequences: false)
    guard lines.count == 2, let new = HeadKey(String(lines[1])) else { return nil }
    self.new = new
    old = HeadKey(String(lines[0]))
    guard old != nil || lines[0].isEmpty else { return nil }
  }
}

/// Gives a line a new signing key, in steps of which any may be the last before a power cut.
///
/// 1. `prepare` puts the new key beside the old one (`head-key.next`).
/// 2. The record of the change goes into the chain. In the same transaction goes a head that covers it, signed by both
///    keys: from here on the change has happened.
/// 3. `finish` puts the new key in the old one's place.
///
/// A start finds 1 without 2 and throws the new key away, or 2 without 3 and goes on with 3.
public enum KeyRotation {
  /// Makes the new key; returns what the record of the change holds.
  ///
  /// - Throws: Also when another rotation is under way.
  public static func prepare(directory: String) throws(StorageFault) -> [UInt8] {
    guard let old = HeadKey.stored(in: directory) else {
      throw StorageFault(
        .missing,
        "The public key \(KeyFiles.publicPath(directory)) cannot be read. Restart the daemon.",
        path: KeyFiles.publicPath(directory))
    }
    let path = KeyFiles.nextPath(directory)
    guard access(path, F_OK) != 0 else {
      throw StorageFault(
        .locked,
        "Another rotation of the key is not done yet (\(path) is there). Restart the daemon, which ends it.",
        path: path)
    }
    let next = HeadSigner(newFor: old.name)
    try KeyFiles.write(next, path, directory)
    return KeyChange(old: old, new: next.key).encoded
  }

  /// Throws the new key away; only where no record names it.
  public static func abandon(directory: String) {
    unlink(KeyFiles.nextPath(directory))
    try? StoreDirectory.sync(directory: directory)
  }

  /// Puts the new key in the old one's place, once the record is on disk; the old one is overwritten and gone, its public
  /// half stays.
  public static func finish(directory: String) throws(StorageFault) {
    guard let stored = HeadKey.stored(in: directory) else { return }
    try finish(directory: directory, name: stored.name)
  }

  private static func finish(directory: String, name: String) throws(StorageFault) {
    guard let next = try HeadSigner(at: KeyFiles.nextPath(directory), name: name) else { return }
    if let stored = HeadKey.stored(in: directory), stored != next.key {
      try KeyFiles.write(stored, KeyFiles.retiredPath(directory, stored), directory)
    }
    let path = KeyFiles.privatePath(directory)
    // Held open over the rename: overwritten in place before it, a power cut would leave no key at all.
    let old = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
    defer { if old >= 0 { close(old) } }
    guard rename(KeyFiles.nextPath(directory), path) == 0 else {
      throw .system(errno, "put the new key at", path: path)
    }
    try StoreDirectory.sync(directory: directory)
    if old >= 0 {
      let zeros = [UInt8](repeating: 0, count: 32)
      _ = pwrite(old, zeros, zeros.count, 0)
      _ = fdatasync(old)
    }
    try KeyFiles.write(next.key, KeyFiles.publicPath(directory), directory)
  }

  /// What the keys of a directory come to at a start.
  struct Found {
    /// The key that signs from now on.
    var signer: HeadSigner
    /// A key in place of the one that signed before, which no record explains; nil when all is as it should be.
    var exchange: KeyChange?
  }

  /// Reads the keys at a start, or makes the first; ends a rotation that was cut short.
  ///
  /// `lastHead` tells which key signed last: another one in the file was put there by somebody.
  static func keys(
    in directory: String, line: String, lastHead: SignedHead?
  ) throws(StorageFault) -> Found {
    let stored = HeadKey.stored(in: directory)
    // A key's name has neither blanks nor plus signs (C2SP signed-note), and stays although the line may get another.
    let name =
      stored?.name ?? lastHead?.origin ?? SignedHead.originPrefix
      + line.map { $0 == "+" || $0.isWhitespace ? "_" : String($0) }.joined()
    if let next = try HeadSigner(at: KeyFiles.nextPath(directory), name: name) {
      if let lastHead, lastHead.isSigned(by: next.key) {
        try finish(directory: directory, name: name)
      } else {
        abandon(directory: directory)
      }
    }
    let signer: HeadSigner
    if let present = try HeadSigner(at: KeyFiles.privatePath(directory), name: name) {
      signer = present
    } else {
      signer = HeadSigner(newFor: name)
      try KeyFiles.write(signer, KeyFiles.privatePath(directory), directory)
    }
    var exchange: KeyChange?
    // A head that claims to be by this key and is not was changed in the database: that is for `verify` to name.
    if let lastHead, !lastHead.endsWithSignature(by: signer.key) {
      let old = KeyFiles.signer(of: lastHead, in: directory)
      exchange = KeyChange(old: old, new: signer.key)
      if let old { try KeyFiles.write(old, KeyFiles.retiredPath(directory, old), directory) }
    }
    if HeadKey.stored(in: directory) != signer.key {
      try KeyFiles.write(signer.key, KeyFiles.publicPath(directory), directory)
    }
    return Found(signer: signer, exchange: exchange)
  }
}
