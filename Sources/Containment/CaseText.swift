// How cases stand in records: lines of words with tabs between, so that a person can read them years later without a program.

extension CaseOpening {
  /// As it stands in the record; title, actor and alarm are fields of the record.
  public var text: String {
    var lines = [
      "place\t\(place.asField)", "holds_release\t\(holdsRelease)", "clock\t\(clock.text)",
      "duration\t\(playbook.durationMinutes)", "needs_answers\t\(playbook.needsAnswers)",
    ]
    lines += scope.lines
    lines += playbook.signatures.map { "signature\t\($0.asField)" }
    lines += playbook.contacts.map { "contact\t\($0.asField)" }
    lines += playbook.steps.map {
      "step\t\($0.key.asField)\t\($0.name.asField)\t\($0.owners.joined(separator: ",").asField)\t"
        + "\($0.deadlineMinutes)\t\($0.instruction.asField)"
    }
    return lines.joined(separator: "\n")
  }

  /// Reads it from a record; nil when it is none.
  public init?(text: String, alarm: UInt16, title: String) {
    var place = ""
    var holdsRelease = true
    var clock: CaseClock?
    var playbook = Playbook(durationMinutes: 0, steps: [], signatures: [], contacts: [])
    for line in text.split(separator: "\n") {
      let words = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
      switch (words.first ?? "", words.count) {
      case ("place", 2): place = words[1]
      case ("holds_release", 2): holdsRelease = words[1] == "true"
      case ("clock", 5): clock = CaseClock(text: words.dropFirst().joined(separator: "\t"))
      case ("needs_answers", 2): playbook.needsAnswers = words[1] == "true"
      case ("duration", 2): playbook.durationMinutes = Int(words[1]) ?? 0
      case ("signature", 2): playbook.signatures.append(words[1])
      case ("contact", 2): playbook.contacts.append(words[1])
      case ("step", 6):
        guard let minutes = Int(words[4]) else { return nil }
        playbook.steps.append(
          Playbook.Step(
            key: words[1], name: words[2], owners: words[3].split(separator: ",").map(String.init),
            deadlineMinutes: minutes, instruction: words[5]))
      default: break
      }
    }
    guard let clock, playbook.durationMinutes > 0, !playbook.steps.isEmpty else { return nil }
    self.init(
      alarm: alarm, place: place, title: title, holdsRelease: holdsRelease,
      scope: CaseScope(text: text), playbook: playbook, clock: clock)
  }
}

extension CaseScope {
  /// As it stands in the record.
  public var text: String { lines.joined(separator: "\n") }

  var lines: [String] {
    batches.map { "batch\t\($0)" } + stations.map { "station\t\($0.asField)" }
      + (since.map { ["since\t\($0)"] } ?? [])
  }

  /// Reads it from a record, passing over what else stands there.
  public init(text: String) {
    self.init()
    for line in text.split(separator: "\n") {
      let words = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
      guard words.count == 2 else { continue }
      switch words[0] {
      case "batch": if let number = UInt32(words[1]) { batches.append(number) }
      case "station": stations.append(words[1])
      case "since": since = Int64(words[1])
      default: break
      }
    }
  }
}

extension String {
  /// A text that stands between tabs on one line: what would end it becomes a blank.
  fileprivate var asField: String {
    String(String.UnicodeScalarView(unicodeScalars.map { $0.value < 0x20 ? " " : $0 }))
  }
}
