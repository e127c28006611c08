import Alarms
import Containment
import Line
import Simulation

/// The person at the line: brings a stopped line back by the commands, and - when restless - gives some that nobody asked for.
struct Person {
  private var random: SeededRandom
  /// Unasked commands in a million looks.
  var restlessness: Int
  /// Challenge tests that are not due, in a million looks.
  var challenges: Int
  /// Bad packs to be sent, by station, for the challenge tests that run.
  var packsToSend: [(station: Int, fault: UnitFault)] = []
  /// Everything is mended: no more waiting between stop and release.
  var isMending = false
  /// Stop the line, close the batch, go home.
  var isLeaving = false
  /// The line stands for good; now is the moment to look at the serials.
  var isAboutToClose = true
  private(set) var hasLeft = false
  private(set) var nextLook: Nanoseconds = 0
  private(set) var releases = 0
  private(set) var lastAnswer = "nothing was answered yet"
  private var nextID: UInt64 = 1
  private var closing: Set<UInt64> = []
  private var opening: Set<UInt64> = []

  /// Containment cases that the person opens, in a million looks.
  var cases: Int

  init(random: SeededRandom, restlessness: Int, challenges: Int, cases: Int) {
    self.random = random
    self.cases = cases
    self.challenges = challenges
    self.restlessness = restlessness
  }

  /// Looks at the line, and gives the commands that come to mind.
  mutating func look(
    _ daemon: inout VirtualDaemon?, disk: SimulatedDisk, settings: LineSettings, now: Nanoseconds,
    laws: Laws
  ) {
    nextLook = now + .milliseconds(20 + Int64(random.below(isMending ? 300 : 600)))
    guard daemon != nil else { return }
    hear(&daemon, disk: disk, laws: laws)
    guard let status = daemon?.core.status, let book = daemon?.core.cases else { return }
    for command in commands(status, disk: disk, settings: settings) + work(book) {
      if case .batchClose = command { closing.insert(nextID) }
      if case .batchOpen = command { opening.insert(nextID) }
      daemon?.command(nextID, command)
      nextID += 1
    }
  }

  /// Nobody answers any more what was asked before.
  mutating func daemonEnded() { opening.removeAll() }

  private mutating func hear(_ daemon: inout VirtualDaemon?, disk: SimulatedDisk, laws: Laws) {
    for reply in daemon?.replies ?? [] {
      lastAnswer = "\(reply.result)"
      laws.tell("answer: \(reply.result)")
      if case .done("released") = reply.result { releases += 1 }
      if opening.remove(reply.id) != nil { disk.batchAnswered(reply.result) }
      if closing.contains(reply.id), case .done = reply.result { hasLeft = true }
    }
    daemon?.replies.removeAll()
  }

  private mutating func commands(
    _ status: LineStatus, disk: SimulatedDisk, settings: LineSettings
  ) -> [LineCommand] {
    if random.happens(perMillion: restlessness) { return [whim(status, settings)] }
    if isLeaving {
      if status.permit { return [.stop(reason: "the shift ends")] }
      return isAboutToClose ? [] : [.batchClose(id: nil)]
    }
    guard let batch = status.batch else {
      // An import is under way until its answer is there.
      guard opening.isEmpty, let opened = disk.batchToOpen(number: 1) else { return [] }
      return [.batchOpen(opened.batch, description: opened.description)]
    }
    if batch.state != .running { return [.batchStart(id: batch.id)] }
    guard !status.permit else { return challenge(status) }
    var commands: [LineCommand] = []
    for alarm in status.alarms {
      if alarm.state.isUnacknowledged {
        commands.append(
          .acknowledge(id: alarm.id, occurrence: alarm.occurrence, comment: "seen"))
      }
      if alarm.kind.latches { commands.append(.reset(id: alarm.id)) }
    }
    for station in status.stations where station.challenge?.due != nil {
      commands.append(.challengeStart(station: station.name))
    }
    return commands + [.release]
  }

  /// Sends the packs of the tests that run, one after the other, and sometimes starts one.
  private mutating func challenge(_ status: LineStatus) -> [LineCommand] {
    var commands: [LineCommand] = []
    for (index, station) in status.stations.enumerated() {
      guard let challenge = station.challenge else { continue }
      if !challenge.isRunning {
        if challenges > 0, random.happens(perMillion: challenges) {
          commands.append(.challengeStart(station: station.name))
        }
        continue
      }
      if random.happens(perMillion: 20_000) {
        commands.append(.challengeCancel(station: station.name, reason: "enough"))
      }
      guard !challenge.missing.isEmpty else { continue }
      let wanted = challenge.missing[random.below(challenge.missing.count)]
      if let pack = Plan.challengePacks.first(where: { $0.verdict == wanted }) {
        packsToSend.append((station: index, fault: pack.fault))
      }
    }
    return commands
  }

  /// Does one thing about each open case, and sometimes opens one.
  private mutating func work(_ book: CaseBook) -> [LineCommand] {
    let everyone: Set<String> = ["operator", "supervisor", "quality", "maintenance"]
    var commands: [ContainmentCommand] = book.open.map { found in
      guard let next = found.nextStep else { return .close(id: found.id, reason: "worked") }
      let step = found.playbook.steps[next]
      if step.meaning == .alert, let contact = found.unanswered.first {
        return .answer(id: found.id, contact: contact, phoned: nil, comment: "")
      }
      return .complete(id: found.id, step: step.key, evidence: "seen")
    }
    if cases > 0, random.happens(perMillion: cases) {
      commands.append(
        .open(reason: "a drill", batch: nil, holdsRelease: random.below(2) == 0))
    }
    return commands.map { .containment($0, roles: everyone) }
  }

  private mutating func whim(_ status: LineStatus, _ settings: LineSettings) -> LineCommand {
    let link = "plc_link_lost@unit-1"
    switch random.below(12) {
    case 0, 1: return .stop(reason: "a look at the gate")
    case 2: return .batchPause(id: nil)
    case 3: return .batchStart(id: nil)
    case 4: return .release
    case 5: return .acknowledge(id: link, occurrence: 1, comment: "")
    case 6: return .batchClose(id: "nothing")
    case 7: return .shelve(id: link, minutes: 1, reason: "the cable is known")
    case 8: return .unshelve(id: link)
    case 9: return .outOfService(id: link, reason: "the PLC is being exchanged")
    case 10: return .inService(id: link)
    default: return .reload(settings, detail: "the same")
    }
  }
}
