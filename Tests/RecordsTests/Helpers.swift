import Foundation
import GRDB
import Glibc
import Line
import Records
import Testing

/// A directory of its own for one test, removed at the end.
func withDirectory<Value>(_ body: (String) throws -> Value) throws -> Value {
  let directory = try temporaryDirectory()
  defer { removeTree(directory) }
  return try body(directory)
}

/// As above, for bodies that wait.
func withDirectory<Value>(_ body: (String) async throws -> Value) async throws -> Value {
  let directory = try temporaryDirectory()
  defer { removeTree(directory) }
  return try await body(directory)
}

struct TestFault: Error {
  var text: String
}

func temporaryDirectory() throws -> String {
  let base = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
  var template = Array("\(base)/lineward-records-XXXXXX".utf8CString)
  guard mkdtemp(&template) != nil else { throw TestFault(text: "no temporary directory") }
  return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
}

func removeTree(_ path: String) { try? FileManager.default.removeItem(atPath: path) }

func write(_ bytes: [UInt8], to path: String, mode: mode_t = 0o644) throws {
  let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC, mode)
  guard descriptor >= 0 else { throw TestFault(text: "cannot write \(path)") }
  defer { close(descriptor) }
  var rest = bytes[...]
  while !rest.isEmpty {
    let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
    guard count > 0 else { throw TestFault(text: "cannot write \(path)") }
    rest = rest.dropFirst(count)
  }
}

func read(_ path: String) throws -> [UInt8] {
  let descriptor = open(path, O_RDONLY)
  guard descriptor >= 0 else { throw TestFault(text: "cannot read \(path)") }
  defer { close(descriptor) }
  var bytes: [UInt8] = []
  var block = [UInt8](repeating: 0, count: 65_536)
  while true {
    let count = Glibc.read(descriptor, &block, block.count)
    guard count >= 0 else { throw TestFault(text: "cannot read \(path)") }
    if count == 0 { return bytes }
    bytes += block[..<count]
  }
}

func copy(_ from: String, _ to: String) throws { try write(read(from), to: to) }

func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

/// What a store says to a directory; nil when it opens.
func fault(opening directory: String, line: String = "L01") -> StorageFault? {
  do {
    let store = try RecordStore(directory: directory, line: line)
    store.close()
    return nil
  } catch {
    return error
  }
}

func instant(_ nanoseconds: Int64) -> Instant { Instant(nanoseconds: nanoseconds) }

/// Does SQL to the closed database of a directory, as a person with `sqlite3` would.
func tamper(_ directory: String, _ sql: String, dropTriggers: Bool = true) throws {
  let queue = try DatabaseQueue(path: directory + "/records.sqlite")
  try queue.write { database in
    if dropTriggers {
      try database.execute(sql: "DROP TRIGGER IF EXISTS records_stay")
      try database.execute(sql: "DROP TRIGGER IF EXISTS records_remain")
    }
    try database.execute(sql: sql)
    if dropTriggers {
      // A careful forger puts them back.
      try database.execute(
        sql: """
          CREATE TRIGGER records_stay BEFORE UPDATE ON records BEGIN
            SELECT RAISE(ABORT, 'records are only added');
          END
          """)
      try database.execute(
        sql: """
          CREATE TRIGGER records_remain BEFORE DELETE ON records BEGIN
            SELECT RAISE(ABORT, 'records are only added');
          END
          """)
    }
  }
  try queue.close()
}

/// The sequence of the first record that a condition of SQL finds.
func firstSequence(_ directory: String, where condition: String) throws -> Int64 {
  let queue = try DatabaseQueue(path: directory + "/records.sqlite")
  defer { try? queue.close() }
  let found = try queue.read {
    try Int64.fetchOne($0, sql: "SELECT min(sequence) FROM records WHERE \(condition)")
  }
  guard let found else { throw TestFault(text: "no record with \(condition)") }
  return found
}
