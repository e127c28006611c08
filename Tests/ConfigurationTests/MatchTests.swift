import Testing

@testable import Configuration

/// `match` of a scanner: what its device has to be, in place of a path.
@Suite struct MatchTests {
  private static func file(_ match: String, device: String? = nil, more: String = "") -> File {
    File([("scanner.device", device), ("scanner.match", match)], more: more)
  }

  @Test(arguments: [
    (
      "{ vendor = \"05F9\", product = \"22aB\" }",
      Configuration.Scanner.Match(vendor: "05f9", product: "22ab")
    ),
    ("{ vendor = \"0c2e\" }", .init(vendor: "0c2e")),
    ("{ serial = \"S/n 1-ä\" }", .init(serial: "S/n 1-ä")),
    (
      "{ vendor = \"05f9\", product = \"2214\", serial = \"s\", port = \"pci-0000:00:14.0-usb-0:1\" }",
      .init(vendor: "05f9", product: "2214", serial: "s", port: "pci-0000:00:14.0-usb-0:1")
    ),
  ])
  func aMatchStandsInPlaceOfADevice(toml: String, match: Configuration.Scanner.Match) throws {
    #expect(try Self.file(toml).load().scanners[0].device == .match(match))
  }

  @Test func aMatchMayAlsoBeATableOfItsOwn() throws {
    let text = """
      [line]
      id = "L01"
      [[scanner]]
      name = "a"
      [scanner.match]
      vendor = "05f9"
      [[scanner]]
      name = "b"
      [scanner.match]
      serial = "1"
      """
    let scanners = try Configuration.parse(Array(text.utf8), file: "f").scanners
    #expect(
      scanners.map(\.device) == [.match(.init(vendor: "05f9")), .match(.init(serial: "1"))])
  }

  @Test(arguments: [
    ("{}", "match", "this table is empty; it takes one key at least"),
    (
      "{ vendr = \"05f9\", serial = \"1\" }", "match.vendr",
      "there is no such key; did you mean \"vendor\"?"
    ),
    ("{ serial = \"1\", x = { y = 1 } }", "match.x", "there is no such key"),
    ("{ serial = { y = 1 } }", "match.serial", "this is a table, but has to be a text, in quotes"),
    ("{ serial = [\"1\"] }", "match.serial", "this is a list, but has to be a text, in quotes"),
    (
      "{ vendor = 2214 }", "match.vendor",
      "this is a whole number, but has to be a text, in quotes"
    ),
    (
      "{ vendor = \"5f9\" }", "match.vendor",
      "\"5f9\" has to be four hex digits, e.g. \"05f9\""
    ),
    (
      "{ vendor = \"0x05f9\" }", "match.vendor",
      "\"0x05f9\" has to be four hex digits, e.g. \"05f9\""
    ),
    (
      "{ vendor = \"05f9\", product = \"+214\" }", "match.product",
      "\"+214\" has to be four hex digits, e.g. \"05f9\""
    ),
    (
      "{ product = \"2214\" }", "match.product",
      "a product number says nothing without its vendor; write vendor with it"
    ),
    (
      "{ serial = \"\" }", "match.serial",
      "this has to be a text of 1 to 512 bytes without control characters"
    ),
    (
      "{ serial = \"a\\u0007\" }", "match.serial",
      "this has to be a text of 1 to 512 bytes without control characters"
    ),
    (
      "\"05f9\"", "match",
      "this is a text, but has to be a table of vendor, product, serial or port"
    ),
    ("[{}]", "match", "this is a list, but has to be a table of vendor, product, serial or port"),
  ])
  func whatIsWrongIsOneProblemWithItsLineAndKey(toml: String, key: String, says: String) {
    let file = Self.file(toml)
    #expect(file.problems.map(\.sentence) == [says])
    #expect(file.problems.map(\.key) == ["scanner.\(key)"])
    #expect(file.problems.first?.line == file.lines["scanner.match"])
  }

  @Test func deviceAndMatchExcludeEachOtherAndOneIsNeeded() {
    let both = Self.file("{ serial = \"1\" }", device: "\"/dev/ttyACM0\"")
    #expect(
      both.problems.map(\.sentence) == ["device names the scanner already; write one of the two"])
    let none = File([("scanner.device", nil)])
    #expect(none.problems.map(\.key) == ["scanner.device"])
    #expect(
      none.problems.first?.sentence
        == "this key is missing; write e.g. device = \"/dev/serial/by-id/usb-MAKER_MODEL_SERIAL-if00\", "
        + "or match, as lineward scanners discover prints it")
  }

  @Test func twoScannersWithOneMatchAreRefused() {
    let file = Self.file(
      "{ vendor = \"05F9\" }",
      more: "[[scanner]]\nname = \"b\"\nmatch = { vendor = \"05f9\" }\n")
    #expect(
      file.problems.map(\.sentence) == [
        "this is the match of another scanner already, in line \(file.lines["scanner.match"] ?? 0)"
      ])
  }
}
