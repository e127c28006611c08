package import Line
package import Records

extension LineLoop.Recovery {
  /// Opens the records of a directory and makes the core of them, which has not begun yet.
  ///
  /// The one way back after a start, a crash and a storage fault; whole lines in virtual time go it too.
  package static func replayed(
    directory: String, settings: LineSettings
  ) throws(StorageFault) -> LineLoop.Recovery {
    let store = try RecordStore(directory: directory, line: settings.line)
    do throws(StorageFault) {
      let recovery = try LineRecovery.recover(from: store, settings: settings)
      return LineLoop.Recovery(store: store, core: recovery.core, remark: recovery.remark)
    } catch {
      store.close()
      throw error
    }
  }
}
