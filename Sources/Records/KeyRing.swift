/// The keys that signed a chain, one after the other, and what vouches for each.
///
/// The first key is trusted because it was kept elsewhere; each further one because the key before signed the head that
/// covers the record of the change. A later key that was kept elsewhere proves what was before it as well: its heads cover
/// all records before them, and these name the older keys.
struct KeyRing {
  /// A head that does not hold, with the record that it is about.
  typealias Problem = VerificationReport.BadRecord

  /// The key of each generation, the first of them nil while nobody knows it.
  private var keys: [HeadKey?]
  /// From which record on each generation signs.
  private let since: [Int64]
  private let given: [HeadKey]
  private let stored: HeadKey?
  private let directory: String
  private var generation = 0

  /// `given` were kept elsewhere; without any, the key beside the records has to do.
  init(
    changes: [(sequence: Int64, change: KeyChange)], given: [HeadKey], stored: HeadKey?,
    directory: String
  ) {
    keys = [changes.first?.change.old] + changes.map(\.change.new)
    since = [1] + changes.map(\.sequence)
    self.given = given
    self.stored = stored
    self.directory = directory
  }

  /// All keys that may have signed a head of this chain.
  var all: [HeadKey] {
    keys.compactMap(\.self) + given + (isUnnamed ? [stored].compactMap(\.self) : [])
  }

  /// The keys that signed, oldest first.
  var signers: [HeadKey] { keys.compactMap(\.self) }

  /// Whether no record names a key and none was given.
  private var isUnnamed: Bool { keys.count == 1 && given.isEmpty }

  /// The first generation whose key is trusted by itself, nil when the keys given are those of none.
  private var firstTrusted: Int? {
    given.isEmpty ? 0 : keys.firstIndex { $0.map(given.contains) ?? false }
  }

  /// Takes the next head, in order; what is wrong with it, or nil.
  mutating func take(_ head: SignedHead) -> Problem? {
    if keys[0] == nil {
      // No record names the first key: it is one of those given, or the one beside the records.
      let candidates = given.isEmpty && keys.count == 1 ? [stored].compactMap(\.self) : given
      keys[0] =
        candidates.first { head.isSigned(by: $0) }
        ?? candidates.first { given.isEmpty || head.endsWithSignature(by: $0) }
    }
    guard let firstTrusted else {
      return Problem(
        sequence: head.sequence,
        message: "the key given (\(given[0].shortName)) is none of those that signed these records")
    }
    while generation + 1 < keys.count, head.sequence >= since[generation + 1] {
      let before = keys[generation]
      generation += 1
      let isGiven = keys[generation].map(given.contains) ?? false
      guard !isGiven, generation > firstTrusted else { continue }
      guard let before, head.isSigned(by: before) else {
        return Problem(
          sequence: since[generation],
          message:
            "the signing key was exchanged here: no head signed with \(before?.shortName ?? "the key before") "
            + "vouches for \(keys[generation]?.shortName ?? "the new one"). If the exchange is explained, give both "
            + "public keys in one file with --key")
      }
    }
    guard let key = keys[generation] else {
      return Problem(
        sequence: head.sequence,
        message: "its signed head cannot be checked: no key at \(KeyFiles.publicPath(directory))")
    }
    guard head.isSigned(by: key) else {
      return Problem(
        sequence: head.sequence,
        message:
          "its signed head has no right signature by \(key.shortName): the head was changed, or the key was "
          + "exchanged and no record says so")
    }
    return nil
  }

  /// What is wrong with the keys beside the records, once all heads were taken: one that no record names.
  func strangerBeside(present: HeadKey?) -> String? {
    let known = Set(all.map(\.bytes))
    guard !known.isEmpty else { return nil }
    for (key, path) in [
      (stored, KeyFiles.publicPath(directory)), (present, KeyFiles.privatePath(directory)),
    ] {
      guard let key, !known.contains(key.bytes) else { continue }
      return
        "\(path) holds \(key.shortName), which signed none of these records: the signing key was exchanged and no "
        + "record says so"
    }
    return nil
  }

  /// What the changes of key come to, a sentence; nil when there was none.
  var remark: String? {
    guard keys.count > 1 else { return nil }
    let places = since.dropFirst().map(String.init).joined(separator: ", ")
    var text =
      "The signing key was changed by record \(places), each time "
      + (given.count > 1
        ? "vouched for by the key before or given." : "vouched for by the key before.")
    if let firstTrusted, firstTrusted > 0 {
      text +=
        " The key given signed from record \(since[firstTrusted]) on; what was before is proven by its heads, which "
        + "cover it."
    }
    return text
  }
}
