internal import CLinux
internal import Configuration
internal import Control
internal import Glibc
internal import PLCLink

/// `linewardd --check-plc`: looks at each configured PLC and says what its programmer has to mend.
enum CheckPLC {
  /// Prints what was found; the exit status: 0 good, 1 something to mend, 69 a PLC that cannot be asked.
  static func run(_ configuration: Configuration) -> Int32 {
    guard !configuration.plcs.isEmpty else {
      print("there is no [[plc]] in the configuration")
      return 0
    }
    print("Registers are only read; that the host block can be written shows when the daemon runs.")
    if daemonAnswers(configuration.control.socket) {
      print(
        "A daemon answers at \(configuration.control.socket). A PLC that takes one connection only, "
          + "and a serial port, are its own until it is stopped.")
    }
    var mend = 0
    var unreachable = 0
    for (index, plc) in configuration.plcs.enumerated() {
      print("\(plc.name) (\(plc.address)):")
      let findings = PLCProbe.look(
        at: Links.plc(configuration, index, core: nil), over: PLCLink.Transport(plc.transport))
      for finding in findings {
        let whose = finding.station.map { "\(configuration.stations[Int($0)].name): " } ?? ""
        switch finding.kind {
        case .good: print("  ok    \(whose)\(finding.sentence)")
        case .remark: print("  note  \(whose)\(finding.sentence)")
        case .mend:
          mend += 1
          print("  MEND  \(whose)\(finding.sentence)")
        case .unreachable:
          unreachable += 1
          print("  FAIL  \(whose)\(finding.sentence)")
        }
      }
    }
    switch (unreachable, mend) {
    case (0, 0): print("Nothing to mend.")
    case (0, _): print("To mend: \(mend).")
    default: print("PLCs that could not be asked: \(unreachable); to mend: \(mend).")
    }
    return unreachable > 0 ? 69 : mend > 0 ? 1 : 0
  }

  /// Whether somebody takes connections at the control socket.
  private static func daemonAnswers(_ path: String) -> Bool {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let fits = withUnsafeMutableBytes(of: &address.sun_path) { room in
      guard path.utf8.count < room.count else { return false }
      room.copyBytes(from: path.utf8)
      return true
    }
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    guard fits, descriptor >= 0 else { return false }
    defer { close(descriptor) }
    return withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { general in
        connect(descriptor, general, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
      }
    }
  }
}
