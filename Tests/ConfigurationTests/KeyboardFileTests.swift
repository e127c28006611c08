import Foundation
import Testing

@testable import Configuration

@Suite struct KeyboardFileTests {
  private static func complaint(_ text: String) -> String? {
    do throws(ConfigurationProblems) {
      _ = try KeyboardFile.parse(Array(text.utf8), file: "x.toml")
      return nil
    } catch {
      return error.description
    }
  }

  @Test(arguments: ["us", "de", "fr", "gb"]) func eachLayoutThatComesWithUsIsRead(name: String)
    throws
  {
    let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("../../config/keyboards/\(name).toml").path
    let file = try KeyboardFile.load(path: path)
    #expect(file.name == name)
    #expect(file.keys["E"] == ["e", "E"])
    #expect(file.keys["SPACE"] == [" "])
    #expect(file.keys.count > 40)
  }

  @Test func whatHasNoPlaceIsSaidWithItsLine() {
    #expect(
      Self.complaint("[keys]\n") == "x.toml: name: this key is missing; write e.g. name = \"us\"")
    let form =
      "this has no place here; a layout has a name, and below [keys] a list of texts for each key, "
      + "e.g. Q = [\"q\", \"Q\"]"
    #expect(Self.complaint("name = \"x\"\n[keys]\nQ = \"q\"\n") == "x.toml:3:5: keys.Q: \(form)")
    #expect(Self.complaint("name = \"x\"\n[keys]\nQ = [1]\n") == "x.toml:3:6: keys.Q[0]: \(form)")
    #expect(Self.complaint("name = \"x\"\n[other]\n") == "x.toml:2:1: other: \(form)")
    #expect(Self.complaint("name = \n")?.hasPrefix("x.toml:1:") == true)
  }
}
