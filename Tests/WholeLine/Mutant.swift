/// A law broken on purpose, between the real parts: each has to be caught, or the checkers could not fail.
package enum Mutant: String, CaseIterable, Sendable {
  /// Accepts go out before their record is on disk.
  case acceptsBeforeRecord
  /// The permit goes out before its record is on disk.
  case permitBeforeRecord
  /// Outcomes are acknowledged before they are on disk.
  case acknowledgesBeforeRecord
  /// A reject after an accept never reaches the link.
  case skipsWithdrawals
  /// An accept names the next unit.
  case acceptsNeighbour
  /// Every reject is said to be seen.
  case everyRejectSeen
  /// When the link stands again, accepts of units from before are sent again.
  case resendsAccepts
  /// After a restart the verdicts on disk are forgotten.
  case forgetsVerdicts
  /// The case of letters is lost between scanner and core.
  case changesCase
  /// Each message is given to the trigger after its own.
  case oneMessageLate
  /// A release that was refused raises the permit all the same.
  case releasesAlways
  /// A turn's records are called committed one turn before they are.
  case commitsLate
  /// The disk says that it syncs and does nothing: a store that forgets to sync would look the same.
  case diskLies
  /// Every fourth sync is forgotten.
  case diskLiesAtTimes
}
