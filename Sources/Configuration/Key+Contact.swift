extension Key {
  /// Who is told of a containment case.
  static let contact = [
    Key(
      table: "contact", name: "name", kind: .text(1...32), fallback: .required,
      sentence: "Its name, unique among contacts; records and alarms name it.",
      example: "\"shift leader\""),
    Key(
      table: "contact", name: "role", kind: .text(1...32), fallback: .required,
      sentence: """
        "manufacturing", "quality", "it", or a word of the plant's own. A case waits for an answer of each of the three, and of \
        each other role with from = "open".
        """, example: "\"quality\""),
    Key(
      table: "contact", name: "from", kind: .word(["open", "half", "four_fifths", "over"]),
      fallback: .text("open"),
      sentence: """
        Told from this moment of a case on: "open", when it is opened; "half" and "four_fifths", when so much of its time is \
        over; "over", when all of it is.
        """),
    Key(
      table: "contact", name: "command", kind: .texts, fallback: .texts([]),
      sentence: """
        Program, by its whole path, and its arguments, that gets the message on its standard input; no shell reads them. [] for \
        none.
        """),
    Key(
      table: "contact", name: "mail", kind: .text(0...254), fallback: .text(""),
      sentence: "Mail address; it goes out by containment.sendmail. \"\" for none."),
    Key(
      table: "contact", name: "webhook", kind: .text(0...2048), fallback: .text(""),
      sentence: """
        Where the message is posted as JSON, by containment.curl: https://…, or http://… on this machine. "" for none.
        """),
  ]

  /// The programs that messages to contacts go out by; they stand in `[containment]`.
  static let alerting = [
    Key(
      table: "containment", name: "sendmail", kind: .text(1...4096),
      fallback: .text("/usr/sbin/sendmail"),
      sentence: "The program that takes mails for contacts, by its whole path."),
    Key(
      table: "containment", name: "curl", kind: .text(1...4096), fallback: .text("/usr/bin/curl"),
      sentence: "The program that posts to webhooks of contacts, by its whole path."),
  ]
}
