import Alarms
import Line

import Testing

@testable import Daemon
@testable import Devices
@testable import PLCLink

/// Prometheus's text format 0.0.4, read strictly: what this reads, every scraper reads.
struct ParsedExposition {
  struct Sample {
    var name: String
    var labels: [String: String]
    var value: Double
  }

  struct Wrong: Error, CustomStringConvertible { var description: String }

  var kinds: [String: String] = [:]
  var samples: [Sample] = []

  init(_ text: String) throws {
    guard text.last == "\n" else { throw Wrong(description: "the last line has no end") }
    var family = ""
    var helps: Set<String> = []
    var seen: Set<String> = []
    for line in text.split(separator: "\n", omittingEmptySubsequences: false).dropLast() {
      let words = line.split(separator: " ", maxSplits: 3, omittingEmptySubsequences: false)
      if line.hasPrefix("# HELP ") {
        guard words.count == 4, !words[3].isEmpty, helps.insert(String(words[2])).inserted else {
          throw Wrong(description: "\(line)")
        }
        family = String(words[2])
      } else if line.hasPrefix("# TYPE ") {
        guard words.count == 4, words[2] == family, kinds[family] == nil,
          ["counter", "gauge", "histogram", "summary"].contains(words[3])
        else { throw Wrong(description: "\(line)") }
        kinds[family] = String(words[3])
      } else {
        let sample = try Self.sample(line)
        let suffixes =
          ["histogram": ["_bucket", "_sum", "_count"], "summary": ["", "_sum", "_count"]][
            kinds[family] ?? ""] ?? [""]
        guard suffixes.contains(where: { sample.name == family + $0 }) else {
          throw Wrong(description: "\(line) does not belong to \(family)")
        }
        guard
          seen.insert("\(sample.name) \(sample.labels.sorted { $0.key < $1.key })").inserted
        else { throw Wrong(description: "\(line) stands twice") }
        samples.append(sample)
      }
    }
    guard Set(kinds.keys) == helps else { throw Wrong(description: "a help without a type") }
  }

  private static func sample(_ line: Substring) throws -> Sample {
    var rest = line
    func isName(_ text: Substring, colon: Bool) -> Bool {
      guard let first = text.first, first.isASCII, first.isLetter || first == "_" else {
        return false
      }
      return text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") }
    }
    let name = rest.prefix { $0 != "{" && $0 != " " }
    guard isName(name, colon: true) else { throw Wrong(description: "\(line)") }
    rest = rest.dropFirst(name.count)
    var labels: [String: String] = [:]
    if rest.first == "{" {
      rest.removeFirst()
      while rest.first != "}" {
        let label = rest.prefix { $0 != "=" }
        guard isName(label, colon: false), rest.dropFirst(label.count).hasPrefix("=\""),
          labels[String(label)] == nil
        else { throw Wrong(description: "\(line)") }
        rest = rest.dropFirst(label.count + 2)
        var value = ""
        while let character = rest.popFirst(), character != "\"" {
          guard character == "\\" else {
            value.append(character)
            continue
          }
          switch rest.popFirst() {
          case "\\": value.append("\\")
          case "\"": value.append("\"")
          case "n": value.append("\n")
          default: throw Wrong(description: "\(line)")
          }
        }
        labels[String(label)] = value
        if rest.first == "," {
          rest.removeFirst()
        } else if rest.first != "}" {
          throw Wrong(description: "\(line)")
        }
      }
      rest.removeFirst()
    }
    guard rest.popFirst() == " ", let value = Double(rest), value.isFinite else {
      throw Wrong(description: "\(line)")
    }
    return Sample(name: String(name), labels: labels, value: value)
  }

  func value(_ name: String, _ labels: [String: String] = [:]) -> Double? {
    samples.first { $0.name == name && $0.labels == labels }?.value
  }
}

@Suite struct MetricsTests {
  static let odd = "unit \"1\"\\\nx"

  static func metrics() throws -> (Metrics, LineMetrics) {
    let core = LineController(
      settings: LineSettings(
        line: "L01", scanners: [],
        stations: ["unit-1", odd].map {
          StationSettings(
            name: $0, plc: "plc-1", scanners: [], tracksTriggers: true, gateOutcomes: true)
        }, limits: LineSettings.Limits()))
    let counts = LineMetrics(stations: 2)
    var link = PLCLink.Health()
    link.telegrams = 3
    link.errors = 1
    link.responseMedian = .milliseconds(2)
    link.responseSum = .milliseconds(7)
    var scanner = ScannerBank.Health()
    scanner.messages = 12
    return (
      Metrics(
        status: core.status, counts: counts, links: [("plc-1", link)],
        scanners: [("camera-1", scanner)], directory: "/tmp"), counts
    )
  }

  @Test
  func
    `The exposition is what a strict reader takes, with help and type for each family, and names by the conventions`()
    throws
  {
    let (metrics, _) = try Self.metrics()
    let parsed = try ParsedExposition(metrics.text)
    for (name, kind) in parsed.kinds {
      #expect(name.hasPrefix("lineward_"))
      #expect((kind == "counter") == name.hasSuffix("_total"), "\(name)")
      #expect(
        !["_ms", "_milliseconds", "_kb", "_percent"].contains { name.hasSuffix($0) }, "\(name)")
    }
    #expect(parsed.value("lineward_build_info", ["version": "0.1.0", "line": "L01"]) == 1)
    #expect(parsed.value("lineward_run_permit") == 0)
    #expect(parsed.value("lineward_plc_up", ["plc": "plc-1"]) == 0)
    #expect(parsed.value("lineward_plc_response_seconds_sum", ["plc": "plc-1"]) == 0.007)
    #expect(
      parsed.value("lineward_plc_response_seconds", ["plc": "plc-1", "quantile": "0.5"]) == 0.002)
    #expect(parsed.value("lineward_scanner_messages_total", ["scanner": "camera-1"]) == 12)
    #expect(parsed.value("lineward_units_total", ["station": Self.odd]) == 0)
    #expect((parsed.value("lineward_disk_free_bytes") ?? 0) > 0)
  }

  @Test func `What is recorded is counted by station and code, and nothing else is`() throws {
    let (metrics, counts) = try Self.metrics()
    for _ in 0..<3 { counts.count(Record(.verdict, station: 0, code: Verdict.accept.rawValue)) }
    counts.count(Record(.verdict, station: 1, code: Verdict.duplicate.rawValue))
    counts.count(Record(.withdrawn, station: 1, code: Verdict.trackingInDoubt.rawValue))
    counts.count(Record(.outcome, station: 0, code: Outcome.passed.rawValue))
    counts.count(Record(.outcomeMissing, station: 0))
    counts.count(Record(.alarmRaised, code: AlarmKind.scannerLost.rawValue))
    // Records that no counter is for, and numbers of a later version.
    counts.count(Record(.verdict, station: -1, code: 1))
    counts.count(Record(.verdict, station: 7, code: 1))
    counts.count(Record(.outcome, station: 1, code: 999))
    counts.count(Record(.alarmRaised, code: .max))
    counts.count(Record(.started))
    let parsed = try ParsedExposition(metrics.text)
    func sum(_ name: String) -> Double {
      parsed.samples.filter { $0.name == name }.reduce(0) { $0 + $1.value }
    }
    #expect(
      parsed.value(
        "lineward_verdicts_total", ["station": "unit-1", "verdict": "1", "reason": "accept"]) == 3)
    #expect(
      parsed.value(
        "lineward_verdicts_total",
        ["station": Self.odd, "verdict": "9", "reason": "duplicate_serial"])
        == 1)
    #expect(sum("lineward_verdicts_total") == 4)
    #expect(parsed.value("lineward_withdrawals_total", ["station": Self.odd]) == 1)
    #expect(
      parsed.value("lineward_outcomes_total", ["station": "unit-1", "outcome": "passed"]) == 1)
    #expect(
      parsed.value("lineward_outcomes_total", ["station": "unit-1", "outcome": "missing"]) == 1)
    #expect(sum("lineward_outcomes_total") == 2)
    #expect(parsed.value("lineward_alarms_raised_total", ["kind": "scanner_lost"]) == 1)
    #expect(sum("lineward_alarms_raised_total") == 1)
  }

  @Test func `A histogram holds each time in all classes from its own on`() throws {
    let histogram = TimeHistogram()
    for time in [-5, 0, 100_000, 100_001, 1_000_000, 6_000_000_000] as [Int64] {
      histogram.add(time)
    }
    var out = Exposition()
    out.family("lineward_test_seconds", .histogram, "A \\ test\nof lines.")
    out.times(histogram)
    let parsed = try ParsedExposition(out.text)
    func bucket(_ bound: String) -> Double? {
      parsed.value("lineward_test_seconds_bucket", ["le": bound])
    }
    #expect(bucket("0.0001") == 3)
    #expect(bucket("0.0002") == 4)
    #expect(bucket("0.001") == 5)
    #expect(bucket("5.0") == 5)
    #expect(bucket("+Inf") == 6)
    #expect(parsed.value("lineward_test_seconds_count") == 6)
    #expect(parsed.value("lineward_test_seconds_sum") == 6.001200001)
    let counts = parsed.samples.filter { $0.name.hasSuffix("_bucket") }.map(\.value)
    #expect(counts == counts.sorted())
  }
}
