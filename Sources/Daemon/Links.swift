internal import Configuration
internal import Glibc
internal import Line
internal import PLCLink

/// The PLC links of a configuration: one for each PLC on TCP, and one for each serial bus with all its PLCs.
struct Links: Sendable {
  let all: [PLCLink]
  /// For each `[[plc]]` its link, and its place among the PLCs of that.
  private let places: [(link: Int, plc: Int)]

  init(
    _ configuration: Configuration, core: LineController,
    loopTurns: @escaping @Sendable () -> UInt64, wake: @escaping @Sendable () -> Void
  ) {
    var settings: [PLCLink.Settings] = []
    var places: [(link: Int, plc: Int)] = []
    var buses: [String: Int] = [:]
    for (index, plc) in configuration.plcs.enumerated() {
      let one = Links.plc(configuration, index, core: core)
      switch plc.transport {
      case .tcp(let host, let port):
        places.append((settings.count, 0))
        settings.append(PLCLink.Settings(transport: .tcp(host: host, port: port), plcs: [one]))
      case .rtu(let serial):
        if let bus = buses[serial.device] {
          places.append((bus, settings[bus].plcs.count))
          settings[bus].plcs.append(one)
        } else {
          buses[serial.device] = settings.count
          places.append((settings.count, 0))
          settings.append(
            PLCLink.Settings(transport: .serial(PLCLink.SerialLine(serial)), plcs: [one]))
        }
      }
    }
    self.places = places
    all = settings.map { PLCLink($0, loopTurns: loopTurns, wake: wake) }
  }

  /// The link of a `[[plc]]`, and its place among the PLCs of that.
  func place(of plc: Int) -> (link: PLCLink, plc: Int) {
    (all[places[plc].link], places[plc].plc)
  }

  /// How the link to a `[[plc]]` is.
  func health(of plc: Int) -> PLCLink.Health {
    let place = place(of: plc)
    return place.link.health(of: place.plc)
  }

  /// A PLC as its link has to know it.
  static func plc(
    _ configuration: Configuration, _ index: Int, core: LineController?
  ) -> PLCLink.PLC {
    let plc = configuration.plcs[index]
    let stations = configuration.stations.indices.filter { configuration.stations[$0].plc == index }
    var coil: UInt16?
    if case .coil(index, let address, _)? = configuration.secondStop?.way { coil = address }
    return PLCLink.PLC(
      name: plc.name, unitID: plc.unitID, poll: Instant.Span(plc.poll),
      timeout: Instant.Span(plc.timeout),
      stations: stations.map { number in
        let station = configuration.stations[number]
        let resume = core?.resumePoint(station: number) ?? (0, 0)
        return PLCLink.Station(
          number: UInt16(number),
          blocks: BlockSession.Settings(
            hostBase: station.hostBase, plcBase: station.plcBase, slots: station.slots,
            heartbeat: Instant.Span(plc.heartbeat), lost: Instant.Span(plc.lost)),
          resumingAt: BlockSession.OutcomeMark(epoch: resume.0, sequence: resume.1))
      }, stopCoil: coil)
  }
}

extension PLCLink.SerialLine {
  init(_ serial: Configuration.PLC.Serial) {
    self.init(
      device: serial.device, baud: UInt32(serial.baud),
      parity: serial.parity == "even" ? .even : serial.parity == "odd" ? .odd : .none,
      stopBits: serial.stopBits,
      transceiver: serial.rs485 == "rts_high"
        ? .rtsHigh : serial.rs485 == "rts_low" ? .rtsLow : .adapter,
      rtsBefore: UInt32(serial.rtsBefore / .milliseconds(1)),
      rtsAfter: UInt32(serial.rtsAfter / .milliseconds(1)),
      byteTimeout: Instant.Span(serial.byteTimeout), silence: Instant.Span(serial.silence),
      echoes: serial.echoes)
  }
}

extension PLCLink.Transport {
  init(_ transport: Configuration.PLC.Transport) {
    switch transport {
    case .tcp(let host, let port): self = .tcp(host: host, port: port)
    case .rtu(let serial): self = .serial(PLCLink.SerialLine(serial))
    }
  }
}
