public import Control
internal import Glibc
public import Line

/// Who may order what: `[roles]` of the configuration, and which command needs which role.
///
/// Names are resolved at every command, so a person who leaves a group loses the role with the next
/// command, not with the next restart.
public struct Roles: Sendable {
  /// A Unix user or group, by name.
  public enum Member: Sendable, Hashable {
    /// One login.
    case user(String)
    /// All members of a group.
    case group(String)

    /// Reads `group:NAME` or `user:NAME`; nil for anything else.
    public init?(_ text: String) {
      let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
      guard parts.count == 2, !parts[1].isEmpty else { return nil }
      switch parts[0] {
      case "user": self = .user(String(parts[1]))
      case "group": self = .group(String(parts[1]))
      default: return nil
      }
    }
  }

  /// An entry of `[roles]` that names neither a user nor a group.
  public struct BadEntry: Error, Sendable, Equatable, CustomStringConvertible {
    /// The role under which it stands; nil: `shared`.
    public var role: Role?
    /// The entry as it stands.
    public var entry: String

    /// Makes one.
    public init(role: Role?, entry: String) {
      self.role = role
      self.entry = entry
    }

    /// One sentence.
    public var description: String {
      "roles.\(role?.rawValue ?? "shared"): \"\(Plain.text(entry, lengthMax: 80))\" is neither \"group:NAME\" "
        + "nor \"user:NAME\"."
    }
  }

  private let members: [Role: [Member]]
  private let shared: [Member]
  /// Who has to sign a release, any one of them; empty: nobody.
  private let release: Set<Role>
  private let nameService: NameService

  /// Makes roles from the entries of the configuration.
  ///
  /// - Throws: The first entry that cannot be read. A name that nobody has is no error: it may come later.
  public init(
    _ entries: [Role: [String]], shared: [String] = [], release: [Role] = [],
    nameService: NameService = .system
  ) throws(BadEntry) {
    var members: [Role: [Member]] = [:]
    for role in Role.allCases {
      for entry in entries[role] ?? [] {
        guard let member = Member(entry) else { throw BadEntry(role: role, entry: entry) }
        members[role, default: []].append(member)
      }
    }
    var several: [Member] = []
    for entry in shared {
      guard let member = Member(entry) else { throw BadEntry(role: nil, entry: entry) }
      several.append(member)
    }
    self.members = members
    self.shared = several
    self.release = Set(release)
    self.nameService = nameService
  }

  /// The roles that a command needs, any one of them; nil: whoever can connect.
  ///
  /// A stop is the safe side, so everybody with a role may order one.
  public static func needed(for command: Command) -> Set<Role>? {
    switch command {
    case .status, .watch, .batchReconcile, .batchShow, .batchList, .unit, .alarms, .alarmMetrics,
      .scanners, .plcs, .plcRegisters, .recordsVerify:
      nil
    case .batchClose(_, .some): [.supervisor]
    case .batchOpen, .batchStart, .batchPause, .batchClose, .lineRelease, .acknowledge,
      .challengeStart, .challengeCancel:
      [.operator, .supervisor]
    case .recordsExport, .recordsRotateKey, .recordsArchive, .containmentBundle:
      [.quality, .supervisor]
    case .lineStop, .containmentUnits: Set(Role.allCases)
    case .containmentTestAlert: [.supervisor, .quality, .maintenance]
    case .serial(.sample, _, _, _, _), .serial(.scrap, _, _, _, _),
      .serial(.giveBack, _, _, _, _), .serial(.hold, _, _, _, _):
      [.operator, .supervisor, .quality]
    case .serial: [.supervisor, .quality]
    case .containment(.list), .containment(.show): nil
    // Which role signs, the case itself says.
    case .containment(.sign): Set(Role.allCases)
    case .containment(.open), .containment(.complete), .containment(.answer), .containment(.scan):
      Set(Role.allCases)
    case .containment(.narrow): [.quality]
    case .containment(.close): [.supervisor, .quality]
    case .reset, .scannersTeach, .scannersTrigger, .alarmOutOfService, .alarmInService:
      [.supervisor, .maintenance]
    case .shelve, .unshelve: [.supervisor, .quality]
    }
  }

  /// The roles that a peer has: those of the person who gave a password, else those of the login.
  ///
  /// Asks the name service, which may take its time: not for the line loop.
  public func roles(of peer: Peer) -> Set<Role> {
    peer.person?.roles ?? roles(uid: peer.uid, gid: peer.gid)
  }

  /// The roles that a login has.
  public func roles(uid: UInt32, gid: UInt32) -> Set<Role> {
    let who = names(of: uid, gid)
    return Set(members.filter { who.isAny(of: $0.value) }.keys)
  }

  /// Whether several people use a login, so that it is nobody's name.
  public func isShared(uid: UInt32, gid: UInt32) -> Bool {
    !shared.isEmpty && names(of: uid, gid).isAny(of: shared)
  }

  /// What a login can be named by.
  private struct Names {
    var user: String?
    var groups: Set<UInt32>
    var nameService: NameService

    func isAny(of members: [Member]) -> Bool {
      members.contains { member in
        switch member {
        case .user(let name): name == user
        case .group(let name): nameService.groupNumber(name).map(groups.contains) ?? false
        }
      }
    }
  }

  private func names(of uid: UInt32, _ gid: UInt32) -> Names {
    let user = nameService.userName(uid)
    var groups: Set<UInt32> = [gid]
    if let user { groups.formUnion(nameService.groups(user, gid)) }
    return Names(user: user, groups: groups, nameService: nameService)
  }

  /// Whether a peer may order a command; nil when it may, otherwise why not, with exit 77.
  ///
  /// uid 0 may order everything (contract, `[roles]`), unless it speaks for a person. A login that several people use has
  /// to say which of them it is, but may always stop the line. Where a release is signed, who may sign it gives it.
  public func refusal(of command: Command, to peer: Peer) -> Failure? {
    guard var needed = Self.needed(for: command) else { return nil }
    if peer.person == nil {
      if peer.uid == 0 { return nil }
      if isShared(uid: peer.uid, gid: peer.gid), !command.isStop {
        return .notPermitted(
          "The login \(Plain.text(peer.name, lengthMax: 64)) is used by several people: say which of them you are, with "
            + "lineward --as USER \(command.words).")
      }
    }
    if command == .lineRelease, peer.person != nil, !release.isEmpty { needed = release }
    let has = roles(of: peer)
    guard has.isDisjoint(with: needed) else { return nil }
    let names = Role.allCases.filter(needed.contains).map(\.rawValue)
    let list =
      names.count == 1
      ? names[0] : names.dropLast().joined(separator: ", ") + " or " + (names.last ?? "")
    let owned = Role.allCases.filter(has.contains).map(\.rawValue).joined(separator: ", ")
    return .notPermitted(
      "\"\(command.words)\" needs the role \(list); \(Plain.text(peer.person?.login ?? peer.name, lengthMax: 64)) has "
        + (owned.isEmpty ? "none" : "only \(owned)") + ".")
  }
}

/// The machine's users and groups, by whatever the name service switch asks.
public struct NameService: Sendable {
  /// Login name of a user number, nil when it has none.
  public var userName: @Sendable (_ uid: UInt32) -> String?
  /// Number of a group, nil when there is none of this name.
  public var groupNumber: @Sendable (_ name: String) -> UInt32?
  /// All groups of a login, `primary` included.
  public var groups: @Sendable (_ userName: String, _ primary: UInt32) -> Set<UInt32>
  /// User and primary group number of a login, by its name; nil when there is none.
  public var login: @Sendable (_ name: String) -> Login?

  /// What the machine knows of a login.
  public struct Login: Sendable, Hashable {
    /// Its name as the machine writes it.
    public var name: String
    /// User number.
    public var uid: UInt32
    /// Primary group number.
    public var gid: UInt32

    /// Makes a login.
    public init(name: String, uid: UInt32, gid: UInt32) {
      self.name = name
      self.uid = uid
      self.gid = gid
    }
  }

  /// Makes a name service, for tests.
  public init(
    userName: @escaping @Sendable (UInt32) -> String?,
    groupNumber: @escaping @Sendable (String) -> UInt32?,
    groups: @escaping @Sendable (String, UInt32) -> Set<UInt32>,
    login: @escaping @Sendable (String) -> Login? = { _ in nil }
  ) {
    self.login = login
    self.userName = userName
    self.groupNumber = groupNumber
    self.groups = groups
  }

  /// The machine's own.
  public static let system = NameService(
    userName: { uid in
      withGrowingBuffer { buffer, count in
        var entry = passwd()
        var found: UnsafeMutablePointer<passwd>?
        let code = getpwuid_r(uid, &entry, buffer, count, &found)
        return (code, found == nil ? nil : String(cString: entry.pw_name))
      }
    },
    groupNumber: { name in
      withGrowingBuffer { buffer, count in
        var entry = group()
        var found: UnsafeMutablePointer<group>?
        let code = getgrnam_r(name, &entry, buffer, count, &found)
        return (code, found == nil ? nil : entry.gr_gid)
      }
    },
    groups: { userName, primary in
      var count: Int32 = 64
      var numbers = [gid_t](repeating: 0, count: Int(count))
      // A login in more groups than there is room for gives -1 and the number needed.
      while getgrouplist(userName, primary, &numbers, &count) < 0 {
        guard Int(count) > numbers.count, count <= 65_536 else { return [primary] }
        numbers = [gid_t](repeating: 0, count: Int(count))
      }
      return Set(numbers.prefix(Int(count)))
    },
    login: { name in
      withGrowingBuffer { buffer, count in
        var entry = passwd()
        var found: UnsafeMutablePointer<passwd>?
        let code = getpwnam_r(name, &entry, buffer, count, &found)
        return (
          code,
          found == nil
            ? nil
            : Login(name: String(cString: entry.pw_name), uid: entry.pw_uid, gid: entry.pw_gid)
        )
      }
    })

  /// Calls a function of the `…_r` kind with more and more room until its entry fits, 1 MiB at most: a
  /// group with thousands of members needs that.
  private static func withGrowingBuffer<Value>(
    _ body: (UnsafeMutablePointer<CChar>, Int) -> (code: Int32, value: Value?)
  ) -> Value? {
    var count = 4096
    while count <= 1024 * 1024 {
      var buffer = [CChar](repeating: 0, count: count)
      let (code, value) = buffer.withUnsafeMutableBufferPointer { room in
        room.baseAddress.map { body($0, room.count) } ?? (ENOMEM, nil)
      }
      if code != ERANGE { return code == 0 ? value : nil }
      count *= 4
    }
    return nil
  }
}
