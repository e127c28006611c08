internal import Crypto
internal import GRDB

/// What a quick look at the end of the chain found: its last `RecordStore.tailChecked` records, not all.
public struct TailLook: Sendable, Hashable {
  /// The last record, 0 when there is none.
  public var sequence: Int64
  /// Its hash, in hexadecimal digits.
  public var hash: String
  /// The record of the last signed head, nil when none was signed.
  public var head: Int64?
  /// That head as it was signed.
  public var headNote: String?
  /// Records whose hashes follow from each other.
  public var checked: Int64
}

extension RecordReader {
  /// Checks the hashes of the last records.
  ///
  /// - Throws: The first thing that is wrong with them.
  public func lookAtTail() throws(StorageFault) -> TailLook {
    let tail = try read { try RecordTail.verified($0, path: self.path) }
    return TailLook(
      sequence: tail.sequence, hash: "\(tail.hash)", head: tail.head?.sequence,
      headNote: tail.head?.note,
      checked: max(0, min(RecordStore.tailChecked, tail.sequence - tail.base.last)))
  }
}

/// The name of a text by what is in it.
public enum Fingerprint {
  /// SHA-256 in hexadecimal digits.
  public static func sha256(_ bytes: [UInt8]) -> String {
    Hexadecimal.text(SHA256.hash(data: bytes))
  }
}
