import Alarms
import Foundation
import Testing

@Suite("The table of alarms")
struct AlarmTableTests {
  static func file(_ path: String) throws -> String {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("../..")
    return try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
  }

  /// As they were given out; a number in records means the same for ever, and so does a word in ids.
  static let numbers: [UInt16: String] = [
    1: "bad_pack_passed", 2: "storage_fault", 3: "reject_not_confirmed", 4: "stop_not_confirmed",
    5: "release_not_confirmed", 6: "plc_link_lost", 7: "tracking_in_doubt", 8: "scanner_lost",
    9: "machine_not_ready", 10: "wrong_map_version", 11: "consecutive_rejects",
    12: "consecutive_no_reads", 13: "outcome_missing", 14: "verdict_not_taken",
    15: "outcome_unreadable", 16: "unit_lost", 17: "events_lost", 18: "plc_restarted",
    19: "clock_stepped", 20: "clock_not_synchronised", 21: "disk_space_low", 22: "disk_filling",
    30: "print_feed_lost", 31: "print_feed_stalled", 32: "printed_twice", 33: "print_unexpected",
    34: "printed_not_read", 37: "head_not_kept", 38: "signing_key_exchanged",
    39: "scanner_flooding", 40: "scanner_unframed", 41: "plc_epoch_missing",
    46: "packml_command_not_done", 47: "second_stop_failed", 48: "second_stop_unreachable",
    50: "challenge_failed", 51: "challenge_due", 52: "accept_not_followed", 53: "accept_late",
    54: "duplicate_found", 60: "scanner_drifted", 61: "scanner_repeating",
  ]

  @Test("has every kind once, in the order of numbers, each with all its sentences")
  func complete() {
    #expect(
      AlarmDefinition.all.map(\.kind.rawValue) == AlarmKind.allCases.map(\.rawValue).sorted())
    #expect(Set(AlarmDefinition.all.map(\.word)).count == AlarmDefinition.all.count)
    for row in AlarmDefinition.all {
      #expect(row.kind.definition == row)
      #expect(AlarmKind(word: row.word) == row.kind)
      for sentence in [row.cause, row.consequence, row.remedy] {
        #expect(sentence.count > 15 && sentence.last == ".", "\(row.word): \(sentence)")
      }
    }
  }

  @Test("keeps the numbers and words that it gave out", arguments: AlarmKind.allCases)
  func numbers(kind: AlarmKind) {
    #expect(Self.numbers[kind.rawValue] == kind.word)
  }

  @Test("what is grave or names packs is never shelved, and three kinds open a containment")
  func neverShelved() {
    for kind in [
      AlarmKind.badPackPassed, .storageFault, .rejectNotConfirmed, .stopNotConfirmed,
      .trackingInDoubt, .duplicateFound, .challengeFailed,
    ] {
      #expect(!kind.definition.mayBeShelved, "\(kind.word)")
    }
    // What a person has to reset, a person has to see.
    for row in AlarmDefinition.all where row.latches {
      #expect(!row.mayBeShelved, "\(row.word)")
    }
    #expect(
      AlarmKind.allCases.filter(\.opensContainment)
        == [.badPackPassed, .challengeFailed, .duplicateFound])
  }

  @Test("what latches or names packs has no delay and is recorded each time")
  func delays() {
    for row in AlarmDefinition.all where row.latches || row.isAlwaysRecorded {
      #expect(row.onDelay == .zero && row.offDelay == .zero && !row.coalesces, "\(row.word)")
    }
  }

  @Test("each kind has a message id of its own")
  func messageIDs() {
    let ids = AlarmKind.allCases.map(\.messageID)
    #expect(Set(ids).count == ids.count)
    #expect(ids.allSatisfy { $0.count == 32 && $0.allSatisfy(\.isHexDigit) })
    #expect(AlarmKind.badPackPassed.messageID == "8d5f1c1e6d0b4b5a9f1d0c5a7e3b3001")
  }

  @Test("docs/alarms.md is what it prints (make docs)")
  func page() throws {
    #expect(try Self.file("docs/alarms.md") == AlarmReference.markdown)
  }

  @Test("its part of the journal's catalogue is what it prints (make docs)")
  func catalogue() throws {
    let file = try Self.file("systemd/lineward.catalog")
    let start = try #require(file.range(of: AlarmReference.catalogueMark))
    #expect(String(file[start.lowerBound...]) == AlarmReference.catalogue)
  }
}
