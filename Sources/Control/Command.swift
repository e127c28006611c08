public import Line

/// What a person or a program may ask of the daemon over the control socket.
///
/// On the wire a command is one flat JSON object whose `command` is the words of the command line:
/// `{"version":1,"command":"line stop","reason":"jam at the gate"}`.
public enum Command: Sendable, Equatable {
  /// Line, batch, stations, alarms, containment at a glance.
  case status
  /// The same, again at every change, until the connection ends; with `details`, the alarms and cases come with it.
  case watch(details: Bool = false)
  /// Loads a batch. The serials travel beside it as a passed file descriptor (SCM_RIGHTS), because the
  /// hardened daemon cannot open an operator's files by name.
  ///
  /// With `printOrder` the serials are printed in the order of the file.
  case batchOpen(id: String, gtin: String, lot: String, expiry: String, printOrder: Bool = false)
  /// Starts a batch; nil: the only one that can be meant.
  case batchStart(id: String?)
  /// Pauses the running batch.
  case batchPause(id: String?)
  /// Closes a batch; `reason` says why one that does not balance is closed all the same.
  case batchClose(id: String?, reason: String? = nil)
  /// The two balances of a batch.
  case batchReconcile(id: String?)
  /// Shows one batch.
  case batchShow(id: String?)
  /// Lists all batches.
  case batchList
  /// Gives the run permit.
  case lineRelease
  /// Takes the run permit.
  case lineStop(reason: String)
  /// Does something with a serial; gtin nil: the only one that has it.
  ///
  /// `scan` is a new read of the pack, for `found`; its GS stand as they are.
  case serial(SerialAct, serial: String, gtin: String?, scan: String?, reason: String)
  /// State and history of one serial; nil: the only GTIN that has it.
  case unit(serial: String, gtin: String?)
  /// Alarms that are not normal.
  case alarms
  /// Acknowledges one occurrence of an alarm.
  case acknowledge(id: String, occurrence: UInt32, comment: String?)
  /// Resets a latched alarm.
  case reset(id: String)
  /// How the alarms were in the last day.
  case alarmMetrics
  /// Puts an alarm aside for so many minutes.
  case shelve(id: String, minutes: UInt32, reason: String)
  /// Ends that before its time.
  case unshelve(id: String)
  /// Takes an alarm out of service until it is put back.
  case alarmOutOfService(id: String, reason: String)
  /// Puts an alarm back into service.
  case alarmInService(id: String)
  /// Starts a challenge test at a station.
  case challengeStart(station: String)
  /// Ends one without a result.
  case challengeCancel(station: String, reason: String)
  /// Asks or does something about containment cases.
  case containment(ContainmentRequest)
  /// Takes the next scan of a scanner that types for the test symbol.
  case scannersTeach(name: String)
  /// Makes a scanner read once, while the line stands.
  case scannersTrigger(name: String)
  /// Scanners and their health.
  case scanners
  /// PLCs and their health.
  case plcs
  /// Both register blocks of every station, read from the PLCs for this.
  case plcRegisters
  /// Checks the whole hash chain.
  case recordsVerify
  /// Copies the records of a batch into the file that travels beside it, which the hardened daemon could not open by name.
  case recordsExport(batch: String)
  /// Gives the line a new signing key; `reason` goes on record.
  case recordsRotateKey(reason: String)
  /// Tells all contacts of containment cases a test.
  case containmentTestAlert
  /// Lists the units that a case affects; with `file` all of them go into the file that travels beside it.
  case containmentUnits(id: String, file: Bool = false)
  /// Makes the evidence bundle of a case, into the file that travels beside it.
  case containmentBundle(id: String)
  /// Puts the records of closed batches into an archive, of all before a batch or of all that can go.
  case recordsArchive(before: String?)

  /// The words of the command line, which are also its name on the wire and in sentences.
  public var words: String {
    if case .serial(let act, _, _, _, _) = self {
      "\(Word.serial.rawValue) \(act.word)"
    } else if case .containment(let request) = self {
      "\(Word.containment.rawValue) \(request.word.rawValue)"
    } else {
      word.rawValue
    }
  }

  /// Whether it only looks: such a command changes nothing and leaves no record.
  public var onlyReads: Bool {
    switch self {
    case .status, .watch, .batchReconcile, .batchShow, .batchList, .unit, .alarms, .alarmMetrics,
      .scanners, .plcs, .plcRegisters, .recordsVerify, .containmentUnits:
      true
    case .containment(let request): request.onlyReads
    case .batchOpen, .batchStart, .batchPause, .batchClose, .lineRelease, .lineStop, .acknowledge,
      .reset, .serial, .recordsExport, .recordsRotateKey, .recordsArchive, .challengeStart,
      .challengeCancel, .scannersTeach, .scannersTrigger, .shelve, .unshelve, .alarmOutOfService,
      .alarmInService, .containmentTestAlert, .containmentBundle:
      false
    }
  }

  /// Whether it takes the run permit, which nothing may hold up.
  public var isStop: Bool {
    if case .lineStop = self { true } else { false }
  }

  /// Whether a file descriptor has to come with it.
  public var needsDescriptor: Bool {
    passed != nil
  }

  /// What the file descriptor is that comes with it; nil: none does.
  public var passed: String? {
    switch self {
    case .batchOpen: "the serials"
    case .recordsExport: "the file for the export"
    case .containmentUnits(_, true): "the file for the units"
    case .containmentBundle: "the file for the bundle"
    default: nil
    }
  }

  /// Whether the daemon writes into the file that comes with it, instead of reading it.
  public var writesDescriptor: Bool {
    switch self {
    case .recordsExport, .containmentUnits, .containmentBundle: true
    default: false
    }
  }

  private enum Word: String, Codable {
    case status
    case watch
    case batchOpen = "batch open"
    case batchStart = "batch start"
    case batchPause = "batch pause"
    case batchClose = "batch close"
    case batchReconcile = "batch reconcile"
    case batchShow = "batch show"
    case batchList = "batch list"
    case lineRelease = "line release"
    case lineStop = "line stop"
    /// The act's word follows.
    case serial
    /// The request's word follows.
    case containment
    case unit
    case alarms
    case acknowledge = "ack"
    case reset
    case alarmMetrics = "alarms metrics"
    case shelve
    case unshelve
    case alarmOutOfService = "alarms out-of-service"
    case alarmInService = "alarms in-service"
    case challengeStart = "challenge start"
    case challengeCancel = "challenge cancel"
    case scannersTeach = "scanners teach"
    case scannersTrigger = "scanners trigger"
    case scanners
    case plcs
    case plcRegisters = "plcs --registers"
    case recordsVerify = "records verify"
    case recordsExport = "records export"
    case recordsRotateKey = "records rotate-key"
    case recordsArchive = "records archive"
    case containmentTestAlert = "containment test-alert"
    case containmentUnits = "containment units"
    case containmentBundle = "containment bundle"
  }

  private var word: Word {
    switch self {
    case .status: .status
    case .watch: .watch
    case .batchOpen: .batchOpen
    case .batchStart: .batchStart
    case .batchPause: .batchPause
    case .batchClose: .batchClose
    case .batchReconcile: .batchReconcile
    case .batchShow: .batchShow
    case .batchList: .batchList
    case .lineRelease: .lineRelease
    case .lineStop: .lineStop
    case .serial: .serial
    case .containment: .containment
    case .unit: .unit
    case .alarms: .alarms
    case .acknowledge: .acknowledge
    case .reset: .reset
    case .alarmMetrics: .alarmMetrics
    case .shelve: .shelve
    case .unshelve: .unshelve
    case .alarmOutOfService: .alarmOutOfService
    case .alarmInService: .alarmInService
    case .challengeStart: .challengeStart
    case .challengeCancel: .challengeCancel
    case .scannersTeach: .scannersTeach
    case .scannersTrigger: .scannersTrigger
    case .scanners: .scanners
    case .plcs: .plcs
    case .plcRegisters: .plcRegisters
    case .recordsVerify: .recordsVerify
    case .recordsExport: .recordsExport
    case .recordsRotateKey: .recordsRotateKey
    case .recordsArchive: .recordsArchive
    case .containmentTestAlert: .containmentTestAlert
    case .containmentUnits: .containmentUnits
    case .containmentBundle: .containmentBundle
    }
  }
}

extension Command: Codable {
  private enum Key: String, CodingKey {
    case command, id, gtin, lot, expiry, reason, serial, scan, occurrence, comment, station,
      details,
      minutes, file
    case printOrder = "print_order"
  }

  /// Makes a command from a request, passing over fields that it does not know.
  public init(from decoder: any Decoder) throws {
    let fields = try decoder.container(keyedBy: Key.self)
    func text(_ key: Key) throws -> String { try fields.decode(String.self, forKey: key) }
    func optionalText(_ key: Key) throws -> String? {
      try fields.decodeIfPresent(String.self, forKey: key)
    }
    func number(_ key: Key) throws -> UInt32 {
      // By way of a wider number, so that one out of range is told from what is no JSON at all.
      guard let number = UInt32(exactly: try fields.decode(Int64.self, forKey: key)) else {
        throw DecodingError.dataCorruptedError(
          forKey: key, in: fields, debugDescription: "out of range")
      }
      return number
    }
    let name = try text(.command)
    if name.hasPrefix("\(Word.serial.rawValue) ") {
      guard let act = SerialAct(word: name.dropFirst(Word.serial.rawValue.utf8.count + 1)) else {
        throw UnknownCommand(name: name)
      }
      self = .serial(
        act, serial: try text(.serial), gtin: try optionalText(.gtin),
        scan: try optionalText(.scan), reason: try text(.reason))
      return
    }
    let prefix = "\(Word.containment.rawValue) "
    if name.hasPrefix(prefix),
      let word = ContainmentRequest.Word(rawValue: String(name.dropFirst(prefix.utf8.count)))
    {
      self = .containment(try ContainmentRequest(word, from: decoder))
      return
    }
    guard let word = Word(rawValue: name) else { throw UnknownCommand(name: name) }
    self =
      switch word {
      case .serial, .containment: throw UnknownCommand(name: name)
      case .status: .status
      case .watch:
        .watch(details: try fields.decodeIfPresent(Bool.self, forKey: .details) ?? false)
      case .batchOpen:
        .batchOpen(
          id: try text(.id), gtin: try text(.gtin), lot: try text(.lot), expiry: try text(.expiry),
          printOrder: try fields.decodeIfPresent(Bool.self, forKey: .printOrder) ?? false)
      case .batchStart: .batchStart(id: try optionalText(.id))
      case .batchPause: .batchPause(id: try optionalText(.id))
      case .batchClose:
        .batchClose(id: try optionalText(.id), reason: try optionalText(.reason))
      case .batchReconcile: .batchReconcile(id: try optionalText(.id))
      case .batchShow: .batchShow(id: try optionalText(.id))
      case .batchList: .batchList
      case .lineRelease: .lineRelease
      case .lineStop: .lineStop(reason: try text(.reason))
      case .unit: .unit(serial: try text(.serial), gtin: try optionalText(.gtin))
      case .alarms: .alarms
      case .acknowledge:
        .acknowledge(
          id: try text(.id), occurrence: try number(.occurrence),
          comment: try optionalText(.comment))
      case .reset: .reset(id: try text(.id))
      case .alarmMetrics: .alarmMetrics
      case .shelve:
        .shelve(
          id: try text(.id), minutes: try number(.minutes), reason: try text(.reason))
      case .unshelve: .unshelve(id: try text(.id))
      case .alarmOutOfService:
        .alarmOutOfService(id: try text(.id), reason: try text(.reason))
      case .alarmInService: .alarmInService(id: try text(.id))
      case .challengeStart: .challengeStart(station: try text(.station))
      case .challengeCancel:
        .challengeCancel(station: try text(.station), reason: try text(.reason))
      case .scannersTeach: .scannersTeach(name: try text(.id))
      case .scannersTrigger: .scannersTrigger(name: try text(.id))
      case .scanners: .scanners
      case .plcs: .plcs
      case .plcRegisters: .plcRegisters
      case .recordsVerify: .recordsVerify
      case .recordsExport: .recordsExport(batch: try text(.id))
      case .recordsRotateKey: .recordsRotateKey(reason: try text(.reason))
      case .recordsArchive: .recordsArchive(before: try optionalText(.id))
      case .containmentTestAlert: .containmentTestAlert
      case .containmentUnits:
        .containmentUnits(
          id: try text(.id), file: try fields.decodeIfPresent(Bool.self, forKey: .file) ?? false)
      case .containmentBundle: .containmentBundle(id: try text(.id))
      }
  }

  /// Writes `command` and the fields that belong to it, into the object that the encoder is at.
  public func encode(to encoder: any Encoder) throws {
    var fields = encoder.container(keyedBy: Key.self)
    try fields.encode(words, forKey: .command)
    switch self {
    case .status, .batchList, .lineRelease, .alarms, .alarmMetrics, .scanners, .plcs,
      .plcRegisters, .recordsVerify, .containmentTestAlert:
      break
    case .containmentUnits(let id, let file):
      try fields.encode(id, forKey: .id)
      if file { try fields.encode(file, forKey: .file) }
    case .watch(let details):
      if details { try fields.encode(details, forKey: .details) }
    case .batchOpen(let id, let gtin, let lot, let expiry, let printOrder):
      try fields.encode(id, forKey: .id)
      try fields.encode(gtin, forKey: .gtin)
      try fields.encode(lot, forKey: .lot)
      try fields.encode(expiry, forKey: .expiry)
      if printOrder { try fields.encode(printOrder, forKey: .printOrder) }
    case .batchStart(let id), .batchPause(let id), .batchReconcile(let id), .batchShow(let id),
      .recordsArchive(let id):
      try fields.encodeIfPresent(id, forKey: .id)
    case .batchClose(let id, let reason):
      try fields.encodeIfPresent(id, forKey: .id)
      try fields.encodeIfPresent(reason, forKey: .reason)
    case .lineStop(let reason), .recordsRotateKey(let reason):
      try fields.encode(reason, forKey: .reason)
    case .serial(_, let serial, let gtin, let scan, let reason):
      try fields.encode(serial, forKey: .serial)
      try fields.encodeIfPresent(gtin, forKey: .gtin)
      try fields.encodeIfPresent(scan, forKey: .scan)
      try fields.encode(reason, forKey: .reason)
    case .unit(let serial, let gtin):
      try fields.encode(serial, forKey: .serial)
      try fields.encodeIfPresent(gtin, forKey: .gtin)
    case .acknowledge(let id, let occurrence, let comment):
      try fields.encode(id, forKey: .id)
      try fields.encode(occurrence, forKey: .occurrence)
      try fields.encodeIfPresent(comment, forKey: .comment)
    case .reset(let id), .recordsExport(let id), .scannersTeach(let id), .unshelve(let id),
      .alarmInService(let id), .scannersTrigger(let id), .containmentBundle(let id):
      try fields.encode(id, forKey: .id)
    case .containment(let request): try request.encode(to: encoder)
    case .shelve(let id, let minutes, let reason):
      try fields.encode(id, forKey: .id)
      try fields.encode(minutes, forKey: .minutes)
      try fields.encode(reason, forKey: .reason)
    case .alarmOutOfService(let id, let reason):
      try fields.encode(id, forKey: .id)
      try fields.encode(reason, forKey: .reason)
    case .challengeStart(let station):
      try fields.encode(station, forKey: .station)
    case .challengeCancel(let station, let reason):
      try fields.encode(station, forKey: .station)
      try fields.encode(reason, forKey: .reason)
    }
  }

  /// A request named a command that this version does not have.
  struct UnknownCommand: Error { var name: String }
}
