extension Key {
  /// The tables in the order of the sample file; those that repeat come any number of times, as `[[name]]`.
  static let tables: [(name: String, repeats: Bool, sentence: String)] = [
    ("line", false, "The line."),
    ("storage", false, "Where the records are kept."),
    ("control", false, "The socket for operators and programs."),
    (
      "web", false,
      """
      The web view for the monitor above the line, and metrics for Prometheus. It only shows: no command comes in by it. It has \
      no password, so it listens on this machine alone; for others put a proxy with one before it.
      """
    ),
    (
      "roles", false,
      """
      Who may do what: Unix users and groups, each "group:NAME" or "user:NAME". Looking is free for whoever can open \
      the socket. uid 0 may run every command, and is recorded as root.
      """
    ),
    (
      "signatures", false,
      """
      Electronic signatures: what asks for one. They are given with lineward --as USER and that user's password, which the \
      helper lineward-auth checks.
      """
    ),
    ("scanner", true, "A scanner; one table for each."),
    ("plc", true, "A PLC, reached by Modbus; one table for each."),
    (
      "station", true,
      "A station, where packs are read and judged: it joins a scanner, a PLC and the gate behind them."
    ),
    ("verification", false, "How reads are held against the batch."),
    (
      "print_feed", false,
      """
      Printer or controller name each serial when they have printed it, one a line. A batch that is opened without \
      --print-order takes its print order from here.
      """
    ),
    ("limits", false, "Each one breached raises an alarm and stops the line."),
    (
      "challenge", false,
      "The challenge test: known bad packs are sent through a station, and each has to be rejected and seen so."
    ),
    (
      "second_stop", false,
      """
      A second way to stop the line, taken when a stop is not confirmed within limits.stop_confirm_ms. It is no safety \
      function either. While it cannot be taken (its PLC out of reach, its program missing) an alarm stands, and the line is not \
      released.
      """
    ),
    (
      "containment", false,
      "Containment: what opens a case, and what has to be done in it before the line runs again."
    ),
    (
      "contact", true,
      """
      Somebody who is told of a containment case; one table for each, at most 64. Whatever ways it has, a line in the \
      journal is always one of them.
      """
    ),
  ]

  private static let bauds: [Int64] = [
    1200, 2400, 4800, 9600, 19_200, 38_400, 57_600, 115_200, 230_400, 460_800, 921_600,
  ]

  static let milliseconds: ClosedRange<Int64> = 1...60_000

  static let all: [Key] =
    general + roles + signatures + scanner + plc + station + verification + printFeed + limits
    + challenge
    + secondStop + containment + alerting + contact

  private static let general = [
    Key(
      table: "line", name: "id", kind: .text(1...32), fallback: .required,
      sentence: "The line's name; it goes into every record.", example: "\"L01\""),
    Key(
      table: "storage", name: "directory", kind: .text(1...4096),
      fallback: .text("/var/lib/lineward"),
      sentence: """
        Folder of records and serial files, on a local disk; made with mode 0750 if absent.
        """),
    Key(
      table: "storage", name: "min_free_mb", kind: .number(1...1_000_000),
      fallback: .number(500),
      sentence: """
        Free space on its disk, in 10⁶ bytes, below which an alarm is raised; three days before it is reached another \
        alarm tells.
        """),
    Key(
      table: "storage", name: "heads_file", kind: .text(0...4096), fallback: .text(""),
      sentence: """
        File that each signed head is appended to, best on another machine's disk: a head kept elsewhere proves later that no \
        records were cut off. It has to be there (touch); an absent mount is an alarm and holds nothing up. "" for none.
        """),
    Key(
      table: "storage", name: "heads_command", kind: .texts, fallback: .texts([]),
      sentence: """
        Program, by its whole path, and its arguments, that gets each signed head on its standard input; no shell reads them. [] \
        for none.
        """),
    Key(
      table: "storage", name: "heads_timeout_ms", kind: .number(100...600_000),
      fallback: .number(10_000),
      sentence: """
        File or command take a head within this; then the command is killed, and there is an alarm.
        """),
    Key(
      table: "control", name: "socket", kind: .text(1...107),
      fallback: .text("/run/lineward/control.sock"),
      sentence: "Path of the control socket; without effect where systemd hands one over."),
    Key(
      table: "control", name: "auth_socket", kind: .text(1...107),
      fallback: .text("/run/lineward/auth.sock"),
      sentence: "Path of the socket at which lineward-auth checks passwords."),
    Key(
      table: "web", name: "listen", kind: .text(0...112), fallback: .text(""),
      sentence: """
        Where it listens: a loopback address and a port, "127.0.0.1:8780" or "[::1]:8780", or a Unix socket, \
        "unix:/run/lineward-web/web.sock". "" for nowhere.
        """),
  ]

  private static let roles = [
    Key(
      table: "roles", name: "operator", kind: .texts,
      fallback: .texts(["group:lineward-operator"]),
      sentence: """
        Open, start, pause and close batches; release and stop the line; acknowledge alarms.
        """),
    Key(
      table: "roles", name: "supervisor", kind: .texts,
      fallback: .texts(["group:lineward-supervisor"]),
      sentence: "What operators may, and reset latched alarms."),
    Key(
      table: "roles", name: "quality", kind: .texts, fallback: .texts(["group:lineward-quality"]),
      sentence: "Stop the line."),
    Key(
      table: "roles", name: "maintenance", kind: .texts,
      fallback: .texts(["group:lineward-maintenance"]),
      sentence: "Stop the line, and reset latched alarms."),
    Key(
      table: "roles", name: "shared", kind: .texts, fallback: .texts([]),
      sentence: """
        Logins that several people use: for all but looking and line stop they have to give lineward --as USER, and that \
        user's password.
        """),
  ]

  private static let signatures = [
    Key(
      table: "signatures", name: "close_unbalanced", kind: .flag, fallback: .flag(false),
      sentence: "Closing a batch that does not balance needs a supervisor's signature."),
    Key(
      table: "signatures", name: "release", kind: .texts, fallback: .texts([]),
      sentence: """
        Roles of which one has to sign each line release, e.g. ["quality"]; who signs it, gives it. [] for none.
        """),
    Key(
      table: "signatures", name: "tries", kind: .number(1...20), fallback: .number(5),
      sentence: "So many wrong passwords of one login within lock_minutes lock it."),
    Key(
      table: "signatures", name: "lock_minutes", kind: .number(1...1440), fallback: .number(15),
      sentence: "For so many minutes a locked login's password is not asked for."),
  ]

  private static let scanner = [
    Key(
      table: "scanner", name: "name", kind: .text(1...32), fallback: .required,
      sentence: "Its name, unique among scanners; stations name it.", example: "\"camera-1\""),
    Key(
      table: "scanner", name: "profile", kind: .text(0...4096), fallback: .text(""),
      sentence: """
        What its maker calls it, e.g. "cognex-dataman": a file with values for the keys below that are left out here. \
        It is looked for in the folder scanners beside this file, then in /usr/share/lineward/scanners; a whole path \
        works too. "" for none; docs/scanners.md has all.
        """),
    Key(
      table: "scanner", name: "transport", kind: .word(["serial", "hid", "keyboard", "tcp"]),
      fallback: .text("serial"),
      sentence: """
        How it is connected: "serial", also a USB scanner in its serial (CDC) mode; "hid", a USB scanner in its HID POS mode; \
        "keyboard", one that types (see keyboard-scanners.md); or "tcp", where host or listen says who connects.
        """),
    Key(
      table: "scanner", name: "device", kind: .text(1...4096), fallback: .none,
      sentence: """
        Its device, needed where there is no match, but with "tcp"; a path below /dev/serial/by-id stays the same when the \
        scanner is plugged in elsewhere. It need not be there at the start.
        """, example: "\"/dev/serial/by-id/usb-MAKER_MODEL_SERIAL-if00\""),
    Key(
      table: "scanner", name: "match", kind: .table(["vendor", "product", "serial", "port"]),
      fallback: .none,
      sentence: """
        What its device has to be, in place of a path: USB vendor and product as four hex digits, serial number, port \
        (udev's ID_PATH), as many as it takes to find one device and no other. lineward scanners discover prints it.
        """, example: "{ vendor = \"05f9\", product = \"2214\", serial = \"S1234\" }"),
    Key(
      table: "scanner", name: "layout", kind: .text(1...4096), fallback: .text("us"),
      sentence: """
        With "keyboard": the layout that the scanner types in, a file of the installed layouts (us, de, fr, gb) or a whole path.
        """),
    Key(
      table: "scanner", name: "gs_is_f8", kind: .flag, fallback: .flag(false),
      sentence:
        "With \"keyboard\": whether the scanner types F8 for GS; Ctrl+] and Alt+029 are GS in any case."
    ),
    Key(
      table: "scanner", name: "host", kind: .text(1...45), fallback: .none,
      sentence: """
        With "tcp": its address in digits, to connect to; a name would make the line depend on a name server. With listen \
        beside it, the only address that may connect.
        """, example: "\"192.0.2.20\""),
    Key(
      table: "scanner", name: "port", kind: .number(1...65_535), fallback: .none,
      sentence: "With \"tcp\" and host: its TCP port.", example: "23"),
    Key(
      table: "scanner", name: "listen", kind: .text(1...64), fallback: .none,
      sentence: """
        With "tcp", where the scanner connects to the daemon: address in digits and port on which the daemon listens, as \
        "address:port" or "[address]:port". One connection at a time, and a port for each scanner.
        """, example: "\"192.0.2.5:2112\""),
    Key(
      table: "scanner", name: "baud",
      kind: .oneOf(bauds), fallback: .number(115_200),
      sentence: "Bits a second."),
    Key(
      table: "scanner", name: "data_bits", kind: .oneOf([7, 8]), fallback: .number(8),
      sentence: "Data bits of a character on a serial line."),
    Key(
      table: "scanner", name: "parity", kind: .word(["none", "odd", "even"]),
      fallback: .text("none"),
      sentence: """
        The parity bit on a serial line: "none", "odd" or "even". With one, a character that came wrong is noticed and \
        its message dropped.
        """),
    Key(
      table: "scanner", name: "stop_bits", kind: .oneOf([1, 2]), fallback: .number(1),
      sentence: "Stop bits on a serial line."),
    Key(
      table: "scanner", name: "prefix", kind: .framing(0...16), fallback: .text(""),
      sentence: "What stands before each message, with TOML's escapes: STX is \"\\u0002\"."),
    Key(
      table: "scanner", name: "suffix", kind: .framing(0...16), fallback: .text("\r\n"),
      sentence: "What ends each message; \"\" where nothing does but a pause of gap_ms."),
    Key(
      table: "scanner", name: "gap_ms", kind: .number(5...10_000, or: 0), fallback: .number(0),
      sentence: """
        A pause so long within a message voids it, or ends it where suffix is "". 0: pauses say nothing. USB adapters \
        deliver in lumps, up to 16 ms apart.
        """),
    Key(
      table: "scanner", name: "message_max", kind: .number(1...1024), fallback: .number(1024),
      sentence: "The longest message in bytes, without prefix and suffix; a longer one is dropped."),
    Key(
      table: "scanner", name: "no_read", kind: .framings(0...64, atMost: 8, orOne: true),
      fallback: .texts(["NOREAD"]),
      sentence: """
        What the scanner sends when it saw no code, without prefix and suffix, or a list of such texts; "" if it sends \
        nothing (see silent_is).
        """),
    Key(
      table: "scanner", name: "require_symbology", kind: .text(0...3), fallback: .text("]d2"),
      sentence: """
        The AIM identifier that each read has to begin with: ]d2 is GS1 DataMatrix. "" also takes messages without one, \
        and then nothing shows that the code was a DataMatrix.
        """),
    Key(
      table: "scanner", name: "grade_separator", kind: .framing(0...8), fallback: .text(""),
      sentence: """
        What stands between the data and its grade (grade/aperture/light/angle); "" if the scanner sends no grade.
        """),
    Key(
      table: "scanner", name: "code_separator", kind: .framing(0...8), fallback: .text(""),
      sentence: """
        What stands between codes when the scanner sends several in one message, which is a reject. At least one of its \
        characters is in no serial, e.g. ",]": a comma and the next identifier. "" if it sends one code only.
        """),
    Key(
      table: "scanner", name: "answers", kind: .framings(1...64, atMost: 16, orOne: false),
      fallback: .texts([]),
      sentence: """
        What the scanner's answers to commands begin with, where they come between reads: such a message is no read.
        """),
    Key(
      table: "scanner", name: "heartbeat", kind: .framing(0...64), fallback: .text(""),
      sentence: """
        What the message begins with by which the scanner shows that it lives; "" if it sends none. With it the scanner is \
        online only while messages come.
        """),
    Key(
      table: "scanner", name: "heartbeat_ms", kind: .number(500...600_000),
      fallback: .number(10_000),
      sentence: """
        With heartbeat: the scanner is lost when neither heartbeat nor read came for so long; three times the scanner's own \
        interval is a good value.
        """),
    Key(
      table: "scanner", name: "setup", kind: .framings(1...256, atMost: 16, orOne: false),
      fallback: .texts([]),
      sentence: """
        Commands that are sent in this order each time the scanner was opened, with whatever ends them. The scanner is \
        online when all were answered as setup_answers says.
        """),
    Key(
      table: "scanner", name: "setup_answers",
      kind: .framings(0...64, atMost: 16, orOne: false), fallback: .texts([]),
      sentence: """
        What the answer to each command of setup begins with, one for each; "" awaits none. [] awaits none at all.
        """),
    Key(
      table: "scanner", name: "setup_ms", kind: .number(100...60_000), fallback: .number(2000),
      sentence: """
        Each answer comes within this; else the scanner is left, and set up again from the beginning.
        """),
    Key(
      table: "scanner", name: "trigger_on", kind: .framing(0...64), fallback: .text(""),
      sentence: """
        The command that makes the scanner read; sent with trigger_at_opening, and by lineward scanners trigger. A HID POS \
        scanner has a report for it.
        """),
    Key(
      table: "scanner", name: "trigger_off", kind: .framing(0...64), fallback: .text(""),
      sentence: """
        The command that ends reading; sent before the daemon closes the scanner with trigger_at_opening, and behind the \
        message by lineward scanners trigger.
        """),
    Key(
      table: "scanner", name: "trigger_at_opening", kind: .flag, fallback: .flag(false),
      sentence: """
        Whether trigger_on, or a HID POS scanner's report, is sent when the scanner was opened and set up. false: a sensor, the PLC or the scanner itself \
        triggers it.
        """),
  ]

  private static let plc = [
    Key(
      table: "plc", name: "name", kind: .text(1...32), fallback: .required,
      sentence: "Its name, unique among PLCs; stations name it.", example: "\"plc-1\""),
    Key(
      table: "plc", name: "transport", kind: .word(["tcp", "rtu"]), fallback: .text("tcp"),
      sentence: "Modbus TCP (\"tcp\") or Modbus RTU on a serial line (\"rtu\")."),
    Key(
      table: "plc", name: "host", kind: .text(1...253), fallback: .none,
      sentence: """
        Its address, needed with "tcp"; a name works too, but then the line depends on a name server.
        """,
      example: "\"192.0.2.10\""),
    Key(
      table: "plc", name: "port", kind: .number(1...65_535), fallback: .number(502),
      sentence: "TCP port."),
    Key(
      table: "plc", name: "unit_id", kind: .number(0...247, or: 255), fallback: .number(1),
      sentence: """
        Modbus unit identifier; many PLCs on TCP take any. With "rtu" 1 to 247, and another one for each PLC on a bus.
        """),
    Key(
      table: "plc", name: "device", kind: .text(0...4096), fallback: .text(""),
      sentence: """
        Its serial port, needed with "rtu", and all keys from here to echo are for that alone. PLCs with the same device \
        share a bus, and then these keys are the same for all of them.
        """),
    Key(
      table: "plc", name: "baud",
      kind: .oneOf([
        1200, 2400, 4800, 9600, 19_200, 38_400, 57_600, 115_200, 230_400, 460_800, 921_600,
      ]), fallback: .number(19_200), sentence: "Bits a second; 8 data bits, as RTU always has."),
    Key(
      table: "plc", name: "parity", kind: .word(["even", "odd", "none"]), fallback: .text("even"),
      sentence: """
        The parity bit: "even", as the standard wants it, "odd", or "none", and then with 2 stop bits.
        """),
    Key(
      table: "plc", name: "stop_bits", kind: .oneOf([1, 2]), fallback: .number(1),
      sentence: "Stop bits."),
    Key(
      table: "plc", name: "rs485", kind: .word(["adapter", "rts_high", "rts_low"]),
      fallback: .text("adapter"),
      sentence: """
        Who switches an RS-485 transceiver. "adapter": it does so by itself, or there is none to switch. "rts_high", \
        "rts_low": the kernel, with RTS so while sending; its driver has to be able to.
        """),
    Key(
      table: "plc", name: "rts_before_ms", kind: .number(0...100), fallback: .number(0),
      sentence: "With \"rts_high\" and \"rts_low\": how long RTS stands before the first bit."),
    Key(
      table: "plc", name: "rts_after_ms", kind: .number(0...100), fallback: .number(0),
      sentence: "With \"rts_high\" and \"rts_low\": how long RTS stands after the last bit."),
    Key(
      table: "plc", name: "byte_timeout_ms", kind: .number(0...1000), fallback: .number(50),
      sentence: """
        The longest pause within an answer; 0: only timeout_ms ends it. USB adapters deliver in lumps, up to 16 ms apart.
        """),
    Key(
      table: "plc", name: "silence_us", kind: .number(0...100_000), fallback: .number(0),
      sentence: """
        Silence before each request, in microseconds; 0: as the standard has it, 3.5 characters and 1750 above 19,200 Bd.
        """),
    Key(
      table: "plc", name: "echo", kind: .flag, fallback: .flag(false),
      sentence: """
        Whether what is sent comes back, as with two-wire adapters that hear themselves; it is then compared.
        """),
    Key(
      table: "plc", name: "poll_ms", kind: .number(1...1000), fallback: .number(10),
      sentence: """
        Time from one look at the PLC's registers to the next. A trigger is seen up to so much late, and its verdict is too.
        """),
    Key(
      table: "plc", name: "heartbeat_ms", kind: .number(10...10_000), fallback: .number(100),
      sentence: """
        The daemon's heartbeat moves at least this often. The PLC stops the line when it stands for ten times as long, so \
        the PLC program has to know this number.
        """),
    Key(
      table: "plc", name: "timeout_ms", kind: .number(10...10_000), fallback: .number(500),
      sentence: "Each telegram is answered within this, or the link is lost."),
    Key(
      table: "plc", name: "lost_ms", kind: .number(10...60_000), fallback: .number(1000),
      sentence: """
        The link is lost when the PLC's heartbeat stands for this long; longer than the PLC takes to move it, and than poll_ms.
        """),
    Key(
      table: "plc", name: "packml", kind: .word(["none", "isa-tr88", "opc-tmc"]),
      fallback: .text("none"),
      sentence: """
        PackML commands that go with stop and release. "none": there are none. "isa-tr88", "opc-tmc": how the PLC numbers \
        its states, by ISA-TR88.00.02 or by OPC 30060.
        """),
  ]

  private static let station = [
    Key(
      table: "station", name: "name", kind: .text(1...32), fallback: .required,
      sentence: "Its name, unique among stations.", example: "\"unit-1\""),
    Key(
      table: "station", name: "kind", kind: .word(["unit", "aggregation", "rework"]),
      fallback: .text("unit"), sentence: "What it does; \"unit\" judges single packs.",
      notBuilt: .words(["aggregation", "rework"])),
    Key(
      table: "station", name: "scanner", kind: .textOrTexts, fallback: .required,
      sentence: """
        Its scanner, or a list: then each sends one message for a trigger, one good read is enough, and two different good \
        codes are a reject.
        """, example: "\"camera-1\""),
    Key(
      table: "station", name: "plc", kind: .text(1...32), fallback: .required,
      sentence: "Its PLC.", example: "\"plc-1\""),
    Key(
      table: "station", name: "host_base", kind: .number(0...65_535), fallback: .number(0),
      sentence: """
        First holding register of the block that the daemon writes, zero-based (40001 is 0); 16 + 4 × slots registers long.
        """),
    Key(
      table: "station", name: "plc_base", kind: .number(0...65_535), fallback: .number(100),
      sentence: """
        First holding register of the block that the PLC writes, as long as the other. No two blocks in a PLC overlap.
        """),
    Key(
      table: "station", name: "slots", kind: .oneOf([8, 16, 32]), fallback: .number(16),
      sentence: """
        Slots of the verdict ring and of the outcome ring: so many verdicts, or outcomes, less one, may wait for the other \
        side. The PLC program has to know this number.
        """),
    Key(
      table: "station", name: "tracking", kind: .word(["trigger", "none"]),
      fallback: .text("trigger"),
      sentence: """
        "trigger": one message for each trigger of the PLC. "none": each message is a unit; only for stations without a \
        gate, and only with gate_outcomes = false.
        """),
    Key(
      table: "station", name: "read_timeout_ms", kind: .number(milliseconds), fallback: .number(40),
      sentence: """
        A trigger's message comes within this, counted from the poll that shows the trigger. With early_read_ms it is \
        shorter than the shortest time between two triggers.
        """),
    Key(
      table: "station", name: "early_read_ms", kind: .number(0...60_000), fallback: .number(30),
      sentence: """
        A message may come this long before the poll that shows its trigger; at least poll_ms when the scanner is fast.
        """),
    Key(
      table: "station", name: "quiet_ms", kind: .number(milliseconds), fallback: .number(1000),
      sentence: """
        After doubt, the line is in step again when trigger and messages were quiet for this long; longer than \
        read_timeout_ms and early_read_ms together.
        """),
    Key(
      table: "station", name: "silent_is", kind: .word(["doubt", "no_read"]),
      fallback: .text("doubt"),
      sentence: """
        What a trigger without any message means. "doubt": the scanner is late or dead, so its unit is a no-read and all \
        that follow are rejected until quiet_ms. "no_read": only the no-read, for scanners that stay silent by design.
        """),
    Key(
      table: "station", name: "verdict_deadline_ms", kind: .number(0...60_000),
      fallback: .number(0),
      sentence: """
        An accept that has not left within this after the poll that shows the trigger is not sent, and the pack is rejected: \
        the time from the read station to the gate, less what the PLC needs. 0: accepts go out however late.
        """),
    Key(
      table: "station", name: "gate_outcomes", kind: .flag, fallback: .flag(true),
      sentence: """
        Whether the PLC reports what became of each unit at the gate; false: an accept that the PLC has taken counts as passed.
        """),
  ]

  private static let verification = [
    Key(
      table: "verification", name: "minimum_grade", kind: .tenths(0...40), fallback: .number(15),
      sentence: """
        ISO/IEC 15415 grade below which a pack is rejected; without effect where the scanner sends none.
        """),
    Key(
      table: "verification", name: "order", kind: .word(["any", "printed"]),
      fallback: .text("any"),
      sentence: """
        Whether reads have to follow the print order ("printed") or come in any ("any"). With "printed" every batch is \
        opened with --print-order: its serials are printed in the order of the file; or there is a [print_feed].
        """),
    Key(
      table: "verification", name: "order_window", kind: .number(1...65_536), fallback: .number(64),
      sentence: """
        How many serials a read may be ahead of the next that is due; what it skips was printed and not read. Only with \
        order = "printed".
        """),
  ]

  private static let printFeed = [
    Key(
      table: "print_feed", name: "transport", kind: .word(["none", "unix", "tcp", "serial"]),
      fallback: .text("none"),
      sentence: """
        How the serials come: "unix" and "tcp" are sockets on which the daemon listens for one connection, "serial" is a \
        serial line; "none": there is no feed. Only with order = "printed".
        """),
    Key(
      table: "print_feed", name: "path", kind: .text(1...107),
      fallback: .text("/run/lineward-feed/print.sock"),
      sentence:
        "Path of the Unix socket; made with mode 0660, and the group of its folder where that hands it on."
    ),
    Key(
      table: "print_feed", name: "listen", kind: .text(2...45), fallback: .text("127.0.0.1"),
      sentence: """
        The machine's own address on which it listens, in digits. Whoever reaches it can name serials: give the printer a \
        network of its own.
        """),
    Key(
      table: "print_feed", name: "port", kind: .number(1...65_535), fallback: .number(7171),
      sentence: "TCP port."),
    Key(
      table: "print_feed", name: "device", kind: .text(0...4096), fallback: .text(""),
      sentence: "The serial line, e.g. a path below /dev/serial/by-id."),
    Key(
      table: "print_feed", name: "baud", kind: .oneOf(bauds), fallback: .number(115_200),
      sentence: "Bits a second; 8 data bits, no parity, 1 stop bit."),
    Key(
      table: "print_feed", name: "stall_ms", kind: .number(100...3_600_000, or: 0),
      fallback: .number(5000),
      sentence: """
        The line stops when no serial came for so long while three packs or more did; 0 where whole rolls are printed ahead.
        """),
    Key(
      table: "print_feed", name: "low_mark", kind: .number(1...65_536), fallback: .number(1),
      sentence: """
        The line stops when a read leaves so few printed serials before the reader; fewer than packs stand between printer \
        and reader.
        """),
  ]

  private static let limits = [
    Key(
      table: "limits", name: "consecutive_rejects", kind: .number(1...100_000),
      fallback: .number(5),
      sentence: "So many rejects in a row at a station; verdicts 12, 15 and 16 do not count."),
    Key(
      table: "limits", name: "consecutive_no_reads", kind: .number(1...100_000),
      fallback: .number(3), sentence: "So many no-reads in a row at a station."),
    Key(
      table: "limits", name: "printed_not_read", kind: .number(1...100), fallback: .number(10),
      sentence: """
        So many serials printed and not read among the last 100 of the print order; only with order = "printed".
        """),
    Key(
      table: "limits", name: "duplicates", kind: .number(0...1000), fallback: .number(0),
      sentence: """
        So many packs, since the last release, whose serial another pack has already (verdict 9): the line stops, and the         alarm duplicate_found opens a containment. 0 for no limit; packs of a challenge test do not count.
        """),
    Key(
      table: "limits", name: "stop_confirm_ms", kind: .number(10...60_000),
      fallback: .number(1000),
      sentence: """
        After a stop, the PLC shows within this that it obeys and that the conveyor stands; after a release, that it obeys.
        """),
    Key(
      table: "limits", name: "outcome_ms", kind: .number(10...3_600_000), fallback: .number(5000),
      sentence: """
        Every unit has its outcome within this, counted only while the conveyor moves; longer than from read station to gate.
        """),
  ]

  private static let challenge = [
    Key(
      table: "challenge", name: "packs", kind: .texts,
      fallback: .texts(["no_read", "duplicate", "wrong_lot", "unknown"]),
      sentence: """
        The packs of each test: "no_read", "not_gs1", "wrong_gtin", "wrong_lot", "wrong_expiry", "unknown", "duplicate", \
        "low_grade".
        """),
    Key(
      table: "challenge", name: "every_hours", kind: .number(0...744), fallback: .number(0),
      sentence: """
        A station may run so many hours after a test that it passed; then the line stops (reason 14). 0: no test is needed.
        """),
    Key(
      table: "challenge", name: "after_batch_start", kind: .flag, fallback: .flag(false),
      sentence: "Whether each start of a batch needs a passed test at every station with a gate."),
    Key(
      table: "challenge", name: "timeout_minutes", kind: .number(1...240), fallback: .number(10),
      sentence: "A test whose packs have not all been rejected by then has failed."),
  ]

  private static let secondStop = [
    Key(
      table: "second_stop", name: "way", kind: .word(["none", "coil", "command"]),
      fallback: .text("none"),
      sentence: """
        "none": there is none. "coil": a coil of a PLC is written (function 5); better of one that has nothing to do with the \
        first. "command": a program is run.
        """),
    Key(
      table: "second_stop", name: "plc", kind: .text(0...32), fallback: .text(""),
      sentence: "With \"coil\": the PLC; it needs no station. The coil is read once a second."),
    Key(
      table: "second_stop", name: "coil", kind: .number(0...65_535), fallback: .number(0),
      sentence: "With \"coil\": its address, zero-based."),
    Key(
      table: "second_stop", name: "coil_value", kind: .flag, fallback: .flag(false),
      sentence: "With \"coil\": what is written; nothing writes it back."),
    Key(
      table: "second_stop", name: "command", kind: .texts, fallback: .texts([]),
      sentence: """
        With "command": absolute path and arguments. No shell is between; it runs as the daemon does, with an empty \
        environment but for PATH, and has to end with 0.
        """),
    Key(
      table: "second_stop", name: "timeout_ms", kind: .number(100...60_000),
      fallback: .number(3000),
      sentence: "The coil is written, or the program has ended, within this; or it has failed."),
  ]

  private static let containment = [
    Key(
      table: "containment", name: "duration_minutes", kind: .number(1...1440),
      fallback: .number(60),
      sentence: """
        How long a case may take, from the detection on; with another value the deadlines of the built-in steps keep their \
        share of it. At half, four fifths and the whole of it more people are told.
        """),
    Key(
      table: "containment", name: "opens_on", kind: .texts,
      fallback: .texts(Configuration.Containment.opensOn),
      sentence: """
        Alarms that open a case when they are raised, by their words (docs/alarms.md); the line is not released while it is \
        open. An empty list: only people open cases.
        """),
    Key(
      table: "containment", name: "signatures", kind: .texts, fallback: .texts([]),
      sentence: """
        Roles of which each has to sign before a case is closed, each a person of its own, e.g. ["quality"]; it needs lineward-auth. \
        An empty list: a case is closed without a signature.
        """),
    Key(
      table: "containment", name: "playbook", kind: .text(0...4096), fallback: .text(""),
      sentence: """
        A file with the steps, to rename them, give them other owners and deadlines, or add some; config/playbook.toml is the \
        sample. Empty: the five built-in steps.
        """),
  ]
}
