/// What an electronic signature is given for.
public enum SignatureSubject: Sendable, Hashable {
  /// The batch of this number.
  case batch(UInt32)
  /// The containment case of this number.
  case containment(UInt32)
  /// The narrowing of the packs that the containment case of this number holds.
  case narrowing(UInt32)

  /// The number in `Record.code` of a signature.
  public var code: UInt16 {
    switch self {
    case .batch: 1
    case .containment: 2
    case .narrowing: 3
    }
  }

  /// The number of what is signed.
  public var number: UInt32 {
    switch self {
    case .batch(let number), .containment(let number), .narrowing(let number): number
    }
  }

  /// The word in records and on screen.
  public var word: String {
    switch self {
    case .batch: "batch"
    case .containment: "containment"
    case .narrowing: "narrowing"
    }
  }

  init?(word: some StringProtocol, number: UInt32) {
    switch word {
    case "batch": self = .batch(number)
    case "containment": self = .containment(number)
    case "narrowing": self = .narrowing(number)
    default: return nil
    }
  }
}

/// An electronic signature: who, when and what it means (21 CFR 11.50), and the record up to which the signer saw the
/// subject (11.70).
///
/// It is given with user name and password each time (11.200(a)(1): every command line is a session of its own). It stands
/// in a record of kind `signed`, and through `coveredHash` over everything before it: whatever of that is changed, the
/// signature fits it no more, and a signature that is copied elsewhere does not fit there.
public struct Signature: Sendable, Hashable {
  /// The login whose password was given.
  public let login: String
  /// Its user number; never 0.
  public let uid: UInt32
  /// The person's printed name, as the machine's user list has it.
  public let name: String
  /// What the signature means, in words.
  public let meaning: String
  /// The role in which it was given.
  public let role: Role
  /// Wall time of signing, milliseconds since 1970 in UTC.
  public let at: Int64
  /// What it is given for.
  public let subject: SignatureSubject
  /// The sequence number of the last record that the signature was given over.
  public let coveredSequence: Int64
  /// The chain's hash at that record, 32 bytes.
  public let coveredHash: [UInt8]

  /// The most bytes that login, name and meaning may each have.
  public static let textLengthMax = 500

  /// Makes a signature; nil when login, name or meaning is empty, longer than `textLengthMax`, holds a control character
  /// or has a blank at an end, when the user is root, or when the hash has not 32 bytes.
  public init?(
    login: String, uid: UInt32, name: String, meaning: String, role: Role, at: Int64,
    subject: SignatureSubject, coveredSequence: Int64, coveredHash: [UInt8]
  ) {
    guard uid != 0, coveredSequence > 0, coveredHash.count == 32,
      [login, name, meaning].allSatisfy(Signature.isText)
    else { return nil }
    self.login = login
    self.uid = uid
    self.name = name
    self.meaning = meaning
    self.role = role
    self.at = at
    self.subject = subject
    self.coveredSequence = coveredSequence
    self.coveredHash = coveredHash
  }

  /// Whether a text may stand in a signature.
  public static func isText(_ text: String) -> Bool {
    !text.isEmpty && text.utf8.count <= textLengthMax && text.first != " " && text.last != " "
      && !text.unicodeScalars.contains {
        $0.properties.generalCategory == .control
          || $0.properties.generalCategory == .lineSeparator
          || $0.properties.generalCategory == .paragraphSeparator
      }
  }
}

// MARK: In records

extension Signature {
  private static let head = "lineward signature 1"

  /// The signature as it stands in `Record.raw`: nine lines of UTF-8, each a word, a blank and a value
  /// (`docs/records.md`).
  public var encoded: [UInt8] {
    let hash = coveredHash.map { byte in
      (byte < 16 ? "0" : "") + String(byte, radix: 16)
    }.joined()
    let lines = [
      Signature.head, "subject \(subject.word) \(subject.number)", "login \(login)", "uid \(uid)",
      "name \(name)", "role \(role.rawValue)", "meaning \(meaning)", "at \(at)",
      "covers \(coveredSequence) \(hash)",
    ]
    return Array((lines.joined(separator: "\n") + "\n").utf8)
  }

  /// Reads a signature; nil for every text but the very one that `encoded` writes.
  public init?(encoded bytes: [UInt8]) {
    let lines = String(decoding: bytes, as: UTF8.self).split(
      separator: "\n", omittingEmptySubsequences: false)
    func value(_ line: Int, _ word: String) -> Substring? {
      guard lines[line].hasPrefix(word + " ") else { return nil }
      return lines[line].dropFirst(word.count + 1)
    }
    guard lines.count == 10, lines[0] == Signature.head,
      let subjectText = value(1, "subject"), let login = value(2, "login"),
      let uid = value(3, "uid").flatMap({ UInt32($0) }), let name = value(4, "name"),
      let role = value(5, "role").flatMap({ Role(rawValue: String($0)) }),
      let meaning = value(6, "meaning"), let at = value(7, "at").flatMap({ Int64($0) }),
      let covers = value(8, "covers")
    else { return nil }
    let subject = subjectText.split(separator: " ", omittingEmptySubsequences: false)
    let covered = covers.split(separator: " ", omittingEmptySubsequences: false)
    guard subject.count == 2, let number = UInt32(subject[1]),
      let subject = SignatureSubject(word: subject[0], number: number),
      covered.count == 2, let sequence = Int64(covered[0]),
      let hash = Signature.bytes(hexadecimal: covered[1])
    else { return nil }
    self.init(
      login: String(login), uid: uid, name: String(name), meaning: String(meaning), role: role,
      at: at, subject: subject, coveredSequence: sequence, coveredHash: hash)
    // Numbers can be written in several ways, and damaged UTF-8 be read as something else.
    guard encoded == bytes else { return nil }
  }

  private static func bytes(hexadecimal text: Substring) -> [UInt8]? {
    let digits = Array(text.utf8)
    guard digits.count == 64 else { return nil }
    var bytes: [UInt8] = []
    for index in stride(from: 0, to: 64, by: 2) {
      guard let byte = UInt8(String(decoding: digits[index..<index + 2], as: UTF8.self), radix: 16)
      else { return nil }
      bytes.append(byte)
    }
    return bytes
  }
}

extension Signature: Codable {
  /// Reads it from the text that stands in records.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    guard let signature = Signature(encoded: Array(try container.decode(String.self).utf8)) else {
      throw DecodingError.dataCorruptedError(in: container, debugDescription: "no signature")
    }
    self = signature
  }

  /// Writes it as the text that stands in records.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(String(decoding: encoded, as: UTF8.self))
  }
}

// MARK: Asked for and refused

/// The signature that something asks for.
public struct SignatureDemand: Sendable, Hashable {
  /// What is signed.
  public var subject: SignatureSubject
  /// What the signature will mean.
  public var meaning: String
  /// The roles of which the signer has to have one, the first that he has is the one he signs in.
  public var roles: [Role]
  /// Whether it has to be another person than those who signed the subject before.
  public var secondPerson: Bool

  /// Names what is asked for.
  public init(
    subject: SignatureSubject, meaning: String, roles: [Role], secondPerson: Bool = false
  ) {
    self.subject = subject
    self.meaning = meaning
    self.roles = roles
    self.secondPerson = secondPerson
  }
}

/// A signature that is to go on record.
public struct SignatureOrder: Sendable, Hashable {
  /// The signature.
  public var signature: Signature
  /// `LineController.changes(of:)` at the record that it covers; another number by now makes it stale.
  public var changes: Int
  /// What it answers.
  public var demand: SignatureDemand

  /// Joins a signature and what it is good for.
  public init(signature: Signature, changes: Int, demand: SignatureDemand) {
    self.signature = signature
    self.changes = changes
    self.demand = demand
  }
}

/// Why user name and password were not taken (`Record.code` of `signatureRefused`).
public enum SignatureRefusal: UInt16, Sendable, CaseIterable {
  /// The password is wrong.
  case wrongPassword = 1
  /// The machine has no such login.
  case unknownLogin = 2
  /// The password or the account has expired.
  case expired = 3
  /// The machine does not let the account in.
  case accountLocked = 4
  /// Too many wrong passwords came for the login before.
  case signerLocked = 5
  /// It is root, who is nobody in particular.
  case root = 6
  /// It is a login that several people use.
  case sharedLogin = 7

  /// The word in exports.
  public var phrase: String {
    switch self {
    case .wrongPassword: "wrong password"
    case .unknownLogin: "no such login"
    case .expired: "expired"
    case .accountLocked: "account locked"
    case .signerLocked: "locked after wrong passwords"
    case .root: "root"
    case .sharedLogin: "shared login"
    }
  }
}
