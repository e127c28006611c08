internal import Glibc
/// Why a file of serials was refused, all of it: which line, what is wrong, what to do.
public struct ImportProblem: Error, Sendable, Hashable, CustomStringConvertible {
  /// What is wrong.
  public enum Reason: Sendable, Hashable {
    /// A directory, pipe or device.
    case notARegularFile
    /// Not one serial.
    case noSerials
    /// More serials than a batch may have.
    case tooMany(max: Int)
    /// A line without a serial.
    case emptyLine
    /// A line that ends as on Windows.
    case carriageReturn
    /// A NUL byte.
    case zeroByte
    /// A byte outside of GS1's character set 82.
    case badCharacter(UInt8)
    /// More than 20 characters.
    case tooLong
    /// The same serial as on an earlier line.
    case repeated(serial: String, firstLine: Int)
    /// A serial that another batch of the same GTIN has already.
    case known(serial: String, batch: String)
    /// The file could not be read.
    case unreadable(Int32)
    /// The serials of an earlier batch could not be read, so that nobody can say whether they are known.
    case earlierUnreadable(batch: String, String)
    /// A serial file of this number is there already.
    case numberTaken
    /// Nobody waits for the batch any more.
    case abandoned
    /// The serials could not be stored.
    case storage(StorageFault)
  }

  /// What is wrong.
  public var reason: Reason
  /// The first line that it is about, 1 and up; nil when it is about the whole file.
  public var line: Int?

  /// Makes a problem.
  public init(_ reason: Reason, line: Int? = nil) {
    self.reason = reason
    self.line = line
  }

  /// Whether the storage is to blame and not the file.
  public var isOfStorage: Bool {
    switch reason {
    case .storage, .earlierUnreadable, .numberTaken: true
    default: false
    }
  }

  /// One or two sentences for the person who gave the file.
  public var message: String {
    let place = line.map { "Line \($0) of the serial file: " } ?? "The serial file: "
    let what: String
    switch reason {
    case .notARegularFile: what = "it is no regular file. Give a plain file with one serial a line."
    case .noSerials: what = "it has no serials. Give a file with one serial a line."
    case .tooMany(let max): what = "more than \(max) serials. Open the rest as another batch."
    case .emptyLine: what = "the line is empty. Every line has to hold one serial."
    case .carriageReturn:
      what = "it ends with a carriage return (CR LF). Convert the file to Unix line ends."
    case .zeroByte: what = "it holds a NUL byte. The file is no plain text in ASCII."
    case .badCharacter(let byte):
      what =
        "\(ImportProblem.name(byte)) is no character of GS1's set 82, which serials are made of."
    case .tooLong: what = "the serial has more than 20 characters, the most that a serial may have."
    case .repeated(let serial, let first):
      what = "the serial \(serial) stands on line \(first) already. Each serial may be there once."
    case .known(let serial, let batch):
      what = "the serial \(serial) belongs to batch \(batch) of the same GTIN already."
    case .unreadable(let number):
      what = "it could not be read: \(String(cString: strerror(number)))."
    case .earlierUnreadable(let batch, let sentence):
      what =
        "the serials of batch \(batch) of the same GTIN cannot be read, so nobody can say whether these are new. "
        + sentence
    case .numberTaken:
      what = "a serial file of this batch's number lies in the storage already. Restart the daemon."
    case .abandoned:
      return "The import was abandoned: whoever asked for it has gone. No batch was opened."
    case .storage(let fault): return "The serials could not be stored. \(fault.message)"
    }
    return place + what
  }

  /// The message.
  public var description: String { message }

  private static func name(_ byte: UInt8) -> String {
    let code = "0x" + Hexadecimal.text(CollectionOfOne(byte)).uppercased()
    switch byte {
    case 0x20: return "a blank"
    case 0x09: return "a tab"
    case 0xEF:
      return "the byte \(code) (the file may begin with a byte order mark, or not be ASCII)"
    case 0x21...0x7E: return "'\(Character(Unicode.Scalar(byte)))'"
    default: return "the byte \(code)"
    }
  }
}
