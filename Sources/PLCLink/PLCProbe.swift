internal import CLinux
internal import Glibc
internal import Line
internal import Threads

/// Looks at a PLC as its programmer would like to be told of it: reads only, over a connection of its own.
///
/// It writes nothing, so it cannot show that the host block can be written; and a heartbeat of the daemon that is not there
/// makes the PLC stand, as it must.
public enum PLCProbe {
  /// One thing that was found.
  public struct Finding: Sendable, Hashable {
    /// How it is meant.
    public enum Kind: Sendable, Hashable {
      /// As it should be.
      case good
      /// Worth knowing, and nothing to mend.
      case remark
      /// The PLC programmer has to mend it.
      case mend
      /// The PLC could not be asked.
      case unreachable
    }

    /// How it is meant.
    public var kind: Kind
    /// Index of the station in the line's list; nil: the PLC.
    public var station: UInt16?
    /// A sentence without its full stop.
    public var sentence: String
  }

  /// So many epochs, numbers and slots are named one by one.
  private static let namedMax = 4

  /// Looks at one PLC for as long as its heartbeat may stand, and half a second more.
  ///
  /// Blocks; ends within that, a connection's time-out and one telegram's.
  public static func look(at plc: PLCLink.PLC, over transport: PLCLink.Transport) -> [Finding] {
    var probe = Probe(plc)
    do throws(ModbusFailure) {
      var modbus = try connect(transport, plc)
      try probe.look(&modbus)
    } catch {
      probe.say(.unreachable, nil, error.text)
    }
    return probe.findings
  }

  private static func connect(
    _ transport: PLCLink.Transport, _ plc: PLCLink.PLC
  ) throws(ModbusFailure) -> Modbus {
    switch transport {
    case .serial(let line):
      let modbus = try Modbus(line, descriptorLimit: LinkWorker.descriptorLimit)
      return modbus
    case .tcp(let host, let port):
      let bell = Bell()
      let end = Instant.now + max(plc.timeout, .milliseconds(1000))
      var resolver = Resolver(host: host, port: port, bell: bell)
      while Instant.now < end {
        switch resolver.answer() {
        case .underway: bell.wait(.milliseconds(20)) { false }
        case .failed(let text): throw ModbusFailure(text: text)
        case .addresses(let addresses):
          var failure = ModbusFailure(text: "no address")
          for address in addresses {
            do throws(ModbusFailure) {
              return try connect(to: address, transport.place, plc, bell)
            } catch {
              failure = error
            }
          }
          throw failure
        }
      }
      throw ModbusFailure(text: "the name \(host) was not resolved in time")
    }
  }

  private static func connect(
    to address: clinux_tcp_address, _ place: String, _ plc: PLCLink.PLC, _ bell: Bell
  ) throws(ModbusFailure) -> Modbus {
    var address = address
    let descriptor = clinux_tcp_connect(&address, LinkWorker.descriptorLimit)
    guard descriptor >= 0 else {
      throw ModbusFailure(text: "connecting to \(place): \(ModbusFailure.words(descriptor))")
    }
    let ready = bell.wait(plc.timeout, other: descriptor, events: Int16(POLLOUT)) { false }
    let code = ready == 0 ? -ETIMEDOUT : clinux_tcp_connected(descriptor)
    guard code == 0 else {
      close(descriptor)
      throw ModbusFailure(text: "connecting to \(place): \(ModbusFailure.words(code))")
    }
    return try Modbus(descriptor: descriptor, unitID: plc.unitID, timeout: plc.timeout)
  }

  /// One look under way.
  private struct Probe {
    let plc: PLCLink.PLC
    var findings: [Finding] = []
    var times = ResponseTimes()
    var telegrams = 0

    init(_ plc: PLCLink.PLC) { self.plc = plc }

    mutating func say(_ kind: Finding.Kind, _ station: UInt16?, _ sentence: String) {
      findings.append(Finding(kind: kind, station: station, sentence: sentence))
    }

    mutating func read(
      _ what: RegisterRead, _ modbus: inout Modbus
    ) throws(ModbusFailure) -> [UInt16] {
      let begun = Instant.now
      let words = try modbus.read(what, unitID: plc.unitID, timeout: plc.timeout)
      times.add(Instant.now - begun)
      telegrams += 1
      return words
    }

    /// A whole block; nil where the PLC refuses part of it, which is said.
    mutating func readBlock(
      _ name: String, _ base: Int, _ count: Int, _ station: UInt16, _ modbus: inout Modbus
    ) throws(ModbusFailure) -> [UInt16]? {
      var words: [UInt16] = []
      while words.count < count {
        let part = RegisterRead(
          address: base + words.count, count: min(count - words.count, RegisterMap.readMax))
        do throws(ModbusFailure) {
          words += try read(part, &modbus)
        } catch {
          guard error.isException else { throw error }
          say(
            .mend, station,
            "the \(name), holding registers \(base) to \(base + count - 1), cannot be read: "
              + "\(error.text); make them all readable and, for the host block, writable")
          return nil
        }
      }
      return words
    }

    mutating func look(_ modbus: inout Modbus) throws(ModbusFailure) {
      if let coil = plc.stopCoil {
        do throws(ModbusFailure) {
          let value = try modbus.readCoil(coil, unitID: plc.unitID, timeout: plc.timeout)
          say(.good, nil, "the coil \(coil) of the second way to stop is \(value ? 1 : 0)")
        } catch {
          guard error.isException else { throw error }
          say(.mend, nil, "the coil \(coil) of the second way to stop: \(error.text)")
        }
      }
      for station in plc.stations { try look(station, &modbus) }
      func text(_ time: Instant.Span) -> String {
        "\(time.nanoseconds / 1_000_000).\(time.nanoseconds / 100_000 % 10)"
      }
      say(
        .good, nil,
        "\(telegrams) telegrams, answered within \(text(times.within(permille: 500))) ms (half), "
          + "\(text(times.within(permille: 990))) ms (99 of 100), "
          + "\(text(times.within(permille: 1000))) ms (all)")
    }

    mutating func look(
      _ station: PLCLink.Station, _ modbus: inout Modbus
    ) throws(ModbusFailure) {
      let blocks = station.blocks
      let count = blocks.hostBlock.count
      let host = try readBlock("host block", blocks.hostBase, count, station.number, &modbus)
      guard
        let first = try readBlock("PLC block", blocks.plcBase, count, station.number, &modbus)
      else { return }
      let base = blocks.plcBase
      guard first[RegisterMap.PLC.version] == RegisterMap.version else {
        say(
          .mend, station.number,
          "register \(base) holds \(first[0]) and not map version 1; either the PLC program has "
            + "another map, or plc_base is wrong: addresses are zero-based, so 40001 is 0")
        return
      }
      say(.good, station.number, "map version 1")
      try watch(station, first, &modbus)
      look(at: first, host, station)
    }

    /// Polls as long as the heartbeat may stand.
    mutating func watch(
      _ station: PLCLink.Station, _ first: [UInt16], _ modbus: inout Modbus
    ) throws(ModbusFailure) {
      let blocks = station.blocks
      let begun = Instant.now
      let end = begun + blocks.lost + .milliseconds(500)
      var beat = first[RegisterMap.PLC.heartbeat]
      var epoch = first[RegisterMap.PLC.epoch]
      var changedAt = begun
      var longest = Instant.Span.zero
      var beats = 0
      var epochs = 0
      let pause = Bell()
      while Instant.now < end {
        pause.wait(plc.poll) { false }
        let header = try read(blocks.plcHeader, &modbus)
        let now = Instant.now
        if header[RegisterMap.PLC.heartbeat] != beat {
          beat = header[RegisterMap.PLC.heartbeat]
          longest = max(longest, now - changedAt)
          changedAt = now
          beats += 1
        }
        if header[RegisterMap.PLC.epoch] != epoch {
          epoch = header[RegisterMap.PLC.epoch]
          epochs += 1
        }
      }
      longest = max(longest, Instant.now - changedAt)
      let place = "register \(blocks.plcBase + RegisterMap.PLC.heartbeat)"
      let milliseconds = longest.nanoseconds / 1_000_000
      if beats == 0 || longest >= blocks.lost {
        say(
          .mend, station.number,
          "the heartbeat in \(place) stood for \(milliseconds) ms; write another value in every "
            + "cycle, at the latest after lost_ms, \(blocks.lost.nanoseconds / 1_000_000) ms")
      } else if longest.nanoseconds * 2 >= blocks.lost.nanoseconds {
        say(
          .mend, station.number,
          "the heartbeat in \(place) stood for up to \(milliseconds) ms, more than half of lost_ms; "
            + "move it faster, or make lost_ms longer")
      } else {
        say(.good, station.number, "the heartbeat moves, at the latest after \(milliseconds) ms")
      }
      if epochs > 0 {
        say(
          .mend, station.number,
          "the epoch in register \(blocks.plcBase + RegisterMap.PLC.epoch) changed \(epochs) times "
            + "in this while; it changes only when the PLC starts")
      }
    }

    mutating func look(at plc: [UInt16], _ host: [UInt16]?, _ station: PLCLink.Station) {
      let number = station.number
      let base = station.blocks.plcBase
      let slots = station.blocks.slots
      let epoch = plc[RegisterMap.PLC.epoch]
      if epoch == 0 {
        say(
          .mend, number,
          "the epoch in register \(base + 9) is 0; choose another one from 1 to 65535 at each start"
        )
      } else {
        say(.good, number, "epoch \(epoch)")
      }
      for (offset, name) in [
        (RegisterMap.PLC.lastUnit, "last unit"),
        (RegisterMap.PLC.verdictTaken, "last verdict taken"),
        (RegisterMap.PLC.outcomeWritten, "last outcome written"),
      ] where plc[offset] > Counter.max {
        say(
          .mend, number,
          "the \(name) in register \(base + offset) is \(plc[offset]); numbers go from 1 to "
            + "\(Counter.max) and then to 1 again")
      }
      if plc[RegisterMap.PLC.permitObeyed] > 1 {
        say(
          .mend, number,
          "register \(base + 3) is \(plc[RegisterMap.PLC.permitObeyed]); it is 1 when the line may "
            + "run as the PLC obeys it, otherwise 0")
      }
      if !plc[10..<16].allSatisfy({ $0 == 0 }) {
        say(.mend, number, "registers \(base + 10) to \(base + 15) are kept for later and hold 0")
      }
      inputs(plc[RegisterMap.PLC.inputs], base, number)
      outcomes(plc, host, station, slots: slots, epoch: epoch)
      guard let host else { return }
      if host == plc, plc.contains(where: { $0 != 0 }) {
        say(
          .mend, number,
          "both blocks hold the same: the PLC maps them to one area, and each would overwrite the other"
        )
      }
      if host[RegisterMap.Host.epoch] == epoch, host[RegisterMap.Host.version] == 1 {
        say(.good, number, "a daemon has spoken to the PLC in this epoch")
      } else {
        say(
          .remark, number,
          "no daemon has spoken to the PLC in this epoch, so it has to stand and take no verdicts")
        if plc[RegisterMap.PLC.permitObeyed] == 1 {
          say(
            .mend, number,
            "register \(base + 3) says that the line may run, though host register "
              + "\(station.blocks.hostBase + 9) is not the PLC's epoch; that has to be a stop")
        }
      }
    }

    mutating func inputs(_ word: UInt16, _ base: Int, _ station: UInt16) {
      let bits = PLCSnapshot.Inputs(rawValue: word)
      var names: [String] = []
      if bits.contains(.rejectBinFull) { names.append("reject bin full") }
      if bits.contains(.guardOrEmergencyStop) { names.append("guard open or emergency stop") }
      if bits.contains(.airPressureLow) { names.append("reject air pressure low") }
      if bits.contains(.conveyorMoving) { names.append("conveyor moving") }
      say(
        .good, station, "input bits: \(names.isEmpty ? "none set" : names.joined(separator: ", "))")
      if word > 15 {
        say(.mend, station, "register \(base + 6) has bits set beyond bit 3, which mean nothing")
      }
    }

    /// The outcomes that wait to be recorded have to stand in their slots with a right check.
    mutating func outcomes(
      _ plc: [UInt16], _ host: [UInt16]?, _ station: PLCLink.Station, slots: Int, epoch: UInt16
    ) {
      let written = plc[RegisterMap.PLC.outcomeWritten]
      guard let host, host[RegisterMap.Host.epoch] == epoch, written <= Counter.max,
        let waiting = Counter.steps(from: host[RegisterMap.Host.outcomeRecorded], to: written)
      else { return }
      guard waiting <= slots - 1 else {
        say(
          .mend, station.number,
          "outcome \(written) is \(waiting) ahead of the last recorded one; the ring has \(slots) "
            + "slots, and none may be overwritten that host register "
            + "\(station.blocks.hostBase + 8) has not reached")
        return
      }
      var wrong: [UInt16] = []
      var sequence = host[RegisterMap.Host.outcomeRecorded]
      for _ in 0..<waiting {
        sequence = Counter.next(after: sequence)
        let offset =
          RegisterMap.ringOffset + RegisterMap.slotCount * (Int(sequence) % slots)
        if RingSlot(plc, at: offset, expecting: sequence, epoch: epoch) == nil {
          wrong.append(sequence)
        }
      }
      guard !wrong.isEmpty else {
        say(.good, station.number, "\(waiting) outcomes wait, all with a right check")
        return
      }
      let named = wrong.prefix(PLCProbe.namedMax).map { String($0) }.joined(separator: ", ")
      say(
        .mend, station.number,
        "\(wrong.count) outcomes are called written and do not stand in their slots with a right "
          + "check (\(named)): check = 3·sequence + 5·unit + 7·outcome + epoch + 42405 (hexadecimal "
          + "A5A5), modulo 65536, in slot sequence mod \(slots), written before register "
          + "\(station.blocks.plcBase + 8)")
    }
  }
}
