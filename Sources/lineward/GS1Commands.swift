internal import ArgumentParser
internal import Control
internal import FoundationEssentials
internal import GS1
internal import Glibc

/// `gs1 …`.
struct GS1Commands: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "gs1", abstract: "Check GS1 data, without the daemon.", subcommands: [Check.self])

  /// `gs1 check`.
  struct Check: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Check scans from standard input.",
      discussion: """
        Each line of input is {"scan": "]d201…"}, the scan with its symbology identifier; each gets \
        a line of output: {"ok":true,"elements":[["01","…"],…]} or {"ok":false,"error":{"code", \
        "message","offset"}}. A line that is no such object gets the code bad-input, the others go \
        on, and the exit status is 65.

        With --explain a line may also be the scan itself, as a scanner types it.
        """)

    @OptionGroup var options: GlobalOptions

    @Flag(
      help: """
        Lay each scan out for a person: its AIs with titles, the byte where it broke, control \
        characters visibly.
        """)
    var explain = false

    func validate() throws {
      if explain, options.json {
        throw ValidationError("--explain answers for people: leave out --json.")
      }
    }

    func run() throws {
      var checker = ScanChecker(explains: explain)
      var input = [UInt8](repeating: 0, count: 256 * 1024)
      while true {
        let count = read(STDIN_FILENO, &input, input.count)
        if count < 0, errno == EINTR { continue }
        guard count >= 0 else {
          throw Failure.badInput(
            "Standard input cannot be read: \(String(cString: strerror(errno))).")
        }
        if count == 0 { break }
        Output.write(checker.answers(to: input[..<count]), to: STDOUT_FILENO)
      }
      Output.write(checker.lastAnswer(), to: STDOUT_FILENO)
      if checker.hadBadInput { throw ExitStatus.badInput }
    }
  }
}

/// Makes an answer for each line of input, however they come in.
struct ScanChecker {
  /// Whether a line was no scan at all.
  private(set) var hadBadInput = false
  /// Whether the answers are laid out for people, and lines may be bare scans; otherwise JSON.
  private let explains: Bool
  /// A scan has at most 8,193 bytes, and JSON writes a byte with six characters at most.
  private var assembler = LineAssembler(lengthMax: 64 * 1024)
  private let decoder = JSONDecoder()

  private struct Input: Decodable { var scan: String }

  init(explains: Bool) { self.explains = explains }

  /// The answers to all lines that these bytes complete.
  mutating func answers(to bytes: ArraySlice<UInt8>) -> [UInt8] {
    assembler.append(bytes)
    var output: [UInt8] = []
    while let line = assembler.next() { answer(line, into: &output) }
    return output
  }

  /// The answer to a last line without a line feed.
  mutating func lastAnswer() -> [UInt8] {
    var output: [UInt8] = []
    if let line = assembler.rest() { answer(line, into: &output) }
    return output
  }

  private mutating func answer(_ line: LineAssembler.Line, into output: inout [UInt8]) {
    guard case .whole(let bytes) = line else {
      bad("The line is longer than \(assembler.lengthMax) bytes.", into: &output)
      return
    }
    guard let scan = scan(in: bytes) else {
      bad(#"The line is no JSON object with a text "scan"."#, into: &output)
      return
    }
    if explains {
      output += "\(Message.explanation(of: scan))\n\n".utf8
      return
    }
    do throws(GS1Error) {
      let elements = try Message.elements(in: scan)
      output += #"{"ok":true,"elements":["#.utf8
      for (index, element) in elements.enumerated() {
        if index > 0 { output.append(UInt8(ascii: ",")) }
        output.append(UInt8(ascii: "["))
        append(text: element.ai.digits, to: &output)
        output.append(UInt8(ascii: ","))
        append(text: element.value, to: &output)
        output.append(UInt8(ascii: "]"))
      }
      output += "]}\n".utf8
    } catch {
      refuse(error.code.rawValue, error.message, offset: error.offset, into: &output)
    }
  }

  /// The scan that a line holds, nil where it holds none.
  private func scan(in line: [UInt8]) -> [UInt8]? {
    // No scan begins with a brace; what a scanner typed begins with its symbology identifier.
    if explains, line.first != UInt8(ascii: "{") { return line }
    guard let input = try? decoder.decode(Input.self, from: Data(line)) else { return nil }
    return Array(input.scan.utf8)
  }

  private mutating func bad(_ message: String, into output: inout [UInt8]) {
    hadBadInput = true
    if explains {
      output += "\(message)\n\n".utf8
    } else {
      refuse("bad-input", message, offset: 0, into: &output)
    }
  }

  private func refuse(
    _ code: String, _ message: String, offset: Int, into output: inout [UInt8]
  ) {
    output += #"{"ok":false,"error":{"code":"#.utf8
    append(text: code, to: &output)
    output += #","message":"#.utf8
    append(text: message, to: &output)
    output += #","offset":\#(offset)}}"#.utf8
    output.append(UInt8(ascii: "\n"))
  }

  /// Text as JSON writes it (RFC 8259, 7).
  private func append(text: String, to output: inout [UInt8]) {
    output.append(UInt8(ascii: "\""))
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"):
        output.append(UInt8(ascii: "\\"))
        output.append(byte)
      case 0..<0x20:
        output += "\\u00".utf8
        for digit in [byte >> 4, byte & 15] {
          output.append(digit < 10 ? 48 + digit : 87 + digit)
        }
      default: output.append(byte)
      }
    }
    output.append(UInt8(ascii: "\""))
  }
}
