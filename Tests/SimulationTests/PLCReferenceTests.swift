import Foundation
import Simulation
import Testing

/// The Structured Text of `docs/plc/lineward.st`, run as it stands.
private func referenceText() throws -> String {
  let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()
  return try String(
    contentsOf: root.appendingPathComponent("docs/plc/lineward.st"), encoding: .utf8)
}

/// `FB_LinewardLink` and the simulated PLC, given the same in every cycle.
private struct Pair {
  static let hostBase = 0
  static let plcBase = 200

  let machine: StructuredText
  var block: Instance
  var plc: SimulatedPLC
  let host: Int
  let own: Int
  var now: Nanoseconds = 0
  var cycle: Nanoseconds = .milliseconds(10)
  private var startsAs: UInt16?

  init(slots: Int) throws {
    machine = try StructuredText(try referenceText())
    block = try machine.instance(of: "FB_LinewardLink")
    host = machine.allocate(144)
    own = machine.allocate(144)
    var settings = SimulatedPLC.Settings()
    settings.hostBase = Pair.hostBase
    settings.plcBase = Pair.plcBase
    settings.slots = slots
    settings.heartbeat = .milliseconds(100)
    settings.scanCycle = cycle
    plc = SimulatedPLC(settings)
    set(slots)
  }

  private func set(_ slots: Int) {
    block.bind("auiHost", to: host)
    block.bind("auiPlc", to: own)
    block["uiSlots"] = slots
  }

  /// Both start with the next turn; the epoch is the block's, for it lies in its retained memory.
  mutating func start() throws {
    let epoch = block["uiEpoch"]
    let slots = block["uiSlots"]
    block = try machine.instance(of: "FB_LinewardLink")
    set(slots)
    block["uiEpoch"] = epoch
    startsAs = UInt16(epoch >= 65535 ? 1 : epoch + 1)
  }

  mutating func write(_ offset: Int, _ values: [UInt16]) throws {
    try plc.write(Pair.hostBase + offset, values)
    for (index, value) in values.enumerated() { machine.words[host + offset + index] = Int(value) }
  }

  struct Inputs {
    var trigger = false
    var gate: UInt16 = 0
    var ended: UInt16 = 0
    var endedAs: Outcome = .passed
    var positionLost = false
    var machine: SimulatedPLC.Inputs = []
    var hold = false
  }

  /// One cycle of both.
  mutating func turn(_ inputs: Inputs) throws {
    now += cycle
    machine.now += Int(cycle / 1_000_000)
    block["xTrigger"] = inputs.trigger ? 1 : 0
    block["uiGateUnit"] = Int(inputs.gate)
    block["uiEndedUnit"] = Int(inputs.ended)
    block["uiEndedAs"] = Int(inputs.endedAs.rawValue)
    block["xPositionLost"] = inputs.positionLost ? 1 : 0
    block["xBinFull"] = inputs.machine.contains(.binFull) ? 1 : 0
    block["xGuardOpen"] = inputs.machine.contains(.guardOpen) ? 1 : 0
    block["xAirLow"] = inputs.machine.contains(.airLow) ? 1 : 0
    block["xMoving"] = inputs.machine.contains(.conveyorMoving) ? 1 : 0
    block["xHold"] = inputs.hold ? 1 : 0
    try block.call()

    if let epoch = startsAs {
      plc.start(now: now, epoch: epoch)
      startsAs = nil
    }
    if inputs.ended != 0 { plc.ended(inputs.ended, as: inputs.endedAs) }
    var passes = false
    if inputs.gate != 0 { passes = plc.gate(inputs.gate) == .pass }
    if inputs.trigger { _ = plc.trigger() }
    plc.inputs = inputs.machine
    plc.machineHolds = inputs.hold
    if inputs.positionLost { plc.losePosition() }
    _ = plc.scan(now: now)
    #expect((block["xGatePass"] == 1) == passes)
  }

  /// The registers and outputs in which the two differ; the own heartbeat only has to move.
  var differences: [String] {
    var list: [String] = []
    for offset in 0..<RegisterMap.blockCount(slots: plc.settings.slots)
    where offset != RegisterMap.PLC.heartbeat {
      let simulated = Int(plc.registers[Pair.plcBase + offset])
      let reference = machine.words[own + offset]
      if simulated != reference { list.append("PLC \(offset): \(simulated), ST \(reference)") }
    }
    if (block["xRun"] == 1) != plc.isRunning { list.append("xRun \(block["xRun"])") }
    if block["uiCauses"] & ~1 != Int(plc.causes.rawValue) & ~1 {
      list.append("causes \(plc.causes.rawValue), ST \(block["uiCauses"])")
    }
    return list
  }
}

/// A daemon and a belt that do right, wrong and nothing, as the seed wants it.
private struct Chaos {
  var random: SeededRandom
  var epoch: UInt16 = 0
  var heartbeat: UInt16 = 0
  var permit: UInt16 = 0
  var sequence: UInt16 = 0
  var recorded: UInt16 = 0
  var command: UInt16 = 0
  var silentFor = 0
  var inputs = SimulatedPLC.Inputs.conveyorMoving
  var inputsFor = 0
  var belt: [(number: UInt16, gateIn: Int, endIn: Int, passes: Bool)] = []
  var sincePack = 0

  mutating func write(to pair: inout Pair) throws {
    let slots = pair.plc.settings.slots
    if silentFor > 0 {
      silentFor -= 1
      return
    }
    if random.happens(perMillion: 4000) { silentFor = random.below(150) }
    if epoch != pair.plc.epoch, random.happens(perMillion: 200_000) {
      epoch = pair.plc.epoch
      sequence = 0
      recorded = 0
      permit = 0
      for slot in 0..<slots { try pair.write(16 + 4 * slot, [0, 0, 0, 0]) }
    }
    // What a daemon sees and does: acknowledge, release, judge.
    let written = pair.plc.registers[Pair.plcBase + RegisterMap.PLC.outcomeWritten]
    if random.happens(perMillion: 300_000) { recorded = written }
    if random.happens(perMillion: 2000) { recorded = UInt16(random.below(65536)) }
    if random.happens(perMillion: 30_000) { permit = UInt16(random.below(2)) }
    if random.happens(perMillion: 2000) { permit = UInt16(random.below(65536)) }
    if random.happens(perMillion: 3000) {
      command &+= 1
    }
    heartbeat &+= 1
    let version: UInt16 = random.happens(perMillion: 2000) ? 2 : 1
    let told = random.happens(perMillion: 2000) ? epoch &+ 1 : epoch
    try pair.write(
      0,
      [
        version, heartbeat, permit, 0, command, UInt16(random.below(11)), 0, 0, recorded, told,
      ])
    for unit in pair.plc.held where random.happens(perMillion: 150_000) {
      // No more than the ring holds untaken, most of the time.
      let untaken = RegisterMap.steps(
        from: pair.plc.registers[Pair.plcBase + RegisterMap.PLC.verdictTaken], to: sequence)
      guard untaken < slots - 1 || random.happens(perMillion: 10_000) else { break }
      sequence = RegisterMap.next(sequence)
      let verdict: UInt16 = random.happens(perMillion: 800_000) ? 1 : UInt16(2 + random.below(15))
      let number = random.happens(perMillion: 20_000) ? unit.number &+ 7 : unit.number
      var check = RegisterMap.check(
        sequence: sequence, unit: number, word: verdict, epoch: epoch)
      if random.happens(perMillion: 10_000) { check &+= 1 }
      let offset = RegisterMap.slotOffset(sequence, slots: slots)
      try pair.write(offset, [sequence, number, verdict, check])
    }
  }

  mutating func belt(_ pair: Pair) -> Pair.Inputs {
    var now = Pair.Inputs()
    if inputsFor > 0 {
      inputsFor -= 1
    } else {
      inputs = pair.plc.isRunning ? .conveyorMoving : []
      if random.happens(perMillion: 6000) {
        inputs = SimulatedPLC.Inputs(rawValue: UInt16(random.below(16)))
        inputsFor = random.below(20)
      }
    }
    now.machine = inputs
    now.positionLost = random.happens(perMillion: 3000)
    now.hold = random.happens(perMillion: 3000)
    for index in belt.indices {
      belt[index].gateIn -= 1
      belt[index].endIn -= 1
    }
    if let index = belt.firstIndex(where: { $0.gateIn <= 0 && $0.gateIn > -100 }) {
      now.gate = belt[index].number
      belt[index].gateIn = -1000
    }
    if random.happens(perMillion: 3000) { now.gate = UInt16(random.below(65536)) }
    if let first = belt.first, first.gateIn <= -900, first.endIn <= 0 {
      now.ended = first.number
      now.endedAs = Outcome(rawValue: UInt16(1 + random.below(5))) ?? .passed
      belt.removeFirst()
    }
    sincePack += 1
    if sincePack > 4, belt.count < 40, random.happens(perMillion: 200_000) {
      sincePack = 0
      now.trigger = true
      let gateIn = 10 + random.below(30)
      belt.append((RegisterMap.next(pair.plc.lastUnit), gateIn, gateIn + 5, false))
    }
    return now
  }
}

@Suite("The PLC programmer's reference")
struct PLCReferenceTests {
  @Test(
    "does in every cycle what the simulated PLC does, whatever daemon and belt do",
    arguments: [8, 16, 32])
  func sameAsSimulatedPLC(slots: Int) throws {
    var ran = 0
    var outcomes = 0
    var verdicts = 0
    for seed in 0..<UInt64(30) {
      var pair = try Pair(slots: slots)
      var chaos = Chaos(random: SeededRandom(seed: seed &* 1000 &+ UInt64(slots)))
      try pair.start()
      for cycle in 0..<1000 {
        if chaos.random.happens(perMillion: 1500) {
          try pair.start()
          chaos.belt.removeAll()
        }
        try chaos.write(to: &pair)
        try pair.turn(chaos.belt(pair))
        let differences = pair.differences
        guard differences.isEmpty else {
          Issue.record("seed \(seed), cycle \(cycle): \(differences.joined(separator: "; "))")
          return
        }
        if pair.plc.isRunning { ran += 1 }
      }
      outcomes += pair.machine.words[pair.own + RegisterMap.PLC.outcomeWritten]
      verdicts += Int(pair.block["uiVerdictTaken"])
    }
    // The runs are worth something only if lines ran in them, verdicts were taken and packs came to their end.
    #expect(ran > 300 && outcomes > 50 && verdicts > 50, "\(ran) \(outcomes) \(verdicts)")
  }

  @Test("keeps its sequence and numbers in step over the wrap at 65504")
  func wrap() throws {
    let machine = try StructuredText(
      try referenceText() + """
        PROGRAM Probe
        VAR uiFrom : UINT; uiNext : UINT; uiSteps : UINT; uiCheck : UINT; END_VAR
        uiNext := LW_Next(uiFrom);
        uiSteps := LW_Steps(uiFrom, LW_Next(LW_Next(uiNext)));
        uiCheck := LW_Check(uiFrom, 65504, 65535, 65535);
        END_PROGRAM
        """)
    let probe = try machine.instance(of: "Probe")
    for number in [0, 1, 2, 31, 32, 65472, 65501, 65502, 65503, 65504] {
      probe["uiFrom"] = number
      try probe.call()
      let from = UInt16(number)
      #expect(probe["uiNext"] == Int(RegisterMap.next(from)))
      #expect(probe["uiSteps"] == 3)
      #expect(
        probe["uiCheck"]
          == Int(RegisterMap.check(sequence: from, unit: 65504, word: 65535, epoch: 65535)))
    }
  }
}

/// `PRG_Line` with a belt of 10 pulses a cycle: packs are read at 0, at the gate at 900, behind it at 960.
private struct BeltBench {
  let machine: StructuredText
  let program: Instance
  var link: Instance { program.member("fbLink") }
  var belt: Instance { program.member("fbBelt") }
  var sequence: UInt16 = 0
  var heartbeat = 0
  /// Where each pack is, and what it shows of itself: eyes that do not see it.
  struct Pack {
    var run: Int
    var hiddenFromGate = false
    var hiddenBehind = false
    var goesWrong = false
    var decision: Bool?
  }
  var packs: [Pack] = []
  var outcomes: [Int] = []

  init() throws {
    machine = try StructuredText(try referenceText())
    program = try machine.instance(of: "PRG_Line")
    program["diPulses"] = 10
  }

  private func host(_ offset: Int, _ value: Int) { program["auiHost", offset] = value }

  mutating func release() throws {
    try cycle()
    host(0, 1)
    host(9, program["auiPlc", 9])
    try cycle()
    host(2, 1)
    try cycle()
    #expect(program["xDrive"] == 1)
  }

  mutating func verdict(_ verdict: UInt16, unit: UInt16) {
    sequence = RegisterMap.next(sequence)
    let epoch = UInt16(program["auiPlc", 9])
    let offset = RegisterMap.slotOffset(sequence, slots: 16)
    for (index, value) in [
      sequence, unit, verdict,
      RegisterMap.check(sequence: sequence, unit: unit, word: verdict, epoch: epoch),
    ].enumerated() {
      host(offset + index, Int(value))
    }
  }

  mutating func feed(_ pack: Pack = Pack(run: -10)) { packs.append(pack) }

  /// One cycle: packs move on, eyes see, the program runs, outcomes are taken and recorded.
  mutating func cycle() throws {
    machine.now += 10
    heartbeat = heartbeat % 65535 + 1
    host(1, heartbeat)
    for index in packs.indices { packs[index].run += 10 }
    func seen(_ place: Int, _ isVisible: (Pack) -> Bool) -> Int {
      packs.contains { ($0.run - place).magnitude < 15 && $0.run >= place && isVisible($0) } ? 1 : 0
    }
    program["xReadEye"] = seen(0) { _ in true }
    program["xGateEye"] = seen(900) { !$0.hiddenFromGate }
    // With the gate's answer for it, a pack goes one way or the other; one that goes wrong takes the other way.
    program["xPassedEye"] = seen(960) {
      !$0.hiddenBehind && ($0.decision ?? false) != $0.goesWrong
    }
    program["xRejectedEye"] = seen(980) {
      !$0.hiddenBehind && ($0.decision ?? false) == $0.goesWrong
    }
    try program.call()
    for index in packs.indices where packs[index].run >= 920 && packs[index].decision == nil {
      packs[index].decision = program["xGate"] == 1
    }
    packs.removeAll { $0.run > 1100 }
    let written = program["auiPlc", 8]
    while program["auiHost", 8] != written {
      let next = Int(RegisterMap.next(UInt16(program["auiHost", 8])))
      outcomes.append(program["auiPlc", 16 + 4 * (next % 16) + 2])
      host(8, next)
    }
  }

  mutating func cycles(_ count: Int) throws { for _ in 0..<count { try cycle() } }
}

@Suite("The reference belt")
struct PLCReferenceBeltTests {
  @Test("an accepted pack passes, a refused one and one without verdict are rejected, in order")
  func order() throws {
    var bench = try BeltBench()
    try bench.release()
    for unit in 1...3 as ClosedRange<UInt16> {
      bench.feed()
      try bench.cycles(3)
      if unit == 1 { bench.verdict(1, unit: 1) }
      if unit == 2 { bench.verdict(9, unit: 2) }
      try bench.cycles(17)
    }
    try bench.cycles(120)
    #expect(bench.outcomes == [1, 2, 6])
    #expect(bench.program["xDrive"] == 1)
  }

  @Test("the outcome says what the sensors saw, not what the gate was told")
  func sensors() throws {
    var bench = try BeltBench()
    try bench.release()
    let packs: [(BeltBench.Pack, UInt16)] = [
      (BeltBench.Pack(run: -10, goesWrong: true), 9),  // told to reject, seen on the good side
      (BeltBench.Pack(run: -10, hiddenBehind: true), 9),  // rejected, not seen in the chute
      (BeltBench.Pack(run: -10, hiddenBehind: true), 1),  // let pass, never seen again
      (BeltBench.Pack(run: -10, hiddenFromGate: true, hiddenBehind: true), 1),  // gone by then
      (BeltBench.Pack(run: -10, goesWrong: true), 1),  // let pass, found in the chute
      (BeltBench.Pack(run: -10), 1),
    ]
    for (index, (pack, verdict)) in packs.enumerated() {
      bench.feed(pack)
      try bench.cycles(3)
      bench.verdict(verdict, unit: UInt16(index + 1))
      try bench.cycles(17)
    }
    try bench.cycles(120)
    #expect(bench.outcomes == [1, 3, 4, 4, 2, 1])
  }

  @Test("a pack that nobody counted is rejected, and all accepts that wait are forgotten")
  func stranger() throws {
    var bench = try BeltBench()
    try bench.release()
    bench.feed()
    try bench.cycles(3)
    bench.verdict(1, unit: 1)
    try bench.cycles(30)
    // Put onto the belt by hand, 300 pulses ahead of the counted one.
    bench.packs.append(BeltBench.Pack(run: 620))
    try bench.cycles(100)
    #expect(bench.outcomes == [2])
  }

  @Test(
    "a pack that nobody counted and that is seen on the good side stops the line until the belt is cleared"
  )
  func strangerBehindTheGate() throws {
    var bench = try BeltBench()
    try bench.release()
    bench.packs.append(BeltBench.Pack(run: 930, decision: true))
    try bench.cycles(10)
    #expect(bench.program["xDrive"] == 0)
    #expect(bench.link["uiCauses"] == 256)
    bench.feed()
    try bench.cycles(5)
    bench.program["xBeltCleared"] = 1
    bench.packs.removeAll()
    try bench.cycles(2)
    bench.program["auiHost", 2] = 0
    try bench.cycles(2)
    bench.program["auiHost", 2] = 1
    try bench.cycles(2)
    #expect(bench.outcomes == [5])
    #expect(bench.program["xDrive"] == 1)
  }

  @Test("more packs than the block was built for stop the line")
  func tooMany() throws {
    var bench = try BeltBench()
    try bench.release()
    // 65 packs within the 900 pulses before the gate, at half the pulses a cycle.
    bench.program["diPulses"] = 1
    for _ in 0..<65 {
      bench.program["xReadEye"] = 1
      try bench.program.call()
      bench.program["xReadEye"] = 0
      try bench.program.call()
    }
    #expect(bench.program["xDrive"] == 0)
  }
}

@Suite("The Structured Text of the tests")
struct StructuredTextTests {
  private func result(_ body: String, _ declarations: String = "") throws -> Int {
    let machine = try StructuredText(
      "PROGRAM P VAR uiResult : UINT; \(declarations) END_VAR \(body) END_PROGRAM")
    let program = try machine.instance(of: "P")
    try program.call()
    return program["uiResult"]
  }

  @Test("computes as the standard says")
  func computes() throws {
    #expect(try result("uiResult := 2 + 3 * 4 - 10 / 3 + 7 MOD 4;") == 14)
    #expect(try result("IF NOT FALSE AND 1 < 2 OR 3 = 4 THEN uiResult := 16#1F; END_IF;") == 31)
    #expect(
      try result(
        "FOR i := 0 TO 9 DO IF i = 5 THEN EXIT; END_IF; uiResult := uiResult + 2; END_FOR;",
        "i : INT;") == 10)
    #expect(try result("i := -3; uiResult := INT_TO_UINT(ABS(i));", "i : INT;") == 3)
  }

  @Test(
    "refuses what a strict compiler refuses",
    arguments: [
      "uiResult := i;", "i := uiResult + 1;", "IF uiResult THEN END_IF;", "uiResult := TRUE;",
      "uiResult := a;", "EXIT;", "nothing := 1;", "uiResult := 1", "uiResult := a[x];",
      "i := NOT i;",
    ])
  func refuses(_ body: String) {
    #expect(throws: StructuredText.Problem.self) {
      _ = try self.result(body, "i : INT; x : BOOL; a : ARRAY[0..3] OF UINT;")
    }
  }

  @Test(
    "finds overflow, a wrong index, a division by zero and a loop without end when they happen",
    arguments: [
      "uiResult := 65535; uiResult := uiResult + 1;", "uiResult := uiResult - 1;",
      "uiResult := a[i];", "i := 4; a[i] := 1;", "uiResult := 1 / uiResult;",
      "WHILE TRUE DO uiResult := 1; END_WHILE;",
    ])
  func fails(_ body: String) {
    #expect(throws: StructuredText.Problem.self) {
      _ = try self.result(
        body.replacingOccurrences(of: "uiResult := a[i]", with: "i := -1; uiResult := a[i]"),
        "i : INT; a : ARRAY[0..3] OF UINT;")
    }
  }

  @Test("TON is true once its input was true for the time, and a rising edge is seen once")
  func standardBlocks() throws {
    let machine = try StructuredText(
      """
      PROGRAM P VAR x : BOOL; t : TON; e : R_TRIG; xTime : BOOL; xEdge : BOOL; END_VAR
      t(IN := x, PT := T#1s50ms); e(CLK := x); xTime := t.Q; xEdge := e.Q; END_PROGRAM
      """)
    let program = try machine.instance(of: "P")
    program["x"] = 1
    var seen: [[Int]] = []
    for moment in [0, 500, 1049, 1050, 2000] {
      machine.now = moment
      try program.call()
      seen.append([program["xTime"], program["xEdge"]])
    }
    #expect(seen == [[0, 1], [0, 0], [0, 0], [1, 0], [1, 0]])
  }
}
