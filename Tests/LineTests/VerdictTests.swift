import Line
import Testing

/// Each verdict of the contract, and the order in which the first that applies is taken.
@Suite struct VerdictTests {
  static let good = Rig.scan("S00001")

  static let cases: [(String, [UInt8], Verdict)] = [
    ("a good read", good, .accept),
    ("the scanner's own no-read text", Array("NOREAD".utf8), .noRead),
    ("an empty message", [], .noRead),
    ("no-read text is compared to the case", Array("noread".utf8), .notDataMatrix),
    ("two codes in one message", good + Array(",".utf8) + Rig.scan("S00002"), .severalCodes),
    ("another symbology identifier", Rig.scan("S00001", symbology: "]d1"), .notDataMatrix),
    ("no symbology identifier", Rig.scan("S00001", symbology: ""), .notDataMatrix),
    ("garbage behind the identifier", Array("]d2hello".utf8), .notGS1),
    ("a wrong check digit", Rig.scan("S00001", gtin: "09506000134353"), .notGS1),
    ("another GTIN", Rig.scan("S00001", gtin: "09506000134369"), .wrongGTIN),
    ("an SSCC with a wrong check digit", Array("]d200095060001343520001".utf8), .notGS1),
    ("a GTIN missing", Array("]d221S00001\u{1D}1727123110LOT1".utf8), .wrongGTIN),
    ("an SSCC in place of all", Array("]d200095060001343520000".utf8), .wrongGTIN),
    (
      "a GTIN missing, and a second fault", Array("]d221S00001\u{1D}1727133110LOT1".utf8), .notGS1
    ),
    (
      "a GTIN there, but another requirement not met",
      Array("]d201\(Rig.gtin)21S00001\u{1D}1727123110LOT1\u{1D}392012".utf8), .notGS1
    ),
    ("another lot", Rig.scan("S00001", lot: "LOT2"), .wrongLot),
    ("the lot in another case", Rig.scan("S00001", lot: "lot1"), .wrongLot),
    ("another expiry", Rig.scan("S00001", expiry: "280101"), .wrongExpiry),
    ("the same month with day 00", Rig.scan("S00001", expiry: "271200"), .wrongExpiry),
    ("a serial that is not in the pool", Rig.scan("X99999"), .notInPool),
    ("a serial in another case", Rig.scan("s00001"), .notInPool),
    ("no serial", Array("]d201\(Rig.gtin)1727123110LOT1".utf8), .notInPool),
    ("no lot", Array("]d201\(Rig.gtin)1727123121S00001".utf8), .wrongLot),
    ("no expiry", Array("]d201\(Rig.gtin)10LOT1\u{1D}21S00001".utf8), .wrongExpiry),
  ]

  @Test("the journal names the serial of every read that has one, and of no other")
  func serialInTheJournal() {
    var rig = Rig.running()
    func serial(of scan: [UInt8]) -> String? {
      _ = rig.unit(scan)
      rig.outcome(.rejected, unit: rig.snapshot.lastUnit)
      return rig.notices.last { $0.topic == .unitRejected && $0.unit == rig.snapshot.lastUnit }?
        .serial
    }
    #expect(serial(of: Rig.scan("Unknown1")) == "Unknown1")
    #expect(serial(of: Rig.scan(Rig.serial(1), lot: "LOT2")) == Rig.serial(1))
    #expect(serial(of: Rig.scan("x", gtin: "00614141000036")) == "x")
    #expect(serial(of: [0x41]) == "")
    #expect(serial(of: []) == "")
    rig.command(.stop(reason: "test"))
    #expect(serial(of: Rig.scan(Rig.serial(2))) == Rig.serial(2))
  }

  @Test("each of several no-read texts is one, and a separator between codes makes several of them")
  func textsOfTheScanner() {
    let scanner = ScannerSettings(
      name: "camera-1", noReads: [Array("NR".utf8), Array("?".utf8)], gradeSeparator: [0x7C],
      codeSeparator: Array(";;".utf8))
    for (message, verdict) in [
      (Array("NR".utf8), .noRead), (Array("?".utf8), .noRead), ([], .noRead),
      (Array("NOREAD".utf8), .notDataMatrix), (Self.good + Array(";;".utf8), .severalCodes),
      (Self.good + Array("|3.0;;01|".utf8), .severalCodes), (Self.good, .accept),
    ] as [([UInt8], Verdict)] {
      var rig = Rig.running(scanners: [scanner])
      #expect(rig.unit(message) == verdict, "\(String(decoding: message, as: UTF8.self))")
    }
  }

  @Test(arguments: cases)
  func aMessageHasItsVerdict(name: String, message: [UInt8], expected: Verdict) {
    var rig = Rig.running()
    #expect(rig.unit(message) == expected, "\(name)")
    #expect(rig.records.last { $0.kind == .verdict }?.raw == message, "bytes are kept as they came")
  }

  @Test func aSerialIsAcceptedOnce() {
    var rig = Rig.running()
    #expect(rig.unit(Rig.scan("S00001")) == .accept)
    #expect(rig.state(1) == .encoded)
    #expect(rig.unit(Rig.scan("S00001")) == .duplicate)
    rig.outcome(.passed, unit: 1)
    #expect(rig.state(1) == .commissioned)
    #expect(rig.unit(Rig.scan("S00001")) == .duplicate)
    #expect(rig.permit)
  }

  @Test func aRejectedSerialComesBackOnlyByRework() {
    var rig = Rig.running()
    #expect(rig.unit(Rig.scan("S00001")) == .accept)
    rig.outcome(.rejected, unit: 1)
    #expect(rig.state(1) == .inactive)
    #expect(rig.unit(Rig.scan("S00001")) == .stateForbids)
  }

  @Test func beforeTheReleaseEveryUnitIsNotPermitted() {
    var rig = Rig()
    rig.step(.scannerOnline(0))
    rig.link(newEpoch: true)
    #expect(rig.unit(Rig.scan("S00001")) == .notPermitted)
    rig.openBatch(serials: 10)
    rig.command(.batchStart(id: nil))
    #expect(rig.unit(Rig.scan("S00001")) == .notPermitted)
    #expect(rig.state(1) == .allocated)
  }

  @Test(arguments: [
    ("2.5/06/660/45", Verdict.accept), ("1.5", .accept), ("1.4/06/660", .gradeTooLow),
    ("0/06/W", .gradeTooLow), ("x", .notGS1), ("", .notGS1),
  ])
  func aGradeIsHeldAgainstTheLimit(grade: String, expected: Verdict) {
    let scanner = ScannerSettings(name: "camera-1", gradeSeparator: Array("\t".utf8))
    var rig = Rig.running(scanners: [scanner])
    #expect(rig.unit(Rig.scan("S00001") + Array("\t\(grade)".utf8)) == expected)
  }

  @Test func oneGoodReadOfSeveralScannersIsEnough() {
    let scanners = ["a", "b"].map { ScannerSettings(name: $0) }
    let station = StationSettings(name: "unit-1", plc: "plc-1", scanners: [0, 1])
    func verdict(_ first: [UInt8], _ second: [UInt8]) -> Verdict? {
      var rig = Rig.running(station: station, scanners: scanners)
      rig.trigger()
      rig.message(first, scanner: 0)
      #expect(rig.verdict(of: 1) == nil, "it waits for the second scanner")
      rig.message(second, scanner: 1)
      return rig.verdict(of: 1)
    }
    let noRead = Array("NOREAD".utf8)
    #expect(verdict(VerdictTests.good, noRead) == .accept)
    #expect(verdict(noRead, VerdictTests.good) == .accept)
    #expect(verdict(VerdictTests.good, VerdictTests.good) == .accept)
    #expect(verdict(VerdictTests.good, Rig.scan("S00002")) == .severalCodes)
    #expect(verdict(noRead, noRead) == .noRead)
    #expect(verdict(noRead, Array("]d2junk".utf8)) == .notGS1)
  }

  @Test func anAcceptGoesOutOnlyAfterItsRecord() {
    var rig = Rig.running()
    rig.trigger()
    rig.orders = []
    rig.line.step(
      .message(scanner: 0, bytes: VerdictTests.good), now: rig.now, wall: 0)
    let early = rig.line.outbox.actions.contains { action in
      if case .order(_, .verdict) = action { return true }
      return false
    }
    #expect(!early, "nothing of an accept before the commit")
    #expect(rig.line.outbox.records.contains { $0.kind == .verdict && $0.code == 1 })
    rig.flush()
    #expect(rig.verdict(of: 1) == .accept)
  }

  @Test func aFailedCommitTurnsTheAcceptIntoRejectAndStop() {
    var rig = Rig.running()
    rig.trigger()
    rig.commitFails = true
    rig.message(VerdictTests.good)
    #expect(rig.verdict(of: 1) == .storageFault)
    #expect(!rig.permit)
    #expect(rig.reasons.first == .storageFault)
    #expect(rig.unit(Rig.scan("S00002")) == .storageFault)
    rig.command(.release)
    #expect(rig.replies.last == .storageFault("disk full"))
  }
}
