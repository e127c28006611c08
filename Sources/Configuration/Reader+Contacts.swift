/// `[[contact]]`, and the programs that messages to them go out by.
extension Reader {
  mutating func contact(_ table: Table) -> Configuration.Contact? {
    let name = text(table, "contact.name")
    let role = text(table, "contact.role")
    let from = text(table, "contact.from").flatMap(Configuration.Contact.From.init(rawValue:))
    let command = texts(table, "contact.command")
    let mail = text(table, "contact.mail")
    let webhook = text(table, "contact.webhook")
    if let role, !role.utf8.allSatisfy(Reader.isOfWord) {
      fail(
        "contact.role", line: table.line(of: "role"),
        "\(Key.quoted(role)) has to be one word of small letters, digits, - and _, for people type it"
      )
      return nil
    }
    if let path = command?.first, !path.hasPrefix("/") {
      fail(
        "contact.command", line: table.line(of: "command"),
        "\(Key.quoted(path)) has to be a whole path, from / on")
    }
    if let mail, !mail.isEmpty, !Reader.isMail(mail) {
      fail(
        "contact.mail", line: table.line(of: "mail"),
        "\(Key.quoted(mail)) is no mail address; write it alone, e.g. \"quality@example.com\"")
      return nil
    }
    if let webhook, !webhook.isEmpty, !Reader.isWebhook(webhook) {
      // It is not quoted: a token may stand in it.
      fail(
        "contact.webhook", line: table.line(of: "webhook"),
        "this has to begin with https:// and a host, without spaces; http:// only for 127.0.0.1, [::1] or localhost"
      )
      return nil
    }
    guard let name, let role, let from, let command, let mail, let webhook else { return nil }
    return Configuration.Contact(
      name: name, role: role, from: from, command: command, mail: mail.isEmpty ? nil : mail,
      webhook: webhook.isEmpty ? nil : webhook)
  }

  mutating func alerting(_ table: Table) -> Configuration.Alerting? {
    var paths: [String] = []
    for name in ["sendmail", "curl"] {
      guard let path = text(table, "containment.\(name)") else { return nil }
      guard path.hasPrefix("/") else {
        fail(
          "containment.\(name)", line: table.line(of: name),
          "\(Key.quoted(path)) has to be a whole path, from / on")
        return nil
      }
      paths.append(path)
    }
    return Configuration.Alerting(sendmail: paths[0], curl: paths[1])
  }

  private static func isOfWord(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
      UInt8(ascii: "-"), UInt8(ascii: "_"):
      true
    default: false
    }
  }

  /// One address (RFC 5321, 4.1.2) in ASCII and without quotes: nothing that begins another header, another recipient or
  /// an option.
  private static func isMail(_ text: String) -> Bool {
    let parts = text.split(separator: "@", omittingEmptySubsequences: false)
    guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty, text.first != "-" else {
      return false
    }
    let refused = Set("()<>[]:;,\\\" \t".utf8)
    return text.utf8.allSatisfy { (0x21...0x7E).contains($0) && !refused.contains($0) }
  }

  private static func isWebhook(_ text: String) -> Bool {
    guard text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else { return false }
    func rest(after scheme: String) -> Substring? {
      text.lowercased().hasPrefix(scheme) ? text.dropFirst(scheme.count) : nil
    }
    if let rest = rest(after: "https://") {
      return rest.first.map { $0 != "/" && $0 != "?" && $0 != "#" } ?? false
    }
    guard let rest = rest(after: "http://") else { return false }
    let host = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
    return ["127.0.0.1", "[::1]", "localhost"].contains { own in
      guard host.hasPrefix(own) else { return false }
      let port = host.dropFirst(own.count)
      return port.isEmpty
        || port.first == ":" && port.count > 1 && port.dropFirst().allSatisfy(\.isASCIIDigit)
    }
  }
}

extension Character {
  fileprivate var isASCIIDigit: Bool { ("0"..."9").contains(self) }
}
