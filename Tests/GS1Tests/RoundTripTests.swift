import Testing

@testable import GS1

/// Build and parse are inverse, over random valid messages of all AIs.
@Suite struct RoundTripTests {
  static let seed: UInt64 = 20_260_127

  /// Ten messages for each AI of the dictionary.
  static func messages() -> [[MessageWriter.Element]] {
    var source = ValidMessages(seed: seed)
    var messages: [[MessageWriter.Element]] = []
    for ai in ApplicationIdentifier.all {
      var made = 0
      for _ in 0..<200 where made < 10 {
        guard let message = source.message(with: ai) else { continue }
        messages.append(message)
        made += 1
      }
      #expect(made == 10, "seed \(seed): no valid message found that carries \(ai)")
    }
    return messages
  }

  @Test func elementStringsReadBackAsWritten() throws {
    for message in Self.messages() {
      let text = MessageWriter.humanReadable(message)
      for symbology in [SymbologyIdentifier.gs1DataMatrix, .gs1128, .gs1DataBar] {
        let scan = try MessageWriter.elementStrings(message, symbology: symbology)
        let parsed = try Message.parse(scan.span)
        #expect(parsed.symbology == symbology)
        #expect(parsed.count == message.count, "seed \(Self.seed): \(text)")
        let elements = try Message.elements(in: scan)
        #expect(MessageWriter.humanReadable(elements) == text, "seed \(Self.seed): \(text)")
        #expect(MessageWriter.humanReadable(parsed, in: scan.span) == text)
        for element in message {
          let range = try #require(parsed.value(of: element.ai))
          #expect(Array(scan[range]) == Array(element.value.utf8))
        }
        let pack = try Message.packIdentifier(in: scan.span)
        #expect(pack.gtin == parsed.value(of: .gtin))
        #expect(pack.serial == parsed.value(of: .serial))
        #expect(pack.lot == parsed.value(of: .lot))
        #expect(pack.expiry == parsed.value(of: .expiry))
      }
    }
  }

  @Test func digitalLinksReadBackAsWritten() throws {
    var written = 0
    for message in Self.messages() {
      let uri: String
      do throws(GS1Error) {
        uri = try MessageWriter.digitalLink(message, stem: "https://example.com/some/stem/")
      } catch {
        // Not every message has a key, and some AIs may stand in no URI.
        #expect(
          [.uriKeyMissing, .uriNotAnAttribute].contains(error.code),
          "\(error): \(MessageWriter.humanReadable(message))")
        continue
      }
      written += 1
      let elements = try Message.elements(in: Array("]Q1\(uri)".utf8))
      let expected = message.map { "\($0.ai)\($0.value)" }.sorted()
      #expect(elements.map { "\($0.ai)\($0.value)" }.sorted() == expected, "\(uri)")
    }
    #expect(written > 3000)
  }

  /// What a writer must refuse, because it would read back as something else.
  @Test(
    arguments: [
      ("01", "0950600013435200", .valueTooLong),
      ("01", "0950600013435", .valueTooShort),
      ("10", "A\u{1D}21B", .notInCharacterSet82),
      ("10", "", .valueEmpty),
      ("10", "A", .requirementNotMet),
      ("37", "123456789", .valueTooLong),
    ] as [(String, String, GS1Error.Code)])
  func refusesToWrite(ai: String, value: String, code: GS1Error.Code) throws {
    let identifier = try #require(ApplicationIdentifier(ai))
    #expect(throws: code) {
      do throws(GS1Error) {
        _ = try MessageWriter.elementStrings([(identifier, value)])
      } catch {
        throw error.code
      }
    }
  }

  /// Elements as "AI value|AI value", and the URI or the code of the error.
  @Test(
    arguments: [
      ("01 09506000134352|10 A~1", "character-not-in-set-82"),
      (
        "17 271231|21 S+1|10 A/1|01 09506000134352",
        "https://id.gs1.org/01/09506000134352/10/A%2F1/21/S%2B1?17=271231"
      ),
      (
        "01 09506000134352|235 TPX|10 A|99 x|3103 000195",
        "https://id.gs1.org/01/09506000134352/235/TPX?3103=000195&10=A&99=x"
      ),
      ("00 095060001343520000|21 A|01 09506000134352", "uri-ai-not-attribute"),
      ("21 A|710 1", "uri-key-missing"),
      ("01 09506000134352|10 A|10 B", "ai-repeat-differs"),
      ("01 09506000134352|10 A|10 A", "https://id.gs1.org/01/09506000134352/10/A"),
    ] as [(String, String)])
  func digitalLink(elements: String, expected: String) throws {
    let message = try elements.split(separator: "|").map { element in
      let parts = element.split(separator: " ", maxSplits: 1)
      return (ai: try #require(ApplicationIdentifier(String(parts[0]))), value: String(parts[1]))
    }
    let answer: String
    do throws(GS1Error) {
      answer = try MessageWriter.digitalLink(message)
    } catch {
      answer = error.code.rawValue
    }
    #expect(answer == expected)
  }
}

extension GS1Error.Code: Error {}
