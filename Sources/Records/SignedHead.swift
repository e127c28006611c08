internal import Crypto
internal import Foundation

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
  ///
  /// A note may carry several signatures. One that breaks off where the next begins was cut by a power failure while it was
  /// appended, and is passed over.
  public static func list(in text: String) -> [SignedHead]? {
    var heads: [SignedHead] = []
    var note = ""
    var isSigned = false
    func end() -> Bool {
      defer {
        note = ""
        isSigned = false
      }
      guard isSigned else { return true }
      guard let head = SignedHead(note: note) else { return false }
      heads.append(head)
      return true
    }
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      if line.hasPrefix(originPrefix) {
        guard end() else { return nil }
      } else if line.isEmpty, isSigned || note.isEmpty {
        guard end() else { return nil }
        continue
      } else if note.isEmpty {
        return nil
      }
      isSigned = line.hasPrefix("\u{2014} ")
      note += line + "\n"
    }
    let isWhole = note.isEmpty || isSigned
    return end() && isWhole ? heads : nil
  }

  /// The note's first line: the name of the key and of the line that it is about.
  public var origin: String { String(note.prefix { $0 != "\n" }) }

  /// Whether the note's last signature line claims to be by this key, right or wrong; at a rotation that is the new key.
  func endsWithSignature(by key: HeadKey) -> Bool {
    let line = note.split(separator: "\n").last.map { "\n\n\($0)" } ?? ""
    return key.signatures(in: line) { _, _ in true }
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

  /// What people tell keys apart by: the name is the same for all keys of a line.
  public var shortName: String { "\(name), key \(Hexadecimal.text(identifier))" }

  /// Reads keys, one a line; nil when there is none, or anything else.
  public static func list(in text: String) -> [HeadKey]? {
    var keys: [HeadKey] = []
    for line in text.split(whereSeparator: \.isNewline) where !line.allSatisfy(\.isWhitespace) {
      guard let key = HeadKey(String(line)) else { return nil }
      keys.append(key)
    }
    return keys.isEmpty ? nil : keys
  }

  /// Whether a C2SP signed note carries a right signature by this key.
  func hasSigned(note: String) -> Bool {
    signatures(in: note) { signature, text in isValid(signature: signature, of: text) }
  }

  fileprivate func signatures(in note: String, _ isOne: ([UInt8], [UInt8]) -> Bool) -> Bool {
    guard let split = note.range(of: "\n\n") else { return false }
    let text = Data(note[..<split.lowerBound].utf8) + Data("\n".utf8)
    for line in note[split.upperBound...].split(separator: "\n") {
      let parts = line.split(separator: " ")
      guard parts.count == 3, parts[0] == "\u{2014}", String(parts[1]) == name,
        let data = Data(base64Encoded: String(parts[2])), data.count == 4 + 64,
        Array(data.prefix(4)) == identifier
      else { continue }
      if isOne(Array(data.dropFirst(4)), Array(text)) { return true }
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
    read(KeyFiles.publicPath(directory))
  }

  static func read(_ path: String) -> HeadKey? {
    guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { return nil }
    return HeadKey(text)
  }
}
