/// What `lineward-auth`, the password helper, is asked and answers: one line of JSON each on a connection of its own.
public enum Authentication {
  /// The version of this little protocol.
  public static let version = 1
  /// The most bytes a request may have, with its line feed; the longest credentials fit, however they are escaped.
  public static let requestLengthMax = 4096
  /// The most bytes an answer may have, with its line feed.
  public static let answerLengthMax = 4096
  /// The PAM service by whose rules passwords are checked (`/etc/pam.d/lineward`).
  public static let service = "lineward"
  /// Where the helper listens unless the configuration says otherwise.
  public static let defaultPath = "/run/lineward/auth.sock"

  /// Whether user and password are right.
  public enum Code: String, Sendable, Codable, CaseIterable {
    /// They are.
    case ok
    /// The password is wrong.
    case wrong
    /// The machine has no such login.
    case unknown
    /// The password is right, but it or the account has expired.
    case expired
    /// The machine does not let the account in.
    case locked
    /// It is root, or a login with its number, who never signs.
    case root
    /// It could not be found out.
    case unavailable
  }

  /// The helper's answer.
  public struct Answer: Sendable, Equatable, Codable {
    /// Whether `code` is `ok`.
    public var ok: Bool
    /// How it went.
    public var code: Code
    /// The person's printed name when it is `ok`, otherwise empty.
    public var name: String

    /// Makes an answer.
    public init(_ code: Code, name: String = "") {
      ok = code == .ok
      self.code = code
      self.name = name
    }
  }

  private struct Question: Codable {
    var version: Int
    var user: String
    var password: String
  }

  /// A request as a line, with its line feed.
  public static func line(request credentials: Credentials) -> [UInt8] {
    Wire.line(
      of: Question(version: version, user: credentials.user, password: credentials.password))
  }

  /// The credentials that a line carries; nil when it is no request of this version.
  public static func credentials(from line: [UInt8]) -> Credentials? {
    guard let question = Wire.value(Question.self, from: line), question.version == version else {
      return nil
    }
    return Credentials(user: question.user, password: question.password)
  }

  /// An answer as a line, with its line feed.
  public static func line(answer: Answer) -> [UInt8] { Wire.line(of: answer) }

  /// The answer that a line carries; nil when it is none, or contradicts itself.
  public static func answer(from line: [UInt8]) -> Answer? {
    guard let answer = Wire.value(Answer.self, from: line), answer.ok == (answer.code == .ok) else {
      return nil
    }
    return answer
  }
}
