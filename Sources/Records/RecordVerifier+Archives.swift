internal import Alarms
internal import Crypto
internal import Foundation
internal import Line

extension RecordVerifier {
  /// Checks a line's records together with its archives, from record 1: each begins where the one before it ends.
  static func verify(
    joined directory: String, _ archives: [String], known: [SignedHead], keys: [HeadKey],
    progress: (Int, Int) -> Void
  ) -> VerificationReport {
    var joined = Joined(known: known, keys: keys)
    do {
      var segments: [(path: String, base: ChainBase, last: Int64)] = []
      for path in archives {
        let reader = try RecordReader(directory: path)
        segments.append((path, try reader.base(), try reader.lastSequence()))
      }
      segments.sort { $0.base.last < $1.base.last }
      for segment in segments {
        guard
          try joined.take(segment.path, segment.base, last: segment.last, isArchive: true, progress)
        else { return joined.report }
      }
      let reader = try RecordReader(directory: directory)
      _ = try joined.take(
        directory, reader.base(), last: reader.lastSequence(), isArchive: false, progress)
    } catch {
      joined.report.fault = .from(error, "read the records", path: directory)
    }
    return joined.report
  }

  /// What was joined so far.
  private struct Joined {
    let known: [SignedHead]
    /// Those given, and with them those that they vouch for; none when none was given.
    private var keys: [HeadKey]
    var report = VerificationReport()
    private var end = ChainBase()
    private var made: RecordArchive.Made?
    private var path = ""

    init(known: [SignedHead], keys: [HeadKey]) {
      self.known = known
      self.keys = keys
    }

    private mutating func bad(_ sequence: Int64, _ message: String) -> Bool {
      report.firstBad = .init(sequence: sequence, message: message)
      return false
    }

    /// Checks the next part; false when something is wrong.
    mutating func take(
      _ path: String, _ base: ChainBase, last: Int64, isArchive: Bool,
      _ progress: (Int, Int) -> Void
    ) throws -> Bool {
      guard base.last == end.last else {
        return bad(
          end.last + 1,
          base.last > end.last
            ? "missing: records \(end.last + 1) to \(base.last) are in an archive that was not given"
            : "\(path) begins with record \(base.last + 1) again: an archive was given that is none of this line's, or twice"
        )
      }
      if let description = base.description, let made {
        guard base.hash == end.hash else {
          return bad(
            base.record, "it names another hash than that of the last record in \(self.path)")
        }
        guard
          let manifest = FileManager.default.contents(
            atPath: self.path + "/" + ArchiveManifest.name),
          Array(SHA256.hash(data: manifest)) == description.manifest
        else { return bad(base.record, "\(self.path)/manifest.json is not the one that it names") }
        var state = made.state
        // A version whose alarms had fewer states wrote it: what is made today has more in it than that could say.
        if description.state.alarms.isOfOlderVersion { state.alarms = description.state.alarms }
        guard
          try SavedStateCheck.text(state) == SavedStateCheck.text(description.state),
          made.settings == description.settings, made.standing == description.standing
        else {
          return bad(
            base.record, "what it says of the line is not what the records in \(self.path) make")
        }
      }
      // Those before this part were looked for in the part that has them.
      let heads = known.filter {
        $0.sequence > base.last && (!isArchive || $0.sequence <= last)
      }
      let part = RecordVerifier.verify(
        directory: path, known: heads, keys: keys, progress: progress)
      report.records += part.records
      report.serialFiles += part.serialFiles
      report.heads += part.heads
      report.keys += part.keys.filter { !report.keys.contains($0) }
      report.remarks += part.remarks
      report.lastHash = part.lastHash
      report.fault = part.fault
      report.firstBad = part.firstBad
      guard part.isIntact, isArchive else { return false }
      made = try RecordArchive.made(RecordReader(directory: path), after: base)
      self.path = path
      if !keys.isEmpty { keys += part.keys.filter { !keys.contains($0) } }
      end.last = last
      end.hash = part.lastHash
      return true
    }
  }
}
