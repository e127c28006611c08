internal import ArgumentParser
internal import CLinux
internal import Control
internal import Foundation
internal import Glibc
internal import Records

/// `containment test-alert`.
struct ContainmentTestAlert: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "test-alert", abstract: "Tell all contacts a test, by each of their ways.",
    discussion: """
      Each contact is tried once by each way, and what came of it is shown and in the journal. Exit status 1 when one was \
      not reached, or when there are no contacts.
      """)

  @OptionGroup var options: GlobalOptions

  func run() throws {
    let reply = try options.answer(.containmentTestAlert, for: AlertTestReply.self)
    Output.lines(
      options.json ? [Wire.json(reply)] : Render(colours: Output.hasColours).alertTest(reply))
    if !reply.reachedAll || reply.entries.isEmpty { throw ExitStatus.no }
  }
}

/// `containment units`.
struct ContainmentUnits: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "units", abstract: "List the units that a case affects.",
    discussion: """
      These are the units of its batches that its stations judged since the last moment proven good: what a hand scan has to \
      find. First come units without a serial of their own, then all others. At most 1,000 are shown; --csv and --to give all.
      """)

  @Argument(help: "The case, e.g. C3.") var id: String
  @Flag(help: "Write all of them as CSV to standard output.") var csv = false
  @Option(
    help: ArgumentHelp("Write all of them as CSV to a new file.", valueName: "file"),
    completion: .file())
  var to: String?
  @OptionGroup var options: GlobalOptions

  func validate() throws {
    if csv && (to != nil || options.json) {
      throw ValidationError("--csv goes with neither --to nor --json.")
    }
  }

  func run() throws {
    guard csv || to != nil else {
      try options.ask(.containmentUnits(id: id), for: CaseUnitsReply.self) { $0.caseUnits($1) }
      return
    }
    let file = try UnitsFile(to)
    let reply = try options.answer(
      .containmentUnits(id: id, file: true), for: CaseUnitsReply.self, passing: file.descriptor)
    if csv {
      try file.copyToStandardOutput()
      if !reply.remarks.isEmpty { Output.error(reply.remarks) }
      return
    }
    try file.keep()
    Output.lines(
      options.json
        ? [Wire.json(reply)]
        : Render(colours: Output.hasColours).caseUnits(reply, file: to))
  }

  /// The file that the daemon fills; removed again unless it is kept.
  private final class UnitsFile {
    let descriptor: Int32
    private let path: String
    private var isKept = false

    /// Without a path it has no name either.
    init(_ path: String?) throws(Failure) {
      let name =
        path
        ?? "\(getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp")/.lineward-units-\(getpid())"
      // Before anything of this object is set: what it did not make it must not remove, and a whole object would.
      let made = open(name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o640)
      guard made >= 0 else {
        throw .badInput(
          "The file \(Plain.text(name)) cannot be made: \(String(cString: strerror(errno))).")
      }
      self.path = name
      descriptor = made
      if path == nil {
        unlink(name)
        isKept = true
      }
    }

    deinit {
      if !isKept { unlink(path) }
      close(descriptor)
    }

    func keep() throws(Failure) {
      guard fsync(descriptor) == 0 else {
        throw .badInput(
          "\(Plain.text(path)) cannot be written: \(String(cString: strerror(errno))).")
      }
      isKept = true
    }

    func copyToStandardOutput() throws(Failure) {
      var offset: off_t = 0
      var block = [UInt8](repeating: 0, count: 1 << 16)
      while true {
        let count = pread(descriptor, &block, block.count, offset)
        guard count >= 0 else {
          throw .badInput("The list cannot be read back: \(String(cString: strerror(errno))).")
        }
        if count == 0 { return }
        var start = 0
        while start < count {
          let written = block[start..<count].withUnsafeBytes {
            write(STDOUT_FILENO, $0.baseAddress, $0.count)
          }
          guard written > 0 else {
            throw .badInput("The list cannot be written: \(String(cString: strerror(errno))).")
          }
          start += written
        }
        offset += off_t(count)
      }
    }
  }
}

/// `containment bundle`.
struct ContainmentBundle: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bundle", abstract: "Copy all that shows what happened in a case.",
    discussion: """
      Makes the folder, which must not be there or be empty, with a page to print (case.html), the records of the case, reads \
      before and after, alarms and commands, affected units, the state of the system, the registers of the PLCs and the \
      configuration as they were, the journal, and a signed manifest; then folder.tar.zst beside it, where zstd is installed. \
      Who made it goes on record, with the hash of the manifest. Check it with lineward records check-export.
      """)

  @Argument(help: "The case, e.g. C3.") var id: String
  @Option(
    help: ArgumentHelp("The folder to make.", valueName: "folder"), completion: .directory)
  var to: String
  @OptionGroup var options: GlobalOptions

  func run() throws {
    do {
      let folder = try ExportFolder(to)
      let reply = try bundle(into: folder)
      let files = try folder.unpack()
      let archive = Self.pack(to)
      Output.lines(
        options.json
          ? [Wire.json(reply)]
          : Render(colours: Output.hasColours).bundled(
            reply, to: to, files: files.count, archive: archive))
    } catch let problem as ExportFolder.Problem {
      throw problem.failure
    }
  }

  private func bundle(into folder: ExportFolder) throws -> BundleReply {
    var progress = ProgressLine(isShown: !options.json && isatty(STDERR_FILENO) == 1)
    defer { progress.clear() }
    var client = try ControlClient(path: options.socketPath)
    do {
      // The daemon makes one long thing at a time, so the wait for the first sign of life may be long.
      return try client.ask(
        .containmentBundle(id: id), passing: folder.stream, for: BundleReply.self,
        milliseconds: 600_000
      ) { progress.show($0) }
    } catch {
      throw error.code == ExportReply.diskFull
        ? Failure.refused(folder.sentence(for: .full)) : error
    }
  }

  /// Packs the folder into one file beside it; says what became of that.
  private static func pack(_ folder: String) -> String {
    let tar = "/usr/bin/tar"
    guard access("/usr/bin/zstd", X_OK) == 0, access(tar, X_OK) == 0 else {
      return "not packed: zstd is not installed (apt install zstd), then: "
        + "tar --zstd -cf folder.tar.zst folder"
    }
    let path = URL(fileURLWithPath: folder).standardizedFileURL
    let archive = path.path + ".tar.zst"
    guard access(archive, F_OK) != 0 else { return "not packed: \(archive) is there already" }
    let process = Process()
    process.executableURL = URL(fileURLWithPath: tar)
    process.arguments = [
      "--zstd", "-cf", archive + ".new", "-C", path.deletingLastPathComponent().path, "--",
      path.lastPathComponent,
    ]
    process.standardInput = nil
    do {
      try process.run()
    } catch {
      return "not packed: tar cannot be started"
    }
    process.waitUntilExit()
    guard process.terminationStatus == 0, rename(archive + ".new", archive) == 0 else {
      unlink(archive + ".new")
      return "not packed: tar ended with \(process.terminationStatus)"
    }
    return "packed in \(archive)"
  }
}
