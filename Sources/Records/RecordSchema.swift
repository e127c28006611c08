internal import GRDB

/// The database's shape, and the steps that lead to it from older versions.
enum RecordSchema {
  /// "LWRD": what `file` shows as application id, and what tells the file from other programs' databases.
  static let applicationID: Int32 = 0x4C57_5244
  /// The version of this program's schema, in `PRAGMA user_version`.
  static let version = steps.count

  /// The columns of `records` in the order that `RecordRow` reads them.
  static let columns =
    "sequence, wall, monotonic, boot, line, kind, station, unit, batch, row, code, number, state, raw, actor, detail, hash"

  static let records = """
    CREATE TABLE records (
      sequence INTEGER PRIMARY KEY,
      wall INTEGER NOT NULL,
      monotonic INTEGER NOT NULL,
      boot BLOB NOT NULL,
      line TEXT NOT NULL,
      kind INTEGER NOT NULL,
      station INTEGER NOT NULL,
      unit INTEGER NOT NULL,
      batch INTEGER NOT NULL,
      row INTEGER NOT NULL,
      code INTEGER NOT NULL,
      number INTEGER NOT NULL,
      state INTEGER,
      raw BLOB NOT NULL,
      actor TEXT NOT NULL,
      detail TEXT NOT NULL,
      hash BLOB NOT NULL
    ) STRICT
    """

  /// Records of a batch's own life are few and looked for by number; verdicts stay out of every index, because one keyed
  /// write for each would cost more than the record itself.
  static let batchRecords = """
    CREATE INDEX batch_records ON records (kind, batch) WHERE kind BETWEEN 10 AND 13
    """

  static let noUpdate = """
    CREATE TRIGGER records_stay BEFORE UPDATE ON records BEGIN
      SELECT RAISE(ABORT, 'records are only added');
    END
    """

  static let noDelete = """
    CREATE TRIGGER records_remain BEFORE DELETE ON records BEGIN
      SELECT RAISE(ABORT, 'records are only added');
    END
    """

  static let heads = """
    CREATE TABLE heads (
      sequence INTEGER PRIMARY KEY,
      note TEXT NOT NULL
    ) STRICT
    """

  /// Which records an archive holds, by the record that says so: those, and no others, may be removed here.
  static let archived = """
    CREATE TABLE archived (
      record INTEGER PRIMARY KEY,
      last INTEGER NOT NULL
    ) STRICT
    """

  static let archivedIsRecorded = """
    CREATE TRIGGER archived_is_recorded BEFORE INSERT ON archived
    WHEN NEW.last >= NEW.record
      OR NOT EXISTS (SELECT 1 FROM records WHERE sequence = NEW.record AND kind = 54)
    BEGIN
      SELECT RAISE(ABORT, 'an archive is named by a record');
    END
    """

  static let archivedStays = """
    CREATE TRIGGER archived_stays BEFORE UPDATE ON archived BEGIN
      SELECT RAISE(ABORT, 'archives are only added');
    END
    """

  static let archivedRemains = """
    CREATE TRIGGER archived_remains BEFORE DELETE ON archived BEGIN
      SELECT RAISE(ABORT, 'archives are only added');
    END
    """

  static let noDeleteUnlessArchived = """
    CREATE TRIGGER records_remain BEFORE DELETE ON records
    WHEN OLD.sequence > (SELECT coalesce(max(last), 0) FROM archived)
    BEGIN
      SELECT RAISE(ABORT, 'records are only added');
    END
    """

  /// Step n leads from version n to n + 1.
  ///
  /// A step that was shipped is never changed.
  static let steps: [@Sendable (Database) throws -> Void] = [
    { database in
      for sql in [records, batchRecords, noUpdate, noDelete, heads] {
        try database.execute(sql: sql)
      }
    },
    { database in
      for sql in [
        archived, archivedIsRecorded, archivedStays, archivedRemains,
        "DROP TRIGGER records_remain", noDeleteUnlessArchived,
      ] {
        try database.execute(sql: sql)
      }
    },
  ]

  /// What kind of file this is, before anything is written to it.
  static func check(_ database: Database, path: String) throws {
    let application = try Int32.fetchOne(database, sql: "PRAGMA application_id") ?? 0
    let version = try Int.fetchOne(database, sql: "PRAGMA user_version") ?? 0
    if application == 0 && version == 0 {
      // An empty database: new, or its creation was cut short, and creation is one transaction.
      let count = try Int.fetchOne(database, sql: "SELECT count(*) FROM sqlite_schema") ?? 0
      if count == 0 { return }
    }
    guard application == applicationID else {
      throw StorageFault(
        .foreign,
        "\(path) is a database of another program. "
          + "Move it away, or set storage.directory to the right place.", path: path)
    }
    guard version <= RecordSchema.version else {
      throw StorageFault(
        .newerVersion,
        "\(path) was written by a newer Lineward (schema \(version); this one knows up to "
          + "\(RecordSchema.version)). Install that version again; nothing was changed.", path: path
      )
    }
  }

  /// Brings the database to this version, in one transaction.
  static func migrate(_ database: Database) throws {
    let version = try Int.fetchOne(database, sql: "PRAGMA user_version") ?? 0
    guard version < steps.count else { return }
    try database.inTransaction(.immediate) {
      for step in steps[version...] { try step(database) }
      try database.execute(sql: "PRAGMA application_id = \(applicationID)")
      try database.execute(sql: "PRAGMA user_version = \(steps.count)")
      return .commit
    }
  }
}
