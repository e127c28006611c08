internal import FoundationEssentials

/// The lines of the control socket: one JSON object a line, in UTF-8, ended by a line feed.
///
/// A client sends a request; the daemon answers with any number of progress and event lines and then
/// one final line. Then the client may send the next request. A line that is no request gets a final
/// line with the reason where that is possible, and the connection is closed.
public enum Wire {
  /// The version of the protocol that this program speaks.
  public static let version = 1
  /// The most bytes a request may have, without its line feed.
  public static let requestLengthMax = 64 * 1024
  /// The most bytes a reply line may have, without its line feed.
  public static let replyLengthMax = 1024 * 1024

  /// A request as a line, with its line feed.
  public static func line(request: Request) -> [UInt8] {
    encoded(RequestLine(version: version, request: request))
  }

  /// A request that is a command and nothing beside it, as a line, with its line feed.
  public static func line(request command: Command) -> [UInt8] {
    line(request: Request(command))
  }

  /// A progress line.
  public static func line(progress: ProgressReply) -> [UInt8] {
    encoded(ProgressLine(version: version, progress: progress))
  }

  /// An event line of `watch`.
  public static func line(event: StatusReply) -> [UInt8] {
    encoded(EventLine(version: version, event: event))
  }

  /// The final line of a command.
  ///
  /// A reply longer than `replyLengthMax` becomes a failure that says so, because a client would not take it.
  public static func line(final reply: Result<CommandReply, Failure>) -> [UInt8] {
    switch reply {
    case .success(let value):
      let line = encoded(DoneLine(version: version, ok: true, result: value))
      guard line.count <= replyLengthMax else {
        return self.line(
          final: .failure(
            Failure(
              exit: .refused, code: "reply-too-long",
              message: "The answer has \(line.count) bytes, more than the control socket carries; "
                + "ask for less.")))
      }
      return line
    case .failure(let failure):
      var bounded = failure
      bounded.message = String(failure.message.prefix(messageLengthMax))
      bounded.causes = failure.causes.prefix(causesMax).map { String($0.prefix(messageLengthMax)) }
      return encoded(
        FailureLine(version: version, ok: false, exit: failure.exit.rawValue, error: bounded))
    }
  }

  /// The request that a line carries.
  ///
  /// - Throws: A failure to be sent as the final line: no JSON, another version, an unknown command, a
  ///   field that is missing or of the wrong type. It names fields, never what stands in them: a password may.
  public static func request(from line: [UInt8]) throws(Failure) -> Request {
    do {
      let decoder = JSONDecoder()
      let data = Data(line)
      let header = try decoder.decode(Header.self, from: data)
      guard header.version == version else {
        throw Failure.otherVersion(
          "The daemon speaks version \(version) of the control protocol and was asked in version "
            + "\(header.version); use the lineward of the same release.")
      }
      return try decoder.decode(Request.self, from: data)
    } catch let failure as Failure {
      throw failure
    } catch let unknown as Command.UnknownCommand {
      throw .usage(
        "There is no command \"\(Plain.text(unknown.name, lengthMax: 40))\" in this version of "
          + "the daemon.")
    } catch let error as DecodingError {
      throw .badInput("The request cannot be read: \(reason(of: error)).")
    } catch {
      throw .badInput("The request cannot be read.")
    }
  }

  /// What a reply line says, with a result of the type that belongs to the command.
  public enum Reply<Value: Decodable & Sendable>: Sendable {
    /// How far the command has come.
    case progress(ProgressReply)
    /// The status changed.
    case event(StatusReply)
    /// The command ended.
    case final(Result<Value, Failure>)
  }

  /// Reads a reply line.
  ///
  /// - Throws: A failure with exit 69 when the line is none that this version of the protocol has.
  public static func reply<Value: Decodable & Sendable>(
    from line: [UInt8], as type: Value.Type
  ) throws(Failure) -> Reply<Value> {
    do {
      let decoder = JSONDecoder()
      let data = Data(line)
      let header = try decoder.decode(ReplyHeader.self, from: data)
      guard header.version == version else {
        throw Failure.otherVersion(
          "The daemon answers in version \(header.version) of the control protocol, this lineward "
            + "speaks version \(version); use the lineward of the same release.")
      }
      if let progress = header.progress { return .progress(progress) }
      if let event = header.event { return .event(event) }
      guard let ok = header.ok else {
        throw Failure.otherVersion("The daemon sent a line that is neither progress nor answer.")
      }
      if ok {
        return .final(.success(try decoder.decode(ResultLine<Value>.self, from: data).result))
      }
      guard var failure = header.error else {
        throw Failure.otherVersion("The daemon refused without a reason.")
      }
      failure.exit = ExitStatus(rawValue: header.exit ?? ExitStatus.refused.rawValue) ?? .refused
      return .final(.failure(failure))
    } catch let failure as Failure {
      throw failure
    } catch let error as DecodingError {
      throw .otherVersion("The daemon's answer cannot be read: \(reason(of: error)).")
    } catch {
      throw .otherVersion("The daemon's answer cannot be read.")
    }
  }

  /// Any value of this protocol as JSON text for people's programs, keys in alphabetical order.
  public static func json(_ value: some Encodable) -> String {
    String(decoding: encoded(value).dropLast(), as: UTF8.self)
  }

  /// A value as a line, with its line feed.
  static func line(of value: some Encodable) -> [UInt8] { encoded(value) }

  /// The value that a line holds; nil when it holds none of this type.
  static func value<Value: Decodable>(_ type: Value.Type, from line: [UInt8]) -> Value? {
    try? JSONDecoder().decode(type, from: Data(line))
  }

  private static let messageLengthMax = 4096
  private static let causesMax = 64

  private struct Header: Decodable { var version: Int }
  private struct RequestLine: Encodable {
    var version: Int
    var request: Request
    enum Key: CodingKey { case version }
    func encode(to encoder: any Encoder) throws {
      var fields = encoder.container(keyedBy: Key.self)
      try fields.encode(version, forKey: .version)
      try request.encode(to: encoder)
    }
  }
  private struct ProgressLine: Encodable {
    var version: Int
    var progress: ProgressReply
  }
  private struct EventLine: Encodable {
    var version: Int
    var event: StatusReply
  }
  private struct DoneLine: Encodable {
    var version: Int
    var ok: Bool
    var result: CommandReply
  }
  private struct FailureLine: Encodable {
    var version: Int
    var ok: Bool
    var exit: Int32
    var error: Failure
  }
  private struct ReplyHeader: Decodable {
    var version: Int
    var progress: ProgressReply?
    var event: StatusReply?
    var ok: Bool?
    var exit: Int32?
    var error: Failure?
  }
  private struct ResultLine<Value: Decodable>: Decodable { var result: Value }

  private static func encoded(_ value: some Encodable) -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    // Every type of this module encodes: it holds text, whole numbers and truth values only.
    guard let data = try? encoder.encode(value) else {
      preconditionFailure("a value of the control protocol does not encode")
    }
    return Array(data) + [UInt8(ascii: "\n")]
  }

  private static func reason(of error: DecodingError) -> String {
    switch error {
    case .keyNotFound(let key, _): "\"\(key.stringValue)\" is missing"
    case .typeMismatch(_, let context), .valueNotFound(_, let context):
      context.codingPath.isEmpty
        ? "it is no JSON object"
        : "\"\(context.codingPath.map(\.stringValue).joined(separator: "."))\" has the wrong type"
    case .dataCorrupted(let context) where !context.codingPath.isEmpty:
      "\"\(context.codingPath.map(\.stringValue).joined(separator: "."))\" has no right value"
    case .dataCorrupted: "it is no JSON"
    @unknown default: "it has another form"
    }
  }
}
