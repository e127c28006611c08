import Glibc
import Line
import Synchronization
import Testing

@testable import Devices

/// A scanner that is made to read by order.
@Suite struct TriggerTests {
  private final class Brought: Sendable {
    private let list = Mutex<[ScannerBank.Triggered]>([])
    var all: [ScannerBank.Triggered] { list.withLock { $0 } }
    func add(_ one: ScannerBank.Triggered) { list.withLock { $0.append(one) } }
  }

  private static let on = Array("LON\r".utf8)
  private static let off = Array("LOFF\r".utf8)

  private static func talk(atOpening: Bool = false) -> ScannerTalk {
    var talk = ScannerTalk()
    talk.trigger = ScannerTrigger(on: on, off: off)
    talk.triggersAtOpening = atOpening
    talk.noReads = [Array("ERROR".utf8)]
    talk.answers = [Array("OK,".utf8)]
    return talk
  }

  private func order(_ bench: BankBench, milliseconds: Int64 = 20_000) -> Brought {
    let brought = Brought()
    bench.bank.trigger(0, within: .milliseconds(milliseconds)) { brought.add($0) }
    return brought
  }

  private func hears(_ bench: BankBench, _ cable: Cable, _ bytes: [UInt8]) -> Bool {
    var heard: [UInt8] = []
    return bench.wait {
      heard += cable.heard()
      return heard.count >= bytes.count
    } && heard == bytes
  }

  @Test("it hears trigger_on, its message is told to both, and then it hears trigger_off")
  func serial() {
    let cable = Cable()
    cable.plug()
    let bench = BankBench(.serial(cable.path, SerialSettings()), talk: Self.talk())
    bench.bank.start()
    defer { bench.bank.stop() }
    #expect(bench.waitFor(.online))
    for (said, told) in [
      ("]d2one", ScannerBank.Triggered.read(Array("]d2one".utf8))),
      ("ERROR", .noRead(Array("ERROR".utf8))),
    ] {
      let brought = order(bench)
      #expect(hears(bench, cable, Self.on))
      let second = order(bench)
      #expect(bench.wait { second.all == [.failed("is being triggered already")] })
      // An answer is no message.
      cable.say("OK,LON\r\n\(said)\r\nmore\r\n")
      #expect(bench.wait { brought.all == [told] })
      #expect(bench.wait { bench.messages == [said, "more"] }, "the line loop gets all")
      #expect(hears(bench, cable, Self.off))
      #expect(brought.all.count == 1)
      bench.forget()
    }
  }

  @Test("one of which nothing comes is told so, and its read is ended")
  func nothing() {
    let cable = Cable()
    cable.plug()
    let bench = BankBench(.serial(cable.path, SerialSettings()), talk: Self.talk())
    bench.bank.start()
    defer { bench.bank.stop() }
    #expect(bench.waitFor(.online))
    let brought = order(bench, milliseconds: 30)
    #expect(bench.wait { brought.all == [.nothing] })
    #expect(hears(bench, cable, Self.on + Self.off))
  }

  @Test("one that is triggered for as long as it is open goes on reading")
  func always() {
    let cable = Cable()
    cable.plug()
    let bench = BankBench(.serial(cable.path, SerialSettings()), talk: Self.talk(atOpening: true))
    bench.bank.start()
    defer { bench.bank.stop() }
    #expect(bench.waitFor(.online))
    let brought = order(bench)
    #expect(hears(bench, cable, Self.on + Self.on))
    cable.say("]d2x\r\n")
    #expect(bench.wait { brought.all.count == 1 })
    let turns = bench.bank.turns
    #expect(bench.wait { bench.bank.turns > turns + 3 })
    #expect(cable.heard().isEmpty)
  }

  @Test(
    "pulled while it is triggered, not there, without a trigger, and after the end: each is said")
  func failures() {
    let cable = Cable()
    cable.plug()
    let bench = BankBench(.serial(cable.path, SerialSettings()), talk: Self.talk())
    bench.bank.start()
    #expect(bench.waitFor(.online))
    let pulled = order(bench)
    #expect(hears(bench, cable, Self.on))
    cable.unplug()
    #expect(bench.wait { pulled.all.count == 1 })
    guard case .failed(let sentence)? = pulled.all.first else {
      Issue.record("\(pulled.all)")
      return
    }
    #expect(sentence.hasPrefix("was lost while it was triggered: \(cable.path)"), "\(sentence)")
    #expect(bench.waitFor(.offline))
    let absent = order(bench)
    #expect(bench.wait { absent.all.count == 1 })
    if case .failed(let sentence)? = absent.all.first {
      #expect(sentence.hasPrefix("is not online: \(cable.path)"), "\(sentence)")
    }
    bench.bank.stop()
    let late = order(bench)
    #expect(late.all == [.failed("cannot be triggered now: too many wait, or the daemon ends")])

    let other = Cable()
    other.plug()
    let without = BankBench(.serial(other.path, SerialSettings()))
    without.bank.start()
    defer { without.bank.stop() }
    #expect(without.waitFor(.online))
    let unable = order(without)
    #expect(
      without.wait {
        unable.all == [
          .failed("has nothing that triggers it: no trigger_on, and no trigger report")
        ]
      })
  }

  @Test("a HID POS scanner is triggered by its report, by order and at its opening")
  func report() {
    for atOpening in [false, true] {
      let device = FakeDevice()
      device.plug()
      var talk = ScannerTalk()
      talk.triggersAtOpening = atOpening
      let bench = BankBench(device.scanner(POSDescriptor.identifierFirst), talk: talk)
      bench.bank.start()
      #expect(bench.waitFor(.online))
      if atOpening { #expect(bench.wait { device.heard() == [4, 0b100] }) }
      let brought = order(bench)
      #expect(bench.wait { device.heard() == [4, 0b100] })
      device.say(HIDPOSTests.Maker.identifierFirst.report(Array("01x".utf8)))
      #expect(bench.wait { brought.all == [.read(Array("]d201x".utf8))] })
      if !atOpening { #expect(bench.wait { device.heard() == [4, 0] }) }
      bench.bank.stop()
      if atOpening { #expect(device.heard() == [4, 0], "before it is closed") }
      device.unplug()
    }
  }

  @Test("a HID POS scanner that cannot be triggered is left where it is to be at its opening")
  func noReport() {
    let device = FakeDevice()
    device.plug()
    defer { device.unplug() }
    var talk = ScannerTalk()
    talk.triggersAtOpening = true
    let bench = BankBench(device.scanner(POSDescriptor.identifierLast), talk: talk)
    bench.bank.start()
    defer { bench.bank.stop() }
    #expect(bench.waitFor(.offline))
    #expect(
      bench.told.first?.text
        == "/dev/hidraw0 was left: no report of it triggers it; leave trigger_at_opening out")
  }
}

/// Sentences that are longer than the ring takes.
@Suite struct SentenceLengthTests {
  @Test("a text that is cut is cut behind a character, and says that it was")
  func cut() {
    let text = "aä€😀e\u{301}"
    let whole = Array(text.utf8)
    for most in 3...whole.count {
      let bytes = utf8(of: text, atMost: most)
      #expect(bytes.count <= most)
      let read = String(validating: bytes, as: UTF8.self)
      if most == whole.count {
        #expect(read == text)
      } else {
        #expect(
          read?.hasSuffix("…") == true
            && text.unicodeScalars.starts(with: (read ?? "").unicodeScalars.dropLast()))
      }
    }
  }
}
