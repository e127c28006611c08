/// What a client asks of the daemon: a command, and who says that it is his.
///
/// On the wire the two others stand in the command's object, beside its own fields:
/// `{"version":1,"command":"line release","credentials":{"user":"anna","password":"…"},"terminal":"/dev/pts/3"}`.
public struct Request: Sendable, Equatable {
  /// What is asked.
  public var command: Command
  /// Whose name it is to have; nil: the login's.
  public var credentials: Credentials?
  /// The terminal at which it was typed, as the client tells: a claim, and recorded as such; nil: none.
  public var terminal: String?

  /// Makes a request.
  public init(_ command: Command, credentials: Credentials? = nil, terminal: String? = nil) {
    self.command = command
    self.credentials = credentials
    self.terminal = terminal
  }
}

extension Request: Codable {
  private enum Key: String, CodingKey { case credentials, terminal }

  /// Reads the command and what stands beside it.
  public init(from decoder: any Decoder) throws {
    let fields = try decoder.container(keyedBy: Key.self)
    self.init(
      try Command(from: decoder),
      credentials: try fields.decodeIfPresent(Credentials.self, forKey: .credentials),
      terminal: try fields.decodeIfPresent(String.self, forKey: .terminal))
  }

  /// Writes them into one object.
  public func encode(to encoder: any Encoder) throws {
    try command.encode(to: encoder)
    var fields = encoder.container(keyedBy: Key.self)
    try fields.encodeIfPresent(credentials, forKey: .credentials)
    try fields.encodeIfPresent(terminal, forKey: .terminal)
  }
}

/// User name and password, the two components of a signature (21 CFR 11.200(a)(1)).
///
/// Whatever prints it prints the name alone: the password is for the helper `lineward-auth` and stands in no record,
/// journal or error.
public struct Credentials: Sendable, Equatable {
  /// The login.
  public let user: String
  /// Its password.
  public let password: String

  /// The most bytes of a login's name.
  public static let userLengthMax = 256
  /// The most bytes of a password: PAM's own bound (PAM_MAX_RESP_SIZE), without the end of the text.
  public static let passwordLengthMax = 511

  /// Makes credentials; nil when either is longer than it may be, the name is empty or holds a control character, or the
  /// password holds a NUL or an end of line.
  public init?(user: String, password: String) {
    guard !user.isEmpty, user.utf8.count <= Credentials.userLengthMax,
      !user.unicodeScalars.contains(where: { $0.properties.generalCategory == .control }),
      password.utf8.count <= Credentials.passwordLengthMax,
      !password.utf8.contains(where: { $0 == 0 || $0 == 0x0A || $0 == 0x0D })
    else { return nil }
    self.user = user
    self.password = password
  }
}

extension Credentials: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  /// The name alone.
  public var description: String { "credentials of \(Plain.text(user, lengthMax: 64))" }

  /// The name alone.
  public var debugDescription: String { description }

  /// The name alone.
  public var customMirror: Mirror { Mirror(self, children: ["user": user]) }
}

extension Credentials: Codable {
  private enum Key: String, CodingKey { case user, password }

  /// Reads both, and refuses what `init(user:password:)` refuses.
  public init(from decoder: any Decoder) throws {
    let fields = try decoder.container(keyedBy: Key.self)
    let user = try fields.decode(String.self, forKey: .user)
    let password = try fields.decode(String.self, forKey: .password)
    guard let credentials = Credentials(user: user, password: password) else {
      throw DecodingError.dataCorrupted(
        DecodingError.Context(
          codingPath: decoder.codingPath, debugDescription: "no name and password"))
    }
    self = credentials
  }

  /// Writes both.
  public func encode(to encoder: any Encoder) throws {
    var fields = encoder.container(keyedBy: Key.self)
    try fields.encode(user, forKey: .user)
    try fields.encode(password, forKey: .password)
  }
}
