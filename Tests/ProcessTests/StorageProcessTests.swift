import Foundation
import Testing

/// The real daemon on storage that fails under it: the line stops with reason 6, nothing recorded is lost, and it comes back.
@Suite(.serialized) struct StorageProcessTests {
  private static func has(_ program: String) -> Bool {
    FileManager.default.isExecutableFile(atPath: program)
  }

  static let canCompile = has("/usr/bin/cc")
  static let hasSQLite = has("/usr/bin/sqlite3")

  private func stops(_ daemon: Daemon, _ reason: Int) -> Bool {
    (try? daemon.ask("status", json: true))?.output.contains("\"stop_reason\":\(reason)") ?? false
  }

  /// Orders stops, each a record, until the storage fault stands.
  private func writesUntilFault(_ daemon: Daemon) -> Bool {
    Programs.until(seconds: 20) {
      _ = try? daemon.ask("line", "stop", "--reason", "a record")
      return stops(daemon, 6)
    }
  }

  /// Waits until records are taken again; reason 6 stands until the release.
  private func isBack(_ daemon: Daemon, without words: String) -> Bool {
    Programs.until(seconds: 30) {
      guard let answer = try? daemon.ask("line", "release") else { return false }
      return answer.status == 75 && !answer.errors.contains(words)
    } && stops(daemon, 6)
  }

  private func expectIntact(_ daemon: Daemon) throws {
    daemon.stop(SIGTERM)
    #expect(daemon.process.terminationStatus == 0, "\(daemon.log)")
    let verify = try Programs.run(
      "lineward", ["records", "verify", "--directory", daemon.directory])
    #expect(verify.status == 0, "\(verify.output)\(verify.errors)")
  }

  /// A library that fails syncs and writes of the database while a file stands, as a dying disk does.
  private static let dyingDisk = """
    #define _GNU_SOURCE
    #include <dlfcn.h>
    #include <errno.h>
    #include <stdio.h>
    #include <stdlib.h>
    #include <string.h>
    #include <unistd.h>
    static int fails(int descriptor, const char *what) {
      const char *file = getenv("DYING_DISK");
      char link[64], path[512], wanted[600];
      if (!file) return 0;
      snprintf(wanted, sizeof wanted, "%s.%s", file, what);
      if (access(wanted, F_OK) != 0) return 0;
      snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
      ssize_t length = readlink(link, path, sizeof path - 1);
      if (length < 0) return 0;
      path[length] = 0;
      if (!strstr(path, "records.sqlite")) return 0;
      errno = EIO;
      return 1;
    }
    int fdatasync(int descriptor) {
      static int (*real)(int);
      if (!real) real = dlsym(RTLD_NEXT, "fdatasync");
      return fails(descriptor, "sync") ? -1 : real(descriptor);
    }
    int fsync(int descriptor) {
      static int (*real)(int);
      if (!real) real = dlsym(RTLD_NEXT, "fsync");
      return fails(descriptor, "sync") ? -1 : real(descriptor);
    }
    ssize_t pwrite64(int descriptor, const void *bytes, size_t count, off64_t offset) {
      static ssize_t (*real)(int, const void *, size_t, off64_t);
      if (!real) real = dlsym(RTLD_NEXT, "pwrite64");
      return fails(descriptor, "write") ? -1 : real(descriptor, bytes, count, offset);
    }
    """

  @Test(
    .enabled(if: canCompile, "no C compiler to make a dying disk with"),
    arguments: ["sync", "write"])
  func anInputOutputErrorStopsTheLineAndTheDaemonComesBack(what: String) throws {
    let daemon = try Daemon()
    let source = try daemon.folder.write("disk.c", Self.dyingDisk)
    let library = daemon.folder.url.appendingPathComponent("disk.so").path
    try #require(
      try Programs.shell("/usr/bin/cc -shared -fPIC -o '\(library)' '\(source)' -ldl") == 0)
    let dying = daemon.folder.url.appendingPathComponent("dying").path
    daemon.environment = ["LD_PRELOAD": library, "DYING_DISK": dying]
    #expect(try daemon.startAndWait(), "\(daemon.log)")
    #expect(try daemon.ask("line", "stop", "--reason", "before").status == 0)
    _ = try daemon.folder.write("dying.\(what)", "")
    #expect(writesUntilFault(daemon), "\(daemon.log)")
    let release = try daemon.ask("line", "release")
    #expect(release.status == 75 && release.errors.contains("disk I/O error"), "\(release.errors)")
    #expect(release.errors.contains("The last record known to be on disk is "), "\(release.errors)")
    #expect(daemon.process.isRunning)
    try FileManager.default.removeItem(atPath: dying + ".\(what)")
    #expect(isBack(daemon, without: "disk I/O error"), "\(daemon.log)")
    // What was on disk before is there, and the fault is on record.
    try expectIntact(daemon)
  }

  @Test(.enabled(if: hasSQLite, "sqlite3 is not installed"))
  func aLockOfAnotherProcessStopsTheLineAndTheDaemonComesBack() throws {
    let daemon = try Daemon()
    #expect(try daemon.startAndWait(), "\(daemon.log)")
    let other = Process()
    other.executableURL = URL(fileURLWithPath: "/usr/bin/sqlite3")
    other.arguments = [daemon.directory + "/records.sqlite"]
    let input = Pipe()
    let output = Pipe()
    other.standardInput = input
    other.standardOutput = output
    try other.run()
    // It ends, and with it its lock, when its input does.
    func end() throws {
      try input.fileHandleForWriting.close()
      other.waitUntilExit()
    }
    try input.fileHandleForWriting.write(
      contentsOf: Data(".timeout 5000\nBEGIN IMMEDIATE;\nSELECT 'held';\n".utf8))
    let held = output.fileHandleForReading.availableData
    #expect(String(decoding: held, as: UTF8.self).contains("held"))
    #expect(writesUntilFault(daemon), "\(daemon.log)")
    let release = try daemon.ask("line", "release")
    #expect(release.status == 75 && release.errors.contains("lock"), "\(release.errors)")
    try end()
    #expect(isBack(daemon, without: "another process holds a lock"), "\(daemon.log)")
    try expectIntact(daemon)
  }

  @Test func aDamagedPageKeepsTheDaemonFromStartingAndIsNamed() throws {
    let daemon = try Daemon()
    #expect(try daemon.startAndWait(), "\(daemon.log)")
    daemon.stop(SIGTERM)
    let database = daemon.directory + "/records.sqlite"
    var bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: database)))
    for page in 1..<bytes.count / 4096 {
      for index in 0..<64 { bytes[page * 4096 + index] = 0xA5 }
    }
    try Data(bytes).write(to: URL(fileURLWithPath: database))
    try daemon.start()
    #expect(Programs.until(seconds: 20) { !daemon.process.isRunning })
    #expect(daemon.process.terminationStatus != 0)
    #expect(daemon.log.contains(database), "\(daemon.log)")
    let verify = try Programs.run(
      "lineward", ["records", "verify", "--directory", daemon.directory])
    #expect(verify.status == 1, "\(verify.output)")
  }

  @Test(.enabled(if: hasSQLite, "sqlite3 is not installed"))
  func aNewerVersionsDatabaseIsRefusedAndLeftAsItIs() throws {
    let daemon = try Daemon()
    #expect(try daemon.startAndWait(), "\(daemon.log)")
    daemon.stop(SIGTERM)
    let database = daemon.directory + "/records.sqlite"
    #expect(try Programs.shell("sqlite3 '\(database)' 'PRAGMA user_version = 99'") == 0)
    let before = try Data(contentsOf: URL(fileURLWithPath: database))
    try daemon.start()
    #expect(Programs.until(seconds: 20) { !daemon.process.isRunning })
    #expect(daemon.log.contains("newer Lineward"), "\(daemon.log)")
    #expect(try Data(contentsOf: URL(fileURLWithPath: database)) == before)
    let verify = try Programs.run(
      "lineward", ["records", "verify", "--directory", daemon.directory])
    #expect(verify.status == 65 && verify.errors.contains("newer Lineward"), "\(verify.errors)")
  }
}
