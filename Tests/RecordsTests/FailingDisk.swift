import GRDBSQLite
import Glibc
import Synchronization

/// SQLite's own file system with a layer that fails a write or a sync of the files below a folder, as a dying disk does, and
/// counts what is asked of it.
///
/// It is the default for this process from the first use on; other folders pass through it untouched.
enum FailingDisk {
  enum Fault: Sendable {
    case write
    case sync
    case read
  }

  /// What is asked of the files of a folder.
  struct Counts: Sendable {
    var writes = 0
    var syncs = 0
    /// Writes and syncs of a file after one of its syncs has failed, through the same descriptor.
    var afterFailedSync = 0
  }

  private struct State {
    var faults: [String: Fault] = [:]
    var counts: [String: Counts] = [:]
    /// Which folder an open file lies in.
    var folders: [UInt: String] = [:]
    var failedSync: Set<UInt> = []
    /// The methods below each open file, and the table that was made over each kind of them.
    var real: [UInt: UInt] = [:]
    var tables: [UInt: UInt] = [:]
  }

  private static let state = Mutex(State())

  /// Lets `fault` happen to every file of a folder until it is mended.
  static func fail(_ fault: Fault, in folder: String) {
    _ = installed
    state.withLock { $0.faults[folder] = fault }
  }

  static func mend(_ folder: String) { state.withLock { $0.faults[folder] = nil } }

  static func counts(_ folder: String) -> Counts {
    state.withLock { $0.counts[folder] ?? Counts() }
  }

  /// Begins to count in a folder; before its files are opened.
  static func watch(_ folder: String) {
    _ = installed
    state.withLock { $0.counts[folder] = Counts() }
  }

  // MARK: The layer

  // Kept true by: written once, by the initialisation of `installed`, and read by SQLite only after it.
  nonisolated(unsafe) private static let below = sqlite3_vfs_find(nil)
  nonisolated(unsafe) private static let layer = UnsafeMutablePointer<sqlite3_vfs>.allocate(
    capacity: 1)
  private static let installed: Bool = {
    guard let below else { return false }
    layer.initialize(to: below.pointee)
    layer.pointee.zName = UnsafePointer(strdup("failing"))
    layer.pointee.xOpen = { _, name, file, flags, flagsOut in
      FailingDisk.open(name, file, flags, flagsOut)
    }
    return sqlite3_vfs_register(layer, 1) == SQLITE_OK
  }()

  private static func open(
    _ name: UnsafePointer<CChar>?, _ file: UnsafeMutablePointer<sqlite3_file>?, _ flags: Int32,
    _ flagsOut: UnsafeMutablePointer<Int32>?
  ) -> Int32 {
    guard let below, let file else { return SQLITE_ERROR }
    let code = below.pointee.xOpen(below, name, file, flags, flagsOut)
    guard code == SQLITE_OK, let found = file.pointee.pMethods, let name else { return code }
    let path = String(cString: name)
    let isWatched = state.withLock { state in
      let folder = state.counts.keys.first { path.hasPrefix($0 + "/") }
      state.folders[UInt(bitPattern: file)] = folder
      state.failedSync.remove(UInt(bitPattern: file))
      return folder != nil
    }
    if isWatched { file.pointee.pMethods = UnsafePointer(bitPattern: table(over: found, file)) }
    return code
  }

  /// The table of methods that goes over one of the file system below, which has several: databases lock, logs do not.
  private static func table(
    over found: UnsafePointer<sqlite3_io_methods>, _ file: UnsafeMutablePointer<sqlite3_file>
  ) -> UInt {
    state.withLock { state in
      let real = UInt(bitPattern: found)
      state.real[UInt(bitPattern: file)] = real
      if let table = state.tables[real] { return table }
      let methods = UnsafeMutablePointer<sqlite3_io_methods>.allocate(capacity: 1)
      methods.initialize(to: found.pointee)
      // SQLITE_IOERR_READ, _WRITE and _FSYNC are macros that Swift does not see.
      methods.pointee.xWrite = { file, bytes, count, offset in
        guard let real = FailingDisk.asked(.write, file) else { return SQLITE_IOERR | 3 << 8 }
        return real.pointee.xWrite(file, bytes, count, offset)
      }
      methods.pointee.xRead = { file, bytes, count, offset in
        guard let real = FailingDisk.asked(.read, file) else { return SQLITE_IOERR | 1 << 8 }
        return real.pointee.xRead(file, bytes, count, offset)
      }
      methods.pointee.xSync = { file, flags in
        guard let real = FailingDisk.asked(.sync, file) else { return SQLITE_IOERR | 4 << 8 }
        return real.pointee.xSync(file, flags)
      }
      let table = UInt(bitPattern: methods)
      state.tables[real] = table
      return table
    }
  }

  /// Counts it, and gives the method below; nil when it has to fail.
  private static func asked(
    _ what: Fault, _ file: UnsafeMutablePointer<sqlite3_file>?
  ) -> UnsafePointer<sqlite3_io_methods>? {
    let number = UInt(bitPattern: file)
    let real: UInt? = state.withLock { state in
      guard let folder = state.folders[number] else { return state.real[number] }
      switch what {
      case .write: state.counts[folder]?.writes += 1
      case .sync: state.counts[folder]?.syncs += 1
      case .read: break
      }
      if what != .read, state.failedSync.contains(number) {
        state.counts[folder]?.afterFailedSync += 1
      }
      guard state.faults[folder] == what else { return state.real[number] }
      if what == .sync { state.failedSync.insert(number) }
      return nil
    }
    return real.flatMap { UnsafePointer(bitPattern: $0) }
  }
}
