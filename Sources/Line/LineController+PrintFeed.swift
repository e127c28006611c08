internal import Alarms

/// What the live print feed says: printer or controller name each serial when they have printed it.
public enum PrintFeedEvent: Sendable {
  /// Serials were printed, in this order.
  case printed([[UInt8]])
  /// A line came that is no serial; the first bytes of it, and why.
  case badLine([UInt8], reason: String)
  /// The printer connected, or its line was opened.
  case connected
  /// It went, or its line could not be opened.
  case disconnected(reason: String)
  /// A second connection was turned away while one stood.
  case refused
  /// More came than the ring takes: so many lines are gone.
  case lost(Int)
}

/// How the print feed does, for `status`; counts are since the daemon's start.
public struct PrintFeedStatus: Sendable, Hashable {
  /// Whether it is connected.
  public var isConnected = false
  /// Why it is not; empty when it is.
  public var fault = "nobody has connected yet"
  /// Lines that were no serial.
  public var badLines = 0
  /// Serials that it named twice.
  public var printedTwice = 0
  /// Serials that could not be expected: not in the pool, or not to be printed any more.
  public var unexpected = 0
  /// Lines that found no room.
  public var lost = 0
}

/// What the core keeps of the print feed that no record holds.
struct PrintFeedState: Sendable {
  var status = PrintFeedStatus()
  /// When the last serial came, or the line was released after it.
  private var quietSince = Instant(nanoseconds: 0)
  /// Units judged since then, and when the last of them was.
  private var units = 0
  private var lastUnit = Instant(nanoseconds: 0)

  /// So many units without a new serial, besides the time, make a stall: in a gap between packs nothing is printed either.
  private static let stallUnits = 3

  /// A serial came, or the line was released.
  mutating func lineRuns(from now: Instant) {
    quietSince = now
    units = 0
  }

  mutating func judged(now: Instant) {
    units += 1
    lastUnit = now
  }

  /// Packs came for so long without a serial; nil while that says nothing.
  var silence: Instant.Span? {
    units >= PrintFeedState.stallUnits ? lastUnit - quietSince : nil
  }
}

extension LineController {
  /// The running batch, if the feed gives its order.
  private var fedBatch: Int? {
    runningBatch.flatMap { batches[$0].order?.source == .feed ? $0 : nil }
  }

  mutating func printFeed(_ event: PrintFeedEvent, now: Instant) {
    switch event {
    case .printed(let serials): printed(serials, now: now)
    case .badLine(let bytes, let reason):
      feed.status.badLines += 1
      // Its pack, if there is one, is rejected by 13; a line that is nothing else stalls the feed.
      raise(
        .printUnexpected, place: "",
        message: "the print feed sent a line that \(reason): \(Self.quoted(bytes))",
        again: false)
    case .connected:
      guard !feed.status.isConnected else { return }
      feed.status.isConnected = true
      feed.status.fault = ""
      emit(Record(.printFeedOnline))
      notice(.printFeedOnline, .notice, "the print feed is connected")
      endAlarm(.printFeedLost, place: "")
    case .disconnected(let reason):
      feed.status.fault = reason
      let message = "the print feed is not connected: \(reason)"
      if feed.status.isConnected {
        feed.status.isConnected = false
        emit(Record(.printFeedOffline, detail: reason))
        notice(.printFeedLost, .error, message)
      }
      raise(.printFeedLost, place: "", message: message, again: false)
    case .refused:
      notice(
        .printFeedLost, .warning, "a second connection to the print feed was refused: one stands")
    case .lost(let count):
      feed.status.lost += count
      stopForFeed(
        .eventsLost, "\(count) lines of the print feed were lost: more came than could be taken",
        place: "print feed", now: now)
    }
  }

  private mutating func printed(_ serials: [[UInt8]], now: Instant) {
    feed.lineRuns(from: now)
    guard let index = runningBatch, let pool = batches[index].pool else {
      unexpected(serials[...], "while no batch is running", now: now)
      return
    }
    // A batch that was opened with --print-order keeps the order of its file.
    guard batches[index].order?.source == .feed else { return }
    var rows: [Int32] = []
    var fresh: Set<Int32> = []
    var twice: [[UInt8]] = []
    var unknown: [[UInt8]] = []
    var spent: [[UInt8]] = []
    for serial in serials {
      guard let row = pool.row(of: serial.span) else {
        unknown.append(serial)
        continue
      }
      if batches[index].order?.wasPrinted(row) == true || !fresh.insert(row).inserted {
        twice.append(serial)
      } else if pool.word(at: row).state != .allocated {
        spent.append(serial)
      } else {
        rows.append(row)
      }
    }
    take(printed: rows, batch: index)
    if let serial = twice.first {
      feed.status.printedTwice += twice.count
      stopForFeed(
        .printedTwice, "serial \(Self.quoted(serial)) was printed twice" + Self.more(twice),
        now: now)
    }
    unexpected(unknown[...], "which is not in the pool of batch \(batches[index].id)", now: now)
    unexpected(spent[...], "which is not to be printed any more", now: now)
  }

  /// Records rows as printed; several records where they are many.
  mutating func take(printed rows: [Int32], batch index: Int) {
    var rest = rows[...]
    while !rest.isEmpty {
      let part = rest.prefix(PrintOrder.rowsPerRecordMax)
      rest = rest.dropFirst(part.count)
      emit(
        Record(
          .printed, batch: batches[index].number, number: UInt32(part.count),
          raw: PrintOrder.encoded(part)))
      endAlarm(.printFeedStalled, place: "")
    }
  }

  private mutating func unexpected(_ serials: ArraySlice<[UInt8]>, _ why: String, now: Instant) {
    guard let serial = serials.first else { return }
    feed.status.unexpected += serials.count
    stopForFeed(
      .printUnexpected, "serial \(Self.quoted(serial)) was printed, \(why)" + Self.more(serials),
      now: now)
  }

  /// What a printer does wrong stops the line that runs; while it stands, one alarm tells.
  private mutating func stopForFeed(
    _ kind: AlarmKind, _ message: String, place: String = "", now: Instant
  ) {
    raise(kind, place: place, message: message, again: permit)
    if permit { withdrawPermit(.limitExceeded, detail: message, now: now) }
  }

  // MARK: When units come

  /// A unit was judged; `passed` is how far its batch was in the print order before.
  mutating func checkPrintOrder(passed: Int?, batch: Int?, now: Instant) {
    guard permit else { return }
    feed.judged(now: now)
    guard let batch, let passed, batches[batch].order?.next ?? 0 > passed,
      let order = batches[batch].order
    else { return }
    let limit = settings.limits.printedNotRead
    if limit > 0, order.next > passed + 1, order.recentSkips.count >= limit {
      stopForFeed(
        .printedNotRead,
        "\(order.recentSkips.count) of the last \(PrintOrder.skipSpan) printed serials were not read",
        now: now)
    }
    if let lowMark = settings.printFeed?.lowMark, order.source == .feed, !order.isComplete,
      order.waitingCount <= lowMark
    {
      stopForFeed(
        .printFeedStalled,
        "printed serials before the reader: \(order.waitingCount), and no more came from the print feed",
        now: now)
    }
  }

  /// Packs come and no serial does: a matter of time, which no record holds.
  mutating func checkPrintFeed(now: Instant) {
    guard permit, let stall = settings.printFeed?.stall, stall > .zero, let silence = feed.silence,
      silence >= stall, let index = fedBatch, batches[index].order?.isComplete == false
    else { return }
    stopForFeed(
      .printFeedStalled,
      "the print feed has named no serial for \(silence.nanoseconds / 1_000_000) ms while packs came",
      now: now)
  }

  /// Why the line cannot be released, as far as the print feed goes.
  func printFeedObstacles() -> [String] {
    guard settings.printFeed != nil, let index = fedBatch,
      batches[index].order?.isComplete == false
    else { return [] }
    var causes: [String] = []
    if !feed.status.isConnected {
      causes.append("the print feed is not connected: \(feed.status.fault)")
    }
    // An inline printer prints only while the line runs, so a person who has looked at it may go on.
    for alarm in alarms.active
    where alarm.kind == .printFeedStalled && alarm.causeStands && alarm.life.isUnacknowledged {
      causes.append(
        "the print feed stands still: \(alarm.message); look at the printer and acknowledge the alarm"
      )
    }
    return causes
  }

  /// After a storage fault: what was printed in the turn that found no disk is recorded now.
  mutating func takePrinted(of failed: LineController) {
    feed = failed.feed
    guard let index = fedBatch, let order = batches[index].order,
      let known = failed.batches.first(where: { $0.number == batches[index].number })?.order
    else { return }
    take(printed: known.rows(from: order.printed), batch: index)
  }

  // MARK: Words

  private static func more(_ serials: some Collection) -> String {
    serials.count > 1 ? ", and \(serials.count - 1) more" : ""
  }

  /// What came from outside, so that it cannot act on a terminal.
  private static func quoted(_ bytes: [UInt8]) -> String {
    String(decoding: bytes.prefix(40).map { (0x21...0x7E).contains($0) ? $0 : 0x3F }, as: UTF8.self)
  }
}
