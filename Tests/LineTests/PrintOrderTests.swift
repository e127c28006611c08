import Alarms
import Foundation
import Line
import Testing

/// Reads that have to follow the print order (`verification.order = "printed"`).
@Suite("Print order")
struct PrintOrderTests {
  private func read(_ rig: inout Rig, _ number: Int) -> Verdict? {
    let verdict = rig.unit(Rig.scan(Rig.serial(number)))
    rig.outcome(verdict == .accept ? .passed : .rejected, unit: rig.snapshot.lastUnit)
    return verdict
  }

  @Test("reads in print order pass; one ahead within the window passes and skips the rest")
  func ahead() {
    var rig = Rig.running(orderWindow: 8)
    for number in 0..<3 { #expect(read(&rig, number) == .accept) }
    #expect(read(&rig, 10) == .accept, "the last place of the window: 3…10")
    #expect(rig.line.batches[0].order?.next == 11)
    #expect(read(&rig, 19) == .outOfPrintOrder, "the first place beyond it: 11…18")
    #expect(read(&rig, 18) == .accept)
  }

  @Test("a read behind what was read before is out of print order, and says by how much")
  func behind() {
    var rig = Rig.running(orderWindow: 8)
    for number in [0, 1, 4] { #expect(read(&rig, number) == .accept) }
    #expect(read(&rig, 3) == .outOfPrintOrder)
    let record = rig.records.last { $0.kind == .verdict }
    #expect(record?.detail.contains("2 places before") == true && record?.state == nil)
    #expect(rig.state(3) == .allocated)
    #expect(read(&rig, 4) == .duplicate, "a duplicate is one before it is out of order")
  }

  @Test("packs whose grade is too low were read, and are skipped by nobody")
  func grade() {
    var rig = Rig.running(
      scanners: [ScannerSettings(name: "camera-1", gradeSeparator: [0x2C])], orderWindow: 2)
    let low = Rig.scan(Rig.serial(0)) + Array(",0.5/06/660".utf8)
    #expect(rig.unit(low) == .gradeTooLow)
    #expect(rig.line.batches[0].order?.next == 1)
  }

  @Test("what was skipped is printed and not read, in the reconciliation, and replay knows it too")
  func printedNotRead() {
    var rig = Rig.running(orderWindow: 8)
    for number in [0, 3, 5] { #expect(read(&rig, number) == .accept) }
    var reconciler = Reconciler(
      batch: 1, poolCount: 100, printed: .file)
    reconciler.take(settings: rig.line.settings)
    for record in rig.records { reconciler.take(record) }
    let result = reconciler.finished(pool: rig.line.batches[0].pool)
    #expect(result.printedNotRead == 3 && result.isBalanced)
    var again = Rig(orderWindow: 8)
    again.openBatch(serials: 100, printed: .file)
    for record in rig.records where record.kind == .verdict { again.line.replay(record, wall: 0) }
    #expect(again.line.batches[0].order?.next == 6)
  }

  @Test(
    "a batch that was not opened in print order is not started, nor is the order asked of it while it runs"
  )
  func notPrinted() {
    var rig = Rig(orderWindow: 8)
    rig.openBatch(serials: 10)
    rig.command(.batchStart(id: nil))
    guard case .refused(let sentence, _) = rig.replies.last else {
      Issue.record("it was started")
      return
    }
    #expect(sentence.contains("--print-order"))
    var running = Rig.running()
    var settings = running.line.settings
    settings.orderWindow = 8
    running.command(.reload(settings, detail: "test"))
    guard case .refused = running.replies.last else {
      Issue.record("it was reloaded")
      return
    }
    #expect(running.line.settings.orderWindow == nil)
  }
}

/// Print orders as they are saved beside the records.
@Suite("Saved print orders")
struct SavedPrintOrderTests {
  private func saved(_ order: PrintOrder) throws -> (PrintOrder, Int) {
    let data = try JSONEncoder().encode(order)
    return (try JSONDecoder().decode(PrintOrder.self, from: data), data.count)
  }

  @Test("an order goes on from its saved form as it would have without", arguments: 1...20)
  func goesOn(seed: Int) throws {
    var random = UInt64(seed)
    func next(_ upTo: Int) -> Int {
      random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(random >> 33) % upTo
    }
    let count = 40 + next(200)
    var order = PrintOrder(seed.isMultiple(of: 4) ? .file : .feed, poolCount: count)
    for _ in 0..<300 {
      var (again, _) = try saved(order)
      let row = Int32(next(count))
      let isPrinted = next(2) == 0
      for _ in 0..<2 {
        if isPrinted { order.print([row]) } else { order.read(row) }
        swap(&order, &again)
      }
      for row in 0..<Int32(count) {
        #expect(order.breach(row, window: 0) == again.breach(row, window: 0))
        #expect(order.wasPrinted(row) == again.wasPrinted(row))
      }
      #expect(order.recentSkips == again.recentSkips && order.next == again.next)
      #expect(order.read == again.read && order.waitingCount == again.waitingCount)
    }
  }

  @Test("the order of ten million serials takes 200 bytes when all were printed in a row and read")
  func small() throws {
    var order = PrintOrder(.feed, poolCount: 10_000_000)
    for row in Int32(0)..<10_000_000 {
      order.print(CollectionOfOne(row))
      order.read(row)
    }
    let (again, size) = try saved(order)
    #expect(size < 200)
    #expect(again.isComplete && again.read == 10_000_000 && again.wasPrinted(9_999_999))
  }

  @Test(
    "what no order can be is refused",
    arguments: [
      #"{"source":"feed","printed":1,"next":0,"skipped":0,"recentSkips":[],"poolCount":64,"bits":[9,1],"waiting":[0]}"#,
      #"{"source":"feed","printed":1,"next":0,"skipped":0,"recentSkips":[],"poolCount":64,"bits":[1,1],"waiting":[]}"#,
      #"{"source":"feed","printed":1,"next":0,"skipped":0,"recentSkips":[],"poolCount":64,"bits":[1],"waiting":[0]}"#,
      #"{"source":"feed","printed":9,"next":10,"skipped":0,"recentSkips":[],"poolCount":64}"#,
      #"{"source":"feed","printed":1,"next":0,"skipped":0,"recentSkips":[],"poolCount":-1,"bits":[1,1],"waiting":[0]}"#,
    ])
  func refused(_ json: String) {
    #expect(throws: DecodingError.self) {
      try JSONDecoder().decode(PrintOrder.self, from: Data(json.utf8))
    }
  }
}
