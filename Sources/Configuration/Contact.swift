internal import Containment

extension Configuration {
  /// `[[contact]]`: somebody who is told of a containment case, and by which ways.
  public struct Contact: Sendable, Hashable {
    /// Its name, unique.
    public var name: String
    /// `manufacturing`, `quality`, `it`, or a word of the plant's own: whose answer it is waited for.
    public var role: String
    /// Told from this moment of a case on.
    public var from: From
    /// A program with its arguments, which gets the message on its standard input; empty: none.
    public var command: [String]
    /// A mail address; nil: none.
    public var mail: String?
    /// Where the message is posted as JSON; nil: nowhere.
    public var webhook: String?

    /// Makes a contact.
    public init(
      name: String, role: String, from: From = .open, command: [String] = [],
      mail: String? = nil, webhook: String? = nil
    ) {
      self.name = name
      self.role = role
      self.from = from
      self.command = command
      self.mail = mail
      self.webhook = webhook
    }

    /// When a contact is told first.
    public enum From: String, Sendable, CaseIterable {
      /// When the case is opened.
      case open
      /// When half of its time is over.
      case half
      /// When four fifths of it are.
      case fourFifths = "four_fifths"
      /// When it is over.
      case over
    }
  }

  /// The programs that messages to contacts go out by.
  public struct Alerting: Sendable, Hashable {
    /// `containment.sendmail`, an absolute path.
    public var sendmail = "/usr/sbin/sendmail"
    /// `containment.curl`, an absolute path.
    public var curl = "/usr/bin/curl"

    /// Names the programs; as they stand, those of Debian.
    public init(sendmail: String = "/usr/sbin/sendmail", curl: String = "/usr/bin/curl") {
      self.sendmail = sendmail
      self.curl = curl
    }
  }

  /// The text of the file, for evidence.
  ///
  /// Two are always equal: what a file says is compared, not how it is written.
  public struct Source: Sendable, Hashable {
    /// The bytes as they were read.
    public var bytes: [UInt8] = []
    /// The same as text, in which what a token may stand in is left out: webhooks, and arguments of programs.
    public var redacted = ""

    /// True.
    public static func == (left: Self, right: Self) -> Bool { true }

    /// Nothing.
    public func hash(into hasher: inout Hasher) {}
  }

  /// The roles that a case waits for: the three that every case has, and those of contacts of the plant's own that are
  /// told at once.
  public var contactRoles: [String] {
    var roles = Playbook.threeContacts
    for contact in contacts where contact.from == .open && !roles.contains(contact.role) {
      roles.append(contact.role)
    }
    return roles
  }
}

extension Configuration.Source {
  /// What stands in place of what may be a secret.
  public static let gap = "\"…\""

  /// Keys whose values may hold a token.
  private static let secrets: Set<String> = [
    "contact.webhook", "contact.command", "storage.heads_command", "second_stop.command",
  ]

  /// Keeps a file's text, once as it is and once without what may be a secret.
  ///
  /// A value goes from where it begins to the end of the line before the next value, so that one over several lines goes
  /// whole; what follows it in its line goes with it. Better too much is left out than too little.
  init(_ bytes: [UInt8], _ document: Document) {
    self.bytes = bytes
    var lines = String(decoding: bytes, as: UTF8.self)
      .split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    let values = document.values.sorted { ($0.line, $0.column) > ($1.line, $1.column) }
    var next = lines.count + 1
    var below = lines.count + 1
    for value in values {
      let words = value.path.split(separator: ".").map { $0.prefix { $0 != "[" } }
      let isSecret = words.count == 2 && Self.secrets.contains(words.joined(separator: "."))
      // What is in a list goes with the list.
      if isSecret, value.path.hasSuffix("]") { continue }
      // `below`: the nearest value in a later line than this one.
      if value.line < next {
        below = next
        next = value.line
      }
      guard isSecret, value.line >= 1, value.line <= lines.count else { continue }
      // toml++ counts columns in code points.
      let kept = String(
        String.UnicodeScalarView(lines[value.line - 1].unicodeScalars.prefix(value.column - 1)))
      lines[value.line - 1] = kept.hasSuffix(Self.gap) ? kept : kept + Self.gap
      for line in value.line..<max(value.line, min(below - 1, lines.count)) { lines[line] = "" }
    }
    redacted = lines.joined(separator: "\n")
  }
}
