internal import ArgumentParser
internal import CLinux
internal import Control
internal import Foundation
internal import Glibc
internal import Records

extension RecordsCommands {
  /// `records export`.
  struct Export: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Copy the records of a batch for an inspector.",
      discussion: """
        Makes the folder, which must not be there or be empty, with a page to print (report.html), \
        all records as CSV and JSON lines, what became of each serial, signed heads, and a signed \
        manifest. Who exported goes on record. While it is made, the folder's disk needs twice the \
        room. Exit status 1 when the records were exported and are not intact. With a directory, \
        this program reads the records itself.
        """)

    @Option(help: "The batch.") var batch: String
    @Option(
      help: ArgumentHelp("The folder to make.", valueName: "folder"), completion: .directory)
    var to: String
    @Option(
      help: ArgumentHelp(
        "Export from the records in this directory, without the daemon.", valueName: "directory"),
      completion: .directory)
    var directory: String?
    @OptionGroup var options: GlobalOptions

    func run() throws {
      if let directory { try RecordsCommands.look(directory) }
      do {
        let folder = try ExportFolder(to)
        let reply = try export(into: folder)
        let files = try folder.unpack()
        Output.lines(
          options.json
            ? [Wire.json(reply)]
            : Render(colours: Output.hasColours).exported(reply, to: to, files: files.count))
        if !reply.intact { throw ExitStatus.no }
      } catch let problem as ExportFolder.Problem {
        throw problem.failure
      }
    }

    private func export(into folder: ExportFolder) throws -> ExportReply {
      var progress = ProgressLine(isShown: !options.json && isatty(STDERR_FILENO) == 1)
      defer { progress.clear() }
      guard let directory else {
        do {
          return try options.withRequest(.recordsExport(batch: batch)) { request in
            var client = try ControlClient(path: options.socketPath)
            // The daemon makes one long thing at a time, so the wait for the first sign of life may be long.
            return try client.ask(
              request, passing: folder.stream, for: ExportReply.self, milliseconds: 600_000
            ) { progress.show($0) }
          }
        } catch let error as Failure {
          throw error.code == ExportReply.diskFull ? folder.failure(for: .full) : error
        }
      }
      do throws(ExportProblem) {
        let summary = try BatchExport.write(
          batch: batch, of: directory, by: Self.user, version: Release.version,
          to: folder.stream, at: Self.now,
          progress: { progress.show(ProgressReply(phase: $0, done: $1, total: $2)) })
        return ExportReply(
          batch: summary.batch, first: summary.first, last: summary.last,
          signed: summary.isSigned, intact: summary.verification.isIntact,
          finding: summary.verification.isIntact ? nil : summary.verification.summary)
      } catch {
        if case .records(let fault) = error { try RecordsCommands.checkReadable(fault) }
        throw folder.failure(for: error)
      }
    }

    private static var now: Int64 {
      var time = timespec()
      clock_gettime(CLOCK_REALTIME, &time)
      return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    }

    /// Login name and uid, as records have them.
    private static var user: String {
      let uid = getuid()
      let name = getpwuid(uid).map { String(cString: $0.pointee.pw_name) } ?? "uid \(uid)"
      return "\(name) (\(uid))"
    }
  }

  /// `records check-export`.
  struct CheckExport: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Check an exported folder, without the daemon.",
      discussion: """
        Exit status 1, and the first thing that is wrong, when a file was changed, added or removed, \
        when the signature is not right, or the chain of records does not hold. Give the public key \
        that was kept elsewhere: the one in the folder shows accidents, but not a forger.
        """)

    @Argument(help: "The folder.", completion: .directory) var folder: String
    @Option(
      help: ArgumentHelp("File with the public key (head-key.pub).", valueName: "file"),
      completion: .file())
    var key: String?
    @Flag(help: "Take an export that was made where the signing key was not.") var unsigned = false
    @OptionGroup var options: GlobalOptions

    func run() throws {
      var information = stat()
      guard stat(folder, &information) == 0, information.st_mode & S_IFMT == S_IFDIR else {
        throw Failure.badInput("There is no folder \(Plain.text(folder)).")
      }
      let keys = try RecordsCommands.keys(in: key)
      var progress = ProgressLine(isShown: !options.json && isatty(STDERR_FILENO) == 1)
      let report = ExportCheck.check(folder: folder, keys: keys, allowUnsigned: unsigned) {
        progress.show(ProgressReply(phase: "checking records", done: $0, total: $1))
      }
      progress.clear()
      let reply = ExportCheckReply(
        batch: report.batch, caseID: report.caseID, records: report.records, files: report.files,
        signedHeads: report.heads, signedBy: report.signedBy, firstWrong: report.firstWrong)
      Output.lines(
        options.json
          ? [Wire.json(reply)] : Render(colours: Output.hasColours).exportCheck(reply))
      if !reply.holds { throw ExitStatus.no }
    }
  }

  /// `records replay`.
  struct Replay: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Run the recorded inputs through the core again and compare what follows.",
      discussion: """
        Every recorded read is judged again by the settings, batch and serials of its moment; every \
        outcome and every act of a person is carried out again. Exit status 1, and the first record \
        that does not follow. This program reads the records itself, beside the daemon or without \
        it, and changes nothing. docs/records.md says what a replay proves.
        """)

    @Option(
      help: ArgumentHelp(
        "The records (\(RecordsCommands.defaultDirectory)).", valueName: "directory"),
      completion: .directory)
    var directory: String?
    @OptionGroup var options: GlobalOptions

    func run() throws {
      let directory = directory ?? RecordsCommands.defaultDirectory
      try RecordsCommands.look(directory)
      var progress = ProgressLine(isShown: !options.json && isatty(STDERR_FILENO) == 1)
      let report = RecordReplay.run(directory: directory) {
        progress.show(ProgressReply(phase: "replaying records", done: $0, total: $1))
      }
      progress.clear()
      try RecordsCommands.checkReadable(report.fault)
      let reply = ReplayReply(
        records: report.records, verdicts: report.verdicts, outcomes: report.outcomes,
        consequences: report.consequences, unknownSettings: report.unknownSettings,
        firstDifference: report.firstDifference.map {
          .init(sequence: $0.sequence, message: $0.message)
        }, fault: report.fault?.message)
      Output.lines(
        options.json ? [Wire.json(reply)] : Render(colours: Output.hasColours).replay(reply))
      if !reply.agrees { throw ExitStatus.no }
    }
  }
}

extension ExportFolder.Problem {
  var failure: Failure {
    switch kind {
    case .full: .refused(description)
    case .forbidden: .notPermitted(description)
    case .other: .badInput(description)
    }
  }
}

extension ExportFolder {
  /// The answer when an export could not be made.
  fileprivate func failure(for problem: ExportProblem) -> Failure {
    let sentence = sentence(for: problem)
    return switch problem {
    case .noSuchBatch, .archived: .notFound(sentence)
    case .records, .unrecorded: .storageFault(sentence)
    case .full, .abandoned: .refused(sentence)
    case .unwritable: .badInput(sentence)
    }
  }
}
