/// The answer to `containment units`: what a hand scan has to find.
public struct CaseUnitsReply: Sendable, Equatable, Codable {
  /// The case.
  public var caseID: String
  /// Units that are affected.
  public var units: Int
  /// Serials among them.
  public var serials: Int
  /// Serials among them that were scanned in.
  public var found: Int
  /// Serials among them that were not.
  public var missing: Int
  /// Serials scanned in that no affected unit has.
  public var others: Int
  /// Units counted and not listed: too many without a serial of their own.
  public var unlisted: Int
  /// What could not be looked at, a sentence each.
  public var remarks: [String]
  /// The first units; all of them go into a file.
  public var shown: [Unit]

  /// One unit.
  public struct Unit: Sendable, Equatable, Codable {
    /// Its batch.
    public var batch: String
    /// The GTIN of that.
    public var gtin: String
    /// Its serial; empty: none of the batch was read on it.
    public var serial: String
    /// Its number at the station.
    public var unit: Int
    /// The station that judged it.
    public var station: String
    /// The verdict's number.
    public var verdict: Int
    /// When, RFC 3339.
    public var at: String
    /// The outcome's number; 0: none came.
    public var outcome: Int
    /// What its serial is now; empty without one.
    public var state: String
    /// Whether its serial is on hold by a person.
    public var hold: Bool
    /// Whether it was scanned in.
    public var scannedIn: Bool

    /// Makes a unit.
    public init(
      batch: String, gtin: String, serial: String, unit: Int, station: String, verdict: Int,
      at: String, outcome: Int, state: String, hold: Bool, scannedIn: Bool
    ) {
      self.batch = batch
      self.gtin = gtin
      self.serial = serial
      self.unit = unit
      self.station = station
      self.verdict = verdict
      self.at = at
      self.outcome = outcome
      self.state = state
      self.hold = hold
      self.scannedIn = scannedIn
    }

    private enum CodingKeys: String, CodingKey {
      case batch, gtin, serial, unit, station, verdict, at, outcome, state, hold
      case scannedIn = "scanned_in"
    }
  }

  /// Makes a reply.
  public init(
    caseID: String, units: Int, serials: Int, found: Int, others: Int, unlisted: Int,
    remarks: [String], shown: [Unit]
  ) {
    self.caseID = caseID
    self.units = units
    self.serials = serials
    self.found = found
    missing = serials - found
    self.others = others
    self.unlisted = unlisted
    self.remarks = remarks
    self.shown = shown
  }

  private enum CodingKeys: String, CodingKey {
    case units, serials, found, missing, others, unlisted, remarks, shown
    case caseID = "case"
  }
}

/// What became of `containment bundle`.
public struct BundleReply: Sendable, Equatable, Codable {
  /// The case.
  public var caseID: String
  /// Records of the case in it.
  public var records: Int
  /// Units that are affected.
  public var units: Int
  /// SHA-256 of its manifest, which is on record.
  public var manifest: String
  /// Whether it is signed.
  public var signed: Bool
  /// What is not in it, and why, a sentence each.
  public var leftOut: [String]

  /// Makes a reply.
  public init(
    caseID: String, records: Int, units: Int, manifest: String, signed: Bool, leftOut: [String]
  ) {
    self.caseID = caseID
    self.records = records
    self.units = units
    self.manifest = manifest
    self.signed = signed
    self.leftOut = leftOut
  }

  private enum CodingKeys: String, CodingKey {
    case records, units, manifest, signed
    case caseID = "case"
    case leftOut = "left_out"
  }
}
