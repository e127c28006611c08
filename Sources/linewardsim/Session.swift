internal import Simulation

/// One run of a scenario: the line, the daemon, the operator, the faults, and the reckoning at the end.
///
/// One thread, one loop: wait for descriptors or the next moment at which something is due, then ask everybody.
final class Session {
  /// The programs that a run needs besides this one.
  struct Programs {
    var daemon: String
    var command: String
  }

  /// A run that cannot begin.
  struct Refusal: Error {
    var sentence: String
  }

  private enum Stage {
    case running
    case asking
    case closing(until: Nanoseconds)
    case verifying
    case over
  }

  private struct Errand {
    var process: ChildProcess
    var until: Nanoseconds
    var errand: LineOperator.Errand
  }

  private struct Question {
    var process: ChildProcess
    var until: Nanoseconds
    var serial: String
  }

  /// A command that takes longer is ended, and counts as failed.
  private static let commandLimit: Nanoseconds = .seconds(30)
  /// Questions for serials at the same time.
  private static let questionsMax = 4

  private let scenario: Scenario
  private let seed: UInt64
  private let directory: String
  private let programs: Programs?
  private let serialsMax: Int
  private let signals: EndSignals
  private let live: LiveLine
  private let start: Nanoseconds
  private var view: View
  private var stage: Stage = .running
  private var person: LineOperator
  private var script: FaultScript
  private var daemon: ChildProcess?
  private var errand: Errand?
  private var kills = 0
  private var runs = 0
  private var troubles: [String] = []

  private var unasked: [String] = []
  private var questions: [Question] = []
  private var serials: [String: Reckoning.SerialState] = [:]
  private var alarms: ChildProcess?
  private var verify: ChildProcess?

  init(
    _ scenario: Scenario, seed: UInt64, directory: String, port: UInt16, programs: Programs?,
    serialsMax: Int, drawsView: Bool
  ) throws {
    self.scenario = scenario
    self.seed = seed
    self.directory = directory
    self.programs = programs
    self.serialsMax = serialsMax
    signals = try EndSignals()
    if programs != nil, Surroundings.exists(directory + "/records") {
      throw Refusal(
        sentence: "\(directory) holds the records of an earlier run, and this one knows nothing of "
          + "its units; name another folder")
    }
    start = MonotonicClock.now
    live = try LiveLine(
      scenario.line, seed: seed, directory: directory, port: port,
      printedAhead: scenario.printedAhead,
      now: start)
    live.lateReply = scenario.lateReply
    script = scenario.script
    person = LineOperator(
      batch: scenario.line.batch, serials: directory + "/serials.txt", settings: scenario.person)
    view = View(isDrawn: drawsView && Surroundings.canRedraw)
  }

  /// Plays the scenario; true when truth and daemon agree.
  func run() throws -> Bool {
    try prepare()
    while true {
      if case .over = stage { break }
      let now = MonotonicClock.now
      if signals.came() {
        view.clear()
        Surroundings.show("interrupted after \(View.seconds(now - start))\n")
        endDaemonNow()
        return programs == nil && report()
      }
      try turn(now: now)
      Interest.wait(for: interests, atMost: min(nextEvent - MonotonicClock.now, .milliseconds(100)))
    }
    return report()
  }

  private func prepare() throws {
    let batch = scenario.line.batch
    var file = ""
    for number in 0..<batch.poolCount { file += batch.serial(number) + "\n" }
    try Surroundings.write(file, to: directory + "/serials.txt")
    let configuration = scenario.daemonConfiguration(
      directory: directory, port: live.server.port, user: Surroundings.userName)
    try Surroundings.write(configuration, to: directory + "/lineward.toml")
    guard programs == nil else {
      try startDaemon()
      return
    }
    Surroundings.show(
      """
      plc 127.0.0.1:\(live.server.port)
      scanner \(live.scanner.path)
      config \(directory)/lineward.toml
      serials \(directory)/serials.txt

      """)
  }

  // MARK: The loop

  private var interests: [Interest] {
    var all = live.interests + [signals.interest]
    if let errand { all += errand.process.interests }
    for question in questions { all += question.process.interests }
    all += alarms?.interests ?? []
    all += verify?.interests ?? []
    return all
  }

  private var nextEvent: Nanoseconds {
    var person: Nanoseconds?
    if case .running = stage, programs != nil { person = self.person.nextEvent }
    return [live.nextEvent, script.nextEvent, person, view.nextEvent]
      .compactMap { $0 }.min() ?? Int64.max
  }

  private func turn(now: Nanoseconds) throws {
    live.turn(now: now)
    try playScript(now: now)
    if programs != nil { try watchDaemon(now: now) }
    switch stage {
    case .running: try runOn(now: now)
    case .asking: try ask(now: now)
    case .closing(let until): try close(until: until, now: now)
    case .verifying: verified()
    case .over: break
    }
    if view.isDue(now) { view.draw(picture(now: now), now: now) }
  }

  private func playScript(now: Nanoseconds) throws {
    let travelled = live.line.conveyor.travelled
    for order in script.advance(travelled: travelled, now: now) {
      switch order {
      case .ask(let fault):
        live.ask(for: fault)
        say("next unit: \(fault.rawValue)", now: now)
      case .begin(.killDaemon) where programs == nil, .end(.killDaemon) where programs == nil:
        say("kill_daemon is left to whoever started the daemon", now: now)
      case .begin(.killDaemon):
        say("kill -9 of the daemon", now: now)
        kills += 1
        daemon?.killAtOnce()
      case .end(.killDaemon):
        try startDaemon()
        say("the daemon is started again", now: now)
      case .begin(let fault):
        say("\(fault.rawValue) begins", now: now)
        try live.set(fault, true, now: now)
      case .end(let fault):
        say("\(fault.rawValue) ends", now: now)
        try live.set(fault, false, now: now)
      }
    }
    if travelled >= scenario.duration { live.setFed(false) }
  }

  private func runOn(now: Nanoseconds) throws {
    let isPacked = !live.line.conveyor.isFed && live.line.isEmpty
    guard programs != nil else {
      if isPacked && script.isDone { stage = .over }
      return
    }
    if isPacked && script.isDone { person.end() }
    try runErrand(now: now)
    switch person.stage {
    case .done: beginAsking(now: now)
    case .gaveUp(let sentence):
      troubles.append("the operator gave up: \(sentence)")
      beginAsking(now: now)
    case .settingUp, .watching, .ending:
      // Everything in a run has a bound of its own; this one holds if one of them was forgotten.
      let limit = 6 * scenario.duration + .seconds(180)
      if now - start > limit {
        troubles.append("the run did not end within \(View.seconds(limit)): \(person.lastDone)")
        beginAsking(now: now)
      }
    }
  }

  private func runErrand(now: Nanoseconds) throws {
    if let running = errand {
      running.process.serve()
      if now > running.until { running.process.killAtOnce() }
      guard let code = running.process.exitCode else { return }
      errand = nil
      let before = person.lastDone
      person.came(
        LineOperator.Answer(
          code: code, output: running.process.output,
          errors: View.oneLine(running.process.errors)), to: running.errand, now: now)
      if person.lastDone != before { say("operator: \(person.lastDone)", now: now) }
    }
    guard let next = person.next(now: now) else { return }
    errand = Errand(
      process: try command(next.words), until: now + Session.commandLimit, errand: next)
  }

  // MARK: The daemon

  private func startDaemon() throws {
    guard let programs else { return }
    daemon = try ChildProcess(
      programs.daemon, ["--config", directory + "/lineward.toml"], log: directory + "/linewardd.log"
    )
    runs += 1
  }

  private func watchDaemon(now: Nanoseconds) throws {
    guard let daemon, daemon.isRunning else { return }
    daemon.serve()
    guard let code = daemon.exitCode else { return }
    if case .closing = stage { return }
    guard !script.standing.contains(.killDaemon) else { return }
    troubles.append("linewardd ended by itself with code \(code); see \(directory)/linewardd.log")
    say("linewardd ended by itself with code \(code)", now: now)
    stage = .over
  }

  private func endDaemonNow() {
    guard let daemon, daemon.isRunning else { return }
    daemon.terminate()
    let until = MonotonicClock.now + .seconds(5)
    while daemon.isRunning && MonotonicClock.now < until {
      live.turn(now: MonotonicClock.now)
      Interest.wait(for: live.interests, atMost: .milliseconds(5))
      daemon.serve()
    }
    daemon.killAtOnce()
  }

  private func command(_ words: [String]) throws -> ChildProcess {
    try ChildProcess(
      programs?.command ?? "", ["--socket", directory + "/control.sock"] + words)
  }

  // MARK: The end

  private func beginAsking(now: Nanoseconds) {
    stage = .asking
    errand?.process.killAtOnce()
    say("asking the daemon for its account", now: now)
    // Faulty units first: where there are more serials than questions, the good ones are left out.
    let units = live.line.truth.units
    let byInterest =
      units.filter { $0.pack.fault != .none } + units.filter { $0.firstVerdict != 1 } + units
    var seen: Set<String> = []
    unasked = byInterest.compactMap(\.pack.serial).filter { seen.insert($0).inserted }
    let unprinted = live.line.printer.printed
    if unprinted < scenario.line.batch.poolCount {
      unasked.insert(scenario.line.batch.serial(unprinted), at: 0)
    }
    unasked = Array(unasked.prefix(serialsMax)).reversed()
  }

  private func ask(now: Nanoseconds) throws {
    if alarms == nil { alarms = try command(["--json", "alarms"]) }
    alarms?.serve()
    for index in questions.indices.reversed() {
      questions[index].process.serve()
      if now > questions[index].until { questions[index].process.killAtOnce() }
      guard let code = questions[index].process.exitCode else { continue }
      let done = questions.remove(at: index)
      serials[done.serial] = answer(done.process, code)
    }
    while questions.count < Session.questionsMax, let serial = unasked.popLast() {
      questions.append(
        Question(
          process: try command(["--json", "unit", serial]), until: now + Session.commandLimit,
          serial: serial))
    }
    if questions.isEmpty, alarms?.isRunning != true {
      daemon?.terminate()
      stage = .closing(until: now + .seconds(15))
    }
  }

  private func answer(_ process: ChildProcess, _ code: Int32) -> Reckoning.SerialState {
    if code == 1 { return .unknown }
    guard code == 0, let state = JSONValue(process.output)?["state"].string else {
      return .noAnswer("exit code \(code) \(View.firstLine(process.errors))")
    }
    return .state(state)
  }

  private func close(until: Nanoseconds, now: Nanoseconds) throws {
    guard let daemon, daemon.isRunning, now < until else {
      if let daemon, daemon.isRunning {
        troubles.append("linewardd did not end within 15 s of SIGTERM")
        daemon.killAtOnce()
      } else if let code = daemon?.exitCode, code != 0 {
        troubles.append("linewardd ended with code \(code) at SIGTERM")
      }
      verify = try ChildProcess(
        programs?.command ?? "", ["records", "verify", "--directory", directory + "/records"])
      stage = .verifying
      return
    }
  }

  private func verified() {
    verify?.serve()
    guard let verify, let code = verify.exitCode else { return }
    if code != 0 {
      troubles.append(
        "records verify: exit code \(code): \(View.firstLine(verify.output + verify.errors))")
    }
    stage = .over
  }

  private func report() -> Bool {
    view.clear()
    let truth = live.line.truth
    guard programs != nil else {
      Surroundings.show(Report.truth(truth))
      return truth.violationCount == 0
    }
    let reckoning = Reckoning(
      truth: truth, status: person.status, serials: serials, kills: kills)
    let differences = troubles + reckoning.differences
    Surroundings.show(
      Report.text(
        Report.Facts(
          reckoning: reckoning, differences: differences, status: person.status,
          alarms: JSONValue(alarms?.output ?? []) ?? .null,
          verify: View.firstLine(verify?.output ?? []), directory: directory, seed: seed,
          kills: kills, releases: person.releases, acknowledged: person.acknowledged)))
    endDaemonNow()
    return differences.isEmpty
  }

  // MARK: Words

  private func say(_ sentence: String, now: Nanoseconds) {
    view.log(
      "\(View.seconds(now - start)) (belt \(View.seconds(live.line.conveyor.travelled)))  \(sentence)"
    )
  }

  private func picture(now: Nanoseconds) -> View.Picture {
    let line = live.line
    return View.Picture(
      elapsed: now - start, travelled: line.conveyor.travelled, duration: scenario.duration,
      isMoving: line.conveyor.isMoving, plc: line.plc, truth: line.truth,
      onBelt: line.conveyor.unitsOnBelt, status: person.status,
      daemon: daemon.map { $0.isRunning ? "process \($0.id)" : "ended" } ?? "none",
      runs: runs, faults: script.standing.map(\.rawValue), operator: person.lastDone)
  }
}
