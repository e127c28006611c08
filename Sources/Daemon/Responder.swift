public import Control
internal import Glibc
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

  /// Makes a peer.
  public init(uid: UInt32, gid: UInt32, pid: Int32, name: String) {
    self.uid = uid
    self.gid = gid
    self.pid = pid
    self.name = name
  }

  /// Login name and uid, as they stand in records: `mira (1004)`.
  public var actor: String { "\(name) (\(uid))" }
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
