internal import Containment
internal import Control
internal import Foundation
internal import Line

/// What a contact is told, in the forms that its ways take.
struct AlertMessage {
  /// What is told, as programs get it.
  private struct Fields: Encodable {
    var version = 1
    var event: String
    var line: String
    var contact: String
    var role: String
    var text: String
    var caseID: String?
    var escalation: String?
    var title: String?
    var openedAt: String?
    var durationMinutes: Int?
    var minutesLeft: Int?
    var batches: [String]?
    var stations: [String]?
    var next: String?
    var nextOwner: String?
    var answer: String?

    enum CodingKeys: String, CodingKey {
      case version, event, line, contact, role, text, escalation, title, batches, stations, next,
        answer
      case caseID = "case"
      case openedAt = "opened_at"
      case durationMinutes = "duration_minutes"
      case minutesLeft = "minutes_left"
      case nextOwner = "next_owner"
    }
  }

  private var fields: Fields
  /// The subject of a mail, in one line.
  var subject: String
  /// What people read, in lines.
  var text: String { fields.text }
  /// The one line of the journal.
  var sentence: String

  /// Tells of a case; `now` is the monotonic clock in milliseconds, `batches` names batches by number.
  init(
    _ found: ContainmentCase, of escalation: ContainmentCase.Escalation, line: String,
    contact: String, role: String, batches: [UInt32: String], now: Int64
  ) {
    let title = Plain.text(found.opening.title, lengthMax: 300)
    let duration = found.playbook.durationMinutes
    let left = duration - Int(found.clock.elapsed(at: now) / 60_000)
    let names = found.scope.batches.map { batches[$0] ?? "\($0)" }
    let next = found.next
    let answer = "lineward containment answer \(found.id) --role \(role)"
    let time = left >= 0 ? "\(left) of \(duration) minutes are left" : "\(-left) minutes over time"
    subject = "[\(line)] case \(found.id), \(time): \(title)"
    sentence =
      "to \(contact) (\(role)): line \(line), case \(found.id), \(escalation.phrase), \(time): \(title)"
    var lines = [
      "Line \(line), case \(found.id): \(title)",
      "Detected \(WallTime.text(milliseconds: found.detectedAt)); \(escalation.phrase), \(time).",
    ]
    lines.append(
      "On hold: "
        + (names.isEmpty ? "no batch" : "batch \(names.prefix(20).joined(separator: ", "))")
        + (names.count > 20 ? " and \(names.count - 20) more" : "")
        + ", stations \(found.scope.stations.joined(separator: ", "))")
    if !next.what.isEmpty { lines.append("Next (\(next.who)): \(next.what)") }
    lines += [
      "", "You are told as \(role). Say that you have heard it, at the line or by telephone:",
      "  \(answer)", "What is done and what is next:", "  lineward containment show \(found.id)",
    ]
    fields = Fields(
      event: "containment", line: line, contact: contact, role: role,
      text: lines.joined(separator: "\n") + "\n", caseID: found.id, escalation: escalation.word,
      title: title, openedAt: WallTime.text(milliseconds: found.detectedAt),
      durationMinutes: duration, minutesLeft: left, batches: names,
      stations: found.scope.stations, next: next.what, nextOwner: next.who, answer: answer)
  }

  /// Tells that this is a test, by somebody.
  init(testBy actor: String, line: String, contact: String, role: String, at wall: Int64) {
    subject = "[\(line)] test: messages of containment cases reach you"
    sentence = "to \(contact) (\(role)): line \(line), a test by \(actor)"
    fields = Fields(
      event: "test", line: line, contact: contact, role: role,
      text: """
        Line \(line): this is a test by \(actor) at \(WallTime.text(milliseconds: wall)).
        In a containment case you would be told here, as \(role). There is nothing to do.

        """)
  }

  /// As JSON in one line, ended by a line feed.
  var json: [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    // Texts and numbers always encode.
    return ((try? encoder.encode(fields)).map { Array($0) } ?? []) + [0x0A]
  }

  /// As a mail (RFC 5322, RFC 2045), with line feeds as sendmail takes it.
  ///
  /// What came from outside stands in encoded words or in the body, both base64, so it begins no header; the address was
  /// checked when the configuration was read.
  func mail(to address: String) -> [UInt8] {
    let body = Data(text.utf8).base64EncodedString(
      options: [.lineLength76Characters, .endLineWithLineFeed])
    let headers = [
      "To: <\(address)>", "Subject: \(AlertMessage.encodedWords(subject))",
      // So that an absence note is not sent back for it (RFC 3834).
      "Auto-Submitted: auto-generated", "MIME-Version: 1.0",
      "Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: base64",
    ]
    return Array((headers.joined(separator: "\n") + "\n\n" + body + "\n").utf8)
  }

  /// A text in encoded words (RFC 2047, 2 and 5): each at most 75 characters, no character is split, one a line.
  static func encodedWords(_ text: String) -> String {
    var words: [[UInt8]] = [[]]
    for character in text.unicodeScalars {
      let bytes = Array(String(character).utf8)
      if words[words.count - 1].count + bytes.count > 45 { words.append([]) }
      words[words.count - 1] += bytes
    }
    return words.map { "=?utf-8?B?\(Data($0).base64EncodedString())?=" }
      .joined(separator: "\n ")
  }

  /// What curl reads from its standard input, so that nothing of the URL stands in the list of processes.
  func curlConfig(url: String, seconds: Int) -> [UInt8] {
    let lines = [
      "url = \(AlertMessage.quoted(url))", "globoff", "silent", "show-error", "fail",
      "max-time = \(seconds)", "proto = \"=http,https\"", "output = \"/dev/null\"",
      "write-out = \"%{http_code}\"", "header = \"Content-Type: application/json\"",
      "data-binary = \(AlertMessage.quoted(String(decoding: json, as: UTF8.self)))",
    ]
    return Array((lines.joined(separator: "\n") + "\n").utf8)
  }

  /// A value in curl's own quoting (curl(1), --config).
  static func quoted(_ text: String) -> String {
    var quoted = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": quoted += "\\\""
      case "\\": quoted += "\\\\"
      case "\n": quoted += "\\n"
      case "\r": quoted += "\\r"
      case "\t": quoted += "\\t"
      default: quoted.unicodeScalars.append(scalar)
      }
    }
    return quoted + "\""
  }
}
