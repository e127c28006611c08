/// The batch that the simulated line packs.
public struct PackedBatch: Sendable, Hashable {
  /// The plant's name for it.
  public var id: String
  /// GTIN, 14 digits.
  public var gtin: String
  /// Lot.
  public var lot: String
  /// Expiry, YYMMDD.
  public var expiry: String
  /// How many serials its pool has.
  public var poolCount: Int
  /// Where its serials begin, for a printer that has only a part of the pool.
  public var first: Int

  /// Makes a batch.
  public init(
    id: String = "DEMO-1", gtin: String = "09506000134352", lot: String = "LOT-A7",
    expiry: String = "280331", poolCount: Int = 2000, first: Int = 0
  ) {
    self.first = first
    self.id = id
    self.gtin = gtin
    self.lot = lot
    self.expiry = expiry
    self.poolCount = poolCount
  }

  /// The pool's serial of this number, from 0: the same for every seed, ten characters, not in sorted order.
  public func serial(_ number: Int) -> String {
    // Multiplying by a number prime to 2^31 only shuffles: no serial comes twice among 2^31.
    let shuffled = ((first + number) &* 1_103_515_245 &+ 12345) & 0x7FFF_FFFF
    let digits = String(shuffled, radix: 32, uppercase: true)
    return "S" + String(repeating: "0", count: max(0, 7 - digits.count)) + digits + "z"
  }

  /// A serial that no pool of ours has.
  public func foreignSerial(_ number: Int) -> String {
    "X" + serial(number).dropFirst()
  }
}

/// What was printed on a unit: the truth, not what a scanner makes of it.
public struct Pack: Sendable, Hashable {
  /// What is wrong with the unit.
  public var fault: UnitFault
  /// The serial as printed; nil when the symbol holds none.
  public var serial: String?
  /// What a perfect scanner reads, AIM identifier included, without framing.
  public var message: [UInt8]

  /// Makes a pack.
  public init(fault: UnitFault, serial: String?, message: [UInt8]) {
    self.fault = fault
    self.serial = serial
    self.message = message
  }
}

/// Prints the packs of a batch one after the other, with the faults that it is told to make.
public struct Printer: Sendable {
  /// The batch.
  public let batch: PackedBatch
  /// What stands between data and grade in a scanner's message; empty: the scanner sends no grade.
  public var gradeSeparator: String = ""
  /// How many serials of the pool were printed.
  public private(set) var printed = 0
  private var foreign = 0
  private var earlier: [String] = []

  /// Makes a printer at the head of the pool.
  public init(batch: PackedBatch) { self.batch = batch }

  /// Whether all serials were printed.
  public var isOut: Bool { printed >= batch.poolCount }

  /// The next unit; nil when the pool is used up.
  public mutating func next(_ fault: UnitFault) -> Pack? {
    let serial: String
    switch fault {
    case .unknownSerial:
      serial = batch.foreignSerial(foreign)
      foreign += 1
    case .duplicate:
      // A few units back: the first bearer has been judged by then. Without one, the unit is as good as any.
      guard earlier.count >= 3 else { return next(.none) }
      serial = earlier[earlier.count - 3]
    default:
      guard !isOut else { return nil }
      serial = batch.serial(printed)
      printed += 1
      if fault == .none {
        earlier.append(serial)
        if earlier.count > 16 { earlier.removeFirst() }
      }
    }
    let hasSerial = fault != .missingSerial
    return Pack(
      fault: fault, serial: hasSerial ? serial : nil, message: message(serial, fault: fault))
  }

  private func message(_ serial: String, fault: UnitFault) -> [UInt8] {
    let separator = "\u{1D}"
    let gtin = fault == .wrongGTIN ? "09506000134369" : batch.gtin
    let lot = fault == .wrongLot || fault == .rejectNotSeen ? batch.lot + "9" : batch.lot
    let expiry = fault == .wrongExpiry ? nextMonth : batch.expiry
    // The order is free (GS1 General Specifications, 7.8); this one needs a separator behind the serial.
    var text = "]d2"
    if fault != .missingGTIN { text += "01" + gtin }
    if fault != .missingSerial {
      text += "21" + serial + (fault == .lostSeparator ? "" : separator)
    }
    if fault != .missingExpiry { text += "17" + expiry }
    if fault != .missingLot { text += "10" + lot }
    if text.hasSuffix(separator) { text.removeLast() }
    switch fault {
    case .notGS1: text = "]d2HTTP://EXAMPLE.COM/" + serial
    case .notDataMatrix: text = "]C1" + text.dropFirst(3)
    case .twoCodes: text += "," + text
    default: break
    }
    if !gradeSeparator.isEmpty {
      text += gradeSeparator + (fault == .lowGrade ? "0.8" : "3.2") + "/06/660"
    }
    return Array(text.utf8)
  }

  /// A valid date that is not the batch's.
  private var nextMonth: String {
    batch.expiry == "290430" ? "280331" : "290430"
  }
}
