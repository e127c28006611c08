internal import CLinux
internal import Glibc
internal import Synchronization
internal import Threads

/// Finds a host's addresses: digits at once, a name on a thread of its own, because getaddrinfo may block for long.
///
/// Names are looked up anew for every attempt; at most one look-up is under way. Its end rings the bell.
struct Resolver {
  /// Addresses of one host at most; attempts go round among them.
  static let addressesMax = 4

  /// How far it is.
  enum Answer {
    case addresses([clinux_tcp_address])
    case underway
    case failed(String)
  }

  private final class LookUp: Sendable {
    let host: String
    let port: String
    let bell: Bell
    let result = Guarded<Result<[clinux_tcp_address], LookUpFailure>?>(nil)

    init(host: String, port: String, bell: Bell) {
      self.host = host
      self.port = port
      self.bell = bell
    }
  }

  private struct LookUpFailure: Error {
    var code: Int32
  }

  private let host: String
  private let port: String
  private let bell: Bell
  private var lookUp: LookUp?

  init(host: String, port: UInt16, bell: Bell) {
    self.host = host
    self.port = String(port)
    self.bell = bell
  }

  /// The addresses, if they are known by now; otherwise begins to look them up.
  mutating func answer() -> Answer {
    if lookUp == nil {
      if case .success(let addresses) = Resolver.resolve(host, port, numeric: true) {
        return .addresses(addresses)
      }
      let begun = LookUp(host: host, port: port, bell: bell)
      guard Resolver.begin(begun) else { return .failed("no thread to resolve \(host)") }
      lookUp = begun
    }
    guard let result = lookUp?.result.withLock({ $0 }) else { return .underway }
    lookUp = nil
    switch result {
    case .success(let addresses):
      return .addresses(addresses)
    case .failure(let failure):
      let reason = gai_strerror(failure.code).map { String(cString: $0) } ?? "error"
      return .failed("the name \(host) has no address: \(reason)")
    }
  }

  private static func begin(_ lookUp: LookUp) -> Bool {
    let thread = NamedThread("resolver") {
      let result = Resolver.resolve(lookUp.host, lookUp.port, numeric: false)
      lookUp.result.withLock { $0 = result }
      lookUp.bell.ring()
    }
    // Nobody waits for it: when the link ends first, it finishes alone and is forgotten.
    thread?.forget()
    return thread != nil
  }

  private static func resolve(_ host: String, _ port: String, numeric: Bool)
    -> Result<[clinux_tcp_address], LookUpFailure>
  {
    var addresses = [clinux_tcp_address](repeating: clinux_tcp_address(), count: addressesMax)
    let count = clinux_tcp_resolve(
      host, port, numeric ? 1 : 0, &addresses, Int32(addressesMax))
    if count <= 0 { return .failure(LookUpFailure(code: count)) }
    return .success(Array(addresses.prefix(Int(count))))
  }
}
