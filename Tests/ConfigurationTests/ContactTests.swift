import Foundation
import Testing

@testable import Configuration

/// `[[contact]]`, and what of the file goes into evidence.
@Suite struct ContactTests {
  private static func file(_ keys: String) -> File {
    File(more: "[[contact]]\nname = \"anna\"\nrole = \"quality\"\n\(keys)\n")
  }

  @Test func everyKeyReachesItsPlace() throws {
    let configuration = try File(
      more: """
        [containment]
        sendmail = "/usr/bin/msmtp"
        curl = "/opt/curl"
        [[contact]]
        name = "anna"
        role = "quality"
        from = "four_fifths"
        command = ["/usr/local/bin/call", "+49 1"]
        mail = "anna@example.com"
        webhook = "https://hooks.example.com/services/T0"
        [[contact]]
        name = "plant manager"
        role = "plant-manager"
        """
    ).load()
    #expect(
      configuration.contacts == [
        .init(
          name: "anna", role: "quality", from: .fourFifths,
          command: ["/usr/local/bin/call", "+49 1"], mail: "anna@example.com",
          webhook: "https://hooks.example.com/services/T0"),
        .init(
          name: "plant manager", role: "plant-manager", from: .open, command: [], mail: nil,
          webhook: nil),
      ])
    #expect(configuration.alerting == .init(sendmail: "/usr/bin/msmtp", curl: "/opt/curl"))
    #expect(configuration.contactRoles == ["manufacturing", "quality", "it", "plant-manager"])
    #expect(try configuration.needsRestart(from: File().load()).isEmpty)
  }

  @Test(arguments: [
    "mail = \"anna\"", "mail = \"a@b@c\"", "mail = \"a b@c\"", "mail = \"-oQ/tmp@c\"",
    "mail = \"a@b,c@d\"", "mail = \"<a@b>\"", "mail = \"ä@b\"", "mail = \"@b\"",
    "mail = \"a@b\\nBcc: c@d\"", "webhook = \"http://example.com/\"", "webhook = \"ftp://x\"",
    "webhook = \"https:///x\"", "webhook = \"https://a b\"",
    "webhook = \"http://127.0.0.1.example.com/\"", "webhook = \"http://localhost:x/\"",
    "webhook = \"https://x\\\"\\nurl = file:///etc/passwd\"", "command = [\"call\"]",
    "role = \"Quality\"", "from = \"later\"",
  ])
  func whatIsNoWayIsRefused(keys: String) {
    var text = "[[contact]]\nname = \"anna\"\n"
    if !keys.hasPrefix("role") { text += "role = \"quality\"\n" }
    #expect(!problemsOf(Array((File().text + text + keys + "\n").utf8)).isEmpty, "\(keys)")
  }

  @Test(arguments: [
    "mail = \"first.last+tag@sub.example.com\"", "webhook = \"https://hooks.example.com/a?b=c#d\"",
    "webhook = \"http://127.0.0.1:8080/x\"", "webhook = \"http://[::1]/\"",
    "webhook = \"http://localhost\"",
  ])
  func whatIsAWayIsTaken(keys: String) throws {
    #expect(try Self.file(keys).load().contacts.count == 1)
  }

  @Test func anAddressWithATokenIsNotRepeatedInAnError() {
    let told = complaints(Self.file("webhook = \"http://example.com/T0KEN\"").text)
    #expect(told.count == 1 && !told[0].contains("T0KEN"))
  }

  @Test func sixtyFiveContactsAndTwoOfOneNameAreRefused() {
    let many = (0..<65).map { "[[contact]]\nname = \"c\($0)\"\nrole = \"it\"\n" }.joined()
    #expect(complaints(File(more: many).text).contains { $0.contains("more than 64") })
    let twice = Self.file("").text + "[[contact]]\nname = \"anna\"\nrole = \"it\"\n"
    #expect(complaints(twice).contains { $0.contains("name of another contact") })
  }

  @Test func nobodyAndHalfOfThemAreRemarkedOn() throws {
    let nobody = try File().load().contactRemarks
    #expect(nobody.count == 2)
    #expect(nobody.first?.contains("containment.signatures is empty") == true)
    #expect(nobody.last?.contains("there is no [[contact]]") == true)
    let remarks = try Self.file("command = [\"/nowhere/program\"]").load().contactRemarks
    #expect(remarks.contains { $0.contains("\"manufacturing\"") })
    #expect(remarks.contains { $0.contains("\"it\"") })
    #expect(remarks.contains { $0.contains("/nowhere/program") })
    #expect(!remarks.contains { $0.contains("\"quality\"") })
  }

  // MARK: What goes into evidence

  @Test func theTextIsKeptAsItWasAndWithoutTokens() throws {
    let file = Self.file(
      """
      # comment stays
      webhook = "https://hooks.example.com/T0KEN" # and so does not this T0KEN
      command = [
        "/usr/local/bin/call",
        "T0KEN",
      ]
      mail = "anna@example.com"
      """)
    let source = try file.load().source
    #expect(String(decoding: source.bytes, as: UTF8.self) == file.text)
    #expect(!source.redacted.contains("T0KEN") && !source.redacted.contains("hooks.example"))
    for kept in ["# comment stays", "webhook = \"…\"", "mail = \"anna@example.com\"", "[[plc]]"] {
      #expect(source.redacted.contains(kept), "\(kept)")
    }
    #expect(
      source.redacted.split(separator: "\n", omittingEmptySubsequences: false).count
        == file.text.split(separator: "\n", omittingEmptySubsequences: false).count)
    // What is left is a configuration still.
    #expect(throws: Never.self) { try Document(Array(source.redacted.utf8)) }
  }

  @Test(arguments: [
    "[[contact]]\nname = \"a\"\nrole = \"it\"\nwebhook = \"\"\"\nhttps://h/T0KEN\"\"\"\n",
    "[[contact]]\nname = \"a\"\nrole = \"it\"\nwebhook = '''https://h/T0KEN'''\nmail = \"a@b\"\n",
    "[[contact]]\n\"name\" = \"a\"\nrole = \"it\"\n\"web\\u0068ook\" = \"https://h/T0KEN\"\n",
    "[[contact]]\nname = \"ü\"\nrole = \"it\"\n  webhook   =   \"https://h/T\\u0030KEN\"\n",
    "[storage]\nheads_command = [\"/x\", \"T0KEN\"]\n",
    "[second_stop]\nway = \"command\"\ncommand = [ \"/x\" , [ ][0] ]\n",
    "[second_stop]\nway = \"command\"\ncommand = [\n\"/x\",\n\n# T0KEN\n\"T0KEN\" ]\n[limits]\n",
  ])
  func whateverFormASecretHas(more: String) {
    let text = Array((File().text + more).utf8)
    guard let document = try? Document(text) else { return }
    let redacted = Configuration.Source(text, document).redacted
    #expect(!redacted.contains("T0KEN") && !redacted.contains("T\\u0030KEN"), "\(redacted)")
  }

  @Test func aContactInOneLineIsLeftOutFromItsSecretOn() throws {
    // A list of tables in one line is no [[contact]] to the reader, but the document is the same.
    let text = Array(
      "contact = [{ name = \"a\", role = \"it\", webhook = \"https://h/T0KEN\", mail = \"a@b\" }]\n"
        .utf8)
    let redacted = Configuration.Source(text, try Document(text)).redacted
    #expect(!redacted.contains("T0KEN") && redacted.contains("name = \"a\""))
  }
}
