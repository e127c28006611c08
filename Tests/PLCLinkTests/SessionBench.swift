import Line
import Testing

@testable import PLCLink

/// A session beside the registers that its telegrams go to; time moves only when told to.
final class SessionBench {
  var session: BlockSession
  var registers = [UInt16](repeating: 0, count: 400)
  var now = Instant(nanoseconds: 1_000_000_000)
  var lineTurns: UInt64 = 1
  let settings: BlockSession.Settings
  /// All telegrams written, in order.
  var written: [RegisterWrite] = []

  init(
    slots: Int = 16, epoch: UInt16 = 7, version: UInt16 = 1,
    mark: BlockSession.OutcomeMark = BlockSession.OutcomeMark()
  ) {
    settings = BlockSession.Settings(hostBase: 10, plcBase: 200, slots: slots)
    session = BlockSession(settings, resumingAt: mark)
    plc(0, version)
    plc(9, epoch)
  }

  // MARK: The PLC's side

  func host(_ offset: Int) -> UInt16 { registers[settings.hostBase + offset] }
  func plc(_ offset: Int) -> UInt16 { registers[settings.plcBase + offset] }
  func host(_ offset: Int, _ value: UInt16) {
    registers[settings.hostBase + offset] = value
  }
  func plc(_ offset: Int, _ value: UInt16) { registers[settings.plcBase + offset] = value }
  var permit: UInt16 { host(2) }

  /// The verdict slot that holds this sequence with the right check, as unit and verdict.
  func verdict(_ sequence: UInt16) -> [UInt16]? {
    let offset = 16 + 4 * (Int(sequence) % settings.slots)
    let words = (0..<4).map { host(offset + $0) }
    guard words[0] == sequence,
      words[3]
        == RegisterMap.check(sequence: sequence, unit: words[1], word: words[2], epoch: plc(9))
    else { return nil }
    return [words[1], words[2]]
  }

  func putVerdict(_ sequence: UInt16, unit: UInt16, _ verdict: UInt16, epoch: UInt16 = 7) {
    put(settings.hostBase, sequence, unit, verdict, epoch)
  }

  /// The PLC writes an outcome, and says so.
  func putOutcome(_ sequence: UInt16, unit: UInt16, _ outcome: UInt16, says: Bool = true) {
    put(settings.plcBase, sequence, unit, outcome, plc(9))
    if says { plc(8, sequence) }
  }

  private func put(
    _ base: Int, _ sequence: UInt16, _ unit: UInt16, _ word: UInt16, _ epoch: UInt16
  ) {
    let offset = base + 16 + 4 * (Int(sequence) % settings.slots)
    registers[offset] = sequence
    registers[offset + 1] = unit
    registers[offset + 2] = word
    registers[offset + 3] = RegisterMap.check(
      sequence: sequence, unit: unit, word: word, epoch: epoch)
  }

  // MARK: The connection's side

  /// When the last poll was asked, and the one before it.
  private var asked: (before: Instant?, last: Instant?) = (nil, nil)
  /// What the last poll showed anew has happened since.
  var unseenSince: Instant? { asked.before }

  /// Reads the blocks; what there is to write goes out.
  func connect() {
    asked = (nil, nil)
    session.connected(
      hostBlock: read(settings.hostBlock), plcHeader: read(settings.plcHeader), now: now)
    flush()
  }

  /// One poll, 10 ms after the last; the PLC's heartbeat moves unless `still`.
  func poll(still: Bool = false) {
    let before = now
    now = now + .milliseconds(10)
    if !still { plc(1, plc(1) &+ 1) }
    session.polled(read(settings.plcHeader), asked: before, now: now)
    asked = (asked.last, before)
    while let wanted = session.nextRead() {
      let wantedBefore = session.nextRead()
      session.outcomeSlots(read(wanted), at: wanted.address, now: now)
      if session.nextRead() == wantedBefore { break }
    }
    flush()
  }

  func order(_ order: PLCOrder) {
    session.order(order, now: now)
  }

  /// Writes all that the session has, the most urgent first.
  func flush() {
    while let next = nextWrite() {
      for (index, word) in next.words.enumerated() { registers[next.address + index] = word }
      written.append(next)
    }
  }

  func nextWrite() -> RegisterWrite? {
    for urgency in BlockSession.Urgency.allCases {
      if let write = session.nextWrite(urgency, now: now, lineTurns: lineTurns) { return write }
    }
    return nil
  }

  func withdrawal() -> RegisterWrite? { session.withdrawal(now: now, lineTurns: lineTurns) }

  func read(_ what: RegisterRead) -> [UInt16] {
    Array(registers[what.address..<(what.address + what.count)])
  }

  func events() -> [PLCEvent] { session.takeEvents() }

  /// Connects, polls, and gives a permit: a running line.
  func run() {
    connect()
    poll()
    order(.header(HostHeader(generation: session.generation, permit: true)))
    flush()
    _ = events()
  }

  func disconnect(_ fault: LinkFault = .telegramFailed) {
    session.disconnected(fault, now: now)
  }
}
