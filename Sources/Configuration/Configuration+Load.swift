internal import Glibc

extension Configuration {
  /// Reads and checks a file.
  ///
  /// - Throws: Everything that is wrong with it, not only the first.
  public static func load(path: String) throws(ConfigurationProblems) -> Configuration {
    func problem(_ sentence: String) -> ConfigurationProblems {
      ConfigurationProblems(problems: [
        ConfigurationProblem(file: path, line: 0, column: 0, key: "", sentence: sentence)
      ])
    }
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else {
      let reason = String(cString: strerror(errno))
      throw problem("the file cannot be opened: \(reason)")
    }
    defer { close(descriptor) }
    var information = stat()
    guard fstat(descriptor, &information) == 0, information.st_mode & S_IFMT == S_IFREG else {
      throw problem("this is no file that can be read as a configuration")
    }
    guard information.st_size <= fileLengthMax else {
      throw problem("the file is larger than \(fileLengthMax) bytes; that is no configuration")
    }
    var bytes = [UInt8](repeating: 0, count: fileLengthMax + 1)
    var count = 0
    while count < bytes.count {
      let got = bytes.withUnsafeMutableBytes { buffer in
        read(descriptor, buffer.baseAddress.map { $0 + count }, buffer.count - count)
      }
      if got < 0 { throw problem("the file cannot be read: \(String(cString: strerror(errno)))") }
      if got == 0 { break }
      count += got
    }
    return try parse(Array(bytes[..<count]), file: path)
  }

  /// Checks the text of a file; `file` is named in problems.
  public static func parse(
    _ text: [UInt8], file: String
  ) throws(ConfigurationProblems) -> Configuration {
    let document: Document
    do throws(Document.SyntaxError) {
      document = try Document(text)
    } catch {
      throw ConfigurationProblems(problems: [
        ConfigurationProblem(
          file: file, line: error.line, column: error.column, key: "",
          sentence: "this is no TOML: \(error.sentence)")
      ])
    }
    var reader = Reader(document, file: file)
    let configuration = reader.configuration()
    guard let configuration, reader.problems.isEmpty else {
      throw ConfigurationProblems(
        problems: reader.problems.sorted { ($0.line, $0.column) < ($1.line, $1.column) })
    }
    return configuration
  }
}

/// Takes a flat document apart by the table of keys.
private struct Reader {
  /// One table of the file: its values by key name.
  struct Table {
    var values: [String: Document.Value] = [:]
    var lists: [String: [Document.Value]] = [:]
    var line: Int
  }

  let file: String
  var problems: [ConfigurationProblem] = []
  private var tables: [String: [Table]] = [:]

  init(_ document: Document, file: String) {
    self.file = file
    sort(document)
  }

  mutating func fail(_ key: String, _ value: Document.Value, _ sentence: String) {
    fail(key, line: value.line, column: value.column, sentence)
  }

  mutating func fail(_ key: String, line: Int, column: Int = 1, _ sentence: String) {
    problems.append(
      ConfigurationProblem(file: file, line: line, column: column, key: key, sentence: sentence))
  }

  // MARK: Into tables

  /// Splits `scanner[0].name[1]` into names and places.
  private static func split(_ path: String) -> [(name: String, place: Int?)] {
    path.split(separator: ".", omittingEmptySubsequences: false).map { part in
      guard part.hasSuffix("]"), let open = part.firstIndex(of: "["),
        let place = Int(part[part.index(after: open)...].dropLast())
      else { return (String(part), nil) }
      return (String(part[..<open]), place)
    }
  }

  private mutating func sort(_ document: Document) {
    var unknown: Set<String> = []
    for value in document.values {
      let parts = Reader.split(value.path)
      guard let first = parts.first else { continue }
      guard let table = Key.tables.first(where: { $0.name == first.name }) else {
        guard unknown.insert(first.name).inserted else { continue }
        let near = nearest(first.name, Key.tables.map(\.name))
        fail(first.name, value, "there is no such table" + near)
        continue
      }
      if parts.count == 1 {
        switch value.content {
        case .table where !table.repeats && first.place == nil:
          tables[first.name] = [Table(line: value.line)]
        case .table where table.repeats && first.place != nil:
          tables[first.name, default: []].append(Table(line: value.line))
        case .array where table.repeats && first.place == nil: break
        default:
          guard unknown.insert(first.name).inserted else { continue }
          let brackets = table.repeats ? "[[\(first.name)]]" : "[\(first.name)]"
          fail(first.name, value, "this has to be a table, written as \(brackets)")
        }
        continue
      }
      guard !unknown.contains(first.name) else { continue }
      keep(value, parts: parts, table: table.name)
    }
  }

  private mutating func keep(
    _ value: Document.Value, parts: [(name: String, place: Int?)], table: String
  ) {
    let index = parts[0].place ?? 0
    // `match` is a table in a table; everything else is one level deep.
    if table == "scanner", parts[1].name == "match" {
      if parts.count == 2 {
        if case .table = value.content {
        } else {
          fail("scanner.match", value, "this has to be { vendor = \"…\", product = \"…\" }")
        }
        return
      }
      store(value, name: "match." + parts[2].name, place: parts[2].place, table, index)
      return
    }
    guard parts.count == 2 else {
      fail("\(table).\(parts[1].name)", value, "there is no table at this place")
      return
    }
    store(value, name: parts[1].name, place: parts[1].place, table, index)
  }

  private mutating func store(
    _ value: Document.Value, name: String, place: Int?, _ table: String, _ index: Int
  ) {
    guard var list = tables[table], index < list.count else { return }
    let full = "\(table).\(name)"
    guard Key.all.contains(where: { $0.path == full }) else {
      if place == nil {
        let names = Key.all.filter { $0.path.hasPrefix(table + ".") }.map {
          String($0.path.dropFirst(table.count + 1))
        }
        fail(full, value, "there is no such key" + nearest(name, names))
      }
      return
    }
    if place == nil {
      list[index].values[name] = value
    } else {
      list[index].lists[name, default: []].append(value)
    }
    tables[table] = list
  }

  /// `; did you mean "…"?` where a name is close.
  private func nearest(_ name: String, _ names: [String]) -> String {
    let ranked = names.map { ($0, distance(name, $0)) }.min { $0.1 < $1.1 }
    guard let ranked, ranked.1 <= max(1, name.count / 3) else { return "" }
    return "; did you mean \"\(ranked.0)\"?"
  }

  /// Levenshtein distance; names are short.
  private func distance(_ left: String, _ right: String) -> Int {
    let left = Array(left.unicodeScalars.prefix(64))
    let right = Array(right.unicodeScalars.prefix(64))
    var row = Array(0...right.count)
    for (i, first) in left.enumerated() {
      var diagonal = row[0]
      row[0] = i + 1
      for (j, second) in right.enumerated() {
        let above = row[j + 1]
        row[j + 1] = min(row[j] + 1, above + 1, diagonal + (first == second ? 0 : 1))
        diagonal = above
      }
    }
    return row[right.count]
  }

  // MARK: One value by its key

  private enum Checked {
    case text(String)
    case number(Int64)
    case real(Double)
    case flag(Bool)
    case texts([String])
  }

  private mutating func value(_ table: Table?, _ key: Key, name: String) -> Checked? {
    guard let value = table?.values[name] else {
      switch key.fallback {
      case .text(let text): return .text(text)
      case .number(let number): return .number(number)
      case .real(let real): return .real(real)
      case .flag(let flag): return .flag(flag)
      case .texts(let texts): return .texts(texts)
      case .none: return nil
      case .required:
        fail(
          key.path, line: table?.line ?? 0,
          "this key is missing; write e.g. \(key.name) = \(key.example)")
        return nil
      }
    }
    let wrong = "this is \(value.content.phrase), but has to be \(key.expectation)"
    switch (key.kind, value.content) {
    case (.text(let range), .string(let text)):
      guard range.contains(text.utf8.count) else {
        fail(key.path, value, "this has \(text.utf8.count) bytes, but has to be \(key.expectation)")
        return nil
      }
      return .text(text)
    case (.word(let words), .string(let text)):
      guard words.contains(text) else {
        fail(key.path, value, "\"\(text)\" is not known here; it has to be \(key.expectation)")
        return nil
      }
      return .text(text)
    case (.number(let range), .integer(let number)):
      guard range.contains(number) else {
        fail(key.path, value, "\(number) is out of range; it has to be \(key.expectation)")
        return nil
      }
      return .number(number)
    case (.oneOf(let numbers), .integer(let number)):
      guard numbers.contains(number) else {
        fail(key.path, value, "\(number) is not possible; it has to be \(key.expectation)")
        return nil
      }
      return .number(number)
    case (.real(let range), .float(let real)):
      guard range.contains(real) else {
        fail(key.path, value, "\(real) is out of range; it has to be \(key.expectation)")
        return nil
      }
      return .real(real)
    case (.real(let range), .integer(let number)):
      guard range.contains(Double(number)) else {
        fail(key.path, value, "\(number) is out of range; it has to be \(key.expectation)")
        return nil
      }
      return .real(Double(number))
    case (.flag, .boolean(let flag)):
      return .flag(flag)
    case (.textOrTexts, .string(let text)):
      return .texts([text])
    case (.texts, .array), (.textOrTexts, .array):
      var texts: [String] = []
      for entry in table?.lists[name] ?? [] {
        guard case .string(let text) = entry.content else {
          fail(key.path, entry, "the list holds \(entry.content.phrase); it has to hold texts only")
          return nil
        }
        texts.append(text)
      }
      return .texts(texts)
    default:
      fail(key.path, value, wrong)
      return nil
    }
  }

  private func key(_ path: String) -> Key {
    guard let key = Key.all.first(where: { $0.path == path }) else {
      preconditionFailure("\(path) is not in the table of keys")
    }
    return key
  }

  private mutating func text(_ table: Table?, _ path: String) -> String? {
    let key = key(path)
    if case .text(let text) = value(table, key, name: local(path)) { return text }
    return nil
  }

  private mutating func number(_ table: Table?, _ path: String) -> Int64? {
    let key = key(path)
    if case .number(let number) = value(table, key, name: local(path)) { return number }
    return nil
  }

  private mutating func real(_ table: Table?, _ path: String) -> Double? {
    let key = key(path)
    if case .real(let real) = value(table, key, name: local(path)) { return real }
    return nil
  }

  private mutating func flag(_ table: Table?, _ path: String) -> Bool? {
    let key = key(path)
    if case .flag(let flag) = value(table, key, name: local(path)) { return flag }
    return nil
  }

  private mutating func texts(_ table: Table?, _ path: String) -> [String]? {
    let key = key(path)
    if case .texts(let texts) = value(table, key, name: local(path)) { return texts }
    return nil
  }

  private func local(_ path: String) -> String {
    String(path[path.index(after: path.firstIndex(of: ".") ?? path.startIndex)...])
  }

  // MARK: The whole

  mutating func configuration() -> Configuration? {
    func only(_ name: String) -> Table? { tables[name]?.first }
    let line = text(only("line") ?? Table(line: 0), "line.id")
    let directory = text(only("storage"), "storage.directory")
    let socket = text(only("control"), "control.socket")
    let roles = roles(only("roles"))
    let scanners = (tables["scanner"] ?? []).map { scanner($0) }
    let plcs = (tables["plc"] ?? []).map { plc($0) }
    unique("scanner", tables["scanner"] ?? [])
    unique("plc", tables["plc"] ?? [])
    unique("station", tables["station"] ?? [])
    let stations = (tables["station"] ?? []).map {
      station($0, scanners: scanners.map { $0?.name }, plcs: plcs.map { $0?.name })
    }
    sharedScanners(stations)
    overlaps(stations, plcs)
    let grade = real(only("verification"), "verification.minimum_grade")
    let order = text(only("verification"), "verification.order")
    if order == "printed", let value = only("verification")?.values["order"] {
      fail(
        "verification.order", value, "\"printed\" is not available in this version; write \"any\"")
    }
    _ = number(only("verification"), "verification.order_window")
    let limits = limits(only("limits"))
    let minutes = number(only("containment"), "containment.duration_minutes")
    guard let line, let directory, let socket, let roles, let grade, let limits, let minutes else {
      return nil
    }
    return Configuration(
      line: .init(id: line), storage: .init(directory: directory), control: .init(socket: socket),
      roles: roles, scanners: scanners.compactMap(\.self), plcs: plcs.compactMap(\.self),
      stations: stations.compactMap(\.self), minimumGradeTenths: Int((grade * 10).rounded()),
      limits: limits, containmentMinutes: Int(minutes))
  }

  private mutating func roles(_ table: Table?) -> Configuration.Roles? {
    var lists: [[String]] = []
    for name in ["operator", "supervisor", "quality", "maintenance", "shared"] {
      guard let entries = texts(table, "roles.\(name)") else { return nil }
      for (index, entry) in entries.enumerated() {
        let isKnown =
          (entry.hasPrefix("group:") || entry.hasPrefix("user:"))
          && !entry.hasSuffix(":")
        if !isKnown, let value = table?.lists[name]?[index] {
          fail("roles.\(name)", value, "\"\(entry)\" has to be \"group:NAME\" or \"user:NAME\"")
        }
      }
      lists.append(entries)
    }
    return Configuration.Roles(
      operator: lists[0], supervisor: lists[1], quality: lists[2], maintenance: lists[3],
      shared: lists[4])
  }

  private mutating func scanner(_ table: Table) -> Configuration.Scanner? {
    let name = text(table, "scanner.name")
    let transport = text(table, "scanner.transport")
    if let transport, transport != "serial", let value = table.values["transport"] {
      fail(
        "scanner.transport", value,
        "\"\(transport)\" is not available in this version; write \"serial\"")
    }
    let device = text(table, "scanner.device")
    for part in ["vendor", "product", "serial"] { _ = text(table, "scanner.match.\(part)") }
    if let match = table.values.first(where: { $0.key.hasPrefix("match.") }) {
      fail(
        "scanner.match", match.value,
        "finding a scanner by its USB ids is not available in this version; write device = \"/dev/serial/by-id/…\""
      )
    } else if device == nil, table.values["device"] == nil {
      fail(
        "scanner.device", line: table.line,
        "this key is missing; write e.g. device = \(key("scanner.device").example)")
    }
    let baud = number(table, "scanner.baud")
    let prefix = text(table, "scanner.prefix")
    let suffix = text(table, "scanner.suffix")
    let noRead = text(table, "scanner.no_read")
    let symbology = text(table, "scanner.require_symbology")
    if let symbology, !symbology.isEmpty, symbology.first != "]" || symbology.utf8.count != 3,
      let value = table.values["require_symbology"]
    {
      fail(
        "scanner.require_symbology", value,
        "\"\(symbology)\" is no AIM identifier; write e.g. \"]d2\", or \"\" for none")
    }
    let grade = text(table, "scanner.grade_separator")
    guard let name, let device, let baud, let prefix, let suffix, let noRead, let symbology,
      let grade
    else { return nil }
    return Configuration.Scanner(
      name: name, device: device, baud: Int(baud), prefix: Array(prefix.utf8),
      suffix: Array(suffix.utf8), noRead: Array(noRead.utf8),
      requireSymbology: Array(symbology.utf8), gradeSeparator: Array(grade.utf8))
  }

  private mutating func plc(_ table: Table) -> Configuration.PLC? {
    let name = text(table, "plc.name")
    if text(table, "plc.transport") == "rtu", let value = table.values["transport"] {
      fail("plc.transport", value, "\"rtu\" is not available in this version; write \"tcp\"")
    }
    let host = text(table, "plc.host")
    let port = number(table, "plc.port")
    let unitID = number(table, "plc.unit_id")
    let poll = number(table, "plc.poll_ms")
    let heartbeat = number(table, "plc.heartbeat_ms")
    let timeout = number(table, "plc.timeout_ms")
    let lost = number(table, "plc.lost_ms")
    guard let name, let host, let port, let unitID, let poll, let heartbeat, let timeout, let lost
    else { return nil }
    return Configuration.PLC(
      name: name, host: host, port: UInt16(port), unitID: UInt8(unitID),
      poll: .milliseconds(poll), heartbeat: .milliseconds(heartbeat),
      timeout: .milliseconds(timeout), lost: .milliseconds(lost))
  }

  private mutating func station(
    _ table: Table, scanners: [String?], plcs: [String?]
  ) -> Configuration.Station? {
    let name = text(table, "station.name")
    if let kind = text(table, "station.kind"), kind != "unit", let value = table.values["kind"] {
      fail("station.kind", value, "\"\(kind)\" is not available in this version; write \"unit\"")
    }
    let scannerNames = texts(table, "station.scanner")
    var scannerIndices: [Int] = []
    for scanner in scannerNames ?? [] {
      if let index = scanners.firstIndex(of: scanner) {
        scannerIndices.append(index)
      } else if let value = table.values["scanner"] {
        fail("station.scanner", value, "there is no [[scanner]] with the name \"\(scanner)\"")
      }
    }
    if scannerNames?.isEmpty == true, let value = table.values["scanner"] {
      fail("station.scanner", value, "the list is empty; a station has at least one scanner")
    }
    let plcName = text(table, "station.plc")
    let plc = plcName.flatMap { plcs.firstIndex(of: $0) }
    if let plcName, plc == nil, let value = table.values["plc"] {
      fail("station.plc", value, "there is no [[plc]] with the name \"\(plcName)\"")
    }
    let hostBase = number(table, "station.host_base")
    let plcBase = number(table, "station.plc_base")
    let slots = number(table, "station.slots")
    let tracking = text(table, "station.tracking")
    let readTimeout = number(table, "station.read_timeout_ms")
    let earlyRead = number(table, "station.early_read_ms")
    let quiet = number(table, "station.quiet_ms")
    let silentIs = text(table, "station.silent_is")
    let gateOutcomes = flag(table, "station.gate_outcomes")
    if tracking == "none", gateOutcomes == true {
      fail(
        "station.tracking", line: table.values["tracking"]?.line ?? table.line,
        "\"none\" is only for stations without a gate; write gate_outcomes = false with it")
    }
    if let quiet, let readTimeout, quiet < readTimeout {
      fail(
        "station.quiet_ms", line: table.values["quiet_ms"]?.line ?? table.line,
        "\(quiet) is shorter than read_timeout_ms; then quiet would prove nothing")
    }
    guard let name, scannerNames != nil, let plc, let hostBase, let plcBase, let slots,
      let tracking, let readTimeout, let earlyRead, let quiet, let silentIs, let gateOutcomes
    else { return nil }
    let count = 16 + 4 * slots
    for (base, key) in [(hostBase, "host_base"), (plcBase, "plc_base")] where base + count > 65536 {
      fail(
        "station.\(key)", line: table.values[key]?.line ?? table.line,
        "the block of \(count) registers from \(base) goes beyond register 65535")
    }
    return Configuration.Station(
      name: name, scanners: scannerIndices, plc: plc, hostBase: UInt16(hostBase),
      plcBase: UInt16(plcBase), slots: Int(slots), tracksTriggers: tracking == "trigger",
      readTimeout: .milliseconds(readTimeout), earlyRead: .milliseconds(earlyRead),
      quiet: .milliseconds(quiet), silentIsDoubt: silentIs == "doubt", gateOutcomes: gateOutcomes)
  }

  private mutating func limits(_ table: Table?) -> Configuration.Limits? {
    let rejects = number(table, "limits.consecutive_rejects")
    let noReads = number(table, "limits.consecutive_no_reads")
    let stopConfirm = number(table, "limits.stop_confirm_ms")
    let outcome = number(table, "limits.outcome_ms")
    guard let rejects, let noReads, let stopConfirm, let outcome else { return nil }
    return Configuration.Limits(
      consecutiveRejects: Int(rejects), consecutiveNoReads: Int(noReads),
      stopConfirm: .milliseconds(stopConfirm), outcome: .milliseconds(outcome))
  }

  // MARK: Across tables

  private mutating func unique(_ kind: String, _ list: [Table]) {
    var seen: [String: Int] = [:]
    for table in list {
      guard let value = table.values["name"], case .string(let name) = value.content else {
        continue
      }
      if let line = seen[name] {
        fail(
          "\(kind).name", value, "\"\(name)\" is the name of another one already, in line \(line)")
      } else {
        seen[name] = value.line
      }
    }
  }

  private mutating func sharedScanners(_ stations: [Configuration.Station?]) {
    var owner: [Int: String] = [:]
    for (index, station) in stations.enumerated() {
      guard let station, let table = tables["station"]?[index] else { continue }
      for scanner in station.scanners {
        if let other = owner[scanner], let value = table.values["scanner"] {
          fail(
            "station.scanner", value,
            "the scanner belongs to station \"\(other)\" already; two stations cannot share one")
        }
        owner[scanner] = station.name
      }
    }
  }

  private mutating func overlaps(
    _ stations: [Configuration.Station?], _ plcs: [Configuration.PLC?]
  ) {
    struct Block {
      var name: String
      var plc: String
      var registers: Range<Int>
    }
    var blocks: [Block] = []
    for (index, station) in stations.enumerated() {
      guard let station, let table = tables["station"]?[index], station.plc < plcs.count,
        let plc = plcs[station.plc]
      else { continue }
      let count = 16 + 4 * station.slots
      // The same machine under two names is still the same memory.
      let machine = "\(plc.host):\(plc.port)/\(plc.unitID)"
      for (key, base) in [("host_base", station.hostBase), ("plc_base", station.plcBase)] {
        let block = Block(
          name: "\(key) of station \"\(station.name)\"", plc: machine,
          registers: Int(base)..<(Int(base) + count))
        if let other = blocks.first(where: {
          $0.plc == machine && $0.registers.overlaps(block.registers)
        }) {
          fail(
            "station.\(key)", line: table.values[key]?.line ?? table.line,
            "registers \(block.registers.lowerBound) to \(block.registers.upperBound - 1) overlap "
              + "\(other.name), registers \(other.registers.lowerBound) to \(other.registers.upperBound - 1)"
          )
        }
        blocks.append(block)
      }
    }
  }
}
