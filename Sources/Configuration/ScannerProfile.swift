internal import Glibc

/// What the scanners of one make have in common: a TOML file with keys of `[[scanner]]`, and examples that prove it.
///
/// Adding a make is adding a file. Beside keys it holds `make`, `source` (where its facts are from), `not_tried` (what nobody
/// saw on a device), and `[[example]]` tables: bytes as sent, and what they have to be. One test checks the examples of all.
public struct ScannerProfile: Sendable {
  /// Bytes as a scanner sends them, and what has to come of them, each in order.
  struct Example: Sendable {
    var name = ""
    var sent: [UInt8] = []
    var reads: [[UInt8]] = []
    var noReads: [[UInt8]] = []
    var answers: [[UInt8]] = []
    var heartbeats: [[UInt8]] = []
    /// Messages that are dropped: too long, or without prefix.
    var dropped: Int64 = 0
  }

  /// What a profile says beside keys of a scanner.
  struct Extras: Sendable {
    var make = ""
    var sources: [String] = []
    var notTried: [String] = []
    var examples: [Example] = []
    /// What could not be understood, for an error: place and sentence.
    var problems: [(value: Document.Value, sentence: String)] = []
  }

  /// A profile is small; anything larger is no profile.
  static let fileLengthMax = 1 << 16
  static let ownKeys = ["make", "source", "not_tried", "example"]

  var table: Reader.Table
  var extras: Extras

  /// The folders of profiles that come with the program, by where the program is: `../share/lineward/scanners` of an
  /// installed one, `config/scanners` of the source beside one that was only built.
  public static let folders: [String] = {
    var target = [CChar](repeating: 0, count: 4096)
    let length = readlink("/proc/self/exe", &target, target.count)
    guard length > 0, length < target.count else { return ["/usr/share/lineward/scanners"] }
    let program = String(decoding: target[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    let parts = program.split(separator: "/", omittingEmptySubsequences: false)
    if let build = parts.firstIndex(where: { $0.hasPrefix(".build") }) {
      return [parts[..<build].joined(separator: "/") + "/config/scanners"]
    }
    return [parts.dropLast(2).joined(separator: "/") + "/share/lineward/scanners"]
  }()

  /// The profile of a name, from the first folder that has it; or at a whole path.
  ///
  /// A problem of no file is one of the name.
  static func find(
    _ name: String, in folders: [String]
  ) throws(ConfigurationProblems) -> ScannerProfile {
    func problem(_ sentence: String) -> ConfigurationProblems {
      ConfigurationProblems(problems: [ConfigurationProblem(file: "", sentence: sentence)])
    }
    if name.hasPrefix("/") { return try load(name) }
    guard name.utf8.allSatisfy(isOfName) else {
      throw problem(
        "\(Key.quoted(name)) is no name of a profile, and no whole path; write e.g. \"generic\"")
    }
    for folder in folders {
      let path = "\(folder)/\(name).toml"
      if access(path, F_OK) == 0 { return try load(path) }
    }
    throw problem(
      "there is no profile \(Key.quoted(name)) in \(Key.either(folders)); `ls` there shows which there are"
    )
  }

  private static func isOfName(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
      UInt8(ascii: "-"), UInt8(ascii: "_"):
      true
    default: false
    }
  }

  static func load(_ path: String) throws(ConfigurationProblems) -> ScannerProfile {
    try parse(
      Configuration.read(path: path, atMost: fileLengthMax, "profile of a scanner"), file: path)
  }

  static func parse(
    _ text: [UInt8], file: String
  ) throws(ConfigurationProblems) -> ScannerProfile {
    var reader = Reader(profile: try Document(text, file: file), file: file)
    for (value, sentence) in reader.extras.problems { reader.fail(value.path, value, sentence) }
    if let verdict = reader.verdict { throw verdict }
    return ScannerProfile(table: reader.only("scanner"), extras: reader.extras)
  }

  /// Puts a value of our own keys into `extras`.
  static func sort(
    _ value: Document.Value, _ steps: [(name: String, place: Int?)], _ extras: inout Extras
  ) {
    var text: String?
    if case .string(let string) = value.content { text = string }
    switch (steps[0].name, steps.count, steps[0].place, text) {
    case ("make", 1, nil, let text?): extras.make = text
    case ("source", 1, .some, let text?): extras.sources.append(text)
    case ("not_tried", 1, .some, let text?): extras.notTried.append(text)
    case ("source", 1, nil, nil), ("not_tried", 1, nil, nil), ("example", 1, nil, nil):
      if case .array = value.content { return }
      extras.problems.append((value, "this has to be a list"))
    case ("example", 1, .some, nil): extras.examples.append(Example())
    case ("example", 2, .some, _) where !extras.examples.isEmpty:
      add(value, steps[1].name, isInList: steps[1].place != nil, text, &extras)
    default: extras.problems.append((value, "this is not what a profile has here"))
    }
  }

  private static func add(
    _ value: Document.Value, _ name: String, isInList: Bool, _ text: String?,
    _ extras: inout Extras
  ) {
    let last = extras.examples.count - 1
    let bytes = Array((text ?? "").utf8)
    if case .array = value.content, ["reads", "no_reads", "answers", "heartbeats"].contains(name) {
      return
    }
    switch (name, isInList, text) {
    case ("name", false, let text?): extras.examples[last].name = text
    case ("sent", false, .some): extras.examples[last].sent = bytes
    case ("reads", true, .some): extras.examples[last].reads.append(bytes)
    case ("no_reads", true, .some): extras.examples[last].noReads.append(bytes)
    case ("answers", true, .some): extras.examples[last].answers.append(bytes)
    case ("heartbeats", true, .some): extras.examples[last].heartbeats.append(bytes)
    default:
      if name == "dropped", case .integer(let count) = value.content {
        extras.examples[last].dropped = count
      } else {
        extras.problems.append((value, "this is not what an example has"))
      }
    }
  }
}
