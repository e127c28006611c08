internal import ArgumentParser
internal import CLinux
internal import Control
internal import Foundation
internal import Glibc
internal import Records

/// `records …`.
struct RecordsCommands: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "records", abstract: "Check, export, archive and replay the records.",
    subcommands: [
      Verify.self, Export.self, CheckExport.self, Archive.self, Replay.self, RotateKey.self,
    ])

  /// Where the records are when neither the daemon nor the caller says so.
  static let defaultDirectory = "/var/lib/lineward"

  /// `records verify`.
  struct Verify: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Check the whole chain of records.",
      discussion: """
        Exit status 1, and the first bad record, when the chain is broken. With a directory, or when \
        the daemon is not reachable, this program reads the records itself and changes nothing.

        Only a signed head that was kept elsewhere (heads.txt of an export) shows that the end was not \
        cut off nor the whole chain written anew: give it, and the key, with --heads and --key.

        Records that were put into archives are checked with the rest when all archives are given.
        """)

    @Option(
      help: ArgumentHelp(
        "Check the records in this directory, without the daemon.", valueName: "directory"),
      completion: .directory)
    var directory: String?
    @Option(
      help: ArgumentHelp(
        "File with signed heads kept elsewhere, which the records must contain.", valueName: "file"),
      completion: .file())
    var heads: String?
    @Option(
      help: ArgumentHelp(
        "File with the public key (head-key.pub) of any generation, or several, one a line.",
        valueName: "file"),
      completion: .file())
    var key: String?
    @Option(
      help: ArgumentHelp(
        "A folder that 'records archive' made; once for each, in any order.", valueName: "folder"),
      completion: .directory)
    var archive: [String] = []
    @OptionGroup var options: GlobalOptions

    func run() throws {
      let reply = try verify()
      Output.lines(
        options.json ? [Wire.json(reply)] : Render(colours: Output.hasColours).verify(reply))
      if !reply.intact { throw ExitStatus.no }
    }

    private func verify() throws -> VerifyReply {
      if let directory { return try verify(offline: directory) }
      // The daemon knows neither; reading beside it harms nobody.
      if heads != nil || key != nil || !archive.isEmpty {
        return try verify(offline: RecordsCommands.defaultDirectory)
      }
      do {
        return try options.answer(.recordsVerify, for: VerifyReply.self)
      } catch let failure as Failure where failure.exit == .unreachable {
        guard access(RecordsCommands.defaultDirectory, F_OK) == 0 else {
          throw Failure.unreachable(
            "\(failure.message) Or name the records with --directory.")
        }
        Output.error(
          Render().failure(failure) + ["Checking \(RecordsCommands.defaultDirectory) without it."])
        return try verify(offline: RecordsCommands.defaultDirectory)
      }
    }

    private func verify(offline directory: String) throws -> VerifyReply {
      for directory in [directory] + archive { try RecordsCommands.look(directory) }
      let known = try heads.map { try RecordsCommands.heads(in: $0) } ?? []
      let keys = try RecordsCommands.keys(in: key)
      var progress = ProgressLine(isShown: !options.json && isatty(STDERR_FILENO) == 1)
      defer { progress.clear() }
      let report = RecordVerifier.verify(
        directory: directory, archives: archive, known: known, keys: keys
      ) { done, total in
        progress.show(ProgressReply(phase: "checking records", done: done, total: total))
      }
      // Not records that fail, but none that this program could check.
      try RecordsCommands.checkReadable(report.fault)
      return VerifyReply(
        records: report.records,
        firstBad: report.firstBad.map { .init(sequence: $0.sequence, message: $0.message) },
        fault: report.fault?.message, serialFiles: report.serialFiles, signedHeads: report.heads,
        lastHash: "\(report.lastHash)", remarks: report.remarks,
        archived: report.archived > 0 ? report.archived : nil,
        archivedHash: report.archived > 0 ? "\(report.archivedHash)" : nil)
    }
  }

  /// `records rotate-key`.
  struct RotateKey: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Give the line a new signing key.",
      discussion: """
        The daemon makes the key, records the change with your name and reason, and lets the old \
        key sign for the new one; then the old private key is destroyed. Keep the new head-key.pub \
        elsewhere, beside the old one. docs/records.md says what each of them proves.
        """)

    @Option(help: "Why; goes on record with your name.") var reason: String
    @OptionGroup var options: GlobalOptions

    func validate() throws {
      if reason.allSatisfy(\.isWhitespace) {
        throw ValidationError("The reason is empty; say in a few words why the key is changed.")
      }
    }

    func run() throws { try options.order(.recordsRotateKey(reason: reason)) }
  }

  /// `records archive`.
  struct Archive: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Put the records of closed batches into an archive.",
      discussion: """
        The archive is a folder in the storage directory (archive/0001, then 0002 …) with records, serials, \
        signed heads, key and a signed manifest: all that proves it. It is checked before the chain names it, \
        and only then leave its records the line, little by little. Everything goes up to the last moment \
        at which no batch was open; refused (75) when there is none. The folder may be moved elsewhere.

        Serials of archived batches stay known: none of them is taken again for its GTIN.
        """)

    @Option(
      help: ArgumentHelp("Keep this batch and those after it.", valueName: "batch"))
    var before: String?
    @OptionGroup var options: GlobalOptions

    func run() throws {
      var progress = ProgressLine(isShown: !options.json && isatty(STDERR_FILENO) == 1)
      let reply: DoneReply
      do {
        defer { progress.clear() }
        reply = try options.withRequest(.recordsArchive(before: before)) { request in
          var client = try ControlClient(path: options.socketPath)
          // The daemon makes one long thing at a time, so the wait for the first sign of life may be long.
          return try client.ask(request, for: DoneReply.self, milliseconds: 600_000) {
            progress.show($0)
          }
        }
      }
      Output.lines(
        options.json ? [Wire.json(reply)] : Render(colours: Output.hasColours).done(reply))
    }
  }

  /// The signed heads in a file.
  static func heads(in path: String) throws(Failure) -> [SignedHead] {
    let shown = Plain.text(path)
    guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
      throw .badInput("The heads \(shown) cannot be read.")
    }
    guard let heads = SignedHead.list(in: text), !heads.isEmpty else {
      throw .badInput("\(shown) holds no signed heads, or something else beside them.")
    }
    return heads
  }

  /// The public keys in a file, none where no file is named.
  static func keys(in path: String?) throws(Failure) -> [HeadKey] {
    guard let path else { return [] }
    let shown = Plain.text(path)
    guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
      throw .badInput("The key \(shown) cannot be read.")
    }
    guard let keys = HeadKey.list(in: text) else {
      throw .badInput(
        "\(shown) holds no key, or something else beside it; a key is a line: name+id+key.")
    }
    return keys
  }

  /// - Throws: Why a directory of records cannot be read.
  static func look(_ directory: String) throws(Failure) {
    var information = stat()
    guard stat(directory, &information) != 0 else { return }
    let reason = errno
    let sentence =
      "The records in \(Plain.text(directory)) cannot be read: "
      + "\(String(cString: strerror(reason)))."
    throw reason == EACCES ? Failure.notPermitted(sentence) : Failure.badInput(sentence)
  }

  /// - Throws: That there are no records of ours, which is no finding about records.
  static func checkReadable(_ fault: StorageFault?) throws(Failure) {
    switch fault?.code {
    case .missing, .foreign, .newerVersion:
      throw Failure.badInput(fault?.message ?? "There are no records to read.")
    default: break
    }
  }
}
