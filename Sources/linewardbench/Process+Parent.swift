import Foundation

extension Process {
  /// Lets the process get SIGTERM when this one dies, however it dies: a killed bench leaves no daemon behind.
  ///
  /// To be called when program and arguments are set, and `run` from the thread that lives longest: the kernel watches the
  /// thread. setpriv(1) is of Debian's util-linux, which every system has.
  func endWithParent() {
    guard let program = executableURL else { return }
    arguments = ["--pdeathsig", "TERM", "--", program.path] + (arguments ?? [])
    executableURL = URL(fileURLWithPath: "/usr/bin/setpriv")
  }
}
