internal import Containment
internal import Glibc

extension Configuration {
  /// What a reload cannot change, and this configuration has otherwise than the one that runs.
  ///
  /// Each entry is a table as an error names it: `[storage]`, or `[[station]] "unit-1"`.
  public func needsRestart(from running: Configuration) -> [String] {
    var tables: [String] = []
    if line != running.line { tables.append("[line]") }
    if storage != running.storage { tables.append("[storage]") }
    if control != running.control { tables.append("[control]") }
    if web != running.web { tables.append("[web]") }
    if secondStop != running.secondStop { tables.append("[second_stop]") }
    tables += differences(
      "scanner", scanners.map(\.withoutOthers), running.scanners.map(\.withoutOthers), name: \.name)
    tables += differences("plc", plcs, running.plcs, name: \.name)
    tables += differences(
      "station", stations.map(\.withoutTimes), running.stations.map(\.withoutTimes), name: \.name)
    if printFeed?.transport != running.printFeed?.transport { tables.append("[print_feed]") }
    return tables
  }

  /// What can be used as it stands, but hardly as it was meant; a sentence each.
  public var remarks: [String] {
    var remarks: [String] = []
    if stations.isEmpty {
      remarks.append("there is no [[station]]: nothing is read, and the line cannot be released")
    }
    for (index, scanner) in scanners.enumerated()
    where !stations.contains(where: { $0.scanners.contains(index) }) {
      remarks.append("no [[station]] uses scanner \(Key.quoted(scanner.name))")
    }
    for (index, plc) in plcs.enumerated()
    where !stations.contains(where: { $0.plc == index }) && !isSecondStop(plc: index) {
      remarks.append("no [[station]] uses PLC \(Key.quoted(plc.name))")
    }
    for scanner in scanners {
      guard case .path(let path)? = scanner.device, !path.utf8.contains(UInt8(ascii: "/")) else {
        continue
      }
      remarks.append(
        "scanner \(Key.quoted(scanner.name)): the device \(Key.quoted(path)) is no path; "
          + "it would be e.g. /dev/ttyACM0")
    }
    for station in stations {
      for (key, base) in [("host_base", station.hostBase), ("plc_base", station.plcBase)]
      where (40_001...49_999).contains(base) {
        remarks.append(
          "station \(Key.quoted(station.name)): \(key) counts from zero, so what a manual calls "
            + "\(base) is \(base - 40_001) here")
      }
    }
    return remarks
  }

  /// What hinders messages to contacts, a sentence each; asks the machine whether their programs are there.
  public var contactRemarks: [String] {
    var remarks: [String] = []
    if containment.playbook.signatures.isEmpty {
      remarks.append(
        "containment.signatures is empty: a case is closed, and the line released after it, without anybody's signature"
      )
    }
    guard !contacts.isEmpty else {
      return remarks + [
        "there is no [[contact]]: of a containment case nobody is told but by the journal and by who sees the line"
      ]
    }
    for role in Playbook.threeContacts
    where !contacts.contains(where: { $0.role == role && $0.from == .open }) {
      remarks.append(
        "no [[contact]] has the role \(Key.quoted(role)) and from = \"open\": that role has to be reached by telephone"
      )
    }
    var programs: [(path: String, what: String)] = []
    if contacts.contains(where: { $0.mail != nil }) {
      programs.append((alerting.sendmail, "containment.sendmail"))
    }
    if contacts.contains(where: { $0.webhook != nil }) {
      programs.append((alerting.curl, "containment.curl"))
    }
    for contact in contacts {
      if let path = contact.command.first {
        programs.append((path, "contact \(Key.quoted(contact.name))"))
      }
      if contact.command.isEmpty, contact.mail == nil, contact.webhook == nil {
        remarks.append(
          "contact \(Key.quoted(contact.name)) has neither command nor mail nor webhook: it is told in the journal only"
        )
      }
    }
    remarks += programs.filter { !Configuration.isProgram($0.path) }.map {
      "\($0.what): \(Key.quoted($0.path)) is not there, or cannot be run by whoever asks here"
    }
    return remarks
  }

  /// Signatures that nobody could give, a sentence each: who finds that out in the night has a line that stays stopped.
  public var signatureRemarks: [String] {
    let people = [
      "operator": roles.operator, "supervisor": roles.supervisor, "quality": roles.quality,
      "maintenance": roles.maintenance,
    ]
    func isNobody(_ role: String) -> Bool { people[role]?.isEmpty ?? true }
    var remarks = containment.playbook.signatures.filter(isNobody).map {
      "nobody has the role \(Key.quoted($0)) (roles.\($0)), which signs each containment case: none could be closed"
    }
    if !signatures.release.isEmpty, signatures.release.allSatisfy(isNobody) {
      remarks.append(
        "nobody has a role that signs a release (signatures.release): the line could not be released"
      )
    }
    return remarks
  }

  private static func isProgram(_ path: String) -> Bool {
    var information = stat()
    return stat(path, &information) == 0 && information.st_mode & S_IFMT == S_IFREG
      && access(path, X_OK) == 0
  }

  private func isSecondStop(plc index: Int) -> Bool {
    if case .coil(index, _, _) = secondStop?.way { return true }
    return false
  }

  /// Tables by their place: scanners and stations are known by number in records and rings, so another order is a change.
  private func differences<Table: Hashable>(
    _ kind: String, _ new: [Table], _ running: [Table], name: (Table) -> String
  ) -> [String] {
    (0..<max(new.count, running.count)).compactMap { index in
      let pair = (new.dropFirst(index).first, running.dropFirst(index).first)
      guard pair.0 != pair.1, let table = pair.0 ?? pair.1 else { return nil }
      return "[[\(kind)]] \(Key.quoted(name(table)))"
    }
  }
}

extension Configuration.Scanner {
  /// Without the layouts that are only known besides: a new file beside them changes nothing that runs.
  fileprivate var withoutOthers: Configuration.Scanner {
    var scanner = self
    if case .keyboard(let layout, _, let separatorIsF8) = transport {
      scanner.transport = .keyboard(layout: layout, others: [], separatorIsF8: separatorIsF8)
    }
    return scanner
  }
}

extension Configuration.Station {
  /// Without what a reload changes.
  fileprivate var withoutTimes: Configuration.Station {
    var station = self
    station.readTimeout = .zero
    station.earlyRead = .zero
    station.quiet = .zero
    station.silentIsDoubt = false
    station.verdictDeadline = nil
    return station
  }
}
