/// What may be wrong with one unit: its symbol, its reading, or its end.
///
/// The raw values are the words of the scenario files.
public enum UnitFault: String, Sendable, Hashable, CaseIterable {
  // MARK: The symbol
  /// Nothing is wrong.
  case none
  /// GS1 DataMatrix by its identifier, no element string by its content.
  case notGS1 = "not_gs1"
  /// Two codes in the scanner's sight, both in one message.
  case twoCodes = "two_codes"
  /// Another product's GTIN.
  case wrongGTIN = "wrong_gtin"
  /// Another lot.
  case wrongLot = "wrong_lot"
  /// Another expiry date.
  case wrongExpiry = "wrong_expiry"
  /// AI 01 is missing.
  case missingGTIN = "missing_gtin"
  /// AI 10 is missing.
  case missingLot = "missing_lot"
  /// AI 17 is missing.
  case missingExpiry = "missing_expiry"
  /// AI 21 is missing.
  case missingSerial = "missing_serial"
  /// The separator behind the serial is lost, so that two elements run into one.
  case lostSeparator = "lost_separator"
  /// A serial that is in no pool.
  case unknownSerial = "unknown_serial"
  /// The serial of an earlier unit.
  case duplicate
  /// A print grade below the limit; only where the scanner sends grades.
  case lowGrade = "low_grade"
  /// A GS1-128 instead of a GS1 DataMatrix.
  case notDataMatrix = "not_datamatrix"

  // MARK: The reading
  /// The scanner says that it read nothing.
  case noRead = "no_read"
  /// The scanner says nothing.
  case silent
  /// Line noise instead of a message.
  case garbage
  /// The message comes after the next units.
  case late
  /// The message comes twice.
  case doubleMessage = "double_message"
  /// The message comes byte by byte, but in time.
  case dripFed = "drip_fed"
  /// The message is held back and comes in one write with the next unit's.
  case joined

  // MARK: The end
  /// The unit falls off before the gate.
  case lost
  /// Somebody takes the unit off the belt before the gate.
  case takenByHand = "taken_by_hand"
  /// The reject sensor does not see the reject.
  case rejectNotSeen = "reject_not_seen"

  /// The verdicts that the line may give for such a unit when nothing else is wrong.
  ///
  /// 12, 15 and 16 may always come instead: they speak of the line, not of the unit.
  public var verdicts: Set<UInt16> {
    switch self {
    case .none, .dripFed, .lost, .takenByHand: [1]
    case .rejectNotSeen: [6]
    case .notGS1: [4]
    case .twoCodes: [3]
    case .wrongGTIN, .missingGTIN: [5]
    case .wrongLot, .missingLot: [6]
    case .wrongExpiry, .missingExpiry: [7]
    case .missingSerial, .unknownSerial: [8]
    // What the swallowed element is missed as depends on which one it was.
    case .lostSeparator: [4, 5, 6, 7, 8]
    // 11 when the first bearer of the serial ended in a state that may not pass; 1 when that one was never judged.
    case .duplicate: [9, 11, 1]
    case .lowGrade: [10]
    case .notDataMatrix: [14]
    case .noRead, .silent, .late, .joined: [2]
    // Noise may even look like the beginning of a second code.
    case .garbage: [2, 3, 4, 14]
    // The first of two is a good message; the second puts everything in doubt.
    case .doubleMessage: [1]
    }
  }

  /// Whether its symbol, as printed, says what the batch says and was never used before.
  public var isGoodSymbol: Bool {
    switch self {
    case .none, .noRead, .silent, .garbage, .late, .doubleMessage, .dripFed, .joined, .lost,
      .takenByHand:
      true
    case .notGS1, .twoCodes, .wrongGTIN, .wrongLot, .wrongExpiry, .missingGTIN, .missingLot,
      .missingExpiry, .missingSerial, .lostSeparator, .unknownSerial, .duplicate, .lowGrade,
      .notDataMatrix, .rejectNotSeen:
      false
    }
  }

  /// Whether a unit with it may lawfully pass; a duplicate may, if it is the first of its serial to do so.
  public var mayPass: Bool {
    switch self {
    case .none, .dripFed, .doubleMessage, .duplicate: true
    default: false
    }
  }
}
