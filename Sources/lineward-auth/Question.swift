internal import CLinux
internal import CPAM
internal import Control
internal import Glibc

/// One question, in a process of its own: reads it from standard input, asks PAM, answers there.
enum Question {
  /// The request comes within so many milliseconds.
  static let requestLongest: Int64 = 5_000

  static func answer() {
    // Where standard input is no connection, somebody tries this by hand.
    guard clinux_socket_peer_gone(STDIN_FILENO) == 0 else { return }
    guard var line = request() else { return send(Authentication.Answer(.unavailable)) }
    let credentials = Authentication.credentials(from: line)
    wipe(&line)
    guard let credentials else {
      say("a request was no request")
      return send(Authentication.Answer(.unavailable))
    }
    send(check(credentials))
  }

  /// The first line that comes; nil when none does in time, or it is too long.
  private static func request() -> [UInt8]? {
    let end = Helper.now + requestLongest
    var line: [UInt8] = []
    line.reserveCapacity(Authentication.requestLengthMax)
    while line.count < Authentication.requestLengthMax {
      let left = Int32(clamping: max(0, end - Helper.now))
      let ready = clinux_socket_wait(STDIN_FILENO, -1, 0, left)
      if ready == -EINTR { continue }
      guard ready > 0 else { return nil }
      var byte: UInt8 = 0
      // Byte by byte, so that the password lies in one place; there are few bytes.
      guard read(STDIN_FILENO, &byte, 1) == 1 else { return nil }
      if byte == 0x0A { return line }
      line.append(byte)
    }
    return nil
  }

  private static func check(_ credentials: Credentials) -> Authentication.Answer {
    var uid: UInt32 = 0
    var name = [CChar](repeating: 0, count: 512)
    var information = [CChar](repeating: 0, count: 1024)
    switch cpam_login(
      credentials.user, &uid, &name, name.count, &information, information.count)
    {
    case 1: break
    case 0: return Authentication.Answer(.unknown)
    default:
      say("the name service gave no answer")
      return Authentication.Answer(.unavailable)
    }
    guard uid != 0 else { return Authentication.Answer(.root) }
    var password = Array(credentials.password.utf8) + [0]
    defer { wipe(&password) }
    var step: Int32 = 0
    let status = password.withUnsafeBytes { bytes in
      cpam_check(
        Authentication.service, name, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), &step)
    }
    guard status != PAM_SUCCESS else {
      return Authentication.Answer(.ok, name: printedName(text(information), login: text(name)))
    }
    let code = code(of: status, step: step)
    if code == .unavailable {
      say("PAM failed in step \(step): \(status) (\(String(cString: pam_strerror(nil, status))))")
    }
    return Authentication.Answer(code)
  }

  /// What PAM's code means for a signer.
  private static func code(of status: Int32, step: Int32) -> Authentication.Code {
    switch status {
    case PAM_AUTH_ERR: step == 1 ? .wrong : .locked
    case PAM_USER_UNKNOWN: .unknown
    case PAM_ACCT_EXPIRED, PAM_NEW_AUTHTOK_REQD, PAM_AUTHTOK_EXPIRED, PAM_CRED_EXPIRED: .expired
    case PAM_PERM_DENIED, PAM_MAXTRIES: .locked
    default: .unavailable
    }
  }

  /// The first field of the user information, where it is one; otherwise the login.
  private static func printedName(_ information: String, login: String) -> String {
    let field = String(information.prefix { $0 != "," })
    let words = Plain.text(field, lengthMax: 200).split(separator: " ")
    return words.isEmpty ? login : words.joined(separator: " ")
  }

  private static func text(_ characters: [CChar]) -> String {
    String(
      decoding: characters.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  private static func send(_ answer: Authentication.Answer) {
    let line = Authentication.line(answer: answer)
    _ = line.withUnsafeBytes { clinux_socket_send(STDIN_FILENO, $0.baseAddress, $0.count, -1) }
  }

  private static func wipe(_ bytes: inout [UInt8]) {
    bytes.withUnsafeMutableBytes { cpam_wipe($0.baseAddress, $0.count) }
  }
}
