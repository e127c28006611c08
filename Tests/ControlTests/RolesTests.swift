import Control
import Daemon
import Line
import Testing

@Suite("Roles")
struct RolesTests {
  /// olga 1001 in lw-operator; mika 1002 with primary group 52, lw-maintenance; sofia 1003 and quinn 1005 named as users.
  static let names = NameService(
    userName: { [1001: "olga", 1002: "mika", 1003: "sofia", 1004: "guest", 1005: "quinn"][$0] },
    groupNumber: { ["lw-operator": 50, "lw-maintenance": 52][$0] },
    groups: { name, primary in name == "olga" ? [primary, 50] : [primary] })

  static func roles() throws -> Roles {
    try Roles(
      [
        .operator: ["group:lw-operator"], .supervisor: ["user:sofia", "group:nobody-has-this"],
        .maintenance: ["group:lw-maintenance"], .quality: ["user:quinn"],
      ], nameService: names)
  }

  static let olga = Peer(uid: 1001, gid: 100, pid: 1, name: "olga")
  static let mika = Peer(uid: 1002, gid: 52, pid: 1, name: "mika")
  static let sofia = Peer(uid: 1003, gid: 100, pid: 1, name: "sofia")
  static let guest = Peer(uid: 1004, gid: 100, pid: 1, name: "guest")
  static let quinn = Peer(uid: 1005, gid: 100, pid: 1, name: "quinn")
  static let nameless = Peer(uid: 4242, gid: 52, pid: 1, name: "uid 4242")
  static let root = Peer(uid: 0, gid: 0, pid: 1, name: "root")

  @Test("roles come from groups, primary or not, and from logins")
  func roles() throws {
    let roles = try Self.roles()
    #expect(roles.roles(of: Self.olga) == [.operator])
    #expect(roles.roles(of: Self.mika) == [.maintenance])
    #expect(roles.roles(of: Self.sofia) == [.supervisor])
    #expect(roles.roles(of: Self.guest) == [])
    #expect(roles.roles(of: Self.nameless) == [.maintenance])
    #expect(roles.roles(of: Self.root) == [])
  }

  @Test("every command is open to exactly the peers it should be", arguments: WireTests.commands)
  func table(command: Command) throws {
    let roles = try Self.roles()
    let peers = [Self.olga, Self.mika, Self.sofia, Self.quinn, Self.guest, Self.root]
    let allowed = peers.filter { roles.refusal(of: command, to: $0) == nil }.map(\.name)
    switch command {
    case .containment(.sign), .containment(.open), .containment(.complete), .containment(.answer),
      .containment(.scan):
      #expect(allowed == ["olga", "mika", "sofia", "quinn", "root"])
    case .containment(.narrow): #expect(allowed == ["quinn", "root"])
    case .containment(.close): #expect(allowed == ["sofia", "quinn", "root"])
    case .containmentTestAlert: #expect(allowed == ["mika", "sofia", "quinn", "root"])
    case .lineStop, .containmentUnits:
      #expect(allowed == ["olga", "mika", "sofia", "quinn", "root"])
    case .reset, .scannersTeach, .scannersTrigger, .alarmOutOfService, .alarmInService:
      #expect(allowed == ["mika", "sofia", "root"])
    case .shelve, .unshelve: #expect(allowed == ["sofia", "quinn", "root"])
    case .batchClose(_, .some): #expect(allowed == ["sofia", "root"])
    case .serial(.sample, _, _, _, _), .serial(.scrap, _, _, _, _),
      .serial(.giveBack, _, _, _, _), .serial(.hold, _, _, _, _):
      #expect(allowed == ["olga", "sofia", "quinn", "root"])
    case .serial, .recordsExport, .recordsRotateKey, .recordsArchive, .containmentBundle:
      #expect(allowed == ["sofia", "quinn", "root"])
    case let command where command.onlyReads: #expect(allowed == peers.map(\.name))
    default: #expect(allowed == ["olga", "sofia", "root"])
    }
  }

  @Test("a refusal names the role that is needed")
  func sentences() throws {
    let roles = try Self.roles()
    #expect(
      roles.refusal(of: .lineRelease, to: Self.mika)
        == .notPermitted(
          "\"line release\" needs the role operator or supervisor; mika has only maintenance."))
    #expect(
      roles.refusal(of: .reset(id: "x"), to: Self.guest)
        == .notPermitted("\"reset\" needs the role supervisor or maintenance; guest has none."))
    #expect(roles.refusal(of: .lineRelease, to: Self.mika)?.exit.rawValue == 77)
  }

  @Test(
    "an entry that names neither user nor group is an error",
    arguments: [
      "olga", "group:", "user:", "", ":", "Group:x", "role:x",
    ])
  func badEntry(entry: String) {
    #expect(throws: Roles.BadEntry(role: .quality, entry: entry)) {
      _ = try Roles([.quality: [entry]], nameService: Self.names)
    }
  }

  @Test(
    "at a login that several people use, all but looking and stopping needs a name",
    arguments: WireTests.commands)
  func shared(command: Command) throws {
    let roles = try Roles(
      [.operator: ["user:olga", "user:quinn"]], shared: ["user:olga", "group:lw-maintenance"],
      nameService: Self.names)
    let refusal = roles.refusal(of: command, to: Self.olga)
    let needed = Roles.needed(for: command)
    if needed == nil || command.isStop {
      #expect(refusal == nil)
    } else {
      #expect(refusal?.exit == .notPermitted)
      #expect(refusal?.message.contains("with lineward --as USER \(command.words)") == true)
    }
    // With a name the roles of that person count, and no others.
    var peer = Self.olga
    peer.person = Person(
      login: "quinn", uid: 1005, gid: 100, printedName: "Quinn",
      roles: roles.roles(uid: 1005, gid: 100))
    #expect(
      (roles.refusal(of: command, to: peer) == nil)
        == (needed.map { $0.contains(.operator) } ?? true))
    #expect(roles.isShared(uid: 1002, gid: 52) && !roles.isShared(uid: 1005, gid: 100))
  }

  @Test("root may order everything, but as a person only what that person may")
  func rootForAPerson() throws {
    var peer = Self.root
    peer.person = Person(
      login: "mika", uid: 1002, gid: 52, printedName: "Mika", roles: [.maintenance])
    #expect(try Self.roles().refusal(of: .reset(id: "x"), to: peer) == nil)
    #expect(
      try Self.roles().refusal(of: .lineRelease, to: peer)?.message.contains(
        "mika has only maintenance") == true)
  }

  @Test("where a release is signed, whoever may sign it gives it")
  func signedRelease() throws {
    let roles = try Roles(
      [.operator: ["user:olga"], .quality: ["user:quinn"]], release: [.quality],
      nameService: Self.names)
    var peer = Self.olga
    peer.person = Person(
      login: "quinn", uid: 1005, gid: 100, printedName: "Quinn", roles: [.quality])
    #expect(roles.refusal(of: .lineRelease, to: peer) == nil)
    #expect(roles.refusal(of: .batchPause(id: nil), to: peer) != nil)
    peer.person?.roles = [.operator]
    #expect(roles.refusal(of: .lineRelease, to: peer) != nil)
  }

  @Test("records name login and terminal, and the person before both")
  func actor() {
    var peer = Peer(uid: 1005, gid: 1, pid: 1, name: "line3")
    #expect(peer.actor == "line3 (1005)")
    peer.terminal = Peer.terminal(claimed: "/dev/pts/3")
    #expect(peer.actor == "line3 (1005) on pts/3")
    peer.person = Person(login: "anna", uid: 1001, gid: 1, printedName: "Anna", roles: [])
    #expect(peer.actor == "anna (1001), by login line3 (1005) on pts/3")
    peer.person?.uid = 1005
    #expect(peer.actor == "line3 (1005) on pts/3")
  }

  @Test(
    "what a client says of its terminal is taken only where it could be one",
    arguments: [
      "", "/dev/", "pts/3", "/dev/pts/3\n", "/dev/a b", "/dev/ä", "/tmp/x",
      "/dev/" + String(repeating: "x", count: 60), "/dev/a)", "/dev/\u{1b}[31m",
    ])
  func badTerminal(path: String) { #expect(Peer.terminal(claimed: path) == nil) }

  @Test("the machine's own name service knows root, and tells who is nobody")
  func system() {
    #expect(NameService.system.userName(0) == "root")
    #expect(NameService.system.login("root") == .init(name: "root", uid: 0, gid: 0))
    #expect(NameService.system.login("no-such-login-here") == nil)
    #expect(NameService.system.groupNumber("root") == 0)
    #expect(NameService.system.groups("root", 0).contains(0))
    #expect(NameService.system.userName(3_999_999_999) == nil)
    #expect(NameService.system.groupNumber("no-such-group-here") == nil)
  }
}
