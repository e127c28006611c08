internal import CLinux
internal import Glibc

/// The few things that the simulator asks of the machine it runs on: files, names, the terminal.
public enum Surroundings {
  /// The login name of the user who runs this, as roles need it.
  public static var userName: String {
    guard let entry = getpwuid(geteuid()), let name = entry.pointee.pw_name else { return "root" }
    return String(cString: name)
  }

  /// The folder of this program, where its sisters are looked for.
  public static var programFolder: String {
    var buffer = [CChar](repeating: 0, count: 4096)
    let count = clinux_simulation_read_link("/proc/self/exe", &buffer, buffer.count)
    guard count > 0 else { return "." }
    let path = String(decoding: buffer[0..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return String(path[..<slash])
  }

  /// Whether standard output is a terminal that can be redrawn.
  public static var canRedraw: Bool {
    isatty(STDOUT_FILENO) == 1 && !["", "dumb"].contains(variable("TERM") ?? "")
  }

  /// Whether colours are welcome (no-color.org).
  public static var allowsColor: Bool { canRedraw && (variable("NO_COLOR") ?? "").isEmpty }

  /// An environment variable.
  public static func variable(_ name: String) -> String? {
    getenv(name).map { String(cString: $0) }
  }

  /// Makes a folder if it is not there, and says its absolute path.
  public static func folder(_ path: String) throws(SystemFailure) -> String {
    if mkdir(path, 0o750) != 0 && errno != EEXIST {
      throw SystemFailure("make the folder \(path)", -errno)
    }
    guard let absolute = realpath(path, nil) else {
      throw SystemFailure("find the folder \(path)", -errno)
    }
    defer { free(absolute) }
    return String(cString: absolute)
  }

  /// Whether something stands at a path.
  public static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

  /// Writes a file anew.
  public static func write(_ text: String, to path: String) throws(SystemFailure) {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o640)
    guard descriptor >= 0 else { throw SystemFailure("write \(path)", -errno) }
    defer { close(descriptor) }
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let written = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      guard written > 0 else { throw SystemFailure("write \(path)", -errno) }
      rest = rest.dropFirst(written)
    }
  }

  /// Prints, and at once: a redrawn view must not wait for a full buffer.
  public static func show(_ text: String) { put(text, STDOUT_FILENO) }

  /// Prints to standard error.
  public static func complain(_ text: String) { put(text, STDERR_FILENO) }

  private static func put(_ text: String, _ descriptor: Int32) {
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let written = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      guard written > 0 else { return }
      rest = rest.dropFirst(written)
    }
  }
}
