internal import Glibc

/// Why an export was not made, for a person.
public enum ExportProblem: Error, Sendable, Hashable {
  /// No batch of this id was ever opened.
  case noSuchBatch(String)
  /// Its records are in an archive, in this folder from the storage directory on.
  case archived(String, String)
  /// The records cannot be read.
  case records(StorageFault)
  /// The disk that the export goes to is full.
  case full
  /// The export cannot be written: the reason of the system.
  case unwritable(String)
  /// Nobody waits for it any more.
  case abandoned
  /// It could not be put on record, so it does not leave.
  case unrecorded

  static func system(_ number: Int32) -> ExportProblem {
    switch number {
    case ENOSPC, EDQUOT: .full
    default: .unwritable(String(cString: strerror(number)))
    }
  }
}
