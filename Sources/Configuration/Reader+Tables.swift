internal import Alarms
internal import Containment

/// From tables to a configuration: what each table says, then what holds across tables.
///
/// One mistake is one problem: a table with a mistake in it still counts as there, so that nothing that
/// names it is called wrong too.
extension Reader {
  mutating func configuration() -> Configuration? {
    let line = text(only("line"), "line.id")
    let directory = text(only("storage"), "storage.directory")
    let minFree = number(only("storage"), "storage.min_free_mb")
    let heads = heads(only("storage"))
    let socket = text(only("control"), "control.socket")
    let authSocket = text(only("control"), "control.auth_socket")
    let web = web(only("web"))
    let roles = roles(only("roles"))
    let signatures = signatures(only("signatures"))
    let scanners = all("scanner").map { scanner($0) }
    let plcs = all("plc").map { plc($0) }
    let stations = all("station").map { station($0) }
    let contacts = all("contact").map { contact($0) }
    let alerting = alerting(only("containment"))
    for table in ["scanner", "plc", "station", "contact"] { unique(table, "name") }
    unique("scanner", "device")
    matches(scanners)
    unique("scanner", "listen")
    scannersOfOneStation()
    buses(plcs)
    blocks(of: stations, plcs)
    let grade = number(only("verification"), "verification.minimum_grade")
    let order = text(only("verification"), "verification.order")
    let window = number(only("verification"), "verification.order_window")
    let feed = printFeed(only("print_feed"), order: order)
    let limits = limits(only("limits"))
    let challenge = challenge(only("challenge"))
    let secondStop = secondStop(only("second_stop"))
    let containment = containment(only("containment"))
    guard let line, let directory, let minFree, let heads, let socket, let authSocket, let web,
      let roles, let signatures, let grade,
      let order, let window, let feed, let limits, let challenge, let containment,
      let alerting
    else {
      return nil
    }
    var configuration = Configuration(
      line: .init(id: line),
      storage: .init(
        directory: directory, minFree: Int64(minFree) * 1_000_000, headsFile: heads.file,
        headsCommand: heads.command, headsTimeout: heads.timeout),
      control: .init(socket: socket, authSocket: authSocket), web: web,
      roles: roles, signatures: signatures, scanners: scanners.compactMap(\.self),
      plcs: plcs.compactMap(\.self),
      stations: stations.compactMap(\.self), minimumGradeTenths: grade,
      orderWindow: order == "printed" ? window : nil, printFeed: feed, limits: limits,
      challenge: challenge, secondStop: secondStop, containment: containment,
      contacts: contacts.compactMap(\.self), alerting: alerting)
    configuration.containment.playbook.contacts = configuration.contactRoles
    configuration.containment.playbook.needsAnswers = !configuration.contacts.isEmpty
    return configuration
  }

  // MARK: One table

  private mutating func containment(_ table: Table) -> Configuration.Containment? {
    let minutes = number(table, "containment.duration_minutes")
    let opensOn = texts(table, "containment.opens_on")
    let words = AlarmKind.allCases.map(\.word)
    for entry in table.lists["opens_on"] ?? [] {
      guard case .string(let text) = entry.content, !words.contains(text) else { continue }
      fail(
        "containment.opens_on", entry, "\(Key.quoted(text)) is no alarm; docs/alarms.md has them")
    }
    let signatures = texts(table, "containment.signatures")
    let roles = ["operator", "supervisor", "quality", "maintenance"]
    for entry in table.lists["signatures"] ?? [] {
      guard case .string(let text) = entry.content, !roles.contains(text) else { continue }
      fail(
        "containment.signatures", entry,
        "\(Key.quoted(text)) is no role; it has to be \(Key.either(roles.map(Key.quoted)))")
    }
    let path = text(table, "containment.playbook")
    guard let minutes, let opensOn, let signatures, let path else { return nil }
    var playbook = Playbook(durationMinutes: minutes, signatures: signatures)
    playbook.steps = Playbook.fiveSteps.map { step in
      var step = step
      step.deadlineMinutes = max(1, step.deadlineMinutes * minutes / 60)
      return step
    }
    if !path.isEmpty {
      do throws(ConfigurationProblems) {
        playbook.steps = try PlaybookFile.load(path: path, durationMinutes: minutes)
      } catch {
        for problem in error.problems { fail(problem) }
        return nil
      }
    }
    return Configuration.Containment(
      opensOn: AlarmKind.allCases.filter { opensOn.contains($0.word) }, playbook: playbook)
  }

  /// What stands in `[web]`; nil after a problem, nil in it where there is no web view.
  private mutating func web(_ table: Table) -> Configuration.Web?? {
    guard let listen = text(table, "web.listen") else { return nil }
    if listen.isEmpty { return .some(nil) }
    if listen.hasPrefix("unix:") {
      let path = String(listen.dropFirst(5))
      if path.hasPrefix("/"), path.utf8.count <= 107 { return .unix(path: path) }
    } else if let colon = listen.lastIndex(of: ":"),
      let port = UInt16(listen[listen.index(after: colon)...]), port > 0
    {
      var address = listen[..<colon]
      let isBracketed = address.first == "[" && address.last == "]"
      if isBracketed { address = address.dropFirst().dropLast() }
      if isInDigits(String(address)), isBracketed == address.contains(":") {
        if address == "::1" || isLoopback(address) {
          return .tcp(address: String(address), port: port)
        }
        fail(
          "web.listen", line: table.line(of: "listen"),
          "\(Key.quoted(listen)) is not this machine alone, and the web view has no password; write \"127.0.0.1:\(port)\" "
            + "and put a proxy with one before it")
        return nil
      }
    }
    fail(
      "web.listen", line: table.line(of: "listen"),
      "\(Key.quoted(listen)) names no place to listen; write e.g. \"127.0.0.1:8780\", \"[::1]:8780\", or "
        + "\"unix:/run/lineward-web/web.sock\" with a whole path of at most 107 bytes")
    return nil
  }

  /// Whether an IPv4 address in digits is one of 127.0.0.0/8.
  private func isLoopback(_ address: Substring) -> Bool {
    let parts = address.split(separator: ".", omittingEmptySubsequences: false)
    return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
  }

  private mutating func challenge(_ table: Table) -> Configuration.Challenge? {
    let packs = texts(table, "challenge.packs")
    for entry in table.lists["packs"] ?? [] {
      guard case .string(let text) = entry.content,
        !Configuration.Challenge.words.contains(text)
      else { continue }
      fail(
        "challenge.packs", entry,
        "\(Key.quoted(text)) has to be "
          + Key.either(Configuration.Challenge.words.map(Key.quoted)))
    }
    if let packs, packs.isEmpty || Set(packs).count < packs.count {
      fail(
        "challenge.packs", line: table.line(of: "packs"),
        "each pack has to stand once, and there has to be one")
    }
    let hours = number(table, "challenge.every_hours")
    let afterStart = flag(table, "challenge.after_batch_start")
    let minutes = number(table, "challenge.timeout_minutes")
    guard let packs, let hours, let afterStart, let minutes else { return nil }
    return Configuration.Challenge(
      packs: packs, everyHours: hours, afterBatchStart: afterStart,
      timeout: .seconds(minutes * 60))
  }

  private mutating func heads(
    _ table: Table
  ) -> (file: String?, command: [String], timeout: Duration)? {
    let file = text(table, "storage.heads_file")
    let command = texts(table, "storage.heads_command")
    let timeout = duration(table, "storage.heads_timeout_ms")
    for (key, path) in [("heads_file", file), ("heads_command", command?.first)] {
      guard let path, !path.isEmpty || key == "heads_command", !path.hasPrefix("/") else {
        continue
      }
      fail(
        "storage.\(key)", line: table.line(of: key),
        "\(Key.quoted(path)) has to be a whole path, from / on")
    }
    guard let file, let command, let timeout else { return nil }
    return (file.isEmpty ? nil : file, command, timeout)
  }

  private mutating func roles(_ table: Table) -> Configuration.Roles? {
    var roles: [String: [String]] = [:]
    for name in ["operator", "supervisor", "quality", "maintenance", "shared"] {
      roles[name] = texts(table, "roles.\(name)")
      for entry in table.lists[name] ?? [] {
        guard case .string(let text) = entry.content, !isMember(text) else { continue }
        fail(
          "roles.\(name)", entry,
          "\(Key.quoted(text)) has to be \"group:NAME\" or \"user:NAME\"")
      }
    }
    guard let `operator` = roles["operator"], let supervisor = roles["supervisor"],
      let quality = roles["quality"], let maintenance = roles["maintenance"],
      let shared = roles["shared"]
    else { return nil }
    return Configuration.Roles(
      operator: `operator`, supervisor: supervisor, quality: quality, maintenance: maintenance,
      shared: shared)
  }

  private mutating func signatures(_ table: Table) -> Configuration.Signatures? {
    let closeUnbalanced = flag(table, "signatures.close_unbalanced")
    let release = texts(table, "signatures.release")
    for entry in table.lists["release"] ?? [] {
      guard case .string(let text) = entry.content, !Configuration.Roles.words.contains(text) else {
        continue
      }
      fail(
        "signatures.release", entry,
        "\(Key.quoted(text)) has to be \(Key.either(Configuration.Roles.words.map(Key.quoted)))")
    }
    guard let closeUnbalanced, let release,
      let tries = number(table, "signatures.tries"),
      let lockMinutes = number(table, "signatures.lock_minutes")
    else { return nil }
    return Configuration.Signatures(
      closeUnbalanced: closeUnbalanced, release: release, tries: tries, lockMinutes: lockMinutes)
  }

  private func isMember(_ text: String) -> Bool {
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2, ["group", "user"].contains(parts[0]) else { return false }
    // Names out of a directory may have blanks; these two only come from several names in one text.
    return !parts[1].isEmpty
      && !parts[1].unicodeScalars.contains { $0.isControl || $0 == ":" || $0 == "," }
  }

  private mutating func plc(_ table: Table) -> Configuration.PLC? {
    let name = text(table, "plc.name")
    let transport = transport(table)
    let unitID = number(table, "plc.unit_id")
    let poll = duration(table, "plc.poll_ms")
    let heartbeat = duration(table, "plc.heartbeat_ms")
    let timeout = duration(table, "plc.timeout_ms")
    let lost = duration(table, "plc.lost_ms")
    if let poll, let lost, lost <= poll {
      fail(
        "plc.lost_ms", line: table.line(of: "lost_ms"),
        "this has to be longer than poll_ms: the PLC's heartbeat is seen once a poll")
    }
    let packML = text(table, "plc.packml")
    if case .rtu(let serial)? = transport {
      if let unitID, !(1...247).contains(unitID) {
        fail(
          "plc.unit_id", line: table.line(of: "unit_id"),
          "\(unitID) is no unit on a serial line; it has to be a whole number from 1 to 247")
      }
      if let timeout, timeout <= serial.longestTelegram {
        fail(
          "plc.timeout_ms", line: table.line(of: "timeout_ms"),
          "the longest telegram alone takes \(Int(serial.longestTelegram / .milliseconds(1)) + 1) ms at "
            + "\(serial.baud) Bd; this has to be longer")
      }
    }
    guard let name, let transport, let unitID, let poll, let heartbeat, let timeout, let lost,
      let packML
    else { return nil }
    return Configuration.PLC(
      name: name, transport: transport, unitID: UInt8(unitID), poll: poll,
      heartbeat: heartbeat, timeout: timeout, lost: lost, packML: packML)
  }

  private mutating func transport(_ table: Table) -> Configuration.PLC.Transport? {
    let transport = text(table, "plc.transport")
    let host = text(table, "plc.host")
    if let host, !isHost(host) {
      fail(
        "plc.host", line: table.line(of: "host"),
        "\(Key.quoted(host)) is no address and no name; write it alone, without scheme and port")
    }
    let port = number(table, "plc.port")
    let device = text(table, "plc.device")
    let baud = number(table, "plc.baud")
    let parity = text(table, "plc.parity")
    let stopBits = number(table, "plc.stop_bits")
    let rs485 = text(table, "plc.rs485")
    let rtsBefore = duration(table, "plc.rts_before_ms")
    let rtsAfter = duration(table, "plc.rts_after_ms")
    let byteTimeout = duration(table, "plc.byte_timeout_ms")
    let silence = number(table, "plc.silence_us")
    let echoes = flag(table, "plc.echo")
    if transport == "tcp", table.values["host"] == nil {
      fail(
        "plc.host", line: table.line, "this key is missing; write e.g. host = \"192.0.2.10\"")
    }
    if transport == "rtu", device == "" {
      fail(
        "plc.device", line: table.line(of: "device"),
        "\"rtu\" needs a serial port; write e.g. device = \"/dev/serial/by-id/…\"")
    }
    guard let transport, let port, let device, let baud, let parity, let stopBits, let rs485,
      let rtsBefore, let rtsAfter, let byteTimeout, let silence, let echoes
    else { return nil }
    guard transport == "rtu" else {
      return host.map { .tcp(host: $0, port: UInt16(port)) }
    }
    return .rtu(
      Configuration.PLC.Serial(
        device: device, baud: baud, parity: parity, stopBits: stopBits, rs485: rs485,
        rtsBefore: rtsBefore, rtsAfter: rtsAfter, byteTimeout: byteTimeout,
        silence: .microseconds(silence), echoes: echoes))
  }

  private mutating func secondStop(_ table: Table) -> Configuration.SecondStop? {
    let way = text(table, "second_stop.way")
    let plcName = text(table, "second_stop.plc")
    let coil = number(table, "second_stop.coil")
    let value = flag(table, "second_stop.coil_value")
    let command = texts(table, "second_stop.command")
    let timeout = duration(table, "second_stop.timeout_ms")
    guard let way, let plcName, let coil, let value, let command, let timeout else { return nil }
    switch way {
    case "coil":
      let names = all("plc").map(\.name)
      guard let plc = names.firstIndex(of: plcName) else {
        fail(
          "second_stop.plc", line: table.line(of: "plc"),
          "there is no [[plc]] with the name \(Key.quoted(plcName)); \"coil\" needs one")
        return nil
      }
      return Configuration.SecondStop(
        way: .coil(plc: plc, address: UInt16(coil), value: value), timeout: timeout)
    case "command":
      guard command.first?.hasPrefix("/") == true else {
        fail(
          "second_stop.command", line: table.line(of: "command"),
          "this has to begin with a program's absolute path, e.g. [\"/usr/local/bin/stop-line\"]")
        return nil
      }
      return Configuration.SecondStop(way: .command(command), timeout: timeout)
    default: return nil
    }
  }

  /// Whether it can be an address or a name: one colon is a port, more are IPv6.
  private func isHost(_ text: String) -> Bool {
    let colons = text.utf8.count { $0 == UInt8(ascii: ":") }
    return colons != 1 && !text.unicodeScalars.contains { $0 == "/" || $0 == " " }
  }

  private mutating func station(_ table: Table) -> Configuration.Station? {
    let name = text(table, "station.name")
    check(table, "station.kind")
    let scannerNames = texts(table, "station.scanner")
    let plcName = text(table, "station.plc")
    let scanners = scannerNames?.compactMap { index(of: $0, among: "scanner", table) }
    if scannerNames?.isEmpty == true {
      fail(
        "station.scanner", line: table.line(of: "scanner"),
        "the list is empty; a station has at least one scanner")
    }
    let plc = plcName.flatMap { index(of: $0, among: "plc", table) }
    let hostBase = number(table, "station.host_base")
    let plcBase = number(table, "station.plc_base")
    let slots = number(table, "station.slots")
    let tracking = text(table, "station.tracking")
    let readTimeout = duration(table, "station.read_timeout_ms")
    let earlyRead = duration(table, "station.early_read_ms")
    let quiet = duration(table, "station.quiet_ms")
    let silentIs = text(table, "station.silent_is")
    let verdictDeadline = duration(table, "station.verdict_deadline_ms")
    let gateOutcomes = flag(table, "station.gate_outcomes")
    if tracking == "none", gateOutcomes == true {
      fail(
        "station.tracking", line: table.line(of: "tracking"),
        "\"none\" is only for stations without a gate; write gate_outcomes = false with it")
    }
    // Triggers are further apart than the two together, so a shorter quiet comes between any two packs of a running
    // line and proves nothing.
    if let quiet, let readTimeout, let earlyRead, quiet <= readTimeout + earlyRead {
      fail(
        "station.quiet_ms", line: table.line(of: "quiet_ms"),
        "this has to be longer than read_timeout_ms and early_read_ms together, "
          + "\((readTimeout + earlyRead) / .milliseconds(1)) ms")
    }
    for (key, base) in [("host_base", hostBase), ("plc_base", plcBase)] {
      guard let base, let slots, base + 16 + 4 * slots > 65_536 else { continue }
      fail(
        "station.\(key)", line: table.line(of: key),
        "the block of \(16 + 4 * slots) registers from \(base) goes beyond register 65535")
    }
    guard let name, let scanners, let plc, let hostBase, let plcBase, let slots, let tracking,
      let readTimeout, let earlyRead, let quiet, let silentIs, let gateOutcomes,
      let verdictDeadline
    else { return nil }
    return Configuration.Station(
      name: name, scanners: scanners, plc: plc, hostBase: hostBase, plcBase: plcBase,
      slots: slots, tracksTriggers: tracking == "trigger", readTimeout: readTimeout,
      earlyRead: earlyRead, quiet: quiet, silentIsDoubt: silentIs == "doubt",
      verdictDeadline: verdictDeadline == .zero ? nil : verdictDeadline, gateOutcomes: gateOutcomes)
  }

  /// The place of a named scanner or PLC; nil after a problem.
  private mutating func index(of name: String, among kind: String, _ station: Table) -> Int? {
    let names = all(kind).map(\.name)
    if let index = names.firstIndex(of: name) { return index }
    // One without a name is wrong already, and may be the one that is meant.
    guard !names.contains(nil) else { return nil }
    let known = names.compactMap(\.self).map(Key.quoted).joined(separator: ", ")
    fail(
      "station.\(kind)", line: station.line(of: kind),
      "there is no [[\(kind)]] with the name \(Key.quoted(name))"
        + (known.isEmpty ? "" : "; there is \(known)"))
    return nil
  }

  /// What stands in `[print_feed]`; nil after a problem, nil in it where there is no feed.
  private mutating func printFeed(_ table: Table, order: String?) -> Configuration.PrintFeed?? {
    let transport = text(table, "print_feed.transport")
    let path = text(table, "print_feed.path")
    let address = text(table, "print_feed.listen")
    let port = number(table, "print_feed.port")
    let device = text(table, "print_feed.device")
    let baud = number(table, "print_feed.baud")
    let stall = duration(table, "print_feed.stall_ms")
    let lowMark = number(table, "print_feed.low_mark")
    if let address, !isInDigits(address) {
      fail(
        "print_feed.listen", line: table.line(of: "listen"),
        "\(Key.quoted(address)) is no address in digits; write e.g. \"127.0.0.1\", or \"::\" for all"
      )
    }
    if transport == "serial", device == "" {
      fail(
        "print_feed.device", line: table.line(of: "device"),
        "a serial line needs its device; write e.g. device = \"/dev/ttyS0\"")
    }
    if let transport, transport != "none", order == "any" {
      fail(
        "print_feed.transport", line: table.line(of: "transport"),
        "the feed is without effect while verification.order is \"any\"; write order = \"printed\" "
          + "in [verification], or leave this table out")
    }
    guard let transport, let path, let address, let port, let device, let baud, let stall,
      let lowMark
    else { return nil }
    let way: Configuration.PrintFeed.Transport
    switch transport {
    case "unix": way = .unix(path: path)
    case "tcp": way = .tcp(address: address, port: UInt16(port))
    case "serial": way = .serial(device: device, baud: baud)
    default: return .some(nil)
    }
    return Configuration.PrintFeed(transport: way, stall: stall, lowMark: lowMark)
  }

  /// Whether it can be an IPv4 or IPv6 address; the machine decides when it listens.
  func isInDigits(_ text: String) -> Bool {
    let colons = text.utf8.count { $0 == UInt8(ascii: ":") }
    let dots = text.utf8.count { $0 == UInt8(ascii: ".") }
    return (colons >= 2 || (colons == 0 && dots == 3))
      && text.utf8.allSatisfy { byte in
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || byte == UInt8(ascii: ":")
          || byte == UInt8(ascii: ".")
          || (colons > 0 && (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte | 0x20))
      }
  }

  private mutating func limits(_ table: Table) -> Configuration.Limits? {
    let rejects = number(table, "limits.consecutive_rejects")
    let noReads = number(table, "limits.consecutive_no_reads")
    let printedNotRead = number(table, "limits.printed_not_read")
    let duplicates = number(table, "limits.duplicates")
    let stopConfirm = duration(table, "limits.stop_confirm_ms")
    let outcome = duration(table, "limits.outcome_ms")
    guard let rejects, let noReads, let printedNotRead, let duplicates, let stopConfirm, let outcome
    else { return nil }
    return Configuration.Limits(
      consecutiveRejects: rejects, consecutiveNoReads: noReads, printedNotRead: printedNotRead,
      duplicates: duplicates, stopConfirm: stopConfirm, outcome: outcome)
  }

  // MARK: Across tables

  /// No two tables of a kind have the same name, and no two scanners the same device.
  private mutating func unique(_ kind: String, _ key: String) {
    var seen: [String: Int] = [:]
    for table in all(kind) {
      guard let value = table.values[key], case .string(let text) = value.content else { continue }
      if let line = seen[text] {
        fail(
          "\(kind).\(key)", value,
          "\(Key.quoted(text)) is the \(key) of another \(kind) already, in line \(line)")
      } else {
        seen[text] = value.line
      }
    }
  }

  /// Two scanners with one match would find one device.
  private mutating func matches(_ scanners: [Configuration.Scanner?]) {
    var seen: [Configuration.Scanner.Match: Int] = [:]
    for (scanner, table) in zip(scanners, all("scanner")) {
      guard let scanner, case .match(let match) = scanner.device else { continue }
      if let line = seen[match] {
        fail(
          "scanner.match", line: table.line(of: "match"),
          "this is the match of another scanner already, in line \(line)")
      }
      seen[match] = seen[match] ?? table.line(of: "match")
    }
  }

  /// A message belongs to one station, so no scanner belongs to two, nor twice to one.
  private mutating func scannersOfOneStation() {
    var owner: [String: (table: Int, line: Int)] = [:]
    for (index, table) in all("station").enumerated() {
      guard let value = table.values["scanner"] else { continue }
      let entries = [value] + (table.lists["scanner"] ?? [])
      for entry in entries {
        guard case .string(let scanner) = entry.content else { continue }
        guard let other = owner[scanner] else {
          owner[scanner] = (index, entry.line)
          continue
        }
        let sentence =
          other.table == index
          ? "scanner \(Key.quoted(scanner)) stands in the list twice"
          : "scanner \(Key.quoted(scanner)) belongs to the station in line "
            + "\(all("station")[other.table].line) already; two stations cannot share one"
        fail("station.scanner", entry, sentence)
      }
    }
  }

  /// One process at a time speaks on a serial port, with one setting, and each unit answers once.
  private mutating func buses(_ plcs: [Configuration.PLC?]) {
    var first: [String: (serial: Configuration.PLC.Serial, line: Int)] = [:]
    var units: [String: Int] = [:]
    for (plc, table) in zip(plcs, all("plc")) {
      guard let plc, case .rtu(let serial) = plc.transport else { continue }
      if let other = first[serial.device], other.serial != serial {
        fail(
          "plc.device", line: table.line(of: "device"),
          "the PLC in line \(other.line) is on this bus too, with another baud, parity or other "
            + "setting of the port; write the same for both")
      }
      first[serial.device] = first[serial.device] ?? (serial, table.line)
      if let line = units["\(serial.device) \(plc.unitID)"] {
        fail(
          "plc.unit_id", line: table.line(of: "unit_id"),
          "unit \(plc.unitID) on this bus is the PLC in line \(line) already")
      }
      units["\(serial.device) \(plc.unitID)"] = table.line
      if let scanner = all("scanner").first(where: {
        if case .string(serial.device)? = $0.values["device"]?.content { true } else { false }
      }) {
        fail(
          "plc.device", line: table.line(of: "device"),
          "the scanner in line \(scanner.line) has this port already")
      }
    }
  }

  /// Two writers in one register would undo each other, so no two blocks of a machine overlap.
  private mutating func blocks(
    of stations: [Configuration.Station?], _ plcs: [Configuration.PLC?]
  ) {
    struct Block {
      var name: String
      var machine: String
      var registers: Range<Int>
    }
    var blocks: [Block] = []
    for (station, table) in zip(stations, all("station")) {
      guard let station, let plc = plcs[station.plc] else { continue }
      // The same machine under two names is still the same memory.
      let machine = "\(plc.address.lowercased())/\(plc.unitID)"
      for (key, base) in [("host_base", station.hostBase), ("plc_base", station.plcBase)] {
        let registers = base..<(base + 16 + 4 * station.slots)
        if let other = blocks.first(where: {
          $0.machine == machine && $0.registers.overlaps(registers)
        }) {
          fail(
            "station.\(key)", line: table.line(of: key),
            "registers \(base) to \(registers.upperBound - 1) overlap \(other.name), registers "
              + "\(other.registers.lowerBound) to \(other.registers.upperBound - 1)")
        }
        blocks.append(
          Block(
            name: "\(key) of station \(Key.quoted(station.name))", machine: machine,
            registers: registers))
      }
    }
  }
}
