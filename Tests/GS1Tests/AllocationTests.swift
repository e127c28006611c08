import CAllocations
import GS1
import Testing

/// Reading a good scan takes no memory from the heap.
///
/// Refusals take none either, but here Swift Testing itself allocates at every throw, to keep where
/// it came from; `make bench` counts them.
@Suite(.enabled(if: callocations_are_counted(), "a sanitizer has an allocator of its own"))
struct AllocationTests {
  @Test(arguments: [
    "]d2010950600013435221ABCDEFGH123456\u{1D}1727123110LOT4711",
    "]d2010950600013435221A\u{1D}0109506000134352",
    "]d22531234567890128X\u{1D}8030SIG",
    "]d1https://id.gs1.org/01/09506000134352/10/A%2F1/21/S%2B1?17=271231&x=1",
    "]E09506000134352|]e099A\u{1D}98B",
    "]d1plain data",
  ])
  func aGoodMessageIsReadWithoutTheHeap(text: String) throws {
    let scan = Array(text.utf8)
    // A debug build makes the metadata of generic types when they are first met; that is no reading.
    _ = try Message.parse(scan.span)
    let before = callocations_of_this_thread()
    let message = try? Message.parse(scan.span)
    let after = callocations_of_this_thread()
    #expect(message != nil)
    #expect(after == before)
  }

  @Test func theCounterCounts() {
    let before = callocations_of_this_thread()
    let bytes = [UInt8](repeating: 1, count: 100_000 + Int(before % 2))
    #expect(callocations_of_this_thread() > before)
    #expect(bytes.count >= 100_000)
  }
}
