import Alarms
import Foundation
import Testing

/// States × events of one alarm, complete: what it is afterwards, or why nothing was done.
///
/// Words: norm, unack, ack, rtn (returned); before them supp (suppressed), shlv (shelved), out (of service). A latched alarm has a sign for its
/// cause, + stands, - gone. With ! begins why a command is refused. `late` is an acknowledgement of an occurrence before.
@Suite("The life of an alarm: every state, every event")
struct AlarmListTests {
  static let plainTable = """
    state           raise           ends          ack           late   reset      shelve          unshelve   out                 in         release
    norm            unack           norm          !none         !none  !none      shlv/norm       !not-shlv  out/norm            !not-out   norm
    unack           unack           rtn           ack           !other !unlatched shlv/unack      !not-shlv  out/unack           !not-out   unack
    ack             unack           norm          !acked        !other !unlatched shlv/ack        !not-shlv  out/ack             !not-out   ack
    rtn             unack           rtn           norm          !other !unlatched shlv/rtn        !not-shlv  out/rtn             !not-out   rtn
    shlv/norm       shlv/unack      shlv/norm     !none         !none  !none      !is-shlv        norm       shlv/out/norm       !not-out   shlv/norm
    shlv/unack      shlv/unack      shlv/rtn      shlv/ack      !other !unlatched !is-shlv        unack      shlv/out/unack      !not-out   shlv/unack
    shlv/ack        shlv/unack      shlv/norm     !acked        !other !unlatched !is-shlv        ack        shlv/out/ack        !not-out   shlv/ack
    shlv/rtn        shlv/unack      shlv/rtn      shlv/norm     !other !unlatched !is-shlv        rtn        shlv/out/rtn        !not-out   shlv/rtn
    out/norm        out/unack       out/norm      !none         !none  !none      !is-out         !not-shlv  !is-out             norm       out/norm
    out/unack       out/unack       out/rtn       out/ack       !other !unlatched !is-out         !not-shlv  !is-out             unack      out/unack
    out/ack         out/unack       out/norm      !acked        !other !unlatched !is-out         !not-shlv  !is-out             ack        out/ack
    out/rtn         out/unack       out/rtn       out/norm      !other !unlatched !is-out         !not-shlv  !is-out             rtn        out/rtn
    shlv/out/norm   shlv/out/unack  shlv/out/norm !none         !none  !none      !is-out         out/norm   !is-out             shlv/norm  shlv/out/norm
    shlv/out/unack  shlv/out/unack  shlv/out/rtn  shlv/out/ack  !other !unlatched !is-out         out/unack  !is-out             shlv/unack shlv/out/unack
    shlv/out/ack    shlv/out/unack  shlv/out/norm !acked        !other !unlatched !is-out         out/ack    !is-out             shlv/ack   shlv/out/ack
    shlv/out/rtn    shlv/out/unack  shlv/out/rtn  shlv/out/norm !other !unlatched !is-out         out/rtn    !is-out             shlv/rtn   shlv/out/rtn
    supp/unack      supp/unack      norm          supp/ack      !other !unlatched supp/shlv/unack !not-shlv  supp/out/unack      !not-out   unack
    supp/ack        supp/unack      norm          !acked        !other !unlatched supp/shlv/ack   !not-shlv  supp/out/ack        !not-out   ack
    supp/shlv/unack supp/shlv/unack shlv/norm     supp/shlv/ack !other !unlatched !is-shlv        supp/unack supp/shlv/out/unack !not-out   shlv/unack
    supp/shlv/ack   supp/shlv/unack shlv/norm     !acked        !other !unlatched !is-shlv        supp/ack   supp/shlv/out/ack   !not-out   shlv/ack
    """

  static let latchedTable = """
    state  raise  ends   ack    late   reset      shelve unshelve  out    in       release
    norm   unack+ norm   !none  !none  !none      !never !not-shlv !never !not-out norm
    unack+ unack+ unack- ack+   !other !ack-first !never !not-shlv !never !not-out unack+
    unack- unack+ unack- ack-   !other !ack-first !never !not-shlv !never !not-out unack-
    ack+   unack+ ack-   !acked !other !stands    !never !not-shlv !never !not-out ack+
    ack-   unack+ ack-   !acked !other norm       !never !not-shlv !never !not-out ack-
    """

  struct Case: Sendable, CustomTestStringConvertible {
    var state: String
    var event: String
    var after: String
    var testDescription: String { "\(state), \(event)" }
  }

  static func cases(_ table: String) -> [Case] {
    let rows = table.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
    let events = rows[0].dropFirst()
    return rows.dropFirst().flatMap { row in
      zip(events, row.dropFirst()).map { Case(state: row[0], event: $0, after: $1) }
    }
  }

  /// One alarm of a list, for one case.
  struct Subject {
    var list = AlarmList()
    let kind: AlarmKind
    let place = "unit-1"

    /// Brings an alarm into the state of this name; `wasRaised` before, where it is normal.
    init(_ state: String, latched: Bool, wasRaised: Bool) throws {
      let words = state.split(separator: "/").map(String.init)
      kind = latched ? .secondStopFailed : words.contains("supp") ? .printFeedLost : .linkLost
      if !words.contains("supp") { list.lineReleased() }
      let life = try #require(words.last)
      if life.hasPrefix("norm") {
        if wasRaised { for event in ["raise", "ends", "ack", "reset"] { _ = apply(event) } }
      } else {
        _ = apply("raise")
        if life.hasPrefix("ack") { #expect(!apply("ack").hasPrefix("!")) }
        if life.hasSuffix("-") || life == "rtn" { _ = apply("ends") }
      }
      for word in words {
        if word == "shlv" { #expect(!apply("shelve").hasPrefix("!")) }
        if word == "out" { #expect(!apply("out").hasPrefix("!")) }
      }
      #expect(shown == state, "the state was not reached")
    }

    var occurrence: UInt32 { list.nextOccurrence(kind, place: place) - 1 }
    var id: String { "\(kind.word)@\(place)" }

    /// The state in the words of the table.
    var shown: String {
      guard let alarm = list.alarm(kind, place: place) else { return "norm" }
      var words: [String] = []
      if alarm.isSuppressed { words.append("supp") }
      if alarm.shelving != nil { words.append("shlv") }
      if alarm.outOfService != nil { words.append("out") }
      switch alarm.life {
      case .normal: words.append("norm")
      case .unacknowledged: words.append("unack")
      case .acknowledged: words.append("ack")
      case .returned: words.append("rtn")
      case .latchedUnacknowledged: words.append(alarm.causeStands ? "unack+" : "unack-")
      case .latchedAcknowledged: words.append(alarm.causeStands ? "ack+" : "ack-")
      }
      return words.joined(separator: "/")
    }

    mutating func apply(_ event: String) -> String {
      do throws(AlarmList.Refusal) {
        switch event {
        case "raise":
          list.raise(
            kind, place: place, occurrence: occurrence + 1, message: "so it is", at: 1000)
        case "ends": list.causeEnded(kind, place: place)
        case "ack":
          _ = try list.checkAcknowledge(id: id, occurrence: occurrence)
          list.acknowledge(kind, place: place, at: 2000)
        case "late": _ = try list.checkAcknowledge(id: id, occurrence: occurrence &- 1)
        case "reset":
          _ = try list.checkReset(id: id)
          list.reset(kind, place: place)
        case "shelve":
          try list.checkShelve(kind, place: place)
          list.shelve(
            kind, place: place,
            Alarm.Shelving(until: 60_000, minutes: 1, actor: "mira", reason: "work"))
        case "unshelve":
          try list.checkUnshelve(kind, place: place)
          list.unshelve(kind, place: place)
        case "out":
          try list.checkOutOfService(kind, place: place)
          list.takeOutOfService(
            kind, place: place, Alarm.Absence(since: 0, actor: "mika", reason: "work"))
        case "in":
          try list.checkInService(kind, place: place)
          list.putInService(kind, place: place)
        case "release": list.lineReleased()
        default: Issue.record("there is no event \(event)")
        }
        return shown
      } catch {
        switch error {
        case .noSuchAlarm: return "!none"
        case .otherOccurrence(let current): return current == occurrence ? "!other" : "!wrong"
        case .alreadyAcknowledged: return "!acked"
        case .notLatched: return "!unlatched"
        case .notAcknowledged: return "!ack-first"
        case .causeStands: return "!stands"
        case .neverSetAside: return "!never"
        case .shelved: return "!is-shlv"
        case .notShelved: return "!not-shlv"
        case .outOfService: return "!is-out"
        case .inService: return "!not-out"
        }
      }
    }
  }

  @Test("an alarm that does not latch", arguments: cases(plainTable))
  func plain(one: Case) throws {
    for wasRaised in [false, true] {
      var subject = try Subject(one.state, latched: false, wasRaised: wasRaised)
      let before = subject.shown
      #expect(subject.apply(one.event) == one.after, "raised before: \(wasRaised)")
      if one.after.hasPrefix("!") { #expect(subject.shown == before, "a refusal changes nothing") }
    }
  }

  @Test("one that latches", arguments: cases(latchedTable))
  func latched(one: Case) throws {
    for wasRaised in [false, true] {
      var subject = try Subject(one.state, latched: true, wasRaised: wasRaised)
      #expect(subject.apply(one.event) == one.after, "raised before: \(wasRaised)")
    }
  }

  @Test("the word that is shown: out of service before shelved before suppressed before its life")
  func shown() throws {
    let expected: [(String, String)] = [
      ("norm", "normal"), ("unack", "unacknowledged"), ("ack", "acknowledged"),
      ("rtn", "returned"), ("supp/unack", "suppressed"), ("supp/shlv/unack", "shelved"),
      ("shlv/norm", "shelved"), ("shlv/out/ack", "out_of_service"), ("out/rtn", "out_of_service"),
    ]
    for (state, word) in expected {
      let subject = try Subject(state, latched: false, wasRaised: true)
      let alarm = try #require(subject.list.alarm(subject.kind, place: subject.place))
      #expect(alarm.state.word == word)
      #expect(subject.list.listed.count == (word == "normal" ? 0 : 1), "\(state) is listed")
      let counts = ["unacknowledged", "returned"].contains(word)
      #expect(subject.list.unacknowledgedCount == (counts ? 1 : 0), "\(state)")
    }
    #expect(
      try Subject("unack+", latched: true, wasRaised: true).list.listed[0].state.word
        == "latched_unacknowledged")
    #expect(
      try Subject("ack-", latched: true, wasRaised: true).list.listed[0].state.word
        == "latched_acknowledged")
  }

  // MARK: On disk

  @Test("a list comes back from its JSON as it was")
  func coding() throws {
    var list = AlarmList()
    list.lineReleased()
    for number in 1...12 {
      list.raise(
        .linkLost, place: "unit-\(number % 3)", occurrence: UInt32(number), message: "m",
        at: Int64(number) * 1000)
    }
    list.acknowledge(.linkLost, place: "unit-1", at: 20_000)
    list.shelve(
      .scannerLost, place: "c",
      Alarm.Shelving(until: 9, minutes: 3, actor: "mira", reason: "why"))
    list.takeOutOfService(
      .diskFilling, place: "", Alarm.Absence(since: 4, actor: "mika", reason: "why"))
    list.mark(.linkLost, place: "unit-2", .chattering)
    list.mark(.linkLost, place: "unit-1", .stale)
    list.flood(begins: true, at: 12_000)
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    let bytes = try encoder.encode(list)
    let again = try JSONDecoder().decode(AlarmList.self, from: bytes)
    #expect(try encoder.encode(again) == bytes)
    #expect(again.listed == list.listed)
    #expect(again.metrics(wall: 30_000) == list.metrics(wall: 30_000))
    #expect(!again.isOfOlderVersion)
  }

  @Test("a list of the version before shelving is read, and known as such")
  func olderVersion() throws {
    let text =
      #"{"alarms":[{"causeStands":true,"kind":6,"message":"gone","occurrence":3,"#
      + #""place":"unit-1","raisedAt":5,"state":2}]}"#
    var list = try JSONDecoder().decode(AlarmList.self, from: Data(text.utf8))
    #expect(list.isOfOlderVersion)
    #expect(list.listed.map(\.state) == [.acknowledged])
    #expect(list.nextOccurrence(.linkLost, place: "unit-1") == 4)
    list.raise(.diskFilling, place: "", occurrence: 1, message: "", at: 9)
    #expect(list.metrics(wall: 10).count == 1)
  }
}
