internal import Foundation
public import Line

/// How the settings that verdicts depend on stand in the records (`Record.Kind.settings`): one line of JSON, see
/// `docs/records.md`.
public enum RecordedSettings {
  /// Why bytes are no settings.
  public struct Malformed: Error, Sendable, Hashable, CustomStringConvertible {
    /// The reason, for a person.
    public var description: String
  }

  private struct Fields: Codable {
    /// Left out by versions that knew no challenge test.
    var challenge: Challenge?
    var line: String
    var limits: Limits
    var minimumGradeTenths: Int
    /// Left out where reads come in any order.
    var orderWindow: Int?
    /// Left out where there is none.
    var printFeed: PrintFeed?
    var scanners: [Scanner]
    var stations: [Station]
    var version: Int

    enum CodingKeys: String, CodingKey {
      case challenge, line, limits, scanners, stations, version
      case minimumGradeTenths = "minimum_grade_tenths"
      case orderWindow = "order_window"
      case printFeed = "print_feed"
    }
  }

  private struct PrintFeed: Codable {
    var lowMark: Int
    var stall: Int64

    enum CodingKeys: String, CodingKey {
      case lowMark = "low_mark"
      case stall = "stall_ns"
    }
  }

  private struct Challenge: Codable {
    var afterBatchStart: Bool
    var everyHours: Int
    /// Numbers of verdicts.
    var packs: [UInt16]
    var timeout: Int64

    enum CodingKeys: String, CodingKey {
      case packs
      case afterBatchStart = "after_batch_start"
      case everyHours = "every_hours"
      case timeout = "timeout_ns"
    }
  }

  private struct Limits: Codable {
    var consecutiveNoReads: Int
    var consecutiveRejects: Int
    /// Left out where there is no limit, and by versions that had none.
    var duplicates: Int?
    var outcome: Int64
    /// Left out by versions that had no such limit.
    var printedNotRead: Int?
    var stopConfirm: Int64

    enum CodingKeys: String, CodingKey {
      case duplicates
      case consecutiveNoReads = "consecutive_no_reads"
      case consecutiveRejects = "consecutive_rejects"
      case outcome = "outcome_ns"
      case printedNotRead = "printed_not_read"
      case stopConfirm = "stop_confirm_ns"
    }
  }

  /// Texts that scanners send may hold any byte, so they stand in hexadecimal digits.
  private struct Scanner: Codable {
    /// Left out where there is none, and by versions that knew none.
    var codeSeparator: String?
    var gradeSeparator: String
    /// No-read texts beyond the first; left out where there are none, and by versions that knew one only.
    var furtherNoReads: [String]?
    var name: String
    /// The first; empty: none.
    var noRead: String
    var requireSymbology: String

    enum CodingKeys: String, CodingKey {
      case name
      case codeSeparator = "code_separator_hex"
      case furtherNoReads = "further_no_reads_hex"
      case gradeSeparator = "grade_separator_hex"
      case noRead = "no_read_hex"
      case requireSymbology = "require_symbology_hex"
    }
  }

  private struct Station: Codable {
    var earlyRead: Int64
    var gateOutcomes: Bool
    var name: String
    var plc: String
    var quiet: Int64
    var readTimeout: Int64
    var scanners: [Int]
    var silentIsDoubt: Bool
    var slots: Int
    var tracksTriggers: Bool

    enum CodingKeys: String, CodingKey {
      case name, plc, scanners, slots
      case earlyRead = "early_read_ns"
      case gateOutcomes = "gate_outcomes"
      case quiet = "quiet_ns"
      case readTimeout = "read_timeout_ns"
      case silentIsDoubt = "silent_is_doubt"
      case tracksTriggers = "tracks_triggers"
    }
  }

  /// The bytes for a record's `raw`: one line of JSON, keys in alphabetical order.
  public static func encoded(_ settings: LineSettings) -> [UInt8] {
    let fields = Fields(
      challenge: Challenge(
        afterBatchStart: settings.challenge.afterBatchStart,
        everyHours: settings.challenge.everyHours,
        packs: settings.challenge.packs.map(\.rawValue),
        timeout: settings.challenge.timeout.nanoseconds),
      line: settings.line,
      limits: Limits(
        consecutiveNoReads: settings.limits.consecutiveNoReads,
        consecutiveRejects: settings.limits.consecutiveRejects,
        duplicates: settings.limits.duplicates > 0 ? settings.limits.duplicates : nil,
        outcome: settings.limits.outcome.nanoseconds,
        printedNotRead: settings.limits.printedNotRead,
        stopConfirm: settings.limits.stopConfirm.nanoseconds),
      minimumGradeTenths: settings.minimumGradeTenths, orderWindow: settings.orderWindow,
      printFeed: settings.printFeed.map {
        PrintFeed(lowMark: $0.lowMark, stall: $0.stall.nanoseconds)
      },
      scanners: settings.scanners.map {
        Scanner(
          codeSeparator: $0.codeSeparator.isEmpty ? nil : Hexadecimal.text($0.codeSeparator),
          gradeSeparator: Hexadecimal.text($0.gradeSeparator),
          furtherNoReads: $0.noReads.count > 1
            ? $0.noReads.dropFirst().map { Hexadecimal.text($0) } : nil, name: $0.name,
          noRead: Hexadecimal.text($0.noReads.first ?? []),
          requireSymbology: Hexadecimal.text($0.requireSymbology))
      },
      stations: settings.stations.map {
        Station(
          earlyRead: $0.earlyRead.nanoseconds, gateOutcomes: $0.gateOutcomes, name: $0.name,
          plc: $0.plc, quiet: $0.quiet.nanoseconds, readTimeout: $0.readTimeout.nanoseconds,
          scanners: $0.scanners, silentIsDoubt: $0.silentIsDoubt, slots: $0.slots,
          tracksTriggers: $0.tracksTriggers)
      }, version: 1)
    return RecordJSON.line(fields)
  }

  /// Reads settings from a record's `raw`.
  public static func decoded(_ bytes: [UInt8]) throws(Malformed) -> LineSettings {
    let fields: Fields
    do {
      fields = try JSONDecoder().decode(Fields.self, from: Data(bytes))
    } catch {
      throw Malformed(description: "the recorded settings are no JSON with the fields they need")
    }
    guard fields.version == 1 else {
      throw Malformed(
        description: "the recorded settings have version \(fields.version); 1 is known")
    }
    func text(_ digits: String) throws(Malformed) -> [UInt8] {
      guard let bytes = Hexadecimal.bytes(digits) else {
        throw Malformed(description: "a scanner's text in the recorded settings is no hexadecimal")
      }
      return bytes
    }
    var scanners: [ScannerSettings] = []
    for scanner in fields.scanners {
      var noReads: [[UInt8]] = []
      for digits in [scanner.noRead] + (scanner.furtherNoReads ?? []) {
        noReads.append(try text(digits))
      }
      scanners.append(
        ScannerSettings(
          name: scanner.name, noReads: noReads.filter { !$0.isEmpty },
          requireSymbology: try text(scanner.requireSymbology),
          gradeSeparator: try text(scanner.gradeSeparator),
          codeSeparator: try text(scanner.codeSeparator ?? "")))
    }
    guard fields.stations.allSatisfy({ $0.scanners.allSatisfy(scanners.indices.contains) }) else {
      throw Malformed(description: "a station in the recorded settings has a scanner that is none")
    }
    return LineSettings(
      line: fields.line, scanners: scanners,
      stations: fields.stations.map {
        StationSettings(
          name: $0.name, plc: $0.plc, scanners: $0.scanners, slots: $0.slots,
          tracksTriggers: $0.tracksTriggers,
          readTimeout: Instant.Span(nanoseconds: $0.readTimeout),
          earlyRead: Instant.Span(nanoseconds: $0.earlyRead),
          quiet: Instant.Span(nanoseconds: $0.quiet), silentIsDoubt: $0.silentIsDoubt,
          gateOutcomes: $0.gateOutcomes)
      },
      limits: LineSettings.Limits(
        consecutiveRejects: fields.limits.consecutiveRejects,
        consecutiveNoReads: fields.limits.consecutiveNoReads,
        printedNotRead: fields.limits.printedNotRead ?? 0,
        duplicates: fields.limits.duplicates ?? 0,
        stopConfirm: Instant.Span(nanoseconds: fields.limits.stopConfirm),
        outcome: Instant.Span(nanoseconds: fields.limits.outcome)),
      minimumGradeTenths: fields.minimumGradeTenths, orderWindow: fields.orderWindow,
      challenge: fields.challenge.map {
        LineSettings.Challenge(
          packs: $0.packs.compactMap(Verdict.init(rawValue:)), everyHours: $0.everyHours,
          afterBatchStart: $0.afterBatchStart, timeout: Instant.Span(nanoseconds: $0.timeout))
      } ?? LineSettings.Challenge(),
      printFeed: fields.printFeed.map {
        LineSettings.PrintFeed(stall: Instant.Span(nanoseconds: $0.stall), lowMark: $0.lowMark)
      })
  }
}
