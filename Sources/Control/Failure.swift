/// How a command ends for the shell: sysexits, as far as the contract uses them.
public enum ExitStatus: Int32, Sendable, Equatable, CaseIterable, Codable {
  /// Done.
  case done = 0
  /// Answered "no": a verification failed, there is no such unit.
  case no = 1
  /// The command was written wrongly (EX_USAGE).
  case usage = 64
  /// Bad input data (EX_DATAERR).
  case badInput = 65
  /// The daemon cannot be reached (EX_UNAVAILABLE).
  case unreachable = 69
  /// Refused now, try later (EX_TEMPFAIL).
  case refused = 75
  /// Not permitted (EX_NOPERM).
  case notPermitted = 77
  /// Bad configuration (EX_CONFIG).
  case badConfiguration = 78
}

/// A command that was not done: what the program needs to know of it and what a person does.
///
/// Codes may grow; clients decide by `exit` and show the rest.
public struct Failure: Error, Sendable, Equatable {
  /// How the command line ends.
  public var exit: ExitStatus
  /// A stable word for programs, such as `refused`, `not-permitted` and `bad-input`.
  public var code: String
  /// One sentence: what happened, where, what to do.
  public var message: String
  /// Every cause that still stands; empty when the message says it all.
  public var causes: [String]

  /// Makes a failure.
  public init(exit: ExitStatus, code: String, message: String, causes: [String] = []) {
    self.exit = exit
    self.code = code
    self.message = message
    self.causes = causes
  }

  /// The command cannot be done now (75); `causes` names all that stands in its way.
  public static func refused(_ message: String, causes: [String] = []) -> Failure {
    Failure(exit: .refused, code: "refused", message: message, causes: causes)
  }

  /// There is no such batch, unit or alarm (1).
  public static func notFound(_ message: String) -> Failure {
    Failure(exit: .no, code: "not-found", message: message)
  }

  /// The peer's roles do not allow it (77).
  public static func notPermitted(_ message: String) -> Failure {
    Failure(exit: .notPermitted, code: "not-permitted", message: message)
  }

  /// What came in is wrong (65): a serial file, a GTIN, a line that is no request.
  public static func badInput(_ message: String, causes: [String] = []) -> Failure {
    Failure(exit: .badInput, code: "bad-input", message: message, causes: causes)
  }

  /// The request cannot be meant so (64).
  public static func usage(_ message: String) -> Failure {
    Failure(exit: .usage, code: "usage", message: message)
  }

  /// Nothing can be recorded, so nothing is done (75).
  public static func storageFault(_ message: String) -> Failure {
    Failure(exit: .refused, code: "storage-fault", message: message)
  }

  /// The daemon has too much to do (75).
  public static func busy(_ message: String) -> Failure {
    Failure(exit: .refused, code: "busy", message: message)
  }

  /// The daemon cannot be reached, or went away before it answered (69).
  public static func unreachable(_ message: String) -> Failure {
    Failure(exit: .unreachable, code: "unreachable", message: message)
  }

  /// The other side speaks another version of the protocol (69).
  public static func otherVersion(_ message: String) -> Failure {
    Failure(exit: .unreachable, code: "other-version", message: message)
  }
}

extension Failure: Codable {
  private enum Key: String, CodingKey { case code, message, causes }

  /// Decodes the `error` object; `exit` stands beside it on the wire and is 75 until it is set.
  public init(from decoder: any Decoder) throws {
    let fields = try decoder.container(keyedBy: Key.self)
    self.init(
      exit: .refused, code: try fields.decode(String.self, forKey: .code),
      message: try fields.decode(String.self, forKey: .message),
      causes: try fields.decodeIfPresent([String].self, forKey: .causes) ?? [])
  }

  /// Encodes the `error` object: code, message, causes.
  public func encode(to encoder: any Encoder) throws {
    var fields = encoder.container(keyedBy: Key.self)
    try fields.encode(code, forKey: .code)
    try fields.encode(message, forKey: .message)
    try fields.encode(causes, forKey: .causes)
  }
}
