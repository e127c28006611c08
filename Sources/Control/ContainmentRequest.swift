/// What may be asked about containment cases: `lineward containment …`.
///
/// On the wire it is a command like the others: `{"command":"containment complete","id":"C3","step":"stop","evidence":"…"}`.
public enum ContainmentRequest: Sendable, Equatable {
  /// All cases that are listed.
  case list
  /// One case; nil: the open one that was opened first, or the last.
  case show(id: String?)
  /// Opens one.
  case open(reason: String, batch: String?, holdsRelease: Bool)
  /// Completes a step, by its key or number.
  case complete(id: String, step: String, evidence: String)
  /// Answers for a contact.
  case answer(id: String, contact: String, phoned: String?, comment: String?)
  /// Narrows what is on hold; `since` is RFC 3339.
  case narrow(id: String, batches: [String], since: String?, reason: String)
  /// Scans a pack in, as it was read or as a bare serial.
  case scan(id: String, scan: String, gtin: String?)
  /// Signs it as it stands.
  case sign(id: String, meaning: String)
  /// Closes it.
  case close(id: String, reason: String)

  /// The word behind `containment` of the command line.
  public enum Word: String, CaseIterable {
    case list, show, open, complete, answer, narrow, scan, sign, close
  }

  /// The word behind `containment` of the command line.
  public var word: Word {
    switch self {
    case .list: .list
    case .show: .show
    case .open: .open
    case .complete: .complete
    case .answer: .answer
    case .narrow: .narrow
    case .scan: .scan
    case .sign: .sign
    case .close: .close
    }
  }

  /// Whether it only looks.
  public var onlyReads: Bool {
    switch self {
    case .list, .show: true
    case .open, .complete, .answer, .narrow, .scan, .sign, .close: false
    }
  }

  private enum Key: String, CodingKey {
    case id, reason, batch, step, evidence, contact, phoned, comment, batches, since, scan, gtin,
      meaning
    case holdsRelease = "holds_release"
  }

  /// Makes a request of this word from the fields beside it.
  init(_ word: Word, from decoder: any Decoder) throws {
    let fields = try decoder.container(keyedBy: Key.self)
    func text(_ key: Key) throws -> String { try fields.decode(String.self, forKey: key) }
    func optional(_ key: Key) throws -> String? {
      try fields.decodeIfPresent(String.self, forKey: key)
    }
    self =
      switch word {
      case .list: .list
      case .show: .show(id: try optional(.id))
      case .open:
        .open(
          reason: try text(.reason), batch: try optional(.batch),
          holdsRelease: try fields.decodeIfPresent(Bool.self, forKey: .holdsRelease) ?? true)
      case .complete:
        .complete(id: try text(.id), step: try text(.step), evidence: try text(.evidence))
      case .answer:
        .answer(
          id: try text(.id), contact: try text(.contact), phoned: try optional(.phoned),
          comment: try optional(.comment))
      case .narrow:
        .narrow(
          id: try text(.id),
          batches: try fields.decodeIfPresent([String].self, forKey: .batches) ?? [],
          since: try optional(.since), reason: try text(.reason))
      case .scan: .scan(id: try text(.id), scan: try text(.scan), gtin: try optional(.gtin))
      case .sign: .sign(id: try text(.id), meaning: try text(.meaning))
      case .close: .close(id: try text(.id), reason: try text(.reason))
      }
  }

  /// Writes the fields that belong to it.
  func encode(to encoder: any Encoder) throws {
    var fields = encoder.container(keyedBy: Key.self)
    switch self {
    case .list: break
    case .show(let id): try fields.encodeIfPresent(id, forKey: .id)
    case .open(let reason, let batch, let holdsRelease):
      try fields.encode(reason, forKey: .reason)
      try fields.encodeIfPresent(batch, forKey: .batch)
      try fields.encode(holdsRelease, forKey: .holdsRelease)
    case .complete(let id, let step, let evidence):
      try fields.encode(id, forKey: .id)
      try fields.encode(step, forKey: .step)
      try fields.encode(evidence, forKey: .evidence)
    case .answer(let id, let contact, let phoned, let comment):
      try fields.encode(id, forKey: .id)
      try fields.encode(contact, forKey: .contact)
      try fields.encodeIfPresent(phoned, forKey: .phoned)
      try fields.encodeIfPresent(comment, forKey: .comment)
    case .narrow(let id, let batches, let since, let reason):
      try fields.encode(id, forKey: .id)
      try fields.encode(batches, forKey: .batches)
      try fields.encodeIfPresent(since, forKey: .since)
      try fields.encode(reason, forKey: .reason)
    case .scan(let id, let scan, let gtin):
      try fields.encode(id, forKey: .id)
      try fields.encode(scan, forKey: .scan)
      try fields.encodeIfPresent(gtin, forKey: .gtin)
    case .sign(let id, let meaning):
      try fields.encode(id, forKey: .id)
      try fields.encode(meaning, forKey: .meaning)
    case .close(let id, let reason):
      try fields.encode(id, forKey: .id)
      try fields.encode(reason, forKey: .reason)
    }
  }
}
