import CLinux
import Glibc
import Journal
import Testing

/// Each test runs in a process of its own: what systemd says comes by the environment, which all threads share.
@Suite struct ServiceManagerTests {
  @Test func `READY carries the status, on one line`() async {
    await #expect(processExitsWith: .success) {
      let mailbox = Mailbox()
      try #require(mailbox.open())
      setenv("NOTIFY_SOCKET", mailbox.path, 1)
      ServiceManager.ready(status: "line L01\nWATCHDOG=trigger")
      #expect(mailbox.text() == "READY=1\nSTATUS=line L01 WATCHDOG=trigger")
    }
  }

  @Test func `RELOADING carries the monotonic time of now`() async {
    await #expect(processExitsWith: .success) {
      let mailbox = Mailbox()
      try #require(mailbox.open())
      setenv("NOTIFY_SOCKET", mailbox.path, 1)
      func microseconds() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000
      }
      let before = microseconds()
      ServiceManager.reloading()
      let after = microseconds()
      let lines = try #require(mailbox.text()).split(separator: "\n")
      try #require(lines.count == 2)
      #expect(lines[0] == "RELOADING=1")
      let prefix = "MONOTONIC_USEC="
      try #require(lines[1].hasPrefix(prefix))
      let told = try #require(Int64(lines[1].dropFirst(prefix.count)))
      #expect((before...after).contains(told))
    }
  }

  @Test func `STOPPING, STATUS and WATCHDOG are what systemd expects`() async {
    await #expect(processExitsWith: .success) {
      let mailbox = Mailbox()
      try #require(mailbox.open())
      setenv("NOTIFY_SOCKET", mailbox.path, 1)
      ServiceManager.status("12 units\r\nREADY=1")
      #expect(mailbox.text() == "STATUS=12 units READY=1")
      ServiceManager.status(String(repeating: "x", count: 10_000))
      #expect(mailbox.text() == "STATUS=" + String(repeating: "x", count: 200))
      ServiceManager.feedWatchdog()
      #expect(mailbox.text() == "WATCHDOG=1")
      ServiceManager.stopping()
      #expect(mailbox.text() == "STOPPING=1")
    }
  }

  @Test func `Without systemd, or with its socket gone, nothing happens`() async {
    await #expect(processExitsWith: .success) {
      for path in [nil, "/tmp/lineward-no-such-folder/notify", "not a path"] {
        if let path { setenv("NOTIFY_SOCKET", path, 1) } else { unsetenv("NOTIFY_SOCKET") }
        ServiceManager.ready(status: "ready")
        ServiceManager.reloading()
        ServiceManager.feedWatchdog()
        ServiceManager.stopping()
      }
    }
  }

  @Test func `The watchdog's time is taken only when it is meant for this process`() async {
    await #expect(processExitsWith: .success) {
      unsetenv("WATCHDOG_USEC")
      unsetenv("WATCHDOG_PID")
      #expect(ServiceManager.watchdogMicroseconds == nil)
      setenv("WATCHDOG_USEC", "10000000", 1)
      #expect(ServiceManager.watchdogMicroseconds == 10_000_000)
      setenv("WATCHDOG_PID", "\(getpid())", 1)
      #expect(ServiceManager.watchdogMicroseconds == 10_000_000)
      setenv("WATCHDOG_PID", "\(getpid() + 1)", 1)
      #expect(ServiceManager.watchdogMicroseconds == nil)
    }
  }

  @Test func `Of the descriptors that systemd hands over, the listening Unix socket is taken`()
    async
  {
    await #expect(processExitsWith: .success) {
      #expect(ServiceManager.controlSocket() == nil)
      let mailbox = Mailbox()
      let listening = clinux_socket_unix()
      try #require(listening >= 3)
      try #require(clinux_socket_bind(listening, mailbox.path) == 0)
      try #require(clinux_socket_listen(listening, 1) == 0)
      // The lowest free number is given out first, so all numbers from 3 up to it are open, and none of them listens.
      setenv("LISTEN_FDS", "\(listening - 2)", 1)
      setenv("LISTEN_PID", "\(getpid() + 1)", 1)
      #expect(ServiceManager.controlSocket() == nil)
      setenv("LISTEN_FDS", "\(listening - 2)", 1)
      setenv("LISTEN_PID", "\(getpid())", 1)
      #expect(ServiceManager.controlSocket() == listening)
      #expect(getenv("LISTEN_FDS") == nil)
    }
  }

  @Test func `The journal is used only when standard error is connected to it`() async {
    await #expect(processExitsWith: .success) {
      var information = stat()
      try #require(fstat(STDERR_FILENO, &information) == 0)
      setenv("JOURNAL_STREAM", "\(information.st_dev):\(information.st_ino)", 1)
      #expect(ServiceManager.logsToJournal)
      setenv("JOURNAL_STREAM", "\(information.st_dev):\(information.st_ino + 1)", 1)
      #expect(!ServiceManager.logsToJournal)
    }
  }
}
