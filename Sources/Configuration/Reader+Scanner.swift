/// `[[scanner]]`: what the table and its profile say together.
extension Reader {
  mutating func scanner(_ table: Table) -> Configuration.Scanner? {
    let name = text(table, "scanner.name")
    let profile = text(table, "scanner.profile")
    let transport = scannerTransport(table)
    refuseKeysWithoutEffect(table)
    let baud = number(table, "scanner.baud")
    let dataBits = number(table, "scanner.data_bits")
    let parity = text(table, "scanner.parity")
    let stopBits = number(table, "scanner.stop_bits")
    let framing = framing(table)
    let reads = reads(table, suffix: framing?.suffix)
    let talk = talk(table, reads: reads, isHID: transport?.way == .hid)
    guard let name, let profile, let transport, let baud, let dataBits, let parity, let stopBits,
      let framing, let reads, let talk
    else { return nil }
    return Configuration.Scanner(
      name: name, profile: profile, transport: transport.way, device: transport.device, baud: baud,
      dataBits: dataBits, parity: parity, stopBits: stopBits, prefix: framing.prefix,
      suffix: framing.suffix, gap: framing.gap, messageMax: framing.max, noReads: reads.noReads,
      requireSymbology: reads.symbology, gradeSeparator: reads.grade, codeSeparator: reads.code,
      answers: talk.answers, heartbeat: talk.heartbeat, heartbeatWithin: talk.within,
      setup: talk.setup, setupTimeout: talk.timeout, triggerOn: talk.on, triggerOff: talk.off,
      triggersAtOpening: talk.atOpening)
  }

  // MARK: Keys and transports

  /// The transports with which a key does something; one that is not here does with all.
  private static let transports: [(keys: [String], with: [String])] = [
    (["layout", "gs_is_f8"], ["keyboard"]),
    (["host", "port", "listen"], ["tcp"]),
    (["baud", "data_bits", "parity", "stop_bits"], ["serial"]),
    (["suffix"], ["serial", "keyboard", "tcp"]),
    (["trigger_at_opening"], ["serial", "hid", "tcp"]),
    (
      [
        "prefix", "gap_ms", "message_max", "setup", "setup_answers", "setup_ms", "trigger_on",
        "trigger_off",
      ], ["serial", "tcp"]
    ),
  ]

  /// Whether a key of `[[scanner]]` does something with a transport.
  static func hasEffect(_ key: String, with transport: String) -> Bool {
    transports.first { $0.keys.contains(key) }?.with.contains(transport) ?? true
  }

  /// Whoever writes a key relies on it, so one that does nothing here is refused.
  ///
  /// A profile is for all transports of a make, and what stands without the key, as in the sample, promises nothing.
  private mutating func refuseKeysWithoutEffect(_ table: Table) {
    // Another one is said where it is read.
    guard case .string(let transport) = table.values["transport"]?.content ?? .string("serial"),
      ["serial", "hid", "keyboard", "tcp"].contains(transport)
    else { return }
    for (keys, with) in Self.transports where !with.contains(transport) {
      for key in keys {
        guard let value = written(table, "scanner.\(key)") else { continue }
        fail(
          "scanner.\(key)", value,
          "this does nothing with transport \(Key.quoted(transport)), only with "
            + "\(Key.either(with.map(Key.quoted))); leave the key out")
      }
    }
    if let port = written(table, "scanner.port"), transport == "tcp", table.values["listen"] != nil
    {
      fail(
        "scanner.port", port,
        "this does nothing where listen stands, which has a port of its own; leave the key out")
    }
  }

  // MARK: Connection

  private mutating func scannerTransport(
    _ table: Table
  ) -> (way: Configuration.Scanner.Transport, device: Configuration.Scanner.Device?)? {
    let transport = text(table, "scanner.transport")
    let host = text(table, "scanner.host")
    let port = number(table, "scanner.port")
    let listen = text(table, "scanner.listen")
    let name = text(table, "scanner.layout")
    let isF8 = flag(table, "scanner.gs_is_f8")
    if let host, !isInDigits(host) {
      fail(
        "scanner.host", line: table.line(of: "host"),
        "\(Key.quoted(host)) is no address in digits; write e.g. host = \"192.0.2.20\"")
      return nil
    }
    let place = listen.flatMap { self.place($0) }
    if let listen, place == nil {
      fail(
        "scanner.listen", line: table.line(of: "listen"),
        "\(Key.quoted(listen)) is no address in digits with a port; write e.g. "
          + "listen = \"192.0.2.5:2112\"")
      return nil
    }
    switch transport {
    case "serial": return device(table).map { (.serial, $0) }
    case "hid": return device(table).map { (.hid, $0) }
    case "keyboard":
      let layout = name.flatMap { self.layout($0, table) }
      guard let device = device(table), let layout, let isF8 else { return nil }
      return (
        .keyboard(layout: layout.named, others: layout.others, separatorIsF8: isF8), device
      )
    case "tcp":
      for key in ["device", "match"] where table.values[key] != nil {
        fail(
          "scanner.\(key)", line: table.line(of: key),
          "a scanner on the network has no device; leave the key out, or write another transport")
        return nil
      }
      if let place {
        return (.server(address: place.address, port: place.port, only: host), nil)
      }
      guard let host else {
        fail(
          "scanner.host", line: table.line,
          "\"tcp\" needs the scanner's address, e.g. host = \"192.0.2.20\", or listen where the scanner "
            + "connects to the daemon")
        return nil
      }
      guard let port else {
        if table.values["port"] == nil {
          fail(
            "scanner.port", line: table.line, "this key is missing; write e.g. port = 23")
        }
        return nil
      }
      return (.client(host: host, port: UInt16(port)), nil)
    default: return nil
    }
  }

  /// A path or a match, one of them.
  private mutating func device(_ table: Table) -> Configuration.Scanner.Device? {
    let path = text(table, "scanner.device")
    let match = match(table)
    switch (table.values["device"], table.values["match"]) {
    case (nil, nil):
      fail(
        "scanner.device", line: table.line,
        "this key is missing; write e.g. device = \"/dev/serial/by-id/usb-MAKER_MODEL_SERIAL-if00\", "
          + "or match, as lineward scanners discover prints it")
      return nil
    case (.some, let both?):
      fail("scanner.match", both, "device names the scanner already; write one of the two")
      return nil
    case (.some, nil): return path.map { .path($0) }
    case (nil, .some): return match.map { .match($0) }
    }
  }

  private mutating func match(_ table: Table) -> Configuration.Scanner.Match? {
    guard var fields = fields(table, "scanner.match") else { return nil }
    let places = table.fields["match"] ?? [:]
    var isRight = true
    for name in ["vendor", "product"] {
      guard let text = fields[name], let place = places[name] else { continue }
      guard text.utf8.count == 4, text.utf8.allSatisfy(Self.isHexDigit) else {
        fail(
          "scanner.match.\(name)", place,
          "\(Key.quoted(text)) has to be four hex digits, e.g. \"05f9\"")
        isRight = false
        continue
      }
      fields[name] = text.lowercased()
    }
    if let product = places["product"], places["vendor"] == nil {
      fail(
        "scanner.match.product", product,
        "a product number says nothing without its vendor; write vendor with it")
      isRight = false
    }
    guard isRight else { return nil }
    return Configuration.Scanner.Match(
      vendor: fields["vendor"], product: fields["product"], serial: fields["serial"],
      port: fields["port"])
  }

  private static func isHexDigit(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
      || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte | 0x20)
  }

  /// The layout that is named, and all that are known: teaching says which one it would be instead.
  private mutating func layout(
    _ name: String, _ table: Table
  ) -> (named: KeyboardFile, others: [KeyboardFile])? {
    if written(table, "scanner.suffix") != nil, let suffix = text(table, "scanner.suffix"),
      !["\r\n", "\r", "\n", "\t"].contains(suffix)
    {
      fail(
        "scanner.suffix", line: table.line(of: "suffix"),
        "a scanner that types ends its messages with Enter (\"\\r\") or Tab (\"\\t\")")
      return nil
    }
    do throws(ConfigurationProblems) {
      return (try KeyboardFile.find(name, in: keyboards), KeyboardFile.all(in: keyboards))
    } catch {
      for problem in error.problems {
        if problem.file.isEmpty {
          fail("scanner.layout", line: table.line(of: "layout"), problem.sentence)
        } else {
          fail(problem)
        }
      }
      return nil
    }
  }

  /// `address:port` or `[address]:port`, in digits.
  private func place(_ text: String) -> (address: String, port: UInt16)? {
    guard let colon = text.lastIndex(of: ":"),
      text[text.index(after: colon)...].utf8.allSatisfy({ (0x30...0x39).contains($0) }),
      let port = UInt16(text[text.index(after: colon)...]),
      port > 0
    else { return nil }
    var address = text[..<colon]
    if address.first == "[", address.last == "]" { address = address.dropFirst().dropLast() }
    return isInDigits(String(address)) ? (String(address), port) : nil
  }

  // MARK: Messages

  private mutating func framing(
    _ table: Table
  ) -> (prefix: [UInt8], suffix: [UInt8], gap: Duration?, max: Int)? {
    let prefix = text(table, "scanner.prefix")
    let suffix = text(table, "scanner.suffix")
    let gap = duration(table, "scanner.gap_ms")
    let longest = number(table, "scanner.message_max")
    if let suffix, let gap, suffix.isEmpty, gap == .zero {
      fail(
        "scanner.suffix", line: table.line(of: "suffix"),
        "without a suffix only a pause can end a message; write e.g. gap_ms = 50 with it")
      return nil
    }
    guard let prefix, let suffix, let gap, let longest else { return nil }
    refuse(prefix, holding: suffix, "prefix", table)
    return (Array(prefix.utf8), Array(suffix.utf8), gap == .zero ? nil : gap, longest)
  }

  private mutating func reads(
    _ table: Table, suffix: [UInt8]?
  ) -> (noReads: [[UInt8]], symbology: [UInt8], grade: [UInt8], code: [UInt8])? {
    let noReads = texts(table, "scanner.no_read")
    let symbology = text(table, "scanner.require_symbology")
    let grade = text(table, "scanner.grade_separator")
    let code = text(table, "scanner.code_separator")
    if let symbology, !symbology.isEmpty, !isIdentifier(Array(symbology.utf8)) {
      fail(
        "scanner.require_symbology", line: table.line(of: "require_symbology"),
        "\(Key.quoted(symbology)) is no AIM identifier; write e.g. \"]d2\", or \"\" for none")
    }
    if let suffix {
      let end = String(decoding: suffix, as: UTF8.self)
      for text in noReads ?? [] { refuse(text, holding: end, "no_read", table) }
      if let grade { refuse(grade, holding: end, "grade_separator", table) }
      if let code { refuse(code, holding: end, "code_separator", table) }
    }
    if let code, !code.isEmpty, code.utf8.allSatisfy(isOfSerial) {
      fail(
        "scanner.code_separator", line: table.line(of: "code_separator"),
        "\(Key.quoted(code)) may stand in a serial, and packs with it would be rejected; let the scanner send "
          + "another one, or write the next code's identifier with it, e.g. \",]\"")
    }
    guard let noReads, let symbology, let grade, let code else { return nil }
    return (
      noReads.filter { !$0.isEmpty }.map { Array($0.utf8) }, Array(symbology.utf8),
      Array(grade.utf8), Array(code.utf8)
    )
  }

  /// A message ends at the first suffix, so nothing in front of that can hold one.
  private mutating func refuse(
    _ text: String, holding suffix: String, _ key: String, _ table: Table
  ) {
    guard !suffix.isEmpty, contains(text, suffix) else { return }
    fail(
      "scanner.\(key)", line: table.line(of: key),
      "\(Key.quoted(text)) holds the suffix \(Key.quoted(suffix)), which ends each message; "
        + "write \(key) without it")
  }

  // MARK: Commands and answers

  private struct Talk {
    var answers: [[UInt8]]
    var heartbeat: [UInt8]
    var within: Duration
    var setup: [Configuration.Scanner.Command]
    var timeout: Duration
    var on: [UInt8]
    var off: [UInt8]
    var atOpening: Bool
  }

  private mutating func talk(
    _ table: Table, reads: (noReads: [[UInt8]], symbology: [UInt8], grade: [UInt8], code: [UInt8])?,
    isHID: Bool
  ) -> Talk? {
    let answers = texts(table, "scanner.answers")
    let heartbeat = text(table, "scanner.heartbeat")
    let within = duration(table, "scanner.heartbeat_ms")
    let setup = texts(table, "scanner.setup")
    let setupAnswers = texts(table, "scanner.setup_answers")
    let timeout = duration(table, "scanner.setup_ms")
    let on = text(table, "scanner.trigger_on")
    let off = text(table, "scanner.trigger_off")
    let atOpening = flag(table, "scanner.trigger_at_opening")
    if let reads {
      for text in answers ?? [] { refuse(text, swallowing: reads, "answers", table) }
      for text in setupAnswers ?? [] where !text.isEmpty {
        refuse(text, swallowing: reads, "setup_answers", table)
      }
      if let heartbeat, !heartbeat.isEmpty {
        refuse(heartbeat, swallowing: reads, "heartbeat", table)
      }
    }
    if let setup, let setupAnswers, !setupAnswers.isEmpty, setupAnswers.count != setup.count {
      fail(
        "scanner.setup_answers", line: table.line(of: "setup_answers"),
        "there are \(setup.count) commands in setup, and \(setupAnswers.count) answers here; write one for "
          + "each, \"\" where none is awaited")
    }
    // A report that triggers is the device's own.
    if atOpening == true, on?.isEmpty == true, !isHID {
      fail(
        "scanner.trigger_at_opening", line: table.line(of: "trigger_at_opening"),
        "there is no trigger_on to send; write the scanner's command for it")
    }
    guard let answers, let heartbeat, let within, let setup, let setupAnswers, let timeout, let on,
      let off, let atOpening
    else { return nil }
    return Talk(
      answers: answers.map { Array($0.utf8) }, heartbeat: Array(heartbeat.utf8), within: within,
      setup: setup.enumerated().map { index, command in
        Configuration.Scanner.Command(
          send: Array(command.utf8),
          answer: index < setupAnswers.count ? Array(setupAnswers[index].utf8) : [])
      }, timeout: timeout, on: Array(on.utf8), off: Array(off.utf8), atOpening: atOpening)
  }

  /// What is taken for an answer or heartbeat never reaches the line, so no read or no-read may begin like that.
  private mutating func refuse(
    _ beginning: String,
    swallowing reads: (noReads: [[UInt8]], symbology: [UInt8], grade: [UInt8], code: [UInt8]),
    _ key: String, _ table: Table
  ) {
    let bytes = Array(beginning.utf8)
    // Without an identifier a read begins with the digits of an AI.
    let isDigit = bytes.first.map { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) } ?? false
    guard
      bytes.first == UInt8(ascii: "]") || reads.symbology.isEmpty && isDigit
        || reads.noReads.contains(where: { $0.starts(with: bytes) })
    else { return }
    fail(
      "scanner.\(key)", line: table.line(of: key),
      "reads or no-reads begin with \(Key.quoted(beginning)) too, and would be dropped; write more of the "
        + "text, or let the scanner send another one")
  }

  /// ISO/IEC 15424: `]`, a code character, a modifier.
  private func isIdentifier(_ bytes: [UInt8]) -> Bool {
    func isLetter(_ byte: UInt8) -> Bool {
      (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
    }
    func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
    return bytes.count == 3 && bytes[0] == UInt8(ascii: "]") && isLetter(bytes[1])
      && (isLetter(bytes[2]) || isDigit(bytes[2]))
  }

  /// GS1 General Specifications, 7.11: the characters that a serial may have.
  private func isOfSerial(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x21, 0x22, 0x25...0x3F, 0x41...0x5A, 0x5F, 0x61...0x7A: true
    default: false
    }
  }

  private func contains(_ text: String, _ part: String) -> Bool {
    let text = Array(text.utf8)
    let part = Array(part.utf8)
    return text.indices.contains { text[$0...].starts(with: part) }
  }
}
