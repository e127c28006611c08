/// One key of the configuration: what it may be, what it is when it is left out, and what it is for.
///
/// `Key.all` is the only list of keys. It drives checking, the sample file and the reference.
struct Key {
  /// What a value may be.
  enum Kind {
    /// A text of so many bytes.
    case text(ClosedRange<Int>)
    /// One of these words.
    case word([String])
    /// A whole number.
    case number(ClosedRange<Int64>)
    /// One of these whole numbers.
    case oneOf([Int64])
    /// A number that may have a fraction.
    case real(ClosedRange<Double>)
    /// True or false.
    case flag
    /// A list of texts.
    case texts
    /// A text, or a list of texts.
    case textOrTexts
  }

  /// What stands when the key is left out.
  enum Fallback {
    case text(String)
    case number(Int64)
    case real(Double)
    case flag(Bool)
    case texts([String])
    /// It may not be left out.
    case required
    /// Nothing.
    case none
  }

  /// The table it stands in: `line`, or `scanner` for `[[scanner]]`.
  var table: String
  /// Its name in that table.
  var name: String
  var kind: Kind
  var fallback: Fallback
  /// What it is for, in one sentence; the sample and the reference show it.
  var sentence: String
  /// What the sample file shows when the key has no fallback.
  var example = ""

  /// The path that errors name, without places in lists.
  var path: String { "\(table).\(name)" }

  /// The tables in the order of the sample file; those with `true` come any number of times, as `[[name]]`.
  static let tables: [(name: String, repeats: Bool, sentence: String)] = [
    ("line", false, "The line."),
    ("storage", false, "Where records are kept."),
    ("control", false, "The socket for operators and programs."),
    (
      "roles", false,
      "Who may do what: Unix users and groups, as \"group:NAME\" or \"user:NAME\". uid 0 may run every command."
    ),
    ("scanner", true, "A scanner; one table for each."),
    ("plc", true, "A PLC, by Modbus; one table for each."),
    ("station", true, "A station: where a scanner, a PLC and a reject gate come together."),
    ("verification", false, "How reads are held against the batch."),
    ("limits", false, "Each one breached raises an alarm and stops the line."),
    ("containment", false, "The containment playbook."),
  ]

  static let milliseconds: ClosedRange<Int64> = 1...60_000

  static let all: [Key] = [
    Key(
      table: "line", name: "id", kind: .text(1...32), fallback: .required,
      sentence: "The line's name; goes into every record.", example: "\"L01\""),
    Key(
      table: "storage", name: "directory", kind: .text(1...4096),
      fallback: .text("/var/lib/lineward"),
      sentence: "The folder of records and serial files; created with mode 0750 if absent."),
    Key(
      table: "control", name: "socket", kind: .text(1...107),
      fallback: .text("/run/lineward/control.sock"),
      sentence: "Path of the control socket; without effect when systemd hands over a socket."),
    Key(
      table: "roles", name: "operator", kind: .texts, fallback: .texts(["group:lineward-operator"]),
      sentence: "Run the line: batches, release, stop, acknowledge."),
    Key(
      table: "roles", name: "supervisor", kind: .texts,
      fallback: .texts(["group:lineward-supervisor"]),
      sentence: "As operators, and reset latched alarms."),
    Key(
      table: "roles", name: "quality", kind: .texts, fallback: .texts(["group:lineward-quality"]),
      sentence: "Stop the line; judge containments."),
    Key(
      table: "roles", name: "maintenance", kind: .texts,
      fallback: .texts(["group:lineward-maintenance"]),
      sentence: "Stop the line; reset latched alarms."),
    Key(
      table: "roles", name: "shared", kind: .texts, fallback: .texts([]),
      sentence: "Logins that several people use: they will have to say who they are."),
    Key(
      table: "scanner", name: "name", kind: .text(1...32), fallback: .required,
      sentence: "Its name, unique among scanners.", example: "\"camera-1\""),
    Key(
      table: "scanner", name: "transport", kind: .word(["serial", "hid", "keyboard", "tcp"]),
      fallback: .text("serial"), sentence: "How it is connected; this version has serial."),
    Key(
      table: "scanner", name: "device", kind: .text(1...4096), fallback: .none,
      sentence: "Its device path; it need not be there yet.",
      example: "\"/dev/serial/by-id/usb-scanner\""),
    Key(
      table: "scanner.match", name: "vendor", kind: .text(4...4), fallback: .none,
      sentence: "USB vendor id, four hexadecimal digits, in place of a path."),
    Key(
      table: "scanner.match", name: "product", kind: .text(4...4), fallback: .none,
      sentence: "USB product id, four hexadecimal digits."),
    Key(
      table: "scanner.match", name: "serial", kind: .text(1...128), fallback: .none,
      sentence: "The device's serial number."),
    Key(
      table: "scanner", name: "baud",
      kind: .oneOf([
        1200, 2400, 4800, 9600, 19200, 38400, 57600, 115_200, 230_400, 460_800, 921_600,
      ]), fallback: .number(115_200), sentence: "Bits a second."),
    Key(
      table: "scanner", name: "prefix", kind: .text(0...16), fallback: .text(""),
      sentence: "What stands before each message; TOML escapes, e.g. \"\\u0002\"."),
    Key(
      table: "scanner", name: "suffix", kind: .text(1...16), fallback: .text("\r\n"),
      sentence: "What ends each message."),
    Key(
      table: "scanner", name: "no_read", kind: .text(0...64), fallback: .text("NOREAD"),
      sentence: "The scanner's own text for a trigger without a read; \"\" if it has none."),
    Key(
      table: "scanner", name: "require_symbology", kind: .text(0...3), fallback: .text("]d2"),
      sentence:
        "The AIM identifier that each read has to begin with; \"\" accepts messages without one."),
    Key(
      table: "scanner", name: "grade_separator", kind: .text(0...8), fallback: .text(""),
      sentence:
        "What stands between data and grade (grade/aperture/light/angle); \"\" if it sends none."),
    Key(
      table: "plc", name: "name", kind: .text(1...32), fallback: .required,
      sentence: "Its name, unique among PLCs.", example: "\"plc-1\""),
    Key(
      table: "plc", name: "transport", kind: .word(["tcp", "rtu"]), fallback: .text("tcp"),
      sentence: "Modbus TCP or RTU; this version has tcp."),
    Key(
      table: "plc", name: "host", kind: .text(1...253), fallback: .required,
      sentence: "Address or name.", example: "\"127.0.0.1\""),
    Key(
      table: "plc", name: "port", kind: .number(1...65535), fallback: .number(502),
      sentence: "TCP port."),
    Key(
      table: "plc", name: "unit_id", kind: .number(0...255), fallback: .number(1),
      sentence: "Modbus unit identifier."),
    Key(
      table: "plc", name: "poll_ms", kind: .number(1...1000), fallback: .number(10),
      sentence: "Time between two looks at the PLC's registers."),
    Key(
      table: "plc", name: "heartbeat_ms", kind: .number(10...10_000), fallback: .number(100),
      sentence: "The host heartbeat moves at least this often; the PLC stops after ten times this."),
    Key(
      table: "plc", name: "timeout_ms", kind: .number(10...10_000), fallback: .number(500),
      sentence: "One telegram has to be answered within this."),
    Key(
      table: "plc", name: "lost_ms", kind: .number(10...60_000), fallback: .number(1000),
      sentence: "PLC heartbeat unchanged for this long: link lost."),
    Key(
      table: "station", name: "name", kind: .text(1...32), fallback: .required,
      sentence: "Its name, unique among stations.", example: "\"unit-1\""),
    Key(
      table: "station", name: "kind", kind: .word(["unit", "aggregation", "rework"]),
      fallback: .text("unit"), sentence: "What it does; this version has unit."),
    Key(
      table: "station", name: "scanner", kind: .textOrTexts, fallback: .required,
      sentence:
        "Its scanner, or a list: one message from each per trigger, one good read is enough.",
      example: "\"camera-1\""),
    Key(
      table: "station", name: "plc", kind: .text(1...32), fallback: .required,
      sentence: "Its PLC.", example: "\"plc-1\""),
    Key(
      table: "station", name: "host_base", kind: .number(0...65535), fallback: .number(0),
      sentence: "First register of the host block, zero-based."),
    Key(
      table: "station", name: "plc_base", kind: .number(0...65535), fallback: .number(100),
      sentence: "First register of the PLC block; blocks may not overlap."),
    Key(
      table: "station", name: "slots", kind: .oneOf([8, 16, 32]), fallback: .number(16),
      sentence: "Ring slots in each direction."),
    Key(
      table: "station", name: "tracking", kind: .word(["trigger", "none"]),
      fallback: .text("trigger"),
      sentence: "trigger: one message for each PLC trigger; none: only for stations without a gate."
    ),
    Key(
      table: "station", name: "read_timeout_ms", kind: .number(milliseconds), fallback: .number(40),
      sentence:
        "A trigger's message comes within this; with early_read_ms it is shorter than the shortest time between triggers."
    ),
    Key(
      table: "station", name: "early_read_ms", kind: .number(0...60_000), fallback: .number(30),
      sentence: "A message may come this long before the poll that shows its trigger."),
    Key(
      table: "station", name: "quiet_ms", kind: .number(milliseconds), fallback: .number(1000),
      sentence: "Without trigger and message for this long, the line is in step again."),
    Key(
      table: "station", name: "silent_is", kind: .word(["doubt", "no_read"]),
      fallback: .text("doubt"),
      sentence:
        "What a trigger without a message means; no_read for scanners that stay silent by design."),
    Key(
      table: "station", name: "gate_outcomes", kind: .flag, fallback: .flag(true),
      sentence: "Whether the PLC reports what happened at the reject gate."),
    Key(
      table: "verification", name: "minimum_grade", kind: .real(0...4), fallback: .real(1.5),
      sentence:
        "ISO/IEC 15415 grade below which a pack is rejected; ignored where the scanner sends none."),
    Key(
      table: "verification", name: "order", kind: .word(["any", "printed"]), fallback: .text("any"),
      sentence: "printed: reads have to follow the print feed; this version has any."),
    Key(
      table: "verification", name: "order_window", kind: .number(1...65536), fallback: .number(64),
      sentence: "How far a read may skip ahead in the print feed."),
    Key(
      table: "limits", name: "consecutive_rejects", kind: .number(1...100_000),
      fallback: .number(5),
      sentence: "So many rejects in a row; verdicts 12, 15 and 16 do not count."),
    Key(
      table: "limits", name: "consecutive_no_reads", kind: .number(1...100_000),
      fallback: .number(3), sentence: "So many no-reads in a row."),
    Key(
      table: "limits", name: "stop_confirm_ms", kind: .number(10...60_000), fallback: .number(1000),
      sentence: "After a stop: the PLC obeys it and the conveyor stands within this."),
    Key(
      table: "limits", name: "outcome_ms", kind: .number(10...3_600_000), fallback: .number(5000),
      sentence: "Time with the conveyor moving in which every unit has its outcome."),
    Key(
      table: "containment", name: "duration_minutes", kind: .number(1...1440),
      fallback: .number(60), sentence: "How long the playbook may take."),
  ]
}

extension Key {
  /// What a value may be, for errors and the reference.
  var expectation: String {
    switch kind {
    case .text(let range) where range.lowerBound == range.upperBound:
      "a text of \(range.lowerBound) bytes"
    case .text(let range): "a text of \(range.lowerBound) to \(range.upperBound) bytes"
    case .word(let words): words.map { "\"\($0)\"" }.joined(separator: " or ")
    case .number(let range): "a whole number from \(range.lowerBound) to \(range.upperBound)"
    case .oneOf(let numbers): "one of " + numbers.map(String.init).joined(separator: ", ")
    case .real(let range): "a number from \(range.lowerBound) to \(range.upperBound)"
    case .flag: "true or false"
    case .texts: "a list of texts"
    case .textOrTexts: "a text, or a list of texts"
    }
  }

  /// The fallback as TOML, or nil.
  var fallbackText: String? {
    switch fallback {
    case .text(let text): Key.quoted(text)
    case .number(let number): String(number)
    case .real(let real): String(real)
    case .flag(let flag): String(flag)
    case .texts(let texts): "[" + texts.map(Key.quoted).joined(separator: ", ") + "]"
    case .required, .none: nil
    }
  }

  static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\r": result += "\\r"
      case "\n": result += "\\n"
      case "\t": result += "\\t"
      default:
        if scalar.value < 0x20 {
          let digits = String(scalar.value, radix: 16, uppercase: true)
          result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        } else {
          result.unicodeScalars.append(scalar)
        }
      }
    }
    return result + "\""
  }
}
