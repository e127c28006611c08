public import Line

extension Reconciler {
  /// Takes a record as it stands on disk; recorded settings say from here on which stations have a gate.
  public mutating func take(_ stored: StoredRecord) {
    if stored.record.kind == .settings,
      let settings = try? RecordedSettings.decoded(stored.record.raw)
    {
      take(settings: settings)
    }
    take(stored.record)
  }
}
