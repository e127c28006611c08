internal import Crypto
internal import Foundation
internal import Glibc

/// What the check of an exported folder found.
public struct ExportCheckReport: Sendable, Hashable {
  /// The batch, empty when the manifest could not be read, and for the bundle of a case.
  public var batch = ""
  /// The case of a bundle, such as `C3`; nil for the export of a batch.
  public var caseID: String?
  /// How many records the chain holds for.
  public var records = 0
  /// How many files are those of the manifest.
  public var files = 0
  /// How many signed heads agree with the chain.
  public var heads = 0
  /// The name of the key that signed it; nil when it is not signed, or was not looked at yet.
  public var signedBy: String?
  /// The first thing that is wrong, a sentence that names its file; nil when nothing is.
  public var firstWrong: String?

  /// Whether all of it holds.
  public var holds: Bool { firstWrong == nil }
}

/// Checks an exported folder with nothing but the folder: signature, files, and the chain over its records.
public enum ExportCheck {
  /// Checks a folder.
  ///
  /// `keys` are public keys kept elsewhere, one of which has to have signed the manifest. Without any the folder's own is
  /// used, which shows accidents but no forger. Older keys, which signed heads before a rotation, are those that the folder
  /// names: the manifest covers them. With `allowUnsigned` an export made from a copy without the signing key may hold too.
  public static func check(
    folder: String, keys: [HeadKey] = [], allowUnsigned: Bool = false,
    progress: (Int, Int) -> Void = { _, _ in }
  ) -> ExportCheckReport {
    var report = ExportCheckReport()
    do throws(Wrong) {
      let listed = try listed(in: folder)
      report.caseID = listed.caseID
      let manifest = listed.caseID == nil ? try manifest(in: folder) : nil
      report.batch = manifest?.batch.id ?? ""
      let stored = try storedKeys(in: folder, allowUnsigned: allowUnsigned)
      report.signedBy = try checkSignature(
        in: folder, keys: keys.isEmpty ? Array(stored.prefix(1)) : keys,
        allowUnsigned: allowUnsigned)
      report.files = try checkFiles(of: listed, in: folder)
      guard let manifest else {
        try checkRecords(of: listed, in: folder, report: &report, progress: progress)
        return report
      }
      let heads = try heads(in: folder, keys: keys + stored)
      try checkChain(of: manifest, in: folder, heads: heads, report: &report, progress: progress)
    } catch {
      report.firstWrong = error.sentence
    }
    return report
  }

  /// The first file that is not what the manifest says, a sentence; nil when all are.
  static func firstWrongFile(in folder: String) -> String? {
    do throws(Wrong) {
      _ = try checkFiles(of: listed(in: folder), in: folder)
      return nil
    } catch {
      return error.sentence
    }
  }

  private struct Wrong: Error {
    var sentence: String
  }

  // MARK: Files

  private static func contents(of name: String, in folder: String) throws(Wrong) -> Data {
    do {
      return try Data(contentsOf: URL(fileURLWithPath: folder + "/" + name))
    } catch {
      throw Wrong(
        sentence: access(folder + "/" + name, F_OK) == 0
          ? "\(name) cannot be read." : "\(name) is missing.")
    }
  }

  private static func decoded<Manifest: Decodable>(
    _ type: Manifest.Type, in folder: String
  ) throws(Wrong) -> Manifest {
    let data = try contents(of: ExportManifest.name, in: folder)
    do {
      return try JSONDecoder().decode(type, from: data)
    } catch {
      throw Wrong(sentence: "\(ExportManifest.name) is no manifest of an export.")
    }
  }

  private static func manifest(in folder: String) throws(Wrong) -> ExportManifest {
    try decoded(ExportManifest.self, in: folder)
  }

  private static func listed(in folder: String) throws(Wrong) -> FileManifest {
    let manifest = try decoded(FileManifest.self, in: folder)
    guard
      manifest.version
        == (manifest.caseID == nil ? ExportManifest.version : BundleManifest.version),
      manifest.recordEncoding == Int(RecordEncoder.version)
    else {
      throw Wrong(
        sentence:
          "\(ExportManifest.name) was written by another version of Lineward; check with that one.")
    }
    return manifest
  }

  private static func storedKeys(
    in folder: String, allowUnsigned: Bool
  ) throws(Wrong) -> [HeadKey] {
    guard access(folder + "/" + ExportManifest.keyName, F_OK) == 0 || !allowUnsigned else {
      return []
    }
    let text = String(
      decoding: try contents(of: ExportManifest.keyName, in: folder), as: UTF8.self)
    guard let keys = HeadKey.list(in: text) else {
      throw Wrong(sentence: "\(ExportManifest.keyName) is no key.")
    }
    return keys
  }

  private static func checkSignature(
    in folder: String, keys: [HeadKey], allowUnsigned: Bool
  ) throws(Wrong) -> String? {
    let name = ExportManifest.signatureName
    if access(folder + "/" + name, F_OK) != 0, allowUnsigned { return nil }
    let note = String(decoding: try contents(of: name, in: folder), as: UTF8.self)
    guard let first = keys.first else {
      throw Wrong(sentence: "\(ExportManifest.keyName) is missing.")
    }
    guard let key = keys.first(where: { $0.hasSigned(note: note) }) else {
      throw Wrong(sentence: "\(name) has no right signature by \(first.shortName).")
    }
    let manifest = try contents(of: ExportManifest.name, in: folder)
    let wanted = ExportManifest.noteLines(sha256: Hexadecimal.text(SHA256.hash(data: manifest)))
    let lines = note.split(separator: "\n", omittingEmptySubsequences: false)
    guard lines.count == 6, lines[5].isEmpty else {
      throw Wrong(sentence: "\(name) holds more than one signature.")
    }
    guard lines[1...2].elementsEqual(wanted.map { Substring($0) }) else {
      throw Wrong(sentence: "\(ExportManifest.name) is not the one that was signed.")
    }
    return key.shortName
  }

  private static func checkFiles(
    of manifest: FileManifest, in folder: String
  ) throws(Wrong) -> Int {
    for file in manifest.files {
      guard ExportFolder.isPlain(file.name) else {
        throw Wrong(sentence: "\(ExportManifest.name) names a file outside of the folder.")
      }
      let (size, hash) = try digest(of: file.name, in: folder)
      guard size == file.size, Hexadecimal.text(hash) == file.sha256 else {
        throw Wrong(
          sentence: "\(file.name) was changed: it is not the file that the manifest names.")
      }
    }
    let known = Set(
      manifest.files.map(\.name) + [ExportManifest.name, ExportManifest.signatureName])
    if let foreign = StoreDirectory.names(in: folder).first(where: { !known.contains($0) }) {
      throw Wrong(
        sentence: "\(ExportText.visible(Array(foreign.utf8))) does not belong to the export.")
    }
    return manifest.files.count
  }

  private static func digest(
    of name: String, in folder: String
  ) throws(Wrong) -> (size: Int, hash: [UInt8]) {
    var digest = SHA256()
    var size = 0
    try blocks(of: name, in: folder) { (bytes) throws(Wrong) in
      digest.update(bufferPointer: bytes)
      size += bytes.count
    }
    return (size, Array(digest.finalize()))
  }

  private static func blocks(
    of name: String, in folder: String, _ body: (UnsafeRawBufferPointer) throws(Wrong) -> Void
  ) throws(Wrong) {
    let descriptor = open(folder + "/" + name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
    guard descriptor >= 0 else {
      throw Wrong(
        sentence: errno == ENOENT
          ? "\(name) is missing." : "\(name) cannot be read: \(String(cString: strerror(errno))).")
    }
    defer { close(descriptor) }
    let block = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 64)
    defer { block.deallocate() }
    while true {
      let length = read(descriptor, block.baseAddress, block.count)
      if length < 0 && errno == EINTR { continue }
      guard length >= 0 else {
        throw Wrong(sentence: "\(name) cannot be read: \(String(cString: strerror(errno))).")
      }
      if length == 0 { return }
      try body(UnsafeRawBufferPointer(rebasing: block[..<length]))
    }
  }

  // MARK: Chain

  private static func heads(
    in folder: String, keys: [HeadKey]
  ) throws(Wrong) -> [Int64: ChainHash] {
    let text = String(
      decoding: try contents(of: ExportManifest.headsName, in: folder), as: UTF8.self)
    guard let notes = SignedHead.list(in: text) else {
      throw Wrong(sentence: "\(ExportManifest.headsName) holds something that is no signed head.")
    }
    var heads: [Int64: ChainHash] = [:]
    for head in notes {
      if let first = keys.first, !keys.contains(where: { head.isSigned(by: $0) }) {
        throw Wrong(
          sentence: "\(ExportManifest.headsName): the head of record \(head.sequence) has no right "
            + "signature by \(first.shortName).")
      }
      heads[head.sequence] = head.hash
    }
    return heads
  }

  /// The fields of a line that the hash is taken over; words beside numbers are for people.
  private struct RecordLine: Decodable {
    var sequence: Int64
    var wall: Int64
    var monotonic: Int64
    var boot: String
    var line: String
    var kind: UInt8
    var station: Int16
    var unit: UInt16
    var batch: UInt32
    var row: Int32
    var code: UInt16
    var number: UInt32
    var state: UInt8?
    var raw: String
    var actor: String
    var detail: String
    var hash: String
    /// In a bundle, whose records are not all of a range.
    var before: String?
  }

  /// Holds each record of a bundle against its hash, which is taken over the record and the hash before it.
  private static func checkRecords(
    of manifest: FileManifest, in folder: String, report: inout ExportCheckReport,
    progress: (Int, Int) -> Void
  ) throws(Wrong) {
    let name = ExportManifest.recordsName
    var held: [UInt8] = []
    var last: Int64 = 0
    try blocks(of: name, in: folder) { (bytes) throws(Wrong) in
      held += bytes
      var start = 0
      while let end = held[start...].firstIndex(of: 0x0A) {
        let line = try decoded(held[start..<end], name: "after record \(last)")
        guard line.sequence > last, let before = line.before,
          let hash = ChainHash(hexadecimal: before)
        else { throw Wrong(sentence: "\(name): the line after record \(last) is no record.") }
        var chain = Chain(after: hash, first: line.sequence, heads: [:])
        try chain.take(line)
        last = line.sequence
        report.records += 1
        start = end + 1
      }
      held.removeFirst(start)
      progress(report.records, manifest.records)
    }
    guard held.isEmpty, report.records == manifest.records else {
      throw Wrong(
        sentence: "\(name) has \(report.records) records, not \(manifest.records) as "
          + "\(ExportManifest.name) says.")
    }
  }

  private static func decoded(
    _ bytes: ArraySlice<UInt8>, name: String
  ) throws(Wrong) -> RecordLine {
    do {
      return try JSONDecoder().decode(RecordLine.self, from: Data(bytes))
    } catch {
      throw Wrong(sentence: "\(ExportManifest.recordsName): the line \(name) is no record.")
    }
  }

  private static func checkChain(
    of manifest: ExportManifest, in folder: String, heads: [Int64: ChainHash],
    report: inout ExportCheckReport, progress: (Int, Int) -> Void
  ) throws(Wrong) {
    guard let before = ChainHash(hexadecimal: manifest.hashBefore) else {
      throw Wrong(sentence: "\(ExportManifest.name) names no hash before the first record.")
    }
    var chain = Chain(after: before, first: manifest.firstSequence, heads: heads)
    try chain.checkHead(manifest.firstSequence - 1)
    var held: [UInt8] = []
    try blocks(of: ExportManifest.recordsName, in: folder) { (bytes) throws(Wrong) in
      held += bytes
      var start = 0
      while let end = held[start...].firstIndex(of: 0x0A) {
        try chain.take(held[start..<end])
        start = end + 1
      }
      held.removeFirst(start)
      report.records = chain.count
      progress(chain.count, manifest.records)
    }
    report.records = chain.count
    report.heads = chain.headsHeld
    guard held.isEmpty, chain.next == manifest.lastSequence + 1,
      chain.hash.description == manifest.lastHash
    else {
      throw Wrong(
        sentence: "\(ExportManifest.recordsName) ends at record \(chain.next - 1), not with record "
          + "\(manifest.lastSequence) as \(ExportManifest.name) says.")
    }
    if let head = heads.keys.filter({ $0 > manifest.lastSequence }).min() {
      throw Wrong(
        sentence: "\(ExportManifest.headsName) has a head of record \(head), which is not exported."
      )
    }
  }

  /// The chain over the lines so far.
  private struct Chain: ~Copyable {
    private var encoder: RecordEncoder
    private let first: Int64
    private let heads: [Int64: ChainHash]
    private(set) var next: Int64
    private(set) var headsHeld = 0

    init(after hash: ChainHash, first: Int64, heads: [Int64: ChainHash]) {
      encoder = RecordEncoder(after: hash)
      self.first = first
      self.heads = heads
      next = first
    }

    var count: Int { Int(next - first) }
    var hash: ChainHash { encoder.hash }

    mutating func take(_ bytes: ArraySlice<UInt8>) throws(Wrong) {
      try take(decoded(bytes, name: "of record \(next)"))
    }

    mutating func take(_ line: RecordLine) throws(Wrong) {
      let name = ExportManifest.recordsName
      guard line.sequence == next else {
        throw Wrong(
          sentence: "\(name): record \(next) is missing; record \(line.sequence) stands there.")
      }
      guard let raw = Hexadecimal.bytes(line.raw), let boot = BootID(line.boot) else {
        throw Wrong(sentence: "\(name): the line of record \(next) is no record.")
      }
      encoder.begin(
        RecordEncoder.Numbers(
          sequence: line.sequence, wall: line.wall, monotonic: line.monotonic, boot: boot,
          kind: line.kind, station: line.station, unit: line.unit, batch: line.batch,
          row: line.row, code: line.code, number: line.number, state: line.state ?? 0))
      for part in [Array(line.line.utf8), raw, Array(line.actor.utf8), Array(line.detail.utf8)] {
        guard part.withUnsafeBytes({ encoder.add($0) }) != nil else {
          throw Wrong(sentence: "\(name): record \(next) is larger than a record may be.")
        }
      }
      encoder.finish()
      guard encoder.hash.description == line.hash else {
        throw Wrong(
          sentence:
            "\(name): the hash of record \(next) is wrong: it, or the record before it, was changed."
        )
      }
      try checkHead(next)
      next += 1
    }

    mutating func checkHead(_ sequence: Int64) throws(Wrong) {
      guard let head = heads[sequence] else { return }
      guard head == encoder.hash else {
        throw Wrong(
          sentence:
            "\(ExportManifest.headsName): the head of record \(sequence) does not agree with the chain."
        )
      }
      headsHeld += 1
    }
  }
}
