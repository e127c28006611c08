public import Alarms
public import Containment

/// The daemon's configuration, checked: what it holds can be used as it stands.
public struct Configuration: Sendable, Hashable {
  /// `[line]`.
  public struct Line: Sendable, Hashable {
    /// The line's name.
    public var id: String
  }

  /// `[storage]`.
  public struct Storage: Sendable, Hashable {
    /// The folder of records.
    public var directory: String
    /// Bytes free on its disk below which an alarm is raised.
    public var minFree: Int64
    /// The file that signed heads are appended to.
    public var headsFile: String?
    /// The program that gets signed heads, and its arguments; empty: none.
    public var headsCommand: [String]
    /// File and command take a head within this.
    public var headsTimeout: Duration
  }

  /// `[control]`.
  public struct Control: Sendable, Hashable {
    /// Path of the control socket.
    public var socket: String
    /// Path of the password helper's socket.
    public var authSocket: String
  }

  /// `[web]`: where the web view listens.
  public enum Web: Sendable, Hashable {
    /// On this loopback address in digits, IPv6 without brackets.
    case tcp(address: String, port: UInt16)
    /// On a Unix socket at this path.
    case unix(path: String)
  }

  /// `[roles]`: entries `group:NAME` or `user:NAME`.
  public struct Roles: Sendable, Hashable {
    /// Who runs the line.
    public var `operator`: [String]
    /// Who leads the shift.
    public var supervisor: [String]
    /// Who judges.
    public var quality: [String]
    /// Who repairs.
    public var maintenance: [String]
    /// Logins that several people use.
    public var shared: [String]

    /// The roles by their names.
    static let words = ["operator", "supervisor", "quality", "maintenance"]
  }

  /// `[signatures]`.
  public struct Signatures: Sendable, Hashable {
    /// Whether closing a batch that does not balance needs a supervisor's.
    public var closeUnbalanced: Bool
    /// The roles of which one has to sign each release, by their names in `[roles]`; empty: none.
    public var release: [String]
    /// So many wrong passwords of one login lock it.
    public var tries: Int
    /// For so many minutes, and within so many.
    public var lockMinutes: Int
  }

  /// `[[scanner]]`.
  public struct Scanner: Sendable, Hashable {
    /// How it is connected.
    public enum Transport: Sendable, Hashable {
      /// By the serial line `device`.
      case serial
      /// By HID POS (USB usage page 0x8C), the hidraw node `device`.
      case hid
      /// As a keyboard of this layout, the event node `device`; F8 stands for GS, or is no key of a message.
      case keyboard(layout: KeyboardFile, others: [KeyboardFile], separatorIsF8: Bool)
      /// It listens on this address in digits.
      case client(host: String, port: UInt16)
      /// The daemon listens on this address in digits; `only` may connect, nil: anybody.
      case server(address: String, port: UInt16, only: String?)

      /// The word of the configuration.
      public var word: String {
        switch self {
        case .serial: "serial"
        case .hid: "hid"
        case .keyboard: "keyboard"
        case .client, .server: "tcp"
        }
      }
    }

    /// A command of `setup`, and what its answer begins with; empty: none is awaited.
    public struct Command: Sendable, Hashable {
      /// The command.
      public var send: [UInt8]
      /// What its answer begins with.
      public var answer: [UInt8]
    }

    /// Its name.
    public var name: String
    /// The name or path of its profile; empty: none.
    public var profile = ""
    /// How it is connected.
    public var transport = Transport.serial
    /// Its device; nil where it has none.
    public var device: Device?
    /// Bits a second.
    public var baud: Int
    /// 7 or 8.
    public var dataBits = 8
    /// `none`, `odd` or `even`.
    public var parity = "none"
    /// 1 or 2.
    public var stopBits = 1
    /// What stands before each message.
    public var prefix: [UInt8]
    /// What ends each message; empty: a pause of `gap`.
    public var suffix: [UInt8]
    /// A pause within a message that voids or ends it; nil: none does.
    public var gap: Duration?
    /// The longest message in bytes.
    public var messageMax = 1024
    /// Its own no-read texts.
    public var noReads: [[UInt8]]
    /// The AIM identifier each read begins with; empty: any.
    public var requireSymbology: [UInt8]
    /// What stands between data and grade; empty: no grade.
    public var gradeSeparator: [UInt8]
    /// What stands between several codes in one message; empty: nothing of its own.
    public var codeSeparator: [UInt8] = []
    /// What answers to commands begin with.
    public var answers: [[UInt8]] = []
    /// What a heartbeat begins with; empty: it sends none.
    public var heartbeat: [UInt8] = []
    /// So long without any message, and it is lost; with `heartbeat` only.
    public var heartbeatWithin = Duration.milliseconds(10_000)
    /// Sent each time that it was opened.
    public var setup: [Command] = []
    /// Each answer comes within this.
    public var setupTimeout = Duration.milliseconds(2000)
    /// Makes it read; empty: nothing does, or its reports say.
    public var triggerOn: [UInt8] = []
    /// Ends a read; empty: it ends by itself.
    public var triggerOff: [UInt8] = []
    /// Whether it is triggered when it is set up, for as long as it is open.
    public var triggersAtOpening = false

    /// How its device is named.
    public enum Device: Sendable, Hashable {
      /// A path.
      case path(String)
      /// What the device has to be.
      case match(Match)
    }

    /// `match`: what the device has to be; at least one field is there.
    public struct Match: Sendable, Hashable {
      /// USB vendor, four hex digits in lower case.
      public var vendor: String?
      /// Product, four hex digits in lower case; never without vendor.
      public var product: String?
      /// Serial number, exact to the case.
      public var serial: String?
      /// The port it is plugged into.
      public var port: String?
    }
  }

  /// `[[plc]]`.
  public struct PLC: Sendable, Hashable {
    /// Its name.
    public var name: String
    /// What carries the telegrams.
    public var transport: Transport
    /// Modbus unit identifier.
    public var unitID: UInt8
    /// Time between two polls.
    public var poll: Duration
    /// Longest time between two host heartbeats.
    public var heartbeat: Duration
    /// Longest time of one telegram.
    public var timeout: Duration
    /// PLC heartbeat unchanged for this long: link lost.
    public var lost: Duration
    /// `none`, `isa-tr88` or `opc-tmc`.
    public var packML: String

    /// What carries the telegrams.
    public enum Transport: Sendable, Hashable {
      /// Address or name, and port.
      case tcp(host: String, port: UInt16)
      /// A serial port.
      case rtu(Serial)
    }

    /// The serial port of a bus.
    public struct Serial: Sendable, Hashable {
      /// Path of the port.
      public var device: String
      /// Bits a second.
      public var baud: Int
      /// `even`, `odd` or `none`.
      public var parity: String
      /// 1 or 2.
      public var stopBits: Int
      /// `adapter`, `rts_high` or `rts_low`.
      public var rs485: String
      /// How long RTS stands before the first bit.
      public var rtsBefore: Duration
      /// How long RTS stands after the last bit.
      public var rtsAfter: Duration
      /// Longest pause within an answer; zero: none of its own.
      public var byteTimeout: Duration
      /// Silence before each request; zero: as the standard has it.
      public var silence: Duration
      /// Whether what is sent comes back.
      public var echoes: Bool

      /// The time that the longest request and its answer take on the line.
      public var longestTelegram: Duration {
        // A request of 8 bytes and an answer of 255, or the other way round; 11 bits each.
        .microseconds(263 * 11 * 1_000_000 / baud)
      }
    }

    /// Where it is, as a person would name it.
    public var address: String {
      switch transport {
      case .tcp(let host, let port): "\(host):\(port)"
      case .rtu(let serial): "\(serial.device) unit \(unitID)"
      }
    }
  }

  /// `[second_stop]`.
  public struct SecondStop: Sendable, Hashable {
    /// What is done.
    public enum Way: Sendable, Hashable {
      /// A coil of the PLC with this index in `plcs` is written.
      case coil(plc: Int, address: UInt16, value: Bool)
      /// A program, by its absolute path, is run with these arguments.
      case command([String])
    }

    /// What is done.
    public var way: Way
    /// Within this.
    public var timeout: Duration
  }

  /// `[[station]]`.
  public struct Station: Sendable, Hashable {
    /// Its name.
    public var name: String
    /// Indices of its scanners in `scanners`.
    public var scanners: [Int]
    /// Index of its PLC in `plcs`.
    public var plc: Int
    /// First register of the host block.
    public var hostBase: Int
    /// First register of the PLC block.
    public var plcBase: Int
    /// Ring slots in each direction.
    public var slots: Int
    /// Whether messages are matched to triggers.
    public var tracksTriggers: Bool
    /// A trigger's message comes within this.
    public var readTimeout: Duration
    /// A message may come this long before its trigger is seen.
    public var earlyRead: Duration
    /// Quiet for this long: in step again.
    public var quiet: Duration
    /// Whether a trigger without a message puts tracking in doubt.
    public var silentIsDoubt: Bool
    /// An accept leaves within this after its trigger, or not at all; nil: however late.
    public var verdictDeadline: Duration?
    /// Whether the PLC reports gate outcomes.
    public var gateOutcomes: Bool
  }

  /// `[print_feed]`.
  public struct PrintFeed: Sendable, Hashable {
    /// How serials come.
    public enum Transport: Sendable, Hashable {
      /// A Unix socket at this path.
      case unix(path: String)
      /// A TCP socket on this address in digits.
      case tcp(address: String, port: UInt16)
      /// A serial line, with bits a second.
      case serial(device: String, baud: Int)
    }

    /// How serials come.
    public var transport: Transport
    /// So long without a serial while packs come; zero: for ever.
    public var stall: Duration
    /// So few printed serials before the reader.
    public var lowMark: Int
  }

  /// `[limits]`.
  public struct Limits: Sendable, Hashable {
    /// So many rejects in a row.
    public var consecutiveRejects: Int
    /// So many no-reads in a row.
    public var consecutiveNoReads: Int
    /// So many printed and not read among the last hundred.
    public var printedNotRead: Int
    /// So many reads, since the last release, of a serial that another pack has; 0: no limit.
    public var duplicates: Int
    /// A stop or a release is followed within this.
    public var stopConfirm: Duration
    /// Moving time in which every unit has its outcome.
    public var outcome: Duration
  }

  /// `[challenge]`.
  public struct Challenge: Sendable, Hashable {
    /// The packs of each test, words of `Challenge.words`.
    public var packs: [String]
    /// A station may run so many hours after a passed test; 0: none is needed.
    public var everyHours: Int
    /// Whether each batch start needs one.
    public var afterBatchStart: Bool
    /// What has not come by then is missing.
    public var timeout: Duration

    /// All words for packs.
    public static let words = [
      "no_read", "not_gs1", "wrong_gtin", "wrong_lot", "wrong_expiry", "unknown", "duplicate",
      "low_grade",
    ]
  }

  /// `[line]`.
  public var line: Line
  /// `[storage]`.
  public var storage: Storage
  /// `[control]`.
  public var control: Control
  /// `[web]`; nil: there is no web view.
  public var web: Web?
  /// `[roles]`.
  public var roles: Roles
  /// `[signatures]`.
  public var signatures: Signatures
  /// All `[[scanner]]`.
  public var scanners: [Scanner]
  /// All `[[plc]]`.
  public var plcs: [PLC]
  /// All `[[station]]`.
  public var stations: [Station]
  /// `verification.minimum_grade` in tenths.
  public var minimumGradeTenths: Int
  /// Reads have to follow the print order, at most so far ahead; nil: they come in any order.
  public var orderWindow: Int?
  /// `[print_feed]`; nil: there is none.
  public var printFeed: PrintFeed?
  /// `[limits]`.
  public var limits: Limits
  /// `[challenge]`.
  public var challenge: Challenge
  /// `[second_stop]`; nil: there is none.
  public var secondStop: SecondStop?
  /// `[containment]`.
  public var containment: Containment

  /// `[containment]`.
  public struct Containment: Sendable, Hashable {
    /// Alarms that open a case.
    public var opensOn: [AlarmKind]
    /// What is done in it.
    public var playbook: Playbook

    /// What opens one where nobody says otherwise.
    static let opensOn = AlarmKind.allCases.filter(\.opensContainment).map(\.word)
  }

  /// All `[[contact]]`.
  public var contacts: [Contact] = []
  /// The programs that mails and webhooks go out by.
  public var alerting = Alerting()
  /// The file that it was read from, as it stood.
  public var source = Source()

  /// The most bytes of a configuration file.
  public static let fileLengthMax = 1 << 20
}
