internal import CLinux
internal import Glibc
public import Line
internal import Threads

/// How a scanner frames its messages on a line or socket.
public struct ScannerFraming: Sendable, Hashable {
  /// What stands before each message.
  public var prefix: [UInt8]
  /// What ends each message; empty: a pause of `gap` does.
  public var suffix: [UInt8]
  /// A pause this long within a message voids it, or ends it where there is no suffix; nil: pauses say nothing.
  public var gap: Instant.Span?
  /// The longest message, in bytes.
  public var messageLengthMax: Int

  /// Makes a framing; without a suffix there has to be a gap.
  public init(
    prefix: [UInt8] = [], suffix: [UInt8], gap: Instant.Span? = nil,
    messageLengthMax: Int = Framer.messageLengthMax
  ) {
    precondition(!suffix.isEmpty || gap != nil, "a message has to have an end")
    self.prefix = prefix
    self.suffix = suffix
    self.gap = gap
    self.messageLengthMax = messageLengthMax
  }
}

/// How characters stand on a serial line.
public struct SerialSettings: Sendable, Hashable {
  /// The parity bit.
  public enum Parity: UInt8, Sendable, CaseIterable {
    case none = 0
    case odd = 1
    case even = 2
  }

  /// Bits a second.
  public var baud: Int
  /// 7 or 8.
  public var dataBits: Int
  /// The parity bit.
  public var parity: Parity
  /// 1 or 2.
  public var stopBits: Int

  /// Makes settings.
  public init(baud: Int = 115_200, dataBits: Int = 8, parity: Parity = .none, stopBits: Int = 1) {
    self.baud = baud
    self.dataBits = dataBits
    self.parity = parity
    self.stopBits = stopBits
  }
}

/// What makes a scanner read: bytes on a line or socket, a report with its number in front.
public struct ScannerTrigger: Sendable, Hashable {
  /// Begins a read.
  public var on: [UInt8]
  /// Ends it; empty: it ends by itself.
  public var off: [UInt8]

  /// Makes a trigger.
  public init(on: [UInt8], off: [UInt8] = []) {
    self.on = on
    self.off = off
  }
}

/// What is said between daemon and scanner beside reads.
public struct ScannerTalk: Sendable, Hashable {
  /// A command, and what its answer begins with; empty: none is awaited.
  public struct Command: Sendable, Hashable {
    /// The bytes, with whatever ends a command.
    public var send: [UInt8]
    /// What the answer begins with.
    public var answer: [UInt8]

    /// Makes a command.
    public init(send: [UInt8], answer: [UInt8] = []) {
      self.send = send
      self.answer = answer
    }
  }

  /// The scanner's own no-read texts; they are messages, and here only counted.
  public var noReads: [[UInt8]] = []
  /// What answers to commands begin with; they are no reads.
  public var answers: [[UInt8]] = []
  /// What a heartbeat begins with; empty: there is none.
  public var heartbeat: [UInt8] = []
  /// A scanner of which nothing came for so long is gone; with `heartbeat` only.
  public var silence = Instant.Span.milliseconds(10_000)
  /// Sent in this order each time that the scanner was opened.
  public var setup: [Command] = []
  /// Each answer comes within this.
  public var setupTimeout = Instant.Span.milliseconds(2000)
  /// What triggers it; nil where its device knows by itself, or nothing does.
  public var trigger: ScannerTrigger?
  /// Whether it is triggered as soon as it is set up, for as long as it is open.
  public var triggersAtOpening = false

  /// Nothing is said.
  public init() {}

  /// What a message is.
  public enum Meaning: Sendable, Hashable {
    case read
    case noRead
    case answer
    case heartbeat
  }

  /// What a message without its framing is.
  public func meaning(of message: UnsafeRawBufferPointer) -> Meaning {
    func begins(_ beginning: [UInt8]) -> Bool {
      message.count >= beginning.count
        && beginning.indices.allSatisfy { message[$0] == beginning[$0] }
    }
    if !heartbeat.isEmpty, begins(heartbeat) { return .heartbeat }
    for answer in answers where begins(answer) { return .answer }
    if message.isEmpty { return .noRead }
    for text in noReads where text.count == message.count && begins(text) { return .noRead }
    return .read
  }
}

/// A device that was opened.
public struct OpenedDevice: Sendable {
  /// Does not block.
  public var descriptor: Int32
  /// What takes messages out of what it delivers, where that is known only now; nil: the scanner's own.
  public var decoder: (any ScannerDecoder)?

  /// Names what was opened.
  public init(descriptor: Int32, decoder: (any ScannerDecoder)? = nil) {
    self.descriptor = descriptor
    self.decoder = decoder
  }
}

/// Why a device was not opened.
public struct OpeningProblem: Error, Sendable, Hashable {
  /// A sentence that names the device.
  public var sentence: String

  /// Says why.
  public init(_ sentence: String) { self.sentence = sentence }
}

/// How a scanner is reached.
public enum ScannerWay: Sendable {
  /// A device of this transport, named by its path or by what it has to be; `open` takes the path and never waits.
  case device(
    DeviceTransport, WantedDevice.Way,
    open: @Sendable (_ path: String) throws(OpeningProblem) -> OpenedDevice)
  /// The scanner listens on this address in digits. A name would make the line depend on a name server, and looking it up
  /// can wait for long.
  case client(host: String, port: UInt16)
  /// The daemon listens on this address in digits; `only` is the one address that may connect, nil any.
  case server(address: String, port: UInt16, only: String?)

  /// A serial line.
  public static func serial(_ path: String, _ settings: SerialSettings) -> ScannerWay {
    .serial(.path(path), settings)
  }

  /// A serial line, by its path or by what it has to be.
  public static func serial(_ device: WantedDevice.Way, _ settings: SerialSettings) -> ScannerWay {
    .device(.serial, device) { path throws(OpeningProblem) in
      var character = clinux_tty_character(
        baud: UInt32(settings.baud), data_bits: UInt8(settings.dataBits),
        parity: settings.parity.rawValue, stop_bits: UInt8(settings.stopBits), marks: 1)
      let descriptor = clinux_tty_open_with(path, &character)
      guard descriptor >= 0 else {
        throw OpeningProblem("\(path) cannot be opened: \(ScannerBank.words(-descriptor))")
      }
      return OpenedDevice(descriptor: descriptor)
    }
  }

  /// A HID POS scanner (USB usage page 0x8C).
  public static func hid(_ device: WantedDevice.Way) -> ScannerWay {
    .device(.hid, device) { path throws(OpeningProblem) in
      do throws(HIDOpening.Problem) {
        let opened = try HIDOpening.scanner(path)
        return OpenedDevice(
          descriptor: opened.descriptor, decoder: ReportDecoder(opened.decoder))
      } catch {
        throw OpeningProblem(error.description)
      }
    }
  }

  /// A scanner that types like a keyboard.
  public static func keyboard(
    _ device: WantedDevice.Way, suffix: KeyboardDecoder.Suffix, separatorIsF8: Bool, wedge: Wedge
  ) -> ScannerWay {
    .device(.keyboard, device) { path throws(OpeningProblem) in
      do throws(HIDOpening.Problem) {
        let opened = try HIDOpening.keyboard(
          path, layout: wedge.layout, suffix: suffix, separatorIsF8: separatorIsF8, now: .now)
        return OpenedDevice(
          descriptor: opened.descriptor,
          decoder: KeyDecoder(
            opened.decoder, device: HIDOpening.identity(ofKeyboard: path), wedge: wedge
          ) { [descriptor = opened.descriptor] in clinux_evdev_lights(descriptor) })
      } catch {
        throw OpeningProblem(error.description)
      }
    }
  }

  /// The path, or the address with its port, as a person would name it.
  public var place: String {
    switch self {
    case .device(_, .path(let path), _): path
    case .device(_, .match(let match), _): match.phrase
    case .client(let host, let port), .server(let host, let port, _):
      host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]:\(port)" : "\(host):\(port)"
    }
  }
}
