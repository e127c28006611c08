public import Control
internal import Glibc
public import Line
internal import Synchronization

/// Who is at the other end of a control connection, as the kernel told when it connected.
public struct Peer: Sendable, Hashable {
  /// User number.
  public var uid: UInt32
  /// Primary group number.
  public var gid: UInt32
  /// Process number; for messages only, it may be another process by now.
  public var pid: Int32
  /// Login name, or `uid N` when the name service has none.
  public var name: String
  /// The terminal that the client says it was started at, as `pts/3`; nil: it names none.
  public var terminal: String?
  /// Who has given user name and password beside the command; nil: nobody, and the login counts.
  public var person: Person?

  /// Makes a peer.
  public init(
    uid: UInt32, gid: UInt32, pid: Int32, name: String, terminal: String? = nil,
    person: Person? = nil
  ) {
    self.uid = uid
    self.gid = gid
    self.pid = pid
    self.name = name
    self.terminal = terminal
    self.person = person
  }

  /// Login name, uid and terminal, as they stand in records: `mira (1004) on pts/3`, or, by password at somebody else's
  /// login, `anna (1001), by login line3 (1005) on pts/3`.
  public var actor: String {
    var actor = "\(name) (\(uid))"
    if let person, person.uid != uid {
      actor = "\(person.login) (\(person.uid)), by login \(actor)"
    }
    return actor + (terminal.map { " on \($0)" } ?? "")
  }

  /// The name of a terminal as it may stand in records; nil when a client sends something else.
  ///
  /// It is the client's word, no more: nothing hangs on it.
  public static func terminal(claimed path: String?) -> String? {
    guard let path, path.hasPrefix("/dev/"), path.utf8.count <= 64 else { return nil }
    let name = path.dropFirst(5)
    guard !name.isEmpty,
      name.utf8.allSatisfy({ byte in
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
          || byte == UInt8(ascii: "/") || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
      })
    else { return nil }
    return String(name)
  }
}

/// A person who has shown by user name and password who it is.
public struct Person: Sendable, Hashable {
  /// Login name.
  public var login: String
  /// User number; never 0.
  public var uid: UInt32
  /// Primary group number.
  public var gid: UInt32
  /// The printed name.
  public var printedName: String
  /// The roles that this person has.
  public var roles: Set<Role>

  /// Makes a person.
  public init(login: String, uid: UInt32, gid: UInt32, printedName: String, roles: Set<Role>) {
    self.roles = roles
    self.login = login
    self.uid = uid
    self.gid = gid
    self.printedName = printedName
  }
}

/// A file descriptor that a client passed; closed when the last reference goes.
public final class PassedDescriptor: Sendable {
  /// The descriptor; valid as long as this object lives.
  public let number: Int32

  init(_ number: Int32) { self.number = number }

  deinit { close(number) }
}

/// By this the answer to one command goes back; any thread may use it at any time.
///
/// When it is dropped without `finish`, the client is told that the daemon gave no answer.
public final class Responder: Sendable {
  private let state = Mutex(State.open)
  private let send: @Sendable (Answer) -> Void

  private enum State { case open, gone, finished }

  enum Answer: Sendable {
    case progress(ProgressReply)
    case final(Result<CommandReply, Failure>)
  }

  /// Makes a responder whose answers go to `send`.
  init(send: @escaping @Sendable (Answer) -> Void) { self.send = send }

  /// Whether anybody still waits for the answer.
  public var isOpen: Bool { state.withLock { $0 == .open } }

  /// Tells how far the command has come.
  ///
  /// Left out when the client reads too slowly or is gone.
  public func progress(_ reply: ProgressReply) {
    guard isOpen else { return }
    send(.progress(reply))
  }

  /// Ends the command.
  ///
  /// Only the first call counts.
  public func finish(_ reply: Result<CommandReply, Failure>) {
    let wasOpen = state.withLock { state in
      defer { if state == .open { state = .finished } }
      return state == .open
    }
    if wasOpen { send(.final(reply)) }
  }

  /// The client is gone: answers have nowhere to go from here on.
  func peerIsGone() {
    state.withLock { if $0 == .open { $0 = .gone } }
  }

  deinit {
    guard state.withLock({ $0 == .open }) else { return }
    send(.final(.failure(.busy("The daemon gave no answer to this command; try again."))))
  }
}
