import Alarms
import Line
import Testing

/// What goes with a stop besides the permit: PackML commands, and the second way.
@Suite struct StopTests {
  static func packML(_ profile: PackML.Profile = .isaTR88) -> StationSettings {
    var station = Rig.station
    station.packML = profile
    return station
  }

  /// The PackML commands that went out, each once.
  static func commands(_ rig: Rig) -> [PackML.Command] {
    var number: UInt16 = 0
    var commands: [PackML.Command] = []
    for case .header(let header) in rig.orders where header.commandNumber != number {
      number = header.commandNumber
      if let command = header.command { commands.append(command) }
    }
    return commands
  }

  // MARK: PackML

  @Test(
    arguments: [
      (LineCommand.stop(reason: "jam"), PackML.Command.stop), (.batchPause(id: nil), nil),
    ] as [(LineCommand, PackML.Command?)])
  func aPersonsStopIsAPackMLStop(command: LineCommand, packML: PackML.Command?) {
    var rig = Rig.running(station: Self.packML())
    rig.plc { $0.stateCurrent = PackML.State.execute.rawValue }
    rig.orders = []
    rig.command(command)
    let last = rig.orders.compactMap { order -> HostHeader? in
      if case .header(let header) = order { return header }
      return nil
    }.last
    // Stop and permit 0 stand in one header, so they go in one telegram.
    #expect(last.map { $0.permit == false && $0.command == packML } ?? (packML == nil))
  }

  @Test func eachKindOfFaultHasItsCommand() {
    let commands = Dictionary(
      grouping: StopReason.allCases, by: { PackML.Command(stopping: $0) })
    #expect(Set(commands[.abort] ?? []) == [.badPackPassed, .rejectNotConfirmed, .storageFault])
    #expect(
      Set(commands[.hold] ?? []) == [
        .trackingInDoubt, .scannerLost, .machineNotReady, .limitExceeded, .containment,
        .challengeDue,
      ])
    #expect(
      Set(commands[.stop] ?? []) == [
        .operatorStop, .noBatchRunning, .startUp, .linkLost, .wrongMapVersion,
      ])
  }

  @Test func aGraverFaultFollowsALighterOneAndNotTheOtherWayRound() {
    var rig = Rig.running(station: Self.packML())
    rig.plc { $0.stateCurrent = 6 }
    let before = Self.commands(rig).count
    rig.step(.scannerOffline(0, reason: "unplugged"))
    #expect(Self.commands(rig).dropFirst(before) == [.hold])
    rig.command(.stop(reason: "look at it"))
    #expect(Self.commands(rig).dropFirst(before) == [.hold, .stop])
    rig.step(.scannerOnline(0))
    rig.step(.scannerOffline(0, reason: "again"))
    #expect(Self.commands(rig).dropFirst(before) == [.hold, .stop])
  }

  @Test func aReleaseLeadsTheMachineToExecuteStepByStep() {
    var rig = Rig.running(station: Self.packML())
    rig.command(.stop(reason: "test"))
    rig.plc {
      $0.permitObeyed = false
      $0.inputs = []
      $0.stateCurrent = PackML.State.aborted.rawValue
    }
    rig.orders = []
    rig.line.step(.command(id: 9, .release, actor: "a"), now: rig.now, wall: 0)
    // Nothing that lets the machine go on before the release is on disk (law 2).
    for case .order(_, .header(let header)) in rig.line.outbox.actions {
      #expect(header.command == nil || header.command == .stop)
    }
    rig.flush()
    let walk: [(PackML.State, PackML.Command)] = [
      (.aborted, .clear), (.stopped, .reset), (.idle, .start),
    ]
    for (index, step) in walk.enumerated() {
      // Each step may take nearly all the time that a release has.
      if index > 0 { rig.wait(milliseconds: 900) }
      rig.plc { $0.stateCurrent = step.0.rawValue }
      #expect(Self.commands(rig) == walk.prefix(index + 1).map(\.1))
    }
    rig.plc {
      $0.permitObeyed = true
      $0.stateCurrent = PackML.State.starting.rawValue
    }
    rig.plc {
      $0.stateCurrent = PackML.State.execute.rawValue
      $0.inputs = .conveyorMoving
    }
    rig.wait(milliseconds: 1500)
    #expect(rig.permit)
    #expect(Self.commands(rig) == [.clear, .reset, .start])
  }

  @Test func aMachineThatDoesNotReachExecuteLosesTheRelease() {
    var rig = Rig.running(station: Self.packML())
    rig.plc { $0.stateCurrent = PackML.State.stopped.rawValue }
    rig.command(.stop(reason: "test"))
    rig.plc {
      $0.permitObeyed = false
      $0.inputs = []
    }
    rig.command(.release)
    rig.plc { $0.permitObeyed = true }
    rig.wait(milliseconds: 1100)
    #expect(!rig.permit)
    #expect(rig.alarm(.releaseNotConfirmed) != nil)
  }

  @Test func nothingThatLetsTheMachineGoOnGoesOutWithoutARelease() {
    var rig = Rig.running(station: Self.packML())
    rig.plc { $0.stateCurrent = 6 }
    rig.command(.stop(reason: "test"))
    rig.orders = []
    for state in PackML.State.allCases {
      rig.plc {
        $0.permitObeyed = false
        $0.inputs = []
        $0.stateCurrent = state.rawValue
      }
      rig.wait(milliseconds: 5)
    }
    rig.step(.plc(station: 0, .lost(.telegramFailed)))
    rig.generation += 1
    rig.link(newEpoch: false)
    let permissive: [PackML.Command] = [.reset, .start, .unhold, .unsuspend, .clear]
    for case .header(let header) in rig.orders {
      #expect(header.command.map { !permissive.contains($0) } ?? true)
    }
  }

  @Test func theTMCProfileNumbersItsStatesOtherwise() {
    var rig = Rig.running(station: Self.packML(.opcTMC))
    rig.command(.stop(reason: "test"))
    rig.plc {
      $0.permitObeyed = false
      $0.inputs = []
      // Idle; 2 would be Stopped by ISA-TR88.
      $0.stateCurrent = 2
    }
    rig.orders = []
    rig.command(.release)
    #expect(Self.commands(rig) == [.start])
    rig.plc {
      $0.permitObeyed = true
      $0.stateCurrent = 4
    }
    rig.wait(milliseconds: 1500)
    #expect(rig.permit)
    for profile in PackML.Profile.allCases {
      let states = (0...UInt16(20)).compactMap { profile.state($0) }
      #expect(states.count == 17 && Set(states).count == 17, "\(profile)")
    }
  }

  @Test func aPLCThatDoesNotDoACommandIsAnAlarmUntilItDoes() {
    var rig = Rig.running(station: Self.packML())
    rig.step(.plc(station: 0, .commandNotDone(.hold)))
    #expect(rig.alarm(.commandNotDone)?.message.contains("Hold") == true)
    rig.step(.plc(station: 0, .commandDone(.hold)))
    #expect(rig.alarm(.commandNotDone)?.causeStands == false)
  }

  @Test func withoutAProfileNothingIsEverCommanded() {
    var rig = Rig.running()
    rig.command(.stop(reason: "test"))
    rig.plc { $0.permitObeyed = false }
    rig.command(.release)
    #expect(Self.commands(rig).isEmpty)
  }

  // MARK: The second way

  @Test(
    "a second way that cannot be taken is an alarm, stops nothing, and is needed for the next release"
  )
  func aSecondWayThatCannotBeTakenKeepsTheLineFromBeingReleased() {
    var rig = Rig.running(secondStop: "coil 3 of PLC plc-2 to 0")
    let message = "the second way to stop cannot be taken: coil 3 cannot be reached"
    for _ in 0..<2 {
      rig.step(.surroundings(.secondStopUnreachable, stands: true, message: message))
    }
    #expect(rig.alarm(.secondStopUnreachable)?.occurrence == 1)
    #expect(rig.permit)
    rig.command(.stop(reason: "test"))
    rig.plc {
      $0.permitObeyed = false
      $0.inputs = []
    }
    rig.command(.release)
    #expect(!rig.permit && rig.refusals == [message])
    rig.step(.surroundings(.secondStopUnreachable, stands: false, message: ""))
    rig.release()
    #expect(rig.permit)
  }

  @Test func aStopThatIsNotConfirmedTakesTheSecondWayOnce() {
    var rig = Rig.running(secondStop: "coil 3 of PLC plc-2 to 0")
    rig.command(.stop(reason: "test"))
    rig.wait(milliseconds: 999)
    #expect(rig.secondStops == 0)
    rig.wait(milliseconds: 2)
    #expect(rig.secondStops == 1)
    #expect(rig.records.contains { $0.kind == .secondStop && $0.detail.contains("coil 3") })
    #expect(rig.alarm(.stopNotConfirmed)?.kind.priority == .highest)
    rig.wait(milliseconds: 5000)
    #expect(rig.secondStops == 1)
    rig.step(.secondStopEnded(failure: nil))
    #expect(rig.records.contains { $0.kind == .secondStopEnded && $0.code == 0 })
    #expect(rig.alarm(.secondStopFailed) == nil)
  }

  @Test func aStopThatIsConfirmedTakesNoSecondWay() {
    var rig = Rig.running(secondStop: "a program")
    rig.command(.stop(reason: "test"))
    rig.wait(milliseconds: 500)
    rig.plc {
      $0.permitObeyed = false
      $0.inputs = []
    }
    rig.wait(milliseconds: 3000)
    #expect(rig.secondStops == 0)
  }

  @Test func aPLCThatCannotBeReachedHasConfirmedNothing() {
    var rig = Rig.running(secondStop: "a program")
    rig.step(.plc(station: 0, .lost(.telegramFailed)))
    #expect(rig.line.deadline != nil)
    rig.wait(milliseconds: 1001)
    #expect(rig.secondStops == 1)
  }

  @Test func aSecondWayThatFailsIsAHighestLatchedAlarm() {
    var rig = Rig.running(secondStop: "a program")
    rig.command(.stop(reason: "test"))
    rig.wait(milliseconds: 1001)
    rig.step(.secondStopEnded(failure: "it ended with exit code 3"))
    let alarm = rig.alarm(.secondStopFailed)
    #expect(alarm?.kind.priority == .highest && alarm?.kind.latches == true)
    #expect(alarm?.message.contains("exit code 3") == true)
  }

  @Test func withoutASecondWayNoneIsTaken() {
    var rig = Rig.running()
    rig.command(.stop(reason: "test"))
    rig.wait(milliseconds: 3000)
    #expect(rig.secondStops == 0 && rig.alarm(.stopNotConfirmed) != nil)
  }
}
