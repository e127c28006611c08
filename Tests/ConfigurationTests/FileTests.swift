import Foundation
import Testing

@testable import Configuration

/// Files that are no configuration at all.
@Suite struct FileTests {
  @Test(arguments: [
    ("this is = = not toml", 1), ("[line\nid = \"L01\"", 1), ("[line]\nid = \"L01", 2),
    ("[line]\nid = L01", 2), ("[line]\nid = \"L01\"\nid = \"L02\"", 3),
    ("[line]\nid = \"L01\"\n\n[line]\n", 4), ("[line]\nid = \"\\q\"", 2),
    ("[line]\nid = \"L\u{1B}01\"", 2), ("[plc]\nport = 99999999999999999999", 2),
    ("a = " + String(repeating: "[", count: 100_000), 1), ("= 1", 1), ("[]", 1),
  ])
  func aTextThatIsNoTOMLNamesTheLine(text: String, line: Int) throws {
    let problems = problemsOf(Array(text.utf8))
    let problem = try #require(problems.first)
    #expect(problems.count == 1)
    #expect(problem.line == line, "\(problem)")
    #expect(problem.column >= 1)
    #expect(problem.sentence.hasPrefix("this is no TOML: "))
  }

  @Test func aTextWithoutQuotesIsToldSo() {
    #expect(complaints("[line]\nid = L01\n").first?.hasSuffix("; texts stand in quotes") == true)
  }

  @Test func aNULByteIsRefusedWithItsLine() {
    #expect(
      complaints("[line]\nid = \"L\0\"\n") == [
        "lineward.toml:2:1: this is no TOML: the file holds a NUL byte"
      ])
  }

  @Test func anEscapedNULIsRefusedToo() {
    #expect(
      complaints("[line]\nid = \"L\\u0000\"\n") == [
        "lineward.toml:2:6: this is no TOML: a string holds a NUL character"
      ])
  }

  @Test func bytesThatAreNoUTF8AreRefusedWithTheirLine() throws {
    let problem = try #require(problemsOf(Array("[line]\nid = \"L".utf8) + [0xFF, 0x22]).first)
    #expect(problem.line == 2)
    #expect(problem.sentence.contains("utf-8"))
  }

  @Test func aByteOrderMarkAndWindowsLineEndsDoNoHarm() throws {
    let text = File().text.split(separator: "\n").joined(separator: "\r\n")
    #expect(
      try Configuration.parse([0xEF, 0xBB, 0xBF] + Array(text.utf8), file: "f") == File().load())
  }

  /// `"scanner[0].name"` is one key for TOML, and would be another one as a path.
  @Test(arguments: ["\"scanner[0].name\" = \"x\"\n", "\"\" = 1\n", "\"a b\" = 1\n", "'ä' = 1\n"])
  func aKeyThatNeedsQuotesIsRefused(text: String) {
    #expect(
      complaints(text + File().text) == [
        "lineward.toml:1:1: this is no TOML: a key holds something else than letters, digits, - and _"
      ])
  }

  @Test(arguments: [20_000, 400_000]) func aKeyOfThousandsOfPartsDoesNotEndTheDaemon(parts: Int) {
    let name = Array(repeating: "a", count: parts).joined(separator: ".")
    #expect(
      complaints(File().text + "[\(name)]\n") == [
        "lineward.toml:13:1: this is no TOML: a key has too many parts"
      ])
  }

  @Test func dotsInTextsAndCommentsAreNoPartsOfKeys() throws {
    let dots = String(repeating: ".", count: 200)
    let text = "# \(dots)\n" + File([("storage.directory", "\"/\(dots)\" # \(dots)")]).text
    _ = try Configuration.parse(Array(text.utf8), file: "f")
  }

  // MARK: On a disk

  private static func problem(loading path: String) -> String {
    do throws(ConfigurationProblems) {
      _ = try Configuration.load(path: path)
      return "loaded"
    } catch {
      return error.description
    }
  }

  private static func withFolder(_ body: (URL) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
      "lineward-configuration-\(UUID().uuidString.prefix(8))")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    try body(folder)
  }

  @Test func aFileThatIsNotThereIsNamed() {
    #expect(
      FileTests.problem(loading: "/nonexistent/lineward.toml")
        == """
        /nonexistent/lineward.toml: the file cannot be opened: No such file or directory; linewardd \
        --print-sample-config prints one to start from
        """)
  }

  @Test func aFolderAndAPipeAreRefusedAtOnce() throws {
    try FileTests.withFolder { folder in
      let pipe = folder.appendingPathComponent("pipe").path
      #expect(mkfifo(pipe, 0o600) == 0)
      for path in [folder.path, pipe, "/dev/null"] {
        #expect(
          FileTests.problem(loading: path)
            == "\(path): this is a folder or a device; the configuration is a file")
      }
    }
  }

  /// Address 0 is never mapped, so reading this file fails with EIO, also for root, whom no mode bits keep out.
  @Test func aFileThatCannotBeReadIsNamed() {
    #expect(
      FileTests.problem(loading: "/proc/self/mem")
        == "/proc/self/mem: the file cannot be read: Input/output error")
  }

  @Test func anEmptyFileLacksItsLine() throws {
    try FileTests.withFolder { folder in
      let path = folder.appendingPathComponent("empty.toml").path
      try Data().write(to: URL(fileURLWithPath: path))
      #expect(
        FileTests.problem(loading: path)
          == "\(path): line.id: this key is missing; write e.g. id = \"L01\"")
    }
  }

  @Test func aMebibyteLoadsAndAByteMoreDoesNot() throws {
    try FileTests.withFolder { folder in
      let path = folder.appendingPathComponent("large.toml").path
      let text = Array(File().text.utf8)
      let room = Configuration.fileLengthMax - text.count
      for (extra, expected) in [
        (0, "loaded"),
        (1, "\(path): the file is larger than 1048576 bytes; that is no configuration"),
      ] {
        let comment = [0x23] + [UInt8](repeating: 0x78, count: room + extra - 1)
        try Data(text + comment).write(to: URL(fileURLWithPath: path))
        #expect(FileTests.problem(loading: path) == expected)
      }
    }
  }
}
