import Logging
import Testing

@testable import Journal

@Suite struct JournalHandlerTests {
  private let mailbox = Mailbox()

  private func logger(_ socket: JournalSocket? = nil) -> Logger {
    let socket = socket ?? JournalSocket(path: mailbox.path)
    return Logger(label: "test") { _ in JournalHandler(identifier: "linewardd", socket: socket) }
  }

  @Test func `A message carries level, identifier, place and its metadata as fields`() throws {
    try #require(mailbox.open())
    logger().error(
      "unit 7 was rejected",
      metadata: [
        "station": "unit-1", "serial": "AB12", "message-id": "\(MessageID.unitRejected.text)",
      ])
    let fields = try #require(mailbox.fields())
    #expect(fields["MESSAGE"] == "unit 7 was rejected")
    #expect(fields["PRIORITY"] == "3")
    #expect(fields["SYSLOG_IDENTIFIER"] == "linewardd")
    #expect(fields["LINEWARD_STATION"] == "unit-1")
    #expect(fields["LINEWARD_SERIAL"] == "AB12")
    #expect(fields["MESSAGE_ID"] == MessageID.unitRejected.text)
    #expect(fields["CODE_FILE"]?.hasSuffix("JournalHandlerTests.swift") == true)
    #expect(fields["CODE_LINE"].flatMap(Int.init) != nil)
    #expect(fields["CODE_FUNC"] != nil)
  }

  @Test(arguments: [
    (Logger.Level.trace, 7), (.debug, 7), (.info, 6), (.notice, 5), (.warning, 4), (.error, 3),
    (.critical, 2),
  ])
  func `Levels become syslog's numbers`(level: Logger.Level, priority: Int) throws {
    try #require(mailbox.open())
    var logger = logger()
    logger.logLevel = .trace
    logger.log(level: level, "level")
    #expect(try #require(mailbox.fields())["PRIORITY"] == "\(priority)")
  }

  @Test func `A message below the logger's level is not sent`() throws {
    try #require(mailbox.open())
    let logger = logger()
    logger.debug("too small")
    logger.info("large enough")
    #expect(try #require(mailbox.fields())["MESSAGE"] == "large enough")
  }

  @Test func `A line feed in a value cannot forge a field`() throws {
    try #require(mailbox.open())
    logger().warning(
      "read\nPRIORITY=0\n", metadata: ["serial": "A\nMESSAGE_ID=00000000000000000000000000000000"])
    let fields = try #require(mailbox.fields())
    #expect(fields["MESSAGE"] == "read\nPRIORITY=0\n")
    #expect(fields["PRIORITY"] == "4")
    #expect(fields["MESSAGE_ID"] == nil)
    #expect(fields["LINEWARD_SERIAL"] == "A\nMESSAGE_ID=00000000000000000000000000000000")
  }

  @Test func `Fields keep bytes as they came, and the message spells control characters out`()
    throws
  {
    try #require(mailbox.open())
    let raw = "]d201095\u{1D}21\u{0}=\u{7F}ä"
    logger().notice("read \(raw)", metadata: ["raw": "\(raw)"])
    let fields = try #require(mailbox.fields())
    #expect(fields["LINEWARD_RAW"] == raw)
    #expect(fields["MESSAGE"] == "read ]d201095<1D>21<00>=<7F>ä")
  }

  @Test func `A value that is too long ends with a whole character`() throws {
    try #require(mailbox.open())
    for filler in ["", "a", "aa", "aaa"] {
      logger().notice("long", metadata: ["text": "\(filler + String(repeating: "😀", count: 9000))"])
      let fields = try #require(mailbox.fields())
      let field = try #require(fields.first { $0.name == "LINEWARD_TEXT" })
      #expect(field.value.count <= JournalEntry.valueBytesMax)
      #expect(field.value.count > JournalEntry.valueBytesMax - 4)
      #expect(String(validating: field.value, as: UTF8.self) != nil)
    }
  }

  @Test func `An entry of any number of fields still goes out as one datagram`() throws {
    try #require(mailbox.open())
    let long = String(repeating: "x", count: 100_000)
    let metadata = Logger.Metadata(
      uniqueKeysWithValues: (0..<50).map { ("key\($0)", "\(long)") })
    logger().notice("\(long)", metadata: metadata)
    let bytes = try #require(mailbox.receive())
    #expect(bytes.count <= JournalEntry.entryBytesMax)
    let fields = try #require(NativeField.read(bytes))
    #expect(fields["MESSAGE"] == String(repeating: "x", count: 8192))
    #expect(fields["PRIORITY"] == "5")
    #expect(fields.filter { $0.name.hasPrefix("LINEWARD_") }.count == 7)
  }

  @Test func `A key becomes a name that journald takes`() {
    #expect(JournalHandler.field("station") == "LINEWARD_STATION")
    #expect(JournalHandler.field("read-time ms") == "LINEWARD_READ_TIME_MS")
    #expect(JournalHandler.field("größe=\n") == "LINEWARD_GR__E__")
    #expect(JournalHandler.field("message-id") == "MESSAGE_ID")
    // journald drops a field whose name is longer than 64 characters.
    #expect(JournalHandler.field(String(repeating: "k", count: 200)).count <= 64)
  }

  @Test func `Without journald nothing stops, and the loss is told when it is back`() throws {
    let socket = JournalSocket(path: mailbox.path)
    let logger = logger(socket)
    for number in 1...10 { logger.notice("message \(number)") }
    #expect(socket.lostCount == 10)
    try #require(mailbox.open())
    logger.notice("message 11")
    let loss = try #require(mailbox.fields())
    #expect(loss["MESSAGE"]?.hasPrefix("10 messages did not reach the journal") == true)
    #expect(loss["PRIORITY"] == "4")
    #expect(try #require(mailbox.fields())["MESSAGE"] == "message 11")
    #expect(socket.lostCount == 0)
  }

  @Test func `A journald that was restarted gets what comes after`() throws {
    let logger = logger()
    try #require(mailbox.open())
    logger.notice("before")
    #expect(try #require(mailbox.fields())["MESSAGE"] == "before")
    mailbox.close()
    try #require(mailbox.open())
    logger.notice("after")
    #expect(try #require(mailbox.fields())["MESSAGE"] == "after")
  }

  @Test func `A journald that stands still costs its patience once, and every loss is counted`()
    throws
  {
    try #require(mailbox.open())
    let socket = JournalSocket(path: mailbox.path)
    let logger = logger(socket)
    let sent = 5000
    let clock = ContinuousClock()
    let duration = clock.measure { for number in 0..<sent { logger.notice("message \(number)") } }
    // Waiting for each that found no room would take more than 400 seconds.
    #expect(duration < .seconds(60))
    let lost = socket.lostCount
    #expect(lost > 0 && lost < sent)

    var received = 0
    while let fields = mailbox.fields(within: received < sent - lost ? 5000 : 0) {
      #expect(fields["MESSAGE"] == "message \(received)")
      received += 1
    }
    #expect(received == sent - lost)
    logger.notice("again")
    let loss = try #require(mailbox.fields())
    #expect(loss["MESSAGE"]?.hasPrefix("\(lost) messages did not reach the journal") == true)
    #expect(try #require(mailbox.fields())["MESSAGE"] == "again")
    #expect(socket.lostCount == 0)
  }
}
