internal import GRDB
internal import GRDBSQLite
internal import Glibc

/// What is wrong with the storage, for a person on shift: what happened, where, and what to do.
public struct StorageFault: Error, Sendable, Hashable, CustomStringConvertible {
  /// What kind of fault it is; more may come.
  public enum Code: String, Sendable, Hashable {
    /// The file is no SQLite database at all.
    case notADatabase = "not_a_database"
    /// A SQLite database of another program.
    case foreign
    /// Written by a newer version of Lineward.
    case newerVersion = "newer_version"
    /// The directory or a file in it cannot be written.
    case readOnly = "read_only"
    /// No space is left on the file system.
    case full
    /// Another process holds a lock on the database.
    case locked
    /// Reading, writing or syncing failed.
    case io
    /// What is on disk is damaged or does not agree with itself.
    case corrupt
    /// Records that were on disk are no longer there.
    case tailMissing = "tail_missing"
    /// A file of the database was removed or replaced while the store was open.
    case filesRemoved = "files_removed"
    /// Another daemon works in the same directory.
    case secondDaemon = "second_daemon"
    /// There is no database where one was to be read.
    case missing
    /// A record is larger than a record may be.
    case recordTooLarge = "record_too_large"
    /// The store was closed.
    case closed
  }

  /// What kind of fault it is.
  public var code: Code
  /// Two sentences: what happened where, and what to do.
  public var message: String
  /// The file or directory that it is about.
  public var path: String

  /// Makes a fault.
  public init(_ code: Code, _ message: String, path: String) {
    self.code = code
    self.message = message
    self.path = path
  }

  /// The message.
  public var description: String { message }
}

extension StorageFault {
  /// The fault that an `errno` of a system call stands for.
  static func system(_ number: Int32, _ doing: String, path: String) -> StorageFault {
    let reason = String(cString: strerror(number))
    switch number {
    case ENOSPC, EDQUOT: return .full(path: path)
    case EROFS, EACCES, EPERM:
      return StorageFault(
        .readOnly,
        "Cannot \(doing) \(path): \(reason). "
          + "Give the daemon's user the right to write there, and mount the file system writable.",
        path: path)
    default:
      return StorageFault(
        .io, "Cannot \(doing) \(path): \(reason). Check the disk and the path.", path: path)
    }
  }

  private static func isFull(_ path: String) -> Bool {
    var information = statvfs()
    return statvfs(StoreDirectory.parent(of: path), &information) == 0
      && information.f_bavail == 0 && information.f_blocks > 0
  }

  static func full(path: String) -> StorageFault {
    StorageFault(
      .full,
      "No space is left for records at \(path). Free space on that file system, then release the line.",
      path: path)
  }

  /// The fault that a SQLite result code stands for.
  static func sqlite(
    _ code: Int32, systemError: Int32, text: String, _ doing: String, path: String
  ) -> StorageFault {
    if systemError == ENOSPC || systemError == EDQUOT { return .full(path: path) }
    switch code & 0xFF {
    case SQLITE_FULL: return .full(path: path)
    case SQLITE_NOTADB: return .notADatabase(path: path)
    case SQLITE_READONLY, SQLITE_PERM:
      return StorageFault(
        .readOnly,
        "Cannot \(doing): \(path) is read-only (\(text)). "
          + "Give the daemon's user the right to write there, and mount the file system writable.",
        path: path)
    case SQLITE_BUSY, SQLITE_LOCKED:
      return StorageFault(
        .locked,
        "Cannot \(doing): another process holds a lock on \(path). "
          + "Find it with 'fuser \(path)' and end it.",
        path: path)
    case SQLITE_CORRUPT:
      return .corrupt("\(path) is damaged (\(text))", path: path)
    default:
      let reason = systemError == 0 ? text : "\(text): \(String(cString: strerror(systemError)))"
      return StorageFault(
        .io, "Cannot \(doing) at \(path): \(reason) (SQLite \(code)). Check the disk.", path: path)
    }
  }

  static func notADatabase(path: String) -> StorageFault {
    StorageFault(
      .notADatabase,
      "\(path) is not a database. Move it away, or set storage.directory to the right place.",
      path: path)
  }

  static func corrupt(_ what: String, path: String) -> StorageFault {
    StorageFault(
      .corrupt,
      "\(what). Keep the directory as it is, run 'lineward records verify', and restore from a copy.",
      path: path)
  }

  static func closed(path: String) -> StorageFault {
    StorageFault(.closed, "The records at \(path) are closed. Open them anew.", path: path)
  }

  /// The fault behind an error that GRDB threw.
  static func from(_ error: any Error, _ doing: String, path: String) -> StorageFault {
    switch error {
    case let fault as StorageFault: return fault
    case let error as DatabaseError:
      // The reason of the system call behind it is not told, but on a full disk it is most often that.
      let code = error.resultCode
      if code == .SQLITE_IOERR || code == .SQLITE_CANTOPEN, isFull(path) {
        return .full(path: path)
      }
      return .sqlite(
        error.extendedResultCode.rawValue, systemError: 0,
        text: error.message ?? "unknown reason", doing, path: path)
    default:
      return StorageFault(.io, "Cannot \(doing) at \(path): \(error).", path: path)
    }
  }
}
