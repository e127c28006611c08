internal import Alarms
public import Containment

/// What a person may order about a containment case.
public enum ContainmentCommand: Sendable {
  /// Opens one; `batch` nil: the running one, or the last that ran. `holdsRelease` false: the line may run another batch.
  case open(reason: String, batch: String?, holdsRelease: Bool)
  /// Completes a step.
  case complete(id: String, step: String, evidence: String)
  /// Answers for a contact; `phoned`: who did so by telephone.
  case answer(id: String, contact: String, phoned: String?, comment: String)
  /// Narrows what is on hold, by quality: to these batches, or to what came after a moment (wall time in ms).
  case narrow(id: String, batches: [String], since: Int64?, reason: String)
  /// Scans a pack in: the serial, with its GTIN where that is known.
  case scan(id: String, serial: [UInt8], gtin: String?, raw: [UInt8])
  /// Closes it.
  case close(id: String, reason: String)
  /// Puts on record that a bundle of its evidence is made; `sha256` nil: it begins, and nothing of it is written yet,
  /// otherwise that of its manifest.
  case bundle(id: String, sha256: String?)
}

/// What a case asks of the daemon, away from the line loop.
public enum ContainmentOrder: Sendable, Hashable {
  /// Tells the contacts of the case; at a higher escalation more of them.
  case alert(number: UInt32, escalation: ContainmentCase.Escalation)
  /// Takes the state of devices, disk, clock and records as evidence.
  case snapshot(number: UInt32)
}

/// What became of it.
public enum ContainmentEvent: Sendable {
  /// A contact was told by one of its ways of a moment of the case, or the attempt failed; `isLast`: no other one follows.
  case told(
    number: UInt32, contact: String, way: String, of: ContainmentCase.Escalation, attempt: Int,
    failure: String?, isLast: Bool)
  /// Something that belongs to a case.
  case noted(number: UInt32, text: String)
  /// Evidence for a step.
  case evidence(number: UInt32, step: Playbook.Meaning, title: String, bytes: [UInt8])
}

/// What opens a case at the end of a step.
struct CaseCause: Sendable, Hashable {
  var alarm: AlarmKind
  var place: String
  var title: String
}

/// One stretch in which a batch ran.
struct BatchRun: Sendable, Hashable, Codable {
  /// Counts the runs of the line from 1.
  var number: UInt32
  var batch: UInt32
  /// Wall times, milliseconds since 1970; nil: it goes on.
  var from: Int64
  var to: Int64?

  /// So many are kept; what ran before is taken for affected by none.
  static let keptMax = 256
}

/// What the time of a case came to, `code` of its record.
public enum CaseMoment {
  /// The time was only written down.
  public static let minute: UInt16 = 0
  /// The daemon started anew.
  public static let resumed: UInt16 = 10
  /// A step became overdue: this and its number from 1.
  public static let overdue: UInt16 = 100
}
