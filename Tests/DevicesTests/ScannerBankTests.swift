import CLinux
import Dispatch
import Glibc
import Line
import Rings
import Testing

@testable import Devices

/// A bank, its ring, and a line loop that only collects.
final class BankBench {
  struct Told: Equatable {
    var event: ScannerEvent
    var source: Int
    var bytes: [UInt8]
    var text: String { String(decoding: bytes, as: UTF8.self) }
  }

  let frames: FrameRing
  let bank: ScannerBank
  private let woken = DispatchSemaphore(value: 0)
  private(set) var told: [Told] = []
  /// When each was told, in nanoseconds.
  private(set) var moments: [Int64] = []

  convenience init(
    _ paths: [String], prefix: [UInt8] = [], suffix: [UInt8] = [0x0D, 0x0A],
    ringBytes: Int = 1 << 20, retryMilliseconds: Int = 1
  ) {
    self.init(
      scanners: paths.enumerated().map { index, path in
        ScannerBank.Scanner(
          name: "camera-\(index + 1)", way: .serial(path, SerialSettings()),
          framing: ScannerFraming(prefix: prefix, suffix: suffix))
      }, ringBytes: ringBytes, retryMilliseconds: retryMilliseconds)
  }

  /// One scanner, on CR LF.
  convenience init(_ way: ScannerWay, talk: ScannerTalk = ScannerTalk()) {
    self.init(scanners: [
      ScannerBank.Scanner(
        name: "camera-1", way: way, framing: ScannerFraming(suffix: [0x0D, 0x0A]), talk: talk)
    ])
  }

  init(scanners: [ScannerBank.Scanner], ringBytes: Int = 1 << 20, retryMilliseconds: Int = 1) {
    let woken = woken
    frames = FrameRing(capacity: ringBytes)
    bank = ScannerBank(
      scanners, frames: frames, retryMilliseconds: retryMilliseconds, wake: { woken.signal() })
  }

  func take() {
    while frames.pop({ kind, source, at, bytes in
      guard let event = ScannerEvent(rawValue: kind) else { return }
      told.append(Told(event: event, source: Int(source), bytes: Array(bytes)))
      moments.append(at)
    }) {}
  }

  /// Takes events until `done`, for 20 s at most; false when it never came true.
  func wait(_ done: () -> Bool) -> Bool {
    let limit = DispatchTime.now() + .seconds(20)
    while true {
      take()
      if done() { return true }
      guard DispatchTime.now() < limit else { return false }
      // What makes `done` true wakes; the bound covers what changes without an event.
      _ = woken.wait(timeout: .now() + .milliseconds(5))
    }
  }

  func waitFor(_ event: ScannerEvent, source: Int = 0) -> Bool {
    wait { self.told.contains { $0.event == event && $0.source == source } }
  }

  var messages: [String] { told.filter { $0.event == .message }.map(\.text) }

  func forget() {
    told = []
    moments = []
  }
}

@Suite struct ScannerBankTests {
  @Test func aPathThatIsNotThereIsSaidOnceAndComesOnlineByItself() throws {
    let cable = Cable()
    let bench = BankBench([cable.path])
    bench.bank.start()
    defer { bench.bank.stop() }
    #expect(bench.waitFor(.offline))
    let turns = bench.bank.turns
    #expect(bench.wait { bench.bank.turns > turns + 5 })
    #expect(bench.told.count == 1)
    #expect(
      bench.told.first?.text
        == "\(cable.path) cannot be opened: there is no such device; is it plugged in?")
    #expect(bench.bank.health[0].onlineSince == nil)
    cable.plug()
    #expect(bench.waitFor(.online))
    #expect(bench.bank.health[0].onlineSince != nil)
    #expect(bench.bank.health[0].fault.isEmpty)
    cable.say("]d2S0001\r\n")
    #expect(bench.wait { bench.messages == ["]d2S0001"] && bench.bank.health[0].messages == 1 })
  }

  @Test func aPulledCableIsSaidTheHalfMessageDroppedAndTheScannerComesBack() {
    let cable = Cable()
    cable.plug()
    let bench = BankBench([cable.path])
    bench.bank.start()
    defer { bench.bank.stop() }
    #expect(bench.waitFor(.online))
    cable.say("whole\r\nhal")
    #expect(bench.wait { bench.messages == ["whole"] })
    cable.unplug()
    #expect(bench.waitFor(.offline))
    #expect(bench.told.last { $0.event == .offline }?.text.contains(cable.path) == true)
    #expect(bench.bank.health[0].onlineSince == nil)
    #expect(bench.bank.health[0].faults.framing.cut == 1)
    bench.forget()
    cable.plug()
    #expect(bench.waitFor(.online))
    cable.say("f\r\n")
    #expect(bench.wait { bench.messages == ["f"] })
  }

  @Test func aScannerWhoseSuffixNeverComesIsSaidAndShownUntilItIsOpenedAnew() {
    let cable = Cable()
    cable.plug()
    let bench = BankBench([cable.path])
    bench.bank.start()
    defer { bench.bank.stop() }
    #expect(bench.waitFor(.online))
    // CR where CR LF is configured, as a scanner set to another suffix sends it.
    for _ in 0..<200 {
      #expect(bench.wait { cable.say("]d2010950600013435221S0001\r") })
    }
    #expect(bench.waitFor(.unframed))
    #expect(bench.messages.isEmpty)
    let told = bench.told.last { $0.event == .unframed }?.text ?? ""
    #expect(told.contains("suffix (0D 0A)"), "\(told)")
    #expect(bench.bank.health[0].fault == told)
    #expect(bench.bank.health[0].onlineSince != nil)
    cable.unplug()
    #expect(bench.waitFor(.offline))
    bench.forget()
    cable.plug()
    #expect(bench.waitFor(.online))
    #expect(bench.bank.health[0].fault.isEmpty)
  }

  @Test func aThousandReplugsMissNothingAndLeaveNoDescriptor() {
    let cable = Cable()
    let bench = BankBench([cable.path])
    bench.bank.start()
    defer { bench.bank.stop() }
    for round in 0..<1000 {
      bench.forget()
      cable.plug()
      guard bench.waitFor(.online) else {
        Issue.record("not online in round \(round)")
        return
      }
      cable.say("read \(round)\r\n")
      guard bench.wait({ bench.messages == ["read \(round)"] }) else {
        Issue.record("round \(round) brought \(bench.messages)")
        return
      }
      cable.unplug()
      guard bench.waitFor(.offline) else {
        Issue.record("the hang-up of round \(round) was missed")
        return
      }
    }
    #expect(bench.wait { bench.bank.health[0].messages == 1000 })
    // Descriptors are closed in cancel handlers, which may still be under way; other tests pull cables too.
    #expect(bench.wait { descriptorsOfGoneTerminals() == 0 })
  }

  @Test func manyScannersPulledAtOnceAreEachTold() {
    let cables = (0..<8).map { _ in Cable() }
    let bench = BankBench(cables.map(\.path))
    bench.bank.start()
    defer { bench.bank.stop() }
    for _ in 0..<20 {
      bench.forget()
      for cable in cables { cable.plug() }
      for index in cables.indices { #expect(bench.waitFor(.online, source: index)) }
      for (index, cable) in cables.enumerated() { cable.say("from \(index)\r\n") }
      #expect(bench.wait { bench.messages.count == cables.count })
      for index in cables.indices {
        #expect(
          bench.told.contains(
            .init(event: .message, source: index, bytes: Array("from \(index)".utf8))))
      }
      for cable in cables { cable.unplug() }
      for index in cables.indices { #expect(bench.waitFor(.offline, source: index)) }
    }
  }

  @Test func stopReturnsWhenEveryLineIsClosed() {
    let cable = Cable()
    cable.plug()
    for _ in 0..<200 {
      let bench = BankBench([cable.path])
      bench.bank.start()
      #expect(cable.isOpened)
      bench.bank.stop()
      guard !cable.isOpened else {
        Issue.record("a line was open after stop")
        return
      }
    }
  }

  @Test func twoMessagesInOneReadAreTwoUnitsOfOneMoment() {
    let cable = Cable()
    cable.plug()
    let bench = BankBench([cable.path])
    bench.bank.start()
    defer { bench.bank.stop() }
    #expect(bench.waitFor(.online))
    cable.say("one\r\none\r\n")
    #expect(bench.wait { bench.messages == ["one", "one"] })
    #expect(Set(bench.moments.suffix(2)).count == 1)
  }

  @Test func everyByteComesThroughTheTerminalAsItIs() {
    let cable = Cable()
    cable.plug()
    let bench = BankBench([cable.path], prefix: [], suffix: [0xFE, 0xFD])
    bench.bank.start()
    defer { bench.bank.stop() }
    #expect(bench.waitFor(.online))
    // CR, NL, Ctrl-C, Ctrl-D, XON, XOFF, NUL and 0xFF all mean something to a terminal that is not raw.
    let all = (0...255).map { UInt8($0) }
    cable.say(all + [0xFE, 0xFD])
    #expect(bench.wait { bench.told.last?.event == .message })
    #expect(bench.told.last?.bytes == all)
  }

  @Test func theLineIsRawWithoutEchoAndWithoutFlowControl() {
    let cable = Cable()
    cable.plug()
    // What another program left behind.
    let other = cable.openOtherEnd()
    defer { close(other) }
    var mode = termios()
    #expect(tcgetattr(other, &mode) == 0)
    mode.c_iflag |= tcflag_t(IXON | IXOFF | IXANY | ISTRIP | ICRNL | IGNPAR)
    mode.c_lflag |= tcflag_t(ECHO | ICANON | ISIG)
    mode.c_cflag |= tcflag_t(CSTOPB) | tcflag_t(CRTSCTS) | tcflag_t(HUPCL)
    #expect(tcsetattr(other, TCSANOW, &mode) == 0)
    let bench = BankBench([cable.path])
    bench.bank.start()
    defer { bench.bank.stop() }
    #expect(bench.waitFor(.online))
    #expect(tcgetattr(other, &mode) == 0)
    let input = tcflag_t(
      IXON | IXOFF | IXANY | ISTRIP | ICRNL | INLCR | IGNCR | IGNBRK | BRKINT | IGNPAR)
    #expect(mode.c_iflag & input == 0)
    // What came wrong is marked, and told apart from data.
    #expect(mode.c_iflag & tcflag_t(PARMRK | INPCK) == tcflag_t(PARMRK | INPCK))
    #expect(mode.c_lflag & tcflag_t(ECHO | ECHONL | ICANON | ISIG | IEXTEN) == 0)
    #expect(mode.c_oflag & tcflag_t(OPOST) == 0)
    #expect(mode.c_cflag & tcflag_t(CSIZE) == tcflag_t(CS8))
    #expect(mode.c_cflag & (tcflag_t(CSTOPB) | tcflag_t(HUPCL) | tcflag_t(PARENB)) == 0)
    #expect(mode.c_cflag & tcflag_t(CRTSCTS) == 0)
    #expect(mode.c_cflag & tcflag_t(CLOCAL | CREAD) == tcflag_t(CLOCAL | CREAD))
    #expect(cfgetispeed(&mode) == speed_t(B115200))
    cable.say("<K?>\r\n")
    #expect(bench.wait { bench.messages == ["<K?>"] })
    #expect(cable.heard().isEmpty)
  }

  @Test func bytesThatComeWhileTheLineIsOpenedAreWholeMessagesOrNone() {
    for _ in 0..<50 {
      let cable = Cable()
      cable.plug()
      let bench = BankBench([cable.path], prefix: [0x02])
      var number = 0
      func say() {
        if cable.say("\u{02}\(number)\r\n") { number += 1 }
      }
      // Said before, during and after the opening; what the line held before it is thrown away.
      for _ in 0..<10 { say() }
      bench.bank.start()
      for _ in 0..<10 { say() }
      #expect(bench.waitFor(.online))
      say()
      let last = String(number - 1)
      #expect(bench.wait { bench.messages.last == last })
      let numbers = bench.messages.compactMap { Int($0) }
      #expect(numbers.count == bench.messages.count)
      #expect(numbers.first.map { Array($0..<number) } == numbers)
      bench.bank.stop()
    }
  }

  @Test func whatIsNoSerialLineIsSaidInWords() {
    let file = "/tmp/lineward-no-line.\(getpid())"
    let descriptor = open(file, O_CREAT | O_WRONLY | O_CLOEXEC, 0o600)
    #expect(write(descriptor, "kept", 4) == 4)
    close(descriptor)
    defer { unlink(file) }
    let bench = BankBench(["/tmp", file, "/dev/null", "/etc/passwd/tty"])
    bench.bank.start()
    defer { bench.bank.stop() }
    for index in 0..<4 { #expect(bench.waitFor(.offline, source: index)) }
    let turns = bench.bank.turns
    #expect(bench.wait { bench.bank.turns > turns + 3 })
    func text(_ source: Int) -> String? { bench.told.first { $0.source == source }?.text }
    #expect(text(0) == "/tmp cannot be opened: it is a directory, not a serial line")
    #expect(text(1) == "\(file) cannot be opened: it is not a serial line")
    #expect(text(2) == "/dev/null cannot be opened: it is not a serial line")
    #expect(text(3) == "/etc/passwd/tty cannot be opened: Not a directory")
    #expect(bench.told.count == 4)
    // The file was not touched.
    var bytes = [UInt8](repeating: 0, count: 8)
    let again = open(file, O_RDONLY | O_CLOEXEC)
    defer { close(again) }
    #expect(read(again, &bytes, 8) == 4)
  }

  @Test func aDeviceThatMayNotBeOpenedIsSaidWithTheRemedy() {
    // The kernel refuses to open this file for writing even to root.
    let path = "/sys/devices/system/cpu/online"
    let bench = BankBench([path])
    bench.bank.start()
    defer { bench.bank.stop() }
    #expect(bench.waitFor(.offline))
    #expect(
      bench.told.first?.text
        == "\(path) cannot be opened: permission denied; the daemon's user needs the device's group"
    )
  }

  @Test func overlongMessagesShowAlsoWhenNoOtherFollows() {
    let cable = Cable()
    cable.plug()
    let bench = BankBench([cable.path])
    bench.bank.start()
    defer { bench.bank.stop() }
    #expect(bench.waitFor(.online))
    cable.say([UInt8](repeating: 0x41, count: 1025) + [0x0D, 0x0A])
    #expect(bench.wait { bench.bank.health[0].faults.framing.overlong == 1 })
    #expect(bench.messages.isEmpty)
    #expect(bench.bank.health[0].messages == 0)
  }

  @Test func aFullRingCountsWhatItLosesAndTheScannersStateIsToldLater() {
    let cable = Cable()
    cable.plug()
    let bench = BankBench([cable.path], ringBytes: 1)
    bench.bank.start()
    defer { bench.bank.stop() }
    #expect(bench.waitFor(.online))
    bench.forget()
    let message = String(repeating: "x", count: 1000)
    // Nobody takes anything.
    let limit = DispatchTime.now() + .seconds(20)
    while bench.frames.lost == 0, DispatchTime.now() < limit {
      if !cable.say(message + "\r\n") { sched_yield() }
    }
    #expect(bench.frames.lost > 0)
    cable.unplug()
    let pause = DispatchSemaphore(value: 0)
    while bench.bank.health[0].onlineSince != nil, DispatchTime.now() < limit {
      _ = pause.wait(timeout: .now() + .milliseconds(1))
    }
    #expect(bench.bank.health[0].onlineSince == nil)
    let lost = bench.frames.lost
    // The loop must not go on believing in a scanner that is gone.
    #expect(bench.waitFor(.offline))
    #expect(bench.frames.lost >= lost)
    #expect(bench.messages.allSatisfy { $0 == message })
    bench.forget()
    cable.plug()
    #expect(bench.waitFor(.online))
    cable.say("after\r\n")
    #expect(bench.wait { bench.messages == ["after"] })
  }

  @Test func aCharacterInErrorDropsItsMessageAndNoOther() {
    let cable = Cable()
    cable.plug()
    let other = cable.openOtherEnd()
    defer { close(other) }
    let bench = BankBench([cable.path])
    bench.bank.start()
    defer { bench.bank.stop() }
    #expect(bench.waitFor(.online))
    // A pseudo-terminal has no parity. Its driver stops marking here, so that marks can be written as a real one writes them.
    var mode = termios()
    #expect(tcgetattr(other, &mode) == 0)
    mode.c_iflag = 0
    #expect(tcsetattr(other, TCSANOW, &mode) == 0)
    cable.say(Array("one\r\ntw".utf8) + [0xFF, 0x00, 0x6F] + Array("\r\nthree\r\n".utf8))
    #expect(bench.wait { bench.messages == ["one", "three"] })
    #expect(bench.wait { bench.bank.health[0].faults.framing.spoiled == 1 })
    #expect(bench.bank.health[0].faults.charactersInError == 1)
    cable.say([0xFF, 0x00, 0x00] + Array("four\r\nfive\r\n".utf8))
    #expect(bench.wait { bench.messages == ["one", "three", "five"] })
    #expect(bench.wait { bench.bank.health[0].faults.breaks == 1 })
  }

  @Test func aScannerIsOnlineWhenItWasSetUpAsItAnswered() {
    let cable = Cable()
    cable.plug()
    var talk = ScannerTalk()
    talk.setup = [
      .init(send: Array("<A>\r\n".utf8), answer: Array("OK".utf8)), .init(send: Array("<B>".utf8)),
    ]
    talk.answers = [Array("OK".utf8)]
    talk.trigger = ScannerTrigger(on: Array("ON".utf8), off: Array("OFF".utf8))
    talk.triggersAtOpening = true
    let bench = BankBench(.serial(cable.path, SerialSettings()), talk: talk)
    bench.bank.start()
    var heard: [UInt8] = []
    #expect(
      bench.wait {
        heard += cable.heard()
        return heard == Array("<A>\r\n".utf8)
      })
    #expect(bench.told.isEmpty)
    cable.say("OK,A\r\n")
    #expect(bench.waitFor(.online))
    cable.say("<K1>\r\n")
    #expect(bench.wait { bench.messages == ["<K1>"] })
    bench.bank.stop()
    // What it read never goes back to it, not even where it is a command. The terminal hands over in its own time.
    let said = Array("<A>\r\n<B>ONOFF".utf8)
    #expect(
      bench.wait {
        heard += cable.heard()
        return heard.count >= said.count
      })
    #expect(heard == said)
    #expect(bench.bank.health[0].answers == 1)
  }

  @Test func aScannerThatDoesNotAnswerIsLeftAndSaidOnce() {
    let cable = Cable()
    cable.plug()
    var talk = ScannerTalk()
    talk.setup = [.init(send: [0x41], answer: [0x42])]
    talk.setupTimeout = .milliseconds(20)
    let bench = BankBench(.serial(cable.path, SerialSettings()), talk: talk)
    bench.bank.start()
    defer { bench.bank.stop() }
    #expect(bench.waitFor(.offline))
    var heard = 0
    #expect(
      bench.wait {
        heard += cable.heard().count
        return heard >= 3
      })
    #expect(
      bench.told.map(\.text) == [
        "\(cable.path) was left: the scanner did not answer A with B within 20 ms"
      ])
  }

  @Test func aScannerWithAHeartbeatIsOnlineOnlyWhileMessagesCome() {
    let cable = Cable()
    cable.plug()
    var talk = ScannerTalk()
    talk.heartbeat = Array("HB".utf8)
    talk.silence = .milliseconds(300)
    let bench = BankBench(.serial(cable.path, SerialSettings()), talk: talk)
    bench.bank.start()
    defer { bench.bank.stop() }
    #expect(bench.waitFor(.offline))
    #expect(bench.told.last?.text.contains("heartbeat is awaited") == true)
    #expect(
      bench.wait {
        cable.say("HB 0001\r\n")
        return bench.told.contains { $0.event == .online }
      })
    #expect(bench.messages.isEmpty)
    #expect(bench.bank.health[0].heartbeatAt != nil)
    bench.forget()
    #expect(bench.waitFor(.offline))
    #expect(bench.told.last?.text.contains("not even its heartbeat") == true)
    #expect(
      bench.wait {
        cable.say("]d2read\r\n")
        return bench.messages.first == "]d2read"
      })
    #expect(bench.told.contains { $0.event == .online })
  }

  @Test func aMessageWithoutASuffixEndsWithThePauseBehindIt() {
    let cable = Cable()
    cable.plug()
    let bench = BankBench(scanners: [
      ScannerBank.Scanner(
        name: "camera-1", way: .serial(cable.path, SerialSettings()),
        framing: ScannerFraming(suffix: [], gap: .milliseconds(30)))
    ])
    bench.bank.start()
    defer { bench.bank.stop() }
    #expect(bench.waitFor(.online))
    cable.say("no end")
    #expect(bench.wait { bench.messages == ["no end"] })
  }
}
