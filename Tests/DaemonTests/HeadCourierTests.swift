import Alarms
import Foundation
import Glibc
import Line
import Logging
import Records
import Synchronization
import Testing

@testable import Daemon

/// Signed heads on their way elsewhere: nothing of it may hold up the line, and nothing may fail in silence.
@Suite("Signed heads go elsewhere")
struct HeadCourierTests {
  /// A folder of its own, removed at the end.
  private final class Folder {
    let path: String

    init() throws {
      let url = FileManager.default.temporaryDirectory.appendingPathComponent(
        "lineward-heads-\(UUID().uuidString.prefix(8))")
      try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
      path = url.path
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func text(_ name: String) -> String {
      (try? String(contentsOfFile: path + "/" + name, encoding: .utf8)) ?? ""
    }

    func make(_ name: String, _ text: String = "", mode: Int = 0o600) throws -> String {
      let file = path + "/" + name
      try Data(text.utf8).write(to: URL(fileURLWithPath: file))
      try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: file)
      return file
    }

    /// A program that does this with its standard input.
    func program(_ script: String) throws -> String {
      try make("program", "#!/bin/sh\n" + script + "\n", mode: 0o700)
    }
  }

  /// Heads as a store signs them.
  private static func heads(_ count: Int) throws -> [SignedHead] {
    let folder = try Folder()
    var heads: [SignedHead] = []
    for _ in 0..<count {
      let store = try RecordStore(directory: folder.path, line: "L01")
      try store.append(Record(.strayRead), at: Instant(nanoseconds: 0))
      store.close()
      if let head = store.lastHead { heads.append(head) }
    }
    try #require(heads.count == count)
    return heads
  }

  /// Waits for a condition, 20 s at most.
  private func until(_ condition: () -> Bool) -> Bool {
    let end = DispatchTime.now() + .seconds(20)
    let pause = DispatchSemaphore(value: 0)
    while DispatchTime.now() < end {
      if condition() { return true }
      _ = pause.wait(timeout: .now() + .milliseconds(5))
    }
    return condition()
  }

  private static let timeout = Instant.Span.milliseconds(10_000)

  /// What a destination said when it took a head.
  private func trouble(_ destination: HeadDestination, _ head: SignedHead) -> String? {
    destination.take(head)
    _ = destination.isDone(by: .now() + .seconds(20))
    return destination.trouble(now: Clock.now)
  }

  @Test("a file gets each head after the one before, and verify can read it")
  func file() throws {
    let folder = try Folder()
    let heads = try Self.heads(3)
    let destination = HeadDestination.file(
      try folder.make("heads"), timeout: Self.timeout)
    for head in heads { #expect(trouble(destination, head) == nil) }
    #expect(SignedHead.list(in: folder.text("heads")) == heads)
  }

  @Test("a file that is not there is not made, and one that is no file is named")
  func absentFile() throws {
    let folder = try Folder()
    let head = try Self.heads(1)[0]
    let path = folder.path + "/absent/heads"
    #expect(
      trouble(.file(path, timeout: Self.timeout), head)?.contains("mount its disk") == true)
    let beside = folder.path + "/heads"
    #expect(trouble(.file(beside, timeout: Self.timeout), head) != nil)
    #expect(!FileManager.default.fileExists(atPath: beside))
    #expect(mkfifo(folder.path + "/pipe", 0o600) == 0)
    for name in ["pipe", ""] {
      #expect(
        trouble(.file(folder.path + "/" + name, timeout: Self.timeout), head) != nil, "\(name)")
    }
  }

  @Test(
    "a full disk leaves no half of a note", .enabled(if: access("/dev/full", W_OK) == 0))
  func fullDisk() throws {
    let folder = try Folder()
    let heads = try Self.heads(2)
    let path = folder.path + "/disk"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    guard mount("tmpfs", path, "tmpfs", 0, "size=8k") == 0 else { return }
    defer { umount2(path, Int32(MNT_DETACH)) }
    // One page is left, and the note does not fit into what is left of it.
    try Data(repeating: 0x0A, count: 4096 - heads[0].note.utf8.count - 10).write(
      to: URL(fileURLWithPath: path + "/heads"))
    let destination = HeadDestination.file(path + "/heads", timeout: Self.timeout)
    #expect(trouble(destination, heads[0]) == nil)
    try Data(repeating: 0, count: 4096).write(to: URL(fileURLWithPath: path + "/filler"))
    #expect(trouble(destination, heads[1])?.contains("No space") == true)
    let text = try String(contentsOfFile: path + "/heads", encoding: .utf8)
    #expect(SignedHead.list(in: text) == [heads[0]])
  }

  @Test("a note that was torn while it was appended is passed over, garbage is not")
  func tornNote() throws {
    let heads = try Self.heads(2)
    let torn = String(heads[0].note.prefix(60))
    #expect(SignedHead.list(in: torn + heads[1].note) != nil || torn.contains("\u{2014}"))
    let lines = heads[0].note.split(separator: "\n", omittingEmptySubsequences: false)
    for count in 1...4 {
      let part = lines[..<count].joined(separator: "\n") + "\n"
      #expect(SignedHead.list(in: part + "\n" + heads[1].note) == [heads[1]], "\(count) lines")
    }
    #expect(SignedHead.list(in: "x\n" + heads[1].note) == nil)
    #expect(SignedHead.list(in: heads[1].note + "x\n") == nil)
  }

  @Test(
    "a program gets the note on its standard input, its arguments as they are, and nothing else")
  func command() throws {
    let folder = try Folder()
    let head = try Self.heads(1)[0]
    let program = try folder.program(
      "cat > '\(folder.path)/got'; printf '%s|' \"$@\" > '\(folder.path)/arguments'; "
        + "ls -l /proc/self/fd | grep -c -v -e 'total' > '\(folder.path)/descriptors'; env | cut -d= -f1 | sort > '\(folder.path)/environment'"
    )
    let destination = HeadDestination.command(
      [program, "a b", "$(touch /tmp/never)", "'"], timeout: Self.timeout)
    #expect(trouble(destination, head) == nil)
    #expect(folder.text("got") == head.note)
    #expect(folder.text("arguments") == "a b|$(touch /tmp/never)|'|")
    #expect(folder.text("environment").split(separator: "\n").contains("HOME") == false)
  }

  @Test("a program that fails is told with its words")
  func failing() throws {
    let folder = try Folder()
    let head = try Self.heads(1)[0]
    let program = try folder.program("echo 'no route to the vault' >&2; exit 3")
    let said = trouble(.command([program], timeout: Self.timeout), head)
    #expect(said?.contains("ended with 3: no route to the vault") == true, "\(said ?? "")")
    let absent = trouble(.command(["/nonexistent/program"], timeout: Self.timeout), head)
    #expect(absent?.contains("cannot be started: No such file") == true, "\(absent ?? "")")
  }

  @Test("a program that hangs is killed with all that it started, and the next head goes out")
  func hanging() throws {
    let folder = try Folder()
    let heads = try Self.heads(2)
    let program = try folder.program(
      "cat > '\(folder.path)/got'; [ -e '\(folder.path)/mended' ] && exit 0; trap '' TERM; "
        + "sleep 300 & echo $! > '\(folder.path)/child'; wait; sleep 300")
    let destination = HeadDestination.command(
      [program], timeout: .milliseconds(1500))
    let said = trouble(destination, heads[0])
    #expect(said?.contains("was killed") == true, "\(said ?? "")")
    let child = try #require(
      pid_t(folder.text("child").trimmingCharacters(in: .whitespacesAndNewlines)))
    // A zombie until whoever inherited it takes it away; either way it runs no more.
    #expect(
      until {
        let state = (try? String(contentsOfFile: "/proc/\(child)/stat", encoding: .utf8)) ?? ""
        return state.isEmpty || state.contains(") Z ")
      })
    _ = try folder.make("mended")
    #expect(trouble(destination, heads[1]) == nil)
    #expect(folder.text("got") == heads[1].note)
  }

  @Test("while one head is under way nothing else is, and of those that wait the newest goes next")
  func newestWins() throws {
    let heads = try Self.heads(5)
    let begun = DispatchSemaphore(value: 0)
    let gate = DispatchSemaphore(value: 0)
    let taken = Mutex<[Int64]>([])
    let running = Atomic<Int>(0)
    let destination = HeadDestination(name: "the test", timeout: Self.timeout) { head in
      #expect(running.add(1, ordering: .relaxed).newValue == 1)
      taken.withLock { $0.append(head.sequence) }
      begun.signal()
      _ = gate.wait(timeout: .now() + .seconds(20))
      running.subtract(1, ordering: .relaxed)
      return nil
    }
    destination.take(heads[0])
    #expect(begun.wait(timeout: .now() + .seconds(20)) == .success)
    for head in heads[1...] { destination.take(head) }
    gate.signal()
    gate.signal()
    #expect(destination.isDone(by: .now() + .seconds(20)))
    #expect(taken.withLock { $0 } == [1, 5])
  }

  @Test(
    "a destination that hangs or fails is an alarm, which ends when the newest head has arrived")
  func alarm() throws {
    let heads = try Self.heads(2)
    let gate = DispatchSemaphore(value: 0)
    let works = Atomic<Bool>(false)
    let arrived = Mutex<[Int64]>([])
    let destination = HeadDestination(
      name: "the vault", timeout: .milliseconds(20), retryEvery: .milliseconds(20)
    ) { head in
      if !works.load(ordering: .acquiring) {
        _ = gate.wait(timeout: .now() + .seconds(20))
        return "it is locked"
      }
      arrived.withLock { $0.append(head.sequence) }
      return nil
    }
    let told = Mutex<[(stands: Bool, message: String)]>([])
    let courier = HeadCourier(
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
      destinations: [destination], pace: .milliseconds(10)
    ) { event in
      guard case .surroundings(.headNotKept, let stands, let message) = event else { return }
      told.withLock { $0.append((stands, message)) }
    }
    courier.send(heads[0])
    courier.start()
    func last() -> (stands: Bool, message: String)? { told.withLock { $0.last } }
    #expect(until { last()?.message.contains("has not answered") == true })
    gate.signal()
    #expect(until { last()?.message.contains("it is locked") == true })
    courier.send(heads[1])
    works.store(true, ordering: .releasing)
    gate.signal()
    #expect(until { last()?.stands == false })
    #expect(arrived.withLock { $0.last } == 2)
    courier.stop(seconds: 5)
  }

  @Test("an alarm from before a restart ends, with or without destinations")
  func alarmFromBefore() throws {
    for destinations in [[], [HeadDestination(name: "x", timeout: Self.timeout) { _ in nil }]] {
      let told = Mutex<[Bool]>([])
      let courier = HeadCourier(
        logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
        destinations: destinations, pace: .milliseconds(10)
      ) { event in
        guard case .surroundings(.headNotKept, let stands, _) = event else { return }
        told.withLock { $0.append(stands) }
      }
      courier.start()
      #expect(until { told.withLock { $0 == [false] } })
      courier.stop(seconds: 5)
    }
  }
}
