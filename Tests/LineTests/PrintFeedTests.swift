import Alarms
import Line
import Testing

/// The live print feed: printer or controller say what they printed (`[print_feed]`).
@Suite("Print feed")
struct PrintFeedTests {
  private static let stall = LineSettings.PrintFeed(stall: .milliseconds(2000), lowMark: 2)

  private func fed(
    serials: Int = 100, window: Int = 8, limits: LineSettings.Limits = .init(),
    feed: LineSettings.PrintFeed = PrintFeedTests.stall
  ) -> Rig {
    Rig.running(serials: serials, limits: limits, orderWindow: window, printFeed: feed)
  }

  private func printed(_ rig: inout Rig, _ numbers: some Sequence<Int>) {
    rig.step(.printFeed(.printed(numbers.map { Array(Rig.serial($0).utf8) })))
  }

  private func read(_ rig: inout Rig, _ number: Int) -> Verdict? {
    let verdict = rig.unit(Rig.scan(Rig.serial(number)))
    rig.outcome(verdict == .accept ? .passed : .rejected, unit: rig.snapshot.lastUnit)
    return verdict
  }

  /// The feed's order is that of printing, not of the file.
  private static let order = [40, 7, 8, 3, 99, 0, 1, 2, 50, 51, 52, 53, 54, 55, 56, 57]

  @Test("reads in the order of printing pass, whatever the order of the file")
  func inOrder() {
    var rig = fed()
    printed(&rig, Self.order)
    for number in Self.order.prefix(10) { #expect(read(&rig, number) == .accept) }
    let order = rig.line.status.batch?.order
    #expect(order?.printed == 16 && order?.read == 10 && order?.skipped == 0)
    #expect(order?.waitingCount == 6)
    #expect(
      rig.records.count { $0.kind == .printed } == 1, "serials that come together share a record")
    #expect(rig.permit)
  }

  @Test("a serial that the feed has not named is out of print order, and says so")
  func notNamed() {
    var rig = fed()
    printed(&rig, Self.order)
    #expect(read(&rig, 20) == .outOfPrintOrder)
    #expect(rig.records.last { $0.kind == .verdict }?.detail == "the print feed has not named it")
    #expect(rig.state(20) == .allocated)
    printed(&rig, [20])
    #expect(read(&rig, 40) == .accept)
  }

  @Test("a read that skips ahead inside the window leaves what it skipped printed and not read")
  func skips() {
    var rig = fed()
    printed(&rig, Self.order)
    #expect(read(&rig, 40) == .accept)
    #expect(read(&rig, 3) == .accept, "two are skipped")
    #expect(rig.line.batches[0].order?.skipped == 2 && rig.line.batches[0].order?.read == 2)
    #expect(read(&rig, 7) == .outOfPrintOrder, "behind what was read")
    #expect(
      rig.records.last { $0.kind == .verdict }?.detail == "printed before what was read already")
    #expect(read(&rig, 52) == .accept, "the last place of the window")
    #expect(read(&rig, 40) == .duplicate, "a duplicate is one before it is out of order")
    var reconciler = Reconciler(
      batch: 1, poolCount: 100, printed: .feed)
    reconciler.take(settings: rig.line.settings)
    for record in rig.records { reconciler.take(record) }
    let result = reconciler.finished(pool: rig.line.batches[0].pool)
    #expect(result.printedNotRead == 13 && result.isBalanced, "all that is printed and allocated")
  }

  @Test("beyond the window is out of print order, and says by how much")
  func beyond() {
    var rig = fed(window: 4)
    printed(&rig, Self.order)
    #expect(read(&rig, 99) == .outOfPrintOrder)
    #expect(
      rig.records.last { $0.kind == .verdict }?.detail
        == "printed 4 places after the next that is due")
    #expect(read(&rig, 3) == .accept)
  }

  @Test("too many printed and not read among the last hundred stop the line, once for each skip")
  func tooManySkips() {
    var rig = fed(limits: .init(printedNotRead: 3))
    printed(&rig, 0..<50)
    #expect(read(&rig, 2) == .accept, "two skipped")
    #expect(rig.permit)
    for number in 3..<10 { #expect(read(&rig, number) == .accept) }
    #expect(read(&rig, 11) == .accept, "the third among the last hundred")
    #expect(!rig.permit && rig.reasons.first == .limitExceeded)
    #expect(
      rig.alarm(.printedNotRead)?.message == "3 of the last 100 printed serials were not read")
    rig.plc {
      $0.permitObeyed = false
      $0.inputs = []
    }
    rig.release()
    #expect(rig.permit, "a release looks at them as seen")
    #expect(rig.alarm(.printedNotRead)?.causeStands != true)
    #expect(read(&rig, 13) == .accept)
    #expect(rig.permit, "the count begins anew")
  }

  @Test("skips that lie more than a hundred places back are forgotten")
  func oldSkips() {
    var rig = fed(serials: 300, limits: .init(printedNotRead: 2))
    printed(&rig, 0..<250)
    #expect(read(&rig, 1) == .accept, "0 is skipped")
    for number in 2..<110 { #expect(read(&rig, number) == .accept) }
    #expect(read(&rig, 111) == .accept, "110 is skipped")
    #expect(rig.permit)
  }

  @Test("the limit holds for the order of a file too")
  func fileLimit() {
    var rig = Rig.running(limits: .init(printedNotRead: 3), orderWindow: 8)
    #expect(read(&rig, 3) == .accept)
    #expect(!rig.permit && rig.alarm(.printedNotRead) != nil)
  }

  @Test("a serial printed twice stops the line, and keeps its first place")
  func twice() {
    var rig = fed()
    printed(&rig, [4, 5, 6, 7, 8])
    printed(&rig, [5, 9])
    #expect(!rig.permit && rig.reasons.first == .limitExceeded)
    #expect(rig.alarm(.printedTwice)?.message == "serial S00005 was printed twice")
    #expect(rig.line.batches[0].order?.printed == 6)
    #expect(rig.line.status.printFeed?.printedTwice == 1)
  }

  @Test("a serial printed twice in one breath is seen as well, and one that has passed already")
  func twiceAtOnce() {
    var rig = fed()
    printed(&rig, [4, 5, 4, 6, 7, 8, 9])
    #expect(rig.alarm(.printedTwice) != nil)
    var later = fed()
    printed(&later, 0..<10)
    #expect(read(&later, 0) == .accept)
    printed(&later, [0])
    #expect(later.alarm(.printedTwice)?.message == "serial S00000 was printed twice")
  }

  @Test("a serial that is not in the pool, or not allocated any more, stops the line")
  func unexpected() {
    var rig = fed()
    printed(&rig, 0..<5)
    rig.step(.printFeed(.printed([Array("FOREIGN".utf8)])))
    #expect(!rig.permit)
    #expect(
      rig.alarm(.printUnexpected)?.message
        == "serial FOREIGN was printed, which is not in the pool of batch B1")
    var scrapped = fed()
    printed(&scrapped, 0..<5)
    scrapped.command(
      .serial(.scrap, Array(Rig.serial(9).utf8), gtin: nil, evidence: [], reason: "torn"))
    printed(&scrapped, [9])
    #expect(!scrapped.permit)
    #expect(
      scrapped.alarm(.printUnexpected)?.message
        == "serial S00009 was printed, which is not to be printed any more")
    #expect(scrapped.line.batches[0].order?.printed == 5)
  }

  @Test("what is printed while no batch runs belongs to nobody, and is told")
  func noBatch() {
    var rig = Rig(orderWindow: 8, printFeed: Self.stall)
    rig.openBatch(serials: 10, printed: .feed)
    printed(&rig, 0..<3)
    #expect(rig.alarm(.printUnexpected)?.message.contains("while no batch is running") == true)
    #expect(rig.line.batches[0].order?.printed == 0)
  }

  @Test("a batch with the order of its file passes over what the feed says")
  func fileBatch() {
    var rig = Rig(orderWindow: 8, printFeed: Self.stall)
    rig.step(.scannerOnline(0))
    rig.link(newEpoch: true)
    rig.openBatch(serials: 10, printed: .file)
    rig.command(.batchStart(id: nil))
    rig.release()
    #expect(rig.permit, "without a feed connected")
    printed(&rig, [3, 3])
    #expect(rig.permit && rig.line.status.alarms.isEmpty)
    #expect(read(&rig, 0) == .accept)
  }

  @Test("a line that is no serial is counted and told, and stops nothing")
  func badLine() {
    var rig = fed()
    rig.step(.printFeed(.badLine(Array("a\u{1B}[2Jb".utf8), reason: "is no serial")))
    rig.step(.printFeed(.badLine([], reason: "had no end")))
    #expect(rig.permit && rig.line.status.printFeed?.badLines == 2)
    #expect(
      rig.alarm(.printUnexpected)?.message
        == "the print feed sent a line that is no serial: a?[2Jb")
  }

  @Test("the line stops before the printed serials run out")
  func lowMark() {
    var rig = fed()
    printed(&rig, 0..<6)
    for number in 0..<3 { #expect(read(&rig, number) == .accept) }
    #expect(rig.permit, "three are left, and two are the low mark")
    #expect(read(&rig, 3) == .accept)
    #expect(!rig.permit && rig.reasons.first == .limitExceeded)
    #expect(rig.alarm(.printFeedStalled) != nil)
  }

  @Test("the whole pool printed is the end of printing and no stall")
  func complete() {
    var rig = fed(serials: 5)
    printed(&rig, 0..<5)
    for number in 0..<5 { #expect(read(&rig, number) == .accept) }
    #expect(rig.permit && rig.alarm(.printFeedStalled) == nil)
  }

  @Test("packs come and no serial does: after stall_ms and three packs the line stops")
  func stalled() {
    var rig = fed()
    printed(&rig, 0..<50)
    for number in 0..<2 {
      rig.wait(milliseconds: 1100)
      #expect(read(&rig, number) == .accept)
    }
    #expect(rig.permit, "two packs may be a gap")
    #expect(read(&rig, 2) == .accept)
    #expect(!rig.permit && rig.reasons.first == .limitExceeded)
    #expect(rig.alarm(.printFeedStalled)?.message.contains("while packs came") == true)
  }

  @Test("without packs nothing is printed either: a gap on the line is no stall")
  func gap() {
    var rig = fed()
    printed(&rig, 0..<50)
    rig.wait(milliseconds: 10_000)
    #expect(read(&rig, 0) == .accept)
    #expect(rig.permit)
  }

  @Test("where rolls are printed ahead, only the low mark counts")
  func noTime() {
    var rig = fed(feed: .init(stall: .zero, lowMark: 1))
    printed(&rig, 0..<50)
    for number in 0..<40 {
      rig.wait(milliseconds: 500)
      #expect(read(&rig, number) == .accept)
    }
    #expect(rig.permit)
  }

  @Test("a release is refused while the feed is away or stands still, and names that")
  func refusedRelease() {
    var rig = fed()
    printed(&rig, 0..<6)
    for number in 0..<4 { #expect(read(&rig, number) == .accept) }
    rig.plc {
      $0.permitObeyed = false
      $0.inputs = []
    }
    rig.command(.release)
    #expect(rig.refusals.contains { $0.contains("the print feed stands still") })
    let alarm = rig.alarm(.printFeedStalled)
    rig.command(
      .acknowledge(id: "print_feed_stalled", occurrence: alarm?.occurrence ?? 0, comment: ""))
    rig.step(.printFeed(.disconnected(reason: "it closed the connection")))
    #expect(rig.alarm(.printFeedLost) != nil)
    rig.command(.release)
    #expect(
      rig.refusals == ["the print feed is not connected: it closed the connection"])
    rig.step(.printFeed(.connected))
    #expect(rig.alarm(.printFeedLost)?.causeStands != true)
    rig.release()
    #expect(rig.permit, "who has looked at an inline printer lets it print on")
    printed(&rig, 6..<20)
    #expect(read(&rig, 4) == .accept)
    #expect(rig.permit)
  }

  @Test("the feed's loss is told at once, and stops the line only when serials run low")
  func lost() {
    var rig = fed()
    printed(&rig, 0..<5)
    rig.step(.printFeed(.disconnected(reason: "it closed the connection")))
    #expect(rig.permit && rig.alarm(.printFeedLost) != nil)
    for number in 0..<3 { #expect(read(&rig, number) == .accept) }
    #expect(!rig.permit)
    #expect(rig.records.contains { $0.kind == .printFeedOffline })
  }

  @Test("a new serial ends the stall")
  func goesOn() {
    var rig = fed()
    printed(&rig, 0..<3)
    #expect(read(&rig, 0) == .accept)
    #expect(rig.alarm(.printFeedStalled)?.causeStands == true)
    printed(&rig, 3..<9)
    #expect(rig.alarm(.printFeedStalled)?.causeStands == false)
  }

  @Test("lines that found no room stop the line")
  func overflow() {
    var rig = fed()
    rig.step(.printFeed(.lost(7)))
    #expect(!rig.permit && rig.reasons.first == .limitExceeded)
    #expect(rig.alarm(.eventsLost)?.place == "print feed")
    #expect(rig.line.status.printFeed?.lost == 7)
  }

  @Test("after a restart the core knows what was printed and not read, and what was skipped")
  func restart() {
    var rig = fed()
    printed(&rig, Self.order.prefix(9))
    #expect(read(&rig, 7) == .accept)
    printed(&rig, Self.order.dropFirst(9))
    #expect(read(&rig, 99) == .accept)
    var again = Rig(orderWindow: 8, printFeed: Self.stall)
    again.openBatch(serials: 100, printed: .feed)
    for record in rig.records where record.kind != .batchOpened {
      again.line.replay(record, wall: 0)
    }
    let before = rig.line.batches[0].order
    let after = again.line.batches[0].order
    #expect(after?.printed == 16 && after?.next == before?.next && after?.skipped == 3)
    #expect(after?.recentSkips == before?.recentSkips)
    #expect(after?.breach(0, window: 8) == nil && after?.breach(40, window: 8) != nil)
  }

  @Test("a batch whose order comes from the feed is not started without one")
  func withoutFeed() {
    var rig = Rig(orderWindow: 8)
    rig.openBatch(serials: 10, printed: .feed)
    rig.command(.batchStart(id: nil))
    guard case .refused(let sentence, _) = rig.replies.last else {
      Issue.record("it was started")
      return
    }
    #expect(sentence.contains("there is no [print_feed]"))
  }

  @Test("after a storage fault what was printed in the lost turn is recorded again")
  func storageFault() {
    var rig = fed()
    printed(&rig, 0..<4)
    let onDisk = rig.records
    rig.commitFails = true
    printed(&rig, 4..<9)
    let failed = rig.line
    var again = Rig(orderWindow: 8, printFeed: Self.stall)
    again.openBatch(serials: 100, printed: .feed)
    for record in onDisk where record.kind != .batchOpened { again.line.replay(record, wall: 0) }
    again.line.begin(detail: "test", wall: 0)
    again.flush()
    again.line.resume(after: failed, now: rig.now, wall: 0)
    again.flush()
    #expect(again.line.batches[0].order?.printed == 9)
    #expect(again.records.last { $0.kind == .printed }?.number == 5)
    #expect(again.line.status.printFeed?.isConnected == true)
  }

  @Test("rows of a record are read as they were written, and damaged ones are none")
  func encoding() {
    let rows: [Int32] = [0, 1, 255, 65_536, 9_999_999]
    #expect(PrintOrder.rows(encoded: PrintOrder.encoded(rows)) == rows)
    #expect(PrintOrder.rows(encoded: []) == nil)
    #expect(PrintOrder.rows(encoded: [0, 0, 1]) == nil)
    #expect(
      PrintOrder.rows(encoded: [UInt8](repeating: 0, count: 4 * (PrintOrder.rowsPerRecordMax + 1)))
        == nil)
  }
}
